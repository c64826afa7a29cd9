/* SPDX-License-Identifier: MIT */
/* The state after a loss of power at every write, sync and change of a directory, in all that a
 * node does with it: what was acknowledged is there, what was under way is there as a whole or not
 * at all, no sequence number is given again, and the identity is the same. VX6-CTRL-015,
 * VX6-CTRL-017, VX6-CTRL-035 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "older.h"
#include "paths.h"
#include "power.h"
#include "store.h"
#include "vx6/identity.h"
#include "test.h"

/* Of the three directories below a new one: the node's, one that lost power, and one to look into.
 */
static char root[] = "/dev/shm/vx6-test-power-XXXXXX";
static char live[64], cut[64], copy[64];
static struct paths paths;
static char error[TEXT_ERROR_SIZE];
static struct store *store;
static uint64_t sequence, sequence_before; /* the last first number that was given */

static char *before, *after; /* what the state says, before and after what is under way; "": none */
static size_t lost, half,
    torn; /* what was found to be wrong: acknowledged and gone; in part; unreadable */
static const char *under_way;

/* ---- what a state says ---- */

static void say_row(sqlite3_str *text, sqlite3_stmt *row)
{
    for (int i = 0; i < sqlite3_column_count(row); i++) {
        const uint8_t *bytes = sqlite3_column_blob(row, i);
        int len = sqlite3_column_bytes(row, i);
        if (sqlite3_column_type(row, i) == SQLITE_BLOB) {
            for (int n = 0; n < len; n++)
                sqlite3_str_appendf(text, "%02x", bytes[n]);
        } else {
            sqlite3_str_appendf(text, "%.*s", len, bytes);
        }
        sqlite3_str_appendchar(text, 1, '|');
    }
    sqlite3_str_appendchar(text, 1, '\n');
}

static void say_rows(sqlite3_str *text, sqlite3 *database, const char *sql)
{
    sqlite3_stmt *rows = NULL;
    assert_int_equal(sqlite3_prepare_v2(database, sql, -1, &rows, NULL), SQLITE_OK);
    while (sqlite3_step(rows) == SQLITE_ROW)
        say_row(text, rows);
    sqlite3_finalize(rows);
}

/* Every row of every table, as text: sqlite3_free(). */
static char *say_all(const char *path)
{
    sqlite3 *database = NULL;
    sqlite3_stmt *tables = NULL;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    sqlite3_str *text = sqlite3_str_new(database);
    assert_int_equal(
        sqlite3_prepare_v2(database,
            "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name", -1, &tables, NULL),
        SQLITE_OK);
    while (sqlite3_step(tables) == SQLITE_ROW) {
        char sql[128];
        const unsigned char *name = sqlite3_column_text(tables, 0);
        sqlite3_str_appendf(text, "%s\n", name);
        snprintf(sql, sizeof sql, "SELECT * FROM %s ORDER BY 1, 2 DESC", name);
        say_rows(text, database, strcmp((const char *)name, "peer") ? sql : "SELECT * FROM peer");
    }
    sqlite3_finalize(tables);
    char *said = sqlite3_str_finish(text);
    sqlite3_close(database);
    return said;
}

static void copy_file(const char *name)
{
    char from[PATHS_MAX], to[PATHS_MAX];
    static uint8_t bytes[1 << 16];
    snprintf(from, sizeof from, "%s/%s", live, name);
    snprintf(to, sizeof to, "%s/%s", copy, name);
    (void)unlink(to);
    FILE *in = fopen(from, "r"), *out = in ? fopen(to, "w") : NULL;
    for (size_t len; out && (len = fread(bytes, 1, sizeof bytes, in)) > 0;)
        assert_int_equal(fwrite(bytes, 1, len, out), len);
    if (in)
        fclose(in);
    if (out)
        fclose(out);
}

/* What the next start finds in `dir`; "" where it finds nothing; NULL: it does not start. */
static char *say_start(const char *dir, uint64_t *first)
{
    char path[PATHS_MAX];
    snprintf(path, sizeof path, "%s/state.db", dir);
    if (access(path, F_OK) != 0)
        return sqlite3_mprintf("%s", "");
    struct store *started = store_open(path, STORE_CREATE, error);
    if (started == NULL)
        return NULL;
    char *said = say_all(path);
    assert_true(store_sequence_take(started, first));
    store_close(started);
    return said;
}

