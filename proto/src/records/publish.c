/* SPDX-License-Identifier: MIT */
/* Publishing: one bundle with everything that others should know of this node, brought to the k
 * nodes closest to its ID and to those closest to its name's key.
 *
 * A run is one bundle under all its keys; a publication is one key of it: first a lookup, which
 * brings the holders and their tokens, then a store at each. Spec: spec/records.md, "Publishing".
 */
#include "internal.h"

struct target {
    struct peer *peer;
    struct query *query; /* in flight */
    uint8_t token[16];
};

struct publication {
    uint32_t index; /* in publish.running */
    uint8_t key[32];
    struct blob *bundle;
    struct lookup *lookup;
    struct target targets[LOOKUP_CLOSEST_MAX];
    uint32_t target_count, next, in_flight;
    uint32_t taken; /* holders that have it */
};

void publish_init(struct vx6_node *node)
{
    struct publish *publish = &node->publish;
    timer_init(&publish->timer, TIMER_PUBLISH);
    publish->settle_at = publish->renew_at = publish->retry_at = VX6_NEVER;
}

static vx6_ns earliest(vx6_ns a, vx6_ns b)
{
    return a < b ? a : b;
}

static void timer_update(struct vx6_node *node)
{
    struct publish *publish = &node->publish;
    vx6_ns at = earliest(publish->settle_at, earliest(publish->renew_at, publish->retry_at));
    timer_set(&node->timers, &publish->timer, publish->joined ? at : VX6_NEVER);
}

/* Half of a life, in ns. */
static vx6_ns half_life(const struct vx6_node *node)
{
    return (vx6_ns)node->env->limits->record_life_s * VX6_SECOND / 2;
}

static void publish_soon(struct vx6_node *node)
{
    struct publish *publish = &node->publish;
    vx6_ns at = after_ms(node, node->env->limits->publish_settle_ms);
    publish->settle_at = earliest(publish->settle_at, at);
    timer_update(node);
}

static vx6_span own_label(const struct vx6_node *node)
{
    return (vx6_span){(const uint8_t *)node->label, node->label_len};
}

static struct record_facts own_facts(struct vx6_node *node, vx6_span *services)
{
    return (struct record_facts){.sequence = node->sequence_next++,
        .unix_s = node_unix_s(node),
        .life_s = node->env->limits->record_life_s,
        .endpoints = node->endpoints,
        .endpoint_count = node->endpoint_count,
        .label = own_label(node),
        .services = services,
        .service_count = service_names(node, services, node->env->limits->service_max)};
}

/* A node answers for itself from the start: in a network of two, nobody else can. VX6-REC-015 */
static void hold_own(struct vx6_node *node, vx6_span bundle)
{
    (void)holder_store(node, node->keys.id, bundle, NULL);
    if (node->label_len > 0) {
        uint8_t key[32];
        name_key(node->env->crypto, key, own_label(node));
        (void)holder_store(node, key, bundle, NULL);
    }
}

/* A new bundle with the next sequence number. A list of services that is too long loses its last
 * ones: they can still be opened by who knows of them. VX6-REC-014 */
static void make(struct vx6_node *node)
{
    struct publish *publish = &node->publish;
    const struct vx6_crypto *crypto = node->env->crypto;
    vx6_span services[16];
    uint8_t bytes[VX6_BUNDLE_MAX];
    struct record_facts facts = own_facts(node, services);
    uint32_t offered = facts.service_count;
    size_t len;
    while ((len = record_make_bundle(crypto, &node->keys, &facts, bytes)) == 0) {
        VX6_ASSERT(facts.service_count > 0);
        facts.service_count--;
    }
    if (facts.service_count < offered)
        trace(node, VX6_EVENT_limit_reached, NULL, VX6_MSG_service_list, 0, VX6_LIMIT);

    struct vx6_msg msg;
    const char *problem = vx6_msg_decode(&msg, VX6_SCOPE_RECORD, bytes, len);
    VX6_ASSERT(problem == NULL);
    publish->record_len = (uint32_t)msg.u.bundle.node.len;
    memcpy(publish->record, msg.u.bundle.node.data, publish->record_len);
    publish->issued_s = facts.unix_s;
    blob_drop(node->env, publish->bundle);
    publish->bundle = blob_get(node->env, (vx6_span){bytes, len});
    publish->stale = false;
    hold_own(node, (vx6_span){bytes, len});
    /* Never later than half its life, and not at the same time as everybody else. */
    publish->renew_at = node->now + rng_jitter(&node->public_rng, half_life(node) / 9 * 8);
}

