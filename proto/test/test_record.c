/* SPDX-License-Identifier: MIT */
/* Records: what is made is accepted, and what is broken in one respect is refused with the exact
 * code, under both crypto providers. */
#include "test.h"

#include <string.h>

#include "bytes.h"
#include "env.h"
#include "record.h"

enum {
    NOW_S = 1700000000
};

static const struct vx6_crypto *const providers[] = {&vx6_crypto_real, &vx6_crypto_model};

/* A bundle in parts, each of which a row of the table below may spoil before it is signed. */
struct forge {
    const struct vx6_crypto *crypto;
    struct own_keys alice, mallory;
    struct vx6_node_record node;
    struct vx6_name_claim claim;
    struct vx6_service_list list;
    const struct own_keys *node_signer, *claim_signer, *list_signer;
    const char *node_label, *claim_label, *list_label;
    bool without_claim, without_list;
    int64_t unix_s;
    size_t flip_node, flip_claim, flip_list; /* offset + 1 of a byte to change after signing */
    uint8_t endpoints[80], services[200];
};

static vx6_span text(const char *string)
{
    return (vx6_span){(const uint8_t *)string, strlen(string)};
}

static void push_endpoint(struct forge *forge, const uint8_t ip[16], uint16_t port)
{
    struct vx6_endpoint endpoint = {.port = port, .carriers = 3};
    memcpy(endpoint.ip, ip, 16);
    assert_true(vx6_push_endpoint(
        &forge->node.endpoints, forge->endpoints, sizeof forge->endpoints, &endpoint));
}

static void push_service(struct forge *forge, const char *name)
{
    struct vx6_service service = {.name = text(name)};
    assert_true(
        vx6_push_service(&forge->list.services, forge->services, sizeof forge->services, &service));
}

static const uint8_t documentation_ip[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};

static void forge_init(struct forge *forge, const struct vx6_crypto *crypto)
{
    static const uint8_t alice_seed[32] = {1}, mallory_seed[32] = {2};
    *forge = (struct forge){.crypto = crypto,
        .unix_s = NOW_S,
        .node_label = "vx6/node-record/1",
        .claim_label = "vx6/name-claim/1",
        .list_label = "vx6/service-list/1"};
    own_keys_init(&forge->alice, crypto, alice_seed);
    own_keys_init(&forge->mallory, crypto, mallory_seed);
    forge->node_signer = forge->claim_signer = forge->list_signer = &forge->alice;
    memcpy(forge->node.identity, forge->alice.identity, 32);
    memcpy(forge->node.link_key, forge->alice.link_public, 32);
    memcpy(forge->node.record_key, forge->alice.record_public, 32);
    forge->node.sequence = forge->claim.sequence = forge->list.sequence = 7;
    forge->node.issued_s = forge->claim.issued_s = forge->list.issued_s = NOW_S - 10;
    forge->node.life_s = forge->claim.life_s = forge->list.life_s = 1800;
    memcpy(forge->claim.owner, forge->alice.id, 32);
    memcpy(forge->list.owner, forge->alice.id, 32);
    forge->claim.label = text("alice");
    push_endpoint(forge, documentation_ip, 4242);
    push_service(forge, "ssh");
    push_service(forge, "web");
}

struct seal {
    const uint8_t *seed, *key;
    const char *label;
    size_t flip;
};

static vx6_span seal_record(
    const struct forge *forge, const struct vx6_msg *msg, struct seal seal, uint8_t out[600])
{
    size_t len = vx6_msg_encode(msg, out, 600);
    assert_int_not_equal(len, 0);
    forge->crypto->sign(
        forge->crypto, out + len - 64, seal.seed, seal.key, seal.label, out, len - 64);
    if (seal.flip > 0)
        out[seal.flip - 1] ^= 1;
    return (vx6_span){out, len};
}

