/* SPDX-License-Identifier: MIT */
/* The command line. Shares are read as decimals into millionths, so that no float decides. */
#include "options.h"
#include "fault.h"
#include "free_memory.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *argp_program_version = "vx6-sim 0.1.0";

enum {
    NODES_MAX = 2000000,
    BYTES_PER_NODE = 32768, /* for the estimate of memory only */
    CHURN_MAX_PPM = 2000000,
    LOSS_MAX_PPM = 500000,
    HOUR_MAX = 24
};

enum {
    OPTION_CARRIER = 256,
    OPTION_CRYPTO,
    OPTION_SALT,
    OPTION_JSON,
    OPTION_PERTURB,
    OPTION_THREADS,
    OPTION_DEAD,
    OPTION_KILL,
    OPTION_LIARS,
    OPTION_PARTITION,
    OPTION_ENTRIES_DIE,
    OPTION_RECOVER,
    OPTION_VALIDATE,
    OPTION_LOSS,
    OPTION_SUCCESS_MIN,
    OPTION_QUIET,
    OPTION_PROGRESS
};

static const struct argp_option option_table[] = {
    {"nodes", 'n', "N", 0, "How many nodes are up (default 5000)", 1},
    {"churn", 'c', "SHARE", 0,
        "Share of the nodes that leaves each simulated minute, half of them without a word, while "
        "as many join (default 0.1)",
        1},
    {"duration", 'd', "TIME", 0, "Simulated time: 600s, 10m, 1h (default 600s)", 1},
    {"seed", 's', "N", 0, "Same seed, same run, on every machine (default 1)", 1},
    {"loss", OPTION_LOSS, "SHARE", 0, "Share of packets that is lost (default 0.005)", 1},
    {"liars", OPTION_LIARS, "SHARE", 0,
        "So many of the nodes lie to lookups: forged hints, old and forged records, silence", 2},
    {"kill", OPTION_KILL, "SHARE@TIME", 0, "So many of the nodes die within one second: 0.33@120s",
        2},
    {"partition", OPTION_PARTITION, "SHARE@FROM-TO", 0,
        "So many of the nodes are cut off from the others for that time: 0.3@120s-180s", 2},
    {"entries-die", OPTION_ENTRIES_DIE, "TIME", 0,
        "Newcomers enter by the first 8 nodes, until these die at that time", 2},
    {"recover-within", OPTION_RECOVER, "TIME", 0,
        "Exit with 1 when names are not found again (99 %) so long after these", 2},
    {"validate", OPTION_VALIDATE, "kademlia", 0,
        "Instead: plain lookups in a static network with full tables, compared with the truth", 2},
    {"dead", OPTION_DEAD, "SHARE", 0,
        "With --validate: so many of the nodes die just before the lookups, and still stand in the "
        "tables of others",
        2},
    {"carrier", OPTION_CARRIER, "tcp|streams", 0,
        "What links run over: a byte stream that they secure themselves, or a secure carrier of "
        "many "
        "streams, as QUIC is (default tcp)",
        2},
    {"crypto", OPTION_CRYPTO, "real|memo|model", 0,
        "real; memo, which is real but checks the same signature only once; or a model with the "
        "same sizes and decisions that is much faster (default model)",
        3},
    {"crypto-salt", OPTION_SALT, "N", 0,
        "Changes every byte that the model makes and must not change the digest (default 1)", 3},
    {"perturb", OPTION_PERTURB, "N", 0,
        "Drop one datagram instead of delivering it, which must change the digest: 1 is the first "
        "one that comes to the first node, 2 the first to the second, and so on",
        3},
    {"threads", OPTION_THREADS, "N", 0,
        "Run on so many threads, which changes nothing but time (default: one for each core)", 3},
    {"json", OPTION_JSON, NULL, 0, "Report as one JSON object on standard output", 4},
    {"success-min", OPTION_SUCCESS_MIN, "SHARE", 0,
        "Exit with 1 when a smaller share of the lookups succeeds", 4},
    {"progress", OPTION_PROGRESS, NULL, 0, "Show progress even if no terminal watches", 4},
    {"quiet", OPTION_QUIET, NULL, 0, "Show no progress", 4}, {0}};

__attribute__((noreturn)) static void refuse(const char *option, const char *value, const char *why)
{
    fprintf(stderr, "vx6-sim: --%s %s: %s\n", option, value, why);
    exit(2);
}

const char *const provider_names[] = {
    [PROVIDER_MODEL] = "model", [PROVIDER_MEMO] = "memo", [PROVIDER_REAL] = "real"};

