/* SPDX-License-Identifier: MIT */
/* Hash tables with chains; a table doubles when it holds as many objects as chains.
 *
 * The hash need not withstand an attacker: how many objects one node can hold is bounded, and so is
 * the chain that chosen keys could make. Spec: spec/records.md. */
#include "intern.h"

#include "bytes.h"
#include "env.h"
#include "vx6/node.h"

enum {
    CHAINS_FIRST = 64,
    HASHED_MAX = 64 /* bytes of a blob */
};

/* Nor be the same on all machines. */
static uint64_t hash_add(uint64_t hash, const uint8_t *data, size_t len)
{
    for (; len >= 8; data += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, data, sizeof word);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash = hash << 32 | hash >> 32;
    }
    for (; len > 0; len--)
        hash = (hash ^ *data++) * UINT64_C(0xff51afd7ed558ccd);
    return hash ^ hash >> 29;
}

static struct interned **chain_of(const struct intern *intern, uint32_t hash)
{
    return &intern->chains[hash & (intern->chain_count - 1)];
}

/* Makes room for one more. A table that cannot grow goes on with longer chains. */
static bool make_room(struct vx6_env *env, struct intern *intern)
{
    if (intern->object_count < intern->chain_count)
        return true;
    uint32_t old_count = intern->chain_count;
    if (old_count > UINT32_MAX / 2)
        return true;
    uint32_t count = old_count == 0 ? CHAINS_FIRST : old_count * 2;
    struct interned **old = intern->chains;
    struct interned **chains = env_alloc(env, count * sizeof(struct interned *));
    if (chains == NULL)
        return old_count > 0;
    intern->chains = chains;
    intern->chain_count = count;
    for (uint32_t i = 0; i < old_count; i++) {
        while (old[i] != NULL) {
            struct interned *object = old[i];
            old[i] = object->next;
            struct interned **chain = chain_of(intern, object->hash);
            object->next = *chain;
            *chain = object;
        }
    }
    env_free(env, old, old_count * sizeof(struct interned *));
    return true;
}

static void insert(struct intern *intern, struct interned *object, uint32_t hash, size_t size)
{
    intern->bytes += size;
    struct interned **chain = chain_of(intern, hash);
    object->hash = hash;
    object->references = 1;
    object->next = *chain;
    *chain = object;
    intern->object_count++;
}

/* Leaves its chain. */
static void take_out(struct intern *intern, struct interned *object, size_t size)
{
    struct interned **link = chain_of(intern, object->hash);
    while (*link != object)
        link = &(*link)->next;
    *link = object->next;
    intern->object_count--;
    intern->bytes -= size;
}

uint32_t peer_hash(const uint8_t key[32], const vx6_addr *addr)
{
    uint64_t wide = hash_add(hash_add(addr->port, key, 32), addr->ip, 16);
    return (uint32_t)(wide >> 32 ^ wide);
}

void peer_expect(const struct vx6_env *env, uint32_t hash, uint32_t step)
{
    if (env->peers.chain_count == 0)
        return;
    struct interned **chain = chain_of(&env->peers, hash);
    if (step == 0)
        prefetch(chain, sizeof *chain);
    else if (*chain != NULL)
        prefetch(CONTAINER_OF(*chain, struct peer, interned), sizeof(struct peer));
}

struct peer *peer_get(struct vx6_env *env, const uint8_t key[32], const vx6_addr *addr)
{
    return peer_get_hashed(env, key, addr, peer_hash(key, addr));
}

struct peer *peer_get_hashed(
    struct vx6_env *env, const uint8_t key[32], const vx6_addr *addr, uint32_t hash)
{
    if (!make_room(env, &env->peers))
        return NULL;
    struct interned *object = *chain_of(&env->peers, hash);
    for (; object != NULL; object = object->next) {
        struct peer *peer = CONTAINER_OF(object, struct peer, interned);
        if (bytes_equal(peer->key, key, 32) && addr_equal(&peer->addr, addr))
            return peer_hold(peer);
    }
    struct peer *peer = env_alloc(env, sizeof *peer);
    if (peer == NULL)
        return NULL;
    memcpy(peer->key, key, 32);
    peer->addr = *addr;
    vx6_node_id(env->crypto, peer->id, key);
    insert(&env->peers, &peer->interned, hash, sizeof *peer);
    return peer;
}

/* By its end: that of a record is a signature, which tells it from all others. */
static uint32_t blob_hash(vx6_span data)
{
    const uint64_t begin = data.len + 1;
    if (data.len > HASHED_MAX)
        data = (vx6_span){data.data + (data.len - HASHED_MAX), HASHED_MAX};
    uint64_t wide = hash_add(begin, data.data, data.len);
    return (uint32_t)(wide >> 32 ^ wide);
}

static struct blob *find_blob(struct intern *intern, vx6_span data, uint32_t hash)
{
    if (intern->chain_count == 0)
        return NULL;
    struct interned *object = *chain_of(intern, hash);
    for (; object != NULL; object = object->next) {
        struct blob *blob = (struct blob *)object;
        if (object->hash == hash && blob->len == data.len &&
            bytes_equal(blob->data, data.data, data.len))
            return blob;
    }
    return NULL;
}

struct blob *blob_find(struct vx6_env *env, vx6_span data)
{
    return find_blob(&env->blobs, data, blob_hash(data));
}

struct blob *blob_get(struct vx6_env *env, vx6_span data)
{
    VX6_ASSERT(data.len <= UINT32_MAX);
    uint32_t hash = blob_hash(data);
    struct blob *blob = find_blob(&env->blobs, data, hash);
    if (blob != NULL)
        return blob_hold(blob);
    if (!make_room(env, &env->blobs))
        return NULL;
    blob = env_alloc(env, sizeof *blob + data.len);
    if (blob == NULL)
        return NULL;
    blob->len = (uint32_t)data.len;
    if (data.len > 0)
        memcpy(blob->data, data.data, data.len);
    insert(&env->blobs, &blob->interned, hash, sizeof *blob + data.len);
    return blob;
}

void peer_forget(struct vx6_env *env, struct peer *peer)
{
    take_out(&env->peers, &peer->interned, sizeof *peer);
    env_free(env, peer, sizeof *peer);
}

void blob_forget(struct vx6_env *env, struct blob *blob)
{
    const size_t size = sizeof *blob + blob->len;
    take_out(&env->blobs, &blob->interned, size);
    env_free(env, blob, size);
}

bool peer_key_is_valid(struct vx6_env *env, struct peer *peer)
{
    if (peer->key_checked == 0)
        peer->key_checked = env->crypto->sign_public_is_valid(env->crypto, peer->key) ? 1 : 2;
    return peer->key_checked == 1;
}

static size_t all_bytes(const struct intern *intern)
{
    return intern->bytes + intern->chain_count * sizeof(struct interned *);
}

void vx6_env_memory(const vx6_env *env, struct vx6_shared_memory *memory)
{
    *memory = (struct vx6_shared_memory){
        .peers = all_bytes(&env->peers), .records = all_bytes(&env->blobs) + placed_memory(env)};
}

void intern_clear(struct vx6_env *env, struct intern *intern)
{
    VX6_ASSERT(intern->object_count == 0);
    env_free(env, intern->chains, intern->chain_count * sizeof(struct interned *));
    *intern = (struct intern){0};
}
