/* SPDX-License-Identifier: MIT */
/* Keys that hand over and are revoked, in a network of whole nodes. */
#include "heirs.h"
#include "naming.h"
#include "session_internal.h"
#include "vx6/identity.h"

enum { /* numbers of keys */
    ALICE = 1,
    NEXT,
    THIEF,
    BOB,
    SECOND /* of the thief */
};

static const struct vx6_crypto *const crypto = &vx6_crypto_model;
static const uint8_t alice_seed[32] = {ALICE};
static struct ancestry to_next, to_thief;

/* A world in which alice and bob have keys that this test knows. */
static void make(struct world *world, uint64_t seed)
{
    static const uint8_t bob_seed[32] = {BOB};
    *world = (struct world){.net = pair_net_new(seed, false)};
    world->entry = add(world, "entry");
    for (int i = 0; i < BYSTANDERS; i++)
        (void)add(world, "");
    world->alice = add_as(world, "alice", alice_seed, (vx6_span){0});
    world->bob = add_as(world, "", bob_seed, (vx6_span){0});
    to_next = hand_over(crypto, ALICE, NULL, NEXT);
    to_thief = hand_over(crypto, ALICE, NULL, THIEF);
    pair_run(world->net, 20 * VX6_SECOND);
}

static struct pair_node *add_heir(
    struct world *world, uint8_t number, const char *label, const struct ancestry *ancestry)
{
    const uint8_t seed[32] = {number};
    struct pair_node *heir = add_as(world, label, seed, ancestry_span(ancestry));
    pair_run(world->net, 20 * VX6_SECOND);
    return heir;
}

static void check_key(const uint8_t key[32], const struct pair_node *node)
{
    uint8_t right[32];
    key_of(node, right);
    assert_memory_equal(key, right, 32);
}

static void revoke(struct pair_node *publisher, uint8_t number, const struct ancestry *ancestry)
{
    uint8_t bytes[VX6_TOMBSTONE_MAX];
    size_t len = certificate_of(
        crypto, &(struct grave){.number = number, .label = "alice", .ancestry = ancestry}, bytes);
    struct vx6_in in = {.kind = VX6_IN_REVOKE, .data = bytes, .len = len};
    assert_int_equal(pair_input(publisher, &in), VX6_OK);
}

/* VX6-NAME-016, VX6-REC-015 */
static void test_a_name_survives_the_change_of_its_key(void **state)
{
    (void)state;
    struct world world;
    uint8_t key[32] = {0};
    uint32_t candidates;
    make(&world, 1);
    assert_int_equal(open_session(&world, world.bob, "alice.web", key), VX6_OK);
    check_key(key, world.alice);
    pair_remove(world.alice);
    struct pair_node *next = add_heir(&world, NEXT, "alice", &to_next);
    assert_int_equal(open_session(&world, world.bob, "alice.web", key), VX6_OK);
    check_key(key, next);
    const struct vx6_out *followed = pair_find(world.bob, VX6_OUT_KEY_FOLLOWED, 0);
    assert_non_null(followed);
    check_key(followed->key, next);
    /* Who does not know the name sees one claimant, though both bundles are live. */
    struct pair_node *carol = add(&world, "");
    pair_run(world.net, 5 * VX6_SECOND);
    assert_int_equal(resolve(&world, carol, "alice.web", &candidates), VX6_OK);
    assert_int_equal(candidates, 1);
    assert_int_equal(open_session(&world, carol, "alice.web", key), VX6_OK);
    check_key(key, next);
    pair_net_free(world.net);
}

/* VX6-NAME-017: what a thief makes of the old key comes too late. */
static void test_a_second_successor_is_refused(void **state)
{
    (void)state;
    struct world world;
    uint8_t key[32] = {0};
    make(&world, 2);
    assert_int_equal(open_session(&world, world.bob, "alice.web", key), VX6_OK);
    pair_remove(world.alice);
    struct pair_node *next = add_heir(&world, NEXT, "alice", &to_next);
    assert_int_equal(open_session(&world, world.bob, "alice.web", key), VX6_OK);
    struct pair_node *thief = add_heir(&world, THIEF, "alice", &to_thief);
    pair_run(world.net, 1900 * VX6_SECOND); /* what bob knows has expired: he has to ask again */
    assert_int_equal(open_session(&world, world.bob, "alice.web", key), VX6_OK);
    check_key(key, next);
    const struct vx6_out *clash = pair_find(world.bob, VX6_OUT_KEY_CLASH, 0);
    assert_non_null(clash);
    check_key(clash->key, thief);
    pair_net_free(world.net);
}

