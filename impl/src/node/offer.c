/* SPDX-License-Identifier: MIT */
/* The owner's side. A stream that comes in for a service leads to the target that the owner has
 * declared for it and nowhere else: nothing that a peer sends takes part in choosing the address.
 * The stream is accepted once the target has answered; else it is reset, with the reason. */
#include "offer.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "driver.h"
#include "idtable.h"
#include "keys.h"
#include "listening.h"
#include "net.h"
#include "paths.h"
#include "pump.h"

enum {
    CONNECT_TIMEOUT_S = 10
};

static const struct {
    enum vx6_in_kind kind;
    const char *who; /* it leads to */
} exposures[EXPOSURE_COUNT] = {
    [EXPOSURE_PUBLIC] = {VX6_IN_SERVICE_ADD, "whoever resolves this node"},
    [EXPOSURE_LISTED] = {VX6_IN_SERVICE_ADD_LISTED, "keys that are allowed"},
    [EXPOSURE_PRIVATE] = {VX6_IN_SERVICE_ADD_PRIVATE,
        "keys that are allowed, and nobody else learns of it"},
    [EXPOSURE_HOSTED] = {VX6_IN_SERVICE_ADD_HOSTED, "whom that node admits"},
};

struct offer {
    struct offers *offers;
    struct offer_facts facts;
    struct offer *next; /* in `retired` */
    bool is_retired;    /* removed; kept while connections count on it */
};

/* A connection on its way to its target. */
struct incoming {
    struct offer *offer;
    vx6_id stream;
    int fd;
    struct event *connected;
};

struct offers {
    struct host *host;
    struct offer *items[OFFERS_MAX]; /* sorted by name */
    size_t count;
    struct offer *retired;
    struct idtable incoming;
};

static size_t find(const struct offers *offers, const char *name)
{
    size_t index = 0;
    while (index < offers->count && strcmp(offers->items[index]->facts.name, name) < 0)
        index++;
    return index;
}

static struct offer *get(const struct offers *offers, const char *name)
{
    size_t index = find(offers, name);
    if (index == offers->count || strcmp(offers->items[index]->facts.name, name) != 0)
        return NULL;
    return offers->items[index];
}

static void offer_free(struct offer *offer)
{
    free(offer->facts.allowed);
    free(offer);
}

static void offer_free_if_unused(struct offer *offer)
{
    if (!offer->is_retired || offer->facts.open_count > 0)
        return;
    struct offer **place = &offer->offers->retired;
    while (*place != offer)
        place = &(*place)->next;
    *place = offer->next;
    offer_free(offer);
}

/* Index of the first key that is not before this one. */
static size_t key_position(const struct offer_facts *facts, const uint8_t key[32])
{
    size_t at = 0;
    while (at < facts->allowed_count && memcmp(facts->allowed[at], key, 32) < 0)
        at++;
    return at;
}

bool offer_allows(const struct offer_facts *facts, const uint8_t key[32])
{
    size_t at = key_position(facts, key);
    return at < facts->allowed_count && memcmp(facts->allowed[at], key, 32) == 0;
}

static enum vx6_code tell_node(
    struct offers *offers, enum vx6_in_kind kind, const char *name, const uint8_t *key)
{
    struct vx6_in in = {.kind = kind, .data = (const uint8_t *)name, .len = strlen(name)};
    if (key)
        memcpy(in.key, key, sizeof in.key);
    return driver_input(offers->host->driver, &in);
}

/* There is room. */
static void put_on(struct offer_facts *facts, const uint8_t key[32])
{
    size_t at = key_position(facts, key);
    memmove(facts->allowed + at + 1, facts->allowed + at,
        (facts->allowed_count - at) * sizeof *facts->allowed);
    memcpy(facts->allowed[at], key, sizeof facts->allowed[at]);
    facts->allowed_count++;
}

static void take_off(struct offer_facts *facts, const uint8_t key[32])
{
    size_t at = key_position(facts, key);
    facts->allowed_count--;
    memmove(facts->allowed + at, facts->allowed + at + 1,
        (facts->allowed_count - at) * sizeof *facts->allowed);
}

