/* SPDX-License-Identifier: MIT */
/* The peers on the stage: handshakes, sealed records, sealed queries. What the node says to them is
 * checked: it opens, and decodes. */
#include "stage.h"

/* ---- lanes ---- */

struct lane *lane_new(struct stage *stage, vx6_id id, struct stage_peer *peer)
{
    struct lane *lane = stage->lanes;
    while (lane->is_alive)
        VX6_ASSERT(++lane < stage->lanes + STAGE_LANES);
    *lane = (struct lane){.id = id, .is_alive = true, .peer = peer};
    return lane;
}

void lane_clear(struct stage *stage, struct lane *lane)
{
    lane->is_alive = false;
    stage->crypto.cipher_clear(&stage->crypto, &lane->send);
    stage->crypto.cipher_clear(&stage->crypto, &lane->receive);
}

struct lane *lane_pick(struct stage *stage)
{
    uint8_t choice = tape_u8(&stage->tape);
    for (uint32_t i = 0; i < STAGE_LANES; i++) {
        struct lane *lane = &stage->lanes[(choice + i) % STAGE_LANES];
        if (lane->is_alive)
            return lane;
    }
    return NULL;
}

void lane_give(
    struct stage *stage, struct lane *lane, uint8_t channel, const uint8_t *data, size_t len)
{
    if (len > 0)
        stage->carrier.bytes(stage, lane, channel, data, len);
}

void stage_tap(
    struct stage *stage, enum stage_point point, struct lane *lane, struct buffer *buffer)
{
    if (stage->hooks.tap)
        stage->hooks.tap(stage, point, lane, buffer);
    VX6_ASSERT(buffer->len <= buffer->cap);
}

/* ---- handshake ---- */

void lane_payload(const struct stage_peer *peer, uint8_t payload[LINK_PAYLOAD_SIZE])
{
    memset(payload, 0, LINK_PAYLOAD_SIZE);
    store_u16(payload, (uint16_t)peer->record_len);
    memcpy(payload + 2, peer->record, peer->record_len);
}

void lane_begin_noise(
    struct stage *stage, struct lane *lane, enum vx6_suite suite, uint8_t first_byte)
{
    uint8_t prologue[11] = "vx6/link/1", seed[32] = {(uint8_t)lane->id.bits, 77};
    prologue[10] = first_byte;
    stage->crypto.handshake_init(&stage->crypto, &lane->noise, suite, lane->is_initiator, prologue,
        sizeof prologue, lane->peer->keys.link_secret, seed);
}

enum vx6_suite lane_suite(const struct stage *stage, const struct lane *lane, uint8_t first)
{
    uint8_t input[42] = "vx6/mask/1", hash[32];
    memcpy(input + 10, lane->peer->keys.identity, 32);
    stage->crypto.sha256(&stage->crypto, hash, input, sizeof input);
    unsigned suite = first & 0x80 ? (first & 0x7fu) ^ (hash[0] & 0x7fu) : first & 3u;
    return suite == VX6_SUITE_AESGCM ? VX6_SUITE_AESGCM : VX6_SUITE_CHACHAPOLY;
}

void lane_split(struct stage *stage, struct lane *lane)
{
    uint8_t binding[VX6_BINDING_SIZE];
    stage->crypto.handshake_split(
        &stage->crypto, &lane->noise, &lane->send, &lane->receive, binding);
    stage->crypto.handshake_clear(&stage->crypto, &lane->noise);
}

void lane_say_hello(struct stage *stage, struct lane *lane)
{
    uint8_t frame[64];
    struct vx6_msg hello = {.type = VX6_MSG_link_hello};
    lane_say_frame(stage, lane, 0, (vx6_span){frame, vx6_msg_encode(&hello, frame, sizeof frame)});
}

static void send_handshake(struct stage *stage, struct lane *lane)
{
    uint8_t payload[LINK_PAYLOAD_SIZE], message[LINK_MESSAGE_MAX];
    lane_payload(lane->peer, payload);
    struct buffer said = {payload, sizeof payload, sizeof payload};
    stage_tap(stage, SAID_HANDSHAKE, lane, &said);
    struct buffer sent = {message, 0, sizeof message};
    sent.len = stage->crypto.handshake_write(
        &stage->crypto, &lane->noise, payload, sizeof payload, message);
    lane->step++;
    stage_tap(stage, SENT_HANDSHAKE, lane, &sent);
    lane_give(stage, lane, 0, message, sent.len);
}

