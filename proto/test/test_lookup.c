/* SPDX-License-Identifier: MIT */
/* One node looks things up in a network that the test plays: static tables with full buckets, nodes
 * that are silent or slow, hints that mislead, and holders. Spec: spec/dht.md, "Lookup". */
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

static uint32_t draw(uint32_t bound)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % bound;
}

/* Each bucket has k members, chosen anew for each node, or all that there are. */
static void fill_tables(
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

static void world_start(struct world *world, uint32_t count)
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

static void know(struct world *world, const struct stub *stub)
{
    struct vx6_in in = {.kind = VX6_IN_CONTACT, .peer = stub->addr};
    memcpy(in.key, stub->keys.identity, 32);
    assert_int_equal(vx6_node_input(world->solo.node, world->solo.now, &in), VX6_OK);
}

static void know_all(struct world *world)
{
    uint16_t contacts[CONTACTS_MAX];
    uint32_t count;
    fill_tables(world, world->solo.node->keys.id, contacts, &count);
    for (uint32_t i = 0; i < count; i++)
        know(world, &world->stubs[contacts[i]]);
    assert_int_equal(world->solo.node->table.count, count);
}

static void world_stop(struct world *world)
{
    solo_stop(&world->solo);
    free(world->stubs);
    free(world->flights);
}

static void write_hint(uint8_t *hint, const uint8_t key[32], const vx6_addr *addr)
{
    memcpy(hint, key, 32);
    memcpy(hint + 32, addr->ip, 16);
    store_u16(hint + 48, addr->port);
    store_u16(hint + 50, 0);
}

static uint32_t closest_hints(
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
static uint32_t ground_hints(struct world *world, const uint8_t target[32], uint8_t *hints)
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

static uint32_t colluder_hints(const struct world *world, uint8_t *hints)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < world->count && count < KADEMLIA_K; i++) {
        if (world->stubs[i].colludes)
            write_hint(hints + (size_t)VX6_HINT_SIZE * count++, world->stubs[i].keys.identity,
                &world->stubs[i].addr);
    }
    return count;
}

