/* SPDX-License-Identifier: MIT */
/* Publishing the own bundle: under the node ID and under the key of the claimed name, at the k
 * nodes closest to each; again at half its life, and at once when it changes. Spec: spec/dht.md. */
#ifndef VX6_PUBLISH_H
#define VX6_PUBLISH_H

#include "intern.h"
#include "lineage.h"
#include "timer.h"
#include "vx6/msg.h"
#include "vx6/node.h"

enum {
    PUBLISH_KEYS =
        2 +
        LINEAGE_ROTATIONS_MAX /* the node ID, the key of the label, the IDs of two predecessors */
};

struct publication;

struct publish {
    vx6_ns settle_at;               /* changes have settled: make and publish */
    vx6_ns renew_at;                /* half of its life is over */
    vx6_ns retry_at;                /* nobody took it */
    uint32_t retry_ms;              /* 0: the last run went well */
    bool joined, stale;             /* stale: something changed since the bundle was made */
    struct blob *bundle;            /* the last one; NULL before the first */
    uint16_t record_at, record_len; /* the node record inside it, for pongs and handshakes */
    uint32_t starved; /* the last second, from 1, without memory for a newer one; 0: none */
    int64_t issued_s;
    struct publication *running[PUBLISH_KEYS];
    uint32_t keys_left; /* of this run: not yet offered under */
    uint32_t fewest;    /* holders that took it under one key */
};

void publish_init(struct vx6_node *node);
/* Endpoints, services or the label changed: a new bundle, published as soon as the node has joined.
 */
void publish_changed(struct vx6_node *node);
/* Would all that is hosted elsewhere fit into the own bundle? */
bool publish_has_room(const struct vx6_node *node);
/* The current node record; made anew when it is older than half its life. When memory ran out, the
 * last one; empty when there is none. */
vx6_span publish_record(struct vx6_node *node);
/* The bundle whose record that is; NULL when there is none. No reference is given. */
struct blob *publish_bundle(struct vx6_node *node);
void publish_done(struct vx6_node *node, const struct publication *publication, uint32_t taken);
void publish_joined(struct vx6_node *node); /* discovery says: the network can be reached now */
void publish_network_changed(struct vx6_node *node); /* a failure is tried again at once */
void publish_clock_moved(struct vx6_node *node);     /* the wall clock was set */
void publish_timer(struct vx6_node *node);
void publish_shutdown(struct vx6_node *node); /* offers it to nobody any more */
void publish_free(struct vx6_node *node);

#endif
