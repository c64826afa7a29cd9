/* SPDX-License-Identifier: MIT */
/* What is changed on its way: a message by its table, a record inside it, the same signed anew with
 * other facts, or what it is carried in. */
#include "play.h"

#include "schema.h"

enum {
    PIECES = 4, /* of a bundle at most */
    PIECE_MAX = 700,
    TOKEN_END = 1 + 16, /* of a store, an announce or an answer */
    KEY_END = TOKEN_END + 32,
    HEAD_END = TOKEN_END + 4 + 4 + VX6_SIG_SIZE /* of an answer, whose signature ends there */
};

/* ---- records ---- */

/* Its owner means it: times, lives and addresses that may not be, and somebody else's record. */
static void forge_record(struct play *play, const struct stage_peer *peer, struct buffer *record)
{
    static const int32_t ages[] = {0, 0, 1799, 1801, 100000, -599, -700, -100000};
    static const uint32_t lives[] = {1800, 1800, 7200, 7201, 86400, 1};
    uint8_t made[VX6_RECORD_MAX];
    const struct stage_peer *others = play->stage->peers;
    if (chance_of(&play->chance, 30))
        peer = chance_of(&play->chance, 30) ? &play->self
                                            : &others[chance_below(&play->chance, STAGE_PEERS)];
    vx6_addr addrs[] = {peer->addr, others[0].addr, others[1].addr};
    struct record_facts facts = {.sequence = 1 + chance_below(&play->chance, 20),
        .unix_s = stage_unix_s(play->stage) - ages[chance_below(&play->chance, 8)],
        .life_s = lives[chance_below(&play->chance, 6)],
        .endpoints = addrs,
        .endpoint_count = chance_below(&play->chance, 4)};
    size_t len = record_make_node(&play->stage->crypto, &peer->keys, &facts, made);
    if (len > record->cap)
        return;
    memcpy(record->data, made, len);
    record->len = len;
}

static void change_record(struct play *play, const struct stage_peer *peer, struct buffer *record)
{
    said_keep(&play->said, record);
    if (peer && chance_of(&play->chance, 35))
        forge_record(play, peer, record);
    else
        mutate_message(&play->chance, &play->said, record);
}

/* What a bundle or a tombstone consists of, behind its head. */
struct anatomy {
    enum vx6_msg_type types[PIECES];
    vx6_span parts[PIECES];
    uint32_t count;
    size_t head_len;
};

/* False: it is neither. */
static bool dissect(const struct buffer *value, struct anatomy *anatomy)
{
    struct vx6_msg msg;
    if (vx6_msg_decode(&msg, VX6_SCOPE_RECORD, value->data, value->len) != NULL)
        return false;
    const struct vx6_bundle *bundle = &msg.u.bundle;
    const struct vx6_tombstone *tombstone = &msg.u.tombstone;
    if (msg.type == VX6_MSG_bundle)
        *anatomy = (struct anatomy){.types = {VX6_MSG_node_record, VX6_MSG_name_claim,
                                        VX6_MSG_service_list, VX6_MSG_lineage},
            .parts = {bundle->node, bundle->claim, bundle->services, bundle->lineage},
            .count = 4,
            .head_len = 1};
    else
        *anatomy = (struct anatomy){.types = {VX6_MSG_revocation, VX6_MSG_lineage},
            .parts = {tombstone->revocation, tombstone->lineage},
            .count = 2,
            .head_len = 1 + 8 + 4};
    return msg.type == VX6_MSG_bundle || msg.type == VX6_MSG_tombstone;
}

/* Another part of the bundle, or all of it, stands where this one should. */
static void misplace(struct play *play, const struct buffer *bundle, const struct anatomy *anatomy,
    struct buffer *piece)
{
    uint32_t which = chance_below(&play->chance, anatomy->count + 1);
    vx6_span other =
        which < anatomy->count ? anatomy->parts[which] : (vx6_span){bundle->data, bundle->len};
    if (other.len > piece->cap)
        return;
    if (other.len > 0)
        memcpy(piece->data, other.data, other.len);
    piece->len = other.len;
}

/* The time of a tombstone is not signed: it is a valid one, of some time ago. */
static bool make_older(struct play *play, struct buffer *value)
{
    if (play->piece != VX6_MSG_tombstone || value->len < 1 + 8 || chance_of(&play->chance, 80))
        return false;
    store_u64(value->data + 1, load_u64(value->data + 1) - 1 - chance_below(&play->chance, 900));
    return true;
}

/* It is a tombstone, and its part is to blame. */
static bool is_no_revocation(const struct anatomy *anatomy)
{
    struct vx6_msg msg;
    vx6_span part = anatomy->parts[0];
    return anatomy->types[0] == VX6_MSG_revocation &&
           vx6_msg_decode(&msg, VX6_SCOPE_RECORD, part.data, part.len) != NULL;
}

