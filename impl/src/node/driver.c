/* SPDX-License-Identifier: MIT */
/* Drives the state machine: inputs with the time of CLOCK_BOOTTIME, outputs to the part they
 * concern, one timer for its deadline.
 *
 * An input only marks that outputs may wait; they are drained once per turn of the event loop. So
 * no part is ever called back from inside its own call, and many inputs share one drain. */
#include "driver.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include "forward.h"
#include "keys.h"
#include "names.h"
#include "operations.h"
#include "pump.h"
#include "reachability.h"
#include "offer.h"
#include "tcp.h"
#include "udp.h"

enum {
    WALLCLOCK_PERIOD_S = 600, /* drift between the two clocks is caught so often */
    WALLCLOCK_MOVED_MS = 500, /* more than that at once is no drift: somebody has set it */
    SAVE_FIRST_S = 2,         /* after the node has joined; then more and more seldom, up to */
    SAVE_MAX_S = 300,
    SLACK_SHARE = 32,
    SLACK_MAX_MS = 250,
    SHUTDOWN_POLL_MS = 20,
    SHUTDOWN_MAX_MS = 2500
};

struct driver {
    struct host *host;
    vx6_env *env;
    vx6_node *node;
    struct vx6_crypto crypto;
    struct vx6_trace trace;
    struct event *drain, *tick;
    struct event *clock_period, *clock_set;
    struct event *save, *shutdown_poll;
    int clock_fd;
    vx6_ns armed; /* the deadline that `tick` waits for */
    vx6_ns shutdown_deadline;
    time_t save_pause_s;
    int64_t clock_offset_ms; /* wall time, as the node has it, before monotonic time */
    int64_t slept_ms;
    bool shutting_down;
    bool published;
    uint8_t keys_before[VX6_KEYS_BEFORE_MAX][32];
    size_t keys_before_count;
    bool was_ready;
    struct reasons reasons;
};

/* VX6-NODE-012: it goes on while the machine sleeps. */
static vx6_ns now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (vx6_ns)now.tv_sec * VX6_SECOND + (vx6_ns)now.tv_nsec;
}

