/* SPDX-License-Identifier: MIT */
/* Payloads, without the padding that they are mostly made of. */
#include "payload.h"

#include <string.h>

enum {
    PAYLOAD_TAIL = 64 /* tags at the end of a datagram */
};

static size_t size_of(size_t len, size_t head)
{
    return sizeof(struct payload) + (head == len ? len : head + PAYLOAD_TAIL);
}

size_t payload_stored(const struct payload *payload)
{
    return size_of(payload->len, payload->head) - sizeof *payload;
}

static struct payload *make(struct shard *shard, size_t len, size_t head)
{
    struct payload *payload = pool_take(&shard->pool, size_of(len, head));
    *payload = (struct payload){.len = (uint32_t)len, .head = (uint32_t)head};
    return payload;
}

struct payload *payload_new(struct shard *shard, const uint8_t *data, size_t len)
{
    struct payload *payload = make(shard, len, len);
    memcpy(payload->data, data, len);
    return payload;
}

void payload_room_init(struct shard *shard)
{
    shard->room = make(shard, VX6_DATAGRAM_SIZE, VX6_DATAGRAM_SIZE);
}

void payload_room_free(struct shard *shard)
{
    payload_drop(shard, shard->room);
}

/* Under the model a sealed query shows where its padding begins. */
static size_t head_of(const struct shard *shard, const uint8_t *data, size_t len)
{
    if (len != VX6_DATAGRAM_SIZE || !shard->crypto.unpadded)
        return len;
    const uint8_t *payload = data + VX6_QUERY_PAYLOAD_AT;
    size_t head = VX6_QUERY_PAYLOAD_AT + 2 + ((size_t)payload[0] << 8 | payload[1]);
    return head < len - PAYLOAD_TAIL ? head : len;
}

struct payload *payload_datagram(struct shard *shard, size_t len)
{
    struct payload *room = shard->room;
    const size_t head = head_of(shard, room->data, len);
    if (head == VX6_DATAGRAM_SIZE) {
        payload_room_init(shard);
        return room;
    }
    struct payload *payload = make(shard, len, head);
    memcpy(payload->data, room->data, head);
    if (head < len)
        memcpy(payload->data + head, room->data + len - PAYLOAD_TAIL, PAYLOAD_TAIL);
    return payload;
}

const uint8_t *payload_bytes(struct shard *shard, const struct payload *payload)
{
    if (payload->head == payload->len)
        return payload->data;
    uint8_t *bytes = shard->scratch;
    size_t tail_at = payload->len - PAYLOAD_TAIL;
    memcpy(bytes, payload->data, payload->head);
    memcpy(bytes + tail_at, payload->data + payload->head, PAYLOAD_TAIL);
    return bytes;
}

void payload_drop(struct shard *shard, struct payload *payload)
{
    pool_give(&shard->pool, payload, size_of(payload->len, payload->head));
}
