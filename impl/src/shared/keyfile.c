/* SPDX-License-Identifier: MIT */
#include "keyfile.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "vx6/identity.h"

/* VX6-CTRL-022 */
static const char first_line[] = "vx6-identity-1\n";

enum {
    SALT_AT = 8,
    NONCE_AT = SALT_AT + crypto_pwhash_SALTBYTES,
    BOX_AT = NONCE_AT + crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    LINEAGE_AT = 32 + 8, /* in the secret */
    SECRET_MAX = LINEAGE_AT + VX6_LINEAGE_MAX,
    TAG_SIZE = crypto_aead_xchacha20poly1305_ietf_ABYTES,
    FILE_MIN = BOX_AT + LINEAGE_AT + TAG_SIZE,
    FILE_MAX = BOX_AT + SECRET_MAX + TAG_SIZE,
    HEAD_SIZE = sizeof first_line - 1,
    /* Of Argon2id; a file that asks for more than the most is none of ours. */
    PASSES = 3,
    PASSES_MAX = 16,
    MEMORY_KIB = 256 * 1024,
    MEMORY_MAX_KIB = 1024 * 1024
};

_Static_assert(HEAD_SIZE + sodium_base64_ENCODED_LEN(FILE_MAX, sodium_base64_VARIANT_ORIGINAL) <
                   KEYFILE_TEXT_SIZE - 1,
    "the text has room");

static void put_u32(uint8_t *to, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (24 - 8 * i));
}

static uint32_t get_u32(const uint8_t *from)
{
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

/* By what stands in the file before the nonce; the first line takes part, so that it cannot be
 * changed. */
static bool derive(const uint8_t *file, const char *passphrase, uint8_t key[32])
{
    return crypto_pwhash(key, 32, passphrase, strlen(passphrase), file + SALT_AT, get_u32(file),
               (size_t)get_u32(file + 4) * 1024, crypto_pwhash_ALG_ARGON2ID13) == 0;
}

bool keyfile_lock(const struct store_identity *identity, const char *passphrase,
    char text[KEYFILE_TEXT_SIZE], char error[TEXT_ERROR_SIZE])
{
    uint8_t file[FILE_MAX], key[32], secret[SECRET_MAX];
    size_t len = LINEAGE_AT + identity->lineage_len;
    put_u32(file, PASSES);
    put_u32(file + 4, MEMORY_KIB);
    if (sodium_init() < 0 || (randombytes_buf(file + SALT_AT, BOX_AT - SALT_AT), false) ||
        !derive(file, passphrase, key))
        return text_fail(error, "out of memory: locking an identity takes 256 MiB");
    memcpy(secret, identity->seed, 32);
    put_u32(secret + 32, (uint32_t)((uint64_t)identity->sequence >> 32));
    put_u32(secret + 36, (uint32_t)identity->sequence);
    memcpy(secret + LINEAGE_AT, identity->lineage, identity->lineage_len);
    crypto_aead_xchacha20poly1305_ietf_encrypt(file + BOX_AT, NULL, secret, len,
        (const uint8_t *)first_line, HEAD_SIZE, NULL, file + NONCE_AT, key);
    sodium_memzero(key, sizeof key);
    sodium_memzero(secret, sizeof secret);
    memcpy(text, first_line, HEAD_SIZE);
    sodium_bin2base64(text + HEAD_SIZE, KEYFILE_TEXT_SIZE - HEAD_SIZE - 1, file,
        BOX_AT + len + TAG_SIZE, sodium_base64_VARIANT_ORIGINAL);
    strcat(text, "\n");
    return true;
}

/* What was decrypted, `len` bytes of it. */
static bool take_apart(const uint8_t *secret, size_t len, struct store_identity *identity)
{
    uint8_t key[32];
    memcpy(identity->seed, secret, 32);
    identity->sequence =
        (int64_t)((uint64_t)get_u32(secret + 32) << 32 | (uint64_t)get_u32(secret + 36));
    identity->lineage_len = len - LINEAGE_AT;
    memcpy(identity->lineage, secret + LINEAGE_AT, identity->lineage_len);
    vx6_crypto_real.sign_public(&vx6_crypto_real, key, identity->seed);
    return identity->sequence >= 0 &&
           vx6_lineage_check(
               &vx6_crypto_real, (vx6_span){identity->lineage, identity->lineage_len}, key);
}

bool keyfile_unlock(const char *text, const char *passphrase, struct store_identity *identity,
    char error[TEXT_ERROR_SIZE])
{
    uint8_t file[FILE_MAX], key[32], secret[SECRET_MAX];
    size_t len = 0;
    if (sodium_init() < 0 || strncmp(text, first_line, HEAD_SIZE) != 0 ||
        sodium_base642bin(file, sizeof file, text + HEAD_SIZE, strlen(text + HEAD_SIZE), "\r\n ",
            &len, NULL, sodium_base64_VARIANT_ORIGINAL) != 0 ||
        len < FILE_MIN || get_u32(file) < 1 || get_u32(file) > PASSES_MAX ||
        get_u32(file + 4) < 8 || get_u32(file + 4) > MEMORY_MAX_KIB)
        return text_fail(error, "this is no identity that vx6 identity export made");
    if (!derive(file, passphrase, key))
        return text_fail(
            error, "out of memory: this identity takes %u MiB to unlock", get_u32(file + 4) / 1024);
    bool opened =
        crypto_aead_xchacha20poly1305_ietf_decrypt(secret, NULL, NULL, file + BOX_AT, len - BOX_AT,
            (const uint8_t *)first_line, HEAD_SIZE, file + NONCE_AT, key) == 0;
    sodium_memzero(key, sizeof key);
    if (!opened)
        return text_fail(error, "that is not its passphrase, or the file was changed");
    bool is_sound = take_apart(secret, len - BOX_AT - TAG_SIZE, identity);
    sodium_memzero(secret, sizeof secret);
    return is_sound || text_fail(error, "this is no identity that vx6 identity export made");
}
