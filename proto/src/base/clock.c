/* SPDX-License-Identifier: MIT */
/* Samples are kept as the Unix time at which `now` was 0, which stays the same whatever becomes of
 * the own clock. */
#include "clock.h"

#include "internal.h"

enum {
    PER_NETWORK = 2,
    CHANGE_MIN_S = 60 /* less than that is the coarseness of what is stated */
};

struct clock_sample {
    uint64_t responder; /* the first bytes of its key */
    int64_t zero_s;
    vx6_ns heard;
    uint8_t network[NETWORK_SIZE];
};

static int64_t seconds(vx6_ns ns)
{
    return (int64_t)(ns / VX6_SECOND);
}

static int64_t distance_s(int64_t a, int64_t b)
{
    return a > b ? a - b : b - a;
}

static int64_t own_zero_s(const struct vx6_node *node)
{
    return node_local_unix_s(node) - seconds(node->now);
}

static bool is_fresh(const struct vx6_node *node, const struct clock_sample *sample)
{
    return node->now - sample->heard < (vx6_ns)node->env->limits->clock_sample_s * VX6_SECOND;
}

static void remove_at(struct clock *clock, uint32_t index)
{
    clock->samples[index] = clock->samples[--clock->count];
}

static void remove_stale(struct vx6_node *node, uint64_t responder)
{
    struct clock *clock = &node->clock;
    for (uint32_t i = clock->count; i-- > 0;) {
        if (clock->samples[i].responder == responder || !is_fresh(node, &clock->samples[i]))
            remove_at(clock, i);
    }
}

/* The oldest sample, of one network or, if that is NULL, of all; how many there are. */
static uint32_t oldest(const struct clock *clock, const uint8_t *network, uint32_t *index)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < clock->count; i++) {
        if (network && !bytes_equal(clock->samples[i].network, network, NETWORK_SIZE))
            continue;
        if (count++ == 0 || clock->samples[i].heard < clock->samples[*index].heard)
            *index = i;
    }
    return count;
}

/* VX6-QUERY-016 */
static bool keep(struct vx6_node *node, const struct clock_sample *sample)
{
    struct clock *clock = &node->clock;
    const uint32_t max = node->env->limits->clock_samples_max;
    if (clock->samples == NULL)
        clock->samples = env_alloc(node->env, max * sizeof *clock->samples);
    if (clock->samples == NULL)
        return false;
    remove_stale(node, sample->responder);
    uint32_t index = 0;
    if (oldest(clock, sample->network, &index) >= PER_NETWORK ||
        (clock->count == max && oldest(clock, NULL, &index) > 0))
        remove_at(clock, index);
    clock->samples[clock->count++] = *sample;
    return true;
}

/* How many there are that are fresh, and in how many networks. */
static uint32_t count_fresh(const struct vx6_node *node, uint32_t *networks)
{
    const struct clock_sample *samples = node->clock.samples;
    uint32_t fresh = 0;
    *networks = 0;
    for (uint32_t i = 0; i < node->clock.count; i++) {
        if (!is_fresh(node, &samples[i]))
            continue;
        uint32_t j = 0;
        while (j < i && !(is_fresh(node, &samples[j]) &&
                            bytes_equal(samples[i].network, samples[j].network, NETWORK_SIZE)))
            j++;
        *networks += j == i;
        fresh++;
    }
    return fresh;
}

/* Of the fresh samples the one with so many below it. */
static int64_t nth_zero_s(const struct vx6_node *node, uint32_t nth)
{
    const struct clock_sample *samples = node->clock.samples;
    int64_t found = 0;
    for (uint32_t i = 0; i < node->clock.count; i++) {
        uint32_t below = 0, equal = 0;
        for (uint32_t j = 0; j < node->clock.count; j++) {
            below += is_fresh(node, &samples[j]) && samples[j].zero_s < samples[i].zero_s;
            equal += is_fresh(node, &samples[j]) && samples[j].zero_s == samples[i].zero_s;
        }
        if (is_fresh(node, &samples[i]) && below <= nth && nth < below + equal)
            found = samples[i].zero_s;
    }
    return found;
}

