/* SPDX-License-Identifier: MIT */
/* Open addressing with linear probing; a removal moves later entries up, so there are no graves. */
#include "idtable.h"

#include <stdlib.h>

static size_t home_of(const struct idtable *map, uint32_t bits)
{
    return (size_t)((bits * 0x9e3779b1u) >> 7) & (map->capacity - 1);
}

static size_t find(const struct idtable *map, uint32_t bits)
{
    size_t index = home_of(map, bits);
    while (map->entries[index].bits != 0 && map->entries[index].bits != bits)
        index = (index + 1) & (map->capacity - 1);
    return index;
}

static bool grow(struct idtable *map)
{
    struct idtable bigger = {.capacity = map->capacity ? map->capacity * 2 : 16};
    bigger.entries = calloc(bigger.capacity, sizeof *bigger.entries);
    if (bigger.entries == NULL)
        return false;
    for (size_t i = 0; i < map->capacity; i++) {
        if (map->entries[i].bits != 0)
            bigger.entries[find(&bigger, map->entries[i].bits)] = map->entries[i];
    }
    bigger.count = map->count;
    free(map->entries);
    *map = bigger;
    return true;
}

bool idtable_set(struct idtable *map, vx6_id id, void *value)
{
    VX6_ASSERT(id.bits != 0);
    if (map->count * 2 >= map->capacity && !grow(map))
        return false;
    struct idtable_entry *entry = &map->entries[find(map, id.bits)];
    if (entry->bits == 0)
        map->count++;
    *entry = (struct idtable_entry){id.bits, value};
    return true;
}

void *idtable_get(const struct idtable *map, vx6_id id)
{
    if (map->count == 0 || id.bits == 0)
        return NULL;
    return map->entries[find(map, id.bits)].value;
}

void idtable_remove(struct idtable *map, vx6_id id)
{
    if (map->count == 0 || id.bits == 0)
        return;
    size_t hole = find(map, id.bits);
    if (map->entries[hole].bits == 0)
        return;
    map->count--;
    size_t mask = map->capacity - 1;
    for (size_t i = (hole + 1) & mask; map->entries[i].bits != 0; i = (i + 1) & mask) {
        size_t home = home_of(map, map->entries[i].bits);
        if (((i - home) & mask) < ((i - hole) & mask))
            continue; /* its home lies behind the hole */
        map->entries[hole] = map->entries[i];
        hole = i;
    }
    map->entries[hole] = (struct idtable_entry){0};
}

void *idtable_any(const struct idtable *map)
{
    for (size_t i = 0; i < map->capacity; i++) {
        if (map->entries[i].bits != 0)
            return map->entries[i].value;
    }
    return NULL;
}

void idtable_clear(struct idtable *map)
{
    free(map->entries);
    *map = (struct idtable){0};
}
