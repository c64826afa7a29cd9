/* SPDX-License-Identifier: MIT */
/* Vectors of the Noise framework in the format of cacophony: keys of both ends, then messages,
 * which alternate (all from the initiator in one-way patterns) and go on after the handshake. */
#include "vectors.h"

#include <string.h>

#include "aead.h"
#include "noise.h"

enum {
    MESSAGE_MAX = 65535
};

struct run {
    struct noise ends[2]; /* initiator, responder */
    struct vx6_cipher send[2], receive[2];
    bool one_way, transport;
    char *reason;
    size_t cap;
};

static bool find_protocol(const char *name, enum noise_pattern *pattern, enum vx6_suite *suite)
{
    static const struct {
        const char *name;
        enum noise_pattern pattern;
    } patterns[] = {{"N", NOISE_N}, {"X", NOISE_X}, {"NK", NOISE_NK}, {"KK", NOISE_KK},
        {"IK", NOISE_IK}, {"XX", NOISE_XX}, {"IX", NOISE_IX}};
    const char *rest = strncmp(name, "Noise_", 6) == 0 ? strchr(name + 6, '_') : NULL;
    if (!rest)
        return false;
    if (strcmp(rest, "_25519_ChaChaPoly_SHA256") == 0)
        *suite = VX6_SUITE_CHACHAPOLY;
    else if (strcmp(rest, "_25519_AESGCM_SHA256") == 0)
        *suite = VX6_SUITE_AESGCM;
    else
        return false;
    size_t len = (size_t)(rest - name) - 6;
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        if (strlen(patterns[i].name) == len && memcmp(patterns[i].name, name + 6, len) == 0) {
            *pattern = patterns[i].pattern;
            return true;
        }
    }
    return false;
}

static bool start_end(struct run *run, json_t *vector, const struct noise_config *base)
{
    static const char *const fields[2][4] = {
        {"init_prologue", "init_static", "init_ephemeral", "init_remote_static"},
        {"resp_prologue", "resp_static", "resp_ephemeral", "resp_remote_static"}};
    size_t end = base->initiator ? 0 : 1;
    vx6_span values[4];
    struct noise_config config = *base;
    for (size_t i = 0; i < 4; i++)
        if (!vector_bytes_if_any(vector, fields[end][i], i == 0 ? SIZE_MAX : VX6_KEY_SIZE,
                &values[i], run->reason, run->cap))
            return false;
    config.prologue = values[0];
    config.static_secret = values[1].data;
    config.ephemeral_secret = values[2].data;
    config.remote_static = values[3].data;
    if (noise_init(&run->ends[end], &config))
        return true;
    vector_failed(run->reason, run->cap, "a key has low order");
    return false;
}

static void split(struct run *run)
{
    for (size_t i = 0; i < 2; i++) {
        uint8_t first[32], second[32];
        noise_split(&run->ends[i], first, second);
        run->send[i].suite = run->receive[i].suite = run->ends[i].suite;
        memcpy(run->send[i].key, i == 0 ? first : second, 32);
        memcpy(run->receive[i].key, i == 0 ? second : first, 32);
    }
    run->transport = true;
}

static size_t seal(struct run *run, size_t from, vx6_span payload, uint8_t *message)
{
    struct aead_input input = {NULL, 0, payload.data, payload.len};
    if (!run->transport)
        return noise_write(&run->ends[from], payload.data, payload.len, message);
    aead_cipher_seal(&run->send[from], &input, message);
    return payload.len + VX6_TAG_SIZE;
}

static bool open_message(struct run *run, size_t to, vx6_span message, uint8_t *payload)
{
    struct aead_input input = {NULL, 0, message.data, message.len};
    if (!run->transport)
        return noise_read(&run->ends[to], message.data, message.len, payload);
    return aead_cipher_open(&run->receive[to], &input, payload);
}

