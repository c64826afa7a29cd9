/* SPDX-License-Identifier: MIT */
/* Types and codes that every part of VX6 shares. */
#ifndef VX6_BASE_H
#define VX6_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define VX6_MUST_CHECK __attribute__((warn_unused_result))
#define VX6_NORETURN   __attribute__((noreturn))
#else
#define VX6_MUST_CHECK
#define VX6_NORETURN
#endif

enum {
    VX6_KEY_SIZE = 32,
    VX6_SEED_SIZE = 32,
    VX6_SIG_SIZE = 64,
    VX6_LABEL_MAX = 63
};

typedef uint64_t vx6_ns; /* monotonic nanoseconds; the driver chooses the epoch */
#define VX6_NEVER       UINT64_MAX
#define VX6_MILLISECOND ((vx6_ns)1000000)
#define VX6_SECOND      ((vx6_ns)1000000000)

/* Bytes that somebody else owns. */
typedef struct vx6_span {
    const uint8_t *data;
    size_t len;
} vx6_span;

/* One table of outcomes: what calls return, what closes and refusals say on the wire, what a person
 * reads. Rows are in schema/codes.def. */
enum vx6_code {
#define CODE(name, number, fault, text) VX6_##name = number,
#include "codes.def"
#undef CODE
};

const char *vx6_code_name(enum vx6_code code); /* "KEY_MISMATCH"; "UNKNOWN" for a strange number */
const char *vx6_code_text(enum vx6_code code); /* one sentence for a person */

/* The host supplies it: print and abort. Called where the program itself is wrong. */
VX6_NORETURN void vx6_panic(const char *file, int line, const char *what);
#define VX6_ASSERT(condition) ((condition) ? (void)0 : vx6_panic(__FILE__, __LINE__, #condition))

/* Where a carrier reaches a node. IPv4 is mapped (::ffff:a.b.c.d). */
enum vx6_carrier {
    VX6_CARRIER_TCP = 1, /* a byte stream; the link runs Noise over it */
    VX6_CARRIER_UDP = 2  /* sealed queries, one datagram each */
};

typedef struct vx6_addr {
    uint8_t ip[16]; /* network order */
    uint16_t port;
} vx6_addr;

#endif