/* VX6-CTRL-038: what is shown of who may use a service is what is in force. One that came by the
 * place of another is there for its own sake from now on. */
static enum vx6_code let_in(struct offer *offer, const uint8_t key[32])
{
    struct offer_facts *facts = &offer->facts;
    if (offer_allows(facts, key))
        return tell_node(offer->offers, VX6_IN_SERVICE_ALLOW, facts->name, key);
    void *bigger = realloc(facts->allowed, (facts->allowed_count + 1) * sizeof *facts->allowed);
    if (bigger == NULL)
        return VX6_NOMEM;
    facts->allowed = bigger;
    enum vx6_code code = tell_node(offer->offers, VX6_IN_SERVICE_ALLOW, facts->name, key);
    if (code != VX6_OK)
        return code;
    put_on(facts, key);
    return VX6_OK;
}

/* False: it was not let in. */
static bool shut_out(struct offer *offer, const uint8_t key[32])
{
    struct offer_facts *facts = &offer->facts;
    if (!offer_allows(facts, key))
        return false;
    (void)tell_node(offer->offers, VX6_IN_SERVICE_DENY, facts->name, key);
    take_off(facts, key);
    return true;
}

/* VX6-NAME-016 */
void offers_follow(struct offers *offers, const uint8_t from[32], const uint8_t to[32])
{
    for (size_t i = 0; i < offers->count; i++) {
        struct offer_facts *facts = &offers->items[i]->facts;
        if (!offer_allows(facts, from))
            continue;
        take_off(facts, from);
        if (!offer_allows(facts, to))
            put_on(facts, to);
    }
}

/* The keys first, so that those who may stay are not sent away when a service is closed to others.
 * A service that is not there yet is closed to all until it has them. It is closed to others even
 * if some of the keys cannot be had. */
static enum vx6_code put_into_force(struct offer *offer, const struct offer_wish *wish)
{
    struct offers *offers = offer->offers;
    enum vx6_in_kind kind = exposures[wish->exposure].kind;
    enum vx6_code code = VX6_OK;
    if (wish->exposure == EXPOSURE_HOSTED)
        return tell_node(offers, kind, wish->name, wish->host);
    if (get(offers, wish->name) == NULL)
        code = tell_node(offers, kind, wish->name, NULL);
    for (size_t i = 0; code == VX6_OK && i < wish->allowed_count; i++)
        code = let_in(offer, wish->allowed[i]);
    enum vx6_code exposed = tell_node(offers, kind, wish->name, NULL);
    return code != VX6_OK ? code : exposed;
}

static const char *why_not_added(const struct offer_wish *wish, enum vx6_code code)
{
    if (wish->exposure == EXPOSURE_HOSTED && code == VX6_LIMIT)
        return "this node's record has no room for more that is at other nodes: remove one";
    return vx6_code_text(code);
}

static bool make_offer(
    struct offers *offers, const struct offer_wish *wish, char error[TEXT_ERROR_SIZE])
{
    if (offers->count == OFFERS_MAX)
        return text_fail(
            error, "this node offers %d services already: remove one first", OFFERS_MAX);
    struct offer *offer = calloc(1, sizeof *offer);
    if (offer == NULL)
        return text_fail(error, "out of memory");
    offer->offers = offers;
    offer->facts.target = wish->target;
    memcpy(offer->facts.host, wish->host, sizeof offer->facts.host);
    offer->facts.exposure = wish->exposure;
    snprintf(offer->facts.name, sizeof offer->facts.name, "%s", wish->name);
    enum vx6_code code = put_into_force(offer, wish);
    if (code != VX6_OK) {
        (void)tell_node(offers, VX6_IN_SERVICE_REMOVE, wish->name, NULL);
        offer_free(offer);
        return text_fail(error, "%s", why_not_added(wish, code));
    }
    size_t index = find(offers, wish->name);
    memmove(&offers->items[index + 1], &offers->items[index],
        (offers->count - index) * sizeof offers->items[0]);
    offers->items[index] = offer;
    offers->count++;
    return true;
}

