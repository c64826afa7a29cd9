/* SPDX-License-Identifier: MIT */
/* One node and its four verbs, called by a driver that does as it likes. */
#include "test.h"

#include "memory.h"
#include "vx6/crypto.h"
#include "vx6/node.h"

enum {
    CONTACTS = 3,
    STEPS = 400
};

static const vx6_addr own_addr = {{0x20, 0x01, 0x0d, 0xb8, [15] = 1}, 4242};

struct host {
    struct memory memory;
    struct vx6_limits limits;
    vx6_env *env;
    vx6_node *node;
    vx6_ns now;
};

static void host_start(struct host *host, uint8_t rng_seed)
{
    vx6_config config = {.unix_ms = INT64_C(1767225600000),
        .sequence_first = 1,
        .suite = VX6_SUITE_CHACHAPOLY,
        .identity_seed = {1},
        .rng_seed = {rng_seed}};
    *host = (struct host){.limits = vx6_limits_default, .now = VX6_SECOND};
    host->limits.link_pending_max = 8;
    host->env = vx6_env_new(
        (vx6_alloc){memory_resize, &host->memory}, &vx6_crypto_model, &host->limits, NULL);
    assert_non_null(host->env);
    host->node = vx6_node_new(host->env, &config, host->now);
    assert_non_null(host->node);
}

static void host_stop(struct host *host)
{
    vx6_node_free(host->node);
    vx6_env_free(host->env);
    assert_int_equal(host->memory.held, 0);
}

static vx6_addr addr_of(uint8_t number)
{
    vx6_addr addr = own_addr;
    addr.ip[5] = number;
    return addr;
}

static enum vx6_code give(struct host *host, struct vx6_in in)
{
    return vx6_node_input(host->node, host->now, &in);
}

static enum vx6_code make(
    struct host *host, enum vx6_in_kind kind, uint8_t number, const char *text, vx6_id *id)
{
    struct vx6_in in = {.kind = kind, .peer = addr_of(number), .key = {number}};
    if (text) {
        in.data = (const uint8_t *)text;
        in.len = strlen(text);
    }
    enum vx6_code code = vx6_node_input(host->node, host->now, &in);
    *id = in.id;
    return code;
}

static void add_contacts(struct host *host)
{
    for (uint8_t i = 0; i < CONTACTS; i++) {
        struct vx6_in in = {.kind = VX6_IN_CONTACT, .peer = addr_of((uint8_t)(i + 10))};
        const uint8_t seed[32] = {i, 7};
        vx6_crypto_model.sign_public(&vx6_crypto_model, in.key, seed);
        assert_int_equal(vx6_node_input(host->node, host->now, &in), VX6_OK);
    }
}

static unsigned drain(struct host *host, enum vx6_out_kind kind, struct vx6_out *last)
{
    struct vx6_out out;
    unsigned found = 0;
    while (vx6_node_output(host->node, &out)) {
        if (out.kind != kind)
            continue;
        found++;
        *last = out;
    }
    return found;
}

static void expect_equal_outputs(struct host *a, struct host *b)
{
    struct vx6_out out_a, out_b;
    bool more = true;
    while (more) {
        more = vx6_node_output(a->node, &out_a);
        assert_int_equal(vx6_node_output(b->node, &out_b), more);
        if (!more)
            break;
        assert_int_equal(out_a.kind, out_b.kind);
        assert_int_equal(out_a.code, out_b.code);
        assert_int_equal(out_a.id.bits, out_b.id.bits);
        assert_memory_equal(&out_a.peer, &out_b.peer, sizeof out_a.peer);
        assert_memory_equal(out_a.key, out_b.key, sizeof out_a.key);
        assert_int_equal(out_a.value.len, out_b.value.len);
        if (out_a.value.len > 0)
            assert_memory_equal(out_a.value.data, out_b.value.data, out_a.value.len);
    }
    assert_int_equal(vx6_node_deadline(a->node), vx6_node_deadline(b->node));
}

