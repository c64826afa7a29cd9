/* SPDX-License-Identifier: MIT */
/* Logarithm in integers: floating point could differ between machines. A square root of floating
 * point is a first guess only. */
#include "mix.h"

#include <math.h>

/* -ln(u) for u = (random + 1) / 2^64, as a fraction of 2^16: the binary logarithm bit by bit, by
 * squaring the mantissa. */
static uint64_t minus_ln_16(uint64_t random)
{
    uint32_t zeros = 0;
    if (random == 0)
        return (uint64_t)64 * 45426;
    while (!(random >> 63)) {
        random <<= 1;
        zeros++;
    }
    uint64_t mantissa = random >> 32; /* [2^31, 2^32): 1.0 .. 2.0 */
    uint64_t log = 0;                 /* log2 of the mantissa, 16 bits after the point */
    for (uint32_t bit = 1; bit <= 16; bit++) {
        mantissa = (mantissa * mantissa) >> 31;
        if (mantissa >> 32) {
            mantissa >>= 1;
            log |= (uint64_t)1 << (16 - bit);
        }
    }
    uint64_t log_total = ((uint64_t)(zeros + 1) << 16) - log; /* -log2(u) */
    return (log_total * 45426) >> 16;                         /* times ln 2 */
}

uint64_t exponential(uint64_t random, uint64_t mean)
{
    uint64_t factor = minus_ln_16(random);
    return (mean >> 16) * factor + (((mean & 0xffff) * factor) >> 16);
}

uint32_t root(uint64_t value)
{
    uint64_t result = (uint64_t)sqrt((double)value); /* off by one at most */
    if (result > UINT32_MAX)
        result = UINT32_MAX;
    if (result * result > value)
        result--;
    if (value - result * result > 2 * result)
        result++;
    return (uint32_t)result;
}
