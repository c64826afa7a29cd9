/* SPDX-License-Identifier: MIT */
/* Run under Valgrind, with every secret marked as undefined: Memcheck then reports each branch and
 * each address that depends on one. What is sent, and whether something was accepted, is public and
 * is marked as defined again. Spec: spec/security.md.
 *
 * Without Valgrind the marks do nothing, and the calls only have to succeed. */
#include <stdio.h>
#include <string.h>
#include <valgrind/memcheck.h>

#include "bytes.h"
#include "vx6/crypto.h"

static const struct vx6_crypto *const crypto = &vx6_crypto_real;

static void secret(void *bytes, size_t len)
{
    (void)VALGRIND_MAKE_MEM_UNDEFINED(bytes, len);
}

static void public(void *bytes, size_t len)
{
    (void)VALGRIND_MAKE_MEM_DEFINED(bytes, len);
}

static void must(const char *what, bool outcome)
{
    public(&outcome, sizeof outcome);
    if (outcome)
        return;
    fprintf(stderr, "constant_time: %s failed\n", what);
    vx6_panic(__FILE__, __LINE__, what);
}

struct person {
    uint8_t seed[32], identity[32];
    uint8_t link_secret[32], ephemeral[32];
};

static struct person person(uint8_t number)
{
    struct person person;
    memset(person.seed, number, 32);
    memset(person.link_secret, number ^ 0x40, 32);
    memset(person.ephemeral, number ^ 0x80, 32);
    secret(person.seed, 32);
    secret(person.link_secret, 32);
    secret(person.ephemeral, 32);
    crypto->sign_public(crypto, person.identity, person.seed);
    public(person.identity, 32);
    return person;
}

static void check_signatures(void)
{
    struct person alice = person(1);
    uint8_t signature[64], message[100] = {7}, mac[16], key[32] = {9}, link_public[32];
    crypto->sign(crypto, signature, alice.seed, alice.identity, "a label", message, sizeof message);
    public(signature, sizeof signature);
    must("verify", crypto->verify(crypto, signature, alice.identity, "a label", message, 100));
    crypto->link_public(crypto, link_public, alice.link_secret);
    secret(key, sizeof key);
    crypto->mac(crypto, mac, key, message, sizeof message);
    uint8_t other[16];
    memcpy(other, mac, sizeof other);
    must("comparing", equal_ct(mac, other, sizeof mac)); /* of tokens */
}

/* One message from one to the other. */
static void pass(struct vx6_handshake *from, struct vx6_handshake *to)
{
    uint8_t payload[320] = {5}, message[512], read[320];
    size_t len = crypto->handshake_write(crypto, from, payload, sizeof payload, message);
    public(message, len);
    must("handshake", crypto->handshake_read(crypto, to, message, len, read));
}

static void check_records(struct vx6_cipher *send, struct vx6_cipher *receive)
{
    uint8_t ad[2] = {1, 2}, plain[1000] = {3}, sealed[1016], opened[1000];
    secret(plain, sizeof plain);
    for (uint32_t i = 0; i < 3; i++) {
        crypto->seal(crypto, send, ad, sizeof ad, plain, sizeof plain, sealed);
        public(sealed, sizeof sealed);
        must("open", crypto->open(crypto, receive, ad, sizeof ad, sealed, sizeof sealed, opened));
        crypto->rekey(crypto, send);
        crypto->rekey(crypto, receive);
    }
    sealed[5] ^= 1;
    must("refuse", !crypto->open(crypto, receive, ad, sizeof ad, sealed, sizeof sealed, opened));
}

static void check_links(enum vx6_suite suite)
{
    struct person alice = person(1), bob = person(2);
    struct vx6_handshake ends[2];
    struct vx6_cipher send[2], receive[2];
    uint8_t binding[32];
    crypto->handshake_init(crypto, &ends[0], suite, true, (const uint8_t *)"prologue", 8,
        alice.link_secret, alice.ephemeral);
    crypto->handshake_init(crypto, &ends[1], suite, false, (const uint8_t *)"prologue", 8,
        bob.link_secret, bob.ephemeral);
    pass(&ends[0], &ends[1]);
    pass(&ends[1], &ends[0]);
    pass(&ends[0], &ends[1]);
    for (uint32_t i = 0; i < 2; i++) {
        crypto->handshake_split(crypto, &ends[i], &send[i], &receive[i], binding);
        crypto->handshake_clear(crypto, &ends[i]);
    }
    check_records(&send[0], &receive[1]);
    check_records(&send[1], &receive[0]);
    for (uint32_t i = 0; i < 2; i++) {
        crypto->cipher_clear(crypto, &send[i]);
        crypto->cipher_clear(crypto, &receive[i]);
    }
}

static void check_queries(void)
{
    struct person asker = person(3), responder = person(4);
    struct vx6_ask asked, answered;
    uint8_t datagram[VX6_DATAGRAM_SIZE] = {0x08, 1}, answer[VX6_DATAGRAM_SIZE] = {0x09, 1};
    uint8_t room[VX6_ANSWER_PAYLOAD_SIZE];
    vx6_span payload;
    crypto->ask_seal(
        crypto, &asked, asker.ephemeral, responder.identity, (const uint8_t *)"hello", 5, datagram);
    public(datagram, sizeof datagram);
    must("ask", crypto->ask_open(crypto, &answered, responder.seed, responder.identity, datagram,
                    room, &payload));
    crypto->answer_seal(
        crypto, &answered, responder.ephemeral, (const uint8_t *)"hello", 5, answer);
    public(answer, sizeof answer);
    must("answer", crypto->answer_open(crypto, &asked, answer, room, &payload));
    answer[100] ^= 1;
    must("refuse", !crypto->answer_open(crypto, &asked, answer, room, &payload));

    uint8_t cookie[VX6_COOKIE_SIZE] = {6};
    secret(cookie, sizeof cookie);
    crypto->ask_prove(crypto, cookie, datagram);
    public(datagram, sizeof datagram);
    must("proof", crypto->ask_is_proven(crypto, cookie, datagram));
}

/* A branch on a secret, for the test of the test. */
static int leak(void)
{
    volatile uint8_t key[2] = {1, 2};
    secret((void *)(uintptr_t)key, sizeof key);
    return key[0] == key[1] ? 1 : 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--leak") == 0)
        return leak();
    check_signatures();
    check_links(VX6_SUITE_CHACHAPOLY);
    check_links(VX6_SUITE_AESGCM);
    check_queries();
    puts("no failure");
    return 0;
}
