/* SPDX-License-Identifier: MIT */
/* Expands only the ELEM rows of elements.def, which the includer defines. */
#define END_ELEM(name)
#define U8(name, min, max, doc)
#define U16(name, min, max, doc)
#define U32(name, min, max, doc)
#define U64(name, min, max, doc)
#define BYTES(name, length, doc)
#define LABEL(name, doc)
#include "elements.def"
#include "messages_undef.h"
