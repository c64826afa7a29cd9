/* SPDX-License-Identifier: MIT */
/* Datagrams: lost by chance, late by distance and jitter, in no order. */
#include "carrier.h"
#include "digest.h"
#include "fault.h"
#include "liar.h"
#include "prefetch.h"

/* What was written to payload_room(). */
static void datagram_send(struct actor *actor, uint32_t dst, size_t len)
{
    struct shard *shard = actor->shard;
    const struct world *world = shard->world;
    vx6_ns depart = line_depart(actor, len + NET_DATAGRAM_HEADER);
    shard->stats.datagrams_sent++;
    shard->stats.datagram_bytes += len;
    if (dst == UINT32_MAX || world->members[dst].actor == NULL) {
        shard->stats.datagrams_dead++;
        return;
    }
    const struct place *there = line_place(actor, dst);
    uint64_t random = line_random(actor, dst);
    if (net_is_lost(random, world->options.loss_ppm) || fault_separates(world, actor->index, dst)) {
        shard->stats.datagrams_lost++;
        return;
    }
    struct payload *payload = payload_datagram(shard, len); /* gives the place some time */
    vx6_ns one_way = net_one_way(line_place(actor, actor->index), there);
    struct event event = {.kind = EVENT_DATAGRAM,
        .dst = dst,
        .time = depart + one_way + net_jitter(random, one_way) +
                net_serialise(net_lines[there->line].down_ns_per_kib, len + NET_DATAGRAM_HEADER),
        .u.payload = payload};
    line_send(actor, &event);
}

/* Where it goes will be looked up when it has been made. */
void datagrams_want_write(struct actor *actor, const vx6_addr *to)
{
    const struct world *world = actor->shard->world;
    const uint64_t index = load_word(to->ip + 8);
    if (index < world->member_count)
        prefetch_line(&world->members[index]);
    actor->datagrams_wanted = true;
}

bool datagrams_write(struct actor *actor)
{
    struct shard *shard = actor->shard;
    bool wrote = false;
    while (actor->datagrams_wanted && line_has_room(actor)) {
        struct vx6_batch batch = {.dst = payload_room(shard), .cap = VX6_DATAGRAM_SIZE};
        actor->datagrams_wanted = vx6_node_fill(actor->node, VX6_DATAGRAMS, &batch) && !batch.last;
        if (batch.len == 0)
            break;
        wrote = true;
        datagram_send(actor, world_addr_index(shard->world, &batch.peer), batch.len);
    }
    return wrote;
}

/* --perturb counts through all datagrams: the first of each node, the second of each, and so on. */
static bool is_perturbed(struct actor *actor)
{
    const struct options *options = &actor->shard->world->options;
    return actor->index + actor->datagrams++ * options->nodes + 1 == options->perturb;
}

/* True when a liar has answered, or keeps silent, in place of its node. */
static bool lie(struct actor *actor, uint32_t src, const uint8_t *data, size_t len)
{
    size_t answer_len;
    if (!liar_datagram(actor, data, len, payload_room(actor->shard), &answer_len))
        return false;
    if (answer_len > 0)
        datagram_send(actor, src, answer_len);
    return true;
}

void datagram_event(struct actor *actor, struct event *event)
{
    struct shard *shard = actor->shard;
    struct payload *payload = event->u.payload;
    shard->stats.datagrams_delivered++;
    if (!is_perturbed(actor)) {
        shard->stats.messages++;
        digest_delivery(actor, event, payload->len);
        const uint8_t *bytes = payload_bytes(shard, payload);
        if (actor->liar == NULL || !lie(actor, event->src, bytes, payload->len)) {
            struct vx6_in in = {.kind = VX6_IN_DATAGRAM,
                .peer = world_addr(shard->world, event->src),
                .data = bytes,
                .len = payload->len};
            (void)actor_input(actor, &in);
        }
    }
    payload_drop(shard, payload);
}
