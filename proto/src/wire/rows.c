/* SPDX-License-Identifier: MIT */
/* Messages and elements, read and written by straight code that messages.def expands to: whoever
 * lives by datagrams does little else. Spec: spec/wire.md. */
#include "codec.h"

/* VX6-WIRE-005 */
static const char *read_list(struct reader *reader, enum schema_element element, uint32_t max,
    vx6_list *list, struct failure *failure)
{
    if (reader->left < 1)
        return "truncated";
    list->count = *reader->at;
    if (list->count > max)
        return "too many";
    reader_take(reader, 1);
    list->bytes.data = reader->at;
    if (!elements_read(element, list->count, reader, failure))
        return failure->problem;
    list->bytes.len = (size_t)(reader->at - list->bytes.data);
    return NULL;
}

static bool write_list(struct writer *writer, uint32_t max, const vx6_list *list)
{
    return write_integer(writer, 1, 0, max, list->count) &&
           write_bytes(writer, list->bytes.data, list->bytes.len);
}

/* One large function for all messages would have to save for each what one of them needs. */
#define ALONE  static __attribute__((noinline))
#define INLINE static inline

/* clang-format off */
/* Compilers take it that a pointer points somewhere, and so that nothing succeeds. */
#define TRY(name, call)                                                                            \
    problem = (call);                                                                              \
    if (__builtin_expect(problem != NULL, false)) {                                                \
        failure->problem = problem;                                                                \
        failure->field = #name;                                                                    \
        return false;                                                                              \
    }
