/* SPDX-License-Identifier: MIT */
/* The whole play: which scenes come how often, how it ends, and that it ends where it began. */
#include "play.h"

#include <stdlib.h>

enum {
    FORGET_S = 3 * 3600, /* records of others live for two hours */
    RENEW_S = 600,       /* the peers' records */
    MOVE_ROUNDS = 100,
    KEYS_KNOWN = 1024
};

void play_renew(struct play *play)
{
    stage_renew_peers(play->stage);
    struct stage_peer *self = &play->self;
    struct record_facts facts = {.sequence = 1,
        .unix_s = stage_unix_s(play->stage),
        .life_s = 1800,
        .endpoints = &self->addr,
        .endpoint_count = 1};
    self->record_len = record_make_node(&play->stage->crypto, &self->keys, &facts, self->record);
    play->renewed = play->stage->now;
}

static void command(struct play *play, enum vx6_in_kind kind, const char *text)
{
    struct vx6_in in = {.kind = kind, .data = (const uint8_t *)text, .len = strlen(text)};
    enum vx6_code code = stage_input(play->stage, &in);
    VX6_ASSERT(code == VX6_OK || code == VX6_STALE);
    stage_drain(play->stage);
}

/* Is a key a point of the curve? Asked of the same few keys most of the time, which it would take.
 */
static bool key_is_valid(const struct vx6_crypto *self, const uint8_t key[32])
{
    static struct {
        bool is_known, is_valid;
        uint8_t key[32];
    } table[KEYS_KNOWN];
    uint32_t slot = load_u32(key) % KEYS_KNOWN;
    if (!table[slot].is_known || memcmp(table[slot].key, key, 32) != 0) {
        memcpy(table[slot].key, key, 32);
        table[slot].is_valid = vx6_crypto_real.sign_public_is_valid(self, key);
        table[slot].is_known = true;
    }
    return table[slot].is_valid;
}

static struct play *make(const struct vx6_crypto *crypto, uint64_t seed)
{
    struct play *play = calloc(1, sizeof *play);
    VX6_ASSERT(play);
    struct stage *stage = stage_new(crypto, NULL, 0);
    play->stage = stage;
    play->chance.state = seed;
    stage->context = play;
    stage->hooks = (struct stage_hooks){play_tap, play_hear, play_answer, play_output};
    return play;
}

struct play *play_new(const struct vx6_crypto *crypto, uint64_t seed)
{
    struct play *play = make(crypto, seed);
    struct stage *stage = play->stage;
    stage->crypto.sign_public_is_valid = key_is_valid;
    stage->trace = (struct vx6_trace){tally_event, &play->tally};
    stage->limits.dials_per_target_per_minute = 60;
    stage->limits.link_max = 12; /* some are dials that a peer has asked for */
    stage_start(stage);
    play->self.keys = stage->node->keys;
    play->self.addr = stage->peers[0].addr;
    play->self.addr.port++;
    play_resume(play);
    return play;
}

struct play *play_new_away(
    uint64_t seed, const uint8_t key[32], const struct stage_carrier *carrier)
{
    struct play *play = make(&vx6_crypto_real, seed);
    stage_start_away(play->stage, key, carrier);
    play->self = play->stage->peers[0]; /* nobody has the keys of that node */
    return play;
}

void play_free(struct play *play)
{
    play_leave(play);
    stage_end(play->stage);
    free(play);
}

/* One that the node has lost is enough: it hears of the others. */
static void restore_contact(struct play *play, const struct stage_peer *peer)
{
    struct vx6_in in = {.kind = VX6_IN_CONTACT, .peer = peer->addr};
    memcpy(in.key, peer->keys.identity, sizeof in.key);
    VX6_ASSERT(stage_input(play->stage, &in) == VX6_OK);
    stage_drain(play->stage);
}

/* At least half of what is changed was said on a link after its handshake. */
void play_scene(struct play *play)
{
    uint32_t draw = chance_below(&play->chance, 1000);
    if (play->stage->now - play->renewed >= RENEW_S * VX6_SECOND)
        play_renew(play);
    if (draw < 660)
        play_link_scene(play);
    else if (draw < 700)
        play_handshake_scene(play);
    else if (draw < 720)
        play_dial_scene(play);
    else if (draw < 880)
        play_ask_scene(play);
    else if (draw < 975)
        play_answer_scene(play);
    else if (draw < 995)
        play_stranger_scene(play);
    else
        restore_contact(play, &play->stage->peers[chance_below(&play->chance, STAGE_PEERS)]);
    check_bounds(play->stage->node);
}

