/* SPDX-License-Identifier: MIT */
/* Nodes come and go; shards run. */
#include "world.h"
#include "actor.h"
#include "digest.h"
#include "liar.h"
#include "payload.h"
#include "prefetch.h"
#include "workload.h"

#include <stdlib.h>
#include <string.h>

/* Wall time at virtual time 0: any moment does. */
static const int64_t unix_ms_at_zero = 1900000000000;

static void check_memory(const void *memory)
{
    if (memory == NULL) {
        fprintf(stderr, "vx6-sim: out of memory; simulate fewer nodes (--nodes)\n");
        exit(1);
    }
}

static void *grown(void *memory, size_t count, size_t size)
{
    memory = realloc(memory, count * size);
    check_memory(memory);
    return memory;
}

/* The trace sink of every node. */
static void traced(void *context, const struct vx6_event *event)
{
    struct shard *shard = context;
    const struct world *world = shard->world;
    struct actor *actor = world->members[event->node_tag].actor;
    shard->stats.traced[event->kind]++;
    digest_event(actor, event);
    if (event->kind == VX6_EVENT_published && event->len > 0) {
        struct history *history = &world->histories[event->node_tag];
        if (history->published == VX6_NEVER)
            history->published = event->now;
    } else if (event->kind == VX6_EVENT_link_dialled) {
        transfer_dialled(actor, &event->peer);
    }
}

static void memo_init(struct shard *shard, const struct vx6_crypto *under, enum memo_use use)
{
    memo_wrap(&shard->memo, &shard->crypto, under, use);
    if (shard->index > 0) /* keys are made where nodes join, and no shard runs then */
        memo_share(&shard->memo, &shard->world->shards[0].memo);
}

static void crypto_init(struct shard *shard)
{
    switch (shard->world->options.provider) {
    case PROVIDER_MODEL:
        memo_init(shard, &vx6_crypto_model, MEMO_KEYS);
        break;
    case PROVIDER_MEMO:
        memo_init(shard, &vx6_crypto_real, MEMO_KEYS_AND_SIGNATURES);
        break;
    case PROVIDER_REAL:
        shard->crypto = vx6_crypto_real;
        break;
    }
}

static void shard_init(struct world *world, uint32_t index)
{
    const struct options *options = &world->options;
    struct shard *shard = &world->shards[index];
    shard->world = world;
    shard->index = index;
    crypto_init(shard);
    shard->crypto.salt = options->crypto_salt;
    shard->crypto.unpadded = options->provider == PROVIDER_MODEL; /* payload.c */
    queue_init(&shard->queue, &shard->pool);
    shard->trace = (struct vx6_trace){.event = traced, .context = shard};
    shard->scratch = pool_take(&shard->pool, NET_FILL_MAX);
    payload_room_init(shard);
    vx6_alloc alloc = {.resize = pool_resize, .context = &shard->pool};
    shard->env = vx6_env_new(alloc, &shard->crypto, &world->limits, &shard->trace);
    VX6_ASSERT(shard->env != NULL);
}

void world_init(struct world *world, const struct options *options)
{
    world->options = *options;
    world->limits = vx6_limits_default;
    world->churn_next = VX6_NEVER;
    world->shard_count = options->threads;
    size_t size = world->shard_count * sizeof *world->shards;
    world->shards = aligned_alloc(_Alignof(struct shard), size);
    VX6_ASSERT(world->shards != NULL);
    memset(world->shards, 0, size);
    for (uint32_t i = 0; i < world->shard_count; i++)
        shard_init(world, i);
    windows_init(world);
}

static void events_drop(struct shard *shard)
{
    struct event event;
    while (queue_pop(&shard->queue, VX6_NEVER, &event)) {
        if (event.kind == EVENT_DATAGRAM || event.kind == EVENT_CHUNK)
            payload_drop(shard, event.u.payload);
    }
}

