/* SPDX-License-Identifier: MIT */
/* Sessions and paths: who may open what, how it ends, and what the driver hears in which order. */
#include "session_pair.h"

static struct vx6_msg msg_open(uint32_t path, uint8_t privacy, const char *service)
{
    struct vx6_msg msg = {.type = VX6_MSG_session_open};
    msg.u.session_open =
        (struct vx6_session_open){.path = path, .privacy = privacy, .service = text(service)};
    return msg;
}

static struct vx6_msg msg_close(uint32_t path, enum vx6_code code)
{
    struct vx6_msg msg = {.type = VX6_MSG_session_close};
    msg.u.session_close = (struct vx6_session_close){.path = path, .code = (uint16_t)code};
    return msg;
}

static void expect_first_down(enum vx6_code code)
{
    const struct seen *down = seen(0, VX6_OUT_SESSION_DOWN, 0);
    assert_ptr_not_equal(down, &nothing);
    assert_int_equal(down->code, code);
    assert_null(slots_get(&world.nodes[0].slots, SLOT_SESSION, down->id));
}

static void expect_down(enum vx6_code code)
{
    expect_first_down(code);
    assert_int_equal(world.nodes[0].sessions.count, 0);
}

/* VX6-SESS-008 */
static void test_both_ends_make_the_same_secret(void **state)
{
    (void)state;
    struct session *client = join(), *owner = owner_session();
    assert_int_equal(seen_count(0, VX6_OUT_SESSION_UP), 1);
    assert_int_equal(seen_count(1, VX6_OUT_SESSION_UP), 0);
    assert_memory_equal(client->secret, owner->secret, 32);
    assert_memory_equal(client->session_id, owner->session_id, 16);
    assert_false(is_zero(client->secret, 32));
    assert_false(is_zero(client->session_id, 16));
    assert_true(is_zero(client->random, 32));
    assert_true(is_zero(owner->random, 32));
    assert_int_equal(client->key[0], 'B');
    assert_int_equal(owner->key[0], 'A');
}

/* VX6-SESS-002 */
static void test_two_sessions_share_a_link(void **state)
{
    (void)state;
    struct session *first = join();
    vx6_id id;
    assert_int_equal(ask_for("web", &id), VX6_OK);
    settle();
    struct session *second = slots_get(&world.nodes[0].slots, SLOT_SESSION, id);
    assert_int_equal(second->state, SESSION_UP);
    assert_ptr_equal(first->path->link, second->path->link);
    assert_int_equal(first->path->id, 1);
    assert_int_equal(second->path->id, 3);
    assert_memory_not_equal(first->secret, second->secret, 32);
    session_close(&world.nodes[0], first, VX6_OK);
    settle();
    assert_int_equal(world.nodes[1].sessions.count, 1);
    assert_int_equal(second->state, SESSION_UP);
}

/* VX6-SESS-003 */
static void test_an_unknown_service_is_refused_with_its_reason(void **state)
{
    (void)state;
    vx6_id id;
    assert_int_equal(ask_for("web", &id), VX6_OK);
    links_up();
    settle();
    expect_down(VX6_NO_SERVICE);
    assert_int_equal(seen_count(0, VX6_OUT_SESSION_UP), 0);
    assert_non_null(link_of(0));
}

static void test_commands_are_checked(void **state)
{
    (void)state;
    struct vx6_in in = {.kind = VX6_IN_SESSION_OPEN, .data = (const uint8_t *)"bob", .len = 3};
    vx6_id id = {0};
    assert_int_equal(session_open(&world.nodes[0], &in, &id), VX6_INVALID);
    in.data = (const uint8_t *)"-b.web";
    in.len = 6;
    assert_int_equal(session_open(&world.nodes[0], &in, &id), VX6_INVALID);
    assert_int_equal(ask_for("a.b", &id), VX6_INVALID);
    assert_int_equal(ask_for("", &id), VX6_INVALID);
    in = (struct vx6_in){.peer = {.port = 1}, .data = (const uint8_t *)"web", .len = 3};
    memset(in.key, 'A', sizeof in.key);
    assert_int_equal(session_open(&world.nodes[0], &in, &id), VX6_SELF);
    assert_int_equal(id.bits, 0);
}

static void test_streams_are_opened_by_the_client_of_a_live_session(void **state)
{
    (void)state;
    struct session *session = join();
    vx6_id id = {0};
    assert_int_equal(stream_open(&world.nodes[1], owner_session(), &id), VX6_INVALID);
    session->stream_last = UINT32_MAX; /* there are no more numbers */
    assert_int_equal(stream_open(&world.nodes[0], session, &id), VX6_INVALID);
    session_close(&world.nodes[0], session, VX6_OK);
    assert_int_equal(session->state, SESSION_CLOSED);
    assert_int_equal(stream_open(&world.nodes[0], session, &id), VX6_STALE);
    assert_int_equal(id.bits, 0);
    settle();
}

