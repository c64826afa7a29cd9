/* SPDX-License-Identifier: MIT */
/* journal.def expanded into constant tables. A field row does not know which event it belongs to,
 * so every event opens a block of its own, in which `union owner` stands for the event's struct. */
#include "journal.h"

#include <stddef.h>
#include <string.h>

/* clang-format off */
#define EVENT(name, level_value, cause_value, text_value, doc_value)                               \
    case JOURNAL_##name: {                                                                         \
        union owner { struct journal_##name of; };                                                 \
        static const char row_text[] = text_value, row_doc[] = doc_value;                          \
        enum { row_level = JOURNAL_##level_value, row_cause = JOURNAL_##cause_value };             \
        static const struct journal_field fields[] = {
#define FIELD(name, kind, doc) {#name, kind, offsetof(union owner, of.name), doc},
#define TEXT(name, doc)        FIELD(name, JOURNAL_TEXT, doc)
#define KEY(name, doc)         FIELD(name, JOURNAL_KEY, doc)
#define PEER(name, doc)        FIELD(name, JOURNAL_PEER, doc)
#define OWN(name, doc)         FIELD(name, JOURNAL_OWN, doc)
#define CODE(name, doc)        FIELD(name, JOURNAL_CODE, doc)
#define NUMBER(name, doc)      FIELD(name, JOURNAL_NUMBER, doc)
#define END(name)                                                                                  \
        };                                                                                         \
        static const struct journal_layout layout = {#name, (enum journal_level)row_level,         \
            (enum journal_cause)row_cause, row_text, row_doc, fields,                              \
            sizeof fields / sizeof fields[0]};                                                     \
        return &layout;                                                                            \
    }
/* clang-format on */

const struct journal_layout *journal_layout(enum journal_kind kind)
{
    switch (kind) {
#include "journal.def"
    case JOURNAL_COUNT:
        break;
    }
    return NULL;
}

enum journal_kind journal_kind_parse(const char *name)
{
    enum journal_kind kind = (enum journal_kind)0;
    while (kind < JOURNAL_COUNT && strcmp(journal_layout(kind)->name, name) != 0)
        kind++;
    return kind;
}

static const char *const levels[JOURNAL_LEVEL_COUNT] = {
    [JOURNAL_ERROR] = "error",
    [JOURNAL_WARNING] = "warning",
    [JOURNAL_INFO] = "info",
    [JOURNAL_DEBUG] = "debug",
};

const char *journal_level_name(enum journal_level level)
{
    return levels[level];
}

enum journal_level journal_level_parse(const char *name)
{
    enum journal_level level = JOURNAL_ERROR;
    while (level < JOURNAL_LEVEL_COUNT && strcmp(levels[level], name) != 0)
        level++;
    return level;
}
