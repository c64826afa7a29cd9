/* SPDX-License-Identifier: MIT */
/* What vx6 connect does while its forward is up: tells what happens to it, on a terminal also how
 * much goes through, and runs a program that uses it, if one was given. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"

enum {
    ARGUMENTS_MAX = 256,
    ARGUMENT_SIZE = 4096,
    NOT_FOUND = 127 /* as shells say that there is no such program */
};

struct follow {
    const struct cli *cli;
    struct client *client;
    pid_t child; /* the program that uses the forward; 0: none */
    intmax_t number;
    bool shows_traffic, is_shown;
};

static const int signals[] = {SIGINT, SIGTERM, SIGCHLD};
enum {
    SIGNAL_COUNT = sizeof signals / sizeof signals[0]
};
static struct sigaction actions_before[SIGNAL_COUNT];
static volatile sig_atomic_t interrupted, child_ended;

static void on_signal(int number)
{
    if (number == SIGCHLD)
        child_ended = 1;
    else
        interrupted = number;
}

/* They are blocked but for the moment of waiting, so that none comes between a look and a wait. */
void follow_catch_signals(struct cli *cli)
{
    static sigset_t open;
    sigset_t blocked;
    sigemptyset(&blocked);
    for (size_t i = 0; i < SIGNAL_COUNT; i++)
        sigaddset(&blocked, signals[i]);
    sigprocmask(SIG_BLOCK, &blocked, &open);
    cli->open_signals = &open;
    /* no SA_RESTART: a wait must end; a program that is stopped has not ended */
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_NOCLDSTOP};
    for (size_t i = 0; i < SIGNAL_COUNT; i++)
        sigaction(signals[i], &action, &actions_before[i]);
}

/* Before they are let in, or a signal that comes before exec() would be lost in on_signal(). */
static void restore_signals(const struct cli *cli)
{
    for (size_t i = 0; i < SIGNAL_COUNT; i++)
        sigaction(signals[i], &actions_before[i], NULL);
    sigprocmask(SIG_SETMASK, cli->open_signals, NULL);
}

int follow_interrupted(const struct cli *cli)
{
    struct timespec none = {0};
    (void)ppoll(NULL, 0, &none, cli->open_signals);
    return interrupted;
}

/* ---- the program: VX6-CTRL-044 ---- */

/* `word` with {} replaced by the address and {port} by its port; false: it became too long. */
static bool fill_in(char filled[ARGUMENT_SIZE], const char *word, const char *addr)
{
    size_t len = 0;
    const char *port = strrchr(addr, ':') + 1;
    while (*word) {
        bool is_addr = strncmp(word, "{}", 2) == 0, is_port = strncmp(word, "{port}", 6) == 0;
        const char *put = is_addr ? addr : is_port ? port : word;
        size_t put_len = is_addr || is_port ? strlen(put) : 1;
        if (len + put_len >= ARGUMENT_SIZE)
            return false;
        memcpy(filled + len, put, put_len);
        len += put_len;
        word += is_addr ? 2 : is_port ? 6 : 1;
    }
    filled[len] = 0;
    return true;
}

static char **make_arguments(const struct cli *cli, const char *addr)
{
    static char *arguments[ARGUMENTS_MAX + 1];
    for (size_t i = 0; i < cli->program_len; i++) {
        arguments[i] = malloc(ARGUMENT_SIZE);
        if (arguments[i] == NULL || !fill_in(arguments[i], cli->program[i], addr))
            return NULL;
    }
    arguments[cli->program_len] = NULL;
    return arguments;
}

