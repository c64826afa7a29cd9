/* SPDX-License-Identifier: MIT */
/* What the claimants of a resolve come to, for whoever waits for it: a session, a listing or a
 * driver. Spec: spec/names.md, "Resolving", "Services that another node hosts". */
#include "resolve_internal.h"

/* VX6-NAME-008 */
static enum vx6_code outcome(const struct resolve *resolve, enum vx6_code selected, bool timed_out)
{
    if (selected != VX6_OK)
        return selected;
    if (resolve->claimants.count > 1)
        return VX6_AMBIGUOUS;
    if (resolve->claimants.count == 1)
        return VX6_OK;
    if (resolve->starved)
        return VX6_NOMEM;
    if (timed_out)
        return VX6_TIMEOUT;
    if (resolve->lookup_code == VX6_NO_PEERS)
        return VX6_NO_PEERS;
    return resolve->at_host ? VX6_NO_HOST : VX6_NOT_FOUND; /* VX6-NAME-024 */
}

static void keep_known(struct vx6_node *node, const struct claimant *claimant)
{
    struct known_bundle known = {.blob = claimant->blob,
        .sequence = claimant->sequence,
        .expires_s = claimant->expires_s,
        .scope = (uint8_t)claimant->scope};
    memcpy(known.key, claimant->key, sizeof known.key);
    known_keep(node, &known);
}

/* The one claimant becomes an address. */
static enum vx6_code choose_address(
    const struct vx6_node *node, const struct claimant *claimant, vx6_addr *addr)
{
    if (bytes_equal(claimant->key, node->keys.identity, 32))
        return VX6_SELF;
    return claimant_address(node, claimant, addr) ? VX6_OK : VX6_UNREACHABLE;
}

/* For a session: on first use the claimant's key becomes the name's. */
static enum vx6_code bind_claimant(
    struct vx6_node *node, struct resolve *resolve, const struct claimant *claimant)
{
    vx6_span label = resolve_label(resolve);
    bool is_of_another =
        resolve_is_own_label(node, label) || (!resolve->bound && binding_find(node, label) != NULL);
    if (resolve->name.hint_len > 0 && is_of_another)
        return VX6_OK; /* VX6-NAME-013 */
    enum vx6_code code = binding_first_use(node, label, claimant->key);
    if (code == VX6_OK)
        keep_known(node, claimant);
    return code;
}

/* VX6-NAME-016: the name goes along with its key, before it is used. */
static enum vx6_code follow(
    struct vx6_node *node, const struct resolve *resolve, const struct chain *chain)
{
    struct bundle bundle;
    if (!resolve->bound || chain->count == 1)
        return VX6_OK;
    claimant_view(node, &resolve->claimants.items[0], &bundle);
    return succession_follow(node, &bundle.lineage, bundle.node.identity, resolve->bound_key);
}

static void finish_session(
    struct vx6_node *node, struct resolve *resolve, const struct chain *chain, enum vx6_code code)
{
    struct session *session = resolve->waiter.session;
    uint8_t key[32] = {0}, via[1 + LINEAGE_ROTATIONS_MAX][32];
    vx6_addr addr = {0};
    size_t via_count = code == VX6_OK && resolve->at_host ? chain->count : 0;
    if (via_count > 0) {
        memcpy(via[0], resolve->owner, sizeof via[0]);
        memcpy(via[1], chain->keys, (via_count - 1) * sizeof via[0]);
    }
    if (code == VX6_OK && !resolve->at_host)
        code = follow(node, resolve, chain);
    if (code == VX6_OK) {
        memcpy(key, resolve->claimants.items[0].key, sizeof key);
        code = choose_address(node, &resolve->claimants.items[0], &addr);
    }
    if (code == VX6_OK && resolve->at_host)
        keep_known(node, &resolve->claimants.items[0]);
    else if (code == VX6_OK)
        code = bind_claimant(node, resolve, &resolve->claimants.items[0]);
    trace(node, VX6_EVENT_resolved, NULL, 0, resolve->queries, code);
    resolve_free(node, resolve);
    session_resolved(node, session, code, key, (vx6_span){via[0], via_count * 32}, &addr);
}

/* Of all that was looked up for it. */
static void count_for_op(struct op *op, const struct resolve *resolve)
{
    op->hops = resolve->hops;
    op->queries += resolve->queries;
    op->lost += resolve->lost;
}

