/* SPDX-License-Identifier: MIT */
/* Which links may begin, dialled and accepted, and which have to go for them. Spec: spec/links.md,
 * "The life of a link". */
#include "ends.h"

static vx6_addr addr_number(uint8_t site, uint8_t host)
{
    return (vx6_addr){.ip = {0x20, 0x01, 0, site, [15] = host}, .port = 1000};
}

/* VX6-LINK-017 */
static void test_K10_strangers_get_a_share_of_the_pending_links(void **state)
{
    (void)state;
    struct ends *ends = ends_new(&vx6_crypto_model);
    ends->limits.link_pending_max = 16;
    struct end *listener = &ends->end[LISTENER];
    uint32_t accepted = 0;
    for (uint8_t host = 1; host < 20; host++) {
        vx6_addr addr = addr_number(1, host);
        accepted += end_accept(listener, &addr, &listener->id) == VX6_OK;
    }
    assert_int_equal(accepted, 4);
    for (uint8_t site = 2; site < 40; site++) {
        vx6_addr addr = addr_number(site, 1);
        accepted += end_accept(listener, &addr, &listener->id) == VX6_OK;
    }
    assert_in_range(accepted, 16, 16 + 3); /* one of the four from the first site may stay */
    assert_int_equal(listener->node.links.pending, 16);
    ends_pass(ends, 6 * VX6_SECOND, false);
    assert_int_equal(listener->node.links.count + listener->node.links.pending, 0);
    ends_free(ends);
}

/* Accepts from so many networks, or sites of one network, in an instant. How many got in. */
static uint32_t accept_many(
    struct end *listener, uint32_t from, uint32_t count, bool of_one_network)
{
    uint32_t accepted = 0;
    for (uint32_t i = from; i < from + count; i++) {
        vx6_addr addr = addr_number(9, 1);
        addr.ip[of_one_network ? 6 : 4] = (uint8_t)(i >> 8);
        addr.ip[of_one_network ? 7 : 5] = (uint8_t)i;
        vx6_id id;
        accepted += end_accept(listener, &addr, &id) == VX6_OK;
    }
    return accepted;
}

/* VX6-LINK-025: all places are taken by idle links of one network, from many of its sites. */
static void test_N1_a_crowded_network_gives_way_to_others(void **state)
{
    (void)state;
    struct ends *ends = ends_new(&vx6_crypto_model);
    ends->limits.link_pending_max = 16;
    struct end *listener = &ends->end[LISTENER], *dialler = &ends->end[DIALLER];
    assert_int_equal(accept_many(listener, 0, 100, true), 16);
    ends_connect(ends, NULL);
    assert_int_equal(listener->node.links.pending, 16);
    assert_int_equal(accept_many(listener, 100, 100, true), 0);
    ends_run(ends);
    assert_int_equal(end_state(dialler), LINK_UP);
    assert_int_equal(end_state(listener), LINK_UP);
    assert_int_equal(listener->node.links.pending, 15);
    assert_int_equal(listener->node.counters[VX6_EVENT_link_closed], 1);
    ends_free(ends);
}

/* VX6-LINK-025: strangers from many networks draw as often as they like, and hit nobody but by the
 * pace of draws; here it lets one through at once and one more for each sixteenth of a second. */
static void test_N1_draws_have_a_pace(void **state)
{
    (void)state;
    struct ends *ends = ends_new(&vx6_crypto_model);
    ends->limits.link_pending_max = 16;
    ends->limits.handshake_grace_ms = 1600;
    struct end *listener = &ends->end[LISTENER];
    assert_int_equal(accept_many(listener, 0, 12, true), 12);
    assert_int_equal(accept_many(listener, 0, 1000, false), 4 + 1);
    uint32_t taken = 0;
    for (uint32_t tenth = 0; tenth < 10; tenth++) {
        ends_pass(ends, 100 * VX6_MILLISECOND, false);
        uint32_t now = accept_many(listener, 1000 + tenth * 100, 100, false);
        assert_in_range(now, 0, 1);
        taken += now;
    }
    assert_in_range(taken, 2, 10);
    ends_free(ends);
}

/* VX6-LINK-025: a place is lost to somebody new only after the grace, and then at once. */
static void test_N1_who_holds_many_networks_holds_places_for_a_second(void **state)
{
    (void)state;
    struct ends *ends = ends_new(&vx6_crypto_model);
    ends->limits.link_pending_max = 16;
    struct end *listener = &ends->end[LISTENER];
    assert_int_equal(accept_many(listener, 0, 100, false), 16);
    ends_pass(ends, 999 * VX6_MILLISECOND, false);
    assert_int_equal(accept_many(listener, 100, 100, false), 0);
    ends_pass(ends, VX6_MILLISECOND, false);
    ends_connect(ends, NULL);
    assert_int_equal(accept_many(listener, 200, 100, false), 15);
    ends_run(ends);
    assert_int_equal(end_state(&ends->end[DIALLER]), LINK_UP);
    assert_int_equal(end_state(listener), LINK_UP);
    ends_free(ends);
}

