/* SPDX-License-Identifier: MIT */
/* The driver of the node on the stage. Whatever the peers and the tape do, an object is told to end
 * once, limits are kept, and at the end all memory is given back. */
#include "stage.h"

#include <time.h>

enum {
    TICKS_MAX = 100000,
    CLOSING_S = 120
};

#define UNIX_MS INT64_C(1800000000000)

static vx6_addr addr_of(uint8_t number)
{
    return (vx6_addr){{0x20, 0x01, 0x0d, 0xb8, [7] = number, [15] = 1}, 4242};
}

int64_t stage_unix_s(const struct stage *stage)
{
    if (stage->node)
        return node_unix_s(stage->node);
    return stage->is_away ? (int64_t)time(NULL) : UNIX_MS / 1000;
}

static void peer_renew(struct stage *stage, struct stage_peer *peer)
{
    struct record_facts facts = {.sequence = 1,
        .unix_s = stage_unix_s(stage),
        .life_s = 1800,
        .endpoints = &peer->addr,
        .endpoint_count = 1};
    peer->record_len = record_make_node(&stage->crypto, &peer->keys, &facts, peer->record);
}

static void peer_init(struct stage *stage, struct stage_peer *peer, uint8_t number)
{
    peer->addr = addr_of(number);
    stage_replace_peer(stage, peer, number);
}

void stage_replace_peer(struct stage *stage, struct stage_peer *peer, uint32_t number)
{
    uint8_t seed[32] = {(uint8_t)number, 9};
    store_u32(seed + 4, number >> 8);
    own_keys_init(&peer->keys, &stage->crypto, seed);
    peer_renew(stage, peer);
}

void stage_renew_peers(struct stage *stage)
{
    for (uint32_t i = 0; i < STAGE_PEERS; i++)
        peer_renew(stage, &stage->peers[i]);
}

static void take_outputs(struct stage *stage);

/* Made once: they are the same for all inputs, which all have one provider. */
static struct stage_peer peers_made[STAGE_PEERS];

static void give_bytes(
    struct stage *stage, struct lane *lane, uint8_t channel, const uint8_t *data, size_t len)
{
    struct vx6_in in = {
        .kind = VX6_IN_LINK_BYTES, .id = lane->id, .channel = channel, .data = data, .len = len};
    VX6_ASSERT(stage_input(stage, &in) != VX6_INVALID);
}

static void give_datagram(
    struct stage *stage, const vx6_addr *from, const uint8_t *data, size_t len)
{
    for (uint32_t i = 0; i < VX6_EXPECT_STEPS; i++)
        vx6_node_expect(stage->node, i, data, len);
    struct vx6_in in = {.kind = VX6_IN_DATAGRAM, .peer = *from, .data = data, .len = len};
    VX6_ASSERT(stage_input(stage, &in) == VX6_OK);
}

struct stage *stage_new(const struct vx6_crypto *crypto, const uint8_t *data, size_t len)
{
    struct stage *stage = calloc(1, sizeof *stage);
    VX6_ASSERT(stage);
    stage->tape = (struct tape){data, len > 0 ? data + len : data};
    stage->crypto = *crypto;
    stage->limits = vx6_limits_default;
    stage->suite = VX6_SUITE_CHACHAPOLY;
    stage->carrier = (struct stage_carrier){give_bytes, give_datagram, take_outputs};
    stage->now = VX6_SECOND;
    tighten(&stage->limits);
    stage->limits.link_max = 6;
    stage->limits.service_max = 2;
    if (peers_made[0].record_len == 0) {
        for (uint8_t i = 0; i < STAGE_PEERS; i++)
            peer_init(stage, &peers_made[i], (uint8_t)(100 + i));
    }
    memcpy(stage->peers, peers_made, sizeof stage->peers);
    return stage;
}

void stage_start(struct stage *stage)
{
    vx6_config config = {
        .sequence_first = 1, .unix_ms = UNIX_MS, .suite = stage->suite, .identity_seed = {1}};
    stage->env = vx6_env_new((vx6_alloc){memory_resize, &stage->memory}, &stage->crypto,
        &stage->limits, stage->trace.event ? &stage->trace : NULL);
    VX6_ASSERT(stage->env);
    stage->node = vx6_node_new(stage->env, &config, stage->now);
    VX6_ASSERT(stage->node);
    vx6_node_identity(stage->node, stage->node_key, stage->node_id);
    stage->addr = addr_of(1);
    struct vx6_in in = {.kind = VX6_IN_ENDPOINT_ADD, .peer = stage->addr};
    VX6_ASSERT(stage_input(stage, &in) == VX6_OK);
}

