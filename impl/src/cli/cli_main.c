/* SPDX-License-Identifier: MIT */
/* vx6: finds the command, parses what belongs to it, runs it. Options of vx6 itself may stand
 * before the command or behind it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "options.h"

/* Visible, or the C library would not find it. */
__attribute__((visibility("default"))) const char *argp_program_version = "vx6 " VX6_VERSION;

enum {
    KEY_JSON = 256,
    KEY_NAME,
    KEY_LISTEN,
    KEY_ADDR,
    KEY_KEY,
    KEY_BACKGROUND,
    KEY_PUBLIC,
    KEY_PRIVATE,
    KEY_PASSPHRASE_FILE,
    KEY_REVOCATION,
    KEY_ALLOW,
    KEY_AT,
    KEY_REPLACE,
    KEY_LEVEL,
    KEY_ADDRESSES,
    KEY_LIST,
    KEY_REPAIR,
    KEY_WAIT,
    KEY_TIMEOUT
};

enum {
    WAIT_MAX_S = 600,
    OPTION_ROWS_MAX = 8
};

#define COMMON                                                                                     \
    {"state", 's', "DIR", 0, "Where the node keeps its state", 1},                                 \
    {                                                                                              \
        "json", KEY_JSON, NULL, 0, "Print one JSON object", 1                                      \
    }

/* What asks the node. */
#define ASKS                                                                                       \
    {"timeout", KEY_TIMEOUT, "SECONDS", 0,                                                         \
        "Give up waiting for the node (default: 30, and 120 where it asks others)", 1},            \
        COMMON

#define PASSPHRASE                                                                                 \
    {                                                                                              \
        "passphrase-file", KEY_PASSPHRASE_FILE, "FILE", 0,                                         \
            "Take the passphrase from the first line of FILE (default: ask)", 0                    \
    }

struct command {
    const char *name; /* one word or two */
    const char *words;
    const char *doc;
    int (*run)(struct cli *cli);
    size_t words_min, words_max;
    struct argp_option options[OPTION_ROWS_MAX];
};

