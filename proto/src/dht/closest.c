/* SPDX-License-Identifier: MIT */
/* Which contacts are closest to a target: the buckets, in the order in which they lie around it,
 * each sorted by itself as far as is needed. Spec: spec/dht.md, "Table". */
#include "internal.h"
#include "scope.h"

/* Four numbers, with which compilers compute at once. */
typedef int32_t four __attribute__((vector_size(16)));

/* One bucket's contacts as numbers: the distance to the target without its last bits, in place of
 * which stands the index. */
enum {
    INDEX_BITS = 5,
    FOURS = KADEMLIA_K / 4
};
#define SIGN                                                                                       \
    UINT32_C(0x80000000) /* turned over: so numbers without sign compare as those with one */
_Static_assert(KADEMLIA_K <= 1 << INDEX_BITS && FOURS == 5 && KADEMLIA_K % 4 == 0,
    "a bucket is as large as sort_words() takes it to be");

union bucket_words {
    int32_t words[KADEMLIA_K];
    four fours[FOURS];
};

struct search {
    const uint8_t *target;
    struct peer **peers;
    uint32_t count, found;
    enum addr_scope scope_min; /* contacts of a narrower scope are passed over */
    uint8_t failures_max;      /* contacts that failed more often are passed over */
};

/* Where words differ in their index only, whole distances decide: the last word goes where it
 * belongs. */
static void settle(
    const uint8_t target[32], const struct contact *contacts, uint32_t *words, uint32_t last)
{
    const uint32_t mask = (1u << INDEX_BITS) - 1;
    for (; last > 0 && (words[last] ^ words[last - 1]) <= mask; last--) {
        const uint32_t word = words[last], before = words[last - 1];
        if (distance_compare(
                target, contacts[word & mask].peer->id, contacts[before & mask].peer->id) > 0)
            return;
        words[last] = before;
        words[last - 1] = word;
    }
}

/* A word's place is the number of those that are less: each is compared with all others at once, by
 * no branch, which here nobody could foresee. */
static void sort_words(const union bucket_words *bucket, uint32_t count, uint32_t *sorted)
{
    const four *fours = bucket->fours;
    const four a = fours[0], b = fours[1], c = fours[2], d = fours[3], e = fours[4];
    union bucket_words places = {{0}};
    four *at = places.fours;
    for (uint32_t i = 0; i < count; i++) {
        const int32_t word = bucket->words[i];
        const four splat = {word, word, word, word};
        at[0] -= splat < a;
        at[1] -= splat < b;
        at[2] -= splat < c;
        at[3] -= splat < d;
        at[4] -= splat < e;
    }
    for (uint32_t i = 0; i < count; i++)
        sorted[places.words[i]] = (uint32_t)bucket->words[i] ^ SIGN;
}

/* The contacts of a bucket come next, closest first. */
static void search_bucket(struct search *search, const struct contact *contacts, uint32_t count)
{
    const uint32_t to_target = load_u32(search->target) ^ SIGN;
    const uint32_t mask = (1u << INDEX_BITS) - 1;
    const enum addr_scope scope_min = search->scope_min;
    const uint8_t failures_max = search->failures_max;
    union bucket_words bucket = {{0}};
    uint32_t live = 0, sorted[KADEMLIA_K];
    for (uint32_t i = 0; i < count; i++) {
        const struct contact *contact = contacts + i;
        bucket.words[live] = (int32_t)(((contact->prefix ^ to_target) & ~mask) | i);
        live += contact->failures <= failures_max && contact->scope >= scope_min;
    }
    sort_words(&bucket, live, sorted);
    for (uint32_t i = 1; i < live; i++) {
        if ((sorted[i] ^ sorted[i - 1]) <= mask)
            settle(search->target, contacts, sorted, i);
    }
    if (live > search->count - search->found)
        live = search->count - search->found;
    struct peer **peers = search->peers + search->found;
    for (uint32_t i = 0; i < live; i++)
        peers[i] = contacts[sorted[i] & mask].peer;
    search->found += live;
}

static bool bit_differs(const uint8_t a[32], const uint8_t b[32], uint32_t i)
{
    return (a[i / 8] ^ b[i / 8]) & (0x80 >> i % 8);
}

/* Where target and own ID differ in bit i, bucket i lies nearer to the target than all deeper
 * buckets; where they agree it lies farther. So the buckets of differing bits come first, downwards
 * from the top, and then the others, upwards from the deepest. */
static void search_table(const struct vx6_node *node, struct search *search)
{
    const struct table *table = &node->table;
    uint32_t depth = table->depth;
    uint16_t begin[256];
    uint32_t sum = 0;
    search->found = 0;
    for (uint32_t step = 0; step < 2 * depth; step++) {
        bool down = step < depth;
        uint32_t i = down ? step : 2 * depth - 1 - step;
        if (down) {
            begin[i] = (uint16_t)sum;
            sum += table->bucket_count[i];
        }
        if (bit_differs(search->target, node->keys.id, i) != down)
            continue;
        search_bucket(search, table->contacts + begin[i], table->bucket_count[i]);
        if (search->found == search->count)
            break;
    }
}

