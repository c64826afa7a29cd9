/* SPDX-License-Identifier: MIT */
/* The simulated world: who exists, what is under way, what was counted.
 *
 * A node belongs to a shard, which has its own queue, memory, counters, vx6_env and thread. Within
 * a window (window.h) a shard touches only its own nodes; everything that crosses from node to node
 * is an event at least NET_LOOKAHEAD later. Who is alive changes only between windows (churn.c), so
 * a member may be read from anywhere. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "memo.h"
#include "mix.h"
#include "net.h"
#include "pool.h"
#include "queue.h"
#include "vx6/crypto.h"
#include "vx6/node.h"
#include "window.h"

#include <stdio.h>

enum provider {
    PROVIDER_MODEL,
    PROVIDER_MEMO,
    PROVIDER_REAL
};

struct options {
    uint32_t nodes;
    uint32_t churn_ppm; /* of the nodes leave in a minute */
    uint32_t loss_ppm;
    uint32_t success_min_ppm; /* exit code 1 below this share of lookups; 0: any */
    uint64_t seed;
    vx6_ns duration;
    uint32_t liar_ppm;                /* of the nodes lie */
    uint32_t kill_ppm, partition_ppm; /* of the nodes; 0: it does not happen */
    vx6_ns kill_at, partition_from, partition_to;
    vx6_ns entries_die_at; /* 0: never */
    uint32_t dead_ppm;     /* --validate: of the nodes are dead but in tables */
    vx6_ns recover_within; /* of the end of all faults; 0: at any time */
    enum provider provider;
    enum carrier carrier;
    uint64_t crypto_salt;
    uint64_t perturb; /* which datagram is dropped instead of delivered, from 1; 0: none */
    uint32_t threads;
    bool json;
    bool progress;
    bool validate; /* --validate kademlia instead of the flagship workload */
};

enum event_kind {
    EVENT_WAKE, /* a node's deadline; also: room on the access line */
    EVENT_DATAGRAM,
    EVENT_CONNECT, /* of links */
    EVENT_CONNECTED,
    EVENT_REFUSED,
    EVENT_CHUNK,
    EVENT_CREDIT,
    EVENT_CLOSE,
    EVENT_RESET,
    EVENT_CONFIRM, /* the dialler is proved; secure carriers only */
    EVENT_COMMAND  /* the workload of one node; value: enum command */
};

enum event_flag {
    EVENT_BY_DIALLER = 1, /* sent by the end that dialled */
    EVENT_QUEUED = 2,     /* has waited on the receiver's access line */
    EVENT_FETCHED = 4     /* there is nothing more to fetch for it */
};

enum command {
    COMMAND_RESOLVE,       /* a name that this node has not resolved before */
    COMMAND_RESOLVE_AGAIN, /* one that it has: asked for by key */
    COMMAND_SESSION,
    COMMAND_CHANGE, /* the owner changes its services, and so its record */
    COMMAND_JOIN,   /* a newcomer tries an entry peer */
    COMMAND_BEGIN,  /* warm.c: one of the first nodes wakes up */
    COMMAND_LOOKUP  /* validate.c */
};

struct payload; /* payload.h */

/* What channels have beyond a byte stream. */
struct channels {
    vx6_ns arrival_last[VX6_CHANNEL_COUNT];
};

/* One end of a connection. */
struct end {
    vx6_id id; /* the node's link */
    uint32_t peer;
    uint16_t conn; /* with the dialler's index: which connection */
    bool dialled, up, paused, want_write, closed_by_peer;
    uint32_t in_flight;        /* bytes sent that the other end has not read */
    uint32_t unreported;       /* bytes read that the other end does not know of */
    vx6_ns arrival_last;       /* of what this end sent: keeps the order */
    struct channels *channels; /* NULL: it is a byte stream */
    struct payload *held;      /* arrived while paused, oldest first */
    struct payload *held_last;
};

/* A command of the workload that has not ended. */
struct pending {
    vx6_id id;
    uint32_t target; /* member whose name is asked for */
    uint8_t command;
    vx6_ns started;
    uint8_t key[32];   /* COMMAND_LOOKUP */
    uint64_t sequence; /* of the record shown */
};

