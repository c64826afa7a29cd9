/* SPDX-License-Identifier: MIT */
/* One node among peers that keep to no rule, under a driver that does anything, with memory that
 * runs out and clocks that jump. Whatever happens: bounds hold, everything ends by itself, what was
 * for others is given back, and an honest peer is served afterwards.
 *
 * VX6_HOSTILE_SEEDS says how many runs, VX6_HOSTILE_FIRST with which seed they begin. */
#include "hostile_lane.h"

#include <stdio.h>

enum {
    STEPS = 1500,
    IDS_MAX = 512,
    DAY_AND_MORE_S = 90000 /* by then a holder has swept, whatever the clock did */
};

/* IDs that the driver was given, and whether it has heard of their end. */
struct known_id {
    vx6_id id;
    enum slot_kind kind;
    bool alive;
};

static struct hostile *hostile; /* the run */
static struct known_id ids[IDS_MAX];
static uint32_t id_count;
static struct solo honest;

static void id_add(vx6_id id, enum slot_kind kind)
{
    uint32_t place = id_count < IDS_MAX ? id_count++ : IDS_MAX;
    for (uint32_t i = 0; place == IDS_MAX && i < IDS_MAX; i++) {
        if (!ids[i].alive)
            place = i;
    }
    if (place < IDS_MAX)
        ids[place] = (struct known_id){id, kind, true};
}

static struct known_id *id_find(vx6_id id)
{
    for (uint32_t i = 0; i < id_count; i++) {
        if (ids[i].id.bits == id.bits && ids[i].alive)
            return &ids[i];
    }
    return NULL;
}

/* Told once, and of nothing that was never there. */
static void id_end(vx6_id id, enum slot_kind kind)
{
    struct known_id *known = id_find(id);
    VX6_ASSERT(known != NULL);
    assert_int_equal(known->kind, kind);
    known->alive = false;
}

/* Some ID of the kind, dead ones and foreign ones now and then. */
static vx6_id id_pick(enum slot_kind kind)
{
    for (uint32_t tries = 0; id_count > 0 && tries < 8; tries++) {
        const struct known_id *known = &ids[pick(hostile, id_count)];
        if (known->kind == kind && (known->alive || chance(hostile, 100)))
            return known->id;
    }
    return (vx6_id){chance(hostile, 500) ? 0 : pick(hostile, UINT32_MAX)};
}

static enum vx6_code give(struct vx6_in *in)
{
    return vx6_node_input(hostile->solo.node, hostile->solo.now, in);
}

static struct lane *lane_of(vx6_id id)
{
    for (uint32_t i = 0; i < LANES; i++) {
        if (hostile->lanes[i].alive && hostile->lanes[i].id.bits == id.bits)
            return &hostile->lanes[i];
    }
    return NULL;
}

static struct lane *lane_new(vx6_id id, struct foe *foe)
{
    for (uint32_t i = 0; i < LANES; i++) {
        struct lane *lane = &hostile->lanes[i];
        if (lane->alive)
            continue;
        uint8_t *bytes = lane->bytes;
        *lane = (struct lane){.id = id, .alive = true, .foe = foe, .bytes = bytes};
        lane->malice = pick(hostile, 4) == 0 ? 100 : pick(hostile, 2) * 8;
        return lane;
    }
    vx6_panic(__FILE__, __LINE__, "a lane for every link");
}

/* ---- outputs ---- */

static void fill(vx6_id carrier)
{
    static uint8_t buffer[2 * VX6_FILL_MIN];
    struct vx6_batch batch = {.dst = buffer, .cap = VX6_FILL_MIN + pick(hostile, VX6_FILL_MIN)};
    struct lane *lane = lane_of(carrier);
    while (vx6_node_fill(hostile->solo.node, carrier, &batch)) {
        assert_true(batch.len > 0 && batch.len <= batch.cap);
        if (lane && !hostile->silent)
            lane_take(hostile, lane, buffer, batch.len);
        for (size_t at = 0;
             carrier.bits == VX6_DATAGRAMS.bits && !hostile->silent && at < batch.len;
             at += VX6_DATAGRAM_SIZE) {
            uint8_t datagram[VX6_DATAGRAM_SIZE];
            memcpy(datagram, buffer + at, sizeof datagram);
            foe_datagram(hostile, &batch.peer, datagram);
        }
        if (chance(hostile, 50))
            return; /* the carrier takes no more now */
    }
}

