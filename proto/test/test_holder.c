/* SPDX-License-Identifier: MIT */
/* What a holder takes, keeps and gives up, and the tokens that guard it. */
#include "solo.h"

enum {
    UNIX_S = 1800000000,
    LIFE_S = 1800
};

struct owner {
    uint8_t number; /* its identity */
    uint64_t sequence;
    const char *label;
    uint32_t site; /* a /48 of its endpoint */
    uint32_t from; /* the /48 that brings it; 0: that of its endpoint */
    bool is_ipv4;  /* then a /24 */
    bool is_near;  /* of private scope */
    int64_t age_s;
};

struct made {
    struct own_keys keys;
    uint8_t bytes[VX6_BUNDLE_MAX];
    size_t len;
};

static vx6_span span_of(const struct made *made)
{
    return (vx6_span){made->bytes, made->len};
}

static vx6_addr site_addr(const struct owner *owner, uint32_t site)
{
    vx6_addr addr = {{0x20, 0x01, 0, 0, (uint8_t)(site >> 8), (uint8_t)site}, 4242};
    if (owner->is_ipv4)
        addr = (vx6_addr){.ip = {[10] = 0xff, [11] = 0xff, 8, 8, (uint8_t)site}, .port = 4242};
    if (owner->is_near)
        addr.ip[0] = 0xfd;
    addr.ip[15] = owner->number;
    return addr;
}

static void make(struct solo *solo, struct owner owner, struct made *made)
{
    uint8_t seed[32] = {owner.number, 1};
    own_keys_init(&made->keys, &solo->crypto, seed);
    vx6_addr addr = site_addr(&owner, owner.site);
    struct record_facts facts = {.sequence = owner.sequence ? owner.sequence : 1,
        .unix_s = UNIX_S - owner.age_s,
        .life_s = LIFE_S,
        .endpoints = &addr,
        .endpoint_count = 1};
    if (owner.label)
        facts.label = (vx6_span){(const uint8_t *)owner.label, strlen(owner.label)};
    made->len = record_make_bundle(&solo->crypto, &made->keys, &facts, made->bytes);
    assert_int_not_equal(made->len, 0);
}

static void key_of(struct solo *solo, const char *label, uint8_t key[32])
{
    name_key(&solo->crypto, key, (vx6_span){(const uint8_t *)label, strlen(label)});
}

static enum vx6_code store(struct solo *solo, struct owner owner)
{
    struct made made;
    uint8_t key[32];
    make(solo, owner, &made);
    if (owner.label)
        key_of(solo, owner.label, key);
    else
        memcpy(key, made.keys.id, 32);
    vx6_addr source = site_addr(&owner, owner.from ? owner.from : owner.site);
    return holder_store(solo->node, key, span_of(&made), &source);
}

/* The owners held under a label, as a string of their numbers. */
static const char *held(struct solo *solo, const char *label)
{
    static char text[64];
    uint8_t key[32];
    uint32_t count = 1;
    key_of(solo, label, key);
    memset(text, 0, sizeof text);
    for (uint32_t i = 0; i < count; i++) {
        struct blob *blob;
        struct bundle bundle;
        count = holder_find(solo->node, key, i, &blob);
        if (blob == NULL)
            break;
        assert_int_equal(bundle_check(solo->env, node_unix_s(solo->node),
                             (vx6_span){blob->data, blob->len}, &bundle),
            VX6_OK);
        struct vx6_endpoint endpoint;
        assert_true(vx6_next_endpoint(&bundle.node.endpoints, &endpoint));
        assert_true(endpoint.carriers & VX6_CARRIER_UDP);
        text[i] = (char)('0' + endpoint.ip[15]);
    }
    return text;
}

