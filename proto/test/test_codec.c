/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L /* fork */
#include "test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arbitrary.h"
#include "vx6/crypto.h"
#include "vx6/msg.h"

static struct arbitrary any;
static struct vx6_msg msg;
static uint8_t encoded[33000];

static int reset(void **state)
{
    (void)state;
    any = (struct arbitrary){.state = 6};
    return 0;
}

static const struct schema_layout *next_layout(unsigned *type)
{
    while (*type < 256) {
        const struct schema_layout *layout = schema_message((*type)++);
        if (layout)
            return layout;
    }
    return NULL;
}

#define EACH_MESSAGE(layout)                                                                       \
    unsigned type_ = 0;                                                                            \
    for (const struct schema_layout *layout; (layout = next_layout(&type_)) != NULL;)

static bool ends_in_rest(const struct schema_layout *layout)
{
    return layout->field_count > 0 && layout->fields[layout->field_count - 1].kind == SCHEMA_REST;
}

static void expect_accepted(enum vx6_msg_scope scope, const uint8_t *data, size_t len)
{
    const char *reason = vx6_msg_decode(&msg, scope, data, len);
    if (reason)
        fail_msg("refused: %s", reason);
    assert_int_equal(msg.type, data[0]);
    assert_int_equal(vx6_msg_encode(&msg, encoded, sizeof encoded), len);
    assert_memory_equal(encoded, data, len);
}

static void expect_refused(
    enum vx6_msg_scope scope, const uint8_t *data, size_t len, const char *expected)
{
    /* A copy of exact size lets a sanitizer see every byte read beyond the end. */
    uint8_t *copy = malloc(len + 1);
    assert_non_null(copy);
    memcpy(copy + 1, data, len);
    const char *reason = vx6_msg_decode(&msg, scope, copy + 1, len);
    assert_non_null(reason);
    assert_string_equal(reason, expected);
    assert_int_equal(msg.type, VX6_MSG_NONE);
    free(copy);
}

/* VX6-WIRE-001 VX6-WIRE-003 VX6-WIRE-010 */
static void test_random_valid_messages_survive_a_round_trip(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        EACH_MESSAGE(layout)
        {
            arbitrary_message(&any, layout);
            expect_accepted(layout->scope, any.data, any.len);
        }
    }
}

/* VX6-WIRE-011 */
static void test_every_truncation_is_refused(void **state)
{
    (void)state;
    EACH_MESSAGE(layout)
    {
        any.lists_full = true;
        arbitrary_message(&any, layout);
        size_t len = any.len < 1200 ? any.len : 1200;
        expect_refused(layout->scope, any.data, 0, "message: empty");
        for (size_t cut = 1; cut < len; cut++) {
            const char *reason = vx6_msg_decode(&msg, layout->scope, any.data, cut);
            if (ends_in_rest(layout) && !reason)
                continue;
            assert_non_null(reason);
            assert_memory_equal(reason, layout->name, strlen(layout->name));
            assert_non_null(strstr(reason, ": truncated"));
        }
    }
}

/* VX6-WIRE-008 */
static void test_R4_a_trailing_byte_is_refused(void **state)
{
    (void)state;
    EACH_MESSAGE(layout)
    {
        char expected[64];
        if (ends_in_rest(layout))
            continue;
        arbitrary_message(&any, layout);
        any.data[any.len++] = 0;
        snprintf(expected, sizeof expected, "%s: trailing bytes", layout->name);
        expect_refused(layout->scope, any.data, any.len, expected);
    }
}

/* VX6-WIRE-009 */
static void test_a_message_of_another_scope_is_refused(void **state)
{
    (void)state;
    EACH_MESSAGE(layout)
    {
        arbitrary_message(&any, layout);
        for (int scope = VX6_SCOPE_RECORD; scope <= VX6_SCOPE_LINK; scope++) {
            char expected[64];
            if (scope == (int)layout->scope)
                continue;
            snprintf(expected, sizeof expected, "%s: wrong scope", layout->name);
            expect_refused((enum vx6_msg_scope)scope, any.data, any.len, expected);
        }
    }
}

