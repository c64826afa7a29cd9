/* SPDX-License-Identifier: MIT */
/* Resolving: from a label to a verified bundle.
 *
 * A bound name is asked for by the ID of its key, where nobody can store anything but those to whom
 * that key has handed over. An unbound one is asked for by its label, where anybody can: then rival
 * claims get a chance to show, and two claimants are an error, not a choice. Every resolve ends in
 * its timer, so that what hears of it never runs inside the lookup that ended it. Spec:
 * spec/names.md, "Resolving". */
#include "claimants.h"
#include "internal.h"

/* Whoever hears of the end. */
struct waiter {
    struct session *session;
    struct op *op;           /* NULL: it is a session */
    struct listing *listing; /* for which the op is, or NULL */
};

struct resolve {
    struct resolve *next, *previous;
    struct timer timer;
    struct lookup *lookup; /* NULL: ended, or never needed */
    struct waiter waiter;
    struct kept_name name;
    bool bound;
    bool at_host;   /* the name is resolved: this is for the key that hosts its service */
    bool waiting;   /* there is somebody to use; rivals may still show */
    bool starved;   /* a bundle that was shown could not be kept */
    bool is_taking; /* a bundle is being looked at: what is cancelled by it ends in its timer */
    uint8_t bound_key[32];
    struct blob *bound_before; /* keys by which the name came to that one */
    uint8_t owner[32];         /* at_host: whose name it is */
    uint64_t sequence_known;   /* bound: what a newer bundle must exceed to end the wait */
    enum vx6_code lookup_code;
    uint32_t hops, queries, lost;
    struct claimants claimants;
    struct peer *holders[VX6_CONTACT_COUNT_MAX]; /* that showed all they hold */
    uint32_t holder_count;
    uint32_t holder_paths; /* a bit for each path of the lookup that found one of them */
};

static vx6_span resolve_label(const struct resolve *resolve)
{
    return name_view(&resolve->name).label;
}

/* VX6-NAME-013: does the key begin with the hint, if there is one? */
static bool hint_fits(const struct vx6_node *node, vx6_span hint, const uint8_t key[32])
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
    bool fits = hint_fits(node, hint, binding->key);
    for (uint32_t at = 0; !fits && binding->before && at < binding->before->len; at += 32)
        fits = hint_fits(node, hint, binding->before->data + at);
    return fits;
}

/* To go there, and not only to see who it is. */
static bool wants_address(const struct resolve *resolve)
{
    return resolve->waiter.session != NULL || resolve->waiter.listing != NULL;
}

static void holders_free(struct vx6_node *node, struct resolve *resolve)
{
    while (resolve->holder_count > 0)
        peer_drop(node->env, resolve->holders[--resolve->holder_count]);
    resolve->holder_paths = 0;
}

static void resolve_free(struct vx6_node *node, struct resolve *resolve)
{
    if (resolve->next)
        resolve->next->previous = resolve->previous;
    if (resolve->previous)
        resolve->previous->next = resolve->next;
    else
        node->resolves = resolve->next;
    timer_clear(&node->timers, &resolve->timer);
    claimants_free(node, &resolve->claimants);
    holders_free(node, resolve);
    blob_drop(node->env, resolve->bound_before);
    env_free(node->env, resolve, sizeof *resolve);
}

static void settle(struct vx6_node *node, struct resolve *resolve)
{
    timer_set(&node->timers, &resolve->timer, node->now);
}

