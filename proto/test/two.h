/* SPDX-License-Identifier: MIT */
/* Two nodes that ask each other, with the test in between. */
#ifndef VX6_TEST_TWO_H
#define VX6_TEST_TWO_H

#include "solo.h"

struct two {
    struct solo asker, responder;
    struct peer *peer; /* the responder, as the asker knows it */
};

enum {
    OFFSET_ID = 4,
    OFFSET_EPHEMERAL = 12,
    OFFSET_SEALED = 44
};

static inline void two_start(struct two *two, const struct vx6_crypto *crypto)
{
    solo_init(&two->asker);
    solo_init(&two->responder);
    two->asker.crypto = two->responder.crypto = *crypto;
    solo_start(&two->asker, 1);
    solo_start(&two->responder, 2);
    two->peer = peer_get(two->asker.env, two->responder.node->keys.identity, &two->responder.addr);
    assert_non_null(two->peer);
}

static inline void two_stop(struct two *two)
{
    peer_drop(two->asker.env, two->peer);
    solo_stop(&two->asker);
    solo_stop(&two->responder);
}

static inline struct query *ask(struct two *two, enum vx6_msg_type type)
{
    struct vx6_msg msg = {.type = type};
    return query_start(two->asker.node, two->peer, &msg, QUERY_ANNOUNCE, NULL);
}

/* 0: nothing waits to be sent. */
static inline size_t take_any(struct solo *solo, uint8_t *datagram)
{
    static uint8_t buffer[VX6_FILL_MIN];
    struct vx6_batch batch = {.dst = buffer, .cap = sizeof buffer};
    if (solo->node->queries.waiting_first == NULL || !query_fill(solo->node, &batch))
        return 0;
    assert_int_equal(batch.len, batch.segment_len);
    memcpy(datagram, buffer, batch.len);
    return batch.len;
}

static inline void take_ask(struct two *two, uint8_t datagram[VX6_DATAGRAM_SIZE])
{
    vx6_addr to;
    assert_true(solo_take(&two->asker, datagram, &to));
    assert_memory_equal(&to.ip, &two->responder.addr.ip, 16);
}

/* Gives the responder an ask and takes its answer. */
static inline bool take_answer(
    struct two *two, const uint8_t *question, uint8_t answer[VX6_DATAGRAM_SIZE])
{
    vx6_addr to;
    solo_give(&two->responder, &two->asker.addr, question, VX6_DATAGRAM_SIZE);
    return solo_take(&two->responder, answer, &to);
}

static inline void give_answer(struct two *two, const uint8_t *answer)
{
    solo_give(&two->asker, &two->responder.addr, answer, VX6_DATAGRAM_SIZE);
}

static const struct vx6_crypto *providers(size_t i)
{
    return i == 0 ? &vx6_crypto_model : &vx6_crypto_real;
}

#endif
