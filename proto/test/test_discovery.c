/* SPDX-License-Identifier: MIT */
/* Small networks of whole nodes: joining by one live peer or by what an earlier run knew, losing
 * everybody and coming back, and who is told of whom. */
#include "test.h"

#include <string.h>

#include "internal.h"
#include "pair.h"

static const struct pair_faults no_faults;

static bool knows(const struct pair_node *node, const struct pair_node *other)
{
    return table_find(node->node, other->node->keys.id) != NULL;
}

static bool all_know_all(struct pair_net *net, void *context)
{
    (void)context;
    for (uint32_t i = 0; i < net->node_count; i++) {
        for (uint32_t j = 0; j < net->node_count; j++) {
            if (i != j && !net->nodes[i].dead && !net->nodes[j].dead &&
                !knows(&net->nodes[i], &net->nodes[j]))
                return false;
        }
    }
    return true;
}

static void restore(struct pair_node *node, const struct pair_node *contact)
{
    struct vx6_in in = {.kind = VX6_IN_CONTACT, .peer = contact->addr};
    memcpy(in.key, contact->node->keys.identity, 32);
    assert_int_equal(pair_input(node, &in), VX6_OK);
}

static const struct vx6_out *done(const struct pair_node *node)
{
    return pair_find(node, VX6_OUT_OP_DONE, 0);
}

/* VX6-DHT-022 */
static void test_two_nodes_know_each_other_once_one_was_told_an_address(void **state)
{
    (void)state;
    struct pair_net *net = pair_net_new(1, false);
    struct pair_node *a = pair_add(net, ""), *b = pair_add(net, "");
    assert_int_equal(pair_peer_add(a, b), VX6_OK);
    assert_true(pair_until(net, all_know_all, NULL, 5 * VX6_SECOND));
    assert_int_equal(done(a)->code, VX6_OK);
    assert_memory_equal(done(a)->key, b->node->keys.identity, 32);
    assert_true(addr_equal(&done(a)->peer, &b->addr));
    pair_run(net, 5 * VX6_SECOND);
    assert_true(a->node->discovery.joined && b->node->discovery.joined);
    const struct vx6_out *contact = pair_find(b, VX6_OUT_CONTACT, 0);
    assert_non_null(contact);
    assert_memory_equal(contact->key, a->node->keys.identity, 32);
    assert_true(addr_equal(&contact->peer, &a->addr));
    pair_net_free(net);
}

/* VX6-DHT-007, VX6-DHT-022 */
static void test_nodes_that_share_one_entry_point_find_each_other(void **state)
{
    (void)state;
    static const struct pair_faults faults[] = {
        {0}, {.drop_permille = 100}, {.duplicate_permille = 300, .reorder_permille = 300}};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct pair_net *net = pair_net_new(2 + i, false);
        net->faults = faults[i];
        for (uint32_t j = 0; j < 12; j++)
            (void)pair_add(net, "");
        for (uint32_t j = 1; j < 12; j++) {
            assert_int_equal(pair_peer_add(&net->nodes[j], &net->nodes[0]), VX6_OK);
            pair_run(net, VX6_SECOND / 3);
        }
        vx6_ns limit = faults[i].drop_permille > 0 ? 700 * VX6_SECOND : 30 * VX6_SECOND;
        assert_true(pair_until(net, all_know_all, NULL, limit));
        pair_net_free(net);
    }
}

/* VX6-DHT-022 */
static void test_contacts_of_an_earlier_run_are_enough_to_join(void **state)
{
    (void)state;
    struct pair_net *net = pair_net_new(5, false);
    struct pair_node *a = pair_add(net, ""), *b = pair_add(net, ""), *c = pair_add(net, "");
    restore(b, a);
    restore(c, a);
    /* Who comes at the same time is heard of when the contact is asked next. */
    assert_true(pair_until(net, all_know_all, NULL, 200 * VX6_SECOND));
    assert_true(b->node->discovery.joined);
    pair_net_free(net);
}

