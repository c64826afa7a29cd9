/* SPDX-License-Identifier: MIT */
/* Each allocation of SQLite fails once, in all that a node does with its state: it is refused with
 * a line, or done; and what was done is there afterwards, with the same identity. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "paths.h"
#include "store.h"
#include "test.h"

static sqlite3_mem_methods usual, failing;
static unsigned long requests, fail_at; /* 0: none */

static void *fail_malloc(int size)
{
    return ++requests == fail_at ? NULL : usual.xMalloc(size);
}

static void *fail_realloc(void *memory, int size)
{
    return ++requests == fail_at ? NULL : usual.xRealloc(memory, size);
}

static int take_over_memory(void **state)
{
    (void)state;
    (void)sqlite3_shutdown();
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &usual) != SQLITE_OK)
        return -1;
    failing = usual;
    failing.xMalloc = fail_malloc;
    failing.xRealloc = fail_realloc;
    return sqlite3_config(SQLITE_CONFIG_MALLOC, &failing) == SQLITE_OK ? sqlite3_initialize() : -1;
}

static struct paths paths;
static char error[TEXT_ERROR_SIZE];
static uint8_t seed[32];
static uint64_t sequence;
static bool is_offered;

static bool said(const struct store *store)
{
    const char *line = store ? store_error(store) : error;
    return line[0] != 0 && strchr(line, '\n') == NULL;
}

static void use(struct store *store)
{
    const struct store_service service = {"web", "127.0.0.1:8080", "public"};
    struct store_service services[4];
    struct store_contact contacts[2] = {{.addr.port = 1}, {.key = {1}, .addr.port = 2}};
    uint8_t found[32];
    uint64_t first;
    if (!store_identity(store, found))
        assert_true(said(store));
    else
        assert_memory_equal(found, seed, sizeof seed);
    if (!store_sequence_take(store, &first)) {
        assert_true(said(store));
    } else {
        assert_true(first > sequence);
        sequence = first;
    }
    int count = store_services(store, services, 4);
    assert_true(count < 0 ? said(store) : count == is_offered);
    bool was_kept, done = is_offered ? store_service_remove(store, "web", &was_kept)
                                     : store_service_set(store, &service, NULL, 0);
    assert_true(done || said(store));
    is_offered ^= done;
    assert_true(store_contacts_set(store, contacts, 2) || said(store));
}

/* False when no allocation has failed. */
static bool starve(unsigned long n)
{
    requests = 0;
    fail_at = n;
    struct store *store = store_open(paths.database, STORE_CREATE, error);
    assert_true(store != NULL || said(NULL));
    if (store)
        use(store);
    store_close(store);
    bool failed = requests >= fail_at;
    fail_at = 0;
    store = store_open(paths.database, STORE_CREATE, error);
    if (store == NULL)
        fail_msg("allocation %lu: %s", n, error);
    use(store);
    store_close(store);
    return failed;
}

/* VX6-CTRL-018 */
static void test_every_allocation_of_the_database_may_fail(void **state)
{
    (void)state;
    char dir[] = "/dev/shm/vx6-test-store-XXXXXX", draft[PATHS_MAX + 8];
    assert_non_null(mkdtemp(dir));
    assert_true(paths_init(&paths, dir, error));
    snprintf(draft, sizeof draft, "%s.new", paths.database);
    unsigned long n = 0;
    struct store *store = NULL;
    while (store == NULL) { /* of one that is made: nothing is left half made */
        requests = 0;
        fail_at = ++n;
        store = store_open(paths.database, STORE_CREATE, error);
        assert_true(store != NULL || said(NULL));
        assert_int_equal(access(draft, F_OK), -1);
        if (store == NULL && access(paths.database, F_OK) == 0)
            break; /* made, but not opened: it is there from now on */
    }
    fail_at = 0;
    store_close(store);
    assert_true(n > 10);
    store = store_open(paths.database, STORE_CREATE, error);
    assert_non_null(store);
    assert_true(store_identity(store, seed));
    store_close(store);
    for (n = 1; starve(n); n++)
        ;
    assert_true(n > 50);
    print_message("%lu allocations\n", n - 1);
    assert_int_equal(unlink(paths.database), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation_of_the_database_may_fail),
    };
    return cmocka_run_group_tests(tests, take_over_memory, NULL);
}
