/* SPDX-License-Identifier: MIT */
#include "service.h"

#include <stdio.h>
#include <string.h>

#include "net.h"

static const char *const names[EXPOSURE_COUNT] = {[EXPOSURE_PUBLIC] = "public",
    [EXPOSURE_LISTED] = "listed",
    [EXPOSURE_PRIVATE] = "private",
    [EXPOSURE_HOSTED] = "hosted"};

const char *exposure_name(enum exposure exposure)
{
    return names[exposure];
}

enum exposure exposure_parse(const char *text)
{
    enum exposure exposure = EXPOSURE_PUBLIC;
    while (exposure < EXPOSURE_COUNT && strcmp(names[exposure], text) != 0)
        exposure++;
    return exposure;
}

/* VX6-CTRL-011 */
const char *service_target_parse(const char *text, vx6_addr *target)
{
    static const char localhost[] = "localhost:";
    char numeric[TEXT_ADDR_SIZE];
    if (strncmp(text, localhost, sizeof localhost - 1) == 0) {
        snprintf(numeric, sizeof numeric, "127.0.0.1:%s", text + sizeof localhost - 1);
        text = numeric;
    }
    const char *reason = text_addr_parse(text, target);
    if (reason == NULL && (net_scope(target) == NET_ANY || net_scope(target) == NET_LINK))
        reason = "is no address to connect to; give one such as 127.0.0.1:8080";
    return reason;
}

bool service_parse(
    const struct store_service *stored, enum exposure *exposure, vx6_addr *target, uint8_t host[32])
{
    *exposure = exposure_parse(stored->exposure);
    if (!text_is_label(stored->name) || *exposure == EXPOSURE_COUNT)
        return false;
    return *exposure == EXPOSURE_HOSTED ? text_key_parse(stored->target, host)
                                        : service_target_parse(stored->target, target) == NULL;
}