/* VX6-WIRE-009 */
static void test_an_unknown_type_is_refused_in_every_scope(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        uint8_t data[64] = {(uint8_t)type};
        if (schema_message(type))
            continue;
        for (int scope = VX6_SCOPE_RECORD; scope <= VX6_SCOPE_LINK; scope++)
            expect_refused((enum vx6_msg_scope)scope, data, sizeof data, "message: unknown type");
    }
}

static const char *problem_below(enum schema_kind kind)
{
    return kind == SCHEMA_LABEL ? "not a label" : kind <= SCHEMA_U64 ? "too small" : "too short";
}

static const char *problem_above(enum schema_kind kind)
{
    return kind == SCHEMA_LABEL  ? "not a label"
           : kind == SCHEMA_LIST ? "too many"
           : kind <= SCHEMA_U64  ? "too large"
                                 : "too long";
}

/* The largest number that the field's encoding can hold. */
static uint64_t capacity(const struct schema_field *field)
{
    switch (field->kind) {
    case SCHEMA_U8:
    case SCHEMA_LABEL:
    case SCHEMA_LIST:
        return UINT8_MAX;
    case SCHEMA_U16:
    case SCHEMA_OPAQUE:
        return UINT16_MAX;
    case SCHEMA_U32:
    case SCHEMA_REST:
        return UINT32_MAX;
    case SCHEMA_U64:
    case SCHEMA_BYTES:
        break;
    }
    return UINT64_MAX;
}

/* `where` names the field in reasons. */
static void check_bounds(
    const struct schema_layout *layout, const struct schema_field *field, const char *where)
{
    char expected[VX6_REASON_SIZE];
    any.twisted = field;
    any.lists_full = true;
    const uint64_t allowed[] = {field->min, field->max};
    for (size_t i = 0; i < 2; i++) {
        any.twist = allowed[i];
        arbitrary_message(&any, layout);
        expect_accepted(layout->scope, any.data, any.len);
    }
    if (field->min > 0) {
        any.twist = field->min - 1;
        arbitrary_message(&any, layout);
        snprintf(expected, sizeof expected, "%s: %s", where, problem_below(field->kind));
        expect_refused(layout->scope, any.data, any.len, expected);
    }
    if (field->max < capacity(field)) {
        any.twist = field->max + 1;
        arbitrary_message(&any, layout);
        snprintf(expected, sizeof expected, "%s: %s", where, problem_above(field->kind));
        expect_refused(layout->scope, any.data, any.len, expected);
    }
}

/* VX6-WIRE-002 VX6-WIRE-004 VX6-WIRE-005 VX6-WIRE-007 */
static void test_each_bound_holds_and_one_beyond_it_is_refused(void **state)
{
    (void)state;
    EACH_MESSAGE(layout)
    {
        for (size_t i = 0; i < layout->field_count; i++) {
            char where[VX6_REASON_SIZE];
            snprintf(where, sizeof where, "%s.%s", layout->name, layout->fields[i].name);
            if (layout->fields[i].kind != SCHEMA_BYTES)
                check_bounds(layout, &layout->fields[i], where);
        }
    }
}

/* VX6-WIRE-005 */
static void test_each_bound_of_an_element_holds_and_one_beyond_it_is_refused(void **state)
{
    (void)state;
    EACH_MESSAGE(layout)
    {
        for (size_t i = 0; i < layout->field_count; i++) {
            const struct schema_layout *element = schema_element(layout->fields[i].element);
            for (size_t j = 0; element && j < element->field_count; j++) {
                char where[VX6_REASON_SIZE];
                snprintf(where, sizeof where, "%s.%s[0].%s", layout->name, layout->fields[i].name,
                    element->fields[j].name);
                if (element->fields[j].kind != SCHEMA_BYTES)
                    check_bounds(layout, &element->fields[j], where);
            }
        }
    }
}

/* VX6-WIRE-005: a bundle without a service list has a list that has no bytes, nowhere. */
static void test_nothing_is_taken_from_a_list_that_is_not_there(void **state)
{
    (void)state;
    vx6_list none = {0};
    struct vx6_service service;
    assert_false(vx6_next_service(&none, &service));
    assert_int_equal(none.count, 0);
    assert_null(none.bytes.data);
}

