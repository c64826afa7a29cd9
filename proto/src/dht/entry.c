/* SPDX-License-Identifier: MIT */
/* Entry points: addresses that the driver named. A query needs a key, so the first contact is a
 * link, whose handshake shows it. They are kept, to come back by when everybody else is lost.
 * Spec: spec/dht.md, "Joining". */
#include "internal.h"

enum {
    ENTRY_TRIES = 4 /* queries; each has tries of its own */
};

struct entry {
    struct entry *next;
    struct link *link;   /* dialled, until it shows the key or ends */
    struct query *query; /* the first question to that key */
    vx6_id op;           /* waits for the answer; or nothing does */
    vx6_addr addr;
    uint8_t tries;
    bool was_contact; /* before it was asked: it can tell nothing new */
};

static bool is_idle(const struct entry *entry)
{
    return entry->link == NULL && entry->query == NULL;
}

static void entry_remove(struct vx6_node *node, struct entry *entry)
{
    struct entry **place = &node->discovery.entries;
    while (*place != entry)
        place = &(*place)->next;
    *place = entry->next;
    node->discovery.entry_count--;
    if (entry->query)
        query_cancel(node, entry->query);
    env_free(node->env, entry, sizeof *entry);
}

static void entry_done(
    struct vx6_node *node, struct entry *entry, const struct peer *peer, enum vx6_code code)
{
    struct op *op = slots_get(&node->slots, SLOT_OP, entry->op);
    entry->op = (vx6_id){0};
    if (op == NULL || op->work != entry)
        return;
    op->peer = entry->addr;
    if (peer) {
        op->peer = peer->addr;
        memcpy(op->key, peer->key, sizeof op->key);
    }
    op_done(node, op, code);
}

/* Where a node that was met over a link answers queries: at the address dialled, unless its record
 * says otherwise; false: nowhere that is known. */
static bool query_addr(const struct link *link, vx6_addr *addr)
{
    const vx6_addr *met = link_peer_addr(link);
    struct vx6_node_record record = link_peer_record(link);
    vx6_list endpoints = record.endpoints;
    struct vx6_endpoint endpoint;
    bool found = false;
    while (vx6_next_endpoint(&endpoints, &endpoint)) {
        vx6_addr listed = {.port = endpoint.port};
        memcpy(listed.ip, endpoint.ip, sizeof listed.ip);
        if (!(endpoint.carriers & VX6_CARRIER_UDP) || !addr_is_in_scope(&listed, met) ||
            addr_is_ipv4(&listed) != addr_is_ipv4(met))
            continue;
        bool is_met = addr_equal(&listed, met);
        if (!found || is_met)
            *addr = listed;
        found = true;
        if (is_met)
            break;
    }
    if (!found && link_is_initiator(link)) {
        *addr = *met;
        found = true;
    }
    return found;
}

static void entry_ask(struct vx6_node *node, struct entry *entry, struct peer *peer)
{
    struct vx6_msg ping = {.type = VX6_MSG_ping};
    entry->tries++;
    entry->query = query_start(node, peer, &ping, QUERY_ENTRY, entry);
    if (entry->query == NULL)
        entry_done(node, entry, NULL, VX6_LIMIT);
}

/* Who is there is known now, or said. */
static void entry_known(
    struct vx6_node *node, struct entry *entry, const uint8_t key[32], const vx6_addr *addr)
{
    struct peer *peer = peer_get(node->env, key, addr);
    if (peer == NULL) {
        entry_done(node, entry, NULL, VX6_NOMEM);
        return;
    }
    const struct contact *contact = table_find(node, peer->id);
    entry->was_contact = contact && table_peer(&node->table, contact) == peer && !contact->restored;
    entry->tries = 0;
    entry_ask(node, entry, peer);
    peer_drop(node->env, peer);
}

static void entry_met(struct vx6_node *node, struct entry *entry, const struct link *link)
{
    vx6_addr addr = *link_peer_addr(link);
    (void)query_addr(link, &addr);
    entry_known(node, entry, link_peer_key(link), &addr);
}

