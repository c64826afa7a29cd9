/* SPDX-License-Identifier: MIT */
/* What is held stays held while nodes come and go: newcomers are brought their share, rounds mend
 * what is missing, who leaves hands over. Spec: spec/dht.md, "Repair". */
#include "test.h"

#include <string.h>

#include "internal.h"
#include "pair.h"

enum {
    OWNERS = 3
};

static uint32_t holders_of(const struct pair_net *net, uint32_t owner)
{
    uint32_t count = 0;
    const uint8_t *id = net->nodes[owner].node->keys.id;
    for (uint32_t i = 0; i < net->node_count; i++) {
        struct blob *bundle;
        if (net->nodes[i].node && !net->nodes[i].dead && i != owner)
            count += holder_find(net->nodes[i].node, id, 0, &bundle) > 0;
    }
    return count;
}

struct wanted {
    uint32_t holders; /* of each owner's bundle, the owner aside */
};

static bool all_are_held(struct pair_net *net, void *context)
{
    const struct wanted *wanted = context;
    for (uint32_t i = 0; i < OWNERS; i++) {
        if (holders_of(net, i) < wanted->holders)
            return false;
    }
    return true;
}

static struct pair_node *join(struct pair_net *net, const char *label)
{
    struct pair_node *node = pair_add(net, label);
    if (net->node_count > 1)
        assert_int_equal(pair_peer_add(node, &net->nodes[0]), VX6_OK);
    return node;
}

/* Three owners whose bundles all of `count` nodes hold. */
static struct pair_net *net_of(uint64_t seed, uint32_t count)
{
    static const char *const labels[OWNERS] = {"alice", "bob", "carol"};
    struct pair_net *net = pair_net_new(seed, false);
    for (uint32_t i = 0; i < count; i++)
        (void)join(net, i < OWNERS ? labels[i] : "");
    struct wanted wanted = {count - 1};
    assert_true(pair_until(net, all_are_held, &wanted, 120 * VX6_SECOND));
    return net;
}

/* VX6-DHT-052: long before any owner publishes again. */
static void test_a_newcomer_is_brought_its_share(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct pair_net *net = net_of(seed, 6);
        net->faults.drop_permille = seed == 3 ? 100 : 0;
        pair_run(net, 200 * VX6_SECOND); /* past the first rounds */
        uint64_t published = net->counts[VX6_EVENT_published];
        struct pair_node *newcomer = join(net, "");
        struct wanted wanted = {6};
        vx6_ns limit = 2 * (vx6_ns)net->limits.sync_delay_ms * VX6_MILLISECOND;
        assert_true(pair_until(net, all_are_held, &wanted, limit));
        assert_int_equal(net->counts[VX6_EVENT_published], published + 1); /* the newcomer itself */
        assert_in_range(newcomer->node->holder.count, 2 * OWNERS, 64);
        pair_net_free(net);
    }
}

/* VX6-DHT-052 */
static void test_each_new_neighbour_is_due_once(void **state)
{
    (void)state;
    struct pair_net *net = net_of(4, SYNC_NEIGHBOURS + 4);
    struct vx6_node *node = net->nodes[0].node;
    struct peer *closest[SYNC_NEIGHBOURS + 1];
    sync_free(node);
    sync_init(node);
    uint32_t count = table_closest(node, node->keys.id, closest, SYNC_NEIGHBOURS + 1);
    assert_int_equal(count, SYNC_NEIGHBOURS + 1);
    sync_entered(node, closest[SYNC_NEIGHBOURS]); /* no neighbour */
    assert_int_equal(node->syncs.due_count, 0);
    for (uint32_t i = 0; i < SYNC_NEIGHBOURS; i++) {
        for (uint32_t times = 0; times < 2; times++) {
            sync_entered(node, closest[i]);
            assert_int_equal(node->syncs.due_count, i + 1);
            assert_ptr_equal(node->syncs.due[i], closest[i]);
        }
    }
    vx6_ns latest = node->now + net->limits.sync_delay_ms * VX6_MILLISECOND;
    assert_in_range(node->syncs.due_at, node->now, latest);
    assert_true(node->timers.deadlines[TIMER_SYNC] <= node->syncs.due_at);
    pair_net_free(net);
}

