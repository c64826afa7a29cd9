/* SPDX-License-Identifier: MIT */
/* The codec is asked for its reason beside the node, which gives only a code. */
#include "tally.h"

#include <inttypes.h>
#include <stdio.h>

#include "schema.h"

enum {
    NUMBER_WIDTH = 7
};

/* ---- what bytes are ---- */

static enum tally_reason problem_of(const char *reason)
{
    static const char *const texts[] = {
#define PROBLEM(name, text, where) text,
#define REFUSAL(name, code, where)
#define RAW(name, text)
#define CELL(row, name)
#include "reasons.def"
    };
    size_t len = strlen(reason);
    for (uint32_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        size_t text_len = strlen(texts[i]);
        if (len >= text_len && strcmp(reason + len - text_len, texts[i]) == 0)
            return (enum tally_reason)i;
    }
    VX6_ASSERT(false); /* the codec has a reason that the table has not */
}

static struct judged judge_record(enum vx6_msg_type wanted, vx6_span bytes, struct vx6_msg *msg)
{
    const char *reason = vx6_msg_decode(msg, VX6_SCOPE_RECORD, bytes.data, bytes.len);
    struct judged judged = {claimed_type(bytes), reason ? problem_of(reason) : WHY_RULE};
    if (reason == NULL && msg->type == wanted)
        judged.reason = TALLY_REASONS; /* sound as far as the codec sees */
    return judged;
}

/* What is wrong with the first part that something is wrong with; else `whole`. */
static struct judged judge_parts(
    const enum vx6_msg_type *types, const vx6_span *parts, uint32_t count, struct judged whole)
{
    for (uint32_t i = 0; i < count; i++) {
        struct vx6_msg part;
        bool may_lack = types[i] != VX6_MSG_node_record && types[i] != VX6_MSG_revocation;
        struct judged judged = judge_record(types[i], parts[i], &part);
        if (judged.reason != TALLY_REASONS && !(may_lack && parts[i].len == 0))
            return judged;
    }
    return whole;
}

static struct judged judge_tombstone(vx6_span bytes)
{
    static const enum vx6_msg_type types[] = {VX6_MSG_revocation, VX6_MSG_lineage};
    struct vx6_msg msg;
    struct judged judged = judge_record(VX6_MSG_tombstone, bytes, &msg);
    if (judged.reason != TALLY_REASONS)
        return judged;
    const vx6_span parts[] = {msg.u.tombstone.revocation, msg.u.tombstone.lineage};
    return judge_parts(types, parts, 2, judged);
}

static struct judged judge_bundle(vx6_span bytes)
{
    static const enum vx6_msg_type types[] = {
        VX6_MSG_node_record, VX6_MSG_name_claim, VX6_MSG_service_list, VX6_MSG_lineage};
    struct vx6_msg msg;
    if (claimed_type(bytes) == VX6_MSG_tombstone)
        return judge_tombstone(bytes);
    struct judged judged = judge_record(VX6_MSG_bundle, bytes, &msg);
    if (judged.reason != TALLY_REASONS)
        return judged;
    const struct vx6_bundle *bundle = &msg.u.bundle;
    const vx6_span parts[] = {bundle->node, bundle->claim, bundle->services, bundle->lineage};
    return judge_parts(types, parts, 4, judged);
}

struct judged judge_message(enum vx6_msg_scope scope, vx6_span message)
{
    struct vx6_msg msg, inner;
    const char *reason = vx6_msg_decode(&msg, scope, message.data, message.len);
    struct judged judged = {claimed_type(message), reason ? problem_of(reason) : WHY_RULE};
    if (reason)
        return judged;
    if (msg.type == VX6_MSG_store || msg.type == VX6_MSG_value)
        return judge_bundle(msg.type == VX6_MSG_store ? msg.u.store.bundle : msg.u.value.bundle);
    if (msg.type == VX6_MSG_link_record)
        return judge_record(VX6_MSG_node_record, msg.u.link_record.record, &inner);
    if (msg.type == VX6_MSG_reach_ask)
        return judge_record(VX6_MSG_node_record, msg.u.reach_ask.record, &inner);
    return judged;
}

