/* SPDX-License-Identifier: MIT */
/* The recorder stands in for the C library's functions, for the program and its shared libraries
 * alike. The model knows files as numbered contents and one directory of entries. A sync of a file
 * makes its writes durable, one of the directory its entries; entries reach the disk in their
 * order, writes to files in any. */
#include "power.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vx6/base.h"

enum {
    FILES_MAX = 256,
    ENTRIES_MAX = 16,
    NAME_SIZE = 64,
    PATH_SIZE = 512,
    DESCRIPTORS_MAX = 1024,
    SECTOR = 512,
    PENDING_MAX = 64,    /* more unsynced writes at a time than SQLite has for what is done here */
    TEARS = 4,           /* ways in which the last write is cut, at each boundary */
    RANDOM_SUBSETS = 16, /* of the unsynced writes, at each boundary, besides the systematic ones */
    SEEN_MAX = 1 << 16
};

enum kind {
    WRITE,
    TRUNCATE,
    SYNC,
    ENTER,  /* a new entry */
    RENAME, /* `name` becomes `to` */
    REMOVE,
    SYNC_DIR
};

struct event {
    enum kind kind;
    int file;
    size_t at, len; /* TRUNCATE: to `len` */
    uint8_t *data;
    char name[NAME_SIZE], to[NAME_SIZE];
};

struct content {
    uint8_t *data;
    size_t len;
    bool is_dir;
};

struct entries {
    struct entry {
        char name[NAME_SIZE];
        int file;
    } items[ENTRIES_MAX];
    size_t count;
};

static char watched[PATH_SIZE];
static size_t watched_len;
static enum power_lie lying;
static int by_descriptor[DESCRIPTORS_MAX]; /* file + 1; -1: the directory itself; 0: another's */
static struct content files[FILES_MAX];    /* as they are on the disk */
static int file_count;
static struct entries live, durable;
static struct event *events; /* what is not durable yet, then what is to be cut */
static size_t event_count, event_capacity, issued;

/* ---- recording ---- */

static struct event *record(enum kind kind, int file)
{
    if (event_count == event_capacity) {
        event_capacity = event_capacity * 2 + 64;
        events = realloc(events, event_capacity * sizeof *events);
        VX6_ASSERT(events);
    }
    struct event *event = &events[event_count++];
    *event = (struct event){.kind = kind, .file = file};
    return event;
}

/* The name within the directory; NULL: it is elsewhere, or is memory that SQLite shares. */
static const char *name_within(const char *path)
{
    if (watched_len == 0 || strncmp(path, watched, watched_len) != 0 || path[watched_len] != '/')
        return NULL;
    const char *name = path + watched_len + 1;
    size_t len = strlen(name);
    bool is_shared = len > 4 && strcmp(name + len - 4, "-shm") == 0;
    return is_shared || strchr(name, '/') ? NULL : name;
}

static struct entry *find(struct entries *entries, const char *name)
{
    for (size_t i = 0; i < entries->count; i++) {
        if (strcmp(entries->items[i].name, name) == 0)
            return &entries->items[i];
    }
    return NULL;
}

static void enter(struct entries *entries, const char *name, int file)
{
    struct entry *entry = find(entries, name);
    if (entry == NULL) {
        VX6_ASSERT(entries->count < ENTRIES_MAX);
        entry = &entries->items[entries->count++];
        snprintf(entry->name, sizeof entry->name, "%s", name);
    }
    entry->file = file;
}

static void leave(struct entries *entries, const char *name)
{
    struct entry *entry = find(entries, name);
    if (entry)
        *entry = entries->items[--entries->count];
}

static int new_file(const char *name, bool is_dir)
{
    VX6_ASSERT(file_count < FILES_MAX);
    files[file_count] = (struct content){.is_dir = is_dir};
    enter(&live, name, file_count);
    return file_count++;
}

static void record_entry(enum kind kind, const char *name, const char *to, int file)
{
    struct event *event = record(kind, file);
    snprintf(event->name, sizeof event->name, "%s", name);
    snprintf(event->to, sizeof event->to, "%s", to);
}

static void opened(int fd, const char *path, int flags)
{
    const char *name = name_within(path);
    if (fd < 0 || fd >= DESCRIPTORS_MAX)
        return;
    by_descriptor[fd] = watched_len > 0 && strcmp(path, watched) == 0 ? -1 : 0;
    if (name == NULL)
        return;
    struct entry *entry = find(&live, name);
    int file = entry ? entry->file : new_file(name, false);
    if (entry == NULL)
        record_entry(ENTER, name, "", file);
    else if (flags & O_TRUNC)
        record(TRUNCATE, file);
    by_descriptor[fd] = file + 1;
}

