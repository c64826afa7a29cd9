/* SPDX-License-Identifier: MIT */
/* The simulated carriers: datagrams, and byte streams in order.
 *
 * A stream connects in one round trip and loses nothing: a lost packet arrives one round trip
 * later, and what follows waits for it. The sender stops when WINDOW_BYTES are unread at the other
 * end. Everything passes the access lines of both ends, first in, first out. A node that left in
 * order refuses and resets; one that left without a word is silence. */
#include "actor.h"
#include "digest.h"
#include "fault.h"
#include "liar.h"

#include <string.h>

enum {
    WINDOW_BYTES = 262144,
    WRITE_AHEAD_MS = 50, /* of bytes wait on the access line before a carrier has no room */
    WRITE_AGAIN_MS = 25,
    PAYLOAD_TAIL = 64,  /* tags at the end of a datagram */
    PAYLOAD_LEAP = 256, /* zeros are looked for in steps of this many bytes, and fewer */
    PAYLOAD_STEP = 16
};

/* ---- lines and packets ---- */

static bool has_room(struct actor *actor)
{
    vx6_ns now = actor->shard->now;
    if (actor->leaving || actor->uplink_free <= now + WRITE_AHEAD_MS * VX6_MILLISECOND)
        return true;
    actor->write_again = actor->uplink_free - WRITE_AGAIN_MS * VX6_MILLISECOND;
    return false;
}

static const struct place *place_of(const struct actor *actor, uint32_t index)
{
    return &actor->shard->world->members[index].place;
}

static vx6_ns uplink_depart(struct actor *actor, uint64_t bytes)
{
    vx6_ns now = actor->shard->now;
    vx6_ns start = actor->uplink_free > now ? actor->uplink_free : now;
    actor->uplink_free = start + net_serialise(place_of(actor, actor->index)->up_ns_per_kib, bytes);
    return actor->uplink_free;
}

static uint64_t packet_random(struct actor *actor, uint32_t dst)
{
    uint64_t pair = (uint64_t)actor->index << 32 | dst;
    return mix3(actor->shard->world->options.seed ^ PURPOSE_PACKET, pair, actor->packets++);
}

static void send_event(struct actor *actor, struct event *event)
{
    event->src = actor->index;
    event->sequence = actor->sequence++;
    shard_send(actor->shard, event);
}

static uint64_t wire_bytes(const struct event *event)
{
    if (event->kind == EVENT_DATAGRAM)
        return event->u.payload->len + NET_DATAGRAM_HEADER;
    if (event->kind != EVENT_CHUNK)
        return NET_HEADER_BYTES;
    uint64_t segments = (event->u.payload->len + NET_SEGMENT_BYTES - 1) / NET_SEGMENT_BYTES;
    return event->u.payload->len + segments * NET_HEADER_BYTES;
}

/* Passes the receiver's access line; false: it waits there and comes again. */
static bool downlink_passed(struct actor *actor, struct event *event)
{
    if (event->flags & EVENT_QUEUED)
        return true;
    vx6_ns now = actor->shard->now;
    vx6_ns takes = net_serialise(place_of(actor, actor->index)->down_ns_per_kib, wire_bytes(event));
    vx6_ns start = actor->downlink_free + takes > now ? actor->downlink_free : now - takes;
    actor->downlink_free = start + takes;
    if (actor->downlink_free <= now)
        return true;
    event->flags |= EVENT_QUEUED;
    event->time = actor->downlink_free;
    queue_push(&actor->shard->queue, event);
    return false;
}

/* Bytes before a run of zeros that ends PAYLOAD_TAIL bytes before the end; `len` if there is none.
 */
static size_t head_of(const uint8_t *data, size_t len)
{
    static const uint8_t zeros[PAYLOAD_LEAP];
    if (len < 2 * PAYLOAD_TAIL)
        return len;
    size_t head = len - PAYLOAD_TAIL;
    for (size_t step = PAYLOAD_LEAP; step >= PAYLOAD_STEP; step /= 4) {
        while (head >= step && memcmp(data + head - step, zeros, step) == 0)
            head -= step;
    }
    return head < len - PAYLOAD_TAIL ? head : len;
}

