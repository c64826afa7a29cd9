/* SPDX-License-Identifier: MIT */
#include "memo.h"

#include <stdlib.h>
#include <string.h>

enum {
    CAPACITY_FIRST = 1024,
    CAPACITY_MAX = 1 << 24
};

/* The entry of the key, or the free one where it would go. Keys are points on a curve: their bytes
 * are as good as a hash. */
static struct memo_entry *entry_of(
    struct memo_entry *entries, uint32_t capacity, const uint8_t key[32])
{
    uint32_t at =
        (uint32_t)key[0] | (uint32_t)key[1] << 8 | (uint32_t)key[2] << 16 | (uint32_t)key[3] << 24;
    for (;; at++) {
        struct memo_entry *entry = &entries[at & (capacity - 1)];
        if (entry->verdict == MEMO_UNKNOWN || memcmp(entry->key, key, 32) == 0)
            return entry;
    }
}

enum memo_verdict memo_find(const struct memo *memo, const uint8_t key[32])
{
    if (memo->count == 0)
        return MEMO_UNKNOWN;
    return (enum memo_verdict)entry_of(memo->entries, memo->capacity, key)->verdict;
}

static bool grow(struct memo *memo)
{
    uint32_t capacity = memo->capacity == 0 ? CAPACITY_FIRST : memo->capacity * 2;
    struct memo_entry *entries = capacity > CAPACITY_MAX ? NULL : calloc(capacity, sizeof *entries);
    if (entries == NULL)
        return false;
    for (uint32_t i = 0; i < memo->capacity; i++) {
        if (memo->entries[i].verdict != MEMO_UNKNOWN)
            *entry_of(entries, capacity, memo->entries[i].key) = memo->entries[i];
    }
    free(memo->entries);
    memo->entries = entries;
    memo->capacity = capacity;
    return true;
}

void memo_add(struct memo *memo, const uint8_t key[32], enum memo_verdict verdict)
{
    if (memo->count >= memo->capacity / 4 * 3 && !grow(memo))
        return;
    struct memo_entry *entry = entry_of(memo->entries, memo->capacity, key);
    memo->count += entry->verdict == MEMO_UNKNOWN;
    memcpy(entry->key, key, 32);
    entry->verdict = (uint8_t)verdict;
}

void memo_free(struct memo *memo)
{
    free(memo->entries);
}