struct judged judge_payload(vx6_span payload, size_t size)
{
    size_t len = load_u16(payload.data);
    struct judged wrong = {ROW_PAYLOAD, WHY_RULE};
    if (len > size - LENGTH_SIZE)
        return wrong;
    for (size_t i = LENGTH_SIZE + len; i < payload.len; i++) {
        if (payload.data[i] != 0)
            return wrong;
    }
    return judge_message(VX6_SCOPE_QUERY, (vx6_span){payload.data + LENGTH_SIZE, len});
}

/* The first frame that cannot be read. */
struct judged judge_frames(vx6_span frames)
{
    struct judged judged = {ROW_FRAMES, WHY_RULE};
    for (size_t at = 0, len; at < frames.len; at += FRAME_HEAD_SIZE + len) {
        size_t left = frames.len - at;
        len = left >= FRAME_HEAD_SIZE ? load_u16(frames.data + at) : 0;
        if (len == 0 || len > left - FRAME_HEAD_SIZE)
            return (struct judged){ROW_FRAMES, WHY_RULE};
        judged = judge_message(VX6_SCOPE_LINK, (vx6_span){frames.data + at + FRAME_HEAD_SIZE, len});
        if (judged.reason < WHY_RULE)
            return judged;
    }
    return judged;
}

struct judged judge_handshake(uint32_t number, vx6_span payload)
{
    struct vx6_msg msg;
    size_t len = load_u16(payload.data);
    struct judged judged = {ROW_HANDSHAKE_1 + number - 1, WHY_RULE};
    if (len > VX6_RECORD_MAX)
        return judged;
    for (size_t i = 2 + len; i < payload.len; i++) {
        if (payload.data[i] != 0)
            return judged;
    }
    return judge_record(VX6_MSG_node_record, (vx6_span){payload.data + 2, len}, &msg);
}

struct judged judge_datagram(vx6_span datagram)
{
    static const uint32_t rows[] = {ROW_ASK, ROW_ANSWER, ROW_COOKIE};
    uint8_t type = datagram.len > 1 ? datagram.data[0] : 0;
    size_t size = type == TYPE_COOKIE ? (size_t)COOKIE_DATAGRAM_SIZE : (size_t)VX6_DATAGRAM_SIZE;
    if (type < TYPE_ASK || type > TYPE_COOKIE || datagram.len != size || datagram.data[1] != 1)
        return (struct judged){ROW_DATAGRAM, WHY_RULE};
    return (struct judged){rows[type - TYPE_ASK], WHY_RULE};
}

/* ---- counting ---- */

void tally_begin(struct tally *tally, enum stage_point point, struct judged judged)
{
    tally_end(tally);
    tally->inputs[point]++;
    tally->judged = judged;
    tally->is_giving = true;
    tally->was_refused = false;
}

void tally_end(struct tally *tally)
{
    if (!tally->is_giving)
        return;
    tally->refused += tally->was_refused;
    tally->taken += !tally->was_refused;
    tally->is_giving = false;
}

static enum tally_reason reason_of(const struct tally *tally, uint16_t code)
{
    static const uint16_t codes[] = {
#define PROBLEM(name, text, where)
#define REFUSAL(name, code, where) VX6_##code,
#define RAW(name, text)
#define CELL(row, name)
#include "reasons.def"
    };
    if (code == VX6_BAD_MESSAGE)
        return tally->judged.reason == TALLY_REASONS ? WHY_RULE : tally->judged.reason;
    for (uint32_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i] == code)
            return (enum tally_reason)(WHY_RULE + i);
    }
    VX6_ASSERT(false); /* the node has a reason that the table has not */
}

static bool is_record(uint32_t row)
{
    return row >= VX6_MSG_node_record && row <= VX6_MSG_tombstone;
}

/* Of a bundle or tombstone: which part of it is at fault. A lineage can be in both. */
static uint32_t bundle_row(const struct tally *tally, uint16_t code)
{
    uint32_t row = tally->judged.row;
    if (code == VX6_BAD_MESSAGE || (code == VX6_BAD_RECORD && is_record(row)))
        return row;
    if (code == VX6_EXPIRED && row == VX6_MSG_node_record)
        return row;
    bool is_tombstone = row == VX6_MSG_tombstone || row == VX6_MSG_revocation;
    return is_tombstone ? (uint32_t)VX6_MSG_tombstone : (uint32_t)VX6_MSG_bundle;
}

