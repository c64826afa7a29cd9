/* SPDX-License-Identifier: MIT */
/* Hashes under labels, and the keys of a node, all of which follow from its identity seed.
 * Spec: spec/records.md, spec/crypto.md. */
#include "keys.h"

#include "bytes.h"
#include "vx6/msg.h"

#define LABEL_NODE_ID    "vx6/node-id/1"
#define LABEL_NAME       "vx6/name/1"
#define LABEL_LINK_KEY   "vx6/link-key/1"
#define LABEL_RECORD_KEY "vx6/record-key/1"

/* SHA-256 of a label and what it labels. VX6-REC-001. */
void labelled_hash(
    const struct vx6_crypto *crypto, uint8_t hash[32], const char *label, vx6_span data)
{
    uint8_t input[32 + VX6_LABEL_MAX];
    size_t label_len = 0;
    for (; label[label_len] != 0; label_len++)
        VX6_ASSERT(label_len < 32);
    VX6_ASSERT(label_len + data.len <= sizeof input);
    memcpy(input, label, label_len);
    memcpy(input + label_len, data.data, data.len);
    crypto->sha256(crypto, hash, input, label_len + data.len);
    wipe(input, sizeof input); /* it may be a seed */
}

void vx6_node_id(const struct vx6_crypto *crypto, uint8_t id[32], const uint8_t key[32])
{
    labelled_hash(crypto, id, LABEL_NODE_ID, (vx6_span){key, 32});
}

void name_key(const struct vx6_crypto *crypto, uint8_t key[32], vx6_span label)
{
    VX6_ASSERT(vx6_label_is_valid(label));
    labelled_hash(crypto, key, LABEL_NAME, label);
}

/* VX6-REC-002. */
void own_keys_init(
    struct own_keys *keys, const struct vx6_crypto *crypto, const uint8_t identity_seed[32])
{
    memcpy(keys->identity_seed, identity_seed, 32);
    crypto->sign_public(crypto, keys->identity, identity_seed);
    vx6_node_id(crypto, keys->id, keys->identity);
    labelled_hash(crypto, keys->link_secret, LABEL_LINK_KEY, (vx6_span){identity_seed, 32});
    crypto->link_public(crypto, keys->link_public, keys->link_secret);
    labelled_hash(crypto, keys->record_seed, LABEL_RECORD_KEY, (vx6_span){identity_seed, 32});
    crypto->sign_public(crypto, keys->record_public, keys->record_seed);
}
