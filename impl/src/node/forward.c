/* SPDX-License-Identifier: MIT */
/* The client's side. A forward listens once and serves any number of connections, each a stream of
 * its one session. A session that went down is opened again by the next connection; connections
 * that come in meanwhile wait, and are reset when it cannot be opened. */
#include "forward.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acceptor.h"
#include "driver.h"
#include "idtable.h"
#include "keys.h"
#include "names.h"
#include "net.h"
#include "paths.h"
#include "pump.h"

enum {
    /* VX6-CTRL-040: as many as one session has streams, and as many that a lost one had. */
    WAITING_MAX = 2 * 1024,
    BACKLOG = 1024
};

/* A connection that has no stream yet. */
struct waiting {
    int fd;
    bool had_stream; /* once, on a session that was lost: it gets no third chance */
};

struct connection {
    struct forward *forward;
    struct connection *next, *previous;
    struct pump *pump;
    bool had_stream;
};

struct forward {
    struct forwards *forwards;
    struct forward *next;
    struct forward_facts facts;
    forward_heard *heard;
    void *context;
    bool was_up;
    bool is_first_use; /* its name was bound to no key when it was opened */
    bool was_dialled;  /* its present session, or its last one */
    struct acceptor *acceptor;
    vx6_id session; /* 0 when it is down */
    struct connection *connections;
    struct waiting waiting[WAITING_MAX]; /* for the session */
    size_t waiting_count;
};

struct forwards {
    struct host *host;
    struct forward *first;
    size_t count;
    uint32_t last_number;
    struct idtable sessions;
};

const char *forward_state_name(enum forward_state state)
{
    static const char *const names[] = {
        [FORWARD_OPENING] = "opening", [FORWARD_UP] = "up", [FORWARD_DOWN] = "down"};
    return names[state];
}

static void tell(struct forward *forward, enum forward_news news)
{
    if (forward->heard)
        forward->heard(forward->context, &forward->facts, news);
}

static struct explain_subject subject_of(const struct forward *forward)
{
    const struct forward_config *config = &forward->facts.config;
    return (struct explain_subject){.name = config->name,
        .addr = config->by_addr ? &config->addr : NULL,
        .key_source = config->key_source,
        .was_dialled = forward->was_dialled,
        .is_ending = driver_is_shutting_down(forward->forwards->host->driver),
        .is_revoked = keys_own_is_revoked(forward->forwards->host->keys)};
}

static void report_failure(struct forward *forward, enum vx6_code code, const char *why)
{
    struct forward_facts *facts = &forward->facts;
    struct explain_subject subject = subject_of(forward);
    explain_line(facts->error, &subject, code, why);
    facts->code = code;
    facts->failure_count++;
    REPORT(forward->forwards->host->journal, forward_failed, .forward = facts->number,
        .name = subject.name, .peer = subject.addr, .code = code, .why = why);
    tell(forward, FORWARD_FAILED);
}

static void note_failure(struct forward *forward, enum vx6_code code)
{
    struct explain_subject subject = subject_of(forward);
    report_failure(forward, code, explain_why(&subject, code));
}

static void drop_waiting(struct forward *forward)
{
    while (forward->waiting_count > 0)
        net_abort(forward->waiting[--forward->waiting_count].fd);
}

static void forward_free(struct forward *forward)
{
    struct forwards *forwards = forward->forwards;
    struct forward **place = &forwards->first;
    while (*place != forward)
        place = &(*place)->next;
    *place = forward->next;
    forwards->count--;
    idtable_remove(&forwards->sessions, forward->session);
    drop_waiting(forward);
    while (forward->connections) {
        struct connection *next = forward->connections->next;
        free(forward->connections);
        forward->connections = next;
    }
    acceptor_free(forward->acceptor);
    free(forward);
}

/* Ends the forward and what it carries. */
static void forward_end(struct forward *forward)
{
    struct host *host = forward->forwards->host;
    for (struct connection *c = forward->connections; c; c = c->next)
        pump_abort(c->pump, VX6_CANCELLED);
    if (forward->session.bits != 0) {
        struct vx6_in in = {.kind = VX6_IN_SESSION_CLOSE, .id = forward->session};
        (void)driver_input(host->driver, &in);
    }
    REPORT(host->journal, forward_ended, .forward = forward->facts.number,
        .name = forward->facts.config.name);
    tell(forward, FORWARD_ENDED);
    forward_free(forward);
}

