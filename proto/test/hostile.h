/* SPDX-License-Identifier: MIT */
/* Peers that hold keys and keep to no rule: they answer queries as they like, finish handshakes and
 * then say anything on the link, plausible or not. For test_hostile.c. */
#ifndef VX6_HOSTILE_H
#define VX6_HOSTILE_H

#include "solo.h"

#include "arbitrary.h"
#include "bounds.h"
#include "link_internal.h"

enum {
    FOES = 8,
    LANES = 64,
    TALKS = 16,
    LANE_BUFFER = 200000
};

struct foe {
    struct own_keys keys;
    vx6_addr addr;
    uint8_t token[16];
    struct vx6_ask ask; /* the last one that it sent */
};

/* What a foe knows of one stream; enough to say something plausible. */
struct talk {
    bool used, accepted, ended;
    bool is_own; /* the foe opened it */
    uint32_t path, number;
    uint64_t sent, limit, received, window_told;
};

/* A carrier between the node and a foe. */
struct lane {
    vx6_id id;
    bool alive, dialling; /* by the node; the carrier is not up yet */
    bool is_initiator;    /* the foe is */
    bool wants_write;
    uint8_t step;    /* messages of the handshake so far; 3: done */
    uint32_t malice; /* per mille of what it says that is mutated */
    struct foe *foe;
    struct vx6_handshake noise;
    struct vx6_cipher send, receive;
    bool hello_sent;
    bool is_asked;                      /* the node waits for session_opened */
    bool is_listing;                    /* the foe waits for services */
    bool is_listed;                     /* so does the node */
    uint32_t list_number;               /* of the node's question */
    uint8_t offers[40];                 /* of the answer */
    bool is_reach_asked;                /* and for reach_answer */
    uint32_t path_last, node_path_last; /* highest number used by the foe, by the node */
    uint32_t stream_last;
    struct talk talks[TALKS];
    size_t len; /* bytes from the node that are not understood yet */
    uint8_t *bytes;
};

struct hostile {
    struct solo solo;
    struct arbitrary any;
    struct foe foes[FOES];
    struct lane lanes[LANES];
    bool silent; /* the foes say nothing any more */
    uint64_t frames_heard, links_up;
};

static inline uint32_t pick(struct hostile *hostile, uint32_t bound)
{
    return (uint32_t)(arbitrary_next(&hostile->any) >> 33) % bound;
}

static inline bool chance(struct hostile *hostile, uint32_t permille)
{
    return pick(hostile, 1000) < permille;
}

static inline void pick_bytes(struct hostile *hostile, uint8_t *dst, size_t len)
{
    for (size_t i = 0; i < len; i++)
        dst[i] = (uint8_t)pick(hostile, 256);
}

static inline void mutate(struct hostile *hostile, uint8_t *data, size_t len)
{
    for (uint32_t flips = 1 + pick(hostile, 3); len > 0 && flips > 0; flips--)
        data[pick(hostile, (uint32_t)len)] ^= (uint8_t)(1u << pick(hostile, 8));
}

static inline int64_t unix_s_now(const struct hostile *hostile)
{
    return node_unix_s(hostile->solo.node);
}

/* ---- records ---- */

static inline size_t foe_bundle(
    struct hostile *hostile, const struct foe *foe, uint8_t out[VX6_BUNDLE_MAX])
{
    static const char *const labels[] = {"", "alice", "bob"};
    const char *label = labels[pick(hostile, 3)];
    vx6_span services[] = {{(const uint8_t *)"web", 3}};
    vx6_addr addrs[2] = {foe->addr, hostile->foes[pick(hostile, FOES)].addr};
    struct vx6_hosted hosted = {.name = {(const uint8_t *)"db", 2}};
    const struct foe *other = &hostile->foes[pick(hostile, FOES)];
    memcpy(hosted.host, other->keys.identity, sizeof hosted.host);
    struct record_facts facts = {.sequence = 1 + pick(hostile, 50),
        .unix_s = unix_s_now(hostile) - (int64_t)pick(hostile, 1000),
        .life_s = 1 + pick(hostile, 7200),
        .endpoints = addrs,
        .endpoint_count = addr_equal(&addrs[0], &addrs[1]) ? 1 : pick(hostile, 3),
        .label = {(const uint8_t *)label, strlen(label)},
        .services = services,
        .service_count = pick(hostile, 2),
        .hosted = &hosted,
        .hosted_count = pick(hostile, 2)};
    size_t len = record_make_bundle(&hostile->solo.crypto, &foe->keys, &facts, out);
    if (chance(hostile, 50))
        mutate(hostile, out, len);
    return len;
}

static inline size_t foe_record(
    struct hostile *hostile, const struct foe *foe, uint8_t out[VX6_RECORD_MAX])
{
    vx6_addr addrs[2] = {foe->addr, hostile->solo.addr};
    struct record_facts facts = {.sequence = 1 + pick(hostile, 50),
        .unix_s = unix_s_now(hostile),
        .life_s = 1800,
        .endpoints = addrs,
        .endpoint_count = pick(hostile, 3)};
    return record_make_node(&hostile->solo.crypto, &foe->keys, &facts, out);
}

