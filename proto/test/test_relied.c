/* SPDX-License-Identifier: MIT */
/* Whom a node asks whether keys are still good: which keys, in which order and at which pace, and
 * what counts of the answers. */
#include "resolve_bench.h"

enum { /* numbers of keys */
    ALICE = 1,
    NEXT,  /* to whom alice has handed over */
    CAROL, /* on a list */
    OTHER
};

static const vx6_ns ask = 3600 * VX6_SECOND; /* revocation_ask_s */
static const vx6_ns soon = 6 * VX6_SECOND;   /* publish_retry_ms and its jitter */
static const vx6_ns pace = 2 * VX6_SECOND;   /* the same of revocation_pace_ms */

static struct bench bench;
static struct vx6_node *node;
static struct owner alice, next, carol, other;

static int setup(void **state)
{
    (void)state;
    bench_init(&bench, "");
    node = bench.node;
    owner_make(&alice, ALICE, (struct claim){.label = "alice"});
    owner_make(&next, NEXT, (struct claim){.label = "alice"});
    owner_make(&carol, CAROL, (struct claim){.label = "carol"});
    owner_make(&other, OTHER, (struct claim){.label = "other"});
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    relied_shutdown(node);
    bench_free(&bench);
    return 0;
}

/* `before` has handed over to `key`; NULL: nobody has. */
static void bind(const char *label, const struct owner *key, vx6_span before)
{
    enum vx6_code code = binding_set(node, lone_text(label), key->keys.identity, before);
    assert_int_equal(code, VX6_OK);
}

static void allow(const struct owner *owner)
{
    memcpy(lone_allowed, owner->keys.identity, 32);
    relied_added(node, true);
}

/* A name that has come to `next` by two keys, another one for it, and a list with carol's. */
static void rely_on_four(void)
{
    uint8_t before[2][32];
    memcpy(before[0], other.keys.identity, 32);
    memcpy(before[1], alice.keys.identity, 32);
    bind("alice", &next, (vx6_span){before[0], sizeof before});
    bind("her", &next, (vx6_span){0});
    allow(&carol);
}

static bool is_asking(void)
{
    return lone_lookup_count > 0 && last_lookup()->running;
}

static bool is_about(const struct owner *owner)
{
    return bytes_equal(last_lookup()->target, owner->keys.id, 32);
}

/* One holder, one value. */
static void show_asker(uint32_t holder, const struct owner *owner)
{
    struct lookup_value value = {
        .holder = bench.holders[holder], .bundle = {owner->bytes, owner->len}, .count = 1};
    assert_true(is_asking());
    relied_bundle(node, &value);
}

/* `answered`: how many nodes. */
static void end_ask(uint32_t answered)
{
    struct lookup *lookup = last_lookup();
    struct lookup_result result = {.closest_count = answered};
    assert_true(is_asking());
    assert_int_equal(lookup->user, LOOKUP_RELIED);
    assert_true(lookup->want_values);
    lookup->running = false;
    lone_lookup_count--;
    relied_lookup_done(node, &result);
}

static bool knows(const struct owner *owner)
{
    return revoked_remembers(node, owner->keys.identity);
}

/* Goes on until the node asks, for at most so long; how long that was, or NEVER. */
static vx6_ns until_ask(vx6_ns limit)
{
    vx6_ns begin = node->now, end = node->now + limit;
    while (!is_asking() && timer_deadline(&node->timers) <= end)
        lone_run(node, timer_deadline(&node->timers) - node->now);
    return is_asking() ? node->now - begin : VX6_NEVER;
}

/* One round to its end: each of the four keys once, in their order, one at a time. When it began.
 */
static vx6_ns expect_round(vx6_ns limit)
{
    enum {
        KEYS = 4
    };
    uint32_t seen = 0; /* a bit for each */
    const struct owner *const owners[KEYS] = {&other, &alice, &next, &carol};
    uint8_t last[32] = {0};
    vx6_ns began = 0;
    for (int i = 0; i < KEYS; i++) {
        vx6_ns waited = until_ask(limit);
        assert_int_not_equal(waited, VX6_NEVER);
        assert_true(i == 0 || waited > VX6_SECOND / 2);
        limit = pace;
        for (int j = 0; j < KEYS; j++)
            seen |= (uint32_t)is_about(owners[j]) << j;
        assert_true(memcmp(node->relied.round->key, last, 32) > 0);
        memcpy(last, node->relied.round->key, 32);
        began = node->relied.round->began;
        lone_run(node, VX6_SECOND);
        assert_int_equal(lone_lookup_count, 1);
        end_ask(3);
    }
    assert_int_equal(seen, (1 << KEYS) - 1);
    return began;
}