/* What is there now, looked at in a copy: nothing of it may be written. */
static char *say_now(void)
{
    static const char *const names[] = {"state.db", "state.db-wal"};
    char shared[sizeof copy + 16];
    uint64_t first;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        copy_file(names[i]);
    snprintf(shared, sizeof shared, "%s/state.db-shm", copy);
    (void)unlink(shared);
    char *said = say_start(copy, &first);
    assert_non_null(said);
    return said;
}

/* ---- after a loss of power ---- */

static void judge(const char *where, bool is_end)
{
    uint64_t first = UINT64_MAX;
    char *said = say_start(where, &first);
    bool is_after = said && strcmp(said, after) == 0;
    bool is_before = said && strcmp(said, before) == 0;
    torn += said == NULL;
    half += said && !is_after && !is_before;
    lost += is_end && is_before && !is_after;
    lost += said && said[0] != 0 && first <= (is_end ? sequence : sequence_before);
    sqlite3_free(said);
}

static size_t states;

/* What a node does, from one acknowledgement to the next. */
static void run(const char *what, void (*act)(void))
{
    before = after ? after : sqlite3_mprintf("%s", "");
    sequence_before = sequence;
    act();
    after = say_now();
    under_way = what;
    size_t count = power_cuts(cut, judge);
    print_message("%-24s %5zu states\n", what, count);
    states += count;
    sqlite3_free(before);
}

static void assert_nothing_was_lost(void)
{
    if (lost + half + torn > 0)
        fail_msg(
            "%s: %zu lost, %zu in part, %zu unreadable: %s", under_way, lost, half, torn, error);
}

/* ---- what a node does ---- */

static const struct store_service web = {"web", "127.0.0.1:8080", "public"};
static const struct store_service db = {"db", "127.0.0.1:5432", "private"};
static const struct store_service db_listed = {"db", "[::1]:5432", "listed"};
static uint8_t keys[8][32];

static vx6_addr address(uint16_t port)
{
    vx6_addr addr;
    assert_null(text_addr_parse("192.0.2.7:1", &addr));
    addr.port = port;
    return addr;
}

static void bind_name(const char *label, const uint8_t key[32], bool is_pinned)
{
    struct store_binding binding = {.is_pinned = is_pinned, .since_unix_ms = 1234567890123};
    snprintf(binding.label, sizeof binding.label, "%s", label);
    memcpy(binding.key, key, sizeof binding.key);
    assert_true(store_binding_set(store, &binding));
}

static void open_state(void)
{
    store = store_open(paths.database, STORE_CREATE, error);
    if (store == NULL)
        fail_msg("%s", error);
}

static void close_state(void)
{
    store_close(store);
    store = NULL;
}

static void take_numbers(void)
{
    uint64_t first;
    assert_true(store_sequence_take(store, &first));
    assert_true(first > sequence);
    sequence = first;
}

static void name_itself(void)
{
    assert_true(store_own_name_set(store, "bob"));
}

static void set_something(void)
{
    assert_true(store_setting_set(store, "something", "else"));
}

static void add_public(void)
{
    assert_true(store_service_set(store, &web, NULL, 0));
}

static void add_private(void)
{
    assert_true(store_service_set(store, &db, (const uint8_t(*)[32])keys, 6));
}

static void change_service(void)
{
    assert_true(store_service_set(store, &db_listed, (const uint8_t(*)[32])keys + 6, 1));
}

static void allow(void)
{
    assert_true(store_allow(store, "db", keys[7]));
}

static void deny(void)
{
    bool was_kept;
    assert_true(store_deny(store, "db", keys[0], &was_kept) && was_kept);
}

static void remove_service(void)
{
    bool was_kept;
    assert_true(store_service_remove(store, "db", &was_kept) && was_kept);
}

static void bind_first(void)
{
    bind_name("alice", keys[0], false);
}

static void pin(void)
{
    static int round;
    bind_name("alice", keys[round++ % 2], true);
}

static void rename_binding(void)
{
    struct store_binding to = {
        .label = "al", .key = {1, 2, 3}, .is_pinned = true, .since_unix_ms = 7};
    assert_true(store_binding_rename(store, "alice", &to));
}

