/* SPDX-License-Identifier: MIT */
/* The life of a stream: opened, used both ways, ended in order or not, whatever fails meanwhile. */
#include "stream_pair.h"

/* VX6-SESS-012 */
static void test_bytes_arrive_once_and_in_order_both_ways(void **state)
{
    (void)state;
    struct session *session = join();
    for (uint32_t i = 0; i < 12; i++)
        begin_stream(session, i == 0 ? 6000000 : chance(400000));
    settle();
    for (uint32_t i = 0; i < 12; i++)
        ends[1][i].goal = i == 1 ? 5000000 : chance(300000);
    work(60000);
    for (uint32_t i = 0; i < 12; i++) {
        for (int side = 0; side < SIDES; side++) {
            assert_int_equal(ends[side][i].read, ends[1 - side][i].goal);
            assert_true(ends[side][i].end_read);
            assert_true(ends[side][i].closed);
            assert_int_equal(ends[side][i].code, VX6_OK);
        }
    }
    assert_int_equal(world.broken, VX6_OK);
    assert_int_equal(world.nodes[0].sessions.stream_count, 0);
    assert_int_equal(world.nodes[1].sessions.stream_count, 0);
    assert_int_equal(seen_count(0, VX6_OUT_STREAM_CLOSED), 12);
}

static void test_tiny_steps_and_tiny_records_move_the_same_bytes(void **state)
{
    (void)state;
    world.fill_cap = 150;
    struct session *session = join();
    for (uint32_t i = 0; i < 4; i++)
        begin_stream(session, chance(9000));
    settle();
    for (uint32_t i = 0; i < 4; i++)
        ends[1][i].goal = chance(9000);
    work(3);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(ends[0][i].read, ends[1][i].goal);
        assert_int_equal(ends[1][i].read, ends[0][i].goal);
        assert_int_equal(ends[0][i].code, VX6_OK);
        assert_true(ends[0][i].closed && ends[1][i].closed);
    }
}

/* VX6-SESS-015 */
static void test_a_half_closed_stream_goes_on_the_other_way(void **state)
{
    (void)state;
    for (int first = 0; first < SIDES; first++) {
        stream_setup(state);
        struct session *session = join();
        begin_stream(session, 0);
        ends[0][0].goal = first == 0 ? 0 : UINT64_MAX;
        settle();
        ends[1][0].goal = first == 1 ? 0 : UINT64_MAX;
        struct end *done = &ends[first][0], *other = &ends[1 - first][0];
        write_some(first, done, 1);
        settle();
        read_some(1 - first, other, 1);
        assert_true(other->end_read);
        for (int i = 0; i < 40; i++) {
            write_some(1 - first, other, 20000);
            settle();
            read_some(first, done, SIZE_MAX);
            settle();
        }
        assert_int_equal(done->read, other->written);
        assert_true(done->read > 500000);
        assert_false(done->closed || other->closed);
        other->goal = other->written;
        write_some(1 - first, other, 1);
        settle();
        assert_true(done->closed && other->closed && done->end_read);
        assert_int_equal(done->code, VX6_OK);
        assert_int_equal(other->code, VX6_OK);
        if (first == 0)
            world_teardown(state);
    }
}

/* VX6-SESS-016 */
static void test_resets_at_any_time_end_both_sides(void **state)
{
    (void)state;
    struct session *session = join();
    for (uint32_t i = 0; i < STREAMS_MAX; i++) {
        begin_stream(session, 200000);
        settle();
        ends[1][i].goal = 100000;
    }
    for (uint32_t i = 0; i < STREAMS_MAX; i++) {
        int side = (int)chance(2);
        struct stream *stream = stream_by_id(side, ends[side][i].id);
        if (stream)
            stream_reset(&world.nodes[side], stream, VX6_CANCELLED);
        for (uint32_t k = i; k < i + 5 && k < STREAMS_MAX; k++) {
            write_some((int)(k & 1), &ends[k & 1][k], 20000);
            if (chance(2))
                settle();
            read_some((int)(~k & 1), &ends[~k & 1][k], 10000);
        }
    }
    settle();
    for (uint32_t i = 0; i < STREAMS_MAX; i++) {
        assert_int_equal(ends[0][i].code, VX6_CANCELLED);
        assert_int_equal(ends[1][i].code, VX6_CANCELLED);
    }
    assert_int_equal(world.broken, VX6_OK);
    assert_int_equal(world.nodes[0].sessions.sending, 0);
    assert_int_equal(world.nodes[1].sessions.granted, 0);
}

