/* SPDX-License-Identifier: MIT */
/* What both programs do with argp, so that a mistake on the command line is one line too. */
#ifndef VX6_OPTIONS_H
#define VX6_OPTIONS_H

#include <argp.h>

enum {
    OPTIONS_EXIT = 2, /* it was asked in a wrong way */
    OPTIONS_ARGUMENT_MAX = 4096
};

/* VX6-CTRL-037: ends the program unless each argument is short, plain text. To be called first:
 * what is said about arguments later may quote them. Behind "--" there may be words of another
 * program: those that are not are for options_check_word(). */
void options_check(const char *program, int argc, char **argv);
void options_check_word(const struct argp_state *state, const char *text);
/* For ARGP_KEY_INIT: getopt(3) names an unknown option in one line; argp's hint behind it is left
 * out. */
void options_init(struct argp_state *state);
/* "PROGRAM: ..." on standard error, and the end. */
void options_fail(const struct argp_state *state, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));

#endif
