/* SPDX-License-Identifier: MIT */
/* What shows that a sender receives at its address: tokens, without which nothing is stored, and
 * cookies, without which nothing is answered under load. Nothing is kept for either.
 * Spec: spec/dht.md, "Tokens", and spec/queries.md, "Under load". */
#ifndef VX6_TOKEN_H
#define VX6_TOKEN_H

#include "vx6/crypto.h"
#include "vx6/node.h"

struct tokens {
    vx6_ns changed;
    uint8_t secret[2][32]; /* current and previous */
};

void tokens_init(struct vx6_node *node);
void tokens_free(struct vx6_node *node);
void token_make(struct vx6_node *node, uint8_t token[16], const vx6_addr *from);
bool token_is_valid(struct vx6_node *node, const uint8_t token[16], const vx6_addr *from);
/* For this address and port. */
void cookie_make(struct vx6_node *node, uint8_t cookie[VX6_COOKIE_SIZE], const vx6_addr *from);
/* Is the ask proven by a cookie made for where it comes from? */
bool cookie_proves(struct vx6_node *node, const vx6_addr *from, const uint8_t *ask);

#endif
