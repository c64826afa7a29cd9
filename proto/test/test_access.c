/* SPDX-License-Identifier: MIT */
/* Who may use a service: public, listed, private; and what becomes of those who may no longer.
 * VX6-SESS-003, VX6-SESS-025. */
#include "session_pair.h"

static const uint8_t client_key[32] =
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"; /* as world_setup has it */

static struct vx6_node *owner(void)
{
    return &world.nodes[1];
}

static void offer(enum exposure exposure)
{
    assert_int_equal(service_add(owner(), text("web"), exposure), VX6_OK);
}

static void allow(void)
{
    assert_int_equal(service_allow(owner(), text("web"), client_key, (vx6_span){0}), VX6_OK);
}

/* Opens a session, to `id`; the code that the client hears, OK when it is up. */
static enum vx6_code try_to(vx6_id *id)
{
    uint32_t ups = seen_count(0, VX6_OUT_SESSION_UP), downs = seen_count(0, VX6_OUT_SESSION_DOWN);
    assert_int_equal(ask_for("web", id), VX6_OK);
    links_up();
    settle();
    if (seen_count(0, VX6_OUT_SESSION_UP) > ups)
        return VX6_OK;
    assert_int_equal(seen_count(0, VX6_OUT_SESSION_DOWN), downs + 1);
    return seen(0, VX6_OUT_SESSION_DOWN, downs)->code;
}

static enum vx6_code try(void)
{
    vx6_id id;
    return try_to(&id);
}

static void test_who_is_not_allowed_is_refused(void **state)
{
    (void)state;
    static const struct {
        enum exposure exposure;
        bool is_allowed;
        enum vx6_code code;
    } rows[] = {
        {EXPOSURE_PUBLIC, false, VX6_OK},
        {EXPOSURE_PUBLIC, true, VX6_OK},
        {EXPOSURE_LISTED, false, VX6_NOT_ALLOWED},
        {EXPOSURE_LISTED, true, VX6_OK},
        {EXPOSURE_PRIVATE, false, VX6_NO_SERVICE},
        {EXPOSURE_PRIVATE, true, VX6_OK},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        world_teardown(state);
        world_setup(state);
        offer(rows[i].exposure);
        if (rows[i].is_allowed)
            allow();
        enum vx6_code code = try();
        if (code != rows[i].code)
            fail_msg("row %zu: %s", i, vx6_code_name(code));
        assert_int_equal(world.nodes[1].sessions.count, code == VX6_OK ? 1 : 0);
    }
}

/* The driver, which would connect to the local program, hears of nobody who is refused. */
static void test_the_local_service_never_hears_of_the_refused(void **state)
{
    (void)state;
    vx6_id ids[SIDES];
    offer(EXPOSURE_LISTED);
    vx6_id id;
    assert_int_equal(ask_for("web", &id), VX6_OK);
    struct session *session = slots_get(&world.nodes[0].slots, SLOT_SESSION, id);
    assert_int_equal(stream_open(&world.nodes[0], session, &ids[0]), VX6_OK); /* before an answer */
    links_up();
    settle();
    assert_int_equal(seen(0, VX6_OUT_SESSION_DOWN, 0)->code, VX6_NOT_ALLOWED);
    assert_int_equal(world.log_count[1], 0);
}

static void test_a_private_service_is_in_no_list(void **state)
{
    (void)state;
    vx6_span names[4];
    static const char *const labels[] = {"a", "b", "c"};
    for (int i = 0; i < 3; i++)
        assert_int_equal(service_add(owner(), text(labels[i]), (enum exposure)i), VX6_OK);
    assert_int_equal(service_names(owner(), names, 4), 2);
    assert_memory_equal(names[0].data, "a", 1);
    assert_memory_equal(names[1].data, "b", 1);
    uint32_t published = world.published;
    assert_int_equal(service_add(owner(), text("c"), EXPOSURE_LISTED), VX6_OK);
    assert_int_equal(service_names(owner(), names, 4), 3);
    assert_int_equal(world.published, published + 1);
}