/* One transfer of TRANSFER_BYTES over a session, as client or as owner. */
struct transfer {
    vx6_id session, stream; /* the owner's side has no session ID */
    bool is_client, done_sending, verified, up;
    uint32_t target;
    uint64_t nonce; /* names the pattern of its bytes */
    uint32_t sent, received;
    vx6_ns started, dialled;
};

struct actor;
struct liar;
struct sorted;
struct shard;
struct world;

/* Everybody who ever was, by index; never removed. Two share a cache line: whoever sends something
 * reads that of the other. */
struct member {
    struct actor *actor; /* NULL once gone */
    struct place place;
};
_Static_assert(sizeof(struct member) == 32, "half a cache line");

/* The same members, as to what is asked for less often. */
struct history {
    _Atomic vx6_ns published; /* VX6_NEVER: not yet. Set by its own shard; to be read by others
                                 only as to whether it lies more than a window back */
    vx6_ns came;
    vx6_ns left; /* VX6_NEVER: still up */
    bool silent; /* left without a word: its host answers nothing */
};

/* What a node has been shown of another. */
struct known {
    uint32_t target;
    uint64_t sequence; /* of the newest record shown since its name was bound; 0: none */
};

/* A node that is up. What every event touches stands first, in two cache lines. */
struct actor {
    vx6_node *node;
    struct shard *shard;
    struct liar *liar; /* NULL: honest */
    uint32_t index;
    uint32_t sequence;  /* of the next event it sends */
    uint64_t packets;   /* sent; numbers the draws for loss and jitter */
    uint64_t datagrams; /* that came */
    uint64_t digest;
    vx6_ns armed; /* time of the wake-up under way */
    vx6_ns uplink_free, downlink_free;
    vx6_ns write_again;                  /* the access line has room then; VX6_NEVER: it has now */
    bool datagrams_wanted, links_wanted; /* may have something to say */
    bool leaving;                        /* says its last words: room does not matter */

    bool joined;
    bool has_second_service;
    uint16_t conn_next;
    uint32_t live_slot; /* in world.live */
    uint32_t end_count, pending_count, transfer_count, known_count;
    struct end *ends;
    struct pending *pending;
    struct transfer *transfers;
    struct known *known; /* members whose names it has resolved */
    struct draw draw;
};

/* Samples of a time, in microseconds. */
struct samples {
    uint32_t *items;
    uint32_t count, capacity;
};

enum {
    CODE_COUNT = 64
};

/* Lookups of names by the moment at which they were asked for. */
struct slice {
    uint32_t counted, succeeded;
};
#define SLICE (5 * VX6_SECOND)

struct timeline {
    struct slice *slices;
    uint32_t count;
};

struct lookup_stats {
    struct samples latency;
    uint64_t asked, succeeded, hops, queries, lost;
    uint64_t hits; /* answered by the node's own registry */
    uint64_t owner_left, asker_left, skipped;
    uint64_t failures[CODE_COUNT]; /* by enum vx6_code */
};

struct session_stats {
    struct samples setup, direct,
        transfer; /* from the command; from the dial; until the last byte */
    uint64_t opened, up, completed, owner_left, asker_left, bytes_verified;
    uint64_t failures[CODE_COUNT];
};

struct validation {
    uint64_t lookups, done, failed;
    uint64_t hops, queries, lost;
    uint64_t closest_found, closest_all;
};

/* How often check.c looked, so that it can be seen that it did. */
struct observations {
    uint64_t keys, candidates, repeated; /* repeated: of names whose record had been seen before */
    uint64_t budgets, settled;
};

struct stats {
    struct validation validation;
    uint64_t messages, timers, commands; /* events */
    uint64_t datagrams_sent, datagrams_lost, datagrams_delivered, datagrams_dead;
    uint64_t datagram_bytes, chunk_bytes, chunks, connects;
    uint64_t joins_tried, joins_failed;
    uint64_t lies; /* answers that liars made up */
    struct observations observed;
    struct lookup_stats names, records;
    struct timeline timeline; /* of names */
    struct session_stats sessions;
    uint64_t traced[VX6_EVENT_COUNT];
};

/* A liar, as the others know it. */
struct colluder {
    uint32_t index;
    uint8_t id[32];
};

