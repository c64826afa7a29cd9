/* SPDX-License-Identifier: MIT */
/* Links' carriers: connections that lose nothing and keep order.
 *
 * A byte stream connects in one round trip; a lost packet arrives one round trip later, and all
 * that follows on the stream waits for it. A secure carrier with channels (VX6-LINK-020) connects
 * in one round trip too, is offered to the responder half a round trip after that, knows who is at
 * its ends, and what follows a lost packet waits only on the same channel (VX6-LINK-021). Either
 * stops when WINDOW_BYTES are unread at the other end. */
#include "carrier.h"
#include "digest.h"
#include "fault.h"

#include <string.h>

enum {
    WINDOW_BYTES = 262144
};

/* ---- the ends ---- */

static struct end *end_by_id(struct actor *actor, vx6_id id)
{
    for (uint32_t i = 0; i < actor->end_count; i++) {
        if (actor->ends[i].id.bits == id.bits)
            return &actor->ends[i];
    }
    return NULL;
}

static struct end *end_of_event(struct actor *actor, const struct event *event)
{
    bool dialled = !(event->flags & EVENT_BY_DIALLER);
    for (uint32_t i = 0; i < actor->end_count; i++) {
        struct end *end = &actor->ends[i];
        if (end->peer == event->src && end->conn == event->conn && end->dialled == dialled)
            return end;
    }
    return NULL;
}

static bool has_channels(const struct actor *actor)
{
    return actor->shard->world->options.carrier == CARRIER_STREAMS;
}

static struct end *end_add(struct actor *actor)
{
    actor->ends = actor_longer(actor, actor->ends, &actor->end_count, sizeof *actor->ends);
    struct end *end = &actor->ends[actor->end_count - 1];
    memset(end, 0, sizeof *end);
    if (has_channels(actor))
        end->channels = pool_take(&actor->shard->pool, sizeof *end->channels);
    if (end->channels)
        memset(end->channels, 0, sizeof *end->channels);
    return end;
}

static void end_remove(struct actor *actor, struct end *end)
{
    while (end->held) {
        struct payload *payload = end->held;
        end->held = payload->next;
        payload_drop(actor->shard, payload);
    }
    if (end->channels)
        pool_give(&actor->shard->pool, end->channels, sizeof *end->channels);
    uint32_t index = (uint32_t)(end - actor->ends);
    memmove(end, end + 1, (actor->end_count - 1 - index) * sizeof *end);
    actor->ends = actor_shorter(actor, actor->ends, &actor->end_count, sizeof *end);
}

/* How much later a packet and what belongs to it arrive, when whatever is lost is sent again. */
static vx6_ns loss_delay(
    const struct actor *actor, uint64_t random, uint64_t bytes, bool connects, vx6_ns one_way)
{
    const struct options *options = &actor->shard->world->options;
    const struct net_carrier *carrier = &net_carriers[options->carrier];
    uint64_t packet = carrier->segment_bytes + carrier->header_bytes;
    vx6_ns delay = 0;
    for (uint64_t left = bytes; left > 0 && options->loss_ppm > 0; random = mix(random)) {
        if (net_is_lost(random, options->loss_ppm))
            delay += connects ? NET_RETRANSMIT_SYN_MS * VX6_MILLISECOND : 2 * one_way;
        else
            left -= left < packet ? left : packet;
    }
    return delay;
}

/* When what this end sent last has arrived: all that a new packet must not overtake. A close comes
 * after everything. */
static vx6_ns arrival_last(const struct end *end, const struct event *event)
{
    if (end->channels == NULL)
        return end->arrival_last;
    if (event->kind == EVENT_CHUNK)
        return end->channels->arrival_last[event->u.payload->channel];
    if (event->kind != EVENT_CLOSE)
        return end->channels->arrival_last[0];
    vx6_ns last = 0;
    for (uint32_t i = 0; i < VX6_CHANNEL_COUNT; i++) {
        vx6_ns time = end->channels->arrival_last[i];
        last = time > last ? time : last;
    }
    return last;
}

void connection_send(struct actor *actor, struct end *end, struct event *event)
{
    const struct world *world = actor->shard->world;
    vx6_ns one_way = net_one_way(line_place(actor, actor->index), line_place(actor, end->peer));
    uint64_t bytes = line_wire_bytes(actor, event);
    uint64_t random = line_random(actor, end->peer);
    vx6_ns time =
        line_depart(actor, bytes) + one_way +
        net_serialise(net_lines[line_place(actor, end->peer)->line].down_ns_per_kib, bytes) +
        net_jitter(random, one_way) +
        loss_delay(actor, random, bytes, event->kind == EVENT_CONNECT, one_way);
    if (fault_separates(world, actor->index, end->peer))
        time += world->partition_until - actor->shard->now; /* sent again till then */
    vx6_ns last = arrival_last(end, event);
    if (time <= last)
        time = last + 1;
    if (end->channels == NULL)
        end->arrival_last = time;
    else
        end->channels->arrival_last[event->kind == EVENT_CHUNK ? event->u.payload->channel : 0] =
            time;
    event->time = time;
    event->dst = end->peer;
    event->conn = end->conn;
    event->flags = end->dialled ? EVENT_BY_DIALLER : 0;
    line_send(actor, event);
}

