/* SPDX-License-Identifier: MIT */
/* A node that resolves, and holders and owners that the test plays. */
#ifndef VX6_TEST_RESOLVE_BENCH_H
#define VX6_TEST_RESOLVE_BENCH_H

#include "heirs.h"
#include "lone.h"

struct session {
    uint32_t calls;
    enum vx6_code code;
    uint8_t key[32], via[96];
    size_t via_len;
    vx6_addr addr;
};

void session_resolved(struct vx6_node *node, struct session *session, enum vx6_code code,
    const uint8_t key[32], vx6_span via, const vx6_addr *addr)
{
    assert_in_range(via.len, 0, sizeof session->via);
    session->via_len = via.len;
    if (via.len > 0)
        memcpy(session->via, via.data, via.len);
    (void)node;
    session->calls++;
    session->code = code;
    memcpy(session->key, key, 32);
    session->addr = *addr;
}

/* A listing hears the same. */
void listing_resolved(struct vx6_node *node, struct listing *listing, enum vx6_code code,
    const uint8_t key[32], const vx6_addr *addr)
{
    session_resolved(node, (struct session *)(void *)listing, code, key, (vx6_span){0}, addr);
}

/* One claimant: a node that published. */
struct owner {
    struct own_keys keys;
    uint8_t bytes[VX6_BUNDLE_MAX];
    size_t len;
};

struct claim {
    const char *label, *service;
    uint64_t sequence;
    uint8_t prefix; /* first byte of its IPv6 address */
    int64_t age_s;
    const struct ancestry *ancestry;
    const struct vx6_hosted *hosted; /* one, or NULL */
    bool has_no_address;
};

static inline void owner_make_seeded(
    struct owner *owner, const uint8_t seed[32], struct claim claim)
{
    own_keys_init(&owner->keys, &vx6_crypto_model, seed);
    vx6_addr addr = {.ip = {claim.prefix ? claim.prefix : 0x20, 1, [15] = seed[0]}, .port = 4242};
    vx6_span service = lone_text(claim.service ? claim.service : "web");
    struct record_facts facts = {.sequence = claim.sequence ? claim.sequence : 1,
        .unix_s = LONE_UNIX_S - claim.age_s,
        .life_s = 1800,
        .endpoints = &addr,
        .endpoint_count = claim.has_no_address ? 0 : 1,
        .label = lone_text(claim.label),
        .services = &service,
        .service_count = 1,
        .hosted = claim.hosted,
        .hosted_count = claim.hosted ? 1 : 0,
        .lineage = ancestry_span(claim.ancestry)};
    owner->len = record_make_bundle(&vx6_crypto_model, &owner->keys, &facts, owner->bytes);
    assert_int_not_equal(owner->len, 0);
}

static inline void owner_make(struct owner *owner, uint8_t number, struct claim claim)
{
    const uint8_t seed[32] = {number};
    owner_make_seeded(owner, seed, claim);
}

/* The tombstone of a key, in the place of its bundle. */
static inline void owner_bury(
    struct owner *owner, uint8_t number, const char *label, const struct ancestry *ancestry)
{
    const uint8_t seed[32] = {number};
    own_keys_init(&owner->keys, &vx6_crypto_model, seed);
    owner->len = tombstone_of(&vx6_crypto_model,
        &(struct grave){.number = number, .label = label, .ancestry = ancestry}, LONE_UNIX_S,
        owner->bytes);
}

struct bench {
    struct vx6_node *node;
    struct session session;
    struct resolve *resolve;
    struct peer *holders[VX6_CONTACT_COUNT_MAX];
};

static inline void bench_init(struct bench *bench, const char *own_label)
{
    *bench = (struct bench){.node = lone_new(200, own_label)};
    for (uint8_t i = 0; i < VX6_CONTACT_COUNT_MAX; i++) {
        const uint8_t key[32] = {i};
        vx6_addr addr = {.ip = {0x20, 1, 0x0d, 0xb8, [15] = i}, .port = 1};
        bench->holders[i] = peer_get(bench->node->env, key, &addr);
        assert_non_null(bench->holders[i]);
    }
}

