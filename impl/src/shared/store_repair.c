/* SPDX-License-Identifier: MIT */
/* Rows are looked at one by one, whatever table they are in: what a column must hold follows from
 * its name. Where a table cannot be read to its end, it is read from its end as well. */
#include "store_repair.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "certificate.h"
#include "service.h"
#include "store_sql.h"
#include "vx6/crypto.h"

enum {
    SQL_MAX = 512,
    TABLES_MAX = 32,
    PROBLEMS_MAX = 20 /* of pages: the rest is of the same kind */
};

struct table_names {
    char names[TABLES_MAX][VX6_LABEL_MAX];
    size_t count;
};

/* ---- rows ---- */

static const char *key_problem(sqlite3_stmt *row, int column)
{
    uint8_t key[32];
    if (!sql_copy_key(key, row, column))
        return "its key is not whole";
    return vx6_crypto_real.sign_public_is_valid(&vx6_crypto_real, key) ? NULL : "its key is none";
}

/* NULL: it can be used. To read a value as text makes it text, so only what is to be text is read
 * so. */
static const char *column_problem(sqlite3_stmt *row, int column)
{
    const char *name = sqlite3_column_name(row, column);
    bool is_addr = strcmp(name, "addr") == 0;
    bool is_label = strcmp(name, "label") == 0 || strcmp(name, "service") == 0;
    char text[TEXT_ERROR_SIZE];
    struct store_before before;
    vx6_addr addr;
    if (strcmp(name, "key") == 0)
        return key_problem(row, column);
    if (strcmp(name, "root") == 0)
        return sql_copy_before(&before, row, column) ? NULL
                                                     : "the keys before its own are not whole";
    if (!is_addr && !is_label)
        return NULL;
    sql_copy_text(text, sizeof text, row, column);
    if (is_addr)
        return text_addr_parse(text, &addr) == NULL ? NULL : "its address is none";
    return text_is_label(text) ? NULL : "its name is none";
}

/* -1: there is none of this name. */
static int column_of(sqlite3_stmt *row, const char *name)
{
    int column = sqlite3_column_count(row) - 1;
    while (column >= 0 && strcmp(sqlite3_column_name(row, column), name) != 0)
        column--;
    return column;
}

static const char *setting_problem(sqlite3_stmt *row)
{
    char name[TEXT_ERROR_SIZE], value[TEXT_ERROR_SIZE];
    sql_copy_text(name, sizeof name, row, column_of(row, "name"));
    sql_copy_text(value, sizeof value, row, column_of(row, "value"));
    if (strcmp(name, "name") != 0)
        return "there is no such setting";
    return value[0] == 0 || text_is_label(value) ? NULL : "it is no name for a node";
}

static const char *service_problem(sqlite3_stmt *row)
{
    struct store_service service;
    enum exposure exposure;
    vx6_addr target;
    uint8_t host[32];
    char name[TEXT_ERROR_SIZE];
    sql_copy_text(name, sizeof name, row, column_of(row, "name"));
    snprintf(service.name, sizeof service.name, "%.63s", name);
    sql_copy_text(service.target, sizeof service.target, row, column_of(row, "target"));
    sql_copy_text(service.exposure, sizeof service.exposure, row, column_of(row, "exposure"));
    if (!text_is_label(name))
        return "its name is none";
    if (exposure_parse(service.exposure) == EXPOSURE_COUNT)
        return "it does not say who may use it";
    return service_parse(&service, &exposure, &target, host) ? NULL : "its target is none";
}

static const char *revoked_problem(sqlite3_stmt *row)
{
    struct store_revoked revoked;
    bool is_right = sql_copy_key(revoked.key, row, column_of(row, "key")) &&
                    sql_copy_blob(revoked.certificate, sizeof revoked.certificate,
                        &revoked.certificate_len, row, column_of(row, "certificate")) &&
                    certificate_fits(&revoked);
    return is_right ? NULL : "its certificate does not revoke it";
}

