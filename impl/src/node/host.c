/* SPDX-License-Identifier: MIT */
#include "host.h"

#include "asnmap.h"
#include "control.h"
#include "driver.h"
#include "endpoints.h"
#include "forward.h"
#include "keys.h"
#include "names.h"
#include "offer.h"
#include "operations.h"
#include "peers.h"
#include "pump.h"
#include "reachability.h"
#include "tcp.h"
#include "udp.h"

bool host_make(struct host *host)
{
    return (host->tcp = tcp_new(host)) && (host->udp = udp_new(host)) &&
           (host->endpoints = endpoints_new(host)) && (host->operations = operations_new(host)) &&
           (host->reach = reachability_new(host)) && (host->peers = peers_new(host)) &&
           (host->pumps = pumps_new(host)) && (host->offers = offers_new(host)) &&
           (host->names = names_new(host)) && (host->keys = keys_new(host)) &&
           (host->forwards = forwards_new(host)) && (host->control = control_new(host));
}

void host_free(struct host *host)
{
    control_free(host->control);
    pumps_free(host->pumps);
    forwards_free(host->forwards);
    offers_free(host->offers);
    keys_free(host->keys);
    names_free(host->names);
    peers_free(host->peers);
    reachability_free(host->reach);
    operations_free(host->operations);
    endpoints_free(host->endpoints);
    udp_free(host->udp);
    tcp_free(host->tcp);
    driver_free(host->driver);
    asnmap_free(host->asn_map);
}

/* VX6-CTRL-045: what others took before it was revoked is believed by nobody. */
bool host_has_joined(const struct host *host)
{
    return driver_has_joined(host->driver) && !keys_own_is_revoked(host->keys);
}

bool host_is_ready(const struct host *host)
{
    return host_has_joined(host) || (!peers_any(host->peers) && !keys_own_is_revoked(host->keys));
}
