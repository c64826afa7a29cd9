/* SPDX-License-Identifier: MIT */
/* Entry points: addresses of nodes by which this one joins the network. */
#ifndef VX6_PEERS_H
#define VX6_PEERS_H

#include "host.h"
#include "vx6/node.h"

enum {
    PEERS_MAX = 8 /* as many as the state machine remembers */
};

enum peer_state {
    PEER_ASKED,
    PEER_ANSWERED,
    PEER_FAILED
};

struct peer_facts {
    vx6_addr addr;
    enum peer_state state;
    enum vx6_code code; /* of the last failure */
    uint8_t key[32];    /* once it has answered */
    bool is_stored;     /* as it last answered: on the disk for the next start */
};

/* Told once how the attempt went. */
typedef void peer_heard(void *context, const struct peer_facts *facts);

struct peers;

struct peers *peers_new(struct host *host);
void peers_free(struct peers *peers);
/* At start: for this run, whether it answers now or later. */
bool peers_add(struct peers *peers, const vx6_addr *addr, char error[TEXT_ERROR_SIZE]);
void peers_start(struct peers *peers);
/* On command: kept, also for later runs, when it answers and can be stored. */
bool peers_try(struct peers *peers, const vx6_addr *addr, peer_heard *heard, void *context,
    char error[TEXT_ERROR_SIZE]);
void peers_ignore(struct peers *peers, void *context); /* nobody waits any more */
bool peers_any(const struct peers *peers);             /* there is one */
const struct peer_facts *peers_facts(const struct peers *peers, size_t index);
/* "[2001:db8::7]:4242: UNREACHABLE: ..." */
void peers_explain(
    const struct peers *peers, const struct peer_facts *facts, char line[TEXT_ERROR_SIZE]);

#endif
