/* SPDX-License-Identifier: MIT */
/* Both crypto providers through the same rows, and their decisions compared: whatever the real one
 * accepts or refuses, the model must accept or refuse under every salt. */
#include "providers.h"

enum {
    DECISIONS_MAX = 16384
};

/* What a provider said, in order. */
struct decisions {
    uint32_t count;
    bool accepted[DECISIONS_MAX];
};

static void decide(struct decisions *decisions, bool accepted)
{
    assert_true(decisions->count < DECISIONS_MAX);
    decisions->accepted[decisions->count++] = accepted;
}

static void decide_signatures(const struct vx6_crypto *crypto, struct decisions *decisions)
{
    struct person alice = person(crypto, 1);
    struct person bob = person(crypto, 2);
    uint8_t message[300], signature[64];
    fill(message, sizeof message, 3);
    for (size_t len = 0; len <= sizeof message; len += 150) {
        crypto->sign(crypto, signature, alice.seed, alice.identity, "vx6/test/1", message, len);
#define VERIFY(key, label, size)                                                                   \
    decide(decisions, crypto->verify(crypto, signature, key, label, message, size))
        VERIFY(alice.identity, "vx6/test/1", len);
        VERIFY(bob.identity, "vx6/test/1", len);
        VERIFY(alice.identity, "vx6/test/2", len);
        VERIFY(alice.identity, "vx6/test/", len);
        VERIFY(alice.identity, "", len);
        VERIFY(alice.identity, "vx6/test/1", len / 2);
        for (size_t i = 0; i < sizeof signature; i++) {
            flip(signature, i);
            VERIFY(alice.identity, "vx6/test/1", len);
            flip(signature, i);
        }
        for (size_t i = 0; i < 32; i++) {
            flip(alice.identity, i);
            VERIFY(alice.identity, "vx6/test/1", len);
            flip(alice.identity, i);
        }
        for (size_t i = 0; i < len; i += 11) {
            flip(message, i);
            VERIFY(alice.identity, "vx6/test/1", len);
            flip(message, i);
        }
#undef VERIFY
    }
    /* A label cannot run into its message. */
    crypto->sign(crypto, signature, alice.seed, alice.identity, "ab", (const uint8_t *)"c", 1);
    decide(decisions,
        crypto->verify(crypto, signature, alice.identity, "a", (const uint8_t *)"bc", 2));
    decide(decisions,
        crypto->verify(crypto, signature, alice.identity, "abc", (const uint8_t *)"", 0));
}

static void decide_macs(const struct vx6_crypto *crypto, struct decisions *decisions)
{
    uint8_t key[32], message[40], mac[VX6_MAC_SIZE], other[VX6_MAC_SIZE];
    fill(key, sizeof key, 1);
    fill(message, sizeof message, 2);
    for (size_t len = 0; len <= sizeof message; len++) {
        crypto->mac(crypto, mac, key, message, len);
        crypto->mac(crypto, other, key, message, len);
        decide(decisions, memcmp(mac, other, sizeof mac) == 0);
        crypto->mac(crypto, other, key, message, len == 0 ? 1 : len - 1);
        decide(decisions, memcmp(mac, other, sizeof mac) == 0);
        flip(key, len % 32);
        crypto->mac(crypto, other, key, message, len);
        decide(decisions, memcmp(mac, other, sizeof mac) == 0);
        flip(key, len % 32);
    }
}

