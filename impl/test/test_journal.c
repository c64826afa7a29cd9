/* SPDX-License-Identifier: MIT */
/* The table of events, and what is made of its rows. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal_form.h"
#include "test.h"

static const vx6_addr addr = {{0x20, 0x01, 0x0d, 0xb8, [15] = 7}, 4242};
static const vx6_addr no_addr = {{0}, 0};
static const uint8_t key[32] = {1, 2, 3};
static const char address[] = "[2001:db8::7]:4242";
static const char hostile[] = "\x1b[2J\x07\n\xe2\x80\xae";

/* Fields of an event, as if somebody had filled in all of them, or none. */
static void fill(uint8_t *fields, const struct journal_layout *layout, const char *text)
{
    static const uint64_t number = UINT64_MAX;
    static const enum vx6_code code = VX6_TIMEOUT;
    const void *none = NULL, *pointers[] = {text, key, &addr, &addr};
    for (size_t i = 0; i < layout->field_count; i++) {
        const struct journal_field *field = &layout->fields[i];
        if (field->kind == JOURNAL_CODE)
            memcpy(fields + field->offset, &code, sizeof code);
        else if (field->kind == JOURNAL_NUMBER)
            memcpy(fields + field->offset, &number, sizeof number);
        else if (text || field->kind == JOURNAL_OWN) /* that one is always there */
            memcpy(fields + field->offset, &pointers[field->kind], sizeof(void *));
        else
            memcpy(fields + field->offset, &none, sizeof none);
    }
}

static bool is_plain(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || (unsigned char)*text > '~')
            return false;
    }
    return true;
}

static bool has_peer(const struct journal_layout *layout)
{
    for (size_t i = 0; i < layout->field_count; i++) {
        if (layout->fields[i].kind == JOURNAL_PEER)
            return true;
    }
    return false;
}

static void check_event(const struct journal_event *event)
{
    const struct journal_layout *layout = journal_layout(event->kind);
    for (int with_peers = 0; with_peers < 2; with_peers++) {
        char text[TEXT_ERROR_SIZE];
        journal_text(text, event, with_peers != 0);
        assert_true(text[0] != 0 && is_plain(text) && strpbrk(text, "{|}") == NULL);
        json_t *object = journal_json(event, with_peers != 0);
        assert_string_equal(json_string_value(json_object_get(object, "event")), layout->name);
        assert_string_equal(json_string_value(json_object_get(object, "text")), text);
        for (size_t i = 0; i < layout->field_count; i++) {
            bool is_shown = with_peers || layout->fields[i].kind != JOURNAL_PEER;
            const json_t *value = json_object_get(object, layout->fields[i].name);
            assert_int_equal(value != NULL, is_shown);
            assert_true(!json_is_string(value) || is_plain(json_string_value(value)));
        }
        json_decref(object);
    }
}

/* VX6-CTRL-030, and that no template names a field that its event does not have. */
static void test_every_event_is_one_plain_line(void **state)
{
    (void)state;
    char longest[4 * TEXT_ERROR_SIZE];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    const char *const texts[] = {"text", hostile, longest, "", NULL};
    for (int kind = 0; kind < JOURNAL_COUNT; kind++) {
        const struct journal_layout *layout = journal_layout((enum journal_kind)kind);
        assert_int_equal(journal_kind_parse(layout->name), kind);
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
            _Alignas(8) uint8_t fields[256] = {0};
            fill(fields, layout, texts[i]);
            struct journal_event event = {
                .kind = (enum journal_kind)kind, .level = layout->level, .fields = fields};
            if (strcmp(layout->text, "{why}") != 0 || (texts[i] && texts[i][0]))
                check_event(&event);
        }
    }
    assert_int_equal(journal_kind_parse("nothing"), JOURNAL_COUNT);
}

static void test_addresses_of_peers_show_where_they_were_asked_for(void **state)
{
    (void)state;
    for (int kind = 0; kind < JOURNAL_COUNT; kind++) {
        const struct journal_layout *layout = journal_layout((enum journal_kind)kind);
        char hidden[TEXT_ERROR_SIZE], shown[TEXT_ERROR_SIZE];
        _Alignas(8) uint8_t fields[256] = {0};
        struct journal_event event = {.kind = (enum journal_kind)kind, .fields = fields};
        if (!has_peer(layout))
            continue;
        fill(fields, layout, "text");
        journal_text(hidden, &event, false);
        journal_text(shown, &event, true);
        assert_non_null(strstr(shown, address));
        /* Of an event with both, the own one stays. */
        assert_true(strlen(hidden) + sizeof address - 1 <= strlen(shown));
    }
}

