/* SPDX-License-Identifier: MIT */
/* Changes of a message by somebody who knows the tables of messages: what is changed is a field, a
 * length, a count, an element, or the message as a whole. */
#ifndef VX6_FUZZ_MUTATION_H
#define VX6_FUZZ_MUTATION_H

#include "stage.h"

/* Where chance comes from: the same seed, the same run. */
struct chance {
    uint64_t state;
};

uint64_t chance_next(struct chance *chance);
uint32_t chance_below(struct chance *chance, uint32_t bound);
bool chance_of(struct chance *chance, uint32_t percent);
void chance_bytes(struct chance *chance, uint8_t *dst, size_t len);

/* What has been said of late: material for splices and replays. */
enum {
    SAID_KEPT = 64,
    SAID_MAX = 1200
};

struct said {
    uint32_t count; /* ever */
    struct {
        uint16_t len;
        uint8_t data[SAID_MAX];
    } kept[SAID_KEPT];
};

void said_keep(struct said *said, const struct buffer *message);

/* Changes one thing, or now and then several. */
void mutate_message(struct chance *chance, const struct said *said, struct buffer *message);
/* The same where there is no table: bits, runs of bytes, the length. */
void mutate_bytes(struct chance *chance, struct buffer *bytes);

#endif
