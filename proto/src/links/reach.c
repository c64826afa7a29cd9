/* SPDX-License-Identifier: MIT */
/* Asking: who is asked is chosen here, and what it says counts only as far as this node has seen
 * it. Being asked: what may be dialled, for whom and how often. Spec: spec/links.md,
 * "Reachability". */
#include "reach.h"

#include "link_internal.h"

struct reach_ask {
    struct reach_ask *next;
    struct timer timer;
    struct op *op; /* whose work this is */
    struct link *link;
    uint8_t key[32]; /* who is asked */
    vx6_addr endpoint;
    bool is_met; /* who is asked has dialled this node meanwhile */
};

struct reach_taken {
    uint8_t network[NETWORK_SIZE];
    vx6_ns at;
};

enum {
    REACH_RECENT = 8 /* who was asked last: others come first */
};

struct reach {
    struct reach_ask *asks; /* of this node, under way */
    uint32_t recent_next;
    uint32_t taken_count;
    uint64_t recent[REACH_RECENT]; /* the first bytes of their keys */
    struct reach_taken taken[];    /* of others, oldest first; room for all of a minute */
};

static size_t size_of(const struct vx6_node *node)
{
    return sizeof(struct reach) + node->env->limits->reach_per_minute * sizeof(struct reach_taken);
}

/* Is made when it is first needed; NULL: memory ran out. */
static struct reach *reach_of(struct vx6_node *node)
{
    if (node->reach == NULL)
        node->reach = env_alloc(node->env, size_of(node));
    return node->reach;
}

/* ---- asking ---- */

static struct reach_ask *first_ask(const struct vx6_node *node)
{
    return node->reach ? node->reach->asks : NULL;
}

static struct reach_ask *ask_of(const struct vx6_node *node, const uint8_t key[32])
{
    struct reach_ask *ask = first_ask(node);
    while (ask && !bytes_equal(ask->key, key, sizeof ask->key))
        ask = ask->next;
    return ask;
}

/* Who waits for the peer of this link; or nobody does. */
static struct reach_ask *ask_on(const struct vx6_node *node, const struct link *link)
{
    struct reach_ask *ask = first_ask(node);
    while (ask && ask->link != link)
        ask = ask->next;
    return ask;
}

/* How many asks ago this one was asked, REACH_RECENT if it was none of the last. */
static uint32_t asks_since(const struct vx6_node *node, const uint8_t key[32])
{
    const struct reach *reach = node->reach;
    uint32_t since = 0;
    while (since < REACH_RECENT &&
           reach->recent[(reach->recent_next - 1 - since) % REACH_RECENT] != load_u64(key))
        since++;
    return since;
}

/* How well this contact can tell, 0: not at all. It must not be nearer to this node than those whom
 * the endpoint is for. VX6-LINK-034 */
static uint32_t worth(
    const struct vx6_node *node, const struct contact *contact, const vx6_addr *endpoint)
{
    const struct peer *peer = table_peer(&node->table, contact);
    const vx6_addr *addr = &peer->addr;
    if (contact->failures > 0 || contact->restored ||
        addr_is_ipv4(addr) != addr_is_ipv4(endpoint) || !addr_is_in_scope(endpoint, addr) ||
        ask_of(node, peer->key))
        return 0;
    uint32_t value = addr_scope(addr) == addr_scope(endpoint);
    value = value * (REACH_RECENT + 1) + asks_since(node, peer->key);
    value = value * 2 + !addr_same_network(addr, endpoint);
    return value + 1;
}

/* Any of those that are worth most. */
static struct peer *choose_peer(struct vx6_node *node, const vx6_addr *endpoint)
{
    struct peer *chosen = NULL;
    uint32_t most = 0, equals = 0;
    for (uint32_t i = 0; i < node->table.count; i++) {
        uint32_t value = worth(node, &node->table.contacts[i], endpoint);
        if (value == 0 || value < most)
            continue;
        equals = value == most ? equals + 1 : 1;
        most = value;
        if (rng_below(&node->public_rng, equals) == 0)
            chosen = node->table.peers[i];
    }
    return chosen;
}