/* It did not come to a message: what bytes are carried in is at fault, or whom a link leads to. */
static uint32_t around_row(const struct tally *tally, const struct vx6_event *event)
{
    const uint32_t row = tally->judged.row;
    const bool is_carrier = row > TALLY_TYPE_LAST;
    if (event->code == VX6_BAD_MESSAGE)
        return is_carrier || is_record(row) || row == TALLY_NO_TYPE ? row : (uint32_t)TALLY_ROWS;
    if (event->code == VX6_BAD_SEAL)
        return is_carrier && row != ROW_FRAMES && row != ROW_PAYLOAD ? row : (uint32_t)TALLY_ROWS;
    bool is_peer = event->kind == VX6_EVENT_link_refused && event->code != VX6_BAD_SUITE;
    return is_peer ? (uint32_t)VX6_MSG_node_record : row;
}

/* The event says which message it was about, or that it came to none; of what lies inside a message
 * or around it the verdict does. TALLY_ROWS: it is about something that came before. */
static uint32_t row_of(const struct tally *tally, const struct vx6_event *event)
{
    const uint32_t row = tally->judged.row;
    const bool is_bad = event->code == VX6_BAD_MESSAGE;
    if (event->kind == VX6_EVENT_bundle_refused)
        return bundle_row(tally, event->code);
    bool has_record = event->msg == VX6_MSG_link_record || event->msg == VX6_MSG_reach_ask;
    if (has_record && event->code != VX6_UNEXPECTED)
        return is_bad || is_record(row) ? row : (uint32_t)VX6_MSG_node_record;
    if (event->msg == VX6_MSG_NONE)
        return around_row(tally, event);
    if (is_bad && row == ROW_PAYLOAD)
        return row;
    return is_bad && row != event->msg ? (uint32_t)TALLY_ROWS : event->msg;
}

static bool is_refusal(enum vx6_event_kind kind)
{
    static const char suffix[] = "_refused";
    const char *name = vx6_event_name(kind);
    size_t len = strlen(name);
    return len > sizeof suffix && strcmp(name + len - (sizeof suffix - 1), suffix) == 0;
}

void tally_event(void *context, const struct vx6_event *event)
{
    struct tally *tally = context;
    if (!is_refusal(event->kind))
        return;
    uint32_t row = tally->is_giving ? row_of(tally, event) : (uint32_t)TALLY_ROWS;
    if (row == TALLY_ROWS) {
        tally->after++;
        return;
    }
    tally->hits[row][reason_of(tally, event->code)]++;
    tally->was_refused = true;
}

uint64_t tally_inputs(const struct tally *tally)
{
    uint64_t sum = 0;
    for (uint32_t point = 0; point < STAGE_POINTS; point++)
        sum += tally->inputs[point];
    return sum;
}

uint64_t tally_sealed(const struct tally *tally)
{
    return tally->inputs[SAID_FRAME] + tally->inputs[SAID_FRAMES];
}

/* ---- what can be ---- */

static const char *row_name(uint32_t row)
{
    switch (row) {
#define PROBLEM(name, text, where)
#define REFUSAL(name, code, where)
#define RAW(name, text)                                                                            \
    case ROW_##name:                                                                               \
        return text;
#define CELL(row, name)
#include "reasons.def"
    case TALLY_NO_TYPE:
        return "(no type)";
    default:
        return schema_message(row) ? schema_message(row)->name : NULL;
    }
}

static uint64_t greatest(enum schema_kind kind)
{
    return kind == SCHEMA_U64 ? UINT64_MAX : (UINT64_C(1) << (8 << (kind - SCHEMA_U8))) - 1;
}

static bool layout_can(const struct schema_layout *layout, uint32_t problem);

