/* SPDX-License-Identifier: MIT */
/* Nodes are many and caches small: what is known to be needed soon is fetched before. */
#ifndef SIM_PREFETCH_H
#define SIM_PREFETCH_H

#include <stddef.h>

static inline void prefetch(const void *memory, size_t size)
{
    for (size_t i = 0; i < size; i += 64)
        __builtin_prefetch((const char *)memory + i);
}

#endif
