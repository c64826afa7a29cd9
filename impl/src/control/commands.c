/* SPDX-License-Identifier: MIT */
/* The commands of the control socket that take a few lines each. Spec: spec/control.md. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"
#include "peers.h"
#include "request.h"

json_t *json_addr(const vx6_addr *addr)
{
    char text[TEXT_ADDR_SIZE];
    text_addr(text, addr);
    return json_string(text);
}

json_t *json_time_or_null(int64_t unix_ms)
{
    return unix_ms > 0 ? json_integer((json_int_t)unix_ms) : json_null();
}

json_t *json_key(const uint8_t key[32])
{
    char text[TEXT_KEY_SIZE];
    text_key(text, key);
    return json_string(text);
}

json_t *json_key_or_null(const uint8_t key[32])
{
    static const uint8_t zero[32];
    return memcmp(key, zero, sizeof zero) == 0 ? json_null() : json_key(key);
}

static void command_identity(struct request *request)
{
    const char *command;
    if (!request_unpack(request, "{s:s !}", "command", &command))
        return;
    uint8_t key[32], id[32];
    char hex[65];
    driver_identity(request->host->driver, key, id);
    text_hex(hex, id, sizeof id);
    uint8_t keys[VX6_KEYS_BEFORE_MAX][32];
    size_t count = driver_keys_before(request->host->driver, keys);
    json_t *before = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(before, json_key(keys[i]));
    request_answer(request, json_pack("{s:o, s:s, s:s, s:o}", "key", json_key(key), "node_id", hex,
                                "name", request->host->label, "before", before));
}

static json_t *peer_json(const struct peer_facts *facts)
{
    static const char *const states[] = {
        [PEER_ASKED] = "asked", [PEER_ANSWERED] = "answered", [PEER_FAILED] = "failed"};
    json_t *code = json_null();
    if (facts->state == PEER_FAILED)
        code = json_string(vx6_code_name(facts->code));
    return json_pack("{s:o, s:s, s:o, s:o}", "addr", json_addr(&facts->addr), "state",
        states[facts->state], "key", json_key_or_null(facts->key), "code", code);
}

static void command_peers(struct request *request)
{
    const char *command;
    if (!request_unpack(request, "{s:s !}", "command", &command))
        return;
    json_t *entry = json_array(), *contacts = json_array();
    const struct peer_facts *facts;
    for (size_t i = 0; (facts = peers_facts(request->host->peers, i)) != NULL; i++)
        json_array_append_new(entry, peer_json(facts));
    uint8_t key[32];
    vx6_addr addr;
    for (size_t i = 0; driver_contact(request->host->driver, i, key, &addr); i++)
        json_array_append_new(
            contacts, json_pack("{s:o, s:o}", "key", json_key(key), "addr", json_addr(&addr)));
    request_answer(request, json_pack("{s:o, s:o}", "entry", entry, "contacts", contacts));
}

static void on_peer_heard(void *context, const struct peer_facts *facts)
{
    struct request *request = context;
    const struct host *host = request->host;
    char line[TEXT_ERROR_SIZE];
    if (facts->state != PEER_ANSWERED) {
        peers_explain(host->peers, facts, line);
        request_fail(request, facts->code, line);
    } else if (facts->is_stored) {
        request_answer(request, peer_json(facts));
    } else { /* VX6-CTRL-018 */
        text_fail(line, "the peer has answered, but the next start will not know it: %.400s",
            store_error(host->store));
        request_fail(request, VX6_LIMIT, line);
    }
}

static void peer_add_abandoned(struct request *request)
{
    peers_ignore(request->host->peers, request);
}

static void command_peer_add(struct request *request)
{
    const char *command, *text;
    char line[TEXT_ERROR_SIZE];
    vx6_addr addr;
    if (!request_unpack(request, "{s:s, s:s !}", "command", &command, "addr", &text))
        return;
    const char *reason = text_addr_parse(text, &addr);
    if (reason) {
        char shown[TEXT_ADDR_SIZE];
        text_printable(shown, sizeof shown, text, strlen(text));
        snprintf(line, sizeof line, "the address %s %s", shown, reason);
        request_fail(request, VX6_INVALID, line);
        return;
    }
    request->abandoned = peer_add_abandoned;
    if (!peers_try(request->host->peers, &addr, on_peer_heard, request, line))
        request_fail(request, VX6_INVALID, line);
}

const struct command *command_find(const char *name)
{
    static const struct command commands[] = {{"status", command_status},
        {"identity", command_identity}, {"identity_rename", command_identity_rename},
        {"peers", command_peers}, {"peer_add", command_peer_add},
        {"service_add", command_service_add}, {"service_allow", command_service_allow},
        {"service_deny", command_service_deny}, {"service_host", command_service_host},
        {"service_list", command_service_list}, {"service_remove", command_service_remove},
        {"connect", command_connect}, {"disconnect", command_disconnect},
        {"doctor", command_doctor}, {"resolve", command_resolve}, {"names", command_names},
        {"pin", command_pin}, {"forget", command_forget}, {"rename", command_rename},
        {"revoke", command_revoke}, {"watch", command_watch}};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}
