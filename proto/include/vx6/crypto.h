/* SPDX-License-Identifier: MIT */
/* Cryptography as a table of pure functions: keys in, bytes out, no state of their own, no chance.
 *
 * Every function takes the table itself first.
 *
 * Providers: vx6_crypto_real (libsodium, OpenSSL) and vx6_crypto_model (same sizes, same decisions
 * to accept or refuse, no curve arithmetic: for large simulations). Under every provider the hash
 * of public data, identity keys and their checks are real, since they decide where things are
 * placed. A driver may put a table of its own between, as the simulator's memo does.
 *
 * What a provider makes (signatures, ephemerals, ciphertexts, MACs, bindings) is opaque to the rest
 * of proto/: copied, sent, compared for equality, nothing else (VX6-CRYPTO-017). Key seeds are
 * drawn by proto/, always with a fixed size, no ephemeral one twice (VX6-CRYPTO-007). Functions
 * that return bool return false for bytes that do not authenticate, and then leave no plaintext
 * behind. Spec: spec/crypto.md. */
#ifndef VX6_CRYPTO_H
#define VX6_CRYPTO_H

#include "vx6/base.h"

enum {
    VX6_TAG_SIZE = 16,
    VX6_MAC_SIZE = 16,
    VX6_BINDING_SIZE = 32,
    VX6_DATAGRAM_SIZE = 1200,
    VX6_QUERY_HEADER_SIZE = 12,  /* type, suite, key hint 2, query id 8 */
    VX6_QUERY_PAYLOAD_AT = 44,   /* behind an ephemeral key */
    VX6_ASK_PAYLOAD_SIZE = 1108, /* u16 length, message, zeros */
    VX6_ANSWER_PAYLOAD_SIZE = 1140,
    VX6_ASK_MAC1_AT = 1168, /* 16 bytes; mac2 follows */
    VX6_COOKIE_SIZE = 16,
    VX6_COOKIE_NONCE_SIZE = 24
};

/* The AEAD of a link; both are mandatory. */
enum vx6_suite {
    VX6_SUITE_CHACHAPOLY = 1,
    VX6_SUITE_AESGCM = 2
};

/* One direction of a link after its handshake. The provider owns `cached`. */
struct vx6_cipher {
    uint8_t key[32];
    uint64_t nonce; /* of the next message; rises by one each time */
    enum vx6_suite suite;
    void *cached;
};

/* Noise state between messages; wiped by handshake_clear. Sized for the largest provider. */
struct vx6_handshake {
    uint64_t opaque[64];
};

/* What the asker keeps until the answer comes. */
struct vx6_ask {
    uint8_t opaque[128];
};

struct vx6_crypto {
    const char *name; /* "real", "model" */
    uint64_t salt;    /* of the model; changes every opaque byte and no decision */
    bool unpadded;    /* of the model: padding is neither written nor looked at, for a driver that
                         carries datagrams without it */
    bool open_seeds;  /* of the model: an ephemeral seed need be no secret, so that of an ask or
                         answer is made of the query ID */
    void *context;    /* the provider's own */

    /* ---- real under every provider ---- */
    void (*sha256)(
        const struct vx6_crypto *self, uint8_t hash[32], const uint8_t *data, size_t len);
    void (*sign_public)(const struct vx6_crypto *self, uint8_t public_key[32],
        const uint8_t seed[32]); /* Ed25519 */
    /* Canonical, on the curve, of the prime-order group: refuses what could be two identities. */
    bool (*sign_public_is_valid)(const struct vx6_crypto *self, const uint8_t public_key[32]);

    /* ---- signatures; the label (a C string) separates uses ---- */
    void (*sign)(const struct vx6_crypto *self, uint8_t signature[64], const uint8_t seed[32],
        const uint8_t public_key[32], const char *label, const uint8_t *message, size_t len);
    bool (*verify)(const struct vx6_crypto *self, const uint8_t signature[64],
        const uint8_t public_key[32], const char *label, const uint8_t *message, size_t len);

    /* Keyed MAC for this node's own tokens. */
    void (*mac)(const struct vx6_crypto *self, uint8_t mac[VX6_MAC_SIZE], const uint8_t key[32],
        const uint8_t *message, size_t len);

