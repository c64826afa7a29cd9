/* SPDX-License-Identifier: MIT */
/* Queries: sealed only when the carrier takes them, found again by their query ID, tried anew under
 * a new ID and ephemeral key, and over when answered or lost. Spec: spec/queries.md. */
#include "query_internal.h"

enum {
    CUT_OFF = 4,   /* queries lost in a row */
    ITEMS_STEP = 4 /* places by which the array grows */
};

struct query {
    struct outgoing outgoing;
    struct peer *peer;
    void *context;
    vx6_ns tried; /* when the last try began */
    vx6_ns sent;  /* when it left */
    enum query_user user;
    enum vx6_msg_type type;
    bool waiting; /* on the list of outgoing ones */
    bool sealed;  /* state is set: at least one try has left */
    bool has_cookie;
    bool crowds; /* when it began, as many as may be were in flight to its site, with it */
    uint8_t tries;
    uint16_t len;
    uint8_t mac1[VX6_MAC_SIZE]; /* of the last try */
    uint8_t cookie[VX6_COOKIE_SIZE];
    struct vx6_ask state; /* of the last try */
    uint8_t ask[];
};

static struct query *query_of(struct outgoing *outgoing)
{
    return CONTAINER_OF(outgoing, struct query, outgoing);
}

static struct in_flight *item_of(const struct vx6_node *node, const struct query *query)
{
    struct in_flight *item = node->queries.items;
    while (item->query != query)
        item++;
    return item;
}

/* The query whose time is over first; NULL: there is none. */
static struct in_flight *earliest(const struct queries *queries)
{
    struct in_flight *first = NULL;
    for (uint32_t i = 0; i < queries->count; i++) {
        struct in_flight *item = &queries->items[i];
        if (first == NULL || item->deadline < first->deadline ||
            (item->deadline == first->deadline && item->order < first->order))
            first = item;
    }
    return first;
}

static void watch_deadline(struct vx6_node *node)
{
    struct queries *queries = &node->queries;
    const struct in_flight *first = earliest(queries);
    if (first == NULL)
        timer_set_part(&node->timers, TIMER_QUERY, VX6_NEVER);
    else if (first->deadline != node->timers.deadlines[TIMER_QUERY] ||
             first->order != node->timers.orders[TIMER_QUERY])
        timer_set_in_order(&node->timers, TIMER_QUERY, first->deadline, first->order);
}

/* False: no memory, and nothing has changed. */
static bool items_resize(struct vx6_node *node, uint32_t capacity)
{
    struct queries *queries = &node->queries;
    const size_t size = sizeof *queries->items;
    struct in_flight *items =
        env_resize(node->env, queries->items, queries->capacity * size, capacity * size);
    if (items == NULL)
        return false;
    queries->items = items;
    queries->capacity = capacity;
    return true;
}

static void query_free(struct vx6_node *node, struct query *query)
{
    struct queries *queries = &node->queries;
    struct in_flight *item = item_of(node, query);
    bool was_first = item->order == node->timers.orders[TIMER_QUERY];
    queries->count--;
    if (query->crowds)
        queries->crowding--;
    memmove(item, item + 1, (queries->count - (size_t)(item - queries->items)) * sizeof *item);
    if (queries->capacity - queries->count > ITEMS_STEP)
        (void)items_resize(node, queries->capacity - ITEMS_STEP);
    if (was_first)
        watch_deadline(node);
    if (query->waiting)
        datagram_withdraw(node, &query->outgoing);
    peer_drop(node->env, query->peer);
    wipe(&query->state, sizeof query->state);
    env_free(node->env, query, sizeof *query + query->len);
}

/* At the bound, a query that only asks whether somebody lives gives way. */
static bool make_room(struct vx6_node *node)
{
    struct queries *queries = &node->queries;
    if (queries->count >= node->env->limits->query_max) {
        uint32_t i = 0;
        while (i < queries->count && queries->items[i].query->user != QUERY_NOBODY)
            i++;
        if (i == queries->count) {
            trace(node, VX6_EVENT_limit_reached, NULL, 0, queries->count, VX6_LIMIT);
            return false;
        }
        query_free(node, queries->items[i].query);
    }
    return queries->count < queries->capacity || items_resize(node, queries->capacity + ITEMS_STEP);
}