static void written(int fd, const void *data, ssize_t len, off_t at)
{
    if (fd < 0 || fd >= DESCRIPTORS_MAX || by_descriptor[fd] <= 0 || len <= 0)
        return;
    struct event *event = record(WRITE, by_descriptor[fd] - 1);
    event->at = (size_t)at;
    event->len = (size_t)len;
    event->data = malloc(event->len);
    VX6_ASSERT(event->data);
    memcpy(event->data, data, event->len);
}

static void synced(int fd)
{
    if (fd < 0 || fd >= DESCRIPTORS_MAX || by_descriptor[fd] == 0)
        return;
    if (by_descriptor[fd] < 0 && lying != POWER_SYNCS_NO_ENTRY)
        record(SYNC_DIR, 0);
    else if (by_descriptor[fd] > 0 && lying != POWER_SYNCS_NO_FILE)
        record(SYNC, by_descriptor[fd] - 1);
}

/* ---- in place of the C library ---- */

#define INSTEAD __attribute__((visibility("default")))

INSTEAD int open64(const char *path, int flags, ...);
INSTEAD ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at);
INSTEAD int ftruncate64(int fd, off64_t len);

static int open_it(const char *path, int flags, int mode)
{
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    opened(fd, path, flags);
    return fd;
}

INSTEAD int open(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    int mode = flags & O_CREAT ? va_arg(rest, int) : 0;
    va_end(rest);
    return open_it(path, flags, mode);
}

INSTEAD int open64(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    int mode = flags & O_CREAT ? va_arg(rest, int) : 0;
    va_end(rest);
    return open_it(path, flags, mode);
}

INSTEAD int close(int fd)
{
    if (fd >= 0 && fd < DESCRIPTORS_MAX)
        by_descriptor[fd] = 0;
    return (int)syscall(SYS_close, fd);
}

INSTEAD ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
    ssize_t done = syscall(SYS_pwrite64, fd, data, len, at);
    written(fd, data, done, at);
    return done;
}

INSTEAD ssize_t write(int fd, const void *data, size_t len)
{
    off_t at = lseek(fd, 0, SEEK_CUR);
    ssize_t done = syscall(SYS_write, fd, data, len);
    written(fd, data, done, at);
    return done;
}

INSTEAD int ftruncate64(int fd, off64_t len)
{
    int result = (int)syscall(SYS_ftruncate, fd, len);
    if (result == 0 && fd < DESCRIPTORS_MAX && by_descriptor[fd] > 0)
        record(TRUNCATE, by_descriptor[fd] - 1)->len = (size_t)len;
    return result;
}

INSTEAD int fsync(int fd)
{
    synced(fd);
    return 0; /* the real disk takes no part */
}

INSTEAD int fdatasync(int fd)
{
    synced(fd);
    return 0;
}

INSTEAD int rename(const char *from, const char *to)
{
    int result = (int)syscall(SYS_rename, from, to);
    const char *name = name_within(from), *new_name = name_within(to);
    struct entry *entry = result == 0 && name && new_name ? find(&live, name) : NULL;
    if (entry) {
        record_entry(RENAME, name, new_name, entry->file);
        int file = entry->file;
        leave(&live, name);
        enter(&live, new_name, file);
    }
    return result;
}

INSTEAD int unlink(const char *path)
{
    int result = (int)syscall(SYS_unlink, path);
    const char *name = name_within(path);
    if (result == 0 && name && find(&live, name)) {
        record_entry(REMOVE, name, "", 0);
        leave(&live, name);
    }
    return result;
}

INSTEAD int mkdir(const char *path, mode_t mode)
{
    int result = (int)syscall(SYS_mkdir, path, mode);
    const char *name = name_within(path);
    if (result == 0 && name)
        record_entry(ENTER, name, "", new_file(name, true));
    return result;
}

/* ---- what reaches the disk ---- */

static void resize(struct content *content, size_t len)
{
    if (len > content->len) {
        content->data = realloc(content->data, len);
        VX6_ASSERT(content->data);
        memset(content->data + content->len, 0, len - content->len);
    }
    content->len = len;
}

