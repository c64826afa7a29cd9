/* SPDX-License-Identifier: MIT */
/* A limit holds for a control group and all below it, so each group from the own one upwards is
 * asked. Version 2 and version 1 say the same in other files. */
#include "free_memory.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PATH_SIZE = 4352
};

static const struct version {
    const char *controller; /* field of /proc/self/cgroup */
    const char *folder, *limit, *usage;
} versions[] = {
    {"", "/sys/fs/cgroup", "memory.max", "memory.current"},
    {"memory", "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"},
};

/* False: there is no such file, or no number in it ("max"). */
static bool read_number(const char *folder, const char *name, uint64_t *value)
{
    char path[PATH_SIZE], line[64];
    bool found = false;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path)
        return false;
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return false;
    if (fgets(line, sizeof line, file)) {
        char *end;
        *value = strtoull(line, &end, 10);
        found = end != line;
    }
    fclose(file);
    return found;
}

static uint64_t group_free_kib(const char *root, const struct version *version, const char *group)
{
    char folder[PATH_SIZE];
    uint64_t least = UINT64_MAX, limit, usage;
    if ((size_t)snprintf(folder, sizeof folder, "%s%s%s", root, version->folder, group) >=
        sizeof folder)
        return least;
    size_t top = strlen(root) + strlen(version->folder);
    for (char *end = folder + strlen(folder); end; end = strrchr(folder + top, '/')) {
        *end = 0;
        if (read_number(folder, version->limit, &limit) &&
            read_number(folder, version->usage, &usage)) {
            uint64_t kib = limit > usage ? (limit - usage) / 1024 : 0;
            least = kib < least ? kib : least;
        }
    }
    return least;
}

static uint64_t groups_free_kib(const char *root)
{
    char path[PATH_SIZE], line[PATH_SIZE];
    uint64_t least = UINT64_MAX;
    (void)snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return least;
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0; /* number:controllers:/group */
        char *controller = strchr(line, ':');
        char *group = controller ? strchr(controller + 1, ':') : NULL;
        if (group == NULL)
            continue;
        *group++ = 0;
        for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
            if (strcmp(controller + 1, versions[i].controller) != 0)
                continue;
            uint64_t kib = group_free_kib(root, &versions[i], group);
            least = kib < least ? kib : least;
        }
    }
    fclose(file);
    return least;
}

static uint64_t machine_free_kib(const char *root)
{
    char path[PATH_SIZE], line[128];
    unsigned long long kib = UINT64_MAX;
    (void)snprintf(path, sizeof path, "%s/proc/meminfo", root);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return UINT64_MAX;
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
            break;
    }
    fclose(file);
    return kib;
}

uint64_t free_memory_kib(const char *root)
{
    uint64_t machine = machine_free_kib(root), groups = groups_free_kib(root);
    return machine < groups ? machine : groups;
}
