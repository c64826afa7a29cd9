/* SPDX-License-Identifier: MIT */
#include "reasons.h"

/* What a peer gives as its reason may be any number; those without a name count as one. */
void reasons_note(struct reasons *reasons, const struct vx6_event *event)
{
    if (event->code == VX6_OK)
        return;
    uint16_t code = event->code <= REASONS_CODE_MAX ? event->code : REASONS_CODE_MAX;
    reasons->counts[event->kind][code]++;
}

bool reasons_next(
    const struct reasons *reasons, enum vx6_event_kind *kind, enum vx6_code *code, uint64_t *count)
{
    uint32_t at = (uint32_t)*kind * (REASONS_CODE_MAX + 1) + (uint32_t)*code + 1;
    for (; at < VX6_EVENT_COUNT * (REASONS_CODE_MAX + 1); at++) {
        *kind = (enum vx6_event_kind)(at / (REASONS_CODE_MAX + 1));
        *code = (enum vx6_code)(at % (REASONS_CODE_MAX + 1));
        *count = reasons->counts[*kind][*code];
        if (*count > 0)
            return true;
    }
    return false;
}
