/* SPDX-License-Identifier: MIT */
/* connect and disconnect. A forward in the foreground lives as long as the control connection that
 * asked for it; one in the background until it is disconnected or the node ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forward.h"
#include "net.h"
#include "request.h"

/* What a connect asks for, as it came. */
struct connect_fields {
    const char *name, *addr, *service, *key, *listen;
    int background;
};

struct connecting {
    struct request *request;
    uint32_t number;
    int is_background;
};

json_t *json_forward(struct forward_facts *facts)
{
    const struct forward_config *config = &facts->config;
    json_t *failure = json_null();
    if (facts->error[0] != 0)
        failure =
            json_pack("{s:s, s:s}", "code", vx6_code_name(facts->code), "error", facts->error);
    json_t *object = json_pack("{s:I, s:s, s:o, s:s, s:o, s:b, s:o}", "forward",
        (json_int_t)facts->number, "name", config->name, "listen", json_addr(&config->listen),
        "state", forward_state_name(facts->state), "key", json_key_or_null(facts->key),
        "key_is_new", facts->key_is_new ? 1 : 0, "last_failure", failure);
    json_object_set_new(object, "addr", config->by_addr ? json_addr(&config->addr) : json_null());
    json_object_set_new(object, "key_before", json_key_or_null(facts->key_before));
    json_object_set_new(object, "peer", facts->peer.port ? json_addr(&facts->peer) : json_null());
    struct traffic *traffic = &facts->traffic;
    json_t *numbers =
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "open", (json_int_t)facts->open_count,
            "connections", (json_int_t)facts->connection_count, "failures",
            (json_int_t)facts->failure_count, "sent_bytes", (json_int_t)traffic->to_stream.bytes,
            "received_bytes", (json_int_t)traffic->from_stream.bytes, "sent_bytes_per_s",
            (json_int_t)traffic_per_second(&traffic->to_stream), "received_bytes_per_s",
            (json_int_t)traffic_per_second(&traffic->from_stream));
    json_object_update(object, numbers);
    json_decref(numbers);
    return object;
}

static void connecting_free(struct connecting *connecting)
{
    if (connecting->request) {
        connecting->request->work = NULL;
        connecting->request->abandoned = NULL;
    }
    free(connecting);
}

/* VX6-CTRL-009 */
static void abandoned(struct request *request)
{
    struct connecting *connecting = request->work;
    struct forwards *forwards = request->host->forwards;
    uint32_t number = connecting->number;
    forwards_ignore(forwards, number);
    connecting_free(connecting);
    (void)forwards_end(forwards, number);
}

static void is_up(struct connecting *connecting, const struct forward_facts *facts)
{
    struct request *request = connecting->request;
    struct forward_facts copy = *facts;
    if (request->is_answered) {
        request_tell(request, json_pack("{s:s}", "event", "up"));
        return;
    }
    if (connecting->is_background) {
        forwards_ignore(request->host->forwards, connecting->number);
        connecting_free(connecting);
    } else {
        request->is_held = true;
    }
    request_answer(request, json_forward(&copy));
}

/* VX6-CTRL-008 */
static void on_forward_heard(
    void *context, const struct forward_facts *facts, enum forward_news news)
{
    struct connecting *connecting = context;
    struct request *request = connecting->request;
    switch (news) {
    case FORWARD_IS_UP:
        is_up(connecting, facts);
        return;
    case FORWARD_FAILED:
        if (request->is_answered) {
            request_tell(request, json_pack("{s:s, s:s, s:s}", "event", "failed", "code",
                                      vx6_code_name(facts->code), "error", facts->error));
            return;
        }
        forwards_ignore(request->host->forwards, connecting->number);
        connecting_free(connecting);
        request_fail(request, facts->code, facts->error);
        return;
    case FORWARD_ENDED:
        request_tell(request, json_pack("{s:s}", "event", "ended"));
        connecting_free(connecting);
        return;
    }
}