static bool stub_answer(struct world *world, struct stub *stub, const struct vx6_msg *ask,
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
static void stub_take(struct world *world, struct stub *stub, const uint8_t *datagram)
{
    const struct vx6_crypto *crypto = &world->solo.crypto;
    uint8_t payload[VX6_ANSWER_PAYLOAD_SIZE], hints[KADEMLIA_K * VX6_HINT_SIZE], seed[32] = {1};
    struct vx6_ask state;
    struct vx6_msg ask, answer;
    assert_true(crypto->ask_open(
        crypto, &state, stub->keys.identity_seed, stub->keys.identity, datagram, payload));
    assert_null(vx6_msg_decode(&ask, VX6_SCOPE_QUERY, payload + 2, load_u16(payload)));
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

static void send_all(struct world *world)
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
static bool run(struct world *world, vx6_id op, struct vx6_out *out, uint64_t ms)
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

static vx6_id start(struct world *world, const uint8_t target[32])
{
    struct vx6_in in = {.kind = VX6_IN_LOOKUP};
    memcpy(in.key, target, 32);
    assert_int_equal(vx6_node_input(world->solo.node, world->solo.now, &in), VX6_OK);
    return in.id;
}

static void draw_target(uint8_t target[32])
{
    for (size_t i = 0; i < 32; i++)
        target[i] = (uint8_t)draw(256);
}

/* How many of the k closest live nodes the result names. */
static uint32_t count_closest(
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

/* VX6-DHT-011, VX6-DHT-015: the numbers of a static network of 1,000 nodes with full buckets. */
static void test_lookups_find_the_k_closest_in_as_many_steps_as_predicted(void **state)
{
    (void)state;
    enum {
        LOOKUPS = 60
    };
    struct world world;
    uint32_t hops = 0, queries = 0, found = 0;
    world_start(&world, STUBS_MAX);
    know_all(&world);
    for (uint32_t i = 0; i < LOOKUPS; i++) {
        uint8_t target[32];
        struct vx6_out out;
        draw_target(target);
        assert_true(run(&world, start(&world, target), &out, 60000));
        assert_int_equal(out.code, VX6_OK);
        assert_int_equal(out.lost, 0);
        hops += out.hops;
        queries += out.queries;
        found += count_closest(&world, target, &out);
    }
    print_message("hops %u.%02u queries %u.%02u found %u of %u\n", hops / LOOKUPS,
        hops * 100 / LOOKUPS % 100, queries / LOOKUPS, queries * 100 / LOOKUPS % 100, found,
        LOOKUPS * KADEMLIA_K);
    assert_in_range(hops, LOOKUPS * 170 / 100, LOOKUPS * 208 / 100);
    assert_in_range(queries, LOOKUPS * 1935 / 100, LOOKUPS * 2365 / 100);
    assert_true(found * 100 >= LOOKUPS * KADEMLIA_K * 99);
    world_stop(&world);
}

/* VX6-DHT-001: the first 32 bits, by which most are told apart, are not all of a distance. */
static void test_equal_prefixes_are_sorted_by_the_whole_id(void **state)
{
    (void)state;
    enum {
        ALIKE = 12
    };
    struct world world;
    struct vx6_out out;
    struct peer *peers[ALIKE];
    uint8_t target[32];
    world_start(&world, ALIKE);
    draw_target(target);
    for (uint32_t i = 0; i < ALIKE; i++) {
        const struct stub *stub = &world.stubs[i];
        peers[i] = peer_get(world.solo.env, stub->keys.identity, &stub->addr);
        assert_non_null(peers[i]);
        memcpy(peers[i]->id, target, 32);
        peers[i]->id[31] ^= (uint8_t)(1 + i * 5 % ALIKE); /* in another order than they are known */
        know(&world, stub);
    }
    assert_true(run(&world, start(&world, target), &out, 60000));
    assert_int_equal(out.value.len, ALIKE * VX6_HINT_SIZE);
    for (uint32_t i = 0; i < ALIKE; i++) {
        const struct stub *stub = &world.stubs[i];
        const uint8_t *hint = out.value.data + (size_t)(i * 5 % ALIKE) * VX6_HINT_SIZE;
        assert_memory_equal(hint, stub->keys.identity, 32);
        assert_int_equal(stub->asks, 1);
        peer_drop(world.solo.env, peers[i]);
    }
    world_stop(&world);
}

/* VX6-DHT-012 */
static void test_the_silent_hold_up_a_lookup_but_do_not_stop_it(void **state)
{
    (void)state;
    struct world world;
    uint32_t found = 0;
    world_start(&world, 300);
    know_all(&world);
    for (uint32_t i = 0; i < world.count; i += 5)
        world.stubs[i].silent = true;
    for (uint32_t i = 0; i < 20; i++) {
        uint8_t target[32];
        struct vx6_out out;
        draw_target(target);
        assert_true(run(&world, start(&world, target), &out, 60000));
        assert_int_equal(out.code, VX6_OK);
        found += count_closest(&world, target, &out);
    }
    /* Every answer still names the silent; what is missing lies at the far end of the region. */
    assert_true(found >= 20 * KADEMLIA_K * 3 / 4);
    world_stop(&world);
}

/* VX6-DHT-012 */
static void test_alpha_queries_at_a_time_and_more_when_they_are_slow(void **state)
{
    (void)state;
    struct world world;
    uint8_t target[32];
    struct vx6_out out;
    world_start(&world, 100);
    know_all(&world);
    for (uint32_t i = 0; i < world.count; i++)
        world.stubs[i].delay_ms = 1400;
    draw_target(target);
    vx6_id op = start(&world, target);
    assert_false(run(&world, op, &out, world.solo.limits.lookup_slow_ms - 1));
    assert_int_equal(world.flight_most, KADEMLIA_ALPHA);
    assert_false(run(&world, op, &out, 2));
    assert_int_equal(world.flight_most, 2 * KADEMLIA_ALPHA);
    assert_true(run(&world, op, &out, 60000));
    assert_int_equal(count_closest(&world, target, &out), KADEMLIA_K);
    world_stop(&world);
}

/* Half of the network is dead: what waits for the dead waits for all of them at once. VX6-DHT-012
 */
static void test_many_dead_candidates_cost_one_wait(void **state)
{
    (void)state;
    struct world world;
    uint8_t target[32];
    struct vx6_out out;
    world_start(&world, 400);
    know_all(&world);
    for (uint32_t i = 0; i < world.count; i += 2)
        world.stubs[i].silent = true;
    const struct vx6_limits *limits = &world.solo.limits;
    uint64_t loss_ms = (uint64_t)limits->query_timeout_ms * limits->query_tries;
    uint64_t asking_ms = (uint64_t)limits->lookup_slow_ms * 3 * KADEMLIA_K / KADEMLIA_ALPHA;
    draw_target(target);
    vx6_ns before = world.solo.now;
    assert_true(run(&world, start(&world, target), &out, 60000));
    assert_int_equal(out.code, VX6_OK);
    assert_true(world.solo.now - before <= (asking_ms + loss_ms) * VX6_MILLISECOND);
    world_stop(&world);
}

static void test_a_lookup_that_lasts_too_long_ends_with_what_it_has(void **state)
{
    (void)state;
    struct world world;
    uint8_t target[32];
    struct vx6_out out;
    world_start(&world, 100);
    know_all(&world);
    world.solo.limits.lookup_timeout_ms = 1000;
    for (uint32_t i = 0; i < world.count; i += 2)
        world.stubs[i].silent = true;
    draw_target(target);
    vx6_ns before = world.solo.now;
    assert_true(run(&world, start(&world, target), &out, 60000));
    assert_int_equal(out.code, VX6_TIMEOUT);
    assert_int_equal(world.solo.now - before, 1000 * VX6_MILLISECOND);
    assert_true(out.value.len < KADEMLIA_K * VX6_HINT_SIZE && out.value.len > 0);
    world_stop(&world);
}

static void test_a_lookup_without_contacts_says_so_after_it_has_started(void **state)
{
    (void)state;
    struct world world;
    uint8_t target[32] = {0};
    struct vx6_out out;
    world_start(&world, 1);
    vx6_id op = start(&world, target);
    assert_false(vx6_node_output(world.solo.node, &out) && out.kind == VX6_OUT_OP_DONE);
    assert_true(run(&world, op, &out, 1));
    assert_int_equal(out.code, VX6_NO_PEERS);
    assert_int_equal(out.hops, 0);
    know(&world, &world.stubs[0]);
    world.stubs[0].silent = true;
    assert_true(run(&world, start(&world, target), &out, 60000));
    assert_int_equal(out.code, VX6_NO_PEERS);
    assert_int_equal(out.queries, 1);
    assert_int_equal(out.lost, 1);
    world_stop(&world);
}

/* VX6-DHT-013: hints that must not be followed, and one that is. */
static const struct hint_row {
    const char *what;
    uint8_t ip[16];
    bool own_key, bad_key, followed;
} hint_rows[] = {
    {"a true one", {0x20, 1, 0xd, 0xb8, 0, 0, 3, 0xe9, [15] = 1}, false, false, true},
    {"this node itself", {0x20, 1, 0xd, 0xb8, 0, 0, 3, 0xe9, [15] = 1}, true, false, false},
    {"nobody's key", {0x20, 1, 0xd, 0xb8, 0, 0, 3, 0xe9, [15] = 1}, false, true, false},
    {"loopback", {[15] = 1}, false, false, false},
    {"link-local", {0xfe, 0x80, [15] = 1}, false, false, false},
    {"private", {0xfd, 0, [15] = 1}, false, false, false},
    {"private IPv4", {[10] = 0xff, 0xff, 10, 0, 0, 1}, false, false, false},
    {"multicast", {0xff, 2, [15] = 1}, false, false, false},
    {"unspecified", {0}, false, false, false},
};

static void test_only_hints_that_can_be_meant_are_followed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hint_rows / sizeof hint_rows[0]; i++) {
        const struct hint_row *row = &hint_rows[i];
        struct world world;
        struct vx6_out out;
        uint8_t target[32] = {1}, key[32];
        world_start(&world, 2);
        know(&world, &world.stubs[0]);
        memcpy(key, world.stubs[1].keys.identity, 32);
        if (row->own_key)
            memcpy(key, world.solo.node->keys.identity, 32);
        if (row->bad_key)
            memset(key, 0, 32);
        vx6_addr addr = {.port = 4242};
        memcpy(addr.ip, row->ip, 16);
        write_hint(world.stubs[0].extra_hint, key, &addr);
        world.stubs[0].extra_count = 1;
        print_message("hint: %s\n", row->what);
        assert_true(run(&world, start(&world, target), &out, 60000));
        assert_int_equal(out.queries, row->followed ? 2 : 1);
        assert_int_equal(world.stubs[1].asks, row->followed ? 1 : 0);
        world_stop(&world);
    }
}

/* VX6-DHT-004, VX6-DHT-008, VX6-DHT-013: one contact says that another has moved, and a second one
 * tells of a stranger, whose answer proves no address. */
static void test_K2_what_others_say_changes_no_contact(void **state)
{
    (void)state;
    enum {
        KNOWN = 10
    };
    struct world world;
    struct vx6_out out;
    uint8_t target[32];
    world_start(&world, KNOWN + 1);
    for (uint32_t i = 0; i < KNOWN; i++)
        know(&world, &world.stubs[i]);
    const struct stub *stranger = &world.stubs[KNOWN];
    const vx6_addr victim = solo_addr(VICTIM);
    write_hint(world.stubs[0].extra_hint, world.stubs[5].keys.identity, &victim);
    write_hint(world.stubs[1].extra_hint, stranger->keys.identity, &stranger->addr);
    world.stubs[0].extra_count = world.stubs[1].extra_count = 1;
    for (uint32_t round = 0; round < 20; round++) {
        draw_target(target);
        assert_true(run(&world, start(&world, target), &out, 60000));
        assert_int_equal(out.code, VX6_OK);
    }
    assert_int_equal(world.victim_asks, 0);
    assert_true(stranger->asks > 0);
    assert_int_equal(world.solo.node->table.count, KNOWN);
    assert_int_equal(world.solo.counts[VX6_EVENT_contact_added], KNOWN);
    for (uint32_t i = 0; i < KNOWN; i++) {
        const struct contact *contact = table_find(world.solo.node, world.stubs[i].keys.id);
        assert_true(addr_equal(&contact->peer->addr, &world.stubs[i].addr));
    }
    world_stop(&world);
}

/* VX6-DHT-010, VX6-DHT-023: what a node asks in an hour follows its table, which grows with the
 * logarithm of the network, and it dials nobody for that. */
static void test_R8_a_larger_network_costs_a_node_hardly_more(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {100, 1000};
    uint32_t contacts[2], asks[2] = {0};
    for (size_t row = 0; row < 2; row++) {
        struct world world;
        struct vx6_out out;
        world_start(&world, sizes[row]);
        world.solo.limits.maintain_ms = vx6_limits_default.maintain_ms;
        world.solo.limits.contact_ping_ms = vx6_limits_default.contact_ping_ms;
        know_all(&world);
        (void)run(&world, (vx6_id){0}, &out, 3600000);
        contacts[row] = world.solo.node->table.count;
        for (uint32_t i = 0; i < world.count; i++)
            asks[row] += world.stubs[i].asks;
        assert_int_equal(world.solo.counts[VX6_EVENT_link_dialled], 0);
        world_stop(&world);
    }
    print_message(
        "%u and %u contacts, %u and %u asks\n", contacts[0], contacts[1], asks[0], asks[1]);
    assert_in_range(contacts[1], contacts[0] + 40, contacts[0] + 4 * KADEMLIA_K);
    assert_true(asks[1] < 2 * asks[0]);
}

static const struct ground_row {
    const char *what;
    bool keys_are_valid;
    uint32_t grinders;
} ground_rows[] = {
    {"keys that nobody can have", false, 16},
    {"keys that nobody has", true, 4},
};

static void resolve_in_vain(struct world *world, struct vx6_out *out)
{
    for (uint32_t i = 0; i < world->count; i++)
        world->stubs[i].asks = 0;
    struct vx6_in in = {.kind = VX6_IN_RESOLVE, .data = (const uint8_t *)"nobody", .len = 6};
    assert_int_equal(vx6_node_input(world->solo.node, world->solo.now, &in), VX6_OK);
    assert_true(run(world, in.id, out, 60000));
    assert_int_equal(out->code, VX6_NOT_FOUND);
}

/* VX6-DHT-031, VX6-DHT-032 */
static void test_disjoint_paths_ask_the_k_closest_once_each(void **state)
{
    (void)state;
    struct world world;
    struct vx6_out out;
    uint8_t target[32];
    world_start(&world, 500);
    know_all(&world);
    name_key(&world.solo.crypto, target, (vx6_span){(const uint8_t *)"nobody", 6});
    resolve_in_vain(&world, &out);
    uint32_t asked = 0;
    for (uint32_t i = 0; i < world.count; i++) {
        uint32_t closer = 0;
        for (uint32_t j = 0; j < world.count; j++)
            closer += distance_compare(target, world.stubs[j].keys.id, world.stubs[i].keys.id) < 0;
        assert_in_range(world.stubs[i].asks, closer < KADEMLIA_K ? 1 : 0, 1);
        asked += world.stubs[i].asks;
    }
    assert_in_range(asked, KADEMLIA_K, 30);
    world_stop(&world);
}

/* VX6-DHT-013, VX6-DHT-033: on one path and on several. */
static void test_ground_hints_do_not_push_out_who_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ground_rows / sizeof ground_rows[0]; i++) {
        struct world world;
        struct vx6_out out;
        uint8_t target[32];
        print_message("hints: %s\n", ground_rows[i].what);
        world_start(&world, KADEMLIA_K);
        know_all(&world);
        world.ground_keys_are_valid = ground_rows[i].keys_are_valid;
        for (uint32_t j = 0; j < ground_rows[i].grinders; j++)
            world.stubs[j].grinds = true;
        draw_target(target);
        assert_true(run(&world, start(&world, target), &out, 60000));
        assert_int_equal(out.code, VX6_OK);
        assert_int_equal(count_closest(&world, target, &out), KADEMLIA_K);
        resolve_in_vain(&world, &out);
        for (uint32_t j = 0; j < world.count; j++)
            assert_int_equal(world.stubs[j].asks, 1);
        world_stop(&world);
    }
}

