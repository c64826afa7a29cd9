/* SPDX-License-Identifier: MIT */
/* Publishing: one bundle with everything that others should know of this node, brought to the k
 * nodes closest to its ID, to those closest to its name's key, and to those closest to the IDs that
 * it had before.
 *
 * A run is one bundle under all its keys; a publication is one key of it. Spec: spec/records.md,
 * "Publishing". */
#include "internal.h"

void publish_init(struct vx6_node *node)
{
    struct publish *publish = &node->publish;
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
    timer_set_part(&node->timers, TIMER_PUBLISH, publish->joined ? at : VX6_NEVER);
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

/* What its lists lie in. */
struct own_lists {
    vx6_span services[16];
    struct vx6_hosted hosted[16];
};

static struct record_facts own_facts(const struct vx6_node *node, struct own_lists *lists)
{
    const uint32_t max = node->env->limits->service_max;
    return (struct record_facts){.sequence = node->sequence_next,
        .unix_s = node_unix_s(node),
        .life_s = node->env->limits->record_life_s,
        .endpoints = node->endpoints,
        .endpoint_count = node->endpoint_count,
        .label = own_label(node),
        .lineage = node_lineage(node),
        .services = lists->services,
        .service_count = service_names(node, lists->services, max),
        .hosted = lists->hosted,
        .hosted_count = services_hosted(node, lists->hosted, max)};
}

bool publish_has_room(const struct vx6_node *node)
{
    struct own_lists lists;
    uint8_t bytes[VX6_BUNDLE_MAX];
    struct record_facts facts = own_facts(node, &lists);
    facts.service_count = 0;
    return record_make_bundle(node->env->crypto, &node->keys, &facts, bytes) > 0;
}

/* The keys of the DHT under which this node is found. VX6-REC-015 */
static uint32_t own_places(const struct vx6_node *node, uint8_t keys[PUBLISH_KEYS][32])
{
    const struct vx6_crypto *crypto = node->env->crypto;
    struct lineage lineage = {0};
    uint32_t count = 0;
    if (node->lineage)
        (void)lineage_decode(node_lineage(node), node->keys.identity, &lineage);
    memcpy(keys[count++], node->keys.id, 32);
    if (node->label_len > 0)
        name_key(crypto, keys[count++], own_label(node));
    for (uint32_t i = 0; i < lineage.count; i++)
        vx6_node_id(crypto, keys[count++], lineage.predecessors[i]);
    return count;
}

/* A node answers for itself from the start: in a network of two, nobody else can. VX6-REC-015 */
static void hold_own(struct vx6_node *node, vx6_span bundle)
{
    uint8_t keys[PUBLISH_KEYS][32];
    const uint32_t count = own_places(node, keys);
    for (uint32_t i = 0; i < count; i++)
        (void)holder_store(node, keys[i], bundle, NULL);
}

static uint32_t this_second(const struct vx6_node *node)
{
    return (uint32_t)(node->now / VX6_SECOND) + 1;
}

/* A new bundle with the next sequence number. A list of services that is too long loses its last
 * ones: they can still be opened by who knows of them; so those that are elsewhere, which cannot,
 * go last. Without memory the last bundle stays. VX6-REC-014 */
static void make(struct vx6_node *node)
{
    struct publish *publish = &node->publish;
    const struct vx6_crypto *crypto = node->env->crypto;
    struct own_lists lists;
    uint8_t bytes[VX6_BUNDLE_MAX];
    struct record_facts facts = own_facts(node, &lists);
    uint32_t offered = facts.service_count + facts.hosted_count;
    size_t len;
    node->sequence_next++;
    while ((len = record_make_bundle(crypto, &node->keys, &facts, bytes)) == 0) {
        VX6_ASSERT(facts.service_count + facts.hosted_count > 0);
        if (facts.service_count > 0)
            facts.service_count--;
        else
            facts.hosted_count--;
    }
    if (facts.service_count + facts.hosted_count < offered)
        trace(node, VX6_EVENT_limit_reached, NULL, VX6_MSG_service_list, 0, VX6_LIMIT);

    struct vx6_msg msg;
    const char *problem = vx6_msg_decode(&msg, VX6_SCOPE_RECORD, bytes, len);
    VX6_ASSERT(problem == NULL);
    struct blob *bundle = blob_get(node->env, (vx6_span){bytes, len});
    if (bundle == NULL) {
        publish->starved = this_second(node);
        return;
    }
    blob_drop(node->env, publish->bundle);
    publish->bundle = bundle;
    publish->record_at = (uint16_t)(msg.u.bundle.node.data - bytes);
    publish->record_len = (uint16_t)msg.u.bundle.node.len;
    publish->issued_s = facts.unix_s;
    publish->stale = false;
    hold_own(node, (vx6_span){bytes, len});
    /* Never later than half its life, and not at the same time as everybody else. */
    publish->renew_at = node->now + rng_jitter(&node->public_rng, half_life(node) / 9 * 8);
}

static bool is_current(const struct vx6_node *node)
{
    const struct publish *publish = &node->publish;
    int64_t age_s = node_unix_s(node) - publish->issued_s;
    return publish->bundle != NULL && !publish->stale && age_s >= 0 &&
           age_s < (int64_t)(node->env->limits->record_life_s / 2);
}

/* VX6-REC-013: what is shown is never older than half its life. Who asks again and again makes this
 * node sign no more than once a second when memory runs out. */
static void make_current(struct vx6_node *node)
{
    if (is_current(node) || node->publish.starved == this_second(node))
        return;
    make(node);
    publish_soon(node);
}

vx6_span publish_record(struct vx6_node *node)
{
    const struct publish *publish = &node->publish;
    make_current(node);
    if (publish->bundle == NULL)
        return (vx6_span){0};
    return (vx6_span){publish->bundle->data + publish->record_at, publish->record_len};
}

struct blob *publish_bundle(struct vx6_node *node)
{
    make_current(node);
    return node->publish.bundle;
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

void publish_done(struct vx6_node *node, const struct publication *publication, uint32_t taken)
{
    struct publish *publish = &node->publish;
    for (uint32_t i = 0; i < PUBLISH_KEYS; i++) {
        if (publish->running[i] == publication)
            publish->running[i] = NULL;
    }
    key_done(node, taken);
}

static void cancel_all(struct vx6_node *node)
{
    struct publish *publish = &node->publish;
    for (uint32_t i = 0; i < PUBLISH_KEYS; i++) {
        publication_cancel(node, publish->running[i]);
        publish->running[i] = NULL;
    }
}

/* The current bundle to the holders of all its keys; what was on its way is given up. */
static void publish_run(struct vx6_node *node)
{
    struct publish *publish = &node->publish;
    publish->settle_at = publish->retry_at = VX6_NEVER;
    cancel_all(node);
    if (!is_current(node))
        make(node);
    if (!is_current(node)) {
        plan_retry(node);
        return;
    }
    uint8_t keys[PUBLISH_KEYS][32];
    const uint32_t count = own_places(node, keys);
    publish->keys_left = count;
    publish->fewest = UINT32_MAX;
    for (uint32_t i = 0; i < count; i++) {
        publish->running[i] = publication_start(node, keys[i], publish->bundle, PUBLICATION_OWN);
        if (publish->running[i] == NULL)
            key_done(node, 0);
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
    revoked_joined(node);
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

void publish_timer(struct vx6_node *node)
{
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
    cancel_all(node);
    timer_set_part(&node->timers, TIMER_PUBLISH, VX6_NEVER);
}

void publish_free(struct vx6_node *node)
{
    struct publish *publish = &node->publish;
    publish_shutdown(node);
    blob_drop(node->env, publish->bundle);
    publish->bundle = NULL;
}
