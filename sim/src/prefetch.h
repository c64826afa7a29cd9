/* SPDX-License-Identifier: MIT */
/* Nodes are many and caches small: what is known to be needed soon is fetched before. */
#ifndef SIM_PREFETCH_H
#define SIM_PREFETCH_H

#include <stddef.h>
#include <stdint.h>

/* Into the second level: the first is too small. */
static inline void prefetch_line(const void *memory)
{
    __builtin_prefetch(memory, 0, 2);
}

static inline void prefetch(const void *memory, size_t size)
{
    const uint8_t *end = (const uint8_t *)memory + size;
    for (const uint8_t *line = (const uint8_t *)memory - (uintptr_t)memory % 64; line < end;
         line += 64)
        prefetch_line(line);
    /* gcc drops calls of functions that do nothing but this: it sees no effect. */
    __asm__ volatile("" : : "r"(memory));
}

#endif
