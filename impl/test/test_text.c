/* SPDX-License-Identifier: MIT */
/* Addresses, names and strange bytes as people type them. */
#include <string.h>

#include "net.h"
#include "offer.h"
#include "test.h"
#include "text.h"

static void test_addresses_are_read_and_written_in_one_form(void **state)
{
    (void)state;
    static const struct {
        const char *typed, *written;
    } rows[] = {
        {"[2001:db8::7]:4242", "[2001:db8::7]:4242"},
        {"[2001:DB8:0::0007]:4242", "[2001:db8::7]:4242"},
        {"[::]:1", "[::]:1"},
        {"[::1]:65535", "[::1]:65535"},
        {"192.0.2.7:80", "192.0.2.7:80"},
        {"0.0.0.0:4242", "0.0.0.0:4242"},
        {"[::ffff:192.0.2.7]:80", "192.0.2.7:80"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        vx6_addr addr;
        char text[TEXT_ADDR_SIZE];
        assert_null(text_addr_parse(rows[i].typed, &addr));
        text_addr(text, &addr);
        assert_string_equal(text, rows[i].written);
    }
}

static void test_malformed_addresses_are_refused_with_the_reason(void **state)
{
    (void)state;
    static const struct {
        const char *typed, *reason;
    } rows[] = {
        {"", "has no port"},
        {"192.0.2.7", "has no port"},
        {"2001:db8::7", "without brackets"},
        {"2001:db8::7:4242", "without brackets"},
        {"[2001:db8::7]", "must look like"},
        {"[2001:db8::7", "must look like"},
        {"[2001:db8::7]4242", "must look like"},
        {"[2001:db8::7]:", "no valid port"},
        {"[2001:db8::7]:0", "no valid port"},
        {"[2001:db8::7]:65536", "no valid port"},
        {"[2001:db8::7]:+1", "no valid port"},
        {"[2001:db8::7]: 1", "no valid port"},
        {"[2001:db8::7]:1 ", "no valid port"},
        {"[2001:db8::7]:000001", "no valid port"},
        {"[2001:db8::g]:1", "is no IPv6 address"},
        {"[192.0.2.7]:1", "is no IPv6 address"},
        {"[]:1", "is no IP address"},
        {":1", "is no IP address"},
        {"[fe80::1%eth0]:1", "names an interface"},
        {"192.0.2:1", "is no IP address"},
        {"192.0.2.256:1", "is no IP address"},
        {"example.org:1", "host names are not looked up"},
        {"[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:1", "is no IP address"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        vx6_addr addr;
        const char *reason = text_addr_parse(rows[i].typed, &addr);
        assert_non_null(reason);
        assert_non_null(strstr(reason, rows[i].reason));
    }
}

/* VX6-CTRL-011 */
static void test_targets_are_addresses_to_connect_to(void **state)
{
    (void)state;
    static const struct {
        const char *typed, *written; /* NULL: refused */
    } rows[] = {
        {"127.0.0.1:8080", "127.0.0.1:8080"},
        {"localhost:8080", "127.0.0.1:8080"},
        {"[::1]:22", "[::1]:22"},
        {"192.0.2.7:80", "192.0.2.7:80"},
        {"0.0.0.0:80", NULL},
        {"[::]:80", NULL},
        {"[fe80::1]:80", NULL},
        {"localhost:", NULL},
        {"localhosts:80", NULL},
        {"8080", NULL},
        {"example.org:80", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        vx6_addr target;
        char text[TEXT_ADDR_SIZE];
        const char *reason = service_target_parse(rows[i].typed, &target);
        assert_int_equal(reason == NULL, rows[i].written != NULL);
        if (reason)
            continue;
        text_addr(text, &target);
        assert_string_equal(text, rows[i].written);
    }
}

static void test_scopes_of_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum net_scope scope;
    } rows[] = {
        {"[2001:db8::7]:1", NET_GLOBAL},
        {"192.0.2.7:1", NET_GLOBAL},
        {"172.32.0.1:1", NET_GLOBAL},
        {"[fd00::1]:1", NET_PRIVATE},
        {"10.0.0.1:1", NET_PRIVATE},
        {"172.31.0.1:1", NET_PRIVATE},
        {"192.168.0.1:1", NET_PRIVATE},
        {"[fe80::1]:1", NET_LINK},
        {"[febf::1]:1", NET_LINK},
        {"169.254.0.1:1", NET_LINK},
        {"[::1]:1", NET_LOOPBACK},
        {"127.255.0.1:1", NET_LOOPBACK},
        {"[::]:1", NET_ANY},
        {"0.0.0.0:1", NET_ANY},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        vx6_addr addr;
        assert_null(text_addr_parse(rows[i].text, &addr));
        assert_int_equal(net_scope(&addr), rows[i].scope);
    }
}

static void test_names_of_services(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int is_label, is_service_name;
    } rows[] = {
        {"alice", 1, 0},
        {"alice.web", 0, 1},
        {"a.b.c", 0, 0},
        {"", 0, 0},
        {".web", 0, 0},
        {"alice.", 0, 0},
        {"Alice.web", 0, 0},
        {"-a.web", 0, 0},
        {"alice~x4k2", 0, 0},
        {"alice~x4k2.web", 0, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(text_is_label(rows[i].text), rows[i].is_label);
        assert_int_equal(text_is_service_name(rows[i].text), rows[i].is_service_name);
    }
}

static void test_R1_a_terminal_sees_only_printable_characters(void **state)
{
    (void)state;
    char text[32];
    text_printable(text, sizeof text, "a\x1b[2J\n\xc3\xa9\0z", 10);
    assert_string_equal(text, "a\\x1b[2J\\x0a\\xc3\\xa9\\x00z");
    text_printable(text, 4, "abcdef", 6);
    assert_string_equal(text, "abc");
    text_printable(text, 5, "abc\n", 4);
    assert_string_equal(text, "abc"); /* an escape is whole or absent */
    text_printable(text, 1, "abc", 3);
    assert_string_equal(text, "");
}

/* What people may type, in any script, and nothing that moves a cursor. VX6-CTRL-037 */
static void test_plain_text_is_utf8_without_control_characters(void **state)
{
    (void)state;
    static const struct {
        const char *text, *fault;
    } rows[] = {
        {"", NULL},
        {"plain ~", NULL},
        {"\xc3\xa9 \xe4\xb8\xad \xf0\x9f\xa6\x8a \xf4\x8f\xbf\xbf", NULL},
        {"\xc2\xa0", NULL},
        {"a\nb", "control"},
        {"\x1b[2J", "control"},
        {"\x7f", "control"},
        {"\xe2\x80\xae", "control"}, /* right to left from here */
        {"\xe2\x81\xa6", "control"},
        {"\xc2\x9b", "control"}, /* the same as ESC [ in one character */
        {"\xff", "UTF-8"},
        {"\x80", "UTF-8"},
        {"a\xc3", "UTF-8"},
        {"\xc3(", "UTF-8"},
        {"\xc0\x80", "UTF-8"},         /* longer than need be */
        {"\xe0\x80\x9b", "UTF-8"},     /* the same */
        {"\xed\xa0\x80", "UTF-8"},     /* a surrogate */
        {"\xf4\x90\x80\x80", "UTF-8"}, /* beyond the last */
        {"\xf8\x88\x80\x80\x80", "UTF-8"},
        {"\xf0\x9f\xa6", "UTF-8"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *fault = text_fault(rows[i].text);
        if ((fault == NULL) != (rows[i].fault == NULL) ||
            (fault && strstr(fault, rows[i].fault) == NULL))
            fail_msg("row %zu: %s", i, fault ? fault : "no fault");
    }
}

static void test_hex(void **state)
{
    (void)state;
    char text[9];
    text_hex(text, (const uint8_t[]){0x00, 0x0f, 0xa5, 0xff}, 4);
    assert_string_equal(text, "000fa5ff");
}

static void test_durations(void **state)
{
    (void)state;
    static const struct {
        int64_t seconds;
        const char *text;
    } rows[] = {{0, "0 seconds"}, {1, "1 second"}, {119, "119 seconds"}, {120, "2 minutes"},
        {-7199, "120 minutes"}, {7200, "2 hours"}, {-86400, "24 hours"}, {86408, "24 hours"},
        {172800, "2 days"}, {-259200, "3 days"}, {INT64_C(1) << 40, "12725829 days"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[TEXT_DURATION_SIZE];
        text_duration(text, rows[i].seconds);
        assert_string_equal(text, rows[i].text);
    }
}

static void test_counts(void **state)
{
    (void)state;
    static const struct {
        uint64_t count;
        const char *text;
    } rows[] = {{0, "0 nodes hold"}, {1, "1 node holds"}, {2, "2 nodes hold"},
        {UINT64_MAX, "18446744073709551615 nodes hold"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[TEXT_COUNT_SIZE];
        text_count(text, rows[i].count, "node holds", "nodes hold");
        assert_string_equal(text, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_are_read_and_written_in_one_form),
        cmocka_unit_test(test_malformed_addresses_are_refused_with_the_reason),
        cmocka_unit_test(test_targets_are_addresses_to_connect_to),
        cmocka_unit_test(test_scopes_of_addresses),
        cmocka_unit_test(test_names_of_services),
        cmocka_unit_test(test_R1_a_terminal_sees_only_printable_characters),
        cmocka_unit_test(test_plain_text_is_utf8_without_control_characters),
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
