/* SPDX-License-Identifier: MIT */
/* The one iterative lookup: towards a key, alpha queries at a time, until the k closest nodes known
 * have answered. Who starts it says what for. Spec: spec/dht.md. */
#ifndef VX6_LOOKUP_H
#define VX6_LOOKUP_H

#include "bytes.h"
#include "intern.h"
#include "timer.h"
#include "vx6/msg.h"
#include "vx6/node.h"

enum {
    KADEMLIA_K = 20,
    KADEMLIA_ALPHA = 3,
    KADEMLIA_D = 3 /* disjoint paths where the outcome is relied on */
};

/* What a hint begins with: most hints name somebody who is known by it. */
static inline const uint8_t *hint_key(const vx6_list *hints, uint32_t index)
{
    return hints->bytes.data + (size_t)index * VX6_HINT_SIZE;
}

static inline vx6_addr hint_addr(const vx6_list *hints, uint32_t index)
{
    vx6_list one = {1, {hint_key(hints, index), VX6_HINT_SIZE}};
    struct vx6_hint hint;
    (void)vx6_next_hint(&one, &hint);
    vx6_addr addr = {.port = hint.port};
    memcpy(addr.ip, hint.ip, sizeof addr.ip);
    return addr;
}

enum lookup_user {
    LOOKUP_OP,
    LOOKUP_RESOLVE,
    LOOKUP_RELIED,
    LOOKUP_PUBLISH,
    LOOKUP_DISCOVERY
};

struct lookup; /* shortlist and queries in flight: lookup.c */

struct lookups {
    struct lookup *first, *last;
    uint32_t count;
};

struct lookup_contact {
    struct peer *peer;
    uint8_t token[16];
};

/* The k closest, and of each path its closest k / d, where they are not among these. */
enum {
    LOOKUP_CLOSEST_MAX = KADEMLIA_K + (KADEMLIA_D - 1) * (KADEMLIA_K / KADEMLIA_D + 1)
};

struct lookup_result {
    const uint8_t *target;
    const struct lookup_contact *closest; /* that answered, closest first */
    uint32_t closest_count; /* at most LOOKUP_CLOSEST_MAX; KADEMLIA_K of a plain lookup */
    uint32_t hops;          /* depth of the closest node found; own table = 1 */
    uint32_t queries;       /* answered or lost */
    uint32_t lost;
    enum vx6_code code; /* OK; TIMEOUT; NO_PEERS */
};

/* `want_values`: asks find_value instead of find_node; each bundle that a holder shows comes to
 * the user. NULL: refused. lookup_done() of the user is called once, unless cancelled, never before
 * lookup_start has returned. */
struct lookup *lookup_start(struct vx6_node *node, const uint8_t target[32], bool want_values,
    enum lookup_user user, void *context);
/* Why it has just been refused: LIMIT or NOMEM. */
enum vx6_code lookup_refusal(const struct vx6_node *node);
void lookup_cancel(struct vx6_node *node, struct lookup *lookup);

/* What a lookup has cost so far: sets hops, queries and lost of `result`. */
void lookup_progress(const struct lookup *lookup, struct lookup_result *result);

/* One bundle that a holder showed; not yet verified. */
struct lookup_value {
    struct peer *holder; /* NULL: this node itself holds it */
    vx6_span bundle;
    enum addr_scope scope; /* the narrowest path that it came by */
    uint32_t index, count; /* which of how many; the lookup asks the holder for the others itself */
    uint32_t hops;         /* depth of the holder; own table = 1, this node itself = 0 */
    uint32_t path, path_count; /* which of how many found the holder */
};

/* Implemented by the users' files; dispatched in lookup.c. None of them cancels its lookup before
 * it has returned. */
void resolve_bundle(struct vx6_node *node, void *context, const struct lookup_value *value);
void relied_bundle(struct vx6_node *node, const struct lookup_value *value);
void resolve_lookup_done(struct vx6_node *node, void *context, const struct lookup_result *result);
void relied_lookup_done(struct vx6_node *node, const struct lookup_result *result);
void publication_lookup_done(
    struct vx6_node *node, void *context, const struct lookup_result *result);
void discovery_lookup_done(
    struct vx6_node *node, void *context, const struct lookup_result *result);
void op_lookup_done(struct vx6_node *node, void *context, const struct lookup_result *result);

/* A query of this lookup will be answered: fetches the lookup, and then its candidates. */
bool lookup_expect(const struct lookup *lookup, uint32_t step);
void lookup_timer(struct vx6_node *node, struct timer *timer);
bool lookup_timer_expect(struct timer *timer, uint32_t step);
void lookups_free(struct vx6_node *node);

#endif