/* What check.c found in one shard. */
struct violations {
    uint64_t count;
    vx6_ns time; /* of the first; of several at one time, that of the lowest node */
    uint32_t node;
    char first[200];
};

struct shard {
    _Alignas(64) struct world *world;
    uint32_t index;
    struct crossing crossing;
    struct vx6_crypto crypto;
    struct memo memo;
    struct violations violations;
    struct queue queue;
    struct pool pool;
    vx6_env *env;
    struct vx6_trace trace;
    struct stats stats;
    vx6_ns now;
    uint8_t *scratch;     /* NET_FILL_MAX bytes for fill */
    struct payload *room; /* payload_room() */
};

struct world {
    struct options options;
    struct vx6_limits limits;
    struct shard *shards;
    uint32_t shard_count;
    struct windows windows;
    struct sorted *sorted;  /* warm.c: the first nodes, by ID */
    struct colluder *liars; /* that ever were */
    uint32_t liar_count;
    struct draw fault_draw;
    vx6_ns fault_next, kill_next, partition_next, entries_next; /* fault.c; VX6_NEVER: none */
    uint32_t kill_left, kill_steps, killed;
    vx6_ns partition_until; /* 0: there is none */
    struct stats total;     /* of all shards, once the run is over */
    struct member *members;
    struct history *histories;
    uint8_t (*keys)[32]; /* identities of members */
    uint32_t member_count, member_capacity;
    uint32_t *live; /* indexes of members that are up, in no order that means anything */
    uint32_t live_count, live_peak;
    uint64_t digest_gone; /* of actors that have left */
    uint8_t (*ids)[32];   /* node IDs of members; validate.c only */
    vx6_ns now;
    /* churn.c */
    struct draw churn_draw;
    vx6_ns churn_exact, leave_next, churn_next;
    struct departure *departures; /* nodes that shut down and are still up, in order of their end */
    uint32_t departure_first, departure_count, departure_capacity;
    uint64_t leaves, leaves_silent, joins;
    uint64_t budget_checks; /* check.c */
    /* report.c */
    uint64_t rss_before;
    uint64_t wall_started_ns;
    bool partial;
};

/* `world` is zero, but for what report_begin() left there. */
void world_init(struct world *world, const struct options *options);
void world_free(struct world *world);
/* A new identity with a new address; it is up at once, and knows nobody. */
struct actor *world_join(struct world *world);
/* The address of a member, and back: UINT32_MAX when it is nobody's. */
static inline vx6_addr world_addr(const struct world *world, uint32_t index)
{
    return net_addr(&world->members[index].place, index);
}
static inline uint32_t world_addr_index(const struct world *world, const vx6_addr *addr)
{
    uint64_t index = load_word(addr->ip + 8);
    bool is_member =
        index < world->member_count && load_word(addr->ip) == world->members[index].place.prefix;
    return is_member ? (uint32_t)index : UINT32_MAX;
}
/* Runs all events before `limit`; then it is `limit`. */
void world_run(struct world *world, vx6_ns limit);
/* It counts among the live no more, but is up until world_remove(). */
void world_depart(struct world *world, struct actor *actor);
/* Gone; its node is freed. */
void world_remove(struct world *world, struct actor *actor);
/* The secret that a member's identity is made from; only liars need it. */
void world_identity_seed(const struct world *world, uint32_t index, uint8_t seed[32]);
int64_t world_unix_ms(vx6_ns now);
uint64_t world_digest(const struct world *world);
uint64_t world_event_count(const struct world *world);
/* The sums over all shards, which may lose their samples to it; to be freed with stats_free(). */
struct stats world_stats(struct world *world);

/* Hands an event to the shard of its destination, within the window or between windows. */
static inline void shard_send(struct shard *shard, const struct event *event)
{
    const uint32_t count = shard->world->shard_count;
    const uint32_t to = count == 1 ? 0 : event->dst % count;
    if (to == shard->index) {
        queue_push(&shard->queue, event);
    } else {
        const struct event crossing = *event;
        window_send(shard, to, &crossing);
    }
}
/* Runs the shard's events before `limit`; then it is `limit` there. */
void shard_run(struct shard *shard, vx6_ns limit);

#endif
