/* SPDX-License-Identifier: MIT */
/* A client whose key has changed shows what it was before: who allowed that lets it in, and nobody
 * else does. VX6-NAME-021, and VX6-NAME-018 where a key was revoked. */
#include "heirs.h"
#include "session_pair.h"

enum { /* numbers of keys */
    ALICE = 1,
    NEXT,
    THIRD,
    THIEF,
    OTHER
};

static struct vx6_node *owner(void)
{
    return &world.nodes[1];
}

static void offer(const char *name, uint8_t allowed)
{
    assert_int_equal(service_add(owner(), text(name), EXPOSURE_PRIVATE), VX6_OK);
    assert_int_equal(service_allow(owner(), text(name), key_of(allowed), (vx6_span){0}), VX6_OK);
}

/* Asks as this key, with this lineage, or none. The code that the client hears. */
static enum vx6_code try_as(uint8_t number, vx6_span ancestry, vx6_id *id)
{
    uint32_t ups = seen_count(0, VX6_OUT_SESSION_UP), downs = seen_count(0, VX6_OUT_SESSION_DOWN);
    if (link_of(0))
        link_kill(link_of(0), VX6_IDLE);
    settle();
    downs = seen_count(0, VX6_OUT_SESSION_DOWN);
    struct blob *blob = calloc(1, sizeof *blob + ancestry.len);
    assert_non_null(blob);
    blob->len = (uint32_t)ancestry.len;
    if (ancestry.len > 0)
        memcpy(blob->data, ancestry.data, ancestry.len);
    world.nodes[0].lineage = blob;
    assert_int_equal(ask_for("web", id), VX6_OK);
    memcpy(link_of(1)->key, key_of(number), 32);
    links_up();
    settle();
    world.nodes[0].lineage = NULL;
    free(blob);
    if (seen_count(0, VX6_OUT_SESSION_UP) > ups)
        return VX6_OK;
    return seen(0, VX6_OUT_SESSION_DOWN, downs)->code;
}

static enum vx6_code try(uint8_t number, const struct ancestry *ancestry)
{
    vx6_id id;
    return try_as(number, ancestry_span(ancestry), &id);
}

static bool is_admitted(const char *service, uint8_t number)
{
    return service_admits(owner(), text(service), key_of(number)) == VX6_OK;
}

static void expect_followed(uint8_t from, uint8_t to)
{
    struct vx6_out out = {0};
    assert_true(succession_output(owner(), &out));
    assert_int_equal(out.kind, VX6_OUT_KEY_FOLLOWED);
    assert_memory_equal(out.value.data, key_of(from), 32);
    assert_memory_equal(out.key, key_of(to), 32);
}

static void expect_nothing_followed(void)
{
    struct vx6_out out;
    assert_false(succession_output(owner(), &out));
}

static struct ancestry to_next, to_third, to_thief;

static int setup(void **state)
{
    to_next = hand_over(&vx6_crypto_model, ALICE, NULL, NEXT);
    to_third = hand_over(&vx6_crypto_model, NEXT, &to_next, THIRD);
    to_thief = hand_over(&vx6_crypto_model, ALICE, NULL, THIEF);
    return world_setup(state);
}

static int teardown(void **state)
{
    for (int i = 0; i < SIDES; i++) {
        succession_free(&world.nodes[i]);
        bindings_free(&world.nodes[i]);
        ready_remove(&world.nodes[i].ready_list, &world.nodes[i].ready);
    }
    return world_teardown(state);
}

static void test_the_successor_of_an_allowed_key_takes_its_place(void **state)
{
    (void)state;
    offer("web", ALICE);
    offer("db", ALICE);
    offer("log", THIEF);
    assert_int_equal(try(NEXT, NULL), VX6_NO_SERVICE);
    assert_int_equal(try(NEXT, &to_next), VX6_OK);
    assert_true(is_admitted("web", NEXT));
    assert_true(is_admitted("db", NEXT));
    assert_false(is_admitted("log", NEXT));
    assert_false(is_admitted("web", ALICE));
    assert_false(is_admitted("db", ALICE));
    expect_followed(ALICE, NEXT);
    expect_nothing_followed();
    assert_int_equal(try(NEXT, &to_next), VX6_OK);
    expect_nothing_followed();
}

