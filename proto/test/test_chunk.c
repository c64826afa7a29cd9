/* SPDX-License-Identifier: MIT */
/* Byte queues: whatever goes in comes out, in order, once; and no memory stays behind. */
#include "test.h"

#include "bytes.h"
#include "chunk.h"
#include "env.h"
#include "memory.h"
#include "vx6/crypto.h"

static uint32_t random_state;
static struct memory memory;
static vx6_env env = {.alloc = {.resize = memory_resize, .context = &memory}};
static struct chunk_pool pool;

static int setup(void **state)
{
    (void)state;
    memory = (struct memory){0};
    random_state = 12345;
    pool = (struct chunk_pool){.env = &env};
    return 0;
}

static uint32_t chance(uint32_t bound)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % bound;
}

static uint8_t byte_at(uint64_t offset)
{
    return (uint8_t)(offset * 131 ^ offset >> 9);
}

static void make(uint8_t *dst, uint64_t offset, size_t len)
{
    for (size_t i = 0; i < len; i++)
        dst[i] = byte_at(offset + i);
}

static void check(const uint8_t *data, uint64_t offset, size_t len)
{
    for (size_t i = 0; i < len; i++)
        assert_int_equal(data[i], byte_at(offset + i));
}

static void done(struct chunk_queue *queue)
{
    chunk_clear(&pool, queue);
    assert_null(queue->first);
    chunk_pool_clear(&pool);
    assert_int_equal(memory.held, 0);
}

static void append(struct chunk_queue *queue)
{
    static uint8_t buffer[40000];
    size_t len = chance(3) == 0 ? chance(sizeof buffer) : chance(900);
    make(buffer, queue->end, len);
    assert_true(chunk_append(&pool, queue, buffer, len));
}

static void reserve(struct chunk_queue *queue)
{
    struct vx6_room rooms[6];
    size_t most = 1 + chance(8 * CHUNK_LARGE), room = 0;
    size_t count = chunk_reserve(&pool, queue, rooms, 6, most);
    assert_true(count > 0 && count <= 6);
    for (size_t i = 0; i < count; i++) {
        assert_true(rooms[i].len > 0);
        make(rooms[i].data, queue->end + room, rooms[i].len);
        room += rooms[i].len;
    }
    assert_true(room <= most && room <= chunk_held(queue) + CHUNK_LARGE);
    chunk_commit(&pool, queue, chance((uint32_t)room + 1));
}

static void look(const struct chunk_queue *queue)
{
    vx6_span spans[200];
    size_t count = chunk_peek(queue, spans, 200);
    uint64_t offset = queue->begin;
    for (size_t i = 0; i < count; i++) {
        assert_true(spans[i].len > 0);
        check(spans[i].data, offset, spans[i].len);
        offset += spans[i].len;
    }
    assert_true(count == 200 || offset == queue->end);
}

static void test_any_mix_of_ways_in_and_out_keeps_the_bytes(void **state)
{
    (void)state;
    struct chunk_queue queue = {0};
    uint64_t copied = 0;
    static uint8_t buffer[50000];
    for (int i = 0; i < 20000; i++) {
        uint32_t what = chance(4);
        if (what == 0 && chunk_held(&queue) < 2000000)
            append(&queue);
        else if (what == 1)
            reserve(&queue);
        else if (what == 2) {
            uint64_t left = queue.end - copied;
            size_t len = chance((uint32_t)(left < sizeof buffer ? left : sizeof buffer) + 1);
            chunk_copy(&queue, buffer, len);
            check(buffer, copied, len);
            copied += len;
        } else if (copied > queue.begin)
            chunk_release(&pool, &queue, chance((uint32_t)(copied - queue.begin) + 1));
        if (i % 64 == 0)
            look(&queue);
    }
    assert_true(copied > 10000000);
    done(&queue);
}

