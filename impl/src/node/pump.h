/* SPDX-License-Identifier: MIT */
/* A local TCP connection joined to a stream: bytes both ways, half-close both ways. */
#ifndef VX6_PUMP_H
#define VX6_PUMP_H

#include "host.h"
#include "traffic.h"
#include "vx6/node.h"

struct pumps;
struct pump;

/* Told once, when the pump has ended and its socket is closed; the pump is gone when it returns.
 * `code` says why; VX6_OK when both directions ended in order. */
typedef void pump_ended(void *owner, enum vx6_code code);
/* Told instead, when the session was lost before the service was reached: not a byte was read from
 * the socket, which is the owner's again. */
typedef void pump_returned(void *owner, int fd, enum vx6_code code);

struct pump_config {
    int fd;                  /* connected, non-blocking; taken over, even when the call fails */
    vx6_id stream;           /* accepted already, or to be accepted by its owner */
    struct traffic *traffic; /* outlives the pump */
    pump_ended *ended;
    pump_returned *returned; /* NULL: such an end is like any other */
    void *owner;
};

struct pumps *pumps_new(struct host *host);
void pumps_free(struct pumps *pumps);

/* NULL only when memory ran out: the stream is reset then. */
struct pump *pump_new(struct pumps *pumps, const struct pump_config *config);
/* Reads from the socket at once; otherwise reading begins with the first WRITABLE. */
void pump_start(struct pump *pump);
/* Ends it without a word to its owner. */
void pump_abort(struct pump *pump, enum vx6_code code);

/* Outputs of the state machine; those for streams without a pump are ignored. */
void pumps_readable(struct pumps *pumps, vx6_id stream);
void pumps_writable(struct pumps *pumps, vx6_id stream);
void pumps_closed(struct pumps *pumps, vx6_id stream, enum vx6_code code);

#endif
