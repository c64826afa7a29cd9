/* SPDX-License-Identifier: MIT */
/* The course of a resolve: how it begins, who is asked, and when it is over. Spec: spec/names.md,
 * "Resolving". */
#include "resolve_internal.h"

vx6_span resolve_label(const struct resolve *resolve)
{
    return name_view(&resolve->name).label;
}

/* VX6-NAME-013: does the key begin with the hint, if there is one? */
bool resolve_hint_fits(const struct vx6_node *node, vx6_span hint, const uint8_t key[32])
{
    char text[VX6_KEY_TEXT_SIZE];
    if (hint.len == 0)
        return true;
    vx6_key_text(node->env->crypto, text, key);
    return memcmp(text, hint.data, hint.len) == 0;
}

/* VX6-NAME-013: or did one of those by which it came? */
static bool hint_fits_binding(
    const struct vx6_node *node, vx6_span hint, const struct binding *binding)
{
    const struct blob *before = binding_before(binding);
    bool fits = resolve_hint_fits(node, hint, binding_key(binding));
    for (uint32_t at = 0; !fits && before && at < before->len; at += 32)
        fits = resolve_hint_fits(node, hint, before->data + at);
    return fits;
}

/* To go there, and not only to see who it is. */
bool resolve_wants_address(const struct resolve *resolve)
{
    return resolve->waiter.session != NULL || resolve->waiter.listing != NULL;
}

void resolve_forget_holders(struct vx6_node *node, struct resolve *resolve)
{
    while (resolve->holder_count > 0)
        peer_drop(node->env, resolve->holders[--resolve->holder_count]);
    resolve->holder_paths = 0;
}

void resolve_free(struct vx6_node *node, struct resolve *resolve)
{
    if (resolve->next)
        resolve->next->previous = resolve->previous;
    if (resolve->previous)
        resolve->previous->next = resolve->next;
    else
        node->resolves = resolve->next;
    timer_clear(&node->timers, &resolve->timer);
    claimants_free(node, &resolve->claimants);
    resolve_forget_holders(node, resolve);
    blob_drop(node->env, resolve->bound_before);
    env_free(node->env, resolve, sizeof *resolve);
}

void resolve_settle(struct vx6_node *node, struct resolve *resolve)
{
    timer_set(&node->timers, &resolve->timer, node->now);
}

void resolve_cancel(struct vx6_node *node, struct resolve *resolve)
{
    if (resolve->is_taking) {
        resolve->waiter = (struct waiter){0};
        resolve_settle(node, resolve);
        return;
    }
    if (resolve->lookup != NULL)
        lookup_cancel(node, resolve->lookup);
    resolve_free(node, resolve);
}

void resolves_free(struct vx6_node *node)
{
    while (node->resolves != NULL)
        resolve_cancel(node, node->resolves);
}

/* VX6-NAME-022: does a claimant say that the service is at another node? What is said there of that
 * counts for nothing. */
bool resolve_says_host(const struct vx6_node *node, const struct resolve *resolve,
    const struct claimant *claimant, uint8_t host[32])
{
    struct vx6_name name = name_view(&resolve->name);
    struct bundle bundle;
    if (resolve->at_host || resolve->waiter.listing != NULL || name.service.len == 0)
        return false;
    claimant_view(node, claimant, &bundle);
    return bundle_host(&bundle, name.service, host);
}

/* One to dial, where that is wanted, or one who says where to; a tombstone is for nobody to dial.
 */
bool resolve_is_of_use(
    const struct vx6_node *node, const struct resolve *resolve, const struct claimant *claimant)
{
    vx6_addr addr;
    uint8_t host[32];
    return !claimant->is_tombstone &&
           (!resolve_wants_address(resolve) || resolve_says_host(node, resolve, claimant, host) ||
               claimant_address(node, claimant, &addr));
}

/* VX6-NAME-025: where a service is that the owner does not list as its own may have changed. */
static bool says_enough(
    const struct vx6_node *node, const struct resolve *resolve, const struct claimant *claimant)
{
    vx6_span service = name_view(&resolve->name).service;
    return resolve->at_host || service.len == 0 || claimant_offers(node, claimant, service);
}

