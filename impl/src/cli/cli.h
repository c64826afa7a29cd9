/* SPDX-License-Identifier: MIT */
/* The command line: arguments, the line to the node, and what is printed. */
#ifndef VX6_CLI_H
#define VX6_CLI_H

#include <jansson.h>

#include "paths.h"

enum {
    CLI_OK = 0,
    CLI_FAILED = 1,     /* what was asked for did not work */
    CLI_USAGE = 2,      /* it was asked in a wrong way */
    CLI_NOT_RUNNING = 3 /* there is no node to ask */
};

enum {
    CLI_ALLOW_MAX = 64,
    CLI_WORDS_MAX = 64
};

/* What was typed; options that a command does not have are refused before it runs. */
struct cli {
    struct paths paths;
    const char *state;
    bool json;
    const char *words[CLI_WORDS_MAX]; /* behind the command */
    size_t word_count;
    const char *name, *listen, *addr, *key, *passphrase_file, *level;
    const char *allow[CLI_ALLOW_MAX]; /* --allow, as often as it was given */
    size_t allow_count;
    bool background, is_public, is_private, wait, replace, addresses, list, repair;
    int timeout_s;
};

/* ---- cli_client.c ---- */
struct client {
    int fd;
    char *buffer;
    size_t len, size;
};
/* `wait_ms`: for how long to try when no node listens. */
bool client_open(struct client *client, const struct cli *cli, int wait_ms);
void client_close(struct client *client);
bool client_send(struct client *client, json_t *request); /* takes over the reference */
/* The next object, or NULL when the node has ended. */
json_t *client_receive(struct client *client);

/* ---- cli_print.c ---- */
/* One line on standard error, "vx6: ..."; with --json also an object on standard output. */
int cli_fail(const struct cli *cli, int exit_code, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The object of a refusal, from the node. */
int cli_refused(const struct cli *cli, json_t *answer);
void cli_print_json(json_t *object);
void cli_print_identity(json_t *answer);
void cli_print_status(json_t *answer);
void cli_print_peers(json_t *answer);
void cli_print_services(json_t *answer);
void cli_print_offers(json_t *answer);
void cli_print_resolved(json_t *answer);
void cli_print_names(json_t *answer);
/* Strings of an answer, harmless for a terminal; "" when absent. Valid until the fourth next call.
 */
const char *cli_text(json_t *object, const char *name);

/* ---- cli_commands.c, cli_connect.c, cli_init.c, cli_watch.c ---- */
int cli_run_init(struct cli *cli);
int cli_run_identity(struct cli *cli);
int cli_run_identity_rename(struct cli *cli);
int cli_run_identity_export(struct cli *cli);
int cli_run_identity_import(struct cli *cli);
int cli_run_connect(struct cli *cli);
int cli_run_status(struct cli *cli);
int cli_run_peers(struct cli *cli);
int cli_run_peer_add(struct cli *cli);
int cli_run_service_add(struct cli *cli);
int cli_run_service_allow(struct cli *cli);
int cli_run_service_deny(struct cli *cli);
int cli_run_service_list(struct cli *cli);
int cli_run_service_remove(struct cli *cli);
int cli_run_disconnect(struct cli *cli);
int cli_run_doctor(struct cli *cli);
int cli_run_resolve(struct cli *cli);
int cli_run_names(struct cli *cli);
int cli_run_pin(struct cli *cli);
int cli_run_forget(struct cli *cli);
int cli_run_rename(struct cli *cli);
int cli_run_watch(struct cli *cli);
/* False: no node runs; *exit_code is set. */
bool cli_open(struct client *client, const struct cli *cli, int *exit_code);
/* Sends the request and returns the node's answer; NULL when there is none: *exit_code is set. */
json_t *cli_ask(struct cli *cli, json_t *request, int *exit_code);

#endif
