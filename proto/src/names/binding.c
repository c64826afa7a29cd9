/* SPDX-License-Identifier: MIT */
/* Which key a name means to this node: by first use, or because the driver said so.
 * Spec: spec/names.md, "Bindings". */
#include "internal.h"

/* What few names have. */
struct history {
    struct blob *before; /* keys by which it came; the last of them is its root: before.h */
    struct blob
        *bound_next; /* while a key is followed: what `bound` and `before` are about to be */
    struct blob *before_next;
    uint8_t (*rivals)[32]; /* that were refused as another successor; NULL: none */
    uint8_t rival_count, rivals_told;
    bool untold; /* made by first use; the driver has yet to hear of it */
};

struct blob *binding_before(const struct binding *binding)
{
    return binding->history ? binding->history->before : NULL;
}

static vx6_span binding_label(const struct binding *binding)
{
    return (vx6_span){binding->bound->data + 32, binding->bound->len - 32};
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

/* ---- one binding ---- */

static struct blob *bound_get(struct vx6_node *node, const uint8_t key[32], vx6_span label)
{
    uint8_t bytes[32 + VX6_LABEL_MAX];
    VX6_ASSERT(vx6_label_is_valid(label));
    memcpy(bytes, key, 32);
    memcpy(bytes + 32, label.data, label.len);
    return blob_get(node->env, (vx6_span){bytes, 32 + label.len});
}

/* NULL: no memory. */
static struct history *history_get(struct vx6_node *node, struct binding *binding)
{
    if (binding->history == NULL)
        binding->history = env_alloc(node->env, sizeof *binding->history);
    return binding->history;
}

static void history_forget(struct vx6_node *node, struct binding *binding)
{
    env_free(node->env, binding->history, sizeof *binding->history);
    binding->history = NULL;
}

static void history_forget_empty(struct vx6_node *node, struct binding *binding)
{
    const struct history *history = binding->history;
    if (history && history->before == NULL && history->rivals == NULL && !history->untold)
        history_forget(node, binding);
}

static size_t rivals_size(const struct vx6_node *node, const struct history *history)
{
    return node->env->limits->claimant_max * sizeof *history->rivals;
}

static void binding_drop(struct vx6_node *node, struct binding *binding)
{
    struct history *history = binding->history;
    blob_drop(node->env, binding->bound);
    if (history == NULL)
        return;
    node->bindings.untold -= history->untold;
    node->bindings.rivals_untold -= history->rival_count - history->rivals_told;
    env_free(node->env, history->rivals, rivals_size(node, history));
    blob_drop(node->env, history->before);
    history_forget(node, binding);
}

/* Takes over `before`. False: no memory. */
static bool binding_make(struct vx6_node *node, vx6_span label, const uint8_t key[32],
    struct blob *before, bool untold, struct binding *made)
{
    *made = (struct binding){.bound = bound_get(node, key, label)};
    if (made->bound && !before && !untold)
        return true;
    if (made->bound == NULL || history_get(node, made) == NULL) {
        blob_drop(node->env, before);
        blob_drop(node->env, made->bound);
        return false;
    }
    made->history->before = before;
    made->history->untold = untold;
    node->bindings.untold += untold;
    return true;
}

/* Takes it over. */
static enum vx6_code binding_insert(struct vx6_node *node, struct binding *made)
{
    enum vx6_code code = make_room(node);
    if (code != VX6_OK) {
        binding_drop(node, made);
        return code;
    }
    struct bindings *bindings = &node->bindings;
    uint32_t index = binding_index(bindings, binding_label(made));
    struct binding *binding = &bindings->items[index];
    memmove(binding + 1, binding, (bindings->count - index) * sizeof *binding);
    *binding = *made;
    bindings->count++;
    relied_added(node, false);
    return VX6_OK;
}

enum vx6_code binding_set(
    struct vx6_node *node, vx6_span label, const uint8_t key[32], vx6_span before)
{
    struct binding made, *old = binding_at(node, label);
    struct blob *list;
    enum vx6_code code = before_get(node, before, &list);
    if (code != VX6_OK)
        return code;
    if (!binding_make(node, label, key, list, false, &made))
        return VX6_NOMEM;
    if (old == NULL)
        return binding_insert(node, &made);
    binding_drop(node, old);
    *old = made;
    return VX6_OK;
}

/* VX6-NAME-005: what is bound stays bound. */
enum vx6_code binding_first_use(struct vx6_node *node, vx6_span label, const uint8_t key[32])
{
    const struct binding *binding = binding_at(node, label);
    if (binding != NULL)
        return bytes_equal(binding_key(binding), key, 32) ? VX6_OK : VX6_KEY_MISMATCH;
    struct binding made;
    if (!binding_make(node, label, key, NULL, true, &made))
        return VX6_NOMEM;
    enum vx6_code code = binding_insert(node, &made);
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
    binding_drop(node, binding);
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
        if (bytes_equal(binding_key(&bindings->items[i]), key, 32))
            code = before_room(node, binding_before(&bindings->items[i]), steps);
    }
    return code;
}

static enum vx6_code make_next(struct vx6_node *node, struct binding *binding, const uint8_t to[32])
{
    struct history *history = history_get(node, binding);
    if (history == NULL)
        return VX6_NOMEM;
    history->bound_next = bound_get(node, to, binding_label(binding));
    if (history->bound_next == NULL)
        return VX6_NOMEM;
    return before_longer(node, history->before, binding_key(binding), &history->before_next);
}

