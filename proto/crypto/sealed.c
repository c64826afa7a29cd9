/* SPDX-License-Identifier: MIT */
/* An ask is message 1 of Noise_NK_25519_ChaChaPoly_SHA256 and an answer is message 2. The responder
 * keeps nothing between the two; the asker keeps what message 2 needs. A MAC that anyone who knows
 * the responder's key can make comes first, so that noise from elsewhere costs no key agreement.
 * Spec: spec/crypto.md, "Sealed queries". */
#include "sealed.h"

#include <string.h>

#include <sodium.h>

#include "common.h"
#include "cookie.h"
#include "noise.h"

/* What either end keeps of message 1. The key is the asker's secret ephemeral key or, at the
 * responder, the asker's public one. */
struct kept {
    uint8_t chaining_key[32], hash[32];
    uint8_t ephemeral[32];
    uint8_t header[VX6_QUERY_HEADER_SIZE];
};
_Static_assert(sizeof(struct kept) <= sizeof(struct vx6_ask), "struct vx6_ask holds it");

/* VX6-CRYPTO-012: nobody holds the secret of a hash, so an ask to a key that is not valid opens
 * nowhere. */
void sealed_query_public(uint8_t public_key[32], const uint8_t identity[32])
{
    if (crypto_sign_ed25519_pk_to_curve25519(public_key, identity) != 0)
        crypto_hash_sha256(public_key, identity, VX6_KEY_SIZE);
}

static void query_secret(uint8_t secret_key[32], const uint8_t identity_seed[32])
{
    uint8_t expanded[64];
    crypto_hash_sha512(expanded, identity_seed, 32);
    memcpy(secret_key, expanded, 32); /* X25519 clamps it, as Ed25519 does */
    sodium_memzero(expanded, sizeof expanded);
}

static void keep(struct vx6_ask *ask, const struct noise *noise, const uint8_t *header)
{
    struct kept kept;
    memcpy(kept.chaining_key, noise->chaining_key, 32);
    memcpy(kept.hash, noise->hash, 32);
    memcpy(
        kept.ephemeral, noise->initiator ? noise->ephemeral_secret : noise->remote_ephemeral, 32);
    memcpy(kept.header, header, sizeof kept.header);
    memset(ask, 0, sizeof *ask);
    memcpy(ask->opaque, &kept, sizeof kept);
    sodium_memzero(&kept, sizeof kept);
}

/* The state after message 1. What it lacks, message 2 does not use. */
static void resume(struct noise *noise, uint8_t *header, const struct vx6_ask *ask, bool initiator)
{
    struct kept kept;
    memcpy(&kept, ask->opaque, sizeof kept);
    memset(noise, 0, sizeof *noise);
    noise->pattern = NOISE_NK;
    noise->suite = VX6_SUITE_CHACHAPOLY;
    noise->initiator = initiator;
    noise->has_key = true;
    noise->step = 1;
    memcpy(noise->chaining_key, kept.chaining_key, 32);
    memcpy(noise->hash, kept.hash, 32);
    memcpy(initiator ? noise->ephemeral_secret : noise->remote_ephemeral, kept.ephemeral, 32);
    memcpy(header, kept.header, sizeof kept.header);
    sodium_memzero(&kept, sizeof kept);
}

static void write_padded(
    struct noise *noise, const uint8_t *payload, size_t len, size_t padded_len, uint8_t *datagram)
{
    uint8_t *padded = datagram + VX6_QUERY_PAYLOAD_AT;
    VX6_ASSERT(len <= padded_len);
    if (len > 0)
        memmove(padded, payload, len);
    memset(padded + len, 0, padded_len - len);
    noise_write(noise, padded, padded_len, datagram + SEALED_EPHEMERAL_AT);
}

