/* SPDX-License-Identifier: MIT */
/* Objects by number: found while they are there, in any order of coming and going. */
#include "test.h"

#include "env.h"
#include "idmap.h"
#include "memory.h"

static void test_any_order_of_numbers_is_found_again(void **state)
{
    (void)state;
    struct memory memory = {0};
    vx6_env env = {.alloc = {.resize = memory_resize, .context = &memory}};
    struct idmap map = {0};
    uint8_t there[500] = {0};
    uint32_t random = 1;
    for (int i = 0; i < 20000; i++) {
        random = random * 1664525u + 1013904223u;
        uint32_t id = (random >> 8) % 500;
        assert_ptr_equal(idmap_find(&map, id), there[id] ? &there[id] : NULL);
        if (there[id])
            idmap_remove(&env, &map, id);
        else
            assert_true(idmap_add(&env, &map, id, &there[id]));
        there[id] = !there[id];
    }
    for (uint32_t i = 1; i < map.count; i++)
        assert_true(map.items[i - 1].id < map.items[i].id);
    for (uint32_t id = 0; id < 500; id++)
        idmap_remove(&env, &map, id);
    assert_int_equal(map.count, 0);
    assert_int_equal(memory.held, 0);
}

static void test_without_memory_the_map_stays_as_it_was(void **state)
{
    (void)state;
    struct memory memory = {.fail_at = 1};
    vx6_env env = {.alloc = {.resize = memory_resize, .context = &memory}};
    struct idmap map = {0};
    assert_false(idmap_add(&env, &map, 7, &map));
    assert_null(idmap_find(&map, 7));
    while (map.count < map.capacity || map.count == 0)
        assert_true(idmap_add(&env, &map, map.count + 1, &map));
    memory.fail_at = memory.requests + 1;
    uint32_t count = map.count;
    assert_false(idmap_add(&env, &map, 0, &map));
    assert_int_equal(map.count, count);
    assert_non_null(idmap_find(&map, 1));
    for (uint32_t id = 1; id <= count; id++)
        idmap_remove(&env, &map, id);
    assert_int_equal(memory.held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order_of_numbers_is_found_again),
        cmocka_unit_test(test_without_memory_the_map_stays_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
