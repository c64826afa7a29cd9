/* SPDX-License-Identifier: MIT */
/* Set "link": a link's first byte, handshake and records, both ends; negative ones have a changed
 * message, which must be the last that is read. Spec: spec/links.md. */
#include "vectors.h"

#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "record.h"
#include "vx6/crypto.h"

enum {
    PAYLOAD_SIZE = 320,
    PROLOGUE_SIZE = 11,
    MESSAGE_MAX = 500,
    FRAME_HEAD_SIZE = 2
};

static const struct vx6_crypto *const real = &vx6_crypto_real;

struct link_run {
    struct own_keys keys[2]; /* initiator, responder */
    vx6_span ephemerals[2], records[2];
    vx6_span first_byte, messages[3];
    struct vx6_handshake ends[2];
    struct vx6_cipher send[2], receive[2];
    char *reason;
    size_t cap;
};

static bool fields_of_end(struct link_run *run, json_t *line, size_t end)
{
    static const char *const names[2][3] = {
        {"initiator_seed", "initiator_ephemeral", "initiator_record"},
        {"responder_seed", "responder_ephemeral", "responder_record"}};
    vx6_span seed;
    if (!vector_bytes(line, names[end][0], 32, &seed, run->reason, run->cap) ||
        !vector_bytes(line, names[end][1], 32, &run->ephemerals[end], run->reason, run->cap) ||
        !vector_bytes(line, names[end][2], SIZE_MAX, &run->records[end], run->reason, run->cap))
        return false;
    if (run->records[end].len > PAYLOAD_SIZE - FRAME_HEAD_SIZE)
        return vector_failed(run->reason, run->cap, "%s is too long", names[end][2]);
    struct vx6_msg msg;
    const char *why =
        vx6_msg_decode(&msg, VX6_SCOPE_RECORD, run->records[end].data, run->records[end].len);
    if (why)
        return vector_failed(run->reason, run->cap, "%s: %s", names[end][2], why);
    own_keys_init(&run->keys[end], real, seed.data);
    return true;
}

static bool read_fields(struct link_run *run, json_t *line)
{
    return fields_of_end(run, line, 0) && fields_of_end(run, line, 1) &&
           vector_bytes(line, "first_byte", 1, &run->first_byte, run->reason, run->cap) &&
           vector_bytes(line, "message_1", 33, &run->messages[0], run->reason, run->cap) &&
           vector_bytes(line, "message_2", 416, &run->messages[1], run->reason, run->cap) &&
           vector_bytes(line, "message_3", 384, &run->messages[2], run->reason, run->cap);
}

/* The suite that the first byte says, to the responder that knows itself. */
static unsigned suite_of(const struct link_run *run)
{
    uint8_t hash[32], byte = run->first_byte.data[0];
    if ((byte & 0x80) == 0)
        return byte & 3u;
    labelled_hash(real, hash, "vx6/mask/1", (vx6_span){run->keys[1].identity, 32});
    return (byte & 0x7fu) ^ (hash[0] & 0x7fu);
}

static bool check_first_byte(struct link_run *run, json_t *line, enum vx6_suite *suite)
{
    bool pinned = json_is_true(json_object_get(line, "pinned"));
    const char *name = vector_text(line, "suite");
    *suite = strcmp(name, "AESGCM") == 0 ? VX6_SUITE_AESGCM : VX6_SUITE_CHACHAPOLY;
    if (*suite == VX6_SUITE_CHACHAPOLY && strcmp(name, "ChaChaPoly") != 0)
        return vector_failed(run->reason, run->cap, "no such suite");
    if (pinned != (run->first_byte.data[0] >> 7) || suite_of(run) != *suite)
        return vector_failed(run->reason, run->cap, "the first byte does not say this suite");
    return run->messages[0].data[0] == run->first_byte.data[0] ||
           vector_failed(run->reason, run->cap, "message 1 starts with another byte");
}

static void start(struct link_run *run, enum vx6_suite suite)
{
    uint8_t prologue[PROLOGUE_SIZE] = "vx6/link/1";
    prologue[PROLOGUE_SIZE - 1] = run->first_byte.data[0];
    for (size_t i = 0; i < 2; i++)
        real->handshake_init(real, &run->ends[i], suite, i == 0, prologue, sizeof prologue,
            run->keys[i].link_secret, run->ephemerals[i].data);
}

