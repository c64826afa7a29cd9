/* SPDX-License-Identifier: MIT */
/* Links that are up: records, frames, rekeying, silence, and how they end. Spec: spec/links.md. */
#include "ends.h"

static const struct vx6_crypto *const providers[2] = {&vx6_crypto_real, &vx6_crypto_model};

static void send_frames(struct ends *ends, int side, uint32_t count, uint32_t payload)
{
    struct end *end = &ends->end[side];
    end->to_send = count;
    end->payload = payload;
    link_want_write(&end->node, end_link(end));
    end_drain(ends, end);
}

/* Seals `len` bytes of frames as the next record of an end, whatever they are. */
static void send_by_hand(struct ends *ends, int side, const uint8_t *frames, size_t len)
{
    struct link *link = end_link(&ends->end[side]);
    struct wire *wire = &ends->end[1 - side].in;
    uint8_t *dst = wire->bytes + wire->len;
    store_u16(dst, (uint16_t)(len + VX6_TAG_SIZE));
    ends->crypto.seal(&ends->crypto, &link->send, dst, 2, frames, len, dst + 2);
    wire->len += 2 + len + VX6_TAG_SIZE;
}

/* VX6-LINK-009 */
static void test_frames_of_every_size_cross_in_both_directions(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 100, 1000, 9000, 16000, 31999, 32000};
    for (int row = 0; row < 2; row++) {
        struct ends *ends = ends_up(providers[row]);
        uint32_t total = 0;
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            for (int side = 0; side < 2; side++)
                send_frames(ends, side, 20, sizes[i]);
            ends_run(ends);
            total += 20;
            assert_int_equal(ends->end[0].received, total);
            assert_int_equal(ends->end[1].received, total);
        }
        assert_true(sent_bytes[0] == ends->end[1].received_bytes);
        ends_free(ends);
    }
}

/* VX6-LINK-009: many frames share a record, and a fill writes as many records as there is room. */
static void test_records_are_filled_before_another_begins(void **state)
{
    (void)state;
    struct ends *ends = ends_up(&vx6_crypto_model);
    struct end *listener = &ends->end[LISTENER];
    send_frames(ends, DIALLER, 3000, 20);
    size_t records = 0;
    for (size_t at = 0; at < listener->in.len; records++) {
        size_t sealed_len = load_u16(listener->in.bytes + at);
        assert_in_range(sealed_len, RECORD_SEALED_MIN, RECORD_SEALED_MAX);
        at += 2 + sealed_len;
    }
    assert_in_range(records, 4, 5); /* 3,000 x (2 + 18 + 20) bytes */
    ends_run(ends);
    assert_int_equal(listener->received, 3000);
    ends_free(ends);
}

/* VX6-LINK-009: one byte of a record changes, at each of its places. */
static void test_a_changed_byte_in_a_record_ends_the_link(void **state)
{
    (void)state;
    for (size_t at = 0; at < 200; at++) {
        struct ends *ends = ends_up(providers[at % 2]);
        struct end *listener = &ends->end[LISTENER], *dialler = &ends->end[DIALLER];
        send_frames(ends, DIALLER, 1, 60);
        size_t len = listener->in.len;
        listener->in.bytes[at / 2 < len ? at / 2 : len - 1] ^= (uint8_t)(1u << at % 8);
        bool is_length = at / 2 < 2;
        ends_run(ends);
        assert_int_equal(listener->received, 0);
        if (!is_length) {
            assert_int_equal(listener->close_code, VX6_BAD_SEAL);
            assert_int_equal(dialler->close_code, VX6_BAD_SEAL); /* it was told why */
            assert_int_equal(listener->downs + dialler->downs, 2);
        } else if (listener->closed) {
            assert_true(
                listener->close_code == VX6_BAD_SEAL || listener->close_code == VX6_BAD_MESSAGE);
        }
        ends_free(ends);
    }
}

static void test_a_replayed_or_skipped_record_ends_the_link(void **state)
{
    (void)state;
    for (int row = 0; row < 4; row++) {
        struct ends *ends = ends_up(providers[row & 1]);
        struct end *listener = &ends->end[LISTENER];
        send_frames(ends, DIALLER, 1, 50);
        size_t len = listener->in.len;
        static uint8_t record[200];
        memcpy(record, listener->in.bytes, len);
        if (row & 2) { /* the first is lost, the second comes */
            listener->in.len = 0;
            send_frames(ends, DIALLER, 1, 50);
            ends_run(ends);
            assert_int_equal(listener->received, 0);
        } else {
            ends_run(ends);
            memcpy(listener->in.bytes, record, len);
            listener->in.len = len;
            ends_run(ends);
            assert_int_equal(listener->received, 1);
        }
        assert_int_equal(listener->close_code, VX6_BAD_SEAL);
        ends_free(ends);
    }
}

