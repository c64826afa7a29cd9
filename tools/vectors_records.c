/* SPDX-License-Identifier: MIT */
/* Sets "records" and "lineage": bundles, tombstones and node records that are sound, or refused
 * with a code; what an owner makes of its seed; and the keys that a bundle may be stored under. */
#include "vectors.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "env.h"
#include "record.h"
#include "vx6/node.h"

static struct vx6_env env = {.crypto = &vx6_crypto_real, .limits = &vx6_limits_default};

static vx6_span text_span(const char *text)
{
    return (vx6_span){(const uint8_t *)text, strlen(text)};
}

static int64_t wall_time(json_t *line)
{
    return json_integer_value(json_object_get(line, "unix_s"));
}

/* The code in "refused", or OK. */
static bool code_is(enum vx6_code code, json_t *line, char *reason, size_t cap)
{
    const char *refused = vector_text(line, "refused");
    const char *expected = refused[0] == '\0' ? "OK" : refused;
    if (strcmp(vx6_code_name(code), expected) == 0)
        return true;
    return vector_failed(reason, cap, "%s, expected %s", vx6_code_name(code), expected);
}

static bool services_are(vx6_list list, const json_t *expected)
{
    struct vx6_service service;
    size_t index;
    json_t *name;
    if (list.count != json_array_size(expected))
        return false;
    json_array_foreach(expected, index, name)
    {
        vx6_span wanted = text_span(json_string_value(name));
        if (!vx6_next_service(&list, &service) || service.name.len != wanted.len ||
            memcmp(service.name.data, wanted.data, wanted.len) != 0)
            return false;
    }
    return true;
}

static bool read_hosted(const json_t *item, struct vx6_hosted *hosted)
{
    size_t len;
    const char *name = json_string_value(json_object_get(item, "name"));
    const char *host = json_string_value(json_object_get(item, "host"));
    hosted->name = text_span(name ? name : "");
    return host && vector_hex(host, hosted->host, sizeof hosted->host, &len) && len == 32;
}

static bool hosted_are(vx6_list list, const json_t *expected)
{
    struct vx6_hosted hosted, wanted;
    size_t index;
    json_t *item;
    if (list.count != json_array_size(expected))
        return false;
    json_array_foreach(expected, index, item)
    {
        if (!read_hosted(item, &wanted) || !vx6_next_hosted(&list, &hosted) ||
            !span_equal(hosted.name, wanted.name) || memcmp(hosted.host, wanted.host, 32) != 0)
            return false;
    }
    return true;
}

/* None are expected where the line names none. */
static bool keys_are(const struct lineage *lineage, json_t *expected, char *reason, size_t cap)
{
    if (lineage->count != json_array_size(expected))
        return vector_failed(reason, cap, "%u keys came before", lineage->count);
    for (uint32_t i = 0; i < lineage->count; i++) {
        uint8_t key[32];
        size_t len;
        if (!vector_hex(json_string_value(json_array_get(expected, i)), key, sizeof key, &len) ||
            memcmp(key, lineage->predecessors[i], sizeof key) != 0)
            return vector_failed(reason, cap, "key %u before is another", i);
    }
    return true;
}

static bool bundle_says(const struct bundle *bundle, json_t *line, char *reason, size_t cap)
{
    vx6_span owner;
    char sequence[24];
    snprintf(sequence, sizeof sequence, "%" PRIu64, bundle->sequence);
    if (!vector_bytes(line, "owner", 32, &owner, reason, cap) ||
        !vector_compare("owner", (vx6_span){bundle->owner, 32}, owner, reason, cap) ||
        !vector_compare("label", bundle->label, text_span(vector_text(line, "label")), reason, cap))
        return false;
    if (strcmp(sequence, vector_text(line, "sequence")) != 0)
        return vector_failed(reason, cap, "sequence is %s", sequence);
    if (bundle->expires_s != json_integer_value(json_object_get(line, "expires_s")))
        return vector_failed(reason, cap, "expires at %" PRId64, bundle->expires_s);
    if (!services_are(bundle->services, json_object_get(line, "services")))
        return vector_failed(reason, cap, "the services differ");
    if (!hosted_are(bundle->hosted, json_object_get(line, "hosted")))
        return vector_failed(reason, cap, "the hosted services differ");
    return keys_are(&bundle->lineage, json_object_get(line, "predecessors"), reason, cap) &&
           (bundle->is_tombstone == json_is_true(json_object_get(line, "tombstone")) ||
               vector_failed(
                   reason, cap, "it is %sa tombstone", bundle->is_tombstone ? "" : "no "));
}

static bool check_bundle(json_t *line, vx6_span bytes, char *reason, size_t cap)
{
    struct bundle bundle;
    enum vx6_code code = bundle_check(&env, wall_time(line), bytes, &bundle);
    if (!code_is(code, line, reason, cap))
        return false;
    return code != VX6_OK || bundle_says(&bundle, line, reason, cap);
}

static bool check_node_record(json_t *line, vx6_span bytes, char *reason, size_t cap)
{
    struct vx6_node_record record;
    return code_is(record_check_node(&env, wall_time(line), bytes, &record), line, reason, cap);
}

