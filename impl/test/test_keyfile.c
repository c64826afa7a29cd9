/* SPDX-License-Identifier: MIT */
/* An identity on its way: locked, unlocked by the same passphrase only, and by nothing else.
 * VX6-CTRL-022 */
#include "test.h"

#include <string.h>

#include "keyfile.h"

static const struct store_identity alice = {
    .seed = {1, 2, 3, [31] = 255}, .sequence = INT64_C(0x123456789abcdef)};
static char error[TEXT_ERROR_SIZE];

static void test_what_is_locked_is_unlocked_by_its_passphrase_alone(void **state)
{
    (void)state;
    char text[KEYFILE_TEXT_SIZE], other[KEYFILE_TEXT_SIZE];
    struct store_identity identity = {.sequence = 0};
    assert_true(keyfile_lock(&alice, "correct horse", text, error));
    assert_true(keyfile_lock(&alice, "correct horse", other, error));
    assert_string_not_equal(text, other); /* salt and nonce are new each time */
    assert_false(keyfile_unlock(text, "correct horse ", &identity, error));
    assert_non_null(strstr(error, "not its passphrase"));
    assert_int_equal(identity.seed[0], 0);
    assert_true(keyfile_unlock(text, "correct horse", &identity, error));
    assert_memory_equal(identity.seed, alice.seed, sizeof alice.seed);
    assert_int_equal(identity.sequence, alice.sequence);
}

/* Any letter of it, whatever it stands for; what asks for too much is refused before it gets any.
 */
static void test_a_changed_file_is_refused(void **state)
{
    (void)state;
    char text[KEYFILE_TEXT_SIZE], changed[KEYFILE_TEXT_SIZE];
    struct store_identity identity = {.sequence = 0};
    assert_true(keyfile_lock(&alice, "correct horse", text, error));
    const size_t begin = strlen("vx6-identity-1\n"), places[] = {0, begin, begin + 7, begin + 15,
                                                         begin + 40, begin + 80, strlen(text) - 4};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        memcpy(changed, text, sizeof changed);
        changed[places[i]] = changed[places[i]] == 'Q' ? 'R' : 'Q';
        if (keyfile_unlock(changed, "correct horse", &identity, error))
            fail_msg("%c at %zu", changed[places[i]], places[i]);
    }
    static const char *const wrongs[] = {"", "vx6-identity-1\n", "vx6-identity-1\nAAAA\n",
        "vx6-identity-2\nAAAA\n", "SQLite format 3"};
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++)
        assert_false(keyfile_unlock(wrongs[i], "correct horse", &identity, error));
    memcpy(changed, text, sizeof changed);
    changed[strlen(text) - 8] = 0; /* cut */
    assert_false(keyfile_unlock(changed, "correct horse", &identity, error));
    assert_non_null(strstr(error, "no identity"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_locked_is_unlocked_by_its_passphrase_alone),
        cmocka_unit_test(test_a_changed_file_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
