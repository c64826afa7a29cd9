/* SPDX-License-Identifier: MIT */
/* What a peer says that it offers, to whom, and what becomes of questions that get no answer.
 * VX6-SESS-026 to VX6-SESS-029. */
#include "session_pair.h"

static const vx6_addr owner_addr = {{0x20, 1}, 4242};
static const uint8_t asker_key[32] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"; /* as world_setup has it */
static const uint8_t owner_key[32] = "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB";

static struct vx6_node *asker(void)
{
    return &world.nodes[0];
}

static struct vx6_node *owner(void)
{
    return &world.nodes[1];
}

static struct link *link_at(int side)
{
    struct link *link = link_of(side);
    VX6_ASSERT(link != NULL);
    return link;
}

static enum vx6_code list(vx6_id *id)
{
    struct vx6_in in = {.kind = VX6_IN_LIST, .peer = owner_addr};
    return listing_start(asker(), &in, id);
}

static enum vx6_code list_name(const char *name)
{
    vx6_id id;
    struct vx6_in in = {.data = (const uint8_t *)name, .len = strlen(name)};
    return listing_start(asker(), &in, &id);
}

/* What the operations that ended last came to, as "name=use name=use". */
static const char *answer(void)
{
    static char line[OFFERS_SIZE_MAX * 2];
    const struct ended *ended = &world.ended[world.ended_count - 1];
    size_t len = 0;
    line[0] = 0;
    for (uint32_t at = 0; at < ended->len; at += ended->offers[at] + 2u) {
        uint8_t size = ended->offers[at];
        len += (size_t)snprintf(line + len, sizeof line - len, "%s%.*s=%u", at > 0 ? " " : "", size,
            (const char *)ended->offers + at + 1, ended->offers[at + 1 + size]);
    }
    return line;
}

/* Asks, and says what it came to. */
static const char *ask(void)
{
    vx6_id id;
    uint32_t before = world.ended_count;
    assert_int_equal(list(&id), VX6_OK);
    links_up();
    settle();
    assert_int_equal(world.ended_count, before + 1);
    assert_int_equal(world.ended[before].code, VX6_OK);
    assert_memory_equal(world.ended[before].key, owner_key, 32);
    return answer();
}

static void offer(const char *name, enum exposure exposure)
{
    assert_int_equal(service_add(owner(), text(name), exposure), VX6_OK);
}

static void allow(const char *name)
{
    assert_int_equal(service_allow(owner(), text(name), asker_key, (vx6_span){0}), VX6_OK);
}

/* ---- what is told ---- */

static size_t answer_len; /* of the last services frame on its way */

static void note_answer(const struct vx6_msg *frame, int from)
{
    uint8_t bytes[2000];
    if (frame->type == VX6_MSG_services && from == 1)
        answer_len = vx6_msg_encode(frame, bytes, sizeof bytes);
}

/* VX6-SESS-026: what is listed is what a session would be told. */
static void test_each_service_is_told_as_it_may_be_used(void **state)
{
    (void)state;
    assert_string_equal(ask(), "");
    offer("web", EXPOSURE_PUBLIC);
    offer("db", EXPOSURE_PRIVATE);
    offer("api", EXPOSURE_LISTED);
    assert_string_equal(ask(), "api=3 web=1");
    allow("db");
    allow("api");
    assert_string_equal(ask(), "api=2 db=4 web=1");
    assert_int_equal(service_deny(owner(), text("db"), asker_key), VX6_OK);
    assert_int_equal(service_deny(owner(), text("api"), asker_key), VX6_OK);
    assert_string_equal(ask(), "api=3 web=1");
    assert_int_equal(service_remove(owner(), text("web")), VX6_OK);
    assert_string_equal(ask(), "api=3");
    assert_int_equal(service_add_hosted(owner(), text("log"), key_of(7)), VX6_OK);
    assert_string_equal(ask(), "api=3 log=5");
}

/* VX6-SESS-026 */
static void test_a_private_service_is_in_no_byte_of_the_answer(void **state)
{
    (void)state;
    static const uint8_t friend_key[32] = {1};
    world.on_frame = note_answer;
    offer("web", EXPOSURE_PUBLIC);
    assert_string_equal(ask(), "web=1");
    size_t without = answer_len;
    offer("db", EXPOSURE_PRIVATE);
    assert_int_equal(service_allow(owner(), text("db"), friend_key, (vx6_span){0}), VX6_OK);
    assert_string_equal(ask(), "web=1");
    assert_int_equal(answer_len, without);
    allow("db");
    assert_string_equal(ask(), "db=4 web=1");
    assert_true(answer_len > without);
}

