/* SPDX-License-Identifier: MIT */
/* The life of a stream: opened by the client, accepted by the service behind the owner, ended in
 * each direction by its sender, or reset. And what the driver does with it.
 *
 * A closed stream is forgotten by number at once, so that late frames miss it; the object stays
 * until its last frame is sent and the driver has heard of its end. Spec: spec/sessions.md. */
#include "session_internal.h"

static struct stream *stream_new(struct vx6_node *node, struct session *session, uint32_t number)
{
    struct stream *stream = env_alloc(node->env, sizeof *stream);
    if (stream == NULL)
        return NULL;
    node->sessions.pool.env = node->env;
    stream->session = session;
    stream->number = number;
    stream->ready.kind = READY_STREAM;
    timer_init(&stream->timer, TIMER_STREAM);
    turns_add(&session->streams, &stream->turn);
    session->stream_count++;
    session->share->streams++;
    node->sessions.stream_count++;
    return stream;
}

void stream_free(struct vx6_node *node, struct stream *stream)
{
    struct session *session = stream->session;
    if (stream->state != STREAM_CLOSED)
        idmap_remove(node->env, &session->live, stream->number);
    stream->state = STREAM_CLOSED;
    flow_clear(node, stream);
    if (session->path) {
        struct link_sessions *on_link = link_sessions(session->path->link);
        turns_remove(&on_link->control_streams, &stream->control_turn);
        turns_remove(&on_link->data_streams, &stream->data_turn);
    }
    timer_clear(&node->timers, &stream->timer);
    ready_remove(&node->ready_list, &stream->ready);
    if (stream->id.bits != 0)
        slots_remove(&node->slots, stream->id);
    turns_remove(&session->streams, &stream->turn);
    session->stream_count--;
    session->share->streams--;
    node->sessions.leaving_count -= session->state == SESSION_CLOSED;
    node->sessions.refused_count -= stream->is_refused;
    if (--node->sessions.stream_count == 0)
        chunk_pool_clear(&node->sessions.pool);
    env_free(node->env, stream, sizeof *stream);
}

void stream_release(struct vx6_node *node, struct stream *stream)
{
    if (stream->state != STREAM_CLOSED || stream->control != 0 || stream->is_visible)
        return;
    struct session *session = stream->session;
    stream_free(node, stream);
    session_stream_gone(node, session);
}

void stream_list(struct vx6_node *node, struct stream *stream)
{
    struct path *path = stream->session->path;
    if (stream->control == 0 || path == NULL || path->id == 0)
        return;
    turns_add(&link_sessions(path->link)->control_streams, &stream->control_turn);
    if (stream->control != STREAM_SEND_ACK)
        link_want_write(node, path->link);
}

/* An acknowledgement alone waits until somebody asks for the link: it goes with what else does. */
void stream_post(struct vx6_node *node, struct stream *stream, unsigned bits)
{
    stream->control = (uint8_t)(stream->control | bits);
    stream_list(node, stream);
}

/* VX6-SESS-020: may another stream of this session live? Refused ones are bounded by their session,
 * and those of sessions that have ended wait for nothing but the driver. */
static bool has_room(struct vx6_node *node, const struct session *session)
{
    const struct vx6_limits *limits = node->env->limits;
    const struct sessions *sessions = &node->sessions;
    bool is_own = session->role == SESSION_CLIENT;
    uint32_t max = is_own ? limits->stream_max : peers_share(limits->stream_max);
    uint32_t count = sessions->stream_count - sessions->refused_count - sessions->leaving_count;
    if (session->live.count < limits->stream_per_session_max &&
        session->stream_count < 2 * limits->stream_per_session_max &&
        (count < max || (!is_own && share_make_stream_room(node, session->share))))
        return true;
    trace(node, VX6_EVENT_limit_reached, &session->peer, 0, 0, VX6_LIMIT);
    return false;
}

/* A number and an ID for a new stream; false, and nothing kept, when memory ran out. */
static bool enter(struct vx6_node *node, struct stream *stream)
{
    stream->id = slots_add(node->env, &node->slots, SLOT_STREAM, stream);
    if (stream->id.bits == 0)
        return false;
    if (!idmap_add(node->env, &stream->session->live, stream->number, stream)) {
        slots_remove(&node->slots, stream->id);
        stream->id.bits = 0;
        return false;
    }
    flow_init(node, stream);
    return true;
}

