/* SPDX-License-Identifier: MIT */
#include "validate.h"
#include "actor.h"
#include "check.h"
#include "vx6/msg.h"
#include "workload.h"

#include <stdlib.h>
#include <string.h>

enum {
    LOOKUP_COUNT = 4000
};
static const vx6_ns first_lookup = 10 * VX6_SECOND; /* the nodes have settled */
static const vx6_ns lookup_spread = 30 * VX6_SECOND;
static const vx6_ns lookup_spread_dead = 2 * VX6_SECOND;

struct truth {
    uint8_t distance[VX6_CONTACT_COUNT_MAX][32]; /* closest first */
    uint32_t count;
};

void validate_schedule(struct world *world)
{
    struct draw draw = draw_init(world->options.seed, PURPOSE_VALIDATE, 0);
    world->ids = malloc(world->member_count * sizeof *world->ids);
    VX6_ASSERT(world->ids != NULL);
    for (uint32_t i = 0; i < world->member_count; i++)
        vx6_node_id(&world->shards[0].crypto, world->ids[i], world->keys[i]);
    world->options.kill_ppm = world->options.dead_ppm;
    world->options.kill_at = first_lookup - VX6_SECOND;
    /* Before a lost query is over, so that no table has mended itself. */
    vx6_ns over = world->options.dead_ppm > 0 ? lookup_spread_dead : lookup_spread;
    for (uint32_t i = 0; i < LOOKUP_COUNT; i++) {
        struct actor *actor = world->members[draw_below(&draw, world->member_count)].actor;
        vx6_ns spread = over / LOOKUP_COUNT * i;
        workload_schedule(actor, COMMAND_LOOKUP, first_lookup + spread);
    }
}

void validate_command(struct actor *actor)
{
    struct vx6_in in = {.kind = VX6_IN_LOOKUP};
    for (uint32_t i = 0; i < sizeof in.key; i += 8) {
        uint64_t random = draw_next(&actor->draw);
        for (uint32_t j = 0; j < 8; j++)
            in.key[i + j] = (uint8_t)(random >> (8 * j));
    }
    struct validation *validation = &actor->shard->stats.validation;
    validation->lookups++;
    if (actor_input(actor, &in) != VX6_OK) {
        validation->failed++;
        return;
    }
    struct pending *pending = workload_pending(actor, COMMAND_LOOKUP, in.id);
    memcpy(pending->key, in.key, sizeof in.key);
}

static void distance_to(
    const struct world *world, uint32_t index, const uint8_t target[32], uint8_t distance[32])
{
    for (uint32_t i = 0; i < 32; i++)
        distance[i] = world->ids[index][i] ^ target[i];
}

/* Insertion into the sorted list of the closest. */
static void truth_add(struct truth *truth, const uint8_t distance[32])
{
    if (truth->count == VX6_CONTACT_COUNT_MAX &&
        memcmp(distance, truth->distance[truth->count - 1], 32) >= 0)
        return;
    if (truth->count < VX6_CONTACT_COUNT_MAX)
        truth->count++;
    uint32_t at = truth->count - 1;
    for (; at > 0 && memcmp(distance, truth->distance[at - 1], 32) < 0; at--)
        memcpy(truth->distance[at], truth->distance[at - 1], 32);
    memcpy(truth->distance[at], distance, 32);
}

/* Every live node but the one that asks. */
static struct truth truth_of(const struct actor *actor, const uint8_t target[32])
{
    const struct world *world = actor->shard->world;
    struct truth truth = {.count = 0};
    for (uint32_t i = 0; i < world->member_count; i++) {
        uint8_t distance[32];
        if (i == actor->index || world->members[i].actor == NULL)
            continue;
        distance_to(world, i, target, distance);
        truth_add(&truth, distance);
    }
    return truth;
}

static void compare_hints(
    struct actor *actor, const struct pending *pending, const struct vx6_out *out)
{
    const struct world *world = actor->shard->world;
    struct validation *validation = &actor->shard->stats.validation;
    struct truth truth = truth_of(actor, pending->key);
    vx6_list list = {(uint32_t)(out->value.len / VX6_HINT_SIZE), out->value};
    struct vx6_hint hint;
    while (vx6_next_hint(&list, &hint)) {
        vx6_addr addr = {.port = hint.port};
        memcpy(addr.ip, hint.ip, sizeof addr.ip);
        uint32_t index = world_addr_index(world, &addr);
        if (index == UINT32_MAX || memcmp(world->keys[index], hint.key, 32) != 0) {
            violation(actor, "a lookup brought a node that is none");
            return;
        }
        uint8_t distance[32];
        distance_to(world, index, pending->key, distance);
        for (uint32_t i = 0; i < truth.count; i++)
            validation->closest_found += memcmp(distance, truth.distance[i], 32) == 0;
    }
    validation->closest_all += truth.count;
}

void validate_done(struct actor *actor, const struct pending *pending, const struct vx6_out *out)
{
    struct validation *validation = &actor->shard->stats.validation;
    if (out->code != VX6_OK) {
        validation->failed++;
        return;
    }
    validation->done++;
    validation->hops += out->hops;
    validation->queries += out->queries;
    validation->lost += out->lost;
    compare_hints(actor, pending, out);
}
