/* SPDX-License-Identifier: MIT */
/* Secrets do not outlive what they belong to: after two nodes have talked and are freed, all memory
 * that the process may write is searched for their keys. Not for AddressSanitizer, which keeps
 * freed memory and maps far more than can be read. Spec: spec/security.md, "thief". */
#include "pair.h"
#include "solo.h"
#include "test.h"

#include "internal.h"
#include "link_internal.h"
#include "query_internal.h"

#include <stdio.h>
#include <string.h>

enum {
    SECRETS_MAX = 64,
    REGIONS_MAX = 256
};

/* Kept under a mask, so that the search does not find what it searches for. */
static const uint64_t mask = 0x5ac3f00d96e1b7a4;

static struct secret {
    const char *what;
    uint32_t node;
    uint64_t words[4];
    uint32_t found;
} secrets[SECRETS_MAX];
static uint32_t secret_count;

static uint64_t word_at(const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word ^ mask;
}

static void remember(const char *what, uint32_t node, const uint8_t key[32])
{
    struct secret *secret = &secrets[secret_count++];
    VX6_ASSERT(secret_count <= SECRETS_MAX);
    *secret = (struct secret){.what = what, .node = node};
    for (uint32_t i = 0; i < 4; i++)
        secret->words[i] = word_at(key + (size_t)i * 8);
}

static void remember_node(uint32_t index, const struct vx6_node *node)
{
    remember("identity seed", index, node->keys.identity_seed);
    remember("link secret", index, node->keys.link_secret);
    remember("record seed", index, node->keys.record_seed);
    remember("token secret", index, node->queries.tokens.secret[0]);
    remember("key of the secret generator", index, node->secret_rng.key);
    remember("key of the public generator", index, node->public_rng.key);
    for (const struct link *link = node->links.first; link; link = link->next) {
        remember("key of a link's records, sent", index, link->send.key);
        remember("key of a link's records, received", index, link->receive.key);
    }
}

/* Half of a secret is one too many. */
static void look_at(const uint8_t *bytes)
{
    uint64_t word = word_at(bytes);
    for (uint32_t i = 0; i < secret_count; i++) {
        struct secret *secret = &secrets[i];
        if ((word == secret->words[0] && word_at(bytes + 8) == secret->words[1]) ||
            (word == secret->words[2] && word_at(bytes + 8) == secret->words[3]))
            secret->found++;
    }
}

/* Returns how many halves of secrets lie anywhere. */
static uint32_t search(void)
{
    static struct region {
        const uint8_t *begin, *end;
    } regions[REGIONS_MAX];
    uint32_t count = 0, found = 0;
    char line[512], access[5];
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps)) {
        void *begin, *end;
        if (sscanf(line, "%p-%p %4s", &begin, &end, access) == 3 && strncmp(access, "rw", 2) == 0) {
            assert_true(count < REGIONS_MAX);
            regions[count++] = (struct region){begin, end};
        }
    }
    fclose(maps);
    for (uint32_t i = 0; i < secret_count; i++)
        secrets[i].found = 0;
    for (uint32_t i = 0; i < count; i++) {
        for (const uint8_t *at = regions[i].begin; at + 16 <= regions[i].end; at++)
            look_at(at);
    }
    for (uint32_t i = 0; i < secret_count; i++)
        found += secrets[i].found;
    return found;
}

static bool has_link(struct pair_net *net, void *context)
{
    (void)context;
    return net->counts[VX6_EVENT_link_up] >= 2 && net->counts[VX6_EVENT_published] >= 2;
}

static void talk_and_remember(struct pair_net *net)
{
    struct pair_node *alice = pair_add(net, "alice"), *bob = pair_add(net, "bob");
    assert_int_equal(pair_peer_add(bob, alice), VX6_OK);
    assert_true(pair_until(net, has_link, NULL, 60 * VX6_SECOND));
    remember_node(0, alice->node);
    remember_node(1, bob->node);
}

static void check_seen(void)
{
    (void)search();
    for (uint32_t i = 0; i < secret_count; i++) {
        if (secrets[i].found < 2)
            fail_msg("the search does not see the %s of node %u", secrets[i].what, secrets[i].node);
    }
}

static void check_gone(void)
{
    uint32_t left = search();
    for (uint32_t i = 0; i < secret_count; i++) {
        if (secrets[i].found > 0)
            print_error("node %u: %s: found %u times\n", secrets[i].node, secrets[i].what,
                secrets[i].found);
    }
    assert_int_equal(left, 0);
}

static void test_no_key_is_left_in_memory(void **state)
{
    (void)state;
    struct pair_net *net = pair_net_new(3, true);
    secret_count = 0;
    talk_and_remember(net);
    assert_int_equal(secret_count, 2 * 8);
    check_seen();
    pair_net_free(net);
    check_gone();
}

/* What an ask has left with the node, which seals the answer with it, the asker has got as well. */
static void ask_and_remember(struct solo *solo)
{
    const uint8_t seed[32] = {1}, id[8] = {1};
    uint8_t datagram[VX6_DATAGRAM_SIZE], message[ASK_MAX];
    struct vx6_msg ask = {.type = VX6_MSG_find_node};
    struct vx6_ask asked;
    datagram_header(datagram, TYPE_ASK, solo->node->keys.id, id);
    vx6_span payload =
        datagram_put(datagram, message, vx6_msg_encode(&ask, message, sizeof message));
    solo->crypto.ask_seal(&solo->crypto, &asked, seed, solo->node->keys.identity, payload.data,
        payload.len, datagram);
    secret_count = 0;
    remember("chaining key of an answer", 0, asked.opaque);
    wipe(&asked, sizeof asked);
    solo_give(solo, &(vx6_addr){{0x20, 1}, 1}, datagram, sizeof datagram);
    assert_int_equal(solo->node->queries.answer_count, 1);
}

static void test_an_answer_leaves_no_key_whether_it_is_taken_or_not(void **state)
{
    (void)state;
    for (uint32_t is_taken = 0; is_taken < 2; is_taken++) {
        uint8_t answer[VX6_DATAGRAM_SIZE];
        vx6_addr to;
        struct solo solo;
        solo_init(&solo);
        solo.crypto = vx6_crypto_real;
        solo_start(&solo, 1);
        ask_and_remember(&solo);
        check_seen();
        if (is_taken) {
            assert_true(solo_take(&solo, answer, &to));
            check_gone();
        }
        solo_stop(&solo);
        check_gone();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_key_is_left_in_memory),
        cmocka_unit_test(test_an_answer_leaves_no_key_whether_it_is_taken_or_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
