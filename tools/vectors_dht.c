/* SPDX-License-Identifier: MIT */
/* Set "dht": distances, address scopes, signed contacts, crowded contacts. */
#include "vectors.h"

#include <string.h>

#include "internal.h"
#include "query.h"
#include "scope.h"
#include "table.h"

enum {
    IDS_MAX = 64
};

static bool read_ids(
    json_t *line, const char *field, vx6_span ids[IDS_MAX], size_t *count, char *reason, size_t cap)
{
    json_t *array = json_object_get(line, field);
    *count = json_array_size(array);
    if (*count == 0 || *count > IDS_MAX)
        return vector_failed(reason, cap, "%s: 1 to %d IDs are expected", field, IDS_MAX);
    for (size_t i = 0; i < *count; i++) {
        uint8_t *id = vector_memory(32);
        size_t len;
        const char *text = json_string_value(json_array_get(array, i));
        if (text == NULL || !vector_hex(text, id, 32, &len) || len != 32)
            return vector_failed(reason, cap, "%s: not an ID", field);
        ids[i] = (vx6_span){id, 32};
    }
    return true;
}

static bool check_order(json_t *line, char *reason, size_t cap)
{
    vx6_span target, ids[IDS_MAX], sorted[IDS_MAX];
    size_t count, expected;
    if (!vector_bytes(line, "target", 32, &target, reason, cap) ||
        !read_ids(line, "ids", ids, &count, reason, cap) ||
        !read_ids(line, "closest_first", sorted, &expected, reason, cap))
        return false;
    if (count != expected)
        return vector_failed(reason, cap, "closest_first has another length");
    for (size_t i = 1; i < count; i++) {
        vx6_span id = ids[i];
        size_t place = i;
        for (; place > 0; place--) {
            if (distance_compare(target.data, ids[place - 1].data, id.data) <= 0)
                break;
            ids[place] = ids[place - 1];
        }
        ids[place] = id;
    }
    for (size_t i = 0; i < count; i++) {
        if (!vector_compare("closest_first", ids[i], sorted[i], reason, cap))
            return false;
    }
    return true;
}

static bool check_prefix(json_t *line, char *reason, size_t cap)
{
    vx6_span a, b;
    if (!vector_bytes(line, "a", 32, &a, reason, cap) ||
        !vector_bytes(line, "b", 32, &b, reason, cap))
        return false;
    uint32_t bits = common_prefix(a.data, b.data);
    json_int_t expected = json_integer_value(json_object_get(line, "bits"));
    return bits == expected || vector_failed(reason, cap, "%u bits", bits);
}

static bool read_addr(json_t *line, const char *field, vx6_addr *addr, char *reason, size_t cap)
{
    vx6_span ip;
    if (!vector_bytes(line, field, 16, &ip, reason, cap))
        return false;
    memcpy(addr->ip, ip.data, sizeof addr->ip);
    addr->port = (uint16_t)json_integer_value(json_object_get(line, "port"));
    return true;
}

static bool check_scope(json_t *line, char *reason, size_t cap)
{
    static const char *const names[] = {"none", "loopback", "link", "private", "global"};
    vx6_addr addr;
    if (!read_addr(line, "ip", &addr, reason, cap))
        return false;
    const char *scope = names[addr_scope(&addr)];
    return strcmp(scope, vector_text(line, "scope")) == 0 ||
           vector_failed(reason, cap, "%s", scope);
}

/* Was it right to accept the line, or to refuse it? */
static bool verdict_is(bool accepted, json_t *line, char *reason, size_t cap)
{
    return accepted == (json_object_get(line, "refused") == NULL) ||
           vector_failed(reason, cap, "%s", accepted ? "accepted" : "refused");
}

static bool check_used(json_t *line, char *reason, size_t cap)
{
    vx6_addr addr, source;
    return read_addr(line, "ip", &addr, reason, cap) &&
           read_addr(line, "source", &source, reason, cap) &&
           verdict_is(addr_is_in_scope(&addr, &source), line, reason, cap);
}

