/* SPDX-License-Identifier: MIT */
/* Numbers on command lines. */
#ifndef VX6_FUZZ_NUMBER_H
#define VX6_FUZZ_NUMBER_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* False: it is none, or too large. */
static inline bool number_parse(const char *text, uint64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0;
}

#endif
