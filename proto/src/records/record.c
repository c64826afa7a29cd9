/* SPDX-License-Identifier: MIT */
/* Records, made and verified. Everything cheap is checked before any signature, so
 * that garbage costs little, and in one fixed order, so that everybody gives the same reason.
 * Spec: spec/records.md. */
#include "record.h"

#include "bytes.h"
#include "env.h"
#include "scope.h"

#define LABEL_NODE_RECORD  "vx6/node-record/1"
#define LABEL_NAME_CLAIM   "vx6/name-claim/1"
#define LABEL_SERVICE_LIST "vx6/service-list/1"

enum {
    CLAIM_MAX = 200, /* as in the table of messages */
    SERVICE_LIST_MAX = 600,
    SERVICES_MAX = 16,
    OWNER_AT = 1 /* in a claim or a service list: behind the type */
};

/* The signature is the last field of every record. VX6-REC-003 */
size_t record_encode_signed(const struct vx6_crypto *crypto, const struct vx6_msg *msg,
    const struct signer *signer, uint8_t *dst, size_t cap)
{
    size_t len = vx6_msg_encode(msg, dst, cap);
    if (len == 0)
        return 0;
    size_t signed_len = len - VX6_SIG_SIZE;
    crypto->sign(
        crypto, dst + signed_len, signer->seed, signer->public_key, signer->label, dst, signed_len);
    return len;
}

/* Always a valid time, however wrong the clock. */
static uint64_t issue_time(const struct record_facts *facts)
{
    return facts->unix_s > 0 ? (uint64_t)facts->unix_s : 1;
}

size_t record_make_node(const struct vx6_crypto *crypto, const struct own_keys *keys,
    const struct record_facts *facts, uint8_t out[VX6_RECORD_MAX])
{
    VX6_ASSERT(facts->endpoint_count <= VX6_ENDPOINT_MAX);
    struct vx6_msg msg = {.type = VX6_MSG_node_record};
    struct vx6_node_record *record = &msg.u.node_record;
    uint8_t storage[VX6_ENDPOINT_MAX * 19];
    memcpy(record->identity, keys->identity, 32);
    memcpy(record->link_key, keys->link_public, 32);
    memcpy(record->record_key, keys->record_public, 32);
    record->sequence = facts->sequence;
    record->issued_s = issue_time(facts);
    record->life_s = facts->life_s;
    for (uint32_t i = 0; i < facts->endpoint_count; i++) {
        VX6_ASSERT(endpoint_is_possible(&facts->endpoints[i]));
        struct vx6_endpoint endpoint = {
            .port = facts->endpoints[i].port, .carriers = VX6_CARRIER_TCP | VX6_CARRIER_UDP};
        memcpy(endpoint.ip, facts->endpoints[i].ip, sizeof endpoint.ip);
        bool pushed = vx6_push_endpoint(&record->endpoints, storage, sizeof storage, &endpoint);
        VX6_ASSERT(pushed);
    }
    struct signer signer = {keys->identity_seed, keys->identity, LABEL_NODE_RECORD};
    size_t len = record_encode_signed(crypto, &msg, &signer, out, VX6_RECORD_MAX);
    VX6_ASSERT(len != 0);
    return len;
}

static size_t make_claim(const struct vx6_crypto *crypto, const struct own_keys *keys,
    const struct record_facts *facts, uint8_t *out, size_t cap)
{
    struct vx6_msg msg = {.type = VX6_MSG_name_claim};
    struct vx6_name_claim *claim = &msg.u.name_claim;
    memcpy(claim->owner, keys->id, 32);
    claim->label = facts->label;
    claim->sequence = facts->sequence;
    claim->issued_s = issue_time(facts);
    claim->life_s = facts->life_s;
    struct signer signer = {keys->record_seed, keys->record_public, LABEL_NAME_CLAIM};
    return record_encode_signed(crypto, &msg, &signer, out, cap);
}

