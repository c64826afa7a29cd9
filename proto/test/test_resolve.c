/* SPDX-License-Identifier: MIT */
/* Resolving against holders that the test plays: rivals, floods, forgeries and stale bundles. */
#include "resolve_bench.h"

/* VX6-NAME-004, VX6-NAME-005 */
static void test_first_use_binds_a_name_and_tells_the_driver(void **state)
{
    (void)state;
    struct bench bench;
    struct owner alice;
    bench_init(&bench, "");
    owner_make(&alice, 1, (struct claim){.label = "alice"});
    bench_open(&bench, "alice");
    uint8_t key[32];
    name_key(&vx6_crypto_model, key, lone_text("alice"));
    assert_memory_equal(last_lookup()->target, key, 32);
    show(&bench, 0, &alice, 0, 1);
    lone_run(bench.node, 499 * VX6_MILLISECOND);
    assert_int_equal(bench.session.calls, 0);
    lone_run(bench.node, VX6_MILLISECOND);
    expect(&bench, VX6_OK);
    assert_false(last_lookup()->running);
    assert_memory_equal(bench.session.key, alice.keys.identity, 32);
    assert_int_equal(bench.session.addr.port, 4242);
    struct vx6_out out = {0};
    assert_true(bench.node->ready.pending & NODE_READY_BOUND);
    ready_take(&bench.node->ready_list, &bench.node->ready, NODE_READY_BOUND);
    assert_true(binding_output(bench.node, &out));
    assert_true(span_equal(out.value, lone_text("alice")));
    assert_memory_equal(out.key, alice.keys.identity, 32);
    assert_false(binding_output(bench.node, &out));
    bench_free(&bench);
}

/* VX6-NAME-007: three holders need not be waited for any longer. */
static void test_enough_holders_end_the_wait(void **state)
{
    (void)state;
    struct bench bench;
    struct owner alice;
    bench_init(&bench, "");
    owner_make(&alice, 1, (struct claim){.label = "alice"});
    bench_open(&bench, "alice");
    show(&bench, 0, &alice, 0, 1);
    show(&bench, 0, &alice, 0, 1);
    show(&bench, 0, &alice, 0, 1);
    show(&bench, 1, &alice, 0, 1);
    lone_run(bench.node, 0);
    assert_int_equal(bench.session.calls, 0);
    show(&bench, 2, &alice, 0, 1);
    lone_run(bench.node, 0);
    expect(&bench, VX6_OK);
    bench_free(&bench);
}

/* VX6-NAME-007: what one path leads to may all be one attacker's. */
static void test_holders_on_one_path_of_several_do_not_end_the_wait(void **state)
{
    (void)state;
    for (uint32_t path_count = 1; path_count <= 3; path_count++) {
        struct bench bench;
        struct owner alice;
        bench_init(&bench, "");
        owner_make(&alice, 1, (struct claim){.label = "alice"});
        bench_open(&bench, "alice");
        struct lookup_value value = {.count = 1, .path = path_count - 1, .path_count = path_count};
        for (uint32_t i = 0; i < 5; i++) {
            value.holder = bench.holders[i];
            show_value(&bench, &alice, value);
        }
        lone_run(bench.node, 0);
        assert_int_equal(bench.session.calls, path_count == 1 ? 1 : 0);
        if (path_count > 1) {
            value.holder = bench.holders[5];
            value.path = 0;
            show_value(&bench, &alice, value);
            lone_run(bench.node, 0);
        }
        expect(&bench, VX6_OK);
        bench_free(&bench);
    }
}

/* However many holders a lookup finds on its paths, no more than k are remembered. */
static void test_more_holders_than_are_counted_do_no_harm(void **state)
{
    (void)state;
    struct bench bench;
    struct owner alice;
    bench_init(&bench, "");
    owner_make(&alice, 1, (struct claim){.label = "alice"});
    bench_open(&bench, "alice");
    for (uint8_t i = 0; i < 2 * VX6_CONTACT_COUNT_MAX; i++) {
        const uint8_t key[32] = {i, 1};
        vx6_addr addr = {.ip = {0x20, 1, [15] = i}, .port = 1};
        struct peer *holder = peer_get(bench.node->env, key, &addr);
        assert_non_null(holder);
        show_value(
            &bench, &alice, (struct lookup_value){.holder = holder, .count = 1, .path_count = 3});
        peer_drop(bench.node->env, holder);
        lone_run(bench.node, 0);
        assert_int_equal(bench.session.calls, 0); /* all on one path */
    }
    show(&bench, 1, &alice, 0, 1); /* on another */
    lone_run(bench.node, 0);
    expect(&bench, VX6_OK);
    bench_free(&bench);
}

