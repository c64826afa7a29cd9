/* SPDX-License-Identifier: MIT */
/* The handshake of links, byte by byte, under both providers. Spec: spec/links.md, "Handshake". */
#include "ends.h"

static const struct vx6_crypto *const providers[2] = {&vx6_crypto_real, &vx6_crypto_model};

enum {
    FIRST_BYTE = 0
};

static void assert_both_up(struct ends *ends)
{
    for (int i = 0; i < 2; i++) {
        struct end *end = &ends->end[i];
        assert_int_equal(end_state(end), LINK_UP);
        assert_int_equal(end->ups, 1);
        assert_int_equal(end->discovery_ups, 1);
        assert_int_equal(end->downs, 0);
        assert_int_equal(end->node.links.pending, 0);
        assert_null(end_link(end)->handshake);
        assert_true(link_is_up(end_link(end)));
        assert_memory_equal(link_peer_key(end_link(end)), ends->end[1 - i].node.keys.identity, 32);
        struct vx6_node_record record = link_peer_record(end_link(end));
        assert_memory_equal(record.link_key, ends->end[1 - i].node.keys.link_public, 32);
        assert_int_equal(end->frames[0], VX6_MSG_link_hello);
        assert_int_equal(end->frame_count, 1);
    }
    assert_memory_equal(
        link_binding(end_link(&ends->end[0])), link_binding(end_link(&ends->end[1])), 32);
}

/* VX6-LINK-001, VX6-LINK-004 */
static void test_both_suites_come_up_with_the_key_known_or_not(void **state)
{
    (void)state;
    for (int row = 0; row < 8; row++) {
        struct ends *ends = ends_new(providers[row & 1]);
        struct end *listener = &ends->end[LISTENER], *dialler = &ends->end[DIALLER];
        dialler->node.suite = row & 2 ? VX6_SUITE_AESGCM : VX6_SUITE_CHACHAPOLY;
        ends_connect(ends, row & 4 ? listener->node.keys.identity : NULL);
        assert_int_equal(listener->in.len, LINK_MESSAGE_1_SIZE);
        assert_int_equal(listener->in.bytes[FIRST_BYTE] >> 7, row & 4 ? 1 : 0);
        end_deliver(ends, listener);
        assert_int_equal(dialler->in.len, LINK_MESSAGE_2_SIZE);
        end_deliver(ends, dialler);
        assert_int_equal(end_state(dialler), LINK_CONFIRMING);
        assert_int_equal(dialler->ups, 0);
        assert_true(listener->in.len > LINK_MESSAGE_3_SIZE);
        ends_run(ends);
        assert_both_up(ends);
        assert_int_equal(end_link(listener)->receive.suite, dialler->node.suite);
        assert_true(link_is_initiator(end_link(dialler)));
        ends_free(ends);
    }
}

/* VX6-LINK-008 */
static void test_feeding_byte_by_byte_is_feeding_at_once(void **state)
{
    (void)state;
    static const size_t chunks[] = {0, 1, 2, 7, 33, 34, 100, 1000};
    uint8_t binding[32];
    for (size_t row = 0; row < sizeof chunks / sizeof chunks[0]; row++) {
        struct ends *ends = ends_new(&vx6_crypto_real);
        ends->chunk = chunks[row];
        ends_connect(ends, NULL);
        ends_run(ends);
        assert_both_up(ends);
        if (row > 0)
            assert_memory_equal(binding, link_binding(end_link(&ends->end[0])), 32);
        memcpy(binding, link_binding(end_link(&ends->end[0])), 32);
        for (int i = 0; i < 2; i++) {
            ends->end[i].to_send = 5;
            ends->end[i].payload = 9000;
            link_want_write(&ends->end[i].node, end_link(&ends->end[i]));
        }
        ends_run(ends);
        assert_int_equal(ends->end[0].received, 5);
        assert_int_equal(ends->end[1].received, 5);
        ends_free(ends);
    }
}

