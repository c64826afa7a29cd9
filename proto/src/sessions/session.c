/* SPDX-License-Identifier: MIT */
/* The life of a session, from a name or an address to an end that both sides know.
 *
 * The client resolves, gets a link, asks for the service on a path and may open streams at once.
 * The owner admits or refuses. Whoever ends a session first closes its streams; the driver hears of
 * those before it hears of the session. A path that dies takes its session with it today; what a
 * session needs to go on over another path is kept all the same. Spec: spec/sessions.md. */
#include "session_internal.h"

static const char secret_label[] = "vx6/session-secret/1";

/* Those that have ended wait for nothing but the driver. VX6-SESS-020 */
static uint32_t session_count(const struct vx6_node *node)
{
    return node->sessions.count - node->sessions.ended_count;
}

static struct session *session_new(
    struct vx6_node *node, enum session_role role, struct share *share)
{
    struct session *session = env_alloc(node->env, sizeof *session);
    if (session == NULL)
        return NULL;
    session->share = share;
    share->sessions++;
    session->ready.kind = READY_SESSION;
    timer_init(&session->timer, TIMER_SESSION);
    session->role = role;
    session->privacy = 1;
    turns_add(&node->sessions.list, &session->turn);
    node->sessions.count++;
    return session;
}

static void session_free(struct vx6_node *node, struct session *session)
{
    while (session->streams.first)
        stream_free(node, CONTAINER_OF(session->streams.first, struct stream, turn));
    if (session->path)
        path_free(node, session->path);
    timer_clear(&node->timers, &session->timer);
    ready_remove(&node->ready_list, &session->ready);
    if (session->id.bits != 0)
        slots_remove(&node->slots, session->id);
    turns_remove(&node->sessions.list, &session->turn);
    node->sessions.count--;
    if (session->state == SESSION_CLOSED)
        node->sessions.ended_count--;
    else
        session->share->sessions--;
    blob_drop(node->env, session->via);
    share_leave(node, session->share);
    env_wipe_free(node->env, session, sizeof *session);
}

/* VX6-SESS-008: both halves are random and fixed in length; the link kept them secret. */
static void make_secret(struct vx6_node *node, struct session *session,
    const uint8_t client_random[32], const uint8_t owner_random[32])
{
    enum {
        LABEL = sizeof secret_label - 1
    };
    uint8_t input[LABEL + 80];
    memcpy(input, secret_label, LABEL);
    memcpy(input + LABEL, session->session_id, 16);
    memcpy(input + LABEL + 16, client_random, 32);
    memcpy(input + LABEL + 48, owner_random, 32);
    const struct vx6_crypto *crypto = node->env->crypto;
    crypto->sha256(crypto, session->secret, input, sizeof input);
    wipe(input, sizeof input);
}

static enum vx6_code connect_to(
    struct vx6_node *node, struct session *session, const uint8_t *expected, const vx6_addr *addr)
{
    enum vx6_code code = VX6_OK;
    struct link *link = link_get(node, addr, expected, &code);
    if (link == NULL)
        return code;
    session->state = SESSION_CONNECTING;
    session->peer = *addr;
    if (path_new(node, link, session) == NULL)
        return VX6_NOMEM;
    if (link_is_up(link))
        session_path_up(node, session);
    else if (session->is_resolved)
        timer_set(&node->timers, &session->timer, after_ms(node, node->env->limits->link_doubt_ms));
    return VX6_OK;
}

static enum vx6_code begin(struct vx6_node *node, struct session *session, const struct vx6_in *in)
{
    if (in->peer.port != 0) {
        const uint8_t *expected = is_zero(in->key, sizeof in->key) ? NULL : in->key;
        return connect_to(node, session, expected, &in->peer);
    }
    enum vx6_code code = VX6_OK;
    struct vx6_name name = name_view(&session->name);
    session->state = SESSION_RESOLVING;
    session->has_key = !is_zero(in->key, sizeof in->key);
    memcpy(session->key, in->key, sizeof session->key);
    session->resolve = resolve_for_session(node, &name, session, &code);
    return code;
}

