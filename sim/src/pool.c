/* SPDX-License-Identifier: MIT */
/* Size classes: steps of 16 bytes up to 96, whole cache lines up to 8192, then four to each
 * doubling. A block of whole lines begins with one, so that what stands together in it costs one
 * miss. A free block is split for smaller ones; those that lie side by side are merged now and
 * then. */
#include "pool.h"
#include "prefetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* of Linux since 6.1; others refuse it */
#endif

#if defined(__SANITIZE_ADDRESS__)
#define POOL_OFF 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POOL_OFF 1
#endif
#endif
#ifndef POOL_OFF
#define POOL_OFF 0
#endif

/* Apart, so that what is done for every block need save no registers for it. */
#define SELDOM __attribute__((noinline))

enum {
    SMALL_MAX = 96,
    SMALL_STEP = 16,
    SMALL_CLASSES = SMALL_MAX / SMALL_STEP,
    LINE = 64,
    LINES_MAX_BITS = 13,
    LINES_MAX = 1 << LINES_MAX_BITS,
    LINES_CLASSES = SMALL_CLASSES + LINES_MAX / LINE - SMALL_MAX / LINE,
    CHUNK_SIZE = 1 << 21, /* a large page */
    /* Merging takes as long as there are free blocks, and undoes what splits have done. So one in
     * so many of them has to be split in between; fewer before the pool grows. */
    MERGE_SHARE = 4,
    MERGE_SHARE_GROWING = 64,
    MERGE_MIN = 64
};

static void out_of_memory(void)
{
    fprintf(stderr, "vx6-sim: out of memory; simulate fewer nodes (--nodes)\n");
    exit(1);
}

SELDOM static void *memory_take(size_t size)
{
    void *memory = malloc(size);
    if (memory == NULL)
        out_of_memory();
    return memory;
}

/* The smallest class whose blocks are large enough. */
static inline uint32_t class_of(size_t size)
{
    if (size <= SMALL_MAX)
        return (uint32_t)(size + SMALL_STEP - 1) / SMALL_STEP;
    if (size <= LINES_MAX)
        return SMALL_CLASSES - SMALL_MAX / LINE + (uint32_t)(size + LINE - 1) / LINE;
    const uint32_t doubling = 63 - (uint32_t)__builtin_clzll(size - 1); /* at most this, doubled */
    const uint32_t quarters = (uint32_t)((size - 1) >> (doubling - 2)) & 3; /* full, beyond it */
    return LINES_CLASSES + (doubling - LINES_MAX_BITS) * 4 + quarters + 1;
}

static size_t size_of(uint32_t class)
{
    if (class <= SMALL_CLASSES)
        return (size_t) class * SMALL_STEP;
    if (class <= LINES_CLASSES)
        return (size_t)(class - SMALL_CLASSES + SMALL_MAX / LINE) * LINE;
    uint32_t doublings = (class - LINES_CLASSES) / 4, quarter = (class - LINES_CLASSES) % 4;
    return ((size_t)LINES_MAX << doublings) / 4 * (4 + quarter);
}

static inline void put(struct pool *pool, uint32_t class, void *block)
{
    memcpy(block, &pool->free_lists[class], sizeof block);
    pool->free_lists[class] = block;
    pool->free_counts[class]++;
}

static inline void *get(struct pool *pool, uint32_t class)
{
    void *block = pool->free_lists[class];
    memcpy(&pool->free_lists[class], block, sizeof block);
    pool->free_counts[class]--;
    return block;
}

/* Memory without a use becomes free blocks, as large ones as there are classes for. */
static void cut(struct pool *pool, uint8_t *memory, size_t size)
{
    const size_t line_part = -(uintptr_t)memory % LINE;
    size_t limit = line_part > 0 && line_part < size ? line_part : size;
    while (size > 0) {
        uint32_t class = limit < POOL_BLOCK_MAX ? class_of(limit) : class_of(POOL_BLOCK_MAX);
        if (size_of(class) > limit)
            class --;
        put(pool, class, memory);
        memory += size_of(class);
        size -= size_of(class);
        limit = size;
    }
}

/* Memory that the pages of begin to count when they are touched first. */
static uint8_t *chunk_map(void)
{
    const int access = PROT_READ | PROT_WRITE, kind = MAP_PRIVATE | MAP_ANONYMOUS;
    uint8_t *memory = mmap(NULL, 2 * CHUNK_SIZE, access, kind, -1, 0);
    if (memory == MAP_FAILED)
        out_of_memory();
    const size_t before = -(uintptr_t)memory % CHUNK_SIZE;
    if (before > 0)
        (void)munmap(memory, before);
    (void)munmap(memory + before + CHUNK_SIZE, CHUNK_SIZE - before);
    return memory + before;
}

/* Large pages: nodes lie all over memory, and looking up small pages would cost as much as the
 * cache misses themselves. The newest chunk, which is not used up, has small ones, so that only
 * what is used of it takes memory. */
static void chunk_add(struct pool *pool)
{
    if (pool->chunks && madvise(pool->chunks, CHUNK_SIZE, MADV_HUGEPAGE) == 0)
        (void)madvise(pool->chunks, CHUNK_SIZE, MADV_COLLAPSE);
    uint8_t *chunk = chunk_map();
    memcpy(chunk, &pool->chunks, sizeof pool->chunks);
    pool->chunks = chunk;
    pool->chunk_bytes += CHUNK_SIZE;
    cut(pool, chunk + LINE, CHUNK_SIZE - LINE);
}

