/* SPDX-License-Identifier: MIT */
/* The control socket of a node that runs on a real event loop without a network. The input is what
 * two programs write to it; three bytes that no JSON has stand between: ff is a pause, after fe the
 * other program goes on, fd hangs up. Whatever is written, what comes back are answers: JSON
 * objects, one in a line, no more of them than requests. */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"
#include "driver.h"
#include "fuzz.h"
#include "net.h"
#include "request.h"

enum {
    OTHER = 0xfe,
    HANG_UP = 0xfd, /* the least of the three */
    PROGRAMS = 2,
    QUIET_ROUNDS = 3, /* of the event loop, until nothing more is expected */
    ROUNDS_MAX = 2000,
    ANSWERS_SIZE = 1 << 20,
    INPUT_MAX = 60000,
    SERVICES_MAX = 16
};

/* ---- the world outside, which the linker puts in the place of the real one ---- */

int __wrap_net_connect(const vx6_addr *addr);
int __wrap_net_bind(const vx6_addr *addr, int type, int *family);
int __real_net_bind(const vx6_addr *addr, int type, int *family);

int __wrap_net_connect(const vx6_addr *addr)
{
    (void)addr;
    errno = ENETUNREACH;
    return -1;
}

/* Some free port, whichever was asked for. */
int __wrap_net_bind(const vx6_addr *addr, int type, int *family)
{
    (void)addr;
    static const vx6_addr local = {{[10] = 0xff, [11] = 0xff, 127, [15] = 1}, 0};
    return __real_net_bind(&local, type, family);
}

/* ---- the node ---- */

static char directory[] = "/dev/shm/vx6-fuzz-XXXXXX";
static char database_path[64], socket_path[64];
static struct store *store; /* slow to make: emptied after each input */

static void remove_directory(void)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char path[80];
    store_close(store);
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        (void)snprintf(path, sizeof path, "%s%s", database_path, suffixes[i]);
        (void)unlink(path);
    }
    (void)rmdir(directory);
}

static void make_directory(void)
{
    char error[TEXT_ERROR_SIZE];
    if (store)
        return;
    VX6_ASSERT(mkdtemp(directory));
    (void)snprintf(database_path, sizeof database_path, "%s/state.db", directory);
    (void)snprintf(socket_path, sizeof socket_path, "%s/control.sock", directory);
    store = store_open(database_path, STORE_CREATE, error);
    VX6_ASSERT(store);
    (void)atexit(remove_directory);
}

static void empty_store(void)
{
    struct store_service services[SERVICES_MAX];
    int count = store_services(store, services, SERVICES_MAX);
    bool was_kept;
    for (int i = 0; i < count; i++)
        VX6_ASSERT(store_service_remove(store, services[i].name, &was_kept));
    VX6_ASSERT(count >= 0);
}

static void start(struct host *host)
{
    static const struct driver_config config = {
        .identity_seed = {1}, .label = "alice", .sequence_first = 1};
    char error[TEXT_ERROR_SIZE];
    make_directory();
    *host = (struct host){.base = event_base_new(), .store = store, .label = "alice"};
    VX6_ASSERT(host->base && (host->journal = journal_new())); /* nobody writes a log */
    VX6_ASSERT(host_make(host) && (host->driver = driver_new(host, &config)));
    VX6_ASSERT(control_listen(host->control, socket_path, error));
}

static void stop(struct host *host)
{
    host_free(host);
    journal_free(host->journal);
    event_base_free(host->base);
    empty_store();
}

/* ---- the programs at the other end ---- */

struct program {
    int fd;          /* -1: it is not connected */
    size_t requests; /* lines, the last perhaps not ended */
    size_t len;
    char *answers;
};

struct scene {
    struct host host;
    struct program programs[PROGRAMS];
};

static void connect_to(struct program *program)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    (void)snprintf(addr.sun_path, sizeof addr.sun_path, "%s", socket_path);
    program->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    VX6_ASSERT(program->fd >= 0);
    VX6_ASSERT(connect(program->fd, (struct sockaddr *)&addr, sizeof addr) == 0);
    program->len = 0;
    program->requests = 0;
}

