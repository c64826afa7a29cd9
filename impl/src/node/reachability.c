/* SPDX-License-Identifier: MIT */
/* For each endpoint one ask at a time. As long as peers disagree, or few have been heard, the next
 * one is asked soon; once it is clear, slowly. */
#include "reachability.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"
#include "net.h"
#include "offer.h"
#include "operations.h"

enum {
    VERDICTS = 3,
    SOON_MS = 2000,
    SOON_MAX = 6, /* asks, until it goes slowly all the same */
    NO_PEERS_MS = 30000,
    PACE_MS = 600000,    /* varied by up to an eighth */
    VERDICT_MS = 3600000 /* older ones say nothing any more */
};

struct verdict {
    uint8_t key[32]; /* whose */
    bool is_reached;
    enum vx6_code code;
    int64_t said_ms; /* steady */
};

struct watched {
    struct reachability *reach;
    vx6_addr endpoint;
    struct event *next;
    vx6_id op;                         /* the ask under way; 0: none */
    bool is_wanted;                    /* somebody waits for it */
    uint32_t soon;                     /* asks in a row that were to be followed soon */
    struct verdict verdicts[VERDICTS]; /* newest first, of as many peers */
    size_t verdict_count;
    enum vx6_code trouble; /* why the last ask brought nothing; VX6_OK: it has */
    enum reach_state told; /* in the journal */
    int64_t reached_unix_ms;
};

struct waiter {
    struct waiter *next;
    reach_heard *heard;
    void *context;
};

struct reachability {
    struct host *host;
    struct watched *items[VX6_ENDPOINT_MAX];
    size_t count;
    struct waiter *waiters;
};

const char *reach_state_name(enum reach_state state)
{
    static const char *const names[] = {
        [REACH_UNKNOWN] = "unknown", [REACH_YES] = "reachable", [REACH_NO] = "unreachable"};
    return names[state];
}

/* ---- what is known ---- */

static bool is_fresh(const struct verdict *verdict)
{
    return steady_ms_now() - verdict->said_ms < VERDICT_MS;
}

struct tally {
    size_t yes, no;
};

static struct tally count(const struct watched *watched)
{
    struct tally tally = {0, 0};
    for (size_t i = 0; i < watched->verdict_count; i++) {
        tally.yes += is_fresh(&watched->verdicts[i]) && watched->verdicts[i].is_reached;
        tally.no += is_fresh(&watched->verdicts[i]) && !watched->verdicts[i].is_reached;
    }
    return tally;
}

/* `peers`: how many say what is taken for true. */
static enum reach_state judge(const struct watched *watched, size_t *peers)
{
    struct tally said = count(watched);
    *peers = said.yes > said.no ? said.yes : said.yes < said.no ? said.no : 0;
    return said.yes > said.no ? REACH_YES : said.yes < said.no ? REACH_NO : REACH_UNKNOWN;
}

static enum vx6_code reason(const struct watched *watched)
{
    for (size_t i = 0; i < watched->verdict_count; i++) {
        if (!watched->verdicts[i].is_reached)
            return watched->verdicts[i].code;
    }
    return watched->trouble;
}

bool reachability_facts(const struct reachability *reach, size_t index, struct reach_facts *facts)
{
    if (index >= reach->count)
        return false;
    const struct watched *watched = reach->items[index];
    *facts = (struct reach_facts){
        .endpoint = watched->endpoint, .reached_unix_ms = watched->reached_unix_ms};
    struct tally said = count(watched);
    facts->heard = said.yes + said.no;
    facts->state = judge(watched, &facts->peers);
    facts->code = facts->state == REACH_YES ? VX6_OK : reason(watched);
    return true;
}

enum reach_state reachability_of_node(const struct reachability *reach, int64_t *reached_unix_ms)
{
    enum reach_state state = REACH_UNKNOWN;
    struct reach_facts facts;
    *reached_unix_ms = 0;
    for (size_t i = 0; reachability_facts(reach, i, &facts); i++) {
        if (facts.state == REACH_YES || state == REACH_UNKNOWN)
            state = facts.state;
        if (facts.reached_unix_ms > *reached_unix_ms)
            *reached_unix_ms = facts.reached_unix_ms;
    }
    return state;
}