static void forget(struct pair_node *node)
{
    timer_set_part(&node->node->timers, TIMER_HOLDER, VX6_NEVER);
    holder_free(node->node);
}

/* VX6-DHT-050, VX6-DHT-051: a node that lost all that it held. */
static void test_a_round_mends_what_is_missing(void **state)
{
    (void)state;
    struct pair_net *net = net_of(4, 5);
    pair_run(net, 200 * VX6_SECOND);
    forget(&net->nodes[4]);
    struct wanted wanted = {4};
    vx6_ns round = (vx6_ns)net->limits.sync_min_ms * VX6_MILLISECOND;
    assert_false(all_are_held(net, &wanted));
    assert_true(pair_until(net, all_are_held, &wanted, round / 8 * 9));
    pair_run(net, 20 * VX6_SECOND);
    /* When all hold all, rounds ask and bring nothing. */
    uint64_t held = net->counts[VX6_EVENT_bundle_held], synced = net->counts[VX6_EVENT_synced];
    pair_run(net, round / 4);
    assert_true(net->counts[VX6_EVENT_synced] > synced);
    assert_int_equal(net->counts[VX6_EVENT_bundle_held], held);
    pair_net_free(net);
}

/* VX6-DHT-051 */
static void test_rounds_follow_how_fast_contacts_go_away(void **state)
{
    (void)state;
    static const struct {
        uint64_t silence_ms, gone, expected_ms;
    } rows[] = {
        {0, 0, 480000},        /* nothing seen */
        {6000000, 9, 600000},  /* ten minutes each */
        {6000000, 99, 480000}, /* the least */
        {9000000, 0, 3600000}, /* the most */
    };
    struct pair_net *net = net_of(5, 4);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vx6_node *node = net->nodes[1].node;
        node->table.silence_ms = rows[i].silence_ms;
        node->table.gone_count = (uint32_t)rows[i].gone;
        node->syncs.round_at = node->now;
        sync_timer(node);
        pair_drain(&net->nodes[1]);
        uint64_t ms = (node->syncs.round_at - node->now) / VX6_MILLISECOND;
        assert_in_range(ms, rows[i].expected_ms * 7 / 8, rows[i].expected_ms * 9 / 8);
    }
    pair_net_free(net);
}

/* VX6-DHT-053: of 24 nodes one of the 20 holders leaves, and who was 21st holds instead. */
static void test_who_leaves_hands_over(void **state)
{
    (void)state;
    struct pair_net *net = pair_net_new(13, false);
    for (uint32_t i = 0; i < 26; i++) {
        (void)join(net, i < OWNERS ? "alice" : "");
        pair_run(net, 2 * VX6_SECOND);
    }
    pair_run(net, 200 * VX6_SECOND);
    for (uint32_t i = 0; i < 26; i++)
        sync_free(net->nodes[i].node); /* no more rounds: who leaves is what is looked at */
    uint32_t first = holders_of(net, 0), lost = 0, replaced = 0;
    for (uint32_t leaver = 25; leaver > 20; leaver--) {
        struct pair_node *node = &net->nodes[leaver];
        uint32_t before = holders_of(net, 0);
        struct blob *bundle;
        uint32_t held = holder_find(node->node, net->nodes[0].node->keys.id, 0, &bundle) > 0;
        struct vx6_in in = {.kind = VX6_IN_SHUTDOWN};
        assert_int_equal(pair_input(node, &in), VX6_OK);
        pair_run(net, net->limits.handover_ms * VX6_MILLISECOND);
        assert_true(vx6_node_is_closed(node->node));
        node->dead = true;
        uint32_t after = holders_of(net, 0);
        assert_true(after >= before - held);
        replaced += after - (before - held);
        lost += held;
        pair_run(net, 300 * VX6_SECOND); /* until nobody counts on it any more */
    }
    print_message("of %u holders %u left, %u came instead\n", first, lost, replaced);
    assert_true(lost >= 3 && replaced >= 1);
    assert_true(holders_of(net, 0) + 1 >= KADEMLIA_K - 1);
    pair_net_free(net);
}

