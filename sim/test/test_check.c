/* SPDX-License-Identifier: MIT */
/* The checkers see what is wrong: each fault is planted, and found once. */
#include <string.h>

#include "actor.h"
#include "check.h"
#include "options.h"
#include "test.h"
#include "vx6/msg.h"
#include "workload.h"

static struct world world;

static int set_up(void **state)
{
    (void)state;
    struct options options;
    char name[] = "vx6-sim", nodes[] = "--nodes=8", quiet[] = "--quiet", threads[] = "--threads=1";
    char *arguments[] = {name, nodes, quiet, threads, NULL};
    options_parse(&options, 4, arguments);
    memset(&world, 0, sizeof world);
    world_init(&world, &options);
    for (uint32_t i = 0; i < 8; i++)
        (void)world_join(&world);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_free(&world);
    return 0;
}

static struct actor *actor_at(uint32_t index)
{
    return world.members[index].actor;
}

static void expect(uint64_t count)
{
    struct violations found = check_all(&world);
    if (found.count > 0)
        print_message("%s\n", found.first);
    assert_int_equal(found.count, count);
}

static void test_another_key_is_a_violation(void **state)
{
    (void)state;
    check_key(actor_at(0), 3, world.keys[3], "a test");
    expect(0);
    check_key(actor_at(0), 3, world.keys[4], "a test");
    expect(1);
}

static void test_an_older_record_is_a_violation(void **state)
{
    (void)state;
    uint64_t newest = 0;
    check_sequence(actor_at(0), 3, &newest, 5);
    check_sequence(actor_at(0), 3, &newest, 5);
    check_sequence(actor_at(0), 3, &newest, 7);
    expect(0);
    check_sequence(actor_at(0), 3, &newest, 6);
    expect(1);
    assert_int_equal(newest, 7);
    assert_int_equal(actor_at(0)->shard->stats.observed.repeated, 3);
}

/* A candidate for member `target`, by `owner` under `label`, `age_s` old. Nobody signs it: that it
 * is signed is the node's to see. */
static void show(uint32_t target, uint32_t owner, const char *label, int64_t age_s)
{
    uint8_t record[400], claim[400], bytes[1200];
    uint64_t issued_s = (uint64_t)(world_unix_ms(0) / 1000 - age_s);
    struct vx6_msg msg = {.type = VX6_MSG_node_record,
        .u.node_record = {.sequence = 9, .issued_s = issued_s, .life_s = 1800}};
    memcpy(msg.u.node_record.identity, world.keys[owner], 32);
    vx6_span record_span = {record, vx6_msg_encode(&msg, record, sizeof record)};
    msg = (struct vx6_msg){.type = VX6_MSG_name_claim,
        .u.name_claim = {.sequence = 9,
            .issued_s = issued_s,
            .life_s = 1800,
            .label = {(const uint8_t *)label, strlen(label)}}};
    vx6_span claim_span = {claim, vx6_msg_encode(&msg, claim, sizeof claim)};
    msg = (struct vx6_msg){
        .type = VX6_MSG_bundle, .u.bundle = {.node = record_span, .claim = claim_span}};
    size_t len = vx6_msg_encode(&msg, bytes, sizeof bytes);
    assert_int_not_equal(len, 0);
    struct vx6_out out = {.kind = VX6_OUT_CANDIDATE, .value = {bytes, len}};
    memcpy(out.key, world.keys[owner], 32);
    uint64_t sequence = 0;
    check_candidate(actor_at(0), target, &out, &sequence);
    assert_int_equal(sequence, 9);
}

static void test_wrong_candidates_are_violations(void **state)
{
    (void)state;
    show(3, 3, "n3", 0);
    show(3, 3, "n3", 1799);
    expect(0);
    show(3, 3, "n3", 1800); /* expired */
    expect(1);
    show(3, 3, "n4", 0); /* claims another name */
    expect(2);
    show(3, 4, "n3", 0); /* of another owner */
    expect(3);
    struct vx6_out out = {.kind = VX6_OUT_CANDIDATE, .value = {(const uint8_t *)"?", 1}};
    memcpy(out.key, world.keys[3], 32);
    uint64_t sequence;
    check_candidate(actor_at(0), 3, &out, &sequence);
    expect(4);
    assert_int_equal(actor_at(0)->shard->stats.observed.candidates, 6);
}

static void test_a_count_beyond_its_limit_is_a_violation(void **state)
{
    (void)state;
    struct vx6_in in = {.kind = VX6_IN_RESOLVE, .data = (const uint8_t *)"n3", .len = 2};
    assert_int_equal(actor_input(actor_at(0), &in), VX6_OK);
    check_budgets(&world);
    expect(0);
    world.limits.op_max = 0; /* no node could have one */
    world.budget_checks = 0;
    check_budgets(&world);
    expect(1);
}

static void test_who_never_came_in_is_a_violation(void **state)
{
    (void)state;
    world.now = 200 * VX6_SECOND;
    check_settled(&world);
    expect(0); /* too early to say */
    world.now = 301 * VX6_SECOND;
    check_settled(&world);
    expect(8); /* nobody told them of each other */
    world.options.kill_ppm = 1;
    world.options.kill_at = 100 * VX6_SECOND;
    check_settled(&world);
    expect(8);
}

static void test_wrong_bytes_are_seen(void **state)
{
    (void)state;
    uint8_t bytes[64];
    pattern_fill(7, 100, bytes, sizeof bytes);
    assert_true(pattern_matches(7, 100, bytes, sizeof bytes));
    assert_false(pattern_matches(7, 101, bytes, sizeof bytes)); /* one byte lost */
    assert_false(pattern_matches(8, 100, bytes, sizeof bytes));
    bytes[63] ^= 1;
    assert_false(pattern_matches(7, 100, bytes, sizeof bytes));
}

static void test_churn_off_by_more_than_three_sigma_is_seen(void **state)
{
    (void)state;
    world.options.nodes = 1000;
    world.options.churn_ppm = 100000;
    world.now = 60 * VX6_SECOND; /* a hundred are expected */
    static const struct {
        uint64_t leaves;
        bool good;
    } rows[] = {{100, true}, {70, true}, {130, true}, {69, false}, {131, false}, {0, false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        world.leaves = rows[i].leaves;
        assert_int_equal(check_churn(&world), rows[i].good);
    }
}

#define PLANTED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLANTED(test_another_key_is_a_violation),
        PLANTED(test_an_older_record_is_a_violation),
        PLANTED(test_wrong_candidates_are_violations),
        PLANTED(test_a_count_beyond_its_limit_is_a_violation),
        PLANTED(test_who_never_came_in_is_a_violation),
        PLANTED(test_wrong_bytes_are_seen),
        PLANTED(test_churn_off_by_more_than_three_sigma_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
