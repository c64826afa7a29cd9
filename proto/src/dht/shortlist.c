/* SPDX-License-Identifier: MIT */
/* The candidates of a lookup, sorted by distance, and who gives way to whom when they are too many.
 * Spec: spec/dht.md, "Lookup", "Disjoint paths". */
#include "shortlist.h"

enum {
    LISTED_STEP = 32,
    ASKED_FIRST = 16, /* most lookups end with one or two dozen */
    ASKED_LATELY = 4,
    UNTRIED_MAX = 48,  /* hints that nobody has tried; an equal share of it for each path */
    SHORTLIST_MAX = 64 /* candidates that are not lost */
};
_Static_assert(LISTED_MAX < UINT8_MAX, "a place fits");

/* A hint that nobody has tried and no other path has heard. */
static bool is_untried(const struct candidate *candidate)
{
    return candidate->state == CANDIDATE_NEW && candidate->depth > 1 &&
           candidate->paths == 1u << candidate->path;
}

static void active_remove(struct shortlist *list, uint8_t place)
{
    uint8_t *active = list->active;
    while (*active != place)
        active++;
    list->active_count--;
    memmove(active, active + 1, list->active_count - (size_t)(active - list->active));
}

void candidate_settle(
    struct shortlist *list, struct candidate *candidate, enum candidate_state state)
{
    if (is_untried(candidate))
        list->paths[candidate->path].untried--;
    struct path *path = &list->paths[candidate->path];
    const uint8_t place = (uint8_t)(candidate - list->candidates);
    if (candidate->state == CANDIDATE_ASKED) {
        active_remove(list, place);
        path->active--;
    }
    if (state == CANDIDATE_ASKED) {
        list->active[list->active_count++] = place;
        path->active++;
    }
    if (state == CANDIDATE_LOST && candidate->state != CANDIDATE_LOST)
        list->count_lost++;
    candidate->state = (uint8_t)state;
}

/* The place + 1 of the first one in the rest of a chain whose key begins so; 0: none. */
static uint8_t find_tag(const struct shortlist *list, uint8_t place, uint32_t tag)
{
    while (place > 0 && list->candidates[place - 1].tag != tag)
        place = list->candidates[place - 1].next;
    return place;
}

struct candidate *shortlist_find(const struct shortlist *list, const uint8_t key[32])
{
    const uint32_t tag = load_u32(key);
    uint8_t place = list->chains[tag % CHAINS];
    while ((place = find_tag(list, place, tag)) > 0) {
        struct candidate *candidate = &list->candidates[place - 1];
        if (bytes_equal(candidate->peer->key, key, 32))
            return candidate;
        place = candidate->next;
    }
    return NULL;
}

uint8_t shortlist_expect(const struct shortlist *list, const uint8_t key[32])
{
    const uint32_t tag = load_u32(key);
    const uint8_t place = find_tag(list, list->chains[tag % CHAINS], tag);
    if (place > 0)
        prefetch(list->candidates[place - 1].peer->key, 32);
    return place;
}

struct candidate *shortlist_find_at(
    const struct shortlist *list, uint8_t place, const uint8_t key[32])
{
    struct candidate *candidate = place > 0 ? &list->candidates[place - 1] : NULL;
    if (candidate && candidate->peer && bytes_equal(candidate->peer->key, key, 32))
        return candidate;
    return shortlist_find(list, key);
}

static bool is_closer(const struct shortlist *list, const struct candidate *candidate,
    uint32_t distance, const struct peer *peer)
{
    if (candidate->distance != distance)
        return candidate->distance < distance;
    if (candidate->peer == peer)
        return true;
    return distance_compare(list->target, candidate->peer->id, peer->id) <= 0;
}

/* Who was asked last takes its place. */
static void asked_remove(struct shortlist *list, const struct candidate *candidate)
{
    if (candidate->asked == 0)
        return;
    const uint8_t last = (uint8_t)list->asked_count--;
    for (uint32_t i = 0; i < list->count; i++) {
        struct candidate *other = shortlist_nth(list, i);
        if (other->asked == last)
            other->asked = candidate->asked;
    }
    list->asked[candidate->asked - 1] = list->asked[last - 1];
}

/* A candidate that is neither asked nor waits for an answer. */
static void candidate_remove(struct vx6_node *node, struct shortlist *list, uint32_t index)
{
    struct candidate *candidate = shortlist_nth(list, index);
    if (candidate->state == CANDIDATE_LOST)
        list->count_lost--;
    else if (is_untried(candidate))
        list->paths[candidate->path].untried--;
    asked_remove(list, candidate);
    peer_drop(node->env, candidate->peer);
    candidate->peer = NULL;
    const uint8_t place = list->order[index] + 1;
    uint8_t *link = &list->chains[candidate->tag % CHAINS];
    while (*link != place)
        link = &list->candidates[*link - 1].next;
    *link = candidate->next;
    candidate->next = list->free;
    list->free = place;
    list->count--;
    memmove(&list->order[index], &list->order[index + 1], list->count - index);
}

