/* SPDX-License-Identifier: MIT */
/* Names in a small network of whole nodes: rivals, moves, restarts and departures. */
#include "naming.h"

/* VX6-NAME-005, VX6-NAME-006, VX6-NAME-008: shown before the name is bound, without effect after.
 */
static void test_R6_a_rival_is_shown_until_the_name_is_bound(void **state)
{
    (void)state;
    struct world world;
    uint8_t alice_key[32], key[32] = {0};
    uint32_t candidates;
    world_make(&world, 1);
    key_of(world.alice, alice_key);
    assert_int_equal(open_session(&world, world.bob, "alice.web", key), VX6_OK);
    assert_memory_equal(key, alice_key, 32);
    const struct vx6_out *bound = pair_find(world.bob, VX6_OUT_NAME_BOUND, 0);
    assert_non_null(bound);
    assert_memory_equal(bound->key, alice_key, 32);
    assert_int_equal(bound->value.len, 5);

    struct pair_node *mallory = add(&world, "alice");
    struct pair_node *carol = add(&world, "");
    pair_run(world.net, 20 * VX6_SECOND);
    assert_int_equal(resolve(&world, carol, "alice", &candidates), VX6_AMBIGUOUS);
    assert_int_equal(candidates, 2);
    assert_int_equal(open_session(&world, carol, "alice.web", key), VX6_AMBIGUOUS);
    assert_null(pair_find(carol, VX6_OUT_NAME_BOUND, 0));

    assert_int_equal(open_session(&world, world.bob, "alice.web", key), VX6_OK);
    assert_memory_equal(key, alice_key, 32);

    struct vx6_in pin = {.kind = VX6_IN_NAME_BIND, .data = (const uint8_t *)"alice", .len = 5};
    memcpy(pin.key, alice_key, 32);
    assert_int_equal(pair_input(carol, &pin), VX6_OK);
    assert_int_equal(open_session(&world, carol, "alice.web", key), VX6_OK);
    assert_memory_equal(key, alice_key, 32);

    uint8_t mallory_key[32];
    key_of(mallory, mallory_key);
    memcpy(pin.key, mallory_key, 32);
    assert_int_equal(pair_input(carol, &pin), VX6_OK);
    assert_int_equal(open_session(&world, carol, "alice.web", key), VX6_OK);
    assert_memory_equal(key, mallory_key, 32);
    pair_net_free(world.net);
}

/* VX6-REC-013, VX6-NAME-006: who calls itself otherwise is found by both: by its new name, and by
 * whoever has bound the old one. */
static void test_a_node_that_calls_itself_otherwise_is_found(void **state)
{
    (void)state;
    struct world world;
    uint8_t alice_key[32], key[32] = {0};
    uint32_t candidates;
    world_make(&world, 9);
    key_of(world.alice, alice_key);
    assert_int_equal(open_session(&world, world.bob, "alice.web", key), VX6_OK);
    assert_int_equal(pair_command(world.alice, VX6_IN_LABEL, "Alice", NULL), VX6_INVALID);
    assert_int_equal(pair_command(world.alice, VX6_IN_LABEL, "alicia", NULL), VX6_OK);
    pair_run(world.net, 20 * VX6_SECOND);

    struct pair_node *carol = add(&world, "");
    pair_run(world.net, 5 * VX6_SECOND);
    assert_int_equal(resolve(&world, carol, "alicia.web", &candidates), VX6_OK);
    assert_int_equal(candidates, 1);
    assert_int_equal(open_session(&world, carol, "alicia.web", key), VX6_OK);
    assert_memory_equal(key, alice_key, 32);
    assert_int_equal(open_session(&world, world.bob, "alice.web", key), VX6_OK);
    assert_memory_equal(key, alice_key, 32);
    vx6_id id;
    assert_int_equal(pair_command(world.alice, VX6_IN_SESSION_OPEN, "alicia.web", &id), VX6_SELF);

    pair_run(world.net, 1900 * VX6_SECOND); /* what was said of alice before has expired */
    assert_int_equal(resolve(&world, carol, "alice", &candidates), VX6_NOT_FOUND);
    assert_int_equal(open_session(&world, world.bob, "alice.web", key), VX6_OK);
    assert_memory_equal(key, alice_key, 32);
    pair_net_free(world.net);
}