/* VX6-DHT-028 */
static void test_R9_hints_cannot_aim_a_lookup_at_one_site(void **state)
{
    (void)state;
    struct world world;
    struct vx6_out out;
    uint8_t target[32];
    world_start(&world, KADEMLIA_K);
    know_all(&world);
    world.ground_keys_are_valid = world.ground_at_one_site = true;
    world.solo.limits.query_timeout_min_ms = world.solo.limits.query_timeout_ms;
    for (uint32_t i = 0; i < 2; i++)
        world.stubs[i].grinds = true;
    draw_target(target);
    vx6_id op = start(&world, target);
    uint32_t round_ms = world.solo.limits.query_timeout_ms * world.solo.limits.query_tries;
    assert_false(run(&world, op, &out, round_ms));
    assert_in_range(
        world.victim_asks, 1, world.solo.limits.site_queries_max * world.solo.limits.query_tries);
    assert_true(run(&world, op, &out, 60000));
    assert_in_range(
        world.victim_asks, 1, world.solo.limits.site_queries_max * world.solo.limits.query_tries);
    assert_int_equal(count_closest(&world, target, &out), KADEMLIA_K);
    world_stop(&world);
}

/* VX6-DHT-014 */
static void test_a_holder_is_asked_for_each_bundle_that_it_has(void **state)
{
    (void)state;
    struct world world;
    struct vx6_out out;
    world_start(&world, 6);
    know_all(&world);
    world.solo.limits.claimant_max = 4;
    world.solo.limits.resolve_holders = 20;
    const uint8_t *text = (const uint8_t *)"alice";
    struct record_facts facts = {
        .sequence = 1, .unix_s = 1800000000, .life_s = 1800, .label = {text, 5}};
    world.bundle_len =
        record_make_bundle(&world.solo.crypto, &world.stubs[0].keys, &facts, world.bundle);
    world.stubs[3].bundle_count = 3;
    world.stubs[4].bundle_count = 9;
    struct vx6_in in = {.kind = VX6_IN_RESOLVE, .data = text, .len = 5};
    assert_int_equal(vx6_node_input(world.solo.node, world.solo.now, &in), VX6_OK);
    (void)run(&world, in.id, &out, 300);
    static const uint8_t three[6] = {1, 1, 1}, nine[6] = {1, 1, 1, 1};
    assert_memory_equal(world.stubs[3].asked, three, sizeof three);
    assert_memory_equal(world.stubs[4].asked, nine, sizeof nine);
    world_stop(&world);
}

