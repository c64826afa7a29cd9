/* SPDX-License-Identifier: MIT */
/* What this node answers to strangers, each question by itself: nothing about the asker is kept.
 * Spec: spec/dht.md, "Answers". */
#include "internal.h"

enum {
    CONTACT_LIFE_S = 600,           /* an own contact is signed again when it is this old */
    CONTACT_SIZE = 32 + 16 + 2 + 4, /* key, ip, port, issued_s */
    OTHER_CONTACTS = VX6_ENDPOINT_MAX - 1
};
static const char contact_label[] = "vx6/contact/1";

/* A struct answer_head as the message table lays it out, for each kind of answer. */
struct head {
    uint8_t token[16];
    uint32_t time_s, contact_issued_s;
    uint8_t contact_signature[VX6_SIG_SIZE];
};

#define HEAD_OF(message)                                                                           \
    (struct answer_head)                                                                           \
    {                                                                                              \
        (message).token, (message).time_s, (message).contact_issued_s, (message).contact_signature \
    }

#define SET_HEAD(message, head)                                                                    \
    (memcpy((message).token, (head)->token, sizeof(message).token),                                \
        (message).time_s = (head)->time_s, (message).contact_issued_s = (head)->contact_issued_s,  \
        memcpy((message).contact_signature, (head)->contact_signature, VX6_SIG_SIZE))

bool answer_head(const struct vx6_msg *answer, struct answer_head *head)
{
    if (answer->type == VX6_MSG_pong)
        *head = HEAD_OF(answer->u.pong);
    else if (answer->type == VX6_MSG_nodes)
        *head = HEAD_OF(answer->u.nodes);
    else if (answer->type == VX6_MSG_value)
        *head = HEAD_OF(answer->u.value);
    else if (answer->type == VX6_MSG_stored)
        *head = HEAD_OF(answer->u.stored);
    else if (answer->type == VX6_MSG_announced)
        *head = HEAD_OF(answer->u.announced);
    else if (answer->type == VX6_MSG_synced)
        *head = HEAD_OF(answer->u.synced);
    else
        return false;
    return true;
}

bool answer_fits(enum vx6_msg_type ask, enum vx6_msg_type answer)
{
    if (ask == VX6_MSG_ping)
        return answer == VX6_MSG_pong;
    if (ask == VX6_MSG_find_node)
        return answer == VX6_MSG_nodes;
    if (ask == VX6_MSG_find_value)
        return answer == VX6_MSG_value || answer == VX6_MSG_nodes;
    if (ask == VX6_MSG_store)
        return answer == VX6_MSG_stored;
    if (ask == VX6_MSG_sync)
        return answer == VX6_MSG_synced;
    return ask == VX6_MSG_announce && answer == VX6_MSG_announced;
}

static void contact_bytes(
    uint8_t bytes[CONTACT_SIZE], const uint8_t key[32], const vx6_addr *addr, uint32_t issued_s)
{
    memcpy(bytes, key, 32);
    memcpy(bytes + 32, addr->ip, 16);
    store_u16(bytes + 48, addr->port);
    store_u32(bytes + 50, issued_s);
}

bool contact_verify(
    const struct vx6_crypto *crypto, const struct peer *peer, const struct answer_head *head)
{
    uint8_t bytes[CONTACT_SIZE];
    contact_bytes(bytes, peer->key, &peer->addr, head->contact_issued_s);
    return crypto->verify(
        crypto, head->contact_signature, peer->key, contact_label, bytes, sizeof bytes);
}

/* The endpoint that the asker is likely to have asked: the first of its family and scope, else of
 * its family, else the first. VX6-DHT-025 */
static const vx6_addr *endpoint_for(const struct vx6_node *node, const vx6_addr *asker)
{
    if (node->endpoint_count == 1)
        return node->endpoints;
    const vx6_addr *best = NULL;
    uint32_t best_score = 0;
    for (uint32_t i = 0; i < node->endpoint_count; i++) {
        const vx6_addr *endpoint = &node->endpoints[i];
        uint32_t score = 1;
        if (addr_is_ipv4(endpoint) == addr_is_ipv4(asker))
            score += addr_scope(endpoint) == addr_scope(asker) ? 2 : 1;
        if (score > best_score) {
            best = endpoint;
            best_score = score;
        }
    }
    return best;
}

/* NULL: memory ran out. */
static struct own_contact *contact_of(struct vx6_node *node, size_t endpoint)
{
    struct queries *queries = &node->queries;
    if (endpoint == 0)
        return &queries->contact;
    if (queries->other_contacts == NULL)
        queries->other_contacts =
            env_alloc(node->env, OTHER_CONTACTS * sizeof *queries->other_contacts);
    return queries->other_contacts ? &queries->other_contacts[endpoint - 1] : NULL;
}

void own_contacts_clear(struct vx6_node *node)
{
    struct queries *queries = &node->queries;
    queries->contact = (struct own_contact){0};
    env_free(node->env, queries->other_contacts, OTHER_CONTACTS * sizeof *queries->other_contacts);
    queries->other_contacts = NULL;
}

static const struct own_contact *own_contact(struct vx6_node *node, const vx6_addr *asker)
{
    const vx6_addr *endpoint = endpoint_for(node, asker);
    if (endpoint == NULL)
        return NULL;
    struct own_contact *contact = contact_of(node, (size_t)(endpoint - node->endpoints));
    if (contact == NULL)
        return NULL;
    uint32_t now_s = (uint32_t)node_unix_s(node);
    if (contact->issued_s != 0 && now_s - contact->issued_s < CONTACT_LIFE_S)
        return contact;
    const struct vx6_crypto *crypto = node->env->crypto;
    uint8_t bytes[CONTACT_SIZE];
    contact->issued_s = now_s;
    contact_bytes(bytes, node->keys.identity, endpoint, now_s);
    crypto->sign(crypto, contact->signature, node->keys.identity_seed, node->keys.identity,
        contact_label, bytes, sizeof bytes);
    return contact;
}