/* VX6-LINK-025: what had to give way for a link that memory did not suffice for. */
static void test_nobody_gives_way_in_vain(void **state)
{
    (void)state;
    struct ends *ends = ends_new(&vx6_crypto_model);
    ends->limits.link_pending_max = 16;
    struct end *listener = &ends->end[LISTENER];
    accept_many(listener, 0, 16, false);
    ends_pass(ends, VX6_SECOND, false);
    vx6_addr addr = addr_number(10, 1);
    for (uint32_t allocation = 1; listener->node.counters[VX6_EVENT_link_closed] == 0;
         allocation++) {
        listener->memory.fail_at = listener->memory.requests + allocation;
        enum vx6_code code = end_accept(listener, &addr, &listener->id);
        assert_int_equal(listener->node.links.pending, 16);
        assert_int_equal(listener->node.counters[VX6_EVENT_link_closed], code == VX6_OK);
        assert_true(code == VX6_OK || code == VX6_NOMEM);
        assert_in_range(allocation, 1, 10);
    }
    ends_free(ends);
}

/* VX6-LINK-017 */
static void test_a_full_table_closes_the_link_that_was_idle_longest(void **state)
{
    (void)state;
    struct ends *ends = ends_new(&vx6_crypto_model);
    ends->limits.link_max = 4;
    struct end *listener = &ends->end[LISTENER], *dialler = &ends->end[DIALLER];
    ends_connect(ends, NULL);
    ends_run(ends);
    vx6_id idle = listener->id;
    for (uint8_t site = 2; site < 4; site++) {
        vx6_addr addr = addr_number(site, 1);
        assert_int_equal(end_accept(listener, &addr, &listener->id), VX6_OK);
    }
    assert_int_equal(listener->node.links.count, 3);
    vx6_addr addr = addr_number(9, 1);
    assert_int_equal(end_accept(listener, &addr, &listener->id), VX6_OK);
    assert_int_equal(listener->node.links.count, 3);
    listener->id = idle;
    end_drain(ends, listener);
    assert_true(listener->closed);
    end_deliver(ends, dialler);
    assert_int_equal(dialler->close_code, VX6_IDLE);
    addr = addr_number(10, 1);
    assert_int_equal(end_accept(listener, &addr, &listener->id), VX6_LIMIT);
    ends_free(ends);
}

/* Accepted, and used by a session, as if its handshake were over. */
static vx6_id accept_busy(struct end *end, const vx6_addr *addr)
{
    vx6_id id;
    assert_int_equal(end_accept(end, addr, &id), VX6_OK);
    struct link *link = slots_get(&end->node.slots, SLOT_LINK, id);
    assert_non_null(link);
    end->node.links.pending--;
    link->state = LINK_UP;
    network_count(&end->node, link, 1);
    link_in_use(&end->node, link, 1);
    return id;
}

/* Whether it was accepted. */
static uint32_t accept_and_leave(struct ends *ends, const vx6_addr *addr)
{
    struct end *listener = &ends->end[LISTENER];
    if (end_accept(listener, addr, &listener->id) != VX6_OK)
        return 0;
    struct link *link = slots_get(&listener->node.slots, SLOT_LINK, listener->id);
    link_carrier_down(&listener->node, link, VX6_OK);
    end_drain(ends, listener);
    return 1;
}

static vx6_addr addr_in_network(uint8_t network, uint8_t site)
{
    return (vx6_addr){{0x24, [5] = network, [7] = site, [15] = 1}, 4242};
}

/* VX6-LINK-026 */
static void test_links_in_use_of_one_network_keep_no_other_out(void **state)
{
    (void)state;
    struct ends *ends = ends_new(&vx6_crypto_model);
    ends->limits.link_max = 8; /* of which 6 are for those who come */
    struct end *listener = &ends->end[LISTENER];
    vx6_id last = {0}, id;
    for (uint8_t site = 0; site < 6; site++) {
        vx6_addr addr = addr_in_network(1, site);
        last = accept_busy(listener, &addr);
    }
    vx6_addr again = addr_in_network(1, 9);
    assert_int_equal(end_accept(listener, &again, &id), VX6_LIMIT);
    for (uint8_t site = 0; site < 3; site++) {
        vx6_addr addr = addr_in_network(2, site);
        accept_busy(listener, &addr);
        assert_int_equal(listener->node.links.count, 6);
        const struct link *gone = slots_get(&listener->node.slots, SLOT_LINK, last);
        if (site == 0) {
            assert_int_equal(gone->state, LINK_CLOSED);
            assert_int_equal(gone->close_code, VX6_LIMIT);
        }
    }
    vx6_addr even = addr_in_network(2, 9);
    assert_int_equal(end_accept(listener, &even, &id), VX6_LIMIT);
    ends_free(ends);
}

