/* SPDX-License-Identifier: MIT */
/* ChaCha20 with fast key erasure. A refill makes two blocks (counters 0 and 1, nonce 0): the first
 * 32 bytes replace the key, the other 96 are given out, each byte once and then erased. So what was
 * drawn cannot be computed again from a later state.
 *
 * The first key is the first half of the block under the seed whose counter and nonce (16 bytes)
 * are the purpose, filled up with zeros. Spec: spec/README.md, VX6-NODE-004. */
#include "rng.h"

#include "bytes.h"

/* One row of the state: four words, on which compilers compute at once. */
typedef uint32_t row __attribute__((vector_size(16)));

/* From the order of bytes in memory to words, and back. */
static inline row little_endian(row words)
{
    const uint16_t one = 1;
    if (*(const uint8_t *)&one == 1)
        return words;
    return words << 24 | (words & 0xff00) << 8 | (words >> 8 & 0xff00) | words >> 24;
}

static inline row row_load(const uint8_t *src)
{
    row words;
    memcpy(&words, src, sizeof words);
    return little_endian(words);
}

static inline void row_store(uint8_t *dst, row words)
{
    words = little_endian(words);
    memcpy(dst, &words, sizeof words);
}

static inline row rotate(row words, unsigned bits)
{
    return words << bits | words >> (32 - bits);
}

/* By 16 bits: the halves of each word change places, which takes one step less. */
static inline row swap_halves(row words)
{
    typedef uint16_t halves __attribute__((vector_size(16)));
    halves from = (halves)words;
    halves swapped = {from[1], from[0], from[3], from[2], from[5], from[4], from[7], from[6]};
    return (row)swapped;
}

/* Lane i takes what was in lane (i + count) % 4. */
static inline row turn(row words, unsigned count)
{
    return (row){
        words[count % 4], words[(count + 1) % 4], words[(count + 2) % 4], words[(count + 3) % 4]};
}

/* The state of one block. */
struct block {
    row a, b, c, d;
};

/* Four quarter rounds, one in each lane. */
static inline void quarter_rounds(struct block *block)
{
    block->a += block->b;
    block->d = swap_halves(block->d ^ block->a);
    block->c += block->d;
    block->b = rotate(block->b ^ block->c, 12);
    block->a += block->b;
    block->d = rotate(block->d ^ block->a, 8);
    block->c += block->d;
    block->b = rotate(block->b ^ block->c, 7);
}

static inline void double_round(struct block *block)
{
    quarter_rounds(block);
    block->b = turn(block->b, 1); /* diagonals become columns */
    block->c = turn(block->c, 2);
    block->d = turn(block->d, 3);
    quarter_rounds(block);
    block->b = turn(block->b, 3);
    block->c = turn(block->c, 2);
    block->d = turn(block->d, 1);
}

static inline struct block block_begin(const uint8_t key[32], const uint8_t input[16])
{
    return (struct block){{0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}, row_load(key),
        row_load(key + 16), row_load(input)};
}

/* Adds what the block began with. */
static inline void block_end(struct block *block, const uint8_t key[32], const uint8_t input[16])
{
    const struct block start = block_begin(key, input);
    block->a += start.a;
    block->b += start.b;
    block->c += start.c;
    block->d += start.d;
}

static inline void store_pair(uint8_t dst[32], row first, row second)
{
    row_store(dst, first);
    row_store(dst + 16, second);
}

void chacha20_block(uint8_t dst[64], const uint8_t key[32], const uint8_t input[16])
{
    struct block block = block_begin(key, input);
    for (unsigned i = 0; i < 10; i++)
        double_round(&block);
    block_end(&block, key, input);
    store_pair(dst, block.a, block.b);
    store_pair(dst + 32, block.c, block.d);
    wipe(&block, sizeof block);
}

/* A round waits for the one before, so that two blocks side by side take little longer than one. */
static void refill(struct rng *rng)
{
    static const uint8_t zero[16], one[16] = {1};
    struct block first = block_begin(rng->key, zero);
    struct block second = block_begin(rng->key, one);
    for (unsigned i = 0; i < 10; i++) {
        double_round(&first);
        double_round(&second);
    }
    block_end(&first, rng->key, zero);
    block_end(&second, rng->key, one);
    store_pair(rng->key, first.a, first.b);
    store_pair(rng->buffer, first.c, first.d);
    store_pair(rng->buffer + 32, second.a, second.b);
    store_pair(rng->buffer + 64, second.c, second.d);
    wipe(&first, sizeof first);
    wipe(&second, sizeof second);
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

/* Draws are short, and most are whole words. */
static inline void move(uint8_t *dst, uint8_t *src, size_t len)
{
    for (; len >= 8; len -= 8, dst += 8, src += 8) {
        memcpy(dst, src, 8);
        memset(src, 0, 8);
    }
    for (; len > 0; len--, dst++, src++) {
        *dst = *src;
        *src = 0;
    }
}

static void take(struct rng *rng, uint8_t *dst, size_t len)
{
    move(dst, rng->buffer + sizeof rng->buffer - rng->left, len);
    rng->left = (uint8_t)(rng->left - len);
}

void rng_bytes(struct rng *rng, void *dst, size_t len)
{
    uint8_t *out = dst;
    while (len > rng->left) {
        size_t part = rng->left;
        take(rng, out, part);
        refill(rng);
        out += part;
        len -= part;
    }
    take(rng, out, len);
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
