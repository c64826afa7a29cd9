/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "rng.h"
#include "shortlist.h"
#include "solo.h"

enum {
    HEARD = 600
};

/* Somebody whose key and address follow from the number, as one of the list. */
static struct candidate *listed(struct solo *solo, struct shortlist *list, uint32_t number)
{
    uint8_t seed[32] = {0}, key[32];
    const vx6_addr addr = solo_addr(1000 + number);
    struct rng rng;
    store_u32(seed, number);
    rng_init(&rng, seed, "shortlist");
    rng_bytes(&rng, key, sizeof key);
    struct peer *peer = peer_get(solo->node->env, key, &addr);
    assert_non_null(peer);
    shortlist_add(solo->node, list, peer, 0, 1);
    return shortlist_find(list, key);
}

/* VX6-DHT-013: those who are lost make room for others; what those answered who stay is theirs. */
static void test_each_keeps_its_answer_when_others_leave_the_list(void **state)
{
    (void)state;
    struct solo solo;
    struct shortlist list = {.path_count = 1};
    uint32_t listed_count = 0, lost_count = 0;
    solo_init(&solo);
    solo_start(&solo, 1);
    for (uint32_t number = 0; number < HEARD; number++) {
        struct candidate *candidate = listed(&solo, &list, number);
        if (candidate == NULL)
            continue;
        listed_count++;
        assert_true(shortlist_ask(solo.node, &list, candidate));
        memcpy(shortlist_asked(&list, candidate)->token, candidate->peer->key, 16);
        candidate_settle(&list, candidate, CANDIDATE_ASKED);
        const bool is_lost = number % 4 > 0;
        lost_count += is_lost;
        candidate_settle(&list, candidate, is_lost ? CANDIDATE_LOST : CANDIDATE_ANSWERED);
        assert_int_equal(list.asked_count, list.count);
        for (uint32_t i = 0; i < list.count; i++) {
            const struct candidate *other = shortlist_nth(&list, i);
            assert_memory_equal(shortlist_asked(&list, other)->token, other->peer->key, 16);
        }
    }
    assert_int_equal(list.count, LISTED_MAX);
    assert_true(listed_count > 2 * LISTED_MAX);
    assert_true(list.count_lost < lost_count);
    shortlist_free(solo.node, &list);
    solo_stop(&solo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_keeps_its_answer_when_others_leave_the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
