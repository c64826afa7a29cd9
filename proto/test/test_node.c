/* SPDX-License-Identifier: MIT */
/* Whole nodes against each other: discovery, names, links, sessions and streams in one go, over a
 * network that loses, repeats and reorders, with clocks that jump. */
#include "test.h"

#include <string.h>

#include "pair.h"

enum {
    ENTRY,
    ALICE,
    BOB
};

struct world {
    struct pair_net *net;
    struct pair_node *entry, *alice, *bob;
    vx6_id session, stream;
    size_t echoed; /* bytes that bob got back */
    bool bad_byte, ended;
};

static uint8_t pattern(size_t offset)
{
    return (uint8_t)(offset * 31 + (offset >> 8));
}

/* Alice's service sends back what it gets, and ends when the client ends. */
static void echo(struct pair_node *alice, vx6_id stream)
{
    bool end = false;
    vx6_span span;
    while (vx6_stream_peek(alice->node, stream, &span, 1, &end) > 0) {
        size_t room;
        uint8_t *dst = vx6_stream_reserve(alice->node, stream, &room);
        if (dst == NULL)
            return;
        size_t len = span.len < room ? span.len : room;
        memcpy(dst, span.data, len);
        vx6_stream_commit(alice->node, stream, len, false);
        vx6_stream_release(alice->node, stream, len);
    }
    if (end)
        vx6_stream_commit(alice->node, stream, 0, true);
}

static struct world *world_of; /* the test that runs */

static void on_output(struct pair_node *from, const struct vx6_out *out)
{
    struct world *world = world_of;
    if (from == world->alice) {
        if (out->kind == VX6_OUT_STREAM_INCOMING) {
            assert_int_equal(out->value.len, 3);
            assert_memory_equal(out->value.data, "web", 3);
            struct vx6_in in = {.kind = VX6_IN_STREAM_ACCEPT, .id = out->id};
            assert_int_equal(vx6_node_input(from->node, from->net->now, &in), VX6_OK);
        }
        if (out->kind == VX6_OUT_STREAM_READABLE || out->kind == VX6_OUT_STREAM_WRITABLE)
            echo(from, out->id);
        return;
    }
    if (from != world->bob || out->kind != VX6_OUT_STREAM_READABLE)
        return;
    vx6_span span;
    while (vx6_stream_peek(from->node, out->id, &span, 1, &world->ended) > 0) {
        for (size_t i = 0; i < span.len; i++) {
            if (span.data[i] != pattern(world->echoed + i))
                world->bad_byte = true;
        }
        world->echoed += span.len;
        vx6_stream_release(from->node, out->id, span.len);
    }
}

static void world_make(struct world *world, uint64_t seed, bool real, struct pair_faults faults)
{
    *world = (struct world){.net = pair_net_new(seed, real)};
    world_of = world;
    world->net->faults = faults;
    world->net->on_output = on_output;
    world->entry = pair_add(world->net, "entry");
    world->alice = pair_add(world->net, "alice");
    world->bob = pair_add(world->net, "");
    assert_int_equal(pair_command(world->alice, VX6_IN_SERVICE_ADD, "web", NULL), VX6_OK);
    assert_int_equal(pair_peer_add(world->alice, world->entry), VX6_OK);
    assert_int_equal(pair_peer_add(world->bob, world->entry), VX6_OK);
    pair_run(world->net, 20 * VX6_SECOND);
    const struct vx6_out *done = pair_find(world->bob, VX6_OUT_OP_DONE, 0);
    assert_non_null(done);
    assert_int_equal(done->code, VX6_OK);
}

static bool session_settled(struct pair_net *net, void *context)
{
    (void)net;
    struct world *world = context;
    return pair_find(world->bob, VX6_OUT_SESSION_UP, 0) ||
           pair_find(world->bob, VX6_OUT_SESSION_DOWN, 0);
}

static void open_session(struct world *world, const char *name)
{
    assert_int_equal(pair_command(world->bob, VX6_IN_SESSION_OPEN, name, &world->session), VX6_OK);
    assert_true(pair_until(world->net, session_settled, world, 60 * VX6_SECOND));
}

static bool all_echoed(struct pair_net *net, void *context)
{
    (void)net;
    struct world *world = context;
    return world->ended;
}

