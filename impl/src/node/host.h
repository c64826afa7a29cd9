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
    struct journal *journal;       /* what happens */
    struct driver *driver;         /* the state machine */
    struct tcp *tcp;               /* links */
    struct udp *udp;               /* sealed queries */
    struct endpoints *endpoints;   /* own addresses */
    struct operations *operations; /* peer add, resolve */
    struct reachability *reach;    /* can others reach this node? */
    struct peers *peers;           /* entry points */
    struct pumps *pumps;           /* local connections joined to streams */
    struct offers *offers;         /* what this node offers */
    struct names *names;           /* which keys the names of others mean */
    struct keys *keys;             /* what was heard of keys: rotations, revocations */
    struct forwards *forwards;     /* local ports into services of others */
    struct control *control;       /* the command line's socket */
    struct vx6_asn_map *asn_map;   /* NULL: none was given */
    char label[VX6_LABEL_MAX + 1];
    int64_t started_ms; /* steady */
};

/* Makes the parts, each with its host in hand; base and journal are set. False: no memory, to be
 * freed all the same. driver, asn_map and store are the caller's to set, and store to close. */
bool host_make(struct host *host);
/* Frees all parts, in an order in which none needs one that has gone; base and journal are the
 * caller's. */
void host_free(struct host *host);

/* Others hold its records, and believe them. */
bool host_has_joined(const struct host *host);
/* VX6-CTRL-013: it listens, and has joined if it has entry peers. */
bool host_is_ready(const struct host *host);

#endif