int label_compare(vx6_span a, vx6_span b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.data, b.data, len) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static void sort_labels(vx6_span *labels, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        vx6_span label = labels[i];
        uint32_t at = i;
        for (; at > 0 && label_compare(labels[at - 1], label) > 0; at--)
            labels[at] = labels[at - 1];
        labels[at] = label;
    }
}

static void push_hosted(vx6_list *list, const struct record_facts *facts, uint8_t *dst, size_t cap)
{
    for (uint32_t i = 0; i < facts->hosted_count; i++) {
        const struct vx6_hosted *hosted = &facts->hosted[i];
        VX6_ASSERT(i == 0 || label_compare(hosted[-1].name, hosted->name) < 0);
        bool pushed = vx6_push_hosted(list, dst, cap, hosted);
        VX6_ASSERT(pushed);
    }
}

/* 0: too long. */
static size_t make_services(const struct vx6_crypto *crypto, const struct own_keys *keys,
    const struct record_facts *facts, uint8_t *out, size_t cap)
{
    struct vx6_msg msg = {.type = VX6_MSG_service_list};
    struct vx6_service_list *list = &msg.u.service_list;
    vx6_span names[SERVICES_MAX];
    uint8_t storage[SERVICES_MAX * (2 + VX6_LABEL_MAX)];
    uint8_t storage_hosted[SERVICES_MAX * (1 + VX6_LABEL_MAX + 32)];
    VX6_ASSERT(facts->service_count + facts->hosted_count <= SERVICES_MAX);
    memcpy(names, facts->services, facts->service_count * sizeof names[0]);
    sort_labels(names, facts->service_count);
    memcpy(list->owner, keys->id, 32);
    list->sequence = facts->sequence;
    list->issued_s = issue_time(facts);
    list->life_s = facts->life_s;
    for (uint32_t i = 0; i < facts->service_count; i++) {
        VX6_ASSERT(i == 0 || label_compare(names[i - 1], names[i]) < 0);
        struct vx6_service service = {.name = names[i]};
        bool pushed = vx6_push_service(&list->services, storage, sizeof storage, &service);
        VX6_ASSERT(pushed);
    }
    push_hosted(&list->hosted, facts, storage_hosted, sizeof storage_hosted);
    struct signer signer = {keys->record_seed, keys->record_public, LABEL_SERVICE_LIST};
    return record_encode_signed(crypto, &msg, &signer, out, cap);
}

size_t record_make_bundle(const struct vx6_crypto *crypto, const struct own_keys *keys,
    const struct record_facts *facts, uint8_t out[VX6_BUNDLE_MAX])
{
    struct vx6_msg msg = {.type = VX6_MSG_bundle};
    struct vx6_bundle *bundle = &msg.u.bundle;
    uint8_t node[VX6_RECORD_MAX], claim[CLAIM_MAX], services[SERVICE_LIST_MAX];
    bundle->node = (vx6_span){node, record_make_node(crypto, keys, facts, node)};
    if (facts->label.len > 0) {
        bundle->claim = (vx6_span){claim, make_claim(crypto, keys, facts, claim, sizeof claim)};
        VX6_ASSERT(bundle->claim.len != 0);
    }
    if (facts->service_count + facts->hosted_count > 0) {
        bundle->services =
            (vx6_span){services, make_services(crypto, keys, facts, services, sizeof services)};
        if (bundle->services.len == 0)
            return 0;
    }
    bundle->lineage = facts->lineage;
    return vx6_msg_encode(&msg, out, VX6_BUNDLE_MAX);
}

/* VX6-REC-009 */
bool endpoint_is_possible(const vx6_addr *addr)
{
    return addr_scope(addr) != SCOPE_NONE;
}

/* VX6-REC-006, VX6-REC-007. */
enum vx6_code record_check_times(
    const struct vx6_limits *limits, int64_t unix_s, uint64_t issued_s, uint32_t life_s)
{
    uint64_t now_s = unix_s > 0 ? (uint64_t)unix_s : 0;
    if (life_s > limits->record_life_max_s)
        return VX6_BAD_RECORD;
    if (issued_s > now_s + limits->record_skew_s)
        return VX6_EXPIRED;
    return now_s < issued_s + life_s ? VX6_OK : VX6_EXPIRED;
}

