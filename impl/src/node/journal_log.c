/* SPDX-License-Identifier: MIT */
/* Of each kind so many are written in a period, and the rest counted, so that whoever can bring an
 * event about cannot fill a disk with it. */
#include "journal_log.h"

#include <event2/event.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "journal_form.h"

enum {
    PERIOD_S = 10,
    TOLD_OWNER_MAX = 50, /* in a period */
    TOLD_PEERS_MAX = 10
};

struct journal_log {
    struct journal_listener listener;
    struct journal *journal;
    struct journal_log_config config;
    bool is_journald; /* at the other end of standard error */
    uint64_t lost;    /* since the last line: nobody has taken it */
    struct event *period;
    struct {
        uint32_t told;
        uint64_t untold;
    } counts[JOURNAL_COUNT];
};

/* systemd names the device and inode of the stream that it has given: sd-daemon(3). */
static bool journald_reads(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat info;
    char own[64];
    if (stream == NULL || fstat(fileno(stderr), &info) != 0)
        return false;
    snprintf(own, sizeof own, "%ju:%ju", (uintmax_t)info.st_dev, (uintmax_t)info.st_ino);
    return strcmp(stream, own) == 0;
}

static void write_json(const struct journal_log *log, const struct journal_event *event)
{
    json_t *object = journal_json(event, log->config.with_peers);
    char *text = json_dumps(object, JSON_COMPACT);
    if (text)
        fprintf(stderr, "%s\n", text);
    free(text);
    json_decref(object);
}

/* journald has the time already, and takes the level in front. */
static void write_plain(const struct journal_log *log, const struct journal_event *event)
{
    static const int priorities[JOURNAL_LEVEL_COUNT] = {3, 4, 6, 7};
    char text[TEXT_ERROR_SIZE], time[TEXT_TIME_SIZE];
    journal_text(text, event, log->config.with_peers);
    text_time(time, event->unix_ms);
    if (log->is_journald)
        fprintf(stderr, "<%d>%s\n", priorities[event->level], text);
    else if (event->level == JOURNAL_INFO)
        fprintf(stderr, "%s %s\n", time, text);
    else
        fprintf(stderr, "%s %s: %s\n", time, journal_level_name(event->level), text);
}

static void write_line(const struct journal_log *log, const struct journal_event *event)
{
    if (log->config.is_json)
        write_json(log, event);
    else
        write_plain(log, event);
}

/* There is room for a line: a pipe has PIPE_BUF then, and an event is shorter. */
static bool can_write(void)
{
    struct pollfd out = {.fd = fileno(stderr), .events = POLLOUT};
    return poll(&out, 1, 0) == 1 && (out.revents & POLLOUT) != 0;
}

/* VX6-CTRL-029: whoever reads the log and stops does not stop the node. */
static void write_event(struct journal_log *log, const struct journal_event *event)
{
    struct journal_lost fields = {.count = log->lost};
    struct journal_event lost = journal_event(JOURNAL_lost, &fields);
    if (!can_write()) {
        log->lost++;
        return;
    }
    if (log->lost > 0)
        write_line(log, &lost);
    log->lost = 0;
    write_line(log, event);
}

/* VX6-CTRL-030: false: it is only counted. */
static bool is_to_be_told(struct journal_log *log, enum journal_kind kind)
{
    bool by_peers = journal_layout(kind)->cause == JOURNAL_PEERS;
    struct timeval period = {PERIOD_S, 0};
    if (!evtimer_pending(log->period, NULL))
        evtimer_add(log->period, &period);
    if (log->counts[kind].told == (by_peers ? TOLD_PEERS_MAX : TOLD_OWNER_MAX)) {
        log->counts[kind].untold++;
        return false;
    }
    log->counts[kind].told++;
    return true;
}

static void on_event(struct journal_listener *listener, const struct journal_event *event)
{
    struct journal_log *log = (struct journal_log *)listener; /* its first member */
    if (event->level <= log->config.level && is_to_be_told(log, event->kind))
        write_event(log, event);
}

static void tell_untold(struct journal_log *log, enum journal_kind kind)
{
    const struct journal_layout *layout = journal_layout(kind);
    struct journal_repeated fields = {.of = layout->name, .count = log->counts[kind].untold};
    struct journal_event event = journal_event(JOURNAL_repeated, &fields);
    event.level = layout->level;
    write_event(log, &event);
}

static void end_period(struct journal_log *log)
{
    for (int kind = 0; kind < JOURNAL_COUNT; kind++) {
        if (log->counts[kind].untold > 0)
            tell_untold(log, (enum journal_kind)kind);
    }
    memset(log->counts, 0, sizeof log->counts);
}

static void on_period(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    end_period(context);
}

struct journal_log *journal_log_open(
    struct event_base *base, struct journal *journal, const struct journal_log_config *config)
{
    struct journal_log *log = calloc(1, sizeof *log);
    if (log)
        log->period = evtimer_new(base, on_period, log);
    if (log == NULL || log->period == NULL) {
        free(log);
        return NULL;
    }
    log->listener.heard = on_event;
    log->journal = journal;
    log->config = *config;
    log->is_journald = journald_reads();
    journal_listen(journal, &log->listener);
    return log;
}

void journal_log_close(struct journal_log *log)
{
    if (log == NULL)
        return;
    end_period(log);
    journal_ignore(log->journal, &log->listener);
    event_free(log->period);
    free(log);
}
