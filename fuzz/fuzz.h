/* SPDX-License-Identifier: MIT */
/* What the targets share. A target is one function: bytes in, and VX6_ASSERT where a property that
 * holds for all bytes does not hold for these. It keeps nothing from one input to the next, so that
 * a finding repeats. */
#ifndef VX6_FUZZ_H
#define VX6_FUZZ_H

#include <string.h>

#include "vx6/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* The input as a tape that decisions are read from. A tape that has ended gives zeros, so that
 * every prefix of an input is an input. */
struct tape {
    const uint8_t *at, *end;
};

static inline size_t tape_left(const struct tape *tape)
{
    return (size_t)(tape->end - tape->at);
}

static inline uint8_t tape_u8(struct tape *tape)
{
    return tape->at < tape->end ? *tape->at++ : 0;
}

static inline uint16_t tape_u16(struct tape *tape)
{
    unsigned high = tape_u8(tape);
    return (uint16_t)(high << 8 | tape_u8(tape));
}

/* A length (2 bytes) and so many bytes: at most `max`, and what there is. */
static inline vx6_span tape_span(struct tape *tape, size_t max)
{
    size_t len = tape_u16(tape);
    len = len < max ? len : max;
    len = len < tape_left(tape) ? len : tape_left(tape);
    vx6_span span = {tape->at, len};
    tape->at += len;
    return span;
}

/* The same from its end, for decisions that are not of the order of things: they then do not move
 * what is read from the front. */
static inline uint8_t tape_back_u8(struct tape *tape)
{
    return tape->at < tape->end ? *--tape->end : 0;
}

static inline vx6_span tape_back_span(struct tape *tape, size_t max)
{
    size_t len = tape_back_u8(tape);
    len |= (size_t)tape_back_u8(tape) << 8;
    len = len < max ? len : max;
    len = len < tape_left(tape) ? len : tape_left(tape);
    tape->end -= len;
    return (vx6_span){tape->end, len};
}

#endif
