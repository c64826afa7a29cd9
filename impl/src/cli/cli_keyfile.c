/* SPDX-License-Identifier: MIT */
/* vx6 identity export and import: the node's key on its way to another machine, or to a safe place.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "keyfile.h"
#include "store.h"

enum {
    PASSPHRASE_SIZE = 1024
};

/* The first line of a file; false with a line. The file has no buffer. */
static bool read_first_line(
    FILE *file, const char *name, char *line, size_t size, char error[TEXT_ERROR_SIZE])
{
    size_t len = 0;
    int next = getc(file);
    if (next == EOF)
        return text_fail(error, "%.200s is empty", name);
    for (; next != EOF && next != '\n'; next = getc(file)) {
        if (next == 0)
            return text_fail(error, "the passphrase has a NUL character in it: use a text");
        if (len == size - 1)
            return text_fail(error, "the passphrase is too long");
        line[len++] = (char)next;
    }
    len -= len > 0 && line[len - 1] == '\r';
    line[len] = 0;
    return true;
}

/* From the terminal, which does not show it. */
static bool ask(const char *question, char passphrase[PASSPHRASE_SIZE], char error[TEXT_ERROR_SIZE])
{
    FILE *terminal = fopen("/dev/tty", "r+");
    struct termios shown, hidden;
    sigset_t interrupts, before;
    if (terminal == NULL || tcgetattr(fileno(terminal), &shown) != 0) {
        if (terminal)
            fclose(terminal);
        return text_fail(
            error, "there is no terminal to ask for the passphrase: use --passphrase-file");
    }
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    setvbuf(terminal, NULL, _IONBF, 0); /* no copy of it stays in memory */
    /* Ctrl-C waits until the terminal shows what is typed again. */
    sigemptyset(&interrupts);
    sigaddset(&interrupts, SIGINT);
    sigaddset(&interrupts, SIGTERM);
    sigaddset(&interrupts, SIGQUIT);
    sigaddset(&interrupts, SIGTSTP);
    (void)sigprocmask(SIG_BLOCK, &interrupts, &before);
    (void)tcsetattr(
        fileno(terminal), TCSAFLUSH, &hidden); /* first, since it drops what was typed */
    fprintf(terminal, "%s: ", question);
    fflush(terminal);
    bool done = read_first_line(terminal, "the passphrase", passphrase, PASSPHRASE_SIZE, error);
    (void)tcsetattr(fileno(terminal), TCSAFLUSH, &shown);
    fprintf(terminal, "\n");
    fclose(terminal);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return done;
}

static bool get_passphrase(const struct cli *cli, bool is_new, char passphrase[PASSPHRASE_SIZE],
    char error[TEXT_ERROR_SIZE])
{
    char again[PASSPHRASE_SIZE];
    bool done = false;
    if (cli->passphrase_file) {
        FILE *file = fopen(cli->passphrase_file, "re");
        if (file == NULL)
            return paths_fail(error, "read", cli->passphrase_file);
        setvbuf(file, NULL, _IONBF, 0);
        done = read_first_line(file, cli->passphrase_file, passphrase, PASSPHRASE_SIZE, error);
        fclose(file);
    } else {
        done = ask("Passphrase", passphrase, error) &&
               (!is_new || (ask("The same again", again, error) &&
                               (strcmp(passphrase, again) == 0 ||
                                   text_fail(error, "the two passphrases differ"))));
        explicit_bzero(again, sizeof again);
    }
    if (done && is_new && strlen(passphrase) < KEYFILE_PASSPHRASE_MIN)
        done = text_fail(error, "a passphrase has %d characters at least", KEYFILE_PASSPHRASE_MIN);
    return done;
}

static bool export_to(const struct cli *cli, const char *path, char error[TEXT_ERROR_SIZE])
{
    char passphrase[PASSPHRASE_SIZE], text[KEYFILE_TEXT_SIZE];
    struct store_identity identity;
    struct store *store = store_open(cli->paths.database, STORE_READ, error);
    if (store == NULL)
        return false;
    bool done = store_identity_read(store, &identity) || text_fail(error, "%s", store_error(store));
    store_close(store);
    done = done && get_passphrase(cli, true, passphrase, error) &&
           keyfile_lock(&identity, passphrase, text, error) && paths_write_new(path, text, error);
    explicit_bzero(passphrase, sizeof passphrase);
    explicit_bzero(&identity, sizeof identity);
    return done;
}

int cli_run_identity_export(struct cli *cli)
{
    char error[TEXT_ERROR_SIZE];
    if (!export_to(cli, cli->words[0], error))
        return cli_fail(cli, CLI_FAILED, "INVALID", "%s", error);
    cli_print_file(cli, cli->words[0],
        "the identity is in %s, locked: who has the file and its passphrase is this node",
        cli->words[0]);
    return CLI_OK;
}

bool cli_read_file(const char *path, char *text, size_t size, char error[TEXT_ERROR_SIZE])
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return paths_fail(error, "read", path);
    setvbuf(file, NULL, _IONBF, 0);
    size_t len = fread(text, 1, size - 1, file);
    text[len] = 0;
    fclose(file);
    return true;
}

/* Above all that the node elsewhere has used since, or may have; and, by the clock, above what was
 * used after an earlier import of the same file. VX6-CTRL-022 */
static int64_t first_after_import(int64_t exported)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t by_clock = ((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000) * 1024;
    int64_t by_file = exported + STORE_IMPORT_GAP;
    return by_clock > by_file ? by_clock : by_file;
}

/* All that may be wrong with the file comes first: nothing is left behind then. */
static bool unlock(
    const struct cli *cli, struct store_identity *identity, char error[TEXT_ERROR_SIZE])
{
    char passphrase[PASSPHRASE_SIZE] = "", text[KEYFILE_TEXT_SIZE];
    bool done = store_is_absent(cli->paths.database, error) &&
                cli_read_file(cli->words[0], text, sizeof text, error) &&
                get_passphrase(cli, false, passphrase, error) &&
                keyfile_unlock(text, passphrase, identity, error);
    explicit_bzero(passphrase, sizeof passphrase);
    return done && (identity->sequence <= INT64_MAX - STORE_IMPORT_GAP ||
                       text_fail(error, "this identity has no version numbers for records left"));
}

static bool import(
    const struct cli *cli, struct store_identity *identity, char error[TEXT_ERROR_SIZE])
{
    if (!unlock(cli, identity, error) || !paths_make(&cli->paths, error))
        return false;
    int lock = paths_lock(&cli->paths, "vx6 identity import", error);
    if (lock < 0)
        return false;
    identity->sequence = first_after_import(identity->sequence);
    struct store *store = store_import(cli->paths.database, identity, error);
    store_close(store);
    close(lock);
    return store != NULL;
}

int cli_run_identity_import(struct cli *cli)
{
    char error[TEXT_ERROR_SIZE];
    struct store_identity identity = {.sequence = 0};
    bool done = import(cli, &identity, error);
    explicit_bzero(&identity, sizeof identity);
    if (!done)
        return cli_fail(cli, CLI_FAILED, "INVALID", "%s", error);
    return cli_run_identity(cli);
}
