/* SPDX-License-Identifier: MIT */
/* The one place that knows wall time, memory of the process and floating point. */
#include "report.h"
#include "check.h"
#include "churn.h"
#include "fault.h"
#include "options.h"
#include "recovery.h"
#include "workload.h"

#include <jansson.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static uint64_t wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t rss_now(void)
{
    unsigned long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file) {
        if (fscanf(file, "%lu %lu", &size, &resident) != 2)
            resident = 0;
        fclose(file);
    }
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t rss_peak(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)usage.ru_maxrss * 1024;
}

void report_begin(struct world *world)
{
    world->rss_before = rss_now();
    world->wall_started_ns = wall_ns();
}

static double wall_s(const struct world *world)
{
    return (double)(wall_ns() - world->wall_started_ns) / 1e9;
}

/* Of the threads' time, what they spent waiting for each other at the ends of windows. */
static double waiting_share(const struct world *world)
{
    uint64_t waited = 0;
    for (uint32_t i = 0; i < world->shard_count; i++)
        waited += world->shards[i].crossing.waited_ns;
    return (double)waited / 1e9 / world->shard_count / wall_s(world);
}

static double seconds(vx6_ns time)
{
    return (double)time / 1e9;
}

static double mean(uint64_t sum, uint64_t count)
{
    return count == 0 ? 0.0 : (double)sum / (double)count;
}

/* Printed numbers carry three digits after the point. */
static double rounded(double value)
{
    return (double)(int64_t)(value * 1000 + (value < 0 ? -0.5 : 0.5)) / 1000;
}

static uint64_t bytes_per_node(const struct world *world)
{
    uint64_t peak = rss_peak();
    if (world->live_peak == 0 || peak < world->rss_before)
        return 0;
    return (peak - world->rss_before) / world->live_peak;
}

/* Where the memory is at the end of the run, by what it is for; the peak may have been before. */
struct memory_kinds {
    uint64_t state, contacts, held, peers, records, passing, unused, rest;
};

static const struct {
    const char *name;
    size_t offset;
} memory_kinds[] = {
    {"state", offsetof(struct memory_kinds, state)},
    {"contacts", offsetof(struct memory_kinds, contacts)},
    {"held", offsetof(struct memory_kinds, held)},
    {"peers", offsetof(struct memory_kinds, peers)},
    {"records", offsetof(struct memory_kinds, records)},
    {"passing", offsetof(struct memory_kinds, passing)},
    {"unused", offsetof(struct memory_kinds, unused)},
    {"rest", offsetof(struct memory_kinds, rest)},
};
enum {
    MEMORY_KINDS = sizeof memory_kinds / sizeof memory_kinds[0]
};

static uint64_t memory_of(const struct memory_kinds *kinds, uint32_t index)
{
    uint64_t bytes;
    memcpy(&bytes, (const char *)kinds + memory_kinds[index].offset, sizeof bytes);
    return bytes;
}

static struct memory_kinds memory_now(const struct world *world)
{
    struct memory_kinds kinds = {0};
    for (uint32_t i = 0; i < world->member_count; i++) {
        struct vx6_memory memory;
        if (world->members[i].actor == NULL)
            continue;
        vx6_node_memory(world->members[i].actor->node, &memory);
        kinds.state += memory.state;
        kinds.contacts += memory.contacts;
        kinds.held += memory.held;
    }
    uint64_t used = 0, taken = 0, now = rss_now();
    for (uint32_t i = 0; i < world->shard_count; i++) {
        struct vx6_shared_memory shared;
        vx6_env_memory(world->shards[i].env, &shared);
        kinds.peers += shared.peers;
        kinds.records += shared.records;
        used += world->shards[i].pool.used;
        taken += world->shards[i].pool.chunk_bytes;
    }
    uint64_t known = kinds.state + kinds.contacts + kinds.held + kinds.peers + kinds.records;
    kinds.passing = used > known ? used - known : 0;
    kinds.unused = taken > used ? taken - used : 0;
    uint64_t all = now > world->rss_before ? now - world->rss_before : 0;
    uint64_t pools = known + kinds.passing + kinds.unused;
    kinds.rest = all > pools ? all - pools : 0;
    return kinds;
}