/* A key that is not the listener's. */
static void other_identity(const struct ends *ends, uint8_t number, uint8_t identity[32])
{
    uint8_t seed[32] = {number, 99};
    ends->crypto.sign_public(&ends->crypto, identity, seed);
}

static void assert_listener_learnt_nothing(struct ends *ends)
{
    struct end *listener = &ends->end[LISTENER];
    assert_int_equal(listener->in.len, 0);
    assert_int_equal(listener->ups, 0);
    assert_int_equal(listener->downs, 0);
    assert_int_equal(end_state(listener), LINK_HANDSHAKE);
    assert_null(end_link(listener)->record);
}

/* VX6-LINK-006; whoever answers at the address is not believed to be the one meant, and of all keys
 * that it could have been masked for, none hides why. */
static void test_S3_a_wrong_pinned_key_ends_before_message_three(void **state)
{
    (void)state;
    for (int row = 0; row < 4 * 50; row++) {
        struct ends *ends = ends_new(providers[row & 1]);
        struct end *listener = &ends->end[LISTENER], *dialler = &ends->end[DIALLER];
        dialler->node.suite = row & 2 ? VX6_SUITE_AESGCM : VX6_SUITE_CHACHAPOLY;
        uint8_t other[32];
        other_identity(ends, (uint8_t)(row / 4), other);
        ends_connect(ends, other);
        end_deliver(ends, listener);
        end_deliver(ends, dialler);
        assert_true(dialler->closed);
        assert_int_equal(dialler->close_code, VX6_KEY_MISMATCH);
        assert_int_equal(dialler->down_code, VX6_KEY_MISMATCH);
        assert_int_equal(dialler->ups, 0);
        assert_listener_learnt_nothing(ends);
        ends_free(ends);
    }
}

/* VX6-LINK-003, VX6-LINK-006: every byte of the first two messages, the suite's included. */
static void test_a_changed_byte_in_message_one_or_two_ends_before_message_three(void **state)
{
    (void)state;
    enum {
        BYTES = LINK_MESSAGE_1_SIZE + LINK_MESSAGE_2_SIZE
    };
    for (size_t at = 0; at < 2 * BYTES; at++) {
        struct ends *ends = ends_new(providers[at / BYTES]);
        struct end *listener = &ends->end[LISTENER], *dialler = &ends->end[DIALLER];
        ends_connect(ends, at % 2 ? listener->node.keys.identity : NULL);
        size_t byte = at % BYTES;
        if (byte < LINK_MESSAGE_1_SIZE)
            listener->in.bytes[byte] ^= (uint8_t)(1u << at % 8);
        end_deliver(ends, listener);
        if (!listener->closed) {
            if (byte >= LINK_MESSAGE_1_SIZE)
                dialler->in.bytes[byte - LINK_MESSAGE_1_SIZE] ^= (uint8_t)(1u << at % 8);
            end_deliver(ends, dialler);
            assert_int_equal(dialler->close_code, VX6_BAD_SEAL);
            assert_listener_learnt_nothing(ends);
        } else {
            assert_int_equal(byte, FIRST_BYTE);
            assert_int_equal(dialler->in.len, 0);
        }
        ends_free(ends);
    }
}

/* VX6-LINK-007 */
static void test_a_changed_byte_in_message_three_brings_no_link_up(void **state)
{
    (void)state;
    for (size_t at = 0; at < 2 * LINK_MESSAGE_3_SIZE; at++) {
        struct ends *ends = ends_new(providers[at % 2]);
        struct end *listener = &ends->end[LISTENER], *dialler = &ends->end[DIALLER];
        ends_connect(ends, NULL);
        end_deliver(ends, listener);
        end_deliver(ends, dialler);
        listener->in.bytes[at / 2] ^= (uint8_t)(1u << at % 8);
        ends_run(ends);
        assert_int_equal(listener->close_code, VX6_BAD_SEAL);
        assert_int_equal(listener->ups + listener->downs, 0);
        assert_int_equal(end_state(dialler), LINK_CONFIRMING);
        link_carrier_down(&dialler->node, end_link(dialler), VX6_OK);
        end_drain(ends, dialler);
        assert_int_equal(dialler->close_code, VX6_TRUNCATED);
        assert_int_equal(dialler->ups, 0);
        assert_int_equal(dialler->downs, 1);
        ends_free(ends);
    }
}

