/* SPDX-License-Identifier: MIT */
/* Level 0 has one slot per tick for the current revolution; a slot of level 1 is one revolution of
 * level 0, and so on. When the clock enters a slot of a higher level its events move down. The
 * events of the current tick lie in a heap, which also takes what is pushed into that tick. */
#include "queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NONE = 0, /* index 0 of the pool is never used */
    SLOT_MASK = QUEUE_SLOT_COUNT - 1
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

void queue_init(struct queue *queue)
{
    memset(queue, 0, sizeof *queue);
    queue->pool_capacity = 1024;
    queue->pool = resized(NULL, queue->pool_capacity, sizeof *queue->pool);
    queue->pool_used = 1;
    queue->heap_capacity = 256;
    queue->heap = resized(NULL, queue->heap_capacity, sizeof *queue->heap);
    for (uint32_t level = 0; level < QUEUE_LEVEL_COUNT; level++) {
        queue->slots[level] = resized(NULL, QUEUE_SLOT_COUNT, sizeof(uint32_t));
        memset(queue->slots[level], 0, QUEUE_SLOT_COUNT * sizeof(uint32_t));
    }
}

void queue_free(struct queue *queue)
{
    free(queue->pool);
    free(queue->heap);
    for (uint32_t level = 0; level < QUEUE_LEVEL_COUNT; level++)
        free(queue->slots[level]);
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

static void heap_push(struct queue *queue, uint32_t index)
{
    if (queue->heap_count == queue->heap_capacity) {
        queue->heap_capacity *= 2;
        queue->heap = resized(queue->heap, queue->heap_capacity, sizeof *queue->heap);
    }
    uint32_t at = queue->heap_count++;
    while (at > 0) {
        uint32_t parent = (at - 1) / 4;
        if (!is_before(&queue->pool[index], &queue->pool[queue->heap[parent]]))
            break;
        queue->heap[at] = queue->heap[parent];
        at = parent;
    }
    queue->heap[at] = index;
}

static uint32_t heap_pop(struct queue *queue)
{
    uint32_t top = queue->heap[0];
    uint32_t last = queue->heap[--queue->heap_count];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = at * 4 + 1;
        if (child >= queue->heap_count)
            break;
        uint32_t end = child + 4 < queue->heap_count ? child + 4 : queue->heap_count;
        uint32_t least = child;
        for (child++; child < end; child++) {
            if (is_before(&queue->pool[queue->heap[child]], &queue->pool[queue->heap[least]]))
                least = child;
        }
        if (!is_before(&queue->pool[queue->heap[least]], &queue->pool[last]))
            break;
        queue->heap[at] = queue->heap[least];
        at = least;
    }
    queue->heap[at] = last;
    return top;
}

/* The lowest level whose current revolution covers the tick. */
static void place(struct queue *queue, uint32_t index)
{
    struct event *event = &queue->pool[index];
    uint64_t tick = event->time >> QUEUE_TICK_BITS;
    if (tick <= queue->tick) {
        heap_push(queue, index);
        return;
    }
    uint64_t difference = tick ^ queue->tick;
    uint32_t level = 0;
    while (level + 1 < QUEUE_LEVEL_COUNT && difference >> (QUEUE_SLOT_BITS * (level + 1)) != 0)
        level++;
    VX6_ASSERT(difference >> (QUEUE_SLOT_BITS * QUEUE_LEVEL_COUNT) == 0);
    uint32_t slot = (uint32_t)(tick >> (QUEUE_SLOT_BITS * level)) & SLOT_MASK;
    event->next = queue->slots[level][slot];
    queue->slots[level][slot] = index;
    queue->occupied[level][slot / 64] |= (uint64_t)1 << (slot % 64);
}

void queue_push(struct queue *queue, const struct event *event)
{
    uint32_t index = queue->free_head;
    if (index != NONE) {
        queue->free_head = queue->pool[index].next;
    } else {
        if (queue->pool_used == queue->pool_capacity) {
            queue->pool_capacity += queue->pool_capacity / 2;
            queue->pool = resized(queue->pool, queue->pool_capacity, sizeof *queue->pool);
        }
        index = queue->pool_used++;
    }
    queue->pool[index] = *event;
    queue->count++;
    place(queue, index);
}

/* The first occupied slot of a level at or after `from`, or QUEUE_SLOT_COUNT. */
static uint32_t occupied_from(const struct queue *queue, uint32_t level, uint32_t from)
{
    for (uint32_t word = from / 64; word < QUEUE_SLOT_COUNT / 64; word++) {
        uint64_t bits = queue->occupied[level][word];
        if (word == from / 64)
            bits &= UINT64_MAX << (from % 64);
        if (bits == 0)
            continue;
        uint32_t bit = 0;
        while (!(bits >> bit & 1))
            bit++;
        return word * 64 + bit;
    }
    return QUEUE_SLOT_COUNT;
}

static void slot_open(struct queue *queue, uint32_t level, uint32_t slot)
{
    uint32_t index = queue->slots[level][slot];
    queue->slots[level][slot] = NONE;
    queue->occupied[level][slot / 64] &= ~((uint64_t)1 << (slot % 64));
    while (index != NONE) {
        uint32_t next = queue->pool[index].next;
        place(queue, index);
        index = next;
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
        return true;
    }
    return false;
}

const struct event *queue_peek(const struct queue *queue, uint32_t index)
{
    return index < queue->heap_count ? &queue->pool[queue->heap[index]] : NULL;
}

bool queue_pop(struct queue *queue, vx6_ns limit, struct event *event)
{
    while (queue->heap_count == 0) {
        if (queue->count == 0 || !advance(queue, limit))
            return false;
    }
    uint32_t index = queue->heap[0];
    if (queue->pool[index].time >= limit)
        return false;
    heap_pop(queue);
    *event = queue->pool[index];
    queue->pool[index].next = queue->free_head;
    queue->free_head = index;
    queue->count--;
    return true;
}