/* What there is besides the identity; `todo`: where a row of it is lost. */
static const struct table {
    const char *name, *todo;
    const char *(*problem)(sqlite3_stmt *row); /* of its columns together; NULL: there is none */
} tables[] = {
    {"setting", "if it was the name of this node, give it again: vx6-node --name NAME",
        setting_problem},
    {"service", "add it again with vx6 service add", service_problem},
    {"allowed", "allow the key again with vx6 service allow SERVICE KEY", NULL},
    {"binding",
        "pin the name again with vx6 pin NAME KEY, with the key that its owner reads from vx6 "
        "identity: else its next use trusts whoever answers",
        NULL},
    {"peer", "add it again with vx6 peer add ADDR", NULL},
    {"contact", "nothing: the node finds others by itself", NULL},
    {"known_key",
        "connect with --key the next time, with the key that its owner reads from vx6 identity: "
        "else whoever answers there is trusted",
        NULL},
    {"revoked", "revoke it again with vx6 revoke FILE: until then this node may believe that key",
        revoked_problem},
};

static const struct table *table_of(const char *name)
{
    const struct table *table = tables;
    while (table < tables + sizeof tables / sizeof tables[0] && strcmp(table->name, name) != 0)
        table++;
    return table < tables + sizeof tables / sizeof tables[0] ? table : NULL;
}

static const char *todo_of(const char *table)
{
    const struct table *known = table_of(table);
    return known ? known->todo : "nothing: no VX6 has written that";
}

static const char *row_problem(const char *table, sqlite3_stmt *row)
{
    const struct table *known = table_of(table);
    const char *problem = NULL;
    for (int i = 0; i < sqlite3_column_count(row) && problem == NULL; i++)
        problem = column_problem(row, i);
    return problem == NULL && known && known->problem ? known->problem(row) : problem;
}

/* What a person knows the row by. */
static void name_row(char line[TEXT_ERROR_SIZE], const char *table, sqlite3_stmt *row)
{
    char shown[TEXT_KEY_SIZE + 8] = "";
    uint8_t key[32];
    if (sqlite3_column_type(row, 0) == SQLITE_TEXT)
        text_printable(
            shown, sizeof shown, sqlite3_column_text(row, 0), (size_t)sqlite3_column_bytes(row, 0));
    else if (sql_copy_key(key, row, 0))
        text_key(shown, key);
    snprintf(line, TEXT_ERROR_SIZE, "%s %s", table, shown);
}

/* Hands on each row that can be read; false when some may not have been. */
typedef bool row_seen(void *context, const char *table, sqlite3_stmt *row);

static bool read_rows(
    struct store *store, const char *table, const char *order, row_seen *seen, void *context)
{
    char sql[SQL_MAX];
    snprintf(sql, sizeof sql, "SELECT * FROM \"%s\" ORDER BY 1 %s", table, order);
    sqlite3_stmt *row = sql_prepare(store, sql);
    int result = SQLITE_ERROR;
    bool goes_on = row != NULL;
    while (goes_on && (result = sqlite3_step(row)) == SQLITE_ROW)
        goes_on = seen(context, table, row);
    sqlite3_finalize(row);
    return result == SQLITE_DONE;
}

static bool list_tables(struct store *store, struct table_names *listed)
{
    sqlite3_stmt *row = sql_prepare(store, "SELECT name FROM sqlite_schema WHERE type = 'table' AND"
                                           " name NOT LIKE 'sqlite_%' AND name <> 'identity'");
    listed->count = 0;
    while (row && listed->count < TABLES_MAX && sqlite3_step(row) == SQLITE_ROW)
        sql_copy_text(listed->names[listed->count++], VX6_LABEL_MAX, row, 0);
    sqlite3_finalize(row);
    return row != NULL;
}

/* ---- looking ---- */

static void beside(char beside[PATHS_MAX + 8], const char *path, const char *suffix)
{
    snprintf(beside, PATHS_MAX + 8, "%s%s", path, suffix);
}

struct finder {
    store_problem *found;
    void *context;
};

static void tell(
    const struct finder *finder, const char *table, sqlite3_stmt *row, const char *problem)
{
    char name[TEXT_ERROR_SIZE], line[2 * TEXT_ERROR_SIZE];
    name_row(name, table, row);
    snprintf(line, sizeof line, "%s: %s", name, problem);
    finder->found(finder->context, line, todo_of(table));
}

static bool find_problem(void *context, const char *table, sqlite3_stmt *row)
{
    const char *problem = row_problem(table, row);
    if (problem)
        tell(context, table, row, problem);
    return true;
}

