/* SPDX-License-Identifier: MIT */
/* Hashes under labels, and the keys of a node. Spec: spec/records.md, spec/crypto.md. */
#ifndef VX6_KEYS_H
#define VX6_KEYS_H

#include "vx6/node.h"

/* SHA-256 of a label and at most 63 bytes. */
void labelled_hash(
    const struct vx6_crypto *crypto, uint8_t hash[32], const char *label, vx6_span data);

/* Key under which the bundles of a name are stored. */
void name_key(const struct vx6_crypto *crypto, uint8_t key[32], vx6_span label);

/* All derived from the identity seed; the identity certifies the others in the node record. The
 * last ones are needed for each datagram. */
struct own_keys {
    uint8_t link_secret[32], link_public[32];
    uint8_t record_seed[32], record_public[32];
    uint8_t identity_seed[32], identity[32], id[32];
};
void own_keys_init(
    struct own_keys *keys, const struct vx6_crypto *crypto, const uint8_t identity_seed[32]);

#endif