/* VX6-NAME-021 */
static void test_a_list_of_keys_goes_along_with_a_client(void **state)
{
    (void)state;
    struct world world;
    uint8_t key[32] = {0};
    make(&world, 3);
    struct ancestry to_heir = hand_over(crypto, BOB, NULL, NEXT);
    struct vx6_in in = {
        .kind = VX6_IN_SERVICE_ADD_PRIVATE, .data = (const uint8_t *)"web", .len = 3};
    assert_int_equal(pair_input(world.alice, &in), VX6_OK);
    in.kind = VX6_IN_SERVICE_ALLOW;
    key_of(world.bob, in.key);
    assert_int_equal(pair_input(world.alice, &in), VX6_OK);
    assert_int_equal(open_session(&world, world.bob, "alice.web", key), VX6_OK);
    pair_remove(world.bob);
    struct pair_node *heir = add_heir(&world, NEXT, "", &to_heir);
    struct pair_node *stranger = add_heir(&world, THIEF, "", NULL);
    assert_int_equal(open_session(&world, stranger, "alice.web", key), VX6_NO_SERVICE);
    assert_int_equal(open_session(&world, heir, "alice.web", key), VX6_OK);
    const struct vx6_out *followed = pair_find(world.alice, VX6_OUT_KEY_FOLLOWED, 0);
    assert_non_null(followed);
    check_key(followed->key, heir);
    pair_net_free(world.net);
}

/* The tombstone of the key that this seed makes, as holders have it. */
static size_t bury(
    const struct vx6_node *node, const uint8_t seed[32], uint8_t out[VX6_TOMBSTONE_MAX])
{
    uint8_t certificate[VX6_TOMBSTONE_MAX];
    struct tombstone tombstone;
    size_t len = vx6_identity_revoke(
        crypto, seed, (vx6_span){0}, (vx6_span){0}, node_unix_s(node), certificate);
    assert_int_equal(tombstone_decode((vx6_span){certificate, len}, &tombstone), VX6_OK);
    return tombstone_renew(&tombstone, node_unix_s(node), 1800, out);
}

/* A session looks anew for its peer (VX6-SESS-040), and is shown that the peer's key is revoked. */
static void test_a_session_that_looks_anew_ends_by_what_it_finds(void **state)
{
    (void)state;
    struct world world;
    uint8_t tombstone[VX6_TOMBSTONE_MAX];
    vx6_id id;
    make(&world, 5);
    struct wait up = {world.bob, world.bob->out_count, VX6_OUT_SESSION_UP, VX6_OUT_SESSION_DOWN};
    assert_int_equal(pair_command(world.bob, VX6_IN_SESSION_OPEN, "alice.web", &id), VX6_OK);
    assert_true(pair_until(world.net, is_settled, &up, 60 * VX6_SECOND));
    struct vx6_node *node = world.bob->node;
    struct session *session = slots_get(&node->slots, SLOT_SESSION, id);
    assert_non_null(session);
    session_link_doubted(node, session->path->link);
    assert_non_null(session->resolve);
    struct lookup_value shown = {.bundle = {tombstone, bury(node, alice_seed, tombstone)},
        .scope = SCOPE_GLOBAL,
        .count = 1};
    resolve_bundle(node, session->resolve, &shown); /* frees nothing that is in use */
    pair_run(world.net, VX6_SECOND);
    assert_int_equal(pair_find(world.bob, VX6_OUT_SESSION_DOWN, 0)->code, VX6_REVOKED);
    pair_net_free(world.net);
}

/* VX6-NAME-018: the key by which the name came to its present one is revoked while a session dials.
 */
static void test_a_revocation_counts_while_a_session_dials(void **state)
{
    (void)state;
    static const uint8_t root_seed[32] = {THIEF};
    struct world world;
    uint8_t key[32] = {0}, root[32], tombstone[VX6_TOMBSTONE_MAX];
    vx6_id id;
    make(&world, 6);
    assert_int_equal(open_session(&world, world.bob, "alice.web", key), VX6_OK);
    struct vx6_node *node = world.bob->node;
    pair_cut_carriers(world.net);
    pair_run(world.net, VX6_SECOND);
    uint32_t from = world.bob->out_count;
    assert_int_equal(pair_command(world.bob, VX6_IN_SESSION_OPEN, "alice.web", &id), VX6_OK);
    const struct session *session = slots_get(&node->slots, SLOT_SESSION, id);
    for (int i = 0; i < 200 && session->state != SESSION_CONNECTING; i++)
        pair_run(world.net, VX6_MILLISECOND);
    assert_int_equal(session->state, SESSION_CONNECTING);
    crypto->sign_public(crypto, root, root_seed);
    const vx6_span label = {(const uint8_t *)"alice", 5};
    assert_int_equal(binding_set(node, label, key, (vx6_span){root, 32}), VX6_OK);
    revoked_seen(node, (vx6_span){tombstone, bury(node, root_seed, tombstone)});
    assert_true(revoked_has(node, root));
    struct wait settled = {world.bob, from, VX6_OUT_SESSION_UP, VX6_OUT_SESSION_DOWN};
    assert_true(pair_until(world.net, is_settled, &settled, 60 * VX6_SECOND));
    assert_int_equal(pair_find(world.bob, VX6_OUT_SESSION_DOWN, from)->code, VX6_REVOKED);
    pair_net_free(world.net);
}

