/* SPDX-License-Identifier: MIT */
/* Spec: spec/dht.md, "Diversity". */
#include "diversity.h"

#include "internal.h"

/* VX6-DHT-042: the first bits of two addresses agree, or one system announces both. */
static const struct group {
    uint8_t ipv6_bytes, ipv4_bytes; /* of 16; 0: by the number of the system */
    uint8_t bucket_max, table_max;
} groups[] = {
    {8, 16, 1, 4},  /* a site: /64, or one IPv4 address */
    {6, 15, 2, 8},  /* a network: /48 or /24 */
    {4, 14, 4, 32}, /* a provider: /32 or /16 */
    {0, 0, 4, 32},  /* an autonomous system */
};
enum {
    GROUP_COUNT = sizeof groups / sizeof groups[0]
};

uint32_t diversity_asn(const struct vx6_asn_map *map, const vx6_addr *addr)
{
    size_t low = 0, high = map ? map->count : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct vx6_asn_range *range = &map->ranges[middle];
        if (memcmp(addr->ip, range->first, 16) < 0)
            high = middle;
        else if (memcmp(addr->ip, range->last, 16) > 0)
            low = middle + 1;
        else
            return range->asn;
    }
    return 0;
}

/* What is looked for among the contacts. */
struct around {
    const struct vx6_node *node;
    const vx6_addr *addr;
    bool is_ipv4;
    enum addr_scope scope;
    uint32_t asn; /* 0: not known */
};

static bool is_in_group(
    const struct around *around, const struct group *group, const vx6_addr *addr)
{
    if (group->ipv6_bytes == 0)
        return around->asn != 0 && diversity_asn(around->node->asn_map, addr) == around->asn;
    size_t bytes = around->is_ipv4 ? group->ipv4_bytes : group->ipv6_bytes;
    return memcmp(addr->ip, around->addr->ip, bytes) == 0 && addr_scope(addr) == around->scope;
}

static void count_groups(const struct around *around, const struct contact *contacts,
    uint32_t count, const struct contact *but, uint32_t counts[GROUP_COUNT])
{
    for (uint32_t i = 0; i < count; i++) {
        if (&contacts[i] == but)
            continue;
        for (uint32_t j = 0; j < GROUP_COUNT; j++)
            counts[j] += is_in_group(around, &groups[j], &contacts[i].peer->addr);
    }
}

bool diversity_is_crowded(const struct vx6_node *node, const vx6_addr *addr, uint32_t bucket,
    const struct contact *contact)
{
    const struct table *table = &node->table;
    const struct around around = {.node = node,
        .addr = addr,
        .is_ipv4 = addr_is_ipv4(addr),
        .scope = addr_scope(addr),
        .asn = diversity_asn(node->asn_map, addr)};
    const struct contact *begin = table->contacts + table_bucket_begin(table, bucket);
    uint32_t older = contact ? (uint32_t)(contact - begin) : table->bucket_count[bucket];
    uint32_t in_bucket[GROUP_COUNT] = {0}, in_table[GROUP_COUNT] = {0};
    count_groups(&around, begin, older, NULL, in_bucket);
    count_groups(&around, table->contacts, table->count, contact, in_table);
    for (uint32_t i = 0; i < GROUP_COUNT; i++) {
        if (in_bucket[i] >= groups[i].bucket_max || in_table[i] >= groups[i].table_max)
            return true;
    }
    return false;
}
