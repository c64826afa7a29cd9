/* SPDX-License-Identifier: MIT */
/* Drives the state machine: the only part that calls vx6_node_*. */
#ifndef VX6_DRIVER_H
#define VX6_DRIVER_H

#include "host.h"
#include "reasons.h"
#include "vx6/identity.h"
#include "vx6/node.h"

struct driver;

struct driver_config {
    uint8_t identity_seed[32];
    char label[VX6_LABEL_MAX + 1];
    uint64_t sequence_first;
    uint8_t lineage[VX6_LINEAGE_MAX]; /* of the identity, and sound */
    size_t lineage_len;
    const struct vx6_asn_map *asn_map; /* NULL: none; outlives the driver */
};

/* NULL only when memory ran out. The caller wipes its copy of the config. */
struct driver *driver_new(struct host *host, const struct driver_config *config);
void driver_free(struct driver *driver);

/* Hands an input to the node. What it asks for is done from the event loop, never inside this
 * call: a caller may go on with its own objects. */
enum vx6_code driver_input(struct driver *driver, struct vx6_in *in);
bool driver_fill(struct driver *driver, vx6_id carrier, struct vx6_batch *batch);

/* The host's network is not what it was: what failed may work now, and the other way round. */
void driver_network_changed(struct driver *driver);

/* For vx6_stream_*; call driver_touched() after any that changes something. */
vx6_node *driver_node(struct driver *driver);
void driver_touched(struct driver *driver);
/* What the state machine has to say is heard now; not from within one of its outputs. */
void driver_settle(struct driver *driver);

/* Closes all that is open, then ends the event loop: in order, or after a short while anyway. */
void driver_shut_down(struct driver *driver);
bool driver_is_shutting_down(const struct driver *driver);

void driver_counts(const struct driver *driver, struct vx6_counts *counts);
uint64_t driver_counter(const struct driver *driver, enum vx6_event_kind kind);
const struct reasons *driver_reasons(const struct driver *driver);
bool driver_contact(const struct driver *driver, size_t index, uint8_t key[32], vx6_addr *addr);
/* The keys that the identity had before; how many. */
size_t driver_keys_before(const struct driver *driver, uint8_t keys[VX6_KEYS_BEFORE_MAX][32]);
void driver_identity(const struct driver *driver, uint8_t key[32], uint8_t id[32]);
/* What others say of the time. */
void driver_clock(const struct driver *driver, struct vx6_clock *clock);
/* The node has contacts, and has published its records at some of them. */
bool driver_has_joined(const struct driver *driver);

#endif
