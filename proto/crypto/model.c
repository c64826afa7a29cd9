/* SPDX-License-Identifier: MIT */
/* The provider of large simulations: every size and every decision of the real one, no curves, no
 * ciphers. A tag is a fast mix of the salt, a purpose, the public keys, the transcript and the
 * bytes, and what would be encrypted travels in clear. Whoever has this table can forge, so the
 * adversaries of a simulation may forge by random bytes only. Spec: spec/crypto.md, "Providers",
 * VX6-CRYPTO-016. */
#include <string.h>

#include "common.h"
#include "mix.h"

/* What a mix is for; no two purposes give the same bytes. */
enum purpose {
    FOR_SIGNATURE = 1,
    FOR_MAC,
    FOR_PUBLIC_KEY,
    FOR_HANDSHAKE,
    FOR_STATIC_TAG,
    FOR_PAYLOAD_TAG,
    FOR_FIRST_CIPHER,
    FOR_SECOND_CIPHER,
    FOR_BINDING,
    FOR_RECORD,
    FOR_REKEY,
    FOR_ASK,
    FOR_ANSWER,
    FOR_MAC2,
    FOR_COOKIE
};

static struct mix begin(const struct vx6_crypto *self, enum purpose purpose)
{
    return mix_start(self->salt, (uint64_t)purpose);
}

static void copy(uint8_t *dst, const uint8_t *src, size_t len)
{
    if (len > 0 && dst != src)
        memmove(dst, src, len);
}

static bool is_zero(const uint8_t *data, size_t len)
{
    /* The first byte is zero, and each other one equals the one before it. */
    return len == 0 || (data[0] == 0 && memcmp(data, data + 1, len - 1) == 0);
}

/* ---- signatures and MACs ---- */
static struct mix signature_mix(const struct vx6_crypto *self, const uint8_t public_key[32],
    const char *label, const uint8_t *message, size_t len)
{
    struct mix mix = begin(self, FOR_SIGNATURE);
    mix_key(&mix, public_key);
    mix_bytes(&mix, (const uint8_t *)label, strlen(label));
    mix_bytes(&mix, message, len);
    return mix;
}

static void model_sign(const struct vx6_crypto *self, uint8_t signature[64], const uint8_t seed[32],
    const uint8_t public_key[32], const char *label, const uint8_t *message, size_t len)
{
    (void)seed;
    struct mix mix = signature_mix(self, public_key, label, message, len);
    mix_finish(&mix, signature, VX6_SIG_SIZE);
}

static bool model_verify(const struct vx6_crypto *self, const uint8_t signature[64],
    const uint8_t public_key[32], const char *label, const uint8_t *message, size_t len)
{
    struct mix mix = signature_mix(self, public_key, label, message, len);
    return mix_matches(&mix, signature, VX6_SIG_SIZE);
}

static void model_mac(const struct vx6_crypto *self, uint8_t mac[VX6_MAC_SIZE],
    const uint8_t key[32], const uint8_t *message, size_t len)
{
    struct mix mix = begin(self, FOR_MAC);
    mix_key(&mix, key);
    mix_bytes(&mix, message, len);
    mix_finish(&mix, mac, VX6_MAC_SIZE);
}

/* One to one, so that no two have the same. */
static void model_link_public(
    const struct vx6_crypto *self, uint8_t public_key[32], const uint8_t secret_key[32])
{
    const struct mix mix = begin(self, FOR_PUBLIC_KEY);
#pragma GCC unroll 4
    for (size_t i = 0; i < VX6_KEY_SIZE; i += 8)
        mix_store(public_key + i, mix_lane(mix_load(secret_key + i), mix.a, mix.b));
}

/* ---- links: the layout of Noise XX, the transcript in place of keys ---- */
struct state {
    struct mix transcript; /* suite, prologue and all messages so far */
    uint8_t static_public[32], ephemeral_public[32];
    uint8_t remote_static[32];
    enum vx6_suite suite;
    bool initiator;
    uint8_t step; /* messages so far */
};
_Static_assert(
    sizeof(struct state) <= sizeof(struct vx6_handshake), "struct vx6_handshake holds it");

