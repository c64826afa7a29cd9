/* SPDX-License-Identifier: MIT */
/* Chance and digests: 64-bit integer mixing, the same on every machine. Whatever the simulator
 * draws is a pure function of the seed, of whom it concerns and of a counter; there is no global
 * generator whose state would depend on the order of events. */
#ifndef SIM_MIX_H
#define SIM_MIX_H

#include <stdint.h>

static inline uint64_t mix(uint64_t value)
{
    value += 0x9e3779b97f4a7c15U;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
    return value ^ (value >> 31);
}

static inline uint64_t mix2(uint64_t a, uint64_t b)
{
    return mix(mix(a) ^ b);
}

static inline uint64_t mix3(uint64_t a, uint64_t b, uint64_t c)
{
    return mix(mix2(a, b) ^ c);
}

/* What a draw is for: streams with different purposes never meet. */
enum purpose {
    PURPOSE_IDENTITY = 1,
    PURPOSE_NODE_RNG,
    PURPOSE_PLACE,
    PURPOSE_ADDRESS,
    PURPOSE_PACKET,
    PURPOSE_CHURN,
    PURPOSE_WORKLOAD,
    PURPOSE_WARM,
    PURPOSE_PATTERN,
    PURPOSE_VALIDATE,
    PURPOSE_FAULT,
    PURPOSE_LIAR,
    PURPOSE_LIE,
    PURPOSE_BINDING
};

/* A stream of draws. */
struct draw {
    uint64_t state;
};

static inline struct draw draw_init(uint64_t seed, enum purpose purpose, uint64_t who)
{
    return (struct draw){mix3(seed, (uint64_t)purpose, who)};
}

static inline uint64_t draw_next(struct draw *draw)
{
    draw->state += 0x9e3779b97f4a7c15U;
    return mix(draw->state);
}

/* 0 .. bound - 1 */
static inline uint32_t draw_below(struct draw *draw, uint32_t bound)
{
    return (uint32_t)(((draw_next(draw) >> 32) * bound) >> 32);
}

/* Big-endian everywhere; written so that compilers make one load or store of it. */
static inline uint64_t load_word(const uint8_t bytes[8])
{
    return (uint64_t)bytes[0] << 56 | (uint64_t)bytes[1] << 48 | (uint64_t)bytes[2] << 40 |
           (uint64_t)bytes[3] << 32 | (uint64_t)bytes[4] << 24 | (uint64_t)bytes[5] << 16 |
           (uint64_t)bytes[6] << 8 | bytes[7];
}

static inline void store_word(uint8_t bytes[8], uint64_t word)
{
    bytes[0] = (uint8_t)(word >> 56);
    bytes[1] = (uint8_t)(word >> 48);
    bytes[2] = (uint8_t)(word >> 40);
    bytes[3] = (uint8_t)(word >> 32);
    bytes[4] = (uint8_t)(word >> 24);
    bytes[5] = (uint8_t)(word >> 16);
    bytes[6] = (uint8_t)(word >> 8);
    bytes[7] = (uint8_t)word;
}

/* An exponentially distributed value with this mean (at most 2^40), from 64 random bits. */
uint64_t exponential(uint64_t random, uint64_t mean);

/* Floor of the square root. */
uint32_t root(uint64_t value);

#endif
