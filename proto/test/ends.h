/* SPDX-License-Identifier: MIT */
/* Two ends of one link and the wire between them, with the parts above links replaced by a script:
 * for tests that need every byte in their hands. On a wire with channels each batch has its channel
 * and length before it. */
#ifndef VX6_TEST_ENDS_H
#define VX6_TEST_ENDS_H

#include "test.h"

#include <string.h>

#include "link_internal.h"
#include "memory.h"

enum {
    WIRE_MAX = 1 << 20,
    DIALLER = 0,
    LISTENER = 1
};

/* Bytes on their way to an end. */
struct wire {
    uint8_t bytes[WIRE_MAX];
    size_t len;
};

struct end {
    struct vx6_node node;
    struct memory memory;
    struct vx6_trace sink;
    vx6_id id;
    struct wire in;
    bool dialled, closed;
    enum vx6_code close_code;
    int ups, downs, doubts, discovery_ups, discovery_downs;
    enum vx6_code down_code;
    uint32_t to_send; /* stream_data frames that wait for fill */
    uint32_t payload; /* bytes in each */
    uint32_t received;
    uint64_t received_bytes;
    enum vx6_code frame_code; /* what the script says to a frame */
    bool is_lax;              /* the script takes any data */
    uint8_t record[VX6_RECORD_MAX];
    uint32_t record_len;
    int64_t record_age_s;
    uint32_t fills;
    uint8_t frames[64]; /* types of the frames that came */
    uint32_t frame_count;
};

struct ends {
    struct end end[2];
    struct vx6_crypto crypto;
    struct vx6_limits limits;
    vx6_ns now;
    size_t chunk; /* bytes fed at once; 0: all there are */
    bool channels;
    size_t fill_cap; /* 0: plenty */
};

enum {
    BATCH_HEAD = 5 /* on a wire with channels: u8 channel, u32 length */
};

static struct ends *ends_now; /* the test that runs */

static inline struct end *end_of(struct vx6_node *node)
{
    return &ends_now->end[node == &ends_now->end[LISTENER].node];
}

/* ---- the parts above, as a script ---- */

void trace(struct vx6_node *node, enum vx6_event_kind kind, const vx6_addr *peer, uint8_t msg,
    size_t len, enum vx6_code code)
{
    (void)peer;
    (void)len;
    (void)code;
    struct end *end = end_of(node);
    node->counters[kind]++;
    if (kind == VX6_EVENT_frame_received && end->frame_count < sizeof end->frames)
        end->frames[end->frame_count++] = msg;
}

void session_link_up(struct vx6_node *node, struct link *link)
{
    (void)link;
    end_of(node)->ups++;
}

void session_link_down(struct vx6_node *node, struct link *link, enum vx6_code code)
{
    (void)link;
    end_of(node)->downs++;
    end_of(node)->down_code = code;
}

void session_link_doubted(struct vx6_node *node, struct link *link)
{
    (void)link;
    end_of(node)->doubts++;
}

void discovery_link_up(struct vx6_node *node, struct link *link)
{
    (void)link;
    end_of(node)->discovery_ups++;
}

void discovery_link_down(struct vx6_node *node, struct link *link, enum vx6_code code)
{
    (void)link;
    (void)code;
    end_of(node)->discovery_downs++;
}

/* Where there are channels a frame comes in pieces; all have the same payload then. */
static inline void take_pieces(struct end *end, vx6_span bytes)
{
    uint32_t payload = ends_now->end[end == &ends_now->end[DIALLER]].payload;
    for (size_t i = 0; i < bytes.len; i++) {
        uint64_t at = end->received_bytes + i;
        assert_int_equal(bytes.data[i], (uint8_t)(at % payload + at / payload));
    }
    end->received_bytes += bytes.len;
    end->received = (uint32_t)(end->received_bytes / payload);
}

enum vx6_code session_frame(struct vx6_node *node, struct link *link, const struct vx6_msg *frame)
{
    (void)link;
    struct end *end = end_of(node);
    assert_int_equal(frame->type, VX6_MSG_stream_data);
    if (end->is_lax)
        return VX6_OK;
    assert_int_equal(frame->u.stream_data.offset, end->received_bytes);
    size_t len = frame->u.stream_data.bytes.len;
    if (ends_now->channels) {
        take_pieces(end, frame->u.stream_data.bytes);
        return end->frame_code;
    }
    for (size_t i = 0; i < len; i++)
        assert_int_equal(frame->u.stream_data.bytes.data[i], (uint8_t)(i + end->received));
    end->received++;
    end->received_bytes += len;
    return end->frame_code;
}

