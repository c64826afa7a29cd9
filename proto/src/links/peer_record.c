/* SPDX-License-Identifier: MIT */
/* Whom a link leads to: the record that the peer shows once it has proved a key.
 * Spec: spec/links.md, "Handshake". */
#include "link_internal.h"

enum vx6_code peer_record_take(
    struct vx6_node *node, struct link *link, vx6_span data, const uint8_t *link_key)
{
    struct vx6_node_record record;
    enum vx6_code code = record_check_node(node->env, node_unix_s(node), data, &record);
    if (code == VX6_EXPIRED && link_key && !link->pinned)
        memcpy(link->peer_key, record.identity, 32); /* said, not proved: VX6-QUERY-019 */
    if (code != VX6_OK)
        return code;
    if (link_key ? !bytes_equal(link_key, record.link_key, sizeof record.link_key)
                 : !bytes_equal(link->peer_key, record.identity, sizeof record.identity))
        return VX6_BAD_RECORD;
    if (bytes_equal(record.identity, node->keys.identity, 32))
        return VX6_SELF;
    if (link->pinned && !bytes_equal(record.identity, link->peer_key, 32))
        return VX6_KEY_MISMATCH;
    struct blob *blob = blob_get(node->env, data);
    if (blob == NULL)
        return VX6_NOMEM;
    link->record = blob;
    link->pinned = true;
    memcpy(link->peer_key, record.identity, 32);
    return VX6_OK;
}

struct vx6_node_record link_peer_record(const struct link *link)
{
    VX6_ASSERT(link->record != NULL);
    struct vx6_msg msg;
    const char *reason =
        vx6_msg_decode(&msg, VX6_SCOPE_RECORD, link->record->data, link->record->len);
    VX6_ASSERT(reason == NULL && msg.type == VX6_MSG_node_record);
    return msg.u.node_record;
}
