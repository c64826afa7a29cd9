/* SPDX-License-Identifier: MIT */
/* Sorted by ID, the members of any bucket are neighbours: those of bucket b share b bits with the
 * node and differ in the next. So one binary search per bucket finds them, and no table is ever
 * built for pairs of nodes. */
#include "warm.h"
#include "actor.h"
#include "workload.h"

#include <stdlib.h>
#include <string.h>

struct sorted {
    uint8_t id[32];
    uint32_t index;
};

static int compare(const void *a, const void *b)
{
    const struct sorted *left = a;
    const struct sorted *right = b;
    return memcmp(left->id, right->id, sizeof left->id);
}

static bool bit_of(const uint8_t id[32], uint32_t bit)
{
    return id[bit / 8] >> (7 - bit % 8) & 1;
}

/* First position in [from, to) whose ID has the bit set; all share the bits before it. */
static uint32_t split(const struct sorted *sorted, uint32_t from, uint32_t to, uint32_t bit)
{
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (bit_of(sorted[middle].id, bit))
            to = middle;
        else
            from = middle + 1;
    }
    return from;
}

static void contact(struct actor *actor, uint32_t index)
{
    const struct world *world = actor->shard->world;
    struct vx6_in in = {.kind = VX6_IN_CONTACT, .peer = world_addr(world, index)};
    memcpy(in.key, world->keys[index], sizeof in.key);
    VX6_ASSERT(actor_input(actor, &in) == VX6_OK);
}

/* Up to k of [from, to), each with the same probability (Floyd's sampling). */
static void contacts(
    struct actor *actor, const struct sorted *sorted, uint32_t from, uint32_t to, struct draw *draw)
{
    uint32_t count = to - from;
    if (count <= VX6_CONTACT_COUNT_MAX) {
        for (uint32_t i = from; i < to; i++)
            contact(actor, sorted[i].index);
        return;
    }
    uint32_t picked[VX6_CONTACT_COUNT_MAX];
    for (uint32_t i = 0; i < VX6_CONTACT_COUNT_MAX; i++) {
        uint32_t top = count - VX6_CONTACT_COUNT_MAX + i;
        uint32_t pick = draw_below(draw, top + 1);
        for (uint32_t j = 0; j < i; j++) {
            if (picked[j] == pick)
                pick = top;
        }
        picked[i] = pick;
        contact(actor, sorted[from + pick].index);
    }
}

static void restore(struct actor *actor)
{
    const struct world *world = actor->shard->world;
    const struct sorted *sorted = world->sorted;
    uint8_t key[32], id[32];
    vx6_node_identity(actor->node, key, id);
    struct draw draw = draw_init(world->options.seed, PURPOSE_WARM, actor->index);
    uint32_t from = 0;
    uint32_t to = world->options.nodes;
    for (uint32_t bit = 0; to - from > 1; bit++) {
        uint32_t middle = split(sorted, from, to, bit);
        if (bit_of(id, bit)) {
            contacts(actor, sorted, from, middle, &draw);
            from = middle;
        } else {
            contacts(actor, sorted, middle, to, &draw);
            to = middle;
        }
    }
}

void warm_command(struct actor *actor)
{
    restore(actor);
    if (!actor->shard->world->options.validate)
        workload_begin(actor);
}

void warm_start(struct world *world)
{
    uint32_t count = world->options.nodes;
    struct sorted *sorted = malloc(count * sizeof *sorted);
    VX6_ASSERT(sorted != NULL);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t key[32];
        struct actor *actor = world_join(world);
        sorted[i].index = actor->index;
        vx6_node_identity(actor->node, key, sorted[i].id);
    }
    qsort(sorted, count, sizeof *sorted, compare);
    world->sorted = sorted;
    for (uint32_t i = 0; i < count; i++) {
        struct actor *actor = world->members[i].actor;
        vx6_ns wait =
            world->options.validate ? 0 : draw_next(&actor->draw) % (WARM_SECONDS * VX6_SECOND);
        workload_schedule(actor, COMMAND_BEGIN, wait);
    }
}

void warm_end(struct world *world)
{
    if (world->now < WARM_SECONDS * VX6_SECOND)
        return;
    free(world->sorted);
    world->sorted = NULL;
}
