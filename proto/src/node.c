/* SPDX-License-Identifier: MIT */
/* The four verbs: every input is handed to the part it concerns, every pending output is taken from
 * the object that has it. No part is reached in any other way. Spec: spec/README.md, "The state
 * machine". */
#include "internal.h"

vx6_node *vx6_node_new(vx6_env *env, const vx6_config *config, vx6_ns now)
{
    size_t label_len = 0;
    while (label_len < sizeof config->label && config->label[label_len] != 0)
        label_len++;
    vx6_span label = {(const uint8_t *)config->label, label_len};
    VX6_ASSERT(label_len == 0 || vx6_label_is_valid(label));
    VX6_ASSERT(config->suite == VX6_SUITE_CHACHAPOLY || config->suite == VX6_SUITE_AESGCM);
    VX6_ASSERT(config->sequence_first > 0 && config->unix_ms > 0);

    vx6_node *node = env_alloc(env, sizeof *node);
    if (node == NULL)
        return NULL;
    node->env = env;
    timers_init(&node->timers);
    node->now = node->started = now;
    node->unix_ms_at_zero = config->unix_ms - (int64_t)(now / VX6_MILLISECOND);
    node->tag = config->node_tag;
    node->suite = config->suite;
    node->asn_map = config->asn_map;
    node->sequence_next = config->sequence_first;
    node->label_len = (uint8_t)label_len;
    memcpy(node->label, config->label, label_len);
    own_keys_init(&node->keys, env->crypto, config->identity_seed);
    /* VX6-NODE-004 */
    rng_init(&node->secret_rng, config->rng_seed, "secret");
    rng_init(&node->public_rng, config->rng_seed, "public");
    node->ready.kind = READY_NODE;
    queries_init(node);
    discovery_init(node);
    publish_init(node);
    sync_init(node);
    if (config->lineage.len > 0) {
        VX6_ASSERT(vx6_lineage_check(env->crypto, config->lineage, node->keys.identity));
        node->lineage = blob_get(env, config->lineage);
        if (node->lineage == NULL) {
            vx6_node_free(node);
            return NULL;
        }
    }
    return node;
}

void vx6_node_free(vx6_node *node)
{
    if (node == NULL)
        return;
    vx6_env *env = node->env;
    sessions_free(node);
    reach_free(node);
    links_free(node);
    resolves_free(node);
    publish_free(node);
    sync_free(node);
    discovery_free(node);
    lookups_free(node);
    queries_free(node);
    ops_free(node);
    holder_free(node);
    table_free(node);
    bindings_free(node);
    known_free(node);
    revoked_free(node);
    relied_free(node);
    succession_free(node);
    blob_drop(env, node->lineage);
    clock_free(node);
    refusals_free(node);
    slots_clear(env, &node->slots);
    env_wipe_free(env, node, sizeof *node);
}

static enum vx6_code endpoint_add(struct vx6_node *node, const vx6_addr *addr)
{
    if (!endpoint_is_possible(addr))
        return VX6_INVALID;
    for (uint32_t i = 0; i < node->endpoint_count; i++) {
        if (addr_equal(&node->endpoints[i], addr))
            return VX6_OK;
    }
    if (node->endpoint_count == VX6_ENDPOINT_MAX)
        return VX6_LIMIT;
    node->endpoints[node->endpoint_count++] = *addr;
    discovery_endpoints_changed(node);
    publish_changed(node);
    discovery_wake(node);
    return VX6_OK;
}

static enum vx6_code endpoint_remove(struct vx6_node *node, const vx6_addr *addr)
{
    for (uint32_t i = 0; i < node->endpoint_count; i++) {
        if (!addr_equal(&node->endpoints[i], addr))
            continue;
        node->endpoint_count--;
        memmove(&node->endpoints[i], &node->endpoints[i + 1],
            (node->endpoint_count - i) * sizeof node->endpoints[0]);
        discovery_endpoints_changed(node);
        own_contacts_clear(node);
        publish_changed(node);
        return VX6_OK;
    }
    return VX6_STALE;
}

