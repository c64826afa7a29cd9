/* SPDX-License-Identifier: MIT */
/* Pending outputs as bits on live objects: an object is on its node's list once, however many bits
 * it has, so output memory is bounded by objects, posting cannot fail and repeats coalesce. */
#ifndef VX6_READY_H
#define VX6_READY_H

#include "list.h"
#include "vx6/base.h"

enum ready_kind {
    READY_LINK,
    READY_SESSION,
    READY_STREAM,
    READY_OP,
    READY_NODE
};

struct ready {
    struct ready *next, *previous;
    uint16_t pending; /* bits; their meaning and order are the object's */
    enum ready_kind kind;
};

struct ready_list {
    struct ready *first, *last;
};

static inline void ready_remove(struct ready_list *list, struct ready *ready)
{
    if (ready->pending == 0)
        return;
    LIST_REMOVE(list->first, list->last, ready);
    ready->next = ready->previous = NULL;
    ready->pending = 0;
}

static inline void ready_post(struct ready_list *list, struct ready *ready, unsigned bits)
{
    VX6_ASSERT(bits != 0);
    if (ready->pending == 0)
        LIST_APPEND(list->first, list->last, ready);
    ready->pending = (uint16_t)(ready->pending | bits);
}

/* Takes one bit back; the object leaves the list with its last. */
static inline void ready_take(struct ready_list *list, struct ready *ready, unsigned bit)
{
    uint16_t left = (uint16_t)(ready->pending & ~bit);
    if (left == 0)
        ready_remove(list, ready);
    else
        ready->pending = left;
}

#endif
