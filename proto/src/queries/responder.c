/* SPDX-License-Identifier: MIT */
/* Answers to strangers: made at once and sealed when the carrier takes them, after which nothing
 * about the asker is left; under load only for who has shown that it receives.
 * Spec: spec/queries.md, "Answers". */
#include "query_internal.h"

/* An answer or a cookie that waits for the carrier. */
struct reply {
    struct outgoing outgoing;
    vx6_addr to;
    enum vx6_msg_type type;    /* VX6_MSG_NONE: a cookie */
    uint16_t len;              /* of the message */
    uint8_t id[8];             /* the ask's */
    struct vx6_ask state;      /* seals the answer */
    uint8_t bytes[ANSWER_MAX]; /* the message; of a cookie, the whole datagram */
};
_Static_assert(sizeof(struct reply) <= ENV_SPARE_SIZE, "a reply fits");
_Static_assert(COOKIE_DATAGRAM_SIZE <= ANSWER_MAX, "a cookie fits");

static struct reply *reply_of(struct outgoing *outgoing)
{
    return CONTAINER_OF(outgoing, struct reply, outgoing);
}

/* VX6-QUERY-008 */
static struct reply *reply_new(
    struct vx6_node *node, const vx6_addr *to, enum vx6_msg_type type, size_t size)
{
    struct reply *reply = NULL;
    if (node->queries.answer_count < node->env->limits->datagram_pending_max)
        reply = env_spare_take(node->env);
    if (reply == NULL) {
        trace(node, VX6_EVENT_datagram_dropped, to, (uint8_t)type, size, VX6_LIMIT);
        return NULL;
    }
    reply->to = *to;
    reply->outgoing = (struct outgoing){.to = &reply->to, .size = (uint16_t)size};
    reply->type = type;
    return reply;
}

static void reply_send(struct vx6_node *node, struct reply *reply)
{
    node->queries.answer_count++;
    datagram_post(node, &reply->outgoing);
}

void responder_drop(struct vx6_node *node, struct outgoing *outgoing)
{
    struct reply *reply = reply_of(outgoing);
    node->queries.answer_count--;
    wipe(&reply->state, sizeof reply->state);
    env_spare_give(node->env, reply);
}

static void seal_answer(struct vx6_node *node, struct reply *reply, uint8_t *datagram)
{
    const struct vx6_crypto *crypto = node->env->crypto;
    uint8_t seed[32];
    datagram_header(datagram, TYPE_ANSWER, NULL, reply->id);
    datagram_seed(node, reply->id, seed);
    vx6_span payload = datagram_put(datagram, reply->bytes, reply->len);
    crypto->answer_seal(crypto, &reply->state, seed, payload.data, payload.len, datagram);
    wipe(seed, sizeof seed);
}

void responder_write(struct vx6_node *node, struct outgoing *outgoing, uint8_t *dst)
{
    struct reply *reply = reply_of(outgoing);
    if (reply->type == VX6_MSG_NONE)
        memcpy(dst, reply->bytes, outgoing->size);
    else
        seal_answer(node, reply, dst);
    trace(node, VX6_EVENT_datagram_sent, &reply->to, (uint8_t)reply->type, outgoing->size, VX6_OK);
    responder_drop(node, outgoing);
}

static void send_answer(struct vx6_node *node, const vx6_addr *to, const uint8_t *id,
    const struct vx6_msg *answer, const struct vx6_ask *state)
{
    struct reply *reply = reply_new(node, to, answer->type, VX6_DATAGRAM_SIZE);
    if (reply == NULL)
        return;
    reply->len = (uint16_t)vx6_msg_encode(answer, reply->bytes, sizeof reply->bytes);
    VX6_ASSERT(reply->len > 0);
    memcpy(reply->id, id, sizeof reply->id);
    reply->state = *state;
    reply_send(node, reply);
}

