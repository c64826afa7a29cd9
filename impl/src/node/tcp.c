/* SPDX-License-Identifier: MIT */
/* Links over TCP. Reading hands whatever came to the node; writing asks the node to fill one
 * buffer, shared by all links, only when the socket has room. What the socket did not take of that
 * buffer is kept as the link's tail, and nothing more is asked for until it is gone. */
#include "tcp.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acceptor.h"
#include "driver.h"
#include "idtable.h"
#include "net.h"

enum {
    BUFFER_SIZE = 256 * 1024,
    WRITES_PER_TURN = 8, /* so that one fast link does not keep the others waiting */
    BACKLOG = 256,
    LINGER_S = 1 /* a closed link may still take what was sent to it */
};

enum tcp_state {
    TCP_CONNECTING,
    TCP_OPEN,
    TCP_LINGERING /* the node has forgotten it; the tail is sent, then the end awaited */
};

struct tcp_link {
    struct tcp *tcp;
    struct tcp_link *next, *previous;
    vx6_id id;
    vx6_addr peer;
    int fd;
    enum tcp_state state;
    bool is_dialled;
    bool is_paused;
    struct event *readable, *writable, *linger;
    uint8_t *tail;
    size_t tail_len, tail_sent;
    uint64_t received_bytes, sent_bytes;
};

struct tcp {
    struct host *host;
    struct idtable links;
    struct tcp_link *first;
    struct acceptor *listeners[TCP_LISTENERS_MAX];
    size_t listener_count;
    uint8_t buffer[BUFFER_SIZE];
};

static void link_free(struct tcp_link *link)
{
    struct tcp *tcp = link->tcp;
    if (link->state != TCP_LINGERING)
        idtable_remove(&tcp->links, link->id);
    if (link->previous)
        link->previous->next = link->next;
    else
        tcp->first = link->next;
    if (link->next)
        link->next->previous = link->previous;
    if (link->readable)
        event_free(link->readable);
    if (link->writable)
        event_free(link->writable);
    if (link->linger)
        event_free(link->linger);
    if (link->fd >= 0)
        close(link->fd);
    free(link->tail);
    free(link);
}

/* The carrier is gone: the node hears of it, unless it has closed the link itself. */
static void link_down(struct tcp_link *link, enum vx6_code code)
{
    struct host *host = link->tcp->host;
    struct vx6_in in = {.kind = VX6_IN_LINK_DOWN, .id = link->id, .code = code};
    bool tell = link->state != TCP_LINGERING;
    link_free(link);
    if (tell)
        (void)driver_input(host->driver, &in);
}

static bool would_block(int error)
{
    return error == EAGAIN || error == EINTR;
}

enum write_result {
    WRITE_DONE,    /* all of it */
    WRITE_BLOCKED, /* the socket is full */
    WRITE_FAILED
};

static enum write_result send_tail(struct tcp_link *link)
{
    while (link->tail_sent < link->tail_len) {
        ssize_t n = send(
            link->fd, link->tail + link->tail_sent, link->tail_len - link->tail_sent, MSG_NOSIGNAL);
        if (n < 0)
            return would_block(errno) ? WRITE_BLOCKED : WRITE_FAILED;
        link->tail_sent += (size_t)n;
        link->sent_bytes += (uint64_t)n;
    }
    free(link->tail);
    link->tail = NULL;
    link->tail_len = link->tail_sent = 0;
    return WRITE_DONE;
}

static enum write_result send_buffer(struct tcp_link *link, const uint8_t *data, size_t len)
{
    ssize_t n = send(link->fd, data, len, MSG_NOSIGNAL);
    if (n < 0 && !would_block(errno))
        return WRITE_FAILED;
    size_t sent = n > 0 ? (size_t)n : 0;
    link->sent_bytes += sent;
    if (sent == len)
        return WRITE_DONE;
    link->tail = malloc(len - sent);
    if (link->tail == NULL)
        return WRITE_FAILED;
    memcpy(link->tail, data + sent, len - sent);
    link->tail_len = len - sent;
    link->tail_sent = 0;
    return WRITE_BLOCKED;
}