static void decide_asks(const struct vx6_crypto *crypto, struct decisions *decisions)
{
    struct person alice = person(crypto, 1);
    struct person bob = person(crypto, 2);
    struct person carol = person(crypto, 3);
    uint8_t datagram[VX6_DATAGRAM_SIZE], message[200], room[VX6_ASK_PAYLOAD_SIZE];
    vx6_span payload;
    struct vx6_ask ask, got;
    fill(message, sizeof message, 9);
    ask_header(datagram, 1);
    crypto->ask_seal(
        crypto, &ask, alice.ephemeral, bob.identity, message, sizeof message, datagram);
#define OPEN(who)                                                                                  \
    decide(decisions,                                                                              \
        crypto->ask_open(crypto, &got, (who).seed, (who).identity, datagram, room, &payload))
    OPEN(bob);
    assert_payload(payload, sizeof room, message, sizeof message);
    OPEN(bob); /* a replay is the same ask again */
    OPEN(carol);
    OPEN(alice);
    for (size_t i = 0; i < sizeof datagram; i++) {
        flip(datagram, i);
        OPEN(bob);
        flip(datagram, i);
    }
    memset(datagram + VX6_QUERY_HEADER_SIZE, 0, 32);
    OPEN(bob);
    fill(datagram, sizeof datagram, 77);
    OPEN(bob);
    /* To a key that is nobody's. */
    memset(carol.identity, 0, 32);
    crypto->ask_seal(crypto, &ask, alice.ephemeral, carol.identity, message, 1, datagram);
    OPEN(bob);
#undef OPEN
}

static void decide_answers(const struct vx6_crypto *crypto, struct decisions *decisions)
{
    struct person alice = person(crypto, 1);
    struct person bob = person(crypto, 2);
    struct person carol = person(crypto, 3);
    uint8_t datagram[VX6_DATAGRAM_SIZE], room[VX6_ANSWER_PAYLOAD_SIZE] = {0};
    uint8_t message[VX6_ANSWER_PAYLOAD_SIZE];
    vx6_span payload;
    struct vx6_ask ask, other, got;
    fill(message, sizeof message, 9);
    ask_header(datagram, 1);
    crypto->ask_seal(crypto, &other, carol.ephemeral, bob.identity, message, 7, datagram);
    crypto->ask_seal(crypto, &ask, alice.ephemeral, bob.identity, message, 7, datagram);
    assert_true(crypto->ask_open(crypto, &got, bob.seed, bob.identity, datagram, room, &payload));
    answer_header(datagram, 1);
    crypto->answer_seal(crypto, &got, bob.ephemeral, message, sizeof message, datagram);
#define OPEN(which)                                                                                \
    decide(decisions, crypto->answer_open(crypto, &(which), datagram, room, &payload))
    OPEN(ask);
    assert_payload(payload, sizeof room, message, sizeof message);
    OPEN(ask);
    OPEN(other);
    for (size_t i = 1; i < sizeof datagram; i++) {
        flip(datagram, i);
        OPEN(ask);
        flip(datagram, i);
    }
    memset(datagram + VX6_QUERY_HEADER_SIZE, 0, 32);
    OPEN(ask);
#undef OPEN
    for (size_t i = 0; i < sizeof room; i++)
        assert_int_equal(room[i], 0); /* no plaintext is left */
}

static void decide_run(
    const struct vx6_crypto *crypto, struct decisions *decisions, const struct handshake_run *run)
{
    struct handshake_result result = run_handshake(crypto, run);
    for (int number = 1; number <= 3; number++)
        decide(decisions, result.read >= number);
    decide(decisions, result.read == 3 && memcmp(result.bindings[0], result.bindings[1], 32) == 0);
}

static void decide_handshakes(const struct vx6_crypto *crypto, struct decisions *decisions)
{
    static const size_t sizes[3] = {72, 136, 104};
    for (enum vx6_suite suite = VX6_SUITE_CHACHAPOLY; suite <= VX6_SUITE_AESGCM; suite++) {
        struct handshake_run run = {.suites = {suite, suite}, .prologues = {"p", "p"}};
        decide_run(crypto, decisions, &run);
        for (int message = 1; message <= 3; message++) {
            run.message = message;
            for (run.index = 0; run.index < sizes[message - 1]; run.index += 5)
                decide_run(crypto, decisions, &run);
            run.cut = true;
            for (run.index = 0; run.index < sizes[message - 1]; run.index += 13)
                decide_run(crypto, decisions, &run);
            run.cut = false;
            run.low_order = true;
            decide_run(crypto, decisions, &run);
            run.low_order = false;
        }
        run.message = 0;
        run.prologues[1] = "q";
        decide_run(crypto, decisions, &run);
        run.prologues[1] = "p";
        run.suites[1] = suite == VX6_SUITE_AESGCM ? VX6_SUITE_CHACHAPOLY : VX6_SUITE_AESGCM;
        decide_run(crypto, decisions, &run);
    }
}

