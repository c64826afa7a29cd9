/* SPDX-License-Identifier: MIT */
/* Level 0 has one slot per tick for the current revolution; a slot of level 1 is one revolution of
 * level 0, and so on. When the clock enters a slot of a higher level its events move down. The
 * events of the ticks at hand lie in order in an array, which also takes what is pushed into them.
 */
#include "queue.h"
#include "prefetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SLOT_MASK = QUEUE_SLOT_COUNT - 1,
    BEYOND = 5 << 20 /* ns after the limit of a run that are made ready, so as to be in sight */
};

static void *resized(void *memory, size_t count, size_t size)
{
    memory = realloc(memory, count * size);
    if (memory == NULL) {
        fprintf(stderr, "vx6-sim: out of memory for events; simulate fewer nodes (--nodes)\n");
        exit(1);
    }
    return memory;
}

/* Arrays of slots that are over serve others: once as many events are under way as there will be,
 * nothing is allocated any more. */
static void array_give(struct queue *queue, struct event *events, uint32_t growth)
{
    void *array = events;
    memcpy(array, &queue->spare[growth], sizeof array);
    queue->spare[growth] = array;
}

static struct event *array_take(struct queue *queue, uint32_t growth)
{
    VX6_ASSERT(growth < QUEUE_GROWTH_MAX);
    void *array = queue->spare[growth];
    if (array == NULL)
        return resized(NULL, (size_t)QUEUE_SLOT_FIRST << growth, sizeof(struct event));
    memcpy(&queue->spare[growth], array, sizeof array);
    return array;
}

/* Room for one more. */
static void slot_reserve(struct queue *queue, struct slot *slot)
{
    if (slot->events == NULL) {
        slot->events = array_take(queue, 0);
    } else if (slot->count == (uint32_t)QUEUE_SLOT_FIRST << slot->growth) {
        struct event *events = array_take(queue, slot->growth + 1);
        memcpy(events, slot->events, slot->count * sizeof *events);
        array_give(queue, slot->events, slot->growth++);
        slot->events = events;
    }
}

void queue_init(struct queue *queue)
{
    memset(queue, 0, sizeof *queue);
    queue->ready_capacity = 256;
    queue->ready = resized(NULL, queue->ready_capacity, sizeof *queue->ready);
    for (uint32_t level = 0; level < QUEUE_LEVEL_COUNT; level++) {
        queue->slots[level] = resized(NULL, QUEUE_SLOT_COUNT, sizeof(struct slot));
        memset(queue->slots[level], 0, QUEUE_SLOT_COUNT * sizeof(struct slot));
    }
}

void queue_free(struct queue *queue)
{
    free(queue->ready);
    for (uint32_t level = 0; level < QUEUE_LEVEL_COUNT; level++) {
        for (uint32_t i = 0; i < QUEUE_SLOT_COUNT; i++)
            free(queue->slots[level][i].events);
        free(queue->slots[level]);
    }
    for (uint32_t growth = 0; growth < QUEUE_GROWTH_MAX; growth++) {
        while (queue->spare[growth])
            free(array_take(queue, growth));
    }
}

static bool is_before(const struct event *a, const struct event *b)
{
    if (a->time != b->time)
        return a->time < b->time;
    if (a->dst != b->dst)
        return a->dst < b->dst;
    if (a->src != b->src)
        return a->src < b->src;
    if (a->sequence != b->sequence)
        return a->sequence < b->sequence;
    return a->kind < b->kind;
}

/* Room at the end of `ready`; what was taken makes room first. */
static void ready_reserve(struct queue *queue, uint32_t room)
{
    if (queue->ready_end + room <= queue->ready_capacity)
        return;
    uint32_t count = queue->ready_end - queue->ready_first;
    while (count + room > queue->ready_capacity / 2) {
        queue->ready_capacity *= 2;
        queue->ready = resized(queue->ready, queue->ready_capacity, sizeof *queue->ready);
    }
    memmove(queue->ready, queue->ready + queue->ready_first, count * sizeof *queue->ready);
    queue->ready_first = 0;
    queue->ready_end = count;
}

/* Most come in order, or nearly so. */
static void ready_insert(struct queue *queue, const struct event *event)
{
    ready_reserve(queue, 1);
    uint32_t low = queue->ready_first, high = queue->ready_end;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (is_before(&queue->ready[middle], event))
            low = middle + 1;
        else
            high = middle;
    }
    memmove(&queue->ready[low + 1], &queue->ready[low],
        (queue->ready_end - low) * sizeof *queue->ready);
    queue->ready[low] = *event;
    queue->ready_end++;
}