static void test_services_are_sorted_and_bounded(void **state)
{
    (void)state;
    struct vx6_node *node = &world.nodes[1];
    static const char *const names[] = {"web2", "ssh", "a"};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(service_add(node, text(names[i]), EXPOSURE_PUBLIC), VX6_OK);
    vx6_span web = {(const uint8_t *)"web9", 3}; /* what lies behind a name is no part of it */
    assert_int_equal(service_add(node, web, EXPOSURE_PUBLIC), VX6_OK);
    assert_int_equal(service_add(node, text("ssh"), EXPOSURE_PUBLIC), VX6_OK);
    assert_int_equal(service_add(node, text("S"), EXPOSURE_PUBLIC), VX6_INVALID);
    vx6_span list[8];
    assert_int_equal(service_names(node, list, 8), 4);
    static const char *const sorted[] = {"a", "ssh", "web", "web2"};
    for (size_t i = 0; i < 4; i++)
        assert_true(span_equal(list[i], text(sorted[i])));
    assert_int_equal(world.published, 4);
    assert_int_equal(service_remove(node, text("none")), VX6_STALE);
    assert_int_equal(service_remove(node, text("ssh")), VX6_OK);
    assert_int_equal(service_names(node, list, 2), 2);
    world.limits.service_max = 3;
    assert_int_equal(service_add(node, text("x"), EXPOSURE_PUBLIC), VX6_LIMIT);
}

static void test_removing_a_service_ends_its_sessions(void **state)
{
    (void)state;
    struct session *session = join();
    vx6_id ids[SIDES];
    open_stream(session, ids);
    assert_int_equal(service_remove(&world.nodes[1], text("web")), VX6_OK);
    settle();
    assert_int_equal(seen(0, VX6_OUT_STREAM_CLOSED, 0)->code, VX6_NO_SERVICE);
    assert_int_equal(seen(1, VX6_OUT_STREAM_CLOSED, 0)->code, VX6_NO_SERVICE);
    expect_down(VX6_NO_SERVICE);
    assert_int_equal(world.nodes[1].sessions.count, 0);
}

/* VX6-SESS-004, VX6-SESS-005, VX6-SESS-006: rows of what a peer may not say about paths. */
static void test_paths_are_numbered_by_role_and_rise(void **state)
{
    (void)state;
    join();
    static const struct {
        const char *what;
        int side;
        uint32_t path;
        enum vx6_code expected;
    } opens[] = {
        {"a number of the owner's half", 1, 2, VX6_UNEXPECTED},
        {"a number that lives", 1, 1, VX6_UNEXPECTED},
        {"a number that was never used", 1, 7, VX6_OK},
        {"a number that was jumped over", 1, 5, VX6_UNEXPECTED},
        {"the other way", 0, 2, VX6_OK},
        {"the client's half from the owner", 0, 9, VX6_UNEXPECTED},
    };
    for (size_t i = 0; i < sizeof opens / sizeof opens[0]; i++) {
        struct vx6_msg msg = msg_open(opens[i].path, 1, "web");
        if (feed(opens[i].side, &msg) != opens[i].expected)
            fail_msg("%s", opens[i].what);
    }
    struct vx6_msg close = msg_close(9, VX6_OK);
    assert_int_equal(feed(1, &close), VX6_UNEXPECTED);
    close = msg_close(5, VX6_OK);
    assert_int_equal(feed(1, &close), VX6_OK);
}

/* VX6-SESS-005 */
static void test_a_direct_path_carries_no_other_privacy_class(void **state)
{
    (void)state;
    join();
    for (uint8_t privacy = 2; privacy <= 3; privacy++) {
        struct vx6_msg msg = msg_open(11, privacy, "web");
        assert_int_equal(feed(1, &msg), VX6_UNEXPECTED);
    }
    assert_int_equal(world.nodes[1].sessions.count, 1);
}

