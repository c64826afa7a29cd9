/* SPDX-License-Identifier: MIT */
/* A lookup, then a few stores at a time. Spec: spec/records.md, "Publishing". */
#include "publication.h"

#include "internal.h"

struct target {
    struct peer *peer;
    struct query *query; /* in flight */
    uint8_t token[16];
};

struct publication {
    enum publication_user user;
    uint8_t key[32];
    struct blob *value;
    struct lookup *lookup;
    uint32_t target_count, next, in_flight;
    uint32_t taken; /* holders that have it */
    struct target targets[LOOKUP_CLOSEST_MAX];
};

void publication_cancel(struct vx6_node *node, struct publication *publication)
{
    if (publication == NULL)
        return;
    if (publication->lookup != NULL)
        lookup_cancel(node, publication->lookup);
    for (uint32_t i = 0; i < publication->target_count; i++) {
        struct target *target = &publication->targets[i];
        if (target->query != NULL)
            query_cancel(node, target->query);
        peer_drop(node->env, target->peer);
    }
    blob_drop(node->env, publication->value);
    env_free(node->env, publication, sizeof *publication);
}

static void publication_end(struct vx6_node *node, struct publication *publication)
{
    if (publication->user == PUBLICATION_OWN)
        publish_done(node, publication, publication->taken);
    else
        revoked_publication_done(node, publication->taken);
    publication_cancel(node, publication);
}

/* A few stores at a time, like a lookup. */
static void publication_go_on(struct vx6_node *node, struct publication *publication)
{
    const struct blob *value = publication->value;
    while (
        publication->in_flight < KADEMLIA_ALPHA && publication->next < publication->target_count) {
        struct target *target = &publication->targets[publication->next];
        struct vx6_msg ask = {.type = VX6_MSG_store};
        memcpy(ask.u.store.token, target->token, sizeof ask.u.store.token);
        memcpy(ask.u.store.key, publication->key, sizeof ask.u.store.key);
        ask.u.store.bundle = (vx6_span){value->data, value->len};
        target->query = query_start(node, target->peer, &ask, QUERY_STORE, publication);
        if (target->query == NULL && publication->in_flight > 0)
            return; /* goes on when one of them is done */
        if (target->query != NULL)
            publication->in_flight++;
        publication->next++;
    }
    if (publication->in_flight == 0)
        publication_end(node, publication);
}

void publication_query_done(struct vx6_node *node, void *context, const struct query_result *result)
{
    struct publication *publication = context;
    for (uint32_t i = publication->next; i-- > 0;) { /* it is one of the last */
        struct target *target = &publication->targets[i];
        if (target->query == NULL || target->peer != result->peer)
            continue;
        target->query = NULL;
        break;
    }
    publication->in_flight--;
    const struct vx6_msg *answer = result->answer;
    if (answer != NULL && answer->type == VX6_MSG_stored && answer->u.stored.code == VX6_OK)
        publication->taken++;
    publication_go_on(node, publication);
}

bool publication_expect(const struct publication *publication, uint32_t step)
{
    if (step == 0) {
        prefetch(publication, offsetof(struct publication, targets));
        return true;
    }
    const uint32_t next = publication->next, asked = publication->in_flight;
    prefetch(&publication->targets[next - asked], (asked + 1) * sizeof publication->targets[0]);
    return false;
}

/* Is this node one of the k that should hold the key? */
static bool is_own_place(
    const struct vx6_node *node, const uint8_t key[32], const struct lookup_result *result)
{
    if (result->closest_count < KADEMLIA_K)
        return true;
    const struct peer *last = result->closest[KADEMLIA_K - 1].peer;
    return distance_compare(key, node->keys.id, last->id) < 0;
}

/* VX6-REC-015 */
void publication_lookup_done(
    struct vx6_node *node, void *context, const struct lookup_result *result)
{
    struct publication *publication = context;
    publication->lookup = NULL;
    uint32_t count = result->closest_count;
    if (count == KADEMLIA_K && is_own_place(node, publication->key, result))
        count--;
    for (uint32_t i = 0; i < count; i++) {
        struct target *target = &publication->targets[i];
        target->peer = peer_hold(result->closest[i].peer);
        memcpy(target->token, result->closest[i].token, sizeof target->token);
    }
    publication->target_count = count;
    publication_go_on(node, publication);
}

struct publication *publication_start(
    struct vx6_node *node, const uint8_t key[32], struct blob *value, enum publication_user user)
{
    struct publication *publication = env_alloc(node->env, sizeof *publication);
    if (publication == NULL)
        return NULL;
    publication->user = user;
    memcpy(publication->key, key, sizeof publication->key);
    publication->value = blob_hold(value);
    publication->lookup = lookup_start(node, key, false, LOOKUP_PUBLISH, publication);
    if (publication->lookup)
        return publication;
    publication_cancel(node, publication);
    return NULL;
}