/* The lowest level whose current revolution covers the tick, which lies ahead. */
static void place(struct queue *queue, const struct event *event)
{
    uint64_t tick = event->time >> QUEUE_TICK_BITS;
    uint64_t difference = tick ^ queue->tick;
    uint32_t level = 0;
    while (level + 1 < QUEUE_LEVEL_COUNT && difference >> (QUEUE_SLOT_BITS * (level + 1)) != 0)
        level++;
    VX6_ASSERT(difference >> (QUEUE_SLOT_BITS * QUEUE_LEVEL_COUNT) == 0);
    uint32_t index = (uint32_t)(tick >> (QUEUE_SLOT_BITS * level)) & SLOT_MASK;
    struct slot *slot = &queue->slots[level][index];
    slot_reserve(queue, slot);
    slot->events[slot->count++] = *event;
    queue->occupied[level][index / 64] |= (uint64_t)1 << (index % 64);
}

void queue_push(struct queue *queue, const struct event *event)
{
    queue->count++;
    if (event->time >> QUEUE_TICK_BITS <= queue->tick)
        ready_insert(queue, event);
    else
        place(queue, event);
}

/* The first occupied slot of a level at or after `from`, or QUEUE_SLOT_COUNT. */
static uint32_t occupied_from(const struct queue *queue, uint32_t level, uint32_t from)
{
    uint64_t mask = UINT64_MAX << (from % 64);
    for (uint32_t word = from / 64; word < QUEUE_SLOT_COUNT / 64; word++) {
        uint64_t bits = queue->occupied[level][word] & mask;
        if (bits != 0)
            return word * 64 + (uint32_t)__builtin_ctzll(bits);
        mask = UINT64_MAX;
    }
    return QUEUE_SLOT_COUNT;
}

static int compare(const void *a, const void *b)
{
    return is_before(a, b) ? -1 : 1;
}

/* The events of the tick that the clock has come to, behind those that are ready already. */
static void make_ready(struct queue *queue, const struct slot *slot)
{
    enum {
        FEW = 16
    };
    ready_reserve(queue, slot->count);
    struct event *events = queue->ready + queue->ready_end;
    queue->ready_end += slot->count;
    if (slot->count > FEW) {
        memcpy(events, slot->events, slot->count * sizeof *events);
        qsort(events, slot->count, sizeof *events, compare);
        return;
    }
    for (uint32_t i = 0; i < slot->count; i++) {
        uint32_t at = i;
        for (; at > 0 && is_before(&slot->events[i], &events[at - 1]); at--)
            events[at] = events[at - 1];
        events[at] = slot->events[i];
    }
}

static void slot_open(struct queue *queue, uint32_t level, uint32_t index)
{
    struct slot slot = queue->slots[level][index];
    queue->slots[level][index] = (struct slot){0};
    queue->occupied[level][index / 64] &= ~((uint64_t)1 << (index % 64));
    if (level == 0) {
        make_ready(queue, &slot);
    } else {
        for (uint32_t i = 0; i < slot.count; i++) {
            if (slot.events[i].time >> QUEUE_TICK_BITS == queue->tick)
                ready_insert(queue, &slot.events[i]);
            else
                place(queue, &slot.events[i]);
        }
    }
    array_give(queue, slot.events, slot.growth);
}

/* The events of the next tick are wanted soon. */
static void fetch_next(const struct queue *queue)
{
    uint32_t next = occupied_from(queue, 0, (uint32_t)queue->tick & SLOT_MASK);
    if (next < QUEUE_SLOT_COUNT) {
        const struct slot *slot = &queue->slots[0][next];
        prefetch(slot->events, slot->count * sizeof *slot->events);
    }
}

/* Moves the clock to the next tick that has events, when that begins before `limit`. */
static bool advance(struct queue *queue, vx6_ns limit)
{
    for (uint32_t level = 0; level < QUEUE_LEVEL_COUNT; level++) {
        uint32_t shift = QUEUE_SLOT_BITS * level;
        uint32_t slot = (uint32_t)(queue->tick >> shift) & SLOT_MASK;
        uint32_t next = occupied_from(queue, level, slot + 1 < QUEUE_SLOT_COUNT ? slot + 1 : slot);
        if (next == QUEUE_SLOT_COUNT || next <= slot)
            continue;
        uint64_t tick = (queue->tick >> shift >> QUEUE_SLOT_BITS << QUEUE_SLOT_BITS | next)
                        << shift;
        if (tick << QUEUE_TICK_BITS >= limit)
            return false;
        queue->tick = tick;
        slot_open(queue, level, next);
        fetch_next(queue);
        return true;
    }
    return false;
}

bool queue_pop(struct queue *queue, vx6_ns limit, struct event *event)
{
    const vx6_ns horizon = limit < VX6_NEVER - BEYOND ? limit + BEYOND : limit;
    while (queue->ready_end - queue->ready_first <= QUEUE_AHEAD && advance(queue, horizon))
        ;
    if (queue->ready_first == queue->ready_end || queue->ready[queue->ready_first].time >= limit)
        return false;
    *event = queue->ready[queue->ready_first++];
    queue->count--;
    return true;
}
