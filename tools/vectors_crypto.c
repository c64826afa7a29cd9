/* SPDX-License-Identifier: MIT */
/* Set "crypto": primitives, labels and derivations of spec/crypto.md, one operation a vector. */
#include "vectors.h"

#include <string.h>

#include "noise.h"
#include "record.h"
#include "sealed.h"
#include "vx6/crypto.h"

enum {
    FIELDS_MAX = 7
};

/* An operation: its fields in hex with their sizes (0: any), and what to do with their bytes. */
struct operation {
    const char *name;
    struct {
        const char *name;
        size_t size;
    } fields[FIELDS_MAX];
    bool (*check)(json_t *line, const vx6_span *fields, char *reason, size_t cap);
};

static const struct vx6_crypto *const real = &vx6_crypto_real;

static vx6_span span(const uint8_t *data, size_t len)
{
    return (vx6_span){data, len};
}

/* A vector that says why something is refused must not be accepted. */
static bool check_validity(json_t *line, bool valid, char *reason, size_t cap)
{
    const char *why = vector_text(line, "refused");
    if (valid == (*why == '\0'))
        return true;
    return vector_failed(
        reason, cap, valid ? "accepted, must be refused: %s" : "refused, must be accepted%s", why);
}

static bool check_sha256(json_t *line, const vx6_span *fields, char *reason, size_t cap)
{
    uint8_t hash[32];
    (void)line;
    real->sha256(real, hash, fields[0].data, fields[0].len);
    return vector_compare("output", span(hash, 32), fields[1], reason, cap);
}

static bool check_mac(json_t *line, const vx6_span *fields, char *reason, size_t cap)
{
    uint8_t mac[VX6_MAC_SIZE];
    (void)line;
    real->mac(real, mac, fields[0].data, fields[1].data, fields[1].len);
    return vector_compare("output", span(mac, sizeof mac), fields[2], reason, cap);
}

static bool check_sign(json_t *line, const vx6_span *fields, char *reason, size_t cap)
{
    const char *label = vector_text(line, "label");
    uint8_t public_key[32], signature[64];
    real->sign_public(real, public_key, fields[0].data);
    real->sign(real, signature, fields[0].data, public_key, label, fields[1].data, fields[1].len);
    if (!vector_compare("public_key", span(public_key, 32), fields[2], reason, cap) ||
        !vector_compare("signature", span(signature, 64), fields[3], reason, cap))
        return false;
    if (!real->verify(real, signature, public_key, label, fields[1].data, fields[1].len))
        return vector_failed(reason, cap, "the signature does not verify");
    return true;
}

static bool check_verify(json_t *line, const vx6_span *fields, char *reason, size_t cap)
{
    bool valid = real->verify(real, fields[2].data, fields[0].data, vector_text(line, "label"),
        fields[1].data, fields[1].len);
    return check_validity(line, valid, reason, cap);
}

static bool check_identity_key(json_t *line, const vx6_span *fields, char *reason, size_t cap)
{
    return check_validity(line, real->sign_public_is_valid(real, fields[0].data), reason, cap);
}

static bool check_x25519_key(json_t *line, const vx6_span *fields, char *reason, size_t cap)
{
    static const uint8_t ephemeral[32] = {1};
    struct noise noise;
    struct noise_config config = {.pattern = NOISE_N,
        .suite = VX6_SUITE_CHACHAPOLY,
        .initiator = true,
        .ephemeral_secret = ephemeral,
        .remote_static = fields[0].data};
    return check_validity(line, noise_init(&noise, &config), reason, cap);
}

static bool check_link_public(json_t *line, const vx6_span *fields, char *reason, size_t cap)
{
    uint8_t public_key[32];
    (void)line;
    real->link_public(real, public_key, fields[0].data);
    return vector_compare("public_key", span(public_key, 32), fields[1], reason, cap);
}

static bool check_query_public(json_t *line, const vx6_span *fields, char *reason, size_t cap)
{
    uint8_t public_key[32];
    (void)line;
    sealed_query_public(public_key, fields[0].data);
    return vector_compare("public_key", span(public_key, 32), fields[1], reason, cap);
}

static bool check_node_keys(json_t *line, const vx6_span *fields, char *reason, size_t cap)
{
    struct own_keys keys;
    (void)line;
    own_keys_init(&keys, real, fields[0].data);
    const struct {
        const char *name;
        const uint8_t *value;
    } values[] = {{"identity", keys.identity}, {"node_id", keys.id},
        {"link_secret", keys.link_secret}, {"link_public", keys.link_public},
        {"record_seed", keys.record_seed}, {"record_public", keys.record_public}};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        if (!vector_compare(values[i].name, span(values[i].value, 32), fields[1 + i], reason, cap))
            return false;
    return true;
}

