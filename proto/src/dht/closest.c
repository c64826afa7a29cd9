/* SPDX-License-Identifier: MIT */
/* Which contacts are closest to a target: the buckets, in the order in which they lie around it,
 * each sorted by itself as far as is needed. Spec: spec/dht.md, "Table". */
#include "internal.h"
#include "scope.h"

/* Eight numbers, with which compilers compute at once. */
typedef int16_t eight __attribute__((vector_size(16)));

/* Contacts that are sorted together are those of a bucket, or all of the deepest buckets, which
 * hold few. */
enum {
    EIGHTS = TABLE_VECTOR / 8,
    NOWHERE = 1 << 14 /* the place of who is passed over; the sum of all other places is less */
};
_Static_assert((int)KADEMLIA_K <= (int)TABLE_VECTOR, "a bucket is sorted at once");

union numbers {
    int16_t numbers[TABLE_VECTOR];
    eight eights[EIGHTS];
};

struct search {
    const uint8_t *target;
    struct peer **peers;
    uint32_t count, found;
    uint8_t standing_bits, standing_min; /* who has less of these is passed over */
};

/* The distances by which contacts are compared: what follows the `shared` bits. The first bit is
 * turned over: so numbers with a sign compare as those without one. */
static void read_distances(
    const uint8_t target[32], const uint16_t *bits, uint32_t shared, union numbers *distances)
{
    const uint16_t to_target = id_bits(target, shared) ^ 0x8000;
    for (uint32_t i = 0; i < TABLE_VECTOR; i++)
        distances->numbers[i] = (int16_t)(bits[i] ^ to_target);
}

/* All bits of who is passed over are set. Is there anybody? */
static bool read_standings(
    const struct search *search, const uint8_t *standings, union numbers *passed_over)
{
    const uint8_t bits = search->standing_bits, min = search->standing_min;
    int16_t any = 0;
    for (uint32_t i = 0; i < TABLE_VECTOR; i++) {
        passed_over->numbers[i] = (int16_t) - ((standings[i] & bits) < min);
        any |= passed_over->numbers[i];
    }
    return any != 0;
}

/* Those of `value` instead. */
static void replace(union numbers *numbers, const union numbers *which, int16_t value)
{
    for (uint32_t i = 0; i < EIGHTS; i++)
        numbers->eights[i] = (numbers->eights[i] & ~which->eights[i]) | (which->eights[i] & value);
}

/* A number's place is the count of those that are less: each is compared with all others at once,
 * by no branch, which here nobody could foresee. */
static void count_less(
    const union numbers *distances, uint32_t begin, uint32_t end, union numbers *places)
{
    const eight a = distances->eights[0], b = distances->eights[1], c = distances->eights[2];
    eight in_a = {0}, in_b = {0}, in_c = {0};
    for (uint32_t i = begin; i < end; i++) {
        const eight distance = distances->numbers[i] - (eight){0};
        in_a -= distance < a;
        in_b -= distance < b;
        in_c -= distance < c;
    }
    *places = (union numbers){.eights = {in_a, in_b, in_c}};
}

/* Equal numbers have got the same place: whole distances decide between them. */
static void settle(const uint8_t target[32], struct peer *const *peers,
    const union numbers *distances, uint32_t begin, uint32_t end, union numbers *places)
{
    for (uint32_t i = begin; i < end; i++) {
        for (uint32_t j = begin; j < i; j++) {
            if (distances->numbers[i] != distances->numbers[j] || places->numbers[i] >= NOWHERE ||
                places->numbers[j] >= NOWHERE)
                continue;
            bool is_closer = distance_compare(target, peers[i]->id, peers[j]->id) < 0;
            places->numbers[is_closer ? j : i]++;
        }
    }
}

/* Returns the sum of all places. What there is of peers lies far away, and is read next. */
static uint32_t put_in_place(const struct search *search, struct peer *const *peers, uint32_t begin,
    uint32_t end, const union numbers *places)
{
    struct peer **found = search->peers + search->found;
    const uint32_t room = search->count - search->found;
    uint32_t sum = 0;
    for (uint32_t i = begin; i < end; i++) {
        const uint32_t place = (uint16_t)places->numbers[i];
        sum += place;
        if (place < room) {
            found[place] = peers[i];
            __builtin_prefetch(peers[i], 0, 2);
        }
    }
    return sum;
}

/* The contacts of one or more buckets come next, closest first. Their distances to the target all
 * agree in the first `shared` bits. A vector of all is read that ends where the arrays end, or
 * before; those from `begin` to `end` of it are meant. */