static enum write_result link_send(struct tcp_link *link)
{
    struct tcp *tcp = link->tcp;
    enum write_result result = send_tail(link);
    struct vx6_batch batch = {.dst = tcp->buffer, .cap = sizeof tcp->buffer};
    for (int i = 0; result == WRITE_DONE && link->state == TCP_OPEN; i++) {
        if (i == WRITES_PER_TURN)
            return WRITE_BLOCKED;
        if (!driver_fill(tcp->host->driver, link->id, &batch))
            break;
        result = send_buffer(link, batch.dst, batch.len);
    }
    return result;
}

static void link_write(struct tcp_link *link)
{
    switch (link_send(link)) {
    case WRITE_BLOCKED:
        event_add(link->writable, NULL);
        return;
    case WRITE_FAILED:
        link_down(link, VX6_TRUNCATED);
        return;
    case WRITE_DONE:
        event_del(link->writable);
        if (link->state == TCP_LINGERING)
            shutdown(link->fd, SHUT_WR);
        return;
    }
}

static void link_connected(struct tcp_link *link)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0) {
        link_down(link, VX6_UNREACHABLE);
        return;
    }
    link->state = TCP_OPEN;
    event_del(link->writable);
    event_add(link->readable, NULL);
    struct vx6_in in = {.kind = VX6_IN_LINK_UP, .id = link->id};
    (void)driver_input(link->tcp->host->driver, &in);
}

static void on_writable(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct tcp_link *link = context;
    if (link->state == TCP_CONNECTING)
        link_connected(link);
    else
        link_write(link);
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    (void)what;
    struct tcp_link *link = context;
    struct tcp *tcp = link->tcp;
    ssize_t n = recv((int)fd, tcp->buffer, sizeof tcp->buffer, 0);
    if (n < 0 && would_block(errno))
        return;
    if (n <= 0) {
        link_down(link, VX6_TRUNCATED);
        return;
    }
    link->received_bytes += (uint64_t)n;
    if (link->state == TCP_LINGERING)
        return; /* nobody is interested any more */
    struct vx6_in in = {
        .kind = VX6_IN_LINK_BYTES, .id = link->id, .data = tcp->buffer, .len = (size_t)n};
    (void)driver_input(tcp->host->driver, &in);
}

static void on_linger(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    link_free(context);
}

/* Takes over `fd`, even when it fails. */
static struct tcp_link *link_new(struct tcp *tcp, int fd, const vx6_addr *peer)
{
    struct tcp_link *link = calloc(1, sizeof *link);
    if (link == NULL) {
        close(fd);
        return NULL;
    }
    struct event_base *base = tcp->host->base;
    link->tcp = tcp;
    link->fd = fd;
    link->peer = *peer;
    link->state = TCP_LINGERING; /* until the node knows it */
    link->next = tcp->first;
    if (tcp->first)
        tcp->first->previous = link;
    tcp->first = link;
    link->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, link);
    link->writable = event_new(base, fd, EV_WRITE | EV_PERSIST, on_writable, link);
    link->linger = evtimer_new(base, on_linger, link);
    if (link->readable && link->writable && link->linger)
        return link;
    link_free(link);
    return NULL;
}

static bool link_known(struct tcp_link *link, vx6_id id, enum tcp_state state)
{
    if (!idtable_set(&link->tcp->links, id, link))
        return false;
    link->id = id;
    link->state = state;
    return true;
}

void tcp_dial(struct tcp *tcp, vx6_id id, const vx6_addr *peer)
{
    int fd = net_connect(peer);
    enum vx6_code code =
        fd < 0 && (errno == EMFILE || errno == ENFILE) ? VX6_LIMIT : VX6_UNREACHABLE;
    struct tcp_link *link = fd < 0 ? NULL : link_new(tcp, fd, peer);
    if (link && link_known(link, id, TCP_CONNECTING)) {
        link->is_dialled = true;
        event_add(link->writable, NULL);
        return;
    }
    if (link)
        link_free(link);
    struct vx6_in in = {.kind = VX6_IN_LINK_DOWN, .id = id, .code = code};
    (void)driver_input(tcp->host->driver, &in);
}

/* Closing while unread bytes wait would make the kernel send a reset, which can overtake what was
 * sent before: so the sending side ends first, and the peer gets a moment to end its own. */