/* Where it is, as the state has it: an address, or the key of its host. */
static void format_place(const struct offer_wish *wish, char text[STORE_TARGET_SIZE])
{
    if (wish->exposure == EXPOSURE_HOSTED)
        text_key(text, wish->host);
    else
        text_addr(text, &wish->target);
}

static void leave_out(struct offers *offers, const char *name, const char *why)
{
    REPORT(offers->host->journal, service_left_out, .service = name, .why = why);
}

/* With who may use it. What there is no room for, since the bundle has grown, is left out:
 * VX6-REC-026. */
static bool restore_wish(struct offers *offers, struct offer_wish *wish, uint8_t (*keys)[32],
    char error[TEXT_ERROR_SIZE])
{
    struct store *store = offers->host->store;
    char why[TEXT_ERROR_SIZE];
    int count = store_allowed(store, wish->name, keys, vx6_limits_default.service_allow_max);
    if (count < 0)
        return text_fail(error, "%s", store_error(store));
    wish->allowed = (const uint8_t(*)[32])keys;
    wish->allowed_count = (size_t)count;
    if (make_offer(offers, wish, why))
        return true;
    if (wish->exposure != EXPOSURE_HOSTED)
        return text_fail(error, "the service %s: %.400s", wish->name, why);
    leave_out(offers, wish->name, why);
    return true;
}

/* False: the node cannot start without knowing who may use it. */
static bool restore(
    struct offers *offers, const struct store_service *stored, char error[TEXT_ERROR_SIZE])
{
    struct offer_wish wish = {.name = stored->name};
    if (!service_parse(stored, &wish.exposure, &wish.target, wish.host)) {
        leave_out(offers, stored->name,
            "it is damaged: add it again with vx6 service add, or let vx6 doctor --repair take it "
            "out");
        return true;
    }
    uint8_t(*keys)[32] = calloc(vx6_limits_default.service_allow_max, sizeof *keys);
    bool done = keys ? restore_wish(offers, &wish, keys, error) : text_fail(error, "out of memory");
    free(keys);
    return done;
}

bool offers_restore(struct offers *offers, char error[TEXT_ERROR_SIZE])
{
    struct store_service stored[OFFERS_MAX];
    int count = store_services(offers->host->store, stored, OFFERS_MAX);
    if (count < 0)
        return text_fail(error, "%s", store_error(offers->host->store));
    for (int i = 0; i < count; i++) {
        if (!restore(offers, &stored[i], error))
            return false;
    }
    return true;
}

/* Ends what make_offer() began. */
static void retire(struct offers *offers, struct offer *offer)
{
    (void)tell_node(offers, VX6_IN_SERVICE_REMOVE, offer->facts.name, NULL);
    size_t index = find(offers, offer->facts.name);
    offers->count--;
    memmove(&offers->items[index], &offers->items[index + 1],
        (offers->count - index) * sizeof offers->items[0]);
    offer->is_retired = true;
    offer->next = offers->retired;
    offers->retired = offer;
    offer_free_if_unused(offer);
}

static enum vx6_code refuse_by_store(
    struct offers *offers, const char *name, const char *what, char error[TEXT_ERROR_SIZE])
{
    text_fail(error, "the service %s was not %s: %s", name, what, store_error(offers->host->store));
    return VX6_LIMIT;
}

/* A service that is there: on the disk first, since more cannot fail afterwards but memory. */
static enum vx6_code change(
    struct offers *offers, const struct offer_wish *wish, char error[TEXT_ERROR_SIZE])
{
    struct offer *offer = get(offers, wish->name);
    enum vx6_code code = put_into_force(offer, wish);
    offer->facts.target = wish->target;
    memcpy(offer->facts.host, wish->host, sizeof offer->facts.host);
    offer->facts.exposure = wish->exposure;
    if (code != VX6_OK)
        text_fail(error,
            "the service %s was kept, but some keys that may use it are not let in yet: %s: start "
            "the node again",
            wish->name, vx6_code_text(code));
    return code;
}

/* Who uses what is here would be cut off by a slip, and the other way round nobody would say who
 * may use it. */
static bool is_elsewhere(const struct offers *offers, const struct offer_wish *wish)
{
    const struct offer *offer = get(offers, wish->name);
    bool is_hosted = wish->exposure == EXPOSURE_HOSTED;
    return offer && (offer->facts.exposure == EXPOSURE_HOSTED) != is_hosted;
}

