/* SPDX-License-Identifier: MIT */
/* The session layers of two nodes, joined by links that are only frames: no crypto, no carrier.
 * Included once by a test, which thereby brings its own link layer. Every test runs twice: over
 * links whose frames keep their order, and over links with channels, where a frame overtakes those
 * of other channels by chance. */
#ifndef VX6_SESSION_PAIR_H
#define VX6_SESSION_PAIR_H

#include <stdio.h>
#include <stdlib.h>

#include "memory.h"
#include "session_internal.h"
#include "test.h"

enum {
    SIDES = 2,
    LOG_MAX = 20000,
    OPS_MAX = 64
};

/* A frame on its way. */
struct flying {
    struct flying *next;
    uint8_t channel;
    size_t len;
    uint8_t bytes[];
};

struct link {
    struct vx6_node *node;
    struct link *other;    /* NULL once it is dead */
    struct flying *flying; /* that this end sent, oldest first; where there are channels */
    struct link_sessions sessions;
    struct link *next;
    bool is_initiator, is_up, wants_write;
    int users;
    vx6_addr addr;
    uint8_t key[32];
};

/* What came out, without the value. */
struct seen {
    enum vx6_out_kind kind;
    enum vx6_code code;
    vx6_id id;
};

/* How an operation ended; the only ones here are listings. */
struct ended {
    enum vx6_code code;
    uint8_t key[32];
    uint32_t len;
    uint8_t offers[OFFERS_SIZE_MAX];
};

struct world {
    struct vx6_node nodes[SIDES];
    struct link *links; /* all, of both sides */
    struct seen log[SIDES][LOG_MAX];
    uint32_t log_count[SIDES];
    size_t fill_cap;
    uint8_t stalled;      /* nothing on this channel arrives; 0: none is */
    enum vx6_code broken; /* why a link was closed */
    struct memory memory;
    uint64_t counters[VX6_EVENT_COUNT];
    uint32_t published, forgotten;
    uint32_t hosted_room;      /* for so many services that others host */
    uint8_t revoked[32];       /* the key that all know to be revoked; zero: none */
    struct session *resolving; /* waits for the test to resolve it */
    struct listing *listing;   /* so does this */
    struct ended ended[OPS_MAX];
    uint32_t ended_count;
    struct vx6_limits limits;
    struct vx6_env env;
    void (*on_output)(int side, const struct vx6_out *out);
    void (*on_frame)(const struct vx6_msg *frame, int from);
};

static struct world world;
static uint64_t random_state;
static bool with_channels; /* which of the two runs this is */

static inline uint32_t chance(uint32_t bound)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 20) % bound;
}

static int side_of(const struct vx6_node *node)
{
    return (int)(node - world.nodes);
}

/* The neighbours of the session layer, as this test knows them. */

void trace(struct vx6_node *node, enum vx6_event_kind kind, const vx6_addr *peer, uint8_t msg,
    size_t len, enum vx6_code code)
{
    (void)peer, (void)msg, (void)len, (void)code;
    node->counters[kind]++;
    world.counters[kind]++;
}

void publish_changed(struct vx6_node *node)
{
    (void)node;
    world.published++;
}

bool publish_has_room(const struct vx6_node *node)
{
    struct vx6_hosted hosted[16];
    return services_hosted(node, hosted, 16) <= world.hosted_room;
}

bool revoked_has(const struct vx6_node *node, const uint8_t key[32])
{
    (void)node;
    return bytes_equal(world.revoked, key, 32);
}

void relied_added(struct vx6_node *node, bool is_on_list)
{
    (void)node, (void)is_on_list;
}

struct resolve *resolve_for_session(struct vx6_node *node, const struct vx6_name *name,
    struct session *session, enum vx6_code *code)
{
    (void)node, (void)code;
    assert_memory_equal(name->label.data, "bob", name->label.len);
    world.resolving = session;
    return (struct resolve *)(void *)&world;
}

