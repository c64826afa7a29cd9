/* SPDX-License-Identifier: MIT */
/* Alice offers an echo, bob uses it, and a third node is the way into their network. Included by
 * one .c file of a test. */
#ifndef VX6_TEST_ECHO_H
#define VX6_TEST_ECHO_H

#include "test.h"

#include <string.h>

#include "pair.h"

struct world {
    struct pair_net *net;
    struct pair_node *entry, *alice, *bob;
    uint32_t begun; /* where bob's log stood before the session was asked for */
    vx6_id session, stream;
    size_t echoed; /* bytes that bob got back */
    bool bad_byte, ended, closed;
    enum vx6_code code; /* of the stream, once it has closed */
};

static inline uint8_t pattern(size_t offset)
{
    return (uint8_t)(offset * 31 + (offset >> 8));
}

/* Alice's service sends back what it gets, and ends when the client ends. */
static void echo(struct pair_node *alice, vx6_id stream)
{
    bool end = false;
    vx6_span span;
    while (vx6_stream_peek(alice->node, stream, &span, 1, &end) > 0) {
        struct vx6_room room;
        if (vx6_stream_reserve(alice->node, stream, &room, 1) == 0)
            return;
        size_t len = span.len < room.len ? span.len : room.len;
        memcpy(room.data, span.data, len);
        vx6_stream_commit(alice->node, stream, len, false);
        vx6_stream_release(alice->node, stream, len);
    }
    if (end)
        vx6_stream_commit(alice->node, stream, 0, true);
}

static struct world *world_of; /* the test that runs */

static void on_output(struct pair_node *from, const struct vx6_out *out)
{
    struct world *world = world_of;
    if (from == world->alice) {
        if (out->kind == VX6_OUT_STREAM_INCOMING) {
            assert_int_equal(out->value.len, 3);
            assert_memory_equal(out->value.data, "web", 3);
            struct vx6_in in = {.kind = VX6_IN_STREAM_ACCEPT, .id = out->id};
            enum vx6_code code = vx6_node_input(from->node, from->net->now, &in);
            assert_true(code == VX6_OK || (code == VX6_NOMEM && from->net->fail_at > 0));
        }
        if (out->kind == VX6_OUT_STREAM_READABLE || out->kind == VX6_OUT_STREAM_WRITABLE)
            echo(from, out->id);
        return;
    }
    if (from != world->bob || out->id.bits != world->stream.bits)
        return;
    if (out->kind == VX6_OUT_STREAM_CLOSED) {
        world->closed = true;
        world->code = out->code;
    }
    if (out->kind != VX6_OUT_STREAM_READABLE)
        return;
    vx6_span span;
    while (vx6_stream_peek(from->node, out->id, &span, 1, &world->ended) > 0) {
        for (size_t i = 0; i < span.len; i++) {
            if (span.data[i] != pattern(world->echoed + i))
                world->bad_byte = true;
        }
        world->echoed += span.len;
        vx6_stream_release(from->node, out->id, span.len);
    }
}

static inline void world_make(
    struct world *world, uint64_t seed, bool real, struct pair_faults faults)
{
    *world = (struct world){.net = pair_net_new(seed, real)};
    world_of = world;
    world->net->faults = faults;
    world->net->on_output = on_output;
    world->entry = pair_add(world->net, "entry");
    world->alice = pair_add(world->net, "alice");
    world->bob = pair_add(world->net, "");
    assert_int_equal(pair_command(world->alice, VX6_IN_SERVICE_ADD, "web", NULL), VX6_OK);
    assert_int_equal(pair_peer_add(world->alice, world->entry), VX6_OK);
    assert_int_equal(pair_peer_add(world->bob, world->entry), VX6_OK);
    pair_run(world->net, 20 * VX6_SECOND);
    const struct vx6_out *done = pair_find(world->bob, VX6_OUT_OP_DONE, 0);
    assert_non_null(done);
    assert_int_equal(done->code, VX6_OK);
}

static inline bool session_settled(struct pair_net *net, void *context)
{
    (void)net;
    const struct world *world = context;
    return pair_find(world->bob, VX6_OUT_SESSION_UP, world->begun) ||
           pair_find(world->bob, VX6_OUT_SESSION_DOWN, world->begun);
}

static inline void open_session(struct world *world, const char *name)
{
    world->begun = world->bob->out_count;
    assert_int_equal(pair_command(world->bob, VX6_IN_SESSION_OPEN, name, &world->session), VX6_OK);
    assert_true(pair_until(world->net, session_settled, world, 60 * VX6_SECOND));
}

static inline bool stream_settled(struct pair_net *net, void *context)
{
    (void)net;
    const struct world *world = context;
    return world->closed;
}

/* Sends `total` bytes through alice's echo; true when all came back and the stream ended in order.
 * Else it has ended otherwise, and with a reason. */
static inline bool transfer_all(struct world *world, size_t total)
{
    world->echoed = 0;
    world->ended = world->closed = false;
    world->stream = world->session;
    if (pair_command(world->bob, VX6_IN_STREAM_OPEN, NULL, &world->stream) != VX6_OK)
        return false;
    size_t sent = 0;
    vx6_ns end = world->net->now + 300 * VX6_SECOND;
    while (sent < total && !world->closed && world->net->now < end) {
        struct vx6_room room;
        if (vx6_stream_reserve(world->bob->node, world->stream, &room, 1) == 0) {
            pair_drain(world->bob);
            pair_run(world->net, 5 * VX6_MILLISECOND);
            continue;
        }
        size_t len = total - sent < room.len ? total - sent : room.len;
        for (size_t i = 0; i < len; i++)
            room.data[i] = pattern(sent + i);
        sent += len;
        vx6_stream_commit(world->bob->node, world->stream, len, sent == total);
        pair_drain(world->bob);
    }
    assert_true(pair_until(world->net, stream_settled, world, 300 * VX6_SECOND));
    assert_false(world->bad_byte);
    bool is_whole = world->ended && world->echoed == total;
    assert_int_equal(is_whole, world->code == VX6_OK);
    return is_whole;
}

static inline void transfer(struct world *world, size_t total)
{
    assert_true(transfer_all(world, total));
}

static inline void world_free(struct world *world)
{
    pair_net_free(world->net);
}

#endif