/* VX6-NAME-008: no rival is chosen silently, not even by who came first. */
static void test_rival_claims_are_an_error(void **state)
{
    (void)state;
    struct bench bench;
    struct owner alice, mallory;
    bench_init(&bench, "");
    owner_make(&alice, 1, (struct claim){.label = "alice"});
    owner_make(&mallory, 2, (struct claim){.label = "alice", .sequence = 99});
    bench_open(&bench, "alice");
    for (uint32_t i = 0; i < 3; i++)
        show(&bench, i, &alice, 0, 2);
    lone_run(bench.node, 0);
    assert_int_equal(bench.session.calls, 0); /* every holder has more to show */
    for (uint32_t i = 0; i < 3; i++)
        show(&bench, i, &mallory, 1, 2);
    lone_run(bench.node, 0);
    expect(&bench, VX6_AMBIGUOUS);
    assert_null(binding_find(bench.node, lone_text("alice")));
    bench_free(&bench);
}

/* VX6-NAME-006: who holds the name's key in mind asks for that key, and for nothing else. A rival
 * with a higher sequence and any number of claims changes nothing. */
static void test_K3_a_bound_name_ignores_rivals(void **state)
{
    (void)state;
    struct bench bench;
    struct owner alice, mallory;
    bench_init(&bench, "");
    owner_make(&alice, 1, (struct claim){.label = "alice"});
    owner_make(&mallory, 2, (struct claim){.label = "alice", .sequence = 1000});
    assert_int_equal(
        binding_set(bench.node, lone_text("alice"), alice.keys.identity, (vx6_span){0}), VX6_OK);
    bench_open(&bench, "alice");
    assert_memory_equal(last_lookup()->target, alice.keys.id, 32);
    for (uint32_t i = 0; i < 10; i++)
        show(&bench, i, &mallory, 0, 1);
    lone_run(bench.node, VX6_SECOND);
    assert_int_equal(bench.session.calls, 0);
    assert_int_equal(lone_last[VX6_EVENT_bundle_refused].code, VX6_INVALID);
    show(&bench, 11, &alice, 0, 1);
    lone_run(bench.node, 0);
    expect(&bench, VX6_OK);
    assert_memory_equal(bench.session.key, alice.keys.identity, 32);
    bench_free(&bench);
}

/* VX6-NAME-006: 16 claimants fill every list of the label; the bound name is not even asked for. */
static void test_K3_a_flood_of_claims_is_no_veto(void **state)
{
    (void)state;
    struct bench bench;
    struct owner alice, flood;
    bench_init(&bench, "");
    owner_make(&alice, 1, (struct claim){.label = "alice"});
    bench_open(&bench, "alice");
    for (uint8_t i = 0; i < 40; i++) {
        owner_make(&flood, (uint8_t)(i + 2), (struct claim){.label = "alice"});
        show(&bench, 0, &flood, i, 64);
    }
    end_lookup(&bench, VX6_OK);
    lone_run(bench.node, 0);
    expect(&bench, VX6_AMBIGUOUS);
    assert_int_equal(lone_last[VX6_EVENT_bundle_refused].code, VX6_LIMIT);

    assert_int_equal(
        binding_set(bench.node, lone_text("alice"), alice.keys.identity, (vx6_span){0}), VX6_OK);
    bench_open(&bench, "alice");
    show(&bench, 0, &alice, 0, 1);
    lone_run(bench.node, 0);
    expect(&bench, VX6_OK);
    bench_free(&bench);
}

