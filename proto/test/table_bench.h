/* SPDX-License-Identifier: MIT */
/* A node alone, and contacts at places that the test chooses. */
#ifndef VX6_TEST_TABLE_BENCH_H
#define VX6_TEST_TABLE_BENCH_H

#include "solo.h"

static uint64_t random_state = 1;

static inline uint32_t draw(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33);
}

static inline void draw_bytes(uint8_t *dst, size_t len)
{
    for (size_t i = 0; i < len; i++)
        dst[i] = (uint8_t)draw();
}

/* A peer that nobody could ask, at a place in the ID space that the test chooses. */
static inline struct peer *make_peer_at(
    struct solo *solo, const uint8_t id[32], const vx6_addr *addr)
{
    uint8_t key[32];
    draw_bytes(key, sizeof key);
    struct peer *peer = peer_get(solo->env, key, addr);
    assert_non_null(peer);
    memcpy(peer->id, id, 32);
    return peer;
}

/* Every peer has a provider of its own. */
static inline struct peer *make_peer(struct solo *solo, const uint8_t id[32])
{
    static uint32_t number;
    vx6_addr addr = {.ip = {0x24}, .port = 1};
    store_u32(addr.ip + 1, ++number << 8);
    return make_peer_at(solo, id, &addr);
}

/* An ID whose first difference from the node's is bit `bucket`. */
static inline void id_in_bucket(const struct solo *solo, uint32_t bucket, uint8_t id[32])
{
    const uint8_t *own = solo->node->keys.id;
    draw_bytes(id, 32);
    for (uint32_t i = 0; i < bucket; i++)
        id[i / 8] = (uint8_t)((id[i / 8] & ~(0x80 >> i % 8)) | (own[i / 8] & (0x80 >> i % 8)));
    uint8_t bit = (uint8_t)(0x80 >> bucket % 8);
    id[bucket / 8] = (uint8_t)((id[bucket / 8] & ~bit) | (~own[bucket / 8] & bit));
    assert_int_equal(common_prefix(own, id), bucket);
}

static inline struct peer *peer_in_bucket(struct solo *solo, uint32_t bucket)
{
    uint8_t id[32];
    id_in_bucket(solo, bucket, id);
    return make_peer(solo, id);
}

/* Enters a new peer and drops the test's own reference. */
static inline bool enter(struct solo *solo, uint32_t bucket)
{
    struct peer *peer = peer_in_bucket(solo, bucket);
    bool entered = table_seen(solo->node, peer);
    peer_drop(solo->env, peer);
    return entered;
}

static inline bool enter_at(struct solo *solo, uint32_t bucket, const vx6_addr *addr)
{
    uint8_t id[32];
    id_in_bucket(solo, bucket, id);
    struct peer *peer = make_peer_at(solo, id, addr);
    bool entered = table_seen(solo->node, peer);
    peer_drop(solo->env, peer);
    return entered;
}

static inline void start(struct solo *solo)
{
    solo_init(solo);
    solo_start(solo, 1);
    random_state = 1;
}

static inline void pass(struct solo *solo, uint64_t ms)
{
    solo->now += ms * VX6_MILLISECOND;
    solo->node->now = solo->now;
}

#endif
