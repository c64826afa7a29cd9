/* SPDX-License-Identifier: MIT */
/* Peers of several networks that open all they can: what one network has is bounded by what others
 * want. Side 0 stands for all of them; the address that it dials says from which network. */
#include "session_pair.h"

enum {
    SESSIONS = 8, /* of which peers may have 6 */
    STREAMS = 16  /* of which peers may have 12 */
};

static int share_setup(void **state)
{
    world_setup(state);
    world.limits.session_max = SESSIONS;
    world.limits.stream_max = STREAMS;
    assert_int_equal(service_add(&world.nodes[1], text("web"), EXPOSURE_PUBLIC), VX6_OK);
    return 0;
}

/* A session of a peer from this network, once it is known whether it is taken. */
static vx6_id come_from(uint8_t network)
{
    vx6_id id;
    struct vx6_in in = {.peer = {.ip = {0x24, [5] = network}, .port = 4242},
        .data = (const uint8_t *)"web",
        .len = 3};
    world.limits.session_max = 10 * SESSIONS; /* of this side */
    assert_int_equal(session_open(&world.nodes[0], &in, &id), VX6_OK);
    world.limits.session_max = SESSIONS;
    links_up();
    settle();
    return id;
}

static struct session *session_of(vx6_id id)
{
    return slots_get(&world.nodes[0].slots, SLOT_SESSION, id);
}

static uint32_t sessions_of(uint8_t network)
{
    for (const struct share *share = world.nodes[1].sessions.shares; share; share = share->next) {
        if (share->network[5] == network)
            return share->sessions;
    }
    return 0;
}

static void expect_downs(uint32_t count)
{
    assert_int_equal(seen_count(0, VX6_OUT_SESSION_DOWN), count);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(seen(0, VX6_OUT_SESSION_DOWN, i)->code, VX6_LIMIT);
}

/* VX6-SESS-023 */
static void test_who_has_most_sessions_gives_way_to_other_networks(void **state)
{
    (void)state;
    vx6_id ids[6];
    for (uint32_t i = 0; i < 6; i++)
        ids[i] = come_from(1);
    come_from(1);
    expect_downs(1); /* alone, they share all that there is and no more */
    for (uint32_t i = 1; i <= 3; i++) {
        come_from(2);
        expect_downs(1 + i);
        assert_int_equal(sessions_of(1), 6 - i);
        assert_int_equal(sessions_of(2), i);
        assert_null(session_of(ids[6 - i])); /* the last that came went first */
        assert_non_null(session_of(ids[5 - i]));
    }
    come_from(2);
    come_from(1);
    assert_int_equal(sessions_of(1), 3);
    assert_int_equal(sessions_of(2), 3);
    come_from(3);
    assert_int_equal(sessions_of(3), 1);
    assert_int_equal(world.nodes[1].sessions.count, 6);
}

static void accept_all(int side, const struct vx6_out *out)
{
    if (side == 1 && out->kind == VX6_OUT_STREAM_INCOMING)
        assert_int_equal(
            stream_accept(&world.nodes[1], slots_get(&world.nodes[1].slots, SLOT_STREAM, out->id)),
            VX6_OK);
}

static vx6_id open_one(vx6_id session)
{
    vx6_id id;
    uint32_t bound = world.limits.stream_max;
    world.limits.stream_max = 10 * STREAMS; /* of this side */
    assert_int_equal(stream_open(&world.nodes[0], session_of(session), &id), VX6_OK);
    world.limits.stream_max = bound;
    settle();
    return id;
}

