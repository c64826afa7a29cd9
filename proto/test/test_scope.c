/* SPDX-License-Identifier: MIT */
/* Which addresses there are for whom. */
#include "test.h"

#include <string.h>

#include "scope.h"

#define IPV4(a, b)                                                                                 \
    {                                                                                              \
        [10] = 0xff, [11] = 0xff, [12] = (a), [13] = (b), [15] = 9                                 \
    }

/* VX6-DHT-003: what lies on either side of each bound. */
static void test_scopes_of_addresses(void **state)
{
    (void)state;
    static const struct {
        uint8_t ip[16];
        enum addr_scope scope;
    } rows[] = {
        {{0}, SCOPE_NONE},
        {{[15] = 1}, SCOPE_LOOPBACK},
        {{[15] = 2}, SCOPE_NONE},
        {{[14] = 1, [15] = 1}, SCOPE_GLOBAL},
        {{0x1f, 0xff}, SCOPE_GLOBAL},
        {{0x2a, 0x00}, SCOPE_GLOBAL},
        {{0xfb, 0xff}, SCOPE_GLOBAL},
        {{0xfc, 0x00}, SCOPE_PRIVATE},
        {{0xfd, 0xff}, SCOPE_PRIVATE},
        {{0xfe, 0x7f}, SCOPE_GLOBAL},
        {{0xfe, 0x80}, SCOPE_LINK},
        {{0xfe, 0xbf}, SCOPE_LINK},
        {{0xfe, 0xc0}, SCOPE_PRIVATE},
        {{0xfe, 0xff}, SCOPE_PRIVATE},
        {{0xff, 0x02}, SCOPE_NONE},
        {IPV4(0, 255), SCOPE_NONE},
        {IPV4(1, 0), SCOPE_GLOBAL},
        {IPV4(9, 255), SCOPE_GLOBAL},
        {IPV4(10, 0), SCOPE_PRIVATE},
        {IPV4(11, 0), SCOPE_GLOBAL},
        {IPV4(100, 63), SCOPE_GLOBAL},
        {IPV4(100, 64), SCOPE_PRIVATE},
        {IPV4(100, 127), SCOPE_PRIVATE},
        {IPV4(100, 128), SCOPE_GLOBAL},
        {IPV4(126, 255), SCOPE_GLOBAL},
        {IPV4(127, 0), SCOPE_LOOPBACK},
        {IPV4(128, 0), SCOPE_GLOBAL},
        {IPV4(169, 253), SCOPE_GLOBAL},
        {IPV4(169, 254), SCOPE_LINK},
        {IPV4(169, 255), SCOPE_GLOBAL},
        {IPV4(172, 15), SCOPE_GLOBAL},
        {IPV4(172, 16), SCOPE_PRIVATE},
        {IPV4(172, 31), SCOPE_PRIVATE},
        {IPV4(172, 32), SCOPE_GLOBAL},
        {IPV4(192, 167), SCOPE_GLOBAL},
        {IPV4(192, 168), SCOPE_PRIVATE},
        {IPV4(192, 169), SCOPE_GLOBAL},
        {IPV4(223, 255), SCOPE_GLOBAL},
        {IPV4(224, 0), SCOPE_NONE},
        {IPV4(255, 255), SCOPE_NONE},
        /* IPv4 in IPv6 */
        {{0x00, 0x64, 0xff, 0x9b, [12] = 127, [15] = 1}, SCOPE_LOOPBACK},
        {{0x00, 0x64, 0xff, 0x9b, [11] = 1, [12] = 127, [15] = 1}, SCOPE_GLOBAL},
        {{0x20, 0x01, 192, 168}, SCOPE_GLOBAL},
        {{0x20, 0x02, 192, 168}, SCOPE_PRIVATE},
        {{0x20, 0x02, 8, 8}, SCOPE_GLOBAL},
        {{0x20, 0x03, 192, 168}, SCOPE_GLOBAL},
        {{0x21, 0x02, 192, 168}, SCOPE_GLOBAL},
    };
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        vx6_addr addr = {.port = 1};
        memcpy(addr.ip, rows[row].ip, 16);
        if (addr_scope(&addr) != rows[row].scope)
            fail_msg("row %zu: scope %d", row, addr_scope(&addr));
        addr.port = 0;
        assert_int_equal(addr_scope(&addr), SCOPE_NONE);
    }
}

/* VX6-DHT-003 */
static void test_nobody_aims_a_node_at_a_narrower_scope_than_his_own(void **state)
{
    (void)state;
    static const vx6_addr by_scope[] = {
        [SCOPE_NONE] = {{0xff, 0x02}, 1},
        [SCOPE_LOOPBACK] = {{[15] = 1}, 1},
        [SCOPE_LINK] = {{0xfe, 0x80}, 1},
        [SCOPE_PRIVATE] = {{0xfc}, 1},
        [SCOPE_GLOBAL] = {{0x20, 0x01}, 1},
    };
    for (int named = SCOPE_NONE; named <= SCOPE_GLOBAL; named++) {
        for (int source = SCOPE_NONE; source <= SCOPE_GLOBAL; source++) {
            bool may = named != SCOPE_NONE && named >= source;
            assert_int_equal(addr_is_in_scope(&by_scope[named], &by_scope[source]), may);
        }
    }
}

/* A network is a /48 or a /24, a site a /64 or a /32; the port is no part of either. */
static void test_networks_and_sites_are_prefixes(void **state)
{
    (void)state;
    static const struct {
        vx6_addr a, b;
        bool same_network, same_site;
    } rows[] = {
        {{{0x20, 1, [15] = 1}, 1}, {{0x20, 1, [15] = 2}, 2}, true, true},
        {{{0x20, 1, [8] = 1}, 1}, {{0x20, 1, [8] = 2}, 1}, true, true},
        {{{0x20, 1, [7] = 1}, 1}, {{0x20, 1, [7] = 2}, 1}, true, false},
        {{{0x20, 1, [5] = 1}, 1}, {{0x20, 1, [5] = 2}, 1}, false, false},
        {{IPV4(1, 2), 1}, {IPV4(1, 2), 2}, true, true},
        {{IPV4(1, 2), 1}, {IPV4(1, 3), 1}, false, false},
        {{IPV4(1, 2), 1}, {{[10] = 0xff, [11] = 0xff, [12] = 1, [13] = 2, [15] = 10}, 1}, true,
            false},
        {{IPV4(1, 2), 1}, {{[10] = 0xff, [11] = 0xff, [12] = 1, [13] = 2, [14] = 1}, 1}, false,
            false},
        {{IPV4(1, 2), 1}, {{[15] = 1}, 1}, false, false},
    };
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        assert_int_equal(addr_same_network(&rows[row].a, &rows[row].b), rows[row].same_network);
        assert_int_equal(addr_same_site(&rows[row].a, &rows[row].b), rows[row].same_site);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_networks_and_sites_are_prefixes),
        cmocka_unit_test(test_scopes_of_addresses),
        cmocka_unit_test(test_nobody_aims_a_node_at_a_narrower_scope_than_his_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