struct resolve *resolve_for_listing(struct vx6_node *node, const struct vx6_name *name,
    struct listing *listing, struct op *op, enum vx6_code *code)
{
    (void)node, (void)op, (void)code;
    assert_memory_equal(name->label.data, "bob", name->label.len);
    world.listing = listing;
    return (struct resolve *)(void *)&world;
}

void resolve_cancel(struct vx6_node *node, struct resolve *resolve)
{
    (void)node, (void)resolve;
    world.resolving = NULL;
    world.listing = NULL;
}

struct op *op_new(struct vx6_node *node, enum op_kind kind, enum vx6_code *code)
{
    struct op *op = env_alloc(node->env, sizeof *op);
    *code = op ? VX6_OK : VX6_NOMEM;
    if (op == NULL)
        return NULL;
    op->kind = kind;
    op->next = node->ops.first;
    node->ops.first = op;
    return op;
}

void op_free(struct vx6_node *node, struct op *op)
{
    struct op **at = &node->ops.first;
    while (*at != op)
        at = &(*at)->next;
    *at = op->next;
    env_free(node->env, op->value, op->value_len);
    env_free(node->env, op, sizeof *op);
}

void op_done(struct vx6_node *node, struct op *op, enum vx6_code code)
{
    assert_in_range(world.ended_count, 0, OPS_MAX - 1);
    struct ended *ended = &world.ended[world.ended_count++];
    *ended = (struct ended){.code = code, .len = op->value_len};
    memcpy(ended->key, op->key, sizeof ended->key);
    if (op->value_len > 0)
        memcpy(ended->offers, op->value, op->value_len);
    op_free(node, op);
}

void resolve_forget(struct vx6_node *node, const uint8_t key[32])
{
    (void)node, (void)key;
    world.forgotten++;
}

void resolve_trust(struct vx6_node *node, const uint8_t key[32])
{
    (void)node, (void)key;
}

struct link *link_get(
    struct vx6_node *node, const vx6_addr *addr, const uint8_t *expected, enum vx6_code *code)
{
    (void)expected;
    for (struct link *link = world.links; link; link = link->next) {
        if (link->node == node && link->other && addr_equal(&link->addr, addr))
            return link;
    }
    struct link *ends[SIDES];
    for (int i = 0; i < SIDES; i++) {
        ends[i] = calloc(1, sizeof *ends[i]);
        assert_non_null(ends[i]);
        ends[i]->next = world.links;
        world.links = ends[i];
        ends[i]->node = i == 0 ? node : &world.nodes[1 - side_of(node)];
        ends[i]->is_initiator = i == 0;
        ends[i]->addr = *addr;
        memset(ends[i]->key, side_of(ends[i]->node) == 0 ? 'B' : 'A', 32);
    }
    ends[0]->other = ends[1];
    ends[1]->other = ends[0];
    ends[1]->addr.port = 9;
    *code = VX6_OK;
    return ends[0];
}

bool link_is_up(const struct link *link)
{
    return link->is_up;
}

const uint8_t *link_peer_key(const struct link *link)
{
    return link->key;
}

const vx6_addr *link_peer_addr(const struct link *link)
{
    return &link->addr;
}

bool link_is_initiator(const struct link *link)
{
    return link->is_initiator;
}

bool link_has_channels(const struct link *link)
{
    (void)link;
    return with_channels;
}

struct link_sessions *link_sessions(struct link *link)
{
    return &link->sessions;
}

void link_answered(struct link *link)
{
    assert_true(link->is_up);
}

void link_question(struct vx6_node *node, struct link *link)
{
    assert_ptr_equal(node, link->node);
}

void link_want_write(struct vx6_node *node, struct link *link)
{
    assert_ptr_equal(node, link->node);
    assert_true(link->is_up);
    link->wants_write = true;
}

void link_in_use(struct vx6_node *node, struct link *link, int change)
{
    assert_ptr_equal(node, link->node);
    link->users += change;
}

/* What the test does with them. */

