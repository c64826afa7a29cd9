/* SPDX-License-Identifier: MIT */
/* What a tape can make happen on the stage, one step at a time. */
#ifndef VX6_FUZZ_SCRIPT_H
#define VX6_FUZZ_SCRIPT_H

#include "stage.h"

typedef void script_step(struct stage *stage);
/* Steps of these kinds until the tape ends; limits are kept after each. */
void script_run(struct stage *stage, script_step *const steps[], size_t count);

void script_frames(struct stage *stage);     /* a peer says something on a link */
void script_carrier(struct stage *stage);    /* a link comes, comes up, or breaks */
void script_stream(struct stage *stage);     /* the driver reads, writes, accepts, closes */
void script_command(struct stage *stage);    /* the driver wants something */
void script_datagram(struct stage *stage);   /* a peer asks; or whatever bytes come */
void script_time(struct stage *stage);       /* it passes, leaps, or the clock is set */
void script_starvation(struct stage *stage); /* an allocation will fail */

#endif
