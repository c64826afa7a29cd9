/* SPDX-License-Identifier: MIT */
/* What people type and read. Parsers are total and say what is wrong in words that fit behind the
 * offending text; IPv4 is kept as a mapped address everywhere else. */
#include "text.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "vx6/crypto.h"
#include "vx6/msg.h"
#include "vx6/node.h"

bool text_fail(char error[TEXT_ERROR_SIZE], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, TEXT_ERROR_SIZE, format, arguments);
    va_end(arguments);
    return false;
}

static const char *parse_port(const char *text, uint16_t *port)
{
    uint32_t value = 0;
    size_t len = strlen(text);
    if (len == 0 || len > 5)
        return "has no valid port (1 to 65535)";
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return "has no valid port (1 to 65535)";
        value = value * 10 + (uint32_t)(text[i] - '0');
    }
    if (value == 0 || value > UINT16_MAX)
        return "has no valid port (1 to 65535)";
    *port = (uint16_t)value;
    return NULL;
}

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

const char *text_addr_parse(const char *text, vx6_addr *addr)
{
    char host[INET6_ADDRSTRLEN];
    bool bracket = text[0] == '[';
    const char *colon = strrchr(text, ':');
    const char *begin = text + (bracket ? 1 : 0);
    const char *end = bracket ? strchr(text, ']') : colon;

    if (bracket && (end == NULL || end[1] != ':'))
        return "must look like [2001:db8::7]:4242";
    if (!bracket && colon == NULL)
        return "has no port; write it like 192.0.2.7:4242 or [2001:db8::7]:4242";
    if (!bracket && memchr(text, ':', (size_t)(colon - text)))
        return "is IPv6 without brackets; write it like [2001:db8::7]:4242";
    size_t len = (size_t)(end - begin);
    if (memchr(begin, '%', len))
        return "names an interface; use an address that all interfaces share";
    if (len == 0 || len >= sizeof host)
        return "is no IP address";
    memcpy(host, begin, len);
    host[len] = 0;

    vx6_addr parsed = {0};
    if (bracket) {
        if (inet_pton(AF_INET6, host, parsed.ip) != 1)
            return "is no IPv6 address";
    } else {
        memcpy(parsed.ip, mapped_prefix, sizeof mapped_prefix);
        if (inet_pton(AF_INET, host, parsed.ip + 12) != 1)
            return "is no IP address; host names are not looked up";
    }
    const char *reason = parse_port(end + (bracket ? 2 : 1), &parsed.port);
    if (reason == NULL)
        *addr = parsed;
    return reason;
}

void text_addr(char text[TEXT_ADDR_SIZE], const vx6_addr *addr)
{
    char host[INET6_ADDRSTRLEN] = "?";
    if (memcmp(addr->ip, mapped_prefix, sizeof mapped_prefix) == 0) {
        inet_ntop(AF_INET, addr->ip + 12, host, sizeof host);
        snprintf(text, TEXT_ADDR_SIZE, "%s:%u", host, addr->port);
    } else {
        inet_ntop(AF_INET6, addr->ip, host, sizeof host);
        snprintf(text, TEXT_ADDR_SIZE, "[%s]:%u", host, addr->port);
    }
}

void text_key(char text[TEXT_KEY_SIZE], const uint8_t key[32])
{
    _Static_assert((int)TEXT_KEY_SIZE == (int)VX6_KEY_TEXT_SIZE, "the text form of a key");
    vx6_key_text(&vx6_crypto_real, text, key);
}

bool text_key_parse(const char *text, uint8_t key[32])
{
    return vx6_key_parse(&vx6_crypto_real, key, text, strlen(text));
}

void text_hex(char *text, const uint8_t *data, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        text[2 * i] = digits[data[i] >> 4];
        text[2 * i + 1] = digits[data[i] & 15];
    }
    text[2 * len] = 0;
}