static const struct command commands[] = {
    {"init", "", "Makes the node's identity, or shows it when there is one.", cli_run_init, 0, 0,
        {{"name", KEY_NAME, "NAME", 0, "What the node is called: NAME.SERVICE", 0}, COMMON, {0}}},
    {"identity rename", "NAME", "Calls this node NAME from now on; its key stays.",
        cli_run_identity_rename, 1, 1, {ASKS, {0}}},
    {"identity export", "FILE",
        "Writes the node's key to FILE, locked by a passphrase: for a safe place, or another "
        "machine.",
        cli_run_identity_export, 1, 1, {PASSPHRASE, COMMON, {0}}},
    {"identity import", "FILE", "Makes a state with the key in FILE, where there is none yet.",
        cli_run_identity_import, 1, 1, {PASSPHRASE, COMMON, {0}}},
    {"identity rotate", "",
        "Gives this node a new key, which the old one signs: who has bound its name, or let it use "
        "a service, goes along. No node may run meanwhile. The certificate that revokes the old "
        "key is written to FILE, or beside the state: publish it with vx6 revoke if somebody else "
        "has that key.",
        cli_run_identity_rotate, 0, 0,
        {{"revocation", KEY_REVOCATION, "FILE", 0, "Where to write the certificate", 0}, COMMON,
            {0}}},
    {"identity revocation", "FILE",
        "Writes the certificate that revokes the node's present key to FILE: for a safe place, "
        "since who has it can end the key, and nobody can without.",
        cli_run_identity_revocation, 1, 1, {COMMON, {0}}},
    {"identity", "", "Shows the node's key, which others pass to connect --key.", cli_run_identity,
        0, 0, {COMMON, {0}}},
    {"status", "", "Shows what the node does, and its last errors.", cli_run_status, 0, 0,
        {{"wait", KEY_WAIT, NULL, 0, "Return once the node listens and has joined by its peers", 0},
            {"timeout", KEY_TIMEOUT, "SECONDS", 0, "Give up waiting (default: 30)", 0}, COMMON,
            {0}}},
    {"doctor", "",
        "Looks for what is wrong, with or without a running node, and says what to do.\v"
        "Each check is one line: ok, warning or failed. Ends with 1 if something has failed.\n"
        "Example: vx6 doctor --json",
        cli_run_doctor, 0, 0,
        {{"repair", KEY_REPAIR, NULL, 0,
             "Make a new database of all that is whole in a damaged one, which is kept under "
             "another name; says what is lost",
             0},
            ASKS, {0}}},
    {"peers", "", "Lists entry peers and contacts.", cli_run_peers, 0, 0, {ASKS, {0}}},
    {"peer add", "ADDR", "Joins the network by the node at ADDR, such as [2001:db8::7]:4242.",
        cli_run_peer_add, 1, 1, {ASKS, {0}}},
    {"service add", "NAME TARGET --public | --private [--allow=WHO]...\nNAME --at=WHO",
        "Offers the program that listens on TARGET, such as 127.0.0.1:8080, under NAME. WHO is a "
        "key, "
        "or a name that vx6 names shows. With --at the service is at another node: whoever "
        "resolves "
        "this one is told so and goes there, and who may use it is decided there, as in vx6 "
        "service "
        "add db --at bob.",
        cli_run_service_add, 1, 2,
        {{"public", KEY_PUBLIC, NULL, 0,
             "Whoever resolves this node may use it; with --allow they see it, and WHO may use it",
             0},
            {"private", KEY_PRIVATE, NULL, 0, "WHO may use it, and nobody else learns of it", 0},
            {"allow", KEY_ALLOW, "WHO", 0, "May use it; once for each", 0},
            {"at", KEY_AT, "WHO", 0, "The node WHO offers it, under the same NAME", 0}, ASKS, {0}}},
    {"service allow", "NAME WHO", "Lets WHO, a key or a name of vx6 names, use a service.",
        cli_run_service_allow, 2, 2, {ASKS, {0}}},
    {"service deny", "NAME WHO", "Takes that back, and ends their connections at once.",
        cli_run_service_deny, 2, 2, {ASKS, {0}}},
    {"service list", "[NAME | --addr=ADDR]",
        "Lists the services that this node offers, or what the node called NAME offers to this "
        "one: what is private is listed for whom its owner allows, as in vx6 service list alice. "
        "No name is bound and no key kept by it.",
        cli_run_service_list, 0, 1,
        {{"addr", KEY_ADDR, "ADDR", 0, "The other node's address; needs no discovery", 0},
            {"key", KEY_KEY, "KEY", 0, "Its key, from vx6 identity", 0}, ASKS, {0}}},
    {"service remove", "NAME", "Ends a service and its connections.", cli_run_service_remove, 1, 1,
        {ASKS, {0}}},
    {"connect", "NAME.SERVICE | --addr=ADDR SERVICE [-- PROGRAM...]",
        "Opens a local port that leads to a service, until Ctrl-C, or until PROGRAM, which uses "
        "it, has "
        "ended; in its words {} stands for the port's address, {port} for its number. Whose key it "
        "is, is "
        "shown and kept on first use.",
        cli_run_connect, 1, 1,
        {{"addr", KEY_ADDR, "ADDR", 0, "The node's address; needs no discovery", 0},
            {"key", KEY_KEY, "KEY", 0, "The node's key, from vx6 identity", 0},
            {"listen", KEY_LISTEN, "ADDR", 0, "Local port (default: a free one on 127.0.0.1)", 0},
            {"background", KEY_BACKGROUND, NULL, 0, "Leave it to the node, until disconnect", 0},
            ASKS, {0}}},
    {"disconnect", "NAME.SERVICE | NUMBER | ADDR", "Ends forwards.", cli_run_disconnect, 1, 1,
        {ASKS, {0}}},
    {"resolve", "NAME", "Shows who answers to a name: alice or alice.web.", cli_run_resolve, 1, 1,
        {ASKS, {0}}},
    {"names", "", "Lists the names that are bound to keys here, and how they came to be.",
        cli_run_names, 0, 0, {ASKS, {0}}},
    {"pin", "NAME KEY",
        "Binds NAME to the node with KEY, which its owner gets from vx6 identity; from then on "
        "nobody "
        "else can answer to it.",
        cli_run_pin, 2, 2,
        {{"replace", KEY_REPLACE, NULL, 0, "Even if NAME is bound to another key", 0}, ASKS, {0}}},
    {"forget", "NAME | ADDR", "Ends a binding: the next use binds it to whoever answers then.",
        cli_run_forget, 1, 1, {ASKS, {0}}},
    {"rename", "NAME NEW", "Calls the node that NAME is bound to NEW instead, on this node alone.",
        cli_run_rename, 2, 2, {ASKS, {0}}},
    {"revoke", "FILE",
        "Tells the network that nobody is to believe a key any more, by the certificate in FILE, "
        "and goes on to tell it as long as this node runs. That cannot be taken back.",
        cli_run_revoke, 1, 1, {ASKS, {0}}},
    {"watch", "[EVENT...]",
        "Shows what happens, until Ctrl-C or the node's end: all that is news, or each EVENT.",
        cli_run_watch, 0, CLI_WORDS_MAX,
        {{"level", KEY_LEVEL, "LEVEL", 0,
             "Events of this level and worse: error, warning, info or debug (default: info)", 0},
            {"addresses", KEY_ADDRESSES, NULL, 0, "Show the addresses of other nodes, too", 0},
            {"list", KEY_LIST, NULL, 0, "Show which events there are, and end", 0}, ASKS, {0}}}};

