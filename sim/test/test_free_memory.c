/* SPDX-License-Identifier: MIT */
/* Free memory is what the machine has and every control group still allows, whichever is least. */
#include "test.h"

#include "free_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char root[] = "/tmp/vx6-memory-XXXXXX";

static void put(const char *path, const char *text)
{
    char name[256];
    (void)snprintf(name, sizeof name, "%s%s", root, path);
    for (char *slash = name + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = 0;
        (void)mkdir(name, 0700);
        *slash = '/';
    }
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void test_the_least_of_machine_and_groups(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(root));
    assert_true(free_memory_kib(root) == UINT64_MAX); /* nothing says anything */

    put("/proc/meminfo", "MemTotal: 9000 kB\nMemFree: 1 kB\nMemAvailable:    8000 kB\n");
    assert_int_equal(free_memory_kib(root), 8000);

    put("/proc/self/cgroup", "3:cpu,memory:/x\n1:name=systemd:/\n0::/user/run\nnonsense\n");
    put("/sys/fs/cgroup/user/run/memory.max", "max\n");
    put("/sys/fs/cgroup/user/run/memory.current", "1024\n");
    assert_int_equal(free_memory_kib(root), 8000);
    put("/sys/fs/cgroup/user/memory.max", "7168000\n"); /* the group above */
    put("/sys/fs/cgroup/user/memory.current", "1024000\n");
    assert_int_equal(free_memory_kib(root), 6000);
    put("/sys/fs/cgroup/memory.max", "3072000\n"); /* the mount itself, as a container sees it */
    put("/sys/fs/cgroup/memory.current", "4096000\n");
    assert_int_equal(free_memory_kib(root), 0);
    put("/sys/fs/cgroup/memory.current", "1024\n");
    assert_int_equal(free_memory_kib(root), 2999);

    put("/proc/self/cgroup", "4:memory:/job\n0::/\n");
    put("/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "2048000\n");
    put("/sys/fs/cgroup/memory/job/memory.usage_in_bytes", "1024000\n");
    assert_int_equal(free_memory_kib(root), 1000);
}

static int remove_all(void **state)
{
    (void)state;
    char command[64];
    (void)snprintf(command, sizeof command, "rm -r '%s'", root);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_the_least_of_machine_and_groups, remove_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
