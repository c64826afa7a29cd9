/* SPDX-License-Identifier: MIT */
/* Streams under an application that reads and writes as it likes: every byte arrives once and in
 * order, no window is overrun, and every end is heard of once. */
#ifndef VX6_TEST_STREAM_PAIR_H
#define VX6_TEST_STREAM_PAIR_H

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
static inline uint8_t byte_of(int from, uint32_t number, uint64_t offset)
{
    return (uint8_t)(offset * 167 ^ offset >> 11 ^ number * 31 ^ (uint32_t)from * 77);
}

static inline struct end *end_by_id(int side, vx6_id id)
{
    for (uint32_t i = 0; i < stream_count[side]; i++) {
        if (ends[side][i].id.bits == id.bits && !ends[side][i].closed)
            return &ends[side][i];
    }
    return NULL;
}

static inline void hear(int side, const struct vx6_out *out)
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
static inline void watch(const struct vx6_msg *frame, int from)
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

static inline int stream_setup(void **state)
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

static inline struct end *begin_stream(struct session *session, uint64_t goal)
{
    struct end *end = &ends[0][stream_count[0]++];
    assert_int_equal(stream_open(&world.nodes[0], session, &end->id), VX6_OK);
    end->number = stream_count[0];
    end->goal = goal;
    return end;
}

static inline void write_some(int side, struct end *end, size_t most)
{
    if (end->closed || end->fin_written)
        return;
    struct vx6_room rooms[4];
    size_t count = 0, len = 0;
    if (end->written < end->goal)
        count = vx6_stream_reserve(&world.nodes[side], end->id, rooms, 4);
    if (count == 0 && end->written < end->goal) {
        end->may_write = false;
        return;
    }
    if (most > end->goal - end->written)
        most = (size_t)(end->goal - end->written);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < rooms[i].len && len < most; j++)
            rooms[i].data[j] = byte_of(side, end->number, end->written + len++);
    }
    end->written += len;
    end->fin_written = end->written == end->goal;
    vx6_stream_commit(&world.nodes[side], end->id, len, end->fin_written);
}

static inline void read_some(int side, struct end *end, size_t most)
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
static inline void work(uint32_t most)
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

#define STREAM_TEST(name) cmocka_unit_test_setup_teardown(name, stream_setup, world_teardown)

#endif