/* VX6-LINK-002: all first bytes, from a dialler that knows nobody. */
static void test_an_unknown_suite_is_closed_without_a_byte(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        struct ends *ends = ends_new(&vx6_crypto_model);
        struct end *listener = &ends->end[LISTENER];
        ends_connect(ends, NULL);
        listener->in.bytes[FIRST_BYTE] = (uint8_t)byte;
        end_deliver(ends, listener);
        bool speaks = byte >= 128 || byte % 4 == 1 || byte % 4 == 2;
        assert_int_equal(ends->end[DIALLER].in.len, speaks ? LINK_MESSAGE_2_SIZE : 0);
        assert_int_equal(listener->closed, !speaks);
        if (!speaks)
            assert_int_equal(listener->close_code, VX6_BAD_SUITE);
        ends_free(ends);
    }
}

/* VX6-LINK-003: a suite byte that somebody changed on its way to another valid one. */
static void test_S7_a_downgrade_of_the_suite_fails(void **state)
{
    (void)state;
    for (int row = 0; row < 4; row++) {
        struct ends *ends = ends_new(providers[row & 1]);
        struct end *listener = &ends->end[LISTENER], *dialler = &ends->end[DIALLER];
        dialler->node.suite = VX6_SUITE_AESGCM;
        ends_connect(ends, row & 2 ? listener->node.keys.identity : NULL);
        listener->in.bytes[FIRST_BYTE] ^= VX6_SUITE_AESGCM ^ VX6_SUITE_CHACHAPOLY;
        end_deliver(ends, listener);
        assert_int_equal(dialler->in.len, LINK_MESSAGE_2_SIZE);
        end_deliver(ends, dialler);
        assert_int_equal(dialler->close_code, VX6_BAD_SEAL);
        assert_listener_learnt_nothing(ends);
        ends_free(ends);
    }
}

/* VX6-LINK-005: records that do not certify the link, and what each end says of it. */
static void test_a_record_that_does_not_certify_the_key_is_refused(void **state)
{
    (void)state;
    enum wrong {
        EXPIRED,
        FUTURE,
        STOLEN,
        CHANGED,
        EMPTY,
        WRONG_COUNT
    };
    static const enum vx6_code expected[WRONG_COUNT] = {
        VX6_EXPIRED, VX6_EXPIRED, VX6_BAD_RECORD, VX6_BAD_RECORD, VX6_BAD_MESSAGE};
    for (int row = 0; row < 4 * WRONG_COUNT; row++) {
        struct ends *ends = ends_new(providers[row & 1]);
        struct end *liar = &ends->end[row >> 1 & 1], *other = &ends->end[!(row >> 1 & 1)];
        enum wrong wrong = (enum wrong)(row / 4);
        if (wrong == EXPIRED || wrong == FUTURE)
            liar->record_age_s = wrong == EXPIRED ? 1801 : -700;
        (void)publish_record(&liar->node);
        if (wrong == STOLEN) {
            struct own_keys keys;
            uint8_t seed[32] = {55};
            own_keys_init(&keys, &ends->crypto, seed);
            struct record_facts facts = {
                .sequence = 1, .unix_s = node_unix_s(&liar->node), .life_s = 1800};
            liar->record_len =
                (uint32_t)record_make_node(&ends->crypto, &keys, &facts, liar->record);
        }
        if (wrong == CHANGED)
            liar->record[liar->record_len - 1] ^= 1;
        if (wrong == EMPTY) {
            memset(liar->record, 0, sizeof liar->record);
            liar->record_len = 1;
        }
        ends_connect(ends, NULL);
        ends_run(ends);
        assert_int_equal(other->close_code, expected[wrong]);
        assert_int_equal(other->ups + liar->ups, 0);
        if (liar == &ends->end[DIALLER])
            assert_int_equal(liar->close_code, expected[wrong]); /* VX6-LINK-007 */
        else
            assert_listener_learnt_nothing(ends);
        ends_free(ends);
    }
}