enum vx6_code stream_open(struct vx6_node *node, struct session *session, vx6_id *id)
{
    if (session->state == SESSION_CLOSED)
        return VX6_STALE;
    if (session->role != SESSION_CLIENT || session->stream_last == UINT32_MAX)
        return VX6_INVALID;
    if (!has_room(node, session))
        return VX6_LIMIT;
    struct stream *stream = stream_new(node, session, session->stream_last + 1);
    if (stream == NULL)
        return VX6_NOMEM;
    if (!enter(node, stream)) {
        stream->state = STREAM_CLOSED; /* it never had a number */
        stream_free(node, stream);
        return VX6_NOMEM;
    }
    session->stream_last = stream->number;
    stream->is_visible = true;
    stream_post(node, stream, STREAM_SEND_OPEN);
    if (session->path)
        link_question(node, session->path->link);
    trace(node, VX6_EVENT_stream_opened, &session->peer, 0, 0, VX6_OK);
    *id = stream->id;
    return VX6_OK;
}

/* The owner has the first word on how long its driver may take. */
void stream_asked(struct vx6_node *node, struct stream *stream)
{
    const struct vx6_limits *limits = node->env->limits;
    if (stream->state == STREAM_OPENING)
        timer_set(&node->timers, &stream->timer,
            after_ms(node, limits->session_open_ms + limits->stream_open_ms));
}

/* VX6-SESS-010, VX6-SESS-020: numbers rise by one; what cannot be served is reset, not ignored. */
enum vx6_code stream_take_open(
    struct vx6_node *node, struct session *session, const struct vx6_stream_open *open)
{
    const struct vx6_limits *limits = node->env->limits;
    if (session->role != SESSION_OWNER || open->stream - 1 != session->stream_last)
        return VX6_UNEXPECTED;
    session->stream_last = open->stream;
    vx6_span service = name_view(&session->name).service;
    enum vx6_code code = service_admits(node, service, session->key);
    if (code == VX6_OK && !has_room(node, session))
        code = VX6_LIMIT;
    if (code != VX6_OK)
        refuse(node, VX6_EVENT_stream_refused, &session->peer, VX6_MSG_stream_open, 0, code);
    if (code != VX6_OK && (session->stream_count >= 2 * limits->stream_per_session_max ||
                              node->sessions.refused_count >= limits->stream_max)) {
        session_end(node, session, VX6_LIMIT, NOTICE_SEND);
        return VX6_OK;
    }
    struct stream *stream = stream_new(node, session, open->stream);
    if (stream == NULL) {
        session_end(node, session, VX6_NOMEM, NOTICE_SEND);
        return VX6_OK;
    }
    if (code == VX6_OK && !enter(node, stream))
        code = VX6_NOMEM;
    if (code != VX6_OK) {
        stream->state = STREAM_CLOSED;
        stream->code = code;
        stream->is_refused = true;
        node->sessions.refused_count++;
        stream_post(node, stream, STREAM_SEND_RESET);
        return VX6_OK;
    }
    stream->send_window_end = open->window_end;
    timer_set(&node->timers, &stream->timer, after_ms(node, limits->stream_open_ms));
    ready_post(&node->ready_list, &stream->ready, STREAM_READY_INCOMING);
    trace(node, VX6_EVENT_stream_opened, &session->peer, 0, 0, VX6_OK);
    return VX6_OK;
}

enum vx6_code stream_accept(struct vx6_node *node, struct stream *stream)
{
    if (stream->state == STREAM_CLOSED)
        return VX6_STALE;
    if (stream->session->role != SESSION_OWNER || stream->state != STREAM_OPENING)
        return VX6_INVALID;
    stream->state = STREAM_OPEN;
    timer_clear(&node->timers, &stream->timer);
    stream_post(node, stream, STREAM_SEND_ACCEPT);
    flow_resume(node, stream);
    return VX6_OK;
}

/* VX6-SESS-009 */
enum vx6_code stream_take_accept(
    struct vx6_node *node, struct stream *stream, const struct vx6_stream_accept *accept)
{
    if (stream->session->role != SESSION_CLIENT || stream->state != STREAM_OPENING)
        return VX6_UNEXPECTED;
    stream->state = STREAM_OPEN;
    stream->send_window_end = accept->window_end;
    link_answered(stream->session->path->link);
    timer_clear(&node->timers, &stream->timer);
    ready_post(&node->ready_list, &stream->ready, STREAM_READY_WRITABLE);
    flow_accepted(node, stream);
    return VX6_OK;
}

bool stream_may_get_early_data(const struct stream *stream)
{
    const struct session *session = stream->session;
    return stream->state == STREAM_OPENING && !(stream->control & STREAM_SEND_OPEN) &&
           session->role == SESSION_CLIENT && session->path &&
           link_has_channels(session->path->link);
}

/* VX6-SESS-015, VX6-SESS-016: in order, both directions are complete and only a last
 * acknowledgement may be left to send; else whatever is on its way is dropped. */
