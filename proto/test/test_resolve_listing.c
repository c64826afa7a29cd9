/* SPDX-License-Identifier: MIT */
/* Resolving to ask a node what it offers: to an address, like a session, but nobody has chosen yet.
 * VX6-SESS-029. */
#include "resolve_bench.h"

static void test_a_name_that_is_listed_is_not_bound(void **state)
{
    (void)state;
    struct bench bench;
    struct owner alice;
    enum vx6_code code;
    bench_init(&bench, "");
    owner_make(&alice, 1, (struct claim){.label = "alice"});
    struct op *op = bench_list(&bench, "alice", &code);
    assert_int_equal(code, VX6_OK);
    for (uint32_t i = 0; i < 3; i++)
        show(&bench, i, &alice, 0, 1);
    lone_run(bench.node, 0);
    expect(&bench, VX6_OK);
    assert_memory_equal(bench.session.key, alice.keys.identity, 32);
    assert_int_equal(bench.session.addr.port, 4242);
    assert_int_equal(op->hops, 3);
    assert_int_equal(op->queries, 5);
    assert_int_equal(bench.node->bindings.count, 0);
    bench_free(&bench);
}

static void test_rivals_are_an_error_here_too(void **state)
{
    (void)state;
    struct bench bench;
    struct owner alice, mallory;
    enum vx6_code code;
    bench_init(&bench, "");
    owner_make(&alice, 1, (struct claim){.label = "alice"});
    owner_make(&mallory, 2, (struct claim){.label = "alice"});
    (void)bench_list(&bench, "alice", &code);
    show(&bench, 0, &alice, 0, 2);
    show(&bench, 0, &mallory, 1, 2);
    lone_run(bench.node, VX6_SECOND);
    expect(&bench, VX6_AMBIGUOUS);
    bench_free(&bench);
}

/* VX6-NAME-006, VX6-NAME-010: as bound, so asked by key; and what was found serves a session. */
static void test_a_bound_name_is_listed_by_its_key(void **state)
{
    (void)state;
    struct bench bench;
    struct owner alice, mallory;
    enum vx6_code code;
    bench_init(&bench, "");
    owner_make(&alice, 1, (struct claim){.label = "alice"});
    owner_make(&mallory, 2, (struct claim){.label = "alice", .sequence = 99});
    assert_int_equal(
        binding_set(bench.node, lone_text("alice"), alice.keys.identity, (vx6_span){0}), VX6_OK);
    (void)bench_list(&bench, "alice", &code);
    assert_memory_equal(last_lookup()->target, alice.keys.id, 32);
    show(&bench, 0, &mallory, 0, 1);
    show(&bench, 1, &alice, 0, 1);
    lone_run(bench.node, 0);
    expect(&bench, VX6_OK);
    assert_memory_equal(bench.session.key, alice.keys.identity, 32);
    uint32_t lookups = lone_lookup_count;
    bench_open(&bench, "alice");
    lone_run(bench.node, 0);
    expect(&bench, VX6_OK);
    assert_int_equal(lone_lookup_count, lookups);
    bench_free(&bench);
}

/* VX6-NAME-009 */
static void test_what_may_not_be_dialled_is_not_asked(void **state)
{
    (void)state;
    struct bench bench;
    struct owner alice;
    enum vx6_code code;
    bench_init(&bench, "");
    owner_make(&alice, 1, (struct claim){.label = "alice", .prefix = 0xfd});
    (void)bench_list(&bench, "alice", &code);
    show(&bench, 0, &alice, 0, 1);
    lone_run(bench.node, VX6_SECOND);
    assert_int_equal(bench.session.calls, 0); /* one with an address may still show */
    end_lookup(&bench, VX6_OK);
    lone_run(bench.node, 0);
    expect(&bench, VX6_UNREACHABLE);
    bench_free(&bench);
}

static void test_the_node_itself_is_not_asked(void **state)
{
    (void)state;
    struct bench bench;
    struct owner self;
    enum vx6_code code;
    bench_init(&bench, "me");
    (void)bench_list(&bench, "me", &code);
    assert_null(bench.resolve);
    assert_int_equal(code, VX6_SELF);
    owner_make(&self, 200, (struct claim){.label = "alice"});
    assert_memory_equal(self.keys.identity, bench.node->keys.identity, 32);
    (void)bench_list(&bench, "alice", &code);
    show(&bench, 0, &self, 0, 1);
    lone_run(bench.node, VX6_SECOND);
    expect(&bench, VX6_SELF);
    bench_free(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_name_that_is_listed_is_not_bound),
        cmocka_unit_test(test_rivals_are_an_error_here_too),
        cmocka_unit_test(test_a_bound_name_is_listed_by_its_key),
        cmocka_unit_test(test_what_may_not_be_dialled_is_not_asked),
        cmocka_unit_test(test_the_node_itself_is_not_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
