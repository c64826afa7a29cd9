/* SPDX-License-Identifier: MIT */
/* Set "query": sealed datagrams. A vector has an ask and perhaps its answer; a negative one has a
 * datagram that was changed and must not open. Spec: spec/crypto.md, "Sealed queries". */
#include "vectors.h"

#include <string.h>

#include "common.h"
#include "vx6/crypto.h"

static const struct vx6_crypto *const real = &vx6_crypto_real;

struct exchange {
    vx6_span identity_seed, identity; /* of the responder */
    vx6_span ask_ephemeral, ask_header, ask_payload, ask;
    vx6_span answer_ephemeral, answer_header, answer_payload, answer;
};

static bool read_ask(json_t *line, struct exchange *exchange, char *reason, size_t cap)
{
    return vector_bytes(line, "identity_seed", 32, &exchange->identity_seed, reason, cap) &&
           vector_bytes(line, "identity", 32, &exchange->identity, reason, cap) &&
           vector_bytes_if_any(line, "ask_ephemeral", 32, &exchange->ask_ephemeral, reason, cap) &&
           vector_bytes_if_any(line, "ask_header", 12, &exchange->ask_header, reason, cap) &&
           vector_bytes_if_any(
               line, "ask_payload", SIZE_MAX, &exchange->ask_payload, reason, cap) &&
           vector_bytes_if_any(line, "ask", VX6_DATAGRAM_SIZE, &exchange->ask, reason, cap);
}

static bool read_answer(json_t *line, struct exchange *exchange, char *reason, size_t cap)
{
    return vector_bytes_if_any(
               line, "answer_ephemeral", 32, &exchange->answer_ephemeral, reason, cap) &&
           vector_bytes_if_any(line, "answer_header", 12, &exchange->answer_header, reason, cap) &&
           vector_bytes_if_any(
               line, "answer_payload", SIZE_MAX, &exchange->answer_payload, reason, cap) &&
           vector_bytes_if_any(line, "answer", VX6_DATAGRAM_SIZE, &exchange->answer, reason, cap);
}

/* What the asker does. */
static bool seal_ask(const struct exchange *exchange, struct vx6_ask *asker, uint8_t *datagram,
    char *reason, size_t cap)
{
    uint8_t identity[32];
    if (!exchange->ask_ephemeral.data || !exchange->ask_header.data ||
        exchange->ask_payload.len > VX6_ASK_PAYLOAD_SIZE)
        return vector_failed(reason, cap, "the ask lacks a key, a header or a payload that fits");
    real->sign_public(real, identity, exchange->identity_seed.data);
    if (!vector_compare("identity", (vx6_span){identity, 32}, exchange->identity, reason, cap))
        return false;
    memcpy(datagram, exchange->ask_header.data, VX6_QUERY_HEADER_SIZE);
    real->ask_seal(real, asker, exchange->ask_ephemeral.data, identity, exchange->ask_payload.data,
        exchange->ask_payload.len, datagram);
    return true;
}

static bool compare_payload(
    const char *what, vx6_span got, vx6_span expected, char *reason, size_t cap)
{
    uint8_t padded[VX6_DATAGRAM_SIZE] = {0};
    if (expected.len > 0)
        memcpy(padded, expected.data, expected.len);
    return vector_compare(what, got, (vx6_span){padded, got.len}, reason, cap);
}

static bool check_ask(
    const struct exchange *exchange, struct vx6_ask *responder, char *reason, size_t cap)
{
    uint8_t datagram[VX6_DATAGRAM_SIZE], room[VX6_ASK_PAYLOAD_SIZE];
    vx6_span payload;
    struct vx6_ask asker;
    if (!seal_ask(exchange, &asker, datagram, reason, cap) ||
        !vector_compare("ask", (vx6_span){datagram, sizeof datagram}, exchange->ask, reason, cap))
        return false;
    if (!real->ask_open(real, responder, exchange->identity_seed.data, exchange->identity.data,
            exchange->ask.data, room, &payload))
        return vector_failed(reason, cap, "the ask does not open");
    return compare_payload("ask_payload", payload, exchange->ask_payload, reason, cap);
}

static bool check_answer(const struct exchange *exchange, char *reason, size_t cap)
{
    uint8_t datagram[VX6_DATAGRAM_SIZE], room[VX6_ANSWER_PAYLOAD_SIZE];
    vx6_span payload;
    struct vx6_ask asker, responder;
    if (!check_ask(exchange, &responder, reason, cap) ||
        !seal_ask(exchange, &asker, datagram, reason, cap))
        return false;
    if (!exchange->answer_ephemeral.data || !exchange->answer_header.data ||
        exchange->answer_payload.len > VX6_ANSWER_PAYLOAD_SIZE)
        return vector_failed(
            reason, cap, "the answer lacks a key, a header or a payload that fits");
    memcpy(datagram, exchange->answer_header.data, VX6_QUERY_HEADER_SIZE);
    if (!common_answer_fits(exchange->ask_header.data, datagram))
        return vector_failed(reason, cap, "the answer's header does not fit its ask");
    real->answer_seal(real, &responder, exchange->answer_ephemeral.data,
        exchange->answer_payload.data, exchange->answer_payload.len, datagram);
    if (!vector_compare(
            "answer", (vx6_span){datagram, sizeof datagram}, exchange->answer, reason, cap))
        return false;
    if (!real->answer_open(real, &asker, exchange->answer.data, room, &payload))
        return vector_failed(reason, cap, "the answer does not open");
    return compare_payload("answer_payload", payload, exchange->answer_payload, reason, cap);
}

