/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "rng.h"
#include "timer.h"

enum {
    TIMERS = 300,
    STEPS = 200000
};

/* What the heap should hold: the deadline of each timer and when it was set. */
struct reference {
    vx6_ns deadline;
    uint64_t order;
};

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
    struct timers heap = {0};
    struct rng rng;
    uint8_t seed[32] = {7};
    vx6_ns now = 0;
    uint64_t order = 0;

    rng_init(&rng, seed, "timer test");
    for (int i = 0; i < TIMERS; i++) {
        timer_init(&timers[i], TIMER_LINK);
        reference[i].deadline = VX6_NEVER;
    }
    for (int step = 0; step < STEPS; step++) {
        uint32_t i = rng_below(&rng, TIMERS);
        uint32_t what = rng_below(&rng, 8);
        if (what < 5) {
            vx6_ns deadline = what == 4 ? VX6_NEVER : now + rng_below(&rng, 50);
            timer_set(&heap, &timers[i], deadline);
            reference[i] = (struct reference){deadline, order++};
        } else if (what == 5) {
            timer_clear(&heap, &timers[i]);
            reference[i].deadline = VX6_NEVER;
        } else {
            now += rng_below(&rng, 4);
            struct timer *timer;
            while ((timer = timer_pop(&heap, now)) != NULL) {
                assert_ptr_equal(timer, &timers[first_due(reference, now)]);
                assert_int_equal(timer->deadline, VX6_NEVER);
                reference[timer - timers].deadline = VX6_NEVER;
            }
            assert_int_equal(first_due(reference, now), -1);
        }
        if (step % 16 == 0)
            assert_int_equal(timer_deadline(&heap), lowest(reference));
    }
}

static void test_equal_deadlines_go_off_in_the_order_of_setting(void **state)
{
    (void)state;
    struct timer timers[5];
    struct timers heap = {0};
    for (int i = 0; i < 5; i++) {
        timer_init(&timers[i], TIMER_QUERY);
        timer_set(&heap, &timers[i], 10);
    }
    timer_set(&heap, &timers[1], 10);
    static const int expected[5] = {0, 2, 3, 4, 1};
    assert_null(timer_pop(&heap, 9));
    for (int i = 0; i < 5; i++)
        assert_ptr_equal(timer_pop(&heap, 10), &timers[expected[i]]);
    assert_null(timer_pop(&heap, VX6_NEVER));
    assert_int_equal(timer_deadline(&heap), VX6_NEVER);
}

static void test_a_hundred_thousand_timers_need_no_deep_stack(void **state)
{
    (void)state;
    enum {
        COUNT = 100000
    };
    struct timer *timers = test_calloc(COUNT, sizeof *timers);
    struct timers heap = {0};
    for (int i = 0; i < COUNT; i++) {
        timer_init(&timers[i], TIMER_STREAM);
        timer_set(&heap, &timers[i], (vx6_ns)(COUNT - i));
    }
    for (int i = COUNT - 1; i >= 0; i--)
        assert_ptr_equal(timer_pop(&heap, COUNT), &timers[i]);
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