static void ask_free(struct vx6_node *node, struct reach_ask *ask)
{
    struct reach_ask **place = &node->reach->asks;
    while (*place != ask)
        place = &(*place)->next;
    *place = ask->next;
    timer_clear(&node->timers, &ask->timer);
    ask->link->owed &= (uint8_t)~OWED_REACH_ASK;
    link_in_use(node, ask->link, -1);
    env_free(node->env, ask, sizeof *ask);
}

/* `has_said`: the peer has, and this is what; else nothing is known. */
static void ask_done(
    struct vx6_node *node, struct reach_ask *ask, enum vx6_code code, bool has_said)
{
    struct op *op = ask->op;
    op->queries = has_said;
    op->lost = !has_said;
    trace(node, VX6_EVENT_reach_told, &ask->endpoint, 0, 0, code);
    ask_free(node, ask);
    op_done(node, op, code);
}

static void ask_send(struct vx6_node *node, struct link *link)
{
    link->owed |= OWED_REACH_ASK;
    link_post_write(node, link);
}

static bool is_own_endpoint(const struct vx6_node *node, const vx6_addr *addr, uint32_t *index)
{
    for (*index = 0; *index < node->endpoint_count; (*index)++) {
        if (addr_equal(&node->endpoints[*index], addr))
            return true;
    }
    return false;
}

/* The ask, on its way to this peer; NULL with *code. */
static struct reach_ask *ask_new(
    struct vx6_node *node, struct peer *peer, const vx6_addr *endpoint, enum vx6_code *code)
{
    struct link *link = link_get_dialled(node, &peer->addr, peer->key, code);
    if (link == NULL)
        return NULL;
    *code = VX6_LIMIT;
    if (link->is_reach_sent) /* for one that was cancelled */
        return NULL;
    *code = VX6_NOMEM;
    struct reach_ask *ask = env_alloc(node->env, sizeof *ask);
    if (ask == NULL)
        return NULL;
    *code = VX6_OK;
    timer_init(&ask->timer, TIMER_REACH);
    ask->next = node->reach->asks;
    node->reach->asks = ask;
    ask->endpoint = *endpoint;
    memcpy(ask->key, peer->key, sizeof ask->key);
    ask->link = link;
    link_in_use(node, link, 1);
    timer_set(&node->timers, &ask->timer, after_ms(node, node->env->limits->reach_ms));
    return ask;
}

enum vx6_code reach_start(struct vx6_node *node, const vx6_addr *endpoint, vx6_id *id)
{
    uint32_t index;
    enum vx6_code code;
    if (!is_own_endpoint(node, endpoint, &index))
        return VX6_INVALID;
    struct reach *reach = reach_of(node);
    if (reach == NULL)
        return VX6_NOMEM;
    struct peer *peer = choose_peer(node, endpoint);
    if (peer == NULL)
        return VX6_NO_PEERS;
    struct op *op = op_new(node, OP_REACH, &code);
    if (op == NULL)
        return code;
    struct reach_ask *ask = ask_new(node, peer, endpoint, &code);
    if (ask == NULL) {
        op_free(node, op);
        return code;
    }
    op->peer = *endpoint;
    memcpy(op->key, peer->key, sizeof op->key);
    op->work = ask;
    ask->op = op;
    reach->recent[reach->recent_next++ % REACH_RECENT] = load_u64(peer->key);
    if (link_is_up(ask->link))
        ask_send(node, ask->link);
    *id = op->id;
    return VX6_OK;
}

void reach_cancel(struct vx6_node *node, struct op *op)
{
    ask_free(node, op->work);
}

void reach_timer(struct vx6_node *node, struct timer *timer)
{
    ask_done(node, CONTAINER_OF(timer, struct reach_ask, timer), VX6_TIMEOUT, false);
}

/* The record may have changed since the handshake, and with it where an endpoint stands. */
struct vx6_msg reach_ask_frame(struct vx6_node *node, const struct link *link)
{
    struct vx6_msg msg = {.type = VX6_MSG_reach_ask, .u.reach_ask.record = publish_record(node)};
    uint32_t index;
    if (is_own_endpoint(node, &ask_on(node, link)->endpoint, &index))
        msg.u.reach_ask.endpoint = (uint8_t)index;
    return msg;
}

