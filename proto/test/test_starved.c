/* SPDX-License-Identifier: MIT */
/* Memory runs out: in each thing that nodes do, every allocation fails once, one by one, whichever
 * node makes it. Whoever asked hears how it ended, nothing that was taken is lost in silence,
 * bounds hold, and afterwards the same succeeds. */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "bounds.h"
#include "echo.h"
#include "memory.h"

static struct world world;
static struct pair_node *newcomer;
static uint32_t service_number;

/* ---- what nodes do; true when it came out as it should ---- */

/* Runs until the operation has ended, which it must; with what code. */
static bool op_ended(struct pair_net *net, void *context)
{
    (void)net;
    const struct pair_node *node = context;
    return pair_find(node, VX6_OUT_OP_DONE, node->out_count > 0 ? world.begun : 0) != NULL;
}

static enum vx6_code operate(struct pair_node *node, struct vx6_in *in)
{
    world.begun = node->out_count;
    enum vx6_code code = pair_input(node, in);
    if (code != VX6_OK) {
        assert_int_equal(code, VX6_NOMEM);
        assert_null(pair_find(node, VX6_OUT_OP_DONE, world.begun));
        return code;
    }
    assert_true(pair_until(world.net, op_ended, node, 120 * VX6_SECOND));
    const struct vx6_out *done = pair_find(node, VX6_OUT_OP_DONE, world.begun);
    assert_int_equal(done->id.bits, in->id.bits);
    return done->code;
}

static bool begin(void)
{
    newcomer = pair_add(world.net, "");
    newcomer->dead = newcomer->node == NULL;
    return !newcomer->dead;
}

static void make_newcomer(void)
{
    assert_true(begin());
}

static bool join(void)
{
    struct vx6_in in = {.kind = VX6_IN_PEER_ADD, .peer = world.entry->addr};
    return operate(newcomer, &in) == VX6_OK;
}

static bool is_joined(struct pair_net *net, void *context)
{
    (void)net;
    (void)context;
    struct vx6_counts counts;
    vx6_node_counts(newcomer->node, &counts);
    return counts.contacts == 3 && counts.bundles > 0;
}

/* Is known to all, and holds what its neighbours hand over. */
static bool join_and_hold(void)
{
    if (!join())
        return false;
    assert_true(pair_until(world.net, is_joined, NULL, 900 * VX6_SECOND));
    return true;
}

/* Bob's resolve of alice brings her bundle; does it list the service? */
static bool is_listed(const char *service)
{
    struct vx6_in in = {
        .kind = VX6_IN_RESOLVE, .data = (const uint8_t *)"alice", .len = strlen("alice")};
    if (operate(world.bob, &in) != VX6_OK)
        return false;
    const struct vx6_out *candidate = pair_find(world.bob, VX6_OUT_CANDIDATE, world.begun);
    size_t len = strlen(service);
    for (size_t i = 0; candidate && i + len <= candidate->value.len; i++) {
        if (memcmp(candidate->value.data + i, service, len) == 0)
            return true;
    }
    return false;
}

static bool resolve(void)
{
    return is_listed("web");
}

/* A service that was added is published, even where a try to do so failed. */
static bool publish(void)
{
    char name[32];
    snprintf(name, sizeof name, "service-%u", ++service_number);
    enum vx6_code code = pair_command(world.alice, VX6_IN_SERVICE_ADD, name, NULL);
    if (code != VX6_OK) {
        assert_int_equal(code, VX6_NOMEM);
        return false;
    }
    for (uint32_t minute = 0; minute < 10; minute++) {
        pair_run(world.net, 60 * VX6_SECOND);
        if (is_listed(name))
            return true;
    }
    fail_msg("%s was taken and never published", name);
    return false;
}

static bool reach(void)
{
    struct vx6_in in = {.kind = VX6_IN_REACH, .peer = world.bob->addr};
    return operate(world.bob, &in) == VX6_OK;
}

static bool open_to(struct vx6_in *in)
{
    world.begun = world.bob->out_count;
    enum vx6_code code = pair_input(world.bob, in);
    if (code != VX6_OK) {
        assert_int_equal(code, VX6_NOMEM);
        return false;
    }
    world.session = in->id;
    assert_true(pair_until(world.net, session_settled, &world, 120 * VX6_SECOND));
    const struct vx6_out *down = pair_find(world.bob, VX6_OUT_SESSION_DOWN, world.begun);
    if (down)
        assert_int_not_equal(down->code, VX6_OK);
    return down == NULL;
}

static bool open_by_name(void)
{
    struct vx6_in in = {
        .kind = VX6_IN_SESSION_OPEN, .data = (const uint8_t *)"alice.web", .len = 9};
    return open_to(&in);
}

