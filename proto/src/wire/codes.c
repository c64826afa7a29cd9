/* SPDX-License-Identifier: MIT */
/* The small tables: what codes and events are called, and the limits that a node starts with. A
 * code from the wire may have a number that no row has: VX6-WIRE-014. */
#include "vx6/node.h"

const char *vx6_code_name(enum vx6_code code)
{
    switch (code) {
#define CODE(name, number, fault, text)                                                            \
    case VX6_##name:                                                                               \
        return #name;
#include "codes.def"
#undef CODE
    }
    return "UNKNOWN";
}

const char *vx6_code_text(enum vx6_code code)
{
    switch (code) {
#define CODE(name, number, fault, text)                                                            \
    case VX6_##name:                                                                               \
        return text;
#include "codes.def"
#undef CODE
    }
    return "a code that this version does not know";
}

const char *vx6_event_name(enum vx6_event_kind kind)
{
    switch (kind) {
#define EVENT(name, doc)                                                                           \
    case VX6_EVENT_##name:                                                                         \
        return #name;
#include "events.def"
#undef EVENT
    case VX6_EVENT_COUNT:
        break;
    }
    return "unknown";
}

const struct vx6_limits vx6_limits_default = {
#define LIMIT(name, value, min, max, why) .name = value,
#include "limits.def"
#undef LIMIT
};