static size_t forge_bundle(const struct forge *forge, uint8_t out[VX6_BUNDLE_MAX])
{
    uint8_t node[600], claim[600], list[600];
    struct vx6_msg msg = {.type = VX6_MSG_node_record, .u.node_record = forge->node};
    struct seal node_seal = {forge->node_signer->identity_seed, forge->node_signer->identity,
        forge->node_label, forge->flip_node};
    struct vx6_bundle bundle = {.node = seal_record(forge, &msg, node_seal, node)};
    if (!forge->without_claim) {
        msg = (struct vx6_msg){.type = VX6_MSG_name_claim, .u.name_claim = forge->claim};
        struct seal seal = {forge->claim_signer->record_seed, forge->claim_signer->record_public,
            forge->claim_label, forge->flip_claim};
        bundle.claim = seal_record(forge, &msg, seal, claim);
    }
    if (!forge->without_list) {
        msg = (struct vx6_msg){.type = VX6_MSG_service_list, .u.service_list = forge->list};
        struct seal seal = {forge->list_signer->record_seed, forge->list_signer->record_public,
            forge->list_label, forge->flip_list};
        bundle.services = seal_record(forge, &msg, seal, list);
    }
    msg = (struct vx6_msg){.type = VX6_MSG_bundle, .u.bundle = bundle};
    size_t len = vx6_msg_encode(&msg, out, VX6_BUNDLE_MAX);
    assert_int_not_equal(len, 0);
    return len;
}

static enum vx6_code forge_check(const struct forge *forge, struct bundle *bundle)
{
    static uint8_t bytes[VX6_BUNDLE_MAX];
    struct vx6_env env = {.crypto = forge->crypto, .limits = &vx6_limits_default};
    size_t len = forge_bundle(forge, bytes);
    return bundle_check(&env, forge->unix_s, (vx6_span){bytes, len}, bundle);
}

/* ---- what a row spoils ---- */