/* VX6-LINK-009: each direction has a key of its own. */
static void test_S6_a_record_sent_back_ends_the_link(void **state)
{
    (void)state;
    for (int row = 0; row < 4; row++) {
        struct ends *ends = ends_up(providers[row & 1]);
        struct end *sender = &ends->end[row / 2], *other = &ends->end[1 - row / 2];
        send_frames(ends, row / 2, 1, 50);
        memcpy(sender->in.bytes, other->in.bytes, other->in.len);
        sender->in.len = other->in.len;
        other->in.len = 0;
        end_deliver(ends, sender);
        assert_int_equal(sender->received, 0);
        assert_int_equal(sender->down_code, VX6_BAD_SEAL);
        ends_free(ends);
    }
}

/* VX6-LINK-008, VX6-LINK-009 */
static void test_lengths_that_no_record_has_are_refused_at_once(void **state)
{
    (void)state;
    static const uint16_t lengths[] = {0, 1, 16, 17, 18, RECORD_SEALED_MAX + 1, UINT16_MAX};
    for (size_t row = 0; row < sizeof lengths / sizeof lengths[0]; row++) {
        struct ends *ends = ends_up(&vx6_crypto_model);
        struct end *listener = &ends->end[LISTENER];
        store_u16(listener->in.bytes, lengths[row]);
        listener->in.len = 2;
        /* The first refusal takes memory for its counter. */
        refuse(&listener->node, VX6_EVENT_link_refused, NULL, VX6_MSG_NONE, 0, VX6_BAD_MESSAGE);
        uint64_t requests = listener->memory.requests;
        ends_run(ends);
        assert_int_equal(listener->close_code, VX6_BAD_MESSAGE);
        assert_int_equal(listener->memory.requests, requests);
        ends_free(ends);
    }
}

struct bad_frames {
    const char *what;
    enum vx6_code code;
    size_t len;
    uint8_t bytes[24];
};

/* VX6-LINK-010, VX6-LINK-011, VX6-LINK-013: what an authenticated peer must not say either. */
static void test_frames_that_break_a_rule_end_the_link(void **state)
{
    (void)state;
    static const struct bad_frames rows[] = {
        {"a frame without bytes", VX6_BAD_MESSAGE, 3, {0, 0, 0}},
        {"a frame longer than its record", VX6_BAD_MESSAGE, 3, {0, 2, 0x43}},
        {"data that its record ends before", VX6_BAD_MESSAGE, 21,
            {0, 20, 0x55, 0, 0, 0, 1, 0, 0, 0, 1}},
        {"a byte after the last frame", VX6_BAD_MESSAGE, 4, {0, 1, 0x43, 0}},
        {"an unknown type", VX6_BAD_MESSAGE, 3, {0, 1, 0x7f}},
        {"a query", VX6_BAD_MESSAGE, 3, {0, 1, 0x20}},
        {"a probe with a tail", VX6_BAD_MESSAGE, 4, {0, 2, 0x43, 0}},
        {"a second hello", VX6_UNEXPECTED, 25, {0, 23, 0x40}},
        {"a rekey that is not the last frame", VX6_UNEXPECTED, 6, {0, 1, 0x42, 0, 1, 0x43}},
    };
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        struct ends *ends = ends_up(providers[row % 2]);
        uint8_t frames[32] = {0};
        memcpy(frames, rows[row].bytes, sizeof rows[row].bytes);
        send_by_hand(ends, DIALLER, frames, rows[row].len);
        ends_run(ends);
        print_message("%s\n", rows[row].what);
        assert_int_equal(ends->end[LISTENER].close_code, rows[row].code);
        assert_int_equal(ends->end[DIALLER].close_code, rows[row].code);
        assert_int_equal(ends->end[LISTENER].received, 0);
        ends_free(ends);
    }
}

