/* SPDX-License-Identifier: MIT */
/* What the command line prints. Everything that a node far away may have chosen goes through
 * text_printable(), so that it cannot take over a terminal. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli.h"

const char *cli_text(json_t *object, const char *name)
{
    static char texts[16][TEXT_ERROR_SIZE];
    static unsigned next;
    char *text = texts[next++ % 16];
    const char *value = json_string_value(json_object_get(object, name));
    text_printable(text, TEXT_ERROR_SIZE, value ? value : "", value ? strlen(value) : 0);
    return text;
}

const char *cli_count(intmax_t count, const char *one, const char *more)
{
    static char texts[8][TEXT_COUNT_SIZE];
    static unsigned next;
    char *text = texts[next++ % 8];
    text_count(text, (uint64_t)count, one, more);
    return text;
}

static intmax_t number(json_t *object, const char *name)
{
    return (intmax_t)json_integer_value(json_object_get(object, name));
}

void cli_print_json(json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
    if (text)
        puts(text);
    fflush(stdout);
    free(text);
}

int cli_fail(const struct cli *cli, int exit_code, const char *code, const char *format, ...)
{
    char text[TEXT_ERROR_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "vx6: %s\n", text);
    if (cli->json) {
        json_t *object = json_pack("{s:b, s:s, s:s}", "ok", 0, "code", code, "error", text);
        cli_print_json(object);
        json_decref(object);
    }
    return exit_code;
}

void cli_print_file(const struct cli *cli, const char *file, const char *format, ...)
{
    va_list arguments;
    if (cli->json) {
        json_t *answer = json_pack("{s:b, s:s}", "ok", 1, "file", file);
        cli_print_json(answer);
        json_decref(answer);
        return;
    }
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

static void print_size(FILE *out, intmax_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1000 && unit < 4) {
        value /= 1000;
        unit++;
    }
    fprintf(out, "%.*f %s", unit == 0 ? 0 : 1, value, units[unit]);
}

/* "3.0 MB (120.0 kB/s)", without the rate while there is none. */
static void print_flow(FILE *out, intmax_t bytes, intmax_t per_second)
{
    print_size(out, bytes);
    if (per_second == 0)
        return;
    fprintf(out, " (");
    print_size(out, per_second);
    fprintf(out, "/s)");
}

void cli_print_traffic(FILE *out, json_t *object)
{
    fprintf(out, "%" PRIdMAX " open, %" PRIdMAX " so far, ", number(object, "open"),
        number(object, "connections"));
    if (number(object, "failures") > 0)
        fprintf(out, "%" PRIdMAX " failed, ", number(object, "failures"));
    fprintf(out, "sent ");
    print_flow(out, number(object, "sent_bytes"), number(object, "sent_bytes_per_s"));
    fprintf(out, ", received ");
    print_flow(out, number(object, "received_bytes"), number(object, "received_bytes_per_s"));
}

/* At the end of a line of status. */
static void print_use(json_t *object)
{
    bool was_used = number(object, "connections") + number(object, "failures") > 0;
    if (was_used)
        cli_print_traffic(stdout, object);
    printf("%s\n", was_used ? "" : "not used yet");
}

static void print_list(const char *label, json_t *list)
{
    size_t index;
    json_t *item;
    printf("%s", label);
    json_array_foreach(list, index, item)
    {
        char text[TEXT_ADDR_SIZE];
        const char *value = json_string_value(item);
        text_printable(text, sizeof text, value ? value : "", value ? strlen(value) : 0);
        printf("%s%s", index > 0 ? ", " : "", text);
    }
    printf("%s\n", json_array_size(list) == 0 ? "none" : "");
}

void cli_print_identity(json_t *answer)
{
    const char *name = cli_text(answer, "name");
    printf("key      %s\n", cli_text(answer, "key"));
    printf("node id  %s\n", cli_text(answer, "node_id"));
    printf("name     %s\n", name[0] ? name : "none");
    if (json_array_size(json_object_get(answer, "before")) > 0)
        print_list("before   ", json_object_get(answer, "before"));
}

/* ", last 3 minutes ago", or that it never was. */
static void print_last(json_t *object, const char *name)
{
    intmax_t unix_ms = number(object, name);
    char ago[TEXT_DURATION_SIZE];
    text_duration(ago, (int64_t)time(NULL) - unix_ms / 1000);
    if (unix_ms > 0)
        printf(", last %s ago\n", ago);
    else
        printf(", and never since the node was started\n");
}

