/* SPDX-License-Identifier: MIT */
/* Each key signs that the next one takes its place, and the last signs them all: so nobody becomes
 * the successor of a key that did not say so, nor against its own will. Spec: spec/records.md. */
#include "lineage.h"

#include "bytes.h"
#include "record.h"

#define LABEL_ROTATION   "vx6/rotation/1"
#define LABEL_LINEAGE    "vx6/lineage/1"
#define LABEL_REVOCATION "vx6/revocation/1"

enum {
    ROTATION_SIZE = 104,
    HANDOVER_SIZE = 32 + 32 + 8
};

/* ---- lineage ---- */

static const uint8_t *key_at(
    const struct lineage *lineage, const uint8_t identity[32], uint32_t index)
{
    return index < lineage->count ? lineage->predecessors[index] : identity;
}

const uint8_t *lineage_successor(
    const struct lineage *lineage, const uint8_t identity[32], const uint8_t key[32])
{
    for (uint32_t i = 0; i < lineage->count; i++) {
        if (bytes_equal(lineage->predecessors[i], key, 32))
            return key_at(lineage, identity, i + 1);
    }
    return NULL;
}

bool lineage_has(const struct lineage *lineage, const uint8_t key[32])
{
    static const uint8_t any[32];
    return lineage_successor(lineage, any, key) != NULL;
}

/* VX6-REC-019 */
enum vx6_code lineage_decode(vx6_span record, const uint8_t identity[32], struct lineage *lineage)
{
    struct vx6_msg msg;
    struct vx6_rotation rotation;
    *lineage = (struct lineage){0};
    if (record.len == 0)
        return VX6_OK;
    if (vx6_msg_decode(&msg, VX6_SCOPE_RECORD, record.data, record.len) != NULL ||
        msg.type != VX6_MSG_lineage)
        return VX6_BAD_MESSAGE;
    lineage->record = record;
    if (!bytes_equal(msg.u.lineage.identity, identity, 32) || msg.u.lineage.rotations.count == 0)
        return VX6_BAD_RECORD;
    while (vx6_next_rotation(&msg.u.lineage.rotations, &rotation)) {
        if (bytes_equal(rotation.key, identity, 32) || lineage_has(lineage, rotation.key))
            return VX6_BAD_RECORD;
        memcpy(lineage->predecessors[lineage->count++], rotation.key, 32);
    }
    return VX6_OK;
}

/* What a key signs that hands over. VX6-REC-018 */
static void handover(uint8_t bytes[HANDOVER_SIZE], const uint8_t key[32],
    const uint8_t successor[32], uint64_t issued_s)
{
    memcpy(bytes, key, 32);
    memcpy(bytes + 32, successor, 32);
    store_u64(bytes + 64, issued_s);
}

bool lineage_signatures_are_good(const struct vx6_crypto *crypto, vx6_span record)
{
    struct vx6_msg msg;
    struct vx6_rotation rotation, next;
    if (record.len == 0)
        return true;
    const char *problem = vx6_msg_decode(&msg, VX6_SCOPE_RECORD, record.data, record.len);
    VX6_ASSERT(problem == NULL);
    const struct vx6_lineage *lineage = &msg.u.lineage;
    vx6_list rotations = lineage->rotations;
    while (vx6_next_rotation(&rotations, &rotation)) {
        vx6_list behind = rotations;
        uint8_t bytes[HANDOVER_SIZE];
        const uint8_t *successor = vx6_next_rotation(&behind, &next) ? next.key : lineage->identity;
        handover(bytes, rotation.key, successor, rotation.issued_s);
        if (!crypto->sign_public_is_valid(crypto, rotation.key) ||
            !crypto->verify(
                crypto, rotation.signature, rotation.key, LABEL_ROTATION, bytes, sizeof bytes))
            return false;
    }
    return crypto->sign_public_is_valid(crypto, lineage->identity) &&
           record_signature_is_good(crypto, record, lineage->identity, LABEL_LINEAGE);
}

bool vx6_lineage_check(
    const struct vx6_crypto *crypto, vx6_span lineage, const uint8_t identity[32])
{
    struct lineage decoded;
    return lineage_decode(lineage, identity, &decoded) == VX6_OK &&
           lineage_signatures_are_good(crypto, lineage);
}

size_t vx6_lineage_keys(vx6_span lineage, uint8_t keys[VX6_KEYS_BEFORE_MAX][32])
{
    struct vx6_msg msg;
    struct vx6_rotation rotation;
    size_t count = 0;
    if (lineage.len == 0)
        return 0;
    const char *problem = vx6_msg_decode(&msg, VX6_SCOPE_RECORD, lineage.data, lineage.len);
    VX6_ASSERT(problem == NULL && msg.type == VX6_MSG_lineage);
    while (vx6_next_rotation(&msg.u.lineage.rotations, &rotation))
        memcpy(keys[count++], rotation.key, 32);
    return count;
}

static uint64_t sound_time(int64_t unix_s)
{
    return unix_s > 0 ? (uint64_t)unix_s : 1;
}

