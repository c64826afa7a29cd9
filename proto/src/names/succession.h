/* SPDX-License-Identifier: MIT */
/* What this node does when a key that it relies on hands over to another: names and access lists
 * go with it, and the driver hears of it. Spec: spec/names.md, "Rotation". */
#ifndef VX6_SUCCESSION_H
#define VX6_SUCCESSION_H

#include "lineage.h"
#include "vx6/node.h"

struct handover; /* one that the driver has yet to hear of */

struct succession {
    struct handover *first, *last;
    struct handover *told; /* its output was taken; valid until the next call */
};

/* The lineage of `identity`, whose signatures are good, says that `from` has handed over, in one
 * step or several: goes along. OK, REVOKED, TOO_MANY_KEYS or NOMEM. */
enum vx6_code succession_follow(struct vx6_node *node, const struct lineage *lineage,
    const uint8_t identity[32], const uint8_t from[32]);
/* Takes one KEY_FOLLOWED output; false: there is none. */
bool succession_output(struct vx6_node *node, struct vx6_out *out);
void succession_reap(struct vx6_node *node); /* frees what the last output showed */
void succession_free(struct vx6_node *node);

#endif
