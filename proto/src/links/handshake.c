/* SPDX-License-Identifier: MIT */
/* The handshake of a link over a byte stream (VX6-LINK-001): Noise XX with the node records as
 * payload. Whatever comes in is checked in full before any of it is kept; what it leaves behind is
 * the peer's record, two ciphers and a binding.
 *
 * The next message is made as soon as the one before it has been read, so that what a link does
 * never depends on when the driver asks for bytes. Spec: spec/links.md, "Handshake". */
#include "link_internal.h"

struct handshake {
    struct vx6_handshake noise;
    uint8_t number; /* of the next message to read: 1, 2, 3; 0: all read */
    uint8_t first_byte;
    bool begun; /* noise is set */
    uint8_t ephemeral_seed[32];
    uint16_t in_len, out_len;
    uint8_t in[LINK_MESSAGE_MAX];
    uint8_t out[LINK_MESSAGE_MAX];
};

#define PROLOGUE_LABEL "vx6/link/1"
#define MASK_LABEL     "vx6/mask/1"

enum {
    KNOWN_RESPONDER = 0x80, /* bit of the first byte */
    LABEL_LEN = 10
};

/* VX6-LINK-002. Hides which suite is offered from whoever does not know the responder. */
static uint8_t suite_mask(const struct vx6_crypto *crypto, const uint8_t responder[32])
{
    uint8_t input[LABEL_LEN + 32], hash[32];
    memcpy(input, MASK_LABEL, LABEL_LEN);
    memcpy(input + LABEL_LEN, responder, 32);
    crypto->sha256(crypto, hash, input, sizeof input);
    return hash[0] & 0x7f;
}

static uint8_t make_first_byte(struct vx6_node *node, const struct link *link)
{
    if (link->pinned)
        return (uint8_t)(KNOWN_RESPONDER |
                         ((unsigned)node->suite ^ suite_mask(node->env->crypto, link->peer_key)));
    return (uint8_t)(rng_below(&node->public_rng, 32) << 2 | (unsigned)node->suite);
}

static bool is_suite(unsigned suite)
{
    return suite == VX6_SUITE_CHACHAPOLY || suite == VX6_SUITE_AESGCM;
}

/* VX6-LINK-002: 0 when it is none that this node speaks. A mask that does not fit is that of
 * somebody else's key; the answer then only shows the initiator whom it has reached. */
static unsigned read_first_byte(const struct vx6_node *node, uint8_t byte)
{
    if (!(byte & KNOWN_RESPONDER))
        return is_suite(byte & 3u) ? byte & 3u : 0;
    unsigned suite = (byte & 0x7fu) ^ suite_mask(node->env->crypto, node->keys.identity);
    return is_suite(suite) ? suite : VX6_SUITE_CHACHAPOLY;
}

/* VX6-LINK-003: version and suite are part of the transcript. */
static void begin_noise(struct vx6_node *node, struct link *link, enum vx6_suite suite)
{
    struct handshake *handshake = link->handshake;
    uint8_t prologue[LABEL_LEN + 1];
    memcpy(prologue, PROLOGUE_LABEL, LABEL_LEN);
    prologue[LABEL_LEN] = handshake->first_byte;
    node->env->crypto->handshake_init(node->env->crypto, &handshake->noise, suite, link->initiator,
        prologue, sizeof prologue, node->keys.link_secret, handshake->ephemeral_seed);
    handshake->begun = true;
}

/* VX6-LINK-004: equal size for everybody. */
static enum vx6_code write_message(struct vx6_node *node, struct link *link, size_t expected_len)
{
    struct handshake *handshake = link->handshake;
    uint8_t payload[LINK_PAYLOAD_SIZE] = {0};
    vx6_span record = publish_record(node);
    VX6_ASSERT(record.len <= VX6_RECORD_MAX);
    if (record.len == 0)
        return VX6_NOMEM;
    store_u16(payload, (uint16_t)record.len);
    memcpy(payload + 2, record.data, record.len);
    size_t len = node->env->crypto->handshake_write(
        node->env->crypto, &handshake->noise, payload, sizeof payload, handshake->out);
    VX6_ASSERT(len == expected_len);
    handshake->out_len = (uint16_t)len;
    link_post_write(node, link);
    return VX6_OK;
}

