/* SPDX-License-Identifier: MIT */
/* IDs for objects that the driver holds on to: kind, generation and slot, so that an ID of an
 * object that is gone is recognised. */
#ifndef VX6_SLOTS_H
#define VX6_SLOTS_H

#include "vx6/node.h"

struct vx6_env;

enum slot_kind {
    SLOT_LINK = 1,
    SLOT_SESSION,
    SLOT_STREAM,
    SLOT_OP
};

struct slot {
    void *object;       /* NULL: free */
    uint32_t bits;      /* the ID that is valid now, or was last */
    uint32_t next_free; /* index + 1; 0: the last free slot */
};

struct slots {
    struct slot *items;
    uint32_t capacity;
    uint32_t used;      /* slots ever used */
    uint32_t free_head; /* index + 1 of the slot that has been free longest */
    uint32_t free_tail;
    uint32_t count; /* objects alive */
};

/* An ID of 0 bits: memory ran out. */
vx6_id slots_add(struct vx6_env *env, struct slots *slots, enum slot_kind kind, void *object);
/* NULL for a stale or foreign ID. */
void *slots_get(const struct slots *slots, enum slot_kind kind, vx6_id id);
void slots_remove(struct slots *slots, vx6_id id);
void slots_clear(struct vx6_env *env, struct slots *slots); /* frees the table, not the objects */

#endif
