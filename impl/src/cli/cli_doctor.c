/* SPDX-License-Identifier: MIT */
/* vx6 doctor: what is wrong, and what to do. The state is looked at here, so that it works without
 * a node; what a running node knows, it tells itself. Spec: spec/control.md. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cli.h"
#include "store_repair.h"

enum {
    DISK_WARNING_MIB = 64,
    DISK_FAILED_MIB = 1,
    USUAL_PORT = 4242
};

static void add(json_t *checks, const char *check, const char *result, const char *todo,
    const char *format, ...) __attribute__((format(printf, 5, 6)));

static void add(json_t *checks, const char *check, const char *result, const char *todo,
    const char *format, ...)
{
    char what[TEXT_ERROR_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    json_array_append_new(checks, json_pack("{s:s, s:s, s:s, s:s?}", "check", check, "result",
                                      result, "what", what, "todo", todo));
}

/* ---- the state ---- */

/* VX6-CTRL-001. `is_needed`: it is wrong that it is not there. */
static bool check_place(json_t *checks, const char *check, const char *path, bool is_needed)
{
    struct stat info;
    bool is_there = lstat(path, &info) == 0;
    if (!is_there && errno == ENOENT && !is_needed)
        return false;
    if (!is_there && errno == ENOENT)
        add(checks, check, "failed",
            "vx6 init makes a state, and so does the first start of vx6-node", "there is no %.200s",
            path);
    else if (!is_there)
        add(checks, check, "failed", paths_advice(errno), "cannot look at %.200s: %s", path,
            strerror(errno));
    else if (info.st_uid != geteuid())
        add(checks, check, "failed", "give it back to the user who runs this node (chown)",
            "%.200s belongs to another user", path);
    else if (!S_ISLNK(info.st_mode) && (info.st_mode & 077) != 0)
        add(checks, check, "failed", "close it to them: chmod go= with its path",
            "others may look into %.200s", path);
    else
        add(checks, check, "ok", NULL, "%.200s is this user's alone", path);
    return is_there;
}

static void check_disk(json_t *checks, const char *dir)
{
    struct statvfs disk;
    static const char todo[] = "free some space on its disk";
    if (statvfs(dir, &disk) != 0) {
        add(checks, "disk", "failed", paths_advice(errno), "cannot look at the disk of %.200s: %s",
            dir, strerror(errno));
        return;
    }
    unsigned long long free_mib =
        (unsigned long long)disk.f_bavail * (unsigned long long)disk.f_frsize >> 20;
    bool has_files = disk.f_files == 0 || disk.f_favail > 0;
    if (disk.f_flag & ST_RDONLY)
        add(checks, "disk", "failed", paths_advice(EROFS), "the disk of %.200s is read-only", dir);
    else if (free_mib < DISK_WARNING_MIB || !has_files)
        add(checks, "disk", free_mib < DISK_FAILED_MIB || !has_files ? "failed" : "warning", todo,
            "%llu MiB are left for %.200s%s", free_mib, dir,
            has_files ? "" : ", and no more files");
    else
        add(checks, "disk", "ok", NULL, "%llu MiB are left for %.200s", free_mib, dir);
}

struct registry {
    json_t *checks;
    const char *check, *result;
    const char *todo; /* NULL: what the problem itself asks for */
    size_t count;
};

static void on_problem(void *context, const char *line, const char *todo)
{
    struct registry *registry = context;
    registry->count++;
    add(registry->checks, registry->check, registry->result, registry->todo ? registry->todo : todo,
        "%s", line);
}

static void check_registry(json_t *checks, const char *path)
{
    char error[TEXT_ERROR_SIZE];
    struct registry registry = {checks, "registry", "failed",
        "stop the node, then vx6 doctor --repair keeps what is whole; or restore the state from a "
        "copy",
        0};
    if (!store_examine(path, on_problem, &registry, error))
        add(checks, "registry", "failed",
            "restore the state directory from a copy, or move it away to start as a new node", "%s",
            error);
    else if (registry.count == 0)
        add(checks, "registry", "ok", NULL, "all rows of %.200s are whole", path);
}

static void check_state(json_t *checks, const struct paths *paths)
{
    if (!check_place(checks, "directory", paths->dir, true))
        return;
    bool is_there = check_place(checks, "files", paths->database, true);
    char log[PATHS_MAX + 8];
    snprintf(log, sizeof log, "%s-wal", paths->database);
    (void)check_place(checks, "files", log, false);
    check_disk(checks, paths->dir);
    if (is_there)
        check_registry(checks, paths->database);
}

/* ---- the node ---- */

