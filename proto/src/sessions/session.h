/* SPDX-License-Identifier: MIT */
/* Sessions: a client and a service owner, end to end, carrying streams by byte offset over a path.
 *
 * A path is a reliable, ordered, authenticated channel with a 32-byte binding; today the one kind
 * is a link. Sent bytes are kept until acknowledged, so that a session can move to another path.
 * Spec: spec/sessions.md. */
#ifndef VX6_SESSION_H
#define VX6_SESSION_H

#include "chunk.h"
#include "link.h"
#include "ready.h"
#include "slots.h"
#include "timer.h"
#include "turns.h"
#include "vx6/node.h"

struct session;
struct stream;

/* What the sessions of one network hold together. VX6-SESS-023, VX6-SESS-024 */
struct share {
    struct share *next;
    uint8_t network[6];
    uint32_t users;    /* sessions that count here and are not freed */
    uint32_t sessions; /* of these, those that have not ended */
    uint32_t streams;
    uint64_t sending, granted;
};

struct sessions {
    struct turns list; /* oldest first */
    struct turns paths;
    struct share own;     /* of what this node opened */
    struct share *shares; /* of what peers opened, by their networks */
    uint32_t count, ended_count;
    uint32_t stream_count;
    uint32_t refused_count; /* of these, refused ones that wait for their reset to be sent */
    uint32_t leaving_count; /* of these, those of sessions that have ended */
    uint64_t sending;       /* bytes that all streams hold until acknowledged */
    uint64_t granted; /* bytes that all streams hold for the driver, or have allowed to come */
    struct chunk_pool pool;
    struct local_service *services; /* what this node offers, sorted by name */
    uint32_t service_count, service_capacity;
    struct turns listings;                       /* own questions which services there are */
    struct meter asked_by_network, asked_by_key; /* the same by peers. VX6-SESS-028 */
};

/* ---- commands. What a driver closes or resets still comes out as SESSION_DOWN or STREAM_CLOSED.
 */
enum vx6_code session_open(struct vx6_node *node, const struct vx6_in *in, vx6_id *id);
void session_close(struct vx6_node *node, struct session *session, enum vx6_code code);
enum vx6_code stream_open(struct vx6_node *node, struct session *session, vx6_id *id);
enum vx6_code stream_accept(struct vx6_node *node, struct stream *stream);
void stream_reset(struct vx6_node *node, struct stream *stream, enum vx6_code code);
enum exposure {
    EXPOSURE_PUBLIC,
    EXPOSURE_LISTED,
    EXPOSURE_PRIVATE,
    EXPOSURE_HOSTED /* by another node: nobody uses it here */
};
enum vx6_code service_add(struct vx6_node *node, vx6_span name, enum exposure exposure);
enum vx6_code service_add_hosted(struct vx6_node *node, vx6_span name, const uint8_t host[32]);
enum vx6_code service_remove(struct vx6_node *node, vx6_span name);
/* `before`: the keys before it, oldest first. */
enum vx6_code service_allow(
    struct vx6_node *node, vx6_span name, const uint8_t key[32], vx6_span before);
enum vx6_code service_deny(struct vx6_node *node, vx6_span name, const uint8_t key[32]);
struct lineage;
/* May all rows of the key go along as the lineage of `identity` says? OK or TOO_MANY_KEYS. */
enum vx6_code services_room(struct vx6_node *node, const struct lineage *lineage,
    const uint8_t identity[32], const uint8_t key[32]);
/* Whoever was allowed as `from` is allowed as `to` from now on. First there has to be room for it:
 * as bindings_make_room(). */
enum vx6_code services_make_room(
    struct vx6_node *node, const uint8_t from[32], const uint8_t to[32]);
void services_give_up(struct vx6_node *node);
void services_follow(struct vx6_node *node, const uint8_t from[32], const uint8_t to[32]);
bool services_have(const struct vx6_node *node, const uint8_t key[32]); /* in a list of keys */
struct key_step;
void services_show_keys(const struct vx6_node *node, struct key_step *step);
/* The same, where a key before it, by which it came, was revoked since. */
bool services_came_by_revoked(const struct vx6_node *node, const uint8_t key[32]);
/* A session that waits for a name which has to lead to `from` waits for `to` from now on. */
void sessions_follow(struct vx6_node *node, const uint8_t from[32], const uint8_t to[32]);
/* The key has been revoked: ends what it has open, at either end. */
void sessions_end_revoked(struct vx6_node *node, const uint8_t key[32]);
/* Labels of the services that all may see, for the own record, sorted; at most `cap`. */
uint32_t service_names(const struct vx6_node *node, vx6_span *names, uint32_t cap);
/* The same of those that others host. */
bool service_host(const struct vx6_node *node, vx6_span name, uint8_t host[32]);
uint32_t services_hosted(const struct vx6_node *node, struct vx6_hosted *hosted, uint32_t cap);

/* listing.c: what a peer offers to this node, as an operation. INVALID, LIMIT, NOMEM, and what
 * resolving or dialling refuses at once. */
struct listing;
enum vx6_code listing_start(struct vx6_node *node, const struct vx6_in *in, vx6_id *id);
void listing_cancel(struct vx6_node *node, struct listing *listing); /* op.c ends the operation */
void listing_timer(struct vx6_node *node, struct timer *timer);
void listing_resolved(struct vx6_node *node, struct listing *listing, enum vx6_code code,
    const uint8_t key[32], const vx6_addr *addr);

/* resolve_end.c calls it when the name of a session that waits for it is resolved or not. `via`:
 * where another node than the name's owner hosts the service, the owner's key, and those by which
 * that of the host was found, 32 bytes each. */
void session_resolved(struct vx6_node *node, struct session *session, enum vx6_code code,
    const uint8_t key[32], vx6_span via, const vx6_addr *addr);

/* ---- for node.c ---- */
bool session_output(struct vx6_node *node, struct ready *ready, struct vx6_out *out);
bool stream_output(struct vx6_node *node, struct ready *ready, struct vx6_out *out);
void session_timer(struct vx6_node *node, struct timer *timer);
void stream_timer(struct vx6_node *node, struct timer *timer);
void sessions_shutdown(struct vx6_node *node);
void sessions_free(struct vx6_node *node);

#endif
