/* SPDX-License-Identifier: MIT */
/* SHA-256, identity keys, and the checks of keys and headers that all providers share.
 * Spec: spec/crypto.md. */
#include "common.h"

#include <stdatomic.h>
#include <string.h>

#include <sodium.h>

_Static_assert(SEALED_EPHEMERAL_AT + VX6_KEY_SIZE == VX6_QUERY_PAYLOAD_AT,
    "the payload follows the ephemeral key");
_Static_assert(VX6_QUERY_PAYLOAD_AT + VX6_ASK_PAYLOAD_SIZE + VX6_TAG_SIZE == VX6_ASK_MAC1_AT &&
                   ASK_MAC2_AT + VX6_MAC_SIZE == VX6_DATAGRAM_SIZE,
    "an ask fills its datagram");
_Static_assert(VX6_QUERY_PAYLOAD_AT + VX6_ANSWER_PAYLOAD_SIZE + VX6_TAG_SIZE == VX6_DATAGRAM_SIZE,
    "an answer fills its datagram");

void common_ready(void)
{
    static atomic_bool ready;
    if (!atomic_load_explicit(&ready, memory_order_acquire)) {
        VX6_ASSERT(sodium_init() >= 0);
        atomic_store_explicit(&ready, true, memory_order_release);
    }
}

void common_sha256(const struct vx6_crypto *self, uint8_t hash[32], const uint8_t *data, size_t len)
{
    (void)self;
    crypto_hash_sha256(hash, data, len);
}

void common_sign_public(
    const struct vx6_crypto *self, uint8_t public_key[32], const uint8_t seed[32])
{
    (void)self;
    common_ready();
    uint8_t secret_key[crypto_sign_SECRETKEYBYTES];
    crypto_sign_seed_keypair(public_key, secret_key, seed);
    sodium_memzero(secret_key, sizeof secret_key);
}

/* VX6-CRYPTO-002 */
bool common_sign_public_is_valid(const struct vx6_crypto *self, const uint8_t public_key[32])
{
    (void)self;
    common_ready();
    return crypto_core_ed25519_is_valid_point(public_key) == 1;
}

/* VX6-CRYPTO-003: all encodings of the points of order 1, 2, 4 and 8, on the curve and its twist:
 * u = 0, 1, two of order 8, p - 1, p, p + 1. The top bit of an X25519 key does not count. */
static const uint8_t low_order_points[COMMON_LOW_ORDER_COUNT][32] = {
    {0},
    {1},
    {0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
        0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8,
        0x00},
    {0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b,
        0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11,
        0x57},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0x7f},
    {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0x7f},
    {0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0x7f},
};

void common_low_order_point(uint8_t public_key[32], unsigned index)
{
    memcpy(public_key, low_order_points[index], 32);
}

/* Most keys end in another byte than all of them. */
static bool ends_as_low_order(uint8_t last)
{
    return last == 0x00 || last == 0x57 || last == 0x7f;
}

bool common_is_low_order(const uint8_t public_key[32])
{
    uint8_t last = public_key[31] & 0x7f;
    if (!ends_as_low_order(last))
        return false;
    for (size_t i = 0; i < COMMON_LOW_ORDER_COUNT; i++) {
        const uint8_t *point = low_order_points[i];
        if (last == point[31] && memcmp(public_key, point, 31) == 0)
            return true;
    }
    return false;
}

/* VX6-CRYPTO-015 */
bool common_answer_fits(const uint8_t *ask_header, const uint8_t *answer_header)
{
    return answer_header[1] == ask_header[1] && answer_header[2] == 0 && answer_header[3] == 0 &&
           memcmp(answer_header + 4, ask_header + 4, VX6_QUERY_HEADER_SIZE - 4) == 0;
}