/* VX6-CRYPTO-011 */
void sealed_ask_seal(const struct vx6_crypto *self, struct vx6_ask *ask,
    const uint8_t ephemeral_seed[32], const uint8_t responder[32], const uint8_t *payload,
    size_t len, uint8_t *datagram)
{
    uint8_t responder_public[32];
    struct noise noise;
    VX6_ASSERT(!self->open_seeds);
    common_ready();
    sealed_query_public(responder_public, responder);
    struct noise_config config = {.pattern = NOISE_NK,
        .suite = VX6_SUITE_CHACHAPOLY,
        .initiator = true,
        .prologue = {datagram, VX6_QUERY_HEADER_SIZE},
        .ephemeral_secret = ephemeral_seed,
        .remote_static = responder_public};
    VX6_ASSERT(noise_init(&noise, &config));
    write_padded(&noise, payload, len, VX6_ASK_PAYLOAD_SIZE, datagram);
    cookie_mac1(datagram + VX6_ASK_MAC1_AT, responder, datagram);
    memset(datagram + ASK_MAC2_AT, 0, VX6_MAC_SIZE);
    keep(ask, &noise, datagram);
    sodium_memzero(&noise, sizeof noise);
}

bool sealed_ask_open(const struct vx6_crypto *self, struct vx6_ask *ask,
    const uint8_t identity_seed[32], const uint8_t identity[32], const uint8_t *datagram,
    uint8_t room[VX6_ASK_PAYLOAD_SIZE], vx6_span *payload)
{
    uint8_t secret_key[32];
    struct noise noise;
    if (!cookie_ask_is_for(self, identity, datagram))
        return false;
    query_secret(secret_key, identity_seed);
    struct noise_config config = {.pattern = NOISE_NK,
        .suite = VX6_SUITE_CHACHAPOLY,
        .initiator = false,
        .prologue = {datagram, VX6_QUERY_HEADER_SIZE},
        .static_secret = secret_key};
    bool opened = noise_init(&noise, &config) && noise_read(&noise, datagram + SEALED_EPHEMERAL_AT,
                                                     VX6_ASK_MAC1_AT - SEALED_EPHEMERAL_AT, room);
    *payload = (vx6_span){room, VX6_ASK_PAYLOAD_SIZE};
    if (opened)
        keep(ask, &noise, datagram);
    else
        memset(room, 0, VX6_ASK_PAYLOAD_SIZE);
    sodium_memzero(secret_key, sizeof secret_key);
    sodium_memzero(&noise, sizeof noise);
    return opened;
}

/* VX6-CRYPTO-014 */
void sealed_answer_seal(const struct vx6_crypto *self, struct vx6_ask *ask,
    const uint8_t ephemeral_seed[32], const uint8_t *payload, size_t len, uint8_t *datagram)
{
    uint8_t header[VX6_QUERY_HEADER_SIZE];
    struct noise noise;
    VX6_ASSERT(!self->open_seeds);
    resume(&noise, header, ask, false);
    VX6_ASSERT(common_answer_fits(header, datagram));
    memcpy(noise.ephemeral_secret, ephemeral_seed, 32);
    write_padded(&noise, payload, len, VX6_ANSWER_PAYLOAD_SIZE, datagram);
    sodium_memzero(&noise, sizeof noise);
    sodium_memzero(ask, sizeof *ask);
}

bool sealed_answer_open(const struct vx6_crypto *self, const struct vx6_ask *ask,
    const uint8_t *datagram, uint8_t room[VX6_ANSWER_PAYLOAD_SIZE], vx6_span *payload)
{
    uint8_t header[VX6_QUERY_HEADER_SIZE];
    struct noise noise;
    (void)self;
    resume(&noise, header, ask, true);
    bool opened =
        common_answer_fits(header, datagram) && noise_read(&noise, datagram + SEALED_EPHEMERAL_AT,
                                                    VX6_DATAGRAM_SIZE - SEALED_EPHEMERAL_AT, room);
    *payload = (vx6_span){room, VX6_ANSWER_PAYLOAD_SIZE};
    if (!opened)
        memset(room, 0, VX6_ANSWER_PAYLOAD_SIZE);
    sodium_memzero(&noise, sizeof noise);
    return opened;
}