/* Colluders whose IDs are closer to the target than those of all others, and who live. */
static void add_colluders(struct world *world, const uint8_t target[32])
{
    world->stubs = realloc(world->stubs, (world->count + KADEMLIA_K) * sizeof *world->stubs);
    assert_non_null(world->stubs);
    for (uint32_t number = 0, left = KADEMLIA_K; left > 0; number++) {
        uint8_t seed[32] = {2}, key[32], id[32];
        store_u32(seed + 1, number);
        world->solo.crypto.sign_public(&world->solo.crypto, key, seed);
        vx6_node_id(&world->solo.crypto, id, key);
        if (common_prefix(id, target) < 9)
            continue;
        struct stub *stub = &world->stubs[world->count];
        *stub = (struct stub){
            .addr = solo_addr(1000 + world->count), .delay_ms = DELAY_MS, .colludes = true};
        own_keys_init(&stub->keys, &world->solo.crypto, seed);
        world->count++;
        left--;
    }
}

/* VX6-DHT-030, VX6-DHT-032: one contact that colludes leads a plain lookup to nobody else; of three
 * disjoint paths it leads one. */
static void test_K5_colluders_lead_one_path_astray_and_not_the_others(void **state)
{
    (void)state;
    enum {
        HONEST = 300
    };
    struct world world;
    struct vx6_out out;
    uint8_t target[32];
    const uint8_t *text = (const uint8_t *)"alice";
    world_start(&world, HONEST);
    name_key(&world.solo.crypto, target, (vx6_span){text, 5});
    struct record_facts facts = {
        .sequence = 1, .unix_s = 1800000000, .life_s = 1800, .label = {text, 5}};
    world.bundle_len =
        record_make_bundle(&world.solo.crypto, &world.stubs[0].keys, &facts, world.bundle);
    for (uint32_t i = 0; i < HONEST; i++) {
        uint32_t closer = 0;
        for (uint32_t j = 0; j < HONEST; j++)
            closer += distance_compare(target, world.stubs[j].keys.id, world.stubs[i].keys.id) < 0;
        world.stubs[i].bundle_count = closer < KADEMLIA_K;
    }
    uint16_t contacts[CONTACTS_MAX];
    uint32_t contact_count;
    fill_tables(&world, world.solo.node->keys.id, contacts, &contact_count);
    add_colluders(&world, target);
    know(&world, &world.stubs[HONEST]);
    for (uint32_t i = 0; i < contact_count; i++)
        know(&world, &world.stubs[contacts[i]]);

    assert_true(run(&world, start(&world, target), &out, 60000));
    assert_int_equal(out.code, VX6_OK);
    assert_int_equal(count_closest(&world, target, &out), KADEMLIA_K);
    struct vx6_in in = {.kind = VX6_IN_RESOLVE, .data = text, .len = 5};
    assert_int_equal(vx6_node_input(world.solo.node, world.solo.now, &in), VX6_OK);
    assert_true(run(&world, in.id, &out, 60000));
    assert_int_equal(out.code, VX6_OK);
    assert_in_range(out.queries, 3, 40);
    uint32_t holders = 0;
    for (uint32_t i = 0; i < HONEST; i++)
        holders += world.stubs[i].asked[0] > 0 && world.stubs[i].bundle_count > 0;
    assert_true(holders >= 3);
    world_stop(&world);
}

