/* SPDX-License-Identifier: MIT */
/* A list of objects that wait for their turn. The place in the list lives inside the object, so
 * entering never allocates and never fails, and entering twice is entering once. */
#ifndef VX6_TURNS_H
#define VX6_TURNS_H

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
    turn->next = NULL;
    turn->previous = turns->last;
    if (turns->last)
        turns->last->next = turn;
    else
        turns->first = turn;
    turns->last = turn;
}

static inline void turns_remove(struct turns *turns, struct turn *turn)
{
    if (!turn->listed)
        return;
    if (turn->previous)
        turn->previous->next = turn->next;
    else
        turns->first = turn->next;
    if (turn->next)
        turn->next->previous = turn->previous;
    else
        turns->last = turn->previous;
    *turn = (struct turn){0};
}

#endif
