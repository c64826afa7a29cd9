/* SPDX-License-Identifier: MIT */
/* The message tables as data, for whoever walks them: the codec, tests and tools. Made from
 * schema/messages.def. Spec: spec/wire.md. */
#ifndef VX6_SCHEMA_H
#define VX6_SCHEMA_H

#include "vx6/msg.h"

enum schema_kind {
    SCHEMA_U8,
    SCHEMA_U16,
    SCHEMA_U32,
    SCHEMA_U64,
    SCHEMA_BYTES,
    SCHEMA_OPAQUE,
    SCHEMA_LABEL,
    SCHEMA_LIST,
    SCHEMA_REST
};

enum schema_element {
    SCHEMA_flat, /* the field is no list */
#define ELEM(name, doc) SCHEMA_##name,
#include "messages_elements.h"
    SCHEMA_ELEMENT_END
};

struct schema_field {
    const char *name;
    enum schema_kind kind;
    enum schema_element element; /* of a LIST */
    size_t offset;               /* in the C struct */
    uint64_t min, max;           /* integers: the value; LIST: elements; others: bytes */
    const char *doc;
};

/* A message or an element; elements have neither type nor scope. */
struct schema_layout {
    const char *name;
    enum vx6_msg_type type;
    enum vx6_msg_scope scope;
    const struct schema_field *fields;
    size_t field_count;
    const char *doc;
};

const struct schema_layout *schema_message(unsigned type); /* NULL: there is none */
const struct schema_layout *schema_element(enum schema_element element);

#endif
