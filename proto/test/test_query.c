/* SPDX-License-Identifier: MIT */
/* Two nodes that ask each other, with the test in between: it loses, repeats, delays, changes and
 * forges datagrams. */
#include "solo.h"

struct two {
    struct solo asker, responder;
    struct peer *peer; /* the responder, as the asker knows it */
};

enum {
    OFFSET_ID = 4,
    OFFSET_EPHEMERAL = 12,
    OFFSET_SEALED = 44
};

static void two_start(struct two *two, const struct vx6_crypto *crypto)
{
    solo_init(&two->asker);
    solo_init(&two->responder);
    two->asker.crypto = two->responder.crypto = *crypto;
    solo_start(&two->asker, 1);
    solo_start(&two->responder, 2);
    two->peer = peer_get(two->asker.env, two->responder.node->keys.identity, &two->responder.addr);
    assert_non_null(two->peer);
}

static void two_stop(struct two *two)
{
    peer_drop(two->asker.env, two->peer);
    solo_stop(&two->asker);
    solo_stop(&two->responder);
}

static struct query *ask(struct two *two, enum vx6_msg_type type)
{
    struct vx6_msg msg = {.type = type};
    return query_start(two->asker.node, two->peer, &msg, QUERY_ANNOUNCE, NULL);
}

static void take_ask(struct two *two, uint8_t datagram[VX6_DATAGRAM_SIZE])
{
    vx6_addr to;
    assert_true(solo_take(&two->asker, datagram, &to));
    assert_memory_equal(&to.ip, &two->responder.addr.ip, 16);
}

/* Gives the responder an ask and takes its answer. */
static bool take_answer(struct two *two, const uint8_t *question, uint8_t answer[VX6_DATAGRAM_SIZE])
{
    vx6_addr to;
    solo_give(&two->responder, &two->asker.addr, question, VX6_DATAGRAM_SIZE);
    return solo_take(&two->responder, answer, &to);
}

static void give_answer(struct two *two, const uint8_t *answer)
{
    solo_give(&two->asker, &two->responder.addr, answer, VX6_DATAGRAM_SIZE);
}

static const struct vx6_crypto *providers(size_t i)
{
    return i == 0 ? &vx6_crypto_model : &vx6_crypto_real;
}

/* VX6-QUERY-001, VX6-QUERY-007, VX6-DHT-004 */
static void test_an_answer_comes_back_and_its_sender_enters_the_table(void **state)
{
    (void)state;
    static const enum vx6_msg_type asks[] = {VX6_MSG_ping, VX6_MSG_find_node, VX6_MSG_find_value};
    for (size_t i = 0; i < 2 * sizeof asks / sizeof asks[0]; i++) {
        struct two two;
        uint8_t question[VX6_DATAGRAM_SIZE], answer[VX6_DATAGRAM_SIZE];
        two_start(&two, providers(i % 2));
        assert_non_null(ask(&two, asks[i / 2]));
        take_ask(&two, question);
        assert_int_equal(question[0], 0x08);
        assert_int_equal(question[1], 1);
        assert_memory_equal(question + 2, two.responder.node->keys.id, 2);
        assert_true(take_answer(&two, question, answer));
        assert_int_equal(answer[0], 0x09);
        assert_int_equal(load_u16(answer + 2), 0);
        assert_memory_equal(question + OFFSET_ID, answer + OFFSET_ID, 8);
        assert_int_equal(two.responder.node->table.count, 0);
        give_answer(&two, answer);
        assert_int_equal(two.asker.counts[VX6_EVENT_query_answered], 1);
        assert_int_equal(two.asker.node->queries.count, 0);
        assert_ptr_equal(two.asker.node->table.contacts[0].peer, two.peer);
        two_stop(&two);
    }
}

