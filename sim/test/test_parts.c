/* SPDX-License-Identifier: MIT */
/* The small parts that everything else leans on: memory, remembered verdicts, patterns, quantiles.
 */
#include "test.h"

#include "check.h"
#include "memo.h"
#include "pool.h"
#include "workload.h"

#include <string.h>

static void test_pool_keeps_what_was_there_whatever_the_sizes(void **state)
{
    (void)state;
    static struct pool pool;
    size_t size = 1;
    uint8_t *block = pool_take(&pool, size);
    block[0] = 0xa5;
    struct draw draw = {5};
    for (uint32_t i = 0; i < 2000; i++) {
        size_t next = 1 + draw_below(&draw, i % 50 == 0 ? 200000 : 3000);
        block = pool_resize(&pool, block, size, next);
        size_t kept = size < next ? size : next;
        assert_int_equal(block[0], i == 0 ? 0xa5 : 0x5a);
        assert_int_equal(block[kept - 1], i == 0 ? 0xa5 : 0x5a);
        memset(block, 0x5a, next);
        size = next;
    }
    pool_give(&pool, block, size);
    pool_free(&pool);
}

static void test_pool_gives_blocks_that_do_not_overlap(void **state)
{
    (void)state;
    static struct pool pool;
    enum {
        COUNT = 500
    };
    static uint8_t *blocks[COUNT];
    for (uint32_t i = 0; i < COUNT; i++) {
        blocks[i] = pool_take(&pool, 1 + i * 7);
        memset(blocks[i], (int)(i & 0xff), 1 + i * 7);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        for (uint32_t j = 0; j < 1 + i * 7; j++)
            assert_int_equal(blocks[i][j], i & 0xff);
        pool_give(&pool, blocks[i], 1 + i * 7);
    }
    pool_free(&pool);
}

/* Merging sorts all that is free: it waits until so much has been split that it is worth that. And
 * what was small serves as large again, before the pool grows. */
static void test_pool_is_merged_as_often_as_splits_pay_for(void **state)
{
    (void)state;
    static struct pool pool;
    enum {
        COUNT = 40000,
        SMALL = 128,
        LARGER = 192
    };
    static void *small[COUNT], *larger[COUNT / 2];
    uint32_t merges = 0;
    for (uint32_t i = 0; i < COUNT; i++)
        small[i] = pool_take(&pool, SMALL);
    for (uint32_t i = 0; i < COUNT; i += 2)
        pool_give(&pool, small[i], SMALL); /* none lies beside another */
    for (uint32_t i = 0; i < COUNT / 2; i++) {
        larger[i] = pool_take(&pool, LARGER);
        merges += pool.chunk_bytes > 0 && pool.splits == 0;
    }
    assert_in_range(merges, pool.chunk_bytes > 0, 8); /* no bytes: the sanitizer's own memory */
    for (uint32_t i = 1; i < COUNT; i += 2)
        pool_give(&pool, small[i], SMALL);
    for (uint32_t i = 0; i < COUNT / 2; i++)
        pool_give(&pool, larger[i], LARGER);
    const size_t chunk_bytes = pool.chunk_bytes;
    for (uint32_t i = 0; i < chunk_bytes / POOL_BLOCK_MAX / 2; i++)
        larger[i] = pool_take(&pool, POOL_BLOCK_MAX);
    assert_int_equal(pool.chunk_bytes, chunk_bytes);
    for (uint32_t i = 0; i < chunk_bytes / POOL_BLOCK_MAX / 2; i++)
        pool_give(&pool, larger[i], POOL_BLOCK_MAX);
    pool_free(&pool);
}

/* Two pools that take from each other, as shards do: whatever is split, evened out or given back
 * elsewhere, no two blocks share a byte. */
