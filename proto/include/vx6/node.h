/* SPDX-License-Identifier: MIT */
/* The VX6 protocol as a state machine: no I/O, no clock, no threads, no calls into the driver.
 *
 *     input     something happened at `now`: bytes, link up or down, a command, or only time
 *     output    what the driver must do next; call until it returns false, then wait
 *     fill      write the next bytes of a carrier into the driver's buffer
 *     deadline  call input(VX6_IN_TICK) no later than this
 *
 * Any number of inputs may precede the outputs. A peer's misbehaviour is never an error of these
 * calls: it comes out as VX6_OUT_LINK_CLOSE (VX6-NODE-007). Equal config and equal calls give equal
 * results, byte for byte, on every compiler and machine (VX6-NODE-001). Spec: spec/README.md, "The
 * state machine". */
#ifndef VX6_NODE_H
#define VX6_NODE_H

#include "vx6/base.h"
#include "vx6/crypto.h"

typedef struct vx6_env vx6_env; /* memory, crypto, limits and trace; shared by a thread's nodes */
typedef struct vx6_node vx6_node;

enum {
    VX6_FILL_MIN = 33000,        /* room that fill needs: one link record */
    VX6_FILL_CHANNEL_MIN = 1200, /* the same where the carrier has channels */
    VX6_CHANNEL_COUNT = 64,
    VX6_HINT_SIZE = 52,         /* key 32, ip 16, port 2, flags 2 */
    VX6_CONTACT_COUNT_MAX = 20, /* k: contacts in an answer, holders of a value */
    VX6_ENDPOINT_MAX = 4
};

/* Kind, generation and slot of a link, session, stream or operation; a stale one is recognised.
 * 0 is no object. */
typedef struct vx6_id {
    uint32_t bits;
} vx6_id;

/* The carrier of all datagrams: a constant ID, always there. */
#define VX6_DATAGRAMS ((vx6_id){UINT32_MAX})

/* Allocates, resizes or, to 0, frees. Sizes are exact, so no header is needed. */
typedef struct vx6_alloc {
    void *(*resize)(void *context, void *memory, size_t size_from, size_t size_to);
    void *context;
} vx6_alloc;

/* Every bound a node keeps to; see schema/limits.def. */
struct vx6_limits {
#define LIMIT(name, value, min, max, why) uint32_t name;
#include "limits.def"
#undef LIMIT
};
extern const struct vx6_limits vx6_limits_default;

enum vx6_event_kind {
#define EVENT(name, doc) VX6_EVENT_##name,
#include "events.def"
#undef EVENT
    VX6_EVENT_COUNT
};
const char *vx6_event_name(enum vx6_event_kind kind);

struct vx6_event {
    vx6_ns now;
    uint64_t node_tag; /* from the config */
    enum vx6_event_kind kind;
    uint32_t len;
    uint16_t code;
    uint8_t msg;   /* enum vx6_msg_type, or 0 */
    vx6_addr peer; /* zero when there is none */
};

/* May be NULL. The sink must not call back into the node. */
struct vx6_trace {
    void (*event)(void *context, const struct vx6_event *event);
    void *context;
};

/* Which autonomous system announces which addresses: a file that the operator has, if any. */
struct vx6_asn_range {
    uint8_t first[16], last[16]; /* IPv4 as ::ffff:a.b.c.d */
    uint32_t asn;                /* not 0 */
};
struct vx6_asn_map {
    const struct vx6_asn_range *ranges; /* ascending, none overlaps another */
    size_t count;
};

typedef struct vx6_config {
    uint64_t node_tag;                 /* appears in trace events only */
    uint8_t identity_seed[32];         /* Ed25519 */
    uint8_t rng_seed[32];              /* the only randomness there is */
    char label[VX6_LABEL_MAX + 1];     /* the node's own name; "" for none */
    uint64_t sequence_first;           /* own records start here; the driver guarantees that no
                                          earlier run used a number at or above it */
    int64_t unix_ms;                   /* wall time at `now` of vx6_node_new */
    enum vx6_suite suite;              /* offered when dialling */
    const struct vx6_asn_map *asn_map; /* NULL: none. Must outlive the node */
    vx6_span lineage; /* the identity's, valid (vx6/identity.h); empty: it is the first */
} vx6_config;