static uint64_t sent_bytes[2];
static uint32_t sent_frames[2];

size_t session_fill(struct vx6_node *node, struct link *link, uint8_t *dst, size_t cap)
{
    (void)link;
    static uint8_t payload[32000];
    struct end *end = end_of(node);
    int side = end == &ends_now->end[LISTENER];
    size_t len = 0;
    end->fills++;
    assert_true(cap >= (ends_now->channels ? VX6_FILL_CHANNEL_MIN : VX6_FRAME_MAX + 2));
    while (end->to_send > 0 && cap - len >= end->payload + 64) {
        for (size_t i = 0; i < end->payload; i++)
            payload[i] = (uint8_t)(i + sent_frames[side]);
        struct vx6_msg msg = {.type = VX6_MSG_stream_data,
            .u.stream_data = {.path = 1,
                .stream = 1,
                .offset = sent_bytes[side],
                .bytes = {payload, end->payload}}};
        size_t size = vx6_msg_encode(&msg, dst + len + 2, cap - len - 2);
        assert_int_not_equal(size, 0);
        store_u16(dst + len, (uint16_t)size);
        len += size + 2;
        sent_bytes[side] += end->payload;
        sent_frames[side]++;
        end->to_send--;
    }
    return len;
}

size_t session_fill_channel(
    struct vx6_node *node, struct link *link, uint8_t *dst, size_t cap, uint8_t *channel)
{
    *channel = 1;
    return session_fill(node, link, dst, cap);
}

void reach_link_up(struct vx6_node *node, struct link *link)
{
    (void)node;
    (void)link;
}

void reach_link_down(struct vx6_node *node, struct link *link, enum vx6_code code)
{
    (void)node;
    (void)link;
    (void)code;
}

enum vx6_code reach_frame(struct vx6_node *node, struct link *link, const struct vx6_msg *frame)
{
    (void)node;
    (void)link;
    (void)frame;
    return VX6_UNEXPECTED;
}

struct vx6_msg reach_ask_frame(struct vx6_node *node, const struct link *link)
{
    (void)node;
    (void)link;
    fail();
    return (struct vx6_msg){.type = VX6_MSG_NONE};
}

void publish_clock_moved(struct vx6_node *node)
{
    (void)node;
}

vx6_span publish_record(struct vx6_node *node)
{
    struct end *end = end_of(node);
    if (end->record_len == 0) {
        struct record_facts facts = {
            .sequence = 1, .unix_s = node_unix_s(node) - end->record_age_s, .life_s = 1800};
        end->record_len =
            (uint32_t)record_make_node(node->env->crypto, &node->keys, &facts, end->record);
    }
    return (vx6_span){end->record, end->record_len};
}

/* ---- the ends ---- */

static inline void end_make(struct end *end, uint8_t number)
{
    uint8_t seed[32] = {number};
    struct vx6_node *node = &end->node;
    end->sink = (struct vx6_trace){0};
    timers_init(&node->timers);
    node->env = vx6_env_new(
        (vx6_alloc){memory_resize, &end->memory}, &ends_now->crypto, &ends_now->limits, NULL);
    assert_non_null(node->env);
    node->now = ends_now->now;
    node->unix_ms_at_zero = 1800000000000;
    node->suite = VX6_SUITE_CHACHAPOLY;
    own_keys_init(&node->keys, node->env->crypto, seed);
    rng_init(&node->secret_rng, seed, "secret");
    rng_init(&node->public_rng, seed, "public");
}

static inline struct ends *ends_new(const struct vx6_crypto *crypto)
{
    struct ends *ends = calloc(1, sizeof *ends);
    assert_non_null(ends);
    memset(sent_bytes, 0, sizeof sent_bytes);
    memset(sent_frames, 0, sizeof sent_frames);
    ends_now = ends;
    ends->crypto = *crypto;
    ends->limits = vx6_limits_default;
    ends->now = VX6_SECOND;
    end_make(&ends->end[DIALLER], 1);
    end_make(&ends->end[LISTENER], 2);
    return ends;
}

