/* SPDX-License-Identifier: MIT */
/* What a node answers to each ask, and what it keeps of the asker: nothing. */
#include "solo.h"

enum {
    UNIX_S = 1800000000
};

struct bench {
    struct solo solo;
    vx6_addr asker;
    struct vx6_msg answer;
    uint8_t storage[VX6_ANSWER_PAYLOAD_SIZE];
};

static void start(struct bench *bench)
{
    *bench = (struct bench){.asker = solo_addr(5)};
    solo_init(&bench->solo);
    solo_start(&bench->solo, 1);
}

static bool ask(struct bench *bench, const struct vx6_msg *msg)
{
    return answer_ask(bench->solo.node, &bench->asker, msg, &bench->answer, bench->storage);
}

static void keys_of(struct bench *bench, uint8_t number, struct own_keys *keys)
{
    uint8_t seed[32] = {number, 2};
    own_keys_init(keys, &bench->solo.crypto, seed);
}

static void know_at(struct bench *bench, uint8_t number, const vx6_addr *addr)
{
    struct own_keys keys;
    keys_of(bench, number, &keys);
    struct peer *peer = peer_get(bench->solo.env, keys.identity, addr);
    assert_non_null(peer);
    (void)table_seen(bench->solo.node, peer);
    peer_drop(bench->solo.env, peer);
}

static void know(struct bench *bench, uint8_t number)
{
    vx6_addr addr = solo_addr(100 + number);
    know_at(bench, number, &addr);
}

/* VX6-DHT-025 */
static void test_every_answer_starts_with_token_time_and_signed_contact(void **state)
{
    (void)state;
    static const enum vx6_msg_type asks[] = {
        VX6_MSG_ping, VX6_MSG_find_node, VX6_MSG_find_value, VX6_MSG_store, VX6_MSG_announce};
    struct bench bench;
    start(&bench);
    struct peer *self = peer_get(bench.solo.env, bench.solo.node->keys.identity, &bench.solo.addr);
    for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++) {
        struct vx6_msg msg = {.type = asks[i]};
        struct answer_head head;
        assert_true(ask(&bench, &msg));
        assert_true(answer_fits(asks[i], bench.answer.type));
        assert_true(answer_head(&bench.answer, &head));
        assert_true(token_is_valid(bench.solo.node, head.token, &bench.asker));
        assert_int_equal(head.time_s, UNIX_S / 16 * 16);
        assert_int_equal(head.contact_issued_s, UNIX_S);
        assert_true(contact_verify(&bench.solo.crypto, self, &head));
    }
    struct vx6_msg strange = {.type = VX6_MSG_pong};
    assert_false(ask(&bench, &strange));
    peer_drop(bench.solo.env, self);
    solo_stop(&bench.solo);
}

/* VX6-DHT-025 */
static void test_a_contact_is_signed_again_when_it_is_old_or_moves(void **state)
{
    (void)state;
    static const struct vx6_msg ping = {.type = VX6_MSG_ping};
    struct bench bench;
    struct answer_head head;
    start(&bench);
    solo_wait(&bench.solo, 599000);
    assert_true(ask(&bench, &ping) && answer_head(&bench.answer, &head));
    assert_int_equal(head.contact_issued_s, UNIX_S + 599);
    solo_wait(&bench.solo, 599000);
    assert_true(ask(&bench, &ping) && answer_head(&bench.answer, &head));
    assert_int_equal(head.contact_issued_s, UNIX_S + 599);
    solo_wait(&bench.solo, 2000);
    assert_true(ask(&bench, &ping) && answer_head(&bench.answer, &head));
    assert_int_equal(head.contact_issued_s, UNIX_S + 1200);

    struct vx6_in in = {.kind = VX6_IN_ENDPOINT_REMOVE, .peer = bench.solo.addr};
    solo_wait(&bench.solo, 5000);
    assert_int_equal(vx6_node_input(bench.solo.node, bench.solo.now, &in), VX6_OK);
    assert_true(ask(&bench, &ping) && answer_head(&bench.answer, &head));
    assert_int_equal(head.contact_issued_s, 0);
    assert_true(is_zero(head.contact_signature, VX6_SIG_SIZE));
    in.kind = VX6_IN_ENDPOINT_ADD;
    in.peer.port++;
    assert_int_equal(vx6_node_input(bench.solo.node, bench.solo.now, &in), VX6_OK);
    struct peer *self = peer_get(bench.solo.env, bench.solo.node->keys.identity, &in.peer);
    assert_true(ask(&bench, &ping) && answer_head(&bench.answer, &head));
    assert_int_equal(head.contact_issued_s, UNIX_S + 1205);
    assert_true(contact_verify(&bench.solo.crypto, self, &head));
    peer_drop(bench.solo.env, self);
    solo_stop(&bench.solo);
}