static void nothing(struct forge *forge)
{
    (void)forge;
}
static void no_claim(struct forge *forge)
{
    forge->without_claim = true;
}
static void no_list(struct forge *forge)
{
    forge->without_list = true;
}
static void no_endpoints(struct forge *forge)
{
    forge->node.endpoints = (vx6_list){0};
}
static void last_second(struct forge *forge)
{
    forge->unix_s = NOW_S - 10 + 1799;
}
static void expired(struct forge *forge)
{
    forge->unix_s = NOW_S - 10 + 1800;
}
static void set_times(struct forge *forge, uint64_t issued_s, uint32_t life_s)
{
    forge->node.issued_s = forge->claim.issued_s = forge->list.issued_s = issued_s;
    forge->node.life_s = forge->claim.life_s = forge->list.life_s = life_s;
}
static void within_skew(struct forge *forge)
{
    set_times(forge, NOW_S + 600, 1800);
}
static void beyond_skew(struct forge *forge)
{
    set_times(forge, NOW_S + 601, 1800);
}
static void year_2099(struct forge *forge)
{
    set_times(forge, 4070908800, 1800);
}
static void end_of_time(struct forge *forge)
{
    set_times(forge, UINT64_MAX, 1800);
}
static void clock_before_1970(struct forge *forge)
{
    forge->unix_s = -5;
}
static void longest_life(struct forge *forge)
{
    set_times(forge, NOW_S, 7200);
}
static void life_too_long(struct forge *forge)
{
    set_times(forge, NOW_S, 7201);
}
static void other_claim_sequence(struct forge *forge)
{
    forge->claim.sequence++;
}
static void other_list_sequence(struct forge *forge)
{
    forge->list.sequence--;
}
static void other_claim_issue(struct forge *forge)
{
    forge->claim.issued_s++;
}
static void other_list_life(struct forge *forge)
{
    forge->list.life_s++;
}
static void foreign_claim_owner(struct forge *forge)
{
    memcpy(forge->claim.owner, forge->mallory.id, 32);
}
static void foreign_list_owner(struct forge *forge)
{
    memcpy(forge->list.owner, forge->mallory.id, 32);
}
static void foreign_node_signer(struct forge *forge)
{
    forge->node_signer = &forge->mallory;
}
static void foreign_claim_signer(struct forge *forge)
{
    forge->claim_signer = &forge->mallory;
}
static void foreign_list_signer(struct forge *forge)
{
    forge->list_signer = &forge->mallory;
}
static void foreign_record_key(struct forge *forge)
{
    memcpy(forge->node.record_key, forge->mallory.record_public, 32);
}
static void unsorted(struct forge *forge)
{
    forge->list.services = (vx6_list){0};
    push_service(forge, "web");
    push_service(forge, "ssh");
}
static void repeated(struct forge *forge)
{
    forge->list.services = (vx6_list){0};
    push_service(forge, "ssh");
    push_service(forge, "ssh");
}
static void shorter_after_longer(struct forge *forge)
{
    forge->list.services = (vx6_list){0};
    push_service(forge, "web2");
    push_service(forge, "web");
}
static void empty_list(struct forge *forge)
{
    forge->list.services = (vx6_list){0};
}
static void only_endpoint(struct forge *forge, const uint8_t ip[16])
{
    forge->node.endpoints = (vx6_list){0};
    push_endpoint(forge, ip, 4242);
}
static void unspecified_endpoint(struct forge *forge)
{
    only_endpoint(forge, (const uint8_t[16]){0});
}
static void unspecified_ipv4_endpoint(struct forge *forge)
{
    only_endpoint(forge, (const uint8_t[16]){[10] = 0xff, 0xff});
}
static void multicast_endpoint(struct forge *forge)
{
    only_endpoint(forge, (const uint8_t[16]){0xff, 0x02, [15] = 1});
}
static void multicast_ipv4_endpoint(struct forge *forge)
{
    only_endpoint(forge, (const uint8_t[16]){[10] = 0xff, 0xff, 224, 0, 0, 1});
}
static void broadcast_endpoint(struct forge *forge)
{
    only_endpoint(forge, (const uint8_t[16]){[10] = 0xff, 0xff, 255, 255, 255, 255});
}
static void repeated_endpoint(struct forge *forge)
{
    push_endpoint(forge, documentation_ip, 4242);
}
static void two_ports(struct forge *forge)
{
    push_endpoint(forge, documentation_ip, 4243);
}
/* y = 2^255 - 18 encodes y = 1, the neutral element, a second time. */
static void non_canonical_identity(struct forge *forge)
{
    memset(forge->node.identity, 0xff, 32);
    forge->node.identity[0] = 0xee;
    forge->node.identity[31] = 0x7f;
}
static void small_order_identity(struct forge *forge)
{
    memset(forge->node.identity, 0, 32);
    forge->node.identity[0] = 1;
}
/* y = 0 is a point of order four. */
static void small_order_record_key(struct forge *forge)
{
    memset(forge->node.record_key, 0, 32);
}
static void no_point(struct forge *forge)
{
    memset(forge->node.identity, 0, 32);
    forge->node.identity[0] = 2;
}
static void flipped_node_signature(struct forge *forge)
{
    forge->flip_node = 150;
}
static void flipped_claim_signature(struct forge *forge)
{
    forge->flip_claim = 100;
}
static void flipped_list_signature(struct forge *forge)
{
    forge->flip_list = 120;
}
static void flipped_link_key(struct forge *forge)
{
    forge->flip_node = 40;
}

struct row {
    const char *name;
    void (*spoil)(struct forge *forge);
    enum vx6_code code;
};

static const struct row time_rows[] = {
    {"its last second", last_second, VX6_OK},
    {"expired", expired, VX6_EXPIRED},
    {"issued at the edge of the allowed skew", within_skew, VX6_OK},
    {"issued beyond the allowed skew", beyond_skew, VX6_EXPIRED},
    {"issued in 2099", year_2099, VX6_EXPIRED},
    {"issued at the end of time", end_of_time, VX6_EXPIRED},
    {"a clock before 1970", clock_before_1970, VX6_EXPIRED},
    {"the longest life", longest_life, VX6_OK},
    {"a life that is too long", life_too_long, VX6_BAD_RECORD},
};

