/* SPDX-License-Identifier: MIT */
/* The memo provider: a crypto table that remembers the verdicts of another on public keys and
 * signatures. In a real network every node checks what reaches it; here thousands of nodes check
 * the same keys and the same records. A verdict is a pure function of the bytes asked about, so
 * remembering it changes nothing but time. Spec: spec/crypto.md, "Providers". */
#ifndef SIM_MEMO_H
#define SIM_MEMO_H

#include "vx6/crypto.h"

/* Of a public key, or of the hash of a signature and all it is checked against: enough to tell it
 * from all others. */
enum {
    MEMO_FACT_SIZE = 15
};

struct memo_entry {
    uint8_t fact[MEMO_FACT_SIZE];
    uint8_t verdict; /* enum memo_verdict; MEMO_UNKNOWN: free */
};

struct memo {
    const struct vx6_crypto *under;
    struct memo_entry *entries;
    uint32_t count, capacity; /* a power of two */
    uint64_t asked, computed;
    struct memo *next; /* in a ring: who is told which keys are made */
};

enum memo_verdict {
    MEMO_UNKNOWN,
    MEMO_TRUE,
    MEMO_FALSE
};

enum memo_use {
    MEMO_KEYS, /* remembers which public keys are valid */
    MEMO_KEYS_AND_SIGNATURES
};

/* Makes `crypto` the provider `under`, with `memo` (zero before) between them. `memo` must outlive
 * the use of `crypto`. It forgets nothing; beyond a bound it learns nothing more. */
void memo_wrap(struct memo *memo, struct vx6_crypto *crypto, const struct vx6_crypto *under,
    enum memo_use use);
/* From now on the two, and all that they shared with before, learn which keys each of them makes.
 * Keys may be made only while no other thread uses one of them. */
void memo_share(struct memo *memo, struct memo *other);
void memo_free(struct memo *memo);

#endif
