/* SPDX-License-Identifier: MIT */
/* From the IDs of the state machine's objects to what the driver keeps about them. */
#ifndef VX6_IDTABLE_H
#define VX6_IDTABLE_H

#include "vx6/node.h"

struct idtable_entry {
    uint32_t bits; /* 0: free */
    void *value;
};

/* Zero is an empty map. */
struct idtable {
    struct idtable_entry *entries;
    size_t capacity; /* a power of two */
    size_t count;
};

/* False only when memory ran out. Replaces what was there. */
VX6_MUST_CHECK bool idtable_set(struct idtable *map, vx6_id id, void *value);
void *idtable_get(const struct idtable *map, vx6_id id); /* NULL: not there */
void idtable_remove(struct idtable *map, vx6_id id);
/* Any one value, for emptying the map; NULL when it is empty. */
void *idtable_any(const struct idtable *map);
void idtable_clear(struct idtable *map);

#endif