static const struct row rows[] = {
    {"a sound bundle", nothing, VX6_OK},
    {"no claim", no_claim, VX6_OK},
    {"no services", no_list, VX6_OK},
    {"no endpoints", no_endpoints, VX6_OK},
    {"the same address with two ports", two_ports, VX6_OK},
    {"a claim of another sequence", other_claim_sequence, VX6_BAD_RECORD},
    {"a service list of another sequence", other_list_sequence, VX6_BAD_RECORD},
    {"a claim of another time", other_claim_issue, VX6_BAD_RECORD},
    {"a service list of another life", other_list_life, VX6_BAD_RECORD},
    {"a foreign owner of the claim", foreign_claim_owner, VX6_BAD_RECORD},
    {"a foreign owner of the service list", foreign_list_owner, VX6_BAD_RECORD},
    {"a foreign signer of the node record", foreign_node_signer, VX6_BAD_RECORD},
    {"a foreign signer of the claim", foreign_claim_signer, VX6_BAD_RECORD},
    {"a foreign signer of the service list", foreign_list_signer, VX6_BAD_RECORD},
    {"a foreign record key", foreign_record_key, VX6_BAD_RECORD},
    {"unsorted services", unsorted, VX6_BAD_RECORD},
    {"a service twice", repeated, VX6_BAD_RECORD},
    {"a prefix after what it begins", shorter_after_longer, VX6_BAD_RECORD},
    {"a service list without services", empty_list, VX6_BAD_RECORD},
    {"the unspecified address", unspecified_endpoint, VX6_BAD_RECORD},
    {"the unspecified IPv4 address", unspecified_ipv4_endpoint, VX6_BAD_RECORD},
    {"a multicast address", multicast_endpoint, VX6_BAD_RECORD},
    {"an IPv4 multicast address", multicast_ipv4_endpoint, VX6_BAD_RECORD},
    {"the broadcast address", broadcast_endpoint, VX6_BAD_RECORD},
    {"an address twice", repeated_endpoint, VX6_BAD_RECORD},
    {"a non-canonical identity", non_canonical_identity, VX6_BAD_RECORD},
    {"an identity of small order", small_order_identity, VX6_BAD_RECORD},
    {"an identity that is no point", no_point, VX6_BAD_RECORD},
    {"a record key of small order", small_order_record_key, VX6_BAD_RECORD},
    {"a changed signature of the node record", flipped_node_signature, VX6_BAD_RECORD},
    {"a changed signature of the claim", flipped_claim_signature, VX6_BAD_RECORD},
    {"a changed signature of the service list", flipped_list_signature, VX6_BAD_RECORD},
    {"a changed link key", flipped_link_key, VX6_BAD_RECORD},
};

static void check_rows(const struct row *row, size_t count)
{
    for (size_t i = 0; i < 2 * count; i++) {
        struct forge forge;
        struct bundle bundle;
        forge_init(&forge, providers[i % 2]);
        row[i / 2].spoil(&forge);
        /* An identity that is not alice's owns the claims under its own ID. */
        if (!bytes_equal(forge.node.identity, forge.alice.identity, 32)) {
            vx6_node_id(forge.crypto, forge.claim.owner, forge.node.identity);
            memcpy(forge.list.owner, forge.claim.owner, 32);
        }
        enum vx6_code code = forge_check(&forge, &bundle);
        if (code != row[i / 2].code)
            fail_msg("%s, %s: %s", forge.crypto->name, row[i / 2].name, vx6_code_name(code));
    }
}

/* VX6-REC-005 to VX6-REC-012 */
static void test_a_broken_bundle_is_refused_with_its_code(void **state)
{
    (void)state;
    check_rows(rows, sizeof rows / sizeof rows[0]);
}

/* VX6-REC-006, VX6-REC-007 */
static void test_R2_a_record_of_another_time_is_refused_with_its_code(void **state)
{
    (void)state;
    check_rows(time_rows, sizeof time_rows / sizeof time_rows[0]);
}

/* VX6-REC-002, VX6-REC-003, VX6-CRYPTO-004: every label in the place of every other, and the two
 * keys of one node in each other's place. */
