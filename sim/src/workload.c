/* SPDX-License-Identifier: MIT */
/* Lookups: every node resolves a live name that it has not resolved before once a minute on
 * average, and now and then one that it has, which it then asks for by key. Only what a network can
 * answer counts: the owner was up for the whole lookup and had published 30 s before. */
#include "workload.h"
#include "actor.h"
#include "check.h"
#include "fault.h"

#include <string.h>

static const vx6_ns resolve_mean = 60 * VX6_SECOND;
static const vx6_ns resolve_again_mean = 240 * VX6_SECOND;
static const vx6_ns session_mean = 600 * VX6_SECOND;
static const vx6_ns change_mean = 1200 * VX6_SECOND;
static const vx6_ns join_retry = 2 * VX6_SECOND;
enum {
    TARGET_TRIES = 64
};

void label_make(char label[VX6_LABEL_MAX + 1], uint32_t index)
{
    snprintf(label, VX6_LABEL_MAX + 1, "n%u", index);
}

uint32_t label_index(vx6_span label)
{
    uint32_t index = 0;
    if (label.len < 2 || label.len > 10 || label.data[0] != 'n')
        return UINT32_MAX;
    for (size_t i = 1; i < label.len; i++) {
        if (label.data[i] < '0' || label.data[i] > '9')
            return UINT32_MAX;
        index = index * 10 + (label.data[i] - '0');
    }
    return index;
}

void workload_schedule(struct actor *actor, enum command command, vx6_ns delay)
{
    struct event event = {.kind = EVENT_COMMAND,
        .time = actor->shard->now + delay,
        .dst = actor->index,
        .src = actor->index,
        .sequence = actor->sequence++,
        .u.value = command};
    queue_push(&actor->shard->queue, &event);
}

static void schedule_next(struct actor *actor, enum command command, vx6_ns mean)
{
    workload_schedule(actor, command, exponential(draw_next(&actor->draw), mean));
}

static void must(enum vx6_code code)
{
    VX6_ASSERT(code == VX6_OK);
}

/* Its own address and service. */
static void set_up(struct actor *actor)
{
    struct vx6_in service = {.kind = VX6_IN_SERVICE_ADD, .data = (const uint8_t *)"web", .len = 3};
    must(actor_input(actor, &service));
    struct vx6_in endpoint = {
        .kind = VX6_IN_ENDPOINT_ADD, .peer = world_addr(actor->shard->world, actor->index)};
    must(actor_input(actor, &endpoint));
}

static void ask_from_now_on(struct actor *actor)
{
    if (actor->joined)
        return;
    actor->joined = true;
    schedule_next(actor, COMMAND_CHANGE, change_mean);
    if (actor->liar)
        return; /* what liars find out does not count */
    schedule_next(actor, COMMAND_RESOLVE, resolve_mean);
    schedule_next(actor, COMMAND_RESOLVE_AGAIN, resolve_again_mean);
    schedule_next(actor, COMMAND_SESSION, session_mean);
}

void workload_begin(struct actor *actor)
{
    set_up(actor);
    ask_from_now_on(actor);
}

struct pending *workload_pending(struct actor *actor, enum command command, vx6_id id)
{
    actor->pending =
        actor_longer(actor, actor->pending, &actor->pending_count, sizeof *actor->pending);
    struct pending *pending = &actor->pending[actor->pending_count - 1];
    *pending =
        (struct pending){.id = id, .command = (uint8_t)command, .started = actor->shard->now};
    return pending;
}

/* Any live node that is in the network itself, but with --entries-die only one of the first nodes
 * as long as one of them lives.
 */
static uint32_t entry_of(struct actor *actor)
{
    const struct world *world = actor->shard->world;
    uint32_t entry = actor->index;
    uint32_t first = draw_below(&actor->draw, ENTRY_COUNT);
    for (uint32_t i = 0; i < ENTRY_COUNT && world->entries_next != VX6_NEVER; i++) {
        entry = (first + i) % ENTRY_COUNT;
        if (world->histories[entry].left == VX6_NEVER)
            return entry;
    }
    for (uint32_t i = 0; i < TARGET_TRIES; i++) {
        entry = world->live[draw_below(&actor->draw, world->live_count)];
        vx6_ns published = world->histories[entry].published;
        if (entry != actor->index && published != VX6_NEVER &&
            published + ENTRY_UP_FOR <= actor->shard->now)
            break;
    }
    return entry;
}

