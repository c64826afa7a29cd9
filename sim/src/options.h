/* SPDX-License-Identifier: MIT */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

#include "world.h"

/* By enum provider: what --crypto calls it. */
extern const char *const provider_names[];
extern const char *const carrier_names[];

/* Ends the program with one line and exit code 2 when something is wrong. */
void options_parse(struct options *options, int argc, char **argv);

#endif
