/* SPDX-License-Identifier: MIT */
/* What a node makes of the time that others state: who counts, what the median of them does, and
 * whole nodes whose clocks are wrong. */
#include "test.h"

#include <string.h>

#include "pair.h"
#include "solo.h"

enum {
    DAY_S = 86400,
    EXACT = 8 /* s by which the end of a step lies behind its middle */
};

/* ---- one node, told by the test ---- */

static void hear_from(struct solo *solo, uint32_t key, const vx6_addr *addr, int64_t wrong_s)
{
    uint8_t bytes[32] = {0};
    store_u32(bytes, key);
    clock_heard(solo->node, bytes, addr,
        (uint32_t)(node_local_unix_s(solo->node) + wrong_s) / TIME_STEP_S * TIME_STEP_S);
}

/* Somebody in this network, who is `key`, states a time that is wrong by so much. */
static void hear(struct solo *solo, uint32_t key, uint32_t network, int64_t wrong_s)
{
    vx6_addr addr = solo_addr(network << 16);
    hear_from(solo, key, &addr, wrong_s);
}

/* The same in this network of that provider. */
static void hear_of(
    struct solo *solo, uint32_t key, uint32_t provider, uint32_t network, int64_t wrong_s)
{
    vx6_addr addr = solo_addr(network << 16);
    store_u32(addr.ip, 0x24000000 + provider);
    hear_from(solo, key, &addr, wrong_s);
}

static int64_t offset_of(struct solo *solo)
{
    struct vx6_clock facts;
    vx6_node_clock(solo->node, &facts);
    return facts.offset_s;
}

static void assert_close(int64_t offset_s, int64_t expected_s)
{
    assert_in_range(offset_s - expected_s + EXACT, 0, 2 * EXACT);
}

/* VX6-QUERY-016, VX6-QUERY-017: so many honest ones say that the clock is wrong by `wrong_s`, so
 * many liars say `lie_s`; one after the other in their networks. */
static void test_the_median_of_enough_responders_corrects_the_clock(void **state)
{
    (void)state;
    static const struct {
        uint32_t honest, liars, networks;
        int64_t wrong_s, lie_s, expected_s;
    } rows[] = {
        {8, 0, 8, DAY_S, 0, DAY_S}, {8, 0, 8, -DAY_S, 0, -DAY_S}, {8, 0, 5, DAY_S, 0, DAY_S},
        {7, 0, 7, DAY_S, 0, 0}, /* too few */
        {8, 0, 4, DAY_S, 0, 0}, /* too few networks */
        {9, 0, 4, DAY_S, 0, 0}, /* one is the third of its network */
        {8, 0, 8, 290, 0, 0},   /* not worth it */
        {8, 0, 8, 320, 0, 320}, {8, 0, 8, 3 * DAY_S - 20, 0, 3 * DAY_S - 20},
        {8, 0, 8, 3 * DAY_S + 20, 0, 0}, /* too far */
        {8, 0, 8, -3 * DAY_S - 20, 0, 0},
        {9, 8, 17, 0, DAY_S, 0}, /* a minority lies, however it does */
        {9, 8, 17, 0, -DAY_S, 0}, {9, 8, 17, DAY_S, 0, DAY_S}, {9, 8, 17, DAY_S, -DAY_S, DAY_S},
        {8, 9, 17, 0, DAY_S, DAY_S},  /* and a majority decides */
        {24, 0, 24, DAY_S, 0, DAY_S}, /* as many as are kept */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct solo solo;
        solo_init(&solo);
        solo_start(&solo, 1);
        uint32_t count = rows[i].honest + rows[i].liars;
        for (uint32_t j = 0; j < count; j++) {
            bool lies = j % 2 == 1 ? j / 2 < rows[i].liars : j / 2 >= rows[i].honest;
            hear(&solo, 100 + j, 2 + j % rows[i].networks, lies ? rows[i].lie_s : rows[i].wrong_s);
        }
        print_message("row %zu\n", i);
        assert_close(offset_of(&solo), rows[i].expected_s);
        assert_int_equal(solo.counts[VX6_EVENT_clock_corrected] > 0, rows[i].expected_s != 0);
        solo_stop(&solo);
    }
}