static void join(struct actor *actor)
{
    struct vx6_in in = {
        .kind = VX6_IN_PEER_ADD, .peer = world_addr(actor->shard->world, entry_of(actor))};
    actor->shard->stats.joins_tried++;
    if (actor_input(actor, &in) != VX6_OK) {
        workload_schedule(actor, COMMAND_JOIN, join_retry);
        return;
    }
    workload_pending(actor, COMMAND_JOIN, in.id);
}

void workload_arrived(struct actor *actor)
{
    set_up(actor);
    join(actor);
}

static struct known *known_find(const struct actor *actor, uint32_t target)
{
    for (uint32_t i = 0; i < actor->known_count; i++) {
        if (actor->known[i].target == target)
            return &actor->known[i];
    }
    return NULL;
}

uint32_t workload_target(struct actor *actor, bool only_unknown)
{
    const struct world *world = actor->shard->world;
    vx6_ns now = actor->shard->now;
    for (uint32_t i = 0; i < TARGET_TRIES; i++) {
        uint32_t target = world->live[draw_below(&actor->draw, world->live_count)];
        vx6_ns published = world->histories[target].published;
        if (target == actor->index || published == VX6_NEVER || published + PUBLISHED_FOR > now)
            continue;
        if (!only_unknown || known_find(actor, target) == NULL)
            return target;
    }
    return UINT32_MAX;
}

static struct lookup_stats *lookup_stats(struct actor *actor, enum command command)
{
    struct stats *stats = &actor->shard->stats;
    return command == COMMAND_RESOLVE ? &stats->names : &stats->records;
}

static void resolve(struct actor *actor, enum command command, uint32_t target)
{
    struct lookup_stats *stats = lookup_stats(actor, command);
    if (target == UINT32_MAX) {
        stats->skipped++;
        return;
    }
    char label[VX6_LABEL_MAX + 1];
    label_make(label, target);
    struct vx6_in in = {
        .kind = VX6_IN_RESOLVE, .data = (const uint8_t *)label, .len = strlen(label)};
    stats->asked++;
    enum vx6_code code = actor_input(actor, &in);
    if (code == VX6_OK)
        workload_pending(actor, command, in.id)->target = target;
    else
        stats->failures[code]++;
}

/* A name resolved earlier whose owner is still there. */
static uint32_t known_target(struct actor *actor)
{
    if (actor->known_count == 0)
        return UINT32_MAX;
    uint32_t target = actor->known[draw_below(&actor->draw, actor->known_count)].target;
    return actor->shard->world->histories[target].left == VX6_NEVER ? target : UINT32_MAX;
}

/* A second service comes or goes: what is known of the owner gets old. */
static void change(struct actor *actor)
{
    struct vx6_in in = {
        .kind = actor->has_second_service ? VX6_IN_SERVICE_REMOVE : VX6_IN_SERVICE_ADD,
        .data = (const uint8_t *)"api",
        .len = 3};
    must(actor_input(actor, &in));
    actor->has_second_service = !actor->has_second_service;
}

void workload_command(struct actor *actor, enum command command)
{
    switch (command) {
    case COMMAND_RESOLVE:
        schedule_next(actor, command, resolve_mean);
        resolve(actor, command, workload_target(actor, true));
        break;
    case COMMAND_RESOLVE_AGAIN:
        schedule_next(actor, command, resolve_again_mean);
        resolve(actor, command, known_target(actor));
        break;
    case COMMAND_SESSION:
        schedule_next(actor, command, session_mean);
        transfer_open(actor);
        break;
    case COMMAND_CHANGE:
        schedule_next(actor, command, change_mean);
        change(actor);
        break;
    case COMMAND_JOIN:
        join(actor);
        break;
    case COMMAND_BEGIN:
        warm_command(actor);
        break;
    case COMMAND_LOOKUP:
        validate_command(actor);
        break;
    }
}