/* The names that a node is told alice offers to it, or a code, and whether it asked by its name. */
static const char *list(struct world *world, struct pair_node *from, const char *name)
{
    static char line[80];
    struct wait wait = {from, from->out_count, VX6_OUT_OP_DONE, VX6_OUT_OP_DONE};
    vx6_id id;
    line[0] = 0;
    assert_int_equal(pair_command(from, VX6_IN_LIST, name, &id), VX6_OK);
    assert_true(pair_until(world->net, is_settled, &wait, 60 * VX6_SECOND));
    const struct vx6_out *out = pair_find(from, VX6_OUT_OP_DONE, wait.from);
    if (out->code != VX6_OK)
        return vx6_code_name(out->code);
    for (size_t at = 0; at < out->value.len; at += out->value.data[at] + 2u) {
        strcat(line, at > 0 ? " " : "");
        strncat(line, (const char *)out->value.data + at + 1, out->value.data[at]);
    }
    return line;
}

/* VX6-SESS-026, VX6-SESS-029: by whole nodes, over either kind of carrier. */
static void test_a_private_service_is_listed_for_whom_it_is(void **state)
{
    (void)state;
    struct world world;
    uint8_t bob_key[32];
    world_make(&world, 10);
    key_of(world.bob, bob_key);
    assert_int_equal(pair_command(world.alice, VX6_IN_SERVICE_ADD_PRIVATE, "db", NULL), VX6_OK);
    struct vx6_in allow = {.kind = VX6_IN_SERVICE_ALLOW, .data = (const uint8_t *)"db", .len = 2};
    memcpy(allow.key, bob_key, 32);
    assert_int_equal(pair_input(world.alice, &allow), VX6_OK);
    assert_string_equal(list(&world, world.bob, "alice"), "db web");
    assert_string_equal(list(&world, world.entry, "alice"), "web");
    assert_string_equal(list(&world, world.entry, "nobody"), "NOT_FOUND");
    assert_null(pair_find(world.bob, VX6_OUT_NAME_BOUND, 0));
    allow.kind = VX6_IN_SERVICE_DENY;
    assert_int_equal(pair_input(world.alice, &allow), VX6_OK);
    assert_string_equal(list(&world, world.bob, "alice"), "web");
    assert_int_equal(pair_command(world.alice, VX6_IN_SERVICE_REMOVE, "db", NULL), VX6_OK);
    assert_int_equal(pair_command(world.alice, VX6_IN_SERVICE_REMOVE, "web", NULL), VX6_OK);
    assert_string_equal(list(&world, world.bob, "alice"), "");
    pair_net_free(world.net);
}

/* VX6-NAME-022, VX6-NAME-023: three nodes under one name; the host decides who may use it. */
static void test_a_service_of_a_name_is_at_another_node(void **state)
{
    (void)state;
    struct world world;
    uint8_t alice_key[32], bob_key[32], key[32] = {0};
    uint32_t candidates;
    world_make(&world, 11);
    key_of(world.alice, alice_key);
    key_of(world.bob, bob_key);
    struct vx6_in in = {.kind = VX6_IN_SERVICE_ADD_HOSTED, .data = (const uint8_t *)"db", .len = 2};
    memcpy(in.key, bob_key, 32);
    assert_int_equal(pair_input(world.alice, &in), VX6_OK);
    pair_run(world.net, 5 * VX6_SECOND);
    assert_int_equal(open_session(&world, world.entry, "alice.db", key), VX6_NO_SERVICE);
    assert_int_equal(pair_command(world.bob, VX6_IN_SERVICE_ADD, "db", NULL), VX6_OK);
    assert_int_equal(open_session(&world, world.entry, "alice.db", key), VX6_OK);
    assert_memory_equal(key, bob_key, 32);
    const struct vx6_out *bound = pair_find(world.entry, VX6_OUT_NAME_BOUND, 0);
    assert_non_null(bound);
    assert_memory_equal(bound->key, alice_key, 32);
    assert_null(pair_find(world.entry, VX6_OUT_NAME_BOUND,
        (uint32_t)((const struct pair_out *)(const void *)bound - world.entry->outs) + 1));
    assert_int_equal(resolve(&world, world.entry, "alice.db", &candidates), VX6_OK);
    assert_int_equal(candidates, 2);
    assert_int_equal(open_session(&world, world.entry, "alice.web", key), VX6_OK);
    assert_memory_equal(key, alice_key, 32);
    assert_int_equal(open_session(&world, world.alice, "alice.db", key), VX6_OK);
    assert_memory_equal(key, bob_key, 32);

    move(world.bob, world.bob->addr.ip[5], 98);
    pair_cut_carriers(world.net);
    pair_run(world.net, 5 * VX6_SECOND);
    assert_int_equal(open_session(&world, world.entry, "alice.db", key), VX6_OK);
    assert_memory_equal(key, bob_key, 32);
    pair_net_free(world.net);
}

