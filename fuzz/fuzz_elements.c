/* SPDX-License-Identifier: MIT */
/* The straight code that reads and writes elements of lists against a walk over their table that
 * shares nothing with it: the same verdict, the same fault, the same values, the same bytes.
 *
 * The input is the kind of the elements, their count, and their bytes. */
#include <stdlib.h>

#include "codec.h"
#include "fuzz.h"

static uint64_t big_endian(const uint8_t *src, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | src[i];
    return value;
}

static bool is_label(const uint8_t *text, size_t len)
{
    static const char edge[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    for (size_t i = 0; i < len; i++) {
        bool is_inner_hyphen = text[i] == '-' && i > 0 && i + 1 < len;
        if (!is_inner_hyphen && memchr(edge, text[i], sizeof edge - 1) == NULL)
            return false;
    }
    return true;
}

/* Reads past one field. NULL, or what is wrong with it. */
static const char *skip_field(const struct schema_field *field, struct tape *tape)
{
    size_t left = tape_left(tape), size = (size_t)field->max;
    if (field->kind == SCHEMA_LABEL) {
        size_t len = left > 0 ? tape->at[0] : 1;
        if (len < field->min || len > field->max)
            return "not a label";
        if (left < 1 + len)
            return "truncated";
        if (!is_label(tape->at + 1, len))
            return "not a label";
        size = 1 + len;
    } else if (field->kind != SCHEMA_BYTES) {
        size = (size_t)1 << (field->kind - SCHEMA_U8);
        if (left < size)
            return "truncated";
        uint64_t value = big_endian(tape->at, size);
        if (value < field->min || value > field->max)
            return value < field->min ? "too small" : "too large";
    } else if (left < size) {
        return "truncated";
    }
    tape->at += size;
    return NULL;
}

/* Reads past `count` elements. False: `failure` says what is wrong. */
static bool skip_elements(
    const struct schema_layout *layout, uint32_t count, struct tape *tape, struct failure *failure)
{
    for (uint32_t i = 0; i < count; i++) {
        for (size_t j = 0; j < layout->field_count; j++) {
            const struct schema_field *field = &layout->fields[j];
            failure->problem = skip_field(field, tape);
            failure->element_field = field->name;
            failure->index = i;
            if (failure->problem)
                return false;
        }
    }
    return true;
}

/* The struct says what the bytes say. */
static void check_values(
    const struct schema_layout *layout, const uint8_t *element, struct tape *tape)
{
    for (size_t i = 0; i < layout->field_count; i++) {
        const struct schema_field *field = &layout->fields[i];
        const uint8_t *encoded = tape->at, *value = element + field->offset;
        vx6_span label;
        VX6_ASSERT(skip_field(field, tape) == NULL);
        size_t size = (size_t)(tape->at - encoded);
        if (field->kind == SCHEMA_LABEL) {
            memcpy(&label, value, sizeof label);
            VX6_ASSERT(label.data == encoded + 1 && label.len == size - 1);
        } else if (field->kind == SCHEMA_BYTES) {
            VX6_ASSERT(memcmp(value, encoded, size) == 0);
        } else {
            uint8_t native[sizeof(uint64_t)] = {0};
            uint64_t expected = big_endian(encoded, size);
            for (size_t j = 0; j < size; j++) {
                uint16_t order = 1;
                bool is_little = *(const uint8_t *)&order == 1;
                native[j] = (uint8_t)(expected >> 8 * (is_little ? j : size - 1 - j));
            }
            VX6_ASSERT(memcmp(value, native, size) == 0);
        }
    }
}

/* Takes all elements off, and makes the list again from them. */
static void check_list(enum schema_element kind, uint32_t count, vx6_span bytes)
{
    const struct schema_layout *layout = schema_element(kind);
    struct tape tape = {bytes.data, bytes.data + bytes.len};
    vx6_list list = {count, bytes}, made = {0};
    uint8_t *storage = malloc(bytes.len + 1);
    VX6_ASSERT(storage);
    switch (kind) {
#define ELEM(name, doc)                                                                            \
    case SCHEMA_##name:                                                                            \
        for (struct vx6_##name element; vx6_next_##name(&list, &element);) {                       \
            check_values(layout, (const uint8_t *)&element, &tape);                                \
            VX6_ASSERT(vx6_push_##name(&made, storage, bytes.len, &element));                      \
        }                                                                                          \
        break;
#include "messages_elements.h"
    case SCHEMA_flat:
    case SCHEMA_ELEMENT_END:
        break;
    }
    VX6_ASSERT(tape_left(&tape) == 0 && made.count == count && made.bytes.len == bytes.len);
    VX6_ASSERT(count == 0 || memcmp(storage, bytes.data, bytes.len) == 0);
    free(storage);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 2)
        return 0;
    enum schema_element kind =
        (enum schema_element)(1 + data[0] % (unsigned)(SCHEMA_ELEMENT_END - 1));
    uint32_t count = data[1] % 255u; /* a list that is being made ends before 255 */
    struct reader reader = {data + 2, len - 2};
    struct tape tape = {data + 2, data + len};
    struct failure fast = {0}, slow = {0};
    bool is_read = elements_read(kind, count, &reader, &fast);
    VX6_ASSERT(is_read == skip_elements(schema_element(kind), count, &tape, &slow));
    if (is_read) {
        VX6_ASSERT(reader.at == tape.at);
        check_list(kind, count, (vx6_span){data + 2, (size_t)(reader.at - data - 2)});
    } else {
        VX6_ASSERT(strcmp(fast.problem, slow.problem) == 0 && fast.index == slow.index);
        VX6_ASSERT(strcmp(fast.element_field, slow.element_field) == 0);
    }
    return 0;
}