/* VX6-DHT-053, VX6-NODE-011: it ends in time even if nobody answers. */
static void test_a_handover_has_an_end(void **state)
{
    (void)state;
    struct pair_net *net = net_of(7, 5);
    for (uint32_t i = 0; i < 4; i++)
        net->nodes[i].dead = true;
    struct pair_node *left = &net->nodes[4];
    struct vx6_in in = {.kind = VX6_IN_SHUTDOWN};
    assert_int_equal(pair_input(left, &in), VX6_OK);
    assert_int_equal(pair_input(left, &in), VX6_OK); /* once is enough */
    pair_run(net, (net->limits.handover_ms - 100) * VX6_MILLISECOND);
    assert_false(vx6_node_is_closed(left->node));
    pair_run(net, 200 * VX6_MILLISECOND);
    assert_true(vx6_node_is_closed(left->node));
    pair_net_free(net);
}

static bool wants(const struct vx6_node *node, const vx6_addr *asker, const uint8_t *key,
    const uint8_t *owner, uint64_t sequence)
{
    uint8_t bytes[SYNC_ITEM_SIZE];
    struct vx6_item item = {.sequence = sequence};
    memcpy(item.key, key, 32);
    memcpy(item.owner, owner, 32);
    struct vx6_sync ask = {0};
    assert_true(vx6_push_item(&ask.items, bytes, sizeof bytes, &item));
    return sync_wanted(node, asker, &ask) == 1;
}

/* VX6-DHT-054 */
static void test_wanted_is_what_is_newer_and_nobody_elses(void **state)
{
    (void)state;
    struct pair_net *net = pair_net_new(8, false);
    for (uint32_t i = 0; i < 30; i++) {
        (void)join(net, i == 0 ? "alice" : "");
        pair_run(net, VX6_SECOND);
    }
    pair_run(net, 120 * VX6_SECOND);
    const struct vx6_node *owner = net->nodes[0].node;
    const uint8_t *id = owner->keys.id, strange[32] = {1, 2, 3};
    const vx6_addr nobody = {.port = 1};
    uint32_t shares = 0;
    for (uint32_t i = 1; i < 30; i++) {
        const struct vx6_node *node = net->nodes[i].node;
        uint32_t closer = 0;
        for (uint32_t j = 0; j < node->table.count; j++)
            closer += distance_compare(id, node->table.peers[j]->id, node->keys.id) < 0;
        assert_int_equal(wants(node, &nobody, id, strange, 1), closer < KADEMLIA_K);
        assert_false(wants(node, &nobody, node->keys.id, node->keys.id, 99)); /* its own affair */
        struct blob *bundle;
        shares += closer < KADEMLIA_K;
        if (closer == KADEMLIA_K) { /* who asks does not count */
            struct peer *closest[1];
            assert_int_equal(table_closest(node, id, closest, 1), 1);
            assert_true(wants(node, &closest[0]->addr, id, strange, 1));
        }
        if (holder_find(net->nodes[i].node, id, 0, &bundle) == 0 || closer >= KADEMLIA_K)
            continue;
        uint64_t sequence = owner->sequence_next - 1;
        assert_false(wants(node, &nobody, id, id, sequence));
        assert_true(wants(node, &nobody, id, id, sequence + 1));
    }
    assert_in_range(shares, KADEMLIA_K - 1, 28);
    pair_net_free(net);
}