static struct timeval timeval_of_ms(uint64_t ms)
{
    return (struct timeval){(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
}

/* ChaCha20-Poly1305 where AES is software: there AES-GCM would be slow. */
static enum vx6_suite suite_for_this_machine(void)
{
#if defined(__x86_64__) || defined(__i386__)
    return __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul") ? VX6_SUITE_AESGCM
                                                                             : VX6_SUITE_CHACHAPOLY;
#elif defined(__aarch64__)
    return (getauxval(AT_HWCAP) & HWCAP_AES) ? VX6_SUITE_AESGCM : VX6_SUITE_CHACHAPOLY;
#else
    return VX6_SUITE_CHACHAPOLY;
#endif
}

static void *resize(void *context, void *memory, size_t size_from, size_t size_to)
{
    (void)context;
    (void)size_from;
    if (size_to > 0)
        return realloc(memory, size_to);
    free(memory);
    return NULL;
}

static void save_after(struct driver *driver, time_t pause_s)
{
    driver->save_pause_s = pause_s < SAVE_MAX_S ? pause_s : SAVE_MAX_S;
    struct timeval pause = {driver->save_pause_s, 0};
    evtimer_add(driver->save, &pause);
}

/* What of the state machine's trace is news; the rest is counted. The state machine must not be
 * called back from here. */
static void report_event(struct driver *driver, const struct vx6_event *event)
{
    struct journal *journal = driver->host->journal;
    enum vx6_code code = (enum vx6_code)event->code;
    if (event->kind == VX6_EVENT_link_up) {
        REPORT(journal, link_up, .peer = &event->peer);
    } else if (event->kind == VX6_EVENT_link_closed) {
        REPORT(journal, link_closed, .peer = &event->peer, .code = code);
    } else if (event->kind == VX6_EVENT_link_refused) {
        REPORT(journal, link_refused, .peer = &event->peer, .code = code);
    } else if (event->kind == VX6_EVENT_session_refused) {
        REPORT(journal, session_refused, .peer = &event->peer, .code = code);
    } else if (event->kind == VX6_EVENT_published && event->len > 0) {
        if (!driver->published) {
            if (!keys_own_is_revoked(driver->host->keys)) /* VX6-CTRL-045 */
                REPORT(journal, joined, .holders = event->len);
            save_after(driver, SAVE_FIRST_S);
            reachability_joined(driver->host->reach);
        }
        driver->published = true;
        REPORT(journal, published, .holders = event->len);
    }
}

static void note_event(void *context, const struct vx6_event *event)
{
    struct driver *driver = context;
    reasons_note(&driver->reasons, event);
    report_event(driver, event);
}

void driver_touched(struct driver *driver)
{
    event_active(driver->drain, EV_TIMEOUT, 0);
}

/* How long the host has, ever. */
static int64_t slept_ms(void)
{
    struct timespec awake;
    clock_gettime(CLOCK_MONOTONIC, &awake);
    return (int64_t)(now_ns() / VX6_MILLISECOND) - (int64_t)awake.tv_sec * 1000 -
           awake.tv_nsec / 1000000;
}

static int64_t clock_offset_ms(void)
{
    return unix_ms_now() - (int64_t)(now_ns() / VX6_MILLISECOND);
}

static enum vx6_code give(struct driver *driver, struct vx6_in *in)
{
    enum vx6_code code = vx6_node_input(driver->node, now_ns(), in);
    driver_touched(driver);
    return code;
}

static void tell_wallclock(struct driver *driver)
{
    struct vx6_in in = {.kind = VX6_IN_WALLCLOCK, .unix_ms = unix_ms_now()};
    driver->clock_offset_ms = clock_offset_ms();
    (void)give(driver, &in);
}

void driver_network_changed(struct driver *driver)
{
    struct vx6_in in = {.kind = VX6_IN_NETWORK};
    (void)give(driver, &in);
}

/* VX6-CTRL-019: before every input, so that nothing is judged by a clock that is no more; and since
 * not every system says when its clock is set. */
static void look_at_clock(struct driver *driver)
{
    int64_t moved_ms = clock_offset_ms() - driver->clock_offset_ms;
    if (moved_ms > -WALLCLOCK_MOVED_MS && moved_ms < WALLCLOCK_MOVED_MS)
        return;
    REPORT(driver->host->journal, clock_set, .direction = moved_ms > 0 ? "forward" : "back",
        .seconds = (uint64_t)(moved_ms > 0 ? moved_ms : -moved_ms) / 1000);
    tell_wallclock(driver);
    if (moved_ms > 0)
        driver_network_changed(driver); /* the host may have slept, perhaps in another place */
}

/* A host that has slept may be in another place. The kernel says that it wakes as it says that its
 * clock was set. */
static void look_at_sleep(struct driver *driver)
{
    int64_t slept = slept_ms();
    if (slept - driver->slept_ms >= WALLCLOCK_MOVED_MS)
        driver_network_changed(driver);
    driver->slept_ms = slept;
}

enum vx6_code driver_input(struct driver *driver, struct vx6_in *in)
{
    look_at_clock(driver);
    return give(driver, in);
}

bool driver_fill(struct driver *driver, vx6_id carrier, struct vx6_batch *batch)
{
    bool wrote = vx6_node_fill(driver->node, carrier, batch);
    driver_touched(driver);
    return wrote;
}

vx6_node *driver_node(struct driver *driver)
{
    return driver->node;
}

/* VX6-CTRL-032 */
static void report_clock(struct host *host)
{
    struct vx6_clock clock;
    char amount[TEXT_DURATION_SIZE];
    vx6_node_clock(host->driver->node, &clock);
    int64_t wrong_s = clock.is_beyond ? clock.wrong_s : clock.offset_s;
    const char *direction = wrong_s > 0 ? "slow" : "fast";
    uint64_t seconds = (uint64_t)(wrong_s > 0 ? wrong_s : -wrong_s);
    text_duration(amount, wrong_s);
    if (clock.is_beyond)
        REPORT(host->journal, clock_wrong, .amount = amount, .direction = direction,
            .seconds = seconds, .responders = clock.responders, .networks = clock.networks);
    else if (wrong_s != 0)
        REPORT(host->journal, clock_corrected, .amount = amount, .direction = direction,
            .seconds = seconds, .responders = clock.responders, .networks = clock.networks);
    else
        REPORT(host->journal, clock_trusted, .responders = clock.responders);
}

static void act(struct host *host, const struct vx6_out *out)
{
    switch (out->kind) {
    case VX6_OUT_LINK_DIAL:
        tcp_dial(host->tcp, out->id, &out->peer);
        break;
    case VX6_OUT_LINK_CLOSE:
        tcp_close(host->tcp, out->id, out->code);
        break;
    case VX6_OUT_LINK_PAUSE:
        tcp_pause(host->tcp, out->id);
        break;
    case VX6_OUT_LINK_RESUME:
        tcp_resume(host->tcp, out->id);
        break;
    case VX6_OUT_WANT_WRITE:
        if (out->id.bits == VX6_DATAGRAMS.bits)
            udp_want_write(host->udp);
        else
            tcp_want_write(host->tcp, out->id);
        break;
    case VX6_OUT_SESSION_UP:
        forwards_session_up(host->forwards, out);
        break;
    case VX6_OUT_SESSION_DOWN:
        forwards_session_down(host->forwards, out);
        break;
    case VX6_OUT_STREAM_INCOMING:
        offers_incoming(host->offers, out);
        break;
    case VX6_OUT_STREAM_READABLE:
        pumps_readable(host->pumps, out->id);
        break;
    case VX6_OUT_STREAM_WRITABLE:
        pumps_writable(host->pumps, out->id);
        break;
    case VX6_OUT_STREAM_CLOSED:
        offers_stream_closed(host->offers, out->id);
        pumps_closed(host->pumps, out->id, out->code);
        break;
    case VX6_OUT_CANDIDATE:
    case VX6_OUT_OP_DONE:
        operations_output(host->operations, out);
        break;
    case VX6_OUT_NAME_BOUND:
        names_bound(host->names, out);
        break;
    case VX6_OUT_KEY_FOLLOWED:
        keys_followed(host->keys, out);
        break;
    case VX6_OUT_KEY_CLASH:
        keys_clash(host->keys, out);
        break;
    case VX6_OUT_KEY_REVOKED:
        keys_revoked(host->keys, out);
        break;
    case VX6_OUT_CLOCK:
        report_clock(host);
        break;
    case VX6_OUT_CONTACT:
        break; /* the routing table is saved as a whole, now and then */
    }
}

/* A little late is harmless (VX6-NODE-005), and what falls due meanwhile shares the wake-up; too
 * early, by the coarse clock of the event loop, would be for nothing. */
static vx6_ns slack(vx6_ns wait)
{
    const vx6_ns most = SLACK_MAX_MS * VX6_MILLISECOND, share = wait / SLACK_SHARE;
    return share < most ? share : most;
}

static void arm(struct driver *driver)
{
    vx6_ns deadline = vx6_node_deadline(driver->node);
    if (deadline == driver->armed && evtimer_pending(driver->tick, NULL))
        return;
    driver->armed = deadline;
    if (deadline == VX6_NEVER) {
        evtimer_del(driver->tick);
        return;
    }
    vx6_ns now = now_ns();
    vx6_ns wait = deadline > now ? deadline - now : 0;
    wait += slack(wait);
    struct timeval timeout = timeval_of_ms((wait + VX6_MILLISECOND - 1) / VX6_MILLISECOND);
    evtimer_add(driver->tick, &timeout);
}

static void report_ready(struct driver *driver)
{
    struct vx6_counts counts;
    vx6_node_counts(driver->node, &counts);
    REPORT(driver->host->journal, ready, .contacts = counts.contacts);
    driver->was_ready = true;
}

void driver_settle(struct driver *driver)
{
    struct vx6_out out;
    while (vx6_node_output(driver->node, &out))
        act(driver->host, &out);
    arm(driver);
    if (!driver->was_ready && host_is_ready(driver->host))
        report_ready(driver);
}

static void on_drain(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    driver_settle(context);
}

static void on_tick(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct vx6_in in = {.kind = VX6_IN_TICK};
    (void)driver_input(context, &in);
}

/* A timer in the far future that the kernel cancels as soon as somebody sets the clock. */
static void watch_clock(struct driver *driver)
{
    struct itimerspec never = {.it_value = {.tv_sec = (time_t)1 << 40}};
    (void)timerfd_settime(
        driver->clock_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL);
}

static void on_clock_set(evutil_socket_t fd, short what, void *context)
{
    (void)what;
    struct driver *driver = context;
    uint64_t expirations;
    struct vx6_in in = {.kind = VX6_IN_TICK};
    if (read((int)fd, &expirations, sizeof expirations) < 0 && errno == ECANCELED) {
        look_at_sleep(driver);
        (void)driver_input(driver, &in); /* what fell due meanwhile */
    }
    watch_clock(driver);
}

static void on_clock_period(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    tell_wallclock(context);
}

static void save_contacts(struct driver *driver)
{
    static const size_t max = 1024;
    struct store_contact *contacts = calloc(max, sizeof *contacts);
    if (contacts == NULL)
        return;
    size_t count = 0;
    while (count < max &&
           vx6_node_contact(driver->node, count, contacts[count].key, &contacts[count].addr))
        count++;
    /* An empty table is no news: the old contacts may be back tomorrow. */
    if (count > 0)
        (void)store_contacts_set(driver->host->store, contacts, count);
    free(contacts);
}

static void on_save(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct driver *driver = context;
    save_contacts(driver);
    names_save(driver->host->names);
    (void)keys_save(driver->host->keys);
    save_after(driver, 4 * driver->save_pause_s);
}

static void on_shutdown_poll(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct driver *driver = context;
    bool is_done = vx6_node_is_closed(driver->node) && tcp_is_idle(driver->host->tcp);
    if (is_done || now_ns() >= driver->shutdown_deadline) {
        event_base_loopbreak(driver->host->base);
        return;
    }
    struct timeval again = timeval_of_ms(SHUTDOWN_POLL_MS);
    evtimer_add(driver->shutdown_poll, &again);
}

void driver_shut_down(struct driver *driver)
{
    if (driver->shutting_down)
        return;
    save_contacts(driver);
    names_save(driver->host->names);
    (void)keys_save(driver->host->keys);
    driver->shutting_down = true;
    driver->shutdown_deadline = now_ns() + SHUTDOWN_MAX_MS * VX6_MILLISECOND;
    tcp_stop_listening(driver->host->tcp);
    struct vx6_in in = {.kind = VX6_IN_SHUTDOWN};
    (void)driver_input(driver, &in);
    struct timeval soon = timeval_of_ms(SHUTDOWN_POLL_MS);
    evtimer_add(driver->shutdown_poll, &soon);
}

bool driver_is_shutting_down(const struct driver *driver)
{
    return driver->shutting_down;
}

/* VX6-CTRL-016: the only copies of the seed are the node's and this one, which is wiped. */
static bool make_node(struct driver *driver, const struct driver_config *from)
{
    vx6_config config = {.sequence_first = from->sequence_first,
        .unix_ms = unix_ms_now(),
        .suite = suite_for_this_machine(),
        .asn_map = from->asn_map,
        .lineage = {from->lineage, from->lineage_len}};
    memcpy(config.identity_seed, from->identity_seed, sizeof config.identity_seed);
    memcpy(config.label, from->label, sizeof config.label);
    driver->clock_offset_ms = clock_offset_ms();
    driver->slept_ms = slept_ms();
    driver->crypto = vx6_crypto_real;
    driver->trace = (struct vx6_trace){note_event, driver};
    vx6_alloc alloc = {resize, NULL};
    driver->env = vx6_env_new(alloc, &driver->crypto, &vx6_limits_default, &driver->trace);
    if (driver->env &&
        getrandom(config.rng_seed, sizeof config.rng_seed, 0) == (ssize_t)sizeof config.rng_seed)
        driver->node = vx6_node_new(driver->env, &config, now_ns());
    explicit_bzero(&config, sizeof config);
    driver->keys_before_count =
        vx6_lineage_keys((vx6_span){from->lineage, from->lineage_len}, driver->keys_before);
    return driver->node != NULL;
}

static bool make_events(struct driver *driver)
{
    struct event_base *base = driver->host->base;
    driver->clock_fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    driver->drain = event_new(base, -1, 0, on_drain, driver);
    driver->tick = evtimer_new(base, on_tick, driver);
    driver->save = evtimer_new(base, on_save, driver);
    driver->shutdown_poll = evtimer_new(base, on_shutdown_poll, driver);
    driver->clock_period = event_new(base, -1, EV_PERSIST, on_clock_period, driver);
    if (driver->clock_fd >= 0)
        driver->clock_set =
            event_new(base, driver->clock_fd, EV_READ | EV_PERSIST, on_clock_set, driver);
    if (!driver->drain || !driver->tick || !driver->save || !driver->shutdown_poll ||
        !driver->clock_period || !driver->clock_set)
        return false;
    struct timeval period = {WALLCLOCK_PERIOD_S, 0};
    event_add(driver->clock_period, &period);
    save_after(driver, SAVE_MAX_S);
    event_add(driver->clock_set, NULL);
    watch_clock(driver);
    return true;
}

struct driver *driver_new(struct host *host, const struct driver_config *config)
{
    struct driver *driver = calloc(1, sizeof *driver);
    if (driver == NULL)
        return NULL;
    driver->host = host;
    driver->clock_fd = -1;
    if (make_node(driver, config) && make_events(driver))
        return driver;
    driver_free(driver);
    return NULL;
}

static void free_event(struct event *event)
{
    if (event)
        event_free(event);
}

void driver_free(struct driver *driver)
{
    if (driver == NULL)
        return;
    free_event(driver->drain);
    free_event(driver->tick);
    free_event(driver->save);
    free_event(driver->shutdown_poll);
    free_event(driver->clock_period);
    free_event(driver->clock_set);
    if (driver->clock_fd >= 0)
        close(driver->clock_fd);
    vx6_node_free(driver->node);
    if (driver->env)
        vx6_env_free(driver->env);
    free(driver);
}

void driver_counts(const struct driver *driver, struct vx6_counts *counts)
{
    vx6_node_counts(driver->node, counts);
}

uint64_t driver_counter(const struct driver *driver, enum vx6_event_kind kind)
{
    return vx6_node_counter(driver->node, kind);
}

const struct reasons *driver_reasons(const struct driver *driver)
{
    return &driver->reasons;
}

bool driver_contact(const struct driver *driver, size_t index, uint8_t key[32], vx6_addr *addr)
{
    return vx6_node_contact(driver->node, index, key, addr);
}

size_t driver_keys_before(const struct driver *driver, uint8_t keys[VX6_KEYS_BEFORE_MAX][32])
{
    memcpy(keys, driver->keys_before, sizeof driver->keys_before);
    return driver->keys_before_count;
}

void driver_clock(const struct driver *driver, struct vx6_clock *clock)
{
    vx6_node_clock(driver->node, clock);
}

void driver_identity(const struct driver *driver, uint8_t key[32], uint8_t id[32])
{
    vx6_node_identity(driver->node, key, id);
}

bool driver_has_joined(const struct driver *driver)
{
    struct vx6_counts counts;
    vx6_node_counts(driver->node, &counts);
    return counts.contacts > 0 && driver->published;
}
