/* SPDX-License-Identifier: MIT */
/* An allocator for unit tests that counts, checks the sizes given back, and can fail the n-th
 * request. */
#ifndef VX6_TEST_MEMORY_H
#define VX6_TEST_MEMORY_H

#include <stdlib.h>
#include <string.h>

#include "vx6/node.h"

struct memory {
    size_t held, blocks;
    uint64_t requests;
    uint64_t fail_at; /* 0: none */
};

/* The size lies before the memory, so that a wrong one given back shows. */
static inline void *memory_resize(void *context, void *memory, size_t size_from, size_t size_to)
{
    struct memory *counts = context;
    uint8_t *block = memory ? (uint8_t *)memory - 16 : NULL;
    if (block != NULL) {
        size_t size;
        memcpy(&size, block, sizeof size);
        VX6_ASSERT(size == size_from);
    } else {
        VX6_ASSERT(size_from == 0);
    }
    if (size_to > 0 && ++counts->requests == counts->fail_at)
        return NULL;
    counts->held += size_to - size_from;
    counts->blocks += (size_to > 0) - (size_t)(size_from > 0);
    if (size_to == 0) {
        free(block);
        return NULL;
    }
    uint8_t *moved = realloc(block, size_to + 16);
    VX6_ASSERT(moved != NULL);
    memcpy(moved, &size_to, sizeof size_to);
    if (size_to > size_from)
        memset(moved + 16 + size_from, 0xa5, size_to - size_from);
    return moved + 16;
}

#endif