/* VX6-QUERY-016: keys are free, and so are addresses in one network. */
static void test_one_network_counts_twice_whoever_it_says_it_is(void **state)
{
    (void)state;
    struct solo solo;
    solo_init(&solo);
    solo_start(&solo, 1);
    for (uint32_t i = 0; i < 9; i++)
        hear(&solo, 100 + i, 2 + i, 0);
    for (uint32_t i = 0; i < 1000; i++)
        hear(&solo, 1000 + i, 20 + i % 4, DAY_S);
    struct vx6_clock facts;
    vx6_node_clock(solo.node, &facts);
    assert_int_equal(facts.offset_s, 0);
    assert_int_equal(facts.responders, 9 + 2 * 4);
    assert_int_equal(facts.networks, 9 + 4);
    assert_true(facts.is_known);
    assert_close(facts.wrong_s, 0);
    /* Nor does one that says it again, from wherever. */
    for (uint32_t i = 0; i < 100; i++)
        hear(&solo, 1000, 30 + i, DAY_S);
    assert_int_equal(offset_of(&solo), 0);
    assert_int_equal(solo.counts[VX6_EVENT_clock_corrected], 0);
    solo_stop(&solo);
}

/* VX6-QUERY-016: as many networks as they like, of few providers. */
static void test_who_fills_all_places_with_networks_of_one_provider_moves_nothing(void **state)
{
    (void)state;
    enum {
        HONEST = 16
    };
    for (int first = 0; first < 2; first++) { /* honest ones come first, or last */
        struct solo solo;
        struct vx6_clock facts;
        solo_init(&solo);
        solo_start(&solo, 1);
        for (uint32_t i = 0; first == 0 && i < HONEST; i++)
            hear_of(&solo, 100 + i, 100 + i, 1, 0);
        for (uint32_t i = 0; i < 1000; i++)
            hear_of(&solo, 1000 + i, i % 3, i, DAY_S);
        for (uint32_t i = 0; first == 1 && i < HONEST; i++)
            hear_of(&solo, 100 + i, 100 + i, 1, 0);
        vx6_node_clock(solo.node, &facts);
        assert_int_equal(facts.responders, 24);
        assert_int_equal(facts.offset_s, 0);
        solo_stop(&solo);
    }
}

/* VX6-QUERY-016: ten providers of liars, thirty of honest ones; a liar is heard whenever it likes.
 */
static void test_who_is_heard_most_has_no_more_places_for_it(void **state)
{
    (void)state;
    enum {
        HONEST = 30,
        LIARS = 10
    };
    uint32_t moved = 0;
    for (uint32_t run = 0; run < 20; run++) {
        struct solo solo;
        solo_init(&solo);
        solo_start(&solo, 1 + run);
        for (uint32_t i = 0; i < HONEST; i++) {
            hear_of(&solo, 100 + i, 100 + i, 1, 0);
            for (uint32_t j = 0; j < 100; j++)
                hear_of(&solo, 1000 + 100 * i + j, j % LIARS, j, DAY_S);
        }
        moved += offset_of(&solo) != 0;
        solo_stop(&solo);
    }
    assert_int_equal(moved, 0);
}

/* VX6-QUERY-016 */
static void test_what_was_said_long_ago_does_not_count(void **state)
{
    (void)state;
    struct solo solo;
    struct vx6_clock facts;
    solo_init(&solo);
    solo_start(&solo, 1);
    for (uint32_t i = 0; i < 7; i++)
        hear(&solo, 100 + i, 2 + i, DAY_S);
    solo_wait(&solo, 3600 * 1000 + 1);
    hear(&solo, 200, 20, DAY_S);
    vx6_node_clock(solo.node, &facts);
    assert_int_equal(facts.responders, 1);
    assert_false(facts.is_known);
    assert_int_equal(facts.offset_s, 0);
    solo_stop(&solo);
}

/* Who is kept, by a plain reading of the rule: all is counted anew each time. */
enum {
    PROVIDERS = 30,
    NETWORKS = 3 /* of each */
};

