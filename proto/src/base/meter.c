/* SPDX-License-Identifier: MIT */
#include "meter.h"

#include "internal.h"

struct meter_networks {
    uint64_t salt; /* of this second: who shares a counter with whom cannot be aimed at */
    uint16_t counts[METER_NETWORKS];
};

static uint64_t network_of(const vx6_addr *addr)
{
    uint8_t network[8] = {0};
    addr_network(addr, network);
    return load_u64(network);
}

static uint16_t *counter_of(struct meter_networks *networks, uint64_t who)
{
    uint64_t hash = (who ^ networks->salt) * UINT64_C(0x9e3779b97f4a7c15);
    return &networks->counts[(hash >> 56) % METER_NETWORKS];
}

static void begin(struct vx6_node *node, struct meter_networks *networks)
{
    uint8_t salt[8];
    rng_bytes(&node->public_rng, salt, sizeof salt);
    *networks = (struct meter_networks){.salt = load_u64(salt)};
}

/* A new second; counters that nobody needed in the last one go. */
static void turn(struct vx6_node *node, struct meter *meter, uint32_t watched_from)
{
    if (node->now - meter->second < VX6_SECOND && meter->second != 0)
        return;
    bool was_quiet = meter->count == 0 || meter->count < watched_from;
    meter->second = node->now;
    meter->count = meter->taken = 0;
    if (was_quiet)
        meter_free(node, meter);
    else if (meter->networks)
        begin(node, meter->networks);
}

static uint32_t count_one(
    struct vx6_node *node, struct meter *meter, uint64_t who, uint32_t watched_from)
{
    turn(node, meter, watched_from);
    meter->count++;
    if (meter->count < watched_from)
        return 0;
    if (meter->networks == NULL) {
        meter->networks = env_alloc_any(node->env, sizeof *meter->networks);
        if (meter->networks == NULL)
            return 0;
        begin(node, meter->networks);
    }
    uint16_t *count = counter_of(meter->networks, who);
    if (*count < UINT16_MAX)
        (*count)++;
    return *count;
}

static bool takes(
    struct vx6_node *node, struct meter *meter, uint64_t who, uint32_t in_all, uint32_t bound)
{
    uint32_t count = count_one(node, meter, who, in_all / METER_WATCH_SHARE);
    if (meter->taken >= in_all)
        bound = in_all > METER_NETWORKS ? in_all / METER_NETWORKS : 1;
    if (count > bound)
        return false;
    meter->taken++;
    return true;
}

uint32_t meter_count(
    struct vx6_node *node, struct meter *meter, const vx6_addr *from, uint32_t watched_from)
{
    return count_one(node, meter, network_of(from), watched_from);
}

bool meter_takes(struct vx6_node *node, struct meter *meter, const vx6_addr *from, uint32_t in_all,
    uint32_t of_network)
{
    return takes(node, meter, network_of(from), in_all, of_network);
}

bool meter_takes_key(struct vx6_node *node, struct meter *meter, const uint8_t key[32],
    uint32_t in_all, uint32_t of_key)
{
    return takes(node, meter, load_u64(key), in_all, of_key);
}

void meter_free(struct vx6_node *node, struct meter *meter)
{
    env_free(node->env, meter->networks, sizeof *meter->networks);
    meter->networks = NULL;
}