static void read_stream(vx6_id id)
{
    vx6_span spans[3];
    bool end;
    size_t count = vx6_stream_peek(hostile->solo.node, id, spans, 1 + pick(hostile, 3), &end);
    size_t held = 0;
    for (size_t i = 0; i < count; i++)
        held += spans[i].len;
    vx6_stream_release(
        hostile->solo.node, id, chance(hostile, 300) ? pick(hostile, (uint32_t)held + 1) : held);
}

static void write_stream(vx6_id id)
{
    struct vx6_room rooms[4];
    size_t count = vx6_stream_reserve(hostile->solo.node, id, rooms, 4), len = 0;
    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++) {
        memset(rooms[i].data, 7, rooms[i].len);
        len += rooms[i].len;
    }
    if (!chance(hostile, 500))
        len = pick(hostile, (uint32_t)len + 1);
    vx6_stream_commit(hostile->solo.node, id, len, chance(hostile, 50));
}

static void take_output(const struct vx6_out *out)
{
    struct lane *lane;
    switch (out->kind) {
    case VX6_OUT_LINK_DIAL:
        lane = lane_new(out->id, &hostile->foes[pick(hostile, FOES)]);
        lane->dialling = true;
        for (uint32_t i = 0; i < FOES; i++) {
            if (addr_equal(&out->peer, &hostile->foes[i].addr))
                lane->foe = &hostile->foes[i];
        }
        break;
    case VX6_OUT_LINK_CLOSE:
        lane = lane_of(out->id);
        VX6_ASSERT(lane != NULL);
        lane->alive = false;
        hostile->solo.crypto.cipher_clear(&hostile->solo.crypto, &lane->send);
        hostile->solo.crypto.cipher_clear(&hostile->solo.crypto, &lane->receive);
        break;
    case VX6_OUT_WANT_WRITE:
        if (out->id.bits != VX6_DATAGRAMS.bits)
            assert_non_null(lane_of(out->id));
        fill(out->id);
        break;
    case VX6_OUT_SESSION_UP:
        assert_non_null(id_find(out->id));
        break;
    case VX6_OUT_SESSION_DOWN:
        id_end(out->id, SLOT_SESSION);
        break;
    case VX6_OUT_STREAM_INCOMING:
        id_add(out->id, SLOT_STREAM);
        break;
    case VX6_OUT_STREAM_READABLE:
        assert_non_null(id_find(out->id));
        read_stream(out->id);
        break;
    case VX6_OUT_STREAM_WRITABLE:
        assert_non_null(id_find(out->id));
        write_stream(out->id);
        break;
    case VX6_OUT_STREAM_CLOSED:
        id_end(out->id, SLOT_STREAM);
        break;
    case VX6_OUT_OP_DONE:
        id_end(out->id, SLOT_OP);
        break;
    case VX6_OUT_CANDIDATE:
        assert_non_null(id_find(out->id));
        break;
    case VX6_OUT_LINK_PAUSE:
    case VX6_OUT_LINK_RESUME:
    case VX6_OUT_NAME_BOUND:
    case VX6_OUT_KEY_FOLLOWED:
    case VX6_OUT_KEY_CLASH:
    case VX6_OUT_KEY_REVOKED:
    case VX6_OUT_CONTACT:
    case VX6_OUT_CLOCK:
        break;
    }
}

static void drain(void)
{
    struct vx6_out out;
    while (vx6_node_output(hostile->solo.node, &out)) {
        take_output(&out);
        if (chance(hostile, 10))
            return;
    }
}

/* ---- inputs ---- */

static void tick_until(vx6_ns end)
{
    struct vx6_in in = {.kind = VX6_IN_TICK};
    uint32_t ticks = 0;
    while (vx6_node_deadline(hostile->solo.node) <= end) {
        vx6_ns deadline = vx6_node_deadline(hostile->solo.node);
        if (deadline > hostile->solo.now)
            hostile->solo.now = deadline;
        assert_int_equal(give(&in), VX6_OK);
        drain();
        assert_true(ticks++ < 200000); /* else time stands still */
    }
    hostile->solo.now = end;
}

