/* SPDX-License-Identifier: MIT */
/* Keeping the node in the network: joining by any live peer, asking silent contacts, refreshing
 * buckets, announcing itself to the nodes around it. Spec: spec/dht.md. */
#ifndef VX6_DISCOVERY_H
#define VX6_DISCOVERY_H

#include "intern.h"
#include "timer.h"
#include "vx6/node.h"

struct entry; /* an address that the driver named: entry.c */

struct discovery {
    vx6_ns *refresh_at;    /* next lookup into each of the first buckets; into others: now */
    vx6_ns own_refresh_at; /* into the own region */
    vx6_ns retry_at;
    struct lookup *lookup; /* of the own ID, or into a bucket; one at a time */
    bool lookup_is_own;
    bool joined;         /* a lookup of the own ID has ended well */
    bool rejoining;      /* by an entry point that may belong to another network */
    bool is_announced;   /* the first own endpoint, as it is now */
    uint32_t considered; /* newcomers that are being asked */
    struct peer *told;   /* latest contact that the driver has yet to hear of */
    uint32_t retry_ms;   /* grows while nobody can be reached */
    uint32_t refresh_count, entry_count;
    struct entry *entries; /* oldest first */
};

void discovery_init(struct vx6_node *node);
/* PEER_ADD: opens a link to an address of unknown key and makes an operation of it. */
enum vx6_code discovery_peer_add(struct vx6_node *node, const vx6_addr *addr, vx6_id *id);
/* An address became known from `source` (a hint, an announcement, a link): ask it, if it would find
 * room. OK, or why it is not asked. */
enum vx6_code discovery_consider(
    struct vx6_node *node, const uint8_t key[32], const vx6_addr *addr, const vx6_addr *source);
/* A lookup of this target begins. */
void discovery_touch(struct vx6_node *node, const uint8_t target[32]);
void discovery_contact(struct vx6_node *node, struct peer *peer); /* entered the table */
void discovery_rejoin(struct vx6_node *node); /* an entry point answered: look around from there */
void discovery_network_changed(struct vx6_node *node);
/* The first may be as it was: drivers withdraw all of them, and name those that there are now. */
void discovery_endpoints_changed(struct vx6_node *node);
void discovery_wake(struct vx6_node *node); /* there may be something to do */
bool discovery_output(struct vx6_node *node, struct vx6_out *out);
void discovery_timer(struct vx6_node *node);
bool discovery_expect(const struct vx6_node *node, uint32_t step); /* its timer's turn */
void discovery_shutdown(struct vx6_node *node);                    /* asks nobody any more */
void discovery_free(struct vx6_node *node);

/* ---- entry.c ---- */
void entry_answered(struct vx6_node *node, struct entry *entry, struct peer *peer, bool answered);
void entries_dial(struct vx6_node *node); /* all that are not being tried already */
void entries_free(struct vx6_node *node);

#endif
