/* SPDX-License-Identifier: MIT */
/* How much memory this process may still take: of the machine, and of the control groups that it
 * is in. */
#ifndef SIM_FREE_MEMORY_H
#define SIM_FREE_MEMORY_H

#include <stdint.h>

/* In KiB; UINT64_MAX when nothing says so. `root` stands before the paths of /proc and /sys, ""
 * but in tests. */
uint64_t free_memory_kib(const char *root);

#endif
