/* SPDX-License-Identifier: MIT */
/* The Noise engine beyond its vectors, which vx6-vectors runs: every pattern with every suite from
 * first message to split, and the keys that must be refused. */
#include "test.h"

#include <string.h>

#include <sodium.h>

#include "common.h"
#include "noise.h"

static const enum noise_pattern patterns[] = {
    NOISE_N, NOISE_X, NOISE_NK, NOISE_KK, NOISE_IK, NOISE_XX, NOISE_IX};

enum {
    PATTERN_COUNT = sizeof patterns / sizeof patterns[0]
};

struct ends {
    struct noise noise[2];
    uint8_t static_secret[2][32], static_public[2][32], ephemeral_secret[2][32];
};

static void init(struct ends *ends, enum noise_pattern pattern, enum vx6_suite suite)
{
    for (size_t i = 0; i < 2; i++) {
        memset(ends->static_secret[i], (int)(1 + i), 32);
        memset(ends->ephemeral_secret[i], (int)(3 + i), 32);
        crypto_scalarmult_base(ends->static_public[i], ends->static_secret[i]);
    }
    bool knows_initiator = pattern == NOISE_KK;
    bool knows_responder = pattern != NOISE_XX && pattern != NOISE_IX;
    bool has_static = pattern != NOISE_N && pattern != NOISE_NK;
    for (size_t i = 0; i < 2; i++) {
        struct noise_config config = {.pattern = pattern,
            .suite = suite,
            .initiator = i == 0,
            .prologue = {(const uint8_t *)"prologue", 8},
            .static_secret = i == 1 || has_static ? ends->static_secret[i] : NULL,
            .ephemeral_secret = ends->ephemeral_secret[i]};
        if (i == 0 ? knows_responder : knows_initiator)
            config.remote_static = ends->static_public[1 - i];
        assert_true(noise_init(&ends->noise[i], &config));
    }
}

static void test_every_pattern_ends_with_equal_keys(void **state)
{
    uint8_t message[200], payload[200], keys[2][2][32];
    (void)state;
    for (size_t p = 0; p < PATTERN_COUNT; p++) {
        for (enum vx6_suite suite = VX6_SUITE_CHACHAPOLY; suite <= VX6_SUITE_AESGCM; suite++) {
            struct ends ends;
            init(&ends, patterns[p], suite);
            for (size_t i = 0; !noise_is_done(&ends.noise[0]); i = 1 - i) {
                size_t overhead = noise_overhead(&ends.noise[i]);
                size_t len = noise_write(&ends.noise[i], (const uint8_t *)"hello", 5, message);
                assert_int_equal(len, overhead + 5);
                assert_true(noise_read(&ends.noise[1 - i], message, len, payload));
                assert_memory_equal(payload, "hello", 5);
            }
            for (size_t i = 0; i < 2; i++)
                noise_split(&ends.noise[i], keys[i][0], keys[i][1]);
            assert_memory_equal(keys[0], keys[1], sizeof keys[0]);
            assert_memory_equal(ends.noise[0].hash, ends.noise[1].hash, 32);
        }
    }
}

static void test_message_shorter_than_its_keys_is_refused(void **state)
{
    uint8_t message[200], payload[200];
    (void)state;
    for (size_t p = 0; p < PATTERN_COUNT; p++) {
        struct ends ends;
        init(&ends, patterns[p], VX6_SUITE_CHACHAPOLY);
        size_t len = noise_write(&ends.noise[0], NULL, 0, message);
        for (size_t cut = 0; cut < len; cut++) {
            struct noise copy = ends.noise[1];
            assert_false(noise_read(&copy, message, cut, payload));
        }
        assert_true(noise_read(&ends.noise[1], message, len, payload));
    }
}

/* VX6-CRYPTO-003 */
static void test_low_order_keys_are_those_whose_shared_secret_is_zero(void **state)
{
    uint8_t key[32], shared[32], secret[32];
    uint32_t low = 0;
    (void)state;
    memset(secret, 0x5a, sizeof secret);
    for (unsigned i = 0; i < 2 * COMMON_LOW_ORDER_COUNT; i++) {
        common_low_order_point(key, i / 2);
        key[31] |= (uint8_t)(i % 2 << 7);
        assert_true(common_is_low_order(key));
        low += crypto_scalarmult(shared, secret, key) != 0;
        key[0] ^= 2;
        key[5] ^= 2;
        assert_false(common_is_low_order(key));
        assert_int_equal(crypto_scalarmult(shared, secret, key), 0);
    }
    assert_int_equal(low, 2 * COMMON_LOW_ORDER_COUNT);
}

/* VX6-CRYPTO-003 */
static void test_S1_low_order_keys_are_refused_when_they_come(void **state)
{
    uint8_t message[64] = {0}, payload[64];
    struct ends ends;
    (void)state;
    init(&ends, NOISE_XX, VX6_SUITE_AESGCM);
    assert_false(noise_read(&ends.noise[1], message, 32, payload));
    init(&ends, NOISE_IX, VX6_SUITE_AESGCM);
    memcpy(message, ends.static_public[0], 32);
    assert_false(noise_read(&ends.noise[1], message, 64, payload));
    struct noise_config config = {.pattern = NOISE_N,
        .suite = VX6_SUITE_CHACHAPOLY,
        .initiator = true,
        .ephemeral_secret = ends.ephemeral_secret[0],
        .remote_static = message + 32};
    assert_false(noise_init(&ends.noise[0], &config));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_pattern_ends_with_equal_keys),
        cmocka_unit_test(test_message_shorter_than_its_keys_is_refused),
        cmocka_unit_test(test_low_order_keys_are_those_whose_shared_secret_is_zero),
        cmocka_unit_test(test_S1_low_order_keys_are_refused_when_they_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