static size_t payload_stored(const struct payload *payload)
{
    return payload->head == payload->len ? payload->len : payload->head + PAYLOAD_TAIL;
}

static struct payload *payload_new(struct shard *shard, const uint8_t *data, size_t len)
{
    size_t head = head_of(data, len);
    size_t stored = head == len ? len : head + PAYLOAD_TAIL;
    struct payload *payload = pool_take(&shard->pool, sizeof *payload + stored);
    *payload = (struct payload){.references = 1, .len = (uint32_t)len, .head = (uint32_t)head};
    memcpy(payload->data, data, head);
    memcpy(payload->data + head, data + len - (stored - head), stored - head);
    return payload;
}

/* The bytes as they were sent; valid until the shard's scratch is used again. */
static const uint8_t *payload_bytes(struct shard *shard, const struct payload *payload)
{
    if (payload->head == payload->len)
        return payload->data;
    uint8_t *bytes = shard->scratch;
    size_t tail_at = payload->len - PAYLOAD_TAIL;
    memcpy(bytes, payload->data, payload->head);
    memset(bytes + payload->head, 0, tail_at - payload->head);
    memcpy(bytes + tail_at, payload->data + payload->head, PAYLOAD_TAIL);
    return bytes;
}

void payload_drop(struct shard *shard, struct payload *payload)
{
    if (--payload->references == 0)
        pool_give(&shard->pool, payload, sizeof *payload + payload_stored(payload));
}

/* ---- datagrams ---- */

static void datagram_send(struct actor *actor, uint32_t dst, const uint8_t *data, size_t len)
{
    struct shard *shard = actor->shard;
    const struct world *world = shard->world;
    vx6_ns depart = uplink_depart(actor, len + NET_DATAGRAM_HEADER);
    shard->stats.datagrams_sent++;
    shard->stats.datagram_bytes += len;
    if (dst == UINT32_MAX || world->members[dst].actor == NULL) {
        shard->stats.datagrams_dead++;
        return;
    }
    uint64_t random = packet_random(actor, dst);
    if (net_is_lost(random, world->options.loss_ppm) || fault_separates(world, actor->index, dst)) {
        shard->stats.datagrams_lost++;
        return;
    }
    const struct place *there = place_of(actor, dst);
    vx6_ns one_way = net_one_way(place_of(actor, actor->index), there);
    struct event event = {.kind = EVENT_DATAGRAM,
        .dst = dst,
        .time = depart + one_way + net_jitter(random, one_way) +
                net_serialise(there->down_ns_per_kib, len + NET_DATAGRAM_HEADER),
        .u.payload = payload_new(shard, data, len)};
    send_event(actor, &event);
}

static bool datagrams_write(struct actor *actor)
{
    const struct world *world = actor->shard->world;
    bool wrote = false;
    while (has_room(actor)) {
        struct vx6_batch batch = {.dst = actor->shard->scratch, .cap = VX6_FILL_MIN};
        if (!vx6_node_fill(actor->node, VX6_DATAGRAMS, &batch)) {
            actor->datagrams_wanted = false;
            break;
        }
        wrote = true;
        uint32_t dst = net_addr_index(world->options.seed, &batch.peer, world->member_count);
        for (size_t at = 0; at < batch.len; at += batch.segment_len) {
            size_t left = batch.len - at;
            datagram_send(
                actor, dst, batch.dst + at, left < batch.segment_len ? left : batch.segment_len);
        }
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
    uint8_t answer[VX6_DATAGRAM_SIZE];
    size_t answer_len;
    if (!liar_datagram(actor, data, len, answer, &answer_len))
        return false;
    if (answer_len > 0)
        datagram_send(actor, src, answer, answer_len);
    return true;
}

static void datagram_event(struct actor *actor, struct event *event)
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
                .peer = net_addr(shard->world->options.seed, event->src),
                .data = bytes,
                .len = payload->len};
            (void)actor_input(actor, &in);
        }
        actor_pump(actor);
    }
    payload_drop(shard, payload);
}

