/* SPDX-License-Identifier: MIT */
/* Ages of contacts, and the few who are idle for longest, so that all are read only now and then.
 * Spec: spec/dht.md, "Maintenance". */
#include "internal.h"

enum {
    LESS_PART = 8,    /* by which the guess is low */
    FAILING_MS = 5000 /* pause before a contact that failed is asked again */
};

static uint32_t clock_at(const struct vx6_node *node, vx6_ns now)
{
    return (uint32_t)((now - node->started) / VX6_MILLISECOND);
}

uint32_t idle_clock_ms(const struct vx6_node *node)
{
    return clock_at(node, node->now);
}

static uint32_t index_of(const struct vx6_node *node, const struct contact *contact)
{
    return (uint32_t)(contact - node->table.contacts);
}

uint32_t idle_silent_ms(const struct vx6_node *node, const struct contact *contact)
{
    return idle_clock_ms(node) - table_seen_ms(&node->table)[index_of(node, contact)];
}

static uint32_t asked_ms_ago(const struct table *table, uint32_t index, uint32_t clock)
{
    return (uint16_t)(clock / 1000 - table_asked_s(table)[index]) * 1000u;
}

/* One that failed is asked again soon: it is idle for as long as may be. */
static uint32_t idle_ms_of(const struct table *table, uint32_t index, uint32_t clock)
{
    uint32_t silent_ms = clock - table_seen_ms(table)[index];
    uint32_t asked_ms = asked_ms_ago(table, index, clock);
    if (table->contacts[index].urgent && asked_ms >= FAILING_MS)
        return UINT32_MAX;
    return silent_ms < asked_ms ? silent_ms : asked_ms;
}

static void idle_forget(struct idle *idle, uint32_t index)
{
    uint32_t at = 0;
    while (at < idle->count && idle->contacts[at] != index)
        at++;
    if (at == idle->count)
        return;
    idle->count--;
    for (; at < idle->count; at++)
        idle->contacts[at] = idle->contacts[at + 1];
}

/* Indices from this one on move by one place. */
static void idle_shift(struct idle *idle, uint32_t index, int by)
{
    for (uint32_t i = 0; i < idle->count; i++) {
        if (idle->contacts[i] >= index)
            idle->contacts[i] = (uint16_t)(idle->contacts[i] + by);
    }
}

void idle_came(struct vx6_node *node, uint32_t index)
{
    struct table *table = &node->table;
    uint32_t clock = idle_clock_ms(node);
    table_seen_ms(table)[index] = clock;
    table_asked_s(table)[index] = (uint16_t)(clock / 1000);
    idle_shift(&table->idle, index, 1);
}

void idle_left(struct vx6_node *node, uint32_t index)
{
    idle_forget(&node->table.idle, index);
    idle_shift(&node->table.idle, index, -1);
}

/* One that is urgent and has been asked just now may be asked again after a pause. */
static void idle_await(struct table *table, uint32_t index, uint32_t clock)
{
    struct idle *idle = &table->idle;
    uint32_t at = clock - clock % 1000 + FAILING_MS - asked_ms_ago(table, index, clock);
    if (!idle->is_awaited || idle->awaited_ms - at <= UINT32_MAX / 2)
        idle->awaited_ms = at;
    idle->is_awaited = true;
}

/* Remembers those who have been idle for at least so long. */
static void read_ages_from(struct vx6_node *node, uint32_t least_ms)
{
    struct table *table = &node->table;
    struct idle *idle = &table->idle;
    const uint32_t clock = idle_clock_ms(node);
    /* Who is idle for no more than this is passed over. */
    uint32_t idle_ms[IDLE_MAX], less_ms = least_ms - 1;
    *idle = (struct idle){0};
    for (uint32_t i = 0; i < table->count; i++) {
        const bool is_silent = clock - table_seen_ms(table)[i] > less_ms;
        if (!(is_silent | table->contacts[i].urgent))
            continue; /* most of them, by one branch: nobody could foresee which it is */
        const uint32_t ms = idle_ms_of(table, i, clock);
        if (table->contacts[i].urgent && ms != UINT32_MAX)
            idle_await(table, i, clock);
        if (ms <= less_ms)
            continue; /* few: who was asked just now */
        /* Behind those who have been idle for as long, since it comes later. */
        uint32_t at = idle->count < IDLE_MAX ? idle->count++ : IDLE_MAX - 1;
        for (; at > 0 && idle_ms[at - 1] < ms; at--) {
            idle_ms[at] = idle_ms[at - 1];
            idle->contacts[at] = idle->contacts[at - 1];
        }
        idle_ms[at] = ms;
        idle->contacts[at] = (uint16_t)i;
        if (idle->count == IDLE_MAX)
            less_ms = least_ms = idle_ms[IDLE_MAX - 1];
    }
    idle->others_since_ms = clock - least_ms;
    idle->least_ms = least_ms;
}

/* Who is remembered has been idle for about as long as who was the time before. */
static void read_ages(struct vx6_node *node)
{
    struct idle *idle = &node->table.idle;
    const uint32_t expected_ms = idle->least_ms - idle->least_ms / LESS_PART;
    if (expected_ms > 1)
        read_ages_from(node, expected_ms);
    if (expected_ms <= 1 || idle->count < IDLE_MAX)
        read_ages_from(node, 1);
}

