/* SPDX-License-Identifier: MIT */
/* Proofs of address of the real provider: mac1 alone, mac2, and the cookie that mac2 needs.
 * Spec: spec/crypto.md, "Proofs of address". */
#ifndef VX6_CRYPTO_COOKIE_H
#define VX6_CRYPTO_COOKIE_H

#include "vx6/crypto.h"

/* The key of what anybody who knows the responder's identity key can make: the hash of label and
 * key. */
void cookie_label_key(uint8_t key[32], const char label[8], const uint8_t responder[32]);
void cookie_mac1(uint8_t mac[VX6_MAC_SIZE], const uint8_t responder[32], const uint8_t *ask);

/* See struct vx6_crypto. */
bool cookie_ask_is_for(
    const struct vx6_crypto *self, const uint8_t identity[32], const uint8_t *datagram);
void cookie_ask_prove(
    const struct vx6_crypto *self, const uint8_t cookie[VX6_COOKIE_SIZE], uint8_t *datagram);
bool cookie_ask_is_proven(
    const struct vx6_crypto *self, const uint8_t cookie[VX6_COOKIE_SIZE], const uint8_t *datagram);
void cookie_seal(const struct vx6_crypto *self, const uint8_t responder[32],
    const uint8_t mac1[VX6_MAC_SIZE], const uint8_t cookie[VX6_COOKIE_SIZE],
    const uint8_t nonce[VX6_COOKIE_NONCE_SIZE], uint8_t sealed[VX6_COOKIE_SIZE + VX6_TAG_SIZE]);
bool cookie_open(const struct vx6_crypto *self, const uint8_t responder[32],
    const uint8_t mac1[VX6_MAC_SIZE], const uint8_t nonce[VX6_COOKIE_NONCE_SIZE],
    const uint8_t sealed[VX6_COOKIE_SIZE + VX6_TAG_SIZE], uint8_t cookie[VX6_COOKIE_SIZE]);

#endif
