/* SPDX-License-Identifier: MIT */
/* A key may hand over to a successor, and may be revoked: the records that say so.
 * Spec: spec/records.md, "Rotation" and "Revocation". */
#ifndef VX6_LINEAGE_H
#define VX6_LINEAGE_H

#include "keys.h"
#include "vx6/identity.h"
#include "vx6/msg.h"

enum {
    LINEAGE_ROTATIONS_MAX = VX6_KEYS_BEFORE_MAX /* as in the table of messages */
};

/* Who an identity was before: `count` keys, oldest first. */
struct lineage {
    uint32_t count;
    uint8_t predecessors[LINEAGE_ROTATIONS_MAX][32];
    vx6_span record; /* empty: no key before this one */
};

/* The key that `key` has handed over to, according to the lineage of `identity`; NULL: `key` is not
 * in it. */
const uint8_t *lineage_successor(
    const struct lineage *lineage, const uint8_t identity[32], const uint8_t key[32]);
bool lineage_has(const struct lineage *lineage, const uint8_t key[32]);

/* All but the signatures. An empty record is the lineage of a first key. OK, BAD_MESSAGE or
 * BAD_RECORD. Views into `record`. */
enum vx6_code lineage_decode(vx6_span record, const uint8_t identity[32], struct lineage *lineage);
bool lineage_signatures_are_good(const struct vx6_crypto *crypto, vx6_span record);

/* A tombstone, decoded: all but times and signatures. */
struct tombstone {
    uint8_t identity[32];
    uint64_t issued_s;
    uint32_t life_s;
    vx6_span label;
    vx6_span revocation;
    struct lineage lineage;
};
enum vx6_code tombstone_decode(vx6_span data, struct tombstone *tombstone);
bool tombstone_signatures_are_good(
    const struct vx6_crypto *crypto, const struct tombstone *tombstone);
/* The same revocation, to be held for a life from now on. Size written. */
size_t tombstone_renew(const struct tombstone *tombstone, int64_t unix_s, uint32_t life_s,
    uint8_t out[VX6_TOMBSTONE_MAX]);

#endif