static void forget(void)
{
    assert_true(store_binding_remove(store, "al"));
}

/* A name's, and that of one who may use a service. */
static void follow(void)
{
    const uint8_t next[32] = {99};
    assert_true(store_follow(store, keys[1], next, 1234567890123));
}

static void learn_of_revocation(void)
{
    struct store_revoked revoked = {.key = {4}, .certificate = {5}, .certificate_len = 170};
    assert_true(store_revoked_set(store, &revoked));
}

/* Before any number is taken: those of the new key are its own. */
static void rotate(void)
{
    struct store_identity old, next = {.seed = {6}};
    assert_true(store_identity_read(store, &old));
    next.lineage_len = vx6_identity_rotate(
        &vx6_crypto_real, old.seed, (vx6_span){0}, next.seed, 1700000000, next.lineage);
    assert_true(store_identity_rotate(store, &next));
}

static void keep_peers(void)
{
    vx6_addr peer = address(4242);
    assert_true(store_peer_set(store, &peer));
}

static void keep_contacts(void)
{
    struct store_contact contacts[8];
    for (uint16_t i = 0; i < 8; i++) {
        contacts[i].addr = address((uint16_t)(i + 1));
        memcpy(contacts[i].key, keys[i], sizeof keys[i]);
    }
    assert_true(store_contacts_set(store, contacts, 8));
}

static void keep_address(void)
{
    vx6_addr addr = address(1);
    assert_true(store_known_key_set(store, &addr, keys[2]));
}

static void replace_address(void)
{
    vx6_addr addr = address(1);
    assert_true(store_known_key_set(store, &addr, keys[3]));
}

static void forget_address(void)
{
    vx6_addr addr = address(1);
    bool was_kept;
    assert_true(store_known_key_remove(store, &addr, &was_kept) && was_kept);
}

/* When the database itself was, and not only its log. */
static struct timespec written(void)
{
    struct stat info;
    assert_int_equal(stat(paths.database, &info), 0);
    return info.st_mtim;
}

static void import_it(void)
{
    struct store_identity identity = {.seed = {7, 7, 7}, .sequence = INT64_C(1) << 50};
    store = store_import(paths.database, &identity, error);
    assert_non_null(store);
}

/* ---- the tests ---- */

static void remove_tree(const char *dir)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    assert_int_equal(system(command), 0);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(root + sizeof root - 7, "XXXXXX");
    if (mkdtemp(root) == NULL)
        return -1;
    snprintf(live, sizeof live, "%s/live", root);
    snprintf(cut, sizeof cut, "%s/cut", root);
    snprintf(copy, sizeof copy, "%s/copy", root);
    for (int i = 0; i < 8; i++)
        memset(keys[i], 16 * i + i, sizeof keys[i]);
    sequence = 0;
    lost = half = torn = states = 0;
    after = NULL;
    return mkdir(live, 0700) | mkdir(cut, 0700) | mkdir(copy, 0700) |
           !paths_init(&paths, live, error);
}

static int tear_down(void **state)
{
    (void)state;
    close_state();
    power_unwatch();
    sqlite3_free(after);
    after = NULL;
    remove_tree(root);
    return 0;
}

static void test_no_loss_of_power_loses_what_was_acknowledged(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        void (*act)(void);
    } acts[] = {
        {"made", open_state},
        {"key rotated", rotate},
        {"numbers taken", take_numbers},
        {"named", name_itself},
        {"set", set_something},
        {"service added", add_public},
        {"private service added", add_private},
        {"key allowed", allow},
        {"key denied", deny},
        {"service changed", change_service},
        {"name bound", bind_first},
        {"name pinned", pin},
        {"name pinned to another", pin},
        {"key followed", follow},
        {"key revoked", learn_of_revocation},
        {"name renamed", rename_binding},
        {"closed", close_state},
        {"opened", open_state},
        {"numbers taken again", take_numbers},
        {"name forgotten", forget},
        {"peer kept", keep_peers},
        {"contacts kept", keep_contacts},
        {"address kept", keep_address},
        {"its key replaced", replace_address},
        {"address forgotten", forget_address},
        {"service removed", remove_service},
        {"numbers taken at last", take_numbers},
        {"closed at last", close_state},
    };
    power_watch(live);
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        run(acts[i].what, acts[i].act);
        assert_nothing_was_lost();
    }
    assert_true(states > 500);
}

