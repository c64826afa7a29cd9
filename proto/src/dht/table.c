/* SPDX-License-Identifier: MIT */
/* The routing table: one flat array in the order of buckets, and who gives way to whom. Spec:
 * spec/dht.md, "Table". */
#include "internal.h"
#include "scope.h"

enum {
    TABLE_STEP = 96,           /* contacts by which the array grows */
    TURNOVER_WINDOW = 10000000 /* ms of silence after which what was observed counts half */
};

/* VX6-DHT-001 */
int distance_compare(const uint8_t target[32], const uint8_t a[32], const uint8_t b[32])
{
    for (size_t i = 0; i < 32; i += 8) {
        uint64_t to_target = load_u64(target + i);
        uint64_t to_a = load_u64(a + i) ^ to_target;
        uint64_t to_b = load_u64(b + i) ^ to_target;
        if (to_a != to_b)
            return to_a < to_b ? -1 : 1;
    }
    return 0;
}

uint32_t common_prefix(const uint8_t a[32], const uint8_t b[32])
{
    for (uint32_t i = 0; i < 32; i += 8) {
        uint64_t difference = load_u64(a + i) ^ load_u64(b + i);
        if (difference != 0)
            return 8 * i + (uint32_t)__builtin_clzll(difference);
    }
    return 256;
}

uint32_t table_bucket_begin(const struct table *table, uint32_t bucket)
{
    const uint32_t end = bucket < table->depth ? bucket : table->depth;
    uint32_t begin = 0;
    for (uint32_t i = 0; i < end; i++)
        begin += table->bucket_count[i];
    return begin;
}

uint32_t table_count_deeper(const struct vx6_node *node, uint32_t bucket)
{
    return node->table.count - table_bucket_begin(&node->table, bucket + 1);
}

/* Mostly it is the peer's own copy of its ID that is asked about. */
static bool is_id_of(const struct peer *peer, const uint8_t id[32])
{
    return peer->id == id || bytes_equal(peer->id, id, 32);
}

struct contact *table_find(const struct vx6_node *node, const uint8_t id[32])
{
    const struct table *table = &node->table;
    uint32_t bucket = common_prefix(node->keys.id, id);
    if (bucket >= table->depth)
        return NULL;
    uint32_t prefix = load_u32(id);
    struct contact *contact = table->contacts + table_bucket_begin(table, bucket);
    for (uint32_t i = 0; i < table->bucket_count[bucket]; i++, contact++) {
        if (contact->prefix == prefix && is_id_of(contact->peer, id))
            return contact;
    }
    return NULL;
}

void table_expect(const struct vx6_node *node, const uint8_t id[32])
{
    const struct table *table = &node->table;
    uint32_t bucket = common_prefix(node->keys.id, id);
    if (bucket >= table->depth)
        return;
    uint32_t begin = table_bucket_begin(table, bucket), count = table->bucket_count[bucket];
    prefetch(table->contacts + begin, count * sizeof *table->contacts);
    prefetch(table->ages + begin, count * sizeof *table->ages);
}

bool table_knows_site(const struct vx6_node *node, const vx6_addr *addr)
{
    const struct table *table = &node->table;
    const uint16_t provider = diversity_provider(addr);
    for (uint32_t i = 0; i < table->count; i++) {
        const struct contact *contact = &table->contacts[i];
        if (contact->provider == provider && addr_same_site(&contact->peer->addr, addr))
            return true;
    }
    return false;
}

/* VX6-DHT-010: of the contacts asked, about contact_loss_percent are found gone. One loss is
 * assumed to begin with, so that a young node asks every contact_ping_ms. */
uint32_t table_patience_ms(const struct vx6_node *node)
{
    const struct vx6_limits *limits = node->env->limits;
    const struct table *table = &node->table;
    uint64_t ms =
        (uint64_t)limits->contact_ping_ms + table->silence_ms * limits->contact_loss_percent / 100;
    ms /= 1 + (uint64_t)table->gone_count;
    if (ms < limits->contact_ping_ms)
        return limits->contact_ping_ms;
    return ms < limits->contact_ping_max_ms ? (uint32_t)ms : limits->contact_ping_max_ms;
}

uint64_t table_contact_life_ms(const struct vx6_node *node)
{
    return node->table.silence_ms / (1 + (uint64_t)node->table.gone_count);
}

/* Fewer than k contacts are closer to this node than `id`. */
static bool is_neighbour(const struct vx6_node *node, const uint8_t id[32], uint32_t bucket)
{
    const struct table *table = &node->table;
    uint32_t closer = table_count_deeper(node, bucket);
    const struct contact *contact = table->contacts + table_bucket_begin(table, bucket);
    for (uint32_t i = 0; i < table->bucket_count[bucket] && closer < KADEMLIA_K; i++) {
        uint32_t own = contact[i].prefix ^ load_u32(node->keys.id);
        uint32_t other = load_u32(id) ^ load_u32(node->keys.id);
        if (own < other ||
            (own == other && distance_compare(node->keys.id, contact[i].peer->id, id) < 0))
            closer++;
    }
    return closer < KADEMLIA_K;
}