static bool check_ask_refused(const struct exchange *exchange, char *reason, size_t cap)
{
    uint8_t room[VX6_ASK_PAYLOAD_SIZE];
    vx6_span payload;
    struct vx6_ask responder;
    if (!exchange->ask.data)
        return vector_failed(reason, cap, "field \"ask\" is missing");
    if (real->ask_open(real, &responder, exchange->identity_seed.data, exchange->identity.data,
            exchange->ask.data, room, &payload))
        return vector_failed(reason, cap, "the ask opens, and must not");
    return true;
}

static bool check_answer_refused(const struct exchange *exchange, char *reason, size_t cap)
{
    uint8_t datagram[VX6_DATAGRAM_SIZE], room[VX6_ANSWER_PAYLOAD_SIZE];
    vx6_span payload;
    struct vx6_ask asker;
    if (!exchange->answer.data)
        return vector_failed(reason, cap, "field \"answer\" is missing");
    if (!seal_ask(exchange, &asker, datagram, reason, cap))
        return false;
    if (real->answer_open(real, &asker, exchange->answer.data, room, &payload))
        return vector_failed(reason, cap, "the answer opens, and must not");
    return true;
}

/* What a responder under load and its asker do. */
static bool check_prove(json_t *line, bool refused, char *reason, size_t cap)
{
    vx6_span ask, cookie, proven;
    uint8_t datagram[VX6_DATAGRAM_SIZE];
    if (!vector_bytes(line, "ask", VX6_DATAGRAM_SIZE, &ask, reason, cap) ||
        !vector_bytes(line, "cookie", VX6_COOKIE_SIZE, &cookie, reason, cap) ||
        !vector_bytes(line, "proven", VX6_DATAGRAM_SIZE, &proven, reason, cap))
        return false;
    memcpy(datagram, ask.data, sizeof datagram);
    real->ask_prove(real, cookie.data, datagram);
    if (real->ask_is_proven(real, cookie.data, proven.data) == refused)
        return vector_failed(reason, cap, refused ? "accepted" : "refused");
    return refused ||
           vector_compare("proven", (vx6_span){datagram, sizeof datagram}, proven, reason, cap);
}

static bool check_cookie(json_t *line, bool refused, char *reason, size_t cap)
{
    vx6_span identity, mac1, cookie, nonce, sealed;
    uint8_t made[VX6_COOKIE_SIZE + VX6_TAG_SIZE], opened[VX6_COOKIE_SIZE];
    if (!vector_bytes(line, "identity", 32, &identity, reason, cap) ||
        !vector_bytes(line, "mac1", VX6_MAC_SIZE, &mac1, reason, cap) ||
        !vector_bytes(line, "cookie", VX6_COOKIE_SIZE, &cookie, reason, cap) ||
        !vector_bytes(line, "nonce", VX6_COOKIE_NONCE_SIZE, &nonce, reason, cap) ||
        !vector_bytes(line, "sealed", sizeof made, &sealed, reason, cap))
        return false;
    bool accepted =
        real->cookie_open(real, identity.data, mac1.data, nonce.data, sealed.data, opened);
    if (accepted == refused)
        return vector_failed(reason, cap, refused ? "accepted" : "refused");
    if (refused)
        return true;
    real->cookie_seal(real, identity.data, mac1.data, cookie.data, nonce.data, made);
    return vector_compare("sealed", (vx6_span){made, sizeof made}, sealed, reason, cap) &&
           vector_compare("cookie", (vx6_span){opened, sizeof opened}, cookie, reason, cap);
}

int check_query(json_t *line, char *reason, size_t cap)
{
    const char *name = vector_text(line, "op");
    struct exchange exchange;
    struct vx6_ask responder;
    bool refused = *vector_text(line, "refused") != '\0';
    if (strcmp(name, "prove") == 0)
        return check_prove(line, refused, reason, cap);
    if (strcmp(name, "cookie") == 0)
        return check_cookie(line, refused, reason, cap);
    if (!read_ask(line, &exchange, reason, cap) || !read_answer(line, &exchange, reason, cap))
        return VECTOR_FAILED;
    if (strcmp(name, "ask") == 0)
        return refused ? check_ask_refused(&exchange, reason, cap)
                       : check_ask(&exchange, &responder, reason, cap);
    if (strcmp(name, "answer") == 0)
        return refused ? check_answer_refused(&exchange, reason, cap)
                       : check_answer(&exchange, reason, cap);
    return vector_failed(reason, cap, "no operation \"%s\"", name);
}
