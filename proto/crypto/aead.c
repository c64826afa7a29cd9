/* SPDX-License-Identifier: MIT */
/* A cipher that is used again and again keeps one OpenSSL context and only re-sets the nonce: no
 * allocation and no key schedule per record. Single messages of handshakes and queries go through
 * libsodium, which needs no context. Spec: spec/crypto.md. */
#include "aead.h"

#include <limits.h>
#include <string.h>

#include <openssl/evp.h>
#include <sodium.h>

/* VX6-CRYPTO-008; Noise revision 34, section 12. */
static void make_nonce(uint8_t bytes[12], enum vx6_suite suite, uint64_t nonce)
{
    memset(bytes, 0, 4);
    for (unsigned i = 0; i < 8; i++) {
        unsigned at = suite == VX6_SUITE_AESGCM ? 11 - i : 4 + i;
        bytes[at] = (uint8_t)(nonce >> 8 * i);
    }
}

static const EVP_CIPHER *evp_cipher(enum vx6_suite suite)
{
    return suite == VX6_SUITE_AESGCM ? EVP_aes_256_gcm() : EVP_chacha20_poly1305();
}

/* The context of the cipher, with the nonce of its next message. A library that runs out of memory
 * cannot go on: there is no unsealed way to send. */
static EVP_CIPHER_CTX *context_of(struct vx6_cipher *cipher, int sealing)
{
    uint8_t nonce[12];
    EVP_CIPHER_CTX *context = cipher->cached;
    VX6_ASSERT(cipher->nonce != UINT64_MAX);
    make_nonce(nonce, cipher->suite, cipher->nonce);
    if (context && EVP_CIPHER_CTX_is_encrypting(context) == sealing) {
        VX6_ASSERT(EVP_CipherInit_ex(context, NULL, NULL, NULL, nonce, sealing) == 1);
        return context;
    }
    if (!context)
        context = EVP_CIPHER_CTX_new();
    VX6_ASSERT(context);
    cipher->cached = context;
    VX6_ASSERT(EVP_CipherInit_ex(
                   context, evp_cipher(cipher->suite), NULL, cipher->key, nonce, sealing) == 1);
    return context;
}

static void update(EVP_CIPHER_CTX *context, uint8_t *out, const uint8_t *in, size_t len)
{
    int written = 0;
    VX6_ASSERT(len <= INT_MAX);
    if (len > 0)
        VX6_ASSERT(EVP_CipherUpdate(context, out, &written, in, (int)len) == 1);
}

void aead_cipher_seal(struct vx6_cipher *cipher, const struct aead_input *input, uint8_t *out)
{
    EVP_CIPHER_CTX *context = context_of(cipher, 1);
    int written = 0;
    update(context, NULL, input->ad, input->ad_len);
    update(context, out, input->text, input->len);
    VX6_ASSERT(EVP_CipherFinal_ex(context, out + input->len, &written) == 1);
    VX6_ASSERT(
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, VX6_TAG_SIZE, out + input->len) == 1);
    cipher->nonce++;
}

/* VX6-CRYPTO-009 */
bool aead_cipher_open(struct vx6_cipher *cipher, const struct aead_input *input, uint8_t *out)
{
    if (input->len < VX6_TAG_SIZE)
        return false;
    size_t len = input->len - VX6_TAG_SIZE;
    EVP_CIPHER_CTX *context = context_of(cipher, 0);
    uint8_t tag[VX6_TAG_SIZE];
    uint8_t nothing[VX6_TAG_SIZE];
    int written = 0;
    memcpy(tag, input->text + len, sizeof tag);
    VX6_ASSERT(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, VX6_TAG_SIZE, tag) == 1);
    update(context, NULL, input->ad, input->ad_len);
    update(context, out, input->text, len);
    if (EVP_CipherFinal_ex(context, nothing, &written) != 1) {
        sodium_memzero(out, len);
        return false;
    }
    cipher->nonce++;
    return true;
}

void aead_cipher_clear(struct vx6_cipher *cipher)
{
    EVP_CIPHER_CTX_free(cipher->cached);
    sodium_memzero(cipher, sizeof *cipher);
}

void aead_seal(enum vx6_suite suite, const uint8_t key[32], uint64_t nonce,
    const struct aead_input *input, uint8_t *out)
{
    uint8_t bytes[12];
    struct vx6_cipher cipher = {.nonce = nonce, .suite = suite};
    if (suite == VX6_SUITE_CHACHAPOLY) {
        make_nonce(bytes, suite, nonce);
        crypto_aead_chacha20poly1305_ietf_encrypt(
            out, NULL, input->text, input->len, input->ad, input->ad_len, NULL, bytes, key);
        return;
    }
    memcpy(cipher.key, key, sizeof cipher.key);
    aead_cipher_seal(&cipher, input, out);
    aead_cipher_clear(&cipher);
}

bool aead_open(enum vx6_suite suite, const uint8_t key[32], uint64_t nonce,
    const struct aead_input *input, uint8_t *out)
{
    uint8_t bytes[12];
    struct vx6_cipher cipher = {.nonce = nonce, .suite = suite};
    if (suite == VX6_SUITE_CHACHAPOLY) {
        make_nonce(bytes, suite, nonce);
        return crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, input->text, input->len,
                   input->ad, input->ad_len, bytes, key) == 0;
    }
    memcpy(cipher.key, key, sizeof cipher.key);
    bool opened = aead_cipher_open(&cipher, input, out);
    aead_cipher_clear(&cipher);
    return opened;
}

/* VX6-CRYPTO-010: the first 32 bytes of zeros sealed under the nonce that no message may have. */
void aead_cipher_rekey(struct vx6_cipher *cipher)
{
    static const uint8_t zeros[32];
    uint8_t sealed[32 + VX6_TAG_SIZE];
    uint8_t bytes[12];
    int written = 0;
    make_nonce(bytes, cipher->suite, UINT64_MAX);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    VX6_ASSERT(context);
    VX6_ASSERT(
        EVP_CipherInit_ex(context, evp_cipher(cipher->suite), NULL, cipher->key, bytes, 1) == 1);
    VX6_ASSERT(EVP_CipherUpdate(context, sealed, &written, zeros, sizeof zeros) == 1);
    EVP_CIPHER_CTX_free(context);
    EVP_CIPHER_CTX_free(cipher->cached);
    cipher->cached = NULL;
    memcpy(cipher->key, sealed, sizeof cipher->key);
    sodium_memzero(sealed, sizeof sealed);
}