/* True: it has heard something. */
static bool hear(struct program *program)
{
    size_t room = ANSWERS_SIZE - program->len;
    VX6_ASSERT(room > 0);
    ssize_t got = program->fd < 0 ? 0 : recv(program->fd, program->answers + program->len, room, 0);
    program->len += got > 0 ? (size_t)got : 0;
    return got > 0;
}

static void run_until_quiet(struct scene *scene)
{
    int quiet = 0;
    for (int round = 0; quiet < QUIET_ROUNDS; round++) {
        VX6_ASSERT(round < ROUNDS_MAX);
        (void)event_base_loop(scene->host.base, EVLOOP_NONBLOCK);
        quiet++;
        for (int i = 0; i < PROGRAMS; i++) {
            if (hear(&scene->programs[i]))
                quiet = 0;
        }
    }
}

static void say(struct scene *scene, struct program *program, const uint8_t *data, size_t len)
{
    if (program->fd < 0)
        connect_to(program);
    for (size_t i = 0; i < len; i++)
        program->requests += data[i] == '\n';
    (void)send(program->fd, data, len, MSG_NOSIGNAL); /* fails when the node has hung up */
    run_until_quiet(scene);
}

/* Is it a line for a person? */
static bool is_plain(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return false;
    }
    return true;
}

/* VX6-CTRL-003. News of a forward and events are no answers. True: it is one. */
static bool check_answer(const char *line, size_t len)
{
    json_t *object = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *ok = json_object_get(object, "ok");
    VX6_ASSERT(json_is_object(object));
    VX6_ASSERT(json_is_boolean(ok) || json_is_string(json_object_get(object, "event")));
    if (json_is_false(ok)) {
        const char *error = json_string_value(json_object_get(object, "error"));
        VX6_ASSERT(json_is_string(json_object_get(object, "code")));
        VX6_ASSERT(error && error[0] && is_plain(error));
    }
    const char *text = json_string_value(json_object_get(object, "text"));
    VX6_ASSERT(text == NULL || is_plain(text)); /* VX6-CTRL-030 */
    bool is_answer = ok != NULL;
    json_decref(object);
    return is_answer;
}

static void check_answers(const struct program *program)
{
    size_t answers = 0;
    const char *at = program->answers, *end = at + program->len, *line_end;
    while (at < end && (line_end = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        answers += check_answer(at, (size_t)(line_end - at));
        at = line_end + 1;
    }
    VX6_ASSERT(at == end);
    VX6_ASSERT(answers <= program->requests + 1); /* a line that is too long need not end */
}

static void hang_up(struct scene *scene, struct program *program)
{
    if (program->fd < 0)
        return;
    (void)shutdown(program->fd, SHUT_WR);
    run_until_quiet(scene);
    check_answers(program);
    close(program->fd);
    program->fd = -1;
    run_until_quiet(scene);
}

static void play(struct scene *scene, const uint8_t *at, const uint8_t *end)
{
    struct program *program = &scene->programs[0];
    while (at < end) {
        const uint8_t *until = at;
        while (until < end && *until < HANG_UP)
            until++;
        say(scene, program, at, (size_t)(until - at));
        if (until < end && *until == HANG_UP)
            hang_up(scene, program);
        if (until < end && *until == OTHER)
            program = &scene->programs[program == &scene->programs[0]];
        at = until + (until < end);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct scene scene = {0};
    start(&scene.host);
    for (int i = 0; i < PROGRAMS; i++) {
        scene.programs[i] = (struct program){.fd = -1, .answers = malloc(ANSWERS_SIZE)};
        VX6_ASSERT(scene.programs[i].answers);
    }
    play(&scene, data, data + (len < INPUT_MAX ? len : INPUT_MAX));
    for (int i = 0; i < PROGRAMS; i++) {
        hang_up(&scene, &scene.programs[i]);
        free(scene.programs[i].answers);
    }
    stop(&scene.host);
    return 0;
}
