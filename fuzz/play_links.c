/* SPDX-License-Identifier: MIT */
/* Talk on links, as honest peers and the node's driver have it. */
#include "play.h"

enum {
    USES_MAX = 12, /* scenes on one link */
    PIECE = 300,   /* bytes said at a time */
    WINDOW = 65536
};

static const uint8_t piece[PIECE] = {1, 2, 3};

bool play_is_live(const struct play *play)
{
    return play->lane && play->lane->is_alive && play->lane->id.bits == play->link.bits;
}

/* ---- what is said ---- */

static struct talk *talk_of(struct play *play)
{
    bool is_ours = play->level >= LEVEL_BOTH && chance_of(&play->chance, 50);
    return is_ours ? &play->ours : &play->theirs;
}

static vx6_span span_of(const char *text)
{
    return (vx6_span){(const uint8_t *)text, strlen(text)};
}

static void fill_offers(struct vx6_services *answer, uint32_t number)
{
    static uint8_t storage[40];
    static const struct vx6_offer offers[] = {{.name = {(const uint8_t *)"db", 2}, .use = 4},
        {.name = {(const uint8_t *)"web", 3}, .use = 1}};
    *answer = (struct vx6_services){.number = number, .offers = {.bytes = {storage, 0}}};
    for (size_t i = 0; i < sizeof offers / sizeof offers[0]; i++) {
        bool pushed = vx6_push_offer(&answer->offers, storage, sizeof storage, &offers[i]);
        VX6_ASSERT(pushed);
    }
}

static void fill_in(struct play *play, struct vx6_msg *msg, struct talk *talk)
{
    const struct stage_peer *peer = play->lane ? play->lane->peer : &play->stage->peers[0];
    bool fin = chance_of(&play->chance, 3) && !play->is_honest;
    switch ((unsigned)msg->type) {
    case VX6_MSG_link_record:
        msg->u.link_record.record = (vx6_span){peer->record, peer->record_len};
        break;
    case VX6_MSG_services:
        fill_offers(&msg->u.services, play->question);
        break;
    case VX6_MSG_reach_ask:
        msg->u.reach_ask.record = (vx6_span){peer->record, peer->record_len};
        break;
    case VX6_MSG_session_open:
        msg->u.session_open = (struct vx6_session_open){
            .path = talk->path ? talk->path + 2 : 1, .privacy = 1, .service = span_of("web")};
        break;
    case VX6_MSG_session_opened:
        msg->u.session_opened.path = play->ours.path;
        break;
    case VX6_MSG_session_close:
        msg->u.session_close = (struct vx6_session_close){talk->path, VX6_NO_SERVICE};
        break;
    case VX6_MSG_stream_open:
        msg->u.stream_open = (struct vx6_stream_open){talk->path, talk->stream + 1, WINDOW};
        break;
    case VX6_MSG_stream_accept:
        msg->u.stream_accept =
            (struct vx6_stream_accept){play->ours.path, play->ours.stream, WINDOW};
        break;
    case VX6_MSG_stream_data:
        msg->u.stream_data = (struct vx6_stream_data){
            talk->path, talk->stream, talk->sent, fin, {piece, sizeof piece}};
        break;
    case VX6_MSG_stream_ack:
        msg->u.stream_ack =
            (struct vx6_stream_ack){talk->path, talk->stream, talk->heard, WINDOW + talk->heard};
        break;
    case VX6_MSG_stream_reset:
        msg->u.stream_reset = (struct vx6_stream_reset){talk->path, talk->stream, VX6_RESET};
        break;
    default:
        break; /* all others are as good when zero */
    }
}

/* Numbers that have no use yet are 1: the codec takes no 0. */
static struct talk as_numbered(const struct talk *talk, enum vx6_msg_type type)
{
    struct talk numbered = *talk;
    if (type == VX6_MSG_session_open)
        return numbered;
    numbered.path = talk->path ? talk->path : 1;
    numbered.stream = talk->stream || type == VX6_MSG_stream_open ? talk->stream : 1;
    return numbered;
}

static size_t encode(
    struct play *play, struct vx6_msg *msg, struct talk *talk, uint8_t *dst, size_t cap)
{
    struct talk numbered = as_numbered(talk, msg->type), ours = play->ours;
    play->ours = as_numbered(&ours, msg->type);
    fill_in(play, msg, &numbered);
    play->ours = ours;
    return vx6_msg_encode(msg, dst, cap);
}

void play_honest_frame(struct play *play, struct buffer *frame, enum vx6_msg_type type)
{
    struct vx6_msg msg = {.type = type};
    frame->len = encode(play, &msg, talk_of(play), frame->data, frame->cap);
}

