/* SPDX-License-Identifier: MIT */
/* Who is closest to a target, against a reference that sorts everything. */
#include "around.h"
#include "table_bench.h"

/* What is counted agrees with what is sorted. */
static void check_counted(struct solo *solo, const uint8_t target[32], uint32_t count)
{
    const struct vx6_node *node = solo->node;
    struct peer *peers[64];
    uint32_t found = table_closest(node, target, peers, count);
    for (uint32_t i = 0; i < node->table.count; i++) {
        const struct peer *peer = node->table.peers[i];
        bool is_found = false;
        for (uint32_t j = 0; j < found; j++)
            is_found = is_found || peers[j] == peer;
        assert_int_equal(table_is_among_closest(node, target, peer, count), is_found);
    }
    bool is_own =
        found < count || distance_compare(target, node->keys.id, peers[count - 1]->id) < 0;
    assert_int_equal(table_is_own_share(node, target, NULL, count), is_own);
}

/* The bits by which contacts are compared are those of their buckets, as many of which as may be
 * are taken for one. */
static void check_bits(const struct vx6_node *node)
{
    const struct table *table = &node->table;
    const uint32_t begin = table_bucket_begin(table, table->deepest);
    assert_int_equal(table->deepest_begin, begin);
    assert_in_range(table->count - begin, 0, TABLE_VECTOR);
    if (table->deepest > 0)
        assert_true(table->count - table_bucket_begin(table, table->deepest - 1) > TABLE_VECTOR);
    for (uint32_t i = 0; i < table->count; i++) {
        const uint8_t *id = table->peers[i]->id;
        const uint32_t shared = table_shared(table, common_prefix(node->keys.id, id));
        assert_int_equal(table_bits(table)[i], id_bits(id, shared));
    }
}

static void check_closest(struct solo *solo, const uint8_t target[32], uint32_t count)
{
    const struct table *table = &solo->node->table;
    struct peer *peers[64], *sorted[1024];
    uint32_t live = 0;
    for (uint32_t i = 0; i < table->count; i++) {
        if (table->contacts[i].failures > 0)
            continue;
        uint32_t place = live++;
        struct peer *peer = table->peers[i];
        for (; place > 0 && distance_compare(target, peer->id, sorted[place - 1]->id) < 0; place--)
            sorted[place] = sorted[place - 1];
        sorted[place] = peer;
    }
    uint32_t found = table_closest(solo->node, target, peers, count);
    assert_int_equal(found, live < count ? live : count);
    for (uint32_t i = 0; i < found; i++)
        assert_ptr_equal(peers[i], sorted[i]);
    check_bits(solo->node);
    check_counted(solo, target, count);
}

/* Asked of the 8 nearest contacts, or of any; false: all answers were the table's own. */
static bool check_around(struct solo *solo)
{
    const struct vx6_node *node = solo->node;
    struct peer *asked[SYNC_NEIGHBOURS], *expected[KADEMLIA_K];
    uint32_t closest[SYNC_NEIGHBOURS];
    uint32_t count = table_closest(node, node->keys.id, asked, SYNC_NEIGHBOURS);
    uint8_t key[32];
    if (draw() % 2 == 0) {
        count = 1 + draw() % SYNC_NEIGHBOURS;
        for (uint32_t i = 0; i < count; i++)
            asked[i] = node->table.peers[draw() % node->table.count];
    }
    struct around around;
    around_look(&around, node, asked, count);
    for (uint32_t round = 0; round < 20; round++) {
        id_in_bucket(solo, draw() % 20, key);
        uint32_t count_closest = around_closest(&around, key, closest), place = 0;
        uint32_t found = table_closest(node, key, expected, KADEMLIA_K);
        for (uint32_t i = 0; i < found; i++) {
            if (!around_is_asked(&around, expected[i]))
                continue;
            assert_true(place < count_closest);
            assert_ptr_equal(asked[closest[place++]], expected[i]);
        }
        assert_int_equal(place, count_closest);
        bool is_own = table_is_own_share(node, key, NULL, KADEMLIA_K);
        assert_int_equal(around_is_own_share(&around, key), is_own);
    }
    return around.reach > 0;
}

