/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "env.h"
#include "memory.h"
#include "rng.h"
#include "slots.h"

static struct memory memory;
static const struct vx6_crypto no_crypto;
static vx6_env *env;

static int set_up(void **state)
{
    (void)state;
    memory = (struct memory){0};
    env = vx6_env_new((vx6_alloc){memory_resize, &memory}, &no_crypto, &vx6_limits_default, NULL);
    return env == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    vx6_env_free(env);
    return memory.held != 0;
}

/* VX6-NODE-006 */
static void test_an_id_finds_its_object_until_it_is_removed(void **state)
{
    (void)state;
    struct slots slots = {0};
    int a, b;
    vx6_id first = slots_add(env, &slots, SLOT_LINK, &a);
    vx6_id second = slots_add(env, &slots, SLOT_STREAM, &b);
    assert_ptr_equal(slots_get(&slots, SLOT_LINK, first), &a);
    assert_ptr_equal(slots_get(&slots, SLOT_STREAM, second), &b);
    assert_null(slots_get(&slots, SLOT_STREAM, first));
    assert_int_equal(slots.count, 2);
    slots_remove(&slots, first);
    assert_null(slots_get(&slots, SLOT_LINK, first));
    assert_ptr_equal(slots_get(&slots, SLOT_STREAM, second), &b);
    slots_clear(env, &slots);
    assert_null(slots_get(&slots, SLOT_STREAM, second));
}

static void test_strange_ids_find_nothing(void **state)
{
    (void)state;
    struct slots slots = {0};
    int object;
    vx6_id id = slots_add(env, &slots, SLOT_OP, &object);
    assert_null(slots_get(&slots, SLOT_OP, (vx6_id){0}));
    assert_null(slots_get(&slots, SLOT_OP, VX6_DATAGRAMS));
    for (unsigned bit = 0; bit < 32; bit++)
        assert_null(slots_get(&slots, SLOT_OP, (vx6_id){id.bits ^ UINT32_C(1) << bit}));
    slots_clear(env, &slots);
}

static void test_a_used_slot_gives_a_new_id(void **state)
{
    (void)state;
    struct slots slots = {0};
    int object;
    vx6_id old[4095];
    for (size_t i = 0; i < 4095; i++) {
        old[i] = slots_add(env, &slots, SLOT_SESSION, &object);
        for (size_t k = 0; k < i; k += 97)
            assert_null(slots_get(&slots, SLOT_SESSION, old[k]));
        slots_remove(&slots, old[i]);
    }
    assert_int_equal(slots.used, 1);
    slots_clear(env, &slots);
}

/* Random adds and removes against an array; every ID alive is unique and finds its object. */
static void test_many_objects_keep_apart(void **state)
{
    (void)state;
    enum {
        COUNT = 500
    };
    static int objects[COUNT];
    static vx6_id ids[COUNT];
    struct slots slots = {0};
    struct rng rng;
    uint8_t seed[32] = {1};
    rng_init(&rng, seed, "slots test");
    for (int step = 0; step < 50000; step++) {
        uint32_t i = rng_below(&rng, COUNT);
        if (ids[i].bits == 0) {
            ids[i] = slots_add(env, &slots, SLOT_STREAM, &objects[i]);
            assert_int_not_equal(ids[i].bits, 0);
        } else {
            assert_ptr_equal(slots_get(&slots, SLOT_STREAM, ids[i]), &objects[i]);
            slots_remove(&slots, ids[i]);
            ids[i].bits = 0;
        }
    }
    assert_true(slots.used <= COUNT);
    slots_clear(env, &slots);
}

static void test_no_memory_gives_no_id_and_changes_nothing(void **state)
{
    (void)state;
    struct slots slots = {0};
    int object;
    for (int i = 0; i < 8; i++)
        (void)slots_add(env, &slots, SLOT_OP, &object);
    memory.fail_at = memory.requests + 1;
    assert_int_equal(slots_add(env, &slots, SLOT_OP, &object).bits, 0);
    assert_int_equal(slots.count, 8);
    assert_int_not_equal(slots_add(env, &slots, SLOT_OP, &object).bits, 0);
    slots_clear(env, &slots);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_an_id_finds_its_object_until_it_is_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_strange_ids_find_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_used_slot_gives_a_new_id, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_objects_keep_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_no_memory_gives_no_id_and_changes_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
