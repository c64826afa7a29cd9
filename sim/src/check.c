/* SPDX-License-Identifier: MIT */
#include "check.h"
#include "churn.h"
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
    if (memcmp(actor->shard->world->members[target].key, key, 32) != 0)
        violation(actor, "%s of n%u brought a key that is not its owner's", what, target);
}

void check_candidate(struct actor *actor, uint32_t target, const struct vx6_out *out)
{
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
    if (bundle.u.bundle.claim.len == 0)
        return;
    if (vx6_msg_decode(&claim, VX6_SCOPE_RECORD, bundle.u.bundle.claim.data,
            bundle.u.bundle.claim.len) != NULL ||
        claim.type != VX6_MSG_name_claim || claim.u.name_claim.label.len != strlen(label) ||
        memcmp(claim.u.name_claim.label.data, label, strlen(label)) != 0)
        violation(actor, "a candidate for %s claims another name", label);
}

static uint64_t pattern_word(uint64_t nonce, uint64_t offset)
{
    return mix3(PURPOSE_PATTERN, nonce, offset / 8);
}

void pattern_fill(uint64_t nonce, uint64_t offset, uint8_t *bytes, size_t len)
{
    uint64_t word = pattern_word(nonce, offset);
    for (size_t i = 0; i < len; i++, offset++) {
        if (offset % 8 == 0)
            word = pattern_word(nonce, offset);
        bytes[i] = (uint8_t)(word >> (offset % 8 * 8));
    }
}

bool pattern_matches(uint64_t nonce, uint64_t offset, const uint8_t *bytes, size_t len)
{
    uint64_t word = pattern_word(nonce, offset);
    for (size_t i = 0; i < len; i++, offset++) {
        if (offset % 8 == 0)
            word = pattern_word(nonce, offset);
        if (bytes[i] != (uint8_t)(word >> (offset % 8 * 8)))
            return false;
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