enum {
    COMMAND_COUNT = sizeof commands / sizeof commands[0]
};

struct parse {
    struct cli *cli;
    const struct command *command; /* NULL while it is looked for */
    int stopped_at;                /* where the command stands in argv */
};

void vx6_panic(const char *file, int line, const char *what)
{
    fprintf(stderr, "vx6: %s:%d: assertion failed: %s\n", file, line, what);
    abort();
}

static void parse_timeout(struct cli *cli, const char *text, struct argp_state *state)
{
    char *end;
    long seconds = strtol(text, &end, 10);
    if (end == text || *end != 0 || seconds < 1 || seconds > WAIT_MAX_S)
        options_fail(state, "--timeout takes 1 to %d seconds", WAIT_MAX_S);
    cli->timeout_s = (int)seconds;
}

static void parse_allow(struct cli *cli, const char *text, struct argp_state *state)
{
    if (cli->allow_count == CLI_ALLOW_MAX)
        options_fail(
            state, "--allow is given %d times at most: vx6 service allow adds more", CLI_ALLOW_MAX);
    else
        cli->allow[cli->allow_count++] = text;
}

static error_t parse_word(struct parse *parse, char *text, struct argp_state *state)
{
    if (parse->command == NULL) {
        parse->stopped_at = state->next - 1;
        state->next = state->argc;
        return 0;
    }
    bool is_quoted = state->quoted > 0 && state->next > state->quoted;
    if (is_quoted && strstr(parse->command->words, "-- PROGRAM")) {
        parse->cli->program = state->argv + state->next - 1;
        parse->cli->program_len = (size_t)(state->argc - state->next + 1);
        state->next = state->argc;
        return 0;
    }
    options_check_word(state, text);
    if (parse->cli->word_count == parse->command->words_max)
        options_fail(
            state, "unexpected argument %s: see vx6 %s --help", text, parse->command->name);
    else
        parse->cli->words[parse->cli->word_count++] = text;
    return 0;
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    struct parse *parse = state->input;
    struct cli *cli = parse->cli;
    switch (key) {
    case ARGP_KEY_INIT:
        options_init(state);
        return 0;
    case 's':
        cli->state = text;
        return 0;
    case KEY_JSON:
        cli->json = true;
        return 0;
    case KEY_NAME:
        cli->name = text;
        return 0;
    case KEY_LISTEN:
        cli->listen = text;
        return 0;
    case KEY_ADDR:
        cli->addr = text;
        return 0;
    case KEY_KEY:
        cli->key = text;
        return 0;
    case KEY_BACKGROUND:
        cli->background = true;
        return 0;
    case KEY_REPLACE:
        cli->replace = true;
        return 0;
    case KEY_LEVEL:
        cli->level = text;
        return 0;
    case KEY_ADDRESSES:
        cli->addresses = true;
        return 0;
    case KEY_REPAIR:
        cli->repair = true;
        return 0;
    case KEY_LIST:
        cli->list = true;
        return 0;
    case KEY_PASSPHRASE_FILE:
        cli->passphrase_file = text;
        return 0;
    case KEY_REVOCATION:
        cli->revocation = text;
        return 0;
    case KEY_PRIVATE:
        cli->is_private = true;
        return 0;
    case KEY_ALLOW:
        parse_allow(cli, text, state);
        return 0;
    case KEY_AT:
        cli->at = text;
        return 0;
    case KEY_PUBLIC:
        cli->is_public = true;
        return 0;
    case KEY_WAIT:
        cli->wait = true;
        return 0;
    case KEY_TIMEOUT:
        parse_timeout(cli, text, state);
        return 0;
    case ARGP_KEY_ARG:
        return parse_word(parse, text, state);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct command *find(const char *first, const char *second)
{
    char both[64];
    snprintf(both, sizeof both, "%s %s", first, second ? second : "");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, first) == 0 || strcmp(commands[i].name, both) == 0)
            return &commands[i];
    }
    return NULL;
}

