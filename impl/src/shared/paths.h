/* SPDX-License-Identifier: MIT */
/* Where a node keeps its state, and the lock that keeps a second node out. */
#ifndef VX6_PATHS_H
#define VX6_PATHS_H

#include "text.h"

enum {
    PATHS_MAX = 1024,
    PATHS_SOCKET_MAX = 104, /* room in struct sockaddr_un, on every system */
    PATHS_LOCKED_BY_NODE = -2
};

struct paths {
    char dir[PATHS_MAX - 32];
    char database[PATHS_MAX];
    char lock[PATHS_MAX];
    char socket[PATHS_SOCKET_MAX];
};

/* `dir` NULL: the XDG state directory. Touches nothing. */
bool paths_init(struct paths *paths, const char *dir, char error[TEXT_ERROR_SIZE]);
/* Makes the directory, for its owner only; closes one that is empty or in use already, refuses any
 * other that others may enter. */
bool paths_make(const struct paths *paths, char error[TEXT_ERROR_SIZE]);
/* A descriptor that holds the lock until it is closed; negative: another has it, or an error.
 * `holder`: who asks, for a line that others read: paths_node, or a command. */
int paths_lock(const struct paths *paths, const char *holder, char error[TEXT_ERROR_SIZE]);
extern const char paths_node[];
/* So that an entry for the file at `path` is in its directory after a loss of power, too. */
bool paths_sync_dir(const char *path);
/* Makes a file that is not there yet, for its owner only, and on the disk when this returns. */
bool paths_write_new(const char *path, const char *text, char error[TEXT_ERROR_SIZE]);

/* What to do about an errno; "" when nothing particular. */
const char *paths_advice(int error);
/* False, with "cannot WHAT PATH: why: what to do" by errno. */
bool paths_fail(char error[TEXT_ERROR_SIZE], const char *what, const char *path);

#endif
