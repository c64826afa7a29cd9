/* SPDX-License-Identifier: MIT */
/* Memory of one shard: free lists by size class, cut from large chunks. Callers give exact sizes
 * back, so blocks have no header. A block may be given to another pool than it came from, as long
 * as all are freed together. Under AddressSanitizer every block is its own allocation. */
#ifndef SIM_POOL_H
#define SIM_POOL_H

#include "vx6/node.h"

enum {
    POOL_CLASS_COUNT = 146,
    POOL_BLOCK_MAX = 65536
};

struct pool {
    void *free_lists[POOL_CLASS_COUNT];
    uint32_t free_counts[POOL_CLASS_COUNT];
    void *chunks;         /* all of them, linked through their first word */
    size_t chunk_bytes;   /* of all of them */
    size_t splits;        /* since free blocks side by side were merged last */
    size_t blocks_merged; /* free blocks there were then */
    size_t used; /* given out, in sizes asked for; blocks given back elsewhere count there */
};

/* Never NULL: when the machine has no memory left the program ends with a message. */
void *pool_take(struct pool *pool, size_t size);
void pool_give(struct pool *pool, void *block, size_t size);
void *pool_resize(void *pool, void *block, size_t size_from, size_t size_to); /* for vx6_alloc */
/* Evens out the free blocks of two pools: what one shard takes another may give back. */
void pool_balance(struct pool *a, struct pool *b);
void pool_free(struct pool *pool); /* all at once */

#endif