/* VX6-CTRL-033: once it is clear, and only when it has changed. */
static void report(struct watched *watched)
{
    size_t peers;
    struct journal *journal = watched->reach->host->journal;
    enum reach_state state = judge(watched, &peers);
    if (state == watched->told || state == REACH_UNKNOWN || (state == REACH_NO && peers < 2))
        return;
    watched->told = state;
    if (state == REACH_YES)
        REPORT(journal, endpoint_reached, .endpoint = &watched->endpoint);
    else
        REPORT(
            journal, endpoint_unreached, .endpoint = &watched->endpoint, .code = reason(watched));
}

/* ---- asking ---- */

static void ask(struct watched *watched);

static void tell_waiters(struct reachability *reach)
{
    for (size_t i = 0; i < reach->count; i++) {
        if (reach->items[i]->is_wanted)
            return;
    }
    while (reach->waiters) {
        struct waiter *waiter = reach->waiters;
        reach->waiters = waiter->next;
        waiter->heard(waiter->context);
        free(waiter);
    }
}

static void ask_in_ms(struct watched *watched, uint32_t ms)
{
    ms += ms / 8 - arc4random_uniform(ms / 4 + 1);
    struct timeval wait = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
    evtimer_add(watched->next, &wait);
}

/* As many agree as decide, and the last to speak is of them. */
static bool is_clear(const struct watched *watched)
{
    size_t peers;
    enum reach_state state = judge(watched, &peers);
    return peers >= 2 && watched->verdicts[0].is_reached == (state == REACH_YES);
}

static void plan(struct watched *watched)
{
    bool has_said = watched->trouble == VX6_OK; /* else the next one may */
    bool is_soon = !(has_said && is_clear(watched)) && watched->soon < SOON_MAX;
    watched->soon = is_soon ? watched->soon + 1 : 0;
    if (watched->trouble == VX6_NO_PEERS)
        ask_in_ms(watched, NO_PEERS_MS);
    else
        ask_in_ms(watched, is_soon ? SOON_MS : PACE_MS);
}

static void settle(struct watched *watched, enum vx6_code trouble)
{
    watched->trouble = trouble;
    watched->op = (vx6_id){0};
    watched->is_wanted = false;
    offers_look(watched->reach->host->offers);
    report(watched);
    plan(watched);
    tell_waiters(watched->reach);
}

/* A peer's last word takes the place of its word before, or of the oldest. */
static void keep(struct watched *watched, const struct verdict *verdict)
{
    size_t i = 0;
    while (i < watched->verdict_count &&
           memcmp(watched->verdicts[i].key, verdict->key, sizeof verdict->key) != 0)
        i++;
    if (i == watched->verdict_count && i < VERDICTS)
        watched->verdict_count++;
    else if (i == VERDICTS)
        i--;
    memmove(&watched->verdicts[1], &watched->verdicts[0], i * sizeof watched->verdicts[0]);
    watched->verdicts[0] = *verdict;
}

/* Did the peer dial, and is that what it says of it? VX6-LINK-031 */
static bool is_verdict(const struct vx6_out *out)
{
    return out->lost == 0 && (out->code == VX6_OK || out->code == VX6_TIMEOUT ||
                                 out->code == VX6_UNREACHABLE || out->code == VX6_KEY_MISMATCH);
}

static void on_done(void *context, const struct vx6_out *out)
{
    struct watched *watched = context;
    if (out->kind != VX6_OUT_OP_DONE)
        return;
    struct verdict verdict = {
        .is_reached = out->code == VX6_OK, .code = out->code, .said_ms = steady_ms_now()};
    memcpy(verdict.key, out->key, sizeof verdict.key);
    if (is_verdict(out))
        keep(watched, &verdict);
    if (is_verdict(out) && verdict.is_reached)
        watched->reached_unix_ms = unix_ms_now();
    settle(watched, is_verdict(out) ? VX6_OK : out->code);
}

