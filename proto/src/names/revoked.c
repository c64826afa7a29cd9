/* SPDX-License-Identifier: MIT */
/* Who revokes a key brings its tombstone to the holders of each of its places, again and again.
 * Who relied on the key holds the tombstone too: repair takes it from there to whoever lacks it.
 * Spec: spec/names.md, "Revocation". */
#include "internal.h"

enum {
    PLACES_MAX = 2 + LINEAGE_ROTATIONS_MAX /* node ID, name, predecessors */
};

struct revoked_key {
    uint8_t key[32];
    struct blob *certificate;
    bool is_publisher;
    bool untold; /* the driver has yet to hear of it */
};

static struct revoked_key *find(const struct vx6_node *node, const uint8_t key[32])
{
    const struct revoked *revoked = &node->revoked;
    for (uint32_t i = 0; i < revoked->count; i++) {
        if (bytes_equal(revoked->items[i].key, key, 32))
            return &revoked->items[i];
    }
    return NULL;
}

bool revoked_remembers(const struct vx6_node *node, const uint8_t key[32])
{
    return find(node, key) != NULL;
}

/* What others brought counts as well. VX6-NAME-018 */
bool revoked_has(const struct vx6_node *node, const uint8_t key[32])
{
    uint8_t id[32];
    if (find(node, key))
        return true;
    if (node->holder.tombstones == 0)
        return false;
    vx6_node_id(node->env->crypto, id, key);
    return holder_has_tombstone(node, id);
}

/* NULL with *code. */
static struct revoked_key *add(
    struct vx6_node *node, const uint8_t key[32], vx6_span certificate, enum vx6_code *code)
{
    struct revoked *revoked = &node->revoked;
    uint32_t max = node->env->limits->revoked_max;
    if (revoked->count >= max) {
        trace(node, VX6_EVENT_limit_reached, NULL, VX6_MSG_tombstone, 0, VX6_LIMIT);
        *code = VX6_LIMIT;
        return NULL;
    }
    *code = VX6_NOMEM;
    if (revoked->count == revoked->capacity) {
        struct revoked_key *items =
            env_grow(node->env, revoked->items, &revoked->capacity, sizeof *items, 2, max);
        if (items == NULL)
            return NULL;
        revoked->items = items;
    }
    struct revoked_key *item = &revoked->items[revoked->count];
    *item = (struct revoked_key){.certificate = blob_get(node->env, certificate)};
    if (item->certificate == NULL)
        return NULL;
    memcpy(item->key, key, sizeof item->key);
    revoked->count++;
    *code = VX6_OK;
    return item;
}

static vx6_span certificate_of(const struct revoked_key *item)
{
    return (vx6_span){item->certificate->data, item->certificate->len};
}

/* ---- telling the network ---- */

/* The keys of the DHT where the tombstone has its place. */
static uint32_t places(
    struct vx6_node *node, const struct tombstone *tombstone, uint8_t keys[PLACES_MAX][32])
{
    const struct vx6_crypto *crypto = node->env->crypto;
    uint32_t count = 0;
    vx6_node_id(crypto, keys[count++], tombstone->identity);
    for (uint32_t i = 0; i < tombstone->lineage.count; i++)
        vx6_node_id(crypto, keys[count++], tombstone->lineage.predecessors[i]);
    if (tombstone->label.len > 0)
        name_key(crypto, keys[count++], tombstone->label);
    return count;
}

/* The tombstone as of now, and where it belongs. */
static uint32_t renew(struct vx6_node *node, const struct revoked_key *item,
    uint8_t bytes[VX6_TOMBSTONE_MAX], size_t *len, uint8_t keys[PLACES_MAX][32])
{
    struct tombstone tombstone;
    enum vx6_code code = tombstone_decode(certificate_of(item), &tombstone);
    VX6_ASSERT(code == VX6_OK);
    *len = tombstone_renew(&tombstone, node_unix_s(node), node->env->limits->record_life_s, bytes);
    return places(node, &tombstone, keys);
}

/* VX6-NAME-019: from here repair takes it to where it belongs. */
static void hold(struct vx6_node *node, const struct revoked_key *item)
{
    uint8_t bytes[VX6_TOMBSTONE_MAX], keys[PLACES_MAX][32];
    size_t len;
    uint32_t count = renew(node, item, bytes, &len, keys);
    for (uint32_t i = 0; i < count; i++)
        (void)holder_store(node, keys[i], (vx6_span){bytes, len}, NULL);
}

static void plan_round(struct vx6_node *node, vx6_ns pause)
{
    timer_set_part(&node->timers, TIMER_REVOKED, node->now + rng_jitter(&node->public_rng, pause));
}

static void end_round(struct vx6_node *node)
{
    const struct vx6_limits *limits = node->env->limits;
    struct revoked *revoked = &node->revoked;
    revoked->is_in_round = false;
    plan_round(node, revoked->has_failed ? (vx6_ns)limits->publish_retry_ms * VX6_MILLISECOND
                                         : (vx6_ns)limits->record_life_s * VX6_SECOND / 2 / 9 * 8);
}

/* The next tombstone under the next of its keys; what cannot be started waits for the next round.
 */