static enum vx6_code open_session(struct forward *forward)
{
    struct forwards *forwards = forward->forwards;
    const struct forward_config *config = &forward->facts.config;
    struct vx6_in in = {.kind = VX6_IN_SESSION_OPEN,
        .data = (const uint8_t *)config->name,
        .len = strlen(config->name)};
    if (config->by_addr)
        in.peer = config->addr;
    if (config->key_source != EXPLAIN_KEY_NONE)
        memcpy(in.key, config->key, sizeof in.key);
    else if (forward->was_up) /* a hint could lead to another node the next time */
        memcpy(in.key, forward->facts.key, sizeof in.key);
    enum vx6_code code = driver_input(forwards->host->driver, &in);
    if (code == VX6_OK && !idtable_set(&forwards->sessions, in.id, forward)) {
        struct vx6_in close_it = {.kind = VX6_IN_SESSION_CLOSE, .id = in.id};
        (void)driver_input(forwards->host->driver, &close_it);
        code = VX6_NOMEM;
    }
    if (code != VX6_OK)
        return code;
    forward->session = in.id;
    forward->was_dialled = false;
    forward->facts.state = FORWARD_OPENING;
    return VX6_OK;
}

static void forget_session(struct forward *forward)
{
    idtable_remove(&forward->forwards->sessions, forward->session);
    forward->session = (vx6_id){0};
    forward->facts.state = FORWARD_DOWN;
}

static struct forward *connection_free(struct connection *connection)
{
    struct forward *forward = connection->forward;
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        forward->connections = connection->next;
    if (connection->next)
        connection->next->previous = connection->previous;
    free(connection);
    forward->facts.open_count--;
    return forward;
}

static void on_pump_ended(void *owner, enum vx6_code code)
{
    struct forward *forward = connection_free(owner);
    if (code != VX6_OK && code != VX6_RESET)
        note_failure(forward, code);
}

static void serve(struct forward *forward, struct waiting waiting);

/* VX6-CTRL-043: nothing was lost but the session, and the local program has not noticed. */
static void on_pump_returned(void *owner, int fd, enum vx6_code code)
{
    bool had_stream = ((struct connection *)owner)->had_stream;
    struct forward *forward = connection_free(owner);
    if (had_stream) {
        net_abort(fd);
        note_failure(forward, code);
        return;
    }
    forward->facts.connection_count--;
    serve(forward, (struct waiting){fd, true});
}

static bool start_pump(struct forward *forward, struct waiting waiting, vx6_id stream)
{
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) {
        net_abort(waiting.fd);
        struct vx6_in in = {.kind = VX6_IN_STREAM_RESET, .id = stream, .code = VX6_NOMEM};
        (void)driver_input(forward->forwards->host->driver, &in);
        return false;
    }
    struct pump_config config = {.fd = waiting.fd,
        .stream = stream,
        .traffic = &forward->facts.traffic,
        .ended = on_pump_ended,
        .returned = on_pump_returned,
        .owner = connection};
    connection->pump = pump_new(forward->forwards->host->pumps, &config);
    if (connection->pump == NULL) {
        free(connection);
        return false;
    }
    connection->forward = forward;
    connection->had_stream = waiting.had_stream;
    connection->next = forward->connections;
    if (connection->next)
        connection->next->previous = connection;
    forward->connections = connection;
    forward->facts.open_count++;
    forward->facts.connection_count++;
    return true;
}

static void wait_for_session(struct forward *forward, struct waiting waiting)
{
    if (forward->waiting_count == WAITING_MAX) {
        net_abort(waiting.fd);
        return;
    }
    forward->waiting[forward->waiting_count++] = waiting;
    if (forward->session.bits != 0)
        return;
    enum vx6_code code = open_session(forward);
    if (code != VX6_OK) {
        drop_waiting(forward);
        note_failure(forward, code);
    }
}

static void serve(struct forward *forward, struct waiting waiting)
{
    if (forward->facts.state != FORWARD_UP) {
        wait_for_session(forward, waiting);
        return;
    }
    struct vx6_in in = {.kind = VX6_IN_STREAM_OPEN, .id = forward->session};
    enum vx6_code code = driver_input(forward->forwards->host->driver, &in);
    if (code == VX6_OK) {
        if (!start_pump(forward, waiting, in.id))
            note_failure(forward, VX6_NOMEM);
    } else if (code == VX6_STALE) {
        forget_session(forward); /* its SESSION_DOWN is on the way */
        wait_for_session(forward, waiting);
    } else {
        net_abort(waiting.fd);
        note_failure(forward, code);
    }
}

static void take_connection(void *context, int fd, const struct sockaddr *from)
{
    (void)from;
    net_set_nodelay(fd);
    serve(context, (struct waiting){fd, false});
}

/* Does the label of its name mean a key? */
static bool is_bound(const struct forward *forward)
{
    const char *text = forward->facts.config.name;
    struct vx6_name name;
    char label[VX6_LABEL_MAX + 1];
    if (!vx6_name_parse((vx6_span){(const uint8_t *)text, strlen(text)}, &name))
        return false;
    memcpy(label, name.label.data, name.label.len);
    label[name.label.len] = 0;
    return names_by_label(forward->forwards->host->names, label) != NULL;
}

