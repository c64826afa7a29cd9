/* SPDX-License-Identifier: MIT */
/* Paths: what joins a session to the channel that carries it, today a link.
 *
 * Each end numbers the paths it opens, odd numbers for the link's initiator, even ones for the
 * other, always rising: so a number that was used is told from one that never was, and frames that
 * crossed with a close are dropped without remembering what was closed.
 * Spec: spec/sessions.md, "Paths". */
#include "session_internal.h"

/* VX6-SESS-002 */
struct path *path_new(struct vx6_node *node, struct link *link, struct session *session)
{
    struct path *path = env_alloc(node->env, sizeof *path);
    if (path == NULL)
        return NULL;
    struct link_sessions *on_link = link_sessions(link);
    path->kind = PATH_LINK;
    path->link = link;
    turns_add(&on_link->paths, &path->link_turn);
    turns_add(&node->sessions.paths, &path->node_turn);
    on_link->path_count++;
    link_in_use(node, link, 1);
    if (session) {
        path->session = session;
        path->epoch = ++session->epoch;
        session->path = path;
    }
    return path;
}

/* Its streams stay, with all they have to say, but no longer wait on this link. */
static void leave_session(struct path *path)
{
    struct session *session = path->session;
    if (session == NULL)
        return;
    struct link_sessions *on_link = link_sessions(path->link);
    for (struct turn *turn = session->streams.first; turn; turn = turn->next) {
        struct stream *stream = CONTAINER_OF(turn, struct stream, turn);
        turns_remove(&on_link->control_streams, &stream->control_turn);
        turns_remove(&on_link->data_streams, &stream->data_turn);
    }
    session->path = NULL;
    path->session = NULL;
}

void path_free(struct vx6_node *node, struct path *path)
{
    leave_session(path);
    struct link_sessions *on_link = link_sessions(path->link);
    turns_remove(&on_link->control_paths, &path->control_turn);
    turns_remove(&on_link->paths, &path->link_turn);
    turns_remove(&node->sessions.paths, &path->node_turn);
    if (path->id != 0)
        idmap_remove(node->env, &on_link->path_ids, path->id);
    on_link->path_count--;
    link_in_use(node, path->link, -1);
    env_free(node->env, path->last_acks, path->last_ack_count * sizeof *path->last_acks);
    env_free(node->env, path, sizeof *path);
}

void path_post(struct vx6_node *node, struct path *path, unsigned bits)
{
    path->control = (uint8_t)(path->control | bits);
    turns_add(&link_sessions(path->link)->control_paths, &path->control_turn);
    link_want_write(node, path->link);
}

/* VX6-SESS-004 */
enum vx6_code path_start(struct vx6_node *node, struct path *path)
{
    struct link_sessions *on_link = link_sessions(path->link);
    uint32_t id = on_link->path_own_last + 2;
    if (on_link->path_own_last == 0)
        id = link_is_initiator(path->link) ? 1 : 2;
    if (id < on_link->path_own_last)
        return VX6_LIMIT;
    if (!idmap_add(node->env, &on_link->path_ids, id, path))
        return VX6_NOMEM;
    path->id = on_link->path_own_last = id;
    path_post(node, path, PATH_OPEN);
    return VX6_OK;
}

static bool owes_last_ack(const struct stream *stream)
{
    return stream->state == STREAM_CLOSED && (stream->control & STREAM_SEND_ACK);
}

/* VX6-SESS-021. Without memory for them the other end hears a reset, as it would after a cut. */
static void keep_last_acks(struct vx6_node *node, struct path *path)
{
    uint32_t count = 0;
    struct turn *first = path->session ? path->session->streams.first : NULL;
    for (struct turn *turn = first; turn; turn = turn->next)
        count += owes_last_ack(CONTAINER_OF(turn, struct stream, turn));
    if (count > 0)
        path->last_acks = env_alloc(node->env, count * sizeof *path->last_acks);
    if (path->last_acks == NULL)
        return;
    for (struct turn *turn = first; turn; turn = turn->next) {
        const struct stream *stream = CONTAINER_OF(turn, struct stream, turn);
        if (owes_last_ack(stream))
            path->last_acks[path->last_ack_count++] = stream_ack(stream);
    }
}

/* A path that the peer has not heard of needs no close frame. */
void path_end(struct vx6_node *node, struct path *path, enum vx6_code code, enum notice notice)
{
    bool is_unknown = path->id == 0 || (path->control & PATH_OPEN);
    if (notice == NOTICE_NONE || is_unknown) {
        path_free(node, path);
        return;
    }
    idmap_remove(node->env, &link_sessions(path->link)->path_ids, path->id);
    keep_last_acks(node, path);
    leave_session(path);
    path->code = code;
    path->control = 0;
    path_post(node, path, PATH_CLOSE);
}

void session_link_up(struct vx6_node *node, struct link *link)
{
    struct turn *next;
    for (struct turn *turn = link_sessions(link)->paths.first; turn; turn = next) {
        struct path *path = CONTAINER_OF(turn, struct path, link_turn);
        next = turn->next;
        if (path->id == 0 && path->session)
            session_path_up(node, path->session);
    }
    listings_link_up(node, link);
}

