/* SPDX-License-Identifier: MIT */
/* Operations: each is made by one input and ends with one OP_DONE, whatever happens in between.
 * Spec: spec/names.md, "Operations". */
#include "internal.h"

enum {
    OP_READY_CANDIDATE = 1,
    OP_READY_DONE = 2
};

static void candidate_free(struct vx6_node *node, struct op_candidate *candidate)
{
    blob_drop(node->env, candidate->bundle);
    env_free(node->env, candidate, sizeof *candidate);
}

static void candidates_free(struct vx6_node *node, struct op *op)
{
    while (op->candidates != NULL) {
        struct op_candidate *candidate = op->candidates;
        op->candidates = candidate->next;
        candidate_free(node, candidate);
    }
    op->candidates_last = NULL;
}

static void op_release(struct vx6_node *node, struct op *op)
{
    candidates_free(node, op);
    env_free(node->env, op->value, op->value_len);
    env_free(node->env, op, sizeof *op);
}

/* Takes it out of every list; its ID is dead from now on. */
static void op_unlink(struct vx6_node *node, struct op *op)
{
    struct ops *ops = &node->ops;
    LIST_REMOVE(ops->first, ops->last, op);
    ops->count--;
    ready_remove(&node->ready_list, &op->ready);
    slots_remove(&node->slots, op->id);
}

struct op *op_new(struct vx6_node *node, enum op_kind kind, enum vx6_code *code)
{
    struct ops *ops = &node->ops;
    if (ops->count >= node->env->limits->op_max) {
        trace(node, VX6_EVENT_limit_reached, NULL, 0, 0, VX6_LIMIT);
        *code = VX6_LIMIT;
        return NULL;
    }
    *code = VX6_NOMEM;
    struct op *op = env_alloc(node->env, sizeof *op);
    if (op == NULL)
        return NULL;
    op->id = slots_add(node->env, &node->slots, SLOT_OP, op);
    if (op->id.bits == 0) {
        env_free(node->env, op, sizeof *op);
        return NULL;
    }
    op->kind = kind;
    op->ready.kind = READY_OP;
    LIST_APPEND(ops->first, ops->last, op);
    ops->count++;
    *code = VX6_OK;
    return op;
}

void op_free(struct vx6_node *node, struct op *op)
{
    op_unlink(node, op);
    op_release(node, op);
}

bool op_add_candidate(
    struct vx6_node *node, struct op *op, struct blob *bundle, const uint8_t key[32])
{
    struct op_candidate *candidate = env_alloc(node->env, sizeof *candidate);
    if (candidate == NULL)
        return false;
    candidate->bundle = blob_hold(bundle);
    memcpy(candidate->key, key, sizeof candidate->key);
    if (op->candidates_last)
        op->candidates_last->next = candidate;
    else
        op->candidates = candidate;
    op->candidates_last = candidate;
    ready_post(&node->ready_list, &op->ready, OP_READY_CANDIDATE);
    return true;
}

void op_done(struct vx6_node *node, struct op *op, enum vx6_code code)
{
    VX6_ASSERT(!(op->ready.pending & OP_READY_DONE));
    op->work = NULL;
    op->code = code;
    ready_post(&node->ready_list, &op->ready, OP_READY_DONE);
}

static void op_stop(struct vx6_node *node, struct op *op, enum vx6_code code)
{
    if (op->ready.pending & OP_READY_DONE)
        return;
    if (op->work != NULL && op->kind == OP_RESOLVE)
        resolve_cancel(node, op->work);
    else if (op->work != NULL && op->kind == OP_LOOKUP)
        lookup_cancel(node, op->work);
    else if (op->work != NULL && op->kind == OP_LIST)
        listing_cancel(node, op->work);
    else if (op->work != NULL && op->kind == OP_REACH)
        reach_cancel(node, op);
    op_done(node, op, code);
}

void op_cancel(struct vx6_node *node, struct op *op)
{
    op_stop(node, op, VX6_CANCELLED);
}