/* The last rotation of the old lineage, if it has one, and a new one. VX6-REC-020 */
size_t vx6_identity_rotate(const struct vx6_crypto *crypto, const uint8_t seed[32],
    vx6_span lineage, const uint8_t seed_next[32], int64_t unix_s, uint8_t out[VX6_LINEAGE_MAX])
{
    struct vx6_msg old, msg = {.type = VX6_MSG_lineage};
    struct vx6_rotation rotation;
    uint8_t identity[32], next[32], bytes[HANDOVER_SIZE];
    uint8_t storage[LINEAGE_ROTATIONS_MAX * ROTATION_SIZE];
    vx6_list *rotations = &msg.u.lineage.rotations;
    crypto->sign_public(crypto, identity, seed);
    crypto->sign_public(crypto, next, seed_next);
    VX6_ASSERT(vx6_lineage_check(crypto, lineage, identity));
    bool has_room = true;
    if (lineage.len > 0) {
        const char *problem = vx6_msg_decode(&old, VX6_SCOPE_RECORD, lineage.data, lineage.len);
        VX6_ASSERT(problem == NULL);
        while (vx6_next_rotation(&old.u.lineage.rotations, &rotation)) {
            bool is_kept = old.u.lineage.rotations.count < LINEAGE_ROTATIONS_MAX - 1;
            has_room = !is_kept || vx6_push_rotation(rotations, storage, sizeof storage, &rotation);
            VX6_ASSERT(has_room);
        }
    }
    rotation = (struct vx6_rotation){.issued_s = sound_time(unix_s)};
    memcpy(rotation.key, identity, sizeof rotation.key);
    handover(bytes, identity, next, rotation.issued_s);
    crypto->sign(crypto, rotation.signature, seed, identity, LABEL_ROTATION, bytes, sizeof bytes);
    has_room = vx6_push_rotation(rotations, storage, sizeof storage, &rotation);
    VX6_ASSERT(has_room);
    memcpy(msg.u.lineage.identity, next, sizeof next);
    struct signer signer = {seed_next, next, LABEL_LINEAGE};
    size_t len = record_encode_signed(crypto, &msg, &signer, out, VX6_LINEAGE_MAX);
    VX6_ASSERT(len > 0);
    return len;
}

/* ---- tombstone ---- */

/* VX6-REC-021, VX6-REC-022 */
enum vx6_code tombstone_decode(vx6_span data, struct tombstone *tombstone)
{
    struct vx6_msg msg, inner;
    *tombstone = (struct tombstone){0};
    if (vx6_msg_decode(&msg, VX6_SCOPE_RECORD, data.data, data.len) != NULL ||
        msg.type != VX6_MSG_tombstone)
        return VX6_BAD_MESSAGE;
    vx6_span revocation = msg.u.tombstone.revocation;
    if (vx6_msg_decode(&inner, VX6_SCOPE_RECORD, revocation.data, revocation.len) != NULL ||
        inner.type != VX6_MSG_revocation)
        return VX6_BAD_MESSAGE;
    tombstone->issued_s = msg.u.tombstone.issued_s;
    tombstone->life_s = msg.u.tombstone.life_s;
    tombstone->revocation = revocation;
    tombstone->label = inner.u.revocation.label;
    memcpy(tombstone->identity, inner.u.revocation.identity, sizeof tombstone->identity);
    if (tombstone->label.len > 0 && !vx6_label_is_valid(tombstone->label))
        return VX6_BAD_RECORD;
    return lineage_decode(msg.u.tombstone.lineage, tombstone->identity, &tombstone->lineage);
}

bool tombstone_signatures_are_good(
    const struct vx6_crypto *crypto, const struct tombstone *tombstone)
{
    return crypto->sign_public_is_valid(crypto, tombstone->identity) &&
           record_signature_is_good(
               crypto, tombstone->revocation, tombstone->identity, LABEL_REVOCATION) &&
           lineage_signatures_are_good(crypto, tombstone->lineage.record);
}

static size_t encode(vx6_span revocation, vx6_span lineage, int64_t unix_s, uint32_t life_s,
    uint8_t out[VX6_TOMBSTONE_MAX])
{
    struct vx6_msg msg = {.type = VX6_MSG_tombstone};
    msg.u.tombstone.issued_s = sound_time(unix_s);
    msg.u.tombstone.life_s = life_s;
    msg.u.tombstone.revocation = revocation;
    msg.u.tombstone.lineage = lineage;
    size_t len = vx6_msg_encode(&msg, out, VX6_TOMBSTONE_MAX);
    VX6_ASSERT(len > 0);
    return len;
}

size_t tombstone_renew(const struct tombstone *tombstone, int64_t unix_s, uint32_t life_s,
    uint8_t out[VX6_TOMBSTONE_MAX])
{
    return encode(tombstone->revocation, tombstone->lineage.record, unix_s, life_s, out);
}

size_t vx6_identity_revoke(const struct vx6_crypto *crypto, const uint8_t seed[32], vx6_span label,
    vx6_span lineage, int64_t unix_s, uint8_t out[VX6_TOMBSTONE_MAX])
{
    struct vx6_msg msg = {.type = VX6_MSG_revocation};
    uint8_t revocation[VX6_REVOCATION_MAX];
    crypto->sign_public(crypto, msg.u.revocation.identity, seed);
    VX6_ASSERT(label.len == 0 || vx6_label_is_valid(label));
    VX6_ASSERT(vx6_lineage_check(crypto, lineage, msg.u.revocation.identity));
    msg.u.revocation.label = label;
    msg.u.revocation.issued_s = sound_time(unix_s);
    struct signer signer = {seed, msg.u.revocation.identity, LABEL_REVOCATION};
    size_t len = record_encode_signed(crypto, &msg, &signer, revocation, sizeof revocation);
    VX6_ASSERT(len > 0);
    return encode((vx6_span){revocation, len}, lineage, unix_s, 1, out);
}

bool vx6_certificate_check(
    const struct vx6_crypto *crypto, vx6_span certificate, uint8_t identity[32])
{
    struct tombstone tombstone;
    if (tombstone_decode(certificate, &tombstone) != VX6_OK ||
        !tombstone_signatures_are_good(crypto, &tombstone))
        return false;
    memcpy(identity, tombstone.identity, sizeof tombstone.identity);
    return true;
}
