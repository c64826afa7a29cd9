/* SPDX-License-Identifier: MIT */
/* Publishing the own bundle: under the node ID and under the key of the claimed name, at the k
 * nodes closest to each; again at half its life, and at once when it changes. Spec: spec/dht.md. */
#ifndef VX6_PUBLISH_H
#define VX6_PUBLISH_H

#include "intern.h"
#include "timer.h"
#include "vx6/node.h"

struct publication; /* one key being published: publish.c */

struct publish {
    struct timer timer;
    struct blob *bundle; /* the current one, verified by having been made here; may be NULL */
    uint8_t record[300]; /* the node record inside it, for pongs and handshakes */
    uint32_t record_len;
    uint64_t sequence; /* of the current bundle */
    int64_t issued_s;
    struct publication *running;
};

void publish_init(struct vx6_node *node);
/* Endpoints, services or the label changed: a new bundle, published as soon as the node has joined.
 */
void publish_changed(struct vx6_node *node);
/* The current node record; made anew when it is older than half its life. */
vx6_span publish_record(struct vx6_node *node);
void publish_joined(struct vx6_node *node); /* discovery says: the network can be reached now */
void publish_timer(struct vx6_node *node, struct timer *timer);
void publish_free(struct vx6_node *node);

#endif
