/* SPDX-License-Identifier: MIT */
/* vx6-sim: many VX6 nodes in one process and in virtual time. Spec of the model: sim/README.md. */
#include "check.h"
#include "churn.h"
#include "fault.h"
#include "options.h"
#include "report.h"
#include "validate.h"
#include "warm.h"

#include <malloc.h>
#include <signal.h>
#include <stdlib.h>

enum {
    MMAP_MIN = 1 << 16 /* bytes: larger arrays grow without leaving holes behind */
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

void vx6_panic(const char *file, int line, const char *what)
{
    fprintf(stderr, "vx6-sim: internal error at %s:%d: %s\n", file, line, what);
    abort();
}

/* A run stops where churn or a fault acts and where progress is shown. */
static void run(struct world *world, vx6_ns end)
{
    const vx6_ns step = 500 * VX6_MILLISECOND;
    while (world->now < end && !interrupted) {
        vx6_ns limit = world->now + step - world->now % step;
        if (world->churn_next < limit)
            limit = world->churn_next;
        if (world->fault_next < limit)
            limit = world->fault_next;
        if (end < limit)
            limit = end;
        world_run(world, limit);
        if (world->churn_next <= world->now)
            churn_act(world);
        if (world->fault_next <= world->now)
            fault_act(world);
        if (world->now % step == 0)
            check_budgets(world);
        warm_end(world);
        if (world->options.progress && world->now % step == 0)
            report_progress(world, end);
    }
    windows_stop(world);
    world->partial = world->now < end;
    if (!world->partial)
        check_settled(world);
    if (world->options.progress)
        report_progress_done(world);
}

int main(int argc, char **argv)
{
    struct options options;
    options_parse(&options, argc, argv);
    struct sigaction action = {.sa_handler = on_interrupt};
    action.sa_flags = (int)SA_RESETHAND; /* a second interrupt ends at once */
    sigaction(SIGINT, &action, NULL);

    static struct world world;
    report_begin(&world);
    (void)mallopt(M_MMAP_THRESHOLD, MMAP_MIN);
    world_init(&world, &options);
    warm_start(&world);
    if (options.validate)
        validate_schedule(&world);
    else
        churn_init(&world);
    fault_init(&world);
    run(&world, options.validate ? VALIDATE_DURATION : options.duration);
    report_print(&world);
    bool good = report_is_good(&world);
    world_free(&world);
    if (world.partial)
        return 130;
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
