/* SPDX-License-Identifier: MIT */
/* A fast keyed mix of bytes, for the model provider: four lanes of 64 bits. It finds every accident
 * and no attack. The same on every machine. */
#ifndef VX6_CRYPTO_MIX_H
#define VX6_CRYPTO_MIX_H

#include "vx6/base.h"

struct mix {
    uint64_t lanes[4];
};

struct mix mix_start(uint64_t salt, uint64_t purpose);
void mix_word(struct mix *mix, uint64_t word);
/* Parts cannot run into each other: their lengths count. */
void mix_bytes(struct mix *mix, const uint8_t *data, size_t len);
/* `len` is a multiple of 8. The mix can go on afterwards. */
void mix_finish(const struct mix *mix, uint8_t *out, size_t len);
/* Is this what mix_finish gives? At most VX6_SIG_SIZE bytes. */
bool mix_matches(const struct mix *mix, const uint8_t *tag, size_t len);

#endif
