/* SPDX-License-Identifier: MIT */
/* Messages as C structs, and the walkers over the tables of schema/messages.def.
 *
 * Decoding never allocates: variable parts are views into the input. One valid encoding per value:
 * encode(decode(x)) == x. Spec: spec/wire.md. */
#ifndef VX6_MSG_H
#define VX6_MSG_H

#include "vx6/base.h"

enum {
    VX6_BUNDLE_MAX = 1000,
    VX6_RECORD_MAX = 300,
    VX6_LINEAGE_MAX = 306,
    VX6_REVOCATION_MAX = 170,
    VX6_TOMBSTONE_MAX = 493,
    VX6_FRAME_MAX = 32100,
    VX6_REASON_SIZE = 96
};

/* `count` encoded elements, one after the other in `bytes`; vx6_next_<element>() walks them. */
typedef struct vx6_list {
    uint32_t count;
    vx6_span bytes;
} vx6_list;

/* struct vx6_find_node { uint8_t target[32]; }; and so on; elements are struct vx6_hint, ... */
#define MSG(name, type, scope, doc) struct vx6_##name {
#define END(name)                                                                                  \
    }                                                                                              \
    ;
#define ELEM(name, doc) struct vx6_##name {
#define END_ELEM(name)                                                                             \
    }                                                                                              \
    ;
#define EMPTY(name, type, scope, doc)
#define U8(name, min, max, doc)       uint8_t name;
#define U16(name, min, max, doc)      uint16_t name;
#define U32(name, min, max, doc)      uint32_t name;
#define U64(name, min, max, doc)      uint64_t name;
#define BYTES(name, length, doc)      uint8_t name[length];
#define OPAQUE(name, min, max, doc)   vx6_span name;
#define LABEL(name, doc)              vx6_span name;
#define LIST(name, element, max, doc) vx6_list name;
#define REST(name, max, doc)          vx6_span name;
#include "messages.def"
#include "messages_undef.h"

enum vx6_msg_type {
    VX6_MSG_NONE,
#define MSG(name, type, scope, doc)   VX6_MSG_##name = type,
#define EMPTY(name, type, scope, doc) VX6_MSG_##name = type,
#include "messages_names.h"
};

/* Any message: `type` says which member; messages without fields have none. */
struct vx6_msg {
    enum vx6_msg_type type;
    union {
#define MSG(name, type, scope, doc) struct vx6_##name name;
#define EMPTY(name, type, scope, doc)
#include "messages_names.h"
        char reason[VX6_REASON_SIZE]; /* after a refused decode */
    } u;
};

enum vx6_msg_scope {
    VX6_SCOPE_RECORD = 1,
    VX6_SCOPE_QUERY,
    VX6_SCOPE_LINK
};

/* Decodes all of `data`. NULL on success, else the reason, such as "find_node.target: truncated" or
 * "nodes.hints[3].port: too small", which lives in `msg`. A message of another scope is refused. */
VX6_MUST_CHECK const char *vx6_msg_decode(
    struct vx6_msg *msg, enum vx6_msg_scope scope, const uint8_t *data, size_t len);

/* Bytes written, or 0 when `cap` is too small. A value outside its bounds asserts. */
size_t vx6_msg_encode(const struct vx6_msg *msg, uint8_t *dst, size_t cap);

const char *vx6_msg_name(enum vx6_msg_type type); /* "find_node"; "unknown" for a strange number */

/* Take the first element off `list`, which a decode has checked; false when it is empty. */
bool vx6_next_endpoint(vx6_list *list, struct vx6_endpoint *endpoint);
bool vx6_next_hint(vx6_list *list, struct vx6_hint *hint);
bool vx6_next_hosted(vx6_list *list, struct vx6_hosted *hosted);
bool vx6_next_item(vx6_list *list, struct vx6_item *item);
bool vx6_next_rotation(vx6_list *list, struct vx6_rotation *rotation);
bool vx6_next_offer(vx6_list *list, struct vx6_offer *offer);
bool vx6_next_service(vx6_list *list, struct vx6_service *service);

/* Append an encoded element to a list whose bytes lie in `storage` of `cap` bytes, starting at its
 * begin. False, and no change, when there is no room. */
VX6_MUST_CHECK bool vx6_push_endpoint(
    vx6_list *list, uint8_t *storage, size_t cap, const struct vx6_endpoint *endpoint);
VX6_MUST_CHECK bool vx6_push_hint(
    vx6_list *list, uint8_t *storage, size_t cap, const struct vx6_hint *hint);
VX6_MUST_CHECK bool vx6_push_hosted(
    vx6_list *list, uint8_t *storage, size_t cap, const struct vx6_hosted *hosted);
VX6_MUST_CHECK bool vx6_push_item(
    vx6_list *list, uint8_t *storage, size_t cap, const struct vx6_item *item);
VX6_MUST_CHECK bool vx6_push_rotation(
    vx6_list *list, uint8_t *storage, size_t cap, const struct vx6_rotation *rotation);
VX6_MUST_CHECK bool vx6_push_offer(
    vx6_list *list, uint8_t *storage, size_t cap, const struct vx6_offer *offer);
VX6_MUST_CHECK bool vx6_push_service(
    vx6_list *list, uint8_t *storage, size_t cap, const struct vx6_service *service);

/* 1..63 of a-z 0-9 -, no hyphen at an edge. */
bool vx6_label_is_valid(vx6_span label);

#endif