/* Where the carrier has channels, data is on those above 0; now and then it is not. */
static uint8_t channel_for(struct play *play, enum vx6_msg_type type)
{
    if (!play->lane->has_channels)
        return 0;
    bool is_data = type == VX6_MSG_stream_data;
    if (!play->is_honest && chance_of(&play->chance, 10))
        is_data = !is_data;
    return is_data ? (uint8_t)(1 + play->theirs.stream % (VX6_CHANNEL_COUNT - 1)) : 0;
}

void play_say(struct play *play, struct talk *talk, enum vx6_msg_type type)
{
    uint8_t bytes[SAID_MAX];
    struct vx6_msg msg = {.type = type};
    size_t len = encode(play, &msg, talk, bytes, sizeof bytes);
    lane_say_frame(play->stage, play->lane, channel_for(play, type), (vx6_span){bytes, len});
    if (type == VX6_MSG_session_open)
        talk->path = msg.u.session_open.path;
    if (type == VX6_MSG_session_open)
        talk->stream = 0;
    else if (type == VX6_MSG_stream_open)
        talk->stream++;
    else if (type == VX6_MSG_stream_data)
        talk->sent += sizeof piece;
    stage_drain(play->stage);
}

/* ---- what is heard ---- */

void play_hear(struct stage *stage, struct lane *lane, const struct vx6_msg *frame)
{
    struct play *play = stage->context;
    if (lane != play->lane)
        return;
    if (frame->type == VX6_MSG_session_open)
        play->ours.path = frame->u.session_open.path;
    else if (frame->type == VX6_MSG_find_services)
        play->question = frame->u.find_services.number;
    else if (frame->type == VX6_MSG_services)
        play->offered += frame->u.services.code == VX6_OK;
    else if (frame->type == VX6_MSG_stream_open)
        play->ours.stream = frame->u.stream_open.stream;
    else if (frame->type == VX6_MSG_stream_data && frame->u.stream_data.path == play->ours.path)
        play->ours.heard += frame->u.stream_data.bytes.len;
    else if (frame->type == VX6_MSG_stream_data)
        play->theirs.heard += frame->u.stream_data.bytes.len;
}

static void count_read(struct play *play, vx6_id stream)
{
    vx6_span spans[4];
    bool end;
    struct talk *talk = stream.bits == play->ours.stream_id.bits ? &play->ours : &play->theirs;
    size_t count = vx6_stream_peek(play->stage->node, stream, spans, 4, &end);
    for (size_t i = 0; i < count; i++)
        talk->read += spans[i].len;
}

void play_output(struct stage *stage, const struct vx6_out *out)
{
    struct play *play = stage->context;
    if (out->kind == VX6_OUT_STREAM_INCOMING)
        play->theirs.stream_id = out->id;
    else if (out->kind == VX6_OUT_STREAM_READABLE)
        count_read(play, out->id);
    else if (out->kind == VX6_OUT_OP_DONE && out->id.bits == play->resolve.bits)
        play->resolved = out->code;
    else if (out->kind == VX6_OUT_OP_DONE && out->id.bits == play->list.bits)
        play->listed = out->code;
}

/* ---- levels ---- */

static bool command(struct play *play, struct vx6_in *in)
{
    enum vx6_code code = stage_input(play->stage, in);
    if (code == VX6_OK && in->kind == VX6_IN_SESSION_OPEN)
        stage_id_add(play->stage, in->id, SLOT_SESSION);
    if (code == VX6_OK && in->kind == VX6_IN_STREAM_OPEN)
        stage_id_add(play->stage, in->id, SLOT_STREAM);
    if (code == VX6_OK && in->kind == VX6_IN_LIST)
        stage_id_add(play->stage, in->id, SLOT_OP);
    stage_drain(play->stage);
    return code == VX6_OK;
}

static void exchange(struct play *play, struct talk *talk)
{
    stage_stream_write(play->stage, talk->stream_id, 500, false);
    stage_drain(play->stage);
    play_say(play, talk, VX6_MSG_stream_data);
}

static void open_theirs(struct play *play)
{
    play_say(play, &play->theirs, VX6_MSG_session_open);
}

static void stream_theirs(struct play *play)
{
    play_say(play, &play->theirs, VX6_MSG_stream_open);
}

static void accept_theirs(struct play *play)
{
    struct vx6_in in = {.kind = VX6_IN_STREAM_ACCEPT, .id = play->theirs.stream_id};
    if (command(play, &in))
        exchange(play, &play->theirs);
}