/* Sound in themselves and no address twice. */
static bool endpoints_are_sound(vx6_list list)
{
    vx6_addr seen[VX6_ENDPOINT_MAX];
    uint32_t count = 0;
    struct vx6_endpoint endpoint;
    while (vx6_next_endpoint(&list, &endpoint)) {
        vx6_addr *addr = &seen[count++];
        memcpy(addr->ip, endpoint.ip, sizeof addr->ip);
        addr->port = endpoint.port;
        if (!endpoint_is_possible(addr))
            return false;
        for (uint32_t i = 0; i + 1 < count; i++)
            if (addr_equal(&seen[i], addr))
                return false;
    }
    return true;
}

bool record_signature_is_good(
    const struct vx6_crypto *crypto, vx6_span data, const uint8_t public_key[32], const char *label)
{
    size_t signed_len = data.len - VX6_SIG_SIZE;
    return crypto->verify(crypto, data.data + signed_len, public_key, label, data.data, signed_len);
}

static enum vx6_code decode_node(vx6_span data, struct vx6_node_record *record)
{
    struct vx6_msg msg;
    if (vx6_msg_decode(&msg, VX6_SCOPE_RECORD, data.data, data.len) != NULL ||
        msg.type != VX6_MSG_node_record)
        return VX6_BAD_MESSAGE;
    *record = msg.u.node_record;
    return endpoints_are_sound(record->endpoints) ? VX6_OK : VX6_BAD_RECORD;
}

/* VX6-REC-008. */
static bool node_keys_are_good(
    const struct vx6_crypto *crypto, vx6_span data, const struct vx6_node_record *record)
{
    return crypto->sign_public_is_valid(crypto, record->identity) &&
           crypto->sign_public_is_valid(crypto, record->record_key) &&
           record_signature_is_good(crypto, data, record->identity, LABEL_NODE_RECORD);
}

enum vx6_code record_check_node(
    struct vx6_env *env, int64_t unix_s, vx6_span data, struct vx6_node_record *record)
{
    enum vx6_code code = decode_node(data, record);
    if (code == VX6_OK)
        code = record_check_times(env->limits, unix_s, record->issued_s, record->life_s);
    if (code == VX6_OK && !node_keys_are_good(env->crypto, data, record))
        code = VX6_BAD_RECORD;
    return code;
}

/* The head that claim and service list share with the node record of their bundle. */
struct owned {
    const uint8_t *owner;
    uint64_t sequence, issued_s;
    uint32_t life_s;
};

/* VX6-REC-011. */
static bool is_of_bundle(const struct bundle *bundle, const struct owned *owned)
{
    return bytes_equal(owned->owner, bundle->owner, 32) && owned->sequence == bundle->sequence &&
           owned->issued_s == bundle->node.issued_s && owned->life_s == bundle->node.life_s;
}

static enum vx6_code decode_claim(vx6_span data, struct bundle *bundle)
{
    struct vx6_msg msg;
    if (data.len == 0)
        return VX6_OK;
    if (vx6_msg_decode(&msg, VX6_SCOPE_RECORD, data.data, data.len) != NULL ||
        msg.type != VX6_MSG_name_claim)
        return VX6_BAD_MESSAGE;
    const struct vx6_name_claim *claim = &msg.u.name_claim;
    struct owned owned = {claim->owner, claim->sequence, claim->issued_s, claim->life_s};
    bundle->label = claim->label;
    return is_of_bundle(bundle, &owned) ? VX6_OK : VX6_BAD_RECORD;
}

/* VX6-REC-012. */
static bool services_are_sorted(vx6_list list)
{
    vx6_span previous = {0};
    struct vx6_service service;
    while (vx6_next_service(&list, &service)) {
        if (previous.len > 0 && label_compare(previous, service.name) >= 0)
            return false;
        previous = service.name;
    }
    return true;
}

