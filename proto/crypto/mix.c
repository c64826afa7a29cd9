/* SPDX-License-Identifier: MIT */
/* For a given lane every word leads to another lane, so a change of one word is always seen by the
 * lane it goes to; the lanes meet at the end of each part and when a tag is taken. */
#include "mix.h"

#include <string.h>

#define MULTIPLIER_A 0x9e3779b97f4a7c15u
#define MULTIPLIER_B 0xc2b2ae3d27d4eb4fu

static inline uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

/* Little-endian everywhere; written so that compilers make one load of it. */
static inline uint64_t load_word(const uint8_t *src)
{
    return (uint64_t)src[0] | (uint64_t)src[1] << 8 | (uint64_t)src[2] << 16 |
           (uint64_t)src[3] << 24 | (uint64_t)src[4] << 32 | (uint64_t)src[5] << 40 |
           (uint64_t)src[6] << 48 | (uint64_t)src[7] << 56;
}

static inline void store_word(uint8_t *dst, uint64_t word)
{
    dst[0] = (uint8_t)word;
    dst[1] = (uint8_t)(word >> 8);
    dst[2] = (uint8_t)(word >> 16);
    dst[3] = (uint8_t)(word >> 24);
    dst[4] = (uint8_t)(word >> 32);
    dst[5] = (uint8_t)(word >> 40);
    dst[6] = (uint8_t)(word >> 48);
    dst[7] = (uint8_t)(word >> 56);
}

static inline uint64_t mix_lane(uint64_t lane, uint64_t word)
{
    return rotate(lane ^ word, 29) * MULTIPLIER_A;
}

static inline uint64_t finish_word(uint64_t word)
{
    word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9u;
    word = (word ^ word >> 27) * 0x94d049bb133111ebu;
    return word ^ word >> 31;
}

void mix_word(struct mix *mix, uint64_t word)
{
    mix->lanes[0] = mix_lane(mix->lanes[0] ^ mix->lanes[3], word);
    mix->lanes[1] += rotate(mix->lanes[0], 13);
    mix->lanes[2] ^= rotate(mix->lanes[0], 29) + mix->lanes[1];
    mix->lanes[3] += rotate(mix->lanes[2], 43);
}

struct mix mix_start(uint64_t salt, uint64_t purpose)
{
    struct mix mix = {{MULTIPLIER_A, MULTIPLIER_B, ~MULTIPLIER_A, ~MULTIPLIER_B}};
    mix_word(&mix, salt);
    mix_word(&mix, purpose);
    return mix;
}

/* Most messages are mostly padding. That the length counts and the zeros at the end do not is as
 * good as counting both. */
static size_t without_padding(const uint8_t *data, size_t len)
{
    static const uint8_t zeros[128];
    while (len >= sizeof zeros && memcmp(data + len - sizeof zeros, zeros, sizeof zeros) == 0)
        len -= sizeof zeros;
    return len;
}

void mix_bytes(struct mix *mix, const uint8_t *data, size_t len)
{
    uint64_t a = mix->lanes[0] ^ (uint64_t)len * MULTIPLIER_A;
    len = without_padding(data, len);
    uint64_t b = mix->lanes[1];
    uint64_t c = mix->lanes[2];
    uint64_t d = mix->lanes[3];
    for (; len >= 32; len -= 32, data += 32) {
        a = mix_lane(a, load_word(data));
        b = mix_lane(b, load_word(data + 8));
        c = mix_lane(c, load_word(data + 16));
        d = mix_lane(d, load_word(data + 24));
    }
    *mix = (struct mix){{a, b, c, d}};
    for (; len >= 8; len -= 8, data += 8)
        mix_word(mix, load_word(data));
    uint64_t last = 0;
    for (size_t i = 0; i < len; i++)
        last |= (uint64_t)data[i] << 8 * i;
    mix_word(mix, last);
}

void mix_finish(const struct mix *mix, uint8_t *out, size_t len)
{
    const uint64_t *lanes = mix->lanes;
    uint64_t a = finish_word(lanes[0] + rotate(lanes[1], 17) + rotate(lanes[2], 29) + lanes[3]);
    uint64_t b = finish_word(lanes[3] + rotate(lanes[0], 41) + rotate(lanes[1], 11) + a);
    for (size_t i = 0; i < len; i += 8) {
        store_word(out + i, a);
        a = finish_word(a + b);
        b += MULTIPLIER_A;
    }
}

bool mix_matches(const struct mix *mix, const uint8_t *tag, size_t len)
{
    uint8_t expected[VX6_SIG_SIZE];
    mix_finish(mix, expected, len);
    return memcmp(expected, tag, len) == 0;
}
