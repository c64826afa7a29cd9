/* SPDX-License-Identifier: MIT */
#include "certificate.h"

#include <sodium.h>
#include <string.h>
#include <time.h>

#include "vx6/identity.h"

/* VX6-CTRL-024 */
static const char first_line[] = "vx6-revocation-1\n";

enum {
    HEAD_SIZE = sizeof first_line - 1
};

_Static_assert(
    HEAD_SIZE + sodium_base64_ENCODED_LEN(VX6_TOMBSTONE_MAX, sodium_base64_VARIANT_ORIGINAL) <
        CERTIFICATE_TEXT_SIZE - 1,
    "the text has room");

void certificate_make(
    const struct store_identity *identity, const char *label, char text[CERTIFICATE_TEXT_SIZE])
{
    uint8_t bytes[VX6_TOMBSTONE_MAX];
    size_t len = vx6_identity_revoke(&vx6_crypto_real, identity->seed,
        (vx6_span){(const uint8_t *)label, strlen(label)},
        (vx6_span){identity->lineage, identity->lineage_len}, (int64_t)time(NULL), bytes);
    memcpy(text, first_line, HEAD_SIZE);
    sodium_bin2base64(text + HEAD_SIZE, CERTIFICATE_TEXT_SIZE - HEAD_SIZE - 1, bytes, len,
        sodium_base64_VARIANT_ORIGINAL);
    strcat(text, "\n");
}

bool certificate_read(const char *text, struct store_revoked *revoked, char error[TEXT_ERROR_SIZE])
{
    *revoked = (struct store_revoked){.is_published = false};
    bool is_text = strncmp(text, first_line, HEAD_SIZE) == 0 &&
                   sodium_base642bin(revoked->certificate, sizeof revoked->certificate,
                       text + HEAD_SIZE, strlen(text + HEAD_SIZE), "\r\n ",
                       &revoked->certificate_len, NULL, sodium_base64_VARIANT_ORIGINAL) == 0;
    vx6_span certificate = {revoked->certificate, revoked->certificate_len};
    return (is_text && vx6_certificate_check(&vx6_crypto_real, certificate, revoked->key)) ||
           text_fail(error, "this is no certificate that vx6 identity revocation, or rotate, made");
}

bool certificate_fits(const struct store_revoked *revoked)
{
    uint8_t key[32];
    vx6_span certificate = {revoked->certificate, revoked->certificate_len};
    return vx6_certificate_check(&vx6_crypto_real, certificate, key) &&
           memcmp(key, revoked->key, sizeof key) == 0;
}