/* Fills until nothing is left. False when the bytes differ; that both have some is demanded. */
static bool fills_equal(struct host *a, struct host *b, vx6_id carrier)
{
    static uint8_t bytes_a[VX6_FILL_MIN], bytes_b[VX6_FILL_MIN];
    struct vx6_batch batch_a = {.dst = bytes_a, .cap = sizeof bytes_a};
    struct vx6_batch batch_b = {.dst = bytes_b, .cap = sizeof bytes_b};
    bool equal = true;
    while (vx6_node_fill(a->node, carrier, &batch_a)) {
        assert_true(vx6_node_fill(b->node, carrier, &batch_b));
        assert_int_equal(batch_a.len, batch_b.len);
        assert_int_equal(batch_a.segment_len, batch_b.segment_len);
        equal = equal && memcmp(bytes_a, bytes_b, batch_a.len) == 0;
    }
    assert_false(vx6_node_fill(b->node, carrier, &batch_b));
    return equal;
}

/* An input drawn from `state`; some concern objects that never were, some bring garbage. */
static struct vx6_in draw(uint64_t *state, uint8_t garbage[1200])
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    uint32_t random = (uint32_t)(*state >> 32);
    struct vx6_in in = {.kind = (enum vx6_in_kind)(random % (VX6_IN_DATAGRAM + 1)),
        .code = VX6_UNREACHABLE,
        .id = {random >> 8 & 7},
        .peer = addr_of((uint8_t)(random >> 12)),
        .unix_ms = INT64_C(1767225600000) + random,
        .key = {(uint8_t)(random >> 16)}};
    memset(garbage, (int)(random >> 24), 1200);
    in.data = garbage;
    in.len = in.kind == VX6_IN_DATAGRAM ? 1200 : random % 64;
    return in;
}

/* VX6-NODE-011 */
static void test_a_shutdown_leaves_nothing_under_way(void **state)
{
    (void)state;
    struct host host;
    vx6_id ids[4];
    host_start(&host, 1);
    add_contacts(&host);
    assert_int_equal(
        give(&host, (struct vx6_in){.kind = VX6_IN_ENDPOINT_ADD, .peer = own_addr}), VX6_OK);
    host.now += 60 * VX6_SECOND; /* it wants to join */
    assert_int_equal(give(&host, (struct vx6_in){.kind = VX6_IN_TICK}), VX6_OK);
    assert_int_equal(make(&host, VX6_IN_RESOLVE, 0, "alice.web", &ids[0]), VX6_OK);
    assert_int_equal(make(&host, VX6_IN_LOOKUP, 5, NULL, &ids[1]), VX6_OK);
    assert_int_equal(make(&host, VX6_IN_PEER_ADD, 20, NULL, &ids[2]), VX6_OK);
    struct vx6_in open = {
        .kind = VX6_IN_SESSION_OPEN, .data = (const uint8_t *)"bob.web", .len = 7};
    assert_int_equal(give(&host, open), VX6_OK);

    assert_int_equal(give(&host, (struct vx6_in){.kind = VX6_IN_SHUTDOWN}), VX6_OK);
    struct vx6_out out;
    unsigned ended = 0;
    while (vx6_node_output(host.node, &out)) {
        assert_int_not_equal(out.kind, VX6_OUT_LINK_DIAL);
        if (out.kind != VX6_OUT_OP_DONE && out.kind != VX6_OUT_SESSION_DOWN)
            continue;
        assert_int_equal(out.code, VX6_SHUTDOWN);
        ended++;
    }
    assert_int_equal(ended, 4);
    static uint8_t bytes[VX6_FILL_MIN];
    struct vx6_batch batch = {.dst = bytes, .cap = sizeof bytes};
    assert_false(vx6_node_fill(host.node, VX6_DATAGRAMS, &batch));

    struct vx6_counts counts;
    vx6_node_counts(host.node, &counts);
    assert_int_equal(counts.lookups + counts.operations + counts.sessions + counts.links, 0);
    host.now += 3600 * VX6_SECOND;
    assert_int_equal(give(&host, (struct vx6_in){.kind = VX6_IN_TICK}), VX6_OK);
    assert_false(vx6_node_output(host.node, &out));
    assert_int_equal(make(&host, VX6_IN_RESOLVE, 0, "alice.web", &ids[3]), VX6_SHUTDOWN);
    assert_int_equal(make(&host, VX6_IN_DATAGRAM, 10, "?", &ids[3]), VX6_OK);
    assert_int_equal(vx6_node_counter(host.node, VX6_EVENT_datagram_refused), 0);
    /* What else may still be said to it starts nothing. */
    assert_int_equal(
        give(&host, (struct vx6_in){.kind = VX6_IN_ENDPOINT_ADD, .peer = addr_of(1)}), VX6_OK);
    assert_int_equal(make(&host, VX6_IN_SERVICE_ADD, 0, "web", &ids[3]), VX6_OK);
    assert_int_equal(give(&host, (struct vx6_in){.kind = VX6_IN_SHUTDOWN}), VX6_OK);
    host.now += 3600 * VX6_SECOND;
    assert_int_equal(give(&host, (struct vx6_in){.kind = VX6_IN_TICK}), VX6_OK);
    assert_false(vx6_node_output(host.node, &out));
    vx6_node_counts(host.node, &counts);
    assert_int_equal(counts.lookups + counts.links, 0);
    assert_true(vx6_node_is_closed(host.node));
    host_stop(&host);
}