static void examine_pages(struct store *store, const struct finder *finder)
{
    sqlite3_stmt *row = sql_prepare(store, "PRAGMA integrity_check(20)");
    char line[TEXT_ERROR_SIZE];
    int result = SQLITE_ERROR;
    for (int i = 0; row && i < PROBLEMS_MAX && (result = sqlite3_step(row)) == SQLITE_ROW; i++) {
        const unsigned char *said = sqlite3_column_text(row, 0);
        text_printable(line, sizeof line, said, (size_t)sqlite3_column_bytes(row, 0));
        if (strcmp(line, "ok") != 0)
            finder->found(finder->context, line, NULL);
    }
    sqlite3_finalize(row);
    if (result != SQLITE_DONE && result != SQLITE_ROW)
        finder->found(finder->context, "its pages cannot be read", NULL);
}

static void examine_rows(struct store *store, const struct finder *finder)
{
    struct store_identity identity;
    struct table_names listed;
    struct finder copy = *finder;
    if (!store_identity_read(store, &identity))
        finder->found(finder->context, "the identity in it is not whole", NULL);
    explicit_bzero(&identity, sizeof identity);
    if (!list_tables(store, &listed))
        finder->found(finder->context, "its tables cannot be listed", NULL);
    for (size_t i = 0; i < listed.count; i++) {
        char line[TEXT_ERROR_SIZE];
        snprintf(line, sizeof line, "%s: not all rows can be read", listed.names[i]);
        if (!read_rows(store, listed.names[i], "ASC", find_problem, &copy))
            finder->found(finder->context, line, todo_of(listed.names[i]));
    }
}

/* VX6-CTRL-031: whoever closes a database last would write its log back into it. Where there is no
 * log, the one that SQLite makes to look goes as it came. */
static struct store *open_to_look(const char *path, char error[TEXT_ERROR_SIZE])
{
    char log[PATHS_MAX + 8];
    beside(log, path, "-wal");
    bool has_log = access(log, F_OK) == 0;
    struct store *store = store_open_file(path, error);
    if (store) {
        sqlite3_busy_timeout(store->database, 3000);
        (void)sqlite3_db_config(
            store->database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, has_log ? 1 : 0, NULL);
    }
    return store;
}

bool store_examine(
    const char *path, store_problem *found, void *context, char error[TEXT_ERROR_SIZE])
{
    struct finder finder = {found, context};
    struct store *store = open_to_look(path, error);
    if (store == NULL)
        return false;
    examine_pages(store, &finder);
    examine_rows(store, &finder);
    store_close(store);
    return true;
}

/* ---- a new one ---- */

struct repair {
    struct store *to;
    struct finder lost;
    bool is_again;   /* rows come a second time */
    bool has_failed; /* the new one cannot be written */
};

/* "INSERT OR IGNORE INTO t (a, b) VALUES (?1, ?2)", with the columns of this row. */
static sqlite3_stmt *prepare_insert(struct store *to, const char *table, sqlite3_stmt *row)
{
    char sql[SQL_MAX], columns[SQL_MAX / 3] = "", places[SQL_MAX / 3] = "";
    size_t used = 0, placed = 0;
    for (int i = 0; i < sqlite3_column_count(row); i++) {
        const char *comma = i > 0 ? ", " : "";
        used += (size_t)snprintf(columns + used, sizeof columns - used, "%s\"%.40s\"", comma,
            sqlite3_column_name(row, i));
        placed += (size_t)snprintf(places + placed, sizeof places - placed, "%s?%d", comma, i + 1);
        if (used >= sizeof columns || placed >= sizeof places)
            return NULL;
    }
    snprintf(
        sql, sizeof sql, "INSERT OR IGNORE INTO \"%s\" (%s) VALUES (%s)", table, columns, places);
    return sql_prepare(to, sql);
}

static bool keep_row(void *context, const char *table, sqlite3_stmt *row)
{
    struct repair *repair = context;
    if (row_problem(table, row) != NULL)
        return find_problem(&repair->lost, table, row);
    sqlite3_stmt *insert = prepare_insert(repair->to, table, row);
    for (int i = 0; insert && i < sqlite3_column_count(row); i++)
        sqlite3_bind_value(insert, i + 1, sqlite3_column_value(row, i));
    repair->has_failed = insert == NULL || !sql_finish(repair->to, insert);
    if (!repair->has_failed && !repair->is_again && sqlite3_changes(repair->to->database) == 0)
        tell(&repair->lost, table, row, "a value in it is missing, or another row has its place");
    return !repair->has_failed;
}