static int start_program(struct follow *follow, const char *addr)
{
    const struct cli *cli = follow->cli;
    if (cli->program_len > ARGUMENTS_MAX)
        return cli_fail(
            cli, CLI_USAGE, "INVALID", "at most %d words make a program", ARGUMENTS_MAX);
    char **arguments = make_arguments(cli, addr);
    if (arguments == NULL)
        return cli_fail(cli, CLI_USAGE, "INVALID", "a word of the program is too long");
    follow->child = fork();
    if (follow->child < 0)
        return cli_fail(cli, CLI_FAILED, "NOMEM", "cannot start it: %s", strerror(errno));
    if (follow->child > 0)
        return CLI_OK;
    restore_signals(cli);
    execvp(arguments[0], arguments);
    fprintf(stderr, "vx6: cannot run %s: %s\n", cli->program[0], strerror(errno));
    _exit(NOT_FOUND);
}

/* ---- how much goes through ---- */

static void show_traffic(struct follow *follow)
{
    json_t *forward = cli_forward(follow->cli, follow->number);
    if (forward == NULL)
        return;
    fprintf(stderr, "\r");
    cli_print_traffic(stderr, forward);
    fprintf(stderr, "\033[K");
    follow->is_shown = true;
    json_decref(forward);
}

/* What is said next begins on a line of its own. */
static void leave_line(struct follow *follow)
{
    if (follow->is_shown)
        fprintf(stderr, "\n");
    follow->is_shown = false;
}

/* ---- news ---- */

/* False: the forward has ended. */
static bool tell(struct follow *follow, json_t *news)
{
    const char *event = cli_text(news, "event");
    bool ended = strcmp(event, "ended") == 0;
    leave_line(follow);
    if (follow->cli->json)
        cli_print_json(news);
    else if (ended)
        fprintf(stderr, "vx6: ended by vx6 disconnect\n");
    else if (strcmp(event, "up") == 0)
        fprintf(stderr, "vx6: the session is up again\n");
    else
        fprintf(stderr, "vx6: %s\n", cli_text(news, "error"));
    return !ended;
}

/* The terminal has told the program of SIGINT, but nobody else of this. */
static void pass_on(const struct follow *follow)
{
    if (interrupted == SIGTERM)
        kill(follow->child, SIGTERM);
}

static int program_result(const struct follow *follow)
{
    int status = 0;
    pid_t ended;
    while ((ended = waitpid(follow->child, &status, WNOHANG)) == 0) {
        pass_on(follow);
        (void)sigsuspend(follow->cli->open_signals);
    }
    if (ended != follow->child)
        return CLI_FAILED;
    return WIFEXITED(status) ? WEXITSTATUS(status) : CLI_SIGNALLED + WTERMSIG(status);
}

static bool is_over(const struct follow *follow)
{
    if (follow->child == 0)
        return interrupted;
    pass_on(follow);
    return child_ended;
}

static int follow_end(struct follow *follow, bool is_lost)
{
    leave_line(follow);
    if (follow->child != 0)
        return program_result(follow);
    if (is_lost)
        return cli_fail(
            follow->cli, CLI_NOT_RUNNING, "TRUNCATED", "the node has ended, and the forward too");
    return CLI_OK;
}

int follow_run(const struct cli *cli, struct client *client, json_t *answer)
{
    struct follow follow = {.cli = cli,
        .client = client,
        .number = json_integer_value(json_object_get(answer, "forward")),
        .shows_traffic = isatty(STDERR_FILENO) && !cli->json && !cli->program};
    if (cli->program) {
        int exit_code = start_program(&follow, cli_text(answer, "listen"));
        if (exit_code != CLI_OK)
            return exit_code;
    }
    while (!is_over(&follow)) {
        json_t *news =
            client_receive(client, follow.shows_traffic ? cli_now_ms() + CLI_LOOK_MS : CLI_FOREVER);
        bool is_lost = news == NULL && errno != ETIMEDOUT && errno != EINTR;
        bool is_ended = news && !tell(&follow, news);
        json_decref(news);
        if (is_lost || is_ended)
            return follow_end(&follow, is_lost);
        if (news == NULL && follow.shows_traffic)
            show_traffic(&follow);
    }
    return follow_end(&follow, false);
}
