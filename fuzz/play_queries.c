/* SPDX-License-Identifier: MIT */
/* Queries in both directions: peers ask, and answer what the node asks on its driver's or its own
 * behalf. */
#include "play.h"

static void arm(struct play *play, enum stage_point point)
{
    play->target = point;
    play->is_armed = true;
}

/* ---- asks ---- */

static vx6_span label_of(struct play *play)
{
    static const char *const labels[] = {"alice", "alice", "bob", "carol"};
    const char *label = labels[chance_below(&play->chance, 4)];
    return (vx6_span){(const uint8_t *)label, strlen(label)};
}

static void any_key(struct play *play, uint8_t key[32])
{
    if (chance_of(&play->chance, 60))
        name_key(&play->stage->crypto, key, label_of(play));
    else
        memcpy(key, play->stage->peers[chance_below(&play->chance, STAGE_PEERS)].keys.id, 32);
}

static void fill_sync(struct play *play, struct vx6_sync *sync, uint8_t *storage, size_t cap)
{
    for (uint32_t count = chance_below(&play->chance, 5); count > 0; count--) {
        struct vx6_item item = {.sequence = 1 + chance_below(&play->chance, 9)};
        any_key(play, item.key);
        memcpy(item.owner, play->stage->peers[count % STAGE_PEERS].keys.id, 32);
        VX6_ASSERT(vx6_push_item(&sync->items, storage, cap, &item));
    }
}

static void ask(struct play *play, struct stage_peer *peer, enum vx6_msg_type type)
{
    uint8_t storage[400], bytes[ASK_MAX];
    struct vx6_msg msg = {.type = type};
    switch ((unsigned)type) { /* only these have fields that matter */
    case VX6_MSG_find_node:
        any_key(play, msg.u.find_node.target);
        break;
    case VX6_MSG_find_value:
        any_key(play, msg.u.find_value.key);
        break;
    case VX6_MSG_announce:
        memcpy(msg.u.announce.key, peer->keys.identity, 32);
        msg.u.announce.port = peer->addr.port;
        break;
    case VX6_MSG_sync:
        fill_sync(play, &msg.u.sync, storage, sizeof storage);
        break;
    default:
        break;
    }
    size_t len = vx6_msg_encode(&msg, bytes, sizeof bytes);
    peer_ask(play->stage, peer, (vx6_span){bytes, len}, chance_of(&play->chance, 95));
}

/* A few milliseconds between asks: sometimes more come than the node answers without a cookie. */
void play_ask_scene(struct play *play)
{
    static const enum vx6_msg_type types[] = {VX6_MSG_ping, VX6_MSG_find_node, VX6_MSG_find_value,
        VX6_MSG_store, VX6_MSG_store, VX6_MSG_store, VX6_MSG_announce, VX6_MSG_announce,
        VX6_MSG_sync};
    struct stage *stage = play->stage;
    struct stage_peer *peer = &stage->peers[chance_below(&play->chance, STAGE_PEERS)];
    uint32_t draw = chance_below(&play->chance, 100);
    stage_wait(stage, chance_below(&play->chance, 16) * VX6_MILLISECOND);
    arm(play, draw < 85 ? SAID_ASK : draw < 91 ? SAID_ASK_PAYLOAD : SENT_ASK);
    enum vx6_msg_type type = types[chance_below(&play->chance, sizeof types / sizeof types[0])];
    if (type == VX6_MSG_store)
        peer_store(
            stage, peer, (uint8_t)chance_next(&play->chance), (uint8_t)chance_next(&play->chance));
    else
        ask(play, peer, type);
    stage_drain(stage);
    play->is_armed = false;
}

/* ---- answers ---- */

static size_t value_answer(
    struct play *play, const struct stage_peer *peer, const struct vx6_msg *asked, uint8_t *message)
{
    uint8_t bundle[VX6_BUNDLE_MAX];
    struct vx6_msg answer = {.type = VX6_MSG_value};
    uint8_t facts = play->is_honest ? 1 : (uint8_t)chance_next(&play->chance);
    peer_head(play->stage, peer, &answer);
    answer.u.value.index = asked->u.find_value.index;
    answer.u.value.count = (uint8_t)(asked->u.find_value.index + 1);
    answer.u.value.bundle = (vx6_span){bundle, peer_bundle(play->stage, peer, facts, bundle)};
    return vx6_msg_encode(&answer, message, ANSWER_MAX);
}

size_t play_answer(struct stage *stage, const struct stage_peer *peer, const struct vx6_msg *asked,
    uint8_t *message)
{
    struct play *play = stage->context;
    uint32_t draw = chance_below(&play->chance, 100);
    bool has_value = play->is_honest ? peer == &stage->peers[0] : draw < 60;
    if (play->is_honest)
        draw = 0;
    if (draw >= 95)
        return draw < 98 ? ANSWER_COOKIE : 0;
    if (asked->type == VX6_MSG_find_value && has_value)
        return value_answer(play, peer, asked, message);
    return peer_answer(stage, peer, (uint8_t)asked->type, message, ANSWER_MAX);
}

/* Something that makes the node ask. */
static void stir(struct play *play)
{
    struct stage *stage = play->stage;
    struct vx6_in in = {.kind = VX6_IN_RESOLVE};
    uint32_t draw = chance_below(&play->chance, 100);
    if (draw < 30) {
        in.kind = VX6_IN_LOOKUP;
        any_key(play, in.key);
    } else if (draw < 70) {
        vx6_span label = label_of(play);
        in.data = label.data;
        in.len = label.len;
    } else {
        in.kind = draw < 85 ? VX6_IN_SERVICE_ADD : VX6_IN_SERVICE_REMOVE; /* published anew */
        in.data = (const uint8_t *)"aux";
        in.len = 3;
    }
    if (stage_input(stage, &in) == VX6_OK && in.id.bits != 0)
        stage_id_add(stage, in.id, SLOT_OP);
}

void play_answer_scene(struct play *play)
{
    static const enum stage_point points[] = {SAID_ANSWER, SAID_ANSWER, SAID_ANSWER, SAID_ANSWER,
        SAID_ANSWER, SAID_ANSWER_PAYLOAD, SENT_ANSWER, SENT_COOKIE};
    arm(play, points[chance_below(&play->chance, sizeof points / sizeof points[0])]);
    stir(play);
    stage_drain(play->stage);
    stage_wait(play->stage, chance_below(&play->chance, 1500) * VX6_MILLISECOND);
    play->is_armed = false;
}
