/* SPDX-License-Identifier: MIT */
/* The state database. One writer (the lock in paths.c sees to that), any number of readers; every
 * commit is on the disk before the call returns. A newer schema is refused, never guessed at. */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SCHEMA_VERSION = 1
};

static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE identity (one INTEGER PRIMARY KEY CHECK (one = 1), seed BLOB NOT NULL,"
    "  sequence INTEGER NOT NULL);"
    "CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE service (name TEXT PRIMARY KEY, target TEXT NOT NULL,"
    "  exposure TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE binding (label TEXT PRIMARY KEY, key BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE peer (addr TEXT PRIMARY KEY);"
    "CREATE TABLE contact (key BLOB PRIMARY KEY, addr TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE known_key (addr TEXT PRIMARY KEY, key BLOB NOT NULL) WITHOUT ROWID;"
    "PRAGMA user_version = 1;"
    "COMMIT;";

struct store {
    sqlite3 *database;
    char error[TEXT_ERROR_SIZE];
};

const char *store_error(const struct store *store)
{
    return store->error;
}

static bool failed(struct store *store, const char *what)
{
    return text_fail(store->error, "cannot %s the state: %s", what,
        store->database ? sqlite3_errmsg(store->database) : "out of memory");
}

static bool run(struct store *store, const char *sql, const char *what)
{
    return sqlite3_exec(store->database, sql, NULL, NULL, NULL) == SQLITE_OK || failed(store, what);
}

static sqlite3_stmt *prepare(struct store *store, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(store->database, sql, -1, &statement, NULL) != SQLITE_OK) {
        failed(store, "read");
        return NULL;
    }
    return statement;
}

static void bind_text(sqlite3_stmt *statement, int place, const char *text)
{
    sqlite3_bind_text(statement, place, text, -1, SQLITE_TRANSIENT);
}

static void bind_blob(sqlite3_stmt *statement, int place, const uint8_t *data, int len)
{
    sqlite3_bind_blob(statement, place, data, len, SQLITE_TRANSIENT);
}

/* Runs a statement that returns nothing. */
static bool finish(struct store *store, sqlite3_stmt *statement)
{
    bool done = sqlite3_step(statement) == SQLITE_DONE;
    if (!done)
        failed(store, "write");
    sqlite3_finalize(statement);
    return done;
}

static void copy_text(char *dst, size_t size, sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);
    snprintf(dst, size, "%s", text ? (const char *)text : "");
}

static bool copy_key(uint8_t key[32], sqlite3_stmt *statement, int column)
{
    const void *blob = sqlite3_column_blob(statement, column);
    if (blob == NULL || sqlite3_column_bytes(statement, column) != 32)
        return false;
    memcpy(key, blob, 32);
    return true;
}

static bool copy_addr(vx6_addr *addr, sqlite3_stmt *statement, int column)
{
    char text[TEXT_ADDR_SIZE];
    copy_text(text, sizeof text, statement, column);
    return text_addr_parse(text, addr) == NULL;
}

static int schema_version(struct store *store)
{
    sqlite3_stmt *statement = prepare(store, "PRAGMA user_version");
    if (statement == NULL)
        return -1;
    int version = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int(statement, 0) : -1;
    if (version < 0)
        failed(store, "read");
    sqlite3_finalize(statement);
    return version;
}

