/* SPDX-License-Identifier: MIT */
/* Can others reach this node? Peers are asked for each own endpoint: when it is new, now and then,
 * and when somebody wants to know. What one says is his word; what most of the last three say is
 * taken for true. Spec: spec/control.md, "Reachability". */
#ifndef VX6_REACHABILITY_H
#define VX6_REACHABILITY_H

#include "host.h"
#include "vx6/node.h"

enum reach_state {
    REACH_UNKNOWN, /* nobody has said, or they do not agree */
    REACH_YES,
    REACH_NO
};
const char *reach_state_name(enum reach_state state);

struct reach_facts {
    vx6_addr endpoint;
    enum reach_state state;
    enum vx6_code code;      /* why not, or why nothing is known; VX6_OK when it is reached */
    size_t peers;            /* that say so; as long as they are split, none */
    size_t heard;            /* that have said anything */
    int64_t reached_unix_ms; /* last; 0: never in this run */
};

struct reachability;

struct reachability *reachability_new(struct host *host);
void reachability_free(struct reachability *reach);

/* The endpoints that are published have changed. */
void reachability_endpoints(struct reachability *reach, const vx6_addr *endpoints, size_t count);
void reachability_joined(struct reachability *reach); /* there are peers now */
bool reachability_facts(const struct reachability *reach, size_t index, struct reach_facts *facts);
/* YES: at some endpoint; NO: at none of those of which it is known. `reached_unix_ms`: when last.
 */
enum reach_state reachability_of_node(const struct reachability *reach, int64_t *reached_unix_ms);

/* Asks for all endpoints now, and tells once all have been answered for. */
typedef void reach_heard(void *context);
void reachability_ask(struct reachability *reach, reach_heard *heard, void *context);
void reachability_ignore(struct reachability *reach, void *context); /* nobody waits any more */

#endif
