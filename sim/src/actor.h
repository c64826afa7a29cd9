/* SPDX-License-Identifier: MIT */
/* The driver of one node: hands events to the four verbs, does what comes out. */
#ifndef SIM_ACTOR_H
#define SIM_ACTOR_H

#include "world.h"

/* An input at the shard's time; what follows from it happens at the next actor_pump(). */
enum vx6_code actor_input(struct actor *actor, struct vx6_in *in);
/* Takes all outputs, fills all carriers that have room, arms the next wake-up. */
void actor_pump(struct actor *actor);
void actor_event(struct actor *actor, struct event *event);
/* Wakes the actor no later than this. */
void actor_arm(struct actor *actor, vx6_ns time);
void actor_free(struct actor *actor);

/* An array of a node becomes longer at its end by one item, or shorter. It takes no more than its
 * items do, since most nodes have none at most times. */
void *actor_longer(struct actor *actor, void *items, uint32_t *count, size_t size);
void *actor_shorter(struct actor *actor, void *items, uint32_t *count, size_t size);

/* ---- carrier.c ---- */
void carrier_dial(struct actor *actor, vx6_id id, const vx6_addr *addr);
void carrier_close(struct actor *actor, vx6_id id);
void carrier_pause(struct actor *actor, vx6_id id, bool paused);
void carrier_want_write(struct actor *actor, vx6_id id, const vx6_addr *to);
/* Fills what has room; true when anything was written. */
bool carrier_write(struct actor *actor);
void carrier_event(struct actor *actor, struct event *event);
/* What the host of a node that has left does with an event. */
void carrier_event_gone(
    struct shard *shard, const struct member *member, const struct event *event);
void carrier_free(struct actor *actor);

#endif
