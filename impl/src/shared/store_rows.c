/* SPDX-License-Identifier: MIT */
/* The lists that a node keeps. What cannot be read is a failure, never the end of a list: a name or
 * an address whose key is lost in silence would be trusted on first use once more. */
#include <stdio.h>
#include <string.h>

#include "store_sql.h"
#include "vx6/node.h"

/* False at the end; *count becomes -1 when what comes next cannot be read. */
static bool next_row(struct store *store, sqlite3_stmt *statement, int *count)
{
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW)
        return true;
    if (result != SQLITE_DONE) {
        sql_failed(store, "read");
        *count = -1;
    }
    return false;
}

bool store_setting(struct store *store, const char *name, char *value, size_t size)
{
    value[0] = 0;
    sqlite3_stmt *statement = sql_prepare(store, "SELECT value FROM setting WHERE name = ?1");
    if (statement == NULL)
        return false;
    sql_bind_text(statement, 1, name);
    int count = 0;
    if (next_row(store, statement, &count))
        sql_copy_text(value, size, statement, 0);
    sqlite3_finalize(statement);
    return count == 0;
}

bool store_setting_set(struct store *store, const char *name, const char *value)
{
    sqlite3_stmt *statement =
        sql_prepare(store, "REPLACE INTO setting (name, value) VALUES (?1, ?2)");
    if (statement == NULL)
        return false;
    sql_bind_text(statement, 1, name);
    sql_bind_text(statement, 2, value);
    return sql_finish(store, statement);
}

bool store_own_name_set(struct store *store, const char *label)
{
    sqlite3_stmt *statement =
        sql_prepare(store, "REPLACE INTO setting (name, value) SELECT 'name', ?1"
                           " WHERE NOT EXISTS (SELECT 1 FROM binding WHERE label = ?1)");
    if (statement == NULL)
        return false;
    sql_bind_text(statement, 1, label);
    return sql_finish(store, statement) &&
           (sqlite3_changes(store->database) > 0 ||
               text_fail(store->error,
                   "%s is the name of somebody else here: start vx6-node without --name, then "
                   "forget or rename that one",
                   label));
}

int store_services(struct store *store, struct store_service *services, size_t max)
{
    sqlite3_stmt *statement =
        sql_prepare(store, "SELECT name, target, exposure FROM service ORDER BY name");
    if (statement == NULL)
        return -1;
    int count = 0;
    while (count < (int)max && next_row(store, statement, &count)) {
        sql_copy_text(services[count].name, sizeof services[count].name, statement, 0);
        sql_copy_text(services[count].target, sizeof services[count].target, statement, 1);
        sql_copy_text(services[count].exposure, sizeof services[count].exposure, statement, 2);
        count++;
    }
    sqlite3_finalize(statement);
    return count;
}

static bool remove_row(struct store *store, const char *sql, const char *name)
{
    sqlite3_stmt *statement = sql_prepare(store, sql);
    if (statement == NULL)
        return false;
    sql_bind_text(statement, 1, name);
    return sql_finish(store, statement);
}

static bool change_allowed(
    struct store *store, const char *sql, const char *service, const uint8_t key[32])
{
    sqlite3_stmt *statement = sql_prepare(store, sql);
    if (statement == NULL)
        return false;
    sql_bind_text(statement, 1, service);
    sql_bind_blob(statement, 2, key, 32);
    return sql_finish(store, statement);
}

static bool add_allowed(struct store *store, const char *service, const uint8_t key[32])
{
    return change_allowed(
        store, "REPLACE INTO allowed (service, key) VALUES (?1, ?2)", service, key);
}

/* More than a node can have in force would be a list that the next start reads a part of. */
static bool check_allowed_count(struct store *store, const char *service)
{
    sqlite3_stmt *statement = sql_prepare(store, "SELECT count(*) FROM allowed WHERE service = ?1");
    if (statement == NULL)
        return false;
    sql_bind_text(statement, 1, service);
    int failed = 0;
    bool found = next_row(store, statement, &failed);
    uint32_t max = vx6_limits_default.service_allow_max;
    bool fits = found && sqlite3_column_int64(statement, 0) <= (int64_t)max;
    if (found && !fits)
        text_fail(store->error, "it is open to %u keys at most: deny one first", max);
    sqlite3_finalize(statement);
    return fits;
}

