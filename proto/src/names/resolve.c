/* SPDX-License-Identifier: MIT */
/* Resolving: from a label to a verified bundle.
 *
 * A bound name is asked for by the ID of its key, where nobody else can store anything. An unbound
 * one is asked for by its label, where anybody can: then rival claims get a chance to show, and two
 * claimants are an error, not a choice. Every resolve ends in its timer, so that what hears of it
 * never runs inside the lookup that ended it. Spec: spec/names.md, "Resolving". */
#include "internal.h"
#include "scope.h"

struct claimant {
    struct blob *blob;
    uint8_t key[32];
    uint64_t sequence;
    int64_t expires_s;
    enum addr_scope scope; /* the narrowest path that it came by */
};

struct resolve {
    struct resolve *next, *previous;
    struct timer timer;
    struct lookup *lookup; /* NULL: ended, or never needed */
    struct op *op;         /* exactly one of the two waits for it */
    struct session *session;
    struct listing *listing; /* for which the op is, or NULL */
    struct kept_name name;
    bool bound;
    bool waiting; /* there is somebody to use; rivals may still show */
    bool starved; /* a bundle that was shown could not be kept */
    uint8_t bound_key[32];
    uint64_t sequence_known; /* bound: what a newer bundle must exceed to end the wait */
    enum vx6_code lookup_code;
    uint32_t hops, queries, lost;
    struct claimant *claimants;
    uint32_t claimant_count, claimant_capacity;
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

/* To go there, and not only to see who it is. */
static bool wants_address(const struct resolve *resolve)
{
    return resolve->session != NULL || resolve->listing != NULL;
}

static void resolve_free(struct vx6_node *node, struct resolve *resolve)
{
    vx6_env *env = node->env;
    if (resolve->next)
        resolve->next->previous = resolve->previous;
    if (resolve->previous)
        resolve->previous->next = resolve->next;
    else
        node->resolves = resolve->next;
    timer_clear(&node->timers, &resolve->timer);
    for (uint32_t i = 0; i < resolve->claimant_count; i++)
        blob_drop(env, resolve->claimants[i].blob);
    for (uint32_t i = 0; i < resolve->holder_count; i++)
        peer_drop(env, resolve->holders[i]);
    env_free(env, resolve->claimants, resolve->claimant_capacity * sizeof *resolve->claimants);
    env_free(env, resolve, sizeof *resolve);
}

void resolve_cancel(struct vx6_node *node, struct resolve *resolve)
{
    if (resolve->lookup != NULL)
        lookup_cancel(node, resolve->lookup);
    resolve_free(node, resolve);
}

void resolves_free(struct vx6_node *node)
{
    while (node->resolves != NULL)
        resolve_cancel(node, node->resolves);
}

static void settle(struct vx6_node *node, struct resolve *resolve)
{
    timer_set(&node->timers, &resolve->timer, node->now);
}

/* False: no memory. */
static bool claimant_add(
    struct vx6_node *node, struct resolve *resolve, const struct claimant *claimant)
{
    uint32_t max = node->env->limits->claimant_max;
    if (resolve->claimant_count == resolve->claimant_capacity) {
        uint32_t capacity = resolve->claimant_capacity == 0 ? 1 : resolve->claimant_capacity * 4;
        capacity = capacity > max ? max : capacity;
        struct claimant *claimants = env_resize(node->env, resolve->claimants,
            resolve->claimant_capacity * sizeof *claimants, capacity * sizeof *claimants);
        if (claimants == NULL)
            return false;
        resolve->claimants = claimants;
        resolve->claimant_capacity = capacity;
    }
    resolve->claimants[resolve->claimant_count++] = *claimant;
    blob_hold(claimant->blob);
    return true;
}

/* Does this node hold a newer bundle for others? */
static bool is_outdated(const struct vx6_node *node, const struct known_bundle *known)
{
    uint8_t id[32];
    vx6_node_id(node->env->crypto, id, known->key);
    return !holder_wants(node, id, id, known->sequence + 1);
}

/* Bound names only. Who asks to be shown is shown what there is now. VX6-NAME-010 */
static void start_from_known(struct vx6_node *node, struct resolve *resolve, bool to_dial)
{
    struct known_bundle *known = known_find(node, resolve->bound_key);
    if (known == NULL)
        return;
    struct claimant claimant = {.blob = known->blob,
        .sequence = known->sequence,
        .expires_s = known->expires_s,
        .scope = (enum addr_scope)known->scope};
    memcpy(claimant.key, known->key, sizeof claimant.key);
    if (!claimant_add(node, resolve, &claimant))
        return;
    if (known->doubted || !to_dial || is_outdated(node, known))
        resolve->sequence_known = known->sequence;
    else
        settle(node, resolve);
}

/* VX6-NAME-004, VX6-NAME-006 */
static enum vx6_code start_lookup(struct vx6_node *node, struct resolve *resolve)
{
    uint8_t target[32];
    if (resolve->bound)
        vx6_node_id(node->env->crypto, target, resolve->bound_key);
    else
        name_key(node->env->crypto, target, resolve_label(resolve));
    resolve->lookup = lookup_start(node, target, true, LOOKUP_RESOLVE, resolve);
    return resolve->lookup ? VX6_OK : lookup_refusal(node);
}

/* NULL with *code. */
static struct resolve *resolve_new(
    struct vx6_node *node, const struct vx6_name *name, bool to_dial, enum vx6_code *code)
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
    const struct binding *binding = binding_find(node, name->label);
    timer_set(
        &node->timers, &resolve->timer, after_ms(node, node->env->limits->resolve_timeout_ms));
    *code = VX6_OK;
    if (binding != NULL && hint_fits(node, name->hint, binding->key)) {
        resolve->bound = true;
        memcpy(resolve->bound_key, binding->key, sizeof resolve->bound_key);
        start_from_known(node, resolve, to_dial);
    }
    if (resolve->timer.deadline > node->now)
        *code = start_lookup(node, resolve);
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
    VX6_ASSERT(vx6_label_is_valid(name->label));
    if (is_self(node, name)) {
        *code = VX6_SELF;
        return NULL;
    }
    struct resolve *resolve = resolve_new(node, name, true, code);
    if (resolve != NULL)
        resolve->session = session;
    return resolve;
}

