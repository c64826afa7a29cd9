/* SPDX-License-Identifier: MIT */
/* What the files of the store share. */
#ifndef VX6_STORE_SQL_H
#define VX6_STORE_SQL_H

#include <sqlite3.h>

#include "store.h"

struct store {
    sqlite3 *database;
    bool is_new;
    store_heard *heard;
    void *context;
    uint64_t failed_writes; /* since the last that did not fail */
    int changes;            /* so far, when the last of these failed */
    char error[TEXT_ERROR_SIZE];
};

/* ---- store.c ---- */
/* As it is, unchecked; NULL with a line. */
struct store *store_open_file(const char *path, char error[TEXT_ERROR_SIZE]);

/* ---- store_sql.c ---- */
extern const char sql_damaged[]; /* what to do then */

/* All that return bool: false with store->error. */
bool sql_failed(struct store *store, const char *what); /* by SQLite's last word */
bool sql_fail_damaged(struct store *store, const char *what);
bool sql_run(struct store *store, const char *sql, const char *what);
sqlite3_stmt *sql_prepare(struct store *store, const char *sql); /* NULL: failed */
/* Runs a statement that returns nothing, and frees it. */
bool sql_finish(struct store *store, sqlite3_stmt *statement);
/* Ends a transaction: all of it is on the disk, or nothing. */
bool sql_commit(struct store *store, bool done);

void sql_bind_text(sqlite3_stmt *statement, int place, const char *text);
void sql_bind_blob(sqlite3_stmt *statement, int place, const uint8_t *data, int len);
void sql_copy_text(char *dst, size_t size, sqlite3_stmt *statement, int column);
/* False: the column holds none. */
bool sql_copy_key(uint8_t key[32], sqlite3_stmt *statement, int column);
/* False: it has none, or a longer one. */
bool sql_copy_blob(uint8_t *dst, size_t size, size_t *len, sqlite3_stmt *statement, int column);
/* False: what the column holds is no list of keys; NULL is the empty one. */
bool sql_copy_before(struct store_before *before, sqlite3_stmt *statement, int column);
bool sql_copy_addr(vx6_addr *addr, sqlite3_stmt *statement, int column);

#endif