static void links_up(void)
{
    for (struct link *link = world.links; link; link = link->next) {
        if (link->other == NULL || link->is_up)
            continue;
        link->is_up = link->other->is_up = true;
        session_link_up(link->node, link);
        session_link_up(link->other->node, link->other);
    }
}

static void drop_flying(struct link *link)
{
    while (link->flying) {
        struct flying *first = link->flying;
        link->flying = first->next;
        free(first);
    }
}

static void link_kill(struct link *link, enum vx6_code code)
{
    struct link *other = link->other;
    if (other == NULL)
        return;
    drop_flying(link);
    drop_flying(other);
    world.broken = code;
    link->other = other->other = NULL;
    session_link_down(link->node, link, code);
    session_link_down(other->node, other, code);
    assert_null(link->sessions.paths.first);
    assert_null(link->sessions.control_paths.first);
    assert_null(link->sessions.control_streams.first);
    assert_null(link->sessions.data_streams.first);
    assert_null(link->sessions.path_ids.items);
    assert_null(link->sessions.listings.waiting.first);
    assert_int_equal(link->users, 0);
}

static struct link *link_of(int side)
{
    for (struct link *link = world.links; link; link = link->next) {
        if (side_of(link->node) == side && link->other)
            return link;
    }
    return NULL;
}

/* A frame from the link's other end, as if it had been sent. */
static inline enum vx6_code feed(int side, const struct vx6_msg *frame)
{
    struct link *link = link_of(side);
    assert_non_null(link);
    return session_frame(&world.nodes[side], link, frame);
}

static void deliver_frame(struct link *link, const uint8_t *bytes, size_t len)
{
    struct vx6_msg msg;
    const char *why = vx6_msg_decode(&msg, VX6_SCOPE_LINK, bytes, len);
    assert_null(why);
    if (world.on_frame)
        world.on_frame(&msg, side_of(link->node));
    if (link->other == NULL)
        return;
    enum vx6_code code = session_frame(link->other->node, link->other, &msg);
    if (code != VX6_OK)
        link_kill(link, code);
}

/* VX6-LINK-022 */
static void fly(struct link *link, uint8_t channel, const uint8_t *bytes, size_t len)
{
    assert_int_equal(bytes[0] == VX6_MSG_stream_data, channel != 0);
    struct flying *frame = malloc(sizeof *frame + len);
    assert_non_null(frame);
    frame->channel = channel;
    frame->len = len;
    frame->next = NULL;
    memcpy(frame->bytes, bytes, len);
    struct flying **last = &link->flying;
    while (*last)
        last = &(*last)->next;
    *last = frame;
}

static bool may_land(const struct link *link)
{
    for (const struct flying *frame = link->flying; frame; frame = frame->next) {
        if (world.stalled == 0 || frame->channel != world.stalled)
            return true;
    }
    return false;
}

/* One frame that is the first of its channel, whichever; false: none may arrive. */
static bool land(struct link *link)
{
    bool passed[VX6_CHANNEL_COUNT] = {false};
    struct flying **choice = NULL;
    for (struct flying **at = &link->flying; *at; at = &(*at)->next) {
        bool is_stalled = world.stalled != 0 && (*at)->channel == world.stalled;
        if (!is_stalled && !passed[(*at)->channel] && (choice == NULL || chance(3) == 0))
            choice = at;
        passed[(*at)->channel] = true;
    }
    if (choice == NULL)
        return false;
    struct flying *frame = *choice;
    *choice = frame->next;
    deliver_frame(link, frame->bytes, frame->len);
    free(frame);
    return true;
}

/* What one fill gives; false: it gave nothing. */
static bool fill_link(struct link *link)
{
    static uint8_t buffer[33000];
    uint8_t channel = 0;
    size_t cap = world.fill_cap;
    size_t len = with_channels ? session_fill_channel(link->node, link, buffer, cap, &channel)
                               : session_fill(link->node, link, buffer, cap);
    assert_true(len <= cap);
    for (size_t at = 0; at < len;) {
        size_t size = load_u16(buffer + at);
        if (with_channels)
            fly(link, channel, buffer + at + 2, size);
        else
            deliver_frame(link, buffer + at + 2, size);
        at += 2 + size;
    }
    return len > 0;
}

