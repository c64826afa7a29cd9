/* SPDX-License-Identifier: MIT */
/* Carriers to hostile peers: a true handshake, and then frames that follow a rough idea of what is
 * going on, so that they reach deep before one of them breaks a rule. For test_hostile.c. */
#ifndef VX6_HOSTILE_LANE_H
#define VX6_HOSTILE_LANE_H

#include "hostile.h"

static inline void lane_give(
    struct hostile *hostile, struct lane *lane, const uint8_t *data, size_t len)
{
    while (len > 0) {
        size_t part = chance(hostile, 300) ? 1 + pick(hostile, (uint32_t)len) : len;
        struct vx6_in in = {.kind = VX6_IN_LINK_BYTES, .id = lane->id, .data = data, .len = part};
        enum vx6_code code = vx6_node_input(hostile->solo.node, hostile->solo.now, &in);
        assert_true(code == VX6_OK || code == VX6_STALE);
        data += part;
        len -= part;
    }
}

/* ---- handshake ---- */

static inline void lane_begin(
    struct hostile *hostile, struct lane *lane, enum vx6_suite suite, uint8_t first_byte)
{
    const struct vx6_crypto *crypto = &hostile->solo.crypto;
    uint8_t prologue[11] = "vx6/link/1", seed[32];
    prologue[10] = first_byte;
    pick_bytes(hostile, seed, sizeof seed);
    crypto->handshake_init(crypto, &lane->noise, suite, lane->is_initiator, prologue, 11,
        lane->foe->keys.link_secret, seed);
}

static inline void lane_payload(
    struct hostile *hostile, struct lane *lane, uint8_t payload[LINK_PAYLOAD_SIZE])
{
    uint8_t record[VX6_RECORD_MAX];
    size_t len = foe_record(hostile, lane->foe, record);
    memset(payload, 0, LINK_PAYLOAD_SIZE);
    store_u16(payload, (uint16_t)len);
    memcpy(payload + 2, record, len);
    if (chance(hostile, lane->malice))
        mutate(hostile, payload, LINK_PAYLOAD_SIZE);
}

static inline void lane_send_handshake(struct hostile *hostile, struct lane *lane)
{
    const struct vx6_crypto *crypto = &hostile->solo.crypto;
    uint8_t payload[LINK_PAYLOAD_SIZE], message[LINK_MESSAGE_MAX];
    lane_payload(hostile, lane, payload);
    size_t len = crypto->handshake_write(crypto, &lane->noise, payload, sizeof payload, message);
    if (chance(hostile, lane->malice / 4))
        mutate(hostile, message, len);
    lane->step++;
    lane_give(hostile, lane, message, len);
}

static inline void lane_split(struct hostile *hostile, struct lane *lane)
{
    const struct vx6_crypto *crypto = &hostile->solo.crypto;
    uint8_t binding[32];
    crypto->handshake_split(crypto, &lane->noise, &lane->send, &lane->receive, binding);
    hostile->links_up++;
}

/* The foe dials: message 1 leaves at once. */
static inline void lane_start(struct hostile *hostile, struct lane *lane)
{
    const struct vx6_crypto *crypto = &hostile->solo.crypto;
    uint8_t message[LINK_MESSAGE_1_SIZE] = {1};
    message[0] = chance(hostile, lane->malice) ? (uint8_t)pick(hostile, 256) : 1;
    lane_begin(hostile, lane, VX6_SUITE_CHACHAPOLY, message[0]);
    (void)crypto->handshake_write(crypto, &lane->noise, NULL, 0, message + 1);
    lane->step = 1;
    lane_give(hostile, lane, message, sizeof message);
}

static inline enum vx6_suite suite_of(
    struct hostile *hostile, const struct lane *lane, uint8_t first)
{
    uint8_t input[42] = "vx6/mask/1", hash[32];
    memcpy(input + 10, lane->foe->keys.identity, 32);
    hostile->solo.crypto.sha256(&hostile->solo.crypto, hash, input, sizeof input);
    unsigned suite = first & 0x80 ? (first & 0x7f) ^ (hash[0] & 0x7f) : first & 3u;
    return suite == VX6_SUITE_AESGCM ? VX6_SUITE_AESGCM : VX6_SUITE_CHACHAPOLY;
}