/* What the end that speaks writes, compared with the vector. */
static bool write_message(struct link_run *run, size_t index)
{
    uint8_t payload[PAYLOAD_SIZE] = {0}, message[MESSAGE_MAX];
    char what[20];
    size_t from = index % 2;
    size_t skip = index == 0 ? 1 : 0;
    size_t len = index == 0 ? 0 : sizeof payload;
    store_u16(payload, (uint16_t)run->records[from].len);
    memcpy(payload + FRAME_HEAD_SIZE, run->records[from].data, run->records[from].len);
    message[0] = run->first_byte.data[0];
    len = real->handshake_write(real, &run->ends[from], payload, len, message + skip);
    snprintf(what, sizeof what, "message_%u", (unsigned)index + 1);
    return vector_compare(
        what, (vx6_span){message, len + skip}, run->messages[index], run->reason, run->cap);
}

static bool read_message(struct link_run *run, size_t index, vx6_span message)
{
    uint8_t payload[MESSAGE_MAX], key[32];
    size_t to = 1 - index % 2;
    size_t skip = index == 0 ? 1 : 0;
    if (message.len > sizeof payload || !real->handshake_read(real, &run->ends[to],
                                            message.data + skip, message.len - skip, payload))
        return vector_failed(
            run->reason, run->cap, "message %u is not accepted", (unsigned)index + 1);
    if (index == 0)
        return true;
    real->handshake_remote_static(real, &run->ends[to], key);
    return vector_compare("static key", (vx6_span){key, 32},
               (vx6_span){run->keys[1 - to].link_public, 32}, run->reason, run->cap) &&
           vector_compare("record in the payload",
               (vx6_span){payload + FRAME_HEAD_SIZE, load_u16(payload)}, run->records[1 - to],
               run->reason, run->cap);
}

static bool check_frames(struct link_run *run, vx6_span frames, bool *rekey)
{
    for (size_t at = 0; at < frames.len;) {
        struct vx6_msg msg;
        size_t left = frames.len - at - 1;
        size_t len = left > 0 ? load_u16(frames.data + at) : 0;
        if (len == 0 || len > left - 1)
            return vector_failed(run->reason, run->cap, "a frame is longer than its record");
        const char *why =
            vx6_msg_decode(&msg, VX6_SCOPE_LINK, frames.data + at + FRAME_HEAD_SIZE, len);
        if (why)
            return vector_failed(run->reason, run->cap, "frame: %s", why);
        at += FRAME_HEAD_SIZE + len;
        *rekey = msg.type == VX6_MSG_link_rekey;
    }
    return true;
}

static bool check_sealed_record(struct link_run *run, json_t *record)
{
    vx6_span frames, expected;
    bool rekey = false;
    const char *sender = vector_text(record, "from");
    size_t from = strcmp(sender, "initiator") == 0 ? 0 : 1;
    if (from == 1 && strcmp(sender, "responder") != 0)
        return vector_failed(run->reason, run->cap, "no such end");
    if (!vector_bytes(record, "frames", SIZE_MAX, &frames, run->reason, run->cap) ||
        !vector_bytes(record, "record", SIZE_MAX, &expected, run->reason, run->cap) ||
        !check_frames(run, frames, &rekey))
        return false;
    size_t len = FRAME_HEAD_SIZE + frames.len + VX6_TAG_SIZE;
    uint8_t *got = vector_memory(len);
    store_u16(got, (uint16_t)(frames.len + VX6_TAG_SIZE));
    real->seal(real, &run->send[from], got, FRAME_HEAD_SIZE, frames.data, frames.len,
        got + FRAME_HEAD_SIZE);
    if (!vector_compare("record", (vx6_span){got, len}, expected, run->reason, run->cap))
        return false;
    if (!real->open(real, &run->receive[1 - from], expected.data, FRAME_HEAD_SIZE,
            expected.data + FRAME_HEAD_SIZE, expected.len - FRAME_HEAD_SIZE, got))
        return vector_failed(run->reason, run->cap, "a record does not open");
    if (rekey) {
        real->rekey(real, &run->send[from]);
        real->rekey(real, &run->receive[1 - from]);
    }
    return vector_compare("frames", (vx6_span){got, frames.len}, frames, run->reason, run->cap);
}

