/* SPDX-License-Identifier: MIT */
/* What a terminal shows while vx6 status --wait waits: for what. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

int cli_wait_left_ms(const struct cli *cli)
{
    int64_t left_ms = cli->wait_until_ms - cli_now_ms();
    return left_ms > 0 ? (int)left_ms : 1;
}

/* `error`: why there is no answer. */
static const char *what_is_missing(json_t *status, int error)
{
    json_t *counts = json_object_get(status, "counts");
    if (status == NULL)
        return error == ETIMEDOUT ? "the node does not answer" : "the node does not run yet";
    if (json_integer_value(json_object_get(counts, "contacts")) == 0)
        return "no peer has answered yet";
    return "peers have answered, and are given the records of this node";
}

/* What fails at once, such as a node that takes nobody more, is not asked again at once. */
static void pause_until(int64_t when_ms)
{
    int64_t left_ms = when_ms - cli_now_ms();
    if (left_ms > 0)
        (void)poll(NULL, 0, (int)left_ms);
}

void cli_show_waiting(const struct cli *cli)
{
    bool is_over = !isatty(STDERR_FILENO) || cli->json, is_shown = false;
    while (!is_over && cli_wait_left_ms(cli) > CLI_LOOK_MS) {
        int64_t next_ms = cli_now_ms() + CLI_LOOK_MS;
        json_t *status = client_look(
            cli, json_pack("{s:s, s:i}", "command", "status", "wait_ms", (int)CLI_LOOK_MS));
        const char *missing = what_is_missing(status, errno);
        is_over = status && strcmp(cli_text(status, "code"), "TIMEOUT") != 0;
        if (!is_over) {
            fprintf(stderr, "\rwaiting up to %d s more: %s\033[K",
                (cli_wait_left_ms(cli) + 999) / 1000, missing);
            is_shown = true;
            pause_until(next_ms);
        }
        json_decref(status);
    }
    if (is_shown)
        fprintf(stderr, "\r\033[K");
}
