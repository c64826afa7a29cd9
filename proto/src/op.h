/* SPDX-License-Identifier: MIT */
/* Operations that a driver started and waits for: resolve, lookup, peer add, list, reach. */
#ifndef VX6_OP_H
#define VX6_OP_H

#include "intern.h"
#include "ready.h"
#include "vx6/node.h"

enum op_kind {
    OP_RESOLVE,
    OP_LOOKUP,
    OP_PEER_ADD,
    OP_LIST,
    OP_REACH
};

/* Candidates wait here until the driver takes them out. */
struct op_candidate {
    struct op_candidate *next;
    struct blob *bundle;
    uint8_t key[32];
};

struct op {
    struct ready ready; /* bits: 1 candidate, 2 done */
    vx6_id id;
    enum op_kind kind;
    void *work; /* struct resolve, lookup, listing or reach_ask that runs for it; NULL once done */
    struct op_candidate *candidates, *candidates_last;
    enum vx6_code code;
    uint8_t key[32];
    vx6_addr peer;
    uint32_t hops, queries, lost;
    uint8_t *value; /* of a lookup hints, of a list offers */
    uint32_t value_len;
    struct op *next, *previous;
};

struct ops {
    struct op *told;                     /* its DONE was taken; its value is valid until */
    struct op_candidate *told_candidate; /* the next call on the node */
    struct op *first, *last;
    uint32_t count;
};

/* NULL with *code: LIMIT, NOMEM. */
struct op *op_new(struct vx6_node *node, enum op_kind kind, enum vx6_code *code);
bool op_add_candidate(
    struct vx6_node *node, struct op *op, struct blob *bundle, const uint8_t key[32]);
/* Its work is over, however it went; set counts, key and peer before. Only once. */
void op_done(struct vx6_node *node, struct op *op, enum vx6_code code);
void op_free(struct vx6_node *node, struct op *op); /* one that the driver has not heard of */
enum vx6_code op_lookup_start(struct vx6_node *node, const uint8_t target[32], vx6_id *id);
/* The driver lost interest: stops the work; OP_DONE follows with CANCELLED. */
void op_cancel(struct vx6_node *node, struct op *op);
void ops_shutdown(struct vx6_node *node); /* the same for all, with SHUTDOWN */
void ops_reap(struct vx6_node *node);     /* frees what the last outputs showed */
bool op_output(struct vx6_node *node, struct ready *ready, struct vx6_out *out);
void ops_free(struct vx6_node *node);

#endif
