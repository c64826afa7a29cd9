/* SPDX-License-Identifier: MIT */
/* Where a node keeps its state. The lock is flock(2), which ends with the process that holds it: a
 * crash leaves nothing to clean up. */
#include "paths.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

const char paths_node[] = "vx6-node";

const char *paths_advice(int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
        return "free some space on its disk, then try again";
    case EROFS:
        return "make its file system writable, or give another place with --state DIR";
    case EACCES:
    case EPERM:
        return "give it back to the user who runs this node (chown, chmod u+rw)";
    case EMFILE:
    case ENFILE:
        return "raise the limit (ulimit -n), or close some connections";
    case ENOMEM:
        return "memory is short: end some programs";
    case EADDRINUSE: /* a socket that is no socket */
    case EISDIR:
    case ENOTDIR:
    case ELOOP:
        return "move away what is there";
    case EIO:
        return "see that its disk is there, works and is writable";
    default:
        return "";
    }
}

bool paths_fail(char error[TEXT_ERROR_SIZE], const char *what, const char *path)
{
    const char *todo = paths_advice(errno);
    return text_fail(
        error, "cannot %s %.180s: %s%s%s", what, path, strerror(errno), todo[0] ? ": " : "", todo);
}

static bool choose_dir(struct paths *paths, const char *dir)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    int len;
    if (dir)
        len = snprintf(paths->dir, sizeof paths->dir, "%s", dir);
    else if (state && state[0] == '/')
        len = snprintf(paths->dir, sizeof paths->dir, "%s/vx6", state);
    else if (home && home[0] == '/')
        len = snprintf(paths->dir, sizeof paths->dir, "%s/.local/state/vx6", home);
    else
        return false;
    return len > 0; /* one that was cut is too long for a socket, too */
}

bool paths_init(struct paths *paths, const char *dir, char error[TEXT_ERROR_SIZE])
{
    if (!choose_dir(paths, dir))
        return text_fail(error, "no state directory: set HOME, or give one with --state DIR");
    const char *fault = text_fault(paths->dir); /* it is quoted in much that is said */
    if (fault)
        return text_fail(
            error, "the path of the state directory %s: choose another with --state DIR", fault);
    snprintf(paths->database, sizeof paths->database, "%s/state.db", paths->dir);
    snprintf(paths->lock, sizeof paths->lock, "%s/lock", paths->dir);
    int len = snprintf(paths->socket, sizeof paths->socket, "%s/control.sock", paths->dir);
    if (len < 0 || (size_t)len >= sizeof paths->socket)
        return text_fail(error,
            "the path %.80s... is too long for a socket: choose a shorter one with --state DIR",
            paths->dir);
    return true;
}

static bool make_dir(const char *dir)
{
    return mkdir(dir, 0700) == 0 ? paths_sync_dir(dir) : errno == EEXIST;
}

/* Like mkdir -p, with 0700 for whatever it makes. VX6-CTRL-035 */
static bool make_path(const char *dir)
{
    char path[PATHS_MAX];
    snprintf(path, sizeof path, "%s", dir);
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (!make_dir(path))
            return false;
        *slash = '/';
    }
    return make_dir(path);
}

/* Empty, or in use for this already: closing it to others then surprises nobody. */
static bool is_ours_alone(const struct paths *paths)
{
    if (access(paths->database, F_OK) == 0)
        return true;
    DIR *dir = opendir(paths->dir);
    if (dir == NULL)
        return false;
    size_t count = 0;
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count <= 2; /* . and .. */
}

/* VX6-CTRL-001 */
bool paths_make(const struct paths *paths, char error[TEXT_ERROR_SIZE])
{
    struct stat info;
    if (!make_path(paths->dir) || stat(paths->dir, &info) != 0)
        return paths_fail(error, "make the state directory", paths->dir);
    if (!S_ISDIR(info.st_mode))
        return text_fail(
            error, "%.200s is not a directory: give another with --state DIR", paths->dir);
    if (info.st_uid != geteuid())
        return text_fail(error,
            "the state directory %.200s belongs to another user: give your own with --state DIR",
            paths->dir);
    if ((info.st_mode & 077) == 0)
        return true;
    if (!is_ours_alone(paths))
        return text_fail(error,
            "others may enter %.200s, and it holds other files: give another --state DIR",
            paths->dir);
    if (chmod(paths->dir, 0700) != 0)
        return paths_fail(error, "close to others", paths->dir);
    return true;
}

/* Who holds it wrote its name into it; an older node wrote nothing. A second node can go elsewhere,
 * a command is about this very state. */
static int say_who_holds(
    const struct paths *paths, int fd, const char *asker, char error[TEXT_ERROR_SIZE])
{
    char holder[32], shown[4 * sizeof holder];
    ssize_t len = pread(fd, holder, sizeof holder, 0);
    size_t end = 0;
    while (len > 0 && end < (size_t)len && holder[end] != '\n')
        end++;
    text_printable(shown, sizeof shown, holder, end);
    bool is_node = end == 0 || strcmp(shown, paths_node) == 0;
    if (is_node && strcmp(asker, paths_node) == 0)
        text_fail(error,
            "another node is running on %.200s: stop it first, or give this one its own --state "
            "DIR and --listen ADDR",
            paths->dir);
    else if (is_node)
        text_fail(
            error, "a node is running on %.200s: stop it, then run %s again", paths->dir, asker);
    if (is_node)
        return PATHS_LOCKED_BY_NODE;
    text_fail(error, "%s is at work on %.200s: try again when it has ended", shown, paths->dir);
    return -1;
}

/* VX6-CTRL-014 */
int paths_lock(const struct paths *paths, const char *holder, char error[TEXT_ERROR_SIZE])
{
    int fd = open(paths->lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        paths_fail(error, "open", paths->lock);
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        if (ftruncate(fd, 0) == 0) /* on a full disk nobody's name is in it */
            (void)!dprintf(fd, "%s\n", holder);
        return fd;
    }
    int failed = -1;
    if (errno == EWOULDBLOCK)
        failed = say_who_holds(paths, fd, holder, error);
    else
        paths_fail(error, "lock", paths->lock);
    close(fd);
    return failed;
}

bool paths_sync_dir(const char *path)
{
    char dir[PATHS_MAX];
    snprintf(dir, sizeof dir, "%s", path);
    char *slash = strrchr(dir, '/');
    if (slash)
        slash[slash == dir ? 1 : 0] = 0;
    int fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return done;
}

bool paths_write_new(const char *path, const char *text, char error[TEXT_ERROR_SIZE])
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return text_fail(error, "%.200s is there already: nothing was written", path);
    if (fd < 0)
        return paths_fail(error, "make", path);
    size_t len = strlen(text);
    bool done = write(fd, text, len) == (ssize_t)len && fsync(fd) == 0 && paths_sync_dir(path);
    if (!done) {
        paths_fail(error, "write", path);
        (void)unlink(path);
    }
    close(fd);
    return done;
}
