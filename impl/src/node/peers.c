/* SPDX-License-Identifier: MIT */
/* Entry points. Each is named to the state machine once, which remembers it and comes back to it by
 * itself for as long as it reaches nobody; here is kept what the first attempt brought. */
#include "peers.h"

#include <stdlib.h>
#include <string.h>

#include "driver.h"
#include "explain.h"
#include "net.h"
#include "operations.h"

struct peer {
    struct peers *peers;
    struct peer_facts facts;
    bool is_kept;    /* an entry point; else only an attempt */
    bool is_waiting; /* its operation is under way */
    peer_heard *heard;
    void *context;
};

struct peers {
    struct host *host;
    struct peer *items[PEERS_MAX];
    size_t count;
};

static struct explain_subject subject_of(const struct peers *peers, const struct peer_facts *facts)
{
    return (struct explain_subject){
        .addr = &facts->addr, .is_ending = driver_is_shutting_down(peers->host->driver)};
}

void peers_explain(
    const struct peers *peers, const struct peer_facts *facts, char line[TEXT_ERROR_SIZE])
{
    struct explain_subject subject = subject_of(peers, facts);
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
    peers->count--;
    memmove(&peers->items[index], &peers->items[index + 1],
        (peers->count - index) * sizeof peers->items[0]);
    free(peer);
}

static void answered(struct peer *peer, const struct vx6_out *out)
{
    struct host *host = peer->peers->host;
    peer->facts.state = PEER_ANSWERED;
    memcpy(peer->facts.key, out->key, sizeof peer->facts.key);
    REPORT(host->journal, peer_answered, .peer = &peer->facts.addr, .key = out->key);
    peer->facts.is_stored = store_peer_set(host->store, &peer->facts.addr);
    peer->is_kept |= peer->facts.is_stored;
}

static void failed(struct peer *peer, enum vx6_code code)
{
    struct explain_subject subject = subject_of(peer->peers, &peer->facts);
    peer->facts.state = PEER_FAILED;
    peer->facts.code = code;
    REPORT(peer->peers->host->journal, peer_failed, .peer = &peer->facts.addr, .code = code,
        .why = explain_why(&subject, code));
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
    if (code != VX6_OK)
        failed(peer, code);
    return code;
}

/* The oldest that nobody waits for gives way; the state machine does the same. */
static void make_room(struct peers *peers)
{
    for (size_t i = 0; peers->count == PEERS_MAX && i < peers->count; i++) {
        if (!peers->items[i]->is_waiting)
            forget(peers->items[i]);
    }
}

static struct peer *peer_new(struct peers *peers, const vx6_addr *addr, char error[TEXT_ERROR_SIZE])
{
    make_room(peers);
    struct peer *peer = peers->count < PEERS_MAX ? calloc(1, sizeof *peer) : NULL;
    if (peer == NULL) {
        text_fail(error, "%d peers are being asked already: try again in a minute", PEERS_MAX);
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
        peers_explain(peers, &peer->facts, error);
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

/* One that failed at first may have been reached since: then it is a contact. */
static void look_again(struct peer *peer)
{
    uint8_t key[32];
    vx6_addr addr;
    for (size_t i = 0; driver_contact(peer->peers->host->driver, i, key, &addr); i++) {
        if (!net_addr_equal(&addr, &peer->facts.addr))
            continue;
        peer->facts.state = PEER_ANSWERED;
        memcpy(peer->facts.key, key, sizeof peer->facts.key);
        return;
    }
}

bool peers_any(const struct peers *peers)
{
    return peers->count > 0;
}

const struct peer_facts *peers_facts(const struct peers *peers, size_t index)
{
    if (index >= peers->count)
        return NULL;
    struct peer *peer = peers->items[index];
    if (peer->facts.state == PEER_FAILED)
        look_again(peer);
    return &peer->facts;
}

struct peers *peers_new(struct host *host)
{
    struct peers *peers = calloc(1, sizeof *peers);
    if (peers == NULL)
        return NULL;
    peers->host = host;
    return peers;
}

void peers_free(struct peers *peers)
{
    if (peers == NULL)
        return;
    for (size_t i = 0; i < peers->count; i++)
        free(peers->items[i]);
    free(peers);
}
