/* SPDX-License-Identifier: MIT */
/* The provider that protects real traffic: libsodium for keys, hashes and MACs, OpenSSL for link
 * records. Spec: spec/crypto.md, VX6-CRYPTO-001. */
#include <string.h>

#include <sodium.h>

#include "aead.h"
#include "common.h"
#include "cookie.h"
#include "noise.h"
#include "sealed.h"

_Static_assert(
    sizeof(struct noise) <= sizeof(struct vx6_handshake), "struct vx6_handshake holds it");

enum {
    SIGNED_MAX = 1200 /* label, zero and message together */
};

/* VX6-CRYPTO-004: what is signed is label || 0 || message. Returns its length. */
static size_t join(
    uint8_t joined[SIGNED_MAX], const char *label, const uint8_t *message, size_t len)
{
    size_t label_size = strlen(label) + 1;
    VX6_ASSERT(label_size <= SIGNED_MAX && len <= SIGNED_MAX - label_size);
    memcpy(joined, label, label_size);
    if (len > 0)
        memcpy(joined + label_size, message, len);
    return label_size + len;
}

static void real_sign(const struct vx6_crypto *self, uint8_t signature[64], const uint8_t seed[32],
    const uint8_t public_key[32], const char *label, const uint8_t *message, size_t len)
{
    uint8_t joined[SIGNED_MAX];
    uint8_t secret_key[crypto_sign_SECRETKEYBYTES];
    (void)self;
    common_ready();
    size_t joined_len = join(joined, label, message, len);
    memcpy(secret_key, seed, 32);
    memcpy(secret_key + 32, public_key, 32);
    crypto_sign_detached(signature, NULL, joined, joined_len, secret_key);
    sodium_memzero(secret_key, sizeof secret_key);
}

/* VX6-CRYPTO-005 */
static bool real_verify(const struct vx6_crypto *self, const uint8_t signature[64],
    const uint8_t public_key[32], const char *label, const uint8_t *message, size_t len)
{
    uint8_t joined[SIGNED_MAX];
    (void)self;
    common_ready();
    size_t joined_len = join(joined, label, message, len);
    return crypto_sign_verify_detached(signature, joined, joined_len, public_key) == 0;
}

static void real_mac(const struct vx6_crypto *self, uint8_t mac[VX6_MAC_SIZE],
    const uint8_t key[32], const uint8_t *message, size_t len)
{
    (void)self;
    common_ready();
    crypto_generichash_blake2b(mac, VX6_MAC_SIZE, message, len, key, 32);
}

static void real_link_public(
    const struct vx6_crypto *self, uint8_t public_key[32], const uint8_t secret_key[32])
{
    (void)self;
    common_ready();
    crypto_scalarmult_base(public_key, secret_key);
}

/* The handshake works on a copy, which is taken over only when a step succeeds. */
static void load(struct noise *noise, const struct vx6_handshake *handshake)
{
    memcpy(noise, handshake->opaque, sizeof *noise);
}

static void store(struct vx6_handshake *handshake, struct noise *noise)
{
    memcpy(handshake->opaque, noise, sizeof *noise);
    sodium_memzero(noise, sizeof *noise);
}

static void real_handshake_init(const struct vx6_crypto *self, struct vx6_handshake *handshake,
    enum vx6_suite suite, bool initiator, const uint8_t *prologue, size_t prologue_len,
    const uint8_t static_secret[32], const uint8_t ephemeral_seed[32])
{
    struct noise noise;
    struct noise_config config = {.pattern = NOISE_XX,
        .suite = suite,
        .initiator = initiator,
        .prologue = {prologue, prologue_len},
        .static_secret = static_secret,
        .ephemeral_secret = ephemeral_seed};
    (void)self;
    memset(handshake, 0, sizeof *handshake);
    VX6_ASSERT(noise_init(&noise, &config));
    store(handshake, &noise);
}

static size_t real_handshake_write(const struct vx6_crypto *self, struct vx6_handshake *handshake,
    const uint8_t *payload, size_t len, uint8_t *message)
{
    struct noise noise;
    (void)self;
    load(&noise, handshake);
    size_t written = noise_write(&noise, payload, len, message);
    store(handshake, &noise);
    return written;
}

