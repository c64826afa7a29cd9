/* SPDX-License-Identifier: MIT */
/* An event as JSON, with all its fields and its text for a person. */
#ifndef VX6_JOURNAL_FORM_H
#define VX6_JOURNAL_FORM_H

#include <jansson.h>

#include "journal.h"

json_t *journal_json(const struct journal_event *event, bool with_peers);

#endif