/* VX6-SESS-016: what was cut short does not look like an end in order. */
static void test_a_reset_after_the_end_is_no_end(void **state)
{
    (void)state;
    struct session *session = join();
    struct end *end = begin_stream(session, 500);
    settle();
    write_some(0, end, 500);
    settle();
    stream_reset(&world.nodes[0], stream_by_id(0, end->id), VX6_CANCELLED);
    deliver_all(link_of(0));
    vx6_span span;
    bool is_end;
    assert_int_equal(vx6_stream_peek(&world.nodes[1], ends[1][0].id, &span, 1, &is_end), 0);
    assert_false(is_end);
    settle();
    assert_int_equal(ends[1][0].code, VX6_CANCELLED);
}

/* The driver may leave it out, but an end out of order is never OK: VX6-SESS-016 */
static void test_a_reset_without_a_reason_has_one(void **state)
{
    (void)state;
    struct session *session = join();
    struct end *end = begin_stream(session, 1000);
    settle();
    stream_reset(&world.nodes[0], stream_by_id(0, end->id), VX6_OK);
    settle();
    assert_int_equal(end->code, VX6_RESET);
    assert_int_equal(ends[1][0].code, VX6_RESET);
}

static void test_a_refused_stream_carries_the_reason(void **state)
{
    (void)state;
    owner_refuses = true;
    struct session *session = join();
    struct end *end = begin_stream(session, 1000);
    write_some(0, end, 1000);
    settle();
    assert_true(end->closed);
    assert_int_equal(end->code, VX6_SERVICE_DOWN);
    assert_int_equal(seen_count(0, VX6_OUT_STREAM_WRITABLE), 0);
    assert_int_equal(data_end[0][1], 0);
    assert_int_equal(world.nodes[1].sessions.stream_count, 0);
}

/* VX6-SESS-009 */
static void test_a_stream_opened_before_the_session_is_up_waits_for_it(void **state)
{
    (void)state;
    vx6_id id;
    assert_int_equal(service_add(&world.nodes[1], text("web"), EXPOSURE_PUBLIC), VX6_OK);
    assert_int_equal(ask_for("web", &id), VX6_OK);
    struct session *session = slots_get(&world.nodes[0].slots, SLOT_SESSION, id);
    begin_stream(session, 5000);
    struct end *gone = begin_stream(session, 5000);
    write_some(0, &ends[0][0], 5000);
    stream_reset(&world.nodes[0], stream_by_id(0, gone->id), VX6_CANCELLED);
    links_up();
    settle();
    assert_int_equal(seen_count(1, VX6_OUT_STREAM_INCOMING), 1);
    work(5000);
    assert_int_equal(ends[1][0].read, 5000);
    assert_int_equal(ends[0][0].code, VX6_OK);
}

static void test_closing_with_bytes_on_their_way_drops_them(void **state)
{
    (void)state;
    struct session *session = join();
    for (uint32_t i = 0; i < 5; i++) {
        begin_stream(session, 500000);
        settle();
        for (int k = 0; k < 10; k++)
            write_some(0, &ends[0][i], 10000);
    }
    deliver(link_of(0));
    session_close(&world.nodes[0], session, VX6_OK);
    settle();
    assert_int_equal(seen_count(0, VX6_OUT_STREAM_CLOSED), 5);
    assert_int_equal(seen_count(1, VX6_OUT_STREAM_CLOSED), 5);
    assert_int_equal(world.nodes[0].sessions.count, 0);
    assert_int_equal(world.nodes[1].sessions.count, 0);
}

/* VX6-SESS-021: with room for one frame at a time, and with plenty. */
static void test_a_session_closed_at_once_still_acknowledges_what_ended(void **state)
{
    (void)state;
    for (size_t cap = 30; cap <= 32768; cap += 32738) {
        stream_setup(state);
        struct session *session = join();
        for (uint32_t i = 0; i < 3; i++)
            begin_stream(session, 0);
        settle();
        for (uint32_t i = 0; i < 3; i++) {
            write_some(0, &ends[0][i], 1);
            settle();
            read_some(1, &ends[1][i], 1);
        }
        for (uint32_t i = 0; i < 3; i++)
            write_some(1, &ends[1][i], 1);
        deliver_all(link_of(1));
        for (uint32_t i = 0; i < 3; i++)
            read_some(0, &ends[0][i], 1);
        drain(0); /* acknowledges none of the three yet */
        assert_int_equal(seen_count(0, VX6_OUT_STREAM_CLOSED), 3);
        world.fill_cap = cap;
        session_close(&world.nodes[0], session, VX6_OK);
        settle();
        for (uint32_t i = 0; i < 3; i++) {
            assert_int_equal(seen(0, VX6_OUT_STREAM_CLOSED, i)->code, VX6_OK);
            assert_int_equal(seen(1, VX6_OUT_STREAM_CLOSED, i)->code, VX6_OK);
        }
        assert_int_equal(world.nodes[1].sessions.count, 0);
        if (cap < 32768)
            world_teardown(state);
    }
}

