/* SPDX-License-Identifier: MIT */
/* The routing table: who enters, who gives way, who leaves. */
#include "table_bench.h"

/* VX6-DHT-001 */
static void test_common_prefix_counts_equal_bits(void **state)
{
    (void)state;
    uint8_t a[32] = {0}, b[32] = {0};
    assert_int_equal(common_prefix(a, b), 256);
    for (uint32_t bit = 0; bit < 256; bit++) {
        memset(b, 0, sizeof b);
        b[bit / 8] = (uint8_t)(0x80 >> bit % 8);
        assert_int_equal(common_prefix(a, b), bit);
        assert_true(distance_compare(a, a, b) < 0);
        assert_true(distance_compare(b, a, b) > 0);
        assert_int_equal(distance_compare(a, b, b), 0);
    }
}

/* VX6-DHT-005 */
static void test_a_full_bucket_refuses_newcomers(void **state)
{
    (void)state;
    struct solo solo;
    start(&solo);
    for (uint32_t i = 0; i < 40; i++)
        (void)enter(&solo, 4);
    for (uint32_t i = 0; i < KADEMLIA_K; i++)
        assert_true(enter(&solo, 0));
    assert_false(enter(&solo, 0));
    assert_int_equal(table_bucket_count(&solo.node->table, 0), KADEMLIA_K);
    struct peer *peers[2] = {peer_in_bucket(&solo, 0), peer_in_bucket(&solo, 1)};
    assert_false(table_offer(solo.node, peers[0]));
    assert_true(table_offer(solo.node, peers[1]));
    peer_drop(solo.env, peers[0]);
    peer_drop(solo.env, peers[1]);
    solo_stop(&solo);
}

/* VX6-DHT-044 */
static void test_a_refused_newcomer_has_the_longest_silent_asked(void **state)
{
    (void)state;
    struct solo solo;
    uint32_t idle_ms[2];
    start(&solo);
    const uint32_t ping_ms = solo.limits.contact_ping_ms;
    assert_true(enter(&solo, 4));
    pass(&solo, 10000);
    for (uint32_t i = 0; i < KADEMLIA_K; i++) {
        assert_true(enter(&solo, 0));
        pass(&solo, 1000);
    }
    for (uint32_t i = 0; i < KADEMLIA_K; i++)
        assert_true(enter(&solo, 5));
    struct contact *longest = &solo.node->table.contacts[0];
    struct peer *newcomer = peer_in_bucket(&solo, 0);
    pass(&solo, ping_ms - KADEMLIA_K * 1000 - 1);
    assert_false(table_offer(solo.node, newcomer));
    assert_ptr_not_equal(idle_longest(solo.node, idle_ms), longest);
    pass(&solo, 1);
    assert_false(table_offer(solo.node, newcomer));
    assert_ptr_equal(idle_longest(solo.node, idle_ms), longest);
    assert_true(idle_ms[0] >= table_patience_ms(solo.node));
    idle_asked(solo.node, longest);
    assert_ptr_not_equal(idle_longest(solo.node, idle_ms), longest);
    assert_true(table_seen(solo.node, table_peer(&solo.node->table, longest)));
    assert_false(table_offer(solo.node, newcomer));
    assert_ptr_not_equal(idle_longest(solo.node, idle_ms), longest);
    peer_drop(solo.env, newcomer);
    solo_stop(&solo);
}

static vx6_addr numbered(vx6_addr addr, uint32_t at, uint32_t number)
{
    store_u16(addr.ip + at, (uint16_t)number);
    return addr;
}

static const struct vx6_asn_range asn_ranges[] = {
    {{[10] = 0xff, 0xff, 8}, {[10] = 0xff, 0xff, 8, 255, 255, 255}, 7},
    {{0x20, 1, 1}, {0x20, 1, 1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255},
        7},
    {{0x20, 1, 2}, {0x20, 1, 3}, 9},
};
static const struct vx6_asn_map asn_map = {asn_ranges, 3};

/* VX6-DHT-042: addresses that differ from number to number in two bytes are one group. */
static const struct group_row {
    const char *what;
    vx6_addr addr;
    uint32_t at; /* byte that is numbered */
    uint32_t in_bucket, in_table;
} group_rows[] = {
    {"a /64", {{0x20, 1, 0xd, 0xb8, 1, 1, 1, 1}, 1}, 14, 1, 4},
    {"a /48", {{0x20, 1, 0xd, 0xb8, 1, 1}, 1}, 6, 2, 8},
    {"a /32", {{0x20, 1, 0xd, 0xb8}, 1}, 4, 4, 32},
    {"IPv4 addresses in a /24", {{[10] = 0xff, 0xff, 9, 9}, 1}, 14, 2, 8},
    {"a system's IPv6 addresses", {{0x20, 1, 1}, 1}, 3, 4, 32},
    {"a system's IPv4 addresses", {{[10] = 0xff, 0xff, 8}, 1}, 13, 4, 32},
};

