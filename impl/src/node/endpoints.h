/* SPDX-License-Identifier: MIT */
/* The addresses under which this node publishes itself. */
#ifndef VX6_ENDPOINTS_H
#define VX6_ENDPOINTS_H

#include "host.h"
#include "vx6/node.h"

struct endpoints;

struct endpoints *endpoints_new(struct host *host);
void endpoints_free(struct endpoints *endpoints);
/* What it listens on: an address is published as it is; a wildcard stands for the addresses of the
 * host, and follows them when they change. */
bool endpoints_listen(
    struct endpoints *endpoints, const vx6_addr *addr, char error[TEXT_ERROR_SIZE]);
void endpoints_publish(struct endpoints *endpoints);

const vx6_addr *endpoints_listening(const struct endpoints *endpoints, size_t index);
const vx6_addr *endpoints_published(const struct endpoints *endpoints, size_t index);

#endif
