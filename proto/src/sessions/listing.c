/* SPDX-License-Identifier: MIT */
/* Which services of a peer there are for this node: one question on a link, one answer.
 *
 * The asker resolves like a session, but binds nothing. One question is under way on a link at a
 * time; whoever wants to know in the meantime waits for the next one, so that no answer is older
 * than what it answers. Spec: spec/sessions.md, "What a peer offers". */
#include "session_internal.h"

struct listing {
    struct turn node_turn; /* in sessions.listings */
    struct turn link_turn; /* in link_listings.waiting, once there is a link */
    struct timer timer;
    struct op *op;
    struct resolve *resolve; /* NULL: has ended, or there is only an address */
    struct link *link;       /* NULL: none yet */
    uint32_t number;         /* of its question, once the link is up */
    bool is_resolved;        /* by name; a dead address may be resolved once more */
    bool is_retried;
    struct kept_name name;
};

static struct link_listings *listings_on(struct link *link)
{
    return &link_sessions(link)->listings;
}

/* ---- asking ---- */

static void leave_link(struct vx6_node *node, struct listing *listing)
{
    if (listing->link == NULL)
        return;
    turns_remove(&listings_on(listing->link)->waiting, &listing->link_turn);
    link_in_use(node, listing->link, -1);
    listing->link = NULL;
}

static void listing_free(struct vx6_node *node, struct listing *listing)
{
    leave_link(node, listing);
    if (listing->resolve != NULL)
        resolve_cancel(node, listing->resolve);
    timer_clear(&node->timers, &listing->timer);
    turns_remove(&node->sessions.listings, &listing->node_turn);
    env_free(node->env, listing, sizeof *listing);
}

static void end(struct vx6_node *node, struct listing *listing, enum vx6_code code)
{
    struct op *op = listing->op;
    listing_free(node, listing);
    op_done(node, op, code);
}

/* The link is up: the question that is not sent yet is its own. VX6-SESS-027. Nor is anything asked
 * of who has been revoked: VX6-NAME-018 */
static enum vx6_code ask(struct vx6_node *node, struct listing *listing)
{
    struct link_listings *on_link = listings_on(listing->link);
    if (revoked_has(node, link_peer_key(listing->link)))
        return VX6_REVOKED;
    memcpy(listing->op->key, link_peer_key(listing->link), sizeof listing->op->key);
    listing->op->peer = *link_peer_addr(listing->link);
    if (!on_link->is_wanted)
        on_link->number++;
    on_link->is_wanted = true;
    listing->number = on_link->number;
    timer_set(&node->timers, &listing->timer, after_ms(node, node->env->limits->session_open_ms));
    link_want_write(node, listing->link);
    return VX6_OK;
}

static enum vx6_code connect_to(
    struct vx6_node *node, struct listing *listing, const uint8_t *expected, const vx6_addr *addr)
{
    enum vx6_code code = VX6_OK;
    struct link *link = link_get(node, addr, expected, &code);
    if (link == NULL)
        return code;
    listing->link = link;
    turns_add(&listings_on(link)->waiting, &listing->link_turn);
    link_in_use(node, link, 1);
    listing->op->peer = *addr;
    return link_is_up(link) ? ask(node, listing) : VX6_OK;
}

/* VX6-SESS-029 */
static enum vx6_code begin(struct vx6_node *node, struct listing *listing, const struct vx6_in *in)
{
    if (in->peer.port != 0) {
        const uint8_t *expected = is_zero(in->key, sizeof in->key) ? NULL : in->key;
        return connect_to(node, listing, expected, &in->peer);
    }
    enum vx6_code code = VX6_OK;
    struct vx6_name name = name_view(&listing->name);
    listing->resolve = resolve_for_listing(node, &name, listing, listing->op, &code);
    return code;
}

static bool is_well_formed(const struct vx6_in *in, struct vx6_name *name)
{
    *name = (struct vx6_name){0};
    if (in->peer.port != 0)
        return in->len == 0;
    return vx6_name_parse((vx6_span){in->data, in->len}, name) && name->service.len == 0;
}

