/* SPDX-License-Identifier: MIT */
/* ChaCha20 with fast key erasure. A refill makes two blocks (counters 0 and 1, nonce 0): the first
 * 32 bytes replace the key, the other 96 are given out, each byte once and then erased. So what was
 * drawn cannot be computed again from a later state.
 *
 * The first key is the first half of the block under the seed whose counter and nonce (16 bytes)
 * are the purpose, filled up with zeros. Spec: spec/README.md, VX6-NODE-004. */
#include "rng.h"

#include "bytes.h"

static uint32_t load_le(const uint8_t *src)
{
    return (uint32_t)src[0] | (uint32_t)src[1] << 8 | (uint32_t)src[2] << 16 |
           (uint32_t)src[3] << 24;
}

static inline uint32_t rotate(uint32_t x, unsigned bits)
{
    return x << bits | x >> (32 - bits);
}

static inline void quarter_round(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
    *a += *b;
    *d = rotate(*d ^ *a, 16);
    *c += *d;
    *b = rotate(*b ^ *c, 12);
    *a += *b;
    *d = rotate(*d ^ *a, 8);
    *c += *d;
    *b = rotate(*b ^ *c, 7);
}

void chacha20_block(uint8_t block[64], const uint8_t key[32], const uint8_t input[16])
{
    uint32_t start[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    for (unsigned i = 0; i < 8; i++)
        start[4 + i] = load_le(key + 4 * i);
    for (unsigned i = 0; i < 4; i++)
        start[12 + i] = load_le(input + 4 * i);

    uint32_t x[16];
    memcpy(x, start, sizeof x);
    for (unsigned i = 0; i < 10; i++) {
        quarter_round(&x[0], &x[4], &x[8], &x[12]);
        quarter_round(&x[1], &x[5], &x[9], &x[13]);
        quarter_round(&x[2], &x[6], &x[10], &x[14]);
        quarter_round(&x[3], &x[7], &x[11], &x[15]);
        quarter_round(&x[0], &x[5], &x[10], &x[15]);
        quarter_round(&x[1], &x[6], &x[11], &x[12]);
        quarter_round(&x[2], &x[7], &x[8], &x[13]);
        quarter_round(&x[3], &x[4], &x[9], &x[14]);
    }
    for (unsigned i = 0; i < 16; i++) {
        uint32_t word = x[i] + start[i];
        block[4 * i] = (uint8_t)word;
        block[4 * i + 1] = (uint8_t)(word >> 8);
        block[4 * i + 2] = (uint8_t)(word >> 16);
        block[4 * i + 3] = (uint8_t)(word >> 24);
    }
    wipe(start, sizeof start);
    wipe(x, sizeof x);
}

static void refill(struct rng *rng)
{
    uint8_t input[16] = {0};
    uint8_t block[64];
    chacha20_block(block, rng->key, input);
    input[0] = 1;
    chacha20_block(rng->buffer + 32, rng->key, input);
    memcpy(rng->key, block, 32);
    memcpy(rng->buffer, block + 32, 32);
    wipe(block, sizeof block);
    rng->left = sizeof rng->buffer;
}

void rng_init(struct rng *rng, const uint8_t seed[32], const char *purpose)
{
    uint8_t input[16] = {0};
    uint8_t block[64];
    size_t len = 0;
    for (; purpose[len] != 0; len++) {
        VX6_ASSERT(len < sizeof input);
        input[len] = (uint8_t)purpose[len];
    }
    VX6_ASSERT(len > 0);
    *rng = (struct rng){0};
    chacha20_block(block, seed, input);
    memcpy(rng->key, block, 32);
    wipe(block, sizeof block);
}

void rng_bytes(struct rng *rng, void *dst, size_t len)
{
    uint8_t *out = dst;
    while (len > 0) {
        if (rng->left == 0)
            refill(rng);
        size_t part = len < rng->left ? len : rng->left;
        uint8_t *unread = rng->buffer + sizeof rng->buffer - rng->left;
        memcpy(out, unread, part);
        memset(unread, 0, part);
        rng->left = (uint8_t)(rng->left - part);
        out += part;
        len -= part;
    }
}

static uint64_t draw_below(struct rng *rng, uint64_t bound)
{
    VX6_ASSERT(bound > 0);
    uint64_t end = UINT64_MAX - UINT64_MAX % bound; /* a multiple of bound */
    uint64_t value;
    do {
        uint8_t bytes[8];
        rng_bytes(rng, bytes, sizeof bytes);
        value = load_u64(bytes);
    } while (value >= end);
    return value % bound;
}

uint32_t rng_below(struct rng *rng, uint32_t bound)
{
    return (uint32_t)draw_below(rng, bound);
}

vx6_ns rng_jitter(struct rng *rng, vx6_ns base)
{
    vx6_ns spread = base / 8;
    return base - spread + draw_below(rng, 2 * spread + 1);
}
