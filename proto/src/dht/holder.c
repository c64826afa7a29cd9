/* SPDX-License-Identifier: MIT */
/* Bundles held for others: verified, bounded, never older than what is held already. Spec:
 * spec/dht.md, "Holding". */
#include "internal.h"

enum {
    HELD_STEP = 16, /* places by which the array grows */
    SWEEP_MAX_S = 86400,
    SOURCE_SHARE = 4, /* one source may bring a quarter of what is held */
};

static const uint32_t NONE = UINT32_MAX; /* an index */

/* Many nodes hold the same: what is the same for all is shared. */
struct held {
    uint32_t number;              /* of what is placed */
    uint8_t source[NETWORK_SIZE]; /* who brought it */
    bool is_from_owner;           /* who can be reached there, says the bundle */
    uint8_t scope;                /* enum addr_scope: the narrowest path that it came by */
};

static struct placed *placed_of(const struct vx6_node *node, const struct held *held)
{
    return placed_at(&node->env->placed, held->number);
}

static struct placed *item_at(const struct vx6_node *node, uint32_t index)
{
    return placed_of(node, &node->holder.items[index]);
}

/* The bundles under one key, by index. */
struct range {
    uint32_t begin, end;
};

/* Index of the first whose prefix is not less: by no branch, which here nobody could foresee. */
static uint32_t find_prefix(const struct holder *holder, uint32_t prefix)
{
    const uint32_t *first = holder->prefixes;
    uint32_t left = holder->count;
    while (left > 1) {
        const uint32_t half = left / 2;
        first += half & -(uint32_t)(first[half - 1] < prefix);
        left -= half;
    }
    return (uint32_t)(first - holder->prefixes) + (left > 0 && *first < prefix);
}

/* Where they are, or would be: not before `begin`, where their prefix does. */
static struct range range_from(const struct vx6_node *node, const uint8_t key[32], uint32_t begin)
{
    const struct holder *holder = &node->holder;
    const uint32_t prefix = load_u32(key);
    struct range range = {begin, begin};
    for (uint32_t i = begin; i < holder->count && holder->prefixes[i] == prefix; i++) {
        const uint8_t *other = item_at(node, i)->key;
        if (bytes_equal(other, key, 32))
            range.end = i + 1;
        else if (memcmp(other, key, 32) < 0)
            range.begin = range.end = i + 1;
    }
    return range;
}

static struct range find_range(const struct vx6_node *node, const uint8_t key[32])
{
    return range_from(node, key, find_prefix(&node->holder, load_u32(key)));
}

/* VX6-DHT-021 */
/* One that would not be taken today, for its time lies too far ahead, is from before the clock was
 * set back: it would stay for ever. */
static bool is_live(const struct vx6_node *node, const struct placed *placed)
{
    const struct vx6_limits *limits = node->env->limits;
    int64_t left_s = (int64_t)placed->expires_s - node_unix_s(node);
    return left_s > 0 && left_s <= (int64_t)limits->record_skew_s + limits->record_life_max_s;
}

uint32_t holder_find(
    struct vx6_node *node, const uint8_t key[32], uint32_t index, struct blob **bundle)
{
    const struct range range = find_range(node, key);
    uint32_t live = 0;
    *bundle = NULL;
    for (uint32_t i = range.begin; i < range.end; i++) {
        const struct placed *placed = item_at(node, i);
        if (is_live(node, placed) && live++ == index)
            *bundle = placed->bundle;
    }
    return live;
}

/* Earliest expiry first: the timer goes by wall time, and is set again should that change. */
static void watch_expiry(struct vx6_node *node, int64_t expires_s)
{
    struct holder *holder = &node->holder;
    if (node->timers.deadlines[TIMER_HOLDER] != VX6_NEVER && holder->sweep_s <= expires_s)
        return;
    int64_t left_s = expires_s - node_unix_s(node);
    left_s = left_s < 1 ? 1 : left_s;
    left_s = left_s > SWEEP_MAX_S ? SWEEP_MAX_S : left_s; /* the clock may have gone back by ages */
    holder->sweep_s = expires_s;
    timer_set_part(&node->timers, TIMER_HOLDER, node->now + (vx6_ns)left_s * VX6_SECOND);
}

static bool is_tombstone(const struct placed *placed)
{
    return placed->bundle->data[0] == VX6_MSG_tombstone;
}

