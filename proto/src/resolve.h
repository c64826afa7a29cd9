/* SPDX-License-Identifier: MIT */
/* Names to keys and addresses: the local binding first, then one lookup, verified always.
 * Spec: spec/names.md. */
#ifndef VX6_RESOLVE_H
#define VX6_RESOLVE_H

#include "intern.h"
#include "lookup.h"
#include "ready.h"
#include "timer.h"
#include "vx6/node.h"

struct binding {
    uint8_t key[32];
    uint8_t label_len;
    char label[VX6_LABEL_MAX];
};

/* First use binds a name to a key; from then on the name is asked for by that key. */
struct bindings {
    struct binding *items; /* sorted by label */
    uint32_t count, capacity;
};
const struct binding *binding_find(const struct vx6_node *node, vx6_span label);
enum vx6_code binding_set(struct vx6_node *node, vx6_span label, const uint8_t key[32]);
void binding_remove(struct vx6_node *node, vx6_span label);

struct op; /* an operation that a driver started: op.c */
struct resolve;
struct session;

/* For a session, which hears of it by session_resolved(); or for a driver, as an operation. */
struct resolve *resolve_for_session(
    struct vx6_node *node, vx6_span label, struct session *session, enum vx6_code *code);
void resolve_cancel(struct vx6_node *node, struct resolve *resolve);
enum vx6_code resolve_for_driver(struct vx6_node *node, vx6_span name, vx6_id *id);
void resolve_timer(struct vx6_node *node, struct timer *timer);
void resolves_free(struct vx6_node *node);
void bindings_free(struct vx6_node *node);

#endif
