/* SPDX-License-Identifier: MIT */
/* What a node reads from its state database when anything stands in the rows: values of any type
 * and length. The input is rows. What is read fits, is text, or is left out. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fuzz.h"
#include "store.h"

enum {
    ROWS_MAX = 32,
    VALUE_MAX = 2048,
    READ_MAX = 16,
    PEERS_MAX = 8
};

static const struct table {
    const char *clear, *insert;
} tables[] = {
    {"DELETE FROM identity", "REPLACE INTO identity (one, seed, sequence) VALUES (1, ?1, ?2)"},
    {"DELETE FROM setting", "REPLACE INTO setting (name, value) VALUES (?1, ?2)"},
    {"DELETE FROM service", "REPLACE INTO service (name, target, exposure) VALUES (?1, ?2, '')"},
    {"DELETE FROM binding", "REPLACE INTO binding (label, key) VALUES (?1, ?2)"},
    {"DELETE FROM peer", "REPLACE INTO peer (addr) VALUES (coalesce(?1, ?2))"},
    {"DELETE FROM contact", "REPLACE INTO contact (key, addr) VALUES (?1, ?2)"},
    {"DELETE FROM known_key", "REPLACE INTO known_key (addr, key) VALUES (?1, ?2)"}};

enum {
    TABLES = sizeof tables / sizeof tables[0]
};

static char dir[] = "/dev/shm/vx6-fuzz-XXXXXX";
static char path[sizeof dir + sizeof "/state.db"];
static struct store *store; /* slow to make: emptied before each input */
static sqlite3 *database;   /* the same, for whoever writes odd rows */

static void remove_files(void)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char name[sizeof path + 8];
    sqlite3_close(database);
    store_close(store);
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        (void)snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        (void)unlink(name);
    }
    (void)rmdir(dir);
}

static void open_once(void)
{
    char error[TEXT_ERROR_SIZE];
    if (store)
        return;
    VX6_ASSERT(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/state.db", dir);
    store = store_open(path, STORE_CREATE, error);
    VX6_ASSERT(store && sqlite3_open(path, &database) == SQLITE_OK);
    (void)atexit(remove_files);
}

static void execute(const char *sql)
{
    VX6_ASSERT(sqlite3_exec(database, sql, NULL, NULL, NULL) == SQLITE_OK);
}

static void bind(sqlite3_stmt *statement, int place, struct tape *tape)
{
    uint8_t kind = tape_u8(tape) % 5;
    vx6_span value = tape_span(tape, VALUE_MAX);
    uint64_t number = 0;
    for (size_t i = 0; i < value.len && i < sizeof number; i++)
        number = number << 8 | value.data[i];
    if (kind == 0)
        sqlite3_bind_int64(statement, place, (sqlite3_int64)number);
    else if (kind == 1)
        sqlite3_bind_text(
            statement, place, (const char *)value.data, (int)value.len, SQLITE_TRANSIENT);
    else if (kind == 2)
        sqlite3_bind_blob(statement, place, value.data, (int)value.len, SQLITE_TRANSIENT);
    else if (kind == 3)
        sqlite3_bind_double(statement, place, (double)number / 3);
}

static void write_row(struct tape *tape)
{
    sqlite3_stmt *statement = NULL;
    const struct table *table = &tables[tape_u8(tape) % TABLES];
    VX6_ASSERT(sqlite3_prepare_v2(database, table->insert, -1, &statement, NULL) == SQLITE_OK);
    bind(statement, 1, tape);
    bind(statement, 2, tape);
    (void)sqlite3_step(statement); /* the schema may refuse the row */
    sqlite3_finalize(statement);
}

/* A seed and a number that could be an identity's become one: else few inputs would get further. */
static void make_whole(void)
{
    sqlite3_stmt *read = NULL, *write = NULL;
    uint8_t digest[32];
    VX6_ASSERT(sqlite3_prepare_v2(database,
                   "SELECT seed, sequence FROM identity WHERE typeof(seed) = 'blob'"
                   " AND length(seed) = 32 AND typeof(sequence) = 'integer'",
                   -1, &read, NULL) == SQLITE_OK);
    if (sqlite3_step(read) == SQLITE_ROW) {
        store_identity_digest(sqlite3_column_blob(read, 0), sqlite3_column_int64(read, 1), digest);
        VX6_ASSERT(sqlite3_prepare_v2(
                       database, "UPDATE identity SET digest = ?1", -1, &write, NULL) == SQLITE_OK);
        sqlite3_bind_blob(write, 1, digest, sizeof digest, SQLITE_STATIC);
        VX6_ASSERT(sqlite3_step(write) == SQLITE_DONE);
        sqlite3_finalize(write);
    }
    sqlite3_finalize(read);
}

static void write_rows(struct tape *tape)
{
    execute("BEGIN IMMEDIATE");
    for (size_t i = 0; i < TABLES; i++)
        execute(tables[i].clear);
    for (int rows = 0; rows < ROWS_MAX && tape_left(tape) > 0; rows++)
        write_row(tape);
    make_whole();
    execute("COMMIT");
}

static bool ends(const char *text, size_t size)
{
    return memchr(text, 0, size) != NULL;
}

/* An address as it is written is the same address once more. */
static void check_addr(const vx6_addr *addr)
{
    char text[TEXT_ADDR_SIZE];
    vx6_addr again = {0};
    text_addr(text, addr);
    VX6_ASSERT(text_addr_parse(text, &again) == NULL && memcmp(addr, &again, sizeof again) == 0);
}

static void read_lists(void)
{
    struct store_service services[READ_MAX];
    struct store_binding bindings[READ_MAX];
    struct store_contact contacts[READ_MAX] = {0};
    vx6_addr peers[PEERS_MAX] = {0};
    uint8_t key[32];
    bool found;
    int count = store_services(store, services, READ_MAX);
    VX6_ASSERT(count >= 0 && count <= READ_MAX);
    for (int i = 0; i < count; i++)
        VX6_ASSERT(ends(services[i].name, sizeof services[i].name) &&
                   ends(services[i].target, sizeof services[i].target));
    count = store_bindings(store, bindings, READ_MAX); /* -1: a key is not whole */
    VX6_ASSERT(count <= READ_MAX);
    for (int i = 0; i < count; i++)
        VX6_ASSERT(ends(bindings[i].label, sizeof bindings[i].label));
    count = store_contacts(store, contacts, READ_MAX);
    VX6_ASSERT(count >= 0 && count <= READ_MAX);
    for (int i = 0; i < count; i++)
        check_addr(&contacts[i].addr);
    count = store_peers(store, peers, PEERS_MAX);
    VX6_ASSERT(count >= 0 && count <= PEERS_MAX);
    for (int i = 0; i < count; i++) {
        check_addr(&peers[i]);
        (void)store_known_key(store, &peers[i], key, &found);
    }
}

/* VX6-CTRL-015 */
static void take_sequences(void)
{
    uint64_t first, second;
    if (store_sequence_take(store, &first) && store_sequence_take(store, &second))
        VX6_ASSERT(first > 0 && second == first + STORE_SEQUENCE_STEP);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct tape tape = {data, data + len};
    uint8_t seed[32];
    char name[VX6_LABEL_MAX + 1];
    open_once();
    write_rows(&tape);
    read_lists();
    (void)store_identity(store, seed);
    VX6_ASSERT(store_setting(store, "name", name, sizeof name) && ends(name, sizeof name));
    take_sequences();
    return 0;
}
