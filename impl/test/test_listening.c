/* SPDX-License-Identifier: MIT */
/* Whether a program listens, asked of the kernel. */
#include <sys/socket.h>
#include <unistd.h>

#include "listening.h"
#include "net.h"
#include "test.h"

/* Listens on a free port of this address; -1: the host has no such address. */
static int listen_on(const char *text, uint16_t *port)
{
    vx6_addr addr;
    int family;
    struct sockaddr_storage bound;
    socklen_t len = sizeof bound;
    assert_null(text_addr_parse(text, &addr));
    addr.port = 0;
    int fd = net_bind(&addr, SOCK_STREAM, &family);
    if (fd < 0)
        return -1;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&bound, &len), 0);
    assert_true(net_from_sockaddr(&addr, (struct sockaddr *)&bound));
    *port = addr.port;
    return fd;
}

static enum listening ask(const char *text, uint16_t port)
{
    vx6_addr addr;
    assert_null(text_addr_parse(text, &addr));
    addr.port = port;
    return listening_on(&addr);
}

static void test_a_listener_is_seen_under_the_addresses_it_covers(void **state)
{
    (void)state;
    static const struct {
        const char *listener, *asked;
        enum listening expected;
    } rows[] = {
        {"127.0.0.1:1", "127.0.0.1:1", LISTENING_YES},
        {"127.0.0.1:1", "127.0.0.2:1", LISTENING_NO},
        {"127.0.0.1:1", "[::1]:1", LISTENING_NO},
        {"0.0.0.0:1", "127.0.0.1:1", LISTENING_YES},
        {"[::1]:1", "[::1]:1", LISTENING_YES},
        {"[::1]:1", "127.0.0.1:1", LISTENING_NO},
        {"[::]:1", "[::1]:1", LISTENING_YES},
        {"[::]:1", "127.0.0.1:1", LISTENING_YES},
        {"127.0.0.1:1", "192.0.2.1:1", LISTENING_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint16_t port;
        int fd = listen_on(rows[i].listener, &port);
        if (fd < 0)
            continue;
        enum listening before = ask(rows[i].asked, port); /* bound, but not listening */
        assert_int_equal(
            before, rows[i].expected == LISTENING_UNKNOWN ? LISTENING_UNKNOWN : LISTENING_NO);
        assert_int_equal(listen(fd, 1), 0);
        assert_int_equal(ask(rows[i].asked, port), rows[i].expected);
        close(fd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_listener_is_seen_under_the_addresses_it_covers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
