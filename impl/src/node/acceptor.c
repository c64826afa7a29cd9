/* SPDX-License-Identifier: MIT */
/* Accepts a few connections in a turn, so that others get theirs. A connection that cannot be taken
 * stays in the backlog and keeps the socket readable: then the acceptor rests, or it would spin. */
#include "acceptor.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "paths.h"

enum {
    ACCEPTS_PER_TURN = 32,
    REST_MS = 500
};

struct acceptor {
    struct host *host;
    acceptor_took *took;
    void *context;
    int fd;
    struct event *acceptable, *rested;
};

static void rest(struct acceptor *acceptor, int error)
{
    const char *todo = paths_advice(error);
    struct timeval time = {0, REST_MS * 1000};
    event_del(acceptor->acceptable);
    evtimer_add(acceptor->rested, &time);
    journal_error(&acceptor->host->journal, "connections have to wait: %s%s%s", strerror(error),
        todo[0] ? ": " : "", todo);
}

static void on_acceptable(evutil_socket_t fd, short what, void *context)
{
    (void)what;
    struct acceptor *acceptor = context;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct sockaddr_storage from = {0};
        socklen_t len = sizeof from;
        int taken = accept4((int)fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (taken >= 0) {
            acceptor->took(acceptor->context, taken, (struct sockaddr *)&from);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            rest(acceptor, errno);
        return;
    }
}

static void on_rested(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct acceptor *acceptor = context;
    event_add(acceptor->acceptable, NULL);
}

struct acceptor *acceptor_new(struct host *host, int fd, acceptor_took *took, void *context)
{
    struct acceptor *acceptor = calloc(1, sizeof *acceptor);
    if (acceptor == NULL) {
        close(fd);
        return NULL;
    }
    *acceptor = (struct acceptor){.host = host, .took = took, .context = context, .fd = fd};
    acceptor->acceptable = event_new(host->base, fd, EV_READ | EV_PERSIST, on_acceptable, acceptor);
    acceptor->rested = evtimer_new(host->base, on_rested, acceptor);
    if (acceptor->acceptable && acceptor->rested && event_add(acceptor->acceptable, NULL) == 0)
        return acceptor;
    acceptor_free(acceptor);
    return NULL;
}

void acceptor_free(struct acceptor *acceptor)
{
    if (acceptor == NULL)
        return;
    if (acceptor->acceptable)
        event_free(acceptor->acceptable);
    if (acceptor->rested)
        event_free(acceptor->rested);
    close(acceptor->fd);
    free(acceptor);
}