/* VX6-WIRE-012 */
static void test_a_reason_names_the_element_that_is_at_fault(void **state)
{
    (void)state;
    uint8_t storage[20 * 52];
    struct vx6_hint hint = {.port = 1};
    struct vx6_msg nodes = {.type = VX6_MSG_nodes};
    for (int i = 0; i < 20; i++)
        assert_true(vx6_push_hint(&nodes.u.nodes.hints, storage, sizeof storage, &hint));
    size_t len = vx6_msg_encode(&nodes, encoded, sizeof encoded);
    assert_int_equal(len, 1130);
    encoded[len - 1] = 1;
    expect_refused(VX6_SCOPE_QUERY, encoded, len, "nodes.hints[19].flags: too large");
    encoded[90 + 7 * 52 + 49] = 0;
    expect_refused(VX6_SCOPE_QUERY, encoded, len, "nodes.hints[7].port: too small");
    expect_refused(VX6_SCOPE_QUERY, encoded, 90 + 3 * 52 + 31, "nodes.hints[3].key: truncated");
}

/* VX6-WIRE-010 VX6-WIRE-011 */
static void test_R4_bytes_that_decode_encode_to_the_same_bytes(void **state)
{
    (void)state;
    size_t accepted = 0;
    for (int round = 0; round < 400; round++) {
        EACH_MESSAGE(layout)
        {
            arbitrary_message(&any, layout);
            size_t len = any.len < 2000 ? any.len : 2000;
            for (int change = 0; change < 4; change++)
                any.data[arbitrary_next(&any) % len] = (uint8_t)arbitrary_next(&any);
            len -= arbitrary_next(&any) % 8 == 0 ? arbitrary_next(&any) % len : 0;
            for (int scope = VX6_SCOPE_RECORD; scope <= VX6_SCOPE_LINK; scope++) {
                if (vx6_msg_decode(&msg, (enum vx6_msg_scope)scope, any.data, len))
                    continue;
                accepted++;
                assert_int_equal(vx6_msg_encode(&msg, encoded, sizeof encoded), len);
                assert_memory_equal(encoded, any.data, len);
            }
        }
    }
    assert_true(accepted > 1000);
}

/* VX6-WIRE-011 */
static void test_random_bytes_are_refused_or_canonical(void **state)
{
    (void)state;
    for (int round = 0; round < 20000; round++) {
        size_t len = arbitrary_next(&any) % 200;
        any.len = 0;
        arbitrary_bytes(&any, len);
        for (int scope = VX6_SCOPE_RECORD; scope <= VX6_SCOPE_LINK; scope++) {
            if (vx6_msg_decode(&msg, (enum vx6_msg_scope)scope, any.data, len))
                continue;
            assert_int_equal(vx6_msg_encode(&msg, encoded, sizeof encoded), len);
            assert_memory_equal(encoded, any.data, len);
        }
    }
}

/* VX6-WIRE-006 */
static void test_R1_labels_have_one_to_sixty_three_plain_characters(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool valid;
    } rows[] = {
        {"a", true},
        {"0", true},
        {"alice", true},
        {"a-b", true},
        {"a--b", true},
        {"4-4", true},
        {"abcdefghijklmnopqrstuvwxyz-0123456789-abcdefghijklmnopqrstuvwxyz", false},
        {"abcdefghijklmnopqrstuvwxyz-0123456789-abcdefghijklmnopqrstuvwxy", true},
        {"", false},
        {"-", false},
        {"-a", false},
        {"a-", false},
        {"A", false},
        {"aLice", false},
        {"a_b", false},
        {"a.b", false},
        {"a b", false},
        {"a/b", false},
        {"a:b", false},
        {"`a", false},
        {"a{", false},
        {"\xc3\xa4", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len = strlen(rows[i].text);
        vx6_span label = {(const uint8_t *)rows[i].text, len};
        assert_int_equal(vx6_label_is_valid(label), rows[i].valid);
        uint8_t data[1 + 4 + 1 + 1 + 255 + 32 + 2] = {VX6_MSG_session_open, 0, 0, 0, 1, 1};
        data[6] = (uint8_t)len;
        memcpy(data + 7, rows[i].text, len);
        if (rows[i].valid)
            expect_accepted(VX6_SCOPE_LINK, data, 7 + len + 32 + 2);
        else
            expect_refused(
                VX6_SCOPE_LINK, data, 7 + len + 32 + 2, "session_open.service: not a label");
    }
    assert_false(vx6_label_is_valid((vx6_span){(const uint8_t *)"a\0b", 3}));
}

