/* SPDX-License-Identifier: MIT */
/* Who may use a service: a list of keys, which goes along with them. The one place that decides.
 * Spec: spec/sessions.md, "Services". */
#include "service.h"

struct allowed {
    uint8_t key[32];
    struct blob *before; /* keys by which it came: before.h */
    struct blob *longer; /* while a key is followed: what `before` is about to be */
};

void access_forget(struct vx6_node *node, struct local_service *service)
{
    for (uint32_t i = 0; i < service->allowed_count; i++)
        blob_drop(node->env, service->allowed[i].before);
    env_free(node->env, service->allowed, service->allowed_capacity * sizeof *service->allowed);
    service->allowed = NULL;
    service->allowed_count = service->allowed_capacity = 0;
}

/* Index of the first key that does not come before `key`. */
static uint32_t allowed_position(const struct local_service *service, const uint8_t key[32])
{
    uint32_t low = 0, high = service->allowed_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (memcmp(service->allowed[middle].key, key, 32) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* NULL: the key is not on the list. */
static struct allowed *find_allowed(const struct local_service *service, const uint8_t key[32])
{
    uint32_t at = allowed_position(service, key);
    bool is_there = at < service->allowed_count && bytes_equal(service->allowed[at].key, key, 32);
    return is_there ? &service->allowed[at] : NULL;
}

static bool is_allowed(const struct local_service *service, const uint8_t key[32])
{
    return find_allowed(service, key) != NULL;
}

/* VX6-SESS-025 */
static enum vx6_code admits(
    const struct vx6_node *node, const struct local_service *service, const uint8_t peer_key[32])
{
    if (service->exposure == EXPOSURE_PUBLIC)
        return VX6_OK;
    const struct allowed *allowed = find_allowed(service, peer_key);
    if (allowed)
        return before_is_revoked(node, allowed->before) ? VX6_REVOKED : VX6_OK; /* VX6-NAME-018 */
    return service->exposure == EXPOSURE_LISTED ? VX6_NOT_ALLOWED : VX6_NO_SERVICE;
}

/* VX6-NAME-021 */
bool services_have(const struct vx6_node *node, const uint8_t key[32])
{
    const struct sessions *sessions = &node->sessions;
    for (uint32_t i = 0; i < sessions->service_count; i++) {
        const struct local_service *service = &sessions->services[i];
        for (uint32_t j = 0; j < service->allowed_count; j++) {
            if (bytes_equal(service->allowed[j].key, key, 32) ||
                before_has(service->allowed[j].before, key))
                return true;
        }
    }
    return false;
}

bool services_came_by_revoked(const struct vx6_node *node, const uint8_t key[32])
{
    const struct sessions *sessions = &node->sessions;
    for (uint32_t i = 0; i < sessions->service_count; i++) {
        const struct allowed *allowed = find_allowed(&sessions->services[i], key);
        if (allowed && before_is_revoked(node, allowed->before))
            return true;
    }
    return false;
}

void services_show_keys(const struct vx6_node *node, struct key_step *step)
{
    const struct sessions *sessions = &node->sessions;
    for (uint32_t i = 0; i < sessions->service_count; i++) {
        const struct local_service *service = &sessions->services[i];
        for (uint32_t j = 0; j < service->allowed_count; j++) {
            key_step_see(step, service->allowed[j].key);
            before_show(service->allowed[j].before, step);
        }
    }
}

/* What it came by is the caller's now. */
static struct allowed take_off(struct local_service *service, const uint8_t key[32])
{
    uint32_t at = allowed_position(service, key);
    struct allowed taken = service->allowed[at];
    service->allowed_count--;
    memmove(service->allowed + at, service->allowed + at + 1,
        (service->allowed_count - at) * sizeof *service->allowed);
    return taken;
}

/* There is room. Takes over `before`. */
static void put_on(struct local_service *service, const uint8_t key[32], struct blob *before)
{
    uint32_t at = allowed_position(service, key);
    memmove(service->allowed + at + 1, service->allowed + at,
        (service->allowed_count - at) * sizeof *service->allowed);
    service->allowed[at] = (struct allowed){.before = before};
    memcpy(service->allowed[at].key, key, 32);
    service->allowed_count++;
}

/* How often the row of the key would have to become longer: until the next of the keys that came
 * after it is on the list already. */
static uint32_t steps_in(const struct local_service *service, const struct lineage *lineage,
    const uint8_t identity[32], const uint8_t key[32])
{
    uint32_t steps = 0;
    const uint8_t *next = lineage_successor(lineage, identity, key);
    for (; next && !is_allowed(service, next); next = lineage_successor(lineage, identity, next))
        steps++;
    return steps;
}

enum vx6_code services_room(struct vx6_node *node, const struct lineage *lineage,
    const uint8_t identity[32], const uint8_t key[32])
{
    const struct sessions *sessions = &node->sessions;
    enum vx6_code code = VX6_OK;
    for (uint32_t i = 0; i < sessions->service_count && code == VX6_OK; i++) {
        const struct local_service *service = &sessions->services[i];
        const struct allowed *allowed = find_allowed(service, key);
        if (allowed)
            code = before_room(node, allowed->before, steps_in(service, lineage, identity, key));
    }
    return code;
}

/* One that has the successor already, for its own sake or another's, keeps it as it is. */
enum vx6_code services_make_room(
    struct vx6_node *node, const uint8_t from[32], const uint8_t to[32])
{
    struct sessions *sessions = &node->sessions;
    enum vx6_code code = VX6_OK;
    for (uint32_t i = 0; i < sessions->service_count && code == VX6_OK; i++) {
        struct allowed *allowed = find_allowed(&sessions->services[i], from);
        if (allowed && !is_allowed(&sessions->services[i], to))
            code = before_longer(node, allowed->before, from, &allowed->longer);
    }
    return code;
}

void services_give_up(struct vx6_node *node)
{
    for (uint32_t i = 0; i < node->sessions.service_count; i++) {
        struct local_service *service = &node->sessions.services[i];
        for (uint32_t j = 0; j < service->allowed_count; j++) {
            blob_drop(node->env, service->allowed[j].longer);
            service->allowed[j].longer = NULL;
        }
    }
}

void services_follow(struct vx6_node *node, const uint8_t from[32], const uint8_t to[32])
{
    struct sessions *sessions = &node->sessions;
    for (uint32_t i = 0; i < sessions->service_count; i++) {
        struct local_service *service = &sessions->services[i];
        if (!is_allowed(service, from))
            continue;
        struct allowed old = take_off(service, from);
        blob_drop(node->env, old.before);
        if (old.longer)
            put_on(service, to, old.longer);
    }
    services_end_sessions(node);
}

/* The list may have a key that has handed over to that of the peer. */
static void follow_peer(struct vx6_node *node, const struct local_service *service,
    const uint8_t peer_key[32], const struct lineage *lineage)
{
    uint32_t i = lineage->count;
    while (i > 0 && !is_allowed(service, lineage->predecessors[i - 1]))
        i--;
    if (i > 0)
        (void)succession_follow(node, lineage, peer_key, lineage->predecessors[i - 1]);
}

/* It is verified before any list is looked at, and once: the time that it takes says nothing of
 * what is in them. */
void services_follow_peer(struct vx6_node *node, const uint8_t peer_key[32], vx6_span record)
{
    struct lineage lineage;
    if (record.len == 0 || lineage_decode(record, peer_key, &lineage) != VX6_OK ||
        !lineage_signatures_are_good(node->env->crypto, record))
        return;
    for (uint32_t i = 0; i < node->sessions.service_count; i++) {
        const struct local_service *service = &node->sessions.services[i];
        if (admits(node, service, peer_key) != VX6_OK)
            follow_peer(node, service, peer_key, &lineage);
    }
}

static enum vx6_code make_list_room(struct vx6_node *node, struct local_service *service)
{
    if (service->allowed_count >= node->env->limits->service_allow_max) {
        trace(node, VX6_EVENT_limit_reached, NULL, 0, 0, VX6_LIMIT);
        return VX6_LIMIT;
    }
    if (service->allowed_count < service->allowed_capacity)
        return VX6_OK;
    struct allowed *allowed = env_grow(node->env, service->allowed, &service->allowed_capacity,
        sizeof *allowed, 2, node->env->limits->service_allow_max);
    if (allowed == NULL)
        return VX6_NOMEM;
    service->allowed = allowed;
    return VX6_OK;
}

enum vx6_code service_allow(
    struct vx6_node *node, vx6_span name, const uint8_t key[32], vx6_span before)
{
    if (!vx6_label_is_valid(name) || is_zero(key, 32))
        return VX6_INVALID;
    struct local_service *service = service_find(&node->sessions, name);
    if (service == NULL)
        return VX6_STALE;
    if (service->exposure == EXPOSURE_HOSTED)
        return VX6_INVALID;
    struct blob *list;
    enum vx6_code code = before_get(node, before, &list);
    struct allowed *allowed_already = find_allowed(service, key);
    if (code == VX6_OK && allowed_already == NULL)
        code = make_list_room(node, service);
    if (code != VX6_OK) {
        blob_drop(node->env, list);
    } else if (allowed_already) { /* whoever allows it anew does so for its own sake */
        blob_drop(node->env, allowed_already->before);
        allowed_already->before = list;
    } else {
        put_on(service, key, list);
        relied_added(node, true);
    }
    return code;
}

enum vx6_code service_deny(struct vx6_node *node, vx6_span name, const uint8_t key[32])
{
    if (!vx6_label_is_valid(name))
        return VX6_INVALID;
    struct local_service *service = service_find(&node->sessions, name);
    if (service == NULL || !is_allowed(service, key))
        return VX6_STALE;
    blob_drop(node->env, take_off(service, key).before);
    services_end_sessions(node);
    return VX6_OK;
}

enum vx6_code service_admits(const struct vx6_node *node, vx6_span name, const uint8_t peer_key[32])
{
    if (bytes_equal(peer_key, node->keys.identity, sizeof node->keys.identity))
        return VX6_SELF;
    if (revoked_has(node, peer_key))
        return VX6_REVOKED;
    const struct local_service *service = service_find(&node->sessions, name);
    return service == NULL ? VX6_NO_SERVICE : admits(node, service, peer_key);
}

/* VX6-SESS-026: what a session would be refused as not being there is not listed either. */
void service_offers(const struct vx6_node *node, const uint8_t peer_key[32],
    uint8_t storage[OFFERS_SIZE_MAX], vx6_list *offers)
{
    static const uint8_t uses[] = {
        [EXPOSURE_PUBLIC] = 1, [EXPOSURE_LISTED] = 2, [EXPOSURE_PRIVATE] = 4};
    for (uint32_t i = 0; i < node->sessions.service_count; i++) {
        const struct local_service *service = &node->sessions.services[i];
        enum vx6_code code = admits(node, service, peer_key);
        struct vx6_offer offer = {.name = service_name(service), .use = 3};
        if (service->exposure == EXPOSURE_HOSTED)
            offer.use = 5;
        else if (code == VX6_OK)
            offer.use = uses[service->exposure];
        else if (service->exposure == EXPOSURE_PRIVATE)
            continue;
        bool pushed = vx6_push_offer(offers, storage, OFFERS_SIZE_MAX, &offer);
        VX6_ASSERT(pushed);
    }
}

void services_end_sessions(struct vx6_node *node)
{
    struct turn *next;
    for (struct turn *turn = node->sessions.list.first; turn; turn = next) {
        struct session *session = CONTAINER_OF(turn, struct session, turn);
        next = turn->next;
        if (session->role != SESSION_OWNER)
            continue;
        vx6_span service = name_view(&session->name).service;
        enum vx6_code code = service_admits(node, service, session->key);
        if (code != VX6_OK)
            session_end(node, session, code, NOTICE_SEND);
    }
}