/* Sends `total` bytes through alice's echo and demands them back. */
static void transfer(struct world *world, size_t total)
{
    world->stream = world->session;
    assert_int_equal(pair_command(world->bob, VX6_IN_STREAM_OPEN, NULL, &world->stream), VX6_OK);
    size_t sent = 0;
    vx6_ns end = world->net->now + 300 * VX6_SECOND;
    while (sent < total && world->net->now < end) {
        size_t room;
        uint8_t *dst = vx6_stream_reserve(world->bob->node, world->stream, &room);
        if (dst == NULL) {
            pair_run(world->net, 5 * VX6_MILLISECOND);
            continue;
        }
        size_t len = total - sent < room ? total - sent : room;
        for (size_t i = 0; i < len; i++)
            dst[i] = pattern(sent + i);
        sent += len;
        vx6_stream_commit(world->bob->node, world->stream, len, sent == total);
        pair_drain(world->bob);
    }
    assert_int_equal(sent, total);
    assert_true(pair_until(world->net, all_echoed, world, 300 * VX6_SECOND));
    assert_int_equal(world->echoed, total);
    assert_false(world->bad_byte);
}

static void world_free(struct world *world)
{
    pair_net_free(world->net);
}

static const struct fault_row {
    const char *name;
    struct pair_faults faults;
} fault_rows[] = {
    {"none", {0}},
    {"loss", {.drop_permille = 200}},
    {"duplication", {.duplicate_permille = 500}},
    {"reordering", {.reorder_permille = 500}},
    {"small chunks", {.chunk_max = 7}},
    {"all", {.drop_permille = 100,
                .duplicate_permille = 200,
                .reorder_permille = 300,
                .chunk_max = 1000}},
};

static void test_bytes_cross_by_name_under_every_fault(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof fault_rows / sizeof fault_rows[0]; i++) {
        struct world world;
        print_message("faults: %s\n", fault_rows[i].name);
        world_make(&world, 10 + i, false, fault_rows[i].faults);
        open_session(&world, "alice.web");
        const struct vx6_out *up = pair_find(world.bob, VX6_OUT_SESSION_UP, 0);
        assert_non_null(up);
        uint8_t key[32], id[32];
        vx6_node_identity(world.alice->node, key, id);
        assert_memory_equal(up->key, key, 32);
        transfer(&world, fault_rows[i].faults.chunk_max == 7 ? 50000 : 3000000);
        world_free(&world);
    }
}

static void test_bytes_cross_with_real_cryptography(void **state)
{
    (void)state;
    struct world world;
    world_make(&world, 3, true, (struct pair_faults){0});
    open_session(&world, "alice.web");
    transfer(&world, 1000000);
    world_free(&world);
}

/* VX6-NODE-009 */
static void test_model_and_real_give_the_same_events(void **state)
{
    (void)state;
    uint64_t counts[2][VX6_EVENT_COUNT];
    vx6_ns times[2];
    for (int real = 0; real < 2; real++) {
        struct world world;
        world_make(&world, 4, real != 0, (struct pair_faults){.drop_permille = 100});
        open_session(&world, "alice.web");
        transfer(&world, 100000);
        memcpy(counts[real], world.net->counts, sizeof counts[real]);
        times[real] = world.net->now;
        world_free(&world);
    }
    assert_memory_equal(counts[0], counts[1], sizeof counts[0]);
    assert_int_equal(times[0], times[1]);
}

static void test_a_forward_clock_jump_ends_nothing_that_still_answers(void **state)
{
    (void)state;
    struct world world;
    world_make(&world, 5, false, (struct pair_faults){0});
    open_session(&world, "alice.web");
    world.bob->clock_offset += 20 * VX6_SECOND; /* beyond link_probe_ms: the link is probed */
    pair_run(world.net, 5 * VX6_SECOND);
    transfer(&world, 100000);
    assert_null(pair_find(world.bob, VX6_OUT_SESSION_DOWN, 0));
    world_free(&world);
}

static void test_an_unknown_name_is_not_found(void **state)
{
    (void)state;
    struct world world;
    world_make(&world, 6, false, (struct pair_faults){0});
    open_session(&world, "nobody.web");
    const struct vx6_out *down = pair_find(world.bob, VX6_OUT_SESSION_DOWN, 0);
    assert_non_null(down);
    assert_int_equal(down->code, VX6_NOT_FOUND);
    world_free(&world);
}

static void test_an_unknown_service_is_refused_by_its_owner(void **state)
{
    (void)state;
    struct world world;
    world_make(&world, 7, false, (struct pair_faults){0});
    open_session(&world, "alice.ssh");
    const struct vx6_out *down = pair_find(world.bob, VX6_OUT_SESSION_DOWN, 0);
    assert_non_null(down);
    assert_int_equal(down->code, VX6_NO_SERVICE);
    assert_null(pair_find(world.alice, VX6_OUT_STREAM_INCOMING, 0));
    world_free(&world);
}

