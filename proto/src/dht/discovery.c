/* SPDX-License-Identifier: MIT */
/* Joining and staying: a lookup of the own ID, announcements to the nodes around it, a question to
 * each contact that has been silent for too long, and a lookup into each bucket that saw none for
 * long. One timer, one small step at a time. Spec: spec/dht.md, "Joining" and "Maintenance". */
#include "internal.h"

enum {
    OWN_REGION = REFRESH_SLOTS - 1,
    HINTS_CONSIDERED = 3, /* of one answer */
    CUT_OFF_PACE = 10     /* times slower when nobody answers */
};

void discovery_init(struct vx6_node *node)
{
    node->discovery.retry_ms = node->env->limits->rejoin_ms;
}

void discovery_wake(struct vx6_node *node)
{
    uint32_t pace_ms = node->env->limits->maintain_ms;
    vx6_ns soon = after_ms(node, pace_ms);
    if (node->timers.deadlines[TIMER_DISCOVERY] <= soon)
        return;
    vx6_ns jitter = (vx6_ns)rng_below(&node->public_rng, pace_ms) * VX6_MILLISECOND;
    timer_set_part(&node->timers, TIMER_DISCOVERY, node->now + jitter);
}

void discovery_contact(struct vx6_node *node, struct peer *peer)
{
    struct discovery *discovery = &node->discovery;
    peer_drop(node->env, discovery->told);
    discovery->told = peer_hold(peer);
    ready_post(&node->ready_list, &node->ready, NODE_READY_CONTACT);
    if (!discovery->joined)
        discovery_wake(node);
}

bool discovery_output(struct vx6_node *node, struct vx6_out *out)
{
    struct peer *peer = node->discovery.told;
    ready_take(&node->ready_list, &node->ready, NODE_READY_CONTACT);
    if (peer == NULL)
        return false;
    out->kind = VX6_OUT_CONTACT;
    out->peer = peer->addr;
    memcpy(out->key, peer->key, sizeof out->key);
    peer_drop(node->env, peer);
    node->discovery.told = NULL;
    return true;
}

void discovery_touch(struct vx6_node *node, const uint8_t target[32])
{
    uint32_t slot = common_prefix(node->keys.id, target);
    if (slot > OWN_REGION)
        slot = OWN_REGION;
    vx6_ns period = (vx6_ns)node->env->limits->refresh_ms * VX6_MILLISECOND;
    node->discovery.refresh_at[slot] = node->now + rng_jitter(&node->public_rng, period);
}

/* VX6-DHT-008: nothing enters the table here; the node itself has to answer first. */
static enum vx6_code consider(struct vx6_node *node, const uint8_t key[32], const vx6_addr *addr,
    uint32_t hash, const vx6_addr *source)
{
    struct discovery *discovery = &node->discovery;
    if (bytes_equal(key, node->keys.identity, 32))
        return VX6_SELF;
    if (!addr_is_in_scope(addr, source))
        return VX6_INVALID;
    struct peer *peer = peer_get_hashed(node->env, key, addr, hash);
    if (peer == NULL)
        return VX6_NOMEM;
    enum vx6_code code = VX6_OK;
    const struct contact *contact = table_find(node, peer->id);
    if (!peer_key_is_valid(node->env, peer)) {
        code = VX6_INVALID;
    } else if (contact == NULL && !table_offer(node, peer)) {
        code = VX6_LIMIT;
    } else if (!(contact && table_peer(&node->table, contact) == peer) &&
               !query_is_pending(node, peer)) {
        struct vx6_msg ping = {.type = VX6_MSG_ping};
        bool is_spent = !addr_same_site(addr, source) && query_site_is_spent(node, addr);
        if (is_spent || discovery->considered >= node->env->limits->newcomer_max ||
            query_start(node, peer, &ping, QUERY_CONSIDER, NULL) == NULL)
            code = VX6_LIMIT;
        else
            discovery->considered++;
    }
    peer_drop(node->env, peer);
    return code;
}