/* VX6-LINK-035: that this node was reached cannot be made up. */
static enum vx6_code take_answer(struct vx6_node *node, struct link *link, enum vx6_code code)
{
    struct reach_ask *ask = ask_on(node, link);
    if (!link->is_reach_sent)
        return VX6_UNEXPECTED;
    link->is_reach_sent = false;
    if (ask == NULL)
        return VX6_OK;
    bool is_lie = code == VX6_OK && !ask->is_met;
    ask_done(node, ask, is_lie ? VX6_UNEXPECTED : code, !is_lie);
    return is_lie ? VX6_UNEXPECTED : VX6_OK;
}

/* ---- being asked ---- */

static void forget_old(struct reach *reach, vx6_ns now)
{
    uint32_t old = 0;
    while (old < reach->taken_count && now - reach->taken[old].at >= 60 * VX6_SECOND)
        old++;
    reach->taken_count -= old;
    if (old > 0)
        memmove(reach->taken, reach->taken + old, reach->taken_count * sizeof *reach->taken);
}

/* VX6-LINK-033 */
static enum vx6_code may_ask(struct vx6_node *node, const vx6_addr *asker)
{
    const struct vx6_limits *limits = node->env->limits;
    struct reach *reach = reach_of(node);
    if (reach == NULL)
        return VX6_NOMEM;
    struct reach_taken taken = {.at = node->now};
    uint32_t of_network = 0;
    addr_network(asker, taken.network);
    forget_old(reach, node->now);
    for (uint32_t i = 0; i < reach->taken_count; i++)
        of_network += bytes_equal(reach->taken[i].network, taken.network, NETWORK_SIZE);
    if (reach->taken_count >= limits->reach_per_minute ||
        of_network >= limits->reach_per_network_per_minute)
        return VX6_LIMIT;
    reach->taken[reach->taken_count++] = taken;
    return VX6_OK;
}

/* VX6-LINK-032: the endpoint that is meant; false: there is none of this number. */
static bool find_endpoint(
    const struct vx6_node_record *record, uint32_t index, struct vx6_endpoint *endpoint)
{
    vx6_list endpoints = record->endpoints;
    bool found = false;
    for (uint32_t i = 0; i <= index; i++)
        found = vx6_next_endpoint(&endpoints, endpoint);
    return found;
}

static void answer(struct vx6_node *node, struct link *link, enum vx6_code code)
{
    link->reach_code = (uint16_t)code;
    link->owed |= OWED_REACH_ANSWER;
    link_post_write(node, link);
    trace(node, VX6_EVENT_reach_answered, &link->addr, VX6_MSG_reach_ask, 0, code);
}

static void set_due(struct vx6_node *node, struct link *link, bool is_due)
{
    if (link->is_reach_due != is_due)
        link_in_use(node, link, is_due ? 1 : -1);
    link->is_reach_due = is_due;
}

static enum vx6_code dial_back(struct vx6_node *node, struct link *link, const vx6_addr *addr)
{
    enum vx6_code code;
    struct link *back = link_dial_anew(node, addr, link->peer_key, &code);
    if (back == NULL)
        return code;
    back->reach_for = link->id;
    set_due(node, link, true);
    return VX6_OK;
}

/* VX6-LINK-042: whether the asker is there at all. A datagram tells it nothing of who else is. */
static enum vx6_code look_for(struct vx6_node *node, struct link *link, const vx6_addr *addr)
{
    const struct vx6_msg ping = {.type = VX6_MSG_ping};
    struct peer *peer = peer_get(node->env, link->peer_key, addr);
    if (peer == NULL)
        return VX6_NOMEM;
    bool is_asked = !query_site_is_spent(node, addr) &&
                    query_start(node, peer, &ping, QUERY_REACH, link) != NULL;
    peer_drop(node->env, peer);
    if (is_asked)
        set_due(node, link, true);
    return is_asked ? VX6_OK : VX6_LIMIT;
}

void reach_query_done(struct vx6_node *node, void *context, const struct query_result *result)
{
    struct link *link = context;
    set_due(node, link, false);
    enum vx6_code code = VX6_TIMEOUT;
    if (result->answer)
        code = dial_back(node, link, &result->peer->addr);
    if (code != VX6_OK)
        answer(node, link, code);
}

