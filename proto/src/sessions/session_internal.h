/* SPDX-License-Identifier: MIT */
/* The inside of sessions: a session has a path and streams; a path joins it to a link. */
#ifndef VX6_SESSION_INTERNAL_H
#define VX6_SESSION_INTERNAL_H

#include "internal.h"

enum {
    STREAM_WINDOW_MIN = 16384,  /* always granted, whatever the budgets say */
    STREAM_WINDOW_FIRST = 65536 /* granted to a new stream while there is plenty */
};

enum path_kind {
    PATH_LINK = 1 /* the peer of the session is the peer of the link */
};

/* Frames that wait to be sent; bits of path.control, sent in this order. */
enum {
    PATH_OPEN = 1,
    PATH_OPENED = 2,
    PATH_CLOSE = 4
};

struct path {
    struct turn link_turn; /* in link_sessions.paths */
    struct turn node_turn; /* in sessions.paths */
    struct turn control_turn;
    struct link *link;
    struct session *session; /* NULL: refused or ended; its close frame is all that is left */
    enum path_kind kind;
    uint32_t id;    /* 0: the link is not up yet */
    uint32_t epoch; /* which of its session's paths this is; the newest is used */
    enum vx6_code code;
    uint8_t control;
    struct vx6_stream_ack *last_acks; /* that its ended session still owed; sent before the close */
    uint32_t last_ack_count, last_acks_sent;
};

enum session_role {
    SESSION_CLIENT,
    SESSION_OWNER
};

enum session_state {
    SESSION_RESOLVING,  /* timed by the resolve */
    SESSION_CONNECTING, /* timed by the link */
    SESSION_OPENING,
    SESSION_UP,
    SESSION_CLOSED /* what its streams have to say to the driver goes first, then DOWN */
};

/* Outputs, taken in this order; bits of session.ready. Only a client's driver knows sessions. */
enum {
    SESSION_READY_UP = 1,
    SESSION_READY_DOWN = 2
};

struct session {
    struct turn turn; /* in sessions.list */
    struct ready ready;
    struct timer timer;
    vx6_id id;
    enum session_role role;
    enum session_state state;
    enum vx6_code code; /* why it closed */
    struct path *path;  /* NULL: none */
    uint32_t epoch;     /* of the newest path */
    struct resolve *resolve;
    bool is_resolved; /* by name; a dead address may be resolved once more */
    bool is_retried;
    bool has_key; /* the driver has said to whom the name leads */
    uint8_t privacy;
    struct kept_name name; /* by an address and at the owner only a service */
    uint8_t key[32];       /* whose it is, once the link is up */
    struct blob *via;      /* keys by which that was found, the name's first; NULL: the name's */
    vx6_addr peer;
    uint8_t session_id[16];
    uint8_t random[32]; /* this end's half, until the secret is made */
    uint8_t secret[32]; /* proves on another path that it is the same session */
    struct turns streams;
    struct idmap live; /* streams that are not closed, by number */
    uint32_t stream_count;
    uint32_t stream_last; /* highest number used */
    struct share *share;
    uint64_t sending, granted;
};

enum stream_state {
    STREAM_OPENING, /* the owner's driver has not accepted */
    STREAM_OPEN,
    STREAM_CLOSED /* waits for its last frame and its last output */
};

/* Frames that wait to be sent; bits of stream.control, sent in this order. */
enum {
    STREAM_SEND_OPEN = 1,
    STREAM_SEND_ACCEPT = 2,
    STREAM_SEND_ACK = 4,
    STREAM_SEND_RESET = 8
};

/* Outputs, taken in this order; bits of stream.ready. */
enum {
    STREAM_READY_INCOMING = 1,
    STREAM_READY_WRITABLE = 2,
    STREAM_READY_READABLE = 4,
    STREAM_READY_CLOSED = 8
};

struct stream {
    struct turn turn; /* in session.streams */
    struct turn control_turn, data_turn;
    struct session *session;
    struct ready ready;
    struct timer timer;
    vx6_id id;
    uint32_t number;
    enum stream_state state;
    enum vx6_code code; /* why it closed */
    uint8_t control;
    bool is_visible; /* the driver knows it and must hear of its end */
    bool is_refused; /* it was never more than a number */

    struct chunk_queue send; /* begins at what is acknowledged */
    uint64_t send_next;
    uint64_t send_window_end;
    uint32_t deficit; /* bytes left of its turn */
    bool send_ended, fin_sent, fin_acked;
    bool is_blocked; /* the driver waits for WRITABLE */

    struct chunk_queue receive; /* begins at what the driver released */
    uint64_t window_end;        /* told to the peer */
    uint64_t received_told;
    uint64_t grown_at; /* what was released when the window grew last */
    uint64_t granted;  /* its share of session.granted */
    uint32_t window;
    bool receive_ended;
};

/* Does the other end hear of an end, or did it cause it, or is it out of reach? */
enum notice {
    NOTICE_SEND,
    NOTICE_NONE
};

/* ---- access.c ---- */
/* VX6-SESS-003: may this peer use this service? The one place that decides. OK, SELF, REVOKED,
 * NO_SERVICE or NOT_ALLOWED. */
enum vx6_code service_admits(
    const struct vx6_node *node, vx6_span name, const uint8_t peer_key[32]);
enum {
    OFFERS_SIZE_MAX = 16 * (1 + VX6_LABEL_MAX + 1)
};
/* What there is for this peer, as `service_admits` decides it; the list lies in `storage`. */
void service_offers(const struct vx6_node *node, const uint8_t peer_key[32],
    uint8_t storage[OFFERS_SIZE_MAX], vx6_list *offers);
/* The peer has shown its lineage, and peer_may_ask(): if one of its earlier keys may use a service,
 * it takes that one's place in all that this node has to do with it. */
