/* SPDX-License-Identifier: MIT */
/* One lookup: its shortlist is asked from the near end until the k closest live nodes of it have
 * answered. Where the outcome is relied on it takes disjoint paths: whom one path hears of, the
 * others do not. Spec: spec/dht.md, "Lookup", "Disjoint paths". */
#include "internal.h"
#include "shortlist.h"

struct lookup {
    struct lookup *next, *previous;
    struct timer timer;
    void *context;
    enum lookup_user user;
    bool want_values;
    bool own_untold; /* bundles that this node holds itself are still to be shown */
    vx6_ns deadline;
    uint32_t queries, lost;
    uint32_t pending; /* queries whose outcome is still to come */
    uint32_t share;   /* of the k closest, how many each path is to have */
    uint32_t alpha;   /* queries that each path may have under way */
    struct shortlist list;
};
static void lookup_free(struct vx6_node *node, struct lookup *lookup)
{
    struct lookups *lookups = &node->lookups;
    LIST_REMOVE(lookups->first, lookups->last, lookup);
    lookups->count--;
    timer_clear(&node->timers, &lookup->timer);
    if (lookup->pending > 0)
        queries_cancel(node, lookup);
    shortlist_free(node, &lookup->list);
    env_free(node->env, lookup, sizeof *lookup);
}

static void candidate_ask(
    struct vx6_node *node, struct lookup *lookup, struct candidate *candidate, uint8_t index)
{
    if (!peer_key_is_valid(node->env, candidate->peer)) {
        candidate_settle(&lookup->list, candidate, CANDIDATE_LOST);
        return;
    }
    struct vx6_msg ask = {.type = lookup->want_values ? VX6_MSG_find_value : VX6_MSG_find_node};
    if (lookup->want_values) {
        memcpy(ask.u.find_value.key, lookup->list.target, 32);
        ask.u.find_value.index = index;
    } else {
        memcpy(ask.u.find_node.target, lookup->list.target, 32);
    }
    if (!shortlist_ask(node, &lookup->list, candidate) ||
        query_start(node, candidate->peer, &ask, QUERY_LOOKUP, lookup) == NULL)
        return;
    lookup->pending++;
    candidate->index = index;
    shortlist_asked(&lookup->list, candidate)->at = node->now;
    candidate_settle(&lookup->list, candidate, CANDIDATE_ASKED);
}

/* To a site where nobody has answered go few queries at once, whatever hints say; candidates there
 * hold up no others. VX6-DHT-028 */
static bool is_doubtful(
    const struct vx6_node *node, const struct lookup *lookup, const struct candidate *candidate)
{
    const vx6_addr *addr = &candidate->peer->addr;
    if (node->queries.crowding == 0 || !query_site_is_spent(node, addr))
        return false;
    for (uint32_t i = 0; i < lookup->list.count; i++) {
        const struct candidate *other = shortlist_nth(&lookup->list, i);
        if (other->state == CANDIDATE_ANSWERED && other->site == candidate->site &&
            addr_same_site(&other->peer->addr, addr))
            return false;
    }
    return true;
}

/* Nor do more queries of one lookup go there in all, so that an answer is not multiplied by the
 * hints in it. VX6-DHT-028 */
static bool is_given_up(
    const struct vx6_node *node, const struct lookup *lookup, const struct candidate *candidate)
{
    const uint32_t max = node->env->limits->site_queries_max;
    const vx6_addr *addr = &candidate->peer->addr;
    if (lookup->pending + lookup->list.count_lost < max)
        return false; /* as many have not been asked in vain anywhere */
    uint32_t in_vain = 0;
    for (uint32_t i = 0; i < lookup->list.count; i++) {
        const struct candidate *other = shortlist_nth(&lookup->list, i);
        if (other->state == CANDIDATE_NEW || other->site != candidate->site ||
            !addr_same_site(&other->peer->addr, addr))
            continue;
        if (other->state == CANDIDATE_ANSWERED)
            return false;
        in_vain++;
    }
    return in_vain >= max && !table_knows_site(node, addr);
}