/* VX6-QUERY-005, VX6-QUERY-006 */
static void test_each_try_is_sealed_afresh_and_the_last_loss_is_told(void **state)
{
    (void)state;
    struct two two;
    uint8_t first[VX6_DATAGRAM_SIZE], second[VX6_DATAGRAM_SIZE];
    vx6_addr to;
    two_start(&two, &vx6_crypto_model);
    assert_non_null(ask(&two, VX6_MSG_ping));
    take_ask(&two, first);
    solo_wait(&two.asker, two.asker.limits.query_timeout_ms - 1);
    assert_false(solo_take(&two.asker, second, &to));
    solo_wait(&two.asker, 2);
    take_ask(&two, second);
    assert_memory_not_equal(first + OFFSET_ID, second + OFFSET_ID, 8);
    assert_memory_not_equal(first + OFFSET_EPHEMERAL, second + OFFSET_EPHEMERAL, 32);
    assert_int_equal(two.asker.counts[VX6_EVENT_query_lost], 0);
    solo_wait(&two.asker, two.asker.limits.query_timeout_ms + 1);
    assert_int_equal(two.asker.counts[VX6_EVENT_query_lost], 1);
    assert_int_equal(two.asker.codes[VX6_EVENT_query_lost], VX6_TIMEOUT);
    assert_int_equal(two.asker.node->queries.count, 0);
    assert_false(solo_take(&two.asker, first, &to));
    two_stop(&two);
}

static void test_a_query_that_the_carrier_never_takes_ends_as_well(void **state)
{
    (void)state;
    struct two two;
    two_start(&two, &vx6_crypto_model);
    assert_non_null(ask(&two, VX6_MSG_ping));
    solo_wait(&two.asker, 2 * two.asker.limits.query_timeout_ms + 1);
    assert_int_equal(two.asker.counts[VX6_EVENT_query_lost], 1);
    assert_null(two.asker.node->queries.waiting_first);
    two_stop(&two);
}

/* VX6-QUERY-004: duplicates, late answers and answers from elsewhere change nothing. */
static void test_only_the_first_answer_of_the_last_try_counts(void **state)
{
    (void)state;
    struct two two;
    uint8_t question[VX6_DATAGRAM_SIZE], late[VX6_DATAGRAM_SIZE], answer[VX6_DATAGRAM_SIZE];
    two_start(&two, &vx6_crypto_model);
    assert_non_null(ask(&two, VX6_MSG_ping));
    take_ask(&two, question);
    assert_true(take_answer(&two, question, late));
    solo_wait(&two.asker, two.asker.limits.query_timeout_ms + 1);
    take_ask(&two, question);
    give_answer(&two, late);
    assert_int_equal(two.asker.codes[VX6_EVENT_datagram_refused], VX6_UNEXPECTED);
    assert_true(take_answer(&two, question, answer));
    vx6_addr elsewhere = two.responder.addr;
    elsewhere.port++;
    solo_give(&two.asker, &elsewhere, answer, sizeof answer);
    assert_int_equal(two.asker.counts[VX6_EVENT_datagram_refused], 2);
    assert_int_equal(two.asker.counts[VX6_EVENT_query_answered], 0);
    give_answer(&two, answer);
    assert_int_equal(two.asker.counts[VX6_EVENT_query_answered], 1);
    give_answer(&two, answer);
    assert_int_equal(two.asker.counts[VX6_EVENT_datagram_refused], 3);
    assert_int_equal(two.asker.codes[VX6_EVENT_datagram_refused], VX6_UNEXPECTED);
    assert_int_equal(two.asker.counts[VX6_EVENT_query_answered], 1);
    two_stop(&two);
}

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