static void decide_records(
    const struct vx6_crypto *crypto, struct decisions *decisions, enum vx6_suite suite)
{
    static const uint8_t ad[2] = {1, 2};
    struct handshake_result link = good_link(crypto, suite);
    uint8_t plain[100], sealed[3][116], out[116];
    fill(plain, sizeof plain, 4);
    for (size_t i = 0; i < 3; i++)
        crypto->seal(crypto, &link.send[0], ad, sizeof ad, plain, sizeof plain, sealed[i]);
#define OPEN(cipher, ad_len, record, len)                                                          \
    decide(decisions, crypto->open(crypto, &(cipher), ad, ad_len, record, len, out))
    OPEN(link.receive[1], 2, sealed[1], 116); /* out of order */
    OPEN(link.receive[1], 1, sealed[0], 116); /* other associated data */
    OPEN(link.receive[0], 2, sealed[0], 116); /* back to its sender */
    for (size_t i = 0; i < 116; i++) {
        flip(sealed[0], i);
        OPEN(link.receive[1], 2, sealed[0], 116);
        flip(sealed[0], i);
        OPEN(link.receive[1], 2, sealed[0], i);
    }
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(out[i], 0); /* no plaintext is left */
    OPEN(link.receive[1], 2, sealed[0], 116);
    assert_memory_equal(out, plain, sizeof plain);
    OPEN(link.receive[1], 2, sealed[0], 116); /* a replay */
    OPEN(link.receive[1], 2, sealed[1], 116);
    crypto->rekey(crypto, &link.receive[1]);
    OPEN(link.receive[1], 2, sealed[2], 116); /* under the key before */
    crypto->rekey(crypto, &link.send[0]);
    link.send[0].nonce = 2;
    crypto->seal(crypto, &link.send[0], ad, sizeof ad, plain, sizeof plain, sealed[2]);
    OPEN(link.receive[1], 2, sealed[2], 116);
    assert_int_equal(link.receive[1].nonce, 3); /* a new key does not start again */
    memcpy(sealed[0], plain, sizeof plain);     /* in place, and empty */
    crypto->seal(crypto, &link.send[1], NULL, 0, sealed[0], sizeof plain, sealed[0]);
    decide(decisions, crypto->open(crypto, &link.receive[0], NULL, 0, sealed[0], 116, sealed[0]));
    assert_memory_equal(sealed[0], plain, sizeof plain);
    crypto->seal(crypto, &link.send[1], ad, sizeof ad, NULL, 0, sealed[0]);
    OPEN(link.receive[0], 2, sealed[0], VX6_TAG_SIZE);
#undef OPEN
    clear_link(crypto, &link);
}

static void decide_all(const struct vx6_crypto *crypto, struct decisions *decisions)
{
    decide_signatures(crypto, decisions);
    decide_macs(crypto, decisions);
    decide_asks(crypto, decisions);
    decide_answers(crypto, decisions);
    decide_handshakes(crypto, decisions);
    decide_records(crypto, decisions, VX6_SUITE_CHACHAPOLY);
    decide_records(crypto, decisions, VX6_SUITE_AESGCM);
}

