/* SPDX-License-Identifier: MIT */
/* Spec: spec/dht.md, "Diversity". */
#include "diversity.h"

#include "internal.h"

/* VX6-DHT-042: the first bits of two addresses agree, or one system announces both. */
static const struct group {
    uint8_t ipv6_free, ipv4_free; /* last bits of 64 or 32 that may differ */
    uint8_t bucket_max, table_max;
} groups[] = {
    {0, 0, 1, 4},    /* a site: /64, or one IPv4 address */
    {16, 8, 2, 8},   /* a network: /48 or /24 */
    {32, 16, 4, 32}, /* a provider: /32 or /16 */
    {0, 0, 4, 32},   /* an autonomous system */
};
enum {
    BY_SYSTEM = 3,
    GROUP_COUNT
};
_Static_assert(GROUP_COUNT == sizeof groups / sizeof groups[0], "the last one goes by number");

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

/* By the first bits that all of a provider share: 32, or of IPv4 16. */
uint16_t diversity_provider(const vx6_addr *addr)
{
    uint32_t first = addr_is_ipv4(addr) ? load_u16(addr->ip + 12) : load_u32(addr->ip);
    return (uint16_t)(first * UINT32_C(0x9e3779b1) >> 16);
}

/* What is looked for among the contacts. */
struct around {
    const struct vx6_asn_map *map;
    uint64_t high, low; /* of the address */
    bool is_ipv4;
    enum addr_scope scope;
    uint16_t provider;
    uint32_t asn; /* 0: not known */
};

/* The groups that an address shares with what is looked for: the smallest one and all larger. */
static uint32_t first_group(const struct around *around, const vx6_addr *addr)
{
    uint64_t difference = load_u64(addr->ip) ^ around->high;
    if (around->is_ipv4) {
        if (difference != 0)
            return BY_SYSTEM;
        difference = load_u64(addr->ip + 8) ^ around->low;
    }
    uint32_t group = BY_SYSTEM; /* downwards: most addresses share none */
    while (group > 0 && difference >> (around->is_ipv4 ? groups[group - 1].ipv4_free
                                                       : groups[group - 1].ipv6_free) ==
                            0)
        group--;
    bool is_alike = group < BY_SYSTEM && addr_is_ipv4(addr) == around->is_ipv4 &&
                    addr_scope(addr) == around->scope;
    return is_alike ? group : BY_SYSTEM;
}

/* Of the contacts from one place to another. */
static void count_groups(const struct around *around, const struct table *table, uint32_t begin,
    uint32_t end, const struct contact *but, uint32_t counts[GROUP_COUNT])
{
    if (table->count == 0)
        return; /* it may have no memory */
    const uint16_t *providers = table_providers(table), provider = around->provider;
    const bool all_may_share = around->asn != 0;
    for (uint32_t i = begin; i < end; i++) {
        if ((providers[i] != provider && !all_may_share) || &table->contacts[i] == but)
            continue;
        const vx6_addr *addr = &table->peers[i]->addr;
        for (uint32_t j = first_group(around, addr); j < BY_SYSTEM; j++)
            counts[j]++;
        if (around->asn != 0)
            counts[BY_SYSTEM] += diversity_asn(around->map, addr) == around->asn;
    }
}

void diversity_expect(const struct vx6_node *node)
{
    const struct table *table = &node->table;
    if (table->count > 0) /* else it may have no memory */
        prefetch(table_providers(table), table->count * sizeof(uint16_t));
}

bool diversity_is_crowded(const struct vx6_node *node, const vx6_addr *addr, uint32_t bucket,
    const struct contact *contact)
{
    const struct table *table = &node->table;
    const struct around around = {.map = node->asn_map,
        .high = load_u64(addr->ip),
        .low = load_u64(addr->ip + 8),
        .is_ipv4 = addr_is_ipv4(addr),
        .scope = addr_scope(addr),
        .provider = diversity_provider(addr),
        .asn = diversity_asn(node->asn_map, addr)};
    const uint32_t begin = table_bucket_begin(table, bucket);
    const uint32_t end =
        contact ? (uint32_t)(contact - table->contacts) : begin + table_bucket_count(table, bucket);
    uint32_t in_bucket[GROUP_COUNT] = {0}, in_table[GROUP_COUNT] = {0};
    count_groups(&around, table, begin, end, NULL, in_bucket);
    count_groups(&around, table, 0, table->count, contact, in_table);
    for (uint32_t i = 0; i < GROUP_COUNT; i++) {
        if (in_bucket[i] >= groups[i].bucket_max || in_table[i] >= groups[i].table_max)
            return true;
    }
    return false;
}
