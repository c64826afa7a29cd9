/* SPDX-License-Identifier: MIT */
/* An ID is kind (3 bits), generation (12) and slot (17). The slot that has been free longest is
 * used first and its generation rises, so an ID comes back only after 4,096 uses of its slot.
 * VX6-NODE-006 in spec/README.md, "The state machine". */
#include "slots.h"

#include "env.h"

enum {
    INDEX_BITS = 17,
    GENERATION_BITS = 12,
    SLOTS_FIRST = 2
};

static uint32_t index_of(vx6_id id)
{
    return id.bits & ((UINT32_C(1) << INDEX_BITS) - 1);
}

static uint32_t generation_of(uint32_t bits)
{
    return bits >> INDEX_BITS & ((UINT32_C(1) << GENERATION_BITS) - 1);
}

/* Index of a free slot that has left the free list; `capacity` when memory ran out. */
static uint32_t take_slot(struct vx6_env *env, struct slots *slots)
{
    if (slots->free_head != 0) {
        uint32_t index = slots->free_head - 1;
        slots->free_head = slots->items[index].next_free;
        if (slots->free_head == 0)
            slots->free_tail = 0;
        return index;
    }
    if (slots->used == slots->capacity) {
        struct slot *items = env_grow(env, slots->items, &slots->capacity, sizeof *items,
            SLOTS_FIRST, UINT32_C(1) << INDEX_BITS);
        if (items == NULL)
            return slots->capacity;
        slots->items = items;
    }
    return slots->used++;
}

vx6_id slots_add(struct vx6_env *env, struct slots *slots, enum slot_kind kind, void *object)
{
    VX6_ASSERT(object != NULL);
    uint32_t index = take_slot(env, slots);
    if (index == slots->capacity)
        return (vx6_id){0};
    struct slot *slot = &slots->items[index];
    uint32_t generation = generation_of(slot->bits + (UINT32_C(1) << INDEX_BITS));
    slot->bits =
        (uint32_t)kind << (INDEX_BITS + GENERATION_BITS) | generation << INDEX_BITS | index;
    slot->object = object;
    slots->count++;
    return (vx6_id){slot->bits};
}

void *slots_get(const struct slots *slots, enum slot_kind kind, vx6_id id)
{
    uint32_t index = index_of(id);
    if (id.bits >> (INDEX_BITS + GENERATION_BITS) != (uint32_t)kind || index >= slots->used)
        return NULL;
    const struct slot *slot = &slots->items[index];
    return slot->bits == id.bits ? slot->object : NULL;
}

void slots_remove(struct slots *slots, vx6_id id)
{
    uint32_t index = index_of(id);
    VX6_ASSERT(index < slots->used && slots->items[index].bits == id.bits);
    struct slot *slot = &slots->items[index];
    VX6_ASSERT(slot->object != NULL);
    slot->object = NULL;
    slot->next_free = 0;
    if (slots->free_tail != 0)
        slots->items[slots->free_tail - 1].next_free = index + 1;
    else
        slots->free_head = index + 1;
    slots->free_tail = index + 1;
    slots->count--;
}

void slots_clear(struct vx6_env *env, struct slots *slots)
{
    env_free(env, slots->items, slots->capacity * sizeof *slots->items);
    *slots = (struct slots){0};
}