enum vx6_code session_open(struct vx6_node *node, const struct vx6_in *in, vx6_id *id)
{
    vx6_span text = {in->data, in->len};
    struct vx6_name name = {.service = text};
    bool has_addr = in->peer.port != 0;
    if (has_addr ? !vx6_label_is_valid(text) : !vx6_name_parse(text, &name))
        return VX6_INVALID;
    if (name.service.len == 0)
        return VX6_INVALID;
    if (has_addr && bytes_equal(in->key, node->keys.identity, sizeof in->key))
        return VX6_SELF;
    const uint32_t max = node->env->limits->session_max;
    if (session_count(node) >= max || node->sessions.ended_count >= max) {
        trace(node, VX6_EVENT_limit_reached, &in->peer, 0, 0, VX6_LIMIT);
        return VX6_LIMIT;
    }
    struct session *session = session_new(node, SESSION_CLIENT, &node->sessions.own);
    if (session == NULL)
        return VX6_NOMEM;
    name_keep(&session->name, &name);
    rng_bytes(&node->secret_rng, session->random, sizeof session->random);
    session->id = slots_add(node->env, &node->slots, SLOT_SESSION, session);
    enum vx6_code code = session->id.bits ? begin(node, session, in) : VX6_NOMEM;
    if (code != VX6_OK || session->state == SESSION_CLOSED) {
        code = code != VX6_OK ? code : session->code;
        session_free(node, session);
        return code;
    }
    *id = session->id;
    return VX6_OK;
}

/* VX6-SESS-040. A link that comes up of this ends a silent one (VX6-LINK-041). */
void session_look_anew(struct vx6_node *node, struct session *session)
{
    enum vx6_code code = VX6_OK;
    struct vx6_name name = name_view(&session->name);
    if (name.label.len == 0) {
        (void)link_get(node, &session->peer, session->key, &code);
    } else if (session->resolve == NULL) {
        resolve_forget(node, session->key);
        session->resolve = resolve_for_session(node, &name, session, &code);
    }
}

/* The owner said, while a link is silent or not up yet, that it is there. */
static void try_there(struct vx6_node *node, struct session *session, const vx6_addr *addr)
{
    enum vx6_code code = VX6_OK;
    if (session->state != SESSION_CONNECTING) {
        (void)link_get(node, addr, session->key, &code);
    } else if (!addr_equal(addr, &session->peer)) {
        path_free(node, session->path);
        code = connect_to(node, session, session->key, addr);
    }
    if (session->path == NULL)
        session_end(node, session, code, NOTICE_NONE);
}

void session_resolved(struct vx6_node *node, struct session *session, enum vx6_code code,
    const uint8_t key[32], vx6_span via, const vx6_addr *addr)
{
    session->resolve = NULL;
    if (session->path != NULL) {
        if (code == VX6_OK && bytes_equal(session->key, key, sizeof session->key))
            try_there(node, session, addr);
        return;
    }
    if (code == VX6_OK && session->has_key && !bytes_equal(session->key, key, sizeof session->key))
        code = VX6_KEY_MISMATCH; /* VX6-NAME-014 */
    if (code == VX6_OK) {
        blob_drop(node->env, session->via);
        code = before_get(node, via, &session->via);
    }
    if (code == VX6_OK) {
        session->is_resolved = true;
        memcpy(session->key, key, sizeof session->key);
        code = connect_to(node, session, session->key, addr);
    }
    if (code != VX6_OK)
        session_end(node, session, code, NOTICE_NONE);
}

void sessions_follow(struct vx6_node *node, const uint8_t from[32], const uint8_t to[32])
{
    for (struct turn *turn = node->sessions.list.first; turn; turn = turn->next) {
        struct session *session = CONTAINER_OF(turn, struct session, turn);
        if (session->has_key && session->state == SESSION_RESOLVING &&
            bytes_equal(session->key, from, 32))
            memcpy(session->key, to, sizeof session->key);
    }
}

