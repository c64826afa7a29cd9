/* SPDX-License-Identifier: MIT */
/* Forgets the row macros of messages.def after an expansion. No include guard: used many times. */
#undef MSG
#undef END
#undef ELEM
#undef END_ELEM
#undef EMPTY
#undef U8
#undef U16
#undef U32
#undef U64
#undef BYTES
#undef OPAQUE
#undef LABEL
#undef LIST
#undef REST
#undef ANSWER_HEAD
