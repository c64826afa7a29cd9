/* SPDX-License-Identifier: MIT */
/* Sessions: a node opens one to a live name, sends a request of 100 bytes, ends its direction, and
 * gets 64 KiB back. The first 8 bytes of the request name a pattern; every other byte, both ways,
 * must be that pattern's byte at its offset, and the count must be exact. */
#include "actor.h"
#include "check.h"
#include "workload.h"

#include <string.h>

/* The response's pattern is another one than the request's. */
static uint64_t response_nonce(uint64_t nonce)
{
    return ~nonce;
}

static struct transfer *transfer_add(struct actor *actor)
{
    actor->transfers =
        actor_longer(actor, actor->transfers, &actor->transfer_count, sizeof *actor->transfers);
    struct transfer *transfer = &actor->transfers[actor->transfer_count - 1];
    *transfer = (struct transfer){.started = actor->shard->now, .dialled = VX6_NEVER};
    return transfer;
}

static void transfer_remove(struct actor *actor, struct transfer *transfer)
{
    uint32_t index = (uint32_t)(transfer - actor->transfers);
    memmove(transfer, transfer + 1, (actor->transfer_count - 1 - index) * sizeof *transfer);
    actor->transfers =
        actor_shorter(actor, actor->transfers, &actor->transfer_count, sizeof *transfer);
}

static struct transfer *by_session(struct actor *actor, vx6_id session)
{
    for (uint32_t i = 0; i < actor->transfer_count; i++) {
        if (actor->transfers[i].is_client && actor->transfers[i].session.bits == session.bits)
            return &actor->transfers[i];
    }
    return NULL;
}

static struct transfer *by_stream(struct actor *actor, vx6_id stream)
{
    for (uint32_t i = 0; i < actor->transfer_count; i++) {
        if (actor->transfers[i].stream.bits == stream.bits)
            return &actor->transfers[i];
    }
    return NULL;
}

void transfer_open(struct actor *actor)
{
    struct session_stats *stats = &actor->shard->stats.sessions;
    uint32_t target = workload_target(actor, false);
    if (target == UINT32_MAX)
        return;
    char name[VX6_LABEL_MAX + 5];
    label_make(name, target);
    strcat(name, ".web");
    struct vx6_in in = {
        .kind = VX6_IN_SESSION_OPEN, .data = (const uint8_t *)name, .len = strlen(name)};
    stats->opened++;
    enum vx6_code code = actor_input(actor, &in);
    if (code != VX6_OK) {
        stats->failures[code]++;
        return;
    }
    struct transfer *transfer = transfer_add(actor);
    transfer->is_client = true;
    transfer->session = in.id;
    transfer->target = target;
    transfer->nonce = draw_next(&actor->draw);
}

void transfer_dialled(struct actor *actor, const vx6_addr *addr)
{
    const struct world *world = actor->shard->world;
    uint32_t target = world_addr_index(world, addr);
    for (uint32_t i = 0; i < actor->transfer_count; i++) {
        struct transfer *transfer = &actor->transfers[i];
        if (transfer->is_client && !transfer->up && transfer->target == target)
            transfer->dialled = actor->shard->now;
    }
}

static void failed(struct actor *actor, struct transfer *transfer, enum vx6_code code)
{
    struct session_stats *stats = &actor->shard->stats.sessions;
    if (actor->leaving)
        stats->asker_left++;
    else if (actor->shard->world->histories[transfer->target].left != VX6_NEVER)
        stats->owner_left++;
    else
        stats->failures[code]++;
    transfer_remove(actor, transfer);
}

static void session_close(struct actor *actor, vx6_id session)
{
    struct vx6_in in = {.kind = VX6_IN_SESSION_CLOSE, .id = session};
    (void)actor_input(actor, &in);
}

static void session_up(struct actor *actor, const struct vx6_out *out)
{
    struct transfer *transfer = by_session(actor, out->id);
    if (transfer == NULL)
        return;
    struct session_stats *stats = &actor->shard->stats.sessions;
    check_key(actor, transfer->target, out->key, "a session");
    transfer->up = true;
    stats->up++;
    samples_add(&stats->setup, actor->shard->now - transfer->started);
    if (transfer->dialled != VX6_NEVER)
        samples_add(&stats->direct, actor->shard->now - transfer->dialled);
    struct vx6_in in = {.kind = VX6_IN_STREAM_OPEN, .id = transfer->session};
    enum vx6_code code = actor_input(actor, &in);
    transfer->stream = in.id;
    if (code != VX6_OK) {
        vx6_id session = transfer->session;
        failed(actor, transfer, code);
        session_close(actor, session);
    }
}

static void stream_incoming(struct actor *actor, const struct vx6_out *out)
{
    struct vx6_in in = {.kind = VX6_IN_STREAM_ACCEPT, .id = out->id};
    if (out->value.len != 3 || memcmp(out->value.data, "web", 3) != 0)
        violation(actor, "a stream came for a service that it has not");
    struct transfer *transfer = transfer_add(actor);
    transfer->stream = out->id;
    (void)actor_input(actor, &in);
}