/* VX6-QUERY-010: as TCP does, but not below a floor, since responders are many and far apart. */
static uint32_t timeout_ms(const struct vx6_node *node, const struct query *query)
{
    const struct vx6_limits *limits = node->env->limits;
    const struct queries *queries = &node->queries;
    if (queries->rtt_us == 0)
        return limits->query_timeout_ms;
    uint64_t ms = ((uint64_t)queries->rtt_us + 4 * (uint64_t)queries->rtt_deviation_us) / 1000;
    ms = ms < limits->query_timeout_min_ms ? limits->query_timeout_min_ms : ms;
    ms <<= query->tries > 1 ? query->tries - 1 : 0;
    return ms < limits->query_timeout_ms ? (uint32_t)ms : limits->query_timeout_ms;
}

/* The tries in flight get what they would have, had this been known before. */
static void shorten_tries(struct vx6_node *node)
{
    struct queries *queries = &node->queries;
    for (uint32_t i = 0; i < queries->count; i++) {
        struct in_flight *item = &queries->items[i];
        vx6_ns deadline =
            item->query->sent + (vx6_ns)timeout_ms(node, item->query) * VX6_MILLISECOND;
        if (!item->query->sealed || item->query->waiting || deadline >= item->deadline)
            continue;
        item->deadline = deadline > node->now ? deadline : node->now;
        item->order = timer_order(&node->timers);
    }
    watch_deadline(node);
}

/* Each try has its own ID, so that it is certain which one was answered. */
static void take_rtt(struct vx6_node *node, vx6_ns rtt)
{
    struct queries *queries = &node->queries;
    uint32_t sample = rtt > 60 * VX6_SECOND ? 60000000 : (uint32_t)(rtt / 1000) + 1;
    if (queries->rtt_us == 0) {
        queries->rtt_us = sample;
        queries->rtt_deviation_us = sample / 2;
        shorten_tries(node);
        return;
    }
    uint32_t off = sample > queries->rtt_us ? sample - queries->rtt_us : queries->rtt_us - sample;
    queries->rtt_deviation_us = queries->rtt_deviation_us / 4 * 3 + off / 4;
    queries->rtt_us = queries->rtt_us / 8 * 7 + sample / 8 + 1;
}

/* Counted anew when the carrier takes it, which mostly is at once. */
static void set_deadline(struct vx6_node *node, struct in_flight *item)
{
    const vx6_ns deadline = after_ms(node, timeout_ms(node, item->query));
    struct timers *timers = &node->timers;
    const bool was_first = item->order == timers->orders[TIMER_QUERY];
    item->deadline = deadline;
    item->order = timer_order(timers);
    if (was_first)
        watch_deadline(node);
    else if (deadline < timers->deadlines[TIMER_QUERY])
        timer_set_in_order(timers, TIMER_QUERY, deadline, item->order);
}

static void query_try(struct vx6_node *node, struct in_flight *item)
{
    struct query *query = item->query;
    query->tries++;
    query->tried = node->now;
    set_deadline(node, item);
    if (query->waiting)
        return;
    query->waiting = true;
    datagram_post(node, &query->outgoing);
}

static uint32_t count_of_site(const struct queries *queries, uint64_t site)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < queries->count; i++)
        count += queries->items[i].site == site;
    return count;
}

/* VX6-QUERY-009 */
struct query *query_start(struct vx6_node *node, struct peer *peer, const struct vx6_msg *ask,
    enum query_user user, void *context)
{
    uint8_t bytes[ASK_MAX];
    prefetch(peer->id, sizeof peer->id); /* for query_write() */
    if (!peer_key_is_valid(node->env, peer) || !make_room(node))
        return NULL;
    size_t len = vx6_msg_encode(ask, bytes, sizeof bytes);
    VX6_ASSERT(len > 0);
    struct query *query = env_alloc(node->env, sizeof *query + len);
    if (query == NULL)
        return NULL;
    query->outgoing =
        (struct outgoing){.to = &peer->addr, .size = VX6_DATAGRAM_SIZE, .is_query = true};
    query->peer = peer_hold(peer);
    query->context = context;
    query->user = user;
    query->type = ask->type;
    query->len = (uint16_t)len;
    memcpy(query->ask, bytes, len);
    struct in_flight *item = &node->queries.items[node->queries.count++];
    *item = (struct in_flight){
        .deadline = VX6_NEVER, .site = addr_site(&peer->addr), .peer = peer, .query = query};
    query->crowds =
        count_of_site(&node->queries, item->site) >= node->env->limits->site_queries_max;
    if (query->crowds)
        node->queries.crowding++;
    query_try(node, item);
    return query;
}