static enum vx6_code try_endpoint(
    struct vx6_node *node, struct link *link, const struct vx6_endpoint *endpoint)
{
    vx6_addr addr = {.port = endpoint->port};
    memcpy(addr.ip, endpoint->ip, sizeof addr.ip);
    bool is_met = addr_same_site(&addr, &link->addr);
    uint8_t needed = VX6_CARRIER_TCP | (is_met ? 0 : VX6_CARRIER_UDP);
    if ((endpoint->carriers & needed) != needed || !addr_is_in_scope(&addr, &link->addr))
        return VX6_INVALID;
    enum vx6_code code = may_ask(node, &link->addr);
    if (code != VX6_OK)
        return code;
    return is_met ? dial_back(node, link, &addr) : look_for(node, link, &addr);
}

/* VX6-LINK-032: what is wrong with the ask itself ends the link. */
static enum vx6_code take_ask(
    struct vx6_node *node, struct link *link, const struct vx6_reach_ask *ask)
{
    struct vx6_node_record record;
    struct vx6_endpoint endpoint;
    if (link->is_reach_due || (link->owed & OWED_REACH_ANSWER))
        return VX6_UNEXPECTED;
    enum vx6_code code = record_check_node(node->env, node_unix_s(node), ask->record, &record);
    if (code != VX6_OK)
        return code;
    if (!bytes_equal(record.identity, link->peer_key, sizeof record.identity))
        return VX6_BAD_RECORD;
    code = VX6_INVALID;
    if (find_endpoint(&record, ask->endpoint, &endpoint))
        code = try_endpoint(node, link, &endpoint);
    if (code != VX6_OK)
        answer(node, link, code);
    return VX6_OK;
}

enum vx6_code reach_frame(struct vx6_node *node, struct link *link, const struct vx6_msg *frame)
{
    if (frame->type == VX6_MSG_reach_ask)
        return take_ask(node, link, &frame->u.reach_ask);
    return take_answer(node, link, (enum vx6_code)frame->u.reach_answer.code);
}

/* ---- links come up and go down ---- */

/* What the end of a dial says of the endpoint: VX6-LINK-031. */
static enum vx6_code verdict(enum vx6_code code)
{
    bool says_nothing = code == VX6_LIMIT || code == VX6_NOMEM || code == VX6_SHUTDOWN;
    bool is_told = says_nothing || code == VX6_TIMEOUT || code == VX6_KEY_MISMATCH;
    return is_told ? code : VX6_UNREACHABLE;
}

/* The dial for another has ended; who asked may have gone meanwhile. */
static void dialled_back(struct vx6_node *node, struct link *back, enum vx6_code code)
{
    struct link *link = slots_get(&node->slots, SLOT_LINK, back->reach_for);
    back->reach_for = (vx6_id){0};
    if (link == NULL || !link->is_reach_due)
        return;
    set_due(node, link, false);
    if (link_is_up(link))
        answer(node, link, code);
}

void reach_link_up(struct vx6_node *node, struct link *link)
{
    if (ask_on(node, link))
        ask_send(node, link);
    struct reach_ask *ask = link->initiator ? NULL : ask_of(node, link->peer_key);
    if (ask)
        ask->is_met = true;
    if (link->reach_for.bits == 0)
        return;
    dialled_back(node, link, VX6_OK);
    link_close(node, link, VX6_OK);
}

void reach_link_down(struct vx6_node *node, struct link *link, enum vx6_code code)
{
    struct reach_ask *ask = ask_on(node, link);
    if (ask)
        ask_done(node, ask, code == VX6_OK ? VX6_UNREACHABLE : code, false);
    if (link->reach_for.bits != 0)
        dialled_back(node, link, verdict(code));
    if (link->is_reach_due)
        queries_cancel(node, link);
    set_due(node, link, false);
}

void reach_free(struct vx6_node *node)
{
    while (first_ask(node))
        ask_free(node, first_ask(node));
    env_free(node->env, node->reach, size_of(node));
    node->reach = NULL;
}