static void test_a_rotation_that_was_missed_is_made_up_for(void **state)
{
    (void)state;
    offer("web", ALICE);
    assert_int_equal(service_allow(owner(), text("web"), key_of(THIRD), (vx6_span){0}), VX6_OK);
    assert_int_equal(service_deny(owner(), text("web"), key_of(THIRD)), VX6_OK);
    assert_int_equal(try(THIRD, &to_third), VX6_OK);
    expect_followed(ALICE, NEXT);
    expect_followed(NEXT, THIRD);
    assert_true(is_admitted("web", THIRD));
    assert_false(is_admitted("web", NEXT));
}

/* The place of the old key can be taken once. */
static void test_the_second_successor_is_a_stranger(void **state)
{
    (void)state;
    offer("web", ALICE);
    assert_int_equal(try(NEXT, &to_next), VX6_OK);
    expect_followed(ALICE, NEXT);
    assert_int_equal(try(THIEF, &to_thief), VX6_NO_SERVICE);
    assert_int_equal(try(ALICE, NULL), VX6_NO_SERVICE);
    expect_nothing_followed();
    assert_true(is_admitted("web", NEXT));
}

/* Sessions of the old key, in whose hands it ever is, end when the new one takes its place. */
static void test_the_old_key_has_to_go(void **state)
{
    (void)state;
    vx6_id id;
    offer("web", ALICE);
    assert_int_equal(try_as(ALICE, (vx6_span){0}, &id), VX6_OK);
    struct lineage lineage;
    assert_int_equal(lineage_decode(ancestry_span(&to_next), key_of(NEXT), &lineage), VX6_OK);
    assert_int_equal(succession_follow(owner(), &lineage, key_of(NEXT), key_of(ALICE)), VX6_OK);
    expect_followed(ALICE, NEXT);
    settle();
    assert_int_equal(seen(0, VX6_OUT_SESSION_DOWN, 0)->code, VX6_NO_SERVICE);
}

static void test_what_is_no_lineage_of_the_client_changes_nothing(void **state)
{
    (void)state;
    vx6_id id;
    offer("web", ALICE);
    struct ancestry forged = to_next;
    forged.bytes[forged.len - 1] ^= 1; /* the signature of the successor */
    struct ancestry not_handed = to_next;
    not_handed.bytes[1 + 32 + 1 + 32 + 8] ^= 1; /* that of the key that handed over */
    struct ancestry cut = to_next;
    cut.len--;
    assert_int_equal(try(NEXT, &forged), VX6_NO_SERVICE);
    assert_int_equal(try(NEXT, &not_handed), VX6_NO_SERVICE);
    assert_int_equal(try(NEXT, &cut), VX6_NO_SERVICE);
    assert_int_equal(try(THIEF, &to_next), VX6_NO_SERVICE); /* it is another's */
    assert_int_equal(try_as(NEXT, (vx6_span){key_of(NEXT), 32}, &id), VX6_NO_SERVICE);
    expect_nothing_followed();
    assert_true(is_admitted("web", ALICE));
    assert_int_equal(try(NEXT, &to_next), VX6_OK);
    expect_followed(ALICE, NEXT);
}

/* Who needs no lineage is not asked for a sound one, nor remembered by it. */
static void test_a_lineage_without_need_is_passed_over(void **state)
{
    (void)state;
    struct ancestry forged = to_next;
    forged.bytes[forged.len - 1] ^= 1;
    assert_int_equal(service_add(owner(), text("web"), EXPOSURE_PUBLIC), VX6_OK);
    assert_int_equal(try(NEXT, &forged), VX6_OK);
    assert_int_equal(try(NEXT, &to_next), VX6_OK);
    expect_nothing_followed();
}

static void test_nobody_follows_over_a_revoked_key(void **state)
{
    static const uint8_t revoked[] = {ALICE, NEXT, THIRD};
    for (size_t i = 0; i < sizeof revoked; i++) {
        offer("web", ALICE);
        memcpy(world.revoked, key_of(revoked[i]), 32);
        enum vx6_code code = try(THIRD, &to_third);
        assert_int_equal(code, revoked[i] == THIRD ? VX6_REVOKED : VX6_NO_SERVICE);
        expect_nothing_followed();
        teardown(state);
        setup(state);
    }
}

