/* SPDX-License-Identifier: MIT */
/* The owner's side: services that this node offers, each with the one local address behind it. */
#ifndef VX6_OFFER_H
#define VX6_OFFER_H

#include "host.h"
#include "service.h"
#include "traffic.h"
#include "vx6/node.h"

enum {
    OFFERS_MAX = 16
};

struct offer_facts {
    char name[VX6_LABEL_MAX + 1];
    vx6_addr target;  /* unless it is hosted */
    uint8_t host[32]; /* if it is */
    enum exposure exposure;
    uint8_t (*allowed)[32]; /* who may use it when it is not public, sorted */
    size_t allowed_count;
    uint64_t connection_count, failure_count; /* ever */
    uint32_t open_count;
    bool is_up_known, is_up; /* does the target take connections? */
    int64_t up_unix_ms;      /* when it last did; 0: not in this run */
    struct traffic traffic;
};

struct offers;

struct offers *offers_new(struct host *host);
void offers_free(struct offers *offers);
/* From the store, at start. */
bool offers_restore(struct offers *offers, char error[TEXT_ERROR_SIZE]);

struct offer_wish {
    const char *name;
    vx6_addr target;
    uint8_t host[32]; /* the same as in its facts */
    enum exposure exposure;
    const uint8_t (*allowed)[32]; /* keys to allow, besides those that are */
    size_t allowed_count;
};
/* Adds, or changes; kept on disk. VX6_LIMIT, with a line: it was not, since this cannot be kept or
 * there are too many. VX6_UNEXPECTED: what is here cannot become hosted, nor the other way round;
 * VX6_SELF. */
enum vx6_code offers_add(
    struct offers *offers, const struct offer_wish *wish, char error[TEXT_ERROR_SIZE]);
/* VX6_NO_SERVICE, VX6_LIMIT; VX6_UNEXPECTED: it is public. Denying is in force even if it cannot be
 * kept. */
enum vx6_code offers_allow(
    struct offers *offers, const char *name, const uint8_t key[32], char error[TEXT_ERROR_SIZE]);
/* Also VX6_NOT_FOUND: the key was not allowed. */
enum vx6_code offers_deny(
    struct offers *offers, const char *name, const uint8_t key[32], char error[TEXT_ERROR_SIZE]);
/* Also one of the state that was left out at start. VX6_NO_SERVICE, VX6_LIMIT */
enum vx6_code offers_remove(struct offers *offers, const char *name, char error[TEXT_ERROR_SIZE]);
/* The key `from` has handed over to `to`: what is open to it is open to that; kept by who calls. */
void offers_follow(struct offers *offers, const uint8_t from[32], const uint8_t to[32]);
/* Sees whether the targets are there, as far as that can be seen without connecting. */
void offers_look(struct offers *offers);
/* NULL behind the last. */
struct offer_facts *offers_facts(struct offers *offers, size_t index);
/* NULL: there is none. */
struct offer_facts *offers_named(struct offers *offers, const char *name);
bool offer_allows(const struct offer_facts *facts, const uint8_t key[32]);

/* Outputs of the state machine. */
void offers_incoming(struct offers *offers, const struct vx6_out *out);
void offers_stream_closed(struct offers *offers, vx6_id stream);

#endif
