/* SPDX-License-Identifier: MIT */
/* The first of all is known by its place among the few. Of objects, a pairing heap: setting a timer
 * is one comparison, taking the first is a two-pass merge of its children, done by loops. Timers
 * with equal deadlines go off in the order in which they were set. Spec: spec/README.md, "The state
 * machine". */
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

static bool is_earlier(const struct timers *timers, uint32_t a, uint32_t b)
{
    const vx6_ns *deadlines = timers->deadlines;
    if (deadlines[a] > deadlines[b])
        return false;
    return deadlines[a] < deadlines[b] || timers->orders[a] < timers->orders[b];
}

static uint32_t earliest(const struct timers *timers)
{
    uint32_t first = 0;
    for (uint32_t i = 1; i <= TIMER_PARTS; i++) {
        if (is_earlier(timers, i, first))
            first = i;
    }
    return first;
}

static void put(struct timers *timers, uint32_t place, vx6_ns deadline, uint64_t order)
{
    timers->deadlines[place] = deadline;
    timers->orders[place] = order;
    if (place == timers->first)
        timers->first = earliest(timers);
    else if (is_earlier(timers, place, timers->first))
        timers->first = place;
}

/* The first object may be another one. */
static void put_object(struct timers *timers)
{
    const struct timer *top = timers->heap;
    if (top)
        put(timers, TIMER_PARTS, top->deadline, top->order);
    else
        put(timers, TIMER_PARTS, VX6_NEVER, 0);
}

static void take_out(struct timers *timers, struct timer *timer)
{
    struct timer *rest = join_all(timer->child);
    if (timer == timers->heap) {
        timers->heap = rest;
    } else {
        if (timer->previous->child == timer)
            timer->previous->child = timer->sibling;
        else
            timer->previous->sibling = timer->sibling;
        if (timer->sibling)
            timer->sibling->previous = timer->previous;
        if (rest)
            timers->heap = join(timers->heap, rest);
    }
    timer->child = timer->sibling = timer->previous = NULL;
    timer->deadline = VX6_NEVER;
}

void timers_init(struct timers *timers)
{
    *timers = (struct timers){0};
    for (uint32_t i = 0; i <= TIMER_PARTS; i++)
        timers->deadlines[i] = VX6_NEVER;
}

uint64_t timer_order(struct timers *timers)
{
    return timers->order_next++;
}

void timer_set_part(struct timers *timers, enum timer_kind part, vx6_ns deadline)
{
    timer_set_in_order(timers, part, deadline, timer_order(timers));
}

void timer_set_in_order(
    struct timers *timers, enum timer_kind part, vx6_ns deadline, uint64_t order)
{
    VX6_ASSERT(part < TIMER_PARTS);
    put(timers, part, deadline, order);
}

void timer_init(struct timer *timer, enum timer_kind kind)
{
    *timer = (struct timer){.deadline = VX6_NEVER, .kind = kind};
}

void timer_set(struct timers *timers, struct timer *timer, vx6_ns deadline)
{
    const uint64_t order = timer_order(timers);
    if (timer_is_set(timer))
        take_out(timers, timer);
    if (deadline != VX6_NEVER) {
        timer->deadline = deadline;
        timer->order = order & (UINT64_MAX >> 8);
        timers->heap = timers->heap ? join(timers->heap, timer) : timer;
    }
    put_object(timers);
}

void timer_clear(struct timers *timers, struct timer *timer)
{
    if (!timer_is_set(timer))
        return;
    take_out(timers, timer);
    put_object(timers);
}

bool timer_pop(struct timers *timers, vx6_ns now, enum timer_kind *kind, struct timer **timer)
{
    if (!timer_is_due(timers, now))
        return false;
    if (timers->first == TIMER_PARTS) {
        *timer = timers->heap;
        *kind = (enum timer_kind)timers->heap->kind;
        timer_clear(timers, timers->heap);
    } else {
        *timer = NULL;
        *kind = (enum timer_kind)timers->first;
        put(timers, timers->first, VX6_NEVER, timers->orders[timers->first]);
    }
    return true;
}
