/* SPDX-License-Identifier: MIT */
/* Whether a node can be reached, as its peers find out: who is asked, what is dialled and what is
 * not, what is believed; and askers who want others to be dialled. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "link_internal.h"
#include "pair.h"

enum {
    HELPERS = 12
};

struct world {
    struct pair_net *net;
    struct pair_node *asker;
};

static void world_make(struct world *world, uint64_t seed, uint32_t helpers)
{
    struct pair_net *net = pair_net_new(seed, false);
    for (uint32_t i = 0; i < helpers; i++)
        (void)pair_add(net, "");
    *world = (struct world){.net = net, .asker = pair_add(net, "")};
    for (uint32_t i = 1; i < net->node_count; i++)
        assert_int_equal(pair_peer_add(&net->nodes[i], &net->nodes[0]), VX6_OK);
    pair_run(net, 90 * VX6_SECOND); /* links of joining are gone by then */
}

static enum vx6_code reach(struct world *world, const vx6_addr *endpoint, vx6_id *id)
{
    struct vx6_in in = {.kind = VX6_IN_REACH, .peer = *endpoint};
    enum vx6_code code = pair_input(world->asker, &in);
    *id = in.id;
    return code;
}

struct wait {
    struct pair_node *node;
    uint32_t from;
};

static bool is_done(struct pair_net *net, void *context)
{
    (void)net;
    struct wait *wait = context;
    return pair_find(wait->node, VX6_OUT_OP_DONE, wait->from) != NULL;
}

/* The outcome. */
static struct vx6_out ask(struct world *world, const vx6_addr *endpoint)
{
    struct wait wait = {world->asker, world->asker->out_count};
    vx6_id id;
    assert_int_equal(reach(world, endpoint, &id), VX6_OK);
    assert_true(pair_until(world->net, is_done, &wait, 60 * VX6_SECOND));
    const struct vx6_out *out = pair_find(world->asker, VX6_OUT_OP_DONE, wait.from);
    assert_true(addr_equal(&out->peer, endpoint));
    assert_int_equal(out->queries + out->lost, 1);
    return *out;
}

static void add_endpoint(struct pair_node *node, const vx6_addr *addr)
{
    struct vx6_in in = {.kind = VX6_IN_ENDPOINT_ADD, .peer = *addr};
    assert_int_equal(pair_input(node, &in), VX6_OK);
}

static vx6_addr addr_of(uint8_t network, uint16_t port)
{
    vx6_addr addr = {{0x20, 0x01, 0x0d, 0xb8, 0, network}, port};
    addr.ip[15] = 1;
    return addr;
}

/* Another address at the site of that node. */
static vx6_addr neighbour_of(const struct pair_node *node, uint8_t host)
{
    vx6_addr addr = node->addr;
    addr.ip[15] = host;
    return addr;
}

/* The link between the two, seen from the first. */
static struct link *link_to(const struct pair_node *from, const struct pair_node *to)
{
    for (struct link *link = from->node->links.first; link; link = link->next) {
        if (link->state == LINK_UP && bytes_equal(link->peer_key, to->node->keys.identity, 32))
            return link;
    }
    fail_msg("there is no link");
    abort();
}

/* VX6-LINK-031, VX6-LINK-034 */
static void test_each_time_somebody_else_says_that_a_node_is_reached(void **state)
{
    (void)state;
    struct world world;
    uint8_t keys[8][32];
    world_make(&world, 1, HELPERS);
    for (uint32_t i = 0; i < 8; i++) {
        struct vx6_out out = ask(&world, &world.asker->addr);
        assert_int_equal(out.code, VX6_OK);
        assert_int_equal(out.queries, 1);
        memcpy(keys[i], out.key, 32);
        for (uint32_t j = 0; j < i; j++)
            assert_memory_not_equal(keys[i], keys[j], 32);
    }
    assert_int_equal(world.net->counts[VX6_EVENT_reach_answered], 8);
    assert_int_equal(world.net->counts[VX6_EVENT_reach_told], 8);
    pair_net_free(world.net);
}