/* Reads what the node sent of the handshake; returns bytes used. */
static inline size_t lane_take_handshake(struct hostile *hostile, struct lane *lane)
{
    static const uint16_t sizes[3] = {
        LINK_MESSAGE_1_SIZE, LINK_MESSAGE_2_SIZE, LINK_MESSAGE_3_SIZE};
    const struct vx6_crypto *crypto = &hostile->solo.crypto;
    uint8_t payload[LINK_PAYLOAD_SIZE];
    size_t size = sizes[lane->step];
    if (lane->is_initiator && lane->step == 0)
        return lane->len; /* it sent noise, and has no use for an answer */
    if (lane->len < size)
        return 0;
    const uint8_t *message = lane->bytes;
    if (lane->step == 0) {
        lane_begin(hostile, lane, suite_of(hostile, lane, message[0]), message[0]);
        message++;
    }
    if (!crypto->handshake_read(crypto, &lane->noise, message, size - (lane->step == 0), payload)) {
        lane->step = 4; /* nothing more is understood here */
        return lane->len;
    }
    lane->step++;
    if (lane->step < 3)
        lane_send_handshake(hostile, lane);
    if (lane->step == 3)
        lane_split(hostile, lane);
    return size;
}

/* ---- what the node says ---- */

static inline struct talk *talk_find(struct lane *lane, uint32_t path, uint32_t number)
{
    for (uint32_t i = 0; i < TALKS; i++) {
        struct talk *talk = &lane->talks[i];
        if (talk->used && talk->path == path && talk->number == number)
            return talk;
    }
    return NULL;
}

static inline struct talk *talk_new(
    struct hostile *hostile, struct lane *lane, uint32_t path, uint32_t number)
{
    struct talk *talk = &lane->talks[pick(hostile, TALKS)];
    *talk = (struct talk){.used = true, .path = path, .number = number, .window_told = 65536};
    return talk;
}

static inline void lane_hear(struct hostile *hostile, struct lane *lane, const struct vx6_msg *msg)
{
    struct talk *talk = talk_find(lane, msg->u.stream_reset.path, msg->u.stream_reset.stream);
    hostile->frames_heard++;
    if (msg->type == VX6_MSG_reach_ask) {
        lane->is_reach_asked = true;
    } else if (msg->type == VX6_MSG_session_open) {
        lane->node_path_last = msg->u.session_open.path;
        lane->is_asked = true;
    } else if (msg->type == VX6_MSG_find_services) {
        assert_false(lane->is_listed); /* VX6-SESS-027 */
        lane->is_listed = true;
        lane->list_number = msg->u.find_services.number;
    } else if (msg->type == VX6_MSG_services) {
        lane->is_listing = false;
    } else if (msg->type == VX6_MSG_stream_open) {
        talk = talk_new(hostile, lane, msg->u.stream_open.path, msg->u.stream_open.stream);
        talk->limit = msg->u.stream_open.window_end;
    } else if (talk && msg->type == VX6_MSG_stream_accept) {
        talk->accepted = true;
        talk->limit = msg->u.stream_accept.window_end;
    } else if (talk && msg->type == VX6_MSG_stream_ack) {
        assert_true(msg->u.stream_ack.window_end >= talk->limit);
        talk->limit = msg->u.stream_ack.window_end;
    } else if (talk && msg->type == VX6_MSG_stream_data) {
        assert_int_equal(msg->u.stream_data.offset, talk->received);
        talk->received += msg->u.stream_data.bytes.len + msg->u.stream_data.fin;
        assert_true(talk->received <= talk->window_told + 1);
    } else if (talk && msg->type == VX6_MSG_stream_reset) {
        talk->used = false;
    }
}