static void wrap_record(uint8_t payload[LINK_PAYLOAD_SIZE], const uint8_t *record, size_t len)
{
    memset(payload, 0, LINK_PAYLOAD_SIZE);
    store_u16(payload, (uint16_t)len);
    memcpy(payload + 2, record, len);
}

/* A dialler made by hand, which can say what an honest one cannot. */
static void write_by_hand(struct ends *ends, const uint8_t payload[LINK_PAYLOAD_SIZE])
{
    struct end *listener = &ends->end[LISTENER], *dialler = &ends->end[DIALLER];
    const struct vx6_crypto *crypto = &ends->crypto;
    struct vx6_handshake noise;
    uint8_t seed[32] = {5}, received[LINK_PAYLOAD_SIZE];
    uint8_t prologue[11] = "vx6/link/1\x01";
    crypto->handshake_init(crypto, &noise, VX6_SUITE_CHACHAPOLY, true, prologue, 11,
        dialler->node.keys.link_secret, seed);
    listener->in.bytes[FIRST_BYTE] = 1;
    listener->in.len = 1 + crypto->handshake_write(crypto, &noise, NULL, 0, listener->in.bytes + 1);
    end_deliver(ends, listener);
    assert_true(
        crypto->handshake_read(crypto, &noise, dialler->in.bytes, LINK_MESSAGE_2_SIZE, received));
    dialler->in.len = 0;
    listener->in.len =
        crypto->handshake_write(crypto, &noise, payload, LINK_PAYLOAD_SIZE, listener->in.bytes);
    crypto->handshake_clear(crypto, &noise);
    assert_int_equal(listener->in.len, LINK_MESSAGE_3_SIZE);
    end_deliver(ends, listener);
}

/* VX6-LINK-004 */
static void test_padding_that_is_not_zero_is_refused(void **state)
{
    (void)state;
    for (int row = 0; row < 8; row++) {
        struct ends *ends = ends_new(providers[row & 1]);
        struct end *listener = &ends->end[LISTENER], *dialler = &ends->end[DIALLER];
        uint8_t payload[LINK_PAYLOAD_SIZE];
        vx6_span record = publish_record(&dialler->node);
        wrap_record(payload, record.data, record.len);
        if (row / 2 == 1)
            payload[LINK_PAYLOAD_SIZE - 1] = 1;
        if (row / 2 == 2)
            payload[2 + record.len] = 1;
        if (row / 2 == 3)
            store_u16(payload, UINT16_MAX);
        ends_connect(ends, NULL);
        write_by_hand(ends, payload);
        assert_int_equal(end_state(listener), row / 2 == 0 ? LINK_UP : LINK_CLOSED);
        assert_int_equal(listener->close_code, row / 2 == 0 ? VX6_OK : VX6_BAD_MESSAGE);
        ends_free(ends);
    }
}

/* The dialler's record, changed (NULL: not), of whom the test likes, and signed by that one. */
static size_t record_by_hand(struct ends *ends, void (*change)(struct vx6_node_record *record),
    const struct own_keys *signer, uint8_t out[VX6_RECORD_MAX])
{
    struct vx6_msg msg;
    vx6_span record = publish_record(&ends->end[DIALLER].node);
    assert_null(vx6_msg_decode(&msg, VX6_SCOPE_RECORD, record.data, record.len));
    memcpy(msg.u.node_record.identity, signer->identity, 32);
    if (change)
        change(&msg.u.node_record);
    size_t len = vx6_msg_encode(&msg, out, VX6_RECORD_MAX), signed_len = len - VX6_SIG_SIZE;
    ends->crypto.sign(&ends->crypto, out + signed_len, signer->identity_seed, signer->identity,
        "vx6/node-record/1", out, signed_len);
    return len;
}

