/* SPDX-License-Identifier: MIT */
/* Who was shown in a resolve, and who of them counts. Spec: spec/names.md, "Rotation",
 * "Revocation".
 */
#ifndef VX6_CLAIMANTS_H
#define VX6_CLAIMANTS_H

#include "intern.h"
#include "record.h"

/* A bundle or tombstone that was verified, the newest that was shown of its key. */
struct claimant {
    struct blob *blob;
    uint8_t key[32];
    uint64_t sequence;
    int64_t expires_s;
    enum addr_scope scope; /* the narrowest path that it came by */
    bool is_tombstone;
    bool has_bundle; /* a tombstone: of a key whose bundle was shown as well */
};

struct claimants {
    struct claimant *items; /* in the order in which they came */
    uint32_t count, capacity;
};

/* False: no memory. */
bool claimants_add(
    struct vx6_node *node, struct claimants *claimants, const struct claimant *claimant);
struct claimant *claimants_find(const struct claimants *claimants, const uint8_t key[32]);
/* Most holders show the same bytes: those need no second verification. */
bool claimants_show_again(struct claimants *claimants, vx6_span bytes, enum addr_scope scope);
/* OK, OUTDATED, LIMIT, NOMEM. `is_bound`: nobody can be among them but by a key that the name has,
 * or had. */
enum vx6_code claimants_keep(struct vx6_node *node, struct claimants *claimants,
    const struct claimant *shown, bool is_bound);
void claimants_free(struct vx6_node *node, struct claimants *claimants);

void claimant_view(
    const struct vx6_node *node, const struct claimant *claimant, struct bundle *bundle);
/* False, and *addr is zero: none that may be dialled. */
bool claimant_address(const struct vx6_node *node, const struct claimant *claimant, vx6_addr *addr);
bool claimant_offers(
    const struct vx6_node *node, const struct claimant *claimant, vx6_span service);

/* What a bound name leads to: the key that the binding has, and those that came after it. */
struct chain {
    uint8_t keys[1 + LINEAGE_ROTATIONS_MAX][32];
    uint32_t count;
};
/* Leaves those that a name stands for that is bound to `key`, to which it came by the keys `before`
 * it: one, or those between whom nobody can tell. OK, AMBIGUOUS, REVOKED. */
enum vx6_code claimants_select_bound(struct vx6_node *node, struct claimants *claimants,
    const uint8_t key[32], const struct blob *before, struct chain *chain);
/* The same for a name that is not bound. */
void claimants_select_unbound(struct vx6_node *node, struct claimants *claimants);

#endif
