/* SPDX-License-Identifier: MIT */
/* The state database. One writer (the lock in paths.c sees to that), any number of readers; every
 * commit is on the disk before the call returns. A file is made under another name and moved into
 * place once it is whole, so that one without an identity was damaged: it is refused, as a newer
 * schema is, and never filled with a new one. */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "paths.h"
#include "store_sql.h"
#include "vx6/crypto.h"
#include "vx6/identity.h"

enum {
    /* 1 had no digest, no allowed, nor how and when a name was bound; 2 no keys that hand over to
     * others or are revoked. */
    SCHEMA_VERSION = 3
};

static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE identity (one INTEGER PRIMARY KEY CHECK (one = 1), seed BLOB NOT NULL,"
    "  sequence INTEGER NOT NULL, digest BLOB, lineage BLOB NOT NULL DEFAULT x'');"
    "CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE service (name TEXT PRIMARY KEY, target TEXT NOT NULL,"
    "  exposure TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE allowed (service TEXT NOT NULL, key BLOB NOT NULL, root BLOB,"
    "  PRIMARY KEY (service, key)) WITHOUT ROWID;"
    "CREATE TABLE binding (label TEXT PRIMARY KEY, key BLOB NOT NULL,"
    "  pinned INTEGER NOT NULL DEFAULT 0, since_ms INTEGER NOT NULL DEFAULT 0,"
    "  root BLOB, followed_ms INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"
    "CREATE TABLE peer (addr TEXT PRIMARY KEY);"
    "CREATE TABLE contact (key BLOB PRIMARY KEY, addr TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE known_key (addr TEXT PRIMARY KEY, key BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE revoked (key BLOB PRIMARY KEY, certificate BLOB NOT NULL,"
    "  published INTEGER NOT NULL) WITHOUT ROWID;"
    "PRAGMA user_version = 3;";

const char *store_error(const struct store *store)
{
    return store->error;
}

void store_listen(struct store *store, store_heard *heard, void *context)
{
    store->heard = heard;
    store->context = context;
}

bool store_is_new(const struct store *store)
{
    return store->is_new;
}

/* Reads the one number or text that a pragma answers with. */
static bool pragma(struct store *store, const char *sql, char *value, size_t size)
{
    sqlite3_stmt *statement = sql_prepare(store, sql);
    if (statement == NULL)
        return false;
    bool found = sqlite3_step(statement) == SQLITE_ROW;
    if (found)
        sql_copy_text(value, size, statement, 0);
    else
        sql_failed(store, "read");
    sqlite3_finalize(statement);
    return found;
}

/* ---- the identity ---- */

/* VX6-CTRL-017 */
void store_identity_digest(const uint8_t seed[32], int64_t sequence, uint8_t digest[32])
{
    static const char purpose[16] = "vx6 identity";
    uint8_t bytes[sizeof purpose + 32 + 8];
    memcpy(bytes, purpose, sizeof purpose);
    memcpy(bytes + sizeof purpose, seed, 32);
    for (size_t i = 0; i < 8; i++)
        bytes[sizeof purpose + 32 + i] = (uint8_t)((uint64_t)sequence >> 8 * i);
    vx6_crypto_real.sha256(&vx6_crypto_real, digest, bytes, sizeof bytes);
    explicit_bzero(bytes, sizeof bytes);
}

/* A lineage that is not the identity's would end the node, or make it lie. */
static bool copy_lineage(struct store_identity *identity, sqlite3_stmt *statement, int column)
{
    uint8_t key[32];
    if (!sql_copy_blob(
            identity->lineage, sizeof identity->lineage, &identity->lineage_len, statement, column))
        return false;
    vx6_crypto_real.sign_public(&vx6_crypto_real, key, identity->seed);
    return vx6_lineage_check(
        &vx6_crypto_real, (vx6_span){identity->lineage, identity->lineage_len}, key);
}

/* `version`: the schema's, which may be one without a digest, or without a lineage. */
static bool identity_read(struct store *store, struct store_identity *identity, int version)
{
    static const char *const selects[] = {NULL, "SELECT seed, sequence FROM identity",
        "SELECT seed, sequence, digest FROM identity",
        "SELECT seed, sequence, digest, lineage FROM identity"};
    uint8_t digest[32], right[32];
    sqlite3_stmt *statement = sql_prepare(store, selects[version]);
    if (statement == NULL)
        return false;
    identity->lineage_len = 0;
    int result = sqlite3_step(statement);
    bool is_whole = result == SQLITE_ROW && sql_copy_key(identity->seed, statement, 0) &&
                    sqlite3_column_type(statement, 1) == SQLITE_INTEGER &&
                    sqlite3_column_int64(statement, 1) >= 0 &&
                    (version < 2 || sql_copy_key(digest, statement, 2)) &&
                    (version < 3 || copy_lineage(identity, statement, 3));
    if (is_whole)
        identity->sequence = sqlite3_column_int64(statement, 1);
    if (is_whole && version > 1) {
        store_identity_digest(identity->seed, identity->sequence, right);
        is_whole = memcmp(digest, right, sizeof right) == 0;
    }
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        sql_failed(store, "read");
    else if (!is_whole)
        sql_fail_damaged(store, "the identity in it is not whole");
    sqlite3_finalize(statement);
    return is_whole;
}

static bool identity_write(struct store *store, const struct store_identity *identity)
{
    uint8_t digest[32];
    sqlite3_stmt *statement =
        sql_prepare(store, "REPLACE INTO identity (one, seed, sequence, digest, lineage)"
                           " VALUES (1, ?1, ?2, ?3, ?4)");
    if (statement == NULL)
        return false;
    store_identity_digest(identity->seed, identity->sequence, digest);
    sql_bind_blob(statement, 1, identity->seed, sizeof identity->seed);
    sqlite3_bind_int64(statement, 2, identity->sequence);
    sql_bind_blob(statement, 3, digest, sizeof digest);
    sql_bind_blob(statement, 4, identity->lineage, (int)identity->lineage_len);
    return sql_finish(store, statement);
}

/* The one that is given, or a new one. */
static bool identity_make(struct store *store, const struct store_identity *given)
{
    struct store_identity identity = {.sequence = 0};
    if (given)
        return identity_write(store, given);
    if (getrandom(identity.seed, sizeof identity.seed, 0) != (ssize_t)sizeof identity.seed)
        return text_fail(store->error, "the system has no random numbers: %s", strerror(errno));
    bool done = identity_write(store, &identity);
    explicit_bzero(&identity, sizeof identity);
    return done;
}

bool store_identity_read(struct store *store, struct store_identity *identity)
{
    return identity_read(store, identity, SCHEMA_VERSION);
}

bool store_identity(struct store *store, uint8_t seed[32])
{
    struct store_identity identity;
    bool found = identity_read(store, &identity, SCHEMA_VERSION);
    if (found)
        memcpy(seed, identity.seed, sizeof identity.seed);
    explicit_bzero(&identity, sizeof identity);
    return found;
}

/* What was written of the identity does not stay in the log of the database, where damage at its
 * end would go unseen. */
static void empty_log(struct store *store)
{
    (void)sqlite3_wal_checkpoint_v2(store->database, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}

/* VX6-CTRL-015: the new end is on the disk before the caller sees the beginning. */
bool store_sequence_take(struct store *store, uint64_t *first)
{
    struct store_identity identity;
    if (!sql_run(store, "BEGIN IMMEDIATE", "write"))
        return false;
    bool done = identity_read(store, &identity, SCHEMA_VERSION);
    if (done && identity.sequence > INT64_MAX - STORE_SEQUENCE_STEP)
        done = text_fail(store->error, "the state has no version numbers for records left");
    *first = (uint64_t)identity.sequence + 1;
    identity.sequence += done ? STORE_SEQUENCE_STEP : 0;
    done = sql_commit(store, done && identity_write(store, &identity));
    explicit_bzero(&identity, sizeof identity);
    if (done)
        empty_log(store);
    return done;
}

/* The numbers of the new key are its own: nobody has seen one. VX6-CTRL-023 */
bool store_identity_rotate(struct store *store, const struct store_identity *next)
{
    bool done = sql_run(store, "BEGIN IMMEDIATE", "write") &&
                sql_commit(store, identity_write(store, next));
    if (done)
        empty_log(store);
    return done;
}

/* ---- opening ---- */

/* From each version to the next. */
static const char *const upgrades[] = {NULL,
    "ALTER TABLE identity ADD COLUMN digest BLOB;"
    "CREATE TABLE allowed (service TEXT NOT NULL, key BLOB NOT NULL,"
    "  PRIMARY KEY (service, key)) WITHOUT ROWID;"
    "ALTER TABLE binding ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE binding ADD COLUMN since_ms INTEGER NOT NULL DEFAULT 0;",
    "ALTER TABLE identity ADD COLUMN lineage BLOB NOT NULL DEFAULT x'';"
    "ALTER TABLE allowed ADD COLUMN root BLOB;"
    "ALTER TABLE binding ADD COLUMN root BLOB;"
    "ALTER TABLE binding ADD COLUMN followed_ms INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE revoked (key BLOB PRIMARY KEY, certificate BLOB NOT NULL,"
    "  published INTEGER NOT NULL) WITHOUT ROWID;"};

/* All steps or none: the digest of the identity is written at the end. */
static bool upgrade(struct store *store, int version)
{
    struct store_identity identity;
    if (!sql_run(store, "BEGIN IMMEDIATE", "write"))
        return false;
    bool done = identity_read(store, &identity, version);
    for (; done && version < SCHEMA_VERSION; version++)
        done = sql_run(store, upgrades[version], "write");
    done = done && identity_write(store, &identity) &&
           sql_run(store, "PRAGMA user_version = 3", "write");
    explicit_bzero(&identity, sizeof identity);
    return sql_commit(store, done);
}

static bool check_version(struct store *store, enum store_mode mode)
{
    char text[16];
    if (!pragma(store, "PRAGMA user_version", text, sizeof text))
        return false;
    int version = atoi(text);
    if (version == SCHEMA_VERSION)
        return true;
    if (version > SCHEMA_VERSION)
        return text_fail(store->error,
            "the state was written by a newer VX6 (schema %d, this one knows %d): update VX6",
            version, SCHEMA_VERSION);
    if (version < 1)
        return sql_fail_damaged(store, "it is no state of VX6");
    return mode == STORE_CREATE ? upgrade(store, version)
                                : text_fail(store->error,
                                      "the state was written by an older VX6: start vx6-node on it "
                                      "once, or run vx6 init");
}

static bool check_pages(struct store *store)
{
    char text[64];
    if (!pragma(store, "PRAGMA quick_check(1)", text, sizeof text))
        return false;
    return strcmp(text, "ok") == 0 || sql_fail_damaged(store, "some of its pages are not whole");
}

static bool set_up(struct store *store, enum store_mode mode)
{
    sqlite3_busy_timeout(store->database, 3000);
    sqlite3_extended_result_codes(store->database, 1);
    if (mode == STORE_READ)
        return check_version(store, mode);
    /* The pages first: an upgrade writes. */
    return check_pages(store) && check_version(store, mode) &&
           sql_run(store,
               "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
               "PRAGMA wal_autocheckpoint = 64;", /* a log of 256 KiB at most: the state is small */
               "open");
}

struct store *store_open_file(const char *path, char error[TEXT_ERROR_SIZE])
{
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL) {
        text_fail(error, "out of memory");
        return NULL;
    }
    if (sqlite3_open_v2(
            path, &store->database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK)
        return store;
    sql_failed(store, "open");
    text_fail(error, "%.300s (%.180s)", store->error, path);
    store_close(store);
    return NULL;
}

/* Under a name of its own until it is on the disk as a whole. */
static bool make_file(
    const char *path, const struct store_identity *given, char error[TEXT_ERROR_SIZE])
{
    char draft[PATHS_MAX + 8], log[PATHS_MAX + 8];
    snprintf(draft, sizeof draft, "%s.new", path);
    snprintf(log, sizeof log, "%s-wal", path);
    if (access(log, F_OK) == 0)
        return text_fail(error,
            "%.180s is missing, but its companion state.db-wal is there: restore the state "
            "directory "
            "from a copy, or move it away to start as a new node, with a new key",
            path);
    (void)unlink(draft); /* of a run that was cut short */
    int fd = open(draft, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return paths_fail(error, "make", draft);
    close(fd);
    struct store *store = store_open_file(draft, error);
    bool made = store &&
                sql_run(store, "PRAGMA journal_mode = OFF; PRAGMA synchronous = FULL;", "make") &&
                sql_run(store, schema, "make") && identity_make(store, given) &&
                sql_run(store, "COMMIT", "make");
    if (store && !made)
        text_fail(error, "%.300s (%.180s)", store->error, path);
    store_close(store);
    if (made && (rename(draft, path) != 0 || !paths_sync_dir(path)))
        made = paths_fail(error, "make", path);
    if (!made)
        (void)unlink(draft);
    return made;
}

/* Looks at the file itself before SQLite does; it may not be there. Root may look at a state of
 * others, but not work with it. VX6-CTRL-001 */
static bool check_file(
    const char *path, enum store_mode mode, bool *exists, char error[TEXT_ERROR_SIZE])
{
    struct stat info;
    *exists = lstat(path, &info) == 0;
    if (!*exists)
        return errno == ENOENT || paths_fail(error, "open", path);
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return text_fail(error,
            "%.180s leads nowhere: see that the disk with the state is there, or move the link "
            "away "
            "to start as a new node, with a new key",
            path);
    if (fd < 0)
        return paths_fail(error, "open", path);
    bool fits = fstat(fd, &info) == 0 || paths_fail(error, "open", path);
    if (fits && !S_ISREG(info.st_mode))
        fits = text_fail(error, "%.200s is no file: move it away", path);
    if (fits && info.st_uid != geteuid() && (mode != STORE_READ || geteuid() != 0))
        fits = text_fail(error,
            "%.200s belongs to another user: give it back to the one who runs this node (chown)",
            path);
    if (fits && info.st_size == 0)
        fits = text_fail(error, "%.200s is empty: %s", path, sql_damaged);
    if (fits && mode == STORE_CREATE && (info.st_mode & 077) != 0 && fchmod(fd, 0600) != 0)
        fits = paths_fail(error, "close to others", path);
    close(fd);
    return fits;
}

static struct store *open_and_check(
    const char *path, enum store_mode mode, char error[TEXT_ERROR_SIZE])
{
    struct store *store = store_open_file(path, error);
    if (store == NULL || set_up(store, mode))
        return store;
    text_fail(error, "%.300s (%.180s)", store->error, path);
    store_close(store);
    return NULL;
}

bool store_is_absent(const char *path, char error[TEXT_ERROR_SIZE])
{
    struct stat info;
    return lstat(path, &info) != 0 ||
           text_fail(error,
               "there is a state at %.200s already: import into another directory, with --state "
               "DIR",
               path);
}

struct store *store_import(
    const char *path, const struct store_identity *identity, char error[TEXT_ERROR_SIZE])
{
    if (!store_is_absent(path, error) || !make_file(path, identity, error))
        return NULL;
    return open_and_check(path, STORE_CREATE, error);
}

struct store *store_open(const char *path, enum store_mode mode, char error[TEXT_ERROR_SIZE])
{
    bool exists;
    if (!check_file(path, mode, &exists, error))
        return NULL;
    if (!exists && mode == STORE_READ) {
        text_fail(error, "there is no state at %.200s yet: run vx6 init", path);
        return NULL;
    }
    if (!exists && !make_file(path, NULL, error))
        return NULL;
    struct store *store = open_and_check(path, mode, error);
    if (store)
        store->is_new = !exists;
    return store;
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    sqlite3_close(store->database);
    free(store);
}
