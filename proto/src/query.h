/* SPDX-License-Identifier: MIT */
/* Sealed queries: one datagram asks, one answers. Owns the queries in flight, their retries, and
 * the datagrams that wait for the carrier. Spec: spec/queries.md. */
#ifndef VX6_QUERY_H
#define VX6_QUERY_H

#include "intern.h"
#include "timer.h"
#include "vx6/msg.h"
#include "vx6/node.h"

enum query_user {
    QUERY_LOOKUP,
    QUERY_STORE,
    QUERY_PING,
    QUERY_ANNOUNCE
};

struct query;    /* in flight */
struct datagram; /* waits for the carrier */

struct queries {
    struct query *first, *last; /* oldest first */
    uint32_t count;
    struct datagram *waiting_first, *waiting_last;
    uint32_t waiting;
};

/* Sends `ask` to `peer`; the query holds a reference. The outcome comes once, to query_done() of
 * the user, unless it is cancelled. Its user may keep the pointer until then. NULL: LIMIT or no
 * memory. */
struct query *query_start(struct vx6_node *node, struct peer *peer, const struct vx6_msg *ask,
    enum query_user user, void *context);
void query_cancel(struct vx6_node *node, struct query *query);

/* What came of a query. `answer` is NULL when it was lost; then the peer counts as failed. */
struct query_result {
    struct peer *peer;
    const struct vx6_msg *answer;
    const uint8_t *token; /* 16 bytes, with an answer */
    vx6_ns rtt;
};
/* Implemented by the user's file; dispatched in query.c. */
void lookup_query_done(struct vx6_node *node, void *context, const struct query_result *result);
void publish_query_done(struct vx6_node *node, void *context, const struct query_result *result);
void discovery_query_done(struct vx6_node *node, void *context, const struct query_result *result);

/* ---- for node.c ---- */
void query_datagram(struct vx6_node *node, const vx6_addr *from, const uint8_t *data, size_t len);
bool query_fill(struct vx6_node *node, struct vx6_batch *batch);
void query_timer(struct vx6_node *node, struct timer *timer);
void queries_free(struct vx6_node *node);

/* answer.c: the answer to a stranger's ask, as a message that is sealed at once; false: none. Its
 * variable parts live in `storage`. */
bool answer_ask(struct vx6_node *node, const vx6_addr *from, const struct vx6_msg *ask,
    struct vx6_msg *answer, uint8_t storage[VX6_ANSWER_PAYLOAD_SIZE]);

#endif
