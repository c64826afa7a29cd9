/* SPDX-License-Identifier: MIT */
/* The local registry: bundles of bound names, so that a name in use costs no lookup. What is here
 * was verified when it came; it is believed until it expires or its address fails.
 * Spec: spec/names.md, "The local registry". */
#include "internal.h"

static void known_remove(struct vx6_node *node, uint32_t index)
{
    struct known *known = &node->known;
    blob_drop(node->env, known->items[index].blob);
    known->count--;
    memmove(&known->items[index], &known->items[index + 1],
        (known->count - index) * sizeof known->items[0]);
}

/* Index of the key, or the count. */
static uint32_t known_index(const struct known *known, const uint8_t key[32])
{
    uint32_t index = 0;
    while (index < known->count && !bytes_equal(known->items[index].key, key, 32))
        index++;
    return index;
}

/* VX6-NAME-010 */
struct known_bundle *known_find(struct vx6_node *node, const uint8_t key[32])
{
    struct known *known = &node->known;
    uint32_t index = known_index(known, key);
    if (index == known->count)
        return NULL;
    struct known_bundle *bundle = &known->items[index];
    if (node_unix_s(node) >= bundle->expires_s) {
        known_remove(node, index);
        return NULL;
    }
    bundle->used = node->now;
    return bundle;
}

/* A place for one more: a free one, else that of the bundle unused for longest; the count when
 * there is no memory. Of equally old ones the first goes, so that no order depends on chance. */
static uint32_t known_place(struct vx6_node *node)
{
    struct known *known = &node->known;
    uint32_t max = node->env->limits->known_max;
    if (known->count == known->capacity && known->capacity < max) {
        struct known_bundle *items =
            env_grow(node->env, known->items, &known->capacity, sizeof *items, 4, max);
        if (items == NULL)
            return known->count;
        known->items = items;
    }
    if (known->count == known->capacity) {
        uint32_t oldest = 0;
        for (uint32_t i = 1; i < known->count; i++) {
            if (known->items[i].used < known->items[oldest].used)
                oldest = i;
        }
        known_remove(node, oldest);
    }
    return known->count++;
}

/* VX6-NAME-011: an older bundle never replaces a newer one. Nor is it news to see one again. */
void known_keep(struct vx6_node *node, const struct known_bundle *bundle)
{
    struct known *known = &node->known;
    uint32_t index = known_index(known, bundle->key);
    if (index == known->count) {
        index = known_place(node);
        if (index >= known->count)
            return; /* no memory: it will be asked for again */
        known->items[index].blob = NULL;
    } else if (known->items[index].sequence >= bundle->sequence) {
        return;
    }
    struct blob *old = known->items[index].blob;
    known->items[index] = *bundle;
    known->items[index].used = node->now;
    blob_hold(bundle->blob);
    blob_drop(node->env, old);
}

void resolve_forget(struct vx6_node *node, const uint8_t key[32])
{
    struct known_bundle *bundle = known_find(node, key);
    if (bundle != NULL)
        bundle->doubted = true;
}

void resolve_trust(struct vx6_node *node, const uint8_t key[32])
{
    struct known_bundle *bundle = known_find(node, key);
    if (bundle != NULL)
        bundle->doubted = false;
}

void known_free(struct vx6_node *node)
{
    struct known *known = &node->known;
    while (known->count > 0)
        known_remove(node, known->count - 1);
    env_free(node->env, known->items, known->capacity * sizeof *known->items);
    *known = (struct known){0};
}
