/* SPDX-License-Identifier: MIT */
/* The codec: walks the message tables to turn bytes into structs and back.
 *
 * Fields are read in order; the first that breaks a rule ends the walk and is named in the reason.
 * Lists are checked element by element when a message is decoded, so taking elements off later
 * cannot fail. Any bytes are either a message or refused (VX6-WIRE-011), and there is one valid
 * encoding per value (VX6-WIRE-010). Spec: spec/wire.md. */
#include "codec.h"

static bool label_char_is_valid(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

bool vx6_label_is_valid(vx6_span label) /* VX6-WIRE-006 */
{
    if (label.len < 1 || label.len > VX6_LABEL_MAX)
        return false;
    for (size_t i = 0; i < label.len; i++) {
        if (!label_char_is_valid(label.data[i]))
            return false;
    }
    return label.data[0] != '-' && label.data[label.len - 1] != '-';
}

/* Integers of the structs. `size` is 1, 2, 4 or 8. */
static uint64_t get_integer(const uint8_t *src, size_t size)
{
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    switch (size) {
    case 1:
        return *src;
    case 2:
        memcpy(&u16, src, sizeof u16);
        return u16;
    case 4:
        memcpy(&u32, src, sizeof u32);
        return u32;
    default:
        memcpy(&u64, src, sizeof u64);
        return u64;
    }
}

static void put_integer(uint8_t *dst, size_t size, uint64_t value)
{
    uint16_t u16 = (uint16_t)value;
    uint32_t u32 = (uint32_t)value;
    switch (size) {
    case 1:
        *dst = (uint8_t)value;
        break;
    case 2:
        memcpy(dst, &u16, sizeof u16);
        break;
    case 4:
        memcpy(dst, &u32, sizeof u32);
        break;
    default:
        memcpy(dst, &value, sizeof value);
    }
}

static size_t integer_size(enum schema_kind kind)
{
    return (size_t)1 << (kind - SCHEMA_U8);
}

/* VX6-WIRE-004; the order of checks is VX6-WIRE-012. */
static const char *read_opaque(
    struct reader *reader, const struct schema_field *field, vx6_span *span)
{
    if (reader_left(reader) < 2)
        return "truncated";
    size_t len = load_u16(reader->at);
    if (len < field->min)
        return "too short";
    if (len > field->max)
        return "too long";
    if (reader_left(reader) - 2 < len)
        return "truncated";
    reader->at += 2;
    *span = reader_take(reader, len);
    return NULL;
}

/* VX6-WIRE-007 */
static const char *read_rest(
    struct reader *reader, const struct schema_field *field, vx6_span *span)
{
    if (reader_left(reader) > field->max)
        return "too long";
    *span = reader_take(reader, reader_left(reader));
    return NULL;
}

/* VX6-WIRE-005 */
static const char *read_list(struct reader *reader, const struct schema_field *field,
    vx6_list *list, struct failure *failure)
{
    if (reader_left(reader) < 1)
        return "truncated";
    list->count = *reader->at;
    if (list->count > field->max)
        return "too many";
    list->bytes.data = ++reader->at;
    if (!elements_read(field->element, list->count, reader, failure))
        return failure->problem;
    list->bytes.len = (size_t)(reader->at - list->bytes.data);
    return NULL;
}

/* `dst` is where the field lies in its struct. */
static const char *read_field(
    struct reader *reader, const struct schema_field *field, uint8_t *dst, struct failure *failure)
{
    const char *problem = NULL;
    uint64_t value = 0;
    vx6_span span = {NULL, 0};
    vx6_list list = {0};
    switch (field->kind) {
    case SCHEMA_U8:
    case SCHEMA_U16:
    case SCHEMA_U32:
    case SCHEMA_U64:
        problem = read_integer(reader, integer_size(field->kind), field->min, field->max, &value);
        put_integer(dst, integer_size(field->kind), value);
        return problem;
    case SCHEMA_BYTES:
        return read_bytes(reader, (size_t)field->max, dst);
    case SCHEMA_LIST:
        problem = read_list(reader, field, &list, failure);
        memcpy(dst, &list, sizeof list);
        return problem;
    case SCHEMA_OPAQUE:
        problem = read_opaque(reader, field, &span);
        break;
    case SCHEMA_LABEL:
        problem = read_label(reader, &span);
        break;
    case SCHEMA_REST:
        problem = read_rest(reader, field, &span);
    }
    memcpy(dst, &span, sizeof span);
    return problem;
}

static bool read_fields(struct reader *reader, const struct schema_layout *layout, uint8_t *dst,
    struct failure *failure)
{
    for (size_t i = 0; i < layout->field_count; i++) {
        const struct schema_field *field = &layout->fields[i];
        failure->problem = read_field(reader, field, dst + field->offset, failure);
        if (failure->problem) {
            failure->field = field->name;
            return false;
        }
    }
    return true;
}

static char *append(char *at, const char *end, const char *text)
{
    while (*text && at + 1 < end)
        *at++ = *text++;
    *at = '\0';
    return at;
}

static char *append_number(char *at, const char *end, uint32_t number)
{
    char digits[11] = {0};
    char *first = digits + sizeof digits - 1;
    do {
        *--first = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return append(at, end, first);
}

/* "find_node.target: truncated", "nodes.hints[3].port: too small", "ping: trailing bytes" */
static const char *explain(struct vx6_msg *msg, const struct failure *failure)
{
    char *at = msg->u.reason;
    const char *end = at + sizeof msg->u.reason;
    at = append(at, end, failure->message);
    if (failure->field) {
        at = append(at, end, ".");
        at = append(at, end, failure->field);
    }
    if (failure->element_field) {
        at = append(at, end, "[");
        at = append_number(at, end, failure->index);
        at = append(at, end, "].");
        at = append(at, end, failure->element_field);
    }
    at = append(at, end, ": ");
    append(at, end, failure->problem);
    return msg->u.reason;
}

/* VX6-WIRE-001 VX6-WIRE-008 VX6-WIRE-009: a type of this scope, its fields, and nothing behind
 * them. */
static void read_message(
    struct vx6_msg *msg, enum vx6_msg_scope scope, struct reader *reader, struct failure *failure)
{
    if (reader_left(reader) == 0) {
        failure->problem = "empty";
        return;
    }
    const struct schema_layout *layout = schema_message(*reader->at++);
    if (!layout) {
        failure->problem = "unknown type";
        return;
    }
    failure->message = layout->name;
    if (layout->scope != scope) {
        failure->problem = "wrong scope";
        return;
    }
    if (!read_fields(reader, layout, (uint8_t *)&msg->u, failure))
        return;
    if (reader_left(reader) > 0) {
        failure->problem = "trailing bytes";
        return;
    }
    msg->type = layout->type;
}

const char *vx6_msg_decode(
    struct vx6_msg *msg, enum vx6_msg_scope scope, const uint8_t *data, size_t len)
{
    struct reader reader = {data, data + len};
    struct failure failure = {.message = "message"};
    msg->type = VX6_MSG_NONE;
    read_message(msg, scope, &reader, &failure);
    return failure.problem ? explain(msg, &failure) : NULL;
}

static bool write_list(struct writer *writer, const struct schema_field *field, const uint8_t *src)
{
    vx6_list list;
    memcpy(&list, src, sizeof list);
    return write_integer(writer, 1, 0, field->max, list.count) &&
           write_bytes(writer, list.bytes.data, list.bytes.len);
}

static bool write_span(struct writer *writer, const struct schema_field *field, const uint8_t *src)
{
    vx6_span span;
    memcpy(&span, src, sizeof span);
    if (field->kind == SCHEMA_LABEL)
        return write_label(writer, span);
    VX6_ASSERT(span.len >= field->min && span.len <= field->max);
    if (field->kind == SCHEMA_OPAQUE && !write_integer(writer, 2, 0, UINT16_MAX, span.len))
        return false;
    return write_bytes(writer, span.data, span.len);
}

static bool write_field(struct writer *writer, const struct schema_field *field, const uint8_t *src)
{
    size_t size = integer_size(field->kind);
    switch (field->kind) {
    case SCHEMA_U8:
    case SCHEMA_U16:
    case SCHEMA_U32:
    case SCHEMA_U64:
        return write_integer(writer, size, field->min, field->max, get_integer(src, size));
    case SCHEMA_BYTES:
        return write_bytes(writer, src, (size_t)field->max);
    case SCHEMA_OPAQUE:
    case SCHEMA_LABEL:
    case SCHEMA_REST:
        return write_span(writer, field, src);
    case SCHEMA_LIST:
        return write_list(writer, field, src);
    }
    return false;
}

size_t vx6_msg_encode(const struct vx6_msg *msg, uint8_t *dst, size_t cap)
{
    const struct schema_layout *layout = schema_message(msg->type);
    const uint8_t *src = (const uint8_t *)&msg->u;
    struct writer writer = {dst, dst + cap};
    VX6_ASSERT(layout);
    if (!write_integer(&writer, 1, 0, UINT8_MAX, msg->type))
        return 0;
    for (size_t i = 0; i < layout->field_count; i++) {
        const struct schema_field *field = &layout->fields[i];
        if (!write_field(&writer, field, src + field->offset))
            return 0;
    }
    return (size_t)(writer.at - dst);
}

const char *vx6_msg_name(enum vx6_msg_type type)
{
    const struct schema_layout *layout = schema_message(type);
    return layout ? layout->name : "unknown";
}
