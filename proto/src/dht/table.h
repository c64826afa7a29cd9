/* SPDX-License-Identifier: MIT */
/* The Kademlia routing table: 256 buckets of at most k contacts, all of which have answered.
 * Spec: spec/dht.md. */
#ifndef VX6_TABLE_H
#define VX6_TABLE_H

#include "idle.h"
#include "intern.h"
#include "vx6/node.h"

struct contact {
    uint8_t failures : 5; /* queries lost in a row */
    bool restored : 1;    /* came from an earlier run and has not answered yet */
    bool crowded : 1;     /* when it came, there were enough from around it */
    bool urgent : 1;      /* has failed, or somebody would take its place: is to be asked */
};

enum {
    TABLE_VECTOR = 24,  /* contacts that are looked at at once: those of a bucket, or more */
    TABLE_BUCKETS = 32, /* a table may have more, but only one that somebody made keys for */
    STANDING_SCOPE = 7, /* enum addr_scope of the contact's address; and */
    STANDING_SOUND = 8  /* no query to it was lost since it answered */
};

/* By bucket, the far half of the ID space first. What there is of a contact stands in arrays, since
 * most of it is read of many at once. Peers lie far away in memory. */
struct table {
    struct idle idle;
    struct peer **peers;      /* and behind them, in the same block, table_seen_ms() and so on */
    struct contact *contacts; /* at the end of it */
    uint32_t count, capacity;
    uint32_t depth; /* of the deepest bucket that holds a contact, plus one */
    /* Buckets from this one on, which hold few, are looked at all at once; index of their first. */
    uint16_t deepest, deepest_begin;
    /* How fast contacts go away: their silence before they answered or were found gone, summed. */
    uint32_t gone_count;
    uint64_t silence_ms;
    uint8_t *many_buckets; /* contacts of all 256 buckets; NULL while there are only these: */
    uint8_t few_buckets[TABLE_BUCKETS];
};

/* Contacts by bucket, of as many as are below table.depth. */
static inline uint8_t *table_buckets(struct table *table)
{
    return table->many_buckets ? table->many_buckets : table->few_buckets;
}

static inline const uint8_t *table_bucket_counts(const struct table *table)
{
    return table->many_buckets ? table->many_buckets : table->few_buckets;
}

static inline uint32_t table_bucket_count(const struct table *table, uint32_t bucket)
{
    return bucket < table->depth ? table_bucket_counts(table)[bucket] : 0;
}

/* When contacts last answered, in ms since the node began; wraps. */
static inline uint32_t *table_seen_ms(const struct table *table)
{
    return (uint32_t *)(table->peers + table->capacity);
}

/* id_bits() of the node IDs: what tells contacts apart. */
static inline uint16_t *table_bits(const struct table *table)
{
    return (uint16_t *)(table_seen_ms(table) + table->capacity);
}

/* As many first bits of its contacts' IDs agree. */
static inline uint32_t table_shared(const struct table *table, uint32_t bucket)
{
    return bucket < table->deepest ? bucket + 1 : table->deepest;
}

/* The 16 bits behind so many; where the ID ends, 16 of its last. */
static inline uint16_t id_bits(const uint8_t id[32], uint32_t shared)
{
    const uint32_t at = shared < 224 ? shared : 224;
    return (uint16_t)(load_u32(id + at / 8) << at % 8 >> 16);
}

/* diversity_provider() of the addresses. */
static inline uint16_t *table_providers(const struct table *table)
{
    return table_bits(table) + table->capacity;
}

/* When contacts were last asked whether they live, in s; wraps. */
static inline uint16_t *table_asked_s(const struct table *table)
{
    return table_providers(table) + table->capacity;
}

/* Who may be named. */
static inline uint8_t *table_standings(const struct table *table)
{
    return (uint8_t *)(table_asked_s(table) + table->capacity);
}

/* In which the widest items come first. */
enum {
    TABLE_CONTACT_SIZE = sizeof(struct peer *) + sizeof(uint32_t) + 3 * sizeof(uint16_t) +
                         sizeof(uint8_t) + sizeof(struct contact)
};

/* Sets the arrays in a block of so many times TABLE_CONTACT_SIZE. */
void table_lay_out(struct table *table, void *block, uint32_t capacity);

static inline struct peer *table_peer(const struct table *table, const struct contact *contact)
{
    return table->peers[contact - table->contacts];
}

/* The peer has answered and may be entered: it enters, is refreshed, or is refused because its
 * bucket is full. A peer of another address takes the place of an earlier one of the same key. */
bool table_seen(struct vx6_node *node, struct peer *peer);
void table_answered(struct vx6_node *node, struct contact *contact); /* the same, of who is in it */
void table_restore(struct vx6_node *node, struct peer *peer);
void table_failed(struct vx6_node *node, struct peer *peer); /* a query was lost */
/* Would this newcomer find room? If not, the contact of its bucket that has been silent for longest
 * is asked soon whether it lives. */
bool table_offer(struct vx6_node *node, const struct peer *peer);
/* The contacts closest to `target`, closest first, without those that failed unless all did;
 * returns how many. No references are taken. */
uint32_t table_closest(
    const struct vx6_node *node, const uint8_t target[32], struct peer **peers, uint32_t count);
/* The same of the contacts that may be named to `asker`. */
uint32_t table_closest_for(const struct vx6_node *node, const vx6_addr *asker,
    const uint8_t target[32], struct peer **peers, uint32_t count);
/* Would table_closest() find this peer? */
bool table_is_among_closest(
    const struct vx6_node *node, const uint8_t target[32], const struct peer *peer, uint32_t count);
/* Are fewer than `count` of these contacts closer to `target` than the node itself? The one at
 * the address `without` does not count; NULL: all do. */
bool table_is_own_share(
    const struct vx6_node *node, const uint8_t target[32], const vx6_addr *without, uint32_t count);
struct contact *table_find(const struct vx6_node *node, const uint8_t id[32]);
void table_expect(const struct vx6_node *node, const uint8_t id[32]); /* fetches its bucket */
void table_expect_search(const struct vx6_node *node); /* what table_closest() may look at */
bool table_knows_site(const struct vx6_node *node, const vx6_addr *addr);
/* For how long a contact lives, by what was seen; 0 while little was seen. */
uint64_t table_contact_life_ms(const struct vx6_node *node);
/* For how long a contact may be silent: the faster contacts go away, the shorter. */
uint32_t table_patience_ms(const struct vx6_node *node);
uint32_t table_count_crowded(const struct vx6_node *node);
uint32_t table_bucket_begin(const struct table *table, uint32_t bucket); /* index of its first */
/* Contacts in buckets deeper than this one: closer to the node than any contact in it. */
uint32_t table_count_deeper(const struct vx6_node *node, uint32_t bucket);
size_t table_memory(const struct vx6_node *node); /* bytes of its own */
void table_free(struct vx6_node *node);

/* Compares distances to `target`: < 0 when `a` is closer. */
int distance_compare(const uint8_t target[32], const uint8_t a[32], const uint8_t b[32]);
uint32_t common_prefix(const uint8_t a[32], const uint8_t b[32]); /* bits, 0..256 */

#endif
