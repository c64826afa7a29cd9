/* SPDX-License-Identifier: MIT */
/* A lying minority: nodes that join, publish and answer pings like any other, and lie to who looks
 * something up. They know each other. They forge by random bytes only, since whoever has the
 * model's table could make any signature (VX6-CRYPTO-016). */
#ifndef SIM_LIAR_H
#define SIM_LIAR_H

#include "world.h"

bool liar_is(const struct world *world, uint32_t index);
/* The node has joined the world: liars get to know it. */
void liar_add(struct world *world, struct actor *actor);
/* A datagram for a liar. False: it goes to the node itself, which is honest. Else *answer, of
 * VX6_DATAGRAM_SIZE bytes, has been written when *len is not 0. */
bool liar_datagram(
    struct actor *actor, const uint8_t *data, size_t len, uint8_t *answer, size_t *answer_len);
void liar_free(struct actor *actor);

#endif
