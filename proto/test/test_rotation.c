/* SPDX-License-Identifier: MIT */
/* What a name means once its key has handed over to another, or has been revoked. */
#include <stdio.h>

#include "resolve_bench.h"

enum { /* numbers of keys */
    ALICE = 1,
    NEXT,   /* to whom alice hands over */
    THIRD,  /* to whom that one hands over */
    FOURTH, /* and that one */
    THIEF   /* to whom alice's key hands over in the hands of somebody else */
};

/* All that can be shown of them. */
struct cast {
    struct ancestry to_next, to_third, to_fourth, to_thief;
    struct owner alice, next, third, fourth, thief;
    struct owner dead_alice, dead_next, dead_third;
};

static void cast_make(struct cast *cast)
{
    const struct vx6_crypto *crypto = &vx6_crypto_model;
    cast->to_next = hand_over(crypto, ALICE, NULL, NEXT);
    cast->to_third = hand_over(crypto, NEXT, &cast->to_next, THIRD);
    cast->to_fourth = hand_over(crypto, THIRD, &cast->to_third, FOURTH);
    cast->to_thief = hand_over(crypto, ALICE, NULL, THIEF);
    owner_make(&cast->alice, ALICE, (struct claim){.label = "alice", .sequence = 1000});
    owner_make(&cast->next, NEXT, (struct claim){.label = "alice", .ancestry = &cast->to_next});
    owner_make(&cast->third, THIRD, (struct claim){.label = "alice", .ancestry = &cast->to_third});
    owner_make(
        &cast->fourth, FOURTH, (struct claim){.label = "alice", .ancestry = &cast->to_fourth});
    owner_make(&cast->thief, THIEF, (struct claim){.label = "alice", .ancestry = &cast->to_thief});
    owner_bury(&cast->dead_alice, ALICE, "alice", NULL);
    owner_bury(&cast->dead_next, NEXT, "alice", &cast->to_next);
    owner_bury(&cast->dead_third, THIRD, "alice", &cast->to_third);
}

static struct cast cast;
static struct bench bench;

