/* SPDX-License-Identifier: MIT */
/* The host's part of proto/ for tests: a broken assertion ends the test program. */
#include <stdio.h>
#include <stdlib.h>

#include "vx6/base.h"

void vx6_panic(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, what);
    abort();
}