/* VX6-DHT-050: a bundle that only one who is far from its key holds comes to those who are close.
 */
static void test_what_is_in_the_wrong_hands_is_brought_to_the_right_ones(void **state)
{
    (void)state;
    struct pair_net *net = pair_net_new(9, false);
    net->limits.sync_delay_ms = 600000;
    for (uint32_t i = 0; i < 30; i++) {
        (void)join(net, i == 0 ? "alice" : "");
        pair_run(net, VX6_SECOND);
    }
    pair_run(net, 100 * VX6_SECOND);
    const uint8_t *id = net->nodes[0].node->keys.id;
    uint32_t farthest = 1;
    for (uint32_t i = 2; i < 30; i++) {
        if (distance_compare(id, net->nodes[i].node->keys.id, net->nodes[farthest].node->keys.id) >
            0)
            farthest = i;
    }
    struct blob *bundle = publish_bundle(net->nodes[0].node);
    struct vx6_node *node = net->nodes[farthest].node;
    for (uint32_t i = 1; i < 30; i++)
        forget(&net->nodes[i]);
    assert_int_equal(holder_store(node, id, (vx6_span){bundle->data, bundle->len}, NULL), VX6_OK);
    net->nodes[0].dead = true;
    node->syncs.round_at = node->now;
    sync_timer(node);
    pair_drain(&net->nodes[farthest]);
    pair_run(net, 20 * VX6_SECOND);
    assert_in_range(holders_of(net, 0), 3, 30);
    pair_net_free(net);
}

static void check_size(struct pair_net *net, uint8_t *data, size_t *len)
{
    (void)net, (void)data;
    assert_int_equal(*len, VX6_DATAGRAM_SIZE);
}

/* VX6-DHT-050: however many bundles there are, no message grows with their number. */
static void test_R7_thousands_of_bundles_come_to_a_newcomer(void **state)
{
    (void)state;
    enum {
        BUNDLES = 2000
    };
    struct pair_net *net = pair_net_new(11, false);
    net->on_datagram = check_size;
    net->limits.value_max = 4 * BUNDLES + 100; /* a quarter may come from one network */
    struct vx6_node *holder = join(net, "")->node;
    static uint8_t ids[BUNDLES][32];
    for (uint32_t i = 0; i < BUNDLES; i++) {
        struct own_keys keys;
        uint8_t seed[32] = {7}, bytes[VX6_BUNDLE_MAX];
        store_u32(seed + 1, i);
        own_keys_init(&keys, &net->crypto, seed);
        struct record_facts facts = {.sequence = 1, .unix_s = node_unix_s(holder), .life_s = 1800};
        size_t len = record_make_bundle(&net->crypto, &keys, &facts, bytes);
        memcpy(ids[i], keys.id, 32);
        assert_int_equal(holder_store(holder, ids[i], (vx6_span){bytes, len}, NULL), VX6_OK);
    }
    struct vx6_node *newcomer = join(net, "")->node;
    pair_run(net, 900 * VX6_SECOND);
    for (uint32_t i = 0; i < BUNDLES; i++) {
        struct blob *bundle;
        assert_int_equal(holder_find(newcomer, ids[i], 0, &bundle), 1);
    }
    pair_net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_newcomer_is_brought_its_share),
        cmocka_unit_test(test_each_new_neighbour_is_due_once),
        cmocka_unit_test(test_a_round_mends_what_is_missing),
        cmocka_unit_test(test_rounds_follow_how_fast_contacts_go_away),
        cmocka_unit_test(test_who_leaves_hands_over),
        cmocka_unit_test(test_a_handover_has_an_end),
        cmocka_unit_test(test_wanted_is_what_is_newer_and_nobody_elses),
        cmocka_unit_test(test_what_is_in_the_wrong_hands_is_brought_to_the_right_ones),
        cmocka_unit_test(test_R7_thousands_of_bundles_come_to_a_newcomer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
