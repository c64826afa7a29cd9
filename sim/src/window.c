/* SPDX-License-Identifier: MIT */
#include "window.h"
#include "world.h"

#include <sched.h>
#include <stdlib.h>
#include <time.h>

enum {
    SPINS = 4000 /* about what a window takes; after that another process may need the core */
};

void windows_init(struct world *world)
{
    for (uint32_t i = 0; i < world->shard_count; i++) {
        for (uint32_t j = 0; j < 2; j++) {
            struct mailbox *boxes = calloc(world->shard_count, sizeof *boxes);
            VX6_ASSERT(boxes != NULL);
            world->shards[i].crossing.outboxes[j] = boxes;
        }
    }
}

static void mailbox_put(struct mailbox *mailbox, const struct event *event)
{
    if (mailbox->count == mailbox->capacity) {
        mailbox->capacity = mailbox->capacity == 0 ? 256 : mailbox->capacity * 2;
        mailbox->items = realloc(mailbox->items, mailbox->capacity * sizeof *mailbox->items);
        if (mailbox->items == NULL) {
            fprintf(stderr, "vx6-sim: out of memory for events; simulate fewer nodes (--nodes)\n");
            exit(1);
        }
    }
    mailbox->items[mailbox->count++] = *event;
}

void window_send(struct shard *shard, uint32_t to, const struct event *event)
{
    mailbox_put(&shard->crossing.outboxes[shard->crossing.window & 1][to], event);
}

/* Takes the letters of the window before, and turns to the next. */
static void collect(struct shard *shard)
{
    const struct world *world = shard->world;
    uint32_t parity = shard->crossing.window++ & 1;
    for (uint32_t i = 0; i < world->shard_count; i++) {
        struct mailbox *mailbox = &world->shards[i].crossing.outboxes[parity][shard->index];
        for (uint32_t j = 0; j < mailbox->count; j++)
            queue_push(&shard->queue, &mailbox->items[j]);
        mailbox->count = 0;
    }
}

static uint64_t wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void barrier_wait(struct shard *shard)
{
    struct barrier *barrier = &shard->world->windows.barrier;
    uint32_t count = shard->world->shard_count;
    unsigned round = atomic_load_explicit(&barrier->round, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&barrier->arrived, 1, memory_order_acq_rel) + 1 == count) {
        atomic_store_explicit(&barrier->arrived, 0, memory_order_relaxed);
        atomic_store_explicit(&barrier->round, round + 1, memory_order_release);
        return;
    }
    uint64_t since = wall_ns();
    for (uint32_t spins = 0; atomic_load_explicit(&barrier->round, memory_order_acquire) == round;
         spins++) {
        if (spins >= SPINS)
            sched_yield();
    }
    shard->crossing.waited_ns += wall_ns() - since;
}

/* One shard alone needs no windows. */
static void run(struct shard *shard, vx6_ns start, vx6_ns limit)
{
    bool is_alone = shard->world->shard_count == 1;
    while (start < limit) {
        vx6_ns end = is_alone || limit - start < NET_LOOKAHEAD ? limit : start + NET_LOOKAHEAD;
        collect(shard);
        shard_run(shard, end);
        barrier_wait(shard);
        start = end;
    }
}

static void *thread_main(void *context)
{
    struct shard *shard = context;
    const struct windows *windows = &shard->world->windows;
    for (;;) {
        vx6_ns start = shard->now;
        barrier_wait(shard);
        if (windows->stopping)
            return NULL;
        run(shard, start, windows->limit);
    }
}

static void threads_start(struct world *world)
{
    struct windows *windows = &world->windows;
    windows->are_running = true;
    for (uint32_t i = 1; i < world->shard_count; i++) {
        int error = pthread_create(&windows->threads[i], NULL, thread_main, &world->shards[i]);
        if (error != 0) {
            fprintf(stderr, "vx6-sim: cannot start thread %u; use fewer (--threads)\n", i);
            exit(1);
        }
    }
}

void windows_run(struct world *world, vx6_ns limit)
{
    struct windows *windows = &world->windows;
    if (!windows->are_running)
        threads_start(world);
    windows->limit = limit;
    barrier_wait(&world->shards[0]);
    run(&world->shards[0], world->now, limit);
}

void windows_stop(struct world *world)
{
    struct windows *windows = &world->windows;
    if (!windows->are_running)
        return;
    windows->stopping = true;
    barrier_wait(&world->shards[0]);
    for (uint32_t i = 1; i < world->shard_count; i++)
        pthread_join(windows->threads[i], NULL);
    windows->are_running = false;
}

void windows_free(struct world *world)
{
    for (uint32_t i = 0; i < world->shard_count; i++)
        collect(&world->shards[i]);
    for (uint32_t i = 0; i < world->shard_count; i++) {
        for (uint32_t j = 0; j < 2; j++) {
            struct mailbox *boxes = world->shards[i].crossing.outboxes[j];
            for (uint32_t k = 0; k < world->shard_count; k++)
                free(boxes[k].items);
            free(boxes);
        }
    }
}