static inline void ends_free(struct ends *ends)
{
    for (int i = 0; i < 2; i++) {
        struct vx6_node *node = &ends->end[i].node;
        links_free(node);
        clock_free(node);
        refusals_free(node);
        assert_int_equal(node->slots.count, 0);
        assert_null(node->ready_list.first);
        assert_int_equal(timer_deadline(&node->timers), VX6_NEVER);
        slots_clear(node->env, &node->slots);
        vx6_env_free(node->env);
        assert_int_equal(ends->end[i].memory.held, 0);
    }
    free(ends);
}

static inline struct link *end_link(struct end *end)
{
    return slots_get(&end->node.slots, SLOT_LINK, end->id);
}

static inline int end_state(struct end *end)
{
    struct link *link = end_link(end);
    return link ? (int)link->state : (int)LINK_CLOSED;
}

static inline void end_fill(struct ends *ends, struct end *end)
{
    static uint8_t buffer[3 * VX6_FILL_MIN];
    struct end *other = &ends->end[end == &ends->end[DIALLER]];
    struct vx6_batch batch = {.dst = buffer, .cap = sizeof buffer};
    if (ends->fill_cap)
        batch.cap = ends->fill_cap;
    struct link *link;
    while ((link = end_link(end)) != NULL && link_fill(&end->node, link, &batch)) {
        assert_true(batch.len <= batch.cap);
        assert_true(other->in.len + BATCH_HEAD + batch.len <= WIRE_MAX);
        if (ends->channels) {
            other->in.bytes[other->in.len] = batch.channel;
            store_u32(other->in.bytes + other->in.len + 1, (uint32_t)batch.len);
            other->in.len += BATCH_HEAD;
        }
        memcpy(other->in.bytes + other->in.len, buffer, batch.len);
        other->in.len += batch.len;
    }
}

/* Does what an end asks for. */
static inline void end_drain(struct ends *ends, struct end *end)
{
    struct ready *ready;
    while ((ready = end->node.ready_list.first) != NULL) {
        struct vx6_out out = {0};
        if (!link_output(&end->node, ready, &out))
            continue;
        if (out.kind == VX6_OUT_LINK_DIAL)
            end->dialled = true;
        else if (out.kind == VX6_OUT_WANT_WRITE)
            end_fill(ends, end);
        else if (out.id.bits == end->id.bits && out.kind == VX6_OUT_LINK_CLOSE) {
            end->closed = true;
            end->close_code = out.code;
        }
    }
}

static inline void end_feed_channel(
    struct end *end, uint8_t channel, const uint8_t *data, size_t len)
{
    struct link *link = end_link(end);
    struct vx6_in in = {.kind = VX6_IN_LINK_BYTES, .channel = channel, .data = data, .len = len};
    if (link)
        assert_int_equal(link_bytes(&end->node, link, &in), VX6_OK);
}

static inline void end_feed(struct end *end, const uint8_t *data, size_t len)
{
    end_feed_channel(end, 0, data, len);
}

/* VX6-LINK-020: what a carrier with channels tells of the other end; a byte stream tells nothing.
 */
static const uint8_t carrier_binding[VX6_BINDING_SIZE] = {0xb1, 0xd1};

static inline void prove_other(struct end *end, struct vx6_in *in)
{
    if (!ends_now->channels)
        return;
    struct end *other = &ends_now->end[end == &ends_now->end[DIALLER]];
    memcpy(in->key, other->node.keys.identity, sizeof in->key);
    in->data = carrier_binding;
    in->len = sizeof carrier_binding;
}

static inline enum vx6_code end_accept(struct end *end, const vx6_addr *peer, vx6_id *id)
{
    struct vx6_in in = {.kind = VX6_IN_LINK_ACCEPTED, .peer = *peer};
    prove_other(end, &in);
    return link_accepted(&end->node, &in, id);
}

static inline void end_carrier_up(struct end *end, struct link *link)
{
    struct vx6_in in = {.kind = VX6_IN_LINK_UP};
    prove_other(end, &in);
    assert_int_equal(link_carrier_up(&end->node, link, &in), VX6_OK);
}

