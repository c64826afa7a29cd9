/* SPDX-License-Identifier: MIT */
/* The inside of a link: link.c is its life, link_frames.c what it says and hears itself,
 * link_records.c and handshake.c its bytes and keys over a byte stream, link_channels.c its bytes
 * over a carrier with channels, peer_record.c whom it leads to, admission.c and dial.c its right to
 * exist.
 * Spec: spec/links.md. */
#ifndef VX6_LINK_INTERNAL_H
#define VX6_LINK_INTERNAL_H

#include "internal.h"

enum {
    LINK_PAYLOAD_SIZE = 320, /* of a handshake message: u16 length, node record, zeros */
    LINK_MESSAGE_1_SIZE = 33,
    LINK_MESSAGE_2_SIZE = 32 + 48 + LINK_PAYLOAD_SIZE + 16,
    LINK_MESSAGE_3_SIZE = 48 + LINK_PAYLOAD_SIZE + 16,
    LINK_MESSAGE_MAX = LINK_MESSAGE_2_SIZE,

    FRAME_HEAD_SIZE = 2, /* its length */
    OWN_FRAMES_MAX = 64, /* room that the frames of the link itself may need, but for link_record */

    RECORD_PLAIN_MAX = ENV_SCRATCH_SIZE,
    RECORD_HEAD_SIZE = 2,
    RECORD_SEALED_MIN = 3 + VX6_TAG_SIZE, /* one frame without fields */
    RECORD_SEALED_MAX = RECORD_PLAIN_MAX + VX6_TAG_SIZE
};

/* Bits of link.ready.pending, in the order in which they come out. */
enum {
    LINK_READY_DIAL = 1,
    LINK_READY_WRITE = 2,
    LINK_READY_CLOSE = 4
};

/* Frames that the link itself has to send. */
enum {
    OWED_RECORD = 1,
    OWED_HELLO = 2,
    OWED_PROBE = 4,
    OWED_ALIVE = 8,
    OWED_CLOSE = 16,
    OWED_REACH_ASK = 32,
    OWED_REACH_ANSWER = 64
};

struct handshake;

struct link {
    struct ready ready;
    struct timer timer; /* what for depends on the state */
    struct link *next, *previous;
    vx6_id id;
    vx6_addr addr;
    uint8_t state; /* enum link_state */
    uint8_t owed;
    uint8_t doubts; /* looks at it since it was probed for a question; above 0 it is doubted */
    uint16_t close_code;
    uint16_t network_up; /* accepted and up: how many such there are of its network */
    bool initiator : 1;
    bool pinned : 1;        /* peer_key is what we expect, or know */
    bool keyed : 1;         /* send, receive and binding are set */
    bool channels : 1;      /* the carrier is secure and has them; binding is set */
    bool was_up : 1;        /* has been LINK_UP */
    bool peer_hello : 1;    /* the peer's first frame has come */
    bool probed : 1;        /* and nothing has come since */
    bool questioned : 1;    /* somebody wants to know soon whether it lives */
    bool never_out : 1;     /* closed before the driver heard of it */
    bool is_reach_due : 1;  /* the peer has asked to be dialled, and that goes on */
    bool is_reach_sent : 1; /* the peer was asked, and has not answered */
    uint16_t reach_code;    /* the answer that is owed then */
    uint32_t users;
    uint8_t peer_key[32];
    struct handshake *handshake; /* NULL once its last message is out */
    struct blob *record;         /* the peer's node record */
    vx6_ns since; /* up: last record received, or began to be idle, or was probed; else: began */

    struct vx6_cipher send, receive;
    uint8_t binding[VX6_BINDING_SIZE];
    uint32_t send_records; /* under the current key */
    vx6_id reach_for;      /* was dialled only since the peer of that link asked for it */
    vx6_ns send_key_since;

    /* The record, or frame of channel 0, that is coming in: its length, and its first bytes when it
     * did not come at once. */
    uint8_t head[RECORD_HEAD_SIZE];
    uint8_t head_len;
    uint16_t partial_have;
    uint8_t *partial;
    struct idmap lanes; /* channels on which a frame has come in part: struct lane */
    struct link_sessions sessions;
};

/* ---- link.c ---- */
void link_established(struct vx6_node *node, struct link *link); /* may be used from now on */
/* Ends the link without a word to the peer. */
void link_finish(struct vx6_node *node, struct link *link, enum vx6_code code);
void link_post_write(struct vx6_node *node, struct link *link);
bool link_is_pending(const struct link *link); /* accepted, and has proved nothing yet */
/* VX6-NODE-007: what came cannot be taken. `msg` is the type of the frame, NONE: it came to none.
 */
void link_refuse(struct vx6_node *node, struct link *link, enum vx6_msg_type msg, size_t len,
    enum vx6_code code);

/* As link_get(), but none that the peer has dialled. */
struct link *link_get_dialled(
    struct vx6_node *node, const vx6_addr *addr, const uint8_t *expected, enum vx6_code *code);
