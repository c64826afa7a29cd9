/* SPDX-License-Identifier: MIT */
/* What someone sees who watches every wire between two nodes, with real cryptography: over many
 * pairs of nodes, which bytes are constant, and whether a key or a name can be read anywhere. */
#include "test.h"

#include <string.h>

#include "link_internal.h"
#include "pair.h"

enum {
    PAIRS = 40,
    SECRETS_MAX = 20,
    ANSWER_HEAD = 4, /* type, suite, key hint */
    ASK_HEAD = 2     /* type, suite; the hint tells two bytes of whom is asked */
};

/* One kind of message: its first copy, and where a later one differed from it. */
struct kind {
    uint8_t first[VX6_DATAGRAM_SIZE];
    bool varies[VX6_DATAGRAM_SIZE];
    size_t len;
    uint32_t count;
};

static struct kind asks, answers, handshakes[2]; /* by the dialler; by who was dialled */
static size_t handshake_len[2];                  /* so far, of this pair's first link */
static uint8_t handshake_bytes[2][VX6_DATAGRAM_SIZE];
static vx6_span secrets[SECRETS_MAX]; /* what must not be read */
static uint32_t secret_count, secrets_read;
static uint64_t bytes_seen;

static void watch(struct kind *kind, const uint8_t *data, size_t len)
{
    if (kind->count++ == 0) {
        memcpy(kind->first, data, len);
        kind->len = len;
    }
    assert_int_equal(len, kind->len);
    for (size_t i = 0; i < len; i++)
        kind->varies[i] = kind->varies[i] || data[i] != kind->first[i];
}

static void look_for_secrets(const uint8_t *data, size_t len)
{
    bytes_seen += len;
    for (uint32_t i = 0; i < secret_count; i++) {
        for (size_t at = 0; at + secrets[i].len <= len; at++)
            secrets_read += bytes_equal(data + at, secrets[i].data, secrets[i].len);
    }
}

static void on_datagram(struct pair_net *net, uint8_t *data, size_t *len)
{
    (void)net;
    watch(data[0] == 8 ? &asks : &answers, data, *len);
    look_for_secrets(data, *len);
}

static void on_chunk(struct pair_net *net, uint32_t from, uint8_t *data, size_t *len)
{
    (void)net;
    size_t room = VX6_DATAGRAM_SIZE - handshake_len[from];
    size_t part = *len < room ? *len : room;
    memcpy(handshake_bytes[from] + handshake_len[from], data, part);
    handshake_len[from] += part;
    look_for_secrets(data, *len);
}

static void keep_secret(const void *data, size_t len)
{
    assert_true(secret_count < SECRETS_MAX);
    secrets[secret_count++] = (vx6_span){data, len};
}

/* Eight bytes of a key would tell it from all others. */
static void keep_keys_secret(const struct pair_node *node)
{
    const struct own_keys *keys = &node->node->keys;
    keep_secret(keys->identity, 8);
    keep_secret(keys->id, 8);
    keep_secret(keys->link_public, 8);
    keep_secret(keys->record_public, 8);
}

/* Bob, node 0, joins through Alice, looks her name up and opens a session with her. */
static void run_pair(uint64_t seed)
{
    struct pair_net *net = pair_net_new(seed, true);
    uint8_t key[32];
    net->on_datagram = on_datagram;
    net->on_chunk = on_chunk;
    struct pair_node *bob = pair_add(net, ""), *alice = pair_add(net, "alice-of-observer");
    name_key(&net->crypto, key, (vx6_span){(const uint8_t *)"alice-of-observer", 17});
    secret_count = 0;
    handshake_len[0] = handshake_len[1] = 0;
    keep_keys_secret(bob);
    keep_keys_secret(alice);
    keep_secret(key, 8);
    keep_secret("alice", 5);
    keep_secret("hidden-web", 10);
    assert_int_equal(pair_command(alice, VX6_IN_SERVICE_ADD, "hidden-web", NULL), VX6_OK);
    assert_int_equal(pair_peer_add(bob, alice), VX6_OK);
    pair_run(net, 3 * VX6_SECOND);
    assert_int_equal(
        pair_command(bob, VX6_IN_SESSION_OPEN, "alice-of-observer.hidden-web", NULL), VX6_OK);
    pair_run(net, 3 * VX6_SECOND);
    assert_non_null(pair_find(bob, VX6_OUT_SESSION_UP, 0));
    for (int end = 0; end < 2; end++) {
        size_t len = end == 0 ? LINK_MESSAGE_1_SIZE + LINK_MESSAGE_3_SIZE : LINK_MESSAGE_2_SIZE;
        assert_true(handshake_len[end] > len);
        watch(&handshakes[end], handshake_bytes[end], len);
    }
    pair_net_free(net);
}

static void watch_pairs(void)
{
    if (asks.count > 0)
        return;
    for (uint64_t seed = 1; seed <= PAIRS; seed++)
        run_pair(seed);
}

static uint32_t count_constant(const struct kind *kind, size_t from, size_t to)
{
    uint32_t count = 0;
    for (size_t i = from; i < to; i++)
        count += !kind->varies[i];
    return count;
}

/* VX6-LINK-001, VX6-LINK-002: a handshake has no byte by which to know it. VX6-QUERY-001: a
 * datagram has type, suite, and where it has no use for them zeros. */
static void test_S4_only_what_the_specification_says_is_constant(void **state)
{
    (void)state;
    watch_pairs();
    for (int end = 0; end < 2; end++) {
        assert_int_equal(handshakes[end].count, PAIRS);
        assert_int_equal(count_constant(&handshakes[end], 0, handshakes[end].len), 0);
    }
    assert_true(asks.count > 5 * PAIRS && answers.count > 5 * PAIRS);
    const size_t mac2 = VX6_ASK_MAC1_AT + VX6_MAC_SIZE;
    assert_int_equal(count_constant(&asks, 0, ASK_HEAD), ASK_HEAD);
    assert_int_equal(count_constant(&asks, ASK_HEAD, mac2), 0);
    assert_int_equal(count_constant(&asks, mac2, asks.len), VX6_MAC_SIZE);
    assert_true(is_zero(asks.first + mac2, VX6_MAC_SIZE));
    assert_int_equal(count_constant(&answers, 0, ANSWER_HEAD), ANSWER_HEAD);
    assert_int_equal(count_constant(&answers, ANSWER_HEAD, answers.len), 0);
}

/* VX6-LINK-004, VX6-CRYPTO-011, VX6-CRYPTO-014: no part of a key or ID, neither name nor service,
 * nor what is looked up, in any datagram or on any link. */
static void test_R12_no_key_name_or_question_can_be_read(void **state)
{
    (void)state;
    watch_pairs();
    assert_true(bytes_seen > (uint64_t)PAIRS * 10000);
    assert_int_equal(secret_count, 11);
    assert_int_equal(secrets_read, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_S4_only_what_the_specification_says_is_constant),
        cmocka_unit_test(test_R12_no_key_name_or_question_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