/* A name that is bound to alice's key. */
static int setup(void **state)
{
    (void)state;
    cast_make(&cast);
    bench_init(&bench, "");
    assert_int_equal(
        binding_set(bench.node, lone_text("alice"), cast.alice.keys.identity, (vx6_span){0}),
        VX6_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bench_free(&bench);
    return 0;
}

/* Opens a session, and one holder shows these, the last argument being NULL. */
static void open_and_show(const char *name, const struct owner *const *shown)
{
    bench_open(&bench, name);
    uint32_t count = 0;
    while (shown[count])
        count++;
    for (uint32_t i = 0; i < count; i++)
        show(&bench, 0, shown[i], i, count);
    lone_run(bench.node, 0);
}

#define OPEN_AND_SHOW(name, ...)                                                                   \
    open_and_show(name, (const struct owner *const[]){__VA_ARGS__, NULL})

static void check_binding(const struct owner *key, const struct owner *root)
{
    const struct binding *binding = binding_find(bench.node, lone_text("alice"));
    assert_non_null(binding);
    assert_memory_equal(binding_key(binding), key->keys.identity, 32);
    assert_memory_equal(
        before_last(binding_before(binding), binding_key(binding)), root->keys.identity, 32);
}

static void check_session(const struct owner *owner)
{
    expect(&bench, VX6_OK);
    assert_memory_equal(bench.session.key, owner->keys.identity, 32);
}

/* The next output is this one. */
static void expect_output(enum vx6_out_kind kind, const struct owner *key, vx6_span value)
{
    struct vx6_out out;
    assert_true(lone_output(bench.node, &out));
    assert_int_equal(out.kind, kind);
    assert_memory_equal(out.key, key->keys.identity, 32);
    assert_int_equal(out.value.len, value.len);
    assert_memory_equal(out.value.data, value.data, value.len);
}

static void expect_followed(const struct owner *from, const struct owner *to)
{
    expect_output(VX6_OUT_KEY_FOLLOWED, to, (vx6_span){from->keys.identity, 32});
}

static void expect_no_output(void)
{
    struct vx6_out out;
    assert_false(lone_output(bench.node, &out));
}

/* The next session asks the network again. */
static void doubt(const struct owner *owner)
{
    resolve_forget(bench.node, owner->keys.identity);
}

/* VX6-NAME-015, VX6-NAME-016 */
static void test_a_name_goes_along_with_its_key(void **state)
{
    (void)state;
    bench_open(&bench, "alice.web");
    assert_memory_equal(last_lookup()->target, cast.alice.keys.id, 32);
    show(&bench, 0, &cast.alice, 0, 2);
    lone_run(bench.node, 0);
    assert_int_equal(bench.session.calls, 0); /* there is more to come from this holder */
    show(&bench, 0, &cast.next, 1, 2);
    lone_run(bench.node, 0);
    check_session(&cast.next);
    check_binding(&cast.next, &cast.alice);
    expect_followed(&cast.alice, &cast.next);
    expect_no_output();
    uint32_t lookups = lone_lookup_count;
    bench_open(&bench, "alice.web"); /* the new key is known by now */
    lone_run(bench.node, 0);
    check_session(&cast.next);
    assert_int_equal(lone_lookup_count, lookups);
}

/* VX6-NAME-015: the newer number counts among bundles of one key only. */
static void test_the_rotation_wins_over_the_old_key_in_any_order(void **state)
{
    (void)state;
    OPEN_AND_SHOW("alice.web", &cast.next, &cast.alice);
    check_session(&cast.next);
    doubt(&cast.next);
    owner_make(&cast.next, NEXT,
        (struct claim){.label = "alice", .sequence = 2, .ancestry = &cast.to_next});
    OPEN_AND_SHOW("alice.web", &cast.alice, &cast.next);
    check_session(&cast.next);
    doubt(&cast.next);
    OPEN_AND_SHOW("alice.web", &cast.alice); /* it alone */
    assert_int_equal(bench.session.calls, 0);
    lone_run(bench.node, VX6_SECOND);
    check_session(&cast.next); /* as it was known */
}

/* VX6-NAME-016 */
static void test_the_second_and_the_third_rotation_are_found(void **state)
{
    (void)state;
    OPEN_AND_SHOW("alice.web", &cast.next);
    check_binding(&cast.next, &cast.alice);
    doubt(&cast.next);
    bench_open(&bench, "alice.web");
    assert_memory_equal(last_lookup()->target, cast.alice.keys.id, 32);
    show(&bench, 0, &cast.third, 0, 1);
    lone_run(bench.node, 0);
    check_session(&cast.third);
    check_binding(&cast.third, &cast.next);
    doubt(&cast.third);
    bench_open(&bench, "alice.web");
    assert_memory_equal(last_lookup()->target, cast.next.keys.id, 32);
    show(&bench, 0, &cast.fourth, 0, 1);
    lone_run(bench.node, 0);
    check_session(&cast.fourth);
    check_binding(&cast.fourth, &cast.third);
    expect_followed(&cast.alice, &cast.next);
    expect_followed(&cast.next, &cast.third);
    expect_followed(&cast.third, &cast.fourth);
}

static void test_two_rotations_that_were_missed_are_made_up_for(void **state)
{
    (void)state;
    memcpy(lone_allowed, cast.alice.keys.identity, 32);
    OPEN_AND_SHOW("alice.web", &cast.alice, &cast.next, &cast.third);
    check_session(&cast.third);
    check_binding(&cast.third, &cast.next);
    assert_memory_equal(lone_allowed, cast.third.keys.identity, 32);
    expect_followed(&cast.alice, &cast.next);
    expect_followed(&cast.next, &cast.third);
}

/* VX6-NAME-013: the letters that somebody wrote down belong to the old key. */
static void test_a_hint_of_the_old_key_still_leads_to_the_name(void **state)
{
    (void)state;
    char name[80], key[VX6_KEY_TEXT_SIZE];
    vx6_key_text(&vx6_crypto_model, key, cast.alice.keys.identity);
    snprintf(name, sizeof name, "alice~%.8s.web", key);
    OPEN_AND_SHOW(name, &cast.next);
    check_session(&cast.next);
    doubt(&cast.next);
    OPEN_AND_SHOW(name, &cast.third);
    lone_run(bench.node, 0);
    check_session(&cast.third);
}

/* VX6-NAME-016 */
static void test_resolving_shows_a_rotation_and_changes_nothing(void **state)
{
    (void)state;
    uint8_t keys[64][32];
    struct vx6_out out;
    start_op(&bench, "alice");
    show(&bench, 0, &cast.alice, 0, 2);
    show(&bench, 0, &cast.next, 1, 2);
    lone_run(bench.node, VX6_SECOND);
    assert_int_equal(drain_op(&bench, keys, &out), 1);
    assert_int_equal(out.code, VX6_OK);
    assert_memory_equal(keys[0], cast.next.keys.identity, 32);
    check_binding(&cast.alice, &cast.alice);
}

/* VX6-NAME-017 */
static void test_the_first_successor_stays(void **state)
{
    (void)state;
    OPEN_AND_SHOW("alice.web", &cast.next);
    expect_followed(&cast.alice, &cast.next);
    for (uint64_t i = 2; i < 4; i++) {
        doubt(&cast.next);
        owner_make(&cast.next, NEXT,
            (struct claim){.label = "alice", .sequence = i, .ancestry = &cast.to_next});
        OPEN_AND_SHOW("alice.web", &cast.thief, &cast.next);
        check_session(&cast.next);
        check_binding(&cast.next, &cast.alice);
    }
    expect_output(VX6_OUT_KEY_CLASH, &cast.thief, lone_text("alice"));
    expect_no_output(); /* once, though it was shown twice */
    doubt(&cast.next);
    OPEN_AND_SHOW("alice.web", &cast.thief); /* alone: nobody is found */
    end_lookup(&bench, VX6_OK);
    lone_run(bench.node, 0);
    check_session(&cast.next);
    expect_no_output();
}

/* A bundle of the key with this number, to which alice's key has handed over as well. */
static struct owner make_rival(uint8_t number)
{
    struct ancestry way = hand_over(&vx6_crypto_model, ALICE, NULL, number);
    struct owner rival;
    owner_make(&rival, number, (struct claim){.label = "alice", .ancestry = &way});
    return rival;
}

/* VX6-NAME-017: they take turns, and each is told once; then there are more than are told. */
static void test_many_rivals_are_told_once_each(void **state)
{
    enum {
        TOLD = 4,
        FIRST = 100
    };
    (void)state;
    lone_limits.claimant_max = TOLD;
    OPEN_AND_SHOW("alice.web", &cast.next);
    expect_followed(&cast.alice, &cast.next);
    for (uint8_t turn = 0; turn < 3; turn++) {
        doubt(&cast.next);
        bench_open(&bench, "alice.web");
        for (uint8_t i = 0; i < TOLD + 2; i++) {
            struct owner rival = make_rival(FIRST + i);
            show(&bench, 0, &rival, i, TOLD + 3);
            if (i % 2 && i < TOLD && turn == 0) { /* heard of two at a time */
                struct owner before = make_rival(FIRST + i - 1);
                expect_output(VX6_OUT_KEY_CLASH, &before, lone_text("alice"));
                expect_output(VX6_OUT_KEY_CLASH, &rival, lone_text("alice"));
            }
        }
        expect_no_output();
        end_lookup(&bench, VX6_OK);
        lone_run(bench.node, 0);
        check_session(&cast.next);
    }
    assert_int_equal(bench.node->counters[VX6_EVENT_key_clash], TOLD);
    /* Bound anew, and in wrong hands again. */
    assert_int_equal(binding_set(bench.node, lone_text("alice"), cast.next.keys.identity,
                         (vx6_span){cast.alice.keys.identity, 32}),
        VX6_OK);
    doubt(&cast.next);
    bench_open(&bench, "alice.web");
    struct owner rival = make_rival(FIRST);
    show(&bench, 0, &rival, 0, 2);
    binding_remove(bench.node, lone_text("alice")); /* untold: there is no such name any more */
    expect_no_output();
    lone_limits.claimant_max = vx6_limits_default.claimant_max;
}

/* Where the allocation of this number fails. */
static void show_thief_without_memory(uint32_t holder, uint64_t number)
{
    lone_memory.fail_at = lone_memory.requests + number;
    show(&bench, holder, &cast.thief, 0, 2);
    assert_true(lone_memory.requests >= lone_memory.fail_at);
    lone_memory.fail_at = 0;
    expect_no_output();
}

/* VX6-NAME-017: nothing is remembered then, and it is told when it is shown again; also where the
 * name was bound anew since it was asked for, so that it has nothing else to remember. */
static void test_without_memory_a_rival_is_told_later(void **state)
{
    (void)state;
    const vx6_span label = lone_text("alice");
    OPEN_AND_SHOW("alice.web", &cast.next);
    expect_followed(&cast.alice, &cast.next);
    doubt(&cast.next);
    bench_open(&bench, "alice.web");
    show_thief_without_memory(0, 1);
    assert_int_equal(
        binding_set(bench.node, label, cast.next.keys.identity, (vx6_span){0}), VX6_OK);
    show_thief_without_memory(1, 1);
    show_thief_without_memory(2, 2);
    assert_null(binding_find(bench.node, label)->history);
    show(&bench, 3, &cast.thief, 0, 2);
    expect_output(VX6_OUT_KEY_CLASH, &cast.thief, label);
    expect_no_output();
}

/* VX6-NAME-017 */
static void test_two_successors_at_once_are_no_choice(void **state)
{
    (void)state;
    uint8_t keys[64][32];
    struct vx6_out out;
    OPEN_AND_SHOW("alice.web", &cast.alice, &cast.thief, &cast.next);
    expect(&bench, VX6_AMBIGUOUS);
    check_binding(&cast.alice, &cast.alice);
    expect_no_output();
    start_op(&bench, "alice");
    show(&bench, 0, &cast.alice, 0, 3);
    show(&bench, 0, &cast.thief, 1, 3);
    show(&bench, 0, &cast.next, 2, 3);
    lone_run(bench.node, VX6_SECOND);
    assert_int_equal(drain_op(&bench, keys, &out), 2);
    assert_int_equal(out.code, VX6_AMBIGUOUS);
    assert_memory_equal(keys[0], cast.thief.keys.identity, 32);
    assert_memory_equal(keys[1], cast.next.keys.identity, 32);
}

/* VX6-NAME-018: of whichever key on the way, and whichever came first. */
static void test_a_revocation_beats_every_rotation(void **state)
{
    const struct {
        const struct owner *shown[4];
        bool has_followed; /* the first rotation, before */
    } rows[] = {
        {{&cast.dead_alice}, false},
        {{&cast.alice, &cast.dead_alice}, false},
        {{&cast.dead_alice, &cast.next}, false},
        {{&cast.next, &cast.dead_alice}, false},
        {{&cast.dead_next}, false},
        {{&cast.dead_next, &cast.third}, false},
        {{&cast.third, &cast.dead_next, &cast.alice}, false},
        {{&cast.dead_third, &cast.next}, false},
        {{&cast.dead_alice, &cast.next}, true},
        {{&cast.next, &cast.dead_alice}, true},
        {{&cast.dead_next, &cast.alice}, true},
        {{&cast.dead_next, &cast.third}, true},
        {{&cast.dead_third}, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].has_followed) {
            OPEN_AND_SHOW("alice.web", &cast.next);
            check_session(&cast.next);
            doubt(&cast.next);
        }
        open_and_show("alice.web", rows[i].shown);
        if (bench.session.calls != 1 || bench.session.code != VX6_REVOKED)
            fail_msg(
                "row %zu: %u calls, %s", i, bench.session.calls, vx6_code_name(bench.session.code));
        if (rows[i].has_followed)
            check_binding(&cast.next, &cast.alice);
        else
            check_binding(&cast.alice, &cast.alice);
        teardown(state);
        setup(state);
    }
}

