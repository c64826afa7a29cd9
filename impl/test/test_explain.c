/* SPDX-License-Identifier: MIT */
/* What somebody at the command line is told: what happened, and what to do. */
#include <string.h>

#include "explain.h"
#include "test.h"

static const vx6_addr addr = {{0x20, 0x01, 0x0d, 0xb8, [15] = 7}, 4242};

static const struct explain_subject resolved = {.name = "alice.web"};
static const struct explain_subject dialled = {.name = "alice.web", .was_dialled = true};
static const struct explain_subject by_addr = {.name = "web", .addr = &addr};
static const struct explain_subject peer = {.addr = &addr};
static const struct explain_subject own_key = {
    .name = "web", .addr = &addr, .key_source = EXPLAIN_KEY_GIVEN};
static const struct explain_subject ending = {.name = "alice.web", .is_ending = true};

static void test_a_line_says_what_happened_and_what_to_do(void **state)
{
    (void)state;
    static const struct {
        const struct explain_subject *subject;
        enum vx6_code code;
        const char *line;
    } rows[] = {
        {&resolved, VX6_UNREACHABLE,
            "alice.web: UNREACHABLE: the name is known, but none of its addresses may be dialled "
            "from here: its owner must publish a public one, or connect with --addr and --key"},
        {&resolved, VX6_TIMEOUT,
            "alice.web: TIMEOUT: the search for the name took too long: see that this node is "
            "online, and try again"},
        {&dialled, VX6_UNREACHABLE,
            "alice.web: UNREACHABLE: the name is known, but nothing answers at its address: see "
            "that its node is running and that its port is open"},
        {&dialled, VX6_TIMEOUT,
            "alice.web: TIMEOUT: the name is known, but its node does not answer: see that it is "
            "running and that no firewall is in the way"},
        {&dialled, VX6_TRUNCATED,
            "alice.web: TRUNCATED: the connection to its node was cut: see that it is running, and "
            "try again"},
        {&by_addr, VX6_UNREACHABLE,
            "web at [2001:db8::7]:4242: UNREACHABLE: nothing answers there: check address and "
            "port, and that the node is running"},
        {&peer, VX6_TIMEOUT,
            "[2001:db8::7]:4242: TIMEOUT: no answer: check address and port, and that no firewall "
            "is in the way"},
        {&peer, VX6_TRUNCATED,
            "[2001:db8::7]:4242: TRUNCATED: the connection was cut: check that a VX6 node listens "
            "there"},
        {&peer, VX6_SELF,
            "[2001:db8::7]:4242: SELF: that is this node itself: give the address of another one"},
        {&by_addr, VX6_SELF,
            "web at [2001:db8::7]:4242: SELF: that is this node itself: use the service's own "
            "address"},
        {&own_key, VX6_SELF,
            "web at [2001:db8::7]:4242: SELF: the key given with --key is that of this node "
            "itself: give the key of the node there, from vx6 identity at that node"},
        {&dialled, VX6_SHUTDOWN,
            "alice.web: SHUTDOWN: the node there is shutting down: try again later"},
        {&ending, VX6_SHUTDOWN,
            "alice.web: SHUTDOWN: this node is shutting down: start it again first"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char line[TEXT_ERROR_SIZE];
        explain(line, rows[i].subject, rows[i].code);
        assert_string_equal(line, rows[i].line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_says_what_happened_and_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
