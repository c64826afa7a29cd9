/* SPDX-License-Identifier: MIT */
/* Whom a lookup may ask, closest first: heard of from the own table or from others, each once.
 * Spec: spec/dht.md, "Lookup", "Disjoint paths". */
#ifndef VX6_SHORTLIST_H
#define VX6_SHORTLIST_H

#include "internal.h"

enum {
    LISTED_MAX = 96, /* candidates, with those that are lost, so that nobody is asked twice */
    CHAINS = 64      /* by which they are found: most hints name somebody known */
};

enum candidate_state {
    CANDIDATE_NEW,
    CANDIDATE_ASKED, /* counts against alpha */
    CANDIDATE_SLOW,  /* asked, but does so no longer */
    CANDIDATE_ANSWERED,
    CANDIDATE_LOST
};

/* What is read of all of them again and again. */
struct candidate {
    struct peer *peer;
    uint32_t distance; /* its first 4 bytes */
    uint32_t tag;      /* first bytes of the key */
    uint8_t next;      /* in its chain, or of those that are free: its place + 1; 0: none */
    uint8_t depth;     /* own table = 1, else one more than the node that named it first */
    uint8_t index;     /* of the bundle asked for */
    uint8_t state;     /* enum candidate_state */
    uint8_t path;      /* that asked it; as long as none has: that heard of it first */
    uint8_t paths;     /* a bit for each that has heard of it */
    uint8_t site;      /* a hash of it: peers lie far away in memory */
    uint8_t asked;     /* its place among those that were asked + 1; 0: it was not */
};

/* What there is of those that were asked, in the order in which they were. */
struct asked {
    vx6_ns at;
    uint8_t token[16]; /* of the answer */
};

struct path {
    uint8_t active;  /* its queries that count against alpha */
    uint8_t untried; /* its candidates that are the word of one path only */
};

struct shortlist {
    uint8_t target[32];
    uint32_t active_count; /* of all paths */
    uint32_t path_count;
    struct path paths[KADEMLIA_D];
    uint32_t count, count_lost, capacity;
    uint32_t asked_count, asked_capacity;
    struct candidate *candidates; /* each stays in its place */
    struct asked *asked;
    uint8_t free;               /* a place + 1; 0: none among those used so far */
    uint8_t chains[CHAINS];     /* by tag: the first place + 1 */
    uint8_t order[LISTED_MAX];  /* places, closest first */
    uint8_t active[LISTED_MAX]; /* of those that count against alpha, longest asked first */
};

static inline struct candidate *shortlist_nth(const struct shortlist *list, uint32_t index)
{
    return &list->candidates[list->order[index]];
}

static inline struct asked *shortlist_asked(
    const struct shortlist *list, const struct candidate *candidate)
{
    return &list->asked[candidate->asked - 1];
}

/* The one that counts against alpha for longest; NULL: none does. */
static inline struct candidate *shortlist_active(const struct shortlist *list)
{
    return list->active_count > 0 ? &list->candidates[list->active[0]] : NULL;
}

static inline uint8_t shortlist_site(const vx6_addr *addr)
{
    return (uint8_t)(addr_site(addr) * UINT64_C(0x9e3779b97f4a7c15) >> 56);
}

/* Takes over the reference. A node is on the list once, under the address heard first. */
void shortlist_add(
    struct vx6_node *node, struct shortlist *list, struct peer *peer, uint8_t path, uint8_t depth);
struct candidate *shortlist_find(const struct shortlist *list, const uint8_t key[32]);
/* Where on the list this key may be, and fetches what has to be read of it; 0: it is not there. */
uint8_t shortlist_expect(const struct shortlist *list, const uint8_t key[32]);
/* The same as shortlist_find() once shortlist_expect() has said where, even if others have come or
 * gone since. */
struct candidate *shortlist_find_at(
    const struct shortlist *list, uint8_t place, const uint8_t key[32]);
/* It is about to be asked. False: no memory, and nothing has changed. */
VX6_MUST_CHECK bool shortlist_ask(
    struct vx6_node *node, struct shortlist *list, struct candidate *candidate);
void shortlist_expect_asked(const struct shortlist *list); /* fetches those asked last */
void shortlist_free(struct vx6_node *node, struct shortlist *list);
void candidate_settle(
    struct shortlist *list, struct candidate *candidate, enum candidate_state state);
/* Another path has heard of it. */
void candidate_heard_again(struct shortlist *list, struct candidate *candidate, uint8_t path);

#endif