/* Whoever came by a key that is revoked later, a thief's successor it may be. */
static void test_the_successor_of_a_revoked_key_is_sent_away(void **state)
{
    (void)state;
    vx6_id id;
    offer("web", ALICE);
    assert_int_equal(try_as(THIEF, ancestry_span(&to_thief), &id), VX6_OK);
    expect_followed(ALICE, THIEF);
    assert_true(services_have(owner(), key_of(ALICE)));
    memcpy(world.revoked, key_of(ALICE), 32);
    sessions_end_revoked(owner(), key_of(ALICE));
    settle();
    assert_int_equal(seen(0, VX6_OUT_SESSION_DOWN, 0)->code, VX6_REVOKED);
    assert_int_equal(try(THIEF, &to_thief), VX6_REVOKED);
    /* Until its owner allows it for its own sake. */
    assert_int_equal(service_allow(owner(), text("web"), key_of(THIEF), (vx6_span){0}), VX6_OK);
    assert_int_equal(try(THIEF, &to_thief), VX6_OK);
}

/* At the owner's end, and at the client's: each may be the one that hears of it. */
static void test_a_revoked_key_is_sent_away(void **state)
{
    for (int side = 0; side < SIDES; side++) {
        vx6_id id, ids[SIDES];
        offer("web", ALICE);
        assert_int_equal(try_as(ALICE, (vx6_span){0}, &id), VX6_OK);
        open_stream(slots_get(&world.nodes[0].slots, SLOT_SESSION, id), ids);
        const uint8_t *key = side == 1 ? key_of(ALICE) : link_of(0)->key;
        sessions_end_revoked(&world.nodes[side], key);
        settle();
        assert_int_equal(seen(0, VX6_OUT_SESSION_DOWN, 0)->code, VX6_REVOKED);
        for (int i = 0; i < SIDES; i++)
            assert_int_equal(seen(i, VX6_OUT_STREAM_CLOSED, 0)->code, VX6_REVOKED);
        memcpy(world.revoked, key, 32);
        assert_int_equal(try(ALICE, NULL), VX6_REVOKED);
        teardown(state);
        setup(state);
    }
}

/* VX6-NAME-018, VX6-NAME-026: who hands over twice at once leaves no key behind. */
static void test_a_key_of_long_ago_can_be_revoked(void **state)
{
    static const uint8_t revoked[] = {ALICE, NEXT};
    for (size_t i = 0; i < sizeof revoked; i++) {
        vx6_id id;
        offer("web", ALICE);
        assert_int_equal(try_as(THIRD, ancestry_span(&to_third), &id), VX6_OK);
        assert_true(services_have(owner(), key_of(revoked[i])));
        memcpy(world.revoked, key_of(revoked[i]), 32);
        assert_true(services_came_by_revoked(owner(), key_of(THIRD)));
        sessions_end_revoked(owner(), key_of(revoked[i]));
        settle();
        assert_int_equal(seen(0, VX6_OUT_SESSION_DOWN, 0)->code, VX6_REVOKED);
        assert_int_equal(try(THIRD, &to_third), VX6_REVOKED);
        assert_int_equal(service_allow(owner(), text("web"), key_of(THIRD), (vx6_span){0}), VX6_OK);
        assert_int_equal(try(THIRD, &to_third), VX6_OK);
        teardown(state);
        setup(state);
    }
}

/* VX6-NAME-026: all lists that have the key go along, or none does. */
static void test_a_client_is_not_followed_for_ever(void **state)
{
    (void)state;
    uint8_t keys[16][32];
    memset(keys, 0x55, sizeof keys);
    offer("db", ALICE);
    offer("web", OTHER);
    for (int has_next = 0; has_next < 2; has_next++) { /* there is room for one of two steps */
        vx6_span before = {keys[0], 15 * 32};
        assert_int_equal(service_allow(owner(), text("web"), key_of(ALICE), before), VX6_OK);
        if (has_next)
            assert_int_equal(
                service_allow(owner(), text("web"), key_of(NEXT), (vx6_span){keys[0], 16 * 32}),
                VX6_OK);
        assert_int_equal(try(THIRD, &to_third), VX6_NO_SERVICE);
        assert_true(is_admitted("web", ALICE));
    }
    assert_int_equal(service_deny(owner(), text("web"), key_of(NEXT)), VX6_OK);
    for (size_t count = 16; count > 14; count--) {
        assert_int_equal(
            service_allow(owner(), text("web"), key_of(ALICE), (vx6_span){keys[0], count * 32}),
            VX6_OK);
        assert_int_equal(try(NEXT, &to_next), count == 16 ? VX6_NO_SERVICE : VX6_OK);
        assert_int_equal(is_admitted("db", ALICE), count == 16);
        assert_int_equal(is_admitted("web", ALICE), count == 16);
    }
    expect_followed(ALICE, NEXT);
    expect_nothing_followed();
    assert_int_equal(
        service_allow(owner(), text("web"), key_of(OTHER), (vx6_span){keys[0], 17 * 32}),
        VX6_TOO_MANY_KEYS);
    assert_int_equal(
        service_allow(owner(), text("web"), key_of(OTHER), (vx6_span){keys[0], 31}), VX6_INVALID);
    assert_true(is_admitted("web", OTHER));
}

