/* SPDX-License-Identifier: MIT */
/* Samples are kept as the Unix time at which `now` was 0, which stays the same whatever becomes of
 * the own clock. */
#include "clock.h"

#include "internal.h"

enum {
    PER_NETWORK = 2,
    TAGS_AT_ONCE = 8,
    CHANGE_MIN_S = 60 /* less than that is the coarseness of what is stated */
};

/* From the high bits of what there is of where a sample is from: how many of the provider, itself
 * among them, a draw for the provider, how many of the network, a draw for the network. So among
 * equals a draw decides that stays the same, and who comes again and again has no more chances than
 * others. */
static const uint64_t ONE_OF_PROVIDER = UINT64_C(1) << 56, ONE_OF_NETWORK = UINT64_C(1) << 24;
static const uint64_t PROVIDER_DRAW = UINT64_C(0xffffff) << 32;

static uint32_t of_provider(uint64_t excess)
{
    return (uint8_t)(excess >> 56);
}

static uint32_t of_network(uint64_t excess)
{
    return (uint8_t)(excess >> 24);
}

/* 24 bits that only this node can tell of these. */
static uint64_t draw(const struct clock *clock, uint64_t bits)
{
    uint64_t mixed = (bits ^ clock->seed) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)((mixed ^ mixed >> 32) * UINT64_C(0xff51afd7ed558ccd) >> 40);
}

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

static vx6_ns sample_life(const struct vx6_node *node)
{
    return (vx6_ns)node->env->limits->clock_sample_s * VX6_SECOND;
}

static bool is_fresh(const struct vx6_node *node, const struct clock_sample *sample)
{
    return node->now - sample->heard < sample_life(node);
}

static bool is_same_network(const struct clock_sample *a, const struct clock_sample *b)
{
    return a->provider == b->provider && a->network == b->network;
}

/* Of one who is alone there. */
static uint64_t least_excess(const struct clock *clock, const struct clock_sample *sample)
{
    return ONE_OF_PROVIDER | draw(clock, sample->provider) << 32 | ONE_OF_NETWORK |
           draw(clock, (uint64_t)sample->provider << 16 | sample->network);
}

static void put_at(
    struct clock *clock, uint32_t index, const struct clock_sample *sample, uint64_t excess)
{
    clock->samples[index] = *sample;
    clock->excess[index] = excess;
    clock->tags[index] = (uint16_t)sample->responder;
}

static void add(struct clock *clock, const struct clock_sample *sample)
{
    const uint32_t added = clock->count++;
    uint64_t excess = least_excess(clock, sample);
    for (uint32_t i = 0; i < added; i++) {
        /* Draws are read for less than what they are draws for. */
        if (((clock->excess[i] ^ excess) & PROVIDER_DRAW) != 0 ||
            clock->samples[i].provider != sample->provider)
            continue;
        uint64_t one = ONE_OF_PROVIDER;
        if (clock->samples[i].network == sample->network)
            one |= ONE_OF_NETWORK;
        clock->excess[i] += one;
        excess += one;
    }
    put_at(clock, added, sample, excess);
}

/* The last one takes its place. What others say lies apart and is not read without need. */
static void remove_at(struct clock *clock, uint32_t index)
{
    const struct clock_sample *removed = &clock->samples[index];
    const uint64_t excess = clock->excess[index];
    for (uint32_t i = 0; i < clock->count && of_provider(excess) > 1; i++) {
        const struct clock_sample *other = &clock->samples[i];
        if (((clock->excess[i] ^ excess) & PROVIDER_DRAW) != 0 ||
            other->provider != removed->provider)
            continue;
        clock->excess[i] -= ONE_OF_PROVIDER;
        if (other->network == removed->network)
            clock->excess[i] -= ONE_OF_NETWORK;
    }
    const uint32_t last = --clock->count;
    if (index != last)
        put_at(clock, index, &clock->samples[last], clock->excess[last]);
}

static bool has_tag(const uint16_t tags[TAGS_AT_ONCE], uint16_t tag)
{
    typedef uint16_t eight __attribute__((vector_size(16)));
    typedef uint64_t two __attribute__((vector_size(16)));
    eight all;
    memcpy(&all, tags, sizeof all);
    const two equal = (two)(all == tag);
    return (equal[0] | equal[1]) != 0;
}