/* VX6-DHT-042, VX6-DHT-043 */
static void test_K5_the_crowded_give_way_to_others_and_only_they_do(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof group_rows / sizeof group_rows[0]; row++) {
        const struct group_row *group = &group_rows[row];
        struct solo solo;
        uint32_t entered = 0;
        print_message("group: %s\n", group->what);
        start(&solo);
        solo.node->asn_map = &asn_map;
        for (uint32_t i = 0; i < KADEMLIA_K; i++)
            assert_true(enter(&solo, 6));
        for (uint32_t i = 0; i < KADEMLIA_K; i++) {
            vx6_addr addr = numbered(group->addr, group->at, i + 1);
            assert_true(enter_at(&solo, 1, &addr));
        }
        uint32_t one_more = KADEMLIA_K + 1;
        vx6_addr addr = numbered(group->addr, group->at, one_more);
        assert_false(enter_at(&solo, 1, &addr));
        assert_int_equal(table_count_crowded(solo.node), KADEMLIA_K - group->in_bucket);
        while (enter(&solo, 1))
            entered++;
        assert_int_equal(entered, KADEMLIA_K - group->in_bucket);
        assert_int_equal(table_count_crowded(solo.node), 0);

        uint32_t count = group->in_bucket;
        for (uint32_t bucket = 7; count < group->in_table; bucket++) {
            for (uint32_t i = 0; i < group->in_bucket && count < group->in_table; i++, count++) {
                addr = numbered(group->addr, group->at, ++one_more);
                assert_true(enter_at(&solo, bucket, &addr));
            }
        }
        assert_int_equal(table_count_crowded(solo.node), 0);
        addr = numbered(group->addr, group->at, ++one_more);
        assert_true(enter_at(&solo, 40, &addr));
        assert_int_equal(table_count_crowded(solo.node), 1);
        solo_stop(&solo);
    }
}

/* VX6-DHT-043: who owns one network and grinds keys cannot push out the node's neighbours. */
static void test_crowded_neighbours_push_out_only_each_other(void **state)
{
    (void)state;
    struct solo solo;
    start(&solo);
    vx6_addr addr = group_rows[1].addr;
    for (uint32_t i = 0; i < KADEMLIA_K / 2; i++)
        assert_true(enter(&solo, 0));
    for (uint32_t i = 0; i < 500; i++) {
        addr = numbered(addr, 6, i);
        (void)enter_at(&solo, 0, &addr);
    }
    uint32_t others = 0;
    const struct table *table = &solo.node->table;
    assert_int_equal(table_bucket_count(table, 0), KADEMLIA_K);
    for (uint32_t i = 0; i < table->count; i++)
        others += !bytes_equal(table->peers[i]->addr.ip, addr.ip, 6);
    assert_int_equal(others, KADEMLIA_K / 2);
    /* The crowded that stayed are the closest of the crowded: the k closest of one network. */
    uint8_t closest[32];
    memcpy(closest, solo.node->keys.id, 32);
    closest[0] ^= 0x80;
    struct peer *peer = make_peer_at(&solo, closest, &addr);
    assert_true(table_seen(solo.node, peer));
    peer_drop(solo.env, peer);
    solo_stop(&solo);
}

/* VX6-DHT-043: one host, or one site. */
static void test_K4_a_network_of_one_site_fills_its_tables(void **state)
{
    (void)state;
    static const vx6_addr sites[] = {
        {{[15] = 1}, 1}, {{0xfd, 1}, 1}, {{[10] = 0xff, 0xff, 127, 0, 0, 1}, 1}};
    for (size_t site = 0; site < sizeof sites / sizeof sites[0]; site++) {
        struct solo solo;
        start(&solo);
        vx6_addr addr = sites[site];
        for (uint32_t i = 0; i < 3 * KADEMLIA_K; i++) {
            addr.port = (uint16_t)(4242 + i);
            assert_true(enter_at(&solo, i % 3, &addr));
        }
        assert_int_equal(solo.node->table.count, 3 * KADEMLIA_K);
        assert_int_equal(table_count_crowded(solo.node), 3 * KADEMLIA_K - 3);
        struct vx6_counts counts;
        vx6_node_counts(solo.node, &counts);
        assert_int_equal(counts.contacts_crowded, 3 * KADEMLIA_K - 3);
        solo_stop(&solo);
    }
}