void stage_start_away(
    struct stage *stage, const uint8_t key[32], const struct stage_carrier *carrier)
{
    stage->is_away = true;
    stage->carrier = *carrier;
    memcpy(stage->node_key, key, 32);
    vx6_node_id(&stage->crypto, stage->node_id, key);
}

enum vx6_code stage_input(struct stage *stage, struct vx6_in *in)
{
    return vx6_node_input(stage->node, stage->now, in);
}

/* ---- objects ---- */

void stage_id_add(struct stage *stage, vx6_id id, enum slot_kind kind)
{
    VX6_ASSERT(stage->id_count < STAGE_IDS);
    stage->ids[stage->id_count++] = (struct stage_id){id, kind};
}

static struct stage_id *id_find(struct stage *stage, vx6_id id)
{
    for (uint32_t i = 0; i < stage->id_count; i++) {
        if (stage->ids[i].id.bits == id.bits)
            return &stage->ids[i];
    }
    return NULL;
}

/* Told once, and of nothing that was never there. */
static void id_end(struct stage *stage, vx6_id id, enum slot_kind kind)
{
    struct stage_id *known = id_find(stage, id);
    VX6_ASSERT(known && known->kind == kind);
    *known = stage->ids[--stage->id_count];
}

vx6_id stage_id_pick(struct stage *stage, enum slot_kind kind)
{
    uint8_t choice = tape_u8(&stage->tape);
    uint32_t seen = 0, count = 0;
    for (uint32_t i = 0; i < stage->id_count; i++)
        count += stage->ids[i].kind == kind;
    if (choice == 0xff || count == 0)
        return (vx6_id){(uint32_t)tape_u16(&stage->tape) << 16 | choice};
    for (uint32_t i = 0; i < stage->id_count; i++) {
        if (stage->ids[i].kind == kind && seen++ == choice % count)
            return stage->ids[i].id;
    }
    return (vx6_id){0};
}

void stage_stream_read(struct stage *stage, vx6_id stream, size_t max)
{
    vx6_span spans[3];
    bool end;
    size_t count = vx6_stream_peek(stage->node, stream, spans, 3, &end);
    size_t held = 0;
    for (size_t i = 0; i < count; i++)
        held += spans[i].len;
    vx6_stream_release(stage->node, stream, held < max ? held : max);
}

void stage_stream_write(struct stage *stage, vx6_id stream, size_t max, bool fin)
{
    struct vx6_room room;
    if (vx6_stream_reserve(stage->node, stream, &room, 1) == 0)
        return;
    size_t len = room.len < max ? room.len : max;
    memset(room.data, 7, len);
    vx6_stream_commit(stage->node, stream, len, fin);
}

/* ---- outputs ---- */

static struct lane *lane_of(struct stage *stage, vx6_id id)
{
    for (uint32_t i = 0; i < STAGE_LANES; i++) {
        if (stage->lanes[i].is_alive && stage->lanes[i].id.bits == id.bits)
            return &stage->lanes[i];
    }
    return NULL;
}

static void dialled(struct stage *stage, const struct vx6_out *out)
{
    struct lane *lane = lane_new(stage, out->id, &stage->peers[0]);
    lane->is_dialling = true;
    for (uint32_t i = 0; i < STAGE_PEERS; i++) {
        if (memcmp(out->peer.ip, stage->peers[i].addr.ip, sizeof out->peer.ip) == 0)
            lane->peer = &stage->peers[i];
    }
}

static void fill(struct stage *stage, vx6_id carrier)
{
    static uint8_t buffer[2 * VX6_FILL_MIN];
    struct vx6_batch batch = {.dst = buffer, .cap = VX6_FILL_MIN};
    struct lane *lane = lane_of(stage, carrier);
    VX6_ASSERT(lane || carrier.bits == VX6_DATAGRAMS.bits);
    while (vx6_node_fill(stage->node, carrier, &batch)) {
        VX6_ASSERT(batch.len > 0 && batch.len <= batch.cap && batch.segment_len > 0);
        if (stage->is_silent)
            continue;
        if (lane) {
            lane_hear(stage, lane, &batch);
            continue;
        }
        for (size_t at = 0; at < batch.len; at += batch.segment_len)
            peer_hear(stage, &batch.peer, (vx6_span){buffer + at, batch.segment_len});
    }
}

