/* SPDX-License-Identifier: MIT */
/* A link over a carrier that is secure by itself and carries channels: frames as they are, channel
 * 0 for all but data, the others for data alone. A frame of data is taken piece by piece as it
 * comes, so that all that is ever kept of it here is its head.
 * Spec: spec/links.md, "Carriers with channels". */
#include "link_internal.h"

enum {
    DATA_HEAD_SIZE = FRAME_HEAD_SIZE + STREAM_DATA_HEADER
};

/* A frame of data that has come in part. */
struct lane {
    uint8_t head[DATA_HEAD_SIZE];
    uint8_t head_len;
    uint16_t body_have;
};

/* ---- beginning ---- */

/* VX6-LINK-020, VX6-LINK-023 */
void channels_start(struct vx6_node *node, struct link *link, const struct vx6_in *in)
{
    link->channels = true;
    memcpy(link->binding, in->data, sizeof link->binding);
    if (link->initiator) {
        enum vx6_code code = VX6_OK;
        if (bytes_equal(in->key, node->keys.identity, sizeof in->key))
            code = VX6_SELF;
        else if (link->pinned && !bytes_equal(in->key, link->peer_key, sizeof in->key))
            code = VX6_KEY_MISMATCH;
        if (code != VX6_OK) {
            link_finish(node, link, code);
            return;
        }
        link->state = LINK_CONFIRMING;
        link->owed = OWED_RECORD | OWED_HELLO;
        link_post_write(node, link);
    }
    memcpy(link->peer_key, in->key, sizeof link->peer_key);
}

enum vx6_code channels_take_record(struct vx6_node *node, struct link *link, vx6_span record)
{
    enum vx6_code code = peer_record_take(node, link, record, NULL);
    if (code != VX6_OK || link->initiator)
        return code;
    link->owed = OWED_RECORD | OWED_HELLO;
    link_established(node, link);
    return VX6_OK;
}

/* ---- sending ---- */

/* VX6-LINK-021: whole frames of one channel. */
bool channels_fill(struct vx6_node *node, struct link *link, struct vx6_batch *batch)
{
    VX6_ASSERT(batch->cap >= VX6_FILL_CHANNEL_MIN);
    if (link->state == LINK_CLOSED)
        return false;
    bool closing = link->owed & OWED_CLOSE;
    batch->len = link_put_own_frames(node, link, batch->dst, batch->cap);
    if (batch->len == 0 && link->state == LINK_UP) {
        batch->len = session_fill_channel(node, link, batch->dst, batch->cap, &batch->channel);
        VX6_ASSERT(batch->len <= batch->cap && batch->channel < VX6_CHANNEL_COUNT);
        link_trace_frames(node, link, batch->dst, batch->len);
    }
    if (closing)
        link_finish(node, link, (enum vx6_code)link->close_code);
    batch->segment_len = batch->len;
    return batch->len > 0;
}

/* ---- receiving ---- */

static bool takes_frames(const struct link *link)
{
    return link->state == LINK_HANDSHAKE || link->state == LINK_CONFIRMING ||
           link->state == LINK_UP;
}

static void take_control(struct vx6_node *node, struct link *link, const uint8_t *data, size_t len)
{
    while (len > 0 && takes_frames(link)) {
        struct unit unit;
        size_t used = link_collect(node, link, data, len, 1, VX6_FRAME_MAX, &unit);
        if (unit.data)
            link_take_frame(node, link, unit.data, unit.len, false);
        link_unit_free(node, &unit);
        data += used;
        len -= used;
    }
}

/* The head is whole: is it that of a frame of data? */
static enum vx6_code check_head(struct vx6_node *node, struct link *link, const struct lane *lane)
{
    size_t len = load_u16(lane->head);
    struct vx6_msg msg;
    if (len < STREAM_DATA_HEADER || len > STREAM_DATA_HEADER + STREAM_DATA_MAX)
        return VX6_BAD_MESSAGE;
    if (lane->head[FRAME_HEAD_SIZE] != VX6_MSG_stream_data)
        return VX6_UNEXPECTED;
    if (vx6_msg_decode(&msg, VX6_SCOPE_LINK, lane->head + FRAME_HEAD_SIZE, STREAM_DATA_HEADER))
        return VX6_BAD_MESSAGE;
    trace(node, VX6_EVENT_frame_received, &link->addr, VX6_MSG_stream_data, len, VX6_OK);
    return VX6_OK;
}