    /* ---- links: Noise_XX_25519_<suite>_SHA256, spec/links.md ---- */
    void (*link_public)(const struct vx6_crypto *self, uint8_t public_key[32],
        const uint8_t secret_key[32]); /* X25519 */
    void (*handshake_init)(const struct vx6_crypto *self, struct vx6_handshake *handshake,
        enum vx6_suite suite, bool initiator, const uint8_t *prologue, size_t prologue_len,
        const uint8_t static_secret[32], const uint8_t ephemeral_seed[32]);
    /* Writes the next message: `len` of payload plus what the pattern adds. Returns its size. */
    size_t (*handshake_write)(const struct vx6_crypto *self, struct vx6_handshake *handshake,
        const uint8_t *payload, size_t len, uint8_t *message);
    /* Reads the next message of exactly `len` bytes; the payload has `len` minus what it adds. */
    bool (*handshake_read)(const struct vx6_crypto *self, struct vx6_handshake *handshake,
        const uint8_t *message, size_t len, uint8_t *payload);
    void (*handshake_remote_static)(const struct vx6_crypto *self,
        const struct vx6_handshake *handshake, uint8_t public_key[32]);
    /* After the third message. `binding` is the handshake hash. */
    void (*handshake_split)(const struct vx6_crypto *self, struct vx6_handshake *handshake,
        struct vx6_cipher *send, struct vx6_cipher *receive, uint8_t binding[VX6_BINDING_SIZE]);
    void (*handshake_clear)(const struct vx6_crypto *self, struct vx6_handshake *handshake);

    /* ---- link records; in place (out == in) is allowed ---- */
    void (*seal)(const struct vx6_crypto *self, struct vx6_cipher *cipher, const uint8_t *ad,
        size_t ad_len, const uint8_t *plain, size_t len,
        uint8_t *out); /* writes len + VX6_TAG_SIZE */
    bool (*open)(const struct vx6_crypto *self, struct vx6_cipher *cipher, const uint8_t *ad,
        size_t ad_len, const uint8_t *sealed, size_t len,
        uint8_t *out); /* writes len - VX6_TAG_SIZE */
    void (*rekey)(const struct vx6_crypto *self,
        struct vx6_cipher *cipher); /* Noise REKEY; the nonce goes on */
    void (*cipher_clear)(const struct vx6_crypto *self, struct vx6_cipher *cipher);

    /* ---- sealed queries: Noise_NK_25519_ChaChaPoly_SHA256, spec/queries.md ----
     * `datagram` is VX6_DATAGRAM_SIZE bytes whose first VX6_QUERY_HEADER_SIZE are already set.
     * The payload is `len` bytes, which may stand where they will be sealed; the provider pads it
     * with zeros. `open` gives back what came,
     * padding included, in `room` or, where nothing had to be deciphered, in the datagram itself.
     * It may leave out zeros behind as many bytes as the payload's length says. */
    void (*ask_seal)(const struct vx6_crypto *self, struct vx6_ask *ask,
        const uint8_t ephemeral_seed[32], const uint8_t responder[32], const uint8_t *payload,
        size_t len, uint8_t *datagram);
    /* MAC first, then the key agreement. On success `ask` can seal one answer. */
    bool (*ask_open)(const struct vx6_crypto *self, struct vx6_ask *ask,
        const uint8_t identity_seed[32], const uint8_t identity[32], const uint8_t *datagram,
        uint8_t room[VX6_ASK_PAYLOAD_SIZE], vx6_span *payload);
    void (*answer_seal)(const struct vx6_crypto *self, struct vx6_ask *ask,
        const uint8_t ephemeral_seed[32], const uint8_t *payload, size_t len, uint8_t *datagram);
    bool (*answer_open)(const struct vx6_crypto *self, const struct vx6_ask *ask,
        const uint8_t *datagram, uint8_t room[VX6_ANSWER_PAYLOAD_SIZE], vx6_span *payload);

    /* ---- proofs of address under load, spec/crypto.md ---- */
    /* Does mac1 fit? Cheap; ask_open checks it as well. */
    bool (*ask_is_for)(
        const struct vx6_crypto *self, const uint8_t identity[32], const uint8_t *datagram);
    /* Sets mac2 of a sealed ask. */
    void (*ask_prove)(
        const struct vx6_crypto *self, const uint8_t cookie[VX6_COOKIE_SIZE], uint8_t *datagram);
    bool (*ask_is_proven)(const struct vx6_crypto *self, const uint8_t cookie[VX6_COOKIE_SIZE],
        const uint8_t *datagram);
    /* `mac1` is that of the ask; the nonce is fresh. Who has seen the ask can open the cookie. */
    void (*cookie_seal)(const struct vx6_crypto *self, const uint8_t responder[32],
        const uint8_t mac1[VX6_MAC_SIZE], const uint8_t cookie[VX6_COOKIE_SIZE],
        const uint8_t nonce[VX6_COOKIE_NONCE_SIZE], uint8_t sealed[VX6_COOKIE_SIZE + VX6_TAG_SIZE]);
    bool (*cookie_open)(const struct vx6_crypto *self, const uint8_t responder[32],
        const uint8_t mac1[VX6_MAC_SIZE], const uint8_t nonce[VX6_COOKIE_NONCE_SIZE],
        const uint8_t sealed[VX6_COOKIE_SIZE + VX6_TAG_SIZE], uint8_t cookie[VX6_COOKIE_SIZE]);
};

extern const struct vx6_crypto vx6_crypto_real;

extern const struct vx6_crypto vx6_crypto_model; /* copy it to set a salt */

#endif