static void take_output(struct stage *stage, const struct vx6_out *out)
{
    if (stage->hooks.output)
        stage->hooks.output(stage, out);
    switch (out->kind) {
    case VX6_OUT_LINK_DIAL:
        dialled(stage, out);
        break;
    case VX6_OUT_LINK_CLOSE:
        VX6_ASSERT(lane_of(stage, out->id));
        lane_clear(stage, lane_of(stage, out->id));
        break;
    case VX6_OUT_WANT_WRITE:
        fill(stage, out->id);
        break;
    case VX6_OUT_SESSION_DOWN:
        id_end(stage, out->id, SLOT_SESSION);
        break;
    case VX6_OUT_STREAM_INCOMING:
        stage_id_add(stage, out->id, SLOT_STREAM);
        break;
    case VX6_OUT_STREAM_READABLE:
        VX6_ASSERT(id_find(stage, out->id));
        stage_stream_read(stage, out->id, SIZE_MAX);
        break;
    case VX6_OUT_STREAM_CLOSED:
        id_end(stage, out->id, SLOT_STREAM);
        break;
    case VX6_OUT_OP_DONE:
        id_end(stage, out->id, SLOT_OP);
        break;
    case VX6_OUT_SESSION_UP:
    case VX6_OUT_STREAM_WRITABLE:
    case VX6_OUT_CANDIDATE:
        VX6_ASSERT(id_find(stage, out->id));
        break;
    case VX6_OUT_LINK_PAUSE:
    case VX6_OUT_LINK_RESUME:
        VX6_ASSERT(lane_of(stage, out->id));
        break;
    case VX6_OUT_NAME_BOUND:
    case VX6_OUT_KEY_CLASH:
        VX6_ASSERT(vx6_label_is_valid(out->value));
        break;
    case VX6_OUT_KEY_FOLLOWED:
        VX6_ASSERT(out->value.len == sizeof out->key);
        break;
    case VX6_OUT_KEY_REVOKED: {
        uint8_t key[32];
        VX6_ASSERT(vx6_certificate_check(stage->node->env->crypto, out->value, key));
        break;
    }
    case VX6_OUT_CONTACT:
    case VX6_OUT_CLOCK:
        break;
    }
}

static void take_outputs(struct stage *stage)
{
    struct vx6_out out;
    while (vx6_node_output(stage->node, &out))
        take_output(stage, &out);
}

void stage_drain(struct stage *stage)
{
    stage->carrier.drain(stage);
}

void stage_wait(struct stage *stage, vx6_ns ns)
{
    vx6_ns end = stage->now + ns;
    struct vx6_in in = {.kind = VX6_IN_TICK};
    uint32_t ticks = 0;
    while (vx6_node_deadline(stage->node) <= end) {
        if (vx6_node_deadline(stage->node) > stage->now)
            stage->now = vx6_node_deadline(stage->node);
        VX6_ASSERT(stage_input(stage, &in) == VX6_OK);
        stage_drain(stage);
        VX6_ASSERT(ticks++ < TICKS_MAX); /* else time stands still */
    }
    stage->now = end;
}

void stage_end(struct stage *stage)
{
    struct vx6_in in = {.kind = VX6_IN_SHUTDOWN};
    stage->is_silent = true;
    stage->memory.fail_at = 0;
    VX6_ASSERT(stage_input(stage, &in) == VX6_OK);
    stage_drain(stage);
    stage_wait(stage, CLOSING_S * VX6_SECOND);
    VX6_ASSERT(vx6_node_is_closed(stage->node) && stage->id_count == 0);
    vx6_node_free(stage->node);
    vx6_env_free(stage->env);
    VX6_ASSERT(stage->memory.held == 0);
    for (uint32_t i = 0; i < STAGE_LANES; i++)
        VX6_ASSERT(!stage->lanes[i].is_alive);
    free(stage);
}