/* VX6-NAME-018, VX6-NAME-026: a thief who hands over twice at once sheds no key. */
static void test_a_key_of_long_ago_can_be_revoked(void **state)
{
    const struct owner *const dead[] = {&cast.dead_alice, &cast.dead_next, &cast.dead_third};
    for (size_t i = 0; i < sizeof dead / sizeof dead[0]; i++) {
        OPEN_AND_SHOW("alice.web", &cast.third);
        check_session(&cast.third);
        doubt(&cast.third);
        OPEN_AND_SHOW("alice.web", &cast.fourth);
        check_session(&cast.fourth);
        assert_true(bindings_have(bench.node, dead[i]->keys.identity));
        doubt(&cast.fourth);
        if (i == 0) { /* it is known here, wherever it came from; else it is shown */
            lone_bury(bench.node, dead[i]->keys.id);
            bench_open(&bench, "alice.web");
            lone_run(bench.node, 0);
        } else {
            OPEN_AND_SHOW("alice.web", &cast.fourth, dead[i]);
        }
        expect(&bench, VX6_REVOKED);
        assert_true(bindings_came_by_revoked(bench.node, cast.fourth.keys.identity));
        assert_int_equal(
            binding_set(bench.node, lone_text("alice"), cast.fourth.keys.identity, (vx6_span){0}),
            VX6_OK); /* by its user, for its own sake */
        assert_false(bindings_came_by_revoked(bench.node, cast.fourth.keys.identity));
        OPEN_AND_SHOW("alice.web", &cast.fourth);
        lone_run(bench.node, VX6_SECOND);
        check_session(&cast.fourth);
        teardown(state);
        setup(state);
    }
}