void session_link_down(struct vx6_node *node, struct link *link, enum vx6_code code)
{
    struct turn *turn;
    while ((turn = link_sessions(link)->paths.first) != NULL) {
        struct path *path = CONTAINER_OF(turn, struct path, link_turn);
        struct session *session = path->session;
        path_free(node, path);
        if (session)
            session_path_lost(node, session, code);
    }
    listings_link_down(node, link, code);
}

/* VX6-SESS-040: one of its sessions looks for the owner, for all of them. */
void session_link_doubted(struct vx6_node *node, struct link *link)
{
    struct turn *turn = link_sessions(link)->paths.first;
    while (turn != NULL) {
        struct session *session = CONTAINER_OF(turn, struct path, link_turn)->session;
        turn = turn->next;
        if (session && session->role == SESSION_CLIENT) {
            session_look_anew(node, session);
            return;
        }
    }
}

/* VX6-SESS-006: was this number ever a path of the link? */
static bool was_used(struct link *link, uint32_t id)
{
    const struct link_sessions *on_link = link_sessions(link);
    bool is_own = (id % 2 == 1) == link_is_initiator(link);
    return id <= (is_own ? on_link->path_own_last : on_link->path_peer_last);
}

/* VX6-SESS-004, VX6-SESS-005, VX6-SESS-020 */
static enum vx6_code take_session_open(
    struct vx6_node *node, struct link *link, const struct vx6_session_open *open)
{
    struct link_sessions *on_link = link_sessions(link);
    bool is_own = (open->path % 2 == 1) == link_is_initiator(link);
    if (is_own || open->path <= on_link->path_peer_last || open->privacy != 1)
        return VX6_UNEXPECTED;
    if (on_link->path_count >= node->env->limits->session_max) {
        trace(node, VX6_EVENT_limit_reached, link_peer_addr(link), 0, 0, VX6_LIMIT);
        return VX6_LIMIT;
    }
    struct path *path = path_new(node, link, NULL);
    if (path == NULL)
        return VX6_NOMEM;
    if (!idmap_add(node->env, &on_link->path_ids, open->path, path)) {
        path_free(node, path);
        return VX6_NOMEM;
    }
    path->id = on_link->path_peer_last = open->path;
    session_take_open(node, path, open);
    return VX6_OK;
}

/* VX6-SESS-006: frames of a stream that is gone are late, those of one that never was wrong. */
static enum vx6_code take_stream_frame(
    struct vx6_node *node, struct session *session, const struct vx6_msg *frame)
{
    uint32_t number = frame->u.stream_reset.stream; /* where all stream frames have it */
    struct stream *stream = idmap_find(&session->live, number);
    if (stream == NULL)
        return number <= session->stream_last ? VX6_OK : VX6_UNEXPECTED;

    if (frame->type == VX6_MSG_stream_data)
        return flow_take_data(node, stream, &frame->u.stream_data);
    if (frame->type == VX6_MSG_stream_ack)
        return flow_take_ack(node, stream, &frame->u.stream_ack);
    if (frame->type == VX6_MSG_stream_accept)
        return stream_take_accept(node, stream, &frame->u.stream_accept);
    if (frame->type != VX6_MSG_stream_reset)
        return VX6_UNEXPECTED;
    stream_end(node, stream, (enum vx6_code)frame->u.stream_reset.code, NOTICE_NONE);
    return VX6_OK;
}

/* VX6-SESS-001, VX6-SESS-006 */
enum vx6_code session_frame(struct vx6_node *node, struct link *link, const struct vx6_msg *frame)
{
    if (frame->type == VX6_MSG_find_services || frame->type == VX6_MSG_services)
        return listing_frame(node, link, frame);
    if (frame->type < VX6_MSG_session_open || frame->type > VX6_MSG_stream_reset)
        return VX6_UNEXPECTED;
    if (frame->type == VX6_MSG_session_open)
        return take_session_open(node, link, &frame->u.session_open);

    uint32_t id = frame->u.session_close.path; /* where all frames of a path have it */
    struct path *path = idmap_find(&link_sessions(link)->path_ids, id);
    if (path == NULL)
        return was_used(link, id) ? VX6_OK : VX6_UNEXPECTED;
    struct session *session = path->session;

    if (frame->type == VX6_MSG_session_opened)
        return session_take_opened(node, session, &frame->u.session_opened);
    if (frame->type == VX6_MSG_session_close)
        return session_take_close(node, session, (enum vx6_code)frame->u.session_close.code);
    bool may_be_early = frame->type == VX6_MSG_stream_data && session->role == SESSION_CLIENT &&
                        link_has_channels(link);
    if (session->state != SESSION_UP && !may_be_early)
        return VX6_UNEXPECTED;
    if (frame->type == VX6_MSG_stream_open)
        return stream_take_open(node, session, &frame->u.stream_open);
    return take_stream_frame(node, session, frame);
}