static inline void bench_free(struct bench *bench)
{
    for (uint8_t i = 0; i < VX6_CONTACT_COUNT_MAX; i++)
        peer_drop(bench->node->env, bench->holders[i]);
    lone_free(bench->node);
}

static inline void bench_open(struct bench *bench, const char *name)
{
    enum vx6_code code;
    struct vx6_name parts;
    assert_true(vx6_name_parse(lone_text(name), &parts));
    bench->session = (struct session){0};
    bench->resolve = resolve_for_session(bench->node, &parts, &bench->session, &code);
    assert_non_null(bench->resolve);
    assert_int_equal(code, VX6_OK);
    assert_int_equal(bench->session.calls, 0);
}

static inline struct op *bench_list(struct bench *bench, const char *name, enum vx6_code *code)
{
    struct vx6_name parts;
    assert_true(vx6_name_parse(lone_text(name), &parts));
    bench->session = (struct session){0};
    struct op *op = op_new(bench->node, OP_LIST, code);
    assert_non_null(op);
    bench->resolve = resolve_for_listing(
        bench->node, &parts, (struct listing *)(void *)&bench->session, op, code);
    return op;
}

static inline struct lookup *last_lookup(void)
{
    return &lone_lookups[lone_lookup_count - 1];
}

static inline void show_value(
    struct bench *bench, const struct owner *owner, struct lookup_value value)
{
    struct lookup *lookup = last_lookup();
    assert_true(lookup->running);
    value.bundle = (vx6_span){owner->bytes, owner->len};
    value.hops = 3;
    if (value.scope == SCOPE_NONE)
        value.scope = value.holder ? addr_scope(&value.holder->addr) : SCOPE_GLOBAL;
    resolve_bundle(bench->node, lookup->context, &value);
}

/* Odd holders are found on another path than even ones. */
static inline void show(
    struct bench *bench, uint32_t holder, const struct owner *owner, uint32_t index, uint32_t count)
{
    show_value(bench, owner,
        (struct lookup_value){.holder = bench->holders[holder],
            .index = index,
            .count = count,
            .path = holder % 2,
            .path_count = 3});
}

static inline void end_lookup(struct bench *bench, enum vx6_code code)
{
    struct lookup *lookup = last_lookup();
    struct lookup_result result = {
        .target = lookup->target, .code = code, .queries = 22, .hops = 4};
    lookup->running = false;
    resolve_lookup_done(bench->node, lookup->context, &result);
}

static inline void expect(struct bench *bench, enum vx6_code code)
{
    assert_int_equal(bench->session.calls, 1);
    if (bench->session.code != code)
        fail_msg("expected %s, got %s", vx6_code_name(code), vx6_code_name(bench->session.code));
    assert_int_equal(lone_last[VX6_EVENT_resolved].code, code);
}

/* Takes all outputs of the operation: candidates into `keys`, then DONE into `out`. */
static inline uint32_t drain_op(struct bench *bench, uint8_t keys[64][32], struct vx6_out *out)
{
    uint32_t count = 0;
    struct ready *ready;
    out->code = VX6_UNEXPECTED;
    while ((ready = bench->node->ready_list.first) != NULL) {
        *out = (struct vx6_out){0};
        assert_true(op_output(bench->node, ready, out));
        if (out->kind == VX6_OUT_OP_DONE)
            return count;
        assert_int_equal(out->kind, VX6_OUT_CANDIDATE);
        struct bundle bundle;
        enum vx6_code code =
            bundle_check(bench->node->env, node_unix_s(bench->node), out->value, &bundle);
        assert_int_equal(code, VX6_OK);
        assert_memory_equal(bundle.node.identity, out->key, 32);
        memcpy(keys[count++], out->key, 32);
    }
    fail();
    return count;
}

static inline vx6_id start_op(struct bench *bench, const char *name)
{
    vx6_id id;
    assert_int_equal(resolve_for_driver(bench->node, lone_text(name), &id), VX6_OK);
    assert_non_null(slots_get(&bench->node->slots, SLOT_OP, id));
    return id;
}

#endif
