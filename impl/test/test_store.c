/* SPDX-License-Identifier: MIT */
/* What a node keeps between runs, also when a run ends badly. */
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kept_state.h"
#include "older.h"
#include "vx6/identity.h"
#include "vx6/node.h"

static void test_the_identity_is_made_once_and_kept(void **state)
{
    (void)state;
    uint8_t first[32], second[32];
    struct stat info;
    struct store *store = open_it(STORE_CREATE);
    assert_true(store_is_new(store));
    assert_true(store_identity(store, first));
    store_close(store);
    store = open_it(STORE_CREATE);
    assert_false(store_is_new(store));
    store_close(store);

    store = open_it(STORE_READ);
    assert_true(store_identity(store, second));
    assert_memory_equal(first, second, sizeof first);
    store_close(store);
    assert_int_equal(stat(paths.database, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
}

static void test_reading_needs_a_state(void **state)
{
    (void)state;
    assert_null(store_open(paths.database, STORE_READ, error));
    assert_non_null(strstr(error, "run vx6 init"));
    assert_int_equal(access(paths.database, F_OK), -1);
}

/* Takes a number and dies at once, like a machine that loses power in the next instruction. */
static uint64_t take_and_die(void)
{
    int ends[2];
    uint64_t first = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        struct store *store = store_open(paths.database, STORE_CREATE, error);
        if (store && store_sequence_take(store, &first) &&
            write(ends[1], &first, sizeof first) == (ssize_t)sizeof first)
            raise(SIGKILL);
        _exit(1);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &first, sizeof first), sizeof first);
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    return first;
}

/* VX6-CTRL-015 */
static void test_R3_no_sequence_number_is_given_twice_even_after_a_crash(void **state)
{
    (void)state;
    uint64_t last = 0;
    for (int i = 0; i < 3; i++) {
        uint64_t first = take_and_die();
        if (last == 0)
            assert_int_equal(first, 1);
        else
            assert_true(first >= last + STORE_SEQUENCE_STEP);
        last = first;
    }
}

/* VX6-CTRL-015: the same at the end of all numbers, which only a hand can have written there. */
static void test_sequence_numbers_that_have_run_out_are_not_begun_again(void **state)
{
    (void)state;
    const int64_t near_end = INT64_MAX - STORE_SEQUENCE_STEP;
    uint64_t first;
    uint8_t seed[32], digest[32];
    struct store *store = open_it(STORE_CREATE);
    assert_true(store_identity(store, seed));
    store_identity_digest(seed, near_end, digest);
    sqlite3_stmt *statement = NULL;
    sqlite3 *database = open_sql();
    assert_int_equal(sqlite3_prepare_v2(database, "UPDATE identity SET sequence = ?1, digest = ?2",
                         -1, &statement, NULL),
        SQLITE_OK);
    sqlite3_bind_int64(statement, 1, near_end);
    sqlite3_bind_blob(statement, 2, digest, sizeof digest, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
    sqlite3_finalize(statement);
    assert_true(store_sequence_take(store, &first));
    assert_true(first == INT64_MAX - STORE_SEQUENCE_STEP + UINT64_C(1));
    assert_false(store_sequence_take(store, &first));
    assert_non_null(strstr(store_error(store), "no version numbers"));
    sqlite3_close(database);
    store_close(store);
}

/* Of damage by a program that knows SQL; that of pages is in test_damage.py. VX6-CTRL-017 */
static const struct damage_row {
    const char *sql, *complaint;
} damage_rows[] = {
    {"PRAGMA user_version = 99", "newer VX6"},
    {"PRAGMA user_version = 0", "no state of VX6"},
    {"DROP TABLE identity", "no such table"},
    {"DELETE FROM identity", "the identity in it is not whole"},
    {"UPDATE identity SET seed = x''", "the identity in it is not whole"},
    {"UPDATE identity SET seed = zeroblob(33)", "the identity in it is not whole"},
    {"UPDATE identity SET seed = zeroblob(32)", "the identity in it is not whole"},
    {"UPDATE identity SET sequence = sequence - 1", "the identity in it is not whole"},
    {"UPDATE identity SET digest = NULL", "the identity in it is not whole"},
};

static void test_a_state_without_a_whole_identity_is_refused_and_left_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof damage_rows / sizeof damage_rows[0]; i++) {
        uint64_t first;
        uint8_t seed[32];
        store_close(open_it(STORE_CREATE));
        execute(damage_rows[i].sql);
        struct store *store = store_open(paths.database, STORE_CREATE, error);
        if (store) {
            assert_false(store_identity(store, seed));
            assert_false(store_sequence_take(store, &first));
            snprintf(error, sizeof error, "%s", store_error(store));
            store_close(store);
        }
        if (strstr(error, damage_rows[i].complaint) == NULL)
            fail_msg("%s: %s", damage_rows[i].sql, error);
        assert_null(strchr(error, '\n'));
        remove_files();
    }
}