/* VX6-DHT-027 */
static void test_an_entry_point_that_is_down_is_tried_again(void **state)
{
    (void)state;
    struct pair_net *net = pair_net_new(6, false);
    struct pair_node *a = pair_add(net, ""), *b = pair_add(net, "");
    b->dead = true;
    assert_int_equal(pair_peer_add(a, b), VX6_OK);
    pair_run(net, 30 * VX6_SECOND);
    assert_int_equal(done(a)->code, VX6_UNREACHABLE);
    assert_int_equal(a->node->table.count, 0);
    b->dead = false;
    assert_true(pair_until(net, all_know_all, NULL, 120 * VX6_SECOND));
    pair_net_free(net);
}

/* VX6-DHT-027: everybody goes away, and one of them comes back. */
static void test_a_node_that_lost_everybody_finds_back(void **state)
{
    (void)state;
    struct pair_net *net = pair_net_new(7, false);
    for (uint32_t i = 0; i < 6; i++)
        (void)pair_add(net, "");
    for (uint32_t i = 1; i < 6; i++)
        assert_int_equal(pair_peer_add(&net->nodes[i], &net->nodes[0]), VX6_OK);
    assert_true(pair_until(net, all_know_all, NULL, 60 * VX6_SECOND));
    for (uint32_t i = 0; i < 5; i++)
        net->nodes[i].dead = true;
    pair_run(net, 600 * VX6_SECOND);
    struct pair_node *left = &net->nodes[5];
    assert_in_range(left->node->table.count, 1, 5);
    for (uint32_t i = 0; i < 5; i++)
        net->nodes[i].dead = false;
    assert_true(pair_until(net, all_know_all, NULL, 300 * VX6_SECOND));
    pair_net_free(net);
}

/* VX6-DHT-010 */
static void test_a_contact_that_died_leaves_every_table(void **state)
{
    (void)state;
    struct pair_net *net = pair_net_new(8, false);
    for (uint32_t i = 0; i < 8; i++)
        (void)pair_add(net, "");
    for (uint32_t i = 1; i < 8; i++)
        assert_int_equal(pair_peer_add(&net->nodes[i], &net->nodes[0]), VX6_OK);
    assert_true(pair_until(net, all_know_all, NULL, 60 * VX6_SECOND));
    struct pair_node *gone = &net->nodes[3];
    gone->dead = true;
    pair_run(net, 700 * VX6_SECOND);
    for (uint32_t i = 0; i < 8; i++) {
        if (i != 3) {
            assert_false(knows(&net->nodes[i], gone));
            assert_int_equal(net->nodes[i].node->table.count, 6);
        }
    }
    pair_net_free(net);
}

/* VX6-DHT-004, VX6-DHT-007 */
static void test_a_node_without_endpoint_is_in_nobodys_table(void **state)
{
    (void)state;
    struct pair_net *net = pair_net_new(9, false);
    struct pair_node *a = pair_add(net, ""), *b = pair_add(net, ""), *c = pair_add(net, "");
    struct vx6_in in = {.kind = VX6_IN_ENDPOINT_REMOVE, .peer = c->addr};
    assert_int_equal(pair_input(c, &in), VX6_OK);
    assert_int_equal(pair_peer_add(b, a), VX6_OK);
    assert_int_equal(pair_peer_add(c, a), VX6_OK);
    pair_run(net, 60 * VX6_SECOND);
    assert_true(knows(c, a) && knows(c, b) && knows(a, b));
    assert_false(knows(a, c) || knows(b, c));
    assert_true(c->node->discovery.joined);
    pair_net_free(net);
}

/* The new endpoint comes before the old one goes, or after. */
static void move_endpoint(struct pair_node *node, bool is_new_first)
{
    struct vx6_in remove = {.kind = VX6_IN_ENDPOINT_REMOVE, .peer = node->addr};
    node->addr.ip[15] = 77;
    struct vx6_in add = {.kind = VX6_IN_ENDPOINT_ADD, .peer = node->addr};
    assert_int_equal(pair_input(node, is_new_first ? &add : &remove), VX6_OK);
    assert_int_equal(pair_input(node, is_new_first ? &remove : &add), VX6_OK);
}

