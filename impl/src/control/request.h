/* SPDX-License-Identifier: MIT */
/* One request on the control socket, from its line to its answer. */
#ifndef VX6_REQUEST_H
#define VX6_REQUEST_H

#include <jansson.h>

#include "explain.h"
#include "host.h"

struct connection;

enum {
    CONTROL_VERSION = 1 /* VX6-CTRL-028 */
};

struct request {
    struct host *host;
    struct connection *connection;
    json_t *arguments; /* the whole line, an object */
    /* For a request that takes time: its connection has closed, or the node ends. Frees `work`. */
    void (*abandoned)(struct request *request);
    void (*written)(struct request *request); /* held: all that it was told is written */
    void *work;
    bool is_answered;
    bool is_held; /* stays after its answer, until the connection closes */
};

/* All take over the reference to `answer`. After an answer the request is gone, unless it is held.
 */
void request_answer(struct request *request, json_t *answer); /* adds "ok": true */
void request_fail(struct request *request, enum vx6_code code, const char *line);
/* As request_fail, with more to say. */
void request_fail_with(
    struct request *request, enum vx6_code code, const char *line, json_t *answer);
/* News on a held request. */
void request_tell(struct request *request, json_t *news);
/* Bytes of it that the other end has not taken yet. */
size_t request_backlog(const struct request *request);

struct command {
    const char *name;
    void (*run)(struct request *request);
};
/* NULL: there is none of this name. */
const struct command *command_find(const char *name);

/* Commands that have files of their own. */
void command_status(struct request *request);
void command_connect(struct request *request);
void command_disconnect(struct request *request);
void command_doctor(struct request *request);
void command_resolve(struct request *request);
void command_watch(struct request *request);
void command_identity_rename(struct request *request);
void command_names(struct request *request);
void command_pin(struct request *request);
void command_forget(struct request *request);
void command_rename(struct request *request);
void command_revoke(struct request *request);
void command_service_add(struct request *request);
void command_service_allow(struct request *request);
void command_service_deny(struct request *request);
void command_service_host(struct request *request);
void command_service_list(struct request *request);
void command_service_remove(struct request *request);

/* False: the request has been refused. Format and targets as for json_unpack(); fields that the
 * format does not name are refused too. */
bool request_unpack(struct request *request, const char *format, ...);

/* Where a node is, and whose it has to be. */
struct place {
    vx6_addr addr;
    enum explain_key key_source;
    uint8_t key[32]; /* zero if the source is NONE */
};
/* `key` NULL: the one that is kept for the address, if one is. False: with code and line. */
bool place_parse(struct host *host, const char *addr, const char *key, struct place *place,
    enum vx6_code *code, char error[TEXT_ERROR_SIZE]);

/* JSON forms that several commands share. */
json_t *json_addr(const vx6_addr *addr);
json_t *json_key(const uint8_t key[32]);
json_t *json_key_or_null(const uint8_t key[32]); /* null for zero */
json_t *json_time_or_null(int64_t unix_ms);      /* null for 0 */
struct reachability;
json_t *json_reach(const struct reachability *reach);
json_t *json_services(const struct host *host);
struct forward_facts;
json_t *json_forward(struct forward_facts *facts);

#endif
