/* SPDX-License-Identifier: MIT */
/* The operator's file of autonomous systems. Odd inputs are prefixes of which a file is written:
 * then each address has the number of the longest prefix that contains it. Even ones are the file
 * itself, which is refused with its line, or gives ranges that ascend and do not overlap. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "asnmap.h"
#include "fuzz.h"
#include "net.h"

enum {
    PREFIXES_MAX = 64,
    PATH_SIZE = 64
};

struct prefix {
    uint8_t ip[16];
    unsigned bits; /* of the mapped form */
    uint32_t asn;
};

static int compare(const uint8_t a[16], const uint8_t b[16])
{
    return memcmp(a, b, 16);
}

static void check_ranges(const struct vx6_asn_map *map)
{
    for (size_t i = 0; i < map->count; i++) {
        const struct vx6_asn_range *range = &map->ranges[i];
        VX6_ASSERT(range->asn != 0 && compare(range->first, range->last) <= 0);
        VX6_ASSERT(i == 0 || compare(map->ranges[i - 1].last, range->first) < 0);
    }
}

/* NULL: refused. */
static struct vx6_asn_map *load(const void *text, size_t len)
{
    char path[PATH_SIZE], error[TEXT_ERROR_SIZE] = "";
    int fd = memfd_create("asnmap", MFD_CLOEXEC);
    VX6_ASSERT(fd >= 0 && write(fd, text, len) == (ssize_t)len);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct vx6_asn_map *map = asnmap_load(path, error);
    close(fd);
    VX6_ASSERT((map != NULL) == (error[0] == 0));
    if (map)
        check_ranges(map);
    return map;
}

static bool contains(const struct prefix *prefix, const uint8_t ip[16])
{
    for (unsigned bit = 0; bit < prefix->bits; bit++) {
        if ((prefix->ip[bit / 8] ^ ip[bit / 8]) & 0x80u >> bit % 8)
            return false;
    }
    return true;
}

/* Of equal prefixes the lowest number counts; 0: none contains it. */
static uint32_t longest(const struct prefix *prefixes, size_t count, const uint8_t ip[16])
{
    const struct prefix *best = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct prefix *prefix = &prefixes[i];
        if (contains(prefix, ip) && (best == NULL || prefix->bits > best->bits ||
                                        (prefix->bits == best->bits && prefix->asn < best->asn)))
            best = prefix;
    }
    return best ? best->asn : 0;
}

static uint32_t look_up(const struct vx6_asn_map *map, const uint8_t ip[16])
{
    for (size_t i = 0; i < map->count; i++) {
        if (compare(map->ranges[i].first, ip) <= 0 && compare(ip, map->ranges[i].last) <= 0)
            return map->ranges[i].asn;
    }
    return 0;
}

/* Few different bytes, so that prefixes meet. */
static struct prefix read_prefix(struct tape *tape)
{
    static const uint8_t mapped[12] = {[10] = 0xff, 0xff};
    struct prefix prefix = {.asn = 1u + tape_u8(tape)};
    uint8_t form = tape_u8(tape), pattern = tape_u8(tape);
    for (unsigned i = 0; i < 16; i++)
        prefix.ip[i] = pattern & 1u << i % 8 ? (uint8_t)(form & 2 ? 0xff : 0x80) : 0;
    prefix.bits = tape_u8(tape) % 129u;
    if (form & 1) {
        memcpy(prefix.ip, mapped, sizeof mapped);
        prefix.bits = 96 + prefix.bits % 33;
    }
    return prefix;
}

static size_t write_prefix(const struct prefix *prefix, bool is_ipv4, char *dst, size_t size)
{
    char text[TEXT_ADDR_SIZE];
    vx6_addr addr = {.port = 1};
    memcpy(addr.ip, prefix->ip, sizeof addr.ip);
    text_addr(text, &addr);
    char *begin = text[0] == '[' ? text + 1 : text;
    *strrchr(text, ':') = 0;
    begin[strcspn(begin, "]")] = 0;
    int len = snprintf(
        dst, size, "%s/%u %u\n", begin, is_ipv4 ? prefix->bits - 96 : prefix->bits, prefix->asn);
    return (size_t)len;
}

static void check_addresses(
    const struct vx6_asn_map *map, const struct prefix *prefixes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t ip[16];
        memcpy(ip, prefixes[i].ip, sizeof ip);
        for (unsigned bit = 0; bit <= 128; bit++) {
            VX6_ASSERT(look_up(map, ip) == longest(prefixes, count, ip));
            if (bit < 128)
                ip[bit / 8] ^= (uint8_t)(0x80u >> bit % 8);
        }
    }
}

static void check_prefixes(struct tape *tape)
{
    static char text[PREFIXES_MAX * TEXT_ADDR_SIZE];
    struct prefix prefixes[PREFIXES_MAX];
    size_t count = 0, len = 0;
    while (tape_left(tape) > 0 && count < PREFIXES_MAX) {
        struct prefix prefix = read_prefix(tape);
        vx6_addr addr = {0};
        memcpy(addr.ip, prefix.ip, sizeof addr.ip);
        bool is_ipv4 = net_is_ipv4(&addr);
        if (is_ipv4 && prefix.bits < 96)
            continue; /* there is no way to write it */
        len += write_prefix(&prefix, is_ipv4, text + len, sizeof text - len);
        prefixes[count++] = prefix;
    }
    struct vx6_asn_map *map = load(text, len);
    VX6_ASSERT(map);
    check_addresses(map, prefixes, count);
    asnmap_free(map);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct tape tape = {data, data + len};
    if (tape_u8(&tape) & 1)
        check_prefixes(&tape);
    else
        asnmap_free(load(tape.at, tape_left(&tape)));
    return 0;
}