/* VX6-DHT-050 */
static void test_what_is_seen_around_is_what_the_table_finds(void **state)
{
    (void)state;
    struct solo solo;
    start(&solo);
    uint32_t seen = 0;
    for (uint32_t round = 0; round < 300; round++) {
        (void)enter(&solo, draw() % 2 == 0 ? draw() % 12 : draw() % 6);
        if (draw() % 8 == 0)
            table_failed(solo.node, solo.node->table.peers[draw() % solo.node->table.count]);
        seen += check_around(&solo);
    }
    assert_true(seen > 100 && seen < 300);
    /* Two that a copy of their first bytes does not tell apart. */
    uint8_t id[32];
    memcpy(id, solo.node->table.peers[solo.node->table.count - 1]->id, sizeof id);
    id[20] ^= 1;
    struct peer *twin = make_peer(&solo, id), *asked[1] = {twin};
    struct around around;
    assert_true(table_seen(solo.node, twin));
    around_look(&around, solo.node, asked, 1);
    assert_int_equal(around.reach, 0);
    peer_drop(solo.env, twin);
    solo_stop(&solo);
}

/* Before its first contact a table has no memory, nor may a sanitizer find fault with that. */
static void test_an_empty_table_finds_nobody(void **state)
{
    (void)state;
    struct solo solo;
    struct peer *peers[KADEMLIA_K];
    start(&solo);
    const uint8_t *own = solo.node->keys.id;
    table_expect_search(solo.node);
    diversity_expect(solo.node);
    assert_int_equal(table_closest(solo.node, own, peers, KADEMLIA_K), 0);
    assert_true(table_is_own_share(solo.node, own, NULL, KADEMLIA_K));
    solo_stop(&solo);
}

/* VX6-DHT-006 */
static void test_closest_contacts_are_those_that_sorting_finds(void **state)
{
    (void)state;
    struct solo solo;
    start(&solo);
    uint8_t target[32];
    for (uint32_t round = 0; round < 300; round++) {
        (void)enter(&solo, draw() % 2 == 0 ? draw() % 12 : draw() % 3);
        if (round % 8 == 7)
            table_failed(solo.node, solo.node->table.peers[draw() % solo.node->table.count]);
        for (uint32_t i = 0; i < 6; i++) {
            draw_bytes(target, sizeof target);
            check_closest(&solo, target, 1 + draw() % 40);
            id_in_bucket(&solo, draw() % 20, target);
            check_closest(&solo, target, KADEMLIA_K);
        }
        check_closest(&solo, solo.node->keys.id, KADEMLIA_K);
        check_closest(&solo, solo.node->table.peers[0]->id, KADEMLIA_K);
    }
    assert_true(solo.node->table.count > 100);
    solo_stop(&solo);
}

/* VX6-DHT-006: where one bucket has the k closest, no other contact is looked at, and nothing is
 * hashed. Those of other buckets are disguised: whoever looked would take them. */