/* VX6-LINK-031: what an asker's record lists by then, and not by when the link began. */
static void test_what_cannot_be_reached_is_said_with_why(void **state)
{
    (void)state;
    struct world world;
    world_make(&world, 2, 1);
    vx6_addr nobody = neighbour_of(world.asker, 2), other = neighbour_of(world.asker, 3);
    assert_int_equal(ask(&world, &world.asker->addr).code, VX6_OK);
    (void)link_to(world.asker, &world.net->nodes[0]);
    add_endpoint(world.asker, &nobody);
    struct vx6_out out = ask(&world, &nobody);
    assert_int_equal(out.code, VX6_UNREACHABLE);
    assert_int_equal(out.queries, 1);
    /* Whoever has one's old address is not taken for oneself. */
    world.net->nodes[0].also = other;
    add_endpoint(world.asker, &other);
    assert_int_equal(ask(&world, &other).code, VX6_UNREACHABLE); /* the helper itself: SELF */
    pair_net_free(world.net);

    world_make(&world, 3, 2);
    vx6_addr third = neighbour_of(world.asker, 3);
    world.net->nodes[1].also = third;
    add_endpoint(world.asker, &third);
    uint32_t mismatches = 0;
    for (int i = 0; i < 4; i++)
        mismatches += ask(&world, &third).code == VX6_KEY_MISMATCH;
    assert_int_equal(mismatches, 2); /* they take turns, and one finds itself there */
    pair_net_free(world.net);
}

/* VX6-LINK-042: of a host with several addresses each is tried, wherever the link comes from. */
static void test_an_address_elsewhere_is_dialled_when_the_asker_answers_there(void **state)
{
    (void)state;
    struct world world;
    world_make(&world, 9, 1);
    vx6_addr elsewhere = addr_of(150, 4242), gone = addr_of(151, 4242);
    world.asker->also = elsewhere;
    add_endpoint(world.asker, &elsewhere);
    add_endpoint(world.asker, &gone);
    uint64_t dialled = world.net->counts[VX6_EVENT_link_dialled];
    struct vx6_out out = ask(&world, &elsewhere);
    assert_int_equal(out.code, VX6_OK);
    assert_int_equal(out.queries, 1);
    assert_int_equal(world.net->counts[VX6_EVENT_link_dialled], dialled + 2); /* there and back */
    out = ask(&world, &gone);
    assert_int_equal(out.code, VX6_TIMEOUT);
    assert_int_equal(out.queries, 1); /* that is known */
    assert_int_equal(world.net->counts[VX6_EVENT_link_dialled], dialled + 2);
    /* Who asked goes while it is looked for. */
    vx6_id id;
    assert_int_equal(reach(&world, &gone, &id), VX6_OK);
    pair_run(world.net, VX6_SECOND);
    pair_remove(world.asker);
    pair_run(world.net, 10 * VX6_SECOND);
    struct vx6_counts counts;
    vx6_node_counts(world.net->nodes[0].node, &counts);
    assert_int_equal(counts.links, 0);
    pair_net_free(world.net);
}

static uint32_t muted; /* this node's handshakes get lost */

static void mute(struct pair_net *net, uint32_t from, uint8_t *data, size_t *len)
{
    (void)net;
    (void)data;
    if (from == muted && *len == LINK_MESSAGE_2_SIZE)
        *len = 0;
}

/* VX6-LINK-031: something takes connections there, and that is all. */
static void test_an_end_that_says_nothing_is_not_reached(void **state)
{
    (void)state;
    struct world world;
    world_make(&world, 4, 1);
    if (!world.net->channels) {
        assert_int_equal(ask(&world, &world.asker->addr).code, VX6_OK);
        muted = world.net->node_count - 1;
        world.net->on_chunk = mute;
        struct vx6_out out = ask(&world, &world.asker->addr);
        assert_int_equal(out.code, VX6_TIMEOUT);
        assert_int_equal(out.queries, 1);
    }
    pair_net_free(world.net);
}

