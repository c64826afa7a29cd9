/* SPDX-License-Identifier: MIT */
/* A network that the test plays, in which one node looks things up: static tables with full
 * buckets, nodes that are silent or slow, hints that mislead, and holders. */
#ifndef VX6_TEST_STUBS_H
#define VX6_TEST_STUBS_H

#include "solo.h"

enum {
    STUBS_MAX = 1000,
    VICTIM = 999999, /* a site */
    CONTACTS_MAX = 256,
    FLIGHT_MAX = 256,
    DELAY_MS = 50
};

struct stub {
    struct own_keys keys;
    vx6_addr addr;
    uint16_t contacts[CONTACTS_MAX];
    uint32_t contact_count;
    bool silent;
    uint32_t delay_ms;
    uint32_t bundle_count;                          /* it shows so many under any key */
    uint8_t asked[VX6_CONTACT_COUNT_MAX];           /* find_value by index */
    uint32_t asks;                                  /* find_node and find_value */
    uint8_t extra_hint[VX6_HINT_SIZE], extra_count; /* instead of what it knows */
    bool grinds;   /* names keys close to the target where nobody is */
    bool colludes; /* holds nothing, and names none but its like */
};

struct flight {
    vx6_ns at;
    vx6_addr from;
    uint8_t bytes[VX6_DATAGRAM_SIZE];
};

struct world {
    struct solo solo;
    struct stub *stubs;
    uint32_t count;
    struct flight *flights;
    uint32_t flight_count, flight_most;
    uint8_t bundle[VX6_BUNDLE_MAX];
    size_t bundle_len;
    uint32_t ground_count;
    bool ground_keys_are_valid;
    bool ground_at_one_site;
    uint32_t victim_asks;
};

static uint64_t random_state;

static inline uint32_t draw(uint32_t bound)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % bound;
}

/* Each bucket has k members, chosen anew for each node, or all that there are. */
static inline void fill_tables(
    struct world *world, const uint8_t own[32], uint16_t *contacts, uint32_t *contact_count)
{
    uint32_t seen[256] = {0}, places[256][KADEMLIA_K];
    *contact_count = 0;
    for (uint32_t i = 0; i < world->count; i++) {
        uint32_t bucket = common_prefix(own, world->stubs[i].keys.id);
        if (bucket == 256)
            continue;
        uint32_t place = seen[bucket]++;
        if (place < KADEMLIA_K)
            places[bucket][place] = (*contact_count)++;
        else
            place = draw(seen[bucket]);
        if (place < KADEMLIA_K)
            contacts[places[bucket][place]] = (uint16_t)i;
    }
}

static inline void world_start(struct world *world, uint32_t count)
{
    *world = (struct world){.count = count};
    random_state = count;
    world->stubs = calloc(count, sizeof *world->stubs);
    world->flights = calloc(FLIGHT_MAX, sizeof *world->flights);
    assert_true(world->stubs && world->flights);
    solo_init(&world->solo);
    world->solo.limits.maintain_ms = 600000;
    world->solo.limits.contact_ping_ms = 3600000;
    solo_start(&world->solo, 1);
    for (uint32_t i = 0; i < count; i++) {
        struct stub *stub = &world->stubs[i];
        uint8_t seed[32] = {1};
        store_u32(seed + 1, i);
        own_keys_init(&stub->keys, &world->solo.crypto, seed);
        stub->addr = solo_addr(1000 + i);
        stub->delay_ms = DELAY_MS;
    }
    for (uint32_t i = 0; i < count; i++)
        fill_tables(world, world->stubs[i].keys.id, world->stubs[i].contacts,
            &world->stubs[i].contact_count);
}

static inline void know(struct world *world, const struct stub *stub)
{
    struct vx6_in in = {.kind = VX6_IN_CONTACT, .peer = stub->addr};
    memcpy(in.key, stub->keys.identity, 32);
    assert_int_equal(vx6_node_input(world->solo.node, world->solo.now, &in), VX6_OK);
}

static inline void know_all(struct world *world)
{
    uint16_t contacts[CONTACTS_MAX];
    uint32_t count;
    fill_tables(world, world->solo.node->keys.id, contacts, &count);
    for (uint32_t i = 0; i < count; i++)
        know(world, &world->stubs[contacts[i]]);
    assert_int_equal(world->solo.node->table.count, count);
}

static inline void world_stop(struct world *world)
{
    solo_stop(&world->solo);
    free(world->stubs);
    free(world->flights);
}

