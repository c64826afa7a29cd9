/* SPDX-License-Identifier: MIT */
/* Links over a carrier that is secure by itself and carries channels: VX6-LINK-020 to 024. */
#include "ends.h"

static struct ends *channel_ends(void)
{
    struct ends *ends = ends_new(&vx6_crypto_model);
    ends->channels = true;
    return ends;
}

static struct ends *channel_ends_up(void)
{
    struct ends *ends = channel_ends();
    ends_connect(ends, ends->end[LISTENER].node.keys.identity);
    ends_run(ends);
    for (int i = 0; i < 2; i++)
        assert_int_equal(end_state(&ends->end[i]), LINK_UP);
    return ends;
}

/* VX6-LINK-020, VX6-LINK-023: whatever pieces the carrier makes of it. */
static void test_record_and_hello_bring_the_link_up(void **state)
{
    (void)state;
    for (size_t chunk = 0; chunk < 40; chunk++) {
        struct ends *ends = channel_ends();
        ends->chunk = chunk;
        struct end *listener = &ends->end[LISTENER], *dialler = &ends->end[DIALLER];
        ends_connect(ends, chunk % 2 ? listener->node.keys.identity : NULL);
        assert_int_equal(end_state(dialler), LINK_CONFIRMING);
        assert_int_equal(end_state(listener), LINK_HANDSHAKE);
        assert_int_equal(listener->node.links.pending, 1);
        ends_run(ends);
        for (int i = 0; i < 2; i++) {
            struct end *end = &ends->end[i];
            assert_int_equal(end_state(end), LINK_UP);
            struct link *link = end_link(end);
            assert_int_equal(end->ups, 1);
            assert_int_equal(end->discovery_ups, 1);
            assert_memory_equal(link_peer_key(link), ends->end[1 - i].node.keys.identity, 32);
            assert_memory_equal(link_peer_record(link).identity, link_peer_key(link), 32);
            assert_memory_equal(link_binding(link), carrier_binding, sizeof carrier_binding);
            assert_true(link_has_channels(link));
            static const uint8_t first[] = {VX6_MSG_link_record, VX6_MSG_link_hello};
            assert_int_equal(end->frame_count, 2);
            assert_memory_equal(end->frames, first, 2);
        }
        assert_int_equal(listener->node.links.pending, 0);
        ends_free(ends);
    }
}

/* VX6-LINK-021, VX6-LINK-024 */
static void test_data_crosses_in_any_pieces(void **state)
{
    (void)state;
    static const size_t caps[] = {0, VX6_FILL_CHANNEL_MIN, 44 * 1200};
    for (size_t chunk = 0; chunk < 60; chunk += 1 + chunk / 4) {
        struct ends *ends = channel_ends_up();
        ends->chunk = chunk;
        ends->fill_cap = caps[chunk % 3];
        for (int i = 0; i < 2; i++) {
            ends->end[i].to_send = 40;
            ends->end[i].payload = ends->fill_cap == VX6_FILL_CHANNEL_MIN ? 900 : 9000;
            link_want_write(&ends->end[i].node, end_link(&ends->end[i]));
        }
        ends_run(ends);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(ends->end[i].received_bytes, 40 * ends->end[i].payload);
            assert_int_equal(end_state(&ends->end[i]), LINK_UP);
            assert_int_equal(end_link(&ends->end[i])->lanes.count, 0);
        }
        ends_free(ends);
    }
}

