/* SPDX-License-Identifier: MIT */
/* A service of a name that is at another node: one step to its host, and no more.
 * VX6-NAME-022 to VX6-NAME-025. */
#include "resolve_bench.h"

enum {
    TEAM = 1,
    HOST,
    OTHER,
    OWN = 200 /* the node that resolves */
};

struct cast {
    struct bench bench;
    struct vx6_hosted at_host, at_other, at_team, at_own;
    struct owner team, host, other;
};

static void point(struct vx6_hosted *hosted, const char *name, uint8_t number)
{
    const uint8_t seed[32] = {number};
    struct own_keys keys;
    own_keys_init(&keys, &vx6_crypto_model, seed);
    hosted->name = lone_text(name);
    memcpy(hosted->host, keys.identity, sizeof hosted->host);
}

/* `team` says that its db is at `host`, which says that its own is at `other`. */
static void cast_init(struct cast *cast, const char *own_label)
{
    bench_init(&cast->bench, own_label);
    point(&cast->at_host, "db", HOST);
    point(&cast->at_other, "db", OTHER);
    point(&cast->at_team, "db", TEAM);
    point(&cast->at_own, "db", OWN);
    owner_make(&cast->team, TEAM, (struct claim){.label = "team", .hosted = &cast->at_host});
    owner_make(&cast->host, HOST, (struct claim){.label = "host", .hosted = &cast->at_other});
    owner_make(&cast->other, OTHER, (struct claim){.label = "other"});
}

/* The name is found at enough holders. */
static void show_enough(struct cast *cast, const struct owner *owner)
{
    for (uint32_t i = 0; i < 3; i++)
        show(&cast->bench, i, owner, 0, 1);
    lone_run(cast->bench.node, 0);
}

static void expect_lookup(const struct cast *cast, uint32_t count, const struct owner *owner)
{
    assert_int_equal(lone_lookup_count, count);
    assert_true(last_lookup()->running);
    assert_memory_equal(last_lookup()->target, owner->keys.id, 32);
    assert_int_equal(cast->bench.session.calls, 0);
}

/* VX6-NAME-018: what else the session is to stand and fall with. */
static void expect_via(const struct cast *cast, const struct owner *first, const struct owner *next)
{
    assert_int_equal(cast->bench.session.via_len, next ? 64 : 32);
    assert_memory_equal(cast->bench.session.via, first->keys.identity, 32);
    if (next)
        assert_memory_equal(cast->bench.session.via + 32, next->keys.identity, 32);
}

static void expect_session_with(struct cast *cast, const struct owner *owner)
{
    expect(&cast->bench, VX6_OK);
    assert_memory_equal(cast->bench.session.key, owner->keys.identity, 32);
    assert_int_equal(cast->bench.session.addr.port, 4242);
    assert_int_equal(cast->bench.session.addr.ip[15], owner == &cast->host ? HOST : OTHER);
}

/* VX6-NAME-022, VX6-NAME-023 */
static void test_a_hosted_service_is_with_its_host_and_nobody_else_is_bound(void **state)
{
    (void)state;
    struct cast cast;
    cast_init(&cast, "");
    bench_open(&cast.bench, "team.db");
    show_enough(&cast, &cast.team);
    expect_lookup(&cast, 2, &cast.host);
    show(&cast.bench, 5, &cast.other, 0, 1); /* which is not wanted */
    lone_run(cast.bench.node, 0);
    assert_int_equal(cast.bench.session.calls, 0);
    show(&cast.bench, 6, &cast.host, 0, 1);
    lone_run(cast.bench.node, 0);
    expect_via(&cast, &cast.team, NULL);
    expect_session_with(&cast, &cast.host); /* and what it says of its own db was not followed */
    assert_int_equal(lone_lookup_count, 2);
    assert_int_equal(cast.bench.node->bindings.count, 1);
    const struct binding *binding = binding_find(cast.bench.node, lone_text("team"));
    assert_non_null(binding);
    assert_memory_equal(binding_key(binding), cast.team.keys.identity, 32);
    bench_free(&cast.bench);
}

static void test_the_other_services_are_with_the_owner(void **state)
{
    (void)state;
    struct cast cast;
    cast_init(&cast, "");
    bench_open(&cast.bench, "team.web");
    show_enough(&cast, &cast.team);
    expect(&cast.bench, VX6_OK);
    assert_memory_equal(cast.bench.session.key, cast.team.keys.identity, 32);
    assert_int_equal(cast.bench.session.via_len, 0);
    bench_free(&cast.bench);
}

