/* SPDX-License-Identifier: MIT */
/* Keeping held bundles at the nodes that should hold them while nodes come and go: neighbours are
 * told what this node holds and brought what they lack. Spec: spec/dht.md, "Repair". */
#ifndef VX6_SYNC_H
#define VX6_SYNC_H

#include "intern.h"
#include "timer.h"
#include "vx6/msg.h"
#include "vx6/node.h"

enum {
    SYNC_NEIGHBOURS = 8,
    SYNC_PAGE_MAX = 15, /* items in one datagram */
    SYNC_ITEM_SIZE = 72 /* key 32, owner 32, sequence 8 */
};

struct sync; /* what one neighbour is offered; exists only meanwhile */

struct syncs {
    struct sync *first; /* the first is at work; when handing over, all are */
    uint32_t due_count;
    vx6_ns due_at;   /* the neighbours below are; VX6_NEVER: none */
    vx6_ns round_at; /* all neighbours are due */
    struct peer *due[SYNC_NEIGHBOURS];
};

void sync_init(struct vx6_node *node);
/* A node has entered the table; if it is a neighbour, it is offered its share soon. */
void sync_entered(struct vx6_node *node, struct peer *peer);
/* The node shuts down: what it holds is brought to those who hold it next. */
void sync_hand_over(struct vx6_node *node);
uint16_t sync_wanted(const struct vx6_node *node, const vx6_addr *asker,
    const struct vx6_sync *ask); /* of an answer */
/* Fetches what an answer touches, in two steps; true: there is another. */
bool sync_expect(const struct sync *sync, uint32_t step);
void sync_timer(struct vx6_node *node);
void sync_free(struct vx6_node *node);

#endif