/* VX6-QUERY-001 */
static void test_bytes_of_quic_are_not_looked_at(void **state)
{
    (void)state;
    struct solo solo;
    uint8_t bytes[VX6_DATAGRAM_SIZE] = {0};
    vx6_addr from = solo_addr(9);
    solo_init(&solo);
    solo_start(&solo, 1);
    for (unsigned first = 0x40; first <= 0xff; first++) {
        bytes[0] = (uint8_t)first;
        solo_give(&solo, &from, bytes, sizeof bytes);
        solo_give(&solo, &from, bytes, 1);
    }
    solo_give(&solo, &from, bytes, 0);
    assert_int_equal(solo.counts[VX6_EVENT_datagram_refused], 0);
    solo_stop(&solo);
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
    uint8_t payload[VX6_ANSWER_PAYLOAD_SIZE] = {0}, seed[32] = {7};
    assert_true(
        crypto->ask_open(crypto, &opened, keys->identity_seed, keys->identity, question, payload));
    memset(payload, 0, sizeof payload);
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

/* VX6-QUERY-008 */
static void test_answers_beyond_the_bound_are_dropped_and_counted(void **state)
{
    (void)state;
    struct two two;
    uint8_t question[VX6_DATAGRAM_SIZE];
    two_start(&two, &vx6_crypto_model);
    two.responder.limits.datagram_pending_max = 3;
    assert_non_null(ask(&two, VX6_MSG_ping));
    take_ask(&two, question);
    for (uint32_t i = 0; i < 5; i++)
        solo_give(&two.responder, &two.asker.addr, question, sizeof question);
    assert_int_equal(two.responder.counts[VX6_EVENT_datagram_dropped], 2);
    assert_int_equal(two.responder.node->queries.answer_count, 3);
    two_stop(&two);
}

static void test_queries_are_bounded_and_cancelled_ones_give_way(void **state)
{
    (void)state;
    struct two two;
    uint8_t question[VX6_DATAGRAM_SIZE], answer[VX6_DATAGRAM_SIZE];
    two_start(&two, &vx6_crypto_model);
    two.asker.limits.query_max = 4;
    struct query *queries[4];
    for (uint32_t i = 0; i < 4; i++) {
        queries[i] = ask(&two, VX6_MSG_ping);
        assert_non_null(queries[i]);
        if (i < 2)
            take_ask(&two, question);
    }
    assert_null(ask(&two, VX6_MSG_ping));
    assert_int_equal(two.asker.codes[VX6_EVENT_limit_reached], VX6_LIMIT);
    query_cancel(two.asker.node, queries[3]); /* not sent: gone at once */
    assert_int_equal(two.asker.node->queries.count, 3);
    query_cancel(two.asker.node, queries[1]); /* sent: still tells whether the peer lives */
    assert_int_equal(two.asker.node->queries.count, 3);
    assert_true(take_answer(&two, question, answer));
    give_answer(&two, answer);
    assert_int_equal(two.asker.node->table.count, 1);
    query_cancel(two.asker.node, queries[0]);
    for (uint32_t i = 0; i < 3; i++)
        assert_non_null(ask(&two, VX6_MSG_ping));
    assert_null(ask(&two, VX6_MSG_ping));
    two_stop(&two);
}

/* VX6-QUERY-009 */
static void test_S1_a_key_that_nobody_can_have_is_not_asked(void **state)
{
    (void)state;
    struct two two;
    two_start(&two, &vx6_crypto_model);
    uint8_t zero[32] = {0};
    struct peer *nobody = peer_get(two.asker.env, zero, &two.responder.addr);
    struct vx6_msg ping = {.type = VX6_MSG_ping};
    assert_null(query_start(two.asker.node, nobody, &ping, QUERY_ANNOUNCE, NULL));
    peer_drop(two.asker.env, nobody);
    two_stop(&two);
}

static void test_datagrams_to_one_peer_go_out_as_one_batch(void **state)
{
    (void)state;
    static uint8_t buffer[VX6_FILL_MIN];
    struct two two;
    two_start(&two, &vx6_crypto_model);
    vx6_addr addr = solo_addr(9);
    struct peer *other = peer_get(two.asker.env, two.peer->key, &addr);
    struct vx6_msg ping = {.type = VX6_MSG_ping};
    for (uint32_t i = 0; i < 3; i++)
        assert_non_null(ask(&two, VX6_MSG_ping));
    assert_non_null(query_start(two.asker.node, other, &ping, QUERY_ANNOUNCE, NULL));
    struct vx6_batch batch = {.dst = buffer, .cap = sizeof buffer};
    assert_true(vx6_node_fill(two.asker.node, VX6_DATAGRAMS, &batch));
    assert_int_equal(batch.len, 3 * VX6_DATAGRAM_SIZE);
    assert_int_equal(batch.segment_len, VX6_DATAGRAM_SIZE);
    assert_true(vx6_node_fill(two.asker.node, VX6_DATAGRAMS, &batch));
    assert_int_equal(batch.len, VX6_DATAGRAM_SIZE);
    assert_true(addr_equal(&batch.peer, &addr));
    assert_false(vx6_node_fill(two.asker.node, VX6_DATAGRAMS, &batch));
    peer_drop(two.asker.env, other);
    two_stop(&two);
}

/* VX6-DHT-009 */
static void test_K15_losses_in_a_row_are_not_held_against_contacts(void **state)
{
    (void)state;
    struct two two;
    uint8_t datagram[VX6_DATAGRAM_SIZE];
    vx6_addr to;
    two_start(&two, &vx6_crypto_model);
    two.asker.limits.contact_ping_ms = 3600000;
    two.asker.limits.contact_failures_max = 1;
    for (uint32_t i = 0; i < 12; i++) {
        struct own_keys keys;
        uint8_t seed[32] = {(uint8_t)(i + 50)};
        vx6_addr addr = solo_addr(100 + i);
        own_keys_init(&keys, two.asker.env->crypto, seed);
        struct peer *peer = peer_get(two.asker.env, keys.identity, &addr);
        assert_true(table_seen(two.asker.node, peer));
        struct vx6_msg ping = {.type = VX6_MSG_ping};
        assert_non_null(query_start(two.asker.node, peer, &ping, QUERY_ANNOUNCE, NULL));
        peer_drop(two.asker.env, peer);
    }
    solo_wait(&two.asker, 2 * two.asker.limits.query_timeout_ms + 1);
    while (solo_take(&two.asker, datagram, &to))
        ;
    assert_int_equal(two.asker.node->table.count, 8);
    assert_true(query_is_cut_off(two.asker.node));
    two_stop(&two);
}

/* VX6-DHT-009: strangers that others named may never have lived. */
static void test_lost_strangers_do_not_make_a_node_believe_that_it_is_cut_off(void **state)
{
    (void)state;
    struct two two;
    uint8_t datagram[VX6_DATAGRAM_SIZE];
    vx6_addr to;
    two_start(&two, &vx6_crypto_model);
    for (uint32_t i = 0; i < 12; i++) {
        struct own_keys keys;
        uint8_t seed[32] = {(uint8_t)(i + 50)};
        vx6_addr addr = solo_addr(100 + i);
        own_keys_init(&keys, two.asker.env->crypto, seed);
        struct peer *peer = peer_get(two.asker.env, keys.identity, &addr);
        struct vx6_msg ping = {.type = VX6_MSG_ping};
        assert_non_null(query_start(two.asker.node, peer, &ping, QUERY_ANNOUNCE, NULL));
        peer_drop(two.asker.env, peer);
    }
    solo_wait(&two.asker, 2 * two.asker.limits.query_timeout_ms + 1);
    while (solo_take(&two.asker, datagram, &to))
        ;
    assert_int_equal(two.asker.counts[VX6_EVENT_query_lost], 12);
    assert_false(query_is_cut_off(two.asker.node));
    two_stop(&two);
}

/* VX6-DHT-028 */
static void test_R9_newcomers_at_one_site_are_asked_few_at_a_time(void **state)
{
    (void)state;
    struct solo solo;
    vx6_addr elsewhere = solo_addr(8);
    solo_init(&solo);
    solo_start(&solo, 1);
    for (uint32_t i = 0; i < 10; i++) {
        struct own_keys keys;
        uint8_t seed[32] = {(uint8_t)(i + 50)};
        vx6_addr addr = solo_addr(9);
        addr.port = (uint16_t)(100 + i);
        own_keys_init(&keys, solo.env->crypto, seed);
        bool is_allowed = i < solo.limits.site_queries_max;
        assert_int_equal(discovery_consider(solo.node, keys.identity, &addr, &elsewhere),
            is_allowed ? VX6_OK : VX6_LIMIT);
        if (!is_allowed) /* who speaks from there can be asked there */
            assert_int_equal(discovery_consider(solo.node, keys.identity, &addr, &addr), VX6_OK);
    }
    solo_stop(&solo);
}

/* VX6-QUERY-010 */
static void test_K15_a_try_waits_as_long_as_answers_take(void **state)
{
    (void)state;
    static const struct {
        uint32_t rtt_ms, first_ms, second_ms;
    } rows[] = {{20, 500, 1000}, {300, 700, 1200}, {1400, 1500, 1500}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct two two;
        uint8_t question[VX6_DATAGRAM_SIZE], answer[VX6_DATAGRAM_SIZE];
        two_start(&two, &vx6_crypto_model);
        /* Without an endpoint it is no contact: there are no queries but the test's. */
        struct vx6_in in = {.kind = VX6_IN_ENDPOINT_REMOVE, .peer = two.responder.addr};
        assert_int_equal(vx6_node_input(two.responder.node, two.responder.now, &in), VX6_OK);
        for (uint32_t j = 0; j < 40; j++) {
            assert_non_null(ask(&two, VX6_MSG_ping));
            take_ask(&two, question);
            assert_true(take_answer(&two, question, answer));
            two.asker.now += rows[i].rtt_ms * VX6_MILLISECOND;
            give_answer(&two, answer);
        }
        struct query *query = ask(&two, VX6_MSG_ping);
        assert_non_null(query);
        solo_wait(&two.asker, rows[i].first_ms + 1);
        take_ask(&two, question);
        assert_int_equal(two.asker.counts[VX6_EVENT_query_lost], 0);
        solo_wait(&two.asker, rows[i].second_ms + rows[i].first_ms);
        assert_int_equal(two.asker.counts[VX6_EVENT_query_lost], 1);
        two_stop(&two);
    }
}

static size_t take_any(struct solo *solo, uint8_t *datagram)
{
    static uint8_t buffer[VX6_FILL_MIN];
    struct vx6_batch batch = {.dst = buffer, .cap = sizeof buffer};
    if (solo->node->queries.waiting_first == NULL || !query_fill(solo->node, &batch))
        return 0;
    assert_int_equal(batch.len, batch.segment_len);
    memcpy(datagram, buffer, batch.len);
    return batch.len;
}

/* VX6-QUERY-010: who starts among contacts of whom some are gone. */
static void test_the_first_answer_shortens_the_tries_in_flight(void **state)
{
    (void)state;
    static const struct {
        uint32_t rtt_ms, lost_ms; /* a first try of so long, and a second */
    } rows[] = {{20, 500 + 1000}, {300, 900 + 1500}, {600, 1500 + 1500}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct two two;
        uint8_t question[VX6_DATAGRAM_SIZE], answer[VX6_DATAGRAM_SIZE], nobody[VX6_DATAGRAM_SIZE];
        two_start(&two, &vx6_crypto_model);
        struct vx6_in in = {.kind = VX6_IN_ENDPOINT_REMOVE, .peer = two.responder.addr};
        assert_int_equal(vx6_node_input(two.responder.node, two.responder.now, &in), VX6_OK);
        assert_non_null(ask(&two, VX6_MSG_ping));
        take_ask(&two, question);
        assert_non_null(ask(&two, VX6_MSG_ping));
        take_ask(&two, nobody);
        assert_true(take_answer(&two, question, answer));
        two.asker.now += rows[i].rtt_ms * VX6_MILLISECOND;
        give_answer(&two, answer);
        assert_int_equal(two.asker.counts[VX6_EVENT_query_answered], 1);
        uint32_t waited_ms = rows[i].rtt_ms;
        while (two.asker.counts[VX6_EVENT_query_lost] == 0 && waited_ms < 5000) {
            solo_wait(&two.asker, 10);
            while (take_any(&two.asker, nobody) > 0)
                continue;
            waited_ms += 10;
        }
        assert_in_range(waited_ms, rows[i].lost_ms - 10, rows[i].lost_ms + 20);
        two_stop(&two);
    }
}

/* As many asks as need no proof, opened by nobody. */
static void flood(struct two *two, const vx6_addr *from, uint32_t count)
{
    uint8_t garbage[VX6_DATAGRAM_SIZE] = {0x08, 1};
    memcpy(garbage + 2, two->responder.node->keys.id, 2);
    for (uint32_t i = 0; i < count; i++)
        solo_give(&two->responder, from, garbage, sizeof garbage);
}

/* VX6-QUERY-011, VX6-QUERY-012, VX6-QUERY-013 */
static void test_under_load_who_asks_proves_that_it_receives(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct two two;
        uint8_t question[VX6_DATAGRAM_SIZE], reply[VX6_DATAGRAM_SIZE], again[VX6_DATAGRAM_SIZE];
        two_start(&two, providers(i));
        vx6_addr attacker = solo_addr(99);
        assert_non_null(ask(&two, VX6_MSG_ping));
        take_ask(&two, question);
        flood(&two, &attacker, two.responder.limits.asks_per_second);
        solo_give(&two.responder, &two.asker.addr, question, sizeof question);
        assert_int_equal(two.responder.counts[VX6_EVENT_ask_answered], 0);
        assert_int_equal(two.responder.counts[VX6_EVENT_cookie_sent], 1);
        assert_int_equal(take_any(&two.responder, reply), 68);
        assert_int_equal(reply[0], 0x0a);
        assert_memory_equal(reply + OFFSET_ID, question + OFFSET_ID, 8);

        /* Changed, from elsewhere, or once more: it changes nothing. */
        for (size_t at = 0; at < 68; at++) {
            reply[at] ^= 1;
            if (at != 0)
                solo_give(&two.asker, &two.responder.addr, reply, 68);
            reply[at] ^= 1;
        }
        solo_give(&two.asker, &attacker, reply, 68);
        assert_int_equal(two.asker.counts[VX6_EVENT_cookie_taken], 0);
        solo_give(&two.asker, &two.responder.addr, reply, 68);
        assert_int_equal(two.asker.counts[VX6_EVENT_cookie_taken], 1);
        solo_give(&two.asker, &two.responder.addr, reply, 68);
        assert_int_equal(two.asker.counts[VX6_EVENT_cookie_taken], 1);

        /* Asked again at once; the proof is good for one address. */
        take_ask(&two, again);
        assert_false(is_zero(again + VX6_ASK_MAC1_AT + VX6_MAC_SIZE, VX6_MAC_SIZE));
        solo_give(&two.responder, &attacker, again, sizeof again);
        assert_int_equal(two.responder.counts[VX6_EVENT_cookie_sent], 2);
        assert_int_equal(take_any(&two.responder, reply), 68);
        solo_give(&two.responder, &two.asker.addr, again, sizeof again);
        assert_int_equal(two.responder.counts[VX6_EVENT_ask_answered], 1);
        assert_int_equal(take_any(&two.responder, reply), VX6_DATAGRAM_SIZE);
        give_answer(&two, reply);
        assert_int_equal(two.asker.counts[VX6_EVENT_query_answered], 1);

        /* A second later there is no load: nothing needs a proof, and no counters are left. */
        solo_wait(&two.responder, 1001);
        solo_give(&two.responder, &two.asker.addr, question, sizeof question);
        assert_int_equal(two.responder.counts[VX6_EVENT_ask_answered], 2);
        solo_wait(&two.responder, 1001);
        solo_give(&two.responder, &two.asker.addr, question, sizeof question);
        assert_null(two.responder.node->queries.asks.networks);
        two_stop(&two);
    }
}

