/* SPDX-License-Identifier: MIT */
/* A list of objects that wait for their turn. The place in the list lives inside the object, so
 * entering never allocates and never fails, and entering twice is entering once. */
#ifndef VX6_TURNS_H
#define VX6_TURNS_H

#include "list.h"
#include "vx6/base.h"

struct turn {
    struct turn *next, *previous;
    bool listed;
};

struct turns {
    struct turn *first, *last;
};

static inline void turns_add(struct turns *turns, struct turn *turn)
{
    if (turn->listed)
        return;
    turn->listed = true;
    LIST_APPEND(turns->first, turns->last, turn);
}

static inline void turns_remove(struct turns *turns, struct turn *turn)
{
    if (!turn->listed)
        return;
    LIST_REMOVE(turns->first, turns->last, turn);
    *turn = (struct turn){0};
}

#endif
