/* SPDX-License-Identifier: MIT */
/* What this node offers, and who may use it. Spec: spec/sessions.md, "Services". */
#include "session_internal.h"

struct allowed {
    uint8_t key[32];
    uint8_t root[32]; /* that has handed over to it, or the same */
};

struct local_service {
    uint8_t len, exposure; /* enum exposure */
    char name[VX6_LABEL_MAX];
    struct allowed *allowed; /* sorted by key */
    uint32_t allowed_count, allowed_capacity;
    uint8_t host[32]; /* EXPOSURE_HOSTED */
};

static vx6_span service_name(const struct local_service *service)
{
    return (vx6_span){(const uint8_t *)service->name, service->len};
}

/* Index of the first service that does not come before `name`. */
static uint32_t position(const struct sessions *sessions, vx6_span name)
{
    uint32_t at = 0;
    while (at < sessions->service_count &&
           label_compare(service_name(&sessions->services[at]), name) < 0)
        at++;
    return at;
}

static struct local_service *find(const struct sessions *sessions, vx6_span name)
{
    uint32_t at = position(sessions, name);
    if (at == sessions->service_count)
        return NULL;
    struct local_service *service = &sessions->services[at];
    return span_equal(service_name(service), name) ? service : NULL;
}

static bool make_room(struct vx6_node *node)
{
    struct sessions *sessions = &node->sessions;
    if (sessions->service_count < sessions->service_capacity)
        return true;
    size_t size = sessions->service_capacity * sizeof *sessions->services;
    struct local_service *services =
        env_resize(node->env, sessions->services, size, size + sizeof *services);
    if (services == NULL)
        return false;
    sessions->services = services;
    sessions->service_capacity++;
    return true;
}

/* NULL with *code. */
static struct local_service *insert(struct vx6_node *node, vx6_span name, enum vx6_code *code)
{
    struct sessions *sessions = &node->sessions;
    if (sessions->service_count >= node->env->limits->service_max) {
        trace(node, VX6_EVENT_limit_reached, NULL, 0, 0, VX6_LIMIT);
        *code = VX6_LIMIT;
        return NULL;
    }
    *code = VX6_NOMEM;
    if (!make_room(node))
        return NULL;
    uint32_t at = position(sessions, name);
    struct local_service *service = &sessions->services[at];
    memmove(service + 1, service, (sessions->service_count - at) * sizeof *service);
    *service = (struct local_service){.len = (uint8_t)name.len};
    memcpy(service->name, name.data, name.len);
    sessions->service_count++;
    return service;
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

enum vx6_code service_add(struct vx6_node *node, vx6_span name, enum exposure exposure)
{
    if (!vx6_label_is_valid(name))
        return VX6_INVALID;
    struct local_service *service = find(&node->sessions, name);
    bool is_new = service == NULL;
    enum vx6_code code = VX6_OK;
    if (is_new)
        service = insert(node, name, &code);
    if (service == NULL)
        return code;
    if (!is_new && service->exposure == EXPOSURE_HOSTED)
        return VX6_INVALID;
    if (!is_new && service->exposure == exposure)
        return VX6_OK;
    service->exposure = (uint8_t)exposure;
    services_end_sessions(node);
    publish_changed(node);
    return VX6_OK;
}

/* VX6-REC-026: what would not be published is not taken. */
enum vx6_code service_add_hosted(struct vx6_node *node, vx6_span name, const uint8_t host[32])
{
    if (bytes_equal(host, node->keys.identity, 32))
        return VX6_SELF;
    if (!vx6_label_is_valid(name) ||
        !node->env->crypto->sign_public_is_valid(node->env->crypto, host))
        return VX6_INVALID;
    struct local_service *service = find(&node->sessions, name);
    bool is_new = service == NULL;
    enum vx6_code code = VX6_OK;
    if (is_new)
        service = insert(node, name, &code);
    if (service == NULL)
        return code;
    if (!is_new && service->exposure != EXPOSURE_HOSTED)
        return VX6_INVALID;
    service->exposure = EXPOSURE_HOSTED;
    memcpy(service->host, host, sizeof service->host);
    if (is_new && !publish_has_room(node)) {
        trace(node, VX6_EVENT_limit_reached, NULL, VX6_MSG_service_list, 0, VX6_LIMIT);
        (void)service_remove(node, name);
        return VX6_LIMIT;
    }
    publish_changed(node);
    return VX6_OK;
}

static void forget_allowed(struct vx6_node *node, struct local_service *service)
{
    env_free(node->env, service->allowed, service->allowed_capacity * sizeof *service->allowed);
    service->allowed = NULL;
    service->allowed_count = service->allowed_capacity = 0;
}

void services_free(struct vx6_node *node)
{
    struct sessions *sessions = &node->sessions;
    for (uint32_t i = 0; i < sessions->service_count; i++)
        forget_allowed(node, &sessions->services[i]);
    env_free(
        node->env, sessions->services, sessions->service_capacity * sizeof *sessions->services);
    sessions->services = NULL;
    sessions->service_count = sessions->service_capacity = 0;
}

enum vx6_code service_remove(struct vx6_node *node, vx6_span name)
{
    struct sessions *sessions = &node->sessions;
    if (!vx6_label_is_valid(name))
        return VX6_INVALID;
    struct local_service *service = find(sessions, name);
    if (service == NULL)
        return VX6_STALE;
    forget_allowed(node, service);
    size_t at = (size_t)(service - sessions->services);
    sessions->service_count--;
    memmove(service, service + 1, (sessions->service_count - at) * sizeof *service);
    if (sessions->service_count == 0)
        services_free(node);
    services_end_sessions(node);
    publish_changed(node);
    return VX6_OK;
}

/* ---- who may use it ---- */

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
        return revoked_has(node, allowed->root) ? VX6_REVOKED : VX6_OK; /* VX6-NAME-018 */
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
                bytes_equal(service->allowed[j].root, key, 32))
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
        if (allowed && revoked_has(node, allowed->root))
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
            key_step_see(step, service->allowed[j].root);
        }
    }
}

