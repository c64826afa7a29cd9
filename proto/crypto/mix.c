/* SPDX-License-Identifier: MIT */
#include "mix.h"

enum {
    WORD_SIZE = 8,
    ROW_SIZE = 16,
    BLOCK_SIZE = 64,
    LONG = 2 * BLOCK_SIZE /* from here on sums pay */
};

/* Four words of 32 bits, on which compilers compute at once. */
typedef uint32_t row __attribute__((vector_size(ROW_SIZE)));

/* From the order of bytes in memory to words, and back. */
static inline row row_little_endian(row words)
{
    const uint16_t one = 1;
    if (*(const uint8_t *)&one == 1)
        return words;
    return words << 24 | (words & 0xff00) << 8 | (words >> 8 & 0xff00) | words >> 24;
}

static inline row row_turn(row words)
{
    return (row){words[1], words[2], words[3], words[0]};
}

/* The sum of all words, and that of all such sums on the way: so each word counts, and its place
 * does. It turns, since what comes twice to the highest bit of a word is lost there. */
struct sums {
    row words, sums;
};

static inline void add(struct sums *sums, const uint8_t *src)
{
    row words;
    memcpy(&words, src, sizeof words);
    sums->words += row_little_endian(words);
    sums->sums = row_turn(sums->sums) + sums->words;
}

/* Two chains side by side, since one has to wait for its own sums. */
struct chains {
    struct sums even, odd;
};

static inline void add_block(struct chains *chains, const uint8_t *block)
{
    add(&chains->even, block);
    add(&chains->odd, block + ROW_SIZE);
    add(&chains->even, block + 2 * ROW_SIZE);
    add(&chains->odd, block + 3 * ROW_SIZE);
}

static uint64_t part_of_word(const uint8_t *data, size_t len)
{
    uint64_t word = 0;
    while (len > 0)
        word = word << 8 | data[--len];
    return word;
}

static uint64_t mix_short(uint64_t lane, const uint8_t *data, size_t len)
{
    const uint8_t *end = data + len;
    const uint8_t *last = len < ROW_SIZE ? data : end - ROW_SIZE;
    for (; data < last; data += ROW_SIZE)
        lane = mix_lane(lane, mix_load(data), mix_load(data + WORD_SIZE));
    return mix_lane(lane, mix_load(last), mix_load(end - WORD_SIZE));
}

static inline uint64_t mix_row(uint64_t lane, row words)
{
    uint8_t bytes[ROW_SIZE];
    words = row_little_endian(words);
    memcpy(bytes, &words, sizeof bytes);
    return mix_lane(lane, mix_load(bytes), mix_load(bytes + WORD_SIZE));
}

static void mix_long(struct mix *mix, const uint8_t *data, size_t len)
{
    struct chains chains = {0};
    const uint8_t *last = data + len - BLOCK_SIZE;
    for (; data < last; data += BLOCK_SIZE)
        add_block(&chains, data);
    add_block(&chains, last);
    mix->a = mix_row(mix_row(mix->a, chains.even.words), chains.even.sums);
    mix->b = mix_row(mix_row(mix->b, chains.odd.words), chains.odd.sums);
}

/* What is mixed last may overlap what comes before it: since lengths count, it is enough that each
 * byte is mixed. */
void mix_bytes(struct mix *mix, const uint8_t *data, size_t len)
{
    mix->a ^= len * MIX_MULTIPLIER_B;
    if (len >= LONG)
        mix_long(mix, data, len);
    else if (len >= WORD_SIZE)
        mix->a = mix_short(mix->a, data, len);
    else
        mix_word(mix, part_of_word(data, len));
}
