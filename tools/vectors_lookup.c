/* SPDX-License-Identifier: MIT */
/* Set "lookup": whom a node asks, one after the other, in a network that the vector describes. Only
 * what others can see of it is compared. Spec: spec/dht.md, "Lookup", "Disjoint paths". */
#include "vectors.h"

#include <stdlib.h>
#include <string.h>

#include "vx6/crypto.h"
#include "vx6/msg.h"
#include "vx6/node.h"

enum {
    NODES_MAX = 256,
    ASKS_MAX = 512,
    ANSWER_MS = 50
};

struct stub {
    uint8_t seed[32], key[32], id[32];
};

struct flight {
    vx6_ns at;
    uint32_t stub;
    uint8_t bytes[VX6_DATAGRAM_SIZE];
};

struct play {
    struct vx6_crypto crypto;
    struct vx6_limits limits;
    vx6_env *env;
    vx6_node *node;
    vx6_ns now;
    const uint8_t *target;
    json_t *contacts;
    struct stub stubs[NODES_MAX];
    uint32_t stub_count;
    uint32_t asked[ASKS_MAX], asked_count, answered_count;
    struct flight flights[ASKS_MAX]; /* by number of the ask */
    struct vx6_out done;
    uint8_t result[VX6_CONTACT_COUNT_MAX * VX6_HINT_SIZE];
};

static void *resize(void *context, void *memory, size_t size_from, size_t size_to)
{
    (void)context;
    (void)size_from;
    if (size_to > 0)
        return realloc(memory, size_to);
    free(memory);
    return NULL;
}

static void ignore(void *context, const struct vx6_event *event)
{
    (void)context;
    (void)event;
}

static vx6_addr stub_addr(uint32_t index)
{
    vx6_addr addr = {
        .ip = {0x20, 0x01, 0x0d, 0xb8, (uint8_t)(index >> 8), (uint8_t)index, [15] = 1},
        .port = 4242};
    return addr;
}

static int compare_far(const uint8_t *target, const uint8_t *a, const uint8_t *b)
{
    for (size_t i = 0; i < 32; i++) {
        int difference = (a[i] ^ target[i]) - (b[i] ^ target[i]);
        if (difference != 0)
            return difference;
    }
    return 0;
}

/* Of the contacts of a stub those closest to the target, closest first, as hints. */
static size_t write_hints(const struct play *play, uint32_t index, uint8_t *hints, size_t cap)
{
    json_t *contacts = json_array_get(play->contacts, index);
    uint32_t sorted[NODES_MAX], count = 0;
    for (size_t i = 0; i < json_array_size(contacts) && count < NODES_MAX; i++) {
        uint32_t contact = (uint32_t)json_integer_value(json_array_get(contacts, i)) % NODES_MAX;
        uint32_t place = count++;
        for (; place > 0 && compare_far(play->target, play->stubs[contact].id,
                                play->stubs[sorted[place - 1]].id) < 0;
             place--)
            sorted[place] = sorted[place - 1];
        sorted[place] = contact;
    }
    vx6_list list = {0};
    for (uint32_t i = 0; i < count && i < VX6_CONTACT_COUNT_MAX; i++) {
        vx6_addr addr = stub_addr(sorted[i]);
        struct vx6_hint hint = {.port = addr.port};
        memcpy(hint.key, play->stubs[sorted[i]].key, 32);
        memcpy(hint.ip, addr.ip, 16);
        if (!vx6_push_hint(&list, hints, cap, &hint))
            break;
    }
    return list.count;
}

