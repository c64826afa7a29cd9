/* SPDX-License-Identifier: MIT */
/* What happened, for a person: one line on standard error each; the last errors are also kept for
 * `vx6 status`. No line holds a secret. */
#ifndef VX6_JOURNAL_H
#define VX6_JOURNAL_H

#include "text.h"

enum {
    JOURNAL_ERRORS_MAX = 16
};

struct journal_error {
    int64_t unix_ms; /* of the last time */
    uint64_t count;  /* in a row; 0: no entry */
    char text[TEXT_ERROR_SIZE];
};

struct journal {
    struct journal_error errors[JOURNAL_ERRORS_MAX]; /* a ring */
    size_t newest;
};

void journal_note(struct journal *journal, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void journal_error(struct journal *journal, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The n-th last error, 0 being the newest; NULL when there are not so many. */
const struct journal_error *journal_last(const struct journal *journal, size_t n);

int64_t unix_ms_now(void);

#endif
