/* SPDX-License-Identifier: MIT */
/* Chunks are never moved or grown, so that room handed to read(2) and spans handed to write(2) stay
 * where they are. Chunks are not cleared: only bytes that were written are ever shown. */
#include "chunk.h"

#include "bytes.h"
#include "env.h"

enum {
    RESERVE_MIN = 512 /* less room than this is not worth a read(2) */
};

static struct chunk *chunk_new(struct chunk_pool *pool, uint32_t capacity)
{
    struct chunk *chunk = pool->spare;
    if (capacity == CHUNK_LARGE && chunk) {
        pool->spare = chunk->next;
        pool->spare_count--;
        chunk->next = NULL;
        chunk->begin = chunk->end = 0;
        return chunk;
    }
    chunk = env_alloc_any(pool->env, sizeof *chunk + capacity);
    if (chunk)
        *chunk = (struct chunk){.capacity = capacity};
    return chunk;
}

static void chunk_free(struct chunk_pool *pool, struct chunk *chunk)
{
    if (chunk->capacity == CHUNK_LARGE && pool->spare_count < CHUNK_SPARE_MAX) {
        chunk->next = pool->spare;
        pool->spare = chunk;
        pool->spare_count++;
        return;
    }
    env_free(pool->env, chunk, sizeof *chunk + chunk->capacity);
}

static bool push(struct chunk_pool *pool, struct chunk_queue *queue, uint32_t capacity)
{
    struct chunk *chunk = chunk_new(pool, capacity);
    if (chunk == NULL)
        return false;
    if (queue->last)
        queue->last->next = chunk;
    else
        queue->first = chunk;
    queue->last = chunk;
    return true;
}

static uint32_t tail_room(const struct chunk_queue *queue)
{
    return queue->last ? queue->last->capacity - queue->last->end : 0;
}

static void give_back_room(struct chunk_pool *pool, struct chunk_queue *queue)
{
    while (queue->last && queue->last->next) {
        struct chunk *chunk = queue->last->next;
        queue->last->next = chunk->next;
        chunk_free(pool, chunk);
    }
}

size_t chunk_reserve(struct chunk_pool *pool, struct chunk_queue *queue, struct vx6_room *rooms,
    size_t room_count, uint64_t most)
{
    uint32_t capacity = queue->end < CHUNK_SMALL ? CHUNK_SMALL : CHUNK_LARGE;
    give_back_room(pool, queue);
    if (tail_room(queue) < RESERVE_MIN && !push(pool, queue, capacity))
        return 0;
    size_t count = 0, count_max = 1 + (size_t)(chunk_held(queue) / CHUNK_LARGE);
    for (struct chunk *chunk = queue->last; chunk && most > 0; chunk = chunk->next) {
        uint32_t room = chunk->capacity - chunk->end;
        size_t len = room < most ? room : (size_t)most;
        rooms[count++] = (struct vx6_room){chunk->data + chunk->end, len};
        most -= len;
        if (most > 0 && count < room_count && count < count_max)
            chunk->next = chunk_new(pool, CHUNK_LARGE);
    }
    return count;
}

void chunk_commit(struct chunk_pool *pool, struct chunk_queue *queue, size_t len)
{
    while (len > 0) {
        if (tail_room(queue) == 0)
            queue->last = queue->last->next;
        uint32_t room = tail_room(queue);
        VX6_ASSERT(room > 0);
        uint32_t step = len < room ? (uint32_t)len : room;
        queue->last->end += step;
        queue->end += step;
        len -= step;
    }
    give_back_room(pool, queue);
}

bool chunk_append(
    struct chunk_pool *pool, struct chunk_queue *queue, const uint8_t *data, size_t len)
{
    while (len > 0) {
        uint32_t room = tail_room(queue);
        if (room == 0) {
            bool is_small = queue->first == NULL && len <= CHUNK_SMALL;
            if (!push(pool, queue, is_small ? CHUNK_SMALL : CHUNK_LARGE))
                return false;
            room = tail_room(queue);
        }
        uint32_t step = len < room ? (uint32_t)len : room;
        memcpy(queue->last->data + queue->last->end, data, step);
        chunk_commit(pool, queue, step);
        data += step;
        len -= step;
    }
    return true;
}

size_t chunk_peek(const struct chunk_queue *queue, vx6_span *spans, size_t span_count)
{
    size_t count = 0;
    for (const struct chunk *chunk = queue->first; chunk && count < span_count;
         chunk = chunk->next) {
        if (chunk->end > chunk->begin)
            spans[count++] = (vx6_span){chunk->data + chunk->begin, chunk->end - chunk->begin};
    }
    return count;
}

void chunk_copy(struct chunk_queue *queue, uint8_t *dst, size_t len)
{
    if (len > 0 && queue->cursor == NULL) {
        VX6_ASSERT(queue->first != NULL);
        queue->cursor = queue->first;
        queue->cursor_at = queue->first->begin;
    }
    while (len > 0) {
        if (queue->cursor_at == queue->cursor->end) {
            VX6_ASSERT(queue->cursor->next != NULL);
            queue->cursor = queue->cursor->next;
            queue->cursor_at = queue->cursor->begin;
        }
        uint32_t held = queue->cursor->end - queue->cursor_at;
        uint32_t step = len < held ? (uint32_t)len : held;
        memcpy(dst, queue->cursor->data + queue->cursor_at, step);
        queue->cursor_at += step;
        dst += step;
        len -= step;
    }
}

/* Without anything held no chunk is kept: an idle stream costs nothing here. */
void chunk_release(struct chunk_pool *pool, struct chunk_queue *queue, uint64_t len)
{
    VX6_ASSERT(len <= chunk_held(queue));
    queue->begin += len;
    while (queue->first) {
        struct chunk *chunk = queue->first;
        uint32_t held = chunk->end - chunk->begin;
        if (len < held) {
            chunk->begin += (uint32_t)len;
            return;
        }
        len -= held;
        queue->first = chunk->next;
        if (queue->cursor == chunk)
            queue->cursor = NULL;
        chunk_free(pool, chunk);
        if (queue->first == NULL)
            queue->last = NULL;
    }
}

void chunk_clear(struct chunk_pool *pool, struct chunk_queue *queue)
{
    chunk_release(pool, queue, chunk_held(queue));
}

void chunk_pool_clear(struct chunk_pool *pool)
{
    while (pool->spare) {
        struct chunk *chunk = pool->spare;
        pool->spare = chunk->next;
        env_free(pool->env, chunk, sizeof *chunk + chunk->capacity);
    }
    pool->spare_count = 0;
}