static void test_without_memory_there_is_no_node(void **state)
{
    (void)state;
    const vx6_config config = {
        .unix_ms = 1, .sequence_first = 1, .suite = VX6_SUITE_AESGCM, .identity_seed = {1}};
    struct memory memory = {.fail_at = 1};
    vx6_alloc alloc = {memory_resize, &memory};
    assert_null(vx6_env_new(alloc, &vx6_crypto_model, &vx6_limits_default, NULL));
    vx6_env *env = vx6_env_new(alloc, &vx6_crypto_model, &vx6_limits_default, NULL);
    assert_non_null(env);
    memory.fail_at = memory.requests + 1;
    assert_null(vx6_node_new(env, &config, 0));
    vx6_node_free(NULL);
    vx6_env_free(env);
    vx6_env_free(NULL);
    assert_int_equal(memory.held, 0);
}

/* What a driver keeps of the table for the next run. */
static void test_each_contact_is_shown_once_with_its_address(void **state)
{
    (void)state;
    struct host host;
    uint8_t key[32];
    vx6_addr addr;
    unsigned shown = 0;
    host_start(&host, 1);
    add_contacts(&host);
    for (size_t index = 0; vx6_node_contact(host.node, index, key, &addr); index++) {
        for (uint8_t i = 0; i < CONTACTS; i++) {
            const uint8_t seed[32] = {i, 7};
            uint8_t expected[32];
            vx6_crypto_model.sign_public(&vx6_crypto_model, expected, seed);
            if (memcmp(key, expected, sizeof key) != 0)
                continue;
            const vx6_addr at = addr_of((uint8_t)(i + 10));
            assert_memory_equal(&addr, &at, sizeof addr);
            shown |= 1u << i;
        }
        assert_true(index < CONTACTS);
    }
    assert_int_equal(shown, (1u << CONTACTS) - 1);
    assert_false(vx6_node_contact(host.node, CONTACTS, key, &addr));
    host_stop(&host);
}

static void test_commands_that_make_no_sense_change_nothing(void **state)
{
    (void)state;
    struct host host;
    struct vx6_out out;
    vx6_id id;
    host_start(&host, 1);
    vx6_ns deadline = vx6_node_deadline(host.node);
    struct vx6_in self = {.kind = VX6_IN_CONTACT, .peer = addr_of(1)}, nowhere = self;
    uint8_t node_id[32];
    vx6_node_identity(host.node, self.key, node_id);
    nowhere.peer.port = 0;
    assert_int_equal(give(&host, self), VX6_INVALID);
    assert_int_equal(give(&host, nowhere), VX6_INVALID);
    assert_int_equal(
        give(&host, (struct vx6_in){.kind = (enum vx6_in_kind)(VX6_IN_SHUTDOWN + 1)}), VX6_INVALID);
    assert_int_equal(make(&host, VX6_IN_NAME_BIND, 1, "-a", &id), VX6_INVALID);
    assert_int_equal(make(&host, VX6_IN_NAME_UNBIND, 0, "-a", &id), VX6_INVALID);
    assert_int_equal(make(&host, VX6_IN_SERVICE_ADD, 0, "", &id), VX6_INVALID);
    assert_int_equal(
        give(&host, (struct vx6_in){.kind = VX6_IN_ENDPOINT_REMOVE, .peer = addr_of(1)}),
        VX6_STALE);
    struct vx6_counts counts;
    vx6_node_counts(host.node, &counts);
    assert_int_equal(counts.contacts + counts.links + counts.operations, 0);
    assert_false(vx6_node_output(host.node, &out));
    assert_int_equal(vx6_node_deadline(host.node), deadline);
    host_stop(&host);
}

