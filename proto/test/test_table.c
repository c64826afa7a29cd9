/* SPDX-License-Identifier: MIT */
/* The routing table against a reference that sorts everything. */
#include "solo.h"

static uint64_t random_state = 1;

static uint32_t draw(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33);
}

static void draw_bytes(uint8_t *dst, size_t len)
{
    for (size_t i = 0; i < len; i++)
        dst[i] = (uint8_t)draw();
}

/* A peer that nobody could ask, at a place in the ID space that the test chooses. */
static struct peer *make_peer_at(struct solo *solo, const uint8_t id[32], const vx6_addr *addr)
{
    uint8_t key[32];
    draw_bytes(key, sizeof key);
    struct peer *peer = peer_get(solo->env, key, addr);
    assert_non_null(peer);
    memcpy(peer->id, id, 32);
    return peer;
}

/* Every peer has a provider of its own. */
static struct peer *make_peer(struct solo *solo, const uint8_t id[32])
{
    static uint32_t number;
    vx6_addr addr = {.ip = {0x24}, .port = 1};
    store_u32(addr.ip + 1, ++number << 8);
    return make_peer_at(solo, id, &addr);
}

/* An ID whose first difference from the node's is bit `bucket`. */
static void id_in_bucket(const struct solo *solo, uint32_t bucket, uint8_t id[32])
{
    const uint8_t *own = solo->node->keys.id;
    draw_bytes(id, 32);
    for (uint32_t i = 0; i < bucket; i++)
        id[i / 8] = (uint8_t)((id[i / 8] & ~(0x80 >> i % 8)) | (own[i / 8] & (0x80 >> i % 8)));
    uint8_t bit = (uint8_t)(0x80 >> bucket % 8);
    id[bucket / 8] = (uint8_t)((id[bucket / 8] & ~bit) | (~own[bucket / 8] & bit));
    assert_int_equal(common_prefix(own, id), bucket);
}

static struct peer *peer_in_bucket(struct solo *solo, uint32_t bucket)
{
    uint8_t id[32];
    id_in_bucket(solo, bucket, id);
    return make_peer(solo, id);
}

/* Enters a new peer and drops the test's own reference. */
static bool enter(struct solo *solo, uint32_t bucket)
{
    struct peer *peer = peer_in_bucket(solo, bucket);
    bool entered = table_seen(solo->node, peer);
    peer_drop(solo->env, peer);
    return entered;
}

static bool enter_at(struct solo *solo, uint32_t bucket, const vx6_addr *addr)
{
    uint8_t id[32];
    id_in_bucket(solo, bucket, id);
    struct peer *peer = make_peer_at(solo, id, addr);
    bool entered = table_seen(solo->node, peer);
    peer_drop(solo->env, peer);
    return entered;
}

static void start(struct solo *solo)
{
    solo_init(solo);
    solo_start(solo, 1);
    random_state = 1;
}

static void pass(struct solo *solo, uint64_t ms)
{
    solo->now += ms * VX6_MILLISECOND;
    solo->node->now = solo->now;
}

/* What is counted agrees with what is sorted. */
static void check_counted(struct solo *solo, const uint8_t target[32], uint32_t count)
{
    const struct vx6_node *node = solo->node;
    struct peer *peers[64];
    uint32_t found = table_closest(node, target, peers, count);
    for (uint32_t i = 0; i < node->table.count; i++) {
        const struct peer *peer = node->table.contacts[i].peer;
        bool is_found = false;
        for (uint32_t j = 0; j < found; j++)
            is_found = is_found || peers[j] == peer;
        assert_int_equal(table_is_among_closest(node, target, peer, count), is_found);
    }
    bool is_own =
        found < count || distance_compare(target, node->keys.id, peers[count - 1]->id) < 0;
    assert_int_equal(table_is_own_share(node, target, NULL, count), is_own);
}

