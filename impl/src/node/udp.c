/* SPDX-License-Identifier: MIT */
/* Sealed queries over UDP: many datagrams per call in both directions. A datagram leaves from the
 * first socket that reaches its address family; one that the kernel refuses is lost, like any
 * other lost datagram. While the kernel's buffer is full, the node keeps what it has to say. */
#include "udp.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "driver.h"
#include "net.h"
#include "source.h"
#include "tcp.h"

enum {
    RECEIVE_COUNT = 32,
    RECEIVE_TURNS = 4,
    RECEIVE_SIZE = 1500, /* longer ones are nothing that VX6 sends */
    SEND_COUNT = 64,
    SEND_TURNS = 64,
    SEND_BUFFER_SIZE = 64 * 1024,
    SOCKET_BUFFER_SIZE = 1024 * 1024
};

struct udp_socket {
    struct udp *udp;
    int fd, family;
    struct event *readable, *writable;
};

struct udp {
    struct host *host;
    struct udp_socket sockets[TCP_LISTENERS_MAX];
    size_t socket_count;
    struct vx6_batch batch; /* being sent from `sent` on */
    size_t sent;
    bool is_blocked;
    struct sources sources;
    uint8_t send_buffer[SEND_BUFFER_SIZE];
    uint8_t receive_buffer[RECEIVE_COUNT][RECEIVE_SIZE];
};

static void take_datagram(struct udp *udp, struct mmsghdr *message, uint8_t *data)
{
    if (message->msg_hdr.msg_flags & MSG_TRUNC)
        return;
    struct vx6_in in = {.kind = VX6_IN_DATAGRAM, .data = data, .len = message->msg_len};
    if (!net_from_sockaddr(&in.peer, message->msg_hdr.msg_name))
        return;
    source_learn(&udp->sources, &in.peer, &message->msg_hdr);
    (void)driver_input(udp->host->driver, &in);
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    (void)what;
    struct udp_socket *sock = context;
    struct udp *udp = sock->udp;
    for (int turn = 0; turn < RECEIVE_TURNS; turn++) {
        struct mmsghdr messages[RECEIVE_COUNT] = {0};
        struct iovec parts[RECEIVE_COUNT];
        struct sockaddr_storage from[RECEIVE_COUNT];
        struct source_control controls[RECEIVE_COUNT];
        for (size_t i = 0; i < RECEIVE_COUNT; i++) {
            parts[i] = (struct iovec){udp->receive_buffer[i], RECEIVE_SIZE};
            messages[i].msg_hdr = (struct msghdr){.msg_name = &from[i],
                .msg_namelen = sizeof from[i],
                .msg_iov = &parts[i],
                .msg_iovlen = 1,
                .msg_control = &controls[i],
                .msg_controllen = sizeof controls[i]};
        }
        int count = recvmmsg((int)fd, messages, RECEIVE_COUNT, MSG_DONTWAIT, NULL);
        for (int i = 0; i < count; i++)
            take_datagram(udp, &messages[i], udp->receive_buffer[i]);
        if (count < RECEIVE_COUNT)
            return;
    }
}

static const struct udp_socket *socket_for(const struct udp *udp, const vx6_addr *peer)
{
    for (size_t i = 0; i < udp->socket_count; i++) {
        if (udp->sockets[i].family == AF_INET6 && !net_is_ipv4(peer))
            return &udp->sockets[i];
        if (udp->sockets[i].family == AF_INET && net_is_ipv4(peer))
            return &udp->sockets[i];
    }
    /* A wildcard IPv6 socket takes mapped addresses too; a bound one refuses them. */
    return udp->socket_count > 0 ? &udp->sockets[0] : NULL;
}

