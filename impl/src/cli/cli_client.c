/* SPDX-License-Identifier: MIT */
/* The line to the node: one JSON object per line, both ways. Spec: spec/control.md. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
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

static bool try_open(struct client *client, const char *path, int patience_s)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    snprintf(addr.sun_path, sizeof addr.sun_path, "%s", path);
    client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0)
        return false;
    struct timeval patience = {.tv_sec = patience_s}; /* a node that is stopped accepts nobody */
    (void)setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(client->fd, (struct sockaddr *)&addr, sizeof addr) == 0)
        return true;
    int error = errno;
    close(client->fd);
    client->fd = -1;
    errno = error;
    return false;
}

bool client_open(struct client *client, const struct cli *cli, int wait_ms)
{
    *client = (struct client){.fd = -1};
    while (!try_open(client, cli->paths.socket, client_patience_s(cli))) {
        if ((errno != ENOENT && errno != ECONNREFUSED) || wait_ms <= 0)
            return false;
        struct timespec pause = {0, TRY_AGAIN_MS * 1000000L};
        nanosleep(&pause, NULL);
        wait_ms -= TRY_AGAIN_MS;
    }
    return true;
}

void client_close(struct client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    free(client->buffer);
    *client = (struct client){.fd = -1};
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

bool client_has_line(const struct client *client)
{
    return client->len > 0 && memchr(client->buffer, '\n', client->len) != NULL;
}

json_t *client_receive(struct client *client)
{
    char *end;
    while ((end = client->len ? memchr(client->buffer, '\n', client->len) : NULL) == NULL) {
        if (!make_room(client))
            return NULL;
        ssize_t n = recv(client->fd, client->buffer + client->len, client->size - client->len, 0);
        if (n == 0)
            errno = ECONNRESET;
        if (n <= 0)
            return NULL; /* also when a signal came: EINTR */
        client->len += (size_t)n;
    }
    size_t line_len = (size_t)(end - client->buffer);
    json_t *object = json_loadb(client->buffer, line_len, 0, NULL);
    client->len -= line_len + 1;
    memmove(client->buffer, end + 1, client->len);
    return object;
}

/* Until something comes; false with errno, ETIMEDOUT when the time is over. */
static bool wait_for_bytes(const struct client *client, int ms)
{
    struct pollfd waiting = {.fd = client->fd, .events = POLLIN};
    int count = poll(&waiting, 1, ms);
    if (count == 0)
        errno = ETIMEDOUT;
    return count > 0;
}

int client_patience_s(const struct cli *cli)
{
    int usual = cli->is_far ? FAR_S : NEAR_S;
    return cli->timeout_s > 0 ? cli->timeout_s : usual;
}

/* VX6-CTRL-037. Who asked to wait is not told that it lasts. */
bool client_wait(const struct client *client, const struct cli *cli)
{
    int seconds = client_patience_s(cli), ms = seconds * 1000;
    if (cli->wait)
        return wait_for_bytes(client, ms + EXTRA_MS);
    if (ms > LONG_WAIT_MS) {
        if (wait_for_bytes(client, LONG_WAIT_MS))
            return true;
        if (errno != ETIMEDOUT)
            return false;
        fprintf(stderr, "vx6: no answer yet, waiting for up to %d s\n", seconds);
        ms -= LONG_WAIT_MS;
    }
    return wait_for_bytes(client, ms);
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
            "the node on %.200s has not answered within %d s: see that it is not stopped or "
            "overloaded, or wait longer with --timeout",
            cli->paths.dir, client_patience_s(cli));
    return cli_fail(
        cli, CLI_NOT_RUNNING, "TRUNCATED", "the node ended before it answered: see its log");
}

json_t *client_ask(struct client *client, const struct cli *cli, json_t *request, int *exit_code)
{
    if (!client_open(client, cli, 0)) {
        *exit_code = errno == EAGAIN ? say_no_answer(cli, ETIMEDOUT) : say_not_open(cli, errno);
        json_decref(request);
        return NULL;
    }
    json_t *answer = NULL;
    errno = 0;
    if (client_send(client, request) && client_wait(client, cli))
        answer = client_receive(client);
    if (answer == NULL)
        *exit_code = say_no_answer(cli, errno);
    return answer;
}