static bool check_contact(json_t *line, char *reason, size_t cap)
{
    struct peer peer = {0};
    vx6_span key, signature;
    if (!read_addr(line, "ip", &peer.addr, reason, cap) ||
        !vector_bytes(line, "key", 32, &key, reason, cap) ||
        !vector_bytes(line, "signature", VX6_SIG_SIZE, &signature, reason, cap))
        return false;
    memcpy(peer.key, key.data, sizeof peer.key);
    json_int_t issued_s = json_integer_value(json_object_get(line, "issued_s"));
    struct answer_head head = {
        .contact_issued_s = (uint32_t)issued_s, .contact_signature = signature.data};
    return verdict_is(contact_verify(&vx6_crypto_real, &peer, &head), line, reason, cap);
}

/* Contacts of a table that is nothing else; bucket `bucket` takes those of `field`. */
static bool add_contacts(json_t *line, const char *field, struct vx6_node *node, uint32_t bucket,
    char *reason, size_t cap)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(line, field), i, item)
    {
        size_t len;
        struct peer *peer = vector_memory(sizeof *peer);
        *peer = (struct peer){.addr.port = 1};
        if (node->table.count == node->table.capacity || !json_is_string(item) ||
            !vector_hex(json_string_value(item), peer->addr.ip, 16, &len) || len != 16)
            return vector_failed(reason, cap, "%s: not an address", field);
        node->table.peers[node->table.count] = peer;
        table_providers(&node->table)[node->table.count++] = diversity_provider(&peer->addr);
        node->table.few_buckets[bucket]++;
    }
    return true;
}

static bool read_asn_map(json_t *line, struct vx6_asn_range *ranges, size_t *count)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(line, "asn"), i, item)
    {
        size_t len;
        json_t *first = json_array_get(item, 0), *last = json_array_get(item, 1);
        if (i == IDS_MAX || !vector_hex(json_string_value(first), ranges[i].first, 16, &len) ||
            len != 16 || !vector_hex(json_string_value(last), ranges[i].last, 16, &len))
            return false;
        ranges[i].asn = (uint32_t)json_integer_value(json_array_get(item, 2));
        *count = i + 1;
    }
    return true;
}

static bool check_crowded(json_t *line, char *reason, size_t cap)
{
    struct vx6_asn_range ranges[IDS_MAX];
    struct vx6_asn_map map = {ranges, 0};
    struct vx6_node *node = vector_memory(sizeof *node);
    vx6_addr addr = {.port = 1};
    vx6_span ip;
    memset(node, 0, sizeof *node);
    node->table = (struct table){.depth = 2};
    table_lay_out(&node->table, vector_memory(IDS_MAX * TABLE_CONTACT_SIZE), IDS_MAX);
    node->asn_map = &map;
    if (!vector_bytes(line, "ip", 16, &ip, reason, cap) ||
        !add_contacts(line, "bucket", node, 0, reason, cap) ||
        !add_contacts(line, "elsewhere", node, 1, reason, cap))
        return false;
    if (!read_asn_map(line, ranges, &map.count))
        return vector_failed(reason, cap, "asn: not a map");
    memcpy(addr.ip, ip.data, sizeof addr.ip);
    bool crowded = diversity_is_crowded(node, &addr, 0, NULL);
    return crowded == json_is_true(json_object_get(line, "crowded")) ||
           vector_failed(reason, cap, "%s", crowded ? "crowded" : "not crowded");
}

static const struct vector_kind kinds[] = {
    {"order", check_order},
    {"prefix", check_prefix},
    {"scope", check_scope},
    {"used", check_used},
    {"contact", check_contact},
    {"crowded", check_crowded},
};

int check_dht(json_t *line, char *reason, size_t cap)
{
    return vector_check_kind(kinds, sizeof kinds / sizeof kinds[0], line, reason, cap);
}
