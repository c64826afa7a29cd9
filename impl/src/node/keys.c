/* SPDX-License-Identifier: MIT */
/* What the state machine says of keys is in force before it is on the disk, since it may not wait;
 * until it is written it is tried again. What the user asks for is written first, or refused. */
#include "keys.h"

#include <stdlib.h>
#include <string.h>

#include "certificate.h"
#include "driver.h"
#include "forward.h"
#include "names.h"
#include "offer.h"

/* A step that is not on the disk yet. */
struct handover {
    struct handover *next;
    uint8_t from[32], to[32];
    int64_t unix_ms;
};

struct revoked {
    struct store_revoked stored;
    bool is_unsaved;
};

struct keys {
    struct host *host;
    struct revoked *items;
    size_t count, unsaved;
    struct handover *first; /* oldest first: they build on each other */
};

struct keys *keys_new(struct host *host)
{
    struct keys *keys = calloc(1, sizeof *keys);
    if (keys)
        keys->host = host;
    return keys;
}

void keys_free(struct keys *keys)
{
    if (keys == NULL)
        return;
    while (keys->first) {
        struct handover *next = keys->first->next;
        free(keys->first);
        keys->first = next;
    }
    free(keys->items);
    free(keys);
}

static struct revoked *find(const struct keys *keys, const uint8_t key[32])
{
    for (size_t i = 0; i < keys->count; i++) {
        if (memcmp(keys->items[i].stored.key, key, 32) == 0)
            return &keys->items[i];
    }
    return NULL;
}

bool keys_is_revoked(const struct keys *keys, const uint8_t key[32])
{
    return find(keys, key) != NULL;
}

bool keys_own_is_revoked(const struct keys *keys)
{
    uint8_t own[32], id[32];
    driver_identity(keys->host->driver, own, id);
    return keys_is_revoked(keys, own);
}

/* NULL: no memory. */
static struct revoked *put(struct keys *keys, const struct store_revoked *stored)
{
    struct revoked *item = find(keys, stored->key);
    if (item == NULL) {
        struct revoked *items = realloc(keys->items, (keys->count + 1) * sizeof *items);
        if (items == NULL)
            return NULL;
        keys->items = items;
        item = &items[keys->count++];
        *item = (struct revoked){.is_unsaved = false};
    }
    item->stored = *stored;
    return item;
}

static void say_revoked(struct keys *keys, const uint8_t key[32])
{
    struct host *host = keys->host;
    uint8_t own[32], id[32];
    driver_identity(host->driver, own, id);
    const struct store_binding *binding = names_led_by(host->names, key);
    const char *advice = "ask its owner for the new key";
    if (binding)
        advice = "ask its owner for the new key, and bind the name to it with vx6 pin NAME KEY "
                 "--replace";
    if (memcmp(own, key, sizeof own) == 0)
        advice = "it is this node's own: vx6 doctor says what to do";
    REPORT(host->journal, key_revoked, .key = key, .name = binding ? binding->label : "",
        .advice = advice);
}

static enum vx6_code tell_node(struct keys *keys, const struct store_revoked *stored)
{
    struct vx6_in in = {.kind = stored->is_published ? VX6_IN_REVOKE : VX6_IN_REVOKED,
        .data = stored->certificate,
        .len = stored->certificate_len};
    return driver_input(keys->host->driver, &in);
}

/* The keys are in the list already, or their service is left out; but without those before them a
 * list would not hear of what is revoked. */
static bool may_go_on(enum vx6_code code)
{
    return code != VX6_NOMEM && code != VX6_TOO_MANY_KEYS;
}

/* Which keys may use a service since another that might has handed over to them. */
static bool restore_followed(struct keys *keys, char error[TEXT_ERROR_SIZE])
{
    struct store *store = keys->host->store;
    size_t max = (size_t)vx6_limits_default.service_max * vx6_limits_default.service_allow_max;
    struct store_followed *followed = calloc(max, sizeof *followed);
    if (followed == NULL)
        return text_fail(error, "out of memory");
    int count = store_followed(store, followed, max);
    enum vx6_code code = VX6_OK;
    for (int i = 0; i < count && may_go_on(code); i++) {
        struct vx6_in in = {.kind = VX6_IN_SERVICE_ALLOW,
            .data = (const uint8_t *)followed[i].service,
            .len = strlen(followed[i].service)};
        memcpy(in.key, followed[i].key, sizeof in.key);
        in.keys_before = (vx6_span){followed[i].before.keys[0], followed[i].before.count * 32};
        code = driver_input(keys->host->driver, &in);
    }
    free(followed);
    if (count < 0)
        return text_fail(error, "%s", store_error(store));
    return may_go_on(code) ||
           text_fail(error, "keys that may use a service: %s", vx6_code_text(code));
}

/* VX6-CTRL-036 */
static void say_left_out(struct keys *keys, const struct store_revoked *stored)
{
    static const uint8_t damaged[32];
    bool is_known = memcmp(stored->key, damaged, sizeof damaged) != 0;
    REPORT(keys->host->journal, revocation_left_out, .key = is_known ? stored->key : NULL);
}

