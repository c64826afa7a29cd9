/* SPDX-License-Identifier: MIT */
/* A node without its neighbours, for the tests of names and records: lookups and queries go
 * nowhere, and a test says what comes back. Included by one .c file of a test. */
#ifndef VX6_LONE_H
#define VX6_LONE_H

#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "memory.h"

enum {
    LONE_UNIX_S = 1700000000,
    LONE_LOOKUPS_MAX = 16,
    LONE_QUERIES_MAX = 256
};

struct lookup {
    uint8_t target[32];
    bool want_values, running;
    enum lookup_user user;
    void *context;
};

static struct lookup lone_lookups[LONE_LOOKUPS_MAX];
static uint32_t lone_lookup_count;
static bool lone_lookup_refused;
static struct vx6_event lone_last[VX6_EVENT_COUNT];

void trace(struct vx6_node *node, enum vx6_event_kind kind, const vx6_addr *peer, uint8_t msg,
    size_t len, enum vx6_code code)
{
    (void)peer;
    (void)msg;
    node->counters[kind]++;
    lone_last[kind] =
        (struct vx6_event){.kind = kind, .len = (uint32_t)len, .code = (uint16_t)code};
}

struct lookup *lookup_start(struct vx6_node *node, const uint8_t target[32], bool want_values,
    enum lookup_user user, void *context)
{
    (void)node;
    if (lone_lookup_refused)
        return NULL;
    assert_true(lone_lookup_count < LONE_LOOKUPS_MAX);
    struct lookup *lookup = &lone_lookups[lone_lookup_count++];
    *lookup = (struct lookup){
        .want_values = want_values, .running = true, .user = user, .context = context};
    memcpy(lookup->target, target, 32);
    return lookup;
}

enum vx6_code lookup_refusal(const struct vx6_node *node)
{
    (void)node;
    return VX6_LIMIT;
}

void lookup_cancel(struct vx6_node *node, struct lookup *lookup)
{
    (void)node;
    assert_true(lookup->running);
    lookup->running = false;
}

void lookup_progress(const struct lookup *lookup, struct lookup_result *result)
{
    assert_true(lookup->running);
    result->queries = 5;
    result->lost = 1;
}

/* Nothing is asked of peers here. */
void listing_cancel(struct vx6_node *node, struct listing *listing)
{
    (void)node, (void)listing;
    fail();
}

void reach_cancel(struct vx6_node *node, struct op *op)
{
    (void)node;
    (void)op;
    fail();
}

struct query {
    struct peer *peer;
    struct vx6_msg ask;
    void *context;
    bool running;
};

static struct query lone_queries[LONE_QUERIES_MAX];
static uint32_t lone_query_count, lone_in_flight;
static uint32_t lone_stored; /* bundles that this node holds itself */
static vx6_span lone_services[16];
static uint32_t lone_service_count;
static struct vx6_hosted lone_hosted[16];
static uint32_t lone_hosted_count;
static uint8_t lone_buried[32];  /* the node ID whose tombstone is held here */
static uint8_t lone_allowed[32]; /* the one key in the lists of this node */
static uint8_t lone_ended[32];   /* the last key whose sessions were ended */

struct query *query_start(struct vx6_node *node, struct peer *peer, const struct vx6_msg *ask,
    enum query_user user, void *context)
{
    (void)node;
    assert_int_equal(user, QUERY_STORE);
    assert_true(lone_query_count < LONE_QUERIES_MAX);
    struct query *query = &lone_queries[lone_query_count++];
    *query = (struct query){.peer = peer, .ask = *ask, .context = context, .running = true};
    lone_in_flight++;
    return query;
}

void query_cancel(struct vx6_node *node, struct query *query)
{
    (void)node;
    assert_true(query->running);
    query->running = false;
    lone_in_flight--;
}

static inline void lone_bury(struct vx6_node *node, const uint8_t id[32])
{
    node->holder.tombstones = 1;
    memcpy(lone_buried, id, 32);
}

static uint64_t lone_held; /* the sequence of what is held for others of whoever is asked about */

enum vx6_code holder_store(
    struct vx6_node *node, const uint8_t key[32], vx6_span bytes, const vx6_addr *source)
{
    assert_null(source);
    struct bundle bundle;
    assert_int_equal(bundle_check(node->env, node_unix_s(node), bytes, &bundle), VX6_OK);
    assert_true(bundle_fits_key(node->env->crypto, &bundle, key));
    lone_stored++;
    return VX6_OK;
}

bool holder_has_tombstone(const struct vx6_node *node, const uint8_t id[32])
{
    (void)node;
    return bytes_equal(lone_buried, id, 32);
}

/* Which keys the sessions and services of this node went along with, and gave up. */
void sessions_follow(struct vx6_node *node, const uint8_t from[32], const uint8_t to[32])
{
    (void)node, (void)from, (void)to;
}

enum vx6_code services_room(struct vx6_node *node, const struct lineage *lineage,
    const uint8_t identity[32], const uint8_t key[32])
{
    (void)node, (void)lineage, (void)identity, (void)key;
    return VX6_OK;
}

enum vx6_code services_make_room(
    struct vx6_node *node, const uint8_t from[32], const uint8_t to[32])
{
    (void)node, (void)from, (void)to;
    return VX6_OK;
}

void services_give_up(struct vx6_node *node)
{
    (void)node;
}

void services_follow(struct vx6_node *node, const uint8_t from[32], const uint8_t to[32])
{
    (void)node;
    if (bytes_equal(lone_allowed, from, 32))
        memcpy(lone_allowed, to, 32);
}

