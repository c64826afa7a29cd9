/* SPDX-License-Identifier: MIT */
#include "workload.h"

#include <stdlib.h>

void samples_add(struct samples *samples, vx6_ns time)
{
    if (samples->count == samples->capacity) {
        samples->capacity = samples->capacity == 0 ? 256 : samples->capacity * 2;
        samples->items = realloc(samples->items, samples->capacity * sizeof *samples->items);
        VX6_ASSERT(samples->items != NULL);
    }
    samples->items[samples->count++] = (uint32_t)(time / 1000);
}

static int compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    return left < right ? -1 : left > right;
}

void samples_sort(struct samples *samples)
{
    if (samples->count > 0)
        qsort(samples->items, samples->count, sizeof *samples->items, compare);
}

/* The smallest sample that at least `percent` of all do not exceed. */
uint32_t samples_quantile_us(const struct samples *sorted, uint32_t percent)
{
    if (sorted->count == 0)
        return 0;
    uint64_t rank = ((uint64_t)sorted->count * percent + 99) / 100;
    return sorted->items[rank == 0 ? 0 : rank - 1];
}

void stats_free(struct stats *stats)
{
    free(stats->names.latency.items);
    free(stats->records.latency.items);
    free(stats->sessions.setup.items);
    free(stats->sessions.direct.items);
    free(stats->sessions.transfer.items);
}
