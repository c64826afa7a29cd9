/* SPDX-License-Identifier: MIT */
/* Signed records: made here, verified here, believed nowhere before.
 * Spec: spec/records.md. */
#ifndef VX6_RECORD_H
#define VX6_RECORD_H

#include "keys.h"
#include "lineage.h"
#include "vx6/msg.h"
#include "vx6/node.h"

struct vx6_env;

/* Bytewise; of two where one begins the other, the shorter comes first. */
int label_compare(vx6_span a, vx6_span b);

/* ---- how every record is signed ---- */
struct signer {
    const uint8_t *seed, *public_key;
    const char *label;
};
/* Encodes, and fills in the signature. Size written; 0: too long. */
size_t record_encode_signed(const struct vx6_crypto *crypto, const struct vx6_msg *msg,
    const struct signer *signer, uint8_t *dst, size_t cap);
/* Of a record that a decode has checked. */
bool record_signature_is_good(const struct vx6_crypto *crypto, vx6_span data,
    const uint8_t public_key[32], const char *label);

/* What an own record says; `services` are valid labels, in any order, no two equal. */
struct record_facts {
    uint64_t sequence;
    int64_t unix_s;
    uint32_t life_s;
    const vx6_addr *endpoints;
    uint32_t endpoint_count;
    vx6_span label; /* empty: no claim */
    const vx6_span *services;
    uint32_t service_count;
    const struct vx6_hosted *hosted; /* sorted by name; none is in `services` */
    uint32_t hosted_count;
    vx6_span lineage; /* a record; empty: none */
};
/* Sizes written. make_bundle: 0 when the whole exceeds VX6_BUNDLE_MAX. */
size_t record_make_node(const struct vx6_crypto *crypto, const struct own_keys *keys,
    const struct record_facts *facts, uint8_t out[VX6_RECORD_MAX]);
size_t record_make_bundle(const struct vx6_crypto *crypto, const struct own_keys *keys,
    const struct record_facts *facts, uint8_t out[VX6_BUNDLE_MAX]);

/* VX6_OK, BAD_MESSAGE, BAD_RECORD or EXPIRED at wall time `unix_s`. Views into `data`. */
enum vx6_code record_check_node(
    struct vx6_env *env, int64_t unix_s, vx6_span data, struct vx6_node_record *record);

/* VX6_OK when both of a record's times are in bounds, else BAD_RECORD or EXPIRED. */
enum vx6_code record_check_times(
    const struct vx6_limits *limits, int64_t unix_s, uint64_t issued_s, uint32_t life_s);

/* What is held under a key: a bundle, or the tombstone of its owner's key, which is newer than any
 * bundle of it and has no more of a node record than the identity. */
struct bundle {
    struct vx6_node_record node;
    uint8_t owner[32]; /* node ID */
    uint64_t sequence; /* the same in all its records, as are issued_s and life_s */
    int64_t expires_s;
    vx6_span label;    /* empty: no claim */
    vx6_list services; /* empty: none public */
    vx6_list hosted;   /* services that others host */
    struct lineage lineage;
    bool is_tombstone;
};
enum vx6_code bundle_check(
    struct vx6_env *env, int64_t unix_s, vx6_span data, struct bundle *bundle);

/* Reads a bundle that was verified before, or made here. */
void bundle_view(const struct vx6_crypto *crypto, vx6_span verified, struct bundle *bundle);

/* Where the owner says that this service is; false: it is not at another node. */
bool bundle_host(const struct bundle *bundle, vx6_span service, uint8_t host[32]);

/* May a bundle be stored under this key: its owner's ID, that of one of its predecessors, or its
 * label's key? */
bool bundle_fits_key(
    const struct vx6_crypto *crypto, const struct bundle *bundle, const uint8_t key[32]);

/* Could anybody be dialled there? Not the unspecified address, multicast or port 0: neither is
 * published nor accepted in a record. */
bool endpoint_is_possible(const vx6_addr *addr);

#endif