static void test_who_cannot_ask_hears_so_at_once(void **state)
{
    (void)state;
    struct world world;
    world_make(&world, 5, 1);
    vx6_addr other = addr_of(200, 4242);
    vx6_id id;
    assert_int_equal(reach(&world, &other, &id), VX6_INVALID);
    /* The contact is being asked already; and knows nothing of addresses of the other kind. */
    assert_int_equal(reach(&world, &world.asker->addr, &id), VX6_OK);
    assert_int_equal(reach(&world, &world.asker->addr, &id), VX6_NO_PEERS);
    vx6_addr ipv4 = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1}, 4242};
    vx6_addr loopback = {{[15] = 1}, 4242};
    add_endpoint(world.asker, &ipv4);
    add_endpoint(world.asker, &loopback);
    pair_run(world.net, VX6_SECOND);
    assert_int_equal(reach(&world, &ipv4, &id), VX6_NO_PEERS);
    assert_int_equal(reach(&world, &loopback, &id), VX6_NO_PEERS); /* VX6-DHT-003 */
    assert_int_equal(pair_command(world.asker, VX6_IN_SHUTDOWN, NULL, NULL), VX6_OK);
    assert_int_equal(reach(&world, &world.asker->addr, &id), VX6_SHUTDOWN);
    pair_net_free(world.net);
}

/* VX6-LINK-035: who was asked has gone; or says nothing; or is not waited for any more. */
static void test_without_an_answer_nothing_is_known(void **state)
{
    (void)state;
    struct world world;
    vx6_id id;
    world_make(&world, 6, 2);
    pair_remove(&world.net->nodes[0]);
    pair_remove(&world.net->nodes[1]);
    struct vx6_out out = ask(&world, &world.asker->addr);
    assert_int_equal(out.lost, 1);
    pair_net_free(world.net);

    world_make(&world, 7, 1);
    assert_int_equal(ask(&world, &world.asker->addr).code, VX6_OK);
    struct link *busy = link_to(&world.net->nodes[0], world.asker);
    busy->is_reach_due = true; /* as if one ask were under way already */
    link_in_use(world.net->nodes[0].node, busy, 1);
    struct wait wait = {world.asker, world.asker->out_count};
    uint64_t refused = world.net->counts[VX6_EVENT_link_refused];
    assert_int_equal(reach(&world, &world.asker->addr, &id), VX6_OK);
    assert_true(pair_until(world.net, is_done, &wait, 60 * VX6_SECOND));
    out = *pair_find(world.asker, VX6_OUT_OP_DONE, wait.from);
    assert_int_equal(out.code, VX6_UNEXPECTED); /* the link was closed for a second ask */
    assert_int_equal(out.lost, 1);
    assert_int_equal(world.net->counts[VX6_EVENT_link_refused], refused + 1);
    pair_net_free(world.net);

    world_make(&world, 8, 1);
    assert_int_equal(ask(&world, &world.asker->addr).code, VX6_OK);
    wait = (struct wait){world.asker, world.asker->out_count};
    assert_int_equal(reach(&world, &world.asker->addr, &id), VX6_OK);
    assert_int_equal(pair_command(world.asker, VX6_IN_CANCEL, NULL, &id), VX6_OK);
    out = *pair_find(world.asker, VX6_OUT_OP_DONE, wait.from);
    assert_int_equal(out.code, VX6_CANCELLED);
    /* Its answer, which comes all the same, harms nobody. */
    pair_run(world.net, 2 * VX6_SECOND);
    assert_int_equal(world.net->counts[VX6_EVENT_link_refused], 0);
    assert_int_equal(ask(&world, &world.asker->addr).code, VX6_OK);
    pair_net_free(world.net);
}

