/* SPDX-License-Identifier: MIT */
/* Labels for which somebody makes keys, and revokes them, as many as there is room for. */
#include "resolve_bench.h"

enum { /* numbers of keys */
    ALICE = 1,
    NEXT,
    MALLORY,
    CROWD = 100, /* the first of many */
    PLACES = 16  /* claimants that are kept */
};

static struct bench bench;
static struct owner alice, mallory, dead_alice;

static int setup(void **state)
{
    (void)state;
    bench_init(&bench, "");
    owner_make(&alice, ALICE, (struct claim){.label = "alice"});
    owner_make(&mallory, MALLORY, (struct claim){.label = "alice"});
    owner_bury(&dead_alice, ALICE, "alice", NULL);
    bench_open(&bench, "alice");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bench_free(&bench);
    return 0;
}

/* A holder that is full of tombstones. */
static void show_graves(uint32_t holder, uint8_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct owner grave;
        owner_bury(&grave, (uint8_t)(first + i), "alice", NULL);
        show(&bench, holder, &grave, i, count);
    }
}

/* It has shown all that it has. */
static void show_last(uint32_t holder, const struct owner *owner)
{
    show(&bench, holder, owner, 0, 1);
}

static void expect_session_with(const struct owner *owner)
{
    lone_run(bench.node, VX6_SECOND);
    expect(&bench, VX6_OK);
    assert_memory_equal(bench.session.key, owner->keys.identity, 32);
}

/* VX6-NAME-028 */
static void test_tombstones_keep_no_claimant_out(void **state)
{
    (void)state;
    for (uint8_t i = 0; i < 3; i++)
        show_graves(i, (uint8_t)(CROWD + i * PLACES), PLACES);
    show_last(3, &alice);
    expect_session_with(&alice);
    bench_open(&bench, "alice"); /* bound by now: its own holders are asked */
    expect_session_with(&alice);
}

/* VX6-NAME-028: nor do those of keys whose bundles were shown as well. */
static void test_claimants_that_come_and_go_keep_no_other_out(void **state)
{
    (void)state;
    for (uint8_t i = 0; i < PLACES; i++) {
        struct owner claimant;
        owner_make(&claimant, (uint8_t)(CROWD + i), (struct claim){.label = "alice"});
        show(&bench, 0, &claimant, i, PLACES + 1);
    }
    show_graves(1, CROWD, PLACES);
    show_last(2, &alice);
    expect_session_with(&alice);
}

/* VX6-NAME-028: a holder that has none but dead keys to show is like one that has nothing. */
static void test_tombstones_do_not_end_the_search(void **state)
{
    (void)state;
    for (uint8_t i = 0; i < 6; i++)
        show_graves(i, CROWD, 3);
    lone_run(bench.node, VX6_SECOND);
    assert_int_equal(bench.session.calls, 0);
    show_last(6, &alice);
    lone_run(bench.node, 0);
    assert_int_equal(bench.session.calls, 0); /* a rival may still show */
    show_last(7, &mallory);
    lone_run(bench.node, VX6_SECOND);
    expect(&bench, VX6_AMBIGUOUS);
}

/* VX6-NAME-008, VX6-NAME-020: nobody was found in time; that somebody has buried keys is no
 * other news. */
static void test_a_search_that_finds_tombstones_alone_found_nobody(void **state)
{
    (void)state;
    show_graves(0, CROWD, PLACES);
    lone_run(bench.node, 15 * VX6_SECOND);
    expect(&bench, VX6_TIMEOUT);
}

/* VX6-NAME-020, VX6-NAME-028: in a crowd of dead keys the others give way first. */
static void test_a_claimant_that_was_revoked_stays_so_in_a_crowd(void **state)
{
    for (int dead_first = 0; dead_first < 2; dead_first++) {
        show(&bench, 0, dead_first ? &dead_alice : &alice, 0, 2);
        show_graves(1, CROWD, PLACES - 1);
        show(&bench, 0, dead_first ? &alice : &dead_alice, 1, 2);
        struct owner others[3];
        for (uint8_t i = 0; i < 3; i++) {
            owner_make(&others[i], (uint8_t)(10 + i), (struct claim){.label = "alice"});
            show_last(2, &others[i]); /* takes the place of a tombstone */
        }
        show_last(3, &alice);
        for (uint8_t i = 1; i < 3; i++) {
            owner_bury(&others[i], (uint8_t)(10 + i), "alice", NULL);
            show_last(4, &others[i]);
        }
        expect_session_with(&others[0]);
        teardown(state);
        setup(state);
    }
}

