/* SPDX-License-Identifier: MIT */
/* What every provider does the same way, for real: hashes of public data and identity keys, which
 * decide where things are placed. Spec: spec/crypto.md, "Providers". */
#ifndef VX6_CRYPTO_COMMON_H
#define VX6_CRYPTO_COMMON_H

#include "vx6/crypto.h"

/* Offsets in a sealed ask and a sealed answer; spec/crypto.md, "Sealed queries". */
enum {
    SEALED_EPHEMERAL_AT = VX6_QUERY_HEADER_SIZE,
    ASK_MAC2_AT = VX6_ASK_MAC1_AT + VX6_MAC_SIZE
};

enum {
    COMMON_LOW_ORDER_COUNT = 7
};

/* libsodium chooses its fast code once per process; cheap when done. */
void common_ready(void);

void common_sha256(
    const struct vx6_crypto *self, uint8_t hash[32], const uint8_t *data, size_t len);
void common_sign_public(
    const struct vx6_crypto *self, uint8_t public_key[32], const uint8_t seed[32]);
bool common_sign_public_is_valid(const struct vx6_crypto *self, const uint8_t public_key[32]);

/* True for the X25519 public keys whose shared secret is zero whatever the other key is. */
bool common_is_low_order(const uint8_t public_key[32]);
/* One of them, for tests: index < COMMON_LOW_ORDER_COUNT. */
void common_low_order_point(uint8_t public_key[32], unsigned index);

/* An answer repeats the suite and query ID of its ask, and its key hint is zero. */
bool common_answer_fits(const uint8_t *ask_header, const uint8_t *answer_header);

#endif
