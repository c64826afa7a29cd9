/* SPDX-License-Identifier: MIT */
/* Bytes to integers and back, comparison, wiping, and objects by their parts. */
#ifndef VX6_BYTES_H
#define VX6_BYTES_H

#include <string.h>

#include "vx6/base.h"

static inline uint16_t load_u16(const uint8_t *src)
{
    return (uint16_t)((unsigned)src[0] << 8 | src[1]);
}

static inline uint32_t load_u32(const uint8_t *src)
{
    return (uint32_t)load_u16(src) << 16 | load_u16(src + 2);
}

static inline uint64_t load_u64(const uint8_t *src)
{
    return (uint64_t)load_u32(src) << 32 | load_u32(src + 4);
}

static inline void store_u16(uint8_t *dst, uint16_t value)
{
    dst[0] = (uint8_t)(value >> 8);
    dst[1] = (uint8_t)value;
}

static inline void store_u32(uint8_t *dst, uint32_t value)
{
    store_u16(dst, (uint16_t)(value >> 16));
    store_u16(dst + 2, (uint16_t)value);
}

static inline void store_u64(uint8_t *dst, uint64_t value)
{
    store_u32(dst, (uint32_t)(value >> 32));
    store_u32(dst + 4, (uint32_t)value);
}

static inline bool bytes_equal(const void *a, const void *b, size_t len)
{
    return len == 0 || memcmp(a, b, len) == 0;
}

static inline bool span_equal(vx6_span a, vx6_span b)
{
    return a.len == b.len && bytes_equal(a.data, b.data, a.len);
}

static inline bool is_zero(const uint8_t *data, size_t len)
{
    /* The first byte is zero, and each other one equals the one before it. */
    return len == 0 || (data[0] == 0 && memcmp(data, data + 1, len - 1) == 0);
}

/* Takes the same time wherever the bytes differ. */
static inline bool equal_ct(const uint8_t *a, const uint8_t *b, size_t len)
{
    uint8_t difference = 0;
    for (size_t i = 0; i < len; i++)
        difference |= (uint8_t)(a[i] ^ b[i]);
    return difference == 0;
}

/* A memset that the compiler cannot drop: for all it knows, what follows reads the memory. */
static inline void wipe(void *memory, size_t len)
{
    memset(memory, 0, len);
    __asm__ volatile("" : : "r"(memory) : "memory");
}

static inline bool addr_equal(const vx6_addr *a, const vx6_addr *b)
{
    return a->port == b->port && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

/* So that it is in the cache soon. Changes nothing. */
static inline void prefetch(const void *memory, size_t size)
{
    /* With numbers: there is no reckoning with NULL, nor with what lies before an object. */
    const uintptr_t begin = (uintptr_t)memory, end = begin + size;
    for (uintptr_t line = begin - begin % 64; line < end; line += 64)
        __builtin_prefetch((const void *)line, 0, 2); /* second level: the first is too small */
    /* gcc drops calls of functions that do nothing but this: it sees no effect. */
    __asm__ volatile("" : : "r"(memory));
}

static inline void prefetch_between(const void *begin, const void *end)
{
    prefetch(begin, (size_t)((const uint8_t *)end - (const uint8_t *)begin));
}

#define CONTAINER_OF(pointer, type, member)                                                        \
    ((type *)(void *)((uint8_t *)(pointer)-offsetof(type, member)))

#endif
