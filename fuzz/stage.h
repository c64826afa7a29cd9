/* SPDX-License-Identifier: MIT */
/* One node on a stage: its driver, and peers who hold keys and say what the tape says. Peers are
 * honest as far as it takes to be heard: they finish handshakes and seal what they say. */
#ifndef VX6_FUZZ_STAGE_H
#define VX6_FUZZ_STAGE_H

#include "bounds.h"
#include "fuzz.h"
#include "link_internal.h"
#include "memory.h"
#include "query_internal.h"

enum {
    STAGE_PEERS = 4,
    STAGE_LANES = 16, /* more than the node's limit of links, which stage_init() sets */
    STAGE_IDS = 64,
    LANE_KEYED = 3, /* lane.step when the handshake is done */
    LANE_DEAF = 4   /* the peer does not follow any more */
};

struct stage_peer {
    struct own_keys keys;
    vx6_addr addr;
    uint8_t record[VX6_RECORD_MAX];
    size_t record_len;
    uint8_t token[16];                                   /* of the node's last answer */
    struct vx6_ask ask;                                  /* the last one that it sent */
    uint8_t mac1[VX6_MAC_SIZE], cookie[VX6_COOKIE_SIZE]; /* of that; of the node, if it wanted it */
    bool has_cookie;
    uint64_t asks, answers; /* that it made */
    uint64_t answered;      /* asks that the node answered */
};

/* A carrier between the node and a peer. */
struct lane {
    vx6_id id;
    bool is_alive, is_dialling; /* by the node; the carrier is not up yet */
    bool is_initiator;          /* the peer is */
    bool has_channels;
    uint8_t step; /* messages of the handshake so far */
    struct stage_peer *peer;
    struct vx6_handshake noise;
    struct vx6_cipher send, receive;
};

/* Where what a peer says can be changed on its way, and where bytes as they leave it. */
enum stage_point {
    SAID_ASK, /* messages, before they are sealed */
    SAID_ANSWER,
    SAID_FRAME,
    SAID_ASK_PAYLOAD, /* the same with their length, up to the room that there is */
    SAID_ANSWER_PAYLOAD,
    SAID_FRAMES,    /* those of one record, each with its length; or of a channel */
    SAID_HANDSHAKE, /* payload of message 2 or 3 */
    SENT_ASK,
    SENT_ANSWER,
    SENT_COOKIE,
    SENT_HANDSHAKE,
    SENT_RECORD,
    STAGE_POINTS
};

struct buffer {
    uint8_t *data;
    size_t len, cap;
};

/* An object that the driver has heard of, and not yet of its end. */
struct stage_id {
    vx6_id id;
    enum slot_kind kind;
};

#define ANSWER_COOKIE SIZE_MAX

struct stage;

/* What a program may do besides; NULL: nothing. */
struct stage_hooks {
    void (*tap)(struct stage *stage, enum stage_point point, struct lane *lane,
        struct buffer *buffer); /* lane: NULL where there is none */
    void (*hear)(struct stage *stage, struct lane *lane, const struct vx6_msg *frame);
    /* What a peer answers, into `message` of ANSWER_MAX bytes; 0: nothing; ANSWER_COOKIE: it wants
     * a proof of address first. */
    size_t (*answer)(struct stage *stage, const struct stage_peer *peer, const struct vx6_msg *ask,
        uint8_t *message);
    void (*output)(struct stage *stage, const struct vx6_out *out); /* of sessions and streams */
};

/* How bytes come to the node: as inputs, unless it runs elsewhere. */
struct stage_carrier {
    void (*bytes)(
        struct stage *stage, struct lane *lane, uint8_t channel, const uint8_t *data, size_t len);
    void (*datagram)(struct stage *stage, const vx6_addr *from, const uint8_t *data, size_t len);
    void (*drain)(struct stage *stage); /* what it has to say has come and been heard */
};

struct stage {
    void *context; /* the program's */
    struct stage_hooks hooks;
    struct stage_carrier carrier;
    uint8_t node_key[32], node_id[32];
    struct tape tape;
    struct memory memory;
    struct vx6_limits limits;
    struct vx6_crypto crypto;
    enum vx6_suite suite; /* that the node offers */
    struct vx6_trace trace;
    vx6_env *env;
    vx6_node *node; /* NULL: it runs elsewhere */
    vx6_ns now;
    vx6_addr addr; /* the node's */
    struct stage_peer peers[STAGE_PEERS];
    struct lane lanes[STAGE_LANES];
    struct stage_id ids[STAGE_IDS];
    uint32_t id_count;
    bool is_away;   /* the node runs elsewhere, in real time */
    bool is_silent; /* nobody says anything any more */
};