struct resolve *resolve_for_listing(struct vx6_node *node, const struct vx6_name *name,
    struct listing *listing, struct op *op, enum vx6_code *code)
{
    if (is_self(node, name)) {
        *code = VX6_SELF;
        return NULL;
    }
    struct resolve *resolve = resolve_new(node, name, true, code);
    if (resolve != NULL) {
        resolve->listing = listing;
        resolve->op = op;
    }
    return resolve;
}

/* Asks nobody: the node knows itself. */
static void show_self(struct vx6_node *node, struct op *op)
{
    struct blob *bundle = publish_bundle(node);
    memcpy(op->key, node->keys.identity, sizeof op->key);
    bool shown = bundle != NULL && op_add_candidate(node, op, bundle, op->key);
    op_done(node, op, shown ? VX6_OK : VX6_NOMEM);
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
    if (is_self(node, &name)) {
        show_self(node, op);
        *id = op->id;
        return VX6_OK;
    }
    struct resolve *resolve = resolve_new(node, &name, false, &code);
    if (resolve == NULL) {
        op_free(node, op);
        return code;
    }
    resolve->op = op;
    op->work = resolve;
    *id = op->id;
    return VX6_OK;
}

/* An address at which the claimant may be dialled: its first that reaches at least as far as the
 * path that its bundle came by. VX6-NAME-009 */