/* There is somebody to use, but who else shows in this time counts, too. */
void resolve_wait_for_more(struct vx6_node *node, struct resolve *resolve)
{
    vx6_ns wait = after_ms(node, node->env->limits->resolve_wait_ms);
    if (resolve->timer.deadline > wait)
        timer_set(&node->timers, &resolve->timer, wait);
    resolve->waiting = true;
}

/* Does this node hold a newer bundle for others? */
static bool is_outdated(const struct vx6_node *node, const struct known_bundle *known)
{
    uint8_t id[32];
    vx6_node_id(node->env->crypto, id, known->key);
    return !holder_wants(node, id, id, known->sequence + 1);
}

/* Bound names only. Who asks to be shown is shown what there is now. VX6-NAME-010 */
static void start_from_known(struct vx6_node *node, struct resolve *resolve)
{
    struct known_bundle *known = known_find(node, resolve->bound_key);
    if (known == NULL)
        return;
    struct claimant claimant = {.blob = known->blob,
        .sequence = known->sequence,
        .expires_s = known->expires_s,
        .scope = (enum addr_scope)known->scope};
    memcpy(claimant.key, known->key, sizeof claimant.key);
    if (!claimants_add(node, &resolve->claimants, &claimant))
        return;
    if (known->doubted || !resolve_wants_address(resolve) || is_outdated(node, known))
        resolve->sequence_known = known->sequence;
    else if (resolve_is_of_use(node, resolve, &claimant) && says_enough(node, resolve, &claimant))
        resolve_settle(node, resolve);
    else if (resolve_is_of_use(node, resolve, &claimant))
        resolve_wait_for_more(node, resolve);
}

/* VX6-NAME-018: nobody needs to be asked for what this node knows to be revoked. */
static void start_bound(struct vx6_node *node, struct resolve *resolve)
{
    if (revoked_has(node, resolve->bound_key) || before_is_revoked(node, resolve->bound_before))
        resolve_settle(node, resolve);
    else
        start_from_known(node, resolve);
}

/* By whose node ID a bound name is looked up. VX6-NAME-016 */
const uint8_t *resolve_bound_root(const struct resolve *resolve)
{
    return before_last(resolve->bound_before, resolve->bound_key);
}

/* VX6-NAME-004, VX6-NAME-006 */
static enum vx6_code start_lookup(struct vx6_node *node, struct resolve *resolve)
{
    uint8_t target[32];
    if (resolve->bound)
        vx6_node_id(node->env->crypto, target, resolve_bound_root(resolve));
    else
        name_key(node->env->crypto, target, resolve_label(resolve));
    resolve->lookup = lookup_start(node, target, true, LOOKUP_RESOLVE, resolve);
    return resolve->lookup ? VX6_OK : lookup_refusal(node);
}

static enum vx6_code go_on(struct vx6_node *node, struct resolve *resolve)
{
    timer_set(
        &node->timers, &resolve->timer, after_ms(node, node->env->limits->resolve_timeout_ms));
    if (resolve->bound)
        start_bound(node, resolve);
    return resolve->timer.deadline > node->now ? start_lookup(node, resolve) : VX6_OK;
}

static enum vx6_code start_name(struct vx6_node *node, struct resolve *resolve)
{
    struct vx6_name name = name_view(&resolve->name);
    const struct binding *binding = binding_find(node, name.label);
    if (binding != NULL && hint_fits_binding(node, name.hint, binding)) {
        struct blob *before = binding_before(binding);
        resolve->bound = true;
        memcpy(resolve->bound_key, binding_key(binding), sizeof resolve->bound_key);
        resolve->bound_before = before ? blob_hold(before) : NULL;
    }
    return go_on(node, resolve);
}

/* VX6-NAME-022: the key is looked up as if it were bound, by nothing that lasts. */
enum vx6_code resolve_start_host(
    struct vx6_node *node, struct resolve *resolve, const uint8_t owner[32], const uint8_t host[32])
{
    if (bytes_equal(host, node->keys.identity, 32))
        return VX6_SELF;
    resolve->at_host = resolve->bound = true;
    memcpy(resolve->owner, owner, sizeof resolve->owner);
    memcpy(resolve->bound_key, host, sizeof resolve->bound_key);
    blob_drop(node->env, resolve->bound_before);
    resolve->bound_before = NULL;
    return go_on(node, resolve);
}

