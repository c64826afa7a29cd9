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

/* What one responder said. Packed, for there are many nodes, and each keeps many. */
struct clock_sample {
    uint32_t provider; /* of IPv6 a /32, of IPv4 a /16 */
    uint32_t time_s;
    uint32_t heard_low;
    uint16_t heard_high;     /* what lies above that is not kept */
    uint16_t network;        /* which of the provider's */
    uint16_t responder_high; /* the first bytes of its key, but for the tag */
    uint32_t responder_middle;
} __attribute__((packed, aligned(2)));

struct clock {
    int64_t agreed_zero_s; /* Unix time at `now` 0, as others have it */
    vx6_ns agreed_at;      /* when there were last enough of them */
    bool has_agreed;       /* that was in the last day */
    bool is_beyond;        /* wrong by more than may be corrected */
    uint32_t count;
    uint64_t *excess; /* of each, how much there is of where it is from: the greatest gives way */
    uint16_t *tags;   /* of each, the last of the first eight bytes of its key */
    struct clock_sample *samples; /* in no order; NULL before the first */
    uint64_t most;    /* the greatest excess of all; UINT64_MAX while there is room for more */
    vx6_ns stale_at;  /* all were heard in the life of a sample before that */
    uint64_t seed;    /* of the draws among them */
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
void clock_expect(const struct vx6_node *node); /* fetches what a time is compared with */
bool clock_output(struct vx6_node *node, struct vx6_out *out);
void clock_free(struct vx6_node *node);

#endif
