/* SPDX-License-Identifier: MIT */
/* Tombstones and the bundles of successors where values are held: what takes whose place. */
#include "heirs.h"
#include "solo.h"

enum {
    UNIX_S = 1800000000,
    ALICE = 1, /* numbers of keys */
    HEIRS = 2  /* the first of those to whom alice's key hands over */
};

struct value {
    uint8_t bytes[VX6_BUNDLE_MAX], id[32];
    size_t len;
};

static vx6_span span_of(const struct value *value)
{
    return (vx6_span){value->bytes, value->len};
}

/* Its owner can be reached at this site. */
static struct value bundle_at(struct solo *solo, uint32_t site, uint8_t number, uint64_t sequence,
    const struct ancestry *ancestry)
{
    const uint8_t seed[32] = {number};
    const vx6_addr addr = solo_addr(site << 16);
    struct own_keys keys;
    struct value value;
    own_keys_init(&keys, &solo->crypto, seed);
    struct record_facts facts = {.sequence = sequence,
        .unix_s = UNIX_S,
        .life_s = 1800,
        .endpoints = &addr,
        .endpoint_count = 1,
        .label = {(const uint8_t *)"alice", 5},
        .lineage = ancestry_span(ancestry)};
    value.len = record_make_bundle(&solo->crypto, &keys, &facts, value.bytes);
    memcpy(value.id, keys.id, 32);
    return value;
}

static struct value bundle_of(
    struct solo *solo, uint8_t number, uint64_t sequence, const struct ancestry *ancestry)
{
    return bundle_at(solo, number, number, sequence, ancestry);
}

static struct value tombstone(
    struct solo *solo, uint8_t number, const struct ancestry *ancestry, int64_t age_s)
{
    struct value value = bundle_of(solo, number, 1, NULL);
    value.len = tombstone_of(&solo->crypto,
        &(struct grave){.number = number, .label = "alice", .ancestry = ancestry}, UNIX_S - age_s,
        value.bytes);
    return value;
}

static enum vx6_code store_from(
    struct solo *solo, uint32_t site, const uint8_t key[32], const struct value *value)
{
    vx6_addr source = solo_addr(site << 16);
    return holder_store(solo->node, key, span_of(value), &source);
}

/* Brought by somebody else. */
static enum vx6_code store(struct solo *solo, const uint8_t key[32], const struct value *value)
{
    return store_from(solo, 77, key, value);
}

static bool is_held(struct solo *solo, const uint8_t key[32], const struct value *value)
{
    struct blob *blob = NULL;
    uint32_t count = holder_find(solo->node, key, 0, &blob);
    for (uint32_t i = 0; i < count; i++) {
        (void)holder_find(solo->node, key, i, &blob);
        if (blob->len == value->len && memcmp(blob->data, value->bytes, blob->len) == 0)
            return true;
    }
    return false;
}

static struct solo solo;

static int setup(void **state)
{
    (void)state;
    solo_init(&solo);
    solo.limits.claimant_max = 4;
    solo.limits.value_max = 64;
    solo_start(&solo, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    solo_stop(&solo);
    return 0;
}

/* VX6-REC-023: whatever number a bundle has, and whenever it comes. */
static void test_a_tombstone_takes_the_place_of_the_bundle_for_good(void **state)
{
    (void)state;
    struct value last = bundle_of(&solo, ALICE, INT64_MAX, NULL);
    struct value dead = tombstone(&solo, ALICE, NULL, 100);
    struct value later = tombstone(&solo, ALICE, NULL, 0);
    uint8_t name[32];
    name_key(&solo.crypto, name, (vx6_span){(const uint8_t *)"alice", 5});
    const uint8_t *const keys[] = {last.id, name};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(store(&solo, keys[i], &last), VX6_OK);
        assert_int_equal(store(&solo, keys[i], &dead), VX6_OK);
        assert_int_equal(store(&solo, keys[i], &last), VX6_OUTDATED);
        assert_int_equal(store(&solo, keys[i], &dead), VX6_OK); /* the same bytes again */
        assert_int_equal(store(&solo, keys[i], &later), VX6_OK);
        assert_int_equal(store(&solo, keys[i], &dead), VX6_OUTDATED);
        assert_true(is_held(&solo, keys[i], &later));
        assert_false(is_held(&solo, keys[i], &last));
    }
    assert_true(holder_has_tombstone(solo.node, last.id));
    assert_int_equal(solo.node->holder.tombstones, 2);
    solo_wait(&solo, 1801000); /* nobody has stored it again */
    assert_false(holder_has_tombstone(solo.node, last.id));
    assert_int_equal(solo.node->holder.count, 0);
    assert_int_equal(solo.node->holder.tombstones, 0);
}

