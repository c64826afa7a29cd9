/* SPDX-License-Identifier: MIT */
/* A pairing heap: setting a timer is one comparison, taking the first is a two-pass merge of its
 * children, done by loops. Timers with equal deadlines go off in the order in which they were set.
 * Spec: spec/README.md, "The state machine". */
#include "timer.h"

#include "bytes.h"

static bool is_before(const struct timer *a, const struct timer *b)
{
    return a->deadline != b->deadline ? a->deadline < b->deadline : a->order < b->order;
}

/* Joins two heaps; the later top becomes the first child of the earlier one. */
static struct timer *join(struct timer *a, struct timer *b)
{
    if (is_before(b, a)) {
        struct timer *swap = a;
        a = b;
        b = swap;
    }
    b->previous = a;
    b->sibling = a->child;
    if (b->sibling)
        b->sibling->previous = b;
    a->child = b;
    a->previous = a->sibling = NULL;
    return a;
}

/* Joins the siblings that start at `first`: in pairs from the left, then all from the right. */
static struct timer *join_all(struct timer *first)
{
    struct timer *pairs = NULL; /* linked by sibling, the rightmost pair first */
    while (first != NULL) {
        struct timer *left = first;
        struct timer *right = left->sibling;
        first = right ? right->sibling : NULL;
        left->previous = left->sibling = NULL;
        if (right)
            left = join(left, right);
        left->sibling = pairs;
        pairs = left;
    }
    struct timer *top = pairs;
    if (top == NULL)
        return NULL;
    pairs = top->sibling;
    top->sibling = NULL;
    while (pairs != NULL) {
        struct timer *next = pairs->sibling;
        pairs->sibling = NULL;
        top = join(top, pairs);
        pairs = next;
    }
    return top;
}

static void set_first(struct timers *timers, struct timer *first)
{
    timers->first = first;
    timers->first_deadline = first ? first->deadline : VX6_NEVER;
}

static void take_out(struct timers *timers, struct timer *timer)
{
    struct timer *rest = join_all(timer->child);
    if (timer == timers->first) {
        set_first(timers, rest);
    } else {
        if (timer->previous->child == timer)
            timer->previous->child = timer->sibling;
        else
            timer->previous->sibling = timer->sibling;
        if (timer->sibling)
            timer->sibling->previous = timer->previous;
        if (rest)
            set_first(timers, join(timers->first, rest));
    }
    timer->child = timer->sibling = timer->previous = NULL;
    timer->deadline = VX6_NEVER;
}

void timer_init(struct timer *timer, enum timer_kind kind)
{
    *timer = (struct timer){.deadline = VX6_NEVER, .kind = kind};
}

uint64_t timer_order(struct timers *timers)
{
    return timers->order_next++;
}

void timer_set(struct timers *timers, struct timer *timer, vx6_ns deadline)
{
    timer_set_in_order(timers, timer, deadline, timer_order(timers));
}

void timer_set_in_order(struct timers *timers, struct timer *timer, vx6_ns deadline, uint64_t order)
{
    timer_clear(timers, timer);
    if (deadline == VX6_NEVER)
        return;
    timer->deadline = deadline;
    timer->order = order & (UINT64_MAX >> 8);
    set_first(timers, timers->first ? join(timers->first, timer) : timer);
}

void timer_clear(struct timers *timers, struct timer *timer)
{
    if (timer->deadline != VX6_NEVER)
        take_out(timers, timer);
}

struct timer *timer_pop(struct timers *timers, vx6_ns now)
{
    if (!timer_is_due(timers, now))
        return NULL;
    struct timer *timer = timers->first;
    take_out(timers, timer);
    return timer;
}

vx6_ns timer_deadline(const struct timers *timers)
{
    return timers->first ? timers->first_deadline : VX6_NEVER;
}

void timer_expect(const struct timers *timers, uint32_t step)
{
    const struct timer *timer = timers->first;
    if (timer && step > 0)
        timer = timer->child;
    for (uint32_t i = 1; timer && i < step; i++)
        timer = timer->sibling;
    if (timer)
        prefetch(timer, sizeof *timer);
}