/* What each link knows of its network is what there is, however they come and go. */
static void test_links_of_a_network_are_counted(void **state)
{
    (void)state;
    struct ends *ends = ends_new(&vx6_crypto_model);
    struct end *listener = &ends->end[LISTENER];
    vx6_id ids[24];
    for (uint32_t i = 0; i < 24; i++) {
        vx6_addr addr = addr_in_network((uint8_t)(1 + i % 3), (uint8_t)i);
        ids[i] = accept_busy(listener, &addr);
    }
    uint32_t left[3] = {8, 8, 8};
    for (uint32_t i = 0; i < 24; i++) {
        uint32_t gone = i * 7 % 24;
        struct link *link = slots_get(&listener->node.slots, SLOT_LINK, ids[gone]);
        assert_int_equal(link->network_up, left[gone % 3]--);
        link_carrier_down(&listener->node, link, VX6_OK);
        end_drain(ends, listener);
        for (uint32_t j = 0; j < 24; j++) {
            link = slots_get(&listener->node.slots, SLOT_LINK, ids[j]);
            assert_true(link == NULL || link->network_up == left[j % 3]);
        }
    }
    ends_free(ends);
}

/* VX6-LINK-027: whoever begins handshakes and goes away has places enough, but not that many a
 * second. */
static void test_handshakes_of_one_network_have_a_pace(void **state)
{
    (void)state;
    struct ends *ends = ends_new(&vx6_crypto_model);
    const struct vx6_limits *limits = &ends->limits;
    struct end *listener = &ends->end[LISTENER];
    uint32_t most = limits->accepts_per_second / 8 + limits->accepts_per_network_per_second;
    uint32_t accepted[2] = {0};
    for (uint32_t i = 0; i < 2 * most; i++) {
        vx6_addr addr = addr_in_network(1, (uint8_t)i);
        accepted[0] += accept_and_leave(ends, &addr);
    }
    assert_in_range(accepted[0], limits->accepts_per_network_per_second, most);
    for (uint32_t i = 0; i < 20 * limits->accepts_per_second; i++) {
        vx6_addr addr = {{0x24, 0, (uint8_t)(i >> 8), (uint8_t)i}, 4242};
        accepted[1] += accept_and_leave(ends, &addr);
    }
    uint32_t in_all = accepted[0] + accepted[1];
    assert_in_range(in_all, limits->accepts_per_second, 2 * limits->accepts_per_second);
    ends_pass(ends, VX6_SECOND, false);
    vx6_addr addr = addr_in_network(1, 1);
    assert_int_equal(accept_and_leave(ends, &addr), 1);
    ends_pass(ends, VX6_SECOND, false);
    assert_int_equal(accept_and_leave(ends, &addr), 1);
    assert_null(listener->node.links.accepted.networks);
    ends_free(ends);
}

static enum vx6_code dial(struct ends *ends, const vx6_addr *addr)
{
    struct vx6_node *node = &ends->end[DIALLER].node;
    enum vx6_code code;
    struct link *link = link_get(node, addr, NULL, &code);
    if (link)
        link_close(node, link, VX6_CANCELLED);
    end_drain(ends, &ends->end[DIALLER]);
    return code;
}

/* VX6-LINK-017 */
static void test_links_in_use_give_way_to_no_other(void **state)
{
    (void)state;
    struct ends *ends = ends_up(&vx6_crypto_model);
    struct end *dialler = &ends->end[DIALLER];
    vx6_addr other = addr_number(9, 1);
    ends->limits.link_max = 1;
    link_in_use(&dialler->node, end_link(dialler), 1);
    assert_int_equal(dial(ends, &other), VX6_LIMIT);
    assert_int_equal(dialler->node.counters[VX6_EVENT_limit_reached], 1);
    assert_int_equal(dialler->node.links.count, 1);
    assert_int_equal(end_state(dialler), LINK_UP);
    link_in_use(&dialler->node, end_link(dialler), -1);
    assert_int_equal(dial(ends, &other), VX6_OK);
    assert_int_equal(dialler->close_code, VX6_IDLE);
    ends_free(ends);
}