void play_resume(struct play *play)
{
    play->stage->is_silent = false;
    play_renew(play);
    command(play, VX6_IN_SERVICE_ADD, "web");
    restore_contact(play, &play->stage->peers[0]);
}

/* Peers who answer, so that the node does not take itself to be cut off, and forgets those that do
 * not. */
static void wait_honestly(struct play *play, uint32_t seconds)
{
    play->is_honest = true;
    for (uint32_t i = 0; i < STAGE_PEERS; i++)
        restore_contact(play, &play->stage->peers[i]);
    for (uint32_t waited = 0; waited < seconds; waited += RENEW_S) {
        play_renew(play);
        stage_wait(play->stage, RENEW_S * VX6_SECOND);
    }
    play->is_honest = false;
}

/* The driver lets go of what it had, the peers are gone, and time does the rest. */
void play_settle(struct play *play)
{
    static const char *const labels[] = {"alice", "bob", "carol"};
    play->is_armed = false;
    tally_end(&play->tally);
    play_leave(play);
    command(play, VX6_IN_SERVICE_REMOVE, "aux");
    command(play, VX6_IN_SERVICE_REMOVE, "web");
    wait_honestly(play, FORGET_S);
    play->stage->is_silent = true;
    stage_wait(play->stage, FORGET_S * VX6_SECOND);
    while (play->stage->node->queries.count > 0) /* of its own: it looks for the others */
        stage_wait(play->stage, VX6_SECOND);
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++)
        command(play, VX6_IN_NAME_UNBIND, labels[i]);
    for (uint32_t i = 0; i < STAGE_LANES; i++)
        VX6_ASSERT(!play->stage->lanes[i].is_alive);
    VX6_ASSERT(play->stage->id_count == 0);
}

/* ---- honest peers ---- */

/* Each is told what the other offers. */
static void visit_list(struct play *play)
{
    uint64_t offered = play->offered;
    play_say(play, &play->theirs, VX6_MSG_find_services);
    VX6_ASSERT(play->offered == offered + 1);
    VX6_ASSERT(play_ask(play));
    play_say(play, &play->theirs, VX6_MSG_services);
    VX6_ASSERT(play->listed == VX6_OK);
}

static void visit_link(struct play *play, bool has_channels)
{
    VX6_ASSERT(play_arrive(play, &play->stage->peers[1], has_channels));
    visit_list(play);
    VX6_ASSERT(play_advance(play, LEVEL_BOTH));
    play_move(play, &play->theirs, MOVE_ROUNDS);
    play_move(play, &play->ours, MOVE_ROUNDS);
    VX6_ASSERT(play->theirs.read == play->theirs.sent && play->ours.read == play->ours.sent);
    VX6_ASSERT(play->theirs.heard >= MOVE_ROUNDS * 500 && play->ours.heard >= MOVE_ROUNDS * 500);
    play_leave(play);
}

static void visit_name(struct play *play)
{
    struct vx6_in in = {.kind = VX6_IN_RESOLVE, .data = (const uint8_t *)"alice", .len = 5};
    VX6_ASSERT(stage_input(play->stage, &in) == VX6_OK);
    stage_id_add(play->stage, in.id, SLOT_OP);
    play->resolve = in.id;
    play->resolved = VX6_TIMEOUT;
    stage_drain(play->stage);
    stage_wait(play->stage, 30 * VX6_SECOND);
    VX6_ASSERT(play->resolved == VX6_OK);
}

static void visit_query(struct play *play)
{
    static const uint8_t ping[] = {VX6_MSG_ping};
    struct stage_peer *peer = &play->stage->peers[2];
    uint64_t answered = peer->answered;
    peer_ask(play->stage, peer, (vx6_span){ping, sizeof ping}, false);
    stage_drain(play->stage);
    VX6_ASSERT(peer->answered == answered + 1);
}

void play_visit(struct play *play)
{
    uint64_t after = play->tally.after;
    play->is_honest = true;
    play_resume(play);
    stage_wait(play->stage, 60 * VX6_SECOND);
    visit_query(play);
    visit_name(play);
    visit_link(play, false);
    visit_link(play, true);
    VX6_ASSERT(play->tally.after == after); /* nothing of it was refused */
    play->is_honest = false;
}