/* A new link, even where there is one already, for which nobody has to go. NULL with *code. */
struct link *link_dial_anew(
    struct vx6_node *node, const vx6_addr *addr, const uint8_t *expected, enum vx6_code *code);

/* ---- alive.c ---- */
void link_watch(struct vx6_node *node, struct link *link); /* sets the timer of a link that is up */
void link_look(struct vx6_node *node, struct link *link);  /* that timer */
void link_heard(struct vx6_node *node, struct link *link); /* a sign of life */
void links_replace(struct vx6_node *node, const struct link *fresh); /* has just come up */

/* ---- admission.c ---- */
/* Links that have to go for a new one, or NULL. */
struct room {
    struct link *pending, *idle, *busy;
};
/* VX6-LINK-017, VX6-LINK-025, VX6-LINK-026. False: there is no room, and nothing may go for it. */
bool room_for_dialled(struct vx6_node *node, struct room *room);
bool room_for_accepted(struct vx6_node *node, const vx6_addr *peer, struct room *room);
/* Closes them; to be called once the new link exists. */
void room_take(struct vx6_node *node, const struct room *room);
/* An accepted link has come up, `by` 1, or is about to leave that state, -1. Others: nothing. */
void network_count(struct vx6_node *node, struct link *changed, int by);
/* VX6-NODE-007: what came cannot be taken. `msg` is the type of the frame, NONE: it came to none.
 */
void link_refuse(struct vx6_node *node, struct link *link, enum vx6_msg_type msg, size_t len,
    enum vx6_code code);

/* ---- link_frames.c ---- */
/* Writes a frame, length first; there must be room. */
size_t link_put_frame(
    struct vx6_node *node, struct link *link, uint8_t *dst, size_t cap, const struct vx6_msg *msg);
/* Writes all that the link itself owes; OWN_FRAMES_MAX are enough, and VX6_RECORD_MAX more where
 * link_record is owed. */
size_t link_put_own_frames(struct vx6_node *node, struct link *link, uint8_t *dst, size_t cap);
void link_trace_frames(
    struct vx6_node *node, const struct link *link, const uint8_t *frames, size_t len);
/* VX6-LINK-011: acts on one message; what is wrong with it closes the link. */
void link_take_frame(
    struct vx6_node *node, struct link *link, const uint8_t *frame, size_t len, bool is_last);
/* What comes with its length first, a record or a frame: consumes at least one byte of `data`, and
 * returns how many. When `unit` is whole it is shown, in `data` or, if `owned`, in memory to be
 * given to link_unit_free(); else unit->data is NULL. Closes the link when the length is not within
 * the bounds. */
struct unit {
    uint8_t *owned; /* NULL: the bytes are the driver's */
    const uint8_t *data;
    size_t len;
};
size_t link_collect(struct vx6_node *node, struct link *link, const uint8_t *data, size_t len,
    size_t min, size_t max, struct unit *unit);
void link_unit_free(struct vx6_node *node, struct unit *unit);

/* ---- link_records.c ---- */
/* Consumes at least one byte; may close the link. */
size_t link_take_records(struct vx6_node *node, struct link *link, const uint8_t *data, size_t len);
bool link_fill_records(struct vx6_node *node, struct link *link, struct vx6_batch *batch);

/* ---- link_channels.c ---- */
/* VX6-LINK-020: the carrier is up and has proved its peer; may close the link. */
void channels_start(struct vx6_node *node, struct link *link, const struct vx6_in *in);
void channels_take(struct vx6_node *node, struct link *link, const struct vx6_in *in);
/* The peer has shown its record. */
enum vx6_code channels_take_record(struct vx6_node *node, struct link *link, vx6_span record);
bool channels_fill(struct vx6_node *node, struct link *link, struct vx6_batch *batch);
void channels_free(struct vx6_node *node, struct link *link);

/* ---- peer_record.c ---- */
/* VX6-LINK-005: is this a record of somebody that we may talk to, and does it certify the key that
 * the peer has proved? Keeps it if so. `link_key` NULL: the carrier has proved link->peer_key. */
enum vx6_code peer_record_take(
    struct vx6_node *node, struct link *link, vx6_span record, const uint8_t *link_key);

/* ---- handshake.c ---- */
/* The initiator's first message is ready then. False: no memory. */
bool handshake_start(struct vx6_node *node, struct link *link);
/* Consumes at least one byte, at most a message; may establish or close the link. */
size_t handshake_take(struct vx6_node *node, struct link *link, const uint8_t *data, size_t len);
/* Moves the message that waits to `dst`, which has room for any. Returns its size. */
size_t handshake_put(struct vx6_node *node, struct link *link, uint8_t *dst);
void handshake_free(struct vx6_node *node, struct link *link); /* there may be none */

/* ---- dial.c ---- */
/* May this address be dialled now? OK counts as a dial; LIMIT, NOMEM. */
enum vx6_code dial_allowed(struct vx6_node *node, const vx6_addr *addr, bool for_other);
void dials_free(struct vx6_node *node);

#endif