/* The median; of two the one nearer to what is in use, so that half of them do not move it. False:
 * there are too few. */
static bool median_zero_s(const struct vx6_node *node, int64_t *median)
{
    const struct vx6_limits *limits = node->env->limits;
    uint32_t networks, fresh = count_fresh(node, &networks);
    if (fresh < limits->clock_responders || networks < limits->clock_networks)
        return false;
    int64_t lower = nth_zero_s(node, (fresh - 1) / 2), upper = nth_zero_s(node, fresh / 2);
    int64_t in_use = own_zero_s(node) + node->clock.offset_s;
    *median = distance_s(lower, in_use) <= distance_s(upper, in_use) ? lower : upper;
    return true;
}

/* VX6-QUERY-017: a correction that is in use is given up only well below where it begins, or it
 * would come and go. */
static int64_t correction_s(const struct vx6_node *node)
{
    const struct vx6_limits *limits = node->env->limits;
    const struct clock *clock = &node->clock;
    if (!clock->has_agreed)
        return 0;
    int64_t wrong_s = clock->agreed_zero_s - own_zero_s(node);
    int64_t least_s = clock->offset_s != 0 ? limits->clock_wrong_s / 2 : limits->clock_wrong_s;
    int64_t by_s = distance_s(wrong_s, 0);
    return by_s <= least_s || by_s > limits->clock_correct_max_s ? 0 : wrong_s;
}

void clock_judge(struct vx6_node *node)
{
    struct clock *clock = &node->clock;
    if (median_zero_s(node, &clock->agreed_zero_s))
        clock->has_agreed = true;
    int64_t offset_s = correction_s(node);
    bool is_slight = distance_s(offset_s, clock->offset_s) < CHANGE_MIN_S;
    if (offset_s == clock->offset_s || (is_slight && offset_s != 0))
        return;
    clock->offset_s = offset_s;
    trace(node, VX6_EVENT_clock_corrected, NULL, 0, clock->count, VX6_OK);
    ready_post(&node->ready_list, &node->ready, NODE_READY_CLOCK);
    publish_clock_moved(node);
}

void clock_heard(
    struct vx6_node *node, const uint8_t key[32], const vx6_addr *addr, uint32_t time_s)
{
    if (time_s == 0)
        return;
    struct clock_sample sample = {.responder = load_u64(key),
        .zero_s = (int64_t)time_s + TIME_STEP_S / 2 - seconds(node->now),
        .heard = node->now};
    addr_network(addr, sample.network);
    /* Who agrees with what is in use changes nothing, and most do. */
    int64_t in_use_s = own_zero_s(node) + node->clock.offset_s;
    if (keep(node, &sample) && distance_s(sample.zero_s, in_use_s) >= CHANGE_MIN_S)
        clock_judge(node);
}

/* VX6-QUERY-015 */
uint32_t clock_stated_s(const struct vx6_node *node)
{
    return (uint32_t)node_local_unix_s(node) / TIME_STEP_S * TIME_STEP_S;
}

void clock_expect(const struct vx6_node *node)
{
    prefetch(node->clock.samples, node->clock.count * sizeof *node->clock.samples);
}

bool clock_output(struct vx6_node *node, struct vx6_out *out)
{
    ready_take(&node->ready_list, &node->ready, NODE_READY_CLOCK);
    out->kind = VX6_OUT_CLOCK;
    return true;
}

void clock_free(struct vx6_node *node)
{
    struct clock *clock = &node->clock;
    env_free(
        node->env, clock->samples, node->env->limits->clock_samples_max * sizeof *clock->samples);
    clock->samples = NULL;
    clock->count = 0;
}

void vx6_node_clock(const vx6_node *node, struct vx6_clock *facts)
{
    int64_t median;
    *facts = (struct vx6_clock){.offset_s = node->clock.offset_s};
    facts->responders = count_fresh(node, &facts->networks);
    facts->is_known = median_zero_s(node, &median);
    if (!facts->is_known)
        return;
    facts->wrong_s = median - own_zero_s(node);
    facts->is_beyond = distance_s(facts->wrong_s, 0) > node->env->limits->clock_correct_max_s;
}
