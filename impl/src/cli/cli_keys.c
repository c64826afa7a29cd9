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

struct rotated {
    char from[TEXT_KEY_SIZE], to[TEXT_KEY_SIZE];
    char path[PATHS_MAX]; /* of the certificate against `from` */
    bool was_revoked;     /* `from`, already */
};

static bool is_revoked(struct store *store, const struct store_identity *identity, bool *revoked)
{
    uint8_t key[32];
    vx6_crypto_real.sign_public(&vx6_crypto_real, key, identity->seed);
    return store_is_revoked(store, key, revoked);
}

/* The certificate first: once the old key is gone, nobody could make it any more. VX6-CTRL-023 */
static bool rotate(
    struct cli *cli, struct store *store, struct rotated *rotated, char error[TEXT_ERROR_SIZE])
{
    struct store_identity old, next = {.sequence = 0};
    char name[VX6_LABEL_MAX + 1], certificate[CERTIFICATE_TEXT_SIZE];
    if (!read_identity(store, &old, name, error))
        return false;
    certificate_make(&old, name, certificate);
    bool done = getrandom(next.seed, sizeof next.seed, 0) == (ssize_t)sizeof next.seed ||
                text_fail(error, "the system has no random numbers: %s", strerror(errno));
    if (done && cli->revocation)
        done = snprintf(rotated->path, PATHS_MAX, "%s", cli->revocation) < PATHS_MAX &&
               paths_write_new(rotated->path, certificate, error);
    else if (done)
        done = write_beside(cli, &old, certificate, rotated->path, error);
    if (done) {
        next.lineage_len = vx6_identity_rotate(&vx6_crypto_real, old.seed,
            (vx6_span){old.lineage, old.lineage_len}, next.seed, (int64_t)time(NULL), next.lineage);
        key_text(old.seed, rotated->from);
        key_text(next.seed, rotated->to);
        done = (is_revoked(store, &old, &rotated->was_revoked) &&
                   store_identity_rotate(store, &next)) ||
               text_fail(error, "%s", store_error(store));
    }
    explicit_bzero(&old, sizeof old);
    explicit_bzero(&next, sizeof next);
    return done;
}

static void print_rotated(const struct cli *cli, const struct rotated *rotated)
{
    if (cli->json) {
        json_t *answer = json_pack("{s:b, s:s, s:s, s:s}", "ok", 1, "key", rotated->to,
            "key_before", rotated->from, "file", rotated->path);
        cli_print_json(answer);
        json_decref(answer);
        return;
    }
    printf("the key of this node is %s from now on\n", rotated->to);
    if (rotated->was_revoked) { /* VX6-CTRL-045 */
        printf("%s is revoked, so nobody goes along by itself: give the new key to those who know "
               "the node,\nwho bind its name with vx6 pin NAME KEY --replace, and let it in with "
               "vx6 service allow SERVICE KEY\n",
            rotated->from);
        return;
    }
    printf("%s has signed that: who knows the node by it goes along\n", rotated->from);
    printf("if somebody else has that old key, vx6 revoke %s ends it, and all that came of it\n",
        rotated->path);
}

int cli_run_identity_rotate(struct cli *cli)
{
    char error[TEXT_ERROR_SIZE] = "";
    struct rotated rotated;
    struct store *store = NULL;
    if (access(cli->paths.database, F_OK) != 0) /* nothing is made here */
        return cli_fail(cli, CLI_FAILED, "NOT_FOUND",
            "there is no state at %.200s yet: run vx6 init", cli->paths.database);
    int lock = paths_lock(&cli->paths, "vx6 identity rotate", error);
    if (lock < 0)
        return cli_fail(cli, CLI_FAILED, "INVALID", "%s", error);
    store = store_open(cli->paths.database, STORE_CREATE, error);
    bool done = store && rotate(cli, store, &rotated, error);
    store_close(store);
    close(lock);
    if (!done)
        return cli_fail(cli, CLI_FAILED, "INVALID", "%s", error);
    print_rotated(cli, &rotated);
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
    cli_print_file(cli, cli->words[0],
        "the certificate is in %s: vx6 revoke %s, on any node, ends the key for good",
        cli->words[0], cli->words[0]);
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
