/* SPDX-License-Identifier: MIT */
/* status: everything that the node knows of itself; and waiting until it is ready. */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"
#include "endpoints.h"
#include "forward.h"
#include "keys.h"
#include "reachability.h"
#include "request.h"
#include "tcp.h"

enum {
    LOOK_AGAIN_MS = 50,
    WAIT_MAX_MS = 600000
};

struct waiting {
    struct request *request;
    struct event *look;
    int64_t until_ms; /* steady */
};

static json_t *json_endpoints(const struct endpoints *endpoints,
    const vx6_addr *(*at)(const struct endpoints *endpoints, size_t index))
{
    json_t *list = json_array();
    const vx6_addr *addr;
    for (size_t i = 0; (addr = at(endpoints, i)) != NULL; i++)
        json_array_append_new(list, json_addr(addr));
    return list;
}

static json_t *json_links(const struct tcp *tcp)
{
    json_t *list = json_array();
    struct tcp_link_facts facts;
    for (size_t i = 0; tcp_link_facts(tcp, i, &facts); i++)
        json_array_append_new(
            list, json_pack("{s:o, s:b, s:I, s:I}", "peer", json_addr(&facts.peer), "dialled",
                      facts.is_dialled ? 1 : 0, "received_bytes", (json_int_t)facts.received_bytes,
                      "sent_bytes", (json_int_t)facts.sent_bytes));
    return list;
}

static json_t *json_forwards(struct forwards *forwards)
{
    json_t *list = json_array();
    struct forward_facts *facts;
    for (size_t i = 0; (facts = forwards_facts(forwards, i)) != NULL; i++)
        json_array_append_new(list, json_forward(facts));
    return list;
}

static json_t *json_counts(const struct driver *driver)
{
    struct vx6_counts counts;
    driver_counts(driver, &counts);
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "contacts",
        (json_int_t)counts.contacts, "contacts_crowded", (json_int_t)counts.contacts_crowded,
        "links", (json_int_t)counts.links, "sessions", (json_int_t)counts.sessions, "streams",
        (json_int_t)counts.streams, "bundles", (json_int_t)counts.bundles, "lookups",
        (json_int_t)counts.lookups, "operations", (json_int_t)counts.operations);
}

static json_t *json_counters(const struct driver *driver)
{
    json_t *object = json_object();
    for (int kind = 0; kind < VX6_EVENT_COUNT; kind++)
        json_object_set_new(object, vx6_event_name((enum vx6_event_kind)kind),
            json_integer((json_int_t)driver_counter(driver, (enum vx6_event_kind)kind)));
    return object;
}

static json_t *json_reasons(const struct driver *driver)
{
    json_t *object = json_object();
    const struct reasons *reasons = driver_reasons(driver);
    enum vx6_event_kind kind = (enum vx6_event_kind)0;
    enum vx6_code code = VX6_OK;
    uint64_t count;
    while (reasons_next(reasons, &kind, &code, &count)) {
        const char *event = vx6_event_name(kind);
        json_t *of_event = json_object_get(object, event);
        if (of_event == NULL) {
            of_event = json_object();
            json_object_set_new(object, event, of_event);
        }
        const char *name = vx6_code_name(code); /* one for all numbers that have none */
        json_int_t more = json_integer_value(json_object_get(of_event, name));
        json_object_set_new(of_event, name, json_integer((json_int_t)count + more));
    }
    return object;
}

/* VX6-CTRL-032 */
static json_t *json_clock(const struct driver *driver)
{
    struct vx6_clock clock;
    driver_clock(driver, &clock);
    const char *state = clock.offset_s != 0 ? "corrected"
                        : clock.is_beyond   ? "wrong"
                        : clock.is_known    ? "right"
                                            : "unknown";
    return json_pack("{s:s, s:I, s:o, s:I, s:I}", "state", state, "correction_s",
        (json_int_t)clock.offset_s, "wrong_s",
        clock.is_known || clock.is_beyond ? json_integer((json_int_t)clock.wrong_s) : json_null(),
        "responders", (json_int_t)clock.responders, "networks", (json_int_t)clock.networks);
}

