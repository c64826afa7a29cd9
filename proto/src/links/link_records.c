/* SPDX-License-Identifier: MIT */
/* The records of a link: u16 length, which is authenticated, and so many sealed bytes; inside are
 * frames. Writing seals in the driver's buffer, reading opens into the env's scratch, so that bytes
 * are copied only where a record came in pieces. Spec: spec/links.md, "Records". */
#include "link_internal.h"

enum {
    FRAME_HEAD_SIZE = 2,
    OWN_FRAMES_MAX = 64 /* room that the frames of the link itself may need */
};

/* ---- sending ---- */

static size_t put_frame(
    struct vx6_node *node, struct link *link, uint8_t *dst, size_t cap, const struct vx6_msg *msg)
{
    size_t len = vx6_msg_encode(msg, dst + FRAME_HEAD_SIZE, cap - FRAME_HEAD_SIZE);
    VX6_ASSERT(len > 0);
    store_u16(dst, (uint16_t)len);
    trace(node, VX6_EVENT_frame_sent, &link->addr, (uint8_t)msg->type, len, VX6_OK);
    return FRAME_HEAD_SIZE + len;
}

/* VX6-LINK-010: only responders tell the time, since a clock is a fingerprint. */
static struct vx6_msg make_hello(const struct vx6_node *node, const struct link *link)
{
    struct vx6_msg msg = {.type = VX6_MSG_link_hello};
    if (!link->initiator)
        msg.u.link_hello.time_s = (uint32_t)node_unix_s(node) & ~UINT32_C(15);
    memcpy(msg.u.link_hello.ip, link->addr.ip, sizeof link->addr.ip);
    msg.u.link_hello.port = link->addr.port;
    return msg;
}

static size_t put_own_frames(struct vx6_node *node, struct link *link, uint8_t *dst, size_t cap)
{
    size_t len = 0;
    struct vx6_msg msg;
    if (link->owed & OWED_CLOSE) {
        msg = (struct vx6_msg){.type = VX6_MSG_link_close, .u.link_close.code = link->close_code};
        return put_frame(node, link, dst, cap, &msg);
    }
    if (link->owed & OWED_HELLO) {
        msg = make_hello(node, link);
        len += put_frame(node, link, dst + len, cap - len, &msg);
    }
    if (link->owed & OWED_PROBE) {
        msg = (struct vx6_msg){.type = VX6_MSG_link_probe};
        len += put_frame(node, link, dst + len, cap - len, &msg);
    }
    if (link->owed & OWED_ALIVE) {
        msg = (struct vx6_msg){.type = VX6_MSG_link_alive};
        len += put_frame(node, link, dst + len, cap - len, &msg);
    }
    link->owed = 0;
    return len;
}

static void trace_frames(
    struct vx6_node *node, const struct link *link, const uint8_t *frames, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t frame_len = load_u16(frames + at);
        VX6_ASSERT(frame_len > 0 && frame_len <= len - at - FRAME_HEAD_SIZE);
        at += FRAME_HEAD_SIZE;
        trace(node, VX6_EVENT_frame_sent, &link->addr, frames[at], frame_len, VX6_OK);
        at += frame_len;
    }
}

/* VX6-LINK-013 */
static bool key_is_old(const struct vx6_node *node, const struct link *link)
{
    const struct vx6_limits *limits = node->env->limits;
    return link->send_records + 1 >= limits->rekey_records ||
           node->now - link->send_key_since >= (vx6_ns)limits->rekey_ms * VX6_MILLISECOND;
}