bool services_came_by_revoked(const struct vx6_node *node, const uint8_t key[32])
{
    (void)node;
    (void)key;
    return false;
}

bool services_have(const struct vx6_node *node, const uint8_t key[32])
{
    (void)node;
    return bytes_equal(lone_allowed, key, 32);
}

void services_show_keys(const struct vx6_node *node, struct key_step *step)
{
    (void)node;
    key_step_see(step, lone_allowed);
}

void sessions_end_revoked(struct vx6_node *node, const uint8_t key[32])
{
    (void)node;
    memcpy(lone_ended, key, 32);
}

bool holder_wants(
    const struct vx6_node *node, const uint8_t key[32], const uint8_t owner[32], uint64_t sequence)
{
    (void)node;
    assert_memory_equal(key, owner, 32);
    return sequence > lone_held;
}

int distance_compare(const uint8_t target[32], const uint8_t a[32], const uint8_t b[32])
{
    for (size_t i = 0; i < 32; i++) {
        int difference = (a[i] ^ target[i]) - (b[i] ^ target[i]);
        if (difference != 0)
            return difference;
    }
    return 0;
}

uint32_t service_names(const struct vx6_node *node, vx6_span *names, uint32_t cap)
{
    (void)node;
    assert_true(lone_service_count <= cap);
    memcpy(names, lone_services, lone_service_count * sizeof *names);
    return lone_service_count;
}

uint32_t services_hosted(const struct vx6_node *node, struct vx6_hosted *hosted, uint32_t cap)
{
    (void)node;
    assert_true(lone_hosted_count <= cap);
    memcpy(hosted, lone_hosted, lone_hosted_count * sizeof *hosted);
    return lone_hosted_count;
}

bool service_host(const struct vx6_node *node, vx6_span name, uint8_t host[32])
{
    (void)node;
    for (uint32_t i = 0; i < lone_hosted_count; i++) {
        if (!span_equal(lone_hosted[i].name, name))
            continue;
        memcpy(host, lone_hosted[i].host, 32);
        return true;
    }
    return false;
}

static struct memory lone_memory;
static struct vx6_limits lone_limits;

static struct vx6_node *lone_new(uint8_t number, const char *label)
{
    if (lone_memory.held == 0)
        lone_limits = vx6_limits_default;
    lone_lookup_count = lone_query_count = lone_in_flight = 0;
    lone_stored = lone_service_count = lone_hosted_count = 0;
    memset(lone_buried, 0, sizeof lone_buried);
    memset(lone_allowed, 0, sizeof lone_allowed);
    memset(lone_ended, 0, sizeof lone_ended);
    lone_held = 0;
    memset(lone_last, 0, sizeof lone_last);
    lone_lookup_refused = false;
    lone_memory.requests = lone_memory.fail_at = 0;
    vx6_alloc alloc = {memory_resize, &lone_memory};
    vx6_env *env = vx6_env_new(alloc, &vx6_crypto_model, &lone_limits, NULL);
    struct vx6_node *node = calloc(1, sizeof *node);
    assert_non_null(env);
    assert_non_null(node);
    const uint8_t seed[32] = {number};
    node->env = env;
    timers_init(&node->timers);
    node->now = 1000 * VX6_SECOND;
    node->unix_ms_at_zero = ((int64_t)LONE_UNIX_S - 1000) * 1000;
    node->sequence_next = 100;
    node->label_len = (uint8_t)strlen(label);
    memcpy(node->label, label, node->label_len);
    node->ready.kind = READY_NODE;
    own_keys_init(&node->keys, env->crypto, seed);
    rng_init(&node->public_rng, seed, "public");
    publish_init(node);
    return node;
}

static void lone_free(struct vx6_node *node)
{
    vx6_env *env = node->env;
    resolves_free(node);
    publish_free(node);
    ops_free(node);
    bindings_free(node);
    known_free(node);
    revoked_free(node);
    relied_free(node);
    succession_free(node);
    refusals_free(node);
    blob_drop(env, node->lineage);
    slots_clear(env, &node->slots);
    free(node);
    vx6_env_free(env);
    assert_int_equal(lone_memory.held, 0);
}

/* Runs the timers that are due until `duration` has passed. */
static inline void lone_run(struct vx6_node *node, vx6_ns duration)
{
    vx6_ns end = node->now + duration;
    ops_reap(node);
    while (timer_deadline(&node->timers) <= end) {
        if (timer_deadline(&node->timers) > node->now)
            node->now = timer_deadline(&node->timers);
        enum timer_kind kind;
        struct timer *timer;
        assert_true(timer_pop(&node->timers, node->now, &kind, &timer));
        if (kind == TIMER_RESOLVE)
            resolve_timer(node, timer);
        else if (kind == TIMER_PUBLISH)
            publish_timer(node);
        else if (kind == TIMER_REVOKED)
            revoked_timer(node);
        else if (kind == TIMER_RELIED)
            relied_timer(node);
        else
            fail();
    }
    node->now = end;
}

/* What the driver hears of keys, without the names that were bound. */
static inline bool lone_output(struct vx6_node *node, struct vx6_out *out)
{
    *out = (struct vx6_out){0};
    return succession_output(node, out) || binding_clash_output(node, out) ||
           revoked_output(node, out);
}

static inline vx6_span lone_text(const char *string)
{
    return (vx6_span){(const uint8_t *)string, strlen(string)};
}

#endif