/* VX6-NAME-018, VX6-NAME-019: whoever publishes it, live sessions end within seconds. */
static void test_a_revocation_ends_what_is_open(void **state)
{
    (void)state;
    struct world world;
    uint8_t key[32] = {0};
    vx6_id id;
    make(&world, 4);
    struct wait up = {world.bob, world.bob->out_count, VX6_OUT_SESSION_UP, VX6_OUT_SESSION_DOWN};
    assert_int_equal(pair_command(world.bob, VX6_IN_SESSION_OPEN, "alice.web", &id), VX6_OK);
    assert_true(pair_until(world.net, is_settled, &up, 60 * VX6_SECOND));
    assert_non_null(pair_find(world.bob, VX6_OUT_SESSION_UP, 0));
    struct pair_node *friend = add(&world, "");
    pair_run(world.net, 5 * VX6_SECOND);
    revoke(friend, ALICE, NULL);
    struct wait down = {world.bob, 0, VX6_OUT_SESSION_DOWN, VX6_OUT_SESSION_DOWN};
    assert_true(pair_until(world.net, is_settled, &down, 5 * VX6_SECOND));
    assert_int_equal(pair_find(world.bob, VX6_OUT_SESSION_DOWN, 0)->code, VX6_REVOKED);
    assert_non_null(pair_find(world.bob, VX6_OUT_KEY_REVOKED, 0));
    check_key(pair_find(world.alice, VX6_OUT_KEY_REVOKED, 0)->key, world.alice); /* alice, too */
    assert_int_equal(open_session(&world, world.bob, "alice.web", key), VX6_REVOKED);
    struct pair_node *carol = add(&world, "");
    pair_run(world.net, 5 * VX6_SECOND);
    assert_int_equal(open_session(&world, world.alice, "entry.web", key), VX6_REVOKED);
    assert_int_equal(open_session(&world, carol, "alice.web", key), VX6_NOT_FOUND);
    /* Hours later, though alice's node, in whose hands it ever is, goes on to publish. */
    pair_run(world.net, 7200 * VX6_SECOND);
    assert_int_equal(open_session(&world, carol, "alice.web", key), VX6_NOT_FOUND);
    pair_net_free(world.net);
}

/* VX6-NAME-018: before and after the rotation was seen. */
static void stop_the_successor(uint8_t number, const struct ancestry *ancestry)
{
    struct world world;
    uint8_t key[32] = {0};
    make(&world, 5);
    struct pair_node *carol = add(&world, "");
    pair_run(world.net, 5 * VX6_SECOND);
    assert_int_equal(open_session(&world, world.bob, "alice.web", key), VX6_OK);
    assert_int_equal(open_session(&world, carol, "alice.web", key), VX6_OK);
    pair_remove(world.alice);
    struct pair_node *thief = add_heir(&world, number, "alice", ancestry);
    assert_int_equal(open_session(&world, world.bob, "alice.web", key), VX6_OK);
    check_key(key, thief);
    vx6_id id;
    uint32_t from = world.bob->out_count;
    assert_int_equal(pair_command(world.bob, VX6_IN_SESSION_OPEN, "alice.web", &id), VX6_OK);
    pair_run(world.net, 5 * VX6_SECOND);
    assert_non_null(pair_find(world.bob, VX6_OUT_SESSION_UP, from));
    revoke(world.entry, ALICE, NULL);
    pair_run(world.net, 5 * VX6_SECOND);
    assert_non_null(pair_find(world.bob, VX6_OUT_SESSION_DOWN, from));
    assert_int_equal(pair_find(world.bob, VX6_OUT_SESSION_DOWN, from)->code, VX6_REVOKED);
    assert_int_equal(open_session(&world, world.bob, "alice.web", key), VX6_REVOKED);
    assert_int_equal(open_session(&world, carol, "alice.web", key), VX6_REVOKED);
    struct pair_node *next = add_heir(&world, NEXT, "", NULL);
    struct vx6_in pin = {.kind = VX6_IN_NAME_BIND, .data = (const uint8_t *)"alice", .len = 5};
    key_of(next, pin.key);
    assert_int_equal(pair_input(carol, &pin), VX6_OK);
    assert_int_equal(open_session(&world, carol, "alice.web", key), VX6_OK);
    check_key(key, next);
    pair_net_free(world.net);
}

static void test_a_revocation_stops_the_successor_as_well(void **state)
{
    (void)state;
    stop_the_successor(THIEF, &to_thief);
}

/* VX6-NAME-026 */
static void test_a_thief_who_hands_over_twice_sheds_nothing(void **state)
{
    (void)state;
    struct ancestry thief = hand_over(crypto, ALICE, NULL, THIEF);
    struct ancestry second = hand_over(crypto, THIEF, &thief, SECOND);
    stop_the_successor(SECOND, &second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_name_survives_the_change_of_its_key),
        cmocka_unit_test(test_a_second_successor_is_refused),
        cmocka_unit_test(test_a_list_of_keys_goes_along_with_a_client),
        cmocka_unit_test(test_a_session_that_looks_anew_ends_by_what_it_finds),
        cmocka_unit_test(test_a_revocation_counts_while_a_session_dials),
        cmocka_unit_test(test_a_revocation_ends_what_is_open),
        cmocka_unit_test(test_a_revocation_stops_the_successor_as_well),
        cmocka_unit_test(test_a_thief_who_hands_over_twice_sheds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