/* VX6-REC-017, VX6-DHT-017 */
static void test_it_is_held_only_where_it_belongs_and_if_it_is_sound(void **state)
{
    (void)state;
    struct ancestry to_heir = hand_over(&solo.crypto, ALICE, NULL, HEIRS);
    struct value alice = bundle_of(&solo, ALICE, 1, NULL);
    struct value heir = bundle_of(&solo, HEIRS, 1, &to_heir);
    struct value dead = tombstone(&solo, HEIRS, &to_heir, 0);
    struct value unrelated = tombstone(&solo, HEIRS, NULL, 0), forged = dead;
    forged.bytes[30] ^= 1; /* in the revoked key */
    assert_int_equal(store(&solo, alice.id, &heir), VX6_OK);
    assert_int_equal(store(&solo, alice.id, &unrelated), VX6_INVALID);
    assert_int_equal(store(&solo, heir.id, &forged), VX6_BAD_RECORD);
    assert_int_equal(store(&solo, solo.node->keys.id, &dead), VX6_INVALID);
    assert_int_equal(store(&solo, alice.id, &dead), VX6_OK);
    assert_false(is_held(&solo, alice.id, &heir));
    assert_int_equal(store(&solo, heir.id, &dead), VX6_OK);
    /* It is the heir who was revoked, not alice. */
    assert_true(holder_has_tombstone(solo.node, heir.id));
    assert_false(holder_has_tombstone(solo.node, alice.id));
}

/* VX6-DHT-055 */
static void test_under_a_node_id_its_owner_finds_a_place(void **state)
{
    for (int buried = 0; buried < 2; buried++) {
        struct value alice =
            buried ? tombstone(&solo, ALICE, NULL, 0) : bundle_of(&solo, ALICE, 1, NULL);
        struct value heirs[6];
        for (uint8_t i = 0; i < 6; i++) {
            struct ancestry to_heir = hand_over(&solo.crypto, ALICE, NULL, HEIRS + i);
            heirs[i] = bundle_of(&solo, HEIRS + i, 1, &to_heir);
            enum vx6_code code = store(&solo, alice.id, &heirs[i]);
            assert_int_equal(code, i < 4 ? VX6_OK : VX6_LIMIT);
        }
        assert_int_equal(store(&solo, alice.id, &alice), VX6_OK);
        assert_true(is_held(&solo, alice.id, &alice));
        assert_true(is_held(&solo, alice.id, &heirs[0]));
        assert_false(is_held(&solo, alice.id, &heirs[3])); /* the last that came */
        assert_int_equal(store(&solo, alice.id, &heirs[3]), VX6_LIMIT);
        teardown(state);
        setup(state);
    }
}

/* Under the key of the name: tombstones of keys `first` and after it, each from a site of its own.
 */
static void bury_many(const uint8_t name[32], uint8_t first, uint8_t count, enum vx6_code code)
{
    for (uint8_t i = first; i < first + count; i++) {
        struct value dead = tombstone(&solo, i, NULL, 0);
        assert_int_equal(store_from(&solo, i, name, &dead), code);
    }
}

/* VX6-DHT-019: keys cost nothing, and so do their tombstones. */
static void test_under_a_name_tombstones_keep_no_bundle_out(void **state)
{
    uint8_t name[32];
    name_key(&solo.crypto, name, (vx6_span){(const uint8_t *)"alice", 5});
    for (int by_owner = 0; by_owner < 2; by_owner++) {
        struct value alice = bundle_of(&solo, ALICE, 1, NULL);
        struct value other = bundle_of(&solo, HEIRS, 1, NULL);
        struct value dead_other = tombstone(&solo, HEIRS, NULL, 0);
        assert_int_equal(store(&solo, name, &other), VX6_OK);
        assert_int_equal(store(&solo, name, &dead_other), VX6_OK);
        bury_many(name, 100, 3, VX6_OK);
        bury_many(name, 110, 3, VX6_LIMIT);
        assert_int_equal(store_from(&solo, by_owner ? ALICE : 77, name, &alice), VX6_OK);
        assert_true(is_held(&solo, name, &alice));
        assert_true(is_held(&solo, name, &dead_other)); /* the last gave way */
        bury_many(name, 120, 10, VX6_LIMIT);
        assert_true(is_held(&solo, name, &alice));
        struct value dead = tombstone(&solo, ALICE, NULL, 0);
        assert_int_equal(store(&solo, name, &dead), VX6_OK); /* where her bundle was */
        assert_true(is_held(&solo, name, &dead));
        teardown(state);
        setup(state);
    }
}