static void start_noise(struct stage *stage, struct lane *lane)
{
    uint8_t message[LINK_MESSAGE_1_SIZE] = {VX6_SUITE_CHACHAPOLY};
    lane_begin_noise(stage, lane, VX6_SUITE_CHACHAPOLY, message[0]);
    stage->crypto.handshake_write(&stage->crypto, &lane->noise, NULL, 0, message + 1);
    lane->step = 1;
    struct buffer sent = {message, sizeof message, sizeof message};
    stage_tap(stage, SENT_HANDSHAKE, lane, &sent);
    lane_give(stage, lane, 0, message, sent.len);
}

/* Where the carrier is secure by itself, the record comes first. */
static void show_record(struct stage *stage, struct lane *lane)
{
    uint8_t frame[VX6_RECORD_MAX + 8];
    struct vx6_msg msg = {.type = VX6_MSG_link_record};
    msg.u.link_record.record = (vx6_span){lane->peer->record, lane->peer->record_len};
    lane->step = LANE_KEYED;
    lane_say_frame(stage, lane, 0, (vx6_span){frame, vx6_msg_encode(&msg, frame, sizeof frame)});
    lane_say_hello(stage, lane);
}

static void prove_identity(const struct lane *lane, struct vx6_in *in)
{
    static const uint8_t binding[VX6_BINDING_SIZE] = {5};
    if (!lane->has_channels)
        return;
    memcpy(in->key, lane->peer->keys.identity, sizeof in->key);
    in->data = binding;
    in->len = sizeof binding;
}

struct lane *lane_accept(struct stage *stage, struct stage_peer *peer, bool has_channels)
{
    struct lane accepted = {.peer = peer, .has_channels = has_channels};
    struct vx6_in in = {.kind = VX6_IN_LINK_ACCEPTED, .peer = peer->addr};
    prove_identity(&accepted, &in);
    if (stage_input(stage, &in) != VX6_OK)
        return NULL;
    struct lane *lane = lane_new(stage, in.id, peer);
    lane->has_channels = has_channels;
    lane->is_initiator = true;
    return lane;
}

void lane_start(struct stage *stage, struct lane *lane)
{
    if (lane->has_channels)
        show_record(stage, lane);
    else
        start_noise(stage, lane);
}

void lane_up(struct stage *stage, struct lane *lane, bool has_channels)
{
    struct vx6_in in = {.kind = VX6_IN_LINK_UP, .id = lane->id};
    lane->has_channels = has_channels;
    lane->is_dialling = false;
    prove_identity(lane, &in);
    VX6_ASSERT(stage_input(stage, &in) != VX6_INVALID);
    if (has_channels)
        show_record(stage, lane);
}

void lane_down(struct stage *stage, struct lane *lane)
{
    struct vx6_in in = {.kind = VX6_IN_LINK_DOWN, .id = lane->id, .code = VX6_UNREACHABLE};
    lane->is_dialling = false;
    VX6_ASSERT(stage_input(stage, &in) != VX6_INVALID);
}

/* Returns bytes used. */
static size_t hear_handshake(struct stage *stage, struct lane *lane, vx6_span bytes)
{
    static const uint16_t sizes[LANE_KEYED] = {
        LINK_MESSAGE_1_SIZE, LINK_MESSAGE_2_SIZE, LINK_MESSAGE_3_SIZE};
    uint8_t payload[LINK_PAYLOAD_SIZE];
    const uint8_t *message = bytes.data;
    size_t size = sizes[lane->step], head = lane->step == 0;
    VX6_ASSERT(bytes.len >= size);
    if (lane->step == 0)
        lane_begin_noise(stage, lane, lane_suite(stage, lane, message[0]), message[0]);
    if (!stage->crypto.handshake_read(
            &stage->crypto, &lane->noise, message + head, size - head, payload)) {
        lane->step = LANE_DEAF;
        return bytes.len;
    }
    if (++lane->step < LANE_KEYED)
        send_handshake(stage, lane);
    if (lane->step == LANE_KEYED) {
        lane_split(stage, lane);
        lane_say_hello(stage, lane);
    }
    return size;
}

/* ---- frames ---- */

static bool ends_in_rekey(vx6_span frames)
{
    return frames.len >= 3 && load_u16(frames.data + frames.len - 3) == 1 &&
           frames.data[frames.len - 1] == VX6_MSG_link_rekey;
}