static bool is_kept(struct store *store, const char *service, const uint8_t key[32])
{
    sqlite3_stmt *statement = sql_prepare(
        store, "SELECT 1 FROM allowed WHERE service = ?1 AND key = ?2 AND root IS NULL");
    if (statement == NULL)
        return false;
    sql_bind_text(statement, 1, service);
    sql_bind_blob(statement, 2, key, 32);
    bool found = sqlite3_step(statement) == SQLITE_ROW;
    sqlite3_finalize(statement);
    return found;
}

/* One that is kept for its own sake already needs no writing: where that fails it would be taken
 * for a new one. */
bool store_allow(struct store *store, const char *service, const uint8_t key[32])
{
    if (is_kept(store, service, key))
        return true;
    return sql_run(store, "BEGIN IMMEDIATE", "write") &&
           sql_commit(
               store, add_allowed(store, service, key) && check_allowed_count(store, service));
}

bool store_deny(struct store *store, const char *service, const uint8_t key[32], bool *was_kept)
{
    bool done =
        change_allowed(store, "DELETE FROM allowed WHERE service = ?1 AND key = ?2", service, key);
    *was_kept = done && sqlite3_changes(store->database) > 0;
    return done;
}

int store_allowed(struct store *store, const char *service, uint8_t (*keys)[32], size_t max)
{
    sqlite3_stmt *statement =
        sql_prepare(store, "SELECT key FROM allowed WHERE service = ?1 ORDER BY key");
    if (statement == NULL)
        return -1;
    sql_bind_text(statement, 1, service);
    int count = 0;
    while (count < (int)max && next_row(store, statement, &count)) {
        if (!sql_copy_key(keys[count], statement, 0)) {
            sql_fail_damaged(store, "a key that may use a service is not whole in it");
            count = -1;
            break;
        }
        count++;
    }
    if (count == (int)max && next_row(store, statement, &count)) {
        sql_fail_damaged(store, "more keys may use a service than can be");
        count = -1;
    }
    sqlite3_finalize(statement);
    return count;
}

static bool set_service(struct store *store, const struct store_service *service)
{
    sqlite3_stmt *statement =
        sql_prepare(store, "REPLACE INTO service (name, target, exposure) VALUES (?1, ?2, ?3)");
    if (statement == NULL)
        return false;
    sql_bind_text(statement, 1, service->name);
    sql_bind_text(statement, 2, service->target);
    sql_bind_text(statement, 3, service->exposure);
    return sql_finish(store, statement);
}

bool store_service_set(struct store *store, const struct store_service *service,
    const uint8_t (*allowed)[32], size_t count)
{
    if (!sql_run(store, "BEGIN IMMEDIATE", "write"))
        return false;
    bool done = set_service(store, service);
    for (size_t i = 0; done && i < count; i++)
        done = add_allowed(store, service->name, allowed[i]);
    return sql_commit(store, done && check_allowed_count(store, service->name));
}

bool store_service_remove(struct store *store, const char *name, bool *was_kept)
{
    if (!sql_run(store, "BEGIN IMMEDIATE", "write"))
        return false;
    bool done = remove_row(store, "DELETE FROM service WHERE name = ?1", name);
    *was_kept = done && sqlite3_changes(store->database) > 0;
    return sql_commit(
        store, done && remove_row(store, "DELETE FROM allowed WHERE service = ?1", name));
}

int store_bindings(struct store *store, struct store_binding *bindings, size_t max)
{
    sqlite3_stmt *statement =
        sql_prepare(store, "SELECT label, key, pinned, since_ms, root, followed_ms FROM binding"
                           " ORDER BY label");
    if (statement == NULL)
        return -1;
    int count = 0;
    while (count < (int)max && next_row(store, statement, &count)) {
        struct store_binding *binding = &bindings[count];
        sql_copy_text(binding->label, sizeof binding->label, statement, 0);
        if (!sql_copy_key(binding->key, statement, 1) ||
            !sql_copy_before(&binding->before, statement, 4)) {
            sql_fail_damaged(store, "the key of a name in it is not whole");
            count = -1;
            break;
        }
        binding->is_pinned = sqlite3_column_int(statement, 2) != 0;
        binding->since_unix_ms = sqlite3_column_int64(statement, 3);
        binding->followed_unix_ms = sqlite3_column_int64(statement, 5);
        count++;
    }
    sqlite3_finalize(statement);
    return count;
}

