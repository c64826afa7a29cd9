/* SPDX-License-Identifier: MIT */
/* What this node offers: the list of its services, in memory, on the disk and in the state machine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys.h"
#include "listening.h"
#include "offer_parts.h"

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

static size_t find(const struct offers *offers, const char *name)
{
    size_t index = 0;
    while (index < offers->count && strcmp(offers->items[index]->facts.name, name) < 0)
        index++;
    return index;
}

struct offer *offer_get(const struct offers *offers, const char *name)
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

void offer_free_if_unused(struct offer *offer)
{
    if (!offer->is_retired || offer->facts.open_count > 0)
        return;
    struct offer **place = &offer->offers->retired;
    while (*place != offer)
        place = &(*place)->next;
    *place = offer->next;
    offer_free(offer);
}

enum vx6_code offer_tell_node(
    struct offers *offers, enum vx6_in_kind kind, const char *name, const uint8_t *key)
{
    struct vx6_in in = {.kind = kind, .data = (const uint8_t *)name, .len = strlen(name)};
    if (key)
        memcpy(in.key, key, sizeof in.key);
    return driver_input(offers->host->driver, &in);
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
        return offer_tell_node(offers, kind, wish->name, wish->host);
    if (offer_get(offers, wish->name) == NULL)
        code = offer_tell_node(offers, kind, wish->name, NULL);
    for (size_t i = 0; code == VX6_OK && i < wish->allowed_count; i++)
        code = offer_let_in(offer, wish->allowed[i]);
    enum vx6_code exposed = offer_tell_node(offers, kind, wish->name, NULL);
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
        (void)offer_tell_node(offers, VX6_IN_SERVICE_REMOVE, wish->name, NULL);
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
    (void)offer_tell_node(offers, VX6_IN_SERVICE_REMOVE, offer->facts.name, NULL);
    size_t index = find(offers, offer->facts.name);
    offers->count--;
    memmove(&offers->items[index], &offers->items[index + 1],
        (offers->count - index) * sizeof offers->items[0]);
    offer->is_retired = true;
    offer->next = offers->retired;
    offers->retired = offer;
    offer_free_if_unused(offer);
}

enum vx6_code offer_refuse_by_store(
    struct offers *offers, const char *name, const char *what, char error[TEXT_ERROR_SIZE])
{
    text_fail(error, "the service %s was not %s: %s", name, what, store_error(offers->host->store));
    return VX6_LIMIT;
}

/* A service that is there: on the disk first, since more cannot fail afterwards but memory. */
static enum vx6_code change(
    struct offers *offers, const struct offer_wish *wish, char error[TEXT_ERROR_SIZE])
{
    struct offer *offer = offer_get(offers, wish->name);
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
    const struct offer *offer = offer_get(offers, wish->name);
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
    if (wish->allowed_count > 0 && !keys_save(offers->host->keys)) /* it would go along with it */
        return offer_refuse_by_store(offers, wish->name, "added", error);
    bool is_new = offer_get(offers, wish->name) == NULL, was_kept;
    char why[TEXT_ERROR_SIZE];
    if (is_new && !make_offer(offers, wish, why)) {
        text_fail(error, "the service %s was not added: %.400s", wish->name, why);
        return VX6_LIMIT;
    }
    /* A damaged one of that name, which was left out, leaves no keys to the new one. */
    if ((is_new && !store_service_remove(offers->host->store, stored.name, &was_kept)) ||
        !store_service_set(offers->host->store, &stored, wish->allowed, wish->allowed_count)) {
        if (is_new)
            retire(offers, offer_get(offers, wish->name));
        return offer_refuse_by_store(offers, wish->name, "added", error);
    }
    enum vx6_code code = is_new ? VX6_OK : change(offers, wish, error);
    if (code == VX6_OK)
        report_added(offers, wish);
    return code;
}

enum vx6_code offer_refuse_unknown(const char *name, char error[TEXT_ERROR_SIZE])
{
    text_fail(
        error, "this node offers no service %s: vx6 service list shows those it offers", name);
    return VX6_NO_SERVICE;
}

enum vx6_code offers_remove(struct offers *offers, const char *name, char error[TEXT_ERROR_SIZE])
{
    struct offer *offer = offer_get(offers, name);
    bool was_kept;
    if (!store_service_remove(offers->host->store, name, &was_kept))
        return offer_refuse_by_store(offers, name, "removed", error);
    if (offer == NULL && !was_kept)
        return offer_refuse_unknown(name, error);
    if (offer)
        retire(offers, offer);
    REPORT(offers->host->journal, service_removed, .service = name);
    return VX6_OK;
}

void offer_saw_up(struct offer *offer)
{
    offer->facts.is_up_known = offer->facts.is_up = true;
    offer->facts.up_unix_ms = unix_ms_now();
    if (offer->is_down_told)
        REPORT(offer->offers->host->journal, service_up, .service = offer->facts.name,
            .target = &offer->facts.target);
    offer->is_down_told = false;
}

void offers_look(struct offers *offers)
{
    for (size_t i = 0; i < offers->count; i++) {
        struct offer *offer = offers->items[i];
        if (offer->facts.exposure == EXPOSURE_HOSTED)
            continue;
        enum listening listening = listening_on(&offer->facts.target);
        if (listening == LISTENING_YES) {
            offer_saw_up(offer);
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
    struct offer *offer = offer_get(offers, name);
    return offer ? &offer->facts : NULL;
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
    offer_drop_incoming(offers);
    while (offers->count > 0)
        offer_free(offers->items[--offers->count]);
    while (offers->retired) {
        struct offer *next = offers->retired->next;
        offer_free(offers->retired);
        offers->retired = next;
    }
    free(offers);
}