static inline void write_hint(uint8_t *hint, const uint8_t key[32], const vx6_addr *addr)
{
    memcpy(hint, key, 32);
    memcpy(hint + 32, addr->ip, 16);
    store_u16(hint + 48, addr->port);
    store_u16(hint + 50, 0);
}

static inline uint32_t closest_hints(
    const struct world *world, const struct stub *stub, const uint8_t target[32], uint8_t *hints)
{
    uint16_t sorted[CONTACTS_MAX];
    uint32_t count = stub->contact_count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t place = i;
        const uint8_t *id = world->stubs[stub->contacts[i]].keys.id;
        for (; place > 0; place--) {
            if (distance_compare(target, world->stubs[sorted[place - 1]].keys.id, id) < 0)
                break;
            sorted[place] = sorted[place - 1];
        }
        sorted[place] = stub->contacts[i];
    }
    count = count < KADEMLIA_K ? count : KADEMLIA_K;
    for (uint32_t i = 0; i < count; i++)
        write_hint(hints + (size_t)VX6_HINT_SIZE * i, world->stubs[sorted[i]].keys.identity,
            &world->stubs[sorted[i]].addr);
    return count;
}

/* IDs share the first byte with the target; at addresses that answer nothing. */
static inline uint32_t ground_hints(struct world *world, const uint8_t target[32], uint8_t *hints)
{
    const struct vx6_crypto *crypto = &world->solo.crypto;
    for (uint32_t count = 0; count < KADEMLIA_K;) {
        uint8_t seed[32] = {9}, key[32], id[32];
        store_u32(seed + 1, world->ground_count++);
        if (world->ground_keys_are_valid)
            crypto->sign_public(crypto, key, seed);
        else
            crypto->sha256(crypto, key, seed, sizeof seed);
        vx6_node_id(crypto, id, key);
        if (id[0] != target[0] ||
            crypto->sign_public_is_valid(crypto, key) != world->ground_keys_are_valid)
            continue;
        vx6_addr addr =
            solo_addr(world->ground_at_one_site ? VICTIM : 1000000 + world->ground_count);
        addr.port = (uint16_t)(1 + count);
        write_hint(hints + (size_t)VX6_HINT_SIZE * count++, key, &addr);
    }
    return KADEMLIA_K;
}

static inline uint32_t colluder_hints(const struct world *world, uint8_t *hints)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < world->count && count < KADEMLIA_K; i++) {
        if (world->stubs[i].colludes)
            write_hint(hints + (size_t)VX6_HINT_SIZE * count++, world->stubs[i].keys.identity,
                &world->stubs[i].addr);
    }
    return count;
}

static inline bool stub_answer(struct world *world, struct stub *stub, const struct vx6_msg *ask,
    struct vx6_msg *answer, uint8_t *hints)
{
    *answer = (struct vx6_msg){.type = VX6_MSG_nodes};
    uint32_t count;
    if (ask->type != VX6_MSG_find_node && ask->type != VX6_MSG_find_value)
        return false;
    stub->asks++;
    if (ask->type == VX6_MSG_find_value && ask->u.find_value.index < KADEMLIA_K)
        stub->asked[ask->u.find_value.index]++;
    if (ask->type == VX6_MSG_find_value && ask->u.find_value.index < stub->bundle_count) {
        answer->type = VX6_MSG_value;
        answer->u.value.index = ask->u.find_value.index;
        answer->u.value.count = (uint8_t)stub->bundle_count;
        answer->u.value.bundle = (vx6_span){world->bundle, world->bundle_len};
        return true;
    }
    if (stub->colludes) {
        count = colluder_hints(world, hints);
    } else if (stub->grinds) {
        count = ground_hints(world, ask->u.find_node.target, hints);
    } else if (stub->extra_count > 0) {
        count = stub->extra_count;
        memcpy(hints, stub->extra_hint, VX6_HINT_SIZE);
    } else {
        count = closest_hints(world, stub,
            ask->type == VX6_MSG_find_node ? ask->u.find_node.target : ask->u.find_value.key,
            hints);
    }
    answer->u.nodes.hints = (vx6_list){count, {hints, (size_t)count * VX6_HINT_SIZE}};
    return true;
}