static void test_S9_a_signature_for_one_purpose_serves_no_other(void **state)
{
    (void)state;
    static const char *const labels[] = {"vx6/node-record/1", "vx6/name-claim/1",
        "vx6/service-list/1", "vx6/contact/1", "vx6/service-list/2", ""};
    enum {
        LABELS = sizeof labels / sizeof labels[0],
        SIGNED = 3 /* the first of them are for records */
    };
    for (size_t i = 0; i < 2 * SIGNED * LABELS; i++) {
        struct forge forge;
        struct bundle bundle;
        size_t place = i / 2 % SIGNED, label = i / 2 / SIGNED;
        forge_init(&forge, providers[i % 2]);
        const char **place_labels[] = {&forge.node_label, &forge.claim_label, &forge.list_label};
        *place_labels[place] = labels[label];
        assert_int_equal(forge_check(&forge, &bundle), place == label ? VX6_OK : VX6_BAD_RECORD);

        forge_init(&forge, providers[i % 2]);
        struct own_keys swapped = forge.alice;
        memcpy(swapped.identity_seed, forge.alice.record_seed, 32);
        memcpy(swapped.identity, forge.alice.record_public, 32);
        memcpy(swapped.record_seed, forge.alice.identity_seed, 32);
        memcpy(swapped.record_public, forge.alice.identity, 32);
        const struct own_keys **signers[] = {
            &forge.node_signer, &forge.claim_signer, &forge.list_signer};
        *signers[place] = &swapped;
        assert_int_equal(forge_check(&forge, &bundle), VX6_BAD_RECORD);
    }
}

static size_t make_own(
    const struct own_keys *keys, const struct vx6_crypto *crypto, uint8_t bytes[VX6_BUNDLE_MAX])
{
    vx6_addr endpoints[2] = {{.port = 1}, {.port = 2}};
    memcpy(endpoints[0].ip, documentation_ip, 16);
    memcpy(endpoints[1].ip, documentation_ip, 16);
    vx6_span services[3] = {text("web"), text("ssh"), text("we")};
    struct record_facts facts = {.sequence = 9,
        .unix_s = NOW_S,
        .life_s = 1800,
        .endpoints = endpoints,
        .endpoint_count = 2,
        .label = text("alice"),
        .services = services,
        .service_count = 3};
    return record_make_bundle(crypto, keys, &facts, bytes);
}

/* VX6-REC-010, VX6-REC-012 */
static void test_an_own_bundle_is_sound_and_says_what_was_put_in(void **state)
{
    (void)state;
    for (size_t p = 0; p < 2; p++) {
        struct forge forge;
        forge_init(&forge, providers[p]);
        uint8_t bytes[VX6_BUNDLE_MAX];
        size_t len = make_own(&forge.alice, providers[p], bytes);
        struct vx6_env env = {.crypto = providers[p], .limits = &vx6_limits_default};
        struct bundle bundle;
        assert_int_equal(bundle_check(&env, NOW_S, (vx6_span){bytes, len}, &bundle), VX6_OK);
        assert_memory_equal(bundle.owner, forge.alice.id, 32);
        assert_int_equal(bundle.sequence, 9);
        assert_int_equal(bundle.expires_s, NOW_S + 1800);
        assert_true(span_equal(bundle.label, text("alice")));
        static const char *const sorted[] = {"ssh", "we", "web"};
        struct vx6_service service;
        for (size_t i = 0; i < 3; i++) {
            assert_true(vx6_next_service(&bundle.services, &service));
            assert_true(span_equal(service.name, text(sorted[i])));
        }
        struct vx6_endpoint endpoint;
        assert_true(vx6_next_endpoint(&bundle.node.endpoints, &endpoint));
        assert_true(endpoint.carriers & VX6_CARRIER_TCP);
        assert_int_equal(endpoint.port, 1);
    }
}

/* Whether its owner's ID was read or hashed. */
static void test_a_view_shows_what_the_check_showed(void **state)
{
    (void)state;
    const vx6_span web = text("web");
    for (uint32_t parts = 0; parts < 4; parts++) {
        struct forge forge;
        forge_init(&forge, &vx6_crypto_model);
        struct record_facts facts = {.sequence = 9,
            .unix_s = NOW_S,
            .life_s = 1800,
            .label = parts & 1 ? text("alice") : text(""),
            .services = &web,
            .service_count = parts >> 1};
        uint8_t bytes[VX6_BUNDLE_MAX];
        vx6_span data = {bytes, record_make_bundle(forge.crypto, &forge.alice, &facts, bytes)};
        struct vx6_env env = {.crypto = forge.crypto, .limits = &vx6_limits_default};
        struct bundle checked, viewed;
        assert_int_equal(bundle_check(&env, NOW_S, data, &checked), VX6_OK);
        bundle_view(forge.crypto, data, &viewed);
        assert_memory_equal(checked.owner, forge.alice.id, 32);
        assert_memory_equal(viewed.owner, forge.alice.id, 32);
        assert_int_equal(viewed.expires_s, checked.expires_s);
        assert_true(span_equal(viewed.label, checked.label));
        assert_int_equal(viewed.services.count, parts >> 1);
    }
}