const char *const carrier_names[] = {[CARRIER_TCP] = "tcp", [CARRIER_STREAMS] = "streams"};

/* Which of the names it is. */
static unsigned choice(
    const char *option, const char *text, const char *const *names, unsigned count, const char *why)
{
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(text, names[i]) == 0)
            return i;
    }
    refuse(option, text, why);
}

static uint64_t whole(const char *option, const char *text, uint64_t max, const char *why)
{
    uint64_t value = 0;
    if (*text == 0)
        refuse(option, "''", why);
    for (const char *at = text; *at; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (*at < '0' || *at > '9' || value > (max - digit) / 10)
            refuse(option, text, why);
        value = value * 10 + digit;
    }
    return value;
}

/* "0.1" -> 100000 */
static uint32_t millionths(const char *option, const char *text, uint32_t max, const char *why)
{
    uint64_t value = 0;
    uint32_t digits = 0, decimals = 0;
    bool point = false;
    for (const char *at = text; *at; at++) {
        if (*at == '.' && !point) {
            point = true;
            continue;
        }
        if (*at < '0' || *at > '9' || value > 1000000000 || decimals == 6)
            refuse(option, text, why);
        value = value * 10 + (uint64_t)(*at - '0');
        digits++;
        decimals += point;
    }
    for (; decimals < 6; decimals++)
        value *= 10;
    if (digits == 0 || value > max)
        refuse(option, text, why);
    return (uint32_t)value;
}

static vx6_ns duration(const char *option, const char *text)
{
    static const char *const why = "must be a time between 1s and 24h, such as 600s, 10m or 1h";
    static const struct {
        const char *unit;
        vx6_ns ns;
    } units[] = {{"ms", VX6_MILLISECOND}, {"s", VX6_SECOND}, {"", VX6_SECOND},
        {"m", 60 * VX6_SECOND}, {"min", 60 * VX6_SECOND}, {"h", 3600 * VX6_SECOND}};
    char number[16];
    size_t len = strspn(text, "0123456789");
    if (len == 0 || len >= sizeof number)
        refuse(option, text, why);
    memcpy(number, text, len);
    number[len] = 0;
    uint64_t value = whole(option, number, 100000000, why);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        vx6_ns time = value * units[i].ns;
        if (strcmp(text + len, units[i].unit) != 0)
            continue;
        if (time >= VX6_SECOND && time <= HOUR_MAX * 3600 * VX6_SECOND)
            return time;
    }
    refuse(option, text, why);
}

/* "0.33@120s": the share, and the text behind the sign. */
static const char *share_at(const char *option, const char *text, const char *why, uint32_t *ppm)
{
    char share[16];
    size_t len = strcspn(text, "@");
    if (text[len] != '@' || len == 0 || len >= sizeof share)
        refuse(option, text, why);
    memcpy(share, text, len);
    share[len] = 0;
    *ppm = millionths(option, share, 900000, why);
    if (*ppm == 0)
        refuse(option, text, why);
    return text + len + 1;
}