/* Opens an ask as the stub would, and sends its answer on its way. */
static inline void stub_take(struct world *world, struct stub *stub, const uint8_t *datagram)
{
    const struct vx6_crypto *crypto = &world->solo.crypto;
    uint8_t payload[VX6_ANSWER_PAYLOAD_SIZE], hints[KADEMLIA_K * VX6_HINT_SIZE], seed[32] = {1};
    vx6_span asked;
    struct vx6_ask state;
    struct vx6_msg ask, answer;
    assert_true(crypto->ask_open(
        crypto, &state, stub->keys.identity_seed, stub->keys.identity, datagram, payload, &asked));
    assert_null(vx6_msg_decode(&ask, VX6_SCOPE_QUERY, asked.data + 2, load_u16(asked.data)));
    if (stub->silent || !stub_answer(world, stub, &ask, &answer, hints))
        return;
    size_t len = vx6_msg_encode(&answer, payload + 2, sizeof payload - 2);
    assert_int_not_equal(len, 0);
    store_u16(payload, (uint16_t)len);
    assert_true(world->flight_count < FLIGHT_MAX);
    struct flight *flight = &world->flights[world->flight_count++];
    flight->at = world->solo.now + stub->delay_ms * VX6_MILLISECOND;
    flight->from = stub->addr;
    memcpy(flight->bytes, datagram, VX6_QUERY_HEADER_SIZE);
    flight->bytes[0] = 0x09;
    flight->bytes[2] = flight->bytes[3] = 0;
    crypto->answer_seal(crypto, &state, seed, payload, len + 2, flight->bytes);
}

static inline void send_all(struct world *world)
{
    uint8_t datagram[VX6_DATAGRAM_SIZE];
    vx6_addr to;
    while (solo_take(&world->solo, datagram, &to)) {
        uint32_t index = load_u32(to.ip + 4) - 1000;
        world->victim_asks += index + 1000 == VICTIM;
        if (index < world->count)
            stub_take(world, &world->stubs[index], datagram);
    }
    if (world->flight_count > world->flight_most)
        world->flight_most = world->flight_count;
}

/* Until the operation ends, or `ms` have passed. */
static inline bool run(struct world *world, vx6_id op, struct vx6_out *out, uint64_t ms)
{
    struct solo *solo = &world->solo;
    vx6_ns end = solo->now + ms * VX6_MILLISECOND;
    for (;;) {
        send_all(world);
        while (vx6_node_output(solo->node, out)) {
            if (out->kind == VX6_OUT_OP_DONE && out->id.bits == op.bits)
                return true;
        }
        uint32_t next = 0;
        for (uint32_t i = 1; i < world->flight_count; i++) {
            if (world->flights[i].at < world->flights[next].at)
                next = i;
        }
        vx6_ns at = vx6_node_deadline(solo->node);
        bool arrives = world->flight_count > 0 && world->flights[next].at <= at;
        at = arrives ? world->flights[next].at : at;
        if (at > end) {
            solo->now = end;
            return false;
        }
        solo->now = at > solo->now ? at : solo->now;
        if (arrives) {
            struct flight flight = world->flights[next];
            memmove(&world->flights[next], &world->flights[next + 1],
                (--world->flight_count - next) * sizeof flight);
            solo_give(solo, &flight.from, flight.bytes, sizeof flight.bytes);
        } else {
            struct vx6_in tick = {.kind = VX6_IN_TICK};
            assert_int_equal(vx6_node_input(solo->node, solo->now, &tick), VX6_OK);
        }
    }
}

static inline vx6_id start(struct world *world, const uint8_t target[32])
{
    struct vx6_in in = {.kind = VX6_IN_LOOKUP};
    memcpy(in.key, target, 32);
    assert_int_equal(vx6_node_input(world->solo.node, world->solo.now, &in), VX6_OK);
    return in.id;
}

static inline void draw_target(uint8_t target[32])
{
    for (size_t i = 0; i < 32; i++)
        target[i] = (uint8_t)draw(256);
}

/* How many of the k closest live nodes the result names. */
static inline uint32_t count_closest(
    const struct world *world, const uint8_t target[32], const struct vx6_out *out)
{
    uint32_t named = 0;
    for (uint32_t i = 0; i < world->count; i++) {
        uint32_t closer = 0;
        for (uint32_t j = 0; j < world->count && closer < KADEMLIA_K; j++) {
            if (!world->stubs[j].silent &&
                distance_compare(target, world->stubs[j].keys.id, world->stubs[i].keys.id) < 0)
                closer++;
        }
        if (closer == KADEMLIA_K || world->stubs[i].silent)
            continue;
        for (size_t at = 0; at < out->value.len; at += VX6_HINT_SIZE) {
            if (bytes_equal(out->value.data + at, world->stubs[i].keys.identity, 32))
                named++;
        }
    }
    return named;
}

#endif
