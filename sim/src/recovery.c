/* SPDX-License-Identifier: MIT */
#include "recovery.h"
#include "fault.h"

static const vx6_ns soon = 30 * VX6_SECOND;

static bool is_good(const struct timeline *timeline, uint32_t from, uint32_t to)
{
    uint64_t counted = 0, succeeded = 0;
    for (uint32_t i = from; i < to && i < timeline->count; i++) {
        counted += timeline->slices[i].counted;
        succeeded += timeline->slices[i].succeeded;
    }
    return counted > 0 && succeeded * 100 >= counted * 99;
}

vx6_ns recovery_time(const struct world *world)
{
    const struct timeline *timeline = &world->total.timeline;
    vx6_ns end = fault_end(&world->options);
    for (uint32_t i = (uint32_t)(end / SLICE); i < timeline->count; i++) {
        if (is_good(timeline, i, i + (uint32_t)(soon / SLICE)) &&
            is_good(timeline, i, timeline->count))
            return i * SLICE > end ? i * SLICE - end : 0;
    }
    return VX6_NEVER;
}
