/* SPDX-License-Identifier: MIT */
/* Sealed queries over UDP. */
#ifndef VX6_UDP_H
#define VX6_UDP_H

#include "host.h"

struct udp;

struct udp *udp_new(struct host *host);
void udp_free(struct udp *udp);
bool udp_listen(struct udp *udp, const vx6_addr *addr, char error[TEXT_ERROR_SIZE]);
void udp_want_write(struct udp *udp);

#endif