static void test_nor_does_one_while_the_log_is_written_back(void **state)
{
    (void)state;
    power_watch(live);
    open_state();
    power_skip();
    after = say_now();
    void (*const acts[])(void) = {pin, add_private, keep_contacts, remove_service, keep_address};
    size_t n = 0;
    const struct timespec since = written();
    for (struct timespec now = since; now.tv_sec == since.tv_sec && now.tv_nsec == since.tv_nsec;
         now = written()) {
        run("log grows", acts[n++ % (sizeof acts / sizeof acts[0])]);
        assert_nothing_was_lost();
    }
    run("log begun again", add_private);
    assert_nothing_was_lost();
    run("numbers taken", take_numbers);
    assert_nothing_was_lost();
    assert_true(states > 500);
}

static void test_an_older_state_is_taken_over_as_a_whole(void **state)
{
    (void)state;
    open_state();
    take_numbers();
    bind_first();
    add_public();
    close_state();
    older_make(paths.database);
    power_watch(live);
    after = say_now();
    run("taken over", open_state);
    assert_nothing_was_lost();
    assert_true(states > 30);
}

static void test_an_import_is_whole_or_was_not(void **state)
{
    (void)state;
    power_watch(live);
    run("imported", import_it);
    sequence = UINT64_C(1) << 50;
    assert_nothing_was_lost();
    run("numbers taken", take_numbers);
    assert_nothing_was_lost();
}

/* What was looked for would be found: on disks that say that they have done what they have not. */
static void test_disks_that_lie_are_found_out(void **state)
{
    (void)state;
    power_watch(live);
    power_lie(POWER_SYNCS_NO_ENTRY);
    run("made", open_state);
    assert_true(lost > 0);
    close_state();
    power_watch(live); /* all of it is there now, and the disk honest */
    lost = half = 0;
    run("opened", open_state);
    run("named", name_itself);
    assert_nothing_was_lost();
    power_lie(POWER_SYNCS_NO_FILE);
    run("service added", add_public);
    assert_true(lost > 0);
    lost = 0;
    run("numbers taken", take_numbers);
    assert_true(lost > 0 && half + torn > 0);
}

/* ---- files and directories beside the database ---- */

static bool is_there(const char *dir, const char *name)
{
    char path[PATHS_MAX];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return access(path, F_OK) == 0;
}

static void judge_directory(const char *where, bool is_end)
{
    lost += is_end && !is_there(where, "state");
}

static void judge_export(const char *where, bool is_end)
{
    char path[PATHS_MAX], text[32] = "";
    snprintf(path, sizeof path, "%s/identity", where);
    FILE *file = is_end ? fopen(path, "r") : NULL;
    if (file) {
        text[fread(text, 1, sizeof text - 1, file)] = 0;
        fclose(file);
    }
    lost += is_end && strcmp(text, "the key\n") != 0;
}

static void test_directories_and_exported_keys_are_there_after_it(void **state)
{
    (void)state;
    char path[PATHS_MAX];
    struct paths deeper;
    power_watch(live);
    snprintf(path, sizeof path, "%s/state/vx6", live);
    assert_true(paths_init(&deeper, path, error) && paths_make(&deeper, error));
    assert_true(power_cuts(cut, judge_directory) > 1);
    assert_int_equal(lost, 0);
    snprintf(path, sizeof path, "%s/identity", live);
    assert_true(paths_write_new(path, "the key\n", error));
    assert_true(power_cuts(cut, judge_export) > 2);
    assert_int_equal(lost, 0);
    assert_false(paths_write_new(path, "another\n", error));
}

int main(void)
{
#define WITH_DISK(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_DISK(test_no_loss_of_power_loses_what_was_acknowledged),
        WITH_DISK(test_nor_does_one_while_the_log_is_written_back),
        WITH_DISK(test_an_older_state_is_taken_over_as_a_whole),
        WITH_DISK(test_an_import_is_whole_or_was_not),
        WITH_DISK(test_disks_that_lie_are_found_out),
        WITH_DISK(test_directories_and_exported_keys_are_there_after_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
