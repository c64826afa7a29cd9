/* SPDX-License-Identifier: MIT */
/* What the checks of vx6-vectors share. A check looks at one vector: 0 when it passes, 1 when it
 * fails and the reason is written, -1 when it asks for something that VX6 does not speak. */
#ifndef VX6_VECTORS_H
#define VX6_VECTORS_H

#include <jansson.h>

#include "vx6/base.h"

int check_noise(json_t *line, char *reason, size_t cap);
int check_crypto(json_t *line, char *reason, size_t cap);
int check_query(json_t *line, char *reason, size_t cap);

#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
int vector_failed(char *reason, size_t cap, const char *format, ...); /* returns 1 */

/* The bytes of a hex field, valid until vectors_forget(); false, with the reason, when the field is
 * missing, is not hex or has another size. Any size: SIZE_MAX. */
bool vector_bytes(
    json_t *line, const char *field, size_t size, vx6_span *bytes, char *reason, size_t cap);
/* The same for a field that may be missing, which gives an empty span of NULL. */
bool vector_bytes_if_any(
    json_t *line, const char *field, size_t size, vx6_span *bytes, char *reason, size_t cap);
const char *vector_text(json_t *line, const char *field); /* "" when there is none */
/* 1, with both values in the reason, when they differ. */
int vector_compare(const char *what, vx6_span got, vx6_span expected, char *reason, size_t cap);
void *vector_memory(size_t size); /* zeroed; valid until vectors_forget() */
void vectors_forget(void);

#endif
