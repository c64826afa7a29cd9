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

void queue_init(struct queue *queue, struct pool *pool)
{
    memset(queue, 0, sizeof *queue);
    memset(queue->counts, QUEUE_BLOCK_ROOM, sizeof queue->counts);
    queue->pool = pool;
    queue->ready_capacity = 256;
    queue->ready = resized(NULL, queue->ready_capacity, sizeof *queue->ready);
}

/* Apart, since most events find room. */
__attribute__((noinline)) static void block_add(struct queue *queue, uint32_t level, uint32_t index)
{
    struct event_block *block = pool_take(queue->pool, sizeof *block);
    block->next = queue->slots[level][index];
    queue->slots[level][index] = block;
    queue->counts[level][index] = 0;
    queue->occupied[level][index / 64] |= (uint64_t)1 << (index % 64);
}

/* Returns the next one. */
static struct event_block *block_free(struct queue *queue, struct event_block *block)
{
    struct event_block *next = block->next;
    pool_give(queue->pool, block, sizeof *block);
    return next;
}

void queue_free(struct queue *queue)
{
    free(queue->ready);
    for (uint32_t level = 0; level < QUEUE_LEVEL_COUNT; level++) {
        for (uint32_t i = 0; i < QUEUE_SLOT_COUNT; i++) {
            for (struct event_block *block = queue->slots[level][i]; block;)
                block = block_free(queue, block);
        }
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
void queue_insert(struct queue *queue, const struct event *event)
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

/* On the lowest level whose current revolution covers the tick, which lies ahead. */
static struct event *room_at(struct queue *queue, uint64_t tick)
{
    uint64_t difference = tick ^ queue->tick;
    uint32_t level = 0;
    while (level + 1 < QUEUE_LEVEL_COUNT && difference >> (QUEUE_SLOT_BITS * (level + 1)) != 0)
        level++;
    VX6_ASSERT(difference >> (QUEUE_SLOT_BITS * QUEUE_LEVEL_COUNT) == 0);
    uint32_t index = (uint32_t)(tick >> (QUEUE_SLOT_BITS * level)) & SLOT_MASK;
    if (queue->counts[level][index] == QUEUE_BLOCK_ROOM)
        block_add(queue, level, index);
    return &queue->slots[level][index]->events[queue->counts[level][index]++];
}

struct event *queue_room(struct queue *queue, vx6_ns time)
{
    const uint64_t tick = time >> QUEUE_TICK_BITS;
    queue->count++;
    return tick > queue->tick ? room_at(queue, tick) : NULL;
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

/* Behind those that are ready, all of which belong to ticks before it or to its own. */
static void append(struct queue *queue, const struct event *event)
{
    struct event *at = &queue->ready[queue->ready_end++];
    for (; at > &queue->ready[queue->ready_first] && is_before(event, at - 1); at--)
        *at = *(at - 1);
    *at = *event;
}

/* The events of the tick that the clock has come to. */
static void make_ready(struct queue *queue, struct event_block *block, uint32_t count)
{
    enum {
        FEW = 32 /* put in order one by one */
    };
    uint32_t sum = 0;
    for (; block; block = block_free(queue, block), count = QUEUE_BLOCK_ROOM) {
        ready_reserve(queue, count);
        for (uint32_t i = 0; i < count; i++) {
            if (sum < FEW)
                append(queue, &block->events[i]);
            else
                queue->ready[queue->ready_end++] = block->events[i];
        }
        sum += count;
    }
    if (sum > FEW)
        qsort(queue->ready + queue->ready_end - sum, sum, sizeof(struct event), compare);
}

/* They move down: events of the first tick, which the clock has come to, and later ones. */
static void hand_down(struct queue *queue, struct event_block *block, uint32_t count)
{
    for (; block; block = block_free(queue, block), count = QUEUE_BLOCK_ROOM) {
        for (uint32_t i = 0; i < count; i++) {
            const struct event *event = &block->events[i];
            const uint64_t tick = event->time >> QUEUE_TICK_BITS;
            if (tick == queue->tick)
                queue_insert(queue, event);
            else
                *room_at(queue, tick) = *event;
        }
    }
}

static void slot_open(struct queue *queue, uint32_t level, uint32_t index)
{
    struct event_block *block = queue->slots[level][index];
    const uint32_t count = queue->counts[level][index];
    queue->slots[level][index] = NULL;
    queue->counts[level][index] = QUEUE_BLOCK_ROOM;
    queue->occupied[level][index / 64] &= ~((uint64_t)1 << (index % 64));
    if (level == 0)
        make_ready(queue, block, count);
    else
        hand_down(queue, block, count);
}

/* The events of the next two ticks are wanted soon: the first block of each, and what lies behind
 * it once that can be read. */
static void fetch_next(const struct queue *queue)
{
    uint32_t next = occupied_from(queue, 0, (uint32_t)queue->tick & SLOT_MASK);
    if (next == QUEUE_SLOT_COUNT)
        return;
    const struct event_block *behind = queue->slots[0][next]->next;
    if (behind)
        prefetch(behind, sizeof *behind);
    next = next + 1 < QUEUE_SLOT_COUNT ? occupied_from(queue, 0, next + 1) : next + 1;
    if (next < QUEUE_SLOT_COUNT)
        prefetch(queue->slots[0][next],
            offsetof(struct event_block, events) + queue->counts[0][next] * sizeof(struct event));
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

void queue_fill(struct queue *queue, vx6_ns limit)
{
    const vx6_ns horizon = limit < VX6_NEVER - BEYOND ? limit + BEYOND : limit;
    while (queue->ready_end - queue->ready_first <= QUEUE_AHEAD && advance(queue, horizon))
        ;
}