/* VX6-SESS-006 */
static void test_frames_that_crossed_a_close_are_late_not_wrong(void **state)
{
    (void)state;
    struct session *session = join();
    vx6_id ids[SIDES];
    open_stream(session, ids);
    uint32_t path = session->path->id;
    session_close(&world.nodes[0], session, VX6_OK);
    settle();
    struct vx6_msg late = {.type = VX6_MSG_stream_reset};
    late.u.stream_reset = (struct vx6_stream_reset){path, 1, VX6_RESET};
    assert_int_equal(feed(0, &late), VX6_OK);
    assert_int_equal(feed(1, &late), VX6_OK);
    late.u.stream_reset.path = path + 2;
    assert_int_equal(feed(0, &late), VX6_UNEXPECTED);
    assert_int_equal(feed(1, &late), VX6_UNEXPECTED);
}

/* VX6-SESS-001, VX6-SESS-007 */
static void test_frames_come_in_the_right_state_and_role(void **state)
{
    (void)state;
    struct session *session = join();
    vx6_id id;
    struct vx6_msg opened = {.type = VX6_MSG_session_opened};
    opened.u.session_opened.path = session->path->id;
    assert_int_equal(feed(0, &opened), VX6_UNEXPECTED);
    assert_int_equal(feed(1, &opened), VX6_UNEXPECTED);
    struct vx6_msg open = {.type = VX6_MSG_stream_open};
    open.u.stream_open = (struct vx6_stream_open){session->path->id, 1, 100};
    assert_int_equal(feed(0, &open), VX6_UNEXPECTED);
    assert_int_equal(ask_for("web", &id), VX6_OK);
    struct vx6_msg close = msg_close(session->path->id + 2, VX6_OK);
    assert_int_equal(feed(0, &close), VX6_UNEXPECTED);
    struct vx6_msg probe = {.type = VX6_MSG_link_probe};
    assert_int_equal(feed(0, &probe), VX6_UNEXPECTED);
}

/* VX6-SESS-019 */
static void test_S6_a_lost_link_ends_streams_before_their_session(void **state)
{
    (void)state;
    struct session *session = join();
    vx6_id ids[SIDES];
    open_stream(session, ids);
    open_stream(session, ids);
    link_kill(link_of(0), VX6_TIMEOUT);
    settle();
    const struct seen *log = &world.log[0][world.log_count[0] - 3];
    assert_int_equal(log[0].kind, VX6_OUT_STREAM_CLOSED);
    assert_int_equal(log[1].kind, VX6_OUT_STREAM_CLOSED);
    assert_int_equal(log[2].kind, VX6_OUT_SESSION_DOWN);
    for (int i = 0; i < 3; i++)
        assert_int_equal(log[i].code, VX6_TIMEOUT);
    assert_int_equal(seen_count(1, VX6_OUT_STREAM_CLOSED), 2);
    assert_int_equal(world.nodes[1].sessions.count, 0);
}

static void test_a_session_closed_by_its_driver_says_so(void **state)
{
    (void)state;
    struct session *session = join();
    vx6_id ids[SIDES];
    open_stream(session, ids);
    session_close(&world.nodes[0], session, VX6_OK);
    settle();
    assert_int_equal(seen(0, VX6_OUT_STREAM_CLOSED, 0)->code, VX6_CANCELLED);
    assert_int_equal(seen(1, VX6_OUT_STREAM_CLOSED, 0)->code, VX6_RESET);
    expect_down(VX6_OK);
    for (const struct link *link = world.links; link; link = link->next)
        assert_int_equal(link->users, 0);
}

/* VX6-SESS-007 */
static void test_an_owner_that_stays_silent_is_given_up(void **state)
{
    (void)state;
    vx6_id id;
    assert_int_equal(ask_for("web", &id), VX6_OK);
    links_up();
    world.nodes[0].now += 10001 * VX6_MILLISECOND;
    enum timer_kind kind;
    struct timer *timer;
    assert_true(timer_pop(&world.nodes[0].timers, world.nodes[0].now, &kind, &timer));
    session_timer(&world.nodes[0], timer);
    settle();
    expect_down(VX6_TIMEOUT);
}

static void test_shutdown_ends_all(void **state)
{
    (void)state;
    struct session *session = join();
    vx6_id ids[SIDES];
    open_stream(session, ids);
    world.nodes[1].shutting_down = true;
    sessions_shutdown(&world.nodes[1]);
    settle();
    expect_down(VX6_SHUTDOWN);
    vx6_id id;
    assert_int_equal(ask_for("web", &id), VX6_OK);
    settle();
    assert_int_equal(seen(0, VX6_OUT_SESSION_DOWN, 1)->code, VX6_SHUTDOWN);
}

