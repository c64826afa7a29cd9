/* SPDX-License-Identifier: MIT */
/* The commands about services. Spec: spec/control.md. */
#include <stdlib.h>
#include <string.h>

#include "driver.h"
#include "listening.h"
#include "names.h"
#include "offer.h"
#include "reachability.h"
#include "request.h"

static json_t *allowed_json(const struct host *host, const struct offer_facts *facts)
{
    json_t *list = json_array();
    for (size_t i = 0; i < facts->allowed_count; i++) {
        const uint8_t *key = facts->allowed[i];
        const struct store_binding *binding = names_by_key(host->names, key);
        json_array_append_new(list, json_pack("{s:o, s:s?}", "key", json_key(key), "name",
                                        binding ? binding->label : NULL));
    }
    return list;
}

/* The name that a key is bound to here, or null. */
static json_t *name_or_null(const struct host *host, const uint8_t key[32])
{
    const struct store_binding *binding = names_by_key(host->names, key);
    return binding ? json_string(binding->label) : json_null();
}

/* VX6-CTRL-033: it takes both, a way to this node and a program behind it. */
static void add_reach(const struct host *host, json_t *service, const struct offer_facts *facts)
{
    int64_t reached_unix_ms;
    enum reach_state state = reachability_of_node(host->reach, &reached_unix_ms);
    bool is_down = facts->is_up_known && !facts->is_up;
    json_t *is_reachable = json_null();
    if (facts->exposure == EXPOSURE_HOSTED)
        state = REACH_UNKNOWN; /* what counts is the way to that node */
    if (is_down || state == REACH_NO)
        is_reachable = json_false();
    else if (facts->is_up_known && state == REACH_YES)
        is_reachable = json_true();
    int64_t both = facts->up_unix_ms < reached_unix_ms ? facts->up_unix_ms : reached_unix_ms;
    json_object_set_new(
        service, "target_is_up", facts->is_up_known ? json_boolean(facts->is_up) : json_null());
    json_object_set_new(service, "target_up_unix_ms", json_time_or_null(facts->up_unix_ms));
    json_object_set_new(service, "reachable", is_reachable);
    json_object_set_new(service, "reachable_unix_ms", json_time_or_null(both));
}

static json_t *service_json(const struct host *host, struct offer_facts *facts)
{
    bool is_hosted = facts->exposure == EXPOSURE_HOSTED;
    json_t *service = json_pack("{s:s, s:o, s:o, s:o, s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
        "name", facts->name, "target", is_hosted ? json_null() : json_addr(&facts->target), "host",
        is_hosted ? json_key(facts->host) : json_null(), "host_name",
        is_hosted ? name_or_null(host, facts->host) : json_null(), "exposure",
        exposure_name(facts->exposure), "allowed", allowed_json(host, facts), "open",
        (json_int_t)facts->open_count, "connections", (json_int_t)facts->connection_count,
        "failures", (json_int_t)facts->failure_count, "sent_bytes",
        (json_int_t)facts->traffic.to_stream.bytes, "received_bytes",
        (json_int_t)facts->traffic.from_stream.bytes, "sent_bytes_per_s",
        (json_int_t)traffic_per_second(&facts->traffic.to_stream), "received_bytes_per_s",
        (json_int_t)traffic_per_second(&facts->traffic.from_stream));
    add_reach(host, service, facts);
    return service;
}

json_t *json_services(const struct host *host)
{
    json_t *list = json_array();
    struct offer_facts *facts;
    offers_look(host->offers);
    for (size_t i = 0; (facts = offers_facts(host->offers, i)) != NULL; i++)
        json_array_append_new(list, service_json(host, facts));
    return list;
}

/* Somebody who mistypes a port should hear of it now, and not from the first client. */
static json_t *added_json(const struct host *host, const struct offer_wish *wish)
{
    enum listening listening = listening_on(&wish->target);
    json_t *is_up = json_null();
    if (listening != LISTENING_UNKNOWN)
        is_up = json_boolean(listening == LISTENING_YES);
    return json_pack("{s:s, s:o, s:s, s:o, s:o}", "name", wish->name, "target",
        json_addr(&wish->target), "exposure", exposure_name(wish->exposure), "allowed",
        allowed_json(host, offers_named(host->offers, wish->name)), "target_is_up", is_up);
}

/* A key, or a name that is bound to one. */
static bool parse_who(
    const struct host *host, const char *text, uint8_t key[32], char error[TEXT_ERROR_SIZE])
{
    char shown[TEXT_ADDR_SIZE];
    if (text_key_parse(text, key))
        return true;
    const struct store_binding *binding =
        text_is_label(text) ? names_by_label(host->names, text) : NULL;
    if (binding) {
        memcpy(key, binding->key, sizeof binding->key);
        return true;
    }
    text_printable(shown, sizeof shown, text, strlen(text));
    return text_fail(error,
        "%s is neither a key nor a name that is bound to one here: give the key that its owner "
        "gets from vx6 identity, or bind the name to it with vx6 pin NAME KEY",
        shown);
}

/* False: with a line. The list is the caller's to free. */
static bool parse_allowed(
    const struct host *host, const json_t *list, uint8_t (**keys)[32], char error[TEXT_ERROR_SIZE])
{
    size_t count = json_array_size(list), max = vx6_limits_default.service_allow_max;
    if (count == 0)
        return true;
    if (count > max)
        return text_fail(error, "a service is open to %zu keys at most", max);
    *keys = calloc(count, sizeof **keys);
    if (*keys == NULL)
        return text_fail(error, "out of memory");
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (text == NULL)
            return text_fail(error, "allow is a list of keys and names");
        if (!parse_who(host, text, (*keys)[i], error))
            return false;
    }
    return true;
}

