/* SPDX-License-Identifier: MIT */
/* Makes of a state one that an older version has left. */
#ifndef VX6_OLDER_H
#define VX6_OLDER_H

#include <sqlite3.h>

#include "test.h"

static inline void older_make(const char *path)
{
    static const char sql[] =
        "ALTER TABLE identity DROP COLUMN digest; DROP TABLE allowed;"
        "ALTER TABLE binding DROP COLUMN pinned; ALTER TABLE binding DROP COLUMN since_ms;"
        "PRAGMA user_version = 1;";
    sqlite3 *database = NULL;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(database);
}

#endif
