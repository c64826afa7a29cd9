/* SPDX-License-Identifier: MIT */
/* Makes of a state one that an older version has left. */
#ifndef VX6_OLDER_H
#define VX6_OLDER_H

#include <sqlite3.h>

#include "test.h"

/* From each version to the one before. */
static const char *const older_steps[] = {
    "ALTER TABLE identity DROP COLUMN lineage; ALTER TABLE allowed DROP COLUMN root;"
    "ALTER TABLE binding DROP COLUMN root; ALTER TABLE binding DROP COLUMN followed_ms;"
    "DROP TABLE revoked; PRAGMA user_version = 2;",
    "ALTER TABLE identity DROP COLUMN digest; DROP TABLE allowed;"
    "ALTER TABLE binding DROP COLUMN pinned; ALTER TABLE binding DROP COLUMN since_ms;"
    "PRAGMA user_version = 1;"};

enum {
    OLDER_MAX = sizeof older_steps / sizeof older_steps[0]
};

/* By so many versions. */
static inline void older_make_by(const char *path, size_t versions)
{
    sqlite3 *database = NULL;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    for (size_t i = 0; i < versions; i++)
        assert_int_equal(sqlite3_exec(database, older_steps[i], NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(database);
}

/* The first that there was. */
static inline void older_make(const char *path)
{
    older_make_by(path, OLDER_MAX);
}

#endif
