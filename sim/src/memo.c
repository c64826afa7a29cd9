/* SPDX-License-Identifier: MIT */
#include "memo.h"

#include <stdlib.h>
#include <string.h>

enum {
    CAPACITY_FIRST = 1024,
    CAPACITY_MAX = 1 << 22,
    CHECKED_MAX = 1400 /* a signature, its key, its label and its message */
};

/* The entry of the fact, or the free one where it would go. Facts are points on a curve or hashes:
 * their bytes need no further hash. */
static struct memo_entry *entry_of(
    struct memo_entry *entries, uint32_t capacity, const uint8_t fact[MEMO_FACT_SIZE])
{
    uint32_t at;
    memcpy(&at, fact, sizeof at);
    for (;; at++) {
        struct memo_entry *entry = &entries[at & (capacity - 1)];
        if (entry->verdict == MEMO_UNKNOWN || memcmp(entry->fact, fact, MEMO_FACT_SIZE) == 0)
            return entry;
    }
}

static bool grow(struct memo *memo)
{
    uint32_t capacity = memo->capacity == 0 ? CAPACITY_FIRST : memo->capacity * 2;
    struct memo_entry *entries = capacity > CAPACITY_MAX ? NULL : calloc(capacity, sizeof *entries);
    if (entries == NULL)
        return false;
    for (uint32_t i = 0; i < memo->capacity; i++) {
        if (memo->entries[i].verdict != MEMO_UNKNOWN)
            *entry_of(entries, capacity, memo->entries[i].fact) = memo->entries[i];
    }
    free(memo->entries);
    memo->entries = entries;
    memo->capacity = capacity;
    return true;
}

static bool know(struct memo *memo, const uint8_t fact[32], bool *verdict)
{
    memo->asked++;
    if (memo->count == 0)
        return false;
    uint8_t found = entry_of(memo->entries, memo->capacity, fact)->verdict;
    *verdict = found == MEMO_TRUE;
    return found != MEMO_UNKNOWN;
}

static void learn(struct memo *memo, const uint8_t fact[32], bool verdict)
{
    if (memo->count >= memo->capacity / 4 * 3 && !grow(memo))
        return;
    struct memo_entry *entry = entry_of(memo->entries, memo->capacity, fact);
    memo->count += entry->verdict == MEMO_UNKNOWN;
    memcpy(entry->fact, fact, MEMO_FACT_SIZE);
    entry->verdict = verdict ? MEMO_TRUE : MEMO_FALSE;
}

static bool memo_key_is_valid(const struct vx6_crypto *self, const uint8_t key[32])
{
    struct memo *memo = self->context;
    bool verdict;
    if (!know(memo, key, &verdict)) {
        memo->computed++;
        verdict = memo->under->sign_public_is_valid(memo->under, key);
        learn(memo, key, verdict);
    }
    return verdict;
}

/* What was made from a seed is valid: nobody has to find out. */
static void memo_sign_public(const struct vx6_crypto *self, uint8_t key[32], const uint8_t seed[32])
{
    struct memo *memo = self->context;
    memo->under->sign_public(memo->under, key, seed);
    do {
        learn(memo, key, true);
        memo = memo->next;
    } while (memo != self->context);
}

static bool memo_verify(const struct vx6_crypto *self, const uint8_t signature[64],
    const uint8_t public_key[32], const char *label, const uint8_t *message, size_t len)
{
    struct memo *memo = self->context;
    uint8_t checked[CHECKED_MAX], fact[32];
    size_t label_size = strlen(label) + 1;
    VX6_ASSERT(len <= CHECKED_MAX - 64 - 32 - label_size);
    memcpy(checked, signature, 64);
    memcpy(checked + 64, public_key, 32);
    memcpy(checked + 96, label, label_size);
    memcpy(checked + 96 + label_size, message, len);
    self->sha256(self, fact, checked, 96 + label_size + len);
    bool verdict;
    if (!know(memo, fact, &verdict)) {
        memo->computed++;
        verdict = memo->under->verify(memo->under, signature, public_key, label, message, len);
        learn(memo, fact, verdict);
    }
    return verdict;
}

void memo_wrap(
    struct memo *memo, struct vx6_crypto *crypto, const struct vx6_crypto *under, enum memo_use use)
{
    memo->under = under;
    memo->next = memo;
    *crypto = *under;
    crypto->context = memo;
    crypto->sign_public = memo_sign_public;
    crypto->sign_public_is_valid = memo_key_is_valid;
    if (use == MEMO_KEYS_AND_SIGNATURES) {
        crypto->name = "memo";
        crypto->verify = memo_verify;
    }
}

void memo_share(struct memo *memo, struct memo *other)
{
    struct memo *next = memo->next;
    memo->next = other->next;
    other->next = next;
}

void memo_free(struct memo *memo)
{
    free(memo->entries);
}
