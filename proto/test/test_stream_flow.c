/* SPDX-License-Identifier: MIT */
/* Who may send how much, and who waits for whom: windows, budgets, acknowledgements. */
#include "stream_pair.h"

/* VX6-SESS-012, VX6-SESS-017 */
static void test_a_slow_reader_holds_up_nobody_else(void **state)
{
    (void)state;
    struct session *session = join();
    for (uint32_t i = 0; i < 20; i++)
        begin_stream(session, 20000000);
    settle();
    for (uint32_t i = 0; i < 20; i++) {
        ends[1][i].goal = 0;
        ends[1][i].reads_nothing = i != 7;
    }
    work(100000);
    assert_int_equal(ends[1][7].read, 20000000);
    for (uint32_t i = 0; i < 20; i++) {
        if (i != 7)
            assert_int_equal(data_end[0][i + 1], STREAM_WINDOW_FIRST);
    }
    assert_true(world.nodes[0].sessions.sending <= world.limits.session_buffer_bytes);
    assert_true(world.nodes[1].sessions.granted <= world.limits.session_buffer_bytes);
}

/* VX6-SESS-017 */
static void test_budgets_bound_what_is_held(void **state)
{
    (void)state;
    world.limits.session_buffer_bytes = 1000000;
    struct session *session = join();
    for (uint32_t i = 0; i < 40; i++)
        begin_stream(session, 3000000);
    settle();
    work(100000);
    for (uint32_t i = 0; i < 40; i++) {
        assert_int_equal(ends[1][i].read, 3000000);
        ends[1][i].reads_nothing = true;
    }
    session_close(&world.nodes[0], session, VX6_OK);
    settle();
    assert_true(world.memory.held < 600000);
}

static void test_windows_begin_small_and_grow_with_use(void **state)
{
    (void)state;
    struct session *session = join();
    begin_stream(session, 10000000);
    begin_stream(session, 10);
    settle();
    ends[1][0].may_write = ends[1][1].may_write = false;
    work(100000);
    assert_int_equal(ends[1][0].read, 10000000);
    assert_int_equal(stream_by_id(1, ends[1][0].id)->window, world.limits.stream_window_bytes);
    assert_int_equal(stream_by_id(1, ends[1][1].id)->window, STREAM_WINDOW_FIRST);
}

/* VX6-SESS-014 */
static void test_few_bytes_are_acknowledged_when_quiet(void **state)
{
    (void)state;
    struct session *session = join();
    begin_stream(session, 100);
    settle();
    write_some(0, &ends[0][0], 50);
    settle();
    struct stream *stream = stream_by_id(0, ends[0][0].id);
    assert_int_equal(chunk_held(&stream->send), 50);
    pass_time(9);
    assert_int_equal(chunk_held(&stream->send), 50);
    pass_time(1);
    assert_int_equal(chunk_held(&stream->send), 0);
}

/* VX6-SESS-020 */
static void test_streams_are_bounded_and_say_so(void **state)
{
    (void)state;
    world.limits.stream_per_session_max = 8;
    struct session *session = join();
    for (uint32_t i = 0; i < 8; i++)
        begin_stream(session, 10);
    vx6_id id;
    assert_int_equal(stream_open(&world.nodes[0], session, &id), VX6_LIMIT);
    settle();
    /* An owner with a smaller limit refuses the stream, not the session. */
    world.limits.stream_per_session_max = 20;
    struct end *end = begin_stream(session, 10);
    world.limits.stream_per_session_max = 8;
    settle();
    assert_true(end->closed);
    assert_int_equal(end->code, VX6_LIMIT);
    assert_int_equal(world.nodes[1].sessions.refused_count, 0);
    assert_int_equal(world.nodes[1].sessions.stream_count, 8);
    /* A client that floods an owner which cannot answer loses the session. */
    struct vx6_msg open = {.type = VX6_MSG_stream_open};
    struct session *owner = owner_session();
    for (uint32_t number = 10; owner->state != SESSION_CLOSED; number++) {
        assert_true(number < 40);
        open.u.stream_open = (struct vx6_stream_open){session->path->id, number, 0};
        assert_int_equal(feed(1, &open), VX6_OK);
    }
    settle();
    assert_int_equal(seen(0, VX6_OUT_SESSION_DOWN, 0)->code, VX6_LIMIT);
}

