/* SPDX-License-Identifier: MIT */
/* vx6 watch: what happens, line by line. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "journal.h"

static const char *kind_name(enum journal_field_kind kind)
{
    static const char *const names[] = {
        [JOURNAL_TEXT] = "text",
        [JOURNAL_KEY] = "key",
        [JOURNAL_PEER] = "peer",
        [JOURNAL_OWN] = "own",
        [JOURNAL_CODE] = "code",
        [JOURNAL_NUMBER] = "number",
    };
    return names[kind];
}

static json_t *layout_json(const struct journal_layout *layout)
{
    json_t *fields = json_array();
    for (size_t i = 0; i < layout->field_count; i++) {
        const struct journal_field *field = &layout->fields[i];
        json_array_append_new(fields, json_pack("{s:s, s:s, s:s}", "name", field->name, "kind",
                                          kind_name(field->kind), "doc", field->doc));
    }
    return json_pack("{s:s, s:s, s:s, s:o}", "event", layout->name, "level",
        journal_level_name(layout->level), "doc", layout->doc, "fields", fields);
}

static int list(const struct cli *cli)
{
    json_t *events = json_array();
    for (int kind = 0; kind < JOURNAL_COUNT; kind++) {
        const struct journal_layout *layout = journal_layout((enum journal_kind)kind);
        json_array_append_new(events, layout_json(layout));
        if (!cli->json)
            printf("%-19s %-8s %s\n", layout->name, journal_level_name(layout->level), layout->doc);
    }
    if (cli->json)
        cli_print_json(events);
    json_decref(events);
    return CLI_OK;
}

static json_t *make_request(const struct cli *cli)
{
    json_t *names = json_array();
    for (size_t i = 0; i < cli->word_count; i++)
        json_array_append_new(names, json_string(cli->words[i]));
    json_t *request = json_pack("{s:s, s:b, s:s}", "command", "watch", "addresses",
        cli->addresses ? 1 : 0, "level", cli->level ? cli->level : "info");
    if (cli->word_count > 0)
        json_object_set(request, "events", names);
    json_decref(names);
    return request;
}

static const char *count_of(json_t *answer, const char *list, const char *one, const char *more)
{
    return cli_count((intmax_t)json_array_size(json_object_get(answer, list)), one, more);
}

static void print_beginning(json_t *answer)
{
    const char *name = cli_text(answer, "name");
    printf("following %s of %s: %s, %s, %s, %s; Ctrl-C ends this\n",
        count_of(answer, "events", "kind of event", "kinds of events"),
        name[0] ? name : cli_text(answer, "key"),
        json_is_true(json_object_get(answer, "joined")) ? "joined" : "not joined",
        cli_count(json_integer_value(json_object_get(answer, "contacts")), "contact", "contacts"),
        count_of(answer, "services", "service", "services"),
        count_of(answer, "forwards", "forward", "forwards"));
}

static void print_event(json_t *event)
{
    const char *level = cli_text(event, "level");
    bool is_news = strcmp(level, "info") == 0;
    printf("%s %s%s%s\n", cli_text(event, "time"), is_news ? "" : level, is_news ? "" : ": ",
        cli_text(event, "text"));
}

/* Nothing is open but the line to the node, and what was printed is out. */
static void on_signal(int number)
{
    (void)number;
    _exit(CLI_OK);
}

static void show(const struct cli *cli, json_t *object, void (*print)(json_t *object))
{
    if (cli->json)
        cli_print_json(object);
    else
        print(object);
    fflush(stdout);
}

static int follow(const struct cli *cli, struct client *client, json_t *answer)
{
    if (!json_is_true(json_object_get(answer, "ok")))
        return cli_refused(cli, answer);
    show(cli, answer, print_beginning);
    json_t *event;
    while ((event = client_receive(client, CLI_FOREVER)) != NULL) {
        show(cli, event, print_event);
        json_decref(event);
    }
    return cli_fail(cli, CLI_NOT_RUNNING, "TRUNCATED", "the node has ended: see its log");
}

int cli_run_watch(struct cli *cli)
{
    struct client client;
    int exit_code = CLI_OK;
    if (cli->list)
        return list(cli);
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    json_t *answer = client_ask(&client, cli, make_request(cli), &exit_code);
    if (answer)
        exit_code = follow(cli, &client, answer);
    json_decref(answer);
    client_close(&client);
    return exit_code;
}
