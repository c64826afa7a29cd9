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
/* A claimant's bundle says what it claims to say, and has not expired; its sequence number. */
void check_candidate(
    struct actor *actor, uint32_t target, const struct vx6_out *out, uint64_t *sequence);
/* Of a bound name no record is preferred to a newer one that the node was shown before: *newest,
 * which may rise. */
void check_sequence(struct actor *actor, uint32_t target, uint64_t *newest, uint64_t shown);
/* Between windows: some of the nodes keep to their limits. */
void check_budgets(struct world *world);
/* At the end of a run: whoever has been up for long, with no fault and no liars, is in the network
 * and has published. */
void check_settled(struct world *world);
/* The bytes of a pattern: the byte at an offset, and whether a run of bytes is right. */
void pattern_fill(uint64_t nonce, uint64_t offset, uint8_t *bytes, size_t len);
bool pattern_matches(uint64_t nonce, uint64_t offset, const uint8_t *bytes, size_t len);
/* The measured churn lies within three sigma of the one asked for. */
bool check_churn(const struct world *world);

#endif