/* The stub answers later; what is no part of the lookup it does not answer. */
static void take_ask(struct play *play, uint32_t index, const uint8_t *datagram)
{
    const struct vx6_crypto *crypto = &play->crypto;
    const struct stub *stub = &play->stubs[index];
    uint8_t payload[VX6_ANSWER_PAYLOAD_SIZE], hints[VX6_CONTACT_COUNT_MAX * VX6_HINT_SIZE];
    vx6_span asked;
    struct vx6_ask state;
    struct vx6_msg ask;
    if (!crypto->ask_open(crypto, &state, stub->seed, stub->key, datagram, payload, &asked) ||
        vx6_msg_decode(
            &ask, VX6_SCOPE_QUERY, asked.data + 2, (size_t)asked.data[0] << 8 | asked.data[1]))
        return;
    const uint8_t *target = ask.type == VX6_MSG_find_node    ? ask.u.find_node.target
                            : ask.type == VX6_MSG_find_value ? ask.u.find_value.key
                                                             : NULL;
    if (target == NULL || memcmp(target, play->target, 32) != 0 || play->asked_count == ASKS_MAX)
        return;
    struct vx6_msg answer = {.type = VX6_MSG_nodes};
    size_t count = write_hints(play, index, hints, sizeof hints);
    answer.u.nodes.hints = (vx6_list){(uint32_t)count, {hints, count * VX6_HINT_SIZE}};
    size_t len = vx6_msg_encode(&answer, payload + 2, sizeof payload - 2);
    payload[0] = (uint8_t)(len >> 8);
    payload[1] = (uint8_t)len;
    struct flight *flight = &play->flights[play->asked_count];
    flight->at = play->now + ANSWER_MS * VX6_MILLISECOND;
    flight->stub = index;
    memcpy(flight->bytes, datagram, VX6_QUERY_HEADER_SIZE);
    flight->bytes[0] = 0x09;
    flight->bytes[2] = flight->bytes[3] = 0;
    crypto->answer_seal(crypto, &state, stub->seed, payload, len + 2, flight->bytes);
    play->asked[play->asked_count++] = index;
}

/* Does what the node asks for; true when the operation has ended. */
static bool drain(struct play *play, vx6_id op)
{
    static uint8_t buffer[VX6_FILL_MIN];
    struct vx6_out out;
    bool done = false;
    while (vx6_node_output(play->node, &out)) {
        if (out.kind != VX6_OUT_OP_DONE || out.id.bits != op.bits)
            continue;
        play->done = out;
        if (out.value.len <= sizeof play->result && out.value.len > 0)
            memcpy(play->result, out.value.data, out.value.len);
        done = true;
    }
    struct vx6_batch batch = {.dst = buffer, .cap = sizeof buffer};
    while (vx6_node_fill(play->node, VX6_DATAGRAMS, &batch)) {
        uint32_t index = (uint32_t)batch.peer.ip[4] << 8 | batch.peer.ip[5];
        for (size_t at = 0; index < play->stub_count && at < batch.len; at += batch.segment_len)
            take_ask(play, index, buffer + at);
        batch = (struct vx6_batch){.dst = buffer, .cap = sizeof buffer};
    }
    return done;
}

static bool run(struct play *play, vx6_id op)
{
    while (!drain(play, op)) {
        const struct flight *flight = &play->flights[play->answered_count];
        vx6_ns deadline = vx6_node_deadline(play->node);
        bool is_answer = play->answered_count < play->asked_count && flight->at <= deadline;
        struct vx6_in in = {.kind = VX6_IN_TICK};
        if (!is_answer && deadline == VX6_NEVER)
            return false;
        play->now = is_answer ? flight->at : deadline;
        if (is_answer) {
            play->answered_count++;
            in = (struct vx6_in){.kind = VX6_IN_DATAGRAM,
                .peer = stub_addr(flight->stub),
                .data = flight->bytes,
                .len = sizeof flight->bytes};
        }
        if (vx6_node_input(play->node, play->now, &in) != VX6_OK)
            return false;
    }
    return true;
}

