/* SPDX-License-Identifier: MIT */
/* vx6 connect: in the foreground the forward lives as long as this process. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: recv() must return */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

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

static void print_up(const struct cli *cli, json_t *answer)
{
    const char *addr = cli_text(answer, "addr");
    if (cli->json) {
        cli_print_json(answer);
        return;
    }
    printf("%s%s%s is at %s\n", cli_text(answer, "name"), addr[0] ? " of " : "", addr,
        cli_text(answer, "listen"));
    if (cli->addr && !cli->key)
        printf("its key is %s%s\n", cli_text(answer, "key"),
            json_is_true(json_object_get(answer, "key_is_new"))
                ? ", kept from this first use on: compare it with its owner's"
                : ", as before");
    fflush(stdout);
}

/* News until the node, the user or vx6 disconnect ends the forward. */
static int stay(const struct cli *cli, struct client *client)
{
    json_t *news;
    while (!interrupted && (news = client_receive(client)) != NULL) {
        bool ended = strcmp(cli_text(news, "event"), "ended") == 0;
        if (cli->json)
            cli_print_json(news);
        else if (ended)
            fprintf(stderr, "vx6: ended by vx6 disconnect\n");
        else if (strcmp(cli_text(news, "event"), "up") == 0)
            fprintf(stderr, "vx6: the session is up again\n");
        else
            fprintf(stderr, "vx6: %s\n", cli_text(news, "error"));
        json_decref(news);
        if (ended)
            return CLI_OK;
    }
    if (interrupted)
        return CLI_OK;
    return cli_fail(cli, CLI_NOT_RUNNING, "TRUNCATED", "the node has ended, and the forward too");
}

int cli_run_connect(struct cli *cli)
{
    struct client client;
    int exit_code = CLI_OK;
    if (!cli_open(&client, cli, &exit_code))
        return exit_code;
    catch_signals();
    json_t *answer = NULL;
    if (client_send(&client, make_request(cli)))
        answer = client_receive(&client);
    if (answer == NULL && interrupted)
        exit_code = CLI_FAILED;
    else if (answer == NULL)
        exit_code = cli_fail(
            cli, CLI_NOT_RUNNING, "TRUNCATED", "the node ended before it answered: see its log");
    else if (!json_is_true(json_object_get(answer, "ok")))
        exit_code = cli_refused(cli, answer);
    else {
        print_up(cli, answer);
        if (!cli->background)
            exit_code = stay(cli, &client);
    }
    json_decref(answer);
    client_close(&client);
    return exit_code;
}
