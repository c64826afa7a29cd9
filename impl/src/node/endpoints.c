/* SPDX-License-Identifier: MIT */
/* The addresses under which this node publishes itself. For a wildcard these are the host's own,
 * best reach first, IPv6 before IPv4; loopback only when there is nothing else. The kernel says
 * when addresses, interfaces and routes come and go (rtnetlink); then the list is made anew and the
 * node told what changed, in whole: it publishes in the order in which it was told. VX6-CTRL-042 */
#include "endpoints.h"

#include <errno.h>
#include <event2/event.h>
#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "driver.h"
#include "net.h"
#include "reachability.h"
#include "tcp.h"

enum {
    SETTLE_MS = 300, /* changes come in bursts */
    CANDIDATES_MAX = 64
};

struct endpoint_list {
    vx6_addr items[VX6_ENDPOINT_MAX];
    size_t count;
};

struct endpoints {
    struct host *host;
    vx6_addr listening[TCP_LISTENERS_MAX];
    size_t listening_count;
    struct endpoint_list published;
    int netlink;
    struct event *changed, *settled;
};

static bool list_has(const struct endpoint_list *list, const vx6_addr *addr)
{
    for (size_t i = 0; i < list->count; i++) {
        if (net_addr_equal(&list->items[i], addr))
            return true;
    }
    return false;
}

static void list_add(struct endpoint_list *list, const vx6_addr *addr)
{
    if (list->count < VX6_ENDPOINT_MAX && !list_has(list, addr))
        list->items[list->count++] = *addr;
}

static size_t host_addrs(vx6_addr addrs[CANDIDATES_MAX])
{
    struct ifaddrs *all;
    size_t count = 0;
    if (getifaddrs(&all) != 0)
        return 0;
    for (struct ifaddrs *i = all; i && count < CANDIDATES_MAX; i = i->ifa_next) {
        if (i->ifa_addr && (i->ifa_flags & IFF_UP) && net_from_sockaddr(&addrs[count], i->ifa_addr))
            count++;
    }
    freeifaddrs(all);
    return count;
}

static void add_host_addrs(struct endpoint_list *list, const vx6_addr *wildcard)
{
    static const enum net_scope order[] = {NET_GLOBAL, NET_PRIVATE, NET_LOOPBACK};
    bool ipv4_only = net_is_ipv4(wildcard);
    vx6_addr addrs[CANDIDATES_MAX];
    size_t count = host_addrs(addrs), before = list->count;
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        if (order[i] == NET_LOOPBACK && list->count > before)
            break;
        for (int ipv4 = ipv4_only ? 1 : 0; ipv4 < 2; ipv4++) {
            for (size_t j = 0; j < count; j++) {
                addrs[j].port = wildcard->port;
                if (net_scope(&addrs[j]) == order[i] && net_is_ipv4(&addrs[j]) == (ipv4 == 1))
                    list_add(list, &addrs[j]);
            }
        }
    }
}

static void tell_node(struct endpoints *endpoints, enum vx6_in_kind kind, const vx6_addr *addr)
{
    struct vx6_in in = {.kind = kind, .peer = *addr};
    enum vx6_code code = driver_input(endpoints->host->driver, &in);
    if (code != VX6_OK)
        REPORT(endpoints->host->journal, endpoint_refused, .endpoint = addr, .code = code);
}

/* An address that only moved in the list is no news. */
static void report_changes(
    struct journal *journal, const struct endpoint_list *before, const struct endpoint_list *after)
{
    for (size_t i = 0; i < before->count; i++) {
        if (!list_has(after, &before->items[i]))
            REPORT(journal, endpoint_removed, .endpoint = &before->items[i]);
    }
    for (size_t i = 0; i < after->count; i++) {
        if (!list_has(before, &after->items[i]))
            REPORT(journal, endpoint_added, .endpoint = &after->items[i]);
    }
}

