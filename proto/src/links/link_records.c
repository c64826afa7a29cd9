/* SPDX-License-Identifier: MIT */
/* The records of a link over a byte stream: u16 length, which is authenticated, and so many sealed
 * bytes; inside are frames. Writing seals in the driver's buffer, reading opens into the env's
 * scratch, so that bytes are copied only where a record came in pieces.
 * Spec: spec/links.md, "Records". */
#include "link_internal.h"

/* ---- sending ---- */

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
    size_t len = link_put_own_frames(node, link, plain, room);
    if (link->state == LINK_UP && room >= OWN_FRAMES_MAX + FRAME_HEAD_SIZE + VX6_FRAME_MAX) {
        size_t above = session_fill(node, link, plain + len, room - OWN_FRAMES_MAX);
        VX6_ASSERT(above <= room - OWN_FRAMES_MAX);
        link_trace_frames(node, link, plain + len, above);
        len += above;
    }
    if (len == 0)
        return 0;
    bool rekey = !closing && key_is_old(node, link);
    if (rekey) {
        struct vx6_msg msg = {.type = VX6_MSG_link_rekey};
        len += link_put_frame(node, link, plain + len, room - len, &msg);
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
bool link_fill_records(struct vx6_node *node, struct link *link, struct vx6_batch *batch)
{
    VX6_ASSERT(batch->cap >= VX6_FILL_MIN);
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

static bool takes_records(const struct link *link)
{
    return link->state == LINK_CONFIRMING || link->state == LINK_UP;
}

/* VX6-LINK-011: takes the first frame off a record. */
static size_t take_first_frame(
    struct vx6_node *node, struct link *link, const uint8_t *plain, size_t len)
{
    size_t frame_len = len >= FRAME_HEAD_SIZE ? load_u16(plain) : 0;
    if (frame_len == 0 || frame_len > len - FRAME_HEAD_SIZE) {
        link_refuse(node, link, VX6_MSG_NONE, len, VX6_BAD_MESSAGE);
        return len;
    }
    size_t used = FRAME_HEAD_SIZE + frame_len;
    link_take_frame(node, link, plain + FRAME_HEAD_SIZE, frame_len, used == len);
    return used;
}

static void take_record(struct vx6_node *node, struct link *link, const uint8_t *plain, size_t len)
{
    link_heard(node, link);
    while (len > 0 && takes_records(link)) {
        size_t used = take_first_frame(node, link, plain, len);
        plain += used;
        len -= used;
    }
}

/* VX6-LINK-009: bytes that do not authenticate end the link. A record that came in pieces is opened
 * where it lies. */
static void open_record(struct vx6_node *node, struct link *link, const struct unit *unit)
{
    const struct vx6_crypto *crypto = node->env->crypto;
    uint8_t *plain = unit->owned ? unit->owned : env_scratch(node->env);
    if (plain == NULL)
        link_close(node, link, VX6_NOMEM);
    else if (!crypto->open(crypto, &link->receive, link->head, RECORD_HEAD_SIZE, unit->data,
                 unit->len, plain))
        link_refuse(node, link, VX6_MSG_NONE, unit->len, VX6_BAD_SEAL);
    else
        take_record(node, link, plain, unit->len - VX6_TAG_SIZE);
}

size_t link_take_records(struct vx6_node *node, struct link *link, const uint8_t *data, size_t len)
{
    struct unit unit;
    size_t used = link_collect(node, link, data, len, RECORD_SEALED_MIN, RECORD_SEALED_MAX, &unit);
    if (unit.data)
        open_record(node, link, &unit);
    link_unit_free(node, &unit);
    return used;
}
