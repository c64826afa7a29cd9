/* SPDX-License-Identifier: MIT */
/* The routing table: flat arrays in the order of buckets, and who gives way to whom. Spec:
 * spec/dht.md, "Table". */
#include "internal.h"
#include "scope.h"

enum {
    BUCKET_COUNT = 256,
    TABLE_STEP = 256,          /* bytes by which the arrays grow */
    FAILURES_MAX = 31,         /* that are counted */
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
    const uint8_t *counts = table_bucket_counts(table);
    uint32_t begin = 0;
    for (uint32_t i = 0; i < end; i++)
        begin += counts[i];
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
    const uint32_t begin = table_bucket_begin(table, bucket);
    const uint32_t end = begin + table_bucket_counts(table)[bucket];
    const uint16_t wanted = id_bits(id, table_shared(table, bucket)), *bits = table_bits(table);
    for (uint32_t i = begin; i < end; i++) {
        if (bits[i] == wanted && is_id_of(table->peers[i], id))
            return &table->contacts[i];
    }
    return NULL;
}

void table_expect(const struct vx6_node *node, const uint8_t id[32])
{
    const struct table *table = &node->table;
    uint32_t bucket = common_prefix(node->keys.id, id);
    if (bucket >= table->depth)
        return;
    uint32_t begin = table_bucket_begin(table, bucket), count = table_bucket_counts(table)[bucket];
    prefetch(table_bits(table) + begin, count * sizeof(uint16_t));
    prefetch(table->peers + begin, count * sizeof *table->peers);
    __builtin_prefetch(table->contacts + begin, 0, 2); /* 20 bytes: one line, mostly */
    __builtin_prefetch(table_standings(table) + begin, 0, 2);
    prefetch(table_seen_ms(table) + begin, count * sizeof(uint32_t));
}

