/* SPDX-License-Identifier: MIT */
/* A local TCP connection joined to a stream. Bytes are read straight into the stream's memory and
 * written straight from it. Each direction stops when the other side of it is full, and goes on
 * when the state machine or the socket says so; each ends by itself (half-close). An end that is
 * no orderly one reaches the local program as a connection reset, never as an end of file. */
#include "pump.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "driver.h"
#include "idtable.h"
#include "net.h"

enum {
    TURNS = 4, /* reads or writes in a row, so that others get theirs */
    SPANS = 16
};

struct pump {
    struct pumps *pumps;
    struct pump_config config;
    struct event *readable, *writable;
    bool has_started;
    bool read_ended, write_ended;
};

struct pumps {
    struct host *host;
    struct idtable map;
};

static void pump_free(struct pump *pump)
{
    idtable_remove(&pump->pumps->map, pump->config.stream);
    if (pump->readable)
        event_free(pump->readable);
    if (pump->writable)
        event_free(pump->writable);
    free(pump);
}

/* VX6-CTRL-012 */
static void close_socket(const struct pump *pump, enum vx6_code code)
{
    if (code == VX6_OK)
        close(pump->config.fd);
    else
        net_abort(pump->config.fd);
}

static void end(struct pump *pump, enum vx6_code code)
{
    struct pump_config config = pump->config;
    close_socket(pump, code);
    pump_free(pump);
    config.ended(config.owner, code);
}

/* The ways in which a link ends that has not been closed by anybody. */
static bool is_lost(enum vx6_code code)
{
    return code == VX6_TIMEOUT || code == VX6_TRUNCATED || code == VX6_UNREACHABLE;
}

static void give_back(struct pump *pump, enum vx6_code code)
{
    struct pump_config config = pump->config;
    pump_free(pump);
    config.returned(config.owner, config.fd, code);
}

static void reset_stream(struct host *host, vx6_id stream, enum vx6_code code)
{
    struct vx6_in in = {.kind = VX6_IN_STREAM_RESET, .id = stream, .code = code};
    (void)driver_input(host->driver, &in);
}

/* The local program has gone away. */
static void fail(struct pump *pump)
{
    reset_stream(pump->pumps->host, pump->config.stream, VX6_RESET);
    end(pump, VX6_RESET);
}

static bool would_block(void)
{
    return errno == EAGAIN || errno == EINTR;
}

/* Bytes read, 0 at the end, -1 on failure or when there are none. `room` 0: no room for any. */
static ssize_t read_some(struct pump *pump, size_t *room)
{
    vx6_node *node = driver_node(pump->pumps->host->driver);
    struct vx6_room rooms[SPANS];
    struct iovec parts[SPANS];
    size_t count = vx6_stream_reserve(node, pump->config.stream, rooms, SPANS);
    *room = 0;
    for (size_t i = 0; i < count; i++) {
        parts[i] = (struct iovec){rooms[i].data, rooms[i].len};
        *room += rooms[i].len;
    }
    if (count == 0)
        return -1;
    ssize_t n = readv(pump->config.fd, parts, (int)count);
    pump->read_ended = n == 0;
    vx6_stream_commit(node, pump->config.stream, n > 0 ? (size_t)n : 0, pump->read_ended);
    return n;
}

static void pump_read(struct pump *pump)
{
    struct driver *driver = pump->pumps->host->driver;
    for (int turn = 0; turn < TURNS && !pump->read_ended; turn++) {
        size_t room;
        ssize_t n = read_some(pump, &room);
        if (room == 0) {
            event_del(pump->readable); /* until WRITABLE */
            break;
        }
        if (n < 0 && !would_block()) {
            fail(pump);
            return;
        }
        if (n > 0)
            traffic_count(&pump->config.traffic->to_stream, (uint64_t)n);
        if (n < (ssize_t)room)
            break; /* the socket is empty: what comes later wakes this again */
    }
    if (pump->read_ended)
        event_del(pump->readable);
    driver_touched(driver);
}

