/* SPDX-License-Identifier: MIT */
/* Samples stand for the Unix time at which `now` was 0, which stays the same whatever becomes of
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

static int64_t zero_s_of(uint32_t time_s, vx6_ns heard)
{
    return (int64_t)time_s + TIME_STEP_S / 2 - seconds(heard);
}

static vx6_ns sample_life(const struct vx6_node *node)
{
    return (vx6_ns)node->env->limits->clock_sample_s * VX6_SECOND;
}

/* All that is kept of a responder, in full. */
struct said {
    uint64_t responder; /* the first bytes of its key */
    vx6_ns heard;
    uint64_t excess;
    uint32_t provider, network, time_s;
};

/* It is less than three days before they are stale: the low bits tell when. */
static vx6_ns heard_at(const struct clock *clock, uint32_t index)
{
    const struct clock_sample *sample = &clock->samples[index];
    const uint64_t low = (uint64_t)sample->heard_high << 32 | sample->heard_low;
    return clock->stale_at - ((clock->stale_at - low) & ((UINT64_C(1) << 48) - 1));
}

static uint64_t responder_at(const struct clock *clock, uint32_t index)
{
    const struct clock_sample *sample = &clock->samples[index];
    return (uint64_t)sample->responder_high << 48 | (uint64_t)sample->responder_middle << 16 |
           clock->tags[index];
}

static int64_t zero_s_at(const struct clock *clock, uint32_t index)
{
    return zero_s_of(clock->samples[index].time_s, heard_at(clock, index));
}

static bool is_fresh(const struct vx6_node *node, uint32_t index)
{
    return node->now - heard_at(&node->clock, index) < sample_life(node);
}

static bool is_same_network(const struct clock *clock, uint32_t a, uint32_t b)
{
    return clock->samples[a].provider == clock->samples[b].provider &&
           clock->samples[a].network == clock->samples[b].network;
}

static void put(struct clock *clock, uint32_t index, const struct said *said)
{
    clock->excess[index] = said->excess;
    clock->tags[index] = (uint16_t)said->responder;
    clock->samples[index] = (struct clock_sample){.provider = said->provider,
        .time_s = said->time_s,
        .heard_low = (uint32_t)said->heard,
        .heard_high = (uint16_t)(said->heard >> 32),
        .network = (uint16_t)said->network,
        .responder_high = (uint16_t)(said->responder >> 48),
        .responder_middle = (uint32_t)(said->responder >> 16)};
}

static void move(struct clock *clock, uint32_t to, uint32_t from)
{
    clock->excess[to] = clock->excess[from];
    clock->tags[to] = clock->tags[from];
    clock->samples[to] = clock->samples[from];
}

/* Of one who is alone there. */
static uint64_t least_excess(const struct clock *clock, uint32_t provider, uint32_t network)
{
    return ONE_OF_PROVIDER | draw(clock, provider) << 32 | ONE_OF_NETWORK |
           draw(clock, (uint64_t)provider << 16 | network);
}

/* Draws are read for less than what they are draws for: that lies apart. */
static bool is_of_provider(
    const struct clock *clock, uint32_t index, uint64_t excess, uint32_t provider)
{
    return ((clock->excess[index] ^ excess) & PROVIDER_DRAW) == 0 &&
           clock->samples[index].provider == provider;
}

/* What an excess counts of one in this network, of two of one provider. */
static uint64_t count_of(const struct clock *clock, uint32_t index, uint32_t network)
{
    return ONE_OF_PROVIDER | (clock->samples[index].network == network ? ONE_OF_NETWORK : 0);
}

/* It has yet to be given a place. */
static void count_in(struct clock *clock, struct said *said)
{
    said->excess = least_excess(clock, said->provider, said->network);
    for (uint32_t i = 0; i < clock->count; i++) {
        if (!is_of_provider(clock, i, said->excess, said->provider))
            continue;
        const uint64_t count = count_of(clock, i, said->network);
        clock->excess[i] += count;
        said->excess += count;
    }
}

/* It has no place any more. */
static void count_out(struct clock *clock, uint64_t excess, uint32_t provider, uint32_t network)
{
    if (of_provider(excess) == 1)
        return;
    for (uint32_t i = 0; i < clock->count; i++) {
        if (is_of_provider(clock, i, excess, provider))
            clock->excess[i] -= count_of(clock, i, network);
    }
}

/* The last one takes its place. */
static void remove_at(struct clock *clock, uint32_t index)
{
    const uint64_t excess = clock->excess[index];
    const struct clock_sample removed = clock->samples[index];
    move(clock, index, --clock->count);
    count_out(clock, excess, removed.provider, removed.network);
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
            if (clock->tags[i] == tag && responder_at(clock, i) == responder)
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
        const vx6_ns heard = heard_at(clock, i);
        if (responder_at(clock, i) == responder || !is_fresh(node, i))
            remove_at(clock, i);
        else if (heard < oldest)
            oldest = heard;
    }
    clock->stale_at = oldest + sample_life(node);
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

/* Of its network; `count`: this one. */
static uint32_t index_of_oldest(const struct clock *clock, const struct said *said)
{
    uint32_t oldest = clock->count;
    vx6_ns oldest_at = said->heard;
    for (uint32_t i = 0; i < clock->count; i++) {
        if (clock->samples[i].provider == said->provider &&
            clock->samples[i].network == said->network && heard_at(clock, i) < oldest_at) {
            oldest = i;
            oldest_at = heard_at(clock, i);
        }
    }
    return oldest;
}