/* One part of a bundle, whose length then fits. */
static void change_bundle(struct play *play, struct buffer *bundle)
{
    uint8_t parts[PIECES][PIECE_MAX];
    struct buffer pieces[PIECES];
    struct anatomy anatomy;
    play->piece = claimed_type((vx6_span){bundle->data, bundle->len});
    said_keep(&play->said, bundle);
    if (make_older(play, bundle))
        return;
    if (chance_of(&play->chance, 25) || !dissect(bundle, &anatomy)) {
        mutate_message(&play->chance, &play->said, bundle);
        if (dissect(bundle, &anatomy) && is_no_revocation(&anatomy))
            play->piece = VX6_MSG_revocation;
        return;
    }
    for (uint32_t i = 0; i < anatomy.count; i++) {
        pieces[i] = (struct buffer){parts[i], anatomy.parts[i].len, PIECE_MAX};
        if (anatomy.parts[i].len > 0)
            memcpy(parts[i], anatomy.parts[i].data, anatomy.parts[i].len);
    }
    uint32_t which = chance_below(&play->chance, anatomy.count);
    bool is_misplaced = chance_of(&play->chance, 30);
    while (!is_misplaced && pieces[which].len == 0)
        which = chance_of(&play->chance, 40) ? anatomy.count - 1
                                             : chance_below(&play->chance, anatomy.count);
    play->piece = anatomy.types[which];
    if (is_misplaced)
        misplace(play, bundle, &anatomy, &pieces[which]);
    else
        change_record(play, play->piece == VX6_MSG_node_record ? &play->stage->peers[0] : NULL,
            &pieces[which]);
    size_t len = anatomy.head_len;
    for (uint32_t i = 0; i < anatomy.count; i++) {
        if (len + 2 + pieces[i].len > bundle->cap)
            return;
        store_u16(bundle->data + len, (uint16_t)pieces[i].len);
        memcpy(bundle->data + len + 2, parts[i], pieces[i].len);
        len += 2 + pieces[i].len;
    }
    bundle->len = len;
}

/* A message whose last field is a record or a bundle: that changes, and its length with it. */
static void change_inside(struct play *play, const struct stage_peer *peer, struct buffer *message,
    size_t at, bool is_bundle)
{
    struct buffer inner = {message->data + at + 2, message->len - at - 2, message->cap - at - 2};
    if (is_bundle)
        change_bundle(play, &inner);
    else
        change_record(play, peer, &inner);
    store_u16(message->data + at, (uint16_t)inner.len);
    message->len = at + 2 + inner.len;
}

/* ---- messages ---- */

static size_t inside_at(enum vx6_msg_type type)
{
    switch ((unsigned)type) {
    case VX6_MSG_store:
        return KEY_END;
    case VX6_MSG_value:
        return HEAD_END + 2;
    case VX6_MSG_link_record:
        return 1;
    case VX6_MSG_reach_ask:
        return 2;
    default:
        return 0;
    }
}

/* Another message of the same scope: not now, not here. */
static void replace(struct play *play, enum stage_point point, struct buffer *message)
{
    uint32_t first = point == SAID_FRAME ? VX6_MSG_link_hello : VX6_MSG_ping;
    uint32_t end = point == SAID_FRAME ? VX6_MSG_stream_reset + 1 : VX6_MSG_synced + 1;
    enum vx6_msg_type type;
    do
        type = (enum vx6_msg_type)(first + chance_below(&play->chance, end - first));
    while (schema_message(type) == NULL);
    if (point == SAID_FRAME)
        play_honest_frame(play, message, type);
    else
        play_honest_query(play, message, type);
}

/* The node's own key, or a key that is somebody else's. */
static void change_announced(struct play *play, uint8_t key[32])
{
    const struct stage *stage = play->stage;
    bool is_own = chance_of(&play->chance, 40);
    memcpy(key,
        is_own ? stage->node_key
               : stage->peers[chance_below(&play->chance, STAGE_PEERS)].keys.identity,
        32);
}

static void change_message(
    struct play *play, enum stage_point point, struct lane *lane, struct buffer *message)
{
    play->piece = VX6_MSG_NONE;
    if (chance_of(&play->chance, 25)) {
        replace(play, point, message);
        if (chance_of(&play->chance, 50))
            return;
    }
    enum vx6_msg_type type = claimed_type((vx6_span){message->data, message->len});
    size_t at = inside_at(type);
    if (at > 0 && message->len > at + 2 && chance_of(&play->chance, 40))
        change_inside(play, lane ? lane->peer : NULL, message, at,
            type == VX6_MSG_store || type == VX6_MSG_value);
    else if (point == SAID_ANSWER && message->len > HEAD_END &&
             chance_of(&play->chance, play->is_stranger ? 70 : 10))
        message->data[HEAD_END - 1 - chance_below(&play->chance, VX6_SIG_SIZE)] ^= 1;
    else if (type == VX6_MSG_announce && message->len > KEY_END && chance_of(&play->chance, 25))
        change_announced(play, message->data + TOKEN_END);
    else
        mutate_message(&play->chance, &play->said, message);
    if (message->len > message->cap)
        message->len = message->cap;
}

