/* SPDX-License-Identifier: MIT */
/* Elements of lists, read and written by straight code that elements.def expands to: an answer has
 * twenty of them, and a simulated network reads little else. Spec: spec/wire.md. */
#include "codec.h"

/* clang-format off */
#define TRY(name, call)                                                                            \
    problem = (call);                                                                              \
    if (problem) {                                                                                 \
        failure->problem = problem;                                                                \
        failure->element_field = #name;                                                            \
        return false;                                                                              \
    }
#define READ(name, bits, min, max)                                                                 \
    TRY(name, read_integer(reader, bits / 8, min, max, &value))                                    \
    dst->name = (uint##bits##_t)value;

#define ELEM(name, doc)                                                                            \
    static inline bool read_##name(                                                                \
        struct reader *reader, struct vx6_##name *dst, struct failure *failure)                    \
    {                                                                                              \
        const char *problem;                                                                       \
        uint64_t value;
#define END_ELEM(name)                                                                             \
        (void)value;                                                                               \
        return true;                                                                               \
    }
#define U8(name, min, max, doc)  READ(name, 8, min, max)
#define U16(name, min, max, doc) READ(name, 16, min, max)
#define U32(name, min, max, doc) READ(name, 32, min, max)
#define U64(name, min, max, doc) READ(name, 64, min, max)
#define BYTES(name, length, doc) TRY(name, read_bytes(reader, length, dst->name))
#define LABEL(name, doc)         TRY(name, read_label(reader, &dst->name))
#include "elements.def"
#include "messages_undef.h"

#define ELEM(name, doc)                                                                            \
    static bool write_##name(struct writer *writer, const struct vx6_##name *src)                  \
    {                                                                                              \
        return true
#define END_ELEM(name) ; }
#define U8(name, min, max, doc)  && write_integer(writer, 1, min, max, src->name)
#define U16(name, min, max, doc) && write_integer(writer, 2, min, max, src->name)
#define U32(name, min, max, doc) && write_integer(writer, 4, min, max, src->name)
#define U64(name, min, max, doc) && write_integer(writer, 8, min, max, src->name)
#define BYTES(name, length, doc) && write_bytes(writer, src->name, length)
#define LABEL(name, doc)         && write_label(writer, src->name)
#include "elements.def"
#include "messages_undef.h"
/* clang-format on */

/* Of what is read here, only whether it can be is of interest: compilers leave out the copies. */
#define ELEM(name, doc)                                                                            \
    static bool read_all_##name(uint32_t count, struct reader *reader, struct failure *failure)    \
    {                                                                                              \
        struct reader at = *reader;                                                                \
        for (uint32_t i = 0; i < count; i++) {                                                     \
            struct vx6_##name any;                                                                 \
            failure->index = i;                                                                    \
            if (!read_##name(&at, &any, failure))                                                  \
                return false;                                                                      \
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
    return (struct reader){list->bytes.data, list->bytes.data + list->bytes.len};
}

static void list_advance(vx6_list *list, const struct reader *reader)
{
    list->count--;
    list->bytes = (vx6_span){reader->at, reader_left(reader)};
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
