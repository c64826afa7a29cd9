/* SPDX-License-Identifier: MIT */
/* Hosts that change their address while the network runs, and tell nobody: what was there falls
 * silent, and who goes on looking finds them where they are. A network that only stalls is another
 * matter. */
#include "test.h"

#include "echo.h"

enum {
    ELSEWHERE = 0x77,
    SOON = 5 /* seconds */
};

static bool session_is_down(struct pair_net *net, void *context)
{
    (void)net;
    const struct world *world = context;
    return pair_find(world->bob, VX6_OUT_SESSION_DOWN, world->begun) != NULL;
}

static void open_stream(struct world *world)
{
    world->stream = world->session;
    assert_int_equal(pair_command(world->bob, VX6_IN_STREAM_OPEN, NULL, &world->stream), VX6_OK);
}

static const struct vx6_out *reopen(struct world *world, const char *name)
{
    vx6_ns began = world->net->now;
    open_session(world, name);
    assert_true(world->net->now - began < SOON * VX6_SECOND);
    const struct vx6_out *up = pair_find(world->bob, VX6_OUT_SESSION_UP, world->begun);
    assert_non_null(up);
    transfer(world, 10000);
    return up;
}

/* VX6-LINK-040, VX6-LINK-041, VX6-SESS-040, VX6-NAME-010: a stream that gets no answer is enough to
 * look for the owner, who is found by its name. */
static void test_an_owner_that_has_moved_is_found_by_its_name(void **state)
{
    (void)state;
    struct world world;
    world_make(&world, 21, false, (struct pair_faults){.silence = true});
    open_session(&world, "alice.web");
    transfer(&world, 10000);
    for (uint8_t network = ELSEWHERE; network < ELSEWHERE + 3; network++) {
        pair_move(world.alice, network);
        open_stream(&world);
        assert_true(pair_until(world.net, session_is_down, &world, SOON * VX6_SECOND));
        assert_int_equal(
            pair_find(world.bob, VX6_OUT_SESSION_DOWN, world.begun)->code, VX6_TIMEOUT);
        assert_int_equal(reopen(&world, "alice.web")->peer.ip[5], network);
    }
    world_free(&world);
}

/* VX6-SESS-040: no link is there to be doubted; the address that is known leads nowhere. */
static void test_an_owner_that_moved_while_nobody_looked_is_found(void **state)
{
    (void)state;
    struct world world;
    world_make(&world, 22, false, (struct pair_faults){.silence = true});
    open_session(&world, "alice.web");
    struct vx6_in in = {.kind = VX6_IN_SESSION_CLOSE, .id = world.session};
    assert_int_equal(pair_input(world.bob, &in), VX6_OK);
    pair_run(world.net, 100 * VX6_SECOND); /* the link has gone, too */
    world.bob->dead = true;
    pair_move(world.alice, ELSEWHERE);
    pair_run(world.net, SOON * VX6_SECOND);
    world.bob->dead = false;
    assert_int_equal(reopen(&world, "alice.web")->peer.ip[5], ELSEWHERE);
    world_free(&world);
}

/* VX6-DHT-060, VX6-LINK-040: nothing is begun, but the driver says that the network has changed. */
static void test_a_client_that_has_moved_is_back_at_once(void **state)
{
    (void)state;
    struct world world;
    world_make(&world, 23, false, (struct pair_faults){.silence = true});
    open_session(&world, "alice.web");
    pair_run(world.net, 2 * VX6_SECOND);
    pair_move(world.bob, ELSEWHERE);
    assert_int_equal(pair_command(world.bob, VX6_IN_NETWORK, NULL, NULL), VX6_OK);
    assert_true(pair_until(world.net, session_is_down, &world, SOON * VX6_SECOND));
    (void)reopen(&world, "alice.web");
    world_free(&world);
}

/* A session that has an address only. */
static void test_an_address_that_is_named_is_dialled_again(void **state)
{
    (void)state;
    struct world world;
    world_make(&world, 24, false, (struct pair_faults){.silence = true});
    struct vx6_in in = {.kind = VX6_IN_SESSION_OPEN,
        .peer = world.alice->addr,
        .data = (const uint8_t *)"web",
        .len = 3};
    world.begun = world.bob->out_count;
    assert_int_equal(pair_input(world.bob, &in), VX6_OK);
    assert_true(pair_until(world.net, session_settled, &world, SOON * VX6_SECOND));
    world.session = in.id;
    transfer(&world, 10000);
    pair_move(world.bob, ELSEWHERE);
    open_stream(&world);
    assert_true(pair_until(world.net, session_is_down, &world, SOON * VX6_SECOND));
    world_free(&world);
}

/* VX6-LINK-041: everything takes seconds, and what was sent first arrives first. */
static void test_a_network_that_stalls_ends_no_session(void **state)
{
    (void)state;
    struct world world;
    world_make(&world, 25, false, (struct pair_faults){0});
    open_session(&world, "alice.web");
    transfer(&world, 10000);
    vx6_ns usual = world.net->delay;
    world.net->delay = 4 * VX6_SECOND;
    uint64_t dialled = world.net->counts[VX6_EVENT_link_dialled];
    open_stream(&world);
    pair_run(world.net, 10 * VX6_SECOND);
    world.net->delay = usual;
    pair_run(world.net, 30 * VX6_SECOND);
    assert_true(world.net->counts[VX6_EVENT_link_dialled] > dialled); /* there was doubt */
    assert_null(pair_find(world.bob, VX6_OUT_SESSION_DOWN, world.begun));
    transfer(&world, 10000);
    world_free(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_owner_that_has_moved_is_found_by_its_name),
        cmocka_unit_test(test_an_owner_that_moved_while_nobody_looked_is_found),
        cmocka_unit_test(test_a_client_that_has_moved_is_back_at_once),
        cmocka_unit_test(test_an_address_that_is_named_is_dialled_again),
        cmocka_unit_test(test_a_network_that_stalls_ends_no_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