static void ask(struct watched *watched)
{
    struct vx6_in in = {.kind = VX6_IN_REACH, .peer = watched->endpoint};
    if (watched->op.bits != 0)
        return;
    enum vx6_code code = operations_start(watched->reach->host->operations, &in, on_done, watched);
    if (code == VX6_OK)
        watched->op = in.id;
    else
        settle(watched, code);
}

static void on_next(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    ask(context);
}

/* ---- endpoints come and go ---- */

static void watched_free(struct watched *watched)
{
    if (watched->op.bits != 0)
        operations_cancel(watched->reach->host->operations, watched->op);
    event_free(watched->next);
    free(watched);
}

static struct watched *watched_new(struct reachability *reach, const vx6_addr *endpoint)
{
    struct watched *watched = calloc(1, sizeof *watched);
    if (watched == NULL)
        return NULL;
    *watched = (struct watched){.reach = reach, .endpoint = *endpoint, .trouble = VX6_NO_PEERS};
    watched->next = evtimer_new(reach->host->base, on_next, watched);
    if (watched->next == NULL) {
        free(watched);
        return NULL;
    }
    ask_in_ms(watched, SOON_MS);
    return watched;
}

/* Takes the one of this endpoint out of the list; NULL: it is not there. */
static struct watched *take(struct watched **items, size_t count, const vx6_addr *endpoint)
{
    for (size_t i = 0; i < count; i++) {
        struct watched *watched = items[i];
        if (watched == NULL || !net_addr_equal(&watched->endpoint, endpoint))
            continue;
        items[i] = NULL;
        return watched;
    }
    return NULL;
}

void reachability_endpoints(struct reachability *reach, const vx6_addr *endpoints, size_t count)
{
    struct watched *old[VX6_ENDPOINT_MAX];
    size_t old_count = reach->count;
    memcpy(old, reach->items, sizeof old);
    reach->count = 0;
    for (size_t i = 0; i < count && i < VX6_ENDPOINT_MAX; i++) {
        struct watched *watched = take(old, old_count, &endpoints[i]);
        if (watched == NULL)
            watched = watched_new(reach, &endpoints[i]);
        if (watched)
            reach->items[reach->count++] = watched;
    }
    for (size_t i = 0; i < old_count; i++) {
        if (old[i])
            watched_free(old[i]);
    }
    tell_waiters(reach);
}

void reachability_joined(struct reachability *reach)
{
    for (size_t i = 0; i < reach->count; i++) {
        if (reach->items[i]->trouble == VX6_NO_PEERS)
            ask_in_ms(reach->items[i], SOON_MS);
    }
}

/* ---- somebody wants to know ---- */

void reachability_ask(struct reachability *reach, reach_heard *heard, void *context)
{
    struct waiter *waiter = calloc(1, sizeof *waiter);
    if (waiter == NULL) {
        heard(context);
        return;
    }
    *waiter = (struct waiter){reach->waiters, heard, context};
    reach->waiters = waiter;
    for (size_t i = 0; i < reach->count; i++)
        reach->items[i]->is_wanted = true;
    for (size_t i = 0; i < reach->count; i++)
        ask(reach->items[i]);
    tell_waiters(reach);
}

void reachability_ignore(struct reachability *reach, void *context)
{
    struct waiter **place = &reach->waiters;
    while (*place) {
        struct waiter *waiter = *place;
        if (waiter->context != context) {
            place = &waiter->next;
            continue;
        }
        *place = waiter->next;
        free(waiter);
    }
}

struct reachability *reachability_new(struct host *host)
{
    struct reachability *reach = calloc(1, sizeof *reach);
    if (reach)
        reach->host = host;
    return reach;
}

void reachability_free(struct reachability *reach)
{
    if (reach == NULL)
        return;
    while (reach->count > 0)
        watched_free(reach->items[--reach->count]);
    while (reach->waiters)
        reachability_ignore(reach, reach->waiters->context);
    free(reach);
}