/* There is no room: who has to go; `count`: this one, which the others have counted in. */
static uint32_t index_of_yielding(const struct clock *clock, const struct said *said)
{
    if (of_network(said->excess) > PER_NETWORK)
        return index_of_oldest(clock, said);
    const uint32_t most = index_of_most(clock);
    return clock->excess[most] >= said->excess ? most : clock->count;
}

static void add(struct clock *clock, struct said *said, uint32_t samples_max)
{
    count_in(clock, said);
    if (of_network(said->excess) <= PER_NETWORK && clock->count < samples_max) {
        put(clock, clock->count++, said);
        return;
    }
    const uint32_t index = index_of_yielding(clock, said);
    if (index == clock->count) {
        count_out(clock, said->excess, said->provider, said->network);
        return;
    }
    const uint64_t excess = clock->excess[index];
    const struct clock_sample gone = clock->samples[index];
    put(clock, index, said);
    count_out(clock, excess, gone.provider, gone.network);
}

static size_t samples_size(const struct vx6_node *node)
{
    const struct clock *clock = &node->clock;
    return node->env->limits->clock_samples_max *
           (sizeof *clock->excess + sizeof *clock->tags + sizeof *clock->samples);
}

/* Of tags many are read at once, also those that are none: the samples begin there. */
_Static_assert(sizeof(struct clock_sample) >= (TAGS_AT_ONCE - 1) * sizeof(uint16_t),
    "behind the last tag is room");

static bool make_samples(struct vx6_node *node)
{
    struct clock *clock = &node->clock;
    const uint32_t samples_max = node->env->limits->clock_samples_max;
    uint8_t seed[8];
    uint64_t *excess = env_alloc(node->env, samples_size(node));
    if (excess == NULL)
        return false;
    clock->excess = excess;
    clock->tags = (uint16_t *)(excess + samples_max);
    clock->samples = (struct clock_sample *)(clock->tags + samples_max);
    clock->most = UINT64_MAX;
    rng_bytes(&node->public_rng, seed, sizeof seed);
    clock->seed = load_u64(seed);
    return true;
}

/* From where it was before: what there is of each network stays the same. */
static void renew(struct clock *clock, uint32_t index, struct said *said)
{
    const uint32_t last = clock->count - 1;
    said->excess = clock->excess[index];
    move(clock, index, last);
    put(clock, last, said);
}

/* VX6-QUERY-016 */
static bool keep(struct vx6_node *node, struct said *said)
{
    struct clock *clock = &node->clock;
    const uint32_t samples_max = node->env->limits->clock_samples_max;
    if (clock->samples == NULL && !make_samples(node))
        return false;
    const uint32_t known = index_of(clock, said->responder);
    const bool is_known = known < clock->count;
    if (node->now >= clock->stale_at) {
        remove_stale(node, said->responder);
    } else if (is_known) {
        if (clock->samples[known].provider == said->provider &&
            clock->samples[known].network == said->network) {
            renew(clock, known, said);
            return true;
        }
        remove_at(clock, known);
    } else if (least_excess(clock, said->provider, said->network) > clock->most) {
        return true; /* it would be the one that gives way */
    }
    add(clock, said, samples_max);
    clock->most = clock->count < samples_max ? UINT64_MAX : clock->excess[index_of_most(clock)];
    return true;
}

/* How many there are that are fresh, and in how many networks. */
static uint32_t count_fresh(const struct vx6_node *node, uint32_t *networks)
{
    const struct clock *clock = &node->clock;
    uint32_t fresh = 0;
    *networks = 0;
    for (uint32_t i = 0; i < clock->count; i++) {
        if (!is_fresh(node, i))
            continue;
        uint32_t j = 0;
        while (j < i && !(is_fresh(node, j) && is_same_network(clock, i, j)))
            j++;
        *networks += j == i;
        fresh++;
    }
    return fresh;
}

/* Of the fresh samples the one with so many below it. */
static int64_t nth_zero_s(const struct vx6_node *node, uint32_t nth)
{
    const struct clock *clock = &node->clock;
    int64_t found = 0;
    for (uint32_t i = 0; i < clock->count; i++) {
        const int64_t zero_s = zero_s_at(clock, i);
        uint32_t below = 0, equal = 0;
        for (uint32_t j = 0; j < clock->count; j++) {
            below += is_fresh(node, j) && zero_s_at(clock, j) < zero_s;
            equal += is_fresh(node, j) && zero_s_at(clock, j) == zero_s;
        }
        if (is_fresh(node, i) && below <= nth && nth < below + equal)
            found = zero_s;
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
    uint8_t network[NETWORK_SIZE];
    addr_network(addr, network);
    struct said said = {.responder = load_u64(key),
        .heard = node->now,
        .provider = load_u32(network),
        .network = load_u16(network + 4),
        .time_s = time_s};
    /* Who agrees with the own clock changes nothing, and most do. */
    bool agrees = distance_s(zero_s_of(time_s, node->now), own_zero_s(node)) < CHANGE_MIN_S;
    if (keep(node, &said) && (!agrees || node->clock.offset_s != 0))
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
    env_free(node->env, clock->excess, samples_size(node));
    clock->excess = NULL;
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