/* ---- peers that keep to no rule ---- */

struct heard {
    uint16_t answered, refused; /* code of the last */
    uint32_t answers, refusals, dials;
};

static void listen_to(void *context, const struct vx6_event *event)
{
    struct heard *heard = context;
    if (event->kind == VX6_EVENT_reach_answered) {
        heard->answers++;
        heard->answered = event->code;
    } else if (event->kind == VX6_EVENT_link_refused) {
        heard->refusals++;
        heard->refused = event->code;
    } else if (event->kind == VX6_EVENT_link_dialled) {
        heard->dials++;
    }
}

/* Two nodes with a link; what the second says is the test's from then on. */
struct crime {
    struct world world;
    struct pair_node *victim, *foe;
    struct heard heard;
};

static void crime_make(struct crime *crime, uint64_t seed)
{
    world_make(&crime->world, seed, 1);
    crime->victim = &crime->world.net->nodes[0];
    crime->foe = crime->world.asker;
    assert_int_equal(ask(&crime->world, &crime->foe->addr).code, VX6_OK);
    pair_run(crime->world.net, VX6_SECOND);
    crime->heard = (struct heard){0};
    crime->world.net->trace = (struct vx6_trace){listen_to, &crime->heard};
}

/* The victim opens a record of this link with this frame in it. */
static void say_on(struct crime *crime, struct link *link, const struct vx6_msg *msg)
{
    uint8_t frame[VX6_RECORD_MAX + 16];
    size_t len = vx6_msg_encode(msg, frame, sizeof frame);
    assert_true(len > 0);
    link_take_frame(crime->victim->node, link, frame, len, true);
    pair_drain(crime->victim);
}

static void say(struct crime *crime, const struct vx6_msg *msg)
{
    link_to(crime->foe, crime->victim)->is_reach_sent = true; /* it will not mind the answer */
    say_on(crime, link_to(crime->victim, crime->foe), msg);
}

static bool has_asked(struct pair_net *net, void *context)
{
    (void)net;
    const struct crime *crime = context;
    const struct link *last = crime->victim->node->links.last;
    return last && last->initiator && last->is_reach_sent;
}

struct claim {
    const vx6_addr *endpoints;
    uint32_t count;
    int64_t age_s;
    const struct own_keys *signer; /* NULL: the foe */
    bool is_forged;
};

static void ask_for(struct crime *crime, const struct claim *claim, uint8_t endpoint)
{
    uint8_t record[VX6_RECORD_MAX];
    const struct own_keys *keys = claim->signer ? claim->signer : &crime->foe->node->keys;
    struct record_facts facts = {.sequence = 100,
        .unix_s = node_unix_s(crime->victim->node) - claim->age_s,
        .life_s = 1800,
        .endpoints = claim->endpoints,
        .endpoint_count = claim->count};
    size_t len = record_make_node(&crime->world.net->crypto, keys, &facts, record);
    record[len - 1] ^= claim->is_forged;
    struct vx6_msg msg = {
        .type = VX6_MSG_reach_ask, .u.reach_ask = {.endpoint = endpoint, .record = {record, len}}};
    say(crime, &msg);
}

