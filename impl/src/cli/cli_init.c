/* SPDX-License-Identifier: MIT */
/* vx6 init and identity, which work on the state alone, with or without a node on it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "store.h"
#include "vx6/identity.h"
#include "vx6/node.h"

static json_t *identity_json(const struct store_identity *identity, const char *name)
{
    const struct vx6_crypto *crypto = &vx6_crypto_real;
    uint8_t key[32], id[32], keys[VX6_KEYS_BEFORE_MAX][32];
    char text[TEXT_KEY_SIZE], hex[65];
    size_t count = vx6_lineage_keys((vx6_span){identity->lineage, identity->lineage_len}, keys);
    json_t *before = json_array();
    for (size_t i = 0; i < count; i++) {
        text_key(text, keys[i]);
        json_array_append_new(before, json_string(text));
    }
    crypto->sign_public(crypto, key, identity->seed);
    vx6_node_id(crypto, id, key);
    text_key(text, key);
    text_hex(hex, id, sizeof id);
    return json_pack("{s:b, s:s, s:s, s:s, s:o}", "ok", 1, "key", text, "node_id", hex, "name",
        name, "before", before);
}

/* Prints the identity; false when there is none. */
static bool show(const struct cli *cli, struct store *store)
{
    struct store_identity identity;
    char name[VX6_LABEL_MAX + 1];
    if (!store_identity_read(store, &identity))
        return false;
    json_t *shown = NULL;
    if (store_setting(store, "name", name, sizeof name))
        shown = identity_json(&identity, name);
    explicit_bzero(&identity, sizeof identity);
    if (cli->json && shown)
        cli_print_json(shown);
    else if (shown)
        cli_print_identity(shown);
    json_decref(shown);
    return shown != NULL;
}

int cli_run_identity(struct cli *cli)
{
    char error[TEXT_ERROR_SIZE];
    struct store *store = store_open(cli->paths.database, STORE_READ, error);
    if (store == NULL)
        return cli_fail(cli, CLI_FAILED, "NOT_FOUND", "%s", error);
    bool shown = show(cli, store);
    if (!shown)
        cli_fail(cli, CLI_FAILED, "NOT_FOUND", "%s", store_error(store));
    store_close(store);
    return shown ? CLI_OK : CLI_FAILED;
}

static int init_locked(struct cli *cli)
{
    char error[TEXT_ERROR_SIZE];
    struct store *store = store_open(cli->paths.database, STORE_CREATE, error);
    if (store == NULL)
        return cli_fail(cli, CLI_FAILED, "INVALID", "%s", error);
    bool ok = (cli->name == NULL || store_own_name_set(store, cli->name)) && show(cli, store);
    if (!ok)
        cli_fail(cli, CLI_FAILED, "INVALID", "%s", store_error(store));
    store_close(store);
    return ok ? CLI_OK : CLI_FAILED;
}

int cli_run_init(struct cli *cli)
{
    char error[TEXT_ERROR_SIZE];
    if (cli->name && !text_is_label(cli->name)) {
        text_label_fail(error, cli->name);
        return cli_fail(cli, CLI_USAGE, "INVALID", "%s", error);
    }
    if (!paths_make(&cli->paths, error))
        return cli_fail(cli, CLI_FAILED, "INVALID", "%s", error);
    int lock = paths_lock(&cli->paths, "vx6 init", error);
    if (lock == PATHS_LOCKED_BY_NODE && cli->name)
        return cli_fail(cli, CLI_FAILED, "INVALID",
            "a node is running on %.200s: vx6 identity rename %s changes its name", cli->paths.dir,
            cli->name);
    if (lock == PATHS_LOCKED_BY_NODE)
        return cli_run_identity(cli);
    if (lock < 0)
        return cli_fail(cli, CLI_FAILED, "INVALID", "%s", error);
    int exit_code = init_locked(cli);
    close(lock);
    return exit_code;
}
