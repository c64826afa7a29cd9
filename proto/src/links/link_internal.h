/* SPDX-License-Identifier: MIT */
/* The inside of a link, for link.c (its life), link_records.c (its bytes), handshake.c (its keys)
 * and dial.c (its right to exist). Spec: spec/links.md. */
#ifndef VX6_LINK_INTERNAL_H
#define VX6_LINK_INTERNAL_H

#include "internal.h"

enum {
    LINK_PAYLOAD_SIZE = 320, /* of a handshake message: u16 length, node record, zeros */
    LINK_MESSAGE_1_SIZE = 33,
    LINK_MESSAGE_2_SIZE = 32 + 48 + LINK_PAYLOAD_SIZE + 16,
    LINK_MESSAGE_3_SIZE = 48 + LINK_PAYLOAD_SIZE + 16,
    LINK_MESSAGE_MAX = LINK_MESSAGE_2_SIZE,

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
    OWED_HELLO = 1,
    OWED_PROBE = 2,
    OWED_ALIVE = 4,
    OWED_CLOSE = 8
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
    uint16_t close_code;
    bool initiator : 1;
    bool pinned : 1;     /* peer_key is what we expect, or know */
    bool keyed : 1;      /* send, receive and binding are set */
    bool was_up : 1;     /* has been LINK_UP */
    bool peer_hello : 1; /* the peer's first frame has come */
    bool probed : 1;     /* and nothing has come since */
    bool never_out : 1;  /* closed before the driver heard of it */
    uint32_t users;
    uint8_t peer_key[32];
    struct handshake *handshake; /* NULL once its last message is out */
    struct blob *record;         /* the peer's node record */
    vx6_ns since;                /* up: last record received, or began to be idle, or was probed */

    struct vx6_cipher send, receive;
    uint8_t binding[VX6_BINDING_SIZE];
    uint32_t send_records; /* under the current key */
    vx6_ns send_key_since;

    uint8_t head[RECORD_HEAD_SIZE]; /* of the record that is coming in */
    uint8_t head_len;
    uint16_t partial_have;
    uint8_t *partial; /* its first bytes, when it did not come at once */
    struct link_sessions sessions;
};

/* ---- link.c ---- */
void link_established(struct vx6_node *node, struct link *link); /* may be used from now on */
/* Ends the link without a word to the peer. */
void link_finish(struct vx6_node *node, struct link *link, enum vx6_code code);
void link_post_write(struct vx6_node *node, struct link *link);

/* ---- link_records.c ---- */
/* Consumes at least one byte; may close the link. */
size_t link_take_records(struct vx6_node *node, struct link *link, const uint8_t *data, size_t len);

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
enum vx6_code dial_allowed(struct vx6_node *node, const vx6_addr *addr);
void dials_free(struct vx6_node *node);

#endif
