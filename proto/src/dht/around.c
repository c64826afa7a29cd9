/* SPDX-License-Identifier: MIT */
/* A contact's place is the number of those that are closer. Among the nearest of a few dozen
 * contacts, all of which are compared, that takes less than a search of the table, which sorts
 * bucket by bucket. */
#include "around.h"

#include "internal.h"

_Static_assert((int)AROUND_WANTED >= (int)KADEMLIA_K &&
                   (int)AROUND_WANTED - 1 + (int)KADEMLIA_K <= (int)AROUND_MAX,
    "among the contacts around are the k closest, and their last bucket finds room");

enum {
    BEYOND = 1 << 30 /* distances within reach are less, also as numbers with a sign */
};

static uint32_t count_nearer(const struct around *around, int32_t key, int32_t prefix)
{
    const int32_t distance = key ^ prefix;
    uint32_t nearer = 0;
    for (uint32_t i = 0; i < AROUND_MAX; i++)
        nearer += (around->prefixes[i] ^ key) < distance;
    return nearer;
}

static uint32_t count_same(const struct around *around, int32_t prefix)
{
    uint32_t same = 0;
    for (uint32_t i = 0; i < AROUND_MAX; i++)
        same += around->prefixes[i] == prefix;
    return same;
}

/* Do the prefixes tell everything that is asked for from all others? */
static bool is_clear(const struct around *around)
{
    bool is_clear = count_same(around, (int32_t)load_u32(around->node->keys.id)) == 0;
    for (uint32_t i = 0; i < around->asked_count; i++)
        is_clear = is_clear && count_same(around, around->asked[i].prefix) == 1;
    return is_clear;
}

/* Its index; peer_count: it is not asked for. */
static uint32_t find_asked(const struct around *around, const struct peer *peer)
{
    uint32_t index = 0;
    while (index < around->peer_count && around->peers[index] != peer)
        index++;
    return index;
}

bool around_is_asked(const struct around *around, const struct peer *peer)
{
    return find_asked(around, peer) < around->peer_count;
}

/* How the first bits of contacts in this bucket differ from the own ID, by their table_bits(). What
 * these do not tell counts as the own. */
static uint32_t difference(
    const struct vx6_node *node, uint32_t bucket, uint32_t shared, uint16_t bits)
{
    if (shared >= 32)
        return 0;
    const uint32_t first = bucket < node->table.deepest ? UINT32_C(0x80000000) >> bucket : 0;
    const uint32_t others = (uint32_t)(bits ^ id_bits(node->keys.id, shared));
    return first | others << 16 >> shared;
}

void around_look(struct around *around, const struct vx6_node *node, struct peer *const *peers,
    uint32_t peer_count)
{
    const struct table *table = &node->table;
    const uint32_t own = load_u32(node->keys.id);
    uint32_t bucket = table->depth, begin = table->count, live = 0;
    around->node = node;
    around->peers = peers;
    around->peer_count = peer_count;
    around->asked_count = 0;
    while (bucket > 0 && live < AROUND_WANTED) {
        const uint32_t end = begin;
        begin -= table_bucket_count(table, --bucket);
        const uint32_t shared = table_shared(table, bucket);
        for (uint32_t i = begin; i < end; i++) {
            if (table_standings(table)[i] < STANDING_SOUND)
                continue;
            const uint16_t bits = table_bits(table)[i];
            const int32_t prefix = (int32_t)(own ^ difference(node, bucket, shared, bits));
            around->prefixes[live++] = prefix;
            const uint32_t index = find_asked(around, table->peers[i]);
            if (index < peer_count) {
                around->asked[around->asked_count].index = index;
                around->asked[around->asked_count++].prefix = prefix;
            }
        }
    }
    while (live < AROUND_MAX)
        around->prefixes[live++] = (int32_t)(own ^ BEYOND);
    around->reach = bucket < 2 || bucket > 31 || !is_clear(around) ? 0 : 1u << (32 - bucket);
}

static bool is_within_reach(const struct around *around, const uint8_t key[32])
{
    return (load_u32(key) ^ load_u32(around->node->keys.id)) < around->reach;
}

static uint32_t closest_in_table(
    const struct around *around, const uint8_t key[32], uint32_t closest[SYNC_NEIGHBOURS])
{
    struct peer *found[KADEMLIA_K];
    const uint32_t found_count = table_closest(around->node, key, found, KADEMLIA_K);
    uint32_t count = 0;
    for (uint32_t i = 0; i < found_count; i++) {
        const uint32_t index = find_asked(around, found[i]);
        if (index < around->peer_count)
            closest[count++] = index;
    }
    return count;
}

uint32_t around_closest(
    const struct around *around, const uint8_t key[32], uint32_t closest[SYNC_NEIGHBOURS])
{
    uint32_t at_place[KADEMLIA_K], taken = 0, count = 0;
    if (!is_within_reach(around, key))
        return closest_in_table(around, key, closest);
    for (uint32_t i = 0; i < around->asked_count; i++) {
        const uint32_t place =
            count_nearer(around, (int32_t)load_u32(key), around->asked[i].prefix);
        if (place >= KADEMLIA_K)
            continue;
        at_place[place] = around->asked[i].index;
        taken |= 1u << place;
    }
    for (; taken > 0; taken &= taken - 1)
        closest[count++] = at_place[__builtin_ctz(taken)];
    return count;
}

bool around_is_own_share(const struct around *around, const uint8_t key[32])
{
    if (!is_within_reach(around, key))
        return table_is_own_share(around->node, key, NULL, KADEMLIA_K);
    const int32_t own = (int32_t)load_u32(around->node->keys.id);
    return count_nearer(around, (int32_t)load_u32(key), own) < KADEMLIA_K;
}
