/* SPDX-License-Identifier: MIT */
/* Outcomes in the words of somebody at the command line: what happened, and what to do. */
#ifndef VX6_EXPLAIN_H
#define VX6_EXPLAIN_H

#include "text.h"

enum explain_key {
    EXPLAIN_KEY_NONE,  /* any key was welcome */
    EXPLAIN_KEY_GIVEN, /* by --key */
    EXPLAIN_KEY_KEPT   /* since first use of the address */
};

/* What somebody wanted: a service by name, or by address and service. */
struct explain_subject {
    const char *name;     /* "alice.web", "alice", or a service at `addr` */
    const vx6_addr *addr; /* NULL: by name */
    enum explain_key key_source;
    bool was_dialled; /* by name: an address was found, and somebody was called there */
    bool is_ending;   /* this node itself is shutting down */
    bool is_revoked;  /* the key of this node itself */
};

/* What happened and what to do, without the subject: it holds no address. */
const char *explain_why(const struct explain_subject *subject, enum vx6_code code);
/* "alice.web: CODE: why" */
void explain_line(char line[TEXT_ERROR_SIZE], const struct explain_subject *subject,
    enum vx6_code code, const char *why);
void explain(char line[TEXT_ERROR_SIZE], const struct explain_subject *subject, enum vx6_code code);

#endif