/* Nothing is half followed. VX6-NAME-016 */
static void test_without_memory_a_list_stays_as_it_was(void **state)
{
    struct lineage lineage;
    assert_int_equal(lineage_decode(ancestry_span(&to_next), key_of(NEXT), &lineage), VX6_OK);
    for (uint64_t n = 1; n < 20; n++) {
        offer("db", ALICE);
        offer("web", OTHER);
        assert_int_equal(
            service_allow(owner(), text("web"), key_of(ALICE), (vx6_span){key_of(OTHER), 32}),
            VX6_OK);
        world.memory.fail_at = world.memory.requests + n;
        enum vx6_code code = succession_follow(owner(), &lineage, key_of(NEXT), key_of(ALICE));
        world.memory.fail_at = 0;
        assert_true(code == VX6_OK || code == VX6_NOMEM);
        assert_int_equal(is_admitted("db", NEXT), code == VX6_OK);
        assert_int_equal(is_admitted("web", NEXT), code == VX6_OK);
        assert_int_equal(is_admitted("db", ALICE), code == VX6_NOMEM);
        assert_int_equal(is_admitted("web", ALICE), code == VX6_NOMEM);
        if (code == VX6_OK)
            expect_followed(ALICE, NEXT);
        expect_nothing_followed();
        teardown(state);
        setup(state);
        if (code == VX6_OK) {
            assert_int_not_equal(n, 1);
            return;
        }
    }
    fail();
}

/* VX6-NAME-018, VX6-NAME-022: with a host to which a name led, by one key or several. */
static void test_a_session_ends_with_what_led_to_it(void **state)
{
    static const uint8_t revoked[] = {ALICE, NEXT, THIRD, THIEF};
    vx6_addr addr = {.ip = {0x20, 1}, .port = 4242};
    for (size_t i = 0; i < 2 * sizeof revoked; i++) {
        struct vx6_node *node = &world.nodes[0];
        bool is_up = i % 2 == 0; /* when the key is revoked */
        vx6_id id;
        uint8_t via[2][32];
        memcpy(via[0], key_of(NEXT), 32);  /* the name's owner, formerly ALICE */
        memcpy(via[1], key_of(THIRD), 32); /* the host, in whose place the other end is today */
        assert_int_equal(service_add(owner(), text("web"), EXPOSURE_PUBLIC), VX6_OK);
        assert_int_equal(
            binding_set(node, text("bob"), key_of(NEXT), (vx6_span){key_of(ALICE), 32}), VX6_OK);
        struct vx6_in in = {.data = (const uint8_t *)"bob.web", .len = 7};
        assert_int_equal(session_open(node, &in, &id), VX6_OK);
        session_resolved(
            node, world.resolving, VX6_OK, key_of(OTHER), (vx6_span){via[0], 64}, &addr);
        if (is_up)
            links_up();
        settle();
        assert_int_equal(seen_count(0, VX6_OUT_SESSION_UP), is_up);
        memcpy(world.revoked, key_of(revoked[i / 2]), 32);
        sessions_end_revoked(node, key_of(revoked[i / 2]));
        links_up();
        settle();
        bool depends = revoked[i / 2] != THIEF;
        assert_int_equal(seen_count(0, VX6_OUT_SESSION_DOWN), depends);
        if (depends)
            assert_int_equal(seen(0, VX6_OUT_SESSION_DOWN, 0)->code, VX6_REVOKED);
        teardown(state);
        setup(state);
    }
}

