/* SPDX-License-Identifier: MIT */
/* Keys that have handed over to others, and keys that were revoked: what this node heard, from run
 * to run. Spec: spec/names.md, "Rotation" and "Revocation". */
#ifndef VX6_NODE_KEYS_H
#define VX6_NODE_KEYS_H

#include "host.h"
#include "vx6/node.h"

struct keys;

struct keys *keys_new(struct host *host);
void keys_free(struct keys *keys);
/* From the store, at start, once names and services are restored. */
bool keys_restore(struct keys *keys, char error[TEXT_ERROR_SIZE]);

bool keys_is_revoked(const struct keys *keys, const uint8_t key[32]);
/* Is it the node's own that nobody is to believe? */
bool keys_own_is_revoked(const struct keys *keys);
/* The certificate of a revocation, as its file says it: true means that it is on the disk, in
 * force, and on its way to the network. */
bool keys_revoke(struct keys *keys, const char *text, uint8_t key[32], enum vx6_code *code,
    char error[TEXT_ERROR_SIZE]);

/* Outputs of the state machine. */
void keys_followed(struct keys *keys, const struct vx6_out *out);
void keys_clash(struct keys *keys, const struct vx6_out *out);
void keys_revoked(struct keys *keys, const struct vx6_out *out);
/* Tries again what could not be written. False: the store still refuses. */
bool keys_save(struct keys *keys);

#endif
