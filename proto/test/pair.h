/* SPDX-License-Identifier: MIT */
/* A few nodes in virtual time, joined by a network that can lose, repeat and reorder datagrams, cut
 * stream carriers and jump the clock. The driver loop is the one that real drivers have. Links are
 * byte streams, or, where VX6_TEST_CARRIER is "channels", secure carriers with channels, which
 * overtake each other. */
#ifndef VX6_PAIR_H
#define VX6_PAIR_H

#include "vx6/msg.h"
#include "vx6/node.h"

enum {
    PAIR_NODES_MAX = 32,
    PAIR_OUTS_MAX = 16384
};

struct pair_faults {
    uint32_t drop_permille, duplicate_permille, reorder_permille; /* datagrams only */
    uint32_t chunk_max; /* stream carriers deliver at most so many bytes at once; 0: no bound */
    bool silence;       /* who dials an address that nobody has hears nothing; else a refusal */
};

struct pair_out {
    struct vx6_out out; /* value points into `value` */
    uint8_t value[1100];
};

struct pair_net;

struct pair_node {
    struct pair_net *net;
    vx6_node *node;
    vx6_addr addr;
    vx6_addr also;                 /* another address of it, or nothing */
    bool also_met[PAIR_NODES_MAX]; /* who spoke to that one last: it is answered from there */
    vx6_ns clock_offset;           /* added to the network's time: a clock that jumped forward */
    bool dead;                     /* takes nothing, says nothing */
    struct pair_out *outs;         /* what it put out, carriers aside, in order */
    uint32_t out_count;
};

struct pair_net {
    vx6_env *env;
    struct vx6_crypto crypto;
    struct vx6_limits limits;
    struct vx6_trace trace;
    struct pair_faults faults;
    bool channels;
    int64_t clock_wrong_ms; /* of nodes that are added from now on */
    vx6_ns now, delay;      /* one way */
    uint64_t rng;
    size_t memory; /* bytes that nodes hold */
    uint64_t allocations;
    uint64_t fail_at;    /* the n-th allocation fails; 0: none */
    uint64_t fail_count; /* and so many behind it */
    struct pair_node nodes[PAIR_NODES_MAX];
    uint32_t node_count;
    struct pair_event *events; /* sorted */
    struct pair_carrier *carriers;
    uint64_t event_order;
    uint64_t datagrams;               /* sent so far */
    uint64_t counts[VX6_EVENT_COUNT]; /* trace events of all nodes */
    /* Called for every output that is not about carriers, before it is logged; may be NULL. */
    void (*on_output)(struct pair_node *from, const struct vx6_out *out);
    /* Called for every datagram on its way; may change it. May be NULL. */
    void (*on_datagram)(struct pair_net *net, uint8_t *data, size_t *len);
    /* Called for every chunk of a stream carrier on its way; may change it. May be NULL. */
    void (*on_chunk)(struct pair_net *net, uint32_t from, uint8_t *data, size_t *len);
};

/* Crypto is the model unless `real`. Limits are the defaults; change net->limits before adding
 * nodes. */
struct pair_net *pair_net_new(uint64_t seed, bool real);
void pair_net_free(struct pair_net *net); /* frees all nodes; asserts that no memory is left */

/* A node at 2001:db8:<index>::1 port 4242, with that endpoint; label may be "". */
struct pair_node *pair_add(struct pair_net *net, const char *label);
/* The same with an identity that the test chooses, and the lineage of that. */
struct pair_node *pair_add_as(
    struct pair_net *net, const char *label, const uint8_t *seed, vx6_span lineage);
void pair_remove(struct pair_node *node); /* frees it; its carriers go down */

/* Hands an input to a node and does what it asks for. */
enum vx6_code pair_input(struct pair_node *node, struct vx6_in *in);
enum vx6_code pair_command(
    struct pair_node *node, enum vx6_in_kind kind, const char *text, vx6_id *id);
enum vx6_code pair_peer_add(struct pair_node *node, const struct pair_node *peer);
/* After calls of vx6_stream_*: does what the node has come to ask for. */
void pair_drain(struct pair_node *node);

/* Runs the network. until: stops as soon as `done` says so; false when `limit` passes first. */
void pair_run(struct pair_net *net, vx6_ns duration);
bool pair_until(struct pair_net *net, bool (*done)(struct pair_net *net, void *context),
    void *context, vx6_ns limit);
/* Goes to another network, and publishes its address there. What was on its carriers gets lost, and
 * whatever is sent on them; nobody is told. */
void pair_move(struct pair_node *node, uint8_t network);
void pair_cut_carriers(struct pair_net *net); /* every stream carrier goes down, unannounced */

/* The first output of this kind at or after `from` in the log; NULL when there is none. */
const struct vx6_out *pair_find(
    const struct pair_node *node, enum vx6_out_kind kind, uint32_t from);

#endif