/* VX6-CTRL-033 */
static void print_unreachable(json_t *service)
{
    if (!json_is_false(json_object_get(service, "reachable")))
        return;
    if (json_is_false(json_object_get(service, "target_is_up")))
        printf("  cannot be reached: nothing listens at %s", cli_text(service, "target"));
    else
        printf("  cannot be reached: this node cannot");
    print_last(service, "reachable_unix_ms");
}

static void print_allowed(json_t *service)
{
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(service, "allowed"), index, item)
    {
        const char *name = cli_text(item, "name");
        printf("  allowed  %s%s%s\n", cli_text(item, "key"), name[0] ? ", " : "", name);
    }
}

static void print_services(json_t *answer)
{
    size_t index;
    json_t *item, *list = json_object_get(answer, "services");
    json_array_foreach(list, index, item)
    {
        if (json_is_string(json_object_get(item, "host"))) {
            const char *name = cli_text(item, "host_name");
            printf("service    %s is at %s%s%s\n", cli_text(item, "name"), name,
                name[0] ? ", " : "", cli_text(item, "host"));
            continue;
        }
        printf("service    %s -> %s, %s: ", cli_text(item, "name"), cli_text(item, "target"),
            cli_text(item, "exposure"));
        print_use(item);
        print_unreachable(item);
        print_allowed(item);
    }
}

void cli_print_services(json_t *answer)
{
    print_services(answer);
    if (json_array_size(json_object_get(answer, "services")) == 0)
        printf("no service is offered yet: vx6 service add NAME TARGET offers one\n");
}

/* What another node offers to this one. */
void cli_print_offers(json_t *answer)
{
    size_t index;
    json_t *item, *list = json_object_get(answer, "services");
    const char *name = cli_text(answer, "name"), *addr = cli_text(answer, "addr");
    bool is_by_name = name[0] != 0;
    printf("%s%s%s%s offers %s\n", is_by_name ? name : addr,
        is_by_name ? " is " : ", whose key is ", cli_text(answer, "key"), is_by_name ? " and" : ",",
        json_array_size(list) > 0 ? "to this node:" : "nothing to this node");
    json_array_foreach(list, index, item)
    {
        bool may_use = json_is_true(json_object_get(item, "may_use"));
        const char *exposure = cli_text(item, "exposure");
        printf("  %-16s %s%s\n", cli_text(item, "name"), exposure,
            strcmp(exposure, "public") == 0   ? ", for whoever asks"
            : strcmp(exposure, "hosted") == 0 ? " by another node, which knows who may use it"
            : may_use                         ? ", and this node may use it"
                                              : ", but this node is not allowed: ask its owner");
    }
}

static void print_forwards(json_t *answer)
{
    size_t index;
    json_t *item, *list = json_object_get(answer, "forwards");
    json_array_foreach(list, index, item)
    {
        const char *addr = cli_text(item, "addr");
        printf("forward    %" PRIdMAX ": %s%s%s at %s, %s: ", number(item, "forward"),
            cli_text(item, "name"), addr[0] ? " of " : "", addr, cli_text(item, "listen"),
            cli_text(item, "state"));
        print_use(item);
        json_t *failure = json_object_get(item, "last_failure");
        if (json_is_object(failure))
            printf("           last failure: %s\n", cli_text(failure, "error"));
    }
}

static void print_time(intmax_t unix_ms)
{
    char time[TEXT_TIME_SIZE];
    text_time(time, unix_ms);
    printf("%s", time);
}

static void print_errors(json_t *answer)
{
    size_t index;
    json_t *item, *list = json_object_get(answer, "errors");
    json_array_foreach(list, index, item)
    {
        printf("error      ");
        print_time(number(item, "unix_ms"));
        printf(" %s", cli_text(item, "error"));
        if (number(item, "count") > 1)
            printf(" (%" PRIdMAX " times)", number(item, "count"));
        printf("\n");
    }
}