/* VX6-CTRL-010: without --key the key is kept on first use; a given one replaces what was kept,
 * once it has proved right. */
static bool keep_key(struct forward *forward, const uint8_t key[32])
{
    struct forward_facts *facts = &forward->facts;
    struct host *host = forward->forwards->host;
    memcpy(facts->key, key, sizeof facts->key);
    if (!facts->config.by_addr) {
        facts->key_is_new = forward->is_first_use && is_bound(forward);
        forward->is_first_use = false;
        return true;
    }
    if (facts->config.key_source == EXPLAIN_KEY_KEPT)
        return true;
    if (!store_known_key_set(host->store, &facts->config.addr, key) &&
        facts->config.key_source == EXPLAIN_KEY_NONE)
        return false;
    facts->key_is_new = facts->config.key_source == EXPLAIN_KEY_NONE;
    if (facts->key_is_new)
        facts->config.key_source = EXPLAIN_KEY_KEPT;
    memcpy(facts->config.key, key, sizeof facts->config.key);
    return true;
}

/* Another key would be taken for the first one the next time. */
static void end_unkept(struct forward *forward)
{
    char why[TEXT_ERROR_SIZE];
    text_fail(why, "its key cannot be kept, so nothing was opened: %s",
        store_error(forward->forwards->host->store));
    report_failure(forward, VX6_LIMIT, why);
    forward_end(forward);
}

void forwards_session_up(struct forwards *forwards, const struct vx6_out *out)
{
    struct forward *forward = idtable_get(&forwards->sessions, out->id);
    if (forward == NULL)
        return;
    if (!keep_key(forward, out->key)) {
        end_unkept(forward);
        return;
    }
    forward->facts.peer = out->peer;
    forward->facts.state = FORWARD_UP;
    forward->was_up = forward->was_dialled = true;
    REPORT(forwards->host->journal, forward_up, .forward = forward->facts.number,
        .name = forward->facts.config.name, .listen = &forward->facts.config.listen,
        .key = out->key, .peer = &out->peer);
    tell(forward, FORWARD_IS_UP);

    size_t count = forward->waiting_count;
    struct waiting waiting[WAITING_MAX];
    memcpy(waiting, forward->waiting, count * sizeof waiting[0]);
    forward->waiting_count = 0;
    for (size_t i = 0; i < count; i++)
        serve(forward, waiting[i]);
}

void forwards_session_down(struct forwards *forwards, const struct vx6_out *out)
{
    struct forward *forward = idtable_get(&forwards->sessions, out->id);
    if (forward == NULL)
        return;
    bool was_opening = forward->facts.state == FORWARD_OPENING;
    forward->was_dialled = out->peer.port != 0;
    forget_session(forward);
    drop_waiting(forward);
    /* An idle end is nobody's failure: the next connection opens the session again. */
    if (was_opening || (out->code != VX6_OK && out->code != VX6_IDLE))
        note_failure(forward, out->code);
    if (!was_opening)
        REPORT(forwards->host->journal, forward_down, .forward = forward->facts.number,
            .name = forward->facts.config.name, .code = out->code);
    if (!forward->was_up)
        forward_end(forward);
}

/* 0: none of this node. */
static uint32_t holder_of(const struct forward *asker, const vx6_addr *listen)
{
    for (const struct forward *other = asker->forwards->first; other; other = other->next) {
        if (other != asker && net_addr_equal(&other->facts.config.listen, listen))
            return other->facts.number;
    }
    return 0;
}

static bool listen_locally(struct forward *forward, char error[TEXT_ERROR_SIZE])
{
    vx6_addr *addr = &forward->facts.config.listen;
    char text[TEXT_ADDR_SIZE];
    text_addr(text, addr);
    int family;
    int fd = net_bind(addr, SOCK_STREAM, &family);
    if (fd < 0 && errno == EADDRINUSE) {
        uint32_t holder = holder_of(forward, addr);
        char who[64] = "another program";
        if (holder != 0)
            snprintf(who, sizeof who, "forward %u of this node", holder);
        return text_fail(
            error, "%s is taken by %s: choose another with --listen 127.0.0.1:PORT", text, who);
    }
    if (fd < 0 || listen(fd, BACKLOG) != 0) {
        paths_fail(error, "listen on", text);
        if (fd >= 0)
            close(fd);
        return false;
    }
    struct sockaddr_storage bound;
    socklen_t len = sizeof bound;
    if (getsockname(fd, (struct sockaddr *)&bound, &len) == 0)
        (void)net_from_sockaddr(addr, (struct sockaddr *)&bound);
    forward->acceptor = acceptor_new(forward->forwards->host, fd, take_connection, forward);
    return forward->acceptor != NULL || text_fail(error, "out of memory");
}

