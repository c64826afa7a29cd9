/* SPDX-License-Identifier: MIT */
/* What the three parts of offer.h share: offer.c has the list of services, offer_access.c who may
 * use them, offer_serve.c the connections that come in. */
#ifndef VX6_OFFER_PARTS_H
#define VX6_OFFER_PARTS_H

#include "driver.h"
#include "idtable.h"
#include "offer.h"

struct offer {
    struct offers *offers;
    struct offer_facts facts;
    struct offer *next; /* in `retired` */
    bool is_retired;    /* removed; kept while connections count on it */
    bool is_down_told;  /* in the journal */
};

struct offers {
    struct host *host;
    struct offer *items[OFFERS_MAX]; /* sorted by name */
    size_t count;
    struct offer *retired;
    struct idtable incoming;
};

/* ---- offer.c ---- */
struct offer *offer_get(const struct offers *offers, const char *name); /* NULL: there is none */
enum vx6_code offer_tell_node(
    struct offers *offers, enum vx6_in_kind kind, const char *name, const uint8_t *key);
void offer_free_if_unused(struct offer *offer);
/* A program listens at its target. Told, if it was told that none does. */
void offer_saw_up(struct offer *offer);
/* VX6_NO_SERVICE and VX6_LIMIT, with a line. */
enum vx6_code offer_refuse_unknown(const char *name, char error[TEXT_ERROR_SIZE]);
enum vx6_code offer_refuse_by_store(
    struct offers *offers, const char *name, const char *what, char error[TEXT_ERROR_SIZE]);

/* ---- offer_access.c ---- */
enum vx6_code offer_let_in(struct offer *offer, const uint8_t key[32]);

/* ---- offer_serve.c ---- */
void offer_drop_incoming(struct offers *offers);

#endif