static void test_an_owner_without_an_address_is_enough(void **state)
{
    (void)state;
    struct cast cast;
    cast_init(&cast, "");
    owner_make(&cast.team, TEAM,
        (struct claim){.label = "team", .hosted = &cast.at_host, .has_no_address = true});
    bench_open(&cast.bench, "team.db");
    show_enough(&cast, &cast.team);
    show_enough(&cast, &cast.host);
    expect_session_with(&cast, &cast.host);
    bench_free(&cast.bench);
}

/* VX6-NAME-022: two that point at each other, and one that points at who asks. */
static void test_circles_end_after_one_step(void **state)
{
    (void)state;
    struct cast cast;
    cast_init(&cast, "");
    owner_make(&cast.host, HOST, (struct claim){.label = "host", .hosted = &cast.at_team});
    bench_open(&cast.bench, "team.db");
    show_enough(&cast, &cast.team);
    show_enough(&cast, &cast.host);
    expect_session_with(&cast, &cast.host);
    assert_int_equal(lone_lookup_count, 2);
    bench_free(&cast.bench);

    cast_init(&cast, "");
    owner_make(&cast.team, TEAM, (struct claim){.label = "team", .hosted = &cast.at_own});
    bench_open(&cast.bench, "team.db");
    show_enough(&cast, &cast.team);
    expect(&cast.bench, VX6_SELF);
    assert_int_equal(lone_lookup_count, 1);
    bench_free(&cast.bench);
}

static void test_rivals_of_the_name_are_an_error_before_any_host(void **state)
{
    (void)state;
    struct cast cast;
    struct owner mallory;
    cast_init(&cast, "");
    owner_make(&mallory, 9, (struct claim){.label = "team", .hosted = &cast.at_other});
    bench_open(&cast.bench, "team.db");
    show(&cast.bench, 0, &cast.team, 0, 2);
    show(&cast.bench, 0, &mallory, 1, 2);
    lone_run(cast.bench.node, VX6_SECOND);
    expect(&cast.bench, VX6_AMBIGUOUS);
    assert_int_equal(lone_lookup_count, 1);
    bench_free(&cast.bench);
}

/* VX6-NAME-024 */
static void test_a_host_that_is_not_there_has_its_reason(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool is_old, is_revoked, ends;
        uint8_t prefix;
        enum vx6_code lookup, code;
    } rows[] = {
        {.name = "nobody has it", .ends = true, .code = VX6_NO_HOST},
        {.name = "expired", .is_old = true, .ends = true, .code = VX6_NO_HOST},
        {.name = "revoked", .is_revoked = true, .code = VX6_REVOKED},
        {.name = "behind a narrower network",
            .prefix = 0xfd,
            .ends = true,
            .code = VX6_UNREACHABLE},
        {.name = "nobody to ask", .ends = true, .lookup = VX6_NO_PEERS, .code = VX6_NO_PEERS},
        {.name = "nothing happens", .code = VX6_TIMEOUT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cast cast;
        cast_init(&cast, "");
        bench_open(&cast.bench, "team.db");
        show_enough(&cast, &cast.team);
        owner_make(&cast.host, HOST,
            (struct claim){
                .label = "host", .prefix = rows[i].prefix, .age_s = rows[i].is_old ? 1800 : 0});
        if (rows[i].is_revoked)
            owner_bury(&cast.host, HOST, "host", NULL);
        if (rows[i].is_old || rows[i].is_revoked || rows[i].prefix)
            show(&cast.bench, 0, &cast.host, 0, 1);
        if (rows[i].ends)
            end_lookup(&cast.bench, rows[i].lookup);
        lone_run(cast.bench.node, 15 * VX6_SECOND);
        if (cast.bench.session.calls != 1 || cast.bench.session.code != rows[i].code)
            fail_msg("%s: %s", rows[i].name, vx6_code_name(cast.bench.session.code));
        bench_free(&cast.bench);
    }
}

/* VX6-NAME-015, VX6-NAME-023: whom the host has handed over to is as good, and nothing changes. */
static void test_a_host_that_has_another_key_now_is_found(void **state)
{
    (void)state;
    struct cast cast;
    cast_init(&cast, "");
    struct ancestry to_other = hand_over(&vx6_crypto_model, HOST, NULL, OTHER);
    owner_make(&cast.other, OTHER, (struct claim){.label = "host", .ancestry = &to_other});
    bench_open(&cast.bench, "team.db");
    show_enough(&cast, &cast.team);
    show(&cast.bench, 0, &cast.host, 0, 2);
    show(&cast.bench, 0, &cast.other, 1, 2);
    lone_run(cast.bench.node, 0);
    expect_session_with(&cast, &cast.other);
    expect_via(&cast, &cast.team, &cast.host);
    struct vx6_out out;
    assert_false(lone_output(cast.bench.node, &out));
    bench_free(&cast.bench);
}