static bool set_up(struct store *store, enum store_mode mode)
{
    sqlite3_busy_timeout(store->database, 3000);
    sqlite3_extended_result_codes(store->database, 1);
    if (mode == STORE_CREATE &&
        !run(store, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;", "open"))
        return false;
    int version = schema_version(store);
    if (version < 0)
        return false;
    if (version > SCHEMA_VERSION)
        return text_fail(store->error,
            "the state was written by a newer VX6 (schema %d, this one knows %d): update VX6",
            version, SCHEMA_VERSION);
    if (version == SCHEMA_VERSION)
        return true;
    if (mode == STORE_READ)
        return text_fail(store->error, "there is no state yet: run vx6 init");
    return run(store, schema, "create");
}

struct store *store_open(const char *path, enum store_mode mode, char error[TEXT_ERROR_SIZE])
{
    int open_flags = mode == STORE_CREATE ? O_RDWR | O_CREAT | O_CLOEXEC : O_RDWR | O_CLOEXEC;
    int fd = open(path, open_flags, 0600);
    if (fd < 0) {
        if (errno == ENOENT)
            text_fail(error, "there is no state at %.200s yet: run vx6 init", path);
        else
            text_fail(error, "cannot open %.200s: %s", path, strerror(errno));
        return NULL;
    }
    close(fd); /* it exists now, with the right mode; its companions take over that mode */

    struct store *store = calloc(1, sizeof *store);
    if (store == NULL) {
        text_fail(error, "out of memory");
        return NULL;
    }
    int opened =
        sqlite3_open_v2(path, &store->database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (opened == SQLITE_OK && set_up(store, mode))
        return store;
    if (opened != SQLITE_OK)
        failed(store, "open");
    text_fail(error, "%.300s (%.200s)", store->error, path);
    store_close(store);
    return NULL;
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    sqlite3_close(store->database);
    free(store);
}

bool store_identity(struct store *store, uint8_t seed[32])
{
    sqlite3_stmt *statement = prepare(store, "SELECT seed FROM identity");
    if (statement == NULL)
        return false;
    bool found = sqlite3_step(statement) == SQLITE_ROW && copy_key(seed, statement, 0);
    if (!found)
        text_fail(store->error, "there is no identity yet: run vx6 init");
    sqlite3_finalize(statement);
    return found;
}

bool store_identity_make(struct store *store)
{
    uint8_t seed[32];
    if (store_identity(store, seed)) {
        explicit_bzero(seed, sizeof seed);
        return true;
    }
    if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        return text_fail(store->error, "the system has no random numbers: %s", strerror(errno));
    sqlite3_stmt *statement =
        prepare(store, "INSERT INTO identity (one, seed, sequence) VALUES (1, ?1, 0)");
    if (statement)
        bind_blob(statement, 1, seed, sizeof seed);
    explicit_bzero(seed, sizeof seed);
    return statement && finish(store, statement);
}

/* VX6-CTRL-015: the new end is on the disk before the caller sees the beginning. SQLite would go on
 * in floating point where integers end, and give the same number again. */
bool store_sequence_take(struct store *store, uint64_t *first)
{
    sqlite3_stmt *statement = prepare(store,
        "UPDATE identity SET sequence = sequence + ?1 WHERE sequence BETWEEN 0 AND ?2"
        " RETURNING sequence - ?1 + 1");
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, STORE_SEQUENCE_STEP);
    sqlite3_bind_int64(statement, 2, INT64_MAX - STORE_SEQUENCE_STEP);
    bool taken = sqlite3_step(statement) == SQLITE_ROW;
    if (taken)
        *first = (uint64_t)sqlite3_column_int64(statement, 0);
    if (!finish(store, statement))
        return false;
    return taken || text_fail(store->error, "the state has no version numbers for records left");
}

bool store_setting(struct store *store, const char *name, char *value, size_t size)
{
    value[0] = 0;
    sqlite3_stmt *statement = prepare(store, "SELECT value FROM setting WHERE name = ?1");
    if (statement == NULL)
        return false;
    bind_text(statement, 1, name);
    if (sqlite3_step(statement) == SQLITE_ROW)
        copy_text(value, size, statement, 0);
    sqlite3_finalize(statement);
    return true;
}

bool store_setting_set(struct store *store, const char *name, const char *value)
{
    sqlite3_stmt *statement = prepare(store, "REPLACE INTO setting (name, value) VALUES (?1, ?2)");
    if (statement == NULL)
        return false;
    bind_text(statement, 1, name);
    bind_text(statement, 2, value);
    return finish(store, statement);
}

int store_services(struct store *store, struct store_service *services, size_t max)
{
    sqlite3_stmt *statement = prepare(store, "SELECT name, target FROM service ORDER BY name");
    if (statement == NULL)
        return -1;
    size_t count = 0;
    while (count < max && sqlite3_step(statement) == SQLITE_ROW) {
        copy_text(services[count].name, sizeof services[count].name, statement, 0);
        copy_text(services[count].target, sizeof services[count].target, statement, 1);
        count++;
    }
    sqlite3_finalize(statement);
    return (int)count;
}

bool store_service_set(struct store *store, const struct store_service *service)
{
    sqlite3_stmt *statement =
        prepare(store, "REPLACE INTO service (name, target, exposure) VALUES (?1, ?2, 'public')");
    if (statement == NULL)
        return false;
    bind_text(statement, 1, service->name);
    bind_text(statement, 2, service->target);
    return finish(store, statement);
}

bool store_service_remove(struct store *store, const char *name)
{
    sqlite3_stmt *statement = prepare(store, "DELETE FROM service WHERE name = ?1");
    if (statement == NULL)
        return false;
    bind_text(statement, 1, name);
    return finish(store, statement);
}

int store_bindings(struct store *store, struct store_binding *bindings, size_t max)
{
    sqlite3_stmt *statement = prepare(store, "SELECT label, key FROM binding ORDER BY label");
    if (statement == NULL)
        return -1;
    size_t count = 0;
    while (count < max && sqlite3_step(statement) == SQLITE_ROW) {
        copy_text(bindings[count].label, sizeof bindings[count].label, statement, 0);
        if (copy_key(bindings[count].key, statement, 1))
            count++;
    }
    sqlite3_finalize(statement);
    return (int)count;
}

bool store_binding_set(struct store *store, const struct store_binding *binding)
{
    sqlite3_stmt *statement = prepare(store, "REPLACE INTO binding (label, key) VALUES (?1, ?2)");
    if (statement == NULL)
        return false;
    bind_text(statement, 1, binding->label);
    bind_blob(statement, 2, binding->key, sizeof binding->key);
    return finish(store, statement);
}

int store_peers(struct store *store, vx6_addr *peers, size_t max)
{
    sqlite3_stmt *statement = prepare(store, "SELECT addr FROM peer ORDER BY rowid DESC");
    if (statement == NULL)
        return -1;
    size_t count = 0;
    while (count < max && sqlite3_step(statement) == SQLITE_ROW) {
        if (copy_addr(&peers[count], statement, 0))
            count++;
    }
    sqlite3_finalize(statement);
    return (int)count;
}

bool store_peer_set(struct store *store, const vx6_addr *peer)
{
    char text[TEXT_ADDR_SIZE];
    text_addr(text, peer);
    sqlite3_stmt *statement = prepare(store, "REPLACE INTO peer (addr) VALUES (?1)");
    if (statement == NULL)
        return false;
    bind_text(statement, 1, text);
    return finish(store, statement) && run(store,
                                           "DELETE FROM peer WHERE rowid NOT IN"
                                           " (SELECT rowid FROM peer ORDER BY rowid DESC LIMIT 8)",
                                           "write");
}

int store_contacts(struct store *store, struct store_contact *contacts, size_t max)
{
    sqlite3_stmt *statement = prepare(store, "SELECT key, addr FROM contact ORDER BY key");
    if (statement == NULL)
        return -1;
    size_t count = 0;
    while (count < max && sqlite3_step(statement) == SQLITE_ROW) {
        struct store_contact *contact = &contacts[count];
        if (copy_key(contact->key, statement, 0) && copy_addr(&contact->addr, statement, 1))
            count++;
    }
    sqlite3_finalize(statement);
    return (int)count;
}

static bool contact_insert(
    struct store *store, sqlite3_stmt *statement, const struct store_contact *contact)
{
    char text[TEXT_ADDR_SIZE];
    text_addr(text, &contact->addr);
    bind_blob(statement, 1, contact->key, sizeof contact->key);
    bind_text(statement, 2, text);
    bool done = sqlite3_step(statement) == SQLITE_DONE;
    if (!done)
        failed(store, "write");
    sqlite3_reset(statement);
    return done;
}

bool store_contacts_set(struct store *store, const struct store_contact *contacts, size_t count)
{
    if (!run(store, "BEGIN IMMEDIATE; DELETE FROM contact;", "write"))
        return false;
    sqlite3_stmt *statement = prepare(store, "REPLACE INTO contact (key, addr) VALUES (?1, ?2)");
    bool done = statement != NULL;
    for (size_t i = 0; done && i < count; i++)
        done = contact_insert(store, statement, &contacts[i]);
    sqlite3_finalize(statement);
    if (done && run(store, "COMMIT", "write"))
        return true;
    sqlite3_exec(store->database, "ROLLBACK", NULL, NULL, NULL);
    return false;
}

bool store_known_key(struct store *store, const vx6_addr *addr, uint8_t key[32])
{
    char text[TEXT_ADDR_SIZE];
    text_addr(text, addr);
    sqlite3_stmt *statement = prepare(store, "SELECT key FROM known_key WHERE addr = ?1");
    if (statement == NULL)
        return false;
    bind_text(statement, 1, text);
    bool found = sqlite3_step(statement) == SQLITE_ROW && copy_key(key, statement, 0);
    sqlite3_finalize(statement);
    return found;
}

bool store_known_key_set(struct store *store, const vx6_addr *addr, const uint8_t key[32])
{
    char text[TEXT_ADDR_SIZE];
    text_addr(text, addr);
    sqlite3_stmt *statement = prepare(store, "REPLACE INTO known_key (addr, key) VALUES (?1, ?2)");
    if (statement == NULL)
        return false;
    bind_text(statement, 1, text);
    bind_blob(statement, 2, key, 32);
    return finish(store, statement);
}
