/* SPDX-License-Identifier: MIT */
/* The access line of a node: what it sends and what comes to it, at the rate of its line. */
#include "carrier.h"

enum {
    WRITE_AHEAD_MS = 50, /* of bytes wait on the access line before a carrier has no room */
    WRITE_AGAIN_MS = 25
};

bool line_has_room(struct actor *actor)
{
    vx6_ns now = actor->shard->now;
    if (actor->leaving || actor->uplink_free <= now + WRITE_AHEAD_MS * VX6_MILLISECOND)
        return true;
    actor->write_again = actor->uplink_free - WRITE_AGAIN_MS * VX6_MILLISECOND;
    return false;
}

vx6_ns line_depart(struct actor *actor, uint64_t bytes)
{
    vx6_ns now = actor->shard->now;
    vx6_ns start = actor->uplink_free > now ? actor->uplink_free : now;
    actor->uplink_free =
        start +
        net_serialise(net_lines[line_place(actor, actor->index)->line].up_ns_per_kib, bytes);
    return actor->uplink_free;
}

uint64_t line_random(struct actor *actor, uint32_t dst)
{
    uint64_t pair = (uint64_t)actor->index << 32 | dst;
    return mix3(actor->shard->world->options.seed ^ PURPOSE_PACKET, pair, actor->packets++);
}

uint64_t line_wire_bytes(const struct actor *actor, const struct event *event)
{
    if (event->kind == EVENT_DATAGRAM)
        return event->u.payload->len + NET_DATAGRAM_HEADER;
    const struct net_carrier *carrier = &net_carriers[actor->shard->world->options.carrier];
    if (event->kind == EVENT_CONNECT || event->kind == EVENT_CONNECTED)
        return carrier->connect_bytes;
    if (event->kind != EVENT_CHUNK)
        return carrier->header_bytes;
    uint64_t len = event->u.payload->len, segment = carrier->segment_bytes;
    return len + (len + segment - 1) / segment * carrier->header_bytes;
}

bool line_arrive(struct actor *actor, struct event *event)
{
    if (event->flags & EVENT_QUEUED)
        return true;
    vx6_ns now = actor->shard->now;
    vx6_ns takes = net_serialise(net_lines[line_place(actor, actor->index)->line].down_ns_per_kib,
        line_wire_bytes(actor, event));
    vx6_ns start = actor->downlink_free + takes > now ? actor->downlink_free : now - takes;
    actor->downlink_free = start + takes;
    if (actor->downlink_free <= now)
        return true;
    event->flags |= EVENT_QUEUED;
    event->time = actor->downlink_free;
    queue_push(&actor->shard->queue, event);
    return false;
}
