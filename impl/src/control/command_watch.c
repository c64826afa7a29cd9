/* SPDX-License-Identifier: MIT */
/* watch: events as they happen, until the connection closes. VX6-CTRL-029: a reader who does not
 * keep up loses events, and is told how many as soon as they read again; the node waits for nobody.
 */
#include <stdlib.h>
#include <string.h>

#include "driver.h"
#include "forward.h"
#include "journal_form.h"
#include "offer.h"
#include "request.h"

enum {
    BACKLOG_MAX_BYTES = 256 * 1024
};

struct watching {
    struct journal_listener listener;
    struct request *request;
    bool is_followed[JOURNAL_COUNT];
    bool with_peers;
    uint64_t lost;
};

static void tell_lost(struct watching *watching)
{
    struct journal_lost fields = {.count = watching->lost};
    struct journal_event event = journal_event(JOURNAL_lost, &fields);
    watching->lost = 0;
    request_tell(watching->request, journal_json(&event, watching->with_peers));
}

static void on_event(struct journal_listener *listener, const struct journal_event *event)
{
    struct watching *watching = (struct watching *)listener; /* its first member */
    if (!watching->is_followed[event->kind])
        return;
    if (request_backlog(watching->request) > BACKLOG_MAX_BYTES) {
        watching->lost++;
        return;
    }
    if (watching->lost > 0)
        tell_lost(watching);
    request_tell(watching->request, journal_json(event, watching->with_peers));
}

static void on_written(struct request *request)
{
    struct watching *watching = request->work;
    if (watching->lost > 0)
        tell_lost(watching);
}

static void abandoned(struct request *request)
{
    struct watching *watching = request->work;
    journal_ignore(request->host->journal, &watching->listener);
    free(watching);
}

/* Those that are named, or else all of a level and worse. False: with a line. */
static bool choose(
    struct watching *watching, const json_t *names, const char *level, char error[TEXT_ERROR_SIZE])
{
    size_t index;
    json_t *item;
    enum journal_level least = journal_level_parse(level);
    if (least == JOURNAL_LEVEL_COUNT)
        return text_fail(error, "the level must be error, warning, info or debug");
    if (names && !json_is_array(names))
        return text_fail(error, "events is a list of names: vx6 watch --list shows them");
    for (int kind = 0; names == NULL && kind < JOURNAL_COUNT; kind++)
        watching->is_followed[kind] = journal_layout((enum journal_kind)kind)->level <= least;
    json_array_foreach(names, index, item)
    {
        const char *name = json_string_value(item);
        enum journal_kind kind = name ? journal_kind_parse(name) : JOURNAL_COUNT;
        char shown[TEXT_ADDR_SIZE];
        if (name == NULL)
            return text_fail(error, "events is a list of names: vx6 watch --list shows them");
        text_printable(shown, sizeof shown, name, strlen(name));
        if (kind == JOURNAL_COUNT)
            return text_fail(error, "there is no event %s: vx6 watch --list shows them", shown);
        watching->is_followed[kind] = true;
    }
    return true;
}

static json_t *names_of_services(const struct host *host)
{
    json_t *list = json_array();
    const struct offer_facts *facts;
    for (size_t i = 0; (facts = offers_facts(host->offers, i)) != NULL; i++)
        json_array_append_new(list, json_string(facts->name));
    return list;
}

static json_t *states_of_forwards(const struct host *host)
{
    json_t *list = json_array();
    const struct forward_facts *facts;
    for (size_t i = 0; (facts = forwards_facts(host->forwards, i)) != NULL; i++)
        json_array_append_new(
            list, json_pack("{s:I, s:s, s:s}", "forward", (json_int_t)facts->number, "name",
                      facts->config.name, "state", forward_state_name(facts->state)));
    return list;
}

/* What is followed, and how things stand before the first event. */
static json_t *beginning(const struct watching *watching)
{
    const struct host *host = watching->request->host;
    uint8_t key[32], id[32];
    struct vx6_counts counts;
    driver_identity(host->driver, key, id);
    driver_counts(host->driver, &counts);
    json_t *events = json_array();
    for (int kind = 0; kind < JOURNAL_COUNT; kind++) {
        if (watching->is_followed[kind])
            json_array_append_new(
                events, json_string(journal_layout((enum journal_kind)kind)->name));
    }
    return json_pack("{s:i, s:o, s:b, s:b, s:o, s:s, s:I, s:o, s:o}", "version", CONTROL_VERSION,
        "events", events, "ready", host_is_ready(host), "joined", host_has_joined(host),
        "key", json_key(key), "name", host->label, "contacts", (json_int_t)counts.contacts,
        "services", names_of_services(host), "forwards", states_of_forwards(host));
}

void command_watch(struct request *request)
{
    const char *command, *level = "info";
    json_t *names = NULL;
    int with_peers = 0;
    char line[TEXT_ERROR_SIZE];
    if (!request_unpack(request, "{s:s, s?o, s?s, s?b !}", "command", &command, "events", &names,
            "level", &level, "addresses", &with_peers))
        return;
    struct watching *watching = calloc(1, sizeof *watching);
    if (watching == NULL) {
        request_fail(request, VX6_NOMEM, "out of memory");
        return;
    }
    *watching = (struct watching){
        .listener.heard = on_event, .request = request, .with_peers = with_peers != 0};
    if (!choose(watching, names, level, line)) {
        free(watching);
        request_fail(request, VX6_INVALID, line);
        return;
    }
    request->work = watching;
    request->abandoned = abandoned;
    request->written = on_written;
    request->is_held = true;
    request_answer(request, beginning(watching));
    journal_listen(request->host->journal, &watching->listener);
}
