/* SPDX-License-Identifier: MIT */
/* What a hostile peer tried once, and must not try again with success. */
#include "test.h"

#include <string.h>

#include "pair.h"

static vx6_addr aimed_at; /* of the node that must be reached */
static uint8_t reached[32];
static uint32_t sessions_up;

static void on_output(struct pair_node *from, const struct vx6_out *out)
{
    (void)from;
    if (out->kind != VX6_OUT_SESSION_UP)
        return;
    sessions_up++;
    memcpy(reached, out->key, sizeof reached);
}

/* VX6-LINK-016: a record may list any address. Whoever asks for an address without a key must not
 * be led to a stranger who came by and said that it is his. */
static void test_R11_a_stranger_does_not_stand_for_an_address_that_his_record_lists(void **state)
{
    (void)state;
    struct pair_net *net = pair_net_new(1, false);
    struct pair_node *victim = pair_add(net, ""), *target = pair_add(net, "");
    struct pair_node *stranger = pair_add(net, "");
    aimed_at = target->addr;
    sessions_up = 0;
    net->on_output = on_output;
    assert_int_equal(pair_command(target, VX6_IN_SERVICE_ADD, "web", NULL), VX6_OK);
    assert_int_equal(pair_command(stranger, VX6_IN_SERVICE_ADD, "web", NULL), VX6_OK);
    struct vx6_in lie = {.kind = VX6_IN_ENDPOINT_ADD, .peer = target->addr};
    assert_int_equal(pair_input(stranger, &lie), VX6_OK);
    assert_int_equal(pair_peer_add(stranger, victim), VX6_OK);
    pair_run(net, 2 * VX6_SECOND);
    struct vx6_counts counts;
    vx6_node_counts(victim->node, &counts);
    assert_int_equal(counts.links, 1);

    struct vx6_in open = {.kind = VX6_IN_SESSION_OPEN,
        .peer = target->addr,
        .data = (const uint8_t *)"web",
        .len = 3};
    assert_int_equal(pair_input(victim, &open), VX6_OK);
    pair_run(net, 2 * VX6_SECOND);
    uint8_t key[32], id[32];
    vx6_node_identity(target->node, key, id);
    assert_int_equal(sessions_up, 1);
    assert_memory_equal(reached, key, 32);
    pair_net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_R11_a_stranger_does_not_stand_for_an_address_that_his_record_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