bool table_knows_site(const struct vx6_node *node, const vx6_addr *addr)
{
    const struct table *table = &node->table;
    const uint16_t provider = diversity_provider(addr);
    for (uint32_t i = 0; i < table->count; i++) {
        if (table_providers(table)[i] == provider && addr_same_site(&table->peers[i]->addr, addr))
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
    const uint32_t begin = table_bucket_begin(table, bucket);
    const uint32_t end = begin + table_bucket_count(table, bucket);
    const uint32_t shared = table_shared(table, bucket), to_own = id_bits(node->keys.id, shared);
    const uint32_t other = id_bits(id, shared) ^ to_own;
    for (uint32_t i = begin; i < end && closer < KADEMLIA_K; i++) {
        const uint32_t own = table_bits(table)[i] ^ to_own;
        if (own < other ||
            (own == other && distance_compare(node->keys.id, table->peers[i]->id, id) < 0))
            closer++;
    }
    return closer < KADEMLIA_K;
}

/* The contact of a bucket that has been silent for longest; NULL: none is there, or none fails. */
static struct contact *bucket_longest_silent(
    const struct vx6_node *node, uint32_t bucket, bool only_failing)
{
    const struct table *table = &node->table;
    struct contact *contact = table->contacts + table_bucket_begin(table, bucket), *silent = NULL;
    const struct contact *end = contact + table_bucket_count(table, bucket);
    uint32_t silent_ms = 0;
    for (; contact < end; contact++) {
        if (only_failing && contact->failures == 0)
            continue;
        const uint32_t ms = idle_silent_ms(node, contact);
        if (silent != NULL && ms <= silent_ms)
            continue;
        silent = contact;
        silent_ms = ms;
    }
    return silent;
}

/* Who came when there were enough from around it, and still there are. */
static bool is_crowded(const struct vx6_node *node, const struct contact *contact, uint32_t bucket)
{
    const struct peer *peer = table_peer(&node->table, contact);
    return contact->crowded && diversity_is_crowded(node, &peer->addr, bucket, contact);
}

/* The contact of a bucket farthest from the node, or the farthest crowded one, if there is one. */
static struct contact *bucket_farthest(
    const struct vx6_node *node, uint32_t bucket, bool only_crowded)
{
    const struct table *table = &node->table;
    struct contact *contact = table->contacts + table_bucket_begin(table, bucket);
    const struct contact *end = contact + table_bucket_count(table, bucket);
    struct contact *farthest = NULL;
    for (; contact < end; contact++) {
        if (only_crowded && !is_crowded(node, contact, bucket))
            continue;
        if (farthest == NULL || distance_compare(node->keys.id, table_peer(table, contact)->id,
                                    table_peer(table, farthest)->id) > 0)
            farthest = contact;
    }
    return farthest;
}

static uint32_t bucket_fullest(const struct table *table)
{
    const uint8_t *counts = table_bucket_counts(table);
    uint32_t fullest = 0;
    for (uint32_t i = 1; i < table->depth; i++) {
        if (counts[i] > counts[fullest])
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
    bool bucket_is_full = table_bucket_count(table, bucket) == KADEMLIA_K;
    bool table_is_full = table->count >= node->env->limits->contact_max;
    if (!bucket_is_full && !table_is_full)
        return true;
    *victim = bucket_longest_silent(node, bucket, true);
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
    return neighbour && crowded &&
           distance_compare(node->keys.id, peer->id, table_peer(table, crowded)->id) < 0;
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
    contact = bucket_longest_silent(node, bucket, false);
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
        for (uint32_t i = 0; i < table_bucket_count(table, bucket); i++)
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

/* Contacts come from other places, of the same table or another. */
static void move(
    struct table *table, uint32_t to, const struct table *was, uint32_t from, uint32_t count)
{
    memmove(table->peers + to, was->peers + from, count * sizeof *was->peers);
    memmove(table_seen_ms(table) + to, table_seen_ms(was) + from, count * sizeof(uint32_t));
    memmove(table_bits(table) + to, table_bits(was) + from, count * sizeof(uint16_t));
    memmove(table_providers(table) + to, table_providers(was) + from, count * sizeof(uint16_t));
    memmove(table_asked_s(table) + to, table_asked_s(was) + from, count * sizeof(uint16_t));
    memmove(table_standings(table) + to, table_standings(was) + from, count * sizeof(uint8_t));
    memmove(table->contacts + to, was->contacts + from, count * sizeof *was->contacts);
}

/* As many deepest buckets as are looked at at once, after contacts came or went. */
static void set_deepest(struct table *table)
{
    const uint8_t *counts = table_bucket_counts(table);
    uint32_t deepest = table->depth, begin = table->count;
    while (deepest > 0 && table->count - begin + counts[deepest - 1] <= TABLE_VECTOR)
        begin -= counts[--deepest];
    const uint32_t was = table->deepest;
    table->deepest = (uint16_t)deepest;
    table->deepest_begin = (uint16_t)begin;
    if (was == deepest)
        return;
    uint32_t bucket = was < deepest ? was : deepest, i = table_bucket_begin(table, bucket);
    for (; bucket < table->depth; bucket++) {
        const uint32_t shared = table_shared(table, bucket), end = i + counts[bucket];
        for (; i < end; i++)
            table_bits(table)[i] = id_bits(table->peers[i]->id, shared);
    }
}

static void table_remove(struct vx6_node *node, struct contact *contact, enum vx6_code code)
{
    struct table *table = &node->table;
    struct peer *peer = table_peer(table, contact);
    const uint32_t index = (uint32_t)(contact - table->contacts);
    uint8_t *counts = table_buckets(table);
    table->count--;
    counts[common_prefix(node->keys.id, peer->id)]--;
    move(table, index, table, index + 1, table->count - index);
    idle_left(node, index);
    while (table->depth > 0 && counts[table->depth - 1] == 0)
        table->depth--;
    set_deepest(table);
    trace(node, VX6_EVENT_contact_removed, &peer->addr, 0, 0, code);
    peer_drop(node->env, peer);
}

void table_lay_out(struct table *table, void *block, uint32_t capacity)
{
    table->peers = block;
    table->capacity = capacity;
    table->contacts = (struct contact *)(table_standings(table) + capacity);
}

static uint32_t block_size(uint32_t capacity)
{
    return (capacity * TABLE_CONTACT_SIZE + TABLE_STEP - 1) / TABLE_STEP * TABLE_STEP;
}

/* Whole steps: blocks of allocators have such sizes. False: no memory. */
static bool table_grow(struct vx6_node *node)
{
    const struct table was = node->table;
    struct table *table = &node->table;
    const uint32_t least = was.capacity + 1;
    const uint32_t size = block_size(least < TABLE_VECTOR ? TABLE_VECTOR : least);
    void *block = env_alloc(node->env, size);
    if (block == NULL)
        return false;
    table_lay_out(table, block, size / TABLE_CONTACT_SIZE);
    if (was.count == 0)
        return true; /* it has no memory */
    move(table, 0, &was, 0, was.count);
    env_free(node->env, was.peers, block_size(was.capacity));
    return true;
}

/* False: no memory. */
static bool count_all_buckets(struct vx6_node *node)
{
    struct table *table = &node->table;
    table->many_buckets = env_alloc(node->env, BUCKET_COUNT);
    if (table->many_buckets == NULL)
        return false;
    memcpy(table->many_buckets, table->few_buckets, sizeof table->few_buckets);
    return true;
}

/* False: no memory. */
static bool table_prepare(struct vx6_node *node, uint32_t bucket, bool must_grow)
{
    const bool is_deep = bucket >= TABLE_BUCKETS && node->table.many_buckets == NULL;
    return (!must_grow || table_grow(node)) && (!is_deep || count_all_buckets(node));
}

static void set_peer(struct table *table, uint32_t index, struct peer *peer)
{
    table->peers[index] = peer_hold(peer);
    table_providers(table)[index] = diversity_provider(&peer->addr);
    table_standings(table)[index] = (uint8_t)(STANDING_SOUND | addr_scope(&peer->addr));
}

static struct contact *table_enter(struct vx6_node *node, struct peer *peer)
{
    struct table *table = &node->table;
    uint32_t bucket = common_prefix(node->keys.id, peer->id);
    struct contact *victim;
    if (bucket == 256 || !make_room(node, peer, bucket, &victim))
        return NULL;
    if (!table_prepare(node, bucket, table->count == table->capacity && victim == NULL))
        return NULL;
    if (victim) {
        observe(node, victim, victim->failures > 0 ? 1 : 0);
        table_remove(node, victim, victim->failures > 0 ? VX6_TIMEOUT : VX6_LIMIT);
    }

    bool crowded = diversity_is_crowded(node, &peer->addr, bucket, NULL);
    uint32_t place = table_bucket_begin(table, bucket) + table_bucket_count(table, bucket);
    move(table, place + 1, table, place, table->count - place);
    table->contacts[place] = (struct contact){.crowded = crowded};
    set_peer(table, place, peer);
    table_bits(table)[place] = id_bits(peer->id, table_shared(table, bucket));
    idle_came(node, place);
    table->count++;
    table_buckets(table)[bucket]++;
    if (bucket >= table->depth)
        table->depth = bucket + 1;
    if (bucket < table->deepest)
        table->deepest_begin++;
    else if (table->count - table->deepest_begin > TABLE_VECTOR)
        set_deepest(table);
    trace(node, VX6_EVENT_contact_added, &peer->addr, 0, 0, VX6_OK);
    return &table->contacts[place];
}

void table_answered(struct vx6_node *node, struct contact *contact)
{
    observe(node, contact, 0);
    idle_answered(node, contact);
    if (contact->failures > 0)
        table_standings(&node->table)[contact - node->table.contacts] |= STANDING_SOUND;
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
    if (table_peer(&node->table, contact) == peer)
        return true;
    peer_drop(node->env, table_peer(&node->table, contact));
    set_peer(&node->table, (uint32_t)(contact - node->table.contacts), peer);
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
    if (contact == NULL || table_peer(&node->table, contact) != peer)
        return;
    if (contact->failures < FAILURES_MAX)
        contact->failures++;
    table_standings(&node->table)[contact - node->table.contacts] &= STANDING_SCOPE;
    idle_make_urgent(node, contact);
    if (contact->failures < node->env->limits->contact_failures_max || node->table.count == 1)
        return;
    observe(node, contact, 1);
    table_remove(node, contact, VX6_TIMEOUT);
}

size_t table_memory(const struct vx6_node *node)
{
    return block_size(node->table.capacity) + (node->table.many_buckets ? BUCKET_COUNT : 0);
}

void table_free(struct vx6_node *node)
{
    struct table *table = &node->table;
    for (uint32_t i = 0; i < table->count; i++)
        peer_drop(node->env, table->peers[i]);
    env_free(node->env, table->peers, block_size(table->capacity));
    env_free(node->env, table->many_buckets, BUCKET_COUNT);
    *table = (struct table){0};
}