/* The parts of a write: `sectors` has a bit for each sector of it that arrives. */
static void apply(struct content *content, const struct event *event, uint64_t sectors)
{
    if (event->kind == TRUNCATE) {
        resize(content, event->len);
        return;
    }
    for (size_t from = 0; from < event->len; from += SECTOR) {
        size_t len = event->len - from < SECTOR ? event->len - from : SECTOR;
        if ((sectors >> from / SECTOR & 1) == 0)
            continue;
        if (content->len < event->at + from + len)
            resize(content, event->at + from + len);
        memcpy(content->data + event->at + from, event->data + from, len);
    }
}

static void apply_entry(struct entries *entries, const struct event *event)
{
    if (event->kind == ENTER) {
        enter(entries, event->name, event->file);
    } else {
        leave(entries, event->name);
        if (event->kind == RENAME)
            enter(entries, event->to, event->file);
    }
}

static bool is_of_file(const struct event *event)
{
    return event->kind == WRITE || event->kind == TRUNCATE;
}

static bool is_entry(const struct event *event)
{
    return event->kind == ENTER || event->kind == RENAME || event->kind == REMOVE;
}

/* The next event is issued: a sync makes durable what came before it and leaves the list. */
static void issue(void)
{
    struct event sync = events[issued];
    if (sync.kind != SYNC && sync.kind != SYNC_DIR) {
        issued++;
        return;
    }
    size_t kept = 0;
    for (size_t i = 0; i < event_count; i++) {
        struct event *event = &events[i];
        if (i < issued && sync.kind == SYNC && is_of_file(event) && event->file == sync.file) {
            apply(&files[sync.file], event, UINT64_MAX);
            free(event->data);
        } else if (i < issued && sync.kind == SYNC_DIR && is_entry(event)) {
            apply_entry(&durable, event);
        } else if (i != issued) {
            events[kept++] = *event;
        }
    }
    issued -= event_count - kept - 1;
    event_count = kept;
}

/* ---- cuts ---- */

/* What of the issued events arrives. */
struct choice {
    size_t entries; /* so many of them, the first */
    uint64_t sectors[PENDING_MAX];
};

static uint64_t seen[SEEN_MAX];
static size_t seen_count;
static uint64_t random_state;

static uint64_t draw(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static uint64_t hash(uint64_t state, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < len; i++)
        state = (state ^ bytes[i]) * UINT64_C(0x100000001b3);
    return state;
}

/* False: it is old. An open hash table. */
static bool is_new(uint64_t state)
{
    size_t at = state % SEEN_MAX;
    while (seen[at] != 0 && seen[at] != state)
        at = (at + 1) % SEEN_MAX;
    bool was_there = seen[at] == state;
    seen[at] = state;
    seen_count += !was_there;
    VX6_ASSERT(seen_count < SEEN_MAX / 2);
    return !was_there;
}

static void forget_seen(void)
{
    memset(seen, 0, sizeof seen);
    seen_count = 0;
}

static void clear_dir(const char *where)
{
    DIR *dir = opendir(where);
    struct dirent *item;
    char path[PATH_SIZE * 2];
    VX6_ASSERT(dir);
    while ((item = readdir(dir)) != NULL) {
        snprintf(path, sizeof path, "%s/%s", where, item->d_name);
        if (item->d_name[0] != '.' && unlink(path) != 0)
            (void)rmdir(path);
    }
    closedir(dir);
}

