/* SPDX-License-Identifier: MIT */
/* Departures are a Poisson process of constant rate: --churn of the population in each minute,
 * anybody with the same probability. Half of those who leave are killed: no word, no socket that
 * would answer. The others shut down in order, for which they have some time. For each, a newcomer
 * with a new identity and a new address comes at the same moment, knowing one live node. Acts
 * happen between windows only. */
#include "churn.h"
#include "actor.h"
#include "workload.h"

#include <stdlib.h>

static const uint64_t minute_ns = 60 * VX6_SECOND;
static const vx6_ns leave_time = 1500 * VX6_MILLISECOND; /* to close, and to hand over */

struct departure {
    vx6_ns end;
    uint32_t index;
};

/* The exact time of the next departure is kept, so that rounding up to the window does not add. */
static void churn_draw(struct world *world)
{
    const struct options *options = &world->options;
    uint64_t mean = minute_ns / options->nodes * 1000000 / options->churn_ppm;
    world->churn_exact += exponential(draw_next(&world->churn_draw), mean);
    world->leave_next = (world->churn_exact / NET_LOOKAHEAD + 1) * NET_LOOKAHEAD;
}

static void set_next(struct world *world)
{
    world->churn_next = world->leave_next;
    if (world->departure_first < world->departure_count &&
        world->departures[world->departure_first].end < world->churn_next)
        world->churn_next = world->departures[world->departure_first].end;
}

void churn_init(struct world *world)
{
    const struct options *options = &world->options;
    if (options->churn_ppm == 0)
        return;
    world->churn_draw = draw_init(options->seed, PURPOSE_CHURN, 0);
    churn_draw(world);
    set_next(world);
}

uint64_t churn_expected(const struct world *world)
{
    const struct options *options = &world->options;
    return world->now / VX6_MILLISECOND * options->nodes / 60000 * options->churn_ppm / 1000000;
}

void churn_kill(struct world *world, struct actor *actor)
{
    world->histories[actor->index].silent = true;
    world_remove(world, actor);
}

static void leave(struct world *world)
{
    uint32_t index = world->live[draw_below(&world->churn_draw, world->live_count)];
    struct actor *actor = world->members[index].actor;
    bool is_silent = draw_next(&world->churn_draw) >> 63;
    world->leaves++;
    if (is_silent) {
        world->leaves_silent++;
        churn_kill(world, actor);
        return;
    }
    actor->leaving = true;
    struct vx6_in in = {.kind = VX6_IN_SHUTDOWN};
    (void)actor_input(actor, &in);
    actor->shard->stats.commands++;
    actor_pump(actor);
    world_depart(world, actor);
    if (world->departure_count == world->departure_capacity) {
        uint32_t capacity = world->departure_capacity + 1024;
        world->departures = realloc(world->departures, capacity * sizeof *world->departures);
        VX6_ASSERT(world->departures != NULL);
        world->departure_capacity = capacity;
    }
    world->departures[world->departure_count++] =
        (struct departure){world->now + leave_time, index};
}

/* Those who shut down in order and have had their time. */
static void remove_departed(struct world *world)
{
    while (world->departure_first < world->departure_count &&
           world->departures[world->departure_first].end <= world->now) {
        uint32_t index = world->departures[world->departure_first++].index;
        world_remove(world, world->members[index].actor);
    }
}

void churn_act(struct world *world)
{
    remove_departed(world);
    while (world->leave_next <= world->now) {
        leave(world);
        struct actor *actor = world_join(world);
        world->joins++;
        workload_arrived(actor);
        actor_pump(actor);
        churn_draw(world);
    }
    set_next(world);
}
