/* SPDX-License-Identifier: MIT */
/* Disasters at given times: many nodes die at once, the network falls apart for a while, the nodes
 * that newcomers enter by die for good. Acts happen between windows only. */
#ifndef SIM_FAULT_H
#define SIM_FAULT_H

#include "world.h"

enum {
    ENTRY_COUNT = 8 /* with --entries-die: until then newcomers know only the first nodes */
};

void fault_init(struct world *world);
/* Does what is due, and sets world.fault_next. */
void fault_act(struct world *world);
/* When the last of the faults is over; 0 when there is none. */
vx6_ns fault_end(const struct options *options);
/* The side of a partition that a member is on. */
bool fault_side(const struct world *world, uint32_t index);

/* Nothing passes between these two now. */
static inline bool fault_separates(const struct world *world, uint32_t a, uint32_t b)
{
    return world->partition_until != 0 && fault_side(world, a) != fault_side(world, b);
}

#endif
