/* SPDX-License-Identifier: MIT */
/* The life of links: dialled or accepted, proved, used, probed or idle, closed. One timer per link,
 * whose meaning follows from the state, so no state can last for ever.
 * Spec: spec/links.md, "States". */
#include "link_internal.h"
#include "scope.h"

/* ---- the table ---- */

static bool is_live(const struct link *link)
{
    return link->state != LINK_CLOSING && link->state != LINK_CLOSED;
}

bool link_is_pending(const struct link *link)
{
    return !link->initiator && link->state == LINK_HANDSHAKE;
}

static struct link *link_new(struct vx6_node *node, const vx6_addr *addr, bool initiator)
{
    struct link *link = env_alloc(node->env, sizeof *link);
    if (link == NULL)
        return NULL;
    link->id = slots_add(node->env, &node->slots, SLOT_LINK, link);
    if (link->id.bits == 0) {
        env_free(node->env, link, sizeof *link);
        return NULL;
    }
    link->ready.kind = READY_LINK;
    timer_init(&link->timer, TIMER_LINK);
    link->addr = *addr;
    link->since = node->now;
    link->initiator = initiator;
    link->state = initiator ? LINK_DIALLING : LINK_HANDSHAKE;
    LIST_APPEND(node->links.first, node->links.last, link);
    node->links.count++;
    node->links.pending += link_is_pending(link);
    return link;
}

/* Gives back what only a live link needs. */
static void release(struct vx6_node *node, struct link *link)
{
    const struct vx6_crypto *crypto = node->env->crypto;
    timer_clear(&node->timers, &link->timer);
    handshake_free(node, link);
    if (link->partial)
        env_free(node->env, link->partial, load_u16(link->head));
    link->partial = NULL;
    channels_free(node, link);
    if (link->keyed) {
        crypto->cipher_clear(crypto, &link->send);
        crypto->cipher_clear(crypto, &link->receive);
    }
    link->keyed = false;
}

static void link_free(struct vx6_node *node, struct link *link)
{
    release(node, link);
    ready_remove(&node->ready_list, &link->ready);
    slots_remove(&node->slots, link->id);
    LIST_REMOVE(node->links.first, node->links.last, link);
    blob_drop(node->env, link->record);
    env_wipe_free(node->env, link, sizeof *link);
}

void links_free(struct vx6_node *node)
{
    while (node->links.first)
        link_free(node, node->links.first);
    dials_free(node);
    meter_free(node, &node->links.accepted);
    node->links = (struct links){0};
}

/* ---- beginning ---- */

/* Does the link lead where a dial to this address would? An accepted one does so by its peer's own
 * word, which is worth something only where the key is the one expected. */
static bool leads_to(const struct link *link, const vx6_addr *addr, bool may_be_accepted)
{
    if (link->initiator)
        return addr_equal(&link->addr, addr);
    if (link->state != LINK_UP || !may_be_accepted)
        return false;
    struct vx6_node_record record = link_peer_record(link);
    struct vx6_endpoint endpoint;
    while (vx6_next_endpoint(&record.endpoints, &endpoint)) {
        if (endpoint.port == addr->port && bytes_equal(endpoint.ip, addr->ip, sizeof addr->ip))
            return true;
    }
    return false;
}

/* A live link that will do, one that is up if possible. */
static struct link *find_link(
    struct vx6_node *node, const vx6_addr *addr, const uint8_t *expected, bool may_be_accepted)
{
    struct link *found = NULL;
    for (struct link *link = node->links.first; link; link = link->next) {
        bool key_fits = !link->pinned || link->state == LINK_UP;
        if (expected)
            key_fits = link->pinned && bytes_equal(link->peer_key, expected, 32);
        if (!is_live(link) || link->doubts > 0 || link->reach_for.bits != 0 || !key_fits ||
            !leads_to(link, addr, may_be_accepted))
            continue;
        if (link->state == LINK_UP)
            return link;
        if (found == NULL)
            found = link;
    }
    return found;
}

