/* SPDX-License-Identifier: MIT */
/* Keys that a node knows to be revoked: which it remembers, and whom it tells. */
#include "resolve_bench.h"

enum { /* numbers of keys */
    ALICE = 1,
    NEXT,
    SELF = 200
};

struct certificate {
    uint8_t bytes[VX6_TOMBSTONE_MAX], key[32], id[32];
    size_t len;
};

static struct ancestry to_next;

static vx6_span span_of(const struct certificate *certificate)
{
    return (vx6_span){certificate->bytes, certificate->len};
}

static struct certificate make(uint8_t number, const char *label, const struct ancestry *ancestry)
{
    struct certificate made;
    const uint8_t seed[32] = {number};
    made.len = certificate_of(&vx6_crypto_model,
        &(struct grave){.number = number, .label = label, .ancestry = ancestry}, made.bytes);
    vx6_crypto_model.sign_public(&vx6_crypto_model, made.key, seed);
    vx6_node_id(&vx6_crypto_model, made.id, made.key);
    return made;
}

static struct vx6_node *node;
static struct certificate alice, next;

static int setup(void **state)
{
    (void)state;
    to_next = hand_over(&vx6_crypto_model, ALICE, NULL, NEXT);
    alice = make(ALICE, NULL, NULL);
    next = make(NEXT, "alice", &to_next);
    node = lone_new(SELF, "");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    lone_free(node);
    return 0;
}

/* A holder answers the lookup that runs, and then the store. */
static void publish_one(const uint8_t target[32], bool is_taken)
{
    struct lookup *lookup = &lone_lookups[lone_lookup_count - 1];
    assert_true(lookup->running);
    assert_int_equal(lookup->user, LOOKUP_PUBLISH);
    assert_memory_equal(lookup->target, target, 32);
    const uint8_t key[32] = {9};
    vx6_addr addr = {.ip = {0x20, 2}, .port = 9};
    struct lookup_contact closest = {.peer = peer_get(node->env, key, &addr)};
    struct lookup_result result = {
        .target = lookup->target, .closest = &closest, .closest_count = 1, .code = VX6_OK};
    uint32_t before = lone_query_count;
    lookup->running = false;
    publication_lookup_done(node, lookup->context, &result);
    assert_int_equal(lone_query_count, before + 1);
    struct query *query = &lone_queries[before];
    struct bundle bundle;
    assert_memory_equal(query->ask.u.store.key, target, 32);
    enum vx6_code code =
        bundle_check(node->env, node_unix_s(node), query->ask.u.store.bundle, &bundle);
    assert_int_equal(code, VX6_OK);
    assert_true(bundle.is_tombstone);
    struct vx6_msg answer = {
        .type = VX6_MSG_stored, .u.stored.code = is_taken ? VX6_OK : VX6_LIMIT};
    query->running = false;
    lone_in_flight--;
    struct query_result done = {.peer = query->peer, .answer = &answer};
    publication_query_done(node, query->context, &done);
    peer_drop(node->env, closest.peer);
}

static bool is_publishing(void)
{
    return lone_lookup_count > 0 && lone_lookups[lone_lookup_count - 1].running;
}

/* VX6-NAME-019 */
static void test_who_revokes_a_key_tells_the_holders_of_all_its_places(void **state)
{
    (void)state;
    uint8_t name[32];
    name_key(&vx6_crypto_model, name, lone_text("alice"));
    assert_int_equal(revoked_set(node, span_of(&next), true), VX6_OK);
    assert_int_equal(lone_stored, 3); /* here, at once */
    lone_run(node, 0);
    publish_one(next.id, true);
    publish_one(alice.id, true);
    publish_one(name, true);
    assert_false(is_publishing());
    lone_run(node, 700 * VX6_SECOND);
    assert_false(is_publishing());
    lone_run(node, 200 * VX6_SECOND); /* half of its life */
    publish_one(next.id, true);
    publish_one(alice.id, true);
    publish_one(name, true);
    assert_false(is_publishing());
    assert_int_equal(lone_stored, 9);
}

/* VX6-NAME-019 */
static void test_what_nobody_took_is_offered_again_soon(void **state)
{
    (void)state;
    assert_int_equal(revoked_set(node, span_of(&alice), true), VX6_OK);
    lone_run(node, 0);
    publish_one(alice.id, false);
    assert_false(is_publishing());
    lone_run(node, 6 * VX6_SECOND);
    publish_one(alice.id, true);
    lone_run(node, 700 * VX6_SECOND);
    assert_false(is_publishing());
    lone_lookup_refused = true; /* the same where it cannot be asked at all */
    lone_run(node, 200 * VX6_SECOND);
    assert_false(is_publishing());
    lone_lookup_refused = false;
    lone_run(node, 6 * VX6_SECOND);
    publish_one(alice.id, true);
}

