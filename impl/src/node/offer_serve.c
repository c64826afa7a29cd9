/* SPDX-License-Identifier: MIT */
/* Connections that come in for a service. One leads to the target that the owner has declared and
 * nowhere else: nothing that a peer sends takes part in choosing the address. Its stream is
 * accepted once the target has answered; else it is reset, with the reason. */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net.h"
#include "offer_parts.h"
#include "paths.h"
#include "pump.h"

enum {
    CONNECT_TIMEOUT_S = 10
};

/* A connection on its way to its target. */
struct incoming {
    struct offer *offer;
    vx6_id stream;
    int fd;
    struct event *connected;
};

static void incoming_free(struct incoming *incoming)
{
    idtable_remove(&incoming->offer->offers->incoming, incoming->stream);
    if (incoming->connected)
        event_free(incoming->connected);
    free(incoming);
}

static void connection_gone(struct offer *offer)
{
    offer->facts.open_count--;
    offer_free_if_unused(offer);
}

static void on_pump_ended(void *owner, enum vx6_code code)
{
    (void)code;
    connection_gone(owner);
}

static void refuse(struct host *host, vx6_id stream, enum vx6_code code)
{
    struct vx6_in in = {.kind = VX6_IN_STREAM_RESET, .id = stream, .code = code};
    (void)driver_input(host->driver, &in);
}

/* The target does not answer: the client hears SERVICE_DOWN, the owner why. */
static void target_down(struct offer *offer, vx6_id stream, int error)
{
    struct host *host = offer->offers->host;
    char problem[TEXT_ERROR_SIZE];
    bool is_own = error == EMFILE || error == ENFILE || error == ENOMEM;
    text_fail(problem, "%s (%s)", is_own ? "cannot be connected to" : "does not accept connections",
        strerror(error));
    offer->facts.failure_count++;
    offer->facts.is_up_known = true;
    offer->facts.is_up = false;
    offer->is_down_told = true;
    REPORT(host->journal, service_down, .service = offer->facts.name,
        .target = &offer->facts.target, .problem = problem,
        .advice =
            is_own ? paths_advice(error) : "start it, or correct the target with vx6 service add");
    refuse(host, stream, VX6_SERVICE_DOWN);
    connection_gone(offer);
}

static void on_connected(evutil_socket_t fd, short what, void *context)
{
    struct incoming *incoming = context;
    struct offer *offer = incoming->offer;
    struct host *host = offer->offers->host;
    vx6_id stream = incoming->stream;
    int error = 0;
    socklen_t len = sizeof error;
    if (what & EV_TIMEOUT)
        error = ETIMEDOUT;
    else if (getsockopt((int)fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    incoming_free(incoming);
    if (error != 0) {
        close((int)fd);
        target_down(offer, stream, error);
        return;
    }
    struct vx6_in in = {.kind = VX6_IN_STREAM_ACCEPT, .id = stream};
    if (driver_input(host->driver, &in) != VX6_OK) {
        close((int)fd);
        connection_gone(offer);
        return;
    }
    struct pump_config config = {.fd = (int)fd,
        .stream = stream,
        .traffic = &offer->facts.traffic,
        .ended = on_pump_ended,
        .owner = offer};
    struct pump *pump = pump_new(host->pumps, &config);
    if (pump == NULL) {
        connection_gone(offer);
        return;
    }
    offer->facts.connection_count++;
    offer_saw_up(offer);
    pump_start(pump);
}

static bool start_connecting(struct offer *offer, vx6_id stream, int fd)
{
    struct offers *offers = offer->offers;
    struct incoming *incoming = calloc(1, sizeof *incoming);
    if (incoming == NULL)
        return false;
    *incoming = (struct incoming){.offer = offer, .stream = stream, .fd = fd};
    incoming->connected = event_new(offers->host->base, fd, EV_WRITE, on_connected, incoming);
    if (incoming->connected && idtable_set(&offers->incoming, stream, incoming)) {
        struct timeval timeout = {CONNECT_TIMEOUT_S, 0};
        event_add(incoming->connected, &timeout);
        return true;
    }
    incoming_free(incoming);
    return false;
}

/* VX6-CTRL-011 */
void offers_incoming(struct offers *offers, const struct vx6_out *out)
{
    char name[VX6_LABEL_MAX + 1] = "";
    if (out->value.len < sizeof name)
        memcpy(name, out->value.data, out->value.len);
    struct offer *offer = offer_get(offers, name);
    if (offer == NULL) {
        refuse(offers->host, out->id, VX6_NO_SERVICE);
        return;
    }
    offer->facts.open_count++;
    REPORT(
        offers->host->journal, service_used, .service = name, .key = out->key, .peer = &out->peer);
    int fd = net_connect(&offer->facts.target);
    if (fd < 0) {
        target_down(offer, out->id, errno);
    } else if (!start_connecting(offer, out->id, fd)) {
        close(fd);
        target_down(offer, out->id, ENOMEM);
    }
}

void offers_stream_closed(struct offers *offers, vx6_id stream)
{
    struct incoming *incoming = idtable_get(&offers->incoming, stream);
    if (incoming == NULL)
        return;
    struct offer *offer = incoming->offer;
    close(incoming->fd);
    incoming_free(incoming);
    connection_gone(offer);
}

void offer_drop_incoming(struct offers *offers)
{
    struct incoming *incoming;
    while ((incoming = idtable_any(&offers->incoming)) != NULL) {
        close(incoming->fd);
        incoming_free(incoming);
    }
    idtable_clear(&offers->incoming);
}