enum vx6_code discovery_consider(
    struct vx6_node *node, const uint8_t key[32], const vx6_addr *addr, const vx6_addr *source)
{
    return consider(node, key, addr, peer_hash(key, addr), source);
}

/* Contacts in this bucket and beyond are the node's neighbours: a lookup of the own ID finds them,
 * and no lookup into the bucket is needed. */
static bool is_own_region(const struct vx6_node *node, uint32_t bucket)
{
    return table_count_deeper(node, bucket) < KADEMLIA_K;
}

/* A random ID in a bucket, or the own ID for the own region. */
static void choose_target(struct vx6_node *node, uint32_t bucket, uint8_t target[32])
{
    memcpy(target, node->keys.id, 32);
    if (bucket >= OWN_REGION || is_own_region(node, bucket))
        return;
    uint8_t random[32];
    rng_bytes(&node->public_rng, random, sizeof random);
    uint32_t byte = bucket / 8;
    uint8_t bit = (uint8_t)(0x80 >> bucket % 8), below = (uint8_t)(bit - 1);
    target[byte] = (uint8_t)(((target[byte] ^ bit) & ~below) | (random[byte] & below));
    memcpy(target + byte + 1, random + byte + 1, 31 - byte);
}

static void start_lookup(struct vx6_node *node, uint32_t slot)
{
    struct discovery *discovery = &node->discovery;
    uint8_t target[32];
    choose_target(node, slot, target);
    discovery->lookup_is_own = bytes_equal(target, node->keys.id, 32);
    discovery->lookup = lookup_start(node, target, false, LOOKUP_DISCOVERY, NULL);
}

/* VX6-DHT-007: by the tokens that came with the answers. */
static void announce(struct vx6_node *node, const struct lookup_result *result)
{
    if (node->endpoint_count == 0)
        return;
    node->announced = node->endpoints[0];
    node->discovery.is_announced = true;
    struct vx6_msg msg = {.type = VX6_MSG_announce};
    memcpy(msg.u.announce.key, node->keys.identity, 32);
    msg.u.announce.port = node->endpoints[0].port;
    for (uint32_t i = 0; i < result->closest_count; i++) {
        memcpy(msg.u.announce.token, result->closest[i].token, 16);
        (void)query_start(node, result->closest[i].peer, &msg, QUERY_ANNOUNCE, NULL);
    }
}

static void try_later(struct vx6_node *node)
{
    struct discovery *discovery = &node->discovery;
    uint32_t most_ms = node->env->limits->rejoin_max_ms;
    discovery->retry_at =
        node->now + rng_jitter(&node->public_rng, (vx6_ns)discovery->retry_ms * VX6_MILLISECOND);
    discovery->retry_ms = discovery->retry_ms < most_ms / 2 ? 2 * discovery->retry_ms : most_ms;
}

/* VX6-DHT-022 */
void discovery_lookup_done(struct vx6_node *node, void *context, const struct lookup_result *result)
{
    (void)context;
    struct discovery *discovery = &node->discovery;
    discovery->lookup = NULL;
    discovery_wake(node);
    if (!discovery->lookup_is_own)
        return;
    if (result->closest_count == 0) {
        discovery->joined = false;
        try_later(node);
        return;
    }
    announce(node, result);
    discovery->retry_ms = node->env->limits->rejoin_ms;
    if (!discovery->joined) {
        discovery->joined = true;
        for (uint32_t i = 0; i < OWN_REGION; i++) {
            bool is_full = table_bucket_count(&node->table, i) == KADEMLIA_K;
            discovery->refresh_at[i] = is_full ? after_ms(node, node->env->limits->refresh_ms) : 0;
        }
    }
    if (discovery->rejoining)
        publish_changed(node);
    else
        publish_joined(node);
    relied_joined(node);
    discovery->rejoining = false;
}