static void deliver(struct link *link)
{
    if (!fill_link(link))
        link->wants_write = false;
    else if (with_channels && chance(4) > 0)
        return; /* more comes behind it */
    while (link->other && land(link))
        ;
}

/* All that an end has to say arrives. */
static inline void deliver_all(struct link *link)
{
    while (fill_link(link))
        ;
    link->wants_write = false;
    while (link->other && land(link))
        ;
}

static void drain(int side)
{
    struct vx6_node *node = &world.nodes[side];
    struct ready *ready;
    while ((ready = node->ready_list.first) != NULL) {
        struct vx6_out out = {0};
        if (ready->kind == READY_NODE) { /* a test that expects it takes it itself */
            ready_remove(&node->ready_list, ready);
            continue;
        }
        if (ready->kind == READY_SESSION)
            assert_true(session_output(node, ready, &out));
        else
            assert_true(stream_output(node, ready, &out));
        if (world.log_count[side] < LOG_MAX)
            world.log[side][world.log_count[side]++] = (struct seen){out.kind, out.code, out.id};
        if (world.on_output)
            world.on_output(side, &out);
    }
}

/* Until nothing moves any more. */
static void settle(void)
{
    bool moved = true;
    while (moved) {
        moved = false;
        for (struct link *link = world.links; link; link = link->next) {
            if (link->other && (link->wants_write || may_land(link))) {
                moved = true;
                deliver(link);
            }
        }
        for (int i = 0; i < SIDES; i++)
            drain(i);
    }
}

static inline void pass_time(uint32_t ms)
{
    for (int i = 0; i < SIDES; i++) {
        struct vx6_node *node = &world.nodes[i];
        node->now += ms * VX6_MILLISECOND;
        enum timer_kind kind;
        struct timer *timer;
        while (timer_pop(&node->timers, node->now, &kind, &timer)) {
            if (kind == TIMER_SESSION)
                session_timer(node, timer);
            else if (kind == TIMER_LISTING)
                listing_timer(node, timer);
            else
                stream_timer(node, timer);
        }
    }
    settle();
}

static const struct seen nothing = {.code = (enum vx6_code)UINT16_MAX};

/* The n-th output of this kind, from 0, or `nothing`. */
static const struct seen *seen(int side, enum vx6_out_kind kind, uint32_t n)
{
    for (uint32_t i = 0; i < world.log_count[side]; i++) {
        if (world.log[side][i].kind == kind && n-- == 0)
            return &world.log[side][i];
    }
    return &nothing;
}

static uint32_t seen_count(int side, enum vx6_out_kind kind)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < world.log_count[side]; i++)
        count += world.log[side][i].kind == kind;
    return count;
}

static int world_setup(void **state)
{
    (void)state;
    memset(&world, 0, sizeof world);
    world.limits = vx6_limits_default;
    world.fill_cap = 32768;
    world.hosted_room = 16;
    world.env = (struct vx6_env){.alloc = {.resize = memory_resize, .context = &world.memory},
        .crypto = &vx6_crypto_model,
        .limits = &world.limits};
    random_state = 0x9E3779B97F4A7C15u;
    for (int i = 0; i < SIDES; i++) {
        struct vx6_node *node = &world.nodes[i];
        uint8_t seed[32] = {(uint8_t)(i + 1)};
        node->env = &world.env;
        timers_init(&node->timers);
        node->now = 1000 * VX6_SECOND;
        node->ready.kind = READY_NODE;
        memset(node->keys.identity, i == 0 ? 'A' : 'B', 32);
        rng_init(&node->secret_rng, seed, "secret");
        rng_init(&node->public_rng, seed, "public");
    }
    return 0;
}

