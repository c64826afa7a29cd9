/* SPDX-License-Identifier: MIT */
/* names, pin, forget, rename: which key a name means to this node. Spec: spec/control.md. */
#include <stdio.h>
#include <string.h>

#include "names.h"
#include "request.h"

static json_t *binding_json(const struct store_binding *binding)
{
    return json_pack("{s:s, s:o, s:s, s:o}", "name", binding->label, "key", json_key(binding->key),
        "how", binding->is_pinned ? "pinned" : "first_use", "since_unix_ms",
        binding->since_unix_ms ? json_integer(binding->since_unix_ms) : json_null());
}

void command_names(struct request *request)
{
    const char *command;
    if (!request_unpack(request, "{s:s !}", "command", &command))
        return;
    json_t *list = json_array();
    const struct store_binding *binding;
    for (size_t i = 0; (binding = names_item(request->host->names, i)) != NULL; i++)
        json_array_append_new(list, binding_json(binding));
    request_answer(request, json_pack("{s:o}", "names", list));
}

/* False: the request has been refused. */
static bool check_label(struct request *request, const char *label)
{
    char shown[TEXT_ADDR_SIZE], line[TEXT_ERROR_SIZE];
    if (text_is_label(label))
        return true;
    text_printable(shown, sizeof shown, label, strlen(label));
    text_fail(line, "%s is no name to bind: give the label alone, such as alice", shown);
    request_fail(request, VX6_INVALID, line);
    return false;
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
    if (!text_key_parse(text, key))
        request_fail(
            request, VX6_INVALID, "the key is mistyped: its owner gets it from vx6 identity");
    else if (names_pin(request->host->names, label, key, may_replace != 0, &code, line))
        request_answer(request, json_pack("{s:s, s:o}", "name", label, "key", json_key(key)));
    else
        request_fail(request, code, line);
}

void command_forget(struct request *request)
{
    const char *command, *label;
    char line[TEXT_ERROR_SIZE];
    enum vx6_code code = VX6_INVALID;
    if (!request_unpack(request, "{s:s, s:s !}", "command", &command, "name", &label) ||
        !check_label(request, label))
        return;
    if (names_forget(request->host->names, label, &code, line))
        request_answer(request, json_pack("{s:s}", "name", label));
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
