/* SPDX-License-Identifier: MIT */
#include "fault.h"
#include "churn.h"

static const vx6_ns kill_spread = VX6_SECOND; /* --kill takes so long */
static const vx6_ns kill_step = 10 * NET_LOOKAHEAD;

static vx6_ns earlier(vx6_ns a, vx6_ns b)
{
    return a < b ? a : b;
}

/* At the end of a window. */
static vx6_ns rounded(vx6_ns time)
{
    return (time + NET_LOOKAHEAD - 1) / NET_LOOKAHEAD * NET_LOOKAHEAD;
}

void fault_init(struct world *world)
{
    const struct options *options = &world->options;
    world->fault_draw = draw_init(options->seed, PURPOSE_FAULT, 0);
    world->kill_next = options->kill_ppm > 0 ? rounded(options->kill_at) : VX6_NEVER;
    world->partition_next =
        options->partition_ppm > 0 ? rounded(options->partition_from) : VX6_NEVER;
    world->entries_next =
        options->entries_die_at > 0 ? rounded(options->entries_die_at) : VX6_NEVER;
    fault_act(world);
}

vx6_ns fault_end(const struct options *options)
{
    vx6_ns end = options->partition_ppm > 0 ? options->partition_to : 0;
    if (options->kill_ppm > 0 && options->kill_at + kill_spread > end)
        end = options->kill_at + kill_spread;
    return options->entries_die_at > end ? options->entries_die_at : end;
}

bool fault_side(const struct world *world, uint32_t index)
{
    struct draw draw = draw_init(world->options.seed, PURPOSE_FAULT, index + 1);
    return draw_below(&draw, 1000000) < world->options.partition_ppm;
}

/* The same share of those who live at each step, so that all of them are the share asked for. */
static void kill_some(struct world *world)
{
    const struct options *options = &world->options;
    uint32_t steps = (uint32_t)(kill_spread / kill_step);
    if (world->kill_left == 0 && world->kill_steps == 0)
        world->kill_left = (uint32_t)((uint64_t)world->live_count * options->kill_ppm / 1000000);
    uint32_t count = world->kill_left / (steps - world->kill_steps);
    world->kill_left -= count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = world->live[draw_below(&world->fault_draw, world->live_count)];
        churn_kill(world, world->members[index].actor);
        world->killed++;
    }
    world->kill_steps++;
    world->kill_next = world->kill_steps < steps ? world->kill_next + kill_step : VX6_NEVER;
}

static void entries_die(struct world *world)
{
    for (uint32_t i = 0; i < ENTRY_COUNT && i < world->options.nodes; i++) {
        if (world->histories[i].left != VX6_NEVER)
            continue;
        churn_kill(world, world->members[i].actor);
        world->killed++;
    }
    world->entries_next = VX6_NEVER;
}

static void partition_turn(struct world *world)
{
    bool begins = world->partition_until == 0;
    world->partition_until = begins ? rounded(world->options.partition_to) : 0;
    world->partition_next = begins ? world->partition_until : VX6_NEVER;
}

void fault_act(struct world *world)
{
    if (world->kill_next <= world->now)
        kill_some(world);
    if (world->entries_next <= world->now)
        entries_die(world);
    if (world->partition_next <= world->now)
        partition_turn(world);
    world->fault_next =
        earlier(world->kill_next, earlier(world->entries_next, world->partition_next));
}