/* Hands on what has come of a frame whose head is whole; its `fin` goes with the last piece. */
static enum vx6_code take_body(
    struct vx6_node *node, struct link *link, struct lane *lane, const uint8_t *data, size_t len)
{
    struct vx6_msg msg;
    const char *reason =
        vx6_msg_decode(&msg, VX6_SCOPE_LINK, lane->head + FRAME_HEAD_SIZE, STREAM_DATA_HEADER);
    VX6_ASSERT(reason == NULL);
    struct vx6_stream_data *piece = &msg.u.stream_data;
    bool is_last = STREAM_DATA_HEADER + lane->body_have + len == load_u16(lane->head);
    piece->offset += lane->body_have;
    piece->bytes = (vx6_span){data, len};
    piece->fin = piece->fin && is_last;
    lane->body_have = (uint16_t)(lane->body_have + len);
    if (is_last)
        *lane = (struct lane){0};
    return session_frame(node, link, &msg);
}

/* Consumes at least one byte. */
static enum vx6_code take_data(struct vx6_node *node, struct link *link, struct lane *lane,
    const uint8_t *data, size_t len, size_t *used)
{
    size_t missing = (size_t)(DATA_HEAD_SIZE - lane->head_len);
    *used = len < missing ? len : missing;
    memcpy(lane->head + lane->head_len, data, *used);
    lane->head_len = (uint8_t)(lane->head_len + *used);
    if (lane->head_len < DATA_HEAD_SIZE)
        return VX6_OK;
    if (missing > 0) {
        enum vx6_code code = check_head(node, link, lane);
        if (code != VX6_OK)
            return code;
    }
    size_t left = load_u16(lane->head) - STREAM_DATA_HEADER - (size_t)lane->body_have;
    size_t piece = len - *used < left ? len - *used : left;
    if (piece == 0 && left > 0)
        return VX6_OK;
    const uint8_t *body = data + *used;
    *used += piece;
    return take_body(node, link, lane, body, piece);
}

/* What is left of a lane is kept until more comes; false: no memory. */
static bool keep(struct vx6_node *node, struct link *link, uint32_t channel, struct lane *kept,
    const struct lane *lane)
{
    if (lane->head_len == 0) {
        if (kept) {
            idmap_remove(node->env, &link->lanes, channel);
            env_free(node->env, kept, sizeof *kept);
        }
        return true;
    }
    if (kept == NULL) {
        kept = env_alloc(node->env, sizeof *kept);
        if (kept == NULL)
            return false;
        if (!idmap_add(node->env, &link->lanes, channel, kept)) {
            env_free(node->env, kept, sizeof *kept);
            return false;
        }
    }
    *kept = *lane;
    return true;
}

/* VX6-LINK-022, VX6-LINK-024 */
static void take_lane(struct vx6_node *node, struct link *link, const struct vx6_in *in)
{
    struct lane *kept = idmap_find(&link->lanes, in->channel);
    struct lane lane = kept ? *kept : (struct lane){0};
    const uint8_t *data = in->data;
    for (size_t len = in->len, used = 0; len > 0; data += used, len -= used) {
        enum vx6_code code = VX6_UNEXPECTED;
        if (link->state == LINK_UP)
            code = take_data(node, link, &lane, data, len, &used);
        if (code != VX6_OK)
            link_refuse(node, link, VX6_MSG_stream_data, len, code);
        if (!takes_frames(link))
            return;
    }
    if (!keep(node, link, in->channel, kept, &lane))
        link_close(node, link, VX6_NOMEM);
}

void channels_take(struct vx6_node *node, struct link *link, const struct vx6_in *in)
{
    if (!takes_frames(link))
        return;
    link_heard(node, link);
    if (in->channel == 0)
        take_control(node, link, in->data, in->len);
    else
        take_lane(node, link, in);
}

void channels_free(struct vx6_node *node, struct link *link)
{
    while (link->lanes.count > 0) {
        struct idmap_item last = link->lanes.items[link->lanes.count - 1];
        idmap_remove(node->env, &link->lanes, last.id);
        env_free(node->env, last.object, sizeof(struct lane));
    }
}