/* The keys by which its name came to that of the other end, `key`; NULL: there are none, or the
 * name stands for somebody else today. */
static const struct blob *came_by(
    const struct vx6_node *node, const struct session *session, const uint8_t key[32])
{
    const uint8_t *named = session->via ? session->via->data : key; /* VX6-NAME-022 */
    const struct binding *binding =
        session->is_resolved ? binding_find(node, name_view(&session->name).label) : NULL;
    if (binding == NULL)
        return NULL;
    const struct blob *before = binding_before(binding);
    bool is_named = bytes_equal(binding_key(binding), named, 32) || before_has(before, named);
    return is_named ? before : NULL;
}

/* The key is the other end's, or what led there stands and falls with it. */
static bool depends_on(
    const struct vx6_node *node, const struct session *session, const uint8_t key[32])
{
    return bytes_equal(session->key, key, 32) || before_has(session->via, key) ||
           before_has(came_by(node, session, session->key), key);
}

/* VX6-NAME-018. One that is not up has no key that was proved: it is looked at when it has. */
void sessions_end_revoked(struct vx6_node *node, const uint8_t key[32])
{
    struct turn *next;
    for (struct turn *turn = node->sessions.list.first; turn; turn = next) {
        struct session *session = CONTAINER_OF(turn, struct session, turn);
        next = turn->next;
        if (session->state > SESSION_CONNECTING && depends_on(node, session, key))
            session_end(node, session, VX6_REVOKED, NOTICE_SEND);
    }
    services_end_sessions(node);
}

/* The key that the link has proved, or one by which it was found. */
static bool is_revoked(const struct vx6_node *node, const struct session *session)
{
    const uint8_t *key = link_peer_key(session->path->link);
    return revoked_has(node, key) || before_is_revoked(node, session->via) ||
           before_is_revoked(node, came_by(node, session, key));
}

void session_path_up(struct vx6_node *node, struct session *session)
{
    enum vx6_code code = is_revoked(node, session) ? VX6_REVOKED : path_start(node, session->path);
    if (code != VX6_OK) {
        session_end(node, session, code, NOTICE_NONE);
        return;
    }
    session->state = SESSION_OPENING;
    memcpy(session->key, link_peer_key(session->path->link), sizeof session->key);
    session->peer = *link_peer_addr(session->path->link);
    if (session->is_resolved)
        resolve_trust(node, session->key);
    link_question(node, session->path->link);
    timer_set(&node->timers, &session->timer, after_ms(node, node->env->limits->session_open_ms));
    for (struct turn *turn = session->streams.first; turn; turn = turn->next)
        stream_list(node, CONTAINER_OF(turn, struct stream, turn));
}

enum vx6_code session_take_opened(
    struct vx6_node *node, struct session *session, const struct vx6_session_opened *opened)
{
    if (session->role != SESSION_CLIENT || session->state != SESSION_OPENING)
        return VX6_UNEXPECTED;
    memcpy(session->session_id, opened->session, sizeof session->session_id);
    make_secret(node, session, session->random, opened->owner_random);
    wipe(session->random, sizeof session->random);
    timer_clear(&node->timers, &session->timer);
    link_answered(session->path->link);
    session->state = SESSION_UP;
    ready_post(&node->ready_list, &session->ready, SESSION_READY_UP);
    trace(node, VX6_EVENT_session_opened, &session->peer, 0, 0, VX6_OK);
    return VX6_OK;
}

bool is_dead_address(enum vx6_code code)
{
    return code == VX6_UNREACHABLE || code == VX6_TIMEOUT || code == VX6_TRUNCATED ||
           code == VX6_KEY_MISMATCH;
}

/* Nothing is lost with the path: the owner has not said a word of the session. */
static bool is_unanswered(const struct session *session)
{
    return session->is_resolved && session->stream_last == 0 &&
           (session->state == SESSION_CONNECTING || session->state == SESSION_OPENING);
}