/* VX6-DHT-007: others learn a new address from the announcement, and ask it before they use it. */
static void endpoint_is_announced(bool is_new_first)
{
    struct pair_net *net = pair_net_new(10, false);
    struct pair_node *a = pair_add(net, ""), *b = pair_add(net, "");
    assert_int_equal(pair_peer_add(a, b), VX6_OK);
    assert_true(pair_until(net, all_know_all, NULL, 5 * VX6_SECOND));
    pair_run(net, 10 * VX6_SECOND);
    assert_true(a->node->discovery.is_announced);
    move_endpoint(a, is_new_first);
    assert_false(a->node->discovery.is_announced);
    pair_run(net, 10 * VX6_SECOND);
    assert_true(a->node->discovery.is_announced);
    struct contact *contact = table_find(b->node, a->node->keys.id);
    assert_non_null(contact);
    assert_true(addr_equal(&table_peer(&b->node->table, contact)->addr, &a->addr));
    assert_int_equal(b->node->table.count, 1);
    pair_net_free(net);
}

static void test_a_new_endpoint_is_announced(void **state)
{
    (void)state;
    endpoint_is_announced(false);
    endpoint_is_announced(true);
}

/* VX6-DHT-007: drivers withdraw all endpoints and name them again when one of them changes. */
static void test_an_endpoint_that_is_named_again_is_not_announced_again(void **state)
{
    (void)state;
    struct pair_net *net = pair_net_new(10, false);
    struct pair_node *a = pair_add(net, ""), *b = pair_add(net, "");
    assert_int_equal(pair_peer_add(a, b), VX6_OK);
    pair_run(net, 10 * VX6_SECOND);
    assert_true(a->node->discovery.is_announced);
    struct vx6_in in = {.kind = VX6_IN_ENDPOINT_REMOVE, .peer = a->addr};
    assert_int_equal(pair_input(a, &in), VX6_OK);
    in.kind = VX6_IN_ENDPOINT_ADD;
    assert_int_equal(pair_input(a, &in), VX6_OK);
    assert_true(a->node->discovery.is_announced);
    pair_net_free(net);
}

static const struct bad_row {
    const char *what;
    vx6_addr addr;
    enum vx6_code code;
} bad_rows[] = {
    {"no port", {{0x20, 1, [15] = 1}, 0}, VX6_INVALID},
    {"multicast", {{0xff, 2, [15] = 1}, 4242}, VX6_INVALID},
    {"unspecified", {{0}, 4242}, VX6_INVALID},
};

static void test_addresses_that_nobody_can_have_are_refused(void **state)
{
    (void)state;
    struct pair_net *net = pair_net_new(11, false);
    struct pair_node *a = pair_add(net, "");
    for (size_t i = 0; i < sizeof bad_rows / sizeof bad_rows[0]; i++) {
        struct vx6_in in = {.kind = VX6_IN_PEER_ADD, .peer = bad_rows[i].addr};
        print_message("peer add: %s\n", bad_rows[i].what);
        assert_int_equal(pair_input(a, &in), bad_rows[i].code);
        assert_int_equal(a->node->ops.count, 0);
    }
    pair_net_free(net);
}