/* ---- queries ---- */

static inline void give_from(
    struct hostile *hostile, const vx6_addr *from, uint8_t datagram[VX6_DATAGRAM_SIZE])
{
    size_t len = chance(hostile, 10) ? pick(hostile, VX6_DATAGRAM_SIZE) : VX6_DATAGRAM_SIZE;
    if (chance(hostile, 20))
        mutate(hostile, datagram, len);
    for (uint32_t copies = chance(hostile, 50) ? 2 : 1; copies > 0; copies--)
        solo_give(&hostile->solo, from, datagram, len);
}

static inline void make_hints(struct hostile *hostile, uint8_t *storage, vx6_list *list)
{
    *list = (vx6_list){.bytes = {storage, 0}};
    for (uint32_t count = pick(hostile, 21); count > 0; count--) {
        const struct foe *foe = &hostile->foes[pick(hostile, FOES)];
        struct vx6_hint hint = {.port = foe->addr.port};
        memcpy(hint.key, foe->keys.identity, 32);
        memcpy(hint.ip, foe->addr.ip, 16);
        if (chance(hostile, 300))
            pick_bytes(hostile, hint.key, 32);
        if (chance(hostile, 300))
            hint.ip[15] = (uint8_t)pick(hostile, 256);
        if (chance(hostile, 30))
            memcpy(hint.key, hostile->solo.node->keys.identity, 32);
        bool pushed = vx6_push_hint(list, storage, 20 * VX6_HINT_SIZE, &hint);
        assert_true(pushed);
    }
}

struct parts {
    uint8_t hints[20 * VX6_HINT_SIZE];
    uint8_t bundle[VX6_BUNDLE_MAX];
    uint8_t record[VX6_RECORD_MAX];
};

/* The head comes first in every answer: one view serves them all. */
static inline void make_head(struct hostile *hostile, const struct foe *foe, struct vx6_msg *msg)
{
    struct vx6_pong *head = &msg->u.pong;
    uint8_t bytes[54];
    pick_bytes(hostile, head->token, sizeof head->token);
    head->time_s = (uint32_t)unix_s_now(hostile);
    head->contact_issued_s = chance(hostile, 900) ? head->time_s : 0;
    memcpy(bytes, foe->keys.identity, 32);
    memcpy(bytes + 32, foe->addr.ip, 16);
    store_u16(bytes + 48, foe->addr.port);
    store_u32(bytes + 50, head->contact_issued_s);
    const struct vx6_crypto *crypto = &hostile->solo.crypto;
    crypto->sign(crypto, head->contact_signature, foe->keys.identity_seed, foe->keys.identity,
        "vx6/contact/1", bytes, sizeof bytes);
    if (chance(hostile, 30))
        mutate(hostile, head->contact_signature, sizeof head->contact_signature);
}

static inline void make_answer(struct hostile *hostile, const struct foe *foe,
    const struct vx6_msg *ask, struct vx6_msg *answer, struct parts *parts)
{
    *answer = (struct vx6_msg){.type = (enum vx6_msg_type)(ask->type + 1)};
    if (ask->type == VX6_MSG_find_value && chance(hostile, 400))
        answer->type = VX6_MSG_nodes;
    if (chance(hostile, 20))
        answer->type = VX6_MSG_nodes;
    make_head(hostile, foe, answer);
    if (answer->type == VX6_MSG_pong) {
        answer->u.pong.record = (vx6_span){parts->record, foe_record(hostile, foe, parts->record)};
    } else if (answer->type == VX6_MSG_nodes) {
        make_hints(hostile, parts->hints, &answer->u.nodes.hints);
    } else if (answer->type == VX6_MSG_value) {
        const struct foe *owner = &hostile->foes[pick(hostile, FOES)];
        answer->u.value.count = (uint8_t)(1 + pick(hostile, 64));
        answer->u.value.index = ask->u.find_value.index;
        if (chance(hostile, 100))
            answer->u.value.index = (uint8_t)pick(hostile, 64);
        answer->u.value.bundle =
            (vx6_span){parts->bundle, foe_bundle(hostile, owner, parts->bundle)};
    } else if (answer->type == VX6_MSG_stored) {
        answer->u.stored.code = chance(hostile, 500) ? 0 : (uint16_t)pick(hostile, 70);
    } else {
        answer->u.announced.code = (uint16_t)pick(hostile, 70);
    }
}

static inline bool unpack(struct vx6_msg *msg, vx6_span payload)
{
    size_t len = load_u16(payload.data);
    return len <= payload.len - 2 &&
           vx6_msg_decode(msg, VX6_SCOPE_QUERY, payload.data + 2, len) == NULL;
}