static void test_K14_lookups_are_bounded(void **state)
{
    (void)state;
    struct world world;
    world_start(&world, 3);
    know_all(&world);
    world.solo.limits.lookup_max = 2;
    struct vx6_in in = {.kind = VX6_IN_LOOKUP};
    assert_int_equal(vx6_node_input(world.solo.node, world.solo.now, &in), VX6_OK);
    assert_int_equal(vx6_node_input(world.solo.node, world.solo.now, &in), VX6_OK);
    assert_int_equal(vx6_node_input(world.solo.node, world.solo.now, &in), VX6_LIMIT);
    world_stop(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lookups_find_the_k_closest_in_as_many_steps_as_predicted),
        cmocka_unit_test(test_equal_prefixes_are_sorted_by_the_whole_id),
        cmocka_unit_test(test_the_silent_hold_up_a_lookup_but_do_not_stop_it),
        cmocka_unit_test(test_alpha_queries_at_a_time_and_more_when_they_are_slow),
        cmocka_unit_test(test_many_dead_candidates_cost_one_wait),
        cmocka_unit_test(test_a_lookup_that_lasts_too_long_ends_with_what_it_has),
        cmocka_unit_test(test_a_lookup_without_contacts_says_so_after_it_has_started),
        cmocka_unit_test(test_only_hints_that_can_be_meant_are_followed),
        cmocka_unit_test(test_K2_what_others_say_changes_no_contact),
        cmocka_unit_test(test_R8_a_larger_network_costs_a_node_hardly_more),
        cmocka_unit_test(test_disjoint_paths_ask_the_k_closest_once_each),
        cmocka_unit_test(test_ground_hints_do_not_push_out_who_answers),
        cmocka_unit_test(test_R9_hints_cannot_aim_a_lookup_at_one_site),
        cmocka_unit_test(test_a_holder_is_asked_for_each_bundle_that_it_has),
        cmocka_unit_test(test_K5_colluders_lead_one_path_astray_and_not_the_others),
        cmocka_unit_test(test_K14_lookups_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
