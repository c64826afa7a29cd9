/* SPDX-License-Identifier: MIT */
/* A listening socket and whoever takes its connections. */
#ifndef VX6_ACCEPTOR_H
#define VX6_ACCEPTOR_H

#include <sys/socket.h>

#include "host.h"

struct acceptor;

/* A new connection, non-blocking; the descriptor is the callee's. Must not free the acceptor. */
typedef void acceptor_took(void *context, int fd, const struct sockaddr *from);

/* Takes over the listening `fd`, even when it fails: NULL, out of memory. */
struct acceptor *acceptor_new(struct host *host, int fd, acceptor_took *took, void *context);
/* Holds one descriptor back for when there is no other: then one connection is taken all the same.
 * To be called again when such a connection has ended. */
void acceptor_hold_spare(struct acceptor *acceptor);
void acceptor_free(struct acceptor *acceptor); /* NULL is fine */

#endif
