/* SPDX-License-Identifier: MIT */
/* An identity as text that can be carried elsewhere, locked by a passphrase. Spec: spec/control.md,
 * "The identity in a file". */
#ifndef VX6_KEYFILE_H
#define VX6_KEYFILE_H

#include "store.h"

enum {
    KEYFILE_TEXT_SIZE = 640,
    KEYFILE_PASSPHRASE_MIN = 8
};

/* False: out of memory. Takes a second or so, on purpose. */
bool keyfile_lock(const struct store_identity *identity, const char *passphrase,
    char text[KEYFILE_TEXT_SIZE], char error[TEXT_ERROR_SIZE]);
/* False: it is no such file, or not this passphrase. */
bool keyfile_unlock(const char *text, const char *passphrase, struct store_identity *identity,
    char error[TEXT_ERROR_SIZE]);

#endif