static void check_upgrade(size_t versions)
{
    uint8_t before[32], after[32];
    uint64_t first, second;
    struct store *store = open_it(STORE_CREATE);
    assert_true(store_identity(store, before));
    assert_true(store_sequence_take(store, &first));
    store_close(store);
    execute("INSERT INTO binding (label, key) VALUES ('alice', zeroblob(32));");
    older_make_by(paths.database, versions);
    assert_null(store_open(paths.database, STORE_READ, error));
    assert_non_null(strstr(error, "older VX6"));
    store = open_it(STORE_CREATE);
    assert_true(store_identity(store, after));
    assert_memory_equal(before, after, sizeof before);
    assert_true(store_sequence_take(store, &second));
    assert_true(second == first + STORE_SEQUENCE_STEP);
    struct store_binding bindings[2];
    struct store_revoked revoked[2];
    assert_int_equal(store_bindings(store, bindings, 2), 1);
    assert_false(bindings[0].is_pinned);
    assert_int_equal(bindings[0].since_unix_ms, 0);
    assert_int_equal(bindings[0].followed_unix_ms, 0);
    assert_int_equal(bindings[0].before.count, 0);
    assert_int_equal(store_revoked(store, revoked, 2), 0);
    store_close(store);
    remove_files();
}

static void test_a_state_of_an_older_version_keeps_its_identity(void **state)
{
    (void)state;
    for (size_t versions = 1; versions <= OLDER_MAX; versions++)
        check_upgrade(versions);
}

