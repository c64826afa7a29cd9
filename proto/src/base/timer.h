/* SPDX-License-Identifier: MIT */
/* The timers of one node: a pairing heap of timers that live inside the objects they belong to, so
 * setting one never allocates and never fails. Order: (deadline, order of setting). */
#ifndef VX6_TIMER_H
#define VX6_TIMER_H

#include "vx6/node.h"

enum timer_kind {
    TIMER_LINK,
    TIMER_SESSION,
    TIMER_STREAM,
    TIMER_QUERY,
    TIMER_LOOKUP,
    TIMER_RESOLVE,
    TIMER_HOLDER,
    TIMER_DISCOVERY,
    TIMER_PUBLISH,
    TIMER_SYNC,
    TIMER_REVOKED,
    TIMER_RELIED,
    TIMER_LISTING,
    TIMER_REACH,
    TIMER_CLOCK
};

struct timer {
    vx6_ns deadline;   /* VX6_NEVER: not set */
    uint64_t kind : 8; /* enum timer_kind */
    uint64_t order : 56;
    struct timer *child, *sibling, *previous; /* previous: left sibling, or parent of the first */
};

struct timers {
    struct timer *first;   /* NULL: none is set */
    vx6_ns first_deadline; /* its deadline: asked for more often than timers are set */
    uint64_t order_next;   /* 56 bits are enough for ever */
};

void timer_init(struct timer *timer, enum timer_kind kind);
/* Moves a timer that is set already. VX6_NEVER clears it. */
void timer_set(struct timers *timers, struct timer *timer, vx6_ns deadline);
/* The same for who keeps many deadlines behind one timer: `order` is what timer_order() gave when
 * this deadline was decided on. */
void timer_set_in_order(
    struct timers *timers, struct timer *timer, vx6_ns deadline, uint64_t order);
uint64_t timer_order(struct timers *timers);
void timer_clear(struct timers *timers, struct timer *timer);
static inline bool timer_is_due(const struct timers *timers, vx6_ns now)
{
    return timers->first != NULL && timers->first_deadline <= now;
}
/* Takes off and returns the first timer due at `now`; NULL when there is none. */
struct timer *timer_pop(struct timers *timers, vx6_ns now);
static inline bool timer_is_set(const struct timer *timer)
{
    return timer->deadline != VX6_NEVER;
}
/* Fetches what timer_pop() will touch, a step further with each call. */
void timer_expect(const struct timers *timers, uint32_t step);
vx6_ns timer_deadline(const struct timers *timers);

#endif