/* VX6-DHT-019: bundles fill the name, of which two are from one site; no tombstone comes in. */
static void test_under_a_name_no_bundle_gives_way_to_a_tombstone(void **state)
{
    (void)state;
    uint8_t name[32];
    name_key(&solo.crypto, name, (vx6_span){(const uint8_t *)"alice", 5});
    for (uint8_t i = 0; i < 4; i++) {
        struct value claim = bundle_at(&solo, i < 3 ? i : 2, HEIRS + i, 1, NULL);
        assert_int_equal(store_from(&solo, i < 3 ? i : 2, name, &claim), VX6_OK);
    }
    bury_many(name, 100, 4, VX6_LIMIT);
    struct value alice = bundle_of(&solo, 50, 1, NULL);
    assert_int_equal(store_from(&solo, 50, name, &alice), VX6_OK); /* as ever */
}

/* VX6-DHT-055: who holds a key has brought as many of its heirs as find room. Whatever key signed
 * finds a place among those that it signed for, and keeps it. */
static void test_nobody_is_kept_out_by_those_it_signed_for(void **state)
{
    enum {
        NEXT = 50, /* to whom alice has handed over, and whose key was stolen */
        THIEF = 60
    };
    for (int who = 0; who < 4; who++) {
        struct ancestry to_next = hand_over(&solo.crypto, ALICE, NULL, NEXT);
        struct value values[] = {bundle_of(&solo, ALICE, 1, NULL), tombstone(&solo, ALICE, NULL, 0),
            tombstone(&solo, NEXT, &to_next, 0), bundle_of(&solo, NEXT, 1, &to_next)};
        const uint8_t *id = values[0].id;
        for (uint8_t i = 0; i < 8; i++) {
            struct ancestry to_thief = hand_over(&solo.crypto, NEXT, &to_next, THIEF + i);
            struct value thief = i % 2 ? bundle_of(&solo, THIEF + i, 1, &to_thief)
                                       : tombstone(&solo, THIEF + i, &to_thief, 0);
            assert_int_equal(store(&solo, id, &thief), i < 4 ? VX6_OK : VX6_LIMIT);
        }
        assert_int_equal(store(&solo, id, &values[who]), VX6_OK);
        for (uint8_t i = 0; i < 8; i++) {
            struct ancestry to_thief = hand_over(&solo.crypto, NEXT, &to_next, THIEF + 10 + i);
            struct value thief = bundle_of(&solo, THIEF + 10 + i, 1, &to_thief);
            (void)store_from(&solo, THIEF + 10 + i, id, &thief);
        }
        if (who < 3) /* a bundle that is not at home has no better right than others */
            assert_true(is_held(&solo, id, &values[who]));
        assert_int_equal(solo.node->holder.count, 4);
        teardown(state);
        setup(state);
    }
}

/* VX6-DHT-055: who holds the key before it, too, lets the two hand over to each other. */
static void test_a_key_before_it_takes_no_owner_from_its_place(void **state)
{
    enum {
        NEXT = 50, /* to whom alice has handed over */
        THIEF = 60
    };
    for (int buried = 0; buried < 2; buried++) {
        struct ancestry to_next = hand_over(&solo.crypto, ALICE, NULL, NEXT);
        struct ancestry back = hand_over(&solo.crypto, NEXT, NULL, ALICE);
        struct value next =
            buried ? tombstone(&solo, NEXT, &to_next, 0) : bundle_of(&solo, NEXT, 1, &to_next);
        struct value alice = bundle_of(&solo, ALICE, 1, &back);
        for (uint8_t i = 0; i < 4; i++) {
            struct ancestry to_thief = hand_over(&solo.crypto, NEXT, NULL, THIEF + i);
            struct value thief = bundle_of(&solo, THIEF + i, 1, &to_thief);
            assert_int_equal(store(&solo, next.id, &thief), VX6_OK);
        }
        assert_int_equal(store(&solo, next.id, &next), VX6_OK);
        assert_int_equal(store(&solo, next.id, &alice), VX6_LIMIT);
        assert_true(is_held(&solo, next.id, &next));
        teardown(state);
        setup(state);
    }
}