/* One pass over the candidates, closest first: who is wanted, and to whom it falls. */
struct pass {
    uint32_t live;                  /* candidates so far */
    uint32_t path_live[KADEMLIA_D]; /* of each path */
    uint32_t lacking;               /* paths that have less than their share so far */
    bool use_spare;                 /* a path may ask on behalf of those that have nobody to ask */
    bool busy;                      /* no path may ask any more */
    bool open;                      /* somebody wanted has not answered */
    bool stuck;                     /* somebody cannot be asked now */
};

static void pass_count(const struct lookup *lookup, struct pass *pass, uint8_t path)
{
    pass->live++;
    if (++pass->path_live[path] == lookup->share)
        pass->lacking--;
}

/* A candidate that nobody has asked falls to the path, of those that have heard of it, that has the
 * fewest so far. VX6-DHT-032 */
static uint8_t path_of(const struct lookup *lookup, const struct candidate *candidate,
    const uint32_t path_live[KADEMLIA_D])
{
    uint8_t path = candidate->path;
    if (candidate->state != CANDIDATE_NEW)
        return path;
    for (uint8_t i = 0; i < lookup->list.path_count; i++) {
        if ((candidate->paths >> i & 1) && path_live[i] < path_live[path])
            path = i;
    }
    return path;
}

static bool may_ask(const struct lookup *lookup, uint8_t path, bool use_spare)
{
    return use_spare ? lookup->list.active_count < KADEMLIA_ALPHA
                     : lookup->list.paths[path].active < lookup->alpha;
}

static bool is_busy(const struct lookup *lookup, bool use_spare)
{
    for (uint8_t path = 0; path < lookup->list.path_count; path++) {
        if (may_ask(lookup, path, use_spare))
            return false;
    }
    return true;
}

static void pass_candidate(
    struct vx6_node *node, struct lookup *lookup, struct candidate *candidate, struct pass *pass)
{
    uint8_t path = path_of(lookup, candidate, pass->path_live);
    bool is_wanted = pass->live < KADEMLIA_K || pass->path_live[path] < lookup->share;
    bool is_held = is_wanted && is_doubtful(node, lookup, candidate);
    if (is_held && candidate->state == CANDIDATE_NEW) {
        pass->open = pass->stuck = true;
        return;
    }
    bool is_next =
        is_wanted && candidate->state == CANDIDATE_NEW && may_ask(lookup, path, pass->use_spare);
    if (is_next && is_given_up(node, lookup, candidate))
        return;
    if (is_next) {
        candidate->path = path;
        candidate_ask(node, lookup, candidate, 0);
        pass->busy = is_busy(lookup, pass->use_spare);
        pass->stuck = pass->stuck || candidate->state == CANDIDATE_NEW;
    }
    if (candidate->state == CANDIDATE_LOST)
        return;
    pass->open = pass->open || is_wanted;
    if (!is_held && candidate->state != CANDIDATE_SLOW)
        pass_count(lookup, pass, path);
}

/* Until of those farther away nobody is wanted, or could be asked. */
static void pass_all(struct vx6_node *node, struct lookup *lookup, struct pass *pass)
{
    const struct shortlist *list = &lookup->list;
    for (uint32_t i = 0; i < list->count && pass->lacking > 0; i++) {
        struct candidate *candidate = shortlist_nth(list, i);
        if (candidate->state == CANDIDATE_ANSWERED) { /* most of them */
            pass_count(lookup, pass, candidate->path);
        } else if (candidate->state != CANDIDATE_LOST) {
            pass_candidate(node, lookup, candidate, pass);
            if (pass->busy && pass->open && node->queries.crowding == 0)
                return;
        }
    }
}

static vx6_ns slow_at(
    const struct vx6_node *node, const struct lookup *lookup, const struct candidate *candidate)
{
    return shortlist_asked(&lookup->list, candidate)->at +
           (vx6_ns)node->env->limits->lookup_slow_ms * VX6_MILLISECOND;
}

static vx6_ns wake_at(const struct vx6_node *node, const struct lookup *lookup, bool is_stuck)
{
    vx6_ns wake = lookup->deadline;
    const struct candidate *first = shortlist_active(&lookup->list);
    if (first && slow_at(node, lookup, first) < wake)
        wake = slow_at(node, lookup, first);
    const vx6_ns again = after_ms(node, node->env->limits->lookup_slow_ms);
    return is_stuck && again < wake ? again : wake;
}