/* VX6-LINK-032, VX6-LINK-042, VX6-DHT-003 */
static void test_only_an_askers_own_endpoints_are_dialled_and_only_in_scope(void **state)
{
    (void)state;
    static const vx6_addr beside = {{0x20, 0x01, 0x0d, 0xb8, 0, 2, [15] = 99}, 4242};
    static const vx6_addr elsewhere = {{0x20, 0x01, 0x0d, 0xb8, 0, 99, [15] = 1}, 4242};
    static const vx6_addr of_victim = {{0x20, 0x01, 0x0d, 0xb8, 0, 1, [15] = 1}, 4242};
    static const vx6_addr loopback = {{[15] = 1}, 4242};
    static const vx6_addr private_one = {{0xfd, [15] = 1}, 4242};
    static const vx6_addr link_local = {{0xfe, 0x80, [15] = 1}, 4242};
    static const vx6_addr behind = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 168, 1, 1}, 22};
    const struct {
        vx6_addr endpoint;
        uint8_t index;
        int64_t age_s;
        bool is_others, is_forged;
        uint16_t answered, refused; /* 0: neither */
        uint32_t dials;
    } rows[] = {
        {beside, 0, 0, false, false, VX6_UNREACHABLE, 0, 1},
        {elsewhere, 0, 0, false, false, VX6_TIMEOUT, 0, 0}, /* nobody there answers by its key */
        {of_victim, 0, 0, false, false, VX6_TIMEOUT, 0, 0},
        {beside, 1, 0, false, false, VX6_INVALID, 0, 0}, /* there is no second */
        {loopback, 0, 0, false, false, VX6_INVALID, 0, 0},
        {private_one, 0, 0, false, false, VX6_INVALID, 0, 0},
        {link_local, 0, 0, false, false, VX6_INVALID, 0, 0},
        {behind, 0, 0, false, false, VX6_INVALID, 0, 0},
        {beside, 0, 1800, false, false, 0, VX6_EXPIRED, 0},
        {beside, 0, -700, false, false, 0, VX6_EXPIRED, 0},
        {beside, 0, 0, false, true, 0, VX6_BAD_RECORD, 0},
        {beside, 0, 0, true, false, 0, VX6_BAD_RECORD, 0}, /* signed, by somebody else */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct crime crime;
        struct own_keys other;
        const uint8_t seed[32] = {77};
        crime_make(&crime, 20 + i);
        own_keys_init(&other, &crime.world.net->crypto, seed);
        struct claim claim = {.endpoints = &rows[i].endpoint,
            .count = 1,
            .age_s = rows[i].age_s,
            .signer = rows[i].is_others ? &other : NULL,
            .is_forged = rows[i].is_forged};
        ask_for(&crime, &claim, rows[i].index);
        pair_run(crime.world.net, 4 * VX6_SECOND);
        print_message("row %zu\n", i);
        assert_int_equal(crime.heard.answers, rows[i].answered != 0);
        assert_int_equal(crime.heard.answered, rows[i].answered);
        assert_int_equal(crime.heard.refusals, rows[i].refused != 0);
        assert_int_equal(crime.heard.refused, rows[i].refused);
        assert_int_equal(crime.heard.dials, rows[i].dials);
        pair_net_free(crime.world.net);
    }
}

/* VX6-LINK-033: whom a signed record names may know nothing of it. */
static void test_an_asker_gets_few_dials_and_a_third_party_feels_few(void **state)
{
    (void)state;
    struct crime crime;
    crime_make(&crime, 40);
    vx6_addr third = neighbour_of(crime.foe, 99);
    const struct vx6_limits *limits = &crime.world.net->limits;
    vx6_ns end = crime.world.net->now + 55 * VX6_SECOND; /* the link is closed as idle then */
    uint32_t asks = 0;
    while (crime.world.net->now < end) {
        struct claim claim = {.endpoints = &third, .count = 1};
        third.port =
            (uint16_t)(1000 + asks++); /* not one target, as the dials of a minute see it */
        ask_for(&crime, &claim, 0);
        pair_run(crime.world.net, VX6_SECOND / 2);
    }
    assert_true(asks > 100);
    /* One was spent by crime_make(). */
    assert_in_range(crime.heard.dials, 1, limits->reach_per_network_per_minute);
    assert_int_equal(crime.heard.answered, VX6_LIMIT);
    assert_int_equal(crime.heard.refusals, 0);
    pair_net_free(crime.world.net);
}

