/* SPDX-License-Identifier: MIT */
/* How soon after the last fault lookups succeed again. */
#ifndef SIM_RECOVERY_H
#define SIM_RECOVERY_H

#include "world.h"

/* From the end of all faults to the moment from which on 99 % of the names asked for were found,
 * both in the next half minute and until the end of the run; VX6_NEVER: that moment did not come.
 * In steps of SLICE. */
vx6_ns recovery_time(const struct world *world);

#endif