/* VX6-NAME-007: holders that show garbage do not count as having answered. */
static void test_forged_bundles_count_for_nothing(void **state)
{
    (void)state;
    struct bench bench;
    struct owner alice, forged, other;
    bench_init(&bench, "");
    owner_make(&alice, 1, (struct claim){.label = "alice"});
    owner_make(&other, 3, (struct claim){.label = "bob"});
    forged = alice;
    forged.bytes[60] ^= 1;
    bench_open(&bench, "alice");
    for (uint32_t i = 0; i < 5; i++) {
        show(&bench, i, &forged, 0, 1);
        assert_int_equal(lone_last[VX6_EVENT_bundle_refused].code, VX6_BAD_RECORD);
        show(&bench, i, &other, 0, 1);
        assert_int_equal(lone_last[VX6_EVENT_bundle_refused].code, VX6_INVALID);
    }
    forged.len = 100;
    show(&bench, 6, &forged, 0, 1);
    assert_int_equal(lone_last[VX6_EVENT_bundle_refused].code, VX6_BAD_MESSAGE);
    owner_make(&other, 4, (struct claim){.label = "alice", .age_s = 1800});
    show(&bench, 7, &other, 0, 1);
    assert_int_equal(lone_last[VX6_EVENT_bundle_refused].code, VX6_EXPIRED);
    lone_run(bench.node, VX6_SECOND);
    assert_int_equal(bench.session.calls, 0);
    show(&bench, 8, &alice, 0, 1);
    lone_run(bench.node, VX6_SECOND);
    expect(&bench, VX6_OK);
    assert_memory_equal(bench.session.key, alice.keys.identity, 32);
    bench_free(&bench);
}

/* VX6-NAME-007: garbage does not shorten the wait for rivals, an older bundle does. */
static void test_only_honest_holders_shorten_the_wait(void **state)
{
    (void)state;
    for (int honest = 0; honest < 2; honest++) {
        struct bench bench;
        struct owner alice, other;
        bench_init(&bench, "");
        owner_make(&alice, 1, (struct claim){.label = "alice", .sequence = 5});
        owner_make(&other, 1, (struct claim){.label = "alice", .sequence = 4});
        if (!honest)
            other.bytes[60] ^= 1;
        bench_open(&bench, "alice");
        show(&bench, 0, &alice, 0, 1);
        show(&bench, 1, &other, 0, 1);
        show(&bench, 2, &other, 0, 1);
        lone_run(bench.node, 0);
        assert_int_equal(bench.session.calls, honest);
        lone_run(bench.node, VX6_SECOND);
        expect(&bench, VX6_OK);
        bench_free(&bench);
    }
}

/* VX6-NAME-007: a holder of more claims than anybody keeps has shown all when it is asked no more.
 */
static void test_a_full_holder_counts_as_having_answered(void **state)
{
    (void)state;
    struct bench bench;
    struct owner owner;
    bench_init(&bench, "");
    bench_open(&bench, "alice");
    for (uint32_t holder = 0; holder < 3; holder++) {
        for (uint8_t i = 0; i < 16; i++) {
            owner_make(&owner, (uint8_t)(holder * 16 + i + 1), (struct claim){.label = "alice"});
            show(&bench, holder, &owner, i, 64);
        }
    }
    lone_run(bench.node, 0);
    expect(&bench, VX6_AMBIGUOUS);
    bench_free(&bench);
}

/* VX6-NAME-011 */
static void test_R3_of_one_claimant_the_newest_bundle_wins(void **state)
{
    (void)state;
    for (int newest_first = 0; newest_first < 2; newest_first++) {
        struct bench bench;
        struct owner old, new;
        bench_init(&bench, "");
        owner_make(&old, 1, (struct claim){.label = "alice", .sequence = 4, .prefix = 0x26});
        owner_make(&new, 1, (struct claim){.label = "alice", .sequence = 5, .prefix = 0x2a});
        bench_open(&bench, "alice");
        show(&bench, 0, newest_first ? &new : &old, 0, 1);
        show(&bench, 1, newest_first ? &old : &new, 0, 1);
        lone_run(bench.node, VX6_SECOND);
        expect(&bench, VX6_OK);
        assert_int_equal(bench.session.addr.ip[0], 0x2a);
        bench_free(&bench);
    }
}

/* VX6-NAME-010 */
static void test_a_name_in_use_needs_no_lookup(void **state)
{
    (void)state;
    struct bench bench;
    struct owner alice;
    struct vx6_out out;
    uint8_t keys[64][32];
    bench_init(&bench, "");
    owner_make(&alice, 1, (struct claim){.label = "alice"});
    bench_open(&bench, "alice");
    show(&bench, 0, &alice, 0, 1);
    lone_run(bench.node, VX6_SECOND);
    expect(&bench, VX6_OK);
    assert_int_equal(lone_lookup_count, 1);
    ready_take(&bench.node->ready_list, &bench.node->ready, NODE_READY_BOUND);

    bench_open(&bench, "alice");
    lone_run(bench.node, 0);
    expect(&bench, VX6_OK);
    assert_int_equal(lone_lookup_count, 1);
    (void)start_op(&bench, "alice.web"); /* who asks is shown what there is, not what was */
    assert_int_equal(lone_lookup_count, 2);
    show(&bench, 0, &alice, 0, 1);
    lone_run(bench.node, VX6_SECOND);
    assert_int_equal(drain_op(&bench, keys, &out), 1);
    assert_int_equal(out.code, VX6_OK);

    lone_run(bench.node, 1800 * VX6_SECOND); /* it has expired */
    bench_open(&bench, "alice");
    assert_int_equal(lone_lookup_count, 3);
    assert_memory_equal(last_lookup()->target, alice.keys.id, 32);
    end_lookup(&bench, VX6_OK);
    lone_run(bench.node, 0);
    expect(&bench, VX6_NOT_FOUND);
    bench_free(&bench);
}