/* VX6-LINK-033: from everywhere, it is more, and no more than that. */
static void test_all_askers_together_get_no_more_than_there_is(void **state)
{
    (void)state;
    struct pair_net *net = pair_net_new(41, false);
    net->limits.reach_per_minute = 10;
    for (uint32_t i = 0; i < 20; i++)
        (void)pair_add(net, "");
    for (uint32_t i = 1; i < 20; i++) {
        struct vx6_in in = {.kind = VX6_IN_CONTACT, .peer = net->nodes[0].addr};
        memcpy(in.key, net->nodes[0].node->keys.identity, 32);
        assert_int_equal(pair_input(&net->nodes[i], &in), VX6_OK);
    }
    pair_run(net, 2 * VX6_SECOND);
    for (uint32_t i = 1; i < 20; i++) { /* who has answered a query is a contact */
        for (uint32_t j = 0; j < net->nodes[i].node->table.count; j++) {
            const struct table *table = &net->nodes[i].node->table;
            const uint8_t network = table->peers[j]->addr.ip[5];
            table->contacts[j].restored = network != net->nodes[0].addr.ip[5];
        }
        struct world world = {net, &net->nodes[i]};
        vx6_id id;
        assert_int_equal(reach(&world, &net->nodes[i].addr, &id), VX6_OK);
    }
    pair_run(net, 10 * VX6_SECOND);
    uint32_t reached = 0, limited = 0;
    for (uint32_t i = 1; i < 20; i++) {
        const struct vx6_out *out = pair_find(&net->nodes[i], VX6_OUT_OP_DONE, 0);
        assert_non_null(out);
        reached += out->code == VX6_OK;
        limited += out->code == VX6_LIMIT;
    }
    assert_int_equal(reached, 10);
    assert_int_equal(limited, 9);
    pair_net_free(net);
}

/* VX6-LINK-035 */
static void test_that_it_was_reached_is_not_believed_of_who_never_came(void **state)
{
    (void)state;
    struct crime crime;
    crime_make(&crime, 42);
    struct vx6_msg yes = {.type = VX6_MSG_reach_answer, .u.reach_answer.code = VX6_OK};
    /* Nobody asked. */
    say(&crime, &yes);
    assert_int_equal(crime.heard.refusals, 1);
    assert_int_equal(crime.heard.refused, VX6_UNEXPECTED);
    pair_net_free(crime.world.net);

    /* It was asked, and says so before it has come. */
    crime_make(&crime, 43);
    struct world victim = {crime.world.net, crime.victim};
    struct wait wait = {crime.victim, crime.victim->out_count};
    vx6_id id;
    assert_int_equal(reach(&victim, &crime.victim->addr, &id), VX6_OK);
    assert_true(pair_until(crime.world.net, has_asked, &crime, VX6_SECOND));
    say_on(&crime, crime.victim->node->links.last, &yes);
    assert_true(pair_until(crime.world.net, is_done, &wait, VX6_SECOND));
    const struct vx6_out *out = pair_find(crime.victim, VX6_OUT_OP_DONE, wait.from);
    assert_int_equal(out->code, VX6_UNEXPECTED);
    assert_int_equal(out->lost, 1);
    assert_int_equal(crime.heard.refused, VX6_UNEXPECTED);
    pair_net_free(crime.world.net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_time_somebody_else_says_that_a_node_is_reached),
        cmocka_unit_test(test_what_cannot_be_reached_is_said_with_why),
        cmocka_unit_test(test_an_address_elsewhere_is_dialled_when_the_asker_answers_there),
        cmocka_unit_test(test_an_end_that_says_nothing_is_not_reached),
        cmocka_unit_test(test_who_cannot_ask_hears_so_at_once),
        cmocka_unit_test(test_without_an_answer_nothing_is_known),
        cmocka_unit_test(test_only_an_askers_own_endpoints_are_dialled_and_only_in_scope),
        cmocka_unit_test(test_an_asker_gets_few_dials_and_a_third_party_feels_few),
        cmocka_unit_test(test_all_askers_together_get_no_more_than_there_is),
        cmocka_unit_test(test_that_it_was_reached_is_not_believed_of_who_never_came),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