static json_t *checks_json(const struct world *world)
{
    const struct observations *observed = &world->total.observed;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "keys", (json_int_t)observed->keys,
        "candidates", (json_int_t)observed->candidates, "seen_before",
        (json_int_t)observed->repeated, "budgets", (json_int_t)observed->budgets, "settled_nodes",
        (json_int_t)observed->settled, "bytes", (json_int_t)world->total.sessions.bytes_verified);
}

static json_t *memory_json(const struct world *world)
{
    const struct memory_kinds kinds = memory_now(world);
    json_t *object = json_object();
    for (uint32_t i = 0; i < MEMORY_KINDS; i++)
        json_object_set_new(object, memory_kinds[i].name,
            json_integer((json_int_t)(memory_of(&kinds, i) / world->live_count)));
    return object;
}

static void memory_text(const struct world *world)
{
    const struct memory_kinds kinds = memory_now(world);
    printf("memory: %.1f KiB per node; at the end", (double)bytes_per_node(world) / 1024);
    for (uint32_t i = 0; i < MEMORY_KINDS; i++)
        printf("%s %s %.1f", i > 0 ? "," : "", memory_kinds[i].name,
            (double)memory_of(&kinds, i) / 1024 / world->live_count);
    printf("\n");
}

void report_progress(const struct world *world, vx6_ns end)
{
    double wall = wall_s(world);
    fprintf(stderr, "\r%5.0f of %.0f s simulated, %u nodes, %.1f s wall, %.2f M events/s ",
        seconds(world->now), seconds(end), world->live_count, wall,
        wall > 0 ? (double)world_event_count(world) / wall / 1e6 : 0.0);
    fflush(stderr);
}

void report_progress_done(const struct world *world)
{
    (void)world;
    fprintf(stderr, "\n");
}

static uint64_t sum_of(const uint64_t counts[CODE_COUNT])
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < CODE_COUNT; i++)
        sum += counts[i];
    return sum;
}

/* Lookups that ended, count: with the network's answer or with a failure. */
static uint64_t lookups_counted(const struct lookup_stats *stats)
{
    return stats->succeeded + sum_of(stats->failures);
}

uint64_t report_success_ppm(const struct world *world)
{
    const struct lookup_stats *stats = &world->total.names;
    uint64_t count = lookups_counted(stats);
    return count == 0 ? 0 : stats->succeeded * 1000000 / count;
}

static void hex16(char text[17], uint64_t value)
{
    snprintf(text, 17, "%016llx", (unsigned long long)value);
}

static void command_print(FILE *file, const struct options *options)
{
    fprintf(file, "vx6-sim");
    if (options->validate)
        fprintf(file, " --validate kademlia --dead 0.%06u", options->dead_ppm);
    fprintf(file, " --nodes %u", options->nodes);
    if (!options->validate)
        fprintf(file, " --churn %u.%06u --loss %u.%06u --duration %llums",
            options->churn_ppm / 1000000, options->churn_ppm % 1000000, options->loss_ppm / 1000000,
            options->loss_ppm % 1000000, (unsigned long long)(options->duration / VX6_MILLISECOND));
    if (options->liar_ppm > 0)
        fprintf(file, " --liars 0.%06u", options->liar_ppm);
    if (options->kill_ppm > 0 && !options->validate)
        fprintf(file, " --kill 0.%06u@%llums", options->kill_ppm,
            (unsigned long long)(options->kill_at / VX6_MILLISECOND));
    if (options->partition_ppm > 0)
        fprintf(file, " --partition 0.%06u@%llums-%llums", options->partition_ppm,
            (unsigned long long)(options->partition_from / VX6_MILLISECOND),
            (unsigned long long)(options->partition_to / VX6_MILLISECOND));
    if (options->entries_die_at > 0)
        fprintf(file, " --entries-die %llums",
            (unsigned long long)(options->entries_die_at / VX6_MILLISECOND));
    fprintf(file, " --seed %llu --carrier %s --crypto %s --crypto-salt %llu",
        (unsigned long long)options->seed, carrier_names[options->carrier],
        provider_names[options->provider], (unsigned long long)options->crypto_salt);
    if (options->perturb)
        fprintf(file, " --perturb %llu", (unsigned long long)options->perturb);
    fprintf(file, "\n");
}