static enum vx6_code contact_restore(struct vx6_node *node, const struct vx6_in *in)
{
    if (in->peer.port == 0 || bytes_equal(in->key, node->keys.identity, sizeof in->key))
        return VX6_INVALID;
    struct peer *peer = peer_get(node->env, in->key, &in->peer);
    if (peer == NULL)
        return VX6_NOMEM;
    enum vx6_code code = VX6_INVALID;
    if (peer_key_is_valid(node->env, peer)) {
        table_restore(node, peer);
        code = VX6_OK;
    }
    peer_drop(node->env, peer);
    return code;
}

static enum vx6_code name_bind(struct vx6_node *node, const struct vx6_in *in)
{
    vx6_span label = {in->data, in->len};
    if (!vx6_label_is_valid(label) ||
        !node->env->crypto->sign_public_is_valid(node->env->crypto, in->key))
        return VX6_INVALID;
    return binding_set(node, label, in->key, in->keys_before);
}

/* VX6-REC-013 */
static enum vx6_code label_set(struct vx6_node *node, vx6_span label)
{
    vx6_span old = {(const uint8_t *)node->label, node->label_len};
    if (label.len > 0 && !vx6_label_is_valid(label))
        return VX6_INVALID;
    if (span_equal(label, old))
        return VX6_OK;
    node->label_len = (uint8_t)label.len;
    if (label.len > 0)
        memcpy(node->label, label.data, label.len);
    publish_changed(node);
    return VX6_OK;
}

static enum vx6_code wallclock_set(struct vx6_node *node, int64_t unix_ms)
{
    const int64_t end_of_time_ms = INT64_C(253402300800000); /* the year 10000 */
    if (unix_ms <= 0 || unix_ms >= end_of_time_ms)
        return VX6_INVALID;
    node->unix_ms_at_zero = unix_ms - (int64_t)(node->now / VX6_MILLISECOND);
    clock_judge(node);
    publish_clock_moved(node);
    return VX6_OK;
}

/* VX6-DHT-060 */
static void network_changed(struct vx6_node *node)
{
    dials_forget(node);
    links_question(node);
    discovery_network_changed(node);
    publish_network_changed(node);
}

/* VX6-NODE-011: who uses lookups and queries stops before them. */
static void shut_down(struct vx6_node *node)
{
    if (node->shutting_down)
        return;
    node->shutting_down = true;
    ops_shutdown(node);
    sessions_shutdown(node);
    discovery_shutdown(node);
    publish_shutdown(node);
    revoked_shutdown(node);
    relied_shutdown(node);
    queries_shutdown(node);
    links_shutdown(node);
    sync_hand_over(node);
}

static void timers_run(struct vx6_node *node)
{
    enum timer_kind kind;
    struct timer *timer;
    while (timer_pop(&node->timers, node->now, &kind, &timer)) {
        switch (kind) {
        case TIMER_LINK:
            link_timer(node, timer);
            break;
        case TIMER_SESSION:
            session_timer(node, timer);
            break;
        case TIMER_STREAM:
            stream_timer(node, timer);
            break;
        case TIMER_QUERY:
            query_timer(node);
            break;
        case TIMER_LOOKUP:
            lookup_timer(node, timer);
            break;
        case TIMER_RESOLVE:
            resolve_timer(node, timer);
            break;
        case TIMER_HOLDER:
            holder_timer(node);
            break;
        case TIMER_DISCOVERY:
            discovery_timer(node);
            break;
        case TIMER_PUBLISH:
            publish_timer(node);
            break;
        case TIMER_SYNC:
            sync_timer(node);
            break;
        case TIMER_REVOKED:
            revoked_timer(node);
            break;
        case TIMER_RELIED:
            relied_timer(node);
            break;
        case TIMER_LISTING:
            listing_timer(node, timer);
            break;
        case TIMER_REACH:
            reach_timer(node, timer);
            break;
        case TIMER_CLOCK:
            clock_judge(node);
            break;
        }
    }
}