static void test_what_is_absent_is_left_out(void **state)
{
    (void)state;
    struct journal_forward_failed failed = {.name = "web", .code = VX6_TIMEOUT, .why = "no answer"};
    struct journal_event event = {.kind = JOURNAL_forward_failed, .fields = &failed};
    char text[TEXT_ERROR_SIZE];
    journal_text(text, &event, true);
    assert_string_equal(text, "web: TIMEOUT: no answer");
    failed.peer = &no_addr;
    journal_text(text, &event, true);
    assert_string_equal(text, "web: TIMEOUT: no answer");
    failed.peer = &addr;
    journal_text(text, &event, true);
    assert_string_equal(text, "web at [2001:db8::7]:4242: TIMEOUT: no answer");
    journal_text(text, &event, false);
    assert_string_equal(text, "web: TIMEOUT: no answer");
}

static void test_a_count_has_the_words_that_fit_it(void **state)
{
    (void)state;
    static const struct {
        uint64_t holders;
        const char *text;
    } rows[] = {{0, "joined: 0 nodes hold the records of this one"},
        {1, "joined: 1 node holds the records of this one"},
        {23, "joined: 23 nodes hold the records of this one"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct journal_joined joined = {.holders = rows[i].holders};
        char text[TEXT_ERROR_SIZE];
        journal_text(
            text, &(struct journal_event){.kind = JOURNAL_joined, .fields = &joined}, false);
        assert_string_equal(text, rows[i].text);
    }
}

static void test_a_key_is_short_but_where_it_is_the_news(void **state)
{
    (void)state;
    char text[TEXT_ERROR_SIZE], whole[TEXT_KEY_SIZE], expected[TEXT_ERROR_SIZE];
    struct journal_started started = {.key = key, .name = "alice"};
    struct journal_name_bound bound = {.name = "bob", .key = key};
    text_key(whole, key);
    journal_text(text, &(struct journal_event){.kind = JOURNAL_started, .fields = &started}, false);
    snprintf(expected, sizeof expected, "this node is %s, called alice", whole);
    assert_string_equal(text, expected);
    journal_text(
        text, &(struct journal_event){.kind = JOURNAL_name_bound, .fields = &bound}, false);
    snprintf(expected, sizeof expected, "the name bob is bound to %.8s... from now on", whole);
    assert_string_equal(text, expected);
}

struct counter {
    struct journal_listener listener;
    int count;
};

static void count(struct journal_listener *listener, const struct journal_event *event)
{
    (void)event;
    ((struct counter *)listener)->count++;
}

static void test_listeners_hear_all_until_they_go(void **state)
{
    (void)state;
    struct journal *journal = journal_new();
    struct counter counters[3] = {
        {.listener.heard = count}, {.listener.heard = count}, {.listener.heard = count}};
    for (int i = 0; i < 3; i++)
        journal_listen(journal, &counters[i].listener);
    REPORT(journal, named, .name = "alice");
    for (int i = 0; i < 3; i++) {
        journal_ignore(journal, &counters[(i + 1) % 3].listener);
        REPORT(journal, named, .name = "alice");
    }
    assert_int_equal(counters[1].count, 1);
    assert_int_equal(counters[2].count, 2);
    assert_int_equal(counters[0].count, 3);
    journal_free(journal);
}

static void test_errors_are_kept_and_equal_ones_counted(void **state)
{
    (void)state;
    struct journal *journal = journal_new();
    assert_null(journal_last(journal, 0));
    REPORT(journal, named, .name = "alice"); /* no error */
    assert_null(journal_last(journal, 0));
    for (int i = 0; i < 3; i++)
        REPORT(journal, peer_failed, .peer = &addr, .code = VX6_TIMEOUT, .why = "no answer");
    assert_int_equal(journal_last(journal, 0)->count, 3);
    assert_string_equal(
        journal_last(journal, 0)->text, "entry peer [2001:db8::7]:4242: TIMEOUT: no answer");
    for (int i = 0; i < JOURNAL_ERRORS_MAX; i++)
        REPORT(journal, state_unwritable, .why = i % 2 ? "full" : "worn");
    for (size_t i = 0; i < JOURNAL_ERRORS_MAX; i++)
        assert_string_equal(journal_last(journal, i)->text, i % 2 ? "worn" : "full");
    assert_null(journal_last(journal, JOURNAL_ERRORS_MAX));
    journal_free(journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_event_is_one_plain_line),
        cmocka_unit_test(test_addresses_of_peers_show_where_they_were_asked_for),
        cmocka_unit_test(test_what_is_absent_is_left_out),
        cmocka_unit_test(test_a_count_has_the_words_that_fit_it),
        cmocka_unit_test(test_a_key_is_short_but_where_it_is_the_news),
        cmocka_unit_test(test_listeners_hear_all_until_they_go),
        cmocka_unit_test(test_errors_are_kept_and_equal_ones_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
