/* SPDX-License-Identifier: MIT */
/* The own address that a peer has written to: a small table, filled by the packet info of what
 * came, and used as packet info of what goes. */
#include "source.h"

#include <string.h>

static size_t place_of(const vx6_addr *peer)
{
    uint32_t hash = peer->port;
    for (size_t i = 0; i < sizeof peer->ip; i++)
        hash = (hash ^ peer->ip[i]) * 16777619u;
    return (hash >> 8) % SOURCES_MAX;
}

void source_enable(int fd, int family)
{
    int on = 1;
    if (family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
    else
        (void)setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
}

static bool read_info(struct msghdr *received, uint8_t ip[16])
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(received); c; c = CMSG_NXTHDR(received, c)) {
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            memcpy(ip, &info.ipi6_addr, 16);
            return true;
        }
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            memset(ip, 0, 10);
            ip[10] = ip[11] = 0xff;
            memcpy(ip + 12, &info.ipi_addr, 4);
            return true;
        }
    }
    return false;
}

void source_learn(struct sources *sources, const vx6_addr *peer, struct msghdr *received)
{
    struct source source = {.peer = *peer};
    if (read_info(received, source.ip))
        sources->items[place_of(peer)] = source;
}

void source_apply(const struct sources *sources, const vx6_addr *peer, int family,
    struct msghdr *message, struct source_control *control)
{
    const struct source *source = &sources->items[place_of(peer)];
    if (!net_addr_equal(&source->peer, peer))
        return;
    struct in6_pktinfo info6 = {.ipi6_ifindex = 0};
    struct in_pktinfo info4 = {.ipi_ifindex = 0};
    memcpy(&info6.ipi6_addr, source->ip, 16);
    memcpy(&info4.ipi_spec_dst, source->ip + 12, 4);
    bool is_ipv6 = family == AF_INET6;
    size_t size = is_ipv6 ? sizeof info6 : sizeof info4;
    message->msg_control = control;
    message->msg_controllen = CMSG_SPACE(size);
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    *header = (struct cmsghdr){.cmsg_len = CMSG_LEN(size),
        .cmsg_level = is_ipv6 ? IPPROTO_IPV6 : IPPROTO_IP,
        .cmsg_type = is_ipv6 ? IPV6_PKTINFO : IP_PKTINFO};
    memcpy(CMSG_DATA(header), is_ipv6 ? (void *)&info6 : (void *)&info4, size);
}

void source_forget(struct sources *sources, const vx6_addr *peer)
{
    struct source *source = &sources->items[place_of(peer)];
    if (net_addr_equal(&source->peer, peer))
        *source = (struct source){0};
}