/* VX6-NODE-005 */
static void test_a_carrier_that_comes_up_twice_does_so_once(void **state)
{
    (void)state;
    struct ends *ends = ends_up(&vx6_crypto_model);
    struct end *dialler = &ends->end[DIALLER];
    struct vx6_in again = {.kind = VX6_IN_LINK_UP};
    assert_int_equal(link_carrier_up(&dialler->node, end_link(dialler), &again), VX6_OK);
    assert_int_equal(end_state(dialler), LINK_UP);
    ends_run(ends);
    assert_int_equal(end_state(dialler), LINK_UP);
    ends_free(ends);
}

/* VX6-LINK-018 */
static void test_R9_one_target_is_dialled_only_so_often(void **state)
{
    (void)state;
    struct ends *ends = ends_new(&vx6_crypto_model);
    vx6_addr target = addr_number(1, 1);
    const uint32_t max = ends->end[DIALLER].node.env->limits->dials_per_target_per_minute;
    for (uint32_t i = 0; i < max; i++)
        assert_int_equal(dial(ends, &target), VX6_OK);
    assert_int_equal(dial(ends, &target), VX6_LIMIT);
    uint32_t to_site = max;
    for (uint8_t host = 2; host < 60; host++) {
        vx6_addr addr = addr_number(1, host);
        to_site += dial(ends, &addr) == VX6_OK;
    }
    assert_int_equal(to_site, 4 * max);
    vx6_addr elsewhere = addr_number(2, 1);
    assert_int_equal(dial(ends, &elsewhere), VX6_OK);
    ends_pass(ends, 61 * VX6_SECOND, false);
    assert_int_equal(dial(ends, &target), VX6_OK);
    assert_int_equal(ends->end[DIALLER].node.links.dial_count, 1);
    ends_free(ends);
}

/* VX6-LINK-016 */
static void test_a_link_is_shared_by_those_who_mean_the_same(void **state)
{
    (void)state;
    struct ends *ends = ends_up(&vx6_crypto_model);
    struct end *listener = &ends->end[LISTENER], *dialler = &ends->end[DIALLER];
    const uint8_t *key = listener->node.keys.identity;
    struct link *up = end_link(dialler);
    enum vx6_code code;
    assert_ptr_equal(link_get(&dialler->node, &listener_addr, key, &code), up);
    assert_ptr_equal(link_get(&dialler->node, &listener_addr, NULL, &code), up);
    uint8_t other_key[32] = {1};
    vx6_addr other_addr = addr_number(7, 7);
    struct link *other = link_get(&dialler->node, &listener_addr, other_key, &code);
    assert_ptr_not_equal(other, up);
    assert_ptr_equal(link_get(&dialler->node, &listener_addr, other_key, &code), other);
    struct link *third = link_get(&dialler->node, &other_addr, key, &code);
    assert_true(third != up && third != other);
    struct link *fourth = link_get(&dialler->node, &other_addr, NULL, &code);
    assert_true(fourth != third && fourth != up && fourth != other);
    ends_free(ends);
}

static void test_addresses_of_nobody_are_not_dialled(void **state)
{
    (void)state;
    static const vx6_addr rows[] = {
        {.ip = {0}, .port = 1},
        {.ip = {0xff, 0x02, [15] = 1}, .port = 1},
        {.ip = {0x20, 0x01, [15] = 1}, .port = 0},
        {.ip = {[10] = 0xff, [11] = 0xff, [12] = 224}, .port = 1},
    };
    struct ends *ends = ends_new(&vx6_crypto_model);
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++)
        assert_int_equal(dial(ends, &rows[row]), VX6_INVALID);
    ends->end[DIALLER].node.shutting_down = true;
    assert_int_equal(dial(ends, &listener_addr), VX6_SHUTDOWN);
    ends_free(ends);
}

/* VX6-DHT-003 */

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_K10_strangers_get_a_share_of_the_pending_links),
        cmocka_unit_test(test_N1_a_crowded_network_gives_way_to_others),
        cmocka_unit_test(test_N1_draws_have_a_pace),
        cmocka_unit_test(test_N1_who_holds_many_networks_holds_places_for_a_second),
        cmocka_unit_test(test_nobody_gives_way_in_vain),
        cmocka_unit_test(test_a_full_table_closes_the_link_that_was_idle_longest),
        cmocka_unit_test(test_links_in_use_of_one_network_keep_no_other_out),
        cmocka_unit_test(test_links_of_a_network_are_counted),
        cmocka_unit_test(test_handshakes_of_one_network_have_a_pace),
        cmocka_unit_test(test_links_in_use_give_way_to_no_other),
        cmocka_unit_test(test_a_carrier_that_comes_up_twice_does_so_once),
        cmocka_unit_test(test_R9_one_target_is_dialled_only_so_often),
        cmocka_unit_test(test_a_link_is_shared_by_those_who_mean_the_same),
        cmocka_unit_test(test_addresses_of_nobody_are_not_dialled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
