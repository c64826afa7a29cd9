/* SPDX-License-Identifier: MIT */
/* The control socket: one JSON object per line in, one per line out, in order. A connection has one
 * request under way; what comes behind it waits. Who may connect is decided by the directory, the
 * socket's mode and the peer's user ID. Spec: spec/control.md. */
#include "control.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "acceptor.h"
#include "driver.h"
#include "paths.h"
#include "request.h"

enum {
    CONNECTIONS_MAX = 64,
    LINE_MAX_BYTES = 16 * 1024,
    OUTPUT_MAX_BYTES = 4 * 1024 * 1024,
    BACKLOG = 128
};

struct connection {
    struct control *control;
    struct connection *next, *previous;
    struct bufferevent *buffers;
    struct request *request; /* under way or held; or NULL */
    bool is_closing;         /* as soon as all is written */
};

struct control {
    struct host *host;
    struct acceptor *acceptor;
    struct connection *first;
    size_t count;
    char path[sizeof((struct sockaddr_un *)0)->sun_path];
};

static void take_lines(struct connection *connection);

static void request_free(struct request *request)
{
    request->connection->request = NULL;
    json_decref(request->arguments);
    free(request);
}

/* VX6-CTRL-005 */
static void connection_free(struct connection *connection)
{
    struct control *control = connection->control;
    struct request *request = connection->request;
    if (request) {
        if (request->abandoned)
            request->abandoned(request);
        request_free(request);
    }
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        control->first = connection->next;
    if (connection->next)
        connection->next->previous = connection->previous;
    control->count--;
    bufferevent_free(connection->buffers);
    free(connection);
    if (control->acceptor)
        acceptor_hold_spare(control->acceptor);
}

/* VX6-CTRL-003 */
static void send_line(struct connection *connection, json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);
    struct evbuffer *output = bufferevent_get_output(connection->buffers);
    json_decref(object);
    if (text == NULL || evbuffer_get_length(output) > OUTPUT_MAX_BYTES ||
        evbuffer_add_printf(output, "%s\n", text) < 0)
        connection->is_closing = true;
    free(text);
}

static void answer(struct request *request, json_t *object)
{
    send_line(request->connection, object);
    request->is_answered = true;
    if (!request->is_held)
        request_free(request);
}

void request_answer(struct request *request, json_t *object)
{
    json_object_set_new(object, "ok", json_true());
    answer(request, object);
}

void request_fail_with(
    struct request *request, enum vx6_code code, const char *line, json_t *object)
{
    json_object_set_new(object, "ok", json_false());
    json_object_set_new(object, "code", json_string(vx6_code_name(code)));
    json_object_set_new(object, "error", json_string(line));
    request->is_held = false;
    answer(request, object);
}

void request_fail(struct request *request, enum vx6_code code, const char *line)
{
    request_fail_with(request, code, line, json_object());
}

void request_tell(struct request *request, json_t *news)
{
    send_line(request->connection, news);
}

size_t request_backlog(const struct request *request)
{
    return evbuffer_get_length(bufferevent_get_output(request->connection->buffers));
}

/* VX6-CTRL-002 */
bool request_unpack(struct request *request, const char *format, ...)
{
    json_error_t error;
    char line[TEXT_ERROR_SIZE];
    va_list targets;
    va_start(targets, format);
    int result = json_vunpack_ex(request->arguments, &error, 0, format, targets);
    va_end(targets);
    if (result == 0)
        return true;
    char what[JSON_ERROR_TEXT_LENGTH];
    text_printable(what, sizeof what, error.text, strlen(error.text));
    snprintf(line, sizeof line, "the request is malformed: %s", what);
    request_fail(request, VX6_INVALID, line);
    return false;
}

static void refuse_line(struct connection *connection, const char *line)
{
    json_t *object = json_pack("{s:b, s:s, s:s}", "ok", 0, "code", "INVALID", "error", line);
    if (object)
        send_line(connection, object);
}

static void take_line(struct connection *connection, const char *line, size_t len)
{
    json_t *arguments = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
    const char *name = json_string_value(json_object_get(arguments, "command"));
    const struct command *command = name ? command_find(name) : NULL;
    struct request *request = command ? calloc(1, sizeof *request) : NULL;
    if (request == NULL) {
        const char *why = command ? "out of memory"
                          : name  ? "there is no such command"
                                  : "a request is one JSON object with a \"command\"";
        refuse_line(connection, why);
        json_decref(arguments);
        return;
    }
    request->host = connection->control->host;
    request->connection = connection;
    request->arguments = arguments;
    connection->request = request;
    driver_settle(request->host->driver); /* VX6-CTRL-038: or it would be about what is no more */
    command->run(request);
}

