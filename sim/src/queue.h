/* SPDX-License-Identifier: MIT */
/* The future of one shard: a hierarchical timing wheel, and the next few events in order.
 *
 * Events come out in the order (time, destination, source, source's sequence, kind), which no
 * thread count, compiler or insertion order can change. */
#ifndef SIM_QUEUE_H
#define SIM_QUEUE_H

#include "vx6/node.h"

struct payload;

/* From one node to another, or to itself. 40 bytes. */
struct event {
    vx6_ns time;
    uint32_t dst, src; /* node indexes */
    uint32_t sequence; /* the source's own count */
    uint32_t conn;     /* stream events: which connection of its dialler */
    union {
        struct payload *payload;
        uint64_t value;
    } u;
    uint8_t kind; /* enum event_kind */
    uint8_t flags;
    uint16_t port;
};

/* The events of one tick, or of one revolution of the level below, in no order. */
struct slot {
    struct event *events; /* room for QUEUE_SLOT_FIRST << growth */
    uint32_t count, growth;
};

enum {
    QUEUE_TICK_BITS = 18, /* 262 us */
    QUEUE_SLOT_BITS = 12,
    QUEUE_SLOT_COUNT = 1 << QUEUE_SLOT_BITS,
    QUEUE_LEVEL_COUNT = 3, /* 1.07 s, 73 min, 208 days */
    QUEUE_SLOT_FIRST = 4,  /* events that a slot has room for at first */
    QUEUE_GROWTH_MAX = 28,
    QUEUE_AHEAD = 24 /* events that can be looked at before they are taken, if there are */
};

struct queue {
    struct slot *slots[QUEUE_LEVEL_COUNT];
    uint64_t occupied[QUEUE_LEVEL_COUNT][QUEUE_SLOT_COUNT / 64];
    uint64_t tick;       /* `ready` holds everything up to the end of this tick */
    struct event *ready; /* in order, from ready_first on */
    uint32_t ready_first, ready_end, ready_capacity;
    uint64_t count;                /* events held */
    void *spare[QUEUE_GROWTH_MAX]; /* arrays of slots that are over, by growth; each has the next */
};

void queue_init(struct queue *queue);
void queue_free(struct queue *queue);
/* Its time must not lie before that of the last event taken. */
void queue_push(struct queue *queue, const struct event *event);
/* Takes the first event before `limit`; false when there is none. */
bool queue_pop(struct queue *queue, vx6_ns limit, struct event *event);
/* One of the next QUEUE_AHEAD events, for prefetching; `index` 0 is the very next. What is pushed
 * meanwhile may come before it. NULL: not so many are in sight. */
static inline const struct event *queue_peek(const struct queue *queue, uint32_t index)
{
    return index < queue->ready_end - queue->ready_first ? &queue->ready[queue->ready_first + index]
                                                         : NULL;
}

#endif
