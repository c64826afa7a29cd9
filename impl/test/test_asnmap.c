/* SPDX-License-Identifier: MIT */
/* The operator's map of autonomous systems: files as they come, and files that are none. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "asnmap.h"
#include "net.h"
#include "test.h"

static struct vx6_asn_map *load(const char *content, char error[TEXT_ERROR_SIZE])
{
    char path[] = "/tmp/vx6-asnmap-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), (ssize_t)strlen(content));
    close(fd);
    struct vx6_asn_map *map = asnmap_load(path, error);
    unlink(path);
    return map;
}

static uint32_t asn_of(const struct vx6_asn_map *map, const char *text)
{
    vx6_addr addr;
    char with_port[TEXT_ADDR_SIZE];
    snprintf(with_port, sizeof with_port, strchr(text, ':') ? "[%s]:1" : "%s:1", text);
    assert_null(text_addr_parse(with_port, &addr));
    uint32_t found = 0;
    for (size_t i = 0; i < map->count; i++) {
        const struct vx6_asn_range *range = &map->ranges[i];
        if (memcmp(addr.ip, range->first, 16) >= 0 && memcmp(addr.ip, range->last, 16) <= 0)
            found = range->asn;
    }
    return found;
}

static void test_K14_the_longest_prefix_decides(void **state)
{
    (void)state;
    static const struct {
        const char *ip;
        uint32_t asn;
    } rows[] = {
        {"2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", 0},
        {"2001:db8::", 64500},
        {"2001:db8:1::", 64501},
        {"2001:db8:1:1::1", 64502},
        {"2001:db8:1:2::", 64501},
        {"2001:db8:1:ffff:ffff:ffff:ffff:ffff", 64501},
        {"2001:db8:2::", 64500},
        {"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 64500},
        {"2001:db9::", 0},
        {"192.0.1.255", 0},
        {"192.0.2.0", 7},
        {"192.0.2.255", 7},
        {"192.0.3.0", 0},
        {"198.51.100.77", 8},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 9},
        {"fffe::", 0},
    };
    char error[TEXT_ERROR_SIZE] = "";
    struct vx6_asn_map *map = load("# systems\n\n2001:db8:1:1::/64 64502\n"
                                   "2001:db8:1::/48\t64501 # inside\n"
                                   "2001:db8::/32 64500\r\n"
                                   "192.0.2.0\t24\t7_77\n"
                                   "198.51.100.0/24 8,9\n"
                                   "198.51.100.0/24 9\n"
                                   "ffff::/16 9",
        error);
    if (map == NULL)
        fail_msg("%s", error);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("%s\n", rows[i].ip);
        assert_int_equal(asn_of(map, rows[i].ip), rows[i].asn);
    }
    for (size_t i = 0; i < map->count; i++) {
        assert_true(memcmp(map->ranges[i].first, map->ranges[i].last, 16) <= 0);
        assert_true(i == 0 || memcmp(map->ranges[i - 1].last, map->ranges[i].first, 16) < 0);
    }
    asnmap_free(map);
}

static void test_a_default_route_covers_all(void **state)
{
    (void)state;
    char error[TEXT_ERROR_SIZE] = "";
    struct vx6_asn_map *map = load("::/0 1\n0.0.0.0/0 2\n", error);
    assert_non_null(map);
    assert_int_equal(asn_of(map, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), 1);
    assert_int_equal(asn_of(map, "::"), 1);
    assert_int_equal(asn_of(map, "255.255.255.255"), 2);
    assert_int_equal(map->count, 3);
    asnmap_free(map);
    map = load("", error);
    assert_non_null(map);
    assert_int_equal(asn_of(map, "2001:db8::"), 0);
    asnmap_free(map);
}

static void test_what_is_no_map_is_refused_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *content, *reason;
    } rows[] = {
        {"2001:db8::/32", ":1: a number from 1"},
        {"\n2001:db8::/32 0\n", ":2: a number from 1"},
        {"2001:db8::/32 4294967296", ":1: a number from 1"},
        {"2001:db8::/32 AS7", ":1: a number from 1"},
        {"2001:db8::/32 7x", ":1: a number from 1"},
        {"2001:db8::/129 7", ":1: the length"},
        {"192.0.2.0/33 7", ":1: the length"},
        {"192.0.2.0/ 7", ":1: a number from 1"},
        {"192.0.2.0/-1 7", ":1: the length"},
        {"192.0.2/24 7", ":1: this is no IP address"},
        {"alice 7", ":1: this is no IP address"},
        {"alice", ":1: a prefix and a number"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char error[TEXT_ERROR_SIZE] = "";
        assert_null(load(rows[i].content, error));
        if (strstr(error, rows[i].reason) == NULL)
            fail_msg("%s: %s", rows[i].content, error);
    }
    char error[TEXT_ERROR_SIZE] = "", line[600];
    memset(line, '1', sizeof line);
    line[sizeof line - 1] = 0;
    assert_null(load(line, error));
    assert_non_null(strstr(error, "too long"));
    assert_null(asnmap_load("/nonexistent/map", error));
    assert_non_null(strstr(error, "No such file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_K14_the_longest_prefix_decides),
        cmocka_unit_test(test_a_default_route_covers_all),
        cmocka_unit_test(test_what_is_no_map_is_refused_with_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