enum {
    SEALED_KEY_SIZE = VX6_KEY_SIZE + VX6_TAG_SIZE,
    STEP_COUNT = 3
};

/* Message 1: e. Message 2: e, sealed s, sealed payload. Message 3: sealed s, sealed payload. */
static const struct step {
    bool has_ephemeral, has_static;
    uint8_t overhead;
} steps[STEP_COUNT] = {
    {true, false, VX6_KEY_SIZE},
    {true, true, VX6_KEY_SIZE + SEALED_KEY_SIZE + VX6_TAG_SIZE},
    {false, true, SEALED_KEY_SIZE + VX6_TAG_SIZE},
};

static void load(struct state *state, const struct vx6_handshake *handshake)
{
    memcpy(state, handshake->opaque, sizeof *state);
}

static void store(struct vx6_handshake *handshake, const struct state *state)
{
    memcpy(handshake->opaque, state, sizeof *state);
}

static void model_handshake_init(const struct vx6_crypto *self, struct vx6_handshake *handshake,
    enum vx6_suite suite, bool initiator, const uint8_t *prologue, size_t prologue_len,
    const uint8_t static_secret[32], const uint8_t ephemeral_seed[32])
{
    struct state state = {.suite = suite, .initiator = initiator};
    state.transcript = begin(self, FOR_HANDSHAKE);
    mix_word(&state.transcript, (uint64_t)suite);
    mix_bytes(&state.transcript, prologue, prologue_len);
    model_link_public(self, state.static_public, static_secret);
    model_link_public(self, state.ephemeral_public, ephemeral_seed);
    memset(handshake, 0, sizeof *handshake);
    store(handshake, &state);
}

/* A tag over all that came before it. */
static struct mix tag_mix(const struct state *state, enum purpose purpose)
{
    struct mix mix = state->transcript;
    mix_word(&mix, (uint64_t)purpose);
    return mix;
}

static size_t model_handshake_write(const struct vx6_crypto *self, struct vx6_handshake *handshake,
    const uint8_t *payload, size_t len, uint8_t *message)
{
    struct state state;
    uint8_t *at = message;
    (void)self;
    load(&state, handshake);
    VX6_ASSERT(state.step < STEP_COUNT && state.initiator == (state.step % 2 == 0));
    const struct step *step = &steps[state.step];
    if (step->has_ephemeral) {
        memcpy(at, state.ephemeral_public, VX6_KEY_SIZE);
        mix_key(&state.transcript, at);
        at += VX6_KEY_SIZE;
    }
    if (step->has_static) {
        memcpy(at, state.static_public, VX6_KEY_SIZE);
        mix_key(&state.transcript, at);
        struct mix tag = tag_mix(&state, FOR_STATIC_TAG);
        mix_finish(&tag, at + VX6_KEY_SIZE, VX6_TAG_SIZE);
        at += SEALED_KEY_SIZE;
    }
    copy(at, payload, len);
    mix_bytes(&state.transcript, at, len);
    at += len;
    if (step->has_static) {
        struct mix tag = tag_mix(&state, FOR_PAYLOAD_TAG);
        mix_finish(&tag, at, VX6_TAG_SIZE);
        at += VX6_TAG_SIZE;
    }
    state.step++;
    store(handshake, &state);
    return (size_t)(at - message);
}

/* Reads into `state`, which the caller takes over when this succeeds. */
static bool read_message(struct state *state, const uint8_t *message, size_t len)
{
    const struct step *step = &steps[state->step];
    const uint8_t *at = message;
    if (step->has_ephemeral) {
        mix_key(&state->transcript, at);
        if (common_is_low_order(at))
            return false;
        at += VX6_KEY_SIZE;
    }
    if (step->has_static) {
        memcpy(state->remote_static, at, VX6_KEY_SIZE);
        mix_key(&state->transcript, at);
        struct mix tag = tag_mix(state, FOR_STATIC_TAG);
        if (!mix_matches(&tag, at + VX6_KEY_SIZE, VX6_TAG_SIZE) || common_is_low_order(at))
            return false;
        at += SEALED_KEY_SIZE;
    }
    size_t payload_len = len - step->overhead;
    mix_bytes(&state->transcript, at, payload_len);
    struct mix tag = tag_mix(state, FOR_PAYLOAD_TAG);
    return !step->has_static || mix_matches(&tag, at + payload_len, VX6_TAG_SIZE);
}

