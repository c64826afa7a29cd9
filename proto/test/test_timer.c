/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "rng.h"
#include "timer.h"

enum {
    TIMERS = 300,
    STEPS = 200000
};

/* What should be set: the deadline of each timer and when it was set. Those of parts come first. */
struct reference {
    vx6_ns deadline;
    uint64_t order;
};

static void set(struct timers *set, struct timer *timers, uint32_t i, vx6_ns deadline)
{
    if (i < TIMER_PARTS)
        timer_set_part(set, (enum timer_kind)i, deadline);
    else
        timer_set(set, &timers[i], deadline);
}

static int first_due(const struct reference *items, vx6_ns now)
{
    int first = -1;
    for (int i = 0; i < TIMERS; i++) {
        if (items[i].deadline == VX6_NEVER || items[i].deadline > now)
            continue;
        if (first < 0 || items[i].deadline < items[first].deadline ||
            (items[i].deadline == items[first].deadline && items[i].order < items[first].order))
            first = i;
    }
    return first;
}

static vx6_ns lowest(const struct reference *items)
{
    vx6_ns deadline = VX6_NEVER;
    for (int i = 0; i < TIMERS; i++) {
        if (items[i].deadline < deadline)
            deadline = items[i].deadline;
    }
    return deadline;
}

/* VX6-NODE-002 */
static void test_timers_go_off_in_the_order_of_a_sorted_reference(void **state)
{
    (void)state;
    static struct timer timers[TIMERS];
    static struct reference reference[TIMERS];
    struct timers all;
    struct rng rng;
    uint8_t seed[32] = {7};
    vx6_ns now = 0;
    uint64_t order = 0, of_parts = 0;

    timers_init(&all);
    assert_int_equal(timer_deadline(&all), VX6_NEVER);
    rng_init(&rng, seed, "timer test");
    for (int i = 0; i < TIMERS; i++) {
        timer_init(&timers[i], TIMER_LINK);
        reference[i].deadline = VX6_NEVER;
    }
    for (int step = 0; step < STEPS; step++) {
        /* At times few objects have one, as in most nodes. */
        const uint32_t range = step / 5000 % 2 == 0 ? TIMERS : TIMER_PARTS + 4;
        uint32_t i =
            rng_below(&rng, 3) == 0 ? rng_below(&rng, TIMER_PARTS) : rng_below(&rng, range);
        uint32_t what = rng_below(&rng, 8);
        if (what < 5) {
            vx6_ns deadline = what == 4 ? VX6_NEVER : now + rng_below(&rng, 50);
            set(&all, timers, i, deadline);
            reference[i] = (struct reference){deadline, order++};
        } else if (what == 5 && i >= TIMER_PARTS) {
            timer_clear(&all, &timers[i]);
            reference[i].deadline = VX6_NEVER;
        } else {
            now += rng_below(&rng, 4);
            enum timer_kind kind;
            struct timer *timer;
            while (timer_pop(&all, now, &kind, &timer)) {
                const int first = first_due(reference, now);
                assert_true(first >= 0);
                assert_int_equal(timer ? timer - timers : (int)kind, first);
                assert_true(timer ? kind == TIMER_LINK && !timer_is_set(timer)
                                  : all.deadlines[kind] == VX6_NEVER);
                of_parts += timer == NULL;
                reference[first].deadline = VX6_NEVER;
            }
            assert_int_equal(first_due(reference, now), -1);
        }
        if (step % 16 == 0)
            assert_int_equal(timer_deadline(&all), lowest(reference));
    }
    assert_in_range(of_parts, STEPS / 20, STEPS);
}

static void test_equal_deadlines_go_off_in_the_order_of_setting(void **state)
{
    (void)state;
    enum timer_kind kind;
    struct timer timers[5], *timer;
    struct timers all;
    timers_init(&all);
    const uint64_t order = timer_order(&all);
    for (int i = 0; i < 5; i++) {
        timer_init(&timers[i], TIMER_LOOKUP);
        timer_set(&all, &timers[i], 10);
    }
    timer_set_part(&all, TIMER_CLOCK, 10);
    timer_set_part(&all, TIMER_DISCOVERY, 10);
    timer_set(&all, &timers[1], 10);
    timer_set_in_order(&all, TIMER_QUERY, 10, order);
    struct timer *const expected[] = {
        NULL, &timers[0], &timers[2], &timers[3], &timers[4], NULL, NULL, &timers[1]};
    static const enum timer_kind kinds[] = {TIMER_QUERY, TIMER_LOOKUP, TIMER_LOOKUP, TIMER_LOOKUP,
        TIMER_LOOKUP, TIMER_CLOCK, TIMER_DISCOVERY, TIMER_LOOKUP};
    assert_false(timer_pop(&all, 9, &kind, &timer));
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        assert_true(timer_pop(&all, 10, &kind, &timer));
        assert_ptr_equal(timer, expected[i]);
        assert_int_equal(kind, kinds[i]);
    }
    assert_false(timer_pop(&all, VX6_NEVER, &kind, &timer));
    assert_int_equal(timer_deadline(&all), VX6_NEVER);
}

static void test_a_hundred_thousand_timers_need_no_deep_stack(void **state)
{
    (void)state;
    enum {
        COUNT = 100000
    };
    struct timer *timers = test_calloc(COUNT, sizeof *timers);
    struct timers all;
    timers_init(&all);
    for (int i = 0; i < COUNT; i++) {
        timer_init(&timers[i], TIMER_STREAM);
        timer_set(&all, &timers[i], (vx6_ns)(COUNT - i));
    }
    for (int i = COUNT - 1; i >= 0; i--) {
        enum timer_kind kind;
        struct timer *timer;
        assert_true(timer_pop(&all, COUNT, &kind, &timer));
        assert_ptr_equal(timer, &timers[i]);
    }
    test_free(timers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timers_go_off_in_the_order_of_a_sorted_reference),
        cmocka_unit_test(test_equal_deadlines_go_off_in_the_order_of_setting),
        cmocka_unit_test(test_a_hundred_thousand_timers_need_no_deep_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
