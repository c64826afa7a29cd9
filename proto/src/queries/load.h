/* SPDX-License-Identifier: MIT */
/* How many asks come, and from where: beyond a bound their senders have to prove that they receive
 * at the address that they send from. Spec: spec/queries.md, "Under load". */
#ifndef VX6_LOAD_H
#define VX6_LOAD_H

#include "vx6/node.h"

enum {
    LOAD_SITES = 256 /* counters; sites that share one share their bound */
};

struct load {
    vx6_ns second;   /* began then */
    uint32_t asks;   /* in it */
    uint32_t proven; /* of these, beyond the bounds, from who has shown that it receives */
    struct load_site *sites; /* NULL while there are few asks */
};

/* One more ask; true when its sender has to prove its address first. */
bool load_is_too_much(struct vx6_node *node, const vx6_addr *from);
/* One more ask whose sender has proved its address; false: its site has had its share. */
bool load_takes_proven(struct vx6_node *node, const vx6_addr *from);
void load_free(struct vx6_node *node);

#endif