static bool claimant_address(
    const struct vx6_node *node, const struct claimant *claimant, vx6_addr *addr)
{
    struct bundle bundle;
    bundle_view(node->env->crypto, (vx6_span){claimant->blob->data, claimant->blob->len}, &bundle);
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

/* Does it belong to what was asked for? Its signatures say nothing of that. */
static bool is_wanted(const struct resolve *resolve, const struct bundle *bundle)
{
    if (resolve->bound)
        return bytes_equal(bundle->node.identity, resolve->bound_key, 32);
    return span_equal(bundle->label, resolve_label(resolve));
}

static struct claimant *claimant_find(struct resolve *resolve, const uint8_t key[32])
{
    for (uint32_t i = 0; i < resolve->claimant_count; i++) {
        if (bytes_equal(resolve->claimants[i].key, key, 32))
            return &resolve->claimants[i];
    }
    return NULL;
}

/* Most holders show the same bytes: those need no second verification. */
static bool is_shown_already(struct resolve *resolve, vx6_span bytes, enum addr_scope scope)
{
    for (uint32_t i = 0; i < resolve->claimant_count; i++) {
        struct claimant *claimant = &resolve->claimants[i];
        if (!span_equal((vx6_span){claimant->blob->data, claimant->blob->len}, bytes))
            continue;
        if (scope < claimant->scope)
            claimant->scope = scope;
        return true;
    }
    return false;
}

/* A verified bundle: the newest of each claimant is kept. VX6-NAME-007, VX6-NAME-011 */
static enum vx6_code claimant_keep(
    struct vx6_node *node, struct resolve *resolve, const struct claimant *shown)
{
    struct claimant *claimant = claimant_find(resolve, shown->key);
    if (claimant == NULL) {
        if (resolve->claimant_count >= node->env->limits->claimant_max)
            return VX6_LIMIT;
        return claimant_add(node, resolve, shown) ? VX6_OK : VX6_NOMEM;
    }
    if (claimant->sequence >= shown->sequence)
        return VX6_OUTDATED;
    blob_drop(node->env, claimant->blob);
    *claimant = *shown;
    blob_hold(claimant->blob);
    return VX6_OK;
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
    if (!hint_fits(node, name_view(&resolve->name).hint, bundle.node.identity))
        return VX6_OK; /* as good as any, but not the one that was meant */
    struct blob *blob = blob_get(node->env, bytes);
    if (blob == NULL)
        return VX6_NOMEM;
    struct claimant shown = {
        .blob = blob, .sequence = bundle.sequence, .expires_s = bundle.expires_s, .scope = scope};
    memcpy(shown.key, bundle.node.identity, sizeof shown.key);
    code = claimant_keep(node, resolve, &shown);
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

/* The owner of a bound key has nobody to be confused with: a newer bundle than the known one, with
 * an address to go to, is all that is wanted to go there. */
static bool is_enough(const struct vx6_node *node, const struct resolve *resolve)
{
    vx6_addr addr;
    return resolve->bound && wants_address(resolve) &&
           resolve->claimants[0].sequence > resolve->sequence_known &&
           claimant_address(node, &resolve->claimants[0], &addr);
}

/* The wait for rivals begins with somebody to use: one who can be dialled, where that is wanted. */
static bool is_usable(const struct vx6_node *node, const struct resolve *resolve)
{
    vx6_addr addr;
    for (uint32_t i = 0; i < resolve->claimant_count; i++) {
        if (!wants_address(resolve) || claimant_address(node, &resolve->claimants[i], &addr))
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
    if (!is_shown_already(resolve, value->bundle, scope))
        code = take_bundle(node, resolve, value->bundle, scope);
    if (code != VX6_OK) {
        const vx6_addr *from = value->holder ? &value->holder->addr : NULL;
        refuse(node, VX6_EVENT_bundle_refused, from, VX6_MSG_value, value->bundle.len, code);
        resolve->starved |= code == VX6_NOMEM;
    }
    if (resolve->claimant_count == 0 || !is_honest(code))
        return;
    if (resolve->hops == 0)
        resolve->hops = value->hops;
    if (!resolve->waiting && is_usable(node, resolve)) {
        vx6_ns wait = after_ms(node, node->env->limits->resolve_wait_ms);
        if (resolve->timer.deadline > wait)
            timer_set(&node->timers, &resolve->timer, wait);
        resolve->waiting = true;
    }
    if (is_enough(node, resolve))
        settle(node, resolve);
    if (value->holder != NULL && is_last(node, value))
        holder_count(node, resolve, value);
}

void resolve_lookup_done(struct vx6_node *node, void *context, const struct lookup_result *result)
{
    struct resolve *resolve = context;
    resolve->lookup = NULL;
    resolve->lookup_code = result->code;
    resolve->queries = result->queries;
    resolve->lost = result->lost;
    if (resolve->claimant_count == 0)
        resolve->hops = result->hops;
    settle(node, resolve);
}

/* VX6-NAME-008 */
static enum vx6_code outcome(const struct resolve *resolve, bool timed_out)
{
    if (resolve->claimant_count > 1)
        return VX6_AMBIGUOUS;
    if (resolve->claimant_count == 1)
        return VX6_OK;
    if (resolve->starved)
        return VX6_NOMEM;
    if (timed_out)
        return VX6_TIMEOUT;
    return resolve->lookup_code == VX6_NO_PEERS ? VX6_NO_PEERS : VX6_NOT_FOUND;
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

static void finish_session(struct vx6_node *node, struct resolve *resolve, enum vx6_code code)
{
    struct session *session = resolve->session;
    uint8_t key[32] = {0};
    vx6_addr addr = {0};
    if (code == VX6_OK) {
        memcpy(key, resolve->claimants[0].key, sizeof key);
        code = choose_address(node, &resolve->claimants[0], &addr);
    }
    if (code == VX6_OK)
        code = bind_claimant(node, resolve, &resolve->claimants[0]);
    trace(node, VX6_EVENT_resolved, NULL, 0, resolve->queries, code);
    resolve_free(node, resolve);
    session_resolved(node, session, code, key, &addr);
}

static bool offers_service(
    const struct vx6_node *node, const struct claimant *claimant, vx6_span wanted)
{
    struct bundle bundle;
    bundle_view(node->env->crypto, (vx6_span){claimant->blob->data, claimant->blob->len}, &bundle);
    struct vx6_service service;
    while (vx6_next_service(&bundle.services, &service)) {
        if (span_equal(service.name, wanted))
            return true;
    }
    return false;
}

static void count_for_op(struct op *op, const struct resolve *resolve)
{
    op->hops = resolve->hops;
    op->queries = resolve->queries;
    op->lost = resolve->lost;
}

/* As for a session, but nothing is bound. VX6-SESS-029 */
static void finish_listing(struct vx6_node *node, struct resolve *resolve, enum vx6_code code)
{
    struct listing *listing = resolve->listing;
    uint8_t key[32] = {0};
    vx6_addr addr = {0};
    count_for_op(resolve->op, resolve);
    if (code == VX6_OK) {
        const struct claimant *claimant = &resolve->claimants[0];
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
    struct op *op = resolve->op;
    vx6_span service = name_view(&resolve->name).service;
    for (uint32_t i = 0; i < resolve->claimant_count; i++) {
        const struct claimant *claimant = &resolve->claimants[i];
        if (!op_add_candidate(node, op, claimant->blob, claimant->key))
            code = VX6_NOMEM;
    }
    if (code == VX6_OK) {
        const struct claimant *claimant = &resolve->claimants[0];
        memcpy(op->key, claimant->key, sizeof op->key);
        (void)claimant_address(node, claimant, &op->peer);
        if (resolve->bound)
            keep_known(node, claimant);
        if (service.len > 0 && !offers_service(node, claimant, service))
            code = VX6_NO_SERVICE;
    }
    count_for_op(op, resolve);
    trace(node, VX6_EVENT_resolved, NULL, 0, resolve->queries, code);
    resolve_free(node, resolve);
    op_done(node, op, code);
}

void resolve_timer(struct vx6_node *node, struct timer *timer)
{
    struct resolve *resolve = CONTAINER_OF(timer, struct resolve, timer);
    bool timed_out = resolve->lookup != NULL;
    if (resolve->lookup != NULL) {
        struct lookup_result result = {0};
        lookup_progress(resolve->lookup, &result);
        resolve->queries = result.queries;
        resolve->lost = result.lost;
        lookup_cancel(node, resolve->lookup);
        resolve->lookup = NULL;
    }
    enum vx6_code code = outcome(resolve, timed_out);
    if (resolve->listing != NULL)
        finish_listing(node, resolve, code);
    else if (resolve->op != NULL)
        finish_op(node, resolve, code);
    else
        finish_session(node, resolve, code);
}
