/* SPDX-License-Identifier: MIT */
/* When a bucket is looked into again is kept for each one that a lookup went into. VX6-DHT-023 */
#include "solo.h"

enum {
    OWN_REGION = 31
};

static struct solo solo;
static vx6_ns period;

static int setup(void **state)
{
    (void)state;
    solo_init(&solo);
    solo_start(&solo, 1);
    period = (vx6_ns)solo.limits.refresh_ms * VX6_MILLISECOND;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    solo_stop(&solo);
    return 0;
}

/* A lookup begins whose target lies there. */
static void look_into(uint32_t bucket)
{
    uint8_t target[32];
    memcpy(target, solo.node->keys.id, 32);
    target[bucket / 8] ^= (uint8_t)(0x80 >> bucket % 8);
    discovery_touch(solo.node, target);
}

static bool is_due_later(vx6_ns at)
{
    return at >= solo.now + period / 8 * 7 && at <= solo.now + period / 8 * 9;
}

static void test_each_bucket_has_its_time(void **state)
{
    (void)state;
    static const uint32_t order[] = {3, 12, 0, OWN_REGION - 1, 7};
    const struct discovery *discovery = &solo.node->discovery;
    uint32_t seen = 0; /* a bit for each */
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        look_into(order[i]);
        seen |= UINT32_C(1) << order[i];
        for (uint32_t j = 0; j < discovery->refresh_count; j++) {
            if (seen >> j & 1)
                assert_true(is_due_later(discovery->refresh_at[j]));
            else
                assert_int_equal(discovery->refresh_at[j], 0);
        }
        assert_true(discovery->refresh_count > order[i]);
    }
    assert_int_equal(discovery->own_refresh_at, 0);
}

static void test_the_own_region_has_one_time(void **state)
{
    (void)state;
    static const uint32_t deep[] = {OWN_REGION, OWN_REGION + 1, 255};
    struct discovery *discovery = &solo.node->discovery;
    for (size_t i = 0; i < sizeof deep / sizeof deep[0]; i++) {
        discovery->own_refresh_at = 0;
        look_into(deep[i]);
        assert_true(is_due_later(discovery->own_refresh_at));
        assert_int_equal(discovery->refresh_count, 0);
    }
}

static void test_without_memory_a_bucket_stays_due(void **state)
{
    (void)state;
    const struct discovery *discovery = &solo.node->discovery;
    look_into(2);
    solo.memory.fail_at = solo.memory.requests + 1;
    look_into(20);
    assert_in_range(discovery->refresh_count, 3, 20);
    assert_true(is_due_later(discovery->refresh_at[2]));
    look_into(20);
    assert_true(is_due_later(discovery->refresh_at[2]));
    assert_true(is_due_later(discovery->refresh_at[20]));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_bucket_has_its_time),
        TEST(test_the_own_region_has_one_time),
        TEST(test_without_memory_a_bucket_stays_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
