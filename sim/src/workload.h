/* SPDX-License-Identifier: MIT */
/* What the nodes are asked to do, and what came of it. */
#ifndef SIM_WORKLOAD_H
#define SIM_WORKLOAD_H

#include "world.h"

enum {
    TRANSFER_BYTES = 65536,
    REQUEST_BYTES = 100
};
/* A name counts as live once it has been published for this long. */
#define PUBLISHED_FOR (30 * VX6_SECOND)

/* A node serves as an entry point for newcomers once it has published for this long. */
#define ENTRY_UP_FOR VX6_SECOND

/* Label of a member, "n123", and back; UINT32_MAX for any other. */
void label_make(char label[VX6_LABEL_MAX + 1], uint32_t index);
uint32_t label_index(vx6_span label);

/* A node of the warm start: publishes its address and its service, and begins its workload. */
void workload_begin(struct actor *actor);
/* A newcomer: the same, once an entry peer has let it in. */
void workload_arrived(struct actor *actor);
void workload_command(struct actor *actor, enum command command);
void workload_output(struct actor *actor, const struct vx6_out *out);
void workload_left(struct actor *actor); /* whatever it asked for no longer counts */
void workload_schedule(struct actor *actor, enum command command, vx6_ns delay);
struct pending *workload_pending(struct actor *actor, enum command command, vx6_id id);

/* ---- transfer.c ---- */
/* A live, published member other than this node; UINT32_MAX when chance found none. */
uint32_t workload_target(struct actor *actor, bool only_unknown);
void transfer_open(struct actor *actor);
void transfer_output(struct actor *actor, const struct vx6_out *out);
/* From the trace: the node dials an address. */
void transfer_dialled(struct actor *actor, const vx6_addr *addr);
void transfer_left(struct actor *actor);

/* ---- samples.c ---- */
void samples_add(struct samples *samples, vx6_ns time);
void samples_sort(struct samples *samples);
uint32_t samples_quantile_us(const struct samples *sorted, uint32_t percent);
void timeline_add(struct timeline *timeline, vx6_ns asked, bool succeeded);
void stats_add(struct stats *sum, struct stats *stats); /* which may lose its samples to the sum */
void stats_free(struct stats *stats);

/* ---- warm.c ---- */
void warm_command(struct actor *actor);

/* ---- validate.c ---- */
void validate_command(struct actor *actor);
void validate_done(struct actor *actor, const struct pending *pending, const struct vx6_out *out);

#endif
