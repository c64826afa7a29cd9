/* SPDX-License-Identifier: MIT */
/* Bundles held for others, verified before they are kept.
 * Spec: spec/dht.md. */
#ifndef VX6_HOLDER_H
#define VX6_HOLDER_H

#include "placed.h"
#include "timer.h"
#include "vx6/msg.h"
#include "vx6/node.h"

struct held; /* one bundle under one key */

struct holder {
    uint32_t *prefixes; /* first 4 bytes of the keys, which searches read; sorted */
    struct held *items; /* in the same block and order: by key, then by age of the claim */
    uint32_t count, capacity;
    uint32_t tombstones; /* among them */
    int64_t sweep_s;     /* wall time that the timer stands for */
};

/* `source` brings it, and has shown that it answers there; NULL: this node itself. OK, or why not:
 * BAD_MESSAGE, BAD_RECORD, EXPIRED, OUTDATED, INVALID (key does not fit), LIMIT. */
enum vx6_code holder_store(
    struct vx6_node *node, const uint8_t key[32], vx6_span bundle, const vx6_addr *source);
/* What is held at `index`, from 0 to holder.count; NULL: it has expired. No reference is given. */
struct placed *holder_item(const struct vx6_node *node, uint32_t index);
/* Is what is held under the key from this owner (a node ID) older than that, or nothing? */
bool holder_wants(
    const struct vx6_node *node, const uint8_t key[32], const uint8_t owner[32], uint64_t sequence);
/* The same of up to SYNC_PAGE_MAX at once, with a bit for each. */
uint16_t holder_wanted(const struct vx6_node *node, const struct vx6_item *items, uint32_t count);
/* How many bundles are held under the key; *bundle is the one at `index`, if there is one. */
uint32_t holder_find(
    struct vx6_node *node, const uint8_t key[32], uint32_t index, struct blob **bundle);
/* The narrowest path by which what is held came here. */
enum addr_scope holder_scope(
    const struct vx6_node *node, const uint8_t key[32], const struct blob *bundle);
/* Is the key of this node ID revoked, as far as is held here? */
bool holder_has_tombstone(const struct vx6_node *node, const uint8_t id[32]);
void holder_expect(const struct vx6_node *node);       /* fetches what all of the above search in */
void holder_expect_items(const struct vx6_node *node); /* and what holder_item() looks at */
size_t holder_memory(const struct vx6_node *node);     /* bytes of its own */
void holder_timer(struct vx6_node *node);
void holder_free(struct vx6_node *node);

#endif