static void partition(struct options *options, const char *text)
{
    static const char *const why =
        "must be a share up to 0.9 and two times, the second one later: 0.3@120s-180s";
    char from[16];
    const char *times = share_at("partition", text, why, &options->partition_ppm);
    size_t len = strcspn(times, "-");
    if (times[len] != '-' || len >= sizeof from)
        refuse("partition", text, why);
    memcpy(from, times, len);
    from[len] = 0;
    options->partition_from = duration("partition", from);
    options->partition_to = duration("partition", times + len + 1);
    if (options->partition_from >= options->partition_to)
        refuse("partition", text, why);
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case 'n':
        options->nodes =
            (uint32_t)whole("nodes", argument, NODES_MAX, "must be a number between 2 and 2000000");
        if (options->nodes < 2)
            refuse("nodes", argument, "must be a number between 2 and 2000000");
        break;
    case 'c':
        options->churn_ppm = millionths("churn", argument, CHURN_MAX_PPM,
            "must be a share of the nodes per minute between 0 and 2, such as 0.1");
        break;
    case 'd':
        options->duration = duration("duration", argument);
        break;
    case 's':
        options->seed = whole("seed", argument, UINT64_MAX, "must be a whole number");
        break;
    case OPTION_LOSS:
        options->loss_ppm = millionths(
            "loss", argument, LOSS_MAX_PPM, "must be a share between 0 and 0.5, such as 0.005");
        break;
    case OPTION_SUCCESS_MIN:
        options->success_min_ppm =
            millionths("success-min", argument, 1000000, "must be a share between 0 and 1");
        break;
    case OPTION_CARRIER:
        options->carrier =
            (enum carrier)choice("carrier", argument, carrier_names, 2, "must be tcp or streams");
        break;
    case OPTION_CRYPTO:
        options->provider = (enum provider)choice(
            "crypto", argument, provider_names, 3, "must be real, memo or model");
        break;
    case OPTION_SALT:
        options->crypto_salt = whole("crypto-salt", argument, UINT64_MAX, "must be a whole number");
        break;
    case OPTION_PERTURB:
        options->perturb =
            whole("perturb", argument, UINT64_MAX, "must be the number of a datagram, from 1");
        if (options->perturb == 0)
            refuse("perturb", argument, "must be the number of a datagram, from 1");
        break;
    case OPTION_DEAD:
        options->dead_ppm =
            millionths("dead", argument, 900000, "must be a share between 0 and 0.9");
        break;
    case OPTION_LIARS:
        options->liar_ppm =
            millionths("liars", argument, 900000, "must be a share between 0 and 0.9");
        break;
    case OPTION_KILL:
        options->kill_at = duration(
            "kill", share_at("kill", argument, "must be a share up to 0.9 and a time: 0.33@120s",
                        &options->kill_ppm));
        break;
    case OPTION_PARTITION:
        partition(options, argument);
        break;
    case OPTION_ENTRIES_DIE:
        options->entries_die_at = duration("entries-die", argument);
        break;
    case OPTION_RECOVER:
        options->recover_within = duration("recover-within", argument);
        break;
    case OPTION_THREADS:
        options->threads =
            (uint32_t)whole("threads", argument, THREADS_MAX, "must be a number between 1 and 64");
        if (options->threads == 0)
            refuse("threads", argument, "must be a number between 1 and 64");
        break;
    case OPTION_VALIDATE:
        if (strcmp(argument, "kademlia") != 0)
            refuse("validate", argument, "must be kademlia");
        options->validate = true;
        break;
    case OPTION_JSON:
        options->json = true;
        break;
    case OPTION_QUIET:
        options->progress = false;
        break;
    case OPTION_PROGRESS:
        options->progress = true;
        break;
    case ARGP_KEY_ARG:
        fprintf(stderr, "vx6-sim: '%s' is not understood; see vx6-sim --help\n", argument);
        exit(2);
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* A run that would swap is refused before it does. */
static void memory_must_suffice(const struct options *options)
{
    uint64_t free_kib = free_memory_kib("");
    uint64_t needed_kib = (uint64_t)options->nodes * BYTES_PER_NODE / 1024;
    if (needed_kib <= free_kib)
        return;
    fprintf(stderr,
        "vx6-sim: --nodes %u: needs about %llu MiB of memory and %llu MiB are free; simulate "
        "fewer nodes\n",
        options->nodes, (unsigned long long)needed_kib / 1024, (unsigned long long)free_kib / 1024);
    exit(2);
}

static uint32_t core_count(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > THREADS_MAX ? THREADS_MAX : (uint32_t)count;
}

void options_parse(struct options *options, int argc, char **argv)
{
    static const struct argp argp = {option_table, parse, NULL,
        "Simulates a VX6 network: real protocol state machines, virtual time, a model of the "
        "internet between them. Without options: 5,000 nodes, a tenth of which is replaced every "
        "minute, for ten minutes.\v"
        "Exit code: 0; 1 when a safety check or --success-min fails, with the command that repeats "
        "the run; 2 for a bad command line. See sim/README.md.",
        NULL, NULL, NULL};
    *options = (struct options){.nodes = 5000,
        .churn_ppm = 100000,
        .loss_ppm = 5000,
        .seed = 1,
        .duration = 600 * VX6_SECOND,
        .crypto_salt = 1,
        .threads = core_count(),
        .progress = isatty(STDERR_FILENO) == 1};
    argp_err_exit_status = 2;
    argp_parse(&argp, argc, argv, 0, NULL, options);
    if (options->validate)
        options->churn_ppm = options->loss_ppm = 0;
    if (options->validate && (fault_end(options) > 0 || options->liar_ppm > 0))
        refuse("validate", "kademlia", "is a run without faults and liars");
    if (options->dead_ppm > 0 && !options->validate)
        refuse("dead", "", "needs --validate kademlia");
    if (fault_end(options) >= options->duration)
        refuse("duration", "", "must reach beyond the faults, so that recovery can be seen");
    if (options->recover_within > 0 && fault_end(options) == 0)
        refuse("recover-within", "", "needs a fault: --kill, --partition or --entries-die");
    memory_must_suffice(options);
}