/* ---- JSON ---- */

static json_t *integer(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *real(double value)
{
    return json_real(rounded(value));
}

static json_t *failures_json(const uint64_t counts[CODE_COUNT])
{
    json_t *object = json_object();
    for (uint32_t i = 0; i < CODE_COUNT; i++) {
        if (counts[i] > 0)
            json_object_set_new(object, vx6_code_name((enum vx6_code)i), integer(counts[i]));
    }
    return object;
}

static void quantiles_json(json_t *object, const char *prefix, const struct samples *samples)
{
    static const uint32_t percents[] = {50, 95, 99};
    for (size_t i = 0; i < sizeof percents / sizeof percents[0]; i++) {
        char name[32];
        snprintf(name, sizeof name, "%sp%u_ms", prefix, percents[i]);
        json_object_set_new(object, name, real(samples_quantile_us(samples, percents[i]) / 1000.0));
    }
}

static json_t *lookups_json(const struct lookup_stats *stats)
{
    uint64_t count = lookups_counted(stats);
    json_t *object = json_object();
    json_object_set_new(object, "count", integer(count));
    json_object_set_new(
        object, "success", json_real(count == 0 ? 0.0 : mean(stats->succeeded, count)));
    quantiles_json(object, "", &stats->latency);
    json_object_set_new(object, "hops_mean", real(mean(stats->hops, stats->succeeded)));
    json_object_set_new(object, "queries_mean", real(mean(stats->queries, stats->succeeded)));
    json_object_set_new(object, "queries_lost_mean", real(mean(stats->lost, stats->succeeded)));
    json_object_set_new(object, "failures", failures_json(stats->failures));
    json_object_set_new(object, "registry_hits", integer(stats->hits));
    json_object_set_new(object, "owner_left", integer(stats->owner_left));
    json_object_set_new(object, "asker_left", integer(stats->asker_left));
    json_object_set_new(object, "no_target", integer(stats->skipped));
    return object;
}

static json_t *sessions_json(const struct session_stats *stats)
{
    json_t *object = json_object();
    uint64_t failed = sum_of(stats->failures);
    json_object_set_new(object, "count", integer(stats->completed + failed));
    json_object_set_new(object, "success",
        json_real(stats->completed == 0 ? 0.0 : mean(stats->completed, stats->completed + failed)));
    quantiles_json(object, "setup_", &stats->setup);
    quantiles_json(object, "direct_", &stats->direct);
    quantiles_json(object, "transfer_", &stats->transfer);
    json_object_set_new(object, "failures", failures_json(stats->failures));
    json_object_set_new(object, "owner_left", integer(stats->owner_left));
    json_object_set_new(object, "asker_left", integer(stats->asker_left));
    json_object_set_new(object, "bytes_verified", integer(stats->bytes_verified));
    return object;
}

static json_t *churn_json(const struct world *world)
{
    json_t *object = json_object();
    json_object_set_new(object, "expected", integer(churn_expected(world)));
    json_object_set_new(object, "left", integer(world->leaves));
    json_object_set_new(object, "left_silently", integer(world->leaves_silent));
    json_object_set_new(object, "joined", integer(world->joins));
    json_object_set_new(object, "entry_tries", integer(world->total.joins_tried));
    json_object_set_new(object, "entry_tries_failed", integer(world->total.joins_failed));
    return object;
}

static json_t *faults_json(const struct world *world)
{
    json_t *object = json_object();
    const struct timeline *timeline = &world->total.timeline;
    vx6_ns recovery = recovery_time(world);
    json_object_set_new(object, "killed", integer(world->killed));
    json_object_set_new(object, "over_s", real(seconds(fault_end(&world->options))));
    json_object_set_new(
        object, "recovered_s", recovery == VX6_NEVER ? json_null() : real(seconds(recovery)));
    json_t *slices = json_array();
    for (uint32_t i = 0; i < timeline->count; i++) {
        const struct slice *slice = &timeline->slices[i];
        json_array_append_new(
            slices, json_pack("{s:f, s:i, s:i}", "from_s", seconds(i * SLICE), "count",
                        (int)slice->counted, "succeeded", (int)slice->succeeded));
    }
    json_object_set_new(object, "names_by_time", slices);
    return object;
}

static json_t *traffic_json(const struct stats *stats)
{
    json_t *object = json_object();
    json_object_set_new(object, "datagrams_sent", integer(stats->datagrams_sent));
    json_object_set_new(object, "datagrams_delivered", integer(stats->datagrams_delivered));
    json_object_set_new(object, "datagrams_lost", integer(stats->datagrams_lost));
    json_object_set_new(object, "datagrams_to_nobody", integer(stats->datagrams_dead));
    json_object_set_new(object, "datagram_bytes", integer(stats->datagram_bytes));
    json_object_set_new(object, "connects", integer(stats->connects));
    json_object_set_new(object, "stream_bytes", integer(stats->chunk_bytes));
    return object;
}

static json_t *trace_json(const struct stats *stats)
{
    json_t *object = json_object();
    for (uint32_t i = 0; i < VX6_EVENT_COUNT; i++)
        json_object_set_new(
            object, vx6_event_name((enum vx6_event_kind)i), integer(stats->traced[i]));
    return object;
}

static json_t *validation_json(const struct validation *validation)
{
    json_t *object = json_object();
    json_object_set_new(object, "lookups", integer(validation->lookups));
    json_object_set_new(object, "failed", integer(validation->failed));
    json_object_set_new(object, "hops_mean", real(mean(validation->hops, validation->done)));
    json_object_set_new(object, "queries_mean", real(mean(validation->queries, validation->done)));
    json_object_set_new(
        object, "queries_lost_mean", real(mean(validation->lost, validation->done)));
    json_object_set_new(object, "closest_k_found",
        json_real(mean(validation->closest_found, validation->closest_all)));
    return object;
}

static void json_print(const struct world *world)
{
    const struct options *options = &world->options;
    const struct stats *stats = &world->total;
    char digest[17], seed[24];
    hex16(digest, world_digest(world));
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)options->seed);
    double wall = wall_s(world);
    json_t *root = json_object();
    json_object_set_new(root, "digest", json_string(digest));
    json_object_set_new(root, "seed", json_string(seed));
    json_object_set_new(root, "carrier", json_string(carrier_names[options->carrier]));
    json_object_set_new(root, "crypto", json_string(provider_names[options->provider]));
    json_object_set_new(root, "nodes", integer(options->nodes));
    json_object_set_new(root, "churn", json_real(options->churn_ppm / 1e6));
    json_object_set_new(root, "loss", json_real(options->loss_ppm / 1e6));
    json_object_set_new(root, "partial", json_boolean(world->partial));
    json_object_set_new(root, "sim_seconds", real(seconds(world->now)));
    json_object_set_new(root, "wall_seconds", real(wall));
    json_object_set_new(root, "events", integer(world_event_count(world)));
    json_object_set_new(root, "events_per_second", real((double)world_event_count(world) / wall));
    json_object_set_new(root, "threads", integer(world->shard_count));
    json_object_set_new(root, "waiting_share", real(waiting_share(world)));
    json_object_set_new(root, "bytes_per_node", integer(bytes_per_node(world)));
    json_object_set_new(root, "bytes_at_end_per_node", memory_json(world));
    json_object_set_new(root, "nodes_peak", integer(world->live_peak));
    if (options->validate) {
        json_object_set_new(root, "kademlia", validation_json(&stats->validation));
    } else {
        json_object_set_new(root, "resolve", lookups_json(&stats->names));
        json_object_set_new(root, "records", lookups_json(&stats->records));
        json_object_set_new(root, "sessions", sessions_json(&stats->sessions));
        json_object_set_new(root, "churn_measured", churn_json(world));
        json_object_set_new(root, "liars", json_real(options->liar_ppm / 1e6));
        json_object_set_new(root, "lies", integer(stats->lies));
        if (fault_end(options) > 0)
            json_object_set_new(root, "faults", faults_json(world));
    }
    json_object_set_new(root, "traffic", traffic_json(stats));
    json_object_set_new(root, "trace", trace_json(stats));
    json_object_set_new(root, "checks", checks_json(world));
    json_object_set_new(root, "violations", integer(check_all(world).count));
    json_dumpf(root, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(9));
    printf("\n");
    json_decref(root);
}

