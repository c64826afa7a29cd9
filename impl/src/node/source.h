/* SPDX-License-Identifier: MIT */
/* The own address that a peer has written to: what goes back to that peer leaves from it. On a host
 * with several addresses the kernel might choose another one, and an answer from an address that
 * nobody asked is no answer. */
#ifndef VX6_SOURCE_H
#define VX6_SOURCE_H

#include <netinet/in.h>

#include "net.h"

enum {
    SOURCES_MAX = 1024
};

struct source {
    vx6_addr peer;
    uint8_t ip[16]; /* of this host; mapped for IPv4 */
};

/* Zero is empty. Peers whose hashes are equal replace each other: then the kernel chooses again. */
struct sources {
    struct source items[SOURCES_MAX];
};

struct source_control {
    _Alignas(struct cmsghdr) char data[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

/* Makes the kernel say where datagrams were sent to. */
void source_enable(int fd, int family);
/* Remembers it for the sender of a received message. */
void source_learn(struct sources *sources, const vx6_addr *peer, struct msghdr *received);
/* Adds it to a message to this peer; `control` must live as long as the message. */
void source_apply(const struct sources *sources, const vx6_addr *peer, int family,
    struct msghdr *message, struct source_control *control);
void source_forget(struct sources *sources, const vx6_addr *peer);

#endif