/* VX6-SESS-020: many sessions whose peer does not read refusals hold no more than one would. */
static void test_refused_streams_are_bounded_for_the_whole_node(void **state)
{
    (void)state;
    world.limits.stream_max = 8;
    struct session *sessions[4];
    vx6_id id;
    sessions[0] = join();
    for (uint32_t i = 1; i < 4; i++) {
        assert_int_equal(ask_for("web", &id), VX6_OK);
        sessions[i] = slots_get(&world.nodes[0].slots, SLOT_SESSION, id);
    }
    settle();
    struct vx6_msg open = {.type = VX6_MSG_stream_open};
    for (uint32_t i = 0; i < 4; i++) {
        for (uint32_t number = 1; number < 50; number++) {
            open.u.stream_open = (struct vx6_stream_open){sessions[i]->path->id, number, 0};
            assert_int_equal(feed(1, &open), VX6_OK);
            assert_true(world.nodes[1].sessions.stream_count <= 6 + 8);
        }
    }
    settle();
    assert_int_equal(world.nodes[1].sessions.refused_count, 0);
}

/* VX6-SESS-018 */
static void test_a_lone_stream_fills_records_and_many_share_them(void **state)
{
    (void)state;
    struct session *session = join();
    static uint8_t record[32768];
    for (uint32_t i = 0; i < 3; i++) {
        begin_stream(session, 200000);
        settle();
    }
    world.on_frame = NULL;
    for (int k = 0; k < 20; k++)
        write_some(0, &ends[0][0], SIZE_MAX);
    assert_true(session_fill(&world.nodes[0], link_of(0), record, sizeof record) >= 32000);
    for (uint32_t i = 1; i < 3; i++) {
        for (int k = 0; k < 20; k++)
            write_some(0, &ends[0][i], SIZE_MAX);
    }
    for (int k = 0; k < 3; k++)
        assert_true(session_fill(&world.nodes[0], link_of(0), record, sizeof record) >= 31000);
    for (uint32_t i = 0; i < 3; i++)
        assert_true(stream_by_id(0, ends[0][i].id)->send_next >= 2 * 16000);
}

/* VX6-LINK-021, VX6-LINK-022: what is late on one channel is late for its stream alone. */
static void test_a_stalled_channel_holds_up_no_other_stream(void **state)
{
    (void)state;
    if (!with_channels)
        return; /* everything waits */
    struct session *session = join();
    for (uint32_t i = 0; i < 4; i++)
        begin_stream(session, 300000);
    settle();
    world.stalled = 2; /* that of the second stream */
    work(30000);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(ends[1][i].read, i == 1 ? 0 : 300000);
        assert_int_equal(ends[0][i].closed, i != 1);
    }
    world.stalled = 0;
    work(30000);
    assert_int_equal(ends[1][1].read, 300000);
    assert_int_equal(ends[0][1].code, VX6_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STREAM_TEST(test_a_slow_reader_holds_up_nobody_else),
        STREAM_TEST(test_budgets_bound_what_is_held),
        STREAM_TEST(test_windows_begin_small_and_grow_with_use),
        STREAM_TEST(test_few_bytes_are_acknowledged_when_quiet),
        STREAM_TEST(test_streams_are_bounded_and_say_so),
        STREAM_TEST(test_refused_streams_are_bounded_for_the_whole_node),
        STREAM_TEST(test_a_lone_stream_fills_records_and_many_share_them),
        STREAM_TEST(test_a_stalled_channel_holds_up_no_other_stream),
    };
    return run_over_both_carriers(tests);
}
