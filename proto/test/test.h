/* SPDX-License-Identifier: MIT */
/* The only file that includes cmocka, whose header needs four others first. */
#ifndef VX6_TEST_H
#define VX6_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