uint32_t table_closest(
    const struct vx6_node *node, const uint8_t target[32], struct peer **peers, uint32_t count)
{
    return table_closest_for(node, NULL, target, peers, count);
}

/* VX6-DHT-006, VX6-DHT-003 */
uint32_t table_closest_for(const struct vx6_node *node, const vx6_addr *asker,
    const uint8_t target[32], struct peer **peers, uint32_t count)
{
    struct search search;
    search.target = target;
    search.peers = peers;
    search.count = count;
    search.failures_max = 0;
    search.scope_min = asker ? addr_scope(asker) : SCOPE_NONE;
    if (asker && search.scope_min == SCOPE_NONE)
        search.scope_min = SCOPE_LOOPBACK;
    search_table(node, &search);
    if (search.found == 0) {
        search.failures_max = UINT8_MAX;
        search_table(node, &search);
    }
    return search.found;
}

/* Contacts that failed do not count, unless all did. */
static uint8_t failures_allowed(const struct table *table)
{
    for (uint32_t i = 0; i < table->count; i++) {
        if (table->contacts[i].failures == 0)
            return 0;
    }
    return UINT8_MAX;
}

/* Counts up to `max`. */
static uint32_t count_live(
    const struct contact *contact, uint32_t count, uint8_t failures_max, uint32_t max)
{
    uint32_t live = 0;
    for (uint32_t i = 0; i < count && live < max; i++)
        live += contact[i].failures <= failures_max;
    return live;
}

/* Of one bucket. Most contacts differ in their prefix: what else there is of them lies far away. */
static uint32_t count_closer_of(const struct contact *contact, uint32_t count, uint8_t failures_max,
    const uint8_t target[32], const uint8_t id[32])
{
    const uint32_t to_target = load_u32(target), limit = load_u32(id) ^ to_target;
    uint32_t closer = 0;
    for (const struct contact *end = contact + count; contact < end; contact++) {
        const uint32_t distance = contact->prefix ^ to_target;
        if (distance <= limit && contact->failures <= failures_max &&
            (distance < limit || distance_compare(target, contact->peer->id, id) < 0))
            closer++;
    }
    return closer;
}

/* How many contacts are closer to `target` than `id`, which is that of a contact or the node's own;
 * exactly, if fewer than `max`. Only in its own bucket does `id` have to be compared with contacts:
 * a bucket above that is closer to the target as a whole, or farther, and so are all below it
 * together. */
static uint32_t count_closer(
    const struct vx6_node *node, const uint8_t target[32], const uint8_t id[32], uint32_t max)
{
    const struct table *table = &node->table;
    const uint32_t own = common_prefix(node->keys.id, id);
    const uint8_t failures_max = failures_allowed(table);
    const struct contact *contact = table->contacts;
    uint32_t closer = 0, i = 0;
    for (; i < own && i < table->depth && closer < max; contact += table->bucket_count[i++]) {
        if (bit_differs(target, node->keys.id, i))
            closer += count_live(contact, table->bucket_count[i], failures_max, max - closer);
    }
    if (i == table->depth || closer >= max)
        return closer;
    const struct contact *below = contact + table->bucket_count[i];
    const uint32_t deeper = (uint32_t)(table->contacts + table->count - below);
    if (!bit_differs(target, node->keys.id, own))
        closer += count_live(below, deeper, failures_max, max - closer);
    if (closer >= max)
        return closer;
    return closer + count_closer_of(contact, table->bucket_count[i], failures_max, target, id);
}

bool table_is_among_closest(
    const struct vx6_node *node, const uint8_t target[32], const struct peer *peer, uint32_t count)
{
    const struct contact *contact = table_find(node, peer->id);
    return contact && contact->peer == peer &&
           contact->failures <= failures_allowed(&node->table) &&
           count_closer(node, target, peer->id, count) < count;
}

/* Is the contact at this address one of those that are closer than the node itself? */
static bool is_counted_closer(
    const struct vx6_node *node, const uint8_t target[32], const vx6_addr *addr)
{
    const struct table *table = &node->table;
    const uint16_t provider = diversity_provider(addr);
    const uint8_t failures_max = failures_allowed(table);
    for (uint32_t i = 0; i < table->count; i++) {
        const struct contact *contact = &table->contacts[i];
        if (contact->provider == provider && contact->failures <= failures_max &&
            addr_equal(&contact->peer->addr, addr))
            return distance_compare(target, contact->peer->id, node->keys.id) < 0;
    }
    return false;
}

bool table_is_own_share(
    const struct vx6_node *node, const uint8_t target[32], const vx6_addr *without, uint32_t count)
{
    const uint32_t closer = count_closer(node, target, node->keys.id, count + 1);
    return closer < count ||
           (closer == count && without && is_counted_closer(node, target, without));
}