void discovery_rejoin(struct vx6_node *node)
{
    node->discovery.rejoining = node->discovery.rejoining || node->discovery.joined;
    node->discovery.joined = false;
    node->discovery.retry_at = node->now;
    discovery_wake(node);
}

/* VX6-DHT-060: what failed before may work now, and who was near may not be there any more. */
void discovery_network_changed(struct vx6_node *node)
{
    struct discovery *discovery = &node->discovery;
    discovery->retry_at = node->now;
    discovery->retry_ms = node->env->limits->rejoin_ms;
    discovery->refresh_at[OWN_REGION] = 0;
    discovery_wake(node);
}

/* VX6-DHT-007 */
void discovery_endpoints_changed(struct vx6_node *node)
{
    node->discovery.is_announced =
        node->endpoint_count > 0 && addr_equal(&node->announced, &node->endpoints[0]);
}

/* What a contact names is asked where the table has room: so that buckets fill without lookups.
 * What there is of those who are named lies far apart in memory: it is fetched all at once. */
static void consider_hints(struct vx6_node *node, const struct query_result *result)
{
    uint32_t bucket = common_prefix(node->keys.id, result->peer->id);
    if (!is_own_region(node, bucket) && table_bucket_count(&node->table, bucket) == KADEMLIA_K)
        return;
    const vx6_list *hints = &result->answer->u.nodes.hints;
    const uint32_t count = hints->count < KADEMLIA_K ? hints->count : KADEMLIA_K;
    const uint32_t considered_max = node->discovery.considered + HINTS_CONSIDERED;
    vx6_addr addrs[KADEMLIA_K];
    uint32_t hashes[KADEMLIA_K];
    for (uint32_t i = 0; i < count; i++) {
        addrs[i] = hint_addr(hints, i);
        hashes[i] = peer_hash(hint_key(hints, i), &addrs[i]);
        peer_expect(node->env, hashes[i], 0);
    }
    for (uint32_t i = 0; i < count; i++)
        peer_expect(node->env, hashes[i], 1);
    for (uint32_t i = 0; i < count && node->discovery.considered < considered_max; i++)
        (void)consider(node, hint_key(hints, i), &addrs[i], hashes[i], &result->peer->addr);
}

void discovery_query_done(struct vx6_node *node, void *context, const struct query_result *result)
{
    if (result->user == QUERY_ENTRY)
        entry_answered(node, context, result->peer, result->answer != NULL);
    else if (result->user == QUERY_CONSIDER)
        node->discovery.considered--;
    else if (result->user == QUERY_CHECK && result->answer)
        consider_hints(node, result);
    if (result->answer && !node->discovery.joined) {
        node->discovery.retry_at = node->now;
        discovery_wake(node);
    }
}

/* VX6-DHT-010: asked by find_node, so that the answer is of use. Returns for how long the contact
 * that is next in line has been idle. */
static uint32_t check_contact(struct vx6_node *node, uint32_t patience_ms)
{
    uint32_t idle_ms[2];
    struct contact *contact = idle_longest(node, idle_ms);
    if (contact == NULL || idle_ms[0] < patience_ms)
        return idle_ms[0];
    struct vx6_msg ask = {.type = VX6_MSG_find_node};
    idle_asked(node, contact);
    struct peer *peer = table_peer(&node->table, contact);
    choose_target(node, common_prefix(node->keys.id, peer->id), ask.u.find_node.target);
    (void)query_start(node, peer, &ask, QUERY_CHECK, NULL);
    return idle_ms[1];
}

/* The slot whose lookup is due first, and when. VX6-DHT-023 */
static uint32_t refresh_next(const struct vx6_node *node, vx6_ns *at)
{
    const struct discovery *discovery = &node->discovery;
    uint32_t next = OWN_REGION;
    *at = discovery->refresh_at[OWN_REGION];
    uint32_t deeper = node->table.count;
    for (uint32_t i = 0; i < OWN_REGION && i < node->table.depth; i++) {
        deeper -= table_bucket_count(&node->table, i);
        if (deeper < KADEMLIA_K)
            break; /* the own region: is_own_region() */
        if (discovery->refresh_at[i] < *at) {
            *at = discovery->refresh_at[i];
            next = i;
        }
    }
    return next;
}