/* VX6-DHT-020: a source that has its share already cannot push out what another brought, and then
 * not take its place; in the place of what it has brought itself it may bring another. */
static void test_nobody_gives_way_to_one_that_finds_no_place(void **state)
{
    uint8_t name[32];
    name_key(&solo.crypto, name, (vx6_span){(const uint8_t *)"alice", 5});
    for (int is_own = 0; is_own < 2; is_own++) {
        const uint32_t source = 77, from = is_own ? source : 78;
        const uint32_t share = solo.limits.value_max / 4;
        struct value grave = tombstone(&solo, 40, NULL, 0);
        assert_int_equal(store_from(&solo, from, name, &grave), VX6_OK);
        for (uint8_t i = 0; i < 3; i++) { /* the last two of one site, and not of the source's */
            struct value claim = bundle_of(&solo, 41 + i, 1, NULL);
            assert_int_equal(store_from(&solo, i == 0 ? 41 : 78, name, &claim), VX6_OK);
        }
        uint32_t brought = (uint32_t)is_own;
        for (uint8_t i = 100; brought < share; i++) {
            struct value near = bundle_of(&solo, i, 1, NULL);
            if (distance_compare(solo.node->keys.id, near.id, name) < 0)
                brought += store_from(&solo, source, near.id, &near) == VX6_OK;
        }
        struct value late = bundle_at(&solo, source, 99, 1, NULL);
        const uint32_t count = solo.node->holder.count;
        assert_int_equal(store_from(&solo, source, name, &late), is_own ? VX6_OK : VX6_LIMIT);
        assert_int_equal(is_held(&solo, name, &grave), !is_own);
        assert_int_equal(solo.node->holder.count, count);
        teardown(state);
        setup(state);
    }
}

/* Its bundles lie closer to the holder than a key: as many as one source may bring, and one more.
 */
static void bring_nearer(uint32_t source, const uint8_t key[32])
{
    for (uint32_t brought = 0, number = 0; brought <= solo.limits.value_max / 4; number++) {
        assert_true(number < 256);
        struct value near = bundle_of(&solo, (uint8_t)number, 1, NULL);
        if (distance_compare(solo.node->keys.id, near.id, key) >= 0)
            continue;
        (void)store_from(&solo, source, near.id, &near);
        brought++;
    }
}

/* VX6-DHT-020: who brings again what others have brought would make it his, and then push it out. A
 * tombstone has no address that says who its owner is, and anybody may give it a new time. */
static void test_what_others_brought_is_nobody_elses_to_push_out(void **state)
{
    for (int is_later = 0; is_later < 2; is_later++) {
        struct value dead = tombstone(&solo, ALICE, NULL, 10);
        struct value again = tombstone(&solo, ALICE, NULL, is_later ? 0 : 10);
        uint8_t name[32];
        name_key(&solo.crypto, name, (vx6_span){(const uint8_t *)"alice", 5});
        assert_int_equal(store_from(&solo, 78, name, &dead), VX6_OK);
        assert_int_equal(store_from(&solo, 77, name, &again), VX6_OK);
        bring_nearer(77, name);
        assert_true(is_held(&solo, name, &again));
        assert_int_equal(solo.node->holder.count, 1 + solo.limits.value_max / 4);
        teardown(state);
        setup(state);
    }
}

/* VX6-DHT-054: repair carries tombstones to those who have the bundle, and never back. */
static void test_repair_prefers_the_tombstone(void **state)
{
    (void)state;
    struct value alice = bundle_of(&solo, ALICE, INT64_MAX, NULL);
    struct value dead = tombstone(&solo, ALICE, NULL, 10), later = tombstone(&solo, ALICE, NULL, 0);
    struct bundle views[3];
    bundle_view(&solo.crypto, span_of(&alice), &views[0]);
    bundle_view(&solo.crypto, span_of(&dead), &views[1]);
    bundle_view(&solo.crypto, span_of(&later), &views[2]);
    const struct value *const values[] = {&alice, &dead, &later};
    for (int held = 0; held < 3; held++) {
        assert_int_equal(store(&solo, alice.id, values[held]), VX6_OK);
        for (int offered = 0; offered < 3; offered++)
            assert_int_equal(holder_wants(solo.node, alice.id, alice.id, views[offered].sequence),
                offered > held);
    }
}

