/* SPDX-License-Identifier: MIT */
/* How many of something come within a second, and from which networks. Networks are counted by a
 * hash, in little memory, and only while there is a reason to. */
#ifndef VX6_METER_H
#define VX6_METER_H

#include "vx6/node.h"

enum {
    METER_NETWORKS = 256, /* counters; networks that share one share their bound */
    METER_WATCH_SHARE = 8 /* networks are counted from an eighth of a bound on */
};

struct meter {
    vx6_ns second;                   /* began then */
    uint32_t count;                  /* in it */
    uint32_t taken;                  /* of these, by meter_takes() */
    struct meter_networks *networks; /* NULL while there are few */
};

/* One more; how many have come from its network, 0 while fewer than `watched_from` have come in
 * all, or without memory for counters. */
uint32_t meter_count(
    struct vx6_node *node, struct meter *meter, const vx6_addr *from, uint32_t watched_from);
/* One more, of which so many are taken in all and, once networks are counted, from each. Beyond the
 * first of these a network has a small share still: something is left for who wants little. */
bool meter_takes(struct vx6_node *node, struct meter *meter, const vx6_addr *from, uint32_t in_all,
    uint32_t of_network);
/* The same where keys are counted instead of networks. */
bool meter_takes_key(struct vx6_node *node, struct meter *meter, const uint8_t key[32],
    uint32_t in_all, uint32_t of_key);
void meter_free(struct vx6_node *node, struct meter *meter);

#endif