struct model {
    struct kept {
        uint32_t key, provider, network;
        vx6_ns heard;
    } kept[64];
    uint32_t count, kept_max;
    uint64_t draws[PROVIDERS][NETWORKS]; /* as the node makes them */
};

static void model_remove(struct model *model, uint32_t index)
{
    model->kept[index] = model->kept[--model->count];
}

/* How many there are of the provider of this one, and of its network, and the draws for both. */
static uint64_t model_excess(const struct model *model, const struct kept *kept)
{
    uint64_t of_provider = 0, of_network = 0;
    for (uint32_t i = 0; i < model->count; i++) {
        bool is_of_provider = model->kept[i].provider == kept->provider;
        of_provider += is_of_provider;
        of_network += is_of_provider && model->kept[i].network == kept->network;
    }
    return of_provider << 56 | of_network << 24 | model->draws[kept->provider][kept->network];
}

static void model_hear(struct model *model, const struct kept *said, vx6_ns life)
{
    for (uint32_t i = model->count; i-- > 0;) {
        if (model->kept[i].key == said->key || said->heard - model->kept[i].heard >= life)
            model_remove(model, i);
    }
    model->kept[model->count++] = *said;
    uint32_t oldest = model->count - 1, of_network = 0, worst = 0;
    for (uint32_t i = 0; i < model->count; i++) {
        const struct kept *kept = &model->kept[i];
        if (kept->provider == said->provider && kept->network == said->network) {
            of_network++;
            oldest = kept->heard < model->kept[oldest].heard ? i : oldest;
        }
    }
    if (of_network > 2)
        model_remove(model, oldest);
    for (uint32_t i = 1; i < model->count; i++) {
        if (model_excess(model, &model->kept[i]) > model_excess(model, &model->kept[worst]))
            worst = i;
    }
    if (model->count > model->kept_max)
        model_remove(model, worst);
}

/* VX6-QUERY-016 */
static void test_who_is_kept_is_whom_a_plain_reading_of_the_rule_keeps(void **state)
{
    (void)state;
    enum {
        LIFE_S = 60,
        STEPS = 20000
    };
    static const uint32_t most[] = {24, 1, 5, 40};
    for (uint32_t run = 0; run < sizeof most / sizeof most[0]; run++) {
        struct solo solo;
        struct model model = {.kept_max = most[run]};
        struct rng rng;
        uint8_t seed[32] = {(uint8_t)run};
        rng_init(&rng, seed, "who is kept");
        solo_init(&solo);
        solo.limits.clock_samples_max = most[run];
        solo.limits.clock_sample_s = LIFE_S;
        solo_start(&solo, 1 + run);
        const struct clock *clock = &solo.node->clock;
        for (uint32_t i = 0; i < PROVIDERS * NETWORKS; i++) { /* each alone */
            solo_wait(&solo, LIFE_S * 1000);
            hear_of(&solo, 1, i / NETWORKS, i % NETWORKS, 0);
            model.draws[i / NETWORKS][i % NETWORKS] =
                clock->excess[0] & ~UINT64_C(0xff000000ff000000);
        }
        /* By the end what is kept of a time has overflown. */
        solo_wait(&solo, ((UINT64_C(1) << 48) - solo.now) / VX6_MILLISECOND - STEPS / 2 * 500);
        for (uint32_t step = 0; step < STEPS; step++) {
            struct kept said = {.key = 1000 + rng_below(&rng, 150)};
            uint32_t from = rng_below(&rng, 20) > 0 ? said.key : rng_below(&rng, 1000);
            said.provider = from % PROVIDERS;
            said.network = from / PROVIDERS % NETWORKS;
            if (rng_below(&rng, 4) == 0)
                solo_wait(&solo, 1 + rng_below(&rng, 4000));
            said.heard = solo.node->now;
            model_hear(&model, &said, LIFE_S * VX6_SECOND);
            hear_of(&solo, said.key, said.provider, said.network, 0);
            assert_int_equal(clock->count, model.count);
            for (uint32_t i = 0; i < model.count; i++) {
                const struct clock_sample *sample = &clock->samples[i];
                assert_int_equal(sample->responder_high, model.kept[i].key >> 16);
                assert_int_equal(sample->responder_middle >> 16, model.kept[i].key & 0xffff);
                assert_int_equal(sample->heard_low, (uint32_t)model.kept[i].heard);
                assert_int_equal(sample->heard_high, (uint16_t)(model.kept[i].heard >> 32));
                assert_int_equal(clock->excess[i], model_excess(&model, &model.kept[i]));
            }
        }
        solo_stop(&solo);
    }
}