static void pass_time(void)
{
    static const uint64_t steps_ms[] = {1, 5, 20, 100, 100, 500, 3000};
    uint64_t ms = steps_ms[pick(hostile, 7)];
    if (chance(hostile, 5))
        ms = chance(hostile, 500) ? 3600000 : 90000;
    if (chance(hostile, 20)) { /* the machine slept: one input, much later */
        hostile->solo.now += ms * VX6_MILLISECOND;
        struct vx6_in in = {.kind = VX6_IN_TICK};
        assert_int_equal(give(&in), VX6_OK);
        return;
    }
    tick_until(hostile->solo.now + ms * VX6_MILLISECOND);
}

static void set_clock(void)
{
    struct vx6_in in = {.kind = VX6_IN_WALLCLOCK};
    static const int64_t odd[] = {1, INT64_MAX, INT64_MIN, 0, -5, INT64_C(250000000000000)};
    in.unix_ms = (unix_s_now(hostile) + (int64_t)pick(hostile, 4000) - 2000) * 1000;
    if (chance(hostile, 100))
        in.unix_ms = odd[pick(hostile, 6)];
    (void)give(&in);
    if (chance(hostile, 700)) { /* and back to what others think */
        in.unix_ms = INT64_C(1800000000000) + (int64_t)(hostile->solo.now / VX6_MILLISECOND);
        assert_int_equal(give(&in), VX6_OK);
    }
}

static const char *const names[] = {"alice", "alice.web", "bob.web", "bob.db", "carol", "", "..",
    "-", "web", "db", "alice.web.more"};

static void command(void)
{
    static const struct {
        enum vx6_in_kind kind;
        enum slot_kind uses, makes;
    } rows[] = {{VX6_IN_PEER_ADD, 0, SLOT_OP}, {VX6_IN_RESOLVE, 0, SLOT_OP},
        {VX6_IN_LOOKUP, 0, SLOT_OP}, {VX6_IN_LIST, 0, SLOT_OP}, {VX6_IN_REACH, 0, SLOT_OP},
        {VX6_IN_SESSION_OPEN, 0, SLOT_SESSION}, {VX6_IN_SESSION_OPEN, 0, SLOT_SESSION},
        {VX6_IN_STREAM_OPEN, SLOT_SESSION, SLOT_STREAM},
        {VX6_IN_STREAM_OPEN, SLOT_SESSION, SLOT_STREAM}, {VX6_IN_SESSION_CLOSE, SLOT_SESSION, 0},
        {VX6_IN_STREAM_ACCEPT, SLOT_STREAM, 0}, {VX6_IN_STREAM_ACCEPT, SLOT_STREAM, 0},
        {VX6_IN_STREAM_ACCEPT, SLOT_STREAM, 0}, {VX6_IN_STREAM_RESET, SLOT_STREAM, 0},
        {VX6_IN_CANCEL, SLOT_OP, 0}, {VX6_IN_NAME_BIND, 0, 0}, {VX6_IN_NAME_UNBIND, 0, 0},
        {VX6_IN_LABEL, 0, 0}, {VX6_IN_SERVICE_ADD, 0, 0}, {VX6_IN_SERVICE_ADD_LISTED, 0, 0},
        {VX6_IN_SERVICE_ADD_PRIVATE, 0, 0}, {VX6_IN_SERVICE_ALLOW, 0, 0},
        {VX6_IN_SERVICE_ADD_HOSTED, 0, 0}, {VX6_IN_SERVICE_ALLOW, 0, 0},
        {VX6_IN_SERVICE_DENY, 0, 0}, {VX6_IN_SERVICE_REMOVE, 0, 0}, {VX6_IN_CONTACT, 0, 0},
        {VX6_IN_ENDPOINT_ADD, 0, 0}, {VX6_IN_ENDPOINT_REMOVE, 0, 0}, {VX6_IN_NETWORK, 0, 0}};
    uint32_t row = pick(hostile, sizeof rows / sizeof rows[0]);
    const struct foe *foe = &hostile->foes[pick(hostile, FOES)];
    const char *name = names[pick(hostile, sizeof names / sizeof names[0])];
    struct vx6_in in = {.kind = rows[row].kind, .code = (enum vx6_code)pick(hostile, 61)};
    if (rows[row].uses)
        in.id = id_pick(rows[row].uses);
    if (chance(hostile, 600))
        memcpy(in.key, foe->keys.identity, 32);
    if (in.kind != VX6_IN_SESSION_OPEN || chance(hostile, 600))
        in.peer = chance(hostile, 50) ? hostile->solo.addr : foe->addr;
    if (in.kind == VX6_IN_REACH && chance(hostile, 900))
        in.peer = hostile->solo.addr;
    if (in.kind == VX6_IN_SESSION_OPEN && in.peer.port != 0 && chance(hostile, 900))
        name = "web";
    if (in.kind == VX6_IN_LIST && in.peer.port != 0 && chance(hostile, 900))
        name = "";
    uint8_t before[18][32]; /* one more than may be */
    for (uint32_t i = 0; i < 18; i++)
        memcpy(before[i], hostile->foes[pick(hostile, FOES)].keys.identity, 32);
    if (chance(hostile, 300))
        in.keys_before = (vx6_span){before[0], 32 * (size_t)pick(hostile, 18)};
    bool is_service = in.kind >= VX6_IN_SERVICE_ADD && in.kind < VX6_IN_SERVICE_REMOVE;
    if (is_service && chance(hostile, 700))
        name = "web";
    if (in.kind == VX6_IN_SERVICE_REMOVE && chance(hostile, 800))
        return;
    in.len = strlen(name);
    in.data = in.len > 0 ? (const uint8_t *)name : NULL;
    if (give(&in) == VX6_OK && rows[row].makes)
        id_add(in.id, rows[row].makes);
}