static const struct endpoint_row {
    const char *what;
    uint8_t asker[16];
    uint32_t expected; /* index in endpoints[] */
} endpoint_rows[] = {
    {"global IPv6", {0x20, 1, [15] = 9}, 1},
    {"private IPv6", {0xfd, 0, [15] = 9}, 0},
    {"private IPv4", {[10] = 0xff, 0xff, 10, 0, 0, 9}, 2},
    {"global IPv4", {[10] = 0xff, 0xff, 192, 0, 2, 9}, 2},
    {"loopback", {[15] = 1}, 0},
};
static const vx6_addr endpoints[] = {
    {{0xfd, 0, [15] = 1}, 4242},
    {{0x20, 1, 0xd, 0xb8, [15] = 1}, 4242},
    {{[10] = 0xff, 0xff, 10, 0, 0, 1}, 4242},
};

static void start_with_endpoints(struct bench *bench)
{
    start(bench);
    struct vx6_in in = {.kind = VX6_IN_ENDPOINT_REMOVE, .peer = bench->solo.addr};
    assert_int_equal(vx6_node_input(bench->solo.node, bench->solo.now, &in), VX6_OK);
    in.kind = VX6_IN_ENDPOINT_ADD;
    for (size_t i = 0; i < 3; i++) {
        in.peer = endpoints[i];
        assert_int_equal(vx6_node_input(bench->solo.node, bench->solo.now, &in), VX6_OK);
    }
}

/* VX6-DHT-025 */
static void test_the_contact_is_the_endpoint_that_the_asker_can_have_asked(void **state)
{
    (void)state;
    static const struct vx6_msg ping = {.type = VX6_MSG_ping};
    struct bench bench;
    struct answer_head head;
    start_with_endpoints(&bench);
    for (size_t i = 0; i < sizeof endpoint_rows / sizeof endpoint_rows[0]; i++) {
        const struct endpoint_row *row = &endpoint_rows[i];
        print_message("asker: %s\n", row->what);
        memcpy(bench.asker.ip, row->asker, 16);
        assert_true(ask(&bench, &ping) && answer_head(&bench.answer, &head));
        struct peer *self =
            peer_get(bench.solo.env, bench.solo.node->keys.identity, &endpoints[row->expected]);
        assert_true(contact_verify(&bench.solo.crypto, self, &head));
        peer_drop(bench.solo.env, self);
    }
    solo_stop(&bench.solo);
}

/* The first endpoint has its contact in any case. */
static void test_without_memory_for_a_contact_the_answer_has_none(void **state)
{
    (void)state;
    static const struct vx6_msg ping = {.type = VX6_MSG_ping};
    struct bench bench;
    struct answer_head head;
    start_with_endpoints(&bench);
    memcpy(bench.asker.ip, endpoint_rows[0].asker, 16);
    bench.solo.memory.fail_at = bench.solo.memory.requests + 1;
    for (int i = 0; i < 2; i++) {
        assert_true(ask(&bench, &ping) && answer_head(&bench.answer, &head));
        assert_int_equal(head.contact_issued_s, i == 0 ? 0 : UNIX_S);
    }
    solo_stop(&bench.solo);
}

/* VX6-DHT-002 */
static void test_find_node_is_answered_with_the_closest_contacts(void **state)
{
    (void)state;
    struct bench bench;
    struct vx6_msg msg = {.type = VX6_MSG_find_node};
    start(&bench);
    assert_true(ask(&bench, &msg));
    assert_int_equal(bench.answer.u.nodes.hints.count, 0);
    for (uint8_t i = 0; i < 40; i++)
        know(&bench, i);
    memset(msg.u.find_node.target, 0x5a, 32);
    assert_true(ask(&bench, &msg));
    assert_int_equal(bench.answer.type, VX6_MSG_nodes);
    assert_int_equal(bench.answer.u.nodes.hints.count, KADEMLIA_K);
    uint8_t encoded[VX6_ANSWER_PAYLOAD_SIZE], last[32], id[32];
    assert_true(vx6_msg_encode(&bench.answer, encoded, sizeof encoded - 2) > 0);
    struct vx6_hint hint;
    vx6_list hints = bench.answer.u.nodes.hints;
    for (uint32_t i = 0; vx6_next_hint(&hints, &hint); i++) {
        vx6_node_id(&bench.solo.crypto, id, hint.key);
        if (i > 0)
            assert_true(distance_compare(msg.u.find_node.target, last, id) < 0);
        memcpy(last, id, sizeof last);
    }
    solo_stop(&bench.solo);
}

