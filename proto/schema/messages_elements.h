/* SPDX-License-Identifier: MIT */
/* Expands only the ELEM rows of messages.def, which the includer defines. */
#define MSG(name, type, scope, doc)
#define END(name)
#define END_ELEM(name)
#define EMPTY(name, type, scope, doc)
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
