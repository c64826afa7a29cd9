/* SPDX-License-Identifier: MIT */
/* How a lookup goes on, whom it asks and when it ends. Spec: spec/dht.md, "Lookup". */
#include "stubs.h"

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
        cmocka_unit_test(test_R8_a_larger_network_costs_a_node_hardly_more),
        cmocka_unit_test(test_a_holder_is_asked_for_each_bundle_that_it_has),
        cmocka_unit_test(test_K14_lookups_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