static bool model_handshake_read(const struct vx6_crypto *self, struct vx6_handshake *handshake,
    const uint8_t *message, size_t len, uint8_t *payload)
{
    struct state state;
    (void)self;
    load(&state, handshake);
    VX6_ASSERT(state.step < STEP_COUNT && state.initiator != (state.step % 2 == 0));
    size_t overhead = steps[state.step].overhead;
    if (len < overhead)
        return false;
    size_t payload_len = len - overhead;
    if (!read_message(&state, message, len)) {
        if (payload_len > 0)
            memset(payload, 0, payload_len);
        return false;
    }
    size_t tag_size = steps[state.step].has_static ? VX6_TAG_SIZE : 0;
    copy(payload, message + (overhead - tag_size), payload_len);
    state.step++;
    store(handshake, &state);
    return true;
}

static void model_handshake_remote_static(
    const struct vx6_crypto *self, const struct vx6_handshake *handshake, uint8_t public_key[32])
{
    struct state state;
    (void)self;
    load(&state, handshake);
    memcpy(public_key, state.remote_static, VX6_KEY_SIZE);
}

static void model_handshake_split(const struct vx6_crypto *self, struct vx6_handshake *handshake,
    struct vx6_cipher *send, struct vx6_cipher *receive, uint8_t binding[VX6_BINDING_SIZE])
{
    struct state state;
    (void)self;
    load(&state, handshake);
    VX6_ASSERT(state.step == STEP_COUNT);
    *send = (struct vx6_cipher){.suite = state.suite};
    *receive = (struct vx6_cipher){.suite = state.suite};
    struct mix first = tag_mix(&state, FOR_FIRST_CIPHER);
    struct mix second = tag_mix(&state, FOR_SECOND_CIPHER);
    struct mix hash = tag_mix(&state, FOR_BINDING);
    mix_finish(&first, state.initiator ? send->key : receive->key, 32);
    mix_finish(&second, state.initiator ? receive->key : send->key, 32);
    mix_finish(&hash, binding, VX6_BINDING_SIZE);
}

static void model_handshake_clear(const struct vx6_crypto *self, struct vx6_handshake *handshake)
{
    (void)self;
    memset(handshake, 0, sizeof *handshake);
}

/* ---- link records ---- */
static struct mix record_mix(
    const struct vx6_crypto *self, const struct vx6_cipher *cipher, vx6_span ad, vx6_span plain)
{
    struct mix mix = begin(self, FOR_RECORD);
    mix_key(&mix, cipher->key);
    mix_word(&mix, (uint64_t)cipher->suite);
    mix_word(&mix, cipher->nonce);
    mix_bytes(&mix, ad.data, ad.len);
    mix_bytes(&mix, plain.data, plain.len);
    return mix;
}

static void model_seal(const struct vx6_crypto *self, struct vx6_cipher *cipher, const uint8_t *ad,
    size_t ad_len, const uint8_t *plain, size_t len, uint8_t *out)
{
    VX6_ASSERT(cipher->nonce != UINT64_MAX);
    struct mix mix = record_mix(self, cipher, (vx6_span){ad, ad_len}, (vx6_span){plain, len});
    copy(out, plain, len);
    mix_finish(&mix, out + len, VX6_TAG_SIZE);
    cipher->nonce++;
}