/* VX6-SESS-020 */
static void test_what_nobody_answers_is_given_up(void **state)
{
    (void)state;
    struct session *session = join();
    vx6_id ids[SIDES];
    world.on_output = NULL;
    assert_int_equal(stream_open(&world.nodes[0], session, &ids[0]), VX6_OK);
    settle();
    pass_time(15000);
    assert_int_equal(seen(1, VX6_OUT_STREAM_CLOSED, 0)->code, VX6_TIMEOUT);
    assert_int_equal(seen(0, VX6_OUT_STREAM_CLOSED, 0)->code, VX6_TIMEOUT);

    /* Both directions ended, but the peer does not say that it holds the last bytes. */
    open_stream(session, ids);
    vx6_stream_commit(&world.nodes[1], ids[1], 0, true);
    settle();
    vx6_stream_commit(&world.nodes[0], ids[0], 0, true);
    uint8_t scratch[1000];
    assert_true(session_fill(&world.nodes[0], link_of(0), scratch, sizeof scratch) > 0);
    pass_time(30000);
    assert_int_equal(seen(0, VX6_OUT_STREAM_CLOSED, 1)->code, VX6_TIMEOUT);
}

static void test_any_failed_allocation_closes_what_it_concerned(void **state)
{
    uint64_t last = 1;
    uint32_t complete = 0;
    for (uint64_t n = 1; n <= last && n < 400; n++) {
        stream_setup(state);
        random_state += n;
        struct session *session = join();
        vx6_id id = session->id;
        uint64_t before = world.memory.requests;
        world.memory.fail_at = before + n;
        for (uint32_t i = 0; i < 3; i++) {
            struct end *end = &ends[0][stream_count[0]];
            session = slots_get(&world.nodes[0].slots, SLOT_SESSION, id);
            if (session == NULL)
                break;
            enum vx6_code code = stream_open(&world.nodes[0], session, &end->id);
            assert_true(code == VX6_OK || code == VX6_NOMEM);
            if (code != VX6_OK)
                continue;
            end->number = ++stream_count[0];
            end->goal = 100000;
            settle();
        }
        work(30000);
        for (uint32_t i = 0; i < stream_count[0]; i++) {
            bool is_whole = ends[0][i].fin_written && ends[1][i].read == 100000;
            complete += is_whole;
            if (!is_whole && ends[0][i].code != VX6_NOMEM)
                fail_msg("allocation %lu, stream %u: %s", (unsigned long)n, i,
                    vx6_code_name(ends[0][i].code));
        }
        last = world.memory.requests - before >= n ? n + 1 : n;
        if (n < last)
            world_teardown(state);
    }
    assert_true(last > 10 && complete > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STREAM_TEST(test_bytes_arrive_once_and_in_order_both_ways),
        STREAM_TEST(test_tiny_steps_and_tiny_records_move_the_same_bytes),
        STREAM_TEST(test_a_half_closed_stream_goes_on_the_other_way),
        STREAM_TEST(test_resets_at_any_time_end_both_sides),
        STREAM_TEST(test_a_reset_after_the_end_is_no_end),
        STREAM_TEST(test_a_reset_without_a_reason_has_one),
        STREAM_TEST(test_a_refused_stream_carries_the_reason),
        STREAM_TEST(test_a_stream_opened_before_the_session_is_up_waits_for_it),
        STREAM_TEST(test_closing_with_bytes_on_their_way_drops_them),
        STREAM_TEST(test_a_session_closed_at_once_still_acknowledges_what_ended),
        STREAM_TEST(test_what_nobody_answers_is_given_up),
        STREAM_TEST(test_any_failed_allocation_closes_what_it_concerned),
    };
    return run_over_both_carriers(tests);
}