static bool parse_add(const char *text, const char *exposure, const json_t *allow,
    struct offer_wish *wish, char error[TEXT_ERROR_SIZE])
{
    char shown[TEXT_ADDR_SIZE];
    const char *reason = service_target_parse(text, &wish->target);
    text_printable(shown, sizeof shown, text, strlen(text));
    wish->exposure = exposure_parse(exposure);
    if (wish->exposure == EXPOSURE_HOSTED) /* which service_host says */
        wish->exposure = EXPOSURE_COUNT;
    if (reason)
        return text_fail(error, "the target %s %s", shown, reason);
    if (!text_is_label(wish->name))
        return text_label_fail(error, wish->name);
    if (wish->exposure == EXPOSURE_COUNT)
        return text_fail(error, "the exposure must be said: public lets whoever resolves this node "
                                "use the service, listed and private those who are allowed");
    if (wish->exposure == EXPOSURE_PUBLIC && json_array_size(allow) > 0)
        return text_fail(error, "what is public is open to all: with a list of who may use it, a "
                                "service is listed or private");
    return true;
}

/* VX6-CTRL-006 */
void command_service_add(struct request *request)
{
    const char *command, *text, *exposure;
    json_t *allow = NULL;
    char line[TEXT_ERROR_SIZE];
    struct offer_wish wish = {0};
    uint8_t(*keys)[32] = NULL;
    enum vx6_code code = VX6_INVALID;
    if (!request_unpack(request, "{s:s, s:s, s:s, s:s, s?o !}", "command", &command, "name",
            &wish.name, "target", &text, "exposure", &exposure, "allow", &allow))
        return;
    if (allow && !json_is_array(allow))
        text_fail(line, "allow is a list of keys and names");
    else if (parse_add(text, exposure, allow, &wish, line) &&
             parse_allowed(request->host, allow, &keys, line)) {
        wish.allowed = (const uint8_t(*)[32])keys;
        wish.allowed_count = json_array_size(allow);
        code = offers_add(request->host->offers, &wish, line);
    }
    free(keys);
    if (code == VX6_OK)
        request_answer(request, added_json(request->host, &wish));
    else
        request_fail(request, code, line);
}

static bool is_own_key(const struct host *host, const uint8_t key[32])
{
    uint8_t own[32], id[32];
    driver_identity(host->driver, own, id);
    return memcmp(own, key, sizeof own) == 0;
}

/* VX6-CTRL-027 */
void command_service_host(struct request *request)
{
    const char *command, *who;
    char line[TEXT_ERROR_SIZE];
    struct offer_wish wish = {.exposure = EXPOSURE_HOSTED};
    enum vx6_code code = VX6_INVALID;
    if (!request_unpack(
            request, "{s:s, s:s, s:s !}", "command", &command, "name", &wish.name, "at", &who))
        return;
    if (!text_is_label(wish.name))
        text_label_fail(line, wish.name);
    else if (parse_who(request->host, who, wish.host, line))
        code = is_own_key(request->host, wish.host)
                   ? VX6_SELF
                   : offers_add(request->host->offers, &wish, line);
    if (code == VX6_SELF)
        text_fail(line, "that is the key of this node itself: give the service's target instead");
    if (code == VX6_OK)
        request_answer(
            request, json_pack("{s:s, s:o, s:o}", "name", wish.name, "host", json_key(wish.host),
                         "host_name", name_or_null(request->host, wish.host)));
    else
        request_fail(request, code, line);
}

/* VX6-CTRL-021 */
static void change_allowed(
    struct request *request, enum vx6_code (*change)(struct offers *offers, const char *name,
                                 const uint8_t key[32], char error[TEXT_ERROR_SIZE]))
{
    const char *command, *name, *who;
    char line[TEXT_ERROR_SIZE];
    uint8_t key[32];
    enum vx6_code code = VX6_INVALID;
    if (!request_unpack(
            request, "{s:s, s:s, s:s !}", "command", &command, "name", &name, "who", &who))
        return;
    if (!text_is_label(name))
        text_fail(line, "that is no service's name: vx6 service list shows them");
    else if (parse_who(request->host, who, key, line))
        code = change(request->host->offers, name, key, line);
    if (code == VX6_OK)
        request_answer(
            request, json_pack("{s:s, s:o, s:o}", "name", name, "key", json_key(key), "allowed",
                         allowed_json(request->host, offers_named(request->host->offers, name))));
    else
        request_fail(request, code, line);
}

void command_service_allow(struct request *request)
{
    change_allowed(request, offers_allow);
}

void command_service_deny(struct request *request)
{
    change_allowed(request, offers_deny);
}

void command_service_remove(struct request *request)
{
    const char *command, *name;
    char line[TEXT_ERROR_SIZE];
    if (!request_unpack(request, "{s:s, s:s !}", "command", &command, "name", &name))
        return;
    if (!text_is_label(name)) {
        request_fail(
            request, VX6_INVALID, "that is no service's name: vx6 service list shows them");
        return;
    }
    enum vx6_code code = offers_remove(request->host->offers, name, line);
    if (code == VX6_OK)
        request_answer(request, json_pack("{s:s}", "name", name));
    else
        request_fail(request, code, line);
}