static bool model_open(const struct vx6_crypto *self, struct vx6_cipher *cipher, const uint8_t *ad,
    size_t ad_len, const uint8_t *sealed, size_t len, uint8_t *out)
{
    if (len < VX6_TAG_SIZE)
        return false;
    VX6_ASSERT(cipher->nonce != UINT64_MAX);
    len -= VX6_TAG_SIZE;
    struct mix mix = record_mix(self, cipher, (vx6_span){ad, ad_len}, (vx6_span){sealed, len});
    if (!mix_matches(&mix, sealed + len, VX6_TAG_SIZE)) {
        if (len > 0)
            memset(out, 0, len);
        return false;
    }
    copy(out, sealed, len);
    cipher->nonce++;
    return true;
}

static void model_rekey(const struct vx6_crypto *self, struct vx6_cipher *cipher)
{
    struct mix mix = begin(self, FOR_REKEY);
    mix_key(&mix, cipher->key);
    mix_finish(&mix, cipher->key, sizeof cipher->key);
}

static void model_cipher_clear(const struct vx6_crypto *self, struct vx6_cipher *cipher)
{
    (void)self;
    memset(cipher, 0, sizeof *cipher);
}

/* ---- sealed queries ---- */
struct kept {
    struct mix transcript;
    uint8_t header[VX6_QUERY_HEADER_SIZE];
};
_Static_assert(sizeof(struct kept) <= sizeof(struct vx6_ask), "struct vx6_ask holds it");

static void keep(struct vx6_ask *ask, const struct mix *transcript, const uint8_t *header)
{
    struct kept kept = {.transcript = *transcript};
    memcpy(kept.header, header, sizeof kept.header);
    memcpy(ask->opaque, &kept, sizeof kept);
}

/* How much of a padded payload has to be mixed. It says itself how long it is; padding behind that
 * adds nothing where it is zero, as it should be. From `end` on it is known to be. */
static size_t payload_used(
    const struct vx6_crypto *self, const uint8_t *payload, size_t padded_len, size_t end)
{
    size_t used = 2 + ((size_t)payload[0] << 8 | payload[1]);
    if (used > padded_len)
        return padded_len;
    if (used >= end || self->unpadded || is_zero(payload + used, end - used))
        return used;
    return padded_len;
}

/* What of it has to be mixed. Nothing is enciphered: it is shown where it stands. */
static vx6_span received_payload(
    const struct vx6_crypto *self, const uint8_t *datagram, size_t padded_len)
{
    const uint8_t *payload = datagram + VX6_QUERY_PAYLOAD_AT;
    return (vx6_span){payload, payload_used(self, payload, padded_len, padded_len)};
}

/* Returns how much of the payload has to be mixed. */
static size_t write_sealed(const struct vx6_crypto *self, const uint8_t ephemeral_seed[32],
    vx6_span payload, size_t padded_len, uint8_t *datagram)
{
    uint8_t *at = datagram + VX6_QUERY_PAYLOAD_AT;
    VX6_ASSERT(payload.len <= padded_len);
    model_link_public(self, datagram + SEALED_EPHEMERAL_AT, ephemeral_seed);
    copy(at, payload.data, payload.len);
    if (!self->unpadded)
        memset(at + payload.len, 0, padded_len - payload.len);
    return payload_used(self, at, padded_len, payload.len);
}

/* The tag of the payload and mac1, which follows it, are one tag over all before them. */
enum {
    ASK_TAGS_AT = VX6_ASK_MAC1_AT - VX6_TAG_SIZE,
    ASK_TAGS_SIZE = VX6_TAG_SIZE + VX6_MAC_SIZE
};

static struct mix ask_mix(const struct vx6_crypto *self, const uint8_t responder[32],
    const uint8_t *datagram, size_t used)
{
    struct mix mix = begin(self, FOR_ASK);
    mix_key(&mix, responder);
    mix_bytes(&mix, datagram, VX6_QUERY_PAYLOAD_AT + used);
    return mix;
}

static void model_ask_seal(const struct vx6_crypto *self, struct vx6_ask *ask,
    const uint8_t ephemeral_seed[32], const uint8_t responder[32], const uint8_t *payload,
    size_t len, uint8_t *datagram)
{
    size_t used = write_sealed(
        self, ephemeral_seed, (vx6_span){payload, len}, VX6_ASK_PAYLOAD_SIZE, datagram);
    struct mix transcript = ask_mix(self, responder, datagram, used);
    mix_finish(&transcript, datagram + ASK_TAGS_AT, ASK_TAGS_SIZE);
    memset(datagram + ASK_MAC2_AT, 0, VX6_MAC_SIZE);
    keep(ask, &transcript, datagram);
}

