/* SPDX-License-Identifier: MIT */
/* Verified bundles under keys that they fit, which many nodes of an env hold, each kept once, by
 * reference count. They lie in blocks and have numbers: what holds many of them holds numbers,
 * which are half as large as pointers. Blocks stay for what is placed later. */
#ifndef VX6_PLACED_H
#define VX6_PLACED_H

#include "intern.h"

enum {
    PLACED_BLOCK = 16
};

/* What a bundle says of itself, and where it is: in the first 64 bytes what it is found by, in all
 * two cache lines. */
struct placed {
    uint32_t number;
    uint32_t references;
    uint32_t next;                /* number of the next one of the same bundle, or that is free */
    uint32_t issued_s, expires_s; /* Unix seconds */
    uint8_t key[32];
    struct blob *bundle;
    uint8_t owner[32]; /* node ID */
    uint64_t sequence;
    /* Of the owner's endpoints; where there are fewer, all bits are set, as in none that is used.
     */
    uint8_t networks[VX6_ENDPOINT_MAX][NETWORK_SIZE];
};

struct placements {
    struct placed **blocks;
    uint32_t block_count, block_capacity;
    uint32_t number_max; /* that was ever given */
    uint32_t free_first; /* number */
    uint32_t object_count;
};

/* `number` is that of one that is held. 0 is none's. */
static inline struct placed *placed_at(const struct placements *all, uint32_t number)
{
    return &all->blocks[number / PLACED_BLOCK][number % PLACED_BLOCK];
}

/* Fetches what it is found by and what it says of itself, but for addresses. */
static inline void placed_expect(const struct placed *placed)
{
    __builtin_prefetch(placed->key, 0, 2);
    __builtin_prefetch(placed->owner, 0, 2);
}

/* One more reference to what has this content, whose own reference to the bundle is taken over,
 * also when memory ran out: then NULL. A bundle that is NULL is memory that ran out before. */
struct placed *placed_get(struct vx6_env *env, const struct placed *content);
/* One more reference to the bundle with these bytes under this key if anybody in the env has placed
 * it there; else NULL. */
struct placed *placed_find(struct vx6_env *env, const uint8_t key[32], vx6_span bundle);
void placed_forget(struct vx6_env *env, struct placed *placed); /* nobody holds it any more */
void placed_clear(struct vx6_env *env);                         /* asserts that nothing is held */
size_t placed_memory(const struct vx6_env *env);

static inline struct placed *placed_hold(struct placed *placed)
{
    placed->references++;
    return placed;
}

/* One reference less; NULL is fine. */
static inline void placed_drop(struct vx6_env *env, struct placed *placed)
{
    if (placed == NULL)
        return;
    VX6_ASSERT(placed->references > 0);
    if (--placed->references == 0)
        placed_forget(env, placed);
}

#endif