/* VX6-DHT-005 */
static void test_a_failing_contact_gives_way_to_a_newcomer(void **state)
{
    (void)state;
    struct solo solo;
    solo_init(&solo);
    solo.limits.contact_failures_max = 3;
    solo_start(&solo, 1);
    for (uint32_t i = 0; i < KADEMLIA_K; i++)
        (void)enter(&solo, 4);
    for (uint32_t i = 0; i < KADEMLIA_K; i++)
        (void)enter(&solo, 0);
    struct peer *failing = peer_hold(solo.node->table.peers[7]);
    table_failed(solo.node, failing);
    assert_non_null(table_find(solo.node, failing->id));
    assert_true(enter(&solo, 0));
    assert_null(table_find(solo.node, failing->id));
    assert_int_equal(solo.codes[VX6_EVENT_contact_removed], VX6_TIMEOUT);
    assert_false(enter(&solo, 0));
    peer_drop(solo.env, failing);
    solo_stop(&solo);
}

/* VX6-DHT-005: the k closest are known even where a bucket is full of farther ones. */
static void test_a_neighbour_takes_the_place_of_the_farthest(void **state)
{
    (void)state;
    struct solo solo;
    start(&solo);
    const uint8_t *own = solo.node->keys.id;
    uint8_t far[32], id[32];
    id_in_bucket(&solo, 0, id);
    for (uint32_t i = 0; i < KADEMLIA_K; i++) {
        id[2] = (uint8_t)(own[2] ^ (0x80 + i));
        struct peer *peer = make_peer(&solo, id);
        assert_true(table_seen(solo.node, peer));
        peer_drop(solo.env, peer);
    }
    memcpy(far, id, sizeof far);
    id[2] = (uint8_t)(own[2] ^ 0xf0);
    struct peer *farther = make_peer(&solo, id);
    assert_false(table_seen(solo.node, farther));
    id[2] = own[2];
    struct peer *closer = make_peer(&solo, id);
    assert_true(table_seen(solo.node, closer));
    assert_null(table_find(solo.node, far));
    assert_int_equal(solo.codes[VX6_EVENT_contact_removed], VX6_LIMIT);
    peer_drop(solo.env, farther);
    peer_drop(solo.env, closer);
    solo_stop(&solo);
}

/* The place comes from the fullest bucket, whichever that is. */
static void test_a_full_table_still_takes_neighbours(void **state)
{
    (void)state;
    for (uint32_t fullest = 0; fullest < 2; fullest++) {
        struct solo solo;
        solo_init(&solo);
        solo.limits.contact_max = 32;
        solo_start(&solo, 1);
        for (uint32_t i = 0; i < KADEMLIA_K; i++)
            assert_true(enter(&solo, fullest));
        for (uint32_t i = 0; i < 12; i++)
            assert_true(enter(&solo, 1 - fullest));
        assert_true(enter(&solo, 5));
        assert_int_equal(solo.node->table.count, 32);
        assert_int_equal(table_bucket_count(&solo.node->table, fullest), KADEMLIA_K - 1);
        solo_stop(&solo);
    }
}

static bool enter_at_distance(struct solo *solo, uint8_t id[32], uint8_t distance)
{
    id[31] = solo->node->keys.id[31] ^ distance;
    struct peer *peer = make_peer(solo, id);
    bool entered = table_seen(solo->node, peer);
    peer_drop(solo->env, peer);
    return entered;
}

/* VX6-DHT-001, VX6-DHT-005: of those that only the last byte tells apart the closer is a neighbour.
 */
static void test_neighbours_are_told_apart_by_the_whole_id(void **state)
{
    (void)state;
    struct solo solo;
    uint8_t id[32];
    start(&solo);
    id_in_bucket(&solo, 3, id);
    for (uint8_t i = 1; i <= KADEMLIA_K; i++)
        assert_true(enter_at_distance(&solo, id, (uint8_t)(2 * i)));
    assert_true(enter_at_distance(&solo, id, 1));
    assert_non_null(table_find(solo.node, id));
    assert_false(enter_at_distance(&solo, id, 2 * KADEMLIA_K - 1));
    assert_int_equal(solo.node->table.count, KADEMLIA_K);
    id[31] = solo.node->keys.id[31] ^ (2 * KADEMLIA_K); /* the farthest has left */
    assert_null(table_find(solo.node, id));
    solo_stop(&solo);
}

static void test_a_peer_is_in_the_table_once(void **state)
{
    (void)state;
    struct solo solo;
    start(&solo);
    struct peer *peer = peer_in_bucket(&solo, 3);
    vx6_addr moved = solo_addr(77);
    struct peer *elsewhere = peer_get(solo.env, peer->key, &moved);
    memcpy(elsewhere->id, peer->id, 32);
    assert_true(table_seen(solo.node, peer));
    assert_true(table_seen(solo.node, peer));
    assert_int_equal(solo.node->table.count, 1);
    assert_true(table_seen(solo.node, elsewhere));
    assert_int_equal(solo.node->table.count, 1);
    assert_ptr_equal(solo.node->table.peers[0], elsewhere);
    (void)enter(&solo, 3);
    table_failed(solo.node, peer); /* the old address counts no longer */
    assert_int_equal(solo.node->table.count, 2);
    peer_drop(solo.env, peer);
    peer_drop(solo.env, elsewhere);
    solo_stop(&solo);
}

