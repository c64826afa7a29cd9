/* SPDX-License-Identifier: MIT */
/* The trace digest: one running 64-bit value per node over everything that happened to it, in its
 * own order: (time, node, peer, event kind, message type, length, code), never bytes. The run's
 * digest is a sum over nodes, so that it does not depend on how events of different nodes
 * interleave. */
#ifndef SIM_DIGEST_H
#define SIM_DIGEST_H

#include "world.h"

/* With the other two as they are, another digest or word leads to another digest. */
static inline uint64_t digest_words(uint64_t digest, uint64_t first, uint64_t second)
{
    uint64_t mixed = (digest ^ first) * 0x9e3779b97f4a7c15U + (second << 29 | second >> 35);
    return mixed << 29 | mixed >> 35;
}

static inline void digest_event(struct actor *actor, const struct vx6_event *event)
{
    uint64_t what = (uint64_t)event->kind << 56 | (uint64_t)event->msg << 48 |
                    (uint64_t)event->code << 32 | event->len;
    uint64_t digest = digest_words(actor->digest, event->now, what);
    actor->digest =
        digest_words(digest, load_word(event->peer.ip) ^ (uint64_t)event->peer.port << 48,
            load_word(event->peer.ip + 8));
}

/* A message is handed to the node. */
static inline void digest_delivery(struct actor *actor, const struct event *event, uint32_t len)
{
    uint64_t what = (uint64_t)(128 + event->kind) << 56 ^ (uint64_t)event->src << 24 ^ len;
    actor->digest = digest_words(actor->digest, event->time, what);
}

static inline uint64_t digest_of(const struct actor *actor)
{
    return mix2(actor->index, actor->digest);
}

#endif
