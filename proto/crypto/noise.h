/* SPDX-License-Identifier: MIT */
/* The Noise Protocol Framework, revision 34: the seven patterns that have uses here, X25519,
 * SHA-256, both AEADs. Randomness is given, so every run can be repeated. */
#ifndef VX6_CRYPTO_NOISE_H
#define VX6_CRYPTO_NOISE_H

#include "vx6/crypto.h"

enum noise_pattern {
    NOISE_N,
    NOISE_X,
    NOISE_NK,
    NOISE_KK,
    NOISE_IK,
    NOISE_XX,
    NOISE_IX
};

struct noise {
    uint8_t chaining_key[32], hash[32];
    uint8_t key[32];
    uint64_t nonce;
    bool has_key;
    bool initiator;
    uint8_t step; /* messages so far */
    enum noise_pattern pattern;
    enum vx6_suite suite;
    uint8_t static_secret[32], static_public[32];
    uint8_t ephemeral_secret[32], ephemeral_public[32];
    uint8_t remote_static[32], remote_ephemeral[32];
};

struct noise_config {
    enum noise_pattern pattern;
    enum vx6_suite suite;
    bool initiator;
    vx6_span prologue;
    const uint8_t *static_secret;    /* NULL: none */
    const uint8_t *ephemeral_secret; /* NULL: none */
    const uint8_t *remote_static;    /* NULL: not known; then the pattern must not need it */
};

/* False when a key that is known in advance has low order. */
VX6_MUST_CHECK bool noise_init(struct noise *noise, const struct noise_config *config);

/* Writes the next message and returns its size. Out of turn is the caller's error. */
size_t noise_write(struct noise *noise, const uint8_t *payload, size_t len, uint8_t *message);
/* Reads the next message; the payload has `len` minus noise_overhead(). After a failure the state
 * is of no use. */
VX6_MUST_CHECK bool noise_read(
    struct noise *noise, const uint8_t *message, size_t len, uint8_t *payload);
size_t noise_overhead(const struct noise *noise); /* of the next message */
bool noise_is_done(const struct noise *noise);

/* Keys of the two directions, the initiator's first. */
void noise_split(const struct noise *noise, uint8_t first[32], uint8_t second[32]);

#endif
