/* SPDX-License-Identifier: MIT */
/* How often one target may be dialled: what other nodes say about addresses must not turn this one
 * into a weapon. Counted per address and port, and four times as much per site.
 * Spec: spec/links.md, "Dialling". */
#include "link_internal.h"
#include "scope.h"

enum {
    DIALS_FIRST = 1, /* most nodes dial seldom */
    DIALS_MAX = 512, /* in one minute, to whomever */
    SITE_SHARE = 4
};

struct dial {
    vx6_addr addr;
    vx6_ns at;
};

static void forget_old(struct links *links, vx6_ns now)
{
    uint32_t old = 0;
    while (old < links->dial_count && now - links->dials[old].at >= 60 * VX6_SECOND)
        old++;
    links->dial_count -= old;
    if (old > 0)
        memmove(links->dials, links->dials + old, links->dial_count * sizeof *links->dials);
}

/* VX6-LINK-018. What is dialled for others leaves half to this node's own dials. */
enum vx6_code dial_allowed(struct vx6_node *node, const vx6_addr *addr, bool for_other)
{
    struct links *links = &node->links;
    forget_old(links, node->now);
    uint32_t limit = node->env->limits->dials_per_target_per_minute;
    if (for_other)
        limit = (limit + 1) / 2;
    uint32_t to_target = 0, to_site = 0;
    for (uint32_t i = 0; i < links->dial_count; i++) {
        const vx6_addr *dialled = &links->dials[i].addr;
        to_target += addr_equal(dialled, addr);
        to_site += addr_same_site(dialled, addr);
    }
    if (to_target >= limit || to_site >= SITE_SHARE * limit || links->dial_count == DIALS_MAX) {
        trace(node, VX6_EVENT_limit_reached, addr, 0, 0, VX6_LIMIT);
        return VX6_LIMIT;
    }
    if (links->dial_count == links->dial_capacity) {
        struct dial *dials = env_grow(
            node->env, links->dials, &links->dial_capacity, sizeof *dials, DIALS_FIRST, DIALS_MAX);
        if (dials == NULL)
            return VX6_NOMEM;
        links->dials = dials;
    }
    links->dials[links->dial_count++] = (struct dial){*addr, node->now};
    return VX6_OK;
}

void dials_forget(struct vx6_node *node)
{
    node->links.dial_count = 0;
}

void dials_free(struct vx6_node *node)
{
    struct links *links = &node->links;
    env_free(node->env, links->dials, links->dial_capacity * sizeof *links->dials);
    links->dials = NULL;
    links->dial_count = links->dial_capacity = 0;
}
