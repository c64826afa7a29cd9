/* SPDX-License-Identifier: MIT */
/* Keys that have handed over stand behind those that came after them, and keys that were revoked
 * count for nothing: what is left are the claimants between whom a name has to decide. Spec:
 * spec/names.md. */
#include "claimants.h"

#include "internal.h"

enum {
    CLAIMANT_MAX = 64 /* as in the table of limits */
};

bool claimants_add(
    struct vx6_node *node, struct claimants *claimants, const struct claimant *claimant)
{
    if (claimants->count == claimants->capacity) {
        struct claimant *items = env_grow(node->env, claimants->items, &claimants->capacity,
            sizeof *items, 1, node->env->limits->claimant_max);
        if (items == NULL)
            return false;
        claimants->items = items;
    }
    claimants->items[claimants->count++] = *claimant;
    blob_hold(claimant->blob);
    return true;
}

void claimants_free(struct vx6_node *node, struct claimants *claimants)
{
    for (uint32_t i = 0; i < claimants->count; i++)
        blob_drop(node->env, claimants->items[i].blob);
    env_free(node->env, claimants->items, claimants->capacity * sizeof *claimants->items);
    *claimants = (struct claimants){0};
}

struct claimant *claimants_find(const struct claimants *claimants, const uint8_t key[32])
{
    for (uint32_t i = 0; i < claimants->count; i++) {
        if (bytes_equal(claimants->items[i].key, key, 32))
            return &claimants->items[i];
    }
    return NULL;
}

bool claimants_show_again(struct claimants *claimants, vx6_span bytes, enum addr_scope scope)
{
    for (uint32_t i = 0; i < claimants->count; i++) {
        struct claimant *claimant = &claimants->items[i];
        if (!span_equal((vx6_span){claimant->blob->data, claimant->blob->len}, bytes))
            continue;
        if (scope < claimant->scope)
            claimant->scope = scope;
        return true;
    }
    return false;
}

/* Who gives way to a claimant where there are so many: the last tombstone, since anybody can make
 * keys and revoke them; of a key whose bundle was shown only if there is no other. VX6-NAME-028 */
static struct claimant *find_yielding(const struct claimants *claimants)
{
    struct claimant *yielding = NULL;
    for (uint32_t i = 0; i < claimants->count; i++) {
        struct claimant *claimant = &claimants->items[i];
        if (claimant->is_tombstone && (!claimant->has_bundle || !yielding || yielding->has_bundle))
            yielding = claimant;
    }
    return yielding;
}

static void drop(struct vx6_node *node, struct claimants *claimants, struct claimant *claimant)
{
    blob_drop(node->env, claimant->blob);
    claimants->count--;
    size_t behind = (size_t)(claimants->items + claimants->count - claimant);
    memmove(claimant, claimant + 1, behind * sizeof *claimant);
}

static enum vx6_code keep_new(
    struct vx6_node *node, struct claimants *claimants, const struct claimant *shown, bool is_bound)
{
    if (claimants->count >= node->env->limits->claimant_max) {
        struct claimant *yielding =
            is_bound || shown->is_tombstone ? NULL : find_yielding(claimants);
        if (yielding == NULL)
            return VX6_LIMIT;
        drop(node, claimants, yielding);
    }
    return claimants_add(node, claimants, shown) ? VX6_OK : VX6_NOMEM;
}

/* A verified bundle: the newest of each claimant is kept. VX6-NAME-007, VX6-NAME-011 */
enum vx6_code claimants_keep(
    struct vx6_node *node, struct claimants *claimants, const struct claimant *shown, bool is_bound)
{
    struct claimant *claimant = claimants_find(claimants, shown->key);
    if (claimant == NULL)
        return keep_new(node, claimants, shown, is_bound);
    bool has_bundle = claimant->has_bundle || !claimant->is_tombstone || !shown->is_tombstone;
    if (claimant->sequence >= shown->sequence) {
        claimant->has_bundle = has_bundle;
        return VX6_OUTDATED;
    }
    blob_drop(node->env, claimant->blob);
    *claimant = *shown;
    claimant->has_bundle = has_bundle;
    blob_hold(claimant->blob);
    return VX6_OK;
}

void claimant_view(
    const struct vx6_node *node, const struct claimant *claimant, struct bundle *bundle)
{
    bundle_view(node->env->crypto, (vx6_span){claimant->blob->data, claimant->blob->len}, bundle);
}

/* An address at which the claimant may be dialled: its first that reaches at least as far as the
 * path that its bundle came by. VX6-NAME-009 */