/* The stream that is open ends on both sides, then the session. */
static void test_taking_a_key_off_ends_its_sessions_at_once(void **state)
{
    static const enum vx6_code codes[] = {
        [EXPOSURE_LISTED] = VX6_NOT_ALLOWED, [EXPOSURE_PRIVATE] = VX6_NO_SERVICE};
    for (int exposure = EXPOSURE_LISTED; exposure <= EXPOSURE_PRIVATE; exposure++) {
        vx6_id id, ids[SIDES];
        world_teardown(state);
        world_setup(state);
        offer((enum exposure)exposure);
        allow();
        assert_int_equal(try_to(&id), VX6_OK);
        open_stream(slots_get(&world.nodes[0].slots, SLOT_SESSION, id), ids);
        assert_int_equal(service_deny(owner(), text("web"), client_key), VX6_OK);
        settle();
        for (int side = 0; side < SIDES; side++)
            assert_int_equal(seen(side, VX6_OUT_STREAM_CLOSED, 0)->code, codes[exposure]);
        assert_int_equal(seen(0, VX6_OUT_SESSION_DOWN, 0)->code, codes[exposure]);
        assert_int_equal(world.nodes[1].sessions.count, 0);
        assert_int_equal(try(), codes[exposure]);
        allow();
        assert_int_equal(try(), VX6_OK);
    }
}

static void test_closing_a_service_to_others_ends_their_sessions(void **state)
{
    (void)state;
    offer(EXPOSURE_PUBLIC);
    (void)join();
    offer(EXPOSURE_PRIVATE);
    settle();
    assert_int_equal(seen(0, VX6_OUT_SESSION_DOWN, 0)->code, VX6_NO_SERVICE);
    allow();
    assert_int_equal(try(), VX6_OK);
    offer(EXPOSURE_LISTED); /* the key is still allowed */
    offer(EXPOSURE_PUBLIC);
    offer(EXPOSURE_PRIVATE);
    settle();
    assert_int_equal(world.nodes[1].sessions.count, 1);
}

static void test_a_service_that_returns_has_forgotten_its_keys(void **state)
{
    (void)state;
    offer(EXPOSURE_PRIVATE);
    allow();
    assert_int_equal(service_remove(owner(), text("web")), VX6_OK);
    assert_int_equal(service_allow(owner(), text("web"), client_key, (vx6_span){0}), VX6_STALE);
    offer(EXPOSURE_PRIVATE);
    assert_int_equal(try(), VX6_NO_SERVICE);
}

static void test_the_keys_of_a_service_are_sorted_and_bounded(void **state)
{
    (void)state;
    enum {
        KEYS = 40
    };
    world.limits.service_allow_max = KEYS;
    offer(EXPOSURE_PRIVATE);
    for (uint32_t i = 0; i < KEYS; i++) {
        const uint8_t key[32] = {(uint8_t)(1 + i * 7 % KEYS)};
        assert_int_equal(service_allow(owner(), text("web"), key, (vx6_span){0}), VX6_OK);
        assert_int_equal(service_allow(owner(), text("web"), key, (vx6_span){0}), VX6_OK);
    }
    assert_int_equal(service_allow(owner(), text("web"), client_key, (vx6_span){0}), VX6_LIMIT);
    for (uint8_t i = 1; i <= KEYS; i++) {
        const uint8_t key[32] = {i};
        assert_int_equal(service_admits(owner(), text("web"), key), VX6_OK);
        if (i % 2 == 0)
            assert_int_equal(service_deny(owner(), text("web"), key), VX6_OK);
    }
    for (uint8_t i = 1; i <= KEYS; i++) {
        const uint8_t key[32] = {i};
        enum vx6_code code = service_admits(owner(), text("web"), key);
        assert_int_equal(code, i % 2 ? VX6_OK : VX6_NO_SERVICE);
        assert_int_equal(service_deny(owner(), text("web"), key), i % 2 ? VX6_OK : VX6_STALE);
    }
    const uint8_t zero[32] = {0};
    assert_int_equal(service_allow(owner(), text("web"), zero, (vx6_span){0}), VX6_INVALID);
    assert_int_equal(service_allow(owner(), text("W"), client_key, (vx6_span){0}), VX6_INVALID);
    assert_int_equal(service_deny(owner(), text("W"), client_key), VX6_INVALID);
}

