/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "bytes.h"
#include "env.h"
#include "intern.h"
#include "memory.h"

static struct memory memory;
static vx6_env *env;
static int validity_checks;

/* Enough of a hash to tell inputs apart, and a validity rule; no other crypto is needed here. */
static void fold(const struct vx6_crypto *self, uint8_t hash[32], const uint8_t *data, size_t len)
{
    (void)self;
    memset(hash, (int)len, 32);
    for (size_t i = 0; i < len; i++)
        hash[i % 32] = (uint8_t)(hash[i % 32] * 31 + data[i]);
}

static bool is_even(const struct vx6_crypto *self, const uint8_t public_key[32])
{
    (void)self;
    validity_checks++;
    return public_key[0] % 2 == 0;
}

static const struct vx6_crypto crypto = {.sha256 = fold, .sign_public_is_valid = is_even};

static int set_up(void **state)
{
    (void)state;
    memory = (struct memory){0};
    validity_checks = 0;
    env = vx6_env_new((vx6_alloc){memory_resize, &memory}, &crypto, &vx6_limits_default, NULL);
    return env == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    vx6_env_free(env);
    return memory.held != 0;
}

static struct peer *peer_of(uint32_t number, uint16_t port)
{
    uint8_t key[32] = {0};
    vx6_addr addr = {.ip = {0x20, 1}, .port = port};
    store_u32(key + 14, number);
    return peer_get(env, key, &addr);
}

static void test_equal_contents_are_one_object(void **state)
{
    (void)state;
    struct peer *a = peer_of(1, 10), *b = peer_of(1, 10), *c = peer_of(1, 11), *d = peer_of(2, 10);
    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, c);
    assert_ptr_not_equal(a, d);
    assert_memory_equal(a->id, c->id, 32);
    assert_memory_not_equal(a->id, d->id, 32);
    uint8_t id[32];
    vx6_node_id(&crypto, id, a->key);
    assert_memory_equal(a->id, id, 32);
    peer_drop(env, a);
    assert_ptr_equal(peer_of(1, 10), b);
    peer_drop(env, b);
    peer_drop(env, b);
    peer_drop(env, c);
    peer_drop(env, d);
    peer_drop(env, NULL);
}

static void test_blobs_keep_their_bytes(void **state)
{
    (void)state;
    static const uint8_t bytes[] = "0123456789abcdef";
    struct blob *blobs[17];
    for (size_t len = 0; len < 17; len++)
        blobs[len] = blob_get(env, (vx6_span){len ? bytes : NULL, len});
    for (size_t len = 0; len < 17; len++) {
        struct blob *again = blob_get(env, (vx6_span){bytes, len});
        assert_ptr_equal(again, blobs[len]);
        assert_int_equal(again->len, len);
        assert_memory_equal(again->data, bytes, len);
        blob_drop(env, again);
        blob_drop(env, blobs[len]);
    }
}

/* Those that end alike are found by the same number. */
static void test_what_ends_alike_is_told_apart(void **state)
{
    (void)state;
    uint8_t bytes[200] = {0};
    struct blob *blobs[100];
    for (uint8_t i = 0; i < 100; i++) {
        bytes[i] = 1;
        blobs[i] = blob_get(env, (vx6_span){bytes, sizeof bytes});
        assert_ptr_equal(blob_find(env, (vx6_span){bytes, sizeof bytes}), blobs[i]);
    }
    assert_int_equal(env->blobs.object_count, 100);
    for (uint8_t i = 0; i < 100; i++)
        blob_drop(env, blobs[i]);
}

static void test_a_bundle_is_placed_once_under_each_key(void **state)
{
    (void)state;
    static const uint8_t bytes[100] = {1, 2, 3};
    const vx6_span data = {bytes, sizeof bytes}, shorter = {bytes, sizeof bytes - 1};
    struct placed content = {.bundle = NULL, .sequence = 7};
    struct placed *placed[2];
    assert_null(placed_get(env, &content)); /* there was no memory for it */
    for (uint8_t i = 0; i < 2; i++) {
        content.bundle = blob_get(env, data);
        content.key[31] = i;
        assert_null(placed_find(env, content.key, data));
        placed[i] = placed_get(env, &content);
        assert_non_null(placed[i]);
    }
    assert_ptr_not_equal(placed[0], placed[1]);
    assert_ptr_equal(placed[0]->bundle, placed[1]->bundle);
    for (uint8_t i = 0; i < 2; i++) {
        content.bundle = blob_get(env, data);
        content.key[31] = i;
        assert_ptr_equal(placed_get(env, &content), placed[i]);
        assert_ptr_equal(placed_find(env, content.key, data), placed[i]);
        assert_null(placed_find(env, content.key, shorter));
        for (uint32_t j = 0; j < 3; j++)
            placed_drop(env, placed[i]);
        assert_null(placed_find(env, content.key, data));
    }
    assert_int_equal(env->placed.object_count + env->blobs.object_count, 0);
    placed_drop(env, NULL);
}