static void held_remove(struct vx6_node *node, uint32_t index)
{
    struct holder *holder = &node->holder;
    holder->tombstones -= is_tombstone(item_at(node, index));
    placed_drop(node->env, item_at(node, index));
    const uint32_t behind = --holder->count - index;
    memmove(&holder->items[index], &holder->items[index + 1], behind * sizeof holder->items[0]);
    memmove(&holder->prefixes[index], &holder->prefixes[index + 1],
        behind * sizeof holder->prefixes[0]);
}

/* There is room. */
static void held_insert(struct vx6_node *node, uint32_t index, const struct held *held)
{
    struct holder *holder = &node->holder;
    const uint32_t behind = holder->count++ - index;
    memmove(&holder->items[index + 1], &holder->items[index], behind * sizeof holder->items[0]);
    memmove(&holder->prefixes[index + 1], &holder->prefixes[index],
        behind * sizeof holder->prefixes[0]);
    const struct placed *placed = placed_of(node, held);
    holder->tombstones += is_tombstone(placed);
    holder->items[index] = *held;
    holder->prefixes[index] = load_u32(placed->key);
}

void holder_timer(struct vx6_node *node)
{
    struct holder *holder = &node->holder;
    int64_t next_s = INT64_MAX;
    uint32_t kept = 0;
    holder_expect_items(node);
    for (uint32_t i = 0; i < holder->count; i++) {
        struct held *held = &holder->items[i];
        struct placed *placed = placed_of(node, held);
        if (is_live(node, placed)) {
            next_s = placed->expires_s < next_s ? placed->expires_s : next_s;
            holder->prefixes[kept] = holder->prefixes[i];
            holder->items[kept++] = *held;
            continue;
        }
        trace(node, VX6_EVENT_bundle_expired, NULL, 0, placed->bundle->len, VX6_EXPIRED);
        holder->tombstones -= is_tombstone(placed);
        placed_drop(node->env, placed);
    }
    holder->count = kept;
    if (kept > 0)
        watch_expiry(node, next_s);
}

static uint32_t count_source(const struct holder *holder, const uint8_t source[NETWORK_SIZE])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < holder->count; i++)
        count += bytes_equal(holder->items[i].source, source, NETWORK_SIZE);
    return count;
}

/* So many are all that this source may bring; the node itself has none. */
static bool is_share(
    const struct vx6_node *node, uint32_t of_source, const uint8_t source[NETWORK_SIZE])
{
    return !is_zero(source, NETWORK_SIZE) &&
           of_source >= node->env->limits->value_max / SOURCE_SHARE;
}

/* The held bundle whose key is farthest from this node, of those of the source unless that is NULL;
 * NONE when `key` is farther. VX6-DHT-020 */
static uint32_t find_farthest(
    const struct vx6_node *node, const uint8_t key[32], const uint8_t *source)
{
    const struct holder *holder = &node->holder;
    uint32_t farthest = NONE;
    const uint8_t *farthest_key = key;
    for (uint32_t i = 0; i < holder->count; i++) {
        if (source && !bytes_equal(holder->items[i].source, source, NETWORK_SIZE))
            continue;
        if (distance_compare(node->keys.id, item_at(node, i)->key, farthest_key) > 0) {
            farthest = i;
            farthest_key = item_at(node, i)->key;
        }
    }
    return farthest;
}

/* ---- a full key: who gives way, by index, or NONE. VX6-DHT-019, VX6-DHT-055 ---- */

/* Whose place it is: the node whose ID the key is, before those that it has handed over to. */
static bool is_at_home(const struct placed *placed)
{
    return bytes_equal(placed->key, placed->owner, 32);
}

static void view(const struct vx6_node *node, const struct placed *placed, struct bundle *bundle)
{
    const struct blob *blob = placed->bundle;
    bundle_view(node->env->crypto, (vx6_span){blob->data, blob->len}, bundle);
}

static bool is_of_name(const struct vx6_node *node, const struct placed *placed)
{
    struct bundle bundle;
    uint8_t key[32];
    view(node, placed, &bundle);
    name_key(node->env->crypto, key, bundle.label);
    return bytes_equal(placed->key, key, 32);
}

/* The last tombstone: anybody can make keys, and revoke them under any name. */
static uint32_t find_grave(const struct vx6_node *node, struct range range)
{
    for (uint32_t i = range.end; i-- > range.begin;) {
        if (is_tombstone(item_at(node, i)))
            return i;
    }
    return NONE;
}

/* The last of those to which the newcomer's key has handed over; who is at home stays, even if two
 * keys say so of each other. */