void text_time(char text[TEXT_TIME_SIZE], int64_t unix_ms)
{
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm utc;
    char stamp[20];
    gmtime_r(&seconds, &utc);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text, TEXT_TIME_SIZE, "%s.%03dZ", stamp, (int)(unix_ms % 1000));
}

static vx6_span span_of(const char *text)
{
    return (vx6_span){(const uint8_t *)text, strlen(text)};
}

void text_count(
    char text[TEXT_COUNT_SIZE], uint64_t count, const char *words_of_one, const char *words_of_more)
{
    snprintf(text, TEXT_COUNT_SIZE, "%llu %s", (unsigned long long)count,
        count == 1 ? words_of_one : words_of_more);
}

void text_duration(char text[TEXT_DURATION_SIZE], int64_t seconds)
{
    static const struct {
        int64_t seconds;
        const char *one, *more;
    } units[] = {{86400, "day", "days"}, {3600, "hour", "hours"}, {60, "minute", "minutes"},
        {1, "second", "seconds"}};
    size_t unit = 0;
    seconds = seconds < 0 ? -seconds : seconds;
    while (unit < 3 && seconds < 2 * units[unit].seconds)
        unit++;
    text_count(text, (uint64_t)((seconds + units[unit].seconds / 2) / units[unit].seconds),
        units[unit].one, units[unit].more);
}

bool text_is_label(const char *text)
{
    return vx6_label_is_valid(span_of(text));
}

bool text_label_fail(char error[TEXT_ERROR_SIZE], const char *text)
{
    char shown[TEXT_ADDR_SIZE];
    text_printable(shown, sizeof shown, text, strlen(text));
    return text_fail(
        error, "%s is no valid name: use 1 to 63 of a-z, 0-9 and inner hyphens", shown);
}

bool text_is_service_name(const char *text)
{
    struct vx6_name name;
    return vx6_name_parse(span_of(text), &name) && name.service.len > 0;
}

bool text_is_name(const char *text)
{
    struct vx6_name name;
    return vx6_name_parse(span_of(text), &name);
}

void text_printable(char *dst, size_t size, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    size_t used = 0;
    for (size_t i = 0; i < len; i++) {
        bool plain = bytes[i] >= ' ' && bytes[i] <= '~';
        size_t need = plain ? 1 : 4;
        if (used + need >= size)
            break;
        if (plain)
            dst[used] = (char)bytes[i];
        else
            snprintf(dst + used, 5, "\\x%02x", bytes[i]);
        used += need;
    }
    dst[used] = 0;
}

/* Of one character, and its value; 0: it is none. RFC 3629: no longer than need be, no surrogate.
 */
static size_t utf8_character(const uint8_t *bytes, uint32_t *value)
{
    static const struct {
        uint8_t mask, lead;
        uint32_t least;
    } rows[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    size_t more = 0;
    while (more < 4 && (bytes[0] & rows[more].mask) != rows[more].lead)
        more++;
    if (more == 4)
        return 0;
    *value = bytes[0] & (uint8_t)~rows[more].mask;
    for (size_t i = 1; i <= more; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        *value = *value << 6 | (bytes[i] & 0x3fU);
    }
    bool is_surrogate = *value >= 0xd800 && *value <= 0xdfff;
    return *value < rows[more].least || *value > 0x10ffff || is_surrogate ? 0 : more + 1;
}

const char *text_fault(const char *text)
{
    const uint8_t *at = (const uint8_t *)text;
    while (*at != 0) {
        uint32_t value;
        size_t len = utf8_character(at, &value);
        if (len == 0)
            return "is no UTF-8";
        bool turns_around = (value >= 0x202a && value <= 0x202e) || /* what stands in the line */
                            (value >= 0x2066 && value <= 0x2069);
        if (value < 0x20 || (value >= 0x7f && value < 0xa0) || turns_around)
            return "has control characters in it";
        at += len;
    }
    return NULL;
}