/* VX6-NAME-016: what the driver hears leads it to what is bound here. */
static void test_a_driver_hears_of_the_first_key_first(void **state)
{
    (void)state;
    const vx6_span label = lone_text("alice");
    binding_remove(bench.node, label);
    assert_int_equal(binding_first_use(bench.node, label, cast.alice.keys.identity), VX6_OK);
    OPEN_AND_SHOW("alice.web", &cast.third);
    check_session(&cast.third);
    struct vx6_out out;
    assert_true(binding_output(bench.node, &out));
    assert_memory_equal(out.key, cast.alice.keys.identity, 32);
    expect_followed(&cast.alice, &cast.next);
    expect_followed(&cast.next, &cast.third);
    expect_no_output();
}

/* VX6-NAME-026: by one key more than is kept it is not followed, and nothing changes. */
static void test_a_name_is_not_followed_for_ever(void **state)
{
    (void)state;
    uint8_t keys[17][32];
    const vx6_span label = lone_text("alice");
    const uint8_t *key = cast.alice.keys.identity;
    memset(keys, 0x55, sizeof keys);
    assert_int_equal(
        binding_set(bench.node, label, key, (vx6_span){keys[0], 17 * 32}), VX6_TOO_MANY_KEYS);
    assert_int_equal(binding_set(bench.node, label, key, (vx6_span){keys[0], 33}), VX6_INVALID);
    check_binding(&cast.alice, &cast.alice);
    assert_int_equal(binding_set(bench.node, label, key, (vx6_span){keys[0], 15 * 32}), VX6_OK);
    OPEN_AND_SHOW("alice.web", &cast.third); /* there is room for the first of two steps */
    expect(&bench, VX6_TOO_MANY_KEYS);
    assert_memory_equal(binding_key(binding_find(bench.node, label)), key, 32);
    expect_no_output();
    OPEN_AND_SHOW("alice.web", &cast.next);
    check_session(&cast.next);
    expect_followed(&cast.alice, &cast.next);
    for (int i = 0; i < 2; i++) {
        doubt(&cast.next);
        OPEN_AND_SHOW("alice.web", &cast.third);
        expect(&bench, VX6_TOO_MANY_KEYS);
        check_binding(&cast.next, &cast.alice);
        expect_no_output();
    }
    assert_int_equal(bench.node->counters[VX6_EVENT_limit_reached], 4);
    assert_int_equal(
        binding_set(bench.node, label, cast.third.keys.identity, (vx6_span){0}), VX6_OK);
    OPEN_AND_SHOW("alice.web", &cast.fourth);
    check_session(&cast.fourth);
}