static inline void foe_answer(struct hostile *hostile, struct foe *foe, const uint8_t *datagram)
{
    const struct vx6_crypto *crypto = &hostile->solo.crypto;
    uint8_t payload[VX6_ANSWER_PAYLOAD_SIZE], out[VX6_DATAGRAM_SIZE] = {9, 1}, seed[32];
    vx6_span asked;
    struct vx6_ask state;
    struct vx6_msg ask, answer;
    struct parts parts;
    if (!crypto->ask_open(
            crypto, &state, foe->keys.identity_seed, foe->keys.identity, datagram, payload, &asked))
        return; /* for one of the keys that nobody has */
    assert_true(unpack(&ask, asked));
    make_answer(hostile, foe, &ask, &answer, &parts);
    size_t len = vx6_msg_encode(&answer, payload + 2, sizeof payload - 2);
    assert_int_not_equal(len, 0);
    store_u16(payload, (uint16_t)len);
    if (chance(hostile, 20))
        mutate(hostile, payload, len + 2);
    memcpy(out + 4, datagram + 4, 8);
    pick_bytes(hostile, seed, sizeof seed);
    crypto->answer_seal(crypto, &state, seed, payload, len + 2, out);
    const struct foe *from = chance(hostile, 20) ? &hostile->foes[pick(hostile, FOES)] : foe;
    give_from(hostile, &from->addr, out);
}

/* A datagram of the node to a foe: asks are answered, answers bring tokens. */
static inline void foe_datagram(
    struct hostile *hostile, const vx6_addr *to, const uint8_t *datagram)
{
    const struct vx6_crypto *crypto = &hostile->solo.crypto;
    for (uint32_t i = 0; i < FOES; i++) {
        struct foe *foe = &hostile->foes[i];
        uint8_t room[VX6_ANSWER_PAYLOAD_SIZE];
        vx6_span payload;
        struct vx6_msg msg;
        struct answer_head head;
        if (!addr_equal(&foe->addr, to))
            continue;
        if (datagram[0] == 8 && chance(hostile, 800))
            foe_answer(hostile, foe, datagram);
        else if (datagram[0] == 9 &&
                 crypto->answer_open(crypto, &foe->ask, datagram, room, &payload) &&
                 unpack(&msg, payload) && answer_head(&msg, &head))
            memcpy(foe->token, head.token, sizeof foe->token);
        return;
    }
}

static inline void make_ask(
    struct hostile *hostile, struct foe *foe, struct vx6_msg *ask, struct parts *parts)
{
    *ask = (struct vx6_msg){.type = (enum vx6_msg_type)(VX6_MSG_ping + 2 * pick(hostile, 5))};
    struct own_keys *owner = &hostile->foes[pick(hostile, FOES)].keys;
    uint8_t key[32];
    memcpy(key, owner->id, sizeof key);
    if (chance(hostile, 500))
        name_key(&hostile->solo.crypto, key, (vx6_span){(const uint8_t *)"alice", 5});
    if (ask->type == VX6_MSG_find_node) {
        memcpy(ask->u.find_node.target, key, 32);
    } else if (ask->type == VX6_MSG_find_value) {
        memcpy(ask->u.find_value.key, key, 32);
        ask->u.find_value.index = (uint8_t)pick(hostile, 64);
    } else if (ask->type == VX6_MSG_store) {
        memcpy(ask->u.store.token, foe->token, 16);
        memcpy(ask->u.store.key, key, 32);
        ask->u.store.bundle = (vx6_span){parts->bundle,
            foe_bundle(hostile, CONTAINER_OF(owner, struct foe, keys), parts->bundle)};
    } else if (ask->type == VX6_MSG_announce) {
        memcpy(ask->u.announce.token, foe->token, 16);
        memcpy(ask->u.announce.key, owner->identity, 32);
        ask->u.announce.port = (uint16_t)(1 + pick(hostile, 5000));
    }
}

static inline void foe_ask(struct hostile *hostile)
{
    const struct vx6_crypto *crypto = &hostile->solo.crypto;
    const struct own_keys *node = &hostile->solo.node->keys;
    struct foe *foe = &hostile->foes[pick(hostile, FOES)];
    uint8_t payload[VX6_ASK_PAYLOAD_SIZE], out[VX6_DATAGRAM_SIZE] = {8, 1}, seed[32];
    struct vx6_msg ask;
    struct parts parts;
    make_ask(hostile, foe, &ask, &parts);
    size_t len = vx6_msg_encode(&ask, payload + 2, sizeof payload - 2);
    assert_int_not_equal(len, 0);
    store_u16(payload, (uint16_t)len);
    if (chance(hostile, 30))
        mutate(hostile, payload, len + 2);
    memcpy(out + 2, node->id, 2);
    pick_bytes(hostile, out + 4, 8);
    pick_bytes(hostile, seed, sizeof seed);
    crypto->ask_seal(crypto, &foe->ask, seed, node->identity, payload, len + 2, out);
    give_from(hostile, &foe->addr, out);
}

#endif
