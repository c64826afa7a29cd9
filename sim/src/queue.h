/* SPDX-License-Identifier: MIT */
/* The future of one shard: a hierarchical timing wheel, and the next few events in order.
 *
 * Events come out in the order (time, destination, source, source's sequence, kind), which no
 * thread count, compiler or insertion order can change. */
#ifndef SIM_QUEUE_H
#define SIM_QUEUE_H

#include "pool.h"
#include "vx6/node.h"

struct payload;

/* From one node to another, or to itself. */
struct event {
    vx6_ns time;
    uint32_t dst, src; /* node indexes */
    uint32_t sequence; /* the source's own count */
    uint16_t conn;     /* stream events: which connection of its dialler */
    uint8_t kind;      /* enum event_kind */
    uint8_t flags;
    union {
        struct payload *payload;
        uint64_t value;
    } u;
};
_Static_assert(sizeof(struct event) == 32, "half a cache line");

enum {
    QUEUE_TICK_BITS = 17, /* 131 us */
    QUEUE_SLOT_BITS = 13,
    QUEUE_SLOT_COUNT = 1 << QUEUE_SLOT_BITS,
    QUEUE_LEVEL_COUNT = 3, /* 1.07 s, 147 min, 2 years */
    QUEUE_BLOCK_ROOM = 7,
    QUEUE_AHEAD = 24 /* events that can be looked at before they are taken, if there are */
};

/* Some of the events of one tick, or of one revolution of the level below, in no order. */
struct event_block {
    struct event_block *next;
    uint64_t unused[3]; /* no event lies across two lines */
    struct event events[QUEUE_BLOCK_ROOM];
};
_Static_assert(sizeof(struct event_block) == 256, "four cache lines");

struct queue {
    struct pool *pool;
    struct event_block *slots[QUEUE_LEVEL_COUNT][QUEUE_SLOT_COUNT]; /* NULL: no events */
    /* Events in the first block of each slot; those behind it are full, as what is not there is. */
    uint8_t counts[QUEUE_LEVEL_COUNT][QUEUE_SLOT_COUNT];
    uint64_t occupied[QUEUE_LEVEL_COUNT][QUEUE_SLOT_COUNT / 64];
    uint64_t tick;       /* `ready` holds everything up to the end of this tick */
    struct event *ready; /* in order, from ready_first on */
    uint32_t ready_first, ready_end, ready_capacity;
    uint64_t count; /* events held */
};

void queue_init(struct queue *queue, struct pool *pool);
void queue_free(struct queue *queue);
/* Where an event of this time is to be written; NULL: among those that are ready. */
struct event *queue_room(struct queue *queue, vx6_ns time);
void queue_insert(struct queue *queue, const struct event *event); /* among those */
/* Its time must not lie before that of the last event taken. Inline and field by field, so that an
 * event is written once, where it will lie: copied as a whole right after its fields, it would wait
 * for all that has been written before them. */
static inline void queue_push(struct queue *queue, const struct event *event)
{
    struct event *room = queue_room(queue, event->time);
    if (room) {
        room->time = event->time;
        room->dst = event->dst;
        room->src = event->src;
        room->sequence = event->sequence;
        room->conn = event->conn;
        room->kind = event->kind;
        room->flags = event->flags;
        room->u = event->u;
    } else {
        const struct event ready = *event;
        queue_insert(queue, &ready);
    }
}
/* As many as may be looked at come into sight, unless they lie far behind `limit`. */
void queue_fill(struct queue *queue, vx6_ns limit);
/* Takes the first event before `limit`; false when there is none. */
static inline bool queue_pop(struct queue *queue, vx6_ns limit, struct event *event)
{
    if (queue->ready_end - queue->ready_first <= QUEUE_AHEAD)
        queue_fill(queue, limit);
    if (queue->ready_first == queue->ready_end || queue->ready[queue->ready_first].time >= limit)
        return false;
    *event = queue->ready[queue->ready_first++];
    queue->count--;
    return true;
}
/* One of the next QUEUE_AHEAD events, for prefetching; `index` 0 is the very next. What is pushed
 * meanwhile may come before it. NULL: not so many are in sight. */
static inline struct event *queue_peek(const struct queue *queue, uint32_t index)
{
    return index < queue->ready_end - queue->ready_first ? &queue->ready[queue->ready_first + index]
                                                         : NULL;
}

#endif
