/* SPDX-License-Identifier: MIT */
/* Asks and answers that are changed on their way, or made by who keeps to no rule. */
#include "two.h"

static const struct tamper_row {
    size_t at;
    size_t len;                          /* of the datagram; 0: all */
    enum vx6_code ask_code, answer_code; /* VX6_OK: nobody looks at it */
} tamper_rows[] = {
    {0, 0, VX6_BAD_MESSAGE, VX6_BAD_MESSAGE}, /* type: 0x08 becomes 0x0a, 0x09 0x0b */
    {1, 0, VX6_BAD_SUITE, VX6_BAD_SUITE},
    {2, 0, VX6_BAD_SEAL, VX6_UNEXPECTED}, /* key hint */
    {3, 0, VX6_BAD_SEAL, VX6_UNEXPECTED},
    {OFFSET_ID, 0, VX6_BAD_SEAL, VX6_UNEXPECTED},
    {OFFSET_ID + 7, 0, VX6_BAD_SEAL, VX6_UNEXPECTED},
    {OFFSET_EPHEMERAL, 0, VX6_BAD_SEAL, VX6_BAD_SEAL},
    {OFFSET_EPHEMERAL + 30, 0, VX6_BAD_SEAL, VX6_BAD_SEAL},
    {OFFSET_SEALED, 0, VX6_BAD_SEAL, VX6_BAD_SEAL},
    {600, 0, VX6_BAD_SEAL, VX6_BAD_SEAL},
    {1167, 0, VX6_BAD_SEAL, VX6_BAD_SEAL},
    {1168, 0, VX6_BAD_SEAL, VX6_BAD_SEAL},
    {1183, 0, VX6_BAD_SEAL, VX6_BAD_SEAL},
    {1199, 0, VX6_OK, VX6_BAD_SEAL},
    {2000, 1199, VX6_BAD_MESSAGE, VX6_BAD_MESSAGE},
    {2000, 12, VX6_BAD_MESSAGE, VX6_BAD_MESSAGE},
    {2000, 1, VX6_BAD_MESSAGE, VX6_BAD_MESSAGE},
};

/* VX6-QUERY-002 */
static void test_R12_changed_datagrams_are_refused_with_their_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * sizeof tamper_rows / sizeof tamper_rows[0]; i++) {
        const struct tamper_row *row = &tamper_rows[i / 2];
        struct two two;
        uint8_t question[VX6_DATAGRAM_SIZE], answer[VX6_DATAGRAM_SIZE], changed[4096];
        size_t len = row->len ? row->len : VX6_DATAGRAM_SIZE;
        vx6_addr to;
        two_start(&two, providers(i % 2));
        assert_non_null(ask(&two, VX6_MSG_ping));
        take_ask(&two, question);
        memcpy(changed, question, sizeof question);
        changed[row->at] ^= 2;
        solo_give(&two.responder, &two.asker.addr, changed, len);
        bool is_refused = row->ask_code != VX6_OK;
        assert_int_equal(two.responder.counts[VX6_EVENT_datagram_refused], is_refused ? 1 : 0);
        assert_int_equal(two.responder.codes[VX6_EVENT_datagram_refused], row->ask_code);
        assert_int_equal(vx6_node_refused(two.responder.node, row->ask_code), is_refused ? 1 : 0);
        assert_int_equal(solo_take(&two.responder, answer, &to), !is_refused);

        assert_true(take_answer(&two, question, answer));
        memcpy(changed, answer, sizeof answer);
        changed[row->at] ^= 2;
        solo_give(&two.asker, &two.responder.addr, changed, len);
        assert_int_equal(two.asker.counts[VX6_EVENT_datagram_refused], 1);
        assert_int_equal(two.asker.codes[VX6_EVENT_datagram_refused], row->answer_code);
        give_answer(&two, answer);
        assert_int_equal(two.asker.counts[VX6_EVENT_query_answered], 1);
        two_stop(&two);
    }
}

/* What a responder that does not keep to the rules could say: sealed properly, by the right key. */
static const struct forged_row {
    const char *what;
    enum vx6_msg_type type;
    int length_change; /* of the payload's length field */
    bool padding, bad_signature, no_contact, strange_address;
    const char *label;                      /* of the contact's signature; NULL: its own */
    enum vx6_code refused, contact_refused; /* VX6_OK: not */
    bool enters;
} forged_rows[] = {
    {.what = "true", .type = VX6_MSG_nodes, .enters = true},
    {.what = "other type", .type = VX6_MSG_stored, .refused = VX6_UNEXPECTED},
    {.what = "an ask", .type = VX6_MSG_find_node, .refused = VX6_UNEXPECTED},
    {.what = "value unasked", .type = VX6_MSG_announced, .refused = VX6_UNEXPECTED},
    {.what = "too short", .type = VX6_MSG_nodes, .length_change = -1, .refused = VX6_BAD_MESSAGE},
    {.what = "too long", .type = VX6_MSG_nodes, .length_change = 1, .refused = VX6_BAD_MESSAGE},
    {.what = "beyond the datagram",
        .type = VX6_MSG_nodes,
        .length_change = 1500,
        .refused = VX6_BAD_MESSAGE},
    {.what = "padding", .type = VX6_MSG_nodes, .padding = true, .refused = VX6_BAD_MESSAGE},
    {.what = "signature",
        .type = VX6_MSG_nodes,
        .bad_signature = true,
        .contact_refused = VX6_BAD_RECORD},
    {.what = "another address",
        .type = VX6_MSG_nodes,
        .strange_address = true,
        .contact_refused = VX6_BAD_RECORD},
    {.what = "no contact", .type = VX6_MSG_nodes, .no_contact = true},
};