/* VX6-CTRL-004 */
static void take_lines(struct connection *connection)
{
    struct evbuffer *input = bufferevent_get_input(connection->buffers);
    while (connection->request == NULL && !connection->is_closing) {
        size_t len;
        char *line = evbuffer_readln(input, &len, EVBUFFER_EOL_LF);
        if (line == NULL)
            break;
        if (len <= LINE_MAX_BYTES) {
            take_line(connection, line, len);
        } else {
            refuse_line(connection, "the request is too long");
            connection->is_closing = true;
        }
        free(line);
    }
    if (evbuffer_get_length(input) > LINE_MAX_BYTES && !connection->is_closing) {
        if (connection->request == NULL)
            refuse_line(connection, "the request is too long");
        connection->is_closing = true;
    }
}

static bool has_output(const struct connection *connection)
{
    return evbuffer_get_length(bufferevent_get_output(connection->buffers)) > 0;
}

static void on_input(struct bufferevent *buffers, void *context)
{
    (void)buffers;
    struct connection *connection = context;
    take_lines(connection);
    if (!connection->is_closing)
        return;
    if (has_output(connection))
        bufferevent_disable(connection->buffers, EV_READ);
    else
        connection_free(connection);
}

/* All is written. Lines that came behind an answered request are taken now. */
static void on_written(struct bufferevent *buffers, void *context)
{
    (void)buffers;
    struct connection *connection = context;
    if (connection->is_closing)
        connection_free(connection);
    else if (connection->request && connection->request->written)
        connection->request->written(connection->request);
    else
        take_lines(connection);
}

static void on_event(struct bufferevent *buffers, short what, void *context)
{
    (void)buffers;
    struct connection *connection = context;
    if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) == 0)
        return;
    if ((what & BEV_EVENT_EOF) && connection->request == NULL && has_output(connection))
        connection->is_closing = true; /* it has asked, and wants its last answer */
    else
        connection_free(connection);
}

/* VX6-CTRL-001 */
static bool is_allowed(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
        return false;
    return peer.uid == geteuid() || peer.uid == 0;
}

static void take_connection(void *context, int fd, const struct sockaddr *from)
{
    (void)from;
    struct control *control = context;
    struct connection *connection = NULL;
    if (control->count < CONNECTIONS_MAX && is_allowed(fd))
        connection = calloc(1, sizeof *connection);
    if (connection)
        connection->buffers =
            bufferevent_socket_new(control->host->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (connection == NULL || connection->buffers == NULL) {
        free(connection);
        close(fd);
        return;
    }
    connection->control = control;
    connection->next = control->first;
    if (connection->next)
        connection->next->previous = connection;
    control->first = connection;
    control->count++;
    bufferevent_setcb(connection->buffers, on_input, on_written, on_event, connection);
    bufferevent_setwatermark(connection->buffers, EV_READ, 0, 2 * LINE_MAX_BYTES);
    bufferevent_enable(connection->buffers, EV_READ | EV_WRITE);
}

bool control_listen(struct control *control, const char *path, char error[TEXT_ERROR_SIZE])
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    snprintf(addr.sun_path, sizeof addr.sun_path, "%s", path);
    snprintf(control->path, sizeof control->path, "%s", path);
    (void)unlink(path); /* of an earlier run: the lock says that it is over */
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    mode_t mask = umask(0177);
    bool bound =
        fd >= 0 && bind(fd, (struct sockaddr *)&addr, sizeof addr) == 0 && listen(fd, BACKLOG) == 0;
    if (!bound)
        paths_fail(error, "listen on", path);
    umask(mask);
    if (bound)
        control->acceptor = acceptor_new(control->host, fd, take_connection, control);
    else if (fd >= 0)
        close(fd);
    if (control->acceptor)
        acceptor_hold_spare(control->acceptor);
    return control->acceptor != NULL || (bound && text_fail(error, "out of memory"));
}

struct control *control_new(struct host *host)
{
    struct control *control = calloc(1, sizeof *control);
    if (control == NULL)
        return NULL;
    control->host = host;
    return control;
}

void control_free(struct control *control)
{
    if (control == NULL)
        return;
    while (control->first)
        connection_free(control->first);
    if (control->acceptor)
        (void)unlink(control->path);
    acceptor_free(control->acceptor);
    free(control);
}