/* Whatever goes and comes: who is held stays where it is, and numbers are used again. */
static void test_numbers_are_those_of_few_blocks(void **state)
{
    (void)state;
    enum {
        PLACES = 3 * PLACED_BLOCK
    };
    struct placed *placed[PLACES];
    uint32_t blocks = 0;
    for (uint32_t round = 0; round < 20; round++) {
        for (uint32_t i = 0; i < PLACES; i++) {
            if (round > 0 && i % 3 != round % 3)
                continue;
            struct placed content = {.sequence = round};
            store_u32(content.key, i);
            content.bundle = blob_get(env, (vx6_span){content.key, 1});
            if (round > 0)
                placed_drop(env, placed[i]);
            placed[i] = placed_get(env, &content);
            assert_non_null(placed[i]);
        }
        for (uint32_t i = 0; i < PLACES; i++) {
            assert_int_equal(load_u32(placed[i]->key), i);
            assert_int_not_equal(placed[i]->number, 0);
            assert_ptr_equal(placed_at(&env->placed, placed[i]->number), placed[i]);
        }
        assert_int_equal(env->placed.object_count, PLACES);
        blocks = round == 0 ? env->placed.block_count : blocks;
        assert_int_equal(env->placed.block_count, blocks);
    }
    for (uint32_t i = 0; i < PLACES; i++)
        placed_drop(env, placed[i]);
}

static void test_ten_thousand_objects_are_found_and_forgotten(void **state)
{
    (void)state;
    enum {
        COUNT = 10000
    };
    static struct peer *peers[COUNT];
    for (uint32_t i = 0; i < COUNT; i++)
        peers[i] = peer_of(i, 1);
    assert_true(env->peers.chain_count >= COUNT);
    uint32_t longest = 0;
    for (uint32_t i = 0; i < env->peers.chain_count; i++) {
        uint32_t len = 0;
        for (struct interned *object = env->peers.chains[i]; object; object = object->next)
            len++;
        longest = len > longest ? len : longest;
    }
    assert_true(longest < 12);
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_ptr_equal(peer_of(i, 1), peers[i]);
        peer_drop(env, peers[i]);
        peer_drop(env, peers[i]);
    }
    assert_int_equal(env->peers.object_count, 0);
}

static void test_a_key_is_checked_once(void **state)
{
    (void)state;
    uint8_t odd[32] = {1};
    vx6_addr addr = {.port = 1};
    struct peer *good = peer_of(1, 1), *bad = peer_get(env, odd, &addr);
    for (int i = 0; i < 3; i++) {
        assert_true(peer_key_is_valid(env, good));
        assert_false(peer_key_is_valid(env, bad));
    }
    assert_int_equal(validity_checks, 2);
    peer_drop(env, good);
    peer_drop(env, bad);
}

static void test_no_memory_gives_null_or_longer_chains(void **state)
{
    (void)state;
    memory.fail_at = memory.requests + 1;
    assert_null(peer_of(1, 1)); /* the table itself */
    memory.fail_at = memory.requests + 2;
    assert_null(peer_of(1, 1)); /* the object */
    assert_int_equal(env->peers.object_count, 0);
    struct peer *peers[65];
    for (uint32_t i = 0; i < 64; i++)
        peers[i] = peer_of(i, 1);
    memory.fail_at = memory.requests + 1;
    peers[64] = peer_of(64, 1); /* only the growth fails */
    assert_non_null(peers[64]);
    assert_int_equal(env->peers.chain_count, 64);
    for (int i = 0; i < 65; i++)
        peer_drop(env, peers[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_equal_contents_are_one_object, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_blobs_keep_their_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_ends_alike_is_told_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_a_bundle_is_placed_once_under_each_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_numbers_are_those_of_few_blocks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_ten_thousand_objects_are_found_and_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_key_is_checked_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_no_memory_gives_null_or_longer_chains, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
