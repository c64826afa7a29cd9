/* SPDX-License-Identifier: MIT */
/* Queries whose datagrams are lost, late, repeated or too many. */
#include "two.h"

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
        assert_ptr_equal(two.asker.node->table.peers[0], two.peer);
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

/* VX6-CRYPTO-007: secret ones, except where nothing is secret. */
static void test_every_ask_and_answer_takes_an_ephemeral_seed(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct two two;
        uint8_t question[VX6_DATAGRAM_SIZE], answer[VX6_DATAGRAM_SIZE], seed[32];
        const size_t size = providers(i) == &vx6_crypto_real ? sizeof seed : 0;
        two_start(&two, providers(i));
        struct rng asker = two.asker.node->secret_rng, responder = two.responder.node->secret_rng;
        assert_non_null(ask(&two, VX6_MSG_ping));
        take_ask(&two, question);
        assert_true(take_answer(&two, question, answer));
        rng_bytes(&asker, seed, size);
        assert_memory_equal(&two.asker.node->secret_rng, &asker, sizeof asker);
        rng_bytes(&responder, seed, size);
        assert_memory_equal(&two.responder.node->secret_rng, &responder, sizeof responder);
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

/* Mostly one answer waits at a time. */
static void test_the_memory_of_an_answer_serves_the_next_one(void **state)
{
    (void)state;
    struct two two;
    uint8_t question[VX6_DATAGRAM_SIZE], answer[VX6_DATAGRAM_SIZE];
    const struct memory *memory = &two.responder.memory;
    two_start(&two, &vx6_crypto_model);
    assert_non_null(ask(&two, VX6_MSG_ping));
    take_ask(&two, question);
    assert_true(take_answer(&two, question, answer));
    const uint64_t requests = memory->requests;
    const size_t blocks = memory->blocks;
    for (uint32_t i = 0; i < 3; i++)
        assert_true(take_answer(&two, question, answer));
    assert_int_equal(memory->requests, requests);
    for (uint32_t i = 0; i < 3; i++)
        solo_give(&two.responder, &two.asker.addr, question, sizeof question);
    assert_int_equal(memory->blocks, blocks + 2);
    vx6_addr to;
    while (solo_take(&two.responder, answer, &to))
        ;
    assert_int_equal(memory->blocks, blocks);
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
    assert_false(batch.last);
    assert_true(vx6_node_fill(two.asker.node, VX6_DATAGRAMS, &batch));
    assert_int_equal(batch.len, VX6_DATAGRAM_SIZE);
    assert_true(addr_equal(&batch.peer, &addr));
    assert_true(batch.last);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_answer_comes_back_and_its_sender_enters_the_table),
        cmocka_unit_test(test_each_try_is_sealed_afresh_and_the_last_loss_is_told),
        cmocka_unit_test(test_a_query_that_the_carrier_never_takes_ends_as_well),
        cmocka_unit_test(test_only_the_first_answer_of_the_last_try_counts),
        cmocka_unit_test(test_every_ask_and_answer_takes_an_ephemeral_seed),
        cmocka_unit_test(test_bytes_of_quic_are_not_looked_at),
        cmocka_unit_test(test_answers_beyond_the_bound_are_dropped_and_counted),
        cmocka_unit_test(test_the_memory_of_an_answer_serves_the_next_one),
        cmocka_unit_test(test_queries_are_bounded_and_cancelled_ones_give_way),
        cmocka_unit_test(test_S1_a_key_that_nobody_can_have_is_not_asked),
        cmocka_unit_test(test_datagrams_to_one_peer_go_out_as_one_batch),
        cmocka_unit_test(test_K15_losses_in_a_row_are_not_held_against_contacts),
        cmocka_unit_test(test_R9_newcomers_at_one_site_are_asked_few_at_a_time),
        cmocka_unit_test(test_K15_a_try_waits_as_long_as_answers_take),
        cmocka_unit_test(test_the_first_answer_shortens_the_tries_in_flight),
        cmocka_unit_test(test_lost_strangers_do_not_make_a_node_believe_that_it_is_cut_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