static void check_closest(struct solo *solo, const uint8_t target[32], uint32_t count)
{
    const struct table *table = &solo->node->table;
    struct peer *peers[64], *sorted[1024];
    for (uint32_t i = 0; i < table->count; i++) {
        uint32_t place = i;
        struct peer *peer = table->contacts[i].peer;
        for (; place > 0 && distance_compare(target, peer->id, sorted[place - 1]->id) < 0; place--)
            sorted[place] = sorted[place - 1];
        sorted[place] = peer;
    }
    uint32_t found = table_closest(solo->node, target, peers, count);
    assert_int_equal(found, table->count < count ? table->count : count);
    for (uint32_t i = 0; i < found; i++)
        assert_ptr_equal(peers[i], sorted[i]);
    check_counted(solo, target, count);
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
        for (uint32_t i = 0; i < 6; i++) {
            draw_bytes(target, sizeof target);
            check_closest(&solo, target, 1 + draw() % 40);
            id_in_bucket(&solo, draw() % 20, target);
            check_closest(&solo, target, KADEMLIA_K);
        }
        check_closest(&solo, solo.node->keys.id, KADEMLIA_K);
        check_closest(&solo, solo.node->table.contacts[0].peer->id, KADEMLIA_K);
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
        struct contact kept[BUCKETS * KADEMLIA_K];
        struct peer *peers[KADEMLIA_K];
        uint8_t target[32];
        id_in_bucket(&solo, bucket, target);
        memcpy(kept, table->contacts, sizeof kept);
        for (uint32_t i = 0; i < table->count; i++) {
            if (i / KADEMLIA_K != bucket)
                table->contacts[i] = (struct contact){.prefix = load_u32(target)};
        }
        assert_int_equal(table_closest(solo.node, target, peers, KADEMLIA_K), KADEMLIA_K);
        memcpy(table->contacts, kept, sizeof kept);
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
        assert_ptr_equal(table_find(solo.node, id)->peer, peer);
    }
    /* Also where buckets differ behind the first bytes only. */
    for (uint32_t round = 0; round < 200; round++) {
        (void)enter(&solo, 40 + draw() % 50);
        memcpy(id, solo.node->keys.id, sizeof id);
        for (uint32_t i = 0; i < 3; i++) {
            uint32_t bit = 40 + draw() % 50;
            id[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
        }
        check_closest(&solo, id, 1 + draw() % KADEMLIA_K);
        check_closest(&solo, solo.node->keys.id, 1 + draw() % 60);
        check_closest(&solo, solo.node->table.contacts[0].peer->id, KADEMLIA_K);
    }
    solo_stop(&solo);
}

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
    assert_int_equal(solo.node->table.bucket_count[0], KADEMLIA_K);
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
    assert_true(table_seen(solo.node, longest->peer));
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
    assert_int_equal(table->bucket_count[0], KADEMLIA_K);
    for (uint32_t i = 0; i < table->count; i++)
        others += !bytes_equal(table->contacts[i].peer->addr.ip, addr.ip, 6);
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
    struct peer *failing = peer_hold(solo.node->table.contacts[7].peer);
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
        assert_int_equal(solo.node->table.bucket_count[fullest], KADEMLIA_K - 1);
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
    assert_ptr_equal(solo.node->table.contacts[0].peer, elsewhere);
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
    assert_true(table_seen(solo.node, solo.node->table.contacts[0].peer));
    assert_false(solo.node->table.contacts[0].restored);
    solo_stop(&solo);
}

/* VX6-DHT-010 */
static void test_the_longest_idle_contact_is_asked_first_and_not_again(void **state)
{
    (void)state;
    struct solo solo;
    start(&solo);
    uint32_t idle_ms[2];
    assert_null(idle_longest(solo.node, idle_ms));
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(enter(&solo, 2 - i));
        pass(&solo, 1000);
    }
    struct contact *oldest = idle_longest(solo.node, idle_ms);
    assert_ptr_equal(oldest, &solo.node->table.contacts[2]);
    assert_int_equal(idle_ms[0], 3000);
    assert_int_equal(idle_ms[1], 2000);
    idle_asked(solo.node, oldest);
    oldest = idle_longest(solo.node, idle_ms);
    assert_ptr_equal(oldest, &solo.node->table.contacts[1]);
    assert_int_equal(idle_ms[0], 2000);
    /* One that failed comes first, after a pause. */
    oldest = &solo.node->table.contacts[0];
    idle_asked(solo.node, oldest);
    table_failed(solo.node, oldest->peer);
    assert_ptr_not_equal(idle_longest(solo.node, idle_ms), oldest);
    pass(&solo, 5000);
    assert_ptr_equal(idle_longest(solo.node, idle_ms), oldest);
    assert_int_equal(idle_ms[0], UINT32_MAX);
    solo_stop(&solo);
}