static void go_on(struct vx6_node *node)
{
    struct revoked *revoked = &node->revoked;
    while (revoked->item_next < revoked->count) {
        const struct revoked_key *item = &revoked->items[revoked->item_next];
        uint8_t bytes[VX6_TOMBSTONE_MAX], keys[PLACES_MAX][32];
        size_t len;
        uint32_t count = renew(node, item, bytes, &len, keys);
        if (!item->is_publisher || revoked->key_next == count) {
            revoked->item_next++;
            revoked->key_next = 0;
            continue;
        }
        struct blob *blob = blob_get(node->env, (vx6_span){bytes, len});
        if (blob)
            revoked->running =
                publication_start(node, keys[revoked->key_next], blob, PUBLICATION_TOMBSTONE);
        blob_drop(node->env, blob);
        revoked->key_next++;
        if (revoked->running)
            return;
        revoked->has_failed = true;
    }
    end_round(node);
}

void revoked_publication_done(struct vx6_node *node, uint32_t taken)
{
    struct revoked *revoked = &node->revoked;
    revoked->running = NULL;
    revoked->has_failed |= taken == 0;
    go_on(node);
}

void revoked_timer(struct vx6_node *node)
{
    struct revoked *revoked = &node->revoked;
    if (node->shutting_down || revoked->is_in_round)
        return;
    revoked->is_in_round = true;
    revoked->has_failed = false;
    revoked->item_next = revoked->key_next = 0;
    for (uint32_t i = 0; i < revoked->count; i++)
        hold(node, &revoked->items[i]);
    go_on(node);
}

static void round_soon(struct vx6_node *node)
{
    struct revoked *revoked = &node->revoked;
    if (revoked->count > 0 && !revoked->is_in_round)
        timer_set_part(&node->timers, TIMER_REVOKED, node->now);
}

void revoked_joined(struct vx6_node *node)
{
    round_soon(node);
}

/* ---- learning of it ---- */

/* Does anything here depend on the key? Others are no more than held. */
static bool is_relied_on(const struct vx6_node *node, const uint8_t key[32])
{
    return bytes_equal(key, node->keys.identity, 32) || bindings_have(node, key) ||
           services_have(node, key);
}

/* VX6-NAME-018 */
void revoked_seen(struct vx6_node *node, vx6_span data)
{
    struct tombstone tombstone;
    enum vx6_code code = tombstone_decode(data, &tombstone);
    VX6_ASSERT(code == VX6_OK);
    if (find(node, tombstone.identity))
        return;
    if (is_relied_on(node, tombstone.identity)) {
        struct revoked_key *item = add(node, tombstone.identity, data, &code);
        if (item) {
            item->untold = true;
            node->revoked.untold++;
            ready_post(&node->ready_list, &node->ready, NODE_READY_KEYS);
            if (node->timers.deadlines[TIMER_REVOKED] == VX6_NEVER && !node->revoked.is_in_round)
                end_round(node); /* it is held already, where it came from */
        }
        trace(node, VX6_EVENT_key_revoked, NULL, VX6_MSG_tombstone, data.len, VX6_REVOKED);
    }
    sessions_end_revoked(node, tombstone.identity);
}

enum vx6_code revoked_set(struct vx6_node *node, vx6_span certificate, bool is_publisher)
{
    uint8_t key[32];
    enum vx6_code code = VX6_OK;
    if (!vx6_certificate_check(node->env->crypto, certificate, key))
        return VX6_INVALID;
    struct revoked_key *item = find(node, key);
    if (item == NULL)
        item = add(node, key, certificate, &code);
    if (item == NULL)
        return code;
    if (is_publisher && !item->is_publisher) {
        struct blob *blob = blob_get(node->env, certificate); /* its label may be another */
        if (blob == NULL)
            return VX6_NOMEM;
        blob_drop(node->env, item->certificate);
        item->certificate = blob;
        item->is_publisher = true;
    }
    hold(node, item);
    sessions_end_revoked(node, key);
    round_soon(node);
    return VX6_OK;
}

bool revoked_output(struct vx6_node *node, struct vx6_out *out)
{
    struct revoked *revoked = &node->revoked;
    for (uint32_t i = 0; i < revoked->count && revoked->untold > 0; i++) {
        struct revoked_key *item = &revoked->items[i];
        if (!item->untold)
            continue;
        item->untold = false;
        revoked->untold--;
        out->kind = VX6_OUT_KEY_REVOKED;
        out->value = certificate_of(item);
        memcpy(out->key, item->key, sizeof out->key);
        return true;
    }
    return false;
}

void revoked_shutdown(struct vx6_node *node)
{
    struct revoked *revoked = &node->revoked;
    publication_cancel(node, revoked->running);
    revoked->running = NULL;
    timer_set_part(&node->timers, TIMER_REVOKED, VX6_NEVER);
}

void revoked_free(struct vx6_node *node)
{
    struct revoked *revoked = &node->revoked;
    revoked_shutdown(node);
    for (uint32_t i = 0; i < revoked->count; i++)
        blob_drop(node->env, revoked->items[i].certificate);
    env_free(node->env, revoked->items, revoked->capacity * sizeof *revoked->items);
    revoked->items = NULL;
    revoked->count = revoked->capacity = 0;
}