enum vx6_in_kind {
    VX6_IN_TICK,         /* only time passes */
    VX6_IN_WALLCLOCK,    /* unix_ms: wall time at `now` */
    VX6_IN_NETWORK,      /* addresses, interfaces or routes have changed, or the host has slept */
    VX6_IN_ENDPOINT_ADD, /* peer: an own address, to be published; republishes at once */
    VX6_IN_ENDPOINT_REMOVE, /* peer */
    VX6_IN_PEER_ADD,  /* peer: an entry point of unknown key; a link learns it. Makes an operation:
                         OP_DONE says when it has answered, with its key */
    VX6_IN_CONTACT,   /* peer, key: restores a contact of an earlier run */
    VX6_IN_LABEL,     /* data: what the node is called from now on, nothing: no name; republishes at
                         once */
    VX6_IN_NAME_BIND, /* data: label, key, keys_before: restores or pins a binding */
    VX6_IN_NAME_UNBIND, /* data: label */
    VX6_IN_REVOKE,  /* data: a certificate (vx6/identity.h): believes that key no more, and tells
                   the network, now and for as long as the node runs */
    VX6_IN_REVOKED, /* data: the same, restored: tells the network less eagerly */
    /* VX6-SESS-025. data: name; adding again changes who may use it, and keeps the keys */
    VX6_IN_SERVICE_ADD,         /* public: whoever resolves this node */
    VX6_IN_SERVICE_ADD_LISTED,  /* keys that are allowed; all may see that it is there */
    VX6_IN_SERVICE_ADD_PRIVATE, /* keys that are allowed; nobody else learns of it */
    VX6_IN_SERVICE_ADD_HOSTED,  /* data: name, key: of the node that hosts it; SELF. LIMIT: also
                                   when the own bundle would be too long. INVALID: it is offered
                                   here; in the same way one that is hosted cannot be added */
    VX6_IN_SERVICE_ALLOW,       /* data: name, key, keys_before */
    VX6_IN_SERVICE_DENY,        /* data: name, key: takes it off; its sessions end */
    VX6_IN_SERVICE_REMOVE,      /* data: name; its sessions end, its keys are forgotten */
    VX6_IN_RESOLVE,             /* data: a name, such as "alice.web"; makes an operation */
    VX6_IN_LOOKUP,              /* key: a target; plain node lookup; makes an operation */
    VX6_IN_LIST,  /* data: a name without a service; or peer, and key if it is known: which services
                     of that node there are for this one; makes an operation */
    VX6_IN_REACH, /* peer: an own endpoint; asks a contact whether it can be reached there;
              makes an operation */
    VX6_IN_SESSION_OPEN,  /* data: "alice.web"; or, with peer set: a service name; and key if it is
                             known (else zero). Makes a session */
    VX6_IN_SESSION_CLOSE, /* id */
    VX6_IN_STREAM_OPEN,   /* id of a session; makes a stream */
    VX6_IN_STREAM_ACCEPT, /* id: the local service behind an incoming stream answered */
    VX6_IN_STREAM_RESET,  /* id, code */
    VX6_IN_CANCEL,        /* id of an operation */
    VX6_IN_LINK_ACCEPTED, /* peer; makes a link. Where the carrier is secure by itself and has
                         channels (VX6-LINK-020), also key: the peer's, which it has proved;
                         data: the binding, 32 bytes */
    VX6_IN_LINK_UP,       /* id: answers VX6_OUT_LINK_DIAL; key and data as above */
    VX6_IN_LINK_DOWN,     /* id, code: closed by the other end, refused or unreachable */
    VX6_IN_LINK_BYTES,    /* id, channel, data: any chunk of the stream, or of one channel */
    VX6_IN_DATAGRAM,      /* peer, data: one whole datagram */
    VX6_IN_SHUTDOWN       /* close all that is open, and hand over what is held for others; done
                             when vx6_node_is_closed() and no output is left */
};

/* Flat on purpose: it is logged, replayed and fuzzed. Fields that a kind does not use are zero. */
struct vx6_in {
    enum vx6_in_kind kind;
    enum vx6_code code;
    vx6_id id; /* the object concerned; set by the node where one is made */
    vx6_addr peer;
    int64_t unix_ms;
    const uint8_t *data; /* used or copied before the call returns */
    size_t len;
    uint8_t key[32];
    vx6_span keys_before; /* n * 32 bytes: those by which the key was followed (KEY_FOLLOWED),
                             oldest first, where that is restored; else none */
    uint8_t channel;      /* below VX6_CHANNEL_COUNT; 0 where there are none */
};

