/* SPDX-License-Identifier: MIT */
/* The inside of queries: query.c asks, responder.c answers, datagram.c is what both send and read.
 * Spec: spec/queries.md. */
#ifndef VX6_QUERY_INTERNAL_H
#define VX6_QUERY_INTERNAL_H

#include "internal.h"

enum {
    TYPE_ASK = 0x08,
    TYPE_ANSWER = 0x09,
    TYPE_COOKIE = 0x0a,
    TYPE_QUIC = 0x40, /* and above */

    QUERY_ID_AT = 4,
    LENGTH_SIZE = 2, /* of a payload, at its begin */
    ASK_MAX = VX6_ASK_PAYLOAD_SIZE - LENGTH_SIZE,
    ANSWER_MAX = VX6_ANSWER_PAYLOAD_SIZE - LENGTH_SIZE,
    COOKIE_DATAGRAM_SIZE =
        VX6_QUERY_HEADER_SIZE + VX6_COOKIE_NONCE_SIZE + VX6_COOKIE_SIZE + VX6_TAG_SIZE
};

/* ---- datagram.c ---- */
void datagram_post(struct vx6_node *node, struct outgoing *outgoing); /* waits for the carrier */
void datagram_withdraw(struct vx6_node *node, struct outgoing *outgoing);
/* Only asks have a hint: two bytes of the responder's node ID. NULL: none. */
void datagram_header(uint8_t *datagram, uint8_t type, const uint8_t *hint, const uint8_t *id);
/* VX6-CRYPTO-007: for one ask or answer. The caller wipes it. */
void datagram_seed(struct vx6_node *node, const uint8_t *id, uint8_t seed[32]);
/* Puts the message where it will be sealed. */
vx6_span datagram_put(uint8_t *datagram, const uint8_t *message, size_t len);
/* VX6-QUERY-003. False: it is none, and msg->type is what it claims to be. Zeros that a payload
 * ends with may be missing. */
bool datagram_payload(struct vx6_msg *msg, vx6_span payload);
/* `msg` is the type of what was inside; NONE: it did not come to that. */
void datagram_refuse(struct vx6_node *node, const vx6_addr *from, enum vx6_msg_type msg, size_t len,
    enum vx6_code code);

/* ---- query.c ---- */
void query_write(struct vx6_node *node, struct outgoing *outgoing, uint8_t *datagram);
void query_take_answer(struct vx6_node *node, const vx6_addr *from, const uint8_t *data);
void query_take_cookie(struct vx6_node *node, const vx6_addr *from, const uint8_t *data);

/* ---- responder.c ---- */
void responder_take_ask(struct vx6_node *node, const vx6_addr *from, const uint8_t *data);
/* Writes what waits and frees it. */
void responder_write(struct vx6_node *node, struct outgoing *outgoing, uint8_t *dst);
void responder_drop(struct vx6_node *node, struct outgoing *outgoing);

#endif
