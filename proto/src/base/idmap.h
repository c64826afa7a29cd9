/* SPDX-License-Identifier: MIT */
/* Objects by a number that mostly rises: an array sorted by it, so that adding is appending and the
 * order of a walk is the order of the numbers. */
#ifndef VX6_IDMAP_H
#define VX6_IDMAP_H

#include "vx6/base.h"

struct vx6_env;

struct idmap_item {
    uint32_t id;
    void *object;
};

struct idmap {
    struct idmap_item *items;
    uint32_t count, capacity;
};

void *idmap_find(const struct idmap *map, uint32_t id); /* NULL: not there */
/* False when memory ran out. The number must be new. */
VX6_MUST_CHECK bool idmap_add(struct vx6_env *env, struct idmap *map, uint32_t id, void *object);
void idmap_remove(struct vx6_env *env, struct idmap *map, uint32_t id); /* the last frees all */

#endif
