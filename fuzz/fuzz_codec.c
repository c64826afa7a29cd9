/* SPDX-License-Identifier: MIT */
/* The input is a message of any scope. Bytes are either refused with a reason, or a message that
 * has this one encoding (VX6-WIRE-010, VX6-WIRE-011). */
#include <stdlib.h>

#include "fuzz.h"
#include "schema.h"

static void walk_lists(const struct schema_layout *layout, const struct vx6_msg *msg)
{
    for (size_t i = 0; i < layout->field_count; i++) {
        const struct schema_field *field = &layout->fields[i];
        vx6_list list;
        if (field->kind != SCHEMA_LIST)
            continue;
        memcpy(&list, (const uint8_t *)&msg->u + field->offset, sizeof list);
        VX6_ASSERT(list.count <= field->max);
        uint32_t count = list.count, seen = 0;
        switch (field->element) {
#define ELEM(name, doc)                                                                            \
    case SCHEMA_##name:                                                                            \
        for (struct vx6_##name element; vx6_next_##name(&list, &element);)                         \
            seen++;                                                                                \
        break;
#include "messages_elements.h"
        case SCHEMA_flat:
        case SCHEMA_ELEMENT_END:
            break;
        }
        VX6_ASSERT(seen == count && list.bytes.len == 0);
    }
}

static void check_accepted(
    const struct vx6_msg *msg, enum vx6_msg_scope scope, const uint8_t *data, size_t len)
{
    const struct schema_layout *layout = schema_message(data[0]);
    VX6_ASSERT(layout && layout->scope == scope && msg->type == layout->type);
    VX6_ASSERT(strcmp(vx6_msg_name(msg->type), layout->name) == 0);
    uint8_t *encoded = malloc(len);
    VX6_ASSERT(encoded);
    VX6_ASSERT(vx6_msg_encode(msg, encoded, len) == len);
    VX6_ASSERT(memcmp(encoded, data, len) == 0);
    VX6_ASSERT(vx6_msg_encode(msg, encoded, len - 1) == 0);
    free(encoded);
    walk_lists(layout, msg);
}

/* "find_node.target: truncated" */
static void check_refused(const struct vx6_msg *msg, const char *reason)
{
    VX6_ASSERT(msg->type == VX6_MSG_NONE);
    VX6_ASSERT(memchr(reason, 0, VX6_REASON_SIZE - 1) != NULL);
    const char *problem = strstr(reason, ": ");
    VX6_ASSERT(problem && problem > reason && problem[2] != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    int accepted = 0;
    for (int i = VX6_SCOPE_RECORD; i <= VX6_SCOPE_LINK; i++) {
        struct vx6_msg msg;
        enum vx6_msg_scope scope = (enum vx6_msg_scope)i;
        const char *reason = vx6_msg_decode(&msg, scope, data, len);
        if (reason) {
            check_refused(&msg, reason);
        } else {
            check_accepted(&msg, scope, data, len);
            accepted++;
        }
    }
    VX6_ASSERT(accepted <= 1);
    return 0;
}