void ops_shutdown(struct vx6_node *node)
{
    for (struct op *op = node->ops.first; op; op = op->next)
        op_stop(node, op, VX6_SHUTDOWN);
}

enum vx6_code op_lookup_start(struct vx6_node *node, const uint8_t target[32], vx6_id *id)
{
    enum vx6_code code;
    struct op *op = op_new(node, OP_LOOKUP, &code);
    if (op == NULL)
        return code;
    op->work = lookup_start(node, target, false, LOOKUP_OP, op);
    if (op->work == NULL) {
        op_free(node, op);
        return lookup_refusal(node);
    }
    *id = op->id;
    return VX6_OK;
}

static enum vx6_code keep_hints(
    struct vx6_node *node, struct op *op, const struct lookup_result *result)
{
    uint32_t len = result->closest_count * VX6_HINT_SIZE;
    if (len == 0)
        return VX6_OK;
    op->value = env_alloc(node->env, len);
    if (op->value == NULL)
        return VX6_NOMEM;
    op->value_len = len;
    vx6_list list = {0};
    for (uint32_t i = 0; i < result->closest_count; i++) {
        const struct peer *peer = result->closest[i].peer;
        struct vx6_hint hint = {.port = peer->addr.port};
        memcpy(hint.key, peer->key, sizeof hint.key);
        memcpy(hint.ip, peer->addr.ip, sizeof hint.ip);
        bool pushed = vx6_push_hint(&list, op->value, len, &hint);
        VX6_ASSERT(pushed);
    }
    return VX6_OK;
}

void op_lookup_done(struct vx6_node *node, void *context, const struct lookup_result *result)
{
    struct op *op = context;
    op->hops = result->hops;
    op->queries = result->queries;
    op->lost = result->lost;
    enum vx6_code code = keep_hints(node, op, result);
    op_done(node, op, code == VX6_OK ? result->code : code);
}

static void show_candidate(struct vx6_node *node, struct op *op, struct vx6_out *out)
{
    struct op_candidate *candidate = op->candidates;
    op->candidates = candidate->next;
    if (op->candidates == NULL) {
        op->candidates_last = NULL;
        ready_take(&node->ready_list, &op->ready, OP_READY_CANDIDATE);
    }
    out->kind = VX6_OUT_CANDIDATE;
    out->id = op->id;
    memcpy(out->key, candidate->key, sizeof out->key);
    out->value = (vx6_span){candidate->bundle->data, candidate->bundle->len};
    node->ops.told_candidate = candidate;
    node->has_told = true;
}

bool op_output(struct vx6_node *node, struct ready *ready, struct vx6_out *out)
{
    struct op *op = CONTAINER_OF(ready, struct op, ready);
    ops_reap(node);
    if (op->candidates != NULL) {
        show_candidate(node, op, out);
        return true;
    }
    VX6_ASSERT(ready->pending & OP_READY_DONE);
    out->kind = VX6_OUT_OP_DONE;
    out->id = op->id;
    out->code = op->code;
    out->peer = op->peer;
    memcpy(out->key, op->key, sizeof out->key);
    out->hops = op->hops;
    out->queries = op->queries;
    out->lost = op->lost;
    out->value = (vx6_span){op->value, op->value_len};
    op_unlink(node, op);
    node->ops.told = op;
    node->has_told = true;
    return true;
}

void ops_reap(struct vx6_node *node)
{
    if (node->ops.told_candidate != NULL) {
        candidate_free(node, node->ops.told_candidate);
        node->ops.told_candidate = NULL;
    }
    if (node->ops.told != NULL) {
        op_release(node, node->ops.told);
        node->ops.told = NULL;
    }
}

/* Their work is freed by its own part. */
void ops_free(struct vx6_node *node)
{
    ops_reap(node);
    while (node->ops.first != NULL)
        op_free(node, node->ops.first);
}
