/* SPDX-License-Identifier: MIT */
/* The codec: walks the message tables to turn bytes into structs and back.
 *
 * Fields are read in order; the first that breaks a rule ends the walk and is named in the reason.
 * Lists are checked element by element when a message is decoded, so taking elements off later
 * cannot fail. There is one valid encoding per value. Spec: spec/wire.md. */
#include "bytes.h"
#include "schema.h"

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

static uint64_t load_integer(const uint8_t *src, size_t size)
{
    switch (size) {
    case 1:
        return *src;
    case 2:
        return load_u16(src);
    case 4:
        return load_u32(src);
    default:
        return load_u64(src);
    }
}

static void store_integer(uint8_t *dst, size_t size, uint64_t value)
{
    for (size_t i = size; i-- > 0; value >>= 8)
        dst[i] = (uint8_t)value;
}

static size_t integer_size(enum schema_kind kind)
{
    return (size_t)1 << (kind - SCHEMA_U8);
}

/* Functions that read return NULL, or what is wrong with the field. */

struct reader {
    const uint8_t *at, *end;
};

static size_t left(const struct reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

static vx6_span take(struct reader *reader, size_t len)
{
    vx6_span span = {reader->at, len};
    reader->at += len;
    return span;
}

static const char *read_integer(
    struct reader *reader, const struct schema_field *field, uint8_t *dst)
{
    size_t size = integer_size(field->kind);
    if (left(reader) < size)
        return "truncated";
    uint64_t value = load_integer(reader->at, size);
    if (value < field->min)
        return "too small";
    if (value > field->max)
        return "too large";
    reader->at += size;
    put_integer(dst, size, value);
    return NULL;
}

static const char *read_opaque(
    struct reader *reader, const struct schema_field *field, vx6_span *span)
{
    if (left(reader) < 2)
        return "truncated";
    size_t len = load_u16(reader->at);
    if (len < field->min)
        return "too short";
    if (len > field->max)
        return "too long";
    if (left(reader) - 2 < len)
        return "truncated";
    reader->at += 2;
    *span = take(reader, len);
    return NULL;
}

static const char *read_label(struct reader *reader, vx6_span *span)
{
    if (left(reader) < 1)
        return "truncated";
    size_t len = reader->at[0];
    if (len < 1 || len > VX6_LABEL_MAX)
        return "not a label";
    if (left(reader) - 1 < len)
        return "truncated";
    reader->at++;
    *span = take(reader, len);
    return vx6_label_is_valid(*span) ? NULL : "not a label";
}

static const char *read_rest(
    struct reader *reader, const struct schema_field *field, vx6_span *span)
{
    if (left(reader) > field->max)
        return "too long";
    *span = take(reader, left(reader));
    return NULL;
}

/* Any field but a list. `dst` is the struct that it belongs to. */
static const char *read_flat(struct reader *reader, const struct schema_field *field, uint8_t *dst)
{
    const char *problem = NULL;
    vx6_span span = {NULL, 0};
    dst += field->offset;
    switch (field->kind) {
    case SCHEMA_U8:
    case SCHEMA_U16:
    case SCHEMA_U32:
    case SCHEMA_U64:
        return read_integer(reader, field, dst);
    case SCHEMA_BYTES:
        if (left(reader) < field->max)
            return "truncated";
        memcpy(dst, reader->at, (size_t)field->max);
        reader->at += field->max;
        return NULL;
    case SCHEMA_OPAQUE:
        problem = read_opaque(reader, field, &span);
        break;
    case SCHEMA_LABEL:
        problem = read_label(reader, &span);
        break;
    case SCHEMA_REST:
        problem = read_rest(reader, field, &span);
        break;
    case SCHEMA_LIST:
        vx6_panic(__FILE__, __LINE__, "a list inside an element");
    }
    memcpy(dst, &span, sizeof span);
    return problem;
}

union element {
#define ELEM(name, doc) struct vx6_##name name;
#include "messages_elements.h"
};

/* Where a walk ended, for the reason. */
struct failure {
    const struct schema_layout *layout;
    const struct schema_field *field;
    const struct schema_field *element_field; /* NULL: the fault is not inside an element */
    uint32_t index;                           /* of the element */
    const char *problem;
};

static bool read_element(struct reader *reader, const struct schema_layout *layout,
    uint8_t *element, struct failure *failure)
{
    for (size_t i = 0; i < layout->field_count; i++) {
        failure->problem = read_flat(reader, &layout->fields[i], element);
        failure->element_field = &layout->fields[i];
        if (failure->problem)
            return false;
    }
    failure->element_field = NULL;
    return true;
}

static bool read_list(struct reader *reader, const struct schema_field *field, vx6_list *list,
    struct failure *failure)
{
    const struct schema_layout *layout = schema_element(field->element);
    union element element;
    failure->problem = left(reader) < 1             ? "truncated"
                       : reader->at[0] > field->max ? "too many"
                                                    : NULL;
    if (failure->problem)
        return false;
    list->count = *reader->at++;
    list->bytes.data = reader->at;
    for (uint32_t i = 0; i < list->count; i++) {
        failure->index = i;
        if (!read_element(reader, layout, (uint8_t *)&element, failure))
            return false;
    }
    list->bytes.len = (size_t)(reader->at - list->bytes.data);
    return true;
}

static bool read_fields(struct reader *reader, uint8_t *dst, struct failure *failure)
{
    const struct schema_layout *layout = failure->layout;
    for (size_t i = 0; i < layout->field_count; i++) {
        const struct schema_field *field = &layout->fields[i];
        failure->field = field;
        if (field->kind == SCHEMA_LIST) {
            vx6_list list;
            if (!read_list(reader, field, &list, failure))
                return false;
            memcpy(dst + field->offset, &list, sizeof list);
            continue;
        }
        failure->problem = read_flat(reader, field, dst);
        if (failure->problem)
            return false;
    }
    failure->field = NULL;
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
    at = append(at, end, failure->layout ? failure->layout->name : "message");
    if (failure->field) {
        at = append(at, end, ".");
        at = append(at, end, failure->field->name);
    }
    if (failure->element_field) {
        at = append(at, end, "[");
        at = append_number(at, end, failure->index);
        at = append(at, end, "].");
        at = append(at, end, failure->element_field->name);
    }
    at = append(at, end, ": ");
    append(at, end, failure->problem);
    return msg->u.reason;
}

const char *vx6_msg_decode(
    struct vx6_msg *msg, enum vx6_msg_scope scope, const uint8_t *data, size_t len)
{
    struct failure failure = {0};
    msg->type = VX6_MSG_NONE;
    if (len == 0) {
        failure.problem = "empty";
        return explain(msg, &failure);
    }
    failure.layout = schema_message(data[0]);
    if (!failure.layout) {
        failure.problem = "unknown type";
        return explain(msg, &failure);
    }
    if (failure.layout->scope != scope) {
        failure.problem = "wrong scope";
        return explain(msg, &failure);
    }
    struct reader reader = {data + 1, data + len};
    if (!read_fields(&reader, (uint8_t *)&msg->u, &failure))
        return explain(msg, &failure);
    if (left(&reader) > 0) {
        failure.problem = "trailing bytes";
        return explain(msg, &failure);
    }
    msg->type = failure.layout->type;
    return NULL;
}

struct writer {
    uint8_t *at, *end;
};

static bool put_bytes(struct writer *writer, const uint8_t *data, size_t len)
{
    if ((size_t)(writer->end - writer->at) < len)
        return false;
    if (len > 0)
        memcpy(writer->at, data, len);
    writer->at += len;
    return true;
}

static bool put_number(struct writer *writer, size_t size, uint64_t value)
{
    uint8_t bytes[8];
    store_integer(bytes, size, value);
    return put_bytes(writer, bytes, size);
}

static bool write_list(struct writer *writer, const struct schema_field *field, const uint8_t *src)
{
    vx6_list list;
    memcpy(&list, src, sizeof list);
    VX6_ASSERT(list.count <= field->max);
    return put_number(writer, 1, list.count) && put_bytes(writer, list.bytes.data, list.bytes.len);
}

static bool write_span(struct writer *writer, const struct schema_field *field, const uint8_t *src)
{
    vx6_span span;
    memcpy(&span, src, sizeof span);
    VX6_ASSERT(span.len >= field->min && span.len <= field->max);
    if (field->kind == SCHEMA_OPAQUE && !put_number(writer, 2, span.len))
        return false;
    if (field->kind == SCHEMA_LABEL) {
        VX6_ASSERT(vx6_label_is_valid(span));
        if (!put_number(writer, 1, span.len))
            return false;
    }
    return put_bytes(writer, span.data, span.len);
}

/* False: no room. `src` is the struct that the field belongs to. */
static bool write_field(struct writer *writer, const struct schema_field *field, const uint8_t *src)
{
    uint64_t value;
    src += field->offset;
    switch (field->kind) {
    case SCHEMA_U8:
    case SCHEMA_U16:
    case SCHEMA_U32:
    case SCHEMA_U64:
        value = get_integer(src, integer_size(field->kind));
        VX6_ASSERT(value >= field->min && value <= field->max);
        return put_number(writer, integer_size(field->kind), value);
    case SCHEMA_BYTES:
        return put_bytes(writer, src, (size_t)field->max);
    case SCHEMA_OPAQUE:
    case SCHEMA_LABEL:
    case SCHEMA_REST:
        return write_span(writer, field, src);
    case SCHEMA_LIST:
        return write_list(writer, field, src);
    }
    return false;
}

static bool write_fields(
    struct writer *writer, const struct schema_layout *layout, const uint8_t *src)
{
    for (size_t i = 0; i < layout->field_count; i++) {
        if (!write_field(writer, &layout->fields[i], src))
            return false;
    }
    return true;
}

size_t vx6_msg_encode(const struct vx6_msg *msg, uint8_t *dst, size_t cap)
{
    const struct schema_layout *layout = schema_message(msg->type);
    struct writer writer = {dst, dst + cap};
    VX6_ASSERT(layout);
    if (!put_number(&writer, 1, msg->type))
        return 0;
    if (!write_fields(&writer, layout, (const uint8_t *)&msg->u))
        return 0;
    return (size_t)(writer.at - dst);
}

const char *vx6_msg_name(enum vx6_msg_type type)
{
    const struct schema_layout *layout = schema_message(type);
    return layout ? layout->name : "unknown";
}

static bool next_element(vx6_list *list, enum schema_element kind, uint8_t *dst)
{
    struct reader reader = {list->bytes.data, list->bytes.data + list->bytes.len};
    struct failure failure;
    if (list->count == 0)
        return false;
    VX6_ASSERT(read_element(&reader, schema_element(kind), dst, &failure));
    list->count--;
    list->bytes = (vx6_span){reader.at, left(&reader)};
    return true;
}

static bool push_element(
    vx6_list *list, uint8_t *storage, size_t cap, enum schema_element kind, const uint8_t *src)
{
    VX6_ASSERT(list->count == 0 || list->bytes.data == storage);
    VX6_ASSERT(list->bytes.len <= cap);
    struct writer writer = {storage + list->bytes.len, storage + cap};
    if (list->count == UINT8_MAX || !write_fields(&writer, schema_element(kind), src))
        return false;
    list->count++;
    list->bytes = (vx6_span){storage, (size_t)(writer.at - storage)};
    return true;
}

#define ELEM(name, doc)                                                                            \
    bool vx6_next_##name(vx6_list *list, struct vx6_##name *name)                                  \
    {                                                                                              \
        return next_element(list, SCHEMA_##name, (uint8_t *)name);                                 \
    }                                                                                              \
    bool vx6_push_##name(                                                                          \
        vx6_list *list, uint8_t *storage, size_t cap, const struct vx6_##name *name)               \
    {                                                                                              \
        return push_element(list, storage, cap, SCHEMA_##name, (const uint8_t *)name);             \
    }
#include "messages_elements.h"
