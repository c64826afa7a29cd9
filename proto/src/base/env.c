/* SPDX-License-Identifier: MIT */
/* The one door to memory: everything allocated here is counted by exact sizes, so the host's
 * allocator needs no headers and a test can fail the n-th call. Spec: spec/README.md. */
#include "env.h"

#include "bytes.h"

vx6_env *vx6_env_new(vx6_alloc alloc, const struct vx6_crypto *crypto,
    const struct vx6_limits *limits, const struct vx6_trace *trace)
{
    VX6_ASSERT(alloc.resize != NULL && crypto != NULL && limits != NULL);
    vx6_env *env = alloc.resize(alloc.context, NULL, 0, sizeof *env);
    if (env == NULL)
        return NULL;
    *env = (vx6_env){.alloc = alloc, .crypto = crypto, .limits = limits, .trace = trace};
    return env;
}

void vx6_env_free(vx6_env *env)
{
    if (env == NULL)
        return;
    intern_clear(env, &env->peers);
    placed_clear(env);
    intern_clear(env, &env->blobs);
    env_wipe_free(env, env->scratch, ENV_SCRATCH_SIZE);
    env_free(env, env->spare, ENV_SPARE_SIZE);
    vx6_alloc alloc = env->alloc;
    alloc.resize(alloc.context, env, sizeof *env, 0);
}

void *env_alloc_any(vx6_env *env, size_t size)
{
    VX6_ASSERT(size > 0);
    return env->alloc.resize(env->alloc.context, NULL, 0, size);
}

void *env_alloc(vx6_env *env, size_t size)
{
    void *memory = env_alloc_any(env, size);
    if (memory != NULL)
        memset(memory, 0, size);
    return memory;
}

void *env_resize(vx6_env *env, void *memory, size_t size_from, size_t size_to)
{
    VX6_ASSERT(size_to > 0 && (memory == NULL) == (size_from == 0));
    uint8_t *moved = env->alloc.resize(env->alloc.context, memory, size_from, size_to);
    if (moved != NULL && size_to > size_from)
        memset(moved + size_from, 0, size_to - size_from);
    return moved;
}

void *env_grow(
    vx6_env *env, void *items, uint32_t *capacity, size_t size, uint32_t first, uint32_t max)
{
    uint32_t grown = *capacity == 0 ? first : *capacity * 2;
    if (grown > max || grown < *capacity)
        grown = max;
    VX6_ASSERT(grown > *capacity);
    void *moved = env_resize(env, items, *capacity * size, grown * size);
    if (moved != NULL)
        *capacity = grown;
    return moved;
}

uint8_t *env_scratch(vx6_env *env)
{
    if (env->scratch == NULL)
        env->scratch = env_alloc(env, ENV_SCRATCH_SIZE);
    return env->scratch;
}

void *env_spare_take(vx6_env *env)
{
    void *memory = env->spare;
    if (memory == NULL)
        return env_alloc_any(env, ENV_SPARE_SIZE);
    env->spare = NULL;
    return memory;
}

void env_spare_give(vx6_env *env, void *memory)
{
    if (env->spare == NULL)
        env->spare = memory;
    else
        env_free(env, memory, ENV_SPARE_SIZE);
}

void env_free(vx6_env *env, void *memory, size_t size)
{
    if (memory != NULL)
        env->alloc.resize(env->alloc.context, memory, size, 0);
}

void env_wipe_free(vx6_env *env, void *memory, size_t size)
{
    if (memory != NULL)
        wipe(memory, size);
    env_free(env, memory, size);
}
