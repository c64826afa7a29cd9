/* SPDX-License-Identifier: MIT */
/* What the sessions of one network hold together, so that whoever opens all it can leaves something
 * for others. A network is what costs an attacker something: keys do not, nor do addresses in it.
 * Spec: spec/sessions.md, "Bounds". */
#include "session_internal.h"

/* VX6-SESS-023: with fewer than this less than who has most, there is no telling who is too many.
 */
enum {
    FEWER = 2
};

struct share *share_join(struct vx6_node *node, const vx6_addr *peer)
{
    uint8_t network[NETWORK_SIZE];
    addr_network(peer, network);
    struct share *share = node->sessions.shares;
    while (share && memcmp(share->network, network, sizeof network) != 0)
        share = share->next;
    if (share == NULL) {
        share = env_alloc(node->env, sizeof *share);
        if (share == NULL)
            return NULL;
        memcpy(share->network, network, sizeof network);
        share->next = node->sessions.shares;
        node->sessions.shares = share;
    }
    share->users++;
    return share;
}

void share_leave(struct vx6_node *node, struct share *share)
{
    if (share == &node->sessions.own || --share->users > 0)
        return;
    struct share **place = &node->sessions.shares;
    while (*place != share)
        place = &(*place)->next;
    *place = share->next;
    env_free(node->env, share, sizeof *share);
}

static struct session *last_session(const struct vx6_node *node, const struct share *share)
{
    for (struct turn *turn = node->sessions.list.last; turn; turn = turn->previous) {
        struct session *session = CONTAINER_OF(turn, struct session, turn);
        if (session->share == share && session->state != SESSION_CLOSED)
            return session;
    }
    return NULL;
}

static struct session *fullest_session(const struct vx6_node *node, const struct share *share)
{
    struct session *fullest = NULL;
    for (struct turn *turn = node->sessions.list.first; turn; turn = turn->next) {
        struct session *session = CONTAINER_OF(turn, struct session, turn);
        if (session->share == share && session->state != SESSION_CLOSED &&
            (fullest == NULL || session->stream_count > fullest->stream_count))
            fullest = session;
    }
    return fullest;
}

static bool give_way(struct vx6_node *node, struct session *session)
{
    if (session == NULL || node->sessions.ended_count >= node->env->limits->session_max)
        return false;
    trace(node, VX6_EVENT_limit_reached, &session->peer, 0, 0, VX6_LIMIT);
    session_end(node, session, VX6_LIMIT, NOTICE_SEND);
    return true;
}

bool share_make_session_room(struct vx6_node *node, const struct share *newcomer)
{
    const struct share *most = newcomer;
    for (struct share *share = node->sessions.shares; share; share = share->next) {
        if (share->sessions > most->sessions)
            most = share;
    }
    return most->sessions >= newcomer->sessions + FEWER && give_way(node, last_session(node, most));
}

bool share_make_stream_room(struct vx6_node *node, const struct share *newcomer)
{
    const struct share *most = newcomer;
    for (struct share *share = node->sessions.shares; share; share = share->next) {
        if (share->streams > most->streams)
            most = share;
    }
    return most->streams >= newcomer->streams + FEWER &&
           give_way(node, fullest_session(node, most));
}