enum vx6_code listing_start(struct vx6_node *node, const struct vx6_in *in, vx6_id *id)
{
    struct vx6_name name;
    enum vx6_code code;
    if (!is_well_formed(in, &name))
        return VX6_INVALID;
    struct op *op = op_new(node, OP_LIST, &code);
    if (op == NULL)
        return code;
    struct listing *listing = env_alloc(node->env, sizeof *listing);
    if (listing == NULL) {
        op_free(node, op);
        return VX6_NOMEM;
    }
    timer_init(&listing->timer, TIMER_LISTING);
    listing->op = op;
    op->work = listing;
    turns_add(&node->sessions.listings, &listing->node_turn);
    name_keep(&listing->name, &name);
    code = begin(node, listing, in);
    if (code != VX6_OK) {
        listing_free(node, listing);
        op_free(node, op);
        return code;
    }
    *id = op->id;
    return VX6_OK;
}

void listing_resolved(struct vx6_node *node, struct listing *listing, enum vx6_code code,
    const uint8_t key[32], const vx6_addr *addr)
{
    listing->resolve = NULL;
    if (code == VX6_OK) {
        listing->is_resolved = true;
        memcpy(listing->op->key, key, sizeof listing->op->key);
        code = connect_to(node, listing, listing->op->key, addr);
    }
    if (code != VX6_OK)
        end(node, listing, code);
}

void listing_cancel(struct vx6_node *node, struct listing *listing)
{
    listing_free(node, listing);
}

void listings_free(struct vx6_node *node)
{
    struct turn *turn;
    while ((turn = node->sessions.listings.first) != NULL)
        listing_free(node, CONTAINER_OF(turn, struct listing, node_turn));
}

/* VX6-SESS-029: the peer did not answer in time. */
void listing_timer(struct vx6_node *node, struct timer *timer)
{
    end(node, CONTAINER_OF(timer, struct listing, timer), VX6_TIMEOUT);
}

void listings_link_up(struct vx6_node *node, struct link *link)
{
    struct turn *next;
    for (struct turn *turn = listings_on(link)->waiting.first; turn; turn = next) {
        struct listing *listing = CONTAINER_OF(turn, struct listing, link_turn);
        next = turn->next;
        enum vx6_code code = ask(node, listing);
        if (code != VX6_OK)
            end(node, listing, code);
    }
}

/* VX6-SESS-019: like a session, it tries a name once more whose address was dead. */
static void link_lost(struct vx6_node *node, struct listing *listing, enum vx6_code code)
{
    bool is_dial_failed = !timer_is_set(&listing->timer) && listing->is_resolved;
    leave_link(node, listing);
    if (code == VX6_OK)
        code = VX6_UNREACHABLE;
    if (is_dial_failed && is_dead_address(code)) {
        resolve_forget(node, listing->op->key);
        if (!listing->is_retried) {
            listing->is_retried = true;
            struct vx6_name name = name_view(&listing->name);
            listing->resolve = resolve_for_listing(node, &name, listing, listing->op, &code);
            if (listing->resolve != NULL)
                return;
        }
    }
    end(node, listing, code);
}

void listings_link_down(struct vx6_node *node, struct link *link, enum vx6_code code)
{
    struct turn *turn;
    while ((turn = listings_on(link)->waiting.first) != NULL)
        link_lost(node, CONTAINER_OF(turn, struct listing, link_turn), code);
    *listings_on(link) = (struct link_listings){0};
}

/* ---- the answer ---- */

/* A list is sorted, and says nothing twice. */
static bool is_sorted(vx6_list offers)
{
    struct vx6_offer offer, before = {0};
    while (vx6_next_offer(&offers, &offer)) {
        if (before.name.len > 0 && label_compare(before.name, offer.name) >= 0)
            return false;
        before = offer;
    }
    return true;
}

/* Takes the list over into the operation. */
static enum vx6_code keep_offers(struct vx6_node *node, struct op *op, const vx6_list *offers)
{
    if (offers->bytes.len == 0)
        return VX6_OK;
    op->value = env_alloc(node->env, offers->bytes.len);
    if (op->value == NULL)
        return VX6_NOMEM;
    op->value_len = (uint32_t)offers->bytes.len;
    memcpy(op->value, offers->bytes.data, offers->bytes.len);
    return VX6_OK;
}

