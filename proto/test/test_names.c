/* SPDX-License-Identifier: MIT */
/* Names and keys as people write them. */
#include "test.h"

#include <string.h>

#include "bytes.h"
#include "record.h"
#include "vx6/msg.h"
#include "vx6/node.h"

static vx6_span text(const char *string)
{
    return (vx6_span){(const uint8_t *)string, strlen(string)};
}

#define LABEL_63 "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0"
#define HINT_56  "abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrstuvwx"

static const struct name_row {
    const char *name, *label, *hint, *service; /* label NULL: refused */
} name_rows[] = {
    {"alice", "alice", "", ""},
    {"alice.web", "alice", "", "web"},
    {"a.b", "a", "", "b"},
    {"a-b.c--d", "a-b", "", "c--d"},
    {"0.9", "0", "", "9"},
    {LABEL_63 "." LABEL_63, LABEL_63, "", LABEL_63},
    {"alice~x4k2", "alice", "x4k2", ""},
    {"alice~x4k2.web", "alice", "x4k2", "web"},
    {LABEL_63 "~" HINT_56 "." LABEL_63, LABEL_63, HINT_56, LABEL_63},
    {.name = "alice~"},
    {.name = "alice~.web"},
    {.name = "alice~x4k"},
    {.name = "alice~x4k1.web"},
    {.name = "alice~X4k2.web"},
    {.name = "alice~x4-2"},
    {.name = "~x4k2"},
    {.name = "alice.web~x4k2"},
    {.name = "alice~x4k2~x4k2.web"},
    {.name = "alice~" HINT_56 "a"},
    {.name = ""},
    {.name = "."},
    {.name = "alice."},
    {.name = ".web"},
    {.name = "alice.web."},
    {.name = "alice..web"},
    {.name = "alice.web.db"},
    {.name = "Alice.web"},
    {.name = "alice.Web"},
    {.name = "-alice"},
    {.name = "alice-"},
    {.name = "alice.-web"},
    {.name = "al ice"},
    {.name = "alice\n.web"},
    {.name = "alice.web\x1b[2J"},
    {.name = "al_ice"},
    {.name = "al\xc3\xaf"
             "ce"},
    {.name = LABEL_63 "a"},
};

/* VX6-NAME-001 */
static void test_R1_a_name_is_split_into_its_labels_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof name_rows / sizeof name_rows[0]; i++) {
        const struct name_row *row = &name_rows[i];
        struct vx6_name name;
        bool valid = vx6_name_parse(text(row->name), &name);
        if (valid != (row->label != NULL))
            fail_msg("row %zu: %s", i, valid ? "accepted" : "refused");
        if (valid &&
            (!span_equal(name.label, text(row->label)) || !span_equal(name.hint, text(row->hint)) ||
                !span_equal(name.service, text(row->service))))
            fail_msg("row %zu is split wrongly", i);
    }
    struct vx6_name name;
    assert_false(vx6_name_parse((vx6_span){(const uint8_t *)"a\0b", 3}, &name));
}

static void key_of(uint8_t key[32], uint8_t number)
{
    uint8_t seed[32] = {number};
    vx6_crypto_model.sign_public(&vx6_crypto_model, key, seed);
}

/* VX6-NAME-002, VX6-NAME-003 */
static void test_a_key_survives_its_text_form(void **state)
{
    (void)state;
    for (uint8_t i = 0; i < 20; i++) {
        uint8_t key[32], back[32];
        char string[VX6_KEY_TEXT_SIZE];
        key_of(key, i);
        vx6_key_text(&vx6_crypto_model, string, key);
        assert_int_equal(strlen(string), 56);
        assert_true(vx6_key_parse(&vx6_crypto_model, back, string, 56));
        assert_memory_equal(key, back, 32);
        for (size_t c = 0; c < 56; c++)
            if (string[c] >= 'a' && string[c] <= 'z')
                string[c] = (char)(string[c] - 'a' + 'A');
        assert_true(vx6_key_parse(&vx6_crypto_model, back, string, 56));
        assert_memory_equal(key, back, 32);
    }
}

/* VX6-NAME-003: no slip of one character, and no swap of two neighbours, gives another key. */
static void test_a_mistyped_key_is_refused(void **state)
{
    (void)state;
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint8_t key[32], back[32];
    char string[VX6_KEY_TEXT_SIZE];
    key_of(key, 1);
    vx6_key_text(&vx6_crypto_model, string, key);
    for (size_t i = 0; i < 56; i++) {
        char was = string[i];
        for (size_t c = 0; c < 32; c++) {
            string[i] = alphabet[c];
            if (alphabet[c] != was && vx6_key_parse(&vx6_crypto_model, back, string, 56))
                fail_msg("%c at %zu", alphabet[c], i);
        }
        string[i] = was;
        if (i + 1 < 56 && string[i + 1] != was) {
            string[i] = string[i + 1];
            string[i + 1] = was;
            assert_false(vx6_key_parse(&vx6_crypto_model, back, string, 56));
            string[i + 1] = string[i];
            string[i] = was;
        }
    }
    assert_false(vx6_key_parse(&vx6_crypto_model, back, string, 55));
    assert_false(vx6_key_parse(&vx6_crypto_model, back, string, 57));
    assert_false(vx6_key_parse(&vx6_crypto_model, back, "", 0));
    string[5] = '1';
    assert_false(vx6_key_parse(&vx6_crypto_model, back, string, 56));
}

/* VX6-NAME-003: a good checksum does not make a key of what is none. */
static void test_a_text_of_no_key_is_refused(void **state)
{
    (void)state;
    uint8_t key[32] = {2}, back[32];
    char string[VX6_KEY_TEXT_SIZE];
    vx6_key_text(&vx6_crypto_model, string, key);
    assert_false(vx6_key_parse(&vx6_crypto_model, back, string, 56));
    key[0] = 1;
    vx6_key_text(&vx6_crypto_model, string, key);
    assert_false(vx6_key_parse(&vx6_crypto_model, back, string, 56));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_R1_a_name_is_split_into_its_labels_or_refused),
        cmocka_unit_test(test_a_key_survives_its_text_form),
        cmocka_unit_test(test_a_mistyped_key_is_refused),
        cmocka_unit_test(test_a_text_of_no_key_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