static bool is_current(const struct vx6_node *node)
{
    const struct publish *publish = &node->publish;
    int64_t age_s = node_unix_s(node) - publish->issued_s;
    return publish->record_len > 0 && !publish->stale && age_s >= 0 &&
           age_s < (int64_t)(node->env->limits->record_life_s / 2);
}

/* VX6-REC-013: what is shown is never older than half its life. */
static void make_current(struct vx6_node *node)
{
    if (is_current(node))
        return;
    make(node);
    publish_soon(node);
}

vx6_span publish_record(struct vx6_node *node)
{
    make_current(node);
    return (vx6_span){node->publish.record, node->publish.record_len};
}

struct blob *publish_bundle(struct vx6_node *node)
{
    make_current(node);
    return node->publish.bundle;
}

static void publication_free(struct vx6_node *node, struct publication *publication)
{
    if (publication == NULL)
        return;
    node->publish.running[publication->index] = NULL;
    if (publication->lookup != NULL)
        lookup_cancel(node, publication->lookup);
    for (uint32_t i = 0; i < publication->target_count; i++) {
        struct target *target = &publication->targets[i];
        if (target->query != NULL)
            query_cancel(node, target->query);
        peer_drop(node->env, target->peer);
    }
    blob_drop(node->env, publication->bundle);
    env_free(node->env, publication, sizeof *publication);
}

/* One failure moves the next run once, however many keys failed in this one. VX6-REC-016 */
static void plan_retry(struct vx6_node *node)
{
    struct publish *publish = &node->publish;
    const struct vx6_limits *limits = node->env->limits;
    if (publish->retry_at != VX6_NEVER)
        return;
    uint32_t ms = publish->retry_ms == 0 ? limits->publish_retry_ms : publish->retry_ms * 2;
    publish->retry_ms = ms > limits->publish_retry_max_ms ? limits->publish_retry_max_ms : ms;
    vx6_ns pause = (vx6_ns)publish->retry_ms * VX6_MILLISECOND;
    publish->retry_at = node->now + rng_jitter(&node->public_rng, pause);
    timer_update(node);
}

/* The run is over when each key has had its turn, and went well when each has holders: only then
 * is the node found by whatever it is looked for. */
static void key_done(struct vx6_node *node, uint32_t taken)
{
    struct publish *publish = &node->publish;
    publish->fewest = taken < publish->fewest ? taken : publish->fewest;
    if (taken == 0)
        plan_retry(node);
    if (--publish->keys_left > 0)
        return;
    bool is_held = publish->fewest > 0;
    trace(node, VX6_EVENT_published, NULL, VX6_MSG_store, publish->fewest,
        is_held ? VX6_OK : VX6_UNREACHABLE);
    if (is_held)
        publish->retry_ms = 0;
}

static void publication_end(struct vx6_node *node, struct publication *publication)
{
    uint32_t taken = publication->taken;
    publication_free(node, publication);
    key_done(node, taken);
}

/* A few stores at a time, like a lookup. */
static void publication_go_on(struct vx6_node *node, struct publication *publication)
{
    struct blob *bundle = publication->bundle;
    while (
        publication->in_flight < KADEMLIA_ALPHA && publication->next < publication->target_count) {
        struct target *target = &publication->targets[publication->next];
        struct vx6_msg ask = {.type = VX6_MSG_store};
        memcpy(ask.u.store.token, target->token, sizeof ask.u.store.token);
        memcpy(ask.u.store.key, publication->key, sizeof ask.u.store.key);
        ask.u.store.bundle = (vx6_span){bundle->data, bundle->len};
        target->query = query_start(node, target->peer, &ask, QUERY_STORE, publication);
        if (target->query == NULL && publication->in_flight > 0)
            return; /* goes on when one of them is done */
        if (target->query != NULL)
            publication->in_flight++;
        publication->next++;
    }
    if (publication->in_flight == 0)
        publication_end(node, publication);
}