/* What has been sent stays until it is answered or lost: it costs nothing more to know whether the
 * peer lives. */
void query_cancel(struct vx6_node *node, struct query *query)
{
    query->user = QUERY_NOBODY;
    query->context = NULL;
    if (!query->sealed)
        query_free(node, query);
}

void queries_cancel(struct vx6_node *node, const void *context)
{
    for (uint32_t i = node->queries.count; i-- > 0;) {
        if (node->queries.items[i].query->context == context)
            query_cancel(node, node->queries.items[i].query);
    }
}

bool query_is_pending(const struct vx6_node *node, const struct peer *peer)
{
    for (uint32_t i = 0; i < node->queries.count; i++) {
        if (node->queries.items[i].peer == peer)
            return true;
    }
    return false;
}

/* VX6-DHT-028. Of the queries to a site that is spent, the last one to begin crowds. */
bool query_site_is_spent(const struct vx6_node *node, const vx6_addr *addr)
{
    return node->queries.crowding > 0 &&
           count_of_site(&node->queries, addr_site(addr)) >= node->env->limits->site_queries_max &&
           !table_knows_site(node, addr);
}

bool query_is_cut_off(const struct vx6_node *node)
{
    return node->queries.lost_in_row >= CUT_OFF;
}

static void query_done(
    struct vx6_node *node, struct query *query, const struct vx6_msg *answer, const uint8_t *token)
{
    struct query_result result = {.peer = peer_hold(query->peer),
        .user = query->user,
        .answer = answer,
        .token = token,
        .rtt = node->now - query->sent};
    void *context = query->context;
    query_free(node, query);
    switch (result.user) {
    case QUERY_NOBODY:
        break;
    case QUERY_LOOKUP:
        lookup_query_done(node, context, &result);
        break;
    case QUERY_STORE:
        publication_query_done(node, context, &result);
        break;
    case QUERY_SYNC:
        sync_query_done(node, context, &result);
        break;
    case QUERY_REACH:
        reach_query_done(node, context, &result);
        break;
    case QUERY_ENTRY:
    case QUERY_CHECK:
    case QUERY_CONSIDER:
    case QUERY_ANNOUNCE:
        discovery_query_done(node, context, &result);
        break;
    }
    peer_drop(node->env, result.peer);
}

/* VX6-QUERY-006, VX6-DHT-009: losses in a row say more about this node's own network than about
 * its contacts, and then count against none of them. Strangers may never have lived: what others
 * name must not make this node believe that it is cut off. */
static void query_late(struct vx6_node *node, struct in_flight *item)
{
    struct query *query = item->query;
    if (query->tries < node->env->limits->query_tries) {
        query_try(node, item);
        return;
    }
    const struct contact *contact = table_find(node, query->peer->id);
    bool is_contact = contact != NULL && table_peer(&node->table, contact) == query->peer;
    if (is_contact && !query_is_cut_off(node))
        table_failed(node, query->peer);
    if (is_contact)
        node->queries.lost_in_row++;
    trace(node, VX6_EVENT_query_lost, &query->peer->addr, (uint8_t)query->type, query->len,
        VX6_TIMEOUT);
    query_done(node, query, NULL, NULL);
}

/* One at a time: other timers may stand between two queries. VX6-NODE-002 */
void query_timer(struct vx6_node *node)
{
    struct in_flight *late = earliest(&node->queries);
    VX6_ASSERT(late != NULL && late->deadline <= node->now);
    query_late(node, late);
}