const struct forward_facts *forwards_open(struct forwards *forwards,
    const struct forward_config *config, forward_heard *heard, void *context, enum vx6_code *code,
    char error[TEXT_ERROR_SIZE])
{
    *code = VX6_LIMIT;
    struct forward *forward = NULL;
    if (forwards->count < FORWARDS_MAX)
        forward = calloc(1, sizeof *forward);
    if (forward == NULL) {
        text_fail(error, "%d forwards are open already: end one with vx6 disconnect", FORWARDS_MAX);
        return NULL;
    }
    forward->forwards = forwards;
    forward->heard = heard;
    forward->context = context;
    forward->facts.config = *config;
    forward->facts.number = ++forwards->last_number;
    forward->next = forwards->first;
    forwards->first = forward;
    forwards->count++;

    forward->is_first_use = !config->by_addr && !is_bound(forward);
    *code = VX6_INVALID;
    if (listen_locally(forward, error)) {
        *code = open_session(forward);
        if (*code == VX6_OK)
            return &forward->facts;
        struct explain_subject subject = subject_of(forward);
        explain(error, &subject, *code);
    }
    forward_free(forward);
    return NULL;
}

static struct forward *get(const struct forwards *forwards, uint32_t number)
{
    struct forward *forward = forwards->first;
    while (forward && forward->facts.number != number)
        forward = forward->next;
    return forward;
}

void forwards_ignore(struct forwards *forwards, uint32_t number)
{
    struct forward *forward = get(forwards, number);
    if (forward)
        forward->heard = NULL;
}

bool forwards_end(struct forwards *forwards, uint32_t number)
{
    struct forward *forward = get(forwards, number);
    if (forward == NULL)
        return false;
    forward_end(forward);
    return true;
}

/* Behind the label of a name there is a dot, or the ~ of a hint. */
static bool goes_by(const struct forward_config *config, const char *label)
{
    size_t len = strlen(label);
    return !config->by_addr && strncmp(config->name, label, len) == 0 &&
           (config->name[len] == '.' || config->name[len] == '~');
}

uint32_t forwards_by_label(const struct forwards *forwards, const char *label)
{
    for (const struct forward *forward = forwards->first; forward; forward = forward->next) {
        if (goes_by(&forward->facts.config, label))
            return forward->facts.number;
    }
    return 0;
}

/* Does it go by a name that means this key? */
static bool is_named_after(const struct forward *forward, const uint8_t key[32])
{
    const struct store_binding *binding;
    const struct names *names = forward->forwards->host->names;
    for (size_t i = 0; (binding = names_item(names, i)) != NULL; i++) {
        if (memcmp(binding->key, key, sizeof binding->key) == 0 &&
            goes_by(&forward->facts.config, binding->label))
            return true;
    }
    return false;
}

void forwards_follow(struct forwards *forwards, const uint8_t from[32], const uint8_t to[32])
{
    for (struct forward *forward = forwards->first; forward; forward = forward->next) {
        struct forward_facts *facts = &forward->facts;
        struct forward_config *config = &facts->config;
        bool was_up = memcmp(facts->key, from, sizeof facts->key) == 0;
        if (was_up)
            memcpy(facts->key, to, sizeof facts->key);
        if (was_up || is_named_after(forward, to))
            memcpy(facts->key_before, from, sizeof facts->key_before);
        if (config->key_source == EXPLAIN_KEY_KEPT && memcmp(config->key, from, 32) == 0)
            memcpy(config->key, to, sizeof config->key);
    }
}

uint32_t forwards_by_addr(const struct forwards *forwards, const vx6_addr *addr)
{
    for (const struct forward *forward = forwards->first; forward; forward = forward->next) {
        const struct forward_config *config = &forward->facts.config;
        if (config->by_addr && net_addr_equal(&config->addr, addr))
            return forward->facts.number;
    }
    return 0;
}

struct forward_facts *forwards_facts(struct forwards *forwards, size_t index)
{
    struct forward *forward = forwards->first;
    while (forward && index-- > 0)
        forward = forward->next;
    return forward ? &forward->facts : NULL;
}

struct forwards *forwards_new(struct host *host)
{
    struct forwards *forwards = calloc(1, sizeof *forwards);
    if (forwards)
        forwards->host = host;
    return forwards;
}

void forwards_free(struct forwards *forwards)
{
    if (forwards == NULL)
        return;
    while (forwards->first)
        forward_free(forwards->first);
    idtable_clear(&forwards->sessions);
    free(forwards);
}
