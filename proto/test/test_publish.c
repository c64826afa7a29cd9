/* SPDX-License-Identifier: MIT */
/* Publishing against holders that the test plays. */
#include "lone.h"

void session_resolved(struct vx6_node *node, struct session *session, enum vx6_code code,
    const uint8_t key[32], vx6_span via, const vx6_addr *addr)
{
    (void)node, (void)session, (void)code, (void)key, (void)via, (void)addr;
    fail();
}

void listing_resolved(struct vx6_node *node, struct listing *listing, enum vx6_code code,
    const uint8_t key[32], const vx6_addr *addr)
{
    (void)node, (void)listing, (void)code, (void)key, (void)addr;
    fail();
}

enum {
    HOLDERS = KADEMLIA_K
};

static void check_record(struct vx6_node *node, uint64_t sequence, uint32_t endpoints)
{
    struct vx6_node_record record;
    vx6_span bytes = publish_record(node);
    assert_int_equal(record_check_node(node->env, node_unix_s(node), bytes, &record), VX6_OK);
    assert_int_equal(record.sequence, sequence);
    assert_int_equal(record.endpoints.count, endpoints);
    assert_memory_equal(record.identity, node->keys.identity, 32);
}

static void add_endpoint(struct vx6_node *node, uint8_t last)
{
    vx6_addr addr = {.ip = {0x20, 1, 0x0d, 0xb8, [15] = last}, .port = 4242};
    node->endpoints[node->endpoint_count++] = addr;
    publish_changed(node);
}

/* Ends the lookup at `index` with `count` contacts that answered. */
static void end_lookup(struct vx6_node *node, uint32_t index, uint32_t count)
{
    struct lookup *lookup = &lone_lookups[index];
    assert_true(lookup->running);
    assert_false(lookup->want_values);
    assert_int_equal(lookup->user, LOOKUP_PUBLISH);
    struct lookup_contact closest[HOLDERS];
    for (uint32_t i = 0; i < count; i++) {
        uint8_t key[32] = {(uint8_t)i};
        vx6_addr addr = {.ip = {0x20, 2, [15] = (uint8_t)i}, .port = 9};
        closest[i] = (struct lookup_contact){.peer = peer_get(node->env, key, &addr)};
        memset(closest[i].token, (int)i, sizeof closest[i].token);
    }
    struct lookup_result result = {.target = lookup->target,
        .closest = closest,
        .closest_count = count,
        .code = count > 0 ? VX6_OK : VX6_NO_PEERS};
    lookup->running = false;
    publication_lookup_done(node, lookup->context, &result);
    for (uint32_t i = 0; i < count; i++)
        peer_drop(node->env, closest[i].peer);
}

/* Answers the oldest query in flight; returns false when there is none. */
static bool answer_one(struct vx6_node *node, bool lost, enum vx6_code code)
{
    for (uint32_t i = 0; i < lone_query_count; i++) {
        struct query *query = &lone_queries[i];
        if (!query->running)
            continue;
        query->running = false;
        lone_in_flight--;
        struct vx6_msg answer = {.type = VX6_MSG_stored, .u.stored.code = (uint16_t)code};
        struct query_result result = {.peer = query->peer, .answer = lost ? NULL : &answer};
        publication_query_done(node, query->context, &result);
        return true;
    }
    return false;
}

static void check_stores(
    struct vx6_node *node, uint32_t from, uint32_t count, const uint8_t key[32])
{
    for (uint32_t i = 0; i < count; i++) {
        const struct vx6_store *store = &lone_queries[from + i].ask.u.store;
        assert_int_equal(lone_queries[from + i].ask.type, VX6_MSG_store);
        assert_memory_equal(store->key, key, 32);
        assert_int_equal(store->token[0], i);
        assert_int_equal(store->token[15], i);
        assert_ptr_equal(store->bundle.data, node->publish.bundle->data);
    }
}

/* VX6-REC-013 */
static void test_a_record_exists_before_the_node_has_joined(void **state)
{
    (void)state;
    struct vx6_node *node = lone_new(1, "");
    check_record(node, 100, 0);
    check_record(node, 100, 0);
    add_endpoint(node, 1);
    check_record(node, 101, 1);
    assert_int_equal(timer_deadline(&node->timers), VX6_NEVER);
    lone_free(node);
}

