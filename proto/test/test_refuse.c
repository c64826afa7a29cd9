/* SPDX-License-Identifier: MIT */
/* What was refused is counted by its reason, as far as there is memory for it. */
#include "solo.h"

static void refuse_for(struct solo *solo, enum vx6_code code, uint32_t times)
{
    for (uint32_t i = 0; i < times; i++)
        refuse(solo->node, VX6_EVENT_ask_refused, NULL, VX6_MSG_store, 0, code);
}

static void test_each_reason_is_counted_by_itself(void **state)
{
    (void)state;
    static const enum vx6_code codes[] = {
#define CODE(name, number, fault, text) VX6_##name,
#include "codes.def"
#undef CODE
    };
    const uint32_t count = sizeof codes / sizeof codes[0];
    struct solo solo;
    solo_init(&solo);
    solo_start(&solo, 1);
    for (uint32_t i = 0; i < count; i++)
        refuse_for(&solo, codes[i], i);
    refuse_for(&solo, codes[3], 10);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(vx6_node_refused(solo.node, codes[i]), i == 3 ? 13 : i);
    assert_int_equal(solo.counts[VX6_EVENT_ask_refused], count * (count - 1) / 2 + 10);
    solo_stop(&solo);
}

static void test_without_memory_a_refusal_is_still_reported(void **state)
{
    (void)state;
    struct solo solo;
    solo_init(&solo);
    solo_start(&solo, 1);
    solo.memory.fail_at = solo.memory.requests + 1;
    refuse_for(&solo, VX6_BAD_TOKEN, 3);
    assert_int_equal(solo.counts[VX6_EVENT_ask_refused], 3);
    assert_int_equal(vx6_node_counter(solo.node, VX6_EVENT_ask_refused), 3);
    assert_int_equal(vx6_node_refused(solo.node, VX6_BAD_TOKEN), 2);
    solo_stop(&solo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_reason_is_counted_by_itself),
        cmocka_unit_test(test_without_memory_a_refusal_is_still_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
