/* SPDX-License-Identifier: MIT */
/* Who may use a service that is not public: the keys that are allowed, here, on the disk and in the
 * state machine. */
#include <stdlib.h>
#include <string.h>

#include "keys.h"
#include "offer_parts.h"

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
enum vx6_code offer_let_in(struct offer *offer, const uint8_t key[32])
{
    struct offer_facts *facts = &offer->facts;
    if (offer_allows(facts, key))
        return offer_tell_node(offer->offers, VX6_IN_SERVICE_ALLOW, facts->name, key);
    void *bigger = realloc(facts->allowed, (facts->allowed_count + 1) * sizeof *facts->allowed);
    if (bigger == NULL)
        return VX6_NOMEM;
    facts->allowed = bigger;
    enum vx6_code code = offer_tell_node(offer->offers, VX6_IN_SERVICE_ALLOW, facts->name, key);
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
    (void)offer_tell_node(offer->offers, VX6_IN_SERVICE_DENY, facts->name, key);
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

/* A list of who may use what all may use would only seem to be one. */
static enum vx6_code refuse_open(
    const struct offers *offers, const char *name, char error[TEXT_ERROR_SIZE])
{
    const struct offer *offer = offer_get(offers, name);
    if (offer == NULL)
        return offer_refuse_unknown(name, error);
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
        return offer_refuse_by_store(offers, name, "opened to the key", error);
    enum vx6_code code = refuse_open(offers, name, error);
    if (code != VX6_OK)
        return code;
    struct offer *offer = offer_get(offers, name);
    bool was_allowed = offer_allows(&offer->facts, key);
    code = offer_let_in(offer, key);
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
    return offer_refuse_by_store(offers, name, "opened to the key", error);
}

/* Whoever wants somebody out wants it now, whatever the disk says; and may have to ask for it
 * again, once the disk takes it. */
enum vx6_code offers_deny(
    struct offers *offers, const char *name, const uint8_t key[32], char error[TEXT_ERROR_SIZE])
{
    enum vx6_code code = refuse_open(offers, name, error);
    if (code != VX6_OK)
        return code;
    bool was_in_force = shut_out(offer_get(offers, name), key), was_kept;
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