/* VX6-SESS-027 */
static enum vx6_code take_answer(
    struct vx6_node *node, struct link *link, const struct vx6_services *answer)
{
    struct link_listings *on_link = listings_on(link);
    uint32_t asked = on_link->number - on_link->is_wanted;
    if (!on_link->is_asked || answer->number != asked)
        return VX6_UNEXPECTED;
    bool is_refusal = answer->code != VX6_OK;
    if (!is_sorted(answer->offers) || (is_refusal && answer->offers.count > 0))
        return VX6_BAD_MESSAGE;
    on_link->is_asked = false;
    if (on_link->is_wanted)
        link_want_write(node, link);
    struct turn *next;
    for (struct turn *turn = on_link->waiting.first; turn; turn = next) {
        struct listing *listing = CONTAINER_OF(turn, struct listing, link_turn);
        next = turn->next;
        if (listing->number != answer->number)
            continue;
        enum vx6_code code = keep_offers(node, listing->op, &answer->offers);
        end(node, listing, code != VX6_OK ? code : (enum vx6_code)answer->code);
    }
    return VX6_OK;
}

/* ---- being asked ---- */

/* VX6-SESS-028. Networks first: keys cost nothing, and would use up what there is for all. */
enum vx6_code peer_may_ask(struct vx6_node *node, struct link *link)
{
    const struct vx6_limits *limits = node->env->limits;
    struct sessions *sessions = &node->sessions;
    if (revoked_has(node, link_peer_key(link)))
        return VX6_REVOKED;
    bool is_taken = meter_takes(node, &sessions->asked_by_network, link_peer_addr(link),
                        limits->lists_per_second, limits->lists_per_network_per_second) &&
                    meter_takes_key(node, &sessions->asked_by_key, link_peer_key(link),
                        limits->lists_per_second, limits->lists_per_key_per_second);
    return is_taken ? VX6_OK : VX6_LIMIT;
}

static enum vx6_code take_question(
    struct vx6_node *node, struct link *link, const struct vx6_find_services *question)
{
    struct link_listings *on_link = listings_on(link);
    if (on_link->is_owed)
        return VX6_UNEXPECTED;
    on_link->is_owed = true;
    on_link->owed = question->number;
    enum vx6_code code = peer_may_ask(node, link);
    on_link->owed_code = (uint16_t)code;
    if (code == VX6_OK)
        services_follow_peer(node, link_peer_key(link), question->lineage); /* VX6-NAME-021 */
    else
        refuse(
            node, VX6_EVENT_services_refused, link_peer_addr(link), VX6_MSG_find_services, 0, code);
    link_want_write(node, link);
    return VX6_OK;
}

enum vx6_code listing_frame(struct vx6_node *node, struct link *link, const struct vx6_msg *frame)
{
    if (frame->type == VX6_MSG_find_services)
        return take_question(node, link, &frame->u.find_services);
    return take_answer(node, link, &frame->u.services);
}

/* ---- sending ---- */

bool listing_next(
    struct vx6_node *node, struct link *link, struct vx6_msg *msg, uint8_t storage[OFFERS_SIZE_MAX])
{
    const struct link_listings *on_link = listings_on(link);
    if (on_link->is_wanted && !on_link->is_asked) {
        msg->type = VX6_MSG_find_services;
        msg->u.find_services =
            (struct vx6_find_services){.number = on_link->number, .lineage = node_lineage(node)};
        return true;
    }
    if (!on_link->is_owed)
        return false;
    msg->type = VX6_MSG_services;
    msg->u.services = (struct vx6_services){
        .number = on_link->owed, .code = on_link->owed_code, .offers = {.bytes = {storage, 0}}};
    if (on_link->owed_code == VX6_OK)
        service_offers(node, link_peer_key(link), storage, &msg->u.services.offers);
    return true;
}

void listing_sent(struct link *link, enum vx6_msg_type type)
{
    struct link_listings *on_link = listings_on(link);
    if (type == VX6_MSG_services) {
        on_link->is_owed = false;
        return;
    }
    on_link->is_wanted = false;
    on_link->is_asked = true;
}