static void test_pools_stay_whole_when_blocks_wander(void **state)
{
    (void)state;
    static struct pool pools[2];
    enum {
        COUNT = 400
    };
    static struct {
        uint8_t *block;
        size_t size;
        uint8_t mark;
    } held[COUNT];
    struct draw draw = {6};
    for (uint32_t i = 0; i < 200000; i++) {
        uint32_t at = draw_below(&draw, COUNT);
        for (size_t j = 0; j < held[at].size; j += 1 + held[at].size / 16)
            assert_int_equal(held[at].block[j], held[at].mark);
        pool_give(&pools[draw_below(&draw, 4) == 0], held[at].block, held[at].size);
        held[at].size = 1 + draw_below(&draw, i % 3 == 0 ? 6000 : 600);
        held[at].mark = (uint8_t)draw_next(&draw);
        held[at].block = pool_take(&pools[draw_below(&draw, 2)], held[at].size);
        memset(held[at].block, held[at].mark, held[at].size);
        if (i % 1000 == 0)
            pool_balance(&pools[0], &pools[1]);
    }
    size_t used = 0;
    for (uint32_t i = 0; i < COUNT; i++)
        used += held[i].size;
    assert_int_equal(pools[0].used + pools[1].used, used);
    assert_true(pools[0].chunk_bytes + pools[1].chunk_bytes <= 8 << 20);
    for (uint32_t i = 0; i < COUNT; i++)
        pool_give(&pools[i % 2], held[i].block, held[i].size);
    pool_free(&pools[0]);
    pool_free(&pools[1]);
}

static bool first_byte_is_even(const struct vx6_crypto *self, const uint8_t key[32])
{
    (void)self;
    return key[0] % 2 == 0;
}

static void test_memo_remembers_each_verdict(void **state)
{
    (void)state;
    enum {
        COUNT = 5000
    };
    const struct vx6_crypto under = {.sign_public_is_valid = first_byte_is_even};
    struct memo memo = {0};
    struct vx6_crypto crypto;
    memo_wrap(&memo, &crypto, &under, MEMO_KEYS);
    for (uint32_t pass = 0; pass < 2; pass++) {
        struct draw draw = {9};
        for (uint32_t i = 0; i < COUNT; i++) {
            uint8_t key[32];
            for (uint32_t j = 0; j < 32; j++)
                key[j] = (uint8_t)draw_next(&draw);
            assert_int_equal(crypto.sign_public_is_valid(&crypto, key), key[0] % 2 == 0);
        }
        assert_int_equal(memo.asked, (pass + 1) * COUNT);
        assert_int_equal(memo.computed, COUNT);
    }
    memo_free(&memo);
}

static void make_odd_key(const struct vx6_crypto *self, uint8_t key[32], const uint8_t seed[32])
{
    (void)self;
    memcpy(key, seed, 32);
    key[0] |= 1; /* refused when it is asked about */
}

static void test_memos_that_share_know_what_each_of_them_makes(void **state)
{
    (void)state;
    enum {
        COUNT = 3
    };
    const struct vx6_crypto under = {
        .sign_public = make_odd_key, .sign_public_is_valid = first_byte_is_even};
    struct memo memos[COUNT + 1] = {0};
    struct vx6_crypto crypto[COUNT + 1];
    for (uint32_t i = 0; i <= COUNT; i++) {
        memo_wrap(&memos[i], &crypto[i], &under, MEMO_KEYS);
        if (i > 0 && i < COUNT)
            memo_share(&memos[i], &memos[0]);
    }
    for (uint8_t i = 0; i < COUNT; i++) {
        uint8_t key[32], seed[32] = {0, i};
        crypto[i].sign_public(&crypto[i], key, seed);
        for (uint32_t j = 0; j <= COUNT; j++)
            assert_int_equal(crypto[j].sign_public_is_valid(&crypto[j], key), j < COUNT);
    }
    for (uint32_t i = 0; i <= COUNT; i++)
        memo_free(&memos[i]);
}