void resolve_cancel(struct vx6_node *node, struct resolve *resolve)
{
    if (resolve->is_taking) {
        resolve->waiter = (struct waiter){0};
        settle(node, resolve);
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
static bool says_host(const struct vx6_node *node, const struct resolve *resolve,
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
static bool is_of_use(
    const struct vx6_node *node, const struct resolve *resolve, const struct claimant *claimant)
{
    vx6_addr addr;
    uint8_t host[32];
    return !claimant->is_tombstone &&
           (!wants_address(resolve) || says_host(node, resolve, claimant, host) ||
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
static void wait_for_more(struct vx6_node *node, struct resolve *resolve)
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
    if (known->doubted || !wants_address(resolve) || is_outdated(node, known))
        resolve->sequence_known = known->sequence;
    else if (is_of_use(node, resolve, &claimant) && says_enough(node, resolve, &claimant))
        settle(node, resolve);
    else if (is_of_use(node, resolve, &claimant))
        wait_for_more(node, resolve);
}

/* VX6-NAME-018: nobody needs to be asked for what this node knows to be revoked. */
static void start_bound(struct vx6_node *node, struct resolve *resolve)
{
    if (revoked_has(node, resolve->bound_key) || before_is_revoked(node, resolve->bound_before))
        settle(node, resolve);
    else
        start_from_known(node, resolve);
}

/* By whose node ID a bound name is looked up. VX6-NAME-016 */
static const uint8_t *bound_root(const struct resolve *resolve)
{
    return before_last(resolve->bound_before, resolve->bound_key);
}

/* VX6-NAME-004, VX6-NAME-006 */
static enum vx6_code start_lookup(struct vx6_node *node, struct resolve *resolve)
{
    uint8_t target[32];
    if (resolve->bound)
        vx6_node_id(node->env->crypto, target, bound_root(resolve));
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
        resolve->bound = true;
        memcpy(resolve->bound_key, binding->key, sizeof resolve->bound_key);
        resolve->bound_before = binding->before ? blob_hold(binding->before) : NULL;
    }
    return go_on(node, resolve);
}

/* VX6-NAME-022: the key is looked up as if it were bound, by nothing that lasts. */
static enum vx6_code start_host(
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
    *code = host ? start_host(node, resolve, node->keys.identity, host) : start_name(node, resolve);
    if (*code == VX6_OK)
        return resolve;
    resolve_free(node, resolve);
    return NULL;
}

static bool is_own_label(const struct vx6_node *node, vx6_span label)
{
    return span_equal(label, (vx6_span){(const uint8_t *)node->label, node->label_len});
}

static bool is_self(const struct vx6_node *node, const struct vx6_name *name)
{
    return is_own_label(node, name->label) && hint_fits(node, name->hint, node->keys.identity);
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
    if (lineage_has(&bundle->lineage, bound_root(resolve)))
        binding_clash(node, resolve_label(resolve), bundle->node.identity);
    return true;
}

/* Does it belong to what was asked for? Its signatures say nothing of that. */
static bool is_wanted(const struct resolve *resolve, const struct bundle *bundle)
{
    if (resolve->bound)
        return before_has(resolve->bound_before, bundle->node.identity) ||
               lineage_has(&bundle->lineage, bound_root(resolve)) ||
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
    if (!resolve->bound && !hint_fits(node, name_view(&resolve->name).hint, bundle.node.identity))
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
    code = claimants_keep(node, &resolve->claimants, &shown);
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
        settle(node, resolve);
}

/* The owner of a bound key has nobody to be confused with: a newer bundle than the known one, of
 * that key or one that came after it, with an address to go to, is all that is wanted to go there.
 */
static bool is_enough(const struct vx6_node *node, const struct resolve *resolve)
{
    if (!resolve->bound || !wants_address(resolve))
        return false;
    for (uint32_t i = 0; i < resolve->claimants.count; i++) {
        const struct claimant *claimant = &resolve->claimants.items[i];
        bool is_doubted = bytes_equal(claimant->key, resolve->bound_key, 32) &&
                          claimant->sequence <= resolve->sequence_known;
        if (claimant->is_tombstone || (!is_doubted && is_of_use(node, resolve, claimant)))
            return true;
    }
    return false;
}

/* The wait for rivals begins with somebody to use: one who can be dialled, where that is wanted. */
static bool is_usable(const struct vx6_node *node, const struct resolve *resolve)
{
    for (uint32_t i = 0; i < resolve->claimants.count; i++) {
        if (is_of_use(node, resolve, &resolve->claimants.items[i]))
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

void resolve_bundle(struct vx6_node *node, void *context, const struct lookup_value *value)
{
    struct resolve *resolve = context;
    enum addr_scope scope = value->holder ? addr_scope(&value->holder->addr) : SCOPE_GLOBAL;
    enum vx6_code code = VX6_OK;
    resolve->is_taking = true;
    if (!claimants_show_again(&resolve->claimants, value->bundle, scope))
        code = take_bundle(node, resolve, value->bundle, scope);
    resolve->is_taking = false;
    if (code != VX6_OK) {
        const vx6_addr *from = value->holder ? &value->holder->addr : NULL;
        refuse(node, VX6_EVENT_bundle_refused, from, VX6_MSG_value, value->bundle.len, code);
        resolve->starved |= code == VX6_NOMEM;
    }
    if (resolve->claimants.count == 0 || !is_honest(code))
        return;
    if (resolve->hops == 0)
        resolve->hops = value->hops;
    if (!resolve->waiting && is_usable(node, resolve))
        wait_for_more(node, resolve);
    if (!is_last(node, value))
        return;
    if (is_enough(node, resolve))
        settle(node, resolve);
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
    if (resolve->claimants.count == 0)
        resolve->hops = result->hops;
    settle(node, resolve);
}

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
        is_own_label(node, label) || (!resolve->bound && binding_find(node, label) != NULL);
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
    if (*code != VX6_OK || !says_host(node, resolve, &resolve->claimants.items[0], host))
        return false;
    memcpy(owner, resolve->claimants.items[0].key, sizeof owner);
    *code = take_owner(node, resolve, chain);
    claimants_free(node, &resolve->claimants);
    holders_free(node, resolve);
    resolve->waiting = resolve->starved = false;
    resolve->hops = resolve->queries = resolve->lost = 0;
    resolve->sequence_known = 0;
    if (*code == VX6_OK)
        *code = start_host(node, resolve, owner, host);
    return *code == VX6_OK;
}

void resolve_timer(struct vx6_node *node, struct timer *timer)
{
    struct resolve *resolve = CONTAINER_OF(timer, struct resolve, timer);
    if (resolve->waiter.session == NULL && resolve->waiter.op == NULL) {
        resolve_cancel(node, resolve); /* nobody waits any more */
        return;
    }
    bool timed_out = resolve->lookup != NULL && resolve->claimants.count == 0;
    if (resolve->lookup != NULL) {
        struct lookup_result result = {0};
        lookup_progress(resolve->lookup, &result);
        resolve->queries = result.queries;
        resolve->lost = result.lost;
        lookup_cancel(node, resolve->lookup);
        resolve->lookup = NULL;
    }
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
