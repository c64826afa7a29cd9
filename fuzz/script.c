/* SPDX-License-Identifier: MIT */
/* Steps. Each reads what it needs from the tape, and does nothing where that makes no sense; so any
 * bytes are a play. tools/fuzz_seeds.py writes some that do make sense. */
#include "script.h"

enum {
    STEP_MAX_MS = 5000, /* in which all timers run one by one */
    LEAP_MAX_S = 200000 /* in one input: the machine slept */
};

static struct stage_peer *pick_peer(struct stage *stage)
{
    return &stage->peers[tape_u8(&stage->tape) % STAGE_PEERS];
}

void script_frames(struct stage *stage)
{
    struct lane *lane = lane_pick(stage);
    uint8_t how = tape_u8(&stage->tape), channel = (how >> 2) % VX6_CHANNEL_COUNT;
    vx6_span said = tape_span(&stage->tape, RECORD_PLAIN_MAX);
    if (lane == NULL || lane->is_dialling || said.len == 0)
        return;
    if (!lane->has_channels)
        channel = 0;
    if (how % 4 == 0)
        lane_give(stage, lane, channel, said.data, said.len);
    else if (how % 4 == 1)
        lane_say(stage, lane, channel, said);
    else
        lane_say_frame(stage, lane, channel, said);
}

void script_carrier(struct stage *stage)
{
    uint8_t how = tape_u8(&stage->tape);
    struct lane *lane = lane_pick(stage);
    struct stage_peer *peer = pick_peer(stage);
    if (how % 4 == 0 && lane) {
        lane_down(stage, lane);
    } else if (lane && lane->is_dialling) {
        lane_up(stage, lane, how & 4);
    } else {
        lane = lane_accept(stage, peer, how & 4);
        if (lane && !(how & 8))
            lane_start(stage, lane);
    }
}

void script_stream(struct stage *stage)
{
    static const enum vx6_in_kind kinds[] = {
        VX6_IN_STREAM_ACCEPT, VX6_IN_STREAM_RESET, VX6_IN_STREAM_OPEN, VX6_IN_SESSION_CLOSE};
    uint8_t how = tape_u8(&stage->tape) % 6;
    bool is_of_session = how == 2 || how == 3;
    struct vx6_in in = {.id = stage_id_pick(stage, is_of_session ? SLOT_SESSION : SLOT_STREAM)};
    size_t len = tape_u16(&stage->tape);
    if (how == 4) {
        stage_stream_read(stage, in.id, len);
    } else if (how == 5) {
        stage_stream_write(stage, in.id, len, len % 8 == 7);
    } else {
        in.kind = kinds[how];
        in.code = (enum vx6_code)(len % 64);
        enum vx6_code code = stage_input(stage, &in);
        if (code == VX6_OK && in.kind == VX6_IN_STREAM_OPEN)
            stage_id_add(stage, in.id, SLOT_STREAM);
    }
}

/* A service of one of the peers, by address or by name. */
static void fill_in(struct stage *stage, struct vx6_in *in, uint8_t how)
{
    const struct stage_peer *peer = pick_peer(stage);
    vx6_span said = tape_span(&stage->tape, VX6_NAME_MAX + 1);
    if (how & 0x80)
        memcpy(in->key, peer->keys.identity, sizeof in->key);
    else if (said.len >= sizeof in->key)
        memcpy(in->key, said.data, sizeof in->key);
    if (how & 0x40)
        in->peer = peer->addr;
    in->data = said.data;
    in->len = said.len;
}

