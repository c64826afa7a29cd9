/* SPDX-License-Identifier: MIT */
/* The codec: turns bytes into structs and back.
 *
 * Fields are read in order; the first that breaks a rule ends that and is named in the reason.
 * Lists are checked element by element when a message is decoded, so taking elements off later
 * cannot fail. Any bytes are either a message or refused (VX6-WIRE-011), and there is one valid
 * encoding per value (VX6-WIRE-010). Spec: spec/wire.md. */
#include "codec.h"

static bool label_char_is_valid(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

bool vx6_label_is_valid(vx6_span label) /* VX6-WIRE-006 */
{
    if (label.len < 1 || label.len > VX6_LABEL_MAX)
        return false;
    for (size_t i = 0; i < label.len; i++) {
        if (!label_char_is_valid(label.data[i]))
            return false;
    }
    return label.data[0] != '-' && label.data[label.len - 1] != '-';
}

static char *append(char *at, const char *end, const char *text)
{
    while (*text && at + 1 < end)
        *at++ = *text++;
    *at = '\0';
    return at;
}

static char *append_number(char *at, const char *end, uint32_t number)
{
    char digits[11] = {0};
    char *first = digits + sizeof digits - 1;
    do {
        *--first = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return append(at, end, first);
}

/* "find_node.target: truncated", "nodes.hints[3].port: too small", "ping: trailing bytes" */
static const char *explain(struct vx6_msg *msg, const struct failure *failure)
{
    char *at = msg->u.reason;
    const char *end = at + sizeof msg->u.reason;
    at = append(at, end, failure->message);
    if (failure->field) {
        at = append(at, end, ".");
        at = append(at, end, failure->field);
    }
    if (failure->element_field) {
        at = append(at, end, "[");
        at = append_number(at, end, failure->index);
        at = append(at, end, "].");
        at = append(at, end, failure->element_field);
    }
    at = append(at, end, ": ");
    append(at, end, failure->problem);
    return msg->u.reason;
}

/* VX6-WIRE-008 VX6-WIRE-009: a type, its fields, and nothing behind them. */
static void read_message(
    struct vx6_msg *msg, enum vx6_msg_scope scope, struct reader *reader, struct failure *failure)
{
    if (reader->left == 0) {
        failure->problem = "empty";
        return;
    }
    const uint8_t type = *reader_take(reader, 1).data;
    if (!message_read(msg, scope, type, reader, failure))
        return;
    if (reader->left > 0) {
        failure->problem = "trailing bytes";
        return;
    }
    msg->type = (enum vx6_msg_type)type;
}

const char *vx6_msg_decode(
    struct vx6_msg *msg, enum vx6_msg_scope scope, const uint8_t *data, size_t len)
{
    struct reader reader = {data, len};
    struct failure failure = {.message = "message"};
    msg->type = VX6_MSG_NONE;
    read_message(msg, scope, &reader, &failure);
    return failure.problem ? explain(msg, &failure) : NULL;
}

size_t vx6_msg_encode(const struct vx6_msg *msg, uint8_t *dst, size_t cap)
{
    struct writer writer = {dst, dst + cap};
    if (!write_integer(&writer, 1, 1, UINT8_MAX, msg->type) || !message_write(msg, &writer))
        return 0;
    return (size_t)(writer.at - dst);
}

const char *vx6_msg_name(enum vx6_msg_type type)
{
    const struct schema_layout *layout = schema_message(type);
    return layout ? layout->name : "unknown";
}
