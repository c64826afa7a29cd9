/* SPDX-License-Identifier: MIT */
/* What both programs do with argp. */
#include "options.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

static const char *fault_of(const char *text)
{
    const char *fault = text_fault(text);
    return fault == NULL && strlen(text) > OPTIONS_ARGUMENT_MAX ? "is too long" : fault;
}

void options_check(const char *program, int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const char *fault = fault_of(argv[i]);
        if (fault == NULL)
            continue;
        fprintf(stderr, "%s: argument %d %s\n", program, i, fault);
        exit(OPTIONS_EXIT);
    }
}

void options_check_word(const struct argp_state *state, const char *text)
{
    const char *fault = fault_of(text);
    if (fault)
        options_fail(state, "an argument %s", fault);
}

void options_init(struct argp_state *state)
{
    FILE *nowhere = fopen("/dev/null", "w");
    if (nowhere)
        state->err_stream = nowhere;
    argp_err_exit_status = OPTIONS_EXIT;
    setenv("ARGP_HELP_FMT", "no-dup-args-note", 0); /* unless somebody has a taste of their own */
}

void options_fail(const struct argp_state *state, const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "%s: ", state->name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(OPTIONS_EXIT);
}