static uint32_t longest_idle_ms(const struct solo *solo)
{
    const struct table *table = &solo->node->table;
    uint32_t clock = (uint32_t)((solo->node->now - solo->node->started) / VX6_MILLISECOND);
    uint32_t longest = 0;
    for (uint32_t i = 0; i < table->count; i++) {
        const struct contact_age *age = &table->ages[i];
        uint32_t silent_ms = clock - age->seen_ms, asked_ms = (clock / 1000 - age->asked_s) * 1000;
        uint32_t ms = silent_ms < asked_ms ? silent_ms : asked_ms;
        if (age->urgent && asked_ms >= 5000)
            ms = UINT32_MAX;
        longest = ms > longest ? ms : longest;
    }
    return longest;
}

/* VX6-DHT-010: whatever happens between two questions, nobody is passed over. */
static void test_who_is_asked_is_the_longest_idle_of_all(void **state)
{
    (void)state;
    struct solo solo;
    start(&solo);
    for (uint32_t i = 0; i < 60; i++)
        (void)enter(&solo, i % 6);
    for (uint32_t step = 0; step < 20000; step++) {
        const struct table *table = &solo.node->table;
        struct peer *peer = table->contacts[draw() % table->count].peer;
        uint32_t what = draw() % 16, idle_ms[2];
        if (what < 10)
            (void)table_seen(solo.node, peer);
        else if (what == 10)
            table_failed(solo.node, peer);
        else if (what == 11 && table->count < 100)
            (void)enter(&solo, draw() % 6);
        else if (what > 12) {
            struct contact *oldest = idle_longest(solo.node, idle_ms);
            uint32_t longest = longest_idle_ms(&solo);
            assert_true(idle_ms[0] + (uint64_t)1000 >= longest);
            assert_true(idle_ms[1] <= idle_ms[0]);
            if (idle_ms[0] >= table_patience_ms(solo.node))
                idle_asked(solo.node, oldest);
        }
        pass(&solo, draw() % 2000);
    }
    solo_stop(&solo);
}

/* VX6-DHT-010 */
static void test_patience_follows_how_fast_contacts_go_away(void **state)
{
    (void)state;
    struct solo solo;
    start(&solo);
    solo.limits.contact_failures_max = 1;
    const struct vx6_limits *limits = &solo.limits;
    assert_int_equal(table_patience_ms(solo.node), limits->contact_ping_ms);
    for (uint32_t i = 0; i < 100; i++)
        (void)enter(&solo, i % 5);
    for (uint32_t round = 0; round < 3; round++) {
        pass(&solo, 60000);
        for (uint32_t i = 0; i < solo.node->table.count; i++)
            (void)table_seen(solo.node, solo.node->table.contacts[i].peer);
    }
    assert_int_equal(table_patience_ms(solo.node), limits->contact_ping_max_ms);
    /* One in five goes away each minute: patience comes down to about a minute. */
    for (uint32_t round = 0; round < 40; round++) {
        pass(&solo, 60000);
        for (uint32_t i = 0; i < solo.node->table.count; i++) {
            if (draw() % 5 > 0)
                (void)table_seen(solo.node, solo.node->table.contacts[i].peer);
            else
                table_failed(solo.node, solo.node->table.contacts[i].peer);
        }
        while (solo.node->table.count < 100)
            (void)enter(&solo, draw() % 5);
    }
    assert_in_range(table_patience_ms(solo.node), limits->contact_ping_ms, 90000);
    solo_stop(&solo);
}

static void test_a_table_that_cannot_grow_refuses_and_stays_whole(void **state)
{
    (void)state;
    struct solo solo;
    start(&solo);
    struct peer *peer = peer_in_bucket(&solo, 1);
    solo.memory.fail_at = solo.memory.requests + 1;
    assert_false(table_seen(solo.node, peer));
    assert_int_equal(solo.node->table.count, 0);
    assert_true(table_seen(solo.node, peer));
    peer_drop(solo.env, peer);
    solo_stop(&solo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_closest_contacts_are_those_that_sorting_finds),
        cmocka_unit_test(test_K8_the_closest_are_taken_from_their_buckets),
        cmocka_unit_test(test_contacts_that_failed_are_passed_over),
        cmocka_unit_test(test_S8_equal_prefixes_are_told_apart_by_the_whole_id),
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
        cmocka_unit_test(test_the_longest_idle_contact_is_asked_first_and_not_again),
        cmocka_unit_test(test_who_is_asked_is_the_longest_idle_of_all),
        cmocka_unit_test(test_patience_follows_how_fast_contacts_go_away),
        cmocka_unit_test(test_a_table_that_cannot_grow_refuses_and_stays_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
