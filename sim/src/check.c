/* SPDX-License-Identifier: MIT */
#include "check.h"
#include "actor.h"
#include "churn.h"
#include "fault.h"
#include "vx6/msg.h"
#include "workload.h"

#include <stdarg.h>
#include <string.h>

static bool is_earlier(const struct violations *a, const struct violations *b)
{
    return a->time != b->time ? a->time < b->time : a->node < b->node;
}

void violation(struct actor *actor, const char *format, ...)
{
    struct violations *violations = &actor->shard->violations;
    if (violations->count++ > 0)
        return;
    violations->time = actor->shard->now;
    violations->node = actor->index;
    char *text = violations->first;
    size_t cap = sizeof violations->first;
    int len = snprintf(text, cap,
        "at %llu ms, node %u: ", (unsigned long long)(violations->time / VX6_MILLISECOND),
        actor->index);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + len, cap - (size_t)len, format, arguments);
    va_end(arguments);
}

struct violations check_all(const struct world *world)
{
    struct violations all = {0};
    for (uint32_t i = 0; i < world->shard_count; i++) {
        const struct violations *found = &world->shards[i].violations;
        uint64_t count = all.count + found->count;
        if (found->count > 0 && (all.count == 0 || is_earlier(found, &all)))
            all = *found;
        all.count = count;
    }
    return all;
}

void check_key(struct actor *actor, uint32_t target, const uint8_t key[32], const char *what)
{
    actor->shard->stats.observed.keys++;
    if (memcmp(actor->shard->world->keys[target], key, 32) != 0)
        violation(actor, "%s of n%u brought a key that is not its owner's", what, target);
}

void check_sequence(struct actor *actor, uint32_t target, uint64_t *newest, uint64_t shown)
{
    if (*newest > 0)
        actor->shard->stats.observed.repeated++;
    if (shown < *newest)
        violation(actor, "was shown record %llu of n%u after record %llu",
            (unsigned long long)shown, target, (unsigned long long)*newest);
    else
        *newest = shown;
}

void check_candidate(
    struct actor *actor, uint32_t target, const struct vx6_out *out, uint64_t *sequence)
{
    actor->shard->stats.observed.candidates++;
    check_key(actor, target, out->key, "a candidate");
    struct vx6_msg bundle, record, claim;
    char label[VX6_LABEL_MAX + 1];
    label_make(label, target);
    if (vx6_msg_decode(&bundle, VX6_SCOPE_RECORD, out->value.data, out->value.len) != NULL ||
        bundle.type != VX6_MSG_bundle ||
        vx6_msg_decode(&record, VX6_SCOPE_RECORD, bundle.u.bundle.node.data,
            bundle.u.bundle.node.len) != NULL ||
        record.type != VX6_MSG_node_record) {
        violation(actor, "a candidate for %s is no bundle", label);
        return;
    }
    if (memcmp(record.u.node_record.identity, out->key, 32) != 0)
        violation(actor, "a candidate for %s carries another's record", label);
    *sequence = record.u.node_record.sequence;
    uint64_t end_s = record.u.node_record.issued_s + record.u.node_record.life_s;
    if (end_s <= (uint64_t)(world_unix_ms(actor->shard->now) / 1000))
        violation(actor, "a candidate for %s has expired", label);
    if (bundle.u.bundle.claim.len == 0)
        return;
    if (vx6_msg_decode(&claim, VX6_SCOPE_RECORD, bundle.u.bundle.claim.data,
            bundle.u.bundle.claim.len) != NULL ||
        claim.type != VX6_MSG_name_claim || claim.u.name_claim.label.len != strlen(label) ||
        memcmp(claim.u.name_claim.label.data, label, strlen(label)) != 0)
        violation(actor, "a candidate for %s claims another name", label);
}

static void check_budget(struct actor *actor, const char *what, uint32_t count, uint32_t limit)
{
    actor->shard->stats.observed.budgets++;
    if (count > limit)
        violation(actor, "has %u %s, its limit is %u", count, what, limit);
}

static void check_node_budgets(struct actor *actor)
{
    const struct vx6_limits *limits = &actor->shard->world->limits;
    struct vx6_counts counts;
    vx6_node_counts(actor->node, &counts);
    check_budget(actor, "links", counts.links, limits->link_max);
    check_budget(actor, "sessions", counts.sessions, limits->session_max);
    check_budget(actor, "streams", counts.streams, limits->stream_max);
    check_budget(actor, "contacts", counts.contacts, limits->contact_max);
    check_budget(actor, "bundles", counts.bundles, limits->value_max);
    check_budget(actor, "lookups", counts.lookups, limits->lookup_max);
    check_budget(actor, "operations", counts.operations, limits->op_max);
}

/* Another part of the nodes each time: in a minute, each of them about once. */
void check_budgets(struct world *world)
{
    enum {
        PARTS = 128
    };
    uint32_t part = (uint32_t)(world->budget_checks++ % PARTS);
    for (uint32_t i = part; i < world->live_count; i += PARTS)
        check_node_budgets(world->members[world->live[i]].actor);
}

void check_settled(struct world *world)
{
    const vx6_ns settled = 300 * VX6_SECOND;
    if (world->options.liar_ppm > 0 || world->options.validate || world->now < settled ||
        world->now - settled < fault_end(&world->options))
        return;
    for (uint32_t i = 0; i < world->live_count; i++) {
        const struct history *history = &world->histories[world->live[i]];
        struct actor *actor = world->members[world->live[i]].actor;
        struct vx6_counts counts;
        if (history->came > world->now - settled)
            continue;
        vx6_node_counts(actor->node, &counts);
        actor->shard->stats.observed.settled++;
        if (counts.contacts == 0 || history->published == VX6_NEVER)
            violation(actor, "has been up for %.0f s, and is not in the network",
                (double)((world->now - history->came) / VX6_SECOND));
    }
}

/* Words at equal distances: none comes twice, and the next one takes one addition. */
void pattern_fill(uint64_t nonce, uint64_t offset, uint8_t *bytes, size_t len)
{
    const uint64_t distance = 0x9e3779b97f4a7c15U;
    uint64_t word = mix2(PURPOSE_PATTERN, nonce) + offset / 8 * distance;
    size_t skipped = offset % 8;
    if (skipped > 0) {
        size_t part = len < 8 - skipped ? len : 8 - skipped;
        memcpy(bytes, (const uint8_t *)&word + skipped, part);
        word += distance;
        bytes += part;
        len -= part;
    }
    for (; len >= 8; word += distance, bytes += 8, len -= 8)
        memcpy(bytes, &word, 8);
    memcpy(bytes, &word, len);
}

bool pattern_matches(uint64_t nonce, uint64_t offset, const uint8_t *bytes, size_t len)
{
    uint8_t expected[512];
    while (len > 0) {
        size_t part = len < sizeof expected ? len : sizeof expected;
        pattern_fill(nonce, offset, expected, part);
        if (memcmp(expected, bytes, part) != 0)
            return false;
        offset += part;
        bytes += part;
        len -= part;
    }
    return true;
}

bool check_churn(const struct world *world)
{
    uint64_t expected = churn_expected(world);
    uint64_t difference =
        world->leaves > expected ? world->leaves - expected : expected - world->leaves;
    /* A Poisson count has its mean as variance. */
    return difference * difference <= 9 * (expected + 1);
}