/* VX6-SESS-020 */
static void test_sessions_are_bounded_at_both_ends(void **state)
{
    (void)state;
    world.limits.session_max = 3;
    join();
    vx6_id id;
    assert_int_equal(ask_for("web", &id), VX6_OK);
    assert_int_equal(ask_for("web", &id), VX6_OK);
    assert_int_equal(ask_for("web", &id), VX6_LIMIT);
    settle();
    assert_int_equal(world.nodes[1].sessions.count, 3);
    /* A client with larger limits is refused, one that does not wait for refusals is cut off. */
    world.limits.session_max = 5;
    assert_int_equal(ask_for("web", &id), VX6_OK);
    world.limits.session_max = 4;
    struct vx6_msg msg = msg_open(21, 1, "web");
    assert_int_equal(feed(1, &msg), VX6_OK);
    msg.u.session_open.path = 23;
    assert_int_equal(feed(1, &msg), VX6_LIMIT);
}

static void test_one_peer_cannot_take_all_sessions(void **state)
{
    (void)state;
    world.limits.session_per_link_max = 2;
    join();
    vx6_id id;
    assert_int_equal(ask_for("web", &id), VX6_OK);
    assert_int_equal(ask_for("web", &id), VX6_OK);
    settle();
    expect_first_down(VX6_LIMIT);
    assert_int_equal(world.nodes[1].sessions.count, 2);
}

/* VX6-SESS-019: a link that its peer closes with OK has not made a session end well. */
static void test_a_link_that_ends_with_ok_is_no_success(void **state)
{
    (void)state;
    vx6_id id;
    assert_int_equal(ask_for("web", &id), VX6_OK);
    link_kill(link_of(0), VX6_OK);
    settle();
    expect_down(VX6_UNREACHABLE);
}

/* VX6-SESS-020: what peers take never keeps a node from being a client itself. */
static void test_peers_leave_a_quarter_of_the_sessions_to_the_node_itself(void **state)
{
    (void)state;
    world.limits.session_max = 8;
    join();
    vx6_id id;
    for (uint32_t i = 0; i < 7; i++)
        assert_int_equal(ask_for("web", &id), VX6_OK);
    settle();
    assert_int_equal(world.nodes[1].sessions.count, 6);
    assert_int_equal(seen(0, VX6_OUT_SESSION_DOWN, 0)->code, VX6_LIMIT);
}

/* Names: resolve.c answers later, here by the test's hand. */
static struct session *resolve_begin(vx6_id *id)
{
    struct vx6_in in = {.data = (const uint8_t *)"bob.web", .len = 7};
    assert_int_equal(service_add(&world.nodes[1], text("web"), EXPOSURE_PUBLIC), VX6_OK);
    assert_int_equal(session_open(&world.nodes[0], &in, id), VX6_OK);
    assert_non_null(world.resolving);
    return world.resolving;
}

static const uint8_t key_of_bob[32] = {'B'};
static const vx6_addr addr_of_bob = {.ip = {0x20, 1}, .port = 4242};

static void test_a_name_is_resolved_first(void **state)
{
    (void)state;
    vx6_id id;
    struct session *session = resolve_begin(&id);
    session_resolved(&world.nodes[0], session, VX6_OK, key_of_bob, (vx6_span){0}, &addr_of_bob);
    links_up();
    settle();
    assert_int_equal(seen_count(0, VX6_OUT_SESSION_UP), 1);
}

/* A hint may fit another key the next time. VX6-NAME-014 */
static void test_a_name_that_leads_to_another_key_than_was_said_leads_nowhere(void **state)
{
    (void)state;
    for (int is_same = 0; is_same < 2; is_same++) {
        world_teardown(state);
        world_setup(state);
        struct vx6_in in = {.data = (const uint8_t *)"bob.web", .len = 7, .key = {'B', !is_same}};
        vx6_id id;
        assert_int_equal(service_add(&world.nodes[1], text("web"), EXPOSURE_PUBLIC), VX6_OK);
        assert_int_equal(session_open(&world.nodes[0], &in, &id), VX6_OK);
        session_resolved(
            &world.nodes[0], world.resolving, VX6_OK, key_of_bob, (vx6_span){0}, &addr_of_bob);
        if (is_same)
            links_up();
        settle();
        assert_int_equal(seen_count(0, VX6_OUT_SESSION_UP), is_same);
        if (!is_same)
            expect_down(VX6_KEY_MISMATCH);
    }
}

static void test_a_name_that_is_not_found_ends_the_session(void **state)
{
    (void)state;
    vx6_id id;
    struct session *session = resolve_begin(&id);
    session_resolved(&world.nodes[0], session, VX6_NOT_FOUND, NULL, (vx6_span){0}, NULL);
    settle();
    expect_down(VX6_NOT_FOUND);
}

