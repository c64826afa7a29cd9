/* SPDX-License-Identifier: MIT */
/* What a terminal shows while vx6 status --wait waits: for what. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

enum {
    LOOK_MS = 1000
};

static const char *what_is_missing(json_t *status)
{
    json_t *counts = json_object_get(status, "counts");
    if (status == NULL)
        return "the node does not run yet";
    if (json_integer_value(json_object_get(counts, "contacts")) == 0)
        return "no peer has answered yet";
    return "peers have answered, and are given the records of this node";
}

/* Waits for a second; NULL: no node answers. */
static json_t *ask(const struct cli *cli)
{
    struct client client;
    json_t *status = NULL;
    if (!client_open(&client, cli, LOOK_MS))
        return NULL;
    if (client_send(&client, json_pack("{s:s, s:i}", "command", "status", "wait_ms", (int)LOOK_MS)))
        status = client_receive(&client);
    client_close(&client);
    return status;
}

int cli_show_waiting(const struct cli *cli, int wait_ms)
{
    bool is_over = !isatty(STDERR_FILENO) || cli->json, is_shown = false;
    for (; !is_over && wait_ms > LOOK_MS; wait_ms -= LOOK_MS) {
        json_t *status = ask(cli);
        const char *code = cli_text(status, "code");
        is_over = status && strcmp(code, "TIMEOUT") != 0;
        if (!is_over) {
            fprintf(stderr, "\rwaiting up to %d s more: %s\033[K", wait_ms / 1000,
                what_is_missing(status));
            is_shown = true;
        }
        json_decref(status);
    }
    if (is_shown)
        fprintf(stderr, "\r\033[K");
    return wait_ms;
}
