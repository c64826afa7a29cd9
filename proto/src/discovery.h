/* SPDX-License-Identifier: MIT */
/* Keeping the node in the network: joining by any live peer, asking silent contacts, refreshing
 * buckets, announcing itself to nodes that answered. Spec: spec/dht.md. */
#ifndef VX6_DISCOVERY_H
#define VX6_DISCOVERY_H

#include "intern.h"
#include "timer.h"
#include "vx6/node.h"

struct discovery {
    struct timer timer;
    bool joined; /* the first self-lookup has ended */
    bool joining;
    uint32_t refresh_bucket;
    vx6_ns refreshed[32]; /* last lookup into each of the first buckets; the rest count as one */
};

void discovery_init(struct vx6_node *node);
/* PEER_ADD: opens a link to an address of unknown key and makes an operation of it. */
enum vx6_code discovery_peer_add(struct vx6_node *node, const vx6_addr *addr, vx6_id *id);
/* Somebody else's address became known (an announcement, a link): ask it, if it would find room. */
void discovery_consider(struct vx6_node *node, const uint8_t key[32], const vx6_addr *addr);
void discovery_timer(struct vx6_node *node, struct timer *timer);
void discovery_free(struct vx6_node *node);

#endif
