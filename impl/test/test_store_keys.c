/* SPDX-License-Identifier: MIT */
/* Keys that are kept, and what becomes of those that are not whole. */
#include <string.h>

#include "kept_state.h"
#include "vx6/node.h"

/* What cannot be read is not the end of a list. */
static void test_a_key_that_is_not_whole_is_no_missing_key(void **state)
{
    (void)state;
    struct store_binding bindings[4];
    vx6_addr addr;
    uint8_t key[32];
    bool found = false;
    assert_null(text_addr_parse("127.0.0.1:1", &addr));
    struct store *store = open_it(STORE_CREATE);
    execute("INSERT INTO binding (label, key) VALUES ('alice', x'01');"
            "INSERT INTO known_key VALUES ('127.0.0.1:1', x'01');");
    assert_int_equal(store_bindings(store, bindings, 4), -1);
    assert_non_null(strstr(store_error(store), "damaged"));
    assert_false(store_known_key(store, &addr, key, &found));
    store_close(store);
}

/* One damaged row is no end of the list: the line names it, and it can be removed. VX6-CTRL-036 */
static void test_a_kept_key_that_is_not_whole_can_be_forgotten(void **state)
{
    (void)state;
    struct store_contact known[4];
    vx6_addr addr;
    bool was_kept = false;
    assert_null(text_addr_parse("127.0.0.1:1", &addr));
    struct store *store = open_it(STORE_CREATE);
    execute("INSERT INTO known_key VALUES ('127.0.0.1:1', x'01');"
            "INSERT INTO known_key VALUES ('127.0.0.1:2', zeroblob(32));");
    assert_int_equal(store_known_keys(store, known, 4), -1);
    assert_non_null(strstr(store_error(store), "vx6 forget 127.0.0.1:1"));
    assert_true(store_known_key_remove(store, &addr, &was_kept));
    assert_true(was_kept);
    assert_int_equal(store_known_keys(store, known, 4), 1);
    execute("INSERT INTO known_key VALUES ('nowhere', zeroblob(32))");
    assert_int_equal(store_known_keys(store, known, 4), -1);
    assert_non_null(strstr(store_error(store), "restore"));
    store_close(store);
}

/* VX6-NAME-026: all that a key came by, and no more than can be in force; 0 stands in all of them.
 */
static void test_all_keys_before_a_key_are_kept(void **state)
{
    (void)state;
    static struct store_binding bindings[2];
    static struct store_followed followed[2];
    assert_int_equal(STORE_BEFORE_MAX, vx6_limits_default.followed_max);
    struct store *store = open_it(STORE_CREATE);
    struct store_binding binding = {.label = "alice", .since_unix_ms = 5};
    struct store_service web = {"web", "127.0.0.1:1", "private"};
    const uint8_t first[1][32] = {{0}};
    assert_true(store_binding_set(store, &binding) && store_service_set(store, &web, first, 1));
    for (uint8_t count = 0; count < 4; count++) {
        store_close(store);
        store = open_it(STORE_CREATE);
        assert_int_equal(store_bindings(store, bindings, 2), 1);
        assert_int_equal(store_followed(store, followed, 2), count > 0);
        assert_int_equal(bindings[0].before.count, count);
        assert_int_equal(followed[0].before.count, count);
        for (uint8_t i = 0; i < count; i++) {
            const uint8_t key[32] = {i};
            assert_memory_equal(bindings[0].before.keys[i], key, 32);
            assert_memory_equal(followed[0].before.keys[i], key, 32);
        }
        assert_true(store_binding_set(store, &bindings[0])); /* as it is */
        const uint8_t key[32] = {count}, next[32] = {count + 1};
        assert_true(store_follow(store, key, next, 8));
    }
    static const char *const bad[] = {"x''", "zeroblob(31)", "zeroblob(33)", "zeroblob(17 * 32)",
        "'12345678901234567890123456789012'"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char sql[200];
        snprintf(sql, sizeof sql, "UPDATE binding SET root = %s; UPDATE allowed SET root = %s;",
            bad[i], bad[i]);
        execute(sql);
        assert_int_equal(store_bindings(store, bindings, 2), -1);
        assert_int_equal(store_followed(store, followed, 2), -1);
        assert_non_null(strstr(store_error(store), "restore"));
    }
    execute("UPDATE binding SET root = zeroblob(16 * 32)");
    assert_int_equal(store_bindings(store, bindings, 2), 1);
    assert_int_equal(bindings[0].before.count, 16);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STATE(test_a_key_that_is_not_whole_is_no_missing_key),
        WITH_STATE(test_a_kept_key_that_is_not_whole_can_be_forgotten),
        WITH_STATE(test_all_keys_before_a_key_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