static bool check_message(struct run *run, size_t index, json_t *message)
{
    vx6_span payload, expected;
    char what[64];
    size_t from = run->one_way ? 0 : index % 2;
    if (!vector_bytes(message, "payload", SIZE_MAX, &payload, run->reason, run->cap) ||
        !vector_bytes(message, "ciphertext", SIZE_MAX, &expected, run->reason, run->cap))
        return false;
    if (payload.len > MESSAGE_MAX || expected.len > MESSAGE_MAX)
        return vector_failed(run->reason, run->cap, "message %zu is too long", index);
    uint8_t *got = vector_memory(payload.len + 200);
    uint8_t *plain = vector_memory(expected.len + 1);
    size_t len = seal(run, from, payload, got);
    snprintf(what, sizeof what, "ciphertext of message %zu", index);
    if (!vector_compare(what, (vx6_span){got, len}, expected, run->reason, run->cap))
        return false;
    if (!open_message(run, 1 - from, expected, plain))
        return vector_failed(run->reason, run->cap, "message %zu does not open", index);
    snprintf(what, sizeof what, "payload of message %zu", index);
    if (!vector_compare(what, (vx6_span){plain, payload.len}, payload, run->reason, run->cap))
        return false;
    if (!run->transport && noise_is_done(&run->ends[0]))
        split(run);
    return true;
}

static bool check_messages_and_hash(struct run *run, json_t *vector)
{
    json_t *messages = json_object_get(vector, "messages");
    json_t *message;
    size_t index;
    vx6_span hash;
    json_array_foreach(messages, index, message)
    {
        if (!check_message(run, index, message))
            return false;
    }
    if (!run->transport)
        return vector_failed(run->reason, run->cap, "the handshake does not complete");
    if (!vector_bytes_if_any(vector, "handshake_hash", 32, &hash, run->reason, run->cap))
        return false;
    for (size_t i = 0; i < 2 && hash.data; i++)
        if (!vector_compare(
                "handshake_hash", (vx6_span){run->ends[i].hash, 32}, hash, run->reason, run->cap))
            return false;
    return true;
}

/* Keys that the pattern needs and the vector does not have. */
static const char *missing_key(json_t *vector, enum noise_pattern pattern)
{
    bool initiator_static = pattern != NOISE_N && pattern != NOISE_NK;
    bool responder_ephemeral = pattern != NOISE_N && pattern != NOISE_X;
    bool responder_known = pattern != NOISE_XX && pattern != NOISE_IX;
    const struct {
        const char *field;
        bool needed;
    } keys[] = {{"init_ephemeral", true}, {"resp_static", true}, {"init_static", initiator_static},
        {"resp_ephemeral", responder_ephemeral}, {"init_remote_static", responder_known},
        {"resp_remote_static", pattern == NOISE_KK}};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (keys[i].needed && !json_is_string(json_object_get(vector, keys[i].field)))
            return keys[i].field;
    return NULL;
}

int check_noise(json_t *line, char *reason, size_t cap)
{
    struct run run = {.reason = reason, .cap = cap};
    struct noise_config config = {0};
    if (!find_protocol(vector_text(line, "protocol_name"), &config.pattern, &config.suite))
        return VECTOR_UNSUPPORTED;
    const char *missing = missing_key(line, config.pattern);
    if (missing)
        return vector_failed(reason, cap, "field \"%s\" is missing", missing);
    run.one_way = config.pattern == NOISE_N || config.pattern == NOISE_X;
    config.initiator = true;
    if (!start_end(&run, line, &config))
        return VECTOR_FAILED;
    config.initiator = false;
    if (!start_end(&run, line, &config))
        return VECTOR_FAILED;
    bool holds = check_messages_and_hash(&run, line);
    for (size_t i = 0; i < 2; i++) {
        aead_cipher_clear(&run.send[i]);
        aead_cipher_clear(&run.receive[i]);
    }
    return holds ? VECTOR_PASSED : VECTOR_FAILED;
}
