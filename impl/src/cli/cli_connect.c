/* SPDX-License-Identifier: MIT */
/* vx6 connect: in the foreground the forward lives as long as this process. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "cli.h"

static void set_text(json_t *object, const char *name, const char *value)
{
    if (value)
        json_object_set_new(object, name, json_string(value));
}

static json_t *make_request(const struct cli *cli)
{
    json_t *request =
        json_pack("{s:s, s:b}", "command", "connect", "background", cli->background ? 1 : 0);
    set_text(request, cli->addr ? "service" : "name", cli->words[0]);
    set_text(request, "addr", cli->addr);
    set_text(request, "key", cli->key);
    set_text(request, "listen", cli->listen);
    return request;
}

/* What comes before the program that uses it, or of itself, goes to where it does not disturb. */
static void print_up(const struct cli *cli, json_t *answer)
{
    FILE *out = cli->program ? stderr : stdout;
    const char *addr = cli_text(answer, "addr"), *name = cli_text(answer, "name");
    const char *key_before = cli_text(answer, "key_before");
    bool is_new = json_is_true(json_object_get(answer, "key_is_new"));
    if (cli->json) {
        cli_print_json(answer);
        return;
    }
    if (!cli->program)
        fprintf(out, "%s%s%s is at %s\n", name, addr[0] ? " of " : "", addr,
            cli_text(answer, "listen"));
    if (key_before[0])
        fprintf(out, "its key has changed, as the old one has signed: it is %s from now on\n",
            cli_text(answer, "key"));
    if (is_new)
        fprintf(out, "its key is %s, kept from this first use on: compare it with its owner's\n",
            cli_text(answer, "key"));
    else if (cli->addr && !cli->key)
        fprintf(out, "its key is %s, as before\n", cli_text(answer, "key"));
    fflush(out);
}

/* What it answered before it heard that nobody waits: in the background that stays. NULL: nothing,
 * and what it has begun is undone. */
static json_t *last_word(struct client *client)
{
    if (client->fd < 0 || shutdown(client->fd, SHUT_WR) != 0)
        return NULL;
    return client_receive(client, cli_now_ms() + CLI_LOOK_MS);
}

/* VX6-CTRL-048. The node undoes what it has begun, once the line to it is closed: VX6-CTRL-005. */
static int say_interrupted(const struct cli *cli, int number)
{
    return cli_fail(cli, CLI_SIGNALLED + number, "CANCELLED", "%s: %s is not connected",
        number == SIGINT ? "interrupted" : "terminated", cli->words[0]);
}

int cli_run_connect(struct cli *cli)
{
    struct client client;
    if (cli->program && (cli->json || cli->background))
        return cli_fail(cli, CLI_USAGE, "INVALID",
            "a program runs with the forward in the foreground: leave out --json and --background");
    int exit_code = CLI_OK;
    cli->is_far = true;
    follow_catch_signals(cli);
    json_t *answer = client_ask(&client, cli, make_request(cli), &exit_code);
    int number = follow_interrupted(cli);
    if (number != 0 && answer == NULL && cli->background)
        answer = last_word(&client);
    if (number != 0 && !(answer && cli->background)) {
        exit_code = say_interrupted(cli, number);
    } else if (answer && !json_is_true(json_object_get(answer, "ok"))) {
        exit_code = cli_refused(cli, answer);
    } else if (answer) {
        print_up(cli, answer);
        exit_code = cli->background ? CLI_OK : follow_run(cli, &client, answer);
    }
    json_decref(answer);
    client_close(&client);
    return exit_code;
}
