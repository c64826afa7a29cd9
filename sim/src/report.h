/* SPDX-License-Identifier: MIT */
#ifndef SIM_REPORT_H
#define SIM_REPORT_H

#include "world.h"

void report_begin(struct world *world); /* before anything is made: takes the memory's base line */
void report_progress(const struct world *world, vx6_ns end);
void report_progress_done(const struct world *world);
/* To standard output, as text or as one JSON object. */
void report_print(struct world *world);
/* False, with the reason on standard error, when the run must fail. */
bool report_is_good(const struct world *world);
/* Share of lookups of names that succeeded, in millionths. */
uint64_t report_success_ppm(const struct world *world);

#endif