/* VX6-SESS-003, VX6-REC-026: it is said where it is, and nobody gets it here. */
static void test_what_another_node_hosts_is_not_here(void **state)
{
    (void)state;
    uint8_t host[32];
    struct vx6_hosted hosted[4];
    vx6_span names[4];
    uint32_t published = world.published;
    assert_int_equal(service_add_hosted(owner(), text("web"), key_of(7)), VX6_OK);
    assert_int_equal(world.published, published + 1);
    assert_int_equal(try(), VX6_NO_SERVICE);
    assert_int_equal(service_allow(owner(), text("web"), client_key, (vx6_span){0}), VX6_INVALID);
    assert_int_equal(service_names(owner(), names, 4), 0);
    assert_int_equal(services_hosted(owner(), hosted, 4), 1);
    assert_memory_equal(hosted[0].host, key_of(7), 32);
    assert_int_equal(service_add_hosted(owner(), text("web"), key_of(8)), VX6_OK); /* it moved */
    assert_true(service_host(owner(), text("web"), host));
    assert_memory_equal(host, key_of(8), 32);
    assert_int_equal(service_remove(owner(), text("web")), VX6_OK);
    assert_false(service_host(owner(), text("web"), host));
}

static void test_a_service_is_here_or_elsewhere(void **state)
{
    (void)state;
    const uint8_t zero[32] = {0};
    offer(EXPOSURE_PUBLIC);
    assert_int_equal(service_add_hosted(owner(), text("web"), key_of(7)), VX6_INVALID);
    assert_int_equal(try(), VX6_OK);
    assert_int_equal(service_add_hosted(owner(), text("db"), key_of(7)), VX6_OK);
    assert_int_equal(service_add(owner(), text("db"), EXPOSURE_PUBLIC), VX6_INVALID);
    assert_int_equal(service_add_hosted(owner(), text("api"), owner()->keys.identity), VX6_SELF);
    assert_int_equal(service_add_hosted(owner(), text("api"), zero), VX6_INVALID);
    assert_int_equal(service_add_hosted(owner(), text("Api"), key_of(7)), VX6_INVALID);
    assert_int_equal(owner()->sessions.service_count, 2);
}

/* 0: nowhere. */
static void check_host(uint8_t number)
{
    uint8_t host[32];
    assert_int_equal(service_host(owner(), text("web"), host), number > 0);
    if (number > 0)
        assert_memory_equal(host, key_of(number), 32);
}

/* Neither hosted at first, nor moved. */
static void test_without_memory_a_service_stays_where_it_is(void **state)
{
    (void)state;
    uint8_t host = 0;
    for (uint64_t fail_at = 1; host < 2; fail_at++) {
        world.memory.fail_at = world.memory.requests + fail_at;
        enum vx6_code code = service_add_hosted(owner(), text("web"), key_of(host + 1));
        if (code == VX6_OK) {
            assert_true(fail_at > 1);
            host++;
            fail_at = 0;
        } else {
            assert_int_equal(code, VX6_NOMEM);
        }
        check_host(host);
    }
    world.memory.fail_at = 0;
}

/* 16 in all, here or elsewhere; and no more than there is room for in the record. */
static void test_what_is_elsewhere_is_bounded(void **state)
{
    (void)state;
    char name[] = "a";
    world.hosted_room = 12;
    for (int i = 0; i < 12; i++, name[0]++)
        assert_int_equal(service_add_hosted(owner(), text(name), key_of(7)), VX6_OK);
    assert_int_equal(service_add_hosted(owner(), text(name), key_of(7)), VX6_LIMIT);
    assert_int_equal(owner()->sessions.service_count, 12);
    world.hosted_room = 100;
    for (int i = 12; i < 16; i++, name[0]++)
        assert_int_equal(service_add_hosted(owner(), text(name), key_of(7)), VX6_OK);
    assert_int_equal(service_add_hosted(owner(), text("z"), key_of(7)), VX6_LIMIT);
    assert_int_equal(service_add(owner(), text("z"), EXPOSURE_PUBLIC), VX6_LIMIT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_who_is_not_allowed_is_refused),
        TEST(test_the_local_service_never_hears_of_the_refused),
        TEST(test_a_private_service_is_in_no_list),
        TEST(test_taking_a_key_off_ends_its_sessions_at_once),
        TEST(test_closing_a_service_to_others_ends_their_sessions),
        TEST(test_a_service_that_returns_has_forgotten_its_keys),
        TEST(test_what_another_node_hosts_is_not_here),
        TEST(test_a_service_is_here_or_elsewhere),
        TEST(test_without_memory_a_service_stays_where_it_is),
        TEST(test_what_is_elsewhere_is_bounded),
        TEST(test_the_keys_of_a_service_are_sorted_and_bounded),
    };
    return run_over_both_carriers(tests);
}
