/* SPDX-License-Identifier: MIT */
/* Accepts a few connections in a turn, so that others get theirs. A connection that cannot be taken
 * stays in the backlog and keeps the socket readable: then the acceptor rests, or it would spin. */
#include "acceptor.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
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
    int spare; /* -1: none */
    struct event *acceptable, *rested;
};

static void rest(struct acceptor *acceptor, int error)
{
    const char *todo = paths_advice(error);
    char why[TEXT_ERROR_SIZE];
    struct timeval time = {0, REST_MS * 1000};
    event_del(acceptor->acceptable);
    evtimer_add(acceptor->rested, &time);
    snprintf(why, sizeof why, "%s%s%s", strerror(error), todo[0] ? ": " : "", todo);
    REPORT(acceptor->host->journal, connections_wait, .why = why);
}

static bool is_exhausted(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static int take(struct acceptor *acceptor, struct sockaddr_storage *from)
{
    socklen_t len = sizeof *from;
    return accept4(acceptor->fd, (struct sockaddr *)from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static int take_by_spare(struct acceptor *acceptor, struct sockaddr_storage *from)
{
    close(acceptor->spare);
    acceptor->spare = -1;
    return take(acceptor, from);
}

static void on_acceptable(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct acceptor *acceptor = context;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct sockaddr_storage from = {0};
        int taken = take(acceptor, &from);
        if (taken < 0 && is_exhausted(errno) && acceptor->spare >= 0)
            taken = take_by_spare(acceptor, &from);
        if (taken >= 0) {
            acceptor->took(acceptor->context, taken, (struct sockaddr *)&from);
            continue;
        }
        if (is_exhausted(errno))
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
    *acceptor =
        (struct acceptor){.host = host, .took = took, .context = context, .fd = fd, .spare = -1};
    acceptor->acceptable = event_new(host->base, fd, EV_READ | EV_PERSIST, on_acceptable, acceptor);
    acceptor->rested = evtimer_new(host->base, on_rested, acceptor);
    if (acceptor->acceptable && acceptor->rested && event_add(acceptor->acceptable, NULL) == 0)
        return acceptor;
    acceptor_free(acceptor);
    return NULL;
}

void acceptor_hold_spare(struct acceptor *acceptor)
{
    if (acceptor->spare < 0)
        acceptor->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void acceptor_free(struct acceptor *acceptor)
{
    if (acceptor == NULL)
        return;
    if (acceptor->acceptable)
        event_free(acceptor->acceptable);
    if (acceptor->rested)
        event_free(acceptor->rested);
    if (acceptor->spare >= 0)
        close(acceptor->spare);
    close(acceptor->fd);
    free(acceptor);
}