bool claimant_address(const struct vx6_node *node, const struct claimant *claimant, vx6_addr *addr)
{
    struct bundle bundle;
    claimant_view(node, claimant, &bundle);
    vx6_list list = bundle.node.endpoints;
    struct vx6_endpoint endpoint;
    while (vx6_next_endpoint(&list, &endpoint)) {
        memcpy(addr->ip, endpoint.ip, sizeof addr->ip);
        addr->port = endpoint.port;
        if ((endpoint.carriers & VX6_CARRIER_TCP) && addr_scope(addr) >= claimant->scope)
            return true;
    }
    *addr = (vx6_addr){0};
    return false;
}

bool claimant_offers(const struct vx6_node *node, const struct claimant *claimant, vx6_span wanted)
{
    struct bundle bundle;
    claimant_view(node, claimant, &bundle);
    struct vx6_service service;
    while (vx6_next_service(&bundle.services, &service)) {
        if (span_equal(service.name, wanted))
            return true;
    }
    return false;
}

/* Keeps the claimants with a mark, in their order. */
static void select_marked(
    struct vx6_node *node, struct claimants *claimants, const bool keep[CLAIMANT_MAX])
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < claimants->count; i++) {
        if (keep[i])
            claimants->items[kept++] = claimants->items[i];
        else
            blob_drop(node->env, claimants->items[i].blob);
    }
    claimants->count = kept;
}

static bool is_revoked(
    const struct vx6_node *node, const struct claimants *claimants, const uint8_t key[32])
{
    const struct claimant *claimant = claimants_find(claimants, key);
    return (claimant && claimant->is_tombstone) || revoked_has(node, key);
}

/* To whom the last key of the chain has handed over. OK; AMBIGUOUS: to several; NOT_FOUND: to
 * nobody. VX6-NAME-015, VX6-NAME-017 */
static enum vx6_code find_successor(
    const struct vx6_node *node, const struct claimants *claimants, struct chain *chain)
{
    const uint8_t *last = chain->keys[chain->count - 1];
    uint8_t *next = chain->keys[chain->count];
    enum vx6_code code = VX6_NOT_FOUND;
    for (uint32_t i = 0; i < claimants->count; i++) {
        struct bundle bundle;
        claimant_view(node, &claimants->items[i], &bundle);
        const uint8_t *successor = lineage_successor(&bundle.lineage, bundle.node.identity, last);
        if (successor == NULL)
            continue;
        if (code == VX6_OK && !bytes_equal(next, successor, 32))
            return VX6_AMBIGUOUS;
        memcpy(next, successor, 32);
        code = VX6_OK;
    }
    return code;
}

/* Where the binding leads today. A revocation beats every rotation, whichever came first:
 * VX6-NAME-018. */
static enum vx6_code find_chain(const struct vx6_node *node, const struct claimants *claimants,
    const uint8_t key[32], const struct blob *before, struct chain *chain)
{
    enum vx6_code code = VX6_OK;
    chain->count = 1;
    memcpy(chain->keys[0], key, 32);
    for (uint32_t at = 0; before && at < before->len; at += 32) {
        if (is_revoked(node, claimants, before->data + at))
            return VX6_REVOKED;
    }
    while (code == VX6_OK) {
        if (is_revoked(node, claimants, chain->keys[chain->count - 1]))
            return VX6_REVOKED;
        if (chain->count == 1 + LINEAGE_ROTATIONS_MAX)
            break;
        code = find_successor(node, claimants, chain);
        chain->count += code == VX6_OK;
    }
    return code == VX6_AMBIGUOUS ? code : VX6_OK;
}

/* Of a bound name: whom the chain ends with; all that came after its key, where it parts. */
enum vx6_code claimants_select_bound(struct vx6_node *node, struct claimants *claimants,
    const uint8_t key[32], const struct blob *before, struct chain *chain)
{
    bool keep[CLAIMANT_MAX] = {false};
    enum vx6_code code = find_chain(node, claimants, key, before, chain);
    for (uint32_t i = 0; i < claimants->count && code != VX6_REVOKED; i++) {
        const struct claimant *claimant = &claimants->items[i];
        bool is_end = bytes_equal(claimant->key, chain->keys[chain->count - 1], 32);
        keep[i] = !claimant->is_tombstone && (code == VX6_AMBIGUOUS ? !is_end : is_end);
    }
    select_marked(node, claimants, keep);
    return code;
}

/* Of an unbound one: neither those that were revoked, nor those that have handed over to another.
 * VX6-NAME-020 */
void claimants_select_unbound(struct vx6_node *node, struct claimants *claimants)
{
    bool keep[CLAIMANT_MAX] = {false};
    for (uint32_t i = 0; i < claimants->count; i++) {
        keep[i] = !is_revoked(node, claimants, claimants->items[i].key);
    }
    for (uint32_t i = 0; i < claimants->count; i++) {
        struct bundle bundle;
        claimant_view(node, &claimants->items[i], &bundle);
        for (uint32_t j = 0; j < claimants->count; j++)
            keep[j] = keep[j] && !lineage_has(&bundle.lineage, claimants->items[j].key);
    }
    select_marked(node, claimants, keep);
}
