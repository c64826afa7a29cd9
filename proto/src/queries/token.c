/* SPDX-License-Identifier: MIT */
/* Two secrets that take turns; what is made of them is good for at least half of token_life_ms.
 * Spec: spec/dht.md, "Tokens", and spec/queries.md, "Under load". */
#include "internal.h"

void tokens_init(struct vx6_node *node)
{
    struct tokens *tokens = &node->queries.tokens;
    rng_bytes(&node->secret_rng, tokens->secret, sizeof tokens->secret);
    tokens->changed = node->now;
}

void tokens_free(struct vx6_node *node)
{
    wipe(&node->queries.tokens, sizeof node->queries.tokens);
}

/* VX6-DHT-016: two secrets, each replaced at half of a token's life. */
static void token_turn(struct vx6_node *node)
{
    struct tokens *tokens = &node->queries.tokens;
    vx6_ns half = (vx6_ns)node->env->limits->token_life_ms * VX6_MILLISECOND / 2;
    vx6_ns age = node->now - tokens->changed;
    if (age < half)
        return;
    memcpy(tokens->secret[1], tokens->secret[0], 32);
    rng_bytes(&node->secret_rng, tokens->secret[0], 32);
    if (age >= 2 * half)
        rng_bytes(&node->secret_rng, tokens->secret[1], 32);
    tokens->changed = node->now - age % half;
}

/* A token speaks for the source's /64, or for one IPv4 address: a host may well ask and store from
 * different addresses of its /64. */
static void token_with(
    struct vx6_node *node, uint32_t which, uint8_t token[16], const vx6_addr *from)
{
    const struct vx6_crypto *crypto = node->env->crypto;
    size_t len = addr_is_ipv4(from) ? 16 : 8;
    crypto->mac(crypto, token, node->queries.tokens.secret[which], from->ip, len);
}

void token_make(struct vx6_node *node, uint8_t token[16], const vx6_addr *from)
{
    token_turn(node);
    token_with(node, 0, token, from);
}

bool token_is_valid(struct vx6_node *node, const uint8_t token[16], const vx6_addr *from)
{
    uint8_t expected[16];
    token_turn(node);
    token_with(node, 0, expected, from);
    if (equal_ct(token, expected, sizeof expected))
        return true;
    token_with(node, 1, expected, from);
    return equal_ct(token, expected, sizeof expected);
}

/* Of other length than what tokens are made of. */
static void cookie_with(
    struct vx6_node *node, uint32_t which, uint8_t cookie[VX6_COOKIE_SIZE], const vx6_addr *from)
{
    const struct vx6_crypto *crypto = node->env->crypto;
    uint8_t bytes[18];
    memcpy(bytes, from->ip, 16);
    store_u16(bytes + 16, from->port);
    crypto->mac(crypto, cookie, node->queries.tokens.secret[which], bytes, sizeof bytes);
}

void cookie_make(struct vx6_node *node, uint8_t cookie[VX6_COOKIE_SIZE], const vx6_addr *from)
{
    token_turn(node);
    cookie_with(node, 0, cookie, from);
}

bool cookie_proves(struct vx6_node *node, const vx6_addr *from, const uint8_t *ask)
{
    const struct vx6_crypto *crypto = node->env->crypto;
    uint8_t cookie[VX6_COOKIE_SIZE];
    token_turn(node);
    for (uint32_t which = 0; which < 2; which++) {
        cookie_with(node, which, cookie, from);
        if (crypto->ask_is_proven(crypto, cookie, ask))
            return true;
    }
    return false;
}