/* Asks what may be asked now and sets the timer; false when there is nothing to wait for.
 * VX6-DHT-011, VX6-DHT-012, VX6-DHT-032 */
static bool lookup_advance(struct vx6_node *node, struct lookup *lookup)
{
    struct pass pass;
    bool use_spare = false;
    do {
        pass = (struct pass){.lacking = lookup->list.path_count,
            .use_spare = use_spare,
            .busy = is_busy(lookup, use_spare)};
        pass_all(node, lookup, &pass);
        use_spare = !use_spare && lookup->list.path_count > 1 && pass.open &&
                    lookup->list.active_count < KADEMLIA_ALPHA;
    } while (use_spare);
    timer_set(&node->timers, &lookup->timer, wake_at(node, lookup, pass.stuck));
    return pass.open;
}

/* VX6-DHT-015 */
static void set_counts(const struct lookup *lookup, struct lookup_result *result)
{
    result->hops = 0;
    for (uint32_t i = 0; i < lookup->list.count && result->hops == 0; i++) {
        if (shortlist_nth(&lookup->list, i)->state == CANDIDATE_ANSWERED)
            result->hops = shortlist_nth(&lookup->list, i)->depth;
    }
    result->queries = lookup->queries;
    result->lost = lookup->lost;
}

void lookup_progress(const struct lookup *lookup, struct lookup_result *result)
{
    set_counts(lookup, result);
}

static void dispatch_value(
    struct vx6_node *node, const struct lookup *lookup, const struct lookup_value *value)
{
    if (lookup->user == LOOKUP_RELIED)
        relied_bundle(node, value);
    else
        resolve_bundle(node, lookup->context, value);
}

static void dispatch_done(
    struct vx6_node *node, enum lookup_user user, void *context, const struct lookup_result *result)
{
    switch (user) {
    case LOOKUP_OP:
        op_lookup_done(node, context, result);
        break;
    case LOOKUP_RESOLVE:
        resolve_lookup_done(node, context, result);
        break;
    case LOOKUP_RELIED:
        relied_lookup_done(node, result);
        break;
    case LOOKUP_PUBLISH:
        publication_lookup_done(node, context, result);
        break;
    case LOOKUP_DISCOVERY:
        discovery_lookup_done(node, context, result);
        break;
    }
}

static void lookup_finish(struct vx6_node *node, struct lookup *lookup, enum vx6_code code)
{
    struct lookup_contact closest[LOOKUP_CLOSEST_MAX];
    uint32_t answered = 0, path_answered[KADEMLIA_D] = {0};
    uint8_t target[32];
    memcpy(target, lookup->list.target, sizeof target);
    struct lookup_result result = {.target = target, .closest = closest, .code = code};
    set_counts(lookup, &result);
    for (uint32_t i = 0; i < lookup->list.count; i++) {
        const struct candidate *candidate = shortlist_nth(&lookup->list, i);
        if (candidate->state != CANDIDATE_ANSWERED ||
            (answered++ >= KADEMLIA_K && path_answered[candidate->path] >= lookup->share))
            continue;
        path_answered[candidate->path]++;
        struct lookup_contact *contact = &closest[result.closest_count++];
        contact->peer = peer_hold(candidate->peer);
        memcpy(contact->token, shortlist_asked(&lookup->list, candidate)->token,
            sizeof contact->token);
    }
    if (result.closest_count == 0)
        result.code = VX6_NO_PEERS;
    trace(node, VX6_EVENT_lookup_done, NULL, 0, result.queries, result.code);
    enum lookup_user user = lookup->user;
    void *context = lookup->context;
    lookup_free(node, lookup);
    dispatch_done(node, user, context, &result);
    for (uint32_t i = 0; i < result.closest_count; i++)
        peer_drop(node->env, closest[i].peer);
}