/* The client sends its request at once; the owner its response, when it has the request. */
static void send_more(struct actor *actor, struct transfer *transfer)
{
    uint32_t total = transfer->is_client ? REQUEST_BYTES : TRANSFER_BYTES;
    if (!transfer->is_client && !transfer->verified)
        return;
    while (!transfer->done_sending) {
        struct vx6_room room;
        if (vx6_stream_reserve(actor->node, transfer->stream, &room, 1) == 0)
            return;
        size_t len = total - transfer->sent < room.len ? total - transfer->sent : room.len;
        uint64_t nonce = transfer->is_client ? transfer->nonce : response_nonce(transfer->nonce);
        pattern_fill(nonce, transfer->sent, room.data, len);
        for (size_t i = 0; transfer->is_client && i < len && transfer->sent + i < 8; i++)
            room.data[i] = (uint8_t)(transfer->nonce >> (8 * (transfer->sent + i)));
        transfer->sent += (uint32_t)len;
        transfer->done_sending = transfer->sent == total;
        vx6_stream_commit(actor->node, transfer->stream, len, transfer->done_sending);
    }
}

static void wrong_bytes(struct actor *actor, const struct transfer *transfer)
{
    violation(actor, "wrong bytes on a stream near offset %u", transfer->received);
}

/* As owner: the request's first 8 bytes are the nonce of all others. */
static void take_request(struct actor *actor, struct transfer *transfer, vx6_span span)
{
    while (span.len > 0 && transfer->received < 8) {
        transfer->nonce |= (uint64_t)span.data[0] << (8 * transfer->received);
        transfer->received++;
        span.data++;
        span.len--;
    }
    if (span.len > 0 && !pattern_matches(transfer->nonce, transfer->received, span.data, span.len))
        wrong_bytes(actor, transfer);
    transfer->received += (uint32_t)span.len;
}

static void take_response(struct actor *actor, struct transfer *transfer, vx6_span span)
{
    if (!pattern_matches(response_nonce(transfer->nonce), transfer->received, span.data, span.len))
        wrong_bytes(actor, transfer);
    transfer->received += (uint32_t)span.len;
    actor->shard->stats.sessions.bytes_verified += span.len;
}

static void received_all(struct actor *actor, struct transfer *transfer)
{
    uint32_t total = transfer->is_client ? TRANSFER_BYTES : REQUEST_BYTES;
    if (transfer->received != total || transfer->verified) {
        violation(actor, "a stream ended after %u bytes instead of %u", transfer->received, total);
        return;
    }
    transfer->verified = true;
    if (!transfer->is_client) {
        send_more(actor, transfer);
        return;
    }
    struct session_stats *stats = &actor->shard->stats.sessions;
    stats->completed++;
    samples_add(&stats->transfer, actor->shard->now - transfer->started);
}

static void stream_readable(struct actor *actor, struct transfer *transfer)
{
    enum {
        SPANS = 8
    };
    for (;;) {
        vx6_span spans[SPANS];
        bool end = false;
        size_t count = vx6_stream_peek(actor->node, transfer->stream, spans, SPANS, &end);
        size_t len = 0;
        for (size_t i = 0; i < count; i++) {
            len += spans[i].len;
            if (transfer->is_client)
                take_response(actor, transfer, spans[i]);
            else
                take_request(actor, transfer, spans[i]);
        }
        if (len > 0)
            vx6_stream_release(actor->node, transfer->stream, len);
        if (end) {
            received_all(actor, transfer);
            return;
        }
        if (len == 0)
            return;
    }
}

static void stream_closed(struct actor *actor, struct transfer *transfer, enum vx6_code code)
{
    if (!transfer->is_client) {
        transfer_remove(actor, transfer);
        return;
    }
    vx6_id session = transfer->session;
    if (transfer->verified) {
        transfer_remove(actor, transfer);
    } else {
        if (code == VX6_OK)
            violation(actor, "a stream closed in order before its end");
        failed(actor, transfer, code);
    }
    session_close(actor, session);
}

void transfer_output(struct actor *actor, const struct vx6_out *out)
{
    if (out->kind == VX6_OUT_SESSION_UP) {
        session_up(actor, out);
        return;
    }
    if (out->kind == VX6_OUT_STREAM_INCOMING) {
        stream_incoming(actor, out);
        return;
    }
    if (out->kind == VX6_OUT_SESSION_DOWN) {
        struct transfer *lost = by_session(actor, out->id);
        if (lost && lost->verified)
            transfer_remove(actor, lost);
        else if (lost)
            failed(actor, lost, out->code);
        return;
    }
    struct transfer *transfer = by_stream(actor, out->id);
    if (transfer == NULL)
        return;
    if (out->kind == VX6_OUT_STREAM_WRITABLE)
        send_more(actor, transfer);
    else if (out->kind == VX6_OUT_STREAM_READABLE)
        stream_readable(actor, transfer);
    else
        stream_closed(actor, transfer, out->code);
}

void transfer_left(struct actor *actor)
{
    for (uint32_t i = 0; i < actor->transfer_count; i++) {
        if (actor->transfers[i].is_client && !actor->transfers[i].verified)
            actor->shard->stats.sessions.asker_left++;
    }
}
