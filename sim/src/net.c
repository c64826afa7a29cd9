/* SPDX-License-Identifier: MIT */
/* Coordinates: six regions in a plane, fitted by random search so that the round trips between
 * nodes have the quantiles of 2.48 billion published pings (README.md, "The network"). */
#include "net.h"
#include "mix.h"

#include <string.h>

struct region {
    int32_t x_us, y_us;
    uint32_t share; /* of 1,000 nodes */
};
static const struct region regions[] = {
    {11000, 37000, 474},
    {93000, 17000, 379},
    {103000, 22000, 30},
    {-79000, 102000, 35},
    {153000, -162000, 36},
    {-71000, -28000, 46},
};
enum {
    SPREAD_US = 40450, /* width of a region */
    HEIGHT_BASE_US = 8730,
    HEIGHT_MEAN_US = 2690 /* of the exponential part, cut at six times its mean */
};

const struct net_carrier net_carriers[] = {
    [CARRIER_TCP] = {1400, 60, 60, VX6_FILL_MIN},
    [CARRIER_STREAMS] = {1200, 84, 1248, NET_FILL_MAX},
};

/* Access lines: half cable-like, a third fibre, the rest slow. Rates in kbit/s. */
#define LINE(up_kbit, down_kbit, share)                                                            \
    {                                                                                              \
        UINT64_C(8192000000) / (up_kbit), UINT64_C(8192000000) / (down_kbit), share                \
    }
const struct net_line net_lines[] = {
    LINE(20000, 100000, 50),
    LINE(200000, 200000, 35),
    LINE(5000, 25000, 15),
};

/* Sum of two uniform draws: a triangle of this width around 0. */
static int32_t triangle(struct draw *draw, uint32_t width)
{
    return (int32_t)(draw_below(draw, width) / 2 + draw_below(draw, width) / 2) -
           (int32_t)(width / 2);
}

struct place net_place(uint64_t seed, uint32_t index)
{
    struct draw draw = draw_init(seed, PURPOSE_PLACE, index);
    struct place place = {.prefix = net_prefix(seed, index)};
    uint32_t pick = draw_below(&draw, 1000);
    uint32_t region = 0;
    while (pick >= regions[region].share)
        pick -= regions[region++].share;
    place.x_us = regions[region].x_us + triangle(&draw, 2 * SPREAD_US);
    place.y_us = regions[region].y_us + triangle(&draw, 2 * SPREAD_US);

    uint64_t height = exponential(draw_next(&draw), HEIGHT_MEAN_US);
    if (height > 6 * HEIGHT_MEAN_US)
        height = 6 * HEIGHT_MEAN_US;
    place.height_us = HEIGHT_BASE_US + (uint32_t)height;

    pick = draw_below(&draw, 100);
    while (pick >= net_lines[place.line].share)
        pick -= net_lines[place.line++].share;
    return place;
}

vx6_ns net_one_way(const struct place *a, const struct place *b)
{
    int64_t x = (int64_t)a->x_us - b->x_us;
    int64_t y = (int64_t)a->y_us - b->y_us;
    uint64_t round_trip_us = root((uint64_t)(x * x + y * y)) + a->height_us + b->height_us;
    vx6_ns one_way = round_trip_us * 500;
    return one_way < NET_LOOKAHEAD ? NET_LOOKAHEAD : one_way;
}

/* The first half of an address: two bytes the same for all and two of the provider, the /32; two of
 * the site; two of the subnet. A node whose index ends in 7 lives at the site of its predecessor.
 */
uint64_t net_prefix(uint64_t seed, uint32_t index)
{
    bool shares = index % 8 == 7;
    uint32_t site = shares ? index - 1 : index;
    uint64_t random = mix3(seed, PURPOSE_ADDRESS, site);
    /* The product of three draws makes low numbers popular: half of the nodes share 7 % of them. */
    uint64_t skewed = ((random & 0xffff) * (random >> 16 & 0xffff)) >> 16;
    uint64_t provider = (skewed * (random >> 32 & 0xffff) >> 20) & 0xffff;
    uint64_t subnet = ((site >> 16) * 2 + (shares ? 1 : 0)) & 0xffff;
    return UINT64_C(0x2a0c) << 48 | provider << 32 | (uint64_t)(site & 0xffff) << 16 | subnet;
}

vx6_addr net_addr(const struct place *place, uint32_t index)
{
    vx6_addr addr = {.port = NET_PORT};
    store_word(addr.ip, place->prefix);
    store_word(addr.ip + 8, index);
    return addr;
}
