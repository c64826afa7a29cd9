/* SPDX-License-Identifier: MIT */
/* The client's side: local ports that lead to services of other nodes. */
#ifndef VX6_FORWARD_H
#define VX6_FORWARD_H

#include "explain.h"
#include "host.h"
#include "traffic.h"
#include "vx6/node.h"

enum {
    FORWARDS_MAX = 128,
    FORWARD_NAME_SIZE = VX6_NAME_MAX + 1
};

struct forward_config {
    char name[FORWARD_NAME_SIZE]; /* "alice.web"; with an address only the service */
    bool by_addr;
    vx6_addr addr;
    enum explain_key key_source;
    uint8_t key[32]; /* unless the source is NONE */
    vx6_addr listen; /* port 0: any free one */
};

enum forward_state {
    FORWARD_OPENING,
    FORWARD_UP,
    FORWARD_DOWN /* the next connection opens it again */
};

const char *forward_state_name(enum forward_state state);

struct forward_facts {
    uint32_t number; /* never used twice in a run */
    struct forward_config config;
    enum forward_state state;
    bool key_is_new;             /* kept just now, on first use of the address */
    uint8_t key[32];             /* whose it is, once it was up */
    uint8_t key_before[32];      /* that has handed over to it meanwhile; zero: none has */
    vx6_addr peer;               /* where */
    enum vx6_code code;          /* of the last failure */
    char error[TEXT_ERROR_SIZE]; /* its line; "" when there was none */
    uint64_t connection_count, failure_count;
    uint32_t open_count;
    struct traffic traffic;
};

enum forward_news {
    FORWARD_IS_UP,
    FORWARD_FAILED, /* an attempt, or one connection: facts->error says why */
    FORWARD_ENDED   /* it is gone when this returns */
};
typedef void forward_heard(
    void *context, const struct forward_facts *facts, enum forward_news news);

struct forwards;

struct forwards *forwards_new(struct host *host);
void forwards_free(struct forwards *forwards);

/* Listens and opens the session. NULL with *code and a line on failure. A session that does not
 * come up the first time ends the forward: FAILED, then ENDED. */
const struct forward_facts *forwards_open(struct forwards *forwards,
    const struct forward_config *config, forward_heard *heard, void *context, enum vx6_code *code,
    char error[TEXT_ERROR_SIZE]);
/* Nobody listens to the news any more. */
void forwards_ignore(struct forwards *forwards, uint32_t number);
/* A key has handed over to another: forwards that led to it lead to that. */
void forwards_follow(struct forwards *forwards, const uint8_t from[32], const uint8_t to[32]);
/* False: there is none with this number. */
bool forwards_end(struct forwards *forwards, uint32_t number);
/* The number of one that goes by a name with this label; 0: none does. */
uint32_t forwards_by_label(const struct forwards *forwards, const char *label);
uint32_t forwards_by_addr(const struct forwards *forwards, const vx6_addr *addr);
/* NULL behind the last. */
struct forward_facts *forwards_facts(struct forwards *forwards, size_t index);

/* Outputs of the state machine. */
void forwards_session_up(struct forwards *forwards, const struct vx6_out *out);
void forwards_session_down(struct forwards *forwards, const struct vx6_out *out);

#endif