/* VX6-NAME-018: what a bound name is shown can only come from its keys, and gives way to nothing.
 */
static void test_of_a_bound_name_no_tombstone_gives_way(void **state)
{
    (void)state;
    struct ancestry to_next = hand_over(&vx6_crypto_model, ALICE, NULL, NEXT);
    struct ancestry to_thief = hand_over(&vx6_crypto_model, NEXT, &to_next, MALLORY);
    struct owner dead_next;
    owner_bury(&dead_next, NEXT, "alice", &to_next);
    owner_make(&mallory, MALLORY, (struct claim){.label = "alice", .ancestry = &to_thief});
    assert_int_equal(
        binding_set(bench.node, lone_text("alice"), alice.keys.identity, (vx6_span){0}), VX6_OK);
    lone_limits.claimant_max = 2;
    bench_open(&bench, "alice");
    show(&bench, 0, &alice, 0, 3);
    show(&bench, 0, &dead_next, 1, 3);
    show(&bench, 0, &mallory, 2, 3);
    lone_run(bench.node, 0);
    expect(&bench, VX6_REVOKED);
    lone_limits.claimant_max = PLACES;
}

/* A lineage that `number` signs, by which alice has handed over to it; alice's own signature is
 * made with the key of `number`. */
static struct ancestry forge(uint8_t number)
{
    const struct vx6_crypto *crypto = &vx6_crypto_model;
    struct vx6_msg msg = {.type = VX6_MSG_lineage};
    struct vx6_rotation rotation = {.issued_s = 1700000000};
    struct ancestry made;
    uint8_t storage[200], handover[72];
    struct own_keys keys;
    const uint8_t seed[32] = {number};
    own_keys_init(&keys, crypto, seed);
    memcpy(rotation.key, alice.keys.identity, 32);
    memcpy(handover, alice.keys.identity, 32);
    memcpy(handover + 32, keys.identity, 32);
    store_u64(handover + 64, rotation.issued_s);
    crypto->sign(crypto, rotation.signature, keys.identity_seed, keys.identity, "vx6/rotation/1",
        handover, sizeof handover);
    assert_true(vx6_push_rotation(&msg.u.lineage.rotations, storage, sizeof storage, &rotation));
    memcpy(msg.u.lineage.identity, keys.identity, 32);
    struct signer signer = {keys.identity_seed, keys.identity, "vx6/lineage/1"};
    made.len = record_encode_signed(crypto, &msg, &signer, made.bytes, sizeof made.bytes);
    assert_int_not_equal(made.len, 0);
    return made;
}

/* VX6-NAME-020, VX6-REC-018: nobody counts for nothing but by a signature of its own. */
static void test_no_key_is_put_aside_by_what_it_did_not_sign(void **state)
{
    (void)state;
    struct ancestry forged = forge(MALLORY);
    owner_make(&mallory, MALLORY, (struct claim){.label = "alice", .ancestry = &forged});
    struct owner grave = dead_alice;
    grave.bytes[grave.len - 3] ^= 1; /* the end of alice's signature: no lineage follows */
    show_last(0, &alice);
    show_last(1, &mallory);
    assert_int_equal(lone_last[VX6_EVENT_bundle_refused].code, VX6_BAD_RECORD);
    show_last(2, &grave);
    assert_int_equal(lone_last[VX6_EVENT_bundle_refused].code, VX6_BAD_RECORD);
    expect_session_with(&alice);
    /* With the signature it is put aside. */
    binding_remove(bench.node, lone_text("alice"));
    struct ancestry true_one = hand_over(&vx6_crypto_model, ALICE, NULL, MALLORY);
    owner_make(&mallory, MALLORY, (struct claim){.label = "alice", .ancestry = &true_one});
    bench_open(&bench, "alice");
    show_last(0, &alice);
    show_last(1, &mallory);
    expect_session_with(&mallory);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_tombstones_keep_no_claimant_out),
        TEST(test_claimants_that_come_and_go_keep_no_other_out),
        TEST(test_tombstones_do_not_end_the_search),
        TEST(test_a_search_that_finds_tombstones_alone_found_nobody),
        TEST(test_a_claimant_that_was_revoked_stays_so_in_a_crowd),
        TEST(test_of_a_bound_name_no_tombstone_gives_way),
        TEST(test_no_key_is_put_aside_by_what_it_did_not_sign),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
