/* SPDX-License-Identifier: MIT */
/* The commands about services. Spec: spec/control.md. */
#include <string.h>

#include "listening.h"
#include "offer.h"
#include "request.h"

static json_t *service_json(struct offer_facts *facts)
{
    return json_pack("{s:s, s:o, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "name", facts->name,
        "target", json_addr(&facts->target), "exposure", "public", "open",
        (json_int_t)facts->open_count, "connections", (json_int_t)facts->connection_count,
        "failures", (json_int_t)facts->failure_count, "sent_bytes",
        (json_int_t)facts->traffic.to_stream.bytes, "received_bytes",
        (json_int_t)facts->traffic.from_stream.bytes, "sent_bytes_per_s",
        (json_int_t)traffic_per_second(&facts->traffic.to_stream), "received_bytes_per_s",
        (json_int_t)traffic_per_second(&facts->traffic.from_stream));
}

json_t *json_services(struct offers *offers)
{
    json_t *list = json_array();
    struct offer_facts *facts;
    for (size_t i = 0; (facts = offers_facts(offers, i)) != NULL; i++)
        json_array_append_new(list, service_json(facts));
    return list;
}

void command_service_list(struct request *request)
{
    const char *command;
    if (request_unpack(request, "{s:s !}", "command", &command))
        request_answer(
            request, json_pack("{s:o}", "services", json_services(request->host->offers)));
}

/* Somebody who mistypes a port should hear of it now, and not from the first client. */
static json_t *added_json(const char *name, const vx6_addr *target)
{
    enum listening listening = listening_on(target);
    json_t *is_up = json_null();
    if (listening != LISTENING_UNKNOWN)
        is_up = json_boolean(listening == LISTENING_YES);
    return json_pack("{s:s, s:o, s:s, s:o}", "name", name, "target", json_addr(target), "exposure",
        "public", "target_is_up", is_up);
}

/* VX6-CTRL-006 */
void command_service_add(struct request *request)
{
    const char *command, *name, *text, *exposure;
    char line[TEXT_ERROR_SIZE];
    vx6_addr target;
    if (!request_unpack(request, "{s:s, s:s, s:s, s:s !}", "command", &command, "name", &name,
            "target", &text, "exposure", &exposure))
        return;
    char shown[TEXT_ADDR_SIZE];
    const char *reason = offer_target_parse(text, &target);
    text_printable(shown, sizeof shown, reason ? text : name, strlen(reason ? text : name));
    enum vx6_code code = VX6_INVALID;
    if (reason)
        text_fail(line, "the target %s %s", shown, reason);
    else if (!text_is_label(name))
        text_fail(
            line, "the name %s is no label: use 1 to 63 of a-z, 0-9 and inner hyphens", shown);
    else if (strcmp(exposure, "public") != 0)
        text_fail(line, "the exposure must be said: public lets whoever resolves this node use the "
                        "service");
    else
        code = offers_add(request->host->offers, name, &target, line);
    if (code == VX6_OK)
        request_answer(request, added_json(name, &target));
    else
        request_fail(request, code, line);
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
