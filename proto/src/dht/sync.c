/* SPDX-License-Identifier: MIT */
/* A round offers each of the nearest nodes the bundles that it should hold as well; a newcomer
 * among them is offered its share soon after it came. What a neighbour lacks is stored there page
 * by page, one neighbour after the other. Spec: spec/dht.md, "Repair". */
#include "around.h"
#include "internal.h"

enum {
    ITEMS_STEP = 16,
    RIGHTFUL = 3,   /* of those closest to a key, if this node is not among the k closest */
    OFFERS_MAX = 64 /* neighbours that are offered something in one round */
};

struct sync {
    struct sync *next;
    struct peer *peer;
    struct placed **items;
    uint32_t count, capacity;
    uint32_t page, page_end; /* items of the page on its way */
    uint32_t next_item;      /* of the page: to be stored, if wanted */
    uint16_t wanted;         /* by the peer, of the page */
    uint8_t token[16];
    bool is_at_work;
    uint32_t in_flight; /* queries: a sync, or stores */
    uint32_t taken;
};

static void timer_update(struct vx6_node *node)
{
    struct syncs *syncs = &node->syncs;
    vx6_ns at = syncs->round_at < syncs->due_at ? syncs->round_at : syncs->due_at;
    timer_set_part(&node->timers, TIMER_SYNC, at);
}

/* VX6-DHT-051: as often as a contact goes away, within bounds. */
static void plan_round(struct vx6_node *node)
{
    const struct vx6_limits *limits = node->env->limits;
    uint64_t ms = table_contact_life_ms(node);
    ms = ms < limits->sync_min_ms ? limits->sync_min_ms : ms;
    ms = ms > limits->sync_max_ms ? limits->sync_max_ms : ms;
    node->syncs.round_at = node->now + rng_jitter(&node->public_rng, ms * VX6_MILLISECOND);
}

static vx6_ns soon(struct vx6_node *node)
{
    uint32_t half_ms = node->env->limits->sync_delay_ms / 2;
    return after_ms(node, half_ms + (uint32_t)rng_below(&node->public_rng, half_ms + 1));
}

void sync_init(struct vx6_node *node)
{
    node->syncs.due_at = VX6_NEVER;
    node->syncs.round_at = soon(node);
    timer_update(node);
}

/* What there is of items lies far apart in memory: it is fetched all at once. */
static void expect_items(struct placed *const *items, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        placed_expect(items[i]);
}

static void sync_drop(struct vx6_node *node, struct sync *sync)
{
    vx6_env *env = node->env;
    struct sync **link = &node->syncs.first;
    while (*link != sync)
        link = &(*link)->next;
    *link = sync->next;
    queries_cancel(node, sync);
    expect_items(sync->items, sync->count);
    for (uint32_t i = 0; i < sync->count; i++)
        placed_drop(env, sync->items[i]);
    env_free(env, sync->items, sync->capacity * sizeof *sync->items);
    peer_drop(env, sync->peer);
    env_free(env, sync, sizeof *sync);
}

/* NULL: no memory, or too many. */
static struct sync *sync_for(struct vx6_node *node, struct peer *peer)
{
    struct sync **link = &node->syncs.first;
    uint32_t count = 0;
    for (; *link; link = &(*link)->next, count++) {
        if ((*link)->peer == peer)
            return *link;
    }
    struct sync *sync = count < OFFERS_MAX ? env_alloc(node->env, sizeof *sync) : NULL;
    if (sync == NULL)
        return NULL;
    sync->peer = peer_hold(peer);
    *link = sync;
    return sync;
}

/* `offer`: the peer's, once it has one. */
static void sync_add(
    struct vx6_node *node, struct sync **offer, struct peer *peer, struct placed *item)
{
    if (*offer == NULL)
        *offer = sync_for(node, peer);
    struct sync *sync = *offer;
    if (sync == NULL || sync->is_at_work)
        return; /* its turn comes again */
    if (sync->count == sync->capacity) {
        uint32_t capacity = sync->capacity + ITEMS_STEP;
        struct placed **items = env_resize(
            node->env, sync->items, sync->capacity * sizeof *items, capacity * sizeof *items);
        if (items == NULL)
            return;
        sync->items = items;
        sync->capacity = capacity;
    }
    sync->items[sync->count++] = placed_hold(item);
}

static bool ask_peer(struct vx6_node *node, struct sync *sync, const struct vx6_msg *ask)
{
    bool asked = query_start(node, sync->peer, ask, QUERY_SYNC, sync) != NULL;
    sync->in_flight += asked;
    return asked;
}

