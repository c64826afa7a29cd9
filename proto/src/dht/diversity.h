/* SPDX-License-Identifier: MIT */
/* How many contacts may come from one part of the address space: a site, a network, a provider.
 * More may fill places that are free; they are the first to give way. Spec: spec/dht.md,
 * "Diversity". */
#ifndef VX6_DIVERSITY_H
#define VX6_DIVERSITY_H

#include "table.h"

/* Are there already as many contacts from around `addr` as there should be: in the bucket, older
 * than `contact`, or in the table, others than it? NULL: a newcomer; all are older. */
void diversity_expect(const struct vx6_node *node); /* fetches what is compared */
bool diversity_is_crowded(const struct vx6_node *node, const vx6_addr *addr, uint32_t bucket,
    const struct contact *contact);
/* Addresses of one site, network or provider have the same number; of others, few do. */
uint16_t diversity_provider(const vx6_addr *addr);
/* The autonomous system that announces the address; 0: not known. */
uint32_t diversity_asn(const struct vx6_asn_map *map, const vx6_addr *addr);

#endif
