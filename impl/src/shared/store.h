/* SPDX-License-Identifier: MIT */
/* What a node keeps between runs: DIR/state.db, a SQLite database for its owner's eyes only. */
#ifndef VX6_STORE_H
#define VX6_STORE_H

#include "text.h"
#include "vx6/msg.h"

struct store;

enum store_mode {
    STORE_CREATE, /* make it when it is not there */
    STORE_READ    /* for looking only; another process may be writing */
};

enum {
    STORE_TARGET_SIZE = TEXT_ADDR_SIZE,
    STORE_EXPOSURE_SIZE = 16,
    STORE_KNOWN_MAX = 1024,       /* keys kept for addresses */
    STORE_BEFORE_MAX = 16,        /* followed_max of the table of limits */
    STORE_SEQUENCE_STEP = 1 << 20 /* record versions that one run may use */
};

/* Versions that are left out when an identity is imported: a million runs of where it was before.
 */
static const int64_t STORE_IMPORT_GAP = INT64_C(1) << 40;

struct store_identity {
    uint8_t seed[32];
    int64_t sequence;                 /* the last number that a record may have */
    uint8_t lineage[VX6_LINEAGE_MAX]; /* of the seed's identity, and sound */
    size_t lineage_len;               /* 0: it is the first */
};

struct store_service {
    char name[VX6_LABEL_MAX + 1];
    char target[STORE_TARGET_SIZE];
    char exposure[STORE_EXPOSURE_SIZE];
};

/* Those by which this node came to a key, each of which has handed over to the next; oldest first.
 */
struct store_before {
    size_t count;
    uint8_t keys[STORE_BEFORE_MAX][32];
};

struct store_binding {
    char label[VX6_LABEL_MAX + 1];
    uint8_t key[32];
    bool is_pinned;        /* by the user; else by first use */
    int64_t since_unix_ms; /* 0: unknown */
    struct store_before before;
    int64_t followed_unix_ms; /* when this node went along with the last of them; 0: it has not */
};

/* A key that may use a service since the one before it might, which has handed over to it. */
struct store_followed {
    char service[VX6_LABEL_MAX + 1];
    uint8_t key[32];
    struct store_before before;
};

/* A key that nobody is to believe. */
struct store_revoked {
    uint8_t key[32]; /* 0: it is damaged */
    uint8_t certificate[VX6_TOMBSTONE_MAX];
    size_t certificate_len; /* 0: it is damaged */
    bool is_published;      /* by this node, on command */
};

struct store_contact {
    uint8_t key[32];
    vx6_addr addr;
};

/* False with a line: there is a state, or what looks like one. */
bool store_is_absent(const char *path, char error[TEXT_ERROR_SIZE]);
/* A new state with an identity that is there already; NULL with a line, also where there is a
 * state. */
struct store *store_import(
    const char *path, const struct store_identity *identity, char error[TEXT_ERROR_SIZE]);
struct store *store_open(const char *path, enum store_mode mode, char error[TEXT_ERROR_SIZE]);
void store_close(struct store *store); /* NULL is fine */
/* Why the last call failed. */
const char *store_error(const struct store *store);
/* Called when a write has failed that was the first to do so (`failures` is 0), and when one has
 * not failed after so many that had. */
typedef void store_heard(void *context, uint64_t failures);
void store_listen(struct store *store, store_heard *heard, void *context);

/* All below: false or a negative count on failure; true means that it is on the disk. */

/* Made with the state, from the system's generator. */
bool store_identity_read(struct store *store, struct store_identity *identity);
bool store_identity(struct store *store, uint8_t seed[32]);
bool store_is_new(const struct store *store); /* it was made by this store_open() */
/* What the state keeps beside the seed and the last number in use, to notice damage of both. */
void store_identity_digest(const uint8_t seed[32], int64_t sequence, uint8_t digest[32]);
/* The first version number that this run may give to its records. Numbers up to
 * STORE_SEQUENCE_STEP above it are this run's alone, whatever happens. */
bool store_sequence_take(struct store *store, uint64_t *first);

/* Another seed with its lineage takes the place of the identity, and nothing else changes. */
bool store_identity_rotate(struct store *store, const struct store_identity *next);

/* Settings: "" when it was never set. */
bool store_setting(struct store *store, const char *name, char *value, size_t size);
bool store_setting_set(struct store *store, const char *name, const char *value);
/* What this node is called; false also where that name is bound to the key of another. */
bool store_own_name_set(struct store *store, const char *label);

int store_services(struct store *store, struct store_service *services, size_t max);
/* With keys that may use it, besides those that may already; service_allow_max in all. */
bool store_service_set(struct store *store, const struct store_service *service,
    const uint8_t (*allowed)[32], size_t count);
/* And its keys. */
bool store_service_remove(struct store *store, const char *name, bool *was_kept);
/* Who may use a service that is not open to all. */
int store_allowed(struct store *store, const char *service, uint8_t (*keys)[32], size_t max);
bool store_allow(struct store *store, const char *service, const uint8_t key[32]);
bool store_deny(struct store *store, const char *service, const uint8_t key[32], bool *was_kept);

int store_bindings(struct store *store, struct store_binding *bindings, size_t max);
bool store_binding_set(struct store *store, const struct store_binding *binding);
bool store_binding_remove(struct store *store, const char *label);
/* Both at once: `from` goes, and `to` is there. */
bool store_binding_rename(struct store *store, const char *from, const struct store_binding *to);

/* `from` has handed over to `to`: names, lists of keys and addresses that had it have the other,
 * all at once. */
bool store_follow(
    struct store *store, const uint8_t from[32], const uint8_t to[32], int64_t unix_ms);
int store_followed(struct store *store, struct store_followed *followed, size_t max);
int store_revoked_count(struct store *store); /* those that are damaged, too */
int store_revoked(struct store *store, struct store_revoked *revoked, size_t max);
bool store_is_revoked(struct store *store, const uint8_t key[32], bool *is_revoked);
bool store_revoked_set(struct store *store, const struct store_revoked *revoked);

/* Entry points, kept for the next start: the last 8, newest first. */
int store_peers(struct store *store, vx6_addr *peers, size_t max);
bool store_peer_set(struct store *store, const vx6_addr *peer);

int store_contacts(struct store *store, struct store_contact *contacts, size_t max);
/* Replaces all. */
bool store_contacts_set(struct store *store, const struct store_contact *contacts, size_t count);

/* The key first seen at an address. */
bool store_known_key(struct store *store, const vx6_addr *addr, uint8_t key[32], bool *found);
bool store_known_key_set(struct store *store, const vx6_addr *addr, const uint8_t key[32]);
/* Whatever stands there, also a key that is not whole. */
bool store_known_key_remove(struct store *store, const vx6_addr *addr, bool *was_kept);
int store_known_keys(struct store *store, struct store_contact *known, size_t max);

#endif
