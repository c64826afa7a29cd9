/* SPDX-License-Identifier: MIT */
/* The handshake of a link, in both roles, with real cryptography. The peer is honest; the input
 * changes its payload, its messages and its first record, or says something else in their place. A
 * link comes up when nothing was changed, and only then. */
#include "stage.h"

enum {
    NODE_DIALS = 1,
    NODE_KNOWS_KEY = 2,
    OTHER_SUITE = 4,
    ONLY_NOISE = 8,
    OWN_PAYLOAD = 16,
    FLIPS_MAX = 4
};

struct scene {
    struct stage *stage;
    struct lane *lane;
    uint8_t flags;
    bool is_changed; /* something that the peer said */
};

/* Flips bits at places of the tape. */
static void change(struct scene *scene, uint8_t *data, size_t len)
{
    uint8_t before[RECORD_HEAD_SIZE + LINK_MESSAGE_MAX];
    memcpy(before, data, len);
    for (uint8_t flips = tape_u8(&scene->stage->tape) % FLIPS_MAX; flips > 0; flips--) {
        size_t place = tape_u16(&scene->stage->tape) % len;
        data[place] ^= tape_u8(&scene->stage->tape);
    }
    scene->is_changed = scene->is_changed || memcmp(before, data, len) != 0;
}

/* At once, or in pieces of a length that the tape chooses. */
static void give(struct scene *scene, const uint8_t *data, size_t len)
{
    size_t piece = tape_u8(&scene->stage->tape);
    while (len > 0) {
        size_t part = piece > 0 && piece < len ? piece : len;
        lane_give(scene->stage, scene->lane, 0, data, part);
        data += part;
        len -= part;
    }
}

static void send_message(struct scene *scene)
{
    struct stage *stage = scene->stage;
    uint8_t payload[LINK_PAYLOAD_SIZE], message[LINK_MESSAGE_MAX];
    lane_payload(scene->lane->peer, payload);
    if (scene->flags & OWN_PAYLOAD) {
        vx6_span said = tape_span(&stage->tape, sizeof payload);
        if (said.len > 0 && memcmp(payload, said.data, said.len) != 0) {
            scene->is_changed = true;
            memcpy(payload, said.data, said.len);
        }
    }
    change(scene, payload, sizeof payload);
    size_t len = stage->crypto.handshake_write(
        &stage->crypto, &scene->lane->noise, payload, sizeof payload, message);
    change(scene, message, len);
    give(scene, message, len);
}

/* The node's next bytes, of which the first `len` are a message. False: it has none. */
static bool hear_message(struct scene *scene, size_t len, uint8_t *message)
{
    static uint8_t buffer[VX6_FILL_MIN];
    struct vx6_batch batch = {.dst = buffer, .cap = sizeof buffer};
    if (!vx6_node_fill(scene->stage->node, scene->lane->id, &batch) || batch.len < len)
        return false;
    memcpy(message, buffer, len);
    return true;
}

static bool read_message(struct scene *scene, const uint8_t *message, size_t len)
{
    uint8_t payload[LINK_PAYLOAD_SIZE];
    const struct vx6_crypto *crypto = &scene->stage->crypto;
    return crypto->handshake_read(crypto, &scene->lane->noise, message, len, payload);
}

static void peer_dials(struct scene *scene)
{
    struct stage *stage = scene->stage;
    struct lane *lane = scene->lane;
    uint8_t message[LINK_MESSAGE_MAX];
    enum vx6_suite suite = scene->flags & OTHER_SUITE ? VX6_SUITE_AESGCM : VX6_SUITE_CHACHAPOLY;
    message[0] = (uint8_t)suite;
    lane_begin_noise(stage, lane, suite, message[0]);
    stage->crypto.handshake_write(&stage->crypto, &lane->noise, NULL, 0, message + 1);
    change(scene, message, LINK_MESSAGE_1_SIZE);
    give(scene, message, LINK_MESSAGE_1_SIZE);
    if (!hear_message(scene, LINK_MESSAGE_2_SIZE, message) ||
        !read_message(scene, message, LINK_MESSAGE_2_SIZE))
        return;
    send_message(scene);
}

/* The first record, by which the peer shows that it has the keys. */
static void send_hello(struct scene *scene)
{
    struct stage *stage = scene->stage;
    uint8_t record[64];
    struct vx6_msg hello = {.type = VX6_MSG_link_hello};
    size_t len = vx6_msg_encode(&hello, record + 4, sizeof record - 4 - VX6_TAG_SIZE);
    store_u16(record, (uint16_t)(2 + len + VX6_TAG_SIZE));
    store_u16(record + 2, (uint16_t)len);
    stage->crypto.seal(
        &stage->crypto, &scene->lane->send, record, 2, record + 2, 2 + len, record + 2);
    change(scene, record, 4 + len + VX6_TAG_SIZE);
    give(scene, record, 4 + len + VX6_TAG_SIZE);
}

static void node_dials(struct scene *scene)
{
    struct stage *stage = scene->stage;
    struct lane *lane = scene->lane;
    uint8_t message[LINK_MESSAGE_MAX];
    bool is_heard = hear_message(scene, LINK_MESSAGE_1_SIZE, message);
    VX6_ASSERT(is_heard);
    lane_begin_noise(stage, lane, lane_suite(stage, lane, message[0]), message[0]);
    VX6_ASSERT(lane_suite(stage, lane, message[0]) == stage->suite);
    VX6_ASSERT(read_message(scene, message + 1, LINK_MESSAGE_1_SIZE - 1));
    send_message(scene);
    if (!hear_message(scene, LINK_MESSAGE_3_SIZE, message) ||
        !read_message(scene, message, LINK_MESSAGE_3_SIZE))
        return;
    lane_split(stage, lane);
    send_hello(scene);
}

static void begin(struct scene *scene)
{
    struct stage *stage = scene->stage;
    struct stage_peer *peer = &stage->peers[0];
    if (!(scene->flags & NODE_DIALS)) {
        scene->lane = lane_accept(stage, peer, false);
        return;
    }
    struct vx6_in in = {.kind = VX6_IN_SESSION_OPEN, .peer = peer->addr};
    in.data = (const uint8_t *)"web";
    in.len = 3;
    if (scene->flags & NODE_KNOWS_KEY)
        memcpy(in.key, peer->keys.identity, sizeof in.key);
    VX6_ASSERT(stage_input(stage, &in) == VX6_OK);
    stage_id_add(stage, in.id, SLOT_SESSION);
    stage_drain(stage);
    scene->lane = lane_pick(stage);
    lane_up(stage, scene->lane, false);
}

static bool is_up(const struct stage *stage)
{
    const struct link *link = stage->node->links.first;
    return link && link->state == LINK_UP;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct stage *stage = stage_new(&vx6_crypto_real, data, len);
    struct scene scene = {.stage = stage, .flags = tape_u8(&stage->tape)};
    stage->suite = scene.flags & OTHER_SUITE ? VX6_SUITE_AESGCM : VX6_SUITE_CHACHAPOLY;
    stage_start(stage);
    begin(&scene);
    VX6_ASSERT(scene.lane);
    if (scene.flags & ONLY_NOISE) {
        scene.is_changed = true;
        give(&scene, stage->tape.at, tape_left(&stage->tape));
    } else if (scene.flags & NODE_DIALS) {
        node_dials(&scene);
    } else {
        peer_dials(&scene);
    }
    VX6_ASSERT(is_up(stage) == !scene.is_changed);
    stage->crypto.handshake_clear(&stage->crypto, &scene.lane->noise);
    stage_end(stage);
    return 0;
}