static uint32_t find_heir(
    const struct vx6_node *node, struct range range, const struct placed *newcomer)
{
    struct bundle own, other;
    view(node, newcomer, &own);
    for (uint32_t i = range.end; i-- > range.begin;) {
        const struct placed *placed = item_at(node, i);
        view(node, placed, &other);
        if (!is_at_home(placed) && lineage_has(&other.lineage, own.node.identity))
            return i;
    }
    return NONE;
}

/* Of one site: claims that their owners brought from one /48, and all that others brought, since
 * what a bundle says of its owner's addresses anybody can write. */
static bool same_site(const struct held *a, const struct held *b)
{
    if (!a->is_from_owner || !b->is_from_owner)
        return a->is_from_owner == b->is_from_owner;
    return bytes_equal(a->source, b->source, NETWORK_SIZE);
}

/* Is it a bundle from the site of an earlier one? Tombstones have no site, and who is at home gives
 * way to nobody. */
static bool is_twin(const struct vx6_node *node, uint32_t begin, uint32_t index)
{
    const struct holder *holder = &node->holder;
    const struct held *held = &holder->items[index];
    const struct placed *placed = item_at(node, index);
    bool may_give_way = !is_tombstone(placed) && !is_at_home(placed);
    for (uint32_t i = begin; i < index && may_give_way; i++) {
        if (same_site(&holder->items[i], held))
            return true;
    }
    return false;
}

/* The last twin, for a bundle from a site that has none. */
static uint32_t find_twin(
    const struct vx6_node *node, struct range range, const struct held *newcomer)
{
    const struct holder *holder = &node->holder;
    uint32_t twin = NONE;
    for (uint32_t i = range.begin; i < range.end; i++) {
        if (same_site(&holder->items[i], newcomer))
            return NONE;
        if (is_twin(node, range.begin, i))
            twin = i;
    }
    return twin;
}

static uint32_t find_yielding(
    const struct vx6_node *node, struct range range, const struct held *newcomer)
{
    const struct placed *placed = placed_of(node, newcomer);
    const bool is_dead = is_tombstone(placed);
    uint32_t yielding = NONE;
    if (!is_of_name(node, placed))
        yielding = find_heir(node, range, placed);
    else if (!is_dead)
        yielding = find_grave(node, range);
    if (yielding == NONE && !is_dead)
        yielding = find_twin(node, range, newcomer);
    return yielding;
}

static enum vx6_code grow(struct vx6_node *node)
{
    struct holder *holder = &node->holder;
    const uint32_t capacity = holder->capacity + HELD_STEP;
    uint32_t *prefixes =
        env_alloc_any(node->env, capacity * (sizeof *prefixes + sizeof(struct held)));
    if (prefixes == NULL)
        return VX6_NOMEM;
    struct held *items = (struct held *)(prefixes + capacity);
    if (holder->count > 0) {
        memcpy(prefixes, holder->prefixes, holder->count * sizeof *prefixes);
        memcpy(items, holder->items, holder->count * sizeof *items);
    }
    env_free(node->env, holder->prefixes, holder_memory(node));
    holder->prefixes = prefixes;
    holder->items = items;
    holder->capacity = capacity;
    return VX6_OK;
}

/* Room for a claimant that has nothing here yet. Nobody gives way to one that finds none. */
static enum vx6_code make_room(struct vx6_node *node, const struct held *held)
{
    struct holder *holder = &node->holder;
    const uint8_t *key = placed_of(node, held)->key;
    const uint32_t value_max = node->env->limits->value_max;
    const struct range range = find_range(node, key);
    uint32_t yielding = NONE, farthest = NONE;
    uint32_t of_source = count_source(holder, held->source);
    if (range.end - range.begin >= node->env->limits->claimant_max) {
        yielding = find_yielding(node, range, held);
        if (yielding == NONE)
            return VX6_LIMIT;
        of_source -= bytes_equal(holder->items[yielding].source, held->source, NETWORK_SIZE);
    }
    bool is_greedy = is_share(node, of_source, held->source);
    if (is_greedy || (holder->count >= value_max && yielding == NONE)) {
        farthest = find_farthest(node, key, is_greedy ? held->source : NULL);
        if (farthest == NONE)
            return VX6_LIMIT;
        held_remove(node, farthest);
    }
    if (yielding != NONE)
        held_remove(node, yielding - (farthest < yielding));
    return holder->count < holder->capacity ? VX6_OK : grow(node);
}

/* VX6-NAME-009 */
static void note_path(struct held *held, const vx6_addr *source)
{
    enum addr_scope scope = source ? addr_scope(source) : SCOPE_GLOBAL;
    if (scope < held->scope)
        held->scope = (uint8_t)scope;
}