void services_follow_peer(struct vx6_node *node, const uint8_t peer_key[32], vx6_span lineage);
/* Ends the sessions that are not admitted, or not any more. */
void services_end_sessions(struct vx6_node *node);

/* ---- service.c ---- */
void services_free(struct vx6_node *node);

/* VX6-SESS-020: what peers may take of a bound that is also this node's own. */
static inline uint32_t peers_share(uint32_t max)
{
    return max - max / 4;
}

/* ---- listing.c ---- */
void listings_free(struct vx6_node *node); /* not the operations that they are for */
void listings_link_up(struct vx6_node *node, struct link *link);
void listings_link_down(struct vx6_node *node, struct link *link, enum vx6_code code);
/* Takes find_services and services. */
/* VX6-SESS-028: LIMIT: not so often; REVOKED. */
enum vx6_code peer_may_ask(struct vx6_node *node, struct link *link);
enum vx6_code listing_frame(struct vx6_node *node, struct link *link, const struct vx6_msg *frame);
/* The next frame to be sent on the link; false: there is none. */
bool listing_next(struct vx6_node *node, struct link *link, struct vx6_msg *msg,
    uint8_t storage[OFFERS_SIZE_MAX]);
void listing_sent(struct link *link, enum vx6_msg_type type);

/* ---- share.c ---- */
/* The share of the peer's network; NULL: no memory. */
struct share *share_join(struct vx6_node *node, const vx6_addr *peer);
void share_leave(struct vx6_node *node, struct share *share);
/* Has a session of whoever has most of them gone, to make room for the newcomer? */
bool share_make_session_room(struct vx6_node *node, const struct share *newcomer);
bool share_make_stream_room(struct vx6_node *node, const struct share *newcomer);

/* ---- path.c ---- */
/* NULL: no memory. Without a session: a path that the peer opened. */
struct path *path_new(struct vx6_node *node, struct link *link, struct session *session);
/* The link is up: the path gets a number of this end and asks for the session. LIMIT, NOMEM. */
VX6_MUST_CHECK enum vx6_code path_start(struct vx6_node *node, struct path *path);
void path_post(struct vx6_node *node, struct path *path, unsigned bits);
/* Leaves the session; the close frame, if the peer needs one, is the last thing sent. */
void path_end(struct vx6_node *node, struct path *path, enum vx6_code code, enum notice notice);
void path_free(struct vx6_node *node, struct path *path);

/* ---- session.c ---- */
/* Worth another resolve: the address is wrong or dead, not the will of either end. */
bool is_dead_address(enum vx6_code code);
void session_path_up(struct vx6_node *node, struct session *session);
void session_path_lost(struct vx6_node *node, struct session *session, enum vx6_code code);
/* Its owner is silent: does it answer over another link? The session itself stays where it is. */
void session_look_anew(struct vx6_node *node, struct session *session);
/* The peer asks for a session over this new path: takes it or refuses it. */
void session_take_open(
    struct vx6_node *node, struct path *path, const struct vx6_session_open *open);
enum vx6_code session_take_opened(
    struct vx6_node *node, struct session *session, const struct vx6_session_opened *opened);
enum vx6_code session_take_close(
    struct vx6_node *node, struct session *session, enum vx6_code code);
void session_end(
    struct vx6_node *node, struct session *session, enum vx6_code code, enum notice notice);
/* A stream of the session is gone: a closed one may be done with. */
void session_stream_gone(struct vx6_node *node, struct session *session);

/* ---- fill.c ---- */
struct vx6_stream_ack stream_ack(const struct stream *stream);

/* ---- stream.c ---- */
enum vx6_code stream_take_open(
    struct vx6_node *node, struct session *session, const struct vx6_stream_open *open);
enum vx6_code stream_take_accept(
    struct vx6_node *node, struct stream *stream, const struct vx6_stream_accept *accept);
/* VX6-SESS-022: may bytes come for it that the client's driver must not see yet? */
bool stream_may_get_early_data(const struct stream *stream);
void stream_asked(struct vx6_node *node, struct stream *stream); /* its open frame was sent */
void stream_list(struct vx6_node *node, struct stream *stream);  /* on its link, if it has one */
void stream_post(struct vx6_node *node, struct stream *stream, unsigned bits);
void stream_end(
    struct vx6_node *node, struct stream *stream, enum vx6_code code, enum notice notice);
/* Its session has ended, so that nothing of it will be sent any more. */
void stream_drop(struct vx6_node *node, struct stream *stream, enum vx6_code code);
void stream_finish(struct vx6_node *node, struct stream *stream); /* if nothing is left to do */
void stream_linger(struct vx6_node *node, struct stream *stream);
void stream_release(struct vx6_node *node, struct stream *stream); /* frees it, if it may go */
void stream_free(struct vx6_node *node, struct stream *stream);

/* ---- flow.c: bytes, windows, acknowledgements ---- */
void flow_init(struct vx6_node *node, struct stream *stream); /* grants the first window */
void flow_clear(struct vx6_node *node, struct stream *stream);
enum vx6_code flow_take_data(
    struct vx6_node *node, struct stream *stream, const struct vx6_stream_data *data);
enum vx6_code flow_take_ack(
    struct vx6_node *node, struct stream *stream, const struct vx6_stream_ack *ack);
void flow_accepted(struct vx6_node *node, struct stream *stream);    /* the client's has been */
void flow_open_window(struct vx6_node *node, struct stream *stream); /* before an ack is sent */
void flow_resume(struct vx6_node *node, struct stream *stream);      /* queues it, if it can send */
uint64_t flow_sendable_bytes(const struct stream *stream);
bool flow_is_sendable(const struct stream *stream); /* bytes, or the end alone */

#endif
