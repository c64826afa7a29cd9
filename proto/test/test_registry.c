/* SPDX-License-Identifier: MIT */
/* What a node keeps of names: bindings, and bundles of those that are bound. */
#include "resolve_bench.h"

/* VX6-NAME-005 */
static void test_bindings_are_sorted_bounded_and_never_change_by_themselves(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, "");
    lone_limits.binding_max = 20;
    char label[3] = "a0";
    for (uint32_t i = 0; i < 20; i++) {
        const uint8_t key[32] = {(uint8_t)i};
        label[1] = (char)('a' + i * 7 % 20);
        assert_int_equal(binding_set(bench.node, lone_text(label), key, (vx6_span){0}), VX6_OK);
    }
    const uint8_t other[32] = {99};
    assert_int_equal(binding_first_use(bench.node, lone_text("new"), other), VX6_LIMIT);
    assert_int_equal(binding_first_use(bench.node, lone_text("aa"), other), VX6_KEY_MISMATCH);
    for (uint32_t i = 0; i < 20; i++) {
        label[1] = (char)('a' + i * 7 % 20);
        const struct binding *binding = binding_find(bench.node, lone_text(label));
        assert_non_null(binding);
        assert_int_equal(binding_key(binding)[0], i);
    }
    assert_int_equal(binding_set(bench.node, lone_text("aa"), other, (vx6_span){0}), VX6_OK);
    assert_int_equal(binding_key(binding_find(bench.node, lone_text("aa")))[0], 99);
    binding_remove(bench.node, lone_text("aa"));
    binding_remove(bench.node, lone_text("aa"));
    assert_null(binding_find(bench.node, lone_text("aa")));
    assert_int_equal(bench.node->bindings.count, 19);
    bench_free(&bench);
}

/* What few names have is kept for no other: not that the driver has yet to hear of it, once it has;
 * not the keys before it, once it stands for itself. */
static void test_a_binding_sheds_what_it_no_longer_has(void **state)
{
    (void)state;
    struct bench bench;
    struct vx6_out out;
    bench_init(&bench, "");
    const vx6_span label = lone_text("alice");
    const uint8_t key[32] = {1}, old[32] = {2};
    assert_int_equal(binding_first_use(bench.node, label, key), VX6_OK);
    assert_non_null(binding_find(bench.node, label)->history);
    assert_true(binding_output(bench.node, &out));
    assert_memory_equal(out.value.data, "alice", out.value.len);
    assert_memory_equal(out.key, key, 32);
    assert_null(binding_find(bench.node, label)->history);
    assert_int_equal(binding_set(bench.node, label, key, (vx6_span){old, 32}), VX6_OK);
    assert_memory_equal(binding_before(binding_find(bench.node, label))->data, old, 32);
    assert_int_equal(binding_set(bench.node, label, key, (vx6_span){0}), VX6_OK);
    assert_null(binding_find(bench.node, label)->history);
    bench_free(&bench);
}

/* VX6-NAME-011: whichever of two resolves ends last. */
static void test_the_registry_never_goes_back(void **state)
{
    (void)state;
    struct bench bench;
    struct owner owner;
    bench_init(&bench, "");
    const uint64_t order[] = {5, 4, 6, 5}, kept[] = {5, 5, 6, 6};
    for (uint32_t i = 0; i < 4; i++) {
        owner_make(&owner, 1, (struct claim){.label = "alice", .sequence = order[i]});
        struct blob *blob = blob_get(bench.node->env, (vx6_span){owner.bytes, owner.len});
        struct known_bundle known = {
            .blob = blob, .sequence = order[i], .expires_s = LONE_UNIX_S + 1000};
        known_keep(bench.node, &known);
        blob_drop(bench.node->env, blob);
        assert_int_equal(known_find(bench.node, known.key)->sequence, kept[i]);
        assert_int_equal(bench.node->known.count, 1);
    }
    bench_free(&bench);
}

/* The registry keeps what was used last. */
static void test_R10_the_registry_is_bounded(void **state)
{
    (void)state;
    struct bench bench;
    struct owner owner;
    bench_init(&bench, "");
    lone_limits.known_max = 5;
    for (uint8_t i = 0; i < 9; i++) {
        owner_make(&owner, (uint8_t)(i + 1), (struct claim){.label = "alice"});
        struct blob *blob = blob_get(bench.node->env, (vx6_span){owner.bytes, owner.len});
        struct known_bundle known = {
            .blob = blob, .sequence = 1, .expires_s = LONE_UNIX_S + 1000, .key = {i}};
        known_keep(bench.node, &known);
        blob_drop(bench.node->env, blob);
        bench.node->now += VX6_SECOND;
        const uint8_t first[32] = {0};
        assert_non_null(known_find(bench.node, first)); /* in use all the time */
    }
    assert_int_equal(bench.node->known.count, 5);
    const uint8_t second[32] = {1}, last[32] = {8};
    assert_null(known_find(bench.node, second));
    assert_non_null(known_find(bench.node, last));
    bench_free(&bench);
}

/* What served to show who it is may not be enough to go there: its addresses are private, and it
 * was held here, so that nothing said from how far away it came. */
static void test_a_session_looks_further_than_a_bundle_without_a_way_to_it(void **state)
{
    (void)state;
    struct bench bench;
    struct owner alice;
    struct vx6_out out;
    uint8_t keys[64][32];
    bench_init(&bench, "");
    owner_make(&alice, 1, (struct claim){.label = "alice", .prefix = 0xfd});
    assert_int_equal(
        binding_set(bench.node, lone_text("alice"), alice.keys.identity, (vx6_span){0}), VX6_OK);
    (void)start_op(&bench, "alice");
    show_value(&bench, &alice, (struct lookup_value){.count = 1, .path_count = 1});
    end_lookup(&bench, VX6_OK);
    lone_run(bench.node, 0);
    assert_int_equal(drain_op(&bench, keys, &out), 1);
    assert_int_equal(out.code, VX6_OK);
    bench_open(&bench, "alice.web");
    lone_run(bench.node, 0);
    assert_int_equal(bench.session.calls, 0);
    const uint8_t key[32] = {77};
    vx6_addr addr = {.ip = {0xfd, 1, [15] = 1}, .port = 1};
    peer_drop(bench.node->env, bench.holders[0]);
    bench.holders[0] = peer_get(bench.node->env, key, &addr);
    show(&bench, 0, &alice, 0, 1);
    lone_run(bench.node, 0);
    expect(&bench, VX6_OK);
    assert_int_equal(bench.session.addr.ip[0], 0xfd);
    bench_free(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bindings_are_sorted_bounded_and_never_change_by_themselves),
        cmocka_unit_test(test_a_binding_sheds_what_it_no_longer_has),
        cmocka_unit_test(test_the_registry_never_goes_back),
        cmocka_unit_test(test_a_session_looks_further_than_a_bundle_without_a_way_to_it),
        cmocka_unit_test(test_R10_the_registry_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
