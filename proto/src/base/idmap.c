/* SPDX-License-Identifier: MIT */
/* A sorted array with binary search: numbers of paths and streams rise, so the end is where almost
 * all additions go, and a peer cannot choose numbers that make a search slow. */
#include "idmap.h"

#include <string.h>

#include "env.h"

/* Index of the first item whose number is not below `id`. */
static uint32_t position(const struct idmap *map, uint32_t id)
{
    uint32_t low = 0, high = map->count;
    if (high > 0 && map->items[high - 1].id < id)
        return high;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (map->items[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void *idmap_find(const struct idmap *map, uint32_t id)
{
    uint32_t at = position(map, id);
    return at < map->count && map->items[at].id == id ? map->items[at].object : NULL;
}

bool idmap_add(struct vx6_env *env, struct idmap *map, uint32_t id, void *object)
{
    if (map->count == map->capacity) {
        struct idmap_item *items =
            env_grow(env, map->items, &map->capacity, sizeof *items, 4, UINT32_MAX);
        if (items == NULL)
            return false;
        map->items = items;
    }
    uint32_t at = position(map, id);
    VX6_ASSERT(at == map->count || map->items[at].id != id);
    memmove(&map->items[at + 1], &map->items[at], (map->count - at) * sizeof map->items[0]);
    map->items[at] = (struct idmap_item){id, object};
    map->count++;
    return true;
}

void idmap_remove(struct vx6_env *env, struct idmap *map, uint32_t id)
{
    uint32_t at = position(map, id);
    if (at == map->count || map->items[at].id != id)
        return;
    map->count--;
    memmove(&map->items[at], &map->items[at + 1], (map->count - at) * sizeof map->items[0]);
    if (map->count == 0) {
        env_free(env, map->items, map->capacity * sizeof map->items[0]);
        *map = (struct idmap){0};
    }
}
