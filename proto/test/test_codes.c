/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "vx6/node.h"

/* VX6-WIRE-014 */
static void test_codes_have_names_and_sentences(void **state)
{
    (void)state;
#define CODE(name, number, fault, text)                                                            \
    assert_string_equal(vx6_code_name(VX6_##name), #name);                                         \
    assert_string_equal(vx6_code_text(VX6_##name), text);
#include "codes.def"
#undef CODE
    assert_string_equal(vx6_code_text(VX6_TIMEOUT), "no answer in time");
    assert_string_equal(vx6_code_name((enum vx6_code)999), "UNKNOWN");
    assert_string_equal(
        vx6_code_text((enum vx6_code)999), "a code that this version does not know");
}

static void test_codes_fit_the_wire_and_none_is_given_twice(void **state)
{
    (void)state;
    static const unsigned numbers[] = {
#define CODE(name, number, fault, text) number,
#include "codes.def"
#undef CODE
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        assert_true(numbers[i] <= UINT16_MAX);
        assert_true(i == 0 || numbers[i] > numbers[i - 1]);
    }
}

static void test_events_have_names(void **state)
{
    (void)state;
    assert_string_equal(vx6_event_name(VX6_EVENT_datagram_sent), "datagram_sent");
    assert_string_equal(vx6_event_name(VX6_EVENT_COUNT), "unknown");
    for (int i = 0; i < VX6_EVENT_COUNT; i++)
        assert_string_not_equal(vx6_event_name((enum vx6_event_kind)i), "unknown");
}

static void test_default_limits_lie_within_their_bounds(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t value, min, max;
    } rows[] = {
#define LIMIT(name, value, min, max, why) {#name, value, min, max},
#include "limits.def"
#undef LIMIT
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_in_range(rows[i].value, rows[i].min, rows[i].max);
        assert_true(rows[i].max <= UINT32_MAX);
    }
    assert_int_equal(vx6_limits_default.query_timeout_ms, 1500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes_have_names_and_sentences),
        cmocka_unit_test(test_codes_fit_the_wire_and_none_is_given_twice),
        cmocka_unit_test(test_events_have_names),
        cmocka_unit_test(test_default_limits_lie_within_their_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