/* `source` has answered: its token says so. NULL: the node itself. */
static void held_describe(struct held *held, const struct placed *placed, const vx6_addr *source)
{
    held->is_from_owner = source == NULL;
    if (source == NULL)
        return;
    addr_network(source, held->source);
    for (uint32_t i = 0; i < VX6_ENDPOINT_MAX; i++) {
        if (bytes_equal(placed->networks[i], held->source, NETWORK_SIZE))
            held->is_from_owner = true;
    }
}

/* Brought again: only its owner makes it come from elsewhere, within the share of that source. Else
 * whoever brings all that others have brought would have it as his own, and then push it out by
 * what he likes better. VX6-DHT-020 */
static bool may_come_from(
    const struct vx6_node *node, const struct held *held, const struct held *old)
{
    return held->is_from_owner &&
           (bytes_equal(held->source, old->source, NETWORK_SIZE) ||
               !is_share(node, count_source(&node->holder, held->source), held->source));
}

/* What is held already under this key from this owner; NULL: nothing. */
static struct held *find_owner(const struct vx6_node *node, const struct placed *placed)
{
    const struct range range = find_range(node, placed->key);
    for (uint32_t i = range.begin; i < range.end; i++) {
        if (bytes_equal(item_at(node, i)->owner, placed->owner, 32))
            return &node->holder.items[i];
    }
    return NULL;
}

static enum vx6_code replace(struct vx6_node *node, struct held *held, struct held *old)
{
    const struct placed *placed = placed_of(node, held);
    struct placed *before = placed_of(node, old);
    if (placed->sequence <= before->sequence)
        return VX6_OUTDATED;
    if (!may_come_from(node, held, old)) {
        memcpy(held->source, old->source, NETWORK_SIZE);
        held->is_from_owner = old->is_from_owner;
    }
    node->holder.tombstones += is_tombstone(placed);
    node->holder.tombstones -= is_tombstone(before);
    placed_drop(node->env, before);
    *old = *held;
    return VX6_OK;
}

static enum vx6_code add(struct vx6_node *node, const struct held *held)
{
    enum vx6_code code = make_room(node, held);
    if (code == VX6_OK)
        held_insert(node, find_range(node, placed_of(node, held)->key).end, held);
    return code;
}

enum addr_scope holder_scope(
    const struct vx6_node *node, const uint8_t key[32], const struct blob *bundle)
{
    const struct holder *holder = &node->holder;
    const struct range range = find_range(node, key);
    uint32_t i = range.begin;
    while (i < range.end && item_at(node, i)->bundle != bundle)
        i++;
    return i < range.end ? (enum addr_scope)holder->items[i].scope : SCOPE_GLOBAL;
}

bool holder_has_tombstone(const struct vx6_node *node, const uint8_t id[32])
{
    const struct range range = find_range(node, id);
    for (uint32_t i = range.begin; i < range.end; i++) {
        const struct placed *placed = item_at(node, i);
        if (is_at_home(placed) && is_tombstone(placed) && is_live(node, placed))
            return true;
    }
    return false;
}

static void describe_networks(const struct bundle *bundle, struct placed *placed)
{
    vx6_list endpoints = bundle->node.endpoints;
    struct vx6_endpoint endpoint;
    memset(placed->networks, 0xff, sizeof placed->networks);
    for (uint32_t i = 0; vx6_next_endpoint(&endpoints, &endpoint); i++) {
        vx6_addr addr = {.port = endpoint.port};
        memcpy(addr.ip, endpoint.ip, sizeof addr.ip);
        addr_network(&addr, placed->networks[i]);
    }
}

/* Checks a bundle and places it under the key. */
static enum vx6_code place(
    struct vx6_node *node, const uint8_t key[32], vx6_span data, struct placed **placed)
{
    struct bundle bundle;
    enum vx6_code code = bundle_check(node->env, node_unix_s(node), data, &bundle);
    if (code != VX6_OK)
        return code;
    if (!bundle_fits_key(node->env->crypto, &bundle, key))
        return VX6_INVALID;
    struct placed content = {.bundle = blob_get(node->env, data),
        .issued_s = (uint32_t)bundle.node.issued_s,
        .expires_s = (uint32_t)bundle.expires_s,
        .sequence = bundle.sequence};
    memcpy(content.key, key, sizeof content.key);
    memcpy(content.owner, bundle.owner, sizeof content.owner);
    describe_networks(&bundle, &content);
    *placed = placed_get(node->env, &content);
    return *placed ? VX6_OK : VX6_NOMEM;
}

/* Whoever has placed these very bytes under this key has checked all but the time, which goes on.
 */
