/* SPDX-License-Identifier: MIT */
/* Immutable objects that many nodes of an env hold, kept once, by reference count.
 *
 * A peer is a (key, address) pair with the node ID that follows from the key; a blob is a record or
 * bundle that has been verified, so that whoever meets the same bytes again need not, or keys and
 * names, too short to be one. Pointers are equal exactly if the contents are. No decision depends
 * on a pointer, nor on the order of objects in these tables, which are never walked. */
#ifndef VX6_INTERN_H
#define VX6_INTERN_H

#include "scope.h"
#include "vx6/node.h"

struct vx6_env;

struct interned {
    uint32_t references;
    uint32_t hash;
    struct interned *next; /* in its hash chain */
};

struct intern {
    struct interned **chains;
    uint32_t chain_count; /* a power of two */
    uint32_t object_count;
    size_t bytes; /* of the objects */
};

/* What an answer says of a peer, what it is found by and how often it is held fill the first 64
 * bytes: a cache line. */
struct peer {
    uint8_t key[32]; /* identity key; may be no valid point: peer_key_is_valid() */
    vx6_addr addr;
    uint8_t key_checked; /* 0 not yet, 1 valid, 2 invalid */
    struct interned interned;
    uint8_t id[32];
};

struct blob {
    struct interned interned;
    uint32_t len;
    uint32_t placed_first; /* number of a struct placed; 0: it is in no place */
    uint8_t data[];
};

/* One more reference to the peer or blob with this content; NULL when memory ran out. */
struct peer *peer_get(struct vx6_env *env, const uint8_t key[32], const vx6_addr *addr);
/* The same in parts: the hash, and with it, where peers lie far apart, two steps of fetching. */
uint32_t peer_hash(const uint8_t key[32], const vx6_addr *addr);
void peer_expect(const struct vx6_env *env, uint32_t hash, uint32_t step);
struct peer *peer_get_hashed(
    struct vx6_env *env, const uint8_t key[32], const vx6_addr *addr, uint32_t hash);
struct blob *blob_get(struct vx6_env *env, vx6_span data);
/* The blob with this content if anybody in the env holds it, without a reference; else NULL. */
struct blob *blob_find(struct vx6_env *env, vx6_span data);

static inline struct peer *peer_hold(struct peer *peer)
{
    peer->interned.references++;
    return peer;
}

static inline struct blob *blob_hold(struct blob *blob)
{
    blob->interned.references++;
    return blob;
}

/* One reference less; true: it was the last. */
static inline bool interned_drop(struct interned *interned)
{
    VX6_ASSERT(interned->references > 0);
    return --interned->references == 0;
}

/* What nobody holds any more. */
void peer_forget(struct vx6_env *env, struct peer *peer);
void blob_forget(struct vx6_env *env, struct blob *blob);

/* One reference less; NULL is fine. */
static inline void peer_drop(struct vx6_env *env, struct peer *peer)
{
    if (peer != NULL && interned_drop(&peer->interned))
        peer_forget(env, peer);
}

static inline void blob_drop(struct vx6_env *env, struct blob *blob)
{
    if (blob != NULL && interned_drop(&blob->interned))
        blob_forget(env, blob);
}

/* Is the key one that an identity can have? Checked once per peer. */
bool peer_key_is_valid(struct vx6_env *env, struct peer *peer);

void intern_clear(struct vx6_env *env, struct intern *intern); /* asserts that nothing is held */

#endif