/* VX6-LINK-011: an authenticated peer that says anything at all. */
static void test_random_frames_end_the_link_or_nothing(void **state)
{
    (void)state;
    struct rng rng;
    uint8_t seed[32] = {42};
    rng_init(&rng, seed, "frames");
    for (int row = 0; row < 3000; row++) {
        struct ends *ends = ends_up(&vx6_crypto_model);
        struct end *listener = &ends->end[LISTENER];
        uint8_t frames[64];
        for (int record = 0; record < 4 && end_state(listener) == LINK_UP; record++) {
            size_t len = 3 + rng_below(&rng, 60);
            rng_bytes(&rng, frames, len);
            for (size_t at = 0; at + 3 <= len && rng_below(&rng, 8) != 0;) {
                uint32_t type = rng_below(&rng, 6);
                uint16_t size = (uint16_t)(type == 0 ? 23 : type == 1 ? 3 : 1);
                store_u16(frames + at, size);
                frames[at + 2] = (uint8_t)(0x40 + type);
                at += 2 + (size_t)size;
            }
            send_by_hand(ends, DIALLER, frames, len);
            ends_run(ends);
        }
        assert_true(end_state(listener) == LINK_UP || listener->downs == 1);
        assert_int_equal(listener->received, 0);
        ends_free(ends);
    }
}

/* VX6-LINK-010: from either end; and only a responder may tell the time. */
static void test_hello_comes_first(void **state)
{
    (void)state;
    static const uint8_t probe[] = {0, 1, 0x43};
    static const uint8_t hello_with_time[25] = {0, 23, 0x40, 0, 0, 0, 16};
    for (int row = 0; row < 6; row++) {
        struct ends *ends = ends_new(providers[row & 1]);
        struct end *listener = &ends->end[LISTENER], *dialler = &ends->end[DIALLER];
        int liar = row / 2 == 1 ? LISTENER : DIALLER;
        ends_connect(ends, NULL);
        end_deliver(ends, listener);
        if (liar == LISTENER)
            end_deliver(ends, dialler);
        int other = 1 - liar;
        struct link *link = end_link(&ends->end[liar]);
        end_feed(&ends->end[liar], ends->end[liar].in.bytes, ends->end[liar].in.len);
        ends->end[liar].in.len = 0;
        assert_true(link->owed & OWED_HELLO);
        link->owed = 0;
        end_drain(ends, &ends->end[liar]);
        if (row / 2 == 2)
            send_by_hand(ends, liar, hello_with_time, sizeof hello_with_time);
        else
            send_by_hand(ends, liar, probe, sizeof probe);
        ends_run(ends);
        assert_int_equal(
            ends->end[other].close_code, row / 2 == 2 ? VX6_BAD_MESSAGE : VX6_UNEXPECTED);
        assert_int_equal(ends->end[other].received, 0);
        ends_free(ends);
    }
}

/* VX6-LINK-013 */
static void test_S6_keys_change_after_so_many_records(void **state)
{
    (void)state;
    for (int row = 0; row < 2; row++) {
        struct ends *ends = ends_new(providers[row]);
        ends->limits.rekey_records = 16;
        ends_connect(ends, NULL);
        ends_run(ends);
        uint8_t key[32];
        memcpy(key, end_link(&ends->end[LISTENER])->receive.key, 32);
        for (uint32_t i = 0; i < 500; i++) {
            send_frames(ends, DIALLER, 1, 10);
            send_frames(ends, LISTENER, 1, 10);
            ends_run(ends);
        }
        assert_int_equal(ends->end[0].received, 500);
        assert_int_equal(ends->end[1].received, 500);
        assert_memory_not_equal(key, end_link(&ends->end[LISTENER])->receive.key, 32);
        assert_int_equal(end_link(&ends->end[DIALLER])->send.nonce, 501); /* it goes on */
        assert_int_equal(
            ends->end[LISTENER].node.counters[VX6_EVENT_frame_received], 500 + 1 + 501 / 16);
        ends_free(ends);
    }
}

/* VX6-LINK-013 */
static void test_keys_change_after_so_much_time(void **state)
{
    (void)state;
    struct ends *ends = ends_new(&vx6_crypto_real);
    ends->limits.rekey_ms = 5000;
    ends->limits.link_probe_ms = 600000;
    ends_connect(ends, NULL);
    ends_run(ends);
    for (int i = 0; i < 2; i++)
        link_in_use(&ends->end[i].node, end_link(&ends->end[i]), 1);
    uint32_t rekeys = 0;
    for (uint32_t second = 0; second < 20; second++) {
        ends_pass(ends, VX6_SECOND, true);
        ends->end[LISTENER].frame_count = 0;
        send_frames(ends, DIALLER, 1, 10);
        ends_run(ends);
        for (uint32_t i = 0; i < ends->end[LISTENER].frame_count; i++)
            rekeys += ends->end[LISTENER].frames[i] == VX6_MSG_link_rekey;
    }
    assert_int_equal(rekeys, 4);
    assert_int_equal(ends->end[LISTENER].received, 20);
    ends_free(ends);
}