/* What the owner tells who asks on the link that there is, with this lineage. */
static struct vx6_services listed(const struct ancestry *ancestry)
{
    static uint8_t offers[OFFERS_SIZE_MAX];
    struct vx6_msg msg = {.type = VX6_MSG_find_services,
        .u.find_services = {.number = 7, .lineage = ancestry_span(ancestry)}};
    assert_int_equal(feed(1, &msg), VX6_OK);
    assert_true(listing_next(owner(), link_of(1), &msg, offers));
    assert_int_equal(msg.type, VX6_MSG_services);
    listing_sent(link_of(1), msg.type);
    return msg.u.services;
}

/* VX6-SESS-026, VX6-NAME-021: the list is made for who a session would be opened with. */
static void test_what_is_listed_goes_along_with_the_key(void **state)
{
    (void)state;
    struct ancestry forged = to_next;
    forged.bytes[forged.len - 1] ^= 1;
    offer("web", ALICE);
    offer("db", ALICE);
    assert_int_equal(try(NEXT, NULL), VX6_NO_SERVICE);
    assert_int_equal(listed(NULL).offers.count, 0);
    assert_int_equal(listed(&forged).offers.count, 0);
    expect_nothing_followed();
    assert_int_equal(listed(&to_next).offers.count, 2);
    expect_followed(ALICE, NEXT);
    expect_nothing_followed();
    memcpy(world.revoked, key_of(NEXT), 32);
    assert_int_equal(listed(NULL).code, VX6_REVOKED);
}

/* VX6-NAME-014: the driver knows the old key until it hears of the new one. */
static void test_a_session_that_waits_for_the_old_key_takes_the_new_one(void **state)
{
    (void)state;
    for (int follows = 0; follows < 2; follows++) {
        struct vx6_in in = {
            .kind = VX6_IN_SESSION_OPEN, .data = (const uint8_t *)"bob.web", .len = 7};
        vx6_id id;
        memcpy(in.key, key_of(ALICE), 32);
        assert_int_equal(session_open(&world.nodes[0], &in, &id), VX6_OK);
        if (follows)
            sessions_follow(&world.nodes[0], key_of(ALICE), key_of(NEXT));
        struct session *session = world.resolving;
        vx6_addr addr = {.ip = {0x20, 1}, .port = 4242};
        session_resolved(&world.nodes[0], session, VX6_OK, key_of(NEXT), (vx6_span){0}, &addr);
        settle();
        session = slots_get(&world.nodes[0].slots, SLOT_SESSION, id); /* gone, where it failed */
        assert_int_equal(session && session->state == SESSION_CONNECTING, follows);
        if (!follows)
            assert_int_equal(seen(0, VX6_OUT_SESSION_DOWN, 0)->code, VX6_KEY_MISMATCH);
    }
}

static void test_a_revocation_is_not_shed_by_one_more_rotation(void **state)
{
    (void)state;
    offer("web", ALICE);
    assert_int_equal(try(NEXT, &to_next), VX6_OK); /* NEXT: a thief's successor of ALICE */
    expect_followed(ALICE, NEXT);
    memcpy(world.revoked, key_of(ALICE), 32);
    assert_int_equal(try(NEXT, &to_next), VX6_REVOKED);
    assert_int_not_equal(try(THIRD, &to_third), VX6_OK); /* NEXT hands over to THIRD */
    assert_false(is_admitted("web", THIRD));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_successor_of_an_allowed_key_takes_its_place),
        TEST(test_a_rotation_that_was_missed_is_made_up_for),
        TEST(test_the_second_successor_is_a_stranger),
        TEST(test_the_old_key_has_to_go),
        TEST(test_what_is_no_lineage_of_the_client_changes_nothing),
        TEST(test_a_lineage_without_need_is_passed_over),
        TEST(test_nobody_follows_over_a_revoked_key),
        TEST(test_the_successor_of_a_revoked_key_is_sent_away),
        TEST(test_a_revoked_key_is_sent_away),
        TEST(test_a_revocation_is_not_shed_by_one_more_rotation),
        TEST(test_a_key_of_long_ago_can_be_revoked),
        TEST(test_a_client_is_not_followed_for_ever),
        TEST(test_without_memory_a_list_stays_as_it_was),
        TEST(test_a_session_ends_with_what_led_to_it),
        TEST(test_what_is_listed_goes_along_with_the_key),
        TEST(test_a_session_that_waits_for_the_old_key_takes_the_new_one),
    };
    return run_over_both_carriers(tests);
}
