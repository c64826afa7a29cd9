/* SPDX-License-Identifier: MIT */
/* A disk that may lose power at any moment. What the program writes below one directory is recorded
 * on its way to the kernel, SQLite's own calls included. From that are made the states in which a
 * loss of power could leave the directory: what was synced, and of the rest any part in any order,
 * cut within a write, too. */
#ifndef VX6_POWER_H
#define VX6_POWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From now on, with what lies in `dir` on the disk already. Directories in it are only entries. */
void power_watch(const char *dir);
void power_unwatch(void);

/* What the disk says that it has done, and has not. */
enum power_lie {
    POWER_HONEST,
    POWER_SYNCS_NO_FILE,
    POWER_SYNCS_NO_ENTRY
};
void power_lie(enum power_lie lie);

/* Puts each state that a loss of power could have left since the last call into `where`, one after
 * the other, and calls `left`; with `is_end` when it came after all that was done. Returns how many
 * there were. A state that was left before the same end is not left twice. */
typedef void power_left(const char *where, bool is_end);
size_t power_cuts(const char *where, power_left *left);
/* The same, without the states. */
void power_skip(void);

#endif