/* VX6-LINK-014 */
static void test_a_close_is_told_and_its_reason_arrives(void **state)
{
    (void)state;
    static const enum vx6_code codes[] = {VX6_OK, VX6_SHUTDOWN, VX6_IDLE, VX6_FLOW};
    for (int row = 0; row < 8; row++) {
        struct ends *ends = ends_up(&vx6_crypto_model);
        struct end *closer = &ends->end[row & 1], *other = &ends->end[!(row & 1)];
        send_frames(ends, row & 1, 2, 100);
        link_close(&closer->node, end_link(closer), codes[row / 2]);
        assert_int_equal(closer->downs, 1);
        assert_int_equal(closer->discovery_downs, 1);
        assert_int_equal(end_state(closer), LINK_CLOSING);
        link_close(&closer->node, end_link(closer), VX6_TIMEOUT); /* changes nothing */
        ends_run(ends);
        for (int i = 0; i < 2; i++) {
            assert_true(ends->end[i].closed);
            assert_int_equal(ends->end[i].close_code, codes[row / 2]);
            assert_int_equal(ends->end[i].down_code, codes[row / 2]);
            assert_int_equal(ends->end[i].downs, 1);
            assert_int_equal(ends->end[i].node.links.count, 0);
            assert_int_equal(ends->end[i].node.links.closing, 0);
        }
        assert_int_equal(other->received, 2);
        ends_free(ends);
    }
}

/* VX6-LINK-014 */
static void test_S6_an_end_without_a_close_is_a_truncation(void **state)
{
    (void)state;
    struct ends *ends = ends_up(&vx6_crypto_model);
    struct end *listener = &ends->end[LISTENER];
    send_frames(ends, DIALLER, 1, 100);
    listener->in.len--;
    end_deliver(ends, listener);
    assert_int_equal(listener->received, 0);
    assert_non_null(end_link(listener)->partial);
    link_carrier_down(&listener->node, end_link(listener), VX6_OK);
    end_drain(ends, listener);
    assert_int_equal(listener->close_code, VX6_TRUNCATED);
    assert_int_equal(listener->down_code, VX6_TRUNCATED);
    ends_free(ends);
}

/* VX6-LINK-014: nothing that follows a close counts, in its record or after it. */
static void test_nothing_follows_a_close(void **state)
{
    (void)state;
    static const uint8_t close_and_more[] = {0, 3, 0x41, 0, 5, 0, 1, 0x7f};
    struct ends *ends = ends_up(&vx6_crypto_real);
    send_by_hand(ends, DIALLER, close_and_more, sizeof close_and_more);
    send_frames(ends, DIALLER, 1, 10);
    end_deliver(ends, &ends->end[LISTENER]);
    assert_int_equal(ends->end[LISTENER].close_code, VX6_SHUTDOWN);
    assert_int_equal(ends->end[LISTENER].received, 0);
    assert_int_equal(ends->end[DIALLER].in.len, 0);
    ends_free(ends);
}

/* VX6-LINK-019: a carrier that takes nothing cannot keep a closing link alive. */
static void test_a_close_that_nobody_fetches_ends_by_time(void **state)
{
    (void)state;
    struct ends *ends = ends_up(&vx6_crypto_model);
    struct end *dialler = &ends->end[DIALLER];
    link_close(&dialler->node, end_link(dialler), VX6_SHUTDOWN);
    struct ready *ready = dialler->node.ready_list.first;
    struct vx6_out out = {0};
    assert_true(link_output(&dialler->node, ready, &out));
    assert_int_equal(out.kind, VX6_OUT_WANT_WRITE);
    ends_pass(ends, 2 * VX6_SECOND, true);
    assert_true(dialler->closed);
    assert_int_equal(dialler->close_code, VX6_SHUTDOWN);
    ends_free(ends);
}