static bool check_key(json_t *line, vx6_span bytes, char *reason, size_t cap)
{
    struct bundle bundle;
    vx6_span key;
    if (!vector_bytes(line, "key", 32, &key, reason, cap) ||
        !code_is(bundle_check(&env, wall_time(line), bytes, &bundle), line, reason, cap))
        return false;
    bool fits = bundle_fits_key(env.crypto, &bundle, key.data);
    if (fits == json_is_true(json_object_get(line, "fits")))
        return true;
    return vector_failed(reason, cap, "%s under this key", fits ? "fits" : "does not fit");
}

/* False when there are too many endpoints, or one is malformed. */
static bool read_endpoints(
    json_t *line, vx6_addr *endpoints, uint32_t *count, char *reason, size_t cap)
{
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(line, "endpoints"), index, item)
    {
        vx6_span ip;
        if (*count == VX6_ENDPOINT_MAX || !vector_bytes(item, "ip", 16, &ip, reason, cap))
            return vector_failed(reason, cap, "endpoint %zu", index);
        vx6_addr *addr = &endpoints[(*count)++];
        memcpy(addr->ip, ip.data, 16);
        addr->port = (uint16_t)json_integer_value(json_object_get(item, "port"));
    }
    return true;
}

static bool check_make(json_t *line, vx6_span bytes, char *reason, size_t cap)
{
    vx6_span seed, services[16];
    struct vx6_hosted hosted[16];
    vx6_addr endpoints[VX6_ENDPOINT_MAX];
    struct record_facts facts = {.sequence = strtoull(vector_text(line, "sequence"), NULL, 10),
        .unix_s = wall_time(line),
        .life_s = (uint32_t)json_integer_value(json_object_get(line, "life_s")),
        .endpoints = endpoints,
        .label = text_span(vector_text(line, "label")),
        .services = services,
        .hosted = hosted};
    size_t index;
    json_t *name, *item;
    if (!vector_bytes(line, "seed", 32, &seed, reason, cap) ||
        !read_endpoints(line, endpoints, &facts.endpoint_count, reason, cap))
        return false;
    json_array_foreach(json_object_get(line, "services"), index, name)
    {
        if (facts.service_count == 16)
            return vector_failed(reason, cap, "too many services");
        services[facts.service_count++] = text_span(json_string_value(name));
    }
    json_array_foreach(json_object_get(line, "hosted"), index, item)
    {
        if (facts.hosted_count == 16 || !read_hosted(item, &hosted[facts.hosted_count++]))
            return vector_failed(reason, cap, "hosted service %zu", index);
    }
    struct own_keys keys;
    uint8_t made[VX6_BUNDLE_MAX];
    own_keys_init(&keys, env.crypto, seed.data);
    size_t len = record_make_bundle(env.crypto, &keys, &facts, made);
    return vector_compare("bundle", (vx6_span){made, len}, bytes, reason, cap);
}

static bool check_rotate(json_t *line, vx6_span bytes, char *reason, size_t cap)
{
    vx6_span seed, seed_next, lineage;
    uint8_t made[VX6_LINEAGE_MAX];
    if (!vector_bytes(line, "seed", 32, &seed, reason, cap) ||
        !vector_bytes(line, "seed_next", 32, &seed_next, reason, cap) ||
        !vector_bytes(line, "lineage", SIZE_MAX, &lineage, reason, cap))
        return false;
    size_t len =
        vx6_identity_rotate(env.crypto, seed.data, lineage, seed_next.data, wall_time(line), made);
    return vector_compare("lineage", (vx6_span){made, len}, bytes, reason, cap);
}

static bool check_revoke(json_t *line, vx6_span bytes, char *reason, size_t cap)
{
    vx6_span seed, lineage;
    uint8_t made[VX6_TOMBSTONE_MAX];
    if (!vector_bytes(line, "seed", 32, &seed, reason, cap) ||
        !vector_bytes(line, "lineage", SIZE_MAX, &lineage, reason, cap))
        return false;
    size_t len = vx6_identity_revoke(env.crypto, seed.data, text_span(vector_text(line, "label")),
        lineage, wall_time(line), made);
    return vector_compare("certificate", (vx6_span){made, len}, bytes, reason, cap);
}

static const struct {
    const char *kind;
    bool (*check)(json_t *line, vx6_span bytes, char *reason, size_t cap);
} kinds[] = {
    {"bundle", check_bundle},
    {"node_record", check_node_record},
    {"key", check_key},
    {"make", check_make},
    {"rotate", check_rotate},
    {"revoke", check_revoke},
};

int check_records(json_t *line, char *reason, size_t cap)
{
    vx6_span bytes;
    if (!vector_bytes(line, "hex", SIZE_MAX, &bytes, reason, cap))
        return VECTOR_FAILED;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].kind, vector_text(line, "kind")) == 0)
            return kinds[i].check(line, bytes, reason, cap) ? VECTOR_PASSED : VECTOR_FAILED;
    }
    return VECTOR_UNSUPPORTED;
}
