/* SPDX-License-Identifier: MIT */
/* service_list: the own services, or what another node offers to this one. Spec: spec/control.md.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"
#include "keys.h"
#include "operations.h"
#include "request.h"
#include "vx6/msg.h"

/* What is asked of whom, until it is answered. */
struct listing {
    struct request *request;
    vx6_id operation;
    char name[VX6_NAME_MAX + 1]; /* "": by address */
    struct place place;
};

static json_t *offer_json(const struct vx6_offer *offer)
{
    static const struct {
        const char *exposure;
        enum {
            NO,
            YES,
            HOST_KNOWS
        } may_use;
    } uses[] = {
        {"public", YES}, {"listed", YES}, {"listed", NO}, {"private", YES}, {"hosted", HOST_KNOWS}};
    json_t *may_use = json_null();
    if (uses[offer->use - 1].may_use != HOST_KNOWS)
        may_use = json_boolean(uses[offer->use - 1].may_use == YES);
    return json_pack("{s:o, s:s, s:o}", "name",
        json_stringn((const char *)offer->name.data, offer->name.len), "exposure",
        uses[offer->use - 1].exposure, "may_use", may_use);
}

static json_t *offers_json(vx6_span bytes)
{
    vx6_list list = {.bytes = bytes, .count = 1};
    struct vx6_offer offer;
    json_t *services = json_array();
    for (; list.bytes.len > 0 && vx6_next_offer(&list, &offer); list.count = 1)
        json_array_append_new(services, offer_json(&offer));
    return services;
}

static void explain_to(
    char line[TEXT_ERROR_SIZE], const struct listing *listing, bool was_dialled, enum vx6_code code)
{
    bool is_by_name = listing->name[0] != 0;
    struct explain_subject subject = {.name = is_by_name ? listing->name : NULL,
        .addr = is_by_name ? NULL : &listing->place.addr,
        .key_source = listing->place.key_source,
        .was_dialled = was_dialled,
        .is_ending = driver_is_shutting_down(listing->request->host->driver),
        .is_revoked = keys_own_is_revoked(listing->request->host->keys)};
    if (code == VX6_SELF && is_by_name)
        text_fail(line, "%s: SELF: that is this node itself: vx6 service list shows its services",
            listing->name);
    else
        explain(line, &subject, code);
}

static void on_heard(void *context, const struct vx6_out *out)
{
    struct listing *listing = context;
    struct request *request = listing->request;
    char line[TEXT_ERROR_SIZE];
    if (out->code == VX6_OK) {
        request_answer(
            request, json_pack("{s:s?, s:o, s:o, s:o}", "name",
                         listing->name[0] ? listing->name : NULL, "key", json_key(out->key), "addr",
                         json_addr(&out->peer), "services", offers_json(out->value)));
    } else {
        explain_to(line, listing, out->peer.port != 0, out->code);
        request_fail(request, out->code, line);
    }
    free(listing);
}

static void abandoned(struct request *request)
{
    struct listing *listing = request->work;
    operations_cancel(request->host->operations, listing->operation);
    free(listing);
}

/* VX6-CTRL-026 */
static bool parse(struct listing *listing, const char *name, const char *addr, const char *key,
    enum vx6_code *code, char error[TEXT_ERROR_SIZE])
{
    *code = VX6_INVALID;
    if ((name && addr) || (key && !addr))
        return text_fail(
            error, "service_list takes a name such as alice, or an address and its key");
    if (addr)
        return place_parse(listing->request->host, addr, key, &listing->place, code, error);
    if (!text_is_name(name) || strchr(name, '.'))
        return text_fail(error,
            "that is no name of a node: it must look like alice (a-z, 0-9, inner "
            "hyphens)");
    snprintf(listing->name, sizeof listing->name, "%s", name);
    return true;
}

static enum vx6_code begin(struct listing *listing)
{
    struct vx6_in in = {.kind = VX6_IN_LIST,
        .peer = listing->place.addr,
        .data = (const uint8_t *)listing->name,
        .len = strlen(listing->name)};
    memcpy(in.key, listing->place.key, sizeof in.key);
    enum vx6_code code =
        operations_start(listing->request->host->operations, &in, on_heard, listing);
    listing->operation = in.id;
    return code;
}

static void list_peer(struct request *request, const char *name, const char *addr, const char *key)
{
    char line[TEXT_ERROR_SIZE];
    enum vx6_code code;
    struct listing *listing = calloc(1, sizeof *listing);
    if (listing == NULL) {
        request_fail(request, VX6_NOMEM, "out of memory");
        return;
    }
    listing->request = request;
    if (parse(listing, name, addr, key, &code, line)) {
        code = begin(listing);
        explain_to(line, listing, false, code);
    }
    if (code == VX6_OK) {
        request->work = listing;
        request->abandoned = abandoned;
        return;
    }
    free(listing);
    request_fail(request, code, line);
}

void command_service_list(struct request *request)
{
    const char *command, *name = NULL, *addr = NULL, *key = NULL;
    if (!request_unpack(request, "{s:s, s?s, s?s, s?s !}", "command", &command, "name", &name,
            "addr", &addr, "key", &key))
        return;
    if (name || addr || key)
        list_peer(request, name, addr, key);
    else
        request_answer(request, json_pack("{s:o}", "services", json_services(request->host)));
}
