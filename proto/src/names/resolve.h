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

/* A name that outlives the text it came in. */
struct kept_name {
    uint8_t label_len, hint_len, service_len;
    uint8_t label[VX6_LABEL_MAX], hint[VX6_HINT_MAX], service[VX6_LABEL_MAX];
};
void name_keep(struct kept_name *kept, const struct vx6_name *name);
struct vx6_name name_view(const struct kept_name *kept);

/* First use binds a name to a key; from then on the name is asked for by that key. Nodes that bind
 * the same name to the same key keep that once. */
struct binding {
    struct blob *bound;      /* the key, then the label */
    struct history *history; /* what few names have: binding.c; NULL: none of it */
};
static inline const uint8_t *binding_key(const struct binding *binding)
{
    return binding->bound->data;
}
struct blob *binding_before(const struct binding *binding); /* keys by which it came; NULL: none */

struct bindings {
    struct binding *items; /* sorted by label */
    uint32_t count, capacity;
    uint32_t untold, rivals_untold;
};
const struct binding *binding_find(const struct vx6_node *node, vx6_span label);
/* By the driver: restores or pins. `before`: the keys before it, oldest first. OK, INVALID, LIMIT,
 * TOO_MANY_KEYS or NOMEM. */
enum vx6_code binding_set(
    struct vx6_node *node, vx6_span label, const uint8_t key[32], vx6_span before);
/* By first use; the driver hears of it. KEY_MISMATCH when the name got another key meanwhile. */
enum vx6_code binding_first_use(struct vx6_node *node, vx6_span label, const uint8_t key[32]);
/* Takes one NAME_BOUND output; false: there is none. */
bool binding_output(struct vx6_node *node, struct vx6_out *out);
void binding_remove(struct vx6_node *node, vx6_span label);
/* May all names that mean the key go along by so many steps? OK or TOO_MANY_KEYS. */
enum vx6_code bindings_room(struct vx6_node *node, const uint8_t key[32], uint32_t steps);
/* All names that mean `from` mean `to` from now on, which it has handed over to. First there has to
 * be room for it: OK, TOO_MANY_KEYS or NOMEM; what was made room for is followed or given up. */
enum vx6_code bindings_make_room(
    struct vx6_node *node, const uint8_t from[32], const uint8_t to[32]);
void bindings_give_up(struct vx6_node *node);
void bindings_follow(struct vx6_node *node, const uint8_t from[32]);
/* Does a name depend on the key? */
bool bindings_have(const struct vx6_node *node, const uint8_t key[32]);
/* Is it bound by a key before it that was revoked since? */
bool bindings_came_by_revoked(const struct vx6_node *node, const uint8_t key[32]);
struct key_step;
void bindings_show_keys(const struct vx6_node *node, struct key_step *step);
/* `rival` was shown as the successor of a key that has handed over to another: the driver hears of
 * each once, of so many of a name. */
void binding_clash(struct vx6_node *node, vx6_span label, const uint8_t rival[32]);
/* Takes one KEY_CLASH output; false: there is none. */
bool binding_clash_output(struct vx6_node *node, struct vx6_out *out);

struct op; /* an operation that a driver started: op.c */
struct resolve;
struct session;
struct listing;

/* Bundles of bound names, verified, until they expire: an answer without a lookup. */
struct known_bundle {
    struct blob *blob;
    uint8_t key[32];
    uint64_t sequence;
    int64_t expires_s;
    uint8_t scope; /* of the path that it came by: enum addr_scope */
    bool doubted;  /* its address failed: ask the network, but never believe an older one */
};

struct known {
    struct known_bundle *items; /* what was used last is the last */
    uint32_t count, capacity;
};
struct known_bundle *known_find(struct vx6_node *node, const uint8_t key[32]); /* live ones only */
void known_keep(struct vx6_node *node, const struct known_bundle *bundle);
void known_free(struct vx6_node *node);
/* The address of this key did not answer, or another key did: resolve it afresh next time. */
void resolve_forget(struct vx6_node *node, const uint8_t key[32]);
void resolve_trust(struct vx6_node *node, const uint8_t key[32]); /* it does answer there */

/* For a session, which hears of it by session_resolved(), never before this has returned; or for a
 * driver, as an operation. NULL with *code: INVALID, SELF, LIMIT, NOMEM. */
struct resolve *resolve_for_session(struct vx6_node *node, const struct vx6_name *name,
    struct session *session, enum vx6_code *code);
/* The same for a listing, which hears of it by listing_resolved(); nothing is bound. */
struct resolve *resolve_for_listing(struct vx6_node *node, const struct vx6_name *name,
    struct listing *listing, struct op *op, enum vx6_code *code);
void resolve_cancel(struct vx6_node *node, struct resolve *resolve);
enum vx6_code resolve_for_driver(struct vx6_node *node, vx6_span text, vx6_id *id);
void resolve_timer(struct vx6_node *node, struct timer *timer);
void resolves_free(struct vx6_node *node);
void bindings_free(struct vx6_node *node);

#endif