/* Behind "service" stand add, allow and others; behind most words, nothing. */
static int fail_unknown(const struct cli *cli, const char *word)
{
    char shown[64], seconds[128] = "";
    size_t len = strlen(word), used = 0;
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strncmp(commands[i].name, word, len) == 0 && commands[i].name[len] == ' ')
            used += (size_t)snprintf(seconds + used, sizeof seconds - used, "%s%s",
                used == 0 ? "" : ", ", commands[i].name + len + 1);
        VX6_ASSERT(used < sizeof seconds);
    }
    text_printable(shown, sizeof shown, word, len);
    if (used == 0)
        return cli_fail(cli, CLI_USAGE, "INVALID",
            "there is no command %s: vx6 --help lists those there are", shown);
    return cli_fail(cli, CLI_USAGE, "INVALID",
        "what to do with %s? It takes one of %s: see vx6 --help", shown, seconds);
}

/* Up to the first stop that a space or nothing follows. */
static int first_sentence(const char *doc)
{
    size_t len = strcspn(doc, ":;.");
    while (doc[len] && doc[len + 1] && doc[len + 1] != ' ' && doc[len + 1] != '\v')
        len += 1 + strcspn(doc + len + 1, ":;.");
    return (int)len;
}

/* A text that grows up to a size; what does not fit is left out. */
struct page {
    char *text;
    size_t len, size;
};

static void put(struct page *page, const char *text, size_t len)
{
    if (len >= page->size - page->len)
        return;
    memcpy(page->text + page->len, text, len);
    page->len += len;
    page->text[page->len] = 0;
}

/* In lines of a terminal's width, each behind so many spaces. */
static void put_indented(struct page *page, const char *text, size_t len)
{
    enum {
        INDENT = 6,
        WIDTH = 78
    };
    for (size_t at = 0; at < len;) {
        size_t end = len - at <= WIDTH - INDENT ? len : at + WIDTH - INDENT;
        while (end < len && end > at && text[end] != ' ')
            end--;
        put(page, "      ", INDENT);
        put(page, text + at, end - at);
        put(page, "\n", 1);
        at = end + 1;
    }
}

