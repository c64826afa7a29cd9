/* SPDX-License-Identifier: MIT */
/* Statements, values, and what SQLite's complaints mean for whoever runs the node. */
#include "store_sql.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "paths.h"

const char sql_damaged[] = "it is damaged: vx6 doctor says what is lost, and may repair it; else "
                           "restore the state directory from a copy, or move it away to start as a "
                           "new node, with a new key";

bool sql_fail_damaged(struct store *store, const char *what)
{
    return text_fail(store->error, "cannot read the state: %s: %s", what, sql_damaged);
}

static const char *advice(struct store *store)
{
    const char *by_errno = paths_advice(sqlite3_system_errno(store->database));
    switch (sqlite3_errcode(store->database) & 0xff) {
    case SQLITE_FULL:
        return paths_advice(ENOSPC);
    case SQLITE_READONLY:
        return paths_advice(EROFS);
    case SQLITE_PERM:
        return paths_advice(EACCES);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return "another program uses it: end that first";
    case SQLITE_ERROR: /* a table or column is missing */
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return sql_damaged;
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
        return by_errno[0] ? by_errno : "see that its disk is there, works and is writable";
    default:
        return by_errno;
    }
}

static void note_failure(struct store *store)
{
    store->changes = sqlite3_total_changes(store->database);
    if (store->failed_writes++ == 0 && store->heard)
        store->heard(store->context, 0);
}

/* A change of nothing succeeds on a full disk, too. */
static void note_success(struct store *store)
{
    uint64_t failures = store->failed_writes;
    if (sqlite3_total_changes(store->database) == store->changes)
        return;
    store->failed_writes = 0;
    if (failures > 0 && store->heard)
        store->heard(store->context, failures);
}

bool sql_failed(struct store *store, const char *what)
{
    if (store->database == NULL)
        return text_fail(store->error, "cannot %s the state: out of memory", what);
    const char *todo = advice(store), *said = sqlite3_errmsg(store->database);
    char why[200]; /* it quotes from the file, which may be damaged */
    text_printable(why, sizeof why, said, strlen(said));
    text_fail(store->error, "cannot %s the state: %s%s%s", what, why, todo[0] ? ": " : "", todo);
    if (strcmp(what, "write") == 0)
        note_failure(store);
    return false;
}

bool sql_run(struct store *store, const char *sql, const char *what)
{
    return sqlite3_exec(store->database, sql, NULL, NULL, NULL) == SQLITE_OK ||
           sql_failed(store, what);
}

sqlite3_stmt *sql_prepare(struct store *store, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(store->database, sql, -1, &statement, NULL) != SQLITE_OK) {
        sql_failed(store, "read");
        return NULL;
    }
    return statement;
}

void sql_bind_text(sqlite3_stmt *statement, int place, const char *text)
{
    sqlite3_bind_text(statement, place, text, -1, SQLITE_TRANSIENT);
}

void sql_bind_blob(sqlite3_stmt *statement, int place, const uint8_t *data, int len)
{
    sqlite3_bind_blob(statement, place, data, len, SQLITE_TRANSIENT);
}

/* Runs a statement that returns nothing. */
bool sql_finish(struct store *store, sqlite3_stmt *statement)
{
    bool done = sqlite3_step(statement) == SQLITE_DONE;
    if (!done)
        sql_failed(store, "write");
    sqlite3_finalize(statement);
    if (done && sqlite3_get_autocommit(store->database)) /* else COMMIT has the last word */
        note_success(store);
    return done;
}

void sql_copy_text(char *dst, size_t size, sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);
    snprintf(dst, size, "%s", text ? (const char *)text : "");
}

bool sql_copy_key(uint8_t key[32], sqlite3_stmt *statement, int column)
{
    const void *blob = sqlite3_column_blob(statement, column);
    if (blob == NULL || sqlite3_column_bytes(statement, column) != 32)
        return false;
    memcpy(key, blob, 32);
    return true;
}

bool sql_copy_blob(uint8_t *dst, size_t size, size_t *len, sqlite3_stmt *statement, int column)
{
    *len = 0;
    if (sqlite3_column_type(statement, column) != SQLITE_BLOB)
        return false;
    size_t stored = (size_t)sqlite3_column_bytes(statement, column);
    if (stored > size)
        return false;
    if (stored > 0)
        memcpy(dst, sqlite3_column_blob(statement, column), stored);
    *len = stored;
    return true;
}

bool sql_copy_before(struct store_before *before, sqlite3_stmt *statement, int column)
{
    size_t len = 0;
    before->count = 0;
    if (sqlite3_column_type(statement, column) == SQLITE_NULL)
        return true;
    if (!sql_copy_blob(before->keys[0], sizeof before->keys, &len, statement, column) || len == 0 ||
        len % sizeof before->keys[0] != 0)
        return false;
    before->count = len / sizeof before->keys[0];
    return true;
}

bool sql_copy_addr(vx6_addr *addr, sqlite3_stmt *statement, int column)
{
    char text[TEXT_ADDR_SIZE];
    sql_copy_text(text, sizeof text, statement, column);
    return text_addr_parse(text, addr) == NULL;
}

bool sql_commit(struct store *store, bool done)
{
    if (done && sql_run(store, "COMMIT", "write")) {
        note_success(store);
        return true;
    }
    sqlite3_exec(store->database, "ROLLBACK", NULL, NULL, NULL);
    return false;
}