void tcp_close(struct tcp *tcp, vx6_id id, enum vx6_code code)
{
    (void)code;
    struct tcp_link *link = idtable_get(&tcp->links, id);
    if (link == NULL)
        return;
    if (link->state == TCP_CONNECTING) {
        link_free(link);
        return;
    }
    idtable_remove(&tcp->links, id);
    link->state = TCP_LINGERING;
    struct timeval timeout = {LINGER_S, 0};
    evtimer_add(link->linger, &timeout);
    event_add(link->readable, NULL);
    link_write(link);
}

void tcp_pause(struct tcp *tcp, vx6_id id)
{
    struct tcp_link *link = idtable_get(&tcp->links, id);
    if (link)
        event_del(link->readable);
}

void tcp_resume(struct tcp *tcp, vx6_id id)
{
    struct tcp_link *link = idtable_get(&tcp->links, id);
    if (link && link->state == TCP_OPEN)
        event_add(link->readable, NULL);
}

void tcp_want_write(struct tcp *tcp, vx6_id id)
{
    struct tcp_link *link = idtable_get(&tcp->links, id);
    if (link && link->state == TCP_OPEN && !event_pending(link->writable, EV_WRITE, NULL))
        link_write(link);
}

static void take_connection(void *context, int fd, const struct sockaddr *from)
{
    struct tcp *tcp = context;
    vx6_addr peer;
    struct tcp_link *link = NULL;
    net_set_nodelay(fd);
    if (net_from_sockaddr(&peer, from))
        link = link_new(tcp, fd, &peer);
    else
        close(fd);
    if (link == NULL)
        return;
    struct vx6_in in = {.kind = VX6_IN_LINK_ACCEPTED, .peer = peer};
    if (driver_input(tcp->host->driver, &in) != VX6_OK) {
        link_free(link);
        return;
    }
    if (link_known(link, in.id, TCP_OPEN)) {
        event_add(link->readable, NULL);
        return;
    }
    link_free(link);
    struct vx6_in down = {.kind = VX6_IN_LINK_DOWN, .id = in.id, .code = VX6_NOMEM};
    (void)driver_input(tcp->host->driver, &down);
}

bool tcp_listen(struct tcp *tcp, const vx6_addr *addr, char error[TEXT_ERROR_SIZE])
{
    char text[TEXT_ADDR_SIZE];
    text_addr(text, addr);
    if (tcp->listener_count == TCP_LISTENERS_MAX)
        return text_fail(error, "more than %d --listen addresses", TCP_LISTENERS_MAX);
    int family;
    int fd = net_bind(addr, SOCK_STREAM, &family);
    if (fd >= 0 && listen(fd, BACKLOG) != 0) {
        int failure = errno;
        close(fd);
        errno = failure;
        fd = -1;
    }
    if (fd < 0 && errno == EADDRINUSE)
        return text_fail(
            error, "TCP %s is taken by another program: choose another with --listen ADDR", text);
    if (fd < 0)
        return text_fail(error, "cannot listen on TCP %s: %s", text, strerror(errno));

    struct acceptor *listener = acceptor_new(tcp->host, fd, take_connection, tcp);
    if (listener == NULL)
        return text_fail(error, "out of memory");
    tcp->listeners[tcp->listener_count++] = listener;
    return true;
}

void tcp_stop_listening(struct tcp *tcp)
{
    while (tcp->listener_count > 0)
        acceptor_free(tcp->listeners[--tcp->listener_count]);
}

bool tcp_is_idle(const struct tcp *tcp)
{
    return tcp->first == NULL;
}

bool tcp_link_facts(const struct tcp *tcp, size_t index, struct tcp_link_facts *facts)
{
    for (const struct tcp_link *link = tcp->first; link; link = link->next) {
        if (link->state != TCP_OPEN || index-- > 0)
            continue;
        *facts = (struct tcp_link_facts){.peer = link->peer,
            .is_dialled = link->is_dialled,
            .received_bytes = link->received_bytes,
            .sent_bytes = link->sent_bytes};
        return true;
    }
    return false;
}

struct tcp *tcp_new(struct host *host)
{
    struct tcp *tcp = calloc(1, sizeof *tcp);
    if (tcp)
        tcp->host = host;
    return tcp;
}

void tcp_free(struct tcp *tcp)
{
    if (tcp == NULL)
        return;
    tcp_stop_listening(tcp);
    while (tcp->first)
        link_free(tcp->first);
    idtable_clear(&tcp->links);
    free(tcp);
}