static void hear_frames(struct stage *stage, struct lane *lane, vx6_span frames)
{
    for (size_t at = 0; at < frames.len;) {
        struct vx6_msg msg;
        size_t len = load_u16(frames.data + at);
        VX6_ASSERT(len <= frames.len - at - FRAME_HEAD_SIZE);
        VX6_ASSERT(
            vx6_msg_decode(&msg, VX6_SCOPE_LINK, frames.data + at + FRAME_HEAD_SIZE, len) == NULL);
        if (stage->hooks.hear)
            stage->hooks.hear(stage, lane, &msg);
        at += FRAME_HEAD_SIZE + len;
    }
}

static size_t hear_record(struct stage *stage, struct lane *lane, uint8_t *bytes, size_t left)
{
    size_t len = load_u16(bytes);
    uint8_t *plain = bytes + RECORD_HEAD_SIZE;
    VX6_ASSERT(len >= VX6_TAG_SIZE && len + RECORD_HEAD_SIZE <= left);
    VX6_ASSERT(stage->crypto.open(
        &stage->crypto, &lane->receive, bytes, RECORD_HEAD_SIZE, plain, len, plain));
    vx6_span frames = {plain, len - VX6_TAG_SIZE};
    hear_frames(stage, lane, frames);
    if (ends_in_rekey(frames))
        stage->crypto.rekey(&stage->crypto, &lane->receive);
    return RECORD_HEAD_SIZE + len;
}

void lane_hear(struct stage *stage, struct lane *lane, const struct vx6_batch *batch)
{
    if (lane->has_channels) {
        hear_frames(stage, lane, (vx6_span){batch->dst, batch->len});
        return;
    }
    for (size_t at = 0; at < batch->len && lane->step < LANE_DEAF;) {
        uint8_t *bytes = batch->dst + at;
        if (lane->is_initiator && lane->step == 0)
            return; /* it has not begun, and has no use for an answer */
        if (lane->step < LANE_KEYED)
            at += hear_handshake(stage, lane, (vx6_span){bytes, batch->len - at});
        else
            at += hear_record(stage, lane, bytes, batch->len - at);
    }
}

void lane_say(struct stage *stage, struct lane *lane, uint8_t channel, vx6_span frames)
{
    static uint8_t record[RECORD_HEAD_SIZE + RECORD_SEALED_MAX], plain[RECORD_PLAIN_MAX];
    struct buffer said = {plain, frames.len, sizeof plain};
    if (frames.len > sizeof plain || (!lane->has_channels && lane->step != LANE_KEYED))
        return;
    memcpy(plain, frames.data, frames.len);
    stage_tap(stage, SAID_FRAMES, lane, &said);
    if (lane->has_channels) {
        lane_give(stage, lane, channel, plain, said.len);
        return;
    }
    store_u16(record, (uint16_t)(said.len + VX6_TAG_SIZE));
    stage->crypto.seal(&stage->crypto, &lane->send, record, RECORD_HEAD_SIZE, plain, said.len,
        record + RECORD_HEAD_SIZE);
    if (ends_in_rekey((vx6_span){plain, said.len}))
        stage->crypto.rekey(&stage->crypto, &lane->send);
    struct buffer sent = {record, RECORD_HEAD_SIZE + said.len + VX6_TAG_SIZE, sizeof record};
    stage_tap(stage, SENT_RECORD, lane, &sent);
    lane_give(stage, lane, 0, record, sent.len);
}

void lane_say_frame(struct stage *stage, struct lane *lane, uint8_t channel, vx6_span frame)
{
    static uint8_t frames[RECORD_PLAIN_MAX];
    if (frame.len > sizeof frames - FRAME_HEAD_SIZE)
        return;
    struct buffer said = {frames + FRAME_HEAD_SIZE, frame.len, sizeof frames - FRAME_HEAD_SIZE};
    memcpy(said.data, frame.data, frame.len);
    stage_tap(stage, SAID_FRAME, lane, &said);
    store_u16(frames, (uint16_t)said.len);
    lane_say(stage, lane, channel, (vx6_span){frames, FRAME_HEAD_SIZE + said.len});
}

/* ---- queries ---- */

void stage_datagram(struct stage *stage, const vx6_addr *from, const uint8_t *data, size_t len)
{
    stage->carrier.datagram(stage, from, data, len);
}

/* A message becomes a payload: its length comes before it. */
static struct buffer wrap(struct stage *stage, const struct buffer *message, uint8_t *payload,
    size_t cap, enum stage_point point)
{
    store_u16(payload, (uint16_t)message->len);
    struct buffer said = {payload, LENGTH_SIZE + message->len, cap};
    stage_tap(stage, point, NULL, &said);
    return said;
}