static void test_a_record_without_memory_is_empty_and_made_later(void **state)
{
    (void)state;
    struct vx6_node *node = lone_new(1, "alice");
    lone_memory.fail_at = lone_memory.requests + 1;
    assert_int_equal(publish_record(node).len, 0);
    lone_run(node, VX6_SECOND);
    check_record(node, 101, 0);
    lone_free(node);
}

/* The last one is shown meanwhile, and nobody makes the node sign by asking for it. */
static void test_a_record_without_memory_stays_and_is_made_later(void **state)
{
    (void)state;
    struct vx6_node *node = lone_new(1, "alice");
    check_record(node, 100, 0);
    add_endpoint(node, 1);
    lone_memory.fail_at = lone_memory.requests + 1;
    for (uint32_t i = 0; i < 5; i++)
        check_record(node, 100, 0);
    assert_int_equal(node->sequence_next, 102);
    lone_run(node, VX6_SECOND);
    check_record(node, 102, 1);
    lone_free(node);
}

/* VX6-REC-013 */
static void test_a_record_is_never_older_than_half_its_life(void **state)
{
    (void)state;
    struct vx6_node *node = lone_new(1, "");
    check_record(node, 100, 0);
    lone_run(node, 899 * VX6_SECOND);
    check_record(node, 100, 0);
    lone_run(node, VX6_SECOND);
    check_record(node, 101, 0);
    node->unix_ms_at_zero -= 86400 * 1000; /* the wall clock is set back, then forward */
    publish_clock_moved(node);
    check_record(node, 102, 0);
    node->unix_ms_at_zero += 86400 * 1000;
    publish_clock_moved(node);
    check_record(node, 103, 0);
    publish_clock_moved(node);
    check_record(node, 103, 0);
    lone_free(node);
}

/* VX6-REC-015 */
static void test_a_bundle_goes_to_the_closest_nodes_of_both_its_keys(void **state)
{
    (void)state;
    struct vx6_node *node = lone_new(1, "alice");
    add_endpoint(node, 1);
    publish_joined(node);
    assert_int_equal(lone_lookup_count, 0);
    lone_run(node, 0);
    assert_int_equal(lone_lookup_count, 2);
    uint8_t named[32];
    name_key(&vx6_crypto_model, named, lone_text("alice"));
    assert_memory_equal(lone_lookups[0].target, node->keys.id, 32);
    assert_memory_equal(lone_lookups[1].target, named, 32);

    /* It holds its own bundle at once. Under its own ID it is the closest itself: 19 others. */
    assert_int_equal(lone_stored, 2);
    end_lookup(node, 0, HOLDERS);
    uint32_t in_flight_max = 0;
    do {
        in_flight_max = lone_in_flight > in_flight_max ? lone_in_flight : in_flight_max;
    } while (answer_one(node, false, VX6_OK));
    assert_int_equal(in_flight_max, KADEMLIA_ALPHA);
    assert_int_equal(lone_query_count, HOLDERS - 1);
    check_stores(node, 0, HOLDERS - 1, node->keys.id);
    assert_int_equal(node->counters[VX6_EVENT_published], 0); /* not under its name */

    end_lookup(node, 1, 5);
    while (answer_one(node, lone_query_count % 2 == 0, VX6_OK))
        ;
    check_stores(node, HOLDERS - 1, 5, named);
    assert_int_equal(node->counters[VX6_EVENT_published], 1);
    assert_int_equal(lone_last[VX6_EVENT_published].code, VX6_OK);
    assert_int_equal(lone_last[VX6_EVENT_published].len, 1);
    assert_int_equal(node->publish.retry_at, VX6_NEVER);
    lone_free(node);
}