static void identity_is_no_point(struct vx6_node_record *record)
{
    memcpy(record->identity, (uint8_t[32]){2}, 32);
}
static void identity_is_neutral(struct vx6_node_record *record)
{
    memcpy(record->identity, (uint8_t[32]){1}, 32);
}
static void record_key_is_no_point(struct vx6_node_record *record)
{
    memcpy(record->record_key, (uint8_t[32]){2}, 32);
}
static void link_key_is_zero(struct vx6_node_record *record)
{
    memset(record->link_key, 0, 32);
}

/* The listener refuses a dialler made by hand, and then takes an honest one. */
static void assert_refused_and_alive(
    struct ends *ends, const uint8_t payload[LINK_PAYLOAD_SIZE], enum vx6_code code)
{
    struct end *listener = &ends->end[LISTENER], *dialler = &ends->end[DIALLER];
    ends_connect(ends, NULL);
    write_by_hand(ends, payload);
    assert_int_equal(listener->close_code, code);
    assert_int_equal(listener->ups, 0);
    link_carrier_down(&dialler->node, end_link(dialler), VX6_OK);
    dialler->in.len = 0;
    ends_connect(ends, NULL);
    ends_run(ends);
    assert_int_equal(end_state(dialler), LINK_UP);
    assert_int_equal(listener->ups, 1);
}

/* VX6-LINK-005, VX6-REC-008, VX6-WIRE-011: records cut at every length, and keys that nobody can
 * have, from a stranger. */
static void test_S1_a_key_that_is_none_is_refused_and_the_node_lives(void **state)
{
    (void)state;
    static void (*const changes[])(struct vx6_node_record *) = {
        identity_is_no_point, identity_is_neutral, record_key_is_no_point, link_key_is_zero};
    uint8_t payload[LINK_PAYLOAD_SIZE], bytes[VX6_RECORD_MAX];
    for (size_t provider = 0; provider < 2; provider++) {
        bool is_whole = false;
        for (size_t len = 0; !is_whole; len++) {
            struct ends *ends = ends_new(providers[provider]);
            vx6_span record = publish_record(&ends->end[DIALLER].node);
            wrap_record(payload, record.data, len);
            assert_refused_and_alive(ends, payload, VX6_BAD_MESSAGE);
            is_whole = len + 1 == record.len;
            ends_free(ends);
        }
        for (size_t row = 0; row < sizeof changes / sizeof changes[0]; row++) {
            struct ends *ends = ends_new(providers[provider]);
            size_t len = record_by_hand(ends, changes[row], &ends->end[DIALLER].node.keys, bytes);
            wrap_record(payload, bytes, len);
            assert_refused_and_alive(ends, payload, VX6_BAD_RECORD);
            ends_free(ends);
        }
    }
}

/* VX6-LINK-005: whoever relays a handshake can show neither another's identity for its own key, nor
 * its own identity for another's key; who has both is let in. */
static void test_S2_identity_and_key_of_a_handshake_are_of_one_node(void **state)
{
    (void)state;
    for (int row = 0; row < 8; row++) {
        struct ends *ends = ends_new(providers[row & 1]);
        bool has_victims_key = row & 4;
        struct own_keys *keys = &ends->end[DIALLER].node.keys, victim = *keys, mallory;
        uint8_t payload[LINK_PAYLOAD_SIZE], bytes[VX6_RECORD_MAX], seed[32] = {77};
        own_keys_init(&mallory, &ends->crypto, seed);
        /* The victim's record, which is true, or Mallory's with the victim's link key in it. */
        size_t len = record_by_hand(ends, NULL, row & 2 ? &mallory : &victim, bytes);
        wrap_record(payload, bytes, len);
        if (!has_victims_key)
            memcpy(keys->link_secret, mallory.link_secret, 32);
        ends_connect(ends, NULL);
        write_by_hand(ends, payload);
        assert_int_equal(ends->end[LISTENER].close_code, has_victims_key ? VX6_OK : VX6_BAD_RECORD);
        assert_int_equal(ends->end[LISTENER].ups, has_victims_key ? 1 : 0);
        ends_free(ends);
    }
}

