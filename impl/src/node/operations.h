/* SPDX-License-Identifier: MIT */
/* Operations of the state machine that somebody here waits for: peer add and resolve. */
#ifndef VX6_OPERATIONS_H
#define VX6_OPERATIONS_H

#include "host.h"
#include "vx6/node.h"

struct operations;

/* Called for every CANDIDATE and, last, for OP_DONE; the output is gone when it returns. */
typedef void operation_heard(void *context, const struct vx6_out *out);

struct operations *operations_new(struct host *host);
void operations_free(struct operations *operations);

/* Hands `in` to the node, and `heard` what comes of it. On VX6_OK in->id is the operation. */
enum vx6_code operations_start(
    struct operations *operations, struct vx6_in *in, operation_heard *heard, void *context);
/* `heard` is not called any more. */
void operations_cancel(struct operations *operations, vx6_id id);
void operations_output(struct operations *operations, const struct vx6_out *out);

#endif
