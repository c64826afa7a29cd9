/* SPDX-License-Identifier: MIT */
/* What every crypto provider makes: known answers, sizes, and what has to differ. */
#include "providers.h"

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

/* VX6-CRYPTO-016: also in padding, where a provider may look for less than everywhere else. */
static void test_changed_byte_of_a_padded_payload_is_refused(void **state)
{
    (void)state;
    for (uint32_t p = 0; p < PROVIDERS; p++) {
        struct vx6_crypto crypto = provider(p);
        struct person alice = person(&crypto, 1), bob = person(&crypto, 2);
        /* Padding begins where the length at the front says, or before, or behind. */
        for (uint8_t len = 0; len < 80; len += 13) {
            uint8_t message[40] = {0, len, 7}, room[VX6_ANSWER_PAYLOAD_SIZE];
            vx6_span payload;
            uint8_t ask[VX6_DATAGRAM_SIZE], answer[VX6_DATAGRAM_SIZE];
            struct vx6_ask asked, got;
            ask_header(ask, 1);
            crypto.ask_seal(&crypto, &asked, alice.ephemeral, bob.identity, message, 40, ask);
            for (size_t i = 0; i < VX6_ASK_MAC1_AT + VX6_MAC_SIZE; i++) {
                flip(ask, i);
                assert_false(crypto.ask_is_for(&crypto, bob.identity, ask));
                assert_false(
                    crypto.ask_open(&crypto, &got, bob.seed, bob.identity, ask, room, &payload));
                flip(ask, i);
            }
            assert_true(crypto.ask_is_for(&crypto, bob.identity, ask));
            assert_true(
                crypto.ask_open(&crypto, &got, bob.seed, bob.identity, ask, room, &payload));
            answer_header(answer, 1);
            crypto.answer_seal(&crypto, &got, bob.ephemeral, message, 40, answer);
            for (size_t i = 1; i < sizeof answer; i++) {
                flip(answer, i);
                assert_false(crypto.answer_open(&crypto, &asked, answer, room, &payload));
                flip(answer, i);
            }
            assert_true(crypto.answer_open(&crypto, &asked, answer, room, &payload));
            assert_payload(payload, VX6_ANSWER_PAYLOAD_SIZE, message, sizeof message);
        }
    }
}

/* For a driver that does not carry padding: whatever stands there is not padding, and no payload.
 */
static void test_padding_left_out_counts_for_nothing(void **state)
{
    struct vx6_crypto crypto = provider(1);
    uint8_t ask[VX6_DATAGRAM_SIZE], answer[VX6_DATAGRAM_SIZE], cookie[VX6_COOKIE_SIZE] = {3};
    uint8_t message[40] = {0, 38, 7}, room[VX6_ANSWER_PAYLOAD_SIZE];
    struct vx6_ask asked, got;
    vx6_span payload;
    (void)state;
    crypto.unpadded = true;
    struct person alice = person(&crypto, 1), bob = person(&crypto, 2);
    memset(ask, 0xaa, sizeof ask);
    memset(answer, 0xaa, sizeof answer);
    ask_header(ask, 1);
    answer_header(answer, 1);
    crypto.ask_seal(&crypto, &asked, alice.ephemeral, bob.identity, message, 40, ask);
    crypto.ask_prove(&crypto, cookie, ask);
    memset(ask + VX6_QUERY_PAYLOAD_AT + 40, 0xbb, VX6_ASK_PAYLOAD_SIZE - 40);
    assert_true(crypto.ask_is_proven(&crypto, cookie, ask));
    assert_true(crypto.ask_open(&crypto, &got, bob.seed, bob.identity, ask, room, &payload));
    assert_payload(payload, VX6_ASK_PAYLOAD_SIZE, message, sizeof message);
    crypto.answer_seal(&crypto, &got, bob.ephemeral, message, 40, answer);
    memset(answer + VX6_QUERY_PAYLOAD_AT + 40, 0xbb, VX6_ANSWER_PAYLOAD_SIZE - 40);
    assert_true(crypto.answer_open(&crypto, &asked, answer, room, &payload));
    assert_payload(payload, VX6_ANSWER_PAYLOAD_SIZE, message, sizeof message);
    flip(answer, VX6_QUERY_PAYLOAD_AT + 39);
    assert_false(crypto.answer_open(&crypto, &asked, answer, room, &payload));
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

/* VX6-CRYPTO-016: however long the message is, and wherever the bit stands. */
static void test_every_length_and_bit_counts(void **state)
{
    enum {
        LONGEST = 3 * 64 + 17
    };
    (void)state;
    for (uint32_t p = 0; p < PROVIDERS; p++) {
        struct vx6_crypto crypto = provider(p);
        uint8_t key[32] = {1}, message[LONGEST] = {0}, macs[LONGEST + 1][VX6_MAC_SIZE];
        for (size_t len = 0; len <= LONGEST; len++) {
            crypto.mac(&crypto, macs[len], key, message, len);
            for (size_t i = 0; i < len; i++)
                differ(macs[len], macs[i], VX6_MAC_SIZE);
            for (size_t bit = 0; bit < 8 * len; bit++) {
                uint8_t mac[VX6_MAC_SIZE];
                message[bit / 8] ^= (uint8_t)(1u << bit % 8);
                crypto.mac(&crypto, mac, key, message, len);
                message[bit / 8] = 0;
                differ(macs[len], mac, VX6_MAC_SIZE);
            }
        }
    }
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
        cmocka_unit_test(test_changed_byte_of_a_padded_payload_is_refused),
        cmocka_unit_test(test_padding_left_out_counts_for_nothing),
        cmocka_unit_test(test_proofs_of_address_hold_for_one_ask_and_cookie),
        cmocka_unit_test(test_handshake_messages_have_the_sizes_of_noise_xx),
        cmocka_unit_test(test_every_length_and_bit_counts),
        cmocka_unit_test(test_fresh_ephemeral_key_changes_datagram_and_binding),
        cmocka_unit_test(test_salt_changes_every_opaque_byte_string),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