static void test_the_longest_list_fits(void **state)
{
    (void)state;
    char name[VX6_LABEL_MAX + 1];
    memset(name, 'a', VX6_LABEL_MAX);
    name[VX6_LABEL_MAX] = 0;
    world.fill_cap = with_channels ? VX6_FILL_CHANNEL_MIN : 32768;
    for (int i = 0; i < 16; i++) {
        name[0] = (char)('a' + i);
        offer(name, EXPOSURE_LISTED);
    }
    assert_int_equal(strlen(ask()), 16 * (VX6_LABEL_MAX + 3) - 1);
}

/* VX6-SESS-026: at the moment of the answer, not of the question. */
static void test_who_is_denied_meanwhile_is_told_nothing(void **state)
{
    (void)state;
    vx6_id id;
    offer("db", EXPOSURE_PRIVATE);
    allow("db");
    assert_int_equal(list(&id), VX6_OK);
    links_up();
    deliver_all(link_at(0));
    assert_int_equal(service_deny(owner(), text("db"), asker_key), VX6_OK);
    settle();
    assert_string_equal(answer(), "");
}

/* ---- one question at a time ---- */

static struct vx6_msg question(uint32_t number)
{
    return (struct vx6_msg){.type = VX6_MSG_find_services, .u.find_services = {.number = number}};
}

/* Offers of these names, as encoded. */
static struct vx6_msg answer_of(uint32_t number, enum vx6_code code, const char *names, uint8_t *to)
{
    struct vx6_msg msg = {.type = VX6_MSG_services,
        .u.services = {.number = number, .code = (uint16_t)code, .offers = {.bytes = {to, 0}}}};
    for (const char *name = names; *name; name++) {
        struct vx6_offer offer = {.name = {(const uint8_t *)name, 1}, .use = 1};
        assert_true(vx6_push_offer(&msg.u.services.offers, to, OFFERS_SIZE_MAX, &offer));
    }
    return msg;
}

/* VX6-SESS-027 */
static void test_a_second_question_before_the_answer_closes_the_link(void **state)
{
    (void)state;
    ask();
    struct vx6_msg first = question(7), second = question(8);
    assert_int_equal(feed(1, &first), VX6_OK);
    assert_int_equal(feed(1, &second), VX6_UNEXPECTED);
    deliver_all(link_at(1)); /* which the asker did not ask */
    assert_int_equal(world.broken, VX6_UNEXPECTED);
}