static bool set_up(struct play *play, json_t *line, char *reason, size_t cap)
{
    json_t *seeds = json_object_get(line, "seeds");
    play->contacts = json_object_get(line, "contacts");
    play->stub_count = (uint32_t)json_array_size(seeds);
    if (play->stub_count == 0 || play->stub_count > NODES_MAX)
        return vector_failed(reason, cap, "seeds: 1 to %d are expected", NODES_MAX);
    play->crypto = vx6_crypto_model;
    for (uint32_t i = 0; i < play->stub_count; i++) {
        struct stub *stub = &play->stubs[i];
        size_t len;
        const char *text = json_string_value(json_array_get(seeds, i));
        if (text == NULL || !vector_hex(text, stub->seed, 32, &len) || len != 32)
            return vector_failed(reason, cap, "seeds: not a seed");
        play->crypto.sign_public(&play->crypto, stub->key, stub->seed);
        vx6_node_id(&play->crypto, stub->id, stub->key);
    }
    play->limits = vx6_limits_default;
    play->limits.maintain_ms = 600000; /* nothing but the lookup */
    play->now = VX6_SECOND;
    vx6_alloc alloc = {resize, NULL};
    static const struct vx6_trace no_trace = {ignore, NULL};
    play->env = vx6_env_new(alloc, &play->crypto, &play->limits, &no_trace);
    vx6_config config = {.identity_seed = {77},
        .rng_seed = {1},
        .sequence_first = 1,
        .unix_ms = 1800000000000,
        .suite = VX6_SUITE_CHACHAPOLY};
    play->node = vx6_node_new(play->env, &config, play->now);
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(line, "start"), i, item)
    {
        uint32_t index = (uint32_t)json_integer_value(item) % NODES_MAX;
        struct vx6_in in = {.kind = VX6_IN_CONTACT, .peer = stub_addr(index)};
        memcpy(in.key, play->stubs[index].key, 32);
        if (vx6_node_input(play->node, play->now, &in) != VX6_OK)
            return vector_failed(reason, cap, "start: node %u is no contact", index);
    }
    return true;
}

static bool compare(const struct play *play, json_t *line, char *reason, size_t cap)
{
    json_t *asked = json_object_get(line, "asked"), *closest = json_object_get(line, "closest");
    for (uint32_t i = 0; i < play->asked_count; i++) {
        json_int_t expected = json_integer_value(json_array_get(asked, i));
        if (i >= json_array_size(asked) || play->asked[i] != expected)
            return vector_failed(reason, cap, "ask %u went to node %u", i, play->asked[i]);
    }
    if (play->asked_count != json_array_size(asked))
        return vector_failed(reason, cap, "only %u were asked", play->asked_count);
    if (closest == NULL)
        return true;
    if (play->done.value.len != json_array_size(closest) * VX6_HINT_SIZE)
        return vector_failed(reason, cap, "the result has another length");
    for (size_t i = 0; i < json_array_size(closest); i++) {
        json_int_t index = json_integer_value(json_array_get(closest, i));
        if (index < 0 || index >= play->stub_count ||
            memcmp(play->result + i * VX6_HINT_SIZE, play->stubs[index].key, 32) != 0)
            return vector_failed(reason, cap, "place %zu of the result is another's", i);
    }
    return true;
}

int check_lookup(json_t *line, char *reason, size_t cap)
{
    vx6_span target;
    struct play *play = vector_memory(sizeof *play);
    if (!vector_bytes(line, "target", 32, &target, reason, cap))
        return VECTOR_FAILED;
    play->target = target.data;
    bool ok = set_up(play, line, reason, cap);
    const char *label = vector_text(line, "label");
    struct vx6_in in = {.kind = VX6_IN_LOOKUP};
    memcpy(in.key, target.data, 32);
    if (json_is_true(json_object_get(line, "disjoint")))
        in = (struct vx6_in){
            .kind = VX6_IN_RESOLVE, .data = (const uint8_t *)label, .len = strlen(label)};
    ok = ok && ((vx6_node_input(play->node, play->now, &in) == VX6_OK && run(play, in.id)) ||
                   vector_failed(reason, cap, "the lookup does not end"));
    ok = ok && compare(play, line, reason, cap);
    if (play->node)
        vx6_node_free(play->node);
    vx6_env_free(play->env);
    return ok ? VECTOR_PASSED : VECTOR_FAILED;
}