/* `room`: who goes for it. */
static struct link *dial(struct vx6_node *node, const vx6_addr *addr, const uint8_t *expected,
    const struct room *room, bool for_other, enum vx6_code *code)
{
    *code = dial_allowed(node, addr, for_other);
    if (*code != VX6_OK)
        return NULL;
    struct link *link = link_new(node, addr, true);
    if (link == NULL) {
        *code = VX6_NOMEM;
        return NULL;
    }
    room_take(node, room);
    if (expected) {
        link->pinned = true;
        memcpy(link->peer_key, expected, sizeof link->peer_key);
    }
    timer_set(&node->timers, &link->timer, after_ms(node, node->env->limits->connect_timeout_ms));
    ready_post(&node->ready_list, &link->ready, LINK_READY_DIAL);
    trace(node, VX6_EVENT_link_dialled, addr, 0, 0, VX6_OK);
    return link;
}

struct link *link_dial_anew(
    struct vx6_node *node, const vx6_addr *addr, const uint8_t *expected, enum vx6_code *code)
{
    struct room room;
    *code = node->shutting_down ? VX6_SHUTDOWN : VX6_LIMIT;
    if (node->shutting_down || !room_for_dialled(node, &room) || room.idle)
        return NULL;
    return dial(node, addr, expected, &room, true, code);
}

static struct link *get(struct vx6_node *node, const vx6_addr *addr, const uint8_t *expected,
    bool may_be_accepted, enum vx6_code *code)
{
    *code = VX6_OK;
    if (node->shutting_down)
        *code = VX6_SHUTDOWN;
    else if (expected && bytes_equal(expected, node->keys.identity, 32))
        *code = VX6_SELF;
    else if (addr_scope(addr) == SCOPE_NONE)
        *code = VX6_INVALID;
    if (*code != VX6_OK)
        return NULL;
    struct link *link = find_link(node, addr, expected, may_be_accepted);
    if (link)
        return link;
    struct room room;
    if (!room_for_dialled(node, &room)) {
        *code = VX6_LIMIT;
        return NULL;
    }
    return dial(node, addr, expected, &room, false, code);
}

/* VX6-LINK-016 */
struct link *link_get(
    struct vx6_node *node, const vx6_addr *addr, const uint8_t *expected, enum vx6_code *code)
{
    return get(node, addr, expected, expected != NULL, code);
}

struct link *link_get_dialled(
    struct vx6_node *node, const vx6_addr *addr, const uint8_t *expected, enum vx6_code *code)
{
    return get(node, addr, expected, false, code);
}

/* VX6-LINK-020: a carrier that brings a binding is secure by itself. */
static bool is_well_formed(const struct vx6_in *in)
{
    return in->len == 0 || in->len == VX6_BINDING_SIZE;
}

/* VX6-LINK-027: a handshake costs its responder two key agreements, and who begins it nothing. */
static bool may_come(struct vx6_node *node, const vx6_addr *peer)
{
    const struct vx6_limits *limits = node->env->limits;
    return meter_takes(node, &node->links.accepted, peer, limits->accepts_per_second,
        limits->accepts_per_network_per_second);
}

enum vx6_code link_accepted(struct vx6_node *node, const struct vx6_in *in, vx6_id *id)
{
    const vx6_addr *peer = &in->peer;
    *id = (vx6_id){0};
    if (!is_well_formed(in))
        return VX6_INVALID;
    struct room room;
    if (!room_for_accepted(node, peer, &room) || !may_come(node, peer)) {
        refuse(node, VX6_EVENT_link_refused, peer, VX6_MSG_NONE, 0, VX6_LIMIT);
        return VX6_LIMIT;
    }
    struct link *link = link_new(node, peer, false);
    if (link == NULL)
        return VX6_NOMEM;
    if (in->len > 0) {
        channels_start(node, link, in);
    } else if (!handshake_start(node, link)) {
        node->links.count--;
        node->links.pending--;
        link_free(node, link);
        return VX6_NOMEM;
    }
    room_take(node, &room);
    *id = link->id;
    timer_set(&node->timers, &link->timer, after_ms(node, node->env->limits->handshake_timeout_ms));
    trace(node, VX6_EVENT_link_accepted, peer, 0, 0, VX6_OK);
    return VX6_OK;
}