static const struct token_row {
    const char *what;
    uint8_t ip[16];
    uint32_t wait_ms;
    bool flip, is_valid;
} token_rows[] = {
    {"same", {0x20, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 0, false, true},
    {"another host of the /64", {0x20, 1, 2, 3, 4, 5, 6, 7, 9, 9}, 0, false, true},
    {"another /64", {0x20, 1, 2, 3, 4, 5, 6, 8, 8, 9}, 0, false, false},
    {"altered", {0x20, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 0, true, false},
    {"half its life", {0x20, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 60000, false, true},
    {"too old", {0x20, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 120001, false, false},
    {"ages old", {0x20, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 86400000, false, false},
};

/* VX6-DHT-016 */
static void test_tokens_speak_for_a_source_and_a_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof token_rows / sizeof token_rows[0]; i++) {
        const struct token_row *row = &token_rows[i];
        struct solo solo;
        uint8_t token[16];
        vx6_addr from = {.port = 1}, to = {.port = 2};
        solo_init(&solo);
        solo_start(&solo, 1);
        memcpy(from.ip, token_rows[0].ip, 16);
        memcpy(to.ip, row->ip, 16);
        token_make(solo.node, token, &from);
        token[15] ^= row->flip ? 1 : 0;
        solo_wait(&solo, row->wait_ms);
        print_message("token: %s\n", row->what);
        assert_int_equal(token_is_valid(solo.node, token, &to), row->is_valid);
        solo_stop(&solo);
    }
}

/* VX6-DHT-016 */
static void test_tokens_of_ipv4_speak_for_one_address_and_of_one_node(void **state)
{
    (void)state;
    struct solo solo, other;
    uint8_t token[16];
    vx6_addr from = {{[10] = 0xff, 0xff, 192, 0, 2, 1}, 1}, next = from;
    next.ip[15]++;
    solo_init(&solo);
    solo_start(&solo, 1);
    solo_init(&other);
    solo_start(&other, 2);
    token_make(solo.node, token, &from);
    assert_true(token_is_valid(solo.node, token, &from));
    assert_false(token_is_valid(solo.node, token, &next));
    assert_false(token_is_valid(other.node, token, &from));
    solo_stop(&solo);
    solo_stop(&other);
}

static const struct store_row {
    const char *what;
    struct owner owner;
    const char *under; /* a label; NULL: the owner's ID */
    size_t cut, flip_at;
    enum vx6_code code;
} store_rows[] = {
    {"under the owner's ID", {.number = 1, .label = "alice"}, .code = VX6_OK},
    {"under its name", {.number = 1, .label = "alice"}, "alice", .code = VX6_OK},
    {"under another name", {.number = 1, .label = "alice"}, "bob", .code = VX6_INVALID},
    {"under a name it does not claim", {.number = 1}, "alice", .code = VX6_INVALID},
    {"cut short", {.number = 1, .label = "alice"}, "alice", 1, .code = VX6_BAD_MESSAGE},
    {"with a changed key", {.number = 1}, NULL, 0, 8, .code = VX6_BAD_RECORD},
    {"expired", {.number = 1, .age_s = LIFE_S + 1}, .code = VX6_EXPIRED},
    {"of the future", {.number = 1, .age_s = -700}, .code = VX6_EXPIRED},
};

/* VX6-DHT-017 */
static void test_K1_a_bundle_is_held_only_if_it_verifies_and_fits_its_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * sizeof store_rows / sizeof store_rows[0]; i++) {
        const struct store_row *row = &store_rows[i / 2];
        struct solo solo;
        struct made made;
        struct blob *blob;
        uint8_t key[32];
        solo_init(&solo);
        solo.crypto = i % 2 == 0 ? vx6_crypto_model : vx6_crypto_real;
        solo_start(&solo, 1);
        make(&solo, row->owner, &made);
        if (row->under)
            key_of(&solo, row->under, key);
        else
            memcpy(key, made.keys.id, 32);
        made.len -= row->cut;
        made.bytes[row->flip_at] ^= row->flip_at ? 1 : 0;
        print_message("store: %s\n", row->what);
        assert_int_equal(holder_store(solo.node, key, span_of(&made), NULL), row->code);
        assert_int_equal(holder_find(solo.node, key, 0, &blob), row->code == VX6_OK ? 1 : 0);
        assert_int_equal(solo.counts[VX6_EVENT_bundle_refused], row->code == VX6_OK ? 0 : 1);
        assert_int_equal(solo.codes[VX6_EVENT_bundle_refused], row->code);
        solo_stop(&solo);
    }
}

/* VX6-DHT-018: the sequence decides, not the time of issue. */
static void test_R3_only_a_newer_bundle_replaces_one_of_the_same_owner(void **state)
{
    (void)state;
    struct solo solo;
    solo_init(&solo);
    solo_start(&solo, 1);
    struct owner owner = {.number = 1, .sequence = 5, .label = "alice"};
    assert_int_equal(store(&solo, owner), VX6_OK);
    assert_int_equal(store(&solo, owner), VX6_OK); /* the same bytes again */
    owner.age_s = 10;
    assert_int_equal(store(&solo, owner), VX6_OUTDATED); /* the same number, other bytes */
    owner.sequence = 4;
    assert_int_equal(store(&solo, owner), VX6_OUTDATED);
    owner.sequence = 6;
    assert_int_equal(store(&solo, owner), VX6_OK);
    assert_int_equal(solo.node->holder.count, 1);
    assert_string_equal(held(&solo, "alice"), "1");
    assert_int_equal(solo.node->env->blobs.object_count, 1); /* no earlier bundle */
    assert_int_equal(solo.node->env->placed.object_count, 1);
    solo_stop(&solo);
}

/* VX6-REC-007, VX6-DHT-017: what is dated too late is not held, and displaces nothing. */
static void test_R2_a_bundle_from_2099_never_wins(void **state)
{
    (void)state;
    struct solo solo;
    struct made honest;
    struct blob *blob;
    solo_init(&solo);
    solo_start(&solo, 1);
    struct owner owner = {.number = 1};
    make(&solo, owner, &honest);
    assert_int_equal(store(&solo, owner), VX6_OK);
    owner.sequence = 1000;
    owner.age_s = UNIX_S - INT64_C(4070908800);
    assert_int_equal(store(&solo, owner), VX6_EXPIRED);
    assert_int_equal(solo.codes[VX6_EVENT_bundle_refused], VX6_EXPIRED);
    assert_int_equal(holder_find(solo.node, honest.keys.id, 0, &blob), 1);
    assert_memory_equal(blob->data, honest.bytes, honest.len);
    solo_stop(&solo);
}

static const struct clock_row {
    const char *what;
    int64_t ahead_s;
    enum vx6_code code;
} clock_rows[] = {
    {"the same time", 0, VX6_OK},
    {"just before it expires", LIFE_S - 1, VX6_OK},
    {"when it expires", LIFE_S, VX6_EXPIRED},
    {"as far behind as may be", -600, VX6_OK},
    {"farther behind", -601, VX6_EXPIRED},
};

/* VX6-DHT-017: what one node of an env has checked, another need not, but for the time. */
static void test_each_node_goes_by_its_own_clock(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof clock_rows / sizeof clock_rows[0]; i++) {
        const struct clock_row *row = &clock_rows[i];
        print_message("%s\n", row->what);
        struct solo solo;
        solo_init(&solo);
        solo_start(&solo, 1);
        struct owner owner = {.number = 1, .label = "alice"};
        assert_int_equal(store(&solo, owner), VX6_OK);
        vx6_config config = {.identity_seed = {2},
            .sequence_first = 1,
            .unix_ms = (UNIX_S + row->ahead_s) * 1000,
            .suite = VX6_SUITE_CHACHAPOLY};
        struct solo other = solo;
        other.node = vx6_node_new(solo.env, &config, solo.now);
        assert_non_null(other.node);
        assert_int_equal(store(&other, owner), row->code);
        assert_int_equal(other.node->holder.count, row->code == VX6_OK);
        vx6_node_free(other.node);
        solo_stop(&solo);
    }
}