void publish_query_done(struct vx6_node *node, void *context, const struct query_result *result)
{
    struct publication *publication = context;
    for (uint32_t i = 0; i < publication->target_count; i++) {
        struct target *target = &publication->targets[i];
        if (target->query != NULL && target->peer == result->peer)
            target->query = NULL;
    }
    publication->in_flight--;
    const struct vx6_msg *answer = result->answer;
    if (answer != NULL && answer->type == VX6_MSG_stored && answer->u.stored.code == VX6_OK)
        publication->taken++;
    publication_go_on(node, publication);
}

/* Is this node one of the k that should hold the key? */
static bool is_own_place(
    const struct vx6_node *node, const uint8_t key[32], const struct lookup_result *result)
{
    if (result->closest_count < KADEMLIA_K)
        return true;
    const struct peer *last = result->closest[KADEMLIA_K - 1].peer;
    return distance_compare(key, node->keys.id, last->id) < 0;
}

/* VX6-REC-015 */
void publish_lookup_done(struct vx6_node *node, void *context, const struct lookup_result *result)
{
    struct publication *publication = context;
    publication->lookup = NULL;
    uint32_t count = result->closest_count;
    if (count == KADEMLIA_K && is_own_place(node, publication->key, result))
        count--;
    for (uint32_t i = 0; i < count; i++) {
        struct target *target = &publication->targets[i];
        target->peer = peer_hold(result->closest[i].peer);
        memcpy(target->token, result->closest[i].token, sizeof target->token);
    }
    publication->target_count = count;
    publication_go_on(node, publication);
}

static void publication_start(struct vx6_node *node, uint32_t index, const uint8_t key[32])
{
    struct publication *publication = env_alloc(node->env, sizeof *publication);
    if (publication == NULL) {
        key_done(node, 0);
        return;
    }
    publication->index = index;
    memcpy(publication->key, key, sizeof publication->key);
    publication->bundle = blob_hold(node->publish.bundle);
    node->publish.running[index] = publication;
    publication->lookup = lookup_start(node, key, false, LOOKUP_PUBLISH, publication);
    if (publication->lookup == NULL)
        publication_end(node, publication);
}

/* The current bundle to the holders of all its keys; what was on its way is given up. */
static void publish_run(struct vx6_node *node)
{
    struct publish *publish = &node->publish;
    publish->settle_at = publish->retry_at = VX6_NEVER;
    for (uint32_t i = 0; i < PUBLISH_KEYS; i++)
        publication_free(node, publish->running[i]);
    if (!is_current(node) || publish->bundle == NULL)
        make(node);
    if (publish->bundle == NULL) {
        plan_retry(node);
        return;
    }
    publish->keys_left = node->label_len > 0 ? 2 : 1;
    publish->fewest = UINT32_MAX;
    publication_start(node, 0, node->keys.id);
    if (node->label_len > 0) {
        uint8_t key[32];
        name_key(node->env->crypto, key, own_label(node));
        publication_start(node, 1, key);
    }
}

void publish_changed(struct vx6_node *node)
{
    node->publish.stale = true;
    publish_soon(node);
}

void publish_joined(struct vx6_node *node)
{
    struct publish *publish = &node->publish;
    if (publish->joined && publish->retry_at == VX6_NEVER)
        return;
    publish->joined = true;
    publish->settle_at = node->now;
    timer_update(node);
}

void publish_network_changed(struct vx6_node *node)
{
    struct publish *publish = &node->publish;
    publish->retry_ms = 0;
    if (publish->retry_at != VX6_NEVER)
        publish->retry_at = node->now;
    timer_update(node);
}

void publish_clock_moved(struct vx6_node *node)
{
    if (node->publish.record_len > 0)
        make_current(node);
}

void publish_timer(struct vx6_node *node, struct timer *timer)
{
    (void)timer;
    struct publish *publish = &node->publish;
    if (node->shutting_down)
        return;
    if (publish->renew_at <= node->now)
        publish->stale = true;
    publish_run(node);
    timer_update(node);
}

void publish_shutdown(struct vx6_node *node)
{
    struct publish *publish = &node->publish;
    for (uint32_t i = 0; i < PUBLISH_KEYS; i++)
        publication_free(node, publish->running[i]);
    timer_clear(&node->timers, &publish->timer);
}

void publish_free(struct vx6_node *node)
{
    struct publish *publish = &node->publish;
    publish_shutdown(node);
    blob_drop(node->env, publish->bundle);
    publish->bundle = NULL;
}
