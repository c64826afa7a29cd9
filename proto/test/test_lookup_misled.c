/* SPDX-License-Identifier: MIT */
/* Lookups among those who name nodes that are dead, moved, somebody's or nobody's. Spec:
 * spec/dht.md, "Lookup", "Disjoint paths". */
#include "stubs.h"

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
        assert_true(
            addr_equal(&table_peer(&world.solo.node->table, contact)->addr, &world.stubs[i].addr));
    }
    world_stop(&world);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_hints_that_can_be_meant_are_followed),
        cmocka_unit_test(test_K2_what_others_say_changes_no_contact),
        cmocka_unit_test(test_disjoint_paths_ask_the_k_closest_once_each),
        cmocka_unit_test(test_ground_hints_do_not_push_out_who_answers),
        cmocka_unit_test(test_R9_hints_cannot_aim_a_lookup_at_one_site),
        cmocka_unit_test(test_K5_colluders_lead_one_path_astray_and_not_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
