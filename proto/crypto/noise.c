/* SPDX-License-Identifier: MIT */
/* A pattern is a table of tokens; writing and reading walk it. Nothing else differs between
 * patterns. Names follow the framework's text. Spec: Noise Protocol Framework, revision 34. */
#include "noise.h"

#include <string.h>

#include <sodium.h>

#include "aead.h"
#include "common.h"

enum token {
    END,
    E,
    S,
    EE,
    ES,
    SE,
    SS
};

enum {
    MESSAGES_MAX = 3,
    TOKENS_MAX = 6
};

struct pattern {
    const char *name;
    bool initiator_known, responder_known; /* static keys known in advance */
    uint8_t message_count;
    uint8_t tokens[MESSAGES_MAX][TOKENS_MAX];
};

static const struct pattern patterns[] = {
    [NOISE_N] = {"N", false, true, 1, {{E, ES}}},
    [NOISE_X] = {"X", false, true, 1, {{E, ES, S, SS}}},
    [NOISE_NK] = {"NK", false, true, 2, {{E, ES}, {E, EE}}},
    [NOISE_KK] = {"KK", true, true, 2, {{E, ES, SS}, {E, EE, SE}}},
    [NOISE_IK] = {"IK", false, true, 2, {{E, ES, S, SS}, {E, EE, SE}}},
    [NOISE_XX] = {"XX", false, false, 3, {{E}, {E, EE, S, ES}, {S, SE}}},
    [NOISE_IX] = {"IX", false, false, 2, {{E, S}, {E, EE, SE, S, ES}}},
};

static void mix_hash(struct noise *noise, const uint8_t *data, size_t len)
{
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, noise->hash, sizeof noise->hash);
    crypto_hash_sha256_update(&state, data, len);
    crypto_hash_sha256_final(&state, noise->hash);
}

/* HKDF with two outputs; either may be the chaining key itself. */
static void hkdf(const uint8_t chaining_key[32], const uint8_t *input, size_t len,
    uint8_t first[32], uint8_t second[32])
{
    uint8_t key[32];
    uint8_t block[33];
    crypto_auth_hmacsha256(key, input, len, chaining_key);
    block[0] = 1;
    crypto_auth_hmacsha256(first, block, 1, key);
    memcpy(block, first, 32);
    block[32] = 2;
    crypto_auth_hmacsha256(second, block, 33, key);
    sodium_memzero(key, sizeof key);
    sodium_memzero(block, sizeof block);
}

/* False for a shared secret of zero: VX6-CRYPTO-003. */
static bool mix_dh(struct noise *noise, const uint8_t secret[32], const uint8_t public_key[32])
{
    uint8_t shared[32] = {0};
    bool fits = crypto_scalarmult(shared, secret, public_key) == 0;
    hkdf(noise->chaining_key, shared, sizeof shared, noise->chaining_key, noise->key);
    sodium_memzero(shared, sizeof shared);
    noise->nonce = 0;
    noise->has_key = true;
    return fits;
}

/* EE, ES, SE, SS: the first letter is the initiator's key. */
static bool mix_token(struct noise *noise, uint8_t token)
{
    bool own_static = token == SS || token == (noise->initiator ? SE : ES);
    bool remote_static = token == SS || token == (noise->initiator ? ES : SE);
    return mix_dh(noise, own_static ? noise->static_secret : noise->ephemeral_secret,
        remote_static ? noise->remote_static : noise->remote_ephemeral);
}

static size_t encrypt_and_hash(struct noise *noise, const uint8_t *plain, size_t len, uint8_t *out)
{
    if (!noise->has_key) {
        if (len > 0)
            memmove(out, plain, len);
        mix_hash(noise, out, len);
        return len;
    }
    struct aead_input input = {noise->hash, sizeof noise->hash, plain, len};
    aead_seal(noise->suite, noise->key, noise->nonce++, &input, out);
    mix_hash(noise, out, len + VX6_TAG_SIZE);
    return len + VX6_TAG_SIZE;
}

static bool decrypt_and_hash(struct noise *noise, const uint8_t *sealed, size_t len, uint8_t *out)
{
    uint8_t hash[32];
    memcpy(hash, noise->hash, sizeof hash);
    mix_hash(noise, sealed, len); /* first: `out` may be `sealed` */
    if (!noise->has_key) {
        if (len > 0)
            memmove(out, sealed, len);
        return true;
    }
    struct aead_input input = {hash, sizeof hash, sealed, len};
    return aead_open(noise->suite, noise->key, noise->nonce++, &input, out);
}