/* Peers, and limits that are soon reached. The tape is `data`. */
struct stage *stage_new(const struct vx6_crypto *crypto, const uint8_t *data, size_t len);
void stage_start(struct stage *stage); /* makes the node */
/* There is none here: it runs elsewhere, has this key, and is reached so. */
void stage_start_away(
    struct stage *stage, const uint8_t key[32], const struct stage_carrier *carrier);
int64_t stage_unix_s(const struct stage *stage); /* as the node has it */
/* Shuts the node down, sees that it closes, and that all memory is given back. */
void stage_end(struct stage *stage);

enum vx6_code stage_input(struct stage *stage, struct vx6_in *in);
void stage_drain(struct stage *stage); /* takes all outputs, and acts on them */
/* The node's timers run until then. */
void stage_wait(struct stage *stage, vx6_ns ns);
/* Somebody else is there now: other keys, at the same address. */
void stage_replace_peer(struct stage *stage, struct stage_peer *peer, uint32_t number);
void stage_renew_peers(struct stage *stage); /* their records, which expire */

/* ---- what the driver does besides ---- */
void stage_id_add(struct stage *stage, vx6_id id, enum slot_kind kind);
/* One of the kind; or 0, or whatever the tape says. */
vx6_id stage_id_pick(struct stage *stage, enum slot_kind kind);
void stage_stream_read(struct stage *stage, vx6_id stream, size_t max);
void stage_stream_write(struct stage *stage, vx6_id stream, size_t max, bool fin);

/* ---- links ---- */
void stage_tap(
    struct stage *stage, enum stage_point point, struct lane *lane, struct buffer *buffer);
struct lane *lane_new(struct stage *stage, vx6_id id, struct stage_peer *peer);
void lane_clear(struct stage *stage, struct lane *lane);
struct lane *lane_pick(struct stage *stage); /* NULL: there is none */
/* The peer connects. NULL: refused. */
struct lane *lane_accept(struct stage *stage, struct stage_peer *peer, bool has_channels);
/* It begins its handshake, or shows its record. */
void lane_start(struct stage *stage, struct lane *lane);
/* The carrier that the node has dialled comes up, or one ends. */
void lane_up(struct stage *stage, struct lane *lane, bool has_channels);
void lane_down(struct stage *stage, struct lane *lane);
/* Bytes as they are. `channel` is 0 where there are none. */
void lane_give(
    struct stage *stage, struct lane *lane, uint8_t channel, const uint8_t *data, size_t len);
/* Frames, each with its length before it: sealed as one record, or as they are on a channel. */
void lane_say(struct stage *stage, struct lane *lane, uint8_t channel, vx6_span frames);
void lane_say_frame(struct stage *stage, struct lane *lane, uint8_t channel, vx6_span frame);
void lane_say_hello(struct stage *stage, struct lane *lane);
void lane_hear(struct stage *stage, struct lane *lane, const struct vx6_batch *batch);

/* ---- their handshakes by hand ---- */
enum vx6_suite lane_suite(const struct stage *stage, const struct lane *lane, uint8_t first_byte);
void lane_begin_noise(
    struct stage *stage, struct lane *lane, enum vx6_suite suite, uint8_t first_byte);
void lane_payload(const struct stage_peer *peer, uint8_t payload[LINK_PAYLOAD_SIZE]);
void lane_split(struct stage *stage, struct lane *lane);

/* ---- queries ---- */
void stage_datagram(struct stage *stage, const vx6_addr *from, const uint8_t *data, size_t len);
/* The peer asks with `message`; `with_token`: the token in it is made true. */
void peer_ask(struct stage *stage, struct stage_peer *peer, vx6_span message, bool with_token);
/* A bundle of the peer's own: the bits of `facts` say with which claim, services, version, age. */
size_t peer_bundle(
    struct stage *stage, const struct stage_peer *peer, uint8_t facts, uint8_t out[VX6_BUNDLE_MAX]);
/* What an honest peer would say to an ask of this type; of others, all that there are. */
size_t peer_answer(
    struct stage *stage, const struct stage_peer *peer, uint8_t ask, uint8_t *dst, size_t cap);
/* The head of any answer, true. */
void peer_head(struct stage *stage, const struct stage_peer *peer, struct vx6_msg *answer);
/* It asks to store a bundle of its own; the node's last answer has the token. */
void peer_store(struct stage *stage, struct stage_peer *peer, uint8_t facts, uint8_t under);
void peer_hear(struct stage *stage, const vx6_addr *to, vx6_span datagram);

#endif
