/* SPDX-License-Identifier: MIT */
/* What the nodes of one thread share: memory, crypto, limits, trace, and interned immutable bytes.
 */
#ifndef VX6_ENV_H
#define VX6_ENV_H

#include "intern.h"
#include "placed.h"
#include "vx6/node.h"

struct vx6_env {
    vx6_alloc alloc;
    const struct vx6_crypto *crypto;
    const struct vx6_limits *limits;
    const struct vx6_trace *trace;
    struct intern peers; /* struct peer */
    struct intern blobs; /* struct blob */
    struct placements placed;
    uint8_t *scratch; /* ENV_SCRATCH_SIZE, or NULL until first used */
    void *spare;      /* ENV_SPARE_SIZE, or NULL */
};

enum {
    ENV_SCRATCH_SIZE = 32768, /* the plaintext of a link record */
    ENV_SPARE_SIZE = 1536     /* a datagram and what goes with it */
};

/* Zeroed memory, or NULL. */
void *env_alloc(vx6_env *env, size_t size);
/* The same, not zeroed: for bytes that are written before they are read. */
void *env_alloc_any(vx6_env *env, size_t size);
/* Keeps what was there; new bytes are zero. NULL: nothing changed. */
void *env_resize(vx6_env *env, void *memory, size_t size_from, size_t size_to);
/* Room for more in an array that is full: twice as many items, at first `first`, at most `max`. */
void *env_grow(
    vx6_env *env, void *items, uint32_t *capacity, size_t size, uint32_t first, uint32_t max);
void env_free(vx6_env *env, void *memory, size_t size); /* memory may be NULL */
/* The same bytes every time, for use within one call; NULL when memory ran out. */
uint8_t *env_scratch(vx6_env *env);
/* ENV_SPARE_SIZE bytes, as they are, or NULL. For what comes and goes with each datagram: one that
 * was given back stays for the next, in the cache. */
void *env_spare_take(vx6_env *env);
void env_spare_give(vx6_env *env, void *memory);
void env_wipe_free(vx6_env *env, void *memory, size_t size);

#endif