static void ask_ours(struct play *play)
{
    struct vx6_in in = {.kind = VX6_IN_SESSION_OPEN,
        .peer = play->lane->peer->addr,
        .data = (const uint8_t *)"db",
        .len = 2};
    memcpy(in.key, play->lane->peer->keys.identity, sizeof in.key);
    if (command(play, &in))
        play->ours.session = in.id;
}

static void opened_ours(struct play *play)
{
    play_say(play, &play->ours, VX6_MSG_session_opened);
}

static void stream_ours(struct play *play)
{
    struct vx6_in in = {.kind = VX6_IN_STREAM_OPEN, .id = play->ours.session};
    if (command(play, &in))
        play->ours.stream_id = in.id;
}

static void accept_ours(struct play *play)
{
    play_say(play, &play->ours, VX6_MSG_stream_accept);
    if (play_is_live(play))
        exchange(play, &play->ours);
}

bool play_ask(struct play *play)
{
    struct vx6_in in = {.kind = VX6_IN_LIST, .peer = play->lane->peer->addr};
    memcpy(in.key, play->lane->peer->keys.identity, sizeof in.key);
    play->listed = VX6_TIMEOUT;
    if (!command(play, &in))
        return false;
    play->list = in.id;
    return true;
}

bool play_advance(struct play *play, enum level level)
{
    static void (*const steps[LEVELS])(struct play * play) = {[LEVEL_SESSION] = open_theirs,
        [LEVEL_STREAM] = stream_theirs,
        [LEVEL_DATA] = accept_theirs,
        [LEVEL_ASKED] = ask_ours,
        [LEVEL_OPENED] = opened_ours,
        [LEVEL_STREAM_ASKED] = stream_ours,
        [LEVEL_BOTH] = accept_ours};
    while (play->level < level && play_is_live(play))
        steps[++play->level](play);
    return play_is_live(play);
}

void play_move(struct play *play, struct talk *talk, uint32_t rounds)
{
    while (rounds-- > 0 && play_is_live(play)) {
        exchange(play, talk);
        play_say(play, talk, VX6_MSG_stream_ack);
    }
}

/* ---- links ---- */

void play_leave(struct play *play)
{
    if (play_is_live(play))
        lane_down(play->stage, play->lane);
    stage_drain(play->stage);
    play->lane = NULL;
}

bool play_arrive(struct play *play, struct stage_peer *peer, bool has_channels)
{
    play_leave(play);
    play->theirs = play->ours = (struct talk){0};
    play->level = LEVEL_UP;
    play->uses = 0;
    struct lane *lane = lane_accept(play->stage, peer, has_channels);
    if (lane == NULL)
        return false;
    play->lane = lane;
    play->link = lane->id;
    lane_start(play->stage, lane);
    stage_drain(play->stage);
    return play_is_live(play);
}

static struct stage_peer *any_peer(struct play *play)
{
    if (chance_of(&play->chance, 5))
        return &play->self;
    return &play->stage->peers[chance_below(&play->chance, STAGE_PEERS)];
}

/* ---- scenes ---- */

static const struct {
    enum vx6_msg_type type;
    enum level level; /* where it has its place */
} places[] = {
    {VX6_MSG_link_close, LEVEL_UP},
    {VX6_MSG_link_rekey, LEVEL_UP},
    {VX6_MSG_link_probe, LEVEL_UP},
    {VX6_MSG_link_alive, LEVEL_UP},
    {VX6_MSG_find_services, LEVEL_UP},
    {VX6_MSG_services, LEVEL_UP},
    {VX6_MSG_reach_ask, LEVEL_UP},
    {VX6_MSG_reach_answer, LEVEL_UP},
    {VX6_MSG_session_open, LEVEL_UP},
    {VX6_MSG_session_opened, LEVEL_ASKED},
    {VX6_MSG_session_close, LEVEL_SESSION},
    {VX6_MSG_stream_open, LEVEL_SESSION},
    {VX6_MSG_stream_accept, LEVEL_STREAM_ASKED},
    {VX6_MSG_stream_data, LEVEL_DATA},
    {VX6_MSG_stream_data, LEVEL_BOTH},
    {VX6_MSG_stream_ack, LEVEL_DATA},
    {VX6_MSG_stream_ack, LEVEL_BOTH},
    {VX6_MSG_stream_reset, LEVEL_STREAM},
};

