/* SPDX-License-Identifier: MIT */
/* Spec: spec/crypto.md, "Proofs of address". */
#include "cookie.h"

#include <string.h>

#include <sodium.h>

#include "common.h"

void cookie_label_key(uint8_t key[32], const char label[8], const uint8_t responder[32])
{
    uint8_t input[8 + VX6_KEY_SIZE];
    memcpy(input, label, 8);
    memcpy(input + 8, responder, VX6_KEY_SIZE);
    crypto_hash_sha256(key, input, sizeof input);
}

/* VX6-CRYPTO-013 */
void cookie_mac1(uint8_t mac[VX6_MAC_SIZE], const uint8_t responder[32], const uint8_t *ask)
{
    static const char label[8] = {'v', 'x', '6', ' ', 'm', 'a', 'c', '1'};
    uint8_t key[32];
    cookie_label_key(key, label, responder);
    crypto_generichash_blake2b(mac, VX6_MAC_SIZE, ask, VX6_ASK_MAC1_AT, key, sizeof key);
}

bool cookie_ask_is_for(
    const struct vx6_crypto *self, const uint8_t identity[32], const uint8_t *datagram)
{
    uint8_t mac[VX6_MAC_SIZE];
    (void)self;
    common_ready();
    cookie_mac1(mac, identity, datagram);
    return sodium_memcmp(mac, datagram + VX6_ASK_MAC1_AT, sizeof mac) == 0;
}

/* VX6-CRYPTO-018 */
static void make_mac2(
    uint8_t mac[VX6_MAC_SIZE], const uint8_t cookie[VX6_COOKIE_SIZE], const uint8_t *ask)
{
    common_ready();
    crypto_generichash_blake2b(mac, VX6_MAC_SIZE, ask, ASK_MAC2_AT, cookie, VX6_COOKIE_SIZE);
}

void cookie_ask_prove(
    const struct vx6_crypto *self, const uint8_t cookie[VX6_COOKIE_SIZE], uint8_t *datagram)
{
    (void)self;
    make_mac2(datagram + ASK_MAC2_AT, cookie, datagram);
}

bool cookie_ask_is_proven(
    const struct vx6_crypto *self, const uint8_t cookie[VX6_COOKIE_SIZE], const uint8_t *datagram)
{
    uint8_t mac[VX6_MAC_SIZE];
    (void)self;
    make_mac2(mac, cookie, datagram);
    return sodium_memcmp(mac, datagram + ASK_MAC2_AT, sizeof mac) == 0;
}

/* VX6-CRYPTO-019 */
static void cookie_key(uint8_t key[32], const uint8_t responder[32])
{
    static const char label[8] = {'v', 'x', '6', ' ', 'c', 'o', 'o', 'k'};
    common_ready();
    cookie_label_key(key, label, responder);
}

void cookie_seal(const struct vx6_crypto *self, const uint8_t responder[32],
    const uint8_t mac1[VX6_MAC_SIZE], const uint8_t cookie[VX6_COOKIE_SIZE],
    const uint8_t nonce[VX6_COOKIE_NONCE_SIZE], uint8_t sealed[VX6_COOKIE_SIZE + VX6_TAG_SIZE])
{
    uint8_t key[32];
    (void)self;
    cookie_key(key, responder);
    crypto_aead_xchacha20poly1305_ietf_encrypt(
        sealed, NULL, cookie, VX6_COOKIE_SIZE, mac1, VX6_MAC_SIZE, NULL, nonce, key);
}

bool cookie_open(const struct vx6_crypto *self, const uint8_t responder[32],
    const uint8_t mac1[VX6_MAC_SIZE], const uint8_t nonce[VX6_COOKIE_NONCE_SIZE],
    const uint8_t sealed[VX6_COOKIE_SIZE + VX6_TAG_SIZE], uint8_t cookie[VX6_COOKIE_SIZE])
{
    uint8_t key[32];
    (void)self;
    cookie_key(key, responder);
    return crypto_aead_xchacha20poly1305_ietf_decrypt(cookie, NULL, NULL, sealed,
               VX6_COOKIE_SIZE + VX6_TAG_SIZE, mac1, VX6_MAC_SIZE, nonce, key) == 0;
}