static void change_handshake(struct play *play, const struct lane *lane, struct buffer *payload)
{
    if (chance_of(&play->chance, 25)) {
        uint32_t at = chance_of(&play->chance, 50) ? chance_below(&play->chance, 2)
                                                   : chance_below(&play->chance, LINK_PAYLOAD_SIZE);
        payload->data[at] ^= (uint8_t)(1u << chance_below(&play->chance, 8));
        return;
    }
    struct buffer record = {payload->data + 2, load_u16(payload->data), LINK_PAYLOAD_SIZE - 2};
    change_record(play, lane->peer, &record);
    memset(record.data + record.len, 0, record.cap - record.len);
    store_u16(payload->data, (uint16_t)record.len);
}

/* The length, the zeros behind it, or what stands there. */
static void change_payload(struct play *play, struct buffer *payload)
{
    if (chance_of(&play->chance, 40)) {
        store_u16(payload->data, (uint16_t)chance_next(&play->chance));
    } else {
        payload->data[chance_below(&play->chance, (uint32_t)payload->cap)] ^=
            (uint8_t)(1 + chance_below(&play->chance, 255));
        payload->len = payload->cap;
    }
}

/* The first bytes decide most. */
static void change_sent(struct play *play, struct buffer *sent)
{
    if (chance_of(&play->chance, 40))
        sent->data[chance_below(&play->chance, 4)] ^=
            (uint8_t)(1u << chance_below(&play->chance, 8));
    else
        mutate_bytes(&play->chance, sent);
}

/* The codec takes all of a bundle: if something is wrong with it, it is what was changed. */
static struct judged judge_piece(const struct play *play, struct judged judged)
{
    bool is_whole = judged.row == VX6_MSG_bundle || judged.row == VX6_MSG_tombstone;
    if (is_whole && judged.reason == TALLY_REASONS && play->piece != VX6_MSG_NONE)
        judged.row = play->piece;
    return judged;
}

static struct judged change(
    struct play *play, enum stage_point point, struct lane *lane, struct buffer *buffer)
{
    uint32_t number = lane == NULL ? 0 : lane->step + (point == SAID_HANDSHAKE ? 1u : 0u);
    switch (point) {
    case SAID_ASK:
    case SAID_ANSWER:
        change_message(play, point, lane, buffer);
        return judge_piece(
            play, judge_message(VX6_SCOPE_QUERY, (vx6_span){buffer->data, buffer->len}));
    case SAID_FRAME:
        change_message(play, point, lane, buffer);
        if (buffer->len == 0 || (lane->has_channels && buffer->len > VX6_FRAME_MAX))
            return (struct judged){ROW_FRAMES, WHY_RULE};
        return judge_message(VX6_SCOPE_LINK, (vx6_span){buffer->data, buffer->len});
    case SAID_ASK_PAYLOAD:
    case SAID_ANSWER_PAYLOAD:
        change_payload(play, buffer);
        return judge_payload((vx6_span){buffer->data, buffer->len}, buffer->cap);
    case SAID_FRAMES:
        mutate_bytes(&play->chance, buffer);
        return judge_frames((vx6_span){buffer->data, buffer->len});
    case SAID_HANDSHAKE:
        change_handshake(play, lane, buffer);
        return judge_handshake(number, (vx6_span){buffer->data, buffer->len});
    case SENT_HANDSHAKE:
        change_sent(play, buffer);
        return (struct judged){ROW_HANDSHAKE_1 + number - 1, WHY_RULE};
    case SENT_RECORD:
        change_sent(play, buffer);
        return (struct judged){ROW_SEALED_RECORD, WHY_RULE};
    case SENT_ASK:
    case SENT_ANSWER:
    case SENT_COOKIE:
    case STAGE_POINTS:
        break;
    }
    change_sent(play, buffer);
    return judge_datagram((vx6_span){buffer->data, buffer->len});
}

/* An input begins where its message is said, and ends where the next one begins. */
static bool is_begin(enum stage_point point, const struct lane *lane)
{
    return point <= SAID_FRAME || point == SAID_HANDSHAKE || point == SENT_COOKIE ||
           (point == SENT_HANDSHAKE && lane->is_initiator && lane->step == 1);
}

void play_arm(struct play *play, enum stage_point point)
{
    play->target = point;
    play->is_armed = true;
}

void play_tap(struct stage *stage, enum stage_point point, struct lane *lane, struct buffer *buffer)
{
    struct play *play = stage->context;
    if (is_begin(point, lane))
        tally_end(&play->tally);
    if (point <= SAID_FRAME)
        said_keep(&play->said, buffer);
    if (!play->is_armed || play->target != point || play->is_honest)
        return;
    if (play->skips > 0) {
        play->skips--;
        return;
    }
    play->is_armed = false;
    static uint8_t before[RECORD_PLAIN_MAX + VX6_FILL_MIN];
    const size_t len = buffer->len;
    VX6_ASSERT(len <= sizeof before);
    memcpy(before, buffer->data, len);
    struct judged judged = change(play, point, lane, buffer);
    bool is_same = buffer->len == len && memcmp(buffer->data, before, len) == 0;
    bool is_nothing = buffer->len == 0 && point >= SENT_ASK;
    if (!is_same && !is_nothing) /* else it is no input, or an honest one */
        tally_begin(&play->tally, point, judged);
}