void carrier_dial(struct actor *actor, vx6_id id, const vx6_addr *addr)
{
    const struct world *world = actor->shard->world;
    uint32_t dst = world_addr_index(world, addr);
    if (dst == UINT32_MAX || addr->port != NET_PORT)
        return; /* nobody there: silence */
    struct end *end = end_add(actor);
    end->id = id;
    end->peer = dst;
    end->conn = actor->conn_next++;
    end->dialled = true;
    actor->shard->stats.connects++;
    struct event event = {.kind = EVENT_CONNECT};
    connection_send(actor, end, &event);
}

void connection_want_write(struct actor *actor, vx6_id id)
{
    struct end *end = end_by_id(actor, id);
    if (end)
        end->want_write = actor->links_wanted = true;
}

void carrier_close(struct actor *actor, vx6_id id)
{
    struct end *end = end_by_id(actor, id);
    if (end == NULL)
        return;
    if (!end->closed_by_peer) {
        struct event event = {.kind = EVENT_CLOSE};
        connection_send(actor, end, &event);
    }
    end_remove(actor, end);
}

static bool end_write(struct actor *actor, struct end *end)
{
    struct shard *shard = actor->shard;
    bool wrote = false;
    while ((end->in_flight < WINDOW_BYTES || actor->leaving) && line_has_room(actor)) {
        struct vx6_batch batch = {
            .dst = shard->scratch, .cap = net_carriers[shard->world->options.carrier].fill_bytes};
        if (!vx6_node_fill(actor->node, end->id, &batch)) {
            end->want_write = false;
            break;
        }
        wrote = true;
        end->in_flight += (uint32_t)batch.len;
        shard->stats.chunks++;
        shard->stats.chunk_bytes += batch.len;
        struct event event = {
            .kind = EVENT_CHUNK, .u.payload = payload_new(shard, batch.dst, batch.len)};
        event.u.payload->channel = batch.channel;
        connection_send(actor, end, &event);
    }
    return wrote;
}

bool connections_write(struct actor *actor)
{
    bool wrote = false, wanted = false;
    for (uint32_t i = 0; i < actor->end_count; i++) {
        struct end *end = &actor->ends[i];
        if (end->want_write && end->up && end_write(actor, end))
            wrote = true;
        wanted = wanted || end->want_write;
    }
    actor->links_wanted = wanted;
    return wrote;
}

/* ---- receiving ---- */

static void feed(struct actor *actor, struct end *end, struct payload *payload)
{
    struct vx6_in in = {.kind = VX6_IN_LINK_BYTES,
        .id = end->id,
        .channel = payload->channel,
        .data = payload_bytes(actor->shard, payload),
        .len = payload->len};
    (void)actor_input(actor, &in);
    end->unreported += payload->len;
    if (end->unreported >= WINDOW_BYTES / 2 && !end->closed_by_peer) {
        struct event event = {.kind = EVENT_CREDIT, .u.value = end->unreported};
        end->unreported = 0;
        connection_send(actor, end, &event);
    }
    payload_drop(actor->shard, payload);
}

static void end_down(struct actor *actor, struct end *end, enum vx6_code code)
{
    struct vx6_in in = {.kind = VX6_IN_LINK_DOWN, .id = end->id, .code = code};
    end_remove(actor, end);
    (void)actor_input(actor, &in);
}

void carrier_pause(struct actor *actor, vx6_id id, bool paused)
{
    struct end *end = end_by_id(actor, id);
    if (end == NULL)
        return;
    end->paused = paused;
    if (paused)
        return;
    while (end->held) {
        struct payload *payload = end->held;
        end->held = payload->next;
        feed(actor, end, payload);
    }
    if (end->closed_by_peer)
        end_down(actor, end, VX6_TRUNCATED);
}

/* VX6-LINK-020: what a secure carrier knows of its other end, and what both ends know of it. A byte
 * stream knows nothing. */
struct proof {
    uint8_t binding[32];
};