/* VX6-SESS-019: the one place that knows what a session does without a path. */
void session_path_lost(struct vx6_node *node, struct session *session, enum vx6_code code)
{
    if (code == VX6_OK) /* a peer may give that as its reason; it is no success of the session */
        code = VX6_UNREACHABLE;
    if (is_unanswered(session) && is_dead_address(code)) {
        resolve_forget(node, session->key);
        if (!session->is_retried) {
            if (session->resolve)
                resolve_cancel(node, session->resolve);
            timer_clear(&node->timers, &session->timer);
            session->is_retried = true;
            session->is_resolved = false;
            session->state = SESSION_RESOLVING;
            struct vx6_name name = name_view(&session->name);
            session->resolve = resolve_for_session(node, &name, session, &code);
            if (session->resolve)
                return;
        }
    }
    session_end(node, session, code, NOTICE_NONE);
}

/* VX6-SESS-020, VX6-SESS-023 */
static bool has_room(struct vx6_node *node, struct path *path, const struct share *share)
{
    const struct vx6_limits *limits = node->env->limits;
    return node->sessions.ended_count < limits->session_max &&
           link_sessions(path->link)->path_count <= limits->session_per_link_max &&
           (session_count(node) < peers_share(limits->session_max) ||
               share_make_session_room(node, share));
}

static enum vx6_code admit(
    struct vx6_node *node, struct path *path, const struct vx6_session_open *open)
{
    const uint8_t *peer_key = link_peer_key(path->link);
    enum vx6_code code = service_admits(node, open->service, peer_key);
    bool is_refused = code == VX6_NOT_ALLOWED || code == VX6_NO_SERVICE;
    if (is_refused && open->lineage.len > 0 && peer_may_ask(node, path->link) == VX6_OK) {
        services_follow_peer(node, peer_key, open->lineage); /* VX6-NAME-021 */
        code = service_admits(node, open->service, peer_key);
    }
    if (code != VX6_OK)
        return code;
    if (node->shutting_down)
        return VX6_SHUTDOWN;
    struct share *share = share_join(node, link_peer_addr(path->link));
    if (share == NULL)
        return VX6_NOMEM;
    if (!has_room(node, path, share)) {
        share_leave(node, share);
        trace(node, VX6_EVENT_limit_reached, link_peer_addr(path->link), 0, 0, VX6_LIMIT);
        return VX6_LIMIT;
    }
    struct session *session = session_new(node, SESSION_OWNER, share);
    if (session == NULL) {
        share_leave(node, share);
        return VX6_NOMEM;
    }
    session->state = SESSION_UP;
    session->privacy = open->privacy;
    name_keep(&session->name, &(struct vx6_name){.service = open->service});
    memcpy(session->key, link_peer_key(path->link), sizeof session->key);
    session->peer = *link_peer_addr(path->link);
    session->path = path;
    path->session = session;
    path->epoch = ++session->epoch;
    rng_bytes(&node->public_rng, session->session_id, sizeof session->session_id);
    rng_bytes(&node->secret_rng, session->random, sizeof session->random);
    make_secret(node, session, open->client_random, session->random);
    trace(node, VX6_EVENT_session_opened, &session->peer, 0, 0, VX6_OK);
    return VX6_OK;
}

void session_take_open(
    struct vx6_node *node, struct path *path, const struct vx6_session_open *open)
{
    enum vx6_code code = admit(node, path, open);
    if (code == VX6_OK) {
        path_post(node, path, PATH_OPENED);
        return;
    }
    refuse(
        node, VX6_EVENT_session_refused, link_peer_addr(path->link), VX6_MSG_session_open, 0, code);
    path_end(node, path, code, NOTICE_SEND);
}