/* VX6-NAME-030 */
static void test_each_key_is_asked_about_once_in_its_time(void **state)
{
    (void)state;
    rely_on_four();
    relied_joined(node);
    vx6_ns began = expect_round(soon), before;
    for (int i = 0; i < 20; i++) {
        before = began;
        relied_joined(node); /* as after every lookup of the own ID */
        began = expect_round(ask);
        assert_in_range(began - before, ask / 9 * 7, ask);
    }
}

/* VX6-NAME-030: nothing wakes it. */
static void test_a_node_that_relies_on_nobody_sets_no_timer(void **state)
{
    (void)state;
    relied_joined(node);
    assert_int_equal(timer_deadline(&node->timers), VX6_NEVER);
    bind("alice", &alice, (vx6_span){0});
    assert_int_not_equal(timer_deadline(&node->timers), VX6_NEVER);
    binding_remove(node, lone_text("alice"));
    lone_run(node, ask);
    assert_int_equal(lone_lookup_count, 0);
    assert_int_equal(timer_deadline(&node->timers), VX6_NEVER);
}

/* VX6-NAME-031: what the driver restores waits for the network. */
static void test_the_first_round_begins_soon_after_joining(void **state)
{
    (void)state;
    rely_on_four();
    assert_int_equal(timer_deadline(&node->timers), VX6_NEVER);
    lone_run(node, 100 * VX6_SECOND);
    relied_joined(node);
    assert_in_range(until_ask(ask), 4 * VX6_SECOND, soon);
}

/* VX6-NAME-031 */
static void test_a_key_that_is_allowed_is_asked_about_soon(void **state)
{
    (void)state;
    relied_joined(node);
    bind("alice", &alice, (vx6_span){0});
    allow(&carol);
    assert_true(until_ask(soon) > soon / 2);
    allow(&other); /* this round may have passed it, so there is another one */
    uint32_t asked = 0;
    do {
        asked += is_about(&other);
        end_ask(3);
    } while (until_ask(pace + soon) != VX6_NEVER);
    assert_in_range(asked, 1, 2);
    assert_in_range(until_ask(ask), ask / 2, ask);
    assert_int_equal(lone_lookup_count, 1);
}

/* VX6-NAME-031 */
static void test_a_name_has_time(void **state)
{
    (void)state;
    relied_joined(node);
    enum vx6_code code = binding_first_use(node, lone_text("alice"), alice.keys.identity);
    assert_int_equal(code, VX6_OK);
    lone_run(node, ask / 2);
    bind("other", &other, (vx6_span){0});
    assert_in_range(until_ask(ask), ask / 9 * 7 - ask / 2, ask / 2);
    end_ask(3);
    assert_true(until_ask(pace) <= pace);
}

/* VX6-NAME-031: the same key, at a pace that slows down. */
static void test_when_nobody_answers_it_is_asked_about_again(void **state)
{
    (void)state;
    static const uint64_t waits_s[] = {5, 10, 20, 40, 60, 60};
    rely_on_four();
    relied_joined(node);
    (void)until_ask(soon);
    uint8_t target[32];
    memcpy(target, last_lookup()->target, 32);
    for (size_t i = 0; i < sizeof waits_s / sizeof waits_s[0]; i++) {
        vx6_ns wait = waits_s[i] * VX6_SECOND;
        end_ask(0);
        assert_in_range(until_ask(ask), wait / 8 * 7, wait / 8 * 9);
        assert_memory_equal(last_lookup()->target, target, 32);
    }
    end_ask(0);
    relied_joined(node);
    assert_true(until_ask(soon) <= soon);
    assert_memory_equal(last_lookup()->target, target, 32);
    end_ask(3);
    assert_true(until_ask(pace) <= pace);
    assert_memory_not_equal(last_lookup()->target, target, 32);
}

/* VX6-NAME-031: all places of lookups are taken, or memory is. */
static void test_what_cannot_be_asked_now_is_asked_later(void **state)
{
    (void)state;
    rely_on_four();
    relied_joined(node);
    lone_lookup_refused = true;
    assert_int_equal(until_ask(soon), VX6_NEVER);
    lone_lookup_refused = false;
    (void)expect_round(soon);
}

/* VX6-NAME-031 */
static void test_a_round_without_memory_begins_later(void **state)
{
    (void)state;
    rely_on_four();
    relied_joined(node);
    lone_memory.fail_at = lone_memory.requests + 1;
    lone_run(node, soon);
    assert_false(is_asking());
    assert_null(node->relied.round);
    (void)expect_round(soon);
}