/* VX6-NODE-001 VX6-NODE-007 */
static void test_equal_calls_give_equal_results(void **state)
{
    (void)state;
    struct host a, b;
    uint64_t random = 5;
    uint8_t garbage[1200];
    host_start(&a, 1);
    host_start(&b, 1);
    add_contacts(&a);
    add_contacts(&b);
    for (int i = 0; i < STEPS; i++) {
        struct vx6_in in = draw(&random, garbage), again = in;
        a.now = b.now = a.now + (random >> 40) * 8;
        assert_int_equal(vx6_node_input(a.node, a.now, &in), vx6_node_input(b.node, b.now, &again));
        assert_int_equal(in.id.bits, again.id.bits);
        expect_equal_outputs(&a, &b);
        assert_true(fills_equal(&a, &b, VX6_DATAGRAMS));
        assert_true(fills_equal(&a, &b, in.id));
    }
    assert_int_equal(a.memory.requests, b.memory.requests);
    host_stop(&a);
    host_stop(&b);
}

/* VX6-NODE-004 */
static void test_another_seed_gives_other_keys_and_the_same_identity(void **state)
{
    (void)state;
    struct host a, b;
    vx6_id id_a, id_b;
    uint8_t key_a[32], key_b[32], node_id[32];
    host_start(&a, 1);
    host_start(&b, 2);
    assert_int_equal(make(&a, VX6_IN_PEER_ADD, 3, NULL, &id_a), VX6_OK);
    assert_int_equal(make(&b, VX6_IN_PEER_ADD, 3, NULL, &id_b), VX6_OK);
    struct vx6_out dial;
    assert_int_equal(drain(&a, VX6_OUT_LINK_DIAL, &dial), 1);
    assert_int_equal(drain(&b, VX6_OUT_LINK_DIAL, &dial), 1);
    assert_int_equal(give(&a, (struct vx6_in){.kind = VX6_IN_LINK_UP, .id = dial.id}), VX6_OK);
    assert_int_equal(give(&b, (struct vx6_in){.kind = VX6_IN_LINK_UP, .id = dial.id}), VX6_OK);
    assert_false(fills_equal(&a, &b, dial.id));
    vx6_node_identity(a.node, key_a, node_id);
    vx6_node_identity(b.node, key_b, node_id);
    assert_memory_equal(key_a, key_b, sizeof key_a);
    host_stop(&a);
    host_stop(&b);
}

/* VX6-NODE-003 */
static void test_outputs_wait_until_they_are_taken_and_repeats_coalesce(void **state)
{
    (void)state;
    struct host host;
    struct vx6_out out;
    vx6_id id;
    host_start(&host, 1);
    add_contacts(&host);
    for (uint8_t i = 0; i < 5; i++)
        assert_int_equal(make(&host, VX6_IN_LOOKUP, i, NULL, &id), VX6_OK);
    for (uint8_t i = 0; i < 3; i++)
        assert_int_equal(make(&host, VX6_IN_PEER_ADD, (uint8_t)(i + 20), NULL, &id), VX6_OK);
    unsigned dials = 0, wants = 0;
    while (vx6_node_output(host.node, &out)) {
        dials += out.kind == VX6_OUT_LINK_DIAL;
        wants += out.kind == VX6_OUT_WANT_WRITE && out.id.bits == VX6_DATAGRAMS.bits;
    }
    assert_int_equal(dials, 3);
    assert_int_equal(wants, 1);
    host_stop(&host);
}

/* VX6-NODE-002 VX6-NODE-005 */
static void test_ticks_between_deadlines_change_nothing(void **state)
{
    (void)state;
    struct host a, b;
    vx6_id id;
    host_start(&a, 1);
    host_start(&b, 1);
    add_contacts(&a);
    add_contacts(&b);
    assert_int_equal(make(&a, VX6_IN_LOOKUP, 3, NULL, &id), VX6_OK);
    assert_int_equal(make(&b, VX6_IN_LOOKUP, 3, NULL, &id), VX6_OK);
    expect_equal_outputs(&a, &b);
    for (int i = 0; i < STEPS; i++) {
        vx6_ns deadline = vx6_node_deadline(a.node);
        assert_int_equal(vx6_node_deadline(a.node), deadline);
        vx6_ns from = a.now;
        for (vx6_ns part = 1; part < 4 && deadline > from + 4; part++) {
            a.now = from + (deadline - from) / 4 * part;
            assert_int_equal(give(&a, (struct vx6_in){.kind = VX6_IN_TICK}), VX6_OK);
            assert_int_equal(vx6_node_deadline(a.node), deadline);
        }
        a.now = b.now = deadline;
        assert_int_equal(give(&a, (struct vx6_in){.kind = VX6_IN_TICK}), VX6_OK);
        assert_int_equal(give(&b, (struct vx6_in){.kind = VX6_IN_TICK}), VX6_OK);
        expect_equal_outputs(&a, &b);
        assert_true(fills_equal(&a, &b, VX6_DATAGRAMS));
    }
    host_stop(&a);
    host_stop(&b);
}

