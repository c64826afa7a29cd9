/* SPDX-License-Identifier: MIT */
/* One turn of a node: input, then outputs and fills until there are none, then one armed wake-up
 * for its deadline. A wake-up that comes too early only arms the next one. */
#include "actor.h"
#include "check.h"
#include "liar.h"
#include "workload.h"

#include <string.h>

void *actor_longer(struct actor *actor, void *items, uint32_t *count, size_t size)
{
    const size_t before = (*count)++ * size;
    return pool_resize(&actor->shard->pool, items, before, before + size);
}

void *actor_shorter(struct actor *actor, void *items, uint32_t *count, size_t size)
{
    const size_t after = --(*count) * size;
    return pool_resize(&actor->shard->pool, items, after + size, after);
}

enum vx6_code actor_input(struct actor *actor, struct vx6_in *in)
{
    return vx6_node_input(actor->node, actor->shard->now, in);
}

static void output(struct actor *actor, const struct vx6_out *out)
{
    switch (out->kind) {
    case VX6_OUT_LINK_DIAL:
        carrier_dial(actor, out->id, &out->peer);
        break;
    case VX6_OUT_LINK_CLOSE:
        carrier_close(actor, out->id);
        break;
    case VX6_OUT_LINK_PAUSE:
    case VX6_OUT_LINK_RESUME:
        carrier_pause(actor, out->id, out->kind == VX6_OUT_LINK_PAUSE);
        break;
    case VX6_OUT_WANT_WRITE:
        carrier_want_write(actor, out->id, &out->peer);
        break;
    case VX6_OUT_SESSION_UP:
    case VX6_OUT_SESSION_DOWN:
    case VX6_OUT_STREAM_INCOMING:
    case VX6_OUT_STREAM_READABLE:
    case VX6_OUT_STREAM_WRITABLE:
    case VX6_OUT_STREAM_CLOSED:
        transfer_output(actor, out);
        break;
    case VX6_OUT_CANDIDATE:
    case VX6_OUT_OP_DONE:
    case VX6_OUT_NAME_BOUND:
        workload_output(actor, out);
        break;
    case VX6_OUT_KEY_FOLLOWED:
    case VX6_OUT_KEY_CLASH:
    case VX6_OUT_KEY_REVOKED:
    case VX6_OUT_CONTACT:
    case VX6_OUT_CLOCK:
        break;
    }
}

void actor_arm(struct actor *actor, vx6_ns time)
{
    if (time >= actor->armed)
        return;
    vx6_ns now = actor->shard->now;
    actor->armed = time > now ? time : now;
    struct event event = {.kind = EVENT_WAKE,
        .time = actor->armed,
        .dst = actor->index,
        .src = actor->index,
        .sequence = actor->sequence++};
    queue_push(&actor->shard->queue, &event);
}

void actor_pump(struct actor *actor)
{
    struct vx6_out out;
    do {
        while (vx6_node_output(actor->node, &out))
            output(actor, &out);
    } while (carrier_write(actor));
    vx6_ns deadline = vx6_node_deadline(actor->node);
    actor_arm(actor, deadline < actor->write_again ? deadline : actor->write_again);
}

static void wake(struct actor *actor, const struct event *event)
{
    if (event->time != actor->armed)
        return; /* an earlier wake-up has taken its place */
    actor->armed = VX6_NEVER;
    if (vx6_node_deadline(actor->node) <= actor->shard->now) {
        actor->shard->stats.timers++;
        struct vx6_in in = {.kind = VX6_IN_TICK};
        (void)actor_input(actor, &in);
    }
    actor_pump(actor);
}

void actor_event(struct actor *actor, struct event *event)
{
    if (event->kind == EVENT_WAKE) {
        wake(actor, event);
    } else if (event->kind == EVENT_COMMAND) {
        if (actor->leaving)
            return;
        actor->shard->stats.commands++;
        workload_command(actor, (enum command)event->u.value);
        actor_pump(actor);
    } else {
        carrier_event(actor, event);
    }
}

void actor_free(struct actor *actor)
{
    struct pool *pool = &actor->shard->pool;
    vx6_node_free(actor->node);
    liar_free(actor);
    carrier_free(actor);
    pool_give(pool, actor->pending, actor->pending_count * sizeof *actor->pending);
    pool_give(pool, actor->transfers, actor->transfer_count * sizeof *actor->transfers);
    pool_give(pool, actor->known, actor->known_count * sizeof *actor->known);
    pool_give(pool, actor, sizeof *actor);
}