static bool restore_revoked(struct keys *keys, char error[TEXT_ERROR_SIZE])
{
    struct store *store = keys->host->store;
    int max = store_revoked_count(store); /* with those that are left out */
    if (max < 0)
        return text_fail(error, "%s", store_error(store));
    struct store_revoked *stored = calloc((size_t)max + 1, sizeof *stored);
    if (stored == NULL)
        return text_fail(error, "out of memory");
    int count = store_revoked(store, stored, (size_t)max);
    enum vx6_code code = VX6_OK;
    for (int i = 0; i < count && code == VX6_OK; i++) {
        if (!certificate_fits(&stored[i])) {
            say_left_out(keys, &stored[i]);
            continue;
        }
        code = tell_node(keys, &stored[i]);
        if (code == VX6_OK && put(keys, &stored[i]) == NULL)
            code = VX6_NOMEM;
    }
    free(stored);
    if (count < 0)
        return text_fail(error, "%s", store_error(store));
    if (code != VX6_OK)
        return text_fail(error, "a key that was revoked: %s", vx6_code_text(code));
    return true;
}

bool keys_restore(struct keys *keys, char error[TEXT_ERROR_SIZE])
{
    uint8_t own[32], id[32];
    if (!restore_followed(keys, error) || !restore_revoked(keys, error))
        return false;
    driver_identity(keys->host->driver, own, id);
    if (keys_is_revoked(keys, own)) /* VX6-CTRL-045: in each run */
        say_revoked(keys, own);
    return true;
}

/* ---- what the state machine says ---- */

bool keys_save(struct keys *keys)
{
    struct host *host = keys->host;
    while (keys->first) {
        struct handover *first = keys->first;
        if (!store_follow(host->store, first->from, first->to, first->unix_ms)) {
            REPORT(host->journal, key_unkept, .why = store_error(host->store));
            return false;
        }
        keys->first = first->next;
        free(first);
    }
    for (size_t i = 0; i < keys->count && keys->unsaved > 0; i++) {
        struct revoked *item = &keys->items[i];
        if (!item->is_unsaved)
            continue;
        if (!store_revoked_set(host->store, &item->stored)) {
            REPORT(host->journal, key_unkept, .why = store_error(host->store));
            return false;
        }
        item->is_unsaved = false;
        keys->unsaved--;
    }
    return true;
}

/* VX6-NAME-016 */
void keys_followed(struct keys *keys, const struct vx6_out *out)
{
    struct host *host = keys->host;
    struct handover *handover = calloc(1, sizeof *handover);
    REPORT(host->journal, key_followed, .before = out->value.data, .key = out->key);
    names_follow(host->names, out->value.data, out->key);
    offers_follow(host->offers, out->value.data, out->key);
    if (handover == NULL) {
        REPORT(host->journal, key_unkept, .why = "out of memory");
        return;
    }
    memcpy(handover->from, out->value.data, sizeof handover->from);
    memcpy(handover->to, out->key, sizeof handover->to);
    handover->unix_ms = unix_ms_now();
    struct handover **place = &keys->first;
    while (*place)
        place = &(*place)->next;
    *place = handover;
    (void)keys_save(keys);
}

/* VX6-NAME-017 */
void keys_clash(struct keys *keys, const struct vx6_out *out)
{
    char label[VX6_LABEL_MAX + 1] = "";
    if (out->value.len < sizeof label)
        memcpy(label, out->value.data, out->value.len);
    REPORT(keys->host->journal, key_clash, .name = label, .key = out->key);
}

/* VX6-NAME-018 */
void keys_revoked(struct keys *keys, const struct vx6_out *out)
{
    struct store_revoked stored = {.is_published = false};
    if (find(keys, out->key) || out->value.len > sizeof stored.certificate)
        return;
    memcpy(stored.key, out->key, sizeof stored.key);
    memcpy(stored.certificate, out->value.data, out->value.len);
    stored.certificate_len = out->value.len;
    say_revoked(keys, out->key);
    struct revoked *item = put(keys, &stored);
    if (item == NULL) {
        REPORT(keys->host->journal, key_unkept, .why = "out of memory");
        return;
    }
    item->is_unsaved = true;
    keys->unsaved++;
    (void)keys_save(keys);
}

/* ---- what the user asks for ---- */

/* VX6-CTRL-025 */
bool keys_revoke(struct keys *keys, const char *text, uint8_t key[32], enum vx6_code *code,
    char error[TEXT_ERROR_SIZE])
{
    struct store_revoked stored;
    *code = VX6_INVALID;
    if (!certificate_read(text, &stored, error))
        return false;
    memcpy(key, stored.key, sizeof stored.key);
    stored.is_published = true;
    *code = VX6_LIMIT;
    if (find(keys, key) == NULL && keys->count >= vx6_limits_default.revoked_max)
        return text_fail(error, "as many revoked keys as can be are remembered here already");
    if (!store_revoked_set(keys->host->store, &stored))
        return text_fail(error, "%s", store_error(keys->host->store));
    *code = VX6_NOMEM;
    struct revoked *item = put(keys, &stored);
    if (item) {
        keys->unsaved -= item->is_unsaved;
        item->is_unsaved = false;
        *code = tell_node(keys, &stored);
    }
    if (*code != VX6_OK)
        return text_fail(error,
            "the revocation is kept, but not in force yet: %s: start the node again",
            vx6_code_text(*code));
    say_revoked(keys, key);
    return true;
}
