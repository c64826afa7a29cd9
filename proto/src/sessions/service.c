/* SPDX-License-Identifier: MIT */
/* What this node offers, and who may use it. Spec: spec/sessions.md, "Services". */
#include "session_internal.h"

struct local_service {
    uint8_t len;
    char name[VX6_LABEL_MAX];
};

static vx6_span service_name(const struct local_service *service)
{
    return (vx6_span){(const uint8_t *)service->name, service->len};
}

static int name_compare(vx6_span a, vx6_span b)
{
    int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* Index of the first service that does not come before `name`. */
static uint32_t position(const struct sessions *sessions, vx6_span name)
{
    uint32_t at = 0;
    while (at < sessions->service_count &&
           name_compare(service_name(&sessions->services[at]), name) < 0)
        at++;
    return at;
}

static bool is_offered(const struct sessions *sessions, vx6_span name)
{
    uint32_t at = position(sessions, name);
    return at < sessions->service_count && span_equal(service_name(&sessions->services[at]), name);
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

enum vx6_code service_add(struct vx6_node *node, vx6_span name)
{
    struct sessions *sessions = &node->sessions;
    if (!vx6_label_is_valid(name))
        return VX6_INVALID;
    if (is_offered(sessions, name))
        return VX6_OK;
    if (sessions->service_count >= node->env->limits->service_max) {
        trace(node, VX6_EVENT_limit_reached, NULL, 0, 0, VX6_LIMIT);
        return VX6_LIMIT;
    }
    if (!make_room(node))
        return VX6_NOMEM;
    struct local_service *services = sessions->services;
    uint32_t at = position(sessions, name);
    memmove(&services[at + 1], &services[at], (sessions->service_count - at) * sizeof *services);
    services[at].len = (uint8_t)name.len;
    memcpy(services[at].name, name.data, name.len);
    sessions->service_count++;
    publish_changed(node);
    return VX6_OK;
}

void services_free(struct vx6_node *node)
{
    struct sessions *sessions = &node->sessions;
    env_free(
        node->env, sessions->services, sessions->service_capacity * sizeof *sessions->services);
    sessions->services = NULL;
    sessions->service_count = sessions->service_capacity = 0;
}

static void end_sessions_of(struct vx6_node *node, vx6_span name)
{
    struct turn *next;
    for (struct turn *turn = node->sessions.list.first; turn; turn = next) {
        struct session *session = CONTAINER_OF(turn, struct session, turn);
        next = turn->next;
        vx6_span service = name_view(&session->name).service;
        if (session->role == SESSION_OWNER && span_equal(service, name))
            session_end(node, session, VX6_NO_SERVICE, NOTICE_SEND);
    }
}

enum vx6_code service_remove(struct vx6_node *node, vx6_span name)
{
    struct sessions *sessions = &node->sessions;
    if (!vx6_label_is_valid(name))
        return VX6_INVALID;
    if (!is_offered(sessions, name))
        return VX6_STALE;
    uint32_t at = position(sessions, name);
    sessions->service_count--;
    memmove(&sessions->services[at], &sessions->services[at + 1],
        (sessions->service_count - at) * sizeof *sessions->services);
    if (sessions->service_count == 0)
        services_free(node);
    end_sessions_of(node, name);
    publish_changed(node);
    return VX6_OK;
}

uint32_t service_names(const struct vx6_node *node, vx6_span *names, uint32_t cap)
{
    uint32_t count = 0;
    while (count < node->sessions.service_count && count < cap) {
        names[count] = service_name(&node->sessions.services[count]);
        count++;
    }
    return count;
}

/* VX6-SESS-003: every service is public today; a list of keys would be asked here. */
enum vx6_code service_admits(
    const struct vx6_node *node, vx6_span service, const uint8_t peer_key[32])
{
    if (bytes_equal(peer_key, node->keys.identity, sizeof node->keys.identity))
        return VX6_SELF;
    return is_offered(&node->sessions, service) ? VX6_OK : VX6_NO_SERVICE;
}