static void test_a_tiny_stream_costs_little_and_an_idle_one_nothing(void **state)
{
    (void)state;
    struct chunk_queue queue = {0};
    static const uint8_t hello[5] = "hello";
    assert_true(chunk_append(&pool, &queue, hello, 5));
    assert_true(memory.held <= 1024);
    chunk_release(&pool, &queue, 5);
    assert_int_equal(memory.held, 0);

    struct vx6_room rooms[4];
    assert_int_equal(chunk_reserve(&pool, &queue, rooms, 4, 1 << 20), 1);
    assert_true(rooms[0].len >= 900 && memory.held <= 1024);
    chunk_commit(&pool, &queue, 1);
    done(&queue);
}

static void test_a_stream_that_moved_much_gets_large_room_at_once(void **state)
{
    (void)state;
    struct chunk_queue queue = {0};
    struct vx6_room room;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(chunk_reserve(&pool, &queue, &room, 1, 1 << 20), 1);
        chunk_commit(&pool, &queue, room.len);
    }
    chunk_release(&pool, &queue, chunk_held(&queue));
    uint64_t before = memory.requests;
    assert_int_equal(chunk_reserve(&pool, &queue, &room, 1, 1 << 20), 1);
    assert_int_equal(room.len, CHUNK_LARGE);
    assert_int_equal(memory.requests, before);
    done(&queue);
}

static void test_a_stream_gets_as_much_room_as_it_holds_and_gives_the_rest_back(void **state)
{
    (void)state;
    struct chunk_queue queue = {0};
    struct vx6_room rooms[16];
    static const uint8_t zeros[4 * CHUNK_LARGE];
    assert_true(chunk_append(&pool, &queue, zeros, sizeof zeros));
    size_t held = memory.held;
    assert_int_equal(chunk_reserve(&pool, &queue, rooms, 16, 1 << 20), 5);
    assert_int_equal(chunk_reserve(&pool, &queue, rooms, 3, 1 << 20), 3);
    assert_int_equal(chunk_reserve(&pool, &queue, rooms, 16, CHUNK_LARGE + 1), 2);
    assert_int_equal(rooms[1].len, 1);
    assert_int_equal(chunk_reserve(&pool, &queue, rooms, 16, 1 << 20), 5);
    chunk_commit(&pool, &queue, CHUNK_LARGE + 1);
    chunk_pool_clear(&pool);
    assert_int_equal(memory.held, held + 2 * (held / 4));
    done(&queue);
}

static void test_spare_chunks_are_few(void **state)
{
    (void)state;
    struct chunk_queue queue = {0};
    static const uint8_t zeros[CHUNK_LARGE];
    for (int i = 0; i < 100; i++)
        assert_true(chunk_append(&pool, &queue, zeros, sizeof zeros));
    chunk_clear(&pool, &queue);
    assert_int_equal(pool.spare_count, CHUNK_SPARE_MAX);
    assert_true(memory.held <= CHUNK_SPARE_MAX * (CHUNK_LARGE + sizeof(struct chunk)));
    done(&queue);
}

static void test_without_memory_nothing_is_lost_that_was_held(void **state)
{
    (void)state;
    struct chunk_queue queue = {0};
    struct vx6_room room;
    append(&queue);
    uint64_t held = chunk_held(&queue);
    memory.fail_at = memory.requests + 1;
    static uint8_t more[3 * CHUNK_LARGE];
    make(more, queue.end, sizeof more);
    assert_false(chunk_append(&pool, &queue, more, sizeof more));
    assert_true(chunk_held(&queue) >= held);
    look(&queue);
    chunk_clear(&pool, &queue);
    chunk_pool_clear(&pool);
    memory.fail_at = memory.requests + 1;
    assert_int_equal(chunk_reserve(&pool, &queue, &room, 1, 1), 0);
    done(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_any_mix_of_ways_in_and_out_keeps_the_bytes, setup),
        cmocka_unit_test_setup(test_a_tiny_stream_costs_little_and_an_idle_one_nothing, setup),
        cmocka_unit_test_setup(test_a_stream_that_moved_much_gets_large_room_at_once, setup),
        cmocka_unit_test_setup(
            test_a_stream_gets_as_much_room_as_it_holds_and_gives_the_rest_back, setup),
        cmocka_unit_test_setup(test_spare_chunks_are_few, setup),
        cmocka_unit_test_setup(test_without_memory_nothing_is_lost_that_was_held, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
