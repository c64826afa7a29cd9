/* SPDX-License-Identifier: MIT */
/* Which contacts are closest to a target: the buckets, in the order in which they lie around it,
 * each sorted by itself as far as is needed. Spec: spec/dht.md, "Table". */
#include "internal.h"
#include "scope.h"

/* Eight numbers, with which compilers compute at once. */
typedef int16_t eight __attribute__((vector_size(16)));

/* Contacts that are sorted together: those of a bucket, or all of the deepest buckets, which hold
 * few. */
enum {
    EIGHTS = 3,
    SORTED_MAX = 8 * EIGHTS
};
_Static_assert((int)KADEMLIA_K <= (int)SORTED_MAX, "a bucket is sorted at once");

union numbers {
    int16_t numbers[SORTED_MAX];
    eight eights[EIGHTS];
};

struct search {
    const uint8_t *target;
    struct peer **peers;
    uint32_t count, found;
    enum addr_scope scope_min; /* contacts of a narrower scope are passed over */
    uint8_t failures_max;      /* contacts that failed more often are passed over */
};

/* A number's place is the count of those that are less: each is compared with all others at once,
 * by no branch, which here nobody could foresee. */
static void count_less(const union numbers *distances, uint32_t count, union numbers *places)
{
    const eight a = distances->eights[0], b = distances->eights[1], c = distances->eights[2];
    eight in_a = {0}, in_b = {0}, in_c = {0};
    for (uint32_t i = 0; i < count; i++) {
        const eight distance = distances->numbers[i] - (eight){0};
        in_a -= distance < a;
        in_b -= distance < b;
        in_c -= distance < c;
    }
    *places = (union numbers){.eights = {in_a, in_b, in_c}};
}

/* Equal numbers have got the same place: whole distances decide between them. */
static void settle(const uint8_t target[32], struct peer *const *peers,
    const union numbers *distances, uint32_t count, union numbers *places)
{
    for (uint32_t i = 1; i < count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (distances->numbers[i] != distances->numbers[j])
                continue;
            bool is_closer = distance_compare(target, peers[i]->id, peers[j]->id) < 0;
            places->numbers[is_closer ? j : i]++;
        }
    }
}

/* Returns a bit for each place that is taken. */
static uint32_t put_in_place(
    const struct search *search, struct peer **peers, uint32_t count, const union numbers *places)
{
    struct peer **found = search->peers + search->found;
    const uint32_t room = search->count - search->found;
    uint32_t taken = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t place = (uint16_t)places->numbers[i];
        taken |= UINT32_C(1) << place;
        if (place < room)
            found[place] = peers[i];
    }
    return taken;
}

/* The contacts of one or more buckets come next, closest first. Their distances to the target, all
 * of which agree in the first `shared` bits, are compared by what follows those. */
static void search_buckets(
    struct search *search, const struct contact *contacts, uint32_t count, uint32_t shared)
{
    const uint32_t shift = shared < 16 ? shared : 16;
    /* The first bit is turned over: so numbers with a sign compare as those without one. */
    const uint32_t to_target = load_u32(search->target) ^ UINT32_C(0x80000000) >> shift;
    const enum addr_scope scope_min = search->scope_min;
    const uint8_t failures_max = search->failures_max;
    union numbers distances = {{0}}, places;
    struct peer *peers[SORTED_MAX];
    uint32_t live = 0;
    for (const struct contact *end = contacts + count; contacts < end; contacts++) {
        distances.numbers[live] = (int16_t)((contacts->prefix ^ to_target) << shift >> 16);
        peers[live] = contacts->peer;
        __builtin_prefetch(contacts->peer, 0, 2); /* what is told of it lies far away */
        live += contacts->failures <= failures_max && contacts->scope >= scope_min;
    }
    count_less(&distances, live, &places);
    if (put_in_place(search, peers, live, &places) != (UINT32_C(1) << live) - 1) {
        settle(search->target, peers, &distances, live, &places);
        (void)put_in_place(search, peers, live, &places);
    }
    const uint32_t room = search->count - search->found;
    search->found += live < room ? live : room;
}

static bool bit_differs(const uint8_t a[32], const uint8_t b[32], uint32_t i)
{
    return (a[i / 8] ^ b[i / 8]) & (0x80 >> i % 8);
}

/* Where target and own ID differ in bit i, bucket i lies nearer to the target than all deeper
 * buckets; where they agree it lies farther. So the buckets of differing bits come first, downwards
 * from the top, then the deepest, all at once, and then the others, upwards. */
static void search_table(const struct vx6_node *node, struct search *search)
{
    const struct table *table = &node->table;
    const uint8_t *own = node->keys.id, *count = table->bucket_count;
    uint32_t deepest = table->depth, begin = table->count;
    search->found = 0;
    if (table->count == 0)
        return; /* it may have no memory */
    while (deepest > 0 && table->count - begin + count[deepest - 1] <= SORTED_MAX)
        begin -= count[--deepest];
    uint32_t i = common_prefix(search->target, own);
    const struct contact *contact = table->contacts + table_bucket_begin(table, i);
    for (; i < deepest; contact += count[i++]) {
        if (!bit_differs(search->target, own, i))
            continue;
        search_buckets(search, contact, count[i], i + 1);
        if (search->found == search->count)
            return;
    }
    contact = table->contacts + begin;
    search_buckets(search, contact, table->count - begin, deepest);
    for (i = deepest; i-- > 0 && search->found < search->count;) {
        contact -= count[i];
        if (!bit_differs(search->target, own, i))
            search_buckets(search, contact, count[i], i + 1);
    }
}

/* The target's bucket and, where that does not suffice, the deeper ones, which stand behind it. */
void table_expect_search(const struct vx6_node *node, const uint8_t target[32])
{
    const struct table *table = &node->table;
    if (table->count == 0)
        return;
    const uint32_t bucket = common_prefix(target, node->keys.id);
    const bool suffices = bucket < table->depth && table->bucket_count[bucket] == KADEMLIA_K;
    const uint32_t begin = table_bucket_begin(table, bucket), behind = table->count - begin;
    const struct contact *contacts = table->contacts + begin;
    if (suffices)
        prefetch(contacts, KADEMLIA_K * sizeof *contacts);
    else
        prefetch(contacts, (behind < 2 * KADEMLIA_K ? behind : 2 * KADEMLIA_K) * sizeof *contacts);
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
