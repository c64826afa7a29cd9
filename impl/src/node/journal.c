/* SPDX-License-Identifier: MIT */
/* One line per event on standard error, and the last errors in a ring. */
#include "journal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    REPEAT_MS = 1000 /* the same error again within this is counted, not printed */
};

int64_t unix_ms_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void print_line(const char *level, const char *text)
{
    int64_t unix_ms = unix_ms_now();
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm utc;
    char stamp[32];
    gmtime_r(&seconds, &utc);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
    fprintf(stderr, "%s.%03dZ %s%s\n", stamp, (int)(unix_ms % 1000), level, text);
}

void journal_note(struct journal *journal, const char *format, ...)
{
    (void)journal;
    char text[TEXT_ERROR_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    print_line("", text);
}

void journal_error(struct journal *journal, const char *format, ...)
{
    struct journal_error error = {.unix_ms = unix_ms_now(), .count = 1};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error.text, sizeof error.text, format, arguments);
    va_end(arguments);

    struct journal_error *newest = &journal->errors[journal->newest];
    bool is_repeat = newest->count > 0 && strcmp(newest->text, error.text) == 0;
    if (is_repeat)
        error.count = newest->count + 1;
    else
        journal->newest = (journal->newest + 1) % JOURNAL_ERRORS_MAX;
    bool is_burst = is_repeat && error.unix_ms - newest->unix_ms < REPEAT_MS;
    journal->errors[journal->newest] = error;
    if (!is_burst)
        print_line("error: ", error.text);
}

const struct journal_error *journal_last(const struct journal *journal, size_t n)
{
    if (n >= JOURNAL_ERRORS_MAX)
        return NULL;
    size_t index = (journal->newest + JOURNAL_ERRORS_MAX - n) % JOURNAL_ERRORS_MAX;
    return journal->errors[index].count > 0 ? &journal->errors[index] : NULL;
}