static void report_added(struct offers *offers, const struct offer_wish *wish)
{
    struct journal *journal = offers->host->journal;
    if (wish->exposure == EXPOSURE_HOSTED)
        REPORT(journal, service_hosted, .service = wish->name, .host = wish->host);
    else
        REPORT(journal, service_added, .service = wish->name, .target = &wish->target,
            .exposure = exposure_name(wish->exposure), .whom = exposures[wish->exposure].who);
}

/* What cannot be kept is not offered: it would be gone with the next start. VX6-CTRL-018 */
enum vx6_code offers_add(
    struct offers *offers, const struct offer_wish *wish, char error[TEXT_ERROR_SIZE])
{
    struct store_service stored;
    snprintf(stored.name, sizeof stored.name, "%s", wish->name);
    snprintf(stored.exposure, sizeof stored.exposure, "%s", exposure_name(wish->exposure));
    format_place(wish, stored.target);
    if (is_elsewhere(offers, wish)) {
        text_fail(error, "the service %s is %s: remove it first, with vx6 service remove %s",
            wish->name,
            wish->exposure == EXPOSURE_HOSTED ? "offered by this node" : "at another node",
            wish->name);
        return VX6_UNEXPECTED;
    }
    bool is_new = get(offers, wish->name) == NULL, was_kept;
    char why[TEXT_ERROR_SIZE];
    if (is_new && !make_offer(offers, wish, why)) {
        text_fail(error, "the service %s was not added: %.400s", wish->name, why);
        return VX6_LIMIT;
    }
    /* A damaged one of that name, which was left out, leaves no keys to the new one. */
    if ((is_new && !store_service_remove(offers->host->store, stored.name, &was_kept)) ||
        !store_service_set(offers->host->store, &stored, wish->allowed, wish->allowed_count)) {
        if (is_new)
            retire(offers, get(offers, wish->name));
        return refuse_by_store(offers, wish->name, "added", error);
    }
    enum vx6_code code = is_new ? VX6_OK : change(offers, wish, error);
    if (code == VX6_OK)
        report_added(offers, wish);
    return code;
}

static enum vx6_code refuse_unknown(const char *name, char error[TEXT_ERROR_SIZE])
{
    text_fail(
        error, "this node offers no service %s: vx6 service list shows those it offers", name);
    return VX6_NO_SERVICE;
}

/* A list of who may use what all may use would only seem to be one. */
static enum vx6_code refuse_open(
    const struct offers *offers, const char *name, char error[TEXT_ERROR_SIZE])
{
    const struct offer *offer = get(offers, name);
    if (offer == NULL)
        return refuse_unknown(name, error);
    if (offer->facts.exposure == EXPOSURE_HOSTED) {
        text_fail(error, "%s is at another node, and who may use it is decided there", name);
        return VX6_UNEXPECTED;
    }
    if (offer->facts.exposure != EXPOSURE_PUBLIC)
        return VX6_OK;
    text_fail(error,
        "%s is public, so all may use it: add it again with --private, or with --allow, first",
        name);
    return VX6_UNEXPECTED;
}

enum vx6_code offers_allow(
    struct offers *offers, const char *name, const uint8_t key[32], char error[TEXT_ERROR_SIZE])
{
    if (!keys_save(offers->host->keys)) /* what was followed before stays before */
        return refuse_by_store(offers, name, "opened to the key", error);
    enum vx6_code code = refuse_open(offers, name, error);
    if (code != VX6_OK)
        return code;
    struct offer *offer = get(offers, name);
    bool was_allowed = offer_allows(&offer->facts, key);
    code = let_in(offer, key);
    if (code != VX6_OK) {
        text_fail(error, "the key was not allowed: %s",
            code == VX6_LIMIT ? "as many as can be are: deny one first" : vx6_code_text(code));
        return code;
    }
    if (store_allow(offers->host->store, name, key)) {
        REPORT(offers->host->journal, service_allowed, .service = name, .key = key);
        return VX6_OK;
    }
    if (!was_allowed)
        (void)shut_out(offer, key);
    return refuse_by_store(offers, name, "opened to the key", error);
}

