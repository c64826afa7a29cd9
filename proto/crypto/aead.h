/* SPDX-License-Identifier: MIT */
/* The two AEADs of Noise: ChaCha20-Poly1305 and AES-256-GCM, with a 64-bit counter as nonce.
 * Spec: spec/crypto.md, "Primitives". */
#ifndef VX6_CRYPTO_AEAD_H
#define VX6_CRYPTO_AEAD_H

#include "vx6/crypto.h"

/* What goes in: associated data and a text, plain or sealed. */
struct aead_input {
    const uint8_t *ad;
    size_t ad_len;
    const uint8_t *text;
    size_t len;
};

/* One message under a key that is used rarely. `out` may be the input text. */
void aead_seal(enum vx6_suite suite, const uint8_t key[32], uint64_t nonce,
    const struct aead_input *input, uint8_t *out);
bool aead_open(enum vx6_suite suite, const uint8_t key[32], uint64_t nonce,
    const struct aead_input *input, uint8_t *out);

/* The next message of a cipher, which keeps its expanded key. `open` moves the nonce on success
 * only. */
void aead_cipher_seal(struct vx6_cipher *cipher, const struct aead_input *input, uint8_t *out);
bool aead_cipher_open(struct vx6_cipher *cipher, const struct aead_input *input, uint8_t *out);
void aead_cipher_rekey(struct vx6_cipher *cipher);
void aead_cipher_clear(struct vx6_cipher *cipher);

#endif