/* Can a node listen where it does unless it is told otherwise? */
static void check_port(json_t *checks, int type, const char *name)
{
    struct sockaddr_in6 addr = {.sin6_family = AF_INET6, .sin6_port = htons(USUAL_PORT)};
    int one = 1, fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0);
    if (type == SOCK_STREAM)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof addr) != 0)
        add(checks, "port", "warning",
            "end the program that has it (ss -lntup shows it), or start vx6-node with --listen",
            "[::]:%d, %s, cannot be had: %s", USUAL_PORT, name, strerror(errno));
    else
        add(checks, "port", "ok", NULL, "[::]:%d, %s, is free", USUAL_PORT, name);
    if (fd >= 0)
        close(fd);
}

static void check_without_node(json_t *checks, const struct paths *paths)
{
    char error[TEXT_ERROR_SIZE];
    int lock = access(paths->lock, F_OK) == 0 ? paths_lock(paths, "vx6 doctor", error) : -1;
    if (lock < 0 && access(paths->lock, F_OK) == 0)
        add(checks, "node", "failed",
            "see its log; if it does not end by itself, end it (fuser -v shows who has DIR/lock)",
            "a node has the lock of this state, and does not answer");
    else
        add(checks, "node", "warning", "start it: vx6-node", "no node is running on %.200s",
            paths->dir);
    if (lock >= 0)
        close(lock);
    check_port(checks, SOCK_STREAM, "TCP");
    check_port(checks, SOCK_DGRAM, "UDP");
}

/* False: no node answers. */
static bool check_node(json_t *checks, struct cli *cli)
{
    struct client client;
    cli->is_far = true; /* peers are asked, and may take a while to dial */
    json_t *answer = NULL;
    if (!client_open(&client, cli, 0, client_patience_s(cli) * 1000) && errno != ETIMEDOUT)
        return false;
    if (client.fd >= 0 && client_send(&client, json_pack("{s:s}", "command", "doctor")))
        answer = client_answer(&client);
    client_close(&client);
    if (json_is_true(json_object_get(answer, "ok"))) {
        add(checks, "node", "ok", NULL, "a node is running on %.200s", cli->paths.dir);
        json_array_extend(checks, json_object_get(answer, "checks"));
    } else {
        add(checks, "node", "failed", "see its log, and start it again",
            "a node is running on %.200s, and does not answer", cli->paths.dir);
    }
    json_decref(answer);
    return true;
}

/* ---- the way out ---- */

/* False: nothing was changed. VX6-CTRL-034 */
static bool repair(json_t *checks, const struct paths *paths)
{
    char error[TEXT_ERROR_SIZE], copy[PATHS_MAX];
    struct registry lost = {checks, "repair", "warning", NULL, 0};
    int lock = paths_lock(paths, "vx6 doctor --repair", error);
    bool done = lock >= 0 && store_repair(paths->database, copy, on_problem, &lost, error);
    if (done)
        add(checks, "repair", "ok", NULL, "all that is whole was kept; what was there is in %.300s",
            copy);
    else
        add(checks, "repair", "failed", "the state is as it was", "%s", error);
    if (lock >= 0)
        close(lock);
    return done;
}

/* ---- all of it ---- */

static void print_checks(json_t *checks)
{
    size_t index;
    json_t *item;
    json_array_foreach(checks, index, item)
    {
        const char *todo = cli_text(item, "todo");
        printf("%-8s %-10s %s%s%s\n", cli_text(item, "result"), cli_text(item, "check"),
            cli_text(item, "what"), todo[0] ? ": " : "", todo);
    }
}

static int count_failed(json_t *checks)
{
    size_t index;
    json_t *item;
    int count = 0;
    json_array_foreach(checks, index, item)
    {
        count += strcmp(cli_text(item, "result"), "failed") == 0;
    }
    return count;
}

/* VX6-CTRL-031 */
int cli_run_doctor(struct cli *cli)
{
    json_t *checks = json_array();
    bool is_running = false;
    if (!cli->repair || repair(checks, &cli->paths)) {
        check_state(checks, &cli->paths);
        is_running = check_node(checks, cli);
        if (!is_running)
            check_without_node(checks, &cli->paths);
    }
    int failed = count_failed(checks);
    if (cli->json) {
        json_t *answer = json_pack("{s:b, s:b, s:i, s:O}", "ok", 1, "running", is_running ? 1 : 0,
            "failed", failed, "checks", checks);
        cli_print_json(answer);
        json_decref(answer);
    } else {
        print_checks(checks);
    }
    json_decref(checks);
    return failed > 0 ? CLI_FAILED : CLI_OK;
}