/* VX6-NAME-018: from then on nobody is asked, until the user binds the name to another key. */
static void test_a_revocation_is_remembered_until_the_name_is_bound_anew(void **state)
{
    (void)state;
    OPEN_AND_SHOW("alice.web", &cast.dead_alice);
    expect(&bench, VX6_REVOKED);
    assert_memory_equal(lone_ended, cast.alice.keys.identity, 32);
    expect_output(
        VX6_OUT_KEY_REVOKED, &cast.alice, (vx6_span){cast.dead_alice.bytes, cast.dead_alice.len});
    uint32_t lookups = lone_lookup_count;
    bench_open(&bench, "alice.web");
    lone_run(bench.node, 0);
    expect(&bench, VX6_REVOKED);
    assert_int_equal(lone_lookup_count, lookups);
    expect_no_output();
    assert_int_equal(
        binding_set(bench.node, lone_text("alice"), cast.next.keys.identity, (vx6_span){0}),
        VX6_OK);
    OPEN_AND_SHOW("alice.web", &cast.next);
    check_session(&cast.next);
    check_binding(&cast.next, &cast.next);
}

/* A bundle that was recorded before the key was revoked, shown by somebody else. */
static void test_a_replayed_bundle_does_not_undo_a_revocation(void **state)
{
    (void)state;
    owner_make(&cast.alice, ALICE, (struct claim){.label = "alice", .sequence = INT64_MAX});
    OPEN_AND_SHOW("alice.web", &cast.dead_alice, &cast.alice);
    expect(&bench, VX6_REVOKED);
    teardown(state);
    setup(state);
    lone_bury(bench.node, cast.alice.keys.id); /* what this node holds for others counts */
    bench_open(&bench, "alice.web");
    lone_run(bench.node, 0);
    expect(&bench, VX6_REVOKED);
    assert_int_equal(lone_lookup_count, 0);
}