/* Sends from the batch what one call takes; false when the socket is full. */
static bool send_some(struct udp *udp, const struct udp_socket *sock)
{
    struct vx6_batch *batch = &udp->batch;
    struct net_sockaddr to = net_to_sockaddr(&batch->peer, sock->family);
    struct mmsghdr messages[SEND_COUNT] = {0};
    struct iovec parts[SEND_COUNT];
    struct source_control control = {0};
    unsigned count = 0;
    for (size_t at = udp->sent; at < batch->len && count < SEND_COUNT; count++) {
        size_t left = batch->len - at;
        size_t len = left < batch->segment_len ? left : batch->segment_len;
        parts[count] = (struct iovec){batch->dst + at, len};
        messages[count].msg_hdr = (struct msghdr){.msg_name = &to.storage,
            .msg_namelen = to.len,
            .msg_iov = &parts[count],
            .msg_iovlen = 1};
        source_apply(&udp->sources, &batch->peer, sock->family, &messages[count].msg_hdr, &control);
        at += len;
    }
    int sent = sendmmsg(sock->fd, messages, count, MSG_DONTWAIT);
    if (sent < 0 && errno == EAGAIN)
        return false;
    if (sent < 0)
        source_forget(&udp->sources, &batch->peer); /* that address may be gone */
    size_t done = sent > 0 ? (size_t)sent : 1; /* an error concerns the first one: it is lost */
    for (size_t i = 0; i < done; i++)
        udp->sent += parts[i].iov_len;
    return true;
}

static void send_all(struct udp *udp)
{
    struct vx6_batch *batch = &udp->batch;
    const struct udp_socket *sock = NULL;
    for (int turn = 0; turn < SEND_TURNS; turn++) {
        if (udp->sent >= batch->len) {
            *batch = (struct vx6_batch){.dst = udp->send_buffer, .cap = sizeof udp->send_buffer};
            udp->sent = 0;
            if (!driver_fill(udp->host->driver, VX6_DATAGRAMS, batch)) {
                udp->is_blocked = false;
                batch->len = 0;
                return;
            }
        }
        sock = socket_for(udp, &batch->peer);
        if (sock == NULL)
            udp->sent = batch->len;
        else if (!send_some(udp, sock))
            break;
    }
    udp->is_blocked = true;
    event_add(sock ? sock->writable : udp->sockets[0].writable, NULL);
}

static void on_writable(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct udp_socket *sock = context;
    send_all(sock->udp);
}

void udp_want_write(struct udp *udp)
{
    if (!udp->is_blocked)
        send_all(udp);
}

bool udp_listen(struct udp *udp, const vx6_addr *addr, char error[TEXT_ERROR_SIZE])
{
    char text[TEXT_ADDR_SIZE];
    text_addr(text, addr);
    if (udp->socket_count == TCP_LISTENERS_MAX)
        return text_fail(error, "more than %d --listen addresses", TCP_LISTENERS_MAX);
    int family;
    int fd = net_bind(addr, SOCK_DGRAM, &family);
    if (fd < 0 && errno == EADDRINUSE)
        return text_fail(
            error, "UDP %s is taken by another program: choose another with --listen ADDR", text);
    if (fd < 0)
        return text_fail(error, "cannot listen on UDP %s: %s", text, strerror(errno));
    source_enable(fd, family);
    int size = SOCKET_BUFFER_SIZE;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);

    struct udp_socket *sock = &udp->sockets[udp->socket_count++];
    *sock = (struct udp_socket){.udp = udp, .fd = fd, .family = family};
    sock->readable = event_new(udp->host->base, fd, EV_READ | EV_PERSIST, on_readable, sock);
    sock->writable = event_new(udp->host->base, fd, EV_WRITE, on_writable, sock);
    if (sock->readable == NULL || sock->writable == NULL)
        return text_fail(error, "out of memory");
    event_add(sock->readable, NULL);
    return true;
}

struct udp *udp_new(struct host *host)
{
    struct udp *udp = calloc(1, sizeof *udp);
    if (udp)
        udp->host = host;
    return udp;
}

void udp_free(struct udp *udp)
{
    if (udp == NULL)
        return;
    for (size_t i = 0; i < udp->socket_count; i++) {
        if (udp->sockets[i].readable)
            event_free(udp->sockets[i].readable);
        if (udp->sockets[i].writable)
            event_free(udp->sockets[i].writable);
        close(udp->sockets[i].fd);
    }
    free(udp);
}
