/* SPDX-License-Identifier: MIT */
/* Keys that hand over to each other and are revoked; the seed of a key is its number. */
#ifndef VX6_TEST_HEIRS_H
#define VX6_TEST_HEIRS_H

#include <string.h>

#include "lineage.h"

struct ancestry {
    uint8_t bytes[VX6_LINEAGE_MAX];
    size_t len;
};

/* NULL: of a first key. */
static inline vx6_span ancestry_span(const struct ancestry *ancestry)
{
    return ancestry ? (vx6_span){ancestry->bytes, ancestry->len} : (vx6_span){0};
}

/* What the successor shows once `from`, of which `before` is the lineage, has handed over to it. */
static inline struct ancestry hand_over(
    const struct vx6_crypto *crypto, uint8_t from, const struct ancestry *before, uint8_t to)
{
    const uint8_t seed[32] = {from}, seed_next[32] = {to};
    struct ancestry made;
    made.len =
        vx6_identity_rotate(crypto, seed, ancestry_span(before), seed_next, 1700000000, made.bytes);
    return made;
}

struct grave {
    uint8_t number;
    const char *label; /* NULL: none */
    const struct ancestry *ancestry;
};

static inline size_t certificate_of(
    const struct vx6_crypto *crypto, const struct grave *grave, uint8_t out[VX6_TOMBSTONE_MAX])
{
    const uint8_t seed[32] = {grave->number};
    vx6_span label = {(const uint8_t *)grave->label, grave->label ? strlen(grave->label) : 0};
    return vx6_identity_revoke(
        crypto, seed, label, ancestry_span(grave->ancestry), 1700000000, out);
}

static inline size_t tombstone_of(const struct vx6_crypto *crypto, const struct grave *grave,
    int64_t unix_s, uint8_t out[VX6_TOMBSTONE_MAX])
{
    uint8_t certificate[VX6_TOMBSTONE_MAX];
    struct tombstone tombstone;
    size_t len = certificate_of(crypto, grave, certificate);
    enum vx6_code code = tombstone_decode((vx6_span){certificate, len}, &tombstone);
    VX6_ASSERT(code == VX6_OK);
    return tombstone_renew(&tombstone, unix_s, 1800, out);
}

#endif
