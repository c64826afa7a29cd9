/* SPDX-License-Identifier: MIT */
/* Between vx6_addr and the socket calls. A wildcard listener is one IPv6 socket that takes IPv4 as
 * mapped addresses; a mapped address is dialled as plain IPv4, so that a host without IPv6 works.
 */
#include "net.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

bool net_is_ipv4(const vx6_addr *addr)
{
    static const uint8_t prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return memcmp(addr->ip, prefix, sizeof prefix) == 0;
}

static enum net_scope scope_ipv4(const uint8_t ip[4])
{
    if (ip[0] == 0)
        return NET_ANY;
    if (ip[0] == 127)
        return NET_LOOPBACK;
    if (ip[0] == 169 && ip[1] == 254)
        return NET_LINK;
    if (ip[0] == 10 || (ip[0] == 172 && (ip[1] & 0xf0) == 16) || (ip[0] == 192 && ip[1] == 168))
        return NET_PRIVATE;
    return NET_GLOBAL;
}

enum net_scope net_scope(const vx6_addr *addr)
{
    static const uint8_t zero[15];
    if (net_is_ipv4(addr))
        return scope_ipv4(addr->ip + 12);
    if (memcmp(addr->ip, zero, sizeof zero) == 0 && addr->ip[15] <= 1)
        return addr->ip[15] == 1 ? NET_LOOPBACK : NET_ANY;
    if (addr->ip[0] == 0xfe && (addr->ip[1] & 0xc0) == 0x80)
        return NET_LINK;
    if ((addr->ip[0] & 0xfe) == 0xfc)
        return NET_PRIVATE;
    return NET_GLOBAL;
}

bool net_addr_equal(const vx6_addr *a, const vx6_addr *b)
{
    return a->port == b->port && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

struct net_sockaddr net_to_sockaddr(const vx6_addr *addr, int family)
{
    struct net_sockaddr result = {0};
    if (family == AF_INET) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(addr->port)};
        memcpy(&in.sin_addr, addr->ip + 12, 4);
        memcpy(&result.storage, &in, sizeof in);
        result.len = sizeof in;
    } else {
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(addr->port)};
        memcpy(&in6.sin6_addr, addr->ip, 16);
        memcpy(&result.storage, &in6, sizeof in6);
        result.len = sizeof in6;
    }
    return result;
}

bool net_from_sockaddr(vx6_addr *addr, const struct sockaddr *sockaddr)
{
    *addr = (vx6_addr){0};
    if (sockaddr->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sockaddr, sizeof in);
        addr->ip[10] = addr->ip[11] = 0xff;
        memcpy(addr->ip + 12, &in.sin_addr, 4);
        addr->port = ntohs(in.sin_port);
        return true;
    }
    if (sockaddr->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, sockaddr, sizeof in6);
        memcpy(addr->ip, &in6.sin6_addr, 16);
        addr->port = ntohs(in6.sin6_port);
        return true;
    }
    return false;
}

static void set_option(int fd, int level, int name, int value)
{
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

void net_set_nodelay(int fd)
{
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

static int bind_family(const vx6_addr *addr, int type, int family)
{
    int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (type == SOCK_STREAM)
        set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (family == AF_INET6)
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    struct net_sockaddr to = net_to_sockaddr(addr, family);
    if (bind(fd, (struct sockaddr *)&to.storage, to.len) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

int net_bind(const vx6_addr *addr, int type, int *family)
{
    *family = net_is_ipv4(addr) ? AF_INET : AF_INET6;
    int fd = bind_family(addr, type, *family);
    bool no_ipv6 = fd < 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL);
    if (no_ipv6 && *family == AF_INET6 && net_scope(addr) == NET_ANY) {
        *family = AF_INET;
        vx6_addr any = {.port = addr->port};
        fd = bind_family(&any, type, AF_INET);
    }
    return fd;
}

int net_connect(const vx6_addr *addr)
{
    int family = net_is_ipv4(addr) ? AF_INET : AF_INET6;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    net_set_nodelay(fd);
    struct net_sockaddr to = net_to_sockaddr(addr, family);
    if (connect(fd, (struct sockaddr *)&to.storage, to.len) == 0 || errno == EINPROGRESS)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

void net_abort(int fd)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(fd);
}