static void set_contact(
    const struct two *two, const struct forged_row *row, uint32_t *issued_s, uint8_t *signature)
{
    const struct vx6_crypto *crypto = &two->responder.crypto;
    const struct own_keys *keys = &two->responder.node->keys;
    uint8_t bytes[54];
    *issued_s = row->no_contact ? 0 : 1800000000;
    memcpy(bytes, keys->identity, 32);
    memcpy(bytes + 32, two->responder.addr.ip, 16);
    store_u16(bytes + 48, (uint16_t)(two->responder.addr.port + (row->strange_address ? 1 : 0)));
    store_u32(bytes + 50, *issued_s);
    crypto->sign(crypto, signature, keys->identity_seed, keys->identity,
        row->label ? row->label : "vx6/contact/1", bytes, sizeof bytes);
    if (row->bad_signature)
        signature[3] ^= 1;
}

static void forge(const struct two *two, const struct forged_row *row, const uint8_t *question,
    uint8_t answer[VX6_DATAGRAM_SIZE])
{
    const struct vx6_crypto *crypto = &two->responder.crypto;
    const struct own_keys *keys = &two->responder.node->keys;
    struct vx6_ask opened;
    uint8_t room[VX6_ASK_PAYLOAD_SIZE], payload[VX6_ANSWER_PAYLOAD_SIZE] = {0}, seed[32] = {7};
    vx6_span asked;
    assert_true(crypto->ask_open(
        crypto, &opened, keys->identity_seed, keys->identity, question, room, &asked));
    struct vx6_msg msg = {.type = row->type};
    if (row->type == VX6_MSG_nodes)
        set_contact(two, row, &msg.u.nodes.contact_issued_s, msg.u.nodes.contact_signature);
    size_t len = vx6_msg_encode(&msg, payload + 2, sizeof payload - 2);
    store_u16(payload, (uint16_t)((int)len + row->length_change));
    if (row->padding)
        payload[sizeof payload - 1] = 1;
    memcpy(answer, question, OFFSET_EPHEMERAL);
    answer[0] = 0x09;
    answer[2] = answer[3] = 0;
    crypto->answer_seal(crypto, &opened, seed, payload, sizeof payload, answer);
}

static void check_forged(const struct forged_row *row, const struct vx6_crypto *crypto)
{
    struct two two;
    uint8_t question[VX6_DATAGRAM_SIZE], answer[VX6_DATAGRAM_SIZE];
    print_message("answer: %s\n", row->what);
    two_start(&two, crypto);
    assert_non_null(ask(&two, VX6_MSG_find_node));
    take_ask(&two, question);
    forge(&two, row, question, answer);
    give_answer(&two, answer);
    assert_int_equal(two.asker.counts[VX6_EVENT_datagram_refused], row->refused == VX6_OK ? 0 : 1);
    assert_int_equal(two.asker.codes[VX6_EVENT_datagram_refused], row->refused);
    assert_int_equal(two.asker.counts[VX6_EVENT_query_answered], row->refused == VX6_OK ? 1 : 0);
    assert_int_equal(two.asker.codes[VX6_EVENT_contact_refused], row->contact_refused);
    assert_int_equal(two.asker.node->table.count, row->enters ? 1 : 0);
    two_stop(&two);
}

/* VX6-QUERY-003, VX6-QUERY-004, VX6-DHT-004 */
static void test_answers_that_break_a_rule_are_refused_with_their_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof forged_rows / sizeof forged_rows[0]; i++)
        check_forged(&forged_rows[i], providers(i % 2));
}

/* VX6-CRYPTO-004, VX6-DHT-004: the right key signs the right bytes, for something else. */
static void test_S9_a_contact_signed_for_another_purpose_is_refused(void **state)
{
    (void)state;
    static const char *const labels[] = {
        "vx6/node-record/1", "vx6/name-claim/1", "vx6/service-list/1", "vx6/contact/2", ""};
    for (size_t i = 0; i < 2 * sizeof labels / sizeof labels[0]; i++)
        check_forged(&(struct forged_row){.what = labels[i / 2],
                         .type = VX6_MSG_nodes,
                         .label = labels[i / 2],
                         .contact_refused = VX6_BAD_RECORD},
            providers(i % 2));
}

/* A sealed ask for one node means nothing to another, whose hint and key differ. */
static void test_R12_an_ask_for_another_node_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct two two;
        struct solo other;
        uint8_t question[VX6_DATAGRAM_SIZE];
        two_start(&two, providers(i));
        solo_init(&other);
        other.crypto = *providers(i);
        solo_start(&other, 3);
        assert_non_null(ask(&two, VX6_MSG_ping));
        take_ask(&two, question);
        solo_give(&other, &two.asker.addr, question, sizeof question);
        assert_int_equal(other.codes[VX6_EVENT_datagram_refused], VX6_BAD_SEAL);
        memcpy(question + 2, other.node->keys.id, 2);
        solo_give(&other, &two.asker.addr, question, sizeof question);
        assert_int_equal(other.counts[VX6_EVENT_datagram_refused], 2);
        assert_int_equal(other.counts[VX6_EVENT_ask_answered], 0);
        solo_stop(&other);
        two_stop(&two);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_R12_changed_datagrams_are_refused_with_their_reason),
        cmocka_unit_test(test_answers_that_break_a_rule_are_refused_with_their_reason),
        cmocka_unit_test(test_S9_a_contact_signed_for_another_purpose_is_refused),
        cmocka_unit_test(test_R12_an_ask_for_another_node_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