/* `host`: where this node itself says that the service is; or NULL. NULL with *code. */
static struct resolve *resolve_new(struct vx6_node *node, const struct vx6_name *name,
    const struct waiter *waiter, const uint8_t *host, enum vx6_code *code)
{
    struct resolve *resolve = env_alloc(node->env, sizeof *resolve);
    if (resolve == NULL) {
        *code = VX6_NOMEM;
        return NULL;
    }
    timer_init(&resolve->timer, TIMER_RESOLVE);
    resolve->next = node->resolves;
    if (resolve->next)
        resolve->next->previous = resolve;
    node->resolves = resolve;
    name_keep(&resolve->name, name);
    resolve->waiter = *waiter;
    *code = host ? resolve_start_host(node, resolve, node->keys.identity, host)
                 : start_name(node, resolve);
    if (*code == VX6_OK)
        return resolve;
    resolve_free(node, resolve);
    return NULL;
}

bool resolve_is_own_label(const struct vx6_node *node, vx6_span label)
{
    return span_equal(label, (vx6_span){(const uint8_t *)node->label, node->label_len});
}

static bool is_self(const struct vx6_node *node, const struct vx6_name *name)
{
    return resolve_is_own_label(node, name->label) &&
           resolve_hint_fits(node, name->hint, node->keys.identity);
}

struct resolve *resolve_for_session(struct vx6_node *node, const struct vx6_name *name,
    struct session *session, enum vx6_code *code)
{
    uint8_t host[32];
    bool is_own = is_self(node, name);
    VX6_ASSERT(vx6_label_is_valid(name->label));
    if (is_own && !service_host(node, name->service, host)) {
        *code = VX6_SELF;
        return NULL;
    }
    return resolve_new(
        node, name, &(struct waiter){.session = session}, is_own ? host : NULL, code);
}

struct resolve *resolve_for_listing(struct vx6_node *node, const struct vx6_name *name,
    struct listing *listing, struct op *op, enum vx6_code *code)
{
    if (is_self(node, name)) {
        *code = VX6_SELF;
        return NULL;
    }
    return resolve_new(node, name, &(struct waiter){.listing = listing, .op = op}, NULL, code);
}

/* Asks nobody: the node knows itself. */
static enum vx6_code show_self(struct vx6_node *node, struct op *op)
{
    struct blob *bundle = publish_bundle(node);
    memcpy(op->key, node->keys.identity, sizeof op->key);
    bool shown = bundle != NULL && op_add_candidate(node, op, bundle, op->key);
    return shown ? VX6_OK : VX6_NOMEM;
}

enum vx6_code resolve_for_driver(struct vx6_node *node, vx6_span text, vx6_id *id)
{
    struct vx6_name name;
    if (!vx6_name_parse(text, &name))
        return VX6_INVALID;
    enum vx6_code code;
    struct op *op = op_new(node, OP_RESOLVE, &code);
    if (op == NULL)
        return code;
    uint8_t host[32];
    bool is_own = is_self(node, &name);
    if (is_own)
        code = show_self(node, op);
    if (is_own && (code != VX6_OK || !service_host(node, name.service, host))) {
        op_done(node, op, code);
        *id = op->id;
        return VX6_OK;
    }
    struct resolve *resolve =
        resolve_new(node, &name, &(struct waiter){.op = op}, is_own ? host : NULL, &code);
    if (resolve == NULL) {
        op_free(node, op);
        return code;
    }
    op->work = resolve;
    *id = op->id;
    return VX6_OK;
}

void resolve_timer(struct vx6_node *node, struct timer *timer)
{
    struct resolve *resolve = CONTAINER_OF(timer, struct resolve, timer);
    if (resolve->waiter.session == NULL && resolve->waiter.op == NULL) {
        resolve_cancel(node, resolve); /* nobody waits any more */
        return;
    }
    bool timed_out = resolve->lookup != NULL && !resolve_has_claimant(resolve);
    if (resolve->lookup != NULL) {
        struct lookup_result result = {0};
        lookup_progress(resolve->lookup, &result);
        resolve->queries = result.queries;
        resolve->lost = result.lost;
        lookup_cancel(node, resolve->lookup);
        resolve->lookup = NULL;
    }
    resolve_end(node, resolve, timed_out);
}