/* The ways to give a command its words, a line each. */
static void put_usage(struct page *page, const struct command *command)
{
    const char *words = command->words;
    do {
        size_t len = strcspn(words, "\n");
        put(page, "  vx6 ", 6);
        put(page, command->name, strlen(command->name));
        put(page, " ", len > 0);
        put(page, words, len);
        put(page, "\n", 1);
        words += len + (words[len] != 0);
    } while (*words);
}

/* The list of commands, each with what its help says first, behind the options of --help. */
static char *list_commands(int key, const char *text, void *input)
{
    (void)input;
    if (key != ARGP_KEY_HELP_EXTRA) {
        union {
            const char *from;
            char *to;
        } same = {.from = text}; /* argp wants its own pointer back for "unchanged" */
        return same.to;
    }
    enum {
        SIZE = 16384
    };
    struct page page = {.text = calloc(1, SIZE), .size = SIZE};
    if (page.text == NULL)
        return NULL;
    put(&page, "Commands:\n", 10);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        put_usage(&page, &commands[i]);
        put_indented(&page, commands[i].doc, (size_t)first_sentence(commands[i].doc));
    }
    return page.text;
}

/* Parses what stands behind the command, and runs it. */
static int run_command(struct cli *cli, const struct command *command, int argc, char **argv)
{
    static char name[64], doc[4096];
    const char *examples = cli_examples(command->name);
    snprintf(
        doc, sizeof doc, "%s%s%s", command->doc, examples ? "\v" : "", examples ? examples : "");
    struct argp argp = {command->options, parse_option, command->words, doc, NULL, NULL, NULL};
    struct parse parse = {.cli = cli, .command = command};
    snprintf(name, sizeof name, "vx6 %s", command->name);
    argv[0] = name;
    argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &parse);
    if (cli->word_count < command->words_min)
        return cli_fail(cli, CLI_USAGE, "INVALID", "%s needs %.*s: see vx6 %s --help",
            command->name, (int)strcspn(command->words, "\n"), command->words, command->name);
    char error[TEXT_ERROR_SIZE];
    if (!paths_init(&cli->paths, cli->state, error))
        return cli_fail(cli, CLI_USAGE, "INVALID", "%s", error);
    return command->run(cli);
}

int main(int argc, char **argv)
{
    static const struct argp_option options[] = {COMMON, {0}};
    static const struct argp argp = {options, parse_option, "COMMAND [ARGUMENT...]",
        "Talks to the VX6 node of this user, which vx6-node runs.\v"
        "To share a service:  vx6 service add web 127.0.0.1:8080 --public\n"
        "To use one:          vx6 connect alice.web\n"
        "To see how it goes:  vx6 status\n\n"
        "vx6 COMMAND --help, or vx6 help COMMAND, says more about one, with examples.",
        NULL, list_commands, NULL};
    struct cli cli = {0};
    struct parse parse = {.cli = &cli};
    static char name[] = "vx6", help[] = "--help";
    char *ask_help[] = {name, help, NULL};
    options_check(name, argc, argv);
    argv[0] = name;
    argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &parse);
    if (parse.stopped_at == 0)
        return cli_fail(&cli, CLI_USAGE, "INVALID", "which command? vx6 --help lists them");

    int at = parse.stopped_at;
    bool is_help = strcmp(argv[at], "help") == 0;
    if (is_help && at + 1 == argc)
        argp_parse(&argp, 2, ask_help, ARGP_IN_ORDER, NULL, &parse);
    at += is_help;
    const struct command *command = find(argv[at], at + 1 < argc ? argv[at + 1] : NULL);
    if (command == NULL)
        return fail_unknown(&cli, argv[at]);
    if (is_help)
        return run_command(&cli, command, 2, ask_help);
    int words = strchr(command->name, ' ') ? 2 : 1;
    int first = at + words - 1; /* becomes argv[0] of the command */
    return run_command(&cli, command, argc - first, argv + first);
}
