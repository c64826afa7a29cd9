/* SPDX-License-Identifier: MIT */
/* What silence means on a link that is up. Nobody cares for a while, then it is probed; and sooner
 * when somebody begins something on it. One that stays silent then is doubted: it still may live,
 * but the peer is looked for anew, and if it answers elsewhere, the silent link is dead.
 * Spec: spec/links.md, "The life of a link". */
#include "link_internal.h"

/* How long it may be silent until the next look; while it is doubted, twice as long each time. */
static uint32_t patience_ms(const struct vx6_node *node, const struct link *link)
{
    const struct vx6_limits *limits = node->env->limits;
    if (link->users == 0)
        return limits->link_idle_ms;
    if (!link->questioned)
        return limits->link_probe_ms;
    uint64_t ms = (uint64_t)limits->link_doubt_ms << link->doubts;
    return ms < limits->link_probe_ms ? (uint32_t)ms : limits->link_probe_ms;
}

static vx6_ns patient_until(const struct vx6_node *node, const struct link *link)
{
    return link->since + (vx6_ns)patience_ms(node, link) * VX6_MILLISECOND;
}

void link_watch(struct vx6_node *node, struct link *link)
{
    timer_set(&node->timers, &link->timer, patient_until(node, link));
}

void link_in_use(struct vx6_node *node, struct link *link, int change)
{
    VX6_ASSERT(change == 1 || (change == -1 && link->users > 0));
    bool was_used = link->users > 0;
    link->users += change > 0 ? 1 : UINT32_MAX;
    if (link->state != LINK_UP || was_used == (link->users > 0))
        return;
    link->since = node->now;
    link->probed = link->questioned = false;
    link->doubts = 0;
    link_watch(node, link);
}

/* This does not answer a question: perhaps only one direction has failed. */
void link_heard(struct vx6_node *node, struct link *link)
{
    link->probed = false;
    link->doubts = 0;
    if (link->users > 0)
        link->since = node->now;
}

void link_answered(struct link *link)
{
    link->questioned = false;
}

static void probe(struct vx6_node *node, struct link *link)
{
    link->probed = true;
    link->since = node->now;
    link->owed |= OWED_PROBE;
    link_post_write(node, link);
    link_watch(node, link);
}

/* VX6-LINK-040 */
static void doubt(struct vx6_node *node, struct link *link)
{
    link->doubts++;
    link_watch(node, link);
    session_link_doubted(node, link);
}

/* VX6-LINK-015. The timer is not moved by every record, so it may find that some came meanwhile. */
void link_look(struct vx6_node *node, struct link *link)
{
    if (node->now < patient_until(node, link))
        link_watch(node, link);
    else if (link->users == 0)
        link_close(node, link, VX6_IDLE);
    else if (!link->probed)
        probe(node, link);
    else if (patience_ms(node, link) < node->env->limits->link_probe_ms)
        doubt(node, link);
    else
        link_close(node, link, VX6_TIMEOUT);
}

void link_question(struct vx6_node *node, struct link *link)
{
    if (link->state != LINK_UP || link->users == 0)
        return;
    link->questioned = true;
    link_watch(node, link);
}

void links_question(struct vx6_node *node)
{
    for (struct link *link = node->links.first; link; link = link->next)
        link_question(node, link);
}

/* VX6-LINK-041 */
void links_replace(struct vx6_node *node, const struct link *fresh)
{
    for (struct link *link = node->links.first; link; link = link->next) {
        if (link != fresh && link->doubts > 0 && bytes_equal(link->peer_key, fresh->peer_key, 32))
            link_close(node, link, VX6_TIMEOUT);
    }
}
