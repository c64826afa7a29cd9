/* SPDX-License-Identifier: MIT */
/* What the two halves of the codec share: cursors over bytes, and one reader and one writer for
 * each kind of field. Spec: spec/wire.md. */
#ifndef VX6_CODEC_H
#define VX6_CODEC_H

#include "bytes.h"
#include "schema.h"

struct reader {
    const uint8_t *at;
    size_t left;
};

struct writer {
    uint8_t *at, *end;
};

/* Where a walk ended, for the reason. */
struct failure {
    const char *message;
    const char *field;         /* NULL: the fault is not in a field */
    const char *element_field; /* NULL: the fault is not in an element of a list */
    uint32_t index;            /* of the element */
    const char *problem;
};

/* rows.c: the fields of a message, behind its type, which has to be one of this scope. False:
 * `failure` says what is wrong. VX6-WIRE-001 */
bool message_read(struct vx6_msg *msg, enum vx6_msg_scope scope, unsigned type,
    struct reader *reader, struct failure *failure);
/* False: there is no room. */
bool message_write(const struct vx6_msg *msg, struct writer *writer);
/* Reads past `count` elements, checking each. */
bool elements_read(
    enum schema_element element, uint32_t count, struct reader *reader, struct failure *failure);

/* Compilers would take what comes after many checks to be rare, and make it small and slow. */
#define LACKS(room, wanted) __builtin_expect((room) < (wanted), false)

static inline size_t writer_room(const struct writer *writer)
{
    return (size_t)(writer->end - writer->at);
}

static inline vx6_span reader_take(struct reader *reader, size_t len)
{
    vx6_span span = {reader->at, len};
    reader->at += len;
    reader->left -= len;
    return span;
}

/* Readers return NULL, or what is wrong with the field. `size` is 1, 2, 4 or 8. VX6-WIRE-002 */
static inline const char *read_integer(
    struct reader *reader, size_t size, uint64_t min, uint64_t max, uint64_t *value)
{
    if (reader->left < size)
        return "truncated";
    *value = size == 1   ? *reader->at
             : size == 2 ? load_u16(reader->at)
             : size == 4 ? load_u32(reader->at)
                         : load_u64(reader->at);
    if (*value < min)
        return "too small";
    if (*value > max)
        return "too large";
    reader_take(reader, size);
    return NULL;
}

/* VX6-WIRE-003 */
static inline const char *read_bytes(struct reader *reader, size_t len, uint8_t *dst)
{
    if (reader->left < len)
        return "truncated";
    memcpy(dst, reader_take(reader, len).data, len);
    return NULL;
}

static inline const char *read_label(struct reader *reader, vx6_span *span)
{
    if (reader->left < 1)
        return "truncated";
    size_t len = reader->at[0];
    if (len < 1 || len > VX6_LABEL_MAX)
        return "not a label";
    if (reader->left - 1 < len)
        return "truncated";
    reader_take(reader, 1);
    *span = reader_take(reader, len);
    return vx6_label_is_valid(*span) ? NULL : "not a label";
}

/* VX6-WIRE-004; the order of checks is VX6-WIRE-012. */
static inline const char *read_opaque(struct reader *reader, size_t min, size_t max, vx6_span *span)
{
    if (reader->left < 2)
        return "truncated";
    size_t len = load_u16(reader->at);
    if (len < min)
        return "too short";
    if (len > max)
        return "too long";
    if (reader->left - 2 < len)
        return "truncated";
    reader_take(reader, 2);
    *span = reader_take(reader, len);
    return NULL;
}

/* VX6-WIRE-007 */
static inline const char *read_rest(struct reader *reader, size_t max, vx6_span *span)
{
    if (reader->left > max)
        return "too long";
    *span = reader_take(reader, reader->left);
    return NULL;
}

/* Writers return false when there is no room; a value outside its bounds asserts. */
static inline bool write_integer(
    struct writer *writer, size_t size, uint64_t min, uint64_t max, uint64_t value)
{
    VX6_ASSERT(value >= min && value <= max);
    if (LACKS(writer_room(writer), size))
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
    if (LACKS(writer_room(writer), len))
        return false;
    if (len > 0)
        memcpy(writer->at, src, len);
    writer->at += len;
    return true;
}

static inline bool write_rest(struct writer *writer, size_t max, vx6_span span)
{
    VX6_ASSERT(span.len <= max);
    return write_bytes(writer, span.data, span.len);
}

static inline bool write_opaque(struct writer *writer, size_t min, size_t max, vx6_span span)
{
    VX6_ASSERT(span.len >= min);
    return write_integer(writer, 2, 0, max, span.len) && write_bytes(writer, span.data, span.len);
}

static inline bool write_label(struct writer *writer, vx6_span span)
{
    VX6_ASSERT(vx6_label_is_valid(span));
    return write_integer(writer, 1, 1, VX6_LABEL_MAX, span.len) &&
           write_bytes(writer, span.data, span.len);
}

#endif
