/* SPDX-License-Identifier: MIT */
/* What a driver is shown that resolves a name or looks up a key, and when it is refused. */
#include "resolve_bench.h"

/* VX6-NAME-008 */
static void test_a_driver_sees_every_claimant_and_nothing_is_bound(void **state)
{
    (void)state;
    struct bench bench;
    struct owner owners[5];
    uint8_t keys[64][32];
    struct vx6_out out;
    bench_init(&bench, "");
    vx6_id id = start_op(&bench, "alice");
    for (uint8_t i = 0; i < 5; i++) {
        owner_make(&owners[i], (uint8_t)(i + 1), (struct claim){.label = "alice"});
        show(&bench, 0, &owners[i], i, 5);
    }
    end_lookup(&bench, VX6_OK);
    lone_run(bench.node, 0);
    assert_int_equal(drain_op(&bench, keys, &out), 5);
    for (uint32_t i = 0; i < 5; i++)
        assert_memory_equal(keys[i], owners[i].keys.identity, 32);
    assert_int_equal(out.code, VX6_AMBIGUOUS);
    assert_int_equal(out.hops, 3);
    assert_int_equal(out.queries, 22);
    assert_null(slots_get(&bench.node->slots, SLOT_OP, id));
    assert_int_equal(bench.node->bindings.count, 0);
    bench_free(&bench);
}

static const struct {
    const char *name;
    enum vx6_code code;
} service_rows[] = {
    {"alice", VX6_OK},
    {"alice.web", VX6_OK},
    {"alice.ssh", VX6_NO_SERVICE},
    {"alice.we", VX6_NO_SERVICE},
};

/* VX6-NAME-012 */
static void test_a_driver_learns_whether_a_service_is_public(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof service_rows / sizeof service_rows[0]; i++) {
        struct bench bench;
        struct owner alice;
        uint8_t keys[64][32];
        struct vx6_out out;
        bench_init(&bench, "");
        owner_make(&alice, 1, (struct claim){.label = "alice"});
        (void)start_op(&bench, service_rows[i].name);
        show(&bench, 0, &alice, 0, 1);
        lone_run(bench.node, VX6_SECOND);
        assert_int_equal(drain_op(&bench, keys, &out), 1);
        assert_int_equal(out.code, service_rows[i].code);
        assert_memory_equal(out.key, alice.keys.identity, 32);
        assert_int_equal(out.queries, 5);
        bench_free(&bench);
    }
}

static void test_the_own_label_is_the_node_itself(void **state)
{
    (void)state;
    struct bench bench;
    struct vx6_out out;
    uint8_t keys[64][32];
    enum vx6_code code = VX6_OK;
    bench_init(&bench, "me");
    struct vx6_name name = {.label = lone_text("me")};
    assert_null(resolve_for_session(bench.node, &name, &bench.session, &code));
    assert_int_equal(code, VX6_SELF);
    (void)start_op(&bench, "me.web");
    assert_int_equal(drain_op(&bench, keys, &out), 1);
    assert_memory_equal(keys[0], bench.node->keys.identity, 32);
    assert_int_equal(out.code, VX6_OK);
    assert_int_equal(lone_lookup_count, 0);
    bench_free(&bench);
}

/* VX6-NODE-007: each allocation of a resolve fails in turn, until none does. */
static void test_a_resolve_without_memory_says_so_and_keeps_nothing(void **state)
{
    (void)state;
    enum vx6_code code = VX6_NOMEM;
    uint32_t refused = 0, incomplete = 0;
    for (uint64_t n = 1; code != VX6_OK; n++) {
        assert_true(n < 50);
        struct bench bench;
        struct owner alice;
        struct vx6_out out;
        uint8_t keys[64][32];
        vx6_id id;
        bench_init(&bench, "");
        owner_make(&alice, 1, (struct claim){.label = "alice"});
        lone_memory.fail_at = lone_memory.requests + n;
        code = resolve_for_driver(bench.node, lone_text("alice"), &id);
        if (code == VX6_NOMEM) {
            refused++;
            assert_int_equal(bench.node->ops.count, 0);
        } else {
            assert_int_equal(code, VX6_OK);
            show(&bench, 0, &alice, 0, 1);
            end_lookup(&bench, VX6_OK);
            lone_run(bench.node, 0);
            uint32_t shown = drain_op(&bench, keys, &out);
            code = out.code;
            assert_true(code == VX6_OK || code == VX6_NOMEM || code == VX6_NOT_FOUND);
            assert_int_equal(shown, code == VX6_OK);
            incomplete += code != VX6_OK;
        }
        bench_free(&bench);
    }
    assert_true(refused > 0 && incomplete > 0);
}

