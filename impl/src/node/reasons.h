/* SPDX-License-Identifier: MIT */
/* How often something was refused, lost or ended, by event and reason: what `vx6 status` shows to
 * whoever wants to know what is being done to a node. */
#ifndef VX6_REASONS_H
#define VX6_REASONS_H

#include "vx6/node.h"

enum {
    REASONS_CODE_MAX = 63
};

struct reasons {
    uint64_t counts[VX6_EVENT_COUNT][REASONS_CODE_MAX + 1];
};

void reasons_note(struct reasons *reasons, const struct vx6_event *event);
/* From where the last one ended, by event and then by code; `*kind` 0 and `*code` VX6_OK to begin
 * with. False: there are no more. */
bool reasons_next(
    const struct reasons *reasons, enum vx6_event_kind *kind, enum vx6_code *code, uint64_t *count);

#endif
