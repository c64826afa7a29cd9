/* SPDX-License-Identifier: MIT */
/* The line to the node: one JSON object per line, both ways. Spec: spec/control.md. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

enum {
    TRY_AGAIN_MS = 50,
    NEAR_S = 30,
    FAR_S = 120,         /* what asks other nodes ends by itself before that */
    LONG_WAIT_MS = 2000, /* then the user hears that it goes on */
    EXTRA_MS = 5000,     /* for the node to say that its own time is over */
    REQUEST_MAX_BYTES = 16 * 1024,
    ANSWER_MAX_BYTES = 16 * 1024 * 1024
};

int64_t cli_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int client_patience_s(const struct cli *cli)
{
    int usual = cli->is_far ? FAR_S : NEAR_S;
    return cli->timeout_s > 0 ? cli->timeout_s : usual;
}

static int patience_ms(const struct cli *cli)
{
    return cli->wait ? cli_wait_left_ms(cli) + EXTRA_MS : client_patience_s(cli) * 1000;
}

/* Until there is something to read, or the time is over: false, with errno. Signals that the
 * command catches come here and nowhere else. */
static bool pause_until(const struct client *client, int64_t until_ms)
{
    struct pollfd line = {.fd = client->fd, .events = POLLIN}; /* a negative one counts for none */
    int64_t left_ms = until_ms - cli_now_ms();
    left_ms = left_ms > 0 ? left_ms : 0;
    struct timespec left = {left_ms / 1000, left_ms % 1000 * 1000000L};
    int count = ppoll(&line, 1, until_ms == CLI_FOREVER ? NULL : &left, client->cli->open_signals);
    if (count == 0)
        errno = ETIMEDOUT;
    return count > 0;
}

/* VX6-CTRL-037. Who asked to wait, or to follow, is not told that it lasts. */
static bool wait_until(struct client *client, int64_t until_ms)
{
    if (until_ms == CLI_FOREVER || client->cli->wait || until_ms <= client->word_ms)
        return pause_until(client, until_ms);
    if (pause_until(client, client->word_ms))
        return true;
    if (errno != ETIMEDOUT)
        return false;
    fprintf(stderr, "vx6: no answer yet, waiting for up to %d s\n", client_patience_s(client->cli));
    client->word_ms = CLI_FOREVER;
    return pause_until(client, until_ms);
}

static bool try_open(struct client *client, const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    snprintf(addr.sun_path, sizeof addr.sun_path, "%s", path);
    client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (client->fd < 0)
        return false;
    if (connect(client->fd, (struct sockaddr *)&addr, sizeof addr) == 0)
        return true;
    int error = errno;
    close(client->fd);
    client->fd = -1;
    errno = error;
    return false;
}

bool client_open(struct client *client, const struct cli *cli, int absent_ms, int patience_ms)
{
    int64_t now_ms = cli_now_ms(), absent_until = now_ms + absent_ms;
    *client = (struct client){
        .fd = -1, .cli = cli, .until_ms = now_ms + patience_ms, .word_ms = now_ms + LONG_WAIT_MS};
    while (!try_open(client, cli->paths.socket)) {
        int error = errno;
        bool is_absent = error == ENOENT || error == ECONNREFUSED;
        bool is_busy = error == EAGAIN; /* one that is stopped takes nobody once many wait */
        now_ms = cli_now_ms();
        if (!(is_absent && now_ms < absent_until) && !(is_busy && now_ms < client->until_ms)) {
            errno = is_busy ? ETIMEDOUT : error;
            return false;
        }
        if (!wait_until(client, now_ms + TRY_AGAIN_MS) && errno != ETIMEDOUT)
            return false;
    }
    return true;
}

void client_close(struct client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    free(client->buffer);
    client->buffer = NULL;
    client->fd = -1;
}