/* The contact of a bucket that fails; the longest silent of several. */
static struct contact *bucket_failing(const struct vx6_node *node, uint32_t bucket)
{
    const struct table *table = &node->table;
    struct contact *contact = table->contacts + table_bucket_begin(table, bucket), *failing = NULL;
    for (uint32_t i = 0; i < table->bucket_count[bucket]; i++, contact++) {
        if (contact->failures == 0)
            continue;
        if (failing == NULL || idle_silent_ms(node, contact) > idle_silent_ms(node, failing))
            failing = contact;
    }
    return failing;
}

/* Who came when there were enough from around it, and still there are. */
static bool is_crowded(const struct vx6_node *node, const struct contact *contact, uint32_t bucket)
{
    return contact->crowded && diversity_is_crowded(node, &contact->peer->addr, bucket, contact);
}

/* The contact of a bucket farthest from the node, or the farthest crowded one, if there is one. */
static struct contact *bucket_farthest(
    const struct vx6_node *node, uint32_t bucket, bool only_crowded)
{
    const struct table *table = &node->table;
    struct contact *contact = table->contacts + table_bucket_begin(table, bucket);
    struct contact *farthest = NULL;
    for (uint32_t i = 0; i < table->bucket_count[bucket]; i++, contact++) {
        if (only_crowded && !is_crowded(node, contact, bucket))
            continue;
        if (farthest == NULL ||
            distance_compare(node->keys.id, contact->peer->id, farthest->peer->id) > 0)
            farthest = contact;
    }
    return farthest;
}

static struct contact *bucket_longest_silent(const struct vx6_node *node, uint32_t bucket)
{
    const struct table *table = &node->table;
    struct contact *contact = table->contacts + table_bucket_begin(table, bucket), *silent = NULL;
    for (uint32_t i = 0; i < table->bucket_count[bucket]; i++, contact++) {
        if (silent == NULL || idle_silent_ms(node, contact) > idle_silent_ms(node, silent))
            silent = contact;
    }
    return silent;
}

static uint32_t bucket_fullest(const struct table *table)
{
    uint32_t fullest = 0;
    for (uint32_t i = 1; i < table->depth; i++) {
        if (table->bucket_count[i] > table->bucket_count[fullest])
            fullest = i;
    }
    return fullest;
}

/* Room for a newcomer: a free place, or else whose place it takes. A contact that fails gives way,
 * a crowded one to whom it is not crowded around, and a distant one to a neighbour: the k closest
 * must be known. VX6-DHT-005, VX6-DHT-043 */
static bool make_room(
    const struct vx6_node *node, const struct peer *peer, uint32_t bucket, struct contact **victim)
{
    const struct table *table = &node->table;
    *victim = NULL;
    bool bucket_is_full = table->bucket_count[bucket] == KADEMLIA_K;
    bool table_is_full = table->count >= node->env->limits->contact_max;
    if (!bucket_is_full && !table_is_full)
        return true;
    *victim = bucket_failing(node, bucket);
    if (*victim)
        return true;
    uint32_t full = bucket_is_full ? bucket : bucket_fullest(table);
    bool neighbour = is_neighbour(node, peer->id, bucket);
    struct contact *crowded = bucket_farthest(node, full, true);
    if (crowded == NULL && !neighbour)
        return false;
    if (!diversity_is_crowded(node, &peer->addr, bucket, NULL)) {
        *victim = crowded ? crowded : bucket_farthest(node, full, false);
        return true;
    }
    *victim = crowded;
    return neighbour && crowded && distance_compare(node->keys.id, peer->id, crowded->peer->id) < 0;
}

/* VX6-DHT-044 */
bool table_offer(struct vx6_node *node, const struct peer *peer)
{
    uint32_t bucket = common_prefix(node->keys.id, peer->id);
    struct contact *contact;
    if (bucket == 256)
        return false;
    if (make_room(node, peer, bucket, &contact))
        return true;
    contact = bucket_longest_silent(node, bucket);
    if (contact && idle_silent_ms(node, contact) >= node->env->limits->contact_ping_ms)
        idle_make_urgent(node, contact);
    return false;
}

uint32_t table_count_crowded(const struct vx6_node *node)
{
    const struct table *table = &node->table;
    uint32_t crowded = 0;
    for (uint32_t bucket = 0; bucket < table->depth; bucket++) {
        const struct contact *contact = table->contacts + table_bucket_begin(table, bucket);
        for (uint32_t i = 0; i < table->bucket_count[bucket]; i++)
            crowded += is_crowded(node, &contact[i], bucket);
    }
    return crowded;
}

static void observe(struct vx6_node *node, const struct contact *contact, uint32_t gone_count)
{
    struct table *table = &node->table;
    if (contact->restored)
        return;
    table->silence_ms += idle_silent_ms(node, contact);
    table->gone_count += gone_count;
    if (table->silence_ms > TURNOVER_WINDOW) {
        table->silence_ms /= 2;
        table->gone_count /= 2;
    }
}

