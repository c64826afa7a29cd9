/* SPDX-License-Identifier: MIT */
/* A list that runs through its items, by their fields `next` and `previous`: entering never
 * allocates, and each list has items of one type. `first` and `last` are NULL when it is empty. */
#ifndef VX6_LIST_H
#define VX6_LIST_H

#define LIST_APPEND(first, last, item)                                                             \
    do {                                                                                           \
        (item)->next = NULL;                                                                       \
        (item)->previous = (last);                                                                 \
        *((last) ? &(last)->next : &(first)) = (item);                                             \
        (last) = (item);                                                                           \
    } while (0)

#define LIST_REMOVE(first, last, item)                                                             \
    do {                                                                                           \
        *((item)->previous ? &(item)->previous->next : &(first)) = (item)->next;                   \
        *((item)->next ? &(item)->next->previous : &(last)) = (item)->previous;                    \
    } while (0)

#endif