/* VX6-NAME-010, VX6-NAME-011: after a failed dial a holder that is behind does not win by being
 * quick. */
static void test_a_doubted_address_is_resolved_afresh(void **state)
{
    (void)state;
    struct bench bench;
    struct owner old, now, moved;
    bench_init(&bench, "");
    owner_make(&old, 1, (struct claim){.label = "alice", .sequence = 4, .prefix = 0x24});
    owner_make(&now, 1, (struct claim){.label = "alice", .sequence = 5, .prefix = 0x26});
    owner_make(&moved, 1, (struct claim){.label = "alice", .sequence = 6, .prefix = 0x2a});
    bench_open(&bench, "alice");
    show(&bench, 0, &now, 0, 1);
    lone_run(bench.node, VX6_SECOND);
    expect(&bench, VX6_OK);

    resolve_forget(bench.node, now.keys.identity);
    bench_open(&bench, "alice");
    assert_int_equal(lone_lookup_count, 2);
    show(&bench, 0, &old, 0, 1);
    show(&bench, 1, &now, 0, 1);
    lone_run(bench.node, 0);
    assert_int_equal(bench.session.calls, 0);
    show(&bench, 2, &moved, 0, 1);
    lone_run(bench.node, 0);
    expect(&bench, VX6_OK);
    assert_int_equal(bench.session.addr.ip[0], 0x2a);

    resolve_forget(bench.node, now.keys.identity);
    bench_open(&bench, "alice");
    show(&bench, 0, &old, 0, 1);
    lone_run(bench.node, VX6_SECOND);
    expect(&bench, VX6_OK);
    assert_int_equal(bench.session.addr.ip[0], 0x2a); /* the newest that is known */

    /* Seen again it is doubted still; not so when the owner has answered there. */
    bench_open(&bench, "alice");
    assert_int_equal(lone_lookup_count, 4);
    show(&bench, 0, &moved, 0, 1);
    lone_run(bench.node, VX6_SECOND);
    expect(&bench, VX6_OK);
    resolve_trust(bench.node, now.keys.identity);
    bench_open(&bench, "alice");
    lone_run(bench.node, 0);
    assert_int_equal(lone_lookup_count, 4);
    expect(&bench, VX6_OK);

    lone_held = 7; /* the node knows better, as a holder */
    bench_open(&bench, "alice");
    assert_int_equal(lone_lookup_count, 5);
    bench_free(&bench);
}

static const struct {
    const char *name;
    uint8_t endpoint, holder; /* first bytes of their addresses */
    enum vx6_code code;
} scope_rows[] = {
    {"global from global", 0x20, 0x20, VX6_OK},
    {"global from private", 0x20, 0xfd, VX6_OK},
    {"private from private", 0xfd, 0xfd, VX6_OK},
    {"private from global", 0xfd, 0x20, VX6_UNREACHABLE},
};

/* VX6-NAME-009 */
static void test_an_address_narrower_than_its_path_is_not_dialled(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof scope_rows / sizeof scope_rows[0]; i++) {
        struct bench bench;
        struct owner alice;
        bench_init(&bench, "");
        owner_make(&alice, 1, (struct claim){.label = "alice", .prefix = scope_rows[i].endpoint});
        const uint8_t key[32] = {77};
        vx6_addr addr = {.ip = {scope_rows[i].holder, 1, [15] = 1}, .port = 1};
        peer_drop(bench.node->env, bench.holders[0]);
        bench.holders[0] = peer_get(bench.node->env, key, &addr);
        bench_open(&bench, "alice");
        show(&bench, 0, &alice, 0, 1);
        lone_run(bench.node, VX6_SECOND);
        if (scope_rows[i].code != VX6_OK)
            end_lookup(&bench, VX6_OK);
        lone_run(bench.node, 0);
        if (bench.session.code != scope_rows[i].code)
            fail_msg("%s: %s", scope_rows[i].name, vx6_code_name(bench.session.code));
        expect(&bench, scope_rows[i].code);
        assert_int_equal(bench.node->bindings.count, scope_rows[i].code == VX6_OK);
        bench_free(&bench);
    }
}