/* Whatever is changed is another question, however alike: none is answered for another. */
static void test_memo_tells_all_parts_of_a_signed_message_apart(void **state)
{
    (void)state;
    const struct vx6_crypto *real = &vx6_crypto_real;
    struct memo memo = {0};
    struct vx6_crypto crypto;
    memo_wrap(&memo, &crypto, real, MEMO_KEYS_AND_SIGNATURES);
    assert_false(crypto.open_seeds);
    const uint8_t seed[32] = {7}, other_seed[32] = {8};
    const uint8_t *message = (const uint8_t *)"some words";
    uint8_t key[32], other_key[32], signature[64];
    real->sign_public(real, key, seed);
    real->sign_public(real, other_key, other_seed);
    for (uint32_t pass = 0; pass < 2; pass++) {
        crypto.sign(&crypto, signature, seed, key, "label", message, 10);
        assert_true(crypto.verify(&crypto, signature, key, "label", message, 10));
        assert_false(crypto.verify(&crypto, signature, other_key, "label", message, 10));
        assert_false(crypto.verify(&crypto, signature, key, "labels", message, 10));
        assert_false(crypto.verify(&crypto, signature, key, "labe", message, 10));
        assert_false(crypto.verify(&crypto, signature, key, "label", message, 9));
        assert_false(crypto.verify(&crypto, signature, key, "label", message + 1, 9));
        assert_false(crypto.verify(&crypto, signature, key, "label", message, 0));
        signature[63] ^= 1;
        assert_false(crypto.verify(&crypto, signature, key, "label", message, 10));
        assert_int_equal(memo.asked, (pass + 1) * 8);
        assert_int_equal(memo.computed, 8);
    }
    memo_free(&memo);
}

static void test_patterns_show_a_wrong_a_moved_and_a_lost_byte(void **state)
{
    (void)state;
    uint8_t bytes[1100];
    for (uint64_t offset = 0; offset < 20; offset++) {
        pattern_fill(77, offset, bytes, sizeof bytes);
        assert_true(pattern_matches(77, offset, bytes, sizeof bytes));
        assert_false(pattern_matches(78, offset, bytes, sizeof bytes));
        assert_false(pattern_matches(77, offset + 1, bytes, sizeof bytes));
        assert_false(pattern_matches(77, offset + 8, bytes, sizeof bytes));
        bytes[offset * 57] ^= 1;
        assert_false(pattern_matches(77, offset, bytes, sizeof bytes));
    }
}

static void test_quantiles_are_samples_that_enough_others_do_not_exceed(void **state)
{
    (void)state;
    struct samples samples = {0};
    assert_int_equal(samples_quantile_us(&samples, 50), 0);
    for (uint32_t i = 200; i > 0; i--)
        samples_add(&samples, (vx6_ns)i * 1000);
    samples_sort(&samples);
    assert_int_equal(samples_quantile_us(&samples, 50), 100);
    assert_int_equal(samples_quantile_us(&samples, 95), 190);
    assert_int_equal(samples_quantile_us(&samples, 99), 198);
    struct stats stats = {.names.latency = samples};
    stats_free(&stats);
}

static void test_labels_lead_back_to_their_nodes(void **state)
{
    (void)state;
    static const uint32_t rows[] = {0, 9, 10, 123456, 4000000};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char label[VX6_LABEL_MAX + 1];
        label_make(label, rows[i]);
        vx6_span span = {(const uint8_t *)label, strlen(label)};
        assert_int_equal(label_index(span), rows[i]);
    }
    vx6_span other = {(const uint8_t *)"web", 3};
    assert_int_equal(label_index(other), UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool_keeps_what_was_there_whatever_the_sizes),
        cmocka_unit_test(test_pool_gives_blocks_that_do_not_overlap),
        cmocka_unit_test(test_pool_is_merged_as_often_as_splits_pay_for),
        cmocka_unit_test(test_pools_stay_whole_when_blocks_wander),
        cmocka_unit_test(test_memo_remembers_each_verdict),
        cmocka_unit_test(test_memos_that_share_know_what_each_of_them_makes),
        cmocka_unit_test(test_memo_tells_all_parts_of_a_signed_message_apart),
        cmocka_unit_test(test_patterns_show_a_wrong_a_moved_and_a_lost_byte),
        cmocka_unit_test(test_quantiles_are_samples_that_enough_others_do_not_exceed),
        cmocka_unit_test(test_labels_lead_back_to_their_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
