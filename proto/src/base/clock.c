/* SPDX-License-Identifier: MIT */
/* A sample says the Unix time at which `now` was 0, which stays the same whatever becomes of the
 * own clock. */
#include "clock.h"

#include "internal.h"

enum {
    PER_NETWORK = 2,
    TAGS_AT_ONCE = 16,
    CHANGE_MIN_S = 60 /* less than that is the coarseness of what is stated */
};

/* Where a sample is from and how much there is of that. From the high bits: how many of the
 * provider (of IPv6 a /32, of IPv4 a /16), itself among them, a hash of the provider, how many of
 * the network, a hash of the network. So among equals a hash decides that stays the same, and who
 * comes again and again has no more chances than others. Who is where is known by the hashes
 * alone. */
enum {
    NETWORK_BITS = 24,
    OF_NETWORK_BITS = 3,
    PROVIDER_AT = NETWORK_BITS + OF_NETWORK_BITS,
    PROVIDER_BITS = 30
};
static const uint64_t ONE_OF_NETWORK = UINT64_C(1) << NETWORK_BITS;
static const uint64_t ONE_OF_PROVIDER = UINT64_C(1) << (PROVIDER_AT + PROVIDER_BITS);

static bool is_same_provider(uint64_t a, uint64_t b)
{
    return (a ^ b) << (64 - PROVIDER_AT - PROVIDER_BITS) >> (64 - PROVIDER_BITS) == 0;
}

static bool is_same_network(uint64_t a, uint64_t b)
{
    return is_same_provider(a, b) && (a ^ b) << (64 - NETWORK_BITS) == 0;
}

static uint32_t of_network(uint64_t excess)
{
    return (uint32_t)(excess >> NETWORK_BITS) & ((1u << OF_NETWORK_BITS) - 1);
}

/* What only this node can tell of these bits; the first are the best. */
static uint64_t mix(const struct clock *clock, uint64_t bits)
{
    uint64_t mixed = (bits ^ clock->seed) * UINT64_C(0x9e3779b97f4a7c15);
    return (mixed ^ mixed >> 32) * UINT64_C(0xff51afd7ed558ccd);
}