static void accept_lane(void)
{
    struct foe *foe = &hostile->foes[pick(hostile, FOES)];
    struct vx6_in in = {.kind = VX6_IN_LINK_ACCEPTED, .peer = foe->addr};
    in.peer.port = (uint16_t)(40000 + pick(hostile, 1000));
    if (give(&in) != VX6_OK)
        return;
    struct lane *lane = lane_new(in.id, foe);
    lane->is_initiator = true;
    if (chance(hostile, 950))
        lane_start(hostile, lane);
}

static void lane_act(void)
{
    struct lane *lane = &hostile->lanes[pick(hostile, LANES)];
    for (uint32_t tries = 0; !lane->alive && tries < LANES; tries++)
        lane = &hostile->lanes[pick(hostile, LANES)];
    if (!lane->alive)
        return;
    struct vx6_in in = {.kind = VX6_IN_LINK_DOWN, .id = lane->id, .code = VX6_UNREACHABLE};
    if (lane->dialling) {
        in.kind = chance(hostile, 850) ? VX6_IN_LINK_UP : VX6_IN_LINK_DOWN;
        lane->dialling = false;
        assert_int_not_equal(give(&in), VX6_INVALID);
    } else if (chance(hostile, 3)) {
        (void)give(&in);
    } else if (lane->step == 3) {
        for (uint32_t says = 1 + pick(hostile, 12); says > 0; says--)
            lane_say(hostile, lane);
    } else if (chance(hostile, 20)) {
        uint8_t noise[700];
        pick_bytes(hostile, noise, sizeof noise);
        lane_give(hostile, lane, noise, pick(hostile, sizeof noise));
    }
}

static void step(void)
{
    uint32_t draw = pick(hostile, 100);
    if (draw < 15)
        foe_ask(hostile);
    else if (draw < 17)
        accept_lane();
    else if (draw < 65)
        lane_act();
    else if (draw < 82)
        command();
    else if (draw < 88)
        write_stream(id_pick(SLOT_STREAM));
    else if (draw < 94)
        read_stream(id_pick(SLOT_STREAM));
    else if (draw < 99)
        pass_time();
    else
        set_clock();
    if (chance(hostile, 700))
        drain();
    check_bounds(hostile->solo.node);
}

/* ---- the end ---- */

