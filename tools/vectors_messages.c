/* SPDX-License-Identifier: MIT */
/* Set "messages": bytes against the codec. A line with `fields` must decode to just these and
 * encode to the same bytes; one with `refused` must be refused for that reason. */
#include "vectors.h"

#include <stdio.h>
#include <string.h>

#include "schema.h"

enum {
    MESSAGE_MAX = 40000
};

static bool span_is(vx6_span span, bool text, const json_t *expected)
{
    uint8_t data[MESSAGE_MAX];
    size_t len = 0;
    const char *string = json_string_value(expected);
    if (!string)
        return false;
    if (text)
        return span.len == strlen(string) && memcmp(span.data, string, span.len) == 0;
    return vector_hex(string, data, sizeof data, &len) && len == span.len &&
           (len == 0 || memcmp(span.data, data, len) == 0);
}

/* U64 is written as text, since JSON numbers of many readers end at 2^53. */
static bool integer_is(uint64_t value, enum schema_kind kind, const json_t *expected)
{
    char text[24];
    if (kind != SCHEMA_U64)
        return json_is_integer(expected) && json_integer_value(expected) == (json_int_t)value;
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    return json_is_string(expected) && strcmp(json_string_value(expected), text) == 0;
}

static uint64_t integer_at(const uint8_t *src, enum schema_kind kind)
{
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    if (kind == SCHEMA_U8)
        return *src;
    if (kind == SCHEMA_U16) {
        memcpy(&u16, src, sizeof u16);
        return u16;
    }
    if (kind == SCHEMA_U32) {
        memcpy(&u32, src, sizeof u32);
        return u32;
    }
    memcpy(&u64, src, sizeof u64);
    return u64;
}

/* Any field but a list. */
static bool field_is(
    const struct schema_field *field, const uint8_t *structure, const json_t *expected)
{
    const uint8_t *src = structure + field->offset;
    vx6_span span;
    if (field->kind <= SCHEMA_U64)
        return integer_is(integer_at(src, field->kind), field->kind, expected);
    if (field->kind == SCHEMA_BYTES)
        return span_is((vx6_span){src, (size_t)field->max}, false, expected);
    memcpy(&span, src, sizeof span);
    return span_is(span, field->kind == SCHEMA_LABEL, expected);
}

static bool element_is(
    const struct schema_layout *layout, const uint8_t *structure, const json_t *expected)
{
    if (json_object_size(expected) != layout->field_count)
        return false;
    for (size_t i = 0; i < layout->field_count; i++) {
        const struct schema_field *field = &layout->fields[i];
        if (!field_is(field, structure, json_object_get(expected, field->name)))
            return false;
    }
    return true;
}

static bool list_is(const struct schema_field *field, const uint8_t *src, const json_t *expected)
{
    const struct schema_layout *layout = schema_element(field->element);
    union {
        struct vx6_endpoint endpoint;
        struct vx6_hint hint;
        struct vx6_hosted hosted;
        struct vx6_item item;
        struct vx6_offer offer;
        struct vx6_rotation rotation;
        struct vx6_service service;
    } any;
    vx6_list list;
    memcpy(&list, src, sizeof list);
    if (!json_is_array(expected) || json_array_size(expected) != list.count)
        return false;
    for (size_t i = 0; i < json_array_size(expected); i++) {
        bool taken = field->element == SCHEMA_endpoint   ? vx6_next_endpoint(&list, &any.endpoint)
                     : field->element == SCHEMA_hint     ? vx6_next_hint(&list, &any.hint)
                     : field->element == SCHEMA_hosted   ? vx6_next_hosted(&list, &any.hosted)
                     : field->element == SCHEMA_item     ? vx6_next_item(&list, &any.item)
                     : field->element == SCHEMA_offer    ? vx6_next_offer(&list, &any.offer)
                     : field->element == SCHEMA_rotation ? vx6_next_rotation(&list, &any.rotation)
                     : field->element == SCHEMA_offer    ? vx6_next_offer(&list, &any.offer)
                                                         : vx6_next_service(&list, &any.service);
        if (!taken || !element_is(layout, (const uint8_t *)&any, json_array_get(expected, i)))
            return false;
    }
    return list.bytes.len == 0;
}

static int check_fields(const struct vx6_msg *msg, const json_t *fields, char *reason, size_t cap)
{
    const struct schema_layout *layout = schema_message(msg->type);
    const uint8_t *structure = (const uint8_t *)&msg->u;
    for (size_t i = 0; i < layout->field_count; i++) {
        const struct schema_field *field = &layout->fields[i];
        const json_t *expected = json_object_get(fields, field->name);
        bool equal = field->kind == SCHEMA_LIST
                         ? list_is(field, structure + field->offset, expected)
                         : field_is(field, structure, expected);
        if (!equal)
            return vector_failed(reason, cap, "%s.%s differs", layout->name, field->name);
    }
    if (json_object_size(fields) != layout->field_count)
        return vector_failed(reason, cap, "%s has other fields", layout->name);
    return VECTOR_PASSED;
}

static int check_accepted(const struct vx6_msg *msg, json_t *line, const uint8_t *data, size_t len,
    char *reason, size_t cap)
{
    uint8_t encoded[MESSAGE_MAX];
    const char *name = json_string_value(json_object_get(line, "message"));
    if (!name || strcmp(name, vx6_msg_name(msg->type)) != 0)
        return vector_failed(reason, cap, "decoded as %s", vx6_msg_name(msg->type));
    if (vx6_msg_encode(msg, encoded, sizeof encoded) != len || memcmp(encoded, data, len) != 0)
        return vector_failed(reason, cap, "encodes to other bytes");
    return check_fields(msg, json_object_get(line, "fields"), reason, cap);
}

static bool scope_of(const json_t *line, enum vx6_msg_scope *scope)
{
    static const char *const names[] = {"record", "query", "link"};
    const char *name = json_string_value(json_object_get(line, "scope"));
    for (int i = 0; name && i < 3; i++) {
        *scope = (enum vx6_msg_scope)(VX6_SCOPE_RECORD + i);
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

int check_messages(json_t *line, char *reason, size_t cap)
{
    uint8_t data[MESSAGE_MAX];
    size_t len = 0;
    struct vx6_msg msg;
    enum vx6_msg_scope scope;
    const char *refused = json_string_value(json_object_get(line, "refused"));
    const char *hex = json_string_value(json_object_get(line, "hex"));
    if (!scope_of(line, &scope) || !vector_hex(hex, data, sizeof data, &len))
        return vector_failed(reason, cap, "the line is malformed");
    const char *problem = vx6_msg_decode(&msg, scope, data, len);
    if (!problem && !refused)
        return check_accepted(&msg, line, data, len, reason, cap);
    if (problem && refused && strcmp(problem, refused) == 0)
        return VECTOR_PASSED;
    return vector_failed(reason, cap, "%s", problem ? problem : "accepted");
}
