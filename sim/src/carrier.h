/* SPDX-License-Identifier: MIT */
/* The inside of the carriers: carrier.c hands on what concerns datagrams (datagram.c) and links
 * (connection.c); both pass the access lines (line.c). */
#ifndef SIM_CARRIER_H
#define SIM_CARRIER_H

#include "actor.h"
#include "payload.h"

/* ---- line.c: the access lines of a node, first in, first out ---- */
bool line_has_room(struct actor *actor); /* to send; else actor->write_again says when */
static inline const struct place *line_place(const struct actor *actor, uint32_t index)
{
    return &actor->shard->world->members[index].place;
}
/* So many bytes go onto the sender's line: when their last leaves it. */
vx6_ns line_depart(struct actor *actor, uint64_t bytes);
/* The draw for the next packet of this node: loss and jitter follow from it. */
uint64_t line_random(struct actor *actor, uint32_t dst);
static inline void line_send(struct actor *actor, struct event *event)
{
    event->src = actor->index;
    event->sequence = actor->sequence++;
    shard_send(actor->shard, event);
}
uint64_t line_wire_bytes(const struct actor *actor, const struct event *event);
/* Passes the receiver's line; false: it waits there and comes again. */
bool line_arrive(struct actor *actor, struct event *event);

/* ---- datagram.c ---- */
bool datagrams_write(struct actor *actor);                          /* true when any was sent */
void datagrams_want_write(struct actor *actor, const vx6_addr *to); /* of the first */
void datagram_event(struct actor *actor, struct event *event);

/* ---- connection.c ---- */
/* To the other end: what is lost is sent again, and order is kept (VX6-LINK-021). */
void connection_send(struct actor *actor, struct end *end, struct event *event);
bool connections_write(struct actor *actor);
void connection_want_write(struct actor *actor, vx6_id id);
void connection_event(struct actor *actor, const struct event *event);
void connection_event_gone(
    struct shard *shard, const struct member *member, const struct event *event);
void connections_free(struct actor *actor);

#endif
