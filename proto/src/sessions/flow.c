/* SPDX-License-Identifier: MIT */
/* The bytes of streams: what is sent, kept, received and allowed.
 *
 * A sender keeps bytes until they are acknowledged and sends no further than the window. A receiver
 * acknowledges what it holds, and opens the window as the driver releases; windows begin small and
 * double while they are used up, as long as the budgets of session and node last. A budget never
 * closes a window below STREAM_WINDOW_MIN, so that no stream starves another.
 * Spec: spec/sessions.md, "Flow". */
#include "session_internal.h"

enum {
    ROOM_MIN = 1024 /* less room than this to send is none */
};

static uint64_t left_of(uint64_t limit, uint64_t used)
{
    return used < limit ? limit - used : 0;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* VX6-SESS-024: what is left of the node's budget for one network. It holds no more than it leaves
 * to others, but may always hold some. */
static uint64_t share_left(const struct vx6_node *node, uint64_t used, uint64_t of_share)
{
    const struct vx6_limits *limits = node->env->limits;
    uint64_t left = left_of(limits->node_buffer_bytes, used);
    uint64_t always = limits->stream_window_bytes / 2;
    return left_of(left > always ? left : always, of_share);
}

/* VX6-SESS-017 */
static uint64_t grant_left(const struct vx6_node *node, const struct session *session)
{
    return smaller(left_of(node->env->limits->session_buffer_bytes, session->granted),
        share_left(node, node->sessions.granted, session->share->granted));
}

/* What the peer may still send, and what it sent that the driver has not released. */
static void account(struct vx6_node *node, struct stream *stream)
{
    uint64_t granted = 0;
    if (stream->state != STREAM_CLOSED)
        granted = (stream->receive_ended ? stream->receive.end : stream->window_end) -
                  stream->receive.begin;
    stream->session->granted += granted - stream->granted;
    stream->session->share->granted += granted - stream->granted;
    node->sessions.granted += granted - stream->granted;
    stream->granted = granted;
}

void flow_init(struct vx6_node *node, struct stream *stream)
{
    uint64_t window = grant_left(node, stream->session) / 16;
    if (window < STREAM_WINDOW_MIN)
        window = STREAM_WINDOW_MIN;
    window = smaller(window, STREAM_WINDOW_FIRST);
    stream->window = (uint32_t)smaller(window, node->env->limits->stream_window_bytes);
    stream->window_end = stream->window;
    account(node, stream);
}

static void let_go(struct vx6_node *node, struct stream *stream, uint64_t len)
{
    chunk_release(&node->sessions.pool, &stream->send, len);
    stream->session->sending -= len;
    stream->session->share->sending -= len;
    node->sessions.sending -= len;
}

void flow_clear(struct vx6_node *node, struct stream *stream)
{
    let_go(node, stream, chunk_held(&stream->send));
    chunk_clear(&node->sessions.pool, &stream->receive);
    account(node, stream);
}

/* VX6-SESS-012 */
uint64_t flow_sendable_bytes(const struct stream *stream)
{
    uint64_t end = smaller(stream->send.end, stream->send_window_end);
    if (stream->state != STREAM_OPEN || end <= stream->send_next)
        return 0;
    return end - stream->send_next;
}

bool flow_is_sendable(const struct stream *stream)
{
    return flow_sendable_bytes(stream) > 0 ||
           (stream->state == STREAM_OPEN && stream->send_ended && !stream->fin_sent &&
               stream->send_next == stream->send.end);
}

void flow_resume(struct vx6_node *node, struct stream *stream)
{
    struct path *path = stream->session->path;
    if (path == NULL || !flow_is_sendable(stream))
        return;
    turns_add(&link_sessions(path->link)->data_streams, &stream->data_turn);
    link_want_write(node, path->link);
}

/* VX6-SESS-012, VX6-SESS-017. A stream may keep as much as is left for all: many slow readers
 * share, one cannot take it all. */
static uint64_t send_cap(const struct vx6_node *node, const struct stream *stream)
{
    const struct vx6_limits *limits = node->env->limits;
    const struct session *session = stream->session;
    uint64_t left = smaller(left_of(limits->session_buffer_bytes, session->sending),
        share_left(node, node->sessions.sending, session->share->sending));
    if (left < STREAM_WINDOW_MIN)
        left = STREAM_WINDOW_MIN;
    return smaller(left, limits->stream_window_bytes);
}

/* Wakes a driver that found no room, once there is room worth its while. */
static void wake(struct vx6_node *node, struct stream *stream)
{
    uint64_t cap = send_cap(node, stream), held = chunk_held(&stream->send);
    if (!stream->is_blocked || stream->send_ended || (held > 0 && left_of(cap, held) < cap / 4))
        return;
    stream->is_blocked = false;
    ready_post(&node->ready_list, &stream->ready, STREAM_READY_WRITABLE);
}

/* VX6-SESS-013: an acknowledgement is of what was sent, and neither it nor a window goes back. */
enum vx6_code flow_take_ack(
    struct vx6_node *node, struct stream *stream, const struct vx6_stream_ack *ack)
{
    uint64_t sent = stream->send_next + (stream->fin_sent ? 1 : 0);
    uint64_t acked = stream->send.begin + (stream->fin_acked ? 1 : 0);
    if (stream->state != STREAM_OPEN || ack->received > sent || ack->received < acked ||
        ack->window_end < stream->send_window_end)
        return VX6_UNEXPECTED;
    bool is_all = stream->fin_sent && ack->received == sent;
    uint64_t len = ack->received - (is_all ? 1 : 0) - stream->send.begin;
    let_go(node, stream, len);
    stream->send_window_end = ack->window_end;
    if (is_all && !stream->fin_acked) {
        stream->fin_acked = true;
        if (stream->receive_ended)
            timer_clear(&node->timers, &stream->timer);
    }
    flow_resume(node, stream);
    wake(node, stream);
    stream_finish(node, stream);
    return VX6_OK;
}

size_t vx6_stream_reserve(vx6_node *node, vx6_id id, struct vx6_room *rooms, size_t room_count)
{
    struct stream *stream = slots_get(&node->slots, SLOT_STREAM, id);
    VX6_ASSERT(room_count > 0);
    if (stream == NULL || stream->state == STREAM_CLOSED || stream->send_ended)
        return 0;
    uint64_t left = left_of(send_cap(node, stream), chunk_held(&stream->send));
    if (left < ROOM_MIN) {
        stream->is_blocked = true;
        return 0;
    }
    size_t count = chunk_reserve(&node->sessions.pool, &stream->send, rooms, room_count, left);
    if (count == 0)
        stream_end(node, stream, VX6_NOMEM, NOTICE_SEND);
    return count;
}

void vx6_stream_commit(vx6_node *node, vx6_id id, size_t len, bool fin)
{
    struct stream *stream = slots_get(&node->slots, SLOT_STREAM, id);
    if (stream == NULL || stream->state == STREAM_CLOSED)
        return;
    VX6_ASSERT(!stream->send_ended || len == 0);
    chunk_commit(&node->sessions.pool, &stream->send, len);
    stream->session->sending += len;
    stream->session->share->sending += len;
    node->sessions.sending += len;
    stream->send_ended = stream->send_ended || fin;
    flow_resume(node, stream);
}

void flow_open_window(struct vx6_node *node, struct stream *stream)
{
    uint64_t end = stream->receive.begin + stream->window;
    if (stream->state != STREAM_OPEN || stream->receive_ended || end <= stream->window_end)
        return;
    stream->window_end = end;
    account(node, stream);
}

/* VX6-SESS-014: at once when a quarter of the window is at stake or the peer's last byte came;
 * else with the next frames to the same link, or when the data has gone quiet. */
static void acknowledge(struct vx6_node *node, struct stream *stream)
{
    uint64_t received = stream->receive.end + (stream->receive_ended ? 1 : 0);
    uint64_t unheard = received - stream->received_told;
    uint64_t opened = left_of(stream->receive.begin + stream->window, stream->window_end);
    if (stream->receive_ended)
        opened = 0;
    if (stream->state != STREAM_OPEN || (unheard == 0 && opened == 0))
        return;
    stream_post(node, stream, STREAM_SEND_ACK);
    bool is_urgent = unheard >= stream->window / 4 || opened >= stream->window / 4 ||
                     (stream->receive_ended && unheard > 0);
    if (is_urgent && stream->session->path)
        link_want_write(node, stream->session->path->link);
    else if (unheard > 0 && stream->timer.deadline == VX6_NEVER)
        timer_set(&node->timers, &stream->timer, after_ms(node, node->env->limits->stream_ack_ms));
}

/* VX6-SESS-011: what the state, the window and the order of a path do not allow. */
static enum vx6_code check_data(const struct stream *stream, const struct vx6_stream_data *data)
{
    uint64_t held = stream->receive.end;
    if (data->bytes.len == 0 && data->fin == 0)
        return VX6_BAD_MESSAGE;
    if (stream->state != STREAM_OPEN && !stream_may_get_early_data(stream))
        return VX6_UNEXPECTED;
    if (data->bytes.len > left_of(stream->window_end, data->offset))
        return VX6_FLOW;
    uint64_t end = data->offset + data->bytes.len;
    bool is_after_end = stream->receive_ended && end > held;
    bool is_other_end = data->fin && (end < held || (stream->receive_ended && end != held));
    bool is_gap = data->offset > held;
    return is_after_end || is_other_end || is_gap ? VX6_UNEXPECTED : VX6_OK;
}

enum vx6_code flow_take_data(
    struct vx6_node *node, struct stream *stream, const struct vx6_stream_data *data)
{
    enum vx6_code code = check_data(stream, data);
    if (code != VX6_OK)
        return code;
    uint64_t known = smaller(stream->receive.end - data->offset, data->bytes.len);
    size_t fresh = data->bytes.len - (size_t)known;
    bool ends = data->fin && !stream->receive_ended;
    if (fresh == 0 && !ends)
        return VX6_OK;
    if (!chunk_append(&node->sessions.pool, &stream->receive, data->bytes.data + known, fresh)) {
        stream_end(node, stream, VX6_NOMEM, NOTICE_SEND);
        return VX6_OK;
    }
    if (ends) {
        stream->receive_ended = true;
        account(node, stream);
    }
    if (stream->state != STREAM_OPEN)
        return VX6_OK;
    ready_post(&node->ready_list, &stream->ready, STREAM_READY_READABLE);
    if (ends) {
        timer_clear(&node->timers, &stream->timer);
        stream_linger(node, stream);
    }
    acknowledge(node, stream);
    stream_finish(node, stream);
    return VX6_OK;
}

/* VX6-SESS-022 */
void flow_accepted(struct vx6_node *node, struct stream *stream)
{
    if (stream->receive.end > 0 || stream->receive_ended)
        ready_post(&node->ready_list, &stream->ready, STREAM_READY_READABLE);
    acknowledge(node, stream);
    flow_resume(node, stream);
}

size_t vx6_stream_peek(
    const vx6_node *node, vx6_id id, vx6_span *spans, size_t span_count, bool *end)
{
    const struct stream *stream = slots_get(&node->slots, SLOT_STREAM, id);
    *end = false;
    if (stream == NULL)
        return 0;
    size_t count = chunk_peek(&stream->receive, spans, span_count);
    uint64_t shown = 0;
    for (size_t i = 0; i < count; i++)
        shown += spans[i].len;
    bool is_whole = stream->state != STREAM_CLOSED || stream->code == VX6_OK;
    *end = is_whole && stream->receive_ended && shown == chunk_held(&stream->receive);
    return count;
}

/* The window doubles each time that the driver has taken as much as it was. */
static void grow(struct vx6_node *node, struct stream *stream)
{
    uint64_t max = node->env->limits->stream_window_bytes;
    if (stream->receive.begin - stream->grown_at < stream->window || stream->window >= max)
        return;
    stream->grown_at = stream->receive.begin;
    uint64_t more = smaller(stream->window, max - stream->window);
    if (more <= grant_left(node, stream->session))
        stream->window += (uint32_t)more;
}

void vx6_stream_release(vx6_node *node, vx6_id id, size_t len)
{
    struct stream *stream = slots_get(&node->slots, SLOT_STREAM, id);
    if (stream == NULL || stream->state == STREAM_CLOSED)
        return;
    chunk_release(&node->sessions.pool, &stream->receive, len);
    account(node, stream);
    grow(node, stream);
    acknowledge(node, stream);
    stream_finish(node, stream);
}
