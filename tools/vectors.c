/* SPDX-License-Identifier: MIT */
/* vx6-vectors: does this implementation do what the vectors say? Files of this project have one
 * JSON object a line, whose "set" names the check; files of other projects are one object with
 * "vectors" (the Noise framework's format) or "sets". Format: vectors/README.md. */
#include "vectors.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *set;
    int (*check)(json_t *line, char *reason, size_t cap);
} checks[] = {
    {"crypto", check_crypto},
    {"dht", check_dht},
    {"link", check_link},
    {"lookup", check_lookup},
    {"messages", check_messages},
    {"names", check_names},
    {"query", check_query},
    {"records", check_records},
    {"lineage", check_records},
};

enum {
    REASON_SIZE = 512,
    EXIT_MALFORMED = 2,
    EXIT_UNSUPPORTED = 3
};

static unsigned passed, failed, unsupported;
static const char **files;
static size_t file_count;

void vx6_panic(const char *file, int line, const char *what)
{
    fprintf(stderr, "vx6-vectors: %s:%d: assertion failed: %s\n", file, line, what);
    abort();
}

static void count(const char *file, size_t line, int result, const char *reason)
{
    if (result == VECTOR_PASSED) {
        passed++;
    } else if (result == VECTOR_UNSUPPORTED) {
        unsupported++;
    } else {
        failed++;
        printf("%s:%zu: %s\n", file, line, reason);
    }
    vectors_forget();
}

static int malformed(const char *file, size_t line, const char *why)
{
    if (line > 0)
        fprintf(stderr, "vx6-vectors: %s:%zu: %s\n", file, line, why);
    else
        fprintf(stderr, "vx6-vectors: %s: %s\n", file, why);
    return EXIT_MALFORMED;
}

/* ---- files of this project ---- */
static void check_line(const char *file, size_t number, json_t *line)
{
    char reason[REASON_SIZE] = "";
    char named[REASON_SIZE + 80];
    const char *set = vector_text(line, "set");
    int result = VECTOR_UNSUPPORTED;
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
        if (strcmp(checks[i].set, set) == 0)
            result = checks[i].check(line, reason, sizeof reason);
    snprintf(named, sizeof named, "%s, %.60s: %s", set, vector_text(line, "name"), reason);
    count(file, number, result, named);
}

static int check_lines(const char *file, char *text)
{
    json_error_t error;
    size_t number = 0, vectors = 0;
    char *next = NULL;
    for (char *start = text; start; start = next) {
        number++;
        next = strchr(start, '\n');
        if (next)
            *next++ = '\0';
        if (start[strspn(start, " \t\r")] == '\0')
            continue;
        json_t *line = json_loads(start, JSON_REJECT_DUPLICATES, &error);
        if (!json_is_object(line)) {
            json_decref(line);
            return malformed(file, number, line ? "not a JSON object" : error.text);
        }
        bool has_set = json_is_string(json_object_get(line, "set"));
        if (has_set)
            check_line(file, number, line);
        json_decref(line);
        if (!has_set)
            return malformed(file, number, "no \"set\" that says what kind of vector it is");
        vectors++;
    }
    return vectors > 0 ? 0 : malformed(file, 0, "no vectors in it");
}

/* ---- files of other projects ---- */
/* JSON has no line numbers once it is read, so look where the vector starts. */
static size_t line_of(const char *text, size_t index)
{
    const char *at = text;
    for (size_t i = 0; at && i <= index; i++)
        at = strstr(i == 0 ? at : at + 1, "\"protocol_name\"");
    size_t line = 1;
    for (const char *c = text; at && c < at; c++)
        line += *c == '\n';
    return at ? line : 1;
}

static int check_noise_file(const char *file, const char *text, json_t *vectors)
{
    char reason[REASON_SIZE];
    char named[REASON_SIZE + 80];
    size_t index;
    json_t *vector;
    json_array_foreach(vectors, index, vector)
    {
        if (!json_is_string(json_object_get(vector, "protocol_name")))
            return malformed(file, 0, "a vector has no \"protocol_name\"");
    }
    json_array_foreach(vectors, index, vector)
    {
        int result = check_noise(vector, reason, sizeof reason);
        snprintf(named, sizeof named, "%.60s: %s", vector_text(vector, "protocol_name"), reason);
        count(file, line_of(text, index), result, named);
    }
    return json_array_size(vectors) > 0 ? 0 : malformed(file, 0, "no vectors in it");
}

static void count_sets(json_t *sets)
{
    const char *name;
    json_t *set;
    json_object_foreach(sets, name, set)
    {
        size_t cases = json_array_size(json_object_get(set, "cases"));
        unsupported += cases > 0 ? (unsigned)cases : 1;
    }
}

static int check_text(const char *file, char *text)
{
    json_error_t error;
    json_t *whole = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    json_t *vectors = json_object_get(whole, "vectors");
    json_t *sets = json_object_get(whole, "sets");
    int status = 0;
    if (json_is_array(vectors))
        status = check_noise_file(file, text, vectors);
    else if (json_is_object(sets) && json_object_size(sets) > 0)
        count_sets(sets);
    else
        status = check_lines(file, text);
    json_decref(whole);
    return status;
}

/* NULL, with errno, when it cannot be read. */
static char *read_file(const char *file, size_t *len)
{
    FILE *stream = fopen(file, "rb");
    char *text = NULL;
    size_t size = 0;
    *len = 0;
    if (!stream)
        return NULL;
    do {
        size = size * 2 + 65536;
        char *larger = realloc(text, size + 1);
        if (!larger)
            break;
        text = larger;
        *len += fread(text + *len, 1, size - *len, stream);
    } while (*len == size);
    if (ferror(stream) || !text || *len == size) {
        free(text);
        text = NULL;
    } else {
        text[*len] = '\0';
    }
    int saved = errno;
    fclose(stream);
    errno = saved;
    return text;
}

static int check_file(const char *file)
{
    size_t len;
    char *text = read_file(file, &len);
    if (!text)
        return malformed(file, 0, strerror(errno));
    int status =
        strlen(text) == len ? check_text(file, text) : malformed(file, 0, "not a text file");
    free(text);
    return status;
}

static error_t parse_argument(int key, char *argument, struct argp_state *state)
{
    if (key == ARGP_KEY_ARG) {
        files[file_count++] = argument;
        return 0;
    }
    if (key == ARGP_KEY_NO_ARGS) {
        argp_usage(state);
        return EINVAL;
    }
    return ARGP_ERR_UNKNOWN;
}

int main(int argument_count, char **arguments)
{
    static const struct argp argp = {.parser = parse_argument,
        .args_doc = "FILE...",
        .doc = "Checks this implementation against test vectors.\v"
               "Exit status: 0 all passed, 1 some failed, 2 a file cannot be read or understood, "
               "3 none failed but some are of an unknown set."};
    argp_err_exit_status = EXIT_MALFORMED;
    files = calloc((size_t)argument_count + 1, sizeof *files);
    if (!files || argp_parse(&argp, argument_count, arguments, 0, NULL, NULL) != 0)
        return EXIT_MALFORMED;
    for (size_t i = 0; i < file_count; i++) {
        int status = check_file(files[i]);
        if (status != 0)
            return status;
    }
    free(files);
    printf("%u passed, %u failed", passed, failed);
    if (unsupported > 0)
        printf(", %u unsupported", unsupported);
    printf("\n");
    return failed > 0 ? 1 : unsupported > 0 ? EXIT_UNSUPPORTED : 0;
}