/* VX6-LINK-003, VX6-LINK-005: Mallory passes the victim's first message on as her own. */
static void test_S2_what_answers_an_ephemeral_key_opens_for_nobody_else(void **state)
{
    (void)state;
    for (int row = 0; row < 2; row++) {
        struct ends *ends = ends_new(providers[row]);
        const struct vx6_crypto *crypto = &ends->crypto;
        struct end *listener = &ends->end[LISTENER];
        struct vx6_handshake noise;
        struct own_keys mallory;
        uint8_t own[LINK_MESSAGE_1_SIZE], received[LINK_PAYLOAD_SIZE], seed[32] = {77};
        uint8_t prologue[11] = "vx6/link/1";
        own_keys_init(&mallory, crypto, seed);
        ends_connect(ends, NULL);
        prologue[10] = listener->in.bytes[FIRST_BYTE];
        crypto->handshake_init(crypto, &noise, VX6_SUITE_CHACHAPOLY, true, prologue,
            sizeof prologue, mallory.link_secret, seed);
        (void)crypto->handshake_write(crypto, &noise, NULL, 0, own);
        end_deliver(ends, listener);
        assert_int_equal(ends->end[DIALLER].in.len, LINK_MESSAGE_2_SIZE);
        assert_false(crypto->handshake_read(
            crypto, &noise, ends->end[DIALLER].in.bytes, LINK_MESSAGE_2_SIZE, received));
        crypto->handshake_clear(crypto, &noise);
        ends_free(ends);
    }
}

static void test_a_node_that_reaches_itself_says_so(void **state)
{
    (void)state;
    struct ends *ends = ends_new(&vx6_crypto_real);
    struct end *listener = &ends->end[LISTENER], *dialler = &ends->end[DIALLER];
    listener->node.keys = dialler->node.keys;
    ends_connect(ends, NULL);
    ends_run(ends);
    assert_int_equal(dialler->close_code, VX6_SELF);
    assert_listener_learnt_nothing(ends);
    enum vx6_code code;
    assert_null(link_get(&dialler->node, &listener_addr, dialler->node.keys.identity, &code));
    assert_int_equal(code, VX6_SELF);
    ends_free(ends);
}

/* VX6-LINK-007; what was once said to this responder is worth nothing when said again. */
static void test_S5_a_replayed_handshake_is_refused(void **state)
{
    (void)state;
    for (int row = 0; row < 2; row++) {
        struct ends *ends = ends_new(providers[row]);
        struct end *listener = &ends->end[LISTENER], *dialler = &ends->end[DIALLER];
        static uint8_t first[LINK_MESSAGE_1_SIZE], third[1000];
        ends_connect(ends, listener->node.keys.identity);
        memcpy(first, listener->in.bytes, sizeof first);
        end_deliver(ends, listener);
        end_deliver(ends, dialler);
        size_t third_len = listener->in.len;
        memcpy(third, listener->in.bytes, third_len);
        ends_run(ends);
        assert_both_up(ends);
        assert_int_equal(end_accept(listener, &dialler_addr, &listener->id), VX6_OK);
        memcpy(listener->in.bytes, first, sizeof first);
        memcpy(listener->in.bytes + sizeof first, third, third_len);
        listener->in.len = sizeof first + third_len;
        end_deliver(ends, listener);
        assert_int_equal(listener->close_code, VX6_BAD_SEAL);
        assert_int_equal(listener->ups, 1);
        ends_free(ends);
    }
}