void world_free(struct world *world)
{
    windows_stop(world);
    windows_free(world);
    for (uint32_t i = 0; i < world->shard_count; i++)
        events_drop(&world->shards[i]);
    for (uint32_t i = 0; i < world->member_count; i++) {
        if (world->members[i].actor)
            actor_free(world->members[i].actor);
    }
    for (uint32_t i = 0; i < world->shard_count; i++) {
        struct shard *shard = &world->shards[i];
        vx6_env_free(shard->env);
        pool_give(&shard->pool, shard->scratch, NET_FILL_MAX);
        payload_room_free(shard);
        queue_free(&shard->queue);
        stats_free(&shard->stats);
        memo_free(&shard->memo);
    }
    /* Blocks wander from pool to pool: none may go before all are back. */
    for (uint32_t i = 0; i < world->shard_count; i++)
        pool_free(&world->shards[i].pool);
    stats_free(&world->total);
    free(world->shards);
    free(world->members);
    free(world->histories);
    free(world->keys);
    free(world->live);
    free(world->ids);
    free(world->liars);
    free(world->sorted);
    free(world->departures);
}

static void seed_fill(
    uint8_t seed[32], const struct world *world, enum purpose purpose, uint32_t who)
{
    struct draw draw = draw_init(world->options.seed, purpose, who);
    for (uint32_t i = 0; i < 32; i += 8) {
        uint64_t random = draw_next(&draw);
        for (uint32_t j = 0; j < 8; j++)
            seed[i + j] = (uint8_t)(random >> (8 * j));
    }
}

void world_identity_seed(const struct world *world, uint32_t index, uint8_t seed[32])
{
    seed_fill(seed, world, PURPOSE_IDENTITY, index);
}

int64_t world_unix_ms(vx6_ns now)
{
    return unix_ms_at_zero + (int64_t)(now / VX6_MILLISECOND);
}

/* realloc() would not keep them at the begin of cache lines. */
static void members_grow(struct world *world)
{
    const size_t size = sizeof *world->members;
    struct member *members = aligned_alloc(size, world->member_capacity * size);
    check_memory(members);
    if (world->member_count > 0)
        memcpy(members, world->members, world->member_count * size);
    free(world->members);
    world->members = members;
}

static struct member *member_add(struct world *world)
{
    if (world->member_count == world->member_capacity) {
        world->member_capacity = world->member_capacity == 0 ? 1024 : world->member_capacity * 2;
        members_grow(world);
        world->histories =
            grown(world->histories, world->member_capacity, sizeof *world->histories);
        world->keys = grown(world->keys, world->member_capacity, sizeof *world->keys);
        world->live = grown(world->live, world->member_capacity, sizeof *world->live);
    }
    uint32_t index = world->member_count++;
    struct member *member = &world->members[index];
    *member = (struct member){.place = net_place(world->options.seed, index)};
    world->histories[index] =
        (struct history){.published = VX6_NEVER, .came = world->now, .left = VX6_NEVER};
    return member;
}

struct actor *world_join(struct world *world)
{
    struct member *member = member_add(world);
    uint32_t index = (uint32_t)(member - world->members);
    struct shard *shard = &world->shards[index % world->shard_count];
    struct actor *actor = pool_take(&shard->pool, sizeof *actor);
    memset(actor, 0, sizeof *actor);
    actor->shard = shard;
    actor->index = index;
    actor->armed = VX6_NEVER;
    actor->write_again = VX6_NEVER;
    actor->draw = draw_init(world->options.seed, PURPOSE_WORKLOAD, index);
    actor->live_slot = world->live_count;
    world->live[world->live_count++] = index;
    if (world->live_count > world->live_peak)
        world->live_peak = world->live_count;
    member->actor = actor;

    vx6_config config = {.node_tag = index,
        .sequence_first = 1,
        .unix_ms = world_unix_ms(world->now),
        .suite = VX6_SUITE_AESGCM};
    world_identity_seed(world, index, config.identity_seed);
    seed_fill(config.rng_seed, world, PURPOSE_NODE_RNG, index);
    if (!world->options.validate)
        label_make(config.label, index);
    actor->node = vx6_node_new(shard->env, &config, shard->now);
    VX6_ASSERT(actor->node != NULL);
    uint8_t id[32];
    vx6_node_identity(actor->node, world->keys[index], id);
    liar_add(world, actor);
    return actor;
}