/* Commands that open something are refused once the node shuts down. */
static bool opens_something(enum vx6_in_kind kind)
{
    return kind == VX6_IN_PEER_ADD || kind == VX6_IN_RESOLVE || kind == VX6_IN_LOOKUP ||
           kind == VX6_IN_LIST || kind == VX6_IN_REACH || kind == VX6_IN_SESSION_OPEN ||
           kind == VX6_IN_STREAM_OPEN || kind == VX6_IN_LINK_ACCEPTED;
}

/* Inputs that concern a link, session, stream or operation, found by its ID. */
static enum vx6_code object_input(struct vx6_node *node, struct vx6_in *in)
{
    enum slot_kind kind = SLOT_LINK;
    if (in->kind == VX6_IN_CANCEL)
        kind = SLOT_OP;
    else if (in->kind == VX6_IN_SESSION_CLOSE || in->kind == VX6_IN_STREAM_OPEN)
        kind = SLOT_SESSION;
    else if (in->kind == VX6_IN_STREAM_ACCEPT || in->kind == VX6_IN_STREAM_RESET)
        kind = SLOT_STREAM;
    void *object = slots_get(&node->slots, kind, in->id);
    if (object == NULL)
        return VX6_STALE;

    if (in->kind == VX6_IN_STREAM_OPEN)
        return stream_open(node, object, &in->id);
    if (in->kind == VX6_IN_STREAM_ACCEPT)
        return stream_accept(node, object);
    if (in->kind == VX6_IN_LINK_UP)
        return link_carrier_up(node, object, in);
    if (in->kind == VX6_IN_LINK_BYTES)
        return link_bytes(node, object, in);
    if (in->kind == VX6_IN_LINK_DOWN)
        link_carrier_down(node, object, in->code);
    else if (in->kind == VX6_IN_SESSION_CLOSE)
        session_close(node, object, VX6_OK);
    else if (in->kind == VX6_IN_STREAM_RESET)
        stream_reset(node, object, in->code);
    else
        op_cancel(node, object);
    return VX6_OK;
}

static enum vx6_code dispatch(struct vx6_node *node, struct vx6_in *in)
{
    vx6_span data = {in->data, in->len};
    if (node->shutting_down && opens_something(in->kind))
        return VX6_SHUTDOWN;

    switch (in->kind) {
    case VX6_IN_TICK:
        return VX6_OK;
    case VX6_IN_WALLCLOCK:
        return wallclock_set(node, in->unix_ms);
    case VX6_IN_NETWORK:
        if (!node->shutting_down)
            network_changed(node);
        return VX6_OK;
    case VX6_IN_ENDPOINT_ADD:
        return endpoint_add(node, &in->peer);
    case VX6_IN_ENDPOINT_REMOVE:
        return endpoint_remove(node, &in->peer);
    case VX6_IN_PEER_ADD:
        return discovery_peer_add(node, &in->peer, &in->id);
    case VX6_IN_CONTACT:
        return contact_restore(node, in);
    case VX6_IN_LABEL:
        return label_set(node, data);
    case VX6_IN_NAME_BIND:
        return name_bind(node, in);
    case VX6_IN_NAME_UNBIND:
        if (!vx6_label_is_valid(data))
            return VX6_INVALID;
        binding_remove(node, data);
        return VX6_OK;
    case VX6_IN_REVOKE:
    case VX6_IN_REVOKED:
        return revoked_set(node, data, in->kind == VX6_IN_REVOKE);
    case VX6_IN_SERVICE_ADD:
        return service_add(node, data, EXPOSURE_PUBLIC);
    case VX6_IN_SERVICE_ADD_LISTED:
        return service_add(node, data, EXPOSURE_LISTED);
    case VX6_IN_SERVICE_ADD_PRIVATE:
        return service_add(node, data, EXPOSURE_PRIVATE);
    case VX6_IN_SERVICE_ADD_HOSTED:
        return service_add_hosted(node, data, in->key);
    case VX6_IN_SERVICE_ALLOW:
        return service_allow(node, data, in->key, in->keys_before);
    case VX6_IN_SERVICE_DENY:
        return service_deny(node, data, in->key);
    case VX6_IN_SERVICE_REMOVE:
        return service_remove(node, data);
    case VX6_IN_RESOLVE:
        return resolve_for_driver(node, data, &in->id);
    case VX6_IN_LOOKUP:
        return op_lookup_start(node, in->key, &in->id);
    case VX6_IN_LIST:
        return listing_start(node, in, &in->id);
    case VX6_IN_REACH:
        return reach_start(node, &in->peer, &in->id);
    case VX6_IN_SESSION_OPEN:
        return session_open(node, in, &in->id);
    case VX6_IN_LINK_ACCEPTED:
        return link_accepted(node, in, &in->id);
    case VX6_IN_DATAGRAM:
        query_datagram(node, &in->peer, in->data, in->len);
        return VX6_OK;
    case VX6_IN_SHUTDOWN:
        shut_down(node);
        return VX6_OK;
    case VX6_IN_SESSION_CLOSE:
    case VX6_IN_STREAM_OPEN:
    case VX6_IN_STREAM_ACCEPT:
    case VX6_IN_STREAM_RESET:
    case VX6_IN_CANCEL:
    case VX6_IN_LINK_UP:
    case VX6_IN_LINK_DOWN:
    case VX6_IN_LINK_BYTES:
        return object_input(node, in);
    }
    return VX6_INVALID;
}