/* Nobody says anything any more: what there is must end by its own timers. */
static void everything_ends(void)
{
    struct vx6_counts counts;
    hostile->silent = true;
    tick_until(hostile->solo.now + 300 * VX6_SECOND);
    struct vx6_out out;
    while (vx6_node_output(hostile->solo.node, &out))
        take_output(&out);
    vx6_node_counts(hostile->solo.node, &counts);
    for (const struct link *link = hostile->solo.node->links.first; link; link = link->next)
        assert_true(link->state == LINK_DIALLING && link->users == 0); /* to an entry point */
    assert_true(counts.links <= hostile->solo.limits.entry_max);
    assert_int_equal(counts.sessions, 0);
    assert_int_equal(counts.streams, 0);
    assert_int_equal(counts.operations, 0);
    for (uint32_t i = 0; i < id_count; i++)
        assert_false(ids[i].alive);
    for (uint32_t i = 0; i < LANES; i++)
        assert_true(!hostile->lanes[i].alive || hostile->lanes[i].dialling);
    assert_int_equal(hostile->solo.node->sessions.sending, 0);
    assert_int_equal(hostile->solo.node->sessions.granted, 0);
    assert_null(hostile->solo.node->sessions.paths.first);
    tick_until(hostile->solo.now + (vx6_ns)DAY_AND_MORE_S * VX6_SECOND);
    vx6_node_counts(hostile->solo.node, &counts);
    assert_true(counts.bundles <= 2);
    assert_true(hostile->solo.memory.held < 200000);
}

/* Carries bytes between the node and an honest one until neither has anything to say. */
static void carry(vx6_node *from, vx6_id from_link, vx6_node *to, vx6_id to_link, vx6_ns now)
{
    static uint8_t buffer[VX6_FILL_MIN];
    struct vx6_batch batch = {.dst = buffer, .cap = sizeof buffer};
    while (vx6_node_fill(from, from_link, &batch)) {
        struct vx6_in in = {
            .kind = VX6_IN_LINK_BYTES, .id = to_link, .data = buffer, .len = batch.len};
        assert_int_equal(vx6_node_input(to, now, &in), VX6_OK);
    }
}

/* Takes all outputs; true when a session came up. */
static bool drain_for_session(vx6_node *node, vx6_id *dial)
{
    struct vx6_out out;
    bool up = false;
    while (vx6_node_output(node, &out)) {
        if (out.kind == VX6_OUT_LINK_DIAL)
            *dial = out.id;
        up = up || out.kind == VX6_OUT_SESSION_UP;
    }
    return up;
}

/* One link with two ends. */
struct joint {
    struct solo *client, *owner; /* of a session */
    vx6_id at_client, at_owner;
};

static void join(struct joint *joint)
{
    struct vx6_in in = {.kind = VX6_IN_LINK_ACCEPTED, .peer = joint->client->addr};
    assert_int_equal(vx6_node_input(joint->owner->node, joint->owner->now, &in), VX6_OK);
    joint->at_owner = in.id;
    in = (struct vx6_in){.kind = VX6_IN_LINK_UP, .id = joint->at_client};
    assert_int_equal(vx6_node_input(joint->client->node, joint->client->now, &in), VX6_OK);
}

static bool opens_session(struct joint *joint)
{
    struct solo *client = joint->client, *owner = joint->owner;
    struct vx6_in in = {.kind = VX6_IN_SERVICE_ADD, .data = (const uint8_t *)"honest", .len = 6};
    vx6_id dialled = {0};
    assert_int_equal(vx6_node_input(owner->node, owner->now, &in), VX6_OK);
    in.kind = VX6_IN_SESSION_OPEN;
    in.peer = owner->addr;
    memcpy(in.key, owner->node->keys.identity, 32);
    assert_int_equal(vx6_node_input(client->node, client->now, &in), VX6_OK);
    bool is_up = drain_for_session(client->node, &dialled);
    if (dialled.bits != 0) {
        joint->at_client = dialled;
        join(joint);
    }
    for (uint32_t i = 0; i < 10 && !is_up; i++) {
        carry(client->node, joint->at_client, owner->node, joint->at_owner, owner->now);
        carry(owner->node, joint->at_owner, client->node, joint->at_client, client->now);
        (void)drain_for_session(owner->node, &dialled);
        is_up = drain_for_session(client->node, &dialled);
    }
    return is_up;
}

