/* SPDX-License-Identifier: MIT */
/* vx6 identity rotate and revocation, which work on the state alone, and vx6 revoke, which needs a
 * node. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "certificate.h"
#include "cli.h"
#include "vx6/identity.h"

/* The identity and the node's name; false with a line. */
static bool read_identity(
    struct store *store, struct store_identity *identity, char *name, char error[TEXT_ERROR_SIZE])
{
    return (store_identity_read(store, identity) &&
               store_setting(store, "name", name, VX6_LABEL_MAX + 1)) ||
           text_fail(error, "%s", store_error(store));
}

static void key_text(const uint8_t seed[32], char text[TEXT_KEY_SIZE])
{
    uint8_t key[32];
    vx6_crypto_real.sign_public(&vx6_crypto_real, key, seed);
    text_key(text, key);
}

/* Beside the state, named after the key. One of an earlier try that came to nothing will do. */
static bool write_beside(const struct cli *cli, const struct store_identity *identity,
    const char *certificate, char path[PATHS_MAX], char error[TEXT_ERROR_SIZE])
{
    char key[TEXT_KEY_SIZE], there[CERTIFICATE_TEXT_SIZE];
    struct store_revoked revoked;
    uint8_t own[32];
    key_text(identity->seed, key);
    snprintf(path, PATHS_MAX, "%s/%.8s.revocation", cli->paths.dir, key);
    vx6_crypto_real.sign_public(&vx6_crypto_real, own, identity->seed);
    if (access(path, F_OK) == 0 && cli_read_file(path, there, sizeof there, error) &&
        certificate_read(there, &revoked, error) && memcmp(revoked.key, own, sizeof own) == 0)
        return true;
    return paths_write_new(path, certificate, error);
}

/* The certificate first: once the old key is gone, nobody could make it any more. VX6-CTRL-023 */
static bool rotate(struct cli *cli, struct store *store, char path[PATHS_MAX],
    char keys[2][TEXT_KEY_SIZE], char error[TEXT_ERROR_SIZE])
{
    struct store_identity old, next = {.sequence = 0};
    char name[VX6_LABEL_MAX + 1], certificate[CERTIFICATE_TEXT_SIZE];
    if (!read_identity(store, &old, name, error))
        return false;
    certificate_make(&old, name, certificate);
    bool done = getrandom(next.seed, sizeof next.seed, 0) == (ssize_t)sizeof next.seed ||
                text_fail(error, "the system has no random numbers: %s", strerror(errno));
    if (done && cli->revocation)
        done = snprintf(path, PATHS_MAX, "%s", cli->revocation) < PATHS_MAX &&
               paths_write_new(path, certificate, error);
    else if (done)
        done = write_beside(cli, &old, certificate, path, error);
    if (done) {
        next.lineage_len = vx6_identity_rotate(&vx6_crypto_real, old.seed,
            (vx6_span){old.lineage, old.lineage_len}, next.seed, (int64_t)time(NULL), next.lineage);
        key_text(old.seed, keys[0]);
        key_text(next.seed, keys[1]);
        done = store_identity_rotate(store, &next) || text_fail(error, "%s", store_error(store));
    }
    explicit_bzero(&old, sizeof old);
    explicit_bzero(&next, sizeof next);
    return done;
}

static void print_rotated(const struct cli *cli, const char *path, char keys[2][TEXT_KEY_SIZE])
{
    if (cli->json) {
        json_t *answer = json_pack(
            "{s:b, s:s, s:s, s:s}", "ok", 1, "key", keys[1], "key_before", keys[0], "file", path);
        cli_print_json(answer);
        json_decref(answer);
        return;
    }
    printf("the key of this node is %s from now on\n", keys[1]);
    printf("%s has signed that: who knows the node by it goes along\n", keys[0]);
    printf("if somebody else has that old key, vx6 revoke %s ends it, and all that came of it\n",
        path);
}

int cli_run_identity_rotate(struct cli *cli)
{
    char error[TEXT_ERROR_SIZE] = "", path[PATHS_MAX], keys[2][TEXT_KEY_SIZE];
    struct store *store = NULL;
    if (access(cli->paths.database, F_OK) != 0) /* nothing is made here */
        return cli_fail(cli, CLI_FAILED, "NOT_FOUND",
            "there is no state at %.200s yet: run vx6 init", cli->paths.database);
    int lock = paths_lock(&cli->paths, "vx6 identity rotate", error);
    if (lock < 0)
        return cli_fail(cli, CLI_FAILED, "INVALID", "%s", error);
    store = store_open(cli->paths.database, STORE_CREATE, error);
    bool done = store && rotate(cli, store, path, keys, error);
    store_close(store);
    close(lock);
    if (!done)
        return cli_fail(cli, CLI_FAILED, "INVALID", "%s", error);
    print_rotated(cli, path, keys);
    return CLI_OK;
}

int cli_run_identity_revocation(struct cli *cli)
{
    char error[TEXT_ERROR_SIZE], name[VX6_LABEL_MAX + 1], certificate[CERTIFICATE_TEXT_SIZE];
    struct store_identity identity;
    struct store *store = store_open(cli->paths.database, STORE_READ, error);
    bool done = store && read_identity(store, &identity, name, error);
    store_close(store);
    if (done) {
        certificate_make(&identity, name, certificate);
        done = paths_write_new(cli->words[0], certificate, error);
    }
    explicit_bzero(&identity, sizeof identity);
    if (!done)
        return cli_fail(cli, CLI_FAILED, "INVALID", "%s", error);
    if (cli->json) {
        json_t *answer = json_pack("{s:b, s:s}", "ok", 1, "file", cli->words[0]);
        cli_print_json(answer);
        json_decref(answer);
    } else {
        printf("the certificate is in %s: vx6 revoke %s, on any node, ends the key for good\n",
            cli->words[0], cli->words[0]);
    }
    return CLI_OK;
}

/* VX6-CTRL-025 */
int cli_run_revoke(struct cli *cli)
{
    char error[TEXT_ERROR_SIZE], text[CERTIFICATE_TEXT_SIZE];
    struct store_revoked revoked;
    if (!cli_read_file(cli->words[0], text, sizeof text, error))
        return cli_fail(cli, CLI_FAILED, "INVALID", "%s", error);
    if (!certificate_read(text, &revoked, error))
        return cli_fail(cli, CLI_FAILED, "INVALID", "%.200s: %.200s", cli->words[0], error);
    int exit_code = CLI_OK;
    json_t *answer =
        cli_ask(cli, json_pack("{s:s, s:s}", "command", "revoke", "certificate", text), &exit_code);
    if (answer == NULL)
        return exit_code;
    if (cli->json)
        cli_print_json(answer);
    else
        printf("%s is revoked: this node tells the network, and goes on to do so\n",
            cli_text(answer, "key"));
    json_decref(answer);
    return CLI_OK;
}