struct lookup *lookup_start(struct vx6_node *node, const uint8_t target[32], bool want_values,
    enum lookup_user user, void *context)
{
    struct lookups *lookups = &node->lookups;
    if (lookups->count >= node->env->limits->lookup_max) {
        trace(node, VX6_EVENT_limit_reached, NULL, 0, lookups->count, VX6_LIMIT);
        return NULL;
    }
    struct lookup *lookup = env_alloc(node->env, sizeof *lookup);
    if (lookup == NULL)
        return NULL;
    memcpy(lookup->list.target, target, 32);
    lookup->want_values = want_values;
    lookup->user = user;
    lookup->context = context;
    lookup->deadline = after_ms(node, node->env->limits->lookup_timeout_ms);
    timer_init(&lookup->timer, TIMER_LOOKUP);
    LIST_APPEND(lookups->first, lookups->last, lookup);
    lookups->count++;

    struct peer *peers[KADEMLIA_K];
    uint32_t count = table_closest(node, target, peers, KADEMLIA_K);
    for (uint32_t i = 0; i < count; i++)
        prefetch(peers[i], sizeof *peers[i]);
    /* VX6-DHT-030 */
    bool is_relied_on = user == LOOKUP_RESOLVE || user == LOOKUP_RELIED || user == LOOKUP_PUBLISH;
    lookup->list.path_count = is_relied_on && count > 0 ? KADEMLIA_D : 1;
    if (lookup->list.path_count > count && count > 0)
        lookup->list.path_count = count;
    lookup->share = (KADEMLIA_K + lookup->list.path_count - 1) / lookup->list.path_count;
    lookup->alpha = KADEMLIA_ALPHA / lookup->list.path_count;
    for (uint32_t i = 0; i < count; i++)
        shortlist_add(
            node, &lookup->list, peer_hold(peers[i]), (uint8_t)(i % lookup->list.path_count), 1);
    discovery_touch(node, target);
    struct blob *held = NULL;
    lookup->own_untold = want_values && holder_find(node, target, 0, &held) > 0;
    if (!lookup_advance(node, lookup) || lookup->own_untold)
        timer_set(&node->timers, &lookup->timer, node->now);
    return lookup;
}

enum vx6_code lookup_refusal(const struct vx6_node *node)
{
    return node->lookups.count >= node->env->limits->lookup_max ? VX6_LIMIT : VX6_NOMEM;
}

void lookup_cancel(struct vx6_node *node, struct lookup *lookup)
{
    lookup_free(node, lookup);
}

/* VX6-DHT-014 */
static void take_value(struct vx6_node *node, struct lookup *lookup, struct candidate *candidate,
    const struct vx6_value *answer)
{
    if (answer->index != candidate->index)
        return;
    struct lookup_value value = {.holder = candidate->peer,
        .bundle = answer->bundle,
        .scope = addr_scope(&candidate->peer->addr),
        .index = answer->index,
        .count = answer->count,
        .hops = candidate->depth,
        .path = candidate->path,
        .path_count = lookup->list.path_count};
    uint32_t next = answer->index + 1u;
    if (next < answer->count && next < node->env->limits->claimant_max)
        candidate_ask(node, lookup, candidate, (uint8_t)next);
    dispatch_value(node, lookup, &value);
}

struct heard {
    const uint8_t *key;
    uint8_t place; /* on the list, it seems; or else */
    vx6_addr addr;
    uint32_t hash; /* of the peer */
};

/* Reads the hints and fetches what there is of those who are named, which lies far apart in memory,
 * all at once. Returns how many they are. */
static uint32_t hear(const struct vx6_node *node, const struct lookup *lookup,
    const vx6_list *hints, struct heard heard[KADEMLIA_K])
{
    const uint32_t count = hints->count < KADEMLIA_K ? hints->count : KADEMLIA_K;
    for (uint32_t i = 0; i < count; i++) {
        struct heard *next = &heard[i];
        next->key = hint_key(hints, i);
        next->place = shortlist_expect(&lookup->list, next->key);
        if (next->place > 0)
            continue;
        next->addr = hint_addr(hints, i);
        next->hash = peer_hash(next->key, &next->addr);
        peer_expect(node->env, next->hash, 0);
    }
    for (const struct heard *next = heard; next < heard + count; next++) {
        if (next->place == 0)
            peer_expect(node->env, next->hash, 1);
    }
    return count;
}

/* VX6-DHT-013: a hint is a candidate and nothing more; one out of the scope of who gave it is
 * passed over. It is heard of on the path of the node that gave it: VX6-DHT-031. */
