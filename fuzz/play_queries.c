/* SPDX-License-Identifier: MIT */
/* Queries in both directions: peers ask, and answer what the node asks on its driver's or its own
 * behalf. */
#include "play.h"

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

static size_t make_ask(struct play *play, const struct stage_peer *peer, enum vx6_msg_type type,
    uint8_t *dst, size_t cap)
{
    uint8_t storage[VX6_BUNDLE_MAX];
    struct vx6_msg msg = {.type = type};
    switch ((unsigned)type) { /* only these have fields that matter */
    case VX6_MSG_find_node:
        any_key(play, msg.u.find_node.target);
        break;
    case VX6_MSG_find_value:
        any_key(play, msg.u.find_value.key);
        break;
    case VX6_MSG_store:
        memcpy(msg.u.store.key, peer->keys.id, 32);
        msg.u.store.bundle = (vx6_span){
            storage, peer_bundle(play->stage, peer, (uint8_t)chance_next(&play->chance), storage)};
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
    return vx6_msg_encode(&msg, dst, cap);
}

/* More newcomers, of whom none is there, than the node asks at once. */
static void announce_others(struct play *play, struct stage_peer *peer)
{
    for (uint32_t i = 0; i < STAGE_PEERS; i++) {
        uint8_t bytes[ASK_MAX];
        size_t len = make_ask(play, &play->stage->peers[i], VX6_MSG_announce, bytes, sizeof bytes);
        peer_ask(play->stage, peer, (vx6_span){bytes, len}, true);
    }
    stage_drain(play->stage);
}

void play_spoil_ask(struct play *play, struct stage_peer *peer)
{
    static const enum vx6_msg_type types[] = {VX6_MSG_ping, VX6_MSG_find_node, VX6_MSG_find_value,
        VX6_MSG_store, VX6_MSG_store, VX6_MSG_store, VX6_MSG_announce, VX6_MSG_announce,
        VX6_MSG_sync};
    struct stage *stage = play->stage;
    uint32_t draw = chance_below(&play->chance, 100);
    play_arm(play, draw < 85 ? SAID_ASK : draw < 91 ? SAID_ASK_PAYLOAD : SENT_ASK);
    enum vx6_msg_type type = types[chance_below(&play->chance, sizeof types / sizeof types[0])];
    if (type == VX6_MSG_store) {
        uint8_t facts = (uint8_t)chance_next(&play->chance);
        peer_store(stage, peer, facts, (uint8_t)chance_next(&play->chance));
    } else {
        uint8_t bytes[ASK_MAX];
        size_t len = make_ask(play, peer, type, bytes, sizeof bytes);
        peer_ask(stage, peer, (vx6_span){bytes, len}, chance_of(&play->chance, 95));
    }
    stage_drain(stage);
    play->is_armed = false;
}

/* A few milliseconds between asks: sometimes more come than the node answers without a cookie. */
void play_ask_scene(struct play *play)
{
    struct stage *stage = play->stage;
    struct stage_peer *peer = &stage->peers[chance_below(&play->chance, STAGE_PEERS)];
    stage_wait(stage, chance_below(&play->chance, 16) * VX6_MILLISECOND);
    if (chance_of(&play->chance, 3))
        announce_others(play, peer);
    play_spoil_ask(play, peer);
}

/* ---- answers ---- */

static size_t value_answer(
    struct play *play, const struct stage_peer *peer, uint8_t index, uint8_t *message)
{
    uint8_t bundle[VX6_BUNDLE_MAX];
    struct vx6_msg answer = {.type = VX6_MSG_value};
    uint8_t facts = play->is_honest ? 1 : (uint8_t)chance_next(&play->chance);
    peer_head(play->stage, peer, &answer);
    answer.u.value.index = index;
    answer.u.value.count = (uint8_t)(index + 1);
    answer.u.value.bundle = (vx6_span){bundle, peer_bundle(play->stage, peer, facts, bundle)};
    return vx6_msg_encode(&answer, message, ANSWER_MAX);
}

void play_honest_query(struct play *play, struct buffer *message, enum vx6_msg_type type)
{
    struct stage_peer *peer = &play->stage->peers[chance_below(&play->chance, STAGE_PEERS)];
    bool is_ask = (type & 1) == 0; /* an answer has the number after that of its ask */
    if (type == VX6_MSG_value)
        message->len = value_answer(play, peer, 0, message->data);
    else if (!is_ask)
        message->len =
            peer_answer(play->stage, peer, (uint8_t)(type - 1), message->data, message->cap);
    else
        message->len = make_ask(play, peer, type, message->data, message->cap);
}

size_t play_answer(struct stage *stage, const struct stage_peer *peer, const struct vx6_msg *asked,
    uint8_t *message)
{
    struct play *play = stage->context;
    if (play->is_stranger && peer == &stage->peers[STAGE_PEERS - 1])
        play_arm(play, SAID_ANSWER);
    uint32_t draw = chance_below(&play->chance, 100);
    bool has_value = play->is_honest ? peer == &stage->peers[0] : draw < 60;
    if (play->is_honest)
        draw = 0;
    if (draw >= 95)
        return draw < 98 ? ANSWER_COOKIE : 0;
    if (play->is_armed && play->target == SENT_COOKIE && draw >= 50)
        return ANSWER_COOKIE;
    if (asked->type == VX6_MSG_find_value && has_value)
        return value_answer(play, peer, asked->u.find_value.index, message);
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
    play_arm(play, points[chance_below(&play->chance, sizeof points / sizeof points[0])]);
    stir(play);
    stage_drain(play->stage);
    stage_wait(play->stage, chance_below(&play->chance, 1500) * VX6_MILLISECOND);
    play->is_armed = false;
}

/* Somebody takes the place of the last peer whom the node does not know yet: it has to prove its
 * address with its first answer. */
void play_stranger_scene(struct play *play)
{
    struct stage *stage = play->stage;
    struct stage_peer *stranger = &stage->peers[STAGE_PEERS - 1];
    uint8_t bytes[ASK_MAX];
    stage_replace_peer(stage, stranger, ++play->strangers + UINT8_MAX);
    play->is_stranger = true;
    if (chance_of(&play->chance, 40)) {
        size_t len = make_ask(play, stranger, VX6_MSG_announce, bytes, sizeof bytes);
        peer_ask(stage, stranger, (vx6_span){bytes, len}, true);
    } else {
        stir(play);
    }
    stage_drain(stage);
    play->is_armed = play->is_stranger = false;
}