/* VX6-QUERY-005: every try has its own query ID and ephemeral key. */
void query_write(struct vx6_node *node, struct outgoing *outgoing, uint8_t *datagram)
{
    struct query *query = query_of(outgoing);
    const struct vx6_crypto *crypto = node->env->crypto;
    uint8_t seed[32], id[8];
    rng_bytes(&node->public_rng, id, sizeof id);
    datagram_seed(node, id, seed);
    query->sent = node->now;
    query->sealed = true;
    query->waiting = false;
    struct in_flight *item = item_of(node, query);
    item->id = load_u64(id);
    if (query->tried != node->now)
        set_deadline(node, item);
    datagram_header(datagram, TYPE_ASK, query->peer->id, id);
    vx6_span payload = datagram_put(datagram, query->ask, query->len);
    crypto->ask_seal(
        crypto, &query->state, seed, query->peer->key, payload.data, payload.len, datagram);
    memcpy(query->mac1, datagram + VX6_ASK_MAC1_AT, sizeof query->mac1);
    if (query->has_cookie)
        crypto->ask_prove(crypto, query->cookie, datagram);
    wipe(seed, sizeof seed);
    trace(node, VX6_EVENT_datagram_sent, &query->peer->addr, (uint8_t)query->type, query->len,
        VX6_OK);
}

/* The node has proved its key by opening the ask, and its address by answering from it; the
 * signature over its address lets others believe that too. VX6-DHT-004 */
static void learn(struct vx6_node *node, struct peer *peer, const struct answer_head *head,
    enum vx6_msg_type answer)
{
    struct contact *contact = table_find(node, peer->id);
    if (contact && table_peer(&node->table, contact) == peer)
        table_answered(node, contact);
    else if (head->contact_issued_s == 0 || (contact == NULL && !table_offer(node, peer)))
        return;
    else if (contact_verify(node->env->crypto, peer, head))
        (void)table_seen(node, peer);
    else
        refuse(node, VX6_EVENT_contact_refused, &peer->addr, (uint8_t)answer, 0, VX6_BAD_RECORD);
}

/* NULL: there is none. */
static const struct in_flight *item_with(const struct queries *queries, uint64_t id)
{
    for (uint32_t i = 0; i < queries->count; i++) {
        if (queries->items[i].id == id)
            return &queries->items[i];
    }
    return NULL;
}

static struct query *query_find(struct vx6_node *node, const vx6_addr *from, const uint8_t *data)
{
    const struct in_flight *item = item_with(&node->queries, load_u64(data + QUERY_ID_AT));
    bool is_asked = item && item->query->sealed && addr_equal(from, &item->peer->addr);
    return is_asked ? item->query : NULL;
}

/* VX6-QUERY-004: by the address asked, under a query ID in flight and its state, of a type that
 * answers the ask. Anything else changes nothing: the true answer may still come. */
void query_take_answer(struct vx6_node *node, const vx6_addr *from, const uint8_t *data)
{
    const struct vx6_crypto *crypto = node->env->crypto;
    uint8_t room[VX6_ANSWER_PAYLOAD_SIZE];
    vx6_span payload;
    struct vx6_msg answer;
    struct answer_head head;
    struct query *query = query_find(node, from, data);
    enum vx6_code code = VX6_OK;
    answer.type = VX6_MSG_NONE;
    if (query == NULL || !is_zero(data + 2, 2))
        code = VX6_UNEXPECTED;
    else if (!crypto->answer_open(crypto, &query->state, data, room, &payload))
        code = VX6_BAD_SEAL;
    else if (!datagram_payload(&answer, payload))
        code = VX6_BAD_MESSAGE;
    else if (!answer_fits(query->type, answer.type) || !answer_head(&answer, &head))
        code = VX6_UNEXPECTED;
    if (code != VX6_OK) {
        datagram_refuse(node, from, answer.type, VX6_DATAGRAM_SIZE, code);
        return;
    }
    node->queries.lost_in_row = 0;
    take_rtt(node, node->now - query->sent);
    trace(node, VX6_EVENT_query_answered, from, (uint8_t)answer.type, query->len, VX6_OK);
    /* Whoever announces itself, or asks to be dialled, would choose when it is heard. */
    if (query->user != QUERY_CONSIDER && query->user != QUERY_REACH)
        clock_heard(node, query->peer->key, from, head.time_s);
    learn(node, query->peer, &head, answer.type);
    query_done(node, query, &answer, head.token);
}