void stream_end(
    struct vx6_node *node, struct stream *stream, enum vx6_code code, enum notice notice)
{
    if (stream->state == STREAM_CLOSED)
        return;
    struct session *session = stream->session;
    stream->state = STREAM_CLOSED;
    stream->code = code;
    idmap_remove(node->env, &session->live, stream->number);
    flow_clear(node, stream);
    timer_clear(&node->timers, &stream->timer);
    if (session->path)
        turns_remove(&link_sessions(session->path->link)->data_streams, &stream->data_turn);
    trace(node, VX6_EVENT_stream_closed, &session->peer, 0, 0, code);

    unsigned kept = code == VX6_OK ? STREAM_READY_READABLE : 0;
    unsigned gone = stream->ready.pending & ~kept;
    if (gone)
        ready_take(&node->ready_list, &stream->ready, gone);
    if (stream->is_visible)
        ready_post(&node->ready_list, &stream->ready, STREAM_READY_CLOSED);
    if (code != VX6_OK) {
        stream->control &= notice == NOTICE_SEND ? STREAM_SEND_OPEN : 0;
        if (notice == NOTICE_SEND)
            stream_post(node, stream, STREAM_SEND_RESET);
    }
    if (session->path && stream->control == 0)
        turns_remove(&link_sessions(session->path->link)->control_streams, &stream->control_turn);
    else if (session->path && session->path->id != 0)
        link_want_write(node, session->path->link);
    stream_release(node, stream);
}

void stream_drop(struct vx6_node *node, struct stream *stream, enum vx6_code code)
{
    if (stream->state == STREAM_CLOSED) {
        stream->control = 0;
        stream_release(node, stream);
    } else {
        stream_end(node, stream, code, NOTICE_NONE);
    }
}

void stream_finish(struct vx6_node *node, struct stream *stream)
{
    if (stream->state == STREAM_OPEN && stream->fin_acked && stream->receive_ended &&
        chunk_held(&stream->receive) == 0)
        stream_end(node, stream, VX6_OK, NOTICE_NONE);
}

static bool is_lingering(const struct stream *stream)
{
    return stream->fin_sent && stream->receive_ended && !stream->fin_acked;
}

void stream_linger(struct vx6_node *node, struct stream *stream)
{
    if (is_lingering(stream))
        timer_set(
            &node->timers, &stream->timer, after_ms(node, node->env->limits->stream_linger_ms));
}

void stream_reset(struct vx6_node *node, struct stream *stream, enum vx6_code code)
{
    stream_end(node, stream, code == VX6_OK ? VX6_RESET : code, NOTICE_SEND);
}

/* VX6-SESS-020. One timer for three purposes that exclude each other: acceptance, the last
 * acknowledgement of an ended stream, and before that the acknowledgements that this end owes. */
void stream_timer(struct vx6_node *node, struct timer *timer)
{
    struct stream *stream = CONTAINER_OF(timer, struct stream, timer);
    if (stream->state == STREAM_OPENING || is_lingering(stream))
        stream_end(node, stream, VX6_TIMEOUT, NOTICE_SEND);
    else if ((stream->control & STREAM_SEND_ACK) && stream->session->path)
        link_want_write(node, stream->session->path->link);
}

bool stream_output(struct vx6_node *node, struct ready *ready, struct vx6_out *out)
{
    struct stream *stream = CONTAINER_OF(ready, struct stream, ready);
    struct session *session = stream->session;
    out->id = stream->id;
    if (ready->pending & STREAM_READY_INCOMING) {
        ready_take(&node->ready_list, ready, STREAM_READY_INCOMING);
        stream->is_visible = true;
        out->kind = VX6_OUT_STREAM_INCOMING;
        out->value = name_view(&session->name).service;
        memcpy(out->key, session->key, sizeof out->key);
        out->peer = session->peer;
        return true;
    }
    if (ready->pending & STREAM_READY_WRITABLE) {
        ready_take(&node->ready_list, ready, STREAM_READY_WRITABLE);
        out->kind = VX6_OUT_STREAM_WRITABLE;
        return true;
    }
    if (ready->pending & STREAM_READY_READABLE) {
        ready_take(&node->ready_list, ready, STREAM_READY_READABLE);
        out->kind = VX6_OUT_STREAM_READABLE;
        return true;
    }
    ready_take(&node->ready_list, ready, STREAM_READY_CLOSED);
    out->kind = VX6_OUT_STREAM_CLOSED;
    out->code = stream->code;
    slots_remove(&node->slots, stream->id);
    stream->id.bits = 0;
    stream->is_visible = false;
    stream_release(node, stream);
    return true;
}
