/* SPDX-License-Identifier: MIT */
/* A seeded ChaCha20 generator that erases as it goes. A node has two: `secret` for keys, `public`
 * for jitter, query IDs and choices, so that a new jitter draw never moves a key. */
#ifndef VX6_RNG_H
#define VX6_RNG_H

#include "vx6/base.h"

struct rng {
    uint8_t key[32];
    uint8_t buffer[96];
    uint8_t left; /* unread bytes at the end of buffer; the read ones are zero */
};

/* The same seed with another purpose (at most 16 characters) is an independent stream. */
void rng_init(struct rng *rng, const uint8_t seed[32], const char *purpose);
void rng_bytes(struct rng *rng, void *dst, size_t len);
uint32_t rng_below(struct rng *rng, uint32_t bound); /* uniform in [0, bound), bound > 0 */
/* Uniform in [base - base/8, base + base/8]: keeps periodic work of many nodes apart. */
vx6_ns rng_jitter(struct rng *rng, vx6_ns base);

/* The block function of RFC 8439; `input` is its counter and nonce, 16 bytes. */
void chacha20_block(uint8_t block[64], const uint8_t key[32], const uint8_t input[16]);

#endif