/* VX6-SESS-023 */
static void test_who_has_most_streams_gives_way_to_other_networks(void **state)
{
    (void)state;
    world.on_output = accept_all;
    vx6_id crowd[2] = {come_from(1), come_from(1)}, other = come_from(2);
    for (uint32_t i = 0; i < 12; i++)
        open_one(crowd[i < 4]);
    open_one(crowd[0]);
    assert_int_equal(seen_count(0, VX6_OUT_STREAM_CLOSED), 1);
    assert_int_equal(seen(0, VX6_OUT_STREAM_CLOSED, 0)->code, VX6_LIMIT);
    open_one(other);
    assert_null(session_of(crowd[0])); /* that with most streams */
    assert_non_null(session_of(crowd[1]));
    assert_int_equal(seen_count(0, VX6_OUT_STREAM_CLOSED), 1 + 8);
    for (uint32_t i = 0; i < 7; i++)
        open_one(other);
    assert_int_equal(world.nodes[1].sessions.stream_count, 12);
    open_one(other);
    assert_non_null(session_of(crowd[1]));
    assert_int_equal(world.nodes[1].sessions.stream_count, 12);
}

/* VX6-SESS-020: streams that are refused, and whose resets nobody fetches, are no veto. */
static void test_refused_streams_of_one_peer_end_no_session_of_another(void **state)
{
    (void)state;
    world.on_output = accept_all;
    come_from(1);
    struct link *crowded = link_of(1);
    come_from(2);
    struct vx6_msg open = {.type = VX6_MSG_stream_open};
    for (uint32_t number = 1; number <= 12 + STREAMS; number++) {
        open.u.stream_open = (struct vx6_stream_open){1, number, 0};
        assert_int_equal(session_frame(&world.nodes[1], crowded, &open), VX6_OK);
    }
    assert_int_equal(world.nodes[1].sessions.refused_count, STREAMS);
    struct link *link = link_of(1);
    assert_ptr_not_equal(link, crowded);
    open.u.stream_open.stream = 1;
    assert_int_equal(session_frame(&world.nodes[1], link, &open), VX6_OK);
    assert_int_equal(sessions_of(2), 1);
}

static uint64_t write_all(vx6_id stream)
{
    struct vx6_room room;
    uint64_t written = 0;
    while (vx6_stream_reserve(&world.nodes[1], stream, &room, 1) > 0) {
        vx6_stream_commit(&world.nodes[1], stream, room.len, false);
        written += room.len;
    }
    return written;
}

static vx6_id incoming(uint32_t n)
{
    return seen(1, VX6_OUT_STREAM_INCOMING, n)->id;
}

/* VX6-SESS-024 */
static void test_a_network_holds_no_more_bytes_than_it_leaves_to_others(void **state)
{
    (void)state;
    world.on_output = accept_all;
    world.limits = vx6_limits_default;
    world.limits.node_buffer_bytes = 8 << 20;
    world.limits.session_max = SESSIONS;
    vx6_id crowd = come_from(1);
    for (uint32_t i = 0; i < 10; i++)
        open_one(crowd);
    uint64_t held = 0;
    for (uint32_t i = 0; i < 10; i++)
        held += write_all(incoming(i));
    assert_int_equal(world.nodes[1].sessions.sending, held);
    assert_in_range(held, 4 << 20, (4 << 20) + 10 * STREAM_WINDOW_MIN);
    const uint64_t window = world.limits.stream_window_bytes, rest = 1024;
    open_one(come_from(2));
    assert_in_range(write_all(incoming(10)), window - rest, window);

    world.limits.node_buffer_bytes = 4 << 20; /* with nothing left, others may hold some */
    open_one(come_from(3));
    assert_in_range(write_all(incoming(11)), window / 4, window / 4 + rest);
    assert_in_range(write_all(incoming(0)), 0, 0);
}

int main(void)
{
#define SHARE_TEST(name) cmocka_unit_test_setup_teardown(name, share_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        SHARE_TEST(test_who_has_most_sessions_gives_way_to_other_networks),
        SHARE_TEST(test_who_has_most_streams_gives_way_to_other_networks),
        SHARE_TEST(test_refused_streams_of_one_peer_end_no_session_of_another),
        SHARE_TEST(test_a_network_holds_no_more_bytes_than_it_leaves_to_others),
    };
    return run_over_both_carriers(tests);
}