/* One line for each event: what was refused, lost or ended, and why how often. */
static void print_reasons(json_t *answer)
{
    const char *event, *code;
    json_t *codes, *count;
    json_object_foreach(json_object_get(answer, "reasons"), event, codes)
    {
        const char *separator = ": ";
        char words[TEXT_ERROR_SIZE];
        text_printable(words, sizeof words, event, strlen(event));
        for (char *underscore = words; (underscore = strchr(underscore, '_')) != NULL;)
            *underscore = ' ';
        printf("reasons    %s", words);
        json_object_foreach(codes, code, count)
        {
            char name[TEXT_ERROR_SIZE];
            text_printable(name, sizeof name, code, strlen(code));
            printf("%s%s %" PRIdMAX, separator, name, (intmax_t)json_integer_value(count));
            separator = ", ";
        }
        printf("\n");
    }
}

/* VX6-CTRL-032: said only where there is something to say. */
static void print_clock(json_t *answer)
{
    json_t *clock = json_object_get(answer, "clock");
    const char *state = cli_text(clock, "state");
    intmax_t wrong_s =
        number(clock, "correction_s") ? number(clock, "correction_s") : number(clock, "wrong_s");
    char amount[TEXT_DURATION_SIZE];
    text_duration(amount, wrong_s);
    if (strcmp(state, "corrected") == 0 || strcmp(state, "wrong") == 0)
        printf("clock      %s %s, %s: set it, or have it set (timedatectl set-ntp true)\n", amount,
            wrong_s > 0 ? "slow" : "fast",
            strcmp(state, "corrected") == 0
                ? "and corrected"
                : "too far to be corrected, and nobody takes this node's records");
}

/* VX6-CTRL-033 */
static void print_reach(json_t *answer)
{
    size_t index;
    json_t *item, *reach = json_object_get(answer, "reach");
    json_array_foreach(json_object_get(reach, "endpoints"), index, item)
    {
        const char *state = cli_text(item, "state"), *code = cli_text(item, "code");
        printf("reach      %s ", cli_text(item, "endpoint"));
        if (strcmp(state, "unreachable") == 0) {
            printf("cannot be reached by others (%s)", code);
            print_last(item, "reached_unix_ms");
        } else if (strcmp(state, "reachable") == 0) {
            printf("is reached by others\n");
        } else if (number(item, "heard") > 0) {
            printf("is reached by some and not by others (%s): vx6 doctor asks again\n", code);
        } else {
            bool was_asked = code[0] && strcmp(code, "NO_PEERS") != 0;
            printf("may or may not be reached by others: no peer has said so yet%s%s%s\n",
                was_asked ? " (" : "", was_asked ? code : "", was_asked ? ")" : "");
        }
    }
    if (strcmp(cli_text(reach, "state"), "unreachable") == 0)
        printf("           nobody can reach this node, nor its services: open its port in the "
               "firewall or router,\n"
               "           TCP and UDP, or listen elsewhere with vx6-node --listen; what it asks "
               "of others still works\n");
}

static void print_load(json_t *answer)
{
    json_t *counters = json_object_get(answer, "counters");
    intmax_t cookies = number(counters, "cookie_sent");
    if (cookies > 0)
        printf("load       %s had to prove the sender's address first\n",
            cli_count(cookies, "query", "queries"));
}

void cli_print_status(json_t *answer)
{
    const char *name = cli_text(answer, "name");
    json_t *counts = json_object_get(answer, "counts");
    char uptime[TEXT_DURATION_SIZE];
    text_duration(uptime, number(answer, "uptime_ms") / 1000);
    printf("state      %s, up for %s\n",
        json_is_true(json_object_get(answer, "joined")) ? "joined" : "not joined", uptime);
    printf("key        %s\n", cli_text(answer, "key"));
    if (json_is_true(json_object_get(answer, "revoked")))
        printf(
            "           is revoked, and nobody believes it any more: vx6 doctor says what to do\n");
    printf("node id    %s\n", cli_text(answer, "node_id"));
    printf("name       %s\n", name[0] ? name : "none");
    print_clock(answer);
    print_list("listening  ", json_object_get(answer, "listen"));
    print_list("endpoints  ", json_object_get(answer, "endpoints"));
    print_reach(answer);
    printf("network    %s, %s, %s, %s, records of %s held\n",
        cli_count(number(counts, "contacts"), "contact", "contacts"),
        cli_count(number(counts, "links"), "link", "links"),
        cli_count(number(counts, "sessions"), "session", "sessions"),
        cli_count(number(counts, "streams"), "stream", "streams"),
        cli_count(number(counts, "bundles"), "node", "nodes"));
    if (number(counts, "contacts_crowded") > 0)
        printf("diversity  %s more than there should be from one site, network or provider\n",
            cli_count(number(counts, "contacts_crowded"), "contact", "contacts"));
    print_services(answer);
    print_forwards(answer);
    print_load(answer);
    print_reasons(answer);
    print_errors(answer);
}