static inline size_t lane_take_record(struct hostile *hostile, struct lane *lane)
{
    const struct vx6_crypto *crypto = &hostile->solo.crypto;
    size_t len = lane->len < 2 ? 0 : load_u16(lane->bytes);
    uint8_t *plain = lane->bytes + 2;
    if (len == 0 || lane->len < 2 + len)
        return 0;
    bool opened = crypto->open(crypto, &lane->receive, lane->bytes, 2, plain, len, plain);
    assert_true(opened);
    bool rekey = false;
    for (size_t at = 0; at < len - VX6_TAG_SIZE;) {
        struct vx6_msg msg;
        size_t frame_len = load_u16(plain + at);
        assert_null(vx6_msg_decode(&msg, VX6_SCOPE_LINK, plain + at + 2, frame_len));
        rekey = msg.type == VX6_MSG_link_rekey;
        lane_hear(hostile, lane, &msg);
        at += 2 + frame_len;
    }
    if (rekey)
        crypto->rekey(crypto, &lane->receive);
    return 2 + len;
}

/* The node has filled the carrier. */
static inline void lane_take(
    struct hostile *hostile, struct lane *lane, const uint8_t *data, size_t len)
{
    if (lane->step > 3 || lane->len + len > LANE_BUFFER)
        return;
    memcpy(lane->bytes + lane->len, data, len);
    lane->len += len;
    size_t used;
    do {
        used =
            lane->step < 3 ? lane_take_handshake(hostile, lane) : lane_take_record(hostile, lane);
        lane->len -= used;
        memmove(lane->bytes, lane->bytes + used, lane->len);
    } while (used > 0 && lane->step <= 3);
}

/* ---- what the foe says ---- */

static inline uint32_t lane_path(struct hostile *hostile, const struct lane *lane)
{
    uint32_t back = 2 * pick(hostile, 3);
    uint32_t last = chance(hostile, 500) ? lane->path_last : lane->node_path_last;
    last = last ? last : lane->path_last + lane->node_path_last;
    if (chance(hostile, lane->malice))
        return 1 + pick(hostile, 12);
    return last > back ? last - back : (last ? last : 1);
}

static inline void make_open(struct hostile *hostile, struct lane *lane, struct vx6_msg *msg)
{
    static const char *const services[] = {"web", "web", "web", "db", "none"};
    const char *service = services[pick(hostile, 5)];
    uint32_t first = lane->is_initiator ? 1 : 2;
    lane->path_last = lane->path_last ? lane->path_last + 2 : first;
    lane->stream_last = 0;
    msg->type = VX6_MSG_session_open;
    msg->u.session_open = (struct vx6_session_open){.path = lane->path_last,
        .privacy = chance(hostile, lane->malice) ? 2 : 1,
        .service = {(const uint8_t *)service, strlen(service)}};
}

static inline void make_stream_frame(
    struct hostile *hostile, struct lane *lane, struct talk *talk, struct vx6_msg *msg)
{
    static const uint8_t bytes[32000];
    uint64_t room = talk->limit > talk->sent ? talk->limit - talk->sent : 0;
    uint32_t len = room < 32000 ? (uint32_t)room : 32000;
    switch (pick(hostile, 6)) {
    case 0:
        msg->type = VX6_MSG_stream_accept;
        msg->u.stream_accept =
            (struct vx6_stream_accept){talk->path, talk->number, talk->window_told};
        if ((talk->accepted || talk->is_own) && !chance(hostile, lane->malice))
            msg->type = VX6_MSG_NONE;
        talk->accepted = talk->accepted || !talk->is_own;
        return;
    case 1:
        if (!talk->accepted && !chance(hostile, lane->malice))
            return;
        talk->window_told += pick(hostile, 30000);
        msg->type = VX6_MSG_stream_ack;
        msg->u.stream_ack =
            (struct vx6_stream_ack){talk->path, talk->number, talk->received, talk->window_told};
        return;
    case 2:
        if (chance(hostile, 700))
            return;
        msg->type = VX6_MSG_stream_reset;
        msg->u.stream_reset =
            (struct vx6_stream_reset){talk->path, talk->number, (uint16_t)(1 + pick(hostile, 60))};
        talk->used = chance(hostile, 500);
        return;
    default:
        len = pick(hostile, 3) == 0 ? len : pick(hostile, len + 1);
        msg->type = VX6_MSG_stream_data;
        msg->u.stream_data = (struct vx6_stream_data){.path = talk->path,
            .stream = talk->number,
            .offset = talk->sent - pick(hostile, talk->sent < 100 ? 1 : 100),
            .fin = chance(hostile, 50),
            .bytes = {bytes, len}};
        if (len == 0 && msg->u.stream_data.fin == 0)
            msg->type = VX6_MSG_NONE;
        if ((!talk->accepted || talk->ended) && !chance(hostile, lane->malice))
            msg->type = VX6_MSG_NONE;
        if (msg->type == VX6_MSG_NONE)
            return;
        if (msg->u.stream_data.fin)
            msg->u.stream_data.offset = talk->sent;
        if (msg->u.stream_data.offset + len > talk->sent)
            talk->sent = msg->u.stream_data.offset + len;
        talk->ended = talk->ended || msg->u.stream_data.fin;
        return;
    }
}