static bool ignore_problem(void *context, const char *table, sqlite3_stmt *row)
{
    return row_problem(table, row) != NULL || keep_row(context, table, row);
}

static bool keep_tables(struct store *from, struct repair *repair)
{
    struct table_names listed;
    if (!list_tables(repair->to, &listed) || !sql_run(repair->to, "BEGIN IMMEDIATE", "write"))
        return false;
    for (size_t i = 0; i < listed.count && !repair->has_failed; i++) {
        const char *table = listed.names[i];
        char line[TEXT_ERROR_SIZE];
        if (read_rows(from, table, "ASC", keep_row, repair) || repair->has_failed)
            continue;
        repair->is_again = true;
        (void)read_rows(from, table, "DESC", ignore_problem, repair);
        repair->is_again = false;
        snprintf(line, sizeof line, "%s: some rows could not be read", table);
        repair->lost.found(repair->lost.context, line, todo_of(table));
    }
    return sql_commit(repair->to, !repair->has_failed);
}

/* A whole database under this name, without a log. */
static bool make_anew(
    const char *from_path, const char *path, struct finder lost, char error[TEXT_ERROR_SIZE])
{
    struct store_identity identity = {0};
    struct store *from = open_to_look(from_path, error);
    if (from == NULL)
        return false;
    bool done = store_identity_read(from, &identity);
    if (!done || identity.sequence > INT64_MAX - 2 * STORE_IMPORT_GAP)
        done = text_fail(error, "the identity is lost: restore the state directory from a copy, or "
                                "take the identity from where vx6 identity export has put it");
    identity.sequence += STORE_IMPORT_GAP;
    (void)unlink(path);
    struct repair repair = {.to = done ? store_import(path, &identity, error) : NULL, .lost = lost};
    explicit_bzero(&identity, sizeof identity);
    done = repair.to != NULL;
    if (done && !keep_tables(from, &repair))
        done = text_fail(error, "%s", store_error(repair.to));
    store_close(repair.to);
    store_close(from);
    return done;
}

/* ---- files ---- */

static bool copy_bytes(int from, int to)
{
    char buffer[65536];
    ssize_t len;
    while ((len = read(from, buffer, sizeof buffer)) > 0) {
        if (write(to, buffer, (size_t)len) != len)
            return false;
    }
    return len == 0 && fsync(to) == 0;
}

/* What is not there needs no copy. */
static bool copy_file(const char *from_path, const char *to_path, char error[TEXT_ERROR_SIZE])
{
    int from = open(from_path, O_RDONLY | O_CLOEXEC);
    if (from < 0 && errno == ENOENT)
        return true;
    int to = from < 0 ? -1 : open(to_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool done = to >= 0 && copy_bytes(from, to);
    if (!done)
        paths_fail(error, "copy the state to", to_path);
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
    return done;
}

/* VX6-CTRL-034: the log of the old database must not be taken for that of the new one. */
bool store_repair(const char *path, char copy[PATHS_MAX], store_problem *lost, void *context,
    char error[TEXT_ERROR_SIZE])
{
    char stamp[32], log[PATHS_MAX + 8], index[PATHS_MAX + 8], fresh[PATHS_MAX + 8];
    char copied_log[PATHS_MAX + 8];
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &utc);
    snprintf(copy, PATHS_MAX, "%.900s.damaged-%s", path, stamp);
    beside(log, path, "-wal");
    beside(index, path, "-shm");
    beside(fresh, path, ".repaired");
    beside(copied_log, copy, "-wal");
    if (!copy_file(path, copy, error) || !copy_file(log, copied_log, error) ||
        !make_anew(path, fresh, (struct finder){lost, context}, error))
        return false;
    if ((unlink(log) != 0 && errno != ENOENT) || (unlink(index) != 0 && errno != ENOENT) ||
        rename(fresh, path) != 0 || !paths_sync_dir(path))
        return paths_fail(error, "put the repaired state in place at", path);
    return true;
}
