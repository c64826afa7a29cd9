/* SPDX-License-Identifier: MIT */
/* Events in words and as JSON, by their rows of journal.def. Addresses of peers are left out unless
 * they are asked for, and what others may have chosen is made harmless, here and nowhere else:
 * VX6-CTRL-030. */
#include "journal_form.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    SHORT_KEY = 8 /* characters that people compare, and may type as a hint */
};

/* What an event has in a field. */
struct value {
    const struct journal_field *field;
    const char *text;
    const uint8_t *key;
    const vx6_addr *addr;
    enum vx6_code code;
    uint64_t number;
};

static bool is_there(const struct value *value, bool with_peers)
{
    switch (value->field->kind) {
    case JOURNAL_TEXT:
        return value->text && value->text[0];
    case JOURNAL_KEY:
        return value->key != NULL;
    case JOURNAL_PEER:
        return with_peers && value->addr && value->addr->port != 0;
    case JOURNAL_OWN:
        return value->addr != NULL;
    case JOURNAL_CODE:
    case JOURNAL_NUMBER:
        break;
    }
    return true;
}

static struct value value_of(const struct journal_event *event, const struct journal_field *field)
{
    struct value value = {.field = field};
    const void *at = (const uint8_t *)event->fields + field->offset;
    switch (field->kind) {
    case JOURNAL_TEXT:
        memcpy(&value.text, at, sizeof value.text);
        break;
    case JOURNAL_KEY:
        memcpy(&value.key, at, sizeof value.key);
        break;
    case JOURNAL_PEER:
    case JOURNAL_OWN:
        memcpy(&value.addr, at, sizeof value.addr);
        break;
    case JOURNAL_CODE:
        memcpy(&value.code, at, sizeof value.code);
        break;
    case JOURNAL_NUMBER:
        memcpy(&value.number, at, sizeof value.number);
        break;
    }
    return value;
}

static void value_text(char text[TEXT_ERROR_SIZE], const struct value *value)
{
    switch (value->field->kind) {
    case JOURNAL_TEXT:
        text_printable(text, TEXT_ERROR_SIZE, value->text, strlen(value->text));
        break;
    case JOURNAL_KEY:
        text_key(text, value->key);
        break;
    case JOURNAL_PEER:
    case JOURNAL_OWN:
        text_addr(text, value->addr);
        break;
    case JOURNAL_CODE:
        snprintf(text, TEXT_ERROR_SIZE, "%s", vx6_code_name(value->code));
        break;
    case JOURNAL_NUMBER:
        snprintf(text, TEXT_ERROR_SIZE, "%" PRIu64, value->number);
        break;
    }
}

static const struct journal_field *find_field(
    const struct journal_layout *layout, const char *name, size_t len)
{
    for (size_t i = 0; i < layout->field_count; i++) {
        const struct journal_field *field = &layout->fields[i];
        if (strncmp(field->name, name, len) == 0 && field->name[len] == 0)
            return field;
    }
    return NULL;
}

/* `words`: "node holds|nodes hold" */
static void count_text(char text[TEXT_ERROR_SIZE], uint64_t count, const char *words, size_t len)
{
    char one[TEXT_COUNT_SIZE], more[TEXT_COUNT_SIZE];
    size_t one_len = strcspn(words, "|");
    snprintf(one, sizeof one, "%.*s", (int)one_len, words);
    snprintf(more, sizeof more, "%.*s", (int)(len - one_len - 1), words + one_len + 1);
    text_count(text, count, one, more);
}

/* The value of `{name}`, `{=name}` or `{name|one|more}`; false when it is absent. */
static bool put_field(char value[TEXT_ERROR_SIZE], const struct journal_event *event,
    const char *name, size_t len, bool with_peers)
{
    bool is_whole = name[0] == '=';
    size_t name_len = strcspn(name, "|}");
    const struct journal_field *field =
        find_field(journal_layout(event->kind), name + is_whole, name_len - is_whole);
    VX6_ASSERT(field);
    struct value of = value_of(event, field);
    if (!is_there(&of, with_peers))
        return false;
    if (name_len < len)
        count_text(value, of.number, name + name_len + 1, len - name_len - 1);
    else
        value_text(value, &of);
    if (field->kind == JOURNAL_KEY && !is_whole)
        memcpy(value + SHORT_KEY, "...", sizeof "...");
    return true;
}

void journal_text(char text[TEXT_ERROR_SIZE], const struct journal_event *event, bool with_peers)
{
    size_t used = 0, optional_from = 0;
    bool is_absent = false; /* a field of what is in brackets */
    text[0] = 0;
    for (const char *at = journal_layout(event->kind)->text; *at; at++) {
        char piece[TEXT_ERROR_SIZE] = {*at};
        if (*at == '[') {
            optional_from = used;
            is_absent = false;
            continue;
        }
        if (*at == ']') {
            used = is_absent ? optional_from : used;
            continue;
        }
        if (*at == '{') {
            size_t len = strcspn(at + 1, "}");
            piece[0] = 0;
            is_absent |= !put_field(piece, event, at + 1, len, with_peers);
            at += len + 1;
        }
        used += (size_t)snprintf(text + used, TEXT_ERROR_SIZE - used, "%s", piece);
        used = used < TEXT_ERROR_SIZE ? used : TEXT_ERROR_SIZE - 1;
    }
    text[used] = 0;
}

static json_t *value_json(const struct value *value, bool with_peers)
{
    char text[TEXT_ERROR_SIZE];
    if (value->field->kind == JOURNAL_NUMBER)
        return json_integer((json_int_t)value->number);
    if (!is_there(value, with_peers))
        return json_null();
    value_text(text, value);
    return json_string(text);
}

json_t *journal_json(const struct journal_event *event, bool with_peers)
{
    const struct journal_layout *layout = journal_layout(event->kind);
    char text[TEXT_ERROR_SIZE], time[TEXT_TIME_SIZE];
    text_time(time, event->unix_ms);
    json_t *object = json_pack("{s:s, s:s, s:s}", "event", layout->name, "time", time, "level",
        journal_level_name(event->level));
    for (size_t i = 0; i < layout->field_count; i++) {
        struct value value = value_of(event, &layout->fields[i]);
        if (with_peers || value.field->kind != JOURNAL_PEER)
            json_object_set_new(object, value.field->name, value_json(&value, with_peers));
    }
    journal_text(text, event, with_peers);
    json_object_set_new(object, "text", json_string(text));
    return object;
}