/* VX6-NODE-005 */
static void test_a_tick_that_comes_a_day_late_is_harmless(void **state)
{
    (void)state;
    struct host host;
    struct vx6_out out;
    vx6_id lookup;
    host_start(&host, 1);
    add_contacts(&host);
    assert_int_equal(make(&host, VX6_IN_LOOKUP, 3, NULL, &lookup), VX6_OK);
    host.now += 86400 * VX6_SECOND;
    assert_int_equal(give(&host, (struct vx6_in){.kind = VX6_IN_TICK}), VX6_OK);
    drain(&host, VX6_OUT_OP_DONE, &out);
    assert_true(vx6_node_deadline(host.node) > host.now);
    for (int i = 0; i < 100; i++) {
        host.now += VX6_SECOND;
        assert_int_equal(give(&host, (struct vx6_in){.kind = VX6_IN_TICK}), VX6_OK);
    }
    assert_int_equal(give(&host, (struct vx6_in){.kind = VX6_IN_CANCEL, .id = lookup}), VX6_STALE);
    host_stop(&host);
}

/* VX6-NODE-006 */
static void test_an_id_of_something_that_is_gone_is_stale(void **state)
{
    (void)state;
    static const enum vx6_in_kind kinds[] = {VX6_IN_LINK_UP, VX6_IN_LINK_DOWN, VX6_IN_LINK_BYTES,
        VX6_IN_CANCEL, VX6_IN_SESSION_CLOSE, VX6_IN_STREAM_OPEN, VX6_IN_STREAM_ACCEPT,
        VX6_IN_STREAM_RESET};
    static uint8_t room[VX6_FILL_MIN];
    struct vx6_batch batch = {.dst = room, .cap = sizeof room};
    struct host host;
    struct vx6_out out;
    struct vx6_counts before, after;
    vx6_id link, next;
    host_start(&host, 1);
    assert_int_equal(make(&host, VX6_IN_LINK_ACCEPTED, 3, NULL, &link), VX6_OK);
    assert_int_equal(give(&host, (struct vx6_in){.kind = VX6_IN_LINK_DOWN, .id = link}), VX6_OK);
    drain(&host, VX6_OUT_LINK_CLOSE, &out);
    assert_int_equal(make(&host, VX6_IN_LINK_ACCEPTED, 3, NULL, &next), VX6_OK);
    assert_int_not_equal(link.bits, next.bits);
    vx6_node_counts(host.node, &before);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        assert_int_equal(give(&host, (struct vx6_in){.kind = kinds[i], .id = link}), VX6_STALE);
    assert_false(vx6_node_fill(host.node, link, &batch));
    assert_false(vx6_node_output(host.node, &out));
    vx6_node_counts(host.node, &after);
    assert_int_equal(before.links, after.links);
    host_stop(&host);
}

/* VX6-NODE-007 */
static void test_a_fault_of_a_peer_is_an_output_with_a_code(void **state)
{
    (void)state;
    static const uint8_t garbage[1300] = {0xee, 0xff};
    struct host host;
    struct vx6_out out = {0};
    vx6_id link;
    host_start(&host, 1);
    assert_int_equal(make(&host, VX6_IN_LINK_ACCEPTED, 3, NULL, &link), VX6_OK);
    struct vx6_in bytes = {
        .kind = VX6_IN_LINK_BYTES, .id = link, .data = garbage, .len = sizeof garbage};
    assert_int_equal(give(&host, bytes), VX6_OK);
    assert_int_equal(drain(&host, VX6_OUT_LINK_CLOSE, &out), 1);
    assert_int_equal(out.id.bits, link.bits);
    assert_int_not_equal(out.code, VX6_OK);
    assert_int_equal(vx6_node_counter(host.node, VX6_EVENT_link_closed), 1);
    assert_int_equal(vx6_node_counter(host.node, VX6_EVENT_link_refused), 1);
    assert_int_equal(vx6_node_refused(host.node, out.code), 1);
    for (size_t len = 0; len <= sizeof garbage; len += 100) {
        struct vx6_in datagram = {
            .kind = VX6_IN_DATAGRAM, .peer = addr_of(9), .data = garbage, .len = len};
        assert_int_equal(give(&host, datagram), VX6_OK);
    }
    assert_int_equal(drain(&host, VX6_OUT_WANT_WRITE, &out), 0);
    host_stop(&host);
}

