/* SPDX-License-Identifier: MIT */
/* From those who report to those who listen. Of each kind so many are told in a period, and the
 * rest counted, so that whoever can bring an event about cannot fill a disk with it. */
#include "journal.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    PERIOD_S = 10,
    TOLD_OWNER_MAX = 50, /* in a period */
    TOLD_PEERS_MAX = 10
};

struct journal {
    struct event *period;
    struct journal_listener *first;
    struct {
        uint32_t told;
        uint64_t untold;
    } counts[JOURNAL_COUNT];
    struct journal_error errors[JOURNAL_ERRORS_MAX]; /* a ring */
    size_t newest;
};

int64_t unix_ms_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
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

static void deliver(struct journal *journal, const struct journal_event *event)
{
    for (struct journal_listener *listener = journal->first, *next; listener; listener = next) {
        next = listener->next;
        listener->heard(listener, event);
    }
}

/* VX6-CTRL-030: false: it is only counted. */
static bool is_to_be_told(struct journal *journal, enum journal_kind kind)
{
    bool by_peers = journal_layout(kind)->cause == JOURNAL_PEERS;
    struct timeval period = {PERIOD_S, 0};
    if (!evtimer_pending(journal->period, NULL))
        evtimer_add(journal->period, &period);
    if (journal->counts[kind].told == (by_peers ? TOLD_PEERS_MAX : TOLD_OWNER_MAX)) {
        journal->counts[kind].untold++;
        return false;
    }
    journal->counts[kind].told++;
    return true;
}

void journal_report(struct journal *journal, enum journal_kind kind, const void *fields)
{
    struct journal_event event = {.kind = kind,
        .about = kind,
        .level = journal_layout(kind)->level,
        .unix_ms = unix_ms_now(),
        .fields = fields};
    if (event.level == JOURNAL_ERROR)
        keep_error(journal, &event);
    if (is_to_be_told(journal, kind))
        deliver(journal, &event);
}

static void tell_untold(struct journal *journal, enum journal_kind kind)
{
    const struct journal_layout *layout = journal_layout(kind);
    struct journal_repeated fields = {.of = layout->name, .count = journal->counts[kind].untold};
    struct journal_event event = {.kind = JOURNAL_repeated,
        .about = kind,
        .level = layout->level,
        .unix_ms = unix_ms_now(),
        .fields = &fields};
    deliver(journal, &event);
}

void journal_flush(struct journal *journal)
{
    for (int kind = 0; kind < JOURNAL_COUNT; kind++) {
        if (journal->counts[kind].untold > 0)
            tell_untold(journal, (enum journal_kind)kind);
    }
    memset(journal->counts, 0, sizeof journal->counts);
}

static void on_period(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    journal_flush(context);
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

struct journal *journal_new(struct event_base *base)
{
    struct journal *journal = calloc(1, sizeof *journal);
    if (journal)
        journal->period = evtimer_new(base, on_period, journal);
    if (journal && journal->period)
        return journal;
    free(journal);
    return NULL;
}

void journal_free(struct journal *journal)
{
    if (journal == NULL)
        return;
    event_free(journal->period);
    free(journal);
}