static void an_honest_peer_is_served(void)
{
    struct vx6_in in = {.kind = VX6_IN_WALLCLOCK,
        .unix_ms = INT64_C(1800000000000) + (int64_t)(hostile->solo.now / VX6_MILLISECOND)};
    struct vx6_in remove = {.kind = VX6_IN_SERVICE_REMOVE};
    for (uint32_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        remove.data = (const uint8_t *)names[i];
        remove.len = strlen(names[i]);
        (void)give(&remove); /* there may be no such service, or no room for another */
    }
    solo_init(&honest);
    honest.crypto = hostile->solo.crypto;
    honest.now = hostile->solo.now;
    solo_start(&honest, 77);
    assert_int_equal(give(&in), VX6_OK);
    assert_int_equal(vx6_node_input(honest.node, honest.now, &in), VX6_OK);
    struct joint there = {.client = &honest, .owner = &hostile->solo};
    assert_true(opens_session(&there));
    struct joint back = {&hostile->solo, &honest, there.at_owner, there.at_client};
    assert_true(opens_session(&back));
    solo_stop(&honest);
}

/* ---- runs ---- */

static void begin(uint64_t seed, const struct vx6_crypto *crypto)
{
    hostile = calloc(1, sizeof *hostile);
    assert_non_null(hostile);
    id_count = 0;
    hostile->any.state = seed;
    solo_init(&hostile->solo);
    hostile->solo.crypto = *crypto;
    if (seed % 2 == 1)
        tighten(&hostile->solo.limits);
    solo_start(&hostile->solo, 1);
    for (uint32_t i = 0; i < FOES; i++) {
        struct foe *foe = &hostile->foes[i];
        uint8_t key_seed[32] = {(uint8_t)(100 + i), 9};
        own_keys_init(&foe->keys, &hostile->solo.crypto, key_seed);
        foe->addr = solo_addr(100 + i);
        if (i == 1)
            foe->addr = (vx6_addr){{[10] = 0xff, [11] = 0xff, 10, 0, 0, 1}, 4242};
        if (i == 2)
            foe->addr = (vx6_addr){{[10] = 0xff, [11] = 0xff, 127, 0, 0, 1}, 4243};
    }
    for (uint32_t i = 0; i < LANES; i++) {
        hostile->lanes[i].bytes = malloc(LANE_BUFFER);
        assert_non_null(hostile->lanes[i].bytes);
    }
}

/* How often each event happened, in `counts`. */
static void run(uint64_t seed, const struct vx6_crypto *crypto, uint64_t counts[VX6_EVENT_COUNT])
{
    begin(seed, crypto);
    struct memory *memory = &hostile->solo.memory;
    bool starves = seed % 3 == 0;
    for (uint32_t i = 0; i < STEPS; i++) {
        if (starves && memory->fail_at <= memory->requests)
            memory->fail_at = memory->requests + 1 + pick(hostile, 60);
        step();
    }
    memory->fail_at = 0;
    everything_ends();
    an_honest_peer_is_served();
    memcpy(counts, hostile->solo.counts, sizeof hostile->solo.counts);
    for (uint32_t i = 0; i < LANES; i++)
        free(hostile->lanes[i].bytes);
    solo_stop(&hostile->solo);
    free(hostile);
}

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

/* VX6-NODE-005, VX6-NODE-006, VX6-NODE-007, VX6-NODE-010 */
static void test_a_node_among_hostile_peers_keeps_its_bounds_and_serves_honest_ones(void **state)
{
    (void)state;
    uint64_t first = number("VX6_HOSTILE_FIRST", 1), count = number("VX6_HOSTILE_SEEDS", 10);
    for (uint64_t seed = first; seed < first + count; seed++) {
        if (count > 100 || getenv("VX6_HOSTILE_FIRST"))
            fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
        uint64_t counts[VX6_EVENT_COUNT];
        run(seed, &vx6_crypto_model, counts);
    }
}

/* VX6-NODE-009: what a provider makes decides nothing, not even among those who break rules. */
static void test_every_provider_sees_the_same_attack(void **state)
{
    (void)state;
    struct vx6_crypto salted = vx6_crypto_model;
    salted.salt = 2;
    uint64_t model[VX6_EVENT_COUNT], other[VX6_EVENT_COUNT];
    for (uint64_t seed = 502; seed < 506; seed++) {
        run(seed, &vx6_crypto_model, model);
        run(seed, &salted, other);
        assert_memory_equal(model, other, sizeof model);
    }
    run(505, &vx6_crypto_real, other);
    assert_memory_equal(model, other, sizeof model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_node_among_hostile_peers_keeps_its_bounds_and_serves_honest_ones),
        cmocka_unit_test(test_every_provider_sees_the_same_attack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
