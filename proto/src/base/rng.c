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

/* Four quarter rounds, one in each lane. */
static inline void quarter_rounds(row state[4])
{
    state[0] += state[1];
    state[3] = swap_halves(state[3] ^ state[0]);
    state[2] += state[3];
    state[1] = rotate(state[1] ^ state[2], 12);
    state[0] += state[1];
    state[3] = rotate(state[3] ^ state[0], 8);
    state[2] += state[3];
    state[1] = rotate(state[1] ^ state[2], 7);
}

static inline void double_round(row state[4])
{
    quarter_rounds(state);
    for (unsigned i = 1; i < 4; i++)
        state[i] = turn(state[i], i); /* diagonals become columns */
    quarter_rounds(state);
    for (unsigned i = 1; i < 4; i++)
        state[i] = turn(state[i], 4 - i);
}

static inline void block_begin(row state[4], const uint8_t key[32], const uint8_t input[16])
{
    state[0] = (row){0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    state[1] = row_load(key);
    state[2] = row_load(key + 16);
    state[3] = row_load(input);
}

static inline void block_end(uint8_t block[64], const row state[4], const row start[4])
{
    for (unsigned i = 0; i < 4; i++)
        row_store(block + 16 * i, state[i] + start[i]);
}

void chacha20_block(uint8_t block[64], const uint8_t key[32], const uint8_t input[16])
{
    row start[4], state[4];
    block_begin(start, key, input);
    block_begin(state, key, input);
    for (unsigned i = 0; i < 10; i++)
        double_round(state);
    block_end(block, state, start);
    wipe(start, sizeof start);
    wipe(state, sizeof state);
}

/* The blocks of counters 0 and 1. A round waits for the one before, so that two blocks side by side
 * take little longer than one. */
static void block_pair(uint8_t first[64], uint8_t second[64], const uint8_t key[32])
{
    static const uint8_t zero[16], one[16] = {1};
    row start[2][4], a[4], b[4];
    block_begin(start[0], key, zero);
    block_begin(start[1], key, one);
    block_begin(a, key, zero);
    block_begin(b, key, one);
    for (unsigned i = 0; i < 10; i++) {
        double_round(a);
        double_round(b);
    }
    block_end(first, a, start[0]);
    block_end(second, b, start[1]);
    wipe(start, sizeof start);
    wipe(a, sizeof a);
    wipe(b, sizeof b);
}

static void refill(struct rng *rng)
{
    uint8_t block[64];
    block_pair(block, rng->buffer + 32, rng->key);
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