/* VX6-NAME-025 */
static void test_where_it_is_is_asked_anew(void **state)
{
    (void)state;
    struct cast cast;
    cast_init(&cast, "");
    bench_open(&cast.bench, "team.db");
    show_enough(&cast, &cast.team);
    show_enough(&cast, &cast.host);
    expect_session_with(&cast, &cast.host);

    bench_open(&cast.bench, "team.db");
    lone_run(cast.bench.node, 0);
    expect_lookup(&cast, 3, &cast.team);
    show(&cast.bench, 0, &cast.team, 0, 1); /* as before; the host's bundle is known, too */
    lone_run(cast.bench.node, 0);
    expect_session_with(&cast, &cast.host);
    assert_int_equal(lone_lookup_count, 3);

    struct owner before = cast.team;
    owner_make(
        &cast.team, TEAM, (struct claim){.label = "team", .sequence = 2, .hosted = &cast.at_other});
    bench_open(&cast.bench, "team.db");
    show(&cast.bench, 0, &cast.team, 0, 1);
    lone_run(cast.bench.node, 0);
    expect_lookup(&cast, 5, &cast.other);
    show(&cast.bench, 0, &cast.other, 0, 1);
    lone_run(cast.bench.node, 0);
    expect_session_with(&cast, &cast.other);

    bench_open(&cast.bench, "team.db");
    show(&cast.bench, 0, &before, 0, 1); /* an old one of a holder that was away */
    lone_run(cast.bench.node, 0);
    expect_session_with(&cast, &cast.other);
    bench_free(&cast.bench);
}

/* VX6-NAME-025: what the registry has is used where nothing newer shows in time. */
static void test_a_service_that_became_hosted_is_found(void **state)
{
    (void)state;
    struct cast cast;
    cast_init(&cast, "");
    struct owner now = cast.team;
    owner_make(&cast.team, TEAM, (struct claim){.label = "team"});
    bench_open(&cast.bench, "team.web");
    show_enough(&cast, &cast.team);
    expect(&cast.bench, VX6_OK);

    bench_open(&cast.bench, "team.db"); /* which may be private, or elsewhere */
    lone_run(cast.bench.node, 499 * VX6_MILLISECOND);
    expect_lookup(&cast, 2, &cast.team);
    lone_run(cast.bench.node, VX6_MILLISECOND);
    expect(&cast.bench, VX6_OK);
    assert_memory_equal(cast.bench.session.key, cast.team.keys.identity, 32);

    owner_make(&now, TEAM, (struct claim){.label = "team", .sequence = 2, .hosted = &cast.at_host});
    bench_open(&cast.bench, "team.db");
    show(&cast.bench, 0, &now, 0, 1);
    lone_run(cast.bench.node, 0);
    expect_lookup(&cast, 4, &cast.host);
    show(&cast.bench, 0, &cast.host, 0, 1);
    lone_run(cast.bench.node, 0);
    expect_session_with(&cast, &cast.host);
    bench_open(&cast.bench, "team.web");
    lone_run(cast.bench.node, 0);
    expect(&cast.bench, VX6_OK); /* at once */
    assert_int_equal(lone_lookup_count, 4);
    bench_free(&cast.bench);
}

/* Its address did not answer: the host is looked up afresh, and an older record is not believed. */
static void test_a_host_at_a_dead_address_is_looked_up_afresh(void **state)
{
    (void)state;
    struct cast cast;
    cast_init(&cast, "");
    bench_open(&cast.bench, "team.db");
    show_enough(&cast, &cast.team);
    show_enough(&cast, &cast.host);
    resolve_forget(cast.bench.node, cast.host.keys.identity);
    bench_open(&cast.bench, "team.db");
    show(&cast.bench, 0, &cast.team, 0, 1);
    lone_run(cast.bench.node, 0);
    expect_lookup(&cast, 4, &cast.host);
    bench_free(&cast.bench);
}

