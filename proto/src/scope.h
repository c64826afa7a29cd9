/* SPDX-License-Identifier: MIT */
/* How far an address reaches, so that what the network says can never make a node dial further
 * inwards than where it was said. Spec: spec/links.md, "Scopes". */
#ifndef VX6_SCOPE_H
#define VX6_SCOPE_H

#include "bytes.h"

enum addr_scope {
    SCOPE_LOOPBACK, /* this host; also what is no address of a host */
    SCOPE_LINK,
    SCOPE_PRIVATE,
    SCOPE_GLOBAL
};

static inline enum addr_scope ipv4_scope(const uint8_t ip[4])
{
    if (ip[0] == 0 || ip[0] == 127 || ip[0] >= 224)
        return SCOPE_LOOPBACK;
    if (ip[0] == 169 && ip[1] == 254)
        return SCOPE_LINK;
    if (ip[0] == 10 || (ip[0] == 172 && ip[1] >> 4 == 1) || (ip[0] == 192 && ip[1] == 168) ||
        (ip[0] == 100 && ip[1] >> 6 == 1))
        return SCOPE_PRIVATE;
    return SCOPE_GLOBAL;
}

static inline bool addr_is_ipv4(const vx6_addr *addr)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return memcmp(addr->ip, mapped, sizeof mapped) == 0;
}

/* VX6-LINK-020. Translated IPv4 addresses reach as far as the address inside them. */
static inline enum addr_scope addr_scope(const vx6_addr *addr)
{
    static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    const uint8_t *ip = addr->ip;
    if (addr_is_ipv4(addr) || memcmp(ip, nat64, sizeof nat64) == 0)
        return ipv4_scope(ip + 12);
    if (ip[0] == 0x20 && ip[1] == 0x02)
        return ipv4_scope(ip + 2);
    if (is_zero(ip, 12) || ip[0] == 0xff)
        return SCOPE_LOOPBACK;
    if (ip[0] == 0xfe && ip[1] >> 6 == 2)
        return SCOPE_LINK;
    if (ip[0] >> 1 == 0x7e || (ip[0] == 0xfe && ip[1] >> 6 == 3))
        return SCOPE_PRIVATE;
    return SCOPE_GLOBAL;
}

/* The same host or site: one IPv4 address, or one IPv6 /64. */
static inline bool addr_same_site(const vx6_addr *a, const vx6_addr *b)
{
    size_t len = addr_is_ipv4(a) || addr_is_ipv4(b) ? 16 : 8;
    return memcmp(a->ip, b->ip, len) == 0;
}

#endif