/* VX6-REC-013 */
static void test_several_changes_make_one_new_bundle(void **state)
{
    (void)state;
    struct vx6_node *node = lone_new(1, "");
    publish_joined(node);
    lone_run(node, 0);
    end_lookup(node, 0, 3);
    while (answer_one(node, false, VX6_OK))
        ;
    add_endpoint(node, 1);
    lone_run(node, 20 * VX6_MILLISECOND);
    add_endpoint(node, 2);
    lone_run(node, 20 * VX6_MILLISECOND);
    add_endpoint(node, 3);
    assert_int_equal(lone_lookup_count, 1);
    lone_run(node, 10 * VX6_MILLISECOND);
    assert_int_equal(lone_lookup_count, 2);
    check_record(node, 101, 3);
    add_endpoint(node, 4); /* while the lookup runs: it is given up */
    lone_run(node, 50 * VX6_MILLISECOND);
    assert_false(lone_lookups[1].running);
    assert_true(lone_lookups[2].running);
    check_record(node, 102, 4);
    lone_free(node);
}

/* VX6-REC-013 */
static void test_K12_a_bundle_is_published_again_before_half_its_life(void **state)
{
    (void)state;
    struct vx6_node *node = lone_new(1, "");
    publish_joined(node);
    lone_run(node, 0);
    end_lookup(node, 0, 3);
    while (answer_one(node, false, VX6_OK))
        ;
    lone_run(node, 690 * VX6_SECOND);
    assert_int_equal(lone_lookup_count, 1);
    lone_run(node, 210 * VX6_SECOND);
    assert_int_equal(lone_lookup_count, 2);
    check_record(node, 101, 0);
    lone_free(node);
}

/* VX6-REC-016 */
static void test_a_bundle_that_nobody_took_is_offered_again(void **state)
{
    (void)state;
    struct vx6_node *node = lone_new(1, "");
    publish_joined(node);
    lone_run(node, 0);
    uint64_t seconds[] = {5, 10, 20, 40, 60, 60};
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(lone_lookup_count, i + 1);
        end_lookup(node, i, i % 2 == 0 ? 0 : 4);
        while (answer_one(node, i == 1, VX6_LIMIT))
            ;
        assert_int_equal(node->publish.retry_ms, seconds[i] * 1000);
        lone_run(node, seconds[i] * VX6_SECOND / 8 * 7 - VX6_MILLISECOND);
        assert_int_equal(lone_lookup_count, i + 1);
        lone_run(node, seconds[i] * VX6_SECOND / 4 + 2 * VX6_MILLISECOND);
    }
    check_record(node, 100, 0); /* the same bundle all the time */
    end_lookup(node, 6, 1);
    assert_true(answer_one(node, false, VX6_OK));
    assert_int_equal(node->publish.retry_ms, 0);
    assert_int_equal(node->publish.retry_at, VX6_NEVER);
    lone_free(node);
}

/* VX6-REC-016 */
static void test_a_bundle_is_published_when_all_its_keys_are_held(void **state)
{
    (void)state;
    struct vx6_node *node = lone_new(1, "alice");
    publish_joined(node);
    for (uint32_t run = 0; run < 2; run++) {
        lone_run(node, 6 * VX6_SECOND);
        assert_int_equal(lone_lookup_count, 2 * run + 2);
        end_lookup(node, 2 * run + 1, run == 0 ? 0 : 2); /* at first nobody holds the name */
        end_lookup(node, 2 * run, 3);
        while (answer_one(node, false, VX6_OK))
            ;
        assert_int_equal(node->counters[VX6_EVENT_published], run + 1);
        assert_int_equal(lone_last[VX6_EVENT_published].code, run == 0 ? VX6_UNREACHABLE : VX6_OK);
        assert_int_equal(lone_last[VX6_EVENT_published].len, run == 0 ? 0 : 2);
    }
    lone_free(node);
}

static void test_a_lookup_that_cannot_start_is_tried_again(void **state)
{
    (void)state;
    struct vx6_node *node = lone_new(1, "alice");
    publish_joined(node);
    lone_lookup_refused = true;
    lone_run(node, VX6_SECOND);
    assert_int_equal(lone_lookup_count, 0);
    lone_lookup_refused = false;
    lone_run(node, 6 * VX6_SECOND);
    assert_int_equal(lone_lookup_count, 2);
    lone_free(node);
}