/* The names of all patterns here fit a hash, so they are used as they are, padded with zeros. */
static void initialize_hash(struct noise *noise)
{
    const char *parts[] = {"Noise_", patterns[noise->pattern].name,
        noise->suite == VX6_SUITE_AESGCM ? "_25519_AESGCM_SHA256" : "_25519_ChaChaPoly_SHA256"};
    size_t at = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        size_t len = strlen(parts[i]);
        VX6_ASSERT(at + len <= sizeof noise->hash);
        memcpy(noise->hash + at, parts[i], len);
        at += len;
    }
    memcpy(noise->chaining_key, noise->hash, sizeof noise->hash);
}

bool noise_init(struct noise *noise, const struct noise_config *config)
{
    const struct pattern *pattern = &patterns[config->pattern];
    common_ready();
    memset(noise, 0, sizeof *noise);
    noise->pattern = config->pattern;
    noise->suite = config->suite;
    noise->initiator = config->initiator;
    if (config->static_secret) {
        memcpy(noise->static_secret, config->static_secret, 32);
        crypto_scalarmult_base(noise->static_public, noise->static_secret);
    }
    if (config->ephemeral_secret)
        memcpy(noise->ephemeral_secret, config->ephemeral_secret, 32);
    if (config->remote_static)
        memcpy(noise->remote_static, config->remote_static, 32);
    initialize_hash(noise);
    mix_hash(noise, config->prologue.data, config->prologue.len);
    if (pattern->initiator_known)
        mix_hash(noise, noise->initiator ? noise->static_public : noise->remote_static, 32);
    if (pattern->responder_known)
        mix_hash(noise, noise->initiator ? noise->remote_static : noise->static_public, 32);
    return !config->remote_static || !common_is_low_order(config->remote_static);
}

bool noise_is_done(const struct noise *noise)
{
    return noise->step == patterns[noise->pattern].message_count;
}

static const uint8_t *next_tokens(const struct noise *noise)
{
    VX6_ASSERT(!noise_is_done(noise));
    return patterns[noise->pattern].tokens[noise->step];
}

size_t noise_overhead(const struct noise *noise)
{
    bool has_key = noise->has_key;
    size_t len = 0;
    for (const uint8_t *token = next_tokens(noise); *token != END; token++) {
        if (*token == E)
            len += VX6_KEY_SIZE;
        else if (*token == S)
            len += VX6_KEY_SIZE + (has_key ? VX6_TAG_SIZE : 0u);
        else
            has_key = true;
    }
    return len + (has_key ? VX6_TAG_SIZE : 0u);
}

size_t noise_write(struct noise *noise, const uint8_t *payload, size_t len, uint8_t *message)
{
    const uint8_t *tokens = next_tokens(noise);
    uint8_t *at = message;
    VX6_ASSERT(noise->initiator == (noise->step % 2 == 0));
    for (size_t i = 0; tokens[i] != END; i++) {
        if (tokens[i] == E) {
            crypto_scalarmult_base(noise->ephemeral_public, noise->ephemeral_secret);
            memcpy(at, noise->ephemeral_public, VX6_KEY_SIZE);
            mix_hash(noise, at, VX6_KEY_SIZE);
            at += VX6_KEY_SIZE;
        } else if (tokens[i] == S) {
            at += encrypt_and_hash(noise, noise->static_public, VX6_KEY_SIZE, at);
        } else {
            VX6_ASSERT(mix_token(noise, tokens[i])); /* low-order keys were refused when read */
        }
    }
    at += encrypt_and_hash(noise, payload, len, at);
    noise->step++;
    return (size_t)(at - message);
}

/* VX6-CRYPTO-006 */
bool noise_read(struct noise *noise, const uint8_t *message, size_t len, uint8_t *payload)
{
    const uint8_t *tokens = next_tokens(noise);
    const uint8_t *at = message;
    VX6_ASSERT(noise->initiator != (noise->step % 2 == 0));
    if (len < noise_overhead(noise))
        return false;
    for (size_t i = 0; tokens[i] != END; i++) {
        if (tokens[i] == E) {
            memcpy(noise->remote_ephemeral, at, VX6_KEY_SIZE);
            mix_hash(noise, at, VX6_KEY_SIZE);
            at += VX6_KEY_SIZE;
            if (common_is_low_order(noise->remote_ephemeral))
                return false;
        } else if (tokens[i] == S) {
            size_t sealed_len = VX6_KEY_SIZE + (noise->has_key ? VX6_TAG_SIZE : 0u);
            if (!decrypt_and_hash(noise, at, sealed_len, noise->remote_static) ||
                common_is_low_order(noise->remote_static))
                return false;
            at += sealed_len;
        } else if (!mix_token(noise, tokens[i])) {
            return false;
        }
    }
    noise->step++;
    return decrypt_and_hash(noise, at, len - (size_t)(at - message), payload);
}

void noise_split(const struct noise *noise, uint8_t first[32], uint8_t second[32])
{
    VX6_ASSERT(noise_is_done(noise));
    hkdf(noise->chaining_key, NULL, 0, first, second);
}
