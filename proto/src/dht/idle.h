/* SPDX-License-Identifier: MIT */
/* Which contact is to be asked next whether it lives: the one that has neither answered nor been
 * asked for the longest time. Spec: spec/dht.md, "Maintenance". */
#ifndef VX6_IDLE_H
#define VX6_IDLE_H

#include "vx6/node.h"

struct contact;

/* Who was idle for longer than anybody else when all ages were read, longest first. Who answers or
 * is asked drops out. */
enum {
    IDLE_MAX = 8
};

struct idle {
    uint16_t contacts[IDLE_MAX]; /* indices */
    uint8_t count;
    bool is_awaited;          /* somebody urgent was asked just now: all are to be read again */
    uint32_t awaited_ms;      /* at this time */
    uint32_t least_ms;        /* so long was everybody of them idle */
    uint32_t others_since_ms; /* nobody else has been idle since before then */
};

/* A contact comes to this index, or has left it. */
void idle_came(struct vx6_node *node, uint32_t index);
void idle_left(struct vx6_node *node, uint32_t index);
void idle_answered(struct vx6_node *node, struct contact *contact);
void idle_asked(struct vx6_node *node, struct contact *contact);
/* It comes before those who are idle for longest. */
void idle_make_urgent(struct vx6_node *node, struct contact *contact);
/* Since it came, or last answered. */
uint32_t idle_silent_ms(const struct vx6_node *node, const struct contact *contact);
/* The contact that has neither answered nor been asked for the longest time, idle_ms[0], and the
 * time of the next in line, idle_ms[1]; NULL when the table is empty. */
struct contact *idle_longest(struct vx6_node *node, uint32_t idle_ms[2]);

/* Who is next in line as far as is known; NULL: nobody is. */
const struct contact *idle_next(const struct vx6_node *node);
void idle_expect(const struct vx6_node *node, vx6_ns now); /* fetches the next in line, by then */
void idle_expect_all(const struct vx6_node *node, vx6_ns now); /* all, if too few are still idle */

/* Somebody urgent was asked just now; in how many ms that may be done again. */
bool idle_is_awaited(const struct vx6_node *node, uint32_t *in_ms);

#endif
