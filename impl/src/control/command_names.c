/* SPDX-License-Identifier: MIT */
/* names, pin, forget, rename: which key a name means to this node; revoke: which key nobody is to
 * believe. Spec: spec/control.md. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forward.h"
#include "keys.h"
#include "names.h"
#include "offer.h"
#include "request.h"

static json_t *binding_json(const struct host *host, const struct store_binding *binding)
{
    const struct store_before *before = &binding->before;
    bool is_revoked = keys_is_revoked(host->keys, binding->key);
    for (size_t i = 0; i < before->count; i++)
        is_revoked = is_revoked || keys_is_revoked(host->keys, before->keys[i]);
    return json_pack("{s:s, s:o, s:s, s:o, s:o, s:o, s:b}", "name", binding->label, "key",
        json_key(binding->key), "how", binding->is_pinned ? "pinned" : "first_use", "since_unix_ms",
        binding->since_unix_ms ? json_integer(binding->since_unix_ms) : json_null(), "key_before",
        before->count > 0 ? json_key(before->keys[before->count - 1]) : json_null(),
        "followed_unix_ms",
        binding->followed_unix_ms ? json_integer(binding->followed_unix_ms) : json_null(),
        "revoked", is_revoked ? 1 : 0);
}

/* The keys kept for addresses that were connected to without a name; NULL: they cannot be read. */
static json_t *kept_json(const struct host *host)
{
    struct store_contact *kept = calloc(STORE_KNOWN_MAX, sizeof *kept);
    int count = kept ? store_known_keys(host->store, kept, STORE_KNOWN_MAX) : -1;
    json_t *list = count >= 0 ? json_array() : NULL;
    for (int i = 0; i < count; i++)
        json_array_append_new(list, json_pack("{s:o, s:o}", "addr", json_addr(&kept[i].addr), "key",
                                        json_key(kept[i].key)));
    free(kept);
    return list;
}

void command_names(struct request *request)
{
    const char *command;
    if (!request_unpack(request, "{s:s !}", "command", &command))
        return;
    json_t *names = json_array(), *kept = kept_json(request->host);
    const struct store_binding *binding;
    for (size_t i = 0; (binding = names_item(request->host->names, i)) != NULL; i++)
        json_array_append_new(names, binding_json(request->host, binding));
    if (kept)
        request_answer(request, json_pack("{s:o, s:o}", "names", names, "addresses", kept));
    else /* VX6-CTRL-036 */
        request_fail_with(request, VX6_LIMIT, store_error(request->host->store),
            json_pack("{s:o}", "names", names));
}

/* False: the request has been refused. */
static bool check_label(struct request *request, const char *label)
{
    char line[TEXT_ERROR_SIZE];
    if (text_is_label(label))
        return true;
    text_label_fail(line, label);
    request_fail(request, VX6_INVALID, line);
    return false;
}

/* VX6-CTRL-039: a key that has lost its name is let in by whatever service let it in before. */
static json_t *pinned_json(
    const struct host *host, const char *label, const uint8_t key[32], const uint8_t old[32])
{
    bool is_replaced = memcmp(old, key, 32) != 0;
    json_t *list = json_array();
    const struct offer_facts *facts;
    for (size_t i = 0; is_replaced && (facts = offers_facts(host->offers, i)) != NULL; i++) {
        if (offer_allows(facts, old))
            json_array_append_new(list, json_string(facts->name));
    }
    return json_pack("{s:s, s:o, s:o, s:o}", "name", label, "key", json_key(key), "replaced",
        is_replaced ? json_key(old) : json_null(), "replaced_may_use", list);
}

void command_pin(struct request *request)
{
    const char *command, *label, *text;
    char line[TEXT_ERROR_SIZE];
    int may_replace = 0;
    uint8_t key[32];
    enum vx6_code code = VX6_INVALID;
    if (!request_unpack(request, "{s:s, s:s, s:s, s?b !}", "command", &command, "name", &label,
            "key", &text, "replace", &may_replace) ||
        !check_label(request, label))
        return;
    if (!text_key_parse(text, key)) {
        request_fail(
            request, VX6_INVALID, "the key is mistyped: its owner gets it from vx6 identity");
        return;
    }
    const struct store_binding *bound = names_by_label(request->host->names, label);
    uint8_t old[32];
    memcpy(old, bound ? bound->key : key, sizeof old);
    if (names_pin(request->host->names, label, key, may_replace != 0, &code, line))
        request_answer(request, pinned_json(request->host, label, key, old));
    else
        request_fail(request, code, line);
}

/* VX6-CTRL-020, VX6-CTRL-036 */
static enum vx6_code forget_addr(
    struct host *host, const vx6_addr *addr, char error[TEXT_ERROR_SIZE])
{
    uint32_t number = forwards_by_addr(host->forwards, addr);
    bool was_kept;
    if (number != 0) {
        text_fail(error, "it is in use by forward %u: end that first with vx6 disconnect %u",
            number, number);
        return VX6_UNEXPECTED;
    }
    if (!store_known_key_remove(host->store, addr, &was_kept)) {
        text_fail(error, "%s", store_error(host->store));
        return VX6_LIMIT;
    }
    if (!was_kept)
        text_fail(error, "no key is kept for this address: vx6 names lists those that are");
    return was_kept ? VX6_OK : VX6_NOT_FOUND;
}

void command_forget(struct request *request)
{
    const char *command, *what;
    char line[TEXT_ERROR_SIZE];
    enum vx6_code code = VX6_OK;
    vx6_addr addr;
    if (!request_unpack(request, "{s:s, s:s !}", "command", &command, "name", &what))
        return;
    if (text_addr_parse(what, &addr) == NULL)
        code = forget_addr(request->host, &addr, line);
    else if (!check_label(request, what))
        return;
    else
        (void)names_forget(request->host->names, what, &code, line);
    if (code == VX6_OK)
        request_answer(request, json_pack("{s:s}", "name", what));
    else
        request_fail(request, code, line);
}

void command_rename(struct request *request)
{
    const char *command, *from, *to;
    char line[TEXT_ERROR_SIZE];
    enum vx6_code code = VX6_INVALID;
    if (!request_unpack(
            request, "{s:s, s:s, s:s !}", "command", &command, "name", &from, "to", &to) ||
        !check_label(request, from) || !check_label(request, to))
        return;
    if (names_rename(request->host->names, from, to, &code, line))
        request_answer(request, json_pack("{s:s}", "name", to));
    else
        request_fail(request, code, line);
}

void command_identity_rename(struct request *request)
{
    const char *command, *label;
    char line[TEXT_ERROR_SIZE];
    enum vx6_code code = VX6_INVALID;
    if (!request_unpack(request, "{s:s, s:s !}", "command", &command, "name", &label) ||
        !check_label(request, label))
        return;
    if (names_set_own(request->host->names, label, &code, line))
        request_answer(request, json_pack("{s:s}", "name", label));
    else
        request_fail(request, code, line);
}

/* VX6-CTRL-025 */
void command_revoke(struct request *request)
{
    const char *command, *certificate;
    char line[TEXT_ERROR_SIZE];
    uint8_t key[32];
    enum vx6_code code = VX6_INVALID;
    if (!request_unpack(request, "{s:s, s:s !}", "command", &command, "certificate", &certificate))
        return;
    if (keys_revoke(request->host->keys, certificate, key, &code, line))
        request_answer(request, json_pack("{s:o}", "key", json_key(key)));
    else
        request_fail(request, code, line);
}