/* `count`: nothing is kept of it. */
static uint32_t index_of(const struct clock *clock, uint64_t responder)
{
    const uint16_t tag = (uint16_t)responder;
    for (uint32_t begin = 0; begin < clock->count; begin += TAGS_AT_ONCE) {
        if (!has_tag(clock->tags + begin, tag))
            continue;
        for (uint32_t i = begin; i < begin + TAGS_AT_ONCE && i < clock->count; i++) {
            if (clock->tags[i] == tag && clock->samples[i].responder == responder)
                return i;
        }
    }
    return clock->count;
}

/* And what the responder said before. */
static void remove_stale(struct vx6_node *node, uint64_t responder)
{
    struct clock *clock = &node->clock;
    vx6_ns oldest = node->now;
    for (uint32_t i = clock->count; i-- > 0;) {
        vx6_ns heard = clock->samples[i].heard;
        if (clock->samples[i].responder == responder || !is_fresh(node, &clock->samples[i]))
            remove_at(clock, i);
        else if (heard < oldest)
            oldest = heard;
    }
    clock->stale_at = oldest + sample_life(node);
}

/* Who has just been added makes one too many in its network: the oldest there goes. */
static void thin_out(struct clock *clock)
{
    const uint32_t added = clock->count - 1;
    uint32_t oldest = added;
    if (of_network(clock->excess[added]) <= PER_NETWORK)
        return;
    for (uint32_t i = 0; i < clock->count; i++) {
        if (is_same_network(&clock->samples[i], &clock->samples[added]) &&
            clock->samples[i].heard < clock->samples[oldest].heard)
            oldest = i;
    }
    remove_at(clock, oldest);
}

static uint32_t index_of_most(const struct clock *clock)
{
    uint32_t most = 0;
    for (uint32_t i = 1; i < clock->count; i++) {
        if (clock->excess[i] > clock->excess[most])
            most = i;
    }
    return most;
}

/* One more than may stay: who has to go is decided when the last one is there. */
static size_t places(const struct vx6_node *node)
{
    return (size_t)node->env->limits->clock_samples_max + 1;
}

/* Tags come last; they are read many at once. */
static size_t samples_size(const struct vx6_node *node)
{
    const struct clock *clock = &node->clock;
    const size_t tags = (places(node) + TAGS_AT_ONCE - 1) / TAGS_AT_ONCE * TAGS_AT_ONCE;
    return places(node) * (sizeof *clock->samples + sizeof *clock->excess) +
           tags * sizeof *clock->tags;
}

static bool make_samples(struct vx6_node *node)
{
    struct clock *clock = &node->clock;
    uint8_t seed[8];
    clock->samples = env_alloc(node->env, samples_size(node));
    if (clock->samples == NULL)
        return false;
    clock->excess = (uint64_t *)(clock->samples + places(node));
    clock->tags = (uint16_t *)(clock->excess + places(node));
    clock->most = UINT64_MAX;
    rng_bytes(&node->public_rng, seed, sizeof seed);
    clock->seed = load_u64(seed);
    return true;
}

/* From where it was before: what there is of each network stays the same. */
static void renew(struct clock *clock, uint32_t index, const struct clock_sample *sample)
{
    const uint64_t excess = clock->excess[index];
    const uint32_t last = clock->count - 1;
    put_at(clock, index, &clock->samples[last], clock->excess[last]);
    put_at(clock, last, sample, excess);
}