static void known_add(struct actor *actor, uint32_t target)
{
    if (known_find(actor, target))
        return;
    actor->known = actor_longer(actor, actor->known, &actor->known_count, sizeof *actor->known);
    actor->known[actor->known_count - 1] = (struct known){.target = target};
}

/* First use: from now on the name is asked for by its key. */
static void bind(struct actor *actor, uint32_t target, const uint8_t key[32])
{
    char label[VX6_LABEL_MAX + 1];
    label_make(label, target);
    struct vx6_in in = {
        .kind = VX6_IN_NAME_BIND, .data = (const uint8_t *)label, .len = strlen(label)};
    memcpy(in.key, key, sizeof in.key);
    must(actor_input(actor, &in));
    known_add(actor, target);
}

static void resolve_done(
    struct actor *actor, const struct pending *pending, const struct vx6_out *out)
{
    const struct world *world = actor->shard->world;
    struct lookup_stats *stats = lookup_stats(actor, pending->command);
    if (out->code == VX6_OK) {
        check_key(actor, pending->target, out->key, "a resolve");
        bind(actor, pending->target, out->key);
        if (pending->command == COMMAND_RESOLVE_AGAIN)
            check_sequence(actor, pending->target, &known_find(actor, pending->target)->sequence,
                pending->sequence);
    }
    if (actor->leaving) {
        stats->asker_left++;
        return;
    }
    if (world->histories[pending->target].left != VX6_NEVER) {
        stats->owner_left++;
        return;
    }
    bool is_name = pending->command == COMMAND_RESOLVE;
    if (out->code != VX6_OK) {
        stats->failures[out->code]++;
        if (out->code == VX6_NO_PEERS) /* its driver names another entry point */
            workload_schedule(actor, COMMAND_JOIN, join_retry);
        if (is_name)
            timeline_add(&actor->shard->stats.timeline, pending->started, false);
        return;
    }
    if (out->hops == 0) {
        stats->hits++;
        return;
    }
    stats->succeeded++;
    if (is_name)
        timeline_add(&actor->shard->stats.timeline, pending->started, true);
    stats->hops += out->hops;
    stats->queries += out->queries;
    stats->lost += out->lost;
    samples_add(&stats->latency, actor->shard->now - pending->started);
}

static void join_done(struct actor *actor, enum vx6_code code)
{
    if (code == VX6_OK) {
        ask_from_now_on(actor);
        return;
    }
    actor->shard->stats.joins_failed++;
    workload_schedule(actor, COMMAND_JOIN, join_retry);
}

static void op_done(struct actor *actor, uint32_t index, const struct vx6_out *out)
{
    struct pending pending = actor->pending[index];
    actor->pending[index] = actor->pending[actor->pending_count - 1];
    actor->pending =
        actor_shorter(actor, actor->pending, &actor->pending_count, sizeof *actor->pending);
    if (pending.command == COMMAND_LOOKUP)
        validate_done(actor, &pending, out);
    else if (pending.command == COMMAND_JOIN)
        join_done(actor, out->code);
    else
        resolve_done(actor, &pending, out);
}

static void name_bound(struct actor *actor, const struct vx6_out *out)
{
    uint32_t target = label_index(out->value);
    if (target >= actor->shard->world->member_count) {
        violation(actor, "bound a name that nobody has");
        return;
    }
    check_key(actor, target, out->key, "a binding");
    known_add(actor, target);
}

void workload_output(struct actor *actor, const struct vx6_out *out)
{
    if (out->kind == VX6_OUT_NAME_BOUND) {
        name_bound(actor, out);
        return;
    }
    for (uint32_t i = 0; i < actor->pending_count; i++) {
        if (actor->pending[i].id.bits != out->id.bits)
            continue;
        if (out->kind == VX6_OUT_CANDIDATE)
            check_candidate(actor, actor->pending[i].target, out, &actor->pending[i].sequence);
        else
            op_done(actor, i, out);
        return;
    }
}

void workload_left(struct actor *actor)
{
    for (uint32_t i = 0; i < actor->pending_count; i++) {
        enum command command = actor->pending[i].command;
        if (command == COMMAND_RESOLVE || command == COMMAND_RESOLVE_AGAIN)
            lookup_stats(actor, command)->asker_left++;
    }
    transfer_left(actor);
}
