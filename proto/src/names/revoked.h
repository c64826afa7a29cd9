/* SPDX-License-Identifier: MIT */
/* Keys of which this node knows that they have been revoked: remembered where a name or an access
 * list depended on them, and told to others. Spec: spec/names.md, "Revocation". */
#ifndef VX6_REVOKED_H
#define VX6_REVOKED_H

#include "intern.h"
#include "timer.h"
#include "vx6/node.h"

struct revoked_key;
struct publication;

struct revoked {
    struct revoked_key *items; /* in the order in which they came */
    uint32_t count, capacity;
    uint32_t untold;
    struct publication *running;  /* of a round: one key of one tombstone after the other */
    uint32_t item_next, key_next; /* of the round */
    bool is_in_round;
    bool has_failed; /* nobody took one of them in this round */
};

/* Must nobody believe this key any more, as far as this node knows? */
bool revoked_has(const struct vx6_node *node, const uint8_t key[32]);
/* Is it so even when what is held for others has expired? */
bool revoked_remembers(const struct vx6_node *node, const uint8_t key[32]);
/* By the driver. `is_publisher`: brings it to its holders. OK, LIMIT, NOMEM; INVALID: it is no
 * certificate. */
enum vx6_code revoked_set(struct vx6_node *node, vx6_span certificate, bool is_publisher);
/* A tombstone was verified, wherever it came from: ends what its key has open here. */
void revoked_seen(struct vx6_node *node, vx6_span tombstone);
/* Takes one KEY_REVOKED output; false: there is none. */
bool revoked_output(struct vx6_node *node, struct vx6_out *out);
void revoked_joined(struct vx6_node *node); /* the network can be reached now */
void revoked_timer(struct vx6_node *node);
void revoked_publication_done(struct vx6_node *node, uint32_t taken);
void revoked_shutdown(struct vx6_node *node);
void revoked_free(struct vx6_node *node);

#endif
