/* SPDX-License-Identifier: MIT */
/* Fields of vectors, and the words for what does not match. */
#include "vectors.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Everything that a check holds is let go together. */
struct block {
    struct block *next;
    max_align_t memory[];
};
static struct block *blocks;

void *vector_memory(size_t size)
{
    struct block *block = calloc(1, sizeof *block + size);
    if (!block)
        vx6_panic(__FILE__, __LINE__, "out of memory");
    block->next = blocks;
    blocks = block;
    return block->memory;
}

void vectors_forget(void)
{
    while (blocks) {
        struct block *next = blocks->next;
        free(blocks);
        blocks = next;
    }
}

bool vector_failed(char *reason, size_t cap, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, cap, format, arguments);
    va_end(arguments);
    return false;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool vector_hex(const char *text, uint8_t *data, size_t cap, size_t *len)
{
    *len = 0;
    if (!text)
        return false;
    for (; *text; text += 2) {
        int high = digit(text[0]);
        int low = high < 0 ? -1 : digit(text[1]);
        if (low < 0 || *len >= cap)
            return false;
        data[(*len)++] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool vector_bytes_if_any(
    json_t *line, const char *field, size_t size, vx6_span *bytes, char *reason, size_t cap)
{
    json_t *value = json_object_get(line, field);
    *bytes = (vx6_span){NULL, 0};
    if (!value || json_is_null(value))
        return true;
    size_t cap_bytes = json_string_length(value) / 2;
    uint8_t *data = vector_memory(cap_bytes + 1);
    size_t len;
    if (!vector_hex(json_string_value(value), data, cap_bytes, &len))
        return vector_failed(reason, cap, "field \"%s\" is not hex", field);
    if (size != SIZE_MAX && len != size)
        return vector_failed(reason, cap, "field \"%s\" has %zu bytes, not %zu", field, len, size);
    *bytes = (vx6_span){data, len};
    return true;
}

bool vector_bytes(
    json_t *line, const char *field, size_t size, vx6_span *bytes, char *reason, size_t cap)
{
    if (!vector_bytes_if_any(line, field, size, bytes, reason, cap))
        return false;
    return bytes->data || vector_failed(reason, cap, "field \"%s\" is missing", field);
}

const char *vector_text(json_t *line, const char *field)
{
    const char *text = json_string_value(json_object_get(line, field));
    return text ? text : "";
}

int vector_check_kind(
    const struct vector_kind *kinds, size_t count, json_t *line, char *reason, size_t cap)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(kinds[i].kind, vector_text(line, "kind")) == 0)
            return kinds[i].check(line, reason, cap) ? VECTOR_PASSED : VECTOR_FAILED;
    }
    return VECTOR_UNSUPPORTED;
}

/* The first bytes, which is where a person looks. */
static void shorten(char text[40], vx6_span bytes)
{
    size_t shown = bytes.len < 16 ? bytes.len : 16;
    for (size_t i = 0; i < shown; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes.data[i]);
    snprintf(text + 2 * shown, 4, "%s", bytes.len > shown ? "..." : "");
}

bool vector_compare(const char *what, vx6_span got, vx6_span expected, char *reason, size_t cap)
{
    char got_text[40], expected_text[40];
    size_t at = 0;
    if (got.len != expected.len)
        return vector_failed(
            reason, cap, "%s: %zu bytes, expected %zu", what, got.len, expected.len);
    while (at < got.len && got.data[at] == expected.data[at])
        at++;
    if (at == got.len)
        return true;
    shorten(got_text, (vx6_span){got.data + at, got.len - at});
    shorten(expected_text, (vx6_span){expected.data + at, expected.len - at});
    return vector_failed(
        reason, cap, "%s: byte %zu is %s, expected %s", what, at, got_text, expected_text);
}
