/* SPDX-License-Identifier: MIT */
/* Spec: spec/queries.md, "Under load". */
#include "internal.h"

enum {
    WATCH_SHARE = 8 /* sites are counted from an eighth of the bound on */
};

/* Asks from one site in this second. */
struct load_site {
    uint16_t asks, proven;
};

static uint32_t site_of(const vx6_addr *addr)
{
    uint8_t network[8] = {0};
    addr_network(addr, network);
    uint64_t hash = load_u64(network) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(hash >> 56) % LOAD_SITES;
}

/* A new second; counters that nobody needed in the last one go. */
static void turn(struct vx6_node *node)
{
    struct load *load = &node->queries.load;
    if (node->now - load->second < VX6_SECOND && load->second != 0)
        return;
    bool was_quiet = load->asks < node->env->limits->asks_per_second / WATCH_SHARE;
    load->second = node->now;
    load->asks = load->proven = 0;
    if (was_quiet)
        load_free(node);
    else if (load->sites)
        memset(load->sites, 0, LOAD_SITES * sizeof *load->sites);
}

static uint32_t count_up(uint16_t *count)
{
    if (*count < UINT16_MAX)
        (*count)++;
    return *count;
}

/* VX6-QUERY-011 */
bool load_is_too_much(struct vx6_node *node, const vx6_addr *from)
{
    const struct vx6_limits *limits = node->env->limits;
    struct load *load = &node->queries.load;
    turn(node);
    load->asks++;
    if (load->asks < limits->asks_per_second / WATCH_SHARE)
        return false;
    if (load->sites == NULL)
        load->sites = env_alloc(node->env, LOAD_SITES * sizeof *load->sites);
    uint32_t from_site = 0;
    if (load->sites) {
        from_site = count_up(&load->sites[site_of(from)].asks);
    }
    return load->asks > limits->asks_per_second || from_site > limits->asks_per_site_per_second;
}

/* VX6-QUERY-014: who owns an address may own many in one site. Without memory for counters nobody is
 * kept out. */
bool load_takes_proven(struct vx6_node *node, const vx6_addr *from)
{
    const struct vx6_limits *limits = node->env->limits;
    struct load *load = &node->queries.load;
    uint32_t bound = limits->asks_per_site_per_second;
    if (load->proven >= limits->asks_per_second)
        bound = limits->asks_per_second / LOAD_SITES;
    if (load->sites && count_up(&load->sites[site_of(from)].proven) > (bound > 0 ? bound : 1))
        return false;
    load->proven++;
    return true;
}

void load_free(struct vx6_node *node)
{
    struct load *load = &node->queries.load;
    env_free(node->env, load->sites, LOAD_SITES * sizeof *load->sites);
    load->sites = NULL;
}
