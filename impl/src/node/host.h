/* SPDX-License-Identifier: MIT */
/* The parts of a running node, and how they find each other. All live on one thread. */
#ifndef VX6_HOST_H
#define VX6_HOST_H

#include "journal.h"
#include "store.h"

struct event_base;

struct host {
    struct event_base *base;
    struct store *store;
    struct journal journal;
    struct driver *driver;         /* the state machine */
    struct tcp *tcp;               /* links */
    struct udp *udp;               /* sealed queries */
    struct endpoints *endpoints;   /* own addresses */
    struct operations *operations; /* peer add, resolve */
    struct peers *peers;           /* entry points */
    struct pumps *pumps;           /* local connections joined to streams */
    struct offers *offers;         /* what this node offers */
    struct forwards *forwards;     /* local ports into services of others */
    struct control *control;       /* the command line's socket */
    struct vx6_asn_map *asn_map;   /* NULL: none was given */
    char label[VX6_LABEL_MAX + 1];
    int64_t started_unix_ms;
};

#endif
