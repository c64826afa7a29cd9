/* SPDX-License-Identifier: MIT */
/* The log: one line on standard error for each event. */
#ifndef VX6_JOURNAL_LOG_H
#define VX6_JOURNAL_LOG_H

#include "journal.h"

struct journal_log {
    struct journal_listener listener;
    enum journal_level level; /* this and what is worse */
    bool is_json;
    bool with_peers;  /* their addresses */
    bool is_journald; /* at the other end of standard error; set by journal_log_open() */
};

void journal_log_open(struct journal_log *log, struct journal *journal);

#endif
