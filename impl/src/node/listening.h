/* SPDX-License-Identifier: MIT */
/* Does a program of this host listen on an address? Asked of the kernel, without connecting: some
 * programs serve one connection and end. */
#ifndef VX6_LISTENING_H
#define VX6_LISTENING_H

#include "vx6/base.h"

enum listening {
    LISTENING_YES,
    LISTENING_NO,
    LISTENING_UNKNOWN /* not an address of loopback, or the kernel does not tell */
};

enum listening listening_on(const vx6_addr *addr);

#endif