static enum vx6_code check(
    struct vx6_node *node, const uint8_t key[32], vx6_span data, struct placed **placed)
{
    *placed = placed_find(node->env, key, data);
    if (*placed == NULL)
        return place(node, key, data, placed);
    return record_check_times(node->env->limits, node_unix_s(node), (*placed)->issued_s,
        (*placed)->expires_s - (*placed)->issued_s);
}

/* VX6-DHT-017, VX6-DHT-018: everything is checked before anything changes. */
enum vx6_code holder_store(
    struct vx6_node *node, const uint8_t key[32], vx6_span data, const vx6_addr *source)
{
    struct placed *placed;
    enum vx6_code code = check(node, key, data, &placed);
    struct held held = {.number = placed ? placed->number : 0, .scope = SCOPE_GLOBAL};
    struct held *old = placed ? find_owner(node, placed) : NULL;
    if (old && old->number == held.number && is_live(node, placed)) {
        note_path(old, source);
        held.scope = old->scope;
        held_describe(&held, placed, source);
        if (!old->is_from_owner && may_come_from(node, &held, old))
            *old = held; /* one reference for another */
        placed_drop(node->env, placed);
        return VX6_OK;
    }
    if (code == VX6_OK) {
        note_path(&held, source);
        held_describe(&held, placed, source);
        code = old ? replace(node, &held, old) : add(node, &held);
    }
    if (code != VX6_OK) {
        placed_drop(node->env, placed);
        refuse(node, VX6_EVENT_bundle_refused, source, source ? VX6_MSG_store : 0, data.len, code);
        return code;
    }
    watch_expiry(node, placed->expires_s);
    if (is_tombstone(placed))
        revoked_seen(node, data);
    trace(node, VX6_EVENT_bundle_held, NULL, 0, data.len, VX6_OK);
    return VX6_OK;
}

struct placed *holder_item(const struct vx6_node *node, uint32_t index)
{
    struct placed *placed = item_at(node, index);
    return is_live(node, placed) ? placed : NULL;
}

static bool wants(
    const struct vx6_node *node, struct range range, const uint8_t owner[32], uint64_t sequence)
{
    if (bytes_equal(owner, node->keys.id, 32))
        return false;
    for (uint32_t i = range.begin; i < range.end; i++) {
        const struct placed *placed = item_at(node, i);
        if (bytes_equal(placed->owner, owner, 32) && is_live(node, placed))
            return placed->sequence < sequence;
    }
    return true;
}

bool holder_wants(
    const struct vx6_node *node, const uint8_t key[32], const uint8_t owner[32], uint64_t sequence)
{
    return wants(node, find_range(node, key), owner, sequence);
}

/* Step by step for all of them, so that what lies far apart in memory is fetched at once. */
uint16_t holder_wanted(const struct vx6_node *node, const struct vx6_item *items, uint32_t count)
{
    const struct holder *holder = &node->holder;
    uint32_t begins[SYNC_PAGE_MAX];
    uint16_t wanted = 0;
    VX6_ASSERT(count <= SYNC_PAGE_MAX);
    for (uint32_t i = 0; i < count; i++) {
        begins[i] = find_prefix(holder, load_u32(items[i].key));
        if (begins[i] < holder->count)
            __builtin_prefetch(&holder->items[begins[i]].number, 0, 2);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (begins[i] < holder->count)
            placed_expect(item_at(node, begins[i]));
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct vx6_item *item = &items[i];
        const struct range range = range_from(node, item->key, begins[i]);
        wanted |= (uint16_t)(wants(node, range, item->owner, item->sequence) << i);
    }
    return wanted;
}

void holder_expect(const struct vx6_node *node)
{
    prefetch(node->holder.prefixes, node->holder.count * sizeof node->holder.prefixes[0]);
}

void holder_expect_items(const struct vx6_node *node)
{
    for (uint32_t i = 0; i < node->holder.count; i++)
        __builtin_prefetch(item_at(node, i), 0, 2);
}

size_t holder_memory(const struct vx6_node *node)
{
    return node->holder.capacity * (sizeof(struct held) + sizeof node->holder.prefixes[0]);
}

void holder_free(struct vx6_node *node)
{
    struct holder *holder = &node->holder;
    for (uint32_t i = 0; i < holder->count; i++)
        placed_drop(node->env, item_at(node, i));
    env_free(node->env, holder->prefixes, holder_memory(node));
    holder->items = NULL;
    holder->prefixes = NULL;
    holder->count = holder->capacity = holder->tombstones = 0;
}
