/* SPDX-License-Identifier: MIT */
#include "asnmap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINE_MAX_SIZE = 256,
    PREFIXES_MAX = 1 << 22,
    NESTING_MAX = 129 /* lengths of prefixes */
};

__extension__ typedef unsigned __int128 address;

struct prefix {
    address first, last;
    uint32_t asn;
};

struct prefixes {
    struct prefix *items;
    size_t count, capacity;
};

static address load_address(const uint8_t ip[16])
{
    address value = 0;
    for (int i = 0; i < 16; i++)
        value = value << 8 | ip[i];
    return value;
}

static void store_address(uint8_t ip[16], address value)
{
    for (int i = 16; i-- > 0; value >>= 8)
        ip[i] = (uint8_t)value;
}

static bool read_number(const char **at, uint32_t max, uint32_t *value)
{
    char *end;
    if (**at < '0' || **at > '9')
        return false;
    errno = 0;
    unsigned long long number = strtoull(*at, &end, 10);
    *at = end;
    *value = (uint32_t)number;
    return errno == 0 && number <= max;
}

static bool read_address(const char *text, uint8_t ip[16], uint32_t *bits)
{
    static const uint8_t mapped[12] = {[10] = 0xff, 0xff};
    *bits = 128;
    if (inet_pton(AF_INET6, text, ip) == 1)
        return true;
    *bits = 32;
    memcpy(ip, mapped, sizeof mapped);
    return inet_pton(AF_INET, text, ip + 12) == 1;
}

/* NULL, or what is wrong with the line. */
static const char *read_prefix(char *line, struct prefix *prefix)
{
    static const char blanks[] = " \t\r\n";
    char *slash = line + strcspn(line, " \t/");
    uint8_t ip[16];
    uint32_t bits, len;
    if (*slash == 0)
        return "a prefix and a number are expected";
    *slash = 0;
    if (!read_address(line, ip, &bits))
        return "this is no IP address";
    const char *at = slash + 1 + strspn(slash + 1, blanks);
    if (!read_number(&at, bits, &len))
        return "the length of the prefix is none";
    size_t gap = strspn(at, blanks);
    at += gap;
    if (gap == 0 || !read_number(&at, UINT32_MAX, &prefix->asn) || prefix->asn == 0 ||
        (*at != 0 && strchr("_,{} \t\r\n", *at) == NULL))
        return "a number from 1 to 4294967295 is expected behind the prefix";
    uint32_t host_bits = bits - len;
    address below = host_bits == 128 ? ~(address)0 : ((address)1 << host_bits) - 1;
    prefix->first = load_address(ip) & ~below;
    prefix->last = prefix->first | below;
    return NULL;
}

static bool add_prefix(struct prefixes *prefixes, const struct prefix *prefix)
{
    if (prefixes->count == prefixes->capacity) {
        size_t capacity = prefixes->capacity == 0 ? 1024 : prefixes->capacity * 2;
        struct prefix *items =
            capacity > PREFIXES_MAX ? NULL : realloc(prefixes->items, capacity * sizeof *items);
        if (items == NULL)
            return false;
        prefixes->items = items;
        prefixes->capacity = capacity;
    }
    prefixes->items[prefixes->count++] = *prefix;
    return true;
}

static bool read_file(
    FILE *file, const char *path, struct prefixes *prefixes, char error[TEXT_ERROR_SIZE])
{
    char line[LINE_MAX_SIZE];
    for (unsigned number = 1; fgets(line, sizeof line, file); number++) {
        if (strchr(line, '\n') == NULL && !feof(file))
            return text_fail(error, "%.200s:%u: the line is too long", path, number);
        line[strcspn(line, "#")] = 0;
        char *begin = line + strspn(line, " \t\r\n");
        struct prefix prefix;
        if (*begin == 0)
            continue;
        const char *reason = read_prefix(begin, &prefix);
        if (reason)
            return text_fail(error, "%.200s:%u: %s", path, number, reason);
        if (!add_prefix(prefixes, &prefix))
            return text_fail(error, "%.200s:%u: too many prefixes, or out of memory", path, number);
    }
    return !ferror(file) || text_fail(error, "%.200s: %s", path, strerror(errno));
}

/* Those that contain others come before them; of equal ones, in the order of the numbers. */
static int compare(const void *left, const void *right)
{
    const struct prefix *a = left, *b = right;
    if (a->first != b->first)
        return a->first < b->first ? -1 : 1;
    if (a->last != b->last)
        return a->last > b->last ? -1 : 1;
    return a->asn < b->asn ? -1 : a->asn > b->asn;
}

/* Ranges in the making: what lies before `next` is done. */
struct flat {
    struct vx6_asn_range *ranges;
    size_t count;
    address next;
    bool is_complete; /* up to the last address that there is */
};

static void flat_add(struct flat *flat, address last, uint32_t asn)
{
    if (flat->is_complete || last < flat->next)
        return;
    struct vx6_asn_range *range = &flat->ranges[flat->count++];
    store_address(range->first, flat->next);
    store_address(range->last, last);
    range->asn = asn;
    flat->next = last + 1;
    flat->is_complete = flat->next == 0;
}

/* Prefixes contain each other or do not meet: a stack holds those around the current one. */
static void flatten(const struct prefixes *prefixes, struct flat *flat)
{
    const struct prefix *around[NESTING_MAX];
    size_t depth = 0;
    for (size_t i = 0; i < prefixes->count; i++) {
        const struct prefix *prefix = &prefixes->items[i];
        for (; depth > 0 && around[depth - 1]->last < prefix->first; depth--)
            flat_add(flat, around[depth - 1]->last, around[depth - 1]->asn);
        if (depth > 0 && around[depth - 1]->last == prefix->last &&
            around[depth - 1]->first == prefix->first)
            continue; /* the same once more */
        if (depth > 0 && prefix->first > flat->next)
            flat_add(flat, prefix->first - 1, around[depth - 1]->asn);
        flat->next = prefix->first;
        around[depth++] = prefix;
    }
    for (; depth > 0; depth--)
        flat_add(flat, around[depth - 1]->last, around[depth - 1]->asn);
}

struct vx6_asn_map *asnmap_load(const char *path, char error[TEXT_ERROR_SIZE])
{
    struct prefixes prefixes = {0};
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        text_fail(error, "%.200s: %s", path, strerror(errno));
        return NULL;
    }
    bool ok = read_file(file, path, &prefixes, error);
    (void)fclose(file);
    struct vx6_asn_map *map = calloc(1, sizeof *map);
    struct flat flat = {.ranges = calloc(2 * prefixes.count + 1, sizeof *flat.ranges)};
    if (ok && (map == NULL || flat.ranges == NULL))
        ok = text_fail(error, "out of memory");
    if (ok) {
        if (prefixes.count > 0)
            qsort(prefixes.items, prefixes.count, sizeof *prefixes.items, compare);
        flatten(&prefixes, &flat);
        *map = (struct vx6_asn_map){flat.ranges, flat.count};
    }
    free(prefixes.items);
    if (ok)
        return map;
    free(flat.ranges);
    free(map);
    return NULL;
}

void asnmap_free(struct vx6_asn_map *map)
{
    if (map == NULL)
        return;
    free((void *)(uintptr_t)map->ranges);
    free(map);
}
