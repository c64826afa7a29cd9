/* SPDX-License-Identifier: MIT */
/* What people write: names, the text form of keys, addresses. What a parser takes is written back
 * as it came, capitals of keys apart. */
#include <stdlib.h>

#include "fuzz.h"
#include "text.h"
#include "vx6/msg.h"
#include "vx6/node.h"

enum {
    INET6_TEXT_MAX = 46
};

static void check_name(vx6_span text)
{
    struct vx6_name parts;
    if (!vx6_name_parse(text, &parts))
        return;
    vx6_span label = parts.label, hint = parts.hint, service = parts.service;
    size_t len = label.len;
    VX6_ASSERT(vx6_label_is_valid(label) && label.data == text.data);
    if (hint.len > 0) {
        VX6_ASSERT(text.data[len] == '~' && hint.data == text.data + len + 1);
        VX6_ASSERT(hint.len >= VX6_HINT_MIN && hint.len <= VX6_HINT_MAX);
        len += 1 + hint.len;
    }
    if (service.len > 0) {
        VX6_ASSERT(text.data[len] == '.' && service.data == text.data + len + 1);
        VX6_ASSERT(vx6_label_is_valid(service));
        len += 1 + service.len;
    }
    VX6_ASSERT(len == text.len && len <= VX6_NAME_MAX);
}

static void check_key_text(const char *text, size_t len)
{
    uint8_t key[32];
    char again[VX6_KEY_TEXT_SIZE];
    if (!vx6_key_parse(&vx6_crypto_real, key, text, len))
        return;
    VX6_ASSERT(vx6_crypto_real.sign_public_is_valid(&vx6_crypto_real, key));
    vx6_key_text(&vx6_crypto_real, again, key);
    VX6_ASSERT(len == strlen(again));
    for (size_t i = 0; i < len; i++)
        VX6_ASSERT(again[i] == text[i] || again[i] == text[i] - 'A' + 'a');
}

/* Any 32 bytes have a text; it is a key's if they are a key. One changed character is noticed. */
static void check_key(const uint8_t key[32], uint8_t place)
{
    char text[VX6_KEY_TEXT_SIZE];
    uint8_t again[32];
    vx6_key_text(&vx6_crypto_real, text, key);
    bool is_key = vx6_crypto_real.sign_public_is_valid(&vx6_crypto_real, key);
    bool is_parsed = vx6_key_parse(&vx6_crypto_real, again, text, VX6_KEY_TEXT_SIZE - 1);
    VX6_ASSERT(is_parsed == is_key);
    VX6_ASSERT(!is_key || memcmp(again, key, 32) == 0);
    char *changed = &text[place % (VX6_KEY_TEXT_SIZE - 1)];
    *changed = *changed == 'a' ? 'b' : 'a';
    if (vx6_key_parse(&vx6_crypto_real, again, text, VX6_KEY_TEXT_SIZE - 1))
        VX6_ASSERT(memcmp(again, key, 32) != 0); /* one in 2^24 is another key's */
}

static void check_addr(const char *text)
{
    vx6_addr addr = {0}, again = {0};
    char written[TEXT_ADDR_SIZE];
    if (text_addr_parse(text, &addr) != NULL) {
        VX6_ASSERT(addr.port == 0);
        return;
    }
    VX6_ASSERT(addr.port != 0 && strlen(text) < INET6_TEXT_MAX + 8);
    text_addr(written, &addr);
    VX6_ASSERT(text_addr_parse(written, &again) == NULL);
    VX6_ASSERT(memcmp(&addr, &again, sizeof addr) == 0);
}

static void check_printable(vx6_span any, size_t size)
{
    char *dst = malloc(size);
    VX6_ASSERT(dst);
    text_printable(dst, size, any.data, any.len);
    VX6_ASSERT(memchr(dst, 0, size) != NULL);
    for (const char *at = dst; *at; at++)
        VX6_ASSERT(*at >= ' ' && *at <= '~');
    free(dst);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *text = malloc(len + 1);
    VX6_ASSERT(text);
    memcpy(text, data, len);
    text[len] = 0;
    check_name((vx6_span){data, len});
    check_key_text(text, len);
    check_addr(text);
    VX6_ASSERT(!text_is_service_name(text) || (text_is_name(text) && strchr(text, '.')));
    check_printable((vx6_span){data, len}, len > 0 ? 1u + data[0] : 1u);
    if (len >= 32)
        check_key(data, data[len - 1]);
    free(text);
    return 0;
}