void endpoints_publish(struct endpoints *endpoints)
{
    struct endpoint_list list = {0};
    for (size_t i = 0; i < endpoints->listening_count; i++) {
        const vx6_addr *addr = &endpoints->listening[i];
        if (net_scope(addr) == NET_ANY)
            add_host_addrs(&list, addr);
        else
            list_add(&list, addr);
    }
    struct endpoint_list *published = &endpoints->published;
    bool same = list.count == published->count;
    for (size_t i = 0; same && i < list.count; i++)
        same = net_addr_equal(&list.items[i], &published->items[i]);
    if (same)
        return;
    for (size_t i = 0; i < published->count; i++)
        tell_node(endpoints, VX6_IN_ENDPOINT_REMOVE, &published->items[i]);
    for (size_t i = 0; i < list.count; i++)
        tell_node(endpoints, VX6_IN_ENDPOINT_ADD, &list.items[i]);
    report_changes(endpoints->host->journal, published, &list);
    *published = list;
    reachability_endpoints(endpoints->host->reach, list.items, list.count);
}

static void on_settled(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct endpoints *endpoints = context;
    endpoints_publish(endpoints);
    driver_network_changed(endpoints->host->driver);
}

static void on_changed(evutil_socket_t fd, short what, void *context)
{
    (void)what;
    struct endpoints *endpoints = context;
    uint8_t message[8192];
    while (recv((int)fd, message, sizeof message, 0) > 0 || errno == ENOBUFS)
        errno = 0; /* what changed does not matter: the whole list is made anew */
    struct timeval settle = {0, SETTLE_MS * 1000};
    if (!evtimer_pending(endpoints->settled, NULL)) /* who changes all the time is heard, too */
        evtimer_add(endpoints->settled, &settle);
}

static bool watch_host(struct endpoints *endpoints)
{
    struct sockaddr_nl groups = {.nl_family = AF_NETLINK,
        .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR |
                     RTMGRP_IPV6_ROUTE};
    endpoints->netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (endpoints->netlink < 0 ||
        bind(endpoints->netlink, (struct sockaddr *)&groups, sizeof groups) != 0)
        return false;
    struct event_base *base = endpoints->host->base;
    endpoints->changed =
        event_new(base, endpoints->netlink, EV_READ | EV_PERSIST, on_changed, endpoints);
    endpoints->settled = evtimer_new(base, on_settled, endpoints);
    return endpoints->changed && endpoints->settled && event_add(endpoints->changed, NULL) == 0;
}

bool endpoints_listen(
    struct endpoints *endpoints, const vx6_addr *addr, char error[TEXT_ERROR_SIZE])
{
    if (endpoints->listening_count == TCP_LISTENERS_MAX)
        return text_fail(error, "more than %d --listen addresses", TCP_LISTENERS_MAX);
    endpoints->listening[endpoints->listening_count++] = *addr;
    if (endpoints->netlink < 0 && !watch_host(endpoints))
        return text_fail(error, "cannot watch the host's network: %s", strerror(errno));
    return true;
}

const vx6_addr *endpoints_listening(const struct endpoints *endpoints, size_t index)
{
    return index < endpoints->listening_count ? &endpoints->listening[index] : NULL;
}

const vx6_addr *endpoints_published(const struct endpoints *endpoints, size_t index)
{
    return index < endpoints->published.count ? &endpoints->published.items[index] : NULL;
}

struct endpoints *endpoints_new(struct host *host)
{
    struct endpoints *endpoints = calloc(1, sizeof *endpoints);
    if (endpoints == NULL)
        return NULL;
    endpoints->host = host;
    endpoints->netlink = -1;
    return endpoints;
}

void endpoints_free(struct endpoints *endpoints)
{
    if (endpoints == NULL)
        return;
    if (endpoints->changed)
        event_free(endpoints->changed);
    if (endpoints->settled)
        event_free(endpoints->settled);
    if (endpoints->netlink >= 0)
        close(endpoints->netlink);
    free(endpoints);
}