/* Two frames in one record: what follows another one. */
static void say_two(struct play *play, enum vx6_msg_type type)
{
    uint8_t bytes[2 * SAID_MAX];
    size_t len = 0;
    for (uint32_t i = 0; i < 2; i++) {
        struct buffer frame = {bytes + len + FRAME_HEAD_SIZE, 0, SAID_MAX - FRAME_HEAD_SIZE};
        play_honest_frame(play, &frame, i == 0 ? VX6_MSG_link_probe : type);
        store_u16(bytes + len, (uint16_t)frame.len);
        len += FRAME_HEAD_SIZE + frame.len;
    }
    lane_say(play->stage, play->lane, channel_for(play, type), (vx6_span){bytes, len});
    stage_drain(play->stage);
}

/* The first frames of a link are changed. */
static void first_frame_scene(struct play *play)
{
    play_arm(play, SAID_FRAME);
    (void)play_arrive(play, any_peer(play), chance_of(&play->chance, 50));
}

void play_spoil_frame(struct play *play, enum vx6_msg_type type)
{
    uint32_t draw = chance_below(&play->chance, 100);
    play_arm(play, draw < 82 ? SAID_FRAME : draw < 95 ? SAID_FRAMES : SENT_RECORD);
    if (play->target == SAID_FRAMES)
        say_two(play, type);
    else
        play_say(play, type == VX6_MSG_session_opened ? &play->ours : talk_of(play), type);
    play->is_armed = false;
    if (play->lane && (play->target != SAID_FRAME || play->lane->has_channels))
        play->uses = USES_MAX; /* part of a record or frame may be missing now */
}

enum vx6_msg_type play_any_frame(struct play *play)
{
    return places[chance_below(&play->chance, sizeof places / sizeof places[0])].type;
}

void play_link_scene(struct play *play)
{
    uint32_t row = chance_below(&play->chance, sizeof places / sizeof places[0] + 1);
    if (row == sizeof places / sizeof places[0]) {
        first_frame_scene(play);
        return;
    }
    bool is_in_place = chance_of(&play->chance, 80);
    if ((!play_is_live(play) || play->uses++ >= USES_MAX ||
            (is_in_place && play->level > places[row].level)) &&
        !play_arrive(play, any_peer(play), chance_of(&play->chance, 30)))
        return;
    if (is_in_place && !play_advance(play, places[row].level))
        return;
    enum vx6_msg_type type = places[row].type;
    if (type == VX6_MSG_services && play_is_live(play))
        (void)play_ask(play);
    bool takes_room = type == VX6_MSG_session_open || type == VX6_MSG_stream_open ||
                      type == VX6_MSG_find_services;
    for (uint32_t i = takes_room && chance_of(&play->chance, 15) ? 5 : 0; i > 0; i--) {
        if (play_is_live(play))
            play_say(play, &play->theirs, type);
    }
    if (!play_is_live(play))
        return;
    play_spoil_frame(play, type);
}

void play_handshake_scene(struct play *play)
{
    play_arm(play, chance_of(&play->chance, 50) ? SAID_HANDSHAKE : SENT_HANDSHAKE);
    play->skips = play->target == SENT_HANDSHAKE ? chance_below(&play->chance, 2) : 0;
    (void)play_arrive(play, any_peer(play), false);
    play->is_armed = false;
    play->skips = 0;
}

/* The node dials, and whom it reaches may be somebody else. */
void play_dial_scene(struct play *play)
{
    play_leave(play);
    stage_wait(play->stage, 400 * VX6_MILLISECOND);
    struct stage *stage = play->stage;
    struct stage_peer *peer = &stage->peers[chance_below(&play->chance, STAGE_PEERS)];
    struct stage_peer *other = any_peer(play);
    const struct stage_peer *expected = chance_of(&play->chance, 70) ? peer : other;
    struct vx6_in in = {
        .kind = VX6_IN_SESSION_OPEN, .peer = peer->addr, .data = (const uint8_t *)"db", .len = 2};
    memcpy(in.key, expected->keys.identity, sizeof in.key);
    if (!command(play, &in))
        return;
    for (uint32_t i = 0; i < STAGE_LANES; i++) {
        struct lane *lane = &stage->lanes[i];
        if (!lane->is_alive || !lane->is_dialling)
            continue;
        if (chance_of(&play->chance, 10))
            lane->peer = other;
        uint32_t draw = chance_below(&play->chance, 100);
        play_arm(play, draw < 45 ? SAID_HANDSHAKE : draw < 80 ? SENT_HANDSHAKE : SAID_FRAME);
        lane_up(stage, lane, draw >= 90);
        stage_drain(stage);
        if (lane->is_alive)
            lane_down(stage, lane);
        stage_drain(stage);
    }
    play->is_armed = false;
}
