/* SPDX-License-Identifier: MIT */
/* Sealed queries: one datagram asks, one answers. Owns the queries in flight, their retries, and
 * the datagrams that wait for the carrier. Spec: spec/queries.md. */
#ifndef VX6_QUERY_H
#define VX6_QUERY_H

#include "intern.h"
#include "meter.h"
#include "timer.h"
#include "token.h"
#include "vx6/msg.h"
#include "vx6/node.h"

enum query_user {
    QUERY_NOBODY, /* cancelled, but still tells whether the peer lives */
    QUERY_LOOKUP,
    QUERY_STORE,
    QUERY_ENTRY,    /* discovery: an entry point that the driver named */
    QUERY_CHECK,    /* discovery: does a silent contact live? */
    QUERY_CONSIDER, /* discovery: somebody who is not in the table yet */
    QUERY_ANNOUNCE,
    QUERY_SYNC,
    QUERY_REACH /* is who wants to be dialled at this address? */
};

struct query; /* in flight: query.c */

/* What every answer, and every new query, is compared with stands together. */
struct in_flight {
    uint64_t id; /* of the last try; 0 before the first */
    vx6_ns deadline;
    uint64_t order; /* of setting the deadline */
    uint64_t site;  /* addr_site() of the peer */
    const struct peer *peer;
    struct query *query;
};

/* Waits for the carrier: the head of a query, or of an answer. */
struct outgoing {
    struct outgoing *next, *previous;
    const vx6_addr *to;
    uint16_t size; /* of the datagram */
    bool is_query;
};

/* An own endpoint, signed; kept because a signature costs more than an answer. */
struct own_contact {
    uint32_t issued_s; /* 0: not signed yet */
    uint8_t signature[VX6_SIG_SIZE];
};

struct queries {
    struct outgoing *waiting_first, *waiting_last;
    struct in_flight *items; /* oldest first */
    uint32_t count, capacity;
    uint16_t answer_count;             /* of those that wait */
    uint16_t crowding;                 /* queries that were one too many to a site, or more */
    uint32_t lost_in_row;              /* queries to contacts lost since any was answered */
    uint32_t rtt_us, rtt_deviation_us; /* of answers, smoothed; 0: none yet */
    struct meter asks, proven;         /* that came */
    struct tokens tokens;
    struct own_contact contact;         /* of the first endpoint, which most asks are for */
    struct own_contact *other_contacts; /* of the others; NULL: none is signed yet */
};

/* Sends `ask` to `peer`; the query holds a reference. The outcome comes once, to query_done() of
 * the user, unless it is cancelled. Its user may keep the pointer until then. NULL: LIMIT, no
 * memory, or nobody can have the peer's key. */
struct query *query_start(struct vx6_node *node, struct peer *peer, const struct vx6_msg *ask,
    enum query_user user, void *context);
void query_cancel(struct vx6_node *node, struct query *query);
void queries_cancel(struct vx6_node *node, const void *context); /* all that have it */
bool query_is_pending(const struct vx6_node *node, const struct peer *peer);
/* Are as many queries in flight to this site as may be, and none of its nodes is in the table? */
bool query_site_is_spent(const struct vx6_node *node, const vx6_addr *addr);
/* So many contacts did not answer in a row that the fault is taken to be this node's own. */
bool query_is_cut_off(const struct vx6_node *node);

/* What came of a query. `answer` is NULL when it was lost; then the peer counts as failed. */
struct query_result {
    struct peer *peer;
    enum query_user user;
    const struct vx6_msg *answer;
    const uint8_t *token; /* 16 bytes, with an answer */
    vx6_ns rtt;
};
/* Implemented by the user's file; dispatched in query.c. */
void lookup_query_done(struct vx6_node *node, void *context, const struct query_result *result);
void publication_query_done(
    struct vx6_node *node, void *context, const struct query_result *result);
void sync_query_done(struct vx6_node *node, void *context, const struct query_result *result);
void discovery_query_done(struct vx6_node *node, void *context, const struct query_result *result);
void reach_query_done(struct vx6_node *node, void *context, const struct query_result *result);

/* ---- for node.c ---- */
void queries_init(struct vx6_node *node);
void query_datagram(struct vx6_node *node, const vx6_addr *from, const uint8_t *data, size_t len);
bool query_is_answer(const uint8_t *data, size_t len);
void queries_expect(const struct vx6_node *node); /* fetches those in flight, and room for one */
/* As vx6_node_expect(). */
bool query_expect(const struct vx6_node *node, uint32_t step, const uint8_t *data, size_t len);
bool query_timer_expect(const struct vx6_node *node, uint32_t step);
bool query_fill(struct vx6_node *node, struct vx6_batch *batch);
void query_timer(struct vx6_node *node);
void queries_shutdown(struct vx6_node *node); /* drops them; no user may be left that minds */
void queries_free(struct vx6_node *node);

/* ---- answer.c ---- */
/* The answer to a stranger's ask, as a message that is sealed at once; false: none. Its variable
 * parts live in `storage`, or stay as they are until the next call. */
bool answer_ask(struct vx6_node *node, const vx6_addr *from, const struct vx6_msg *ask,
    struct vx6_msg *answer, uint8_t storage[VX6_ANSWER_PAYLOAD_SIZE]);

/* The own endpoints are others now: they are signed anew. */
void own_contacts_clear(struct vx6_node *node);

/* What every answer starts with. */
struct answer_head {
    const uint8_t *token;
    uint32_t time_s, contact_issued_s;
    const uint8_t *contact_signature;
};
/* False for a message that is no answer. */
bool answer_head(const struct vx6_msg *answer, struct answer_head *head);
/* Is `answer` of a type that answers `ask`? */
bool answer_fits(enum vx6_msg_type ask, enum vx6_msg_type answer);
/* Has the owner of this key signed this address? */
bool contact_verify(
    const struct vx6_crypto *crypto, const struct peer *peer, const struct answer_head *head);

#endif