static bool is_listed(vx6_list services, vx6_span name)
{
    struct vx6_service service;
    while (vx6_next_service(&services, &service)) {
        if (label_compare(service.name, name) == 0)
            return true;
    }
    return false;
}

/* VX6-REC-025 */
static bool hosted_are_sound(const struct vx6_service_list *list, const uint8_t identity[32])
{
    vx6_list left = list->hosted;
    struct vx6_hosted hosted, previous = {0};
    while (vx6_next_hosted(&left, &hosted)) {
        if ((previous.name.len > 0 && label_compare(previous.name, hosted.name) >= 0) ||
            is_listed(list->services, hosted.name) || bytes_equal(hosted.host, identity, 32))
            return false;
        previous = hosted;
    }
    return true;
}

static enum vx6_code decode_services(vx6_span data, struct bundle *bundle)
{
    struct vx6_msg msg;
    if (data.len == 0)
        return VX6_OK;
    if (vx6_msg_decode(&msg, VX6_SCOPE_RECORD, data.data, data.len) != NULL ||
        msg.type != VX6_MSG_service_list)
        return VX6_BAD_MESSAGE;
    const struct vx6_service_list *list = &msg.u.service_list;
    struct owned owned = {list->owner, list->sequence, list->issued_s, list->life_s};
    bundle->services = list->services;
    bundle->hosted = list->hosted;
    bool good = is_of_bundle(bundle, &owned) && list->services.count + list->hosted.count > 0 &&
                services_are_sorted(list->services) &&
                hosted_are_sound(list, bundle->node.identity);
    return good ? VX6_OK : VX6_BAD_RECORD;
}

static bool bundle_signatures_are_good(
    const struct vx6_crypto *crypto, const struct vx6_bundle *raw, const struct bundle *bundle)
{
    const uint8_t *record_key = bundle->node.record_key;
    return node_keys_are_good(crypto, raw->node, &bundle->node) &&
           (raw->claim.len == 0 ||
               record_signature_is_good(crypto, raw->claim, record_key, LABEL_NAME_CLAIM)) &&
           (raw->services.len == 0 ||
               record_signature_is_good(crypto, raw->services, record_key, LABEL_SERVICE_LIST)) &&
           lineage_signatures_are_good(crypto, raw->lineage);
}

/* The owner's node ID, which claim and service list begin with: where they are known to be good,
 * nothing is hashed. */
static void find_owner(const struct vx6_crypto *crypto, const struct vx6_bundle *raw, bool is_known,
    struct bundle *bundle)
{
    const vx6_span naming = raw->claim.len > 0 ? raw->claim : raw->services;
    if (is_known && naming.len >= OWNER_AT + sizeof bundle->owner)
        memcpy(bundle->owner, naming.data + OWNER_AT, sizeof bundle->owner);
    else
        vx6_node_id(crypto, bundle->owner, bundle->node.identity);
}

/* Everything but times and signatures. VX6-REC-004, VX6-REC-010 */
static enum vx6_code decode_bundle(const struct vx6_crypto *crypto, vx6_span data, bool is_known,
    struct vx6_bundle *raw, struct bundle *bundle)
{
    struct vx6_msg msg;
    *bundle = (struct bundle){0};
    if (data.len > VX6_BUNDLE_MAX ||
        vx6_msg_decode(&msg, VX6_SCOPE_RECORD, data.data, data.len) != NULL ||
        msg.type != VX6_MSG_bundle)
        return VX6_BAD_MESSAGE;
    *raw = msg.u.bundle;
    enum vx6_code code = decode_node(raw->node, &bundle->node);
    if (code != VX6_OK)
        return code;
    find_owner(crypto, raw, is_known, bundle);
    bundle->sequence = bundle->node.sequence;
    code = decode_claim(raw->claim, bundle);
    if (code == VX6_OK)
        code = decode_services(raw->services, bundle);
    return code == VX6_OK ? lineage_decode(raw->lineage, bundle->node.identity, &bundle->lineage)
                          : code;
}