/* VX6-NAME-018: what is stored here is news for this node, too. */
static void test_a_holder_believes_what_it_holds(void **state)
{
    (void)state;
    struct value alice = bundle_of(&solo, ALICE, 1, NULL), dead = tombstone(&solo, ALICE, NULL, 0);
    struct bundle view;
    struct vx6_out out;
    bundle_view(&solo.crypto, span_of(&alice), &view);
    assert_false(revoked_has(solo.node, view.node.identity));
    struct vx6_in bind = {.kind = VX6_IN_NAME_BIND, .data = (const uint8_t *)"alice", .len = 5};
    memcpy(bind.key, view.node.identity, 32);
    assert_int_equal(vx6_node_input(solo.node, solo.now, &bind), VX6_OK);
    assert_int_equal(store(&solo, alice.id, &dead), VX6_OK);
    assert_true(revoked_has(solo.node, view.node.identity));
    do
        assert_true(vx6_node_output(solo.node, &out));
    while (out.kind != VX6_OUT_KEY_REVOKED);
    assert_memory_equal(out.key, view.node.identity, 32);
    assert_int_equal(out.value.len, dead.len);
    solo_wait(&solo, 1801000); /* the holder's expires, what is remembered does not */
    assert_true(revoked_has(solo.node, view.node.identity));
    assert_true(holder_has_tombstone(solo.node, alice.id)); /* VX6-NAME-019 */
}

/* What the driver kept comes back with the next run. */
static void test_the_driver_restores_what_was_revoked_and_what_was_followed(void **state)
{
    (void)state;
    struct value dead = tombstone(&solo, ALICE, NULL, 100000000);
    struct value next = bundle_of(&solo, HEIRS, 1, NULL), alice = bundle_of(&solo, ALICE, 1, NULL);
    struct bundle head, root;
    bundle_view(&solo.crypto, span_of(&next), &head);
    bundle_view(&solo.crypto, span_of(&alice), &root);
    struct vx6_in in = {.kind = VX6_IN_NAME_BIND, .data = (const uint8_t *)"al", .len = 2};
    memcpy(in.key, head.node.identity, 32);
    in.keys_before = (vx6_span){root.node.identity, 32};
    assert_int_equal(vx6_node_input(solo.node, solo.now, &in), VX6_OK);
    const struct binding *binding = binding_find(solo.node, (vx6_span){(const uint8_t *)"al", 2});
    assert_memory_equal(binding_key(binding), head.node.identity, 32);
    assert_memory_equal(
        before_last(binding_before(binding), binding_key(binding)), root.node.identity, 32);
    in = (struct vx6_in){.kind = VX6_IN_REVOKED, .data = dead.bytes, .len = dead.len};
    assert_int_equal(vx6_node_input(solo.node, solo.now, &in), VX6_OK);
    assert_true(revoked_has(solo.node, root.node.identity));
    in.len--;
    assert_int_equal(vx6_node_input(solo.node, solo.now, &in), VX6_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_tombstone_takes_the_place_of_the_bundle_for_good),
        TEST(test_it_is_held_only_where_it_belongs_and_if_it_is_sound),
        TEST(test_under_a_node_id_its_owner_finds_a_place),
        TEST(test_under_a_name_tombstones_keep_no_bundle_out),
        TEST(test_under_a_name_no_bundle_gives_way_to_a_tombstone),
        TEST(test_nobody_is_kept_out_by_those_it_signed_for),
        TEST(test_a_key_before_it_takes_no_owner_from_its_place),
        TEST(test_nobody_gives_way_to_one_that_finds_no_place),
        TEST(test_what_others_brought_is_nobody_elses_to_push_out),
        TEST(test_repair_prefers_the_tombstone),
        TEST(test_a_holder_believes_what_it_holds),
        TEST(test_the_driver_restores_what_was_revoked_and_what_was_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
