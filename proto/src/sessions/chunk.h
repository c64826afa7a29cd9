/* SPDX-License-Identifier: MIT */
/* Bytes of one direction of a stream, in order: a list of chunks that is as long as what is held.
 *
 * Bytes enter at the end, by a copy or by being read straight into reserved room; they leave at the
 * front once nobody needs them. A cursor in between copies out what is sent and stays held. */
#ifndef VX6_CHUNK_H
#define VX6_CHUNK_H

#include "vx6/node.h"

enum {
    CHUNK_LARGE = 16384, /* bytes of data in one chunk */
    CHUNK_SMALL = 1000,  /* of the first one, so that a tiny stream costs little */
    CHUNK_SPARE_MAX = 32
};

struct chunk {
    struct chunk *next;
    uint32_t capacity;
    uint32_t begin, end; /* the bytes held */
    uint8_t data[];
};

/* Large chunks that wait to be used again. */
struct chunk_pool {
    struct vx6_env *env;
    struct chunk *spare;
    uint32_t spare_count;
};

struct chunk_queue {
    struct chunk *first, *last; /* behind the last one is room that was reserved */
    uint64_t begin, end;        /* offsets in the stream of what is held */
    struct chunk *cursor;       /* NULL: stands at begin */
    uint32_t cursor_at;
};

static inline uint64_t chunk_held(const struct chunk_queue *queue)
{
    return queue->end - queue->begin;
}

/* Rooms at the end, at least one byte and at most `most`; returns how many, 0 when memory ran out.
 * There is never more room than twice what is held, but for the first chunk. */
size_t chunk_reserve(struct chunk_pool *pool, struct chunk_queue *queue, struct vx6_room *rooms,
    size_t room_count, uint64_t most);
/* The first `len` bytes of the room reserved last are now held; the rest is given back. */
void chunk_commit(struct chunk_pool *pool, struct chunk_queue *queue, size_t len);
/* False when memory ran out; then a part may have been taken. */
VX6_MUST_CHECK bool chunk_append(
    struct chunk_pool *pool, struct chunk_queue *queue, const uint8_t *data, size_t len);
/* Spans over what is held, from the front; returns how many. */
size_t chunk_peek(const struct chunk_queue *queue, vx6_span *spans, size_t span_count);
/* Copies the next `len` bytes at the cursor, which must be there, and moves it. */
void chunk_copy(struct chunk_queue *queue, uint8_t *dst, size_t len);
/* Lets go of `len` bytes at the front; the cursor must not stand among them. */
void chunk_release(struct chunk_pool *pool, struct chunk_queue *queue, uint64_t len);
void chunk_clear(struct chunk_pool *pool, struct chunk_queue *queue); /* lets go of all */
void chunk_pool_clear(struct chunk_pool *pool);

#endif
