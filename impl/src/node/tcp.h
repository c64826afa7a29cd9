/* SPDX-License-Identifier: MIT */
/* Links over TCP: listeners, dialled and accepted connections. */
#ifndef VX6_TCP_H
#define VX6_TCP_H

#include "host.h"
#include "vx6/node.h"

enum {
    TCP_LISTENERS_MAX = 8
};

struct tcp;

struct tcp_link_facts {
    vx6_addr peer;
    bool is_dialled;
    uint64_t received_bytes, sent_bytes;
};

struct tcp *tcp_new(struct host *host);
void tcp_free(struct tcp *tcp);
bool tcp_listen(struct tcp *tcp, const vx6_addr *addr, char error[TEXT_ERROR_SIZE]);
void tcp_stop_listening(struct tcp *tcp);

/* Outputs of the state machine. */
void tcp_dial(struct tcp *tcp, vx6_id id, const vx6_addr *peer);
void tcp_close(struct tcp *tcp, vx6_id id, enum vx6_code code);
void tcp_pause(struct tcp *tcp, vx6_id id);
void tcp_resume(struct tcp *tcp, vx6_id id);
void tcp_want_write(struct tcp *tcp, vx6_id id);

/* Nothing is open or waits to be sent. */
bool tcp_is_idle(const struct tcp *tcp);
/* Walks the open connections, newest first; false behind the last. */
bool tcp_link_facts(const struct tcp *tcp, size_t index, struct tcp_link_facts *facts);

#endif
