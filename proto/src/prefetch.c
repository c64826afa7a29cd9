/* SPDX-License-Identifier: MIT */
/* What the next input will read, fetched while other nodes run: where nodes are many, memory is
 * what takes time. Each step reads only what the one before has fetched. Nothing depends on it. */
#include "prefetch.h"

#include "internal.h"

static void fetch_state(const struct vx6_node *node)
{
    prefetch(node, offsetof(struct vx6_node, queries) + offsetof(struct queries, contacts[1]));
    prefetch(&node->queries.load, sizeof node->queries.load + sizeof node->queries.tokens + 8);
    prefetch(&node->table, offsetof(struct table, bucket_count[24]));
    prefetch(&node->secret_rng, sizeof node->secret_rng + sizeof node->public_rng);
    prefetch(node->counters, sizeof node->counters);
    prefetch(node->keys.identity, 64);
    prefetch(node->endpoints, sizeof node->endpoints[0]);
    prefetch(&node->endpoint_count, sizeof node->endpoint_count);
}

void vx6_node_prefetch(
    const vx6_node *node, unsigned step, vx6_ns when, const uint8_t *data, size_t len)
{
    if (step == 0) {
        fetch_state(node);
        return;
    }
    if (step == 1 && node->discovery.timer.deadline <= when)
        prefetch(node->table.contacts, node->table.count * sizeof *node->table.contacts);
    query_prefetch(node, step, data, len);
    lookups_prefetch(node, step);
}