enum vx6_code link_carrier_up(struct vx6_node *node, struct link *link, const struct vx6_in *in)
{
    if (!is_well_formed(in))
        return VX6_INVALID;
    if (link->state != LINK_DIALLING)
        return VX6_OK;
    link->state = LINK_HANDSHAKE;
    timer_set(&node->timers, &link->timer, after_ms(node, node->env->limits->handshake_timeout_ms));
    if (in->len > 0)
        channels_start(node, link, in);
    else if (!handshake_start(node, link))
        link_finish(node, link, VX6_NOMEM);
    return VX6_OK;
}

/* ---- up ---- */

void link_established(struct vx6_node *node, struct link *link)
{
    node->links.pending -= link_is_pending(link);
    link->state = LINK_UP;
    network_count(node, link, 1);
    link->was_up = true;
    link->since = node->now;
    link_watch(node, link);
    trace(node, VX6_EVENT_link_up, &link->addr, 0, 0, VX6_OK);
    link_post_write(node, link);
    session_link_up(node, link);
    if (link->state == LINK_UP)
        discovery_link_up(node, link);
    if (link->state == LINK_UP)
        links_replace(node, link);
    if (link->state == LINK_UP)
        reach_link_up(node, link);
}

/* VX6-LINK-019 */
void link_timer(struct vx6_node *node, struct timer *timer)
{
    struct link *link = CONTAINER_OF(timer, struct link, timer);
    switch ((enum link_state)link->state) {
    case LINK_DIALLING:
    case LINK_HANDSHAKE:
        link_finish(node, link, VX6_TIMEOUT);
        break;
    case LINK_CONFIRMING:
        link_close(node, link, VX6_TIMEOUT);
        break;
    case LINK_UP:
        link_look(node, link);
        break;
    case LINK_CLOSING:
        link_finish(node, link, (enum vx6_code)link->close_code);
        break;
    case LINK_CLOSED:
        break;
    }
}

enum vx6_code link_bytes(struct vx6_node *node, struct link *link, const struct vx6_in *in)
{
    if (in->channel >= (link->channels ? VX6_CHANNEL_COUNT : 1))
        return VX6_INVALID;
    if (link->channels) {
        channels_take(node, link, in);
        return VX6_OK;
    }
    const uint8_t *data = in->data;
    for (size_t len = in->len, used; len > 0; data += used, len -= used) {
        used = 0;
        if (link->state == LINK_HANDSHAKE)
            used = handshake_take(node, link, data, len);
        else if (link->state == LINK_CONFIRMING || link->state == LINK_UP)
            used = link_take_records(node, link, data, len);
        if (used == 0)
            break;
    }
    return VX6_OK;
}

/* ---- ending ---- */

/* The link counts no longer, and those who knew of it hear so. */
static void leave_service(
    struct vx6_node *node, struct link *link, enum link_state state, enum vx6_code code)
{
    bool known = link->initiator || link->was_up;
    node->links.count--;
    node->links.closing++;
    node->links.pending -= link_is_pending(link);
    network_count(node, link, -1);
    link->state = (uint8_t)state;
    link->close_code = (uint16_t)code;
    trace(node, VX6_EVENT_link_closed, &link->addr, 0, 0, code);
    if (known) {
        session_link_down(node, link, code);
        discovery_link_down(node, link, code);
        reach_link_down(node, link, code);
    }
}

