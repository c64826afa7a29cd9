/* SPDX-License-Identifier: MIT */
/* A service as commands and the state write it: who may use it, and where it is. */
#ifndef VX6_SERVICE_H
#define VX6_SERVICE_H

#include "store.h"

/* VX6-SESS-025 */
enum exposure {
    EXPOSURE_PUBLIC,  /* open to whoever resolves this node */
    EXPOSURE_LISTED,  /* open to keys that are allowed; whoever resolves this node sees it */
    EXPOSURE_PRIVATE, /* open to keys that are allowed; nobody else learns of it */
    EXPOSURE_HOSTED,  /* at another node, as whoever resolves this one is told */
    EXPOSURE_COUNT
};
const char *exposure_name(enum exposure exposure);
/* EXPOSURE_COUNT: it is none. */
enum exposure exposure_parse(const char *text);

/* "127.0.0.1:8080", "[::1]:8080", "localhost:8080", or another numeric address: NULL; else what is
 * wrong with it. */
const char *service_target_parse(const char *text, vx6_addr *target);

/* `target`, or, if it is hosted, `host`. False: it is none that a node can use. */
bool service_parse(const struct store_service *stored, enum exposure *exposure, vx6_addr *target,
    uint8_t host[32]);

#endif
