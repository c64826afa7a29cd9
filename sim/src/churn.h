/* SPDX-License-Identifier: MIT */
#ifndef SIM_CHURN_H
#define SIM_CHURN_H

#include "world.h"

void churn_init(struct world *world);
/* Does what is due at the world's time, which is world.churn_next. */
void churn_act(struct world *world);
/* Departures asked for until now. */
uint64_t churn_expected(const struct world *world);
/* A node is gone without a word. */
void churn_kill(struct world *world, struct actor *actor);

#endif
