/* SPDX-License-Identifier: MIT */
/* The input is a node record, a bundle or a tombstone. It is checked twice: with true signatures,
 * which nobody can make up, and with any signature taken for good, so that what lies behind them is
 * reached. What is accepted keeps to the rules of spec/records.md. */
#include "bytes.h"
#include "env.h"
#include "fuzz.h"
#include "memory.h"
#include "record.h"

#define NOW_S INT64_C(1767225600) /* of vectors/records.jsonl */

static bool take_for_good(const struct vx6_crypto *self, const uint8_t signature[64],
    const uint8_t public_key[32], const char *label, const uint8_t *message, size_t len)
{
    (void)self, (void)signature, (void)public_key, (void)label, (void)message, (void)len;
    return true;
}

static void check_node(const struct vx6_limits *limits, const struct vx6_node_record *record)
{
    struct vx6_endpoint endpoint;
    vx6_list list = record->endpoints;
    VX6_ASSERT(record->sequence > 0 && record->life_s <= limits->record_life_max_s);
    VX6_ASSERT(record->issued_s <= (uint64_t)NOW_S + limits->record_skew_s);
    VX6_ASSERT(record->issued_s + record->life_s > (uint64_t)NOW_S);
    VX6_ASSERT(list.count <= VX6_ENDPOINT_MAX);
    while (vx6_next_endpoint(&list, &endpoint)) {
        vx6_addr addr = {.port = endpoint.port};
        memcpy(addr.ip, endpoint.ip, sizeof addr.ip);
        VX6_ASSERT(endpoint_is_possible(&addr));
    }
}

static void check_lineage(struct vx6_env *env, const struct bundle *bundle)
{
    const struct lineage *lineage = &bundle->lineage;
    VX6_ASSERT((lineage->count > 0) == (lineage->record.len > 0));
    VX6_ASSERT(!lineage_has(lineage, bundle->node.identity));
    for (uint32_t i = 0; i < lineage->count; i++) {
        uint8_t id[32];
        const uint8_t *key = lineage->predecessors[i];
        const uint8_t *next =
            i + 1 < lineage->count ? lineage->predecessors[i + 1] : bundle->node.identity;
        VX6_ASSERT(memcmp(lineage_successor(lineage, bundle->node.identity, key), next, 32) == 0);
        vx6_node_id(env->crypto, id, key);
        VX6_ASSERT(bundle_fits_key(env->crypto, bundle, id));
    }
}

static void check_tombstone(struct vx6_env *env, vx6_span data, const struct bundle *bundle)
{
    uint8_t again[VX6_TOMBSTONE_MAX], identity[32];
    struct tombstone tombstone;
    enum vx6_code code = tombstone_decode(data, &tombstone);
    VX6_ASSERT(code == VX6_OK);
    VX6_ASSERT(bundle->sequence == (UINT64_C(1) << 63 | tombstone.issued_s));
    VX6_ASSERT(bundle->services.count == 0 && bundle->node.endpoints.count == 0);
    size_t len = tombstone_renew(&tombstone, NOW_S, 60, again);
    VX6_ASSERT(len == data.len);
    VX6_ASSERT(vx6_certificate_check(env->crypto, (vx6_span){again, len}, identity));
    VX6_ASSERT(memcmp(identity, bundle->node.identity, 32) == 0);
}

static void check_bundle(struct vx6_env *env, vx6_span data, const struct bundle *bundle)
{
    uint8_t id[32], key[32];
    if (bundle->is_tombstone) {
        check_tombstone(env, data, bundle);
    } else {
        check_node(env->limits, &bundle->node);
        VX6_ASSERT(bundle->sequence == bundle->node.sequence);
    }
    check_lineage(env, bundle);
    vx6_node_id(env->crypto, id, bundle->node.identity);
    VX6_ASSERT(memcmp(id, bundle->owner, 32) == 0);
    VX6_ASSERT(bundle->expires_s > NOW_S);
    VX6_ASSERT(bundle_fits_key(env->crypto, bundle, id));
    id[0] ^= 1;
    VX6_ASSERT(!bundle_fits_key(env->crypto, bundle, id));
    if (bundle->label.len > 0) {
        VX6_ASSERT(vx6_label_is_valid(bundle->label));
        name_key(env->crypto, key, bundle->label);
        VX6_ASSERT(bundle_fits_key(env->crypto, bundle, key));
    }
    vx6_list list = bundle->services;
    vx6_span previous = {0};
    for (struct vx6_service service; vx6_next_service(&list, &service);) {
        VX6_ASSERT(previous.len == 0 || label_compare(previous, service.name) < 0);
        previous = service.name;
    }
    list = bundle->hosted;
    previous = (vx6_span){0};
    for (struct vx6_hosted hosted; vx6_next_hosted(&list, &hosted);) {
        VX6_ASSERT(previous.len == 0 || label_compare(previous, hosted.name) < 0);
        VX6_ASSERT(!bytes_equal(hosted.host, bundle->node.identity, 32));
        VX6_ASSERT(bundle_host(bundle, hosted.name, key));
        previous = hosted.name;
    }
    struct bundle viewed;
    bundle_view(env->crypto, data, &viewed);
    VX6_ASSERT(viewed.expires_s == bundle->expires_s && viewed.sequence == bundle->sequence);
    VX6_ASSERT(viewed.label.data == bundle->label.data);
    VX6_ASSERT(viewed.services.count == bundle->services.count);
}

struct verdicts {
    enum vx6_code node, bundle;
};

static struct verdicts check(const struct vx6_crypto *crypto, vx6_span data)
{
    struct memory memory = {0};
    struct vx6_node_record record;
    struct bundle bundle;
    vx6_env *env =
        vx6_env_new((vx6_alloc){memory_resize, &memory}, crypto, &vx6_limits_default, NULL);
    VX6_ASSERT(env);
    struct verdicts verdicts = {
        record_check_node(env, NOW_S, data, &record), bundle_check(env, NOW_S, data, &bundle)};
    if (verdicts.node == VX6_OK)
        check_node(env->limits, &record);
    if (verdicts.bundle == VX6_OK)
        check_bundle(env, data, &bundle);
    VX6_ASSERT(verdicts.node != VX6_OK || verdicts.bundle != VX6_OK);
    vx6_env_free(env);
    VX6_ASSERT(memory.held == 0);
    return verdicts;
}

/* A signature decides last: it can only turn OK into BAD_RECORD. */
static bool agree(enum vx6_code lenient, enum vx6_code strict)
{
    return lenient == strict || (lenient == VX6_OK && strict == VX6_BAD_RECORD);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct vx6_crypto credulous = vx6_crypto_real;
    credulous.verify = take_for_good;
    vx6_span span = {data, len};
    struct verdicts lenient = check(&credulous, span), strict = check(&vx6_crypto_real, span);
    VX6_ASSERT(agree(lenient.node, strict.node));
    VX6_ASSERT(agree(lenient.bundle, strict.bundle));
    return 0;
}
