/* SPDX-License-Identifier: MIT */
/* Who is asked next whether it lives. */
#include "table_bench.h"

/* VX6-DHT-010 */
static void test_the_longest_idle_contact_is_asked_first_and_not_again(void **state)
{
    (void)state;
    struct solo solo;
    start(&solo);
    uint32_t idle_ms[2];
    assert_null(idle_longest(solo.node, idle_ms));
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(enter(&solo, 2 - i));
        pass(&solo, 1000);
    }
    struct contact *oldest = idle_longest(solo.node, idle_ms);
    assert_ptr_equal(oldest, &solo.node->table.contacts[2]);
    assert_int_equal(idle_ms[0], 3000);
    assert_int_equal(idle_ms[1], 2000);
    idle_asked(solo.node, oldest);
    oldest = idle_longest(solo.node, idle_ms);
    assert_ptr_equal(oldest, &solo.node->table.contacts[1]);
    assert_int_equal(idle_ms[0], 2000);
    /* One that failed comes first, after a pause. */
    oldest = &solo.node->table.contacts[0];
    idle_asked(solo.node, oldest);
    table_failed(solo.node, table_peer(&solo.node->table, oldest));
    assert_ptr_not_equal(idle_longest(solo.node, idle_ms), oldest);
    pass(&solo, 5000);
    assert_ptr_equal(idle_longest(solo.node, idle_ms), oldest);
    assert_int_equal(idle_ms[0], UINT32_MAX);
    solo_stop(&solo);
}

/* VX6-DHT-010: who was next in line has answered meanwhile; nobody need look before the one behind.
 */
static void test_when_the_next_is_due_is_known_though_others_have_answered(void **state)
{
    (void)state;
    struct solo solo;
    uint32_t idle_ms[2];
    start(&solo);
    for (uint32_t i = 0; i < 3; i++) {
        (void)enter(&solo, i);
        pass(&solo, 1000);
    }
    (void)idle_longest(solo.node, idle_ms);
    pass(&solo, 50000);
    (void)table_seen(solo.node, solo.node->table.peers[0]);
    pass(&solo, 1000);
    (void)table_seen(solo.node, solo.node->table.peers[1]);
    pass(&solo, 1000);
    assert_ptr_equal(idle_longest(solo.node, idle_ms), &solo.node->table.contacts[2]);
    assert_in_range(idle_ms[0], 53000, 55000);
    assert_int_equal(idle_ms[1], 2000);
    solo_stop(&solo);
}

/* VX6-DHT-010: however few contacts there are, and whenever another one would be asked. */
static void test_who_has_failed_is_asked_again_after_five_seconds(void **state)
{
    (void)state;
    struct solo solo;
    start(&solo);
    for (uint32_t i = 0; i < 3; i++)
        (void)enter(&solo, i);
    solo.node->discovery.joined = true; /* and nothing else to do */
    solo.node->discovery.is_announced = true;
    for (uint32_t i = 0; i < REFRESH_SLOTS; i++)
        solo.node->discovery.refresh_at[i] = VX6_NEVER;
    pass(&solo, 60000);
    struct contact *failing = &solo.node->table.contacts[0];
    for (uint32_t i = 1; i < 3; i++)
        (void)table_seen(solo.node, solo.node->table.peers[i]);
    solo_wait(&solo, 600); /* the pace of maintenance */
    idle_asked(solo.node, failing);
    solo_wait(&solo, 2000);
    table_failed(solo.node, table_peer(&solo.node->table, failing));
    solo_wait(&solo, 600);
    assert_in_range(vx6_node_deadline(solo.node) - solo.now, 0, 4 * VX6_SECOND);
    solo_wait(&solo, 4000);
    assert_in_range(table_asked_s(&solo.node->table)[0], 65, 67);
    solo_stop(&solo);
}

static uint32_t longest_idle_ms(const struct solo *solo)
{
    const struct table *table = &solo->node->table;
    uint32_t clock = (uint32_t)((solo->node->now - solo->node->started) / VX6_MILLISECOND);
    uint32_t longest = 0;
    for (uint32_t i = 0; i < table->count; i++) {
        uint32_t silent_ms = clock - table_seen_ms(table)[i];
        uint32_t asked_ms = (clock / 1000 - table_asked_s(table)[i]) * 1000;
        uint32_t ms = silent_ms < asked_ms ? silent_ms : asked_ms;
        if (table->contacts[i].urgent && asked_ms >= 5000)
            ms = UINT32_MAX;
        longest = ms > longest ? ms : longest;
    }
    return longest;
}

/* VX6-DHT-010: whatever happens between two questions, nobody is passed over. */
static void test_who_is_asked_is_the_longest_idle_of_all(void **state)
{
    (void)state;
    struct solo solo;
    start(&solo);
    for (uint32_t i = 0; i < 60; i++)
        (void)enter(&solo, i % 6);
    for (uint32_t step = 0; step < 20000; step++) {
        const struct table *table = &solo.node->table;
        struct peer *peer = table->peers[draw() % table->count];
        uint32_t what = draw() % 16, idle_ms[2];
        if (what < 10)
            (void)table_seen(solo.node, peer);
        else if (what == 10)
            table_failed(solo.node, peer);
        else if (what == 11 && table->count < 100)
            (void)enter(&solo, draw() % 6);
        else if (what > 12) {
            struct contact *oldest = idle_longest(solo.node, idle_ms);
            uint32_t longest = longest_idle_ms(&solo);
            assert_true(idle_ms[0] + (uint64_t)1000 >= longest);
            assert_true(idle_ms[1] <= idle_ms[0]);
            if (idle_ms[0] >= table_patience_ms(solo.node))
                idle_asked(solo.node, oldest);
        }
        pass(&solo, draw() % 2000);
    }
    solo_stop(&solo);
}

/* VX6-DHT-010 */
static void test_patience_follows_how_fast_contacts_go_away(void **state)
{
    (void)state;
    struct solo solo;
    start(&solo);
    solo.limits.contact_failures_max = 1;
    const struct vx6_limits *limits = &solo.limits;
    assert_int_equal(table_patience_ms(solo.node), limits->contact_ping_ms);
    for (uint32_t i = 0; i < 100; i++)
        (void)enter(&solo, i % 5);
    for (uint32_t round = 0; round < 3; round++) {
        pass(&solo, 60000);
        for (uint32_t i = 0; i < solo.node->table.count; i++)
            (void)table_seen(solo.node, solo.node->table.peers[i]);
    }
    assert_int_equal(table_patience_ms(solo.node), limits->contact_ping_max_ms);
    /* One in five goes away each minute: patience comes down to about a minute. */
    for (uint32_t round = 0; round < 40; round++) {
        pass(&solo, 60000);
        for (uint32_t i = 0; i < solo.node->table.count; i++) {
            if (draw() % 5 > 0)
                (void)table_seen(solo.node, solo.node->table.peers[i]);
            else
                table_failed(solo.node, solo.node->table.peers[i]);
        }
        while (solo.node->table.count < 100)
            (void)enter(&solo, draw() % 5);
    }
    assert_in_range(table_patience_ms(solo.node), limits->contact_ping_ms, 90000);
    solo_stop(&solo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_longest_idle_contact_is_asked_first_and_not_again),
        cmocka_unit_test(test_when_the_next_is_due_is_known_though_others_have_answered),
        cmocka_unit_test(test_who_has_failed_is_asked_again_after_five_seconds),
        cmocka_unit_test(test_who_is_asked_is_the_longest_idle_of_all),
        cmocka_unit_test(test_patience_follows_how_fast_contacts_go_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
