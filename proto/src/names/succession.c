/* SPDX-License-Identifier: MIT */
/* One step at a time, each of which is told to the driver, so that what it keeps and what is in
 * force here change alike. Whoever follows a key holds its successor from then on: so the first
 * successor that is seen stays. Spec: spec/names.md, "Rotation". */
#include "internal.h"

struct handover {
    struct handover *next;
    uint8_t from[32], to[32];
};

/* All that depends on the key, or nothing. VX6-NAME-016, VX6-NAME-026 */
static enum vx6_code step(struct vx6_node *node, const uint8_t from[32], const uint8_t to[32])
{
    struct succession *succession = &node->succession;
    struct handover *handover = env_alloc(node->env, sizeof *handover);
    enum vx6_code code = handover ? bindings_make_room(node, from, to) : VX6_NOMEM;
    if (code == VX6_OK)
        code = services_make_room(node, from, to);
    if (code != VX6_OK) {
        bindings_give_up(node);
        services_give_up(node);
        env_free(node->env, handover, sizeof *handover);
        return code;
    }
    memcpy(handover->from, from, sizeof handover->from);
    memcpy(handover->to, to, sizeof handover->to);
    if (succession->last)
        succession->last->next = handover;
    else
        succession->first = handover;
    succession->last = handover;
    bindings_follow(node, from);
    sessions_follow(node, from, to);
    services_follow(node, from, to);
    ready_post(&node->ready_list, &node->ready, NODE_READY_KEYS);
    trace(node, VX6_EVENT_key_followed, NULL, 0, 0, VX6_OK);
    return VX6_OK;
}

/* VX6-NAME-026: all the way, before the first step. */
static enum vx6_code check_room(struct vx6_node *node, const struct lineage *lineage,
    const uint8_t identity[32], const uint8_t from[32])
{
    enum vx6_code code = VX6_OK;
    uint32_t steps = 0;
    const uint8_t *key;
    for (key = from; (key = lineage_successor(lineage, identity, key)) != NULL;)
        steps++;
    for (key = from; steps > 0 && code == VX6_OK; steps--) {
        code = bindings_room(node, key, steps);
        if (code == VX6_OK)
            code = services_room(node, lineage, identity, key);
        key = lineage_successor(lineage, identity, key);
    }
    return code;
}

/* VX6-NAME-016: no key on the way may have been revoked. */
enum vx6_code succession_follow(struct vx6_node *node, const struct lineage *lineage,
    const uint8_t identity[32], const uint8_t from[32])
{
    const uint8_t *key;
    for (key = from; key; key = lineage_successor(lineage, identity, key)) {
        if (revoked_has(node, key) || bindings_came_by_revoked(node, key) ||
            services_came_by_revoked(node, key))
            return VX6_REVOKED;
    }
    enum vx6_code code = check_room(node, lineage, identity, from);
    uint8_t at[32];
    memcpy(at, from, sizeof at); /* what it stands in is about to change */
    while (code == VX6_OK && (key = lineage_successor(lineage, identity, at)) != NULL) {
        code = step(node, at, key);
        memcpy(at, key, sizeof at);
    }
    return code;
}

bool succession_output(struct vx6_node *node, struct vx6_out *out)
{
    struct succession *succession = &node->succession;
    struct handover *handover = succession->first;
    if (handover == NULL)
        return false;
    succession_reap(node);
    succession->first = handover->next;
    if (succession->first == NULL)
        succession->last = NULL;
    succession->told = handover;
    node->has_told = true;
    out->kind = VX6_OUT_KEY_FOLLOWED;
    out->value = (vx6_span){handover->from, sizeof handover->from};
    memcpy(out->key, handover->to, sizeof out->key);
    return true;
}

void succession_reap(struct vx6_node *node)
{
    struct succession *succession = &node->succession;
    if (succession->told == NULL)
        return;
    env_free(node->env, succession->told, sizeof *succession->told);
    succession->told = NULL;
}

void succession_free(struct vx6_node *node)
{
    struct succession *succession = &node->succession;
    succession_reap(node);
    while (succession->first) {
        struct handover *next = succession->first->next;
        env_free(node->env, succession->first, sizeof *succession->first);
        succession->first = next;
    }
    succession->last = NULL;
}