/* VX6-DHT-043: what holds in a network of many sites holds in one, and nothing is exempt there. */
static void test_K4_names_are_found_where_all_are_of_one_site(void **state)
{
    (void)state;
    struct world world;
    uint8_t key[32] = {0}, alice_key[32];
    uint32_t candidates;
    world_make_at(&world, 5, true);
    key_of(world.alice, alice_key);
    for (uint32_t i = 0; i < world.net->node_count; i++) {
        struct vx6_counts counts;
        vx6_node_counts(world.net->nodes[i].node, &counts);
        assert_int_equal(counts.contacts, world.net->node_count - 1);
    }
    assert_int_equal(resolve(&world, world.entry, "alice", &candidates), VX6_OK);
    assert_int_equal(candidates, 1);
    assert_int_equal(open_session(&world, world.bob, "alice.web", key), VX6_OK);
    assert_memory_equal(key, alice_key, 32);
    pair_net_free(world.net);
}

/* VX6-REC-013, VX6-NAME-010: the known address fails, so the new one is found at once. */
static void test_a_node_that_moved_is_found_at_its_new_address(void **state)
{
    (void)state;
    struct world world;
    uint8_t key[32] = {0}, alice_key[32];
    world_make(&world, 2);
    key_of(world.alice, alice_key);
    assert_int_equal(open_session(&world, world.bob, "alice.web", key), VX6_OK);
    move(world.alice, world.alice->addr.ip[5], 99);
    pair_cut_carriers(world.net);
    pair_run(world.net, 5 * VX6_SECOND);
    assert_int_equal(open_session(&world, world.bob, "alice.web", key), VX6_OK);
    assert_memory_equal(key, alice_key, 32);
    uint8_t last = 0;
    for (uint32_t i = 0; i < world.bob->out_count; i++)
        if (world.bob->outs[i].out.kind == VX6_OUT_SESSION_UP)
            last = world.bob->outs[i].out.peer.ip[15];
    assert_int_equal(last, 99);
    pair_net_free(world.net);
}

/* VX6-REC-007, VX6-REC-013: a node that is gone is forgotten, one that stays is not. */
static void test_a_name_lives_as_long_as_its_owner_republishes(void **state)
{
    (void)state;
    struct world world;
    uint32_t candidates;
    world_make(&world, 3);
    pair_run(world.net, 3600 * VX6_SECOND);
    assert_int_equal(resolve(&world, world.bob, "alice.web", &candidates), VX6_OK);
    assert_int_equal(candidates, 1);
    assert_int_equal(resolve(&world, world.bob, "alice.db", &candidates), VX6_NO_SERVICE);
    pair_remove(world.alice);
    pair_run(world.net, 1801 * VX6_SECOND);
    assert_int_equal(resolve(&world, world.bob, "alice.web", &candidates), VX6_NOT_FOUND);
    assert_int_equal(candidates, 0);
    pair_net_free(world.net);
}

static void test_a_lost_datagram_hides_no_name(void **state)
{
    (void)state;
    struct world world;
    uint32_t candidates;
    world_make(&world, 4);
    world.net->faults = (struct pair_faults){.drop_permille = 200};
    for (int i = 0; i < 20; i++)
        assert_int_equal(resolve(&world, world.bob, "alice.web", &candidates), VX6_OK);
    pair_net_free(world.net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_R6_a_rival_is_shown_until_the_name_is_bound),
        cmocka_unit_test(test_a_node_that_calls_itself_otherwise_is_found),
        cmocka_unit_test(test_a_private_service_is_listed_for_whom_it_is),
        cmocka_unit_test(test_a_service_of_a_name_is_at_another_node),
        cmocka_unit_test(test_K4_names_are_found_where_all_are_of_one_site),
        cmocka_unit_test(test_a_node_that_moved_is_found_at_its_new_address),
        cmocka_unit_test(test_a_name_lives_as_long_as_its_owner_republishes),
        cmocka_unit_test(test_a_lost_datagram_hides_no_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