/* VX6-QUERY-012: shorter than the ask, and good for its address only. */
static void send_cookie(struct vx6_node *node, const vx6_addr *to, const uint8_t *ask)
{
    const struct vx6_crypto *crypto = node->env->crypto;
    uint8_t cookie[VX6_COOKIE_SIZE];
    struct reply *reply = reply_new(node, to, VX6_MSG_NONE, COOKIE_DATAGRAM_SIZE);
    if (reply == NULL)
        return;
    uint8_t *nonce = reply->bytes + VX6_QUERY_HEADER_SIZE;
    datagram_header(reply->bytes, TYPE_COOKIE, NULL, ask + 4);
    rng_bytes(&node->public_rng, nonce, VX6_COOKIE_NONCE_SIZE);
    cookie_make(node, cookie, to);
    crypto->cookie_seal(crypto, node->keys.identity, ask + VX6_ASK_MAC1_AT, cookie, nonce,
        nonce + VX6_COOKIE_NONCE_SIZE);
    reply_send(node, reply);
    trace(node, VX6_EVENT_cookie_sent, to, 0, COOKIE_DATAGRAM_SIZE, VX6_OK);
}

/* VX6-QUERY-011 */
static bool is_load_too_much(struct vx6_node *node, const vx6_addr *from)
{
    const struct vx6_limits *limits = node->env->limits;
    struct queries *queries = &node->queries;
    uint32_t from_site =
        meter_count(node, &queries->asks, from, limits->asks_per_second / METER_WATCH_SHARE);
    if (queries->asks.count > limits->asks_per_second ||
        from_site > limits->asks_per_site_per_second)
        return true;
    if (queries->asks.networks == NULL)
        meter_free(node, &queries->proven); /* the load is over */
    return false;
}

/* VX6-QUERY-014: who owns an address may own many in one site. */
static bool takes_proven(struct vx6_node *node, const vx6_addr *from)
{
    const struct vx6_limits *limits = node->env->limits;
    return meter_takes(node, &node->queries.proven, from, limits->asks_per_second,
        limits->asks_per_site_per_second);
}

/* Under load: the one check that costs more than a hash waits until the sender is known to receive,
 * and is not made too often for one site. False: a cookie was sent, or nothing. VX6-QUERY-011 */
static bool is_welcome(struct vx6_node *node, const vx6_addr *from, const uint8_t *ask)
{
    const struct vx6_crypto *crypto = node->env->crypto;
    if (!is_load_too_much(node, from))
        return true;
    if (!crypto->ask_is_for(crypto, node->keys.identity, ask)) {
        datagram_refuse(node, from, VX6_MSG_NONE, VX6_DATAGRAM_SIZE, VX6_BAD_SEAL);
        return false;
    }
    if (!cookie_proves(node, from, ask)) {
        send_cookie(node, from, ask);
        return false;
    }
    if (takes_proven(node, from))
        return true;
    datagram_refuse(node, from, VX6_MSG_NONE, VX6_DATAGRAM_SIZE, VX6_LIMIT);
    return false;
}

/* VX6-QUERY-007: nothing about the asker is kept. */
void responder_take_ask(struct vx6_node *node, const vx6_addr *from, const uint8_t *data)
{
    const struct vx6_crypto *crypto = node->env->crypto;
    uint8_t room[VX6_ASK_PAYLOAD_SIZE], storage[VX6_ANSWER_PAYLOAD_SIZE];
    vx6_span payload;
    struct vx6_ask state;
    struct vx6_msg ask, answer;
    bool is_for_me = bytes_equal(data + 2, node->keys.id, 2);
    if (is_for_me && !is_welcome(node, from, data))
        return;
    if (!is_for_me || !crypto->ask_open(crypto, &state, node->keys.identity_seed,
                          node->keys.identity, data, room, &payload)) {
        datagram_refuse(node, from, VX6_MSG_NONE, VX6_DATAGRAM_SIZE, VX6_BAD_SEAL);
        return;
    }
    if (!datagram_payload(&ask, payload))
        datagram_refuse(node, from, ask.type, VX6_DATAGRAM_SIZE, VX6_BAD_MESSAGE);
    else if (!answer_ask(node, from, &ask, &answer, storage))
        datagram_refuse(node, from, ask.type, VX6_DATAGRAM_SIZE, VX6_UNEXPECTED);
    else
        send_answer(node, from, data + QUERY_ID_AT, &answer, &state);
    wipe(&state, sizeof state);
}
