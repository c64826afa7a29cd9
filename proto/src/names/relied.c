/* SPDX-License-Identifier: MIT */
/* A round goes through the keys in their order, so it needs no list of its own, and keys may come
 * and go meanwhile. One lookup at a time, and a pause between two. It goes on until all who are
 * asked have answered: a single holder that hides the tombstone does not end it.
 * Spec: spec/names.md, "Asking about revocations". */
#include "internal.h"

static void plan(struct vx6_node *node, vx6_ns from, vx6_ns pause)
{
    vx6_ns at = from + rng_jitter(&node->public_rng, pause);
    timer_set_part(&node->timers, TIMER_RELIED, at > node->now ? at : node->now);
}

/* VX6-NAME-031 */
static void plan_soon(struct vx6_node *node)
{
    plan(node, node->now, (vx6_ns)node->env->limits->publish_retry_ms * VX6_MILLISECOND);
}

/* Never later than it says, whatever the jitter. */
static void plan_round(struct vx6_node *node, vx6_ns from)
{
    plan(node, from, (vx6_ns)node->env->limits->revocation_ask_s * VX6_SECOND / 9 * 8);
}

/* The first key behind `after`, which may lie in `key`; false: there is none. */
static bool next_key(const struct vx6_node *node, const uint8_t after[32], uint8_t key[32])
{
    struct key_step step = {.after = after};
    bindings_show_keys(node, &step);
    services_show_keys(node, &step);
    if (step.is_found)
        memcpy(key, step.next, sizeof step.next);
    return step.is_found;
}

static bool has_keys(const struct vx6_node *node)
{
    uint8_t key[32] = {0};
    return next_key(node, key, key);
}

static void end_round(struct vx6_node *node)
{
    const struct relied_round round = *node->relied.round;
    relied_free(node);
    if (round.is_again_due)
        plan_soon(node);
    else if (has_keys(node))
        plan_round(node, round.began);
}

/* Of what this node remembers nobody needs to be asked. */
static bool find_next(struct vx6_node *node)
{
    struct relied_round *round = node->relied.round;
    memcpy(round->key, round->done, sizeof round->key);
    do {
        if (!next_key(node, round->key, round->key))
            return false;
    } while (revoked_remembers(node, round->key));
    return true;
}

/* The same key again: as far as this node knows, nobody was asked. */
static void try_later(struct vx6_node *node)
{
    struct relied *relied = &node->relied;
    const struct vx6_limits *limits = node->env->limits;
    uint32_t ms = relied->retry_ms == 0 ? limits->publish_retry_ms : relied->retry_ms * 2;
    relied->retry_ms = ms < limits->publish_retry_max_ms ? ms : limits->publish_retry_max_ms;
    plan(node, node->now, (vx6_ns)relied->retry_ms * VX6_MILLISECOND);
}

/* The one under way, or a new one; NULL: memory ran out. */
static struct relied_round *round_of(struct vx6_node *node)
{
    struct relied *relied = &node->relied;
    if (relied->round == NULL) {
        relied->round = env_alloc(node->env, sizeof *relied->round);
        if (relied->round)
            relied->round->began = node->now;
    }
    return relied->round;
}

/* VX6-NAME-030 */
void relied_timer(struct vx6_node *node)
{
    uint8_t target[32];
    struct relied_round *round = round_of(node);
    if (round == NULL) {
        try_later(node);
        return;
    }
    if (!find_next(node)) {
        end_round(node);
        return;
    }
    vx6_node_id(node->env->crypto, target, round->key);
    round->lookup = lookup_start(node, target, true, LOOKUP_RELIED, NULL);
    if (round->lookup == NULL)
        try_later(node);
}

/* VX6-NAME-032: nothing but the tombstone of this key is looked at. */
void relied_bundle(struct vx6_node *node, const struct lookup_value *value)
{
    struct tombstone tombstone;
    struct bundle bundle;
    if (tombstone_decode(value->bundle, &tombstone) != VX6_OK ||
        !bytes_equal(tombstone.identity, node->relied.round->key, 32) ||
        revoked_remembers(node, tombstone.identity))
        return;
    enum vx6_code code = bundle_check(node->env, node_unix_s(node), value->bundle, &bundle);
    if (code == VX6_OK)
        revoked_seen(node, value->bundle);
    else
        refuse(node, VX6_EVENT_bundle_refused, value->holder ? &value->holder->addr : NULL,
            VX6_MSG_value, value->bundle.len, code);
}

void relied_lookup_done(struct vx6_node *node, const struct lookup_result *result)
{
    struct relied *relied = &node->relied;
    struct relied_round *round = relied->round;
    round->lookup = NULL;
    if (result->closest_count == 0) {
        try_later(node);
        return;
    }
    relied->retry_ms = 0;
    memcpy(round->done, round->key, sizeof round->done);
    plan(node, node->now, (vx6_ns)node->env->limits->revocation_pace_ms * VX6_MILLISECOND);
}

void relied_joined(struct vx6_node *node)
{
    struct relied *relied = &node->relied;
    bool was_cut_off = !relied->joined || relied->retry_ms > 0;
    bool is_asking = relied->round && relied->round->lookup;
    relied->joined = true;
    relied->retry_ms = 0;
    if (was_cut_off && !is_asking && has_keys(node))
        plan_soon(node);
}

void relied_added(struct vx6_node *node, bool is_on_list)
{
    struct relied *relied = &node->relied;
    if (!relied->joined)
        return;
    if (relied->round)
        relied->round->is_again_due |= is_on_list;
    else if (is_on_list)
        plan_soon(node);
    else if (node->timers.deadlines[TIMER_RELIED] == VX6_NEVER)
        plan_round(node, node->now);
}

void relied_shutdown(struct vx6_node *node)
{
    struct relied *relied = &node->relied;
    if (relied->round && relied->round->lookup)
        lookup_cancel(node, relied->round->lookup);
    relied_free(node);
    relied->joined = false;
    timer_set_part(&node->timers, TIMER_RELIED, VX6_NEVER);
}

void relied_free(struct vx6_node *node)
{
    env_free(node->env, node->relied.round, sizeof *node->relied.round);
    node->relied.round = NULL;
}
