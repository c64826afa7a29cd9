/* SPDX-License-Identifier: MIT */
/* One value on its way to the holders of one key: first a lookup, which brings them and their
 * tokens, then a store at each. Spec: spec/records.md, "Publishing". */
#ifndef VX6_PUBLICATION_H
#define VX6_PUBLICATION_H

#include "intern.h"

struct publication;

enum publication_user {
    PUBLICATION_OWN,      /* publish.c */
    PUBLICATION_TOMBSTONE /* revoked.c */
};

/* NULL: refused. publish_done() or revoked_publication_done() is called once, unless it is
 * cancelled, never before this has returned. */
struct publication *publication_start(
    struct vx6_node *node, const uint8_t key[32], struct blob *value, enum publication_user user);
void publication_cancel(struct vx6_node *node, struct publication *publication); /* NULL is fine */
/* Fetches what an answer touches, in two steps; true: there is another. */
bool publication_expect(const struct publication *publication, uint32_t step);

#endif
