/* SPDX-License-Identifier: MIT */
/* What holders show while a resolve is on its way: whom it makes a claimant, and when it is enough.
 * Spec: spec/names.md, "Resolving". */
#include "resolve_internal.h"

/* Is it of this key, or of one that has come after it? */
static bool leads_from(const struct bundle *bundle, const uint8_t key[32])
{
    return bytes_equal(bundle->node.identity, key, 32) || lineage_has(&bundle->lineage, key);
}

/* Of a key that the binding's has come after, or of another successor of that. VX6-NAME-017 */
static bool is_left_behind(
    struct vx6_node *node, const struct resolve *resolve, const struct bundle *bundle)
{
    if (!resolve->bound || bundle->is_tombstone || leads_from(bundle, resolve->bound_key))
        return false;
    if (lineage_has(&bundle->lineage, resolve_bound_root(resolve)))
        binding_clash(node, resolve_label(resolve), bundle->node.identity);
    return true;
}

/* Does it belong to what was asked for? Its signatures say nothing of that. */
static bool is_wanted(const struct resolve *resolve, const struct bundle *bundle)
{
    if (resolve->bound)
        return before_has(resolve->bound_before, bundle->node.identity) ||
               lineage_has(&bundle->lineage, resolve_bound_root(resolve)) ||
               leads_from(bundle, resolve->bound_key);
    return span_equal(bundle->label, resolve_label(resolve));
}

static enum vx6_code take_bundle(
    struct vx6_node *node, struct resolve *resolve, vx6_span bytes, enum addr_scope scope)
{
    struct bundle bundle;
    enum vx6_code code = bundle_check(node->env, node_unix_s(node), bytes, &bundle);
    if (code != VX6_OK)
        return code;
    if (!is_wanted(resolve, &bundle))
        return VX6_INVALID;
    if (is_left_behind(node, resolve, &bundle))
        return VX6_OUTDATED;
    if (bundle.is_tombstone)
        revoked_seen(node, bytes);
    if (!resolve->bound &&
        !resolve_hint_fits(node, name_view(&resolve->name).hint, bundle.node.identity))
        return VX6_OK; /* as good as any, but not the one that was meant */
    struct blob *blob = blob_get(node->env, bytes);
    if (blob == NULL)
        return VX6_NOMEM;
    struct claimant shown = {.blob = blob,
        .sequence = bundle.sequence,
        .expires_s = bundle.expires_s,
        .scope = scope,
        .is_tombstone = bundle.is_tombstone};
    memcpy(shown.key, bundle.node.identity, sizeof shown.key);
    code = claimants_keep(node, &resolve->claimants, &shown, resolve->bound);
    blob_drop(node->env, blob);
    return code;
}

/* Enough have shown all they hold, and not all of them were named by the same nodes. VX6-NAME-007
 */
static void holder_count(
    struct vx6_node *node, struct resolve *resolve, const struct lookup_value *value)
{
    for (uint32_t i = 0; i < resolve->holder_count; i++) {
        if (resolve->holders[i] == value->holder)
            return;
    }
    if (resolve->holder_count < VX6_CONTACT_COUNT_MAX)
        resolve->holders[resolve->holder_count++] = peer_hold(value->holder);
    resolve->holder_paths |= 1u << value->path;
    bool one_path = (resolve->holder_paths & (resolve->holder_paths - 1)) == 0;
    if (resolve->holder_count >= node->env->limits->resolve_holders &&
        (!one_path || value->path_count == 1))
        resolve_settle(node, resolve);
}

/* The owner of a bound key has nobody to be confused with: a newer bundle than the known one, of
 * that key or one that came after it, with an address to go to, is all that is wanted to go there.
 */
static bool is_enough(const struct vx6_node *node, const struct resolve *resolve)
{
    if (!resolve->bound || !resolve_wants_address(resolve))
        return false;
    for (uint32_t i = 0; i < resolve->claimants.count; i++) {
        const struct claimant *claimant = &resolve->claimants.items[i];
        bool is_doubted = bytes_equal(claimant->key, resolve->bound_key, 32) &&
                          claimant->sequence <= resolve->sequence_known;
        if (claimant->is_tombstone || (!is_doubted && resolve_is_of_use(node, resolve, claimant)))
            return true;
    }
    return false;
}

/* The wait for rivals begins with somebody to use: one who can be dialled, where that is wanted. */
static bool is_usable(const struct vx6_node *node, const struct resolve *resolve)
{
    for (uint32_t i = 0; i < resolve->claimants.count; i++) {
        if (resolve_is_of_use(node, resolve, &resolve->claimants.items[i]))
            return true;
    }
    return false;
}

/* Of its holder: nothing more will be asked from there. */
static bool is_last(const struct vx6_node *node, const struct lookup_value *value)
{
    uint32_t next = value->index + 1;
    return next >= value->count || next >= node->env->limits->claimant_max;
}

/* An older bundle, or one claimant too many, is no fault of the holder that shows it. */
static bool is_honest(enum vx6_code code)
{
    return code == VX6_OK || code == VX6_OUTDATED || code == VX6_LIMIT;
}

/* Somebody the name may stand for, or has stood for. Under a label anybody can bury any key of his:
 * that is none. VX6-NAME-028 */
bool resolve_has_claimant(const struct resolve *resolve)
{
    const struct claimants *claimants = &resolve->claimants;
    for (uint32_t i = 0; i < claimants->count; i++) {
        if (resolve->bound || !claimants->items[i].is_tombstone)
            return true;
    }
    return false;
}

void resolve_bundle(struct vx6_node *node, void *context, const struct lookup_value *value)
{
    struct resolve *resolve = context;
    enum vx6_code code = VX6_OK;
    resolve->is_taking = true;
    if (!claimants_show_again(&resolve->claimants, value->bundle, value->scope))
        code = take_bundle(node, resolve, value->bundle, value->scope);
    resolve->is_taking = false;
    if (code != VX6_OK) {
        const vx6_addr *from = value->holder ? &value->holder->addr : NULL;
        refuse(node, VX6_EVENT_bundle_refused, from, VX6_MSG_value, value->bundle.len, code);
        resolve->starved |= code == VX6_NOMEM;
    }
    if (!resolve_has_claimant(resolve) || !is_honest(code))
        return;
    if (resolve->hops == 0)
        resolve->hops = value->hops;
    if (!resolve->waiting && is_usable(node, resolve))
        resolve_wait_for_more(node, resolve);
    if (!is_last(node, value))
        return;
    if (is_enough(node, resolve))
        resolve_settle(node, resolve);
    if (value->holder != NULL)
        holder_count(node, resolve, value);
}

void resolve_lookup_done(struct vx6_node *node, void *context, const struct lookup_result *result)
{
    struct resolve *resolve = context;
    resolve->lookup = NULL;
    resolve->lookup_code = result->code;
    resolve->queries = result->queries;
    resolve->lost = result->lost;
    if (!resolve_has_claimant(resolve))
        resolve->hops = result->hops;
    resolve_settle(node, resolve);
}
