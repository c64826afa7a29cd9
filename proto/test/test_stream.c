/* SPDX-License-Identifier: MIT */
/* Streams under an application that reads and writes as it likes: every byte arrives once and in
 * order, no window is overrun, and every end is heard of once. */
#include "session_pair.h"

enum {
    STREAMS_MAX = 64
};

/* One end of a stream, and what its application wants. */
struct end {
    vx6_id id;
    uint32_t number;
    uint64_t written, goal; /* ends its direction at the goal */
    uint64_t read;
    bool may_write, may_read, fin_written, end_read, closed, reads_nothing;
    enum vx6_code code;
};

static struct end ends[SIDES][STREAMS_MAX];
static uint32_t stream_count[SIDES];
static uint64_t window_end[SIDES][STREAMS_MAX + 1], data_end[SIDES][STREAMS_MAX + 1];
static bool owner_refuses;

/* What the n-th stream carries from a side at an offset. */
static uint8_t byte_of(int from, uint32_t number, uint64_t offset)
{
    return (uint8_t)(offset * 167 ^ offset >> 11 ^ number * 31 ^ (uint32_t)from * 77);
}

static struct end *end_by_id(int side, vx6_id id)
{
    for (uint32_t i = 0; i < stream_count[side]; i++) {
        if (ends[side][i].id.bits == id.bits && !ends[side][i].closed)
            return &ends[side][i];
    }
    return NULL;
}

static void hear(int side, const struct vx6_out *out)
{
    if (out->kind == VX6_OUT_SESSION_UP || out->kind == VX6_OUT_SESSION_DOWN)
        return;
    if (out->kind == VX6_OUT_STREAM_INCOMING) {
        assert_memory_equal(out->value.data, "web", 3);
        assert_int_equal(out->key[0], 'A');
        struct stream *stream = stream_by_id(1, out->id);
        struct end *end = &ends[1][stream->number - 1];
        stream_count[1] = stream->number;
        end->id = out->id;
        end->number = stream->number;
        end->may_write = !owner_refuses;
        if (owner_refuses)
            stream_reset(&world.nodes[1], stream, VX6_SERVICE_DOWN);
        else
            assert_int_equal(stream_accept(&world.nodes[1], stream), VX6_OK);
        return;
    }
    struct end *end = end_by_id(side, out->id);
    assert_non_null(end);
    if (out->kind == VX6_OUT_STREAM_WRITABLE)
        end->may_write = true;
    if (out->kind == VX6_OUT_STREAM_READABLE)
        end->may_read = true;
    if (out->kind == VX6_OUT_STREAM_CLOSED) {
        end->closed = true;
        end->code = out->code;
        end->end_read = end->end_read || out->code == VX6_OK;
    }
}

/* Watches the frames: nothing beyond a window, no window that shrinks. */
static void watch(const struct vx6_msg *frame, int from)
{
    int to = 1 - from;
    if (frame->type == VX6_MSG_stream_open)
        window_end[to][frame->u.stream_open.stream] = frame->u.stream_open.window_end;
    if (frame->type == VX6_MSG_stream_accept)
        window_end[to][frame->u.stream_accept.stream] = frame->u.stream_accept.window_end;
    if (frame->type == VX6_MSG_stream_ack) {
        assert_true(frame->u.stream_ack.window_end >= window_end[to][frame->u.stream_ack.stream]);
        window_end[to][frame->u.stream_ack.stream] = frame->u.stream_ack.window_end;
    }
    if (frame->type == VX6_MSG_stream_data) {
        const struct vx6_stream_data *data = &frame->u.stream_data;
        assert_int_equal(data->offset, data_end[from][data->stream]);
        data_end[from][data->stream] += data->bytes.len;
        assert_true(data_end[from][data->stream] <= window_end[from][data->stream]);
    }
}

static int stream_setup(void **state)
{
    world_setup(state);
    memset(ends, 0, sizeof ends);
    memset(stream_count, 0, sizeof stream_count);
    memset(window_end, 0, sizeof window_end);
    memset(data_end, 0, sizeof data_end);
    owner_refuses = false;
    world.on_output = hear;
    world.on_frame = watch;
    return 0;
}

static struct end *begin_stream(struct session *session, uint64_t goal)
{
    struct end *end = &ends[0][stream_count[0]++];
    assert_int_equal(stream_open(&world.nodes[0], session, &end->id), VX6_OK);
    end->number = stream_count[0];
    end->goal = goal;
    return end;
}

static void write_some(int side, struct end *end, size_t most)
{
    if (end->closed || end->fin_written)
        return;
    size_t room = 0;
    uint8_t *dst = NULL;
    if (end->written < end->goal)
        dst = vx6_stream_reserve(&world.nodes[side], end->id, &room);
    if (dst == NULL && end->written < end->goal) {
        end->may_write = false;
        return;
    }
    size_t len = room < most ? room : most;
    if (len > end->goal - end->written)
        len = (size_t)(end->goal - end->written);
    for (size_t i = 0; i < len; i++)
        dst[i] = byte_of(side, end->number, end->written + i);
    end->written += len;
    end->fin_written = end->written == end->goal;
    vx6_stream_commit(&world.nodes[side], end->id, len, end->fin_written);
}