enum vx6_code bindings_make_room(
    struct vx6_node *node, const uint8_t from[32], const uint8_t to[32])
{
    struct bindings *bindings = &node->bindings;
    enum vx6_code code = VX6_OK;
    for (uint32_t i = 0; i < bindings->count && code == VX6_OK; i++) {
        if (bytes_equal(binding_key(&bindings->items[i]), from, 32))
            code = make_next(node, &bindings->items[i], to);
    }
    return code;
}

void bindings_give_up(struct vx6_node *node)
{
    for (uint32_t i = 0; i < node->bindings.count; i++) {
        struct binding *binding = &node->bindings.items[i];
        struct history *history = binding->history;
        if (history == NULL)
            continue;
        blob_drop(node->env, history->bound_next);
        blob_drop(node->env, history->before_next);
        history->bound_next = history->before_next = NULL;
        history_forget_empty(node, binding);
    }
}

/* VX6-NAME-016 */
void bindings_follow(struct vx6_node *node, const uint8_t from[32])
{
    struct bindings *bindings = &node->bindings;
    for (uint32_t i = 0; i < bindings->count; i++) {
        struct binding *binding = &bindings->items[i];
        struct history *history = binding->history;
        if (!bytes_equal(binding_key(binding), from, 32))
            continue;
        blob_drop(node->env, binding->bound);
        blob_drop(node->env, history->before);
        binding->bound = history->bound_next;
        history->before = history->before_next;
        history->bound_next = history->before_next = NULL;
    }
}

bool bindings_have(const struct vx6_node *node, const uint8_t key[32])
{
    const struct bindings *bindings = &node->bindings;
    for (uint32_t i = 0; i < bindings->count; i++) {
        const struct binding *binding = &bindings->items[i];
        if (bytes_equal(binding_key(binding), key, 32) || before_has(binding_before(binding), key))
            return true;
    }
    return false;
}

bool bindings_came_by_revoked(const struct vx6_node *node, const uint8_t key[32])
{
    const struct bindings *bindings = &node->bindings;
    for (uint32_t i = 0; i < bindings->count; i++) {
        const struct binding *binding = &bindings->items[i];
        if (bytes_equal(binding_key(binding), key, 32) &&
            before_is_revoked(node, binding_before(binding)))
            return true;
    }
    return false;
}

void bindings_show_keys(const struct vx6_node *node, struct key_step *step)
{
    const struct bindings *bindings = &node->bindings;
    for (uint32_t i = 0; i < bindings->count; i++) {
        key_step_see(step, binding_key(&bindings->items[i]));
        before_show(binding_before(&bindings->items[i]), step);
    }
}

static bool is_known_rival(const struct history *history, const uint8_t rival[32])
{
    for (uint32_t i = 0; i < history->rival_count; i++) {
        if (bytes_equal(history->rivals[i], rival, 32))
            return true;
    }
    return false;
}

/* VX6-NAME-017: without memory for it, the driver hears of it when it is shown again. */
void binding_clash(struct vx6_node *node, vx6_span label, const uint8_t rival[32])
{
    struct binding *binding = binding_at(node, label);
    struct history *history = binding ? history_get(node, binding) : NULL;
    if (history == NULL || history->rival_count >= node->env->limits->claimant_max ||
        is_known_rival(history, rival))
        return;
    if (history->rivals == NULL)
        history->rivals = env_alloc(node->env, rivals_size(node, history));
    if (history->rivals == NULL) {
        history_forget_empty(node, binding);
        return;
    }
    memcpy(history->rivals[history->rival_count++], rival, sizeof *history->rivals);
    node->bindings.rivals_untold++;
    ready_post(&node->ready_list, &node->ready, NODE_READY_KEYS);
    trace(node, VX6_EVENT_key_clash, NULL, 0, label.len, VX6_KEY_MISMATCH);
}

bool binding_clash_output(struct vx6_node *node, struct vx6_out *out)
{
    struct bindings *bindings = &node->bindings;
    for (uint32_t i = 0; i < bindings->count && bindings->rivals_untold > 0; i++) {
        struct history *history = bindings->items[i].history;
        if (history == NULL || history->rivals_told == history->rival_count)
            continue;
        bindings->rivals_untold--;
        out->kind = VX6_OUT_KEY_CLASH;
        out->value = binding_label(&bindings->items[i]);
        memcpy(out->key, history->rivals[history->rivals_told++], sizeof out->key);
        return true;
    }
    return false;
}

bool binding_output(struct vx6_node *node, struct vx6_out *out)
{
    struct bindings *bindings = &node->bindings;
    for (uint32_t i = 0; i < bindings->count && bindings->untold > 0; i++) {
        struct binding *binding = &bindings->items[i];
        struct history *history = binding->history;
        if (history == NULL || !history->untold)
            continue;
        history->untold = false;
        bindings->untold--;
        if (bindings->untold > 0)
            ready_post(&node->ready_list, &node->ready, NODE_READY_BOUND);
        out->kind = VX6_OUT_NAME_BOUND;
        out->value = binding_label(binding);
        /* What has been followed since is told after this. */
        memcpy(out->key, history->before ? history->before->data : binding_key(binding),
            sizeof out->key);
        history_forget_empty(node, binding);
        return true;
    }
    return false;
}

void bindings_free(struct vx6_node *node)
{
    struct bindings *bindings = &node->bindings;
    for (uint32_t i = 0; i < bindings->count; i++)
        binding_drop(node, &bindings->items[i]);
    env_free(node->env, bindings->items, bindings->capacity * sizeof *bindings->items);
    *bindings = (struct bindings){0};
}
