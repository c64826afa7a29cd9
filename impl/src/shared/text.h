/* SPDX-License-Identifier: MIT */
/* What people type and read: addresses, keys, names, and one-line errors. */
#ifndef VX6_TEXT_H
#define VX6_TEXT_H

#include "vx6/base.h"

enum {
    TEXT_ADDR_SIZE = 64, /* "[2001:db8::7]:4242", NUL included */
    TEXT_KEY_SIZE = 57,  /* a node's key */
    TEXT_TIME_SIZE = 32, /* "2026-11-26T07:09:27.123Z" */
    TEXT_COUNT_SIZE = 64, /* "3 nodes hold" */
    TEXT_DURATION_SIZE = TEXT_COUNT_SIZE,
    TEXT_ERROR_SIZE = 512 /* one line */
};

/* Writes one line into `error` and returns false, so that a caller can say `return text_fail(...)`.
 */
bool text_fail(char error[TEXT_ERROR_SIZE], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "[2001:db8::7]:4242" or "192.0.2.7:4242"; NULL when it is one, else what is wrong with it. */
const char *text_addr_parse(const char *text, vx6_addr *addr);
void text_addr(char text[TEXT_ADDR_SIZE], const vx6_addr *addr);

void text_key(char text[TEXT_KEY_SIZE], const uint8_t key[32]);
bool text_key_parse(const char *text, uint8_t key[32]);
void text_hex(char *text, const uint8_t *data, size_t len); /* 2 * len + 1 bytes */

/* ISO 8601, in UTC. */
void text_time(char text[TEXT_TIME_SIZE], int64_t unix_ms);

/* "1 node", "2 nodes": the count, and the words that fit it. */
void text_count(
    char text[TEXT_COUNT_SIZE], uint64_t count, const char *words_of_one, const char *words_of_more);

/* "3 minutes": about as much as it is, whatever its sign. */
void text_duration(char text[TEXT_DURATION_SIZE], int64_t seconds);

bool text_is_label(const char *text);
/* False, with the line that says so of what is none. */
bool text_label_fail(char error[TEXT_ERROR_SIZE], const char *text);
/* A name, with or without a service; one with. */
bool text_is_name(const char *text);
bool text_is_service_name(const char *text);

/* NULL: UTF-8 that moves no terminal's cursor; else what is wrong, to stand behind the text's name.
 */
const char *text_fault(const char *text);

/* Copies with everything but printable ASCII as \xNN, cut to `size`: what came from the network
 * must not move a terminal's cursor. */
void text_printable(char *dst, size_t size, const void *data, size_t len);

#endif