uint64_t clock_responder(const struct clock *clock, const uint8_t key[32])
{
    return mix(clock, load_u64(key)) >> 24;
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

static int64_t zero_s(const struct clock_sample *sample)
{
    return (int64_t)sample->time_s + TIME_STEP_S / 2 - seconds(sample->heard);
}

/* Of one who is alone there. */
static uint64_t least_excess(const struct clock *clock, const vx6_addr *addr)
{
    uint8_t network[NETWORK_SIZE];
    addr_network(addr, network);
    const uint64_t provider = load_u32(network);
    const uint64_t bits = provider << 16 | load_u16(network + 4);
    return ONE_OF_PROVIDER | mix(clock, provider) >> (64 - PROVIDER_BITS) << PROVIDER_AT |
           ONE_OF_NETWORK | mix(clock, bits) >> (64 - NETWORK_BITS);
}

static void put_at(struct clock *clock, uint32_t index, const struct clock_sample *sample,
    uint64_t excess, uint8_t tag)
{
    clock->samples[index] = *sample;
    clock->excess[index] = excess;
    clock->tags[index] = tag;
}

static void move(struct clock *clock, uint32_t from, uint32_t to)
{
    put_at(clock, to, &clock->samples[from], clock->excess[from], clock->tags[from]);
}

static void add(
    struct clock *clock, const struct clock_sample *sample, uint64_t excess, uint8_t tag)
{
    for (uint32_t i = 0; i < clock->count; i++) {
        if (!is_same_provider(clock->excess[i], excess))
            continue;
        uint64_t one = ONE_OF_PROVIDER;
        if (is_same_network(clock->excess[i], excess))
            one |= ONE_OF_NETWORK;
        clock->excess[i] += one;
        excess += one;
    }
    put_at(clock, clock->count++, sample, excess, tag);
}

/* The last one takes its place. */
static void remove_at(struct clock *clock, uint32_t index)
{
    const uint64_t excess = clock->excess[index];
    for (uint32_t i = 0; i < clock->count && excess >= 2 * ONE_OF_PROVIDER; i++) {
        if (!is_same_provider(clock->excess[i], excess))
            continue;
        clock->excess[i] -= ONE_OF_PROVIDER;
        if (is_same_network(clock->excess[i], excess))
            clock->excess[i] -= ONE_OF_NETWORK;
    }
    const uint32_t last = --clock->count;
    if (index != last)
        move(clock, last, index);
}

static bool has_tag(const uint8_t tags[TAGS_AT_ONCE], uint8_t tag)
{
    typedef uint8_t sixteen __attribute__((vector_size(16)));
    typedef uint64_t two __attribute__((vector_size(16)));
    sixteen all;
    memcpy(&all, tags, sizeof all);
    const two equal = (two)(all == tag);
    return (equal[0] | equal[1]) != 0;
}

/* `count`: nothing is kept of this responder. */
static uint32_t index_of(const struct clock *clock, uint32_t responder, uint8_t tag)
{
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

/* And what the responder at this index said before. */
static void remove_stale(struct vx6_node *node, uint32_t known)
{
    struct clock *clock = &node->clock;
    vx6_ns oldest = node->now;
    for (uint32_t i = clock->count; i-- > 0;) {
        vx6_ns heard = clock->samples[i].heard;
        if (i == known || !is_fresh(node, &clock->samples[i]))
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
        if (is_same_network(clock->excess[i], clock->excess[added]) &&
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
    clock->tags = (uint8_t *)(clock->excess + places(node));
    clock->most = UINT64_MAX;
    rng_bytes(&node->public_rng, seed, sizeof seed);
    clock->seed = load_u64(seed);
    return true;
}

/* From where it was before: how much there is of that stays the same. */
static void renew(
    struct clock *clock, uint32_t index, const struct clock_sample *sample, uint8_t tag)
{
    const uint64_t excess = clock->excess[index];
    const uint32_t last = clock->count - 1;
    move(clock, last, index);
    put_at(clock, last, sample, excess, tag);
}

/* VX6-QUERY-016. `excess`: the least. */
static void keep(
    struct vx6_node *node, const struct clock_sample *sample, uint64_t excess, uint8_t tag)
{
    struct clock *clock = &node->clock;
    const uint32_t samples_max = node->env->limits->clock_samples_max;
    const uint32_t known = index_of(clock, sample->responder, tag);
    const bool is_known = known < clock->count;
    if (node->now >= clock->stale_at) {
        remove_stale(node, known);
    } else if (is_known) {
        if (is_same_network(clock->excess[known], excess)) {
            renew(clock, known, sample, tag);
            return;
        }
        remove_at(clock, known);
    } else if (excess > clock->most) {
        return; /* it would be the one that gives way */
    }
    add(clock, sample, excess, tag);
    thin_out(clock);
    if (clock->count > samples_max)
        remove_at(clock, index_of_most(clock));
    clock->most = clock->count < samples_max ? UINT64_MAX : clock->excess[index_of_most(clock)];
}

/* How many there are that are fresh, and in how many networks. */
static uint32_t count_fresh(const struct vx6_node *node, uint32_t *networks)
{
    const struct clock_sample *samples = node->clock.samples;
    const uint64_t *excess = node->clock.excess;
    uint32_t fresh = 0;
    *networks = 0;
    for (uint32_t i = 0; i < node->clock.count; i++) {
        if (!is_fresh(node, &samples[i]))
            continue;
        uint32_t j = 0;
        while (j < i && !(is_fresh(node, &samples[j]) && is_same_network(excess[i], excess[j])))
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
            below += is_fresh(node, &samples[j]) && zero_s(&samples[j]) < zero_s(&samples[i]);
            equal += is_fresh(node, &samples[j]) && zero_s(&samples[j]) == zero_s(&samples[i]);
        }
        if (is_fresh(node, &samples[i]) && below <= nth && nth < below + equal)
            found = zero_s(&samples[i]);
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
    if (time_s == 0 || (node->clock.samples == NULL && !make_samples(node)))
        return;
    const struct clock *clock = &node->clock;
    const uint64_t responder = clock_responder(clock, key);
    const struct clock_sample sample = {
        .heard = node->now, .time_s = time_s, .responder = (uint32_t)(responder >> 8)};
    keep(node, &sample, least_excess(clock, addr), (uint8_t)responder);
    /* Who agrees with the own clock changes nothing, and most do. */
    bool agrees = distance_s(zero_s(&sample), own_zero_s(node)) < CHANGE_MIN_S;
    if (!agrees || clock->offset_s != 0)
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
