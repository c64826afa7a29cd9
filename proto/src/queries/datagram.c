/* SPDX-License-Identifier: MIT */
/* The datagrams of queries: how asks, answers and cookies begin, who of them waits for the carrier,
 * and to whom each one that comes belongs. Spec: spec/queries.md, "Datagrams". */
#include "query_internal.h"

enum {
    QUERY_SUITE = 1
};

void datagram_post(struct vx6_node *node, struct outgoing *outgoing)
{
    struct queries *queries = &node->queries;
    LIST_APPEND(queries->waiting_first, queries->waiting_last, outgoing);
    ready_post(&node->ready_list, &node->ready, NODE_READY_DATAGRAMS);
}

void datagram_withdraw(struct vx6_node *node, struct outgoing *outgoing)
{
    struct queries *queries = &node->queries;
    LIST_REMOVE(queries->waiting_first, queries->waiting_last, outgoing);
}

void datagram_header(uint8_t *datagram, uint8_t type, const uint8_t *hint, const uint8_t *id)
{
    datagram[0] = type;
    datagram[1] = QUERY_SUITE;
    datagram[2] = hint ? hint[0] : 0;
    datagram[3] = hint ? hint[1] : 0;
    memcpy(datagram + QUERY_ID_AT, id, 8);
}

void datagram_seed(struct vx6_node *node, const uint8_t *id, uint8_t seed[32])
{
    if (!node->env->crypto->open_seeds) {
        rng_bytes(&node->secret_rng, seed, 32);
        return;
    }
    memcpy(seed, id, 8);
    memset(seed + 8, 0, 24);
}

/* A payload is u16 length, message, zeros. VX6-QUERY-003 */
vx6_span datagram_put(uint8_t *datagram, const uint8_t *message, size_t len)
{
    uint8_t *payload = datagram + VX6_QUERY_PAYLOAD_AT;
    store_u16(payload, (uint16_t)len);
    memcpy(payload + LENGTH_SIZE, message, len);
    return (vx6_span){payload, LENGTH_SIZE + len};
}

bool datagram_payload(struct vx6_msg *msg, vx6_span payload)
{
    const uint8_t *message = payload.data + LENGTH_SIZE;
    size_t size = payload.len - LENGTH_SIZE, len = load_u16(payload.data);
    if (len <= size && is_zero(message + len, size - len) &&
        vx6_msg_decode(msg, VX6_SCOPE_QUERY, message, len) == NULL)
        return true;
    msg->type = claimed_type((vx6_span){message, size});
    return false;
}

void datagram_refuse(struct vx6_node *node, const vx6_addr *from, enum vx6_msg_type msg, size_t len,
    enum vx6_code code)
{
    refuse(node, VX6_EVENT_datagram_refused, from, (uint8_t)msg, len, code);
}

static void write_outgoing(struct vx6_node *node, struct outgoing *outgoing, uint8_t *dst)
{
    datagram_withdraw(node, outgoing);
    if (outgoing->is_query)
        query_write(node, outgoing, dst);
    else
        responder_write(node, outgoing, dst);
}

bool query_fill(struct vx6_node *node, struct vx6_batch *batch)
{
    struct outgoing *first = node->queries.waiting_first;
    if (first == NULL)
        return false;
    const size_t size = first->size;
    batch->peer = *first->to;
    batch->segment_len = (uint32_t)size;
    while (first && batch->len + size <= batch->cap && first->size == size &&
           addr_equal(first->to, &batch->peer)) {
        write_outgoing(node, first, batch->dst + batch->len);
        batch->len += size;
        first = node->queries.waiting_first;
    }
    batch->last = first == NULL;
    return true;
}

/* VX6-QUERY-001, VX6-QUERY-002 */
void query_datagram(struct vx6_node *node, const vx6_addr *from, const uint8_t *data, size_t len)
{
    if (len == 0 || data[0] >= TYPE_QUIC ||
        (node->shutting_down && (data[0] < TYPE_ANSWER || data[0] > TYPE_COOKIE)))
        return;
    const size_t size = data[0] == TYPE_COOKIE ? COOKIE_DATAGRAM_SIZE : VX6_DATAGRAM_SIZE;
    if (len != size || data[0] < TYPE_ASK || data[0] > TYPE_COOKIE)
        datagram_refuse(node, from, VX6_MSG_NONE, len, VX6_BAD_MESSAGE);
    else if (data[1] != QUERY_SUITE)
        datagram_refuse(node, from, VX6_MSG_NONE, len, VX6_BAD_SUITE);
    else if (data[0] == TYPE_ASK)
        responder_take_ask(node, from, data);
    else if (data[0] == TYPE_ANSWER)
        query_take_answer(node, from, data);
    else
        query_take_cookie(node, from, data);
}
