/* SPDX-License-Identifier: MIT */
/* Revocations that nobody brings: whole nodes hear of them since they ask, of a key on a list and
 * of one that a name is bound to. A single node of the network has the tombstone, all others have
 * the bundle; they do not repair it. */
#include "heirs.h"
#include "internal.h"
#include "naming.h"

enum {
    CAROL = 77, /* number of her key */
    ASK_S = 600
};

static struct world world;
static struct pair_node *carol;
static uint8_t carol_key[32], carol_id[32];

static int setup(void **state)
{
    (void)state;
    const uint8_t seed[32] = {CAROL};
    world_make(&world, 5);
    world.net->limits.revocation_ask_s = ASK_S;
    world.net->limits.sync_min_ms = world.net->limits.sync_max_ms = 86400000;
    world.net->limits.sync_delay_ms = 600000;
    carol = add_as(&world, "carol", seed, (vx6_span){0});
    vx6_node_identity(carol->node, carol_key, carol_id);
    pair_run(world.net, 700 * VX6_SECOND);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pair_net_free(world.net);
    return 0;
}

/* Only one node has it from now on. */
static void bury(void)
{
    uint8_t bytes[VX6_TOMBSTONE_MAX];
    struct vx6_node *holder = world.entry->node;
    size_t len = tombstone_of(
        &world.net->crypto, &(struct grave){.number = CAROL}, node_unix_s(holder), bytes);
    assert_int_equal(holder_store(holder, carol_id, (vx6_span){bytes, len}, NULL), VX6_OK);
}

/* Nobody but the one holder. */
static bool is_unheard(void)
{
    uint32_t holders = 0;
    for (uint32_t i = 0; i < world.net->node_count; i++)
        holders += holder_has_tombstone(world.net->nodes[i].node, carol_id);
    return holders == 1;
}

/* Stays open. */
static vx6_id join(struct pair_node *from, const char *name)
{
    struct wait wait = {from, from->out_count, VX6_OUT_SESSION_UP, VX6_OUT_SESSION_DOWN};
    vx6_id id;
    assert_int_equal(pair_command(from, VX6_IN_SESSION_OPEN, name, &id), VX6_OK);
    assert_true(pair_until(world.net, is_settled, &wait, 60 * VX6_SECOND));
    assert_non_null(pair_find(from, VX6_OUT_SESSION_UP, wait.from));
    return id;
}

/* Within so long the node's session ends, since it has heard of the revocation. */
static void expect_heard(struct pair_node *relies, struct pair_node *hears, vx6_ns limit)
{
    struct wait down = {hears, hears->out_count, VX6_OUT_SESSION_DOWN, VX6_OUT_SESSION_DOWN};
    uint32_t from = relies->out_count;
    assert_true(pair_until(world.net, is_settled, &down, limit));
    assert_int_equal(pair_find(hears, VX6_OUT_SESSION_DOWN, down.from)->code, VX6_REVOKED);
    const struct vx6_out *told = pair_find(relies, VX6_OUT_KEY_REVOKED, from);
    assert_non_null(told);
    assert_memory_equal(told->key, carol_key, 32);
}

static void offer_for_carol(struct pair_node *owner)
{
    struct vx6_in allow = {.kind = VX6_IN_SERVICE_ALLOW, .data = (const uint8_t *)"db", .len = 2};
    memcpy(allow.key, carol_key, 32);
    assert_int_equal(pair_command(owner, VX6_IN_SERVICE_ADD_PRIVATE, "db", NULL), VX6_OK);
    assert_int_equal(pair_input(owner, &allow), VX6_OK);
}

/* VX6-NAME-030: the owner is given no command, and resolves nothing. */
static void test_a_key_on_a_list_is_heard_of_within_a_round(void **state)
{
    (void)state;
    uint8_t key[32];
    offer_for_carol(world.alice);
    (void)join(carol, "alice.db");
    pair_run(world.net, 30 * VX6_SECOND);
    bury();
    uint32_t from = carol->out_count;
    pair_run(world.net, ASK_S / 2 * VX6_SECOND);
    assert_true(is_unheard()); /* nothing but a round brings it */
    assert_null(pair_find(carol, VX6_OUT_SESSION_DOWN, from));
    expect_heard(world.alice, carol, ASK_S / 2 * VX6_SECOND);
    assert_int_equal(open_session(&world, carol, "alice.db", key), VX6_REVOKED);
}

/* VX6-NAME-030 */
static void test_a_bound_name_is_heard_of_while_its_session_is_open(void **state)
{
    (void)state;
    uint8_t key[32];
    (void)join(world.bob, "carol.web");
    bury();
    pair_run(world.net, ASK_S / 2 * VX6_SECOND);
    assert_true(is_unheard());
    expect_heard(world.bob, world.bob, ASK_S / 2 * VX6_SECOND);
    assert_int_equal(open_session(&world, world.bob, "carol.web", key), VX6_REVOKED);
}

/* VX6-NAME-031: it was away when the key was revoked. */
static void test_who_comes_back_hears_at_once(void **state)
{
    (void)state;
    const uint8_t seed[32] = {99};
    bury();
    struct pair_node *owner = add_as(&world, "owner", seed, (vx6_span){0});
    offer_for_carol(owner);
    pair_run(world.net, 2 * VX6_SECOND);
    (void)join(carol, "owner.db");
    expect_heard(owner, carol, 15 * VX6_SECOND);
}

static void set_away(bool is_away)
{
    for (uint32_t i = 0; i < world.net->node_count; i++) {
        if (&world.net->nodes[i] != world.alice)
            world.net->nodes[i].dead = is_away;
    }
}

static bool has_joined(struct pair_net *net, void *is_joined)
{
    (void)net;
    return world.alice->node->discovery.joined == *(bool *)is_joined;
}

/* VX6-NAME-031: there was nobody to ask; its own record needs no publishing meanwhile. */
static void test_who_was_cut_off_asks_soon_after_joining_again(void **state)
{
    (void)state;
    bury();
    offer_for_carol(world.alice);
    pair_run(world.net, VX6_SECOND); /* it is published */
    set_away(true);
    assert_int_equal(pair_command(world.alice, VX6_IN_NETWORK, NULL, NULL), VX6_OK);
    assert_true(pair_until(world.net, has_joined, &(bool){false}, 60 * VX6_SECOND));
    pair_run(world.net, 300 * VX6_SECOND);
    assert_int_equal(world.alice->node->publish.retry_at, VX6_NEVER);
    set_away(false);
    assert_true(pair_until(world.net, has_joined, &(bool){true}, 300 * VX6_SECOND));
    uint32_t from = world.alice->out_count;
    pair_run(world.net, 15 * VX6_SECOND);
    assert_non_null(pair_find(world.alice, VX6_OUT_KEY_REVOKED, from));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_key_on_a_list_is_heard_of_within_a_round),
        TEST(test_a_bound_name_is_heard_of_while_its_session_is_open),
        TEST(test_who_comes_back_hears_at_once),
        TEST(test_who_was_cut_off_asks_soon_after_joining_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
