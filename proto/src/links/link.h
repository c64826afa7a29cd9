/* SPDX-License-Identifier: MIT */
/* Links: authenticated hops to other nodes over a carrier, which is a byte stream that Noise XX
 * secures, or is secure by itself and has channels.
 *
 * A link carries frames (scope LINK of the message table) for whoever stands above: today sessions
 * over direct paths. Spec: spec/links.md. */
#ifndef VX6_LINK_H
#define VX6_LINK_H

#include "idmap.h"
#include "meter.h"
#include "ready.h"
#include "slots.h"
#include "timer.h"
#include "turns.h"
#include "vx6/msg.h"
#include "vx6/node.h"

enum link_state {
    LINK_DIALLING, /* waits for the carrier */
    LINK_HANDSHAKE,
    LINK_CONFIRMING, /* initiator: waits for the responder's first record */
    LINK_UP,
    LINK_CLOSING, /* the close frame waits for fill */
    LINK_CLOSED   /* waits until the driver has taken LINK_CLOSE out; then it is freed */
};

enum {
    STREAM_DATA_HEADER = 18, /* of a stream_data message, before its bytes */
    STREAM_DATA_MAX = 32000
};

struct link; /* link_internal.h */
struct dial;

struct links {
    struct link *first, *last; /* oldest first */
    uint32_t count;            /* not closing or closed */
    uint32_t closing;          /* closing or closed, not yet freed */
    uint32_t pending;          /* accepted, not yet up */
    vx6_ns next_draw;          /* among these, to make room: not before */
    struct meter accepted;
    struct dial *dials; /* of the last minute, oldest first */
    uint32_t dial_count, dial_capacity;
};

/* Questions which services there are, on one link: own ones, and the peer's. VX6-SESS-027 */
struct link_listings {
    struct turns waiting; /* listings that wait for the link to be up, or for an answer */
    uint32_t number;      /* of the last own question; the one before it, if that is under way */
    uint32_t owed;        /* of the peer's */
    uint16_t owed_code;
    bool is_wanted; /* the last own question is not sent yet */
    bool is_asked;  /* one is under way */
    bool is_owed;
};

/* What sessions keep on a link. It lies in struct link, zero at first, and is theirs alone; it is
 * empty again once session_link_down() has returned. */
struct link_sessions {
    struct turns paths;           /* all, oldest first */
    struct idmap path_ids;        /* those that have a number */
    struct turns control_paths;   /* have frames that open or end them */
    struct turns control_streams; /* have frames other than data */
    struct turns data_streams;    /* have bytes that the window lets go */
    uint32_t path_count;
    uint32_t path_own_last, path_peer_last; /* highest numbers used so far */
    struct link_listings listings;
};
struct link_sessions *link_sessions(struct link *link);

/* ---- for the parts above ---- */
/* A live link to this address and key, else a new one. `expected` NULL: whatever key is there; then
 * a link that is not up and expects one will not do. NULL with *code on failure: LIMIT, NOMEM,
 * SELF, INVALID, SHUTDOWN. The link may be up already; else session_link_up() or
 * session_link_down() follows, never before this returns. */
struct link *link_get(
    struct vx6_node *node, const vx6_addr *addr, const uint8_t *expected, enum vx6_code *code);
bool link_is_up(const struct link *link);
const uint8_t *link_peer_key(const struct link *link);   /* of a link that is up */
const vx6_addr *link_peer_addr(const struct link *link); /* as dialled or accepted */
const uint8_t *link_binding(const struct link *link);    /* 32 bytes */
bool link_is_initiator(const struct link *link);
bool link_has_channels(const struct link *link); /* then data can come before other frames */
/* The record that the peer showed in the handshake, verified; views live as long as the link. */
struct vx6_node_record link_peer_record(const struct link *link);
void link_want_write(struct vx6_node *node, struct link *link); /* session_fill has frames */
void link_in_use(struct vx6_node *node, struct link *link, int change); /* +1, -1: users */
/* Something begins on this link, or on whichever: does it live? VX6-LINK-040 */
void link_question(struct vx6_node *node, struct link *link);
void links_question(struct vx6_node *node);
void link_answered(struct link *link); /* the peer has said something that answers what was said */
/* Tells the parts above at once and the peer by a close frame. */
void link_close(struct vx6_node *node, struct link *link, enum vx6_code code);

/* ---- for node.c ---- */
enum vx6_code link_accepted(struct vx6_node *node, const struct vx6_in *in, vx6_id *id);
enum vx6_code link_carrier_up(struct vx6_node *node, struct link *link, const struct vx6_in *in);
void link_carrier_down(struct vx6_node *node, struct link *link, enum vx6_code code);
enum vx6_code link_bytes(struct vx6_node *node, struct link *link, const struct vx6_in *in);
bool link_fill(struct vx6_node *node, struct link *link, struct vx6_batch *batch);
bool link_output(struct vx6_node *node, struct ready *ready, struct vx6_out *out);
void link_timer(struct vx6_node *node, struct timer *timer);
void dials_forget(struct vx6_node *node); /* all are allowed again */
void links_shutdown(struct vx6_node *node);
void links_free(struct vx6_node *node);

/* ---- what a link tells the parts above; they implement it ----
 * `up` and `down` come for every link that is up or was dialled, `down` exactly once and last. An
 * accepted link that never came up is not told. */
/* session.c */
void session_link_up(struct vx6_node *node, struct link *link);
void session_link_down(struct vx6_node *node, struct link *link, enum vx6_code code);
/* It is up, and perhaps dead; closes by itself when another to the same peer comes up. */
void session_link_doubted(struct vx6_node *node, struct link *link);
/* Anything but VX6_OK closes the link with that code. */
enum vx6_code session_frame(struct vx6_node *node, struct link *link, const struct vx6_msg *frame);
/* Writes whole frames, each u16 length and message, and returns their size; 0: nothing to say.
 * `cap` has room for the largest frame. */
size_t session_fill(struct vx6_node *node, struct link *link, uint8_t *dst, size_t cap);
/* The same for one channel, which it chooses; `cap` is at least VX6_FILL_CHANNEL_MIN. */
size_t session_fill_channel(
    struct vx6_node *node, struct link *link, uint8_t *dst, size_t cap, uint8_t *channel);
/* discovery.c */
void discovery_link_up(struct vx6_node *node, struct link *link);
void discovery_link_down(struct vx6_node *node, struct link *link, enum vx6_code code);

#endif
