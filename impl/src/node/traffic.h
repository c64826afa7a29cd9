/* SPDX-License-Identifier: MIT */
/* Bytes that a forward or a service has carried, and how many in the last whole second. */
#ifndef VX6_TRAFFIC_H
#define VX6_TRAFFIC_H

#include <stdint.h>
#include <time.h>

struct traffic_meter {
    uint64_t bytes;
    uint64_t this_second, last_second;
    int64_t second;
};

struct traffic {
    struct traffic_meter to_stream, from_stream;
};

static inline void traffic_turn(struct traffic_meter *meter)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    if (now.tv_sec == meter->second)
        return;
    meter->last_second = now.tv_sec == meter->second + 1 ? meter->this_second : 0;
    meter->this_second = 0;
    meter->second = now.tv_sec;
}

static inline void traffic_count(struct traffic_meter *meter, uint64_t bytes)
{
    traffic_turn(meter);
    meter->bytes += bytes;
    meter->this_second += bytes;
}

static inline uint64_t traffic_per_second(struct traffic_meter *meter)
{
    traffic_turn(meter);
    return meter->last_second;
}

#endif