/* Whoever wants somebody out wants it now, whatever the disk says; and may have to ask for it
 * again, once the disk takes it. */
enum vx6_code offers_deny(
    struct offers *offers, const char *name, const uint8_t key[32], char error[TEXT_ERROR_SIZE])
{
    enum vx6_code code = refuse_open(offers, name, error);
    if (code != VX6_OK)
        return code;
    bool was_in_force = shut_out(get(offers, name), key), was_kept;
    if (was_in_force)
        REPORT(offers->host->journal, service_denied, .service = name, .key = key);
    if (!keys_save(offers->host->keys) || /* what was followed before stays before */
        !store_deny(offers->host->store, name, key, &was_kept)) {
        text_fail(error,
            "the key may not use %s from now on, but will again after a restart, since that "
            "could not be kept: %s: then deny it once more",
            name, store_error(offers->host->store));
        return VX6_LIMIT;
    }
    if (was_in_force || was_kept)
        return VX6_OK;
    text_fail(
        error, "the key was not allowed to use %s: vx6 service list shows those that are", name);
    return VX6_NOT_FOUND;
}

enum vx6_code offers_remove(struct offers *offers, const char *name, char error[TEXT_ERROR_SIZE])
{
    struct offer *offer = get(offers, name);
    bool was_kept;
    if (!store_service_remove(offers->host->store, name, &was_kept))
        return refuse_by_store(offers, name, "removed", error);
    if (offer == NULL && !was_kept)
        return refuse_unknown(name, error);
    if (offer)
        retire(offers, offer);
    REPORT(offers->host->journal, service_removed, .service = name);
    return VX6_OK;
}

static void saw_up(struct offer *offer)
{
    offer->facts.is_up_known = offer->facts.is_up = true;
    offer->facts.up_unix_ms = unix_ms_now();
}

void offers_look(struct offers *offers)
{
    for (size_t i = 0; i < offers->count; i++) {
        struct offer *offer = offers->items[i];
        if (offer->facts.exposure == EXPOSURE_HOSTED)
            continue;
        enum listening listening = listening_on(&offer->facts.target);
        if (listening == LISTENING_YES) {
            saw_up(offer);
        } else if (listening == LISTENING_NO) {
            offer->facts.is_up_known = true;
            offer->facts.is_up = false;
        }
    }
}

struct offer_facts *offers_facts(struct offers *offers, size_t index)
{
    return index < offers->count ? &offers->items[index]->facts : NULL;
}

struct offer_facts *offers_named(struct offers *offers, const char *name)
{
    struct offer *offer = get(offers, name);
    return offer ? &offer->facts : NULL;
}

static void incoming_free(struct incoming *incoming)
{
    idtable_remove(&incoming->offer->offers->incoming, incoming->stream);
    if (incoming->connected)
        event_free(incoming->connected);
    free(incoming);
}

static void connection_gone(struct offer *offer)
{
    offer->facts.open_count--;
    offer_free_if_unused(offer);
}

static void on_pump_ended(void *owner, enum vx6_code code)
{
    (void)code;
    connection_gone(owner);
}

static void refuse(struct host *host, vx6_id stream, enum vx6_code code)
{
    struct vx6_in in = {.kind = VX6_IN_STREAM_RESET, .id = stream, .code = code};
    (void)driver_input(host->driver, &in);
}

/* The target does not answer: the client hears SERVICE_DOWN, the owner why. */
static void target_down(struct offer *offer, vx6_id stream, int error)
{
    struct host *host = offer->offers->host;
    char problem[TEXT_ERROR_SIZE];
    bool is_own = error == EMFILE || error == ENFILE || error == ENOMEM;
    text_fail(problem, "%s (%s)", is_own ? "cannot be connected to" : "does not accept connections",
        strerror(error));
    offer->facts.failure_count++;
    offer->facts.is_up_known = true;
    offer->facts.is_up = false;
    REPORT(host->journal, service_down, .service = offer->facts.name,
        .target = &offer->facts.target, .problem = problem,
        .advice =
            is_own ? paths_advice(error) : "start it, or correct the target with vx6 service add");
    refuse(host, stream, VX6_SERVICE_DOWN);
    connection_gone(offer);
}