/* Whichever endpoint goes, the others stay as they are, in their order; one may come once. */
static void test_an_endpoint_leaves_the_others_as_they_are(void **state)
{
    (void)state;
    for (uint32_t gone = 0; gone < VX6_ENDPOINT_MAX; gone++) {
        struct pair_net *net = pair_net_new(1, false);
        struct pair_node *a = pair_add(net, "");
        vx6_addr addrs[VX6_ENDPOINT_MAX + 1] = {a->addr};
        for (uint8_t i = 1; i <= VX6_ENDPOINT_MAX; i++) {
            addrs[i] = (vx6_addr){{0x20, 0x01, [15] = i}, (uint16_t)(i * 0x1234)};
            struct vx6_in add = {.kind = VX6_IN_ENDPOINT_ADD, .peer = addrs[i]};
            assert_int_equal(pair_input(a, &add), i < VX6_ENDPOINT_MAX ? VX6_OK : VX6_LIMIT);
            add.peer = addrs[i - 1];
            assert_int_equal(pair_input(a, &add), VX6_OK);
        }
        struct vx6_in in = {.kind = VX6_IN_ENDPOINT_REMOVE, .peer = addrs[gone]};
        assert_int_equal(pair_input(a, &in), VX6_OK);
        assert_int_equal(pair_input(a, &in), VX6_STALE);
        assert_int_equal(a->node->endpoint_count, VX6_ENDPOINT_MAX - 1);
        for (uint32_t i = 0; i < VX6_ENDPOINT_MAX - 1; i++)
            assert_true(addr_equal(&a->node->endpoints[i], &addrs[i < gone ? i : i + 1]));
        pair_net_free(net);
    }
}

/* VX6-DHT-027 */
static void test_entry_points_are_bounded_and_may_be_named_twice(void **state)
{
    (void)state;
    struct pair_net *net = pair_net_new(12, false);
    net->limits.dials_per_target_per_minute = 60;
    struct pair_node *a = pair_add(net, "");
    for (uint32_t i = 0; i < 20; i++) {
        struct vx6_in in = {.kind = VX6_IN_PEER_ADD, .peer = a->addr};
        in.peer.ip[5] = (uint8_t)(100 + i / 2);
        enum vx6_code code = pair_input(a, &in);
        assert_true(code == VX6_OK || code == VX6_LIMIT);
        assert_in_range(a->node->discovery.entry_count, 1, net->limits.entry_max);
        if (i % 3 == 0)
            pair_run(net, VX6_SECOND);
    }
    pair_run(net, 20 * VX6_SECOND);
    assert_int_equal(a->node->ops.count, 0);
    pair_net_free(net);
}

static enum vx6_code add_nobody(struct pair_node *node, uint8_t number)
{
    struct vx6_in in = {.kind = VX6_IN_PEER_ADD, .peer = node->addr};
    in.peer.ip[5] = number;
    return pair_input(node, &in);
}

/* VX6-DHT-027: those that are being dialled make no room, and all others do. */
static void test_idle_entry_points_give_way(void **state)
{
    (void)state;
    enum {
        ENTRIES = 3
    };
    struct pair_net *net = pair_net_new(13, false);
    net->limits.entry_max = ENTRIES;
    struct pair_node *a = pair_add(net, "");
    uint8_t number = 100;
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < ENTRIES; i++)
            assert_int_equal(add_nobody(a, ++number), VX6_OK);
        assert_int_equal(a->node->ops.count, ENTRIES);
        assert_int_equal(add_nobody(a, 200), VX6_LIMIT);
        assert_int_equal(a->node->ops.count, ENTRIES);
        assert_int_equal(a->node->discovery.entry_count, ENTRIES);
        for (uint32_t i = 0; a->node->ops.count > 0; i++) {
            assert_true(i < 600);
            pair_run(net, VX6_SECOND / 10);
        }
        assert_int_equal(a->node->discovery.entry_count, ENTRIES);
    }
    pair_net_free(net);
}

/* VX6-DHT-027: the budget for dials refuses the second attempt, but the address is not forgotten.
 */
