/* SPDX-License-Identifier: MIT */
/* Can this node be reached from outside? A peer is asked over a link to dial back one of the
 * endpoints in this node's signed record, and says what came of it; and this node does so for
 * others, within a budget, since a record is its owner's word. Spec: spec/links.md, "Reachability".
 */
#ifndef VX6_REACH_H
#define VX6_REACH_H

#include "vx6/msg.h"
#include "vx6/node.h"

struct link;
struct op;
struct timer;
struct reach;

/* VX6_IN_REACH: asks a contact for this endpoint and makes an operation of it. INVALID: it is no
 * endpoint; NO_PEERS: there is nobody who could tell. */
enum vx6_code reach_start(struct vx6_node *node, const vx6_addr *endpoint, vx6_id *id);
void reach_cancel(struct vx6_node *node, struct op *op);
void reach_timer(struct vx6_node *node, struct timer *timer);
void reach_free(struct vx6_node *node);

/* ---- for links ---- */
void reach_link_up(struct vx6_node *node, struct link *link);
void reach_link_down(struct vx6_node *node, struct link *link, enum vx6_code code);
/* Anything but VX6_OK closes the link with that code. */
enum vx6_code reach_frame(struct vx6_node *node, struct link *link, const struct vx6_msg *frame);
/* The frame that says what is owed. */
struct vx6_msg reach_ask_frame(struct vx6_node *node, const struct link *link);

#endif