/* As for a session, but nothing is bound or followed. VX6-SESS-029 */
static void finish_listing(struct vx6_node *node, struct resolve *resolve, enum vx6_code code)
{
    struct listing *listing = resolve->waiter.listing;
    uint8_t key[32] = {0};
    vx6_addr addr = {0};
    count_for_op(resolve->waiter.op, resolve);
    if (code == VX6_OK) {
        const struct claimant *claimant = &resolve->claimants.items[0];
        memcpy(key, claimant->key, sizeof key);
        code = choose_address(node, claimant, &addr);
        if (resolve->bound)
            keep_known(node, claimant);
    }
    trace(node, VX6_EVENT_resolved, NULL, 0, resolve->queries, code);
    resolve_free(node, resolve);
    listing_resolved(node, listing, code, key, &addr);
}

/* For a driver: everything is shown, nothing is chosen or bound. VX6-NAME-012 */
static void finish_op(struct vx6_node *node, struct resolve *resolve, enum vx6_code code)
{
    struct op *op = resolve->waiter.op;
    vx6_span service = name_view(&resolve->name).service;
    for (uint32_t i = 0; i < resolve->claimants.count; i++) {
        const struct claimant *claimant = &resolve->claimants.items[i];
        if (!op_add_candidate(node, op, claimant->blob, claimant->key))
            code = VX6_NOMEM;
    }
    if (code == VX6_OK) {
        const struct claimant *claimant = &resolve->claimants.items[0];
        if (!resolve->at_host)
            memcpy(op->key, claimant->key, sizeof op->key);
        (void)claimant_address(node, claimant, &op->peer);
        if (resolve->bound)
            keep_known(node, claimant);
        if (service.len > 0 && !resolve->at_host && !claimant_offers(node, claimant, service))
            code = VX6_NO_SERVICE;
    }
    count_for_op(op, resolve);
    trace(node, VX6_EVENT_resolved, NULL, 0, resolve->queries, code);
    resolve_free(node, resolve);
    op_done(node, op, code);
}

/* VX6-NAME-023: what is to be done with who says where the service is, before it is looked for
 * there. */
static enum vx6_code take_owner(
    struct vx6_node *node, struct resolve *resolve, const struct chain *chain)
{
    const struct claimant *owner = &resolve->claimants.items[0];
    if (resolve->waiter.op == NULL) {
        enum vx6_code code = follow(node, resolve, chain);
        return code == VX6_OK ? bind_claimant(node, resolve, owner) : code;
    }
    count_for_op(resolve->waiter.op, resolve);
    memcpy(resolve->waiter.op->key, owner->key, sizeof owner->key);
    if (resolve->bound)
        keep_known(node, owner);
    return op_add_candidate(node, resolve->waiter.op, owner->blob, owner->key) ? VX6_OK : VX6_NOMEM;
}

/* VX6-NAME-022: one more lookup. False: the resolve ends, with *code. */
static bool turn_to_host(
    struct vx6_node *node, struct resolve *resolve, const struct chain *chain, enum vx6_code *code)
{
    uint8_t owner[32], host[32];
    if (*code != VX6_OK || !resolve_says_host(node, resolve, &resolve->claimants.items[0], host))
        return false;
    memcpy(owner, resolve->claimants.items[0].key, sizeof owner);
    *code = take_owner(node, resolve, chain);
    claimants_free(node, &resolve->claimants);
    resolve_forget_holders(node, resolve);
    resolve->waiting = resolve->starved = false;
    resolve->hops = resolve->queries = resolve->lost = 0;
    resolve->sequence_known = 0;
    if (*code == VX6_OK)
        *code = resolve_start_host(node, resolve, owner, host);
    return *code == VX6_OK;
}

void resolve_end(struct vx6_node *node, struct resolve *resolve, bool timed_out)
{
    struct chain chain = {.count = 0};
    enum vx6_code code = VX6_OK;
    if (resolve->bound)
        code = claimants_select_bound(
            node, &resolve->claimants, resolve->bound_key, resolve->bound_before, &chain);
    else
        claimants_select_unbound(node, &resolve->claimants);
    code = outcome(resolve, code, timed_out);
    if (turn_to_host(node, resolve, &chain, &code))
        return;
    if (resolve->waiter.listing != NULL)
        finish_listing(node, resolve, code);
    else if (resolve->waiter.op != NULL)
        finish_op(node, resolve, code);
    else
        finish_session(node, resolve, &chain, code);
}
