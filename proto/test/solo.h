/* SPDX-License-Identifier: MIT */
/* One node with the test as its network: what it traced last, and datagrams passed by hand. */
#ifndef VX6_TEST_SOLO_H
#define VX6_TEST_SOLO_H

#include "test.h"

#include <string.h>

#include "internal.h"
#include "memory.h"

struct solo {
    struct memory memory;
    struct vx6_limits limits;
    struct vx6_crypto crypto;
    struct vx6_trace trace;
    uint64_t counts[VX6_EVENT_COUNT];
    uint16_t codes[VX6_EVENT_COUNT]; /* of the last event of each kind */
    vx6_env *env;
    vx6_node *node;
    vx6_addr addr;
    vx6_ns now;
};

static inline void solo_event(void *context, const struct vx6_event *event)
{
    struct solo *solo = context;
    solo->counts[event->kind]++;
    solo->codes[event->kind] = event->code;
}

/* Sets limits and crypto to their defaults; change them before solo_start(). */
static inline void solo_init(struct solo *solo)
{
    *solo = (struct solo){.limits = vx6_limits_default,
        .crypto = vx6_crypto_model,
        .trace = {solo_event, solo},
        .now = VX6_SECOND};
}

static inline vx6_addr solo_addr(uint32_t number)
{
    vx6_addr addr = {{0x20, 0x01, 0x0d, 0xb8}, 4242};
    store_u32(addr.ip + 4, number);
    addr.ip[15] = 1;
    return addr;
}

/* Node `number` at 2001:db8:<number>::1, which is its endpoint. */
static inline void solo_start(struct solo *solo, uint32_t number)
{
    vx6_config config = {.node_tag = number,
        .sequence_first = 1,
        .unix_ms = 1800000000000,
        .suite = VX6_SUITE_CHACHAPOLY};
    store_u32(config.identity_seed, number);
    store_u32(config.rng_seed, number);
    solo->trace.context = solo;
    solo->env = vx6_env_new(
        (vx6_alloc){memory_resize, &solo->memory}, &solo->crypto, &solo->limits, &solo->trace);
    assert_non_null(solo->env);
    solo->node = vx6_node_new(solo->env, &config, solo->now);
    assert_non_null(solo->node);
    solo->addr = solo_addr(number);
    struct vx6_in in = {.kind = VX6_IN_ENDPOINT_ADD, .peer = solo->addr};
    assert_int_equal(vx6_node_input(solo->node, solo->now, &in), VX6_OK);
}

static inline void solo_stop(struct solo *solo)
{
    vx6_node_free(solo->node);
    vx6_env_free(solo->env);
    assert_int_equal(solo->memory.held, 0);
}

static inline void solo_wait(struct solo *solo, uint64_t ms)
{
    vx6_ns end = solo->now + ms * VX6_MILLISECOND;
    struct vx6_in in = {.kind = VX6_IN_TICK};
    while (vx6_node_deadline(solo->node) < end) {
        if (vx6_node_deadline(solo->node) > solo->now)
            solo->now = vx6_node_deadline(solo->node);
        assert_int_equal(vx6_node_input(solo->node, solo->now, &in), VX6_OK);
    }
    solo->now = end;
    assert_int_equal(vx6_node_input(solo->node, solo->now, &in), VX6_OK);
}

/* Takes the next datagram that the node wants to send; false when there is none. */
static inline bool solo_take(struct solo *solo, uint8_t datagram[VX6_DATAGRAM_SIZE], vx6_addr *to)
{
    static uint8_t buffer[VX6_FILL_MIN];
    const struct outgoing *waiting = solo->node->queries.waiting_first;
    if (waiting == NULL)
        return false;
    /* Room for one: the batch is what test_query.c looks at. */
    struct vx6_batch batch = {.dst = buffer, .cap = VX6_DATAGRAM_SIZE};
    assert_true(query_fill(solo->node, &batch));
    assert_int_equal(batch.len, VX6_DATAGRAM_SIZE);
    memcpy(datagram, buffer, VX6_DATAGRAM_SIZE);
    *to = batch.peer;
    return true;
}

static inline void solo_give(
    struct solo *solo, const vx6_addr *from, const uint8_t *datagram, size_t len)
{
    struct vx6_in in = {.kind = VX6_IN_DATAGRAM, .peer = *from, .data = datagram, .len = len};
    assert_int_equal(vx6_node_input(solo->node, solo->now, &in), VX6_OK);
}

#endif
