/* SPDX-License-Identifier: MIT */
/* The keys before a key: those by which a name or a row of an access list has come to the one that
 * it has, since its user trusted the first of them. It stands and falls with each.
 * Spec: spec/names.md, "Rotation". */
#ifndef VX6_BEFORE_H
#define VX6_BEFORE_H

#include "intern.h"
#include "relied.h"

/* Lists of n * 32 bytes, oldest first. NULL: none, as most have. */
bool before_has(const struct blob *before, const uint8_t key[32]);
/* The one that handed over last; `key` itself when there is none. */
const uint8_t *before_last(const struct blob *before, const uint8_t key[32]);
bool before_is_revoked(const struct vx6_node *node, const struct blob *before); /* one of them */
void before_show(const struct blob *before, struct key_step *step);             /* all of them */
/* One more reference to the list of these. OK, INVALID, TOO_MANY_KEYS, NOMEM. */
enum vx6_code before_get(struct vx6_node *node, vx6_span keys, struct blob **before);
/* May there be so many more? OK or TOO_MANY_KEYS. */
enum vx6_code before_room(struct vx6_node *node, const struct blob *before, size_t more);
/* The same to `before` with one key more. */
enum vx6_code before_longer(
    struct vx6_node *node, const struct blob *before, const uint8_t key[32], struct blob **longer);

#endif
