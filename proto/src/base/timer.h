/* SPDX-License-Identifier: MIT */
/* The timers of one node. Each of its parts has one, known by its kind: they stand together and are
 * few. Those of objects are a pairing heap and live inside the objects. So setting one never
 * allocates and never fails. Order: (deadline, order of setting). */
#ifndef VX6_TIMER_H
#define VX6_TIMER_H

#include "vx6/node.h"

enum timer_kind {
    TIMER_QUERY,
    TIMER_DISCOVERY,
    TIMER_HOLDER,
    TIMER_PUBLISH,
    TIMER_SYNC,
    TIMER_REVOKED,
    TIMER_RELIED,
    TIMER_CLOCK,
    TIMER_PARTS, /* those before are of parts, those from here on of objects */
    TIMER_LINK = TIMER_PARTS,
    TIMER_SESSION,
    TIMER_STREAM,
    TIMER_LOOKUP,
    TIMER_RESOLVE,
    TIMER_LISTING,
    TIMER_REACH
};

/* Of an object. */
struct timer {
    vx6_ns deadline;   /* VX6_NEVER: not set */
    uint64_t kind : 8; /* enum timer_kind */
    uint64_t order : 56;
    struct timer *child, *sibling, *previous; /* previous: left sibling, or parent of the first */
};

struct timers {
    uint32_t first;                    /* whose deadline comes first, TIMER_PARTS: an object's */
    vx6_ns deadlines[TIMER_PARTS + 1]; /* VX6_NEVER: not set */
    uint64_t orders[TIMER_PARTS + 1];  /* the last ones are of the first object */
    struct timer *heap;                /* NULL: none of an object is set */
    uint64_t order_next;               /* 56 bits are enough for ever */
};

void timers_init(struct timers *timers);
/* Moves a timer that is set already. VX6_NEVER clears it. */
void timer_set_part(struct timers *timers, enum timer_kind part, vx6_ns deadline);
/* The same for who keeps many deadlines behind one timer: `order` is what timer_order() gave when
 * this deadline was decided on. */
void timer_set_in_order(
    struct timers *timers, enum timer_kind part, vx6_ns deadline, uint64_t order);
uint64_t timer_order(struct timers *timers);

/* The same for objects. */
void timer_init(struct timer *timer, enum timer_kind kind);
void timer_set(struct timers *timers, struct timer *timer, vx6_ns deadline);
void timer_clear(struct timers *timers, struct timer *timer);
static inline bool timer_is_set(const struct timer *timer)
{
    return timer->deadline != VX6_NEVER;
}

/* VX6_NEVER: none is set. */
static inline vx6_ns timer_deadline(const struct timers *timers)
{
    return timers->deadlines[timers->first];
}
static inline bool timer_is_due(const struct timers *timers, vx6_ns now)
{
    return timer_deadline(timers) <= now && timer_deadline(timers) != VX6_NEVER;
}
/* Takes off the first timer due at `now`, NULL for a part's; false when there is none. */
bool timer_pop(struct timers *timers, vx6_ns now, enum timer_kind *kind, struct timer **timer);

#endif