/* Writes one record into `dst` of `cap` bytes; 0: nothing to say, or no room for it. */
static size_t put_record(struct vx6_node *node, struct link *link, uint8_t *dst, size_t cap)
{
    const struct vx6_crypto *crypto = node->env->crypto;
    if (cap < RECORD_HEAD_SIZE + OWN_FRAMES_MAX + VX6_TAG_SIZE || !link->keyed)
        return 0;
    size_t room = cap - RECORD_HEAD_SIZE - VX6_TAG_SIZE;
    room = room < RECORD_PLAIN_MAX ? room : RECORD_PLAIN_MAX;
    uint8_t *plain = dst + RECORD_HEAD_SIZE;
    bool closing = link->owed & OWED_CLOSE;
    size_t len = put_own_frames(node, link, plain, room);
    if (link->state == LINK_UP && room >= OWN_FRAMES_MAX + FRAME_HEAD_SIZE + VX6_FRAME_MAX) {
        size_t above = session_fill(node, link, plain + len, room - OWN_FRAMES_MAX);
        VX6_ASSERT(above <= room - OWN_FRAMES_MAX);
        trace_frames(node, link, plain + len, above);
        len += above;
    }
    if (len == 0)
        return 0;
    bool rekey = !closing && key_is_old(node, link);
    if (rekey) {
        struct vx6_msg msg = {.type = VX6_MSG_link_rekey};
        len += put_frame(node, link, plain + len, room - len, &msg);
    }
    VX6_ASSERT(link->send.nonce < UINT64_MAX);
    store_u16(dst, (uint16_t)(len + VX6_TAG_SIZE));
    crypto->seal(crypto, &link->send, dst, RECORD_HEAD_SIZE, plain, len, plain);
    link->send_records++;
    if (rekey) {
        crypto->rekey(crypto, &link->send);
        link->send_records = 0;
        link->send_key_since = node->now;
    }
    if (closing)
        link_finish(node, link, (enum vx6_code)link->close_code);
    return RECORD_HEAD_SIZE + len + VX6_TAG_SIZE;
}

/* As many whole records as there is room and something to say for. */
bool link_fill(struct vx6_node *node, struct link *link, struct vx6_batch *batch)
{
    batch->len = handshake_put(node, link, batch->dst);
    size_t len;
    do {
        len = put_record(node, link, batch->dst + batch->len, batch->cap - batch->len);
        batch->len += len;
    } while (len > 0);
    batch->segment_len = batch->len;
    return batch->len > 0;
}

/* ---- receiving ---- */

static enum vx6_code take_hello(struct link *link, const struct vx6_link_hello *hello)
{
    if (link->peer_hello)
        return VX6_UNEXPECTED;
    if (!link->initiator && hello->time_s != 0)
        return VX6_BAD_MESSAGE;
    link->peer_hello = true;
    return VX6_OK;
}

/* VX6-LINK-010, VX6-LINK-012, VX6-LINK-013, VX6-LINK-014 */
static enum vx6_code take_frame(
    struct vx6_node *node, struct link *link, const struct vx6_msg *msg, bool last_of_record)
{
    if (msg->type == VX6_MSG_link_close) {
        link_finish(node, link, (enum vx6_code)msg->u.link_close.code);
        return VX6_OK;
    }
    if (msg->type == VX6_MSG_link_hello) {
        enum vx6_code code = take_hello(link, &msg->u.link_hello);
        if (code == VX6_OK && link->state == LINK_CONFIRMING)
            link_established(node, link);
        return code;
    }
    if (!link->peer_hello)
        return VX6_UNEXPECTED;
    if (msg->type == VX6_MSG_link_rekey) {
        if (!last_of_record)
            return VX6_UNEXPECTED;
        node->env->crypto->rekey(node->env->crypto, &link->receive);
        return VX6_OK;
    }
    if (msg->type == VX6_MSG_link_probe) {
        link->owed |= OWED_ALIVE;
        link_post_write(node, link);
        return VX6_OK;
    }
    if (msg->type == VX6_MSG_link_alive)
        return VX6_OK;
    return session_frame(node, link, msg);
}

static bool takes_records(const struct link *link)
{
    return link->state == LINK_CONFIRMING || link->state == LINK_UP;
}

