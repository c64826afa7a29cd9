/* SPDX-License-Identifier: MIT */
/* What others sent and was not taken, counted by its reason. Spec: spec/README.md, "The state
 * machine". */
#include "internal.h"
#include "schema.h"

static enum code_row row_of(enum vx6_code code)
{
    switch (code) {
#define CODE(name, number, fault, text)                                                            \
    case VX6_##name:                                                                               \
        return CODE_ROW_##name;
#include "codes.def"
#undef CODE
    }
    return CODE_ROWS;
}

void refuse(struct vx6_node *node, enum vx6_event_kind kind, const vx6_addr *peer, uint8_t msg,
    size_t len, enum vx6_code code)
{
    enum code_row row = row_of(code);
    VX6_ASSERT(row < CODE_ROWS);
    node->refused[row]++;
    trace(node, kind, peer, msg, len, code);
}

uint64_t vx6_node_refused(const vx6_node *node, enum vx6_code code)
{
    enum code_row row = row_of(code);
    return row < CODE_ROWS ? node->refused[row] : 0;
}

enum vx6_msg_type claimed_type(vx6_span message)
{
    const struct schema_layout *layout = message.len > 0 ? schema_message(message.data[0]) : NULL;
    return layout ? layout->type : VX6_MSG_NONE;
}