/* Nobody is there to ask, or nobody answers. */
static bool is_alone(const struct vx6_node *node)
{
    const struct table *table = &node->table;
    return table->count == 0 || (table->count == 1 && table->contacts[0].failures > 0) ||
           query_is_cut_off(node);
}

static vx6_ns next_step(const struct vx6_node *node, uint32_t idle_ms, uint32_t patience_ms)
{
    const struct discovery *discovery = &node->discovery;
    vx6_ns next = VX6_NEVER, at;
    uint32_t awaited_ms;
    bool can_retry = discovery->lookup == NULL && (node->table.count > 0 || discovery->entries);
    if (can_retry && (!discovery->joined || is_alone(node)))
        next = discovery->retry_at;
    if (node->table.count > 0) {
        at = idle_ms < patience_ms ? after_ms(node, patience_ms - idle_ms) : node->now;
        next = at < next ? at : next;
    }
    if (idle_is_awaited(node, &awaited_ms)) {
        at = after_ms(node, awaited_ms);
        next = at < next ? at : next;
    }
    if (discovery->joined && discovery->lookup == NULL && next > node->now) {
        (void)refresh_next(node, &at);
        next = at < next ? at : next;
    }
    return next;
}

static void set_timer(struct vx6_node *node, uint32_t idle_ms, uint32_t patience_ms)
{
    vx6_ns next = next_step(node, idle_ms, patience_ms);
    vx6_ns pace = (vx6_ns)node->env->limits->maintain_ms * VX6_MILLISECOND;
    if (query_is_cut_off(node))
        pace *= CUT_OFF_PACE;
    pace = rng_jitter(&node->public_rng, pace);
    if (next < node->now + pace)
        next = node->now + pace;
    timer_set_part(&node->timers, TIMER_DISCOVERY, next);
}

void discovery_timer(struct vx6_node *node)
{
    struct discovery *discovery = &node->discovery;
    if (node->shutting_down)
        return;
    bool may_retry = node->now >= discovery->retry_at;
    if (is_alone(node) && may_retry) {
        entries_dial(node);
        try_later(node);
    }
    if (node->endpoint_count > 0 && !discovery->is_announced)
        discovery->refresh_at[OWN_REGION] = 0;
    if (discovery->lookup == NULL && node->table.count > 0) {
        vx6_ns at;
        uint32_t slot = refresh_next(node, &at);
        if (!discovery->joined && may_retry)
            start_lookup(node, OWN_REGION);
        else if (discovery->joined && at <= node->now)
            start_lookup(node, slot);
    }
    const uint32_t patience_ms = table_patience_ms(node);
    set_timer(node, check_contact(node, patience_ms), patience_ms);
}

bool discovery_expect(const struct vx6_node *node, uint32_t step)
{
    if (step == 0) {
        queries_expect(node);
        idle_expect(node, node->timers.deadlines[TIMER_DISCOVERY]);
        return true;
    }
    idle_expect_all(node, node->timers.deadlines[TIMER_DISCOVERY]);
    const struct contact *next = idle_next(node);
    if (next)
        prefetch(table_peer(&node->table, next), sizeof(struct peer));
    return false;
}

void discovery_shutdown(struct vx6_node *node)
{
    if (node->discovery.lookup != NULL)
        lookup_cancel(node, node->discovery.lookup);
    node->discovery.lookup = NULL;
    timer_set_part(&node->timers, TIMER_DISCOVERY, VX6_NEVER);
    entries_free(node);
}

void discovery_free(struct vx6_node *node)
{
    peer_drop(node->env, node->discovery.told);
    node->discovery.told = NULL;
    entries_free(node);
}