/* VX6-NAME-019: repair takes it from here. */
static void test_who_only_learned_of_it_holds_it(void **state)
{
    (void)state;
    assert_int_equal(revoked_set(node, span_of(&next), false), VX6_OK);
    lone_run(node, 0);
    assert_int_equal(lone_lookup_count, 0);
    uint32_t stored = lone_stored;
    lone_run(node, 900 * VX6_SECOND);
    assert_int_equal(lone_stored, stored + 3);
    assert_int_equal(lone_lookup_count, 0);
    assert_int_equal(revoked_set(node, span_of(&next), true), VX6_OK); /* now it is to be told */
    lone_run(node, 0);
    publish_one(next.id, true);
}

/* VX6-NAME-018 */
static void test_a_key_is_remembered_by_who_relied_on_it(void **state)
{
    const struct certificate own = make(SELF, NULL, NULL);
    struct vx6_out out;
    for (uint32_t i = 0; i < 5; i++) {
        const struct certificate *seen = i == 3 ? &own : &alice;
        if (i == 1)
            assert_int_equal(
                binding_set(node, lone_text("alice"), alice.key, (vx6_span){0}), VX6_OK);
        if (i == 2)
            memcpy(lone_allowed, alice.key, 32);
        if (i == 4) { /* what it was before counts as well */
            assert_int_equal(
                binding_set(node, lone_text("alice"), next.key, (vx6_span){alice.key, 32}), VX6_OK);
        }
        revoked_seen(node, span_of(seen));
        assert_memory_equal(lone_ended, seen->key, 32);
        assert_int_equal(revoked_has(node, seen->key), i > 0);
        assert_int_equal(node->counters[VX6_EVENT_key_revoked], i > 0);
        assert_int_equal(lone_output(node, &out), i > 0);
        if (i > 0) {
            assert_int_equal(out.kind, VX6_OUT_KEY_REVOKED);
            assert_memory_equal(out.key, seen->key, 32);
            assert_int_equal(out.value.len, seen->len);
            assert_memory_equal(out.value.data, seen->bytes, seen->len);
            revoked_seen(node, span_of(seen));
            assert_false(lone_output(node, &out)); /* once */
        }
        teardown(state);
        setup(state);
    }
}

/* What is held for others counts, while it is held. */
static void test_a_tombstone_that_is_held_counts(void **state)
{
    (void)state;
    assert_false(revoked_has(node, alice.key));
    lone_bury(node, alice.id);
    assert_true(revoked_has(node, alice.key));
    assert_false(revoked_has(node, next.key));
}

static void test_what_is_no_certificate_revokes_nothing(void **state)
{
    (void)state;
    struct certificate wrong = alice;
    wrong.bytes[wrong.len - 3] ^= 1; /* the end of its signature */
    assert_int_equal(revoked_set(node, span_of(&wrong), true), VX6_INVALID);
    assert_int_equal(revoked_set(node, (vx6_span){0}, true), VX6_INVALID);
    assert_int_equal(revoked_set(node, (vx6_span){alice.bytes, alice.len - 1}, true), VX6_INVALID);
    assert_false(revoked_has(node, alice.key));
    assert_int_equal(node->revoked.count, 0);
}

/* What does not find a place is still not believed while it is seen. */
static void test_a_node_remembers_so_many(void **state)
{
    (void)state;
    lone_limits.revoked_max = 16;
    for (uint8_t i = 0; i < 16; i++) {
        struct certificate other = make((uint8_t)(100 + i), NULL, NULL);
        assert_int_equal(revoked_set(node, span_of(&other), false), VX6_OK);
        assert_int_equal(revoked_set(node, span_of(&other), false), VX6_OK);
    }
    assert_int_equal(revoked_set(node, span_of(&alice), true), VX6_LIMIT);
    assert_int_equal(node->counters[VX6_EVENT_limit_reached], 1);
    memcpy(lone_allowed, alice.key, 32);
    revoked_seen(node, span_of(&alice));
    assert_memory_equal(lone_ended, alice.key, 32);
    assert_int_equal(node->revoked.count, 16);
    lone_limits = vx6_limits_default;
}

static void test_without_memory_it_is_refused_or_told_later(void **state)
{
    for (uint64_t fail_at = 1; fail_at < 40; fail_at++) {
        lone_memory.requests = 0;
        lone_memory.fail_at = fail_at;
        enum vx6_code code = revoked_set(node, span_of(&next), true);
        lone_run(node, 0);
        bool has_failed = lone_memory.requests >= fail_at;
        lone_memory.fail_at = 0;
        assert_true(code == VX6_OK || code == VX6_NOMEM);
        if (code == VX6_NOMEM)
            assert_int_equal(revoked_set(node, span_of(&next), true), VX6_OK);
        lone_run(node, 6 * VX6_SECOND);
        assert_true(is_publishing());
        teardown(state);
        setup(state);
        if (!has_failed)
            return;
    }
    fail();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_who_revokes_a_key_tells_the_holders_of_all_its_places),
        TEST(test_what_nobody_took_is_offered_again_soon),
        TEST(test_who_only_learned_of_it_holds_it),
        TEST(test_a_key_is_remembered_by_who_relied_on_it),
        TEST(test_a_tombstone_that_is_held_counts),
        TEST(test_what_is_no_certificate_revokes_nothing),
        TEST(test_a_node_remembers_so_many),
        TEST(test_without_memory_it_is_refused_or_told_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
