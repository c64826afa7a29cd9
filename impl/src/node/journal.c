/* SPDX-License-Identifier: MIT */
/* From those who report to those who listen. Of each kind so many are told in a period, and the
 * rest counted, so that whoever can bring an event about cannot fill a disk with it. */
#include "journal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct journal {
    struct journal_listener *first;
    struct journal_error errors[JOURNAL_ERRORS_MAX]; /* a ring */
    size_t newest;
};

int64_t unix_ms_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t steady_ms_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void keep_error(struct journal *journal, const struct journal_event *event)
{
    struct journal_error error = {.kind = event->kind, .unix_ms = event->unix_ms, .count = 1};
    journal_text(error.text, event, true);
    const struct journal_error *newest = &journal->errors[journal->newest];
    if (newest->count > 0 && strcmp(newest->text, error.text) == 0)
        error.count = newest->count + 1;
    else
        journal->newest = (journal->newest + 1) % JOURNAL_ERRORS_MAX;
    journal->errors[journal->newest] = error;
}

struct journal_event journal_event(enum journal_kind kind, const void *fields)
{
    return (struct journal_event){.kind = kind,
        .level = journal_layout(kind)->level,
        .unix_ms = unix_ms_now(),
        .fields = fields};
}

void journal_report(struct journal *journal, enum journal_kind kind, const void *fields)
{
    struct journal_event event = journal_event(kind, fields);
    if (event.level == JOURNAL_ERROR)
        keep_error(journal, &event);
    for (struct journal_listener *listener = journal->first; listener; listener = listener->next)
        listener->heard(listener, &event);
}

void journal_listen(struct journal *journal, struct journal_listener *listener)
{
    listener->next = journal->first;
    journal->first = listener;
}

void journal_ignore(struct journal *journal, struct journal_listener *listener)
{
    struct journal_listener **place = &journal->first;
    while (*place != listener)
        place = &(*place)->next;
    *place = listener->next;
}

const struct journal_error *journal_last(const struct journal *journal, size_t n)
{
    if (n >= JOURNAL_ERRORS_MAX)
        return NULL;
    size_t index = (journal->newest + JOURNAL_ERRORS_MAX - n) % JOURNAL_ERRORS_MAX;
    return journal->errors[index].count > 0 ? &journal->errors[index] : NULL;
}

struct journal *journal_new(void)
{
    return calloc(1, sizeof(struct journal));
}

void journal_free(struct journal *journal)
{
    free(journal);
}