/* VX6-LINK-015 */
static void test_an_idle_link_is_closed_and_one_in_use_is_not(void **state)
{
    (void)state;
    for (int used = 0; used < 2; used++) {
        struct ends *ends = ends_up(&vx6_crypto_model);
        struct end *dialler = &ends->end[DIALLER];
        for (int i = 0; used && i < 2; i++)
            link_in_use(&ends->end[i].node, end_link(&ends->end[i]), 1);
        ends_pass(ends, 59 * VX6_SECOND, true);
        assert_int_equal(end_state(dialler), LINK_UP);
        ends_pass(ends, 200 * VX6_SECOND, true);
        assert_int_equal(end_state(dialler), used ? LINK_UP : LINK_CLOSED);
        if (used) {
            assert_true(dialler->node.counters[VX6_EVENT_frame_sent] > 5);
            for (int i = 0; i < 2; i++)
                link_in_use(&ends->end[i].node, end_link(&ends->end[i]), -1);
            ends_pass(ends, 61 * VX6_SECOND, true);
        }
        assert_int_equal(dialler->close_code, VX6_IDLE);
        assert_int_equal(ends->end[LISTENER].close_code, VX6_IDLE);
        ends_free(ends);
    }
}

/* VX6-LINK-015: silence is probed, silence after that is death. */
static void test_a_silent_peer_is_probed_and_then_given_up(void **state)
{
    (void)state;
    struct ends *ends = ends_up(&vx6_crypto_model);
    struct end *dialler = &ends->end[DIALLER];
    link_in_use(&dialler->node, end_link(dialler), 1);
    link_in_use(&ends->end[LISTENER].node, end_link(&ends->end[LISTENER]), 1);
    uint64_t sent = dialler->node.counters[VX6_EVENT_frame_sent];
    ends_pass(ends, 14 * VX6_SECOND, false);
    assert_int_equal(dialler->node.counters[VX6_EVENT_frame_sent], sent);
    ends_pass(ends, 2 * VX6_SECOND, false);
    assert_int_equal(dialler->node.counters[VX6_EVENT_frame_sent], sent + 1);
    ends_pass(ends, 13 * VX6_SECOND, false);
    assert_false(dialler->closed);
    ends_pass(ends, 3 * VX6_SECOND, false);
    assert_true(dialler->closed);
    assert_int_equal(dialler->close_code, VX6_TIMEOUT);
    ends_free(ends);
}

/* VX6-LINK-012 */
static void test_a_flood_of_probes_is_answered_once(void **state)
{
    (void)state;
    static const uint8_t probes[] = {0, 1, 0x43, 0, 1, 0x43, 0, 1, 0x43, 0, 1, 0x43};
    struct ends *ends = ends_up(&vx6_crypto_model);
    for (int i = 0; i < 100; i++)
        send_by_hand(ends, DIALLER, probes, sizeof probes);
    end_deliver(ends, &ends->end[LISTENER]);
    assert_int_equal(ends->end[DIALLER].in.len, 2 + 3 + VX6_TAG_SIZE);
    ends_free(ends);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_of_every_size_cross_in_both_directions),
        cmocka_unit_test(test_records_are_filled_before_another_begins),
        cmocka_unit_test(test_a_changed_byte_in_a_record_ends_the_link),
        cmocka_unit_test(test_a_replayed_or_skipped_record_ends_the_link),
        cmocka_unit_test(test_S6_a_record_sent_back_ends_the_link),
        cmocka_unit_test(test_lengths_that_no_record_has_are_refused_at_once),
        cmocka_unit_test(test_frames_that_break_a_rule_end_the_link),
        cmocka_unit_test(test_random_frames_end_the_link_or_nothing),
        cmocka_unit_test(test_hello_comes_first),
        cmocka_unit_test(test_S6_keys_change_after_so_many_records),
        cmocka_unit_test(test_keys_change_after_so_much_time),
        cmocka_unit_test(test_a_close_is_told_and_its_reason_arrives),
        cmocka_unit_test(test_S6_an_end_without_a_close_is_a_truncation),
        cmocka_unit_test(test_nothing_follows_a_close),
        cmocka_unit_test(test_a_close_that_nobody_fetches_ends_by_time),
        cmocka_unit_test(test_an_idle_link_is_closed_and_one_in_use_is_not),
        cmocka_unit_test(test_a_silent_peer_is_probed_and_then_given_up),
        cmocka_unit_test(test_a_flood_of_probes_is_answered_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