/* VX6-LINK-020: the initiator says nothing to whom it does not want. */
static void test_S3_another_key_than_expected_hears_nothing(void **state)
{
    (void)state;
    for (int row = 0; row < 2; row++) {
        struct ends *ends = channel_ends();
        struct end *dialler = &ends->end[DIALLER];
        static const uint8_t expected[32] = {7};
        enum vx6_code code;
        struct link *link =
            link_get(&dialler->node, &listener_addr, row == 0 ? expected : NULL, &code);
        assert_non_null(link);
        dialler->id = link->id;
        struct vx6_out out = {0};
        assert_true(link_output(&dialler->node, dialler->node.ready_list.first, &out));
        assert_int_equal(out.kind, VX6_OUT_LINK_DIAL);
        static const uint8_t anybody[32];
        assert_memory_equal(out.key, row == 0 ? expected : anybody, 32);
        struct vx6_in in = {
            .kind = VX6_IN_LINK_UP, .data = carrier_binding, .len = sizeof carrier_binding};
        memcpy(in.key, ends->end[row == 0 ? LISTENER : DIALLER].node.keys.identity, 32);
        assert_int_equal(link_carrier_up(&dialler->node, link, &in), VX6_OK);
        end_drain(ends, dialler);
        assert_int_equal(dialler->close_code, row == 0 ? VX6_KEY_MISMATCH : VX6_SELF);
        assert_int_equal(ends->end[LISTENER].in.len, 0);
        assert_int_equal(dialler->ups, 0);
        assert_int_equal(dialler->downs, 1);
        ends_free(ends);
    }
}

/* What a driver must not say. */
static void test_malformed_inputs_change_nothing(void **state)
{
    (void)state;
    struct ends *ends = channel_ends_up();
    struct end *listener = &ends->end[LISTENER];
    struct vx6_in in = {.kind = VX6_IN_LINK_ACCEPTED,
        .peer = dialler_addr,
        .data = carrier_binding,
        .len = sizeof carrier_binding - 1};
    vx6_id id;
    assert_int_equal(link_accepted(&listener->node, &in, &id), VX6_INVALID);
    struct link *link = end_link(listener);
    assert_int_equal(link_carrier_up(&listener->node, link, &in), VX6_INVALID);
    in = (struct vx6_in){.channel = VX6_CHANNEL_COUNT, .data = carrier_binding, .len = 1};
    assert_int_equal(link_bytes(&listener->node, link, &in), VX6_INVALID);
    ends->channels = false;
    assert_int_equal(end_accept(listener, &dialler_addr, &id), VX6_OK);
    in.channel = 1;
    struct link *plain = slots_get(&listener->node.slots, SLOT_LINK, id);
    assert_int_equal(link_bytes(&listener->node, plain, &in), VX6_INVALID);
    assert_int_equal(end_state(listener), LINK_UP);
    ends_free(ends);
}

/* VX6-LINK-023: the record must be that of the key which the carrier proved. */
static void test_a_wrong_record_is_refused_with_its_reason(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        enum vx6_code code;
    } rows[] = {{"expired", VX6_EXPIRED}, {"of another", VX6_BAD_RECORD},
        {"changed", VX6_BAD_RECORD}, {"no record", VX6_BAD_MESSAGE},
        {"the receiver's own", VX6_BAD_RECORD}};
    for (int liar = 0; liar < 2; liar++) {
        for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
            struct ends *ends = channel_ends();
            struct end *end = &ends->end[liar], *other = &ends->end[1 - liar];
            if (row == 0)
                end->record_age_s = 7200;
            vx6_span record = publish_record(&end->node);
            if (row == 1) {
                struct own_keys keys;
                uint8_t seed[32] = {9};
                own_keys_init(&keys, end->node.env->crypto, seed);
                struct record_facts facts = {
                    .sequence = 1, .unix_s = node_unix_s(&end->node), .life_s = 1800};
                end->record_len =
                    (uint32_t)record_make_node(end->node.env->crypto, &keys, &facts, end->record);
            } else if (row == 2) {
                end->record[record.len - 1] ^= 1;
            } else if (row == 3) {
                memset(end->record, 0x55, record.len);
            } else if (row == 4) {
                vx6_span own = publish_record(&other->node);
                memcpy(end->record, own.data, own.len);
                end->record_len = (uint32_t)own.len;
            }
            ends_connect(ends, NULL);
            ends_run(ends);
            if (other->close_code != rows[row].code || end->close_code != rows[row].code)
                fail_msg("%s, liar %d: %s, %s", rows[row].what, liar,
                    vx6_code_name(other->close_code), vx6_code_name(end->close_code));
            assert_int_equal(other->ups, 0);
            ends_free(ends);
        }
    }
}

