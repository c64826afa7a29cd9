/* SPDX-License-Identifier: MIT */
/* What the two halves of the codec share: cursors over bytes, and one reader and one writer for
 * each kind of field. Spec: spec/wire.md. */
#ifndef VX6_CODEC_H
#define VX6_CODEC_H

#include "bytes.h"
#include "schema.h"

struct reader {
    const uint8_t *at, *end;
};

struct writer {
    uint8_t *at, *end;
};

/* Where a walk ended, for the reason. */
struct failure {
    const char *message;
    const char *field;         /* NULL: the fault is not in a field */
    const char *element_field; /* NULL: the fault is not in an element */
    uint32_t index;            /* of the element */
    const char *problem;
};

/* elements.c: reads past `count` elements, checking each. False: `failure` says what is wrong. */
bool elements_read(
    enum schema_element element, uint32_t count, struct reader *reader, struct failure *failure);

static inline size_t reader_left(const struct reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

static inline size_t writer_room(const struct writer *writer)
{
    return (size_t)(writer->end - writer->at);
}

static inline vx6_span reader_take(struct reader *reader, size_t len)
{
    vx6_span span = {reader->at, len};
    reader->at += len;
    return span;
}

/* Readers return NULL, or what is wrong with the field. `size` is 1, 2, 4 or 8. VX6-WIRE-002 */
static inline const char *read_integer(
    struct reader *reader, size_t size, uint64_t min, uint64_t max, uint64_t *value)
{
    if (reader_left(reader) < size)
        return "truncated";
    *value = size == 1   ? *reader->at
             : size == 2 ? load_u16(reader->at)
             : size == 4 ? load_u32(reader->at)
                         : load_u64(reader->at);
    if (*value < min)
        return "too small";
    if (*value > max)
        return "too large";
    reader->at += size;
    return NULL;
}

/* VX6-WIRE-003 */
static inline const char *read_bytes(struct reader *reader, size_t len, uint8_t *dst)
{
    if (reader_left(reader) < len)
        return "truncated";
    memcpy(dst, reader->at, len);
    reader->at += len;
    return NULL;
}

static inline const char *read_label(struct reader *reader, vx6_span *span)
{
    if (reader_left(reader) < 1)
        return "truncated";
    size_t len = reader->at[0];
    if (len < 1 || len > VX6_LABEL_MAX)
        return "not a label";
    if (reader_left(reader) - 1 < len)
        return "truncated";
    reader->at++;
    *span = reader_take(reader, len);
    return vx6_label_is_valid(*span) ? NULL : "not a label";
}

/* Writers return false when there is no room; a value outside its bounds asserts. */
static inline bool write_integer(
    struct writer *writer, size_t size, uint64_t min, uint64_t max, uint64_t value)
{
    VX6_ASSERT(value >= min && value <= max);
    if (writer_room(writer) < size)
        return false;
    if (size == 1)
        *writer->at = (uint8_t)value;
    else if (size == 2)
        store_u16(writer->at, (uint16_t)value);
    else if (size == 4)
        store_u32(writer->at, (uint32_t)value);
    else
        store_u64(writer->at, value);
    writer->at += size;
    return true;
}

static inline bool write_bytes(struct writer *writer, const uint8_t *src, size_t len)
{
    if (writer_room(writer) < len)
        return false;
    if (len > 0)
        memcpy(writer->at, src, len);
    writer->at += len;
    return true;
}

static inline bool write_label(struct writer *writer, vx6_span span)
{
    VX6_ASSERT(vx6_label_is_valid(span));
    return write_integer(writer, 1, 1, VX6_LABEL_MAX, span.len) &&
           write_bytes(writer, span.data, span.len);
}

#endif
