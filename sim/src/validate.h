/* SPDX-License-Identifier: MIT */
/* --validate kademlia: a static network with full buckets and no loss, plain lookups of random
 * targets from random nodes, compared with the truth by brute force. */
#ifndef SIM_VALIDATE_H
#define SIM_VALIDATE_H

#include "world.h"

/* Schedules the lookups in a world that has been warm started, and the deaths of --dead. */
void validate_schedule(struct world *world);
/* How long that takes. */
#define VALIDATE_DURATION (60 * VX6_SECOND)

#endif
