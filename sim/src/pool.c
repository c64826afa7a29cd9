/* SPDX-License-Identifier: MIT */
/* Size classes: steps of 16 bytes up to 96, whole cache lines up to 512, then four to each
 * doubling. A block of whole lines begins with one, so that what stands together in it costs one
 * miss. */
#include "pool.h"
#include "prefetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

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

enum {
    SMALL_MAX = 96,
    SMALL_STEP = 16,
    SMALL_CLASSES = SMALL_MAX / SMALL_STEP,
    LINE = 64,
    LINES_MAX_BITS = 9,
    LINES_MAX = 1 << LINES_MAX_BITS,
    LINES_CLASSES = SMALL_CLASSES + LINES_MAX / LINE - SMALL_MAX / LINE,
    CHUNK_SIZE = 1 << 21, /* a large page */
    FETCHED_MAX = 1280 /* bytes of the block that will be taken next */
};

static void *memory_take(size_t size)
{
    void *memory = malloc(size);
    if (memory == NULL) {
        fprintf(stderr, "vx6-sim: out of memory; simulate fewer nodes (--nodes)\n");
        exit(1);
    }
    return memory;
}

/* The class of a size, and the size of its blocks. */
static uint32_t class_of(size_t size, size_t *block_size)
{
    if (size <= SMALL_MAX) {
        uint32_t class = (uint32_t)((size + SMALL_STEP - 1) / SMALL_STEP);
        *block_size = (size_t) class * SMALL_STEP;
        return class;
    }
    if (size <= LINES_MAX) {
        uint32_t lines = (uint32_t)((size + LINE - 1) / LINE);
        *block_size = (size_t)lines * LINE;
        return SMALL_CLASSES + lines - SMALL_MAX / LINE;
    }
    const uint32_t doubling = 63 - (uint32_t)__builtin_clzll(size - 1); /* at most this, doubled */
    const size_t quarters = (size - 1) >> (doubling - 2) & 3;           /* full ones beyond it */
    *block_size = (quarters + 5) << (doubling - 2);
    return LINES_CLASSES + (doubling - LINES_MAX_BITS) * 4 + (uint32_t)quarters + 1;
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

/* Large pages: nodes lie all over memory, and looking up small pages would cost as much as the
 * cache misses themselves. */
static void *chunk_take(void)
{
    void *chunk = aligned_alloc(CHUNK_SIZE, CHUNK_SIZE);
    if (chunk == NULL)
        return memory_take(CHUNK_SIZE);
    (void)madvise(chunk, CHUNK_SIZE, MADV_HUGEPAGE);
    return chunk;
}

static void put(struct pool *pool, uint32_t class, void *block)
{
    memcpy(block, &pool->free_lists[class], sizeof block);
    pool->free_lists[class] = block;
    pool->free_counts[class]++;
}

static void *get(struct pool *pool, uint32_t class)
{
    void *block = pool->free_lists[class];
    memcpy(&pool->free_lists[class], block, sizeof block);
    pool->free_counts[class]--;
    return block;
}

static void *chunk_cut(struct pool *pool, size_t size)
{
    size_t gap = size % LINE == 0 ? pool->chunk_left % LINE : 0;
    if (pool->chunk_left < gap + size) {
        uint8_t *chunk = chunk_take();
        memcpy(chunk, &pool->chunks, sizeof pool->chunks);
        pool->chunks = chunk;
        pool->chunk_bytes += CHUNK_SIZE;
        pool->chunk = chunk + LINE;
        pool->chunk_left = CHUNK_SIZE - LINE;
        gap = 0;
    }
    if (gap > 0)
        put(pool, (uint32_t)(gap / SMALL_STEP), pool->chunk);
    void *block = pool->chunk + gap;
    pool->chunk += gap + size;
    pool->chunk_left -= gap + size;
    return block;
}

/* Of the smallest larger block of whole lines that is free: the rest becomes free blocks of other
 * classes. Arrays that grow leave many behind. NULL: there is none. */
static void *split(struct pool *pool, uint32_t class, size_t size)
{
    uint32_t larger = class < SMALL_CLASSES ? SMALL_CLASSES + 1 : class + 1;
    while (larger < POOL_CLASS_COUNT && pool->free_lists[larger] == NULL)
        larger++;
    if (larger == POOL_CLASS_COUNT)
        return NULL;
    uint8_t *block = get(pool, larger), *rest = block;
    size_t left = size_of(larger) - size;
    if (size % LINE == 0)
        rest += size;
    else
        block += left; /* so that all before it begins with a line */
    while (left > 0) {
        size_t part;
        uint32_t part_class = class_of(left, &part);
        if (part > left)
            part = size_of(--part_class);
        put(pool, part_class, rest);
        rest += part;
        left -= part;
    }
    return block;
}

void *pool_take(struct pool *pool, size_t size)
{
    pool->used += size;
    if (POOL_OFF || size > POOL_BLOCK_MAX)
        return memory_take(size);
    size_t block_size;
    uint32_t class = class_of(size, &block_size);
    if (pool->free_lists[class]) {
        void *block = get(pool, class);
        prefetch(pool->free_lists[class], block_size < FETCHED_MAX ? block_size : FETCHED_MAX);
        return block;
    }
    void *block = split(pool, class, block_size);
    return block ? block : chunk_cut(pool, block_size);
}

void pool_give(struct pool *pool, void *block, size_t size)
{
    if (block == NULL)
        return;
    pool->used -= size;
    if (POOL_OFF || size > POOL_BLOCK_MAX) {
        free(block);
        return;
    }
    size_t block_size;
    put(pool, class_of(size, &block_size), block);
}

void *pool_resize(void *context, void *block, size_t size_from, size_t size_to)
{
    struct pool *pool = context;
    if (size_to == 0) {
        pool_give(pool, block, size_from);
        return NULL;
    }
    if (block == NULL)
        return pool_take(pool, size_to);
    size_t block_from, block_to;
    if (!POOL_OFF && size_from <= POOL_BLOCK_MAX && size_to <= POOL_BLOCK_MAX &&
        class_of(size_from, &block_from) == class_of(size_to, &block_to)) {
        pool->used += size_to - size_from;
        return block;
    }
    void *moved = pool_take(pool, size_to);
    memcpy(moved, block, size_from < size_to ? size_from : size_to);
    pool_give(pool, block, size_from);
    return moved;
}

void pool_balance(struct pool *a, struct pool *b)
{
    enum {
        UNEVEN = 64 /* blocks; fewer are not worth the walk */
    };
    for (uint32_t class = 1; class < POOL_CLASS_COUNT; class ++) {
        bool a_has_more = a->free_counts[class] > b->free_counts[class];
        struct pool *from = a_has_more ? a : b, *to = a_has_more ? b : a;
        uint32_t count = from->free_counts[class] - to->free_counts[class];
        for (count = count > UNEVEN ? count / 2 : 0; count > 0; count--)
            put(to, class, get(from, class));
    }
}

void pool_free(struct pool *pool)
{
    while (pool->chunks) {
        void *chunk = pool->chunks;
        memcpy(&pool->chunks, chunk, sizeof chunk);
        free(chunk);
    }
}
