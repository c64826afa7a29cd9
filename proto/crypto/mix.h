/* SPDX-License-Identifier: MIT */
/* A fast keyed mix of bytes, for the model provider: two lanes of 64 bits. It finds every accident
 * and no attack. The same on every machine. */
#ifndef VX6_CRYPTO_MIX_H
#define VX6_CRYPTO_MIX_H

#include <string.h>

#include "vx6/base.h"

#define MIX_MULTIPLIER_A 0x9e3779b97f4a7c15u
#define MIX_MULTIPLIER_B 0xc2b2ae3d27d4eb4fu

struct mix {
    uint64_t a, b;
};

static inline uint64_t mix_rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

/* From the order of bytes in memory to a word, and back. */
static inline uint64_t mix_little_endian(uint64_t word)
{
    const uint16_t one = 1;
    if (*(const uint8_t *)&one == 1)
        return word;
    word = (word & 0x00ff00ff00ff00ffu) << 8 | (word >> 8 & 0x00ff00ff00ff00ffu);
    word = (word & 0x0000ffff0000ffffu) << 16 | (word >> 16 & 0x0000ffff0000ffffu);
    return word << 32 | word >> 32;
}

static inline uint64_t mix_load(const uint8_t *src)
{
    uint64_t word;
    memcpy(&word, src, sizeof word);
    return mix_little_endian(word);
}

static inline void mix_store(uint8_t *dst, uint64_t word)
{
    word = mix_little_endian(word);
    memcpy(dst, &word, sizeof word);
}

/* With the other two as they are, another lane or word leads to another result: no change of one
 * word is lost on the way. The turns are no multiples of 8 bits, so that a byte that stands in both
 * words does not cancel itself out. */
static inline uint64_t mix_lane(uint64_t lane, uint64_t first, uint64_t second)
{
    return mix_rotate((lane ^ first) * MIX_MULTIPLIER_A + mix_rotate(second, 29), 29);
}

static inline struct mix mix_start(uint64_t salt, uint64_t purpose)
{
    return (struct mix){salt ^ MIX_MULTIPLIER_B, purpose * MIX_MULTIPLIER_B};
}

static inline void mix_word(struct mix *mix, uint64_t word)
{
    mix->a = mix_lane(mix->a, word, mix->b);
}

/* Of 32 bytes. */
static inline void mix_key(struct mix *mix, const uint8_t *key)
{
    mix->a = mix_lane(mix->a, mix_load(key), mix_load(key + 8));
    mix->b = mix_lane(mix->b, mix_load(key + 16), mix_load(key + 24));
}

/* Parts cannot run into each other: their lengths count. */
void mix_bytes(struct mix *mix, const uint8_t *data, size_t len);

static inline uint64_t mix_finish_word(uint64_t word)
{
    word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9u;
    word = (word ^ word >> 27) * 0x94d049bb133111ebu;
    return word ^ word >> 31;
}

/* The words of a tag, one after the other: each differs from the one before by the same. Two tags
 * of two words are equal only if the mixes are. */
struct mix_tag {
    uint64_t word, step;
};

static inline struct mix_tag mix_tag(const struct mix *mix)
{
    uint64_t word = mix_finish_word(mix->a + mix_rotate(mix->b, 17));
    return (struct mix_tag){word, mix->b ^ word};
}

/* `len` is a multiple of 8. The mix can go on afterwards. */
static inline void mix_finish(const struct mix *mix, uint8_t *out, size_t len)
{
    struct mix_tag tag = mix_tag(mix);
    for (size_t i = 0; i < len; i += 8, tag.word += tag.step)
        mix_store(out + i, tag.word);
}

/* Is this what mix_finish gives? */
static inline bool mix_matches(const struct mix *mix, const uint8_t *bytes, size_t len)
{
    struct mix_tag tag = mix_tag(mix);
    uint64_t difference = 0;
#pragma GCC unroll 4
    for (size_t i = 0; i < len; i += 8, tag.word += tag.step)
        difference |= mix_load(bytes + i) ^ tag.word;
    return difference == 0;
}

#endif