bool store_binding_set(struct store *store, const struct store_binding *binding)
{
    sqlite3_stmt *statement =
        sql_prepare(store, "REPLACE INTO binding (label, key, pinned, since_ms, root, followed_ms)"
                           " VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
    if (statement == NULL)
        return false;
    sql_bind_text(statement, 1, binding->label);
    sql_bind_blob(statement, 2, binding->key, sizeof binding->key);
    sqlite3_bind_int(statement, 3, binding->is_pinned);
    sqlite3_bind_int64(statement, 4, binding->since_unix_ms);
    if (binding->before.count > 0)
        sql_bind_blob(statement, 5, binding->before.keys[0],
            (int)(binding->before.count * sizeof binding->key));
    sqlite3_bind_int64(statement, 6, binding->followed_unix_ms);
    return sql_finish(store, statement);
}

bool store_binding_remove(struct store *store, const char *label)
{
    return remove_row(store, "DELETE FROM binding WHERE label = ?1", label);
}

bool store_binding_rename(struct store *store, const char *from, const struct store_binding *to)
{
    return sql_run(store, "BEGIN IMMEDIATE", "write") &&
           sql_commit(store, store_binding_remove(store, from) && store_binding_set(store, to));
}

/* ---- keys that hand over to others, or are revoked ---- */

/* ?1 has handed over to ?2, at ?3. */
static bool follow(struct store *store, const char *sql, const uint8_t from[32],
    const uint8_t to[32], int64_t unix_ms)
{
    sqlite3_stmt *statement = sql_prepare(store, sql);
    if (statement == NULL)
        return false;
    sql_bind_blob(statement, 1, from, 32);
    if (sqlite3_bind_parameter_count(statement) > 1)
        sql_bind_blob(statement, 2, to, 32);
    if (sqlite3_bind_parameter_count(statement) > 2)
        sqlite3_bind_int64(statement, 3, unix_ms);
    return sql_finish(store, statement);
}

bool store_follow(
    struct store *store, const uint8_t from[32], const uint8_t to[32], int64_t unix_ms)
{
    static const char names[] = "UPDATE binding SET root = CAST(ifnull(root, x'') || ?1 AS BLOB),"
                                " key = ?2, followed_ms = ?3 WHERE key = ?1";
    static const char lists[] = "INSERT OR IGNORE INTO allowed (service, key, root)"
                                " SELECT service, ?2, CAST(ifnull(root, x'') || ?1 AS BLOB)"
                                " FROM allowed WHERE key = ?1";
    static const char lists_of_old[] = "DELETE FROM allowed WHERE key = ?1";
    static const char addresses[] = "UPDATE known_key SET key = ?2 WHERE key = ?1";
    static const char *const steps[] = {names, lists, lists_of_old, addresses};
    if (!sql_run(store, "BEGIN IMMEDIATE", "write"))
        return false;
    bool done = true;
    for (size_t i = 0; done && i < sizeof steps / sizeof steps[0]; i++)
        done = follow(store, steps[i], from, to, unix_ms);
    return sql_commit(store, done);
}

int store_followed(struct store *store, struct store_followed *followed, size_t max)
{
    sqlite3_stmt *statement = sql_prepare(store,
        "SELECT service, key, root FROM allowed WHERE root IS NOT NULL ORDER BY service, key");
    if (statement == NULL)
        return -1;
    int count = 0;
    while (count < (int)max && next_row(store, statement, &count)) {
        struct store_followed *item = &followed[count];
        sql_copy_text(item->service, sizeof item->service, statement, 0);
        if (!sql_copy_key(item->key, statement, 1) ||
            !sql_copy_before(&item->before, statement, 2)) {
            sql_fail_damaged(store, "a key that may use a service is not whole in it");
            count = -1;
            break;
        }
        count++;
    }
    sqlite3_finalize(statement);
    return count;
}

int store_revoked_count(struct store *store)
{
    sqlite3_stmt *statement = sql_prepare(store, "SELECT count(*) FROM revoked");
    if (statement == NULL)
        return -1;
    int count = 0;
    if (next_row(store, statement, &count))
        count = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return count;
}

int store_revoked(struct store *store, struct store_revoked *revoked, size_t max)
{
    sqlite3_stmt *statement =
        sql_prepare(store, "SELECT key, certificate, published FROM revoked ORDER BY key");
    if (statement == NULL)
        return -1;
    int count = 0;
    while (count < (int)max && next_row(store, statement, &count)) {
        struct store_revoked *item = &revoked[count];
        *item = (struct store_revoked){.is_published = false};
        (void)sql_copy_key(item->key, statement, 0);
        (void)sql_copy_blob(
            item->certificate, sizeof item->certificate, &item->certificate_len, statement, 1);
        item->is_published = sqlite3_column_int(statement, 2) != 0;
        count++;
    }
    if (count == (int)max && next_row(store, statement, &count)) {
        sql_fail_damaged(store, "more keys are revoked than can be");
        count = -1;
    }
    sqlite3_finalize(statement);
    return count;
}

bool store_is_revoked(struct store *store, const uint8_t key[32], bool *is_revoked)
{
    sqlite3_stmt *statement = sql_prepare(store, "SELECT 1 FROM revoked WHERE key = ?1");
    if (statement == NULL)
        return false;
    sql_bind_blob(statement, 1, key, 32);
    int count = 0;
    *is_revoked = next_row(store, statement, &count);
    sqlite3_finalize(statement);
    return count == 0;
}

bool store_revoked_set(struct store *store, const struct store_revoked *revoked)
{
    sqlite3_stmt *statement = sql_prepare(
        store, "REPLACE INTO revoked (key, certificate, published) VALUES (?1, ?2, ?3)");
    if (statement == NULL)
        return false;
    sql_bind_blob(statement, 1, revoked->key, sizeof revoked->key);
    sql_bind_blob(statement, 2, revoked->certificate, (int)revoked->certificate_len);
    sqlite3_bind_int(statement, 3, revoked->is_published);
    return sql_finish(store, statement);
}

/* ---- peers, contacts, addresses ---- */

int store_peers(struct store *store, vx6_addr *peers, size_t max)
{
    sqlite3_stmt *statement = sql_prepare(store, "SELECT addr FROM peer ORDER BY rowid DESC");
    if (statement == NULL)
        return -1;
    int count = 0;
    while (count < (int)max && next_row(store, statement, &count)) {
        if (sql_copy_addr(&peers[count], statement, 0))
            count++;
    }
    sqlite3_finalize(statement);
    return count;
}

static bool add_peer(struct store *store, const vx6_addr *peer)
{
    char text[TEXT_ADDR_SIZE];
    text_addr(text, peer);
    sqlite3_stmt *statement = sql_prepare(store, "REPLACE INTO peer (addr) VALUES (?1)");
    if (statement == NULL)
        return false;
    sql_bind_text(statement, 1, text);
    return sql_finish(store, statement);
}

bool store_peer_set(struct store *store, const vx6_addr *peer)
{
    static const char oldest[] = "DELETE FROM peer WHERE rowid NOT IN"
                                 " (SELECT rowid FROM peer ORDER BY rowid DESC LIMIT 8)";
    return sql_run(store, "BEGIN IMMEDIATE", "write") &&
           sql_commit(store, add_peer(store, peer) && sql_run(store, oldest, "write"));
}

/* One that can be named is no reason to give up the whole state. */
static bool fail_known_key(struct store *store, const vx6_addr *addr)
{
    char text[TEXT_ADDR_SIZE];
    text_addr(text, addr);
    return text_fail(store->error,
        "the key kept for %s is damaged: ask its owner for the output of vx6 identity, then "
        "connect with --key, or vx6 forget %s",
        text, text);
}

/* Rows of a key and an address. `is_trust`: one that cannot be read is a failure, and not left out.
 */
static int read_contacts(
    struct store *store, const char *sql, bool is_trust, struct store_contact *contacts, size_t max)
{
    sqlite3_stmt *statement = sql_prepare(store, sql);
    if (statement == NULL)
        return -1;
    int count = 0;
    while (count < (int)max && next_row(store, statement, &count)) {
        struct store_contact *contact = &contacts[count];
        bool is_addr = sql_copy_addr(&contact->addr, statement, 1);
        if (is_addr && sql_copy_key(contact->key, statement, 0)) {
            count++;
        } else if (is_trust) {
            if (is_addr)
                fail_known_key(store, &contact->addr);
            else
                sql_fail_damaged(store, "an address in it for which a key is kept is not whole");
            count = -1;
            break;
        }
    }
    sqlite3_finalize(statement);
    return count;
}

int store_contacts(struct store *store, struct store_contact *contacts, size_t max)
{
    return read_contacts(store, "SELECT key, addr FROM contact ORDER BY key", false, contacts, max);
}

static bool contact_insert(
    struct store *store, sqlite3_stmt *statement, const struct store_contact *contact)
{
    char text[TEXT_ADDR_SIZE];
    text_addr(text, &contact->addr);
    sql_bind_blob(statement, 1, contact->key, sizeof contact->key);
    sql_bind_text(statement, 2, text);
    bool done = sqlite3_step(statement) == SQLITE_DONE;
    if (!done)
        sql_failed(store, "write");
    sqlite3_reset(statement);
    return done;
}

bool store_contacts_set(struct store *store, const struct store_contact *contacts, size_t count)
{
    if (!sql_run(store, "BEGIN IMMEDIATE", "write"))
        return false;
    sqlite3_stmt *statement =
        sql_prepare(store, "REPLACE INTO contact (key, addr) VALUES (?1, ?2)");
    bool done = statement != NULL && sql_run(store, "DELETE FROM contact", "write");
    for (size_t i = 0; done && i < count; i++)
        done = contact_insert(store, statement, &contacts[i]);
    sqlite3_finalize(statement);
    return sql_commit(store, done);
}

bool store_known_key(struct store *store, const vx6_addr *addr, uint8_t key[32], bool *found)
{
    char text[TEXT_ADDR_SIZE];
    text_addr(text, addr);
    sqlite3_stmt *statement = sql_prepare(store, "SELECT key FROM known_key WHERE addr = ?1");
    if (statement == NULL)
        return false;
    sql_bind_text(statement, 1, text);
    int count = 0;
    *found = next_row(store, statement, &count);
    bool is_whole = !*found || sql_copy_key(key, statement, 0) || fail_known_key(store, addr);
    sqlite3_finalize(statement);
    return count == 0 && is_whole;
}

bool store_known_key_set(struct store *store, const vx6_addr *addr, const uint8_t key[32])
{
    char text[TEXT_ADDR_SIZE];
    text_addr(text, addr);
    sqlite3_stmt *statement =
        sql_prepare(store, "REPLACE INTO known_key (addr, key) SELECT ?1, ?2"
                           " WHERE (SELECT count(*) FROM known_key WHERE addr <> ?1) < ?3");
    if (statement == NULL)
        return false;
    sql_bind_text(statement, 1, text);
    sql_bind_blob(statement, 2, key, 32);
    sqlite3_bind_int(statement, 3, STORE_KNOWN_MAX);
    return sql_finish(store, statement) && (sqlite3_changes(store->database) > 0 ||
                                               text_fail(store->error,
                                                   "the keys of %d addresses are kept already: vx6 "
                                                   "names shows them, and vx6 forget "
                                                   "makes room",
                                                   STORE_KNOWN_MAX));
}

bool store_known_key_remove(struct store *store, const vx6_addr *addr, bool *was_kept)
{
    char text[TEXT_ADDR_SIZE];
    text_addr(text, addr);
    bool done = remove_row(store, "DELETE FROM known_key WHERE addr = ?1", text);
    *was_kept = done && sqlite3_changes(store->database) > 0;
    return done;
}

int store_known_keys(struct store *store, struct store_contact *known, size_t max)
{
    return read_contacts(store, "SELECT key, addr FROM known_key ORDER BY addr", true, known, max);
}
