/* SPDX-License-Identifier: MIT */
/* The frames of a link: u16 length and message. What the link itself has to say, what becomes of
 * each message that comes, and how bytes that come in pieces are collected.
 * Spec: spec/links.md, "Records". */
#include "link_internal.h"

enum {
    REACH_ASK_ROOM = FRAME_HEAD_SIZE + 1 + 2 + VX6_RECORD_MAX + 1
};

/* ---- sending ---- */

size_t link_put_frame(
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
        msg.u.link_hello.time_s = clock_stated_s(node);
    memcpy(msg.u.link_hello.ip, link->addr.ip, sizeof link->addr.ip);
    msg.u.link_hello.port = link->addr.port;
    return msg;
}

static size_t put_plain(
    struct vx6_node *node, struct link *link, uint8_t *dst, size_t cap, enum vx6_msg_type type)
{
    struct vx6_msg msg = {.type = type};
    return link_put_frame(node, link, dst, cap, &msg);
}

/* The same for one that carries the own record; without memory for that, there is no frame: the
 * peer refuses what comes instead, or an ask times out. */
static size_t put_record(struct vx6_node *node, struct link *link, uint8_t *dst, size_t cap,
    vx6_span record, const struct vx6_msg *msg)
{
    return record.len > 0 ? link_put_frame(node, link, dst, cap, msg) : 0;
}

size_t link_put_own_frames(struct vx6_node *node, struct link *link, uint8_t *dst, size_t cap)
{
    size_t len = 0;
    struct vx6_msg msg;
    if (link->owed & OWED_CLOSE) {
        msg = (struct vx6_msg){.type = VX6_MSG_link_close, .u.link_close.code = link->close_code};
        return link_put_frame(node, link, dst, cap, &msg);
    }
    if (link->owed & OWED_RECORD) {
        msg = (struct vx6_msg){
            .type = VX6_MSG_link_record, .u.link_record.record = publish_record(node)};
        len += put_record(node, link, dst + len, cap - len, msg.u.link_record.record, &msg);
    }
    if (link->owed & OWED_HELLO) {
        msg = make_hello(node, link);
        len += link_put_frame(node, link, dst + len, cap - len, &msg);
    }
    if (link->owed & OWED_PROBE)
        len += put_plain(node, link, dst + len, cap - len, VX6_MSG_link_probe);
    if (link->owed & OWED_ALIVE)
        len += put_plain(node, link, dst + len, cap - len, VX6_MSG_link_alive);
    if (link->owed & OWED_REACH_ANSWER) {
        msg =
            (struct vx6_msg){.type = VX6_MSG_reach_answer, .u.reach_answer.code = link->reach_code};
        len += link_put_frame(node, link, dst + len, cap - len, &msg);
    }
    bool has_room = cap - len >= REACH_ASK_ROOM;
    if ((link->owed & OWED_REACH_ASK) && has_room) {
        msg = reach_ask_frame(node, link);
        link->is_reach_sent = msg.u.reach_ask.record.len > 0;
        len += put_record(node, link, dst + len, cap - len, msg.u.reach_ask.record, &msg);
    }
    link->owed = has_room ? 0 : link->owed & OWED_REACH_ASK; /* the next buffer has room */
    return len;
}

