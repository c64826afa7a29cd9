/* SPDX-License-Identifier: MIT */
/* The network between nodes, as pure functions of the seed: where a node is, how long a packet
 * takes, whether it is lost. No state per pair of nodes. The model and the source of its figures
 * stand in sim/README.md. */
#ifndef SIM_NET_H
#define SIM_NET_H

#include "vx6/node.h"

enum {
    NET_PORT = 4242,
    NET_DATAGRAM_HEADER = 48,     /* IPv6 and UDP */
    NET_RETRANSMIT_SYN_MS = 1000, /* a lost connect is tried again after this */
    NET_JITTER_SHARE = 32         /* mean jitter: this part of the one-way time */
};
/* No event crosses from one node to another in less: what shards may run ahead by. */
#define NET_LOOKAHEAD (5 * VX6_MILLISECOND)

enum carrier {
    CARRIER_TCP,    /* a byte stream */
    CARRIER_STREAMS /* secure by itself, with channels, as QUIC is */
};
struct net_carrier {
    uint32_t segment_bytes; /* of a link, in one packet */
    uint32_t header_bytes;  /* around it */
    uint32_t connect_bytes; /* of each of the two packets that connect */
    uint32_t fill_bytes;    /* asked for at once */
};
extern const struct net_carrier net_carriers[]; /* by enum carrier */
enum {
    NET_FILL_MAX = 44 * 1200 /* what one batch of datagrams takes */
};

struct net_line {
    uint32_t up_ns_per_kib, down_ns_per_kib;
    uint32_t share; /* of 100 nodes */
};
extern const struct net_line net_lines[];

struct place {
    uint64_t prefix;    /* of its address: net_prefix() */
    int32_t x_us, y_us; /* distance in the plane: microseconds of round trip */
    uint32_t height_us; /* the access network's share */
    uint32_t line;      /* of net_lines */
};

struct place net_place(uint64_t seed, uint32_t index);
vx6_ns net_one_way(const struct place *a, const struct place *b); /* >= NET_LOOKAHEAD */
/* From the 64 random bits of one packet: what it takes longer than the one-way time. The product of
 * two uniform draws has mean 1/4 and a tail: cheap and integer. */
static inline vx6_ns net_jitter(uint64_t random, vx6_ns one_way)
{
    uint64_t a = random & 0xffff;
    uint64_t b = random >> 16 & 0xffff;
    return ((a * b) >> 16) * (one_way / NET_JITTER_SHARE * 4) >> 16;
}
/* Is the packet lost? Independent of its jitter. */
static inline bool net_is_lost(uint64_t random, uint32_t loss_ppm)
{
    return ((random >> 32) * 1000000) >> 32 < loss_ppm;
}
static inline vx6_ns net_serialise(uint32_t ns_per_kib, uint64_t bytes)
{
    return ns_per_kib * bytes >> 10;
}

/* Every node has a /64 of its own; an eighth shares a /48 with a neighbour, and popular /32s hold
 * many nodes. All are of global scope. */
uint64_t net_prefix(uint64_t seed, uint32_t index); /* the first half of it, in network order */
/* The other half is the index of the node. */
vx6_addr net_addr(const struct place *place, uint32_t index);

#endif
