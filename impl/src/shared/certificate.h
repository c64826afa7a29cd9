/* SPDX-License-Identifier: MIT */
/* The certificate of a revocation as text that can be kept in a file. Spec: spec/control.md, "The
 * certificate of a revocation". */
#ifndef VX6_CERTIFICATE_H
#define VX6_CERTIFICATE_H

#include "store.h"

enum {
    CERTIFICATE_TEXT_SIZE = 768
};

/* That revokes the key of the identity; `label`: the node's name, or "". */
void certificate_make(
    const struct store_identity *identity, const char *label, char text[CERTIFICATE_TEXT_SIZE]);
/* False: it is none, or nobody has signed it. Fills in all but is_published. */
bool certificate_read(const char *text, struct store_revoked *revoked, char error[TEXT_ERROR_SIZE]);
/* Does the certificate that is kept revoke the key that it is kept for? */
bool certificate_fits(const struct store_revoked *revoked);

#endif