enum {
    TOKEN_AT = 1, /* of a store or an announce, and of every answer */
    TOKEN_SIZE = 16,
    HEAD_SIZE = TOKEN_SIZE + 4 + 4 + VX6_SIG_SIZE /* of an answer */
};

void peer_ask(struct stage *stage, struct stage_peer *peer, vx6_span message, bool with_token)
{
    uint8_t payload[VX6_ASK_PAYLOAD_SIZE] = {0}, seed[32] = {3}, out[VX6_DATAGRAM_SIZE];
    struct buffer said = {payload + LENGTH_SIZE, message.len, ASK_MAX};
    VX6_ASSERT(message.len <= ASK_MAX);
    memcpy(said.data, message.data, message.len);
    if (with_token && message.len >= TOKEN_AT + TOKEN_SIZE)
        memcpy(said.data + TOKEN_AT, peer->token, TOKEN_SIZE);
    stage_tap(stage, SAID_ASK, NULL, &said);
    said = wrap(stage, &said, payload, sizeof payload, SAID_ASK_PAYLOAD);
    uint8_t number[8] = {0};
    store_u64(number, ++peer->asks);
    store_u64(seed + 8, peer->asks);
    datagram_header(out, TYPE_ASK, stage->node_id, number);
    stage->crypto.ask_seal(
        &stage->crypto, &peer->ask, seed, stage->node_key, payload, said.len, out);
    memcpy(peer->mac1, out + VX6_ASK_MAC1_AT, sizeof peer->mac1);
    if (peer->has_cookie)
        stage->crypto.ask_prove(&stage->crypto, peer->cookie, out);
    struct buffer sent = {out, sizeof out, sizeof out};
    stage_tap(stage, SENT_ASK, NULL, &sent);
    stage_datagram(stage, &peer->addr, out, sent.len);
}

/* Of a key that nobody on the stage has. */
static void absent_seed(const struct stage_peer *peer, uint8_t seed[32])
{
    memcpy(seed, peer->keys.identity_seed, 32);
    seed[31] ^= 0xff;
}

/* The tombstone of a key to which the peer's own has handed over; it may have been the first of its
 * owner. */
static size_t heir_tombstone(
    struct stage *stage, const struct stage_peer *peer, bool is_first, int64_t unix_s, uint8_t *out)
{
    uint8_t heir[32], lineage[VX6_LINEAGE_MAX], certificate[VX6_TOMBSTONE_MAX];
    struct tombstone tombstone;
    absent_seed(peer, heir);
    size_t len = vx6_identity_rotate(
        &stage->crypto, peer->keys.identity_seed, (vx6_span){0}, heir, unix_s, lineage);
    len = vx6_identity_revoke(&stage->crypto, heir, (vx6_span){(const uint8_t *)"alice", 5},
        (vx6_span){lineage, is_first ? 0 : len}, unix_s, certificate);
    enum vx6_code code = tombstone_decode((vx6_span){certificate, len}, &tombstone);
    VX6_ASSERT(code == VX6_OK);
    return tombstone_renew(&tombstone, unix_s, 1800, out);
}

size_t peer_bundle(
    struct stage *stage, const struct stage_peer *peer, uint8_t facts, uint8_t out[VX6_BUNDLE_MAX])
{
    const int64_t unix_s = stage_unix_s(stage) - 600 * (facts >> 6);
    uint8_t before[32], lineage[VX6_LINEAGE_MAX];
    if ((facts & 6) == 6)
        return heir_tombstone(stage, peer, (facts >> 3 & 7u) == 0, unix_s, out);
    static const char *const labels[] = {"", "alice", "alice", "bob"};
    const char *label = labels[facts & 3];
    vx6_span services[] = {{(const uint8_t *)"web", 3}};
    struct vx6_hosted hosted = {.name = {(const uint8_t *)"db", 2}};
    memcpy(hosted.host, stage->peers[peer == &stage->peers[0]].keys.identity, sizeof hosted.host);
    struct record_facts record = {.sequence = 1 + (facts >> 3 & 7u),
        .unix_s = unix_s,
        .life_s = 1800,
        .endpoints = &peer->addr,
        .endpoint_count = 1,
        .label = {(const uint8_t *)label, strlen(label)},
        .services = services,
        .service_count = facts >> 2 & 1u,
        .hosted = &hosted,
        .hosted_count = (facts & 7u) == 5};
    if ((facts & 3) == 2) { /* one of the two called alice had another key before */
        absent_seed(peer, before);
        record.lineage.data = lineage;
        record.lineage.len = vx6_identity_rotate(
            &stage->crypto, before, (vx6_span){0}, peer->keys.identity_seed, unix_s, lineage);
    }
    return record_make_bundle(&stage->crypto, &peer->keys, &record, out);
}

