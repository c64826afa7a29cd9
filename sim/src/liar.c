/* SPDX-License-Identifier: MIT */
#include "liar.h"
#include "actor.h"
#include "vx6/msg.h"

#include <stdlib.h>
#include <string.h>

/* Each liar is of one kind, by its index. */
enum kind {
    KIND_HINTS,   /* names colluders near the target, and nobody at addresses of others */
    KIND_RECORDS, /* shows the first bundle that it was ever given, or a forged one */
    KIND_SILENCE, /* answers no lookup */
    KIND_COUNT
};

enum {
    TYPE_ASK = 0x08,
    TYPE_ANSWER = 0x09,
    QUERY_SUITE = 1,
    KEPT_MAX = 32,
    COLLUDER_HINTS = 12,
    CONTACT_SIZE = 54
};

/* What it was given first under a key. */
struct kept {
    uint8_t key[32];
    uint32_t len;
    uint8_t bundle[VX6_BUNDLE_MAX];
};

struct liar {
    struct draw draw;
    uint8_t seed[32];
    uint32_t kept_count;
    struct kept *kept[KEPT_MAX];
};

bool liar_is(const struct world *world, uint32_t index)
{
    struct draw draw = draw_init(world->options.seed, PURPOSE_LIAR, index);
    return draw_below(&draw, 1000000) < world->options.liar_ppm;
}

void liar_add(struct world *world, struct actor *actor)
{
    if (!liar_is(world, actor->index))
        return;
    struct liar *liar = pool_take(&actor->shard->pool, sizeof *liar);
    memset(liar, 0, sizeof *liar);
    liar->draw = draw_init(world->options.seed, PURPOSE_LIE, actor->index);
    world_identity_seed(world, actor->index, liar->seed);
    actor->liar = liar;
    world->liars = realloc(world->liars, (world->liar_count + 1) * sizeof *world->liars);
    VX6_ASSERT(world->liars != NULL);
    struct colluder *colluder = &world->liars[world->liar_count++];
    colluder->index = actor->index;
    uint8_t key[32];
    vx6_node_identity(actor->node, key, colluder->id);
}

void liar_free(struct actor *actor)
{
    if (actor->liar == NULL)
        return;
    struct pool *pool = &actor->shard->pool;
    for (uint32_t i = 0; i < actor->liar->kept_count; i++)
        pool_give(pool, actor->liar->kept[i], sizeof *actor->liar->kept[i]);
    pool_give(pool, actor->liar, sizeof *actor->liar);
}

static void random_bytes(struct liar *liar, uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(draw_next(&liar->draw) >> 56);
}

