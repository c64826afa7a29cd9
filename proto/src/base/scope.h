/* SPDX-License-Identifier: MIT */
/* How far an address reaches. What a peer says may only cause traffic to addresses that reach at
 * least as far as the peer's own, so that nobody outside can aim a node at the networks behind it.
 * Spec: spec/dht.md, "Address scopes". */
#ifndef VX6_SCOPE_H
#define VX6_SCOPE_H

#include "bytes.h"

enum addr_scope {
    SCOPE_NONE, /* nothing can be sent there: unspecified, multicast, port 0 */
    SCOPE_LOOPBACK,
    SCOPE_LINK,
    SCOPE_PRIVATE,
    SCOPE_GLOBAL
};

static inline bool addr_is_ipv4(const vx6_addr *addr)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return memcmp(addr->ip, mapped, sizeof mapped) == 0;
}

static inline enum addr_scope ipv4_scope(const uint8_t ip[4])
{
    if (ip[0] == 0 || ip[0] >= 224)
        return SCOPE_NONE;
    if (ip[0] == 127)
        return SCOPE_LOOPBACK;
    if (ip[0] == 169 && ip[1] == 254)
        return SCOPE_LINK;
    if (ip[0] == 10 || (ip[0] == 172 && ip[1] >> 4 == 1) || (ip[0] == 192 && ip[1] == 168) ||
        (ip[0] == 100 && ip[1] >> 6 == 1))
        return SCOPE_PRIVATE;
    return SCOPE_GLOBAL;
}

/* VX6-DHT-003. A translated IPv4 address reaches as far as the one inside it. */
static inline enum addr_scope addr_scope(const vx6_addr *addr)
{
    static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    const uint8_t *ip = addr->ip;
    if (addr->port == 0 || ip[0] == 0xff)
        return SCOPE_NONE;
    if (ip[0] >> 5 == 1 && !(ip[0] == 0x20 && ip[1] == 0x02))
        return SCOPE_GLOBAL; /* most addresses: 2000::/3 */
    if (addr_is_ipv4(addr))
        return ipv4_scope(ip + 12);
    if (memcmp(ip, nat64, sizeof nat64) == 0)
        return ipv4_scope(ip + 12);
    if (ip[0] == 0x20 && ip[1] == 0x02)
        return ipv4_scope(ip + 2);
    if (is_zero(ip, 15))
        return ip[15] == 1 ? SCOPE_LOOPBACK : SCOPE_NONE;
    if (ip[0] == 0xfe && ip[1] >> 6 == 2)
        return SCOPE_LINK;
    if (ip[0] >> 1 == 0xfc >> 1 || (ip[0] == 0xfe && ip[1] >> 6 == 3))
        return SCOPE_PRIVATE;
    return SCOPE_GLOBAL;
}

/* May something said by `source` cause traffic to `addr`? */
static inline bool addr_is_in_scope(const vx6_addr *addr, const vx6_addr *source)
{
    enum addr_scope scope = addr_scope(addr);
    return scope != SCOPE_NONE && scope >= addr_scope(source);
}

/* The network that an address is in: a /48, or of IPv4 a /24. */
enum {
    NETWORK_SIZE = 6
};

static inline void addr_network(const vx6_addr *addr, uint8_t network[NETWORK_SIZE])
{
    bool is_ipv4 = addr_is_ipv4(addr); /* ff ff, three bytes of the address, zero */
    memcpy(network, is_ipv4 ? addr->ip + 10 : addr->ip, NETWORK_SIZE);
    if (is_ipv4)
        network[NETWORK_SIZE - 1] = 0;
}

static inline bool addr_same_network(const vx6_addr *a, const vx6_addr *b)
{
    uint8_t networks[2][NETWORK_SIZE];
    addr_network(a, networks[0]);
    addr_network(b, networks[1]);
    return memcmp(networks[0], networks[1], NETWORK_SIZE) == 0;
}

/* The host or site of an address, one IPv4 address or one IPv6 /64, as a number. That of IPv4
 * begins as multicast does, which nobody has. */
static inline uint64_t addr_site(const vx6_addr *addr)
{
    uint64_t first = load_u64(addr->ip);
    return first == 0 && addr_is_ipv4(addr) ? ~load_u64(addr->ip + 8) : first;
}

static inline bool addr_same_site(const vx6_addr *a, const vx6_addr *b)
{
    return addr_site(a) == addr_site(b);
}

#endif