static bool model_ask_open(const struct vx6_crypto *self, struct vx6_ask *ask,
    const uint8_t identity_seed[32], const uint8_t identity[32], const uint8_t *datagram,
    uint8_t room[VX6_ASK_PAYLOAD_SIZE], vx6_span *payload)
{
    (void)identity_seed;
    (void)room;
    *payload = received_payload(self, datagram, VX6_ASK_PAYLOAD_SIZE);
    struct mix transcript = ask_mix(self, identity, datagram, payload->len);
    if (!mix_matches(&transcript, datagram + ASK_TAGS_AT, ASK_TAGS_SIZE) ||
        common_is_low_order(datagram + SEALED_EPHEMERAL_AT))
        return false;
    keep(ask, &transcript, datagram);
    return true;
}

static struct mix answer_mix(const struct mix *transcript, const uint8_t *datagram, size_t used)
{
    struct mix mix = *transcript;
    mix_word(&mix, (uint64_t)FOR_ANSWER);
    mix_bytes(&mix, datagram + SEALED_EPHEMERAL_AT, VX6_KEY_SIZE + used);
    return mix;
}

static void model_answer_seal(const struct vx6_crypto *self, struct vx6_ask *ask,
    const uint8_t ephemeral_seed[32], const uint8_t *payload, size_t len, uint8_t *datagram)
{
    struct kept kept;
    memcpy(&kept, ask->opaque, sizeof kept);
    VX6_ASSERT(common_answer_fits(kept.header, datagram));
    size_t used = write_sealed(
        self, ephemeral_seed, (vx6_span){payload, len}, VX6_ANSWER_PAYLOAD_SIZE, datagram);
    struct mix tag = answer_mix(&kept.transcript, datagram, used);
    mix_finish(&tag, datagram + VX6_DATAGRAM_SIZE - VX6_TAG_SIZE, VX6_TAG_SIZE);
    memset(ask, 0, sizeof *ask);
}

static bool model_answer_open(const struct vx6_crypto *self, const struct vx6_ask *ask,
    const uint8_t *datagram, uint8_t room[VX6_ANSWER_PAYLOAD_SIZE], vx6_span *payload)
{
    struct kept kept;
    (void)room;
    memcpy(&kept, ask->opaque, sizeof kept);
    *payload = received_payload(self, datagram, VX6_ANSWER_PAYLOAD_SIZE);
    struct mix tag = answer_mix(&kept.transcript, datagram, payload->len);
    return common_answer_fits(kept.header, datagram) &&
           !common_is_low_order(datagram + SEALED_EPHEMERAL_AT) &&
           mix_matches(&tag, datagram + VX6_DATAGRAM_SIZE - VX6_TAG_SIZE, VX6_TAG_SIZE);
}

/* ---- proofs of address ---- */
static bool model_ask_is_for(
    const struct vx6_crypto *self, const uint8_t identity[32], const uint8_t *datagram)
{
    vx6_span payload = received_payload(self, datagram, VX6_ASK_PAYLOAD_SIZE);
    struct mix transcript = ask_mix(self, identity, datagram, payload.len);
    return mix_matches(&transcript, datagram + ASK_TAGS_AT, ASK_TAGS_SIZE);
}

/* Covers the mac1 and all that it covers. */
static struct mix mac2_mix(
    const struct vx6_crypto *self, const uint8_t cookie[VX6_COOKIE_SIZE], const uint8_t *datagram)
{
    struct mix mix = begin(self, FOR_MAC2);
    mix_bytes(&mix, cookie, VX6_COOKIE_SIZE);
    vx6_span payload = received_payload(self, datagram, VX6_ASK_PAYLOAD_SIZE);
    mix_bytes(&mix, datagram, VX6_QUERY_PAYLOAD_AT + payload.len);
    mix_bytes(&mix, datagram + ASK_TAGS_AT, ASK_TAGS_SIZE);
    return mix;
}