/* Feeds what is on the wire to an end. */
static inline void end_deliver(struct ends *ends, struct end *end)
{
    static uint8_t bytes[WIRE_MAX];
    size_t len = end->in.len;
    memcpy(bytes, end->in.bytes, len);
    end->in.len = 0;
    uint8_t channel = 0;
    size_t left = ends->channels ? 0 : len; /* of the batch */
    for (size_t at = 0; at < len;) {
        if (left == 0) {
            channel = bytes[at];
            left = load_u32(bytes + at + 1);
            at += BATCH_HEAD;
        }
        size_t part = ends->chunk && ends->chunk < left ? ends->chunk : left;
        end_feed_channel(end, channel, bytes + at, part);
        end_drain(ends, end);
        at += part;
        left -= part;
    }
}

/* Until no byte is on its way. */
static inline void ends_run(struct ends *ends)
{
    for (int i = 0; i < 2; i++)
        end_drain(ends, &ends->end[i]);
    while (ends->end[0].in.len > 0 || ends->end[1].in.len > 0) {
        end_deliver(ends, &ends->end[LISTENER]);
        end_deliver(ends, &ends->end[DIALLER]);
    }
}

static inline void end_tick(struct ends *ends, struct end *end)
{
    enum timer_kind kind;
    struct timer *timer;
    while (timer_pop(&end->node.timers, end->node.now, &kind, &timer))
        link_timer(&end->node, timer);
    end_drain(ends, end);
}

/* Lets time pass at both ends, in steps, delivering what they say if `connected`. */
static inline void ends_pass(struct ends *ends, vx6_ns duration, bool connected)
{
    for (int step = 0; step < 100; step++) {
        ends->now += duration / 100;
        for (int i = 0; i < 2; i++) {
            ends->end[i].node.now = ends->now;
            end_tick(ends, &ends->end[i]);
            if (!connected)
                ends->end[i].in.len = 0;
        }
        if (connected)
            ends_run(ends);
    }
}

static const vx6_addr listener_addr = {.ip = {0x20, 0x01, [15] = 2}, .port = 4242};
static const vx6_addr dialler_addr = {.ip = {0x20, 0x01, [15] = 1}, .port = 50000};

/* A carrier between the two that no byte has crossed yet but what the dialler says first. */
static inline void ends_connect(struct ends *ends, const uint8_t *expected)
{
    struct end *dialler = &ends->end[DIALLER], *listener = &ends->end[LISTENER];
    enum vx6_code code;
    struct link *link = link_get(&dialler->node, &listener_addr, expected, &code);
    assert_non_null(link);
    assert_int_equal(code, VX6_OK);
    dialler->id = link->id;
    end_drain(ends, dialler);
    assert_true(dialler->dialled);
    assert_int_equal(end_accept(listener, &dialler_addr, &listener->id), VX6_OK);
    end_carrier_up(dialler, link);
    end_drain(ends, dialler);
}

/* The `at`-th allocation on one side fails, from a dial to the third frame that has crossed. False:
 * none failed, and all came. */
static inline bool ends_starve(struct ends *ends, int side, uint64_t at, uint32_t payload)
{
    struct end *dialler = &ends->end[DIALLER], *listener = &ends->end[LISTENER];
    struct memory *memory = &ends->end[side].memory;
    enum vx6_code code;
    (void)publish_record(&ends->end[side].node);
    memory->fail_at = memory->requests + at;
    struct link *link = link_get(&dialler->node, &listener_addr, NULL, &code);
    assert_true(link != NULL || code == VX6_NOMEM);
    dialler->id.bits = link ? link->id.bits : 0;
    code = end_accept(listener, &dialler_addr, &listener->id);
    assert_true(code == VX6_OK || code == VX6_NOMEM);
    if (link) {
        end_drain(ends, dialler);
        end_carrier_up(dialler, link);
    }
    dialler->to_send = 3;
    dialler->payload = payload;
    ends_run(ends);
    bool failed = memory->requests >= memory->fail_at;
    if (!failed)
        assert_int_equal(listener->received, 3);
    return failed;
}

/* A link that is up at both ends, with nothing on the wire. */
static inline struct ends *ends_up(const struct vx6_crypto *crypto)
{
    struct ends *ends = ends_new(crypto);
    ends_connect(ends, ends->end[LISTENER].node.keys.identity);
    ends_run(ends);
    assert_int_equal(end_state(&ends->end[0]), LINK_UP);
    assert_int_equal(end_state(&ends->end[1]), LINK_UP);
    return ends;
}

#endif
