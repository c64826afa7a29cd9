/* SPDX-License-Identifier: MIT */
/* Which new links there is room for, and which ones have to go for them. Only finds; the caller
 * closes what it is shown once the new link exists, so that nothing goes in vain. Spec:
 * spec/links.md, VX6-LINK-017, VX6-LINK-025 and VX6-LINK-026. */
#include "link_internal.h"
#include "scope.h"

enum {
    SITE_SHARE = 4, /* one site may have a quarter of the pending links */
    SITE_MIN = 2
};

static bool is_full(struct vx6_node *node, const vx6_addr *peer)
{
    trace(node, VX6_EVENT_limit_reached, peer, 0, 0, VX6_LIMIT);
    return false;
}

static bool is_accepted_up(const struct link *link)
{
    return !link->initiator && link->state == LINK_UP;
}

/* Accepted links that are up. Each knows how many there are of its network, since whoever comes in
 * vain must not have all counted for each. */
static uint32_t count_up(const struct vx6_node *node, const vx6_addr *addr)
{
    for (const struct link *link = node->links.first; link; link = link->next) {
        if (is_accepted_up(link) && addr_same_network(&link->addr, addr))
            return link->network_up;
    }
    return 0;
}

/* Accepted ones of the network that this one, accepted or dialled, leads to. */
static uint32_t count_beside(const struct vx6_node *node, const struct link *link)
{
    return is_accepted_up(link) ? link->network_up : count_up(node, &link->addr);
}

void network_count(struct vx6_node *node, struct link *changed, int by)
{
    if (!is_accepted_up(changed))
        return;
    uint32_t others = 0;
    for (struct link *link = node->links.first; link; link = link->next) {
        if (link == changed || !is_accepted_up(link) ||
            !addr_same_network(&link->addr, &changed->addr))
            continue;
        link->network_up = (uint16_t)(link->network_up + by);
        others++;
    }
    changed->network_up = (uint16_t)(others + 1);
}

/* `count` links are live. With fewer than `share` there is room; else the link that has been idle
 * longest makes some, for a peer only one of a network that has as many as its own: VX6-LINK-026.
 */
static bool find_idle(const struct vx6_node *node, uint32_t count, uint32_t share,
    const vx6_addr *peer, struct link **idle)
{
    if (count < share)
        return true;
    const uint32_t own = peer ? count_up(node, peer) : 0;
    struct link *longest = NULL;
    for (struct link *link = node->links.first; link; link = link->next) {
        if (link->state != LINK_UP || link->users > 0)
            continue;
        if ((longest == NULL || link->since < longest->since) &&
            (own == 0 || count_beside(node, link) >= own))
            longest = link;
    }
    *idle = longest;
    return longest != NULL && node->links.closing < node->env->limits->link_max;
}

bool room_for_dialled(struct vx6_node *node, struct room *room)
{
    *room = (struct room){0};
    return find_idle(node, node->links.count, node->env->limits->link_max, NULL, &room->idle) ||
           is_full(node, NULL);
}

static struct link *next_pending(struct link *link)
{
    while (link && !link_is_pending(link))
        link = link->next;
    return link;
}

static uint32_t count_network(const struct vx6_node *node, const vx6_addr *addr)
{
    uint32_t count = 0;
    struct link *link = next_pending(node->links.first);
    for (; link; link = next_pending(link->next))
        count += addr_same_network(&link->addr, addr);
    return count;
}

static bool is_network_over(const struct vx6_node *node, uint32_t count)
{
    struct link *link = next_pending(node->links.first);
    for (; link; link = next_pending(link->next)) {
        if (count_network(node, &link->addr) > count)
            return true;
    }
    return false;
}

/* VX6-LINK-025: one network cannot keep the others out. Which link is looked at is drawn, so that
 * nobody can put one there that has to stay; and draws have a pace, so that nobody can draw until
 * it hits whom it wants. */
static struct link *draw_of_crowd(struct vx6_node *node, const vx6_addr *peer)
{
    const struct vx6_limits *limits = node->env->limits;
    struct links *links = &node->links;
    vx6_ns pace = (vx6_ns)limits->handshake_grace_ms * VX6_MILLISECOND / limits->link_pending_max;
    uint32_t bearable = count_network(node, peer) + 1;
    if (node->now < links->next_draw || !is_network_over(node, bearable))
        return NULL;
    links->next_draw = node->now + pace;
    struct link *drawn = next_pending(links->first);
    for (uint32_t before = rng_below(&node->public_rng, links->pending); before > 0; before--)
        drawn = next_pending(drawn->next);
    return count_network(node, &drawn->addr) > bearable ? drawn : NULL;
}

static bool find_pending(struct vx6_node *node, const vx6_addr *peer, struct link **pending)
{
    if (node->links.pending < node->env->limits->link_pending_max)
        return true;
    struct link *oldest = next_pending(node->links.first);
    VX6_ASSERT(oldest != NULL);
    bool had_its_time = node->now - oldest->since >=
                        (vx6_ns)node->env->limits->handshake_grace_ms * VX6_MILLISECOND;
    *pending = had_its_time ? oldest : draw_of_crowd(node, peer);
    return *pending != NULL;
}

static bool is_site_over(const struct vx6_node *node, const vx6_addr *peer)
{
    uint32_t share = node->env->limits->link_pending_max / SITE_SHARE, of_site = 0;
    struct link *link = next_pending(node->links.first);
    for (; link; link = next_pending(link->next))
        of_site += addr_same_site(&link->addr, peer);
    return of_site >= (share > SITE_MIN ? share : SITE_MIN);
}

/* VX6-LINK-026: the last link of the network that has most. */
static bool find_busy(const struct vx6_node *node, const vx6_addr *peer, struct link **busy)
{
    uint32_t most = count_up(node, peer) + 2;
    for (struct link *link = node->links.first; link; link = link->next) {
        if (!is_accepted_up(link) || link->network_up < most)
            continue;
        most = link->network_up;
        *busy = link;
    }
    return *busy != NULL;
}

/* VX6-LINK-017: strangers get a share of what there is, and one site a share of that. */
bool room_for_accepted(struct vx6_node *node, const vx6_addr *peer, struct room *room)
{
    *room = (struct room){0};
    uint32_t max = node->env->limits->link_max;
    if (node->links.closing >= max || is_site_over(node, peer) ||
        !find_pending(node, peer, &room->pending))
        return is_full(node, peer);
    uint32_t others = node->links.count - (room->pending != NULL);
    return find_idle(node, others, max - max / 4, peer, &room->idle) ||
           find_busy(node, peer, &room->busy) || is_full(node, peer);
}

void room_take(struct vx6_node *node, const struct room *room)
{
    if (room->pending)
        link_close(node, room->pending, VX6_LIMIT);
    if (room->idle)
        link_close(node, room->idle, VX6_IDLE);
    if (room->busy)
        link_close(node, room->busy, VX6_LIMIT);
}
