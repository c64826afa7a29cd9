/* SPDX-License-Identifier: MIT */
/* The commands that ask the node one thing and print its answer. */
#include <stdio.h>
#include <string.h>

#include "cli.h"

json_t *cli_ask(struct cli *cli, json_t *request, int *exit_code)
{
    struct client client;
    json_t *answer = client_ask(&client, cli, request, exit_code);
    client_close(&client);
    if (answer == NULL)
        return NULL;
    if (json_is_true(json_object_get(answer, "ok")))
        return answer;
    *exit_code = cli_refused(cli, answer);
    json_decref(answer);
    return NULL;
}

/* Asks, and prints what comes with `print`, or as JSON. */
static int ask_and_print(struct cli *cli, json_t *request, void (*print)(json_t *answer))
{
    int exit_code = CLI_OK;
    json_t *answer = cli_ask(cli, request, &exit_code);
    if (answer == NULL)
        return exit_code;
    if (cli->json)
        cli_print_json(answer);
    else
        print(answer);
    json_decref(answer);
    return CLI_OK;
}

int cli_run_status(struct cli *cli)
{
    json_t *request = json_pack("{s:s}", "command", "status");
    if (cli->wait) {
        cli->wait_until_ms = cli_now_ms() + client_patience_s(cli) * (int64_t)1000;
        cli_show_waiting(cli);
        json_object_set_new(request, "wait_ms", json_integer(cli_wait_left_ms(cli)));
    }
    return ask_and_print(cli, request, cli_print_status);
}

json_t *cli_forward(const struct cli *cli, intmax_t number)
{
    json_t *status = client_look(cli, json_pack("{s:s}", "command", "status"));
    json_t *item, *found = NULL;
    size_t index;
    json_array_foreach(json_object_get(status, "forwards"), index, item)
    {
        if (json_integer_value(json_object_get(item, "forward")) == number)
            found = json_incref(item);
    }
    json_decref(status);
    return found;
}

int cli_run_peers(struct cli *cli)
{
    return ask_and_print(cli, json_pack("{s:s}", "command", "peers"), cli_print_peers);
}

static void print_peer_added(json_t *answer)
{
    printf("%s answered; its key is %s\n", cli_text(answer, "addr"), cli_text(answer, "key"));
}

int cli_run_peer_add(struct cli *cli)
{
    cli->is_far = true;
    return ask_and_print(cli, json_pack("{s:s, s:s}", "command", "peer_add", "addr", cli->words[0]),
        print_peer_added);
}

static const char *count_allowed(json_t *answer)
{
    size_t count = json_array_size(json_object_get(answer, "allowed"));
    return count == 0 ? "nobody" : cli_count((intmax_t)count, "key", "keys");
}

static bool is_for_nobody(json_t *answer)
{
    return strcmp(cli_text(answer, "exposure"), "public") != 0 &&
           json_array_size(json_object_get(answer, "allowed")) == 0;
}

/* Whom a service is open to, and what others see of it. */
static void print_exposure(json_t *answer)
{
    const char *exposure = cli_text(answer, "exposure"), *name = cli_text(answer, "name");
    bool is_public = strcmp(exposure, "public") == 0;
    printf("%s leads to %s, for %s%s\n", name, cli_text(answer, "target"),
        is_public ? "whoever resolves this node" : count_allowed(answer),
        is_public                         ? ""
        : is_for_nobody(answer)           ? " yet"
        : strcmp(exposure, "listed") == 0 ? "; whoever resolves this node sees that it is there"
                                          : "; nobody else learns that it is there");
}

/* What others have to type. */
static void print_reach(struct cli *cli, const char *service)
{
    int exit_code = CLI_OK;
    json_t *identity = cli_ask(cli, json_pack("{s:s}", "command", "identity"), &exit_code);
    const char *name = cli_text(identity, "name");
    if (name[0])
        printf("others reach it with vx6 connect %s.%s\n", name, service);
    else if (identity)
        printf("this node has no name: with vx6 identity rename NAME others reach it as NAME.%s\n",
            service);
    json_decref(identity);
}

static json_t *service_add_request(const struct cli *cli)
{
    const char *exposure = cli->is_private ? "private" : cli->allow_count > 0 ? "listed" : "public";
    json_t *allow = json_array();
    for (size_t i = 0; i < cli->allow_count; i++)
        json_array_append_new(allow, json_string(cli->allow[i]));
    return json_pack("{s:s, s:s, s:s, s:s, s:o}", "command", "service_add", "name", cli->words[0],
        "target", cli->words[1], "exposure", exposure, "allow", allow);
}

static void print_hosted(json_t *answer)
{
    const char *host = cli_text(answer, "host_name"), *name = cli_text(answer, "name");
    printf("%s is at %s: whoever resolves this node is told so, and goes there\n", name,
        host[0] ? host : cli_text(answer, "host"));
    printf("who may use it is decided there, with vx6 service add %s TARGET\n", name);
}

/* It is another node's to say who may use it. */
static int add_hosted(struct cli *cli)
{
    if (cli->words[1] || cli->is_public || cli->is_private || cli->allow_count > 0)
        return cli_fail(cli, CLI_USAGE, "INVALID",
            "with --at the service is at another node, which has its target and says who may use "
            "it: "
            "leave out the rest; nothing was added");
    return ask_and_print(cli,
        json_pack(
            "{s:s, s:s, s:s}", "command", "service_host", "name", cli->words[0], "at", cli->at),
        print_hosted);
}

