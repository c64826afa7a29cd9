/* SPDX-License-Identifier: MIT */
#ifndef VX6_PREFETCH_H
#define VX6_PREFETCH_H

#include <stddef.h>

static inline void prefetch(const void *memory, size_t size)
{
    const char *at = memory;
    for (size_t i = 0; i < size; i += 64)
        __builtin_prefetch(at + i);
}

#endif
