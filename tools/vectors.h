/* SPDX-License-Identifier: MIT */
/* One check for each set of vectors/, and what they share. A check gets a vector and returns 1 when
 * it holds; 0, with the reason, when it does not; -1 when it asks for something that VX6 does not
 * speak. Format: vectors/README.md. */
#ifndef VX6_VECTORS_H
#define VX6_VECTORS_H

#include <jansson.h>

#include "vx6/base.h"

enum {
    VECTOR_UNSUPPORTED = -1,
    VECTOR_FAILED = 0,
    VECTOR_PASSED = 1
};

int check_crypto(json_t *line, char *reason, size_t cap);
int check_dht(json_t *line, char *reason, size_t cap);
int check_link(json_t *line, char *reason, size_t cap);
int check_lookup(json_t *line, char *reason, size_t cap);
int check_messages(json_t *line, char *reason, size_t cap);
int check_names(json_t *line, char *reason, size_t cap);
int check_noise(json_t *line, char *reason, size_t cap);
int check_query(json_t *line, char *reason, size_t cap);
int check_records(json_t *line, char *reason, size_t cap);

/* Writes the reason and returns false. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
bool vector_failed(char *reason, size_t cap, const char *format, ...);

/* The bytes that `text` says in hex; false when it is no hex or exceeds `cap`. */
bool vector_hex(const char *text, uint8_t *data, size_t cap, size_t *len);

/* The bytes of a hex field, valid until vectors_forget(); false, with the reason, when the field is
 * missing, is not hex or has another size. Any size: SIZE_MAX. */
bool vector_bytes(
    json_t *line, const char *field, size_t size, vx6_span *bytes, char *reason, size_t cap);
/* The same for a field that may be missing, which gives an empty span of NULL. */
bool vector_bytes_if_any(
    json_t *line, const char *field, size_t size, vx6_span *bytes, char *reason, size_t cap);
const char *vector_text(json_t *line, const char *field); /* "" when there is none */

/* A set of several kinds of vector: the field "kind" says which check is meant. */
struct vector_kind {
    const char *kind;
    bool (*check)(json_t *line, char *reason, size_t cap);
};
int vector_check_kind(
    const struct vector_kind *kinds, size_t count, json_t *line, char *reason, size_t cap);
/* False, with both values in the reason, when they differ. */
bool vector_compare(const char *what, vx6_span got, vx6_span expected, char *reason, size_t cap);
void *vector_memory(size_t size); /* zeroed; valid until vectors_forget() */
void vectors_forget(void);

#endif
