/* SPDX-License-Identifier: MIT */
/* Whether a key that this node relies on has been revoked since: it asks, in rounds, about one key
 * after the other. Spec: spec/names.md, "Asking about revocations". */
#ifndef VX6_RELIED_H
#define VX6_RELIED_H

#include <string.h>

#include "timer.h"
#include "vx6/node.h"

struct relied_round {
    struct lookup *lookup;     /* about `key` */
    uint8_t key[32], done[32]; /* that is asked about, and the last one before it */
    vx6_ns began;
    bool is_again_due; /* a key was added that this round may have passed */
};

struct relied {
    struct relied_round *round; /* NULL: between two */
    uint32_t retry_ms;          /* grows while nobody answers; 0: somebody did */
    bool joined;
};

/* One step of a walk over all keys in their order, each once, wherever they stand: whoever has some
 * shows them all, and the first behind `after` is kept. */
struct key_step {
    const uint8_t *after; /* zero: from the beginning */
    uint8_t next[32];
    bool is_found;
};
static inline void key_step_see(struct key_step *step, const uint8_t key[32])
{
    if (memcmp(key, step->after, 32) <= 0 || (step->is_found && memcmp(key, step->next, 32) >= 0))
        return;
    memcpy(step->next, key, 32);
    step->is_found = true;
}

void relied_joined(struct vx6_node *node); /* the network can be reached now */
/* One more key: of an access list, or of a name, which is looked up whenever it is used. */
void relied_added(struct vx6_node *node, bool is_on_list);
void relied_timer(struct vx6_node *node);
void relied_shutdown(struct vx6_node *node); /* asks nobody any more */
void relied_free(struct vx6_node *node);

#endif
