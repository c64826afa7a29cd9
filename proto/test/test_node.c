/* SPDX-License-Identifier: MIT */
/* Whole nodes against each other: discovery, names, links, sessions and streams in one go, over a
 * network that loses, repeats and reorders, with clocks that jump. */
#include "test.h"

#include <string.h>

#include "echo.h"

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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
