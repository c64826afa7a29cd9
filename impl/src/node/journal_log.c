/* SPDX-License-Identifier: MIT */
#include "journal_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "journal_form.h"

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
    json_t *object = journal_json(event, log->with_peers);
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
    journal_text(text, event, log->with_peers);
    text_time(time, event->unix_ms);
    if (log->is_journald)
        fprintf(stderr, "<%d>%s\n", priorities[event->level], text);
    else if (event->level == JOURNAL_INFO)
        fprintf(stderr, "%s %s\n", time, text);
    else
        fprintf(stderr, "%s %s: %s\n", time, journal_level_name(event->level), text);
}

static void on_event(struct journal_listener *listener, const struct journal_event *event)
{
    struct journal_log *log = (struct journal_log *)listener; /* its first member */
    if (event->level > log->level)
        return;
    if (log->is_json)
        write_json(log, event);
    else
        write_plain(log, event);
}

void journal_log_open(struct journal_log *log, struct journal *journal)
{
    log->is_journald = journald_reads();
    log->listener.heard = on_event;
    journal_listen(journal, &log->listener);
}