/* VX6-DHT-018, VX6-REC-017: a rival with any sequence stands beside a claim, not in its place. */
static void test_R5_another_key_replaces_no_claim(void **state)
{
    (void)state;
    struct solo solo;
    struct made alice, mallory;
    struct blob *blob;
    uint8_t key[32];
    solo_init(&solo);
    solo_start(&solo, 1);
    make(&solo, (struct owner){.number = 1, .label = "alice"}, &alice);
    make(&solo, (struct owner){.number = 2, .sequence = 1000, .label = "alice"}, &mallory);
    key_of(&solo, "alice", key);
    assert_int_equal(holder_store(solo.node, key, span_of(&alice), NULL), VX6_OK);
    assert_int_equal(holder_store(solo.node, alice.keys.id, span_of(&alice), NULL), VX6_OK);
    assert_int_equal(holder_store(solo.node, alice.keys.id, span_of(&mallory), NULL), VX6_INVALID);
    assert_int_equal(holder_store(solo.node, key, span_of(&mallory), NULL), VX6_OK);
    assert_string_equal(held(&solo, "alice"), "12");
    assert_int_equal(holder_find(solo.node, key, 0, &blob), 2);
    assert_memory_equal(blob->data, alice.bytes, alice.len);
    assert_int_equal(holder_find(solo.node, alice.keys.id, 0, &blob), 1);
    assert_memory_equal(blob->data, alice.bytes, alice.len);
    solo_stop(&solo);
}

