/* SPDX-License-Identifier: MIT */
/* An address as a request has it, and the key that is expected there. */
#include <string.h>

#include "net.h"
#include "request.h"
#include "store.h"

static bool parse_addr(const char *text, vx6_addr *addr, char error[TEXT_ERROR_SIZE])
{
    char shown[TEXT_ADDR_SIZE];
    text_printable(shown, sizeof shown, text, strlen(text));
    const char *reason = text_addr_parse(text, addr);
    if (reason == NULL && net_scope(addr) == NET_ANY)
        reason = "is no address to connect to";
    return reason == NULL || text_fail(error, "the address %s %s", shown, reason);
}

/* VX6-CTRL-010 */
bool place_parse(struct host *host, const char *addr, const char *key, struct place *place,
    enum vx6_code *code, char error[TEXT_ERROR_SIZE])
{
    *code = VX6_INVALID;
    *place = (struct place){.key_source = EXPLAIN_KEY_NONE};
    if (!parse_addr(addr, &place->addr, error))
        return false;
    if (key) {
        place->key_source = EXPLAIN_KEY_GIVEN;
        return text_key_parse(key, place->key) ||
               text_fail(error, "the key is mistyped: its owner gets it from vx6 identity");
    }
    bool is_known;
    if (!store_known_key(host->store, &place->addr, place->key, &is_known)) {
        *code = VX6_LIMIT;
        return text_fail(error, "%s", store_error(host->store));
    }
    if (is_known)
        place->key_source = EXPLAIN_KEY_KEPT;
    return true;
}