/* The key that was asked for and the key that answers differ: not one message reaches a service. */
static void test_S3_a_wrong_key_is_refused_before_anything_opens(void **state)
{
    (void)state;
    struct world world;
    world_make(&world, 8, false, (struct pair_faults){0});
    struct vx6_in in = {.kind = VX6_IN_SESSION_OPEN,
        .peer = world.alice->addr,
        .data = (const uint8_t *)"web",
        .len = 3};
    uint8_t id[32];
    vx6_node_identity(pair_add(world.net, "")->node, in.key, id);
    assert_int_equal(pair_input(world.bob, &in), VX6_OK);
    assert_true(pair_until(world.net, session_settled, &world, 60 * VX6_SECOND));
    const struct vx6_out *down = pair_find(world.bob, VX6_OUT_SESSION_DOWN, 0);
    assert_non_null(down);
    assert_int_equal(down->code, VX6_KEY_MISMATCH);
    assert_null(pair_find(world.alice, VX6_OUT_STREAM_INCOMING, 0));
    world_free(&world);
}

static void test_a_session_by_address_needs_no_discovery(void **state)
{
    (void)state;
    struct world world = {.net = pair_net_new(9, false)};
    world_of = &world;
    world.net->on_output = on_output;
    world.alice = pair_add(world.net, "alice");
    world.bob = pair_add(world.net, "");
    assert_int_equal(pair_command(world.alice, VX6_IN_SERVICE_ADD, "web", NULL), VX6_OK);
    struct vx6_in in = {.kind = VX6_IN_SESSION_OPEN,
        .peer = world.alice->addr,
        .data = (const uint8_t *)"web",
        .len = 3};
    assert_int_equal(pair_input(world.bob, &in), VX6_OK);
    world.session = in.id;
    assert_true(pair_until(world.net, session_settled, &world, 60 * VX6_SECOND));
    assert_non_null(pair_find(world.bob, VX6_OUT_SESSION_UP, 0));
    transfer(&world, 100000);
    world_free(&world);
}

static void test_a_cut_carrier_ends_sessions_with_a_reason(void **state)
{
    (void)state;
    struct world world;
    world_make(&world, 11, false, (struct pair_faults){0});
    open_session(&world, "alice.web");
    transfer(&world, 1000);
    pair_cut_carriers(world.net);
    pair_run(world.net, 5 * VX6_SECOND);
    const struct vx6_out *down = pair_find(world.bob, VX6_OUT_SESSION_DOWN, 0);
    assert_non_null(down);
    assert_int_equal(down->code, VX6_TRUNCATED);
    world_free(&world);
}

static void test_shutdown_closes_links_with_a_message(void **state)
{
    (void)state;
    struct world world;
    world_make(&world, 12, false, (struct pair_faults){0});
    open_session(&world, "alice.web");
    assert_int_equal(pair_command(world.alice, VX6_IN_SHUTDOWN, NULL, NULL), VX6_OK);
    pair_run(world.net, 5 * VX6_SECOND);
    const struct vx6_out *down = pair_find(world.bob, VX6_OUT_SESSION_DOWN, 0);
    assert_non_null(down);
    assert_int_equal(down->code, VX6_SHUTDOWN);
    world_free(&world);
}

/* Every n-th allocation fails: nothing crashes, nothing leaks, and the nodes stay usable. */
static void test_failing_allocations_leave_the_nodes_whole(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 4000; n += 1 + n / 16) {
        struct world world = {.net = pair_net_new(13, false)};
        world_of = &world;
        world.net->on_output = on_output;
        world.entry = pair_add(world.net, "entry");
        world.alice = pair_add(world.net, "alice");
        world.bob = pair_add(world.net, "");
        world.net->fail_at = world.net->allocations + n;
        (void)pair_command(world.alice, VX6_IN_SERVICE_ADD, "web", NULL);
        (void)pair_peer_add(world.alice, world.entry);
        (void)pair_peer_add(world.bob, world.entry);
        pair_run(world.net, 10 * VX6_SECOND);
        (void)pair_command(world.bob, VX6_IN_SESSION_OPEN, "alice.web", &world.session);
        pair_run(world.net, 20 * VX6_SECOND);
        bool failed = world.net->allocations >= world.net->fail_at;
        world_free(&world);
        if (!failed)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_cross_by_name_under_every_fault),
        cmocka_unit_test(test_bytes_cross_with_real_cryptography),
        cmocka_unit_test(test_model_and_real_give_the_same_events),
        cmocka_unit_test(test_a_forward_clock_jump_ends_nothing_that_still_answers),
        cmocka_unit_test(test_an_unknown_name_is_not_found),
        cmocka_unit_test(test_an_unknown_service_is_refused_by_its_owner),
        cmocka_unit_test(test_S3_a_wrong_key_is_refused_before_anything_opens),
        cmocka_unit_test(test_a_session_by_address_needs_no_discovery),
        cmocka_unit_test(test_a_cut_carrier_ends_sessions_with_a_reason),
        cmocka_unit_test(test_shutdown_closes_links_with_a_message),
        cmocka_unit_test(test_failing_allocations_leave_the_nodes_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