/* VX6-QUERY-016 */
static bool keep(struct vx6_node *node, const struct clock_sample *sample)
{
    struct clock *clock = &node->clock;
    const uint32_t samples_max = node->env->limits->clock_samples_max;
    if (clock->samples == NULL && !make_samples(node))
        return false;
    const uint32_t known = index_of(clock, sample->responder);
    const bool is_known = known < clock->count;
    if (node->now >= clock->stale_at) {
        remove_stale(node, sample->responder);
    } else if (is_known) {
        if (is_same_network(&clock->samples[known], sample)) {
            renew(clock, known, sample);
            return true;
        }
        remove_at(clock, known);
    } else if (least_excess(clock, sample) > clock->most) {
        return true; /* it would be the one that gives way */
    }
    add(clock, sample);
    thin_out(clock);
    if (clock->count > samples_max)
        remove_at(clock, index_of_most(clock));
    clock->most = clock->count < samples_max ? UINT64_MAX : clock->excess[index_of_most(clock)];
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
        while (j < i && !(is_fresh(node, &samples[j]) && is_same_network(&samples[i], &samples[j])))
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

/* VX6-QUERY-020: what was agreed once is not true for ever. */
static void agree(struct vx6_node *node)
{
    struct clock *clock = &node->clock;
    const vx6_ns life = (vx6_ns)node->env->limits->clock_agreed_s * VX6_SECOND;
    if (median_zero_s(node, &clock->agreed_zero_s)) {
        clock->has_agreed = true;
        clock->agreed_at = node->now;
    } else if (node->now - clock->agreed_at >= life) {
        clock->has_agreed = false;
    }
    timer_set_part(
        &node->timers, TIMER_CLOCK, clock->has_agreed ? clock->agreed_at + life : VX6_NEVER);
}

/* VX6-QUERY-017: a correction that is in use is given up only well below where it begins, or it
 * would come and go. */
static int64_t correction_s(const struct vx6_node *node, bool *is_beyond)
{
    const struct vx6_limits *limits = node->env->limits;
    const struct clock *clock = &node->clock;
    int64_t wrong_s = clock->has_agreed ? clock->agreed_zero_s - own_zero_s(node) : 0;
    int64_t least_s = clock->offset_s != 0 ? limits->clock_wrong_s / 2 : limits->clock_wrong_s;
    int64_t by_s = distance_s(wrong_s, 0);
    *is_beyond = by_s > limits->clock_correct_max_s;
    return by_s <= least_s || *is_beyond ? 0 : wrong_s;
}

void clock_judge(struct vx6_node *node)
{
    struct clock *clock = &node->clock;
    bool was_beyond = clock->is_beyond;
    agree(node);
    int64_t offset_s = correction_s(node, &clock->is_beyond);
    bool is_slight = distance_s(offset_s, clock->offset_s) < CHANGE_MIN_S;
    if (is_slight && offset_s != 0)
        offset_s = clock->offset_s;
    if (offset_s != clock->offset_s || clock->is_beyond != was_beyond)
        ready_post(&node->ready_list, &node->ready, NODE_READY_CLOCK);
    if (offset_s == clock->offset_s)
        return;
    clock->offset_s = offset_s;
    trace(node, VX6_EVENT_clock_corrected, NULL, 0, clock->count, VX6_OK);
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
    uint8_t network[NETWORK_SIZE];
    addr_network(addr, network);
    sample.provider = load_u32(network);
    sample.network = load_u16(network + 4);
    /* Who agrees with the own clock changes nothing, and most do. */
    bool agrees = distance_s(sample.zero_s, own_zero_s(node)) < CHANGE_MIN_S;
    if (keep(node, &sample) && (!agrees || node->clock.offset_s != 0))
        clock_judge(node);
}

/* VX6-QUERY-015 */
uint32_t clock_stated_s(const struct vx6_node *node)
{
    return (uint32_t)node_local_unix_s(node) / TIME_STEP_S * TIME_STEP_S;
}

void clock_expect(const struct vx6_node *node)
{
    const struct clock *clock = &node->clock;
    if (clock->count > 0)
        prefetch_between(clock->excess, clock->tags + clock->count);
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
    env_free(node->env, clock->samples, samples_size(node));
    clock->samples = NULL;
    clock->count = 0;
}

void vx6_node_clock(const vx6_node *node, struct vx6_clock *facts)
{
    const struct clock *clock = &node->clock;
    int64_t zero_s = clock->agreed_zero_s;
    *facts = (struct vx6_clock){.offset_s = clock->offset_s, .is_beyond = clock->is_beyond};
    facts->responders = count_fresh(node, &facts->networks);
    facts->is_known = median_zero_s(node, &zero_s);
    if (facts->is_known || clock->has_agreed)
        facts->wrong_s = zero_s - own_zero_s(node);
}