/* Asks which services there are, or answers. */
static inline void make_listing_frame(
    struct hostile *hostile, struct lane *lane, struct vx6_msg *msg)
{
    static const char *const names[] = {"web", "db", "none"};
    bool is_wrong = chance(hostile, lane->malice);
    if (chance(hostile, 500) && (!lane->is_listing || is_wrong)) {
        lane->is_listing = true;
        msg->type = VX6_MSG_find_services;
        msg->u.find_services.number = pick(hostile, 4);
    } else if (lane->is_listed || is_wrong) {
        msg->type = VX6_MSG_services;
        msg->u.services = (struct vx6_services){.number = lane->list_number,
            .code = (uint16_t)(chance(hostile, 800) ? 0 : pick(hostile, 60)),
            .offers = {.bytes = {lane->offers, 0}}};
        for (uint32_t i = pick(hostile, 3); i < 3 && msg->u.services.code == 0; i++) {
            const char *name = is_wrong ? names[pick(hostile, 3)] : names[2 - i];
            struct vx6_offer offer = {.name = {(const uint8_t *)name, strlen(name)},
                .use = (uint8_t)(1 + pick(hostile, 4))};
            bool pushed =
                vx6_push_offer(&msg->u.services.offers, lane->offers, sizeof lane->offers, &offer);
            assert_true(pushed);
        }
        lane->is_listed = false;
    }
}

/* Asks to be dialled, or says that it has dialled, which is true of what it happened to dial. */
static inline void make_reach_frame(
    struct hostile *hostile, struct lane *lane, struct vx6_msg *msg, uint8_t record[VX6_RECORD_MAX])
{
    if (chance(hostile, 500) && !lane->is_reach_asked && !chance(hostile, lane->malice))
        return;
    if (lane->is_reach_asked && chance(hostile, 500)) {
        msg->type = VX6_MSG_reach_answer;
        msg->u.reach_answer.code = chance(hostile, 300) ? VX6_OK : (uint16_t)pick(hostile, 60);
        lane->is_reach_asked = false;
        return;
    }
    msg->type = VX6_MSG_reach_ask;
    msg->u.reach_ask = (struct vx6_reach_ask){.endpoint = (uint8_t)pick(hostile, 3),
        .record = {record, foe_record(hostile, lane->foe, record)}};
}

