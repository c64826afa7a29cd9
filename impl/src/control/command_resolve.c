/* SPDX-License-Identifier: MIT */
/* resolve: who answers to a name, with every claimant when there are several. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"
#include "explain.h"
#include "operations.h"
#include "request.h"
#include "vx6/msg.h"

struct resolving {
    struct request *request;
    vx6_id operation;
    json_t *candidates;
    char name[VX6_NAME_MAX + 1];
};

static json_t *json_span(vx6_span span)
{
    return json_stringn((const char *)span.data, span.len);
}

static json_t *endpoints_of(vx6_span record)
{
    struct vx6_msg msg;
    struct vx6_endpoint endpoint;
    json_t *list = json_array();
    if (vx6_msg_decode(&msg, VX6_SCOPE_RECORD, record.data, record.len) != NULL ||
        msg.type != VX6_MSG_node_record)
        return list;
    while (vx6_next_endpoint(&msg.u.node_record.endpoints, &endpoint)) {
        vx6_addr addr = {.port = endpoint.port};
        memcpy(addr.ip, endpoint.ip, sizeof addr.ip);
        json_array_append_new(list, json_addr(&addr));
    }
    return list;
}

/* The services of the node itself, and those that others host for it. */
static void add_services(json_t *object, vx6_span record)
{
    struct vx6_msg msg;
    struct vx6_service service;
    struct vx6_hosted hosted;
    json_t *services = json_array(), *elsewhere = json_array();
    bool is_list = record.len > 0 &&
                   vx6_msg_decode(&msg, VX6_SCOPE_RECORD, record.data, record.len) == NULL &&
                   msg.type == VX6_MSG_service_list;
    while (is_list && vx6_next_service(&msg.u.service_list.services, &service))
        json_array_append_new(services, json_span(service.name));
    while (is_list && vx6_next_hosted(&msg.u.service_list.hosted, &hosted))
        json_array_append_new(elsewhere,
            json_pack("{s:o, s:o}", "name", json_span(hosted.name), "host", json_key(hosted.host)));
    json_object_set_new(object, "services", services);
    json_object_set_new(object, "hosted", elsewhere);
}

static json_t *candidate_json(const uint8_t key[32], vx6_span bundle)
{
    struct vx6_msg msg;
    json_t *object = json_pack("{s:o}", "key", json_key(key));
    if (vx6_msg_decode(&msg, VX6_SCOPE_RECORD, bundle.data, bundle.len) == NULL &&
        msg.type == VX6_MSG_bundle) {
        json_object_set_new(object, "endpoints", endpoints_of(msg.u.bundle.node));
        add_services(object, msg.u.bundle.services);
    }
    return object;
}

static const char *key_text(const json_t *candidates, size_t index)
{
    return json_string_value(json_object_get(json_array_get(candidates, index), "key"));
}

/* As few letters of a candidate's key as tell it from all others; those that were asked with have
 * told it from some that are not here. */
static size_t hint_len(const json_t *candidates, size_t index, size_t asked_len)
{
    const char *key = key_text(candidates, index);
    size_t len = asked_len > VX6_HINT_MIN ? asked_len : VX6_HINT_MIN;
    for (size_t i = 0; i < json_array_size(candidates); i++) {
        while (i != index && len < VX6_HINT_MAX && strncmp(key, key_text(candidates, i), len) == 0)
            len++;
    }
    return len;
}

/* Each candidate gets a name by which it alone is meant. */
static void name_candidates(json_t *candidates, const char *text)
{
    struct vx6_name name;
    VX6_ASSERT(vx6_name_parse((vx6_span){(const uint8_t *)text, strlen(text)}, &name));
    for (size_t i = 0; i < json_array_size(candidates); i++) {
        json_t *full = json_sprintf("%.*s~%.*s%s%.*s", (int)name.label.len,
            (const char *)name.label.data, (int)hint_len(candidates, i, name.hint.len),
            key_text(candidates, i), name.service.len > 0 ? "." : "", (int)name.service.len,
            name.service.len > 0 ? (const char *)name.service.data : "");
        json_object_set_new(json_array_get(candidates, i), "name", full);
    }
}

/* Behind the one claimant comes, where its service is at another node, that node. */
static json_t *take_host(json_t *candidates, const uint8_t owner[32])
{
    static const uint8_t none[32];
    char owner_text[TEXT_KEY_SIZE];
    text_key(owner_text, owner);
    if (memcmp(owner, none, sizeof none) == 0 || json_array_size(candidates) < 2 ||
        strcmp(key_text(candidates, 0), owner_text) != 0)
        return json_null();
    json_t *host = json_incref(json_array_get(candidates, 1));
    while (json_array_size(candidates) > 1)
        json_array_remove(candidates, 1);
    return host;
}

static void resolving_free(struct resolving *resolving)
{
    json_decref(resolving->candidates);
    free(resolving);
}

static void on_heard(void *context, const struct vx6_out *out)
{
    struct resolving *resolving = context;
    struct request *request = resolving->request;
    if (out->kind == VX6_OUT_CANDIDATE) {
        json_array_append_new(resolving->candidates, candidate_json(out->key, out->value));
        return;
    }
    json_t *host = take_host(resolving->candidates, out->key);
    name_candidates(resolving->candidates, resolving->name);
    json_t *object = json_pack("{s:s, s:O, s:o, s:I, s:I, s:I}", "name", resolving->name,
        "candidates", resolving->candidates, "host", host, "hops", (json_int_t)out->hops, "queries",
        (json_int_t)out->queries, "lost", (json_int_t)out->lost);
    struct explain_subject subject = {
        .name = resolving->name, .is_ending = driver_is_shutting_down(request->host->driver)};
    char line[TEXT_ERROR_SIZE];
    explain(line, &subject, out->code);
    if (out->code == VX6_OK) {
        json_object_set_new(object, "key", json_key(out->key));
        request_answer(request, object);
    } else {
        request_fail_with(request, out->code, line, object);
    }
    resolving_free(resolving);
}

static void abandoned(struct request *request)
{
    struct resolving *resolving = request->work;
    operations_cancel(request->host->operations, resolving->operation);
    resolving_free(resolving);
}

void command_resolve(struct request *request)
{
    const char *command, *name;
    char line[TEXT_ERROR_SIZE];
    if (!request_unpack(request, "{s:s, s:s !}", "command", &command, "name", &name))
        return;
    if (!text_is_name(name)) {
        request_fail(request, VX6_INVALID,
            "that is no name: it must look like alice or alice.web (a-z, 0-9, inner hyphens)");
        return;
    }
    struct resolving *resolving = calloc(1, sizeof *resolving);
    if (resolving == NULL) {
        request_fail(request, VX6_NOMEM, "out of memory");
        return;
    }
    resolving->request = request;
    resolving->candidates = json_array();
    snprintf(resolving->name, sizeof resolving->name, "%s", name);
    struct vx6_in in = {.kind = VX6_IN_RESOLVE, .data = (const uint8_t *)name, .len = strlen(name)};
    enum vx6_code code = operations_start(request->host->operations, &in, on_heard, resolving);
    if (code != VX6_OK) {
        struct explain_subject subject = {
            .name = resolving->name, .is_ending = driver_is_shutting_down(request->host->driver)};
        explain(line, &subject, code);
        resolving_free(resolving);
        request_fail(request, code, line);
        return;
    }
    resolving->operation = in.id;
    request->work = resolving;
    request->abandoned = abandoned;
}