/* VX6-LINK-019: each state before UP has an end. */
static void test_N1_no_handshake_waits_for_ever(void **state)
{
    (void)state;
    for (int delivered = 0; delivered < 3; delivered++) {
        struct ends *ends = ends_new(&vx6_crypto_model);
        struct end *listener = &ends->end[LISTENER], *dialler = &ends->end[DIALLER];
        ends_connect(ends, NULL);
        if (delivered > 0)
            end_deliver(ends, listener);
        if (delivered > 1)
            end_deliver(ends, dialler);
        listener->in.len = dialler->in.len = 0;
        ends_pass(ends, 4900 * VX6_MILLISECOND, false);
        assert_false(dialler->closed || listener->closed);
        ends_pass(ends, 2000 * VX6_MILLISECOND, false);
        assert_true(dialler->closed && listener->closed);
        assert_int_equal(dialler->close_code, VX6_TIMEOUT);
        assert_int_equal(listener->close_code, VX6_TIMEOUT);
        assert_int_equal(dialler->downs, 1);
        assert_int_equal(listener->downs, 0);
        assert_int_equal(listener->node.links.count + listener->node.links.pending, 0);
        ends_free(ends);
    }
}

/* VX6-LINK-019 */
static void test_a_carrier_that_does_not_come_up_is_given_up(void **state)
{
    (void)state;
    for (int row = 0; row < 3; row++) {
        struct ends *ends = ends_new(&vx6_crypto_model);
        struct end *dialler = &ends->end[DIALLER];
        enum vx6_code code;
        struct link *link = link_get(&dialler->node, &listener_addr, NULL, &code);
        dialler->id = link->id;
        end_drain(ends, dialler);
        if (row == 0)
            ends_pass(ends, 9 * VX6_SECOND, false);
        else
            link_carrier_down(&dialler->node, link, row == 1 ? VX6_OK : VX6_TIMEOUT);
        end_drain(ends, dialler);
        assert_int_equal(dialler->close_code, row == 1 ? VX6_UNREACHABLE : VX6_TIMEOUT);
        assert_int_equal(dialler->downs, 1);
        assert_int_equal(dialler->discovery_downs, 1);
        ends_free(ends);
    }
}

/* What an idle link holds on to, allocator overhead aside. */
static void test_a_link_is_small_once_it_is_up(void **state)
{
    (void)state;
    struct ends *ends = ends_up(&vx6_crypto_model);
    assert_true(sizeof(struct link) <= 500);
    assert_null(end_link(&ends->end[0])->partial);
    assert_null(end_link(&ends->end[0])->handshake);
    ends_free(ends);
}

/* Each allocation of a link's life fails once; the ends stay whole and nothing leaks. */
static void test_no_memory_closes_only_the_link(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        bool failed = true;
        for (uint64_t at = 1; failed; at++) {
            struct ends *ends = ends_new(&vx6_crypto_model);
            ends->chunk = 700;
            failed = ends_starve(ends, side, at, 9000);
            ends_free(ends);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_suites_come_up_with_the_key_known_or_not),
        cmocka_unit_test(test_feeding_byte_by_byte_is_feeding_at_once),
        cmocka_unit_test(test_S3_a_wrong_pinned_key_ends_before_message_three),
        cmocka_unit_test(test_a_changed_byte_in_message_one_or_two_ends_before_message_three),
        cmocka_unit_test(test_a_changed_byte_in_message_three_brings_no_link_up),
        cmocka_unit_test(test_an_unknown_suite_is_closed_without_a_byte),
        cmocka_unit_test(test_S7_a_downgrade_of_the_suite_fails),
        cmocka_unit_test(test_a_record_that_does_not_certify_the_key_is_refused),
        cmocka_unit_test(test_padding_that_is_not_zero_is_refused),
        cmocka_unit_test(test_S1_a_key_that_is_none_is_refused_and_the_node_lives),
        cmocka_unit_test(test_S2_identity_and_key_of_a_handshake_are_of_one_node),
        cmocka_unit_test(test_S2_what_answers_an_ephemeral_key_opens_for_nobody_else),
        cmocka_unit_test(test_a_node_that_reaches_itself_says_so),
        cmocka_unit_test(test_S5_a_replayed_handshake_is_refused),
        cmocka_unit_test(test_N1_no_handshake_waits_for_ever),
        cmocka_unit_test(test_a_carrier_that_does_not_come_up_is_given_up),
        cmocka_unit_test(test_a_link_is_small_once_it_is_up),
        cmocka_unit_test(test_no_memory_closes_only_the_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