/* VX6-NODE-002: time only moves here, and never back. Timers that were due come before what
 * happened after them. */
enum vx6_code vx6_node_input(vx6_node *node, vx6_ns now, struct vx6_in *in)
{
    if (now > node->now)
        node->now = now;
    if (node->has_told) {
        node->has_told = false;
        ops_reap(node);
        succession_reap(node);
    }
    if (timer_is_due(&node->timers, node->now))
        timers_run(node);
    return dispatch(node, in);
}

static bool node_output(struct vx6_node *node, struct vx6_out *out)
{
    if (node->ready.pending & NODE_READY_DATAGRAMS) {
        ready_take(&node->ready_list, &node->ready, NODE_READY_DATAGRAMS);
        out->kind = VX6_OUT_WANT_WRITE;
        out->id = VX6_DATAGRAMS;
        if (node->queries.waiting_first)
            out->peer = *node->queries.waiting_first->to;
        return true;
    }
    if (node->ready.pending & NODE_READY_BOUND) {
        if (binding_output(node, out))
            return true;
    }
    if (node->ready.pending & NODE_READY_KEYS) {
        if (succession_output(node, out) || binding_clash_output(node, out) ||
            revoked_output(node, out))
            return true;
    }
    if (node->ready.pending & NODE_READY_CONTACT) {
        if (discovery_output(node, out))
            return true;
    }
    if (node->ready.pending & NODE_READY_CLOCK)
        return clock_output(node, out);
    ready_remove(&node->ready_list, &node->ready);
    return false;
}

/* VX6-NODE-003: what a driver does not take out stays, as bits on live objects. */
bool vx6_node_output(vx6_node *node, struct vx6_out *out)
{
    struct ready *ready;
    while ((ready = node->ready_list.first) != NULL) {
        *out = (struct vx6_out){0};
        bool taken = false;
        switch (ready->kind) {
        case READY_LINK:
            taken = link_output(node, ready, out);
            break;
        case READY_SESSION:
            taken = session_output(node, ready, out);
            break;
        case READY_STREAM:
            taken = stream_output(node, ready, out);
            break;
        case READY_OP:
            taken = op_output(node, ready, out);
            break;
        case READY_NODE:
            taken = node_output(node, out);
            break;
        }
        if (taken)
            return true;
    }
    return false;
}