#define INTEGER(name, bits, min, max)                                                              \
    TRY(name, read_integer(&at, bits / 8, min, max, &value))                                       \
    dst->name = (uint##bits##_t)value;
#define OPEN(kind, name)                                                                           \
    kind bool read_##name(                                                                         \
        struct reader *reader, struct vx6_##name *dst, struct failure *failure)                    \
    {                                                                                              \
        struct reader at = *reader;                                                                \
        const char *problem;                                                                       \
        uint64_t value;
#define CLOSE                                                                                      \
        (void)value;                                                                               \
        *reader = at;                                                                              \
        return true;                                                                               \
    }

#define ELEM(name, doc)               OPEN(INLINE, name)
#define END_ELEM(name)                CLOSE
#define MSG(name, type, scope, doc)   OPEN(ALONE, name)
#define END(name)                     CLOSE
#define EMPTY(name, type, scope, doc)
#define U8(name, min, max, doc)       INTEGER(name, 8, min, max)
#define U16(name, min, max, doc)      INTEGER(name, 16, min, max)
#define U32(name, min, max, doc)      INTEGER(name, 32, min, max)
#define U64(name, min, max, doc)      INTEGER(name, 64, min, max)
#define BYTES(name, length, doc)      TRY(name, read_bytes(&at, length, dst->name))
#define OPAQUE(name, min, max, doc)   TRY(name, read_opaque(&at, min, max, &dst->name))
#define LABEL(name, doc)              TRY(name, read_label(&at, &dst->name))
#define LIST(name, element, max, doc)                                                              \
    TRY(name, read_list(&at, SCHEMA_##element, max, &dst->name, failure))
#define REST(name, max, doc)          TRY(name, read_rest(&at, max, &dst->name))
#include "messages.def"
#include "messages_undef.h"
#undef OPEN
#undef CLOSE

#define OPEN(kind, name)                                                                           \
    kind bool write_##name(struct writer *writer, const struct vx6_##name *src)                    \
    {                                                                                              \
        struct writer at = *writer;                                                                \
        bool fits = true
#define CLOSE                                                                                      \
        ;                                                                                          \
        *writer = at;                                                                              \
        return fits;                                                                               \
    }
#define ELEM(name, doc)               OPEN(INLINE, name)
#define END_ELEM(name)                CLOSE
#define MSG(name, type, scope, doc)   OPEN(ALONE, name)
#define END(name)                     CLOSE
#define EMPTY(name, type, scope, doc)
#define U8(name, min, max, doc)       && write_integer(&at, 1, min, max, src->name)
#define U16(name, min, max, doc)      && write_integer(&at, 2, min, max, src->name)
#define U32(name, min, max, doc)      && write_integer(&at, 4, min, max, src->name)
#define U64(name, min, max, doc)      && write_integer(&at, 8, min, max, src->name)
#define BYTES(name, length, doc)      && write_bytes(&at, src->name, length)
#define OPAQUE(name, min, max, doc)   && write_opaque(&at, min, max, src->name)
#define LABEL(name, doc)              && write_label(&at, src->name)
#define LIST(name, element, max, doc) && write_list(&at, max, &src->name)
#define REST(name, max, doc)          && write_rest(&at, max, src->name)
#include "messages.def"
#include "messages_undef.h"
/* clang-format on */

static bool is_of_scope(
    enum vx6_msg_scope scope, enum vx6_msg_scope wanted, const char *name, struct failure *failure)
{
    failure->message = name;
    if (scope != wanted)
        failure->problem = "wrong scope";
    return scope == wanted;
}

bool message_read(struct vx6_msg *msg, enum vx6_msg_scope scope, unsigned type,
    struct reader *reader, struct failure *failure)
{
    switch (type) {
#define MSG(name, type, scope_of, doc)                                                             \
    case type:                                                                                     \
        return is_of_scope(VX6_SCOPE_##scope_of, scope, #name, failure) &&                         \
               read_##name(reader, &msg->u.name, failure);
#define EMPTY(name, type, scope_of, doc)                                                           \
    case type:                                                                                     \
        return is_of_scope(VX6_SCOPE_##scope_of, scope, #name, failure);
#include "messages_names.h"
    default:
        failure->problem = "unknown type";
        return false;
    }
}

bool message_write(const struct vx6_msg *msg, struct writer *writer)
{
    switch ((unsigned)msg->type) {
#define MSG(name, type, scope, doc)                                                                \
    case type:                                                                                     \
        return write_##name(writer, &msg->u.name);
#define EMPTY(name, type, scope, doc)                                                              \
    case type:                                                                                     \
        return true;
#include "messages_names.h"
    default:
        VX6_ASSERT(false);
    }
}

/* Of what is read here, only whether it can be is of interest: compilers leave out the copies. */
#define ELEM(name, doc)                                                                            \
    static bool read_all_##name(uint32_t count, struct reader *reader, struct failure *failure)    \
    {                                                                                              \
        struct reader at = *reader;                                                                \
        for (uint32_t i = 0; i < count; i++) {                                                     \
            struct vx6_##name any;                                                                 \
            if (read_##name(&at, &any, failure))                                                   \
                continue;                                                                          \
            failure->index = i;                                                                    \
            failure->element_field = failure->field;                                               \
            return false;                                                                          \
        }                                                                                          \
        *reader = at;                                                                              \
        return true;                                                                               \
    }
#include "messages_elements.h"

bool elements_read(
    enum schema_element element, uint32_t count, struct reader *reader, struct failure *failure)
{
    switch (element) {
#define ELEM(name, doc)                                                                            \
    case SCHEMA_##name:                                                                            \
        return read_all_##name(count, reader, failure);
#include "messages_elements.h"
    case SCHEMA_flat:
    case SCHEMA_ELEMENT_END:
        break;
    }
    return false;
}

static struct reader list_reader(const vx6_list *list)
{
    return (struct reader){list->bytes.data, list->bytes.len};
}

static void list_advance(vx6_list *list, const struct reader *reader)
{
    list->count--;
    list->bytes = (vx6_span){reader->at, reader->left};
}

static struct writer list_writer(const vx6_list *list, uint8_t *storage, size_t cap)
{
    VX6_ASSERT(list->count == 0 || list->bytes.data == storage);
    VX6_ASSERT(list->bytes.len <= cap && list->count < UINT8_MAX);
    return (struct writer){storage + list->bytes.len, storage + cap};
}

static void list_extend(vx6_list *list, uint8_t *storage, const struct writer *writer)
{
    list->count++;
    list->bytes = (vx6_span){storage, (size_t)(writer->at - storage)};
}

#define ELEM(name, doc)                                                                            \
    bool vx6_next_##name(vx6_list *list, struct vx6_##name *dst)                                   \
    {                                                                                              \
        if (list->count == 0)                                                                      \
            return false; /* it may have no bytes at all */                                        \
        struct reader reader = list_reader(list);                                                  \
        struct failure failure;                                                                    \
        VX6_ASSERT(read_##name(&reader, dst, &failure));                                           \
        list_advance(list, &reader);                                                               \
        return true;                                                                               \
    }                                                                                              \
    bool vx6_push_##name(                                                                          \
        vx6_list *list, uint8_t *storage, size_t cap, const struct vx6_##name *src)                \
    {                                                                                              \
        struct writer writer = list_writer(list, storage, cap);                                    \
        if (!write_##name(&writer, src))                                                           \
            return false;                                                                          \
        list_extend(list, storage, &writer);                                                       \
        return true;                                                                               \
    }
#include "messages_elements.h"
