/* SPDX-License-Identifier: MIT */
/* The log: one line on standard error for each event. */
#ifndef VX6_JOURNAL_LOG_H
#define VX6_JOURNAL_LOG_H

#include "journal.h"

struct event_base;

struct journal_log_config {
    enum journal_level level; /* this and what is worse */
    bool is_json;
    bool with_peers; /* their addresses */
};

struct journal_log;

/* NULL: out of memory. */
struct journal_log *journal_log_open(
    struct event_base *base, struct journal *journal, const struct journal_log_config *config);
/* Says before how many events were only counted; NULL is fine. */
void journal_log_close(struct journal_log *log);

#endif