/* ---- streams: sending ---- */

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

static struct end *end_add(struct actor *actor)
{
    actor->ends =
        actor_room(actor, actor->ends, actor->end_count, &actor->end_capacity, sizeof *actor->ends);
    struct end *end = &actor->ends[actor->end_count++];
    memset(end, 0, sizeof *end);
    return end;
}

static void end_remove(struct actor *actor, struct end *end)
{
    while (end->held) {
        struct payload *payload = end->held;
        end->held = payload->next;
        payload_drop(actor->shard, payload);
    }
    uint32_t index = (uint32_t)(end - actor->ends);
    actor->end_count--;
    memmove(end, end + 1, (actor->end_count - index) * sizeof *end);
}

/* Sends to the other end, in order, whatever has to be sent again. */
static void end_send(struct actor *actor, struct end *end, struct event *event)
{
    uint32_t loss_ppm = actor->shard->world->options.loss_ppm;
    vx6_ns one_way = net_one_way(place_of(actor, actor->index), place_of(actor, end->peer));
    uint64_t bytes = event->kind == EVENT_CHUNK || event->kind == EVENT_CONNECT ? wire_bytes(event)
                                                                                : NET_HEADER_BYTES;
    vx6_ns time = uplink_depart(actor, bytes) + one_way +
                  net_serialise(place_of(actor, end->peer)->down_ns_per_kib, bytes);
    uint64_t random = packet_random(actor, end->peer);
    time += net_jitter(random, one_way);
    for (uint64_t left = bytes; left > 0 && loss_ppm > 0;) {
        if (net_is_lost(random, loss_ppm)) {
            time += event->kind == EVENT_CONNECT ? NET_RETRANSMIT_SYN_MS * VX6_MILLISECOND
                                                 : 2 * one_way;
        } else {
            uint64_t segment = NET_SEGMENT_BYTES + NET_HEADER_BYTES;
            left -= left < segment ? left : segment;
        }
        random = mix(random);
    }
    if (fault_separates(actor->shard->world, actor->index, end->peer))
        time += actor->shard->world->partition_until - actor->shard->now; /* sent again till then */
    if (time <= end->arrival_last)
        time = end->arrival_last + 1;
    end->arrival_last = time;
    event->time = time;
    event->dst = end->peer;
    event->conn = end->conn;
    event->flags = end->dialled ? EVENT_BY_DIALLER : 0;
    send_event(actor, event);
}

void carrier_dial(struct actor *actor, vx6_id id, const vx6_addr *addr)
{
    const struct world *world = actor->shard->world;
    uint32_t dst = net_addr_index(world->options.seed, addr, world->member_count);
    if (dst == UINT32_MAX || addr->port != NET_PORT)
        return; /* nobody there: silence */
    struct end *end = end_add(actor);
    end->id = id;
    end->peer = dst;
    end->conn = actor->conn_next++;
    end->dialled = true;
    actor->shard->stats.connects++;
    struct event event = {.kind = EVENT_CONNECT};
    end_send(actor, end, &event);
}

void carrier_close(struct actor *actor, vx6_id id)
{
    struct end *end = end_by_id(actor, id);
    if (end == NULL)
        return;
    if (!end->closed_by_peer) {
        struct event event = {.kind = EVENT_CLOSE};
        end_send(actor, end, &event);
    }
    end_remove(actor, end);
}

void carrier_want_write(struct actor *actor, vx6_id id)
{
    if (id.bits == VX6_DATAGRAMS.bits) {
        actor->datagrams_wanted = true;
        return;
    }
    struct end *end = end_by_id(actor, id);
    if (end)
        end->want_write = true;
}

static bool end_write(struct actor *actor, struct end *end)
{
    struct shard *shard = actor->shard;
    bool wrote = false;
    while ((end->in_flight < WINDOW_BYTES || actor->leaving) && has_room(actor)) {
        struct vx6_batch batch = {.dst = shard->scratch, .cap = VX6_FILL_MIN};
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
        end_send(actor, end, &event);
    }
    return wrote;
}