int cli_run_service_add(struct cli *cli)
{
    if (cli->at)
        return add_hosted(cli);
    if (cli->words[1] == NULL)
        return cli_fail(cli, CLI_USAGE, "INVALID",
            "service add needs NAME TARGET, or NAME --at WHO: see vx6 service add --help");
    if (cli->is_public == cli->is_private)
        return cli_fail(cli, CLI_USAGE, "INVALID",
            "say who may use %s, with one of two: --public, and whoever resolves this node may; "
            "--private --allow WHO, and nobody else learns of it; nothing was added",
            cli->words[0]);
    int exit_code = CLI_OK;
    json_t *answer = cli_ask(cli, service_add_request(cli), &exit_code);
    if (answer == NULL)
        return exit_code;
    const char *name = cli_text(answer, "name"), *target = cli_text(answer, "target");
    if (cli->json)
        cli_print_json(answer);
    if (json_is_false(json_object_get(answer, "target_is_up"))) {
        fprintf(stderr,
            "vx6: %s was added, but nothing listens at its target %s: start the program, or add "
            "%s again with the right address\n",
            name, target, name);
        exit_code = CLI_FAILED;
    } else if (!cli->json) {
        print_exposure(answer);
        if (is_for_nobody(answer))
            printf("open it with vx6 service allow %s WHO\n", name);
        else
            print_reach(cli, cli->words[0]);
    }
    json_decref(answer);
    return exit_code;
}

static void print_allowed(json_t *answer)
{
    printf("%s is open to %s\n", cli_text(answer, "name"), count_allowed(answer));
}

static int change_allowed(struct cli *cli, const char *command)
{
    return ask_and_print(cli,
        json_pack(
            "{s:s, s:s, s:s}", "command", command, "name", cli->words[0], "who", cli->words[1]),
        print_allowed);
}

int cli_run_service_allow(struct cli *cli)
{
    return change_allowed(cli, "service_allow");
}

int cli_run_service_deny(struct cli *cli)
{
    return change_allowed(cli, "service_deny");
}

int cli_run_service_list(struct cli *cli)
{
    json_t *request = json_pack("{s:s, s:s*, s:s*, s:s*}", "command", "service_list", "name",
        cli->words[0], "addr", cli->addr, "key", cli->key);
    bool is_own = !cli->words[0] && !cli->addr && !cli->key;
    cli->is_far = !is_own;
    return ask_and_print(cli, request, is_own ? cli_print_services : cli_print_offers);
}

static void print_service_removed(json_t *answer)
{
    printf("%s is no longer offered\n", cli_text(answer, "name"));
}

int cli_run_service_remove(struct cli *cli)
{
    return ask_and_print(cli,
        json_pack("{s:s, s:s}", "command", "service_remove", "name", cli->words[0]),
        print_service_removed);
}

static void print_ended(json_t *answer)
{
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(answer, "ended"), index, item)
    {
        printf("%s at %s ended\n", cli_text(item, "name"), cli_text(item, "listen"));
    }
}

int cli_run_disconnect(struct cli *cli)
{
    return ask_and_print(
        cli, json_pack("{s:s, s:s}", "command", "disconnect", "what", cli->words[0]), print_ended);
}

int cli_run_resolve(struct cli *cli)
{
    cli->is_far = true;
    return ask_and_print(cli, json_pack("{s:s, s:s}", "command", "resolve", "name", cli->words[0]),
        cli_print_resolved);
}

int cli_run_names(struct cli *cli)
{
    return ask_and_print(cli, json_pack("{s:s}", "command", "names"), cli_print_names);
}

/* VX6-CTRL-039 */
static void print_pinned(json_t *answer)
{
    size_t index;
    json_t *item;
    printf("%s is %s from now on\n", cli_text(answer, "name"), cli_text(answer, "key"));
    json_array_foreach(json_object_get(answer, "replaced_may_use"), index, item)
    {
        char service[TEXT_ADDR_SIZE];
        text_printable(service, sizeof service, json_string_value(item), json_string_length(item));
        printf("the old key may still use %s: vx6 service deny %s %s ends that\n", service, service,
            cli_text(answer, "replaced"));
    }
}

int cli_run_pin(struct cli *cli)
{
    return ask_and_print(cli,
        json_pack("{s:s, s:s, s:s, s:b}", "command", "pin", "name", cli->words[0], "key",
            cli->words[1], "replace", cli->replace ? 1 : 0),
        print_pinned);
}

static void print_forgotten(json_t *answer)
{
    printf("%s is forgotten: the next use binds it to whoever answers then\n",
        cli_text(answer, "name"));
}

int cli_run_forget(struct cli *cli)
{
    return ask_and_print(
        cli, json_pack("{s:s, s:s}", "command", "forget", "name", cli->words[0]), print_forgotten);
}

static void print_renamed(json_t *answer)
{
    printf("it is called %s from now on, by this node alone\n", cli_text(answer, "name"));
}

int cli_run_rename(struct cli *cli)
{
    return ask_and_print(cli,
        json_pack(
            "{s:s, s:s, s:s}", "command", "rename", "name", cli->words[0], "to", cli->words[1]),
        print_renamed);
}

static void print_renamed_self(json_t *answer)
{
    printf(
        "this node is called %s from now on; who has bound its old name still finds it by that\n",
        cli_text(answer, "name"));
}

int cli_run_identity_rename(struct cli *cli)
{
    return ask_and_print(cli,
        json_pack("{s:s, s:s}", "command", "identity_rename", "name", cli->words[0]),
        print_renamed_self);
}