struct wrong_bytes {
    const char *what;
    uint8_t channel;
    uint8_t len;
    uint8_t bytes[24];
    enum vx6_code code;
};

/* VX6-LINK-022, VX6-LINK-023, VX6-LINK-024 */
static void test_frames_that_break_a_rule_end_the_link(void **state)
{
    (void)state;
    static const struct wrong_bytes rows[] = {
        {"an empty frame", 0, 2, {0, 0}, VX6_BAD_MESSAGE},
        {"a frame that is too long", 0, 2, {0xff, 0xff}, VX6_BAD_MESSAGE},
        {"an unknown type", 0, 3, {0, 1, 0x7f}, VX6_BAD_MESSAGE},
        {"a second record", 0, 0, {0}, VX6_UNEXPECTED},
        {"a key change", 0, 3, {0, 1, VX6_MSG_link_rekey}, VX6_UNEXPECTED},
        {"data on channel 0", 0, 21, {0, 19, VX6_MSG_stream_data, 0, 0, 0, 1, 0, 0, 0, 1},
            VX6_UNEXPECTED},
        {"a probe on channel 1", 1, 20, {0, 18, VX6_MSG_link_probe}, VX6_UNEXPECTED},
        {"data that is too short", 1, 20, {0, 17, VX6_MSG_stream_data}, VX6_BAD_MESSAGE},
        {"data that is too long", 63, 20, {0xff, 0xff, VX6_MSG_stream_data}, VX6_BAD_MESSAGE},
        {"data of 32,001 bytes", 1, 20, {0x7d, 0x13, VX6_MSG_stream_data}, VX6_BAD_MESSAGE},
        {"data with a bad head", 63, 20, {0, 19, VX6_MSG_stream_data, [19] = 2}, VX6_BAD_MESSAGE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ends *ends = channel_ends_up();
        struct end *listener = &ends->end[LISTENER];
        if (rows[i].len > 0) {
            end_feed_channel(listener, rows[i].channel, rows[i].bytes, rows[i].len);
        } else {
            struct link *dialler = end_link(&ends->end[DIALLER]);
            dialler->owed = OWED_RECORD;
            link_post_write(&ends->end[DIALLER].node, dialler);
        }
        ends_run(ends);
        if (listener->close_code != rows[i].code || ends->end[DIALLER].close_code != rows[i].code)
            fail_msg("%s: %s, %s", rows[i].what, vx6_code_name(listener->close_code),
                vx6_code_name(ends->end[DIALLER].close_code));
        ends_free(ends);
    }
}

/* VX6-LINK-023: before the record nothing is heard, on any channel. */
static void test_the_record_comes_first(void **state)
{
    (void)state;
    static const uint8_t probe[] = {0, 1, VX6_MSG_link_probe};
    static const uint8_t hello[25] = {0, 23, VX6_MSG_link_hello};
    static const uint8_t data[21] = {0, 19, VX6_MSG_stream_data, 0, 0, 0, 1, 0, 0, 0, 1};
    for (int end_number = 0; end_number < 2; end_number++) {
        for (int row = 0; row < 3; row++) {
            struct ends *ends = channel_ends();
            struct end *end = &ends->end[end_number];
            ends_connect(ends, NULL);
            if (row == 0)
                end_feed_channel(end, 0, probe, sizeof probe);
            else if (row == 1)
                end_feed_channel(end, 0, hello, sizeof hello);
            else
                end_feed_channel(end, 1, data, sizeof data);
            ends_run(ends);
            assert_int_equal(end->close_code, VX6_UNEXPECTED);
            assert_int_equal(end->ups, 0);
            assert_int_equal(end->received, 0);
            ends_free(ends);
        }
    }
}

/* VX6-LINK-019 */
static void test_a_silent_end_is_given_up(void **state)
{
    (void)state;
    struct ends *ends = channel_ends();
    ends_connect(ends, NULL);
    ends_pass(ends, 30 * VX6_SECOND, false);
    for (int i = 0; i < 2; i++) {
        assert_true(ends->end[i].closed);
        assert_int_equal(ends->end[i].close_code, VX6_TIMEOUT);
    }
    ends_free(ends);
}

/* VX6-LINK-014 */
static void test_a_close_is_told(void **state)
{
    (void)state;
    struct ends *ends = channel_ends_up();
    link_close(&ends->end[LISTENER].node, end_link(&ends->end[LISTENER]), VX6_SHUTDOWN);
    ends_run(ends);
    for (int i = 0; i < 2; i++)
        assert_int_equal(ends->end[i].close_code, VX6_SHUTDOWN);
    ends_free(ends);

    ends = channel_ends_up();
    link_carrier_down(&ends->end[DIALLER].node, end_link(&ends->end[DIALLER]), VX6_OK);
    ends_run(ends);
    assert_int_equal(ends->end[DIALLER].close_code, VX6_TRUNCATED);
    ends_free(ends);
}

static uint64_t random_state;

static uint32_t chance(uint32_t bound)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 20) % bound;
}