/* ---- text ---- */

static void failures_text(const uint64_t counts[CODE_COUNT])
{
    bool any = false;
    for (uint32_t i = 0; i < CODE_COUNT; i++) {
        if (counts[i] == 0)
            continue;
        printf("%s%s %llu", any ? ", " : "    failures: ", vx6_code_name((enum vx6_code)i),
            (unsigned long long)counts[i]);
        any = true;
    }
    if (any)
        printf("\n");
}

static void quantiles_text(const char *what, const struct samples *samples)
{
    printf("    %-9s p50 %.0f ms, p95 %.0f ms, p99 %.0f ms\n", what,
        samples_quantile_us(samples, 50) / 1000.0, samples_quantile_us(samples, 95) / 1000.0,
        samples_quantile_us(samples, 99) / 1000.0);
}

static void lookups_text(const char *what, const struct lookup_stats *stats)
{
    uint64_t count = lookups_counted(stats);
    if (count == 0) {
        printf("%s: none\n", what);
        return;
    }
    printf("%s: %llu, %.2f %% succeeded\n", what, (unsigned long long)count,
        100 * mean(stats->succeeded, count));
    quantiles_text("latency", &stats->latency);
    printf("    hops %.2f, queries %.1f, of which lost %.2f\n", mean(stats->hops, stats->succeeded),
        mean(stats->queries, stats->succeeded), mean(stats->lost, stats->succeeded));
    failures_text(stats->failures);
    printf("    not counted: registry hits %llu, owner left %llu, asker left %llu\n",
        (unsigned long long)stats->hits, (unsigned long long)stats->owner_left,
        (unsigned long long)stats->asker_left);
}