/* VX6-NAME-020 */
static void test_who_looks_for_an_unbound_name_sees_the_last_key_alone(void **state)
{
    (void)state;
    binding_remove(bench.node, lone_text("alice"));
    for (uint32_t i = 0; i < 2; i++) {
        bench_open(&bench, "alice.web");
        show(&bench, 0, i == 0 ? &cast.alice : &cast.third, 0, 2);
        show(&bench, 0, i == 0 ? &cast.third : &cast.alice, 1, 2);
        lone_run(bench.node, VX6_SECOND);
        check_session(&cast.third);
        check_binding(&cast.third, &cast.third);
        binding_remove(bench.node, lone_text("alice"));
    }
    bench_open(&bench, "alice.web");
    show(&bench, 0, &cast.next, 0, 2);
    show(&bench, 0, &cast.thief, 1, 2);
    lone_run(bench.node, VX6_SECOND);
    expect(&bench, VX6_AMBIGUOUS);
}

/* VX6-NAME-020 */
static void test_a_revoked_claimant_is_none(void **state)
{
    (void)state;
    binding_remove(bench.node, lone_text("alice"));
    bench_open(&bench, "alice.web");
    show(&bench, 0, &cast.dead_alice, 0, 2);
    show(&bench, 0, &cast.thief, 1, 2);
    lone_run(bench.node, VX6_SECOND);
    check_session(&cast.thief); /* alice's own word counts no more, for or against anybody */
    binding_remove(bench.node, lone_text("alice"));
    bench_open(&bench, "alice.web");
    show(&bench, 0, &cast.dead_next, 0, 2);
    show(&bench, 0, &cast.alice, 1, 2); /* it had handed over */
    end_lookup(&bench, VX6_OK);
    lone_run(bench.node, 0);
    expect(&bench, VX6_NOT_FOUND);
    assert_null(binding_find(bench.node, lone_text("alice")));
}