static void put(const char *where, const char *name, const struct content *content)
{
    char path[PATH_SIZE * 2];
    snprintf(path, sizeof path, "%s/%s", where, name);
    if (content->is_dir) {
        VX6_ASSERT(mkdir(path, 0700) == 0);
        return;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    VX6_ASSERT(fd >= 0 && write(fd, content->data, content->len) == (ssize_t)content->len);
    close(fd);
}

/* The file as it is after the cut; the caller's to free. */
static struct content cut_file(int file, const struct choice *choice)
{
    struct content content = {.is_dir = files[file].is_dir};
    resize(&content, files[file].len);
    if (content.len > 0)
        memcpy(content.data, files[file].data, content.len);
    size_t place = 0;
    for (size_t i = 0; i < issued; i++) {
        if (!is_of_file(&events[i]))
            continue;
        if (events[i].file == file && choice->sectors[place] != 0)
            apply(&content, &events[i], choice->sectors[place]);
        place++;
    }
    return content;
}

static size_t leave_state(
    const char *where, const struct choice *choice, bool is_end, power_left *left)
{
    struct entries entries = durable;
    struct content contents[ENTRIES_MAX];
    uint64_t state = UINT64_C(0xcbf29ce484222325);
    size_t arrived = 0;
    for (size_t i = 0; i < issued && arrived < choice->entries; i++) {
        if (is_entry(&events[i])) {
            apply_entry(&entries, &events[i]);
            arrived++;
        }
    }
    for (size_t i = 0; i < entries.count; i++) {
        contents[i] = cut_file(entries.items[i].file, choice);
        state = hash(state, entries.items[i].name, strlen(entries.items[i].name) + 1);
        state = hash(state, contents[i].data, contents[i].len);
    }
    bool is_another = is_new(state | 1);
    if (is_another) {
        clear_dir(where);
        for (size_t i = 0; i < entries.count; i++)
            put(where, entries.items[i].name, &contents[i]);
        left(where, is_end);
    }
    for (size_t i = 0; i < entries.count; i++)
        free(contents[i].data);
    return is_another;
}

/* Some sectors of a write, not all. */
static uint64_t torn(void)
{
    return draw() & draw();
}

/* All that is chosen of the writes, with one number of entries. */
static size_t cut_writes(
    const char *where, size_t entries, size_t writes, bool is_end, power_left *left)
{
    struct choice choice = {.entries = entries};
    size_t count = leave_state(where, &choice, is_end, left);
    for (size_t i = 0; i < writes;
         i++) { /* the first ones, with a torn one at the end, and one alone */
        for (int n = 0; n < TEARS; n++) {
            choice.sectors[i] = torn();
            count += leave_state(where, &choice, is_end, left);
        }
        choice.sectors[i] = UINT64_MAX;
        count += leave_state(where, &choice, is_end, left);
        struct choice alone = {.entries = entries};
        alone.sectors[i] = UINT64_MAX;
        count += leave_state(where, &alone, is_end, left);
    }
    for (size_t i = 0; i < writes; i++) { /* all but one */
        choice.sectors[i] = 0;
        count += leave_state(where, &choice, is_end, left);
        choice.sectors[i] = UINT64_MAX;
    }
    for (int n = 0; n < RANDOM_SUBSETS && writes > 2; n++) {
        for (size_t i = 0; i < writes; i++)
            choice.sectors[i] = draw() % 4 == 0 ? torn() : draw() % 2 == 0 ? UINT64_MAX : 0;
        count += leave_state(where, &choice, is_end, left);
    }
    return count;
}

static size_t cut_here(const char *where, bool is_end, power_left *left)
{
    size_t writes = 0, entries = 0, count = 0;
    for (size_t i = 0; i < issued; i++) {
        writes += is_of_file(&events[i]);
        entries += is_entry(&events[i]);
    }
    VX6_ASSERT(writes <= PENDING_MAX);
    for (size_t n = 0; n <= entries; n++)
        count += cut_writes(where, n, writes, is_end, left);
    return count;
}

size_t power_cuts(const char *where, power_left *left)
{
    size_t count = 0;
    forget_seen();
    random_state = UINT64_C(88172645463325252);
    while (issued < event_count) {
        count += cut_here(where, false, left);
        issue();
    }
    forget_seen();
    return count + cut_here(where, true, left);
}

void power_skip(void)
{
    while (issued < event_count)
        issue();
}

/* ---- begin and end ---- */

static void load(const char *name)
{
    char path[PATH_SIZE * 2];
    struct stat info;
    snprintf(path, sizeof path, "%s/%s", watched, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    VX6_ASSERT(fd >= 0 && fstat(fd, &info) == 0);
    int file = new_file(name, S_ISDIR(info.st_mode));
    if (S_ISREG(info.st_mode)) {
        resize(&files[file], (size_t)info.st_size);
        VX6_ASSERT(read(fd, files[file].data, files[file].len) == (ssize_t)files[file].len);
    }
    close(fd);
}

void power_watch(const char *dir)
{
    power_unwatch();
    snprintf(watched, sizeof watched, "%s", dir);
    DIR *there = opendir(dir);
    struct dirent *item;
    VX6_ASSERT(there);
    while ((item = readdir(there)) != NULL) {
        if (item->d_name[0] != '.')
            load(item->d_name);
    }
    closedir(there);
    durable = live;
    watched_len = strlen(watched);
}

void power_unwatch(void)
{
    for (size_t i = 0; i < event_count; i++)
        free(events[i].data);
    free(events);
    events = NULL;
    event_count = event_capacity = issued = watched_len = 0;
    for (int i = 0; i < file_count; i++)
        free(files[i].data);
    memset(by_descriptor, 0, sizeof by_descriptor);
    file_count = 0;
    live = durable = (struct entries){.count = 0};
    lying = POWER_HONEST;
}

void power_lie(enum power_lie lie)
{
    lying = lie;
}
