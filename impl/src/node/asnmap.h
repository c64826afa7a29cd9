/* SPDX-License-Identifier: MIT */
/* The operator's file of which autonomous system announces which addresses. A line is a prefix and
 * a number, `2001:db8::/32 64500` or, as routing archives have it, `192.0.2.0 24 64500`; of several
 * numbers the first counts; `#` begins a comment. Of prefixes that contain an address the longest
 * counts. Spec: spec/dht.md, "Diversity". */
#ifndef VX6_ASNMAP_H
#define VX6_ASNMAP_H

#include "text.h"
#include "vx6/node.h"

/* NULL: not readable, or not such a file; `error` names the line. */
struct vx6_asn_map *asnmap_load(const char *path, char error[TEXT_ERROR_SIZE]);
void asnmap_free(struct vx6_asn_map *map);

#endif