/* Every bit of a bundle is covered: by a signature, or by the one encoding there is. VX6-REC-003 */
static void test_no_bit_of_a_bundle_can_change(void **state)
{
    (void)state;
    struct forge forge;
    forge_init(&forge, &vx6_crypto_model);
    uint8_t bytes[VX6_BUNDLE_MAX];
    size_t len = make_own(&forge.alice, forge.crypto, bytes);
    struct vx6_env env = {.crypto = forge.crypto, .limits = &vx6_limits_default};
    struct bundle bundle;
    for (size_t bit = 0; bit < len * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum vx6_code code = bundle_check(&env, NOW_S, (vx6_span){bytes, len}, &bundle);
        if (code == VX6_OK)
            fail_msg("bit %zu may change", bit);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(
            bundle_check(&env, NOW_S, (vx6_span){bytes, cut}, &bundle), VX6_BAD_MESSAGE);
}

/* VX6-REC-004: one record is never taken for another. */
static void test_a_record_of_another_type_is_refused(void **state)
{
    (void)state;
    struct forge forge;
    forge_init(&forge, &vx6_crypto_model);
    uint8_t bytes[VX6_BUNDLE_MAX];
    size_t len = make_own(&forge.alice, forge.crypto, bytes);
    struct vx6_env env = {.crypto = forge.crypto, .limits = &vx6_limits_default};
    struct vx6_msg msg;
    assert_null(vx6_msg_decode(&msg, VX6_SCOPE_RECORD, bytes, len));
    struct vx6_bundle raw = msg.u.bundle;
    struct vx6_node_record record;
    struct bundle bundle;
    assert_int_equal(record_check_node(&env, NOW_S, raw.node, &record), VX6_OK);
    assert_int_equal(record_check_node(&env, NOW_S, raw.claim, &record), VX6_BAD_MESSAGE);
    assert_int_equal(record_check_node(&env, NOW_S, raw.services, &record), VX6_BAD_MESSAGE);
    assert_int_equal(bundle_check(&env, NOW_S, raw.node, &bundle), VX6_BAD_MESSAGE);

    vx6_span claim = raw.claim;
    raw.claim = raw.services;
    raw.services = claim;
    msg = (struct vx6_msg){.type = VX6_MSG_bundle, .u.bundle = raw};
    uint8_t swapped[VX6_BUNDLE_MAX];
    size_t swapped_len = vx6_msg_encode(&msg, swapped, sizeof swapped);
    if (swapped_len > 0)
        assert_int_equal(
            bundle_check(&env, NOW_S, (vx6_span){swapped, swapped_len}, &bundle), VX6_BAD_MESSAGE);
}

/* VX6-REC-017 */
static void test_a_bundle_fits_its_owner_and_its_name_only(void **state)
{
    (void)state;
    struct forge forge;
    struct bundle bundle;
    forge_init(&forge, &vx6_crypto_model);
    assert_int_equal(forge_check(&forge, &bundle), VX6_OK);
    uint8_t key[32];
    assert_true(bundle_fits_key(forge.crypto, &bundle, forge.alice.id));
    assert_false(bundle_fits_key(forge.crypto, &bundle, forge.mallory.id));
    name_key(forge.crypto, key, text("alice"));
    assert_true(bundle_fits_key(forge.crypto, &bundle, key));
    name_key(forge.crypto, key, text("alic"));
    assert_false(bundle_fits_key(forge.crypto, &bundle, key));

    no_claim(&forge);
    assert_int_equal(forge_check(&forge, &bundle), VX6_OK);
    name_key(forge.crypto, key, text("alice"));
    assert_false(bundle_fits_key(forge.crypto, &bundle, key));
}

/* VX6-REC-014 */
static void test_services_that_do_not_fit_make_no_bundle(void **state)
{
    (void)state;
    struct forge forge;
    forge_init(&forge, &vx6_crypto_model);
    char names[16][VX6_LABEL_MAX];
    vx6_span services[16];
    for (size_t i = 0; i < 16; i++) {
        memset(names[i], 'a' + (int)i, VX6_LABEL_MAX);
        services[i] = (vx6_span){(const uint8_t *)names[i], VX6_LABEL_MAX};
    }
    struct record_facts facts = {.sequence = 1,
        .unix_s = NOW_S,
        .life_s = 1800,
        .label = services[0],
        .services = services,
        .service_count = 16};
    uint8_t bytes[VX6_BUNDLE_MAX];
    assert_int_equal(record_make_bundle(forge.crypto, &forge.alice, &facts, bytes), 0);
    facts.service_count = 7;
    assert_int_not_equal(record_make_bundle(forge.crypto, &forge.alice, &facts, bytes), 0);
}

/* A clock that was never set still gives a record; it is merely expired for everybody else. */
static void test_a_clock_before_1970_still_makes_a_record(void **state)
{
    (void)state;
    struct forge forge;
    forge_init(&forge, &vx6_crypto_model);
    struct record_facts facts = {.sequence = 1, .unix_s = -1, .life_s = 1800};
    uint8_t bytes[VX6_RECORD_MAX];
    size_t len = record_make_node(forge.crypto, &forge.alice, &facts, bytes);
    assert_int_equal(len, 184);
    struct vx6_env env = {.crypto = forge.crypto, .limits = &vx6_limits_default};
    struct vx6_node_record record;
    assert_int_equal(record_check_node(&env, NOW_S, (vx6_span){bytes, len}, &record), VX6_EXPIRED);
}

/* VX6-REC-001, VX6-REC-002: the roles of keys never mix. */
static void test_the_keys_of_a_node_differ_in_every_role(void **state)
{
    (void)state;
    for (size_t p = 0; p < 2; p++) {
        struct forge forge;
        forge_init(&forge, providers[p]);
        const struct own_keys *keys = &forge.alice;
        const uint8_t *all[] = {keys->identity_seed, keys->identity, keys->id, keys->link_secret,
            keys->link_public, keys->record_seed, keys->record_public};
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
            for (size_t j = 0; j < i; j++)
                assert_memory_not_equal(all[i], all[j], 32);
    }
}

/* A node whose clock stands before 1970 still makes records that decode. */
static void test_a_clock_without_a_time_makes_records_of_the_first_second(void **state)
{
    (void)state;
    static const struct {
        int64_t unix_s;
        uint64_t issued_s;
    } clocks[] = {{-5, 1}, {0, 1}, {1, 1}, {2, 2}, {NOW_S, NOW_S}};
    const uint8_t seed[32] = {1};
    struct own_keys keys;
    own_keys_init(&keys, &vx6_crypto_model, seed);
    for (size_t i = 0; i < sizeof clocks / sizeof clocks[0]; i++) {
        uint8_t bytes[VX6_RECORD_MAX];
        struct vx6_msg msg;
        struct record_facts facts = {.sequence = 1, .unix_s = clocks[i].unix_s, .life_s = 1800};
        size_t len = record_make_node(&vx6_crypto_model, &keys, &facts, bytes);
        assert_null(vx6_msg_decode(&msg, VX6_SCOPE_RECORD, bytes, len));
        assert_int_equal(msg.u.node_record.issued_s, clocks[i].issued_s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_clock_without_a_time_makes_records_of_the_first_second),
        cmocka_unit_test(test_a_broken_bundle_is_refused_with_its_code),
        cmocka_unit_test(test_R2_a_record_of_another_time_is_refused_with_its_code),
        cmocka_unit_test(test_S9_a_signature_for_one_purpose_serves_no_other),
        cmocka_unit_test(test_an_own_bundle_is_sound_and_says_what_was_put_in),
        cmocka_unit_test(test_a_view_shows_what_the_check_showed),
        cmocka_unit_test(test_no_bit_of_a_bundle_can_change),
        cmocka_unit_test(test_a_record_of_another_type_is_refused),
        cmocka_unit_test(test_a_bundle_fits_its_owner_and_its_name_only),
        cmocka_unit_test(test_services_that_do_not_fit_make_no_bundle),
        cmocka_unit_test(test_a_clock_before_1970_still_makes_a_record),
        cmocka_unit_test(test_the_keys_of_a_node_differ_in_every_role),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
