/* SPDX-License-Identifier: MIT */
/* Shards run side by side, each on its own thread, in windows no longer than NET_LOOKAHEAD: what a
 * node sends within a window arrives in a later one at the earliest. Events for another shard wait
 * in a mailbox until the window is over. The order of a queue is total, so neither windows nor the
 * number of threads can change what happens. */
#ifndef SIM_WINDOW_H
#define SIM_WINDOW_H

#include "queue.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    THREADS_MAX = 64
};

struct shard;
struct world;

struct mailbox {
    struct event *items;
    uint32_t count, capacity;
};

/* A shard's letters to each of the others: while those of one window are read, the next window's
 * are written. */
struct crossing {
    struct mailbox *outboxes[2];
    uint32_t window;    /* counts them */
    uint64_t waited_ns; /* wall time at barriers */
};

struct barrier {
    _Alignas(64) atomic_uint arrived;
    _Alignas(64) atomic_uint round;
};

struct windows {
    struct barrier barrier;
    pthread_t threads[THREADS_MAX]; /* of all shards but the first, which has the main thread */
    vx6_ns limit;                   /* of the run that begins at the next barrier */
    bool are_running, stopping;
};

void windows_init(struct world *world);
/* Runs all shards up to `limit`. The first call starts the threads. */
void windows_run(struct world *world, vx6_ns limit);
/* An event for another shard. */
void window_send(struct shard *shard, uint32_t to, const struct event *event);
void windows_stop(struct world *world); /* ends the threads */
/* Moves what is still in mailboxes to where it belongs, and frees them. */
void windows_free(struct world *world);

#endif
