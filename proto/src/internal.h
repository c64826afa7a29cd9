/* SPDX-License-Identifier: MIT */
/* The node: every part's state in one block, and what the parts use of each other. */
#ifndef VX6_INTERNAL_H
#define VX6_INTERNAL_H

#include "before.h"
#include "bytes.h"
#include "clock.h"
#include "discovery.h"
#include "diversity.h"
#include "env.h"
#include "holder.h"
#include "link.h"
#include "lookup.h"
#include "op.h"
#include "publication.h"
#include "publish.h"
#include "query.h"
#include "reach.h"
#include "ready.h"
#include "record.h"
#include "relied.h"
#include "resolve.h"
#include "revoked.h"
#include "rng.h"
#include "scope.h"
#include "session.h"
#include "slots.h"
#include "succession.h"
#include "sync.h"
#include "table.h"
#include "timer.h"
#include "vx6/msg.h"
#include "vx6/node.h"

/* Outputs of the node itself; bits of vx6_node.ready. */
enum {
    NODE_READY_DATAGRAMS = 1,
    NODE_READY_BOUND = 2,
    NODE_READY_CONTACT = 4,
    NODE_READY_KEYS = 8,
    NODE_READY_CLOCK = 16
};

/* How often something was refused for one reason. Few nodes ever refuse anything, and for few. */
struct refusal {
    uint64_t times;
    enum vx6_code code;
};
struct refusals {
    struct refusal *items;
    uint32_t count, capacity;
};

/* Nodes are many in a simulation and lie far apart in memory, so what every datagram touches stands
 * together; parts that begin with what is touched often end a stretch of it, the own keys, which
 * end with it, begin one. vx6_node_expect() knows these stretches. */
struct vx6_node {
    struct own_keys keys;
    vx6_env *env;
    vx6_ns now; /* stands still between inputs */
    struct timers timers;
    struct ready_list ready_list;
    struct ready ready;
    bool shutting_down;
    bool has_told; /* what the last output showed is valid until the next input */
    uint32_t endpoint_count;
    uint64_t tag;
    enum vx6_suite suite;
    struct clock clock;
    int64_t unix_ms_at_zero; /* of the own clock: wall time = this + now in ms */
    vx6_ns started;
    const struct vx6_asn_map *asn_map;
    struct queries queries;
    struct bindings bindings;
    struct slots slots;
    struct known known;
    uint64_t counters[VX6_EVENT_COUNT];
    struct holder holder;
    struct resolve *resolves;
    struct reach *reach; /* NULL: nothing was asked so far, neither by this node nor of it */
    struct table table;
    struct lookups lookups;
    uint64_t sequence_next;
    struct rng public_rng;
    struct discovery discovery;
    struct blob *lineage; /* of the own identity; NULL: it is the first */
    struct syncs syncs;
    struct rng secret_rng;
    struct ops ops;
    struct succession succession;
    struct revoked revoked;
    struct relied relied;
    struct publish publish;
    struct links links;
    struct sessions sessions;
    struct refusals refusals;
    vx6_addr endpoints[VX6_ENDPOINT_MAX];
    vx6_addr announced; /* the first of them, when that was last done */
    uint8_t label_len;
    char label[VX6_LABEL_MAX];
};

/* As the own clock says. */
static inline int64_t node_local_unix_s(const struct vx6_node *node)
{
    return (node->unix_ms_at_zero + (int64_t)(node->now / VX6_MILLISECOND)) / 1000;
}

/* VX6-QUERY-018: what records are judged and issued by. */
static inline int64_t node_unix_s(const struct vx6_node *node)
{
    return node_local_unix_s(node) + node->clock.offset_s;
}

/* Empty: the identity is the first of its owner. */
static inline vx6_span node_lineage(const struct vx6_node *node)
{
    return node->lineage ? (vx6_span){node->lineage->data, node->lineage->len} : (vx6_span){0};
}

static inline vx6_ns after_ms(const struct vx6_node *node, uint32_t ms)
{
    return node->now + (vx6_ns)ms * VX6_MILLISECOND;
}

/* Counts the event and hands it to the trace sink. */
void trace(struct vx6_node *node, enum vx6_event_kind kind, const vx6_addr *peer, uint8_t msg,
    size_t len, enum vx6_code code);
/* The same for what others sent and was not taken, which is counted by its reason too, except where
 * memory for that ran out. */
void refuse(struct vx6_node *node, enum vx6_event_kind kind, const vx6_addr *peer, uint8_t msg,
    size_t len, enum vx6_code code);
void refusals_free(struct vx6_node *node);
/* The type that bytes claim to be, whatever the rest of them is; NONE: there is no such type. */
enum vx6_msg_type claimed_type(vx6_span message);

#endif
