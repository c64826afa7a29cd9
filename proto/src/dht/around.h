/* SPDX-License-Identifier: MIT */
/* Who is among the closest to a key, asked of many keys that lie around the own ID, as those of
 * what a node holds do. The answers are the table's; they come from a copy of the contacts around
 * the own ID, with which processors compute at once. */
#ifndef VX6_AROUND_H
#define VX6_AROUND_H

#include "lookup.h"
#include "sync.h"

enum {
    AROUND_WANTED = 40, /* contacts, unless there are fewer: buckets are copied until there are */
    AROUND_MAX = 64     /* whole vectors */
};

/* Of no use any more once the table changes. */
struct around {
    const struct vx6_node *node;
    struct peer *const *peers; /* that are asked for */
    uint32_t peer_count;
    uint32_t reach;               /* keys are answered for that lie nearer to the own ID; 0: none */
    int32_t prefixes[AROUND_MAX]; /* of all live contacts within reach; the others are beyond it */
    struct {
        uint32_t index;
        int32_t prefix;
    } asked[SYNC_NEIGHBOURS]; /* of the peers, those within reach */
    uint32_t asked_count;
};

/* `peers` are those that are asked for, at most SYNC_NEIGHBOURS; they are not copied. */
void around_look(struct around *around, const struct vx6_node *node, struct peer *const *peers,
    uint32_t peer_count);
bool around_is_asked(const struct around *around, const struct peer *peer);
/* Those of the k closest contacts to the key that are asked for, by their index among the peers,
 * closest first, as table_closest() finds them; returns how many they are. */
uint32_t around_closest(
    const struct around *around, const uint8_t key[32], uint32_t closest[SYNC_NEIGHBOURS]);
/* Are fewer than k contacts closer to the key than the node itself? */
bool around_is_own_share(const struct around *around, const uint8_t key[32]);

#endif