enum vx6_out_kind {
    VX6_OUT_LINK_DIAL,       /* id, peer, key: whose it should be, zero if anybody's: connect;
                            answer LINK_UP or LINK_DOWN */
    VX6_OUT_LINK_CLOSE,      /* id is dead: send what fill already gave, then close. code */
    VX6_OUT_LINK_PAUSE,      /* id: stop reading; bytes already read may still be fed */
    VX6_OUT_LINK_RESUME,     /* id */
    VX6_OUT_WANT_WRITE,      /* id of a link or VX6_DATAGRAMS, peer of the first: fill has bytes */
    VX6_OUT_SESSION_UP,      /* id, key: whose it is; peer: where */
    VX6_OUT_SESSION_DOWN,    /* id is dead; code; peer: where it was dialled, if it came to
                                that. Its streams were closed before */
    VX6_OUT_STREAM_INCOMING, /* id, key: who asks, value: local service; answer ACCEPT or RESET */
    VX6_OUT_STREAM_READABLE, /* id: peek has bytes, or the end */
    VX6_OUT_STREAM_WRITABLE, /* id: reserve has room again; first: the service has accepted */
    VX6_OUT_STREAM_CLOSED,   /* id is dead; code OK when both directions ended in order */
    VX6_OUT_CANDIDATE,       /* id of a resolve, key: a claimant, value: its bundle */
    VX6_OUT_OP_DONE,      /* id is dead; code, counts. value: of a lookup hints, closest first; of a
                             list offers, sorted by name. Of a reach: peer: the endpoint, key: who
                             was asked, and only if that is not lost, code is its word */
    VX6_OUT_NAME_BOUND,   /* key, value: label; to be kept for NAME_BIND in the next run */
    VX6_OUT_KEY_FOLLOWED, /* key, value: the key (32 bytes) that has handed over to it, and in
                             whose place it stands now: in names and in access lists */
    VX6_OUT_KEY_CLASH,    /* value: label, key: shown as the successor of its key, which has handed
                             over to another: refused */
    VX6_OUT_KEY_REVOKED,  /* key, value: the certificate; to be kept for REVOKED in the next run */
    VX6_OUT_CONTACT,      /* key, peer: a contact that answered; to be kept for the next run */
    VX6_OUT_CLOCK         /* the correction of the clock, or whether it is beyond one, has changed:
                             vx6_node_clock() */
};

struct vx6_out {
    enum vx6_out_kind kind;
    enum vx6_code code;
    vx6_id id;
    vx6_addr peer;
    uint8_t key[32];
    vx6_span value; /* valid until the next call on this node */
    uint32_t hops;  /* OP_DONE: depth at which the result was found, own table = 1, 0 = no lookup */
    uint32_t queries; /* OP_DONE: answered and lost ones */
    uint32_t lost;    /* OP_DONE: queries without an answer */
};

/* Where fill writes. For datagrams `len` is a whole number of datagrams of `segment_len` (the last
 * may be shorter), all to `peer`: what one GSO send takes. For links `peer` is unused; where the
 * carrier has channels, all is for `channel`. */
struct vx6_batch {
    uint8_t *dst;
    size_t cap; /* at least VX6_FILL_MIN, or VX6_FILL_CHANNEL_MIN; of datagrams, one */
    size_t len;
    size_t segment_len;
    vx6_addr peer;
    uint8_t channel;
    bool last; /* of datagrams: there are no more until the next WANT_WRITE */
};

/* NULL only when memory ran out. `crypto`, `limits` and `trace` must outlive the env; `trace` may
 * be NULL. */
vx6_env *vx6_env_new(vx6_alloc alloc, const struct vx6_crypto *crypto,
    const struct vx6_limits *limits, const struct vx6_trace *trace);
void vx6_env_free(vx6_env *env); /* after all its nodes */

/* NULL only when memory ran out. A bad config is the caller's error and asserts. */
VX6_MUST_CHECK vx6_node *vx6_node_new(vx6_env *env, const vx6_config *config, vx6_ns now);
void vx6_node_free(vx6_node *node);

/* VX6_OK; VX6_LIMIT, an own bound is reached; VX6_STALE, the id is gone; VX6_INVALID, the command
 * is malformed: nothing changed; VX6_NOMEM: the object concerned was closed, the node is whole.
 * `now` never falls. */
VX6_MUST_CHECK enum vx6_code vx6_node_input(vx6_node *node, vx6_ns now, struct vx6_in *in);
bool vx6_node_output(vx6_node *node, struct vx6_out *out);
/* For a driver of many nodes, which lie far apart in memory: this datagram will come soon, or, with
 * `len` 0, a tick. What it will touch is fetched into the cache; nothing changes. Each step follows
 * the pointers that the one before has fetched, so the steps want some time between them. False:
 * there is no further step. */