static void on_connected(evutil_socket_t fd, short what, void *context)
{
    struct incoming *incoming = context;
    struct offer *offer = incoming->offer;
    struct host *host = offer->offers->host;
    vx6_id stream = incoming->stream;
    int error = 0;
    socklen_t len = sizeof error;
    if (what & EV_TIMEOUT)
        error = ETIMEDOUT;
    else if (getsockopt((int)fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    incoming_free(incoming);
    if (error != 0) {
        close((int)fd);
        target_down(offer, stream, error);
        return;
    }
    struct vx6_in in = {.kind = VX6_IN_STREAM_ACCEPT, .id = stream};
    if (driver_input(host->driver, &in) != VX6_OK) {
        close((int)fd);
        connection_gone(offer);
        return;
    }
    struct pump_config config = {.fd = (int)fd,
        .stream = stream,
        .traffic = &offer->facts.traffic,
        .ended = on_pump_ended,
        .owner = offer};
    struct pump *pump = pump_new(host->pumps, &config);
    if (pump == NULL) {
        connection_gone(offer);
        return;
    }
    offer->facts.connection_count++;
    if (offer->facts.is_up_known && !offer->facts.is_up)
        REPORT(host->journal, service_up, .service = offer->facts.name,
            .target = &offer->facts.target);
    saw_up(offer);
    pump_start(pump);
}

static bool start_connecting(struct offer *offer, vx6_id stream, int fd)
{
    struct offers *offers = offer->offers;
    struct incoming *incoming = calloc(1, sizeof *incoming);
    if (incoming == NULL)
        return false;
    *incoming = (struct incoming){.offer = offer, .stream = stream, .fd = fd};
    incoming->connected = event_new(offers->host->base, fd, EV_WRITE, on_connected, incoming);
    if (incoming->connected && idtable_set(&offers->incoming, stream, incoming)) {
        struct timeval timeout = {CONNECT_TIMEOUT_S, 0};
        event_add(incoming->connected, &timeout);
        return true;
    }
    incoming_free(incoming);
    return false;
}

/* VX6-CTRL-011 */
void offers_incoming(struct offers *offers, const struct vx6_out *out)
{
    char name[VX6_LABEL_MAX + 1] = "";
    if (out->value.len < sizeof name)
        memcpy(name, out->value.data, out->value.len);
    struct offer *offer = get(offers, name);
    if (offer == NULL) {
        refuse(offers->host, out->id, VX6_NO_SERVICE);
        return;
    }
    offer->facts.open_count++;
    REPORT(
        offers->host->journal, service_used, .service = name, .key = out->key, .peer = &out->peer);
    int fd = net_connect(&offer->facts.target);
    if (fd < 0) {
        target_down(offer, out->id, errno);
    } else if (!start_connecting(offer, out->id, fd)) {
        close(fd);
        target_down(offer, out->id, ENOMEM);
    }
}

void offers_stream_closed(struct offers *offers, vx6_id stream)
{
    struct incoming *incoming = idtable_get(&offers->incoming, stream);
    if (incoming == NULL)
        return;
    struct offer *offer = incoming->offer;
    close(incoming->fd);
    incoming_free(incoming);
    connection_gone(offer);
}

struct offers *offers_new(struct host *host)
{
    struct offers *offers = calloc(1, sizeof *offers);
    if (offers)
        offers->host = host;
    return offers;
}

/* The pumps are gone by now, and with them what counted on the services. */
void offers_free(struct offers *offers)
{
    if (offers == NULL)
        return;
    struct incoming *incoming;
    while ((incoming = idtable_any(&offers->incoming)) != NULL) {
        close(incoming->fd);
        incoming_free(incoming);
    }
    idtable_clear(&offers->incoming);
    while (offers->count > 0)
        offer_free(offers->items[--offers->count]);
    while (offers->retired) {
        struct offer *next = offers->retired->next;
        offer_free(offers->retired);
        offers->retired = next;
    }
    free(offers);
}
