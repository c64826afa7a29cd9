/* SPDX-License-Identifier: MIT */
/* The simulated carriers: which part of them an event or an output concerns. A node that left in
 * order refuses and resets; one that left without a word is silence. */
#include "carrier.h"

void carrier_want_write(struct actor *actor, vx6_id id, const vx6_addr *to)
{
    if (id.bits == VX6_DATAGRAMS.bits)
        datagrams_want_write(actor, to);
    else
        connection_want_write(actor, id);
}

bool carrier_write(struct actor *actor)
{
    actor->write_again = VX6_NEVER;
    bool wrote = actor->datagrams_wanted && datagrams_write(actor);
    return (actor->links_wanted && connections_write(actor)) || wrote;
}

void carrier_event(struct actor *actor, struct event *event)
{
    if (!line_arrive(actor, event))
        return;
    if (event->kind == EVENT_DATAGRAM)
        datagram_event(actor, event);
    else
        connection_event(actor, event);
    actor_pump(actor);
}

void carrier_event_gone(struct shard *shard, const struct member *member, const struct event *event)
{
    if (event->kind == EVENT_DATAGRAM)
        payload_drop(shard, event->u.payload);
    else
        connection_event_gone(shard, member, event);
}

void carrier_free(struct actor *actor)
{
    connections_free(actor);
}