static const struct scope_row {
    const char *what;
    uint8_t asker[16];
    uint32_t near_count, count; /* contacts of narrower scope than global that it is told of; all */
} scope_rows[] = {
    {"global", {0x20, 1, [15] = 9}, 0, KADEMLIA_K},
    {"private", {0xfd, 0, [15] = 9}, 4, KADEMLIA_K},
    {"loopback", {[15] = 1}, 6, KADEMLIA_K},
};

/* VX6-DHT-002, VX6-DHT-003: who is outside learns nothing of the networks inside, and still gets k
 * contacts. */
static void test_an_asker_is_told_only_of_contacts_that_it_may_use(void **state)
{
    (void)state;
    static const vx6_addr inside[] = {
        {{0xfd, 0, [15] = 1}, 4242},
        {{0xfd, 0, [15] = 2}, 4242},
        {{[10] = 0xff, 0xff, 10, 0, 0, 1}, 4242},
        {{[10] = 0xff, 0xff, 192, 168, 0, 1}, 4242},
        {{[15] = 1}, 4243},
        {{[10] = 0xff, 0xff, 127, 0, 0, 1}, 4242},
    };
    struct bench bench;
    start(&bench);
    for (uint8_t i = 0; i < 6; i++)
        know_at(&bench, (uint8_t)(100 + i), &inside[i]);
    for (uint8_t i = 0; i < 60; i++)
        know(&bench, i);
    for (size_t i = 0; i < sizeof scope_rows / sizeof scope_rows[0]; i++) {
        const struct scope_row *row = &scope_rows[i];
        print_message("asker: %s\n", row->what);
        memcpy(bench.asker.ip, row->asker, 16);
        uint32_t near_count = 0;
        for (uint8_t j = 0; j < 6; j++) {
            struct vx6_msg msg = {.type = j % 2 == 0 ? VX6_MSG_find_node : VX6_MSG_find_value};
            struct own_keys keys;
            keys_of(&bench, (uint8_t)(100 + j), &keys);
            if (j % 2 == 0)
                memcpy(msg.u.find_node.target, keys.id, 32);
            else
                memcpy(msg.u.find_value.key, keys.id, 32);
            assert_true(ask(&bench, &msg));
            assert_int_equal(bench.answer.u.nodes.hints.count, row->count);
            struct vx6_hint hint;
            vx6_list hints = bench.answer.u.nodes.hints;
            assert_true(vx6_next_hint(&hints, &hint));
            near_count += bytes_equal(hint.key, keys.identity, 32);
        }
        assert_int_equal(near_count, row->near_count);
    }
    solo_stop(&bench.solo);
}

static vx6_span make_bundle(struct bench *bench, uint8_t number, uint8_t bytes[VX6_BUNDLE_MAX])
{
    struct own_keys keys;
    keys_of(bench, number, &keys);
    struct record_facts facts = {
        .sequence = 1, .unix_s = UNIX_S, .life_s = 1800, .label = {(const uint8_t *)"alice", 5}};
    return (vx6_span){bytes, record_make_bundle(&bench->solo.crypto, &keys, &facts, bytes)};
}

/* VX6-DHT-014 */
static void test_find_value_shows_one_bundle_of_those_held_or_else_contacts(void **state)
{
    (void)state;
    struct bench bench;
    uint8_t bytes[3][VX6_BUNDLE_MAX];
    vx6_span bundles[3];
    struct vx6_msg msg = {.type = VX6_MSG_find_value};
    start(&bench);
    know(&bench, 9);
    name_key(&bench.solo.crypto, msg.u.find_value.key, (vx6_span){(const uint8_t *)"alice", 5});
    for (uint8_t i = 0; i < 3; i++) {
        bundles[i] = make_bundle(&bench, i, bytes[i]);
        assert_int_equal(
            holder_store(bench.solo.node, msg.u.find_value.key, bundles[i], NULL), VX6_OK);
    }
    for (uint8_t i = 0; i < 3; i++) {
        msg.u.find_value.index = i;
        assert_true(ask(&bench, &msg));
        assert_int_equal(bench.answer.type, VX6_MSG_value);
        assert_int_equal(bench.answer.u.value.index, i);
        assert_int_equal(bench.answer.u.value.count, 3);
        assert_true(span_equal(bench.answer.u.value.bundle, bundles[i]));
    }
    msg.u.find_value.index = 3;
    assert_true(ask(&bench, &msg));
    assert_int_equal(bench.answer.type, VX6_MSG_nodes);
    msg.u.find_value.index = 0;
    msg.u.find_value.key[0] ^= 1;
    assert_true(ask(&bench, &msg));
    assert_int_equal(bench.answer.type, VX6_MSG_nodes);
    assert_int_equal(bench.answer.u.nodes.hints.count, 1);
    solo_stop(&bench.solo);
}