static void test_closing_cancels_the_resolve(void **state)
{
    (void)state;
    vx6_id id;
    session_close(&world.nodes[0], resolve_begin(&id), VX6_OK);
    assert_null(world.resolving);
    settle();
    expect_down(VX6_OK);
}

/* VX6-SESS-019 */
static void test_a_dead_address_is_resolved_once_more(void **state)
{
    (void)state;
    vx6_id id;
    struct session *session = resolve_begin(&id);
    for (uint32_t i = 1; i <= 2; i++) {
        session_resolved(&world.nodes[0], session, VX6_OK, key_of_bob, (vx6_span){0}, &addr_of_bob);
        world.resolving = NULL;
        link_kill(link_of(0), VX6_UNREACHABLE);
        assert_int_equal(world.forgotten, i);
        assert_int_equal(world.resolving != NULL, i == 1);
    }
    settle();
    expect_down(VX6_UNREACHABLE);
}

static void test_any_failed_allocation_leaves_a_whole_node(void **state)
{
    uint64_t last = 1;
    for (uint64_t n = 1; n <= last; n++) {
        world_setup(state);
        world.memory.fail_at = n;
        vx6_id id;
        enum vx6_code code = service_add(&world.nodes[1], text("web"), EXPOSURE_PUBLIC);
        if (code == VX6_OK)
            code = ask_for("web", &id);
        if (code == VX6_OK) {
            links_up();
            settle();
            bool is_up = seen_count(0, VX6_OUT_SESSION_UP) == 1;
            assert_true(is_up || seen(0, VX6_OUT_SESSION_DOWN, 0)->code == VX6_NOMEM);
        } else {
            assert_int_equal(code, VX6_NOMEM);
        }
        last = world.memory.requests >= n ? n + 1 : n;
        world_teardown(state);
    }
    assert_true(last > 8);
    world_setup(state);
}

/* Over a link that is up there is nothing to wait for: the command itself fails. */
static void test_a_session_that_cannot_begin_is_none(void **state)
{
    (void)state;
    struct link_sessions *on_link = link_sessions(join()->path->link);
    assert_non_null(on_link);
    vx6_id id = {0};
    uint32_t last = on_link->path_own_last, refused = 0;
    on_link->path_own_last = UINT32_MAX; /* there are no more numbers */
    assert_int_equal(ask_for("web", &id), VX6_LIMIT);
    on_link->path_own_last = last;
    for (enum vx6_code code = VX6_NOMEM; code != VX6_OK; refused += code != VX6_OK) {
        assert_int_equal(id.bits, 0);
        assert_int_equal(world.nodes[0].sessions.count, 1);
        world.memory.fail_at = world.memory.requests + refused + 1;
        code = ask_for("web", &id);
        assert_true(code == VX6_OK || code == VX6_NOMEM);
    }
    assert_true(refused >= 2);
    world.memory.fail_at = 0;
    settle();
    assert_int_equal(world.nodes[1].sessions.count, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_both_ends_make_the_same_secret),
        TEST(test_two_sessions_share_a_link),
        TEST(test_an_unknown_service_is_refused_with_its_reason),
        TEST(test_commands_are_checked),
        TEST(test_streams_are_opened_by_the_client_of_a_live_session),
        TEST(test_services_are_sorted_and_bounded),
        TEST(test_removing_a_service_ends_its_sessions),
        TEST(test_paths_are_numbered_by_role_and_rise),
        TEST(test_a_direct_path_carries_no_other_privacy_class),
        TEST(test_frames_that_crossed_a_close_are_late_not_wrong),
        TEST(test_frames_come_in_the_right_state_and_role),
        TEST(test_S6_a_lost_link_ends_streams_before_their_session),
        TEST(test_a_session_closed_by_its_driver_says_so),
        TEST(test_an_owner_that_stays_silent_is_given_up),
        TEST(test_shutdown_ends_all),
        TEST(test_sessions_are_bounded_at_both_ends),
        TEST(test_one_peer_cannot_take_all_sessions),
        TEST(test_a_link_that_ends_with_ok_is_no_success),
        TEST(test_peers_leave_a_quarter_of_the_sessions_to_the_node_itself),
        TEST(test_a_name_is_resolved_first),
        TEST(test_a_name_that_leads_to_another_key_than_was_said_leads_nowhere),
        TEST(test_a_name_that_is_not_found_ends_the_session),
        TEST(test_closing_cancels_the_resolve),
        TEST(test_a_dead_address_is_resolved_once_more),
        TEST(test_a_session_that_cannot_begin_is_none),
        TEST(test_any_failed_allocation_leaves_a_whole_node),
    };
    return run_over_both_carriers(tests);
}
