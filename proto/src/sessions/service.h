/* SPDX-License-Identifier: MIT */
/* What service.c and access.c share. */
#ifndef VX6_SERVICE_H
#define VX6_SERVICE_H

#include "session_internal.h"

struct local_service {
    struct blob *name;
    struct blob *host;       /* its key: EXPOSURE_HOSTED; else NULL */
    struct allowed *allowed; /* sorted by key: access.c */
    uint32_t allowed_count, allowed_capacity;
    uint8_t exposure; /* enum exposure */
};

static inline vx6_span service_name(const struct local_service *service)
{
    return (vx6_span){service->name->data, service->name->len};
}

/* NULL: there is none. */
struct local_service *service_find(const struct sessions *sessions, vx6_span name);
void access_forget(struct vx6_node *node, struct local_service *service);

#endif
