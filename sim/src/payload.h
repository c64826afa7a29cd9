/* SPDX-License-Identifier: MIT */
/* Bytes on their way. */
#ifndef SIM_PAYLOAD_H
#define SIM_PAYLOAD_H

#include "world.h"

/* Of the padding of a datagram only the length is kept: it lies between the first `head` bytes and
 * the last ones. */
struct payload {
    struct payload *next; /* chunks that wait because their receiver paused */
    uint32_t len, head;
    uint8_t channel; /* of a carrier that has them */
    uint8_t data[];
};

struct payload *payload_new(struct shard *shard, const uint8_t *data, size_t len);
/* A datagram is written to where it will stay if there is no padding in it: VX6_DATAGRAM_SIZE
 * bytes. */
void payload_room_init(struct shard *shard);
void payload_room_free(struct shard *shard);
static inline uint8_t *payload_room(const struct shard *shard)
{
    return shard->room->data;
}
/* The datagram of this length that was written there. */
struct payload *payload_datagram(struct shard *shard, size_t len);
/* The bytes as they were sent, any for those left out; valid until the shard's scratch is used
 * again. */
const uint8_t *payload_bytes(struct shard *shard, const struct payload *payload);
size_t payload_stored(const struct payload *payload); /* bytes of `data` */
void payload_drop(struct shard *shard, struct payload *payload);

#endif