static bool real_handshake_read(const struct vx6_crypto *self, struct vx6_handshake *handshake,
    const uint8_t *message, size_t len, uint8_t *payload)
{
    struct noise noise;
    (void)self;
    load(&noise, handshake);
    size_t overhead = noise_overhead(&noise);
    if (noise_read(&noise, message, len, payload)) {
        store(handshake, &noise);
        return true;
    }
    if (len > overhead)
        memset(payload, 0, len - overhead);
    sodium_memzero(&noise, sizeof noise);
    return false;
}

static void real_handshake_remote_static(
    const struct vx6_crypto *self, const struct vx6_handshake *handshake, uint8_t public_key[32])
{
    struct noise noise;
    (void)self;
    load(&noise, handshake);
    memcpy(public_key, noise.remote_static, 32);
    sodium_memzero(&noise, sizeof noise);
}

static void real_handshake_split(const struct vx6_crypto *self, struct vx6_handshake *handshake,
    struct vx6_cipher *send, struct vx6_cipher *receive, uint8_t binding[VX6_BINDING_SIZE])
{
    struct noise noise;
    (void)self;
    load(&noise, handshake);
    *send = (struct vx6_cipher){.suite = noise.suite};
    *receive = (struct vx6_cipher){.suite = noise.suite};
    noise_split(&noise, noise.initiator ? send->key : receive->key,
        noise.initiator ? receive->key : send->key);
    memcpy(binding, noise.hash, VX6_BINDING_SIZE);
    sodium_memzero(&noise, sizeof noise);
}

static void real_handshake_clear(const struct vx6_crypto *self, struct vx6_handshake *handshake)
{
    (void)self;
    sodium_memzero(handshake, sizeof *handshake);
}

static void real_seal(const struct vx6_crypto *self, struct vx6_cipher *cipher, const uint8_t *ad,
    size_t ad_len, const uint8_t *plain, size_t len, uint8_t *out)
{
    struct aead_input input = {ad, ad_len, plain, len};
    (void)self;
    aead_cipher_seal(cipher, &input, out);
}

static bool real_open(const struct vx6_crypto *self, struct vx6_cipher *cipher, const uint8_t *ad,
    size_t ad_len, const uint8_t *sealed, size_t len, uint8_t *out)
{
    struct aead_input input = {ad, ad_len, sealed, len};
    (void)self;
    return aead_cipher_open(cipher, &input, out);
}

static void real_rekey(const struct vx6_crypto *self, struct vx6_cipher *cipher)
{
    (void)self;
    aead_cipher_rekey(cipher);
}

static void real_cipher_clear(const struct vx6_crypto *self, struct vx6_cipher *cipher)
{
    (void)self;
    aead_cipher_clear(cipher);
}

const struct vx6_crypto vx6_crypto_real = {
    .name = "real",
    .sha256 = common_sha256,
    .sign_public = common_sign_public,
    .sign_public_is_valid = common_sign_public_is_valid,
    .sign = real_sign,
    .verify = real_verify,
    .mac = real_mac,
    .link_public = real_link_public,
    .handshake_init = real_handshake_init,
    .handshake_write = real_handshake_write,
    .handshake_read = real_handshake_read,
    .handshake_remote_static = real_handshake_remote_static,
    .handshake_split = real_handshake_split,
    .handshake_clear = real_handshake_clear,
    .seal = real_seal,
    .open = real_open,
    .rekey = real_rekey,
    .cipher_clear = real_cipher_clear,
    .ask_seal = sealed_ask_seal,
    .ask_open = sealed_ask_open,
    .answer_seal = sealed_answer_seal,
    .answer_open = sealed_answer_open,
    .ask_is_for = cookie_ask_is_for,
    .ask_prove = cookie_ask_prove,
    .ask_is_proven = cookie_ask_is_proven,
    .cookie_seal = cookie_seal,
    .cookie_open = cookie_open,
};