void cli_print_peers(json_t *answer)
{
    size_t index;
    json_t *item;
    if (json_array_size(json_object_get(answer, "entry")) +
            json_array_size(json_object_get(answer, "contacts")) ==
        0)
        printf("this node knows nobody yet: add a peer with vx6 peer add ADDR\n");
    json_array_foreach(json_object_get(answer, "entry"), index, item)
    {
        const char *code = cli_text(item, "code"), *key = cli_text(item, "key");
        printf("entry    %s %s%s%s%s%s\n", cli_text(item, "addr"), cli_text(item, "state"),
            code[0] ? ", " : "", code, key[0] ? ", " : "", key);
    }
    json_array_foreach(json_object_get(answer, "contacts"), index, item)
    {
        printf("contact  %s %s\n", cli_text(item, "addr"), cli_text(item, "key"));
    }
}

static void print_kept(json_t *kept)
{
    size_t index;
    json_t *item;
    json_array_foreach(kept, index, item)
    {
        printf(
            "%s is %s, kept since its first use\n", cli_text(item, "addr"), cli_text(item, "key"));
    }
}

static void print_bindings(json_t *list)
{
    size_t index;
    json_t *item;
    json_array_foreach(list, index, item)
    {
        bool is_pinned = strcmp(cli_text(item, "how"), "pinned") == 0;
        printf("%s is %s, %s", cli_text(item, "name"), cli_text(item, "key"),
            is_pinned ? "pinned" : "bound by first use");
        if (number(item, "since_unix_ms") > 0) {
            printf(" ");
            print_time(number(item, "since_unix_ms"));
        }
        if (number(item, "followed_unix_ms") > 0) {
            printf(", in the place of %s since ", cli_text(item, "key_before"));
            print_time(number(item, "followed_unix_ms"));
        }
        printf("%s\n", json_is_true(json_object_get(item, "revoked"))
                           ? ", revoked by its owner: ask for the new key"
                           : "");
    }
}

void cli_print_names(json_t *answer)
{
    json_t *list = json_object_get(answer, "names");
    json_t *kept = json_object_get(answer, "addresses");
    if (json_array_size(list) + json_array_size(kept) == 0)
        printf("no name is bound yet: the first use of one binds it, or vx6 pin NAME KEY\n");
    print_bindings(list);
    print_kept(kept);
}

static void print_places(json_t *candidate)
{
    size_t index;
    json_t *item;
    print_list("  at       ", json_object_get(candidate, "endpoints"));
    print_list("  offers   ", json_object_get(candidate, "services"));
    json_array_foreach(json_object_get(candidate, "hosted"), index, item)
    {
        printf("  elsewhere %s, at %s\n", cli_text(item, "name"), cli_text(item, "host"));
    }
}

static void print_candidates(json_t *answer)
{
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(answer, "candidates"), index, item)
    {
        printf("claimant   %s, %s\n", cli_text(item, "name"), cli_text(item, "key"));
        print_places(item);
    }
    item = json_object_get(answer, "host");
    if (json_is_object(item)) {
        printf("host       %s\n", cli_text(item, "key"));
        print_places(item);
    }
}

void cli_print_resolved(json_t *answer)
{
    printf("%s is %s\n", cli_text(answer, "name"), cli_text(answer, "key"));
    print_candidates(answer);
}

int cli_refused(const struct cli *cli, json_t *answer)
{
    if (cli->json)
        cli_print_json(answer);
    else { /* what there is all the same */
        print_bindings(json_object_get(answer, "names"));
        print_candidates(answer);
    }
    fflush(stdout);
    fprintf(stderr, "vx6: %s\n", cli_text(answer, "error"));
    return strcmp(cli_text(answer, "code"), "INVALID") == 0 ? CLI_USAGE : CLI_FAILED;
}