/* The list of what the carrier has to take holds a query once, however it came there. */
static void test_a_query_that_the_carrier_never_takes_after_a_cookie_ends_as_well(void **state)
{
    (void)state;
    struct two two;
    uint8_t question[VX6_DATAGRAM_SIZE], cookie[VX6_DATAGRAM_SIZE];
    two_start(&two, &vx6_crypto_model);
    vx6_addr attacker = solo_addr(99);
    assert_non_null(ask(&two, VX6_MSG_ping));
    take_ask(&two, question);
    flood(&two, &attacker, two.responder.limits.asks_per_second);
    solo_give(&two.responder, &two.asker.addr, question, sizeof question);
    assert_int_equal(take_any(&two.responder, cookie), 68);
    solo_give(&two.asker, &two.responder.addr, cookie, 68);
    assert_int_equal(two.asker.counts[VX6_EVENT_cookie_taken], 1);
    assert_non_null(two.asker.node->queries.waiting_first);
    solo_wait(&two.asker, 60000);
    assert_null(two.asker.node->queries.waiting_first);
    assert_int_equal(two.asker.node->queries.count, 0);
    assert_int_equal(two.asker.counts[VX6_EVENT_query_lost], 1);
    two_stop(&two);
}

/* VX6-QUERY-011: one network that asks too much needs proofs; others do not. */
static void test_K10_a_network_over_its_share_proves_its_addresses_alone(void **state)
{
    (void)state;
    static const struct {
        vx6_addr flooding, same, other; /* networks */
    } rows[] = {
        {{{0x26, 7, [15] = 9}, 1}, {{0x26, 7, [7] = 1, [15] = 8}, 1}, {{0x26, 7, [5] = 1}, 1}},
        {{{[10] = 0xff, 0xff, 9, 9, 9, 1}, 1}, {{[10] = 0xff, 0xff, 9, 9, 9, 2}, 1},
            {{[10] = 0xff, 0xff, 9, 9, 8, 1}, 1}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct two two;
        uint8_t question[VX6_DATAGRAM_SIZE];
        two_start(&two, &vx6_crypto_model);
        const struct vx6_limits *limits = &two.responder.limits;
        assert_non_null(ask(&two, VX6_MSG_ping));
        take_ask(&two, question);
        flood(&two, &rows[i].flooding,
            limits->asks_per_second / 8 + limits->asks_per_site_per_second);
        solo_give(&two.responder, &rows[i].other, question, sizeof question);
        assert_int_equal(two.responder.counts[VX6_EVENT_ask_answered], 1);
        solo_give(&two.responder, &rows[i].same, question, sizeof question);
        assert_int_equal(two.responder.counts[VX6_EVENT_ask_answered], 1);
        assert_int_equal(two.responder.counts[VX6_EVENT_cookie_sent], 1);
        two_stop(&two);
    }
}

/* VX6-QUERY-014 */
static void test_who_proves_its_addresses_has_a_share_all_the_same(void **state)
{
    (void)state;
    struct two two;
    uint8_t question[VX6_DATAGRAM_SIZE], cookie[VX6_COOKIE_SIZE];
    two_start(&two, &vx6_crypto_model);
    struct vx6_limits *limits = &two.responder.limits;
    assert_non_null(ask(&two, VX6_MSG_ping));
    take_ask(&two, question);
    vx6_addr spoofed = solo_addr(99);
    flood(&two, &spoofed, limits->asks_per_second);
    uint64_t *answered = &two.responder.counts[VX6_EVENT_ask_answered], before = 0;
    const struct vx6_crypto *crypto = two.responder.node->env->crypto;
    for (uint32_t network = 1; network <= 2 * METER_NETWORKS; network++) {
        vx6_addr from = {{0x24, 0, (uint8_t)(network >> 8), (uint8_t)network, [15] = 1}, 4242};
        for (uint32_t i = 0; i < 2 * limits->asks_per_site_per_second; i++) {
            uint8_t answer[VX6_DATAGRAM_SIZE];
            from.port++; /* another address, with a cookie of its own */
            cookie_make(two.responder.node, cookie, &from);
            crypto->ask_prove(crypto, cookie, question);
            solo_give(&two.responder, &from, question, sizeof question);
            while (take_any(&two.responder, answer) > 0)
                ;
        }
        if (network > 1 && network <= 8)
            assert_int_equal(*answered - before, limits->asks_per_site_per_second);
        before = *answered;
    }
    assert_in_range(*answered, limits->asks_per_second, limits->asks_per_second * 9 / 4);
    assert_int_equal(two.responder.codes[VX6_EVENT_datagram_refused], VX6_LIMIT);
    assert_int_equal(two.responder.counts[VX6_EVENT_cookie_sent], 0);
    two_stop(&two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_answer_comes_back_and_its_sender_enters_the_table),
        cmocka_unit_test(test_each_try_is_sealed_afresh_and_the_last_loss_is_told),
        cmocka_unit_test(test_a_query_that_the_carrier_never_takes_ends_as_well),
        cmocka_unit_test(test_only_the_first_answer_of_the_last_try_counts),
        cmocka_unit_test(test_R12_changed_datagrams_are_refused_with_their_reason),
        cmocka_unit_test(test_bytes_of_quic_are_not_looked_at),
        cmocka_unit_test(test_answers_that_break_a_rule_are_refused_with_their_reason),
        cmocka_unit_test(test_S9_a_contact_signed_for_another_purpose_is_refused),
        cmocka_unit_test(test_R12_an_ask_for_another_node_is_refused),
        cmocka_unit_test(test_answers_beyond_the_bound_are_dropped_and_counted),
        cmocka_unit_test(test_queries_are_bounded_and_cancelled_ones_give_way),
        cmocka_unit_test(test_S1_a_key_that_nobody_can_have_is_not_asked),
        cmocka_unit_test(test_datagrams_to_one_peer_go_out_as_one_batch),
        cmocka_unit_test(test_K15_losses_in_a_row_are_not_held_against_contacts),
        cmocka_unit_test(test_R9_newcomers_at_one_site_are_asked_few_at_a_time),
        cmocka_unit_test(test_K15_a_try_waits_as_long_as_answers_take),
        cmocka_unit_test(test_the_first_answer_shortens_the_tries_in_flight),
        cmocka_unit_test(test_under_load_who_asks_proves_that_it_receives),
        cmocka_unit_test(test_a_query_that_the_carrier_never_takes_after_a_cookie_ends_as_well),
        cmocka_unit_test(test_K10_a_network_over_its_share_proves_its_addresses_alone),
        cmocka_unit_test(test_lost_strangers_do_not_make_a_node_believe_that_it_is_cut_off),
        cmocka_unit_test(test_who_proves_its_addresses_has_a_share_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