void peer_store(struct stage *stage, struct stage_peer *peer, uint8_t facts, uint8_t under)
{
    uint8_t bundle[VX6_BUNDLE_MAX], message[ASK_MAX];
    struct vx6_msg store = {.type = VX6_MSG_store};
    store.u.store.bundle = (vx6_span){bundle, peer_bundle(stage, peer, facts, bundle)};
    if (under % 4 == 0)
        memcpy(store.u.store.key, peer->keys.id, 32);
    else if (under % 4 < 3)
        name_key(&stage->crypto, store.u.store.key, (vx6_span){(const uint8_t *)"alice", 5});
    size_t len = vx6_msg_encode(&store, message, sizeof message);
    peer_ask(stage, peer, (vx6_span){message, len}, true);
}

/* The head comes first in every answer: one view serves them all. */
void peer_head(struct stage *stage, const struct stage_peer *peer, struct vx6_msg *answer)
{
    struct vx6_pong *head = &answer->u.pong;
    uint8_t bytes[54];
    head->time_s = head->contact_issued_s = (uint32_t)stage_unix_s(stage);
    memcpy(bytes, peer->keys.identity, 32);
    memcpy(bytes + 32, peer->addr.ip, 16);
    store_u16(bytes + 48, peer->addr.port);
    store_u32(bytes + 50, head->contact_issued_s);
    stage->crypto.sign(&stage->crypto, head->contact_signature, peer->keys.identity_seed,
        peer->keys.identity, "vx6/contact/1", bytes, sizeof bytes);
}

size_t peer_answer(
    struct stage *stage, const struct stage_peer *peer, uint8_t ask, uint8_t *dst, size_t cap)
{
    uint8_t storage[STAGE_PEERS * VX6_HINT_SIZE];
    struct vx6_msg answer = {.type = (enum vx6_msg_type)(ask + 1)};
    if (ask == VX6_MSG_find_value)
        answer.type = VX6_MSG_nodes;
    peer_head(stage, peer, &answer);
    if (answer.type == VX6_MSG_pong)
        answer.u.pong.record = (vx6_span){peer->record, peer->record_len};
    for (uint32_t i = 0; answer.type == VX6_MSG_nodes && i < STAGE_PEERS; i++) {
        struct vx6_hint hint = {.port = stage->peers[i].addr.port};
        memcpy(hint.key, stage->peers[i].keys.identity, 32);
        memcpy(hint.ip, stage->peers[i].addr.ip, 16);
        VX6_ASSERT(vx6_push_hint(&answer.u.nodes.hints, storage, sizeof storage, &hint));
    }
    return vx6_msg_encode(&answer, dst, cap);
}

static size_t value_answer(
    struct stage *stage, const struct stage_peer *peer, uint8_t message[ANSWER_MAX])
{
    uint8_t bundle[VX6_BUNDLE_MAX];
    struct vx6_msg answer = {.type = VX6_MSG_value};
    peer_head(stage, peer, &answer);
    answer.u.value.count = 1;
    answer.u.value.bundle =
        (vx6_span){bundle, peer_bundle(stage, peer, tape_back_u8(&stage->tape), bundle)};
    return vx6_msg_encode(&answer, message, ANSWER_MAX);
}

/* The end of the tape decides: an honest answer, none, a bundle, one of its own with a true head,
 * or just bytes. */
static size_t make_answer(struct stage *stage, const struct stage_peer *peer,
    const struct vx6_msg *ask, uint8_t message[ANSWER_MAX])
{
    if (stage->hooks.answer)
        return stage->hooks.answer(stage, peer, ask, message);
    uint8_t choice = tape_back_u8(&stage->tape) % 5;
    size_t len = peer_answer(stage, peer, (uint8_t)ask->type, message, ANSWER_MAX);
    if (choice == 0)
        return len;
    if (choice == 1)
        return 0;
    if (choice == 4)
        return value_answer(stage, peer, message);
    vx6_span said = tape_back_span(&stage->tape, ANSWER_MAX - 1 - HEAD_SIZE);
    if (said.len > 0 && choice == 2) {
        message[0] = said.data[0];
        memcpy(message + 1 + HEAD_SIZE, said.data + 1, said.len - 1);
        return HEAD_SIZE + said.len;
    }
    if (said.len > 0)
        memcpy(message, said.data, said.len);
    return said.len;
}

