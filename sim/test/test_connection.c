/* SPDX-License-Identifier: MIT */
/* What the simulated carriers of links promise: nothing lost, and order; on a carrier with channels
 * a lost packet holds up its channel alone. */
#include <string.h>

#include "carrier.h"
#include "options.h"
#include "test.h"

enum {
    PACKETS = 400,
    CHANNELS = 4
};

struct arrival {
    vx6_ns time;
    uint32_t number; /* in which order it was sent */
    uint8_t channel;
};

/* The packets of one connection that loses a quarter, as they arrive. */
static void send_packets(char *carrier, bool close_last, struct arrival arrivals[PACKETS])
{
    static struct world world;
    struct options options;
    char name[] = "vx6-sim", quiet[] = "--quiet", threads[] = "--threads=1", loss[] = "--loss=0.25";
    char *arguments[] = {name, carrier, quiet, threads, loss, NULL};
    options_parse(&options, 5, arguments);
    memset(&world, 0, sizeof world);
    world_init(&world, &options);
    struct actor *actor = world_join(&world);
    (void)world_join(&world);
    struct queue *queue = &world.shards[0].queue;
    struct event event;
    vx6_addr peer = world_addr(&world, 1);
    carrier_dial(actor, (vx6_id){7}, &peer);
    uint32_t first = actor->sequence;
    for (uint32_t i = 0; i < PACKETS; i++) {
        event = (struct event){.kind = EVENT_CLOSE};
        if (!close_last || i + 1 < PACKETS) {
            static const uint8_t bytes[100];
            event.kind = EVENT_CHUNK;
            event.u.payload = payload_new(actor->shard, bytes, sizeof bytes);
            event.u.payload->channel =
                (uint8_t)(options.carrier == CARRIER_STREAMS ? i % CHANNELS : 0);
        }
        connection_send(actor, &actor->ends[0], &event);
    }
    uint32_t count = 0;
    while (queue_pop(queue, VX6_NEVER, &event)) {
        if ((event.kind != EVENT_CHUNK && event.kind != EVENT_CLOSE) || event.src != actor->index)
            continue;
        assert_true(count < PACKETS);
        bool is_chunk = event.kind == EVENT_CHUNK;
        arrivals[count++] = (struct arrival){
            event.time, event.sequence - first, is_chunk ? event.u.payload->channel : 0};
        if (is_chunk)
            payload_drop(actor->shard, event.u.payload);
    }
    assert_int_equal(count, PACKETS); /* nothing is lost, nothing comes twice */
    world_free(&world);
}

static void test_a_byte_stream_keeps_the_order_of_all(void **state)
{
    (void)state;
    static struct arrival arrivals[PACKETS];
    char carrier[] = "--carrier=tcp";
    send_packets(carrier, false, arrivals);
    for (uint32_t i = 0; i < PACKETS; i++)
        assert_int_equal(arrivals[i].number, i);
}

static void test_a_lost_packet_holds_up_its_channel_alone(void **state)
{
    (void)state;
    static struct arrival arrivals[PACKETS];
    char carrier[] = "--carrier=streams";
    send_packets(carrier, false, arrivals);
    uint32_t next[CHANNELS] = {0, 1, 2, 3}, overtaken = 0, latest = 0;
    for (uint32_t i = 0; i < PACKETS; i++) {
        assert_int_equal(arrivals[i].number, next[arrivals[i].channel]);
        next[arrivals[i].channel] += CHANNELS;
        overtaken += arrivals[i].number < latest;
        latest = arrivals[i].number > latest ? arrivals[i].number : latest;
    }
    assert_true(overtaken > PACKETS / 20);
}

static void test_a_close_overtakes_nothing(void **state)
{
    (void)state;
    static struct arrival arrivals[PACKETS];
    char carrier[] = "--carrier=streams";
    send_packets(carrier, true, arrivals);
    assert_int_equal(arrivals[PACKETS - 1].number, PACKETS - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_byte_stream_keeps_the_order_of_all),
        cmocka_unit_test(test_a_lost_packet_holds_up_its_channel_alone),
        cmocka_unit_test(test_a_close_overtakes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