/* VX6-CTRL-023, VX6-CTRL-025: another key, what was followed and what was revoked. */
static void test_keys_that_change_are_kept(void **state)
{
    (void)state;
    const uint8_t old[32] = {1}, next[32] = {2}, other[32] = {3};
    const uint8_t web[1][32] = {{1}}, both[2][32] = {{1}, {2}};
    struct store_identity identity, rotated = {.seed = {9}};
    struct store *store = open_it(STORE_CREATE);
    uint64_t first;
    assert_true(store_sequence_take(store, &first));
    assert_true(store_identity_read(store, &identity));
    rotated.lineage_len = vx6_identity_rotate(
        &vx6_crypto_real, identity.seed, (vx6_span){0}, rotated.seed, 1700000000, rotated.lineage);
    assert_true(store_identity_rotate(store, &rotated));
    store_close(store);
    store = open_it(STORE_CREATE);
    assert_true(store_identity_read(store, &identity));
    assert_memory_equal(identity.seed, rotated.seed, 32);
    assert_int_equal(identity.lineage_len, rotated.lineage_len);
    assert_memory_equal(identity.lineage, rotated.lineage, rotated.lineage_len);
    assert_true(store_sequence_take(store, &first));
    assert_int_equal(first, 1); /* numbers of its own */

    struct store_binding binding = {.label = "alice", .since_unix_ms = 5}, bindings[2];
    struct store_service a = {"a", "127.0.0.1:1", "private"}, b = {"b", "127.0.0.1:2", "private"};
    struct store_followed followed[4];
    vx6_addr addr = {.port = 4242};
    uint8_t keys[4][32], key[32];
    bool found;
    memcpy(binding.key, old, 32);
    assert_true(store_binding_set(store, &binding));
    assert_true(store_service_set(store, &a, web, 1) && store_service_set(store, &b, both, 2));
    assert_true(store_known_key_set(store, &addr, old));
    assert_true(store_follow(store, other, next, 7)); /* of whom nothing is kept */
    assert_int_equal(store_followed(store, followed, 4), 0);
    assert_true(store_follow(store, old, next, 8));
    assert_int_equal(store_bindings(store, bindings, 2), 1);
    assert_memory_equal(bindings[0].key, next, 32);
    assert_int_equal(bindings[0].before.count, 1);
    assert_memory_equal(bindings[0].before.keys[0], old, 32);
    assert_int_equal(bindings[0].followed_unix_ms, 8);
    assert_int_equal(bindings[0].since_unix_ms, 5);
    assert_int_equal(store_allowed(store, "a", keys, 4), 1);
    assert_memory_equal(keys[0], next, 32);
    assert_int_equal(store_allowed(store, "b", keys, 4), 1);
    assert_int_equal(store_followed(store, followed, 4), 1); /* b had it for its own sake */
    assert_string_equal(followed[0].service, "a");
    assert_int_equal(followed[0].before.count, 1);
    assert_memory_equal(followed[0].before.keys[0], old, 32);
    assert_true(store_known_key(store, &addr, key, &found) && found);
    assert_memory_equal(key, next, 32);
    assert_true(store_allow(store, "a", next));
    assert_int_equal(store_followed(store, followed, 4), 0);

    struct store_revoked revoked = {.key = {4}, .certificate = {5}, .certificate_len = 100},
                         another = {.key = {5}, .certificate = {6}, .certificate_len = 1}, read[2];
    assert_true(store_revoked_set(store, &revoked));
    revoked.is_published = true;
    assert_true(store_revoked_set(store, &revoked));
    store_close(store);
    store = open_it(STORE_CREATE);
    assert_int_equal(store_revoked(store, read, 2), 1);
    assert_memory_equal(read[0].key, revoked.key, 32);
    assert_memory_equal(read[0].certificate, revoked.certificate, 100);
    assert_int_equal(read[0].certificate_len, 100);
    assert_true(read[0].is_published);
    store_close(store);
    execute("UPDATE revoked SET certificate = zeroblob(3000)");
    store = open_it(STORE_CREATE);
    assert_true(store_revoked_set(store, &another));
    assert_int_equal(store_revoked(store, read, 2), 2); /* one that is damaged hides no other */
    assert_int_equal(read[0].certificate_len, 0);
    assert_int_equal(read[1].certificate_len, 1);
    assert_int_equal(store_revoked_count(store), 2);
    assert_int_equal(store_revoked(store, read, 1), -1); /* never a shorter list */
    store_close(store);
    execute("UPDATE identity SET lineage = zeroblob(202)"); /* it is somebody else's, or nobody's */
    store = open_it(STORE_CREATE);
    assert_false(store_identity_read(store, &identity));
    assert_non_null(strstr(store_error(store), "damaged"));
    store_close(store);
}

