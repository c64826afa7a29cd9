/* SPDX-License-Identifier: MIT */
/* What people write: names, split into their labels, and keys in base32 with a checksum, so that a
 * mistyped key is noticed before anything is dialled. Spec: spec/names.md. */
#include "bytes.h"
#include "keys.h"
#include "resolve.h"
#include "vx6/msg.h"

#define LABEL_KEY_TEXT "vx6/key-text/1"

enum {
    CHECKSUM_SIZE = 3,
    RAW_SIZE = VX6_KEY_SIZE + CHECKSUM_SIZE, /* 35 bytes: 56 characters, no padding */
    GROUP_BYTES = 5,
    GROUP_CHARS = 8
};

/* Takes what stands before `end` off the text; all of it when `end` does not occur. */
static vx6_span take_until(vx6_span *text, uint8_t end, bool *found)
{
    size_t len = 0;
    while (len < text->len && text->data[len] != end)
        len++;
    vx6_span taken = {text->data, len};
    *found = len < text->len;
    size_t used = len + *found;
    *text = (vx6_span){used > 0 ? text->data + used : text->data, text->len - used};
    return taken;
}

static bool is_hint(vx6_span hint)
{
    for (size_t i = 0; i < hint.len; i++) {
        uint8_t c = hint.data[i];
        if ((c < 'a' || c > 'z') && (c < '2' || c > '7'))
            return false;
    }
    return hint.len >= VX6_HINT_MIN && hint.len <= VX6_HINT_MAX;
}

/* VX6-NAME-001 */
bool vx6_name_parse(vx6_span text, struct vx6_name *name)
{
    bool has_service, has_hint;
    *name = (struct vx6_name){0};
    vx6_span who = take_until(&text, '.', &has_service);
    vx6_span label = take_until(&who, '~', &has_hint);
    if (!vx6_label_is_valid(label) || (has_hint && !is_hint(who)) ||
        (has_service && !vx6_label_is_valid(text)))
        return false;
    name->label = label;
    if (has_hint)
        name->hint = who;
    if (has_service)
        name->service = text;
    return true;
}

static uint8_t keep_part(uint8_t *dst, vx6_span part)
{
    if (part.len > 0)
        memcpy(dst, part.data, part.len);
    return (uint8_t)part.len;
}

void name_keep(struct kept_name *kept, const struct vx6_name *name)
{
    kept->label_len = keep_part(kept->label, name->label);
    kept->hint_len = keep_part(kept->hint, name->hint);
    kept->service_len = keep_part(kept->service, name->service);
}

struct vx6_name name_view(const struct kept_name *kept)
{
    return (struct vx6_name){.label = {kept->label, kept->label_len},
        .hint = {kept->hint, kept->hint_len},
        .service = {kept->service, kept->service_len}};
}

static void checksum(
    const struct vx6_crypto *crypto, uint8_t sum[CHECKSUM_SIZE], const uint8_t key[32])
{
    uint8_t hash[32];
    labelled_hash(crypto, hash, LABEL_KEY_TEXT, (vx6_span){key, VX6_KEY_SIZE});
    memcpy(sum, hash, CHECKSUM_SIZE);
}

/* VX6-NAME-002 */
void vx6_key_text(
    const struct vx6_crypto *crypto, char text[VX6_KEY_TEXT_SIZE], const uint8_t key[32])
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint8_t raw[RAW_SIZE];
    memcpy(raw, key, VX6_KEY_SIZE);
    checksum(crypto, raw + VX6_KEY_SIZE, key);
    char *to = text;
    for (size_t at = 0; at < RAW_SIZE; at += GROUP_BYTES) {
        uint64_t group = (uint64_t)raw[at] << 32 | load_u32(raw + at + 1);
        for (unsigned i = 0; i < GROUP_CHARS; i++)
            *to++ = alphabet[group >> (35 - 5 * i) & 31];
    }
    *to = '\0';
}

/* The value of a character, or 32. */
static uint8_t base32_value(char c)
{
    if (c >= 'a' && c <= 'z')
        return (uint8_t)(c - 'a');
    if (c >= 'A' && c <= 'Z')
        return (uint8_t)(c - 'A');
    if (c >= '2' && c <= '7')
        return (uint8_t)(c - '2' + 26);
    return 32;
}

/* VX6-NAME-003 */
bool vx6_key_parse(const struct vx6_crypto *crypto, uint8_t key[32], const char *text, size_t len)
{
    if (len != VX6_KEY_TEXT_SIZE - 1)
        return false;
    uint8_t raw[RAW_SIZE];
    const char *from = text;
    for (size_t at = 0; at < RAW_SIZE; at += GROUP_BYTES) {
        uint64_t group = 0;
        for (unsigned i = 0; i < GROUP_CHARS; i++) {
            uint8_t value = base32_value(*from++);
            if (value > 31)
                return false;
            group = group << 5 | value;
        }
        raw[at] = (uint8_t)(group >> 32);
        store_u32(raw + at + 1, (uint32_t)group);
    }
    uint8_t sum[CHECKSUM_SIZE];
    checksum(crypto, sum, raw);
    if (!bytes_equal(sum, raw + VX6_KEY_SIZE, CHECKSUM_SIZE) ||
        !crypto->sign_public_is_valid(crypto, raw))
        return false;
    memcpy(key, raw, VX6_KEY_SIZE);
    return true;
}