/* VX6-DHT-016, VX6-DHT-017 */
static void test_K7_a_store_needs_a_token_of_this_node(void **state)
{
    (void)state;
    struct bench bench;
    uint8_t bytes[VX6_BUNDLE_MAX];
    struct vx6_msg msg = {.type = VX6_MSG_store};
    start(&bench);
    msg.u.store.bundle = make_bundle(&bench, 1, bytes);
    name_key(&bench.solo.crypto, msg.u.store.key, (vx6_span){(const uint8_t *)"alice", 5});
    assert_true(ask(&bench, &msg));
    assert_int_equal(bench.answer.u.stored.code, VX6_BAD_TOKEN);
    assert_int_equal(bench.solo.node->holder.count, 0);
    token_make(bench.solo.node, msg.u.store.token, &bench.asker);
    assert_true(ask(&bench, &msg));
    assert_int_equal(bench.answer.u.stored.code, VX6_OK);
    assert_int_equal(bench.solo.node->holder.count, 1);
    msg.u.store.key[31] ^= 1;
    assert_true(ask(&bench, &msg));
    assert_int_equal(bench.answer.u.stored.code, VX6_INVALID);
    solo_stop(&bench.solo);
}

static const struct announce_row {
    const char *what;
    bool bad_token, own_key, bad_key, known;
    uint8_t ip[16];
    enum vx6_code code;
    bool asked;
} announce_rows[] = {
    {"a newcomer", .ip = {0x20, 1, [15] = 3}, .code = VX6_OK, .asked = true},
    {"without token", .ip = {0x20, 1, [15] = 3}, .bad_token = true, .code = VX6_BAD_TOKEN},
    {"with the own key", .ip = {0x20, 1, [15] = 3}, .own_key = true, .code = VX6_SELF},
    {"with nobody's key", .ip = {0x20, 1, [15] = 3}, .bad_key = true, .code = VX6_INVALID},
    {"from nowhere", .ip = {0}, .code = VX6_INVALID},
    {"a contact", .ip = {0x20, 1, [15] = 3}, .known = true, .code = VX6_OK},
};

/* VX6-DHT-008, VX6-DHT-026: an announcement makes a question, to where it came from. */
static void test_an_announced_node_is_asked_itself(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof announce_rows / sizeof announce_rows[0]; i++) {
        const struct announce_row *row = &announce_rows[i];
        struct bench bench;
        struct own_keys keys;
        uint8_t datagram[VX6_DATAGRAM_SIZE];
        vx6_addr to;
        struct vx6_msg msg = {.type = VX6_MSG_announce};
        start(&bench);
        know(&bench, 1);
        keys_of(&bench, row->known ? 1 : 2, &keys);
        memcpy(bench.asker.ip, row->known ? solo_addr(101).ip : row->ip, 16);
        bench.asker.port = 999;
        memcpy(msg.u.announce.key, keys.identity, 32);
        if (row->own_key)
            memcpy(msg.u.announce.key, bench.solo.node->keys.identity, 32);
        if (row->bad_key)
            memset(msg.u.announce.key, 0, 32);
        msg.u.announce.port = 4242;
        if (!row->bad_token)
            token_make(bench.solo.node, msg.u.announce.token, &bench.asker);
        print_message("announce: %s\n", row->what);
        assert_true(ask(&bench, &msg));
        assert_int_equal(bench.answer.u.announced.code, row->code);
        assert_int_equal(bench.solo.node->table.count, 1);
        assert_int_equal(solo_take(&bench.solo, datagram, &to), row->asked);
        if (row->asked) {
            assert_memory_equal(to.ip, row->ip, 16);
            assert_int_equal(to.port, 4242);
            assert_true(ask(&bench, &msg)); /* again: it is being asked already */
            assert_false(solo_take(&bench.solo, datagram, &to));
        }
        solo_stop(&bench.solo);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_answer_starts_with_token_time_and_signed_contact),
        cmocka_unit_test(test_a_contact_is_signed_again_when_it_is_old_or_moves),
        cmocka_unit_test(test_the_contact_is_the_endpoint_that_the_asker_can_have_asked),
        cmocka_unit_test(test_without_memory_for_a_contact_the_answer_has_none),
        cmocka_unit_test(test_find_node_is_answered_with_the_closest_contacts),
        cmocka_unit_test(test_an_asker_is_told_only_of_contacts_that_it_may_use),
        cmocka_unit_test(test_find_value_shows_one_bundle_of_those_held_or_else_contacts),
        cmocka_unit_test(test_K7_a_store_needs_a_token_of_this_node),
        cmocka_unit_test(test_an_announced_node_is_asked_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
