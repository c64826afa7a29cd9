/* SPDX-License-Identifier: MIT */
/* vx6-node: options, start in an order in which each failure leaves nothing behind, signals, end.
 */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "asnmap.h"
#include "control.h"
#include "driver.h"
#include "endpoints.h"
#include "journal_log.h"
#include "keys.h"
#include "names.h"
#include "net.h"
#include "paths.h"
#include "peers.h"
#include "offer.h"
#include "options.h"
#include "tcp.h"
#include "udp.h"

/* Visible, or the C library would not find it. */
__attribute__((visibility("default"))) const char *argp_program_version = "vx6-node " VX6_VERSION;

enum {
    STORED_CONTACTS_MAX = 1024
};

enum {
    OPTION_ASN_MAP = 256, /* beyond all letters */
    OPTION_LOG,
    OPTION_LOG_LEVEL,
    OPTION_LOG_ADDRESSES
};

struct options {
    const char *state, *name, *asn_map;
    vx6_addr listen[TCP_LISTENERS_MAX];
    size_t listen_count;
    vx6_addr peers[PEERS_MAX];
    size_t peer_count;
    struct journal_log_config log;
};

static const struct argp_option option_rows[] = {
    {"state", 's', "DIR", 0, "Keep the state in DIR (default: the XDG state directory)", 0},
    {"listen", 'l', "ADDR", 0, "Listen on ADDR, TCP and UDP (default: [::]:4242); repeatable", 0},
    {"peer", 'p', "ADDR", 0, "Join the network by the node at ADDR; repeatable", 0},
    {"name", 'n', "NAME", 0, "Be called NAME from now on", 0},
    {"asn-map", OPTION_ASN_MAP, "FILE", 0,
        "Know by FILE which autonomous system announces which addresses (lines: PREFIX/LENGTH "
        "NUMBER), and prefer contacts from many systems",
        0},
    {"log", OPTION_LOG, "plain|json", 0, "How events are written (default: plain)", 0},
    {"log-level", OPTION_LOG_LEVEL, "LEVEL", 0,
        "Write events of this level and worse: error, warning, info or debug (default: info)", 0},
    {"log-addresses", OPTION_LOG_ADDRESSES, NULL, 0, "Write the addresses of other nodes, too", 0},
    {0}};

static void parse_log(struct journal_log_config *log, const char *text, struct argp_state *state)
{
    log->is_json = strcmp(text, "json") == 0;
    if (!log->is_json && strcmp(text, "plain") != 0)
        options_fail(state, "--log takes plain or json");
}

static void parse_log_level(
    struct journal_log_config *log, const char *text, struct argp_state *state)
{
    log->level = journal_level_parse(text);
    if (log->level == JOURNAL_LEVEL_COUNT)
        options_fail(state, "--log-level takes error, warning, info or debug");
}

static void parse_addr(
    const struct argp_state *state, const char *option, const char *text, vx6_addr *addr)
{
    char shown[TEXT_ADDR_SIZE];
    const char *reason = text_addr_parse(text, addr);
    text_printable(shown, sizeof shown, text, strlen(text));
    if (reason)
        options_fail(state, "the address %s of %s %s", shown, option, reason);
}