/* VX6-SESS-027 */
static void test_a_bad_answer_closes_the_link(void **state)
{
    static const struct {
        uint32_t number;
        enum vx6_code code;
        const char *names;
        enum vx6_code refused;
    } rows[] = {
        {1, VX6_OK, "abc", VX6_OK},
        {1, VX6_OK, "", VX6_OK},
        {1, VX6_LIMIT, "", VX6_OK},
        {1, (enum vx6_code)60000, "", VX6_OK},
        {0, VX6_OK, "abc", VX6_UNEXPECTED},
        {2, VX6_OK, "abc", VX6_UNEXPECTED},
        {1, VX6_OK, "acb", VX6_BAD_MESSAGE},
        {1, VX6_OK, "abb", VX6_BAD_MESSAGE},
        {1, VX6_LIMIT, "a", VX6_BAD_MESSAGE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t storage[OFFERS_SIZE_MAX];
        vx6_id id;
        world_teardown(state);
        world_setup(state);
        assert_int_equal(list(&id), VX6_OK);
        links_up();
        assert_true(fill_link(link_at(0)));
        struct vx6_msg msg = answer_of(rows[i].number, rows[i].code, rows[i].names, storage);
        enum vx6_code code = feed(0, &msg);
        if (code != rows[i].refused)
            fail_msg("row %zu: %s", i, vx6_code_name(code));
        assert_int_equal(world.ended_count, code == VX6_OK);
        if (code == VX6_OK) {
            assert_int_equal(world.ended[0].code, rows[i].code);
            assert_int_equal(feed(0, &msg), VX6_UNEXPECTED); /* twice is once too often */
        }
    }
}

/* VX6-SESS-027: no answer is older than what it answers. */
static void test_a_question_under_way_does_not_answer_a_later_one(void **state)
{
    (void)state;
    vx6_id id;
    assert_int_equal(list(&id), VX6_OK);
    links_up();
    deliver_all(link_at(0));
    while (fill_link(link_at(1))) /* the answer is on its way, or has come */
        ;
    offer("web", EXPOSURE_PUBLIC);
    assert_int_equal(list(&id), VX6_OK);
    assert_int_equal(list(&id), VX6_OK);
    settle();
    assert_int_equal(world.ended_count, 3);
    assert_int_equal(world.ended[0].len, 0);
    assert_int_equal(world.ended[1].len, 5);
    assert_int_equal(world.ended[2].len, 5);
}

/* ---- no answer ---- */

static void test_a_silent_peer_is_given_up(void **state)
{
    (void)state;
    vx6_id id;
    assert_int_equal(list(&id), VX6_OK);
    assert_int_equal(link_at(0)->users, 1);
    links_up();
    deliver_all(link_at(0));
    link_at(1)->sessions.listings.is_owed = false; /* it keeps silent */
    pass_time(world.limits.session_open_ms - 1);
    assert_int_equal(world.ended_count, 0);
    pass_time(1);
    assert_int_equal(world.ended_count, 1);
    assert_int_equal(world.ended[0].code, VX6_TIMEOUT);
    assert_int_equal(link_at(0)->users, 0);
    /* Nobody waits for it any more, but when it comes it is the answer to a question. */
    uint8_t storage[OFFERS_SIZE_MAX];
    struct vx6_msg late = answer_of(1, VX6_OK, "a", storage);
    assert_int_equal(feed(0, &late), VX6_OK);
    assert_string_equal(ask(), "");
}

/* VX6-SESS-029: the reason of the link; where that is no fault, the peer is out of reach. */
static void test_a_link_that_dies_ends_the_question(void **state)
{
    static const struct {
        enum vx6_code why, code;
        bool is_up;
    } rows[] = {{VX6_TIMEOUT, VX6_TIMEOUT, false}, {VX6_KEY_MISMATCH, VX6_KEY_MISMATCH, false},
        {VX6_TRUNCATED, VX6_TRUNCATED, true}, {VX6_OK, VX6_UNREACHABLE, true}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        vx6_id id;
        world_teardown(state);
        world_setup(state);
        assert_int_equal(list(&id), VX6_OK);
        assert_int_equal(list(&id), VX6_OK);
        if (rows[i].is_up)
            links_up();
        link_kill(link_at(0), rows[i].why);
        assert_int_equal(world.ended_count, 2);
        assert_int_equal(world.ended[1].code, rows[i].code);
    }
}

/* VX6-SESS-019, VX6-SESS-029: a name whose address is dead is resolved once more, and not twice. */
static void test_a_dead_address_is_resolved_once_more(void **state)
{
    (void)state;
    assert_int_equal(list_name("bob"), VX6_OK);
    for (uint32_t i = 1; i <= 2; i++) {
        assert_non_null(world.listing);
        struct listing *listing = world.listing;
        world.listing = NULL;
        listing_resolved(asker(), listing, VX6_OK, owner_key, &owner_addr);
        link_kill(link_at(0), VX6_UNREACHABLE);
        assert_int_equal(world.forgotten, i);
        assert_int_equal(world.ended_count, i == 2);
    }
    assert_int_equal(world.ended[0].code, VX6_UNREACHABLE);
    assert_null(world.listing);
}

static void test_what_does_not_resolve_is_not_dialled(void **state)
{
    (void)state;
    assert_int_equal(list_name("bob"), VX6_OK);
    listing_resolved(asker(), world.listing, VX6_AMBIGUOUS, owner_key, &owner_addr);
    assert_int_equal(world.ended[0].code, VX6_AMBIGUOUS);
    assert_null(world.links);
}

static void test_what_is_no_node_is_refused(void **state)
{
    (void)state;
    vx6_id id;
    struct vx6_in both = {.peer = owner_addr, .data = (const uint8_t *)"bob", .len = 3};
    assert_int_equal(listing_start(asker(), &both, &id), VX6_INVALID);
    assert_int_equal(list_name("bob.web"), VX6_INVALID); /* one service is what resolve tells */
    assert_int_equal(list_name("Bob"), VX6_INVALID);
    assert_int_equal(list_name(""), VX6_INVALID);
    assert_null(asker()->ops.first);
}

/* Whenever it is given up, nothing is left; world_teardown looks. */
static void test_a_question_is_given_up_at_any_time(void **state)
{
    for (int stage = 0; stage < 4; stage++) {
        vx6_id id;
        world_teardown(state);
        world_setup(state);
        assert_int_equal(stage == 0 ? list_name("bob") : list(&id), VX6_OK);
        if (stage >= 2)
            links_up();
        if (stage >= 3)
            deliver_all(link_at(0));
        struct op *op = asker()->ops.first;
        listing_cancel(asker(), op->work);
        op_free(asker(), op);
        assert_int_equal(timer_deadline(&asker()->timers), VX6_NEVER);
        if (stage == 0)
            continue;
        assert_int_equal(link_at(0)->users, 0);
        assert_string_equal(ask(), "");
    }
}

static void test_without_memory_the_question_fails(void **state)
{
    for (uint64_t n = 1;; n++) {
        vx6_id id;
        world_teardown(state);
        world_setup(state);
        offer("web", EXPOSURE_PUBLIC);
        world.memory.requests = 0;
        world.memory.fail_at = n;
        enum vx6_code code = list(&id);
        if (code == VX6_OK) {
            links_up();
            settle();
            code = world.ended[0].code;
        }
        if (code == VX6_OK && world.memory.requests < n)
            break;
        assert_true(code == VX6_NOMEM || code == VX6_OK); /* a meter works without counters */
        assert_in_range(n, 1, 20);
    }
    assert_string_equal(answer(), "web=1");
}

/* ---- too many ---- */

/* VX6-SESS-028 */
static void test_who_asks_too_often_is_told_so(void **state)
{
    (void)state;
    vx6_id id;
    uint32_t answered = 0, asked = 2 * world.limits.lists_per_second;
    offer("web", EXPOSURE_PUBLIC);
    ask();
    for (uint32_t i = 0; i < asked; i++) {
        world.ended_count = 0;
        assert_int_equal(list(&id), VX6_OK);
        settle();
        assert_int_equal(world.ended_count, 1);
        assert_int_equal(world.ended[0].len > 0, world.ended[0].code == VX6_OK);
        assert_true(world.ended[0].code == VX6_OK || world.ended[0].code == VX6_LIMIT);
        answered += world.ended[0].code == VX6_OK;
    }
    assert_int_equal(world.counters[VX6_EVENT_services_refused], asked - answered);
    assert_in_range(
        answered, 1, world.limits.lists_per_second / 8 + world.limits.lists_per_key_per_second);
    pass_time(1000);
    assert_string_equal(ask(), "web=1");
}

/* VX6-SESS-028: whoever has many keys has one network all the same. */
static void test_a_network_of_many_keys_is_bounded(void **state)
{
    (void)state;
    struct vx6_msg msg = question(1);
    uint32_t answered = 0;
    ask();
    struct link *link = link_at(1);
    for (uint32_t i = 0; i < 2 * world.limits.lists_per_second; i++) {
        memset(link->key, (int)(i % 251), sizeof link->key);
        link->key[0] = (uint8_t)(i / 251);
        assert_int_equal(feed(1, &msg), VX6_OK);
        answered += link->sessions.listings.owed_code == VX6_OK;
        link->sessions.listings.is_owed = false;
    }
    assert_in_range(
        answered, 1, world.limits.lists_per_second / 8 + world.limits.lists_per_network_per_second);
    link->addr.ip[1] ^= 1; /* another network */
    assert_int_equal(feed(1, &msg), VX6_OK);
    assert_int_equal(link->sessions.listings.owed_code, VX6_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_service_is_told_as_it_may_be_used),
        TEST(test_a_private_service_is_in_no_byte_of_the_answer),
        TEST(test_the_longest_list_fits),
        TEST(test_who_is_denied_meanwhile_is_told_nothing),
        TEST(test_a_second_question_before_the_answer_closes_the_link),
        TEST(test_a_bad_answer_closes_the_link),
        TEST(test_a_question_under_way_does_not_answer_a_later_one),
        TEST(test_a_silent_peer_is_given_up),
        TEST(test_a_link_that_dies_ends_the_question),
        TEST(test_a_dead_address_is_resolved_once_more),
        TEST(test_what_does_not_resolve_is_not_dialled),
        TEST(test_what_is_no_node_is_refused),
        TEST(test_a_question_is_given_up_at_any_time),
        TEST(test_without_memory_the_question_fails),
        TEST(test_who_asks_too_often_is_told_so),
        TEST(test_a_network_of_many_keys_is_bounded),
    };
    return run_over_both_carriers(tests);
}