/* Only the word of another node gives way to the word of another node, and only of the same path:
 * who was asked, or came from the own table, or was heard of on another path only, stays. */
static bool may_give_way(const struct candidate *candidate, uint8_t path, bool path_is_full)
{
    if (path_is_full)
        return candidate->path == path && is_untried(candidate);
    return candidate->state == CANDIDATE_NEW && candidate->depth > 1 &&
           (candidate->paths >> path & 1);
}

/* Room at *index. VX6-DHT-013, VX6-DHT-033 */
static bool make_place(
    struct vx6_node *node, struct shortlist *list, struct peer *peer, uint8_t path, uint32_t *index)
{
    uint32_t last = list->count;
    bool path_is_full = list->paths[path].untried >= UNTRIED_MAX / list->path_count;
    if (path_is_full || list->count - list->count_lost >= SHORTLIST_MAX) {
        if (!peer_key_is_valid(node->env, peer))
            return false;
        while (last > *index && !may_give_way(shortlist_nth(list, last - 1), path, path_is_full))
            last--;
        if (last == *index)
            return false;
        candidate_remove(node, list, last - 1);
    }
    if (list->count < LISTED_MAX)
        return true;
    last = list->count;
    while (shortlist_nth(list, last - 1)->state != CANDIDATE_LOST)
        last--;
    candidate_remove(node, list, last - 1);
    if (last - 1 < *index)
        --*index;
    return true;
}

/* Most lookups never hear of as many nodes as may be listed. False: no memory. */
static bool list_grow(struct vx6_node *node, struct shortlist *list)
{
    if (list->count < list->capacity)
        return true;
    const size_t size = sizeof *list->candidates;
    const uint32_t capacity = list->capacity + LISTED_STEP;
    struct candidate *candidates =
        env_resize(node->env, list->candidates, list->capacity * size, capacity * size);
    if (candidates == NULL)
        return false;
    list->candidates = candidates;
    list->capacity = capacity;
    return true;
}

bool shortlist_ask(struct vx6_node *node, struct shortlist *list, struct candidate *candidate)
{
    if (candidate->asked > 0)
        return true;
    if (list->asked_count == list->asked_capacity) {
        struct asked *asked = env_grow(
            node->env, list->asked, &list->asked_capacity, sizeof *asked, ASKED_FIRST, LISTED_MAX);
        if (asked == NULL)
            return false;
        list->asked = asked;
    }
    candidate->asked = (uint8_t)++list->asked_count;
    return true;
}

void shortlist_expect_asked(const struct shortlist *list)
{
    const uint32_t count = list->asked_count < ASKED_LATELY ? list->asked_count : ASKED_LATELY;
    if (count > 0)
        prefetch(&list->asked[list->asked_count - count], count * sizeof *list->asked);
}

void shortlist_add(
    struct vx6_node *node, struct shortlist *list, struct peer *peer, uint8_t path, uint8_t depth)
{
    uint32_t distance = load_u32(peer->id) ^ load_u32(list->target);
    uint32_t index = 0, end = list->count;
    while (index < end) {
        uint32_t middle = (index + end) / 2;
        if (is_closer(list, shortlist_nth(list, middle), distance, peer))
            index = middle + 1;
        else
            end = middle;
    }
    const struct candidate *closer = index > 0 ? shortlist_nth(list, index - 1) : NULL;
    if ((closer && closer->distance == distance && bytes_equal(closer->peer->id, peer->id, 32)) ||
        !make_place(node, list, peer, path, &index) || !list_grow(node, list)) {
        peer_drop(node->env, peer);
        return;
    }
    const uint8_t place = list->free > 0 ? list->free - 1 : (uint8_t)list->count;
    struct candidate *candidate = &list->candidates[place];
    if (list->free > 0)
        list->free = candidate->next;
    const uint32_t tag = load_u32(peer->key);
    uint8_t *chain = &list->chains[tag % CHAINS];
    *candidate = (struct candidate){.peer = peer,
        .distance = distance,
        .tag = tag,
        .next = *chain,
        .depth = depth,
        .path = path,
        .paths = (uint8_t)(1u << path),
        .site = shortlist_site(&peer->addr)};
    *chain = place + 1;
    memmove(&list->order[index + 1], &list->order[index], list->count - index);
    list->order[index] = place;
    list->count++;
    if (depth > 1)
        list->paths[path].untried++;
}

void candidate_heard_again(struct shortlist *list, struct candidate *candidate, uint8_t path)
{
    if (candidate->paths >> path & 1)
        return;
    if (is_untried(candidate))
        list->paths[candidate->path].untried--;
    candidate->paths |= (uint8_t)(1u << path);
}

void shortlist_free(struct vx6_node *node, struct shortlist *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        peer_drop(node->env, shortlist_nth(list, i)->peer);
    env_free(node->env, list->candidates, list->capacity * sizeof *list->candidates);
    env_free(node->env, list->asked, list->asked_capacity * sizeof *list->asked);
}