static void model_ask_prove(
    const struct vx6_crypto *self, const uint8_t cookie[VX6_COOKIE_SIZE], uint8_t *datagram)
{
    struct mix mac2 = mac2_mix(self, cookie, datagram);
    mix_finish(&mac2, datagram + ASK_MAC2_AT, VX6_MAC_SIZE);
}

static bool model_ask_is_proven(
    const struct vx6_crypto *self, const uint8_t cookie[VX6_COOKIE_SIZE], const uint8_t *datagram)
{
    struct mix mac2 = mac2_mix(self, cookie, datagram);
    return mix_matches(&mac2, datagram + ASK_MAC2_AT, VX6_MAC_SIZE);
}

static struct mix cookie_mix(const struct vx6_crypto *self, const uint8_t responder[32],
    const uint8_t mac1[VX6_MAC_SIZE], const uint8_t nonce[VX6_COOKIE_NONCE_SIZE],
    const uint8_t cookie[VX6_COOKIE_SIZE])
{
    struct mix mix = begin(self, FOR_COOKIE);
    mix_key(&mix, responder);
    mix_bytes(&mix, mac1, VX6_MAC_SIZE);
    mix_bytes(&mix, nonce, VX6_COOKIE_NONCE_SIZE);
    mix_bytes(&mix, cookie, VX6_COOKIE_SIZE);
    return mix;
}

static void model_cookie_seal(const struct vx6_crypto *self, const uint8_t responder[32],
    const uint8_t mac1[VX6_MAC_SIZE], const uint8_t cookie[VX6_COOKIE_SIZE],
    const uint8_t nonce[VX6_COOKIE_NONCE_SIZE], uint8_t sealed[VX6_COOKIE_SIZE + VX6_TAG_SIZE])
{
    struct mix tag = cookie_mix(self, responder, mac1, nonce, cookie);
    memcpy(sealed, cookie, VX6_COOKIE_SIZE);
    mix_finish(&tag, sealed + VX6_COOKIE_SIZE, VX6_TAG_SIZE);
}

static bool model_cookie_open(const struct vx6_crypto *self, const uint8_t responder[32],
    const uint8_t mac1[VX6_MAC_SIZE], const uint8_t nonce[VX6_COOKIE_NONCE_SIZE],
    const uint8_t sealed[VX6_COOKIE_SIZE + VX6_TAG_SIZE], uint8_t cookie[VX6_COOKIE_SIZE])
{
    struct mix tag = cookie_mix(self, responder, mac1, nonce, sealed);
    if (!mix_matches(&tag, sealed + VX6_COOKIE_SIZE, VX6_TAG_SIZE))
        return false;
    memcpy(cookie, sealed, VX6_COOKIE_SIZE);
    return true;
}

const struct vx6_crypto vx6_crypto_model = {
    .name = "model",
    .salt = 1,
    .open_seeds = true,
    .sha256 = common_sha256,
    .sign_public = common_sign_public,
    .sign_public_is_valid = common_sign_public_is_valid,
    .sign = model_sign,
    .verify = model_verify,
    .mac = model_mac,
    .link_public = model_link_public,
    .handshake_init = model_handshake_init,
    .handshake_write = model_handshake_write,
    .handshake_read = model_handshake_read,
    .handshake_remote_static = model_handshake_remote_static,
    .handshake_split = model_handshake_split,
    .handshake_clear = model_handshake_clear,
    .seal = model_seal,
    .open = model_open,
    .rekey = model_rekey,
    .cipher_clear = model_cipher_clear,
    .ask_seal = model_ask_seal,
    .ask_open = model_ask_open,
    .answer_seal = model_answer_seal,
    .answer_open = model_answer_open,
    .ask_is_for = model_ask_is_for,
    .ask_prove = model_ask_prove,
    .ask_is_proven = model_ask_is_proven,
    .cookie_seal = model_cookie_seal,
    .cookie_open = model_cookie_open,
};
