/* SPDX-License-Identifier: MIT */
/* A state of its own for each test. */
#ifndef VX6_KEPT_STATE_H
#define VX6_KEPT_STATE_H

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "paths.h"
#include "store.h"
#include "test.h"

static struct paths paths;
static char error[TEXT_ERROR_SIZE];

static int set_up(void **state)
{
    (void)state;
    char dir[] = "/tmp/vx6-test-store-XXXXXX";
    return mkdtemp(dir) && paths_init(&paths, dir, error) ? 0 : -1;
}

static void remove_files(void)
{
    static const char *const names[] = {"state.db", "state.db-wal", "state.db-shm", "lock"};
    char path[PATHS_MAX + 16];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", paths.dir, names[i]);
        (void)unlink(path);
    }
}

static int tear_down(void **state)
{
    (void)state;
    remove_files();
    return rmdir(paths.dir);
}

static struct store *open_it(enum store_mode mode)
{
    struct store *store = store_open(paths.database, mode, error);
    if (store == NULL)
        fail_msg("%s", error);
    return store;
}

static sqlite3 *open_sql(void)
{
    sqlite3 *database = NULL;
    assert_int_equal(sqlite3_open(paths.database, &database), SQLITE_OK);
    return database;
}

static void execute(const char *sql)
{
    sqlite3 *database = open_sql();
    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(database);
}

#define WITH_STATE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
