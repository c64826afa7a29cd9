/* SPDX-License-Identifier: MIT */
/* Payloads, without the padding that they are mostly made of. */
#include "payload.h"

#include <string.h>

enum {
    PAYLOAD_TAIL = 64 /* tags at the end of a datagram */
};

size_t payload_stored(const struct payload *payload)
{
    return payload->head == payload->len ? payload->len : payload->head + PAYLOAD_TAIL;
}

static struct payload *make(struct shard *shard, const uint8_t *data, size_t len, size_t head)
{
    size_t stored = head == len ? len : head + PAYLOAD_TAIL;
    struct payload *payload = pool_take(&shard->pool, sizeof *payload + stored);
    *payload = (struct payload){.references = 1, .len = (uint32_t)len, .head = (uint32_t)head};
    memcpy(payload->data, data, head);
    memcpy(payload->data + head, data + len - (stored - head), stored - head);
    return payload;
}

struct payload *payload_new(struct shard *shard, const uint8_t *data, size_t len)
{
    return make(shard, data, len, len);
}

/* Under the model a sealed query shows where its padding begins. */
struct payload *payload_datagram(struct shard *shard, const uint8_t *data, size_t len)
{
    if (len != VX6_DATAGRAM_SIZE || !shard->crypto.unpadded)
        return make(shard, data, len, len);
    const uint8_t *payload = data + VX6_QUERY_PAYLOAD_AT;
    size_t head = VX6_QUERY_PAYLOAD_AT + 2 + ((size_t)payload[0] << 8 | payload[1]);
    return make(shard, data, len, head < len - PAYLOAD_TAIL ? head : len);
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
    if (--payload->references == 0)
        pool_give(&shard->pool, payload, sizeof *payload + payload_stored(payload));
}