bool client_send(struct client *client, json_t *request)
{
    char *text = json_dumps(request, JSON_COMPACT);
    json_decref(request);
    if (text == NULL)
        return false;
    size_t len = strlen(text), sent = 0;
    text[len++] = '\n'; /* in place of the NUL: only `len` counts from here on */
    if (len > REQUEST_MAX_BYTES)
        errno = EMSGSIZE;
    while (len <= REQUEST_MAX_BYTES && sent < len) {
        ssize_t n = send(client->fd, text + sent, len - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        sent += (size_t)n;
    }
    free(text);
    return sent == len;
}

static bool make_room(struct client *client)
{
    if (client->len < client->size)
        return true;
    size_t size = client->size ? client->size * 2 : 4096;
    char *bigger = size <= ANSWER_MAX_BYTES ? realloc(client->buffer, size) : NULL;
    errno = ENOMEM;
    if (bigger == NULL)
        return false;
    client->buffer = bigger;
    client->size = size;
    return true;
}

bool client_read(struct client *client)
{
    if (!make_room(client))
        return false;
    ssize_t n = recv(client->fd, client->buffer + client->len, client->size - client->len, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (n == 0)
        errno = ECONNRESET;
    if (n <= 0)
        return false;
    client->len += (size_t)n;
    return true;
}

json_t *client_next(struct client *client)
{
    char *end = client->len ? memchr(client->buffer, '\n', client->len) : NULL;
    if (end == NULL)
        return NULL;
    size_t line_len = (size_t)(end - client->buffer);
    json_t *object = json_loadb(client->buffer, line_len, 0, NULL);
    client->len -= line_len + 1;
    memmove(client->buffer, end + 1, client->len);
    if (object)
        return object;
    return json_pack("{s:b, s:s, s:s}", "ok", 0, "code", "UNEXPECTED", "error",
        "what answers at the control socket is no VX6 node: start vx6-node again");
}

json_t *client_receive(struct client *client, int64_t until_ms)
{
    json_t *object;
    while ((object = client_next(client)) == NULL) {
        if (!wait_until(client, until_ms) || !client_read(client))
            return NULL;
    }
    return object;
}

json_t *client_answer(struct client *client)
{
    json_t *answer = client_receive(client, client->until_ms);
    client->word_ms = CLI_FOREVER; /* what comes later is no answer */
    return answer;
}

json_t *client_look(const struct cli *cli, json_t *request)
{
    struct client client;
    json_t *answer = NULL;
    if (!client_open(&client, cli, CLI_LOOK_MS, 2 * CLI_LOOK_MS)) {
        json_decref(request);
        return NULL;
    }
    if (client_send(&client, request))
        answer = client_answer(&client);
    int error = errno;
    client_close(&client);
    errno = error;
    return answer;
}

static int say_not_open(const struct cli *cli, int error)
{
    if (error == EACCES || error == EPERM)
        return cli_fail(cli, CLI_NOT_RUNNING, "UNREACHABLE",
            "the state in %.200s is another user's: run vx6 as that user, or give your own "
            "with --state DIR",
            cli->paths.dir);
    return cli_fail(cli, CLI_NOT_RUNNING, "UNREACHABLE",
        "no node is running on %.200s (%s): start it with vx6-node", cli->paths.dir,
        strerror(error));
}

static int say_no_answer(const struct cli *cli, int error)
{
    if (error == EINTR)
        return CLI_FAILED;
    if (error == EMSGSIZE)
        return cli_fail(cli, CLI_USAGE, "INVALID", "that is too long to ask for at once");
    if (error == ETIMEDOUT)
        return cli_fail(cli, CLI_NOT_RUNNING, "TIMEOUT",
            "the node on %.200s has not answered within %d s, and may still do what it was asked: "
            "see that it is not stopped or overloaded, or wait longer with --timeout",
            cli->paths.dir, client_patience_s(cli));
    return cli_fail(
        cli, CLI_NOT_RUNNING, "TRUNCATED", "the node ended before it answered: see its log");
}

json_t *client_ask(struct client *client, const struct cli *cli, json_t *request, int *exit_code)
{
    int absent_ms = cli->wait ? cli_wait_left_ms(cli) : 0; /* the node may be on its way up */
    if (!client_open(client, cli, absent_ms, patience_ms(cli))) {
        *exit_code = errno == ETIMEDOUT || errno == EINTR ? say_no_answer(cli, errno)
                                                          : say_not_open(cli, errno);
        json_decref(request);
        return NULL;
    }
    json_t *answer = NULL;
    errno = 0;
    if (client_send(client, request))
        answer = client_answer(client);
    if (answer == NULL)
        *exit_code = say_no_answer(cli, errno);
    return answer;
}
