/* SPDX-License-Identifier: MIT */
/* The table of IDs against a plain array. */
#include "idtable.h"
#include "test.h"

enum {
    IDS = 500
};

static void test_what_was_set_is_found_and_what_was_removed_is_not(void **state)
{
    (void)state;
    static int values[IDS + 1];
    static bool present[IDS + 1];
    struct idtable table = {0};
    uint32_t random = 1;
    assert_null(idtable_get(&table, (vx6_id){1}));
    assert_null(idtable_any(&table));
    for (int step = 0; step < 20000; step++) {
        random = random * 1664525 + 1013904223;
        uint32_t id = (random >> 8) % IDS + 1;
        vx6_id key = {id * 0x01000001u}; /* generations in the upper bits */
        if (random & 0x80000000u) {
            assert_true(idtable_set(&table, key, &values[id]));
            present[id] = true;
        } else {
            idtable_remove(&table, key);
            present[id] = false;
        }
        uint32_t other = (random >> 16) % IDS + 1;
        void *found = idtable_get(&table, (vx6_id){other * 0x01000001u});
        assert_ptr_equal(found, present[other] ? &values[other] : NULL);
    }
    size_t count = 0;
    for (uint32_t id = 1; id <= IDS; id++)
        count += present[id];
    assert_int_equal(table.count, count);
    idtable_clear(&table);
    assert_null(idtable_any(&table));
}

static void test_setting_twice_replaces(void **state)
{
    (void)state;
    int first, second;
    struct idtable table = {0};
    assert_true(idtable_set(&table, (vx6_id){7}, &first));
    assert_true(idtable_set(&table, (vx6_id){7}, &second));
    assert_int_equal(table.count, 1);
    assert_ptr_equal(idtable_get(&table, (vx6_id){7}), &second);
    assert_ptr_equal(idtable_any(&table), &second);
    idtable_clear(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_set_is_found_and_what_was_removed_is_not),
        cmocka_unit_test(test_setting_twice_replaces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
