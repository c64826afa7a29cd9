/* SPDX-License-Identifier: MIT */
/* Sealed queries: Noise NK in one datagram each way. Spec: spec/crypto.md, "Sealed queries". */
#ifndef VX6_CRYPTO_SEALED_H
#define VX6_CRYPTO_SEALED_H

#include "vx6/crypto.h"

/* The X25519 key to which asks for an identity are sealed. */
void sealed_query_public(uint8_t public_key[32], const uint8_t identity[32]);

void sealed_ask_seal(const struct vx6_crypto *self, struct vx6_ask *ask,
    const uint8_t ephemeral_seed[32], const uint8_t responder[32], const uint8_t *payload,
    size_t len, uint8_t *datagram);
bool sealed_ask_open(const struct vx6_crypto *self, struct vx6_ask *ask,
    const uint8_t identity_seed[32], const uint8_t identity[32], const uint8_t *datagram,
    uint8_t room[VX6_ASK_PAYLOAD_SIZE], vx6_span *payload);
void sealed_answer_seal(const struct vx6_crypto *self, struct vx6_ask *ask,
    const uint8_t ephemeral_seed[32], const uint8_t *payload, size_t len, uint8_t *datagram);
bool sealed_answer_open(const struct vx6_crypto *self, const struct vx6_ask *ask,
    const uint8_t *datagram, uint8_t room[VX6_ANSWER_PAYLOAD_SIZE], vx6_span *payload);

#endif
