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

/* It is in use: it becomes the last. */
static struct known_bundle *known_use(struct known *known, uint32_t index)
{
    struct known_bundle used = known->items[index];
    memmove(
        &known->items[index], &known->items[index + 1], (known->count - 1 - index) * sizeof used);
    known->items[known->count - 1] = used;
    return &known->items[known->count - 1];
}

/* VX6-NAME-010 */
struct known_bundle *known_find(struct vx6_node *node, const uint8_t key[32])
{
    struct known *known = &node->known;
    uint32_t index = known_index(known, key);
    if (index == known->count)
        return NULL;
    if (node_unix_s(node) < known->items[index].expires_s)
        return known_use(known, index);
    known_remove(node, index);
    return NULL;
}

/* Room for one more: else that of the bundle unused for longest. False: no memory. */
static bool known_make_room(struct vx6_node *node)
{
    struct known *known = &node->known;
    uint32_t max = node->env->limits->known_max;
    if (known->count < known->capacity)
        return true;
    if (known->capacity == max) {
        known_remove(node, 0);
        return true;
    }
    struct known_bundle *items =
        env_grow(node->env, known->items, &known->capacity, sizeof *items, 1, max);
    if (items == NULL)
        return false;
    known->items = items;
    return true;
}

/* VX6-NAME-011: an older bundle never replaces a newer one. Nor is it news to see one again. */
void known_keep(struct vx6_node *node, const struct known_bundle *bundle)
{
    struct known *known = &node->known;
    uint32_t index = known_index(known, bundle->key);
    if (index < known->count && known->items[index].sequence >= bundle->sequence)
        return;
    if (index < known->count)
        known_remove(node, index);
    else if (!known_make_room(node))
        return; /* it will be asked for again */
    known->items[known->count++] = *bundle;
    blob_hold(bundle->blob);
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