/* Nothing is half followed. */
static void test_without_memory_a_name_stays_where_it_was(void **state)
{
    for (uint64_t fail_at = 1; fail_at < 40; fail_at++) {
        bench_open(&bench, "alice.web");
        lone_memory.requests = 0;
        lone_memory.fail_at = fail_at;
        show(&bench, 0, &cast.next, 0, 1);
        lone_run(bench.node, 0);
        bool has_failed = lone_memory.requests >= fail_at;
        lone_memory.fail_at = 0;
        if (bench.session.calls == 0) {
            end_lookup(&bench, VX6_OK);
            lone_run(bench.node, 0);
        }
        if (bench.session.code == VX6_OK) {
            check_binding(&cast.next, &cast.alice);
            expect_followed(&cast.alice, &cast.next);
        } else {
            assert_int_equal(bench.session.code, VX6_NOMEM);
            check_binding(&cast.alice, &cast.alice);
            expect_no_output();
        }
        teardown(state);
        setup(state);
        if (!has_failed)
            return;
    }
    fail();
}

static void test_a_stranger_cannot_make_a_name_look_revoked(void **state)
{
    (void)state;
    struct owner dead;
    owner_bury(&dead, 77, "carol", NULL); /* a throwaway key; carol's owner is offline */
    OPEN_AND_SHOW("carol.web", &dead);
    end_lookup(&bench, VX6_OK);
    lone_run(bench.node, VX6_SECOND);
    expect(&bench, VX6_NOT_FOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_stranger_cannot_make_a_name_look_revoked),
        TEST(test_a_name_goes_along_with_its_key),
        TEST(test_the_rotation_wins_over_the_old_key_in_any_order),
        TEST(test_the_second_and_the_third_rotation_are_found),
        TEST(test_two_rotations_that_were_missed_are_made_up_for),
        TEST(test_a_hint_of_the_old_key_still_leads_to_the_name),
        TEST(test_resolving_shows_a_rotation_and_changes_nothing),
        TEST(test_the_first_successor_stays),
        TEST(test_many_rivals_are_told_once_each),
        TEST(test_without_memory_a_rival_is_told_later),
        TEST(test_two_successors_at_once_are_no_choice),
        TEST(test_a_revocation_beats_every_rotation),
        TEST(test_a_key_of_long_ago_can_be_revoked),
        TEST(test_a_driver_hears_of_the_first_key_first),
        TEST(test_a_name_is_not_followed_for_ever),
        TEST(test_a_revocation_is_remembered_until_the_name_is_bound_anew),
        TEST(test_a_replayed_bundle_does_not_undo_a_revocation),
        TEST(test_who_looks_for_an_unbound_name_sees_the_last_key_alone),
        TEST(test_a_revoked_claimant_is_none),
        TEST(test_without_memory_a_name_stays_where_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