/* VX6-NAME-009: what was stored from the next room may be dialled there, and nothing else may. */
static void test_a_held_bundle_leads_where_it_came_from(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool is_far; /* who brings it */
        uint64_t dials;
    } rows[] = {{"from afar", true, 0}, {"from near, then from afar", false, 1}};
    struct solo solo;
    solo_init(&solo);
    solo_start(&solo, 1);
    for (uint8_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct owner owner = {.number = i + 1, .label = "alice", .is_near = true};
        char text[] = "alice0.web", label[] = "alice0";
        struct made made;
        uint8_t key[32];
        text[5] = label[5] = (char)('0' + i);
        owner.label = label;
        make(&solo, owner, &made);
        key_of(&solo, label, key);
        vx6_addr near = site_addr(&owner, 0), far = near;
        far.ip[0] = 0x20;
        assert_int_equal(
            holder_store(solo.node, key, span_of(&made), rows[i].is_far ? &far : &near), VX6_OK);
        /* Whoever brings the same later makes it lead no farther. */
        assert_int_equal(holder_store(solo.node, key, span_of(&made), &far), VX6_OK);
        uint64_t before = solo.counts[VX6_EVENT_link_dialled];
        struct vx6_in in = {
            .kind = VX6_IN_SESSION_OPEN, .data = (const uint8_t *)text, .len = sizeof text - 1};
        assert_int_equal(vx6_node_input(solo.node, solo.now, &in), VX6_OK);
        solo_wait(&solo, 5000);
        print_message("%s\n", rows[i].name);
        assert_int_equal(solo.counts[VX6_EVENT_link_dialled] - before, rows[i].dials);
    }
    solo_stop(&solo);
}