/* VX6-REC-023: in the place of the bundle, and newer than it, whatever its sequence number. */
static enum vx6_code decode_tombstone(const struct vx6_crypto *crypto, vx6_span data,
    struct tombstone *tombstone, struct bundle *bundle)
{
    const uint64_t newest = UINT64_C(1) << 63;
    enum vx6_code code = tombstone_decode(data, tombstone);
    *bundle = (struct bundle){.is_tombstone = true,
        .sequence = newest | tombstone->issued_s,
        .label = tombstone->label,
        .lineage = tombstone->lineage};
    bundle->node.issued_s = tombstone->issued_s;
    bundle->node.life_s = tombstone->life_s;
    memcpy(bundle->node.identity, tombstone->identity, sizeof bundle->node.identity);
    vx6_node_id(crypto, bundle->owner, bundle->node.identity);
    return code;
}

/* What has to be true besides the times. */
struct raw_value {
    struct vx6_bundle bundle;
    struct tombstone tombstone;
};

/* `is_known`: these very bytes were verified before. */
static enum vx6_code decode_value(const struct vx6_crypto *crypto, vx6_span data, bool is_known,
    struct raw_value *raw, struct bundle *bundle)
{
    if (data.len > 0 && data.data[0] == VX6_MSG_tombstone)
        return decode_tombstone(crypto, data, &raw->tombstone, bundle);
    return decode_bundle(crypto, data, is_known, &raw->bundle, bundle);
}

static bool signatures_are_good(
    const struct vx6_crypto *crypto, const struct raw_value *raw, const struct bundle *bundle)
{
    return bundle->is_tombstone ? tombstone_signatures_are_good(crypto, &raw->tombstone)
                                : bundle_signatures_are_good(crypto, &raw->bundle, bundle);
}

static void set_expiry(struct bundle *bundle)
{
    bundle->expires_s = (int64_t)(bundle->node.issued_s + bundle->node.life_s);
}

/* VX6-REC-005: the order of the checks, here and in what it calls. */
enum vx6_code bundle_check(
    struct vx6_env *env, int64_t unix_s, vx6_span data, struct bundle *bundle)
{
    struct raw_value raw;
    /* Whoever holds these very bytes has verified them. */
    const bool is_known = blob_find(env, data) != NULL;
    enum vx6_code code = decode_value(env->crypto, data, is_known, &raw, bundle);
    if (code == VX6_OK)
        code = record_check_times(env->limits, unix_s, bundle->node.issued_s, bundle->node.life_s);
    if (code == VX6_OK && !is_known && !signatures_are_good(env->crypto, &raw, bundle))
        code = VX6_BAD_RECORD;
    if (code == VX6_OK)
        set_expiry(bundle);
    return code;
}

void bundle_view(const struct vx6_crypto *crypto, vx6_span verified, struct bundle *bundle)
{
    struct raw_value raw;
    enum vx6_code code = decode_value(crypto, verified, true, &raw, bundle);
    VX6_ASSERT(code == VX6_OK);
    set_expiry(bundle);
}

bool bundle_host(const struct bundle *bundle, vx6_span service, uint8_t host[32])
{
    vx6_list list = bundle->hosted;
    struct vx6_hosted hosted;
    while (vx6_next_hosted(&list, &hosted)) {
        if (!span_equal(hosted.name, service))
            continue;
        memcpy(host, hosted.host, sizeof hosted.host);
        return true;
    }
    return false;
}

/* VX6-REC-017 */
bool bundle_fits_key(
    const struct vx6_crypto *crypto, const struct bundle *bundle, const uint8_t key[32])
{
    uint8_t other[32];
    if (bytes_equal(bundle->owner, key, 32))
        return true;
    if (bundle->label.len > 0) {
        name_key(crypto, other, bundle->label);
        if (bytes_equal(other, key, 32))
            return true;
    }
    for (uint32_t i = 0; i < bundle->lineage.count; i++) {
        vx6_node_id(crypto, other, bundle->lineage.predecessors[i]);
        if (bytes_equal(other, key, 32))
            return true;
    }
    return false;
}