void world_depart(struct world *world, struct actor *actor)
{
    uint32_t moved = world->live[--world->live_count];
    world->live[actor->live_slot] = moved;
    world->members[moved].actor->live_slot = actor->live_slot;
    workload_left(actor);
    world->histories[actor->index].left = world->now;
}

void world_remove(struct world *world, struct actor *actor)
{
    struct member *member = &world->members[actor->index];
    if (world->histories[actor->index].left == VX6_NEVER)
        world_depart(world, actor);
    world->digest_gone += digest_of(actor);
    actor_free(actor);
    member->actor = NULL;
}

/* What an event will touch is fetched while those before it run. Each step reads only what the one
 * before has fetched. */
enum {
    MEMBER_AHEAD = 20, /* events before its own turn */
    ACTOR_AHEAD = 16,
    NODE_AHEAD = 13,
    STEP_AHEAD = 2 /* so many events less with each step */
};

static bool has_payload(const struct event *event)
{
    return event->kind == EVENT_DATAGRAM || event->kind == EVENT_CHUNK;
}

/* False: there is nothing more to fetch. */
static bool fetch_step(const struct member *member, const struct event *event, uint32_t step)
{
    const struct actor *actor = member->actor;
    if (actor == NULL)
        return false;
    if (step > 0 && event->kind == EVENT_WAKE && vx6_node_deadline(actor->node) > event->time)
        return false; /* it comes too early, and only arms the next one */
    const struct payload *payload = event->kind == EVENT_DATAGRAM ? event->u.payload : NULL;
    return vx6_node_expect(
        actor->node, step, payload ? payload->data : NULL, payload ? payload->head : 0);
}

static void look_ahead(struct shard *shard)
{
    const struct member *members = shard->world->members;
    struct event *event = queue_peek(&shard->queue, MEMBER_AHEAD);
    if (event) {
        prefetch_line(&members[event->dst]);
        prefetch_line(&members[event->src]); /* where it comes from, and where an answer goes */
        if (has_payload(event))
            prefetch_line(event->u.payload);
    }
    event = queue_peek(&shard->queue, ACTOR_AHEAD);
    if (event && members[event->dst].actor) {
        prefetch(members[event->dst].actor, offsetof(struct actor, joined));
        if (has_payload(event))
            prefetch(event->u.payload->data, payload_stored(event->u.payload));
    }
    for (uint32_t step = 0; step < VX6_EXPECT_STEPS; step++) {
        event = queue_peek(&shard->queue, NODE_AHEAD - step * STEP_AHEAD);
        if (event && !(event->flags & EVENT_FETCHED) &&
            !fetch_step(&members[event->dst], event, step))
            event->flags |= EVENT_FETCHED;
    }
}

void shard_run(struct shard *shard, vx6_ns limit)
{
    const struct world *world = shard->world;
    struct event event;
    while (queue_pop(&shard->queue, limit, &event)) {
        look_ahead(shard);
        shard->now = event.time;
        const struct member *member = &world->members[event.dst];
        if (member->actor)
            actor_event(member->actor, &event);
        else
            carrier_event_gone(shard, member, &event);
    }
    shard->now = limit;
}

void world_run(struct world *world, vx6_ns limit)
{
    windows_run(world, limit);
    world->now = limit;
    for (uint32_t i = 1; i < world->shard_count; i++)
        pool_balance(&world->shards[i - 1].pool, &world->shards[i].pool);
}

uint64_t world_event_count(const struct world *world)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < world->shard_count; i++) {
        const struct stats *stats = &world->shards[i].stats;
        count += stats->messages + stats->timers + stats->commands;
    }
    return count;
}

struct stats world_stats(struct world *world)
{
    struct stats sum = {0};
    for (uint32_t i = 0; i < world->shard_count; i++)
        stats_add(&sum, &world->shards[i].stats);
    return sum;
}

uint64_t world_digest(const struct world *world)
{
    uint64_t digest = world->digest_gone;
    for (uint32_t i = 0; i < world->member_count; i++) {
        if (world->members[i].actor)
            digest += digest_of(world->members[i].actor);
    }
    return mix2(digest, world->member_count);
}