static bool open_by_address(void)
{
    struct vx6_in in = {.kind = VX6_IN_SESSION_OPEN,
        .peer = world.alice->addr,
        .data = (const uint8_t *)"web",
        .len = 3};
    return open_to(&in);
}

static void be_connected(void)
{
    assert_true(open_by_name());
}

static bool carry(void)
{
    if (pair_find(world.bob, VX6_OUT_SESSION_DOWN, world.begun) && !open_by_name())
        return false;
    return transfer_all(&world, 300000);
}

static bool session_is_down(struct pair_net *net, void *context)
{
    (void)net;
    (void)context;
    return pair_find(world.bob, VX6_OUT_SESSION_DOWN, world.begun) != NULL;
}

static bool open_and_close(void)
{
    if (!open_by_name())
        return false;
    assert_int_equal(pair_command(world.bob, VX6_IN_SESSION_CLOSE, NULL, &world.session), VX6_OK);
    assert_true(pair_until(world.net, session_is_down, NULL, 60 * VX6_SECOND));
    return pair_find(world.bob, VX6_OUT_SESSION_DOWN, world.begun)->code == VX6_OK;
}

static bool alice_is_closed(struct pair_net *net, void *context)
{
    (void)net;
    (void)context;
    return vx6_node_is_closed(world.alice->node);
}

static bool shut_down(void)
{
    (void)pair_command(world.alice, VX6_IN_SHUTDOWN, NULL, NULL);
    assert_true(pair_until(world.net, alice_is_closed, NULL, 60 * VX6_SECOND));
    assert_true(pair_until(world.net, session_is_down, NULL, 60 * VX6_SECOND));
    return true;
}

static void nothing(void)
{
}

static const struct scenario {
    const char *name;
    void (*prepare)(void);
    bool (*act)(void);
} scenarios[] = {
    {"a node begins", nothing, begin},
    {"it joins", make_newcomer, join},
    {"it is known and holds", make_newcomer, join_and_hold},
    {"a name is resolved", nothing, resolve},
    {"a service is published", nothing, publish},
    {"an endpoint is dialled", nothing, reach},
    {"a session by name", nothing, open_by_name},
    {"a session by address", nothing, open_by_address},
    {"streams carry bytes", be_connected, carry},
    {"a session opens and closes", nothing, open_and_close},
    {"a node shuts down", be_connected, shut_down},
};

static void check_all_bounds(void)
{
    for (uint32_t i = 0; i < world.net->node_count; i++) {
        if (world.net->nodes[i].node)
            check_bounds(world.net->nodes[i].node);
    }
}

/* The n-th allocation fails, and `more` behind it; false when there was no n-th. */
static bool starve(const struct scenario *scenario, uint64_t n, uint64_t more, uint32_t *refused)
{
    world_make(&world, 1, false, (struct pair_faults){0});
    scenario->prepare();
    world.net->fail_at = world.net->allocations + n;
    world.net->fail_count = more;
    bool is_done = scenario->act();
    bool failed = world.net->allocations >= world.net->fail_at;
    world.net->fail_at = 0;
    *refused += !is_done;
    check_all_bounds();
    if (!failed && !is_done)
        fail_msg("%s: does not succeed by itself", scenario->name);
    pair_run(world.net, 120 * VX6_SECOND);
    if (failed && !scenario->act())
        fail_msg("%s: allocation %lu failed, and later it does not work", scenario->name,
            (unsigned long)n);
    check_all_bounds();
    world_free(&world);
    return failed;
}

static void starve_all(uint64_t more)
{
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
        uint64_t n = 1;
        uint32_t refused = 0;
        while (starve(&scenarios[i], n, more, &refused))
            n++;
        print_message("%s: %lu allocations, %u were missed\n", scenarios[i].name,
            (unsigned long)n - 1, refused);
        assert_true(n > 1);
    }
}

/* VX6-NODE-007 */
static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    starve_all(0);
}

static void test_memory_may_be_short_for_a_while(void **state)
{
    (void)state;
    starve_all(30);
}

static void test_an_environment_needs_its_memory(void **state)
{
    (void)state;
    struct memory memory = {0};
    struct vx6_crypto crypto = vx6_crypto_model;
    vx6_env *env = NULL;
    while (env == NULL) {
        memory.fail_at++;
        memory.requests = 0;
        env = vx6_env_new((vx6_alloc){memory_resize, &memory}, &crypto, &vx6_limits_default, NULL);
        assert_true(env != NULL || memory.held == 0);
    }
    assert_true(memory.fail_at > 1);
    vx6_env_free(env);
    assert_int_equal(memory.held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_environment_needs_its_memory),
        cmocka_unit_test(test_every_allocation_may_fail),
        cmocka_unit_test(test_memory_may_be_short_for_a_while),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
