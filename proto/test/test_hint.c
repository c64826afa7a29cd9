/* SPDX-License-Identifier: MIT */
/* Names with a hint, alice~x4k2: which of several claimants is meant. VX6-NAME-013. */
#include "resolve_bench.h"

#include <stdio.h>

enum {
    ALIKE = 466234 /* seed of a key that begins with the same four letters as that of alice */
};

struct pick {
    struct bench bench;
    struct owner alice, mallory;
    char alice_name[VX6_NAME_MAX + 1], mallory_name[VX6_NAME_MAX + 1];
};

static void write_name(char name[VX6_NAME_MAX + 1], const struct owner *owner, int hint_len)
{
    char key[VX6_KEY_TEXT_SIZE];
    vx6_key_text(&vx6_crypto_model, key, owner->keys.identity);
    (void)snprintf(name, VX6_NAME_MAX + 1, "alice~%.*s", hint_len, key);
}

static void pick_init(struct pick *pick)
{
    bench_init(&pick->bench, "");
    owner_make(&pick->alice, 1, (struct claim){.label = "alice"});
    owner_make(&pick->mallory, 2, (struct claim){.label = "alice", .sequence = 99});
    write_name(pick->alice_name, &pick->alice, VX6_HINT_MIN);
    write_name(pick->mallory_name, &pick->mallory, VX6_HINT_MIN);
    assert_string_not_equal(pick->alice_name, pick->mallory_name);
}

/* Three holders show both claimants, in both orders. */
static void show_both(struct pick *pick)
{
    for (uint32_t i = 0; i < 3; i++) {
        show(&pick->bench, i, i % 2 ? &pick->alice : &pick->mallory, 0, 2);
        show(&pick->bench, i, i % 2 ? &pick->mallory : &pick->alice, 1, 2);
    }
    lone_run(pick->bench.node, 0);
}

static void test_a_hint_picks_one_of_several_and_binds_it(void **state)
{
    (void)state;
    struct pick pick;
    pick_init(&pick);
    bench_open(&pick.bench, pick.alice_name);
    assert_memory_not_equal(last_lookup()->target, pick.alice.keys.id, 32);
    show_both(&pick);
    expect(&pick.bench, VX6_OK);
    assert_memory_equal(pick.bench.session.key, pick.alice.keys.identity, 32);
    const struct binding *binding = binding_find(pick.bench.node, lone_text("alice"));
    assert_non_null(binding);
    assert_memory_equal(binding_key(binding), pick.alice.keys.identity, 32);
    bench_free(&pick.bench);
}

static void test_a_hint_that_fits_the_binding_is_looked_up_by_key(void **state)
{
    (void)state;
    struct pick pick;
    pick_init(&pick);
    const uint8_t *key = pick.alice.keys.identity;
    assert_int_equal(binding_set(pick.bench.node, lone_text("alice"), key, (vx6_span){0}), VX6_OK);
    bench_open(&pick.bench, pick.alice_name);
    assert_memory_equal(last_lookup()->target, pick.alice.keys.id, 32);
    show(&pick.bench, 1, &pick.alice, 0, 1);
    lone_run(pick.bench.node, 0);
    expect(&pick.bench, VX6_OK);
    bench_free(&pick.bench);
}

/* Mallory is reached when asked for, and alice stays alice. */
static void test_R5_a_hint_changes_no_binding(void **state)
{
    (void)state;
    struct pick pick;
    pick_init(&pick);
    const uint8_t *key = pick.alice.keys.identity;
    assert_int_equal(binding_set(pick.bench.node, lone_text("alice"), key, (vx6_span){0}), VX6_OK);
    bench_open(&pick.bench, pick.mallory_name);
    show_both(&pick);
    expect(&pick.bench, VX6_OK);
    assert_memory_equal(pick.bench.session.key, pick.mallory.keys.identity, 32);
    assert_memory_equal(binding_key(binding_find(pick.bench.node, lone_text("alice"))), key, 32);
    assert_null(known_find(pick.bench.node, pick.mallory.keys.identity));
    assert_null(pick.bench.node->ready_list.first); /* the driver hears of no binding */
    bench_free(&pick.bench);
}

static void test_a_hint_of_nobody_finds_nobody(void **state)
{
    (void)state;
    struct pick pick;
    pick_init(&pick);
    bench_open(&pick.bench, "alice~7777");
    show_both(&pick);
    assert_int_equal(pick.bench.session.calls, 0);
    end_lookup(&pick.bench, VX6_NOT_FOUND);
    lone_run(pick.bench.node, 0);
    expect(&pick.bench, VX6_NOT_FOUND);
    assert_null(binding_find(pick.bench.node, lone_text("alice")));
    bench_free(&pick.bench);
}

/* Two keys that begin alike, as somebody who makes enough of them has; a longer hint decides. */
static void test_a_hint_that_fits_two_is_ambiguous(void **state)
{
    (void)state;
    struct pick pick;
    pick_init(&pick);
    const uint8_t seed[32] = {ALIKE & 0xff, ALIKE >> 8 & 0xff, ALIKE >> 16};
    owner_make_seeded(&pick.mallory, seed, (struct claim){.label = "alice"});
    write_name(pick.mallory_name, &pick.mallory, VX6_HINT_MIN);
    assert_string_equal(pick.mallory_name, pick.alice_name);
    bench_open(&pick.bench, pick.alice_name);
    show_both(&pick);
    expect(&pick.bench, VX6_AMBIGUOUS);
    write_name(pick.alice_name, &pick.alice, 12);
    bench_open(&pick.bench, pick.alice_name);
    show_both(&pick);
    expect(&pick.bench, VX6_OK);
    assert_memory_equal(pick.bench.session.key, pick.alice.keys.identity, 32);
    bench_free(&pick.bench);
}

static void test_somebody_with_the_own_label_is_not_oneself(void **state)
{
    (void)state;
    struct pick pick;
    uint8_t keys[64][32];
    struct vx6_out out;
    pick_init(&pick);
    bench_free(&pick.bench);
    bench_init(&pick.bench, "alice");
    (void)start_op(&pick.bench, pick.mallory_name);
    show_both(&pick);
    assert_int_equal(drain_op(&pick.bench, keys, &out), 1);
    assert_memory_equal(keys[0], pick.mallory.keys.identity, 32);

    bench_open(&pick.bench, pick.mallory_name);
    show_both(&pick);
    expect(&pick.bench, VX6_OK);
    assert_memory_equal(pick.bench.session.key, pick.mallory.keys.identity, 32);
    assert_null(binding_find(pick.bench.node, lone_text("alice"))); /* it is this node's own */

    char own[VX6_KEY_TEXT_SIZE];
    vx6_key_text(&vx6_crypto_model, own, pick.bench.node->keys.identity);
    (void)snprintf(pick.alice_name, sizeof pick.alice_name, "alice~%.10s", own);
    struct vx6_name name;
    enum vx6_code code = VX6_OK;
    assert_true(vx6_name_parse(lone_text(pick.alice_name), &name));
    assert_null(resolve_for_session(pick.bench.node, &name, &pick.bench.session, &code));
    assert_int_equal(code, VX6_SELF);
    bench_free(&pick.bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_hint_picks_one_of_several_and_binds_it),
        cmocka_unit_test(test_a_hint_that_fits_the_binding_is_looked_up_by_key),
        cmocka_unit_test(test_R5_a_hint_changes_no_binding),
        cmocka_unit_test(test_a_hint_of_nobody_finds_nobody),
        cmocka_unit_test(test_a_hint_that_fits_two_is_ambiguous),
        cmocka_unit_test(test_somebody_with_the_own_label_is_not_oneself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