static void test_K8_the_closest_are_taken_from_their_buckets(void **state)
{
    (void)state;
    enum {
        BUCKETS = 10
    };
    struct solo solo;
    start(&solo);
    for (uint32_t i = 0; i < BUCKETS * KADEMLIA_K; i++)
        assert_true(enter(&solo, i / KADEMLIA_K));
    struct table *table = &solo.node->table;
    void (*sha256)(const struct vx6_crypto *, uint8_t *, const uint8_t *, size_t) =
        solo.crypto.sha256;
    solo.crypto.sha256 = NULL;
    for (uint32_t bucket = 0; bucket < BUCKETS; bucket++) {
        struct peer *kept[BUCKETS * KADEMLIA_K];
        struct peer *peers[KADEMLIA_K];
        uint8_t target[32];
        id_in_bucket(&solo, bucket, target);
        memcpy(kept, table->peers, sizeof kept);
        for (uint32_t i = 0; i < table->count; i++) {
            if (i / KADEMLIA_K == bucket)
                continue;
            table->peers[i] = NULL;
            const uint32_t shared = table_shared(table, i / KADEMLIA_K);
            table_bits(table)[i] = id_bits(target, shared);
        }
        assert_int_equal(table_closest(solo.node, target, peers, KADEMLIA_K), KADEMLIA_K);
        memcpy(table->peers, kept, sizeof kept);
        for (uint32_t i = 0; i < table->count; i++)
            table_bits(table)[i] = id_bits(kept[i]->id, table_shared(table, i / KADEMLIA_K));
        for (uint32_t i = 0; i < KADEMLIA_K; i++)
            assert_int_equal(common_prefix(solo.node->keys.id, peers[i]->id), bucket);
    }
    solo.crypto.sha256 = sha256;
    solo_stop(&solo);
}

/* VX6-DHT-006: who failed is named to nobody, unless there is nobody else. */
static void test_contacts_that_failed_are_passed_over(void **state)
{
    (void)state;
    struct solo solo;
    struct peer *peers[KADEMLIA_K];
    start(&solo);
    for (uint32_t i = 0; i < 10; i++)
        assert_true(enter(&solo, i % 4));
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(table_closest(solo.node, solo.node->keys.id, peers, KADEMLIA_K), 10 - i);
        check_counted(&solo, solo.node->keys.id, 5);
        table_failed(solo.node, peers[0]);
    }
    assert_int_equal(table_closest(solo.node, solo.node->keys.id, peers, KADEMLIA_K), 10);
    assert_int_equal(solo.node->table.count, 10);
    solo_stop(&solo);
}

/* VX6-DHT-001: two IDs that share 160 bits are two. */
static void test_S8_equal_prefixes_are_told_apart_by_the_whole_id(void **state)
{
    (void)state;
    struct solo solo;
    start(&solo);
    uint8_t id[32];
    id_in_bucket(&solo, 1, id);
    for (uint32_t i = 0; i < 10; i++) {
        id[20 + draw() % 12] ^= (uint8_t)(1 + draw() % 255);
        struct peer *peer = make_peer(&solo, id);
        (void)table_seen(solo.node, peer);
        peer_drop(solo.env, peer);
        check_closest(&solo, id, KADEMLIA_K);
        assert_ptr_equal(table_peer(&solo.node->table, table_find(solo.node, id)), peer);
        if (i % 3 == 2)
            table_failed(solo.node, peer);
    }
    /* Also where buckets differ behind the first bytes only. */
    for (uint32_t round = 0; round < 200; round++) {
        if (round % 8 == 7)
            table_failed(solo.node, solo.node->table.peers[draw() % solo.node->table.count]);
        (void)enter(&solo, 40 + draw() % 50);
        memcpy(id, solo.node->keys.id, sizeof id);
        for (uint32_t i = 0; i < 3; i++) {
            uint32_t bit = 40 + draw() % 50;
            id[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
        }
        check_closest(&solo, id, 1 + draw() % KADEMLIA_K);
        check_closest(&solo, solo.node->keys.id, 1 + draw() % 60);
        check_closest(&solo, solo.node->table.peers[0]->id, KADEMLIA_K);
    }
    solo_stop(&solo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_seen_around_is_what_the_table_finds),
        cmocka_unit_test(test_an_empty_table_finds_nobody),
        cmocka_unit_test(test_closest_contacts_are_those_that_sorting_finds),
        cmocka_unit_test(test_K8_the_closest_are_taken_from_their_buckets),
        cmocka_unit_test(test_contacts_that_failed_are_passed_over),
        cmocka_unit_test(test_S8_equal_prefixes_are_told_apart_by_the_whole_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