/* False: there is nothing more to offer, or it cannot be asked. */
static bool offer_page(struct vx6_node *node, struct sync *sync)
{
    uint8_t bytes[SYNC_PAGE_MAX * SYNC_ITEM_SIZE];
    uint32_t count = 0;
    sync->page = sync->next_item = sync->page_end;
    const uint32_t left = sync->count - sync->page;
    if (left > 0)
        expect_items(sync->items + sync->page, left < SYNC_PAGE_MAX ? left : SYNC_PAGE_MAX);
    for (; sync->page_end < sync->count && count < SYNC_PAGE_MAX; sync->page_end++, count++) {
        const struct placed *item = sync->items[sync->page_end];
        uint8_t *at = bytes + (size_t)count * SYNC_ITEM_SIZE;
        memcpy(at, item->key, 32);
        memcpy(at + 32, item->owner, 32);
        store_u64(at + 64, item->sequence);
    }
    struct vx6_msg ask = {.type = VX6_MSG_sync};
    ask.u.sync.items = (vx6_list){count, {bytes, (size_t)count * SYNC_ITEM_SIZE}};
    return count > 0 && ask_peer(node, sync, &ask);
}

static void store_wanted(struct vx6_node *node, struct sync *sync)
{
    for (; sync->next_item < sync->page_end && sync->in_flight < KADEMLIA_ALPHA;
         sync->next_item++) {
        const struct placed *item = sync->items[sync->next_item];
        if ((sync->wanted >> (sync->next_item - sync->page) & 1) == 0)
            continue;
        struct vx6_msg ask = {.type = VX6_MSG_store};
        memcpy(ask.u.store.token, sync->token, sizeof ask.u.store.token);
        memcpy(ask.u.store.key, item->key, 32);
        ask.u.store.bundle = (vx6_span){item->bundle->data, item->bundle->len};
        if (!ask_peer(node, sync, &ask) && sync->in_flight > 0)
            return; /* goes on when one of them is done */
    }
}

static void sync_end(struct vx6_node *node, struct sync *sync, enum vx6_code code)
{
    trace(node, VX6_EVENT_synced, &sync->peer->addr, VX6_MSG_sync, sync->taken, code);
    sync_drop(node, sync);
}

static void go_on(struct vx6_node *node, struct sync *sync)
{
    store_wanted(node, sync);
    if (sync->in_flight == 0 && !offer_page(node, sync))
        sync_end(node, sync, VX6_OK);
}

/* Whose turn has come: one neighbour at a time; at the end of this node's life, all at once. */
static struct sync *next_idle(const struct vx6_node *node)
{
    struct sync *sync = node->syncs.first;
    while (sync && sync->is_at_work && node->shutting_down)
        sync = sync->next;
    return sync && !sync->is_at_work ? sync : NULL;
}

static void work(struct vx6_node *node)
{
    struct sync *sync;
    while ((sync = next_idle(node)) != NULL) {
        sync->is_at_work = true;
        go_on(node, sync);
    }
}

bool sync_expect(const struct sync *sync, uint32_t step)
{
    if (step == 0) {
        prefetch(sync, sizeof *sync);
        return true;
    }
    const uint32_t left = sync->count - sync->next_item;
    prefetch(&sync->items[sync->next_item],
        (left < SYNC_PAGE_MAX ? left : SYNC_PAGE_MAX) * sizeof *sync->items);
    return false;
}

void sync_query_done(struct vx6_node *node, void *context, const struct query_result *result)
{
    struct sync *sync = context;
    const struct vx6_msg *answer = result->answer;
    sync->in_flight--;
    if (answer && answer->type == VX6_MSG_synced) {
        sync->wanted = answer->u.synced.wanted;
        memcpy(sync->token, result->token, sizeof sync->token);
    } else if (answer && answer->u.stored.code == VX6_OK) {
        sync->taken++;
    }
    if (answer)
        go_on(node, sync);
    else
        sync_end(node, sync, VX6_TIMEOUT);
    work(node);
}

/* What is in the wrong hands: first to those who should have it. */
static void offer_misplaced(struct vx6_node *node, const struct around *around, struct placed *item)
{
    struct peer *closest[KADEMLIA_K];
    const uint32_t count = table_closest(node, item->key, closest, KADEMLIA_K);
    for (uint32_t i = 0; i < count; i++) {
        struct sync *offer = NULL;
        if (i < RIGHTFUL || around_is_asked(around, closest[i]))
            sync_add(node, &offer, closest[i], item);
    }
}

/* Each bundle is offered to those of `peers` that are among the k closest to its key, closest
 * first. */