static void test_limits_and_bad_names_refuse_at_once(void **state)
{
    (void)state;
    struct bench bench;
    enum vx6_code code = VX6_OK;
    vx6_id id;
    bench_init(&bench, "");
    assert_int_equal(resolve_for_driver(bench.node, lone_text("a..b"), &id), VX6_INVALID);
    lone_lookup_refused = true;
    struct vx6_name name = {.label = lone_text("alice")};
    assert_null(resolve_for_session(bench.node, &name, &bench.session, &code));
    assert_int_equal(code, VX6_LIMIT);
    assert_int_equal(resolve_for_driver(bench.node, lone_text("alice"), &id), VX6_LIMIT);
    assert_int_equal(bench.node->ops.count, 0);
    lone_lookup_refused = false;
    lone_limits.op_max = 2;
    (void)start_op(&bench, "a");
    (void)start_op(&bench, "b");
    assert_int_equal(resolve_for_driver(bench.node, lone_text("c"), &id), VX6_LIMIT);
    bench_free(&bench);
}

static void test_a_cancelled_operation_ends_with_its_work(void **state)
{
    (void)state;
    struct bench bench;
    struct vx6_out out;
    uint8_t keys[64][32];
    bench_init(&bench, "");
    vx6_id id = start_op(&bench, "alice");
    struct op *op = slots_get(&bench.node->slots, SLOT_OP, id);
    op_cancel(bench.node, op);
    op_cancel(bench.node, op);
    assert_false(last_lookup()->running);
    assert_int_equal(drain_op(&bench, keys, &out), 0);
    assert_int_equal(out.code, VX6_CANCELLED);
    assert_null(bench.node->resolves);
    bench_free(&bench);
}

static void test_candidates_that_nobody_took_go_with_the_node(void **state)
{
    (void)state;
    struct bench bench;
    struct owner alice;
    bench_init(&bench, "");
    owner_make(&alice, 1, (struct claim){.label = "alice"});
    (void)start_op(&bench, "alice");
    show(&bench, 0, &alice, 0, 1);
    end_lookup(&bench, VX6_OK);
    lone_run(bench.node, 0);
    assert_non_null(bench.node->ops.first->candidates);
    bench_free(&bench); /* which demands all memory back */
}

static void test_a_lookup_shows_the_closest_nodes(void **state)
{
    (void)state;
    struct bench bench;
    struct vx6_out out;
    uint8_t keys[64][32];
    const uint8_t target[32] = {9};
    bench_init(&bench, "");
    vx6_id id;
    assert_int_equal(op_lookup_start(bench.node, target, &id), VX6_OK);
    assert_false(last_lookup()->want_values);
    struct lookup_contact closest[20];
    for (uint32_t i = 0; i < 20; i++)
        closest[i] = (struct lookup_contact){.peer = bench.holders[i]};
    struct lookup_result result = {
        .target = target, .closest = closest, .closest_count = 20, .hops = 2, .queries = 23};
    last_lookup()->running = false;
    op_lookup_done(bench.node, last_lookup()->context, &result);
    assert_int_equal(drain_op(&bench, keys, &out), 0);
    assert_int_equal(out.code, VX6_OK);
    assert_int_equal(out.hops, 2);
    assert_int_equal(out.queries, 23);
    assert_int_equal(out.value.len, 20 * VX6_HINT_SIZE);
    for (uint32_t i = 0; i < 20; i++)
        assert_memory_equal(out.value.data + i * VX6_HINT_SIZE, bench.holders[i]->key, 32);
    bench_free(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_driver_sees_every_claimant_and_nothing_is_bound),
        cmocka_unit_test(test_a_driver_learns_whether_a_service_is_public),
        cmocka_unit_test(test_the_own_label_is_the_node_itself),
        cmocka_unit_test(test_a_resolve_without_memory_says_so_and_keeps_nothing),
        cmocka_unit_test(test_limits_and_bad_names_refuse_at_once),
        cmocka_unit_test(test_a_cancelled_operation_ends_with_its_work),
        cmocka_unit_test(test_candidates_that_nobody_took_go_with_the_node),
        cmocka_unit_test(test_a_lookup_shows_the_closest_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