static void take_off(struct local_service *service, const uint8_t key[32])
{
    uint32_t at = allowed_position(service, key);
    service->allowed_count--;
    memmove(service->allowed + at, service->allowed + at + 1,
        (service->allowed_count - at) * sizeof *service->allowed);
}

/* There is room. */
static void put_on(struct local_service *service, const uint8_t key[32], const uint8_t root[32])
{
    uint32_t at = allowed_position(service, key);
    memmove(service->allowed + at + 1, service->allowed + at,
        (service->allowed_count - at) * sizeof *service->allowed);
    memcpy(service->allowed[at].key, key, 32);
    memcpy(service->allowed[at].root, root, 32);
    service->allowed_count++;
}

void services_follow(struct vx6_node *node, const uint8_t from[32], const uint8_t to[32])
{
    struct sessions *sessions = &node->sessions;
    for (uint32_t i = 0; i < sessions->service_count; i++) {
        struct local_service *service = &sessions->services[i];
        if (!is_allowed(service, from))
            continue;
        take_off(service, from);
        if (!is_allowed(service, to))
            put_on(service, to, from);
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

enum vx6_code service_allow(
    struct vx6_node *node, vx6_span name, const uint8_t key[32], const uint8_t root[32])
{
    if (!vx6_label_is_valid(name) || is_zero(key, 32))
        return VX6_INVALID;
    struct local_service *service = find(&node->sessions, name);
    if (service == NULL)
        return VX6_STALE;
    if (service->exposure == EXPOSURE_HOSTED)
        return VX6_INVALID;
    struct allowed *allowed_already = find_allowed(service, key);
    if (allowed_already) { /* whoever allows it anew does so for its own sake */
        memcpy(allowed_already->root, root, 32);
        return VX6_OK;
    }
    if (service->allowed_count >= node->env->limits->service_allow_max) {
        trace(node, VX6_EVENT_limit_reached, NULL, 0, 0, VX6_LIMIT);
        return VX6_LIMIT;
    }
    if (service->allowed_count == service->allowed_capacity) {
        uint32_t capacity = service->allowed_capacity == 0 ? 2 : service->allowed_capacity * 2;
        void *allowed = env_resize(node->env, service->allowed,
            service->allowed_capacity * sizeof *service->allowed,
            capacity * sizeof *service->allowed);
        if (allowed == NULL)
            return VX6_NOMEM;
        service->allowed = allowed;
        service->allowed_capacity = capacity;
    }
    put_on(service, key, root);
    relied_added(node, false);
    return VX6_OK;
}

enum vx6_code service_deny(struct vx6_node *node, vx6_span name, const uint8_t key[32])
{
    if (!vx6_label_is_valid(name))
        return VX6_INVALID;
    struct local_service *service = find(&node->sessions, name);
    if (service == NULL || !is_allowed(service, key))
        return VX6_STALE;
    take_off(service, key);
    services_end_sessions(node);
    return VX6_OK;
}

enum vx6_code service_admits(const struct vx6_node *node, vx6_span name, const uint8_t peer_key[32])
{
    if (bytes_equal(peer_key, node->keys.identity, sizeof node->keys.identity))
        return VX6_SELF;
    if (revoked_has(node, peer_key))
        return VX6_REVOKED;
    const struct local_service *service = find(&node->sessions, name);
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

uint32_t service_names(const struct vx6_node *node, vx6_span *names, uint32_t cap)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < node->sessions.service_count && count < cap; i++) {
        const struct local_service *service = &node->sessions.services[i];
        if (service->exposure == EXPOSURE_PUBLIC || service->exposure == EXPOSURE_LISTED)
            names[count++] = service_name(service);
    }
    return count;
}

uint32_t services_hosted(const struct vx6_node *node, struct vx6_hosted *hosted, uint32_t cap)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < node->sessions.service_count && count < cap; i++) {
        const struct local_service *service = &node->sessions.services[i];
        if (service->exposure != EXPOSURE_HOSTED)
            continue;
        hosted[count].name = service_name(service);
        memcpy(hosted[count++].host, service->host, sizeof service->host);
    }
    return count;
}

bool service_host(const struct vx6_node *node, vx6_span name, uint8_t host[32])
{
    const struct local_service *service = find(&node->sessions, name);
    if (service == NULL || service->exposure != EXPOSURE_HOSTED)
        return false;
    memcpy(host, service->host, sizeof service->host);
    return true;
}