/* VX6-NODE-008 */
static void test_bytes_are_made_once_when_they_are_asked_for(void **state)
{
    (void)state;
    static uint8_t room[VX6_FILL_MIN];
    struct vx6_batch batch = {.dst = room, .cap = sizeof room};
    struct host host;
    struct vx6_out out;
    vx6_id id;
    host_start(&host, 1);
    add_contacts(&host);
    assert_false(vx6_node_fill(host.node, VX6_DATAGRAMS, &batch));
    assert_int_equal(make(&host, VX6_IN_LOOKUP, 3, NULL, &id), VX6_OK);
    assert_int_equal(drain(&host, VX6_OUT_WANT_WRITE, &out), 1);
    size_t datagrams = 0;
    while (vx6_node_fill(host.node, VX6_DATAGRAMS, &batch)) {
        assert_int_equal(batch.segment_len, VX6_DATAGRAM_SIZE);
        assert_int_equal(batch.len % VX6_DATAGRAM_SIZE, 0);
        if (datagrams == 0)
            assert_memory_equal(batch.peer.ip, out.peer.ip, sizeof out.peer.ip);
        datagrams += batch.len / VX6_DATAGRAM_SIZE;
    }
    assert_int_equal(datagrams, CONTACTS);
    assert_int_equal(drain(&host, VX6_OUT_WANT_WRITE, &out), 0);
    host_stop(&host);
}

/* VX6-NODE-010 */
static void test_N1_strangers_meet_a_limit_and_a_timer(void **state)
{
    (void)state;
    struct host host;
    struct vx6_out out;
    struct vx6_counts counts;
    vx6_id id;
    host_start(&host, 1);
    unsigned accepted = 0;
    while (make(&host, VX6_IN_LINK_ACCEPTED, (uint8_t)accepted, NULL, &id) == VX6_OK)
        accepted++;
    assert_int_equal(accepted, host.limits.link_pending_max);
    assert_int_equal(make(&host, VX6_IN_LINK_ACCEPTED, 99, NULL, &id), VX6_LIMIT);
    assert_true(vx6_node_deadline(host.node) <=
                host.now + host.limits.handshake_timeout_ms * VX6_MILLISECOND);
    host.now += host.limits.handshake_timeout_ms * VX6_MILLISECOND;
    assert_int_equal(give(&host, (struct vx6_in){.kind = VX6_IN_TICK}), VX6_OK);
    assert_int_equal(drain(&host, VX6_OUT_LINK_CLOSE, &out), accepted);
    assert_int_equal(out.code, VX6_TIMEOUT);
    vx6_node_counts(host.node, &counts);
    assert_int_equal(counts.links, 0);
    host_stop(&host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_shutdown_leaves_nothing_under_way),
        cmocka_unit_test(test_without_memory_there_is_no_node),
        cmocka_unit_test(test_each_contact_is_shown_once_with_its_address),
        cmocka_unit_test(test_commands_that_make_no_sense_change_nothing),
        cmocka_unit_test(test_equal_calls_give_equal_results),
        cmocka_unit_test(test_another_seed_gives_other_keys_and_the_same_identity),
        cmocka_unit_test(test_outputs_wait_until_they_are_taken_and_repeats_coalesce),
        cmocka_unit_test(test_ticks_between_deadlines_change_nothing),
        cmocka_unit_test(test_a_tick_that_comes_a_day_late_is_harmless),
        cmocka_unit_test(test_an_id_of_something_that_is_gone_is_stale),
        cmocka_unit_test(test_a_fault_of_a_peer_is_an_output_with_a_code),
        cmocka_unit_test(test_bytes_are_made_once_when_they_are_asked_for),
        cmocka_unit_test(test_N1_strangers_meet_a_limit_and_a_timer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
