/* SPDX-License-Identifier: MIT */
/* Frames of a peer that keeps to no rule: each wrong one has its code, and early data waits. */
#include "stream_pair.h"

/* The frame that is written by hand is the one that the codec would write. */
static void test_data_frames_equal_the_encoding(void **state)
{
    (void)state;
    struct session *session = join();
    begin_stream(session, 3000);
    settle();
    for (int round = 0; round < 2; round++) {
        static uint8_t filled[33000], encoded[33000];
        write_some(0, &ends[0][0], 1 + chance(700));
        if (round == 1)
            write_some(0, &ends[0][0], 3000), write_some(0, &ends[0][0], 3000);
        if (round == 1)
            write_some(0, &ends[0][0], 3000), write_some(0, &ends[0][0], 3000);
        size_t len = session_fill(&world.nodes[0], link_of(0), filled, sizeof filled);
        struct vx6_msg msg;
        assert_null(vx6_msg_decode(&msg, VX6_SCOPE_LINK, filled + 2, len - 2));
        assert_int_equal(load_u16(filled), len - 2);
        assert_int_equal(msg.type, VX6_MSG_stream_data);
        assert_int_equal(msg.u.stream_data.fin, round);
        assert_int_equal(vx6_msg_encode(&msg, encoded, sizeof encoded), len - 2);
        assert_memory_equal(encoded, filled + 2, len - 2);
    }
}

/* What a peer may say wrong about a stream; the stream has received 100 bytes of a window of
 * 65,536, has sent 50 of which 20 are acknowledged, and may send up to 65,536. */
struct wrong {
    const char *what;
    enum vx6_msg_type type;
    uint32_t stream;
    uint64_t offset; /* or received */
    uint64_t window_end;
    uint32_t len;
    uint8_t fin;
    enum vx6_code expected;
};

static const struct wrong wrongs[] = {
    {"bytes at the right offset", VX6_MSG_stream_data, 1, 100, 0, 10, 0, VX6_OK},
    {"bytes received before", VX6_MSG_stream_data, 1, 40, 0, 60, 0, VX6_OK},
    {"bytes partly received before", VX6_MSG_stream_data, 1, 40, 0, 100, 0, VX6_OK},
    {"bytes up to the window's end", VX6_MSG_stream_data, 1, 100, 0, 30000, 0, VX6_OK},
    {"bytes beyond the window", VX6_MSG_stream_data, 1, 65530, 0, 7, 0, VX6_FLOW},
    {"an offset beyond the window", VX6_MSG_stream_data, 1, 65537, 0, 1, 0, VX6_FLOW},
    {"the largest offset", VX6_MSG_stream_data, 1, UINT64_MAX, 0, 2, 0, VX6_FLOW},
    {"a gap", VX6_MSG_stream_data, 1, 101, 0, 10, 0, VX6_UNEXPECTED},
    {"nothing", VX6_MSG_stream_data, 1, 100, 0, 0, 0, VX6_BAD_MESSAGE},
    {"the end", VX6_MSG_stream_data, 1, 100, 0, 0, 1, VX6_OK},
    {"an end before what came", VX6_MSG_stream_data, 1, 50, 0, 10, 1, VX6_UNEXPECTED},
    {"an end after a gap", VX6_MSG_stream_data, 1, 101, 0, 0, 1, VX6_UNEXPECTED},
    {"an end beyond the window", VX6_MSG_stream_data, 1, 65537, 0, 0, 1, VX6_UNEXPECTED},
    {"a stream that was never opened", VX6_MSG_stream_data, 2, 0, 0, 1, 0, VX6_UNEXPECTED},
    {"a second accept", VX6_MSG_stream_accept, 1, 0, 70000, 0, 0, VX6_UNEXPECTED},
    {"an acknowledgement of all", VX6_MSG_stream_ack, 1, 50, 65536, 0, 0, VX6_OK},
    {"one repeated", VX6_MSG_stream_ack, 1, 20, 65536, 0, 0, VX6_OK},
    {"one of more than was sent", VX6_MSG_stream_ack, 1, 51, 65536, 0, 0, VX6_UNEXPECTED},
    {"one that goes back", VX6_MSG_stream_ack, 1, 19, 65536, 0, 0, VX6_UNEXPECTED},
    {"a larger window", VX6_MSG_stream_ack, 1, 20, UINT64_MAX, 0, 0, VX6_OK},
    {"a smaller window", VX6_MSG_stream_ack, 1, 20, 65535, 0, 0, VX6_UNEXPECTED},
    {"a stream again", VX6_MSG_stream_open, 1, 0, 10, 0, 0, VX6_UNEXPECTED},
    {"a stream after the next", VX6_MSG_stream_open, 3, 0, 10, 0, 0, VX6_UNEXPECTED},
    {"a reset of a stream that never was", VX6_MSG_stream_reset, 2, 0, 0, 0, 0, VX6_UNEXPECTED},
};

