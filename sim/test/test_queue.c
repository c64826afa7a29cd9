/* SPDX-License-Identifier: MIT */
/* The event queue against a plain sorted list. */
#include "test.h"

#include "mix.h"
#include "queue.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    const struct event *left = a;
    const struct event *right = b;
    if (left->time != right->time)
        return left->time < right->time ? -1 : 1;
    if (left->dst != right->dst)
        return left->dst < right->dst ? -1 : 1;
    if (left->src != right->src)
        return left->src < right->src ? -1 : 1;
    if (left->sequence != right->sequence)
        return left->sequence < right->sequence ? -1 : 1;
    return (int)left->kind - (int)right->kind;
}

static struct event event_at(vx6_ns time, uint32_t dst, uint32_t src, uint32_t sequence)
{
    return (struct event){.time = time, .dst = dst, .src = src, .sequence = sequence};
}

/* Times from now to `spread` later, pushed in any order, popped while others come in. */
static void check_spread(vx6_ns spread)
{
    enum {
        COUNT = 20000
    };
    struct event *all = calloc(COUNT, sizeof *all);
    struct pool pool = {0};
    struct queue queue;
    queue_init(&queue, &pool);
    struct draw draw = {spread};
    uint32_t pushed = 0;
    for (; pushed < COUNT / 2; pushed++) {
        all[pushed] =
            event_at(draw_next(&draw) % spread, draw_below(&draw, 5), draw_below(&draw, 5), pushed);
        queue_push(&queue, &all[pushed]);
    }
    struct event last = event_at(0, 0, 0, 0);
    for (uint32_t popped = 0; popped < COUNT; popped++) {
        struct event event;
        assert_true(queue_pop(&queue, VX6_NEVER, &event));
        assert_true(popped == 0 || compare(&last, &event) < 0);
        last = event;
        if (pushed == COUNT)
            continue;
        /* Some land in the very tick that is being emptied. */
        vx6_ns time = event.time + 1 + draw_next(&draw) % (pushed % 2 ? spread : 1000);
        all[pushed] = event_at(time, draw_below(&draw, 5), draw_below(&draw, 5), pushed);
        queue_push(&queue, &all[pushed++]);
    }
    assert_int_equal(queue.count, 0);
    queue_free(&queue);
    assert_int_equal(pool.used, 0);
    pool_free(&pool);
    free(all);
}

static void test_events_come_out_in_their_total_order(void **state)
{
    (void)state;
    check_spread(1000);
    check_spread(VX6_MILLISECOND);
    check_spread(VX6_SECOND);
    check_spread(100 * VX6_SECOND);
    check_spread(24 * 3600 * VX6_SECOND);
}

static void test_equal_times_are_ordered_by_destination_source_and_sequence(void **state)
{
    (void)state;
    struct pool pool = {0};
    struct queue queue;
    queue_init(&queue, &pool);
    enum {
        SIDE = 6
    };
    for (uint32_t i = SIDE * SIDE * SIDE; i-- > 0;) {
        struct event event = event_at(VX6_SECOND, i / SIDE / SIDE, i / SIDE % SIDE, i % SIDE);
        queue_push(&queue, &event);
    }
    for (uint32_t i = 0; i < SIDE * SIDE * SIDE; i++) {
        struct event event = {0};
        assert_true(queue_pop(&queue, VX6_NEVER, &event));
        assert_int_equal(event.dst * SIDE * SIDE + event.src * SIDE + event.sequence, i);
    }
    queue_free(&queue);
    assert_int_equal(pool.used, 0);
    pool_free(&pool);
}

static void test_nothing_comes_out_at_or_after_the_limit(void **state)
{
    (void)state;
    static const vx6_ns times[] = {0, 1, 131071, 131072, VX6_SECOND, 1073741824, 5000 * VX6_SECOND};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        struct pool pool = {0};
        struct queue queue;
        queue_init(&queue, &pool);
        struct event event = event_at(times[i], 0, 0, 0);
        queue_push(&queue, &event);
        assert_false(queue_pop(&queue, times[i], &event));
        /* A limit that was not reached does no harm to what comes before it. */
        struct event earlier = event_at(times[i], 0, 0, 1);
        queue_push(&queue, &earlier);
        assert_true(queue_pop(&queue, times[i] + 1, &event));
        assert_true(queue_pop(&queue, times[i] + 1, &event));
        assert_int_equal(event.sequence, 1);
        queue_free(&queue);
        assert_int_equal(pool.used, 0);
        pool_free(&pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_come_out_in_their_total_order),
        cmocka_unit_test(test_equal_times_are_ordered_by_destination_source_and_sequence),
        cmocka_unit_test(test_nothing_comes_out_at_or_after_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
