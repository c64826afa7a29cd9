/* SPDX-License-Identifier: MIT */
/* The crypto providers, and what they seal for each other. */
#ifndef VX6_TEST_PROVIDERS_H
#define VX6_TEST_PROVIDERS_H

#include "test.h"

#include <string.h>

#include "vx6/crypto.h"

enum {
    PROVIDERS = 3,
    HANDSHAKE_MAX = 256
};

static inline struct vx6_crypto provider(uint32_t index)
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

static inline struct person person(const struct vx6_crypto *crypto, uint8_t number)
{
    struct person person;
    memset(person.seed, number, 32);
    memset(person.link_secret, number ^ 0x40, 32);
    memset(person.ephemeral, number ^ 0x80, 32);
    crypto->sign_public(crypto, person.identity, person.seed);
    crypto->link_public(crypto, person.link_public, person.link_secret);
    return person;
}

static inline void fill(uint8_t *bytes, size_t len, uint8_t first)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(first + i * 7);
}

static inline void flip(uint8_t *bytes, size_t index)
{
    bytes[index] ^= (uint8_t)(1u << index % 8);
}

static inline void ask_header(uint8_t *datagram, uint8_t query)
{
    const uint8_t header[VX6_QUERY_HEADER_SIZE] = {8, 1, 5, 6, 0, 0, 0, 0, 0, 0, 0, query};
    memcpy(datagram, header, sizeof header);
}

static inline void answer_header(uint8_t *datagram, uint8_t query)
{
    const uint8_t header[VX6_QUERY_HEADER_SIZE] = {9, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, query};
    memcpy(datagram, header, sizeof header);
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

static inline bool pass(const struct vx6_crypto *crypto, struct vx6_handshake *ends,
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

static inline struct handshake_result run_handshake(
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

static inline struct handshake_result good_link(
    const struct vx6_crypto *crypto, enum vx6_suite suite)
{
    struct handshake_run run = {.suites = {suite, suite}, .prologues = {"p", "p"}};
    struct handshake_result link = run_handshake(crypto, &run);
    assert_int_equal(link.read, 3);
    return link;
}

static inline void clear_link(const struct vx6_crypto *crypto, struct handshake_result *link)
{
    for (size_t i = 0; i < 2; i++) {
        crypto->cipher_clear(crypto, &link->send[i]);
        crypto->cipher_clear(crypto, &link->receive[i]);
    }
}

/* What was opened is `sent` and then zeros, the last of which may be missing. */
static inline void assert_payload(vx6_span opened, size_t size, const uint8_t *sent, size_t len)
{
    uint8_t padded[VX6_ANSWER_PAYLOAD_SIZE] = {0};
    memcpy(padded, sent, len);
    assert_in_range(opened.len, 2, size);
    assert_memory_equal(opened.data, padded, opened.len);
    for (size_t i = opened.len; i < size; i++)
        assert_int_equal(padded[i], 0);
}

#endif
