/* SPDX-License-Identifier: MIT */
/* Entry points. While the node knows nobody they are all asked, again and again with growing
 * pauses; once it has contacts, it stays in the network by those. */
#include "peers.h"

#include <event2/event.h>
#include <stdlib.h>

#include "driver.h"
#include "explain.h"
#include "net.h"
#include "operations.h"

enum {
    PAUSE_FIRST_S = 1,
    PAUSE_MAX_S = 60,
    WATCH_S = 10 /* how soon it shows that all contacts are gone */
};

struct peer {
    struct peers *peers;
    struct peer_facts facts;
    bool is_kept;    /* an entry point; else only an attempt */
    bool is_waiting; /* its operation is under way */
    vx6_id operation;
    peer_heard *heard;
    void *context;
};

struct peers {
    struct host *host;
    struct peer *items[PEERS_MAX];
    size_t count;
    struct event *again;
    int pause_s;
};

void peers_explain(const struct peer_facts *facts, char line[TEXT_ERROR_SIZE])
{
    struct explain_subject subject = {.addr = &facts->addr};
    explain(line, &subject, facts->code);
}

static struct peer *get(const struct peers *peers, const vx6_addr *addr)
{
    for (size_t i = 0; i < peers->count; i++) {
        if (net_addr_equal(&peers->items[i]->facts.addr, addr))
            return peers->items[i];
    }
    return NULL;
}

static void forget(struct peer *peer)
{
    struct peers *peers = peer->peers;
    size_t index = 0;
    while (peers->items[index] != peer)
        index++;
    peers->items[index] = peers->items[--peers->count];
    free(peer);
}

static void answered(struct peer *peer, const struct vx6_out *out)
{
    struct host *host = peer->peers->host;
    char addr[TEXT_ADDR_SIZE], key[TEXT_KEY_SIZE];
    peer->facts.state = PEER_ANSWERED;
    for (size_t i = 0; i < sizeof peer->facts.key; i++)
        peer->facts.key[i] = out->key[i];
    text_addr(addr, &peer->facts.addr);
    text_key(key, out->key);
    journal_note(&host->journal, "peer %s answered: it is %s", addr, key);
    if (!store_peer_set(host->store, &peer->facts.addr))
        journal_error(&host->journal, "%s", store_error(host->store));
    peer->is_kept = true;
}

static void failed(struct peer *peer, enum vx6_code code)
{
    char line[TEXT_ERROR_SIZE];
    peer->facts.state = PEER_FAILED;
    peer->facts.code = code;
    peers_explain(&peer->facts, line);
    journal_error(&peer->peers->host->journal, "peer %s", line);
}

static void on_done(void *context, const struct vx6_out *out)
{
    struct peer *peer = context;
    if (out->kind != VX6_OUT_OP_DONE)
        return;
    peer->is_waiting = false;
    if (out->code == VX6_OK)
        answered(peer, out);
    else
        failed(peer, out->code);
    if (peer->heard)
        peer->heard(peer->context, &peer->facts);
    peer->heard = NULL;
    if (!peer->is_kept)
        forget(peer);
}

static enum vx6_code ask(struct peer *peer)
{
    struct vx6_in in = {.kind = VX6_IN_PEER_ADD, .peer = peer->facts.addr};
    peer->facts.state = PEER_ASKED;
    enum vx6_code code = operations_start(peer->peers->host->operations, &in, on_done, peer);
    peer->is_waiting = code == VX6_OK;
    peer->operation = in.id;
    if (code != VX6_OK)
        failed(peer, code);
    return code;
}

static void on_again(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct peers *peers = context;
    struct vx6_counts counts;
    struct timeval pause = {WATCH_S, 0};
    driver_counts(peers->host->driver, &counts);
    if (counts.contacts > 0) {
        peers->pause_s = PAUSE_FIRST_S;
    } else {
        for (size_t i = 0; i < peers->count; i++) {
            if (!peers->items[i]->is_waiting)
                (void)ask(peers->items[i]);
        }
        pause.tv_sec = peers->pause_s;
        peers->pause_s = peers->pause_s * 2 < PAUSE_MAX_S ? peers->pause_s * 2 : PAUSE_MAX_S;
    }
    evtimer_add(peers->again, &pause);
}

static struct peer *peer_new(struct peers *peers, const vx6_addr *addr, char error[TEXT_ERROR_SIZE])
{
    struct peer *peer = peers->count < PEERS_MAX ? calloc(1, sizeof *peer) : NULL;
    if (peer == NULL) {
        text_fail(error, "there are %d entry peers already: that is plenty", PEERS_MAX);
        return NULL;
    }
    peer->peers = peers;
    peer->facts.addr = *addr;
    peers->items[peers->count++] = peer;
    return peer;
}

bool peers_add(struct peers *peers, const vx6_addr *addr, char error[TEXT_ERROR_SIZE])
{
    if (get(peers, addr))
        return true;
    struct peer *peer = peer_new(peers, addr, error);
    if (peer)
        peer->is_kept = true;
    return peer != NULL;
}

void peers_start(struct peers *peers)
{
    for (size_t i = 0; i < peers->count; i++)
        (void)ask(peers->items[i]);
    struct timeval pause = {PAUSE_FIRST_S, 0};
    evtimer_add(peers->again, &pause);
}

bool peers_try(struct peers *peers, const vx6_addr *addr, peer_heard *heard, void *context,
    char error[TEXT_ERROR_SIZE])
{
    struct peer *peer = get(peers, addr);
    if (peer && peer->heard)
        return text_fail(error, "this peer is being added already");
    if (peer == NULL)
        peer = peer_new(peers, addr, error);
    if (peer == NULL)
        return false;
    if (!peer->is_waiting && ask(peer) != VX6_OK) {
        peers_explain(&peer->facts, error);
        if (!peer->is_kept)
            forget(peer);
        return false;
    }
    peer->heard = heard;
    peer->context = context;
    return true;
}

void peers_ignore(struct peers *peers, void *context)
{
    for (size_t i = 0; i < peers->count; i++) {
        if (peers->items[i]->heard && peers->items[i]->context == context)
            peers->items[i]->heard = NULL;
    }
}

const struct peer_facts *peers_facts(const struct peers *peers, size_t index)
{
    return index < peers->count ? &peers->items[index]->facts : NULL;
}

struct peers *peers_new(struct host *host)
{
    struct peers *peers = calloc(1, sizeof *peers);
    if (peers == NULL)
        return NULL;
    peers->host = host;
    peers->pause_s = PAUSE_FIRST_S * 2;
    peers->again = evtimer_new(host->base, on_again, peers);
    if (peers->again)
        return peers;
    free(peers);
    return NULL;
}

void peers_free(struct peers *peers)
{
    if (peers == NULL)
        return;
    event_free(peers->again);
    for (size_t i = 0; i < peers->count; i++)
        free(peers->items[i]);
    free(peers);
}
