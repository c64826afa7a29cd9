/* SPDX-License-Identifier: MIT */
/* Both crypto providers through the same rows, and their decisions compared: whatever the real one
 * accepts or refuses, the model must accept or refuse under every salt. */
#include "test.h"

#include <string.h>

#include "vx6/crypto.h"

enum {
    DECISIONS_MAX = 16384,
    PROVIDERS = 3,
    HANDSHAKE_MAX = 256
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

static struct vx6_crypto provider(uint32_t index)
{
    struct vx6_crypto crypto = index == 0 ? vx6_crypto_real : vx6_crypto_model;
    if (index > 0)
        crypto.salt = index;
    return crypto;
}

/* A person with every kind of key; equal numbers are equal persons. */
struct person {
    uint8_t seed[32], identity[32];
    uint8_t link_secret[32], link_public[32];
    uint8_t ephemeral[32];
};

static struct person person(const struct vx6_crypto *crypto, uint8_t number)
{
    struct person person;
    memset(person.seed, number, 32);
    memset(person.link_secret, number ^ 0x40, 32);
    memset(person.ephemeral, number ^ 0x80, 32);
    crypto->sign_public(crypto, person.identity, person.seed);
    crypto->link_public(crypto, person.link_public, person.link_secret);
    return person;
}

static void fill(uint8_t *bytes, size_t len, uint8_t first)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(first + i * 7);
}

static void flip(uint8_t *bytes, size_t index)
{
    bytes[index] ^= (uint8_t)(1u << index % 8);
}

static void parse_hex(uint8_t *bytes, size_t len, const char *hex)
{
    static const char digits[] = "0123456789abcdef";
    assert_int_equal(strlen(hex), 2 * len);
    for (size_t i = 0; i < len; i++) {
        size_t high = (size_t)(strchr(digits, hex[2 * i]) - digits);
        size_t low = (size_t)(strchr(digits, hex[2 * i + 1]) - digits);
        bytes[i] = (uint8_t)(high << 4 | low);
    }
}