static struct vx6_msg wrong_frame(const struct wrong *row, uint32_t path)
{
    static uint8_t bytes[32000];
    struct vx6_msg msg = {.type = row->type};
    for (size_t i = 0; i < row->len; i++)
        bytes[i] = byte_of(0, 1, row->offset + i);
    if (row->type == VX6_MSG_stream_data)
        msg.u.stream_data =
            (struct vx6_stream_data){path, row->stream, row->offset, row->fin, {bytes, row->len}};
    else if (row->type == VX6_MSG_stream_ack)
        msg.u.stream_ack = (struct vx6_stream_ack){path, row->stream, row->offset, row->window_end};
    else if (row->type == VX6_MSG_stream_open)
        msg.u.stream_open = (struct vx6_stream_open){path, row->stream, row->window_end};
    else if (row->type == VX6_MSG_stream_accept)
        msg.u.stream_accept = (struct vx6_stream_accept){path, row->stream, row->window_end};
    else
        msg.u.stream_reset = (struct vx6_stream_reset){path, row->stream, VX6_RESET};
    return msg;
}

/* VX6-SESS-010, VX6-SESS-011, VX6-SESS-013 */
static void test_each_wrong_frame_has_its_code(void **state)
{
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        stream_setup(state);
        world.on_frame = NULL;
        struct session *session = join();
        begin_stream(session, 100000);
        settle();
        ends[1][0].goal = 100000;
        write_some(0, &ends[0][0], 100);
        write_some(1, &ends[1][0], 20);
        settle();
        pass_time(10);
        write_some(1, &ends[1][0], 30);
        deliver(link_of(1));
        struct vx6_msg msg = wrong_frame(&wrongs[i], session->path->id);
        enum vx6_code code = feed(1, &msg);
        if (code != wrongs[i].expected)
            fail_msg("%s: %s", wrongs[i].what, vx6_code_name(code));
        drain(1);
        read_some(1, &ends[1][0], SIZE_MAX);
        if (i + 1 < sizeof wrongs / sizeof wrongs[0])
            world_teardown(state);
    }
}