void session_end(
    struct vx6_node *node, struct session *session, enum vx6_code code, enum notice notice)
{
    if (session->state == SESSION_CLOSED)
        return;
    session->state = SESSION_CLOSED;
    session->code = code;
    session->share->sessions--;
    node->sessions.ended_count++;
    node->sessions.leaving_count += session->stream_count;
    timer_clear(&node->timers, &session->timer);
    ready_remove(&node->ready_list, &session->ready);
    if (session->resolve)
        resolve_cancel(node, session->resolve);
    session->resolve = NULL;
    if (session->path)
        path_end(node, session->path, code, notice);
    wipe(session->secret, sizeof session->secret);
    wipe(session->random, sizeof session->random);
    trace(node, VX6_EVENT_session_closed, &session->peer, 0, 0, code);

    enum vx6_code stream_code = code; /* VX6-SESS-019 */
    if (code == VX6_OK)
        stream_code = notice == NOTICE_SEND ? VX6_CANCELLED : VX6_RESET;
    struct turn *next;
    for (struct turn *turn = session->streams.first; turn; turn = next) {
        struct stream *stream = CONTAINER_OF(turn, struct stream, turn);
        next = turn->next;
        session->stream_count++; /* keeps the session while its streams go */
        stream_drop(node, stream, stream_code);
        session->stream_count--;
    }
    session_stream_gone(node, session);
}

void session_stream_gone(struct vx6_node *node, struct session *session)
{
    if (session->state != SESSION_CLOSED || session->stream_count > 0)
        return;
    if (session->role == SESSION_CLIENT)
        ready_post(&node->ready_list, &session->ready, SESSION_READY_DOWN);
    else
        session_free(node, session);
}

/* VX6-SESS-007: a refusal has a reason. */
enum vx6_code session_take_close(struct vx6_node *node, struct session *session, enum vx6_code code)
{
    if (session->state == SESSION_OPENING && code == VX6_OK)
        return VX6_UNEXPECTED;
    session_end(node, session, code, NOTICE_NONE);
    return VX6_OK;
}

void session_close(struct vx6_node *node, struct session *session, enum vx6_code code)
{
    session_end(node, session, code, NOTICE_SEND);
}

bool session_output(struct vx6_node *node, struct ready *ready, struct vx6_out *out)
{
    struct session *session = CONTAINER_OF(ready, struct session, ready);
    out->id = session->id;
    memcpy(out->key, session->key, sizeof out->key);
    out->peer = session->peer;
    if (ready->pending & SESSION_READY_UP) {
        ready_take(&node->ready_list, ready, SESSION_READY_UP);
        out->kind = VX6_OUT_SESSION_UP;
        return true;
    }
    out->kind = VX6_OUT_SESSION_DOWN;
    out->code = session->code;
    session_free(node, session);
    return true;
}

/* VX6-SESS-007, VX6-SESS-040: the owner did not answer in time, or there is no link to it yet. */
void session_timer(struct vx6_node *node, struct timer *timer)
{
    struct session *session = CONTAINER_OF(timer, struct session, timer);
    if (session->state != SESSION_CONNECTING) {
        session_end(node, session, VX6_TIMEOUT, NOTICE_SEND);
        return;
    }
    timer_set(&node->timers, timer, after_ms(node, 2 * node->env->limits->link_doubt_ms));
    session_look_anew(node, session);
}

void sessions_shutdown(struct vx6_node *node)
{
    struct turn *next;
    for (struct turn *turn = node->sessions.list.first; turn; turn = next) {
        next = turn->next;
        session_end(node, CONTAINER_OF(turn, struct session, turn), VX6_SHUTDOWN, NOTICE_SEND);
    }
}

void sessions_free(struct vx6_node *node)
{
    struct sessions *sessions = &node->sessions;
    while (sessions->list.first)
        session_free(node, CONTAINER_OF(sessions->list.first, struct session, turn));
    while (sessions->paths.first)
        path_free(node, CONTAINER_OF(sessions->paths.first, struct path, node_turn));
    listings_free(node);
    services_free(node);
    meter_free(node, &sessions->asked_by_network);
    meter_free(node, &sessions->asked_by_key);
    chunk_pool_clear(&sessions->pool);
}
