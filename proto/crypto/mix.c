/* SPDX-License-Identifier: MIT */
#include "mix.h"

enum {
    BLOCK_SIZE = 64
};

/* Four lanes, since one has to wait for its own multiplication. */
struct lanes {
    uint64_t a, b, c, d;
};

static inline struct lanes mix_block(struct lanes lanes, const uint8_t *block)
{
    return (struct lanes){mix_lane(lanes.a, mix_load(block), mix_load(block + 8)),
        mix_lane(lanes.b, mix_load(block + 16), mix_load(block + 24)),
        mix_lane(lanes.c, mix_load(block + 32), mix_load(block + 40)),
        mix_lane(lanes.d, mix_load(block + 48), mix_load(block + 56))};
}

static void mix_short(struct mix *mix, const uint8_t *data, size_t len)
{
    mix_word(mix, len);
    for (; len >= 8; data += 8, len -= 8)
        mix_word(mix, mix_load(data));
    if (len > 0) {
        uint8_t filled[8] = {0};
        memcpy(filled, data, len);
        mix_word(mix, mix_load(filled));
    }
}

void mix_bytes(struct mix *mix, const uint8_t *data, size_t len)
{
    if (len < BLOCK_SIZE) {
        mix_short(mix, data, len);
        return;
    }
    struct lanes lanes = {mix->a ^ len, mix->b, MIX_MULTIPLIER_A, MIX_MULTIPLIER_B};
    /* The last block may overlap the one before: since lengths count, each byte needs to be in one
     * block at least. */
    const uint8_t *last = data + len - BLOCK_SIZE;
    for (; data < last; data += BLOCK_SIZE)
        lanes = mix_block(lanes, data);
    lanes = mix_block(lanes, last);
    mix->a = mix_lane(lanes.a, lanes.c, lanes.b);
    mix->b = mix_lane(lanes.b, lanes.d, lanes.a);
}
