/* SPDX-License-Identifier: MIT */
/* A small network of whole nodes in which names are looked up. */
#ifndef VX6_TEST_NAMING_H
#define VX6_TEST_NAMING_H

#include "test.h"

#include <string.h>

#include "pair.h"

enum {
    BYSTANDERS = 6
};

struct world {
    struct pair_net *net;
    struct pair_node *entry, *alice, *bob;
    bool one_site; /* all nodes are of one /64 */
};

static inline void move(struct pair_node *node, uint8_t site, uint8_t host)
{
    struct vx6_in in = {.kind = VX6_IN_ENDPOINT_REMOVE, .peer = node->addr};
    assert_int_equal(pair_input(node, &in), VX6_OK);
    node->addr.ip[5] = site;
    node->addr.ip[15] = host;
    in = (struct vx6_in){.kind = VX6_IN_ENDPOINT_ADD, .peer = node->addr};
    assert_int_equal(pair_input(node, &in), VX6_OK);
}

static inline struct pair_node *add_as(
    struct world *world, const char *label, const uint8_t *seed, vx6_span lineage)
{
    struct pair_node *node = pair_add_as(world->net, label, seed, lineage);
    if (world->one_site)
        move(node, 0, (uint8_t)world->net->node_count);
    assert_int_equal(pair_command(node, VX6_IN_SERVICE_ADD, "web", NULL), VX6_OK);
    if (world->entry != NULL)
        assert_int_equal(pair_peer_add(node, world->entry), VX6_OK);
    return node;
}

static inline struct pair_node *add(struct world *world, const char *label)
{
    return add_as(world, label, NULL, (vx6_span){0});
}

static inline void world_make_at(struct world *world, uint64_t seed, bool one_site)
{
    *world = (struct world){.net = pair_net_new(seed, false), .one_site = one_site};
    world->entry = add(world, "entry");
    for (int i = 0; i < BYSTANDERS; i++)
        (void)add(world, "");
    world->alice = add(world, "alice");
    world->bob = add(world, "");
    pair_run(world->net, 20 * VX6_SECOND);
}

static inline void world_make(struct world *world, uint64_t seed)
{
    world_make_at(world, seed, false);
}

static inline void key_of(const struct pair_node *node, uint8_t key[32])
{
    uint8_t id[32];
    vx6_node_identity(node->node, key, id);
}

struct wait {
    struct pair_node *node;
    uint32_t from;
    enum vx6_out_kind good, bad;
};

static inline bool is_settled(struct pair_net *net, void *context)
{
    (void)net;
    struct wait *wait = context;
    return pair_find(wait->node, wait->good, wait->from) ||
           pair_find(wait->node, wait->bad, wait->from);
}

/* Opens a session by name; the code it ended with, or OK when it is up, to `key`. */
static inline enum vx6_code open_session(
    struct world *world, struct pair_node *from, const char *name, uint8_t key[32])
{
    struct wait wait = {from, from->out_count, VX6_OUT_SESSION_UP, VX6_OUT_SESSION_DOWN};
    vx6_id id;
    assert_int_equal(pair_command(from, VX6_IN_SESSION_OPEN, name, &id), VX6_OK);
    assert_true(pair_until(world->net, is_settled, &wait, 60 * VX6_SECOND));
    const struct vx6_out *up = pair_find(from, VX6_OUT_SESSION_UP, wait.from);
    if (up == NULL)
        return pair_find(from, VX6_OUT_SESSION_DOWN, wait.from)->code;
    memcpy(key, up->key, 32);
    assert_int_equal(pair_command(from, VX6_IN_SESSION_CLOSE, NULL, &id), VX6_OK);
    return VX6_OK;
}

/* Resolves; the operation's code, and how many candidates it showed. */
static inline enum vx6_code resolve(
    struct world *world, struct pair_node *from, const char *name, uint32_t *candidates)
{
    struct wait wait = {from, from->out_count, VX6_OUT_OP_DONE, VX6_OUT_OP_DONE};
    vx6_id id;
    assert_int_equal(pair_command(from, VX6_IN_RESOLVE, name, &id), VX6_OK);
    assert_true(pair_until(world->net, is_settled, &wait, 60 * VX6_SECOND));
    *candidates = 0;
    for (uint32_t i = wait.from; i < from->out_count; i++)
        *candidates += from->outs[i].out.kind == VX6_OUT_CANDIDATE;
    return pair_find(from, VX6_OUT_OP_DONE, wait.from)->code;
}

#endif