/* NONE: it has nothing to say after all. */
static inline void make_frame(
    struct hostile *hostile, struct lane *lane, struct vx6_msg *msg, uint8_t record[VX6_RECORD_MAX])
{
    struct talk *talk = &lane->talks[pick(hostile, TALKS)];
    *msg = (struct vx6_msg){.type = VX6_MSG_NONE};
    uint32_t draw = pick(hostile, 100);
    if (!lane->hello_sent) {
        msg->type = VX6_MSG_link_hello;
        lane->hello_sent = true;
    } else if (draw < 60) {
        if (talk->used)
            make_stream_frame(hostile, lane, talk, msg);
    } else if (draw < 66) {
        make_open(hostile, lane, msg);
    } else if (draw < 78) {
        msg->type = VX6_MSG_session_opened;
        msg->u.session_opened.path = lane->node_path_last;
        if (lane->node_path_last == 0 || (!lane->is_asked && !chance(hostile, lane->malice)))
            msg->type = VX6_MSG_NONE;
        lane->is_asked = false;
    } else if (draw < 92 && lane->path_last > 0) {
        msg->type = VX6_MSG_stream_open;
        msg->u.stream_open =
            (struct vx6_stream_open){lane->path_last, ++lane->stream_last, pick(hostile, 100000)};
        talk_new(hostile, lane, lane->path_last, lane->stream_last)->is_own = true;
    } else if (draw < 94 && lane->path_last + lane->node_path_last > 0) {
        msg->type = VX6_MSG_session_close;
        msg->u.session_close =
            (struct vx6_session_close){lane_path(hostile, lane), (uint16_t)(1 + pick(hostile, 60))};
    } else if (draw < 96) {
        make_listing_frame(hostile, lane, msg);
        if (msg->type == VX6_MSG_NONE)
            make_reach_frame(hostile, lane, msg, record);
    } else if (draw < 98) {
        msg->type = chance(hostile, 500) ? VX6_MSG_link_probe : VX6_MSG_link_rekey;
    } else if (chance(hostile, lane->malice)) {
        msg->type = VX6_MSG_link_close;
        msg->u.link_close.code = (uint16_t)pick(hostile, 60);
    }
}

/* Any bytes that the codec takes for a frame, with numbers that may exist. */
static inline size_t arbitrary_frame(struct hostile *hostile, struct lane *lane, uint8_t *dst)
{
    const struct schema_layout *layout = NULL;
    while (layout == NULL)
        layout = schema_message(VX6_MSG_link_hello + pick(hostile, 0x18));
    arbitrary_message(&hostile->any, layout);
    if (hostile->any.len >= 9 && hostile->any.data[0] >= VX6_MSG_session_open) {
        store_u32(hostile->any.data + 1, lane_path(hostile, lane));
        if (hostile->any.data[0] >= VX6_MSG_stream_open)
            store_u32(hostile->any.data + 5, 1 + pick(hostile, 4));
    }
    memcpy(dst, hostile->any.data, hostile->any.len);
    return hostile->any.len;
}

/* One record with one frame, or a few. */
static inline void lane_say(struct hostile *hostile, struct lane *lane)
{
    static uint8_t record[RECORD_SEALED_MAX + 64];
    const struct vx6_crypto *crypto = &hostile->solo.crypto;
    uint8_t *plain = record + 2;
    size_t len = 0;
    bool rekey = false;
    for (uint32_t frames = 1 + pick(hostile, 3); frames > 0 && len == 0; frames--) {
        struct vx6_msg msg;
        uint8_t node_record[VX6_RECORD_MAX];
        make_frame(hostile, lane, &msg, node_record);
        size_t frame_len = 0;
        if (chance(hostile, lane->malice / 4))
            frame_len = arbitrary_frame(hostile, lane, plain + 2);
        else if (msg.type != VX6_MSG_NONE)
            frame_len = vx6_msg_encode(&msg, plain + 2, VX6_FRAME_MAX);
        if (frame_len == 0)
            continue;
        rekey = msg.type == VX6_MSG_link_rekey;
        store_u16(plain, (uint16_t)frame_len);
        len = 2 + frame_len;
    }
    if (len == 0)
        return;
    if (chance(hostile, lane->malice / 8))
        mutate(hostile, plain, len);
    store_u16(record, (uint16_t)(len + VX6_TAG_SIZE));
    crypto->seal(crypto, &lane->send, record, 2, plain, len, plain);
    if (rekey)
        crypto->rekey(crypto, &lane->send);
    len += 2 + VX6_TAG_SIZE;
    if (chance(hostile, lane->malice / 8))
        mutate(hostile, record, len);
    lane_give(hostile, lane, record, len);
}

#endif