/* The candidates of a driver: the owner, then the host. */
static void test_a_driver_is_shown_both(void **state)
{
    (void)state;
    struct cast cast;
    struct vx6_out out;
    uint8_t keys[64][32];
    cast_init(&cast, "");
    (void)start_op(&cast.bench, "team.db");
    show_enough(&cast, &cast.team);
    show_enough(&cast, &cast.host);
    assert_int_equal(drain_op(&cast.bench, keys, &out), 2);
    assert_memory_equal(keys[0], cast.team.keys.identity, 32);
    assert_memory_equal(keys[1], cast.host.keys.identity, 32);
    assert_int_equal(out.code, VX6_OK);
    assert_memory_equal(out.key, cast.team.keys.identity, 32);
    assert_int_equal(out.peer.ip[15], HOST);
    assert_int_equal(out.queries, 10); /* of both lookups */
    assert_int_equal(cast.bench.node->bindings.count, 0);

    (void)start_op(&cast.bench, "team");
    show_enough(&cast, &cast.team);
    assert_int_equal(drain_op(&cast.bench, keys, &out), 1);
    bench_free(&cast.bench);

    cast_init(&cast, "");
    (void)start_op(&cast.bench, "team.db");
    show_enough(&cast, &cast.team);
    end_lookup(&cast.bench, VX6_OK);
    lone_run(cast.bench.node, 0);
    assert_int_equal(drain_op(&cast.bench, keys, &out), 1);
    assert_int_equal(out.code, VX6_NO_HOST);
    bench_free(&cast.bench);
}

static void test_the_owner_itself_goes_to_the_host(void **state)
{
    (void)state;
    struct cast cast;
    struct vx6_out out;
    uint8_t keys[64][32];
    enum vx6_code code;
    cast_init(&cast, "me");
    lone_hosted[0] = cast.at_host;
    lone_hosted_count = 1;
    bench_open(&cast.bench, "me.db");
    expect_lookup(&cast, 1, &cast.host);
    show_enough(&cast, &cast.host);
    expect_session_with(&cast, &cast.host);
    assert_memory_equal(cast.bench.session.via, cast.bench.node->keys.identity, 32);
    assert_int_equal(cast.bench.node->bindings.count, 0);
    struct vx6_name name = {.label = lone_text("me"), .service = lone_text("web")};
    assert_null(resolve_for_session(cast.bench.node, &name, &cast.bench.session, &code));
    assert_int_equal(code, VX6_SELF);

    (void)start_op(&cast.bench, "me.db");
    show_enough(&cast, &cast.host);
    assert_int_equal(drain_op(&cast.bench, keys, &out), 2);
    assert_memory_equal(keys[0], cast.bench.node->keys.identity, 32);
    assert_memory_equal(keys[1], cast.host.keys.identity, 32);
    bench_free(&cast.bench);
}

static void test_without_memory_nothing_is_left(void **state)
{
    (void)state;
    enum vx6_code code = VX6_NOMEM;
    for (uint64_t n = 1; code != VX6_OK; n++) {
        struct cast cast;
        struct vx6_out out;
        uint8_t keys[64][32];
        vx6_id id;
        assert_in_range(n, 1, 60);
        cast_init(&cast, "");
        lone_memory.fail_at = lone_memory.requests + n;
        code = resolve_for_driver(cast.bench.node, lone_text("team.db"), &id);
        if (code == VX6_OK) {
            show_enough(&cast, &cast.team);
            if (last_lookup()->running)
                show_enough(&cast, &cast.host);
            if (last_lookup()->running)
                end_lookup(&cast.bench, VX6_OK);
            lone_run(cast.bench.node, VX6_SECOND);
            if (last_lookup()->running) {
                show_enough(&cast, &cast.host);
                lone_run(cast.bench.node, VX6_SECOND);
            }
            uint32_t shown = drain_op(&cast.bench, keys, &out);
            code = out.code;
            assert_true(shown == 2 || code != VX6_OK);
        }
        bench_free(&cast.bench);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_hosted_service_is_with_its_host_and_nobody_else_is_bound),
        cmocka_unit_test(test_the_other_services_are_with_the_owner),
        cmocka_unit_test(test_an_owner_without_an_address_is_enough),
        cmocka_unit_test(test_circles_end_after_one_step),
        cmocka_unit_test(test_rivals_of_the_name_are_an_error_before_any_host),
        cmocka_unit_test(test_a_host_that_is_not_there_has_its_reason),
        cmocka_unit_test(test_a_host_that_has_another_key_now_is_found),
        cmocka_unit_test(test_where_it_is_is_asked_anew),
        cmocka_unit_test(test_a_service_that_became_hosted_is_found),
        cmocka_unit_test(test_a_host_at_a_dead_address_is_looked_up_afresh),
        cmocka_unit_test(test_a_driver_is_shown_both),
        cmocka_unit_test(test_the_owner_itself_goes_to_the_host),
        cmocka_unit_test(test_without_memory_nothing_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
