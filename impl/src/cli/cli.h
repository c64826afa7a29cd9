/* SPDX-License-Identifier: MIT */
/* The command line: arguments, the line to the node, and what is printed. */
#ifndef VX6_CLI_H
#define VX6_CLI_H

#include <jansson.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>

#include "paths.h"

enum {
    CLI_OK = 0,
    CLI_FAILED = 1,      /* what was asked for did not work */
    CLI_USAGE = 2,       /* it was asked in a wrong way */
    CLI_NOT_RUNNING = 3, /* there is no node to ask, or it does not answer */
    CLI_SIGNALLED = 128  /* and the number of the signal that ended a wait */
};

enum {
    CLI_ALLOW_MAX = 64,
    CLI_WORDS_MAX = 64,
    CLI_LOOK_MS = 1000 /* between two looks at what is shown while it goes on */
};

#define CLI_FOREVER INT64_MAX

/* What was typed; options that a command does not have are refused before it runs. */
struct cli {
    struct paths paths;
    const char *state;
    bool json;
    const char *words[CLI_WORDS_MAX]; /* behind the command */
    size_t word_count;
    const char *name, *listen, *addr, *key, *passphrase_file, *revocation, *level, *at;
    const char *allow[CLI_ALLOW_MAX]; /* --allow, as often as it was given */
    size_t allow_count;
    bool background, is_public, is_private, wait, replace, addresses, list, repair;
    bool is_far;                  /* the node has to ask others first */
    int timeout_s;                /* 0: not given */
    int64_t wait_until_ms;        /* with --wait */
    const sigset_t *open_signals; /* while something is waited for; NULL: as they are */
    char *const *program;         /* behind --, NULL: none */
    size_t program_len;
};

/* ---- cli_client.c ---- */
int64_t cli_now_ms(void); /* monotonic, as all that is called `until` */
struct client {
    int fd;
    const struct cli *cli;
    int64_t until_ms; /* when an answer is no longer waited for */
    int64_t word_ms;  /* when the user hears that it is */
    char *buffer;
    size_t len, size;
};
/* For how long to try when no node listens, and to wait for one that does; errno says why it
 * failed. */
bool client_open(struct client *client, const struct cli *cli, int absent_ms, int patience_ms);
void client_close(struct client *client);
bool client_send(struct client *client, json_t *request); /* takes over the reference */
/* What is there to be read, without waiting; false: the node has ended. */
bool client_read(struct client *client);
/* The next object of what was read; NULL: none is whole. */
json_t *client_next(struct client *client);
/* The next object. NULL: the node has ended, or errno is ETIMEDOUT, or EINTR. */
json_t *client_receive(struct client *client, int64_t until_ms);
/* The same, as long as the user wants to wait. */
json_t *client_answer(struct client *client);
/* A short question in between; NULL: no answer, without a word. */
json_t *client_look(const struct cli *cli, json_t *request);
/* For how long to wait for the node's answer. */
int client_patience_s(const struct cli *cli);
/* Opens, asks, and waits for the answer as long as the user wants to. NULL: there is none, with a
 * line and *exit_code, or a signal came (CLI_FAILED, and no line). The client is the caller's to
 * close. */
json_t *client_ask(struct client *client, const struct cli *cli, json_t *request, int *exit_code);

/* ---- cli_print.c ---- */
/* One line on standard error, "vx6: ..."; with --json also an object on standard output. */
int cli_fail(const struct cli *cli, int exit_code, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The object of a refusal, from the node. */
int cli_refused(const struct cli *cli, json_t *answer);
void cli_print_json(json_t *object);
/* The answer of a command that has written a file and asked no node; in words by `format`. */
void cli_print_file(const struct cli *cli, const char *file, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void cli_print_identity(json_t *answer);
void cli_print_status(json_t *answer);
void cli_print_peers(json_t *answer);
void cli_print_services(json_t *answer);
void cli_print_offers(json_t *answer);
void cli_print_resolved(json_t *answer);
void cli_print_names(json_t *answer);
/* "2 open, 14 so far, sent 3.0 MB (120.0 kB/s), received ...": of a service or a forward. */
void cli_print_traffic(FILE *out, json_t *object);
/* Strings of an answer, harmless for a terminal; "" when absent. Valid until the 16th next call. */
const char *cli_text(json_t *object, const char *name);
/* "1 contact", "2 contacts". Valid until the eighth next call. */
const char *cli_count(intmax_t count, const char *one, const char *more);

/* ---- cli_keyfile.c ---- */
/* As much of a file as fits, as text. */
bool cli_read_file(const char *path, char *text, size_t size, char error[TEXT_ERROR_SIZE]);

/* ---- cli_commands.c, cli_connect.c, cli_init.c, cli_watch.c ---- */
int cli_run_init(struct cli *cli);
int cli_run_identity(struct cli *cli);
int cli_run_identity_rename(struct cli *cli);
int cli_run_identity_export(struct cli *cli);
int cli_run_identity_import(struct cli *cli);
int cli_run_identity_rotate(struct cli *cli);
int cli_run_identity_revocation(struct cli *cli);
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
int cli_run_revoke(struct cli *cli);
int cli_run_watch(struct cli *cli);

/* ---- cli_wait.c ---- */
/* Until the node is ready or the time is over. On a terminal only. */
void cli_show_waiting(const struct cli *cli);
int cli_wait_left_ms(const struct cli *cli); /* 1 when it is over */

/* ---- cli_examples.c ---- */
const char *cli_examples(const char *command); /* NULL: its help has them already */

/* ---- cli_follow.c: while a forward is up ---- */
/* From here on SIGINT and SIGTERM only interrupt what waits. */
void follow_catch_signals(struct cli *cli);
/* Those that came meanwhile are let in; which, 0: none. */
int follow_interrupted(const struct cli *cli);
/* Until the program, the user, vx6 disconnect or the node ends it; `answer` is that of connect. */
int follow_run(const struct cli *cli, struct client *client, json_t *answer);
/* The forward with this number, as status shows it; NULL: there is none, or no node. */
json_t *cli_forward(const struct cli *cli, intmax_t number);

/* Sends the request and returns the node's answer; NULL when there is none: *exit_code is set. */
json_t *cli_ask(struct cli *cli, json_t *request, int *exit_code);

#endif