/* VX6-SESS-011: after the end nothing may follow, and it stays where it was. */
static void test_an_end_is_final(void **state)
{
    (void)state;
    struct session *session = join();
    begin_stream(session, 100);
    settle();
    ends[1][0].goal = 10;
    write_some(0, &ends[0][0], 100);
    settle();
    static const struct wrong rows[] = {
        {"the same end", VX6_MSG_stream_data, 1, 100, 0, 0, 1, VX6_OK},
        {"the last bytes and the end again", VX6_MSG_stream_data, 1, 90, 0, 10, 1, VX6_OK},
        {"old bytes", VX6_MSG_stream_data, 1, 10, 0, 10, 0, VX6_OK},
        {"another end", VX6_MSG_stream_data, 1, 99, 0, 0, 1, VX6_UNEXPECTED},
        {"bytes after it", VX6_MSG_stream_data, 1, 100, 0, 1, 0, VX6_UNEXPECTED},
        {"a later end", VX6_MSG_stream_data, 1, 100, 0, 1, 1, VX6_UNEXPECTED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vx6_msg msg = wrong_frame(&rows[i], session->path->id);
        assert_int_equal(feed(1, &msg), rows[i].expected);
    }
}

/* VX6-SESS-009. That the client's end may get data early is the next test's. */
static void test_before_it_is_accepted_a_stream_carries_nothing(void **state)
{
    (void)state;
    world.on_output = NULL;
    struct session *session = join();
    vx6_id id;
    assert_int_equal(stream_open(&world.nodes[0], session, &id), VX6_OK);
    settle();
    for (int side = 0; side < SIDES; side++) {
        struct vx6_msg data = {.type = VX6_MSG_stream_data};
        data.u.stream_data =
            (struct vx6_stream_data){session->path->id, 1, 0, 0, {(const uint8_t *)"x", 1}};
        if (side == 1 || !with_channels)
            assert_int_equal(feed(side, &data), VX6_UNEXPECTED);
        struct vx6_msg ack = {.type = VX6_MSG_stream_ack};
        ack.u.stream_ack = (struct vx6_stream_ack){session->path->id, 1, 0, 1u << 20};
        assert_int_equal(feed(side, &ack), VX6_UNEXPECTED);
    }
}

static enum vx6_code feed_data(uint64_t offset, size_t len, bool fin)
{
    static const uint8_t bytes[32000] = {'x'};
    struct vx6_msg msg = {
        .type = VX6_MSG_stream_data, .u.stream_data = {1, 1, offset, fin, {bytes, len}}};
    return feed(0, &msg);
}

/* VX6-SESS-022: the owner's data has overtaken its session_opened and stream_accept. */
static void test_early_data_is_kept_until_the_stream_is_accepted(void **state)
{
    (void)state;
    world.on_output = NULL;
    vx6_id session_id, id;
    assert_int_equal(service_add(&world.nodes[1], text("web"), EXPOSURE_PUBLIC), VX6_OK);
    assert_int_equal(ask_for("web", &session_id), VX6_OK);
    struct session *session = slots_get(&world.nodes[0].slots, SLOT_SESSION, session_id);
    assert_int_equal(stream_open(&world.nodes[0], session, &id), VX6_OK);
    links_up();
    if (with_channels) /* no stream has been asked for */
        assert_int_equal(feed_data(0, 100, false), VX6_UNEXPECTED);
    while (fill_link(link_of(0)))
        ;
    if (!with_channels) {
        assert_int_equal(feed_data(0, 100, false), VX6_UNEXPECTED);
        return;
    }
    struct stream *stream = stream_by_id(0, id);
    vx6_ns deadline = stream->timer.deadline;
    assert_int_not_equal(deadline, VX6_NEVER);
    assert_int_equal(feed_data(0, 30000, false), VX6_OK);
    assert_int_equal(feed_data(stream->window_end, 1, false), VX6_FLOW);
    assert_int_equal(feed_data(30000, 30000, true), VX6_OK);
    assert_int_equal(session->state, SESSION_OPENING);
    drain(0);
    assert_int_equal(world.log_count[0], 0);
    assert_int_equal(stream->control, 0);               /* nothing is acknowledged */
    assert_int_equal(stream->timer.deadline, deadline); /* nor is the wait over */

    deliver_all(link_of(0));
    drain(1);
    deliver_all(link_of(1));
    drain(0);
    assert_int_equal(session->state, SESSION_UP);
    assert_int_equal(seen_count(0, VX6_OUT_STREAM_READABLE), 0);
    const struct seen *incoming = seen(1, VX6_OUT_STREAM_INCOMING, 0);
    assert_int_equal(stream_accept(&world.nodes[1], stream_by_id(1, incoming->id)), VX6_OK);
    deliver_all(link_of(1));
    drain(0);
    assert_int_equal(seen_count(0, VX6_OUT_STREAM_WRITABLE), 1);
    assert_int_equal(seen_count(0, VX6_OUT_STREAM_READABLE), 1);
    vx6_span spans[8];
    bool is_end;
    size_t count = vx6_stream_peek(&world.nodes[0], id, spans, 8, &is_end), len = 0;
    for (size_t i = 0; i < count; i++)
        len += spans[i].len;
    assert_int_equal(len, 60000);
    assert_true(is_end);
    assert_true(stream->control & STREAM_SEND_ACK);
}

/* Early data of a stream that is refused is dropped with it, and the budget is whole again. */
static void test_early_data_of_a_refused_stream_is_dropped(void **state)
{
    (void)state;
    if (!with_channels)
        return; /* there is none */
    world.on_output = NULL;
    struct session *session = join();
    vx6_id id;
    assert_int_equal(stream_open(&world.nodes[0], session, &id), VX6_OK);
    settle();
    assert_int_equal(feed_data(0, 20000, true), VX6_OK);
    const struct seen *incoming = seen(1, VX6_OUT_STREAM_INCOMING, 0);
    stream_reset(&world.nodes[1], stream_by_id(1, incoming->id), VX6_SERVICE_DOWN);
    settle();
    assert_int_equal(seen_count(0, VX6_OUT_STREAM_READABLE), 0);
    assert_int_equal(seen(0, VX6_OUT_STREAM_CLOSED, 0)->code, VX6_SERVICE_DOWN);
    assert_int_equal(world.nodes[0].sessions.granted, 0);
}

/* Well-formed frames with numbers that often mean something. */
static struct vx6_msg random_frame(void)
{
    static const uint8_t bytes[32000];
    static const uint64_t offsets[] = {0, 1, 10, 100, 65535, 65536, 65537, UINT64_MAX};
    uint32_t path = 1 + chance(4), number = 1 + chance(5);
    uint64_t offset = offsets[chance(8)], window = offsets[chance(8)];
    struct vx6_msg msg = {.type = (enum vx6_msg_type)(VX6_MSG_session_open + chance(8))};
    if (msg.type == VX6_MSG_session_open)
        msg.u.session_open = (struct vx6_session_open){
            .path = path, .privacy = 1, .service = text(chance(4) ? "web" : "none")};
    else if (msg.type == VX6_MSG_session_opened)
        msg.u.session_opened = (struct vx6_session_opened){.path = path};
    else if (msg.type == VX6_MSG_session_close)
        msg.u.session_close = (struct vx6_session_close){path, (uint16_t)chance(3)};
    else if (msg.type == VX6_MSG_stream_open)
        msg.u.stream_open = (struct vx6_stream_open){path, number, window};
    else if (msg.type == VX6_MSG_stream_accept)
        msg.u.stream_accept = (struct vx6_stream_accept){path, number, window};
    else if (msg.type == VX6_MSG_stream_data)
        msg.u.stream_data = (struct vx6_stream_data){
            path, number, offset, chance(4) == 0, {bytes, chance(3) * chance(200)}};
    else if (msg.type == VX6_MSG_stream_ack)
        msg.u.stream_ack = (struct vx6_stream_ack){path, number, offset, window};
    else
        msg.u.stream_reset = (struct vx6_stream_reset){path, number, VX6_RESET};
    return msg;
}

/* A driver that does what comes to mind with whatever it was told of. */
static void random_command(int side)
{
    struct vx6_node *node = &world.nodes[side];
    uint32_t count = world.log_count[side];
    if (count == 0)
        return;
    vx6_id id = world.log[side][chance(count)].id;
    struct stream *stream = stream_by_id(side, id);
    struct vx6_room room;
    if (stream == NULL)
        return;
    uint32_t what = chance(6);
    if (what == 0) {
        enum vx6_code code = stream_accept(node, stream);
        assert_true(code == VX6_OK || code == VX6_INVALID || code == VX6_STALE);
    } else if (what == 1 && chance(8) == 0) {
        stream_reset(node, stream, VX6_CANCELLED);
    } else if (what == 2 && chunk_held(&stream->receive) > 0) {
        vx6_stream_release(node, id, 1 + chance((uint32_t)chunk_held(&stream->receive)));
    } else if (vx6_stream_reserve(node, id, &room, 1) > 0) {
        vx6_stream_commit(node, id, chance((uint32_t)room.len), chance(20) == 0);
    }
}

/* A peer may say anything at any time: at worst the link ends, with a code. */
static void test_any_frames_in_any_order_leave_a_whole_node(void **state)
{
    uint32_t refused = 0, taken = 0;
    for (uint64_t seed = 1; seed <= 1500; seed++) {
        stream_setup(state);
        random_state = seed * 0x9E3779B97F4A7C15u;
        world.on_frame = NULL;
        world.on_output = NULL;
        struct session *session = join();
        for (uint32_t i = chance(4); i > 0; i--) {
            vx6_id id;
            assert_int_equal(stream_open(&world.nodes[0], session, &id), VX6_OK);
            world.log[0][world.log_count[0]++].id = id;
        }
        for (int step = 0; step < 200 && link_of(0); step++) {
            int side = (int)chance(2);
            struct vx6_msg msg = random_frame();
            enum vx6_code code = chance(3) == 0 ? feed(side, &msg) : VX6_OK;
            taken += code == VX6_OK;
            refused += code != VX6_OK;
            if (code != VX6_OK && chance(4) == 0)
                link_kill(link_of(side), code);
            random_command(side);
            if (chance(3) == 0)
                drain(side);
            if (link_of(side) && chance(3) == 0)
                deliver(link_of(side));
            if (chance(40) == 0)
                pass_time(chance(20000));
        }
        if (seed < 1500)
            world_teardown(state);
    }
    assert_true(refused > 1000 && taken > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STREAM_TEST(test_data_frames_equal_the_encoding),
        STREAM_TEST(test_each_wrong_frame_has_its_code),
        STREAM_TEST(test_an_end_is_final),
        STREAM_TEST(test_before_it_is_accepted_a_stream_carries_nothing),
        STREAM_TEST(test_early_data_is_kept_until_the_stream_is_accepted),
        STREAM_TEST(test_early_data_of_a_refused_stream_is_dropped),
        STREAM_TEST(test_any_frames_in_any_order_leave_a_whole_node),
    };
    return run_over_both_carriers(tests);
}