/* VX6-NAME-032 */
static void test_only_a_tombstone_of_the_key_counts(void **state)
{
    (void)state;
    struct owner dead, forged, stranger;
    struct vx6_out out;
    memcpy(lone_allowed, carol.keys.identity, 32);
    bind("alice", &alice, (vx6_span){0});
    relied_joined(node);
    while (until_ask(soon) != VX6_NEVER && !is_about(&carol))
        end_ask(3);
    owner_bury(&dead, CAROL, NULL, NULL);
    owner_bury(&stranger, ALICE, NULL, NULL);
    forged = dead;
    forged.bytes[forged.len - 3] ^= 1; /* the end of its signature */
    show_asker(0, &carol);             /* one who hides it */
    show_asker(1, &stranger);          /* of a key that is relied on, but not in its place */
    assert_int_equal(node->counters[VX6_EVENT_bundle_refused], 0);
    show_asker(2, &forged);
    assert_int_equal(node->counters[VX6_EVENT_bundle_refused], 1);
    assert_false(knows(&carol) || knows(&alice));
    assert_false(lone_output(node, &out));
    show_asker(3, &dead);
    assert_true(knows(&carol));
    assert_memory_equal(lone_ended, carol.keys.identity, 32);
    assert_true(lone_output(node, &out));
    assert_int_equal(out.kind, VX6_OUT_KEY_REVOKED);
    show_asker(4, &forged); /* it is known by now */
    assert_int_equal(node->counters[VX6_EVENT_bundle_refused], 1);
    assert_true(is_asking());
    end_ask(3);
    assert_false(lone_output(node, &out));
}

/* VX6-NAME-032 */
static void test_a_successor_is_not_gone_along_with(void **state)
{
    (void)state;
    struct owner successor;
    struct vx6_out out;
    struct ancestry ancestry = hand_over(&vx6_crypto_model, ALICE, NULL, NEXT);
    owner_make(&successor, NEXT, (struct claim){.label = "alice", .ancestry = &ancestry});
    bind("alice", &alice, (vx6_span){0});
    relied_joined(node);
    (void)until_ask(soon);
    show_asker(0, &successor);
    assert_false(lone_output(node, &out));
    assert_memory_equal(
        binding_key(binding_find(node, lone_text("alice"))), alice.keys.identity, 32);
}

/* VX6-NAME-030 */
static void test_what_is_known_to_be_revoked_is_not_asked_about(void **state)
{
    (void)state;
    struct owner dead;
    rely_on_four();
    owner_bury(&dead, NEXT, NULL, NULL);
    revoked_seen(node, (vx6_span){dead.bytes, dead.len});
    relied_joined(node);
    for (int i = 0; i < 3; i++) {
        assert_int_not_equal(until_ask(soon), VX6_NEVER);
        assert_false(is_about(&next));
        end_ask(3);
    }
    assert_int_equal(until_ask(soon), VX6_NEVER);
}

static void test_a_key_that_went_away_is_passed_over(void **state)
{
    (void)state;
    rely_on_four();
    relied_joined(node);
    (void)until_ask(soon);
    binding_remove(node, lone_text("alice"));
    binding_remove(node, lone_text("her"));
    memset(lone_allowed, 0, sizeof lone_allowed);
    end_ask(3);
    assert_int_equal(until_ask(2 * ask), VX6_NEVER);
    assert_int_equal(timer_deadline(&node->timers), VX6_NEVER);
}

static void test_who_shuts_down_asks_nobody(void **state)
{
    (void)state;
    rely_on_four();
    relied_joined(node);
    (void)until_ask(soon);
    relied_shutdown(node);
    assert_false(is_asking());
    bind("other", &other, (vx6_span){0});
    assert_int_equal(timer_deadline(&node->timers), VX6_NEVER);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_key_is_asked_about_once_in_its_time),
        TEST(test_a_node_that_relies_on_nobody_sets_no_timer),
        TEST(test_the_first_round_begins_soon_after_joining),
        TEST(test_a_key_that_is_allowed_is_asked_about_soon),
        TEST(test_a_name_has_time),
        TEST(test_when_nobody_answers_it_is_asked_about_again),
        TEST(test_what_cannot_be_asked_now_is_asked_later),
        TEST(test_a_round_without_memory_begins_later),
        TEST(test_only_a_tombstone_of_the_key_counts),
        TEST(test_a_successor_is_not_gone_along_with),
        TEST(test_what_is_known_to_be_revoked_is_not_asked_about),
        TEST(test_a_key_that_went_away_is_passed_over),
        TEST(test_who_shuts_down_asks_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