/* VX6-DHT-019 */
static void test_a_full_name_keeps_the_longest_held_and_one_claim_per_site(void **state)
{
    (void)state;
    struct solo solo;
    solo_init(&solo);
    solo.limits.claimant_max = 4;
    solo_start(&solo, 1);
    for (uint8_t i = 1; i <= 4; i++)
        assert_int_equal(
            store(&solo, (struct owner){.number = i, .label = "alice", .site = i < 4 ? i : 2}),
            VX6_OK);
    assert_string_equal(held(&solo, "alice"), "1234");
    /* Site 3 is there already. */
    assert_int_equal(
        store(&solo, (struct owner){.number = 5, .label = "alice", .site = 3}), VX6_LIMIT);
    /* Of the two claims from site 2 the younger one goes. */
    assert_int_equal(
        store(&solo, (struct owner){.number = 6, .label = "alice", .site = 9}), VX6_OK);
    assert_string_equal(held(&solo, "alice"), "1236");
    assert_int_equal(
        store(&solo, (struct owner){.number = 7, .label = "alice", .site = 10}), VX6_LIMIT);
    /* A newer bundle of a claimant keeps its place, and other names are not concerned. */
    assert_int_equal(
        store(&solo, (struct owner){.number = 2, .sequence = 2, .label = "alice", .site = 2}),
        VX6_OK);
    assert_string_equal(held(&solo, "alice"), "1236");
    assert_int_equal(store(&solo, (struct owner){.number = 7, .label = "bob"}), VX6_OK);
    solo_stop(&solo);
}

/* VX6-DHT-019: what a record says of its owner's addresses is its owner's word, and claims that
 * others bring are all of one site. */
static void test_a_site_is_where_the_claim_came_from(void **state)
{
    (void)state;
    struct solo solo;
    solo_init(&solo);
    solo.limits.claimant_max = 4;
    solo_start(&solo, 1);
    for (uint8_t i = 1; i <= 4; i++)
        assert_int_equal(
            store(&solo, (struct owner){.number = i, .label = "alice", .site = i, .from = 77}),
            VX6_OK);
    /* Another such claim finds no place, one that its owner brings finds that of the youngest. */
    struct owner fifth = {.number = 5, .label = "alice", .site = 5, .from = 78};
    assert_int_equal(store(&solo, fifth), VX6_LIMIT);
    assert_int_equal(
        store(&solo, (struct owner){.number = 6, .label = "alice", .site = 6}), VX6_OK);
    assert_string_equal(held(&solo, "alice"), "1236");
    /* The same bytes from their owner: now it is known where that one is. */
    for (uint8_t i = 1; i <= 3; i++)
        assert_int_equal(
            store(&solo, (struct owner){.number = i, .label = "alice", .site = i}), VX6_OK);
    assert_int_equal(
        store(&solo, (struct owner){.number = 7, .label = "alice", .site = 7}), VX6_LIMIT);
    /* A newer bundle that others bring does not undo that. */
    struct owner newer = {.number = 1, .sequence = 2, .label = "alice", .site = 1, .from = 77};
    assert_int_equal(store(&solo, newer), VX6_OK);
    assert_int_equal(
        store(&solo, (struct owner){.number = 7, .label = "alice", .site = 7}), VX6_LIMIT);
    solo_stop(&solo);
}

/* VX6-DHT-020: the share of one source is bounded even while there is room. */
static void test_K6_one_source_brings_no_more_than_a_quarter(void **state)
{
    (void)state;
    struct solo solo;
    solo_init(&solo);
    solo.limits.value_max = 64;
    solo_start(&solo, 1);
    for (uint8_t i = 1; i <= 100; i++)
        (void)store(&solo, (struct owner){.number = i, .site = 3});
    assert_int_equal(solo.node->holder.count, 16);
    for (uint8_t i = 101; i <= 116; i++)
        assert_int_equal(store(&solo, (struct owner){.number = i, .site = 4, .from = 5}), VX6_OK);
    assert_int_equal(solo.node->holder.count, 32);
    for (uint8_t i = 117; i <= 150; i++)
        (void)store(&solo, (struct owner){.number = i, .site = 6, .from = 5});
    assert_int_equal(solo.node->holder.count, 32);
    /* What others brought counts as theirs, whoever brings it again. */
    for (uint8_t i = 151; i <= 166; i++)
        assert_int_equal(store(&solo, (struct owner){.number = i, .site = 7, .from = 8}), VX6_OK);
    for (uint8_t i = 151; i <= 166; i++)
        assert_int_equal(store(&solo, (struct owner){.number = i, .site = 7, .from = 9}), VX6_OK);
    for (uint8_t i = 167; i <= 182; i++)
        assert_int_equal(store(&solo, (struct owner){.number = i, .site = 10, .from = 9}), VX6_OK);
    assert_int_equal(solo.node->holder.count, 64);
    solo_stop(&solo);
}

