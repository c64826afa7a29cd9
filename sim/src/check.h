/* SPDX-License-Identifier: MIT */
/* Safety: what must never happen, whatever the network does. One violation fails the run. */
#ifndef SIM_CHECK_H
#define SIM_CHECK_H

#include "world.h"

/* By a node, at its shard's time. */
void violation(struct actor *actor, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The violations of all shards; the first of all is the first. */
struct violations check_all(const struct world *world);
/* The key that was resolved for a member's name is the member's. */
void check_key(struct actor *actor, uint32_t target, const uint8_t key[32], const char *what);
/* A claimant's bundle says what it claims to say. */
void check_candidate(struct actor *actor, uint32_t target, const struct vx6_out *out);
/* The bytes of a pattern: the byte at an offset, and whether a run of bytes is right. */
void pattern_fill(uint64_t nonce, uint64_t offset, uint8_t *bytes, size_t len);
bool pattern_matches(uint64_t nonce, uint64_t offset, const uint8_t *bytes, size_t len);
/* The measured churn lies within three sigma of the one asked for. */
bool check_churn(const struct world *world);

#endif
