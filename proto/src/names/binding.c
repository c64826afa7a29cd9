/* SPDX-License-Identifier: MIT */
/* Which key a name means to this node: by first use, or because the driver said so.
 * Spec: spec/names.md, "Bindings". */
#include "internal.h"

static vx6_span binding_label(const struct binding *binding)
{
    return (vx6_span){(const uint8_t *)binding->label, binding->label_len};
}

/* Index of the first binding whose label is not before `label`. */
static uint32_t binding_index(const struct bindings *bindings, vx6_span label)
{
    uint32_t low = 0, high = bindings->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (label_compare(binding_label(&bindings->items[middle]), label) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct binding *binding_at(const struct vx6_node *node, vx6_span label)
{
    uint32_t index = binding_index(&node->bindings, label);
    if (index == node->bindings.count)
        return NULL;
    struct binding *binding = &node->bindings.items[index];
    return span_equal(binding_label(binding), label) ? binding : NULL;
}

const struct binding *binding_find(const struct vx6_node *node, vx6_span label)
{
    return binding_at(node, label);
}

static enum vx6_code make_room(struct vx6_node *node)
{
    struct bindings *bindings = &node->bindings;
    uint32_t max = node->env->limits->binding_max;
    if (bindings->count >= max) {
        trace(node, VX6_EVENT_limit_reached, NULL, 0, 0, VX6_LIMIT);
        return VX6_LIMIT;
    }
    if (bindings->count < bindings->capacity)
        return VX6_OK;
    struct binding *items =
        env_grow(node->env, bindings->items, &bindings->capacity, sizeof *items, 4, max);
    if (items == NULL)
        return VX6_NOMEM;
    bindings->items = items;
    return VX6_OK;
}

/* Takes over `before`, unless it fails. */
static enum vx6_code binding_insert(
    struct vx6_node *node, vx6_span label, const uint8_t key[32], struct blob *before, bool untold)
{
    VX6_ASSERT(vx6_label_is_valid(label));
    enum vx6_code code = make_room(node);
    if (code != VX6_OK)
        return code;
    struct bindings *bindings = &node->bindings;
    uint32_t index = binding_index(bindings, label);
    struct binding *binding = &bindings->items[index];
    memmove(binding + 1, binding, (bindings->count - index) * sizeof *binding);
    *binding =
        (struct binding){.untold = untold, .label_len = (uint8_t)label.len, .before = before};
    memcpy(binding->key, key, sizeof binding->key);
    memcpy(binding->label, label.data, label.len);
    bindings->count++;
    bindings->untold += untold;
    relied_added(node, false);
    return VX6_OK;
}

static size_t rivals_size(const struct vx6_node *node, const struct binding *binding)
{
    return node->env->limits->claimant_max * sizeof *binding->rivals;
}

static void rivals_forget(struct vx6_node *node, struct binding *binding)
{
    node->bindings.rivals_untold -= binding->rival_count - binding->rivals_told;
    env_free(node->env, binding->rivals, rivals_size(node, binding));
    binding->rivals = NULL;
    binding->rival_count = binding->rivals_told = 0;
}

enum vx6_code binding_set(
    struct vx6_node *node, vx6_span label, const uint8_t key[32], vx6_span before)
{
    struct binding *binding = binding_at(node, label);
    struct blob *list;
    enum vx6_code code = before_get(node, before, &list);
    if (code == VX6_OK && binding == NULL)
        code = binding_insert(node, label, key, list, false);
    if (code != VX6_OK)
        blob_drop(node->env, list);
    if (code != VX6_OK || binding == NULL)
        return code;
    blob_drop(node->env, binding->before);
    binding->before = list;
    memcpy(binding->key, key, sizeof binding->key);
    rivals_forget(node, binding);
    node->bindings.untold -= binding->untold;
    binding->untold = false;
    return VX6_OK;
}

/* VX6-NAME-005: what is bound stays bound. */
enum vx6_code binding_first_use(struct vx6_node *node, vx6_span label, const uint8_t key[32])
{
    const struct binding *binding = binding_at(node, label);
    if (binding != NULL)
        return bytes_equal(binding->key, key, 32) ? VX6_OK : VX6_KEY_MISMATCH;
    enum vx6_code code = binding_insert(node, label, key, NULL, true);
    if (code == VX6_OK) {
        ready_post(&node->ready_list, &node->ready, NODE_READY_BOUND);
        trace(node, VX6_EVENT_name_bound, NULL, 0, label.len, VX6_OK);
    }
    return code;
}

void binding_remove(struct vx6_node *node, vx6_span label)
{
    struct bindings *bindings = &node->bindings;
    struct binding *binding = binding_at(node, label);
    if (binding == NULL)
        return;
    bindings->untold -= binding->untold;
    rivals_forget(node, binding);
    blob_drop(node->env, binding->before);
    bindings->count--;
    size_t index = (size_t)(binding - bindings->items);
    memmove(binding, binding + 1, (bindings->count - index) * sizeof *binding);
}

/* ---- rotation ---- */

enum vx6_code bindings_room(struct vx6_node *node, const uint8_t key[32], uint32_t steps)
{
    const struct bindings *bindings = &node->bindings;
    enum vx6_code code = VX6_OK;
    for (uint32_t i = 0; i < bindings->count && code == VX6_OK; i++) {
        if (bytes_equal(bindings->items[i].key, key, 32))
            code = before_room(node, bindings->items[i].before, steps);
    }
    return code;
}

enum vx6_code bindings_make_room(struct vx6_node *node, const uint8_t from[32])
{
    struct bindings *bindings = &node->bindings;
    enum vx6_code code = VX6_OK;
    for (uint32_t i = 0; i < bindings->count && code == VX6_OK; i++) {
        struct binding *binding = &bindings->items[i];
        if (bytes_equal(binding->key, from, 32))
            code = before_longer(node, binding->before, from, &binding->longer);
    }
    return code;
}

void bindings_give_up(struct vx6_node *node)
{
    for (uint32_t i = 0; i < node->bindings.count; i++) {
        blob_drop(node->env, node->bindings.items[i].longer);
        node->bindings.items[i].longer = NULL;
    }
}

/* VX6-NAME-016 */
void bindings_follow(struct vx6_node *node, const uint8_t from[32], const uint8_t to[32])
{
    struct bindings *bindings = &node->bindings;
    for (uint32_t i = 0; i < bindings->count; i++) {
        struct binding *binding = &bindings->items[i];
        if (!bytes_equal(binding->key, from, 32))
            continue;
        blob_drop(node->env, binding->before);
        binding->before = binding->longer;
        binding->longer = NULL;
        memcpy(binding->key, to, sizeof binding->key);
    }
}

bool bindings_have(const struct vx6_node *node, const uint8_t key[32])
{
    const struct bindings *bindings = &node->bindings;
    for (uint32_t i = 0; i < bindings->count; i++) {
        const struct binding *binding = &bindings->items[i];
        if (bytes_equal(binding->key, key, 32) || before_has(binding->before, key))
            return true;
    }
    return false;
}

bool bindings_came_by_revoked(const struct vx6_node *node, const uint8_t key[32])
{
    const struct bindings *bindings = &node->bindings;
    for (uint32_t i = 0; i < bindings->count; i++) {
        const struct binding *binding = &bindings->items[i];
        if (bytes_equal(binding->key, key, 32) && before_is_revoked(node, binding->before))
            return true;
    }
    return false;
}

void bindings_show_keys(const struct vx6_node *node, struct key_step *step)
{
    const struct bindings *bindings = &node->bindings;
    for (uint32_t i = 0; i < bindings->count; i++) {
        key_step_see(step, bindings->items[i].key);
        before_show(bindings->items[i].before, step);
    }
}

static bool is_known_rival(const struct binding *binding, const uint8_t rival[32])
{
    for (uint32_t i = 0; i < binding->rival_count; i++) {
        if (bytes_equal(binding->rivals[i], rival, 32))
            return true;
    }
    return false;
}

/* VX6-NAME-017: without memory for it, the driver hears of it when it is shown again. */
void binding_clash(struct vx6_node *node, vx6_span label, const uint8_t rival[32])
{
    struct binding *binding = binding_at(node, label);
    if (binding == NULL || binding->rival_count >= node->env->limits->claimant_max ||
        is_known_rival(binding, rival))
        return;
    if (binding->rivals == NULL)
        binding->rivals = env_alloc(node->env, rivals_size(node, binding));
    if (binding->rivals == NULL)
        return;
    memcpy(binding->rivals[binding->rival_count++], rival, sizeof *binding->rivals);
    node->bindings.rivals_untold++;
    ready_post(&node->ready_list, &node->ready, NODE_READY_KEYS);
    trace(node, VX6_EVENT_key_clash, NULL, 0, label.len, VX6_KEY_MISMATCH);
}

bool binding_clash_output(struct vx6_node *node, struct vx6_out *out)
{
    struct bindings *bindings = &node->bindings;
    for (uint32_t i = 0; i < bindings->count && bindings->rivals_untold > 0; i++) {
        struct binding *binding = &bindings->items[i];
        if (binding->rivals_told == binding->rival_count)
            continue;
        bindings->rivals_untold--;
        out->kind = VX6_OUT_KEY_CLASH;
        out->value = binding_label(binding);
        memcpy(out->key, binding->rivals[binding->rivals_told++], sizeof out->key);
        return true;
    }
    return false;
}

bool binding_output(struct vx6_node *node, struct vx6_out *out)
{
    struct bindings *bindings = &node->bindings;
    for (uint32_t i = 0; i < bindings->count && bindings->untold > 0; i++) {
        struct binding *binding = &bindings->items[i];
        if (!binding->untold)
            continue;
        binding->untold = false;
        bindings->untold--;
        if (bindings->untold > 0)
            ready_post(&node->ready_list, &node->ready, NODE_READY_BOUND);
        out->kind = VX6_OUT_NAME_BOUND;
        out->value = binding_label(binding);
        /* What has been followed since is told after this. */
        memcpy(out->key, binding->before ? binding->before->data : binding->key, sizeof out->key);
        return true;
    }
    return false;
}

void bindings_free(struct vx6_node *node)
{
    struct bindings *bindings = &node->bindings;
    for (uint32_t i = 0; i < bindings->count; i++) {
        rivals_forget(node, &bindings->items[i]);
        blob_drop(node->env, bindings->items[i].before);
    }
    env_free(node->env, bindings->items, bindings->capacity * sizeof *bindings->items);
    *bindings = (struct bindings){0};
}