static void sessions_text(const struct session_stats *stats)
{
    uint64_t count = stats->completed + sum_of(stats->failures);
    if (count == 0) {
        printf("sessions by name: none\n");
        return;
    }
    printf("sessions by name with %u KiB: %llu, %.2f %% completed, %.1f MB verified\n",
        TRANSFER_BYTES / 1024, (unsigned long long)count, 100 * mean(stats->completed, count),
        (double)stats->bytes_verified / 1e6);
    quantiles_text("setup", &stats->setup);
    quantiles_text("direct", &stats->direct);
    quantiles_text("complete", &stats->transfer);
    failures_text(stats->failures);
    printf("    not counted: owner left %llu, asker left %llu\n",
        (unsigned long long)stats->owner_left, (unsigned long long)stats->asker_left);
}

/* Around the faults, second by second is too much: only what was not perfect. */
static void faults_text(const struct world *world)
{
    const struct timeline *timeline = &world->total.timeline;
    vx6_ns recovery = recovery_time(world);
    printf("faults: %u killed at once, over at %.0f s; names found where less than 99 %%:\n",
        world->killed, seconds(fault_end(&world->options)));
    for (uint32_t i = 0; i < timeline->count; i++) {
        const struct slice *slice = &timeline->slices[i];
        if (slice->succeeded * UINT64_C(100) < slice->counted * UINT64_C(99))
            printf("    asked at %.0f s: %.1f %% of %u\n", seconds(i * SLICE),
                100 * mean(slice->succeeded, slice->counted), slice->counted);
    }
    if (recovery == VX6_NEVER)
        printf("    not back to 99 %%\n");
    else
        printf("    back to 99 %% %.0f s after the end\n", seconds(recovery));
}

static void flagship_text(const struct world *world)
{
    const struct stats *stats = &world->total;
    lookups_text("names resolved", &stats->names);
    lookups_text("records of known names", &stats->records);
    sessions_text(&stats->sessions);
    printf("churn: %llu left (%llu asked for), %llu of them silently; %llu joined, %llu of %llu "
           "entry tries failed\n",
        (unsigned long long)world->leaves, (unsigned long long)churn_expected(world),
        (unsigned long long)world->leaves_silent, (unsigned long long)world->joins,
        (unsigned long long)stats->joins_failed, (unsigned long long)stats->joins_tried);
    if (world->options.liar_ppm > 0)
        printf("liars: %g of the nodes, %llu answers made up\n", world->options.liar_ppm / 1e6,
            (unsigned long long)stats->lies);
    if (fault_end(&world->options) > 0)
        faults_text(world);
}