/* VX6-REC-014 */
static void test_services_that_do_not_fit_are_left_out(void **state)
{
    (void)state;
    struct vx6_node *node = lone_new(1, "alice");
    static char names[16][VX6_LABEL_MAX];
    lone_service_count = 16;
    for (size_t i = 0; i < 16; i++) {
        memset(names[i], 'a' + (int)i, VX6_LABEL_MAX);
        lone_services[i] = (vx6_span){(const uint8_t *)names[i], VX6_LABEL_MAX};
    }
    struct blob *blob = publish_bundle(node);
    struct bundle bundle;
    enum vx6_code code =
        bundle_check(node->env, node_unix_s(node), (vx6_span){blob->data, blob->len}, &bundle);
    assert_int_equal(code, VX6_OK);
    assert_int_equal(bundle.services.count, 7);
    assert_int_equal(node->counters[VX6_EVENT_limit_reached], 1);
    lone_free(node);
}

/* VX6-REC-026: those that others host are left out after all that are here. */
static void test_what_is_hosted_elsewhere_is_left_out_last(void **state)
{
    (void)state;
    struct vx6_node *node = lone_new(1, "alice");
    static char names[16][VX6_LABEL_MAX];
    lone_service_count = 8;
    lone_hosted_count = 8;
    for (size_t i = 0; i < 16; i++) {
        memset(names[i], 'a' + (int)i, VX6_LABEL_MAX);
        vx6_span name = {(const uint8_t *)names[i], VX6_LABEL_MAX};
        if (i < 8)
            lone_services[i] = name;
        else
            lone_hosted[i - 8] = (struct vx6_hosted){.name = name, .host = {(uint8_t)i}};
    }
    assert_false(publish_has_room(node));
    struct blob *blob = publish_bundle(node);
    struct bundle bundle;
    vx6_span bytes = {blob->data, blob->len};
    assert_int_equal(bundle_check(node->env, node_unix_s(node), bytes, &bundle), VX6_OK);
    assert_int_equal(bundle.services.count, 0);
    assert_int_equal(bundle.hosted.count, 5);
    uint8_t host[32];
    assert_true(bundle_host(&bundle, lone_hosted[4].name, host));
    assert_memory_equal(host, lone_hosted[4].host, 32);
    assert_false(bundle_host(&bundle, lone_hosted[5].name, host));

    lone_hosted_count = 4;
    assert_true(publish_has_room(node));
    publish_changed(node);
    lone_run(node, VX6_SECOND);
    blob = publish_bundle(node);
    bytes = (vx6_span){blob->data, blob->len};
    assert_int_equal(bundle_check(node->env, node_unix_s(node), bytes, &bundle), VX6_OK);
    assert_int_equal(bundle.services.count, 1);
    assert_int_equal(bundle.hosted.count, 4);
    lone_free(node);
}

static void test_freeing_a_node_that_publishes_stops_its_work(void **state)
{
    (void)state;
    struct vx6_node *node = lone_new(1, "alice");
    publish_joined(node);
    lone_run(node, 0);
    end_lookup(node, 0, HOLDERS);
    assert_int_equal(lone_in_flight, KADEMLIA_ALPHA);
    lone_free(node);
    assert_int_equal(lone_in_flight, 0);
    assert_false(lone_lookups[1].running);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_record_exists_before_the_node_has_joined),
        cmocka_unit_test(test_a_record_without_memory_is_empty_and_made_later),
        cmocka_unit_test(test_a_record_without_memory_stays_and_is_made_later),
        cmocka_unit_test(test_a_record_is_never_older_than_half_its_life),
        cmocka_unit_test(test_a_bundle_goes_to_the_closest_nodes_of_both_its_keys),
        cmocka_unit_test(test_several_changes_make_one_new_bundle),
        cmocka_unit_test(test_K12_a_bundle_is_published_again_before_half_its_life),
        cmocka_unit_test(test_a_bundle_that_nobody_took_is_offered_again),
        cmocka_unit_test(test_a_bundle_is_published_when_all_its_keys_are_held),
        cmocka_unit_test(test_a_lookup_that_cannot_start_is_tried_again),
        cmocka_unit_test(test_services_that_do_not_fit_are_left_out),
        cmocka_unit_test(test_what_is_hosted_elsewhere_is_left_out_last),
        cmocka_unit_test(test_freeing_a_node_that_publishes_stops_its_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