static void offer_to(
    struct vx6_node *node, struct peer *const *peers, uint32_t peer_count, bool is_round)
{
    struct around around;
    struct sync *offers[SYNC_NEIGHBOURS] = {NULL};
    uint32_t closest[SYNC_NEIGHBOURS];
    holder_expect_items(node);
    around_look(&around, node, peers, peer_count);
    for (uint32_t i = 0; i < node->holder.count; i++) {
        struct placed *item = holder_item(node, i);
        if (item == NULL)
            continue;
        if (is_round && !around_is_own_share(&around, item->key)) {
            offer_misplaced(node, &around, item);
            continue;
        }
        const uint32_t count = around_closest(&around, item->key, closest);
        for (uint32_t j = 0; j < count; j++)
            sync_add(node, &offers[closest[j]], peers[closest[j]], item);
    }
    work(node);
}

/* VX6-DHT-052 */
void sync_entered(struct vx6_node *node, struct peer *peer)
{
    struct syncs *syncs = &node->syncs;
    if (node->shutting_down || node->holder.count == 0 || syncs->due_count == SYNC_NEIGHBOURS)
        return;
    bool is_near = table_is_among_closest(node, node->keys.id, peer, SYNC_NEIGHBOURS);
    for (uint32_t i = 0; i < syncs->due_count; i++)
        is_near = is_near && syncs->due[i] != peer;
    if (!is_near)
        return;
    syncs->due[syncs->due_count++] = peer_hold(peer);
    if (syncs->due_at == VX6_NEVER)
        syncs->due_at = soon(node);
    timer_update(node);
}

/* VX6-DHT-050 */
void sync_timer(struct vx6_node *node)
{
    struct syncs *syncs = &node->syncs;
    struct peer *peers[SYNC_NEIGHBOURS];
    uint32_t count = 0;
    if (node->shutting_down) {
        sync_free(node); /* others have had the time there was */
        return;
    }
    bool is_round = node->now >= syncs->round_at && !query_is_cut_off(node);
    if (node->now >= syncs->round_at) {
        count = table_closest(node, node->keys.id, peers, SYNC_NEIGHBOURS);
        if (!is_round)
            count = 0;
        plan_round(node);
    } else {
        memcpy(peers, syncs->due, syncs->due_count * sizeof peers[0]);
        count = syncs->due_count;
    }
    if (count > 0)
        offer_to(node, peers, count, is_round);
    for (uint32_t i = 0; i < syncs->due_count; i++)
        peer_drop(node->env, syncs->due[i]);
    syncs->due_count = 0;
    syncs->due_at = VX6_NEVER;
    timer_update(node);
}

/* Who is k-th closest to a key without this node is among the k closest once it has gone.
 * VX6-DHT-053 */
void sync_hand_over(struct vx6_node *node)
{
    sync_free(node);
    for (uint32_t i = 0; i < node->holder.count; i++) {
        struct peer *closest[KADEMLIA_K];
        struct placed *item = holder_item(node, i);
        if (item == NULL || bytes_equal(item->owner, node->keys.id, 32))
            continue;
        uint32_t count = table_closest(node, item->key, closest, KADEMLIA_K);
        struct sync *offer = NULL;
        if (count > 0)
            sync_add(node, &offer, closest[count - 1], item);
    }
    if (node->syncs.first == NULL)
        return;
    node->syncs.round_at = after_ms(node, node->env->limits->handover_ms);
    timer_update(node);
    work(node);
}

/* Who asks may be about to leave, and does not count. VX6-DHT-054 */
uint16_t sync_wanted(const struct vx6_node *node, const vx6_addr *asker, const struct vx6_sync *ask)
{
    vx6_list list = ask->items;
    struct vx6_item items[SYNC_PAGE_MAX];
    uint32_t count = 0;
    while (count < SYNC_PAGE_MAX && vx6_next_item(&list, &items[count]))
        count++;
    uint16_t wanted = holder_wanted(node, items, count);
    for (uint32_t i = 0; i < count; i++) {
        if ((wanted >> i & 1) && !table_is_own_share(node, items[i].key, asker, KADEMLIA_K))
            wanted &= (uint16_t) ~(1u << i);
    }
    return wanted;
}

void sync_free(struct vx6_node *node)
{
    struct syncs *syncs = &node->syncs;
    while (syncs->first)
        sync_drop(node, syncs->first);
    for (uint32_t i = 0; i < syncs->due_count; i++)
        peer_drop(node->env, syncs->due[i]);
    syncs->due_count = 0;
    syncs->due_at = syncs->round_at = VX6_NEVER;
    timer_set_part(&node->timers, TIMER_SYNC, VX6_NEVER);
}