static void text_print(const struct world *world)
{
    const struct options *options = &world->options;
    const struct stats *stats = &world->total;
    double wall = wall_s(world);
    if (world->partial)
        printf("PARTIAL: interrupted after %.0f simulated seconds\n", seconds(world->now));
    printf("%u nodes, churn %g per minute, %.0f s simulated, seed %llu, carrier %s, crypto %s\n",
        options->nodes, options->churn_ppm / 1e6, seconds(world->now),
        (unsigned long long)options->seed, carrier_names[options->carrier],
        provider_names[options->provider]);
    if (options->validate) {
        const struct validation *validation = &stats->validation;
        printf("kademlia: {hops_mean: %.3f, queries_mean: %.3f, closest_k_found: %.4f}\n",
            mean(validation->hops, validation->done), mean(validation->queries, validation->done),
            mean(validation->closest_found, validation->closest_all));
        printf("lookups: %llu, %.2f %% succeeded; of the queries %.2f were lost\n",
            (unsigned long long)validation->lookups,
            100 * mean(validation->done, validation->lookups),
            mean(validation->lost, validation->done));
    } else {
        flagship_text(world);
    }
    double node_seconds = seconds(world->now) * options->nodes;
    printf("traffic per node: %.2f datagrams/s, %.0f bytes/s\n",
        (double)stats->datagrams_sent / node_seconds,
        (double)(stats->datagram_bytes + stats->chunk_bytes) / node_seconds);
    memory_text(world);
    printf("speed: %.2f M events in %.1f s wall: %.0f events/s, %.0f times real time\n",
        (double)world_event_count(world) / 1e6, wall, (double)world_event_count(world) / wall,
        seconds(world->now) / wall);
    if (world->shard_count > 1)
        printf("threads: %u, waiting for each other %.0f %% of the time\n", world->shard_count,
            100 * waiting_share(world));
    const struct observations *observed = &world->total.observed;
    printf("checks: %llu keys, %llu candidates, %llu of them of names seen before, %llu budgets, "
           "%llu nodes settled: %llu violations\n",
        (unsigned long long)observed->keys, (unsigned long long)observed->candidates,
        (unsigned long long)observed->repeated, (unsigned long long)observed->budgets,
        (unsigned long long)observed->settled, (unsigned long long)check_all(world).count);
    printf("digest: %016llx\n", (unsigned long long)world_digest(world));
}

void report_print(struct world *world)
{
    struct stats *stats = &world->total;
    *stats = world_stats(world);
    samples_sort(&stats->names.latency);
    samples_sort(&stats->records.latency);
    samples_sort(&stats->sessions.setup);
    samples_sort(&stats->sessions.direct);
    samples_sort(&stats->sessions.transfer);
    if (world->options.json)
        json_print(world);
    else
        text_print(world);
    fflush(stdout);
}

bool report_is_good(const struct world *world)
{
    const struct options *options = &world->options;
    bool good = true;
    struct violations violations = check_all(world);
    if (violations.count > 0) {
        fprintf(stderr, "vx6-sim: %llu violations; the first %s\n",
            (unsigned long long)violations.count, violations.first);
        good = false;
    }
    if (!world->partial && !options->validate && !check_churn(world)) {
        fprintf(stderr,
            "vx6-sim: %llu nodes left, %llu were asked for: more than three sigma apart\n",
            (unsigned long long)world->leaves, (unsigned long long)churn_expected(world));
        good = false;
    }
    if (!options->validate && report_success_ppm(world) < options->success_min_ppm) {
        fprintf(stderr, "vx6-sim: only %.2f %% of lookups succeeded, less than --success-min\n",
            (double)report_success_ppm(world) / 1e4);
        good = false;
    }
    if (options->recover_within > 0 && recovery_time(world) > options->recover_within) {
        fprintf(stderr, "vx6-sim: lookups were not back to 99 %% within --recover-within\n");
        good = false;
    }
    if (!good) {
        fprintf(stderr, "repeat: ");
        command_print(stderr, options);
    }
    return good;
}