/* VX6-CTRL-007 */
static bool parse_listen(const char *text, vx6_addr *listen, char error[TEXT_ERROR_SIZE])
{
    char shown[TEXT_ADDR_SIZE];
    if (text == NULL) {
        (void)text_addr_parse("127.0.0.1:1", listen);
        listen->port = 0;
        return true;
    }
    text_printable(shown, sizeof shown, text, strlen(text));
    const char *reason = text_addr_parse(text, listen);
    if (reason)
        return text_fail(error, "the address %s %s", shown, reason);
    if (net_scope(listen) != NET_LOOPBACK)
        return text_fail(error,
            "%s is not on loopback, and others could use the forward: listen on 127.0.0.1 or [::1]",
            shown);
    return true;
}

static bool parse(struct host *host, const struct connect_fields *fields,
    struct forward_config *config, enum vx6_code *code, char error[TEXT_ERROR_SIZE])
{
    const char *name = fields->addr ? fields->service : fields->name;
    char shown[FORWARD_NAME_SIZE];
    if (name == NULL || (fields->addr && fields->name) || (fields->key && !fields->addr))
        return text_fail(
            error, "connect takes a name such as alice.web, or an address, a service and its key");
    text_printable(shown, sizeof shown, name, strlen(name));
    if (fields->addr && !text_is_label(name))
        return text_fail(error,
            "%s is no service's name: with an address give the service alone, such as web", shown);
    if (!fields->addr && !text_is_service_name(name))
        return text_fail(error, "%s is no name of a service: it must look like alice.web", shown);
    snprintf(config->name, sizeof config->name, "%s", name);
    if (fields->addr) {
        struct place place = {0};
        if (!place_parse(host, fields->addr, fields->key, &place, code, error))
            return false;
        config->by_addr = true;
        config->addr = place.addr;
        config->key_source = place.key_source;
        memcpy(config->key, place.key, sizeof config->key);
    }
    return parse_listen(fields->listen, &config->listen, error);
}

void command_connect(struct request *request)
{
    const char *command;
    struct connect_fields fields = {0};
    struct forward_config config = {.key_source = EXPLAIN_KEY_NONE};
    char line[TEXT_ERROR_SIZE];
    enum vx6_code code = VX6_INVALID;
    if (!request_unpack(request, "{s:s, s?s, s?s, s?s, s?s, s?s, s?b !}", "command", &command,
            "name", &fields.name, "addr", &fields.addr, "service", &fields.service, "key",
            &fields.key, "listen", &fields.listen, "background", &fields.background))
        return;
    if (!parse(request->host, &fields, &config, &code, line)) {
        request_fail(request, code, line);
        return;
    }
    struct connecting *connecting = calloc(1, sizeof *connecting);
    if (connecting == NULL) {
        request_fail(request, VX6_NOMEM, "out of memory");
        return;
    }
    const struct forward_facts *facts =
        forwards_open(request->host->forwards, &config, on_forward_heard, connecting, &code, line);
    if (facts == NULL) {
        free(connecting);
        request_fail(request, code, line);
        return;
    }
    *connecting = (struct connecting){request, facts->number, fields.background};
    request->work = connecting;
    request->abandoned = abandoned;
}

static bool matches(const struct forward_facts *facts, const char *what)
{
    char number[16], listen[TEXT_ADDR_SIZE];
    snprintf(number, sizeof number, "%u", facts->number);
    text_addr(listen, &facts->config.listen);
    return strcmp(what, number) == 0 || strcmp(what, listen) == 0 ||
           strcmp(what, facts->config.name) == 0;
}

void command_disconnect(struct request *request)
{
    const char *command, *what;
    if (!request_unpack(request, "{s:s, s:s !}", "command", &command, "what", &what))
        return;
    struct forwards *forwards = request->host->forwards;
    json_t *ended = json_array();
    struct forward_facts *facts;
    for (size_t i = 0; (facts = forwards_facts(forwards, i)) != NULL;) {
        if (!matches(facts, what)) {
            i++;
            continue;
        }
        json_array_append_new(ended, json_forward(facts));
        (void)forwards_end(forwards, facts->number);
    }
    if (json_array_size(ended) > 0) {
        request_answer(request, json_pack("{s:o}", "ended", ended));
        return;
    }
    json_decref(ended);
    char line[TEXT_ERROR_SIZE], shown[TEXT_ADDR_SIZE];
    text_printable(shown, sizeof shown, what, strlen(what));
    snprintf(
        line, sizeof line, "there is no forward %s: vx6 status shows those that are open", shown);
    request_fail(request, VX6_NOT_FOUND, line);
}
