/* SPDX-License-Identifier: MIT */
/* A bundle fits few keys: its own list is all that is searched. */
#include "placed.h"

#include "bytes.h"
#include "env.h"

enum {
    BLOCKS_FIRST = 4
};

/* NULL: nobody has placed it there. */
static struct placed *find(
    const struct placements *all, const struct blob *bundle, const uint8_t key[32])
{
    uint32_t number = bundle->placed_first;
    while (number != 0 && !bytes_equal(placed_at(all, number)->key, key, 32))
        number = placed_at(all, number)->next;
    return number != 0 ? placed_at(all, number) : NULL;
}

struct placed *placed_find(struct vx6_env *env, const uint8_t key[32], vx6_span bundle)
{
    const struct blob *blob = blob_find(env, bundle);
    struct placed *placed = blob != NULL ? find(&env->placed, blob, key) : NULL;
    return placed != NULL ? placed_hold(placed) : NULL;
}

static bool block_add(struct vx6_env *env, struct placements *all)
{
    if (all->block_count == all->block_capacity) {
        struct placed **blocks = env_grow(env, all->blocks, &all->block_capacity,
            sizeof(struct placed *), BLOCKS_FIRST, UINT32_MAX / PLACED_BLOCK);
        if (blocks == NULL)
            return false;
        all->blocks = blocks;
    }
    struct placed *block = env_alloc_any(env, PLACED_BLOCK * sizeof *block);
    if (block == NULL)
        return false;
    all->blocks[all->block_count++] = block;
    return true;
}

/* The number of a free one; 0: memory ran out. */
static uint32_t take(struct vx6_env *env, struct placements *all)
{
    const uint32_t number = all->free_first;
    if (number != 0) {
        all->free_first = placed_at(all, number)->next;
        return number;
    }
    if ((all->number_max + 1) / PLACED_BLOCK == all->block_count && !block_add(env, all))
        return 0;
    return ++all->number_max;
}

struct placed *placed_get(struct vx6_env *env, const struct placed *content)
{
    struct placements *all = &env->placed;
    struct blob *bundle = content->bundle;
    if (bundle == NULL)
        return NULL;
    struct placed *placed = find(all, bundle, content->key);
    if (placed != NULL) {
        blob_drop(env, bundle);
        return placed_hold(placed);
    }
    const uint32_t number = take(env, all);
    if (number == 0) {
        blob_drop(env, bundle);
        return NULL;
    }
    placed = placed_at(all, number);
    *placed = *content;
    placed->number = number;
    placed->references = 1;
    placed->next = bundle->placed_first;
    bundle->placed_first = number;
    all->object_count++;
    return placed;
}

void placed_forget(struct vx6_env *env, struct placed *placed)
{
    struct placements *all = &env->placed;
    uint32_t *link = &placed->bundle->placed_first;
    while (*link != placed->number)
        link = &placed_at(all, *link)->next;
    *link = placed->next;
    blob_drop(env, placed->bundle);
    placed->next = all->free_first;
    all->free_first = placed->number;
    all->object_count--;
}

size_t placed_memory(const struct vx6_env *env)
{
    const struct placements *all = &env->placed;
    return all->block_count * PLACED_BLOCK * sizeof(struct placed) +
           all->block_capacity * sizeof *all->blocks;
}

void placed_clear(struct vx6_env *env)
{
    struct placements *all = &env->placed;
    VX6_ASSERT(all->object_count == 0);
    for (uint32_t i = 0; i < all->block_count; i++)
        env_free(env, all->blocks[i], PLACED_BLOCK * sizeof(struct placed));
    env_free(env, all->blocks, all->block_capacity * sizeof *all->blocks);
    *all = (struct placements){0};
}
