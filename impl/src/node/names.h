/* SPDX-License-Identifier: MIT */
/* Which key each name means to this node, from run to run: bound by first use, or pinned by its
 * user. Spec: spec/names.md, "Bindings"; spec/control.md. */
#ifndef VX6_NAMES_H
#define VX6_NAMES_H

#include "host.h"
#include "vx6/node.h"

struct names;

struct names *names_new(struct host *host);
void names_free(struct names *names);
/* From the store, at start. */
bool names_restore(struct names *names, char error[TEXT_ERROR_SIZE]);

/* NULL: not bound. Valid until the next change. */
const struct store_binding *names_by_label(const struct names *names, const char *label);
const struct store_binding *names_by_key(const struct names *names, const uint8_t key[32]);
/* By its key, or one by which it came to that. */
const struct store_binding *names_led_by(const struct names *names, const uint8_t key[32]);
/* In the order of the names; NULL behind the last. Valid until the next change. */
const struct store_binding *names_item(const struct names *names, size_t index);

/* All: true means that it is on the disk and in force; false that nothing has changed, with *code
 * and a line. A name that a forward uses is not taken from under it. */
bool names_pin(struct names *names, const char *label, const uint8_t key[32], bool may_replace,
    enum vx6_code *code, char error[TEXT_ERROR_SIZE]);
bool names_forget(
    struct names *names, const char *label, enum vx6_code *code, char error[TEXT_ERROR_SIZE]);
bool names_rename(struct names *names, const char *from, const char *to, enum vx6_code *code,
    char error[TEXT_ERROR_SIZE]);

/* The node's own name, which peers will bind; theirs stay bound to the key. */
bool names_set_own(
    struct names *names, const char *label, enum vx6_code *code, char error[TEXT_ERROR_SIZE]);

/* The key `from` has handed over to `to`: what meant it means that; kept by who calls this. */
void names_follow(struct names *names, const uint8_t from[32], const uint8_t to[32]);
/* Output of the state machine: bound by first use. */
void names_bound(struct names *names, const struct vx6_out *out);
/* Tries again what could not be written. */
void names_save(struct names *names);

#endif
