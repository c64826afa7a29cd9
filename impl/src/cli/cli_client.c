/* SPDX-License-Identifier: MIT */
/* The line to the node: one JSON object per line, both ways. Spec: spec/control.md. */
#include <errno.h>
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
    ANSWER_MAX_BYTES = 16 * 1024 * 1024
};

static bool try_open(struct client *client, const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    snprintf(addr.sun_path, sizeof addr.sun_path, "%s", path);
    client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
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

bool client_open(struct client *client, const struct cli *cli, int wait_ms)
{
    *client = (struct client){.fd = -1};
    while (!try_open(client, cli->paths.socket)) {
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
    while (sent < len) {
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
        if (n <= 0)
            return NULL; /* also when a signal came: the caller knows */
        client->len += (size_t)n;
    }
    size_t line_len = (size_t)(end - client->buffer);
    json_t *object = json_loadb(client->buffer, line_len, 0, NULL);
    client->len -= line_len + 1;
    memmove(client->buffer, end + 1, client->len);
    return object;
}