void script_command(struct stage *stage)
{
    static const struct {
        enum vx6_in_kind kind;
        enum slot_kind makes;
    } rows[] = {{VX6_IN_PEER_ADD, SLOT_OP}, {VX6_IN_RESOLVE, SLOT_OP}, {VX6_IN_LOOKUP, SLOT_OP},
        {VX6_IN_SESSION_OPEN, SLOT_SESSION}, {VX6_IN_NAME_BIND, 0}, {VX6_IN_NAME_UNBIND, 0},
        {VX6_IN_SERVICE_ADD, 0}, {VX6_IN_SERVICE_REMOVE, 0}, {VX6_IN_CONTACT, 0},
        {VX6_IN_ENDPOINT_ADD, 0}, {VX6_IN_ENDPOINT_REMOVE, 0}, {VX6_IN_CANCEL, 0},
        {VX6_IN_SERVICE_ADD_LISTED, 0}, {VX6_IN_SERVICE_ADD_PRIVATE, 0}, {VX6_IN_SERVICE_ALLOW, 0},
        {VX6_IN_SERVICE_DENY, 0}, {VX6_IN_LABEL, 0}, {VX6_IN_LIST, SLOT_OP}, {VX6_IN_NETWORK, 0},
        {VX6_IN_SERVICE_ADD_HOSTED, 0}, {VX6_IN_REVOKE, 0}, {VX6_IN_REVOKED, 0},
        {VX6_IN_REACH, SLOT_OP}};
    uint8_t how = tape_u8(&stage->tape);
    uint32_t row = (how & 0x3fu) % (uint32_t)(sizeof rows / sizeof rows[0]);
    struct vx6_in in = {.kind = rows[row].kind};
    if (in.kind == VX6_IN_CANCEL)
        in.id = stage_id_pick(stage, SLOT_OP);
    fill_in(stage, &in, how);
    if (in.kind == VX6_IN_REACH && stage->node->endpoint_count > 0)
        in.peer = stage->node->endpoints[0];
    if (stage_input(stage, &in) == VX6_OK && rows[row].makes)
        stage_id_add(stage, in.id, rows[row].makes);
}

/* Raw bytes fill the datagram up with zeros: only whole ones come far. */
void script_datagram(struct stage *stage)
{
    uint8_t how = tape_u8(&stage->tape);
    struct stage_peer *peer = pick_peer(stage);
    vx6_span said = tape_span(&stage->tape, how % 4 == 0 ? VX6_DATAGRAM_SIZE : (size_t)ASK_MAX);
    uint8_t datagram[VX6_DATAGRAM_SIZE] = {0};
    if (how % 4 == 3 && said.len >= 2) {
        peer_store(stage, peer, said.data[0], said.data[1]);
        return;
    }
    if (how % 4 != 0) {
        peer_ask(stage, peer, said, how & 4);
        return;
    }
    memcpy(datagram, said.data, said.len);
    stage_datagram(stage, &peer->addr, datagram, how & 4 ? sizeof datagram : said.len);
}

void script_time(struct stage *stage)
{
    uint8_t how = tape_u8(&stage->tape) % 4;
    struct vx6_in in = {.kind = VX6_IN_TICK};
    uint32_t amount = tape_u16(&stage->tape);
    if (how == 0) {
        stage->now += (vx6_ns)(amount * 4 % LEAP_MAX_S) * VX6_SECOND;
        VX6_ASSERT(stage_input(stage, &in) == VX6_OK);
    } else if (how == 1) {
        in.kind = VX6_IN_WALLCLOCK;
        for (int i = 0; i < 8; i++)
            in.unix_ms = (int64_t)((uint64_t)in.unix_ms << 8 | tape_u8(&stage->tape));
        enum vx6_code code = stage_input(stage, &in);
        VX6_ASSERT(code == VX6_OK || code == VX6_INVALID);
    } else {
        stage_wait(stage, amount % STEP_MAX_MS * VX6_MILLISECOND);
    }
}

void script_starvation(struct stage *stage)
{
    stage->memory.fail_at = stage->memory.requests + 1 + tape_u8(&stage->tape);
}

void script_run(struct stage *stage, script_step *const steps[], size_t count)
{
    while (tape_left(&stage->tape) > 0) {
        steps[tape_u8(&stage->tape) % count](stage);
        stage_drain(stage);
        check_bounds(stage->node);
    }
}