/* VX6-CTRL-033 */
json_t *json_reach(const struct reachability *reach)
{
    json_t *endpoints = json_array();
    int64_t reached_unix_ms;
    struct reach_facts facts;
    for (size_t i = 0; reachability_facts(reach, i, &facts); i++)
        json_array_append_new(
            endpoints, json_pack("{s:o, s:s, s:I, s:I, s:s?, s:o}", "endpoint",
                           json_addr(&facts.endpoint), "state", reach_state_name(facts.state),
                           "peers", (json_int_t)facts.peers, "heard", (json_int_t)facts.heard,
                           "code", facts.code == VX6_OK ? NULL : vx6_code_name(facts.code),
                           "reached_unix_ms", json_time_or_null(facts.reached_unix_ms)));
    enum reach_state state = reachability_of_node(reach, &reached_unix_ms);
    return json_pack("{s:s, s:o, s:o}", "state", reach_state_name(state), "reached_unix_ms",
        json_time_or_null(reached_unix_ms), "endpoints", endpoints);
}

static json_t *json_errors(const struct journal *journal)
{
    json_t *list = json_array();
    const struct journal_error *error;
    for (size_t i = 0; (error = journal_last(journal, i)) != NULL; i++)
        json_array_append_new(
            list, json_pack("{s:I, s:I, s:s, s:s}", "unix_ms", (json_int_t)error->unix_ms, "count",
                      (json_int_t)error->count, "event", journal_layout(error->kind)->name, "error",
                      error->text));
    return list;
}

static json_t *status_json(struct host *host)
{
    uint8_t key[32], id[32];
    char hex[65];
    driver_identity(host->driver, key, id);
    text_hex(hex, id, sizeof id);
    json_t *status = json_pack("{s:i, s:b, s:b, s:o, s:s, s:s, s:I, s:o, s:o}", "version",
        CONTROL_VERSION, "ready", host_is_ready(host), "joined", host_has_joined(host), "key",
        json_key(key), "node_id", hex, "name", host->label, "uptime_ms",
        (json_int_t)(steady_ms_now() - host->started_ms), "listen",
        json_endpoints(host->endpoints, endpoints_listening), "endpoints",
        json_endpoints(host->endpoints, endpoints_published));
    json_object_set_new(status, "revoked", json_boolean(keys_own_is_revoked(host->keys)));
    json_object_set_new(status, "clock", json_clock(host->driver));
    json_object_set_new(status, "reach", json_reach(host->reach));
    json_object_set_new(status, "counts", json_counts(host->driver));
    json_object_set_new(status, "links", json_links(host->tcp));
    json_object_set_new(status, "services", json_services(host));
    json_object_set_new(status, "forwards", json_forwards(host->forwards));
    json_object_set_new(status, "counters", json_counters(host->driver));
    json_object_set_new(status, "reasons", json_reasons(host->driver));
    json_object_set_new(status, "errors", json_errors(host->journal));
    return status;
}

static void waiting_free(struct waiting *waiting)
{
    if (waiting->look)
        event_free(waiting->look);
    free(waiting);
}

static void abandoned(struct request *request)
{
    waiting_free(request->work);
}

static void on_look(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct waiting *waiting = context;
    struct request *request = waiting->request;
    if (host_is_ready(request->host)) {
        waiting_free(waiting);
        request_answer(request, status_json(request->host));
    } else if (keys_own_is_revoked(request->host->keys)) { /* VX6-CTRL-045 */
        waiting_free(waiting);
        request_fail_with(request, VX6_REVOKED,
            "the key of this node is revoked, and nobody believes it any more: vx6 doctor says "
            "what to do",
            status_json(request->host));
    } else if (steady_ms_now() >= waiting->until_ms) {
        waiting_free(waiting);
        request_fail_with(request, VX6_TIMEOUT,
            "the node runs but has not joined the network: vx6 peers shows which entry peers "
            "have not answered",
            status_json(request->host));
    } else {
        struct timeval again = {0, LOOK_AGAIN_MS * 1000};
        evtimer_add(waiting->look, &again);
    }
}

void command_status(struct request *request)
{
    const char *command;
    json_int_t wait_ms = 0;
    if (!request_unpack(request, "{s:s, s?I !}", "command", &command, "wait_ms", &wait_ms))
        return;
    if (wait_ms < 0 || wait_ms > WAIT_MAX_MS) {
        request_fail(request, VX6_INVALID, "wait_ms must be from 0 to 600000");
        return;
    }
    if (wait_ms == 0) {
        request_answer(request, status_json(request->host));
        return;
    }
    struct waiting *waiting = calloc(1, sizeof *waiting);
    if (waiting)
        waiting->look = evtimer_new(request->host->base, on_look, waiting);
    if (waiting == NULL || waiting->look == NULL) {
        free(waiting);
        request_fail(request, VX6_NOMEM, "out of memory");
        return;
    }
    waiting->request = request;
    waiting->until_ms = steady_ms_now() + wait_ms;
    request->work = waiting;
    request->abandoned = abandoned;
    on_look(-1, 0, waiting);
}