void link_trace_frames(
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

/* ---- receiving ---- */

static enum vx6_code take_hello(
    struct vx6_node *node, struct link *link, const struct vx6_link_hello *hello)
{
    if (link->peer_hello)
        return VX6_UNEXPECTED;
    if (!link->initiator && hello->time_s != 0)
        return VX6_BAD_MESSAGE;
    link->peer_hello = true;
    clock_heard(node, link->peer_key, &link->addr, hello->time_s);
    return VX6_OK;
}

/* VX6-LINK-013 */
static enum vx6_code take_rekey(struct vx6_node *node, struct link *link, bool is_last)
{
    if (!is_last || link->channels)
        return VX6_UNEXPECTED;
    node->env->crypto->rekey(node->env->crypto, &link->receive);
    return VX6_OK;
}

/* VX6-LINK-010, VX6-LINK-012, VX6-LINK-014, VX6-LINK-022, VX6-LINK-023 */
static enum vx6_code take_message(
    struct vx6_node *node, struct link *link, const struct vx6_msg *msg, bool is_last)
{
    if (msg->type == VX6_MSG_link_close) {
        link_finish(node, link, (enum vx6_code)msg->u.link_close.code);
        return VX6_OK;
    }
    if (msg->type == VX6_MSG_link_record || link->record == NULL) {
        if (msg->type != VX6_MSG_link_record || link->record != NULL)
            return VX6_UNEXPECTED;
        return channels_take_record(node, link, msg->u.link_record.record);
    }
    if (msg->type == VX6_MSG_link_hello) {
        enum vx6_code code = take_hello(node, link, &msg->u.link_hello);
        if (code == VX6_OK && link->state == LINK_CONFIRMING)
            link_established(node, link);
        return code;
    }
    if (!link->peer_hello)
        return VX6_UNEXPECTED;
    if (msg->type == VX6_MSG_link_rekey)
        return take_rekey(node, link, is_last);
    if (msg->type == VX6_MSG_link_probe) {
        link->owed |= OWED_ALIVE;
        link_post_write(node, link);
        return VX6_OK;
    }
    if (msg->type == VX6_MSG_link_alive) {
        link_answered(link);
        return VX6_OK;
    }
    if (msg->type == VX6_MSG_reach_ask || msg->type == VX6_MSG_reach_answer)
        return reach_frame(node, link, msg);
    if (link->channels && msg->type == VX6_MSG_stream_data)
        return VX6_UNEXPECTED;
    return session_frame(node, link, msg);
}

void link_take_frame(
    struct vx6_node *node, struct link *link, const uint8_t *frame, size_t len, bool is_last)
{
    struct vx6_msg msg;
    enum vx6_code code = VX6_BAD_MESSAGE;
    if (len > 0 && vx6_msg_decode(&msg, VX6_SCOPE_LINK, frame, len) == NULL) {
        trace(node, VX6_EVENT_frame_received, &link->addr, (uint8_t)msg.type, len, VX6_OK);
        code = take_message(node, link, &msg, is_last);
    }
    if (code != VX6_OK)
        link_refuse(node, link, claimed_type((vx6_span){frame, len}), len, code);
}

/* ---- collecting ---- */

/* It came in pieces: collect it in memory of exactly its size. */
static size_t take_piece(struct vx6_node *node, struct link *link, const uint8_t *data, size_t len,
    size_t size, struct unit *unit)
{
    if (link->partial == NULL) {
        link->partial = env_alloc(node->env, size);
        link->partial_have = 0;
        if (link->partial == NULL) {
            link_close(node, link, VX6_NOMEM);
            return len;
        }
    }
    size_t missing = size - link->partial_have;
    size_t used = len < missing ? len : missing;
    memcpy(link->partial + link->partial_have, data, used);
    link->partial_have = (uint16_t)(link->partial_have + used);
    if (used == missing) {
        *unit = (struct unit){link->partial, link->partial, size};
        link->partial = NULL;
        link->head_len = 0;
    }
    return used;
}

/* VX6-LINK-008, VX6-LINK-024 */
size_t link_collect(struct vx6_node *node, struct link *link, const uint8_t *data, size_t len,
    size_t min, size_t max, struct unit *unit)
{
    *unit = (struct unit){0};
    size_t used = 0;
    while (link->head_len < RECORD_HEAD_SIZE && used < len)
        link->head[link->head_len++] = data[used++];
    if (link->head_len < RECORD_HEAD_SIZE)
        return used;
    size_t size = load_u16(link->head);
    if (size < min || size > max) {
        link_refuse(node, link, VX6_MSG_NONE, size, VX6_BAD_MESSAGE);
        return len;
    }
    if (used == len)
        return used;
    if (link->partial != NULL || len - used < size)
        return used + take_piece(node, link, data + used, len - used, size, unit);
    *unit = (struct unit){NULL, data + used, size};
    link->head_len = 0;
    return used + size;
}

void link_unit_free(struct vx6_node *node, struct unit *unit)
{
    if (unit->owned)
        env_free(node->env, unit->owned, unit->len);
}
