/* SPDX-License-Identifier: MIT */
/* What others sent and was not taken, counted by its reason. Spec: spec/README.md, "The state
 * machine". */
#include "internal.h"
#include "schema.h"

enum {
#define CODE(name, number, fault, text) +1
    CODES = 0
#include "codes.def"
#undef CODE
};

/* NULL: nothing was refused for this reason. */
static struct refusal *find(const struct refusals *refusals, enum vx6_code code)
{
    for (uint32_t i = 0; i < refusals->count; i++) {
        if (refusals->items[i].code == code)
            return &refusals->items[i];
    }
    return NULL;
}

/* NULL: memory ran out. */
static struct refusal *add(struct vx6_node *node, enum vx6_code code)
{
    struct refusals *refusals = &node->refusals;
    if (refusals->count == refusals->capacity) {
        void *grown = env_grow(
            node->env, refusals->items, &refusals->capacity, sizeof *refusals->items, 1, CODES);
        if (grown == NULL)
            return NULL;
        refusals->items = grown;
    }
    struct refusal *refusal = &refusals->items[refusals->count++];
    *refusal = (struct refusal){.code = code};
    return refusal;
}

void refuse(struct vx6_node *node, enum vx6_event_kind kind, const vx6_addr *peer, uint8_t msg,
    size_t len, enum vx6_code code)
{
    struct refusal *refusal = find(&node->refusals, code);
    if (refusal == NULL)
        refusal = add(node, code);
    if (refusal != NULL)
        refusal->times++;
    trace(node, kind, peer, msg, len, code);
}

void refusals_free(struct vx6_node *node)
{
    struct refusals *refusals = &node->refusals;
    env_free(node->env, refusals->items, refusals->capacity * sizeof *refusals->items);
    *refusals = (struct refusals){0};
}

uint64_t vx6_node_refused(const vx6_node *node, enum vx6_code code)
{
    const struct refusal *refusal = find(&node->refusals, code);
    return refusal ? refusal->times : 0;
}

enum vx6_msg_type claimed_type(vx6_span message)
{
    const struct schema_layout *layout = message.len > 0 ? schema_message(message.data[0]) : NULL;
    return layout ? layout->type : VX6_MSG_NONE;
}