static void table_remove(struct vx6_node *node, struct contact *contact, enum vx6_code code)
{
    struct table *table = &node->table;
    struct peer *peer = contact->peer;
    uint32_t index = (uint32_t)(contact - table->contacts);
    table->count--;
    table->bucket_count[common_prefix(node->keys.id, peer->id)]--;
    memmove(contact, contact + 1, (table->count - index) * sizeof *contact);
    idle_left(node, index);
    while (table->depth > 0 && table->bucket_count[table->depth - 1] == 0)
        table->depth--;
    trace(node, VX6_EVENT_contact_removed, &peer->addr, 0, 0, code);
    peer_drop(node->env, peer);
}

/* False: no memory. */
static bool table_grow(struct vx6_node *node)
{
    struct table *table = &node->table;
    const uint32_t capacity = table->capacity + TABLE_STEP;
    void *arrays[2] = {table->contacts, table->ages};
    const size_t sizes[2] = {sizeof *table->contacts, sizeof *table->ages};
    if (!env_grow_both(node->env, arrays, sizes, table->capacity, capacity))
        return false;
    table->contacts = arrays[0];
    table->ages = arrays[1];
    table->capacity = capacity;
    return true;
}

static void set_peer(struct contact *contact, struct peer *peer)
{
    contact->peer = peer_hold(peer);
    contact->provider = diversity_provider(&peer->addr);
    contact->scope = (uint8_t)(addr_scope(&peer->addr) & 63);
}

static struct contact *table_enter(struct vx6_node *node, struct peer *peer)
{
    struct table *table = &node->table;
    uint32_t bucket = common_prefix(node->keys.id, peer->id);
    struct contact *victim;
    if (bucket == 256 || !make_room(node, peer, bucket, &victim))
        return NULL;
    if (table->count == table->capacity && victim == NULL && !table_grow(node))
        return NULL;
    if (victim) {
        observe(node, victim, victim->failures > 0 ? 1 : 0);
        table_remove(node, victim, victim->failures > 0 ? VX6_TIMEOUT : VX6_LIMIT);
    }

    bool crowded = diversity_is_crowded(node, &peer->addr, bucket, NULL);
    uint32_t place = table_bucket_begin(table, bucket) + table->bucket_count[bucket];
    struct contact *contact = table->contacts + place;
    memmove(contact + 1, contact, (table->count - place) * sizeof *contact);
    *contact = (struct contact){.prefix = load_u32(peer->id)};
    idle_came(node, place);
    set_peer(contact, peer);
    contact->crowded = crowded;
    table->count++;
    table->bucket_count[bucket]++;
    if (bucket >= table->depth)
        table->depth = bucket + 1;
    trace(node, VX6_EVENT_contact_added, &peer->addr, 0, 0, VX6_OK);
    return contact;
}

void table_answered(struct vx6_node *node, struct contact *contact)
{
    observe(node, contact, 0);
    idle_answered(node, contact);
    contact->failures = 0;
    contact->restored = false;
}

bool table_seen(struct vx6_node *node, struct peer *peer)
{
    struct contact *contact = table_find(node, peer->id);
    if (contact == NULL) {
        contact = table_enter(node, peer);
        if (contact == NULL)
            return false;
        discovery_contact(node, peer);
        sync_entered(node, peer);
        return true;
    }
    table_answered(node, contact);
    if (contact->peer == peer)
        return true;
    peer_drop(node->env, contact->peer);
    set_peer(contact, peer);
    contact->crowded =
        diversity_is_crowded(node, &peer->addr, common_prefix(node->keys.id, peer->id), contact);
    discovery_contact(node, peer);
    return true;
}

void table_restore(struct vx6_node *node, struct peer *peer)
{
    uint32_t bucket = common_prefix(node->keys.id, peer->id);
    struct contact *victim;
    if (bucket == 256 || table_find(node, peer->id) || !make_room(node, peer, bucket, &victim) ||
        victim != NULL)
        return;
    struct contact *contact = table_enter(node, peer);
    if (contact != NULL)
        contact->restored = true;
    discovery_wake(node);
}

/* The last contact stays, failing as it is: without it there is no way back. VX6-DHT-009 */
void table_failed(struct vx6_node *node, struct peer *peer)
{
    struct contact *contact = table_find(node, peer->id);
    if (contact == NULL || contact->peer != peer)
        return;
    if (contact->failures < UINT8_MAX)
        contact->failures++;
    idle_make_urgent(node, contact);
    if (contact->failures < node->env->limits->contact_failures_max || node->table.count == 1)
        return;
    observe(node, contact, 1);
    table_remove(node, contact, VX6_TIMEOUT);
}

void table_free(struct vx6_node *node)
{
    struct table *table = &node->table;
    for (uint32_t i = 0; i < table->count; i++)
        peer_drop(node->env, table->contacts[i].peer);
    env_free(node->env, table->contacts, table->capacity * sizeof *table->contacts);
    env_free(node->env, table->ages, table->capacity * sizeof *table->ages);
    *table = (struct table){0};
}