static void test_encoding_writes_nothing_into_a_buffer_that_is_too_small(void **state)
{
    (void)state;
    EACH_MESSAGE(layout)
    {
        arbitrary_message(&any, layout);
        assert_null(vx6_msg_decode(&msg, layout->scope, any.data, any.len));
        size_t step = any.len > 2000 ? 997 : 1;
        for (size_t cap = 0; cap < any.len; cap += step) {
            encoded[cap] = 0xee;
            assert_int_equal(vx6_msg_encode(&msg, encoded, cap), 0);
            assert_int_equal(encoded[cap], 0xee);
        }
    }
}

static bool encoding_asserts(const struct vx6_msg *wrong)
{
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(STDERR_FILENO);
        vx6_msg_encode(wrong, encoded, sizeof encoded);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

/* VX6-WIRE-010 */
static void test_what_no_decoder_would_accept_is_not_encoded(void **state)
{
    (void)state;
    static const uint8_t text[301] = "Web";
    const vx6_span label = {text, 3}, fitting = {text + 1, 2}, long_record = {text, 301};
    const struct {
        struct vx6_msg msg;
        bool wrong;
    } rows[] = {
        {{.type = VX6_MSG_NONE}, true},
        {{.type = VX6_MSG_find_value, .u.find_value.index = 63}, false},
        {{.type = VX6_MSG_find_value, .u.find_value.index = 64}, true},
        {{.type = VX6_MSG_announce, .u.announce.port = 1}, false},
        {{.type = VX6_MSG_announce, .u.announce.port = 0}, true},
        {{.type = VX6_MSG_session_open,
             .u.session_open = {.path = 1, .privacy = 1, .service = fitting}},
            false},
        {{.type = VX6_MSG_session_open,
             .u.session_open = {.path = 1, .privacy = 1, .service = label}},
            true},
        {{.type = VX6_MSG_pong, .u.pong.record = {text, 184}}, false},
        {{.type = VX6_MSG_pong, .u.pong.record = {text, 183}}, true},
        {{.type = VX6_MSG_pong, .u.pong.record = long_record}, true},
        {{.type = VX6_MSG_nodes, .u.nodes.hints.count = 21}, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(encoding_asserts(&rows[i].msg), rows[i].wrong);
}

static void test_elements_come_off_a_list_as_they_were_pushed(void **state)
{
    (void)state;
    uint8_t storage[100];
    vx6_list list = {0};
    struct vx6_service service = {.name = {(const uint8_t *)"web", 3}};
    unsigned pushed = 0;
    while (vx6_push_service(&list, storage, sizeof storage, &service)) {
        pushed++;
        service.name.len = 1 + pushed % 3;
        assert_int_equal(list.count, pushed);
    }
    vx6_list full = list;
    assert_false(vx6_push_service(&list, storage, sizeof storage, &service));
    assert_memory_equal(&list, &full, sizeof list);
    for (unsigned taken = 0; taken < pushed; taken++) {
        assert_true(vx6_next_service(&list, &service));
        assert_int_equal(service.name.len, taken == 0 ? 3 : 1 + taken % 3);
        assert_memory_equal(service.name.data, "web", service.name.len);
    }
    assert_false(vx6_next_service(&list, &service));
    assert_int_equal(list.bytes.len, 0);
}

/* Sizes of the encoding, without the elements of lists. */
static void flat_sizes(const struct schema_layout *layout, size_t *min, size_t *max)
{
    *min = *max = layout->type == VX6_MSG_NONE ? 0 : 1;
    for (size_t i = 0; i < layout->field_count; i++) {
        const struct schema_field *field = &layout->fields[i];
        bool integer = field->kind <= SCHEMA_U64;
        size_t prefix = integer                        ? (size_t)1 << field->kind
                        : field->kind == SCHEMA_OPAQUE ? 2
                        : field->kind == SCHEMA_LABEL || field->kind == SCHEMA_LIST ? 1
                                                                                    : 0;
        bool counted = !integer && field->kind != SCHEMA_LIST;
        *min += prefix + (counted ? field->min : 0);
        *max += prefix + (counted ? field->max : 0);
    }
}

static void sizes(const struct schema_layout *layout, size_t *min, size_t *max)
{
    flat_sizes(layout, min, max);
    for (size_t i = 0; i < layout->field_count; i++) {
        const struct schema_field *field = &layout->fields[i];
        size_t element_min, element_max;
        if (field->kind != SCHEMA_LIST)
            continue;
        flat_sizes(schema_element(field->element), &element_min, &element_max);
        *max += field->max * element_max;
    }
}

/* VX6-WIRE-013 */
static void test_the_largest_message_of_each_scope_fits_its_carrier(void **state)
{
    (void)state;
    EACH_MESSAGE(layout)
    {
        size_t min, max;
        sizes(layout, &min, &max);
        if (layout->scope == VX6_SCOPE_LINK)
            assert_true(max <= VX6_FRAME_MAX);
        if (layout->scope == VX6_SCOPE_QUERY && layout->type % 2 == 0)
            assert_true(2 + max <= VX6_ASK_PAYLOAD_SIZE);
        if (layout->scope == VX6_SCOPE_QUERY && layout->type % 2 == 1)
            assert_true(2 + max <= VX6_ANSWER_PAYLOAD_SIZE);
        if (layout->type == VX6_MSG_node_record)
            assert_true(max <= VX6_RECORD_MAX);
    }
}

/* VX6-WIRE-001: whoever changes a row breaks every other implementation. */
static void test_types_scopes_and_sizes_of_messages_stay_as_they_are(void **state)
{
    (void)state;
    static const struct {
        enum vx6_msg_type type;
        unsigned number;
        enum vx6_msg_scope scope;
        size_t min, max;
    } rows[] = {
        {VX6_MSG_node_record, 0x10, VX6_SCOPE_RECORD, 184, 260},
        {VX6_MSG_name_claim, 0x11, VX6_SCOPE_RECORD, 119, 181},
        {VX6_MSG_service_list, 0x12, VX6_SCOPE_RECORD, 119, 2695},
        {VX6_MSG_bundle, 0x13, VX6_SCOPE_RECORD, 193, 1415},
        {VX6_MSG_lineage, 0x14, VX6_SCOPE_RECORD, 98, 306},
        {VX6_MSG_revocation, 0x15, VX6_SCOPE_RECORD, 107, 170},
        {VX6_MSG_tombstone, 0x16, VX6_SCOPE_RECORD, 124, 493},
        {VX6_MSG_ping, 0x20, VX6_SCOPE_QUERY, 1, 1},
        {VX6_MSG_pong, 0x21, VX6_SCOPE_QUERY, 275, 391},
        {VX6_MSG_find_node, 0x22, VX6_SCOPE_QUERY, 33, 33},
        {VX6_MSG_nodes, 0x23, VX6_SCOPE_QUERY, 90, 1130},
        {VX6_MSG_find_value, 0x24, VX6_SCOPE_QUERY, 34, 34},
        {VX6_MSG_value, 0x25, VX6_SCOPE_QUERY, 217, 1093},
        {VX6_MSG_store, 0x26, VX6_SCOPE_QUERY, 175, 1051},
        {VX6_MSG_stored, 0x27, VX6_SCOPE_QUERY, 91, 91},
        {VX6_MSG_announce, 0x28, VX6_SCOPE_QUERY, 51, 51},
        {VX6_MSG_announced, 0x29, VX6_SCOPE_QUERY, 91, 91},
        {VX6_MSG_sync, 0x2a, VX6_SCOPE_QUERY, 2, 1082},
        {VX6_MSG_synced, 0x2b, VX6_SCOPE_QUERY, 91, 91},
        {VX6_MSG_link_hello, 0x40, VX6_SCOPE_LINK, 23, 23},
        {VX6_MSG_link_close, 0x41, VX6_SCOPE_LINK, 3, 3},
        {VX6_MSG_link_rekey, 0x42, VX6_SCOPE_LINK, 1, 1},
        {VX6_MSG_link_probe, 0x43, VX6_SCOPE_LINK, 1, 1},
        {VX6_MSG_link_alive, 0x44, VX6_SCOPE_LINK, 1, 1},
        {VX6_MSG_link_record, 0x45, VX6_SCOPE_LINK, 187, 303},
        {VX6_MSG_find_services, 0x46, VX6_SCOPE_LINK, 7, 313},
        {VX6_MSG_services, 0x47, VX6_SCOPE_LINK, 8, 1048},
        {VX6_MSG_reach_ask, 0x48, VX6_SCOPE_LINK, 188, 304},
        {VX6_MSG_reach_answer, 0x49, VX6_SCOPE_LINK, 3, 3},
        {VX6_MSG_session_open, 0x50, VX6_SCOPE_LINK, 42, 410},
        {VX6_MSG_session_opened, 0x51, VX6_SCOPE_LINK, 53, 53},
        {VX6_MSG_session_close, 0x52, VX6_SCOPE_LINK, 7, 7},
        {VX6_MSG_stream_open, 0x53, VX6_SCOPE_LINK, 17, 17},
        {VX6_MSG_stream_accept, 0x54, VX6_SCOPE_LINK, 17, 17},
        {VX6_MSG_stream_data, 0x55, VX6_SCOPE_LINK, 18, 32018},
        {VX6_MSG_stream_ack, 0x56, VX6_SCOPE_LINK, 25, 25},
        {VX6_MSG_stream_reset, 0x57, VX6_SCOPE_LINK, 11, 11},
    };
    size_t known = 0;
    EACH_MESSAGE(layout)
    {
        size_t min, max;
        sizes(layout, &min, &max);
        assert_int_equal(layout->type, rows[known].type);
        assert_int_equal(layout->type, rows[known].number);
        assert_int_equal(layout->scope, rows[known].scope);
        assert_int_equal(min, rows[known].min);
        assert_int_equal(max, rows[known].max);
        known++;
    }
    assert_int_equal(known, sizeof rows / sizeof rows[0]);
}

static void test_messages_are_known_by_name(void **state)
{
    (void)state;
    assert_string_equal(vx6_msg_name(VX6_MSG_find_node), "find_node");
    assert_string_equal(vx6_msg_name(VX6_MSG_stream_reset), "stream_reset");
    assert_string_equal(vx6_msg_name(VX6_MSG_NONE), "unknown");
    assert_string_equal(vx6_msg_name((enum vx6_msg_type)256), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_random_valid_messages_survive_a_round_trip, reset),
        cmocka_unit_test_setup(test_every_truncation_is_refused, reset),
        cmocka_unit_test_setup(test_R4_a_trailing_byte_is_refused, reset),
        cmocka_unit_test_setup(test_a_message_of_another_scope_is_refused, reset),
        cmocka_unit_test_setup(test_an_unknown_type_is_refused_in_every_scope, reset),
        cmocka_unit_test_setup(test_each_bound_holds_and_one_beyond_it_is_refused, reset),
        cmocka_unit_test_setup(
            test_each_bound_of_an_element_holds_and_one_beyond_it_is_refused, reset),
        cmocka_unit_test(test_nothing_is_taken_from_a_list_that_is_not_there),
        cmocka_unit_test_setup(test_a_reason_names_the_element_that_is_at_fault, reset),
        cmocka_unit_test_setup(test_R4_bytes_that_decode_encode_to_the_same_bytes, reset),
        cmocka_unit_test_setup(test_random_bytes_are_refused_or_canonical, reset),
        cmocka_unit_test_setup(test_R1_labels_have_one_to_sixty_three_plain_characters, reset),
        cmocka_unit_test_setup(test_encoding_writes_nothing_into_a_buffer_that_is_too_small, reset),
        cmocka_unit_test_setup(test_what_no_decoder_would_accept_is_not_encoded, reset),
        cmocka_unit_test_setup(test_elements_come_off_a_list_as_they_were_pushed, reset),
        cmocka_unit_test_setup(test_the_largest_message_of_each_scope_fits_its_carrier, reset),
        cmocka_unit_test_setup(test_types_scopes_and_sizes_of_messages_stay_as_they_are, reset),
        cmocka_unit_test_setup(test_messages_are_known_by_name, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
