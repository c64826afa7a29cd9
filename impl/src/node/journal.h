/* SPDX-License-Identifier: MIT */
/* What happened: all parts report events of journal.def here, and whoever wants to know listens:
 * the log, and those who watch. The last errors are kept for `vx6 status`. Spec: spec/control.md,
 * "Events". */
#ifndef VX6_JOURNAL_H
#define VX6_JOURNAL_H

#include "text.h"

/* clang-format off */
enum journal_kind {
#define EVENT(name, level, cause, text, doc) JOURNAL_##name,
#define END(name)
#define TEXT(name, doc)
#define KEY(name, doc)
#define PEER(name, doc)
#define OWN(name, doc)
#define CODE(name, doc)
#define NUMBER(name, doc)
#include "journal.def"
    JOURNAL_COUNT
};

/* struct journal_NAME: what an event says. */
#define EVENT(name, level, cause, text, doc) struct journal_##name {
#define END(name)           };
#define TEXT(name, doc)     const char *name;
#define KEY(name, doc)      const uint8_t *name;
#define PEER(name, doc)     const vx6_addr *name;
#define OWN(name, doc)      const vx6_addr *name;
#define CODE(name, doc)     enum vx6_code name;
#define NUMBER(name, doc)   uint64_t name;
#include "journal.def"
/* clang-format on */

enum journal_level {
    JOURNAL_ERROR,
    JOURNAL_WARNING,
    JOURNAL_INFO,
    JOURNAL_DEBUG,
    JOURNAL_LEVEL_COUNT
};
enum journal_cause {
    JOURNAL_OWNER,
    JOURNAL_PEERS
};
enum journal_field_kind {
    JOURNAL_TEXT,
    JOURNAL_KEY,
    JOURNAL_PEER,
    JOURNAL_OWN,
    JOURNAL_CODE,
    JOURNAL_NUMBER
};

struct journal_field {
    const char *name;
    enum journal_field_kind kind;
    size_t offset;
    const char *doc;
};
struct journal_layout {
    const char *name;
    enum journal_level level;
    enum journal_cause cause;
    const char *text, *doc;
    const struct journal_field *fields;
    size_t field_count;
};
const struct journal_layout *journal_layout(enum journal_kind kind);
/* JOURNAL_COUNT, JOURNAL_LEVEL_COUNT: there is none of this name. */
enum journal_kind journal_kind_parse(const char *name);
const char *journal_level_name(enum journal_level level);
enum journal_level journal_level_parse(const char *name);

/* Valid while a listener hears of it. */
struct journal_event {
    enum journal_kind kind;
    enum journal_level level;
    int64_t unix_ms;
    const void *fields; /* struct journal_NAME */
};

/* One that happens now. */
struct journal_event journal_event(enum journal_kind kind, const void *fields);

/* For a person, without a line's end; nothing in it moves a terminal's cursor. */
void journal_text(char text[TEXT_ERROR_SIZE], const struct journal_event *event, bool with_peers);

struct journal_listener {
    void (*heard)(struct journal_listener *listener, const struct journal_event *event);
    struct journal_listener *next; /* the journal's */
};

enum {
    JOURNAL_ERRORS_MAX = 16
};
struct journal_error {
    enum journal_kind kind;
    int64_t unix_ms; /* of the last time */
    uint64_t count;  /* in a row; 0: no entry */
    char text[TEXT_ERROR_SIZE];
};

struct journal;

struct journal *journal_new(void);          /* NULL: out of memory */
void journal_free(struct journal *journal); /* NULL is fine */
/* The listener must not listen or ignore from inside heard(). */
void journal_listen(struct journal *journal, struct journal_listener *listener);
void journal_ignore(struct journal *journal, struct journal_listener *listener);
/* The n-th last error, 0 being the newest; NULL when there are not so many. */
const struct journal_error *journal_last(const struct journal *journal, size_t n);

/* REPORT(host->journal, name_bound, .name = label, .key = key) */
#define REPORT(journal, name, ...)                                                                 \
    journal_report(journal, JOURNAL_##name, &(const struct journal_##name){__VA_ARGS__})
void journal_report(struct journal *journal, enum journal_kind kind, const void *fields);

int64_t unix_ms_now(void);
/* For how long something takes: goes on whatever becomes of the clock, also while the host sleeps.
 */
int64_t steady_ms_now(void);

#endif