/* For how long the next two in line have been idle; nobody behind them has been for longer. Who has
 * answered meanwhile drops out. */
static void idle_skim(const struct vx6_node *node, struct idle *idle, uint32_t idle_ms[2])
{
    const uint32_t clock = idle_clock_ms(node), others_ms = clock - idle->others_since_ms;
    uint32_t kept = 0, at = 0;
    idle_ms[0] = idle_ms[1] = others_ms;
    for (; at < idle->count && kept < 2; at++) {
        const uint32_t ms = idle_ms_of(&node->table, idle->contacts[at], clock);
        if (ms < others_ms)
            continue;
        idle_ms[kept] = ms;
        idle->contacts[kept++] = idle->contacts[at];
    }
    if (kept == at)
        return;
    while (at < idle->count)
        idle->contacts[kept++] = idle->contacts[at++];
    idle->count = (uint8_t)kept;
}

static bool must_read(const struct idle *idle, uint32_t clock)
{
    return idle->count < 2 || (idle->is_awaited && clock - idle->awaited_ms <= UINT32_MAX / 2);
}

/* All ages are read only when those who are remembered have had their turn, but for the last:
 * without it nobody would know for how long there is nothing to do. */
struct contact *idle_longest(struct vx6_node *node, uint32_t idle_ms[2])
{
    struct table *table = &node->table;
    struct idle *idle = &table->idle;
    idle_skim(node, idle, idle_ms);
    if (must_read(idle, idle_clock_ms(node))) {
        read_ages(node);
        idle_skim(node, idle, idle_ms);
    }
    if (idle->count > 0)
        return &table->contacts[idle->contacts[0]];
    return table->count > 0 ? table->contacts : NULL;
}

const struct contact *idle_next(const struct vx6_node *node)
{
    const struct table *table = &node->table;
    return table->idle.count > 0 ? &table->contacts[table->idle.contacts[0]] : NULL;
}

static void expect_ages(const struct table *table)
{
    if (table->count == 0)
        return; /* it may have no memory */
    prefetch(table_seen_ms(table), table->count * sizeof(uint32_t));
    prefetch(table_asked_s(table), table->count * sizeof(uint16_t));
    prefetch(table->contacts, table->count * sizeof *table->contacts);
}

void idle_expect(const struct vx6_node *node, vx6_ns now)
{
    const struct table *table = &node->table;
    if (must_read(&table->idle, clock_at(node, now))) {
        expect_ages(table);
        return;
    }
    for (uint32_t i = 0; i < table->idle.count; i++) {
        const uint32_t index = table->idle.contacts[i];
        __builtin_prefetch(&table_seen_ms(table)[index], 0, 2);
        __builtin_prefetch(&table_asked_s(table)[index], 0, 2);
        __builtin_prefetch(&table->contacts[index], 0, 2);
        if (i < 2)
            __builtin_prefetch(&table->peers[index], 0, 2);
    }
}

void idle_expect_all(const struct vx6_node *node, vx6_ns now)
{
    const struct table *table = &node->table;
    const uint32_t clock = clock_at(node, now), others_ms = clock - table->idle.others_since_ms;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < table->idle.count; i++)
        kept += idle_ms_of(table, table->idle.contacts[i], clock) >= others_ms;
    if (kept < 2)
        expect_ages(table);
}

bool idle_is_awaited(const struct vx6_node *node, uint32_t *in_ms)
{
    const struct idle *idle = &node->table.idle;
    *in_ms = idle->awaited_ms - idle_clock_ms(node);
    if (*in_ms > UINT32_MAX / 2)
        *in_ms = 0;
    return idle->is_awaited;
}

void idle_answered(struct vx6_node *node, struct contact *contact)
{
    table_seen_ms(&node->table)[index_of(node, contact)] = idle_clock_ms(node);
    contact->urgent = false;
}

void idle_asked(struct vx6_node *node, struct contact *contact)
{
    const uint32_t index = index_of(node, contact);
    table_asked_s(&node->table)[index] = (uint16_t)(idle_clock_ms(node) / 1000);
    contact->urgent = contact->failures > 0;
    idle_forget(&node->table.idle, index);
    if (contact->urgent)
        idle_await(&node->table, index, idle_clock_ms(node));
}

void idle_make_urgent(struct vx6_node *node, struct contact *contact)
{
    struct idle *idle = &node->table.idle;
    const uint32_t clock = idle_clock_ms(node), index = index_of(node, contact);
    contact->urgent = true;
    discovery_wake(node);
    if (idle_ms_of(&node->table, index, clock) != UINT32_MAX) {
        idle_await(&node->table, index, clock);
        return;
    }
    idle_forget(idle, index);
    if (idle->count == IDLE_MAX)
        idle->count--;
    memmove(idle->contacts + 1, idle->contacts, idle->count * sizeof idle->contacts[0]);
    idle->contacts[0] = (uint16_t)index;
    idle->count++;
}
