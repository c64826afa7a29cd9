/* SPDX-License-Identifier: MIT */
/* What holds of a node at any time, whatever happened to it. */
#ifndef VX6_TEST_BOUNDS_H
#define VX6_TEST_BOUNDS_H

#include "internal.h"

/* Limits that a few peers reach soon. */
static inline void tighten(struct vx6_limits *limits)
{
    limits->link_max = 8;
    limits->link_pending_max = 4;
    limits->session_max = 4;
    limits->session_per_link_max = 3;
    limits->stream_max = 8;
    limits->stream_per_session_max = 4;
    limits->stream_window_bytes = limits->session_buffer_bytes = limits->node_buffer_bytes = 65536;
    limits->datagram_pending_max = 4;
    limits->query_max = 6;
    limits->lookup_max = 2;
    limits->op_max = 4;
    limits->contact_max = 32;
    limits->value_max = 16;
    limits->claimant_max = 2;
    limits->entry_max = 2;
    limits->newcomer_max = 2;
    limits->binding_max = 16;
    limits->known_max = 1;
    limits->service_max = 1;
    limits->rekey_records = 16;
    limits->lists_per_second = 8;
    limits->lists_per_key_per_second = 2;
}

/* VX6-NODE-010 */
static inline void check_bounds(const struct vx6_node *node)
{
    enum {
        STREAM_FLOOR = 16384 /* bytes that a stream may hold whatever the budgets say */
    };
    const struct vx6_limits *limits = node->env->limits;
    const uint64_t buffers = limits->node_buffer_bytes +
                             (uint64_t)limits->stream_max * STREAM_FLOOR +
                             (uint64_t)limits->session_max * limits->stream_window_bytes / 2;
    struct vx6_counts counts;
    vx6_node_counts(node, &counts);
    VX6_ASSERT(counts.links <= limits->link_max);
    VX6_ASSERT(counts.sessions <= limits->session_max);
    VX6_ASSERT(node->sessions.ended_count <= limits->session_max);
    VX6_ASSERT(counts.streams <= 2 * limits->stream_max);
    VX6_ASSERT(counts.contacts <= limits->contact_max);
    VX6_ASSERT(counts.bundles <= limits->value_max);
    VX6_ASSERT(counts.lookups <= limits->lookup_max);
    VX6_ASSERT(counts.operations <= limits->op_max);
    VX6_ASSERT(node->links.pending <= limits->link_pending_max);
    VX6_ASSERT(node->queries.count <= limits->query_max);
    VX6_ASSERT(node->queries.answer_count <= limits->datagram_pending_max);
    VX6_ASSERT(node->bindings.count <= limits->binding_max);
    VX6_ASSERT(node->known.count <= limits->known_max);
    VX6_ASSERT(node->sessions.sending <= buffers);
    VX6_ASSERT(node->sessions.granted <= buffers);
    for (uint32_t i = 0; i < node->queries.count; i++) /* none is overslept */
        VX6_ASSERT(node->timers.deadlines[TIMER_QUERY] <= node->queries.items[i].deadline);
}

#endif