static void write_message_1(struct vx6_node *node, struct link *link, enum vx6_suite suite)
{
    struct handshake *handshake = link->handshake;
    begin_noise(node, link, suite);
    handshake->out[0] = handshake->first_byte;
    size_t len = node->env->crypto->handshake_write(
        node->env->crypto, &handshake->noise, NULL, 0, handshake->out + 1);
    VX6_ASSERT(len + 1 == LINK_MESSAGE_1_SIZE);
}

bool handshake_start(struct vx6_node *node, struct link *link)
{
    struct handshake *handshake = env_alloc(node->env, sizeof *handshake);
    if (handshake == NULL)
        return false;
    link->handshake = handshake;
    rng_bytes(&node->secret_rng, handshake->ephemeral_seed, sizeof handshake->ephemeral_seed);
    handshake->number = link->initiator ? 2 : 1;
    if (!link->initiator)
        return true;
    handshake->first_byte = make_first_byte(node, link);
    write_message_1(node, link, node->suite);
    handshake->out_len = LINK_MESSAGE_1_SIZE;
    link_post_write(node, link);
    return true;
}

/* VX6-LINK-004, VX6-LINK-005 */
static enum vx6_code take_payload(
    struct vx6_node *node, struct link *link, const uint8_t payload[LINK_PAYLOAD_SIZE])
{
    const struct vx6_crypto *crypto = node->env->crypto;
    vx6_span record = {payload + 2, load_u16(payload)};
    if (record.len > VX6_RECORD_MAX ||
        !is_zero(record.data + record.len, LINK_PAYLOAD_SIZE - 2 - record.len))
        return VX6_BAD_MESSAGE;
    uint8_t remote_static[32];
    crypto->handshake_remote_static(crypto, &link->handshake->noise, remote_static);
    return peer_record_take(node, link, record, remote_static);
}

static void split(struct vx6_node *node, struct link *link)
{
    const struct vx6_crypto *crypto = node->env->crypto;
    crypto->handshake_split(
        crypto, &link->handshake->noise, &link->send, &link->receive, link->binding);
    link->keyed = true;
    link->send_key_since = node->now;
    link->owed |= OWED_HELLO;
    link->handshake->number = 0;
}

/* VX6-LINK-002: an unknown suite ends the link without a byte. */
static enum vx6_code take_message_1(struct vx6_node *node, struct link *link)
{
    struct handshake *handshake = link->handshake;
    handshake->first_byte = handshake->in[0];
    unsigned suite = read_first_byte(node, handshake->first_byte);
    if (suite == 0)
        return VX6_BAD_SUITE;
    begin_noise(node, link, (enum vx6_suite)suite);
    uint8_t nothing;
    if (!node->env->crypto->handshake_read(node->env->crypto, &handshake->noise, handshake->in + 1,
            LINK_MESSAGE_1_SIZE - 1, &nothing))
        return VX6_BAD_SEAL;
    enum vx6_code code = write_message(node, link, LINK_MESSAGE_2_SIZE);
    handshake->number = 3;
    return code;
}

/* VX6-LINK-006: message 2 does not open. Does it under the other suite, then the responder could
 * not read the first byte, since it is not the one that it was masked for. The link ends in any
 * case; this finds out why. */