static void set_clock(struct solo *solo, int64_t by_s)
{
    struct vx6_in in = {
        .kind = VX6_IN_WALLCLOCK, .unix_ms = (node_local_unix_s(solo->node) + by_s) * 1000};
    assert_int_equal(vx6_node_input(solo->node, solo->now, &in), VX6_OK);
}

/* VX6-QUERY-017: what is true does not change with the clock. */
static void test_a_clock_that_is_set_is_corrected_at_once_or_no_longer(void **state)
{
    (void)state;
    struct solo solo;
    struct vx6_out out;
    solo_init(&solo);
    solo_start(&solo, 1);
    for (uint32_t i = 0; i < 8; i++)
        hear(&solo, 100 + i, 2 + i, 0);
    int64_t true_s = node_unix_s(solo.node);
    set_clock(&solo, -DAY_S);
    assert_close(node_unix_s(solo.node), true_s);
    assert_close(offset_of(&solo), DAY_S);
    set_clock(&solo, DAY_S);
    assert_int_equal(offset_of(&solo), 0);
    assert_int_equal(node_unix_s(solo.node), true_s);
    /* Some are gone by the time it is set again: what was agreed stays true. */
    set_clock(&solo, -DAY_S);
    solo_wait(&solo, 2 * 3600 * 1000);
    set_clock(&solo, -3600);
    assert_close(node_unix_s(solo.node), true_s + 2 * 3600);
    set_clock(&solo, -4 * DAY_S); /* beyond all help */
    assert_int_equal(offset_of(&solo), 0);
    bool told = false;
    while (vx6_node_output(solo.node, &out))
        told = told || out.kind == VX6_OUT_CLOCK;
    assert_true(told);
    solo_stop(&solo);
}

static uint32_t clock_outputs(struct solo *solo)
{
    struct vx6_out out;
    uint32_t count = 0;
    while (vx6_node_output(solo->node, &out))
        count += out.kind == VX6_OUT_CLOCK;
    return count;
}

/* VX6-CTRL-032: beyond help, and within it again. */
static void test_a_clock_that_is_too_far_off_says_so_when_that_changes(void **state)
{
    (void)state;
    struct solo solo;
    struct vx6_clock facts;
    solo_init(&solo);
    solo_start(&solo, 1);
    for (uint32_t i = 0; i < 8; i++)
        hear(&solo, 100 + i, 2 + i, 4 * DAY_S);
    assert_int_equal(clock_outputs(&solo), 1);
    vx6_node_clock(solo.node, &facts);
    assert_true(facts.is_beyond);
    assert_close(facts.wrong_s, 4 * DAY_S);
    assert_int_equal(facts.offset_s, 0);
    for (uint32_t i = 0; i < 8; i++)
        hear(&solo, 100 + i, 2 + i, 4 * DAY_S);
    assert_int_equal(clock_outputs(&solo), 0); /* it has not changed */
    set_clock(&solo, 2 * DAY_S);
    assert_int_equal(clock_outputs(&solo), 1);
    vx6_node_clock(solo.node, &facts);
    assert_false(facts.is_beyond);
    assert_close(facts.offset_s, 2 * DAY_S);
    set_clock(&solo, -8 * DAY_S);
    assert_int_equal(clock_outputs(&solo), 1);
    set_clock(&solo, 10 * DAY_S);
    assert_int_equal(clock_outputs(&solo), 1);
    vx6_node_clock(solo.node, &facts);
    assert_false(facts.is_beyond);
    assert_int_equal(facts.offset_s, 0);
    solo_stop(&solo);
}