/* VX6-CTRL-017: what is refused is left as it is, an older version, too. */
static void test_a_damaged_state_of_an_older_version_is_left_alone(void **state)
{
    (void)state;
    enum {
        PAGE = 4096
    };
    static uint8_t before[64 * PAGE], after[64 * PAGE], ones[PAGE];
    store_close(open_it(STORE_CREATE));
    older_make(paths.database);
    sqlite3 *database = open_sql();
    sqlite3_stmt *statement = NULL;
    assert_int_equal(
        sqlite3_prepare_v2(database, "SELECT rootpage FROM sqlite_master WHERE name = 'contact'",
            -1, &statement, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    long at = (sqlite3_column_int(statement, 0) - 1L) * PAGE;
    sqlite3_finalize(statement);
    sqlite3_close(database);
    memset(ones, 0xff, sizeof ones);
    FILE *file = fopen(paths.database, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_equal(fwrite(ones, 1, PAGE, file), PAGE);
    assert_int_equal(fseek(file, 0, SEEK_SET), 0);
    size_t len = fread(before, 1, sizeof before, file);
    fclose(file);
    assert_null(store_open(paths.database, STORE_CREATE, error));
    assert_non_null(strstr(error, "damaged"));
    file = fopen(paths.database, "r");
    assert_non_null(file);
    assert_int_equal(fread(after, 1, sizeof after, file), len);
    fclose(file);
    assert_memory_equal(before, after, len);
}

/* VX6-CTRL-020 */
static void test_a_name_of_somebody_else_is_not_taken(void **state)
{
    (void)state;
    struct store_binding binding = {
        .label = "alice", .key = {7}, .is_pinned = true, .since_unix_ms = 1};
    char value[16];
    struct store *store = open_it(STORE_CREATE);
    assert_true(store_own_name_set(store, "bob"));
    assert_true(store_binding_set(store, &binding));
    assert_false(store_own_name_set(store, "alice"));
    assert_non_null(strstr(store_error(store), "somebody else"));
    assert_true(store_setting(store, "name", value, sizeof value));
    assert_string_equal(value, "bob");
    store_close(store);
}

static void test_everything_else_is_kept(void **state)
{
    (void)state;
    struct store *store = open_it(STORE_CREATE);
    struct store_service service = {"web", "127.0.0.1:8080", "public"}, services[4];
    struct store_binding bindings[4],
        binding = {.label = "alice", .is_pinned = true, .since_unix_ms = 1234567890123};
    struct store_contact contact[2] = {{.addr.port = 1}, {.addr.port = 2}}, contacts[4];
    vx6_addr addr = {.port = 4242}, peers[16];
    uint8_t key[32];
    bool found;
    char value[16];
    memset(binding.key, 7, sizeof binding.key);
    memset(contact[1].key, 1, sizeof contact[1].key);

    assert_true(store_setting(store, "name", value, sizeof value));
    assert_string_equal(value, "");
    assert_true(store_setting_set(store, "name", "bob"));
    assert_true(store_service_set(store, &service, NULL, 0));
    assert_true(store_binding_set(store, &binding));
    assert_true(store_contacts_set(store, contact, 2));
    assert_true(store_known_key(store, &addr, key, &found) && !found);
    assert_true(store_known_key_set(store, &addr, binding.key));
    struct store_contact *known = calloc(STORE_KNOWN_MAX + 1, sizeof *known);
    assert_non_null(known);
    for (uint16_t port = 5001; port < 5000 + STORE_KNOWN_MAX; port++)
        assert_true(store_known_key_set(store, &(vx6_addr){.port = port}, binding.key));
    assert_int_equal(store_known_keys(store, known, STORE_KNOWN_MAX + 1), STORE_KNOWN_MAX);
    assert_false(store_known_key_set(store, &(vx6_addr){.port = 1}, binding.key));
    assert_non_null(strstr(store_error(store), "vx6 forget"));
    assert_true(store_known_key_set(store, &addr, binding.key)); /* known already */
    assert_true(store_known_key_remove(store, &(vx6_addr){.port = 5001}, &found) && found);
    assert_true(store_known_key_remove(store, &(vx6_addr){.port = 5001}, &found) && !found);
    assert_true(store_known_key_set(store, &(vx6_addr){.port = 1}, binding.key));
    free(known);
    store_close(store);

    store = open_it(STORE_CREATE);
    assert_true(store_setting(store, "name", value, sizeof value));
    assert_string_equal(value, "bob");
    assert_int_equal(store_services(store, services, 4), 1);
    assert_string_equal(services[0].target, "127.0.0.1:8080");
    assert_int_equal(store_bindings(store, bindings, 4), 1);
    assert_memory_equal(bindings[0].key, binding.key, 32);
    assert_true(bindings[0].is_pinned);
    assert_int_equal(bindings[0].since_unix_ms, 1234567890123);
    struct store_binding renamed = {.label = "al", .key = {8}, .since_unix_ms = 1};
    assert_true(store_binding_rename(store, "alice", &renamed));
    assert_int_equal(store_bindings(store, bindings, 4), 1);
    assert_string_equal(bindings[0].label, "al");
    assert_true(store_binding_remove(store, "al"));
    assert_int_equal(store_bindings(store, bindings, 4), 0);
    assert_int_equal(store_contacts(store, contacts, 4), 2);
    assert_int_equal(store_contacts(store, contacts, 1), 1);
    assert_true(store_contacts_set(store, contact, 1));
    assert_int_equal(store_contacts(store, contacts, 4), 1);
    assert_true(store_known_key(store, &addr, key, &found) && found);
    assert_memory_equal(key, binding.key, 32);
    assert_true(store_service_remove(store, "web", &found) && found);
    assert_true(store_service_remove(store, "web", &found) && !found);
    assert_int_equal(store_services(store, services, 4), 0);

    for (uint16_t port = 1; port <= 12; port++)
        assert_true(store_peer_set(store, &(vx6_addr){.port = port}));
    assert_true(store_peer_set(store, &(vx6_addr){.port = 6}));
    assert_int_equal(store_peers(store, peers, 16), 8);
    assert_int_equal(peers[0].port, 6);
    assert_int_equal(peers[1].port, 12);
    store_close(store);
}

/* A list that is longer than a node can have in force would be read in part by the next start: then
 * who was denied might be on it again. VX6-CTRL-018 */
static void test_no_more_keys_are_kept_than_can_be_in_force(void **state)
{
    (void)state;
    enum {
        MAX = 256
    };
    static uint8_t keys[MAX + 1][32], read[MAX][32];
    struct store *store = open_it(STORE_CREATE);
    struct store_service service = {"db", "127.0.0.1:1", "listed"}, services[1];
    bool was_kept;
    assert_int_equal(vx6_limits_default.service_allow_max, MAX);
    for (int i = 0; i <= MAX; i++) {
        keys[i][0] = (uint8_t)(i >> 8);
        keys[i][1] = (uint8_t)i;
    }
    const uint8_t(*some)[32] = (const uint8_t(*)[32])keys;
    assert_false(store_service_set(store, &service, some, MAX + 1));
    assert_int_equal(store_services(store, services, 1), 0);
    assert_int_equal(store_allowed(store, "db", read, MAX), 0);
    assert_true(store_service_set(store, &service, some, MAX - 1));
    assert_true(store_service_set(store, &service, some + 1, MAX - 1));
    memcpy(service.exposure, "private", sizeof "private");
    assert_false(store_service_set(store, &service, some + MAX, 1));
    assert_non_null(strstr(store_error(store), "256 keys at most"));
    assert_int_equal(store_services(store, services, 1), 1);
    assert_string_equal(services[0].exposure, "listed");
    assert_false(store_allow(store, "db", keys[MAX]));
    assert_true(store_allow(store, "db", keys[0]));
    assert_int_equal(store_allowed(store, "db", read, MAX), MAX);
    assert_int_equal(store_allowed(store, "db", read, MAX - 1), -1);
    assert_true(store_deny(store, "db", keys[MAX], &was_kept));
    assert_false(was_kept);
    assert_true(store_deny(store, "db", keys[0], &was_kept));
    assert_true(was_kept);
    assert_true(store_allow(store, "db", keys[MAX]));
    store_close(store);
}

/* VX6-CTRL-018: what fails in the middle leaves all as it was, and holds nothing up that comes
 * after it. */
static void test_a_change_that_fails_in_the_middle_is_none(void **state)
{
    (void)state;
    struct store *store = open_it(STORE_CREATE);
    struct store_contact contact = {.key = {1}, .addr.port = 1}, read[2];
    vx6_addr peers[16];
    assert_true(store_contacts_set(store, &contact, 1));
    for (uint16_t port = 1; port <= 8; port++)
        assert_true(store_peer_set(store, &(vx6_addr){.port = port}));
    execute(
        "CREATE TRIGGER no_contact BEFORE DELETE ON contact BEGIN SELECT raise(ABORT, 'no'); END;"
        "CREATE TRIGGER no_peer BEFORE DELETE ON peer BEGIN SELECT raise(ABORT, 'no'); END;");
    contact.addr.port = 2;
    assert_false(store_contacts_set(store, &contact, 1));
    assert_false(store_peer_set(store, &(vx6_addr){.port = 9}));
    assert_int_equal(store_contacts(store, read, 2), 1);
    assert_int_equal(read[0].addr.port, 1);
    assert_int_equal(store_peers(store, peers, 16), 8);
    assert_int_equal(peers[0].port, 8);
    execute("DROP TRIGGER no_contact");
    assert_true(store_contacts_set(store, &contact, 1));
    assert_int_equal(store_contacts(store, read, 2), 1);
    assert_int_equal(read[0].addr.port, 2);
    store_close(store);
}

/* VX6-CTRL-014 */
static void test_N6_a_second_lock_on_the_same_state_is_refused(void **state)
{
    (void)state;
    assert_true(paths_make(&paths, error));
    int lock = paths_lock(&paths, paths_node, error);
    assert_true(lock >= 0);
    assert_int_equal(paths_lock(&paths, paths_node, error), PATHS_LOCKED_BY_NODE);
    assert_non_null(strstr(error, "another node is running"));
    assert_int_equal(paths_lock(&paths, "vx6 identity rotate", error), PATHS_LOCKED_BY_NODE);
    assert_non_null(strstr(error, "stop it, then run vx6 identity rotate again"));
    assert_null(strstr(error, "--listen"));
    close(lock);
    lock = paths_lock(&paths, "vx6 identity import", error);
    assert_true(lock >= 0);
    assert_int_equal(paths_lock(&paths, paths_node, error), -1);
    assert_non_null(strstr(error, "vx6 identity import is at work"));
    close(lock);
    FILE *file = fopen(paths.lock, "w"); /* as an older node leaves it */
    assert_non_null(file);
    fclose(file);
    lock = open(paths.lock, O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    assert_int_equal(paths_lock(&paths, "vx6 init", error), PATHS_LOCKED_BY_NODE);
    close(lock);
}

/* VX6-CTRL-001 */
static void test_N6_the_directory_is_closed_to_others(void **state)
{
    (void)state;
    struct stat info;
    assert_int_equal(chmod(paths.dir, 0755), 0);
    assert_true(paths_make(&paths, error));
    assert_int_equal(stat(paths.dir, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);

    FILE *file = fopen(paths.lock, "w"); /* any file: now it may be somebody's shared directory */
    assert_non_null(file);
    fclose(file);
    assert_int_equal(chmod(paths.dir, 0755), 0);
    assert_false(paths_make(&paths, error));
    assert_non_null(strstr(error, "others may enter"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STATE(test_the_identity_is_made_once_and_kept),
        WITH_STATE(test_reading_needs_a_state),
        WITH_STATE(test_R3_no_sequence_number_is_given_twice_even_after_a_crash),
        WITH_STATE(test_sequence_numbers_that_have_run_out_are_not_begun_again),
        WITH_STATE(test_a_state_without_a_whole_identity_is_refused_and_left_alone),
        WITH_STATE(test_a_state_of_an_older_version_keeps_its_identity),
        WITH_STATE(test_keys_that_change_are_kept),
        WITH_STATE(test_a_damaged_state_of_an_older_version_is_left_alone),
        WITH_STATE(test_a_name_of_somebody_else_is_not_taken),
        WITH_STATE(test_everything_else_is_kept),
        WITH_STATE(test_no_more_keys_are_kept_than_can_be_in_force),
        WITH_STATE(test_a_change_that_fails_in_the_middle_is_none),
        WITH_STATE(test_N6_a_second_lock_on_the_same_state_is_refused),
        WITH_STATE(test_N6_the_directory_is_closed_to_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