static void prove(
    struct actor *actor, const struct event *event, struct proof *proof, struct vx6_in *in)
{
    if (!has_channels(actor))
        return;
    const struct world *world = actor->shard->world;
    bool is_dialler = !(event->flags & EVENT_BY_DIALLER);
    uint64_t dialler = is_dialler ? actor->index : event->src;
    uint64_t random = mix3(world->options.seed ^ PURPOSE_BINDING, dialler, event->conn);
    for (size_t i = 0; i < sizeof proof->binding; i++)
        proof->binding[i] = (uint8_t)(mix(random + i / 8) >> i % 8 * 8);
    memcpy(in->key, world->keys[event->src], sizeof in->key);
    in->data = proof->binding;
    in->len = sizeof proof->binding;
}

static void answer(struct actor *actor, const struct event *event, enum event_kind kind)
{
    struct end *end = end_add(actor);
    end->peer = event->src;
    end->conn = event->conn;
    struct event message = {.kind = (uint8_t)kind};
    connection_send(actor, end, &message);
    end_remove(actor, end);
}

/* The link is offered to the node: when a byte stream is asked for, or a secure carrier is
 * confirmed. */
static void accept_event(struct actor *actor, const struct event *event)
{
    struct vx6_in in = {
        .kind = VX6_IN_LINK_ACCEPTED, .peer = world_addr(actor->shard->world, event->src)};
    struct proof proof;
    in.peer.port = (uint16_t)(32768 + event->conn % 28000);
    prove(actor, event, &proof, &in);
    if (actor_input(actor, &in) != VX6_OK) {
        answer(actor, event, EVENT_REFUSED);
        return;
    }
    struct end *end = end_add(actor);
    end->id = in.id;
    end->peer = event->src;
    end->conn = event->conn;
    end->up = true;
    struct event message = {.kind = EVENT_CONNECTED};
    if (event->kind == EVENT_CONNECT)
        connection_send(actor, end, &message);
}

static void connect_event(struct actor *actor, const struct event *event)
{
    if (has_channels(actor))
        answer(actor, event, EVENT_CONNECTED);
    else
        accept_event(actor, event);
}

static void connected_event(struct actor *actor, struct end *end, const struct event *event)
{
    struct event message = {.kind = EVENT_CONFIRM};
    if (has_channels(actor))
        connection_send(actor, end, &message);
    end->up = true;
    struct vx6_in in = {.kind = VX6_IN_LINK_UP, .id = end->id};
    struct proof proof;
    prove(actor, event, &proof, &in);
    (void)actor_input(actor, &in);
}

static void chunk_event(struct actor *actor, struct end *end, const struct event *event)
{
    struct payload *payload = event->u.payload;
    if (end == NULL) {
        payload_drop(actor->shard, payload);
        return;
    }
    actor->shard->stats.messages++;
    digest_delivery(actor, event, payload->len);
    if (!end->paused) {
        feed(actor, end, payload);
        return;
    }
    if (end->held)
        end->held_last->next = payload;
    else
        end->held = payload;
    end->held_last = payload;
}

static void end_event(struct actor *actor, struct end *end, const struct event *event)
{
    if (event->kind == EVENT_CONNECTED)
        connected_event(actor, end, event);
    else if (event->kind == EVENT_CREDIT)
        end->in_flight -= (uint32_t)event->u.value;
    else if (event->kind == EVENT_CLOSE && end->paused)
        end->closed_by_peer = true;
    else
        end_down(actor, end, event->kind == EVENT_CLOSE ? VX6_TRUNCATED : VX6_UNREACHABLE);
}

void connection_event(struct actor *actor, const struct event *event)
{
    struct end *end = end_of_event(actor, event);
    if (event->kind == EVENT_CONNECT)
        connect_event(actor, event);
    else if (event->kind == EVENT_CONFIRM)
        accept_event(actor, event);
    else if (event->kind == EVENT_CHUNK)
        chunk_event(actor, end, event);
    else if (end)
        end_event(actor, end, event);
}

void connection_event_gone(
    struct shard *shard, const struct member *member, const struct event *event)
{
    bool asks = event->kind == EVENT_CONNECT;
    if (event->kind == EVENT_CHUNK)
        payload_drop(shard, event->u.payload);
    const struct world *world = shard->world;
    if (world->histories[event->dst].silent ||
        (!asks && event->kind != EVENT_CHUNK && event->kind != EVENT_CONFIRM))
        return;
    struct event message = {.kind = asks ? EVENT_REFUSED : EVENT_RESET,
        .time = shard->now + net_one_way(&member->place, &world->members[event->src].place),
        .dst = event->src,
        .src = event->dst,
        .sequence = event->sequence,
        .conn = event->conn,
        .flags = event->flags & EVENT_BY_DIALLER ? 0 : EVENT_BY_DIALLER};
    shard_send(shard, &message);
}

void connections_free(struct actor *actor)
{
    while (actor->end_count > 0)
        end_remove(actor, &actor->ends[actor->end_count - 1]);
}
