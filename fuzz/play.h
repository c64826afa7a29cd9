/* SPDX-License-Identifier: MIT */
/* Honest traffic between the peers and the node on the stage, of which one message at a time is
 * changed on its way: links with sessions and streams in both directions, queries in both
 * directions, and what they are carried in. */
#ifndef VX6_FUZZ_PLAY_H
#define VX6_FUZZ_PLAY_H

#include "mutation.h"
#include "tally.h"

/* How far the talk on a link has come; each level needs those before it. */
enum level {
    LEVEL_UP,
    LEVEL_SESSION,      /* the peer has one with the node's service */
    LEVEL_STREAM,       /* and has opened a stream */
    LEVEL_DATA,         /* on which both have sent */
    LEVEL_ASKED,        /* the node has asked for a session with the peer's service */
    LEVEL_OPENED,       /* and has got it */
    LEVEL_STREAM_ASKED, /* and has opened a stream */
    LEVEL_BOTH,         /* on which both have sent */
    LEVELS
};

/* One session and one stream of it. */
struct talk {
    uint32_t path, stream;
    vx6_id session, stream_id; /* the driver's */
    uint64_t sent, heard;      /* bytes from and to the peer */
    uint64_t read;             /* by the driver */
};

struct play {
    struct stage *stage;
    struct chance chance;
    struct said said;
    struct tally tally;
    struct stage_peer self; /* somebody with the node's own keys */
    enum stage_point target;
    bool is_armed;           /* what comes by at `target` next is changed */
    uint32_t skips;          /* but first so many come by unchanged */
    enum vx6_msg_type piece; /* the record inside a bundle that was changed last; or none */
    bool is_honest;          /* nothing is changed, and answers are what they should be */

    struct lane *lane;
    vx6_id link;
    enum level level;
    uint32_t uses;
    uint32_t strangers; /* that have come so far */
    bool is_stranger;   /* the next answer of the last one is changed */
    vx6_ns renewed;     /* the peers' records */
    vx6_id resolve;     /* the last one of a visit, and how it ended */
    enum vx6_code resolved;
    vx6_id list; /* the last question which services the peer offers, and how it ended */
    enum vx6_code listed;
    uint32_t question;        /* the number of the node's on the link */
    uint64_t offered;         /* answers to the peers' */
    struct talk theirs, ours; /* sessions that the peer opened, that the node opened */
};

struct play *play_new(const struct vx6_crypto *crypto, uint64_t seed);
/* With a node that runs elsewhere, has this key and is reached so. Real cryptography. */
struct play *play_new_away(
    uint64_t seed, const uint8_t key[32], const struct stage_carrier *carrier);
void play_free(struct play *play);  /* the node is freed with it */
void play_renew(struct play *play); /* the peers' records */
void play_scene(struct play *play);
/* All peers leave and are silent until the node has forgotten them; then some are restored. */
void play_settle(struct play *play);
void play_resume(struct play *play);
/* Honest peers come, resolve and are resolved, and move bytes. */
void play_visit(struct play *play);

/* ---- play_links.c ---- */
bool play_is_live(const struct play *play); /* the link */
void play_say(struct play *play, struct talk *talk, enum vx6_msg_type type);
void play_spoil_frame(struct play *play, enum vx6_msg_type type);
enum vx6_msg_type play_any_frame(struct play *play);
void play_link_scene(struct play *play);
void play_handshake_scene(struct play *play);
void play_dial_scene(struct play *play);
void play_leave(struct play *play); /* the link ends without a word */
bool play_arrive(struct play *play, struct stage_peer *peer, bool has_channels);
bool play_ask(struct play *play);                       /* the node asks the peer what it offers */
bool play_advance(struct play *play, enum level level); /* false: the link has ended */
void play_move(struct play *play, struct talk *talk, uint32_t rounds);
void play_hear(struct stage *stage, struct lane *lane, const struct vx6_msg *frame);
void play_output(struct stage *stage, const struct vx6_out *out);
void play_honest_frame(struct play *play, struct buffer *frame, enum vx6_msg_type type);

/* ---- play_queries.c ---- */
void play_ask_scene(struct play *play);
void play_spoil_ask(struct play *play, struct stage_peer *peer);
void play_answer_scene(struct play *play);
void play_stranger_scene(struct play *play);
/* Any message of a query, as good as it would be at its place. */
void play_honest_query(struct play *play, struct buffer *message, enum vx6_msg_type type);
size_t play_answer(struct stage *stage, const struct stage_peer *peer, const struct vx6_msg *ask,
    uint8_t *message);

/* ---- play_changes.c ---- */
void play_arm(struct play *play, enum stage_point point); /* what is said there next is changed */
void play_tap(
    struct stage *stage, enum stage_point point, struct lane *lane, struct buffer *buffer);

#endif
