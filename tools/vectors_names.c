/* SPDX-License-Identifier: MIT */
/* Set "names": node IDs, the keys of labels, names and keys as people write them. */
#include "vectors.h"

#include <string.h>

#include "record.h"
#include "vx6/msg.h"
#include "vx6/node.h"

static const struct vx6_crypto *const real = &vx6_crypto_real;

static vx6_span text_span(const char *text)
{
    return (vx6_span){(const uint8_t *)text, strlen(text)};
}

/* Was it right to accept the line, or to refuse it? */
static bool verdict_is(bool accepted, json_t *line, char *reason, size_t cap)
{
    if (accepted == (json_object_get(line, "refused") == NULL))
        return true;
    return vector_failed(reason, cap, "%s", accepted ? "accepted" : "refused");
}

static bool check_node_id(json_t *line, char *reason, size_t cap)
{
    vx6_span key, expected;
    uint8_t id[32];
    if (!vector_bytes(line, "key", 32, &key, reason, cap) ||
        !vector_bytes(line, "id", 32, &expected, reason, cap))
        return false;
    vx6_node_id(real, id, key.data);
    return vector_compare("id", (vx6_span){id, 32}, expected, reason, cap);
}

static bool check_name_key(json_t *line, char *reason, size_t cap)
{
    vx6_span expected, label = text_span(vector_text(line, "label"));
    uint8_t key[32];
    if (!vector_bytes(line, "key", 32, &expected, reason, cap))
        return false;
    if (!vx6_label_is_valid(label))
        return vector_failed(reason, cap, "the label is refused");
    name_key(real, key, label);
    return vector_compare("key", (vx6_span){key, 32}, expected, reason, cap);
}

static bool check_key_text(json_t *line, char *reason, size_t cap)
{
    vx6_span key;
    char text[VX6_KEY_TEXT_SIZE];
    if (!vector_bytes(line, "key", 32, &key, reason, cap))
        return false;
    vx6_key_text(real, text, key.data);
    return vector_compare(
        "text", text_span(text), text_span(vector_text(line, "text")), reason, cap);
}

static bool check_key_parse(json_t *line, char *reason, size_t cap)
{
    const char *text = vector_text(line, "text");
    uint8_t key[32];
    vx6_span expected;
    bool accepted = vx6_key_parse(real, key, text, strlen(text));
    if (!verdict_is(accepted, line, reason, cap))
        return false;
    return !accepted || (vector_bytes(line, "key", 32, &expected, reason, cap) &&
                            vector_compare("key", (vx6_span){key, 32}, expected, reason, cap));
}

static bool check_name(json_t *line, char *reason, size_t cap)
{
    struct vx6_name name;
    bool accepted = vx6_name_parse(text_span(vector_text(line, "text")), &name);
    if (!verdict_is(accepted, line, reason, cap))
        return false;
    return !accepted || (vector_compare("label", name.label, text_span(vector_text(line, "label")),
                             reason, cap) &&
                            vector_compare("hint", name.hint, text_span(vector_text(line, "hint")),
                                reason, cap) &&
                            vector_compare("service", name.service,
                                text_span(vector_text(line, "service")), reason, cap));
}

static const struct vector_kind kinds[] = {
    {"node_id", check_node_id},
    {"name_key", check_name_key},
    {"key_text", check_key_text},
    {"key_parse", check_key_parse},
    {"name", check_name},
};

int check_names(json_t *line, char *reason, size_t cap)
{
    return vector_check_kind(kinds, sizeof kinds / sizeof kinds[0], line, reason, cap);
}
