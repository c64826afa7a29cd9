/* SPDX-License-Identifier: MIT */
/* Whether a public key is valid, computed once per key: in a real network every node checks the
 * keys that reach it, here thousands of nodes check the same ones. The answer is a pure function of
 * the key, so remembering it changes nothing but time. */
#ifndef SIM_MEMO_H
#define SIM_MEMO_H

#include "vx6/crypto.h"

struct memo_entry {
    uint8_t key[32];
    uint8_t verdict; /* 0: free */
};

struct memo {
    struct memo_entry *entries;
    uint32_t count, capacity; /* a power of two */
};

enum memo_verdict {
    MEMO_UNKNOWN,
    MEMO_VALID,
    MEMO_INVALID
};

enum memo_verdict memo_find(const struct memo *memo, const uint8_t key[32]);
/* Forgets nothing; beyond a bound it learns nothing more. */
void memo_add(struct memo *memo, const uint8_t key[32], enum memo_verdict verdict);
void memo_free(struct memo *memo);

#endif