void entry_answered(struct vx6_node *node, struct entry *entry, struct peer *peer, bool answered)
{
    entry->query = NULL;
    if (!answered && entry->tries < ENTRY_TRIES) {
        entry_ask(node, entry, peer);
        return;
    }
    entry_done(node, entry, peer, answered ? VX6_OK : VX6_TIMEOUT);
    if (answered && !(entry->was_contact && node->discovery.joined))
        discovery_rejoin(node);
}

static enum vx6_code entry_dial(struct vx6_node *node, struct entry *entry)
{
    enum vx6_code code = VX6_OK;
    struct link *link = link_get(node, &entry->addr, NULL, &code);
    if (link == NULL)
        return code;
    if (link_is_up(link))
        entry_met(node, entry, link);
    else
        entry->link = link;
    return VX6_OK;
}

/* VX6-DHT-027 */
void entries_dial(struct vx6_node *node)
{
    for (struct entry *entry = node->discovery.entries; entry; entry = entry->next) {
        if (is_idle(entry))
            (void)entry_dial(node, entry);
    }
}

/* A new entry point, or the idle one of this address; the oldest idle one gives way. */
static struct entry *entry_get(struct vx6_node *node, const vx6_addr *addr, enum vx6_code *code)
{
    struct discovery *discovery = &node->discovery;
    struct entry *oldest = NULL, *entry, **place = &discovery->entries;
    for (; (entry = *place) != NULL; place = &entry->next) {
        if (is_idle(entry) && addr_equal(&entry->addr, addr))
            return entry;
        if (is_idle(entry) && oldest == NULL)
            oldest = entry;
    }
    bool is_full = discovery->entry_count >= node->env->limits->entry_max;
    *code = VX6_LIMIT;
    if (is_full && oldest == NULL)
        return NULL;
    *code = VX6_NOMEM;
    entry = env_alloc(node->env, sizeof *entry);
    if (entry == NULL)
        return NULL;
    entry->addr = *addr;
    *place = entry;
    discovery->entry_count++;
    if (is_full)
        entry_remove(node, oldest);
    return entry;
}

/* An address that cannot be dialled now is an entry point nevertheless. VX6-DHT-027 */
enum vx6_code discovery_peer_add(struct vx6_node *node, const vx6_addr *addr, vx6_id *id)
{
    enum vx6_code code;
    if (addr_scope(addr) == SCOPE_NONE)
        return VX6_INVALID;
    struct op *op = op_new(node, OP_PEER_ADD, &code);
    if (op == NULL)
        return code;
    struct entry *entry = entry_get(node, addr, &code);
    if (entry == NULL) {
        op_free(node, op);
        return code;
    }
    entry->op = op->id;
    op->work = entry;
    code = entry_dial(node, entry);
    if (code != VX6_OK) {
        entry->op = (vx6_id){0};
        op_free(node, op);
        discovery_wake(node);
        return code;
    }
    *id = op->id;
    return VX6_OK;
}

void discovery_link_up(struct vx6_node *node, struct link *link)
{
    bool was_wanted = false;
    for (struct entry *entry = node->discovery.entries; entry; entry = entry->next) {
        if (entry->link != link)
            continue;
        was_wanted = true;
        entry->link = NULL;
        entry_met(node, entry, link);
    }
    vx6_addr addr;
    if (!was_wanted && query_addr(link, &addr))
        (void)discovery_consider(node, link_peer_key(link), &addr, link_peer_addr(link));
}

void discovery_link_down(struct vx6_node *node, struct link *link, enum vx6_code code)
{
    for (struct entry *entry = node->discovery.entries; entry; entry = entry->next) {
        if (entry->link != link)
            continue;
        entry->link = NULL;
        /* VX6-QUERY-019: the clocks disagree; one of them is set right by who answers queries. */
        if (code == VX6_EXPIRED && !is_zero(link_peer_key(link), 32))
            entry_known(node, entry, link_peer_key(link), link_peer_addr(link));
        else
            entry_done(node, entry, NULL, code == VX6_OK ? VX6_UNREACHABLE : code);
        discovery_wake(node);
    }
}

void entries_free(struct vx6_node *node)
{
    while (node->discovery.entries)
        entry_remove(node, node->discovery.entries);
}