static bool field_can(const struct schema_field *field, uint32_t problem)
{
    bool is_integer = field->kind <= SCHEMA_U64, is_bytes = field->kind == SCHEMA_OPAQUE;
    if (field->kind == SCHEMA_LIST && layout_can(schema_element(field->element), problem))
        return true;
    switch (problem) {
    case WHY_TRUNCATED:
        return field->kind != SCHEMA_REST;
    case WHY_SMALL:
        return is_integer && field->min > 0;
    case WHY_LARGE:
        return is_integer && field->max < greatest(field->kind);
    case WHY_SHORT:
        return is_bytes && field->min > 0;
    case WHY_LONG:
        return is_bytes || field->kind == SCHEMA_REST;
    case WHY_LABEL:
        return field->kind == SCHEMA_LABEL;
    case WHY_MANY:
        return field->kind == SCHEMA_LIST && field->max < UINT8_MAX;
    default:
        return false;
    }
}

static bool layout_can(const struct schema_layout *layout, uint32_t problem)
{
    for (size_t i = 0; i < layout->field_count; i++) {
        if (field_can(&layout->fields[i], problem))
            return true;
    }
    return false;
}

static bool message_can(uint32_t row, uint32_t problem)
{
    const struct schema_layout *layout = schema_message(row);
    if (layout == NULL)
        return row == TALLY_NO_TYPE && (problem == WHY_EMPTY || problem == WHY_UNKNOWN);
    bool takes_all =
        layout->field_count > 0 && layout->fields[layout->field_count - 1].kind == SCHEMA_REST;
    if (problem == WHY_SCOPE || (problem == WHY_TRAILING && !takes_all))
        return true;
    return layout_can(layout, problem);
}

static bool is_possible(uint32_t row, uint32_t reason)
{
    static const struct {
        uint32_t row;
        enum tally_reason reason;
    } cells[] = {
#define PROBLEM(name, text, where)
#define REFUSAL(name, code, where)
#define RAW(name, text)
#define CELL(row, name) {row, WHY_##name},
#include "reasons.def"
    };
    if (reason < WHY_RULE)
        return message_can(row, reason);
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        if (cells[i].row == row && cells[i].reason == reason)
            return true;
    }
    return false;
}

/* ---- printing ---- */

static const struct {
    const char *title, *where;
} columns[] = {
#define PROBLEM(name, text, where) {text, where},
#define REFUSAL(name, code, where) {#code, where},
#define RAW(name, text)
#define CELL(row, name)
#include "reasons.def"
};

static int width(uint32_t reason)
{
    int len = (int)strlen(columns[reason].title);
    return len < NUMBER_WIDTH ? NUMBER_WIDTH : len;
}

/* Returns how many cells are not as they should be; those have a mark. */
static uint32_t print_row(
    const struct tally *tally, uint32_t row, uint32_t first, uint32_t end, uint64_t least)
{
    uint32_t wrong = 0;
    printf("%-15s", row_name(row));
    for (uint32_t reason = first; reason < end; reason++) {
        uint64_t hits = tally->hits[row][reason];
        bool can = is_possible(row, reason);
        bool is_wrong = can ? hits < least : hits > 0;
        if (can || is_wrong)
            printf(" %*" PRIu64 "%c", width(reason), hits, is_wrong ? '!' : ' ');
        else
            printf(" %*s ", width(reason), "-");
        wrong += is_wrong;
    }
    putchar('\n');
    return wrong;
}

static uint32_t print_part(const struct tally *tally, uint32_t first, uint32_t end, uint64_t least)
{
    uint32_t wrong = 0;
    printf("%-15s", "");
    for (uint32_t reason = first; reason < end; reason++)
        printf(" %*s ", width(reason), columns[reason].title);
    putchar('\n');
    for (uint32_t row = 0; row < TALLY_ROWS; row++) {
        if (row_name(row) && !(first < WHY_RULE && row > TALLY_TYPE_LAST))
            wrong += print_row(tally, row, first, end, least);
    }
    putchar('\n');
    return wrong;
}

uint32_t tally_print(const struct tally *tally, uint64_t least)
{
    puts("Refused by the codec, code BAD_MESSAGE:");
    uint32_t wrong = print_part(tally, WHY_EMPTY, WHY_RULE, least);
    puts("Refused with a code; BAD_MESSAGE for other reasons than the codec's:");
    wrong += print_part(tally, WHY_RULE, TALLY_REASONS, least);
    puts("Where there is -, it cannot be:");
    for (uint32_t reason = 0; reason < TALLY_REASONS; reason++)
        printf("  %-14s %s\n", columns[reason].title, columns[reason].where);
    return wrong;
}
