/* SPDX-License-Identifier: MIT */
/* What happened, counted and told to whoever listens. Spec: spec/README.md, "The state machine". */
#include "internal.h"

void trace(struct vx6_node *node, enum vx6_event_kind kind, const vx6_addr *peer, uint8_t msg,
    size_t len, enum vx6_code code)
{
    node->counters[kind]++;
    const struct vx6_trace *sink = node->env->trace;
    if (sink == NULL)
        return;
    struct vx6_event event = {.now = node->now,
        .node_tag = node->tag,
        .kind = kind,
        .len = (uint32_t)len,
        .code = (uint16_t)code,
        .msg = msg};
    if (peer)
        event.peer = *peer;
    sink->event(sink->context, &event);
}
