/* SPDX-License-Identifier: MIT */
/* vx6-schema prints spec/messages.md, the tables of proto/schema/ for people. The file is committed
 * and a test compares it, so that a change of a table shows in the spec. */
#include <inttypes.h>
#include <stdio.h>

#include "schema.h"
#include "vx6/node.h"

static uint64_t integer_max(enum schema_kind kind)
{
    return kind == SCHEMA_U64 ? UINT64_MAX : (UINT64_C(1) << (8u << kind)) - 1;
}

static void print_encoding(const struct schema_field *field)
{
    switch (field->kind) {
    case SCHEMA_U8:
    case SCHEMA_U16:
    case SCHEMA_U32:
    case SCHEMA_U64:
        printf("u%u", 8u << field->kind);
        break;
    case SCHEMA_BYTES:
        printf("%" PRIu64 " bytes", field->max);
        break;
    case SCHEMA_OPAQUE:
        printf("u16 length, bytes");
        break;
    case SCHEMA_LABEL:
        printf("u8 length, label");
        break;
    case SCHEMA_LIST:
        printf("u8 count, [%s](#%s)", schema_element(field->element)->name,
            schema_element(field->element)->name);
        break;
    case SCHEMA_REST:
        printf("all that is left");
        break;
    }
}

static void print_bounds(const struct schema_field *field)
{
    if (field->kind == SCHEMA_BYTES)
        return;
    if (field->kind <= SCHEMA_U64 && field->min == 0 && field->max == integer_max(field->kind))
        printf("any");
    else if (field->min == field->max)
        printf("%" PRIu64, field->min);
    else if (field->kind == SCHEMA_U64 && field->max == UINT64_MAX)
        printf("%" PRIu64 " and above", field->min);
    else
        printf("%" PRIu64 " to %" PRIu64, field->min, field->max);
    if (field->kind > SCHEMA_U64)
        printf(field->kind == SCHEMA_LIST ? " elements" : " bytes");
}

/* Smallest and largest size of the encoded field. */
static void field_size(const struct schema_field *field, uint64_t *min, uint64_t *max)
{
    uint64_t prefix = field->kind == SCHEMA_OPAQUE                                ? 2
                      : field->kind == SCHEMA_LABEL || field->kind == SCHEMA_LIST ? 1
                                                                                  : 0;
    if (field->kind <= SCHEMA_U64) {
        *min = *max = UINT64_C(1) << field->kind;
        return;
    }
    *min = prefix + field->min;
    *max = prefix + field->max;
}

static void layout_size(const struct schema_layout *layout, uint64_t *min, uint64_t *max)
{
    *min = *max = layout->type == VX6_MSG_NONE ? 0 : 1;
    for (size_t i = 0; i < layout->field_count; i++) {
        uint64_t field_min, field_max;
        field_size(&layout->fields[i], &field_min, &field_max);
        *min += field_min;
        *max += field_max;
    }
}

/* Lists hold flat elements, so this needs no recursion. */
static void message_size(const struct schema_layout *layout, uint64_t *min, uint64_t *max)
{
    layout_size(layout, min, max);
    for (size_t i = 0; i < layout->field_count; i++) {
        const struct schema_field *field = &layout->fields[i];
        uint64_t element_min, element_max;
        if (field->kind != SCHEMA_LIST)
            continue;
        layout_size(schema_element(field->element), &element_min, &element_max);
        *max += field->max * element_max - field->max;
    }
}

static void print_fields(const struct schema_layout *layout)
{
    uint64_t at = layout->type == VX6_MSG_NONE ? 0 : 1;
    bool fixed = true;
    printf("\n| at | field | encoding | bounds | meaning |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < layout->field_count; i++) {
        const struct schema_field *field = &layout->fields[i];
        uint64_t min, max;
        if (fixed)
            printf("| %" PRIu64 " | `%s` | ", at, field->name);
        else
            printf("| | `%s` | ", field->name);
        print_encoding(field);
        printf(" | ");
        print_bounds(field);
        printf(" | %s |\n", field->doc);
        field_size(field, &min, &max);
        fixed = fixed && min == max;
        at += max;
    }
}

static void print_layout(const struct schema_layout *layout)
{
    uint64_t min, max;
    message_size(layout, &min, &max);
    if (layout->type == VX6_MSG_NONE)
        printf("\n### %s\n\n", layout->name);
    else
        printf("\n### %s\n\nType 0x%02x. ", layout->name, (unsigned)layout->type);
    printf("%s ", layout->doc);
    if (min == max)
        printf("%" PRIu64 " byte%s.\n", min, min == 1 ? "" : "s");
    else
        printf("%" PRIu64 " to %" PRIu64 " bytes.\n", min, max);
    if (layout->field_count > 0)
        print_fields(layout);
}

static void print_scope(enum vx6_msg_scope scope, const char *title)
{
    printf("\n## %s\n", title);
    for (unsigned type = 0; type < 256; type++) {
        const struct schema_layout *layout = schema_message(type);
        if (layout && layout->scope == scope)
            print_layout(layout);
    }
}

static void print_elements(void)
{
    printf("\n## Elements of lists\n");
    for (int element = SCHEMA_flat + 1; element < SCHEMA_ELEMENT_END; element++)
        print_layout(schema_element((enum schema_element)element));
}

static void print_codes(void)
{
    printf(
        "\n## Codes\n\n"
        "Whose fault: the node's own (LOCAL), the other end's (PEER), the network's (WORLD), the\n"
        "person's who asked (USER), nobody's (NONE).\n\n"
        "| number | name | fault | in words |\n|---|---|---|---|\n");
#define CODE(name, number, fault, text)                                                            \
    printf("| %u | %s | %s | %s |\n", (unsigned)number, #name, #fault, text);
#include "codes.def"
#undef CODE
}

static void print_limits(void)
{
    printf(
        "\n## Limits\n\n"
        "What a node keeps to. Defaults are recommendations; a node may choose any value within\n"
        "the bounds.\n\n"
        "| limit | default | least | most | what |\n|---|---|---|---|---|\n");
#define LIMIT(name, value, min, max, why)                                                          \
    printf("| `%s` | %" PRIu64 " | %" PRIu64 " | %" PRIu64 " | %s |\n", #name, (uint64_t)value,    \
        (uint64_t)min, (uint64_t)max, why);
#include "limits.def"
#undef LIMIT
}

static void print_events(void)
{
    printf("\n## Trace events\n\n"
           "What the state machine reports and counts. Not on the wire.\n\n"
           "| event | when |\n|---|---|\n");
#define EVENT(name, doc) printf("| `%s` | %s |\n", #name, doc);
#include "events.def"
#undef EVENT
}

int main(void)
{
    printf(
        "# Messages, codes and limits\n\n"
        "Made by `vx6-schema` from the tables in `proto/schema/`; do not edit. How fields are\n"
        "encoded and refused: [wire.md](wire.md). `at` is the offset where it is fixed; the type\n"
        "is byte 0 of a message.\n");
    print_scope(VX6_SCOPE_RECORD, "Records");
    print_scope(VX6_SCOPE_QUERY, "Sealed queries");
    print_scope(VX6_SCOPE_LINK, "Frames of links");
    print_elements();
    print_codes();
    print_limits();
    print_events();
    return 0;
}