/* VX6-QUERY-020 */
static void test_what_was_agreed_holds_for_a_day_after_the_last_who_said_so(void **state)
{
    (void)state;
    enum {
        HOUR_MS = 3600 * 1000
    };
    static const int64_t rows[] = {DAY_S, 4 * DAY_S};
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        struct solo solo;
        struct vx6_clock facts;
        solo_init(&solo);
        solo_start(&solo, 1);
        for (uint32_t hour = 0; hour < 3; hour++) {
            for (uint32_t i = 0; i < 8; i++)
                hear(&solo, 100 + i, 2 + i, rows[row]);
            solo_wait(&solo, HOUR_MS / 2);
        }
        solo_wait(&solo, 23 * HOUR_MS);
        hear(&solo, 100, 2, rows[row]); /* one alone is not enough */
        vx6_node_clock(solo.node, &facts);
        assert_false(facts.is_known);
        assert_int_equal(facts.is_beyond, rows[row] > 3 * DAY_S);
        assert_int_equal(facts.offset_s != 0, rows[row] <= 3 * DAY_S);
        assert_close(facts.wrong_s, rows[row]);
        (void)clock_outputs(&solo);
        solo_wait(&solo, HOUR_MS);
        assert_int_equal(clock_outputs(&solo), 1);
        vx6_node_clock(solo.node, &facts);
        assert_false(facts.is_beyond);
        assert_int_equal(facts.offset_s, 0);
        assert_int_equal(facts.wrong_s, 0);
        set_clock(&solo, -DAY_S); /* nor does it come back */
        assert_int_equal(offset_of(&solo), 0);
        solo_stop(&solo);
    }
}

/* VX6-QUERY-017: it does not come and go, nor follow the coarseness of what is stated. */
static void test_a_correction_stays_until_the_clock_is_well_again(void **state)
{
    (void)state;
    struct solo solo;
    solo_init(&solo);
    solo_start(&solo, 1);
    static const struct {
        int64_t set_s; /* wrong by so much less from now on */
        bool is_corrected;
        uint64_t changes; /* so far */
    } rows[] = {{0, true, 1}, {25, true, 1}, {25, true, 1}, {80, true, 2}, {70, false, 3},
        {-100, false, 3}, {-50, false, 3}, {-40, true, 4}};
    for (uint32_t i = 0; i < 8; i++)
        hear(&solo, 100 + i, 2 + i, 340);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("row %zu\n", i);
        set_clock(&solo, rows[i].set_s);
        assert_int_equal(offset_of(&solo) != 0, rows[i].is_corrected);
        assert_int_equal(solo.counts[VX6_EVENT_clock_corrected], rows[i].changes);
    }
    solo_stop(&solo);
}

/* VX6-QUERY-015 */
static void test_what_a_node_states_is_its_own_clock(void **state)
{
    (void)state;
    struct solo solo;
    solo_init(&solo);
    solo_start(&solo, 1);
    for (uint32_t i = 0; i < 8; i++)
        hear(&solo, 100 + i, 2 + i, DAY_S);
    assert_close(offset_of(&solo), DAY_S);
    assert_int_equal(
        clock_stated_s(solo.node), node_local_unix_s(solo.node) / TIME_STEP_S * TIME_STEP_S);
    solo_stop(&solo);
}

/* ---- whole nodes ---- */

enum {
    RIGHT_CLOCKS = 12
};

struct world {
    struct pair_net *net;
    struct pair_node *alice, *wrong;
};

/* Twelve nodes and alice, and then one whose clock is wrong, that knows the address of one. */
static void world_make(struct world *world, uint64_t seed, bool real, int64_t wrong_s)
{
    struct pair_net *net = pair_net_new(seed, real);
    for (int i = 0; i < RIGHT_CLOCKS; i++)
        (void)pair_add(net, "");
    *world = (struct world){.net = net, .alice = pair_add(net, "alice")};
    net->clock_wrong_ms = wrong_s * 1000;
    world->wrong = pair_add(net, "wanda");
    assert_int_equal(pair_command(world->alice, VX6_IN_SERVICE_ADD, "web", NULL), VX6_OK);
    assert_int_equal(pair_command(world->wrong, VX6_IN_SERVICE_ADD, "web", NULL), VX6_OK);
    for (uint32_t i = 1; i < net->node_count - 1; i++)
        assert_int_equal(pair_peer_add(&net->nodes[i], &net->nodes[0]), VX6_OK);
    pair_run(net, 10 * VX6_SECOND);
    assert_int_equal(pair_peer_add(world->wrong, &net->nodes[0]), VX6_OK);
    pair_run(net, 30 * VX6_SECOND);
}