/* VX6-CRYPTO-016 */
static void test_model_accepts_and_refuses_what_real_does(void **state)
{
    static struct decisions real, model;
    (void)state;
    real.count = 0;
    decide_all(&vx6_crypto_real, &real);
    assert_true(real.count > 3000);
    for (uint32_t p = 1; p < PROVIDERS; p++) {
        struct vx6_crypto crypto = provider(p);
        model.count = 0;
        decide_all(&crypto, &model);
        assert_int_equal(model.count, real.count);
        for (uint32_t i = 0; i < real.count; i++)
            if (real.accepted[i] != model.accepted[i])
                fail_msg("decision %u: real says %d", i, real.accepted[i]);
    }
}

static uint32_t accepted(const struct decisions *decisions)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < decisions->count; i++)
        count += decisions->accepted[i];
    return count;
}

/* VX6-CRYPTO-005 */
static void test_signature_holds_for_one_key_label_and_message(void **state)
{
    static struct decisions decisions;
    (void)state;
    for (uint32_t p = 0; p < PROVIDERS; p++) {
        struct vx6_crypto crypto = provider(p);
        decisions.count = 0;
        decide_signatures(&crypto, &decisions);
        assert_int_equal(
            accepted(&decisions), 4); /* three lengths; and of 0, the half is the same */
    }
}

/* VX6-CRYPTO-011, VX6-CRYPTO-012, VX6-CRYPTO-013: mac2 alone is not looked at. */
static void test_ask_opens_for_its_responder_only_and_as_it_was_sealed(void **state)
{
    static struct decisions decisions;
    (void)state;
    for (uint32_t p = 0; p < PROVIDERS; p++) {
        struct vx6_crypto crypto = provider(p);
        decisions.count = 0;
        decide_asks(&crypto, &decisions);
        assert_int_equal(accepted(&decisions), 2 + VX6_MAC_SIZE);
        assert_true(decisions.accepted[0] && decisions.accepted[1]);
    }
}

/* VX6-CRYPTO-014, VX6-CRYPTO-015 */
static void test_answer_opens_for_its_ask_only_and_as_it_was_sealed(void **state)
{
    static struct decisions decisions;
    (void)state;
    for (uint32_t p = 0; p < PROVIDERS; p++) {
        struct vx6_crypto crypto = provider(p);
        decisions.count = 0;
        decide_answers(&crypto, &decisions);
        assert_int_equal(accepted(&decisions), 2);
    }
}

/* VX6-CRYPTO-006 */
static void test_changed_handshake_never_completes(void **state)
{
    static struct decisions decisions;
    (void)state;
    for (uint32_t p = 0; p < PROVIDERS; p++) {
        struct vx6_crypto crypto = provider(p);
        decisions.count = 0;
        decide_handshakes(&crypto, &decisions);
        uint32_t complete = 0;
        for (uint32_t i = 3; i < decisions.count; i += 4)
            complete += decisions.accepted[i];
        assert_int_equal(complete, 2); /* one for each suite: the one that nobody touched */
    }
}

/* VX6-CRYPTO-008, VX6-CRYPTO-009, VX6-CRYPTO-010 */
static void test_record_opens_once_in_its_place(void **state)
{
    static struct decisions decisions;
    (void)state;
    for (uint32_t p = 0; p < PROVIDERS; p++) {
        struct vx6_crypto crypto = provider(p);
        for (enum vx6_suite suite = VX6_SUITE_CHACHAPOLY; suite <= VX6_SUITE_AESGCM; suite++) {
            decisions.count = 0;
            decide_records(&crypto, &decisions, suite);
            assert_int_equal(accepted(&decisions), 5);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signature_holds_for_one_key_label_and_message),
        cmocka_unit_test(test_ask_opens_for_its_responder_only_and_as_it_was_sealed),
        cmocka_unit_test(test_answer_opens_for_its_ask_only_and_as_it_was_sealed),
        cmocka_unit_test(test_changed_handshake_never_completes),
        cmocka_unit_test(test_record_opens_once_in_its_place),
        cmocka_unit_test(test_model_accepts_and_refuses_what_real_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
