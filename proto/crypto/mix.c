/* SPDX-License-Identifier: MIT */
#include "mix.h"

#include <string.h>

enum {
    BLOCK_SIZE = 64
};

/* Four lanes, since one has to wait for its own multiplication. */
static inline void mix_block(uint64_t lanes[4], const uint8_t *block)
{
    for (unsigned i = 0; i < 4; i++)
        lanes[i] = mix_lane(lanes[i], mix_load(block + 16 * i), mix_load(block + 16 * i + 8));
}

void mix_bytes(struct mix *mix, const uint8_t *data, size_t len)
{
    uint64_t lanes[4] = {mix->a ^ len, mix->b, MIX_MULTIPLIER_A, MIX_MULTIPLIER_B};
    uint8_t filled[BLOCK_SIZE];
    if (len < BLOCK_SIZE) {
        memset(filled, 0, sizeof filled);
        if (len > 0)
            memcpy(filled, data, len);
        data = filled;
        len = BLOCK_SIZE;
    }
    /* The last block may overlap the one before: since lengths count, each byte needs to be in one
     * block at least. */
    const uint8_t *last = data + len - BLOCK_SIZE;
    for (; data < last; data += BLOCK_SIZE)
        mix_block(lanes, data);
    mix_block(lanes, last);
    mix->a = mix_lane(lanes[0], lanes[2], lanes[1]);
    mix->b = mix_lane(lanes[1], lanes[3], lanes[0]);
}