static bool check_name_key(json_t *line, const vx6_span *fields, char *reason, size_t cap)
{
    const char *label = vector_text(line, "label");
    vx6_span text = span((const uint8_t *)label, strlen(label));
    uint8_t key[32];
    if (!vx6_label_is_valid(text))
        return vector_failed(reason, cap, "\"%s\" is not a label", label);
    name_key(real, key, text);
    return vector_compare("key", span(key, 32), fields[0], reason, cap);
}

/* Fields 0 and on: key, then a nonce of 8 bytes, big-endian. */
static bool make_cipher(struct vx6_cipher *cipher, json_t *line, const vx6_span *fields)
{
    const char *suite = vector_text(line, "suite");
    *cipher = (struct vx6_cipher){.suite = VX6_SUITE_CHACHAPOLY};
    if (strcmp(suite, "AESGCM") == 0)
        cipher->suite = VX6_SUITE_AESGCM;
    memcpy(cipher->key, fields[0].data, 32);
    for (size_t i = 0; i < 8 && fields[1].len == 8; i++)
        cipher->nonce = cipher->nonce << 8 | fields[1].data[i];
    return cipher->nonce != UINT64_MAX &&
           (cipher->suite == VX6_SUITE_AESGCM || strcmp(suite, "ChaChaPoly") == 0);
}

static bool check_seal(json_t *line, const vx6_span *fields, char *reason, size_t cap)
{
    struct vx6_cipher cipher;
    uint8_t *out = vector_memory(fields[3].len + VX6_TAG_SIZE);
    if (!make_cipher(&cipher, line, fields))
        return vector_failed(reason, cap, "no such suite, or a nonce that no message may have");
    real->seal(real, &cipher, fields[2].data, fields[2].len, fields[3].data, fields[3].len, out);
    real->cipher_clear(real, &cipher);
    return vector_compare(
        "sealed", span(out, fields[3].len + VX6_TAG_SIZE), fields[4], reason, cap);
}

static bool check_open(json_t *line, const vx6_span *fields, char *reason, size_t cap)
{
    struct vx6_cipher cipher;
    uint8_t *out = vector_memory(fields[3].len + 1);
    if (!make_cipher(&cipher, line, fields))
        return vector_failed(reason, cap, "no such suite, or a nonce that no message may have");
    bool valid = real->open(
        real, &cipher, fields[2].data, fields[2].len, fields[3].data, fields[3].len, out);
    real->cipher_clear(real, &cipher);
    return check_validity(line, valid, reason, cap);
}

static bool check_rekey(json_t *line, const vx6_span *fields, char *reason, size_t cap)
{
    struct vx6_cipher cipher;
    if (!make_cipher(&cipher, line, fields))
        return vector_failed(reason, cap, "no such suite, or a nonce that no message may have");
    real->rekey(real, &cipher);
    bool holds = vector_compare("next", span(cipher.key, 32), fields[1], reason, cap);
    real->cipher_clear(real, &cipher);
    return holds;
}

static const struct operation operations[] = {
    {"sha256", {{"input", 0}, {"output", 32}}, check_sha256},
    {"mac", {{"key", 32}, {"input", 0}, {"output", 16}}, check_mac},
    {"sign", {{"seed", 32}, {"message", 0}, {"public_key", 32}, {"signature", 64}}, check_sign},
    {"verify", {{"public_key", 32}, {"message", 0}, {"signature", 64}}, check_verify},
    {"identity_key", {{"key", 32}}, check_identity_key},
    {"x25519_key", {{"key", 32}}, check_x25519_key},
    {"link_public", {{"secret_key", 32}, {"public_key", 32}}, check_link_public},
    {"query_public", {{"identity", 32}, {"public_key", 32}}, check_query_public},
    {"node_keys",
        {{"seed", 32}, {"identity", 32}, {"node_id", 32}, {"link_secret", 32}, {"link_public", 32},
            {"record_seed", 32}, {"record_public", 32}},
        check_node_keys},
    {"name_key", {{"key", 32}}, check_name_key},
    {"seal", {{"key", 32}, {"nonce", 8}, {"ad", 0}, {"plain", 0}, {"sealed", 0}}, check_seal},
    {"open", {{"key", 32}, {"nonce", 8}, {"ad", 0}, {"sealed", 0}}, check_open},
    {"rekey", {{"key", 32}, {"next", 32}}, check_rekey},
};

static bool check_operation(
    const struct operation *operation, json_t *line, char *reason, size_t cap)
{
    vx6_span fields[FIELDS_MAX] = {{NULL, 0}};
    for (size_t i = 0; i < FIELDS_MAX && operation->fields[i].name; i++) {
        size_t size = operation->fields[i].size;
        if (!vector_bytes(line, operation->fields[i].name, size == 0 ? SIZE_MAX : size, &fields[i],
                reason, cap))
            return false;
    }
    return operation->check(line, fields, reason, cap);
}

int check_crypto(json_t *line, char *reason, size_t cap)
{
    const char *name = vector_text(line, "op");
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
        if (strcmp(operations[i].name, name) == 0)
            return check_operation(&operations[i], line, reason, cap);
    return vector_failed(reason, cap, "no operation \"%s\"", name);
}
