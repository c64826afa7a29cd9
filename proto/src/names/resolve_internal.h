/* SPDX-License-Identifier: MIT */
/* The inside of resolving, from a label to a verified bundle: resolve.c is its course,
 * resolve_shown.c what it is shown, resolve_end.c what comes of it.
 *
 * A bound name is asked for by the ID of its key, where nobody can store anything but those to whom
 * that key has handed over. An unbound one is asked for by its label, where anybody can: then rival
 * claims get a chance to show, and two claimants are an error, not a choice. Every resolve ends in
 * its timer, so that what hears of it never runs inside the lookup that ended it. Spec:
 * spec/names.md, "Resolving". */
#ifndef VX6_RESOLVE_INTERNAL_H
#define VX6_RESOLVE_INTERNAL_H

#include "claimants.h"
#include "internal.h"

/* Whoever hears of the end. */
struct waiter {
    struct session *session;
    struct op *op;           /* NULL: it is a session */
    struct listing *listing; /* for which the op is, or NULL */
};

struct resolve {
    struct resolve *next, *previous;
    struct timer timer;
    struct lookup *lookup; /* NULL: ended, or never needed */
    struct waiter waiter;
    struct kept_name name;
    bool bound;
    bool at_host;   /* the name is resolved: this is for the key that hosts its service */
    bool waiting;   /* there is somebody to use; rivals may still show */
    bool starved;   /* a bundle that was shown could not be kept */
    bool is_taking; /* a bundle is being looked at: what is cancelled by it ends in its timer */
    uint8_t bound_key[32];
    struct blob *bound_before; /* keys by which the name came to that one */
    uint8_t owner[32];         /* at_host: whose name it is */
    uint64_t sequence_known;   /* bound: what a newer bundle must exceed to end the wait */
    enum vx6_code lookup_code;
    uint32_t hops, queries, lost;
    struct claimants claimants;
    struct peer *holders[VX6_CONTACT_COUNT_MAX]; /* that showed all they hold */
    uint32_t holder_count;
    uint32_t holder_paths; /* a bit for each path of the lookup that found one of them */
};

vx6_span resolve_label(const struct resolve *resolve);
/* To go there, and not only to see who it is. */
bool resolve_wants_address(const struct resolve *resolve);
bool resolve_hint_fits(const struct vx6_node *node, vx6_span hint, const uint8_t key[32]);
bool resolve_is_own_label(const struct vx6_node *node, vx6_span label);
/* By whose node ID a bound name is looked up. */
const uint8_t *resolve_bound_root(const struct resolve *resolve);

/* Is it one to dial, where that is wanted, or one who says where to? */
bool resolve_is_of_use(
    const struct vx6_node *node, const struct resolve *resolve, const struct claimant *claimant);
/* Does a claimant say that the service is at another node? */
bool resolve_says_host(const struct vx6_node *node, const struct resolve *resolve,
    const struct claimant *claimant, uint8_t host[32]);
/* Is there somebody that the name may stand for? */
bool resolve_has_claimant(const struct resolve *resolve);

/* There is somebody to use: a little while longer. */
void resolve_wait_for_more(struct vx6_node *node, struct resolve *resolve);
/* It ends, as soon as nothing else runs. */
void resolve_settle(struct vx6_node *node, struct resolve *resolve);
/* In its timer; the lookup is over, or was given up. */
void resolve_end(struct vx6_node *node, struct resolve *resolve, bool timed_out);
/* One more lookup, for the host of the service. */
enum vx6_code resolve_start_host(struct vx6_node *node, struct resolve *resolve,
    const uint8_t owner[32], const uint8_t host[32]);
void resolve_forget_holders(struct vx6_node *node, struct resolve *resolve);
void resolve_free(struct vx6_node *node, struct resolve *resolve);

#endif