/* The responder wants to know that this node receives: asked again at once, once. VX6-QUERY-013 */
void query_take_cookie(struct vx6_node *node, const vx6_addr *from, const uint8_t *data)
{
    const struct vx6_crypto *crypto = node->env->crypto;
    const uint8_t *nonce = data + VX6_QUERY_HEADER_SIZE;
    struct query *query = query_find(node, from, data);
    enum vx6_code code = VX6_OK;
    if (query == NULL || !is_zero(data + 2, 2) || query->has_cookie || query->waiting)
        code = VX6_UNEXPECTED;
    else if (!crypto->cookie_open(crypto, query->peer->key, query->mac1, nonce,
                 nonce + VX6_COOKIE_NONCE_SIZE, query->cookie))
        code = VX6_BAD_SEAL;
    if (code != VX6_OK) {
        datagram_refuse(node, from, VX6_MSG_NONE, COOKIE_DATAGRAM_SIZE, code);
        return;
    }
    trace(node, VX6_EVENT_cookie_taken, from, (uint8_t)query->type, COOKIE_DATAGRAM_SIZE, VX6_OK);
    query->has_cookie = true;
    query->waiting = true;
    datagram_post(node, &query->outgoing);
}

void queries_expect(const struct vx6_node *node)
{
    const struct queries *queries = &node->queries;
    prefetch(queries->items, (queries->count + 1) * sizeof *queries->items);
}

/* What began the query. */
static bool context_expect(const struct query *query, uint32_t step)
{
    if (query->user == QUERY_LOOKUP)
        return lookup_expect(query->context, step);
    if (query->user == QUERY_STORE)
        return publication_expect(query->context, step);
    return query->user == QUERY_SYNC && sync_expect(query->context, step);
}

static bool item_expect(const struct vx6_node *node, const struct in_flight *item, uint32_t step)
{
    if (step == 0) {
        prefetch(item->peer, sizeof *item->peer);
        prefetch(item->query, sizeof *item->query);
        return true;
    }
    if (step == 1) {
        table_expect(node, item->peer->id);
        if (item->query->user == QUERY_CONSIDER || item->query->user == QUERY_LOOKUP)
            diversity_expect(node); /* it may enter the table */
    }
    return context_expect(item->query, step - 1);
}

bool query_is_answer(const uint8_t *data, size_t len)
{
    return len >= VX6_QUERY_HEADER_SIZE && data[0] == TYPE_ANSWER;
}

/* An answer leads to its query and what began that; of an ask nothing can be read. */
bool query_expect(const struct vx6_node *node, uint32_t step, const uint8_t *data, size_t len)
{
    const struct queries *queries = &node->queries;
    if (!query_is_answer(data, len)) {
        table_expect_search(node);
        return false;
    }
    if (step == 0) {
        clock_expect(node);
        queries_expect(node);
        return true;
    }
    const struct in_flight *item = item_with(queries, load_u64(data + QUERY_ID_AT));
    return item != NULL && item_expect(node, item, step - 1);
}

bool query_timer_expect(const struct vx6_node *node, uint32_t step)
{
    const struct queries *queries = &node->queries;
    if (step == 0) {
        queries_expect(node);
        return true;
    }
    const struct in_flight *first = earliest(queries);
    return first != NULL && item_expect(node, first, step - 1);
}

void queries_shutdown(struct vx6_node *node)
{
    while (node->queries.count > 0)
        query_free(node, node->queries.items[node->queries.count - 1].query);
}

void queries_init(struct vx6_node *node)
{
    tokens_init(node);
}

void queries_free(struct vx6_node *node)
{
    struct queries *queries = &node->queries;
    queries_shutdown(node);
    env_free(node->env, queries->items, queries->capacity * sizeof *queries->items);
    meter_free(node, &queries->asks);
    meter_free(node, &queries->proven);
    own_contacts_clear(node);
    tokens_free(node);
    struct outgoing *outgoing;
    while ((outgoing = queries->waiting_first) != NULL) {
        datagram_withdraw(node, outgoing);
        responder_drop(node, outgoing);
    }
}