/* VX6-DHT-009 */
static void test_a_contact_leaves_after_its_last_failure_unless_it_is_the_only_one(void **state)
{
    (void)state;
    struct solo solo;
    solo_init(&solo);
    solo.limits.contact_failures_max = 2;
    solo_start(&solo, 1);
    struct peer *first = peer_in_bucket(&solo, 3), *second = peer_in_bucket(&solo, 5);
    (void)table_seen(solo.node, first);
    (void)table_seen(solo.node, second);
    table_failed(solo.node, first);
    (void)table_seen(solo.node, first); /* an answer forgives */
    table_failed(solo.node, first);
    assert_int_equal(solo.node->table.count, 2);
    table_failed(solo.node, first);
    assert_int_equal(solo.node->table.count, 1);
    assert_int_equal(solo.node->table.depth, 6);
    for (uint32_t i = 0; i < 5; i++)
        table_failed(solo.node, second);
    assert_int_equal(solo.node->table.count, 1);
    peer_drop(solo.env, first);
    peer_drop(solo.env, second);
    solo_stop(&solo);
}

static void test_restored_contacts_enter_once_and_never_push_others_out(void **state)
{
    (void)state;
    struct solo solo;
    start(&solo);
    for (uint32_t i = 0; i < 60; i++) {
        struct peer *peer = peer_in_bucket(&solo, i % 3 == 0 ? 0 : 5);
        table_restore(solo.node, peer);
        table_restore(solo.node, peer);
        peer_drop(solo.env, peer);
    }
    assert_int_equal(solo.node->table.count, 2 * KADEMLIA_K);
    assert_int_equal(solo.counts[VX6_EVENT_contact_removed], 0);
    assert_true(solo.node->table.contacts[0].restored);
    assert_int_equal(solo.node->table.gone_count, 0);
    assert_true(table_seen(solo.node, solo.node->table.peers[0]));
    assert_false(solo.node->table.contacts[0].restored);
    solo_stop(&solo);
}

/* Neither for one contact more nor for buckets that are far deeper than others. */
static void test_a_table_that_cannot_grow_refuses_and_stays_whole(void **state)
{
    (void)state;
    struct solo solo;
    start(&solo);
    struct peer *peers[2] = {
        peer_in_bucket(&solo, TABLE_BUCKETS - 1), peer_in_bucket(&solo, TABLE_BUCKETS)};
    const struct table *table = &solo.node->table;
    for (uint32_t i = 0; i < 2; i++) {
        solo.memory.fail_at = solo.memory.requests + 1;
        assert_false(table_seen(solo.node, peers[i]));
        assert_int_equal(table->count, i);
        assert_true(table_seen(solo.node, peers[i]));
        assert_int_equal(table_bucket_count(table, TABLE_BUCKETS - 1 + i), 1);
    }
    assert_int_equal(table_bucket_count(table, TABLE_BUCKETS - 1), 1);
    table_failed(solo.node, peers[1]);
    table_failed(solo.node, peers[1]);
    assert_int_equal(table->depth, TABLE_BUCKETS);
    assert_int_equal(table_bucket_count(table, TABLE_BUCKETS), 0);
    peer_drop(solo.env, peers[0]);
    peer_drop(solo.env, peers[1]);
    solo_stop(&solo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_common_prefix_counts_equal_bits),
        cmocka_unit_test(test_a_full_bucket_refuses_newcomers),
        cmocka_unit_test(test_a_refused_newcomer_has_the_longest_silent_asked),
        cmocka_unit_test(test_K5_the_crowded_give_way_to_others_and_only_they_do),
        cmocka_unit_test(test_crowded_neighbours_push_out_only_each_other),
        cmocka_unit_test(test_K4_a_network_of_one_site_fills_its_tables),
        cmocka_unit_test(test_a_failing_contact_gives_way_to_a_newcomer),
        cmocka_unit_test(test_a_neighbour_takes_the_place_of_the_farthest),
        cmocka_unit_test(test_a_full_table_still_takes_neighbours),
        cmocka_unit_test(test_neighbours_are_told_apart_by_the_whole_id),
        cmocka_unit_test(test_a_peer_is_in_the_table_once),
        cmocka_unit_test(test_a_contact_leaves_after_its_last_failure_unless_it_is_the_only_one),
        cmocka_unit_test(test_restored_contacts_enter_once_and_never_push_others_out),
        cmocka_unit_test(test_a_table_that_cannot_grow_refuses_and_stays_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