static void test_an_entry_point_that_may_not_be_dialled_now_is_tried_later(void **state)
{
    (void)state;
    struct pair_net *net = pair_net_new(15, false);
    net->limits.dials_per_target_per_minute = 1;
    struct pair_node *a = pair_add(net, ""), *b = pair_add(net, "");
    b->dead = true;
    assert_int_equal(pair_peer_add(a, b), VX6_OK);
    pair_run(net, 20 * VX6_SECOND);
    assert_int_equal(done(a)->code, VX6_UNREACHABLE);
    assert_int_equal(pair_peer_add(a, b), VX6_LIMIT);
    assert_int_equal(a->node->ops.count, 0);
    assert_int_equal(a->node->discovery.entry_count, 1);
    b->dead = false;
    assert_true(pair_until(net, all_know_all, NULL, 240 * VX6_SECOND));
    pair_net_free(net);
}

static void test_a_cancelled_peer_add_ends_once(void **state)
{
    (void)state;
    struct pair_net *net = pair_net_new(13, false);
    struct pair_node *a = pair_add(net, ""), *b = pair_add(net, "");
    struct vx6_in in = {.kind = VX6_IN_PEER_ADD, .peer = b->addr};
    assert_int_equal(pair_input(a, &in), VX6_OK);
    struct vx6_in cancel = {.kind = VX6_IN_CANCEL, .id = in.id};
    assert_int_equal(pair_input(a, &cancel), VX6_OK);
    pair_run(net, 10 * VX6_SECOND);
    assert_int_equal(done(a)->code, VX6_CANCELLED);
    for (uint32_t i = 0, count = 0; i < a->out_count; i++) {
        count += a->outs[i].out.kind == VX6_OUT_OP_DONE;
        assert_in_range(count, 0, 1);
    }
    pair_net_free(net);
}

/* VX6-DHT-023: a node alone, and one that shuts down, leave the carrier in peace. */
static void test_nothing_is_sent_when_there_is_nobody_or_at_the_end(void **state)
{
    (void)state;
    struct pair_net *net = pair_net_new(14, false);
    net->faults = no_faults;
    struct pair_node *a = pair_add(net, "alice"), *b = pair_add(net, "");
    pair_run(net, 100 * VX6_SECOND);
    assert_int_equal(net->datagrams, 0);
    assert_int_equal(pair_peer_add(a, b), VX6_OK);
    pair_run(net, 100 * VX6_SECOND);
    uint64_t before = net->datagrams;
    pair_run(net, 600 * VX6_SECOND);
    assert_in_range(net->datagrams - before, 1, 120);
    struct vx6_in in = {.kind = VX6_IN_SHUTDOWN};
    assert_int_equal(pair_input(a, &in), VX6_OK);
    assert_int_equal(pair_input(b, &in), VX6_OK);
    pair_run(net, 10 * VX6_SECOND);
    before = net->datagrams;
    pair_run(net, 3600 * VX6_SECOND);
    assert_int_equal(net->datagrams, before);
    pair_net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_nodes_know_each_other_once_one_was_told_an_address),
        cmocka_unit_test(test_nodes_that_share_one_entry_point_find_each_other),
        cmocka_unit_test(test_contacts_of_an_earlier_run_are_enough_to_join),
        cmocka_unit_test(test_an_entry_point_that_is_down_is_tried_again),
        cmocka_unit_test(test_a_node_that_lost_everybody_finds_back),
        cmocka_unit_test(test_a_contact_that_died_leaves_every_table),
        cmocka_unit_test(test_a_node_without_endpoint_is_in_nobodys_table),
        cmocka_unit_test(test_a_new_endpoint_is_announced),
        cmocka_unit_test(test_an_endpoint_that_is_named_again_is_not_announced_again),
        cmocka_unit_test(test_addresses_that_nobody_can_have_are_refused),
        cmocka_unit_test(test_an_endpoint_leaves_the_others_as_they_are),
        cmocka_unit_test(test_entry_points_are_bounded_and_may_be_named_twice),
        cmocka_unit_test(test_idle_entry_points_give_way),
        cmocka_unit_test(test_an_entry_point_that_may_not_be_dialled_now_is_tried_later),
        cmocka_unit_test(test_a_cancelled_peer_add_ends_once),
        cmocka_unit_test(test_nothing_is_sent_when_there_is_nobody_or_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
