/* SPDX-License-Identifier: MIT */
/* What time it is: the own clock, and where it is far from what others say, by theirs. Each
 * responder counts once, a network no more than twice, and where there are more than are kept,
 * those go who come from where most do: so a few who lie move nothing, however often they say it.
 * Spec: spec/queries.md, "The time". */
#ifndef VX6_CLOCK_H
#define VX6_CLOCK_H

#include "timer.h"
#include "vx6/node.h"

enum {
    TIME_STEP_S = 16 /* times are stated in such steps: a finer clock would be a fingerprint */
};

/* What one responder said. */
struct clock_sample {
    vx6_ns heard;
    uint32_t time_s;
    uint32_t responder; /* the first 32 bits of clock_responder(); the tag is the last 8 */
};

struct clock {
    int64_t agreed_zero_s; /* Unix time at `now` 0, as others have it */
    vx6_ns agreed_at;      /* when there were last enough of them */
    bool has_agreed;       /* that was in the last day */
    bool is_beyond;        /* wrong by more than may be corrected */
    uint32_t count;
    struct clock_sample *samples; /* in no order; NULL before the first */
    uint64_t *excess; /* of each, where it is from and how much there is of that: the greatest gives
                         way */
    uint8_t *tags;
    uint64_t most;    /* the greatest excess of all; UINT64_MAX while there is room for more */
    vx6_ns stale_at;  /* before that none of them is */
    uint64_t seed;    /* of the draws among them, and of the hash of their keys */
    int64_t offset_s; /* in use: added to the own clock */
};

/* A responder, authenticated and at this address, states its time. */
void clock_heard(
    struct vx6_node *node, const uint8_t key[32], const vx6_addr *addr, uint32_t time_s);
/* Who disagrees was heard, the own clock was set, or what was agreed is old: corrects it, or no
 * longer. */
void clock_judge(struct vx6_node *node);
/* What is stated to others: the own clock, whatever others say. */
uint32_t clock_stated_s(const struct vx6_node *node);
/* Who said it, in 40 bits: a hash of the key, so that nobody can aim at that of another. */
uint64_t clock_responder(const struct clock *clock, const uint8_t key[32]);
void clock_expect(const struct vx6_node *node); /* fetches what a time is compared with */
bool clock_output(struct vx6_node *node, struct vx6_out *out);
void clock_free(struct vx6_node *node);

#endif
