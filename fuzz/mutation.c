/* SPDX-License-Identifier: MIT */
/* Fields are found by walking the encoded message along its layout, as far as it is sound. */
#include "mutation.h"

#include "schema.h"

enum {
    PLACES_MAX = 128,
    TAIL_MAX = 32
};

uint64_t chance_next(struct chance *chance)
{
    uint64_t z = chance->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint32_t chance_below(struct chance *chance, uint32_t bound)
{
    return (uint32_t)((chance_next(chance) >> 32) * bound >> 32);
}

bool chance_of(struct chance *chance, uint32_t percent)
{
    return chance_below(chance, 100) < percent;
}

void chance_bytes(struct chance *chance, uint8_t *dst, size_t len)
{
    for (size_t i = 0; i < len; i++)
        dst[i] = (uint8_t)chance_next(chance);
}

void said_keep(struct said *said, const struct buffer *message)
{
    if (message->len == 0 || message->len > SAID_MAX)
        return;
    uint32_t slot = said->count++ % SAID_KEPT;
    said->kept[slot].len = (uint16_t)message->len;
    memcpy(said->kept[slot].data, message->data, message->len);
}

/* ---- where the fields lie ---- */

struct place {
    const struct schema_field *field;
    size_t at, len; /* with the length or count before it */
};

struct places {
    struct place items[PLACES_MAX];
    uint32_t count;
};

static size_t integer_size(enum schema_kind kind)
{
    return kind <= SCHEMA_U64 ? (size_t)1 << (kind - SCHEMA_U8) : 0;
}

static size_t walk(struct places *places, const struct schema_layout *layout,
    const struct buffer *message, size_t at);

/* Bytes of a field at `at`; those of a list are walked one by one. */
static size_t field_len(struct places *places, const struct schema_field *field,
    const struct buffer *message, size_t at)
{
    size_t left = message->len - at;
    switch (field->kind) {
    case SCHEMA_U8:
    case SCHEMA_U16:
    case SCHEMA_U32:
    case SCHEMA_U64:
        return integer_size(field->kind);
    case SCHEMA_BYTES:
        return (size_t)field->max;
    case SCHEMA_OPAQUE:
        return left < 2 ? 2 : 2 + (size_t)load_u16(message->data + at);
    case SCHEMA_LABEL:
        return left < 1 ? 1 : 1 + (size_t)message->data[at];
    case SCHEMA_REST:
        return left;
    case SCHEMA_LIST:
        break;
    }
    size_t end = at + 1;
    for (uint32_t i = 0; left > 0 && i < message->data[at] && end < message->len; i++)
        end = walk(places, schema_element(field->element), message, end);
    return end - at;
}

static size_t walk(struct places *places, const struct schema_layout *layout,
    const struct buffer *message, size_t at)
{
    for (size_t i = 0; i < layout->field_count && at < message->len; i++) {
        const struct schema_field *field = &layout->fields[i];
        if (places->count == PLACES_MAX)
            return message->len;
        struct place *place = &places->items[places->count++];
        *place = (struct place){.field = field, .at = at};
        place->len = field_len(places, field, message, at);
        if (place->len > message->len - at)
            place->len = message->len - at;
        at += place->len;
    }
    return at;
}

static void find_places(struct places *places, const struct buffer *message)
{
    const struct schema_layout *layout = message->len > 0 ? schema_message(message->data[0]) : NULL;
    places->count = 0;
    if (layout)
        (void)walk(places, layout, message, 1);
}

/* ---- changes of a field ---- */

static void store_integer(struct buffer *message, const struct place *place, uint64_t value)
{
    for (size_t i = place->len; i-- > 0; value >>= 8)
        message->data[place->at + i] = (uint8_t)value;
}

/* Bounds, both sides of them, small numbers such as others are made of, and any. */
static void change_integer(struct chance *chance, struct buffer *message, const struct place *place)
{
    const uint64_t min = place->field->min, max = place->field->max;
    const uint64_t values[] = {min, max, min - 1, min - 1, max + 1, max / 2,
        chance_below(chance, 8), chance_below(chance, 70000), chance_next(chance)};
    store_integer(message, place, values[chance_below(chance, sizeof values / sizeof values[0])]);
}

/* Of what comes with its length first: wrong by little, at its bounds, or beyond them. */
static void change_length(struct chance *chance, struct buffer *message, const struct place *place)
{
    uint64_t min = place->field->min, max = place->field->max;
    struct place head = {place->field, place->at, place->field->kind == SCHEMA_OPAQUE ? 2 : 1};
    uint64_t is = head.len == 2 && place->len >= 2 ? load_u16(message->data + place->at)
                                                   : message->data[place->at];
    const uint64_t values[] = {is + 1, is - 1, min, max, min - 1, max + 1, 0, chance_next(chance)};
    if (head.len <= place->len)
        store_integer(
            message, &head, values[chance_below(chance, sizeof values / sizeof values[0])]);
}

static void change_label(struct chance *chance, struct buffer *message, const struct place *place)
{
    static const uint8_t chars[] = {'A', '-', '.', 0, ' ', 0xc3, 'z', '0'};
    if (place->len < 2 || chance_of(chance, 30)) {
        change_length(chance, message, place);
        return;
    }
    size_t at = chance_of(chance, 50)
                    ? place->at + 1
                    : place->at + 1 + chance_below(chance, (uint32_t)place->len - 1);
    message->data[at] = chars[chance_below(chance, sizeof chars)];
}

/* `len` bytes at `from` come once more, before `at`. */
static void insert(struct buffer *message, size_t at, size_t from, size_t len)
{
    uint8_t copy[SAID_MAX];
    if (len > sizeof copy || len > message->cap - message->len)
        return;
    memcpy(copy, message->data + from, len);
    memmove(message->data + at + len, message->data + at, message->len - at);
    memcpy(message->data + at, copy, len);
    message->len += len;
}

/* An element comes twice, or two change places. */
static void change_elements(
    struct chance *chance, struct buffer *message, const struct place *place)
{
    struct places elements = {.count = 0};
    size_t begin[PLACES_MAX + 1], at = place->at + 1;
    uint32_t count = 0;
    while (count < message->data[place->at] && count < PLACES_MAX && at < place->at + place->len) {
        begin[count++] = at;
        elements.count = 0;
        at = walk(&elements, schema_element(place->field->element), message, at);
    }
    begin[count] = at;
    if (count == 0 || chance_of(chance, 60)) {
        change_length(chance, message, place);
        return;
    }
    uint32_t one = chance_below(chance, count);
    size_t len = begin[one + 1] - begin[one];
    if (count > 1 && chance_of(chance, 50)) { /* the first goes behind the last */
        uint8_t first[SAID_MAX];
        len = begin[1] - begin[0];
        if (len > sizeof first)
            return;
        memcpy(first, message->data + begin[0], len);
        memmove(message->data + begin[0], message->data + begin[1], at - begin[1]);
        memcpy(message->data + at - len, first, len);
    } else if (len <= message->cap - message->len && message->data[place->at] < UINT8_MAX) {
        insert(message, begin[one], begin[one], len);
        message->data[place->at]++;
    }
}

static void change_fixed(struct chance *chance, struct buffer *message, const struct place *place)
{
    uint8_t *bytes = message->data + place->at;
    if (chance_of(chance, 20))
        memset(bytes, chance_of(chance, 50) ? 0 : 0xff, place->len);
    else if (chance_of(chance, 50))
        chance_bytes(chance, bytes, place->len);
    else if (place->len > 0)
        bytes[chance_below(chance, (uint32_t)place->len)] ^=
            (uint8_t)(1u << chance_below(chance, 8));
}

static void change_field(struct chance *chance, struct buffer *message)
{
    struct places places;
    find_places(&places, message);
    if (places.count == 0)
        return;
    const struct place *place = &places.items[chance_below(chance, places.count)];
    for (uint32_t tries = 2; tries > 0; tries--) { /* lists are few, and much is in them */
        const struct place *other = &places.items[chance_below(chance, places.count)];
        if (other->field->kind == SCHEMA_LIST)
            place = other;
    }
    if (place->len == 0)
        return;
    switch (place->field->kind) {
    case SCHEMA_U8:
    case SCHEMA_U16:
    case SCHEMA_U32:
    case SCHEMA_U64:
        change_integer(chance, message, place);
        break;
    case SCHEMA_LABEL:
        change_label(chance, message, place);
        break;
    case SCHEMA_LIST:
        change_elements(chance, message, place);
        break;
    case SCHEMA_OPAQUE:
        change_length(chance, message, place);
        break;
    case SCHEMA_BYTES:
    case SCHEMA_REST:
        change_fixed(chance, message, place);
        break;
    }
}

/* ---- changes of the whole ---- */

static void change_tail(struct chance *chance, struct buffer *message)
{
    size_t room = message->cap - message->len;
    size_t len = 1 + chance_below(chance, TAIL_MAX);
    len = len < room ? len : room;
    chance_bytes(chance, message->data + message->len, len);
    message->len += len;
}

/* As long as the carrier takes it. */
static void change_fill(struct chance *chance, struct buffer *message)
{
    size_t len = message->cap - chance_below(chance, 4);
    if (message->len < len)
        memset(message->data + message->len, 0x5a, len - message->len);
    message->len = len;
}

static void change_type(struct chance *chance, struct buffer *message)
{
    uint8_t type;
    bool is_known = chance_of(chance, 60);
    do
        type = (uint8_t)chance_next(chance);
    while (is_known != (schema_message(type) != NULL));
    if (message->len > 0)
        message->data[0] = type;
}

/* The begin of this message and the end of another; or all of the other. */
static void splice(struct chance *chance, const struct said *said, struct buffer *message)
{
    uint32_t kept = said->count < SAID_KEPT ? said->count : SAID_KEPT;
    if (kept == 0)
        return;
    uint32_t slot = chance_below(chance, kept);
    const uint8_t *other = said->kept[slot].data;
    size_t len = said->kept[slot].len;
    size_t head = chance_of(chance, 50) ? 0 : chance_below(chance, (uint32_t)message->len + 1);
    size_t from = head < len ? head : len;
    size_t more = len - from < message->cap - head ? len - from : message->cap - head;
    memcpy(message->data + head, other + from, more);
    message->len = head + more;
}

void mutate_bytes(struct chance *chance, struct buffer *bytes)
{
    uint32_t len = (uint32_t)bytes->len;
    switch (len == 0 ? 3 : chance_below(chance, 4)) {
    case 0:
        for (uint32_t flips = 1 + chance_below(chance, 4); flips > 0; flips--)
            bytes->data[chance_below(chance, len)] ^= (uint8_t)(1u << chance_below(chance, 8));
        break;
    case 1: {
        uint32_t at = chance_below(chance, len), run = 1 + chance_below(chance, 16);
        chance_bytes(chance, bytes->data + at, run < len - at ? run : len - at);
        break;
    }
    case 2:
        bytes->len = chance_below(chance, len);
        break;
    default:
        change_tail(chance, bytes);
    }
}

static void mutate_once(struct chance *chance, const struct said *said, struct buffer *message)
{
    uint32_t draw = chance_below(chance, 100);
    if (draw < 56)
        change_field(chance, message);
    else if (draw < 64)
        message->len = chance_below(chance, (uint32_t)message->len + 1);
    else if (draw < 71)
        change_tail(chance, message);
    else if (draw < 78)
        change_type(chance, message);
    else if (draw < 88)
        splice(chance, said, message);
    else if (draw < 89)
        change_fill(chance, message);
    else
        mutate_bytes(chance, message);
}

void mutate_message(struct chance *chance, const struct said *said, struct buffer *message)
{
    do
        mutate_once(chance, said, message);
    while (chance_of(chance, 15));
}