static int compare(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

/* All that are free, by address, the class last. Where the next one of a class is says the one
 * before it: lists are walked side by side, so that their memory is waited for at once. */
static void get_all(struct pool *pool, uint64_t *blocks)
{
    for (bool is_more = true; is_more;) {
        is_more = false;
        for (uint32_t class = 1; class < POOL_CLASS_COUNT; class ++) {
            if (pool->free_lists[class] == NULL)
                continue;
            *blocks++ = (uint64_t)(uintptr_t)get(pool, class) * POOL_CLASS_COUNT + class;
            prefetch_line(pool->free_lists[class]);
            is_more = true;
        }
    }
}

/* Free blocks that lie side by side become one. */
static void merge(struct pool *pool)
{
    size_t count = 0;
    for (uint32_t class = 1; class < POOL_CLASS_COUNT; class ++)
        count += pool->free_counts[class];
    uint64_t *blocks = memory_take((count + 1) * sizeof *blocks);
    get_all(pool, blocks);
    qsort(blocks, count, sizeof *blocks, compare);
    for (size_t at = 0; at < count;) {
        const uint64_t begin = blocks[at] / POOL_CLASS_COUNT;
        uint64_t end = begin;
        for (; at < count && blocks[at] / POOL_CLASS_COUNT == end; at++)
            end += size_of((uint32_t)(blocks[at] % POOL_CLASS_COUNT));
        cut(pool, (uint8_t *)(uintptr_t)begin, end - begin);
    }
    free(blocks);
    pool->splits = 0;
    pool->blocks_merged = count;
}

/* From the smallest larger block of whole lines that is free; the rest of it stays free. NULL:
 * there is none. */
static void *split(struct pool *pool, uint32_t class)
{
    const size_t size = size_of(class);
    uint32_t larger = class < SMALL_CLASSES ? SMALL_CLASSES + 1 : class + 1;
    while (larger < POOL_CLASS_COUNT && pool->free_lists[larger] == NULL)
        larger++;
    if (larger == POOL_CLASS_COUNT)
        return NULL;
    uint8_t *block = get(pool, larger), *rest = block;
    const size_t left = size_of(larger) - size;
    if (size % LINE == 0)
        rest += size;
    else
        block += left; /* so that all before it begins with a line */
    cut(pool, rest, left);
    return block;
}

static void *find(struct pool *pool, uint32_t class)
{
    return pool->free_lists[class] ? get(pool, class) : split(pool, class);
}

static void *find_merged(struct pool *pool, uint32_t class)
{
    merge(pool);
    return find(pool, class);
}

SELDOM static void *make(struct pool *pool, uint32_t class)
{
    void *block = NULL;
    if (pool->splits++ < pool->blocks_merged / MERGE_SHARE + MERGE_MIN)
        block = split(pool, class);
    else
        block = find_merged(pool, class);
    if (block == NULL && pool->splits > pool->blocks_merged / MERGE_SHARE_GROWING)
        block = find_merged(pool, class);
    if (block == NULL) {
        chunk_add(pool);
        block = find(pool, class);
    }
    return block;
}

static inline bool is_pooled(size_t size)
{
    return !POOL_OFF && size <= POOL_BLOCK_MAX;
}

void *pool_take(struct pool *pool, size_t size)
{
    pool->used += size;
    if (!is_pooled(size))
        return memory_take(size);
    uint32_t class = class_of(size);
    if (pool->free_lists[class] == NULL)
        return make(pool, class);
    void *block = get(pool, class);
    prefetch_line(pool->free_lists[class]); /* says which one is taken after it */
    return block;
}

void pool_give(struct pool *pool, void *block, size_t size)
{
    if (block == NULL)
        return;
    pool->used -= size;
    if (is_pooled(size))
        put(pool, class_of(size), block);
    else
        free(block);
}

SELDOM static void *resize(struct pool *pool, void *block, size_t size_from, size_t size_to)
{
    if (is_pooled(size_from) && is_pooled(size_to) && class_of(size_from) == class_of(size_to)) {
        pool->used += size_to - size_from;
        return block;
    }
    void *moved = pool_take(pool, size_to);
    memcpy(moved, block, size_from < size_to ? size_from : size_to);
    pool_give(pool, block, size_from);
    return moved;
}

void *pool_resize(void *context, void *block, size_t size_from, size_t size_to)
{
    if (block == NULL)
        return pool_take(context, size_to);
    if (size_to > 0)
        return resize(context, block, size_from, size_to);
    pool_give(context, block, size_from);
    return NULL;
}

static size_t free_bytes(const struct pool *pool)
{
    size_t sum = 0;
    for (uint32_t class = 1; class < POOL_CLASS_COUNT; class ++)
        sum += pool->free_counts[class] * size_of(class);
    return sum;
}

void pool_balance(struct pool *a, struct pool *b)
{
    enum {
        UNEVEN = 1 << 17 /* bytes; fewer are not worth the walk */
    };
    const size_t a_free = free_bytes(a), b_free = free_bytes(b);
    struct pool *from = a_free > b_free ? a : b, *to = a_free > b_free ? b : a;
    if ((a_free > b_free ? a_free - b_free : b_free - a_free) < UNEVEN)
        return;
    for (uint32_t class = 1; class < POOL_CLASS_COUNT; class ++) {
        while (from->free_counts[class] > to->free_counts[class] + 1)
            put(to, class, get(from, class));
    }
}

void pool_free(struct pool *pool)
{
    while (pool->chunks) {
        void *chunk = pool->chunks;
        memcpy(&pool->chunks, chunk, sizeof chunk);
        (void)munmap(chunk, CHUNK_SIZE);
    }
}
