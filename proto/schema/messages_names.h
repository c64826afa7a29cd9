/* SPDX-License-Identifier: MIT */
/* Expands only the MSG and EMPTY rows of messages.def, which the includer defines. */
#define END(name)
#define ELEM(name, doc)
#define END_ELEM(name)
#define U8(name, min, max, doc)
#define U16(name, min, max, doc)
#define U32(name, min, max, doc)
#define U64(name, min, max, doc)
#define BYTES(name, length, doc)
#define OPAQUE(name, min, max, doc)
#define LABEL(name, doc)
#define LIST(name, element, max, doc)
#define REST(name, max, doc)
#include "messages.def"
#include "messages_undef.h"