/* Bytes written, 0 when the stream has none to show, -1 on failure or when the socket is full. */
static ssize_t write_some(struct pump *pump, size_t *shown, bool *at_end)
{
    struct driver *driver = pump->pumps->host->driver;
    vx6_node *node = driver_node(driver);
    vx6_span spans[SPANS];
    struct iovec parts[SPANS];
    size_t count = vx6_stream_peek(node, pump->config.stream, spans, SPANS, at_end);
    *shown = 0;
    for (size_t i = 0; i < count; i++) {
        union {
            const uint8_t *from;
            void *to;
        } base = {.from = spans[i].data}; /* writev never writes to it, but its type allows it */
        parts[i] = (struct iovec){base.to, spans[i].len};
        *shown += spans[i].len;
    }
    if (*shown == 0)
        return 0;
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    ssize_t n = sendmsg(pump->config.fd, &message, MSG_NOSIGNAL);
    if (n > 0) {
        vx6_stream_release(node, pump->config.stream, (size_t)n);
        traffic_count(&pump->config.traffic->from_stream, (uint64_t)n);
        driver_touched(driver);
    }
    return n;
}

static void pump_write(struct pump *pump)
{
    for (int turn = 0; turn < TURNS && !pump->write_ended; turn++) {
        size_t shown;
        bool at_end = false;
        ssize_t n = write_some(pump, &shown, &at_end);
        if (n < 0 && !would_block()) {
            fail(pump);
            return;
        }
        if (n < 0 || (size_t)n < shown) {
            event_add(pump->writable, NULL);
            return;
        }
        if (at_end) {
            shutdown(pump->config.fd, SHUT_WR);
            pump->write_ended = true;
        } else if (n == 0) {
            event_del(pump->writable);
            return;
        }
    }
    if (pump->write_ended)
        event_del(pump->writable);
    else
        event_add(pump->writable, NULL);
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    pump_read(context);
}

static void on_writable(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    pump_write(context);
}

struct pump *pump_new(struct pumps *pumps, const struct pump_config *config)
{
    struct event_base *base = pumps->host->base;
    struct pump *pump = calloc(1, sizeof *pump);
    if (pump) {
        pump->pumps = pumps;
        pump->config = *config;
        pump->readable = event_new(base, config->fd, EV_READ | EV_PERSIST, on_readable, pump);
        pump->writable = event_new(base, config->fd, EV_WRITE | EV_PERSIST, on_writable, pump);
        if (pump->readable && pump->writable && idtable_set(&pumps->map, config->stream, pump))
            return pump;
        pump_free(pump);
    }
    net_abort(config->fd);
    reset_stream(pumps->host, config->stream, VX6_NOMEM);
    return NULL;
}

void pump_start(struct pump *pump)
{
    pump->has_started = true;
    if (!pump->read_ended)
        event_add(pump->readable, NULL);
    event_add(pump->writable, NULL); /* bytes may wait in the stream already */
}

void pump_abort(struct pump *pump, enum vx6_code code)
{
    reset_stream(pump->pumps->host, pump->config.stream, code);
    close_socket(pump, code);
    pump_free(pump);
}

void pumps_readable(struct pumps *pumps, vx6_id stream)
{
    struct pump *pump = idtable_get(&pumps->map, stream);
    if (pump && pump->has_started && !event_pending(pump->writable, EV_WRITE, NULL))
        pump_write(pump);
}

void pumps_writable(struct pumps *pumps, vx6_id stream)
{
    struct pump *pump = idtable_get(&pumps->map, stream);
    if (pump == NULL)
        return;
    if (!pump->has_started)
        pump_start(pump);
    else if (!pump->read_ended)
        event_add(pump->readable, NULL);
}

void pumps_closed(struct pumps *pumps, vx6_id stream, enum vx6_code code)
{
    struct pump *pump = idtable_get(&pumps->map, stream);
    if (pump && pump->config.returned && !pump->has_started && is_lost(code))
        give_back(pump, code);
    else if (pump)
        end(pump, code);
}

struct pumps *pumps_new(struct host *host)
{
    struct pumps *pumps = calloc(1, sizeof *pumps);
    if (pumps)
        pumps->host = host;
    return pumps;
}

void pumps_free(struct pumps *pumps)
{
    if (pumps == NULL)
        return;
    struct pump *pump;
    while ((pump = idtable_any(&pumps->map)) != NULL) {
        net_abort(pump->config.fd);
        pump_free(pump);
    }
    idtable_clear(&pumps->map);
    free(pumps);
}
