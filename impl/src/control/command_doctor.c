/* SPDX-License-Identifier: MIT */
/* doctor: what a running node can tell of itself, one check after the other, once its peers have
 * been asked whether they reach it. The state is looked at by the command line. Spec:
 * spec/control.md. */
#include <stdio.h>
#include <stdarg.h>
#include <string.h>

#include "driver.h"
#include "endpoints.h"
#include "keys.h"
#include "offer.h"
#include "peers.h"
#include "reachability.h"
#include "request.h"

enum result {
    RESULT_OK,
    RESULT_WARNING,
    RESULT_FAILED
};

static void add(json_t *checks, const char *check, enum result result, const char *todo,
    const char *format, ...) __attribute__((format(printf, 5, 6)));

static void add(json_t *checks, const char *check, enum result result, const char *todo,
    const char *format, ...)
{
    static const char *const names[] = {"ok", "warning", "failed"};
    char what[TEXT_ERROR_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    json_array_append_new(checks, json_pack("{s:s, s:s, s:s, s:s?}", "check", check, "result",
                                      names[result], "what", what, "todo", todo));
}

static void check_listening(const struct host *host, json_t *checks)
{
    char text[TEXT_ADDR_SIZE];
    size_t count = 0;
    const vx6_addr *addr;
    for (; (addr = endpoints_listening(host->endpoints, count)) != NULL; count++) {
        text_addr(text, addr);
        add(checks, "listening", RESULT_OK, NULL, "listens on %s, TCP and UDP", text);
    }
    if (endpoints_published(host->endpoints, 0) == NULL)
        add(checks, "listening", RESULT_FAILED,
            "see that the host has an address (ip addr), or give one with vx6-node --listen",
            "there is no address under which others could find this node");
}

/* VX6-CTRL-045. Its successor is a key like any other, but nobody goes along from a revoked one:
 * VX6-NAME-018. */
static void check_key(const struct host *host, json_t *checks)
{
    if (keys_own_is_revoked(host->keys))
        add(checks, "key", RESULT_FAILED,
            "stop the node, run vx6 identity rotate, start it again, and give the new key to those "
            "who know this node: nobody follows by itself, they have to vx6 pin it with --replace, "
            "and to vx6 service allow it",
            "the key of this node is revoked: nobody believes it any more");
    else
        add(checks, "key", RESULT_OK, NULL, "no revocation of the key of this node is known");
}

static void check_reach(const struct host *host, json_t *checks)
{
    struct reach_facts facts;
    for (size_t i = 0; reachability_facts(host->reach, i, &facts); i++) {
        char text[TEXT_ADDR_SIZE];
        char peers[TEXT_COUNT_SIZE];
        text_addr(text, &facts.endpoint);
        text_count(peers, facts.peers, "peer says", "peers say");
        if (facts.state == REACH_YES)
            add(checks, "reach", RESULT_OK, NULL, "%s is reached by others, as %s", text, peers);
        else if (facts.state == REACH_NO)
            add(checks, "reach", RESULT_FAILED,
                "open its port in the firewall or router, TCP and UDP, or listen elsewhere with "
                "vx6-node --listen",
                "%s cannot be reached by others: %s", text, vx6_code_text(facts.code));
        else
            add(checks, "reach", RESULT_WARNING,
                facts.code == VX6_NO_PEERS ? "add a peer with vx6 peer add ADDR"
                                           : "ask again later",
                "whether others reach %s is not known: %s", text,
                facts.heard > 0 ? "those that were asked do not agree" : vx6_code_text(facts.code));
    }
}

static void check_clock(const struct host *host, json_t *checks)
{
    struct vx6_clock clock;
    char amount[TEXT_DURATION_SIZE], nodes[TEXT_COUNT_SIZE], networks[TEXT_COUNT_SIZE];
    static const char todo[] = "set it, or have it set (timedatectl set-ntp true)";
    driver_clock(host->driver, &clock);
    text_count(nodes, clock.responders, "node", "nodes");
    text_count(networks, clock.networks, "network", "networks");
    text_duration(amount, clock.offset_s != 0 ? clock.offset_s : clock.wrong_s);
    if (clock.offset_s != 0)
        add(checks, "clock", RESULT_WARNING, todo, "the clock is %s %s, and corrected", amount,
            clock.offset_s > 0 ? "slow" : "fast");
    else if (clock.is_beyond)
        add(checks, "clock", RESULT_FAILED, todo,
            "the clock is %s %s, too far to be corrected: nobody takes this node's records", amount,
            clock.wrong_s > 0 ? "slow" : "fast");
    else if (clock.is_known)
        add(checks, "clock", RESULT_OK, NULL, "the clock is right, as seen by %s in %s", nodes,
            networks);
    else
        add(checks, "clock", RESULT_OK, NULL,
            "the clock is taken as it is: too few others were heard to judge it (%s in %s)", nodes,
            networks);
}

static void check_peers(const struct host *host, json_t *checks)
{
    struct vx6_counts counts;
    char contacts[TEXT_COUNT_SIZE];
    driver_counts(host->driver, &counts);
    text_count(contacts, counts.contacts, "contact", "contacts");
    if (counts.contacts == 0 && !peers_any(host->peers))
        add(checks, "peers", RESULT_WARNING, "add one with vx6 peer add ADDR: any node will do",
            "this node knows nobody");
    else if (keys_own_is_revoked(host->keys))
        add(checks, "peers", RESULT_WARNING, "see what is said of the key",
            "%s, and nobody takes the records of this node", contacts);
    else if (!host_has_joined(host))
        add(checks, "peers", RESULT_FAILED,
            "see vx6 peers, and that UDP gets out; add another with vx6 peer add ADDR",
            "this node has not joined: %s, and nobody holds its records", contacts);
    else
        add(checks, "peers", RESULT_OK, NULL, "joined, with %s", contacts);
}

static void check_services(const struct host *host, json_t *checks)
{
    struct offer_facts *facts;
    offers_look(host->offers);
    for (size_t i = 0; (facts = offers_facts(host->offers, i)) != NULL; i++) {
        if (facts->exposure == EXPOSURE_HOSTED)
            continue; /* its program is at another node */
        char target[TEXT_ADDR_SIZE];
        text_addr(target, &facts->target);
        if (facts->is_up_known && !facts->is_up)
            add(checks, "service", RESULT_FAILED,
                "start the program, or correct the target with vx6 service add",
                "%s: nothing listens at its target %s", facts->name, target);
        else
            add(checks, "service", RESULT_OK, NULL, "%s: its target %s %s", facts->name, target,
                facts->is_up_known ? "listens" : "is on another host, and was not asked");
    }
}

static void on_asked(void *context)
{
    struct request *request = context;
    const struct host *host = request->host;
    json_t *checks = json_array();
    check_key(host, checks);
    check_listening(host, checks);
    check_reach(host, checks);
    check_clock(host, checks);
    check_peers(host, checks);
    check_services(host, checks);
    request_answer(request, json_pack("{s:o}", "checks", checks));
}

static void abandoned(struct request *request)
{
    reachability_ignore(request->host->reach, request);
}

/* VX6-CTRL-031 */
void command_doctor(struct request *request)
{
    const char *command;
    if (!request_unpack(request, "{s:s !}", "command", &command))
        return;
    request->abandoned = abandoned;
    reachability_ask(request->host->reach, on_asked, request);
}
