/* SPDX-License-Identifier: MIT */
/* Samples and counters: every shard has its own, and a report their sums. */
#include "workload.h"

#include <stdlib.h>
#include <string.h>

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

static void timeline_grow(struct timeline *timeline, uint32_t count)
{
    if (count <= timeline->count)
        return;
    timeline->slices = realloc(timeline->slices, count * sizeof *timeline->slices);
    VX6_ASSERT(timeline->slices != NULL);
    memset(timeline->slices + timeline->count, 0,
        (count - timeline->count) * sizeof *timeline->slices);
    timeline->count = count;
}

void timeline_add(struct timeline *timeline, vx6_ns asked, bool succeeded)
{
    uint32_t index = (uint32_t)(asked / SLICE);
    timeline_grow(timeline, index + 1);
    timeline->slices[index].counted++;
    timeline->slices[index].succeeded += succeeded;
}

static void timeline_join(struct timeline *sum, const struct timeline *timeline)
{
    timeline_grow(sum, timeline->count);
    for (uint32_t i = 0; i < timeline->count; i++) {
        sum->slices[i].counted += timeline->slices[i].counted;
        sum->slices[i].succeeded += timeline->slices[i].succeeded;
    }
}

static void samples_take_over(struct samples *all, struct samples *samples)
{
    if (all->count == 0) {
        *all = *samples;
        *samples = (struct samples){0};
        return;
    }
    if (samples->count == 0)
        return;
    all->capacity = all->count + samples->count;
    all->items = realloc(all->items, all->capacity * sizeof *all->items);
    VX6_ASSERT(all->items != NULL);
    memcpy(all->items + all->count, samples->items, samples->count * sizeof *all->items);
    all->count = all->capacity;
}

static void codes_add(uint64_t sum[CODE_COUNT], const uint64_t counts[CODE_COUNT])
{
    for (uint32_t i = 0; i < CODE_COUNT; i++)
        sum[i] += counts[i];
}

static void lookups_add(struct lookup_stats *sum, struct lookup_stats *stats)
{
    samples_take_over(&sum->latency, &stats->latency);
    sum->asked += stats->asked;
    sum->succeeded += stats->succeeded;
    sum->hops += stats->hops;
    sum->queries += stats->queries;
    sum->lost += stats->lost;
    sum->hits += stats->hits;
    sum->owner_left += stats->owner_left;
    sum->asker_left += stats->asker_left;
    sum->skipped += stats->skipped;
    codes_add(sum->failures, stats->failures);
}

static void sessions_add(struct session_stats *sum, struct session_stats *stats)
{
    samples_take_over(&sum->setup, &stats->setup);
    samples_take_over(&sum->direct, &stats->direct);
    samples_take_over(&sum->transfer, &stats->transfer);
    sum->opened += stats->opened;
    sum->up += stats->up;
    sum->completed += stats->completed;
    sum->owner_left += stats->owner_left;
    sum->asker_left += stats->asker_left;
    sum->bytes_verified += stats->bytes_verified;
    codes_add(sum->failures, stats->failures);
}

static void validation_add(struct validation *sum, const struct validation *stats)
{
    sum->lookups += stats->lookups;
    sum->done += stats->done;
    sum->failed += stats->failed;
    sum->hops += stats->hops;
    sum->queries += stats->queries;
    sum->lost += stats->lost;
    sum->closest_found += stats->closest_found;
    sum->closest_all += stats->closest_all;
}

void stats_add(struct stats *sum, struct stats *stats)
{
    validation_add(&sum->validation, &stats->validation);
    lookups_add(&sum->names, &stats->names);
    lookups_add(&sum->records, &stats->records);
    timeline_join(&sum->timeline, &stats->timeline);
    sessions_add(&sum->sessions, &stats->sessions);
    sum->messages += stats->messages;
    sum->timers += stats->timers;
    sum->commands += stats->commands;
    sum->datagrams_sent += stats->datagrams_sent;
    sum->datagrams_lost += stats->datagrams_lost;
    sum->datagrams_delivered += stats->datagrams_delivered;
    sum->datagrams_dead += stats->datagrams_dead;
    sum->datagram_bytes += stats->datagram_bytes;
    sum->chunk_bytes += stats->chunk_bytes;
    sum->chunks += stats->chunks;
    sum->connects += stats->connects;
    sum->joins_tried += stats->joins_tried;
    sum->joins_failed += stats->joins_failed;
    sum->lies += stats->lies;
    sum->observed.keys += stats->observed.keys;
    sum->observed.candidates += stats->observed.candidates;
    sum->observed.repeated += stats->observed.repeated;
    sum->observed.budgets += stats->observed.budgets;
    sum->observed.settled += stats->observed.settled;
    for (uint32_t i = 0; i < VX6_EVENT_COUNT; i++)
        sum->traced[i] += stats->traced[i];
}

void stats_free(struct stats *stats)
{
    free(stats->timeline.slices);
    free(stats->names.latency.items);
    free(stats->records.latency.items);
    free(stats->sessions.setup.items);
    free(stats->sessions.direct.items);
    free(stats->sessions.transfer.items);
}
