/* SPDX-License-Identifier: MIT */
/* The Kademlia routing table: 256 buckets of at most k contacts, all of which have answered.
 * Spec: spec/dht.md. */
#ifndef VX6_TABLE_H
#define VX6_TABLE_H

#include "intern.h"
#include "vx6/node.h"

struct contact {
    uint64_t prefix; /* first 8 bytes of the node ID */
    struct peer *peer;
    uint32_t seen_ms; /* node time of the last answer, in ms since the node began */
    uint8_t failures; /* queries lost in a row */
    uint8_t restored; /* came from an earlier run and has not answered yet */
};

struct table {
    struct contact *contacts; /* by bucket, the far half of the ID space first */
    uint32_t count, capacity;
    uint8_t bucket_count[256];
};

/* The peer has answered: it enters, is refreshed, or is refused because its bucket is full. */
bool table_seen(struct vx6_node *node, struct peer *peer);
void table_restore(struct vx6_node *node, struct peer *peer);
void table_failed(struct vx6_node *node, struct peer *peer); /* a query was lost */
/* Would a contact with this ID find room? */
bool table_has_room(const struct vx6_node *node, const uint8_t id[32]);
/* The contacts closest to `target`, closest first; returns how many. No references are taken. */
uint32_t table_closest(
    const struct vx6_node *node, const uint8_t target[32], struct peer **peers, uint32_t count);
struct contact *table_find(struct vx6_node *node, const uint8_t key[32]);
/* The contact that has been silent longest; NULL when the table is empty. */
struct contact *table_oldest(struct vx6_node *node);
/* Depth of the deepest bucket that holds a contact, plus one. */
uint32_t table_depth(const struct vx6_node *node);
void table_free(struct vx6_node *node);

/* Compares distances to `target`: < 0 when `a` is closer. */
int distance_compare(const uint8_t target[32], const uint8_t a[32], const uint8_t b[32]);
uint32_t common_prefix(const uint8_t a[32], const uint8_t b[32]); /* bits, 0..256 */

#endif
