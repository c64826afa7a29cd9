/* SPDX-License-Identifier: MIT */
/* Were a key forgotten once two more have come, its owner could revoke it in vain: a thief would
 * hand over twice. So all are kept, and there is an end to them. */
#include "internal.h"

enum {
    KEYS_MAX = 64 /* as in the table of limits */
};

static vx6_span keys_of(const struct blob *before)
{
    return before ? (vx6_span){before->data, before->len} : (vx6_span){0};
}

bool before_has(const struct blob *before, const uint8_t key[32])
{
    vx6_span keys = keys_of(before);
    for (size_t at = 0; at < keys.len; at += 32) {
        if (bytes_equal(keys.data + at, key, 32))
            return true;
    }
    return false;
}

const uint8_t *before_last(const struct blob *before, const uint8_t key[32])
{
    return before ? before->data + before->len - 32 : key;
}

bool before_is_revoked(const struct vx6_node *node, const struct blob *before)
{
    vx6_span keys = keys_of(before);
    for (size_t at = 0; at < keys.len; at += 32) {
        if (revoked_has(node, keys.data + at))
            return true;
    }
    return false;
}

void before_show(const struct blob *before, struct key_step *step)
{
    vx6_span keys = keys_of(before);
    for (size_t at = 0; at < keys.len; at += 32)
        key_step_see(step, keys.data + at);
}

/* VX6-NAME-026 */
static enum vx6_code check_len(struct vx6_node *node, size_t len)
{
    if (len / 32 <= node->env->limits->followed_max)
        return VX6_OK;
    trace(node, VX6_EVENT_limit_reached, NULL, 0, len, VX6_TOO_MANY_KEYS);
    return VX6_TOO_MANY_KEYS;
}

enum vx6_code before_room(struct vx6_node *node, const struct blob *before, size_t more)
{
    return check_len(node, keys_of(before).len + more * 32);
}

enum vx6_code before_get(struct vx6_node *node, vx6_span keys, struct blob **before)
{
    *before = NULL;
    if (keys.len == 0)
        return VX6_OK;
    if (keys.len % 32 != 0)
        return VX6_INVALID;
    enum vx6_code code = check_len(node, keys.len);
    if (code != VX6_OK)
        return code;
    *before = blob_get(node->env, keys);
    return *before ? VX6_OK : VX6_NOMEM;
}

enum vx6_code before_longer(
    struct vx6_node *node, const struct blob *before, const uint8_t key[32], struct blob **longer)
{
    uint8_t bytes[(KEYS_MAX + 1) * 32];
    vx6_span keys = keys_of(before);
    VX6_ASSERT(keys.len + 32 <= sizeof bytes);
    if (keys.len > 0)
        memcpy(bytes, keys.data, keys.len);
    memcpy(bytes + keys.len, key, 32);
    return before_get(node, (vx6_span){bytes, keys.len + 32}, longer);
}