static enum vx6_code identify_stranger(struct vx6_node *node, struct link *link)
{
    const struct vx6_crypto *crypto = node->env->crypto;
    struct handshake *handshake = link->handshake;
    uint8_t payload[LINK_PAYLOAD_SIZE];
    if (!link->pinned)
        return VX6_BAD_SEAL;
    crypto->handshake_clear(crypto, &handshake->noise);
    write_message_1(
        node, link, node->suite == VX6_SUITE_AESGCM ? VX6_SUITE_CHACHAPOLY : VX6_SUITE_AESGCM);
    if (!crypto->handshake_read(
            crypto, &handshake->noise, handshake->in, LINK_MESSAGE_2_SIZE, payload))
        return VX6_BAD_SEAL;
    enum vx6_code code = take_payload(node, link, payload);
    return code == VX6_OK ? VX6_BAD_SEAL : code;
}

/* VX6-LINK-006: an initiator that does not like the responder has said nothing of itself. */
static enum vx6_code take_message_2(struct vx6_node *node, struct link *link)
{
    struct handshake *handshake = link->handshake;
    uint8_t payload[LINK_PAYLOAD_SIZE];
    if (!node->env->crypto->handshake_read(
            node->env->crypto, &handshake->noise, handshake->in, LINK_MESSAGE_2_SIZE, payload))
        return identify_stranger(node, link);
    enum vx6_code code = take_payload(node, link, payload);
    if (code == VX6_OK)
        code = write_message(node, link, LINK_MESSAGE_3_SIZE);
    if (code != VX6_OK)
        return code;
    split(node, link);
    link->state = LINK_CONFIRMING;
    return VX6_OK;
}

/* VX6-LINK-007: a responder that does not like the initiator says why, since keys are agreed. */
static enum vx6_code take_message_3(struct vx6_node *node, struct link *link)
{
    struct handshake *handshake = link->handshake;
    uint8_t payload[LINK_PAYLOAD_SIZE];
    if (!node->env->crypto->handshake_read(
            node->env->crypto, &handshake->noise, handshake->in, LINK_MESSAGE_3_SIZE, payload))
        return VX6_BAD_SEAL;
    enum vx6_code code = take_payload(node, link, payload);
    split(node, link);
    handshake_free(node, link);
    if (code == VX6_OK)
        link_established(node, link);
    return code;
}

static enum vx6_code take_message(struct vx6_node *node, struct link *link)
{
    switch (link->handshake->number) {
    case 1:
        return take_message_1(node, link);
    case 2:
        return take_message_2(node, link);
    default:
        return take_message_3(node, link);
    }
}

/* VX6-LINK-008: never more than the message that is due. */
size_t handshake_take(struct vx6_node *node, struct link *link, const uint8_t *data, size_t len)
{
    static const uint16_t sizes[4] = {
        0, LINK_MESSAGE_1_SIZE, LINK_MESSAGE_2_SIZE, LINK_MESSAGE_3_SIZE};
    struct handshake *handshake = link->handshake;
    size_t wanted = (size_t)sizes[handshake->number] - handshake->in_len;
    size_t used = len < wanted ? len : wanted;
    memcpy(handshake->in + handshake->in_len, data, used);
    handshake->in_len = (uint16_t)(handshake->in_len + used);
    if (used < wanted)
        return used;
    handshake->in_len = 0;
    enum vx6_code code = take_message(node, link);
    if (code != VX6_OK)
        link_refuse(node, link, VX6_MSG_NONE, used, code);
    return used;
}

size_t handshake_put(struct vx6_node *node, struct link *link, uint8_t *dst)
{
    struct handshake *handshake = link->handshake;
    if (handshake == NULL || handshake->out_len == 0)
        return 0;
    size_t len = handshake->out_len;
    memcpy(dst, handshake->out, len);
    handshake->out_len = 0;
    if (handshake->number == 0)
        handshake_free(node, link);
    return len;
}

void handshake_free(struct vx6_node *node, struct link *link)
{
    struct handshake *handshake = link->handshake;
    if (handshake == NULL)
        return;
    if (handshake->begun)
        node->env->crypto->handshake_clear(node->env->crypto, &handshake->noise);
    env_wipe_free(node->env, handshake, sizeof *handshake);
    link->handshake = NULL;
}