/* Instead of an answer: the node is to prove that it receives. */
static void send_cookie(struct stage *stage, const struct stage_peer *peer, const uint8_t *ask)
{
    uint8_t out[COOKIE_DATAGRAM_SIZE], cookie[VX6_COOKIE_SIZE] = {6};
    uint8_t *nonce = out + VX6_QUERY_HEADER_SIZE;
    datagram_header(out, TYPE_COOKIE, NULL, ask + QUERY_ID_AT);
    memset(nonce, 7, VX6_COOKIE_NONCE_SIZE);
    stage->crypto.cookie_seal(&stage->crypto, peer->keys.identity, ask + VX6_ASK_MAC1_AT, cookie,
        nonce, nonce + VX6_COOKIE_NONCE_SIZE);
    struct buffer sent = {out, sizeof out, sizeof out};
    stage_tap(stage, SENT_COOKIE, NULL, &sent);
    stage_datagram(stage, &peer->addr, out, sent.len);
}

static void answer(struct stage *stage, struct stage_peer *peer, const uint8_t *datagram)
{
    uint8_t payload[VX6_ANSWER_PAYLOAD_SIZE], out[VX6_DATAGRAM_SIZE], seed[32] = {4};
    vx6_span asked;
    struct vx6_ask state;
    struct vx6_msg ask;
    if (!stage->crypto.ask_open(&stage->crypto, &state, peer->keys.identity_seed,
            peer->keys.identity, datagram, payload, &asked))
        return; /* it was for another key */
    VX6_ASSERT(datagram_payload(&ask, asked));
    uint8_t message[ANSWER_MAX];
    struct buffer said = {
        payload + LENGTH_SIZE, make_answer(stage, peer, &ask, message), ANSWER_MAX};
    if (said.len == ANSWER_COOKIE)
        send_cookie(stage, peer, datagram);
    if (said.len == 0 || said.len == ANSWER_COOKIE)
        return;
    memset(payload, 0, sizeof payload);
    memcpy(said.data, message, said.len);
    stage_tap(stage, SAID_ANSWER, NULL, &said);
    said = wrap(stage, &said, payload, sizeof payload, SAID_ANSWER_PAYLOAD);
    store_u64(seed + 8, ++peer->answers);
    datagram_header(out, TYPE_ANSWER, NULL, datagram + QUERY_ID_AT);
    stage->crypto.answer_seal(&stage->crypto, &state, seed, payload, said.len, out);
    struct buffer sent = {out, sizeof out, sizeof out};
    stage_tap(stage, SENT_ANSWER, NULL, &sent);
    stage_datagram(stage, &peer->addr, out, sent.len);
}

/* Later asks prove with it that they come from the peer's address. */
static void hear_cookie(struct stage *stage, struct stage_peer *peer, const uint8_t *datagram)
{
    const uint8_t *nonce = datagram + VX6_QUERY_HEADER_SIZE;
    if (stage->crypto.cookie_open(&stage->crypto, stage->node_key, peer->mac1, nonce,
            nonce + VX6_COOKIE_NONCE_SIZE, peer->cookie))
        peer->has_cookie = true;
}

void peer_hear(struct stage *stage, const vx6_addr *to, vx6_span datagram)
{
    uint8_t room[VX6_ANSWER_PAYLOAD_SIZE];
    vx6_span payload;
    struct vx6_msg msg;
    VX6_ASSERT(datagram.len == (datagram.data[0] == TYPE_COOKIE ? (size_t)COOKIE_DATAGRAM_SIZE
                                                                : (size_t)VX6_DATAGRAM_SIZE));
    for (uint32_t i = 0; i < STAGE_PEERS; i++) {
        struct stage_peer *peer = &stage->peers[i];
        if (!addr_equal(&peer->addr, to))
            continue;
        if (datagram.data[0] == TYPE_ASK)
            answer(stage, peer, datagram.data);
        else if (datagram.data[0] == TYPE_COOKIE)
            hear_cookie(stage, peer, datagram.data);
        else if (datagram.data[0] == TYPE_ANSWER &&
                 stage->crypto.answer_open(
                     &stage->crypto, &peer->ask, datagram.data, room, &payload)) {
            VX6_ASSERT(datagram_payload(&msg, payload));
            memcpy(peer->token, payload.data + LENGTH_SIZE + TOKEN_AT, TOKEN_SIZE);
            peer->answered++;
        }
    }
}