/* VX6-LINK-024: parts of frames on any channel, cut off at any byte, leave nothing behind. */
static void test_random_bytes_end_the_link_or_nothing(void **state)
{
    (void)state;
    uint32_t ended = 0, lanes = 0;
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        random_state = seed * 0x9E3779B97F4A7C15u;
        struct ends *ends = channel_ends_up();
        struct end *listener = &ends->end[LISTENER];
        listener->is_lax = true;
        for (int i = 0; i < 30 && end_state(listener) == LINK_UP; i++) {
            uint8_t bytes[40] = {0, (uint8_t)(18 + chance(12)), VX6_MSG_stream_data};
            size_t len = 1 + chance(sizeof bytes);
            if (chance(3) == 0)
                bytes[chance(20)] = (uint8_t)chance(256);
            uint8_t channel = (uint8_t)(chance(4) > 0 ? 1 + chance(63) : 0);
            if (channel == 0)
                bytes[0] = 0, bytes[1] = 1, bytes[2] = VX6_MSG_link_probe, len = 1 + chance(3);
            struct link *link = end_link(listener);
            struct vx6_in in = {
                .kind = VX6_IN_LINK_BYTES, .channel = channel, .data = bytes, .len = len};
            assert_int_equal(link_bytes(&listener->node, link, &in), VX6_OK);
            lanes += link->lanes.count > 0;
            end_drain(ends, listener);
        }
        ended += end_state(listener) != LINK_UP;
        ends_free(ends);
    }
    assert_true(ended > 100 && lanes > 1000);
}

static void test_any_failed_allocation_leaves_a_whole_node(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        bool failed = true;
        for (uint64_t at = 1; failed; at++) {
            struct ends *ends = channel_ends();
            ends->chunk = 7;
            failed = ends_starve(ends, side, at, 900);
            ends_free(ends);
            assert_true(at < 100);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record_and_hello_bring_the_link_up),
        cmocka_unit_test(test_data_crosses_in_any_pieces),
        cmocka_unit_test(test_S3_another_key_than_expected_hears_nothing),
        cmocka_unit_test(test_malformed_inputs_change_nothing),
        cmocka_unit_test(test_a_wrong_record_is_refused_with_its_reason),
        cmocka_unit_test(test_frames_that_break_a_rule_end_the_link),
        cmocka_unit_test(test_the_record_comes_first),
        cmocka_unit_test(test_a_silent_end_is_given_up),
        cmocka_unit_test(test_a_close_is_told),
        cmocka_unit_test(test_random_bytes_end_the_link_or_nothing),
        cmocka_unit_test(test_any_failed_allocation_leaves_a_whole_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
