/* SPDX-License-Identifier: MIT */
/* The socket by which the command line and other front ends talk to the node. Spec:
 * spec/control.md. */
#ifndef VX6_CONTROL_H
#define VX6_CONTROL_H

#include "host.h"

struct control;

struct control *control_new(struct host *host);
void control_free(struct control *control);
bool control_listen(struct control *control, const char *path, char error[TEXT_ERROR_SIZE]);

#endif