static void parse_name(const struct argp_state *state, const char *text)
{
    char error[TEXT_ERROR_SIZE];
    if (!text_is_label(text) && !text_label_fail(error, text))
        options_fail(state, "%s", error);
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        options_init(state);
        return 0;
    case 's':
        options->state = argument;
        return 0;
    case 'n':
        parse_name(state, argument);
        options->name = argument;
        return 0;
    case OPTION_ASN_MAP:
        options->asn_map = argument;
        return 0;
    case OPTION_LOG:
        parse_log(&options->log, argument, state);
        return 0;
    case OPTION_LOG_LEVEL:
        parse_log_level(&options->log, argument, state);
        return 0;
    case OPTION_LOG_ADDRESSES:
        options->log.with_peers = true;
        return 0;
    case 'l':
        if (options->listen_count == TCP_LISTENERS_MAX)
            options_fail(state, "at most %d --listen", TCP_LISTENERS_MAX);
        parse_addr(state, "--listen", argument, &options->listen[options->listen_count++]);
        return 0;
    case 'p':
        if (options->peer_count == PEERS_MAX)
            options_fail(state, "at most %d --peer", PEERS_MAX);
        parse_addr(state, "--peer", argument, &options->peers[options->peer_count++]);
        return 0;
    case ARGP_KEY_ARG:
        options_check_word(state, argument);
        options_fail(state, "unexpected argument %s: options only, see vx6-node --help", argument);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

void vx6_panic(const char *file, int line, const char *what)
{
    fprintf(stderr, "vx6-node: %s:%d: assertion failed: %s\n", file, line, what);
    abort();
}

static bool start_listening(
    struct host *host, const struct options *options, char error[TEXT_ERROR_SIZE])
{
    static const vx6_addr usual = {.port = 4242};
    const vx6_addr *addrs = options->listen_count > 0 ? options->listen : &usual;
    size_t count = options->listen_count > 0 ? options->listen_count : 1;
    for (size_t i = 0; i < count; i++) {
        vx6_addr addr = addrs[i];
        if (!tcp_listen(host->tcp, &addr, error) || !udp_listen(host->udp, &addr, error) ||
            !endpoints_listen(host->endpoints, &addr, error))
            return false;
        REPORT(host->journal, listening, .listen = &addr);
    }
    return true;
}

static bool restore_peers(
    struct host *host, const struct options *options, char error[TEXT_ERROR_SIZE])
{
    vx6_addr stored[PEERS_MAX];
    for (size_t i = 0; i < options->peer_count; i++) {
        if (!peers_add(host->peers, &options->peers[i], error))
            return false;
    }
    int count = store_peers(host->store, stored, PEERS_MAX);
    for (int i = 0; i < count; i++)
        (void)peers_add(host->peers, &stored[i], error);
    return count >= 0 || text_fail(error, "%s", store_error(host->store));
}

static bool restore_contacts(struct host *host, char error[TEXT_ERROR_SIZE])
{
    struct store_contact *contacts = calloc(STORED_CONTACTS_MAX, sizeof *contacts);
    if (contacts == NULL)
        return text_fail(error, "out of memory");
    int count = store_contacts(host->store, contacts, STORED_CONTACTS_MAX);
    for (int i = 0; i < count; i++) {
        struct vx6_in in = {.kind = VX6_IN_CONTACT, .peer = contacts[i].addr};
        memcpy(in.key, contacts[i].key, sizeof in.key);
        (void)driver_input(host->driver, &in); /* one that is full or refused is no loss */
    }
    free(contacts);
    return count >= 0 || text_fail(error, "%s", store_error(host->store));
}

/* A name that is given is kept. */
static bool load_identity(struct host *host, const struct options *options,
    struct driver_config *config, char error[TEXT_ERROR_SIZE])
{
    struct store *store = host->store;
    struct store_identity identity;
    bool is_read = store_identity_read(store, &identity);
    if (is_read) {
        memcpy(config->identity_seed, identity.seed, sizeof config->identity_seed);
        memcpy(config->lineage, identity.lineage, identity.lineage_len);
        config->lineage_len = identity.lineage_len;
    }
    explicit_bzero(&identity, sizeof identity);
    if (!is_read || !store_sequence_take(store, &config->sequence_first) ||
        (options->name && !store_own_name_set(store, options->name)) ||
        !store_setting(store, "name", config->label, sizeof config->label))
        return text_fail(error, "%s", store_error(store));
    if (config->label[0] != 0 && !text_is_label(config->label))
        return text_fail(error, "the name of this node in its state is damaged: give it again with "
                                "--name NAME");
    memcpy(host->label, config->label, sizeof host->label);
    return true;
}

static void on_state_written(void *context, uint64_t failures)
{
    struct host *host = context;
    if (failures == 0)
        REPORT(host->journal, state_unwritable, .why = store_error(host->store));
    else
        REPORT(host->journal, state_writable, .failures = failures);
}

static bool start(struct host *host, const struct options *options, const struct paths *paths,
    char error[TEXT_ERROR_SIZE])
{
    struct driver_config config = {0};
    if (!host_make(host))
        return text_fail(error, "out of memory");
    if (options->asn_map) {
        host->asn_map = asnmap_load(options->asn_map, error);
        if (host->asn_map == NULL)
            return false;
        REPORT(
            host->journal, asn_map_read, .file = options->asn_map, .ranges = host->asn_map->count);
    }
    host->store = store_open(paths->database, STORE_CREATE, error);
    if (host->store == NULL || !load_identity(host, options, &config, error))
        return false;
    store_listen(host->store, on_state_written, host);
    config.asn_map = host->asn_map;
    host->driver = driver_new(host, &config);
    explicit_bzero(&config, sizeof config);
    if (host->driver == NULL)
        return text_fail(error, "out of memory");
    if (!start_listening(host, options, error) || !restore_peers(host, options, error) ||
        !restore_contacts(host, error) || !names_restore(host->names, error) ||
        !offers_restore(host->offers, error) || !keys_restore(host->keys, error) ||
        !control_listen(host->control, paths->socket, error))
        return false;
    endpoints_publish(host->endpoints);
    peers_start(host->peers);
    return true;
}

static void say_who(struct host *host)
{
    uint8_t key[32], id[32];
    driver_identity(host->driver, key, id);
    REPORT(host->journal, started, .key = key, .name = host->label);
    if (store_is_new(host->store))
        REPORT(host->journal, identity_made, .key = key);
    const vx6_addr *endpoint = endpoints_published(host->endpoints, 0);
    vx6_addr contact;
    if (endpoint && !peers_facts(host->peers, 0) && !driver_contact(host->driver, 0, key, &contact))
        REPORT(host->journal, no_peer, .endpoint = endpoint);
}

static void on_signal(evutil_socket_t number, short what, void *context)
{
    (void)what;
    struct host *host = context;
    REPORT(host->journal, shutting_down, .signal = number == SIGINT ? "SIGINT" : "SIGTERM");
    driver_shut_down(host->driver);
}

static bool run(struct host *host)
{
    struct event *terminate = evsignal_new(host->base, SIGTERM, on_signal, host);
    struct event *interrupt = evsignal_new(host->base, SIGINT, on_signal, host);
    bool ready = terminate && interrupt && event_add(terminate, NULL) == 0 &&
                 event_add(interrupt, NULL) == 0;
    if (ready) {
        say_who(host);
        ready = event_base_dispatch(host->base) == 0 || driver_is_shutting_down(host->driver);
        REPORT(host->journal, stopped, .uptime_ms = (uint64_t)(steady_ms_now() - host->started_ms));
    }
    if (terminate)
        event_free(terminate);
    if (interrupt)
        event_free(interrupt);
    return ready;
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* The lock is the last to go: until then nobody else may have the state. */
static bool run_on(struct host *host, const struct options *options, const struct paths *paths,
    char error[TEXT_ERROR_SIZE])
{
    int lock = paths_lock(paths, paths_node, error);
    if (lock < 0)
        return false;
    text_fail(error, "the event loop failed");
    bool ok = start(host, options, paths, error) && run(host);
    host_free(host);
    store_close(host->store);
    close(lock);
    return ok;
}

int main(int argc, char **argv)
{
    static const struct argp argp = {option_rows, parse_option, NULL,
        "Runs a VX6 node in the foreground, until SIGTERM or SIGINT. Without options it just runs. "
        "One line per event goes to standard error; vx6 talks to it.\v"
        "Examples:\n"
        "  vx6-node\n"
        "  vx6-node --name alice --peer '[2001:db8::1]:4242'\n"
        "  vx6-node --state /srv/second --listen '[::]:4343'",
        NULL, NULL, NULL};
    struct options options = {.log.level = JOURNAL_INFO};
    struct paths paths;
    char error[TEXT_ERROR_SIZE] = "";
    static char name[] = "vx6-node";
    options_check(name, argc, argv);
    argv[0] = name;
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    setvbuf(stderr, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();

    if (!paths_init(&paths, options.state, error)) {
        fprintf(stderr, "vx6-node: %s\n", error);
        return OPTIONS_EXIT;
    }
    struct host host = {
        .base = event_base_new(), .journal = journal_new(), .started_ms = steady_ms_now()};
    struct journal_log *log = NULL;
    if (host.base && host.journal)
        log = journal_log_open(host.base, host.journal, &options.log);
    bool ok = log ? paths_make(&paths, error) && run_on(&host, &options, &paths, error)
                  : text_fail(error, "out of memory");
    if (!ok && log && options.log.is_json)
        REPORT(host.journal, start_failed, .why = error);
    else if (!ok)
        fprintf(stderr, "vx6-node: %s\n", error);
    journal_log_close(log);
    journal_free(host.journal);
    if (host.base)
        event_base_free(host.base);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