/* VX6-NAME-007, VX6-NAME-009: who is close may show the same bundle later. */
static void test_the_wait_begins_with_an_address_to_dial(void **state)
{
    (void)state;
    struct bench bench;
    struct owner alice;
    bench_init(&bench, "");
    owner_make(&alice, 1, (struct claim){.label = "alice", .prefix = 0xfd});
    const uint8_t key[32] = {77};
    vx6_addr addr = {.ip = {0xfd, 1, [15] = 1}, .port = 1};
    peer_drop(bench.node->env, bench.holders[1]);
    bench.holders[1] = peer_get(bench.node->env, key, &addr);
    bench_open(&bench, "alice");
    show(&bench, 0, &alice, 0, 1);
    lone_run(bench.node, 2 * VX6_SECOND);
    assert_int_equal(bench.session.calls, 0);
    show(&bench, 1, &alice, 0, 1);
    lone_run(bench.node, 499 * VX6_MILLISECOND);
    assert_int_equal(bench.session.calls, 0);
    lone_run(bench.node, VX6_MILLISECOND);
    expect(&bench, VX6_OK);
    bench_free(&bench);
}

static const struct {
    const char *name;
    bool ends; /* the lookup does */
    enum vx6_code lookup, code;
} absence_rows[] = {
    {"the lookup found nothing", true, VX6_OK, VX6_NOT_FOUND},
    {"the lookup took too long", true, VX6_TIMEOUT, VX6_NOT_FOUND},
    {"nobody is known", true, VX6_NO_PEERS, VX6_NO_PEERS},
    {"nothing happens", false, VX6_OK, VX6_TIMEOUT},
};

/* VX6-NAME-008 */
static void test_absence_has_its_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof absence_rows / sizeof absence_rows[0]; i++) {
        struct bench bench;
        bench_init(&bench, "");
        bench_open(&bench, "alice");
        if (absence_rows[i].ends)
            end_lookup(&bench, absence_rows[i].lookup);
        lone_run(bench.node, 15 * VX6_SECOND);
        expect(&bench, absence_rows[i].code);
        bench_free(&bench);
    }
}

/* By whatever name: what leads to the node itself is not dialled. */
static void test_a_name_bound_to_the_node_itself_is_no_address(void **state)
{
    (void)state;
    struct bench bench;
    struct owner self;
    bench_init(&bench, "");
    owner_make(&self, 200, (struct claim){.label = "alice"});
    assert_memory_equal(self.keys.identity, bench.node->keys.identity, 32);
    bench_open(&bench, "alice");
    show(&bench, 0, &self, 0, 1);
    end_lookup(&bench, VX6_OK);
    lone_run(bench.node, 0);
    expect(&bench, VX6_SELF);
    assert_int_equal(bench.node->bindings.count, 0);
    bench_free(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_use_binds_a_name_and_tells_the_driver),
        cmocka_unit_test(test_enough_holders_end_the_wait),
        cmocka_unit_test(test_holders_on_one_path_of_several_do_not_end_the_wait),
        cmocka_unit_test(test_more_holders_than_are_counted_do_no_harm),
        cmocka_unit_test(test_rival_claims_are_an_error),
        cmocka_unit_test(test_K3_a_bound_name_ignores_rivals),
        cmocka_unit_test(test_K3_a_flood_of_claims_is_no_veto),
        cmocka_unit_test(test_forged_bundles_count_for_nothing),
        cmocka_unit_test(test_only_honest_holders_shorten_the_wait),
        cmocka_unit_test(test_a_full_holder_counts_as_having_answered),
        cmocka_unit_test(test_R3_of_one_claimant_the_newest_bundle_wins),
        cmocka_unit_test(test_a_name_in_use_needs_no_lookup),
        cmocka_unit_test(test_a_doubted_address_is_resolved_afresh),
        cmocka_unit_test(test_an_address_narrower_than_its_path_is_not_dialled),
        cmocka_unit_test(test_the_wait_begins_with_an_address_to_dial),
        cmocka_unit_test(test_absence_has_its_reason),
        cmocka_unit_test(test_a_name_bound_to_the_node_itself_is_no_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