static void search_buckets(struct search *search, const struct table *table, uint32_t first,
    uint32_t count, uint32_t shared)
{
    const uint32_t last = table->capacity - TABLE_VECTOR, at = first < last ? first : last;
    const uint32_t begin = first - at, end = begin + count;
    struct peer *const *peers = table->peers + at;
    union numbers distances, passed_over, places;
    read_distances(search->target, table_bits(table) + at, shared, &distances);
    const bool any = read_standings(search, table_standings(table) + at, &passed_over);
    if (any)
        replace(&distances, &passed_over, INT16_MAX); /* which is less than no other */
    count_less(&distances, begin, end, &places);
    if (any)
        replace(&places, &passed_over, NOWHERE);
    const uint32_t sum = put_in_place(search, peers, begin, end, &places);
    const uint32_t live = count - sum / NOWHERE;
    if (sum % NOWHERE != live * (live - 1) / 2) { /* 0 + 1 + 2 ..: all places differ */
        settle(search->target, peers, &distances, begin, end, &places);
        (void)put_in_place(search, peers, begin, end, &places);
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
    const uint8_t *own = node->keys.id, *count = table_bucket_counts(table);
    const uint32_t deepest = table->deepest;
    uint32_t begin = table->deepest_begin;
    search->found = 0;
    if (table->count == 0)
        return; /* it may have no memory */
    uint32_t i = common_prefix(search->target, own);
    for (uint32_t at = table_bucket_begin(table, i); i < deepest; at += count[i++]) {
        if (!bit_differs(search->target, own, i))
            continue;
        search_buckets(search, table, at, count[i], i + 1);
        if (search->found == search->count)
            return;
    }
    search_buckets(search, table, begin, table->count - begin, deepest);
    for (i = deepest; i-- > 0 && search->found < search->count;) {
        begin -= count[i];
        if (!bit_differs(search->target, own, i))
            search_buckets(search, table, begin, count[i], i + 1);
    }
}

void table_expect_search(const struct vx6_node *node)
{
    const struct table *table = &node->table;
    if (table->count == 0)
        return; /* it may have no memory */
    prefetch(table_bits(table), table->count * sizeof(uint16_t));
    prefetch(table_standings(table), table->count * sizeof(uint8_t));
    prefetch(table->peers, table->count * sizeof *table->peers);
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
    enum addr_scope scope_min = asker ? addr_scope(asker) : SCOPE_NONE;
    if (asker && scope_min == SCOPE_NONE)
        scope_min = SCOPE_LOOPBACK;
    search.standing_bits = STANDING_SOUND | STANDING_SCOPE;
    search.standing_min = (uint8_t)(STANDING_SOUND | scope_min);
    search_table(node, &search);
    if (search.found == 0) {
        search.standing_bits = STANDING_SCOPE;
        search.standing_min = (uint8_t)scope_min;
        search_table(node, &search);
    }
    return search.found;
}

/* Contacts that failed do not count, unless all did. */
static uint8_t standing_wanted(const struct table *table)
{
    for (uint32_t i = 0; i < table->count; i++) {
        if (table_standings(table)[i] >= STANDING_SOUND)
            return STANDING_SOUND;
    }
    return 0;
}

/* Counts up to `max`. */
static uint32_t count_live(
    const uint8_t *standings, uint32_t count, uint8_t standing_min, uint32_t max)
{
    uint32_t live = 0;
    for (uint32_t i = 0; i < count && live < max; i++)
        live += standings[i] >= standing_min;
    return live;
}

/* Of one bucket. Most contacts differ in these bits: what else there is of them lies far away. */
static uint32_t count_closer_of(const struct table *table, uint32_t bucket, uint32_t begin,
    uint8_t standing_min, const uint8_t target[32], const uint8_t id[32])
{
    const uint32_t shared = table_shared(table, bucket), to_target = id_bits(target, shared);
    const uint32_t limit = id_bits(id, shared) ^ to_target;
    const uint16_t *bits = table_bits(table);
    const uint32_t end = begin + table_bucket_count(table, bucket);
    uint32_t closer = 0;
    for (uint32_t i = begin; i < end; i++) {
        const uint32_t distance = bits[i] ^ to_target;
        if (distance <= limit && table_standings(table)[i] >= standing_min &&
            (distance < limit || distance_compare(target, table->peers[i]->id, id) < 0))
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
    if (table->count == 0)
        return 0; /* it may have no memory */
    const uint8_t standing_min = standing_wanted(table), *standings = table_standings(table);
    const uint8_t *count = table_bucket_counts(table);
    uint32_t closer = 0, i = 0, begin = 0;
    for (; i < own && i < table->depth && closer < max; begin += count[i++]) {
        if (bit_differs(target, node->keys.id, i))
            closer += count_live(standings + begin, count[i], standing_min, max - closer);
    }
    if (i == table->depth || closer >= max)
        return closer;
    const uint32_t below = begin + count[i];
    if (!bit_differs(target, node->keys.id, own))
        closer += count_live(standings + below, table->count - below, standing_min, max - closer);
    if (closer >= max)
        return closer;
    return closer + count_closer_of(table, i, begin, standing_min, target, id);
}

bool table_is_among_closest(
    const struct vx6_node *node, const uint8_t target[32], const struct peer *peer, uint32_t count)
{
    const struct table *table = &node->table;
    const struct contact *contact = table_find(node, peer->id);
    return contact && table_peer(table, contact) == peer &&
           table_standings(table)[contact - table->contacts] >= standing_wanted(table) &&
           count_closer(node, target, peer->id, count) < count;
}

/* Is the contact at this address one of those that are closer than the node itself? */
static bool is_counted_closer(
    const struct vx6_node *node, const uint8_t target[32], const vx6_addr *addr)
{
    const struct table *table = &node->table;
    const uint16_t provider = diversity_provider(addr);
    const uint8_t standing_min = standing_wanted(table);
    for (uint32_t i = 0; i < table->count; i++) {
        if (table_providers(table)[i] == provider && table_standings(table)[i] >= standing_min &&
            addr_equal(&table->peers[i]->addr, addr))
            return distance_compare(target, table->peers[i]->id, node->keys.id) < 0;
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