enum {
    VX6_EXPECT_STEPS = 6
};
bool vx6_node_expect(const vx6_node *node, uint32_t step, const uint8_t *data, size_t len);
vx6_ns vx6_node_deadline(const vx6_node *node);

/* True when it wrote: whole link records, whole frames of one channel, or datagrams. False: nothing
 * to say until the next WANT_WRITE. The node keeps no copy. */
bool vx6_node_fill(vx6_node *node, vx6_id carrier, struct vx6_batch *batch);

/* Application bytes without a copy. Look at what came and release it, which opens the peer's
 * window. `end` becomes true when nothing follows the bytes shown. Spans stay valid until the next
 * call. */
size_t vx6_stream_peek(
    const vx6_node *node, vx6_id stream, vx6_span *spans, size_t span_count, bool *end);
void vx6_stream_release(vx6_node *node, vx6_id stream, size_t len);
/* Reserve room, read into it and commit, be it nothing, before any other call: as many rooms, in
 * the order in which they are filled, as it says. 0: no room until WRITABLE. `fin` ends the sending
 * direction; nothing may be committed after it. */
struct vx6_room {
    uint8_t *data;
    size_t len;
};
size_t vx6_stream_reserve(vx6_node *node, vx6_id stream, struct vx6_room *rooms, size_t room_count);
void vx6_stream_commit(vx6_node *node, vx6_id stream, size_t len, bool fin);

/* What the node knows of itself. */
void vx6_node_identity(const vx6_node *node, uint8_t key[32], uint8_t id[32]);
/* After VX6_IN_SHUTDOWN: nothing is open any more. */
bool vx6_node_is_closed(const vx6_node *node);
uint64_t vx6_node_counter(const vx6_node *node, enum vx6_event_kind kind);
/* How much of what others sent was refused for this reason: the events that end in _refused. */
uint64_t vx6_node_refused(const vx6_node *node, enum vx6_code code);
struct vx6_counts {
    uint32_t links, sessions, streams, contacts, bundles, lookups, operations;
    uint32_t contacts_crowded; /* more from one site, network or provider than there should be */
};
void vx6_node_counts(const vx6_node *node, struct vx6_counts *counts);
/* What others say of the time, and what the node makes of it. */
struct vx6_clock {
    int64_t offset_s; /* in use: added to the own clock */
    int64_t wrong_s;  /* what would have to be added to it, by the median of others, as it is or
                         was in the last day; 0 if there was none */
    uint32_t responders, networks; /* that were heard of late */
    bool is_known;                 /* these are enough */
    bool is_beyond;                /* wrong by more than may be corrected */
};
void vx6_node_clock(const vx6_node *node, struct vx6_clock *facts);
/* Bytes that the node holds for long. What comes and goes (queries, lookups, links, sessions) is
 * not in it, nor what all nodes of the env share. */
struct vx6_memory {
    size_t state, contacts, held;
};
void vx6_node_memory(const vx6_node *node, struct vx6_memory *memory);
/* What the nodes of an env share: identities with addresses, records and bundles. */
struct vx6_shared_memory {
    size_t peers, records;
};
void vx6_env_memory(const vx6_env *env, struct vx6_shared_memory *memory);
/* Walks the routing table: the contact at `index`, in an order that is stable between inputs. */
bool vx6_node_contact(const vx6_node *node, size_t index, uint8_t key[32], vx6_addr *addr);

/* SHA-256 of (label, key), the node's place in the network. */
void vx6_node_id(const struct vx6_crypto *crypto, uint8_t id[32], const uint8_t key[32]);
/* What a name consists of (VX6-NAME-001); hint and service may be absent. */
enum {
    VX6_HINT_MIN = 4,
    VX6_HINT_MAX = 56,
    VX6_NAME_MAX = VX6_LABEL_MAX + 1 + VX6_HINT_MAX + 1 + VX6_LABEL_MAX
};
struct vx6_name {
    vx6_span label, hint, service; /* views of the text */
};
/* False when it is no name, and then *name is empty. */
bool vx6_name_parse(vx6_span text, struct vx6_name *name);
/* The text form of a node's key: 56 characters of base32, a checksum included; NUL-terminated. */
enum {
    VX6_KEY_TEXT_SIZE = 57
};
void vx6_key_text(
    const struct vx6_crypto *crypto, char text[VX6_KEY_TEXT_SIZE], const uint8_t key[32]);
/* False when the text is not a valid key; capitals are accepted. */
bool vx6_key_parse(const struct vx6_crypto *crypto, uint8_t key[32], const char *text, size_t len);

#endif