/* VX6-LINK-011: takes the first frame off a record; what is wrong with it ends the link. */
static size_t take_first_frame(
    struct vx6_node *node, struct link *link, const uint8_t *plain, size_t len)
{
    size_t frame_len = len >= FRAME_HEAD_SIZE ? load_u16(plain) : 0;
    if (frame_len == 0 || frame_len > len - FRAME_HEAD_SIZE) {
        link_close(node, link, VX6_BAD_MESSAGE);
        return len;
    }
    struct vx6_msg msg;
    if (vx6_msg_decode(&msg, VX6_SCOPE_LINK, plain + FRAME_HEAD_SIZE, frame_len) != NULL) {
        link_close(node, link, VX6_BAD_MESSAGE);
        return len;
    }
    trace(node, VX6_EVENT_frame_received, &link->addr, (uint8_t)msg.type, frame_len, VX6_OK);
    enum vx6_code code = take_frame(node, link, &msg, FRAME_HEAD_SIZE + frame_len == len);
    if (code != VX6_OK)
        link_close(node, link, code);
    return FRAME_HEAD_SIZE + frame_len;
}

static void take_record(struct vx6_node *node, struct link *link, const uint8_t *plain, size_t len)
{
    link->probed = false;
    if (link->users > 0)
        link->since = node->now;
    while (len > 0 && takes_records(link)) {
        size_t used = take_first_frame(node, link, plain, len);
        plain += used;
        len -= used;
    }
}

/* VX6-LINK-009: bytes that do not authenticate end the link. `sealed` may be `plain`. */
static void open_record(
    struct vx6_node *node, struct link *link, const uint8_t *sealed, size_t len, uint8_t *plain)
{
    const struct vx6_crypto *crypto = node->env->crypto;
    link->head_len = 0;
    if (!crypto->open(crypto, &link->receive, link->head, RECORD_HEAD_SIZE, sealed, len, plain))
        link_close(node, link, VX6_BAD_SEAL);
    else
        take_record(node, link, plain, len - VX6_TAG_SIZE);
}

/* The record came in pieces: collect it in memory of exactly its size. */
static size_t take_piece(struct vx6_node *node, struct link *link, const uint8_t *data, size_t len)
{
    size_t sealed_len = load_u16(link->head);
    if (link->partial == NULL) {
        link->partial = env_alloc(node->env, sealed_len);
        link->partial_have = 0;
        if (link->partial == NULL) {
            link_close(node, link, VX6_NOMEM);
            return len;
        }
    }
    size_t missing = sealed_len - link->partial_have;
    size_t used = len < missing ? len : missing;
    memcpy(link->partial + link->partial_have, data, used);
    link->partial_have = (uint16_t)(link->partial_have + used);
    if (used < missing)
        return used;
    uint8_t *record = link->partial;
    link->partial = NULL;
    open_record(node, link, record, sealed_len, record);
    env_free(node->env, record, sealed_len);
    return used;
}

size_t link_take_records(struct vx6_node *node, struct link *link, const uint8_t *data, size_t len)
{
    size_t used = 0;
    while (link->head_len < RECORD_HEAD_SIZE && used < len)
        link->head[link->head_len++] = data[used++];
    if (link->head_len < RECORD_HEAD_SIZE)
        return used;
    size_t sealed_len = load_u16(link->head);
    if (sealed_len < RECORD_SEALED_MIN || sealed_len > RECORD_SEALED_MAX) {
        link_close(node, link, VX6_BAD_MESSAGE);
        return len;
    }
    if (used == len)
        return used;
    if (link->partial != NULL || len - used < sealed_len)
        return used + take_piece(node, link, data + used, len - used);
    uint8_t *scratch = env_scratch(node->env);
    if (scratch == NULL) {
        link_close(node, link, VX6_NOMEM);
        return len;
    }
    open_record(node, link, data + used, sealed_len, scratch);
    return used + sealed_len;
}
