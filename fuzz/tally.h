/* SPDX-License-Identifier: MIT */
/* Which message was refused for which reason, and how often: a table whose cells are all filled, or
 * empty for a reason that reasons.def gives. */
#ifndef VX6_FUZZ_TALLY_H
#define VX6_FUZZ_TALLY_H

#include "stage.h"

enum {
    TALLY_TYPES = 128 /* rows below are types of messages; 0: of none that is known */
};

enum tally_row {
    TALLY_NO_TYPE = 0,
    TALLY_TYPE_LAST = TALLY_TYPES - 1,
#define PROBLEM(name, text, where)
#define REFUSAL(name, code, where)
#define RAW(name, text) ROW_##name,
#define CELL(row, name)
#include "reasons.def"
    TALLY_ROWS
};

enum tally_reason {
#define PROBLEM(name, text, where) WHY_##name,
#define REFUSAL(name, code, where) WHY_##name,
#define RAW(name, text)
#define CELL(row, name)
#include "reasons.def"
    TALLY_REASONS
};

/* What a mutated input is found to be before the node has seen it. */
struct judged {
    uint32_t row;
    enum tally_reason reason; /* that the node has if it says BAD_MESSAGE */
};

struct judged judge_message(enum vx6_msg_scope scope, vx6_span message);
struct judged judge_payload(vx6_span payload, size_t size); /* of a query */
struct judged judge_frames(vx6_span frames);                /* of a link's record */
struct judged judge_handshake(uint32_t number, vx6_span payload);
struct judged judge_datagram(vx6_span datagram);

struct tally {
    uint64_t hits[TALLY_ROWS][TALLY_REASONS];
    uint64_t inputs[STAGE_POINTS];
    uint64_t refused, taken; /* inputs */
    uint64_t after;          /* refusals of what was honest, but came after what was not */
    struct judged judged;    /* of the input that is being given */
    bool is_giving, was_refused;
};

/* What follows is refused, if it is, for what was done at this point. */
void tally_begin(struct tally *tally, enum stage_point point, struct judged judged);
void tally_end(struct tally *tally);
void tally_event(void *tally, const struct vx6_event *event); /* a sink of traces */

uint64_t tally_inputs(const struct tally *tally);
uint64_t tally_sealed(const struct tally *tally); /* of them changed before sealing, on links */
/* Prints the table. Returns how many cells have fewer than `least` hits, or some where none can be.
 */
uint32_t tally_print(const struct tally *tally, uint64_t least);

#endif