static void read_some(int side, struct end *end, size_t most)
{
    vx6_span spans[3];
    bool is_end = false;
    if (end->closed)
        return;
    size_t count = vx6_stream_peek(&world.nodes[side], end->id, spans, 3, &is_end), taken = 0;
    for (size_t i = 0; i < count && taken < most; i++) {
        size_t len = spans[i].len < most - taken ? spans[i].len : most - taken;
        for (size_t k = 0; k < len; k++) {
            if (spans[i].data[k] != byte_of(1 - side, end->number, end->read + taken + k))
                fail_msg("stream %u, offset %lu", end->number, (unsigned long)(end->read + k));
        }
        taken += len;
        if (len < spans[i].len)
            is_end = false;
    }
    if (taken == most && count > 0 && !is_end)
        end->may_read = true;
    end->read += taken;
    end->end_read = end->end_read || is_end;
    vx6_stream_release(&world.nodes[side], end->id, taken);
}

/* Everybody reads and writes by chance until nobody can. */
static void work(uint32_t most)
{
    for (uint32_t idle = 0; idle < 50;) {
        int side = (int)chance(2);
        idle++;
        for (uint32_t i = 0; i < stream_count[side]; i++) {
            struct end *end = &ends[side][i];
            if (chance(3) == 0 && end->may_write && !end->fin_written && !end->closed) {
                write_some(side, end, 1 + chance(most));
                idle = 0;
            }
            if (chance(3) == 0 && end->may_read && !end->reads_nothing && !end->closed) {
                end->may_read = false;
                read_some(side, end, 1 + chance(most));
                vx6_span span;
                bool is_end;
                end->may_read |=
                    vx6_stream_peek(&world.nodes[side], end->id, &span, 1, &is_end) > 0;
                idle = 0;
            }
        }
        for (struct link *link = world.links; link; link = link->next) {
            if (link->other && link->wants_write && chance(2) == 0)
                deliver(link);
        }
        drain(0);
        drain(1);
        if (chance(20) == 0)
            pass_time(chance(12));
    }
    settle();
    pass_time(20);
}

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
    assert_int_equal(service_add(&world.nodes[1], text("web")), VX6_OK);
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
    assert_true(world.memory < 600000);
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
    assert_int_equal(service_add(&world.nodes[1], text("web")), VX6_OK);
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
    size_t room;
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
    } else if (vx6_stream_reserve(node, id, &room)) {
        vx6_stream_commit(node, id, chance((uint32_t)room), chance(20) == 0);
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

static void test_any_failed_allocation_closes_what_it_concerned(void **state)
{
    uint64_t last = 1;
    uint32_t complete = 0;
    for (uint64_t n = 1; n <= last && n < 400; n++) {
        stream_setup(state);
        random_state += n;
        struct session *session = join();
        vx6_id id = session->id;
        uint64_t before = world.allocations;
        world.fail_at = before + n;
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
        last = world.allocations - before >= n ? n + 1 : n;
        if (n < last)
            world_teardown(state);
    }
    assert_true(last > 10 && complete > 20);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stream_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_bytes_arrive_once_and_in_order_both_ways),
        TEST(test_tiny_steps_and_tiny_records_move_the_same_bytes),
        TEST(test_a_half_closed_stream_goes_on_the_other_way),
        TEST(test_resets_at_any_time_end_both_sides),
        TEST(test_a_reset_after_the_end_is_no_end),
        TEST(test_a_reset_without_a_reason_has_one),
        TEST(test_a_refused_stream_carries_the_reason),
        TEST(test_a_stream_opened_before_the_session_is_up_waits_for_it),
        TEST(test_a_slow_reader_holds_up_nobody_else),
        TEST(test_budgets_bound_what_is_held),
        TEST(test_windows_begin_small_and_grow_with_use),
        TEST(test_closing_with_bytes_on_their_way_drops_them),
        TEST(test_a_session_closed_at_once_still_acknowledges_what_ended),
        TEST(test_few_bytes_are_acknowledged_when_quiet),
        TEST(test_what_nobody_answers_is_given_up),
        TEST(test_streams_are_bounded_and_say_so),
        TEST(test_refused_streams_are_bounded_for_the_whole_node),
        TEST(test_data_frames_equal_the_encoding),
        TEST(test_a_lone_stream_fills_records_and_many_share_them),
        TEST(test_each_wrong_frame_has_its_code),
        TEST(test_an_end_is_final),
        TEST(test_before_it_is_accepted_a_stream_carries_nothing),
        TEST(test_early_data_is_kept_until_the_stream_is_accepted),
        TEST(test_a_stalled_channel_holds_up_no_other_stream),
        TEST(test_early_data_of_a_refused_stream_is_dropped),
        TEST(test_any_frames_in_any_order_leave_a_whole_node),
        TEST(test_any_failed_allocation_closes_what_it_concerned),
    };
    return cmocka_run_group_tests_name("in order", tests, NULL, NULL) +
           cmocka_run_group_tests_name("over channels", tests, over_channels, NULL);
}