/* The node itself: the stretches of it that are touched in at least one turn of twenty. */
static void expect_node(const struct vx6_node *node, bool is_tick, bool is_ask)
{
    enum {
        COUNTERS = VX6_EVENT_query_lost + 1, /* of datagrams */
        BUCKETS = 16
    };
    const void *asked = is_ask ? (const void *)node->keys.identity : node->keys.id;
    const void *answered =
        is_ask ? &node->queries.other_contacts : (const void *)&node->queries.asks;
    prefetch_between(asked, &node->suite);
    prefetch_between(&node->clock.has_agreed, answered);
    prefetch_between(&node->counters, &node->counters[COUNTERS]);
    prefetch_between(&node->holder.prefixes, &node->table.few_buckets[BUCKETS]);
    if (is_ask)
        return;
    if (is_tick)
        prefetch_between(&node->public_rng, &node->discovery.refresh_at[BUCKETS / 2]);
    else
        prefetch(&node->public_rng, sizeof node->public_rng);
    prefetch_between(&node->discovery.refresh_at[REFRESH_SLOTS - 1], &node->syncs.due_at);
}

/* The timer that is due first: its place among others, and what its turn will touch. */
static bool expect_tick(const struct vx6_node *node, uint32_t step)
{
    const struct timers *timers = &node->timers;
    if (timers->first == TIMER_DISCOVERY)
        return discovery_expect(node, step);
    if (timers->first == TIMER_QUERY)
        return query_timer_expect(node, step);
    if (timers->first != TIMER_PARTS || timers->heap == NULL)
        return false;
    if (step == 0) {
        prefetch(timers->heap, sizeof *timers->heap);
        return true;
    }
    return timers->heap->kind == TIMER_LOOKUP && lookup_timer_expect(timers->heap, step - 1);
}

bool vx6_node_expect(const vx6_node *node, uint32_t step, const uint8_t *data, size_t len)
{
    if (step > 0)
        return len > 0 ? query_expect(node, step - 1, data, len) : expect_tick(node, step - 1);
    expect_node(node, len == 0, len > 0 && !query_is_answer(data, len));
    return true;
}

/* VX6-NODE-005 */
vx6_ns vx6_node_deadline(const vx6_node *node)
{
    return timer_deadline(&node->timers);
}

/* VX6-NODE-008 */
bool vx6_node_fill(vx6_node *node, vx6_id carrier, struct vx6_batch *batch)
{
    batch->len = 0;
    batch->segment_len = 0;
    batch->channel = 0;
    batch->last = false;
    if (carrier.bits == VX6_DATAGRAMS.bits) {
        VX6_ASSERT(batch->cap >= VX6_DATAGRAM_SIZE);
        return query_fill(node, batch);
    }
    struct link *link = slots_get(&node->slots, SLOT_LINK, carrier);
    return link != NULL && link_fill(node, link, batch);
}

void vx6_node_identity(const vx6_node *node, uint8_t key[32], uint8_t id[32])
{
    memcpy(key, node->keys.identity, 32);
    memcpy(id, node->keys.id, 32);
}

bool vx6_node_is_closed(const vx6_node *node)
{
    return node->shutting_down && node->links.count == 0 && node->syncs.first == NULL;
}

uint64_t vx6_node_counter(const vx6_node *node, enum vx6_event_kind kind)
{
    VX6_ASSERT(kind < VX6_EVENT_COUNT);
    return node->counters[kind];
}

void vx6_node_counts(const vx6_node *node, struct vx6_counts *counts)
{
    *counts = (struct vx6_counts){.links = node->links.count,
        .sessions = node->sessions.count - node->sessions.ended_count,
        .streams = node->sessions.stream_count,
        .contacts = node->table.count,
        .contacts_crowded = table_count_crowded(node),
        .bundles = node->holder.count,
        .lookups = node->lookups.count,
        .operations = node->ops.count};
}

void vx6_node_memory(const vx6_node *node, struct vx6_memory *memory)
{
    *memory = (struct vx6_memory){
        .state = sizeof *node, .contacts = table_memory(node), .held = holder_memory(node)};
}

bool vx6_node_contact(const vx6_node *node, size_t index, uint8_t key[32], vx6_addr *addr)
{
    if (index >= node->table.count)
        return false;
    const struct peer *peer = node->table.peers[index];
    memcpy(key, peer->key, 32);
    *addr = peer->addr;
    return true;
}