/* Every test ends here: whatever happened, nothing is left. */
static int world_teardown(void **state)
{
    (void)state;
    for (int i = 0; i < SIDES; i++) {
        sessions_free(&world.nodes[i]);
        refusals_free(&world.nodes[i]);
        while (world.nodes[i].ops.first)
            op_free(&world.nodes[i], world.nodes[i].ops.first);
        assert_int_equal(world.nodes[i].sessions.count, 0);
        assert_int_equal(world.nodes[i].sessions.stream_count, 0);
        assert_int_equal(world.nodes[i].sessions.sending, 0);
        assert_int_equal(world.nodes[i].sessions.granted, 0);
        slots_clear(&world.env, &world.nodes[i].slots);
        assert_int_equal(timer_deadline(&world.nodes[i].timers), VX6_NEVER);
        assert_null(world.nodes[i].ready_list.first);
    }
    intern_clear(&world.env, &world.env.blobs);
    assert_int_equal(world.memory.held, 0);
    while (world.links) {
        struct link *link = world.links;
        world.links = link->next;
        assert_int_equal(link->users, 0);
        drop_flying(link);
        free(link);
    }
    return 0;
}

static int over_channels(void **state)
{
    (void)state;
    with_channels = true;
    return 0;
}

static vx6_span text(const char *chars)
{
    return (vx6_span){(const uint8_t *)chars, strlen(chars)};
}

/* A valid key for each small number. */
static inline const uint8_t *key_of(uint8_t number)
{
    static uint8_t keys[16][32];
    const uint8_t seed[32] = {number};
    vx6_crypto_model.sign_public(&vx6_crypto_model, keys[number], seed);
    return keys[number];
}

/* Node 0 asks node 1, at an address, for a service; nothing has been sent yet. */
static inline enum vx6_code ask_for(const char *service, vx6_id *id)
{
    struct vx6_in in = {.kind = VX6_IN_SESSION_OPEN,
        .peer = {.ip = {0x20, 1}, .port = 4242},
        .data = (const uint8_t *)service,
        .len = strlen(service)};
    return session_open(&world.nodes[0], &in, id);
}

/* A session that is up on both sides. */
static inline struct session *join(void)
{
    vx6_id id = {0};
    assert_int_equal(service_add(&world.nodes[1], text("web"), EXPOSURE_PUBLIC), VX6_OK);
    assert_int_equal(ask_for("web", &id), VX6_OK);
    links_up();
    settle();
    struct session *session = slots_get(&world.nodes[0].slots, SLOT_SESSION, id);
    assert_non_null(session);
    assert_int_equal(session->state, SESSION_UP);
    return session;
}

static inline struct session *owner_session(void)
{
    struct turn *turn = world.nodes[1].sessions.list.first;
    return turn ? CONTAINER_OF(turn, struct session, turn) : NULL;
}

static inline struct stream *stream_by_id(int side, vx6_id id)
{
    return slots_get(&world.nodes[side].slots, SLOT_STREAM, id);
}

/* A stream that the service has accepted; ids[0] is the client's end, ids[1] the owner's. */
static inline void open_stream(struct session *session, vx6_id ids[SIDES])
{
    uint32_t incoming = seen_count(1, VX6_OUT_STREAM_INCOMING);
    assert_int_equal(stream_open(&world.nodes[0], session, &ids[0]), VX6_OK);
    settle();
    const struct seen *in = seen(1, VX6_OUT_STREAM_INCOMING, incoming);
    assert_ptr_not_equal(in, &nothing);
    ids[1] = in->id;
    assert_int_equal(stream_accept(&world.nodes[1], stream_by_id(1, ids[1])), VX6_OK);
    settle();
}

#define run_over_both_carriers(tests)                                                              \
    (cmocka_run_group_tests_name("in order", tests, NULL, NULL) +                                  \
        cmocka_run_group_tests_name("over channels", tests, over_channels, NULL))

#endif
