/* SPDX-License-Identifier: MIT */
/* messages.def expanded into constant tables.
 *
 * A field row does not know which message it belongs to. So every message opens a block of its own,
 * in which `union owner` stands for the message's struct, and the rows take their offsets from
 * that. Spec: spec/wire.md. */
#include "schema.h"

enum {
    ELEMENTS = 256 /* elements are numbered after the message types */
};

/* clang-format off */
#define OPEN(name, type_value, scope_value, doc_text)                                              \
    {                                                                                              \
        union owner { struct vx6_##name of; };                                                     \
        enum { row_type = type_value, row_scope = scope_value };                                   \
        static const char row_doc[] = doc_text;                                                    \
        static const struct schema_field fields[] = {
#define CLOSE(name)                                                                                \
        };                                                                                         \
        static const struct schema_layout layout = {#name, (enum vx6_msg_type)row_type,            \
            (enum vx6_msg_scope)row_scope, fields, sizeof fields / sizeof fields[0], row_doc};     \
        return &layout;                                                                            \
    }
#define FIELD(name, kind, element, min, max, doc)                                                  \
    {#name, SCHEMA_##kind, SCHEMA_##element, offsetof(union owner, of.name), min, max, doc},

#define ELEM(name, doc)               case ELEMENTS + SCHEMA_##name: OPEN(name, VX6_MSG_NONE, 0, doc)
#define END_ELEM(name)                CLOSE(name)
#define MSG(name, type, scope, doc)   case type: OPEN(name, type, VX6_SCOPE_##scope, doc)
#define END(name)                     CLOSE(name)
#define EMPTY(name, type, scope, doc)                                                              \
    case type: {                                                                                   \
        static const struct schema_layout layout = {                                               \
            #name, VX6_MSG_##name, VX6_SCOPE_##scope, NULL, 0, doc};                               \
        return &layout;                                                                            \
    }
#define U8(name, min, max, doc)       FIELD(name, U8, flat, min, max, doc)
#define U16(name, min, max, doc)      FIELD(name, U16, flat, min, max, doc)
#define U32(name, min, max, doc)      FIELD(name, U32, flat, min, max, doc)
#define U64(name, min, max, doc)      FIELD(name, U64, flat, min, max, doc)
#define BYTES(name, length, doc)      FIELD(name, BYTES, flat, length, length, doc)
#define OPAQUE(name, min, max, doc)   FIELD(name, OPAQUE, flat, min, max, doc)
#define LABEL(name, doc)              FIELD(name, LABEL, flat, 1, VX6_LABEL_MAX, doc)
#define LIST(name, element, max, doc) FIELD(name, LIST, element, 0, max, doc)
#define REST(name, max, doc)          FIELD(name, REST, flat, 0, max, doc)
/* clang-format on */

static const struct schema_layout *find_layout(unsigned number)
{
    switch (number) {
#include "messages.def"
#include "messages_undef.h"
    default:
        return NULL;
    }
}

const struct schema_layout *schema_message(unsigned type)
{
    return type < ELEMENTS ? find_layout(type) : NULL;
}

const struct schema_layout *schema_element(enum schema_element element)
{
    return find_layout(ELEMENTS + (unsigned)element);
}