static bool check_sealed_records(struct link_run *run, json_t *line)
{
    json_t *record;
    size_t index;
    vx6_span binding;
    uint8_t got[2][VX6_BINDING_SIZE];
    bool holds = vector_bytes(line, "binding", 32, &binding, run->reason, run->cap);
    for (size_t i = 0; i < 2; i++)
        real->handshake_split(real, &run->ends[i], &run->send[i], &run->receive[i], got[i]);
    for (size_t i = 0; i < 2 && holds; i++)
        holds = vector_compare("binding", (vx6_span){got[i], 32}, binding, run->reason, run->cap);
    json_array_foreach(json_object_get(line, "records"), index, record)
    {
        holds = holds && check_sealed_record(run, record);
    }
    for (size_t i = 0; i < 2; i++) {
        real->cipher_clear(real, &run->send[i]);
        real->cipher_clear(real, &run->receive[i]);
    }
    return holds;
}

static bool check_whole_link(struct link_run *run, json_t *line)
{
    for (size_t i = 0; i < 3; i++)
        if (!write_message(run, i) || !read_message(run, i, run->messages[i]))
            return false;
    return check_sealed_records(run, line);
}

/* What the initiator gets back when its first message was changed on the way; false when the
 * responder refuses it at once. */
static bool answer_changed_first(struct link_run *run, vx6_span changed, uint8_t *message_2)
{
    uint8_t message_1[MESSAGE_MAX], payload[PAYLOAD_SIZE] = {0};
    struct vx6_handshake initiator = run->ends[0];
    run->first_byte.data = changed.data; /* what the responder sees */
    unsigned suite = suite_of(run);
    if (suite != VX6_SUITE_CHACHAPOLY && suite != VX6_SUITE_AESGCM)
        return false;
    start(run, (enum vx6_suite)suite);
    run->ends[0] = initiator;
    real->handshake_write(real, &run->ends[0], NULL, 0, message_1);
    if (!real->handshake_read(real, &run->ends[1], changed.data + 1, changed.len - 1, payload))
        return false;
    real->handshake_write(real, &run->ends[1], payload, sizeof payload, message_2);
    return true;
}

/* A change of message 1 shows at the latest when message 2 comes back. */
static bool check_refused_link(struct link_run *run, json_t *line)
{
    uint8_t payload[MESSAGE_MAX], message_2[MESSAGE_MAX];
    size_t index = (size_t)json_integer_value(json_object_get(line, "changed_message")) - 1;
    vx6_span changed;
    if (index > 2)
        return vector_failed(run->reason, run->cap, "field \"changed_message\" is not 1, 2 or 3");
    if (!vector_bytes(line, "changed", run->messages[index].len, &changed, run->reason, run->cap))
        return false;
    for (size_t i = 0; i < index; i++)
        if (!write_message(run, i) || !read_message(run, i, run->messages[i]))
            return false;
    if (index > 0 && !write_message(run, index))
        return false;
    if (index == 0) {
        if (!answer_changed_first(run, changed, message_2))
            return true;
        changed = (vx6_span){message_2, run->messages[1].len};
        index = 1;
    }
    return !real->handshake_read(
               real, &run->ends[1 - index % 2], changed.data, changed.len, payload) ||
           vector_failed(run->reason, run->cap, "the changed message is accepted");
}

int check_link(json_t *line, char *reason, size_t cap)
{
    const char *name = vector_text(line, "op");
    struct link_run run = {.reason = reason, .cap = cap};
    enum vx6_suite suite;
    if (!read_fields(&run, line) || !check_first_byte(&run, line, &suite))
        return VECTOR_FAILED;
    start(&run, suite);
    if (strcmp(name, "link") != 0)
        return vector_failed(reason, cap, "no operation \"%s\"", name);
    return *vector_text(line, "refused") ? check_refused_link(&run, line)
                                         : check_whole_link(&run, line);
}
