/* SPDX-License-Identifier: MIT */
/* The network model against the figures it was fitted to, and the integer mathematics below it. */
#include "test.h"

#include "world.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    const vx6_ns left = *(const vx6_ns *)a;
    const vx6_ns right = *(const vx6_ns *)b;
    return left < right ? -1 : left > right;
}

static void test_round_trips_have_the_published_quantiles(void **state)
{
    (void)state;
    enum {
        COUNT = 40000,
        NODES = 5000
    };
    static const struct {
        uint32_t percent, round_trip_ms;
    } rows[] = {{5, 35}, {25, 58}, {50, 95}, {75, 133}, {95, 235}};
    vx6_ns *times = calloc(COUNT, sizeof *times);
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct draw draw = {seed};
        for (uint32_t i = 0; i < COUNT; i++) {
            struct place a = net_place(seed, draw_below(&draw, NODES));
            struct place b = net_place(seed, draw_below(&draw, NODES));
            times[i] = 2 * net_one_way(&a, &b);
        }
        qsort(times, COUNT, sizeof *times, compare);
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            uint64_t us = times[COUNT / 100 * rows[i].percent] / 1000;
            assert_in_range(us, rows[i].round_trip_ms * 920, rows[i].round_trip_ms * 1080);
        }
    }
    free(times);
}

static void test_no_packet_is_faster_than_the_lookahead(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2000; i++) {
        struct place a = net_place(7, i);
        struct place b = net_place(7, i + 1);
        assert_true(net_one_way(&a, &b) >= NET_LOOKAHEAD);
        assert_true(net_one_way(&a, &b) == net_one_way(&b, &a));
    }
    struct place same = {0};
    assert_int_equal(net_one_way(&same, &same), NET_LOOKAHEAD);
}

static void test_loss_has_the_rate_asked_for(void **state)
{
    (void)state;
    struct draw draw = {3};
    uint32_t lost = 0;
    for (uint32_t i = 0; i < 1000000; i++)
        lost += net_is_lost(draw_next(&draw), 5000);
    assert_in_range(lost, 4700, 5300);
    assert_false(net_is_lost(0, 0));
}

static void test_every_node_has_a_subnet_of_its_own_and_some_share_a_site(void **state)
{
    (void)state;
    enum {
        COUNT = 3000
    };
    struct world world = {.members = calloc(COUNT, sizeof *world.members)};
    uint32_t shared_sites = 0;
    for (uint32_t i = 0; i < COUNT; i++) {
        world.members[i].place = net_place(1, i);
        vx6_addr addr = world_addr(&world, i);
        assert_int_equal(world_addr_index(&world, &addr), UINT32_MAX); /* not a member yet */
        world.member_count++;
        assert_int_equal(world_addr_index(&world, &addr), i);
        addr.ip[0] ^= 1;
        assert_int_equal(world_addr_index(&world, &addr), UINT32_MAX);
        addr.ip[0] ^= 1;
        for (uint32_t j = 0; j < i; j++) {
            vx6_addr other = world_addr(&world, j);
            assert_int_not_equal(memcmp(addr.ip, other.ip, 8), 0);
            shared_sites += memcmp(addr.ip, other.ip, 6) == 0;
        }
    }
    free(world.members);
    assert_int_equal(shared_sites, COUNT / 8);
}

static void test_exponential_draws_have_their_mean_and_their_tail(void **state)
{
    (void)state;
    enum {
        COUNT = 200000
    };
    const uint64_t mean = 60 * VX6_SECOND;
    struct draw draw = {11};
    uint64_t sum_ms = 0;
    uint32_t above = 0; /* three times the mean: e^-3, 4.98 % */
    for (uint32_t i = 0; i < COUNT; i++) {
        uint64_t value = exponential(draw_next(&draw), mean);
        sum_ms += value / VX6_MILLISECOND;
        above += value > 3 * mean;
    }
    assert_in_range(sum_ms / COUNT, 59500, 60500);
    assert_in_range(above, COUNT / 1000 * 47, COUNT / 1000 * 53);
    assert_int_equal(exponential(UINT64_MAX, mean), 0);
}

static void test_roots_are_exact(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 100000; i++)
        assert_int_equal(root(i * i + i), i);
    assert_int_equal(root(UINT64_MAX), UINT32_MAX);
    /* Squares and their neighbours, of every magnitude: where a guess would be off by one. */
    struct draw draw = {5};
    for (uint64_t i = 0; i < 1000000; i++) {
        uint64_t value = (uint32_t)draw_next(&draw) >> i % 32;
        if (i < 100000)
            value = UINT32_MAX - i;
        assert_int_equal(root(value * value), value);
        assert_int_equal(root(value * value + 2 * value), value);
        if (value > 0)
            assert_int_equal(root(value * value - 1), value - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips_have_the_published_quantiles),
        cmocka_unit_test(test_no_packet_is_faster_than_the_lookahead),
        cmocka_unit_test(test_loss_has_the_rate_asked_for),
        cmocka_unit_test(test_every_node_has_a_subnet_of_its_own_and_some_share_a_site),
        cmocka_unit_test(test_exponential_draws_have_their_mean_and_their_tail),
        cmocka_unit_test(test_roots_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