static bool session_is_up(struct pair_net *net, void *context)
{
    (void)net;
    return pair_find(context, VX6_OUT_SESSION_UP, 0) != NULL;
}

static void connect(struct world *world, struct pair_node *from, const char *name)
{
    vx6_id id;
    assert_int_equal(pair_command(from, VX6_IN_SESSION_OPEN, name, &id), VX6_OK);
    assert_true(pair_until(world->net, session_is_up, from, 20 * VX6_SECOND));
}

/* VX6-QUERY-018, VX6-QUERY-019: over either kind of carrier, with an entry whose key it has to
 * learn by a link that cannot come up. */
static void test_a_node_whose_clock_is_wrong_joins_connects_and_is_found(void **state)
{
    (void)state;
    static const int64_t rows[] = {DAY_S, -DAY_S, 900, -900, 1300, 2 * DAY_S, -3 * DAY_S + 60};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world world;
        print_message("wrong by %lld s\n", (long long)rows[i]);
        world_make(&world, 20 + i, false, rows[i]);
        struct vx6_clock facts;
        vx6_node_clock(world.wrong->node, &facts);
        assert_close(facts.offset_s, -rows[i]);
        const struct vx6_out *added = pair_find(world.wrong, VX6_OUT_OP_DONE, 0);
        assert_non_null(added);
        assert_int_equal(added->code, VX6_OK);
        assert_non_null(pair_find(world.wrong, VX6_OUT_CLOCK, 0));
        connect(&world, world.wrong, "alice.web");
        connect(&world, world.alice, "wanda.web");
        /* Nobody else is moved by one that is wrong. */
        for (uint32_t j = 0; j < world.net->node_count - 1; j++) {
            vx6_node_clock(world.net->nodes[j].node, &facts);
            assert_int_equal(facts.offset_s, 0);
        }
        pair_net_free(world.net);
    }
}

/* VX6-NODE-009: nor does any of this depend on what a provider makes. */
static void test_every_provider_corrects_at_the_same_moment(void **state)
{
    (void)state;
    uint64_t counts[2][VX6_EVENT_COUNT];
    vx6_ns times[2];
    for (int real = 0; real < 2; real++) {
        struct world world;
        world_make(&world, 40, real != 0, DAY_S);
        connect(&world, world.wrong, "alice.web");
        memcpy(counts[real], world.net->counts, sizeof counts[real]);
        times[real] = world.net->now;
        pair_net_free(world.net);
    }
    assert_true(counts[0][VX6_EVENT_clock_corrected] > 0);
    assert_memory_equal(counts[0], counts[1], sizeof counts[0]);
    assert_int_equal(times[0], times[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_median_of_enough_responders_corrects_the_clock),
        cmocka_unit_test(test_one_network_counts_twice_whoever_it_says_it_is),
        cmocka_unit_test(test_who_fills_all_places_with_networks_of_one_provider_moves_nothing),
        cmocka_unit_test(test_who_is_heard_most_has_no_more_places_for_it),
        cmocka_unit_test(test_who_is_kept_is_whom_a_plain_reading_of_the_rule_keeps),
        cmocka_unit_test(test_what_was_said_long_ago_does_not_count),
        cmocka_unit_test(test_a_clock_that_is_too_far_off_says_so_when_that_changes),
        cmocka_unit_test(test_what_was_agreed_holds_for_a_day_after_the_last_who_said_so),
        cmocka_unit_test(test_a_clock_that_is_set_is_corrected_at_once_or_no_longer),
        cmocka_unit_test(test_a_correction_stays_until_the_clock_is_well_again),
        cmocka_unit_test(test_what_a_node_states_is_its_own_clock),
        cmocka_unit_test(test_a_node_whose_clock_is_wrong_joins_connects_and_is_found),
        cmocka_unit_test(test_every_provider_corrects_at_the_same_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