/* VX6-DHT-020: what was brought from elsewhere does not become more than that at its owner's. */
static void test_K6_an_owner_with_two_networks_has_two_shares(void **state)
{
    (void)state;
    struct solo solo;
    solo_init(&solo);
    solo.limits.value_max = 64;
    solo_start(&solo, 1);
    for (uint8_t i = 1; i <= 48; i++) {
        (void)store(&solo, (struct owner){.number = i, .site = 3, .from = 4});
        (void)store(&solo, (struct owner){.number = i, .site = 3});
    }
    assert_int_equal(solo.node->holder.count, 32);
    solo_stop(&solo);
}

/* VX6-DHT-019: strangers of two networks are not one site because both speak IPv4. */
static void test_claims_from_two_ipv4_networks_are_two_sites(void **state)
{
    (void)state;
    struct solo solo;
    solo_init(&solo);
    solo.limits.claimant_max = 3;
    solo_start(&solo, 1);
    struct owner owner = {.label = "alice", .is_ipv4 = true};
    for (owner.number = 1; owner.number <= 3; owner.number++) {
        owner.site = owner.number;
        assert_int_equal(store(&solo, owner), VX6_OK);
    }
    assert_int_equal(
        store(&solo, (struct owner){.number = 4, .label = "alice", .site = 9}), VX6_LIMIT);
    assert_string_equal(held(&solo, "alice"), "123");
    solo_stop(&solo);
}

/* VX6-DHT-018: after a wall clock has fallen by decades, nothing lives that long. */
static void test_a_clock_that_falls_makes_no_bundle_live_longer(void **state)
{
    (void)state;
    struct solo solo;
    solo_init(&solo);
    solo_start(&solo, 1);
    assert_int_equal(store(&solo, (struct owner){.number = 1, .label = "alice"}), VX6_OK);
    struct vx6_in in = {.kind = VX6_IN_WALLCLOCK, .unix_ms = 1};
    assert_int_equal(vx6_node_input(solo.node, solo.now, &in), VX6_OK);
    assert_string_equal(held(&solo, "alice"), "");
    solo_wait(&solo, (uint64_t)86400 * 1000);
    assert_int_equal(solo.node->holder.count, 0);
    solo_stop(&solo);
}

/* VX6-DHT-020 */
static void test_K6_a_full_holder_keeps_what_lies_closest_to_it(void **state)
{
    (void)state;
    struct solo solo;
    struct made made[60];
    solo_init(&solo);
    solo.limits.value_max = 16;
    solo_start(&solo, 1);
    const uint8_t *own = solo.node->keys.id;
    for (uint8_t i = 0; i < 60; i++) {
        make(&solo, (struct owner){.number = i}, &made[i]);
        uint32_t closer = 0;
        for (uint8_t j = 0; j < i; j++) {
            if (distance_compare(own, made[j].keys.id, made[i].keys.id) < 0)
                closer++;
        }
        assert_int_equal(holder_store(solo.node, made[i].keys.id, span_of(&made[i]), NULL),
            closer < 16 ? VX6_OK : VX6_LIMIT);
    }
    assert_int_equal(solo.node->holder.count, 16);
    for (uint8_t i = 0; i < 60; i++) {
        struct blob *blob;
        uint32_t closer = 0;
        for (uint8_t j = 0; j < 60; j++) {
            if (distance_compare(own, made[j].keys.id, made[i].keys.id) < 0)
                closer++;
        }
        assert_int_equal(holder_find(solo.node, made[i].keys.id, 0, &blob), closer < 16 ? 1 : 0);
    }
    solo_stop(&solo);
}

