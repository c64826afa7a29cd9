/* SPDX-License-Identifier: MIT */
/* What this node offers. Spec: spec/sessions.md, "Services". */
#include "service.h"

/* Index of the first service that does not come before `name`. */
static uint32_t position(const struct sessions *sessions, vx6_span name)
{
    uint32_t at = 0;
    while (at < sessions->service_count &&
           label_compare(service_name(&sessions->services[at]), name) < 0)
        at++;
    return at;
}

struct local_service *service_find(const struct sessions *sessions, vx6_span name)
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
    struct blob *kept = blob_get(node->env, name);
    if (kept == NULL)
        return NULL;
    uint32_t at = position(sessions, name);
    struct local_service *service = &sessions->services[at];
    memmove(service + 1, service, (sessions->service_count - at) * sizeof *service);
    *service = (struct local_service){.name = kept};
    sessions->service_count++;
    *code = VX6_OK;
    return service;
}

enum vx6_code service_add(struct vx6_node *node, vx6_span name, enum exposure exposure)
{
    if (!vx6_label_is_valid(name))
        return VX6_INVALID;
    struct local_service *service = service_find(&node->sessions, name);
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
    struct blob *kept = blob_get(node->env, (vx6_span){host, 32});
    if (kept == NULL)
        return VX6_NOMEM;
    struct local_service *service = service_find(&node->sessions, name);
    bool is_new = service == NULL;
    enum vx6_code code = VX6_OK;
    if (is_new)
        service = insert(node, name, &code);
    else if (service->exposure != EXPOSURE_HOSTED)
        code = VX6_INVALID;
    if (code != VX6_OK) {
        blob_drop(node->env, kept);
        return code;
    }
    service->exposure = EXPOSURE_HOSTED;
    blob_drop(node->env, service->host);
    service->host = kept;
    if (is_new && !publish_has_room(node)) {
        trace(node, VX6_EVENT_limit_reached, NULL, VX6_MSG_service_list, 0, VX6_LIMIT);
        (void)service_remove(node, name);
        return VX6_LIMIT;
    }
    publish_changed(node);
    return VX6_OK;
}

static void service_forget(struct vx6_node *node, struct local_service *service)
{
    access_forget(node, service);
    blob_drop(node->env, service->name);
    blob_drop(node->env, service->host);
}

void services_free(struct vx6_node *node)
{
    struct sessions *sessions = &node->sessions;
    for (uint32_t i = 0; i < sessions->service_count; i++)
        service_forget(node, &sessions->services[i]);
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
    struct local_service *service = service_find(sessions, name);
    if (service == NULL)
        return VX6_STALE;
    service_forget(node, service);
    size_t at = (size_t)(service - sessions->services);
    sessions->service_count--;
    memmove(service, service + 1, (sessions->service_count - at) * sizeof *service);
    if (sessions->service_count == 0)
        services_free(node);
    services_end_sessions(node);
    publish_changed(node);
    return VX6_OK;
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
        memcpy(hosted[count++].host, service->host->data, 32);
    }
    return count;
}

bool service_host(const struct vx6_node *node, vx6_span name, uint8_t host[32])
{
    const struct local_service *service = service_find(&node->sessions, name);
    if (service == NULL || service->exposure != EXPOSURE_HOSTED)
        return false;
    memcpy(host, service->host->data, 32);
    return true;
}
