/* SPDX-License-Identifier: MIT */
/* Random encodings of any message, made by walking its layout: an encoder of its own, so that the
 * codec is not tested with itself. One field can be twisted to a chosen value, which may lie
 * outside its bounds. */
#ifndef VX6_TEST_ARBITRARY_H
#define VX6_TEST_ARBITRARY_H

#include <string.h>

#include "schema.h"

struct arbitrary {
    uint64_t state; /* of the generator */
    const struct schema_field *twisted;
    uint64_t twist; /* the value, length or count that the twisted field gets */
    bool lists_full;
    size_t len;
    uint8_t data[33000];
};

static inline uint64_t arbitrary_next(struct arbitrary *any)
{
    uint64_t z = any->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* In [min, max], each bound often. */
static inline uint64_t arbitrary_value(struct arbitrary *any, uint64_t min, uint64_t max)
{
    uint64_t span = max - min;
    switch (arbitrary_next(any) % 8) {
    case 0:
        return min;
    case 1:
        return max;
    default:
        return span == UINT64_MAX ? arbitrary_next(any) : min + arbitrary_next(any) % (span + 1);
    }
}

static inline void arbitrary_put(struct arbitrary *any, uint64_t value, size_t size)
{
    for (size_t i = size; i-- > 0;)
        any->data[any->len++] = (uint8_t)(value >> 8 * i);
}

static inline void arbitrary_bytes(struct arbitrary *any, size_t len)
{
    for (size_t i = 0; i < len; i++)
        arbitrary_put(any, arbitrary_next(any), 1);
}

static inline void arbitrary_label(struct arbitrary *any, size_t len)
{
    static const char chars[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    for (size_t i = 0; i < len; i++) {
        bool edge = i == 0 || i + 1 == len;
        arbitrary_put(any, (uint8_t)chars[arbitrary_next(any) % (edge ? 36 : 37)], 1);
    }
}

/* Any field but a list. */
static inline void arbitrary_field(struct arbitrary *any, const struct schema_field *field)
{
    uint64_t value =
        field == any->twisted ? any->twist : arbitrary_value(any, field->min, field->max);
    switch (field->kind) {
    case SCHEMA_U8:
        arbitrary_put(any, value, 1);
        break;
    case SCHEMA_U16:
        arbitrary_put(any, value, 2);
        break;
    case SCHEMA_U32:
        arbitrary_put(any, value, 4);
        break;
    case SCHEMA_U64:
        arbitrary_put(any, value, 8);
        break;
    case SCHEMA_OPAQUE:
        arbitrary_put(any, value, 2);
        arbitrary_bytes(any, value);
        break;
    case SCHEMA_LABEL:
        arbitrary_put(any, value, 1);
        arbitrary_label(any, value);
        break;
    case SCHEMA_BYTES:
    case SCHEMA_REST:
        arbitrary_bytes(any, value);
        break;
    case SCHEMA_LIST:
        VX6_ASSERT(field->kind != SCHEMA_LIST);
        break;
    }
}

static inline void arbitrary_list(struct arbitrary *any, const struct schema_field *field)
{
    const struct schema_layout *element = schema_element(field->element);
    uint64_t count = any->lists_full ? field->max : arbitrary_value(any, field->min, field->max);
    if (field == any->twisted)
        count = any->twist;
    arbitrary_put(any, count, 1);
    for (uint64_t i = 0; i < count; i++) {
        for (size_t j = 0; j < element->field_count; j++)
            arbitrary_field(any, &element->fields[j]);
    }
}

static inline void arbitrary_message(struct arbitrary *any, const struct schema_layout *layout)
{
    any->len = 0;
    arbitrary_put(any, layout->type, 1);
    for (size_t i = 0; i < layout->field_count; i++) {
        if (layout->fields[i].kind == SCHEMA_LIST)
            arbitrary_list(any, &layout->fields[i]);
        else
            arbitrary_field(any, &layout->fields[i]);
    }
}

#endif