/* VX6-DHT-021 */
static void test_R10_bundles_leave_when_they_expire(void **state)
{
    (void)state;
    struct solo solo;
    solo_init(&solo);
    solo_start(&solo, 1);
    for (uint8_t i = 1; i <= 3; i++)
        assert_int_equal(
            store(&solo, (struct owner){.number = i, .label = "alice", .age_s = 600 - 200 * i}),
            VX6_OK);
    solo_wait(&solo, (LIFE_S - 401) * 1000);
    assert_string_equal(held(&solo, "alice"), "123");
    solo_wait(&solo, 3000);
    assert_string_equal(held(&solo, "alice"), "23");
    assert_int_equal(solo.counts[VX6_EVENT_bundle_expired], 1);
    solo_wait(&solo, 500000);
    assert_int_equal(solo.node->holder.count, 0);
    assert_int_equal(solo.counts[VX6_EVENT_bundle_expired], 3);
    assert_int_equal(solo.node->env->blobs.object_count, 0);
    solo_stop(&solo);
}

static void test_a_moved_clock_expires_bundles_at_once(void **state)
{
    (void)state;
    struct solo solo;
    solo_init(&solo);
    solo_start(&solo, 1);
    assert_int_equal(store(&solo, (struct owner){.number = 1, .label = "alice"}), VX6_OK);
    struct vx6_in in = {.kind = VX6_IN_WALLCLOCK, .unix_ms = (UNIX_S + 86400) * INT64_C(1000)};
    assert_int_equal(vx6_node_input(solo.node, solo.now, &in), VX6_OK);
    assert_string_equal(held(&solo, "alice"), "");
    solo_wait(&solo, LIFE_S * 1000 + 1000);
    assert_int_equal(solo.node->holder.count, 0);
    solo_stop(&solo);
}

static void test_a_holder_without_memory_refuses_and_stays_whole(void **state)
{
    (void)state;
    for (uint64_t n = 1;; n++) {
        struct solo solo;
        solo_init(&solo);
        solo_start(&solo, 1);
        uint64_t before = solo.memory.requests;
        solo.memory.fail_at = before + n;
        enum vx6_code code = store(&solo, (struct owner){.number = 1, .label = "alice"});
        bool failed = solo.memory.requests >= solo.memory.fail_at;
        assert_int_equal(code, failed ? VX6_NOMEM : VX6_OK);
        assert_int_equal(solo.node->holder.count, failed ? 0 : 1);
        solo_stop(&solo);
        if (!failed)
            return;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens_speak_for_a_source_and_a_time),
        cmocka_unit_test(test_tokens_of_ipv4_speak_for_one_address_and_of_one_node),
        cmocka_unit_test(test_K1_a_bundle_is_held_only_if_it_verifies_and_fits_its_key),
        cmocka_unit_test(test_R3_only_a_newer_bundle_replaces_one_of_the_same_owner),
        cmocka_unit_test(test_R2_a_bundle_from_2099_never_wins),
        cmocka_unit_test(test_each_node_goes_by_its_own_clock),
        cmocka_unit_test(test_R5_another_key_replaces_no_claim),
        cmocka_unit_test(test_a_held_bundle_leads_where_it_came_from),
        cmocka_unit_test(test_a_site_is_where_the_claim_came_from),
        cmocka_unit_test(test_K6_one_source_brings_no_more_than_a_quarter),
        cmocka_unit_test(test_K6_an_owner_with_two_networks_has_two_shares),
        cmocka_unit_test(test_a_full_name_keeps_the_longest_held_and_one_claim_per_site),
        cmocka_unit_test(test_claims_from_two_ipv4_networks_are_two_sites),
        cmocka_unit_test(test_a_clock_that_falls_makes_no_bundle_live_longer),
        cmocka_unit_test(test_K6_a_full_holder_keeps_what_lies_closest_to_it),
        cmocka_unit_test(test_R10_bundles_leave_when_they_expire),
        cmocka_unit_test(test_a_moved_clock_expires_bundles_at_once),
        cmocka_unit_test(test_a_holder_without_memory_refuses_and_stays_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
