/* SPDX-License-Identifier: MIT */
/* Between vx6_addr and the socket calls. */
#ifndef VX6_NET_H
#define VX6_NET_H

#include <sys/socket.h>

#include "text.h"

/* From widest to narrowest reach. */
enum net_scope {
    NET_GLOBAL,
    NET_PRIVATE, /* RFC 1918, unique local */
    NET_LINK,    /* useless without an interface */
    NET_LOOPBACK,
    NET_ANY /* the wildcard, or no address at all */
};

struct net_sockaddr {
    struct sockaddr_storage storage;
    socklen_t len;
};

bool net_is_ipv4(const vx6_addr *addr);
enum net_scope net_scope(const vx6_addr *addr);
bool net_addr_equal(const vx6_addr *a, const vx6_addr *b);

/* `family` AF_INET6 takes any address; AF_INET only a mapped one. */
struct net_sockaddr net_to_sockaddr(const vx6_addr *addr, int family);
bool net_from_sockaddr(vx6_addr *addr, const struct sockaddr *sockaddr);

/* A non-blocking socket bound to `addr`; [::] takes IPv4 too. -1 with errno on failure. */
int net_bind(const vx6_addr *addr, int type, int *family);
/* A non-blocking socket on its way to `addr`. -1 with errno on failure. */
int net_connect(const vx6_addr *addr);
void net_set_nodelay(int fd);
/* Closes so that the other end sees an error, not an orderly end. */
void net_abort(int fd);

#endif