static void take_hints(struct vx6_node *node, struct lookup *lookup, const struct candidate *giver,
    const vx6_list *hints)
{
    const vx6_addr source = giver->peer->addr;
    const uint8_t path = giver->path;
    const uint8_t depth = giver->depth < UINT8_MAX ? giver->depth + 1 : giver->depth;
    struct heard heard[KADEMLIA_K];
    const uint32_t count = hear(node, lookup, hints, heard);
    for (uint32_t i = 0; i < count; i++) {
        struct heard *next = &heard[i];
        struct candidate *known = shortlist_find_at(&lookup->list, next->place, next->key);
        if (known) {
            candidate_heard_again(&lookup->list, known, path);
            continue;
        }
        if (next->place > 0) { /* another key begins so */
            next->addr = hint_addr(hints, i);
            next->hash = peer_hash(next->key, &next->addr);
        }
        if (bytes_equal(next->key, node->keys.identity, 32) ||
            !addr_is_in_scope(&next->addr, &source))
            continue;
        struct peer *peer = peer_get_hashed(node->env, next->key, &next->addr, next->hash);
        if (peer)
            shortlist_add(node, &lookup->list, peer, path, depth);
    }
}

void lookup_query_done(struct vx6_node *node, void *context, const struct query_result *result)
{
    struct lookup *lookup = context;
    struct candidate *candidate = shortlist_find(&lookup->list, result->peer->key);
    VX6_ASSERT(candidate != NULL);
    lookup->pending--;
    lookup->queries++;
    if (result->answer == NULL) {
        lookup->lost++;
        candidate_settle(
            &lookup->list, candidate, candidate->index > 0 ? CANDIDATE_ANSWERED : CANDIDATE_LOST);
    } else {
        candidate_settle(&lookup->list, candidate, CANDIDATE_ANSWERED);
        memcpy(shortlist_asked(&lookup->list, candidate)->token, result->token, 16);
        if (result->answer->type == VX6_MSG_value)
            take_value(node, lookup, candidate, &result->answer->u.value);
        else if (result->answer->type == VX6_MSG_nodes)
            take_hints(node, lookup, candidate, &result->answer->u.nodes.hints);
    }
    if (!lookup_advance(node, lookup))
        lookup_finish(node, lookup, VX6_OK);
}

bool lookup_expect(const struct lookup *lookup, uint32_t step)
{
    const struct shortlist *list = &lookup->list;
    if (step == 0) {
        prefetch_between(lookup, &list->active[KADEMLIA_ALPHA]);
        return true;
    }
    prefetch(list->candidates, list->count * sizeof *list->candidates);
    shortlist_expect_asked(list);
    return false;
}

bool lookup_timer_expect(struct timer *timer, uint32_t step)
{
    return lookup_expect(CONTAINER_OF(timer, struct lookup, timer), step);
}

static void show_own(struct vx6_node *node, struct lookup *lookup)
{
    lookup->own_untold = false;
    uint32_t count = 1;
    for (uint32_t index = 0; index < count; index++) {
        struct blob *bundle = NULL;
        count = holder_find(node, lookup->list.target, index, &bundle);
        if (bundle == NULL)
            return;
        blob_hold(bundle);
        struct lookup_value value = {.bundle = {bundle->data, bundle->len},
            .scope = holder_scope(node, lookup->list.target, bundle),
            .index = index,
            .count = count};
        dispatch_value(node, lookup, &value);
        blob_drop(node->env, bundle);
    }
}

void lookup_timer(struct vx6_node *node, struct timer *timer)
{
    struct lookup *lookup = CONTAINER_OF(timer, struct lookup, timer);
    if (lookup->own_untold)
        show_own(node, lookup);
    struct candidate *first;
    while ((first = shortlist_active(&lookup->list)) && slow_at(node, lookup, first) <= node->now)
        candidate_settle(&lookup->list, first, CANDIDATE_SLOW);
    if (node->now >= lookup->deadline)
        lookup_finish(node, lookup, VX6_TIMEOUT);
    else if (!lookup_advance(node, lookup))
        lookup_finish(node, lookup, VX6_OK);
}

void lookups_free(struct vx6_node *node)
{
    while (node->lookups.first)
        lookup_free(node, node->lookups.first);
}
