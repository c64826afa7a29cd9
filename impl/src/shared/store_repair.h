/* SPDX-License-Identifier: MIT */
/* A state that may be damaged: what is wrong with it, and a new one from what is left. Spec:
 * spec/control.md, "What is wrong, and the way out". */
#ifndef VX6_STORE_REPAIR_H
#define VX6_STORE_REPAIR_H

#include "paths.h"

/* One line for each damaged row, lost table or page; `todo`: what sets it right when it is lost,
 * NULL where that is not known. */
typedef void store_problem(void *context, const char *line, const char *todo);

/* Changes nothing. False: it cannot be opened at all, with a line. */
bool store_examine(
    const char *path, store_problem *found, void *context, char error[TEXT_ERROR_SIZE]);
/* For who holds the lock. Copies what is there to `copy`, and puts in its place what of it can be
 * used; each line is something that is lost. False, with a line: nothing has changed, but that
 * there may be a copy. */
bool store_repair(const char *path, char copy[PATHS_MAX], store_problem *lost, void *context,
    char error[TEXT_ERROR_SIZE]);

#endif
