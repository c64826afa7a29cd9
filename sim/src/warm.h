/* SPDX-License-Identifier: MIT */
/* A network that has been running for a while: every node restores the contacts of an earlier run.
 */
#ifndef SIM_WARM_H
#define SIM_WARM_H

#include "world.h"

enum {
    WARM_SECONDS = 30
};

/* Makes --nodes nodes. In the first seconds, one after the other, each restores up to k random
 * members of every bucket, through the input that a real node restores its contacts with. */
void warm_start(struct world *world);
/* When all have: what that took is given back. */
void warm_end(struct world *world);

#endif