/* ---- known answers ---- */
/* VX6-CRYPTO-001: RFC 8032 section 7.1, FIPS 180. */
static void test_hashes_and_identity_keys_are_real_in_every_provider(void **state)
{
    static const struct {
        const char *seed, *public_key;
    } rows[] = {
        {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"},
        {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"},
    };
    uint8_t seed[32], expected[32], got[32];
    (void)state;
    for (uint32_t p = 0; p < PROVIDERS; p++) {
        struct vx6_crypto crypto = provider(p);
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            parse_hex(seed, 32, rows[i].seed);
            parse_hex(expected, 32, rows[i].public_key);
            crypto.sign_public(&crypto, got, seed);
            assert_memory_equal(got, expected, 32);
            assert_true(crypto.sign_public_is_valid(&crypto, got));
        }
        parse_hex(expected, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        crypto.sha256(&crypto, got, (const uint8_t *)"abc", 3);
        assert_memory_equal(got, expected, 32);
    }
}

/* RFC 7748 sections 5.2 and 6.1. */
static void test_link_keys_are_x25519_keys(void **state)
{
    static const struct {
        const char *secret, *public_key;
    } rows[] = {
        {"5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"},
        {"0900000000000000000000000000000000000000000000000000000000000000",
            "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"},
    };
    uint8_t secret[32], expected[32], got[32];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        parse_hex(secret, 32, rows[i].secret);
        parse_hex(expected, 32, rows[i].public_key);
        vx6_crypto_real.link_public(&vx6_crypto_real, got, secret);
        assert_memory_equal(got, expected, 32);
    }
}

/* VX6-CRYPTO-002 */
static void test_S8_identity_keys_that_could_be_two_identities_are_refused(void **state)
{
    static const struct {
        const char *why, *key;
    } rows[] = {
        {"order 1", "0100000000000000000000000000000000000000000000000000000000000000"},
        {"order 2", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
        {"order 4", "0000000000000000000000000000000000000000000000000000000000000000"},
        {"order 8", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"},
        {"y = p", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
        {"y = p + 1", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
        {"-0", "0100000000000000000000000000000000000000000000000000000000000080"},
        {"not on the curve", "0200000000000000000000000000000000000000000000000000000000000000"},
        {"a valid key plus a point of order 2",
            "16a567fe7d4ef5482ab4012c369bf8c5f11e8d0c2559dcda50fde59708f8aee5"},
    };
    uint8_t key[32];
    (void)state;
    for (uint32_t p = 0; p < PROVIDERS; p++) {
        struct vx6_crypto crypto = provider(p);
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            parse_hex(key, 32, rows[i].key);
            if (crypto.sign_public_is_valid(&crypto, key))
                fail_msg("%s: %s is taken", crypto.name, rows[i].why);
        }
    }
}

/* ---- decisions ---- */
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

static void ask_header(uint8_t *datagram, uint8_t query)
{
    const uint8_t header[VX6_QUERY_HEADER_SIZE] = {8, 1, 5, 6, 0, 0, 0, 0, 0, 0, 0, query};
    memcpy(datagram, header, sizeof header);
}

static void answer_header(uint8_t *datagram, uint8_t query)
{
    const uint8_t header[VX6_QUERY_HEADER_SIZE] = {9, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, query};
    memcpy(datagram, header, sizeof header);
}

static void decide_asks(const struct vx6_crypto *crypto, struct decisions *decisions)
{
    struct person alice = person(crypto, 1);
    struct person bob = person(crypto, 2);
    struct person carol = person(crypto, 3);
    uint8_t datagram[VX6_DATAGRAM_SIZE], message[200], payload[VX6_ASK_PAYLOAD_SIZE];
    struct vx6_ask ask, got;
    fill(message, sizeof message, 9);
    ask_header(datagram, 1);
    crypto->ask_seal(
        crypto, &ask, alice.ephemeral, bob.identity, message, sizeof message, datagram);
#define OPEN(who)                                                                                  \
    decide(decisions, crypto->ask_open(crypto, &got, (who).seed, (who).identity, datagram, payload))
    OPEN(bob);
    assert_memory_equal(payload, message, sizeof message);
    for (size_t i = sizeof message; i < sizeof payload; i++)
        assert_int_equal(payload[i], 0);
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
    uint8_t datagram[VX6_DATAGRAM_SIZE], payload[VX6_ANSWER_PAYLOAD_SIZE];
    uint8_t message[VX6_ANSWER_PAYLOAD_SIZE];
    struct vx6_ask ask, other, got;
    fill(message, sizeof message, 9);
    ask_header(datagram, 1);
    crypto->ask_seal(crypto, &other, carol.ephemeral, bob.identity, message, 7, datagram);
    crypto->ask_seal(crypto, &ask, alice.ephemeral, bob.identity, message, 7, datagram);
    assert_true(crypto->ask_open(crypto, &got, bob.seed, bob.identity, datagram, payload));
    answer_header(datagram, 1);
    crypto->answer_seal(crypto, &got, bob.ephemeral, message, sizeof message, datagram);
#define OPEN(which) decide(decisions, crypto->answer_open(crypto, &(which), datagram, payload))
    OPEN(ask);
    assert_memory_equal(payload, message, sizeof message);
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
    for (size_t i = 0; i < sizeof payload; i++)
        assert_int_equal(payload[i], 0); /* no plaintext is left */
}

/* Both ends of a link, as far as it gets. */
struct handshake_run {
    enum vx6_suite suites[2]; /* of initiator and responder */
    const char *prologues[2];
    int message; /* 1..3: this one is changed on its way; 0: none */
    size_t index;
    bool cut;       /* it ends at `index`; else a bit of that byte is flipped */
    bool low_order; /* or its first 32 bytes become zero */
    uint8_t ephemeral_change;
};

struct handshake_result {
    int read; /* messages that were accepted */
    size_t sizes[3];
    struct vx6_cipher send[2], receive[2];
    uint8_t bindings[2][32];
};

static bool pass(const struct vx6_crypto *crypto, struct vx6_handshake *ends,
    const struct handshake_run *run, int number, struct handshake_result *result)
{
    struct vx6_handshake *from = &ends[number % 2 == 1 ? 0 : 1];
    struct vx6_handshake *to = &ends[number % 2 == 1 ? 1 : 0];
    uint8_t message[HANDSHAKE_MAX], plain[HANDSHAKE_MAX], payload[40];
    fill(payload, sizeof payload, (uint8_t)number);
    size_t len = crypto->handshake_write(crypto, from, payload, sizeof payload, message);
    result->sizes[number - 1] = len;
    if (run->message == number) {
        if (run->low_order)
            memset(message, 0, 32);
        else if (run->cut)
            len = run->index;
        else
            flip(message, run->index);
    }
    if (!crypto->handshake_read(crypto, to, message, len, plain))
        return false;
    if (run->message != number)
        assert_memory_equal(plain, payload, sizeof payload);
    result->read++;
    return true;
}

static struct handshake_result run_handshake(
    const struct vx6_crypto *crypto, const struct handshake_run *run)
{
    struct person people[2] = {person(crypto, 1), person(crypto, 2)};
    struct vx6_handshake ends[2];
    struct handshake_result result = {0};
    uint8_t key[32];
    people[0].ephemeral[0] ^= (uint8_t)(run->ephemeral_change << 3);
    for (size_t i = 0; i < 2; i++)
        crypto->handshake_init(crypto, &ends[i], run->suites[i], i == 0,
            (const uint8_t *)run->prologues[i], strlen(run->prologues[i]), people[i].link_secret,
            people[i].ephemeral);
    for (int number = 1; number <= 3; number++)
        if (!pass(crypto, ends, run, number, &result))
            break;
    if (result.read == 3) {
        for (size_t i = 0; i < 2; i++) {
            crypto->handshake_remote_static(crypto, &ends[i], key);
            assert_memory_equal(key, people[1 - i].link_public, 32);
            crypto->handshake_split(
                crypto, &ends[i], &result.send[i], &result.receive[i], result.bindings[i]);
        }
    }
    for (size_t i = 0; i < 2; i++)
        crypto->handshake_clear(crypto, &ends[i]);
    return result;
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

static struct handshake_result good_link(const struct vx6_crypto *crypto, enum vx6_suite suite)
{
    struct handshake_run run = {.suites = {suite, suite}, .prologues = {"p", "p"}};
    struct handshake_result link = run_handshake(crypto, &run);
    assert_int_equal(link.read, 3);
    return link;
}

static void clear_link(const struct vx6_crypto *crypto, struct handshake_result *link)
{
    for (size_t i = 0; i < 2; i++) {
        crypto->cipher_clear(crypto, &link->send[i]);
        crypto->cipher_clear(crypto, &link->receive[i]);
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

/* VX6-CRYPTO-016: also in padding, where a provider may look for less than everywhere else. */
static void test_changed_byte_of_a_padded_payload_is_refused(void **state)
{
    (void)state;
    for (uint32_t p = 0; p < PROVIDERS; p++) {
        struct vx6_crypto crypto = provider(p);
        struct person alice = person(&crypto, 1), bob = person(&crypto, 2);
        /* Padding begins where the length at the front says, or before, or behind. */
        for (uint8_t len = 0; len < 80; len += 13) {
            uint8_t message[40] = {0, len, 7}, payload[VX6_ANSWER_PAYLOAD_SIZE];
            uint8_t ask[VX6_DATAGRAM_SIZE], answer[VX6_DATAGRAM_SIZE];
            struct vx6_ask asked, got;
            ask_header(ask, 1);
            crypto.ask_seal(&crypto, &asked, alice.ephemeral, bob.identity, message, 40, ask);
            for (size_t i = 0; i < VX6_ASK_MAC1_AT + VX6_MAC_SIZE; i++) {
                flip(ask, i);
                assert_false(crypto.ask_is_for(&crypto, bob.identity, ask));
                assert_false(crypto.ask_open(&crypto, &got, bob.seed, bob.identity, ask, payload));
                flip(ask, i);
            }
            assert_true(crypto.ask_is_for(&crypto, bob.identity, ask));
            assert_true(crypto.ask_open(&crypto, &got, bob.seed, bob.identity, ask, payload));
            answer_header(answer, 1);
            crypto.answer_seal(&crypto, &got, bob.ephemeral, message, 40, answer);
            for (size_t i = 1; i < sizeof answer; i++) {
                flip(answer, i);
                assert_false(crypto.answer_open(&crypto, &asked, answer, payload));
                flip(answer, i);
            }
            assert_true(crypto.answer_open(&crypto, &asked, answer, payload));
            assert_memory_equal(payload, message, sizeof message);
        }
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

/* VX6-CRYPTO-018, VX6-CRYPTO-019: every changed bit of what goes in is refused, by every provider.
 */
static void test_proofs_of_address_hold_for_one_ask_and_cookie(void **state)
{
    (void)state;
    for (uint32_t p = 0; p < PROVIDERS; p++) {
        struct vx6_crypto crypto = provider(p);
        uint8_t ask[VX6_DATAGRAM_SIZE] = {0x08, 1}, identity[32], mac1[16] = {1}, nonce[24] = {2};
        uint8_t cookie[16] = {3}, sealed[32], opened[16], seed[32] = {4};
        struct vx6_ask state_of_ask;
        crypto.sign_public(&crypto, identity, seed);
        crypto.ask_seal(&crypto, &state_of_ask, seed, identity, cookie, 16, ask);
        assert_true(crypto.ask_is_for(&crypto, identity, ask));
        assert_false(crypto.ask_is_for(&crypto, seed, ask));
        assert_false(crypto.ask_is_proven(&crypto, cookie, ask));
        crypto.ask_prove(&crypto, cookie, ask);
        for (size_t i = 0; i < sizeof ask; i++) {
            ask[i] ^= 0x10;
            assert_false(crypto.ask_is_proven(&crypto, cookie, ask));
            ask[i] ^= 0x10;
        }
        assert_true(crypto.ask_is_proven(&crypto, cookie, ask));
        crypto.cookie_seal(&crypto, identity, mac1, cookie, nonce, sealed);
        assert_true(crypto.cookie_open(&crypto, identity, mac1, nonce, sealed, opened));
        assert_memory_equal(opened, cookie, sizeof cookie);
        uint8_t *const parts[] = {identity, mac1, nonce, sealed};
        static const size_t sizes[] = {32, 16, 24, 32};
        for (size_t part = 0; part < 4; part++) {
            for (size_t i = 0; i < sizes[part]; i++) {
                parts[part][i] ^= 0x01;
                assert_false(crypto.cookie_open(&crypto, identity, mac1, nonce, sealed, opened));
                parts[part][i] ^= 0x01;
            }
        }
        cookie[15] ^= 1;
        assert_false(crypto.ask_is_proven(&crypto, cookie, ask));
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

static void differ(const uint8_t *a, const uint8_t *b, size_t len)
{
    assert_true(memcmp(a, b, len) != 0);
}

/* VX6-CRYPTO-017 */
static void test_salt_changes_every_opaque_byte_string(void **state)
{
    struct vx6_crypto crypto[2] = {provider(1), provider(2)};
    uint8_t signature[2][64], mac[2][16], ask[2][1200];
    struct person people[2];
    struct handshake_result links[2];
    struct vx6_ask kept;
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        people[i] = person(&crypto[i], 1);
        crypto[i].sign(
            &crypto[i], signature[i], people[i].seed, people[i].identity, "l", people[i].seed, 32);
        crypto[i].mac(&crypto[i], mac[i], people[i].seed, people[i].seed, 32);
        ask_header(ask[i], 1);
        crypto[i].ask_seal(
            &crypto[i], &kept, people[i].ephemeral, people[i].identity, people[i].seed, 32, ask[i]);
        links[i] = good_link(&crypto[i], VX6_SUITE_AESGCM);
    }
    assert_memory_equal(people[0].identity, people[1].identity, 32);
    differ(people[0].link_public, people[1].link_public, 32);
    differ(signature[0], signature[1], 64);
    differ(mac[0], mac[1], 16);
    differ(ask[0] + 12, ask[1] + 12, 32);
    differ(ask[0] + 1152, ask[1] + 1152, 16);
    differ(ask[0] + 1168, ask[1] + 1168, 16);
    differ(links[0].bindings[0], links[1].bindings[0], 32);
    differ(links[0].send[0].key, links[1].send[0].key, 32);
    for (size_t i = 0; i < 2; i++)
        clear_link(&crypto[i], &links[i]);
}

/* VX6-CRYPTO-007: what a fresh key is for. */
static void test_fresh_ephemeral_key_changes_datagram_and_binding(void **state)
{
    uint8_t ask[2][VX6_DATAGRAM_SIZE], bindings[2][32];
    struct vx6_ask kept;
    (void)state;
    for (uint32_t p = 0; p < PROVIDERS; p++) {
        struct vx6_crypto crypto = provider(p);
        struct handshake_run run = {
            .suites = {VX6_SUITE_AESGCM, VX6_SUITE_AESGCM}, .prologues = {"p", "p"}};
        for (uint8_t i = 0; i < 2; i++) {
            struct person alice = person(&crypto, i);
            struct person bob = person(&crypto, 2);
            ask_header(ask[i], 1);
            crypto.ask_seal(&crypto, &kept, alice.ephemeral, bob.identity, NULL, 0, ask[i]);
            run.ephemeral_change = i;
            struct handshake_result link = run_handshake(&crypto, &run);
            memcpy(bindings[i], link.bindings[0], 32);
            clear_link(&crypto, &link);
        }
        differ(ask[0] + 12, ask[1] + 12, 32);
        differ(ask[0] + 1152, ask[1] + 1152, 16);
        differ(ask[0] + 1168, ask[1] + 1168, 16);
        differ(bindings[0], bindings[1], 32);
    }
}

/* Sizes are part of the wire format, so no provider may differ. */
static void test_handshake_messages_have_the_sizes_of_noise_xx(void **state)
{
    (void)state;
    for (uint32_t p = 0; p < PROVIDERS; p++) {
        struct vx6_crypto crypto = provider(p);
        struct handshake_result link = good_link(&crypto, VX6_SUITE_CHACHAPOLY);
        assert_int_equal(link.sizes[0], 40 + 32);
        assert_int_equal(link.sizes[1], 40 + 32 + 48 + 16);
        assert_int_equal(link.sizes[2], 40 + 48 + 16);
        clear_link(&crypto, &link);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hashes_and_identity_keys_are_real_in_every_provider),
        cmocka_unit_test(test_link_keys_are_x25519_keys),
        cmocka_unit_test(test_S8_identity_keys_that_could_be_two_identities_are_refused),
        cmocka_unit_test(test_signature_holds_for_one_key_label_and_message),
        cmocka_unit_test(test_ask_opens_for_its_responder_only_and_as_it_was_sealed),
        cmocka_unit_test(test_changed_byte_of_a_padded_payload_is_refused),
        cmocka_unit_test(test_answer_opens_for_its_ask_only_and_as_it_was_sealed),
        cmocka_unit_test(test_proofs_of_address_hold_for_one_ask_and_cookie),
        cmocka_unit_test(test_changed_handshake_never_completes),
        cmocka_unit_test(test_record_opens_once_in_its_place),
        cmocka_unit_test(test_handshake_messages_have_the_sizes_of_noise_xx),
        cmocka_unit_test(test_fresh_ephemeral_key_changes_datagram_and_binding),
        cmocka_unit_test(test_model_accepts_and_refuses_what_real_does),
        cmocka_unit_test(test_salt_changes_every_opaque_byte_string),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