static void put_u16(uint8_t *bytes, uint16_t value)
{
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

static const struct kept *kept_find(const struct liar *liar, const uint8_t key[32])
{
    for (uint32_t i = 0; i < liar->kept_count; i++) {
        if (memcmp(liar->kept[i]->key, key, 32) == 0)
            return liar->kept[i];
    }
    return NULL;
}

static void keep(struct actor *actor, const struct vx6_store *store)
{
    struct liar *liar = actor->liar;
    if (liar->kept_count == KEPT_MAX || kept_find(liar, store->key))
        return;
    struct kept *kept = pool_take(&actor->shard->pool, sizeof *kept);
    memcpy(kept->key, store->key, sizeof kept->key);
    kept->len = (uint32_t)store->bundle.len;
    memcpy(kept->bundle, store->bundle.data, store->bundle.len);
    liar->kept[liar->kept_count++] = kept;
}

/* Its address is its own and truly signed: only so does it stay in tables. */
static void sign_contact(struct actor *actor, uint32_t *issued_s, uint8_t signature[VX6_SIG_SIZE])
{
    const struct world *world = actor->shard->world;
    const struct vx6_crypto *crypto = &actor->shard->crypto;
    const uint8_t *key = world->keys[actor->index];
    vx6_addr addr = world_addr(world, actor->index);
    uint8_t bytes[CONTACT_SIZE];
    *issued_s = (uint32_t)(world_unix_ms(actor->shard->now) / 1000);
    memcpy(bytes, key, 32);
    memcpy(bytes + 32, addr.ip, 16);
    put_u16(bytes + 48, addr.port);
    put_u16(bytes + 50, (uint16_t)(*issued_s >> 16));
    put_u16(bytes + 52, (uint16_t)*issued_s);
    crypto->sign(crypto, signature, actor->liar->seed, key, "vx6/contact/1", bytes, sizeof bytes);
}

/* < 0: a is closer to the target. */
static int compare_distance(const uint8_t target[32], const uint8_t a[32], const uint8_t b[32])
{
    for (uint32_t i = 0; i < 32; i++) {
        if (a[i] != b[i])
            return (a[i] ^ target[i]) < (b[i] ^ target[i]) ? -1 : 1;
    }
    return 0;
}

/* The live colluders closest to the target. */
static uint32_t closest_colluders(
    const struct actor *actor, const uint8_t target[32], const struct colluder **closest)
{
    const struct world *world = actor->shard->world;
    uint32_t count = 0;
    for (uint32_t i = 0; i < world->liar_count; i++) {
        const struct colluder *colluder = &world->liars[i];
        if (world->members[colluder->index].actor == NULL)
            continue;
        uint32_t at = count;
        while (at > 0 && compare_distance(target, colluder->id, closest[at - 1]->id) < 0)
            at--;
        if (at == COLLUDER_HINTS)
            continue;
        count += count < COLLUDER_HINTS;
        memmove(&closest[at + 1], &closest[at], (count - at - 1) * sizeof closest[0]);
        closest[at] = colluder;
    }
    return count;
}

static void push(vx6_list *hints, uint8_t *storage, const uint8_t key[32], const vx6_addr *addr)
{
    struct vx6_hint hint = {.port = addr->port};
    memcpy(hint.key, key, sizeof hint.key);
    memcpy(hint.ip, addr->ip, sizeof hint.ip);
    VX6_ASSERT(vx6_push_hint(hints, storage, VX6_CONTACT_COUNT_MAX * VX6_HINT_SIZE, &hint));
}

static void lie_hints(
    struct actor *actor, const uint8_t target[32], struct vx6_nodes *nodes, uint8_t *storage)
{
    const struct world *world = actor->shard->world;
    const struct colluder *closest[COLLUDER_HINTS + 1];
    uint32_t count = closest_colluders(actor, target, closest);
    nodes->hints = (vx6_list){.bytes.data = storage};
    for (uint32_t i = 0; i < count; i++) {
        vx6_addr addr = world_addr(world, closest[i]->index);
        push(&nodes->hints, storage, world->keys[closest[i]->index], &addr);
    }
    while (nodes->hints.count < VX6_CONTACT_COUNT_MAX) {
        uint8_t key[32];
        vx6_addr addr = world_addr(world, draw_below(&actor->liar->draw, world->member_count));
        random_bytes(actor->liar, key, sizeof key);
        push(&nodes->hints, storage, key, &addr);
    }
}

/* The oldest that it has, or, every other time, bytes like those with a few changed. */
static void lie_record(
    struct actor *actor, const uint8_t key[32], struct vx6_value *value, uint8_t *storage)
{
    struct liar *liar = actor->liar;
    const struct kept *kept = kept_find(liar, key);
    if (kept == NULL && liar->kept_count > 0)
        kept = liar->kept[draw_below(&liar->draw, liar->kept_count)];
    value->count = 1;
    if (kept == NULL) {
        value->bundle = (vx6_span){storage, VX6_BUNDLE_MAX / 2};
        random_bytes(liar, storage, value->bundle.len);
        return;
    }
    memcpy(storage, kept->bundle, kept->len);
    value->bundle = (vx6_span){storage, kept->len};
    if (draw_next(&liar->draw) >> 63)
        random_bytes(liar, storage + draw_below(&liar->draw, kept->len - 8), 8);
}

static size_t seal(struct actor *actor, struct vx6_ask *state, const uint8_t *ask,
    const struct vx6_msg *msg, uint8_t *answer)
{
    const struct vx6_crypto *crypto = &actor->shard->crypto;
    uint8_t payload[VX6_ANSWER_PAYLOAD_SIZE], seed[32];
    size_t len = vx6_msg_encode(msg, payload + 2, sizeof payload - 2);
    put_u16(payload, (uint16_t)len);
    memset(answer, 0, VX6_QUERY_HEADER_SIZE);
    answer[0] = TYPE_ANSWER;
    answer[1] = QUERY_SUITE;
    memcpy(answer + 4, ask + 4, 8);
    random_bytes(actor->liar, seed, sizeof seed);
    crypto->answer_seal(crypto, state, seed, payload, 2 + len, answer);
    return VX6_DATAGRAM_SIZE;
}

bool liar_datagram(
    struct actor *actor, const uint8_t *data, size_t len, uint8_t *answer, size_t *answer_len)
{
    const struct vx6_crypto *crypto = &actor->shard->crypto;
    uint8_t room[VX6_ASK_PAYLOAD_SIZE], storage[VX6_ANSWER_PAYLOAD_SIZE];
    vx6_span payload;
    struct vx6_ask state;
    struct vx6_msg ask;
    *answer_len = 0;
    if (len != VX6_DATAGRAM_SIZE || data[0] != TYPE_ASK ||
        !crypto->ask_open(crypto, &state, actor->liar->seed,
            actor->shard->world->keys[actor->index], data, room, &payload))
        return false;
    size_t ask_len = (size_t)payload.data[0] << 8 | payload.data[1];
    if (ask_len > payload.len - 2 ||
        vx6_msg_decode(&ask, VX6_SCOPE_QUERY, payload.data + 2, ask_len) != NULL)
        return false;
    enum kind kind = (enum kind)(actor->index % KIND_COUNT);
    bool is_find = ask.type == VX6_MSG_find_node || ask.type == VX6_MSG_find_value;
    const uint8_t *target =
        ask.type == VX6_MSG_find_node ? ask.u.find_node.target : ask.u.find_value.key;
    struct vx6_msg lie = {.type = VX6_MSG_nodes};
    if (kind == KIND_SILENCE && is_find) {
        return true;
    } else if (kind == KIND_HINTS && is_find) {
        random_bytes(actor->liar, lie.u.nodes.token, sizeof lie.u.nodes.token);
        sign_contact(actor, &lie.u.nodes.contact_issued_s, lie.u.nodes.contact_signature);
        lie_hints(actor, target, &lie.u.nodes, storage);
    } else if (kind == KIND_RECORDS && ask.type == VX6_MSG_find_value) {
        lie.type = VX6_MSG_value;
        lie.u.value.index = ask.u.find_value.index;
        random_bytes(actor->liar, lie.u.value.token, sizeof lie.u.value.token);
        sign_contact(actor, &lie.u.value.contact_issued_s, lie.u.value.contact_signature);
        lie_record(actor, target, &lie.u.value, storage);
    } else {
        if (ask.type == VX6_MSG_store)
            keep(actor, &ask.u.store);
        return false;
    }
    *answer_len = seal(actor, &state, data, &lie, answer);
    actor->shard->stats.lies++;
    return true;
}
