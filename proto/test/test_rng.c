/* SPDX-License-Identifier: MIT */
#include "test.h"

#include <string.h>

#include "rng.h"

/* RFC 8439, 2.3.2. */
static void test_the_block_function_is_that_of_the_rfc(void **state)
{
    (void)state;
    static const uint8_t input[16] = {1, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0x4a, 0, 0, 0, 0};
    static const uint8_t expected[64] = {0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f,
        0xdd, 0x1f, 0xa3, 0x20, 0x71, 0xc4, 0xc7, 0xd1, 0xf4, 0xc7, 0x33, 0xc0, 0x68, 0x03, 0x04,
        0x22, 0xaa, 0x9a, 0xc3, 0xd4, 0x6c, 0x4e, 0xd2, 0x82, 0x64, 0x46, 0x07, 0x9f, 0xaa, 0x09,
        0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2, 0xb5, 0x12, 0x9c, 0xd1, 0xde, 0x16, 0x4e,
        0xb9, 0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e};
    uint8_t key[32], block[64];
    for (int i = 0; i < 32; i++)
        key[i] = (uint8_t)i;
    chacha20_block(block, key, input);
    assert_memory_equal(block, expected, sizeof expected);
}

/* VX6-NODE-004: the construction that rng.c describes, step by step. */
static void test_output_follows_from_seed_and_purpose_as_described(void **state)
{
    (void)state;
    uint8_t seed[32] = {1, 2, 3}, key[32], block[64], expected[3 * 96], drawn[3 * 96];
    chacha20_block(block, seed, (const uint8_t *)"secret\0\0\0\0\0\0\0\0\0\0");
    memcpy(key, block, 32);
    for (int refill = 0; refill < 3; refill++) {
        uint8_t input[16] = {1};
        chacha20_block(expected + 96 * refill + 32, key, input);
        input[0] = 0;
        chacha20_block(block, key, input);
        memcpy(expected + 96 * refill, block + 32, 32);
        memcpy(key, block, 32);
    }
    struct rng rng;
    rng_init(&rng, seed, "secret");
    for (size_t at = 0, len = 1; at < sizeof drawn; at += len, len++) {
        if (len > sizeof drawn - at)
            len = sizeof drawn - at;
        rng_bytes(&rng, drawn + at, len);
    }
    assert_memory_equal(drawn, expected, sizeof drawn);
}

/* VX6-NODE-004 */
static void test_purposes_and_seeds_separate_streams(void **state)
{
    (void)state;
    uint8_t seed[2][32] = {{0}, {1}};
    const char *purpose[3] = {"secret", "public", "sixteen letters!"};
    uint8_t drawn[6][32];
    for (int i = 0; i < 6; i++) {
        struct rng rng;
        rng_init(&rng, seed[i / 3], purpose[i % 3]);
        rng_bytes(&rng, drawn[i], 32);
        for (int k = 0; k < i; k++)
            assert_memory_not_equal(drawn[i], drawn[k], 32);
    }
}

static bool contains(const void *memory, size_t size, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i + len <= size; i++) {
        if (memcmp((const uint8_t *)memory + i, bytes, len) == 0)
            return true;
    }
    return false;
}

static void test_what_was_drawn_is_erased(void **state)
{
    (void)state;
    uint8_t seed[32] = {9}, drawn[40];
    struct rng rng;
    rng_init(&rng, seed, "public");
    assert_false(contains(&rng, sizeof rng, seed, 8));
    for (int i = 0; i < 20; i++) {
        rng_bytes(&rng, drawn, sizeof drawn);
        assert_false(contains(&rng, sizeof rng, drawn, 8));
        assert_false(contains(&rng, sizeof rng, drawn + 32, 8));
    }
}

static void test_below_is_in_range_and_even(void **state)
{
    (void)state;
    uint8_t seed[32] = {3};
    uint32_t counts[10] = {0};
    struct rng rng;
    rng_init(&rng, seed, "public");
    for (int i = 0; i < 100000; i++)
        counts[rng_below(&rng, 10)]++;
    for (int i = 0; i < 10; i++)
        assert_in_range(counts[i], 9500, 10500);
    for (int i = 0; i < 100; i++)
        assert_int_equal(rng_below(&rng, 1), 0);
}

static void test_jitter_stays_within_an_eighth(void **state)
{
    (void)state;
    static const vx6_ns bases[] = {0, 1, 7, 8, 1000, 300 * VX6_SECOND, 86400 * VX6_SECOND};
    uint8_t seed[32] = {4};
    struct rng rng;
    rng_init(&rng, seed, "public");
    for (size_t row = 0; row < sizeof bases / sizeof bases[0]; row++) {
        vx6_ns base = bases[row], lowest = VX6_NEVER, highest = 0;
        for (int i = 0; i < 1000; i++) {
            vx6_ns value = rng_jitter(&rng, base);
            lowest = value < lowest ? value : lowest;
            highest = value > highest ? value : highest;
        }
        assert_true(lowest >= base - base / 8 && highest <= base + base / 8);
        assert_true(base < 1000 || highest - lowest > base / 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_block_function_is_that_of_the_rfc),
        cmocka_unit_test(test_output_follows_from_seed_and_purpose_as_described),
        cmocka_unit_test(test_purposes_and_seeds_separate_streams),
        cmocka_unit_test(test_what_was_drawn_is_erased),
        cmocka_unit_test(test_below_is_in_range_and_even),
        cmocka_unit_test(test_jitter_stays_within_an_eighth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
