/* SPDX-License-Identifier: MIT */
/* A responder that is asked more than it can answer. */
#include "two.h"

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
        cmocka_unit_test(test_under_load_who_asks_proves_that_it_receives),
        cmocka_unit_test(test_a_query_that_the_carrier_never_takes_after_a_cookie_ends_as_well),
        cmocka_unit_test(test_K10_a_network_over_its_share_proves_its_addresses_alone),
        cmocka_unit_test(test_who_proves_its_addresses_has_a_share_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