bool carrier_write(struct actor *actor)
{
    bool wrote = false;
    actor->write_again = VX6_NEVER;
    if (actor->datagrams_wanted)
        wrote = datagrams_write(actor);
    for (uint32_t i = 0; i < actor->end_count; i++) {
        struct end *end = &actor->ends[i];
        if (end->want_write && end->up && end_write(actor, end))
            wrote = true;
    }
    return wrote;
}

/* ---- streams: receiving ---- */

static void feed(struct actor *actor, struct end *end, struct payload *payload)
{
    struct vx6_in in = {.kind = VX6_IN_LINK_BYTES,
        .id = end->id,
        .data = payload_bytes(actor->shard, payload),
        .len = payload->len};
    (void)actor_input(actor, &in);
    end->unreported += payload->len;
    if (end->unreported >= WINDOW_BYTES / 2 && !end->closed_by_peer) {
        struct event event = {.kind = EVENT_CREDIT, .u.value = end->unreported};
        end->unreported = 0;
        end_send(actor, end, &event);
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

static void connect_event(struct actor *actor, const struct event *event)
{
    struct shard *shard = actor->shard;
    struct vx6_in in = {
        .kind = VX6_IN_LINK_ACCEPTED, .peer = net_addr(shard->world->options.seed, event->src)};
    in.peer.port = (uint16_t)(32768 + event->conn % 28000);
    bool accepted = actor_input(actor, &in) == VX6_OK;
    struct end *end = end_add(actor);
    end->id = in.id;
    end->peer = event->src;
    end->conn = event->conn;
    end->up = true;
    struct event answer = {.kind = accepted ? EVENT_CONNECTED : EVENT_REFUSED};
    end_send(actor, end, &answer);
    if (!accepted)
        end_remove(actor, end);
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

static void stream_event(struct actor *actor, const struct event *event)
{
    struct end *end = end_of_event(actor, event);
    if (event->kind == EVENT_CHUNK) {
        chunk_event(actor, end, event);
        return;
    }
    if (end == NULL)
        return;
    if (event->kind == EVENT_CONNECTED) {
        end->up = true;
        struct vx6_in in = {.kind = VX6_IN_LINK_UP, .id = end->id};
        (void)actor_input(actor, &in);
    } else if (event->kind == EVENT_CREDIT) {
        end->in_flight -= (uint32_t)event->u.value;
    } else if (event->kind == EVENT_CLOSE && end->paused) {
        end->closed_by_peer = true;
    } else {
        end_down(actor, end, event->kind == EVENT_CLOSE ? VX6_TRUNCATED : VX6_UNREACHABLE);
    }
}

void carrier_event(struct actor *actor, struct event *event)
{
    if (!downlink_passed(actor, event))
        return;
    if (event->kind == EVENT_DATAGRAM) {
        datagram_event(actor, event);
        return;
    }
    if (event->kind == EVENT_CONNECT)
        connect_event(actor, event);
    else
        stream_event(actor, event);
    actor_pump(actor);
}

void carrier_event_gone(struct shard *shard, const struct member *member, const struct event *event)
{
    if (event->kind == EVENT_DATAGRAM || event->kind == EVENT_CHUNK)
        payload_drop(shard, event->u.payload);
    if (member->silent || (event->kind != EVENT_CONNECT && event->kind != EVENT_CHUNK))
        return;
    const struct world *world = shard->world;
    struct event answer = {.kind = event->kind == EVENT_CONNECT ? EVENT_REFUSED : EVENT_RESET,
        .time = shard->now + net_one_way(&member->place, &world->members[event->src].place),
        .dst = event->src,
        .src = event->dst,
        .sequence = event->sequence,
        .conn = event->conn,
        .flags = event->flags & EVENT_BY_DIALLER ? 0 : EVENT_BY_DIALLER};
    shard_send(shard, &answer);
}

void carrier_free(struct actor *actor)
{
    while (actor->end_count > 0)
        end_remove(actor, &actor->ends[actor->end_count - 1]);
    pool_give(&actor->shard->pool, actor->ends, actor->end_capacity * sizeof *actor->ends);
}