void link_finish(struct vx6_node *node, struct link *link, enum vx6_code code)
{
    if (link->state == LINK_CLOSED)
        return;
    if (link->state == LINK_CLOSING)
        link->state = LINK_CLOSED;
    else
        leave_service(node, link, LINK_CLOSED, code);
    release(node, link);
    link->never_out = link->ready.pending & LINK_READY_DIAL;
    ready_remove(&node->ready_list, &link->ready);
    ready_post(&node->ready_list, &link->ready, LINK_READY_CLOSE);
}

/* VX6-LINK-014 */
void link_close(struct vx6_node *node, struct link *link, enum vx6_code code)
{
    if (!is_live(link))
        return;
    if (!link->keyed && !link->channels) {
        link_finish(node, link, code);
        return;
    }
    leave_service(node, link, LINK_CLOSING, code);
    link->owed = OWED_CLOSE;
    timer_set(&node->timers, &link->timer, after_ms(node, node->env->limits->link_close_ms));
    link_post_write(node, link);
}

void link_refuse(
    struct vx6_node *node, struct link *link, enum vx6_msg_type msg, size_t len, enum vx6_code code)
{
    refuse(node, VX6_EVENT_link_refused, &link->addr, (uint8_t)msg, len, code);
    link_close(node, link, code);
}

/* VX6-LINK-014: an end that nobody announced and proved is a truncation. */
void link_carrier_down(struct vx6_node *node, struct link *link, enum vx6_code code)
{
    if (link->state != LINK_DIALLING)
        code = VX6_TRUNCATED;
    else if (code == VX6_OK)
        code = VX6_UNREACHABLE;
    link_finish(node, link, code);
}

void links_shutdown(struct vx6_node *node)
{
    for (struct link *link = node->links.first; link; link = link->next)
        link_close(node, link, VX6_SHUTDOWN);
}

/* ---- outputs ---- */

void link_post_write(struct vx6_node *node, struct link *link)
{
    ready_post(&node->ready_list, &link->ready, LINK_READY_WRITE);
}

bool link_fill(struct vx6_node *node, struct link *link, struct vx6_batch *batch)
{
    return link->channels ? channels_fill(node, link, batch) : link_fill_records(node, link, batch);
}

void link_want_write(struct vx6_node *node, struct link *link)
{
    if (link->state == LINK_UP)
        link_post_write(node, link);
}

bool link_output(struct vx6_node *node, struct ready *ready, struct vx6_out *out)
{
    struct link *link = CONTAINER_OF(ready, struct link, ready);
    out->id = link->id;
    out->peer = link->addr;
    if (ready->pending & LINK_READY_DIAL) {
        ready_take(&node->ready_list, ready, LINK_READY_DIAL);
        out->kind = VX6_OUT_LINK_DIAL;
        memcpy(out->key, link->peer_key, sizeof out->key);
        return true;
    }
    if (ready->pending & LINK_READY_WRITE) {
        ready_take(&node->ready_list, ready, LINK_READY_WRITE);
        out->kind = VX6_OUT_WANT_WRITE;
        return true;
    }
    out->kind = VX6_OUT_LINK_CLOSE;
    out->code = (enum vx6_code)link->close_code;
    bool known = !link->never_out;
    node->links.closing--;
    link_free(node, link);
    return known;
}

/* ---- what others may ask ---- */

struct link_sessions *link_sessions(struct link *link)
{
    return &link->sessions;
}

bool link_is_up(const struct link *link)
{
    return link->state == LINK_UP;
}

const uint8_t *link_peer_key(const struct link *link)
{
    return link->peer_key;
}

const vx6_addr *link_peer_addr(const struct link *link)
{
    return &link->addr;
}

const uint8_t *link_binding(const struct link *link)
{
    return link->binding;
}

bool link_is_initiator(const struct link *link)
{
    return link->initiator;
}

bool link_has_channels(const struct link *link)
{
    return link->channels;
}
