/* SPDX-License-Identifier: MIT */
/* What is done to an identity while no node runs with it: it hands over to another key, or it is
 * revoked. Spec: spec/records.md. */
#ifndef VX6_IDENTITY_H
#define VX6_IDENTITY_H

#include "vx6/crypto.h"
#include "vx6/msg.h"

/* The identity of `seed` hands over to that of `seed_next`: writes the lineage of the latter.
 * `lineage`: of the former, valid. Size written. */
size_t vx6_identity_rotate(const struct vx6_crypto *crypto, const uint8_t seed[32],
    vx6_span lineage, const uint8_t seed_next[32], int64_t unix_s, uint8_t out[VX6_LINEAGE_MAX]);

/* Is it the lineage of this identity, signatures included? An empty one is. */
bool vx6_lineage_check(
    const struct vx6_crypto *crypto, vx6_span lineage, const uint8_t identity[32]);

enum {
    VX6_KEYS_BEFORE_MAX = 2
};
/* Who it was before, by a lineage that was checked, oldest first. How many. */
size_t vx6_lineage_keys(vx6_span lineage, uint8_t keys[VX6_KEYS_BEFORE_MAX][32]);

/* The certificate that revokes the identity of `seed`: to be kept where it is safe, and given to a
 * node (VX6_IN_REVOKE) when nobody shall believe that key any more. `label`: the node's name, or
 * nothing. Size written. */
size_t vx6_identity_revoke(const struct vx6_crypto *crypto, const uint8_t seed[32], vx6_span label,
    vx6_span lineage, int64_t unix_s, uint8_t out[VX6_TOMBSTONE_MAX]);

/* Is it a certificate, signatures included? Says whose key it revokes. */
bool vx6_certificate_check(
    const struct vx6_crypto *crypto, vx6_span certificate, uint8_t identity[32]);

#endif