/* VX6-DHT-025 */
static void make_head(struct vx6_node *node, const vx6_addr *asker, struct head *head)
{
    *head = (struct head){0};
    token_make(node, head->token, asker);
    head->time_s = clock_stated_s(node);
    const struct own_contact *contact = own_contact(node, asker);
    if (contact == NULL)
        return;
    head->contact_issued_s = contact->issued_s;
    memcpy(head->contact_signature, contact->signature, VX6_SIG_SIZE);
}

/* VX6-DHT-002 */
static void answer_nodes(struct vx6_node *node, const vx6_addr *asker, const uint8_t target[32],
    const struct head *head, struct vx6_msg *answer, uint8_t *storage)
{
    struct peer *peers[KADEMLIA_K];
    uint32_t count = table_closest_for(node, asker, target, peers, KADEMLIA_K);
    uint8_t *hint = storage;
    for (uint32_t i = 0; i < count; i++) {
        memcpy(hint, peers[i]->key, 32);
        memcpy(hint + 32, peers[i]->addr.ip, 16);
        store_u16(hint + 48, peers[i]->addr.port);
        store_u16(hint + 50, 0);
        hint += VX6_HINT_SIZE;
    }
    answer->type = VX6_MSG_nodes;
    answer->u.nodes.hints =
        (vx6_list){.count = count, .bytes = {storage, (size_t)count * VX6_HINT_SIZE}};
    SET_HEAD(answer->u.nodes, head);
}

/* VX6-DHT-014 */
static void answer_find_value(struct vx6_node *node, const vx6_addr *asker,
    const struct vx6_find_value *ask, const struct head *head, struct vx6_msg *answer,
    uint8_t *storage)
{
    struct blob *bundle = NULL;
    uint32_t count = holder_find(node, ask->key, ask->index, &bundle);
    if (bundle == NULL) {
        answer_nodes(node, asker, ask->key, head, answer, storage);
        return;
    }
    answer->type = VX6_MSG_value;
    answer->u.value.index = ask->index;
    answer->u.value.count = (uint8_t)count;
    answer->u.value.bundle = (vx6_span){bundle->data, bundle->len};
    SET_HEAD(answer->u.value, head);
}

/* VX6-DHT-026: an announcement cannot point at a third party. */
static enum vx6_code take_announce(
    struct vx6_node *node, const vx6_addr *from, const struct vx6_announce *ask)
{
    enum vx6_code code = VX6_BAD_TOKEN;
    vx6_addr addr = *from;
    addr.port = ask->port;
    if (token_is_valid(node, ask->token, from))
        code = discovery_consider(node, ask->key, &addr, from);
    if (code != VX6_OK)
        refuse(node, VX6_EVENT_ask_refused, from, VX6_MSG_announce, 0, code);
    return code;
}

static enum vx6_code take_store(
    struct vx6_node *node, const vx6_addr *from, const struct vx6_store *ask)
{
    if (token_is_valid(node, ask->token, from))
        return holder_store(node, ask->key, ask->bundle, from);
    refuse(node, VX6_EVENT_ask_refused, from, VX6_MSG_store, 0, VX6_BAD_TOKEN);
    return VX6_BAD_TOKEN;
}

/* What the answer needs beyond what all need is fetched while the head is made. */
static void expect(const struct vx6_node *node, const struct vx6_msg *ask)
{
    if (ask->type == VX6_MSG_find_value || ask->type == VX6_MSG_store || ask->type == VX6_MSG_sync)
        holder_expect(node);
}

bool answer_ask(struct vx6_node *node, const vx6_addr *from, const struct vx6_msg *ask,
    struct vx6_msg *answer, uint8_t storage[VX6_ANSWER_PAYLOAD_SIZE])
{
    struct head head;
    expect(node, ask);
    make_head(node, from, &head);
    if (ask->type == VX6_MSG_ping) {
        answer->type = VX6_MSG_pong;
        answer->u.pong.record = publish_record(node);
        if (answer->u.pong.record.len == 0)
            return false;
        SET_HEAD(answer->u.pong, &head);
    } else if (ask->type == VX6_MSG_find_node) {
        answer_nodes(node, from, ask->u.find_node.target, &head, answer, storage);
    } else if (ask->type == VX6_MSG_find_value) {
        answer_find_value(node, from, &ask->u.find_value, &head, answer, storage);
    } else if (ask->type == VX6_MSG_store) {
        answer->type = VX6_MSG_stored;
        answer->u.stored.code = (uint16_t)take_store(node, from, &ask->u.store);
        SET_HEAD(answer->u.stored, &head);
    } else if (ask->type == VX6_MSG_announce) {
        answer->type = VX6_MSG_announced;
        answer->u.announced.code = (uint16_t)take_announce(node, from, &ask->u.announce);
        SET_HEAD(answer->u.announced, &head);
    } else if (ask->type == VX6_MSG_sync) {
        answer->type = VX6_MSG_synced;
        answer->u.synced.wanted = sync_wanted(node, from, &ask->u.sync);
        SET_HEAD(answer->u.synced, &head);
    } else {
        return false;
    }
    trace(node, VX6_EVENT_ask_answered, from, (uint8_t)ask->type, 0, VX6_OK);
    return true;
}
